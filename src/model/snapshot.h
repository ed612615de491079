/*
 * snapshot.h - the compiled configuration, as every process holds it
 *
 * Immutable and shared by reference count: a request keeps the one it began
 * with.  main/config.c makes it from the operator's YAML in a short-lived
 * child, writes it as JSON into a sealed memfd, and each process reads that.
 * Secrets are in the copies of those who need them: what is sent with calls
 * in the workers', what a sign-in takes in the courier's.  The generation is
 * the first 64 bits of the SHA-256 of the text without secrets, never 0.
 */
#ifndef KONTOR_MODEL_SNAPSHOT_H
#define KONTOR_MODEL_SNAPSHOT_H

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "model/agreement.h"
#include "model/price.h"
#include "model/signin.h"

/* As written in the config; rows of provider/providers.def carry the same. */
enum provider_type {
#define PROVIDER_TYPE(NAME, text) PROVIDER_##NAME,
#include "model/provider_types.def"
#undef PROVIDER_TYPE
	PROVIDER_TYPES
};

const char *provider_type_text(enum provider_type t);
bool provider_type_find(struct slice text, enum provider_type *out);

struct provider_conf {
	const char *id;
	uint64_t hash; /* hash64(id) */
	enum provider_type type;
	const char *base_url; /* resolved: never NULL; no trailing slash */
	/* base_url taken apart */
	bool tls, literal, allow_private;
	bool http1; /* never HTTP/2 */
	bool h2c;   /* HTTP/2 without asking, on a plain connection */
	const char *host;
	uint16_t port;
	const char *base_path; /* "" or "/v1" */
	const char *region;    /* "" when not said */
	const char *zone;
	const char *api_version; /* azure_openai classic; "" = /openai/v1 */
	const char *ca_file;     /* NULL: the system store */
	/* Secrets: workers only; NULL elsewhere or when not used. */
	const char *api_key;
	const char *access_key_id, *secret_access_key, *session_token;
	const char *organization, *project; /* openai */
	/* oci: whose key signs, and which compartment pays. */
	const char *key_id, *compartment;
	const char *private_key; /* PEM; a secret too */
	/* The credential comes from the courier; NULL: it stands above. */
	const struct signin_conf *signin;
	int64_t connect_ns, first_byte_ns, idle_ns;
};

struct deployment_conf {
	const char *id;
	uint64_t hash;
	unsigned index; /* in the generation: the order of the config */
	const struct provider_conf *provider;
	const struct model_conf *model;
	const char *name; /* what the provider calls it */
	const char *zone, *tier;
	unsigned weight;              /* for weighted; default 1 */
	uint64_t context, max_output; /* tokens; 0: not known */
	/* Every row of the price book that can apply, of whatever tier,
	 * newest first. */
	const struct price *price;
	unsigned nprice;
};

enum strategy { STRATEGY_PRIORITY, STRATEGY_WEIGHTED };

struct model_conf {
	const char *id;
	uint64_t hash;
	const char *publisher;
	enum strategy strategy;
	unsigned n;
	const struct deployment_conf *deployment[16]; /* in order */
};

struct alias_conf {
	const char *name;
	const struct model_conf *model;
};

struct share_conf {
	const char *partner; /* unique in the agreement */
	uint64_t account;    /* agreement_account() */
	struct share terms;
};

struct agreement_conf {
	const char *name, *contract, *notes; /* the last two: "" */
	const struct provider_conf *provider;
	struct agreement terms;
	uint64_t account; /* of the commitment; 0: none */
	unsigned nshares;
	const struct share_conf *share;
};

struct snapshot {
	unsigned refs;
	struct arena arena;
	uint64_t generation;
	const char *data_dir; /* absolute */
	const char *gateway_address, *admin_address;
	unsigned workers; /* resolved: >= 1 */
	unsigned nproviders, ndeployments, nmodels, naliases;
	const struct provider_conf *provider;
	const struct deployment_conf *deployment;
	const struct model_conf *model;
	const struct alias_conf *alias;
	unsigned nagreements;
	const struct agreement_conf *agreement;
	/* journal */
	bool sync_always;
	int64_t max_lag_ns, admit_wait_ns, drain_ns;
	/* limits */
	uint64_t max_body, max_open_requests;
	uint32_t max_keys, max_accounts, max_subjects, max_limits;
	int64_t total_deadline_ns; /* of a request; at most 50 minutes */
	unsigned max_attempts;
	const char *currency; /* "USD" */
	uint32_t max_conns;
	unsigned max_streams; /* of one HTTP/2 connection */
};

/* From the JSON text in a config memfd.  FAULT_CONFIG: not ours. */
enum fault snapshot_read(struct slice json, struct snapshot **out) MUST_USE;
/* Whose secrets a text holds. */
enum snapshot_for { SNAPSHOT_BARE, SNAPSHOT_WORKER, SNAPSHOT_COURIER };
/* The same text for whom it is meant.  Deterministic. */
void snapshot_write(
    const struct snapshot *s, enum snapshot_for whom, struct buf *out);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot **s);

/* By id or alias; NULL: none. */
const struct model_conf *snapshot_model(
    const struct snapshot *s, struct slice name);
/* In force with an account at a provider at wall_ns; NULL: none. */
const struct agreement_conf *snapshot_agreement(const struct snapshot *s,
    const struct provider_conf *provider, int64_t wall_ns);
/* The row in force at wall_ns; NULL: the price is not known.  The second is
 * for calls served at the deployment's own tier. */
const struct price *deployment_price_of(
    const struct deployment_conf *d, struct slice tier, int64_t wall_ns);
const struct price *deployment_price(
    const struct deployment_conf *d, int64_t wall_ns);

#endif

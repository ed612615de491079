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

/*
 * How a listener speaks TLS.  Certificates and keys are only in the copy of
 * the process that serves it.
 */
struct door_pair {
	const char *chain, *key; /* PEM */
};

struct door_conf {
	unsigned n; /* 0: plain, or somebody else's */
	const struct door_pair *pair;
	unsigned clients;      /* enum tls_clients of io/tls_server.h */
	const char *client_ca; /* PEM; NULL: clients need no certificate */
	bool only_13;
};

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
	bool mantle;             /* bedrock: that endpoint, not the runtime's */
	const char *api_version; /* azure_openai classic; "" = /openai/v1 */
	const char *ca_file;     /* NULL: the system store */
	/* What stands behind ca_file and tls: terms of io/tls.h.  The id
	 * changes with the contents; NULL: nothing is asked beyond the usual.
	 * The PEM texts are the workers' only. */
	const char *tls_id, *tls_names, *tls_pins;
	const char *ca_pem, *client_chain, *client_key;
	/* The proxy that connections to it go through; NULL: none.  auth is
	 * the value of Proxy-Authorization, workers' and courier's only. */
	const char *proxy_host, *proxy_auth;
	uint16_t proxy_port;
	bool proxy_own; /* the operator says which, or none, not the environment
			 */
	/* Secrets: workers only; NULL elsewhere or when not used. */
	const char *api_key;
	const char *access_key_id, *secret_access_key, *session_token;
	const char *organization, *project; /* openai */
	/* oci: whose key signs, and which compartment pays. */
	const char *key_id, *compartment;
	const char *private_key; /* PEM; a secret too */
	/* The credential comes from the courier; NULL: it stands above. */
	const struct signin_conf *signin;
	const char *store_zone; /* where it keeps data; "": as zone */
	/* 0: not known; else days and 1: "retention_days: 0" keeps nothing. */
	uint32_t retention;
	int64_t connect_ns, first_byte_ns, idle_ns;
};

/* What has been bought; the numbers are in the log. */
enum capacity_kind {
	CAPACITY_ON_DEMAND,
	CAPACITY_PROVISIONED, /* paid for, used or not: goes first */
	CAPACITY_DEDICATED    /* the same, and nobody else's */
};

enum affinity { AFFINITY_NONE, AFFINITY_SESSION, AFFINITY_PROMPT_CACHE };

/* How important a call is under saturation; the numbers are in the log. */
enum call_class { CLASS_HIGH, CLASS_NORMAL, CLASS_LOW, CALL_CLASSES };

/* Whose a failed attempt is: owners.def. */
enum owner {
#define OWNER(NAME, text, moves) OWNER_##NAME,
#include "model/owners.def"
#undef OWNER
	OWNERS
};

const char *owner_text(enum owner o);
const char *capacity_kind_text(enum capacity_kind k);
const char *class_conf_text(enum call_class c);
bool class_conf_find(struct slice text, enum call_class *out);

/* What a deployment is called by, where its provider has several; bits. */
enum call_api {
	API_ANY = 0, /* the provider decides, by the name it has there */
	API_CONVERSE = 1,
	API_INVOKE = 2,
	API_MESSAGES = 4,
	API_CHAT = 8,
	API_RESPONSES = 16
};

struct deployment_conf {
	const char *id;
	uint64_t hash;
	unsigned index; /* in the generation: the order of the config */
	const struct provider_conf *provider;
	const struct model_conf *model;
	const char *name; /* what the provider calls it */
	const char *zone, *tier;
	const char *store_zone; /* where its data are kept; "": not known */
	const char *geo;        /* model/place.h; "": its address says none */
	const char *scope, *inference_geo;
	const char *answers_as;       /* beginning of the model it must say */
	const char *accelerator;      /* "h100"; "": not said */
	uint32_t retention;           /* as provider_conf's */
	unsigned weight;              /* for weighted; default 1 */
	uint64_t context, max_output; /* tokens; 0: not known */
	unsigned capacity;            /* enum capacity_kind */
	unsigned api;                 /* enum call_api */
	uint64_t tokens_per_minute, requests_per_minute; /* 0: not known */
	int64_t burst_ns;      /* how much of that may come at once */
	int64_t cost_per_hour; /* nano; 0: not said */
	/* Every row of the price book that can apply, of whatever tier,
	 * newest first. */
	const struct price *price;
	unsigned nprice;
};

enum strategy {
#define STRATEGY(NAME, function, text, why, help) STRATEGY_##NAME,
#include "model/strategies.def"
#undef STRATEGY
	STRATEGIES
};

const char *strategy_text(enum strategy s);
bool strategy_find(struct slice text, enum strategy *out);

/* Masks of deployments are a word. */
enum { DEPLOYMENTS_MAX = 64, MODEL_HOPS_MAX = 8 };

struct model_conf {
	const char *id;
	uint64_t hash;
	const char *publisher;
	enum strategy strategy;
	unsigned affinity;        /* enum affinity */
	const char *capabilities; /* words with commas; "": not said */
	/* Wall; 0: never.  From the first on it warns, from the second it
	 * refuses, or goes on at the successor. */
	int64_t deprecated_ns, retires_ns;
	bool redirects;
	/* Ids of models, "" for none: named when it retires, for what is too
	 * long for this one, for when nothing of it can serve. */
	const char *successor_id, *larger_id, *fallback_id;
	const struct model_conf *successor, *larger, *fallback;
	unsigned index;
	unsigned n;
	const struct deployment_conf
	    *deployment[DEPLOYMENTS_MAX]; /* in order */
};

/* What every field that is not empty must be for a rule to apply. */
struct match_conf {
	const char *org, *team, *project, *user, *service, *tag;
	const char *key, *model, *data_class;
};

/* Where data may go: one of the list "residency". */
struct residency_conf {
	const char *name;
	struct match_conf match;
	const char *zones, *store_zones; /* words with commas; "": any */
	uint32_t retention;              /* days and 1 at most; 0: any */
	/* By model: the bits of the deployments it allows. */
	const uint64_t *allow;
};

/* How important calls are: one of the list "priorities". */
struct class_conf {
	struct match_conf match;
	unsigned class; /* enum call_class */
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
	/* What TLS they speak, in words that change when it does; "": none. */
	const char *gateway_tls, *admin_tls;
	struct door_conf gateway_door, admin_door;
	/* SHA-256 of their first certificate's public key; "": plain. */
	const char *gateway_pin, *admin_pin;
	/* Of the environment, for endpoints of sign-in; "": none. */
	const char *proxy_host, *no_proxy;
	uint16_t proxy_port;
	const char *proxy_auth; /* the courier's only; NULL: none */
	unsigned workers;       /* resolved: >= 1 */
	unsigned nproviders, ndeployments, nmodels, naliases;
	const struct provider_conf *provider;
	const struct deployment_conf *deployment;
	const struct model_conf *model;
	const struct alias_conf *alias;
	unsigned nagreements;
	const struct agreement_conf *agreement;
	unsigned nresidency, nclasses;
	const struct residency_conf *residency;
	const struct class_conf *class;
	const char *data_classes; /* words with commas; "": any word */
	/* Percent of a capacity that calls of a class leave free. */
	unsigned keep_normal, keep_low;
	/* Attempts behind the first: a part of the calls, and so many a
	 * second of a worker whatever the part. */
	unsigned retry_percent, retry_floor;
	void *live; /* route/live.h: what a process keeps beside it */
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
	unsigned max_streams;      /* of one HTTP/2 connection */
	uint64_t max_open_per_key; /* of one worker */
	uint64_t max_memory;       /* of one worker; 0: its share */
	uint64_t min_rate;         /* bytes a second of a slow client */
};

/* From the JSON text in a config memfd.  FAULT_CONFIG: not ours. */
enum fault snapshot_read(struct slice json, struct snapshot **out) MUST_USE;
/* Whose secrets a text holds. */
enum snapshot_for {
	SNAPSHOT_BARE,
	SNAPSHOT_WORKER,
	SNAPSHOT_COURIER,
	SNAPSHOT_CONTROL
};
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
bool model_retired(const struct model_conf *m, int64_t wall_ns);
/* What a model whose time is over gives way to: itself, if to nothing. */
const struct model_conf *model_living(
    const struct model_conf *m, int64_t wall_ns);
/* Is word one of the words with commas? */
bool snapshot_words_have(const char *words, struct slice word);
/* Does the rule allow the deployment? */
bool residency_conf_allows(
    const struct residency_conf *r, const struct deployment_conf *d);

#endif

/*
 * setup.h - the accounts, models and prices that are simulated
 *
 * Read once at start; a mistake ends the program with a sentence.
 */
#ifndef KONTOR_SIM_SETUP_H
#define KONTOR_SIM_SETUP_H

#include "base/arena.h"
#include "base/base.h"
#include "sim/tariff.h"

struct json; /* base/json.h */

enum venue {
	VENUE_OPENAI,
	VENUE_AZURE,
	VENUE_BEDROCK,
	VENUE_COMPATIBLE,
	VENUE_GEMINI,
	VENUE_VERTEX,
	VENUE_OCI,
	VENUE_ANTHROPIC,
	VENUE_MAX,
	/* Nobody's venue: Bedrock where it speaks as AWS throughout. */
	VENUE_BEDROCK_NATIVE = VENUE_MAX
};

enum { SETUP_CREDENTIALS = 32, SETUP_MODELS = 64, SETUP_DEPLOYMENTS = 32 };

struct sim_model {
	struct slice id, bedrock_id;
	struct slice snapshot; /* what answers say; the id when not given */
	int64_t context, max_output;
	bool reasoning; /* wants max_completion_tokens */
	int64_t embed;  /* numbers of its vectors; 0: it talks */
	bool sold[VENUE_MAX];
	struct tariff tariff[VENUE_MAX][SERVICES]; /* default: always */
};

struct deployment {
	struct slice name, model;
};

struct credential {
	unsigned index;
	struct slice name;
	enum venue venue;
	struct slice key;     /* bearer or api-key; empty: none */
	struct slice project; /* Vertex, openai; empty: any */
	struct slice region, access_key_id, secret, session_token;
	/* What it sells in a minute; 0: any.  And how much of it may come at
	 * once: all, unless it says. */
	int64_t tokens_per_minute, tokens_burst;
	bool mantle;   /* of Bedrock's, at that endpoint */
	bool no_names; /* Azure: an account that no longer lists deployments */
	bool signs_in; /* by a token of the simulated clouds, see issuer.h */
	struct slice key_id, public_key; /* oci: who signs; PEM */
	struct slice organization;       /* openai: must be sent, if any */
	struct deployment deployment[SETUP_DEPLOYMENTS];
	unsigned ndeployment;
};

struct setup {
	struct arena arena;
	struct credential credential[SETUP_CREDENTIALS];
	unsigned ncredential;
	struct sim_model model[SETUP_MODELS];
	unsigned nmodel;
	int64_t pace_ms, ttft_ms;
	const struct json *identities; /* NULL: none */
	struct slice api_versions;     /* " a b c ", empty: any well-formed */
};

extern const char setup_defaults[]; /* JSON */

/* NULL, or what is wrong with the text (borrowed from s). */
const char *setup_read(struct setup *s, struct slice text);
void setup_fini(struct setup *s);

const struct credential *setup_credential(
    const struct setup *s, struct slice name);
/* The model that this account calls `name`; NULL: not sold there. */
const struct sim_model *setup_model(
    const struct setup *s, const struct credential *c, struct slice name);
/* What this account calls the model; empty: not sold there. */
struct slice setup_name(const struct credential *c, const struct sim_model *m);

#endif

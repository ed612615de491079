/*
 * issuer.h - the identity services of the clouds: whom they know, what they
 * give out, and whether a token that comes back is good
 *
 * A token says who issued it, for whom, until when, and carries a MAC under
 * the issuer's key of the day, so nothing has to be remembered of the tokens
 * that are out: a rotated key makes all of them worthless at once.  Keys for
 * AWS are made the same way: the session token says whose they are, the
 * secret follows from the key id.
 */
#ifndef KONTOR_SIM_ISSUER_H
#define KONTOR_SIM_ISSUER_H

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/json.h"
#include "sim/setup.h"

enum { ISSUER_IDENTITIES = 48, ISSUER_KEY = 32 };

/* As "kind" in the configuration says it. */
enum identity_kind {
	IDENTITY_ENTRA,
	IDENTITY_ENTRA_MANAGED,
	IDENTITY_AWS_ROLE,
	IDENTITY_AWS_INSTANCE,
	IDENTITY_AWS_CONTAINER,
	IDENTITY_GOOGLE,          /* a service account */
	IDENTITY_GOOGLE_USER,     /* a refresh token */
	IDENTITY_GOOGLE_POOL,     /* federation */
	IDENTITY_GOOGLE_METADATA, /* the machine's */
	IDENTITY_KINDS
};

struct identity {
	enum identity_kind kind;
	const struct credential *credential; /* whose account it may use */
	struct slice tenant, client, secret;
	struct slice certificate;   /* PEM: of Entra's client, Google's key */
	struct slice key_id;        /* Google: private_key_id */
	struct slice email;         /* Google: the account */
	struct slice subject_token; /* of the other issuer */
	struct slice audience;      /* Entra: the resource; Google: the pool */
	struct slice role, external_id;
	/* Who may assume the role: an access key id, or another role's ARN. */
	struct slice trusts;
	struct slice token; /* of the container's endpoint */
	int64_t lifetime_s;
};

/* How many of what, for /sim/sign-in. */
struct issuer_counts {
	uint64_t asked, given, refused, failed;           /* at the endpoints */
	uint64_t good, expired, audience, issuer, forged; /* tokens shown */
};

struct issuer {
	struct identity identity[ISSUER_IDENTITIES];
	unsigned n;
	uint8_t key[ISSUER_KEY];
	unsigned day; /* of the key; named in tokens */
	uint64_t serial;
	int64_t offset_s; /* their clock minus the machine's */
	/* What goes wrong at the endpoints; see signdesk.c. */
	struct slice fault;
	char fault_text[32];
	int64_t fault_left; /* how often; below 0: always */
	int64_t lifetime_s; /* 0: the identity's */
	struct issuer_counts counts;
};

void issuer_init(struct issuer *is);
/* NULL, or what is wrong with "identities" (borrowed from the arena). */
const char *issuer_read(
    struct issuer *is, struct setup *s, const struct json *list);
void issuer_rotate(struct issuer *is);
int64_t issuer_now_s(const struct issuer *is);

enum token_kind { TOKEN_ENTRA, TOKEN_GOOGLE, TOKEN_POOL, TOKEN_AWS };
enum token_verdict {
	TOKEN_NONE, /* it is none of ours */
	TOKEN_GOOD,
	TOKEN_EXPIRED,
	TOKEN_AUDIENCE,
	TOKEN_ISSUER, /* of another cloud */
	TOKEN_FORGED
};

struct token {
	enum token_kind kind;
	const struct identity *of;
	struct slice audience;
	int64_t expires_s;
};

void issuer_write(struct issuer *is, const struct token *t, struct buf *out);
/* Looks whether it is good at this credential's provider; *of is the identity
 * when it can be told. */
enum token_verdict issuer_judge(struct issuer *is, struct arena *a,
    struct slice text, enum token_kind kind, const struct identity **of);
/* The secret that goes with an access key id that was given out. */
void issuer_secret(
    const struct issuer *is, struct slice key_id, struct buf *out);

#endif

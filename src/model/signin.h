/*
 * signin.h - how kontor signs in to a provider whose credential expires
 *
 * Part of the compiled configuration.  The courier has all of it; workers
 * have what is no secret: the id under which the courier publishes what it
 * got (shm/wallet.h).  The id is made of the provider's and of everything
 * here that is no secret, so another tenant or role is another credential,
 * and a rotated secret is the same one.
 */
#ifndef KONTOR_MODEL_SIGNIN_H
#define KONTOR_MODEL_SIGNIN_H

#include "base/base.h"

enum signin_method {
#define SIGNIN_METHOD(NAME, text, metadata) SIGNIN_##NAME,
#include "model/signin_methods.def"
#undef SIGNIN_METHOD
	SIGNIN_METHODS
};

/* Why there is no fresh credential. */
enum signin_why {
#define SIGNIN_WHY(NAME, code, text) SIGNIN_WHY_##NAME,
#include "model/signin_whys.def"
#undef SIGNIN_WHY
	SIGNIN_WHYS
};

/* NULL where a method has no use for it or its default is meant. */
struct signin_conf {
	enum signin_method method;
	uint64_t id; /* never 0 */
	/* Entra: tenant, client and scope (or resource). */
	const char *tenant, *client, *scope;
	const char *endpoint; /* authority; STS; what Google's file says wins */
	const char *metadata; /* base URL of the machine's metadata service */
	const char *token_file; /* federation: read anew at each sign-in */
	/* AWS */
	const char *region, *role, *session, *external_id;
	const char *profile, *credentials_file, *config_file;
	const char *container; /* URL */
	int64_t lifetime_s;    /* of an assumed role */
	const char *account;   /* Google's metadata server: "default" */
	const char *ca_file;
	/* Secrets: the courier only. */
	const char *secret;   /* Entra's; AWS secret access key */
	const char *key_id;   /* AWS access key id */
	const char *token;    /* AWS session token; container authorization */
	const char *document; /* Google's JSON; key and certificate in PEM */
};

const char *signin_method_text(enum signin_method m);
/* May the courier dial a metadata address for it? */
bool signin_method_dials_metadata(enum signin_method m);
const char *signin_why_code(enum signin_why w);
const char *signin_why_text(enum signin_why w);

#endif

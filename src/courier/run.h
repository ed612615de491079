/*
 * run.h - one sign-in, as data: what to ask next, and what came of it
 *
 * A method is a function that is called once to begin and once for every
 * answer to what it asked.  It opens no socket and looks at no clock: the
 * courier does what it asks for, tests answer from a table.  Everything a run
 * learns lies in its arena, which is wiped when the run ends.
 *
 * Threads:  one.
 * Errors:   STEP_FAIL, with why, the HTTP status and the endpoint's own word
 *           for it; never a text that the endpoint made up.
 */
#ifndef KONTOR_COURIER_RUN_H
#define KONTOR_COURIER_RUN_H

#include "base/arena.h"
#include "base/base.h"
#include "base/json.h"
#include "http/msg.h"
#include "model/signin.h"
#include "shm/wallet.h"

enum { ERRAND_HDRS = 12, RUN_ROLES = 4, RUN_CODE = 48, RUN_FILE_MAX = 65536 };

/* A request to make; borrowed from the run's arena. */
struct errand {
	struct slice method;
	struct slice url; /* whole, with its query */
	struct http_hdr hdr[ERRAND_HDRS];
	unsigned nhdr;
	struct slice body;
};

struct run_reply {
	int status;
	struct slice body;
	bool html;
	bool google;     /* it says Metadata-Flavor: Google */
	int64_t date_s;  /* by its own clock; 0: it does not say */
	int64_t retry_s; /* retry-after; 0: none */
};

struct aws_keys {
	struct slice id, secret, token;
	int64_t expires_s; /* by the endpoint's clock; 0: never */
	int64_t date_s;    /* that clock when it said so */
};

struct aws_role {
	struct slice arn, external_id, session;
	int64_t lifetime_s;
};

enum step { STEP_FETCH, STEP_DONE, STEP_FAIL };

struct run {
	const struct signin_conf *conf; /* outlives the run */
	struct arena arena;
	int64_t
	    now_s;   /* the wall clock, set right by what is known of theirs */
	unsigned at; /* the method's own count of steps */
	struct errand errand; /* STEP_FETCH */
	/* STEP_DONE */
	enum pass_kind kind;
	struct slice part[WALLET_PARTS];
	int64_t lifetime_s; /* 0: for ever */
	/* STEP_FAIL */
	enum signin_why why;
	int status;
	char code[RUN_CODE];
	/* the methods' own */
	struct aws_keys keys;
	struct aws_role role[RUN_ROLES];
	unsigned nroles, nassumed;
	struct slice token, region, act_url;
	const struct json *doc;
};

enum step run_begin(
    struct run *r, const struct signin_conf *conf, int64_t now_s) MUST_USE;
enum step run_answer(struct run *r, const struct run_reply *a) MUST_USE;
void run_end(struct run *r); /* wipes; harmless when not begun */

/* --- for the methods ---------------------------------------------------- */

typedef enum step run_f(struct run *r, const struct run_reply *a);
run_f run_entra, run_entra_managed, run_aws, run_google, run_google_metadata;

enum step run_fail(struct run *r, enum signin_why why);
/* GET, POST, PUT: starts the errand anew. */
void run_ask(struct run *r, struct slice method, const char *url);
void run_header(struct run *r, struct slice name, struct slice value);
/* The answer as JSON; NULL: it was none, or no success, and the run has
 * failed. */
const struct json *run_json(struct run *r, const struct run_reply *a);
/* Is it a success at all?  False: the run has failed. */
bool run_good(struct run *r, const struct run_reply *a);
/* Letters, digits and "_+=,.@-": what a role or a region may be called. */
bool run_plain(struct slice s);
/* The endpoint's own code for an error; what is no plain word is left out. */
void run_code(struct run *r, struct slice code);
/* Ends the run with a bearer token. */
enum step run_bearer(struct run *r, struct slice token, int64_t lifetime_s);
/* A number, or a string of digits. */
int64_t run_seconds(const struct json *j, const char *key);
/* Reads a whole small file; an empty slice: it cannot be. */
struct slice run_file(struct run *r, const char *path);
struct slice run_read(struct arena *a, const char *path); /* the same */
/* Appends "&name=value", percent-encoded, to a form. */
void run_form(struct buf *b, const char *name, struct slice value);
/* RFC 3986 2.3: all but unreserved characters escaped. */
void run_quote(struct buf *b, struct slice s);
/* Takes the buf's bytes into the arena, and wipes the buf. */
struct slice run_take(struct run *r, struct buf *b);
/* base64url(head).base64url(claims).signature */
struct slice run_jwt(struct run *r, struct slice head, struct slice claims,
    struct slice pem, bool pss);

#endif

/*
 * sigv4.h - AWS Signature Version 4: to sign, and the pieces to verify
 *
 * A signature covers the canonical request: method, path, query, the signed
 * headers and the payload's SHA-256.  Whoever verifies builds the same from
 * what arrived: sigv4_auth_parse(), sigv4_pick(), sigv4_canonical(),
 * sigv4_string_to_sign(), sigv4_signature(), digest_equal().
 *
 * Threads:  a signer belongs to one.
 * Errors:   only parsing can fail; it returns false.
 */
#ifndef KONTOR_CRYPTO_SIGV4_H
#define KONTOR_CRYPTO_SIGV4_H

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "crypto/digest.h"

enum { SIGV4_TIME = 16, SIGV4_ADDED_MAX = 4 };

struct sigv4_header {
	struct slice name, value; /* any case, any order, repeats joined */
};

/*
 * What becomes of the path as it is on the wire.  ENCODE is for every service
 * but S3 and for Bedrock the only right one: percent-encoded once more, so
 * that %3A is signed as %253A.  NORMALIZE drops dot segments and double
 * slashes first.
 */
enum sigv4_path { SIGV4_ENCODE, SIGV4_NORMALIZE, SIGV4_AS_IS };

struct sigv4_request {
	struct slice method;
	struct slice path, query; /* as on the wire; query without the '?' */
	const struct sigv4_header *headers; /* those to sign */
	size_t n_headers;
	struct slice payload; /* SHA-256 in hex, or "UNSIGNED-PAYLOAD" */
};

struct sigv4_scope {
	struct slice time; /* "20150830T123600Z", SIGV4_TIME characters */
	struct slice region, service;
};

/* The key of one day, region and service, and what it was derived from, a
 * secret as well; zeroed is empty.  Caller's. */
struct sigv4_day {
	struct sigv4_day_name {
		size_t len;
		char text[256];
	} of;
	struct mac_key key;
};

/* --- pieces ---------------------------------------------------------- */

/* Writes "20150830T123600Z" and a NUL. */
void sigv4_time(int64_t unix_s, char out[SIGV4_TIME + 1]);

/* These append. */
void sigv4_canonical(
    struct buf *b, const struct sigv4_request *req, enum sigv4_path path);
void sigv4_names(struct buf *b, const struct sigv4_request *req);
void sigv4_string_to_sign(
    struct buf *b, const struct sigv4_scope *scope, struct slice canonical);

/* Derives the day's key when *day is of another; writes hex and a NUL. */
void sigv4_signature(struct sigv4_day *day, struct slice secret,
    const struct sigv4_scope *scope, struct slice string_to_sign,
    char out[DIGEST_HEX + 1]);

/* --- to sign --------------------------------------------------------- */

/* Slices are borrowed and may change between calls; zero the rest. */
struct sigv4_signer {
	struct slice id, secret, token; /* token may be empty */
	struct slice region, service;
	enum sigv4_path path;
	bool omit_token;  /* send the token, but do not sign it */
	bool body_header; /* send and sign x-amz-content-sha256 */
	struct sigv4_day day;
	struct buf scratch;
};

/* The headers to add to the request; text lives in the arena. */
struct sigv4_added {
	struct sigv4_header header[SIGV4_ADDED_MAX];
	size_t n;
};

/* The request's headers are those to sign besides the ones added here. */
void sigv4_sign(struct sigv4_signer *s, const struct sigv4_request *req,
    struct slice time, struct arena *a, struct sigv4_added *out);

void sigv4_signer_fini(struct sigv4_signer *s); /* wipes; slices stay */

/* --- to verify ------------------------------------------------------- */

struct sigv4_auth {
	struct slice id, date, region, service; /* date: eight digits */
	struct slice names;                     /* "host;x-amz-date" */
	struct slice signature;                 /* 64 lower case hex digits */
};

/* The value of an Authorization header; slices borrow from it. */
bool sigv4_auth_parse(struct slice value, struct sigv4_auth *out) MUST_USE;

/*
 * Picks from all the headers those that names lists, into out (room for
 * n_all); false when one is not there, and when names is not in lower case
 * and in order.
 */
bool sigv4_pick(struct slice names, const struct sigv4_header *all,
    size_t n_all, struct sigv4_header *out, size_t *n_out) MUST_USE;

#endif

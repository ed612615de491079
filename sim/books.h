/*
 * books.h - what the simulated providers saw and charged
 *
 * A row per chat request with a valid credential, opened when it arrives and
 * closed once; sums per credential are of closed rows.  The newest million
 * rows are kept.
 */
#ifndef KONTOR_SIM_BOOKS_H
#define KONTOR_SIM_BOOKS_H

#include "base/base.h"
#include "base/buf.h"
#include "sim/mishap.h"
#include "sim/setup.h"
#include "sim/tariff.h"

struct books;

enum cut { CUT_NONE, CUT_CLIENT, CUT_SIM };

/* A row's name; stale after books_reset(), and then harmless. */
struct entry {
	uint64_t n;
	uint32_t epoch;
	bool set;
};

struct arrival {
	const struct credential *credential;
	struct slice attempt;  /* x-client-request-id */
	struct slice encoding; /* accept-encoding */
	bool counts;           /* it reached the provider's own logic */
};

struct books *books_new(const struct setup *s) MUST_USE;
void books_free(struct books **b);
void books_reset(struct books *b);

struct entry books_open(struct books *b, const struct arrival *a);
void books_model(
    struct books *b, struct entry e, struct slice model, bool stream);
void books_mishap(struct books *b, struct entry e, enum mishap m);
void books_uncount(struct books *b, struct entry e); /* never arrived */
/* used NULL: nothing is billed.  Only the first close of an entry counts. */
void books_close(struct books *b, struct entry e, int status, enum cut cut,
    const struct tokens *used, const struct tariff *t);

/* A request whose credential nobody has, or that carried a gateway's key. */
void books_rejected(struct books *b);
void books_leak(struct books *b, const struct credential *c);

void books_stats(const struct books *b, struct buf *json);
void books_attempts(
    const struct books *b, uint64_t from, uint64_t limit, struct buf *json);

#endif

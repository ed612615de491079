/*
 * roll.h - the recorder's rollups, read with the names that ids stand for
 *
 * Everything a report groups by hangs on two ids of a row: its key (who) and
 * its dimension (what was used, and how it was sold).  A key's place is fixed
 * when it is made, so a report of the past never changes with the present.
 */
#ifndef KONTOR_BOOKS_ROLL_H
#define KONTOR_BOOKS_ROLL_H

#include "base/base.h"
#include "base/map.h"
#include "model/sum.h"
#include "store/store.h"

enum roll_text {
	ROLL_MODEL,
	ROLL_PROVIDER,
	ROLL_PUBLISHER,
	ROLL_DEPLOYMENT,
	ROLL_REGION,
	ROLL_TIER,
	ROLL_TYPE,
	ROLL_ZONE,
	ROLL_NAME,
	ROLL_TEXTS
};

/* "env=prod"; borrowed. */
struct roll_tag {
	struct slice text, name, value;
};

struct roll_dim {
	int64_t id;
	uint64_t price, agreement;
	int64_t percent, per_token; /* the agreement's discount then */
	unsigned step;
	char flag;    /* 'b', 'e', 'u' */
	int64_t late; /* hour that a correction in a later month is about; 0 */
	char *text[ROLL_TEXTS];
	unsigned ntags;
	struct roll_tag *tag; /* of the request */
};

enum roll_place {
	ROLL_ORG,
	ROLL_TEAM,
	ROLL_PROJECT,
	ROLL_USER,
	ROLL_SERVICE,
	ROLL_KEY_NAME,
	ROLL_PLACES
};

struct roll_key {
	uint64_t id;
	uint64_t place[ROLL_PLACES]; /* ids of subjects; 0: none */
	char *text[ROLL_PLACES];
	char *tags; /* what the tags borrow from */
	unsigned ntags;
	struct roll_tag *tag;
};

/* Zeroed is empty. */
struct roll_names {
	struct map64 dims, keys, tags;
	struct map64 kinds;     /* of subjects */
	struct roll_key nobody; /* of a key that the store does not know */
};

void roll_names_load(struct roll_names *n, struct store *s);
void roll_names_fini(struct roll_names *n);
/* Never NULL. */
const struct roll_key *roll_key(const struct roll_names *n, uint64_t id);
/* NULL: not known. */
const struct roll_dim *roll_dim(const struct roll_names *n, uint64_t id);

/* Half open; 0: no bound.  Whole hours read less. */
struct roll_span {
	int64_t from_ns, to_ns;
	bool minutes; /* rows of single minutes, as far as there are any */
};

struct roll_row {
	int64_t second; /* where its hour or minute begins, since 1970 */
	uint64_t key, dim;
	int64_t sum[SUMS];
};

struct roll_call {
	int64_t second;
	uint64_t key;
	struct slice path; /* "12:b,13:u": dimensions and flags; borrowed */
	int64_t calls;
};

/* Widens a span to whole hours that begins when there are no minutes any
 * more; true: it did. */
bool roll_widen(struct store *s, struct roll_span *span);

/* Within the transaction of the store; in order of time, key and dim. */
typedef void roll_f(void *arg, const struct roll_row *r);
typedef void roll_call_f(void *arg, const struct roll_call *c);
void roll_each(
    struct store *s, const struct roll_span *span, roll_f *f, void *arg);
void roll_each_call(
    struct store *s, const struct roll_span *span, roll_call_f *f, void *arg);

#endif

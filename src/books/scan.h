/*
 * scan.h - generations met in a log, and how attempts are told as JSON
 */
#ifndef KONTOR_BOOKS_SCAN_H
#define KONTOR_BOOKS_SCAN_H

#include "base/buf.h"
#include "base/map.h"
#include "journal/frame.h"
#include "journal/segment.h"
#include "store/store.h"

struct scan_config {
	struct arena arena;
	struct generation g;
	char *payload;
};

/* Zeroed is empty. */
struct scan {
	struct map64 configs;
	uint64_t in_force; /* the generation, as the store has it; 0: unsaid */
};

/* False: the frame is no generation. */
bool scan_learn(struct scan *s, struct slice payload);
/* Those the store has, and which is in force. */
void scan_learn_store(struct scan *s, struct store *store);
/* All generations, the newest last: that is the one in force, also when a
 * configuration came back that was met before others; the array is the
 * caller's. */
struct scan_config **scan_by_time(const struct scan *s, size_t *n) MUST_USE;
void scan_fini(struct scan *s);
/*
 * A commitment as its account has it, which no line of the configuration takes
 * away and none changes when its month is over.  False: there is none.
 */
bool scan_promised(struct store *store, struct slice agreement,
    struct money *amount, struct period *in) MUST_USE;

/* NULL: not known. */
const struct generation *scan_generation(
    const struct scan *s, uint64_t generation);
const struct deployment_row *scan_deployment(
    const struct scan *s, uint64_t generation, unsigned deployment);
const struct price *scan_price(const struct scan *s, uint64_t generation,
    unsigned deployment, uint64_t price);

/* May an outcome of that intent have that price row? */
bool scan_price_fits(
    const struct scan *s, const struct intent *i, uint64_t price);

const char *resolution_name(enum resolution r); /* "booked" */

/* Members of an attempt's object, without its braces; o NULL: open. */
void scan_write_attempt(struct buf *b, const struct scan *s,
    const struct intent *i, const struct outcome *o);

/* How the list cost of a counted attempt is made up: "step", "lines".  Not of
 * one whose cost was stated: its count does not make it up. */
void scan_write_lines(
    struct buf *b, const struct scan *s, const struct outcome *o);

void scan_money(struct buf *b, const char *key, int64_t nano);
void scan_money_sum(struct buf *b, const char *key, int128 nano);
void scan_time(struct buf *b, const char *key, int64_t wall_ns);
void scan_key(struct buf *b, const char *key, uint64_t id);

/* data_dir/name */
void scan_path(struct buf *b, const char *data_dir, const char *name);

#endif

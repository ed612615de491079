/*
 * notary.h - the recorder's half: grows the tree and signs it
 *
 * The notary follows the log: frames that were just flushed are handed to it
 * in memory, everything else (a restart, tiles that are gone) it reads from
 * the segments, a little each turn.  A checkpoint is signed only when every
 * frame below it is synced and its tiles are on the disk.
 *
 * A start trusts nothing but the key: it takes an older checkpoint whose
 * tiles lead to its root, reads the log from there, and goes on when it has
 * met the newest checkpoint.  When the log does not lead there, or a file of
 * the tree is missing, the notary is broken: it signs nothing any more, says
 * so once, and calls go on.
 *
 * Threads:  one, the recorder's.
 */
#ifndef KONTOR_AUDIT_NOTARY_H
#define KONTOR_AUDIT_NOTARY_H

#include "base/base.h"
#include "base/fault.h"

/* Numbers stand in incidents. */
enum notary_trouble {
	NOTARY_GOOD = 0,
	NOTARY_NO_CHECKPOINT = 1, /* there is a key, and no checkpoint of it */
	NOTARY_NO_KEY = 2,        /* there are checkpoints, and no key */
	NOTARY_LOG_SHORT = 3,     /* the log ends before the last checkpoint */
	NOTARY_LOG_CHANGED = 4,   /* it does not lead to the signed root */
	NOTARY_TILES = 5          /* too many tiles are not what they were */
};

struct notary_conf {
	const char *data_dir;
	uint32_t node;
	uint64_t durable; /* the log is synced up to here */
	/* Both may be NULL. */
	void (*beat)(void *arg); /* called now and then in long work */
	void (*step)(void *arg, const char *where); /* tests: a crash here */
	void *arg;
};

struct notary; /* opaque; notary.c */

/* Makes the key at the first start.  FAULT_DISK: said in the log. */
enum fault notary_open(
    const struct notary_conf *conf, struct notary **out) MUST_USE;
void notary_close(struct notary **n);

/* These frames, whole ones, are now synced; `at` is their place. */
void notary_flushed(struct notary *n, struct slice frames, uint64_t at);
/*
 * Reads what it has not seen, up to `durable`, and signs when that is due.
 * True: there is more to read at once.
 */
bool notary_turn(struct notary *n, uint64_t durable, int64_t mono_ns);
/* Reads on to the end and signs; the last word of this process. */
void notary_finish(struct notary *n, uint64_t durable);

enum notary_trouble notary_trouble(const struct notary *n);
uint64_t notary_size(const struct notary *n);   /* leaves so far */
uint64_t notary_signed(const struct notary *n); /* of these, signed */
uint64_t notary_place(const struct notary *n);

#endif

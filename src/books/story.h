/*
 * story.h - one request as the log has it, corrections included
 *
 * Blocks of the store say where to look; without a store the whole log is
 * read.  Damage on the way is verify's to tell: what can be read is read.
 */
#ifndef KONTOR_BOOKS_STORY_H
#define KONTOR_BOOKS_STORY_H

#include "base/base.h"
#include "base/fault.h"
#include "books/scan.h"
#include "journal/frame.h"
#include "store/store.h"

struct story_note {
	struct story_note *next;
	unsigned number;
	int64_t wall_ns;
	enum correction_reason reason;
	enum resolution resolution;
	int64_t difference; /* of the effective cost */
	bool stated;
};

struct told {
	struct intent intent;
	struct outcome outcome; /* as corrections left it: story_outcome() */
	char provider_id[FRAME_PROVIDER_ID], used_tier[FRAME_TIER];
	bool closed;
	bool stated;             /* its cost: by the last correction */
	struct story_note *note; /* corrections, in order */
};

/* Zeroed, with id set, is empty. */
struct story {
	struct reqid id;
	struct scan *scan; /* learns generations; may be NULL */
	unsigned n;
	struct told *told; /* in order of the log */
	bool ended;
	struct final final;
};

/* FAULT_NOT_FOUND: the log does not speak of it. */
enum fault story_read(
    struct story *t, const char *data_dir, struct store *s) MUST_USE;
struct told *story_find(const struct story *t, unsigned attempt);
/* Its texts are the story's. */
struct outcome story_outcome(const struct told *a);
void story_fini(struct story *t);

#endif

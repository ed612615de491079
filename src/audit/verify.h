/*
 * verify.h - is the log what was signed?
 *
 * Reads files only, and while an instance goes on: the key, every checkpoint
 * and its signature, then every frame from the first: its checksum, its place
 * in its journal, its hash in the tiles, and the root at each checkpoint.  It
 * stops at the first thing that is wrong; tools/audit_verify.py follows the
 * same order and names the same leaf (docs/audit.md).
 */
#ifndef KONTOR_AUDIT_VERIFY_H
#define KONTOR_AUDIT_VERIFY_H

#include "base/base.h"
#include "base/fault.h"

enum { AUDIT_TEXT = 200 };

struct audit_query {
	const char *dir;
	const char *key;  /* a file with a verifier key; NULL: dir's */
	const char *kept; /* a file with a checkpoint kept elsewhere; NULL */
};

struct audit_problem {
	const char *what; /* checkpoint frame missing sequence tile root */
	uint64_t index;   /* of the first leaf that is not vouched for */
	uint64_t place;   /* in the log */
	char text[AUDIT_TEXT];
};

struct audit_result {
	bool good;
	char origin[80];
	uint64_t leaves;      /* whole frames read */
	uint64_t covered;     /* of these, below the newest checkpoint */
	uint64_t checkpoints; /* looked at */
	uint64_t time;        /* of the newest, seconds since 1970 */
	uint64_t torn;        /* bytes at the end that are no frame yet */
	struct audit_problem problem;
};

/* FAULT_NOT_FOUND: there is no log, or no key; FAULT_DATA: the key is none;
 * FAULT_DISK.  Otherwise out says what was found. */
enum fault audit_verify(
    const struct audit_query *q, struct audit_result *out) MUST_USE;

/* The verifier key in a file. */
struct note_key;
enum fault audit_read_key(
    const char *dir, const char *name, struct note_key *out) MUST_USE;

#endif

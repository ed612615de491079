/*
 * report.h - everything that is wrong with a file, with line and column
 *
 * All mistakes are collected, then shown at once in the order of the file,
 * each with a hint where we have one.
 */
#ifndef KONTOR_MAIN_REPORT_H
#define KONTOR_MAIN_REPORT_H

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"

enum { REPORT_MAX = 200 }; /* more are counted, not kept */

struct mark {
	unsigned line, col; /* from 1; 0: the file as a whole */
};

struct mistake {
	const char *file;
	unsigned part;
	struct mark at;
	const char *text;
	const char *hint; /* NULL: none */
};

/* Zeroed, with file set, is empty. */
struct report {
	struct arena arena;
	/* What is read now, and its place among the files of one whole. */
	const char *file;
	unsigned part;
	unsigned n, more;
	struct mistake mistake[REPORT_MAX];
};

/* hint may be NULL and is copied. */
void report_add(struct report *r, struct mark at, const char *hint,
    const char *fmt, ...) PRINTF_LIKE(4, 5);
/* "file:line:col: text" and an indented hint, a line each. */
void report_write(struct report *r, struct buf *out);
/* A JSON array of {"file","line","column","message","hint"}. */
void report_write_json(struct report *r, struct buf *out);
void report_fini(struct report *r);

/*
 * The one of n words nearest to a mistyped one; NULL: none is near.  Borrows
 * from words.
 */
const char *report_nearest(
    struct slice typed, const char *const *words, size_t n);

#endif

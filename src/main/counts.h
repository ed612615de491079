/*
 * counts.h - what a provider counted, as an operator has it
 *
 * One attempt on the command line ("input=700,output=30"), or a file of them:
 * CSV with a head, or JSON, an object a line.  A row is found by attempt
 * (also x-client-request-id: what the provider was sent), and has counts
 * (input_tokens, output_tokens, ...), or else a cost; "billed": false says
 * that the provider never billed it.  Names are taken in any case, other
 * columns passed over.
 */
#ifndef KONTOR_MAIN_COUNTS_H
#define KONTOR_MAIN_COUNTS_H

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"

enum {
#define LANE_COUNT(NAME, text) COUNT_##NAME,
#include "main/counts.def"
#undef LANE_COUNT
	COUNTS
};

/* Empty: not said.  Borrows from the text it was read from, or the arena. */
struct counts {
	unsigned line;
	struct slice attempt, cost;
	struct slice n[COUNTS];
	bool is_void;
	unsigned twin; /* a line that has this attempt too; 0: none */
};

/* "input=700,cached=100,output=30"; false: not of that form. */
bool counts_parse(struct slice text, struct counts *out) MUST_USE;
/*
 * A file: *rows in the arena.  NULL, or what is wrong with it, and *line
 * where.
 */
const char *counts_read(struct arena *a, struct slice text,
    struct counts **rows, size_t *n, unsigned *line);
/* Members of the body that asks for the correction; NULL, or what is wrong. */
const char *counts_body(const struct counts *c, struct buf *b);

#endif

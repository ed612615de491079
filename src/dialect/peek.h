/*
 * peek.h - what several dialects look for in JSON that passes them
 *
 * Over the cursor, without a tree: answers may be long, and all that is
 * wanted of them is what they cost.  Each returns false when the JSON is
 * damaged or is not what its name says; the cursor then must not be used.
 */
#ifndef KONTOR_DIALECT_PEEK_H
#define KONTOR_DIALECT_PEEK_H

#include "base/json.h"
#include "dialect/dialect.h"

/* A count; null is 0.  A number that is none passes as *fine = false. */
bool peek_u64(struct json_cur *c, uint64_t *out, bool *fine);

/* Members of an object that are counts, by name, into *u. */
struct peek_number {
	struct slice name;
	size_t at; /* in struct usage */
};
bool peek_numbers(struct json_cur *c, const struct peek_number *known, size_t n,
    struct usage *u, bool *fine);

/* OpenAI's usage, by what its members are called; the last good one wins:
 * some servers repeat it as it grows. */
struct peek_openai {
	struct slice input, output, input_details, output_details;
};
bool peek_openai_usage(
    struct json_cur *c, const struct peek_openai *names, struct tally *t);

/* Counts every string below the value as content, but of the members that
 * name things (role, type, id, ...) and of opaque ones. */
bool peek_content(struct json_cur *c, struct tally *t);

/* A string without escapes, borrowed; empty: it is something else. */
bool peek_word(struct json_cur *c, struct slice *out);

/* The tier that an answer says it was served at. */
void peek_tier(struct tally *t, struct slice said);

/* A request that only counts, as a tree: the path names the model, nothing is
 * billed.  FAULT_JSON*. */
enum fault peek_counting(
    struct arena *a, struct slice body, struct ask *q, struct json **top);

/* An answer that only counts: a whole object with that count in it.  It has
 * cost nothing. */
enum fault peek_counted(struct slice body, struct slice name, struct tally *t);

/* The event() of a dialect without streams. */
enum event_kind peek_no_event(struct slice data, struct tally *t);

#endif

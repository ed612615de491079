/*
 * json.h - JSON three ways: a strict cursor, a tree, a writer
 *
 * The cursor walks text once, checks it against RFC 8259 as it goes (grammar,
 * UTF-8, depth) and hands out spans of the original bytes: what the data path
 * uses, at most 2 ns a byte, no allocation.  The tree is for configuration,
 * stored data and translation.  The writer appends to a buf.
 *
 * Errors:  FAULT_JSON, FAULT_JSON_DEPTH, FAULT_JSON_UTF8; the tree also gives
 *          FAULT_JSON_DUPLICATE for a key that an object has twice, and
 *          FAULT_JSON_VALUES for more than JSON_VALUES_MAX of them.
 */
#ifndef KONTOR_BASE_JSON_H
#define KONTOR_BASE_JSON_H

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"

enum {
	JSON_DEPTH_MAX = 128,
	JSON_VALUES_MAX = 1 << 20, /* of a tree */
};

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

/* --- cursor ---------------------------------------------------------- */

struct json_cur {
	const char *p, *end;
	enum fault fault; /* first one wins; sticky */
	unsigned depth;
	bool first; /* just entered: no comma is due */
};

struct json_cur json_cur(struct slice text);

/* The type of the value the cursor stands at (skips white space). */
bool json_peek(struct json_cur *c, enum json_type *type);

/*
 * Checks and passes one whole value of any kind; *span, when not NULL, gets
 * its bytes (a string with its quotes, a number as written).
 */
bool json_skip(struct json_cur *c, struct slice *span);

/* Enter an object or array; false (and a fault) when it is something else. */
bool json_enter_object(struct json_cur *c);
bool json_enter_array(struct json_cur *c);

/*
 * The next member or element; false at the closing bracket, which is passed,
 * and on a fault: look at c->fault after the loop.  The value must be
 * consumed before the next call.  *key is the raw text between the quotes;
 * escaped says that it contains a backslash (then json_unescape it).
 */
bool json_next_key(struct json_cur *c, struct slice *key, bool *escaped);
bool json_next_item(struct json_cur *c);

/* Takes a string value: the raw text between its quotes. */
bool json_take_string(struct json_cur *c, struct slice *raw, bool *escaped);

/* Only white space may follow. */
bool json_at_end(struct json_cur *c);

/* Decodes the escapes of checked raw string text; lone surrogates become
 * U+FFFD. */
struct slice json_unescape(struct arena *a, struct slice raw);

/* A checked number span as an exact integer (1e3 and 10.0 count); false when
 * it has a fraction or does not fit. */
bool json_i64(struct slice number, int64_t *out);

/* --- tree ------------------------------------------------------------ */

struct json {
	enum json_type type;
	struct slice text; /* string: decoded; number: as written */
	struct slice key;  /* decoded, when in an object */
	struct json *child, *next;
	size_t n; /* of children */
};

/*
 * The tree lives in the arena; text may borrow from the input.  A value costs
 * at most sizeof(struct json) and a copy of what its escapes decode to: who
 * takes trees from peers limits the text first.
 */
enum fault json_parse(
    struct arena *a, struct slice text, struct json **out) MUST_USE;

/* NULL when j is not an object or has no such key; j may be NULL. */
const struct json *json_find(const struct json *j, struct slice key);
/* Its length is what a compiler knows of a literal. */
static inline const struct json *
json_get(const struct json *j, const char *key)
{
	return json_find(j, slice_of(key));
}
/* Empty when absent or not a string. */
static inline struct slice
json_get_str(const struct json *j, const char *key)
{
	const struct json *at = json_get(j, key);

	return at != NULL && at->type == JSON_STRING ? at->text : S("");
}
bool json_get_i64(const struct json *j, const char *key, int64_t *out);
bool json_get_bool(const struct json *j, const char *key, bool or_else);

/* --- writer ---------------------------------------------------------- */

/*
 * Commas take care of themselves: a comma is written unless the last byte of
 * the buf is '{', '[' or ':' or the buf is empty.
 */
void json_w_begin(struct buf *b, char bracket);    /* '{' or '[' */
void json_w_end(struct buf *b, char bracket);      /* '}' or ']' */
void json_w_name(struct buf *b, struct slice key); /* "key": */
void json_w_str(struct buf *b, struct slice s);    /* escaped */
void json_w_i64(struct buf *b, int64_t v);
void json_w_u64(struct buf *b, uint64_t v);
void json_w_bool(struct buf *b, bool v);
void json_w_null(struct buf *b);
void json_w_raw(struct buf *b, struct slice json); /* as is */
/* A tree as text: numbers as they were written, keys in their order. */
void json_w_tree(struct buf *b, const struct json *j);
static inline void
json_w_key(struct buf *b, const char *key)
{
	json_w_name(b, slice_of(key));
}
/* key and value in one. */
static inline void
json_w_kstr(struct buf *b, const char *key, struct slice s)
{
	json_w_key(b, key);
	json_w_str(b, s);
}
static inline void
json_w_ki64(struct buf *b, const char *key, int64_t v)
{
	json_w_key(b, key);
	json_w_i64(b, v);
}
static inline void
json_w_ku64(struct buf *b, const char *key, uint64_t v)
{
	json_w_key(b, key);
	json_w_u64(b, v);
}
static inline void
json_w_kbool(struct buf *b, const char *key, bool v)
{
	json_w_key(b, key);
	json_w_bool(b, v);
}

#endif

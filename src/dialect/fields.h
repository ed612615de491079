/*
 * fields.h - a request's members, read without a tree
 *
 * For dialects whose bodies are long and pass as they are: chat, Responses,
 * Messages.  A body is one JSON object, no name in it twice at the top, with
 * the few members that steer money or routing read by a table.  What is in
 * q->body is borrowed; arena: of the request.
 */
#ifndef KONTOR_DIALECT_FIELDS_H
#define KONTOR_DIALECT_FIELDS_H

#include "base/json.h"
#include "dialect/dialect.h"

typedef enum fault ask_read_f(struct json_cur *c, struct ask *q);

struct ask_field {
	struct slice name;
	ask_read_f *read; /* the cursor stands at the value */
};

struct ask_fields {
	const struct ask_field *known;
	size_t n;
	const char *needed; /* the member that must be there; NULL: none */
};

/*
 * Reads the body into *q, whose other members the caller has set: first_at,
 * the model and its places are set here.  FAULT_JSON*; FAULT_FIELD with
 * q->param and q->hint.
 */
enum fault ask_object(
    struct arena *a, const struct ask_fields *fields, struct ask *q);

/* FAULT_FIELD, said of that field. */
enum fault ask_wrong(struct ask *q, const char *field, const char *hint);

static inline size_t
ask_offset(const struct ask *q, const char *p)
{
	return (size_t)(p - q->body.p);
}

enum fault ask_skip(struct json_cur *c);
/* Every item of an array; what is none is a wrong `field`. */
enum fault ask_items(
    struct json_cur *c, struct ask *q, const char *field, ask_read_f *read);
/* The same, or null. */
enum fault ask_items_or_null(
    struct json_cur *c, struct ask *q, const char *field, ask_read_f *read);

/* A whole number above zero; null: 0. */
enum fault ask_count(
    struct json_cur *c, struct ask *q, const char *field, uint64_t *out);
/* The same, as a limit of the output that an edit may lower. */
enum fault ask_limit(struct json_cur *c, struct ask *q, const char *field);

/* "model", "stream", "service_tier": the same with everybody. */
ask_read_f ask_model, ask_stream, ask_service_tier;

#endif

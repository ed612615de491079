#include "dialect/fields.h"

#include "dialect/peek.h"

enum { KEYS_MAX = 96 /* top-level members; the APIs know fewer than 50 */ };

enum fault
ask_wrong(struct ask *q, const char *field, const char *hint)
{
	q->param = slice_of(field);
	q->hint = hint;
	return FAULT_FIELD;
}

enum fault
ask_skip(struct json_cur *c)
{
	return json_skip(c, NULL) ? FAULT_NONE : c->fault;
}

enum fault
ask_items(
    struct json_cur *c, struct ask *q, const char *field, ask_read_f *read)
{
	enum json_type type;
	enum fault f;

	if (!json_peek(c, &type))
		return c->fault;
	if (type != JSON_ARRAY)
		return ask_wrong(q, field, "must be an array");
	if (!json_enter_array(c))
		return c->fault;
	while (json_next_item(c)) {
		f = read(c, q);
		if (f != FAULT_NONE)
			return f;
	}
	return c->fault;
}

enum fault
ask_items_or_null(
    struct json_cur *c, struct ask *q, const char *field, ask_read_f *read)
{
	enum json_type type;

	if (!json_peek(c, &type))
		return c->fault;
	return type == JSON_NULL ? ask_skip(c) : ask_items(c, q, field, read);
}

/* The number's span too, for who edits it. */
static enum fault
read_count(struct json_cur *c, struct ask *q, const char *field, uint64_t *out,
    struct slice *span)
{
	enum json_type type;
	int64_t v;

	if (!json_peek(c, &type) || !json_skip(c, span))
		return c->fault;
	*out = 0;
	if (type == JSON_NULL)
		return FAULT_NONE;
	if (type != JSON_NUMBER || !json_i64(*span, &v) || v < 1)
		return ask_wrong(q, field, "must be a whole number above zero");
	*out = (uint64_t)v;
	return FAULT_NONE;
}

enum fault
ask_count(struct json_cur *c, struct ask *q, const char *field, uint64_t *out)
{
	struct slice span;

	return read_count(c, q, field, out, &span);
}

enum fault
ask_limit(struct json_cur *c, struct ask *q, const char *field)
{
	struct slice span;
	uint64_t v;
	const enum fault f = read_count(c, q, field, &v, &span);

	if (f != FAULT_NONE)
		return f;
	if (q->nlimits < NELEM(q->limit))
		q->limit[q->nlimits++] =
		    (struct splice){ ask_offset(q, span.p), span.len, S("") };
	if (v > q->max_output)
		q->max_output = v;
	return FAULT_NONE;
}

enum fault
ask_model(struct json_cur *c, struct ask *q)
{
	struct slice span;
	enum json_type type;

	if (!json_peek(c, &type) || !json_skip(c, &span))
		return c->fault;
	if (type != JSON_STRING || span.len <= 2)
		return ask_wrong(q, "model", "must be the name of a model");
	q->model_at = ask_offset(q, span.p);
	q->model_len = span.len;
	return FAULT_NONE;
}

enum fault
ask_stream(struct json_cur *c, struct ask *q)
{
	struct slice span;
	enum json_type type;

	if (!json_peek(c, &type))
		return c->fault;
	if (type != JSON_TRUE && type != JSON_FALSE && type != JSON_NULL)
		return ask_wrong(q, "stream", "must be true or false");
	if (!json_skip(c, &span))
		return c->fault;
	q->stream = type == JSON_TRUE;
	q->stream_at = ask_offset(q, span.p);
	q->stream_len = span.len;
	return FAULT_NONE;
}

/* A tier that another member named before stays. */
enum fault
ask_service_tier(struct json_cur *c, struct ask *q)
{
	struct slice word;
	enum json_type type;

	if (!json_peek(c, &type) || !peek_word(c, &word))
		return c->fault;
	if (type == JSON_NULL)
		return FAULT_NONE;
	if (type != JSON_STRING || word.len == 0 || word.len > TIER_MAX)
		return ask_wrong(q, "service_tier",
		    "must be the name of a service tier, or null");
	if (q->tier.len == 0)
		q->tier = word;
	return FAULT_NONE;
}

static enum fault
read_member(struct json_cur *c, const struct ask_fields *fields,
    struct slice key, struct ask *q)
{
	size_t i;

	for (i = 0; i < fields->n; i++) {
		if (slice_eq(fields->known[i].name, key))
			return fields->known[i].read(c, q);
	}
	return ask_skip(c);
}

static bool
seen_before(const struct slice *seen, unsigned n, struct slice key)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		if (slice_eq(seen[i], key))
			return true;
	}
	return false;
}

static enum fault
read_members(struct arena *a, struct json_cur *c,
    const struct ask_fields *fields, struct ask *q)
{
	struct slice seen[KEYS_MAX], key;
	unsigned n = 0;
	bool escaped;
	enum fault f;

	while (json_next_key(c, &key, &escaped)) {
		const size_t from = ask_offset(q, key.p - 1);

		if (escaped)
			key = json_unescape(a, key);
		if (seen_before(seen, n, key)) {
			q->param = arena_copy(a, key);
			return FAULT_JSON_DUPLICATE;
		}
		if (n == KEYS_MAX)
			return ask_wrong(q, "", "the body has too many fields");
		seen[n++] = key;
		if (slice_eq(key, S("model")))
			q->model_from = from;
		f = read_member(c, fields, key, q);
		if (f != FAULT_NONE)
			return f;
	}
	if (c->fault == FAULT_NONE && fields->needed != NULL &&
	    !seen_before(seen, n, slice_of(fields->needed)))
		return ask_wrong(q, fields->needed, "is missing");
	return c->fault;
}

enum fault
ask_object(struct arena *a, const struct ask_fields *fields, struct ask *q)
{
	struct json_cur c = json_cur(q->body);
	enum json_type type;
	enum fault f;

	if (!json_peek(&c, &type))
		return c.fault;
	if (type != JSON_OBJECT)
		return ask_wrong(q, "", "the body must be a JSON object");
	if (!json_enter_object(&c))
		return c.fault;
	q->first_at = ask_offset(q, c.p);
	f = read_members(a, &c, fields, q);
	if (f != FAULT_NONE)
		return f;
	if (!json_at_end(&c))
		return c.fault;
	if (q->model_len == 0) {
		q->model_at = q->first_at;
		return FAULT_NONE;
	}
	q->model = json_unescape(
	    a, (struct slice){ q->body.p + q->model_at + 1, q->model_len - 2 });
	return FAULT_NONE;
}

#include "dialect/peek.h"

enum { DEPTH = 8 }; /* content lies no deeper */

bool
peek_u64(struct json_cur *c, uint64_t *out, bool *fine)
{
	enum json_type type;
	struct slice span;
	int64_t v;

	if (!json_peek(c, &type) || !json_skip(c, &span))
		return false;
	if (type == JSON_NULL)
		return true;
	if (type != JSON_NUMBER || !json_i64(span, &v) || v < 0)
		*fine = false;
	else
		*out = (uint64_t)v;
	return true;
}

bool
peek_numbers(struct json_cur *c, const struct peek_number *known, size_t n,
    struct usage *u, bool *fine)
{
	struct slice key;
	enum json_type type;
	bool escaped;
	size_t i;

	if (!json_peek(c, &type))
		return false;
	if (type != JSON_OBJECT) {
		*fine = *fine && type == JSON_NULL;
		return json_skip(c, NULL);
	}
	if (!json_enter_object(c))
		return false;
	while (json_next_key(c, &key, &escaped)) {
		for (i = 0; i < n && !slice_eq(known[i].name, key); i++)
			;
		if (i == n ? !json_skip(c, NULL)
			   : !peek_u64(c,
				 (uint64_t *)(void *)((char *)u + known[i].at),
				 fine))
			return false;
	}
	return c->fault == FAULT_NONE;
}

static bool
openai_details(struct json_cur *c, const struct peek_openai *names,
    struct slice key, struct usage *u, bool *fine)
{
	static const struct peek_number in[] = {
		{ S_INIT("cached_tokens"), offsetof(struct usage, cached) },
		{ S_INIT("cache_write_tokens"),
		    offsetof(struct usage, cache_write) },
		{ S_INIT("audio_tokens"), offsetof(struct usage, audio_input) },
		{ S_INIT("image_tokens"), offsetof(struct usage, image_input) },
	};
	/* Accepted and rejected prediction tokens are output like any. */
	static const struct peek_number out[] = {
		{ S_INIT("reasoning_tokens"),
		    offsetof(struct usage, reasoning) },
		{ S_INIT("audio_tokens"),
		    offsetof(struct usage, audio_output) },
		{ S_INIT("image_tokens"),
		    offsetof(struct usage, image_output) },
	};

	if (slice_eq(key, names->input_details))
		return peek_numbers(c, in, NELEM(in), u, fine);
	if (slice_eq(key, names->output_details))
		return peek_numbers(c, out, NELEM(out), u, fine);
	return json_skip(c, NULL);
}

bool
peek_openai_usage(
    struct json_cur *c, const struct peek_openai *names, struct tally *t)
{
	struct usage u = { 0 };
	struct slice key;
	enum json_type type;
	bool escaped, fine = true, input = false, output = false;

	if (!json_peek(c, &type))
		return false;
	if (type != JSON_OBJECT)
		return json_skip(c, NULL);
	if (!json_enter_object(c))
		return false;
	while (json_next_key(c, &key, &escaped)) {
		if (slice_eq(key, names->input)) {
			input = true;
			(void)peek_u64(c, &u.input, &fine);
		} else if (slice_eq(key, names->output)) {
			output = true;
			(void)peek_u64(c, &u.output, &fine);
		} else {
			(void)openai_details(c, names, key, &u, &fine);
		}
	}
	if (c->fault != FAULT_NONE)
		return false;
	if (fine && input && output && usage_sane(&u)) {
		t->usage = u;
		t->has_usage = true;
	}
	return true;
}

/* Members that are no content. */
static bool
is_label(struct slice key)
{
	static const struct slice labels[] = {
		S_INIT("role"),
		S_INIT("type"),
		S_INIT("id"),
		S_INIT("index"),
		S_INIT("item_id"),
		S_INIT("call_id"),
		S_INIT("status"),
		S_INIT("mimeType"),
		S_INIT("thoughtSignature"),
		S_INIT("encrypted_content"),
		S_INIT("obfuscation"),
	};
	size_t i;

	for (i = 0; i < NELEM(labels); i++) {
		if (slice_eq(key, labels[i]))
			return true;
	}
	return false;
}

static bool content(struct json_cur *c, struct tally *t, unsigned depth);

static bool
members(struct json_cur *c, struct tally *t, unsigned depth)
{
	struct slice key;
	bool escaped;

	if (!json_enter_object(c))
		return false;
	while (json_next_key(c, &key, &escaped)) {
		if (is_label(key) ? !json_skip(c, NULL)
				  : !content(c, t, depth + 1))
			return false;
	}
	return c->fault == FAULT_NONE;
}

static bool
items(struct json_cur *c, struct tally *t, unsigned depth)
{
	if (!json_enter_array(c))
		return false;
	while (json_next_item(c)) {
		if (!content(c, t, depth + 1))
			return false;
	}
	return c->fault == FAULT_NONE;
}

static bool
content(struct json_cur *c, struct tally *t, unsigned depth)
{
	enum json_type type;
	struct slice span;

	if (!json_peek(c, &type))
		return false;
	if (depth < DEPTH && type == JSON_OBJECT)
		return members(c, t, depth);
	if (depth < DEPTH && type == JSON_ARRAY)
		return items(c, t, depth);
	if (!json_skip(c, &span))
		return false;
	if (type == JSON_STRING && span.len > 2) {
		t->bytes += span.len - 2;
		t->deltas++;
	}
	return true;
}

bool
peek_content(struct json_cur *c, struct tally *t)
{
	return content(c, t, 0);
}

bool
peek_word(struct json_cur *c, struct slice *out)
{
	enum json_type type;
	bool escaped;

	*out = S("");
	if (!json_peek(c, &type))
		return false;
	if (type != JSON_STRING)
		return json_skip(c, NULL);
	if (!json_take_string(c, out, &escaped))
		return false;
	if (escaped)
		*out = S("");
	return true;
}

void
peek_tier(struct tally *t, struct slice said)
{
	t->tier_len = said.len < TIER_MAX ? (unsigned)said.len : TIER_MAX;
	if (t->tier_len > 0)
		memcpy(t->tier, said.p, t->tier_len);
}

enum fault
peek_counting(
    struct arena *a, struct slice body, struct ask *q, struct json **top)
{
	*q = (struct ask){ .body = body,
		.n = 1,
		.lanes = LANES_TEXT,
		.model_elsewhere = true,
		.free = true,
		.no_output = true };
	return json_parse(a, body, top);
}

enum fault
peek_counted(struct slice body, struct slice name, struct tally *t)
{
	struct json_cur c = json_cur(body);
	struct slice key;
	uint64_t v;
	bool escaped, total = false, fine = true;

	if (!json_enter_object(&c))
		return FAULT_UP_GARBAGE;
	while (json_next_key(&c, &key, &escaped)) {
		const bool it = slice_eq(key, name);

		total = total || it;
		if (it ? !peek_u64(&c, &v, &fine) : !json_skip(&c, NULL))
			return FAULT_UP_GARBAGE;
	}
	if (!json_at_end(&c) || !total || !fine)
		return FAULT_UP_GARBAGE;
	t->usage = (struct usage){ 0 };
	t->has_usage = t->finished = true;
	return FAULT_NONE;
}

enum event_kind
peek_no_event(struct slice data, struct tally *t)
{
	(void)data;
	(void)t;
	return EVENT_BAD;
}

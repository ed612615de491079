/*
 * anthropic.c - Anthropic Messages as its clients and servers speak: what is
 * read of it in passing, and how it says that something went wrong
 *
 * The same at Anthropic, on Foundry, at Bedrock's /anthropic and in the bodies
 * of InvokeModel.  Facts: the published OpenAPI document and what SDKs and
 * Claude Code send; see docs/dialects.md.
 */
#include "dialect/dialect.h"

#include "base/json.h"
#include "dialect/peek.h"

enum {
	/* Framing tokens around a turn, a block, a tool. */
	PER_ITEM = 16,
	/* The most that one picture is charged, with room. */
	PER_IMAGE = 8000,
	/* The most that tools add before any is described. */
	PER_TOOLS = 1000
};

/* --- requests ------------------------------------------------------------ */

static enum fault
wrong(struct ask *q, const char *field, const char *hint)
{
	q->param = slice_of(field);
	q->hint = hint;
	return FAULT_FIELD;
}

static size_t
offset(const struct ask *q, const char *p)
{
	return (size_t)(p - q->body.p);
}

static void read_blocks(struct ask *q, const struct json *list);

static void
read_source(struct ask *q, const struct json *block)
{
	const struct slice type = json_get_str(block, "type");
	const struct json *source = json_get(block, "source");
	const struct slice from = json_get_str(source, "type");

	if (slice_eq(type, S("image"))) {
		q->surcharge += PER_IMAGE;
		q->lanes |= LANE_BIT(LANE_IMAGE_INPUT);
		q->unseen |= !slice_eq(from, S("base64"));
	} else if (slice_eq(type, S("document"))) {
		/* Pages are charged as text and as pictures. */
		q->unseen |=
		    !slice_eq(from, S("text")) && !slice_eq(from, S("content"));
		q->lanes |= LANE_BIT(LANE_IMAGE_INPUT);
		read_blocks(q, json_get(source, "content"));
	} else if (slice_eq(type, S("container_upload"))) {
		q->unseen = true;
	}
}

static void
read_blocks(struct ask *q, const struct json *list)
{
	const struct json *i;

	if (list == NULL || list->type != JSON_ARRAY)
		return;
	for (i = list->child; i != NULL; i = i->next) {
		q->surcharge += PER_ITEM;
		read_source(q, i);
		read_blocks(q, json_get(i, "content"));
	}
}

static enum fault
read_messages(struct ask *q, const struct json *list)
{
	const struct json *m;

	if (list == NULL || list->type != JSON_ARRAY || list->n == 0)
		return wrong(q, "messages", "must be a list of messages");
	for (m = list->child; m != NULL; m = m->next) {
		q->surcharge += PER_ITEM;
		read_blocks(q, json_get(m, "content"));
	}
	return FAULT_NONE;
}

/* A tool of Anthropic's own that its servers run, by its dated type. */
static bool
is_hosted(struct slice type)
{
	return slice_starts(type, S("web_search")) ||
	       slice_starts(type, S("web_fetch")) ||
	       slice_starts(type, S("code_execution")) ||
	       slice_starts(type, S("tool_search"));
}

static void
read_tools(struct ask *q, const struct json *list)
{
	const struct json *t;
	uint64_t uses;
	int64_t n;

	if (list == NULL || list->type != JSON_ARRAY || list->n == 0)
		return;
	q->surcharge += PER_TOOLS;
	for (t = list->child; t != NULL; t = t->next) {
		q->surcharge += PER_ITEM;
		uses =
		    json_get_i64(t, "max_uses", &n) && n > 0 ? (uint64_t)n : 0;
		q->hosted_tool |=
		    is_hosted(json_get_str(t, "type")) && uses == 0;
	}
}

static enum fault
read_limit(struct ask *q, struct slice span, enum json_type type)
{
	int64_t v;

	if (type != JSON_NUMBER || !json_i64(span, &v) || v < 1)
		return wrong(
		    q, "max_tokens", "must be a whole number above zero");
	q->max_output = (uint64_t)v;
	if (q->nlimits < NELEM(q->limit))
		q->limit[q->nlimits++] =
		    (struct splice){ offset(q, span.p), span.len, S("") };
	return FAULT_NONE;
}

/* Where model and max_tokens stand: the tree does not know. */
static enum fault
read_places(struct ask *q, struct json_cur *c)
{
	struct slice key, span;
	enum json_type type;
	bool escaped;
	enum fault f = FAULT_NONE;

	while (f == FAULT_NONE && json_next_key(c, &key, &escaped)) {
		if (!json_peek(c, &type) || !json_skip(c, &span))
			return c->fault;
		if (slice_eq(key, S("max_tokens"))) {
			f = read_limit(q, span, type);
		} else if (slice_eq(key, S("model"))) {
			if (type != JSON_STRING)
				return wrong(q, "model", "must be a text");
			q->model_at = offset(q, span.p);
			q->model_len = span.len;
		}
	}
	return f != FAULT_NONE ? f : c->fault;
}

static enum fault
read_top(struct ask *q, const struct json *top)
{
	const struct json *stream = json_get(top, "stream");

	if (stream != NULL && stream->type != JSON_TRUE &&
	    stream->type != JSON_FALSE && stream->type != JSON_NULL)
		return wrong(q, "stream", "must be true or false");
	q->stream = stream != NULL && stream->type == JSON_TRUE;
	q->model = json_get_str(top, "model");
	q->tier = json_get_str(top, "service_tier");
	if (slice_eq(json_get_str(top, "speed"), S("fast")))
		q->tier = S("fast");
	read_blocks(q, json_get(top, "system"));
	read_tools(q, json_get(top, "tools"));
	return read_messages(q, json_get(top, "messages"));
}

static enum fault
anthropic_ask(struct arena *a, struct slice body, struct ask *q)
{
	struct json_cur c = json_cur(body);
	struct json *top;
	enum fault f;

	*q = (struct ask){
		.body = body, .n = 1, .wants_usage = true, .lanes = LANES_TEXT
	};
	f = json_parse(a, body, &top);
	if (f != FAULT_NONE)
		return f;
	if (top->type != JSON_OBJECT || !json_enter_object(&c))
		return FAULT_JSON;
	q->first_at = offset(q, c.p);
	f = read_places(q, &c);
	if (f == FAULT_NONE)
		f = read_top(q, top);
	if (q->model_len == 0)
		q->model_at = q->first_at;
	return f;
}

/* --- answers ------------------------------------------------------------ */

/*
 * input_tokens is without what was read from and written to a cache.  A
 * message_delta's numbers are cumulative and may leave out what did not
 * change.
 */
static void
take_usage(struct tally *t, const struct json *j)
{
	const struct json *split = json_get(j, "cache_creation"), *out;
	struct usage u = t->usage;
	const uint64_t cached = u.cached, written = u.cache_write;
	uint64_t fresh = u.input - cached - written;
	int64_t v;

	if (j == NULL || j->type != JSON_OBJECT)
		return;
	if (json_get_i64(j, "input_tokens", &v) && v >= 0)
		fresh = (uint64_t)v;
	if (json_get_i64(j, "cache_read_input_tokens", &v) && v >= 0)
		u.cached = (uint64_t)v;
	if (json_get_i64(j, "cache_creation_input_tokens", &v) && v >= 0)
		u.cache_write = (uint64_t)v;
	if (json_get_i64(split, "ephemeral_1h_input_tokens", &v) && v >= 0)
		u.cache_write_1h = (uint64_t)v;
	if (json_get_i64(j, "output_tokens", &v) && v >= 0)
		u.output = (uint64_t)v;
	out = json_get(j, "output_tokens_details");
	if (json_get_i64(out, "thinking_tokens", &v) && v >= 0)
		u.reasoning = (uint64_t)v;
	u.input = fresh + u.cached + u.cache_write;
	if (usage_sane(&u))
		t->usage = u;
	peek_tier(t, slice_eq(json_get_str(j, "speed"), S("fast"))
			 ? S("fast")
			 : json_get_str(j, "service_tier"));
}

static void
count_text(struct tally *t, struct slice s)
{
	t->bytes += s.len;
	t->deltas += s.len > 0;
}

static struct slice
anthropic_tier(struct slice said, struct slice own)
{
	if (said.len == 0 || slice_eq(said, S("auto")) ||
	    slice_eq(said, S("standard_only")))
		return own;
	if (slice_eq(said, S("standard")))
		return slice_eq(own, S("priority")) ? said : own;
	return said;
}

static enum fault
anthropic_answer(struct slice body, struct tally *t)
{
	struct arena a = { 0 };
	struct json *top;
	enum fault f = FAULT_UP_GARBAGE;

	if (json_parse(&a, body, &top) == FAULT_NONE &&
	    slice_eq(json_get_str(top, "type"), S("message"))) {
		take_usage(t, json_get(top, "usage"));
		t->has_usage = json_get(top, "usage") != NULL;
		t->finished = true;
		f = FAULT_NONE;
	}
	arena_fini(&a);
	return f;
}

static void
read_delta(struct tally *t, const struct json *delta)
{
	static const char *const texts[] = { "text", "partial_json",
		"thinking" };
	size_t i;

	for (i = 0; i < NELEM(texts); i++)
		count_text(t, json_get_str(delta, texts[i]));
}

static enum event_kind
read_event(struct tally *t, const struct json *top)
{
	const struct slice type = json_get_str(top, "type");

	if (slice_eq(type, S("content_block_delta"))) {
		read_delta(t, json_get(top, "delta"));
	} else if (slice_eq(type, S("message_start"))) {
		take_usage(t, json_get(json_get(top, "message"), "usage"));
	} else if (slice_eq(type, S("message_delta"))) {
		take_usage(t, json_get(top, "usage"));
		if (json_get_str(json_get(top, "delta"), "stop_reason").len > 0)
			t->finished = t->has_usage = true;
	} else if (slice_eq(type, S("message_stop"))) {
		return EVENT_DONE;
	} else if (slice_eq(type, S("error"))) {
		t->failed = true;
	} else if (type.len == 0) {
		return EVENT_BAD;
	}
	return EVENT_PASS;
}

static enum event_kind
anthropic_event(struct slice data, struct tally *t)
{
	char room[4096] __attribute__((aligned(16)));
	struct arena a = { 0 };
	enum event_kind kind = EVENT_BAD;
	struct json *top;

	arena_start(&a, room, sizeof(room));
	if (json_parse(&a, data, &top) == FAULT_NONE)
		kind = read_event(t, top);
	arena_fini(&a);
	return kind;
}

/* --- errors -------------------------------------------------------------- */

static bool
anthropic_is_error(struct slice body, struct arena *a, struct slice *message)
{
	const struct json *error;
	struct json *top;

	*message = S("");
	if (json_parse(a, body, &top) != FAULT_NONE)
		return false;
	error = json_get(top, "error");
	*message = json_get_str(error, "message");
	if (message->len > 0)
		return slice_eq(json_get_str(top, "type"), S("error"));
	*message = json_get_str(top, "message");
	return false;
}

static struct slice
anthropic_mend_error(struct arena *a, struct slice body, int status)
{
	(void)a;
	(void)status;
	return body;
}

static const char *
type_of(int status)
{
	static const struct {
		int status;
		const char *type;
	} types[] = { { 401, "authentication_error" }, { 402, "billing_error" },
		{ 403, "permission_error" }, { 404, "not_found_error" },
		{ 409, "conflict_error" }, { 413, "request_too_large" },
		{ 429, "rate_limit_error" }, { 503, "overloaded_error" },
		{ 504, "timeout_error" }, { 529, "overloaded_error" } };
	size_t i;

	for (i = 0; i < NELEM(types); i++) {
		if (types[i].status == status)
			return types[i].type;
	}
	return status >= 500 ? "api_error" : "invalid_request_error";
}

static void
anthropic_error(struct buf *out, const struct problem *p)
{
	const struct fault_row *row = fault_get(p->fault);

	json_w_begin(out, '{');
	json_w_kstr(out, "type", S("error"));
	json_w_key(out, "error");
	json_w_begin(out, '{');
	json_w_kstr(out, "type", slice_of(type_of(p->status)));
	json_w_kstr(out, "message",
	    p->message.len > 0 ? p->message : slice_of(row->text));
	json_w_key(out, "details");
	json_w_begin(out, '{');
	json_w_kstr(
	    out, "error_code", p->code.len > 0 ? p->code : slice_of(row->code));
	if (p->param.len > 0)
		json_w_kstr(out, "param", p->param);
	json_w_end(out, '}');
	json_w_end(out, '}');
	json_w_end(out, '}');
}

static void
anthropic_error_event(struct buf *out, const struct problem *p)
{
	struct buf text = { 0 };

	anthropic_error(&text, p);
	buf_str(out, "event: error\ndata: ");
	buf_add(out, buf_slice(&text));
	buf_str(out, "\n\n");
	buf_fini(&text);
}

const struct dialect dialect_anthropic = {
	.name = "anthropic-messages",
	.codec = &codec_anthropic,
	.tier = anthropic_tier,
	.ask = anthropic_ask,
	.answer = anthropic_answer,
	.event = anthropic_event,
	.is_error = anthropic_is_error,
	.mend_error = anthropic_mend_error,
	.error = anthropic_error,
	.error_event = anthropic_error_event,
};

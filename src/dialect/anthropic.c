/*
 * anthropic.c - Anthropic Messages as its clients and servers speak: what is
 * read of it in passing, and how it says that something went wrong
 *
 * Input tokens there leave out what caches gave and took; ours are the whole.
 * A stream says its usage twice, the second time cumulatively.  Facts: the
 * published OpenAPI document and what SDKs send; see docs/dialects.md.
 */
#include "dialect/dialect.h"

#include "dialect/anthropic_codec.h"
#include "dialect/fields.h"
#include "dialect/peek.h"

enum {
	/* Framing tokens around a turn, a block, a tool. */
	PER_ITEM = 16,
	/* What is said for the caller before his tools. */
	PER_TOOLS = 1024,
	/* The most that one picture is charged. */
	PER_IMAGE = 40000,
	DEPTH_MAX = 4 /* of blocks in blocks */
};

/* --- requests ------------------------------------------------------------ */

/* It may hold anything. */
static void
hidden(struct ask *q)
{
	q->unseen = true;
	q->lanes |= LANE_BIT(LANE_IMAGE_INPUT);
}

struct block {
	struct slice type, source; /* "image", "url" */
	bool odd;                  /* a name that escapes hide */
};

static void
weigh(struct ask *q, const struct block *b)
{
	const bool image = slice_eq(b->type, S("image"));

	q->surcharge += PER_ITEM;
	if (b->odd || slice_eq(b->type, S("container_upload"))) {
		hidden(q);
		return;
	}
	if (image)
		q->surcharge += PER_IMAGE;
	if (image || slice_eq(b->type, S("document")))
		q->lanes |= LANE_BIT(LANE_IMAGE_INPUT);
	/* Pages are read as pictures too. */
	if (slice_eq(b->source, S("url")) || slice_eq(b->source, S("file")) ||
	    (slice_eq(b->type, S("document")) &&
		slice_eq(b->source, S("base64"))))
		q->unseen = true;
}

static enum fault read_content(
    struct json_cur *c, struct ask *q, unsigned depth);

/* {"type": "base64", ...}, or "content" of blocks. */
static enum fault
read_source(struct json_cur *c, struct ask *q, struct block *b, unsigned depth)
{
	struct slice key;
	enum json_type type;
	bool escaped;
	enum fault f = FAULT_NONE;

	if (!json_peek(c, &type))
		return c->fault;
	if (type != JSON_OBJECT)
		return ask_skip(c);
	if (!json_enter_object(c))
		return c->fault;
	while (f == FAULT_NONE && json_next_key(c, &key, &escaped)) {
		b->odd |= escaped;
		if (slice_eq(key, S("type"))) {
			if (!peek_word(c, &b->source))
				return c->fault;
		} else if (slice_eq(key, S("content"))) {
			f = read_content(c, q, depth + 1);
		} else {
			f = ask_skip(c);
		}
	}
	return f != FAULT_NONE ? f : c->fault;
}

static enum fault
read_block(struct json_cur *c, struct ask *q, unsigned depth)
{
	struct block b = { 0 };
	struct slice key;
	enum json_type type;
	bool escaped;
	enum fault f = FAULT_NONE;

	if (!json_peek(c, &type))
		return c->fault;
	if (type != JSON_OBJECT)
		return ask_skip(c);
	if (!json_enter_object(c))
		return c->fault;
	while (f == FAULT_NONE && json_next_key(c, &key, &escaped)) {
		b.odd |= escaped;
		if (slice_eq(key, S("type"))) {
			if (!peek_word(c, &b.type))
				return c->fault;
		} else if (slice_eq(key, S("source"))) {
			f = read_source(c, q, &b, depth);
		} else if (slice_eq(key, S("content"))) {
			f = read_content(c, q, depth + 1);
		} else {
			f = ask_skip(c);
		}
	}
	weigh(q, &b);
	return f != FAULT_NONE ? f : c->fault;
}

static enum fault
read_content(struct json_cur *c, struct ask *q, unsigned depth)
{
	enum json_type type;
	enum fault f;

	if (!json_peek(c, &type))
		return c->fault;
	if (type != JSON_ARRAY)
		return ask_skip(c);
	if (depth > DEPTH_MAX) {
		hidden(q);
		return ask_skip(c);
	}
	if (!json_enter_array(c))
		return c->fault;
	while (json_next_item(c)) {
		f = read_block(c, q, depth);
		if (f != FAULT_NONE)
			return f;
	}
	return c->fault;
}

static enum fault
read_system(struct json_cur *c, struct ask *q)
{
	q->surcharge += PER_ITEM;
	return read_content(c, q, 0);
}

static enum fault
read_message(struct json_cur *c, struct ask *q)
{
	struct slice key;
	enum json_type type;
	bool escaped;
	enum fault f;

	if (!json_peek(c, &type))
		return c->fault;
	if (type != JSON_OBJECT)
		return ask_wrong(
		    q, "messages", "every message must be an object");
	if (!json_enter_object(c))
		return c->fault;
	q->surcharge += PER_ITEM;
	while (json_next_key(c, &key, &escaped)) {
		if (escaped)
			hidden(q);
		f = slice_eq(key, S("content")) ? read_content(c, q, 0)
						: ask_skip(c);
		if (f != FAULT_NONE)
			return f;
	}
	return c->fault;
}

static enum fault
read_messages(struct json_cur *c, struct ask *q)
{
	return ask_items(c, q, "messages", read_message);
}

/* Those that the caller runs himself, whatever the date behind the name. */
static bool
runs_there(struct slice type)
{
	static const struct slice here[] = {
		S_INIT("custom"),
		S_INIT("bash_"),
		S_INIT("text_editor_"),
		S_INIT("computer_"),
		S_INIT("memory_"),
		S_INIT("tool_search_"),
	};
	size_t i;

	for (i = 0; i < NELEM(here); i++) {
		if (slice_starts(type, here[i]))
			return false;
	}
	return type.len > 0;
}

static enum fault
read_tool(struct json_cur *c, struct ask *q)
{
	struct slice key, type = S("");
	enum json_type kind;
	uint64_t uses = 0;
	bool escaped, fine = true;

	if (!json_peek(c, &kind))
		return c->fault;
	if (kind != JSON_OBJECT)
		return ask_wrong(q, "tools", "every tool must be an object");
	if (!json_enter_object(c))
		return c->fault;
	while (json_next_key(c, &key, &escaped)) {
		if (escaped)
			q->hosted_tool = true;
		if (slice_eq(key, S("type"))       ? !peek_word(c, &type)
		    : slice_eq(key, S("max_uses")) ? !peek_u64(c, &uses, &fine)
						   : !json_skip(c, NULL))
			return c->fault;
	}
	q->surcharge += PER_ITEM;
	/* One that may be called so often only has a bound. */
	if (runs_there(type) && (uses == 0 || !fine))
		q->hosted_tool = true;
	return c->fault;
}

static enum fault
read_tools(struct json_cur *c, struct ask *q)
{
	enum json_type type;

	if (json_peek(c, &type) && type == JSON_ARRAY)
		q->surcharge += PER_TOOLS;
	return ask_items_or_null(c, q, "tools", read_tool);
}

/* Servers that the provider calls, as often as the model likes. */
static enum fault
read_servers(struct json_cur *c, struct ask *q)
{
	struct slice span;

	if (!json_skip(c, &span))
		return c->fault;
	if (!slice_eq(span, S("null")) && !slice_eq(span, S("[]")))
		q->hosted_tool = true;
	return FAULT_NONE;
}

/* "fast" has a price of its own. */
static enum fault
read_speed(struct json_cur *c, struct ask *q)
{
	struct slice word;

	if (!peek_word(c, &word))
		return c->fault;
	if (slice_eq(word, S("fast")))
		q->tier = word;
	return FAULT_NONE;
}

/* It decides where data go: the place matters whatever the value is. */
static enum fault
read_geo(struct json_cur *c, struct ask *q)
{
	struct json_cur at = *c;
	struct slice span, word;

	if (!json_skip(&at, &span) || !peek_word(c, &word))
		return at.fault != FAULT_NONE ? at.fault : c->fault;
	q->geo = (struct splice){ ask_offset(q, span.p), span.len, word };
	return FAULT_NONE;
}

static enum fault
read_limit(struct json_cur *c, struct ask *q)
{
	return ask_limit(c, q, "max_tokens");
}

static enum fault
messages_ask(struct arena *a, struct slice body, struct ask *q)
{
	static const struct ask_field known[] = {
		{ S_INIT("messages"), read_messages },
		{ S_INIT("model"), ask_model },
		{ S_INIT("stream"), ask_stream },
		{ S_INIT("system"), read_system },
		{ S_INIT("tools"), read_tools },
		{ S_INIT("max_tokens"), read_limit },
		{ S_INIT("service_tier"), ask_service_tier },
		{ S_INIT("speed"), read_speed },
		{ S_INIT("mcp_servers"), read_servers },
		{ S_INIT("inference_geo"), read_geo },
	};
	static const struct ask_fields fields = { known, NELEM(known),
		"messages" };

	*q = (struct ask){ .body = body,
		.n = 1,
		.lanes = LANES_TEXT,
		.limit_open = S("\"max_tokens\":"),
		.limit_close = S(",") };
	return ask_object(a, &fields, q);
}

/* What is counted costs nothing, and cannot be long. */
static enum fault
count_ask(struct arena *a, struct slice body, struct ask *q)
{
	const enum fault f = messages_ask(a, body, q);

	q->free = true;
	q->stream = false;
	return f;
}

/* --- answers ------------------------------------------------------------- */

/* As it stands there: what caches gave and took is not in the input. */
struct counts {
	struct usage u;
	bool input, output, fine;
	struct slice tier, geo;
};

static bool
read_creation(struct json_cur *c, struct counts *n)
{
	static const struct peek_number known[] = {
		{ S_INIT("ephemeral_1h_input_tokens"),
		    offsetof(struct usage, cache_write_1h) },
	};

	return peek_numbers(c, known, NELEM(known), &n->u, &n->fine);
}

static bool
read_details(struct json_cur *c, struct counts *n)
{
	static const struct peek_number known[] = {
		{ S_INIT("thinking_tokens"),
		    offsetof(struct usage, reasoning) },
	};

	return peek_numbers(c, known, NELEM(known), &n->u, &n->fine);
}

static bool
read_count(struct json_cur *c, struct counts *n, struct slice key)
{
	struct slice word;

	if (slice_eq(key, S("input_tokens"))) {
		n->input = true;
		return peek_u64(c, &n->u.input, &n->fine);
	}
	if (slice_eq(key, S("output_tokens"))) {
		n->output = true;
		return peek_u64(c, &n->u.output, &n->fine);
	}
	if (slice_eq(key, S("cache_read_input_tokens")))
		return peek_u64(c, &n->u.cached, &n->fine);
	if (slice_eq(key, S("cache_creation_input_tokens")))
		return peek_u64(c, &n->u.cache_write, &n->fine);
	if (slice_eq(key, S("cache_creation")))
		return read_creation(c, n);
	if (slice_eq(key, S("output_tokens_details")))
		return read_details(c, n);
	if (slice_eq(key, S("service_tier"))) {
		if (!peek_word(c, &word))
			return false;
		if (!slice_eq(n->tier, S("fast")))
			n->tier = word;
		return true;
	}
	if (slice_eq(key, S("inference_geo")))
		return peek_word(c, &n->geo);
	if (!slice_eq(key, S("speed")))
		return json_skip(c, NULL);
	if (!peek_word(c, &word))
		return false;
	if (slice_eq(word, S("fast")))
		n->tier = word;
	return true;
}

/* Says what is said anew; the rest stays as message_start had it. */
static bool
read_usage(struct json_cur *c, struct counts *n)
{
	struct slice key;
	enum json_type type;
	bool escaped;

	if (!json_peek(c, &type))
		return false;
	if (type != JSON_OBJECT)
		return json_skip(c, NULL);
	if (!json_enter_object(c))
		return false;
	while (json_next_key(c, &key, &escaped)) {
		if (!read_count(c, n, key))
			return false;
	}
	return c->fault == FAULT_NONE;
}

/* Ours of theirs; false: they overflow, or do not add up. */
static bool
whole(const struct counts *n, struct usage *out)
{
	*out = n->u;
	if (!n->fine || !n->input || !n->output ||
	    __builtin_add_overflow(out->input, n->u.cached, &out->input) ||
	    __builtin_add_overflow(out->input, n->u.cache_write, &out->input))
		return false;
	return usage_sane(out);
}

static void
take_usage(struct tally *t, const struct counts *n)
{
	struct usage u;

	if (n->tier.len > 0)
		peek_tier(t, n->tier);
	if (n->geo.len > 0 && n->geo.len <= sizeof(t->geo)) {
		memcpy(t->geo, n->geo.p, n->geo.len);
		t->geo_len = (unsigned)n->geo.len;
	}
	if (!whole(n, &u))
		return;
	t->usage = u;
	t->has_usage = true;
}

struct answer {
	struct slice type;
	bool content, error;
};

static bool
read_answer(
    struct json_cur *c, struct tally *t, struct answer *r, struct counts *n)
{
	struct slice key;
	enum json_type type;
	bool escaped, ok;

	if (!json_peek(c, &type) || type != JSON_OBJECT ||
	    !json_enter_object(c))
		return false;
	while (json_next_key(c, &key, &escaped)) {
		if (slice_eq(key, S("type"))) {
			ok = peek_word(c, &r->type);
		} else if (slice_eq(key, S("content"))) {
			r->content = true;
			ok = peek_content(c, t);
		} else if (slice_eq(key, S("usage"))) {
			ok = read_usage(c, n);
		} else {
			ok = json_skip(c, NULL);
		}
		if (!ok)
			return false;
	}
	return c->fault == FAULT_NONE;
}

static enum fault
messages_answer(struct slice body, struct tally *t)
{
	struct json_cur c = json_cur(body);
	struct answer r = { 0 };
	struct counts n = { .fine = true };

	if (!read_answer(&c, t, &r, &n) || !json_at_end(&c))
		return FAULT_UP_GARBAGE;
	take_usage(t, &n);
	if (!r.content || !slice_eq(r.type, S("message")))
		return FAULT_UP_GARBAGE;
	t->finished = true;
	return FAULT_NONE;
}

/* {"input_tokens": n} is what was asked for, and nothing that is paid. */
static enum fault
count_answer(struct slice body, struct tally *t)
{
	return peek_counted(body, S("input_tokens"), t);
}

struct happening {
	struct slice type;
	struct tally seen; /* of a delta */
	struct counts n;
	bool stopped;
};

static bool
read_delta(struct json_cur *c, struct happening *h)
{
	struct slice key;
	enum json_type type;
	bool escaped, ok;

	if (!json_peek(c, &type))
		return false;
	if (type != JSON_OBJECT || !json_enter_object(c))
		return json_skip(c, NULL);
	while (json_next_key(c, &key, &escaped)) {
		if (!json_peek(c, &type))
			return false;
		if (slice_eq(key, S("stop_reason"))) {
			h->stopped |= type == JSON_STRING;
			ok = json_skip(c, NULL);
		} else if (slice_eq(key, S("text")) ||
			   slice_eq(key, S("thinking")) ||
			   slice_eq(key, S("partial_json"))) {
			ok = peek_content(c, &h->seen);
		} else {
			ok = json_skip(c, NULL);
		}
		if (!ok)
			return false;
	}
	return c->fault == FAULT_NONE;
}

static bool
read_event(struct json_cur *c, struct happening *h)
{
	struct answer r = { 0 };
	struct slice key;
	enum json_type type;
	bool escaped, ok;

	if (!json_peek(c, &type) || type != JSON_OBJECT ||
	    !json_enter_object(c))
		return false;
	while (json_next_key(c, &key, &escaped)) {
		if (!json_peek(c, &type))
			return false;
		if (slice_eq(key, S("type")))
			ok = peek_word(c, &h->type);
		else if (slice_eq(key, S("delta")))
			ok = read_delta(c, h);
		else if (slice_eq(key, S("usage")))
			ok = read_usage(c, &h->n);
		else if (slice_eq(key, S("message")) && type == JSON_OBJECT)
			ok = read_answer(c, &h->seen, &r, &h->n);
		else
			ok = json_skip(c, NULL);
		if (!ok)
			return false;
	}
	return c->fault == FAULT_NONE && json_at_end(c);
}

/* Their counts of ours, to which the next event's are added. */
static void
take_back(const struct tally *t, struct counts *n)
{
	n->fine = true;
	if (!t->has_usage)
		return;
	n->u = t->usage;
	n->u.input -= n->u.cached + n->u.cache_write;
	n->input = n->output = true;
}

static enum event_kind
messages_event(struct slice data, struct tally *t)
{
	struct json_cur c = json_cur(data);
	struct happening h = { 0 };

	take_back(t, &h.n);
	if (!read_event(&c, &h) || h.type.len == 0)
		return EVENT_BAD;
	t->bytes += h.seen.bytes;
	t->deltas += h.seen.deltas;
	t->finished |= h.stopped;
	if (slice_eq(h.type, S("message_start")) ||
	    slice_eq(h.type, S("message_delta")))
		take_usage(t, &h.n);
	if (slice_eq(h.type, S("error")))
		t->failed = true;
	return slice_eq(h.type, S("message_stop")) ? EVENT_DONE : EVENT_PASS;
}

/* "standard" is what answers say where no other was bought. */
static struct slice
messages_tier(struct slice said, struct slice own)
{
	if (said.len == 0 || slice_eq(said, S("auto")))
		return own;
	if (!slice_eq(said, S("standard")) &&
	    !slice_eq(said, S("standard_only")) &&
	    !slice_eq(said, S("default")))
		return said;
	return slice_eq(own, S("priority")) || slice_eq(own, S("fast")) ||
		       slice_eq(own, S("flex")) || slice_eq(own, S("batch"))
		   ? S("standard")
		   : own;
}

/* --- errors -------------------------------------------------------------- */

static bool
messages_is_error(struct slice body, struct arena *a, struct slice *message)
{
	const struct json *error;
	struct json *top;

	*message = S("");
	if (json_parse(a, body, &top) != FAULT_NONE)
		return false;
	error = json_get(top, "error");
	*message = json_get_str(error, "message");
	if (error != NULL && error->type == JSON_STRING)
		*message = error->text;
	if (message->len == 0)
		*message = json_get_str(top, "message");
	if (message->len == 0)
		*message = json_get_str(top, "Message");
	return error != NULL && json_get_str(error, "message").len > 0 &&
	       json_get_str(error, "type").len > 0;
}

static struct slice
messages_mend_error(struct arena *a, struct slice body, int status)
{
	struct json *top;
	struct slice part[2];

	(void)status;
	if (json_parse(a, body, &top) != FAULT_NONE ||
	    json_get(top, "type") != NULL || body.p[0] != '{')
		return body;
	part[0] = S("{\"type\":\"error\",");
	part[1] = (struct slice){ body.p + 1, body.len - 1 };
	return arena_join(a, part, NELEM(part));
}

static const char *
error_type(const struct problem *p)
{
	static const struct {
		int status;
		const char *type;
	} types[] = {
		{ 400, "invalid_request_error" },
		{ 401, "authentication_error" },
		{ 402, "billing_error" },
		{ 403, "permission_error" },
		{ 404, "not_found_error" },
		{ 408, "timeout_error" },
		{ 409, "conflict_error" },
		{ 413, "request_too_large" },
		{ 429, "rate_limit_error" },
		{ 503, "overloaded_error" },
		{ 504, "timeout_error" },
		{ 529, "overloaded_error" },
	};
	size_t i;

	for (i = 0; i < NELEM(types); i++) {
		if (types[i].status == p->status)
			return types[i].type;
	}
	return p->status >= 500 ? "api_error" : "invalid_request_error";
}

/* Its SDKs read details.error_code: there our own code stands. */
static void
messages_error(struct buf *out, const struct problem *p)
{
	const struct fault_row *row = fault_get(p->fault);

	json_w_begin(out, '{');
	json_w_kstr(out, "type", S("error"));
	json_w_key(out, "error");
	json_w_begin(out, '{');
	json_w_kstr(out, "type", slice_of(error_type(p)));
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
messages_error_event(struct buf *out, const struct problem *p)
{
	struct buf text = { 0 };

	messages_error(&text, p);
	buf_str(out, "event: error\ndata: ");
	buf_add(out, buf_slice(&text));
	buf_str(out, "\n\n");
	buf_fini(&text);
}

static const struct codec codec = {
	.decode = anthropic_decode,
	.write_answer = anthropic_write_answer,
	.write_step = anthropic_write_step,
	.encode = anthropic_encode,
	.read_answer = anthropic_read_answer,
	.read_event = anthropic_read_event,
	.read_end = anthropic_read_end,
};

const struct dialect dialect_anthropic = {
	.name = "anthropic-messages",
	.codec = &codec,
	.tier = messages_tier,
	.ask = messages_ask,
	.answer = messages_answer,
	.event = messages_event,
	.is_error = messages_is_error,
	.mend_error = messages_mend_error,
	.error = messages_error,
	.error_event = messages_error_event,
};

const struct dialect dialect_anthropic_count = {
	.name = "anthropic-count-tokens",
	.tier = messages_tier,
	.ask = count_ask,
	.answer = count_answer,
	.event = peek_no_event,
	.is_error = messages_is_error,
	.mend_error = messages_mend_error,
	.error = messages_error,
	.error_event = messages_error_event,
};

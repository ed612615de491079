/*
 * openai_responses.c - OpenAI Responses as its clients and servers speak:
 * what is read of it in passing, and how it says that something went wrong
 *
 * kontor keeps no responses: what goes on from an earlier one is refused
 * here, whoever would serve it.  Facts: the published OpenAPI document, and
 * what SDKs and Codex send; see docs/dialects.md.
 */
#include "dialect/dialect.h"

#include "dialect/fields.h"
#include "dialect/peek.h"
#include "dialect/responses_codec.h"

enum {
	/* Framing tokens around an item, a part, a tool. */
	PER_ITEM = 16,
	/* The most any published image rule charges for one image. */
	PER_IMAGE = 40000
};

/* --- requests ------------------------------------------------------------ */

/* It may hold anything. */
static void
hidden(struct ask *q)
{
	q->unseen = true;
	q->lanes |= LANE_BIT(LANE_IMAGE_INPUT) | LANE_BIT(LANE_AUDIO_INPUT);
}

static enum fault
read_part(struct json_cur *c, struct ask *q)
{
	struct slice key, span;
	enum json_type type;
	bool escaped;

	if (!json_peek(c, &type))
		return c->fault;
	if (type != JSON_OBJECT)
		return ask_skip(c);
	if (!json_enter_object(c))
		return c->fault;
	q->surcharge += PER_ITEM;
	while (json_next_key(c, &key, &escaped)) {
		if (!json_skip(c, &span))
			return c->fault;
		if (escaped) {
			hidden(q);
		} else if (slice_eq(key, S("image_url"))) {
			q->surcharge += PER_IMAGE;
			q->lanes |= LANE_BIT(LANE_IMAGE_INPUT);
			if (!slice_starts(span, S("\"data:")))
				q->unseen = true;
		} else if (slice_eq(key, S("file_data")) ||
			   slice_eq(key, S("file_id")) ||
			   slice_eq(key, S("file_url"))) {
			q->unseen = true;
			q->lanes |= LANE_BIT(LANE_IMAGE_INPUT);
		} else if (slice_eq(key, S("input_audio"))) {
			q->lanes |= LANE_BIT(LANE_AUDIO_INPUT);
		}
	}
	return c->fault;
}

/* A string, or parts; of a message, or of a tool's output. */
static enum fault
read_content(struct json_cur *c, struct ask *q)
{
	enum json_type type;

	if (!json_peek(c, &type))
		return c->fault;
	return type == JSON_ARRAY ? ask_items(c, q, "input", read_part)
				  : ask_skip(c);
}

static enum fault
read_item(struct json_cur *c, struct ask *q)
{
	struct slice key;
	enum json_type type;
	bool escaped;
	enum fault f = FAULT_NONE;

	if (!json_peek(c, &type))
		return c->fault;
	if (type != JSON_OBJECT)
		return ask_wrong(q, "input", "every item must be an object");
	if (!json_enter_object(c))
		return c->fault;
	q->surcharge += PER_ITEM;
	while (json_next_key(c, &key, &escaped)) {
		if (escaped)
			hidden(q);
		if (slice_eq(key, S("content")) || slice_eq(key, S("output"))) {
			f = read_content(c, q);
		} else if (!json_skip(c, NULL)) {
			return c->fault;
		}
		if (f != FAULT_NONE)
			return f;
	}
	return c->fault;
}

static enum fault
read_input(struct json_cur *c, struct ask *q)
{
	enum json_type type;

	if (!json_peek(c, &type))
		return c->fault;
	if (type == JSON_STRING) {
		q->surcharge += PER_ITEM;
		return ask_skip(c);
	}
	if (type != JSON_ARRAY)
		return ask_wrong(q, "input", "must be a string or an array");
	return ask_items(c, q, "input", read_item);
}

static bool
ours(struct slice type)
{
	return slice_eq(type, S("function")) || slice_eq(type, S("custom")) ||
	       slice_eq(type, S("namespace")) ||
	       /* Run by the client, as a function is. */
	       slice_eq(type, S("local_shell")) || slice_eq(type, S("shell")) ||
	       slice_eq(type, S("apply_patch"));
}

static enum fault
read_tool(struct json_cur *c, struct ask *q)
{
	struct slice key, type = S("");
	enum json_type kind;
	bool escaped;

	if (!json_peek(c, &kind))
		return c->fault;
	if (kind != JSON_OBJECT)
		return ask_wrong(q, "tools", "every tool must be an object");
	if (!json_enter_object(c))
		return c->fault;
	while (json_next_key(c, &key, &escaped)) {
		if (slice_eq(key, S("type")) ? !peek_word(c, &type)
					     : !json_skip(c, NULL))
			return c->fault;
	}
	q->surcharge += PER_ITEM;
	q->hosted_tool = q->hosted_tool || !ours(type);
	return c->fault;
}

static enum fault
read_tools(struct json_cur *c, struct ask *q)
{
	return ask_items_or_null(c, q, "tools", read_tool);
}

static enum fault
read_limit(struct json_cur *c, struct ask *q)
{
	return ask_limit(c, q, "max_output_tokens");
}

static enum fault
refuse_state(
    struct json_cur *c, struct ask *q, const char *field, const char *hint)
{
	enum json_type type;

	if (!json_peek(c, &type) || !json_skip(c, NULL))
		return c->fault;
	return type == JSON_NULL || type == JSON_FALSE
		   ? FAULT_NONE
		   : ask_wrong(q, field, hint);
}

static enum fault
read_previous(struct json_cur *c, struct ask *q)
{
	return refuse_state(c, q, "previous_response_id",
	    "is not supported: kontor keeps no responses; send the whole "
	    "conversation as input, with store: false");
}

static enum fault
read_conversation(struct json_cur *c, struct ask *q)
{
	return refuse_state(c, q, "conversation",
	    "is not supported: kontor keeps no conversations; send the whole "
	    "conversation as input, with store: false");
}

static enum fault
read_background(struct json_cur *c, struct ask *q)
{
	return refuse_state(c, q, "background",
	    "is not supported: kontor keeps no responses; leave it out");
}

/* A prompt that is stored at the provider. */
static enum fault
read_prompt(struct json_cur *c, struct ask *q)
{
	enum json_type type;

	if (!json_peek(c, &type) || !json_skip(c, NULL))
		return c->fault;
	if (type != JSON_NULL)
		hidden(q);
	return FAULT_NONE;
}

static enum fault
responses_ask(struct arena *a, struct slice body, struct ask *q)
{
	static const struct ask_field known[] = {
		{ S_INIT("input"), read_input },
		{ S_INIT("model"), ask_model },
		{ S_INIT("stream"), ask_stream },
		{ S_INIT("tools"), read_tools },
		{ S_INIT("max_output_tokens"), read_limit },
		{ S_INIT("service_tier"), ask_service_tier },
		{ S_INIT("previous_response_id"), read_previous },
		{ S_INIT("conversation"), read_conversation },
		{ S_INIT("background"), read_background },
		{ S_INIT("prompt"), read_prompt },
	};
	static const struct ask_fields fields = { known, NELEM(known), NULL };

	*q = (struct ask){ .body = body,
		.n = 1,
		.lanes = LANES_TEXT,
		.limit_open = S("\"max_output_tokens\":"),
		.limit_close = S(",") };
	return ask_object(a, &fields, q);
}

/* --- answers ------------------------------------------------------------- */

static bool
read_usage(struct json_cur *c, struct tally *t)
{
	static const struct peek_openai names = { S_INIT("input_tokens"),
		S_INIT("output_tokens"), S_INIT("input_tokens_details"),
		S_INIT("output_tokens_details") };

	return peek_openai_usage(c, &names, t);
}

struct response {
	bool output;
	struct slice status;
};

static bool
read_response(struct json_cur *c, struct tally *t, struct response *r)
{
	struct slice key, tier;
	enum json_type type;
	bool escaped, ok;

	if (!json_peek(c, &type) || type != JSON_OBJECT ||
	    !json_enter_object(c))
		return false;
	while (json_next_key(c, &key, &escaped)) {
		if (slice_eq(key, S("output"))) {
			r->output = true;
			ok = peek_content(c, t);
		} else if (slice_eq(key, S("usage"))) {
			ok = read_usage(c, t);
		} else if (slice_eq(key, S("status"))) {
			ok = peek_word(c, &r->status);
		} else if (slice_eq(key, S("service_tier"))) {
			ok = peek_word(c, &tier);
			peek_tier(t, ok ? tier : S(""));
		} else {
			ok = json_skip(c, NULL);
		}
		if (!ok)
			return false;
	}
	return c->fault == FAULT_NONE;
}

static enum fault
responses_answer(struct slice body, struct tally *t)
{
	struct json_cur c = json_cur(body);
	struct response r = { 0 };

	if (!read_response(&c, t, &r) || !json_at_end(&c) || !r.output)
		return FAULT_UP_GARBAGE;
	if (slice_eq(r.status, S("failed")))
		return FAULT_UP_GARBAGE;
	t->finished = true;
	return FAULT_NONE;
}

struct happening {
	struct slice type;
	struct tally seen;  /* of what content it has */
	struct tally whole; /* of a response in it */
	bool response;
};

static bool
read_event(struct json_cur *c, struct happening *h)
{
	struct response r = { 0 };
	struct slice key;
	enum json_type type;
	bool escaped, ok;

	if (!json_peek(c, &type) || type != JSON_OBJECT ||
	    !json_enter_object(c))
		return false;
	while (json_next_key(c, &key, &escaped)) {
		if (!json_peek(c, &type))
			return false;
		if (slice_eq(key, S("type"))) {
			ok = peek_word(c, &h->type);
		} else if (slice_eq(key, S("delta"))) {
			ok = peek_content(c, &h->seen);
		} else if (slice_eq(key, S("response")) &&
			   type == JSON_OBJECT) {
			h->response = true;
			ok = read_response(c, &h->whole, &r);
		} else {
			ok = json_skip(c, NULL);
		}
		if (!ok)
			return false;
	}
	return c->fault == FAULT_NONE && json_at_end(c);
}

/* The response that ends a stream repeats all that was said: what it weighs
 * was counted, its usage was not. */
static void
take_end(struct tally *t, const struct happening *h)
{
	if (h->whole.has_usage) {
		t->usage = h->whole.usage;
		t->has_usage = true;
	}
	if (h->whole.tier_len > 0)
		peek_tier(
		    t, (struct slice){ h->whole.tier, h->whole.tier_len });
	/* Some servers send no deltas. */
	if (t->bytes < h->whole.bytes)
		t->bytes = h->whole.bytes;
}

static enum event_kind
responses_event(struct slice data, struct tally *t)
{
	struct json_cur c = json_cur(data);
	struct happening h = { 0 };

	if (slice_eq(slice_trim(data), S("[DONE]")))
		return EVENT_DONE;
	if (!read_event(&c, &h) || h.type.len == 0)
		return EVENT_BAD;
	t->bytes += h.seen.bytes;
	t->deltas += h.seen.deltas;
	if (slice_eq(h.type, S("error")) ||
	    slice_eq(h.type, S("response.failed"))) {
		if (h.response)
			take_end(t, &h);
		t->failed = true;
	} else if (h.response &&
		   (slice_eq(h.type, S("response.completed")) ||
		       slice_eq(h.type, S("response.incomplete")))) {
		take_end(t, &h);
		t->finished = true;
		return EVENT_DONE;
	}
	return EVENT_PASS;
}

static struct slice
responses_tier(struct slice said, struct slice own)
{
	return dialect_openai_chat.tier(said, own);
}

/* --- errors -------------------------------------------------------------- */

/* As chat's; or, in a stream, bare, or within a response. */
static bool
responses_is_error(struct slice body, struct arena *a, struct slice *message)
{
	struct json *top;

	if (dialect_openai_chat.is_error(body, a, message))
		return true;
	if (json_parse(a, body, &top) != FAULT_NONE)
		return false;
	if (json_get(top, "response") != NULL)
		*message = json_get_str(
		    json_get(json_get(top, "response"), "error"), "message");
	return false;
}

static struct slice
responses_mend_error(struct arena *a, struct slice body, int status)
{
	return dialect_openai_chat.mend_error(a, body, status);
}

static void
responses_error(struct buf *out, const struct problem *p)
{
	dialect_openai_chat.error(out, p);
}

/* Its number only has to be above those before it. */
static void
responses_error_event(struct buf *out, const struct problem *p)
{
	const struct fault_row *row = fault_get(p->fault);
	struct buf text = { 0 };

	json_w_begin(&text, '{');
	json_w_kstr(&text, "type", S("error"));
	json_w_kstr(
	    &text, "code", p->code.len > 0 ? p->code : slice_of(row->code));
	json_w_kstr(&text, "message",
	    p->message.len > 0 ? p->message : slice_of(row->text));
	json_w_key(&text, "param");
	json_w_null(&text);
	json_w_ki64(&text, "sequence_number", INT32_MAX);
	json_w_end(&text, '}');
	buf_str(out, "event: error\ndata: ");
	buf_add(out, buf_slice(&text));
	buf_str(out, "\n\n");
	buf_fini(&text);
}

static const struct codec codec = {
	.decode = responses_decode,
	.write_answer = responses_write_answer,
	.write_step = responses_write_step,
	.encode = responses_encode,
	.read_answer = responses_read_answer,
	.read_event = responses_read_event,
	.read_end = responses_read_end,
};

const struct dialect dialect_openai_responses = {
	.name = "openai-responses",
	.codec = &codec,
	.tier = responses_tier,
	.ask = responses_ask,
	.answer = responses_answer,
	.event = responses_event,
	.is_error = responses_is_error,
	.mend_error = responses_mend_error,
	.error = responses_error,
	.error_event = responses_error_event,
};

/*
 * invoke.c - Bedrock's InvokeModel: the bodies of Anthropic's Messages and of
 * Amazon's Nova, in AWS's frames
 *
 * Which of the two a body is, "anthropic_version" says, and each is a dialect
 * of its own.  The model stands in the path, and so does whether it streams.
 * A stream's events are those of the body's own dialect, each in a message of
 * the kind "chunk", as base64.  With Nova's bodies nobody is called: there
 * Converse is spoken.
 */
#include "dialect/dialect.h"

#include "base/json.h"
#include "base/text.h"
#include "dialect/anthropic_codec.h"
#include "dialect/bedrock.h"
#include "dialect/peek.h"
#include "http/eventstream.h"

#define VERSION "bedrock-2023-05-31"

/* --- requests ------------------------------------------------------------ */

static const struct dialect *
which(struct slice text)
{
	struct json_cur c = json_cur(text);
	struct slice key;
	enum json_type type;
	bool escaped;

	if (!json_peek(&c, &type) || type != JSON_OBJECT ||
	    !json_enter_object(&c))
		return &dialect_invoke;
	while (json_next_key(&c, &key, &escaped)) {
		if (slice_eq(key, S("anthropic_version")))
			return &dialect_invoke_claude;
		if (!json_skip(&c, NULL))
			break;
	}
	return &dialect_invoke;
}

static enum fault
nova_ask(struct arena *a, struct slice body, struct ask *q)
{
	return dialect_bedrock.ask(a, body, q);
}

static enum fault
claude_ask(struct arena *a, struct slice body, struct ask *q)
{
	const enum fault f = dialect_anthropic.ask(a, body, q);

	q->model_elsewhere = true;
	return f;
}

/* Nova's own names of what Converse calls otherwise. */
static enum fault
nova_decode(
    struct arena *a, struct slice body, struct conversation *c, struct wrong *w)
{
	const struct json *config, *k;
	struct json *top;
	int64_t n;
	enum fault f = bedrock_decode(a, body, c, w);

	if (f != FAULT_NONE || json_parse(a, body, &top) != FAULT_NONE)
		return f;
	config = json_get(top, "inferenceConfig");
	if (c->max_output == 0 && json_get_i64(config, "max_new_tokens", &n) &&
	    n > 0)
		c->max_output = (uint64_t)n;
	k = json_get(config, "topK");
	if (k != NULL && k->type == JSON_NUMBER)
		c->top_k = k->text;
	return FAULT_NONE;
}

/*
 * As at Anthropic's, without what the path says and with a version: the same
 * edit that a body gets that passes.
 */
static enum fault
claude_encode(struct arena *a, const struct conversation *in,
    const struct target *t, struct buf *out, uint64_t *lost, struct wrong *w)
{
	const struct edits edits = {
		.version = S(VERSION), .betas = in->betas, .no_model = true
	};
	struct conversation unary = *in;
	struct slice part[EDIT_PARTS];
	struct buf b = { 0 };
	struct ask q;
	unsigned i, n;
	enum fault f;

	unary.stream = false;
	f = anthropic_encode(a, &unary, t, &b, lost, w);
	if (f == FAULT_NONE)
		f = dialect_anthropic.ask(a, buf_slice(&b), &q);
	if (f == FAULT_NONE) {
		n = ask_edit(&q, a, &edits, part);
		for (i = 0; i < n; i++)
			buf_add(out, part[i]);
	}
	buf_fini(&b);
	return f;
}

/* --- streams -------------------------------------------------------------- */

static void
put_chunk(struct buf *out, struct slice json)
{
	struct buf text = { 0 }, b = { 0 };

	text_base64_write(&text, json);
	json_w_begin(&b, '{');
	json_w_kstr(&b, "bytes", buf_slice(&text));
	json_w_end(&b, '}');
	eventstream_event(out, S("chunk"), buf_slice(&b));
	buf_fini(&text);
	buf_fini(&b);
}

/* Our own frames of server-sent events: the data lines are what is wanted. */
static void
rewrap_sse(struct buf *out, struct slice text)
{
	struct slice line;

	while (slice_cut(text, '\n', &line, &text)) {
		if (slice_starts(line, S("data: ")))
			put_chunk(
			    out, (struct slice){ line.p + 6, line.len - 6 });
	}
}

/* Our own messages: an event becomes {"event": payload}. */
static bool
on_message(void *arg, const struct eventstream_message *m)
{
	struct buf b = { 0 };

	if (!slice_eq(m->kind, S("event"))) {
		buf_add(arg, m->raw);
		return true;
	}
	buf_str(&b, "{\"");
	buf_add(&b, m->event);
	buf_str(&b, "\":");
	buf_add(&b, m->payload);
	buf_char(&b, '}');
	put_chunk(arg, buf_slice(&b));
	buf_fini(&b);
	return true;
}

static void
nova_write_step(
    const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	struct eventstream split = { .max = EVENTSTREAM_MAX };
	struct buf b = { 0 };

	if (s->kind == STEP_ERROR) {
		bedrock_write_error(out, s->message);
	} else {
		bedrock_write_step(s, e, &b);
		CHECK(eventstream_feed(&split, buf_slice(&b), on_message, NULL,
			  out) == FAULT_NONE);
	}
	eventstream_fini(&split);
	buf_fini(&b);
}

/* AWS says an error outside of the model's own events. */
static void
claude_write_step(
    const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	struct buf b = { 0 };

	if (s->kind == STEP_ERROR) {
		bedrock_write_error(out, s->message);
	} else {
		anthropic_write_step(s, e, &b);
		rewrap_sse(out, buf_slice(&b));
	}
	buf_fini(&b);
}

/* The event that {"chunk":{"bytes":...}} holds; false: it is something else. */
static bool
unwrap(struct slice data, struct buf *out)
{
	struct json_cur c = json_cur(data);
	struct slice key, text;
	enum json_type type;
	bool escaped;

	if (!json_enter_object(&c) || !json_next_key(&c, &key, &escaped) ||
	    !slice_eq(key, S("chunk")) || !json_peek(&c, &type) ||
	    type != JSON_OBJECT || !json_enter_object(&c))
		return false;
	while (json_next_key(&c, &key, &escaped)) {
		if (!json_peek(&c, &type) || !json_skip(&c, &text))
			return false;
		if (slice_eq(key, S("bytes")) && type == JSON_STRING)
			return text_base64_parse(
			    out, (struct slice){ text.p + 1, text.len - 2 });
	}
	return false;
}

static enum event_kind
claude_event(struct slice data, struct tally *t)
{
	static struct buf b; /* kept: one process, one thread */

	buf_clear(&b);
	if (unwrap(data, &b))
		return dialect_anthropic.event(buf_slice(&b), t);
	/* An exception; other messages pass. */
	return slice_starts(data, S("{\"chunk\""))
		   ? EVENT_BAD
		   : dialect_bedrock.event(data, t);
}

/* An event's data is one line, however its maker breaks it. */
static void
put_sse(struct buf *out, struct slice json)
{
	struct json_cur c = json_cur(json);
	struct slice key, type = S("");
	bool escaped;
	size_t i;

	if (json_enter_object(&c)) {
		while (type.len == 0 && json_next_key(&c, &key, &escaped)) {
			if (!(slice_eq(key, S("type")) ? peek_word(&c, &type)
						       : json_skip(&c, NULL)))
				break;
		}
	}
	buf_str(out, "event: ");
	buf_add(out, type);
	buf_str(out, "\ndata: ");
	for (i = 0; i < json.len; i++)
		buf_char(out,
		    json.p[i] == '\n' || json.p[i] == '\r' ? ' ' : json.p[i]);
	buf_str(out, "\n\n");
}

/* What a caller of Messages reads of it. */
static void
claude_unwrap(struct slice data, struct arena *a, struct buf *out)
{
	struct problem p = { .status = 500, .fault = FAULT_UP_STATUS };
	struct buf b = { 0 };

	if (unwrap(data, &b))
		put_sse(out, buf_slice(&b));
	else if (dialect_bedrock.is_error(data, a, &p.message))
		dialect_anthropic.error_event(out, &p);
	buf_fini(&b);
}

static enum fault
claude_read_event(struct decoding *d, struct slice name, struct slice data)
{
	struct arena *a = d->scratch != NULL ? d->scratch : d->arena;
	struct buf b = { 0 };
	struct slice message;
	enum fault f = FAULT_NONE;

	if (unwrap(data, &b)) {
		f = anthropic_read_event(d, name, buf_slice(&b));
	} else if (dialect_bedrock.is_error(data, a, &message)) {
		json_w_begin(&b, '{');
		json_w_kstr(&b, "type", S("error"));
		json_w_key(&b, "error");
		json_w_begin(&b, '{');
		json_w_kstr(&b, "type", S("api_error"));
		json_w_kstr(&b, "message", message);
		json_w_end(&b, '}');
		json_w_end(&b, '}');
		f = anthropic_read_event(d, S("error"), buf_slice(&b));
	}
	buf_fini(&b);
	return f;
}

/* --- the rest is AWS's ------------------------------------------------------
 */

static struct slice
invoke_tier(struct slice said, struct slice own)
{
	return dialect_bedrock.tier(said, own);
}

static enum fault
invoke_answer(struct slice body, struct tally *t)
{
	return dialect_bedrock.answer(body, t);
}

static enum event_kind
invoke_event(struct slice data, struct tally *t)
{
	return dialect_bedrock.event(data, t);
}

static bool
invoke_is_error(struct slice body, struct arena *a, struct slice *message)
{
	return dialect_bedrock.is_error(body, a, message);
}

static struct slice
invoke_mend_error(struct arena *a, struct slice body, int status)
{
	return dialect_bedrock.mend_error(a, body, status);
}

static void
invoke_error(struct buf *out, const struct problem *p)
{
	dialect_bedrock.error(out, p);
}

static void
invoke_error_event(struct buf *out, const struct problem *p)
{
	dialect_bedrock.error_event(out, p);
}

static struct slice
invoke_error_type(const struct problem *p)
{
	return dialect_bedrock.error_type(p);
}

static struct slice
claude_tier(struct slice said, struct slice own)
{
	return dialect_anthropic.tier(said, own);
}

static enum fault
claude_answer(struct slice body, struct tally *t)
{
	return dialect_anthropic.answer(body, t);
}

static const struct codec nova_codec = {
	.decode = nova_decode,
	.write_answer = bedrock_write_answer,
	.write_step = nova_write_step,
};

static const struct codec claude_codec = {
	.decode = anthropic_decode,
	.write_answer = anthropic_write_answer,
	.write_step = claude_write_step,
	.encode = claude_encode,
	.read_answer = anthropic_read_answer,
	.read_event = claude_read_event,
	.read_end = anthropic_read_end,
};

const struct dialect dialect_invoke = {
	.name = "bedrock-invoke",
	.framing = FRAMING_EVENTSTREAM,
	.stream_type = "application/vnd.amazon.eventstream",
	.codec = &nova_codec,
	.which = which,
	.tier = invoke_tier,
	.ask = nova_ask,
	.answer = invoke_answer,
	.event = invoke_event,
	.is_error = invoke_is_error,
	.mend_error = invoke_mend_error,
	.error = invoke_error,
	.error_event = invoke_error_event,
	.error_type = invoke_error_type,
};

const struct dialect dialect_invoke_claude = {
	.name = "bedrock-invoke-anthropic",
	.framing = FRAMING_EVENTSTREAM,
	.stream_type = "application/vnd.amazon.eventstream",
	.codec = &claude_codec,
	.wraps = &dialect_anthropic,
	.version = S_INIT(VERSION),
	.unwrap = claude_unwrap,
	.tier = claude_tier,
	.ask = claude_ask,
	.answer = claude_answer,
	.event = claude_event,
	.is_error = invoke_is_error,
	.mend_error = invoke_mend_error,
	.error = invoke_error,
	.error_event = invoke_error_event,
	.error_type = invoke_error_type,
};

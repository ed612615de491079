/*
 * invoke.c - a caller of Bedrock's InvokeModel: the bodies of Anthropic's
 * Messages and of Amazon's Nova, in AWS's frames
 *
 * Which of the two a body is, "anthropic_version" says.  The model stands in
 * the path, and so does whether it streams.  A stream's events are those of
 * the body's own dialect, each in a message of the kind "chunk", as base64.
 * Nobody is called in this dialect: where Bedrock serves, Converse is spoken.
 */
#include "dialect/dialect.h"

#include "base/json.h"
#include "base/text.h"
#include "dialect/anthropic_codec.h"
#include "dialect/bedrock.h"
#include "http/eventstream.h"

enum body { BODY_NOVA, BODY_ANTHROPIC };

static enum body
body_of(struct slice text)
{
	struct json_cur c = json_cur(text);
	struct slice key;
	enum json_type type;
	bool escaped;

	if (!json_peek(&c, &type) || type != JSON_OBJECT ||
	    !json_enter_object(&c))
		return BODY_NOVA;
	while (json_next_key(&c, &key, &escaped)) {
		if (slice_eq(key, S("anthropic_version")))
			return BODY_ANTHROPIC;
		if (!json_skip(&c, NULL))
			break;
	}
	return BODY_NOVA;
}

static enum fault
invoke_ask(struct arena *a, struct slice body, struct ask *q)
{
	const enum fault f = body_of(body) == BODY_ANTHROPIC
				 ? dialect_anthropic.ask(a, body, q)
				 : dialect_bedrock.ask(a, body, q);

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

static enum fault
invoke_decode(
    struct arena *a, struct slice body, struct conversation *c, struct wrong *w)
{
	const enum body kind = body_of(body);
	const enum fault f = kind == BODY_ANTHROPIC
				 ? anthropic_decode(a, body, c, w)
				 : nova_decode(a, body, c, w);

	c->variant = kind;
	return f;
}

static bool
is_anthropic(const struct encoding_out *e)
{
	return e->asked != NULL && e->asked->variant == BODY_ANTHROPIC;
}

static void
invoke_write_answer(
    const struct completion *in, struct encoding_out *e, struct buf *out)
{
	if (is_anthropic(e))
		anthropic_write_answer(in, e, out);
	else
		bedrock_write_answer(in, e, out);
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
invoke_write_step(
    const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	struct eventstream split = { .max = EVENTSTREAM_MAX };
	struct buf b = { 0 };

	/* AWS says an error outside of the model's own events. */
	if (is_anthropic(e) && s->kind != STEP_ERROR) {
		anthropic_write_step(s, e, &b);
		rewrap_sse(out, buf_slice(&b));
	} else if (s->kind == STEP_ERROR) {
		bedrock_write_error(out, s->message);
	} else {
		bedrock_write_step(s, e, &b);
		CHECK(eventstream_feed(&split, buf_slice(&b), on_message, NULL,
			  out) == FAULT_NONE);
	}
	eventstream_fini(&split);
	buf_fini(&b);
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

static const struct codec codec = {
	.decode = invoke_decode,
	.write_answer = invoke_write_answer,
	.write_step = invoke_write_step,
};

const struct dialect dialect_invoke = {
	.name = "bedrock-invoke",
	.framing = FRAMING_EVENTSTREAM,
	.stream_type = "application/vnd.amazon.eventstream",
	.codec = &codec,
	.tier = invoke_tier,
	.ask = invoke_ask,
	.answer = invoke_answer,
	.event = invoke_event,
	.is_error = invoke_is_error,
	.mend_error = invoke_mend_error,
	.error = invoke_error,
	.error_event = invoke_error_event,
	.error_type = invoke_error_type,
};

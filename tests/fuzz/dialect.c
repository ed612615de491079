/*
 * dialect.c - any bytes as a request, an answer, an event of every dialect:
 * what is taken can be told in every other, whole and in a stream
 *
 * The first byte says which dialect speaks and which one hears.
 */
#include "base/json.h"
#include "dialect/codec.h"
#include "tests/fuzz/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct dialect *const dialects[] = {
	&dialect_openai_chat,
	&dialect_openai_responses,
	&dialect_anthropic,
	&dialect_bedrock,
	&dialect_gemini,
};

static bool
is_json(struct arena *a, struct slice text)
{
	struct json *j;

	return json_parse(a, text, &j) == FAULT_NONE;
}

/* What is understood is sent on as JSON, or refused with a field. */
static void
request(struct arena *a, const struct dialect *from, const struct dialect *to,
    struct slice body)
{
	struct conversation c = { .n = 1, .parallel = -1, .schema_strict = -1 };
	const struct target t = { .model = S("claude-sonnet-4-5"),
		.max_output = 4096,
		.vendor = VENDOR_ANTHROPIC };
	struct wrong w = { 0 };
	struct buf b = { 0 };
	struct ask q;
	uint64_t lost = 0, in, out;

	if (from->ask(a, body, &q) == FAULT_NONE)
		(void)ask_bound(&q, 200000, 4096, &in, &out);
	if (from->codec->decode(a, body, &c, &w) == FAULT_NONE) {
		if (to->codec->encode(a, &c, &t, &b, &lost, &w) == FAULT_NONE)
			CHECK(is_json(a, buf_slice(&b)));
		else
			CHECK(w.hint != NULL);
	}
	buf_fini(&b);
}

static struct encoding_out
telling(struct arena *a)
{
	static const struct conversation asked = { .wants_usage = true,
		.wants_reasoning = true };

	return (struct encoding_out){
		.arena = a, .asked = &asked, .id = S("req_1"), .model = S("m")
	};
}

static void
answer(struct arena *a, const struct dialect *from, const struct dialect *to,
    struct slice body)
{
	struct completion done = { 0 };
	struct encoding_out e = telling(a);
	struct tally t = { 0 };
	struct slice message;
	struct buf b = { 0 };

	(void)from->is_error(body, a, &message);
	if (from->answer(body, &t) != FAULT_NONE)
		return;
	if (t.has_usage)
		CHECK(usage_sane(&t.usage));
	if (from->codec->read_answer(a, body, &done) != FAULT_NONE)
		return;
	to->codec->write_answer(&done, &e, &b);
	CHECK(is_json(a, buf_slice(&b)));
	buf_fini(&b);
}

struct hearer {
	const struct codec *to;
	struct encoding_out e;
	struct buf out;
	bool open, over;
};

/* The laws of a stream: a block at a time, and nothing behind the end. */
static void
on_step(void *arg, const struct stream_step *s)
{
	struct hearer *h = arg;

	CHECK(!h->over);
	if (s->kind == STEP_OPEN) {
		CHECK(!h->open);
		h->open = true;
	} else if (s->kind == STEP_CLOSE) {
		CHECK(h->open);
		h->open = false;
	} else if (s->kind == STEP_TEXT || s->kind == STEP_ARGS ||
		   s->kind == STEP_OPAQUE) {
		CHECK(h->open);
	} else if (s->kind == STEP_END) {
		CHECK(!h->open);
	}
	h->over = s->kind == STEP_END || s->kind == STEP_ERROR;
	h->to->write_step(s, &h->e, &h->out);
}

/* Events stand on lines. */
static void
stream(struct arena *a, const struct dialect *from, const struct dialect *to,
    struct slice all)
{
	struct hearer h = { .to = to->codec, .e = telling(a) };
	struct arena scratch = { 0 };
	struct decoding d = {
		.arena = a, .scratch = &scratch, .step = on_step, .arg = &h
	};
	struct tally t = { 0 };
	struct slice line, rest = all;
	bool more = true;

	while (more && !d.ended) {
		more = slice_cut(rest, '\n', &line, &rest);
		if (!more)
			line = rest;
		if (from->event(line, &t) == EVENT_BAD ||
		    from->codec->read_event(
			&d, codec_event_name(from, line), line) != FAULT_NONE)
			break;
		if (t.has_usage)
			CHECK(usage_sane(&t.usage));
	}
	if (from->codec->read_end(&d) == FAULT_NONE)
		CHECK(d.ended);
	buf_fini(&h.out);
	arena_fini(&scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	const struct dialect *from, *to;
	struct arena a = { 0 };

	if (size == 0)
		return 0;
	from = dialects[data[0] % 5];
	to = dialects[data[0] / 5 % 5];
	in = (struct slice){ in.p + 1, in.len - 1 };
	request(&a, from, to, in);
	answer(&a, from, to, in);
	stream(&a, from, to, in);
	arena_fini(&a);
	return 0;
}

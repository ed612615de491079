/*
 * What holds for every codec: what it writes it reads back, a stream cut at
 * any byte is the same stream, and a stream's frames keep the laws of their
 * dialect whatever a model says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "base/json.h"
#include "dialect/codec.h"
#include "http/eventstream.h"
#include "http/sse.h"

static const struct dialect *const dialects[] = {
	&dialect_openai_chat,
	&dialect_anthropic,
	&dialect_gemini,
	&dialect_bedrock,
	&dialect_openai_responses,
};

enum { ROUNDS = 200 };

/* --- chance -------------------------------------------------------------- */

static uint64_t seed;

static unsigned
chance(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) +
	       UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % n;
}

static struct slice
pick(const char *const *words, unsigned n)
{
	return slice_of(words[chance(n)]);
}

static struct slice
some_text(void)
{
	static const char *const words[] = { "hello", " ", "w\xc3\xb6rld",
		"\"quoted\"\\", "\n\n", "data: x", "{\"a\":1}",
		"\xf0\x9f\x98\x80", "\t", "event: ping\n" };

	return pick(words, NELEM(words));
}

/* --- a model that says anything ----------------------------------------- */

struct saying {
	struct arena *a;
	step_f *f;
	void *arg;
	unsigned calls;
	bool thoughts;
};

static void
step(struct saying *s, enum step_kind kind, struct slice text)
{
	s->f(s->arg, &(struct stream_step){ .kind = kind, .text = text });
}

static void
say_text(struct saying *s, enum part_kind kind)
{
	unsigned n = 1 + chance(4);

	s->f(s->arg, &(struct stream_step){
			 .kind = STEP_OPEN, .block = { .kind = kind } });
	for (; n > 0; n--)
		step(s, STEP_TEXT, some_text());
	step(s, STEP_CLOSE, S(""));
}

static void
say_call(struct saying *s)
{
	static const char *const args[] = { "{}",
		"{\"city\":\"Z\xc3\xbcrich\"}",
		"{\"n\":12345678901234567890,\"l\":[1,2,{\"x\":null}]}" };
	const struct slice all = pick(args, NELEM(args));
	struct stream_step open = { .kind = STEP_OPEN,
		.block = { .kind = PART_TOOL_CALL,
		    .id = slice_of(arena_fmt(s->a, "call_%u", s->calls)),
		    .name = slice_of(arena_fmt(s->a, "tool_%u", chance(3))) } };
	size_t at, n;

	s->calls++;
	s->f(s->arg, &open);
	for (at = 0; at < all.len; at += n) {
		n = 1 + chance((unsigned)(all.len - at));
		/* Texts come in whole characters. */
		while (at + n < all.len && (all.p[at + n] & 0xc0) == 0x80)
			n++;
		step(s, STEP_ARGS, (struct slice){ all.p + at, n });
	}
	step(s, STEP_CLOSE, S(""));
}

static enum stop_reason
some_stop(const struct saying *s)
{
	if (s->calls > 0)
		return chance(2) == 0 ? STOP_TOOL : STOP_LENGTH;
	return chance(3) == 0 ? STOP_LENGTH : STOP_END;
}

static void
say(struct arena *a, step_f *f, void *arg, bool thoughts)
{
	struct saying s = { .a = a, .f = f, .arg = arg };
	struct stream_step start = {
		.kind = STEP_START, .id = S("id1"), .model = S("m")
	};
	struct usage u = { .input = 1000 + chance(100) };
	unsigned n = chance(3);

	u.cached = chance(500);
	u.output = 50 + chance(1000);
	u.reasoning = thoughts ? chance(40) : 0;
	f(arg, &start);
	if (thoughts && chance(2) == 0)
		say_text(&s, PART_REASONING);
	for (; n > 0; n--)
		say_text(&s, PART_TEXT);
	for (n = chance(4); n > 0; n--)
		say_call(&s);
	f(arg,
	    &(struct stream_step){ .kind = STEP_STOP, .stop = some_stop(&s) });
	f(arg, &(struct stream_step){
		   .kind = STEP_USAGE, .usage = u, .has_usage = true });
	f(arg, &(struct stream_step){ .kind = STEP_END });
}

/* --- what was said, as a text to be compared ----------------------------- */

static void
add_all(struct buf *b, const struct part *p, enum part_kind kind)
{
	for (; p != NULL; p = p->next) {
		if (p->kind == kind)
			buf_add(b, p->text);
	}
	buf_char(b, '|');
}

/* How a dialect writes the same JSON is its own affair. */
static void
add_args(struct buf *b, struct slice args)
{
	struct arena a = { 0 };
	struct json *j;

	if (json_parse(&a, args, &j) == FAULT_NONE)
		json_w_tree(b, j);
	else
		buf_add(b, args);
	arena_fini(&a);
}

static void
dump(struct buf *b, const struct completion *c)
{
	const struct part *p;

	add_all(b, c->first, PART_REASONING);
	add_all(b, c->first, PART_TEXT);
	for (p = c->first; p != NULL; p = p->next) {
		if (p->kind != PART_TOOL_CALL)
			continue;
		buf_add(b, p->id);
		buf_char(b, ' ');
		buf_add(b, p->name);
		buf_char(b, ' ');
		add_args(b, p->args);
		buf_char(b, '\n');
	}
	buf_fmt(b, "stop %d usage %llu %llu %llu", (int)c->stop,
	    (unsigned long long)c->usage.input,
	    (unsigned long long)c->usage.cached,
	    (unsigned long long)c->usage.output);
}

/* --- through a dialect --------------------------------------------------- */

struct writer {
	const struct codec *codec;
	struct encoding_out e;
	struct buf out;
};

static void
write_one(void *arg, const struct stream_step *s)
{
	struct writer *w = arg;

	w->codec->write_step(s, &w->e, &w->out);
}

struct reader {
	const struct codec *codec;
	struct decoding d;
	struct arena scratch;
	struct buf wrapped;
	bool bad;
};

static void
read_one(struct reader *r, struct slice name, struct slice data)
{
	if (r->codec->read_event(&r->d, name, data) != FAULT_NONE)
		r->bad = true;
	arena_fini(&r->scratch);
	r->scratch = (struct arena){ 0 };
}

static bool
on_event(void *arg, const struct sse_event *e)
{
	struct reader *r = arg;

	if (e->has_data && !r->d.ended)
		read_one(r, e->type, e->data);
	return true;
}

static bool
on_message(void *arg, const struct eventstream_message *m)
{
	struct reader *r = arg;

	buf_clear(&r->wrapped);
	buf_fmt(
	    &r->wrapped, "{\"%.*s\":%.*s}", S_FMT(m->event), S_FMT(m->payload));
	read_one(r, m->event, buf_slice(&r->wrapped));
	return true;
}

static const struct completion *
read_stream(
    const struct dialect *d, struct arena *a, struct slice bytes, size_t stride)
{
	struct gather *g = gather_new(a);
	struct reader r = { .codec = d->codec };
	struct sse sse = { .max = SIZE_MAX };
	struct eventstream es = { .max = SIZE_MAX };
	struct slice part;

	r.d = (struct decoding){
		.arena = a, .scratch = &r.scratch, .step = gather_step, .arg = g
	};
	for (; bytes.len > 0; bytes.p += part.len, bytes.len -= part.len) {
		part = (struct slice){ bytes.p,
			bytes.len < stride ? bytes.len : stride };
		if (d->framing == FRAMING_SSE)
			assert_int_equal(
			    sse_feed(&sse, part, on_event, NULL, &r),
			    FAULT_NONE);
		else
			assert_int_equal(
			    eventstream_feed(&es, part, on_message, NULL, &r),
			    FAULT_NONE);
	}
	if (d->framing == FRAMING_SSE)
		sse_end(&sse, on_event, NULL, &r);
	assert_false(r.bad);
	assert_int_equal(d->codec->read_end(&r.d), FAULT_NONE);
	sse_fini(&sse);
	eventstream_fini(&es);
	buf_fini(&r.wrapped);
	return gather_completion(g);
}

static struct conversation asked = { .n = 1,
	.parallel = -1,
	.schema_strict = -1,
	.wants_usage = true,
	.wants_reasoning = true,
	.stream = true };

static struct encoding_out
encoding(struct arena *a)
{
	return (struct encoding_out){ .arena = a,
		.asked = &asked,
		.id = S("req_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
		.model = S("m"),
		.created = 1000,
		.input = 100 };
}

static void
expect_same(const struct dialect *d, const struct completion *want,
    const struct completion *got, const char *how)
{
	struct buf a = { 0 }, b = { 0 };

	assert_non_null(got);
	dump(&a, want);
	dump(&b, got);
	if (!slice_eq(buf_slice(&a), buf_slice(&b)))
		fail_msg("%s, %s:\nwant %s\ngot  %s", d->name, how,
		    buf_cstr(&a), buf_cstr(&b));
	buf_fini(&a);
	buf_fini(&b);
}

static void
a_stream_cut_at_any_byte_is_what_was_said(void **state)
{
	struct arena a;
	struct writer w;
	struct gather *g;
	unsigned i, k;

	(void)state;
	for (k = 0; k < NELEM(dialects) && dialects[k]->codec != NULL; k++) {
		for (i = 0; i < ROUNDS; i++) {
			a = (struct arena){ 0 };
			g = gather_new(&a);
			w = (struct writer){ dialects[k]->codec, encoding(&a),
				{ 0 } };
			seed = i + 1;
			say(&a, gather_step, g, true);
			seed = i + 1;
			say(&a, write_one, &w, true);
			expect_same(dialects[k], gather_completion(g),
			    read_stream(
				dialects[k], &a, buf_slice(&w.out), SIZE_MAX),
			    "whole");
			expect_same(dialects[k], gather_completion(g),
			    read_stream(
				dialects[k], &a, buf_slice(&w.out), 1 + i % 7),
			    "in pieces");
			buf_fini(&w.out);
			arena_fini(&a);
		}
	}
}

static void
an_answer_is_what_was_said(void **state)
{
	struct completion got;
	struct encoding_out e;
	struct arena a;
	struct buf b;
	struct gather *g;
	unsigned i, k;

	(void)state;
	for (k = 0; k < NELEM(dialects) && dialects[k]->codec != NULL; k++) {
		for (i = 0; i < ROUNDS; i++) {
			a = (struct arena){ 0 };
			b = (struct buf){ 0 };
			got = (struct completion){ 0 };
			g = gather_new(&a);
			e = encoding(&a);
			seed = i + 1;
			say(&a, gather_step, g, true);
			dialects[k]->codec->write_answer(
			    gather_completion(g), &e, &b);
			assert_int_equal(dialects[k]->codec->read_answer(
					     &a, buf_slice(&b), &got),
			    FAULT_NONE);
			expect_same(
			    dialects[k], gather_completion(g), &got, "answer");
			buf_fini(&b);
			arena_fini(&a);
		}
	}
}

/* --- requests ------------------------------------------------------------ */

static void
dump_parts(struct buf *b, const struct part *p, unsigned depth)
{
	for (; p != NULL; p = p->next) {
		buf_fmt(b, "\n%u kind %d cache %d: ", depth, (int)p->kind,
		    (int)p->cache);
		buf_add(b, p->text);
		buf_fmt(b, "|%.*s|%.*s|%.*s|%.*s|%.*s|%d|%.*s %d|",
		    S_FMT(p->mime), S_FMT(p->data), S_FMT(p->url), S_FMT(p->id),
		    S_FMT(p->name), p->is_error, S_FMT(p->opaque),
		    (int)p->origin);
		if (p->kind == PART_TOOL_CALL)
			add_args(b, p->args);
		dump_parts(b, p->inner, depth + 1);
	}
}

static void
dump_asked(struct buf *b, const struct conversation *c)
{
	const struct turn *t;
	const struct tool *k;
	unsigned i;

	for (t = c->first; t != NULL; t = t->next) {
		buf_fmt(b, "\nturn %d", (int)t->speaker);
		dump_parts(b, t->first, 0);
	}
	for (k = c->tool; k != NULL; k = k->next) {
		buf_fmt(b, "\ntool %.*s (%.*s) strict %d cache %d ",
		    S_FMT(k->name), S_FMT(k->description), k->strict == 1,
		    (int)k->cache);
		buf_add(b, k->schema);
	}
	buf_fmt(b,
	    "\nchoice %d %d %.*s parallel %d stream %d most %llu t %.*s p "
	    "%.*s k %.*s format %d schema %.*s effort %d user %.*s",
	    c->choice_said, (int)c->choice, S_FMT(c->choice_name),
	    c->parallel == 0, c->stream, (unsigned long long)c->max_output,
	    S_FMT(c->temperature), S_FMT(c->top_p), S_FMT(c->top_k),
	    (int)c->format, S_FMT(c->schema), (int)c->effort, S_FMT(c->user));
	for (i = 0; i < c->nstop; i++)
		buf_fmt(b, " stop %.*s", S_FMT(c->stop[i]));
	buf_fmt(b,
	    " seed %.*s pen %.*s %.*s verb %.*s tier %.*s meta %.*s key "
	    "%.*s name %.*s off %d",
	    S_FMT(c->seed), S_FMT(c->presence_penalty),
	    S_FMT(c->frequency_penalty), S_FMT(c->verbosity), S_FMT(c->tier),
	    S_FMT(c->metadata), S_FMT(c->cache_key), S_FMT(c->schema_name),
	    c->thinking_off);
	for (i = 0; i < c->nallowed; i++)
		buf_fmt(b, " allowed %.*s", S_FMT(c->allowed[i]));
}

/* All that the dialect can say and its encoder takes for its own maker. */
static const struct {
	const struct dialect *dialect;
	const char *model, *body;
	enum vendor vendor;
} requests[] = {
	{ &dialect_openai_chat, "gpt-x",
	    "{\"model\":\"gpt-x\",\"messages\":[{\"role\":\"developer\","
	    "\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":[{"
	    "\"type\":\"text\",\"text\":\"What?\"},{\"type\":"
	    "\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,"
	    "AAAA\"}},{\"type\":\"image_url\",\"image_url\":{\"url\":"
	    "\"https://x/y.png\"}}]},{\"role\":\"assistant\",\"content\":"
	    "\"Let me see.\",\"tool_calls\":[{\"id\":\"call_1\",\"type\":"
	    "\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
	    "\"{\\\"n\\\":12345678901234567890}\"}},{\"id\":\"call_2\","
	    "\"type\":\"function\",\"function\":{\"name\":\"g\","
	    "\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":"
	    "\"call_1\",\"content\":\"one\"},{\"role\":\"tool\","
	    "\"tool_call_id\":\"call_2\",\"content\":\"two\"},{\"role\":"
	    "\"user\",\"content\":\"So?\"}],\"tools\":[{\"type\":"
	    "\"function\",\"function\":{\"name\":\"f\",\"description\":"
	    "\"does f\",\"parameters\":{\"type\":\"object\",\"properties\":{"
	    "\"n\":{\"type\":\"integer\",\"x-odd\":[1.50]}}},\"strict\":"
	    "true}},{\"type\":\"function\",\"function\":{\"name\":\"g\","
	    "\"parameters\":{\"type\":\"object\",\"properties\":{}}}}],"
	    "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":"
	    "\"g\"}},\"parallel_tool_calls\":false,\"max_completion_tokens\":"
	    "500,\"temperature\":0.70,\"top_p\":0.9,\"stop\":[\"A\",\"B\"],"
	    "\"reasoning_effort\":\"low\",\"stream\":true,"
	    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
	    "\"name\":\"s\",\"schema\":{\"type\":\"object\"},\"strict\":"
	    "true}}}",
	    VENDOR_OPENAI },
	{ &dialect_anthropic, "claude-opus-4-5",
	    "{\"model\":\"m\",\"max_tokens\":4000,\"system\":[{\"type\":"
	    "\"text\",\"text\":\"Be brief.\",\"cache_control\":{\"type\":"
	    "\"ephemeral\",\"ttl\":\"1h\"}}],\"messages\":[{\"role\":"
	    "\"user\",\"content\":[{\"type\":\"text\",\"text\":\"What?\","
	    "\"cache_control\":{\"type\":\"ephemeral\"}},{\"type\":"
	    "\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
	    "\"image/png\",\"data\":\"AAAA\"}},{\"type\":\"document\","
	    "\"title\":\"t\",\"source\":{\"type\":\"base64\","
	    "\"media_type\":\"application/pdf\",\"data\":\"BBBB\"}},{"
	    "\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":"
	    "\"https://x/y.pdf\"}}]},{\"role\":\"assistant\",\"content\":[{"
	    "\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":"
	    "\"c2ln\"},{\"type\":\"redacted_thinking\",\"data\":\"cmVk\"},"
	    "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":"
	    "\"b25seQ==\"},{\"type\":\"text\",\"text\":\"Let me see.\"},{"
	    "\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\","
	    "\"input\":{\"n\":12345678901234567890}},{\"type\":\"tool_use\","
	    "\"id\":\"toolu_2\",\"name\":\"f\",\"input\":{}}]},{\"role\":"
	    "\"user\",\"content\":[{\"type\":\"tool_result\","
	    "\"tool_use_id\":\"toolu_1\",\"content\":[{\"type\":\"text\","
	    "\"text\":\"one\"},{\"type\":\"image\",\"source\":{\"type\":"
	    "\"base64\",\"media_type\":\"image/png\",\"data\":\"CCCC\"}}]},"
	    "{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_2\","
	    "\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":"
	    "\"no\"}]},{\"type\":\"text\",\"text\":\"So?\"}]}],\"tools\":[{"
	    "\"name\":\"f\",\"description\":\"does f\",\"input_schema\":{"
	    "\"type\":\"object\",\"properties\":{\"n\":{\"x-odd\":[1.50]}}"
	    "},\"strict\":true,\"cache_control\":{\"type\":\"ephemeral\"}}],"
	    "\"tool_choice\":{\"type\":\"auto\","
	    "\"disable_parallel_tool_use\":true},\"stop_sequences\":[\"A\","
	    "\"B\"],\"temperature\":0.70,\"top_k\":5,\"metadata\":{"
	    "\"user_id\":\"u\"},\"stream\":true,\"output_config\":{"
	    "\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":"
	    "\"object\",\"additionalProperties\":false}}}}",
	    VENDOR_ANTHROPIC },
	{ &dialect_gemini, "gemini-3-pro",
	    "{\"systemInstruction\":{\"parts\":[{\"text\":\"Be brief.\"}]},"
	    "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":"
	    "\"What?\"},{\"inlineData\":{\"mimeType\":\"image/png\","
	    "\"data\":\"AAAA\"}}]},{\"role\":\"model\",\"parts\":[{"
	    "\"functionCall\":{\"id\":\"c1\",\"name\":\"f\",\"args\":{"
	    "\"n\":1}},\"thoughtSignature\":\"c2ln\"}]},{\"role\":\"user\","
	    "\"parts\":[{\"functionResponse\":{\"id\":\"c1\",\"name\":"
	    "\"f\",\"response\":{\"output\":\"one\"}}}]}],\"tools\":[{"
	    "\"functionDeclarations\":[{\"name\":\"f\",\"description\":"
	    "\"does f\",\"parametersJsonSchema\":{\"type\":\"object\","
	    "\"x-odd\":[1.50]}}]}],\"toolConfig\":{\"functionCallingConfig\":{"
	    "\"mode\":\"ANY\",\"allowedFunctionNames\":[\"f\"]}},"
	    "\"generationConfig\":{\"maxOutputTokens\":500,\"temperature\":"
	    "0.70,\"topP\":0.9,\"topK\":5,\"stopSequences\":[\"A\",\"B\"],"
	    "\"responseMimeType\":\"application/json\",\"responseJsonSchema\":"
	    "{\"type\":\"object\"}}}",
	    VENDOR_GOOGLE },
	{ &dialect_bedrock, "anthropic.claude-opus-4-5-v1:0",
	    "{\"system\":[{\"text\":\"Be brief.\"},{\"cachePoint\":{"
	    "\"type\":\"default\"}}],\"messages\":[{\"role\":\"user\","
	    "\"content\":[{\"text\":\"What?\"},{\"image\":{\"format\":"
	    "\"png\",\"source\":{\"bytes\":\"AAAA\"}}}]},{\"role\":"
	    "\"assistant\",\"content\":[{\"reasoningContent\":{"
	    "\"reasoningText\":{\"text\":\"hm\",\"signature\":\"c2ln\"}}},{"
	    "\"text\":\"Let me see.\"},{\"toolUse\":{\"toolUseId\":\"t1\","
	    "\"name\":\"f\",\"input\":{\"n\":1}}}]},{\"role\":\"user\","
	    "\"content\":[{\"toolResult\":{\"toolUseId\":\"t1\",\"content\":"
	    "[{\"text\":\"one\"},{\"image\":{\"format\":\"png\",\"source\":"
	    "{\"bytes\":\"CCCC\"}}}],\"status\":\"error\"}}]}],"
	    "\"inferenceConfig\":{\"maxTokens\":500,\"temperature\":0.70,"
	    "\"stopSequences\":[\"A\",\"B\"]},\"toolConfig\":{\"tools\":[{"
	    "\"toolSpec\":{\"name\":\"f\",\"description\":\"does f\","
	    "\"inputSchema\":{\"json\":{\"type\":\"object\",\"x-odd\":[1.50]"
	    "}}}}],\"toolChoice\":{\"any\":{}}}}",
	    VENDOR_ANTHROPIC },
	{ &dialect_openai_responses, "gpt-x",
	    "{\"model\":\"gpt-x\",\"store\":false,\"instructions\":\"Be "
	    "brief.\",\"input\":[{\"type\":\"message\",\"role\":\"user\","
	    "\"content\":[{\"type\":\"input_text\",\"text\":\"What?\"},{"
	    "\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,"
	    "AAAA\"}]},{\"type\":\"function_call\",\"call_id\":\"call_1\","
	    "\"name\":\"f\",\"arguments\":\"{\\\"n\\\":1}\"},{\"type\":"
	    "\"function_call_output\",\"call_id\":\"call_1\",\"output\":"
	    "\"one\"}],\"tools\":[{\"type\":\"function\",\"name\":\"f\","
	    "\"description\":\"does f\",\"parameters\":{\"type\":\"object\","
	    "\"x-odd\":[1.50]},\"strict\":true}],\"tool_choice\":\"required\","
	    "\"parallel_tool_calls\":false,\"max_output_tokens\":500,"
	    "\"reasoning\":{\"effort\":\"low\"},"
	    "\"stream\":true}",
	    VENDOR_OPENAI },
};

static void
decode_or_fail(struct arena *a, const struct dialect *d, struct slice body,
    struct conversation *c)
{
	struct wrong w = { 0 };

	*c = (struct conversation){
		.n = 1, .parallel = -1, .schema_strict = -1
	};
	if (d->codec->decode(a, body, c, &w) != FAULT_NONE)
		fail_msg("%s: %.*s %s", d->name, S_FMT(w.field),
		    w.hint != NULL ? w.hint : "");
}

static void
a_request_is_the_same_behind_its_own_dialect(void **state)
{
	struct conversation c, again;
	struct buf b, want, got;
	struct target t;
	struct wrong w = { 0 };
	struct arena a;
	uint64_t lost;
	unsigned i;

	(void)state;
	for (i = 0; i < NELEM(requests); i++) {
		const struct dialect *d = requests[i].dialect;

		a = (struct arena){ 0 };
		b = want = got = (struct buf){ 0 };
		lost = 0;
		t = (struct target){ .model = slice_of(requests[i].model),
			.max_output = 64000,
			.vendor = requests[i].vendor };
		decode_or_fail(&a, d, slice_of(requests[i].body), &c);
		assert_int_equal(
		    d->codec->encode(&a, &c, &t, &b, &lost, &w), FAULT_NONE);
		decode_or_fail(&a, d, buf_slice(&b), &again);
		/* A path says whether it streams, where bodies do not. */
		again.stream |= c.stream;
		dump_asked(&want, &c);
		dump_asked(&got, &again);
		if (!slice_eq(buf_slice(&want), buf_slice(&got)))
			fail_msg("%s:\nwant %s\ngot  %s\nin %s", d->name,
			    buf_cstr(&want), buf_cstr(&got), buf_cstr(&b));
		if (lost != 0)
			fail_msg(
			    "%s: lost %llx", d->name, (unsigned long long)lost);
		buf_fini(&b);
		buf_fini(&want);
		buf_fini(&got);
		arena_fini(&a);
	}
}

/* --- any request ---------------------------------------------------------- */

static struct part *
some_part(struct arena *a, struct part **list, enum speaker who)
{
	struct part *p = part_add(PARTS(list), a, PART_TEXT);

	p->text = some_text();
	if (chance(6) == 0)
		p->cache = CACHE_5M;
	if (who != SPEAKER_USER || chance(3) != 0)
		return p;
	p->text = S("");
	p->kind = chance(2) == 0 ? PART_IMAGE : PART_DOCUMENT;
	p->mime = p->kind == PART_IMAGE ? S("image/png") : S("application/pdf");
	p->data = S("AAAA");
	if (p->kind == PART_DOCUMENT)
		p->filename = S("a.pdf");
	return p;
}

static void
some_calls(struct arena *a, struct conversation *c, unsigned *calls)
{
	static const char *const ids[] = { "call_%u", "toolu_01ABC%u",
		"an id, with letters that nobody takes/%u",
		"an_id_that_is_longer_than_any_of_them_takes_so_that_it_must_"
		"be_cut_somewhere_%u" };
	struct turn *said = conversation_turn(c, a, SPEAKER_ASSISTANT);
	struct turn *back = conversation_turn(c, a, SPEAKER_USER);
	unsigned n = 1 + chance(3), first = *calls, i;
	struct part *p;

	if (chance(2) == 0)
		some_part(a, &said->first, SPEAKER_ASSISTANT);
	for (i = 0; i < n; i++) {
		const struct slice id =
		    slice_of(arena_fmt(a, ids[chance(NELEM(ids))], first + i));

		p = part_add(PARTS(&said->first), a, PART_TOOL_CALL);
		p->id = id;
		p->name = chance(2) == 0 ? S("f") : S("a name, not legal");
		p->args = S("{\"n\":12345678901234567890,\"s\":\"\\n\"}");
		p = part_add(PARTS(&back->first), a, PART_TOOL_RESULT);
		p->id = id;
		p->name = chance(2) == 0 ? S("f") : S("");
		p->is_error = chance(4) == 0;
		some_part(a, &p->inner, SPEAKER_ASSISTANT)->cache = CACHE_NONE;
		if (chance(4) == 0)
			some_part(a, &p->inner, SPEAKER_USER)->cache =
			    CACHE_NONE;
	}
	*calls += n;
	if (chance(2) == 0)
		some_part(a, &back->first, SPEAKER_USER);
}

static void
some_tools(struct arena *a, struct conversation *c)
{
	static const char *const names[] = { "f", "g", "a name, not legal" };
	struct tool **at = &c->tool;
	unsigned i, n = chance(4);

	for (i = 0; i < n; i++, at = &(*at)->next) {
		*at = ARENA_NEW(a, struct tool);
		(*at)->name = slice_of(names[i]);
		(*at)->description = chance(2) == 0 ? S("does it") : S("");
		(*at)->schema =
		    S("{\"type\":\"object\",\"x-odd\":[1.50,null]}");
		(*at)->strict = (int)chance(3) - 1;
	}
	if (n == 0)
		return;
	c->choice_said = chance(2) == 0;
	c->choice = (enum tool_choice)chance(4);
	c->choice_name = c->choice == CHOICE_NAMED ? S("f") : S("");
	c->parallel = (int)chance(3) - 1;
}

static void
some_numbers(struct conversation *c)
{
	c->max_output = chance(2) * 500;
	c->temperature = chance(2) == 0 ? S("0.70") : S("");
	c->top_p = chance(3) == 0 ? S("0.9") : S("");
	c->top_k = chance(4) == 0 ? S("5") : S("");
	c->seed = chance(4) == 0 ? S("12") : S("");
	c->presence_penalty = chance(6) == 0 ? S("0.5") : S("");
	c->nstop = chance(4) == 0 ? 2 : 0;
	c->stop[0] = S("A");
	c->stop[1] = S("B");
	c->effort = chance(3) == 0 ? EFFORT_LOW : EFFORT_NOT_SAID;
	c->user = chance(4) == 0 ? S("u") : S("");
	c->tier = chance(5) == 0 ? S("flex") : S("");
	c->metadata = chance(5) == 0 ? S("{\"k\":\"v\"}") : S("");
	c->cache_key = chance(5) == 0 ? S("k") : S("");
	c->verbosity = chance(5) == 0 ? S("low") : S("");
	c->format = chance(3) == 0 ? FORMAT_SCHEMA : FORMAT_TEXT;
	c->schema = S("{\"type\":\"object\",\"properties\":{}}");
	c->schema_name = chance(2) == 0 ? S("s") : S("");
}

static struct conversation *
some_request(struct arena *a)
{
	struct conversation *c = ARENA_NEW(a, struct conversation);
	unsigned n = 1 + chance(4), calls = 0;

	c->n = 1;
	c->parallel = c->schema_strict = -1;
	c->stream = chance(2) == 0;
	if (chance(2) == 0)
		some_part(a, &conversation_turn(c, a, SPEAKER_SYSTEM)->first,
		    SPEAKER_SYSTEM);
	for (; n > 0; n--) {
		some_part(a, &conversation_turn(c, a, SPEAKER_USER)->first,
		    SPEAKER_USER);
		if (chance(2) == 0)
			some_calls(a, c, &calls);
		else
			some_part(a,
			    &conversation_turn(c, a, SPEAKER_ASSISTANT)->first,
			    SPEAKER_ASSISTANT);
		if (chance(6) == 0)
			some_part(a,
			    &conversation_turn(c, a, SPEAKER_SYSTEM)->first,
			    SPEAKER_SYSTEM);
	}
	some_part(
	    a, &conversation_turn(c, a, SPEAKER_USER)->first, SPEAKER_USER);
	some_tools(a, c);
	some_numbers(c);
	return c;
}

/* What it says in a dialect; empty: it cannot. */
static struct slice
said_in(
    struct arena *a, unsigned k, const struct conversation *c, uint64_t *lost)
{
	const struct dialect *d = requests[k].dialect;
	const struct target t = { .model = slice_of(requests[k].model),
		.max_output = 64000,
		.vendor = requests[k].vendor };
	struct wrong w = { 0 };
	struct buf b = { 0 };
	struct slice out = S("");

	*lost = 0;
	if (d->codec->encode(a, c, &t, &b, lost, &w) == FAULT_NONE)
		out = arena_copy(a, buf_slice(&b));
	else
		assert_non_null(w.hint);
	buf_fini(&b);
	return out;
}

static void
expect_same_text(
    const char *who, unsigned n, struct slice want, struct slice got)
{
	size_t at = 0;

	while (at < want.len && at < got.len && want.p[at] == got.p[at])
		at++;
	if (at == want.len && at == got.len)
		return;
	at -= at > 60 ? 60 : at;
	fail_msg("%s, seed %u:\nonce  %.200s\nagain %.200s", who, n,
	    want.p + at, got.p + at);
}

/*
 * Once said in a dialect it is what that dialect can say: read and said
 * again it is the same, to the byte, and nothing more is lost.
 */
static void
any_request_is_itself_behind_its_own_dialect(void **state)
{
	unsigned i, k, whole = 0;

	(void)state;
	for (i = 0; i < 5 * ROUNDS; i++) {
		for (k = 0; k < NELEM(requests); k++) {
			struct arena a = { 0 };
			struct conversation c;
			struct slice once, again;
			uint64_t lost, before;

			seed = i + 1;
			once = said_in(&a, k, some_request(&a), &before);
			if (once.len > 0) {
				decode_or_fail(
				    &a, requests[k].dialect, once, &c);
				/* Where paths say it, bodies do not. */
				if (requests[k].dialect == &dialect_gemini ||
				    requests[k].dialect == &dialect_bedrock)
					c.stream = false;
				again = said_in(&a, k, &c, &lost);
				expect_same_text(requests[k].dialect->name,
				    i + 1, once, again);
				if ((lost & ~before) != 0)
					fail_msg("%s, seed %u, lost %llx",
					    requests[k].dialect->name, i + 1,
					    (unsigned long long)(lost &
								 ~before));
				whole++;
			}
			arena_fini(&a);
		}
	}
	assert_true(whole > 4 * ROUNDS);
}

/* Whatever a caller says, each provider's body is what that dialect reads. */
static void
every_pair_of_dialects_understands_each_other(void **state)
{
	struct conversation c, there;
	struct wrong w = { 0 };
	struct target t;
	struct arena a;
	struct buf b;
	uint64_t lost = 0;
	unsigned i, k;

	(void)state;
	for (i = 0; i < NELEM(requests); i++) {
		for (k = 0; k < NELEM(requests); k++) {
			const struct dialect *d = requests[k].dialect;

			a = (struct arena){ 0 };
			b = (struct buf){ 0 };
			t = (struct target){ .model =
						 slice_of(requests[k].model),
				.max_output = 64000,
				.vendor = requests[k].vendor };
			decode_or_fail(&a, requests[i].dialect,
			    slice_of(requests[i].body), &c);
			/* What cannot be said is refused with its field. */
			if (d->codec->encode(&a, &c, &t, &b, &lost, &w) ==
			    FAULT_FIELD) {
				assert_non_null(w.hint);
			} else {
				decode_or_fail(&a, d, buf_slice(&b), &there);
				assert_true(
				    conversation_has_tool_parts(&there));
				assert_true(
				    slice_eq(there.tool->name, c.tool->name));
			}
			buf_fini(&b);
			arena_fini(&a);
		}
	}
}

/* --- very many ------------------------------------------------------------ */

static struct part *
one_call(struct arena *a, struct parts *to, enum part_kind kind, unsigned n)
{
	struct part *p = part_add(to, a, kind);

	p->id = slice_of(arena_fmt(a, "call_%u", n));
	p->name = slice_of(arena_fmt(a, "f%u", n));
	p->args = S("{}");
	if (kind == PART_TOOL_RESULT)
		part_add(PARTS(&p->inner), a, PART_TEXT)->text = S("r");
	return p;
}

static struct parts
in_turn(struct arena *a, struct conversation *c, enum speaker who)
{
	return (struct parts){ .end = &conversation_turn(c, a, who)->first };
}

static void
many_parts(struct arena *a, struct conversation *c, unsigned n)
{
	struct parts to = in_turn(a, c, SPEAKER_USER);
	unsigned i;

	for (i = 0; i < n; i++)
		part_add(&to, a, PART_TEXT)->text = S("x");
}

static void
many_turns(struct arena *a, struct conversation *c, unsigned n)
{
	struct parts to;
	unsigned i;

	for (i = 0; i < n; i++) {
		to =
		    in_turn(a, c, i % 4 < 3 ? SPEAKER_USER : SPEAKER_ASSISTANT);
		part_add(&to, a, PART_TEXT)->text = S("x");
	}
}

/* Results stand the other way around, each in a turn of its own. */
static void
many_calls(struct arena *a, struct conversation *c, unsigned n)
{
	struct parts to = in_turn(a, c, SPEAKER_USER);
	unsigned i;

	part_add(&to, a, PART_TEXT)->text = S("go");
	to = in_turn(a, c, SPEAKER_ASSISTANT);
	for (i = 0; i < n; i++)
		one_call(a, &to, PART_TOOL_CALL, i);
	for (i = n; i > 0; i--) {
		to = in_turn(a, c, SPEAKER_USER);
		one_call(a, &to, PART_TOOL_RESULT, i - 1);
	}
}

static void
many_tools(struct arena *a, struct conversation *c, unsigned n)
{
	struct tool **at = &c->tool;
	unsigned i;

	many_parts(a, c, 1);
	for (i = 0; i < n; i++, at = &(*at)->next) {
		*at = ARENA_NEW(a, struct tool);
		(*at)->name = slice_of(arena_fmt(a, "an odd name/%u", i));
		(*at)->strict = -1;
	}
}

static struct conversation *
none_yet(struct arena *a)
{
	struct conversation *c = ARENA_NEW(a, struct conversation);

	c->n = 1;
	c->parallel = c->schema_strict = -1;
	return c;
}

static double
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double
request_ms(struct arena *a, unsigned from, unsigned to, struct slice body)
{
	const double start = cpu_ms();
	struct conversation c;
	uint64_t lost;

	decode_or_fail(a, requests[from].dialect, body, &c);
	assert_true(said_in(a, to, &c, &lost).len > 0);
	return cpu_ms() - start;
}

/* A provider's answer: its calls, by the names that the tools were given. */
static double
answer_ms(struct arena *a, unsigned from, unsigned to, struct slice body,
    const struct conversation *c)
{
	const double start = cpu_ms();
	struct gather *g = gather_new(a);
	struct homeward home = {
		.arena = a, .asked = c, .step = gather_step, .arg = g
	};
	struct encoding_out e = {
		.arena = a, .asked = c, .id = S("req_1"), .model = S("m")
	};
	struct completion done = { 0 };
	struct buf b = { 0 };

	assert_int_equal(
	    requests[from].dialect->codec->read_answer(a, body, &done),
	    FAULT_NONE);
	completion_steps(&done, homeward_step, &home);
	requests[to].dialect->codec->write_answer(gather_completion(g), &e, &b);
	assert_non_null(memmem(b.p, b.len, "an odd name/1", 13));
	buf_fini(&b);
	return cpu_ms() - start;
}

static struct slice
many_answered(struct arena *a, unsigned from, const struct conversation *c)
{
	const struct conversation none = { 0 };
	struct encoding_out e = {
		.arena = a, .asked = &none, .id = S("req_1"), .model = S("m")
	};
	struct completion in = { .id = S("x"), .stop = STOP_TOOL };
	struct parts to = { .end = &in.first };
	struct buf b = { 0 };
	const struct tool *t;
	struct slice out;
	unsigned n = 0;

	for (t = c->tool; t != NULL; t = t->next)
		one_call(a, &to, PART_TOOL_CALL, n++)->name =
		    codec_tool_name(a, t->name, NULL);
	requests[from].dialect->codec->write_answer(&in, &e, &b);
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

enum { FEW = 4000, MANY = 4 * FEW, SLACK_MS = 20 };

static const struct {
	const char *name;
	void (*make)(struct arena *a, struct conversation *c, unsigned n);
	unsigned part; /* of as many: there may be fewer tools */
	bool answer;
} shapes[] = {
	{ "parts", many_parts, 1, false },
	{ "turns", many_turns, 1, false },
	{ "calls", many_calls, 2, false },
	{ "tools", many_tools, 2, false },
	{ "answered calls", many_tools, 1, true },
};

static double
translation_ms(unsigned shape, unsigned from, unsigned to, unsigned n)
{
	struct arena a = { 0 }, b = { 0 };
	struct conversation *c = none_yet(&a);
	uint64_t lost;
	double ms;

	shapes[shape].make(&a, c, n / shapes[shape].part);
	ms = shapes[shape].answer
		 ? answer_ms(&b, from, to, many_answered(&a, from, c), c)
		 : request_ms(&b, from, to, said_in(&a, from, c, &lost));
	arena_fini(&b);
	arena_fini(&a);
	return ms;
}

/* Once in three times, on a machine that others use too. */
static void
expect_growth(unsigned shape, unsigned from, unsigned to)
{
	double few = 0, many = 1e9;
	int i;

	for (i = 0; i < 3 && many > 10 * few + SLACK_MS; i++) {
		few = translation_ms(shape, from, to, FEW);
		many = translation_ms(shape, from, to, MANY);
	}
	if (many > 10 * few + SLACK_MS)
		fail_msg("%s, %s to %s: %.1f ms, four times as many: %.1f ms",
		    shapes[shape].name, requests[from].dialect->name,
		    requests[to].dialect->name, few, many);
}

/* Four times as much is to take about four times as long: what walks past all
 * that is there for each takes sixteen times. */
static void
four_times_as_many_take_no_ten_times_as_long(void **state)
{
	unsigned s, i, k;

	(void)state;
	for (s = 0; s < NELEM(shapes); s++) {
		for (i = 0; i < NELEM(requests); i++) {
			for (k = 0; k < NELEM(requests); k++)
				expect_growth(s, i, k);
		}
	}
}

/* --- too many ------------------------------------------------------------- */

/* A body with one more than there may be in one list, for each caller. */
static void
more_than_a_request_may_have_are_refused(void **state)
{
	static const struct {
		const struct dialect *dialect;
		const char *head, *item, *tail, *field;
		unsigned most;
	} rows[] = {
#define ROW(dialect, head, item, tail, field) \
	{ &dialect_##dialect, head, item, tail, field, ITEMS_MAX }
		ROW(openai_chat, "{\"messages\":[", "{\"role\":\"user\"}", "]}",
		    "messages"),
		ROW(openai_chat,
		    "{\"messages\":[{\"role\":\"user\",\"content\":[", "\"\"",
		    "]}]}", "messages"),
		ROW(openai_chat,
		    "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[",
		    "{}", "]}]}", "messages"),
		ROW(anthropic, "{\"messages\":[", "{\"role\":\"user\"}", "]}",
		    "messages"),
		ROW(anthropic,
		    "{\"messages\":[{\"role\":\"user\",\"content\":[",
		    "{\"type\":\"text\"}", "]}]}", "messages"),
		ROW(openai_responses, "{\"input\":[", "{\"role\":\"user\"}",
		    "]}", "input"),
		ROW(gemini, "{\"contents\":[", "{}", "]}", "contents"),
		ROW(gemini, "{\"contents\":[{\"parts\":[", "{}", "]}]}",
		    "contents.parts"),
		ROW(bedrock, "{\"messages\":[",
		    "{\"role\":\"user\",\"content\":[]}", "]}", "messages"),
		ROW(bedrock, "{\"messages\":[{\"role\":\"user\",\"content\":[",
		    "{\"text\":\"\"}", "]}]}", "messages.content"),
#undef ROW
	};
	struct conversation c;
	struct wrong w;
	struct arena a;
	struct buf b;
	unsigned i, k;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		a = (struct arena){ 0 };
		b = (struct buf){ 0 };
		c = (struct conversation){ 0 };
		w = (struct wrong){ 0 };
		buf_str(&b, rows[i].head);
		for (k = 0; k < rows[i].most + 1; k++) {
			buf_str(&b, k > 0 ? "," : "");
			buf_str(&b, rows[i].item);
		}
		buf_str(&b, rows[i].tail);
		assert_int_equal(
		    rows[i].dialect->codec->decode(&a, buf_slice(&b), &c, &w),
		    FAULT_FIELD);
		assert_true(slice_eq(w.field, slice_of(rows[i].field)));
		assert_non_null(strstr(w.hint, "kontor translates"));
		assert_true(a.total < 32 * 1024 * 1024);
		buf_fini(&b);
		arena_fini(&a);
	}
}

static void
more_tools_than_a_request_may_have_are_refused(void **state)
{
	struct conversation c;
	struct wrong w;
	struct arena a;
	uint64_t lost;
	unsigned i;

	(void)state;
	for (i = 0; i < NELEM(requests); i++) {
		a = (struct arena){ 0 };
		w = (struct wrong){ 0 };
		struct conversation *asks = none_yet(&a);

		many_tools(&a, asks, TOOLS_MAX + 1);
		c = *none_yet(&a);
		assert_int_equal(requests[i].dialect->codec->decode(
				     &a, said_in(&a, i, asks, &lost), &c, &w),
		    FAULT_FIELD);
		assert_non_null(strstr(w.hint, "kontor translates"));
		arena_fini(&a);
	}
}

static void
more_than_an_answer_may_have_are_garbage(void **state)
{
	struct completion done;
	struct slice body;
	struct arena a;
	unsigned i, n;

	(void)state;
	for (i = 0; i < NELEM(requests); i++) {
		for (n = ITEMS_MAX; n <= ITEMS_MAX + 1; n++) {
			a = (struct arena){ 0 };
			struct conversation *asks = none_yet(&a);

			many_tools(&a, asks, n);
			body = many_answered(&a, i, asks);
			done = (struct completion){ 0 };
			assert_int_equal(
			    requests[i].dialect->codec->read_answer(
				&a, body, &done),
			    n > ITEMS_MAX ? FAULT_UP_GARBAGE : FAULT_NONE);
			arena_fini(&a);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_cut_at_any_byte_is_what_was_said),
		cmocka_unit_test(an_answer_is_what_was_said),
		cmocka_unit_test(a_request_is_the_same_behind_its_own_dialect),
		cmocka_unit_test(any_request_is_itself_behind_its_own_dialect),
		cmocka_unit_test(every_pair_of_dialects_understands_each_other),
		cmocka_unit_test(four_times_as_many_take_no_ten_times_as_long),
		cmocka_unit_test(more_than_a_request_may_have_are_refused),
		cmocka_unit_test(
		    more_tools_than_a_request_may_have_are_refused),
		cmocka_unit_test(more_than_an_answer_may_have_are_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

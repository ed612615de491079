#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "dialect/dialect.h"
#include "http/eventstream.h"

#define ANTHROPIC \
	"{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]," \
	"\"max_tokens\":9,\"anthropic_version\":\"bedrock-2023-05-31\"}"
#define NOVA \
	"{\"schemaVersion\":\"messages-v1\",\"messages\":[{\"role\":\"user\"," \
	"\"content\":[{\"text\":\"hi\"}]}],\"inferenceConfig\":{" \
	"\"max_new_tokens\":9,\"topK\":5}}"

static void
either_body_is_understood(void **state)
{
	static const char *const bodies[] = { ANTHROPIC, NOVA };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bodies); i++) {
		struct conversation c = { 0 };
		struct arena a = { 0 };
		struct wrong w = { 0 };
		const struct dialect *d =
		    dialect_invoke.which(slice_of(bodies[i]));
		struct ask q;

		assert_ptr_equal(
		    d, i == 0 ? &dialect_invoke_claude : &dialect_invoke);
		assert_int_equal(
		    d->ask(&a, slice_of(bodies[i]), &q), FAULT_NONE);
		assert_true(q.model_elsewhere);
		assert_int_equal(
		    d->codec->decode(&a, slice_of(bodies[i]), &c, &w),
		    FAULT_NONE);
		assert_int_equal(c.max_output, 9);
		assert_true(slice_eq(c.top_k, i == 0 ? S("") : S("5")));
		assert_true(slice_eq(c.first->first->text, S("hi")));
		arena_fini(&a);
	}
}

/* The payloads of chunks, one a line. */
static bool
on_message(void *arg, const struct eventstream_message *m)
{
	struct arena a = { 0 };
	struct json *j;

	assert_true(slice_eq(m->event, S("chunk")));
	assert_int_equal(json_parse(&a, m->payload, &j), FAULT_NONE);
	assert_true(text_base64_parse(arg, json_get_str(j, "bytes")));
	buf_char(arg, '\n');
	arena_fini(&a);
	return true;
}

struct writer {
	const struct dialect *dialect;
	struct encoding_out e;
	struct buf out;
};

static void
on_step(void *arg, const struct stream_step *s)
{
	struct writer *w = arg;

	w->dialect->codec->write_step(s, &w->e, &w->out);
}

static void
a_stream_is_the_body_s_own_in_chunks(void **state)
{
	struct part text = { .kind = PART_TEXT, .text = S("hello") };
	const struct completion done = { .first = &text,
		.stop = STOP_END,
		.has_usage = true,
		.usage = { .input = 9, .output = 4 } };
	unsigned variant;

	(void)state;
	for (variant = 0; variant < 2; variant++) {
		const struct conversation asked = { 0 };
		struct eventstream s = { .max = 1 << 20 };
		struct arena a = { 0 };
		struct writer w = { .dialect = variant == 1
						   ? &dialect_invoke_claude
						   : &dialect_invoke,
			.e = { .arena = &a,
			    .asked = &asked,
			    .model = S("m"),
			    .id = S("req_0") } };
		struct buf seen = { 0 };

		completion_steps(&done, on_step, &w);
		assert_int_equal(eventstream_feed(&s, buf_slice(&w.out),
				     on_message, NULL, &seen),
		    FAULT_NONE);
		assert_int_equal(eventstream_end(&s), FAULT_NONE);
		assert_non_null(strstr(buf_cstr(&seen),
		    variant == 1 ? "{\"type\":\"message_start\""
				 : "{\"messageStart\":{"));
		assert_non_null(strstr(buf_cstr(&seen), "hello"));
		assert_non_null(strstr(buf_cstr(&seen),
		    variant == 1 ? "{\"type\":\"message_stop\"}"
				 : "{\"metadata\":{"));
		eventstream_fini(&s);
		buf_fini(&seen);
		buf_fini(&w.out);
		arena_fini(&a);
	}
}

/* --- as a provider ------------------------------------------------------- */

static void
a_body_for_bedrock_has_a_version_and_neither_model_nor_stream(void **state)
{
	struct arena a = { 0 };
	struct conversation c = { .stream = true, .n = 1 };
	const struct target t = { .model = S("anthropic.x"),
		.max_output = 64,
		.vendor = VENDOR_ANTHROPIC };
	struct wrong w = { 0 };
	struct buf out = { 0 };
	struct json *j;
	uint64_t lost;

	(void)state;
	assert_int_equal(dialect_openai_chat.codec->decode(&a,
			     S("{\"model\":\"m\",\"messages\":[{\"role\":"
			       "\"user\",\"content\":\"hi\"}]}"),
			     &c, &w),
	    FAULT_NONE);
	c.stream = true;
	assert_int_equal(
	    dialect_invoke_claude.codec->encode(&a, &c, &t, &out, &lost, &w),
	    FAULT_NONE);
	assert_int_equal(json_parse(&a, buf_slice(&out), &j), FAULT_NONE);
	assert_true(slice_eq(
	    json_get_str(j, "anthropic_version"), S("bedrock-2023-05-31")));
	assert_null(json_get(j, "model"));
	assert_null(json_get(j, "stream"));
	assert_non_null(json_get(j, "messages"));
	buf_fini(&out);
	arena_fini(&a);
}

static void
chunk(struct buf *b, const char *event)
{
	buf_clear(b);
	buf_str(b, "{\"chunk\":{\"p\":\"abc\",\"bytes\":\"");
	text_base64_write(b, slice_of(event));
	buf_str(b, "\"}}");
}

struct heard {
	unsigned n, error, end;
};

static void
on_heard(void *arg, const struct stream_step *s)
{
	struct heard *h = arg;

	h->n++;
	h->error += s->kind == STEP_ERROR;
	h->end += s->kind == STEP_END;
}

static void
chunks_are_read_and_an_exception_ends_them(void **state)
{
	static const char *const events[] = {
		"{\"type\":\"message_start\",\"message\":{\"type\":"
		"\"message\",\"content\":[],\"usage\":{\"input_tokens\":5,"
		"\"output_tokens\":1}}}",
		"{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
		"\"end_turn\"},\"usage\":{\"output_tokens\":7}}",
		"{\"type\":\"message_stop\",\"amazon-bedrock-"
		"invocationMetrics\":{\"inputTokenCount\":5}}",
	};
	struct arena a = { 0 };
	struct heard heard = { 0 };
	struct decoding d = { .arena = &a, .step = on_heard, .arg = &heard };
	struct tally t = { 0 };
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(events); i++) {
		chunk(&b, events[i]);
		assert_int_equal(dialect_invoke_claude.event(buf_slice(&b), &t),
		    i == 2 ? EVENT_DONE : EVENT_PASS);
		assert_int_equal(dialect_invoke_claude.codec->read_event(
				     &d, S("chunk"), buf_slice(&b)),
		    FAULT_NONE);
	}
	assert_true(t.has_usage);
	assert_int_equal(t.usage.input, 5);
	assert_int_equal(t.usage.output, 7);
	assert_int_equal(heard.end, 1);
	t = (struct tally){ 0 };
	heard = (struct heard){ 0 };
	d = (struct decoding){ .arena = &a, .step = on_heard, .arg = &heard };
	assert_int_equal(
	    dialect_invoke_claude.event(
		S("{\"throttlingException\":{\"message\":\"slow\"}}"), &t),
	    EVENT_PASS);
	assert_true(t.failed);
	assert_int_equal(
	    dialect_invoke_claude.codec->read_event(&d,
		S("throttlingException"),
		S("{\"throttlingException\":{\"message\":\"slow\"}}")),
	    FAULT_NONE);
	assert_int_equal(heard.error, 1);
	/* Base64 that is none. */
	assert_int_equal(dialect_invoke_claude.event(
			     S("{\"chunk\":{\"bytes\":\"@@\"}}"), &t),
	    EVENT_BAD);
	buf_fini(&b);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(either_body_is_understood),
		cmocka_unit_test(a_stream_is_the_body_s_own_in_chunks),
		cmocka_unit_test(
		    a_body_for_bedrock_has_a_version_and_neither_model_nor_stream),
		cmocka_unit_test(chunks_are_read_and_an_exception_ends_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

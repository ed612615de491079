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
		struct ask q;

		assert_int_equal(
		    dialect_invoke.ask(&a, slice_of(bodies[i]), &q),
		    FAULT_NONE);
		assert_true(q.model_elsewhere);
		assert_int_equal(dialect_invoke.codec->decode(
				     &a, slice_of(bodies[i]), &c, &w),
		    FAULT_NONE);
		assert_int_equal(c.max_output, 9);
		assert_int_equal(c.variant, i == 0);
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
	struct encoding_out e;
	struct buf out;
};

static void
on_step(void *arg, const struct stream_step *s)
{
	struct writer *w = arg;

	dialect_invoke.codec->write_step(s, &w->e, &w->out);
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
		const struct conversation asked = { .variant = variant };
		struct eventstream s = { .max = 1 << 20 };
		struct arena a = { 0 };
		struct writer w = { .e = { .arena = &a,
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(either_body_is_understood),
		cmocka_unit_test(a_stream_is_the_body_s_own_in_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

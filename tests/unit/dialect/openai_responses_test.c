#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/dialect.h"

static const struct dialect *const responses = &dialect_openai_responses;

static void
what_money_depends_on_is_read(void **state)
{
	struct slice part[EDIT_PARTS];
	const struct edits e = {
		.name = S("gpt"), .clamp = 5, .limit = S("max_output_tokens")
	};
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct ask q;
	unsigned i, n;

	(void)state;
	assert_int_equal(
	    responses->ask(&a,
		S("{\"model\":\"m\",\"stream\":true,\"max_output_tokens\":70,"
		  "\"service_tier\":\"flex\",\"tools\":[{\"type\":\"function\"}"
		  ",{\"type\":\"custom\"}],\"input\":[{\"role\":\"user\","
		  "\"content\":[{\"type\":\"input_image\",\"image_url\":"
		  "\"data:x\"}]}]}"),
		&q),
	    FAULT_NONE);
	assert_true(q.stream && !q.unseen && !q.hosted_tool);
	assert_int_equal(q.max_output, 70);
	assert_true(q.lanes & LANE_BIT(LANE_IMAGE_INPUT));
	assert_true(slice_eq(q.tier, S("flex")));
	n = ask_edit(&q, &a, &e, part);
	for (i = 0; i < n; i++)
		buf_add(&b, part[i]);
	assert_memory_equal(b.p,
	    "{\"model\":\"gpt\",\"stream\":true,\"max_output_tokens\":5,", 48);
	assert_int_equal(
	    responses->ask(&a,
		S("{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":"
		  "\"web_search\"}],\"max_output_tokens\":null}"),
		&q),
	    FAULT_NONE);
	assert_true(q.hosted_tool);
	assert_int_equal(q.max_output, 0);
	buf_fini(&b);
	arena_fini(&a);
}

static void
what_kontor_does_not_keep_is_refused_by_name(void **state)
{
	static const struct {
		const char *body, *param;
	} bad[] = {
		{ "{\"previous_response_id\":\"resp_1\"}",
		    "previous_response_id" },
		{ "{\"conversation\":\"conv_1\"}", "conversation" },
		{ "{\"background\":true}", "background" },
		{ "{\"input\":7}", "input" },
		{ "{\"max_output_tokens\":0}", "max_output_tokens" },
		{ "{\"stream\":1}", "stream" },
		{ "{\"model\":\"\"}", "model" },
		{ "{\"tools\":{}}", "tools" },
		{ "[]", "" },
	};
	struct arena a = { 0 };
	struct ask q;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		assert_int_equal(
		    responses->ask(&a, slice_of(bad[i].body), &q), FAULT_FIELD);
		assert_true(slice_eq(q.param, slice_of(bad[i].param)));
	}
	assert_int_equal(
	    responses->ask(&a, S("{\"model\":\"a\",\"model\":\"b\"}"), &q),
	    FAULT_JSON_DUPLICATE);
	assert_int_equal(
	    responses->ask(&a,
		S("{\"previous_response_id\":null,\"background\":false,"
		  "\"model\":\"a\",\"input\":\"x\"}"),
		&q),
	    FAULT_NONE);
	arena_fini(&a);
}

#define USAGE \
	"\"usage\":{\"input_tokens\":100,\"input_tokens_details\":{" \
	"\"cached_tokens\":40,\"cache_write_tokens\":10},\"output_tokens\":" \
	"30," \
	"\"output_tokens_details\":{\"reasoning_tokens\":8},\"total_tokens\":" \
	"130}"

static void
usage_is_read_of_both_kinds_of_answer(void **state)
{
	static const char whole[] =
	    "{\"object\":\"response\",\"status\":\"completed\",\"output\":[{"
	    "\"type\":\"message\",\"content\":[{\"type\":\"output_text\","
	    "\"text\":\"abcd\"}]}],\"service_tier\":\"priority\"," USAGE "}";
	struct arena a = { 0 };
	struct tally t = { 0 }, s = { 0 };

	(void)state;
	assert_int_equal(responses->answer(slice_of(whole), &t), FAULT_NONE);
	assert_int_equal(
	    responses->event(slice_of(arena_fmt(&a,
				 "{\"type\":\"response.completed\","
				 "\"response\":%s}",
				 whole)),
		&s),
	    EVENT_DONE);
	assert_true(t.has_usage && t.finished && s.has_usage && s.finished);
	assert_memory_equal(&t.usage, &s.usage, sizeof(t.usage));
	assert_int_equal(t.usage.input, 100);
	assert_int_equal(t.usage.cached, 40);
	assert_int_equal(t.usage.cache_write, 10);
	assert_int_equal(t.usage.output, 30);
	assert_int_equal(t.usage.reasoning, 8);
	assert_int_equal(t.bytes, 4);
	assert_int_equal(s.bytes, 4);
	assert_int_equal(t.tier_len, 8);
	assert_int_equal(
	    responses->answer(S("{\"output\":[],\"status\":\"failed\"}"), &t),
	    FAULT_UP_GARBAGE);
	assert_int_equal(responses->answer(S("{}"), &t), FAULT_UP_GARBAGE);
	arena_fini(&a);
}

static void
events_are_told_apart(void **state)
{
	struct tally t = { 0 };

	(void)state;
	assert_int_equal(
	    responses->event(S("{\"type\":\"response.output_text.delta\","
			       "\"delta\":\"abc\",\"obfuscation\":\"zzzz\"}"),
		&t),
	    EVENT_PASS);
	assert_int_equal(t.bytes, 3);
	assert_int_equal(t.deltas, 1);
	assert_int_equal(responses->event(S("{\"x\":1}"), &t), EVENT_BAD);
	assert_int_equal(responses->event(S("{"), &t), EVENT_BAD);
	assert_false(t.failed);
	assert_int_equal(
	    responses->event(S("{\"type\":\"response.failed\",\"response\":{"
			       "\"error\":{\"message\":\"m\"}}}"),
		&t),
	    EVENT_PASS);
	assert_true(t.failed);
	t = (struct tally){ 0 };
	assert_int_equal(
	    responses->event(S("{\"type\":\"error\",\"message\":\"m\"}"), &t),
	    EVENT_PASS);
	assert_true(t.failed);
}

static void
errors_are_chat_s_and_an_event_of_its_own(void **state)
{
	const struct problem p = { .status = 502, .fault = FAULT_UP_RESET };
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct slice message;

	(void)state;
	responses->error(&b, &p);
	assert_true(responses->is_error(buf_slice(&b), &a, &message));
	buf_clear(&b);
	responses->error_event(&b, &p);
	assert_memory_equal(
	    b.p, "event: error\ndata: {\"type\":\"error\",\"code\":\"", 43);
	assert_false(responses->is_error(
	    S("{\"type\":\"response.failed\",\"response\":{\"error\":{"
	      "\"message\":\"m\"}}}"),
	    &a, &message));
	assert_true(slice_eq(message, S("m")));
	buf_fini(&b);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_money_depends_on_is_read),
		cmocka_unit_test(what_kontor_does_not_keep_is_refused_by_name),
		cmocka_unit_test(usage_is_read_of_both_kinds_of_answer),
		cmocka_unit_test(events_are_told_apart),
		cmocka_unit_test(errors_are_chat_s_and_an_event_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

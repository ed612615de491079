#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "dialect/bedrock.h"

#define HI "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}]"

static void
a_request_is_weighed(void **state)
{
	static const struct {
		const char *body;
		uint64_t most;
		bool unseen, hosted;
		const char *tier;
	} rows[] = {
		{ "{" HI "}", 0, false, false, "" },
		{ "{" HI ",\"inferenceConfig\":{\"maxTokens\":12}}", 12, false,
		    false, "" },
		{ "{" HI ",\"serviceTier\":{\"type\":\"flex\"}}", 0, false,
		    false, "flex" },
		{ "{" HI
		  ",\"toolConfig\":{\"tools\":[{\"systemTool\":{\"name\":"
		  "\"x\"}}]}}",
		    0, false, true, "" },
		{ "{\"messages\":[{\"role\":\"user\",\"content\":[{\"image\":{"
		  "\"format\":\"png\",\"source\":{\"s3Location\":{\"uri\":"
		  "\"s3://b/k\"}}}}]}]}",
		    0, true, false, "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		struct arena a = { 0 };
		struct ask q;

		assert_int_equal(
		    dialect_bedrock.ask(&a, slice_of(rows[i].body), &q),
		    FAULT_NONE);
		assert_int_equal(q.max_output, rows[i].most);
		assert_int_equal(q.unseen, rows[i].unseen);
		assert_int_equal(q.hosted_tool, rows[i].hosted);
		assert_true(slice_eq(q.tier, slice_of(rows[i].tier)));
		assert_true(q.model_elsewhere);
		arena_fini(&a);
	}
}

static void
a_clamp_goes_where_the_limit_is(void **state)
{
	static const struct {
		const char *body, *want;
	} rows[] = {
		{ "{" HI "}",
		    "{\"inferenceConfig\":{\"maxTokens\":9}," HI "}" },
		{ "{" HI ",\"inferenceConfig\":{\"maxTokens\":12}}",
		    "{" HI ",\"inferenceConfig\":{\"maxTokens\":9}}" },
		{ "{" HI ",\"inferenceConfig\":{\"topP\":1}}",
		    "{" HI
		    ",\"inferenceConfig\":{\"maxTokens\":9,\"topP\":1}}" },
		{ "{" HI ",\"inferenceConfig\":{}}",
		    "{" HI ",\"inferenceConfig\":{\"maxTokens\":9}}" },
	};
	const struct edits e = { .name = S("m"), .clamp = 9 };
	size_t i;
	unsigned n, k;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		struct slice part[EDIT_PARTS];
		struct arena a = { 0 };
		struct buf b = { 0 };
		struct ask q;

		assert_int_equal(
		    dialect_bedrock.ask(&a, slice_of(rows[i].body), &q),
		    FAULT_NONE);
		n = ask_edit(&q, &a, &e, part);
		for (k = 0; k < n; k++)
			buf_add(&b, part[k]);
		assert_string_equal(buf_cstr(&b), rows[i].want);
		buf_fini(&b);
		arena_fini(&a);
	}
}

/* --- usage: what AWS says, what is booked ------------------------------------
 */

struct golden {
	const char *usage; /* the object */
	bool has;
	struct usage want;
};

#define N(in, out) "\"inputTokens\":" #in ",\"outputTokens\":" #out

static const struct golden goldens[] = {
	{ "{" N(10, 5) ",\"totalTokens\":15}", true,
	    { .input = 10, .output = 5 } },
	{ "{" N(10, 5) "}", true, { .input = 10, .output = 5 } },
	{ "{" N(0, 0) "}", true, { .input = 0, .output = 0 } },
	/* Input is what the cache has nothing to do with. */
	{ "{" N(10, 5) ",\"totalTokens\":115,\"cacheReadInputTokens\":100}",
	    true, { .input = 110, .cached = 100, .output = 5 } },
	{ "{" N(10, 5) ",\"cacheWriteInputTokens\":100}", true,
	    { .input = 110, .cache_write = 100, .output = 5 } },
	{ "{" N(3, 4) ",\"cacheReadInputTokens\":2,\"cacheWriteInputTokens\":7,"
		      "\"cacheDetails\":[{\"ttl\":\"5m\",\"inputTokens\":2},{"
		      "\"ttl\":"
		      "\"1h\",\"inputTokens\":5}]}",
	    true,
	    { .input = 12,
		.cached = 2,
		.cache_write = 7,
		.cache_write_1h = 5,
		.output = 4 } },
	{ "{" N(3, 4) ",\"cacheWriteInputTokens\":7,\"cacheDetails\":[{\"ttl\":"
		      "\"1h\",\"inputTokens\":7}]}",
	    true,
	    { .input = 10,
		.cache_write = 7,
		.cache_write_1h = 7,
		.output = 4 } },
	{ "{" N(3, 4) ",\"cacheWriteInputTokens\":7,\"cacheDetails\":[{\"ttl\":"
		      "\"5m\",\"inputTokens\":7}]}",
	    true, { .input = 10, .cache_write = 7, .output = 4 } },
	{ "{" N(3, 4) ",\"cacheDetails\":[]}", true,
	    { .input = 3, .output = 4 } },
	{ "{" N(3, 4) ",\"cacheDetails\":null}", true,
	    { .input = 3, .output = 4 } },
	{ "{" N(3, 4) ",\"cacheReadInputTokens\":null}", true,
	    { .input = 3, .output = 4 } },
	/* Nova's own bodies spell it with Count. */
	{ "{" N(3, 4) ",\"cacheReadInputTokenCount\":6}", true,
	    { .input = 9, .cached = 6, .output = 4 } },
	{ "{" N(3, 4) ",\"cacheReadInputTokenCount\":6,"
		      "\"cacheWriteInputTokenCount\":1}",
	    true, { .input = 10, .cached = 6, .cache_write = 1, .output = 4 } },
	/* A total that is wrong is not believed, nor needed. */
	{ "{" N(3, 4) ",\"totalTokens\":999}", true,
	    { .input = 3, .output = 4 } },
	{ "{" N(3, 4) ",\"somethingNew\":{\"a\":[1]}}", true,
	    { .input = 3, .output = 4 } },
	{ "{" N(1e3, 4) "}", true, { .input = 1000, .output = 4 } },
	{ "{" N(10.0, 4) "}", true, { .input = 10, .output = 4 } },
	/* More of an hour than was written at all. */
	{ "{" N(3, 4) ",\"cacheWriteInputTokens\":1,\"cacheDetails\":[{\"ttl\":"
		      "\"1h\",\"inputTokens\":7}]}",
	    false, { 0 } },
	{ "{" N(-3, 4) "}", false, { 0 } },
	{ "{" N(3, -4) "}", false, { 0 } },
	{ "{" N(3.5, 4) "}", false, { 0 } },
	{ "{"
	  "\"inputTokens\":\"3\",\"outputTokens\":4"
	  "}",
	    false, { 0 } },
	{ "{" N(3, true) "}", false, { 0 } },
	{ "{" N(3, 4) ",\"cacheReadInputTokens\":-1}", false, { 0 } },
	{ "{" N(9223372036854775807, 4) "}", false, { 0 } },
	{ "{}", false, { 0 } },
	{ "null", false, { 0 } },
	{ "[]", false, { 0 } },
	{ "\"x\"", false, { 0 } },
};

static void
same_usage(const struct usage *a, const struct usage *b)
{
	assert_int_equal(a->input, b->input);
	assert_int_equal(a->cached, b->cached);
	assert_int_equal(a->cache_write, b->cache_write);
	assert_int_equal(a->cache_write_1h, b->cache_write_1h);
	assert_int_equal(a->output, b->output);
	assert_int_equal(a->reasoning, 0);
}

static void
usage_is_booked_as_aws_counts_it(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(goldens); i++) {
		const struct golden *g = &goldens[i];
		struct tally whole = { .finished = false };
		struct tally event = { .finished = false };
		struct arena a = { 0 };

		assert_int_equal(
		    dialect_bedrock.answer(
			slice_of(arena_fmt(&a,
			    "{\"output\":{\"message\":{\"role\":\"assistant\","
			    "\"content\":[]}},\"stopReason\":\"end_turn\","
			    "\"usage\":%s}",
			    g->usage)),
			&whole),
		    FAULT_NONE);
		assert_int_equal(
		    dialect_bedrock.event(
			slice_of(arena_fmt(&a,
			    "{\"metadata\":{\"usage\":%s,\"metrics\":{"
			    "\"latencyMs\":1}}}",
			    g->usage)),
			&event),
		    EVENT_PASS);
		if (whole.has_usage != g->has || event.has_usage != g->has)
			fail_msg("%s", g->usage);
		if (g->has) {
			same_usage(&whole.usage, &g->want);
			same_usage(&event.usage, &g->want);
		}
		arena_fini(&a);
	}
}

static void
events_are_seen_as_they_pass(void **state)
{
	struct tally t = { .finished = false };
	struct slice message;
	struct arena a = { 0 };

	(void)state;
	assert_int_equal(dialect_bedrock.event(
			     S("{\"contentBlockDelta\":{\"delta\":{\"text\":"
			       "\"four\"},\"contentBlockIndex\":0,\"p\":"
			       "\"abc\"}}"),
			     &t),
	    EVENT_PASS);
	assert_int_equal(t.bytes, 4);
	assert_false(t.finished);
	assert_int_equal(
	    dialect_bedrock.event(S("{\"messageStop\":{\"stopReason\":"
				    "\"max_tokens\"}}"),
		&t),
	    EVENT_PASS);
	assert_true(t.finished);
	assert_int_equal(
	    dialect_bedrock.event(S("{\"brandNew\":{\"x\":1}}"), &t),
	    EVENT_PASS);
	assert_false(t.failed);
	assert_int_equal(
	    dialect_bedrock.event(S("{\"metadata\":{]}"), &t), EVENT_BAD);
	assert_int_equal(
	    dialect_bedrock.event(
		S("{\"throttlingException\":{\"message\":\"slow\"}}"), &t),
	    EVENT_PASS);
	assert_true(t.failed);
	assert_true(dialect_bedrock.is_error(
	    S("{\"throttlingException\":{\"message\":\"slow\"}}"), &a,
	    &message));
	assert_true(slice_eq(message, S("slow")));
	arena_fini(&a);
}

static void
errors_are_sorted_as_aws_sorts_them(void **state)
{
	static const struct {
		int status;
		enum fault fault;
		const char *type;
	} rows[] = {
		{ 400, FAULT_FIELD, "ValidationException" },
		{ 401, FAULT_KEY, "UnrecognizedClientException" },
		{ 403, FAULT_MODEL_FORBIDDEN, "AccessDeniedException" },
		{ 404, FAULT_MODEL_UNKNOWN, "ResourceNotFoundException" },
		{ 413, FAULT_BODY_TOO_LARGE, "ValidationException" },
		{ 429, FAULT_RATE, "ThrottlingException" },
		{ 429, FAULT_BUDGET, "ServiceQuotaExceededException" },
		{ 500, FAULT_INTERNAL, "InternalServerException" },
		{ 502, FAULT_UP_RESET, "ServiceUnavailableException" },
		{ 503, FAULT_OVERLOAD, "ServiceUnavailableException" },
		{ 504, FAULT_UP_TIMEOUT, "ModelTimeoutException" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		const struct problem p = { .status = rows[i].status,
			.fault = rows[i].fault };

		assert_true(slice_eq(
		    dialect_bedrock.error_type(&p), slice_of(rows[i].type)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_weighed),
		cmocka_unit_test(a_clamp_goes_where_the_limit_is),
		cmocka_unit_test(usage_is_booked_as_aws_counts_it),
		cmocka_unit_test(events_are_seen_as_they_pass),
		cmocka_unit_test(errors_are_sorted_as_aws_sorts_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

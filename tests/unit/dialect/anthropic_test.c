#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "dialect/dialect.h"

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static enum fault
ask(struct arena *a, const char *body, struct ask *q)
{
	return dialect_anthropic.ask(a, slice_of(body), q);
}

static void
a_request_says_what_it_may_cost(void **state)
{
	struct arena a = { 0 };
	struct ask q;
	uint64_t in, out;

	(void)state;
	assert_int_equal(
	    ask(&a,
		"{\"model\":\"claude\\u002d1\",\"max_tokens\":77,\"stream\":"
		"true,\"service_tier\":\"standard_only\"," HI "}",
		&q),
	    FAULT_NONE);
	assert_true(slice_eq(q.model, S("claude-1")));
	assert_true(q.stream);
	assert_int_equal(q.max_output, 77);
	assert_true(slice_eq(
	    dialect_anthropic.tier(q.tier, S("priority")), S("standard")));
	assert_true(ask_bound(&q, 0, 0, &in, &out));
	assert_true(in >= q.body.len);
	assert_int_equal(out, 77);
	arena_fini(&a);
}

static void
a_limit_that_a_budget_leaves_goes_in_or_over_the_other(void **state)
{
	static const char *const bodies[] = {
		"{\"model\":\"m\",\"max_tokens\":100," HI "}",
		"{" HI ",\"model\":\"m\"}",
	};
	const struct edits e = { .name = S("claude-x"),
		.clamp = 9,
		.limit = S("max_completion_tokens") };
	struct slice part[EDIT_PARTS];
	struct arena a = { 0 };
	struct json *j;
	struct ask q;
	int64_t v;
	unsigned i, n;

	(void)state;
	for (i = 0; i < NELEM(bodies); i++) {
		assert_int_equal(ask(&a, bodies[i], &q), FAULT_NONE);
		n = ask_edit(&q, &a, &e, part);
		assert_int_equal(
		    json_parse(&a, arena_join(&a, part, n), &j), FAULT_NONE);
		assert_true(slice_eq(json_get_str(j, "model"), S("claude-x")));
		assert_true(json_get_i64(j, "max_tokens", &v));
		assert_int_equal(v, 9);
		assert_int_equal(j->n, 3);
	}
	arena_fini(&a);
}

static void
the_version_takes_the_model_s_place_where_the_path_has_it(void **state)
{
	static const struct {
		const char *body, *sent;
	} rows[] = {
		{ "{\"model\" : \"m\", \"x\":1e2," HI "}",
		    "{\"anthropic_version\":\"v\", \"x\":1e2," HI "}" },
		{ "{" HI ",\"mod\\u0065l\":\"m\"}",
		    "{" HI ",\"anthropic_version\":\"v\"}" },
	};
	struct edits e = {
		.name = S("n"), .version = S("v"), .no_model = true
	};
	struct slice part[EDIT_PARTS];
	struct arena a = { 0 };
	struct ask q;
	unsigned i, n;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		assert_int_equal(ask(&a, rows[i].body, &q), FAULT_NONE);
		n = ask_edit(&q, &a, &e, part);
		assert_true(
		    slice_eq(arena_join(&a, part, n), slice_of(rows[i].sent)));
	}
	e.no_model = false;
	n = ask_edit(&q, &a, &e, part);
	assert_true(slice_eq(arena_join(&a, part, n),
	    S("{\"anthropic_version\":\"v\"," HI ",\"mod\\u0065l\":\"n\"}")));
	arena_fini(&a);
}

static void
whether_it_streams_goes_where_the_path_says_it(void **state)
{
	static const struct {
		const char *body, *sent;
	} rows[] = {
		{ "{\"stream\" : true , \"model\":\"m\"," HI "}",
		    "{ \"anthropic_version\":\"v\",\"anthropic_beta\":[\"a\","
		    "\"b\"]," HI "}" },
		{ "{\"model\":\"m\"," HI " ,\n\"str\\u0065am\":false}",
		    "{\"anthropic_version\":\"v\",\"anthropic_beta\":[\"a\","
		    "\"b\"]," HI " }" },
		{ "{" HI ",\"stream\":null,\"model\":\"m\"}",
		    "{" HI ",\"anthropic_version\":\"v\",\"anthropic_beta\":["
		    "\"a\",\"b\"]}" },
		{ "{" HI ",\"model\":\"m\"}",
		    "{" HI ",\"anthropic_version\":\"v\",\"anthropic_beta\":["
		    "\"a\",\"b\"]}" },
	};
	const struct edits e = { .name = S("n"),
		.version = S("v"),
		.betas = S("a, b,"),
		.no_model = true,
		.no_stream = true };
	struct slice part[EDIT_PARTS];
	struct arena a = { 0 };
	struct ask q;
	unsigned i, n;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		assert_int_equal(ask(&a, rows[i].body, &q), FAULT_NONE);
		n = ask_edit(&q, &a, &e, part);
		assert_true(
		    slice_eq(arena_join(&a, part, n), slice_of(rows[i].sent)));
	}
	arena_fini(&a);
}

static void
what_the_body_does_not_show_is_unseen(void **state)
{
	static const struct {
		const char *block;
		bool unseen;
	} rows[] = {
		{ "{\"type\":\"text\",\"text\":\"x\"}", false },
		{ "{\"type\":\"image\",\"source\":{\"type\":\"base64\","
		  "\"data\":"
		  "\"AA==\"}}",
		    false },
		{ "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":"
		  "\"https://x\"}}",
		    true },
		{ "{\"type\":\"document\",\"source\":{\"type\":\"base64\","
		  "\"data\":\"AA==\"}}",
		    true },
		{ "{\"type\":\"document\",\"source\":{\"type\":\"text\","
		  "\"data\":"
		  "\"x\"}}",
		    false },
		{ "{\"type\":\"tool_result\",\"content\":[{\"type\":\"image\","
		  "\"source\":{\"type\":\"file\",\"file_id\":\"f\"}}]}",
		    true },
		{ "{\"type\":\"document\",\"source\":{\"type\":\"content\","
		  "\"content\":[{\"type\":\"image\",\"source\":{\"type\":"
		  "\"url\",\"url\":\"u\"}}]}}",
		    true },
		{ "{\"typ\\u0065\":\"image\"}", true },
	};
	struct arena a = { 0 };
	struct ask q;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		assert_int_equal(
		    ask(&a,
			arena_fmt(&a,
			    "{\"messages\":[{\"role\":\"user\",\"content\":["
			    "%s]}],\"model\":\"m\"}",
			    rows[i].block),
			&q),
		    FAULT_NONE);
		if (q.unseen != rows[i].unseen)
			fail_msg("%s", rows[i].block);
	}
	arena_fini(&a);
}

static void
tools_that_run_at_the_provider_need_a_cap(void **state)
{
	static const struct {
		const char *tool;
		bool hosted;
	} rows[] = {
		{ "{\"name\":\"f\",\"input_schema\":{}}", false },
		{ "{\"type\":\"custom\",\"name\":\"f\"}", false },
		{ "{\"type\":\"bash_20250124\",\"name\":\"bash\"}", false },
		{ "{\"type\":\"web_search_20250305\",\"name\":\"w\"}", true },
		{ "{\"type\":\"web_search_20250305\",\"max_uses\":3}", false },
		{ "{\"type\":\"something_new\",\"name\":\"w\"}", true },
		{ "{\"t\\u0079pe\":\"web_search_20250305\"}", true },
	};
	struct arena a = { 0 };
	struct ask q;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		assert_int_equal(
		    ask(&a,
			arena_fmt(&a, "{\"tools\":[%s],\"model\":\"m\"," HI "}",
			    rows[i].tool),
			&q),
		    FAULT_NONE);
		if (q.hosted_tool != rows[i].hosted)
			fail_msg("%s", rows[i].tool);
	}
	assert_int_equal(
	    ask(&a, "{\"mcp_servers\":[{\"url\":\"u\"}]," HI "}", &q),
	    FAULT_NONE);
	assert_true(q.hosted_tool);
	arena_fini(&a);
}

static void
doubt_is_refused(void **state)
{
	static const struct {
		const char *body;
		enum fault fault;
		const char *param;
	} rows[] = {
		{ "[]", FAULT_FIELD, "" },
		{ "{\"model\":\"m\"}", FAULT_FIELD, "messages" },
		{ "{" HI ",\"max_tokens\":0}", FAULT_FIELD, "max_tokens" },
		{ "{" HI ",\"max_tokens\":\"9\"}", FAULT_FIELD, "max_tokens" },
		{ "{" HI ",\"stream\":1}", FAULT_FIELD, "stream" },
		{ "{" HI ",\"model\":7}", FAULT_FIELD, "model" },
		{ "{" HI ",\"model\":\"a\",\"mod\\u0065l\":\"b\"}",
		    FAULT_JSON_DUPLICATE, "model" },
		{ "{" HI "} x", FAULT_JSON, "" },
		{ "{\"messages\":[\"x\"]}", FAULT_FIELD, "messages" },
		{ "{" HI ",\"tools\":7}", FAULT_FIELD, "tools" },
	};
	struct arena a = { 0 };
	struct ask q;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		if (ask(&a, rows[i].body, &q) != rows[i].fault ||
		    !slice_eq(q.param, slice_of(rows[i].param)))
			fail_msg("%s", rows[i].body);
	}
	arena_fini(&a);
}

static void
a_count_is_free_and_an_answer_of_its_own(void **state)
{
	struct arena a = { 0 };
	struct tally t = { 0 };
	struct ask q;
	uint64_t in = 1, out = 1;

	(void)state;
	assert_int_equal(
	    dialect_anthropic_count.ask(&a, S("{\"model\":\"m\"," HI "}"), &q),
	    FAULT_NONE);
	assert_true(ask_bound(&q, 0, 0, &in, &out));
	assert_true(in == 0 && out == 0);
	assert_int_equal(
	    dialect_anthropic_count.answer(S("{\"input_tokens\":2095}"), &t),
	    FAULT_NONE);
	assert_true(t.has_usage && t.usage.input == 0);
	assert_int_equal(dialect_anthropic_count.answer(S("{\"x\":1}"), &t),
	    FAULT_UP_GARBAGE);
	arena_fini(&a);
}

static void
a_stream_ends_and_fails_in_its_own_words(void **state)
{
	struct tally t = { 0 };

	(void)state;
	assert_int_equal(
	    dialect_anthropic.event(S("{\"type\":\"ping\"}"), &t), EVENT_PASS);
	assert_int_equal(
	    dialect_anthropic.event(S("{\"x\":1}"), &t), EVENT_BAD);
	assert_int_equal(dialect_anthropic.event(S("[DONE]"), &t), EVENT_BAD);
	assert_int_equal(
	    dialect_anthropic.event(
		S("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
		  "\"end_turn\"},\"usage\":{\"output_tokens\":3}}"),
		&t),
	    EVENT_PASS);
	/* Without what message_start says it is no usage. */
	assert_true(t.finished && !t.has_usage);
	assert_int_equal(
	    dialect_anthropic.event(S("{\"type\":\"message_stop\"}"), &t),
	    EVENT_DONE);
	assert_false(t.failed);
	assert_int_equal(
	    dialect_anthropic.event(
		S("{\"type\":\"error\",\"error\":{\"type\":"
		  "\"overloaded_error\",\"message\":\"Overloaded\"}}"),
		&t),
	    EVENT_PASS);
	assert_true(t.failed);
}

static void
errors_have_the_types_that_sdks_know(void **state)
{
	static const struct {
		enum fault fault;
		int status;
		const char *type;
	} rows[] = {
		{ FAULT_FIELD, 400, "invalid_request_error" },
		{ FAULT_KEY, 401, "authentication_error" },
		{ FAULT_MODEL_FORBIDDEN, 403, "permission_error" },
		{ FAULT_MODEL_UNKNOWN, 404, "not_found_error" },
		{ FAULT_RATE, 429, "rate_limit_error" },
		{ FAULT_INTERNAL, 500, "api_error" },
		{ FAULT_OVERLOAD, 503, "overloaded_error" },
		{ FAULT_UP_TIMEOUT, 504, "timeout_error" },
		{ FAULT_UP_STATUS, 529, "overloaded_error" },
	};
	struct arena a = { 0 };
	struct slice message;
	struct json *j;
	struct buf b;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		b = (struct buf){ 0 };
		dialect_anthropic.error(
		    &b, &(struct problem){ .status = rows[i].status,
			    .fault = rows[i].fault,
			    .param = S("p") });
		assert_int_equal(json_parse(&a, buf_slice(&b), &j), FAULT_NONE);
		assert_true(slice_eq(json_get_str(j, "type"), S("error")));
		if (!slice_eq(json_get_str(json_get(j, "error"), "type"),
			slice_of(rows[i].type)))
			fail_msg("%d", rows[i].status);
		assert_true(dialect_anthropic.is_error(
		    arena_copy(&a, buf_slice(&b)), &a, &message));
		assert_true(message.len > 0);
		buf_fini(&b);
	}
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_says_what_it_may_cost),
		cmocka_unit_test(
		    a_limit_that_a_budget_leaves_goes_in_or_over_the_other),
		cmocka_unit_test(
		    the_version_takes_the_model_s_place_where_the_path_has_it),
		cmocka_unit_test(
		    whether_it_streams_goes_where_the_path_says_it),
		cmocka_unit_test(what_the_body_does_not_show_is_unseen),
		cmocka_unit_test(tools_that_run_at_the_provider_need_a_cap),
		cmocka_unit_test(doubt_is_refused),
		cmocka_unit_test(a_count_is_free_and_an_answer_of_its_own),
		cmocka_unit_test(a_stream_ends_and_fails_in_its_own_words),
		cmocka_unit_test(errors_have_the_types_that_sdks_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "sim/shape.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define USER "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define BASE "\"model\":\"m\"," USER
#define TOOL "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"
#define CALL \
	"{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":" \
	"\"a\"," \
	"\"type\":\"function\",\"function\":{\"name\":\"f\"," \
	"\"arguments\":\"{}\"}}]}"
#define RESULT(id) \
	"{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"x\"}"
#define HI "{\"role\":\"user\",\"content\":\"hi\"}"

static bool
check(const char *text, bool lenient, bool reasoning, char *said, size_t cap)
{
	struct shape_rules rules = { lenient, reasoning };
	struct refusal why = { 0 };
	struct arena a = { 0 };
	struct json *j;
	bool good;

	if (json_parse(&a, slice_of(text), &j) != FAULT_NONE)
		fail_msg("not JSON: %s", text);
	good = shape_check(&a, j, &rules, &why);
	if (!good) {
		assert_int_equal(why.status, 400);
		snprintf(said, cap, "%s", why.message);
	}
	arena_fini(&a);
	return good;
}

static void
what_the_provider_takes_passes(void **state)
{
	static const char *const good[] = {
		"{" BASE "}",
		"{" BASE ",\"n\":8,\"temperature\":1.5,\"top_p\":0.1,"
		"\"stop\":[\"a\",\"b\"],\"seed\":-1,\"stream\":true,"
		"\"stream_options\":{\"include_usage\":true}}",
		"{" BASE "," TOOL ",\"tool_choice\":\"required\","
		"\"parallel_tool_calls\":false}",
		"{" BASE "," TOOL ",\"tool_choice\":{\"type\":\"function\","
		"\"function\":{\"name\":\"f\"}}}",
		"{\"model\":\"m\",\"messages\":[" HI "," CALL
		"," RESULT("a") "," HI "]}",
		"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
		"[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"image_url\","
		"\"image_url\":{\"url\":\"data:image/png;base64,AA==\","
		"\"detail\":\"low\"}},{\"type\":\"file\",\"file\":{"
		"\"file_id\":\"f\"}}]}]}",
		"{" BASE ",\"response_format\":{\"type\":\"json_schema\","
		"\"json_schema\":{\"name\":\"x\",\"strict\":true,\"schema\":{"
		"\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
		"\"string\"}},\"required\":[\"a\"],"
		"\"additionalProperties\":false}}}}",
		"{" BASE ",\"max_completion_tokens\":5,\"metadata\":{\"a\":"
		"\"b\"},\"reasoning_effort\":\"low\",\"logprobs\":true,"
		"\"top_logprobs\":3}",
	};
	char said[512];
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(good); i++)
		if (!check(good[i], false, true, said, sizeof(said)))
			fail_msg("%s: %s", good[i], said);
}

static void
what_is_wrong_is_refused_with_a_word_about_it(void **state)
{
	static const struct {
		const char *text, *about;
	} bad[] = {
		{ "[]", "object" },
		{ "{" USER "}", "model" },
		{ "{\"model\":\"m\"}", "messages" },
		{ "{\"model\":\"m\",\"messages\":[]}", "empty array" },
		{ "{" BASE ",\"frobnicate\":1}",
		    "Unrecognized request argument supplied: frobnicate" },
		{ "{" BASE ",\"n\":0}", "'n'" },
		{ "{" BASE ",\"n\":9}", "'n'" },
		{ "{" BASE ",\"n\":1.5}", "'n'" },
		{ "{" BASE ",\"temperature\":2.01}", "'temperature'" },
		{ "{" BASE ",\"temperature\":-0.01}", "'temperature'" },
		{ "{" BASE ",\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}",
		    "stop" },
		{ "{" BASE ",\"max_tokens\":5}", "max_completion_tokens" },
		{ "{" BASE ",\"max_completion_tokens\":0}", "minimum" },
		{ "{" BASE ",\"stream_options\":{}}", "stream" },
		{ "{" BASE ",\"top_logprobs\":1}", "logprobs" },
		{ "{" BASE ",\"tool_choice\":\"auto\"}", "tools" },
		{ "{" BASE ",\"parallel_tool_calls\":true}", "tools" },
		{ "{" BASE "," TOOL ",\"tool_choice\":{\"type\":\"function\","
		  "\"function\":{\"name\":\"g\"}}}",
		    "not found" },
		{ "{" BASE ",\"tools\":[]}", "tools" },
		{ "{" BASE ",\"tools\":[{\"type\":\"function\",\"function\":{"
		  "\"name\":\"a b\"}}]}",
		    "name" },
		{ "{\"model\":\"m\",\"messages\":[" HI "," RESULT("a") "]}",
		    "preceeding" },
		{ "{\"model\":\"m\",\"messages\":[" HI "," CALL "]}",
		    "tool_call_ids" },
		{ "{\"model\":\"m\",\"messages\":[" HI "," CALL "," HI "]}",
		    "tool_call_ids" },
		{ "{\"model\":\"m\",\"messages\":[" HI "," CALL
		  "," RESULT("b") "]}",
		    "preceeding" },
		{ "{\"model\":\"m\",\"messages\":[{\"role\":\"king\","
		  "\"content\":\"x\"}]}",
		    "role" },
		{ "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]}",
		    "content" },
		{ "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
		  "\"content\":[{\"type\":\"image_url\",\"image_url\":{"
		  "\"url\":\"ftp://x\"}}]}]}",
		    "image" },
		{ "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
		  "\"content\":\"x\",\"colour\":1}]}",
		    "colour" },
		{ "{" BASE ",\"response_format\":{\"type\":\"json_schema\","
		  "\"json_schema\":{\"name\":\"x\",\"strict\":true,"
		  "\"schema\":{\"type\":\"object\",\"properties\":{}}}}}",
		    "additionalProperties" },
		{ "{" BASE ",\"response_format\":{\"type\":\"json_schema\","
		  "\"json_schema\":{\"name\":\"x\",\"strict\":true,"
		  "\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{}},"
		  "\"required\":[],\"additionalProperties\":false}}}}",
		    "required" },
		{ "{" BASE ",\"response_format\":{\"type\":\"yaml\"}}",
		    "response_format" },
		{ "{" BASE ",\"metadata\":{\"a\":1}}", "metadata" },
		{ "{" BASE ",\"reasoning_effort\":\"huge\"}",
		    "reasoning_effort" },
		{ "{" BASE ",\"stream\":\"yes\"}", "stream" },
	};
	char said[512];
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		if (check(bad[i].text, false, true, said, sizeof(said)))
			fail_msg("took %s", bad[i].text);
		if (strstr(said, bad[i].about) == NULL)
			fail_msg("%s: said %s", bad[i].text, said);
	}
}

static void
a_lenient_server_takes_fields_it_does_not_know(void **state)
{
	char said[512];

	(void)state;
	assert_true(check("{" BASE ",\"top_k\":5,\"min_p\":0.1}", true, false,
	    said, sizeof(said)));
	assert_true(check(
	    "{" BASE ",\"max_tokens\":5}", true, false, said, sizeof(said)));
	assert_false(
	    check("{" BASE ",\"n\":0}", true, false, said, sizeof(said)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_provider_takes_passes),
		cmocka_unit_test(what_is_wrong_is_refused_with_a_word_about_it),
		cmocka_unit_test(
		    a_lenient_server_takes_fields_it_does_not_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"
#include "dialect/dialect.h"

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"

/* The body as it goes out; NULL: it was refused. */
static const char *
edited(struct arena *a, const char *body, const char *geo)
{
	const struct edits e = { .name = S("claude"), .geo = slice_of(geo) };
	struct slice part[EDIT_PARTS];
	struct ask q;
	unsigned n;

	if (dialect_anthropic.ask(a, slice_of(body), &q) != FAULT_NONE)
		return NULL;
	n = ask_edit(&q, a, &e, part);
	return arena_join(a, part, n).p;
}

static void
where_it_runs_is_said_whether_the_caller_did_or_not(void **state)
{
	struct arena a = { 0 };

	(void)state;
	assert_string_equal(
	    edited(&a, "{\"model\":\"m\",\"max_tokens\":5," HELLO, "us"),
	    "{\"inference_geo\":\"us\",\"model\":\"claude\","
	    "\"max_tokens\":5," HELLO);
	assert_string_equal(edited(&a,
				"{\"model\":\"m\",\"inference_geo\":\"global\","
				"\"max_tokens\":5," HELLO,
				"us"),
	    "{\"model\":\"claude\",\"inference_geo\":\"us\","
	    "\"max_tokens\":5," HELLO);
	assert_string_equal(edited(&a,
				"{\"model\":\"m\",\"inference_geo\":null,"
				"\"max_tokens\":5," HELLO,
				"us"),
	    "{\"model\":\"claude\",\"inference_geo\":\"us\","
	    "\"max_tokens\":5," HELLO);
	/* Without one of ours it is the caller's. */
	assert_string_equal(edited(&a,
				"{\"model\":\"m\",\"inference_geo\":\"us\","
				"\"max_tokens\":5," HELLO,
				""),
	    "{\"model\":\"claude\",\"inference_geo\":\"us\","
	    "\"max_tokens\":5," HELLO);
	arena_fini(&a);
}

static void
another_spelling_of_its_name_is_no_way_round(void **state)
{
	struct arena a = { 0 };
	struct ask q;

	(void)state;
	assert_string_equal(edited(&a,
				"{\"model\":\"m\",\"inference\\u005fgeo\":"
				"\"global\",\"max_tokens\":5," HELLO,
				"us"),
	    "{\"model\":\"claude\",\"inference\\u005fgeo\":\"us\","
	    "\"max_tokens\":5," HELLO);
	assert_int_equal(
	    dialect_anthropic.ask(&a,
		S("{\"model\":\"m\",\"inference_geo\":\"us\","
		  "\"inference_geo\":\"global\",\"max_tokens\":5," HELLO),
		&q),
	    FAULT_JSON_DUPLICATE);
	assert_int_equal(dialect_anthropic.ask(&a,
			     S("{\"model\":\"m\",\"inference_geo\":\"global\","
			       "\"max_tokens\":5," HELLO),
			     &q),
	    FAULT_NONE);
	assert_true(slice_eq(q.geo.with, S("global")));
	arena_fini(&a);
}

static void
an_answer_says_where_it_ran(void **state)
{
	struct tally t = { 0 };

	(void)state;
	assert_int_equal(
	    dialect_anthropic.answer(
		S("{\"type\":\"message\",\"content\":[],\"usage\":{\"input_"
		  "tokens\":1,"
		  "\"output_tokens\":1,\"inference_geo\":\"us\"}}"),
		&t),
	    FAULT_NONE);
	assert_int_equal(t.geo_len, 2);
	assert_memory_equal(t.geo, "us", 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    where_it_runs_is_said_whether_the_caller_did_or_not),
		cmocka_unit_test(another_spelling_of_its_name_is_no_way_round),
		cmocka_unit_test(an_answer_says_where_it_ran),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "sim/count.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/json.h"

static int64_t
count(const char *text)
{
	struct arena a = { 0 };
	struct json *j;
	int64_t n;

	assert_int_equal(json_parse(&a, slice_of(text), &j), FAULT_NONE);
	n = count_input(j);
	arena_fini(&a);
	return n;
}

static void
a_quarter_of_the_bytes_and_four_a_message(void **state)
{
	(void)state;
	assert_int_equal(count("{\"messages\":[{\"content\":\"\"}]}"), 3 + 4);
	assert_int_equal(
	    count("{\"messages\":[{\"content\":\"abcde\"}]}"), 3 + 4 + 2);
	assert_int_equal(
	    count("{\"messages\":[{\"content\":\"abcd\"},{\"content\":[{"
		  "\"type\":\"text\",\"text\":\"abcdefgh\"}]}]}"),
	    3 + 4 + 1 + 4 + 2);
}

static void
an_image_costs_by_its_detail(void **state)
{
	(void)state;
	assert_int_equal(
	    count("{\"messages\":[{\"content\":[{\"type\":\"image_url\","
		  "\"image_url\":{\"url\":\"data:x\",\"detail\":\"low\"}},"
		  "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:x\"}}"
		  "]}]}"),
	    3 + 4 + 85 + 765);
}

static void
tools_never_count_more_than_their_bytes(void **state)
{
	int64_t n = count("{\"messages\":[],\"tools\":[{\"type\":\"function\","
			  "\"function\":{\"name\":\"f\"}}]}");

	(void)state;
	assert_true(n > 3 && n - 3 < 47);
}

static void
calls_in_the_history_count_too(void **state)
{
	(void)state;
	assert_int_equal(
	    count("{\"messages\":[{\"content\":null,\"tool_calls\":[{"
		  "\"function\":{\"name\":\"ab\",\"arguments\":\"{}\"}}]}]}"),
	    3 + 4 + 1);
}

static void
the_hash_sees_every_byte(void **state)
{
	(void)state;
	assert_true(count_hash_bytes(1, S("abcdefgh1")) !=
		    count_hash_bytes(1, S("abcdefgh2")));
	assert_true(
	    count_hash_bytes(1, S("a")) != count_hash_bytes(1, S("a\0")));
	assert_true(count_hash_bytes(1, S("x")) != count_hash_bytes(2, S("x")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quarter_of_the_bytes_and_four_a_message),
		cmocka_unit_test(an_image_costs_by_its_detail),
		cmocka_unit_test(tools_never_count_more_than_their_bytes),
		cmocka_unit_test(calls_in_the_history_count_too),
		cmocka_unit_test(the_hash_sees_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

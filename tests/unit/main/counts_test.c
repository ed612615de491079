#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "main/counts.h"

static void
is(struct slice s, const char *text)
{
	if (!slice_eq(s, slice_of(text)))
		fail_msg("%.*s is not %s", S_FMT(s), text);
}

static void
one_is_read_from_the_command_line(void **state)
{
	static const char *const bad[] = { "input", "input=", "inputs=3",
		"input=1,input=2", "input=1,,output=2", "=1" };
	struct buf b = { 0 };
	struct counts c;
	size_t i;

	(void)state;
	assert_true(counts_parse(S("input=700,cached=100,output=30"), &c));
	buf_char(&b, '{');
	assert_null(counts_body(&c, &b));
	is(buf_slice(&b), "{\"usage\":{\"input_tokens\":700,"
			  "\"cached_tokens\":100,\"output_tokens\":30}");
	for (i = 0; i < NELEM(bad); i++) {
		if (counts_parse(slice_of(bad[i]), &c))
			fail_msg("%s", bad[i]);
	}
	assert_true(counts_parse(S("input=-1,output=2"), &c));
	assert_non_null(counts_body(&c, &b));
	buf_fini(&b);
}

static void
rows_are_found_by_the_names_of_columns(void **state)
{
	static const char text[] = "\xef\xbb\xbfx-client-request-id, "
				   "output_tokens ,input,cost,note\r\n"
				   "req_a-1,30,700,\"0.5\",\"a, \"\"b\"\"\"\r\n"
				   "\n"
				   "req_b-1,,,0.25,\n";
	struct arena a = { 0 };
	struct counts *rows;
	unsigned line;
	size_t n;

	(void)state;
	assert_null(counts_read(&a, slice_of(text), &rows, &n, &line));
	assert_int_equal(n, 2);
	is(rows[0].attempt, "req_a-1");
	is(rows[0].n[COUNT_INPUT], "700");
	is(rows[0].n[COUNT_OUTPUT], "30");
	is(rows[0].cost, "0.5");
	assert_int_equal(rows[1].line, 4);
	is(rows[1].cost, "0.25");
	assert_int_equal(rows[1].n[COUNT_INPUT].len, 0);
	arena_fini(&a);
}

static void
names_and_words_may_be_in_any_case(void **state)
{
	static const char text[] =
	    "X-Client-Request-Id,Input,OUTPUT_TOKENS,Cached_Tokens,Cost,Void,"
	    "Billed\n"
	    "req_a-1,700,30,100,0.5,False,TRUE\n"
	    "req_b-1,,,,,TRUE,\n"
	    "req_c-1,7,3,,,,FALSE\n";
	struct arena a = { 0 };
	struct counts *rows;
	unsigned line;
	size_t n;

	(void)state;
	assert_null(counts_read(&a, slice_of(text), &rows, &n, &line));
	assert_int_equal(n, 3);
	is(rows[0].n[COUNT_INPUT], "700");
	is(rows[0].n[COUNT_OUTPUT], "30");
	is(rows[0].n[COUNT_CACHED], "100");
	is(rows[0].cost, "0.5");
	assert_false(rows[0].is_void);
	assert_true(rows[1].is_void);
	assert_true(rows[2].is_void);
	arena_fini(&a);
}

static void
lines_of_one_attempt_know_of_each_other(void **state)
{
	static const char text[] = "attempt,cost\n"
				   "req_a-1,1\nreq_b-1,2\n,3\n"
				   "req_a-1,4\nreq_a-1,1\n,5\n";
	static const unsigned twin[] = { 6, 0, 0, 2, 2, 0 };
	struct arena a = { 0 };
	struct counts *rows;
	unsigned line;
	size_t n, i;

	(void)state;
	assert_null(counts_read(&a, slice_of(text), &rows, &n, &line));
	assert_int_equal(n, NELEM(twin));
	for (i = 0; i < n; i++)
		assert_int_equal(rows[i].twin, twin[i]);
	arena_fini(&a);
}

static void
rows_may_be_objects(void **state)
{
	static const char text[] =
	    "{\"attempt\":\"req_a-1\",\"input_tokens\":7,\"output_tokens\":3,"
	    "\"billed\":true,\"more\":{\"input_tokens\":9}}\n"
	    "{\"attempt\":\"req_b-1\",\"billed\":false,\"input_tokens\":7}\n";
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct counts *rows;
	unsigned line;
	size_t n;

	(void)state;
	assert_null(counts_read(&a, slice_of(text), &rows, &n, &line));
	assert_int_equal(n, 2);
	is(rows[0].n[COUNT_INPUT], "7");
	assert_false(rows[0].is_void);
	assert_true(rows[1].is_void);
	buf_char(&b, '{');
	assert_null(counts_body(&rows[1], &b));
	is(buf_slice(&b), "{\"void\":true");
	buf_fini(&b);
	arena_fini(&a);
}

static void
what_is_wrong_is_said_with_its_line(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} rows[] = {
		{ "", 1 },
		{ "attempt,cost\n", 2 },
		{ "attempt,cost\nreq_a-1,1\nreq_b-1\n", 3 },
		{ "attempt,cost\nreq_a-1,1,2\n", 2 },
		{ "{\"attempt\":\"a\"}\n{\"attempt\":\n", 2 },
	};
	struct arena a = { 0 };
	struct counts *found;
	unsigned line;
	size_t i, n;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		if (counts_read(
			&a, slice_of(rows[i].text), &found, &n, &line) == NULL)
			fail_msg("%s", rows[i].text);
		assert_int_equal(line, rows[i].line);
	}
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_read_from_the_command_line),
		cmocka_unit_test(rows_are_found_by_the_names_of_columns),
		cmocka_unit_test(names_and_words_may_be_in_any_case),
		cmocka_unit_test(lines_of_one_attempt_know_of_each_other),
		cmocka_unit_test(rows_may_be_objects),
		cmocka_unit_test(what_is_wrong_is_said_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

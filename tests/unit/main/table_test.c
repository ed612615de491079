#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"
#include "main/table.h"

static const struct column columns[] = { { "name", "NAME", COL_TEXT },
	{ "n", "N", COL_NUMBER }, { "at", "AT", COL_TIME } };

static const char rows[] =
    "[{\"name\":\"gr\xc3\xbc\xc3\x9f\",\"n\":5,\"at\":0},"
    "{\"name\":\"=x\\\"\",\"n\":123},{\"name\":[\"a\",\"b\"],\"n\":1,"
    "\"at\":null}]";

static void
columns_line_up(void **state)
{
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct json *j;

	(void)state;
	assert_int_equal(json_parse(&a, slice_of(rows), &j), FAULT_NONE);
	table_write(&b, j, columns, NELEM(columns));
	assert_string_equal(buf_cstr(&b),
	    "NAME    N  AT\n"
	    "gr\xc3\xbc\xc3\x9f    5  1970-01-01T00:00:00Z\n"
	    "=x\"   123  \n"
	    "a,b     1  \n");
	arena_fini(&a);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_line_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

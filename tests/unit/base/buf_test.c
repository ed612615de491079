/* buf_test.c - bytes that grow */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"

static void
all_kinds_of_pieces_are_appended(void **state)
{
	const unsigned char raw[] = { 0x00, 0x7f, 0xff };
	struct buf b = { 0 };

	(void)state;
	buf_add(&b, S("a"));
	buf_str(&b, "bc");
	buf_char(&b, '|');
	buf_u64(&b, UINT64_MAX);
	buf_char(&b, '|');
	buf_i64(&b, INT64_MIN);
	buf_char(&b, '|');
	buf_hex(&b, raw, sizeof(raw));
	buf_fmt(&b, "|%s%03d", "x", 7);
	assert_string_equal(buf_cstr(&b),
	    "abc|18446744073709551615|-9223372036854775808|007fff|x007");
	assert_int_equal(b.len, strlen(buf_cstr(&b)));
	buf_fini(&b);
}

static void
zero_is_a_number_too(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_u64(&b, 0);
	buf_i64(&b, 0);
	assert_true(slice_eq(buf_slice(&b), S("00")));
	buf_fini(&b);
}

static void
it_grows_without_losing_a_byte(void **state)
{
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < 100000; i++)
		buf_char(&b, (char)('a' + i % 26));
	assert_int_equal(b.len, 100000);
	for (i = 0; i < 100000; i++)
		assert_int_equal(b.p[i], 'a' + i % 26);
	buf_fmt(&b, "%05000d", 1);
	assert_int_equal(b.len, 105000);
	buf_fini(&b);
	assert_null(b.p);
	assert_int_equal(b.cap, 0);
}

static void
dropping_and_clearing_keep_the_memory(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_str(&b, "hello");
	buf_drop(&b, 2);
	assert_true(slice_eq(buf_slice(&b), S("llo")));
	buf_drop(&b, 3);
	assert_int_equal(b.len, 0);
	buf_str(&b, "x");
	buf_clear(&b);
	assert_int_equal(b.len, 0);
	assert_true(b.cap > 0);
	assert_string_equal(buf_cstr(&b), "");
	buf_reserve(&b, 4096);
	assert_true(b.cap >= 4096);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds_of_pieces_are_appended),
		cmocka_unit_test(zero_is_a_number_too),
		cmocka_unit_test(it_grows_without_losing_a_byte),
		cmocka_unit_test(dropping_and_clearing_keep_the_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

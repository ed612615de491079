/* arena_test.c - memory that goes in one stroke */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"

static void
pieces_are_zeroed_aligned_and_apart(void **state)
{
	struct arena a = { 0 };
	unsigned char *p[300];
	size_t i, j;

	(void)state;
	for (i = 0; i < NELEM(p); i++) {
		p[i] = arena_new(&a, i + 1);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		for (j = 0; j <= i; j++)
			assert_int_equal(p[i][j], 0);
		memset(p[i], (int)(i & 0xff), i + 1);
	}
	for (i = 0; i < NELEM(p); i++)
		for (j = 0; j <= i; j++)
			assert_int_equal(p[i][j], i & 0xff);
	arena_fini(&a);
}

static void
a_piece_may_be_larger_than_any_block(void **state)
{
	struct arena a = { 0 };
	char *small = arena_new(&a, 1), *big = arena_new(&a, 5 << 20);

	(void)state;
	big[0] = big[(5 << 20) - 1] = 'x';
	assert_true(a.total >= 5 << 20);
	assert_int_equal(*small, 0);
	assert_non_null(arena_new(&a, 0));
	arena_fini(&a);
	assert_null(a.head);
	assert_int_equal(a.total, 0);
	assert_non_null(arena_new(&a, 8));
	arena_fini(&a);
}

static void
copies_do_not_borrow(void **state)
{
	struct arena a = { 0 };
	char text[] = "abc";
	struct slice copy = arena_copy(&a, slice_of(text));
	char *s = arena_str(&a, slice_of(text));

	(void)state;
	text[0] = 'x';
	assert_true(slice_eq(copy, S("abc")));
	assert_string_equal(s, "abc");
	assert_string_equal(arena_fmt(&a, "%s-%d", text, 5), "xbc-5");
	assert_int_equal(strlen(arena_fmt(&a, "%0999d", 0)), 999);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
		cmocka_unit_test(a_piece_may_be_larger_than_any_block),
		cmocka_unit_test(copies_do_not_borrow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

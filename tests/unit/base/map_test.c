#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/map.h"

enum { N = 2000 };

static char names[N][12];
static int values[N];

static struct slice
name(size_t i)
{
	snprintf(names[i], sizeof(names[i]), "key-%zu", i);
	return slice_of(names[i]);
}

static void
what_is_put_is_found_until_it_is_dropped(void **state)
{
	struct map m = { 0 };
	struct map64 m64 = { 0 };
	size_t i;

	(void)state;
	assert_null(map_find(&m, S("x")));
	assert_null(map_drop(&m, S("x")));
	assert_null(map64_find(&m64, 0));
	assert_null(map64_drop(&m64, 0));
	for (i = 0; i < N; i++) {
		assert_null(map_put(&m, name(i), &values[i]));
		assert_null(map64_put(&m64, i, &values[i]));
	}
	assert_int_equal(m.n, N);
	for (i = 0; i < N; i += 3) {
		assert_ptr_equal(map_drop(&m, name(i)), &values[i]);
		assert_ptr_equal(map64_drop(&m64, i), &values[i]);
	}
	for (i = 0; i < N; i++) {
		void *want = i % 3 == 0 ? NULL : &values[i];

		assert_ptr_equal(map_find(&m, name(i)), want);
		assert_ptr_equal(map64_find(&m64, i), want);
	}
	assert_int_equal(m.n, N - (N + 2) / 3);
	assert_int_equal(m64.n, m.n);
	map_fini(&m);
	map64_fini(&m64);
	assert_int_equal(m.n + m.cap, 0);
}

static void
a_second_put_replaces_and_returns_the_first(void **state)
{
	struct map m = { 0 };
	struct map64 m64 = { 0 };

	(void)state;
	assert_null(map_put(&m, S("a"), &values[0]));
	assert_ptr_equal(map_put(&m, S("a"), &values[1]), &values[0]);
	assert_ptr_equal(map_find(&m, S("a")), &values[1]);
	assert_int_equal(m.n, 1);
	assert_null(map_put(&m, S(""), &values[2]));
	assert_ptr_equal(map_find(&m, S("")), &values[2]);
	assert_null(map64_put(&m64, 0, &values[0]));
	assert_ptr_equal(map64_put(&m64, 0, &values[1]), &values[0]);
	assert_int_equal(m64.n, 1);
	map_fini(&m);
	map64_fini(&m64);
}

static void
a_walk_meets_each_entry_once(void **state)
{
	const struct map_slot *s;
	const struct map64_slot *s64;
	struct map m = { 0 };
	struct map64 m64 = { 0 };
	size_t i, at = 0, n = 0;

	(void)state;
	for (i = 0; i < 100; i++) {
		values[i] = 0;
		map_put(&m, name(i), &values[i]);
		map64_put(&m64, i << 40, &values[i]);
	}
	for (; (s = map_next(&m, &at)) != NULL; n++)
		++*(int *)s->value;
	assert_int_equal(n, 100);
	for (at = 0; (s64 = map64_next(&m64, &at)) != NULL; n++)
		++*(int *)s64->value;
	assert_int_equal(n, 200);
	for (i = 0; i < 100; i++)
		assert_int_equal(values[i], 2);
	map_fini(&m);
	map64_fini(&m64);
}

/* Entries that lie in a row across the end of the table must stay found. */
static void
dropping_in_any_order_loses_nothing(void **state)
{
	struct map64 m = { 0 };
	bool in[64] = { false };
	uint32_t v = 1;
	size_t i, k, turn;

	(void)state;
	for (turn = 0; turn < 20000; turn++) {
		v = v * 1664525 + 1013904223;
		k = v >> 26;
		if (in[k])
			assert_ptr_equal(map64_drop(&m, k), &values[k]);
		else
			assert_null(map64_put(&m, k, &values[k]));
		in[k] = !in[k];
		for (i = 0; i < NELEM(in); i++)
			assert_true((map64_find(&m, i) != NULL) == in[i]);
	}
	map64_fini(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_found_until_it_is_dropped),
		cmocka_unit_test(a_second_put_replaces_and_returns_the_first),
		cmocka_unit_test(a_walk_meets_each_entry_once),
		cmocka_unit_test(dropping_in_any_order_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

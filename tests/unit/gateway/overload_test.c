#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/overload.h"

#define MIB UINT64_C(1048576)

static void
memory_has_three_levels(void **state)
{
	const struct overload o = { .fd = -1, .most = 1000 * MIB };

	(void)state;
	assert_int_equal(overload_level_of(&o, 799 * MIB), OVERLOAD_NONE);
	assert_int_equal(overload_level_of(&o, 801 * MIB), OVERLOAD_TIGHT);
	assert_int_equal(overload_level_of(&o, 899 * MIB), OVERLOAD_TIGHT);
	assert_int_equal(overload_level_of(&o, 901 * MIB), OVERLOAD_FULL);
}

static void
what_is_not_given_is_a_share_of_the_machine(void **state)
{
	struct overload one, four;

	(void)state;
	overload_open(&one, 0, 1);
	overload_open(&four, 0, 4);
	assert_true(one.most >= four.most && four.most >= 96 * MIB);
	close(one.fd);
	close(four.fd);
	overload_open(&one, 64 * MIB, 1);
	assert_true(one.most == 64 * MIB);
	close(one.fd);
}

/* What is taken is seen, and what is freed is not held against us. */
static void
a_process_sees_its_own_size(void **state)
{
#ifndef KONTOR_INSTRUMENTED
	const size_t len = 100 * MIB;
	enum { PIECES = 100000 };
	static char *piece[PIECES];
	struct overload o;
	size_t i;
	char *p;

	(void)state;
	overload_open(&o, 80 * MIB, 1);
	assert_true(o.fd >= 0);
	assert_false(overload_look(&o, NS_PER_S, 0));
	p = mem_grow(NULL, len);
	memset(p, 1, len);
	assert_false(overload_look(&o, NS_PER_S + 1, 0)); /* too soon */
	assert_true(overload_look(&o, 2 * NS_PER_S, 0));
	assert_int_equal(o.level, OVERLOAD_FULL);
	mem_free(p);
	assert_true(overload_look(&o, 3 * NS_PER_S, 0));
	assert_int_equal(o.level, OVERLOAD_NONE);
	/* Kept by malloc, but free: only what malloc knows nothing of counts.
	 */
	for (i = 0; i < PIECES; i++) {
		piece[i] = mem_grow(NULL, len / PIECES);
		memset(piece[i], 1, len / PIECES);
	}
	for (i = 0; i < PIECES - 1; i++)
		mem_free(piece[i]);
	assert_true(overload_look(&o, 4 * NS_PER_S, 79 * MIB));
	assert_int_equal(o.level, OVERLOAD_FULL);
	assert_true(overload_look(&o, 5 * NS_PER_S, 0));
	assert_int_equal(o.level, OVERLOAD_NONE);
	mem_free(piece[PIECES - 1]);
	close(o.fd);
#else
	(void)state;
#endif
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_has_three_levels),
		cmocka_unit_test(what_is_not_given_is_a_share_of_the_machine),
		cmocka_unit_test(a_process_sees_its_own_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

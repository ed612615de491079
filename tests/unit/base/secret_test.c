#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/secret.h"

static void
a_secret_is_a_copy_and_empty_when_ended(void **state)
{
	char source[] = "sk-123";
	struct secret s = { 0 };

	(void)state;
	assert_false(secret_is_set(&s));
	secret_set(&s, slice_of(source));
	source[0] = 'X';
	assert_true(secret_is_set(&s));
	assert_true(slice_eq(secret_reveal(&s), S("sk-123")));
	secret_fini(&s);
	assert_false(secret_is_set(&s));
	assert_null(s.hidden);
	secret_fini(&s);
}

static void
a_secret_may_be_set_again_even_from_itself(void **state)
{
	struct secret s = { 0 };
	struct slice tail;

	(void)state;
	secret_set(&s, S("first"));
	tail = secret_reveal(&s);
	secret_set(&s, (struct slice){ tail.p + 2, 3 });
	assert_true(slice_eq(secret_reveal(&s), S("rst")));
	secret_set(&s, S(""));
	assert_false(secret_is_set(&s));
	secret_fini(&s);
}

static void
a_secret_that_is_taken_is_left_empty(void **state)
{
	struct secret a = { 0 }, b = { 0 };

	(void)state;
	secret_set(&a, S("one"));
	secret_set(&b, S("two"));
	secret_take(&b, &a);
	assert_false(secret_is_set(&a));
	assert_true(slice_eq(secret_reveal(&b), S("one")));
	secret_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_is_a_copy_and_empty_when_ended),
		cmocka_unit_test(a_secret_may_be_set_again_even_from_itself),
		cmocka_unit_test(a_secret_that_is_taken_is_left_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/seal.h"

static void
what_is_another_s_goes_in_an_envelope_and_comes_out(void **state)
{
	struct arena a = { 0 };
	enum vendor origin;
	struct slice s;

	(void)state;
	s = seal_write(&a, VENDOR_GOOGLE, VENDOR_ANTHROPIC, S("sig=="));
	assert_false(slice_eq(s, S("sig==")));
	/* Some SDKs give bytes back in the other alphabet. */
	assert_true(slice_eq(seal_standard(&a, S("-_8")), S("+/8=")));
	assert_true(slice_eq(seal_standard(&a, S("+/8=")), S("+/8=")));
	s = seal_read(&a, VENDOR_OPENAI, s, &origin);
	assert_int_equal(origin, VENDOR_ANTHROPIC);
	assert_true(slice_eq(s, S("sig==")));
	arena_fini(&a);
}

static void
what_is_its_own_stays_as_it_is(void **state)
{
	static const char *const odd[] = { "sig", "a29udG9y", "a29udG9y!",
		"a29udG9yLzkvYQ==", "a29udG9yLzAvYQ==" };
	struct arena a = { 0 };
	enum vendor origin;
	struct slice s;
	size_t i;

	(void)state;
	s = seal_write(&a, VENDOR_GOOGLE, VENDOR_GOOGLE, S("sig"));
	assert_true(slice_eq(s, S("sig")));
	for (i = 0; i < NELEM(odd); i++) {
		s = seal_read(&a, VENDOR_GOOGLE, slice_of(odd[i]), &origin);
		assert_true(slice_eq(s, slice_of(odd[i])));
		assert_int_equal(origin, VENDOR_GOOGLE);
	}
	(void)seal_read(&a, VENDOR_GOOGLE, S(""), &origin);
	assert_int_equal(origin, VENDOR_NONE);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_is_another_s_goes_in_an_envelope_and_comes_out),
		cmocka_unit_test(what_is_its_own_stays_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

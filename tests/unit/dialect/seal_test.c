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

static void
what_a_call_needs_rides_behind_its_id(void **state)
{
	const struct part second = { .kind = PART_REASONING,
		.opaque = S("two=="),
		.origin = VENDOR_ANTHROPIC };
	const struct part text = { .kind = PART_TEXT,
		.text = S("said"),
		.next = (struct part *)(uintptr_t)&second };
	const struct part first = { .kind = PART_REASONING,
		.text = S("thought \"1\""),
		.opaque = S("one"),
		.origin = VENDOR_OPENAI,
		.next = (struct part *)(uintptr_t)&text };
	const struct part call = { .kind = PART_TOOL_CALL,
		.opaque = S("own"),
		.origin = VENDOR_GOOGLE };
	struct part *thoughts = NULL, back = { 0 };
	struct arena a = { 0 };
	struct slice id = seal_id(&a, S("call_1"), &first, &call);

	(void)state;
	assert_true(slice_starts(id, S("call_1~kt~")));
	assert_true(seal_is_id(id));
	assert_true(slice_eq(
	    seal_id_read(&a, id, PARTS(&thoughts), &back), S("call_1")));
	assert_true(slice_eq(back.opaque, S("own")));
	assert_int_equal(back.origin, VENDOR_GOOGLE);
	assert_true(slice_eq(thoughts->text, S("thought \"1\"")));
	assert_true(slice_eq(thoughts->opaque, S("one")));
	assert_int_equal(thoughts->origin, VENDOR_OPENAI);
	assert_false(thoughts->redacted);
	assert_true(slice_eq(thoughts->next->opaque, S("two==")));
	assert_true(thoughts->next->redacted);
	assert_null(thoughts->next->next);
	/* A result has it too, and wants none of it. */
	assert_true(slice_eq(seal_id_read(&a, id, NULL, NULL), S("call_1")));
	arena_fini(&a);
}

static void
an_id_with_nothing_or_nonsense_behind_it_is_an_id(void **state)
{
	/* "x", [], [1], [["a","b"]], [[9,"b"]], [[1,2,3]] in base64url */
	static const char *const odd[] = { "call_1~kt~", "call_1~kt~@@",
		"call_1~kt~Ingi", "call_1~kt~W10", "call_1~kt~WzFd",
		"call_1~kt~W1siYSIsImIiXV0", "call_1~kt~W1s5LCJiIl1d",
		"call_1~kt~W1sxLDIsM11d" };
	const struct part silent = { .kind = PART_REASONING };
	struct part *thoughts = NULL, back = { 0 };
	struct arena a = { 0 };
	size_t i;

	(void)state;
	assert_true(
	    slice_eq(seal_id(&a, S("call_1"), &silent, &back), S("call_1")));
	assert_false(seal_is_id(S("call_1")));
	for (i = 0; i < NELEM(odd); i++) {
		(void)seal_id_read(
		    &a, slice_of(odd[i]), PARTS(&thoughts), &back);
		assert_null(thoughts);
		assert_int_equal(back.opaque.len, 0);
	}
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_is_another_s_goes_in_an_envelope_and_comes_out),
		cmocka_unit_test(what_is_its_own_stays_as_it_is),
		cmocka_unit_test(what_a_call_needs_rides_behind_its_id),
		cmocka_unit_test(
		    an_id_with_nothing_or_nonsense_behind_it_is_an_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

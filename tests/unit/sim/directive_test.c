#include "sim/directive.c"
#include "sim/mishap.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct directive
read(const char *prompt)
{
	struct directive d;

	directive_init(&d);
	directive_parse(&d, slice_of(prompt));
	return d;
}

static void
a_prompt_without_a_directive_asks_nothing(void **state)
{
	struct directive d = read("hello [[sim]] [sim out=3] [[simout=4]]");

	(void)state;
	assert_int_equal(d.out, -1);
	assert_int_equal(d.pace_ms, -1);
	assert_int_equal(d.nplay, 0);
}

static void
numbers_are_read_wherever_the_directive_stands(void **state)
{
	struct directive d = read("a [[sim out=40 pace=5 ttft=7 tools=2]] b "
				  "[[sim cached=3 cache_write=4 reasoning=9]]");

	(void)state;
	assert_int_equal(d.out, 40);
	assert_int_equal(d.pace_ms, 5);
	assert_int_equal(d.ttft_ms, 7);
	assert_int_equal(d.tools, 2);
	assert_int_equal(d.cached, 3);
	assert_int_equal(d.cache_write, 4);
	assert_int_equal(d.reasoning, 9);
}

static void
nonsense_is_passed_over(void **state)
{
	struct directive d = read("[[sim out=x pace=-3 what=ever fault=no "
				  "out=99999999999 tools=2]]");

	(void)state;
	assert_int_equal(d.out, -1);
	assert_int_equal(d.pace_ms, -1);
	assert_int_equal(d.tools, 2);
	assert_int_equal(d.nplay, 0);
	(void)read("[[sim ");
	(void)read("[[sim text=\"open");
	(void)read("[[sim =]]");
}

static void
a_text_may_have_blanks(void **state)
{
	struct directive d = read("[[sim text=\"one two\" out=3]]");

	(void)state;
	assert_true(slice_eq(d.text, S("one two")));
	assert_int_equal(d.out, 3);
}

static void
a_fault_for_one_credential_beats_one_for_all(void **state)
{
	struct directive d =
	    read("[[sim fault=500 fault@azure=cut:3 fault@lab=429q]]");
	struct play p;

	(void)state;
	p = directive_play(&d, S("openai"));
	assert_int_equal(p.kind, MISHAP_500);
	assert_int_equal(p.arg, -1);
	p = directive_play(&d, S("azure"));
	assert_int_equal(p.kind, MISHAP_CUT);
	assert_int_equal(p.arg, 3);
	p = directive_play(&d, S("lab"));
	assert_int_equal(p.kind, MISHAP_429Q);
}

static void
lies_about_usage_have_names(void **state)
{
	(void)state;
	assert_int_equal(read("[[sim usage=missing]]").lie, LIE_MISSING);
	assert_int_equal(read("[[sim usage=null]]").lie, LIE_NULL);
	assert_int_equal(read("[[sim usage=wrong]]").lie, LIE_NEGATIVE);
	assert_int_equal(read("[[sim usage=over]]").lie, LIE_OVER);
	assert_int_equal(read("[[sim usage=strings]]").lie, LIE_STRINGS);
	assert_int_equal(read("[[sim usage=true]]").lie, LIE_NONE);
}

static void
every_fault_is_found_by_its_word(void **state)
{
	struct play p;
	unsigned m;

	(void)state;
	for (m = 1; m < MISHAP_MAX; m++) {
		assert_true(mishap_parse(
		    slice_of(mishap_get((enum mishap)m)->word), &p));
		assert_int_equal(p.kind, m);
	}
	assert_false(mishap_parse(S("cut:"), &p));
	assert_false(mishap_parse(S("cut:-1"), &p));
	assert_false(mishap_parse(S("none"), &p));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_prompt_without_a_directive_asks_nothing),
		cmocka_unit_test(
		    numbers_are_read_wherever_the_directive_stands),
		cmocka_unit_test(nonsense_is_passed_over),
		cmocka_unit_test(a_text_may_have_blanks),
		cmocka_unit_test(a_fault_for_one_credential_beats_one_for_all),
		cmocka_unit_test(lies_about_usage_have_names),
		cmocka_unit_test(every_fault_is_found_by_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/usage.h"

static void
parts_may_not_exceed_the_whole(void **state)
{
	(void)state;
	assert_true(usage_sane(&(struct usage){ 0 }));
	assert_true(usage_sane(&(struct usage){ .input = 10,
	    .cached = 4,
	    .cache_write = 6,
	    .output = 3,
	    .reasoning = 3 }));
	assert_false(usage_sane(
	    &(struct usage){ .input = 10, .cached = 4, .cache_write = 7 }));
	assert_false(usage_sane(&(struct usage){ .input = 3, .cached = 4 }));
	assert_false(usage_sane(&(struct usage){
	    .input = 9, .cache_write = 3, .cache_write_1h = 4 }));
	/* cached audio is in both parts */
	assert_true(usage_sane(&(struct usage){
	    .input = 9, .cached = 9, .audio_input = 5, .image_input = 4 }));
	assert_false(usage_sane(
	    &(struct usage){ .input = 9, .audio_input = 5, .image_input = 5 }));
	assert_false(usage_sane(&(struct usage){
	    .output = 9, .audio_output = 5, .image_output = 5 }));
	assert_false(usage_sane(
	    &(struct usage){ .output = 9, .audio_output = 5, .reasoning = 5 }));
	assert_false(
	    usage_sane(&(struct usage){ .output = 3, .reasoning = 4 }));
}

static void
parts_that_overflow_together_are_not_sane(void **state)
{
	(void)state;
	assert_false(usage_sane(&(struct usage){
	    .input = 10, .cached = 5, .cache_write = UINT64_MAX - 2 }));
}

static void
no_call_has_as_many(void **state)
{
	(void)state;
	assert_true(usage_sane(&(struct usage){
	    .input = TOKENS_MAX - 1, .output = TOKENS_MAX - 1 }));
	assert_false(usage_sane(&(struct usage){ .input = TOKENS_MAX }));
	assert_false(usage_sane(&(struct usage){ .output = UINT64_MAX }));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_may_not_exceed_the_whole),
		cmocka_unit_test(parts_that_overflow_together_are_not_sane),
		cmocka_unit_test(no_call_has_as_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

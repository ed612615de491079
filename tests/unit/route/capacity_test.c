#include <stdio.h>
#include <string.h>

#include "rig.h"

#include "route/capacity.h"
#include "route/retry.h"

static struct rig r;
static struct shm_breaker *b;
static struct deployment_conf *d;

static int
fresh(void **state)
{
	(void)state;
	rig_init(&r, 1);
	rig_ready(&r);
	b = rig_row(&r, 0);
	d = &r.deployment[0];
	d->tokens_per_minute = 60000; /* a thousand a second */
	return 0;
}

static int
stale(void **state)
{
	(void)state;
	rig_fini(&r);
	return 0;
}

static bool
take(uint64_t tokens, unsigned keep, int64_t now)
{
	int64_t wait;

	return capacity_take(d, b, tokens, keep, now, &wait);
}

static void
a_minute_s_worth_may_come_at_once_and_no_more(void **state)
{
	int64_t wait;
	unsigned i, n = 0;

	(void)state;
	for (i = 0; i < 100; i++)
		n += take(1000, 0, NOW);
	assert_int_equal(n, 60);
	assert_false(capacity_take(d, b, 1000, 0, NOW, &wait));
	assert_int_equal(wait, NS_PER_S);
	assert_true(take(1000, 0, NOW + NS_PER_S));
	assert_int_equal(capacity_left_tokens(d, b, NOW + 3 * NS_PER_S), 2000);
}

static void
what_was_not_used_comes_back(void **state)
{
	(void)state;
	assert_true(take(60000, 0, NOW));
	assert_false(take(1, 0, NOW));
	capacity_settle(d, b, 60000, 10000, true);
	assert_int_equal(capacity_left_tokens(d, b, NOW), 50000);
	capacity_settle(d, b, 0, 20000, true); /* more than was taken */
	assert_int_equal(capacity_left_tokens(d, b, NOW), 30000);
}

static void
a_class_leaves_free_what_the_higher_may_take(void **state)
{
	(void)state;
	while (take(500, 25, NOW))
		continue;
	assert_int_equal(capacity_left_tokens(d, b, NOW), 15000);
	assert_true(take(14000, 0, NOW));
}

static void
one_larger_than_all_fits_when_nothing_else_is_there(void **state)
{
	(void)state;
	assert_true(take(500000, 0, NOW));
	assert_false(take(1, 0, NOW));
}

static void
requests_count_beside_tokens_and_neither_is_taken_alone(void **state)
{
	(void)state;
	d->requests_per_minute = 2;
	assert_true(take(10, 0, NOW));
	assert_false(take(60000, 0, NOW));
	/* The refused one took no request. */
	assert_true(take(10, 0, NOW));
	assert_false(take(10, 0, NOW));
	capacity_settle(d, b, 10, 0, false); /* it never left */
	assert_true(take(10, 0, NOW));
}

static void
headers_teach_a_limit_and_never_give_back(void **state)
{
	struct capacity_said said = { 600, 150, -1, -1 };

	(void)state;
	d->tokens_per_minute = 0;
	assert_int_equal(capacity_left_tokens(d, b, NOW), -1);
	assert_true(take(1000000, 0, NOW));
	capacity_learn(d, b, &said, NOW);
	assert_int_equal(capacity_left_tokens(d, b, NOW), 150);
	said.left_tokens = 500; /* an answer that was counted before */
	capacity_learn(d, b, &said, NOW);
	assert_int_equal(capacity_left_tokens(d, b, NOW), 150);
	said.left_tokens = 0;
	capacity_learn(d, b, &said, NOW);
	assert_int_equal(capacity_left_tokens(d, b, NOW), 0);
	/* A configured limit stays what it is. */
	d->tokens_per_minute = 60000;
	said = (struct capacity_said){ 1000000, 999999, -1, -1 };
	capacity_learn(d, b, &said, NOW + 120 * NS_PER_S);
	assert_int_equal(
	    capacity_left_tokens(d, b, NOW + 120 * NS_PER_S), 60000);
}

static void
a_floor_is_the_latest_that_was_said(void **state)
{
	(void)state;
	capacity_floor(b, NOW + 5);
	capacity_floor(b, NOW + 3);
	assert_int_equal(capacity_floor_of(b), NOW + 5);
	assert_int_equal(capacity_floor_of(NULL), 0);
}

static void
the_output_to_expect_follows_what_is_seen(void **state)
{
	unsigned i;

	(void)state;
	assert_int_equal(capacity_expected_output(b), 256);
	capacity_saw_output(b, 40);
	assert_in_range(capacity_expected_output(b), 40, 42);
	for (i = 0; i < 60; i++)
		capacity_saw_output(b, 1000);
	assert_in_range(capacity_expected_output(b), 990, 1010);
}

static void
further_attempts_are_a_tenth_of_the_calls(void **state)
{
	struct retry t = { 0 };
	unsigned i, n = 0;

	(void)state;
	for (i = 0; i < 500; i++) {
		retry_call(&t, 10);
		n += retry_take(&t, 0, NOW);
	}
	assert_int_equal(n, 50);
	t = (struct retry){ 0 };
	/* The floor holds whatever the calls, ten seconds deep. */
	for (i = 0, n = 0; i < 1000; i++)
		n += retry_take(&t, 10, NOW);
	assert_int_equal(n, 100);
	for (i = 0, n = 0; i < 1000; i++)
		n += retry_take(&t, 10, NOW + NS_PER_S / 2);
	assert_int_equal(n, 5);
	/* What is left over of a quiet hour is bounded. */
	for (i = 0; i < 100000; i++)
		retry_call(&t, 100);
	for (i = 0, n = 0; i < 1000; i++)
		n += retry_take(&t, 0, NOW);
	assert_int_equal(n, 100);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, stale)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_minute_s_worth_may_come_at_once_and_no_more),
		TEST(what_was_not_used_comes_back),
		TEST(a_class_leaves_free_what_the_higher_may_take),
		TEST(one_larger_than_all_fits_when_nothing_else_is_there),
		TEST(requests_count_beside_tokens_and_neither_is_taken_alone),
		TEST(headers_teach_a_limit_and_never_give_back),
		TEST(a_floor_is_the_latest_that_was_said),
		TEST(the_output_to_expect_follows_what_is_seen),
		TEST(further_attempts_are_a_tenth_of_the_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "model/price.h"

/* 1.25, 0.125, 1.5625 and 10 dollars per million. */
static const struct price plain = {
	.id = 1,
	.input = { 1250000 },
	.cached = { 125000 },
	.cache_write = { 1562500 },
	.output = { 10000000 },
	.has_cached = true,
	.has_cache_write = true,
};

static int64_t
cost(const struct price *p, struct usage u)
{
	struct money m;

	assert_true(price_cost(p, &u, &m));
	return m.nano;
}

static int64_t
bound(const struct price *p, uint64_t input, uint64_t output)
{
	struct money m;

	assert_true(price_bound(p, input, output, &m));
	return m.nano;
}

static void
each_kind_of_token_has_its_rate(void **state)
{
	(void)state;
	assert_int_equal(
	    cost(&plain, (struct usage){ .input = 1000 }), 1250000);
	assert_int_equal(
	    cost(&plain, (struct usage){ .input = 1000, .cached = 1000 }),
	    125000);
	assert_int_equal(cost(&plain, (struct usage){ 1000, 600, 100, 50, 20 }),
	    300 * 1250 + 600 * 125 + 156250 + 50 * 10000);
}

static void
reasoning_is_inside_the_output(void **state)
{
	(void)state;
	assert_int_equal(cost(&plain, (struct usage){ 0, 0, 0, 100, 100 }),
	    cost(&plain, (struct usage){ 0, 0, 0, 100, 0 }));
}

static void
a_missing_rate_is_the_input_rate_and_never_zero(void **state)
{
	struct price p = plain;

	(void)state;
	p.has_cached = p.has_cache_write = false;
	assert_int_equal(
	    cost(&p, (struct usage){ 1000, 400, 300, 0, 0 }), 1250000);
	p.has_cached = true;
	p.cached.pico = 0; /* known, and free */
	assert_int_equal(
	    cost(&p, (struct usage){ 1000, 400, 300, 0, 0 }), 750000);
}

static void
every_line_is_rounded_once_half_to_even(void **state)
{
	const struct price p = {
		.input = { 500 },
		.cached = { 1500 },
		.has_cached = true,
		.output = { 2500 },
	};

	(void)state;
	assert_int_equal(cost(&p, (struct usage){ 1, 0, 0, 0, 0 }), 0);
	assert_int_equal(cost(&p, (struct usage){ 1, 1, 0, 0, 0 }), 2);
	assert_int_equal(cost(&p, (struct usage){ 0, 0, 0, 1, 0 }), 2);
	/* 0.5 + 1.5 + 2.5: each for itself, not 4.5 in one. */
	assert_int_equal(cost(&p, (struct usage){ 2, 1, 0, 1, 0 }), 4);
	assert_int_equal(cost(&p, (struct usage){ 3, 0, 0, 0, 0 }), 2);
}

static void
beyond_the_step_the_whole_call_is_dearer(void **state)
{
	struct price p = plain;

	(void)state;
	p.above = 1000;
	p.hi_input.pico = 2500000;
	p.hi_output.pico = 15000000;
	assert_int_equal(
	    cost(&p, (struct usage){ 1000, 0, 0, 1, 0 }), 1250000 + 10000);
	assert_int_equal(
	    cost(&p, (struct usage){ 1001, 0, 0, 1, 0 }), 1001 * 2500 + 15000);
	/* without rates of its own for the cache: its input rate */
	assert_int_equal(
	    cost(&p, (struct usage){ 1001, 1001, 0, 0, 0 }), 1001 * 2500);
	p.hi_has_cached = p.hi_has_cache_write = true;
	p.hi_cached.pico = 250000;
	p.hi_cache_write.pico = 3000000;
	assert_int_equal(
	    cost(&p, (struct usage){ 1001, 1000, 1, 0, 0 }), 250000 + 3000);
}

static void
a_fee_per_request_is_added(void **state)
{
	struct price p = plain;

	(void)state;
	p.per_request.nano = 7;
	assert_int_equal(cost(&p, (struct usage){ 0 }), 7);
	assert_int_equal(bound(&p, 0, 0), 7);
}

static void
unsane_usage_and_overflow_are_refused(void **state)
{
	static const struct usage bad[] = {
		{ 10, 11, 0, 0, 0 },
		{ 10, 6, 5, 0, 0 },
		{ 10, 0, 0, 5, 6 },
		{ UINT64_MAX, 0, 0, 0, 0 },
		{ 0, 0, 0, UINT64_MAX, 0 },
	};
	struct price p = plain;
	struct money m;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++)
		assert_false(price_cost(&plain, &bad[i], &m));
	assert_false(price_bound(&plain, UINT64_MAX, 0, &m));
	assert_false(price_bound(&plain, 0, UINT64_MAX, &m));
	p.per_request.nano = INT64_MAX;
	assert_false(price_cost(&p, &(struct usage){ 10, 5, 2, 1, 0 }, &m));
	assert_false(price_cost(&p, &(struct usage){ 10, 0, 0, 0, 0 }, &m));
	assert_false(price_cost(&p, &(struct usage){ 10, 10, 0, 0, 0 }, &m));
	assert_false(price_cost(&p, &(struct usage){ 10, 0, 10, 0, 0 }, &m));
	assert_false(price_bound(&p, 0, 1, &m));
	assert_false(price_bound(&p, 1, 0, &m));
	p.per_request.nano = INT64_MAX - 1;
	p.input.pico = p.cached.pico = p.cache_write.pico = 1;
	assert_false(price_bound(&p, 1, 0, &m));
}

static void
a_bound_takes_the_worst_input_rate(void **state)
{
	struct price p = plain;

	(void)state;
	/* two nano for what rounding line by line may add */
	assert_int_equal(bound(&plain, 1000, 10), 1562500 + 100000 + 2);
	p.cached.pico = 9000000;
	assert_int_equal(bound(&p, 1000, 0), 9000000 + 2);
	p.above = 999;
	p.hi_input.pico = 20000000;
	p.hi_output.pico = 1;
	assert_int_equal(bound(&p, 999, 1), 9000 * 999 + 10000 + 2);
	assert_int_equal(bound(&p, 1000, 1), 20000000 + 10000 + 2);
	assert_int_equal(bound(&plain, 0, 0), 0);
}

/* What is held is enough, whatever the provider counts within the bound. */
static void
no_cost_passes_its_bound(void **state)
{
	unsigned seed = 7, i;

	(void)state;
	for (i = 0; i < 200000; i++) {
		const struct price p = {
			.input = { rand_r(&seed) % 3000 },
			.cached = { rand_r(&seed) % 3000 },
			.cache_write = { rand_r(&seed) % 3000 },
			.output = { rand_r(&seed) % 3000 },
			.has_cached = rand_r(&seed) & 64,
			.has_cache_write = rand_r(&seed) & 64,
			.above = (uint64_t)rand_r(&seed) % 20,
			.hi_input = { rand_r(&seed) % 3000 },
			.hi_cached = { rand_r(&seed) % 3000 },
			.hi_output = { rand_r(&seed) % 3000 },
			.hi_has_cached = rand_r(&seed) & 64,
		};
		const uint64_t in = (uint64_t)rand_r(&seed) % 30;
		const uint64_t out = (uint64_t)rand_r(&seed) % 30;
		struct usage u = { .input =
				       in - (uint64_t)rand_r(&seed) % (in + 1),
			.output = out };

		u.cached = (uint64_t)rand_r(&seed) % (u.input + 1);
		u.cache_write =
		    (uint64_t)rand_r(&seed) % (u.input - u.cached + 1);
		assert_true(cost(&p, u) <= bound(&p, in, out));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_token_has_its_rate),
		cmocka_unit_test(reasoning_is_inside_the_output),
		cmocka_unit_test(
		    a_missing_rate_is_the_input_rate_and_never_zero),
		cmocka_unit_test(every_line_is_rounded_once_half_to_even),
		cmocka_unit_test(beyond_the_step_the_whole_call_is_dearer),
		cmocka_unit_test(a_fee_per_request_is_added),
		cmocka_unit_test(unsane_usage_and_overflow_are_refused),
		cmocka_unit_test(a_bound_takes_the_worst_input_rate),
		cmocka_unit_test(no_cost_passes_its_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

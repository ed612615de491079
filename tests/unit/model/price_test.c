#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/json.h"
#include "model/price.h"

/* 1.25, 0.125, 1.5625 and 10 dollars per million. */
static const struct price plain = {
	.id = 1,
	.base = { .has = LANE_BIT(LANE_INPUT) | LANE_BIT(LANE_CACHED) |
			 LANE_BIT(LANE_CACHE_WRITE) | LANE_BIT(LANE_OUTPUT),
	    .rate = { [LANE_INPUT] = { 1250000 },
		[LANE_CACHED] = { 125000 },
		[LANE_CACHE_WRITE] = { 1562500 },
		[LANE_OUTPUT] = { 10000000 } } },
};

static void
set(struct rates *r, enum lane lane, int64_t pico)
{
	rates_set(r, lane, (struct rate){ pico });
}

/* input, cached, cache_write, output, reasoning */
#define USAGE(i, c, w, o, r) \
	((struct usage){ .input = i, \
	    .cached = c, \
	    .cache_write = w, \
	    .output = o, \
	    .reasoning = r })

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

	assert_true(price_bound(p, LANES_TEXT, input, output, &m));
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
	assert_int_equal(cost(&plain, USAGE(1000, 600, 100, 50, 20)),
	    300 * 1250 + 600 * 125 + 156250 + 50 * 10000);
}

static void
reasoning_is_inside_the_output(void **state)
{
	(void)state;
	assert_int_equal(cost(&plain, USAGE(0, 0, 0, 100, 100)),
	    cost(&plain, USAGE(0, 0, 0, 100, 0)));
}

static void
a_missing_rate_is_the_input_rate_and_never_zero(void **state)
{
	struct price p = plain;

	(void)state;
	p.base.has = LANE_BIT(LANE_INPUT) | LANE_BIT(LANE_OUTPUT);
	assert_int_equal(cost(&p, USAGE(1000, 400, 300, 0, 0)), 1250000);
	set(&p.base, LANE_CACHED, 0); /* known, and free */
	assert_int_equal(cost(&p, USAGE(1000, 400, 300, 0, 0)), 750000);
}

static void
every_line_is_rounded_once_half_to_even(void **state)
{
	struct price p = { 0 };

	(void)state;
	set(&p.base, LANE_INPUT, 500);
	set(&p.base, LANE_CACHED, 1500);
	set(&p.base, LANE_OUTPUT, 2500);
	assert_int_equal(cost(&p, USAGE(1, 0, 0, 0, 0)), 0);
	assert_int_equal(cost(&p, USAGE(1, 1, 0, 0, 0)), 2);
	assert_int_equal(cost(&p, USAGE(0, 0, 0, 1, 0)), 2);
	/* 0.5 + 1.5 + 2.5: each for itself, not 4.5 in one. */
	assert_int_equal(cost(&p, USAGE(2, 1, 0, 1, 0)), 4);
	assert_int_equal(cost(&p, USAGE(3, 0, 0, 0, 0)), 2);
}

static void
beyond_the_step_the_whole_call_is_dearer(void **state)
{
	struct price p = plain;

	(void)state;
	p.nsteps = 1;
	p.step[0].above = 1000;
	set(&p.step[0].rates, LANE_INPUT, 2500000);
	set(&p.step[0].rates, LANE_OUTPUT, 15000000);
	assert_int_equal(cost(&p, USAGE(1000, 0, 0, 1, 0)), 1250000 + 10000);
	assert_int_equal(
	    cost(&p, USAGE(1001, 0, 0, 1, 0)), 1001 * 2500 + 15000);
	/* without rates of its own for the cache: its input rate */
	assert_int_equal(cost(&p, USAGE(1001, 1001, 0, 0, 0)), 1001 * 2500);
	set(&p.step[0].rates, LANE_CACHED, 250000);
	set(&p.step[0].rates, LANE_CACHE_WRITE, 3000000);
	assert_int_equal(cost(&p, USAGE(1001, 1000, 1, 0, 0)), 250000 + 3000);
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
		{ .input = 10, .cached = 11 },
		{ .input = 10, .cached = 6, .cache_write = 5 },
		{ .output = 5, .reasoning = 6 }, { .input = UINT64_MAX },
		{ .output = UINT64_MAX },
		{ .input = 1, .audio_input = 1 }, /* no rate for audio */
	};
	struct price p = plain;
	struct money m;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++)
		assert_false(price_cost(&plain, &bad[i], &m));
	assert_false(price_bound(&plain, LANES_TEXT, UINT64_MAX, 0, &m));
	assert_false(price_bound(&plain, LANES_TEXT, 0, UINT64_MAX, &m));
	p.per_request.nano = INT64_MAX;
	assert_false(price_cost(&p, &USAGE(10, 5, 2, 1, 0), &m));
	assert_false(price_cost(&p, &USAGE(10, 0, 0, 0, 0), &m));
	assert_false(price_cost(&p, &USAGE(10, 10, 0, 0, 0), &m));
	assert_false(price_cost(&p, &USAGE(10, 0, 10, 0, 0), &m));
	assert_false(price_bound(&p, LANES_TEXT, 0, 1, &m));
	assert_false(price_bound(&p, LANES_TEXT, 1, 0, &m));
	p.per_request.nano = INT64_MAX - 1;
	set(&p.base, LANE_INPUT, 1);
	set(&p.base, LANE_CACHED, 1);
	set(&p.base, LANE_CACHE_WRITE, 1);
	assert_false(price_bound(&p, LANES_TEXT, 1, 0, &m));
}

static void
a_bound_takes_the_worst_input_rate(void **state)
{
	struct price p = plain;

	(void)state;
	/* three and two nano for what rounding line by line may add */
	assert_int_equal(bound(&plain, 1000, 10), 1562500 + 100000 + 3 + 2);
	set(&p.base, LANE_CACHED, 9000000);
	assert_int_equal(bound(&p, 1000, 0), 9000000 + 3);
	p.nsteps = 1;
	p.step[0].above = 999;
	set(&p.step[0].rates, LANE_INPUT, 20000000);
	set(&p.step[0].rates, LANE_OUTPUT, 1);
	assert_int_equal(bound(&p, 999, 1), 9000 * 999 + 10000 + 5);
	assert_int_equal(bound(&p, 1000, 1), 20000000 + 10000 + 5);
	assert_int_equal(bound(&plain, 0, 0), 0);
}

static uint64_t
below(unsigned *seed, uint64_t n)
{
	return (uint64_t)rand_r(seed) % n;
}

static void
random_rates(unsigned *seed, uint32_t must, struct rates *r)
{
	unsigned i;

	for (i = 0; i < LANES; i++) {
		if ((must & LANE_BIT(i)) != 0 || below(seed, 2) != 0)
			set(r, (enum lane)i, (int64_t)below(seed, 3000));
	}
}

static struct usage
random_usage(unsigned *seed, uint64_t in, uint64_t out)
{
	struct usage u = { .input = in - below(seed, in + 1),
		.output = out - below(seed, out + 1) };

	u.cached = below(seed, u.input + 1);
	u.cache_write = below(seed, u.input - u.cached + 1);
	u.cache_write_1h = below(seed, u.cache_write + 1);
	u.audio_input = below(seed, u.input + 1);
	u.image_input = below(seed, u.input - u.audio_input + 1);
	u.reasoning = below(seed, u.output + 1);
	u.audio_output = below(seed, u.output - u.reasoning + 1);
	u.image_output =
	    below(seed, u.output - u.reasoning - u.audio_output + 1);
	return u;
}

/* What is held is enough, whatever the provider counts within the bound. */
static void
no_cost_passes_its_bound(void **state)
{
	const uint32_t all = (1u << LANES) - 1;
	const uint32_t must = LANE_BIT(LANE_INPUT) | LANE_BIT(LANE_OUTPUT) |
			      LANE_BIT(LANE_AUDIO_INPUT) |
			      LANE_BIT(LANE_AUDIO_OUTPUT);
	unsigned seed = 7, i, k;
	struct money most;

	(void)state;
	for (i = 0; i < 100000; i++) {
		const uint64_t in = below(&seed, 30), out = below(&seed, 30);
		struct price p = { .nsteps = i % 3 };

		random_rates(&seed, must, &p.base);
		for (k = 0; k < p.nsteps; k++) {
			p.step[k].above = 4 + 10 * k + below(&seed, 9);
			random_rates(&seed, must, &p.step[k].rates);
		}
		assert_true(price_bound(&p, all, in, out, &most));
		for (k = 0; k < 4; k++)
			assert_true(cost(&p, random_usage(&seed, in, out)) <=
				    most.nano);
	}
}

static void
each_token_is_in_one_line(void **state)
{
	const struct usage u = { .input = 100,
		.cached = 30,
		.cache_write = 20,
		.cache_write_1h = 5,
		.audio_input = 60,
		.image_input = 10,
		.output = 50,
		.reasoning = 20,
		.audio_output = 10,
		.image_output = 4 };
	/* 60 of audio and 10 of images into the 50 that are fresh */
	static const uint64_t want[PRICE_LINES] = { 0, 30, 15, 5, 50, 0, 16, 20,
		10, 4, 1 };
	struct price_line line[PRICE_LINES];
	struct price p = plain;
	unsigned i, step;

	(void)state;
	for (i = 0; i < LANES; i++)
		set(&p.base, (enum lane)i, 1000 + i);
	p.per_request.nano = 3;
	assert_true(price_lines(&p, &u, line, &step));
	assert_int_equal(step, 0);
	for (i = 0; i < PRICE_LINES; i++)
		assert_int_equal(line[i].quantity, want[i]);
	assert_int_equal(line[LANE_REASONING].rate.pico, 1000 + LANE_REASONING);
	assert_int_equal(line[LANES].cost.nano, 3);
	p.nsteps = 2;
	p.step[0] = (struct price_step){ 50, p.base };
	p.step[1] = (struct price_step){ 100, p.base };
	assert_true(price_lines(&p, &u, line, &step));
	assert_int_equal(step, 1);
}

static void
what_is_not_known_is_not_bounded(void **state)
{
	const uint32_t hears = LANES_TEXT | LANE_BIT(LANE_AUDIO_INPUT);
	const uint32_t speaks = LANES_TEXT | LANE_BIT(LANE_AUDIO_OUTPUT);
	struct price p = plain;
	struct money m;

	(void)state;
	assert_true(price_knows(&p, LANES_TEXT, 1000));
	assert_true(
	    price_knows(&p, LANES_TEXT | LANE_BIT(LANE_IMAGE_INPUT), 1000));
	assert_false(price_knows(&p, hears, 0));
	assert_false(price_knows(&p, speaks, 0));
	assert_false(price_bound(&p, hears, 1, 1, &m));
	set(&p.base, LANE_AUDIO_INPUT, 40000000);
	set(&p.base, LANE_AUDIO_OUTPUT, 80000000);
	assert_true(price_bound(&p, hears, 10, 1, &m));
	assert_int_equal(m.nano, 10 * 40000 + 3 + 10000 + 2);
	assert_true(price_bound(&p, speaks, 0, 10, &m));
	assert_int_equal(m.nano, 10 * 80000 + 2);
	/* A step that says nothing; one that speaks and does not hear. */
	p.nsteps = 1;
	p.step[0].above = 100;
	assert_true(price_knows(&p, LANES_TEXT, 100));
	assert_false(price_knows(&p, LANES_TEXT, 101));
	assert_false(price_cost(&p, &(struct usage){ .input = 101 }, &m));
	set(&p.step[0].rates, LANE_INPUT, 1);
	assert_false(price_knows(&p, LANES_TEXT, 101));
	set(&p.step[0].rates, LANE_OUTPUT, 1);
	assert_true(price_knows(&p, LANES_TEXT, 101));
	assert_false(price_knows(&p, hears, 101));
	assert_false(price_knows(&p, speaks, 101));
}

static void
the_better_of_two_rows(void **state)
{
	const struct price old = { .id = 1, .from_ns = 10 };
	const struct price later = { .id = 2, .from_ns = 20 };
	const struct price own = { .id = 3, .from_ns = 5, .operators = true };
	const struct price ends = { .id = 4, .from_ns = 20, .to_ns = 30 };
	const struct price flex = { .id = 5, .tier = S_INIT("flex") };
	const struct slice none = S("");

	(void)state;
	assert_null(price_better(NULL, &old, none, 9));
	assert_null(price_better(NULL, &ends, none, 30));
	assert_null(price_better(NULL, &flex, none, 30));
	assert_ptr_equal(price_better(NULL, &flex, S("flex"), 0), &flex);
	assert_ptr_equal(price_better(NULL, &old, none, 10), &old);
	assert_ptr_equal(price_better(&old, &later, none, 19), &old);
	assert_ptr_equal(price_better(&old, &later, none, 20), &later);
	assert_ptr_equal(price_better(&later, &old, none, 20), &later);
	assert_ptr_equal(price_better(&later, &own, none, 20), &own);
	assert_ptr_equal(price_better(&own, &later, none, 20), &own);
	assert_ptr_equal(price_better(&old, &ends, none, 29), &ends);
	/* of two that begin together the first */
	assert_ptr_equal(price_better(&later, &ends, none, 29), &later);
}

static void
rates_are_written_as_they_are_read(void **state)
{
	struct price p = plain;
	struct buf b = { 0 };

	(void)state;
	p.nsteps = 2;
	p.step[0].above = 200000;
	set(&p.step[0].rates, LANE_INPUT, 2500000);
	p.step[1].above = 1000000; /* not known from there */
	json_w_begin(&b, '{');
	rates_write(&b, &p.base);
	price_write_steps(&b, &p);
	json_w_end(&b, '}');
	assert_string_equal(buf_cstr(&b),
	    "{\"input\":\"1.25\",\"cached_input\":\"0.125\","
	    "\"cache_write\":\"1.5625\",\"output\":\"10\",\"above\":["
	    "{\"tokens\":200000,\"input\":\"2.5\"},{\"tokens\":1000000}]}");
	buf_fini(&b);
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
		cmocka_unit_test(each_token_is_in_one_line),
		cmocka_unit_test(what_is_not_known_is_not_bounded),
		cmocka_unit_test(the_better_of_two_rows),
		cmocka_unit_test(rates_are_written_as_they_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

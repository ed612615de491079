#include "../shm/table.h"

#include "base/clock.h"
#include "ledger/rate.h"
#include "shm/limit.h"

enum { SLOTS = 3, DAY = 24 * 3600 };

static struct shm m, other;
static struct chain chain;

static int32_t
limit_at(uint64_t id, enum limit_kind kind, int64_t amount, int64_t period_s,
    int64_t burst, int64_t now)
{
	const struct limit_spec s = { .id = id,
		.kind = kind,
		.amount = amount,
		.period_ns = period_s * NS_PER_S,
		.burst = burst,
		.mono_ns = now,
		.label = S("team ml") };
	/* Ids count from 1, as rows do from 0. */
	const uint32_t row = limit_set(&m, (uint32_t)id - 1, &s);

	assert_int_not_equal(row, UINT32_MAX);
	return (int32_t)row;
}

static int32_t
limit(uint64_t id, enum limit_kind kind, int64_t amount, int64_t period_s,
    int64_t burst)
{
	return limit_at(id, kind, amount, period_s, burst, 0);
}

static int
fresh(void **state)
{
	(void)state;
	m = table_new(SLOTS);
	other = m;
	m.slot = 1;
	other.slot = 2;
	chain = (struct chain){ .naccounts = 0 };
	return 0;
}

static int
stale(void **state)
{
	(void)state;
	table_free(&m);
	return 0;
}

static void
bind(int32_t row)
{
	chain.limit[chain.nlimits++] = row;
}

static bool
take(struct shm *v, int64_t now, struct rate_taken *t, struct rate_short *why)
{
	const struct rate_need need = { 10, 20 };

	return rate_take(v, &chain, &need, now, t, why) == FAULT_NONE;
}

/* At twice the load for ten minutes, tried on two workers by turns. */
static void
twice_the_load_gets_the_limit_within_one_percent(void **state)
{
	static const int64_t amounts[] = { 1, 7, 60, 100, 997, 6000, 100000 };
	const int64_t start = 77 * NS_PER_S;
	struct rate_taken t;
	struct rate_short why;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(amounts); i++) {
		const int64_t amount = amounts[i];
		const int64_t step = 60 * NS_PER_S / (2 * amount);
		int64_t now, passed = 0, first = 0;

		chain.nlimits = 0;
		bind(limit(
		    i + 1, LIMIT_REQUESTS, amount, 60, rate_burst(amount)));
		for (now = start; now < start + 600 * NS_PER_S; now += step) {
			if (!take(now / step % 2 ? &m : &other, now, &t, &why))
				continue;
			passed++;
			first += now < start + 60 * NS_PER_S;
		}
		/* One more is what a burst of two makes of a few. */
		assert_true(first >= amount - amount / 100 - 1);
		assert_true(first <= amount + amount / 100 + 1);
		assert_true(passed >= 10 * amount - amount / 10 - 1);
		assert_true(passed <= 10 * amount + amount / 100 + 1);
	}
}

static void
a_burst_passes_at_once_and_a_refusal_says_how_long(void **state)
{
	struct rate_taken t;
	struct rate_short why;
	int64_t now = 50 * NS_PER_S;
	int i;

	(void)state;
	bind(limit(1, LIMIT_REQUESTS, 60, 60, 5));
	for (i = 0; i < 5; i++)
		assert_true(take(&m, now, &t, &why));
	assert_false(take(&m, now, &t, &why));
	assert_int_equal(why.kind, LIMIT_REQUESTS);
	assert_int_equal(why.wait_ns, NS_PER_S);
	assert_false(take(&m, now + NS_PER_S - 1, &t, &why));
	assert_true(take(&m, now + NS_PER_S, &t, &why));
	/* What is given back passes again. */
	rate_back(&m, &t, now + NS_PER_S);
	assert_true(take(&m, now + NS_PER_S, &t, &why));
	assert_false(take(&m, now + NS_PER_S, &t, &why));
}

/* They wait six seconds for something else; then those of another key come. */
static void
calls_that_are_not_made_let_nobody_pass_early(void **state)
{
	enum { SECONDS = 6, WAITING = 66 };
	static struct rate_taken waiting[WAITING];
	struct rate_taken t;
	struct rate_short why;
	const int64_t start = 50 * NS_PER_S, tick = 10 * NS_PER_MS;
	const int64_t half = start + SECONDS * NS_PER_S;
	int64_t now, passed = 0;
	size_t n = 0, back = 0;

	(void)state;
	bind(limit(1, LIMIT_REQUESTS, 600, 60, 6));
	for (now = start; now < half; now += tick)
		n += n < WAITING && take(&other, now, &waiting[n], &why);
	assert_true(n > 60);
	for (; now < half + SECONDS * NS_PER_S; now += tick) {
		if (back < n && now % (8 * tick) == 0)
			rate_back(&other, &waiting[back++], now);
		passed += take(&m, now, &t, &why);
	}
	assert_true(passed >= 60 - 1);
	assert_true(passed <= 60 + 6 - 1);
}

/* One step moves up when those before it are given back, and drains there. */
static void
a_step_that_moved_up_is_given_back_once(void **state)
{
	struct rate_taken t[8] = { 0 }, made;
	struct rate_short why;
	int64_t now = 50 * NS_PER_S, passed = 0;
	int i, k;

	(void)state;
	bind(limit(1, LIMIT_REQUESTS, 60, 60, 5));
	/* All of them were the last in the row. */
	for (i = 0; i < 5; i++) {
		for (k = i; k < 5; k++)
			assert_true(take(&m, now, &t[k], &why));
		made = t[4];
		for (k = i; k < 4; k++)
			rate_back(&m, &t[k], now);
		t[i] = made;
	}
	/* From 51 s on, a burst and what comes in three seconds. */
	for (; now <= 54 * NS_PER_S; now += NS_PER_S / 10) {
		if (now == 54 * NS_PER_S) {
			for (i = 0; i < 5; i++)
				rate_back(&m, &t[i], now);
		}
		passed += take(&m, now, &made, &why);
	}
	assert_true(passed <= 5 + 3);
}

static void
a_refusal_of_one_limit_takes_from_none(void **state)
{
	struct rate_taken t, held;
	struct rate_short why;
	int64_t now = 50 * NS_PER_S;
	struct rate_state before, after;

	(void)state;
	bind(limit(1, LIMIT_REQUESTS, 100, 60, 50));
	bind(limit(2, LIMIT_TOKENS, 1000, 60, 1000));
	bind(limit(3, LIMIT_CONCURRENCY, 1, 0, 0));
	assert_true(take(&m, now, &held, &why));
	before = rate_state(&m, 1, now);
	assert_int_equal(rate_take(&other, &chain,
			     &(struct rate_need){ 10, 20 }, now, &t, &why),
	    FAULT_CONCURRENCY);
	assert_int_equal(why.limit, 2);
	assert_int_equal(t.n, 0);
	after = rate_state(&m, 1, now);
	assert_int_equal(before.left, after.left);
	assert_int_equal(rate_state(&m, 0, now).left, 49);
	rate_settle(&m, &held, 3, 4, now);
	assert_int_equal(rate_state(&m, 2, now).left, 1);
	/* What was used stays counted, the rest is back. */
	assert_int_equal(rate_state(&m, 1, now).left, 993);
	assert_true(take(&other, now, &t, &why));
}

static void
tokens_follow_what_was_used_at_twice_the_load(void **state)
{
	struct rate_taken t;
	struct rate_short why;
	int64_t now, used = 0;
	const struct rate_need need = { 4000, 8000 };

	(void)state;
	/* Bounds are far above what calls use. */
	bind(limit(1, LIMIT_OUTPUT_TOKENS, 60000, 60, rate_burst(60000)));
	for (now = NS_PER_S; now < 601 * NS_PER_S; now += 50 * NS_PER_MS) {
		if (rate_take(&m, &chain, &need, now, &t, &why) != FAULT_NONE)
			continue;
		used += 100;
		rate_settle(&m, &t, 900, 100, now + 10 * NS_PER_MS);
	}
	assert_true(used >= 594000);
	assert_true(used <= 606000);
}

static void
what_is_larger_than_the_limit_passes_alone(void **state)
{
	struct rate_taken one, two;
	struct rate_short why;
	const struct rate_need need = { 5000, 0 };

	(void)state;
	bind(limit(1, LIMIT_INPUT_TOKENS, 1000, 60, 10));
	assert_int_equal(
	    rate_take(&m, &chain, &need, 5, &one, &why), FAULT_NONE);
	assert_int_equal(
	    rate_take(&other, &chain, &need, 5, &two, &why), FAULT_RATE);
	rate_settle(&m, &one, 2000, 9, 5);
	/* Two periods' worth: the next one comes when it has drained. */
	assert_int_equal(
	    rate_take(&other, &chain, &need, 5, &two, &why), FAULT_RATE);
	assert_true(why.wait_ns > 119 * NS_PER_S);
	assert_int_equal(
	    rate_take(&other, &chain, &need, 5 + 120 * NS_PER_S, &two, &why),
	    FAULT_NONE);
}

static void
a_raised_limit_lets_pass_at_once(void **state)
{
	struct rate_taken t;
	struct rate_short why;
	const int64_t now = 50 * NS_PER_S;
	int i;

	(void)state;
	bind(limit(1, LIMIT_REQUESTS, 4, DAY, 2));
	for (i = 0; i < 2; i++)
		assert_true(take(&m, now, &t, &why));
	assert_false(take(&m, now, &t, &why));
	(void)limit_at(1, LIMIT_REQUESTS, 100000, DAY, 1000, now);
	/* The two that passed still count. */
	assert_int_equal(rate_state(&m, 0, now).left, 998);
	assert_true(take(&m, now, &t, &why));
	(void)limit_at(1, LIMIT_REQUESTS, 600, 60, 3, now);
	assert_false(take(&m, now, &t, &why));
	assert_in_range(why.wait_ns, 100 * NS_PER_MS - 2, 100 * NS_PER_MS + 2);
}

static void
a_lowered_limit_waits_for_a_burst_at_most(void **state)
{
	struct rate_taken t;
	struct rate_short why;
	const int64_t now = 50 * NS_PER_S;
	int i;

	(void)state;
	bind(limit(1, LIMIT_REQUESTS, 100000, DAY, 1000));
	for (i = 0; i < 500; i++)
		assert_true(take(&m, now, &t, &why));
	(void)limit_at(1, LIMIT_REQUESTS, 4, DAY, 2, now);
	assert_false(take(&m, now, &t, &why));
	assert_int_equal(why.wait_ns, DAY / 4 * NS_PER_S);
	/* The same again is no change. */
	(void)limit_at(1, LIMIT_REQUESTS, 4, DAY, 2, now + NS_PER_S);
	assert_int_equal(rate_state(&m, 0, now).reset_ns, DAY / 2 * NS_PER_S);
}

static void
a_raised_limit_of_tokens_keeps_their_count(void **state)
{
	struct rate_taken t;
	struct rate_short why;
	const int64_t now = 50 * NS_PER_S;

	(void)state;
	bind(limit(1, LIMIT_TOKENS, 1000, 60, 10));
	assert_true(take(&m, now, &t, &why));
	rate_settle(&m, &t, 90000, 0, now);
	assert_false(take(&m, now, &t, &why));
	(void)limit_at(1, LIMIT_TOKENS, 10000000, 60, 100000, now);
	assert_int_equal(rate_state(&m, 0, now).left, 10000000 - 90000);
	assert_true(take(&m, now, &t, &why));
}

static void
a_limit_of_any_size_becomes_one_of_any_other(void **state)
{
	static const int64_t amounts[] = { 1, 1000, INT64_MAX };
	static const int64_t periods[] = { 1, 60, DAY };
	struct rate_taken t;
	struct rate_short why;
	const int64_t now = 50 * NS_PER_S;
	size_t i, k;
	int64_t wait;

	(void)state;
	bind(limit(1, LIMIT_TOKENS, 1, DAY, 1));
	assert_true(take(&m, now, &t, &why));
	rate_settle(&m, &t, INT64_MAX, INT64_MAX, now);
	wait = rate_state(&m, 0, now).reset_ns;
	for (i = 0; i < NELEM(amounts); i++) {
		for (k = 0; k < NELEM(periods); k++) {
			(void)limit_at(1, LIMIT_TOKENS, amounts[i], periods[k],
			    rate_burst(amounts[i]), now);
			assert_in_range(
			    rate_state(&m, 0, now).reset_ns, 0, wait);
		}
	}
}

static void
another_ones_try_is_no_refusal(void **state)
{
	struct rate_taken t;
	struct rate_short why;

	(void)state;
	bind(limit(1, LIMIT_CONCURRENCY, 2, 0, 0));
	assert_true(take(&m, 1, &t, &why));
	assert_true(take(&other, 1, &t, &why));
	assert_int_equal(rate_state(&m, 0, 1).left, 0);
	assert_false(take(&m, 1, &t, &why));
	assert_int_equal(why.kind, LIMIT_CONCURRENCY);
	rate_back(&other, &t, 1);
	rate_settle(&other, &t, 1, 1, 1);
}

static void
the_cost_of_one_call_has_a_limit(void **state)
{
	struct rate_taken t;
	struct rate_short why;

	(void)state;
	bind(limit(1, LIMIT_COST_PER_CALL, 500, 0, 0));
	assert_true(take(&m, 1, &t, &why));
	assert_int_equal(t.n, 0);
	assert_int_equal(rate_cost_refused(&m, &chain, 500), -1);
	assert_int_equal(rate_cost_refused(&m, &chain, 501), 0);
	limit_close(&m, 0);
	assert_int_equal(rate_cost_refused(&m, &chain, 501), -1);
}

static void
absurd_numbers_stop_nothing_but_themselves(void **state)
{
	struct rate_taken t;
	struct rate_short why;
	const struct rate_need huge = { INT64_MAX, INT64_MAX };

	(void)state;
	bind(limit(1, LIMIT_TOKENS, 10, 60, 1));
	assert_int_equal(rate_take(&m, &chain, &huge, 9, &t, &why), FAULT_NONE);
	rate_settle(&m, &t, INT64_MAX, INT64_MAX, 9);
	assert_int_equal(rate_take(&m, &chain, &huge, 9, &t, &why), FAULT_RATE);
	assert_true(why.wait_ns > 0);
	chain.nlimits = 0;
	bind(limit(2, LIMIT_REQUESTS, 0, 60, 1));
	assert_false(take(&m, 9, &t, &why));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, stale)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(twice_the_load_gets_the_limit_within_one_percent),
		CASE(a_burst_passes_at_once_and_a_refusal_says_how_long),
		CASE(calls_that_are_not_made_let_nobody_pass_early),
		CASE(a_step_that_moved_up_is_given_back_once),
		CASE(a_refusal_of_one_limit_takes_from_none),
		CASE(tokens_follow_what_was_used_at_twice_the_load),
		CASE(what_is_larger_than_the_limit_passes_alone),
		CASE(a_raised_limit_lets_pass_at_once),
		CASE(a_lowered_limit_waits_for_a_burst_at_most),
		CASE(a_raised_limit_of_tokens_keeps_their_count),
		CASE(a_limit_of_any_size_becomes_one_of_any_other),
		CASE(another_ones_try_is_no_refusal),
		CASE(the_cost_of_one_call_has_a_limit),
		CASE(absurd_numbers_stop_nothing_but_themselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * rate_threads_test.c - limits under workers that race, each a slot of its own
 *
 * A ghost counts what was let in: up after rate_take(), down before
 * rate_settle(), so it never exceeds what the gauges say, and must never
 * exceed the limit; and the pace must not lose or invent a single step.
 */
#include "../shm/table.h"

#include <pthread.h>
#include <sched.h>

#include "base/clock.h"
#include "ledger/rate.h"
#include "shm/limit.h"

enum { WORKERS = 4, ROUNDS = 20000, AT_ONCE = 3, PER_PERIOD = 5000 };

static struct shm m;
static struct chain chain;
static _Atomic int64_t inside, most_inside, passed;
static _Atomic bool broken;

struct worker {
	pthread_t thread;
	struct shm view;
};

static void *
race_for_the_gauge(void *arg)
{
	struct worker *w = arg;
	struct rate_taken t;
	struct rate_short why;
	int64_t n;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		const struct rate_need need = { 1, 1 };

		if (rate_take(&w->view, &chain, &need, 5, &t, &why) !=
		    FAULT_NONE)
			continue;
		n = atomic_fetch_add(&inside, 1) + 1;
		if (n > AT_ONCE)
			atomic_store(&broken, true);
		if (n > atomic_load(&most_inside))
			atomic_store(&most_inside, n);
		atomic_fetch_add(&passed, 1);
		if (i % 64 == 0)
			sched_yield();
		atomic_fetch_sub(&inside, 1);
		rate_settle(&w->view, &t, 1, 1, 5);
	}
	return NULL;
}

static void *
race_for_the_pace(void *arg)
{
	struct worker *w = arg;
	struct rate_taken t;
	struct rate_short why;
	const struct rate_need need = { 1, 1 };
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (rate_take(&w->view, &chain, &need, NS_PER_S, &t, &why) !=
		    FAULT_NONE)
			continue;
		if (i % 3 == 0)
			rate_back(&w->view, &t, NS_PER_S);
		else
			atomic_fetch_add(&passed, 1);
	}
	return NULL;
}

/* The first sets the limit again and again, the others take. */
static void *
race_for_a_limit_that_changes(void *arg)
{
	struct worker *w = arg;
	struct limit_spec s = { .id = 1,
		.kind = LIMIT_REQUESTS,
		.mono_ns = NS_PER_S,
		.label = S("x") };
	int i;

	if (w->view.slot != 1)
		return race_for_the_pace(arg);
	for (i = 0; i < ROUNDS; i++) {
		s.amount = i % 2 == 0 ? 24 : PER_PERIOD;
		s.burst = rate_burst(s.amount);
		s.period_ns = 86400 * NS_PER_S;
		if (limit_set(&w->view, 0, &s) != 0)
			atomic_store(&broken, true);
	}
	return NULL;
}

static void
run(const struct limit_spec *s, void *(*body)(void *))
{
	static struct worker worker[WORKERS];
	int i;

	m = table_new(WORKERS + 1);
	atomic_store(&passed, 0);
	atomic_store(&broken, false);
	chain = (struct chain){ .nlimits = 1 };
	chain.limit[0] = (int32_t)limit_set(&m, UINT32_MAX, s);
	for (i = 0; i < WORKERS; i++) {
		worker[i].view = m;
		worker[i].view.slot = (uint32_t)i + 1;
		assert_int_equal(
		    pthread_create(&worker[i].thread, NULL, body, &worker[i]),
		    0);
	}
	for (i = 0; i < WORKERS; i++)
		pthread_join(worker[i].thread, NULL);
	assert_false(atomic_load(&broken));
}

static void
never_more_at_once_than_the_limit_and_all_is_given_back(void **state)
{
	const struct limit_spec s = { .id = 1,
		.kind = LIMIT_CONCURRENCY,
		.amount = AT_ONCE,
		.label = S("x") };

	(void)state;
	run(&s, race_for_the_gauge);
	assert_true(atomic_load(&passed) > ROUNDS / 10);
	assert_int_equal(rate_state(&m, 0, 5).left, AT_ONCE);
	table_free(&m);
}

/* Nobody's step of the slow pace is left in the fast one. */
static void
a_limit_may_change_under_those_who_take(void **state)
{
	const struct limit_spec s = { .id = 1,
		.kind = LIMIT_REQUESTS,
		.amount = PER_PERIOD,
		.period_ns = 86400 * NS_PER_S,
		.burst = PER_PERIOD / 100,
		.label = S("x") };

	(void)state;
	run(&s, race_for_a_limit_that_changes);
	assert_true(rate_state(&m, 0, NS_PER_S).reset_ns <=
		    s.period_ns / 100 + NS_PER_S);
	table_free(&m);
}

static void
tokens_under_way_never_pass_the_limit(void **state)
{
	/* A need of 2 tokens each: at most three of them fit into 6. */
	const struct limit_spec s = { .id = 1,
		.kind = LIMIT_TOKENS,
		.amount = 2 * AT_ONCE,
		.period_ns = 1,
		.burst = INT64_C(1) << 40,
		.label = S("x") };

	(void)state;
	run(&s, race_for_the_gauge);
	assert_true(atomic_load(&passed) > ROUNDS / 10);
	table_free(&m);
}

static void
the_pace_lets_exactly_the_burst_pass_at_one_moment(void **state)
{
	const struct limit_spec s = { .id = 1,
		.kind = LIMIT_REQUESTS,
		.amount = PER_PERIOD,
		.period_ns = NS_PER_S,
		.burst = PER_PERIOD,
		.label = S("x") };

	(void)state;
	run(&s, race_for_the_pace);
	assert_int_equal(atomic_load(&passed), PER_PERIOD);
	table_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    never_more_at_once_than_the_limit_and_all_is_given_back),
		cmocka_unit_test(tokens_under_way_never_pass_the_limit),
		cmocka_unit_test(
		    the_pace_lets_exactly_the_burst_pass_at_one_moment),
		cmocka_unit_test(a_limit_may_change_under_those_who_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

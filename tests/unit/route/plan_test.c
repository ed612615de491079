#include <stdio.h>
#include <string.h>

#include "rig.h"

#include "route/capacity.h"
#include "route/pace.h"
#include "route/warm.h"
#include "shm/breaker.h"

static struct rig r;
static struct candidate c[DEPLOYMENTS_MAX];
static struct plan plan;

static unsigned
first(const struct plan_ask *a)
{
	plan_make(a, c, &plan);
	return c[0].deployment->index;
}

static void
each_strategy_has_its_order(void **state)
{
	struct plan_ask a;
	unsigned i, seen[3] = { 0 };

	(void)state;
	rig_init(&r, 3);
	rig_ready(&r);
	a = rig_ask(&r);
	assert_int_equal(first(&a), 0);
	assert_int_equal(c[0].why, WHY_CHOSEN);
	/* The last is the cheapest; an unknown price is the dearest. */
	r.model.strategy = STRATEGY_LOWEST_COST;
	assert_int_equal(first(&a), 2);
	assert_int_equal(c[0].why, WHY_CHEAPEST);
	assert_int_equal(c[2].deployment->index, 0);
	r.model.strategy = STRATEGY_LEAST_BUSY;
	breaker_enter(rig_row(&r, 0), 1);
	breaker_enter(rig_row(&r, 0), 2);
	breaker_enter(rig_row(&r, 1), 1);
	assert_int_equal(first(&a), 2);
	assert_int_equal(c[1].deployment->index, 1);
	/* Four times the weight bears four times the calls. */
	breaker_enter(rig_row(&r, 2), 1);
	breaker_enter(rig_row(&r, 2), 1);
	r.deployment[2].weight = 4;
	assert_int_equal(first(&a), 2);
	r.model.strategy = STRATEGY_WEIGHTED;
	for (i = 0; i < 6000; i++)
		seen[first(&a)]++;
	assert_in_range(seen[0], 800, 1200);
	assert_in_range(seen[2], 3700, 4300);
	rig_fini(&r);
}

/* However many there are: by what is under way, then as configured. */
static void
all_are_in_order_and_equals_in_the_configurations(void **state)
{
	struct plan_ask a;
	unsigned n, i, busy[DEPLOYMENTS_MAX], before;

	(void)state;
	for (n = 1; n <= DEPLOYMENTS_MAX; n++) {
		rig_init(&r, n);
		rig_ready(&r);
		r.model.strategy = STRATEGY_LEAST_BUSY;
		a = rig_ask(&r);
		for (i = 0; i < n; i++) {
			r.deployment[i].weight = 1;
			for (busy[i] = 0; busy[i] < i * 7 % 5; busy[i]++)
				breaker_enter(rig_row(&r, i), 1);
		}
		plan_make(&a, c, &plan);
		assert_int_equal(plan.open, n);
		for (i = 1; i < n; i++) {
			const unsigned now = c[i].deployment->index;

			before = c[i - 1].deployment->index;
			assert_true(
			    busy[before] < busy[now] ||
			    (busy[before] == busy[now] && before < now));
		}
		rig_fini(&r);
	}
}

static void
latency_decays_so_that_a_slow_one_is_looked_at_again(void **state)
{
	struct plan_ask a;

	(void)state;
	rig_init(&r, 2);
	rig_ready(&r);
	r.model.strategy = STRATEGY_LOWEST_LATENCY;
	a = rig_ask(&r);
	pace_saw(rig_row(&r, 0), PACE_WHOLE, 80000, NOW);
	/* What was never measured goes first. */
	assert_int_equal(first(&a), 1);
	pace_saw(rig_row(&r, 1), PACE_WHOLE, 20000, NOW);
	assert_int_equal(first(&a), 1);
	pace_saw(rig_row(&r, 1), PACE_WHOLE, 400000, NOW);
	assert_int_equal(pace_of(rig_row(&r, 1), PACE_WHOLE, NOW), 115000);
	assert_int_equal(first(&a), 0);
	/* A minute without news halves twice. */
	a.mono_ns = NOW + 61 * NS_PER_S;
	pace_saw(rig_row(&r, 0), PACE_WHOLE, 80000, a.mono_ns);
	assert_int_equal(first(&a), 1);
	rig_fini(&r);
}

static void
a_stream_goes_by_the_first_token_of_streams(void **state)
{
	struct plan_ask a;

	(void)state;
	rig_init(&r, 2);
	rig_ready(&r);
	r.model.strategy = STRATEGY_LOWEST_LATENCY;
	a = rig_ask(&r);
	pace_saw(rig_row(&r, 0), PACE_WHOLE, 20000, NOW);
	pace_saw(rig_row(&r, 1), PACE_WHOLE, 80000, NOW);
	pace_saw(rig_row(&r, 0), PACE_STREAM, 900, NOW);
	pace_saw(rig_row(&r, 1), PACE_STREAM, 300, NOW);
	assert_int_equal(first(&a), 0);
	a.stream = true;
	assert_int_equal(first(&a), 1);
	assert_int_equal(pace_last(rig_row(&r, 1), PACE_STREAM), 300);
	rig_fini(&r);
}

static void
what_rests_is_last_and_what_a_rule_drops_is_out(void **state)
{
	struct plan_ask a;
	unsigned i;

	(void)state;
	rig_init(&r, 4);
	rig_rule(&r, anybody, "eu");
	rig_ready(&r);
	a = rig_ask(&r);
	for (i = 0; i < BREAKER_FAILURES; i++)
		breaker_bad(rig_row(&r, 0), NOW, false);
	plan_make(&a, c, &plan);
	assert_int_equal(plan.n, 4);
	assert_int_equal(plan.open, 2);
	assert_int_equal(plan.rule, 0);
	assert_int_equal(c[0].deployment->index, 2);
	assert_int_equal(c[1].deployment->index, 0);
	assert_int_equal(c[1].why, WHY_BREAKER);
	for (i = 2; i < 4; i++) {
		assert_true(c[i].barred);
		assert_int_equal(c[i].why, WHY_ZONE);
		assert_string_equal(c[i].deployment->zone, "us");
	}
	rig_fini(&r);
}

static void
reserved_first(enum capacity_kind kind)
{
	struct plan_ask a;
	int64_t wait;

	rig_init(&r, 2);
	r.deployment[1].capacity = kind;
	r.deployment[1].tokens_per_minute = 60000;
	rig_ready(&r);
	a = rig_ask(&r);
	assert_int_equal(first(&a), 1);
	assert_int_equal(c[0].why, WHY_RESERVED);
	assert_true(capacity_take(
	    &r.deployment[1], rig_row(&r, 1), 59500, 0, NOW, &wait));
	assert_int_equal(first(&a), 0);
	assert_int_equal(c[0].why, WHY_SPILL);
	assert_int_equal(c[1].why, WHY_FULL);
	/* A second gives a thousand back; the call wants 1,256. */
	a.mono_ns += NS_PER_S;
	assert_int_equal(first(&a), 1);
	rig_fini(&r);
}

static void
reserved_goes_first_until_it_is_full(void **state)
{
	(void)state;
	reserved_first(CAPACITY_PROVISIONED);
	reserved_first(CAPACITY_DEDICATED);
}

static void
a_floor_a_refused_credential_and_a_shunned_one_are_last(void **state)
{
	struct plan_ask a;
	static struct shm_key key = { .principal = 5 };

	(void)state;
	rig_init(&r, 3);
	rig_ready(&r);
	a = rig_ask(&r);
	capacity_floor(rig_row(&r, 0), NOW + NS_PER_S);
	plan_make(&a, c, &plan);
	assert_int_equal(c[2].deployment->index, 0);
	assert_int_equal(c[2].why, WHY_TOLD);
	a.who.key = &key;
	breaker_timeout(rig_row(&r, 1), NOW - 1, false, 5);
	assert_int_equal(first(&a), 1);
	breaker_timeout(rig_row(&r, 1), NOW - 1, false, 5);
	assert_int_equal(first(&a), 2);
	/* For others it is as it was. */
	key.principal = 6;
	assert_int_equal(first(&a), 1);
	capacity_floor(live_of(&r.s)->deployment[1].credential, NOW + NS_PER_S);
	plan_make(&a, c, &plan);
	assert_int_equal(c[1].why, WHY_CREDENTIAL);
	rig_fini(&r);
}

static void
a_warm_one_goes_first_while_it_is_well(void **state)
{
	struct plan_ask a;
	unsigned i;

	(void)state;
	rig_init(&r, 3);
	r.model.affinity = AFFINITY_SESSION;
	rig_ready(&r);
	a = rig_ask(&r);
	a.warm_key = 77;
	warm_put(&r.m, 77, r.deployment[2].hash, NOW);
	assert_int_equal(first(&a), 2);
	assert_int_equal(c[0].why, WHY_SESSION);
	a.wall_ns += 3601 * NS_PER_S;
	assert_int_equal(first(&a), 0);
	a.wall_ns = NOW;
	for (i = 0; i < BREAKER_FAILURES; i++)
		breaker_bad(rig_row(&r, 2), NOW, false);
	assert_int_equal(first(&a), 0);
	rig_fini(&r);
}

static void
the_cheapest_counts_what_a_warm_cache_saves(void **state)
{
	struct plan_ask a;

	(void)state;
	rig_init(&r, 2);
	r.model.affinity = AFFINITY_PROMPT_CACHE;
	r.model.strategy = STRATEGY_LOWEST_COST;
	rig_ready(&r);
	a = rig_ask(&r);
	a.input = 100000;
	a.warm_key = 78;
	assert_int_equal(first(&a), 1);
	warm_put(&r.m, 78, r.deployment[0].hash, NOW);
	/* Nothing is known yet of what its cache reads. */
	assert_int_equal(first(&a), 1);
	atomic_store(&rig_row(&r, 0)->cached, 900);
	assert_int_equal(first(&a), 0);
	a.wall_ns += 301 * NS_PER_S;
	assert_int_equal(first(&a), 1);
	rig_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_strategy_has_its_order),
		cmocka_unit_test(
		    all_are_in_order_and_equals_in_the_configurations),
		cmocka_unit_test(
		    latency_decays_so_that_a_slow_one_is_looked_at_again),
		cmocka_unit_test(a_stream_goes_by_the_first_token_of_streams),
		cmocka_unit_test(
		    what_rests_is_last_and_what_a_rule_drops_is_out),
		cmocka_unit_test(reserved_goes_first_until_it_is_full),
		cmocka_unit_test(
		    a_floor_a_refused_credential_and_a_shunned_one_are_last),
		cmocka_unit_test(a_warm_one_goes_first_while_it_is_well),
		cmocka_unit_test(the_cheapest_counts_what_a_warm_cache_saves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

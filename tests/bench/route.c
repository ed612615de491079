/*
 * route.c - what a decision costs: the plan of 50 deployments, per call
 *
 *	route [calls]     prints CPU nanoseconds by strategy
 *
 * Half of the deployments are out by a rule of the caller's team, a few are
 * reserved, all have a capacity to look at; a session is looked up.
 *
 * The first line is the measure: fifty numbers put in order by the C library,
 * which takes as much longer as the machine is busy elsewhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "model/ident.h"
#include "route/pace.h"
#include "route/plan.h"
#include "route/warm.h"
#include "shm/breaker.h"
#include "shm/subject.h"

enum { MANY = 50, ROUNDS = 9 };
#define NOW (1000 * NS_PER_S)

static struct shm m;
static struct snapshot s;
static struct provider_conf provider = { .id = "p", .hash = 1 };
static struct deployment_conf deployment[MANY];
static struct price price[MANY];
static struct model_conf model = { .id = "m", .hash = 2 };
static char ids[MANY][8];
static uint64_t allow[1];
static const struct residency_conf residency[] = {
	{ .name = "eu",
	    .match = { "", "claims", "", "", "", "", "", "", "" },
	    .zones = "eu",
	    .store_zones = "",
	    .allow = allow },
};
static struct shm_key key;
static uint64_t random_state = 88172645463325252;

static int64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void
make_deployment(unsigned i, bool ruled)
{
	struct deployment_conf *d = &deployment[i];

	snprintf(ids[i], sizeof(ids[i]), "d%u", i);
	*d = (struct deployment_conf){ .id = ids[i],
		.hash = hash64(slice_of(ids[i])),
		.index = i,
		.provider = &provider,
		.model = &model,
		.zone = ruled && i % 2 == 1 ? "us" : "eu",
		.tier = "standard",
		.weight = 1 + i % 5,
		.tokens_per_minute = 1000000,
		.price = &price[i],
		.nprice = 1 };
	d->store_zone = d->zone;
	d->capacity = i % 16 == 0 ? CAPACITY_PROVISIONED : CAPACITY_ON_DEMAND;
	price[i].tier = S("standard");
	rates_set(
	    &price[i].base, LANE_INPUT, (struct rate){ 1000 + i * 7 % 50 });
	rates_set(&price[i].base, LANE_OUTPUT, (struct rate){ 9000 });
	model.deployment[i] = d;
}

static void
set_up(bool ruled)
{
	const struct shm_sizes z = { 8, 16, 16, 1024, 64, 32, 16, 4096 };
	unsigned i;

	CHECK(shm_create(&z, 1, 1, &m) == FAULT_NONE);
	allow[0] = 0;
	for (i = 0; i < MANY; i++) {
		make_deployment(i, ruled);
		if (residency_conf_allows(&residency[0], &deployment[i]))
			allow[0] |= UINT64_C(1) << i;
	}
	model.n = MANY;
	model.affinity = AFFINITY_SESSION;
	s = (struct snapshot){ .refs = 1,
		.max_attempts = 4,
		.nmodels = 1,
		.model = &model,
		.ndeployments = MANY,
		.deployment = deployment,
		.nresidency = 1,
		.residency = residency };
	key = (struct shm_key){ .nsubjects = 1 };
	key.subject[0] = (int32_t)subject_set(
	    &m, UINT32_MAX, 1, SUBJECT_TEAM, hash64(S("claims")));
	live_attach(&s, &m);
	for (i = 0; i < MANY; i++) {
		struct shm_breaker *b = live_of(&s)->deployment[i].row;

		pace_saw(b, PACE_WHOLE, 1000 + i * 37 % 50 * 100, NOW);
		breaker_enter(b, i % 8);
	}
}

static void
tear_down(void)
{
	const int fd = m.fd;

	arena_fini(&s.arena);
	shm_detach(&m);
	close(fd);
}

static int64_t
measure(unsigned n)
{
	struct plan_ask a = { .who = { .snap = &s, .m = &m, .key = &key },
		.model = &model,
		.class = CLASS_NORMAL,
		.warm_key = 1234,
		.input = 1000,
		.mono_ns = NOW,
		.wall_ns = NOW,
		.random = &random_state };
	struct candidate c[MANY];
	struct plan plan;
	int64_t best = INT64_MAX, t;
	unsigned i, round;

	for (round = 0; round < ROUNDS; round++) {
		t = cpu_ns();
		for (i = 0; i < n; i++) {
			a.mono_ns += 10000;
			plan_make(&a, c, &plan);
		}
		t = cpu_ns() - t;
		if (t < best)
			best = t;
	}
	return best / n;
}

static int
by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int64_t
measure_sorting(unsigned n)
{
	uint64_t v[MANY];
	int64_t best = INT64_MAX, t;
	unsigned i, k, round;

	for (round = 0; round < ROUNDS; round++) {
		t = cpu_ns();
		for (i = 0; i < n; i++) {
			for (k = 0; k < MANY; k++)
				v[k] = k * 37 % MANY;
			qsort(v, MANY, sizeof(v[0]), by_value);
		}
		t = cpu_ns() - t;
		if (t < best)
			best = t;
	}
	return best / n;
}

int
main(int argc, char **argv)
{
	const unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 100000;
	unsigned i, ruled;

	printf("%d numbers sorted: %4lld ns\n", MANY,
	    (long long)measure_sorting(n));
	for (ruled = 0; ruled < 2; ruled++) {
		set_up(ruled != 0);
		for (i = 0; i < STRATEGIES; i++) {
			model.strategy = (enum strategy)i;
			printf("%d deployments, %s, %-14s: %4lld ns a call\n",
			    MANY, ruled ? "half of them out" : "all in",
			    strategy_text(model.strategy),
			    (long long)measure(n));
		}
		tear_down();
	}
	return 0;
}

/*
 * rig.h - a snapshot of one model with as many deployments as wanted, and the
 * shared tables beside it
 */
#ifndef KONTOR_TESTS_UNIT_ROUTE_RIG_H
#define KONTOR_TESTS_UNIT_ROUTE_RIG_H

#include "../shm/table.h"

#include "base/clock.h"
#include "model/ident.h"
#include "route/live.h"
#include "route/plan.h"
#include "shm/subject.h"

enum { RIG_MAX = 64 };
#define NOW (1000 * NS_PER_S)

struct rig {
	struct shm m;
	struct snapshot s;
	struct provider_conf provider;
	struct deployment_conf deployment[RIG_MAX];
	struct price price[RIG_MAX];
	struct model_conf model;
	struct residency_conf residency[2];
	struct class_conf class[2];
	uint64_t allow[2];
	char id[RIG_MAX][8];
	uint64_t random;
};

static const struct match_conf anybody = { "", "", "", "", "", "", "", "", "" };

static inline void
rig_init(struct rig *r, unsigned n)
{
	const struct shm_sizes sizes = { .slots = 4,
		.accounts = 8,
		.keys = 16,
		.breakers = 256,
		.holds = 8,
		.subjects = 16,
		.limits = 8,
		.ring_bytes = 8192 };
	unsigned i;

	memset(r, 0, sizeof(*r));
	assert_int_equal(shm_create(&sizes, 1, 1, &r->m), FAULT_NONE);
	r->random = 88172645463325252;
	r->provider.id = "p";
	r->provider.hash = hash64(S("p"));
	r->model.id = "m";
	r->model.hash = hash64(S("m"));
	r->model.n = n;
	for (i = 0; i < n; i++) {
		struct deployment_conf *d = &r->deployment[i];

		snprintf(r->id[i], sizeof(r->id[i]), "d%u", i);
		d->id = r->id[i];
		d->hash = hash64(slice_of(d->id));
		d->index = i;
		d->provider = &r->provider;
		d->model = &r->model;
		d->zone = d->store_zone = i % 2 == 0 ? "eu" : "us";
		d->tier = "standard";
		d->weight = 1;
		d->price = &r->price[i];
		d->nprice = 1;
		r->price[i].id = i + 1;
		r->price[i].tier = S("standard");
		rates_set(&r->price[i].base, LANE_INPUT,
		    (struct rate){ 1000000 * (int64_t)(n - i) });
		rates_set(&r->price[i].base, LANE_CACHED,
		    (struct rate){ 100000 * (int64_t)(n - i) });
		rates_set(&r->price[i].base, LANE_OUTPUT,
		    (struct rate){ 1000000 * (int64_t)(n - i) });
		r->model.deployment[i] = d;
	}
	r->s.refs = 1;
	r->s.max_attempts = 4;
	r->s.nmodels = 1;
	r->s.model = &r->model;
	r->s.ndeployments = n;
	r->s.deployment = r->deployment;
	r->s.residency = r->residency;
	r->s.class = r->class;
	r->s.keep_normal = 10;
	r->s.keep_low = 25;
}

static inline void
rig_rule(struct rig *r, struct match_conf match, const char *zones)
{
	struct residency_conf *c = &r->residency[r->s.nresidency];
	unsigned i;

	*c = (struct residency_conf){ .name = "rule",
		.match = match,
		.zones = zones,
		.store_zones = "" };
	for (i = 0; i < r->model.n; i++) {
		if (residency_conf_allows(c, &r->deployment[i]))
			r->allow[r->s.nresidency] |= UINT64_C(1) << i;
	}
	c->allow = &r->allow[r->s.nresidency++];
}

static inline void
rig_ready(struct rig *r)
{
	live_attach(&r->s, &r->m);
}

static inline void
rig_fini(struct rig *r)
{
	arena_fini(&r->s.arena);
	table_free(&r->m);
}

static inline struct shm_breaker *
rig_row(struct rig *r, unsigned i)
{
	return live_of(&r->s)->deployment[i].row;
}

static inline struct plan_ask
rig_ask(struct rig *r)
{
	return (struct plan_ask){ .who = { .snap = &r->s, .m = &r->m },
		.model = &r->model,
		.class = CLASS_HIGH,
		.input = 1000,
		.mono_ns = NOW,
		.wall_ns = NOW,
		.random = &r->random };
}

#endif

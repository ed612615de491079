#include "route/plan.h"

#include "base/clock.h"
#include "route/capacity.h"
#include "route/strategy.h"
#include "route/warm.h"
#include "shm/atomic.h"
#include "shm/breaker.h"

#define SESSION_WARM_NS (3600 * NS_PER_S)
#define CACHE_WARM_NS (300 * NS_PER_S)

static const struct {
	bool kept;
	const char *text;
} whys[] = {
#define WHY(NAME, kept, text) { kept, text },
#include "model/why.def"
#undef WHY
};

static const struct {
	strategy_f *rank;
	enum why why;
} strategies[] = {
#define STRATEGY(NAME, function, text, why, help) \
	{ strategy_##function, WHY_##why },
#include "model/strategies.def"
#undef STRATEGY
};

enum band { BAND_WARM, BAND_RESERVED, BAND_DEMAND, BAND_FULL, BAND_RESTING };

const char *
why_text(enum why w)
{
	return (size_t)w < NELEM(whys) ? whys[w].text : "?";
}

bool
why_kept(enum why w)
{
	return (size_t)w < NELEM(whys) && whys[w].kept;
}

int64_t
plan_warm_ns(const struct model_conf *m)
{
	return m->affinity == AFFINITY_SESSION ? SESSION_WARM_NS
					       : CACHE_WARM_NS;
}

uint64_t
plan_tokens(const struct plan_ask *a, const struct shm_breaker *b)
{
	uint64_t output = capacity_expected_output(b);

	if (a->max_output != 0 && output > a->max_output)
		output = a->max_output;
	return a->input + output;
}

static bool
is_reserved(const struct deployment_conf *d)
{
	return d->capacity != CAPACITY_ON_DEMAND;
}

bool
plan_has_credential(
    const struct live_deployment *l, int64_t mono_ns, enum why *why)
{
	const struct shm_signin *s = l->signin;
	uint32_t state;

	/* Rows go to others when theirs is long out of the configuration. */
	if (s != NULL && at_peek(&s->id) == l->conf->provider->signin->id) {
		state = at_peek(&s->state);
		if (state != SIGNIN_STATE_GOOD && state != SIGNIN_STATE_AGING) {
			*why = WHY_SIGNIN;
			return false;
		}
		/* Newer than what was refused: worth a try. */
		if (at_peek(&s->refused) != at_peek(&s->version))
			return true;
	}
	if (capacity_floor_of(l->credential) <= mono_ns)
		return true;
	*why = WHY_CREDENTIAL;
	return false;
}

/* Its health and headroom as a band, and what to say of it. */
static enum band
band_of(const struct plan_ask *a, const struct live_deployment *l,
    unsigned keep, enum why *why)
{
	int64_t wait;

	if (l->row == NULL)
		return is_reserved(l->conf) ? BAND_RESERVED : BAND_DEMAND;
	if (capacity_floor_of(l->row) > a->mono_ns) {
		*why = WHY_TOLD;
		return BAND_RESTING;
	}
	if (!plan_has_credential(l, a->mono_ns, why))
		return BAND_RESTING;
	if (breaker_state(l->row, a->mono_ns) == BREAKER_OPEN) {
		*why = WHY_BREAKER;
		return BAND_RESTING;
	}
	if (a->who.key != NULL &&
	    breaker_shuns(l->row, a->mono_ns, a->who.key->principal)) {
		*why = WHY_SHUNNED;
		return BAND_RESTING;
	}
	if (capacity_is_full(l->row, a->mono_ns) ||
	    !capacity_has(l->conf, l->row, plan_tokens(a, l->row), keep,
		a->mono_ns, &wait)) {
		*why = WHY_FULL;
		return BAND_FULL;
	}
	if (!is_reserved(l->conf))
		return BAND_DEMAND;
	*why = WHY_RESERVED;
	return BAND_RESERVED;
}

/* Two at a time, without a branch that would be guessed wrong. */
typedef int64_t pair __attribute__((vector_size(16)));
enum { AT_ONCE = 8, PAIRS = DEPLOYMENTS_MAX / 2 };

/* How many of n keys, a multiple of AT_ONCE, are smaller: its place. */
static unsigned
count_smaller(const pair *key, unsigned n, int64_t than)
{
	const pair limit = { than, than };
	pair a = { 0, 0 }, b = { 0, 0 };
	const pair *end = key + n / 2;

	for (; key < end; key += AT_ONCE / 2) {
		a += (key[0] < limit) + (key[1] < limit);
		b += (key[2] < limit) + (key[3] < limit);
	}
	a += b;
	return (unsigned)-(a[0] + a[1]);
}

enum { INDEX_BITS = 6, BAND_SHIFT = 56 };

static enum band
place(const struct plan_ask *a, const struct ranked *r, unsigned keep,
    enum why *why)
{
	enum band band;

	*why = strategies[a->model->strategy].why;
	band = band_of(a, r->live, keep, why);
	/* The cheapest knows of caches by itself. */
	if (!r->warm || band > BAND_DEMAND ||
	    a->model->strategy == STRATEGY_LOWEST_COST)
		return band;
	*why = a->model->affinity == AFFINITY_SESSION ? WHY_SESSION : WHY_CACHE;
	return BAND_WARM;
}

/* Writes the n that are permitted, in order. */
static void
rank(
    const struct plan_ask *a, struct ranked *r, unsigned n, struct candidate *c)
{
	const unsigned keep = rule_keep(a->who.snap, a->class);
	UNSET pair key[PAIRS];
	UNSET enum why why[DEPLOYMENTS_MAX];
	bool spilt = false;
	enum band band;
	unsigned i, all, at;
	int64_t mine;

	strategies[a->model->strategy].rank(a, r, n);
	for (i = 0; i < n; i++) {
		band = place(a, &r[i], keep, &why[i]);
		if (band >= BAND_FULL && is_reserved(r[i].live->conf))
			spilt = true;
		key[i / 2][i % 2] = (int64_t)((uint64_t)band << BAND_SHIFT |
					      r[i].score << INDEX_BITS | i);
	}
	for (; i % AT_ONCE != 0; i++)
		key[i / 2][i % 2] = INT64_MAX;
	all = i;
	for (i = 0; i < n; i++) {
		mine = key[i / 2][i % 2];
		at = count_smaller(key, all, mine);
		c[at] = (struct candidate){ .deployment = r[i].live->conf,
			.why = spilt && mine >> BAND_SHIFT == BAND_DEMAND
				   ? WHY_SPILL
				   : why[i] };
	}
}

void
plan_make(const struct plan_ask *a, struct candidate *c, struct plan *out)
{
	const struct live *l = live_of(a->who.snap);
	const struct model_conf *m = a->model;
	const uint32_t warm =
	    a->warm_key == 0
		? 0
		: warm_find(a->who.m, a->warm_key, a->wall_ns, plan_warm_ns(m));
	UNSET struct ranked r[DEPLOYMENTS_MAX];
	uint64_t bits = UINT64_MAX;
	unsigned i, n = 0, dropped = m->n;

	out->rule = -1;
	if (a->who.snap->nresidency > 0)
		bits = rule_allows(&a->who, m, &out->rule);
	for (i = m->n; i-- > 0;) {
		if ((bits >> i & 1) == 0)
			c[--dropped] =
			    (struct candidate){ .deployment = m->deployment[i],
				    .why = WHY_ZONE,
				    .barred = true };
	}
	for (i = 0; i < m->n; i++) {
		if ((bits >> i & 1) == 0)
			continue;
		r[n].live = &l->deployment[m->deployment[i]->index];
		r[n].score = 0;
		r[n++].warm =
		    warm != 0 && warm_id(m->deployment[i]->hash) == warm;
	}
	rank(a, r, n, c);
	out->open = n;
	out->n = m->n;
}

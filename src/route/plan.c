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

/* Its health and headroom as a band, and what to say of it. */
bool
plan_has_credential(
    const struct live_deployment *l, int64_t mono_ns, struct candidate *c)
{
	const struct shm_signin *s = l->signin;
	uint32_t state;

	/* Rows go to others when theirs is long out of the configuration. */
	if (s != NULL && at_peek(&s->id) == l->conf->provider->signin->id) {
		state = at_peek(&s->state);
		if (state != SIGNIN_STATE_GOOD && state != SIGNIN_STATE_AGING) {
			c->why = WHY_SIGNIN;
			return false;
		}
		/* Newer than what was refused: worth a try. */
		if (at_peek(&s->refused) != at_peek(&s->version))
			return true;
	}
	if (capacity_floor_of(l->credential) <= mono_ns)
		return true;
	c->why = WHY_CREDENTIAL;
	return false;
}

static enum band
band_of(const struct plan_ask *a, const struct live_deployment *l,
    struct candidate *c)
{
	const unsigned keep = rule_keep(a->who.snap, a->class);
	int64_t wait;

	if (capacity_floor_of(l->row) > a->mono_ns) {
		c->why = WHY_TOLD;
		return BAND_RESTING;
	}
	if (!plan_has_credential(l, a->mono_ns, c))
		return BAND_RESTING;
	if (breaker_state(l->row, a->mono_ns) == BREAKER_OPEN) {
		c->why = WHY_BREAKER;
		return BAND_RESTING;
	}
	if (a->who.key != NULL &&
	    breaker_shuns(l->row, a->mono_ns, a->who.key->principal)) {
		c->why = WHY_SHUNNED;
		return BAND_RESTING;
	}
	if (capacity_is_full(l->row, a->mono_ns)) {
		c->why = WHY_FULL;
		return BAND_FULL;
	}
	if (l->row != NULL &&
	    !capacity_has(c->deployment, l->row, plan_tokens(a, l->row), keep,
		a->mono_ns, &wait)) {
		c->why = WHY_FULL;
		return BAND_FULL;
	}
	if (!is_reserved(c->deployment))
		return BAND_DEMAND;
	c->why = WHY_RESERVED;
	return BAND_RESERVED;
}

static void
swap_keys(uint64_t *key, struct candidate *c, unsigned i, unsigned k)
{
	const uint64_t was = key[i];
	const struct candidate moved = c[i];

	key[i] = key[k];
	key[k] = was;
	c[i] = c[k];
	c[k] = moved;
}

/* Mostly in order already: the configuration's. */
static void
sort(uint64_t *key, struct candidate *c, unsigned n)
{
	unsigned i, k;

	for (i = 1; i < n; i++) {
		for (k = i; k > 0 && key[k - 1] > key[k]; k--)
			swap_keys(key, c, k - 1, k);
	}
}

static void
rank(const struct plan_ask *a, struct candidate *c, unsigned n)
{
	const struct live *l = live_of(a->who.snap);
	struct ranked r[DEPLOYMENTS_MAX];
	uint64_t key[DEPLOYMENTS_MAX];
	const uint32_t warm = a->warm_key == 0
				  ? 0
				  : warm_find(a->who.m, a->warm_key, a->wall_ns,
					plan_warm_ns(a->model));
	bool spilt = false;
	enum band band;
	unsigned i;

	for (i = 0; i < n; i++) {
		r[i].live = &l->deployment[c[i].deployment->index];
		r[i].warm = warm != 0 && warm_id(c[i].deployment->hash) == warm;
	}
	strategies[a->model->strategy].rank(a, r, n);
	for (i = 0; i < n; i++) {
		c[i].why = strategies[a->model->strategy].why;
		band = band_of(a, r[i].live, &c[i]);
		/* The cheapest knows of caches by itself. */
		if (r[i].warm && band <= BAND_DEMAND &&
		    a->model->strategy != STRATEGY_LOWEST_COST) {
			band = BAND_WARM;
			c[i].why = a->model->affinity == AFFINITY_SESSION
				       ? WHY_SESSION
				       : WHY_CACHE;
		}
		if (is_reserved(c[i].deployment) && band >= BAND_FULL)
			spilt = true;
		key[i] = (uint64_t)band << 56 | r[i].score << 6 | i;
	}
	for (i = 0; spilt && i < n; i++) {
		if (key[i] >> 56 == BAND_DEMAND)
			c[i].why = WHY_SPILL;
	}
	sort(key, c, n);
}

/* One deployment that nothing is wrong with needs no order. */
void
plan_make(const struct plan_ask *a, struct candidate *c, struct plan *out)
{
	const struct model_conf *m = a->model;
	uint64_t bits = UINT64_MAX;
	unsigned i, n = 0, dropped;

	out->rule = -1;
	if (a->who.snap->nresidency > 0)
		bits = rule_allows(&a->who, m, &out->rule);
	for (i = 0; i < m->n; i++) {
		if ((bits >> i & 1) != 0)
			c[n++] = (struct candidate){ .deployment =
							 m->deployment[i] };
	}
	out->open = n;
	rank(a, c, n);
	for (i = 0, dropped = n; dropped < m->n && i < m->n; i++) {
		if ((bits >> i & 1) == 0)
			c[dropped++] =
			    (struct candidate){ .deployment = m->deployment[i],
				    .why = WHY_ZONE,
				    .barred = true };
	}
	out->n = m->n;
}

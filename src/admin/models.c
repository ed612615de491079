/*
 * models.c - what is configured, and how it is doing
 */
#include <time.h>

#include "admin/api.h"
#include "admin/control_priv.h"
#include "base/clock.h"
#include "route/capacity.h"
#include "route/pace.h"
#include "shm/breaker.h"

static void
write_day(struct buf *b, const char *key, int64_t ns)
{
	const time_t s = (time_t)(ns / NS_PER_S);
	char text[32];
	struct tm tm;

	json_w_key(b, key);
	if (ns == 0 || gmtime_r(&s, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		json_w_null(b);
	else
		json_w_str(b, slice_of(text));
}

/* How it is routed, and when it ends. */
static void
write_routing(struct buf *b, const struct model_conf *m)
{
	json_w_kstr(b, "capabilities", slice_of(m->capabilities));
	json_w_kstr(b, "strategy", slice_of(strategy_text(m->strategy)));
	json_w_kstr(b, "larger", slice_of(m->larger_id));
	json_w_kstr(b, "fallback", slice_of(m->fallback_id));
	write_day(b, "deprecated", m->deprecated_ns);
	write_day(b, "retires", m->retires_ns);
	json_w_kstr(b, "successor", slice_of(m->successor_id));
}

void
models_list(struct api *a)
{
	const struct snapshot *s = a->c->snapshot;
	struct buf b = { 0 };
	unsigned i, k;

	json_w_begin(&b, '{');
	json_w_key(&b, "models");
	json_w_begin(&b, '[');
	for (i = 0; i < s->nmodels; i++) {
		json_w_begin(&b, '{');
		json_w_kstr(&b, "id", slice_of(s->model[i].id));
		json_w_kstr(&b, "publisher", slice_of(s->model[i].publisher));
		write_routing(&b, &s->model[i]);
		json_w_key(&b, "deployments");
		json_w_begin(&b, '[');
		for (k = 0; k < s->model[i].n; k++)
			json_w_str(&b, slice_of(s->model[i].deployment[k]->id));
		json_w_end(&b, ']');
		json_w_end(&b, '}');
	}
	json_w_end(&b, ']');
	json_w_end(&b, '}');
	api_reply(a, 200, &b);
}

static void
write_price(struct buf *b, const struct deployment_conf *d)
{
	const struct price *p = deployment_price(d, clock_wall_ns());

	json_w_key(b, "price_per_million");
	if (p == NULL) {
		json_w_null(b);
		return;
	}
	json_w_begin(b, '{');
	rates_write(b, &p->base);
	json_w_end(b, '}');
}

/* What it keeps, and what was bought of it. */
static void
write_facts(struct buf *b, const struct deployment_conf *d,
    const struct shm_breaker *br)
{
	const int64_t left = capacity_left_tokens(d, br, clock_mono_ns());

	json_w_kstr(b, "stores_in", slice_of(d->store_zone));
	json_w_key(b, "retention_days");
	if (d->retention == 0)
		json_w_null(b);
	else
		json_w_u64(b, d->retention - 1);
	json_w_kstr(b, "capacity",
	    slice_of(capacity_kind_text((enum capacity_kind)d->capacity)));
	json_w_kstr(b, "accelerator", slice_of(d->accelerator));
	json_w_key(b, "headroom_tokens");
	if (left < 0)
		json_w_null(b);
	else
		json_w_i64(b, left);
	json_w_ku64(b, "first_token_us", pace_last(br, PACE_STREAM));
	json_w_ku64(b, "answer_us", pace_last(br, PACE_WHOLE));
	json_w_ku64(b, "context", d->context);
}

static void
write_deployment(struct api *a, struct buf *b, const struct deployment_conf *d)
{
	static const char *const states[] = { "closed", "open", "half_open" };
	struct shm *m = &a->c->shm;
	struct shm_breaker *br = breaker_get(m, d->hash);

	json_w_begin(b, '{');
	json_w_kstr(b, "id", slice_of(d->id));
	json_w_kstr(b, "model", slice_of(d->model->id));
	json_w_kstr(b, "provider", slice_of(d->provider->id));
	json_w_kstr(b, "type", slice_of(provider_type_text(d->provider->type)));
	json_w_kstr(b, "name", slice_of(d->name));
	json_w_kstr(b, "region", slice_of(d->provider->region));
	json_w_kstr(b, "zone", slice_of(d->zone));
	json_w_kstr(
	    b, "breaker", slice_of(states[breaker_state(br, clock_mono_ns())]));
	json_w_ki64(b, "inflight", breaker_inflight(br, m->head->sizes.slots));
	write_facts(b, d, br);
	write_price(b, d);
	json_w_end(b, '}');
}

void
deployments_list(struct api *a)
{
	const struct snapshot *s = a->c->snapshot;
	struct buf b = { 0 };
	unsigned i;

	json_w_begin(&b, '{');
	json_w_key(&b, "deployments");
	json_w_begin(&b, '[');
	for (i = 0; i < s->ndeployments; i++)
		write_deployment(a, &b, &s->deployment[i]);
	json_w_end(&b, ']');
	json_w_end(&b, '}');
	api_reply(a, 200, &b);
}

/* --- prices ----------------------------------------------------------------
 */

static void
write_row(struct buf *b, const struct deployment_conf *d, const struct price *p)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "deployment", slice_of(d->id));
	json_w_kstr(b, "model", slice_of(d->model->id));
	json_w_kstr(b, "provider", slice_of(d->provider->id));
	json_w_kstr(b, "tier", p->tier);
	write_day(b, "from", p->from_ns);
	write_day(b, "to", p->to_ns);
	json_w_kbool(b, "operators", p->operators);
	rates_write(b, &p->base);
	json_w_ki64(b, "steps", p->nsteps);
	json_w_kstr(b, "source", p->source);
	json_w_end(b, '}');
}

void
prices_list(struct api *a)
{
	const struct snapshot *s = a->c->snapshot;
	struct buf b = { 0 };
	unsigned i, k;

	json_w_begin(&b, '{');
	json_w_kstr(&b, "currency", slice_of(s->currency));
	json_w_key(&b, "prices");
	json_w_begin(&b, '[');
	for (i = 0; i < s->ndeployments; i++) {
		for (k = 0; k < s->deployment[i].nprice; k++)
			write_row(
			    &b, &s->deployment[i], &s->deployment[i].price[k]);
	}
	json_w_end(&b, ']');
	json_w_end(&b, '}');
	api_reply(a, 200, &b);
}

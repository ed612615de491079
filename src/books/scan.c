#include "books/scan.h"

#include "model/snapshot.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"

bool
scan_learn(struct scan *s, struct slice payload)
{
	struct scan_config *c = NEW(struct scan_config), *was;
	struct frame f = { .kind = FRAME_CONFIG };

	c->payload = mem_dup(payload);
	f.payload = (struct slice){ c->payload, payload.len };
	if (frame_get_generation(&f, &c->arena, &c->g) == FAULT_NONE &&
	    map64_find(&s->configs, c->g.generation) == NULL) {
		was = map64_put(&s->configs, c->g.generation, c);
		CHECK(was == NULL);
		return true;
	}
	arena_fini(&c->arena);
	mem_free(c->payload);
	mem_free(c);
	return false;
}

void
scan_learn_store(struct scan *s, struct store *store)
{
	struct stmt *q = store_sql(store, "SELECT payload FROM configs");

	while (stmt_step(q))
		(void)scan_learn(s, stmt_get(q, 0));
	q = store_sql(
	    store, "SELECT value FROM meta WHERE name = 'generation'");
	if (stmt_step(q))
		s->in_force = stmt_get_u64(q, 0);
}

bool
scan_promised(struct store *store, struct slice agreement, struct money *amount,
    struct period *in)
{
	struct stmt *q = store_sql(store,
	    "SELECT amount, from_ns, to_ns FROM pledges WHERE account = ?");

	stmt_u64(q, 1, agreement_account(agreement, PLEDGE_COMMITMENT, S("")));
	if (!stmt_step(q))
		return false;
	amount->nano = stmt_get_i64(q, 0);
	*in = (struct period){ stmt_get_i64(q, 1), stmt_get_i64(q, 2) };
	return true;
}

static int
by_time(const void *a, const void *b)
{
	const struct scan_config *x = *(struct scan_config *const *)a,
				 *y = *(struct scan_config *const *)b;

	return x->g.wall_ns < y->g.wall_ns ? -1 : x->g.wall_ns > y->g.wall_ns;
}

struct scan_config **
scan_by_time(const struct scan *s, size_t *n)
{
	struct scan_config **all =
	    mem_new((s->configs.n + 1) * sizeof(struct scan_config *));
	struct scan_config *const now = map64_find(&s->configs, s->in_force);
	const struct map64_slot *e;
	size_t at = 0;

	*n = 0;
	while ((e = map64_next(&s->configs, &at)) != NULL) {
		if (e->value != now)
			all[(*n)++] = e->value;
	}
	qsort(all, *n, sizeof(struct scan_config *), by_time);
	if (now != NULL)
		all[(*n)++] = now;
	return all;
}

void
scan_fini(struct scan *s)
{
	const struct map64_slot *e;
	size_t at = 0;

	while ((e = map64_next(&s->configs, &at)) != NULL) {
		struct scan_config *c = e->value;

		arena_fini(&c->arena);
		mem_free(c->payload);
		mem_free(c);
	}
	map64_fini(&s->configs);
}

const struct generation *
scan_generation(const struct scan *s, uint64_t generation)
{
	const struct scan_config *c = map64_find(&s->configs, generation);

	return c != NULL ? &c->g : NULL;
}

const struct deployment_row *
scan_deployment(const struct scan *s, uint64_t generation, unsigned deployment)
{
	const struct scan_config *c = map64_find(&s->configs, generation);

	return c != NULL && deployment < c->g.ndeployments
		   ? &c->g.deployments[deployment]
		   : NULL;
}

const struct price *
scan_price(const struct scan *s, uint64_t generation, unsigned deployment,
    uint64_t price)
{
	const struct scan_config *c = map64_find(&s->configs, generation);
	return c != NULL ? generation_price(&c->g, deployment, price) : NULL;
}

bool
scan_price_fits(const struct scan *s, const struct intent *i, uint64_t price)
{
	const struct scan_config *c = map64_find(&s->configs, i->generation);

	return price == i->price ||
	       (c != NULL && generation_uses(&c->g, i, price));
}

const char *
resolution_name(enum resolution r)
{
	switch (r) {
	case RESOLUTION_VOID:
		return "void";
	case RESOLUTION_BOOKED:
		return "booked";
	case RESOLUTION_OVERAGE:
		return "overage";
	case RESOLUTION_ESTIMATED:
		return "estimated";
	case RESOLUTION_UNKNOWN:
		return "unknown";
	}
	return "?";
}

/* --- values
 * --------------------------------------------------------------------*/

void
scan_money_sum(struct buf *b, const char *key, int128 nano)
{
	struct buf text = { 0 };

	money_write_sum(&text, nano);
	json_w_kstr(b, key, buf_slice(&text));
	buf_fini(&text);
}

void
scan_money(struct buf *b, const char *key, int64_t nano)
{
	scan_money_sum(b, key, nano);
}

void
scan_time(struct buf *b, const char *key, int64_t wall_ns)
{
	const time_t s = (time_t)(wall_ns / NS_PER_S);
	const unsigned ms = (unsigned)(wall_ns % NS_PER_S / NS_PER_MS);
	struct buf text = { 0 };
	struct tm tm;

	if (wall_ns < 0 || gmtime_r(&s, &tm) == NULL) {
		json_w_key(b, key);
		json_w_null(b);
		return;
	}
	buf_fmt(&text, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900,
	    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ms);
	json_w_kstr(b, key, buf_slice(&text));
	buf_fini(&text);
}

void
scan_key(struct buf *b, const char *key, uint64_t id)
{
	char text[KEY_ID_TEXT + 1];

	key_id_write(id, text);
	json_w_kstr(b, key, slice_of(text));
}

void
scan_path(struct buf *b, const char *data_dir, const char *name)
{
	buf_clear(b);
	buf_fmt(b, "%s/%s", data_dir, name);
	(void)buf_cstr(b);
}

/* --- attempts
 * ------------------------------------------------------------------*/

static void
write_rate(struct buf *b, const char *key, struct rate r)
{
	struct buf text = { 0 };

	rate_write_per_million(&text, r);
	json_w_kstr(b, key, buf_slice(&text));
	buf_fini(&text);
}

/* Rates per million tokens. */
static void
write_price(struct buf *b, const struct scan *s, const struct intent *i,
    const struct outcome *o)
{
	const uint64_t row = o != NULL ? o->price : i->price;
	const struct price *p =
	    scan_price(s, i->generation, i->deployment, row);
	struct buf id = { 0 };

	json_w_key(b, "price");
	if (row == 0 || p == NULL) {
		json_w_null(b);
		if (row == 0)
			json_w_kbool(b, "price_unknown", true);
		return;
	}
	json_w_begin(b, '{');
	buf_fmt(&id, "%016llx", (unsigned long long)p->id);
	json_w_kstr(b, "id", buf_slice(&id));
	buf_fini(&id);
	scan_time(b, "from", p->from_ns);
	json_w_kbool(b, "operators", p->operators);
	if (p->tier.len > 0)
		json_w_kstr(b, "tier", p->tier);
	rates_write(b, &p->base);
	if (p->nsteps > 0)
		price_write_steps(b, p);
	if (p->per_request.nano != 0)
		scan_money(b, "per_request", p->per_request.nano);
	json_w_end(b, '}');
}

static void
write_open(struct buf *b)
{
	static const char *const keys[] = { "settled", "resolution", "sent",
		"status", "fault" };
	size_t i;

	for (i = 0; i < NELEM(keys); i++) {
		json_w_key(b, keys[i]);
		json_w_null(b);
	}
}

static void
write_us(struct buf *b, const char *key, uint64_t us)
{
	json_w_key(b, key);
	if (us == 0)
		json_w_null(b);
	else
		json_w_u64(b, us);
}

static void
write_fault(struct buf *b, enum fault fault)
{
	json_w_key(b, "fault");
	if (fault == FAULT_NONE)
		json_w_null(b);
	else
		json_w_str(b, slice_of(fault_get(fault)->code));
}

/* The provider's id is whatever it sent: only what is plain text is told. */
static void
write_provider_id(struct buf *b, struct slice id)
{
	size_t i;

	for (i = 0; i < id.len; i++) {
		if (id.p[i] < 0x20 || id.p[i] > 0x7e)
			return;
	}
	if (id.len > 0)
		json_w_kstr(b, "provider_request_id", id);
}

/* Whose fault, and where it says it was, when that is elsewhere. */
static void
write_owner(struct buf *b, const struct outcome *o)
{
	char seen[9];

	json_w_kstr(b, "owner", slice_of(owner_text((enum owner)o->owner)));
	if (o->seen == 0)
		return;
	frame_unpack(o->seen, seen);
	json_w_kstr(b, "seen_in", slice_of(seen));
}

static void
write_outcome(struct buf *b, const struct outcome *o)
{
	scan_money(b, "settled", o->effective);
	scan_money(b, "list_cost", o->list);
	scan_money(b, "contracted_cost", o->contracted);
	scan_money(b, "effective_cost", o->effective);
	json_w_kstr(b, "resolution", slice_of(resolution_name(o->resolution)));
	json_w_kbool(b, "sent", o->sent);
	json_w_kbool(b, "streamed", o->streamed);
	json_w_kbool(b, "client_gone", o->client_gone);
	json_w_kbool(b, "by_recorder", o->by_recorder);
	json_w_ki64(b, "status", o->status);
	write_fault(b, o->fault);
	write_owner(b, o);
	json_w_ku64(b, "input_tokens", o->usage.input);
	json_w_ku64(b, "cached_tokens", o->usage.cached);
	json_w_ku64(b, "cache_write_tokens", o->usage.cache_write);
	json_w_ku64(b, "cache_write_1h_tokens", o->usage.cache_write_1h);
	json_w_ku64(b, "audio_input_tokens", o->usage.audio_input);
	json_w_ku64(b, "image_input_tokens", o->usage.image_input);
	json_w_ku64(b, "output_tokens", o->usage.output);
	json_w_ku64(b, "reasoning_tokens", o->usage.reasoning);
	json_w_ku64(b, "audio_output_tokens", o->usage.audio_output);
	json_w_ku64(b, "image_output_tokens", o->usage.image_output);
	if (o->used_tier.len > 0)
		json_w_kstr(b, "used_tier", o->used_tier);
	write_us(b, "sent_us", o->sent_us);
	write_us(b, "first_us", o->first_us);
	write_us(b, "end_us", o->end_us);
	write_provider_id(b, o->provider_id);
}

/* By name; null: none. */
static void
write_agreement(struct buf *b, const struct scan *s, const struct intent *i)
{
	const struct generation *g = scan_generation(s, i->generation);
	unsigned k;

	json_w_key(b, "agreement");
	for (k = 0; g != NULL && i->agreement != 0 && k < g->nagreements; k++) {
		if (g->agreements[k].terms.id == i->agreement) {
			json_w_str(b, g->agreements[k].name);
			return;
		}
	}
	json_w_null(b);
}

void
scan_write_attempt(struct buf *b, const struct scan *s, const struct intent *i,
    const struct outcome *o)
{
	const struct deployment_row *d =
	    scan_deployment(s, i->generation, i->deployment);

	json_w_ki64(b, "attempt", i->attempt);
	scan_time(b, "time", i->wall_ns);
	json_w_kstr(b, "deployment", d != NULL ? d->id : S("?"));
	json_w_kstr(b, "provider", d != NULL ? d->provider : S("?"));
	json_w_kstr(b, "model", d != NULL ? d->model : S("?"));
	write_agreement(b, s, i);
	scan_money(b, "hold", i->hold);
	if (o == NULL)
		write_open(b);
	else
		write_outcome(b, o);
	write_price(b, s, i, o);
}

static void
write_line(struct buf *b, const char *lane, const struct price_line *l)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "lane", slice_of(lane));
	json_w_ku64(b, "tokens", l->quantity);
	write_rate(b, "rate", l->rate);
	scan_money(b, "cost", l->cost.nano);
	json_w_end(b, '}');
}

void
scan_write_lines(struct buf *b, const struct scan *s, const struct outcome *o)
{
	const struct price *p =
	    scan_price(s, o->generation, o->deployment, o->price);
	struct price_line line[PRICE_LINES];
	unsigned i, step;

	if (p == NULL || o->resolution == RESOLUTION_VOID ||
	    o->resolution == RESOLUTION_UNKNOWN ||
	    !price_lines(p, &o->usage, line, &step))
		return;
	json_w_ku64(b, "step", step);
	json_w_key(b, "lines");
	json_w_begin(b, '[');
	for (i = 0; i < LANES; i++) {
		if (line[i].quantity > 0)
			write_line(b, lane_text((enum lane)i), &line[i]);
	}
	json_w_end(b, ']');
}

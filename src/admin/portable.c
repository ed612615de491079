#include "admin/portable.h"

#include "model/money.h"

enum { TEN_THOUSAND = 10000 };

struct workload {
	struct workload *next;
	struct slice org, team, project, model;
	const struct model_conf *conf; /* NULL: it is configured no more */
	int128 amount;
	int64_t calls;
	const struct json *row[DEPLOYMENTS_MAX]; /* by provider */
	unsigned nrows;
};

static struct workload *
workload_at(
    struct workload **list, const struct portable *p, const struct json *row)
{
	const struct slice org = json_get_str(row, "org");
	const struct slice team = json_get_str(row, "team");
	const struct slice project = json_get_str(row, "project");
	const struct slice model = json_get_str(row, "model");
	struct workload *w;

	for (; (w = *list) != NULL; list = &w->next) {
		if (slice_eq(w->org, org) && slice_eq(w->team, team) &&
		    slice_eq(w->project, project) && slice_eq(w->model, model))
			return w;
	}
	w = *list = ARENA_NEW(p->arena, struct workload);
	w->org = org;
	w->team = team;
	w->project = project;
	w->model = model;
	w->conf = snapshot_model(p->snapshot, model);
	return w;
}

static int128
amount_of(const struct portable *p, const struct json *row)
{
	struct money cost = { 0 };
	int64_t in = 0, out = 0;

	if (!p->by_cost) {
		(void)json_get_i64(row, "input_tokens", &in);
		(void)json_get_i64(row, "output_tokens", &out);
		return (int128)in + out;
	}
	return money_parse(json_get_str(row, "effective_cost"), &cost)
		   ? cost.nano
		   : 0;
}

static struct workload *
collect(const struct portable *p)
{
	const struct json *row = p->rows != NULL ? p->rows->child : NULL;
	struct workload *list = NULL, *w;
	int64_t calls;

	for (; row != NULL; row = row->next) {
		w = workload_at(&list, p, row);
		calls = 0;
		(void)json_get_i64(row, "calls", &calls);
		w->calls += calls;
		w->amount += amount_of(p, row);
		if (w->nrows < NELEM(w->row))
			w->row[w->nrows++] = row;
	}
	return list;
}

/* --- where to --------------------------------------------------------------
 */

static bool
is_other(const char *want, struct slice is)
{
	return want[0] != '\0' && !slice_eq(slice_of(want), is);
}

static bool
may_hold(const struct match_conf *m, const struct workload *w)
{
	return !is_other(m->org, w->org) && !is_other(m->team, w->team) &&
	       !is_other(m->project, w->project) &&
	       (m->model[0] == '\0' || strcmp(m->model, w->conf->id) == 0);
}

/* The deployments that are left, and the rules that took some. */
static uint64_t
write_rules(struct buf *b, const struct portable *p, const struct workload *w)
{
	const struct snapshot *s = p->snapshot;
	uint64_t bits = w->conf == NULL    ? 0
			: w->conf->n == 64 ? UINT64_MAX
					   : (UINT64_C(1) << w->conf->n) - 1;
	uint64_t left;
	unsigned i;

	json_w_key(b, "rules");
	json_w_begin(b, '[');
	for (i = 0; w->conf != NULL && i < s->nresidency; i++) {
		const struct residency_conf *r = &s->residency[i];

		if (!may_hold(&r->match, w))
			continue;
		left = bits & r->allow[w->conf->index];
		if (left != bits)
			json_w_str(b, slice_of(r->name));
		bits = left;
	}
	json_w_end(b, ']');
	return bits;
}

static bool
is_there_now(const struct workload *w, const char *provider)
{
	unsigned i;

	for (i = 0; i < w->nrows; i++) {
		if (slice_eq(json_get_str(w->row[i], "provider"),
			slice_of(provider)))
			return true;
	}
	return false;
}

/* Another provider than where all of it is now; each once. */
static bool
is_way_out(const struct workload *w, uint64_t bits, unsigned at)
{
	const struct model_conf *m = w->conf;
	const struct provider_conf *c = m->deployment[at]->provider;
	unsigned i;

	if ((bits >> at & 1) == 0 || (w->nrows == 1 && is_there_now(w, c->id)))
		return false;
	for (i = 0; i < at; i++) {
		if ((bits >> i & 1) != 0 && m->deployment[i]->provider == c)
			return false;
	}
	return true;
}

static bool
write_ways(struct buf *b, const struct workload *w, uint64_t bits)
{
	bool any = false;
	unsigned i;

	json_w_key(b, "could_move_to");
	json_w_begin(b, '[');
	for (i = 0; w->conf != NULL && i < w->conf->n; i++) {
		if (!is_way_out(w, bits, i))
			continue;
		json_w_str(b, slice_of(w->conf->deployment[i]->provider->id));
		any = true;
	}
	json_w_end(b, ']');
	return any;
}

static void
write_name(struct buf *b, const char *key, struct slice name)
{
	json_w_key(b, key);
	if (name.len > 0)
		json_w_str(b, name);
	else
		json_w_null(b);
}

static unsigned
write_workload(
    struct buf *b, const struct portable *p, const struct workload *w)
{
	const unsigned share =
	    p->all <= 0 || w->amount <= 0
		? 0
		: (unsigned)((w->amount * TEN_THOUSAND + p->all / 2) / p->all);
	uint64_t bits;
	bool movable;
	unsigned i;

	json_w_begin(b, '{');
	write_name(b, "org", w->org);
	write_name(b, "team", w->team);
	write_name(b, "project", w->project);
	write_name(b, "model", w->model);
	json_w_ki64(b, "calls", w->calls);
	json_w_key(b, "share");
	buf_fmt(b, "%u.%04u", share / TEN_THOUSAND, share % TEN_THOUSAND);
	json_w_key(b, "providers");
	json_w_begin(b, '[');
	for (i = 0; i < w->nrows; i++)
		json_w_str(b, json_get_str(w->row[i], "provider"));
	json_w_end(b, ']');
	bits = write_rules(b, p, w);
	movable = write_ways(b, w, bits);
	json_w_kbool(b, "movable", movable);
	json_w_end(b, '}');
	return movable ? share : 0;
}

unsigned
portable_write(struct buf *b, const struct portable *p)
{
	const struct workload *w;
	unsigned movable = 0;

	json_w_begin(b, '[');
	for (w = collect(p); w != NULL; w = w->next)
		movable += write_workload(b, p, w);
	json_w_end(b, ']');
	return movable < TEN_THOUSAND ? movable : TEN_THOUSAND;
}

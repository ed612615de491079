/*
 * routing.c - where a call would go, and where calls went: route test and
 * route report
 *
 * The test asks for the plan that the gateway would ask for, with the same
 * shared memory, and sends nothing.  The report adds up the books by
 * deployment and says what share whom has, how concentrated that is, how well
 * each did, what bought capacity was worth, and what could move where.
 */
#include "admin/api.h"
#include "admin/control_priv.h"
#include "admin/portable.h"
#include "base/clock.h"
#include "books/level.h"
#include "books/usage.h"
#include "ledger/chain.h"
#include "model/ident.h"
#include "route/capacity.h"
#include "route/pace.h"
#include "route/plan.h"
#include "shm/breaker.h"
#include "shm/key.h"
#include "shm/subject.h"
#include "store/store.h"

enum { INPUT_MAX = 100000000, TEN_THOUSAND = 10000 };
#define DEFAULT_SPAN_NS (24 * 3600 * NS_PER_S)

/* --- the test ------------------------------------------------------------- */

struct trial {
	struct plan_ask ask;
	const struct model_conf *asked;
	uint64_t random, session;
	enum call_class lowered; /* by the caller */
	int32_t tag[CHAIN_TAGS];
	bool revoked, forbidden, retired;
	struct candidate candidate[DEPLOYMENTS_MAX];
	struct plan plan;
};

static const struct shm_breaker *
row_of(const struct trial *t, const struct deployment_conf *d)
{
	return live_of(t->ask.who.snap)->deployment[d->index].row;
}

static bool
may_use(const struct trial *t, const struct model_conf *m)
{
	return t->ask.who.key == NULL || key_may_use(t->ask.who.key, m->hash);
}

static const char *
read_key(struct api *a, struct trial *t)
{
	struct slice v = api_query(a, "key"), secret;
	uint64_t id;

	if (v.len == 0)
		return NULL;
	if (!key_id_parse(v, &id) && !key_parse(v, &id, &secret))
		return "'key' takes the id of a key";
	t->ask.who.key = key_find(&a->c->shm, id);
	if (t->ask.who.key == NULL)
		return "there is no such key";
	t->revoked = !key_live(t->ask.who.key, t->ask.wall_ns);
	return NULL;
}

static const char *
read_tags(struct api *a, struct trial *t)
{
	struct slice rest = api_query(a, "tags"), one;

	t->ask.who.tag = t->tag;
	while (rest.len > 0) {
		if (!slice_cut(rest, ',', &one, &rest)) {
			one = rest;
			rest = S("");
		}
		if (t->ask.who.ntags == CHAIN_TAGS)
			return "'tags' are 8 at most";
		t->tag[t->ask.who.ntags] =
		    subject_tag(&a->c->shm, hash64(slice_trim(one)));
		if (t->tag[t->ask.who.ntags++] < 0)
			return "'tags' names a tag that does not exist";
	}
	return NULL;
}

/* What goes by the model. */
static void
take_model(struct trial *t, const struct model_conf *m)
{
	const struct shm_key *key = t->ask.who.key;

	t->ask.model = m;
	t->ask.class = rule_class(&t->ask.who, m);
	if (t->lowered > t->ask.class)
		t->ask.class = t->lowered;
	t->ask.warm_key =
	    t->session == 0 || m->affinity != AFFINITY_SESSION
		? 0
		: t->session ^ m->hash ^ (key != NULL ? key->principal : 0);
}

static const char *
read_words(struct api *a, struct trial *t)
{
	const struct slice class = api_query(a, "data_class");
	const struct slice session = api_query(a, "session");
	const struct slice priority = api_query(a, "priority");
	const struct slice input = api_query(a, "input_tokens");

	t->lowered = CLASS_HIGH;
	if (class.len > 0 && a->c->snapshot->data_classes[0] != '\0' &&
	    !snapshot_words_have(a->c->snapshot->data_classes, class))
		return "'data_class' is not one of data_classes";
	if (priority.len > 0 && !class_conf_find(priority, &t->lowered))
		return "'priority' takes high, normal or low";
	if (input.len > 0 &&
	    (!slice_u64(input, &t->ask.input) || t->ask.input > INPUT_MAX))
		return "'input_tokens' takes a number of tokens";
	t->ask.who.data_class = class.len > 0 ? hash64(class) : 0;
	t->session = session.len > 0 ? hash64(session) : 0;
	return NULL;
}

static const char *
read_trial(struct api *a, struct trial *t)
{
	const struct slice name = api_query(a, "model");
	const char *wrong = read_key(a, t);

	if (wrong != NULL)
		return wrong;
	if (name.len == 0)
		return "'model' is missing";
	t->asked = snapshot_model(a->c->snapshot, name);
	if (t->asked == NULL)
		return "there is no such model";
	t->random = (uint64_t)t->ask.mono_ns | 1;
	t->ask.random = &t->random;
	wrong = read_words(a, t);
	if (wrong == NULL)
		wrong = read_tags(a, t);
	if (wrong != NULL)
		return wrong;
	take_model(t, model_living(t->asked, t->ask.wall_ns));
	t->retired = model_retired(t->ask.model, t->ask.wall_ns);
	t->forbidden = !may_use(t, t->asked) || !may_use(t, t->ask.model);
	return NULL;
}

/* --- what the gateway would make of the plan ------------------------------ */

/* The first that would be tried, a last resort included; plan.n: none. */
static unsigned
first_of(const struct trial *t)
{
	const unsigned keep = rule_keep(t->ask.who.snap, t->ask.class);
	int64_t wait;
	unsigned i;

	for (i = 0; i < t->plan.n; i++) {
		const struct candidate *c = &t->candidate[i];
		const struct shm_breaker *row = row_of(t, c->deployment);

		if (c->barred || c->why == WHY_TOLD)
			continue;
		if (keep == 0 || row == NULL ||
		    capacity_has(c->deployment, row, plan_tokens(&t->ask, row),
			keep, t->ask.mono_ns, &wait))
			return i;
	}
	return t->plan.n;
}

static bool
is_too_long(const struct trial *t)
{
	unsigned i;

	for (i = 0; i < t->plan.n; i++) {
		const struct candidate *c = &t->candidate[i];

		if (!c->barred && (c->deployment->context == 0 ||
				      c->deployment->context >= t->ask.input))
			return false;
	}
	return true;
}

/* Goes on at the model, if the gateway might. */
static bool
move(struct api *a, struct trial *t, const struct model_conf *m)
{
	struct trial *next;

	if (m == NULL)
		return false;
	m = model_living(m, t->ask.wall_ns);
	if (m == t->ask.model || !may_use(t, m) ||
	    model_retired(m, t->ask.wall_ns))
		return false;
	next = ARENA_NEW(&a->arena, struct trial);
	*next = *t;
	take_model(next, m);
	plan_make(&next->ask, next->candidate, &next->plan);
	if (next->plan.open == 0)
		return false;
	*t = *next;
	return true;
}

static void
go(struct api *a, struct trial *t)
{
	unsigned hops = 0;

	plan_make(&t->ask, t->candidate, &t->plan);
	if (t->revoked || t->forbidden || t->retired || t->plan.open == 0)
		return;
	if (t->ask.model->larger != NULL && is_too_long(t))
		(void)move(a, t, t->ask.model->larger);
	while (first_of(t) == t->plan.n && hops++ < MODEL_HOPS_MAX &&
	       move(a, t, t->ask.model->fallback))
		continue;
}

static enum fault
verdict_of(const struct trial *t)
{
	if (t->revoked)
		return FAULT_KEY;
	if (t->forbidden)
		return FAULT_MODEL_FORBIDDEN;
	if (t->retired)
		return FAULT_MODEL_RETIRED;
	if (t->plan.open == 0)
		return FAULT_RESIDENCY;
	return first_of(t) < t->plan.n ? FAULT_NONE : FAULT_UP_FULL;
}

static void
write_text(struct buf *b, const char *key, const char *text)
{
	json_w_kstr(b, key, slice_of(text));
}

static void
write_candidate(struct buf *b, const struct trial *t, unsigned i)
{
	static const char *const states[] = { "closed", "open", "half_open" };
	const struct candidate *c = &t->candidate[i];
	const struct deployment_conf *d = c->deployment;
	const struct shm_breaker *row = row_of(t, d);
	const int64_t left = capacity_left_tokens(d, row, t->ask.mono_ns);

	json_w_begin(b, '{');
	write_text(b, "deployment", d->id);
	write_text(b, "provider", d->provider->id);
	write_text(b, "zone", d->zone);
	json_w_kbool(b, "kept", why_kept(c->why));
	json_w_kbool(b, "may_be_tried", !c->barred);
	write_text(b, "why", why_text(c->why));
	write_text(
	    b, "capacity", capacity_kind_text((enum capacity_kind)d->capacity));
	json_w_key(b, "headroom_tokens");
	if (left >= 0)
		json_w_i64(b, left);
	else
		json_w_null(b);
	write_text(b, "breaker", states[breaker_state(row, t->ask.mono_ns)]);
	json_w_ku64(b, "first_token_us", pace_last(row, PACE_STREAM));
	json_w_ku64(b, "answer_us", pace_last(row, PACE_WHOLE));
	json_w_end(b, '}');
}

static void
write_trial(struct api *a, const struct trial *t)
{
	const struct snapshot *s = a->c->snapshot;
	const enum fault f = verdict_of(t);
	struct buf b = { 0 };
	unsigned i;

	json_w_begin(&b, '{');
	write_text(&b, "model", t->ask.model->id);
	write_text(&b, "asked", t->asked->id);
	write_text(&b, "strategy", strategy_text(t->ask.model->strategy));
	write_text(&b, "class", class_conf_text(t->ask.class));
	json_w_ki64(&b, "status", fault_get(f)->status);
	json_w_key(&b, "fault");
	if (f == FAULT_NONE)
		json_w_null(&b);
	else
		json_w_str(&b, slice_of(fault_get(f)->code));
	json_w_key(&b, "rule");
	if (t->plan.rule >= 0)
		json_w_str(&b, slice_of(s->residency[t->plan.rule].name));
	else
		json_w_null(&b);
	json_w_key(&b, "first");
	if (f == FAULT_NONE)
		json_w_str(
		    &b, slice_of(t->candidate[first_of(t)].deployment->id));
	else
		json_w_null(&b);
	json_w_key(&b, "candidates");
	json_w_begin(&b, '[');
	for (i = 0; i < t->plan.n; i++)
		write_candidate(&b, t, i);
	json_w_end(&b, ']');
	json_w_end(&b, '}');
	api_reply(a, 200, &b);
}

void
routing_test(struct api *a)
{
	struct trial *t = ARENA_NEW(&a->arena, struct trial);
	const char *wrong;

	t->ask.who.snap = a->c->snapshot;
	t->ask.who.m = &a->c->shm;
	t->ask.mono_ns = clock_mono_ns();
	t->ask.wall_ns = clock_wall_ns();
	wrong = read_trial(a, t);
	if (wrong != NULL) {
		api_fail(a, FAULT_FIELD, wrong);
		return;
	}
	go(a, t);
	write_trial(a, t);
}

/* --- the report: what was spent where --------------------------------------
 */

struct spent {
	struct spent *next;
	struct slice name;
	int128 cost; /* nano */
	uint64_t calls, tokens;
};

struct report {
	struct api *api;
	const struct snapshot *s;
	int64_t from_ns, to_ns;
	struct spent *provider, *publisher, *accelerator, *deployment, *model;
	struct spent all;
	const struct json *levels; /* rows by deployment; NULL: none */
	const struct json *work;   /* rows by workload; NULL: none */
};

static struct spent *
spent_at(struct report *r, struct spent **list, struct slice name)
{
	struct spent *s;

	for (; *list != NULL; list = &(*list)->next) {
		if (slice_eq((*list)->name, name))
			return *list;
	}
	s = ARENA_NEW(&r->api->arena, struct spent);
	s->name = arena_copy(&r->api->arena, name);
	*list = s;
	return s;
}

static uint64_t
count_of(const struct json *row, const char *key)
{
	int64_t v = 0;

	return json_get_i64(row, key, &v) && v > 0 ? (uint64_t)v : 0;
}

static const struct deployment_conf *
deployment_of(const struct snapshot *s, struct slice id)
{
	unsigned i;

	for (i = 0; i < s->ndeployments; i++) {
		if (slice_eq(slice_of(s->deployment[i].id), id))
			return &s->deployment[i];
	}
	return NULL;
}

static void
add_spent(struct spent *to, struct money cost, const struct json *row)
{
	to->cost += cost.nano;
	to->calls += count_of(row, "calls");
	to->tokens +=
	    count_of(row, "input_tokens") + count_of(row, "output_tokens");
}

static struct slice
or_unknown(struct slice s)
{
	return s.len > 0 ? s : S("unknown");
}

static void
add_row(struct report *r, const struct json *row)
{
	const struct slice id = json_get_str(row, "deployment");
	const struct deployment_conf *d = deployment_of(r->s, id);
	struct money cost = { 0 };

	if (!money_parse(json_get_str(row, "effective_cost"), &cost))
		cost.nano = 0;
	add_spent(&r->all, cost, row);
	add_spent(spent_at(r, &r->provider,
		      or_unknown(json_get_str(row, "provider"))),
	    cost, row);
	add_spent(spent_at(r, &r->publisher,
		      or_unknown(json_get_str(row, "publisher"))),
	    cost, row);
	add_spent(spent_at(r, &r->accelerator,
		      or_unknown(d != NULL ? slice_of(d->accelerator) : S(""))),
	    cost, row);
	add_spent(spent_at(r, &r->deployment, id), cost, row);
	add_spent(
	    spent_at(r, &r->model, json_get_str(row, "model")), cost, row);
}

static const struct json *
parsed(struct report *r, struct buf *text)
{
	const struct slice kept = arena_copy(&r->api->arena, buf_slice(text));
	struct json *j;

	buf_fini(text);
	return json_parse(&r->api->arena, kept, &j) == FAULT_NONE ? j : NULL;
}

/* The rows of the books grouped so. */
static enum fault
read_rows(struct report *r, struct store *s, const struct roll_span *span,
    struct slice by, const struct json **rows)
{
	struct usage_query q = { 0 };
	struct buf text = { 0 };
	enum fault f;

	CHECK(usage_by_parse(by, &q));
	q.span = *span;
	f = usage_read(s, &q, USAGE_JSON, &text);
	if (f != FAULT_NONE) {
		buf_fini(&text);
		return f;
	}
	*rows = json_get(parsed(r, &text), "rows");
	return FAULT_NONE;
}

static enum fault
read_books(struct report *r, struct store *s)
{
	const struct roll_span span = { .from_ns = r->from_ns,
		.to_ns = r->to_ns };
	const struct json *rows = NULL, *row;
	struct buf text = { 0 };
	enum fault f;

	f = read_rows(
	    r, s, &span, S("deployment,model,provider,publisher"), &rows);
	if (f == FAULT_NONE)
		f = read_rows(r, s, &span, S(PORTABLE_BY), &r->work);
	if (f != FAULT_NONE)
		return f;
	for (row = rows != NULL ? rows->child : NULL; row != NULL;
	     row = row->next)
		add_row(r, row);
	f = level_read(s, &span, S("deployment"), &text);
	if (f == FAULT_NONE)
		r->levels = json_get(parsed(r, &text), "rows");
	else
		buf_fini(&text);
	return f;
}

/* --- the report: shares ----------------------------------------------------
 */

/* By cost; where nothing has a price, by tokens.  In 1/10,000. */
static unsigned
share_of(const struct report *r, const struct spent *s)
{
	if (r->all.cost > 0)
		return (unsigned)((s->cost * TEN_THOUSAND + r->all.cost / 2) /
				  r->all.cost);
	if (r->all.tokens > 0)
		return (unsigned)(((int128)s->tokens * TEN_THOUSAND +
				      (int128)r->all.tokens / 2) /
				  (int128)r->all.tokens);
	return 0;
}

/* 0.1234 */
static void
write_part(struct buf *b, const char *key, unsigned ten_thousandths)
{
	json_w_key(b, key);
	buf_fmt(b, "%u.%04u", ten_thousandths / TEN_THOUSAND,
	    ten_thousandths % TEN_THOUSAND);
}

static void
write_cost(struct buf *b, const char *key, int128 nano)
{
	const int64_t v = nano > INT64_MAX ? INT64_MAX : (int64_t)nano;

	json_w_key(b, key);
	buf_char(b, '"');
	money_write(b, (struct money){ v });
	buf_char(b, '"');
}

static void
write_spent(struct buf *b, const struct report *r, const char *key,
    const struct spent *s)
{
	json_w_key(b, key);
	json_w_begin(b, '[');
	for (; s != NULL; s = s->next) {
		json_w_begin(b, '{');
		json_w_kstr(b, "name", s->name);
		write_part(b, "share", share_of(r, s));
		write_cost(b, "cost", s->cost);
		json_w_ku64(b, "calls", s->calls);
		json_w_ku64(b, "tokens", s->tokens);
		json_w_end(b, '}');
	}
	json_w_end(b, ']');
}

/* Herfindahl and Hirschman: the sum of the squares of percentages. */
static unsigned
hhi_of(const struct report *r, const struct spent *s)
{
	uint64_t sum = 0;

	for (; s != NULL; s = s->next) {
		const uint64_t share = share_of(r, s);

		sum += share * share;
	}
	return (unsigned)((sum + TEN_THOUSAND / 2) / TEN_THOUSAND);
}

/* --- the report: deployments -----------------------------------------------
 */

static const struct json *
level_of(const struct report *r, const char *id)
{
	const struct json *row = r->levels != NULL ? r->levels->child : NULL;

	while (row != NULL &&
	       !slice_eq(json_get_str(row, "deployment"), slice_of(id)))
		row = row->next;
	return row;
}

static void
copy_member(struct buf *b, const struct json *row, const char *key)
{
	const struct json *v = row != NULL ? json_get(row, key) : NULL;

	json_w_key(b, key);
	if (v != NULL && v->type == JSON_NUMBER)
		json_w_raw(b, v->text);
	else
		json_w_null(b);
}

static void
write_level(struct buf *b, const struct report *r, const char *id)
{
	const struct json *row = level_of(r, id);
	const uint64_t calls = row != NULL ? count_of(row, "calls") : 0;
	const uint64_t errors = row != NULL ? count_of(row, "errors") : 0;

	if (calls > 0 && errors <= calls) {
		write_part(b, "availability",
		    (unsigned)((calls - errors) * TEN_THOUSAND / calls));
	} else {
		json_w_key(b, "availability");
		json_w_null(b);
	}
	json_w_ku64(b, "attempts", calls);
	copy_member(b, row, "first_p50_ms");
	copy_member(b, row, "first_p95_ms");
	copy_member(b, row, "total_p50_ms");
	copy_member(b, row, "total_p95_ms");
}

/* Of all slots, since the tables were made: a start of the instance. */
static void
write_owners(struct buf *b, const struct report *r, const struct shm_breaker *m)
{
	const uint32_t nslots = r->api->c->shm.sizes.slots;
	uint64_t n;
	uint32_t i;
	unsigned o;

	json_w_key(b, "since_start");
	json_w_begin(b, '{');
	for (o = 0; m != NULL && o < OWNERS; o++) {
		for (n = 0, i = 0; i < nslots && i < SLOTS_MAX; i++)
			n += atomic_load(&m->tried[i].n[o]);
		json_w_ku64(b,
		    o == OWNER_NOBODY ? "good" : owner_text((enum owner)o), n);
	}
	json_w_end(b, '}');
}

/* What was paid for by time, and how much of it was used. */
static void
write_utilisation(struct buf *b, const struct report *r,
    const struct deployment_conf *d, uint64_t tokens)
{
	const int64_t span_ns = r->to_ns - r->from_ns;
	const int128 most =
	    (int128)d->tokens_per_minute * span_ns / (60 * NS_PER_S);
	const int128 paid =
	    (int128)d->cost_per_hour * span_ns / (3600 * NS_PER_S);
	int128 used = most > 0 ? (int128)tokens * TEN_THOUSAND / most : 0;

	if (d->tokens_per_minute == 0)
		return;
	if (used > TEN_THOUSAND)
		used = TEN_THOUSAND;
	json_w_ku64(b, "tokens_per_minute", d->tokens_per_minute);
	write_part(b, "utilisation", (unsigned)used);
	if (d->cost_per_hour == 0)
		return;
	write_cost(b, "paid", paid);
	write_cost(b, "used", paid * used / TEN_THOUSAND);
	write_cost(b, "idle", paid - paid * used / TEN_THOUSAND);
}

static void
write_deployment(
    struct buf *b, struct report *r, const struct deployment_conf *d)
{
	const struct shm_breaker *row = live_of(r->s)->deployment[d->index].row;
	const struct spent *s = r->deployment;

	while (s != NULL && !slice_eq(s->name, slice_of(d->id)))
		s = s->next;
	json_w_begin(b, '{');
	write_text(b, "deployment", d->id);
	write_text(b, "model", d->model->id);
	write_text(b, "provider", d->provider->id);
	write_text(b, "zone", d->zone);
	write_text(
	    b, "capacity", capacity_kind_text((enum capacity_kind)d->capacity));
	write_text(b, "accelerator", d->accelerator);
	write_part(b, "share", s != NULL ? share_of(r, s) : 0);
	write_cost(b, "cost", s != NULL ? s->cost : 0);
	json_w_ku64(b, "tokens", s != NULL ? s->tokens : 0);
	write_level(b, r, d->id);
	write_utilisation(b, r, d, s != NULL ? s->tokens : 0);
	write_owners(b, r, row);
	json_w_end(b, '}');
}

/* --- the report: what could move --------------------------------------------
 */

/* A rule that names more than the model may hold for some calls of it. */
static uint64_t
allowed_everywhere(const struct snapshot *s, const struct model_conf *m)
{
	uint64_t bits = UINT64_MAX;
	unsigned i;

	for (i = 0; i < s->nresidency; i++) {
		const struct residency_conf *r = &s->residency[i];

		if (r->match.model[0] == '\0' ||
		    strcmp(r->match.model, m->id) == 0)
			bits &= r->allow[m->index];
	}
	return bits;
}

static unsigned
write_providers(
    struct buf *b, const char *key, const struct model_conf *m, uint64_t bits)
{
	unsigned i, k, n = 0;

	json_w_key(b, key);
	json_w_begin(b, '[');
	for (i = 0; i < m->n; i++) {
		if ((bits >> i & 1) == 0)
			continue;
		for (k = 0; k < i; k++) {
			if ((bits >> k & 1) != 0 &&
			    m->deployment[k]->provider ==
				m->deployment[i]->provider)
				break;
		}
		if (k < i)
			continue;
		json_w_str(b, slice_of(m->deployment[i]->provider->id));
		n++;
	}
	json_w_end(b, ']');
	return n;
}

static void
write_portable(
    struct buf *b, const struct report *r, const struct model_conf *m)
{
	const struct spent *s = r->model;
	unsigned n;

	while (s != NULL && !slice_eq(s->name, slice_of(m->id)))
		s = s->next;
	json_w_begin(b, '{');
	write_text(b, "model", m->id);
	write_text(b, "publisher", m->publisher);
	write_text(b, "capabilities", m->capabilities);
	write_part(b, "share", s != NULL ? share_of(r, s) : 0);
	(void)write_providers(b, "providers", m, UINT64_MAX);
	n = write_providers(
	    b, "within_every_rule", m, allowed_everywhere(r->s, m));
	write_text(b, "fallback", m->fallback_id);
	json_w_kbool(b, "movable", n > 1);
	json_w_end(b, '}');
}

static void
write_portability(struct buf *b, const struct report *r)
{
	const bool by_cost = r->all.cost > 0;
	const struct portable p = { .snapshot = r->s,
		.arena = &r->api->arena,
		.rows = r->work,
		.by_cost = by_cost,
		.all = by_cost ? r->all.cost : (int128)r->all.tokens };
	unsigned i;

	json_w_key(b, "portability");
	json_w_begin(b, '[');
	for (i = 0; i < r->s->nmodels; i++)
		write_portable(b, r, &r->s->model[i]);
	json_w_end(b, ']');
	json_w_key(b, "workloads");
	write_part(b, "movable_share", portable_write(b, &p));
}

static void
write_report(struct report *r, struct buf *b)
{
	unsigned i;

	json_w_begin(b, '{');
	json_w_ki64(b, "from", r->from_ns / NS_PER_S);
	json_w_ki64(b, "to", r->to_ns / NS_PER_S);
	write_text(
	    b, "shares_by", r->all.cost > 0 ? "effective_cost" : "tokens");
	write_cost(b, "cost", r->all.cost);
	json_w_ku64(b, "tokens", r->all.tokens);
	json_w_ku64(b, "hhi", hhi_of(r, r->provider));
	json_w_ku64(b, "hhi_publishers", hhi_of(r, r->publisher));
	write_spent(b, r, "providers", r->provider);
	write_spent(b, r, "publishers", r->publisher);
	write_spent(b, r, "accelerators", r->accelerator);
	json_w_key(b, "deployments");
	json_w_begin(b, '[');
	for (i = 0; i < r->s->ndeployments; i++)
		write_deployment(b, r, &r->s->deployment[i]);
	json_w_end(b, ']');
	write_portability(b, r);
	json_w_end(b, '}');
}

void
routing_report(struct api *a)
{
	struct report r = { .api = a, .s = a->c->snapshot };
	const char *wrong;
	struct buf b = { 0 };
	struct store *s;
	enum fault f;

	r.to_ns = clock_wall_ns();
	r.from_ns = r.to_ns - DEFAULT_SPAN_NS;
	wrong = api_read_span(a, &r.from_ns, &r.to_ns);
	if (wrong != NULL) {
		api_fail(a, FAULT_FIELD, wrong);
		return;
	}
	s = api_store(a);
	if (s == NULL)
		return;
	f = read_books(&r, s);
	store_close(&s);
	if (f != FAULT_NONE) {
		api_fail(a, f, NULL);
		return;
	}
	write_report(&r, &b);
	api_reply(a, 200, &b);
}

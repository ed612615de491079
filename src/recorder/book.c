#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "model/ident.h"
#include "recorder/state.h"
#include "shm/atomic.h"

static int64_t
add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return a < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

/* --- balances
 * ----------------------------------------------------------------*/

/* live blob: boot, then slot, incarnation and amount of each. */
static void
load_shares(struct recorder *r, struct balance *b, struct slice blob)
{
	const size_t each = sizeof(struct live_share);
	uint32_t boot;
	size_t n;

	if (blob.len < 8 || (blob.len - 8) % each != 0)
		return;
	memcpy(&boot, blob.p, 4);
	if (boot != r->m->head->boot)
		return;
	n = (blob.len - 8) / each;
	b->share = mem_new(n * each + 1);
	memcpy(b->share, blob.p + 8, n * each);
	b->n = (unsigned)n;
}

static void
load_balance(struct recorder *r, struct balance *b)
{
	struct stmt *q =
	    store_sql(r->store, "SELECT settled, live FROM balances"
				" WHERE account = ? AND window = ?");

	stmt_u64(q, 1, b->account);
	stmt_u64(q, 2, b->window);
	if (stmt_step(q)) {
		b->settled = stmt_get_i64(q, 0);
		load_shares(r, b, stmt_get(q, 1));
	}
}

struct balance *
balance_get(struct recorder *r, uint64_t account, uint64_t window)
{
	const uint64_t h = table_hash(account, window, 1);
	struct balance *b = table_first(&r->balances, h);

	while (b != NULL && (b->account != account || b->window != window))
		b = table_same(b);
	if (b != NULL)
		return b;
	b = NEW(struct balance);
	b->account = account;
	b->window = window;
	load_balance(r, b);
	alert_load(r, b);
	table_add(&r->balances, &b->node, h);
	return b;
}

/* The share of a journal of this boot; one of an earlier incarnation goes. */
static struct live_share *
share_get(struct balance *b, uint32_t slot, uint32_t incarnation)
{
	unsigned i;

	for (i = 0; i < b->n; i++) {
		if (b->share[i].slot != slot)
			continue;
		if (b->share[i].incarnation != incarnation)
			b->share[i] =
			    (struct live_share){ slot, incarnation, 0 };
		return &b->share[i];
	}
	b->share = mem_grow(b->share, (b->n + 1) * sizeof(*b->share));
	b->share[b->n] = (struct live_share){ slot, incarnation, 0 };
	return &b->share[b->n++];
}

void
balance_add(struct recorder *r, uint64_t account, uint64_t window,
    const struct journal_name *by, int64_t amount)
{
	struct balance *b = balance_get(r, account, window);
	struct live_share *s;

	b->settled = add(b->settled, amount);
	if (by->boot == r->m->head->boot && by->node == r->m->head->node) {
		s = share_get(b, by->slot, by->incarnation);
		s->settled = add(s->settled, amount);
	}
	if (!b->dirty)
		r->dirty_rows++;
	b->dirty = true;
}

bool
balance_bring(struct recorder *r, uint64_t account, uint64_t window)
{
	struct balance *b = balance_get(r, account, window);

	if (b->n == 0)
		return false;
	b->n = 0;
	if (!b->dirty)
		r->dirty_rows++;
	b->dirty = true;
	return true;
}

static bool
is_live(const struct recorder *r, const struct live_share *s)
{
	const struct shm_slot *slot;

	if (s->slot >= r->m->sizes.slots || s->slot == r->own)
		return false;
	slot = &r->m->slots[s->slot];
	return at_load(&slot->state) == SLOT_LIVE &&
	       at_load(&slot->incarnation) == s->incarnation;
}

/*
 * What slots that live have settled stands in their columns; the own column
 * has the rest: the dead, earlier boots, repairs.
 */
int64_t
balance_own(void *arg, uint64_t account, uint64_t window)
{
	struct recorder *r = arg;
	struct balance *b = balance_get(r, account, window);
	int64_t sum = b->settled;
	unsigned i;

	for (i = 0; i < b->n; i++) {
		if (is_live(r, &b->share[i]))
			sum = add(sum, -b->share[i].settled);
	}
	return sum;
}

static bool
is_published(const struct recorder *r, const struct balance *b)
{
	const struct account *a = account_find(r, b->account);
	unsigned side;

	if (a == NULL || a->row == UINT32_MAX)
		return false;
	for (side = 0; side < 2; side++) {
		if (at_load(&r->m->accounts[a->row].window[side].id) ==
		    b->window)
			return true;
	}
	return false;
}

static void
trim(void *arg, void *node)
{
	struct recorder *r = arg;
	struct balance *b = node;

	if (b->dirty || is_published(r, b))
		return;
	table_remove(&r->balances, &b->node);
	mem_free(b->share);
	mem_free(b);
}

void
balances_trim(struct recorder *r)
{
	table_each(&r->balances, trim, r);
}

/* --- generations
 * -------------------------------------------------------------*/

struct known_config *
config_find(struct recorder *r, uint64_t generation)
{
	struct known_config *c = r->last_config;

	if (c != NULL && c->g.generation == generation)
		return c;
	c = table_first(&r->configs, generation);
	if (c != NULL)
		r->last_config = c;
	return c;
}

enum fault
config_learn(struct recorder *r, struct slice payload, bool dirty)
{
	struct known_config *c = NEW(struct known_config);
	struct frame f = { .kind = FRAME_CONFIG };
	enum fault fault;

	buf_add(&c->payload, payload);
	f.payload = buf_slice(&c->payload);
	fault = frame_get_generation(&f, &c->arena, &c->g);
	if (fault != FAULT_NONE || config_find(r, c->g.generation) != NULL) {
		buf_fini(&c->payload);
		arena_fini(&c->arena);
		mem_free(c);
		return fault;
	}
	c->dirty = dirty;
	table_add(&r->configs, &c->node, c->g.generation);
	return FAULT_NONE;
}

const struct price *
config_price(const struct known_config *c, unsigned deployment, uint64_t id)
{
	return generation_price(&c->g, deployment, id);
}

int64_t
path_get(struct recorder *r, struct slice text)
{
	const uint64_t h = hash64(text);
	struct path *p = table_first(&r->paths, h);

	while (p != NULL && !slice_eq(slice_of(p->text), text))
		p = table_same(p);
	if (p != NULL)
		return p->id;
	p = NEW(struct path);
	p->text = mem_dup(text);
	p->id = ++r->last_path;
	p->fresh = r->fresh_paths;
	r->fresh_paths = p;
	table_add(&r->paths, &p->node, h);
	return p->id;
}

/* --- counts
 * -------------------------------------------------------------------*/

int64_t
roll_minute(const struct reqid *id)
{
	return reqid_wall_ms(id) / 60000;
}

int64_t
roll_month(int64_t wall_ms)
{
	const time_t s = (time_t)(wall_ms / 1000);
	struct tm tm = { 0 };

	(void)gmtime_r(&s, &tm);
	return (int64_t)tm.tm_year * 12 + tm.tm_mon;
}

static struct roll *
roll_get(struct recorder *r, int64_t minute, uint64_t key, int64_t dim)
{
	const uint64_t h = table_hash((uint64_t)minute, key, (uint64_t)dim);
	struct roll *t = table_first(&r->rolls, h);

	while (t != NULL &&
	       (t->minute != minute || t->key != key || t->dim != dim))
		t = table_same(t);
	if (t == NULL) {
		t = NEW(struct roll);
		t->minute = minute;
		t->key = key;
		t->dim = dim;
		table_add(&r->rolls, &t->node, h);
		r->dirty_rows++;
	}
	return t;
}

void
roll_add(struct recorder *r, const struct outcome *o, int64_t dim,
    int64_t minute, int times)
{
	struct roll *t = roll_get(r, minute, o->key, dim);
	int64_t one[SUMS];
	unsigned i;

	sum_usage(&o->usage, one);
	one[SUM_LIST] = o->list;
	one[SUM_CONTRACTED] = o->contracted;
	one[SUM_EFFECTIVE] = o->effective;
	for (i = 0; i < SUMS; i++)
		t->sum[i] = add(t->sum[i], times * one[i]);
}

void
calls_add(
    struct recorder *r, uint64_t key, int64_t path, int64_t minute, int times)
{
	const uint64_t h = table_hash((uint64_t)minute, key, (uint64_t)path);
	struct calls *t = table_first(&r->calls, h);

	while (t != NULL &&
	       (t->minute != minute || t->key != key || t->path != path))
		t = table_same(t);
	if (t == NULL) {
		t = NEW(struct calls);
		t->minute = minute;
		t->key = key;
		t->path = path;
		table_add(&r->calls, &t->node, h);
		r->dirty_rows++;
	}
	t->n += times;
}

void
refusal_add(struct recorder *r, const struct count *c)
{
	const int64_t minute = c->second / 60;
	const uint64_t h = table_hash(
	    (uint64_t)minute, c->who, (uint64_t)c->fault << 1 | c->is_network);
	struct refusal *t = table_first(&r->refusals, h);

	while (
	    t != NULL && (t->count.second != minute || t->count.who != c->who ||
			     t->count.fault != c->fault ||
			     t->count.is_network != c->is_network))
		t = table_same(t);
	if (t == NULL) {
		t = NEW(struct refusal);
		t->count = *c;
		t->count.second = minute;
		t->count.times = 0;
		table_add(&r->refusals, &t->node, h);
		r->dirty_rows++;
	}
	t->count.times += c->times;
}

/* --- the end
 * --------------------------------------------------------------------*/

static void
free_balance(void *arg, void *node)
{
	(void)arg;
	mem_free(((struct balance *)node)->share);
}

static void
free_dim(void *arg, void *node)
{
	struct dim *d = node;
	size_t i;

	(void)arg;
	for (i = 0; i < DIM_TEXTS; i++)
		mem_free(d->text[i]);
}

static void
free_path(void *arg, void *node)
{
	(void)arg;
	mem_free(((struct path *)node)->text);
}

static void
free_config(void *arg, void *node)
{
	struct known_config *c = node;

	(void)arg;
	table_free(&c->dims);
	arena_fini(&c->arena);
	buf_fini(&c->payload);
}

void
books_free(struct recorder *r)
{
	table_each(&r->balances, free_balance, NULL);
	table_each(&r->dims, free_dim, NULL);
	table_each(&r->paths, free_path, NULL);
	table_each(&r->configs, free_config, NULL);
	table_free(&r->balances);
	table_free(&r->dims);
	table_free(&r->paths);
	table_free(&r->configs);
	table_free(&r->levels);
	table_free(&r->rolls);
	table_free(&r->calls);
	table_free(&r->refusals);
	table_free(&r->cursors);
}

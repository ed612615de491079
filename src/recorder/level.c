/*
 * level.c - service levels, counted as attempts and requests end
 */
#include "books/level.h"

#include "recorder/state.h"

struct level_row {
	struct node node;
	int64_t hour;
	uint64_t key;
	struct slice deployment; /* of a generation, which stays */
	uint64_t tries, failures;
	uint32_t first[LEVEL_BUCKETS], total[LEVEL_BUCKETS];
};

static struct level_row *
row_of(struct recorder *r, const struct reqid *req, uint64_t key,
    struct slice deployment)
{
	const int64_t hour = roll_minute(req) / 60;
	const uint64_t h = table_hash((uint64_t)hour, key, hash64(deployment));
	struct level_row *t = table_first(&r->levels, h);

	while (t != NULL && (t->hour != hour || t->key != key ||
				!slice_eq(t->deployment, deployment)))
		t = table_same(t);
	if (t == NULL) {
		t = NEW(struct level_row);
		t->hour = hour;
		t->key = key;
		t->deployment = deployment;
		table_add(&r->levels, &t->node, h);
		r->dirty_rows++;
	}
	return t;
}

/* The provider's, not ours and not the caller's. */
static bool
is_failure(const struct outcome *o)
{
	if (o->status >= 400)
		return o->status >= 500 || o->status == 429 || o->status == 408;
	if (o->owner == OWNER_CLIENT)
		return false;
	/* What broke off behind a good head is no success. */
	return fault_get(o->fault)->blame == BLAME_UPSTREAM;
}

void
level_attempt(
    struct recorder *r, const struct known_config *c, const struct outcome *o)
{
	struct level_row *t;

	if (o->by_recorder || o->deployment >= c->g.ndeployments)
		return; /* nobody saw how it went */
	t = row_of(r, &o->req, o->key, c->g.deployments[o->deployment].id);
	t->tries++;
	t->failures += is_failure(o);
	if (o->first_us != 0)
		t->first[level_bucket(o->first_us)]++;
	if (o->end_us != 0)
		t->total[level_bucket(o->end_us)]++;
}

void
level_request(struct recorder *r, const struct final *v)
{
	struct level_row *t = row_of(r, &v->req, v->key, S(""));

	t->tries++;
	t->failures += v->status >= 400;
	t->total[level_bucket(v->total_us)]++;
}

static struct slice
bytes_of(struct slice was, const uint32_t more[LEVEL_BUCKETS],
    uint32_t out[LEVEL_BUCKETS])
{
	uint64_t sum[LEVEL_BUCKETS] = { 0 };
	size_t i;

	level_add_bytes(sum, was);
	for (i = 0; i < LEVEL_BUCKETS; i++) {
		sum[i] += more[i];
		out[i] = sum[i] < UINT32_MAX ? (uint32_t)sum[i] : UINT32_MAX;
	}
	return (
	    struct slice){ (const char *)out, LEVEL_BUCKETS * sizeof(*out) };
}

static void
save(void *arg, void *node)
{
	struct recorder *r = arg;
	const struct level_row *t = node;
	uint32_t first[LEVEL_BUCKETS], total[LEVEL_BUCKETS];
	uint64_t tries = t->tries, failures = t->failures;
	struct slice a = S(""), b = S("");
	struct stmt *q = store_sql(r->store,
	    "SELECT tries, failures, first, total FROM levels"
	    " WHERE hour = ? AND key = ? AND deployment = ?");

	stmt_i64(q, 1, t->hour);
	stmt_u64(q, 2, t->key);
	stmt_text(q, 3, t->deployment);
	if (stmt_step(q)) {
		tries += stmt_get_u64(q, 0);
		failures += stmt_get_u64(q, 1);
		a = stmt_get(q, 2);
		b = stmt_get(q, 3);
	}
	a = bytes_of(a, t->first, first);
	b = bytes_of(b, t->total, total);
	q = store_sql(r->store,
	    "INSERT OR REPLACE INTO levels VALUES (?, ?, ?, ?, ?, ?, ?)");
	stmt_i64(q, 1, t->hour);
	stmt_u64(q, 2, t->key);
	stmt_text(q, 3, t->deployment);
	stmt_u64(q, 4, tries);
	stmt_u64(q, 5, failures);
	stmt_blob(q, 6, a);
	stmt_blob(q, 7, b);
	stmt_run(q);
}

void
levels_save(struct recorder *r)
{
	table_each(&r->levels, save, r);
}

/*
 * limits.c - limits: listed with their use, set, closed
 */
#include "admin/api.h"
#include "admin/control_priv.h"
#include "admin/scope.h"
#include "base/clock.h"
#include "ledger/rate.h"
#include "shm/atomic.h"
#include "store/store.h"

static const char *const kinds[] = {
	[LIMIT_REQUESTS] = "requests",
	[LIMIT_INPUT_TOKENS] = "input_tokens",
	[LIMIT_OUTPUT_TOKENS] = "output_tokens",
	[LIMIT_TOKENS] = "tokens",
	[LIMIT_CONCURRENCY] = "concurrency",
	[LIMIT_COST_PER_CALL] = "cost_per_call",
};

static const struct {
	int64_t ns;
	const char *name;
} periods[] = {
	{ NS_PER_S, "second" },
	{ 60 * NS_PER_S, "minute" },
	{ 3600 * NS_PER_S, "hour" },
	{ 86400 * NS_PER_S, "day" },
};

static const char *
period_name(int64_t ns)
{
	size_t i;

	for (i = 0; i < NELEM(periods); i++) {
		if (periods[i].ns == ns)
			return periods[i].name;
	}
	return NULL;
}

/* UINT32_MAX: it has none. */
static uint32_t
row_of(struct shm *m, uint64_t id)
{
	const uint32_t n = at_load(&m->head->nlimits);
	uint32_t i;

	for (i = 0; i < n && i < m->sizes.limits; i++) {
		if (at_load(&m->limits[i].id) == id)
			return i;
	}
	return UINT32_MAX;
}

/* What calls took and the pace has not given back. */
static void
write_use(struct buf *b, struct shm *m, uint64_t id)
{
	const uint32_t row = row_of(m, id);
	struct rate_state s;

	if (row == UINT32_MAX)
		return;
	s = rate_state(m, row, clock_mono_ns());
	if (s.kind == 0 || s.kind == LIMIT_COST_PER_CALL)
		return;
	json_w_ki64(b, "left", s.left);
	json_w_ki64(b, "reset_ms", s.reset_ns / NS_PER_MS);
	json_w_ki64(b, "burst_in_force", at_load(&m->limits[row].burst));
}

static void
write_amount(struct buf *b, int64_t kind, int64_t amount, const char *period)
{
	struct buf text = { 0 };

	buf_fmt(&text, "%s=", kinds[kind]);
	if (kind == LIMIT_COST_PER_CALL) {
		scope_write_money(b, "amount", amount);
		money_write(&text, (struct money){ amount });
	} else {
		json_w_ki64(b, "amount", amount);
		buf_i64(&text, amount);
	}
	if (period != NULL)
		buf_fmt(&text, "/%s", period);
	json_w_kstr(b, "limit", buf_slice(&text));
	buf_fini(&text);
}

enum { COL_VERSION = 6 };

static void
write_limit(struct buf *b, struct shm *m, struct stmt *q)
{
	const int64_t kind = stmt_get_i64(q, 1), burst = stmt_get_i64(q, 4);
	const char *period = period_name(stmt_get_i64(q, 3));

	if (kind <= 0 || kind >= (int64_t)NELEM(kinds))
		return;
	json_w_begin(b, '{');
	scope_write_id(b, "id", stmt_get_u64(q, 0));
	scope_write(b, q, 8);
	json_w_kstr(b, "kind", slice_of(kinds[kind]));
	write_amount(b, kind, stmt_get_i64(q, 2), period);
	json_w_key(b, "period");
	if (period != NULL)
		json_w_str(b, slice_of(period));
	else
		json_w_null(b);
	json_w_key(b, "burst");
	if (burst > 0)
		json_w_i64(b, burst);
	else
		json_w_null(b);
	write_use(b, m, stmt_get_u64(q, 0));
	json_w_kbool(b, "closed", stmt_get_i64(q, 5) != 0);
	json_w_ki64(b, "version", stmt_get_i64(q, COL_VERSION));
	json_w_ki64(b, "created", stmt_get_i64(q, 7) / NS_PER_S);
	json_w_end(b, '}');
}

#define LIMIT_SQL \
	"SELECT l.id, l.kind, l.amount, l.period_ns, l.burst, l.closed," \
	" l.version, l.created_ns, " SCOPE_COLUMNS \
	" FROM limits l" SCOPE_JOIN("l")

void
limits_list(struct api *a)
{
	const bool all = slice_eq(api_query(a, "all"), S("true"));
	struct slice scope;
	struct api_list l;
	struct stmt *q;

	if (!api_list_begin(a, &l, "limits") || !scope_asked(a, &l, &scope))
		return;
	q = store_sql(l.store,
	    LIMIT_SQL " WHERE (l.closed = 0 OR ?) AND l.id > ? ORDER BY l.id");
	stmt_i64(q, 1, all);
	stmt_i64(q, 2, l.page.after);
	while (!l.page.more && stmt_step(q)) {
		if (scope_is(q, 8, scope) &&
		    api_page_take(&l.page, stmt_get_i64(q, 0)))
			write_limit(&l.out, &a->c->shm, q);
	}
	api_list_end(a, &l);
}

void
limits_get(struct api *a)
{
	struct store *s = api_store(a);
	struct buf b = { 0 };
	struct stmt *q;
	uint64_t id = 0;

	if (s == NULL)
		return;
	store_begin(s);
	q = store_sql(s, LIMIT_SQL " WHERE l.id = ?");
	if (slice_u64(a->segment, &id))
		stmt_u64(q, 1, id);
	if (id != 0 && stmt_step(q)) {
		a->version = (unsigned)stmt_get_i64(q, COL_VERSION);
		write_limit(&b, &a->c->shm, q);
		api_answer_store(a, &s, &b);
		return;
	}
	store_close(&s);
	api_fail(a, FAULT_NOT_FOUND, NULL);
}

void
limits_set(struct api *a)
{
	static const char *const known[] = { "scope", "limit", "burst", NULL };

	api_wish_did(a, "limit_set", known, false);
}

void
limits_close(struct api *a)
{
	static const char *const known[] = { NULL };

	api_wish_did(a, "limit_close", known, true);
}

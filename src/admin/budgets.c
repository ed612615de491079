/*
 * budgets.c - budgets: listed as admission sees them, set, changed, closed
 *
 * What is spent and pending comes from the shared tables, where a call is
 * admitted; the books agree with it once they have what was served before
 * (the routes that read wait for that).
 */
#include "admin/api.h"
#include "admin/control_priv.h"
#include "admin/scope.h"
#include "base/clock.h"
#include "base/map.h"
#include "journal/frame.h"
#include "ledger/hold.h"
#include "ledger/window.h"
#include "shm/atomic.h"
#include "store/store.h"

static const char *const modes[] = {
	[BUDGET_HARD] = "hard",
	[BUDGET_SOFT] = "soft",
	[BUDGET_DOWNGRADE] = "downgrade",
};

/* --- as admission sees it ------------------------------------------------- */

struct view {
	struct shm *m;
	const struct snapshot *snapshot;
	struct store *store;
	struct map64 rows; /* account id to row + 1 */
	int64_t now;
};

static void
view_open(struct view *v, const struct api *a, struct store *s)
{
	uint32_t i, n;

	*v = (struct view){ .m = &a->c->shm,
		.snapshot = a->c->snapshot,
		.store = s,
		.now = clock_wall_ns() };
	n = at_load(&v->m->head->naccounts);
	for (i = 0; i < n && i < v->m->sizes.accounts; i++)
		(void)map64_put(&v->rows, at_load(&v->m->accounts[i].id),
		    (void *)(uintptr_t)(i + 1));
}

/* The window in force; NULL: none is open. */
static const struct shm_window *
view_window(
    const struct view *v, uint64_t account, uint32_t *row, unsigned *side)
{
	const uintptr_t at = (uintptr_t)map64_find(&v->rows, account);
	const struct shm_window *w;

	if (at == 0)
		return NULL;
	*row = (uint32_t)(at - 1);
	for (*side = 0; *side < 2; ++*side) {
		w = &v->m->accounts[*row].window[*side];
		if (at_load(&w->id) != 0 && at_peek(&w->start_ns) <= v->now &&
		    v->now < at_peek(&w->end_ns))
			return w;
	}
	return NULL;
}

/* --- a budget as JSON --------------------------------------------------------
 */

enum {
	COL_ID,
	COL_LIMIT,
	COL_UNIT,
	COL_ZONE,
	COL_HARD,
	COL_CLOSED,
	COL_CREATED,
	COL_MODE,
	COL_DOWNGRADE,
	COL_CLAMP,
	COL_WAIT,
	COL_VERSION,
	COL_SCOPE
};

#define BUDGET_SQL \
	"SELECT a.id, a.granted, a.unit, a.zone, a.hard, a.closed," \
	" a.created_ns, a.mode, a.downgrade, a.clamp, a.admit_wait_ns," \
	" a.version, " SCOPE_COLUMNS " FROM accounts a" SCOPE_JOIN( \
	    "a") " WHERE (a.subject <> 0 OR a.of_key <> 0)"

static void
write_alerts(
    struct buf *b, const struct view *v, uint64_t account, uint64_t window)
{
	struct stmt *q = store_sql(v->store,
	    "SELECT threshold FROM alerts WHERE account = ? AND window = ?"
	    " ORDER BY threshold");

	stmt_u64(q, 1, account);
	stmt_u64(q, 2, window);
	json_w_key(b, "alerts");
	json_w_begin(b, '[');
	while (stmt_step(q))
		json_w_i64(b, stmt_get_i64(q, 0));
	json_w_end(b, ']');
}

static void
write_spent(
    struct buf *b, const struct view *v, uint64_t account, int64_t limit)
{
	int64_t settled = 0, held = 0;
	const struct shm_window *w;
	uint32_t row = 0;
	unsigned side = 0;

	w = view_window(v, account, &row, &side);
	if (w == NULL) { /* closed long ago, or there was no room for it */
		json_w_key(b, "window");
		json_w_null(b);
		return;
	}
	account_sums(v->m, row, side, &settled, &held);
	scope_write_money(b, "spent", settled);
	scope_write_money(b, "pending", held);
	scope_write_money(b, "available",
	    settled + held < limit ? limit - settled - held : 0);
	json_w_key(b, "window");
	json_w_begin(b, '{');
	json_w_ku64(b, "number", at_load(&w->id));
	scope_write_time(b, "start", at_peek(&w->start_ns));
	scope_write_time(b, "end", at_peek(&w->end_ns));
	json_w_end(b, '}');
	scope_write_time(b, "resets", at_peek(&w->end_ns));
	write_alerts(b, v, account, at_load(&w->id));
}

/* A model's id, or what is left of it: its hash. */
static void
write_model(struct buf *b, const struct snapshot *s, uint64_t hash)
{
	unsigned i;

	json_w_key(b, "downgrade_to");
	for (i = 0; i < s->nmodels && s->model[i].hash != hash; i++)
		;
	if (hash == 0)
		json_w_null(b);
	else if (i < s->nmodels)
		json_w_str(b, slice_of(s->model[i].id));
	else
		buf_fmt(b, "\"%016llx\"", (unsigned long long)hash);
}

static void
write_wait(struct buf *b, int64_t ns)
{
	json_w_key(b, "admit_wait_ms");
	if (ns < 0)
		json_w_null(b);
	else
		json_w_i64(b, ns / NS_PER_MS);
}

static const char *
mode_of(struct stmt *q)
{
	const int64_t mode = stmt_get_i64(q, COL_MODE);

	if (mode > 0 && mode < (int64_t)NELEM(modes))
		return modes[mode];
	return stmt_get_i64(q, COL_HARD) != 0 ? "hard" : "soft";
}

static const char *
unit_of(struct stmt *q)
{
	const int64_t unit = stmt_get_i64(q, COL_UNIT);

	return window_unit_name(unit >= WINDOW_HOUR && unit <= WINDOW_TOTAL
				    ? (enum window_unit)unit
				    : WINDOW_TOTAL);
}

static void
write_budget(struct buf *b, const struct view *v, struct stmt *q)
{
	const uint64_t id = stmt_get_u64(q, COL_ID);
	const int64_t limit = stmt_get_i64(q, COL_LIMIT);

	json_w_begin(b, '{');
	scope_write_id(b, "id", id);
	scope_write(b, q, COL_SCOPE);
	scope_write_money(b, "limit", limit);
	json_w_kstr(b, "period", slice_of(unit_of(q)));
	json_w_kstr(b, "zone", stmt_get(q, COL_ZONE));
	json_w_kstr(b, "mode", slice_of(mode_of(q)));
	write_model(b, v->snapshot, stmt_get_u64(q, COL_DOWNGRADE));
	json_w_kstr(b, "tight",
	    stmt_get_i64(q, COL_CLAMP) != 0 ? S("clamp") : S("none"));
	write_wait(b, stmt_get_i64(q, COL_WAIT));
	write_spent(b, v, id, limit);
	json_w_kbool(b, "closed", stmt_get_i64(q, COL_CLOSED) != 0);
	json_w_ki64(b, "version", stmt_get_i64(q, COL_VERSION));
	json_w_ki64(b, "created", stmt_get_i64(q, COL_CREATED) / NS_PER_S);
	json_w_end(b, '}');
}

/* --- reading -------------------------------------------------------------- */

void
budgets_list(struct api *a)
{
	const bool all = slice_eq(api_query(a, "all"), S("true"));
	struct slice scope;
	struct api_list l;
	struct view v;
	struct stmt *q;

	if (!api_list_begin(a, &l, "budgets") || !scope_asked(a, &l, &scope))
		return;
	view_open(&v, a, l.store);
	q = store_sql(l.store,
	    BUDGET_SQL " AND (a.closed = 0 OR ?) AND a.id > ? ORDER BY a.id");
	stmt_i64(q, 1, all);
	stmt_i64(q, 2, l.page.after);
	while (!l.page.more && stmt_step(q)) {
		if (scope_is(q, COL_SCOPE, scope) &&
		    api_page_take(&l.page, stmt_get_i64(q, COL_ID)))
			write_budget(&l.out, &v, q);
	}
	map64_fini(&v.rows);
	api_list_end(a, &l);
}

void
budgets_get(struct api *a)
{
	struct store *s = api_store(a);
	struct buf b = { 0 };
	uint64_t id = 0;
	struct view v;
	struct stmt *q;

	if (s == NULL)
		return;
	store_begin(s);
	q = store_sql(s, BUDGET_SQL " AND a.id = ?");
	if (slice_u64(a->segment, &id))
		stmt_u64(q, 1, id);
	if (id == 0 || !stmt_step(q)) {
		store_close(&s);
		api_fail(a, FAULT_NOT_FOUND, "no budget has this id");
		return;
	}
	view_open(&v, a, s);
	a->version = (unsigned)stmt_get_i64(q, COL_VERSION);
	write_budget(&b, &v, q);
	map64_fini(&v.rows);
	api_answer_store(a, &s, &b);
}

static void
write_alert(struct buf *b, struct stmt *q)
{
	json_w_begin(b, '{');
	scope_write_id(b, "budget", stmt_get_u64(q, 0));
	scope_write(b, q, 6);
	json_w_ku64(b, "window", stmt_get_u64(q, 1));
	json_w_ki64(b, "threshold", stmt_get_i64(q, 2));
	scope_write_time(b, "at", stmt_get_i64(q, 3));
	scope_write_money(b, "spent", stmt_get_i64(q, 4));
	scope_write_money(b, "limit", stmt_get_i64(q, 5));
	json_w_end(b, '}');
}

/* The newest first.  A cursor is how many older ones there are, which does
 * not change when others come. */
void
alerts_list(struct api *a)
{
	struct api_list l;
	struct stmt *q;
	int64_t left;

	if (!api_list_begin(a, &l, "alerts"))
		return;
	q = store_sql(l.store, "SELECT count(*) FROM alerts");
	left = stmt_step(q) ? stmt_get_i64(q, 0) : 0;
	if (l.page.after < 0 || l.page.after > left)
		l.page.after = left;
	q = store_sql(l.store,
	    "SELECT t.account, t.window, t.threshold, t.at_ns, t.spent,"
	    " t.granted, " SCOPE_COLUMNS
	    " FROM alerts t JOIN accounts a ON a.id = t.account" SCOPE_JOIN(
		"a") " ORDER BY t.at_ns DESC, t.threshold DESC, t.account"
		     " LIMIT -1 OFFSET ?");
	stmt_i64(q, 1, left - l.page.after);
	left = l.page.after;
	while (stmt_step(q) && api_page_take(&l.page, --left))
		write_alert(&l.out, q);
	api_list_end(a, &l);
}

/* --- wishes
 * ------------------------------------------------------------------- */

void
budgets_set(struct api *a)
{
	static const char *const known[] = { "scope", "budget", "zone", "mode",
		"downgrade_to", "tight", "admit_wait", NULL };

	api_wish_did(a, "budget_set", known, false);
}

void
budgets_change(struct api *a)
{
	static const char *const known[] = { "budget", "zone", "mode",
		"downgrade_to", "tight", "admit_wait", NULL };

	api_wish_did(a, "budget_change", known, true);
}

void
budgets_close(struct api *a)
{
	static const char *const known[] = { NULL };

	api_wish_did(a, "budget_close", known, true);
}

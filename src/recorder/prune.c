/*
 * prune.c - what the store forgets by age, while nothing else is to be done
 *
 * Usage by the minute is kept PRUNE_MINUTES_DAYS and by the hour for ever: a
 * correction that is booked at its request's minute is of the same month, so
 * it always finds its row.  Answers to idempotency keys are kept a day; the
 * places of journals as long as their boot, since rings do not outlive it.
 * Everything stays in the log.
 */
#include "base/clock.h"
#include "recorder/state.h"

enum {
	MINUTES_A_TURN = 6 * 60, /* deleted in one transaction */
	ANSWERS_HOURS = 24
};

static const int64_t every_ns = 60 * NS_PER_S;

static int64_t
first_minute(struct recorder *r)
{
	struct stmt *q = store_sql(r->store,
	    "SELECT min(coalesce((SELECT min(minute) FROM usage_minute),"
	    " 9223372036854775807), coalesce((SELECT min(minute) FROM"
	    " calls_minute), 9223372036854775807))");

	return stmt_step(q) ? stmt_get_i64(q, 0) : INT64_MAX;
}

static void
forget_before(struct recorder *r, const char *literal, int64_t limit)
{
	struct stmt *q = store_sql(r->store, literal);

	stmt_i64(q, 1, limit);
	stmt_run(q);
}

/* Whole hours, a few at a time; true: there is more. */
static bool
prune_minutes(struct recorder *r, int64_t wall_ns)
{
	const int64_t hour = wall_ns / NS_PER_S / 3600;
	const int64_t keep = (hour - (int64_t)PRUNE_MINUTES_DAYS * 24) * 60;
	const int64_t first = first_minute(r);
	struct stmt *q;
	int64_t to;

	if (first >= keep)
		return false;
	to = keep - first > MINUTES_A_TURN ? (first + MINUTES_A_TURN) / 60 * 60
					   : keep;
	forget_before(r, "DELETE FROM usage_minute WHERE minute < ?", to);
	forget_before(r, "DELETE FROM calls_minute WHERE minute < ?", to);
	q = store_sql(
	    r->store, "INSERT OR REPLACE INTO meta VALUES ('minutes_from', ?)");
	stmt_i64(q, 1, to);
	stmt_run(q);
	return to < keep;
}

/* --- places of journals ----------------------------------------------------
 */

static void
forget_cursor(void *arg, void *node)
{
	struct recorder *r = arg;
	struct cursor *c = node;

	if (c->dirty || (c->name.boot == r->m->head->boot &&
			    c->name.node == r->m->head->node))
		return;
	table_remove(&r->cursors, &c->node);
	mem_free(c);
}

static void
prune_cursors(struct recorder *r)
{
	struct stmt *q = store_sql(r->store,
	    "DELETE FROM journal_cursor WHERE node <> ? OR boot <> ?");

	stmt_u64(q, 1, r->m->head->node);
	stmt_u64(q, 2, r->m->head->boot);
	stmt_run(q);
	r->last_cursor = NULL;
	table_each(&r->cursors, forget_cursor, r);
}

/* --- a turn -----------------------------------------------------------------
 */

bool
prune_turn(struct recorder *r, int64_t wall_ns, int64_t mono_ns)
{
	const int64_t answers = (int64_t)ANSWERS_HOURS * 3600 * NS_PER_S;
	bool more;

	if (r->dirty || r->dirty_rows > 0 ||
	    (r->last_prune_ns != 0 && mono_ns - r->last_prune_ns < every_ns))
		return false;
	store_begin(r->store);
	more = prune_minutes(r, wall_ns);
	forget_before(
	    r, "DELETE FROM idempotency WHERE at_ns < ?", wall_ns - answers);
	prune_cursors(r);
	/* What could not be written is tried again. */
	if (store_commit(r->store) != FAULT_NONE)
		more = false;
	r->last_prune_ns = more ? 0 : mono_ns;
	return more;
}

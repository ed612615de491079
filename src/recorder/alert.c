/*
 * Alerts: a budget has spent 50, 80 or 100 % of its limit in a window.  The
 * books decide, not what is held; each is said once per window, whatever the
 * limit becomes later, and comes back from the log as everything does.
 */
#include "base/log.h"
#include "model/money.h"
#include "recorder/state.h"
#include "shm/atomic.h"

enum counter {
#define COUNTER(NAME, metric, text) COUNTER_##NAME,
#include "model/counters.def"
#undef COUNTER
};

static const unsigned thresholds[] = { 50, 80, 100 }; /* percent */

static void
say(const struct account *a, const struct noted_alert *n)
{
	struct buf b = { 0 };

	tree_label(a->owner, 100, &b);
	buf_str(&b, " has spent ");
	money_write(&b, (struct money){ n->spent });
	buf_str(&b, " of ");
	money_write(&b, (struct money){ n->limit });
	log_warn("budget %llu: %u %% are passed: %s", (unsigned long long)a->id,
	    n->threshold, buf_cstr(&b));
	buf_fini(&b);
}

static void
note(struct recorder *r, const struct account *a, const struct balance *b,
    unsigned threshold, int64_t wall_ns)
{
	struct noted_alert *n = NEW(struct noted_alert);
	_Atomic uint64_t *counter;

	*n = (struct noted_alert){ .next = r->alerts,
		.account = a->id,
		.window = b->window,
		.threshold = threshold,
		.at_ns = wall_ns,
		.spent = b->settled,
		.limit = a->limit };
	r->alerts = n;
	r->dirty_rows++;
	if (r->replaying)
		return;
	counter = &r->m->slots[r->own].counters[COUNTER_ALERTS];
	at_poke(counter, at_peek(counter) + 1);
	say(a, n);
}

void
alert_check(struct recorder *r, const struct account *a, uint64_t window,
    int64_t wall_ns)
{
	struct balance *b;
	size_t i;

	if (a->owner == NULL || a->closed)
		return;
	b = balance_get(r, a->id, window);
	if (b->settled <= 0)
		return;
	for (i = 0; i < NELEM(thresholds); i++) {
		if ((b->alerted & 1U << i) != 0 ||
		    (int128)b->settled * 100 < (int128)a->limit * thresholds[i])
			continue;
		b->alerted |= 1U << i;
		note(r, a, b, thresholds[i], wall_ns);
	}
}

/* --- the store ---------------------------------------------------------------
 */

void
alert_load(struct recorder *r, struct balance *b)
{
	struct stmt *q =
	    store_sql(r->store, "SELECT threshold FROM alerts"
				" WHERE account = ? AND window = ?");
	size_t i;

	stmt_u64(q, 1, b->account);
	stmt_u64(q, 2, b->window);
	while (stmt_step(q)) {
		for (i = 0; i < NELEM(thresholds); i++) {
			if (stmt_get_i64(q, 0) == thresholds[i])
				b->alerted |= 1U << i;
		}
	}
}

void
alert_save(struct recorder *r)
{
	const struct noted_alert *n;
	struct stmt *q;

	for (n = r->alerts; n != NULL; n = n->next) {
		q = store_sql(r->store, "INSERT OR REPLACE INTO alerts"
					" VALUES (?, ?, ?, ?, ?, ?)");
		stmt_u64(q, 1, n->account);
		stmt_u64(q, 2, n->window);
		stmt_i64(q, 3, n->threshold);
		stmt_i64(q, 4, n->at_ns);
		stmt_i64(q, 5, n->spent);
		stmt_i64(q, 6, n->limit);
		stmt_run(q);
	}
}

void
alert_forget(struct recorder *r)
{
	struct noted_alert *n;

	while ((n = r->alerts) != NULL) {
		r->alerts = n->next;
		mem_free(n);
	}
}

#include "recorder/rig.h"

#include "books/usage.h"
#include "books/verify.h"

static const int64_t DOLLAR = INT64_C(1000000000);
static const int64_t HOUR = 3600 * NS_PER_S;

static void
verified(const struct rig *g)
{
	struct buf out = { 0 };
	bool good;

	assert_int_equal(ledger_verify(g->dir, false, &out, &good), FAULT_NONE);
	if (!good)
		fail_msg("%s", buf_cstr(&out));
	buf_fini(&out);
}

/* As if so much later, until there is no more to do. */
static void
prune_at(struct rig *g, int64_t later_ns)
{
	g->r->last_prune_ns = 0;
	while (prune_turn(g->r, clock_wall_ns() + later_ns, clock_mono_ns()))
		;
}

static void
usage_says(
    struct rig *g, const struct usage_query *q, const char *text, bool widened)
{
	struct buf out = { 0 };
	struct store *s;
	char path[128];

	rig_path(g, "store.db", path);
	assert_int_equal(store_open_read(path, &s), FAULT_NONE);
	assert_int_equal(usage_read(s, q, USAGE_JSON, &out), FAULT_NONE);
	if (strstr(buf_cstr(&out), text) == NULL)
		fail_msg("%s\nhas no %s", buf_cstr(&out), text);
	assert_true(
	    (strstr(buf_cstr(&out), "\"widened\":true") != NULL) == widened);
	buf_fini(&out);
	store_close(&s);
}

static void
minutes_go_and_hours_stay(void **state)
{
	const int64_t day = 24 * HOUR;
	struct usage_query q = { .n = 0 };
	struct rig g;
	struct worker w;
	uint64_t key;
	int i;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	for (i = 0; i < 5; i++)
		assert_true(worker_call(&g, &w, key, DOLLAR / 10, 1000));
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	/* Not a whole hour, and it ends behind the calls. */
	q.span.from_ns = clock_wall_ns() / HOUR * HOUR - 7 * 60 * NS_PER_S;
	q.span.to_ns = 0;
	prune_at(&g, (PRUNE_MINUTES_DAYS - 1) * day);
	assert_int_equal(
	    rig_store(&g, "SELECT sum(attempts) FROM usage_minute"), 5);
	usage_says(&g, &q, "\"attempts\":5", false);
	prune_at(&g, (PRUNE_MINUTES_DAYS + 1) * day);
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM usage_minute"), 0);
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM calls_minute"), 0);
	assert_int_equal(
	    rig_store(&g, "SELECT sum(attempts) FROM usage_hour"), 5);
	assert_int_equal(rig_store(&g, "SELECT sum(calls) FROM calls_hour"), 5);
	usage_says(&g, &q, "\"attempts\":5", true);
	verified(&g);
	/* What comes again from the log, comes with its minutes. */
	assert_true(worker_call(&g, &w, key, DOLLAR / 10, 1000));
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	verified(&g);
	worker_kill(&g, &w);
	rig_end(&g);
}

static void
it_waits_while_there_is_something_to_store(void **state)
{
	struct rig g;
	struct worker w;
	uint64_t key;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	assert_true(worker_call(&g, &w, key, DOLLAR / 10, 1000));
	(void)drain_all(g.r, NULL);
	g.r->last_prune_ns = 0;
	assert_false(prune_turn(g.r, INT64_MAX / 2, clock_mono_ns()));
	assert_int_equal(g.r->last_prune_ns, 0);
	worker_kill(&g, &w);
	rig_end(&g);
}

/* No turn is quiet: what waits for one is done behind a commit. */
static void
steady_calls_do_not_keep_it_from_its_work(void **state)
{
	struct rig g;
	struct worker w;
	uint64_t key;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	g.r->last_checkpoint_ns = g.r->last_commit_ns = 0;
	assert_true(worker_call(&g, &w, key, DOLLAR / 10, 1000));
	(void)recorder_turn(g.r);
	assert_true(g.r->last_checkpoint_ns > 0);
	assert_false(g.r->wal_dirty);
	g.r->last_prune_ns = g.r->last_commit_ns = 0;
	assert_true(worker_call(&g, &w, key, DOLLAR / 10, 1000));
	(void)recorder_turn(g.r);
	assert_true(g.r->last_prune_ns > 0);
	worker_kill(&g, &w);
	rig_end(&g);
}

/* What a clock that jumped calls old is kept until it is believed. */
static void
a_doubted_clock_makes_nothing_old(void **state)
{
	const int64_t now = clock_wall_ns();
	const int64_t then = now - (PRUNE_MINUTES_DAYS + 9) * 24 * HOUR;
	struct rig g;
	struct worker w;
	struct call c;
	struct reqid req;
	uint64_t key;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	req = reqid_make(then, g.m.head->node,
	    (uint16_t)at_load(&w.m.slots[w.slot].incarnation), 1);
	assert_true(worker_begin(&g, &w, &c, req, 1, key, 0, DOLLAR / 10));
	hold_sent(c.h);
	worker_finish(&w, &c, RESOLUTION_BOOKED, 1000, true);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	/* It was then a moment ago, and is now. */
	at_store(&g.m.head->clock_wall_ns, then);
	at_store(&g.m.head->clock_mono_ns, clock_mono_ns());
	g.r->last_prune_ns = 0;
	while (g.r->last_prune_ns == 0)
		(void)recorder_turn(g.r);
	assert_int_equal(
	    rig_store(&g, "SELECT sum(attempts) FROM usage_minute"), 1);
	at_store(&g.m.head->clock_wall_ns, now);
	at_store(&g.m.head->clock_mono_ns, clock_mono_ns());
	g.r->last_prune_ns = 0;
	while (g.r->last_prune_ns == 0)
		(void)recorder_turn(g.r);
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM usage_minute"), 0);
	verified(&g);
	worker_kill(&g, &w);
	rig_end(&g);
}

static void
journals_of_other_boots_and_old_answers_go(void **state)
{
	struct rig g;
	struct worker w;
	uint64_t key;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	assert_true(worker_call(&g, &w, key, DOLLAR / 10, 1000));
	assert_true(rig_ask(&g,
	    "{\"op\":\"key_revoke\",\"id\":\"000000000001\",\"idem\":\"a\"}"));
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	ledger_free(&w.l);
	journal_close(&w.j);
	shm_detach(&w.m);
	rig_power_cut(&g);
	worker_start(&g, &w);
	key = rig_key(&g, 2, "10", "total");
	assert_true(worker_call(&g, &w, key, DOLLAR / 10, 1000));
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	assert_int_equal(
	    rig_store(&g, "SELECT count(DISTINCT boot) FROM journal_cursor"),
	    2);
	prune_at(&g, 0);
	assert_int_equal(
	    rig_store(&g, "SELECT count(DISTINCT boot) FROM journal_cursor"),
	    1);
	/* Rings of this boot are read on where they were. */
	assert_true(worker_call(&g, &w, key, DOLLAR / 10, 1000));
	rig_kill_recorder(&g);
	assert_int_equal(
	    rig_store(&g, "SELECT sum(attempts) FROM usage_hour"), 3);
	prune_at(&g, 25 * HOUR);
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM idempotency"), 0);
	verified(&g);
	worker_kill(&g, &w);
	rig_end(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(minutes_go_and_hours_stay),
		cmocka_unit_test(it_waits_while_there_is_something_to_store),
		cmocka_unit_test(steady_calls_do_not_keep_it_from_its_work),
		cmocka_unit_test(a_doubted_clock_makes_nothing_old),
		cmocka_unit_test(journals_of_other_boots_and_old_answers_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

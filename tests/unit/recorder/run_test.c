#include "recorder/rig.h"

static const int64_t DOLLAR = INT64_C(1000000000);

static void
a_key_is_created_published_and_kept(void **state)
{
	const struct shm_key *k;
	struct rig g;
	uint64_t key;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 5, "25.00", "month");
	k = key_find(&g.m, key);
	assert_non_null(k);
	assert_true(key_live(k, clock_wall_ns()));
	assert_int_equal(k->nsubjects, 3); /* its own, the team, the org */
	rig_power_cut(&g);
	k = key_find(&g.m, key);
	assert_non_null(k);
	assert_true(key_live(k, clock_wall_ns()));
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM keys"
				       " WHERE name = 'key 5'"),
	    1);
	rig_end(&g);
}

static void
calls_are_booked_once_whatever_dies(void **state)
{
	struct rig g;
	struct worker w;
	uint64_t key;
	int i;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	for (i = 0; i < 10; i++)
		assert_true(worker_call(&g, &w, key, DOLLAR / 10, 1000));
	assert_int_equal(rig_settled(&g, key), 10 * 5000000);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	assert_int_equal(
	    rig_store(&g, "SELECT sum(settled) FROM balances"), 50000000);
	assert_int_equal(
	    rig_store(&g, "SELECT sum(attempts) FROM usage_hour"), 10);
	assert_int_equal(
	    rig_store(&g, "SELECT sum(calls) FROM calls_minute"), 10);
	assert_true(worker_call(&g, &w, key, DOLLAR / 10, 1000));
	rig_kill_recorder(&g);
	assert_int_equal(rig_settled(&g, key), 55000000);
	worker_kill(&g, &w);
	recorder_repair(g.r, w.slot);
	assert_int_equal(shm_slot_state(&g.m, w.slot), SLOT_FREE);
	assert_int_equal(rig_settled(&g, key), 55000000);
	rig_power_cut(&g);
	assert_int_equal(rig_settled(&g, key), 55000000);
	assert_int_equal(
	    rig_store(&g, "SELECT sum(attempts) FROM usage_minute"), 11);
	rig_end(&g);
}

static void
a_dead_worker_is_repaired_by_what_is_known(void **state)
{
	struct call held, sent, seen;
	struct rig g;
	struct worker w;
	int64_t settled, pending;
	uint64_t key;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	assert_true(
	    worker_begin(&g, &w, &held, worker_req(&g, &w), 1, key, 0, DOLLAR));
	assert_true(
	    worker_begin(&g, &w, &sent, worker_req(&g, &w), 1, key, 0, DOLLAR));
	hold_sent(sent.h);
	assert_true(
	    worker_begin(&g, &w, &seen, worker_req(&g, &w), 1, key, 1, DOLLAR));
	hold_sent(seen.h);
	hold_progress(seen.h, 1000, 100);
	rig_sums(&g, key, &settled, &pending);
	assert_int_equal(settled, 0);
	assert_int_equal(pending, 3 * DOLLAR);
	worker_kill(&g, &w);
	recorder_repair(g.r, w.slot);
	rig_sums(&g, key, &settled, &pending);
	assert_int_equal(pending, 0);
	/* the bound, and 1,000 in, 100 and the slack out */
	assert_int_equal(
	    settled, DOLLAR + 1000000 + (100 + REPAIR_SLACK_TOKENS) * 4000);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM suspense"), 1);
	assert_int_equal(rig_store(&g, "SELECT sum(calls) FROM calls_hour"), 2);
	assert_null(g.r->oldest);
	rig_end(&g);
}

/* Its room is given back, so what was said of it must not be lost with us. */
static void
a_repair_outlives_the_recorder_that_made_it(void **state)
{
	struct call c;
	struct rig g;
	struct worker w;
	uint64_t key;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	assert_true(
	    worker_begin(&g, &w, &c, worker_req(&g, &w), 1, key, 0, DOLLAR));
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	worker_kill(&g, &w);
	recorder_repair(g.r, w.slot);
	assert_int_equal(shm_slot_state(&g.m, w.slot), SLOT_FREE);
	rig_kill_recorder(&g);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	assert_int_equal(rig_settled(&g, key), 0);
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM suspense"), 0);
	rig_end(&g);
}

static void
a_power_cut_leaves_open_attempts_unknown_at_their_bound(void **state)
{
	struct call c;
	struct rig g;
	struct worker w;
	uint64_t key;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "month");
	worker_start(&g, &w);
	assert_true(
	    worker_begin(&g, &w, &c, worker_req(&g, &w), 1, key, 0, DOLLAR));
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	rig_power_cut(&g);
	assert_int_equal(rig_settled(&g, key), DOLLAR);
	assert_int_equal(
	    rig_store(&g, "SELECT sum(amount) FROM suspense"), DOLLAR);
	rig_power_cut(&g);
	assert_int_equal(rig_settled(&g, key), DOLLAR);
	ledger_free(&w.l);
	journal_close(&w.j);
	shm_detach(&w.m);
	rig_end(&g);
}

static void
a_lost_store_comes_back_from_the_log(void **state)
{
	static const char *const sums[] = {
		"SELECT sum(settled * (window + 1)) FROM balances",
		"SELECT sum(attempts * 7 + input + effective) FROM "
		"usage_minute",
		"SELECT sum(calls) FROM calls_hour",
		"SELECT sum(seq) FROM journal_cursor WHERE boot = 1",
		"SELECT sum(id + account + length(sha256)) FROM keys",
		"SELECT sum(granted + unit) FROM accounts",
	};
	int64_t before[NELEM(sums)];
	struct rig g;
	struct worker w;
	char path[128];
	uint64_t a, b;
	size_t i;

	(void)state;
	rig_open(&g);
	a = rig_key(&g, 1, "10", "month");
	b = rig_key(&g, 2, "", "total");
	worker_start(&g, &w);
	for (i = 0; i < 50; i++)
		assert_true(worker_call(
		    &g, &w, i % 3 == 0 ? b : a, DOLLAR / 50, 10 * i));
	assert_true(rig_ask(&g, "{\"n\":2,\"op\":\"key_revoke\","
				"\"id\":\"000000000002\"}"));
	worker_kill(&g, &w);
	recorder_repair(g.r, w.slot);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	for (i = 0; i < NELEM(sums); i++)
		before[i] = rig_store(&g, sums[i]);
	recorder_close(&g.r);
	rig_path(&g, "store.db", path);
	assert_int_equal(unlink(path), 0);
	rig_path(&g, "store.db-wal", path);
	(void)unlink(path);
	rig_path(&g, "store.db-shm", path);
	(void)unlink(path);
	close(g.m.fd);
	shm_detach(&g.m);
	rig_tables(&g, 2);
	assert_int_equal(rig_start(&g), FAULT_NONE);
	for (i = 0; i < NELEM(sums); i++)
		assert_int_equal(before[i], rig_store(&g, sums[i]));
	assert_false(key_live(key_find(&g.m, b), clock_wall_ns()));
	assert_true(key_live(key_find(&g.m, a), clock_wall_ns()));
	rig_end(&g);
}

static void
a_ring_with_garbage_is_quarantined_not_believed(void **state)
{
	struct rig g;
	struct worker w, x;
	struct ring *ring;
	uint64_t key;
	char *p;
	int i;

	(void)state;
	rig_open(&g);
	log_init("test", LOG_LVL_ERROR);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	worker_start(&g, &x);
	assert_true(worker_call(&g, &w, key, DOLLAR, 1000));
	ring = ring_open(&w.m, w.slot);
	assert_true(ring_reserve(ring, 64));
	p = ring_begin(ring, 64);
	memset(p, 0x5a, 64);
	ring_publish(ring, 64);
	ring_close(&ring);
	assert_true(worker_call(&g, &x, key, DOLLAR, 2000));
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	assert_int_equal(
	    rig_store(&g, "SELECT sum(settled) FROM balances"), 15000000);
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM incidents"), 1);
	worker_kill(&g, &w);
	recorder_repair(g.r, w.slot);
	assert_int_equal(shm_slot_state(&g.m, w.slot), SLOT_FREE);
	/* Those that come after it in its slot are as good as any. */
	for (i = 0; i < 3; i++) {
		worker_start(&g, &w);
		assert_true(worker_call(&g, &w, key, DOLLAR, 1000));
		assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
		assert_int_equal(rig_settled(&g, key), 20000000 + i * 5000000);
		worker_kill(&g, &w);
		recorder_repair(g.r, w.slot);
	}
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM incidents"), 1);
	worker_kill(&g, &x);
	rig_end(&g);
}

/* Its successors died before they could repair anything. */
static void
a_recorder_goes_on_in_the_slot_of_a_dead_one(void **state)
{
	struct rig g;
	struct worker w;
	uint64_t key;
	uint32_t was, slot;
	int i;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	for (i = 0; i < 2; i++) {
		worker_start(&g, &w);
		assert_true(worker_call(&g, &w, key, DOLLAR, 1000));
		worker_kill(&g, &w);
		recorder_repair(g.r, w.slot);
	}
	was = g.m.slot;
	recorder_close(&g.r);
	shm_slot_dead(&g.m, was);
	slot = shm_slot_take(&g.m, true);
	assert_int_not_equal(slot, was);
	shm_slot_dead(&g.m, slot);
	assert_int_equal(rig_start(&g), FAULT_NONE);
	assert_int_equal(g.m.slot, was);
	assert_int_equal(shm_slot_state(&g.m, slot), SLOT_FREE);
	assert_int_equal(rig_settled(&g, key), 10000000);
	worker_start(&g, &w);
	assert_true(worker_call(&g, &w, key, DOLLAR, 1000));
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	assert_int_equal(rig_settled(&g, key), 15000000);
	worker_kill(&g, &w);
	rig_kill_recorder(&g);
	assert_int_equal(rig_settled(&g, key), 15000000);
	rig_end(&g);
}

/* The word that says how far its writer is. */
static void
spoil_head(struct rig *g, const struct worker *w)
{
	const uint64_t page = 4096, head = UINT64_MAX / 2;
	const uint64_t at =
	    g->m.off_rings + w->slot * (page + g->m.sizes.ring_bytes);

	assert_int_equal(
	    pwrite(g->m.fd, &head, sizeof(head), (off_t)at), sizeof(head));
}

/* What a wild write made of its words is not for those who come after. */
static void
a_ring_serves_the_next_whatever_its_words_were(void **state)
{
	struct rig g;
	struct worker w;
	uint64_t key;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	assert_true(worker_call(&g, &w, key, DOLLAR, 1000));
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	spoil_head(&g, &w);
	worker_kill(&g, &w);
	recorder_repair(g.r, w.slot);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM incidents"), 1);
	worker_start(&g, &w);
	assert_true(worker_call(&g, &w, key, DOLLAR, 1000));
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	assert_int_equal(rig_settled(&g, key), 10000000);
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM incidents"), 1);
	worker_kill(&g, &w);
	rig_end(&g);
}

/* Takes one frame of its own making into the ring of w. */
static void
put_frame(struct worker *w, const char *bytes, size_t n)
{
	struct ring *ring = ring_open(&w->m, w->slot);

	assert_true(ring_reserve(ring, n));
	memcpy(ring_begin(ring, n), bytes, n);
	ring_publish(ring, n);
	ring_close(&ring);
}

struct lie {
	const char *what;
	void (*tell)(struct outcome *o);
	uint64_t seq; /* added */
};

static void
lie_amount(struct outcome *o)
{
	o->effective = o->hold + 1;
}

static void
lie_negative(struct outcome *o)
{
	o->effective = -1;
}

static void
lie_chain(struct outcome *o)
{
	o->chain[0].window++;
}

static void
lie_attempt(struct outcome *o)
{
	o->attempt = 2;
}

static void
lie_void(struct outcome *o)
{
	o->resolution = RESOLUTION_VOID;
}

static void
lie_unsent(struct outcome *o)
{
	o->sent = false;
}

static void
lie_number(struct outcome *o)
{
	o->number = 1;
}

static void
lie_nothing(struct outcome *o)
{
	(void)o;
}

static void
lies_in_frames_are_refused_and_the_bound_is_booked(void **state)
{
	static const struct lie lies[] = {
		{ "a cost above its hold", lie_amount, 0 },
		{ "a negative cost", lie_negative, 0 },
		{ "another window", lie_chain, 0 },
		{ "an attempt without intent", lie_attempt, 0 },
		{ "a void that costs", lie_void, 0 },
		{ "a cost that was not sent", lie_unsent, 0 },
		{ "a correction", lie_number, 0 },
		{ "a sequence with a gap", lie_nothing, 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(lies); i++) {
		struct journal_name name;
		struct outcome o;
		struct call c;
		struct rig g;
		struct worker w;
		char bytes[FRAME_MAX_RING];
		uint64_t key;

		rig_open(&g);
		key = rig_key(&g, 1, "10", "total");
		worker_start(&g, &w);
		assert_true(worker_begin(
		    &g, &w, &c, worker_req(&g, &w), 1, key, 0, DOLLAR));
		hold_sent(c.h);
		o = call_outcome(&c, RESOLUTION_BOOKED, 1000);
		lies[i].tell(&o);
		name = (struct journal_name){ 7, 1, (uint16_t)w.slot,
			(uint16_t)at_load(&g.m.slots[w.slot].incarnation) };
		put_frame(&w, bytes,
		    frame_outcome(
			&name, 3 + lies[i].seq, &o, bytes, sizeof(bytes)));
		assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
		assert_int_equal(
		    rig_store(&g, "SELECT count(*) FROM incidents"), 1);
		worker_kill(&g, &w);
		recorder_repair(g.r, w.slot);
		if (rig_settled(&g, key) != DOLLAR)
			fail_msg("%s was believed", lies[i].what);
		rig_end(&g);
	}
}

static void
a_call_at_two_providers_counts_once(void **state)
{
	struct call c;
	struct reqid req;
	struct rig g;
	struct worker w;
	uint64_t key;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	req = worker_req(&g, &w);
	assert_true(worker_begin(&g, &w, &c, req, 1, key, 0, DOLLAR / 100));
	hold_sent(c.h);
	worker_finish(&w, &c, RESOLUTION_UNKNOWN, 0, false);
	assert_true(worker_begin(&g, &w, &c, req, 2, key, 1, DOLLAR / 100));
	hold_sent(c.h);
	worker_finish(&w, &c, RESOLUTION_BOOKED, 100, true);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	assert_int_equal(
	    rig_store(&g, "SELECT sum(attempts) FROM usage_minute"), 2);
	assert_int_equal(
	    rig_store(&g, "SELECT sum(calls) FROM calls_minute"), 1);
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM paths WHERE text"
				       " = '1:u,2:b'"),
	    1);
	worker_kill(&g, &w);
	rig_end(&g);
}

/* An attempt that failed by us is an operator's to look at; one that failed by
 * anybody else is not. */
static void
a_fault_of_ours_is_an_incident(void **state)
{
	static const struct {
		enum owner owner;
		int64_t incidents;
	} cases[] = { { OWNER_US, 1 }, { OWNER_PROVIDER, 0 } };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		struct journal_name name;
		struct outcome o;
		struct call c;
		struct rig g;
		struct worker w;
		char bytes[FRAME_MAX_RING];
		uint64_t key;

		rig_open(&g);
		key = rig_key(&g, 1, "10", "total");
		worker_start(&g, &w);
		assert_true(worker_begin(
		    &g, &w, &c, worker_req(&g, &w), 1, key, 0, DOLLAR));
		o = call_outcome(&c, RESOLUTION_VOID, 0);
		o.fault = FAULT_INTERNAL;
		o.owner = cases[i].owner;
		name = (struct journal_name){ 7, 1, (uint16_t)w.slot,
			(uint16_t)at_load(&g.m.slots[w.slot].incarnation) };
		put_frame(&w, bytes,
		    frame_outcome(&name, 3, &o, bytes, sizeof(bytes)));
		assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
		(void)recorder_turn(g.r);
		assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
		assert_int_equal(rig_store(&g, "SELECT count(*) FROM incidents"
					       " WHERE code = 41"),
		    cases[i].incidents);
		worker_kill(&g, &w);
		rig_end(&g);
	}
}

/* --- a disk that refuses
 * --------------------------------------------------------- */

static int fail_writes;

static ssize_t
failing_pwrite(int fd, const void *p, size_t len, off_t at)
{
	if (fail_writes > 0) {
		/* Some of it arrives: a torn frame. */
		(void)!pwrite(fd, p, len / 2, at);
		errno = ENOSPC;
		return -1;
	}
	return pwrite(fd, p, len, at);
}

static const struct disk failing = { failing_pwrite, fdatasync, ftruncate };

static void
a_full_disk_stops_calls_and_loses_nothing(void **state)
{
	struct rig g = { .dir = "/tmp/kontor-rec-XXXXXX", .disk = &failing };
	struct worker w;
	uint64_t key;
	int i;

	(void)state;
	log_init("test", LOG_LVL_ERROR);
	assert_non_null(mkdtemp(g.dir));
	rig_tables(&g, 1);
	g.s = rig_snapshot(77);
	assert_int_equal(rig_start(&g), FAULT_NONE);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	assert_true(worker_call(&g, &w, key, DOLLAR, 1000));
	fail_writes = 1;
	assert_int_not_equal(recorder_barrier(g.r), FAULT_NONE);
	assert_int_equal(at_load(&g.m.head->log_broken), 1);
	assert_true(journal_lagging(w.j, clock_mono_ns(), NS_PER_S));
	assert_true(worker_call(&g, &w, key, DOLLAR, 1000));
	fail_writes = 0;
	for (i = 0; i < 100 && at_load(&g.m.head->log_broken); i++) {
		usleep(10000);
		(void)recorder_turn(g.r);
	}
	assert_int_equal(at_load(&g.m.head->log_broken), 0);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	rig_power_cut(&g);
	assert_int_equal(rig_settled(&g, key), 10000000);
	assert_int_equal(rig_store(&g, "SELECT code FROM incidents"), 9);
	ledger_free(&w.l);
	journal_close(&w.j);
	shm_detach(&w.m);
	rig_end(&g);
}

static bool
says(struct rig *g, const char *wish, const char *answer)
{
	struct buf out = { 0 };
	bool is;

	recorder_control(g->r, slice_of(wish), &out);
	is = strstr(buf_cstr(&out), answer) != NULL;
	buf_fini(&out);
	return is;
}

static uint32_t
budgets_of_team(struct rig *g)
{
	uint32_t i, n = 0;

	for (i = 0; i < at_load(&g->m.head->nsubjects); i++) {
		if (at_load(&g->m.subjects[i].kind) == SUBJECT_TEAM)
			n += g->m.subjects[i].nbudgets;
	}
	return n;
}

/* What was begun before the disk refused binds when it is written; what is
 * asked for after that is not begun. */
static void
a_wish_that_a_full_disk_met_comes_true_or_was_nothing(void **state)
{
	struct rig g = { .dir = "/tmp/kontor-rec-XXXXXX", .disk = &failing };
	int i;

	(void)state;
	log_init("test", LOG_LVL_ERROR);
	assert_non_null(mkdtemp(g.dir));
	rig_tables(&g, 1);
	g.s = rig_snapshot(77);
	assert_int_equal(rig_start(&g), FAULT_NONE);
	assert_true(says(&g,
	    "{\"op\":\"subject_create\",\"kind\":\"team\",\"team\":\"t\"}",
	    "\"ok\":true"));
	fail_writes = 1;
	assert_true(says(&g,
	    "{\"op\":\"budget_set\",\"scope\":\"team:t\",\"budget\":\"1/day\"}",
	    "may still come about"));
	assert_int_equal(budgets_of_team(&g), 0);
	assert_true(says(&g,
	    "{\"op\":\"budget_set\",\"scope\":\"team:t\",\"budget\":\"1/"
	    "week\"}",
	    "nothing was changed"));
	fail_writes = 0;
	for (i = 0; i < 200 && budgets_of_team(&g) == 0; i++) {
		usleep(10000);
		(void)recorder_turn(g.r);
	}
	assert_int_equal(budgets_of_team(&g), 1);
	assert_int_equal(g.r->accounts.n, 1);
	assert_true(says(&g,
	    "{\"op\":\"budget_set\",\"scope\":\"team:t\",\"budget\":\"1/"
	    "week\"}",
	    "\"ok\":true"));
	assert_int_equal(budgets_of_team(&g), 2);
	rig_end(&g);
}

/* The word in shared memory outlives who could not write it down. */
static void
a_key_revoked_while_the_disk_refused_stays_revoked(void **state)
{
	struct rig g = { .dir = "/tmp/kontor-rec-XXXXXX", .disk = &failing };
	uint64_t key, other;

	(void)state;
	log_init("test", LOG_LVL_ERROR);
	assert_non_null(mkdtemp(g.dir));
	rig_tables(&g, 1);
	g.s = rig_snapshot(77);
	assert_int_equal(rig_start(&g), FAULT_NONE);
	key = rig_key(&g, 1, "10", "total");
	other = rig_key(&g, 2, "10", "total");
	fail_writes = 1;
	assert_true(says(&g, "{\"op\":\"key_revoke\",\"id\":\"000000000001\"}",
	    "may still come about"));
	recorder_close(&g.r);
	shm_slot_dead(&g.m, g.m.slot);
	fail_writes = 0;
	assert_int_equal(rig_start(&g), FAULT_NONE);
	assert_true(key_revoked(&g.m, key));
	assert_int_equal(
	    rig_store(&g, "SELECT id FROM keys WHERE revoked"), (int64_t)key);
	rig_power_cut(&g);
	assert_false(key_live(key_find(&g.m, key), clock_wall_ns()));
	assert_true(key_live(key_find(&g.m, other), clock_wall_ns()));
	rig_end(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_created_published_and_kept),
		cmocka_unit_test(calls_are_booked_once_whatever_dies),
		cmocka_unit_test(a_dead_worker_is_repaired_by_what_is_known),
		cmocka_unit_test(a_repair_outlives_the_recorder_that_made_it),
		cmocka_unit_test(
		    a_power_cut_leaves_open_attempts_unknown_at_their_bound),
		cmocka_unit_test(a_lost_store_comes_back_from_the_log),
		cmocka_unit_test(
		    a_ring_with_garbage_is_quarantined_not_believed),
		cmocka_unit_test(a_recorder_goes_on_in_the_slot_of_a_dead_one),
		cmocka_unit_test(
		    a_ring_serves_the_next_whatever_its_words_were),
		cmocka_unit_test(
		    lies_in_frames_are_refused_and_the_bound_is_booked),
		cmocka_unit_test(a_call_at_two_providers_counts_once),
		cmocka_unit_test(a_fault_of_ours_is_an_incident),
		cmocka_unit_test(a_full_disk_stops_calls_and_loses_nothing),
		cmocka_unit_test(
		    a_wish_that_a_full_disk_met_comes_true_or_was_nothing),
		cmocka_unit_test(
		    a_key_revoked_while_the_disk_refused_stays_revoked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

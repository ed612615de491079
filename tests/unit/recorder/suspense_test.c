#include "recorder/rig.h"

#include "base/json.h"
#include "books/explain.h"
#include "books/scan.h"
#include "books/verify.h"

static const int64_t DOLLAR = INT64_C(1000000000);

/* --- asking ------------------------------------------------------------- */

/* The answer; ready until the next. */
static const char *
ask(struct rig *g, const struct reqid *req, unsigned attempt, const char *more)
{
	static struct buf out;
	char id[ATTEMPT_TEXT + 1];
	struct buf text = { 0 };

	(void)attempt_write(req, attempt, id);
	buf_clear(&out);
	buf_fmt(&text, "{\"n\":1,\"op\":\"correct\",\"attempt\":\"%s\",%s}", id,
	    more);
	recorder_control(g->r, buf_slice(&text), &out);
	buf_fini(&text);
	return buf_cstr(&out);
}

static void
says(const char *answer, const char *part)
{
	if (strstr(answer, part) == NULL)
		fail_msg("%s\nhas no %s", answer, part);
}

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

static int64_t
sum(struct rig *g, const char *what, const char *table)
{
	char sql[128];

	(void)snprintf(sql, sizeof(sql), "SELECT coalesce(sum(%s), 0) FROM %s",
	    what, table);
	return rig_store(g, sql);
}

/* How the one call of the store is counted: "_:u". */
static void
path_is(struct rig *g, const char *text)
{
	char sql[200];

	(void)snprintf(sql, sizeof(sql),
	    "SELECT coalesce(sum(calls), 0) FROM calls_hour WHERE path IN"
	    " (SELECT id FROM paths WHERE text LIKE '%s')",
	    text);
	assert_int_equal(rig_store(g, sql), 1);
}

static void
worker_end(struct worker *w)
{
	ledger_free(&w->l);
	journal_close(&w->j);
	shm_detach(&w->m);
}

/* A call that ended unknown at 10 cents. */
static struct reqid
unknown_call(struct rig *g, struct worker *w, uint64_t key)
{
	const struct reqid req = worker_req(g, w);
	struct call c;

	assert_true(worker_begin(g, w, &c, req, 1, key, 0, DOLLAR / 10));
	hold_sent(c.h);
	worker_finish(w, &c, RESOLUTION_UNKNOWN, 0, true);
	assert_int_equal(recorder_barrier(g->r), FAULT_NONE);
	return req;
}

/* --- what a correction does ----------------------------------------------- */

static void
a_count_that_comes_later_takes_it_out_of_suspense(void **state)
{
	struct buf out = { 0 };
	struct reqid req;
	struct rig g;
	struct worker w;
	uint64_t key;
	const char *a;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "month");
	worker_start(&g, &w);
	req = unknown_call(&g, &w, key);
	assert_int_equal(rig_settled(&g, key), DOLLAR / 10);
	assert_int_equal(sum(&g, "amount", "suspense"), DOLLAR / 10);
	path_is(&g, "_:u");

	a = ask(&g, &req, 1,
	    "\"plan\":true,\"usage\":{\"input_tokens\":700,"
	    "\"output_tokens\":30}");
	says(a, "\"planned\":true");
	says(a, "\"difference\":\"-0.09918\"");
	assert_int_equal(rig_settled(&g, key), DOLLAR / 10);
	assert_int_equal(sum(&g, "1", "corrections"), 0);

	a = ask(&g, &req, 1,
	    "\"reason\":\"reconciled\",\"usage\":{\"input_tokens\":700,"
	    "\"output_tokens\":30,\"reasoning_tokens\":10}");
	says(a, "\"ok\":true");
	says(a, "\"number\":1");
	says(a, "\"resolution\":\"booked\"");
	/* 700 x 1 and 30 x 4 micro */
	assert_int_equal(rig_settled(&g, key), 820000);
	assert_int_equal(sum(&g, "settled", "balances"), 820000);
	assert_int_equal(sum(&g, "effective", "usage_minute"), 820000);
	assert_int_equal(sum(&g, "effective", "usage_hour"), 820000);
	assert_int_equal(sum(&g, "attempts", "usage_hour"), 1);
	assert_int_equal(sum(&g, "input", "usage_hour"), 700);
	assert_int_equal(sum(&g, "output", "usage_hour"), 30);
	assert_int_equal(sum(&g, "reasoning", "usage_hour"), 10);
	assert_int_equal(sum(&g, "calls", "calls_minute"), 1);
	assert_int_equal(sum(&g, "1", "suspense"), 0);
	path_is(&g, "_:b");
	verified(&g);

	assert_int_equal(
	    explain_request(g.dir, g.r->store, &req, &out), FAULT_NONE);
	says(buf_cstr(&out), "\"settled\":\"0.00082\"");
	says(buf_cstr(&out), "\"reason\":\"reconciled\"");
	says(buf_cstr(&out), "\"difference\":\"-0.09918\"");
	buf_fini(&out);
	worker_end(&w);
	rig_end(&g);
}

static void
a_correction_is_told_with_its_own_time(void **state)
{
	struct buf out = { 0 }, before = { 0 };
	const char *at;
	struct reqid req;
	struct worker w;
	struct rig g;

	(void)state;
	rig_open(&g);
	worker_start(&g, &w);
	req = unknown_call(&g, &w, rig_key(&g, 1, "10", "month"));
	(void)usleep(2000);
	scan_time(&before, "time", clock_wall_ns());
	says(ask(&g, &req, 1, "\"void\":true"), "\"ok\":true");
	assert_int_equal(
	    explain_request(g.dir, g.r->store, &req, &out), FAULT_NONE);
	at = strstr(buf_cstr(&out), "\"corrections\"");
	assert_non_null(at);
	at = strstr(at, "\"time\"");
	assert_non_null(at);
	assert_true(strncmp(at, buf_cstr(&before), before.len) >= 0);
	buf_fini(&out);
	buf_fini(&before);
	worker_end(&w);
	rig_end(&g);
}

/* Lines that do not add up to what it cost would be somebody else's. */
static void
a_stated_cost_is_not_made_up_of_lines(void **state)
{
	static const struct {
		const char *known;
		bool lines;
	} rows[] = { { "\"usage\":{\"input_tokens\":7,\"output_tokens\":3}",
			 true },
		{ "\"cost\":\"0.05\"", false },
		{ "\"usage\":{\"input_tokens\":8,\"output_tokens\":3}", true },
		{ "\"void\":true", false } };
	struct buf out = { 0 };
	struct reqid req;
	struct worker w;
	struct rig g;
	size_t i;

	(void)state;
	rig_open(&g);
	worker_start(&g, &w);
	req = unknown_call(&g, &w, rig_key(&g, 1, "10", "month"));
	for (i = 0; i < NELEM(rows); i++) {
		says(ask(&g, &req, 1, rows[i].known), "\"ok\":true");
		buf_clear(&out);
		assert_int_equal(
		    explain_request(g.dir, g.r->store, &req, &out), FAULT_NONE);
		assert_int_equal(
		    strstr(buf_cstr(&out), "\"lines\"") != NULL, rows[i].lines);
	}
	buf_fini(&out);
	worker_end(&w);
	rig_end(&g);
}

static void
corrections_follow_each_other_and_add_up(void **state)
{
	struct reqid req;
	struct rig g;
	struct worker w;
	uint64_t key;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	req = unknown_call(&g, &w, key);
	says(ask(&g, &req, 1, "\"void\":true"), "\"resolution\":\"void\"");
	assert_int_equal(rig_settled(&g, key), 0);
	assert_int_equal(sum(&g, "calls", "calls_hour"), 0);
	assert_int_equal(sum(&g, "attempts", "usage_hour"), 0);
	verified(&g);
	says(ask(&g, &req, 1, "\"cost\":\"0.5\""), "\"number\":2");
	assert_int_equal(rig_settled(&g, key), DOLLAR / 2);
	assert_int_equal(sum(&g, "calls", "calls_hour"), 1);
	assert_int_equal(rig_store(&g, "SELECT code FROM incidents"), 20);
	verified(&g);
	says(ask(&g, &req, 1,
		 "\"estimated\":true,\"usage\":{\"input_tokens\":10,"
		 "\"output_tokens\":10}"),
	    "\"number\":3");
	path_is(&g, "_:e");
	assert_int_equal(rig_settled(&g, key), 50000);
	verified(&g);

	/* Whatever dies, and without a store. */
	rig_kill_recorder(&g);
	assert_int_equal(rig_settled(&g, key), 50000);
	worker_end(&w);
	rig_power_cut(&g);
	assert_int_equal(rig_settled(&g, key), 50000);
	says(ask(&g, &req, 1, "\"void\":true"), "\"number\":4");
	recorder_close(&g.r);
	shm_slot_dead(&g.m, g.m.slot);
	{
		char path[128];

		rig_path(&g, "store.db", path);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rig_start(&g), FAULT_NONE);
	assert_int_equal(rig_settled(&g, key), 0);
	assert_int_equal(sum(&g, "1", "corrections"), 4);
	assert_int_equal(sum(&g, "1", "suspense"), 0);
	assert_int_equal(sum(&g, "calls", "calls_hour"), 0);
	verified(&g);
	rig_end(&g);
}

static void
a_call_of_two_attempts_keeps_the_other(void **state)
{
	struct reqid req;
	struct call c;
	struct rig g;
	struct worker w;
	uint64_t key;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	req = worker_req(&g, &w);
	assert_true(worker_begin(&g, &w, &c, req, 1, key, 0, DOLLAR / 10));
	hold_sent(c.h);
	worker_finish(&w, &c, RESOLUTION_UNKNOWN, 0, false);
	assert_true(worker_begin(&g, &w, &c, req, 2, key, 1, DOLLAR / 5));
	hold_sent(c.h);
	worker_finish(&w, &c, RESOLUTION_ESTIMATED, 100, true);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	path_is(&g, "_:u,_:e");
	says(ask(&g, &req, 1, "\"void\":true"), "\"ok\":true");
	path_is(&g, "_:e");
	assert_int_equal(sum(&g, "calls", "calls_hour"), 1);
	verified(&g);
	says(ask(&g, &req, 2,
		 "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}"),
	    "\"ok\":true");
	path_is(&g, "_:b");
	verified(&g);
	says(ask(&g, &req, 1, "\"cost\":\"0.000001\""), "\"number\":2");
	path_is(&g, "_:b,_:b");
	assert_int_equal(sum(&g, "calls", "calls_hour"), 1);
	verified(&g);
	worker_end(&w);
	rig_end(&g);
}

static void
a_closed_window_is_corrected_in_the_books_alone(void **state)
{
	struct reqid req;
	struct call c;
	struct rig g;
	struct worker w;
	uint64_t key, window;
	char sql[128];

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "hour");
	worker_start(&g, &w);
	req = worker_req(&g, &w);
	assert_true(worker_begin(&g, &w, &c, req, 1, key, 0, DOLLAR / 10));
	hold_sent(c.h);
	window = c.i.chain[0].window;
	worker_finish(&w, &c, RESOLUTION_UNKNOWN, 0, true);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	/* Two hours later. */
	calendar_turn(g.r, clock_wall_ns() + 2 * 3600 * NS_PER_S,
	    clock_mono_ns() + 2 * 3600 * NS_PER_S);
	says(ask(&g, &req, 1, "\"void\":true"), "\"ok\":true");
	(void)snprintf(sql, sizeof(sql),
	    "SELECT settled FROM balances WHERE window = %llu",
	    (unsigned long long)window);
	assert_int_equal(rig_store(&g, sql), 0);
	verified(&g);
	worker_end(&w);
	rig_end(&g);
}

/* --- what is refused ------------------------------------------------------ */

static void
what_cannot_be_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *more, *text;
	} rows[] = {
		{ "\"plan\":true", "say usage, cost or void" },
		{ "\"cost\":\"-1\"", "negative" },
		{ "\"cost\":\"9007200\"", "absurd" },
		{ "\"cost\":\"99999999999999999999\"", "not an amount" },
		{ "\"cost\":\"0.0000000001\"", "not an amount" },
		{ "\"cost\":true", "not an amount" },
		{ "\"void\":true,\"cost\":\"1\"", "no usage and no cost" },
		{ "\"usage\":7", "not an object" },
		{ "\"usage\":{\"input_tokens\":1}", "output_tokens" },
		{ "\"usage\":{\"input_tokens\":1,\"output_tokens\":-1}",
		    "negative" },
		{ "\"usage\":{\"input_tokens\":1,\"output_tokens\":1.5}",
		    "whole number" },
		{ "\"usage\":{\"input_tokens\":1,\"output_tokens\":"
		  "1099511627776}",
		    "absurd" },
		{ "\"usage\":{\"input_tokens\":1,\"output_tokens\":1,"
		  "\"cached_tokens\":2}",
		    "larger than the whole" },
		{ "\"usage\":{\"input_tokens\":1,\"output_tokens\":1,"
		  "\"smell\":2}",
		    "not known" },
		{ "\"usage\":{\"input_tokens\":1,\"output_tokens\":"
		  "1099511627775}",
		    "\"ok\":true" }, /* 4.4 million: not absurd */
		{ "\"cost\":\"1\",\"reason\":\"whim\"", "reason is none of" },
		{ "\"cost\":\"1\",\"plan\":\"true\"", "true or false" },
		{ "\"cost\":\"1\",\"plan\":1", "true or false" },
		{ "\"cost\":\"1\",\"plan\":null", "true or false" },
		{ "\"cost\":\"1\",\"void\":\"yes\"", "true or false" },
		{ "\"cost\":\"1\",\"estimated\":\"false\"", "true or false" },
	};
	struct reqid req, other;
	struct rig g;
	struct worker w;
	uint64_t key;
	size_t i;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	req = unknown_call(&g, &w, key);
	for (i = 0; i < NELEM(rows); i++)
		says(ask(&g, &req, 1, rows[i].more), rows[i].text);
	other = worker_req(&g, &w);
	says(ask(&g, &other, 1, "\"void\":true"), "no such request");
	says(ask(&g, &req, 2, "\"void\":true"), "no such attempt");
	says(ask(&g, &req, 1, "\"void\":true"), "\"number\":2");
	says(ask(&g, &req, 1, "\"void\":true"), "booked so already");
	verified(&g);
	worker_end(&w);
	rig_end(&g);
}

static void
what_is_under_way_waits(void **state)
{
	struct reqid req;
	struct call c;
	struct rig g;
	struct worker w;
	uint64_t key;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	req = worker_req(&g, &w);
	assert_true(worker_begin(&g, &w, &c, req, 1, key, 0, DOLLAR / 10));
	hold_sent(c.h);
	says(ask(&g, &req, 1, "\"void\":true"), "under way");
	worker_finish(&w, &c, RESOLUTION_UNKNOWN, 0, false);
	says(ask(&g, &req, 1, "\"void\":true"), "under way");
	assert_int_equal(sum(&g, "1", "corrections"), 0);
	worker_end(&w);
	rig_end(&g);
}

static void
a_worker_that_corrects_is_quarantined(void **state)
{
	struct outcome o;
	struct call c;
	struct rig g;
	struct worker w;
	uint64_t key;

	(void)state;
	rig_open(&g);
	log_init("test", LOG_LVL_ERROR + 1);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	assert_true(worker_begin(
	    &g, &w, &c, worker_req(&g, &w), 1, key, 0, DOLLAR / 10));
	hold_sent(c.h);
	o = call_outcome(&c, RESOLUTION_BOOKED, 10);
	o.number = 1;
	journal_outcome(w.j, &o);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	assert_true(g.r->reader[w.slot].quarantined);
	assert_int_equal(sum(&g, "1", "corrections"), 0);
	worker_end(&w);
	rig_end(&g);
}

/* --- lies in the log --------------------------------------------------------
 */

enum lie {
	LIE_NONE,
	LIE_NUMBER,
	LIE_WAS,
	LIE_WAS_USAGE,
	LIE_PRICE,
	LIE_HOLD,
	LIE_CHAIN,
	LIE_SIBLING_GONE,
	LIE_SIBLING_FLAG,
	LIE_UNKNOWN,
	LIE_NEGATIVE,
	LIE_BOOKED_ABOVE,
	LIE_WRITER,
	LIE_TWICE,
	LIE_STATED,
	LIES
};

static void
tell_lie(struct correction *c, enum lie lie)
{
	c->now.number += lie == LIE_NUMBER;
	c->was.effective -= lie == LIE_WAS;
	c->was.usage.input += lie == LIE_WAS_USAGE;
	c->now.list += lie == LIE_PRICE;
	c->now.hold += lie == LIE_HOLD;
	c->now.chain[0].window += lie == LIE_CHAIN;
	c->nsiblings -= lie == LIE_SIBLING_GONE;
	if (lie == LIE_SIBLING_FLAG)
		c->sibling[0].resolution = RESOLUTION_BOOKED;
	if (lie == LIE_UNKNOWN)
		c->now.resolution = RESOLUTION_UNKNOWN;
	if (lie == LIE_NEGATIVE || lie == LIE_BOOKED_ABOVE) {
		c->now.list = c->now.contracted = c->now.effective =
		    lie == LIE_NEGATIVE ? -1 : 2 * c->now.hold;
		c->stated = true;
	}
	if (lie == LIE_STATED) {
		c->stated = true;
		c->now.effective--;
	}
}

/* Straight into the log: the recorder itself would refuse it. */
static void
append(struct rig *g, const struct correction *c, enum lie lie)
{
	struct journal_name name = g->r->name;
	uint64_t seq = ++g->r->seq;
	char bytes[4096];
	size_t n;

	if (lie == LIE_WRITER) {
		name.slot++;
		seq = 1;
	}
	n = frame_correction(&name, seq, c, bytes, sizeof(bytes));
	assert_true(n > 0);
	log_append(g->r->log, (struct slice){ bytes, n });
	assert_int_equal(drain_flush(g->r), FAULT_NONE);
}

static bool
believed(enum lie lie)
{
	struct correction c = { .reason = REASON_OPERATOR };
	struct outcome sibling;
	struct buf out = { 0 };
	struct call one, two;
	struct rig g;
	struct worker w;
	uint64_t key;
	bool good;

	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	assert_true(worker_begin(
	    &g, &w, &one, worker_req(&g, &w), 1, key, 0, DOLLAR / 10));
	hold_sent(one.h);
	worker_finish(&w, &one, RESOLUTION_UNKNOWN, 0, false);
	assert_true(
	    worker_begin(&g, &w, &two, one.i.req, 2, key, 1, DOLLAR / 10));
	hold_sent(two.h);
	worker_finish(&w, &two, RESOLUTION_ESTIMATED, 100, true);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	sibling = call_outcome(&two, RESOLUTION_ESTIMATED, 100);
	c.was = call_outcome(&one, RESOLUTION_UNKNOWN, 0);
	c.now = call_outcome(&one, RESOLUTION_BOOKED, 7);
	c.now.number = 1;
	c.nsiblings = 1;
	c.sibling = &sibling;
	tell_lie(&c, lie);
	append(&g, &c, lie);
	if (lie == LIE_TWICE)
		append(&g, &c, lie);
	assert_int_equal(ledger_verify(g.dir, false, &out, &good), FAULT_NONE);
	if (lie == LIE_NONE && !good)
		fail_msg("%s", buf_cstr(&out));
	buf_fini(&out);
	worker_end(&w);
	rig_end(&g);
	return good;
}

static void
verify_finds_every_lie_of_a_correction(void **state)
{
	enum lie lie;

	(void)state;
	assert_true(believed(LIE_NONE));
	for (lie = LIE_NONE + 1; lie < LIES; lie++) {
		if (believed(lie))
			fail_msg("lie %d", (int)lie);
	}
}

/* --- idempotency ---------------------------------------------------------- */

static void
asked_again_it_is_made_once(void **state)
{
	struct reqid req;
	struct rig g;
	struct worker w;
	uint64_t key;

	(void)state;
	rig_open(&g);
	key = rig_key(&g, 1, "10", "total");
	worker_start(&g, &w);
	req = unknown_call(&g, &w, key);
	says(ask(&g, &req, 1, "\"cost\":\"0.5\",\"idem\":\"k.b\""),
	    "\"number\":1");
	says(ask(&g, &req, 1, "\"cost\":\"0.5\",\"idem\":\"k.b\""),
	    "\"number\":1");
	rig_kill_recorder(&g);
	says(ask(&g, &req, 1, "\"cost\":\"0.5\",\"idem\":\"k.b\""),
	    "\"number\":1");
	says(ask(&g, &req, 1, "\"cost\":\"0.6\",\"idem\":\"k.c\""),
	    "used for another body");
	says(ask(&g, &req, 1, "\"cost\":\"0.6\",\"idem\":\"l.c\""),
	    "\"number\":2");
	assert_int_equal(sum(&g, "1", "corrections"), 2);
	verified(&g);
	worker_end(&w);
	rig_end(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_count_that_comes_later_takes_it_out_of_suspense),
		cmocka_unit_test(a_correction_is_told_with_its_own_time),
		cmocka_unit_test(a_stated_cost_is_not_made_up_of_lines),
		cmocka_unit_test(corrections_follow_each_other_and_add_up),
		cmocka_unit_test(a_call_of_two_attempts_keeps_the_other),
		cmocka_unit_test(
		    a_closed_window_is_corrected_in_the_books_alone),
		cmocka_unit_test(what_cannot_be_is_refused_with_the_reason),
		cmocka_unit_test(what_is_under_way_waits),
		cmocka_unit_test(a_worker_that_corrects_is_quarantined),
		cmocka_unit_test(verify_finds_every_lie_of_a_correction),
		cmocka_unit_test(asked_again_it_is_made_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

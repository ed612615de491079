#include "recorder/rig.h"

#include "books/focus.h"
#include "books/focus_row.h"
#include "books/usage.h"
#include "books/verify.h"

static const int64_t DOLLAR = INT64_C(1000000000);
static const int64_t DAY_NS = INT64_C(86400) * 1000000000;

static void
number(int128 v, unsigned decimals, const char *text)
{
	struct focus_row r = { .cell = { { 0 } } };

	focus_set_number(&r, FOCUS_LIST_COST, v, decimals);
	assert_string_equal(buf_cstr(&r.cell[FOCUS_LIST_COST]), text);
	focus_row_fini(&r);
}

static void
numbers_are_exact_and_as_short_as_can_be(void **state)
{
	int128 large = 1;
	unsigned i;

	(void)state;
	number(0, 20, "0");
	number(1, 20, "0.00000000000000000001");
	number(-1, 3, "-0.001");
	number(1500, 3, "1.5");
	number(-1000, 3, "-1");
	number(120, 0, "120");
	for (i = 0; i < 38; i++)
		large *= 10;
	number(large, 20, "1000000000000000000");
	number(-large - 1, 20, "-1000000000000000000.00000000000000000001");
}

static void
texts_are_clean(void **state)
{
	struct focus_row r = { .cell = { { 0 } } };
	struct buf out = { 0 };

	(void)state;
	focus_set(&r, FOCUS_X_TEAM, S("  two\nlines, \"quoted\" "));
	focus_write_csv(&r, &out);
	assert_non_null(
	    strstr(buf_cstr(&out), ",\"two?lines, \"\"quoted\"\"\","));
	buf_fini(&out);
	focus_row_fini(&r);
}

static struct reqid
req_at(struct rig *g, struct worker *w, int64_t wall_ns)
{
	return reqid_make(wall_ns, g->m.head->node,
	    (uint16_t)at_load(&w->m.slots[w->slot].incarnation), ++w->seq);
}

static const char *
export_by(struct rig *g, bool json, bool daily, struct buf *out)
{
	const struct focus_query q = { .json = json,
		.daily = daily,
		.currency = "USD",
		.now_ns = clock_wall_ns() };
	struct store *s;
	char path[128];

	buf_clear(out);
	rig_path(g, "store.db", path);
	assert_int_equal(store_open_read(path, &s), FAULT_NONE);
	assert_int_equal(focus_read(s, &q, out), FAULT_NONE);
	store_close(&s);
	return buf_cstr(out);
}

static const char *export(struct rig *g, bool json, struct buf *out)
{
	return export_by(g, json, false, out);
}

static unsigned
count(const char *text, const char *part)
{
	unsigned n = 0;

	while ((text = strstr(text, part)) != NULL) {
		n++;
		text += strlen(part);
	}
	return n;
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

/* body: what is known now. */
static void
correct(struct rig *g, const struct reqid *req, const char *body)
{
	char id[ATTEMPT_TEXT + 1], ask[256];

	(void)attempt_write(req, 1, id);
	(void)snprintf(ask, sizeof(ask),
	    "{\"n\":1,\"op\":\"correct\",\"attempt\":\"%s\",%s}", id, body);
	assert_true(rig_ask(g, ask));
	assert_int_equal(recorder_barrier(g->r), FAULT_NONE);
}

/* Forty days ago an attempt ended unknown; its count comes today. */
static void
a_month_that_is_over_does_not_change(void **state)
{
	struct buf out = { 0 };
	struct reqid req;
	struct worker w;
	struct call c;
	struct rig g;
	uint64_t key;

	(void)state;
	rig_open(&g);
	worker_start(&g, &w);
	key = rig_key(&g, 1, "10", "total");
	req = req_at(&g, &w, clock_wall_ns() - 40 * DAY_NS);
	assert_true(worker_begin(&g, &w, &c, req, 1, key, 0, DOLLAR / 10));
	hold_sent(c.h);
	worker_finish(&w, &c, RESOLUTION_UNKNOWN, 0, true);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	assert_int_equal(
	    count(export(&g, true, &out), "\"ChargeCategory\":\"Adjustment\""),
	    1);
	assert_int_equal(count(out.p, "\"Correction\""), 0);

	correct(
	    &g, &req, "\"usage\":{\"input_tokens\":100,\"output_tokens\":50}");
	(void)export(&g, true, &out);
	/* What was booked stays; two kinds of tokens come, a bound goes. */
	assert_int_equal(count(out.p, "\"Correction\""), 3);
	assert_int_equal(count(out.p, "\"ListCost\":\"0.1\""), 1);
	assert_int_equal(count(out.p, "\"ListCost\":\"-0.1\""), 1);
	assert_int_equal(count(out.p, "\"ListCost\":\"0.0001\""), 1);
	assert_int_equal(count(out.p, "\"ListCost\":\"0.0002\""), 1);
	assert_int_equal(count(out.p, "\"x_Attempts\":\"-1\""), 1);
	verified(&g);
	worker_kill(&g, &w);
	rig_end(&g);
	buf_fini(&out);
}

/* An end of its own when it is not in's. */
static struct snapshot *
promised(uint64_t generation, struct period in, int64_t to_ns, int64_t nano)
{
	struct snapshot *s = rig_snapshot(generation);
	struct agreement_conf *a = ARENA_NEW(&s->arena, struct agreement_conf);

	a->name = rig_dup(s, "macc");
	a->contract = a->notes = rig_dup(s, "");
	a->provider = s->provider;
	a->terms.id = hash64(S("macc"));
	a->terms.provider = hash64(slice_of(s->provider->id));
	a->terms.in_force = in;
	a->terms.commitment.nano = nano;
	a->terms.commitment_in = (struct period){ in.from_ns, to_ns };
	a->account = agreement_account(S("macc"), PLEDGE_COMMITMENT, S(""));
	s->agreement = a;
	s->nagreements = 1;
	return s;
}

/* Of one dollar. */
static struct snapshot *
committed(struct period in, int64_t to_ns)
{
	return promised(77, in, to_ns, DOLLAR);
}

/* A reload. */
static void
reload(struct rig *g, struct snapshot *s)
{
	assert_int_equal(recorder_config(g->r, s), FAULT_NONE);
	assert_int_equal(recorder_barrier(g->r), FAULT_NONE);
	snapshot_unref(&s);
}

/* How many rows of an unused commitment have that cost. */
static unsigned
unused(const char *rows, const char *cost, bool late)
{
	const char *at = rows, *end;
	char want[64];
	unsigned n = 0;

	(void)snprintf(want, sizeof(want), "\"BilledCost\":\"%s\"", cost);
	for (; (at = strstr(at, "{\"AvailabilityZone\"")) != NULL; at = end) {
		struct buf row = { 0 };

		end = strstr(at + 1, "{\"AvailabilityZone\"");
		if (end == NULL)
			end = at + strlen(at);
		buf_add(&row, (struct slice){ at, (size_t)(end - at) });
		n += strstr(buf_cstr(&row), "\"Unused\"") != NULL &&
		     strstr(row.p, want) != NULL &&
		     (strstr(row.p, "\"Correction\"") != NULL) == late;
		buf_fini(&row);
	}
	return n;
}

/* Its month is over; what corrections make of it since are rows of now. */
static void
the_rest_of_a_commitment_stays_as_it_was_reported(void **state)
{
	const int64_t then = clock_wall_ns() - 40 * DAY_NS;
	const struct period in = { then - 20 * DAY_NS, 0 };
	struct buf out = { 0 };
	struct reqid req;
	struct worker w;
	struct call c;
	struct rig g;
	uint64_t key;

	(void)state;
	/* Promised until the day after. */
	rig_open_with(&g, committed(in, then - then % DAY_NS + DAY_NS));
	worker_start(&g, &w);
	key = rig_key(&g, 1, "10", "total");
	req = req_at(&g, &w, then);
	assert_true(worker_begin(&g, &w, &c, req, 1, key, 0, DOLLAR / 10));
	hold_sent(c.h);
	worker_finish(&w, &c, RESOLUTION_UNKNOWN, 0, true);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	(void)export(&g, true, &out);
	assert_int_equal(unused(out.p, "0.9", false), 1);
	assert_int_equal(count(out.p, "\"Unused\""), 1);

	correct(&g, &req, "\"cost\":\"0.25\"");
	(void)export(&g, true, &out);
	assert_int_equal(unused(out.p, "0.9", false), 1);
	assert_int_equal(unused(out.p, "-0.15", true), 1);
	/* More than was promised leaves nothing, and not less. */
	correct(&g, &req, "\"cost\":\"3\"");
	(void)export(&g, true, &out);
	assert_int_equal(unused(out.p, "0.9", false), 1);
	assert_int_equal(unused(out.p, "-0.9", true), 1);
	correct(&g, &req, "\"void\":true");
	(void)export(&g, true, &out);
	assert_int_equal(unused(out.p, "0.9", false), 1);
	assert_int_equal(unused(out.p, "0.1", true), 1);
	assert_int_equal(count(out.p, "\"Unused\""), 2);
	verified(&g);
	worker_kill(&g, &w);
	rig_end(&g);
	buf_fini(&out);
}

/* As a contract's local midnight may be. */
static void
a_commitment_begins_and_ends_within_an_hour(void **state)
{
	const int64_t minute = 60 * NS_PER_S;
	const int64_t past = clock_wall_ns() - 40 * DAY_NS;
	const int64_t then = past - past % DAY_NS + 90 * minute;
	const struct period in = { then - minute, then + minute };
	struct buf out = { 0 };
	struct reqid req;
	struct worker w;
	struct call c;
	struct rig g;
	unsigned daily;
	uint64_t key;

	(void)state;
	rig_open_with(&g, committed(in, in.to_ns));
	worker_start(&g, &w);
	key = rig_key(&g, 1, "10", "total");
	req = req_at(&g, &w, then);
	assert_true(worker_begin(&g, &w, &c, req, 1, key, 0, DOLLAR / 10));
	hold_sent(c.h);
	worker_finish(&w, &c, RESOLUTION_BOOKED, 20000, true);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	for (daily = 0; daily < 2; daily++) {
		(void)export_by(&g, true, daily == 1, &out);
		assert_int_equal(count(out.p, "\"Used\""), 2);
		assert_int_equal(unused(out.p, "0.9", false), 1);
	}
	correct(&g, &req, "\"cost\":\"0.25\"");
	for (daily = 0; daily < 2; daily++) {
		(void)export_by(&g, true, daily == 1, &out);
		assert_int_equal(unused(out.p, "0.9", false), 1);
		assert_int_equal(unused(out.p, "-0.15", true), 1);
	}
	verified(&g);
	worker_kill(&g, &w);
	rig_end(&g);
	buf_fini(&out);
}

static void
a_promise_is_what_was_promised_last(void **state)
{
	const int64_t end = clock_wall_ns() / NS_PER_S * NS_PER_S;
	const struct period in = { end - 20 * DAY_NS, 0 };
	struct buf out = { 0 };
	struct rig g;

	(void)state;
	rig_open_with(&g, promised(77, in, end, DOLLAR));
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	assert_int_equal(unused(export(&g, true, &out), "1", false), 1);
	reload(&g, promised(78, in, end, 2 * DOLLAR));
	assert_int_equal(unused(export(&g, true, &out), "2", false), 1);
	/* A configuration that was there before is as new as any. */
	reload(&g, promised(77, in, end, DOLLAR));
	assert_int_equal(unused(export(&g, true, &out), "1", false), 1);
	/* Without a line of it the promise stands. */
	reload(&g, rig_snapshot(79));
	assert_int_equal(unused(export(&g, true, &out), "1", false), 1);
	verified(&g);
	rig_end(&g);
	buf_fini(&out);
}

/* Its month is over: no later line changes what it was. */
static void
a_promise_that_is_over_stays_as_it_was(void **state)
{
	const int64_t day = clock_wall_ns() / DAY_NS * DAY_NS;
	const int64_t end = day - 40 * DAY_NS;
	const struct period in = { end - 20 * DAY_NS, 0 };
	struct buf out = { 0 };
	struct rig g;

	(void)state;
	rig_open_with(&g, promised(77, in, end, DOLLAR));
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	reload(&g, promised(78, in, end, 2 * DOLLAR));
	assert_int_equal(unused(export(&g, true, &out), "1", false), 1);
	/* One with another end is another. */
	reload(&g, promised(79, in, day - DAY_NS, 3 * DOLLAR));
	assert_int_equal(unused(export(&g, true, &out), "3", false), 1);
	assert_int_equal(count(out.p, "\"Unused\""), 1);
	verified(&g);
	rig_end(&g);
	buf_fini(&out);
}

static void
names_of_groups_are_parsed(void **state)
{
	struct usage_query q;

	(void)state;
	assert_true(usage_by_parse(S(""), &q));
	assert_int_equal(q.n, 0);
	assert_true(usage_by_parse(S("tag,tag:env,tag:job,team"), &q));
	assert_int_equal(q.n, 4);
	assert_true(slice_eq(q.column[1].tag, S("env")));
	assert_false(usage_by_parse(S("tag:env,tag:env"), &q));
	assert_false(usage_by_parse(S("tag:"), &q));
	assert_false(usage_by_parse(S("tag:NAME,team,team"), &q));
	assert_false(usage_by_parse(S("team,"), &q));
	assert_false(usage_by_parse(S("teams"), &q));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_exact_and_as_short_as_can_be),
		cmocka_unit_test(texts_are_clean),
		cmocka_unit_test(a_month_that_is_over_does_not_change),
		cmocka_unit_test(
		    the_rest_of_a_commitment_stays_as_it_was_reported),
		cmocka_unit_test(a_commitment_begins_and_ends_within_an_hour),
		cmocka_unit_test(a_promise_is_what_was_promised_last),
		cmocka_unit_test(a_promise_that_is_over_stays_as_it_was),
		cmocka_unit_test(names_of_groups_are_parsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

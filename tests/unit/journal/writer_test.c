#include "../shm/table.h"

#include "journal/writer.h"

static struct shm m;
static struct journal *j;
static struct ring *r;

static int
fresh(void **state)
{
	(void)state;
	m = table_new(2);
	assert_int_equal(shm_slot_take(&m, true), 0);
	assert_int_equal(shm_slot_take(&m, false), 1);
	j = journal_open(&m, 1);
	r = ring_open(&m, 1);
	return 0;
}

static int
stale(void **state)
{
	(void)state;
	journal_close(&j);
	ring_close(&r);
	table_free(&m);
	return 0;
}

static void
expect(uint64_t *at, uint64_t seq, enum frame_kind kind)
{
	struct frame f;

	assert_int_equal(frame_read(ring_read(r, *at), &f), FAULT_NONE);
	assert_int_equal(f.seq, seq);
	assert_int_equal(f.kind, kind);
	assert_int_equal(f.name.node, 7);
	assert_int_equal(f.name.boot, 3);
	assert_int_equal(f.name.slot, 1);
	assert_int_equal(f.name.incarnation, 2);
	*at += f.size;
}

static void
frames_are_numbered_without_a_gap_from_the_opening_on(void **state)
{
	const struct intent i = { .attempt = 1 };
	const struct outcome o = { .attempt = 1, .provider_id = S("x") };
	const struct final f = { .attempts = 1 };
	const struct count c = { .who = 1, .times = 2 };
	uint64_t at = 0;

	(void)state;
	assert_true(journal_reserve(j, 4));
	journal_intent(j, &i);
	journal_outcome(j, &o);
	journal_final(j, &f);
	journal_count(j, &c);
	expect(&at, 1, FRAME_OPEN);
	expect(&at, 2, FRAME_INTENT);
	expect(&at, 3, FRAME_OUTCOME);
	expect(&at, 4, FRAME_FINAL);
	expect(&at, 5, FRAME_COUNT);
	assert_int_equal(journal_head(j), at);
	assert_int_equal(ring_read(r, at).len, 0);
	assert_false(journal_durable(j, at));
	ring_free_to(r, at);
	assert_true(journal_durable(j, at));
}

static void
room_is_reserved_before_money_is(void **state)
{
	unsigned n = 0;

	(void)state;
	while (journal_reserve(j, 2))
		n += 2;
	assert_int_equal(n, (8192 - FRAME_HEAD) / FRAME_MAX_RING / 2 * 2);
	journal_unreserve(j, 2);
	assert_true(journal_reserve(j, 1));
}

static void
refusals_take_an_eighth_of_the_ring(void **state)
{
	const struct final f = { .status = 401 };
	unsigned n = 0;

	(void)state;
	while (journal_reserve_small(j)) {
		journal_final(j, &f);
		n++;
	}
	assert_int_equal(n, 8192 / 8 / FRAME_MAX_RING);
	assert_true(journal_reserve(j, 8));
	ring_free_to(r, journal_head(j));
	assert_true(journal_reserve_small(j));
	journal_final(j, &f);
	ring_free_to(r, journal_head(j));
	for (n = 0; n < 100; n++) { /* never stuck when all is durable */
		assert_true(journal_reserve_small(j));
		journal_final(j, &f);
		ring_free_to(r, journal_head(j));
	}
}

static void
the_longest_outcome_keeps_its_provider_id(void **state)
{
	static char id[64];
	struct outcome o = { .provider_id = { id, sizeof(id) } }, out;
	struct frame f;
	uint64_t at = journal_head(j);
	unsigned i;

	(void)state;
	memset(id, 'x', sizeof(id));
	o.n = HOLD_CHAIN_MAX;
	for (i = 0; i < HOLD_CHAIN_MAX; i++)
		o.chain[i] = (struct frame_need){ UINT64_MAX, UINT64_MAX };
	o.generation = o.key = o.price = UINT64_MAX;
	memset(&o.usage, 0xff, sizeof(o.usage));
	o.used_tier = S("sixteen letters.");
	o.list = o.hold = INT64_MAX;
	o.contracted = o.effective = o.wall_ns = INT64_MIN;
	o.attempt = o.number = o.deployment = UINT32_MAX;
	o.status = 999;
	o.fault = FAULT_UP_CREDENTIAL;
	o.sent = o.streamed = o.by_recorder = o.client_gone = true;
	o.sent_us = o.first_us = o.end_us = UINT64_MAX;
	assert_true(journal_reserve(j, 1));
	journal_outcome(j, &o);
	assert_int_equal(frame_read(ring_read(r, at), &f), FAULT_NONE);
	assert_int_equal(frame_get_outcome(&f, &out), FAULT_NONE);
	assert_int_equal(out.provider_id.len, sizeof(id));
	assert_int_equal(out.n, HOLD_CHAIN_MAX);
}

static void
no_log_no_call(void **state)
{
	(void)state;
	ring_free_to(r, journal_head(j));
	assert_false(journal_lagging(j, 1000, 100));
	atomic_store(&m.head->unsynced_since_ns, 890);
	assert_true(journal_lagging(j, 1000, 100));
	atomic_store(&m.head->unsynced_since_ns, 900);
	assert_false(journal_lagging(j, 1000, 100));
	atomic_store(&m.head->unsynced_since_ns, 0);
	atomic_store(&m.head->log_broken, 1);
	assert_true(journal_lagging(j, 1000, 100));
}

static void
a_recorder_that_says_nothing_is_noticed(void **state)
{
	const struct final f = { .status = 200 };

	(void)state;
	assert_false(journal_lagging(j, 1000, 100));
	assert_false(journal_lagging(j, 1100, 100));
	assert_true(journal_lagging(j, 1101, 100));
	ring_free_to(r, journal_head(j));
	assert_false(journal_lagging(j, 1102, 100));
	assert_true(journal_reserve(j, 2));
	journal_final(j, &f);
	assert_false(journal_lagging(j, 2000, 100));
	ring_free_to(r, journal_head(j));
	journal_final(j, &f); /* younger than the mark */
	assert_false(journal_lagging(j, 2150, 100));
	assert_true(journal_lagging(j, 2251, 100));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, stale)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(frames_are_numbered_without_a_gap_from_the_opening_on),
		CASE(room_is_reserved_before_money_is),
		CASE(refusals_take_an_eighth_of_the_ring),
		CASE(the_longest_outcome_keeps_its_provider_id),
		CASE(no_log_no_call),
		CASE(a_recorder_that_says_nothing_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

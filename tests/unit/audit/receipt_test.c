#include "audit/rig.h"

#include "audit/receipt.h"

static unsigned seen;

static void
on_leaf(void *arg, uint64_t index, const struct frame *f)
{
	struct final v;

	(void)arg;
	assert_int_equal(frame_get_final(f, &v), FAULT_NONE);
	assert_int_equal(f->seq, index + 1);
	seen++;
}

static void
begin_signed(struct rig *g)
{
	rig_begin(g);
	rig_add(g, 900);
	rig_flush(g);
	rig_turn(g, 1);
}

static void
prove(const struct rig *g, uint64_t seq, struct slice since, struct buf *out)
{
	const struct receipt_query q = {
		.dir = g->dir, .request = rig_req(seq), .since = since
	};
	const char *why;

	buf_clear(out);
	assert_int_equal(receipt_write(&q, out, &why), FAULT_NONE);
}

static void
a_receipt_proves_every_frame_of_its_request(void **state)
{
	struct buf b = { 0 };
	struct note_key key;
	struct receipt r;
	struct rig g;
	uint64_t seq;

	(void)state;
	begin_signed(&g);
	assert_int_equal(audit_read_key(g.dir, FILES_PUB, &key), FAULT_NONE);
	for (seq = 1; seq <= 900; seq += 97) {
		prove(&g, seq, S(""), &b);
		seen = 0;
		assert_null(
		    receipt_check(buf_slice(&b), &key, on_leaf, NULL, &r));
		assert_int_equal(seen, 3);
		assert_int_equal(r.n, 3);
		assert_int_equal(r.size, 900);
		assert_false(r.own_key);
		assert_null(receipt_check(buf_slice(&b), NULL, NULL, NULL, &r));
		assert_true(r.own_key);
	}
	buf_fini(&b);
	rig_end(&g);
}

static void
what_is_not_signed_has_no_receipt(void **state)
{
	struct receipt_query q = { 0 };
	struct buf b = { 0 };
	const char *why;
	struct rig g;

	(void)state;
	begin_signed(&g);
	rig_add(&g, 3);
	rig_flush(&g);
	q.dir = g.dir;
	q.request = rig_req(901);
	assert_int_equal(receipt_write(&q, &b, &why), FAULT_NOT_FOUND);
	assert_int_equal(b.len, 0);
	rig_turn(&g, 1);
	assert_int_equal(receipt_write(&q, &b, &why), FAULT_NONE);
	buf_clear(&b);
	rig_flip(&g, "log/00000001.seg", SEGMENT_HEAD + 50);
	assert_int_equal(receipt_write(&q, &b, &why), FAULT_DATA);
	buf_fini(&b);
	rig_end(&g);
}

static void
a_receipt_continues_an_older_checkpoint(void **state)
{
	struct buf b = { 0 }, old = { 0 };
	struct receipt_query q = { 0 };
	const char *why;
	struct receipt r;
	struct rig g;

	(void)state;
	begin_signed(&g);
	assert_int_equal(
	    files_read(g.dir, FILES_CURRENT, NOTE_MAX, &old), FAULT_NONE);
	rig_add(&g, 333);
	rig_flush(&g);
	rig_turn(&g, 1);
	prove(&g, 1000, buf_slice(&old), &b);
	assert_null(receipt_check(buf_slice(&b), NULL, NULL, NULL, &r));
	assert_true(r.has_since);
	assert_int_equal(r.since, 900);
	assert_int_equal(r.size, 1233);
	old.p[30] ^= 1;
	q.dir = g.dir;
	q.request = rig_req(1000);
	q.since = buf_slice(&old);
	buf_clear(&b);
	assert_int_equal(receipt_write(&q, &b, &why), FAULT_DATA);
	buf_fini(&b);
	buf_fini(&old);
	rig_end(&g);
}

/* One byte of each, everywhere, but for what JSON or base64 may say twice. */
static void
any_change_of_a_receipt_is_refused(void **state)
{
	struct buf b = { 0 };
	struct note_key key;
	struct receipt r;
	struct rig g;
	const char *own;
	size_t i, from, to;

	(void)state;
	begin_signed(&g);
	assert_int_equal(audit_read_key(g.dir, FILES_PUB, &key), FAULT_NONE);
	prove(&g, 400, S(""), &b);
	own = strstr(buf_cstr(&b), "\"key\"");
	from = (size_t)(own - b.p);
	to = from + (size_t)(strchr(own, ',') - own);
	for (i = 0; i < b.len; i++) {
		if (i >= from && i < to) /* it is not what is trusted */
			continue;
		b.p[i] ^= 1;
		assert_non_null(
		    receipt_check(buf_slice(&b), &key, NULL, NULL, &r));
		b.p[i] ^= 1;
	}
	for (i = 0; i < b.len; i += 7)
		assert_non_null(receipt_check(
		    (struct slice){ b.p, i }, &key, NULL, NULL, &r));
	buf_fini(&b);
	rig_end(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_receipt_proves_every_frame_of_its_request),
		cmocka_unit_test(what_is_not_signed_has_no_receipt),
		cmocka_unit_test(a_receipt_continues_an_older_checkpoint),
		cmocka_unit_test(any_change_of_a_receipt_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

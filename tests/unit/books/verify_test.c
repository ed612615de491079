#include "recorder/rig.h"

#include <fcntl.h>

#include "base/json.h"
#include "books/explain.h"
#include "books/suspense.h"
#include "books/usage.h"
#include "books/verify.h"

static const int64_t DOLLAR = INT64_C(1000000000);

/* Some calls of each kind; the last stays open. */
static uint64_t
fill(struct rig *g, struct worker *w, struct reqid *two, struct call *open)
{
	const uint64_t key = rig_key(g, 1, "10", "total");
	struct call c;
	int i;

	worker_start(g, w);
	for (i = 0; i < 5; i++)
		assert_true(worker_call(g, w, key, DOLLAR / 10, 1000));
	*two = worker_req(g, w);
	assert_true(worker_begin(g, w, &c, *two, 1, key, 0, DOLLAR / 10));
	hold_sent(c.h);
	worker_finish(w, &c, RESOLUTION_UNKNOWN, 0, false);
	assert_true(worker_begin(g, w, &c, *two, 2, key, 1, DOLLAR / 5));
	hold_sent(c.h);
	worker_finish(w, &c, RESOLUTION_ESTIMATED, 100, true);
	assert_true(
	    worker_begin(g, w, &c, worker_req(g, w), 1, key, 0, DOLLAR / 10));
	worker_finish(w, &c, RESOLUTION_VOID, 0, true);
	assert_true(
	    worker_begin(g, w, open, worker_req(g, w), 1, key, 0, DOLLAR / 10));
	assert_int_equal(recorder_barrier(g->r), FAULT_NONE);
	return key;
}

static void
worker_end(struct worker *w)
{
	ledger_free(&w->l);
	journal_close(&w->j);
	shm_detach(&w->m);
}

static bool
verify(const struct rig *g, struct buf *out)
{
	bool good;

	buf_clear(out);
	assert_int_equal(ledger_verify(g->dir, true, out, &good), FAULT_NONE);
	return good;
}

static const struct json *
parse(struct arena *a, struct buf *text)
{
	struct json *j;

	assert_int_equal(json_parse(a, buf_slice(text), &j), FAULT_NONE);
	return j;
}

static void
good_books_verify_and_list_what_is_open(void **state)
{
	struct arena a = { 0 };
	struct buf out = { 0 };
	const struct json *j;
	struct reqid two;
	struct call open;
	struct rig g;
	struct worker w;
	int64_t n;

	(void)state;
	rig_open(&g);
	(void)fill(&g, &w, &two, &open);
	if (!verify(&g, &out))
		fail_msg("%s", buf_cstr(&out));
	j = parse(&a, &out);
	assert_true(json_get_i64(j, "attempts", &n));
	assert_int_equal(n, 9);
	assert_true(json_get_i64(j, "open", &n));
	assert_int_equal(n, 1);
	assert_true(slice_eq(json_get_str(j, "settled"), S("0.1255")));
	arena_fini(&a);
	buf_fini(&out);
	worker_end(&w);
	rig_end(&g);
}

/* Changes bytes of the first segment; the checksum is the frame's own. */
static void
flip(const struct rig *g, off_t at)
{
	char path[128], c;
	int fd;

	rig_path(g, "log/00000001.seg", path);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c = (char)(c ^ 4);
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

static void
a_flipped_bit_anywhere_is_found(void **state)
{
	struct buf out = { 0 };
	struct reqid two;
	struct call open;
	struct rig g;
	struct worker w;
	struct stat st;
	char path[128];
	off_t at;

	(void)state;
	rig_open(&g);
	(void)fill(&g, &w, &two, &open);
	rig_path(&g, "log/00000001.seg", path);
	assert_int_equal(stat(path, &st), 0);
	for (at = SEGMENT_HEAD; at < st.st_size; at += 41) {
		flip(&g, at);
		/* The last frame is a torn end, and then the store differs or
		 * the open attempt is gone: not an error of the log. */
		if (at < st.st_size - 512 && verify(&g, &out))
			fail_msg("byte %lld", (long long)at);
		flip(&g, at);
	}
	assert_true(verify(&g, &out));
	buf_fini(&out);
	worker_end(&w);
	rig_end(&g);
}

static void
a_store_that_differs_is_found(void **state)
{
	static const char *const lies[] = {
		"UPDATE balances SET settled = settled + 1",
		"UPDATE usage_hour SET effective = effective - 1",
		"UPDATE usage_hour SET attempts = attempts + 1",
		"UPDATE calls_hour SET calls = calls + 1",
	};
	struct buf out = { 0 };
	struct reqid two;
	struct call open;
	struct rig g;
	struct worker w;
	struct store *s;
	char path[128];
	size_t i;

	(void)state;
	rig_open(&g);
	(void)fill(&g, &w, &two, &open);
	rig_path(&g, "store.db", path);
	for (i = 0; i < NELEM(lies); i++) {
		assert_int_equal(store_open(path, &s), FAULT_NONE);
		store_begin(s);
		stmt_run(store_sql(s, lies[i]));
		assert_int_equal(store_commit(s), FAULT_NONE);
		store_close(&s);
		if (verify(&g, &out))
			fail_msg("not found: %s", lies[i]);
	}
	buf_fini(&out);
	worker_end(&w);
	rig_end(&g);
}

struct lines {
	unsigned n, open;
	int128 settled;
};

static bool
on_line(void *arg, struct slice line)
{
	struct lines *l = arg;
	struct arena a = { 0 };
	struct money m;
	struct json *j;

	assert_int_equal(json_parse(&a, line, &j), FAULT_NONE);
	l->n++;
	if (json_get(j, "resolution")->type == JSON_NULL) {
		l->open++;
	} else {
		assert_true(money_parse(json_get_str(j, "settled"), &m));
		l->settled += m.nano;
	}
	assert_int_equal(json_get_str(j, "request").len, REQID_TEXT);
	arena_fini(&a);
	return true;
}

static void
every_attempt_is_exported_once(void **state)
{
	struct lines l = { 0 };
	struct reqid two;
	struct call open;
	struct rig g;
	struct worker w;

	(void)state;
	rig_open(&g);
	(void)fill(&g, &w, &two, &open);
	assert_int_equal(ledger_export(g.dir, on_line, &l), FAULT_NONE);
	assert_int_equal(l.n, 9);
	assert_int_equal(l.open, 1);
	assert_true(l.settled == 125500000);
	worker_end(&w);
	rig_end(&g);
}

static void
explained(const struct rig *g, struct store *s, const struct reqid *id)
{
	struct arena a = { 0 };
	struct buf out = { 0 };
	const struct json *j, *first, *second;

	assert_int_equal(explain_request(g->dir, s, id, &out), FAULT_NONE);
	j = parse(&a, &out);
	assert_true(slice_eq(json_get_str(j, "hold"), S("0.2")));
	assert_true(slice_eq(json_get_str(j, "settled"), S("0.1005")));
	assert_true(slice_eq(json_get_str(j, "model"), S("gpt-6")));
	assert_true(slice_eq(json_get_str(j, "key"), S("000000000001")));
	first = json_get(j, "attempts")->child;
	second = first->next;
	assert_null(second->next);
	assert_true(slice_eq(json_get_str(first, "resolution"), S("unknown")));
	assert_true(
	    slice_eq(json_get_str(second, "resolution"), S("estimated")));
	assert_true(slice_eq(json_get_str(second, "provider"), S("aws-use1")));
	assert_true(slice_eq(
	    json_get_str(json_get(second, "price"), "output"), S("4")));
	assert_true(slice_eq(
	    json_get_str(json_get(j, "candidates")->child, "deployment"),
	    S("gpt-6-az")));
	arena_fini(&a);
	buf_fini(&out);
}

static void
a_request_is_explained_with_and_without_a_store(void **state)
{
	struct buf out = { 0 };
	struct reqid two, none;
	struct call open;
	struct rig g;
	struct worker w;
	struct store *s;
	char path[128];

	(void)state;
	rig_open(&g);
	(void)fill(&g, &w, &two, &open);
	rig_path(&g, "store.db", path);
	assert_int_equal(store_open_read(path, &s), FAULT_NONE);
	explained(&g, s, &two);
	explained(&g, NULL, &two);
	none = worker_req(&g, &w);
	assert_int_equal(
	    explain_request(g.dir, s, &none, &out), FAULT_NOT_FOUND);
	memset(&none, 0xff, sizeof(none));
	assert_int_equal(
	    explain_request(g.dir, s, &none, &out), FAULT_NOT_FOUND);
	assert_int_equal(
	    explain_request(g.dir, s, &open.i.req, &out), FAULT_NONE);
	store_close(&s);
	buf_fini(&out);
	worker_end(&w);
	rig_end(&g);
}

/* Figures of the row whose cell says so; NULL cell: the total. */
static const struct json *
figures(const struct json *j, const char *column, const char *cell)
{
	const struct json *row;

	if (cell == NULL)
		return json_get(j, "total");
	for (row = json_get(j, "rows")->child; row != NULL; row = row->next) {
		if (slice_eq(json_get_str(row, column), slice_of(cell)))
			return row;
	}
	fail_msg("no row %s", cell);
	return NULL;
}

static int64_t
figure(const struct json *row, const char *name)
{
	int64_t v = -1;

	assert_true(json_get_i64(row, name, &v));
	return v;
}

static void
usage_counts_calls_once_in_all_and_once_for_each(void **state)
{
	struct usage_query q = { .span.from_ns = 0 };
	struct arena a = { 0 };
	struct buf out = { 0 };
	const struct json *j, *row;
	struct reqid two;
	struct call open;
	struct rig g;
	struct worker w;
	struct store *s;
	char path[128];
	int minutes;

	(void)state;
	rig_open(&g);
	(void)fill(&g, &w, &two, &open);
	rig_path(&g, "store.db", path);
	assert_int_equal(store_open_read(path, &s), FAULT_NONE);
	assert_true(usage_by_parse(S("provider,team"), &q));
	for (minutes = 0; minutes < 2; minutes++) {
		q.span.from_ns = minutes * 60 * NS_PER_S;
		buf_clear(&out);
		assert_int_equal(
		    usage_read(s, &q, USAGE_JSON, &out), FAULT_NONE);
		j = parse(&a, &out);
		row = figures(j, "provider", NULL);
		assert_int_equal(figure(row, "calls"), 6);
		assert_int_equal(figure(row, "attempts"), 7);
		assert_int_equal(figure(row, "unknown_calls"), 1);
		assert_int_equal(figure(row, "estimated_calls"), 0);
		assert_int_equal(figure(row, "input_tokens"), 5100);
		assert_true(
		    slice_eq(json_get_str(row, "effective_cost"), S("0.1255")));
		row = figures(j, "provider", "azure-eu");
		assert_int_equal(figure(row, "calls"), 6);
		assert_int_equal(figure(row, "attempts"), 6);
		assert_int_equal(figure(row, "unknown_calls"), 1);
		row = figures(j, "provider", "aws-use1");
		assert_int_equal(figure(row, "calls"), 1);
		assert_int_equal(figure(row, "estimated_calls"), 1);
		assert_int_equal(figure(row, "unknown_calls"), 0);
		assert_true(slice_eq(json_get_str(row, "team"), S("team")));
	}
	assert_false(usage_by_parse(S("provider,provider"), &q));
	assert_false(usage_by_parse(S("shoe"), &q));
	assert_true(usage_by_parse(S("month,key,tier"), &q));
	buf_clear(&out);
	assert_int_equal(usage_read(s, &q, USAGE_CSV, &out), FAULT_NONE);
	assert_non_null(strstr(buf_cstr(&out), ",000000000001,,6,7,5100,"));
	buf_clear(&out);
	assert_int_equal(usage_read(s, &q, USAGE_TABLE, &out), FAULT_NONE);
	assert_non_null(strstr(buf_cstr(&out), "EFFECTIVE") == NULL
			    ? strstr(buf_cstr(&out), "COST")
			    : NULL);
	buf_clear(&out);
	assert_int_equal(
	    suspense_read(s, clock_wall_ns(), 10, &out), FAULT_NONE);
	j = parse(&a, &out);
	assert_true(slice_eq(json_get_str(j, "total"), S("0.1")));
	store_close(&s);
	arena_fini(&a);
	buf_fini(&out);
	worker_end(&w);
	rig_end(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_books_verify_and_list_what_is_open),
		cmocka_unit_test(a_flipped_bit_anywhere_is_found),
		cmocka_unit_test(a_store_that_differs_is_found),
		cmocka_unit_test(every_attempt_is_exported_once),
		cmocka_unit_test(
		    a_request_is_explained_with_and_without_a_store),
		cmocka_unit_test(
		    usage_counts_calls_once_in_all_and_once_for_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

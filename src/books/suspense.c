#include "books/suspense.h"

#include "base/clock.h"
#include "base/json.h"
#include "books/scan.h"
#include "model/ident.h"

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

static void
write_age(struct buf *b, int64_t s)
{
	struct buf text = { 0 };

	if (s < 0)
		s = 0;
	if (s < 2 * MINUTE)
		buf_fmt(&text, "%lld s", (long long)s);
	else if (s < 2 * HOUR)
		buf_fmt(&text, "%lld min", (long long)(s / MINUTE));
	else if (s < 2 * DAY)
		buf_fmt(&text, "%lld h", (long long)(s / HOUR));
	else
		buf_fmt(&text, "%lld d", (long long)(s / DAY));
	json_w_kstr(b, "age", buf_slice(&text));
	json_w_ki64(b, "age_s", s);
	buf_fini(&text);
}

/* Why nobody knows what it cost, in a sentence. */
static const char *
why(struct slice fault, int64_t status, bool by_recorder)
{
	unsigned f;

	if (by_recorder)
		return "the process that made the call died before its end";
	if (status == 502 || status == 504)
		return "a gateway's page came instead of the provider's answer";
	for (f = 1; f < FAULT_MAX; f++) {
		if (slice_eq(fault, slice_of(fault_get((enum fault)f)->code)))
			return fault_get((enum fault)f)->text;
	}
	return "its answer had nothing to count";
}

static void
write_id(struct buf *b, struct slice raw, int64_t attempt)
{
	char id[REQID_TEXT + 1], whole[ATTEMPT_TEXT + 1];
	struct reqid req = { { 0 } };

	memcpy(req.b, raw.p, raw.len < REQID_LEN ? raw.len : REQID_LEN);
	reqid_write(&req, id);
	(void)attempt_write(
	    &req, attempt >= 1 && attempt <= 99 ? (unsigned)attempt : 1, whole);
	json_w_kstr(b, "id", slice_of(whole));
	json_w_kstr(b, "request", slice_of(id));
	json_w_ki64(b, "attempt", attempt);
}

static void
write_row(struct buf *b, struct stmt *q, int64_t now_ns)
{
	const int64_t at_ns = stmt_get_i64(q, 2), status = stmt_get_i64(q, 9);
	const bool by_recorder = stmt_get_i64(q, 7) != 0;

	json_w_begin(b, '{');
	write_id(b, stmt_get(q, 0), stmt_get_i64(q, 1));
	scan_time(b, "time", at_ns);
	write_age(b, (now_ns - at_ns) / NS_PER_S);
	scan_key(b, "key", stmt_get_u64(q, 3));
	json_w_kstr(b, "deployment", stmt_get(q, 4));
	json_w_kstr(b, "provider", stmt_get(q, 5));
	scan_money(b, "amount", stmt_get_i64(q, 6));
	json_w_kbool(b, "by_recorder", by_recorder);
	json_w_kstr(b, "fault", stmt_get(q, 8));
	json_w_ki64(b, "status", status);
	json_w_kstr(
	    b, "why", slice_of(why(stmt_get(q, 8), status, by_recorder)));
	json_w_end(b, '}');
}

/* Not in SQL: there the sum would turn into a float. */
static void
write_total(struct buf *out, struct store *s)
{
	struct stmt *q = store_sql(s, "SELECT amount FROM suspense");
	int128 total = 0;
	uint64_t n = 0;

	while (stmt_step(q)) {
		total += stmt_get_i64(q, 0);
		n++;
	}
	json_w_ku64(out, "count", n);
	scan_money_sum(out, "total", total);
}

enum fault
suspense_read(struct store *s, int64_t now_ns, unsigned max, struct buf *out)
{
	struct stmt *q;

	store_begin(s);
	q = store_sql(s,
	    "SELECT s.req, s.attempt, s.at_ns, s.key,"
	    " coalesce(d.deployment, ''), coalesce(d.provider, ''),"
	    " s.amount, s.by_recorder, s.fault, s.status FROM suspense s"
	    " LEFT JOIN dims d ON d.id = s.dim"
	    " ORDER BY s.at_ns, s.req, s.attempt LIMIT ?");
	stmt_i64(q, 1, max);
	json_w_begin(out, '{');
	json_w_key(out, "rows");
	json_w_begin(out, '[');
	while (stmt_step(q))
		write_row(out, q, now_ns);
	json_w_end(out, ']');
	write_total(out, s);
	json_w_end(out, '}');
	return store_commit(s);
}

#include "books/usage.h"

#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"
#include "books/scan.h"
#include "model/ident.h"
#include "model/money.h"

static const char *const by_names[BY_MAX] = {
	[BY_MODEL] = "model",
	[BY_PROVIDER] = "provider",
	[BY_PUBLISHER] = "publisher",
	[BY_DEPLOYMENT] = "deployment",
	[BY_REGION] = "region",
	[BY_TIER] = "tier",
	[BY_KEY] = "key",
	[BY_TEAM] = "team",
	[BY_HOUR] = "hour",
	[BY_DAY] = "day",
	[BY_MONTH] = "month",
};

static const char *const figure_names[] = { "calls", "attempts", "input_tokens",
	"cached_tokens", "cache_write_tokens", "output_tokens",
	"reasoning_tokens", "list_cost", "contracted_cost", "effective_cost",
	"estimated_calls", "unknown_calls" };

enum {
	CALLS,
	ATTEMPTS,
	LIST = 7,
	EFFECTIVE = 9,
	ESTIMATED = 10,
	UNKNOWN = 11,
	FIGURES = 12,
	SUMS = 9 /* from ATTEMPTS on, as in the store */
};

struct row {
	char *key; /* the cells, each behind a NUL */
	struct slice cell[BY_MAX];
	int128 figure[FIGURES];
};

struct known_dim {
	char *text[6]; /* model provider publisher deployment region tier */
};

struct known_key {
	char *team, *name;
};

struct report {
	struct store *s;
	const struct usage_query *q;
	struct map64 dims, keys;
	struct map by_cells; /* to rows */
	struct row **row;
	size_t n, cap;
	struct row total;
	struct buf cells;
};

/* --- parsing
 * -------------------------------------------------------------------*/

static bool
parse_one(struct slice name, struct usage_query *q)
{
	unsigned i, k;

	for (i = 0; i < BY_MAX; i++) {
		if (slice_eq(slice_of(by_names[i]), name))
			break;
	}
	if (i == BY_MAX)
		return false;
	for (k = 0; k < q->nby; k++) {
		if (q->by[k] == (enum usage_by)i)
			return false;
	}
	q->by[q->nby++] = (enum usage_by)i;
	return true;
}

bool
usage_by_parse(struct slice text, struct usage_query *out)
{
	struct slice head, tail = text;

	out->nby = 0;
	if (text.len == 0)
		return true;
	while (slice_cut(tail, ',', &head, &tail)) {
		if (!parse_one(head, out))
			return false;
	}
	return parse_one(tail, out);
}

bool
usage_format_parse(struct slice text, enum usage_format *out)
{
	if (slice_eq(text, S("json")))
		*out = USAGE_JSON;
	else if (slice_eq(text, S("csv")))
		*out = USAGE_CSV;
	else if (slice_eq(text, S("table")))
		*out = USAGE_TABLE;
	else
		return false;
	return true;
}

/* --- what ids stand for
 * -----------------------------------------------------------*/

static void
load_names(struct report *r)
{
	struct stmt *q = store_sql(r->s,
	    "SELECT id, model, provider, publisher, deployment, region, tier"
	    " FROM dims");
	int i;

	while (stmt_step(q)) {
		struct known_dim *d = NEW(struct known_dim);

		for (i = 0; i < 6; i++)
			d->text[i] = mem_dup(stmt_get(q, i + 1));
		(void)map64_put(&r->dims, stmt_get_u64(q, 0), d);
	}
	q = store_sql(r->s, "SELECT id, team, name FROM keys");
	while (stmt_step(q)) {
		struct known_key *k = NEW(struct known_key);

		k->team = mem_dup(stmt_get(q, 1));
		k->name = mem_dup(stmt_get(q, 2));
		(void)map64_put(&r->keys, stmt_get_u64(q, 0), k);
	}
}

static void
free_names(struct report *r)
{
	const struct map64_slot *e;
	size_t at = 0, i;

	while ((e = map64_next(&r->dims, &at)) != NULL) {
		struct known_dim *d = e->value;

		for (i = 0; i < NELEM(d->text); i++)
			mem_free(d->text[i]);
		mem_free(d);
	}
	at = 0;
	while ((e = map64_next(&r->keys, &at)) != NULL) {
		struct known_key *k = e->value;

		mem_free(k->team);
		mem_free(k->name);
		mem_free(k);
	}
	map64_fini(&r->dims);
	map64_fini(&r->keys);
}

/* --- rows
 * ---------------------------------------------------------------------------*/

static void
write_time(struct buf *b, enum usage_by by, int64_t second)
{
	const time_t t = (time_t)second;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL)
		return;
	buf_fmt(b, "%04d-%02d", tm.tm_year + 1900, tm.tm_mon + 1);
	if (by != BY_MONTH)
		buf_fmt(b, "-%02d", tm.tm_mday);
	if (by == BY_HOUR)
		buf_fmt(b, "T%02d:00:00Z", tm.tm_hour);
}

static void
write_cell(struct report *r, enum usage_by by, int64_t second, uint64_t key,
    uint64_t dim)
{
	const struct known_dim *d = map64_find(&r->dims, dim);
	const struct known_key *k = map64_find(&r->keys, key);
	char id[KEY_ID_TEXT + 1];

	if (by == BY_HOUR || by == BY_DAY || by == BY_MONTH) {
		write_time(&r->cells, by, second);
	} else if (by == BY_KEY) {
		key_id_write(key, id);
		buf_str(&r->cells, id);
	} else if (by == BY_TEAM) {
		buf_str(&r->cells, k != NULL ? k->team : "");
	} else if (d != NULL) {
		buf_str(&r->cells, d->text[by]);
	}
}

static struct row *
row_new(struct report *r, struct slice cells)
{
	struct row *row = NEW(struct row);
	struct slice rest;
	unsigned i;

	row->key = mem_dup(cells);
	rest = (struct slice){ row->key, cells.len };
	for (i = 0; i < r->q->nby; i++)
		(void)slice_cut(rest, '\0', &row->cell[i], &rest);
	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? 64 : r->cap * 2;
		r->row = mem_grow(r->row, r->cap * sizeof(*r->row));
	}
	r->row[r->n++] = row;
	(void)map_put(&r->by_cells, (struct slice){ row->key, cells.len }, row);
	return row;
}

static struct row *
row_get(struct report *r, int64_t second, uint64_t key, uint64_t dim)
{
	struct row *row;
	unsigned i;

	buf_clear(&r->cells);
	for (i = 0; i < r->q->nby; i++) {
		write_cell(r, r->q->by[i], second, key, dim);
		buf_char(&r->cells, '\0');
	}
	row = map_find(&r->by_cells, buf_slice(&r->cells));
	return row != NULL ? row : row_new(r, buf_slice(&r->cells));
}

/* --- reading
 * ------------------------------------------------------------------------*/

static void
add_attempts(struct report *r, struct stmt *q, int64_t unit_s)
{
	struct row *row;
	int i;

	while (stmt_step(q)) {
		row = row_get(r, stmt_get_i64(q, 0) * unit_s,
		    stmt_get_u64(q, 1), stmt_get_u64(q, 2));
		for (i = 0; i < SUMS; i++) {
			row->figure[ATTEMPTS + i] += stmt_get_i64(q, 3 + i);
			r->total.figure[ATTEMPTS + i] += stmt_get_i64(q, 3 + i);
		}
	}
}

struct step {
	struct row *row;
	char flag;
};

static void
count(struct row *row, char flag, int64_t calls)
{
	row->figure[CALLS] += calls;
	if (flag == 'u')
		row->figure[UNKNOWN] += calls;
	else if (flag == 'e')
		row->figure[ESTIMATED] += calls;
}

/* Takes "12:b" into the steps, each row once with its worst flag. */
static unsigned
add_step(struct report *r, struct step *step, unsigned n, struct slice text,
    int64_t second, uint64_t key)
{
	struct slice id, flag;
	struct row *row;
	uint64_t dim;
	unsigned i;

	if (!slice_cut(text, ':', &id, &flag) || flag.len != 1 ||
	    !slice_u64(id, &dim))
		return n;
	row = row_get(r, second, key, dim);
	for (i = 0; i < n && step[i].row != row; i++)
		;
	if (i == n)
		step[n++] = (struct step){ row, flag.p[0] };
	else if (flag.p[0] > step[i].flag)
		step[i].flag = flag.p[0];
	return n;
}

static void
add_call(struct report *r, struct slice path, int64_t second, uint64_t key,
    int64_t calls)
{
	struct step step[128];
	struct slice head, tail = path;
	unsigned n = 0, i;
	char worst = 'b';

	while (n < NELEM(step) - 1 && slice_cut(tail, ',', &head, &tail))
		n = add_step(r, step, n, head, second, key);
	n = add_step(r, step, n, tail, second, key);
	for (i = 0; i < n; i++) {
		count(step[i].row, step[i].flag, calls);
		if (step[i].flag > worst)
			worst = step[i].flag;
	}
	if (n > 0)
		count(&r->total, worst, calls);
}

static void
add_calls(struct report *r, struct stmt *q, int64_t unit_s)
{
	while (stmt_step(q))
		add_call(r, stmt_get(q, 2), stmt_get_i64(q, 0) * unit_s,
		    stmt_get_u64(q, 1), stmt_get_i64(q, 3));
}

static void
bind_range(struct stmt *q, const struct usage_query *u, int64_t unit_ns)
{
	stmt_i64(q, 1, u->from_ns / unit_ns);
	stmt_i64(
	    q, 2, u->to_ns == 0 ? INT64_MAX : (u->to_ns - 1) / unit_ns + 1);
}

#define COLUMNS \
	"attempts, input, cached, cache_write, output, reasoning, list," \
	" contracted, effective"

static void
read_hours(struct report *r)
{
	struct stmt *q =
	    store_sql(r->s, "SELECT hour, key, dim, " COLUMNS " FROM usage_hour"
			    " WHERE hour >= ? AND hour < ?");

	bind_range(q, r->q, 3600 * NS_PER_S);
	add_attempts(r, q, 3600);
	q = store_sql(r->s, "SELECT c.hour, c.key, p.text, c.calls"
			    " FROM calls_hour c JOIN paths p ON p.id = c.path"
			    " WHERE c.hour >= ? AND c.hour < ?");
	bind_range(q, r->q, 3600 * NS_PER_S);
	add_calls(r, q, 3600);
}

static void
read_minutes(struct report *r)
{
	struct stmt *q = store_sql(r->s,
	    "SELECT minute, key, dim, " COLUMNS " FROM usage_minute"
	    " WHERE minute >= ? AND minute < ?");

	bind_range(q, r->q, 60 * NS_PER_S);
	add_attempts(r, q, 60);
	q = store_sql(r->s, "SELECT c.minute, c.key, p.text, c.calls"
			    " FROM calls_minute c JOIN paths p ON"
			    " p.id = c.path"
			    " WHERE c.minute >= ? AND c.minute < ?");
	bind_range(q, r->q, 60 * NS_PER_S);
	add_calls(r, q, 60);
}

/* --- writing
 * ------------------------------------------------------------------------*/

static void
write_figure(struct buf *b, const struct row *row, unsigned i)
{
	if (i >= LIST && i <= EFFECTIVE)
		money_write_sum(b, row->figure[i]);
	else
		buf_i64(b, (int64_t)row->figure[i]);
}

static void
write_json_row(struct report *r, struct buf *b, const struct row *row)
{
	struct buf text = { 0 };
	unsigned i;

	json_w_begin(b, '{');
	for (i = 0; row != &r->total && i < r->q->nby; i++)
		json_w_kstr(b, by_names[r->q->by[i]], row->cell[i]);
	for (i = 0; i < FIGURES; i++) {
		buf_clear(&text);
		write_figure(&text, row, i);
		if (i >= LIST && i <= EFFECTIVE)
			json_w_kstr(b, figure_names[i], buf_slice(&text));
		else
			json_w_ki64(
			    b, figure_names[i], (int64_t)row->figure[i]);
	}
	json_w_end(b, '}');
	buf_fini(&text);
}

static void
write_json(struct report *r, struct buf *b)
{
	size_t i;

	json_w_begin(b, '{');
	json_w_key(b, "rows");
	json_w_begin(b, '[');
	for (i = 0; i < r->n; i++)
		write_json_row(r, b, r->row[i]);
	json_w_end(b, ']');
	json_w_key(b, "total");
	write_json_row(r, b, &r->total);
	json_w_end(b, '}');
}

/* RFC 4180; a leading = + - @ is a formula to spreadsheets: it gets a '. */
static void
write_csv_cell(struct buf *b, struct slice s)
{
	bool quote = false;
	size_t i;

	for (i = 0; i < s.len; i++)
		quote = quote || strchr(",\"\r\n", s.p[i]) != NULL;
	if (quote)
		buf_char(b, '"');
	if (s.len > 0 && strchr("=+-@\t\r", s.p[0]) != NULL)
		buf_char(b, '\'');
	for (i = 0; i < s.len; i++) {
		if (s.p[i] == '"')
			buf_char(b, '"');
		buf_char(b, s.p[i]);
	}
	if (quote)
		buf_char(b, '"');
}

static void
write_csv_row(struct report *r, struct buf *b, const struct row *row)
{
	unsigned i;

	for (i = 0; i < r->q->nby; i++) {
		write_csv_cell(b, row->cell[i]);
		buf_char(b, ',');
	}
	for (i = 0; i < FIGURES; i++) {
		if (i > 0)
			buf_char(b, ',');
		write_figure(b, row, i);
	}
	buf_str(b, "\r\n");
}

static void
write_csv(struct report *r, struct buf *b)
{
	unsigned i;
	size_t k;

	for (i = 0; i < r->q->nby; i++)
		buf_fmt(b, "%s,", by_names[r->q->by[i]]);
	for (i = 0; i < FIGURES; i++)
		buf_fmt(b, "%s%s", i > 0 ? "," : "", figure_names[i]);
	buf_str(b, "\r\n");
	for (k = 0; k < r->n; k++)
		write_csv_row(r, b, r->row[k]);
}

/* What a person reads: the figures that matter, in columns. */
static const struct {
	unsigned figure;
	const char *title;
} table_columns[] = {
	{ CALLS, "CALLS" },
	{ ATTEMPTS, "ATTEMPTS" },
	{ 2, "INPUT" },
	{ 3, "CACHED" },
	{ 5, "OUTPUT" },
	{ EFFECTIVE, "COST" },
	{ ESTIMATED, "ESTIMATED" },
	{ UNKNOWN, "UNKNOWN" },
};

enum { COLUMNS_MAX = BY_MAX + NELEM(table_columns) };

static void
cell_text(
    struct report *r, const struct row *row, unsigned column, struct buf *out)
{
	struct slice s;
	size_t i;

	buf_clear(out);
	if (column >= r->q->nby) {
		write_figure(
		    out, row, table_columns[column - r->q->nby].figure);
		return;
	}
	s = row == &r->total ? (column == 0 ? S("total") : S(""))
			     : row->cell[column];
	if (s.len == 0)
		s = S("-");
	/* Names are people's: no control character reaches the terminal. */
	for (i = 0; i < s.len; i++)
		buf_char(out, (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f
				  ? '?'
				  : s.p[i]);
}

static void
pad(struct buf *b, struct slice s, size_t width, bool right)
{
	size_t i;

	if (!right)
		buf_add(b, s);
	for (i = s.len; i < width; i++)
		buf_char(b, ' ');
	if (right)
		buf_add(b, s);
}

static void
write_table_row(
    struct report *r, const struct row *row, const size_t *width, struct buf *b)
{
	const unsigned n = r->q->nby + (unsigned)NELEM(table_columns);
	struct buf text = { 0 };
	unsigned c;

	for (c = 0; c < n; c++) {
		cell_text(r, row, c, &text);
		if (c > 0)
			buf_str(b, "  ");
		pad(b, buf_slice(&text), width[c], c >= r->q->nby);
	}
	buf_char(b, '\n');
	buf_fini(&text);
}

static struct slice
title_of(struct report *r, unsigned c)
{
	return slice_of(c < r->q->nby ? by_names[r->q->by[c]]
				      : table_columns[c - r->q->nby].title);
}

static void
write_table(struct report *r, struct buf *b)
{
	const unsigned n = r->q->nby + (unsigned)NELEM(table_columns);
	size_t width[COLUMNS_MAX], i;
	struct buf text = { 0 };
	unsigned c;

	for (c = 0; c < n; c++) {
		width[c] = title_of(r, c).len;
		for (i = 0; i <= r->n; i++) {
			cell_text(
			    r, i < r->n ? r->row[i] : &r->total, c, &text);
			if (text.len > width[c])
				width[c] = text.len;
		}
	}
	buf_fini(&text);
	for (c = 0; c < n; c++) {
		if (c > 0)
			buf_str(b, "  ");
		pad(b, title_of(r, c), width[c], c >= r->q->nby);
	}
	buf_char(b, '\n');
	for (i = 0; i < r->n; i++)
		write_table_row(r, r->row[i], width, b);
	if (r->q->nby > 0 || r->n == 0)
		write_table_row(r, &r->total, width, b);
}

/* --- all of it
 * ------------------------------------------------------------------------*/

static int
compare_rows(const struct report *r, const struct row *a, const struct row *b)
{
	unsigned i;
	size_t len;
	int c;

	for (i = 0; i < r->q->nby; i++) {
		len = a->cell[i].len < b->cell[i].len ? a->cell[i].len
						      : b->cell[i].len;
		c = memcmp(a->cell[i].p, b->cell[i].p, len);
		if (c == 0 && a->cell[i].len != b->cell[i].len)
			c = a->cell[i].len < b->cell[i].len ? -1 : 1;
		if (c != 0)
			return c;
	}
	return 0;
}

/* Merge sort, bottom up: stable, and qsort has no argument to hand over. */
static void
sort_rows(struct report *r)
{
	struct row **tmp = mem_new((r->n + 1) * sizeof(*tmp));
	size_t width, lo, mid, hi, i, j, k;

	for (width = 1; width < r->n; width *= 2) {
		for (lo = 0; lo < r->n; lo += 2 * width) {
			mid = lo + width < r->n ? lo + width : r->n;
			hi = mid + width < r->n ? mid + width : r->n;
			for (i = lo, j = mid, k = lo; k < hi; k++)
				tmp[k] =
				    j >= hi || (i < mid &&
						   compare_rows(r, r->row[i],
						       r->row[j]) <= 0)
					? r->row[i++]
					: r->row[j++];
		}
		memcpy(r->row, tmp, r->n * sizeof(*tmp));
	}
	mem_free(tmp);
}

static void
free_rows(struct report *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		mem_free(r->row[i]->key);
		mem_free(r->row[i]);
	}
	mem_free(r->row);
	map_fini(&r->by_cells);
	buf_fini(&r->cells);
}

static bool
is_hourly(const struct usage_query *q)
{
	return q->from_ns % (3600 * NS_PER_S) == 0 &&
	       q->to_ns % (3600 * NS_PER_S) == 0;
}

enum fault
usage_read(struct store *s, const struct usage_query *q,
    enum usage_format format, struct buf *out)
{
	struct report r = { .s = s, .q = q };
	enum fault fault;

	store_begin(s);
	load_names(&r);
	if (is_hourly(q))
		read_hours(&r);
	else
		read_minutes(&r);
	fault = store_commit(s);
	if (fault == FAULT_NONE) {
		sort_rows(&r);
		if (format == USAGE_JSON)
			write_json(&r, out);
		else if (format == USAGE_CSV)
			write_csv(&r, out);
		else
			write_table(&r, out);
	}
	free_rows(&r);
	free_names(&r);
	return fault;
}

/* --- suspense
 * -------------------------------------------------------------------------*/

static void
write_suspense(struct buf *b, struct stmt *q)
{
	struct slice raw = stmt_get(q, 0);
	char id[REQID_TEXT + 1];
	struct reqid req = { { 0 } };

	memcpy(req.b, raw.p, raw.len < REQID_LEN ? raw.len : REQID_LEN);
	reqid_write(&req, id);
	json_w_begin(b, '{');
	json_w_kstr(b, "request", slice_of(id));
	json_w_ki64(b, "attempt", stmt_get_i64(q, 1));
	scan_time(b, "time", stmt_get_i64(q, 2));
	scan_key(b, "key", stmt_get_u64(q, 3));
	json_w_kstr(b, "deployment", stmt_get(q, 4));
	json_w_kstr(b, "provider", stmt_get(q, 5));
	scan_money(b, "amount", stmt_get_i64(q, 6));
	json_w_kbool(b, "by_recorder", stmt_get_i64(q, 7) != 0);
	json_w_end(b, '}');
}

enum fault
suspense_read(struct store *s, unsigned max, struct buf *out)
{
	int128 total = 0;
	struct stmt *q;

	store_begin(s);
	q = store_sql(s,
	    "SELECT s.req, s.attempt, s.at_ns, s.key,"
	    " coalesce(d.deployment, ''), coalesce(d.provider, ''),"
	    " s.amount, s.by_recorder FROM suspense s"
	    " LEFT JOIN dims d ON d.id = s.dim"
	    " ORDER BY s.at_ns, s.req, s.attempt LIMIT ?");
	stmt_i64(q, 1, max);
	json_w_begin(out, '{');
	json_w_key(out, "rows");
	json_w_begin(out, '[');
	while (stmt_step(q))
		write_suspense(out, q);
	json_w_end(out, ']');
	q = store_sql(s, "SELECT amount FROM suspense");
	while (stmt_step(q))
		total += stmt_get_i64(q, 0);
	scan_money_sum(out, "total", total);
	json_w_end(out, '}');
	return store_commit(s);
}

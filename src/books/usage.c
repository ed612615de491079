#include "books/usage.h"

#include <stdlib.h>
#include <time.h>

#include "base/json.h"
#include "books/scan.h"
#include "books/usage_priv.h"
#include "model/ident.h"

static const char *const by_names[] = {
#define BY(NAME, text) text,
#include "books/by.def"
#undef BY
};

/* What of a rollup each figure adds; SUMS: it counts calls. */
static const unsigned figure_sums[] = {
#define FIGURE(NAME, text, kind, sum) sum,
#include "books/figures.def"
#undef FIGURE
};

struct report {
	struct usage_rows rows;
	struct roll_names names;
	/* The rows that one key and dimension add to: several with tags. */
	struct usage_row **hit;
	size_t nhits, cap;
	struct buf cells;
};

/* --- parsing ----------------------------------------------------------- */

static bool
same_column(const struct usage_column *a, const struct usage_column *b)
{
	return a->by == b->by && slice_eq(a->tag, b->tag);
}

static bool
parse_one(struct slice name, struct usage_query *q)
{
	struct usage_column c = { .by = BY_MAX };
	struct slice head, tail;
	unsigned i;

	for (i = 0; i < BY_MAX; i++) {
		if (i != BY_TAG_OF && slice_eq(slice_of(by_names[i]), name))
			c.by = (enum usage_by)i;
	}
	if (slice_cut(name, ':', &head, &tail) && slice_eq(head, S("tag")) &&
	    tail.len > 0)
		c = (struct usage_column){ BY_TAG_OF, tail };
	for (i = 0; i < q->n && !same_column(&q->column[i], &c); i++)
		;
	if (c.by == BY_MAX || i < q->n || q->n == USAGE_COLUMNS)
		return false;
	q->column[q->n++] = c;
	return true;
}

bool
usage_by_parse(struct slice text, struct usage_query *out)
{
	struct slice head, tail = text;

	out->n = 0;
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

void
usage_by_names(struct buf *out)
{
	unsigned i;

	for (i = 0; i < BY_MAX; i++)
		buf_fmt(out, "%s%s", i > 0 ? ", " : "", by_names[i]);
}

void
usage_title(const struct usage_column *c, struct buf *out)
{
	buf_str(out, c->by == BY_TAG_OF ? "tag:" : by_names[c->by]);
	buf_add(out, c->tag);
}

/* --- cells ------------------------------------------------------------- */

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
	if (by == BY_MINUTE)
		buf_fmt(b, "T%02d:%02d:00Z", tm.tm_hour, tm.tm_min);
}

static struct slice
place_cell(enum usage_by by, const struct roll_key *k)
{
	static const struct {
		enum usage_by by;
		enum roll_place place;
	} row[] = { { BY_ORG, ROLL_ORG }, { BY_TEAM, ROLL_TEAM },
		{ BY_PROJECT, ROLL_PROJECT }, { BY_USER, ROLL_USER },
		{ BY_SERVICE, ROLL_SERVICE } };
	size_t i;

	for (i = 0; i < NELEM(row); i++) {
		if (row[i].by == by)
			return slice_of(k->text[row[i].place]);
	}
	return S("");
}

static struct slice
dim_cell(enum usage_by by, const struct roll_dim *d)
{
	static const struct {
		enum usage_by by;
		enum roll_text text;
	} row[] = { { BY_MODEL, ROLL_MODEL }, { BY_PUBLISHER, ROLL_PUBLISHER },
		{ BY_PROVIDER, ROLL_PROVIDER },
		{ BY_DEPLOYMENT, ROLL_DEPLOYMENT }, { BY_REGION, ROLL_REGION },
		{ BY_ZONE, ROLL_ZONE }, { BY_TYPE, ROLL_TYPE },
		{ BY_TIER, ROLL_TIER } };
	size_t i;

	if (d != NULL && by == BY_RESOLUTION)
		return d->flag == 'u'   ? S("unknown")
		       : d->flag == 'e' ? S("estimated")
					: S("booked");
	for (i = 0; d != NULL && i < NELEM(row); i++) {
		if (row[i].by == by)
			return slice_of(d->text[row[i].text]);
	}
	return S("");
}

static void
write_cell(struct report *r, enum usage_by by, int64_t second, uint64_t key,
    uint64_t dim)
{
	char id[KEY_ID_TEXT + 1];
	struct slice s;

	if (by >= BY_MINUTE && by <= BY_MONTH) {
		write_time(&r->cells, by, second);
		return;
	}
	if (by == BY_KEY) {
		key_id_write(key, id);
		s = slice_of(id);
	} else {
		s = place_cell(by, roll_key(&r->names, key));
		if (s.len == 0)
			s = dim_cell(by, roll_dim(&r->names, dim));
	}
	if (s.len == 0 && r->rows.q->chargeback)
		s = S("(unassigned)");
	buf_add(&r->cells, s);
}

/* --- rows -------------------------------------------------------------- */

static struct usage_row *
row_new(struct usage_rows *r, struct slice cells)
{
	struct usage_row *row = NEW(struct usage_row);
	struct slice rest;
	unsigned i;

	row->key = (struct slice){ mem_dup(cells), cells.len };
	rest = row->key;
	for (i = 0; i < r->q->n; i++)
		(void)slice_cut(rest, '\0', &row->cell[i], &rest);
	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? 64 : r->cap * 2;
		r->row = mem_grow(r->row, r->cap * sizeof(*r->row));
	}
	r->row[r->n++] = row;
	(void)map_put(&r->by_cells, row->key, row);
	return row;
}

/* The row of the cells so far becomes one of those that are added to. */
static void
hit(struct report *r)
{
	struct usage_row *row =
	    map_find(&r->rows.by_cells, buf_slice(&r->cells));
	size_t i;

	if (row == NULL)
		row = row_new(&r->rows, buf_slice(&r->cells));
	for (i = 0; i < r->nhits; i++) {
		if (r->hit[i] == row)
			return;
	}
	if (r->nhits == r->cap) {
		r->cap = r->cap == 0 ? 64 : r->cap * 2;
		r->hit = mem_grow(r->hit, r->cap * sizeof(struct usage_row *));
	}
	r->hit[r->nhits++] = row;
}

static void fill(struct report *r, unsigned column, int64_t second,
    uint64_t key, uint64_t dim);

static void
fill_tag(struct report *r, unsigned column, const struct roll_tag *t,
    int64_t second, uint64_t key, uint64_t dim)
{
	const bool whole = r->rows.q->column[column].by == BY_TAG;
	const size_t was = r->cells.len;

	if (t != NULL)
		buf_add(&r->cells, whole ? t->text : t->value);
	buf_char(&r->cells, '\0');
	fill(r, column + 1, second, key, dim);
	r->cells.len = was;
}

/* Those of the key and those of the request; none: an empty cell. */
static void
fill_tags(struct report *r, unsigned column, int64_t second, uint64_t key,
    uint64_t dim)
{
	const struct usage_column *c = &r->rows.q->column[column];
	const struct roll_key *k = roll_key(&r->names, key);
	const struct roll_dim *d = roll_dim(&r->names, dim);
	const unsigned n = k->ntags + (d != NULL ? d->ntags : 0);
	const struct roll_tag *t;
	bool any = false;
	unsigned i;

	for (i = 0; i < n; i++) {
		t = i < k->ntags ? &k->tag[i] : &d->tag[i - k->ntags];
		if (c->by == BY_TAG_OF && !slice_eq(t->name, c->tag))
			continue;
		any = true;
		fill_tag(r, column, t, second, key, dim);
	}
	if (!any)
		fill_tag(r, column, NULL, second, key, dim);
}

static void
fill(struct report *r, unsigned column, int64_t second, uint64_t key,
    uint64_t dim)
{
	const size_t was = r->cells.len;
	enum usage_by by;

	if (column == r->rows.q->n) {
		hit(r);
		return;
	}
	by = r->rows.q->column[column].by;
	if (by == BY_TAG || by == BY_TAG_OF) {
		fill_tags(r, column, second, key, dim);
		return;
	}
	write_cell(r, by, second, key, dim);
	buf_char(&r->cells, '\0');
	fill(r, column + 1, second, key, dim);
	r->cells.len = was;
}

static void
find_rows(struct report *r, int64_t second, uint64_t key, uint64_t dim)
{
	r->nhits = 0;
	buf_clear(&r->cells);
	fill(r, 0, second, key, dim);
}

/* --- adding ------------------------------------------------------------ */

static void
add_sums(struct usage_row *row, const int64_t sum[SUMS])
{
	unsigned i;

	for (i = 0; i < FIGURES; i++) {
		if (figure_sums[i] != SUMS)
			row->figure[i] += sum[figure_sums[i]];
	}
}

/* What nobody has a price for costs nothing yet, and must not look free. */
static void
add_row(const struct report *r, struct usage_row *row, const struct roll_row *t)
{
	const struct roll_dim *d = roll_dim(&r->names, t->dim);

	add_sums(row, t->sum);
	if (d != NULL && d->price == 0)
		row->figure[FIGURE_UNPRICED] += t->sum[SUM_ATTEMPTS];
}

static void
add_attempts(void *arg, const struct roll_row *t)
{
	struct report *r = arg;
	size_t i;

	find_rows(r, t->second, t->key, t->dim);
	for (i = 0; i < r->nhits; i++)
		add_row(r, r->hit[i], t);
	add_row(r, &r->rows.total, t);
}

struct step {
	struct usage_row *row;
	char flag;
};

struct steps {
	struct step *step;
	size_t n, cap;
};

static void
count(struct usage_row *row, char flag, int64_t calls)
{
	row->figure[FIGURE_CALLS] += calls;
	if (flag == 'u')
		row->figure[FIGURE_UNKNOWN] += calls;
	else if (flag == 'e')
		row->figure[FIGURE_ESTIMATED] += calls;
}

/* Each row once, with its worst flag. */
static void
add_step(struct steps *s, struct usage_row *row, char flag)
{
	size_t i;

	for (i = 0; i < s->n && s->step[i].row != row; i++)
		;
	if (i < s->n) {
		if (flag > s->step[i].flag)
			s->step[i].flag = flag;
		return;
	}
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 16 : s->cap * 2;
		s->step = mem_grow(s->step, s->cap * sizeof(*s->step));
	}
	s->step[s->n++] = (struct step){ row, flag };
}

/* "12:b" */
static void
add_part(struct report *r, struct steps *s, struct slice text,
    const struct roll_call *c)
{
	struct slice id, flag;
	uint64_t dim;
	size_t i;

	if (!slice_cut(text, ':', &id, &flag) || flag.len != 1 ||
	    !slice_u64(id, &dim))
		return;
	find_rows(r, c->second, c->key, dim);
	for (i = 0; i < r->nhits; i++)
		add_step(s, r->hit[i], flag.p[0]);
}

static void
add_call(void *arg, const struct roll_call *c)
{
	struct report *r = arg;
	struct slice head, tail = c->path;
	struct steps s = { .n = 0 };
	char worst = 'b';
	size_t i;

	while (slice_cut(tail, ',', &head, &tail))
		add_part(r, &s, head, c);
	add_part(r, &s, tail, c);
	for (i = 0; i < s.n; i++) {
		count(s.step[i].row, s.step[i].flag, c->calls);
		if (s.step[i].flag > worst)
			worst = s.step[i].flag;
	}
	if (s.n > 0)
		count(&r->rows.total, worst, c->calls);
	mem_free(s.step);
}

/* --- order ------------------------------------------------------------- */

/* Cells end in NUL, so the keys stand in the order of the cells. */
static int
compare_rows(const void *a, const void *b)
{
	const struct usage_row *x = *(struct usage_row *const *)a,
			       *y = *(struct usage_row *const *)b;
	const size_t len = x->key.len < y->key.len ? x->key.len : y->key.len;
	const int c = memcmp(x->key.p, y->key.p, len);

	return c != 0                    ? c
	       : x->key.len < y->key.len ? -1
					 : x->key.len > y->key.len;
}

static void
row_free(struct usage_row *row)
{
	mem_free((char *)(uintptr_t)row->key.p);
	mem_free(row);
}

/* What corrections took away whole, in one resolution or place. */
static bool
is_nothing(const struct usage_row *row)
{
	unsigned i;

	for (i = 0; i < FIGURES && row->figure[i] == 0; i++)
		;
	return i == FIGURES;
}

static void
drop_nothing(struct usage_rows *r)
{
	size_t i, n = 0;

	for (i = 0; i < r->n; i++) {
		if (is_nothing(r->row[i]))
			row_free(r->row[i]);
		else
			r->row[n++] = r->row[i];
	}
	r->n = n;
}

static void
free_rows(struct report *r)
{
	size_t i;

	for (i = 0; i < r->rows.n; i++)
		row_free(r->rows.row[i]);
	mem_free(r->rows.row);
	mem_free(r->hit);
	map_fini(&r->rows.by_cells);
	buf_fini(&r->cells);
}

static bool
by_minute(const struct usage_query *q)
{
	unsigned i;

	for (i = 0; i < q->n; i++) {
		if (q->column[i].by == BY_MINUTE)
			return true;
	}
	return false;
}

enum fault
usage_read(struct store *s, const struct usage_query *q,
    enum usage_format format, struct buf *out)
{
	struct usage_query wide = *q;
	struct report r = { .rows = { .q = &wide } };
	enum fault fault;

	wide.span.minutes = by_minute(q);
	store_begin(s);
	r.rows.widened = roll_widen(s, &wide.span);
	roll_names_load(&r.names, s);
	roll_each(s, &wide.span, add_attempts, &r);
	roll_each_call(s, &wide.span, add_call, &r);
	fault = store_commit(s);
	if (fault == FAULT_NONE) {
		drop_nothing(&r.rows);
		if (r.rows.n > 0)
			qsort(r.rows.row, r.rows.n, sizeof(struct usage_row *),
			    compare_rows);
		usage_write(&r.rows, format, out);
	}
	free_rows(&r);
	roll_names_fini(&r.names);
	return fault;
}

/*
 * usage_write.c - a usage report as JSON, as CSV, as a table for people
 */
#include "base/json.h"
#include "books/csv.h"
#include "books/usage_priv.h"
#include "model/money.h"

enum kind { COUNT, MONEY };

static const struct {
	const char *text;
	enum kind kind;
} figures[] = {
#define FIGURE(NAME, text, kind, sum) { text, kind },
#include "books/figures.def"
#undef FIGURE
};

static void
write_figure(struct buf *b, const struct usage_row *row, unsigned i)
{
	if (figures[i].kind == MONEY)
		money_write_sum(b, row->figure[i]);
	else
		buf_i64(b, (int64_t)row->figure[i]);
}

/* --- JSON -------------------------------------------------------------- */

static void
write_json_row(
    const struct usage_rows *r, struct buf *b, const struct usage_row *row)
{
	struct buf text = { 0 };
	unsigned i;

	json_w_begin(b, '{');
	for (i = 0; row != &r->total && i < r->q->n; i++) {
		buf_clear(&text);
		usage_title(&r->q->column[i], &text);
		json_w_kstr(b, buf_cstr(&text), row->cell[i]);
	}
	for (i = 0; i < FIGURES; i++) {
		buf_clear(&text);
		write_figure(&text, row, i);
		if (figures[i].kind == MONEY)
			json_w_kstr(b, figures[i].text, buf_slice(&text));
		else
			json_w_ki64(
			    b, figures[i].text, (int64_t)row->figure[i]);
	}
	json_w_end(b, '}');
	buf_fini(&text);
}

static void
write_json(const struct usage_rows *r, struct buf *b)
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
	if (r->widened)
		json_w_kbool(b, "widened", true);
	json_w_end(b, '}');
}

/* --- CSV --------------------------------------------------------------- */

static void
write_csv_row(
    const struct usage_rows *r, struct buf *b, const struct usage_row *row)
{
	unsigned i;

	for (i = 0; i < r->q->n; i++) {
		csv_name(b, row->cell[i]);
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
write_csv(const struct usage_rows *r, struct buf *b)
{
	struct buf title = { 0 };
	unsigned i;
	size_t k;

	for (i = 0; i < r->q->n; i++) {
		buf_clear(&title);
		usage_title(&r->q->column[i], &title);
		csv_name(b, buf_slice(&title));
		buf_char(b, ',');
	}
	for (i = 0; i < FIGURES; i++)
		buf_fmt(b, "%s%s", i > 0 ? "," : "", figures[i].text);
	buf_str(b, "\r\n");
	for (k = 0; k < r->n; k++)
		write_csv_row(r, b, r->row[k]);
	buf_fini(&title);
}

/* --- a table ----------------------------------------------------------- */

struct shown {
	unsigned figure;
	const char *title;
};

/* What a person reads: the figures that matter, in columns. */
static const struct shown shown[] = {
	{ FIGURE_CALLS, "CALLS" }, { FIGURE_ATTEMPTS, "ATTEMPTS" },
	{ FIGURE_INPUT, "INPUT" }, { FIGURE_CACHED, "CACHED" },
	{ FIGURE_OUTPUT, "OUTPUT" }, { FIGURE_LIST, "LIST" },
	{ FIGURE_EFFECTIVE, "COST" }, { FIGURE_ESTIMATED, "ESTIMATED" },
	{ FIGURE_UNKNOWN, "UNKNOWN" },
	{ FIGURE_UNPRICED, "UNPRICED" }, /* their cost is not 0 */
};

static const struct shown charged[] = {
	{ FIGURE_CALLS, "CALLS" },
	{ FIGURE_UNKNOWN, "UNKNOWN" },
	{ FIGURE_UNPRICED, "UNPRICED" },
	{ FIGURE_LIST, "LIST" },
	{ FIGURE_CONTRACTED, "CONTRACTED" },
	{ FIGURE_EFFECTIVE, "CHARGED" },
};

enum { TABLE_MAX = USAGE_COLUMNS + NELEM(shown) };

static const struct shown *
shown_of(const struct usage_rows *r, unsigned i)
{
	return r->q->chargeback ? &charged[i] : &shown[i];
}

static unsigned
columns_of(const struct usage_rows *r)
{
	return r->q->n +
	       (unsigned)(r->q->chargeback ? NELEM(charged) : NELEM(shown));
}

static void
cell_text(const struct usage_rows *r, const struct usage_row *row,
    unsigned column, struct buf *out)
{
	struct slice s;
	size_t i;

	buf_clear(out);
	if (column >= r->q->n) {
		write_figure(out, row, shown_of(r, column - r->q->n)->figure);
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

/* row NULL: the titles. */
static void
table_text(const struct usage_rows *r, const struct usage_row *row, unsigned c,
    struct buf *out)
{
	if (row != NULL) {
		cell_text(r, row, c, out);
		return;
	}
	buf_clear(out);
	if (c < r->q->n)
		usage_title(&r->q->column[c], out);
	else
		buf_str(out, shown_of(r, c - r->q->n)->title);
}

static void
write_table_row(const struct usage_rows *r, const struct usage_row *row,
    const size_t *width, struct buf *b)
{
	const unsigned n = columns_of(r);
	struct buf text = { 0 };
	unsigned c;

	for (c = 0; c < n; c++) {
		table_text(r, row, c, &text);
		if (c > 0)
			buf_str(b, "  ");
		pad(b, buf_slice(&text), width[c], c >= r->q->n);
	}
	buf_char(b, '\n');
	buf_fini(&text);
}

static void
widen(const struct usage_rows *r, const struct usage_row *row, size_t *width)
{
	const unsigned n = columns_of(r);
	struct buf text = { 0 };
	unsigned c;

	for (c = 0; c < n; c++) {
		table_text(r, row, c, &text);
		if (text.len > width[c])
			width[c] = text.len;
	}
	buf_fini(&text);
}

static void
write_table(const struct usage_rows *r, struct buf *b)
{
	size_t width[TABLE_MAX] = { 0 }, i;

	widen(r, NULL, width);
	for (i = 0; i < r->n; i++)
		widen(r, r->row[i], width);
	widen(r, &r->total, width);
	write_table_row(r, NULL, width, b);
	for (i = 0; i < r->n; i++)
		write_table_row(r, r->row[i], width, b);
	if (r->q->n > 0 || r->n == 0)
		write_table_row(r, &r->total, width, b);
	if (r->widened)
		buf_str(b, "by whole hours: the minutes of then are not kept "
			   "any more\n");
}

void
usage_write(
    const struct usage_rows *r, enum usage_format format, struct buf *out)
{
	if (format == USAGE_JSON)
		write_json(r, out);
	else if (format == USAGE_CSV)
		write_csv(r, out);
	else
		write_table(r, out);
}

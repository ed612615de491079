#include "books/focus_row.h"

#include <time.h>

#include "base/json.h"
#include "books/csv.h"

enum kind { TEXT, NUMBER, OBJECT };

static const struct {
	const char *name;
	enum kind kind;
} columns[FOCUS_COLUMNS] = {
#define FOCUS(NAME, text, kind) { text, kind },
#include "books/focus.def"
#undef FOCUS
};

void
focus_row_clear(struct focus_row *r)
{
	unsigned i;

	for (i = 0; i < FOCUS_COLUMNS; i++)
		buf_clear(&r->cell[i]);
}

void
focus_row_fini(struct focus_row *r)
{
	unsigned i;

	for (i = 0; i < FOCUS_COLUMNS; i++)
		buf_fini(&r->cell[i]);
}

/* No control characters, no white space around: names are people's. */
void
focus_set(struct focus_row *r, enum focus_column c, struct slice text)
{
	size_t i;

	buf_clear(&r->cell[c]);
	while (text.len > 0 && (unsigned char)text.p[0] <= ' ') {
		text.p++;
		text.len--;
	}
	while (text.len > 0 && (unsigned char)text.p[text.len - 1] <= ' ')
		text.len--;
	for (i = 0; i < text.len; i++)
		buf_char(&r->cell[c],
		    (unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f
			? '?'
			: text.p[i]);
}

void
focus_set_number(
    struct focus_row *r, enum focus_column c, int128 v, unsigned decimals)
{
	char digits[48];
	size_t n = 0;
	struct buf *b = &r->cell[c];
	bool minus = v < 0;

	buf_clear(b);
	for (; decimals > 0 && v % 10 == 0; decimals--)
		v /= 10;
	while (v != 0 || n <= decimals) {
		const int digit = (int)(v % 10);

		digits[n++] = (char)('0' + (digit < 0 ? -digit : digit));
		v /= 10;
	}
	if (minus)
		buf_char(b, '-');
	while (n > 0) {
		if (n == decimals)
			buf_char(b, '.');
		buf_char(b, digits[--n]);
	}
}

void
focus_set_time(struct focus_row *r, enum focus_column c, int64_t second)
{
	const time_t t = (time_t)second;
	struct tm tm;

	buf_clear(&r->cell[c]);
	if (gmtime_r(&t, &tm) != NULL)
		buf_fmt(&r->cell[c], "%04d-%02d-%02dT%02d:%02d:%02dZ",
		    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
		    tm.tm_min, tm.tm_sec);
}

void
focus_write_header(struct buf *out)
{
	unsigned i;

	for (i = 0; i < FOCUS_COLUMNS; i++)
		buf_fmt(out, "%s%s", i > 0 ? "," : "", columns[i].name);
	buf_str(out, "\r\n");
}

void
focus_write_csv(const struct focus_row *r, struct buf *out)
{
	unsigned i;

	for (i = 0; i < FOCUS_COLUMNS; i++) {
		if (i > 0)
			buf_char(out, ',');
		csv_cell(out, buf_slice(&r->cell[i]));
	}
	buf_str(out, "\r\n");
}

void
focus_write_json(const struct focus_row *r, struct buf *out)
{
	unsigned i;

	json_w_begin(out, '{');
	for (i = 0; i < FOCUS_COLUMNS; i++) {
		json_w_key(out, columns[i].name);
		if (r->cell[i].len == 0)
			json_w_null(out);
		else if (columns[i].kind == OBJECT)
			json_w_raw(out, buf_slice(&r->cell[i]));
		else
			json_w_str(out, buf_slice(&r->cell[i]));
	}
	json_w_end(out, '}');
}

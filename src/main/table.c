#include "main/table.h"

#include <stdio.h>
#include <time.h>

#include "base/json.h"

static void
cell(struct buf *out, const struct json *v)
{
	const struct json *c;

	if (v == NULL)
		return;
	switch (v->type) {
	case JSON_NULL:
		break;
	case JSON_FALSE:
		buf_str(out, "no");
		break;
	case JSON_TRUE:
		buf_str(out, "yes");
		break;
	case JSON_NUMBER:
	case JSON_STRING:
		buf_add(out, v->text);
		break;
	case JSON_ARRAY:
		for (c = v->child; c != NULL; c = c->next) {
			cell(out, c);
			if (c->next != NULL)
				buf_char(out, ',');
		}
		break;
	case JSON_OBJECT:
		for (c = v->child; c != NULL; c = c->next) {
			buf_add(out, c->key);
			buf_char(out, '=');
			cell(out, c);
			if (c->next != NULL)
				buf_char(out, ' ');
		}
		break;
	}
}

static void
write_cell(struct buf *out, const struct json *row, const struct column *c)
{
	const struct json *v = json_get(row, c->key);
	char text[32];
	struct tm tm;
	int64_t at;
	time_t t;

	if (c->kind != COL_TIME || v == NULL || v->type != JSON_NUMBER ||
	    !json_i64(v->text, &at)) {
		cell(out, v);
		return;
	}
	t = (time_t)at;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	buf_str(out, text);
}

/* Columns a reader sees, by characters rather than bytes. */
static size_t
width(struct slice s)
{
	size_t i, n = 0;

	for (i = 0; i < s.len; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

static void
pad(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_char(out, ' ');
}

static void
put(struct buf *out, struct slice text, size_t to, bool right, bool last)
{
	const size_t w = width(text);

	if (right)
		pad(out, to - w);
	buf_add(out, text);
	if (!right && !last)
		pad(out, to - w);
	buf_str(out, last ? "\n" : "  ");
}

static void
widen(
    size_t *most, const struct json *row, const struct column *column, size_t n)
{
	struct buf b = { 0 };
	size_t i, w;

	for (i = 0; i < n; i++) {
		buf_clear(&b);
		write_cell(&b, row, &column[i]);
		w = width(buf_slice(&b));
		if (w > most[i])
			most[i] = w;
	}
	buf_fini(&b);
}

void
table_write(struct buf *out, const struct json *rows,
    const struct column *column, size_t n)
{
	size_t most[32] = { 0 }, i;
	const struct json *row;
	struct buf b = { 0 };

	CHECK(n <= NELEM(most));
	for (i = 0; i < n; i++)
		most[i] = strlen(column[i].title);
	for (row = rows->child; row != NULL; row = row->next)
		widen(most, row, column, n);
	for (i = 0; i < n; i++)
		put(out, slice_of(column[i].title), most[i],
		    column[i].kind == COL_NUMBER, i + 1 == n);
	for (row = rows->child; row != NULL; row = row->next) {
		for (i = 0; i < n; i++) {
			buf_clear(&b);
			write_cell(&b, row, &column[i]);
			put(out, buf_slice(&b), most[i],
			    column[i].kind == COL_NUMBER, i + 1 == n);
		}
	}
	buf_fini(&b);
}

#include "main/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

enum { WORD_MAX = 40 };

void
report_add(
    struct report *r, struct mark at, const char *hint, const char *fmt, ...)
{
	struct mistake *m;
	char text[600];
	va_list ap;

	if (r->n == REPORT_MAX) {
		r->more++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	m = &r->mistake[r->n++];
	m->file = r->file;
	m->part = r->part;
	m->at = at;
	m->text = arena_str(&r->arena, slice_of(text));
	m->hint = hint != NULL ? arena_str(&r->arena, slice_of(hint)) : NULL;
}

static int
by_mark(const void *a, const void *b)
{
	const struct mistake *x = a, *y = b;

	if (x->part != y->part)
		return x->part < y->part ? -1 : 1;
	if (x->at.line != y->at.line)
		return x->at.line < y->at.line ? -1 : 1;
	if (x->at.col != y->at.col)
		return x->at.col < y->at.col ? -1 : 1;
	return 0;
}

static void
sort(struct report *r)
{
	qsort(r->mistake, r->n, sizeof(r->mistake[0]), by_mark);
}

void
report_write(struct report *r, struct buf *out)
{
	unsigned i;

	sort(r);
	for (i = 0; i < r->n; i++) {
		const struct mistake *m = &r->mistake[i];

		buf_str(out, m->file);
		if (m->at.line != 0)
			buf_fmt(out, ":%u:%u", m->at.line, m->at.col);
		buf_fmt(out, ": %s\n", m->text);
		if (m->hint != NULL)
			buf_fmt(out, "  hint: %s\n", m->hint);
	}
	if (r->more > 0)
		buf_fmt(out, "%s: and %u more\n", r->file, r->more);
}

void
report_write_json(struct report *r, struct buf *out)
{
	unsigned i;

	sort(r);
	json_w_begin(out, '[');
	for (i = 0; i < r->n; i++) {
		const struct mistake *m = &r->mistake[i];

		json_w_begin(out, '{');
		json_w_kstr(out, "file", slice_of(m->file));
		json_w_ki64(out, "line", m->at.line);
		json_w_ki64(out, "column", m->at.col);
		json_w_kstr(out, "message", slice_of(m->text));
		if (m->hint != NULL)
			json_w_kstr(out, "hint", slice_of(m->hint));
		json_w_end(out, '}');
	}
	json_w_end(out, ']');
}

void
report_fini(struct report *r)
{
	arena_fini(&r->arena);
	r->n = r->more = 0;
}

static size_t
least(size_t a, size_t b, size_t c)
{
	const size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Edits (insert, delete, replace, swap of neighbours) between two words. */
static size_t
distance(struct slice a, struct slice b)
{
	size_t d[3][WORD_MAX + 1], i, j, cost;

	for (j = 0; j <= b.len; j++)
		d[1][j] = j;
	for (i = 1; i <= a.len; i++) {
		size_t *two = d[(i + 2) % 3], *one = d[i % 3],
		       *now = d[(i + 1) % 3];

		now[0] = i;
		for (j = 1; j <= b.len; j++) {
			cost = a.p[i - 1] == b.p[j - 1] ? 0 : 1;
			now[j] = least(
			    one[j] + 1, now[j - 1] + 1, one[j - 1] + cost);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] &&
			    a.p[i - 2] == b.p[j - 1] && two[j - 2] < now[j])
				now[j] = two[j - 2] + 1;
		}
	}
	return d[(a.len + 1) % 3][b.len];
}

const char *
report_nearest(struct slice typed, const char *const *words, size_t n)
{
	const char *best = NULL;
	size_t i, d, least_d = typed.len / 3 + 1;

	if (typed.len > WORD_MAX)
		return NULL;
	for (i = 0; i < n; i++) {
		const struct slice w = slice_of(words[i]);

		if (w.len > WORD_MAX)
			continue;
		d = distance(typed, w);
		if (d <= least_d && d < w.len) {
			least_d = d > 0 ? d - 1 : 0;
			best = words[i];
			if (d == 0)
				break;
		}
	}
	return best;
}

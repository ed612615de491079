#include "main/counts.h"

#include <stdio.h>

#include "base/json.h"
#include "base/map.h"

enum { COLUMNS_MAX = 256 };

static const char *const names[COUNTS] = {
#define LANE_COUNT(NAME, text) text,
#include "main/counts.def"
#undef LANE_COUNT
};

static bool
is_one_of(struct slice name, const char *const *list, size_t n)
{
	size_t i;

	for (i = 0; i < n && !slice_ieq(name, slice_of(list[i])); i++)
		;
	return i < n;
}

/* COUNTS: none of them. */
static size_t
count_of(struct slice name)
{
	static const struct slice tail = S_INIT("_tokens");
	size_t i;

	if (name.len > tail.len &&
	    slice_ieq(
		(struct slice){ name.p + name.len - tail.len, tail.len }, tail))
		name.len -= tail.len;
	for (i = 0; i < COUNTS && !slice_ieq(name, slice_of(names[i])); i++)
		;
	return i;
}

/* Names are those of a head that somebody else wrote: in any case. */
static void
set(struct counts *c, struct slice name, struct slice value)
{
	static const char *const attempt[] = { "attempt", "x-client-request-id",
		"x_client_request_id", "client_request_id" };
	static const char *const no[] = { "false", "no", "0" };
	static const char *const yes[] = { "true", "yes", "1" };
	const size_t i = count_of(name);

	value = slice_trim(value);
	if (i < COUNTS)
		c->n[i] = value;
	else if (is_one_of(name, attempt, NELEM(attempt)))
		c->attempt = value;
	else if (slice_ieq(name, S("cost")))
		c->cost = value;
	else if (slice_ieq(name, S("billed")) &&
		 is_one_of(value, no, NELEM(no)))
		c->is_void = true;
	else if (slice_ieq(name, S("void")) &&
		 is_one_of(value, yes, NELEM(yes)))
		c->is_void = true;
}

bool
counts_parse(struct slice text, struct counts *out)
{
	struct slice part, name, value;
	size_t i;

	*out = (struct counts){ .line = 0 };
	while (text.len > 0) {
		if (!slice_cut(text, ',', &part, &text)) {
			part = text;
			text = S("");
		}
		if (!slice_cut(part, '=', &name, &value))
			return false;
		i = count_of(name);
		if (i == COUNTS || value.len == 0 || out->n[i].len > 0)
			return false;
		out->n[i] = value;
	}
	return true;
}

/* --- files -------------------------------------------------------------- */

static struct slice
next_line(struct slice *text)
{
	struct slice line, rest;

	if (!slice_cut(*text, '\n', &line, &rest)) {
		line = *text;
		rest = S("");
	}
	*text = rest;
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* The next cell; quotes may hold commas, and are doubled inside. */
static struct slice
next_cell(struct arena *a, struct slice *line)
{
	struct buf b = { 0 };
	bool quoted = false;
	struct slice out;
	size_t i;

	for (i = 0; i < line->len && (quoted || line->p[i] != ','); i++) {
		if (line->p[i] != '"')
			buf_char(&b, line->p[i]);
		else if (quoted && i + 1 < line->len && line->p[i + 1] == '"')
			buf_char(&b, line->p[i++]);
		else
			quoted = !quoted;
	}
	*line = i < line->len
		    ? (struct slice){ line->p + i + 1, line->len - i - 1 }
		    : (struct slice){ NULL, 0 };
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

static size_t
cells(struct arena *a, struct slice line, struct slice *out)
{
	size_t n = 0;

	while (line.p != NULL && n < COLUMNS_MAX)
		out[n++] = slice_trim(next_cell(a, &line));
	return n;
}

struct reading {
	struct arena *arena;
	struct counts *rows;
	size_t n, cap;
};

static struct counts *
add(struct reading *r, unsigned line)
{
	struct counts *more;

	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? 256 : 2 * r->cap;
		more = ARENA_ARRAY(r->arena, struct counts, r->cap);
		if (r->n > 0)
			memcpy(more, r->rows, r->n * sizeof(*more));
		r->rows = more;
	}
	r->rows[r->n] = (struct counts){ .line = line };
	return &r->rows[r->n++];
}

static const char *
read_object(struct reading *r, struct slice line, unsigned number)
{
	struct counts *c = add(r, number);
	const struct json *m;
	struct json *j;

	if (json_parse(r->arena, line, &j) != FAULT_NONE ||
	    j->type != JSON_OBJECT)
		return "the line is not a JSON object";
	for (m = j->child; m != NULL; m = m->next) {
		if (m->type == JSON_STRING || m->type == JSON_NUMBER)
			set(c, m->key, m->text);
		else if (m->type == JSON_TRUE || m->type == JSON_FALSE)
			set(c, m->key,
			    m->type == JSON_TRUE ? S("true") : S("false"));
	}
	return NULL;
}

static const char *
read_cells(struct reading *r, const struct slice *head, size_t nhead,
    struct slice line, unsigned number)
{
	struct slice cell[COLUMNS_MAX];
	const size_t n = cells(r->arena, line, cell);
	struct counts *c = add(r, number);
	size_t i;

	if (n != nhead)
		return "the line has not as many cells as the head";
	for (i = 0; i < n; i++)
		set(c, head[i], cell[i]);
	return NULL;
}

/* Two lines of one attempt: neither is the whole of it. */
static void
find_twins(struct reading *r)
{
	struct map seen = { 0 };
	struct counts *c, *other;

	for (c = r->rows; c < r->rows + r->n; c++) {
		if (c->attempt.len == 0)
			continue;
		other = map_find(&seen, c->attempt);
		if (other == NULL) {
			(void)map_put(&seen, c->attempt, c);
			continue;
		}
		c->twin = other->line;
		other->twin = c->line;
	}
	map_fini(&seen);
}

const char *
counts_read(struct arena *a, struct slice text, struct counts **rows, size_t *n,
    unsigned *line)
{
	struct reading r = { .arena = a };
	struct slice head[COLUMNS_MAX], s;
	const char *why = NULL;
	size_t nhead = 0;

	if (slice_starts(text, S("\xef\xbb\xbf")))
		text = (struct slice){ text.p + 3, text.len - 3 };
	for (*line = 1; text.len > 0 && why == NULL; ++*line) {
		s = next_line(&text);
		if (slice_trim(s).len == 0)
			continue;
		if (nhead == 0 && slice_trim(s).p[0] == '{')
			why = read_object(&r, s, *line);
		else if (nhead == 0 && r.n == 0)
			nhead = cells(a, s, head);
		else
			why = read_cells(&r, head, nhead, s, *line);
		if (why != NULL)
			return why;
	}
	find_twins(&r);
	*rows = r.rows;
	*n = r.n;
	return r.n == 0 ? "the file has no rows" : NULL;
}

/* --- asking ------------------------------------------------------------- */

static bool
has_usage(const struct counts *c)
{
	return c->n[COUNT_INPUT].len > 0 && c->n[COUNT_OUTPUT].len > 0;
}

static const char *
write_usage(const struct counts *c, struct buf *b)
{
	char name[32];
	uint64_t v;
	size_t i;

	json_w_key(b, "usage");
	json_w_begin(b, '{');
	for (i = 0; i < COUNTS; i++) {
		if (c->n[i].len == 0)
			continue;
		if (!slice_u64(c->n[i], &v))
			return "a count is not a whole number from 0";
		(void)snprintf(name, sizeof(name), "%s_tokens", names[i]);
		json_w_ku64(b, name, v);
	}
	json_w_end(b, '}');
	return NULL;
}

const char *
counts_body(const struct counts *c, struct buf *b)
{
	if (c->is_void) {
		json_w_kbool(b, "void", true);
		return NULL;
	}
	if (has_usage(c))
		return write_usage(c, b);
	if (c->cost.len == 0)
		return "there are neither counts of input and output nor a "
		       "cost";
	json_w_kstr(b, "cost", c->cost);
	return NULL;
}

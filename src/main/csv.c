#include "main/csv.h"

enum { COLUMNS_MAX = 64 };

struct csv {
	struct arena *arena;
	struct report *report;
	const char *p, *end;
	unsigned line, col;
	bool failed;
	struct slice column[COLUMNS_MAX];
	size_t ncolumns;
};

static void
stop(struct csv *c, struct mark at, const char *hint, const char *text)
{
	if (!c->failed)
		report_add(c->report, at, hint, "%s", text);
	c->failed = true;
}

static struct mark
here(const struct csv *c)
{
	return (struct mark){ c->line, c->col };
}

static char
take(struct csv *c)
{
	const char ch = *c->p++;

	c->col++;
	if (ch == '\n') {
		c->line++;
		c->col = 1;
	}
	return ch;
}

/* After the opening quote. */
static void
take_quoted(struct csv *c, struct buf *out)
{
	const struct mark at = here(c);
	char ch;

	while (c->p < c->end) {
		ch = take(c);
		if (ch != '"') {
			buf_char(out, ch);
			continue;
		}
		if (c->p == c->end || *c->p != '"')
			return;
		buf_char(out, take(c));
	}
	stop(c, at, NULL, "a quote is not closed");
}

/* One cell and what ends it; true: it was the last of its line. */
static bool
take_cell(struct csv *c, struct slice *text, struct mark *at)
{
	struct buf b = { 0 };
	bool last = true;
	char ch;

	*at = here(c);
	if (c->p < c->end && *c->p == '"') {
		(void)take(c);
		take_quoted(c, &b);
	}
	while (c->p < c->end) {
		ch = take(c);
		if (ch == ',' || ch == '\n') {
			last = ch == '\n';
			break;
		}
		if (ch != '\r')
			buf_char(&b, ch);
	}
	*text = slice_trim(arena_copy(c->arena, buf_slice(&b)));
	buf_fini(&b);
	return last;
}

static void
take_head(struct csv *c)
{
	struct slice text;
	struct mark at;
	bool last = false;
	size_t i;

	while (!last && !c->failed) {
		last = take_cell(c, &text, &at);
		for (i = 0; i < c->ncolumns; i++) {
			if (slice_eq(c->column[i], text))
				stop(c, at, "each column has a name of its own",
				    "this column is here twice");
		}
		if (text.len == 0)
			stop(c, at, "the first line names the columns",
			    "this column has no name");
		else if (c->ncolumns == COLUMNS_MAX)
			stop(c, at, NULL, "there are too many columns");
		else
			c->column[c->ncolumns++] = text;
	}
}

static struct ynode *
add(struct csv *c, struct ynode *to, enum ykind kind, struct mark at)
{
	struct ynode *n = ARENA_NEW(c->arena, struct ynode), **last;

	n->kind = kind;
	n->at = n->key_at = at;
	for (last = &to->child; *last != NULL; last = &(*last)->next)
		;
	*last = n;
	to->n++;
	return n;
}

static struct slice
terminated(struct csv *c, struct slice s)
{
	return slice_of(arena_str(c->arena, s));
}

/* The member of that name, made where there is none. */
static struct ynode *
member(struct csv *c, struct ynode *map, struct slice key, struct mark at)
{
	struct ynode *n = map->child;

	while (n != NULL && !slice_eq(n->key, key))
		n = n->next;
	if (n == NULL) {
		n = add(c, map, YNODE_MAP, at);
		n->key = terminated(c, key);
	}
	return n;
}

static void
put(struct csv *c, struct ynode *row, struct slice name, struct slice text,
    struct mark at)
{
	struct slice head, rest;
	struct ynode *n;

	while (slice_cut(name, '.', &head, &rest)) {
		row = member(c, row, head, at);
		name = rest;
	}
	n = add(c, row, YNODE_SCALAR, at);
	n->key = terminated(c, name);
	n->text = terminated(c, text);
	n->quoted = true;
}

static void
take_row(struct csv *c, struct ynode *list)
{
	struct ynode *row = add(c, list, YNODE_MAP, here(c));
	struct slice text;
	struct mark at;
	bool last = false;
	size_t i;

	for (i = 0; !last && !c->failed; i++) {
		last = take_cell(c, &text, &at);
		if (text.len == 0)
			continue;
		if (i >= c->ncolumns)
			stop(c, at, NULL, "this cell is under no column");
		else
			put(c, row, c->column[i], text, at);
	}
}

/* Lines with nothing on them are none. */
static void
skip_blank(struct csv *c)
{
	while (c->p < c->end && (*c->p == '\n' || *c->p == '\r'))
		(void)take(c);
}

struct ynode *
csv_parse(
    struct arena *a, const char *name, struct slice text, struct report *r)
{
	struct csv c = { .arena = a,
		.report = r,
		.p = text.p,
		.end = text.p + text.len,
		.line = 1,
		.col = 1 };
	struct ynode *root = ARENA_NEW(a, struct ynode), *list;

	/* What spreadsheets put first; it is no part of a column's name. */
	if (slice_starts(text, S("\xef\xbb\xbf")))
		c.p += 3;
	root->kind = YNODE_MAP;
	root->at = (struct mark){ 1, 1 };
	list = add(&c, root, YNODE_LIST, root->at);
	list->key = slice_of(name);
	if (memchr(text.p, '\0', text.len) != NULL || text.len == 0)
		stop(&c, root->at, NULL, "the file is empty or no text");
	else
		take_head(&c);
	for (skip_blank(&c); c.p < c.end && !c.failed; skip_blank(&c))
		take_row(&c, list);
	return c.failed ? NULL : root;
}

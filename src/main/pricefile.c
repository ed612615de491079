#include "main/pricefile.h"

#include <string.h>

#include "main/options.h"
#include "main/report.h"
#include "main/yaml.h"

static const char usual[] = "  ";

/* --- reading --------------------------------------------------------- */

/* NULL: this is no file of prices. */
static const struct ynode *
list_of(struct arena *a, struct slice text)
{
	struct report *r = NEW(struct report);
	struct ynode *root = NULL;
	const struct ynode *list = NULL;

	r->file = "";
	root = ynode_parse(a, text, r);
	if (root != NULL && options_check_prices(a, root, r) && r->n == 0)
		list = ynode_find(root, "prices");
	report_fini(r);
	mem_free(r);
	return list != NULL && list->kind == YNODE_LIST ? list : NULL;
}

static const struct ynode *
last_of(const struct ynode *list)
{
	const struct ynode *n = list->child;

	while (n != NULL && n->next != NULL)
		n = n->next;
	return n;
}

/* From 1. */
static struct slice
line_at(struct slice text, unsigned line)
{
	struct slice head = text, tail = text;

	for (; line > 0; line--) {
		if (!slice_cut(tail, '\n', &head, &tail)) {
			head = tail;
			break;
		}
	}
	return head;
}

/* Before the dash of the list's last line; another form has none. */
static struct slice
indent_of(struct slice text, const struct ynode *list)
{
	const struct ynode *last = last_of(list);
	const struct slice line =
	    last != NULL ? line_at(text, last->at.line) : S("");
	size_t n = 0;

	while (n < line.len && line.p[n] == ' ')
		n++;
	return n < line.len && line.p[n] == '-' ? (struct slice){ line.p, n }
						: slice_of(usual);
}

/* --- writing --------------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* "[]" gives way to lines. */
static void
add_without_brackets(
    struct buf *out, struct slice text, const struct ynode *list)
{
	const struct slice line = line_at(text, list->at.line);
	const char *end = text.p + text.len;
	const char *open = line.len > 0 ? memchr(line.p, '[', line.len) : NULL;
	const char *close = open != NULL ? open + 1 : end;

	while (close < end && is_blank(*close))
		close++;
	if (close == end || *close != ']') {
		buf_add(out, text);
		return;
	}
	while (open > text.p && open[-1] == ' ')
		open--;
	buf_add(out, (struct slice){ text.p, (size_t)(open - text.p) });
	buf_add(out, (struct slice){ close + 1, (size_t)(end - close) - 1 });
}

/* The number of them. */
static size_t
add_rows(struct buf *out, struct slice rows, struct slice indent)
{
	struct slice row;
	size_t n = 0;

	while (slice_cut(rows, '\n', &row, &rows)) {
		row.p += strlen(usual);
		row.len -= strlen(usual);
		buf_add(out, indent);
		buf_add(out, row);
		buf_char(out, '\n');
		n++;
	}
	return n;
}

static size_t
add_all(struct buf *out, struct slice text, const struct ynode *list,
    struct slice rows)
{
	struct slice indent = slice_of(usual);

	if (list == NULL) {
		buf_str(out, "prices: # per 1,000,000 tokens\n");
		return add_rows(out, rows, indent);
	}
	if (list->n > 0) {
		indent = indent_of(text, list);
		buf_add(out, text);
	} else {
		add_without_brackets(out, text, list);
	}
	if (out->p[out->len - 1] != '\n')
		buf_char(out, '\n');
	return list->n + add_rows(out, rows, indent);
}

bool
pricefile_add(struct slice text, struct slice rows, struct buf *out)
{
	struct arena a = { 0 };
	const struct ynode *list = text.len > 0 ? list_of(&a, text) : NULL;
	bool good = false;
	size_t n;

	if (list != NULL || text.len == 0) {
		n = add_all(out, text, list, rows);
		list = list_of(&a, buf_slice(out));
		good = list != NULL && list->n == n;
	}
	arena_fini(&a);
	return good;
}

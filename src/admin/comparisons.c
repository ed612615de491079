/*
 * comparisons.c - what was compared and saved, to be seen again by anybody
 */
#include "admin/api.h"
#include "admin/control_priv.h"
#include "admin/scope.h"
#include "store/store.h"

static void
write_one(struct buf *b, struct stmt *q)
{
	json_w_begin(b, '{');
	json_w_key(b, "id");
	buf_fmt(b, "\"%lld\"", (long long)stmt_get_i64(q, 0));
	json_w_kstr(b, "name", stmt_get(q, 1));
	scope_write_time(b, "saved_at", stmt_get_i64(q, 2));
	json_w_kstr(b, "body", stmt_get(q, 3));
	json_w_end(b, '}');
}

void
comparisons_list(struct api *a)
{
	struct api_page page;
	struct buf b = { 0 };
	struct store *s;
	struct stmt *q;

	if (!api_page_begin(a, &page))
		return;
	s = control_store(a->c);
	if (s == NULL) {
		api_fail(a, FAULT_DISK, "the store cannot be read");
		return;
	}
	store_begin(s);
	q = store_sql(s,
	    "SELECT id, name, saved_ns, body FROM comparisons WHERE id > ?"
	    " ORDER BY id");
	stmt_i64(q, 1, page.after);
	json_w_begin(&b, '{');
	json_w_key(&b, "comparisons");
	json_w_begin(&b, '[');
	while (stmt_step(q) && api_page_take(&page, stmt_get_i64(q, 0)))
		write_one(&b, q);
	json_w_end(&b, ']');
	api_page_end(&page, &b);
	json_w_end(&b, '}');
	api_answer_store(a, &s, &b);
}

void
comparisons_save(struct api *a)
{
	static const char *const known[] = { "name", "body", NULL };

	api_wish_did(a, "comparison_save", known, false);
}

void
comparisons_delete(struct api *a)
{
	static const char *const known[] = { NULL };

	api_wish_did(a, "comparison_delete", known, true);
}

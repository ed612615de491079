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
	struct api_list l;
	struct stmt *q;

	if (!api_list_begin(a, &l, "comparisons"))
		return;
	q = store_sql(l.store,
	    "SELECT id, name, saved_ns, body FROM comparisons WHERE id > ?"
	    " ORDER BY id");
	stmt_i64(q, 1, l.page.after);
	while (stmt_step(q) && api_page_take(&l.page, stmt_get_i64(q, 0)))
		write_one(&l.out, q);
	api_list_end(a, &l);
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

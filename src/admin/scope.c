#include "admin/scope.h"

#include "base/clock.h"
#include "base/json.h"
#include "model/ident.h"
#include "model/money.h"
#include "shm/shm.h"

static const char *const kinds[] = {
	[SUBJECT_ORG] = "org",
	[SUBJECT_TEAM] = "team",
	[SUBJECT_PROJECT] = "project",
	[SUBJECT_USER] = "user",
	[SUBJECT_SERVICE] = "service",
	[SUBJECT_KEY] = "key",
	[SUBJECT_TAG] = "tag",
};

const char *
scope_kind(unsigned kind)
{
	return kind < NELEM(kinds) ? kinds[kind] : NULL;
}

void
scope_write_id(struct buf *b, const char *key, uint64_t id)
{
	json_w_key(b, key);
	buf_fmt(b, "\"%llu\"", (unsigned long long)id);
}

void
scope_write_money(struct buf *b, const char *key, int64_t nano)
{
	struct buf m = { 0 };

	money_write(&m, (struct money){ nano });
	json_w_kstr(b, key, buf_slice(&m));
	buf_fini(&m);
}

void
scope_write_time(struct buf *b, const char *key, int64_t ns)
{
	json_w_key(b, key);
	if (ns == INT64_MIN || ns == INT64_MAX || ns == 0)
		json_w_null(b);
	else
		json_w_i64(b, ns / NS_PER_S);
}

/* The scope alone. */
static void
scope_text(struct buf *b, struct stmt *q, int at)
{
	const char *kind = scope_kind((unsigned)stmt_get_i64(q, at));
	char id[KEY_ID_TEXT + 1];

	if (kind != NULL) {
		buf_fmt(b, "%s:", kind);
		buf_add(b, stmt_get(q, at + 1));
		return;
	}
	key_id_write(stmt_get_u64(q, at + 2), id);
	buf_fmt(b, "key:%s", id);
}

void
scope_write(struct buf *b, struct stmt *q, int at)
{
	const bool named = scope_kind((unsigned)stmt_get_i64(q, at)) != NULL;
	struct buf text = { 0 };

	scope_text(&text, q, at);
	json_w_kstr(b, "scope", buf_slice(&text));
	json_w_kstr(b, "name", stmt_get(q, named ? at + 1 : at + 3));
	buf_fini(&text);
}

/* --- asked for ------------------------------------------------------------ */

static bool
find_key(struct store *s, struct slice text, struct buf *out)
{
	struct stmt *q = store_sql(s,
	    "SELECT n.id FROM keys k JOIN keys n ON n.principal = k.principal"
	    " WHERE k.id = ? ORDER BY n.revoked, n.created_ns DESC LIMIT 1");
	char newest[KEY_ID_TEXT + 1];
	uint64_t id;

	if (!key_id_parse(text, &id))
		return false;
	stmt_u64(q, 1, id);
	if (!stmt_step(q))
		return false;
	key_id_write(stmt_get_u64(q, 0), newest);
	buf_str(out, newest);
	return true;
}

static bool
find_named(struct store *s, size_t kind, struct slice name, struct buf *out)
{
	struct stmt *q =
	    store_sql(s, "SELECT name FROM subjects WHERE kind = ?1 AND"
			 " (name = ?2 OR '#' || id = ?2)");

	stmt_i64(q, 1, (int64_t)kind);
	stmt_text(q, 2, name);
	if (!stmt_step(q))
		return false;
	buf_add(out, stmt_get(q, 0));
	return true;
}

static bool
find(struct api *a, struct store *s, struct slice *scope)
{
	struct buf text = { 0 };
	struct slice head, name;
	size_t kind;
	bool good;

	if (!slice_cut(*scope, ':', &head, &name))
		return false;
	for (kind = 0; kind < NELEM(kinds); kind++) {
		if (kinds[kind] != NULL &&
		    slice_eq(head, slice_of(kinds[kind])))
			break;
	}
	buf_fmt(&text, "%.*s:", S_FMT(head));
	good = kind == SUBJECT_KEY ? find_key(s, name, &text)
				   : find_named(s, kind, name, &text);
	*scope = arena_copy(&a->arena, buf_slice(&text));
	buf_fini(&text);
	return good;
}

bool
scope_asked(struct api *a, struct api_list *l, struct slice *scope)
{
	*scope = api_query(a, "scope");
	if (scope->len == 0 || find(a, l->store, scope))
		return true;
	buf_fini(&l->out);
	store_close(&l->store);
	api_fail(a, FAULT_NOT_FOUND,
	    "'scope': there is none such; it is org:NAME, team:NAME,"
	    " project:NAME, user:NAME, service:NAME, tag:k=v or key:ID");
	return false;
}

bool
scope_is(struct stmt *q, int at, struct slice scope)
{
	struct buf text = { 0 };
	bool good;

	if (scope.len == 0)
		return true;
	scope_text(&text, q, at);
	good = slice_eq(buf_slice(&text), scope);
	buf_fini(&text);
	return good;
}

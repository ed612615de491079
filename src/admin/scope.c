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

void
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

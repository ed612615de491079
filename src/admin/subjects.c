/*
 * subjects.c - orgs, teams, projects, users, services and tags
 *
 * One set of handlers; the path says of which kind.  The recorder judges
 * names and places.
 */
#include "admin/api.h"
#include "admin/control_priv.h"
#include "admin/scope.h"
#include "base/clock.h"
#include "crypto/digest.h"
#include "shm/shm.h"
#include "store/store.h"

static const struct {
	const char *path, *name, *list;
	enum subject_kind kind;
} kinds[] = {
	{ "/api/v1/orgs", "org", "orgs", SUBJECT_ORG },
	{ "/api/v1/teams", "team", "teams", SUBJECT_TEAM },
	{ "/api/v1/projects", "project", "projects", SUBJECT_PROJECT },
	{ "/api/v1/users", "user", "users", SUBJECT_USER },
	{ "/api/v1/services", "service", "services", SUBJECT_SERVICE },
	{ "/api/v1/tags", "tag", "tags", SUBJECT_TAG },
};

static size_t
kind_of(const struct api *a)
{
	const struct slice path = slice_of(a->route->path);
	size_t i;

	for (i = 0; i < NELEM(kinds); i++) {
		if (slice_starts(path, slice_of(kinds[i].path)))
			return i;
	}
	CHECK(i < NELEM(kinds));
	return 0;
}

/* --- reading -------------------------------------------------------------- */

static void
write_subject(struct buf *b, struct stmt *q)
{
	const int64_t parent_kind = stmt_get_i64(q, 5);

	json_w_begin(b, '{');
	scope_write_id(b, "id", stmt_get_u64(q, 0));
	json_w_kstr(b, "name", stmt_get(q, 1));
	if (parent_kind != 0)
		json_w_kstr(
		    b, scope_kind((unsigned)parent_kind), stmt_get(q, 2));
	json_w_kbool(b, "closed", stmt_get_i64(q, 3) != 0);
	json_w_ki64(b, "created", stmt_get_i64(q, 4) / NS_PER_S);
	json_w_end(b, '}');
}

/* It has no number: what may change is what it is told by. */
static unsigned
version_of(struct stmt *q)
{
	uint8_t sum[DIGEST_LEN];
	uint32_t n;

	digest_of(stmt_get(q, 1), sum);
	memcpy(&n, sum, sizeof(n));
	return (n << 1 ^ (stmt_get_i64(q, 3) != 0 ? 1U << 31 : 0)) | 1;
}

#define SUBJECT_SQL \
	"SELECT s.id, s.name, p.name, s.closed, s.created_ns," \
	" coalesce(p.kind, 0) FROM subjects s LEFT JOIN subjects p" \
	" ON p.id = s.parent WHERE s.kind = ?"

void
subjects_list(struct api *a)
{
	const size_t kind = kind_of(a);
	const bool all = slice_eq(api_query(a, "all"), S("true"));
	struct api_list l;
	struct stmt *q;

	if (!api_list_begin(a, &l, kinds[kind].list))
		return;
	q = store_sql(l.store,
	    SUBJECT_SQL " AND (s.closed = 0 OR ?) AND s.id > ? ORDER BY s.id");
	stmt_i64(q, 1, kinds[kind].kind);
	stmt_i64(q, 2, all);
	stmt_i64(q, 3, l.page.after);
	while (stmt_step(q) && api_page_take(&l.page, stmt_get_i64(q, 0)))
		write_subject(&l.out, q);
	api_list_end(a, &l);
}

void
subjects_get(struct api *a)
{
	const size_t kind = kind_of(a);
	struct store *s = api_store(a);
	struct buf b = { 0 };
	struct stmt *q;
	uint64_t id = 0;

	if (s == NULL)
		return;
	store_begin(s);
	q = store_sql(s, SUBJECT_SQL " AND s.id = ?");
	stmt_i64(q, 1, kinds[kind].kind);
	if (slice_u64(a->segment, &id))
		stmt_u64(q, 2, id);
	if (id != 0 && stmt_step(q)) {
		a->version = version_of(q);
		write_subject(&b, q);
		api_answer_store(a, &s, &b);
		return;
	}
	store_close(&s);
	api_fail(a, FAULT_NOT_FOUND, NULL);
}

/* --- wishes
 * ------------------------------------------------------------------- */

static void
then_made(struct api *a, const struct json *answer)
{
	struct buf b = { 0 };

	if (!api_agreed(answer)) {
		api_fail_as_told(a, answer);
		return;
	}
	json_w_begin(&b, '{');
	json_w_kstr(&b, "id", json_get_str(answer, "id"));
	json_w_end(&b, '}');
	api_reply(a, 201, &b);
}

/* {"name":"ml","org":"acme"}: the recorder calls the name by its kind. */
void
subjects_create(struct api *a)
{
	static const char *const known[] = { "name", "org", "team", NULL };
	const char *kind = kinds[kind_of(a)].name;
	const struct slice name = json_get_str(a->body, "name");
	struct buf b = { 0 };
	const char *wrong = api_wish_begin(a, "subject_create", known, &b);

	if (wrong == NULL && name.len == 0)
		wrong = "'name' must be a text";
	if (wrong == NULL && json_get(a->body, kind) != NULL)
		wrong = "the name of what is made is 'name'";
	if (wrong != NULL) {
		buf_fini(&b);
		api_fail(a, FAULT_FIELD, wrong);
		return;
	}
	json_w_kstr(&b, "kind", slice_of(kind));
	if (strcmp(kind, "tag") == 0) {
		json_w_key(&b, "tags");
		json_w_begin(&b, '[');
		json_w_str(&b, name);
		json_w_end(&b, ']');
	} else {
		json_w_kstr(&b, kind, name);
	}
	api_wish(a, &b, then_made);
}

static void
then_done(struct api *a, const struct json *answer)
{
	struct buf b = { 0 };

	if (!api_agreed(answer)) {
		api_fail_as_told(a, answer);
		return;
	}
	json_w_begin(&b, '{');
	json_w_kstr(&b, "id", a->segment);
	json_w_end(&b, '}');
	api_reply(a, 200, &b);
}

/* Is it as the caller read it?  False: answered. */
static bool
as_read(struct api *a)
{
	struct slice want = slice_trim(a->if_match);
	struct store *s;
	struct stmt *q;
	uint64_t id = 0, version = 0;
	bool same;

	if (want.len == 0 || slice_eq(want, S("*")))
		return true;
	if (want.len > 2 && want.p[0] == '"')
		want = (struct slice){ want.p + 1, want.len - 2 };
	s = api_store(a);
	if (s == NULL)
		return false;
	q = store_sql(s, SUBJECT_SQL " AND s.id = ?");
	stmt_i64(q, 1, kinds[kind_of(a)].kind);
	if (slice_u64(a->segment, &id))
		stmt_u64(q, 2, id);
	/* What is not there is the recorder's to refuse. */
	same = id == 0 || !stmt_step(q) ||
	       (slice_u64(want, &version) && version == version_of(q));
	store_close(&s);
	if (!same)
		api_fail(a, FAULT_PRECONDITION, "it was changed since");
	return same;
}

static void
wish_about(struct api *a, struct buf *b)
{
	if (!as_read(a)) {
		buf_fini(b);
		return;
	}
	a->segment = arena_copy(&a->arena, a->segment);
	json_w_kstr(b, "id", a->segment);
	json_w_kstr(b, "kind", slice_of(kinds[kind_of(a)].name));
	api_wish(a, b, then_done);
}

void
subjects_rename(struct api *a)
{
	static const char *const known[] = { "name", NULL };
	struct buf b = { 0 };
	const char *wrong = api_wish_begin(a, "subject_rename", known, &b);

	if (wrong == NULL) {
		wish_about(a, &b);
		return;
	}
	buf_fini(&b);
	api_fail(a, FAULT_FIELD, wrong);
}

void
subjects_close(struct api *a)
{
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_kstr(&b, "op", S("subject_close"));
	wish_about(a, &b);
}

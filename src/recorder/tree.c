/*
 * Subjects: who money and pace belong to.  An org stands above teams, users
 * and services, a team above projects; tags stand alone.  What a subject
 * stands under is fixed when it is made, so history never changes.  Names
 * are in the store only: the log has a commitment.
 */
#include "base/log.h"
#include "model/ident.h"
#include "recorder/state.h"
#include "shm/atomic.h"
#include "shm/subject.h"

/* In a table of its own, so that a name finds its subject. */
struct subject_name {
	struct node node;
	struct subject *s;
};

static const struct {
	const char *name;
	enum subject_kind parent;
} kinds[] = {
	[SUBJECT_ORG] = { "org", 0 },
	[SUBJECT_TEAM] = { "team", SUBJECT_ORG },
	[SUBJECT_PROJECT] = { "project", SUBJECT_TEAM },
	[SUBJECT_USER] = { "user", SUBJECT_ORG },
	[SUBJECT_SERVICE] = { "service", SUBJECT_ORG },
	[SUBJECT_KEY] = { "key", 0 },
	[SUBJECT_TAG] = { "tag", 0 },
};

const char *
tree_kind(unsigned kind)
{
	return kind < NELEM(kinds) ? kinds[kind].name : NULL;
}

enum subject_kind
tree_kind_find(struct slice name)
{
	unsigned i;

	for (i = 1; i < NELEM(kinds); i++) {
		if (slice_eq(slice_of(kinds[i].name), name))
			return (enum subject_kind)i;
	}
	return 0;
}

/* Under what it stands; 0: under nothing. */
static enum subject_kind
tree_parent_kind(enum subject_kind kind)
{
	CHECK((unsigned)kind < NELEM(kinds));
	return kinds[kind].parent;
}

/* --- finding ------------------------------------------------------------ */

/* Ids of keys are random, those of other subjects count from 1: two spaces. */
static uint64_t
id_hash(uint64_t id, bool key)
{
	return key ? table_hash(id, SUBJECT_KEY, 0) : id;
}

static struct subject *
find(const struct recorder *r, uint64_t id, bool key)
{
	struct subject *s = table_first(&r->subjects, id_hash(id, key));

	while (s != NULL && (s->id != id || (s->kind == SUBJECT_KEY) != key))
		s = table_same(s);
	return s;
}

struct subject *
tree_find(const struct recorder *r, uint64_t id)
{
	return find(r, id, false);
}

static uint64_t
name_hash(enum subject_kind kind, struct slice name)
{
	return table_hash(hash64(name), (uint64_t)kind, 2);
}

static struct subject_name *
find_name(const struct recorder *r, enum subject_kind kind, struct slice name)
{
	struct subject_name *n = table_first(&r->names, name_hash(kind, name));

	while (n != NULL && (n->s->kind != kind || n->s->closed ||
				!slice_eq(slice_of(n->s->name), name)))
		n = table_same(n);
	return n;
}

struct subject *
tree_named(const struct recorder *r, enum subject_kind kind, struct slice name)
{
	const struct subject_name *n = find_name(r, kind, name);

	return n != NULL ? n->s : NULL;
}

void
tree_adopt(struct recorder *r)
{
	const uint32_t n = at_load(&r->m->head->nsubjects);
	const struct shm_subject *row;
	struct subject *s;
	uint32_t i;

	for (i = 0; i < n && i < r->m->sizes.subjects; i++) {
		row = &r->m->subjects[i];
		s = find(
		    r, at_load(&row->id), at_load(&row->kind) == SUBJECT_KEY);
		if (s != NULL)
			s->row = i;
	}
}

uint64_t
tree_next_id(struct recorder *r)
{
	while (tree_find(r, ++r->last_subject) != NULL)
		;
	return r->last_subject;
}

/* --- making ------------------------------------------------------------- */

static struct subject *
make(struct recorder *r, uint64_t id, enum subject_kind kind,
    struct subject *parent)
{
	struct subject *s = NEW(struct subject);

	s->id = id;
	s->kind = kind;
	s->parent = parent;
	s->row = UINT32_MAX;
	table_add(&r->subjects, &s->node, id_hash(id, kind == SUBJECT_KEY));
	return s;
}

static void
index_name(struct recorder *r, struct subject *s)
{
	struct subject_name *n;

	if (s->kind == SUBJECT_KEY)
		return; /* keys go by their id */
	n = NEW(struct subject_name);
	n->s = s;
	table_add(&r->names, &n->node, name_hash(s->kind, slice_of(s->name)));
}

static void
drop_name(struct recorder *r, struct subject *s)
{
	const uint64_t h = name_hash(s->kind, slice_of(s->name));
	struct subject_name *n = table_first(&r->names, h);

	while (n != NULL && n->s != s)
		n = table_same(n);
	if (n == NULL)
		return;
	table_remove(&r->names, &n->node);
	mem_free(n);
}

static void
set_name(struct recorder *r, struct subject *s, struct slice name)
{
	if (s->name != NULL)
		drop_name(r, s);
	mem_free(s->name);
	s->name = mem_dup(name);
	index_name(r, s);
}

static void
set_lost_name(struct recorder *r, struct subject *s)
{
	struct buf b = { 0 };

	buf_fmt(&b, "#%llu", (unsigned long long)s->id);
	set_name(r, s, buf_slice(&b));
	buf_fini(&b);
}

void
tree_name(struct recorder *r, struct subject *s, struct slice name,
    const uint8_t salt[16])
{
	set_name(r, s, name);
	memcpy(s->salt, salt, sizeof(s->salt));
	s->dirty = true;
	r->dirty_rows++;
}

struct subject *
tree_own(struct recorder *r, uint64_t key)
{
	struct subject *s = find(r, key, true);

	if (s == NULL) {
		s = make(r, key, SUBJECT_KEY, NULL);
		s->name = mem_dup(S(""));
	}
	return s;
}

struct subject *
tree_owner(struct recorder *r, uint64_t subject, uint64_t key)
{
	if (subject != 0)
		return tree_find(r, subject);
	return key != 0 ? tree_own(r, key) : NULL;
}

struct subject *
tree_load(struct recorder *r, uint64_t id, enum subject_kind kind,
    uint64_t parent, struct slice name)
{
	struct subject *s = make(r, id, kind, tree_find(r, parent));

	set_name(r, s, name);
	return s;
}

/* --- frames --------------------------------------------------------------- */

static const char *
judge(const struct recorder *r, const struct subject_change *v)
{
	const struct subject *parent;
	enum subject_kind want;

	if (v->kind == 0 || v->kind >= NELEM(kinds) || v->kind == SUBJECT_KEY)
		return "it is a subject of no known kind";
	want = tree_parent_kind((enum subject_kind)v->kind);
	if (want == 0)
		return v->parent != 0 ? "it stands under what it cannot" : NULL;
	parent = tree_find(r, v->parent);
	if (parent == NULL || parent->kind != want)
		return "it stands under what it cannot";
	return NULL;
}

const char *
tree_apply(struct recorder *r, const struct subject_change *v)
{
	struct subject *s = tree_find(r, v->subject);
	const char *why = judge(r, v);

	if (why != NULL)
		return why;
	if (s != NULL && ((unsigned)s->kind != v->kind ||
			     s->parent != tree_find(r, v->parent)))
		return "it moves a subject";
	if (s == NULL) {
		s = make(r, v->subject, (enum subject_kind)v->kind,
		    tree_find(r, v->parent));
		s->created_ns = v->wall_ns;
		set_lost_name(r, s);
	}
	s->closed = v->op == OP_END;
	s->dirty = true;
	r->dirty_rows++;
	return NULL;
}

/* --- shared memory -------------------------------------------------------- */

/* As much of s as fits, whole characters. */
static struct slice
cut(struct slice s, size_t most)
{
	if (s.len <= most)
		return s;
	s.len = most;
	while (s.len > 0 && ((unsigned char)s.p[s.len] & 0xc0) == 0x80)
		s.len--;
	return s;
}

void
tree_label(const struct subject *s, size_t most, struct buf *out)
{
	buf_str(out, tree_kind((unsigned)s->kind));
	buf_char(out, ' ');
	buf_add(out, cut(slice_of(s->name), most));
}

static void
publish_lists(struct recorder *r, const struct subject *s)
{
	int32_t budget[SUBJECT_BUDGETS], limit[SUBJECT_LIMITS];
	const struct account *a;
	const struct cap *c;
	unsigned nb = 0, nl = 0;

	for (a = s->budgets; a != NULL && nb < SUBJECT_BUDGETS; a = a->next) {
		if (!a->closed && a->row != UINT32_MAX)
			budget[nb++] = (int32_t)a->row;
	}
	for (c = s->caps; c != NULL && nl < SUBJECT_LIMITS; c = c->next) {
		if (!c->closed && c->row != UINT32_MAX)
			limit[nl++] = (int32_t)c->row;
	}
	subject_set_budgets(r->m, s->row, budget, nb);
	subject_set_limits(r->m, s->row, limit, nl);
}

bool
tree_whole(const struct subject *s)
{
	const struct account *a;
	const struct cap *c;

	for (a = s->budgets; a != NULL; a = a->next) {
		if (!a->closed && a->row == UINT32_MAX)
			return false;
	}
	for (c = s->caps; c != NULL; c = c->next) {
		if (!c->closed && c->row == UINT32_MAX)
			return false;
	}
	return true;
}

bool
tree_publish(struct recorder *r, struct subject *s)
{
	/* Tags are found by it, rules of routing name all kinds by it. */
	const bool named = s->name != NULL && !s->closed;

	s->row = subject_set(r->m, s->row, s->id, s->kind,
	    named ? hash64(slice_of(s->name)) : 0);
	if (s->row == UINT32_MAX)
		return false;
	publish_lists(r, s);
	return tree_whole(s);
}

/* --- the end -------------------------------------------------------------- */

static void
free_subject(void *arg, void *node)
{
	(void)arg;
	mem_free(((struct subject *)node)->name);
}

void
tree_free(struct recorder *r)
{
	table_each(&r->subjects, free_subject, NULL);
	table_free(&r->subjects);
	table_free(&r->names);
}

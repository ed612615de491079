/*
 * Where something stands in the tree.  Who names an unknown team or user
 * makes it, in the org he names, else in the one that follows from the rest,
 * else in "default"; a name that stands elsewhere is refused, for nothing
 * ever moves.
 */
#include "base/clock.h"
#include "crypto/digest.h"
#include "model/ident.h"
#include "recorder/control_priv.h"
#include "shm/atomic.h"

static void
refuse_elsewhere(struct reply *p, const struct subject *s, struct slice wanted)
{
	control_refuse_fmt(p, FAULT_CONFLICT,
	    "%s %s stands in %s %s, not in %.*s; nothing moves: use another "
	    "name",
	    tree_kind((unsigned)s->kind), s->name,
	    tree_kind((unsigned)s->parent->kind), s->parent->name,
	    S_FMT(wanted));
}

/* "#12" names the one of that id, and nothing new. */
static void
read_spot(struct recorder *r, struct spot *t, enum subject_kind kind,
    struct slice name, struct reply *p)
{
	uint64_t id;

	*t = (struct spot){ .kind = kind, .name = name };
	if (name.len > 1 && name.p[0] == '#' &&
	    slice_u64((struct slice){ name.p + 1, name.len - 1 }, &id)) {
		t->s = tree_find(r, id);
		if (t->s == NULL || t->s->kind != kind || t->s->closed)
			control_refuse_fmt(p, FAULT_NOT_FOUND,
			    "there is no %s %.*s", tree_kind((unsigned)kind),
			    S_FMT(name));
		return;
	}
	if (control_name_sane(kind, name, p))
		t->s = tree_named(r, kind, name);
}

static void
read_named(struct recorder *r, const struct json *j, struct spot *t,
    enum subject_kind kind, struct reply *p)
{
	const char *key = tree_kind((unsigned)kind);

	if (json_get(j, key) != NULL && json_get(j, key)->type != JSON_NULL)
		read_spot(r, t, kind, control_text(j, key, p), p);
}

static void
read_tags(
    struct recorder *r, const struct json *j, struct place *w, struct reply *p)
{
	const struct json *list = json_get(j, "tags"), *e;
	unsigned i;

	if (list == NULL || list->type == JSON_NULL)
		return;
	if (list->type != JSON_ARRAY)
		control_refuse(
		    p, FAULT_FIELD, "'tags' must be a list of \"k=v\"");
	/* The key, who, project, team and org have a place of their own. */
	if (list->n > KEY_SUBJECTS - 5)
		control_refuse_fmt(p, FAULT_FIELD, "a key has at most %d tags",
		    KEY_SUBJECTS - 5);
	for (e = list->child; e != NULL && p->fault == FAULT_NONE;
	     e = e->next) {
		struct spot *t = &w->tag[w->ntags];

		if (e->type != JSON_STRING)
			control_refuse(
			    p, FAULT_FIELD, "'tags' must be a list of \"k=v\"");
		else
			read_spot(r, t, SUBJECT_TAG, e->text, p);
		for (i = 0; i < w->ntags; i++) {
			if (slice_eq(w->tag[i].name, t->name))
				control_refuse(
				    p, FAULT_FIELD, "a tag stands there twice");
		}
		w->ntags++;
	}
}

static struct spot
there(struct subject *s)
{
	return (struct spot){ s->kind, slice_of(s->name), s };
}

/* What stands under *up: *up follows from it, or must be it. */
static void
follow(const struct spot *t, struct spot *up, struct reply *p)
{
	if (t->s == NULL || t->s->parent == NULL)
		return;
	if (up->kind == 0)
		*up = there(t->s->parent);
	else if (up->s != t->s->parent)
		refuse_elsewhere(p, t->s, up->name);
}

static void
join(struct recorder *r, struct place *w, struct reply *p)
{
	if (w->project.kind != 0 && w->project.s == NULL && w->team.kind == 0)
		control_refuse_fmt(p, FAULT_FIELD,
		    "project %.*s is new: say its team",
		    S_FMT(w->project.name));
	follow(&w->project, &w->team, p);
	follow(&w->team, &w->org, p);
	follow(&w->who, &w->org, p);
	if (w->org.kind == 0 && (w->team.kind != 0 || w->who.kind != 0))
		read_spot(r, &w->org, SUBJECT_ORG, S("default"), p);
}

void
control_place(struct recorder *r, const struct json *j, struct place *out,
    struct reply *p)
{
	struct spot service = { 0 };

	memset(out, 0, sizeof(*out));
	read_named(r, j, &out->org, SUBJECT_ORG, p);
	read_named(r, j, &out->team, SUBJECT_TEAM, p);
	read_named(r, j, &out->project, SUBJECT_PROJECT, p);
	read_named(r, j, &out->who, SUBJECT_USER, p);
	read_named(r, j, &service, SUBJECT_SERVICE, p);
	read_tags(r, j, out, p);
	if (service.kind != 0 && out->who.kind != 0)
		control_refuse(p, FAULT_FIELD,
		    "a key is a user's or a service's, not both");
	if (service.kind != 0)
		out->who = service;
	if (p->fault == FAULT_NONE)
		join(r, out, p);
}

static unsigned
missing(const struct spot *t)
{
	return t->kind != 0 && t->s == NULL;
}

unsigned
control_place_missing(const struct place *w)
{
	unsigned i, n = missing(&w->org) + missing(&w->team) +
			missing(&w->project) + missing(&w->who);

	for (i = 0; i < w->ntags; i++)
		n += missing(&w->tag[i]);
	return n;
}

bool
control_subject_room(const struct recorder *r, unsigned more, struct reply *p)
{
	if (more > 0 &&
	    at_load(&r->m->head->nsubjects) + more > r->m->sizes.subjects)
		control_refuse(p, FAULT_OVERLOAD,
		    "there is no room for more teams, users and keys: raise "
		    "limits.max_subjects");
	return p->fault == FAULT_NONE;
}

/* --- frames ----------------------------------------------------------------
 */

/* So that a name can be proven from the log, and forgotten with its salt. */
static void
commit_name(struct subject_change *v, const uint8_t salt[16], struct slice name)
{
	struct digest d;

	digest_init(&d);
	digest_add(&d, (struct slice){ (const char *)salt, 16 });
	digest_add(&d, name);
	digest_end(&d, v->commitment);
}

static struct subject_change
change_of(const struct subject *s, enum frame_op op)
{
	struct subject_change v = { .wall_ns = clock_wall_ns(),
		.op = op,
		.subject = s->id,
		.parent = s->parent != NULL ? s->parent->id : 0,
		.kind = (unsigned)s->kind };

	commit_name(&v, s->salt, slice_of(s->name));
	return v;
}

static void
make(struct recorder *r, struct spot *t, const struct subject *parent)
{
	struct subject_change v = { .wall_ns = clock_wall_ns(),
		.op = OP_CREATE,
		.kind = (unsigned)t->kind,
		.parent = parent != NULL ? parent->id : 0 };
	uint8_t salt[16];

	if (!missing(t))
		return;
	random_bytes(salt, sizeof(salt));
	commit_name(&v, salt, t->name);
	v.subject = tree_next_id(r);
	own_subject(r, &v);
	t->s = tree_find(r, v.subject);
	CHECK(t->s != NULL);
	tree_name(r, t->s, t->name, salt);
}

void
control_place_make(struct recorder *r, struct place *w)
{
	unsigned i;

	make(r, &w->org, NULL);
	make(r, &w->team, w->org.s);
	make(r, &w->project, w->team.s);
	make(r, &w->who, w->org.s);
	for (i = 0; i < w->ntags; i++)
		make(r, &w->tag[i], NULL);
}

unsigned
control_place_list(const struct place *w, struct subject *out[KEY_SUBJECTS])
{
	const struct spot *const way[] = { &w->who, &w->project, &w->team,
		&w->org };
	unsigned i, n = 0;

	for (i = 0; i < NELEM(way); i++) {
		if (way[i]->s != NULL)
			out[n++] = way[i]->s;
	}
	for (i = 0; i < w->ntags; i++) {
		if (w->tag[i].s != NULL)
			out[n++] = w->tag[i].s;
	}
	return n;
}

/* --- operations
 * ---------------------------------------------------------------
 */

static struct spot *
wanted(struct place *w, enum subject_kind kind)
{
	switch (kind) {
	case SUBJECT_ORG:
		return &w->org;
	case SUBJECT_TEAM:
		return &w->team;
	case SUBJECT_PROJECT:
		return &w->project;
	case SUBJECT_USER:
	case SUBJECT_SERVICE:
		return &w->who;
	case SUBJECT_TAG:
		return &w->tag[0];
	case SUBJECT_KEY:
		break;
	}
	return NULL;
}

void
control_subject_publish(struct recorder *r, struct subject *s, struct reply *p)
{
	if (!tree_publish(r, s))
		control_refuse(p, FAULT_OVERLOAD,
		    "there is no room for it: raise limits.max_subjects");
}

static void
publish_all(struct recorder *r, struct place *w, struct reply *p)
{
	struct subject *list[KEY_SUBJECTS];
	const unsigned n = control_place_list(w, list);
	unsigned i;

	for (i = 0; i < n; i++) {
		if (list[i]->row == UINT32_MAX)
			control_subject_publish(r, list[i], p);
	}
}

/* {"kind":"team","team":"ml","org":"acme"}; a tag: {"kind":"tag","tags":[..]}
 */
void
control_subject_create(
    struct recorder *r, const struct json *j, struct reply *p)
{
	const enum subject_kind kind =
	    tree_kind_find(control_text(j, "kind", p));
	struct place w;
	struct spot *t;

	if (control_again(r, j, p))
		return;
	control_place(r, j, &w, p);
	t = kind != 0 ? wanted(&w, kind) : NULL;
	if (t == NULL || t->kind != kind)
		control_refuse(p, FAULT_FIELD, "a name must be said");
	else if (t->s != NULL)
		control_refuse_fmt(p, FAULT_CONFLICT,
		    "there is a %s %s already, its id is %llu",
		    tree_kind((unsigned)kind), t->s->name,
		    (unsigned long long)t->s->id);
	if (p->fault != FAULT_NONE ||
	    !control_subject_room(r, control_place_missing(&w), p))
		return;
	control_place_make(r, &w);
	control_say_id(p, "id", t->s->id);
	control_remember(r, j, p);
	if (control_durable(r, p))
		publish_all(r, &w, p);
}

static struct subject *
find(struct recorder *r, const struct json *j, struct reply *p)
{
	const enum subject_kind kind =
	    tree_kind_find(control_text(j, "kind", p));
	const uint64_t id = control_id(j, "id", p);
	struct subject *s = p->fault == FAULT_NONE ? tree_find(r, id) : NULL;

	if (s == NULL || s->kind != kind || s->closed) {
		control_refuse(p, FAULT_NOT_FOUND, "nothing has this id");
		return NULL;
	}
	return s;
}

struct renamed {
	struct recorder *r;
	const struct subject *s;
	unsigned live; /* keys that are good */
	bool mark;
};

static void
look_at_key(void *arg, void *node)
{
	struct renamed *n = arg;
	struct key *k = node;
	unsigned i;

	for (i = 0; i < k->nsubjects && k->subject[i] != n->s; i++)
		;
	if (i == k->nsubjects)
		return;
	n->live += !k->revoked;
	if (n->mark)
		noun_renamed(n->r, k);
}

void
control_subject_rename(
    struct recorder *r, const struct json *j, struct reply *p)
{
	const struct slice name = control_text(j, "name", p);
	struct subject *s = find(r, j, p);
	struct renamed n = { r, s, 0, true };
	struct subject_change v;
	struct account *a;
	struct cap *c;
	uint8_t salt[16];

	if (s == NULL || !control_name_sane(s->kind, name, p))
		return;
	if (tree_named(r, s->kind, name) != NULL &&
	    tree_named(r, s->kind, name) != s)
		control_refuse_fmt(p, FAULT_CONFLICT,
		    "there is a %s of this name already",
		    tree_kind((unsigned)s->kind));
	if (p->fault != FAULT_NONE)
		return;
	random_bytes(salt, sizeof(salt));
	v = change_of(s, OP_CHANGE);
	commit_name(&v, salt, name);
	own_subject(r, &v);
	tree_name(r, s, name, salt);
	table_each(&r->keys, look_at_key, &n);
	if (!control_durable(r, p))
		return;
	for (a = s->budgets; a != NULL; a = a->next) {
		if (!a->closed)
			control_budget_publish(r, a, p);
	}
	for (c = s->caps; c != NULL; c = c->next) {
		if (!c->closed)
			control_limit_publish(r, c, p);
	}
	control_subject_publish(r, s, p);
}

static void
look_at_child(void *arg, void *node)
{
	struct renamed *n = arg;
	const struct subject *s = node;

	n->live += s->parent == n->s && !s->closed;
}

/* Only what binds nobody and holds nothing. */
void
control_subject_close(struct recorder *r, const struct json *j, struct reply *p)
{
	struct subject *s = find(r, j, p);
	struct renamed n = { r, s, 0, false };
	const struct account *a;
	const struct cap *c;
	struct subject_change v;

	if (s == NULL)
		return;
	table_each(&r->keys, look_at_key, &n);
	table_each(&r->subjects, look_at_child, &n);
	for (a = s->budgets; a != NULL; a = a->next)
		n.live += !a->closed;
	for (c = s->caps; c != NULL; c = c->next)
		n.live += !c->closed;
	if (n.live > 0) {
		control_refuse_fmt(p, FAULT_CONFLICT,
		    "%s %s has keys, budgets, limits or things under it: %u; "
		    "revoke and close them first",
		    tree_kind((unsigned)s->kind), s->name, n.live);
		return;
	}
	v = change_of(s, OP_END);
	own_subject(r, &v);
	if (control_durable(r, p))
		control_subject_publish(r, s, p);
}

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "recorder/state.h"
#include "shm/atomic.h"
#include "shm/key.h"

struct key *
noun_key(const struct recorder *r, uint64_t id)
{
	return table_first(&r->keys, id);
}

/* Names that the configuration has; else what is left of one: its hash. */
static void
write_models(const struct recorder *r, const struct key_change *v, char **out)
{
	const struct snapshot *s = r->snapshot;
	struct buf b = { 0 };
	unsigned i, k;

	json_w_begin(&b, '[');
	for (i = 0; i < v->nmodels; i++) {
		for (k = 0; s != NULL && k < s->nmodels; k++) {
			if (s->model[k].hash == v->models[i])
				break;
		}
		if (s != NULL && k < s->nmodels) {
			json_w_str(&b, slice_of(s->model[k].id));
		} else {
			char hex[20];
			struct buf t = { 0 };

			buf_fmt(
			    &t, "%016llx", (unsigned long long)v->models[i]);
			memcpy(hex, buf_cstr(&t), 17);
			buf_fini(&t);
			json_w_str(&b, slice_of(hex));
		}
	}
	json_w_end(&b, ']');
	mem_free(*out);
	*out = mem_dup(buf_slice(&b));
	buf_fini(&b);
}

static struct key *
key_new(struct recorder *r, const struct key_change *v)
{
	struct key *k = NEW(struct key);
	char text[KEY_ID_TEXT + 1];

	key_id_write(v->key, text);
	k->name = mem_dup(slice_of(text));
	k->team = mem_dup(S(""));
	k->created_ns = v->wall_ns;
	k->id = v->key;
	table_add(&r->keys, &k->node, v->key);
	return k;
}

/* --- where a key stands -----------------------------------------------------
 */

struct subject *
noun_subject(const struct key *k, enum subject_kind kind)
{
	unsigned i;

	for (i = 0; i < k->nsubjects; i++) {
		if (k->subject[i]->kind == kind)
			return k->subject[i];
	}
	return NULL;
}

/* Kinds in this order, tags last. */
static unsigned
rank(enum subject_kind kind)
{
	static const unsigned ranks[] = { [SUBJECT_USER] = 1,
		[SUBJECT_SERVICE] = 1,
		[SUBJECT_PROJECT] = 2,
		[SUBJECT_TEAM] = 3,
		[SUBJECT_ORG] = 4,
		[SUBJECT_TAG] = 5 };

	return (unsigned)kind < NELEM(ranks) ? ranks[kind] : 0;
}

bool
noun_place(struct recorder *r, struct key *k, const uint64_t *id, unsigned n)
{
	struct subject *place[KEY_SUBJECTS], *s;
	unsigned i, last = 0, now;

	if (n > KEY_SUBJECTS - 1)
		return false;
	for (i = 0; i < n; i++) {
		s = tree_find(r, id[i]);
		now = s != NULL ? rank(s->kind) : 0;
		if (now == 0 || (now <= last && s->kind != SUBJECT_TAG))
			return false;
		place[i] = s;
		last = now;
	}
	mem_free(k->subject);
	k->subject = mem_new((n + 1) * sizeof(*place));
	memcpy(k->subject, place, n * sizeof(*place));
	k->nsubjects = (uint8_t)n;
	return true;
}

static bool
same_place(const struct key *k, const struct key_change *v)
{
	unsigned i;

	if (k->nsubjects != v->nsubjects)
		return false;
	for (i = 0; i < k->nsubjects; i++) {
		if (k->subject[i]->id != v->subjects[i])
			return false;
	}
	return true;
}

void
noun_set_team(struct key *k, struct slice name)
{
	char *team = mem_dup(name);

	mem_free(k->team);
	k->team = team;
}

/* The team's name, once more: residency goes by it. */
static void
take_team(struct key *k)
{
	const struct subject *team = noun_subject(k, SUBJECT_TEAM);

	if (team == NULL)
		return;
	noun_set_team(k, slice_of(team->name));
	k->team_id = hash64(slice_of(team->name));
}

void
noun_renamed(struct recorder *r, struct key *k)
{
	take_team(k);
	k->dirty = true;
	r->dirty_rows++;
}

/* The own subject is called as its newest key. */
void
noun_name_own(struct key *k)
{
	mem_free(k->own->name);
	k->own->name = mem_dup(slice_of(k->name));
}

/* What a frame says must not be half true. */
static const char *
judge(struct recorder *r, const struct key *k, const struct key_change *v)
{
	struct key there = { .name = NULL };
	bool placed;

	if (v->key == 0)
		return "it is not a key";
	placed = noun_place(r, &there, v->subjects, v->nsubjects);
	mem_free(there.subject);
	if (!placed)
		return "its place in the tree cannot be";
	if (k != NULL && !same_place(k, v))
		return "it moves a key";
	return NULL;
}

void
noun_set_models(struct key *k, const uint64_t *model, unsigned n)
{
	CHECK(n <= KEY_MODELS_MAX);
	mem_free(k->model);
	k->model = n > 0 ? mem_new(n * sizeof(*model)) : NULL;
	if (n > 0)
		memcpy(k->model, model, n * sizeof(*model));
	k->nmodels = (uint8_t)n;
}

/* Revoked stays revoked: a later change does not bring it back. */
const char *
noun_apply_key(struct recorder *r, const struct key_change *v)
{
	struct key *k = noun_key(r, v->key);
	const char *why = judge(r, k, v);

	if (why != NULL)
		return why;
	if (k == NULL) {
		k = key_new(r, v);
		CHECK(noun_place(r, k, v->subjects, v->nsubjects));
	}
	k->account = v->account;
	k->principal = v->principal;
	k->team_id = v->team;
	k->own = tree_own(r, v->principal != 0 ? v->principal : v->key);
	noun_name_own(k);
	take_team(k);
	memcpy(k->secret_sha256, v->secret_sha256, sizeof(k->secret_sha256));
	k->expires_ns = v->expires_ns;
	k->is_admin = v->is_admin;
	k->has_aws = v->has_aws;
	noun_set_models(k, v->models, v->nmodels);
	k->revoked = k->revoked || v->op == OP_END;
	if (k->models == NULL)
		write_models(r, v, &k->models);
	k->dirty = true;
	r->dirty_rows++;
	return NULL;
}

/* --- shared memory
 * ------------------------------------------------------------ */

static bool
publish_subject(struct recorder *r, struct shm_key *row, struct subject *s)
{
	if ((s->row == UINT32_MAX && !tree_publish(r, s)) || !tree_whole(s))
		return false;
	row->subject[row->nsubjects++] = (int32_t)s->row;
	return true;
}

/*
 * A key of which a subject or a budget has no row must not pass: without one
 * it would spend without a limit.
 */
bool
noun_publish_key(struct recorder *r, struct key *k)
{
	struct shm_key row = { .nmodels = k->nmodels,
		.expires_ns = k->expires_ns,
		.is_admin = k->is_admin,
		.has_aws = k->has_aws,
		.principal = k->principal,
		.team = k->team_id };
	unsigned i;

	if (!publish_subject(r, &row, k->own))
		return false;
	for (i = 0; i < k->nsubjects; i++) {
		if (!publish_subject(r, &row, k->subject[i]))
			return false;
	}
	at_poke(&row.id, k->id);
	at_poke(&row.state,
	    k->revoked ? (uint32_t)KEY_REVOKED : (uint32_t)KEY_LIVE);
	memcpy(row.secret_sha256, k->secret_sha256, sizeof(row.secret_sha256));
	if (k->nmodels > 0)
		memcpy(row.models, k->model, k->nmodels * sizeof(*k->model));
	return key_publish(r->m, &row);
}

static void
publish_account(void *arg, void *node)
{
	struct account *a = node;

	if (a->owner == NULL)
		return; /* a sum of the books */
	if (a->closed && a->row == UINT32_MAX)
		return; /* binds nobody, and never did on this node */
	if (budget_publish(arg, a))
		calendar_open(arg, a, calendar_wall(arg), true);
	else
		log_error("no room for account %llu: raise limits.max_budgets",
		    (unsigned long long)a->id);
}

static void
publish_cap(void *arg, void *node)
{
	const struct cap *c = node;

	if (c->closed && c->row == UINT32_MAX)
		return;
	if (c->owner != NULL && !cap_publish(arg, node))
		log_error("no room for limit %llu: raise limits.max_limits",
		    (unsigned long long)c->id);
}

static void
publish_subjects(void *arg, void *node)
{
	const struct subject *s = node;

	if (s->closed && s->row == UINT32_MAX)
		return;
	if (!tree_publish(arg, node))
		log_error("no room for %s %llu, or for what binds it: raise "
			  "limits.max_subjects, limits.max_keys",
		    tree_kind((unsigned)s->kind), (unsigned long long)s->id);
}

static void
publish_key(void *arg, void *node)
{
	struct key *k = node;
	char id[KEY_ID_TEXT + 1];

	if (noun_publish_key(arg, k))
		return;
	key_id_write(k->id, id);
	log_error("no room for key %s: raise limits.max_keys", id);
}

/* An earlier recorder of this boot published rows: they are ours now. */
static void
adopt_rows(struct recorder *r)
{
	const struct shm *m = r->m;
	struct account *a;
	struct cap *c;
	uint32_t i, n = at_load(&m->head->naccounts);

	for (i = 0; i < n && i < m->sizes.accounts; i++) {
		a = account_find(r, at_load(&m->accounts[i].id));
		if (a != NULL)
			a->row = i;
	}
	n = at_load(&m->head->nlimits);
	for (i = 0; i < n && i < m->sizes.limits; i++) {
		c = cap_find(r, at_load(&m->limits[i].id));
		if (c != NULL)
			c->row = i;
	}
	tree_adopt(r);
}

void
nouns_publish(struct recorder *r)
{
	adopt_rows(r);
	table_each(&r->accounts, publish_account, r);
	table_each(&r->caps, publish_cap, r);
	table_each(&r->subjects, publish_subjects, r);
	table_each(&r->keys, publish_key, r);
}

void
nouns_make_good(struct recorder *r)
{
	if (!r->unpublished)
		return;
	r->unpublished = false;
	nouns_publish(r);
}

void
nouns_say_lost(const struct recorder *r)
{
	if (r->keys.n == 0 && r->names.n == 0)
		return;
	log_warn("the store was made again from the log, which has no names: "
		 "%zu keys are called by their id, %zu teams, users ... by "
		 "\"#\" and theirs; PATCH /api/v1/teams/ID gives a name back",
	    r->keys.n, r->names.n);
}

static void
free_account(void *arg, void *node)
{
	(void)arg;
	mem_free(((struct account *)node)->zone);
}

static void
free_key(void *arg, void *node)
{
	struct key *k = node;

	(void)arg;
	mem_free(k->name);
	mem_free(k->team);
	mem_free(k->models);
	mem_free(k->model);
	mem_free(k->subject);
}

void
nouns_free(struct recorder *r)
{
	table_each(&r->accounts, free_account, NULL);
	table_each(&r->keys, free_key, NULL);
	table_free(&r->accounts);
	table_free(&r->caps);
	table_free(&r->keys);
	tree_free(r);
}

/* Keys: created, revoked, rotated. */
#include "base/clock.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "model/ident.h"
#include "recorder/control_priv.h"
#include "shm/atomic.h"
#include "shm/key.h"

enum { LIMITS_AT_ONCE = SUBJECT_LIMITS };

/* --- parsing
 * ---------------------------------------------------------------------*/

static uint64_t
get_key_id(const struct json *j, const char *name, struct reply *p)
{
	uint64_t id = 0;

	if (!key_id_parse(json_get_str(j, name), &id) || id == 0)
		control_refuse(p, FAULT_FIELD, "id is not the id of a key");
	return id;
}

static void
get_sha256(const struct json *j, uint8_t out[32], struct reply *p)
{
	if (!text_hex_parse(json_get_str(j, "sha256"), out, 32))
		control_refuse(p, FAULT_FIELD, "sha256 is not 64 hex digits");
}

/* Names the configuration knows, aliases too; kept as ids of models. */
static void
get_models(struct recorder *r, const struct json *j, struct key_change *v,
    struct buf *names, struct reply *p)
{
	const struct json *list = json_get(j, "models"), *e;
	const struct model_conf *m;

	if (list != NULL && list->type != JSON_ARRAY && list->type != JSON_NULL)
		control_refuse(
		    p, FAULT_FIELD, "'models' must be an array of model names");
	json_w_begin(names, '[');
	for (e = list != NULL ? list->child : NULL; e != NULL; e = e->next) {
		m = r->snapshot != NULL && e->type == JSON_STRING
			? snapshot_model(r->snapshot, e->text)
			: NULL;
		if (m == NULL) {
			control_refuse(p, FAULT_MODEL_UNKNOWN,
			    "'models' names a model that is not configured");
			break;
		}
		if (v->nmodels == KEY_MODELS_MAX) {
			control_refuse(
			    p, FAULT_FIELD, "a key may name at most 16 models");
			break;
		}
		v->models[v->nmodels++] = m->hash;
		json_w_str(names, slice_of(m->id));
	}
	json_w_end(names, ']');
}

/* All that a new key is made of. */
struct wish {
	struct key_change v;
	struct slice name, team;
	struct buf models;
	struct place place;
	struct terms budget; /* when it has a limit */
	unsigned nlimits;
	struct limit_change limit[LIMITS_AT_ONCE];
};

/* The last of them is of another kind or period than those before. */
static void
limit_once(const struct wish *w, struct reply *p)
{
	const struct limit_change *last = &w->limit[w->nlimits - 1], *v;

	for (v = w->limit; v < last; v++) {
		if (p->fault == FAULT_NONE && v->kind == last->kind &&
		    v->period_ns == last->period_ns)
			control_refuse(p, FAULT_FIELD,
			    "'limits' has a kind and period twice");
	}
}

static void
get_limits(const struct json *j, struct wish *w, struct reply *p)
{
	const struct json *list = json_get(j, "limits"), *e;

	if (list == NULL || list->type == JSON_NULL)
		return;
	if (list->type != JSON_ARRAY || list->n > LIMITS_AT_ONCE) {
		control_refuse_fmt(p, FAULT_FIELD,
		    "'limits' must be a list of at most %d, like "
		    "\"requests=600/minute\"",
		    LIMITS_AT_ONCE);
		return;
	}
	for (e = list->child; e != NULL; e = e->next) {
		control_limit(e->type == JSON_STRING ? e->text : S(""),
		    &w->limit[w->nlimits++], p);
		limit_once(w, p);
	}
}

static void
get_budget(
    struct recorder *r, const struct json *j, struct wish *w, struct reply *p)
{
	const struct json *old = json_get(j, "zone");
	struct terms *t = &w->budget;

	control_terms(r, j, "budget_", t, p);
	if (!t->has_limit &&
	    (t->has_mode || t->has_clamp || t->has_wait || t->zone.len > 0))
		control_refuse(p, FAULT_FIELD,
		    "'budget_...' says more about a 'budget': say that too");
	/* As it was called before there were other words about budgets. */
	if (t->zone.len == 0 && old != NULL && old->type == JSON_STRING &&
	    t->has_limit) {
		t->zone = old->text;
		if (!zone_known(t->zone))
			control_refuse(
			    p, FAULT_FIELD, "zone is not a time zone");
	}
	if (t->has_limit && t->clamp && t->mode == BUDGET_SOFT)
		control_refuse(p, FAULT_FIELD,
		    "'budget_tight': clamp needs a budget that refuses");
}

static void
get_admin(const struct json *j, struct wish *w, struct reply *p)
{
	const struct json *v = json_get(j, "admin");

	if (v != NULL && v->type != JSON_TRUE && v->type != JSON_FALSE)
		control_refuse(p, FAULT_FIELD, "'admin' must be true or false");
	w->v.is_admin = json_get_bool(j, "admin", false);
	v = json_get(j, "aws");
	if (v != NULL && v->type != JSON_TRUE && v->type != JSON_FALSE)
		control_refuse(p, FAULT_FIELD, "'aws' must be true or false");
	w->v.has_aws = json_get_bool(j, "aws", false);
}

static void
get_wish(
    struct recorder *r, const struct json *j, struct wish *w, struct reply *p)
{
	w->v.key = w->v.principal = get_key_id(j, "id", p);
	get_sha256(j, w->v.secret_sha256, p);
	get_models(r, j, &w->v, &w->models, p);
	get_budget(r, j, w, p);
	get_limits(j, w, p);
	if (json_get(j, "expires_ns") != NULL &&
	    (!json_get_i64(j, "expires_ns", &w->v.expires_ns) ||
		w->v.expires_ns < 0))
		control_refuse(p, FAULT_FIELD, "expires_ns is not a time");
	w->name = json_get_str(j, "name");
	if (w->name.len > NAME_MAX_LEN)
		control_refuse(p, FAULT_FIELD, "the name is too long");
	else if (control_text_odd(w->name))
		control_refuse(p, FAULT_FIELD,
		    "the name has a control character or is not UTF-8");
	get_admin(j, w, p);
	if (noun_key(r, w->v.key) != NULL)
		control_refuse(p, FAULT_CONFLICT, "there is a key of this id");
	control_place(r, j, &w->place, p);
}

/* --- room and chain --------------------------------------------------------
 */

static bool
key_room(const struct recorder *r, struct reply *p)
{
	const uint32_t keys = r->m->sizes.keys;

	if (at_load(&r->m->head->nkeys) + 1 >= keys - keys / 8)
		control_refuse(p, FAULT_OVERLOAD,
		    "there is no room for another key: raise "
		    "limits.max_keys");
	return p->fault == FAULT_NONE;
}

static bool
wish_fits(struct recorder *r, const struct wish *w, struct reply *p)
{
	const struct chain_change own = { .budgets = w->budget.has_limit,
		.caps = w->nlimits,
		.downgrade = w->budget.downgrade };
	struct subject *list[KEY_SUBJECTS];
	unsigned n;

	if (p->fault != FAULT_NONE)
		return false;
	n = control_place_list(&w->place, list);
	control_chain_key(r, (const struct subject *const *)list, n, &own, p);
	return p->fault == FAULT_NONE && key_room(r, p) &&
	       control_subject_room(
		   r, control_place_missing(&w->place) + 1, p) &&
	       control_budget_room(r, own.budgets, p) &&
	       control_limit_room(r, own.caps, p);
}

/* --- frames ----------------------------------------------------------------
 */

/* So that a name can be proven from the log, and forgotten with its salt. */
static void
commit_name(struct key_change *v, const uint8_t salt[16], struct slice name,
    struct slice team)
{
	struct digest d;

	digest_init(&d);
	digest_add(&d, (struct slice){ (const char *)salt, 16 });
	digest_add(&d, name);
	digest_add(&d, (struct slice){ "", 1 });
	digest_add(&d, team);
	digest_end(&d, v->commitment);
}

static void
set_names(struct key *k, struct slice name, struct slice models,
    const uint8_t salt[16])
{
	mem_free(k->name);
	mem_free(k->models);
	k->name = mem_dup(name);
	k->models = mem_dup(models);
	memcpy(k->salt, salt, sizeof(k->salt));
	noun_name_own(k);
	k->dirty = true;
}

static void
publish(struct recorder *r, struct key *k, struct reply *p)
{
	if (!noun_publish_key(r, k))
		control_refuse(p, FAULT_OVERLOAD,
		    "there is no room for another key: raise "
		    "limits.max_keys");
}

/* Everything that binds the key has its row before the key has one. */
static void
publish_new(struct recorder *r, struct key *k, struct reply *p)
{
	struct account *a;
	struct cap *c;

	for (a = k->own->budgets; a != NULL; a = a->next)
		control_budget_publish(r, a, p);
	for (c = k->own->caps; c != NULL; c = c->next)
		control_limit_publish(r, c, p);
	control_subject_publish(r, k->own, p);
	if (p->fault == FAULT_NONE)
		publish(r, k, p);
}

static struct key *
make(struct recorder *r, struct wish *w)
{
	const struct subject *own = tree_own(r, w->v.key);
	struct subject *list[KEY_SUBJECTS];
	uint8_t salt[16];
	struct key *k;
	unsigned i;

	control_place_make(r, &w->place);
	w->v.nsubjects = control_place_list(&w->place, list);
	for (i = 0; i < w->v.nsubjects; i++)
		w->v.subjects[i] = list[i]->id;
	w->v.wall_ns = clock_wall_ns();
	w->v.op = OP_CREATE;
	/* A log that ends in between has no key without its budget. */
	if (w->budget.has_limit)
		(void)control_budget_make(r, own, &w->budget);
	for (i = 0; i < w->nlimits; i++)
		(void)control_limit_make(r, own, &w->limit[i]);
	random_bytes(salt, sizeof(salt));
	commit_name(&w->v, salt, w->name, w->place.team.name);
	own_key(r, &w->v);
	k = noun_key(r, w->v.key);
	set_names(k, w->name, buf_slice(&w->models), salt);
	return k;
}

static void
say_key(struct reply *p, uint64_t id)
{
	char text[KEY_ID_TEXT + 1];

	key_id_write(id, text);
	control_say(p, "id", slice_of(text));
}

void
control_key_create(struct recorder *r, const struct json *j, struct reply *p)
{
	struct wish w = { .nlimits = 0 };
	struct key *k;

	if (control_again(r, j, p))
		return;
	get_wish(r, j, &w, p);
	if (wish_fits(r, &w, p)) {
		k = make(r, &w);
		say_key(p, w.v.key);
		control_remember(r, j, p);
		if (control_durable(r, p))
			publish_new(r, k, p);
	}
	buf_fini(&w.models);
}

/* The key as it stands, to be changed. */
static struct key_change
change_of(const struct key *k)
{
	const bool placed = noun_subject(k, SUBJECT_TEAM) != NULL;
	struct key_change v = { .wall_ns = clock_wall_ns(),
		.key = k->id,
		.account = k->account,
		.principal = k->principal,
		.team = placed ? 0 : k->team_id,
		.op = OP_CHANGE,
		.expires_ns = k->expires_ns,
		.is_admin = k->is_admin != 0,
		.has_aws = k->has_aws,
		.nmodels = k->nmodels,
		.nsubjects = k->nsubjects };
	unsigned i;

	for (i = 0; i < k->nsubjects; i++)
		v.subjects[i] = k->subject[i]->id;
	memcpy(v.secret_sha256, k->secret_sha256, 32);
	if (k->nmodels > 0)
		memcpy(v.models, k->model, k->nmodels * sizeof(*k->model));
	commit_name(&v, k->salt, slice_of(k->name), slice_of(k->team));
	return v;
}

static struct key *
find_key(struct recorder *r, uint64_t id, struct reply *p)
{
	struct key *k = p->fault == FAULT_NONE ? noun_key(r, id) : NULL;

	if (k == NULL)
		control_refuse(
		    p, FAULT_NOT_FOUND, "there is no key of this id");
	return k;
}

static void
end(struct recorder *r, const struct key *k)
{
	struct key_change v = change_of(k);

	v.op = OP_END;
	own_key(r, &v);
}

/* Fails closed: the word first, the record after it. */
void
control_key_revoke(struct recorder *r, const struct json *j, struct reply *p)
{
	struct key *k = find_key(r, get_key_id(j, "id", p), p);

	if (k == NULL)
		return;
	(void)key_revoke(r->m, k->id);
	if (!k->revoked)
		end(r, k);
	(void)control_durable(r, p);
}

static void
end_as_told(void *arg, void *node)
{
	struct recorder *r = arg;
	const struct key *k = node;

	if (!k->revoked && key_revoked(r->m, k->id))
		end(r, k);
}

void
control_keys_end(struct recorder *r)
{
	table_each(&r->keys, end_as_told, r);
}

static void
end_old(struct recorder *r, struct key *k, int64_t keep_ns)
{
	struct key_change v = change_of(k);
	const int64_t end = v.wall_ns + keep_ns;

	if (keep_ns == 0) {
		(void)key_revoke(r->m, v.key);
		v.op = OP_END;
	} else if (v.expires_ns == 0 || end < v.expires_ns) {
		v.expires_ns = end;
	}
	own_key(r, &v);
}

static bool
has_ended(const struct key *k)
{
	return k->revoked ||
	       (k->expires_ns != 0 && k->expires_ns <= clock_wall_ns());
}

void
control_key_rotate(struct recorder *r, const struct json *j, struct reply *p)
{
	struct key *old, *k;
	struct key_change v;
	uint8_t sha256[32] = { 0 }, salt[16];
	int64_t keep_ns = 0;
	uint64_t fresh;

	if (control_again(r, j, p))
		return;
	get_sha256(j, sha256, p);
	fresh = get_key_id(j, "new", p);
	if (json_get(j, "keep_ns") != NULL &&
	    (!json_get_i64(j, "keep_ns", &keep_ns) || keep_ns < 0 ||
		keep_ns > INT64_MAX / 4))
		control_refuse(p, FAULT_FIELD, "keep_ns is not a duration");
	old = find_key(r, get_key_id(j, "id", p), p);
	if (old != NULL && has_ended(old))
		control_refuse(
		    p, FAULT_CONFLICT, "the key is revoked or expired");
	if (p->fault == FAULT_NONE && noun_key(r, fresh) != NULL)
		control_refuse(
		    p, FAULT_CONFLICT, "there is a key of the new id");
	if (p->fault != FAULT_NONE || !key_room(r, p))
		return;
	v = change_of(old);
	v.key = fresh;
	v.op = OP_CREATE;
	memcpy(v.secret_sha256, sha256, sizeof(sha256));
	random_bytes(salt, sizeof(salt));
	commit_name(&v, salt, slice_of(old->name), slice_of(old->team));
	own_key(r, &v);
	k = noun_key(r, fresh);
	noun_set_team(k, slice_of(old->team));
	set_names(k, slice_of(old->name), slice_of(old->models), salt);
	end_old(r, old, keep_ns);
	say_key(p, fresh);
	control_remember(r, j, p);
	if (!control_durable(r, p))
		return;
	publish(r, k, p);
	publish(r, old, p);
}

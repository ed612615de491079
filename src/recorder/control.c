#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "ledger/window.h"
#include "model/ident.h"
#include "recorder/state.h"
#include "shm/atomic.h"
#include "shm/key.h"

enum { NAME_MAX_LEN = 200, IDEM_MAX_LEN = 200 };

/* What an operation says: FAULT_NONE, or a fault and a sentence. */
struct reply {
	enum fault fault;
	const char *text;
	struct buf extra; /* members beside "ok" */
};

static void
refuse(struct reply *p, enum fault fault, const char *text)
{
	if (p->fault == FAULT_NONE) {
		p->fault = fault;
		p->text = text;
	}
}

/* --- parsing
 * ---------------------------------------------------------------------*/

static uint64_t
get_key_id(const struct json *j, const char *name, struct reply *p)
{
	uint64_t id = 0;

	if (!key_id_parse(json_get_str(j, name), &id) || id == 0)
		refuse(p, FAULT_FIELD, "id is not the id of a key");
	return id;
}

static void
get_sha256(const struct json *j, uint8_t out[32], struct reply *p)
{
	if (!text_hex_parse(json_get_str(j, "sha256"), out, 32))
		refuse(p, FAULT_FIELD, "sha256 is not 64 hex digits");
}

/* Names the configuration knows, aliases too; kept as ids of models. */
static void
get_models(struct recorder *r, const struct json *j, struct key_change *v,
    struct buf *names, struct reply *p)
{
	const struct json *list = json_get(j, "models"), *e;
	const struct model_conf *m;

	json_w_begin(names, '[');
	for (e = list != NULL ? list->child : NULL; e != NULL; e = e->next) {
		m = r->snapshot != NULL && e->type == JSON_STRING
			? snapshot_model(r->snapshot, e->text)
			: NULL;
		if (m == NULL) {
			refuse(p, FAULT_MODEL_UNKNOWN,
			    "models names one that is not configured");
			break;
		}
		if (v->nmodels == KEY_MODELS_MAX) {
			refuse(p, FAULT_FIELD, "models has more than 16 names");
			break;
		}
		v->models[v->nmodels++] = m->hash;
		json_w_str(names, slice_of(m->id));
	}
	json_w_end(names, ']');
}

static bool
has_budget(const struct json *j)
{
	return json_get_str(j, "budget").len > 0;
}

static void
get_account(const struct json *j, struct account_change *a, struct reply *p)
{
	struct slice window = json_get_str(j, "window");
	struct money limit = { 0 };
	enum window_unit unit = WINDOW_TOTAL;
	struct zone *z;

	a->zone = json_get_str(j, "zone");
	if (!money_parse(json_get_str(j, "budget"), &limit) || limit.nano < 0)
		refuse(p, FAULT_FIELD, "budget is not an amount");
	if (window.len > 0 && !window_unit_parse(window, &unit))
		refuse(p, FAULT_FIELD,
		    "window is none of hour, day, week, month, quarter, year, "
		    "total");
	z = zone_open(a->zone);
	if (z == NULL)
		refuse(p, FAULT_FIELD, "zone is not a time zone");
	else
		zone_free(&z);
	a->limit = limit.nano;
	a->unit = (unsigned)unit;
	a->hard = true;
	a->op = OP_CREATE;
}

/* --- answers that are given again
 * --------------------------------------------------*/

static bool
answered(struct recorder *r, struct slice idem, struct reply *p)
{
	const struct answer *a;
	struct stmt *q;

	if (idem.len == 0)
		return false;
	for (a = r->answers; a != NULL; a = a->next) {
		if (slice_eq(slice_of(a->key), idem)) {
			buf_str(&p->extra, a->text);
			return true;
		}
	}
	q = store_sql(r->store, "SELECT answer FROM idempotency WHERE key = ?");
	stmt_text(q, 1, idem);
	if (!stmt_step(q))
		return false;
	buf_add(&p->extra, stmt_get(q, 0));
	return true;
}

static void
remember(struct recorder *r, struct slice idem, const struct reply *p)
{
	struct answer *a;

	if (idem.len == 0)
		return;
	a = NEW(struct answer);
	a->key = mem_dup(idem);
	a->text = mem_dup(buf_slice(&p->extra));
	a->next = r->answers;
	r->answers = a;
	r->dirty_rows++;
}

static void
say_id(struct reply *p, uint64_t id)
{
	char text[KEY_ID_TEXT + 1];

	key_id_write(id, text);
	buf_str(&p->extra, ",\"id\":\"");
	buf_str(&p->extra, text);
	buf_char(&p->extra, '"');
}

/* --- keys
 * ---------------------------------------------------------------------------*/

static bool
has_room(const struct recorder *r, bool account, struct reply *p)
{
	const struct shm_head *h = r->m->head;
	const uint32_t keys = r->m->sizes.keys;

	if (at_load(&h->nkeys) + 1 >= keys - keys / 8)
		refuse(p, FAULT_OVERLOAD,
		    "there is no room for another key: raise max_keys");
	if (account && at_load(&h->naccounts) >= r->m->sizes.accounts)
		refuse(p, FAULT_OVERLOAD,
		    "there is no room for another account: raise "
		    "max_accounts");
	return p->fault == FAULT_NONE;
}

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
set_names(struct key *k, struct slice name, struct slice team,
    struct slice models, const uint8_t salt[16])
{
	mem_free(k->name);
	mem_free(k->team);
	mem_free(k->models);
	k->name = mem_dup(name);
	k->team = mem_dup(team);
	k->models = mem_dup(models);
	memcpy(k->salt, salt, sizeof(k->salt));
	k->dirty = true;
}

/* Log and store first, then the tables: what is granted is never forgotten. */
static void
make_durable(struct recorder *r, struct reply *p)
{
	const enum fault fault = commit_all(r);

	if (fault != FAULT_NONE)
		refuse(p, FAULT_LOG, "the log or the store cannot be written");
}

static void
publish(struct recorder *r, struct key *k, struct reply *p)
{
	struct account *a =
	    k->account != 0 ? account_find(r, k->account) : NULL;

	if (p->fault != FAULT_NONE)
		return;
	if (a != NULL && a->row == UINT32_MAX) {
		if (!noun_publish_account(r, a))
			refuse(p, FAULT_OVERLOAD,
			    "there is no room for another account: raise "
			    "max_accounts");
		else
			calendar_open(r, a, clock_wall_ns(), true);
	}
	if (p->fault == FAULT_NONE && !noun_publish_key(r, k))
		refuse(p, FAULT_OVERLOAD,
		    "there is no room for another key: raise max_keys");
}

/*
 * Asked again, perhaps because the first answer was a fault of the disk: what
 * was written then is made good now.
 */
static bool
again(struct recorder *r, struct slice idem, struct reply *p)
{
	uint64_t id;
	struct key *k;

	if (!answered(r, idem, p))
		return false;
	k = p->extra.len == 7 + KEY_ID_TEXT + 1 &&
		    key_id_parse(
			(struct slice){ p->extra.p + 7, KEY_ID_TEXT }, &id)
		? noun_key(r, id)
		: NULL;
	make_durable(r, p);
	if (k != NULL)
		publish(r, k, p);
	return true;
}

static void
key_create(struct recorder *r, const struct json *j, struct reply *p)
{
	const struct slice name = json_get_str(j, "name");
	const struct slice team = json_get_str(j, "team");
	const struct slice idem = json_get_str(j, "idem");
	struct account_change a = { .wall_ns = clock_wall_ns() };
	struct key_change v = { .wall_ns = a.wall_ns, .op = OP_CREATE };
	struct buf models = { 0 };
	uint8_t salt[16];
	struct key *k;

	if (again(r, idem, p))
		return;
	v.key = v.principal = get_key_id(j, "id", p);
	get_sha256(j, v.secret_sha256, p);
	get_models(r, j, &v, &models, p);
	if (has_budget(j)) {
		get_account(j, &a, p);
		a.account = a.key = v.account = v.key;
	}
	if (json_get(j, "expires_ns") != NULL &&
	    (!json_get_i64(j, "expires_ns", &v.expires_ns) || v.expires_ns < 0))
		refuse(p, FAULT_FIELD, "expires_ns is not a time");
	if (name.len > NAME_MAX_LEN || team.len > NAME_MAX_LEN ||
	    idem.len > IDEM_MAX_LEN)
		refuse(p, FAULT_FIELD, "name, team or idem is too long");
	v.is_admin = json_get_bool(j, "admin", false);
	v.team = team.len > 0 ? hash64(team) : 0;
	if (noun_key(r, v.key) != NULL)
		refuse(p, FAULT_CONFLICT, "there is a key of this id");
	if (p->fault == FAULT_NONE && has_room(r, a.account != 0, p)) {
		random_bytes(salt, sizeof(salt));
		commit_name(&v, salt, name, team);
		if (a.account != 0)
			own_account(r, &a);
		own_key(r, &v);
		k = noun_key(r, v.key);
		set_names(k, name, team, buf_slice(&models), salt);
		say_id(p, v.key);
		remember(r, idem, p);
		make_durable(r, p);
		publish(r, k, p);
	}
	buf_fini(&models);
}

/* The key as it stands, to be changed. */
static struct key_change
change_of(const struct key *k)
{
	struct key_change v = { .wall_ns = clock_wall_ns(),
		.key = at_peek(&k->row.id),
		.account = k->account,
		.principal = k->row.principal,
		.team = k->row.team,
		.op = OP_CHANGE,
		.expires_ns = k->row.expires_ns,
		.is_admin = k->row.is_admin != 0,
		.nmodels = k->row.nmodels };

	memcpy(v.secret_sha256, k->row.secret_sha256, 32);
	memcpy(v.models, k->row.models, sizeof(v.models));
	commit_name(&v, k->salt, slice_of(k->name), slice_of(k->team));
	return v;
}

static struct key *
find_key(struct recorder *r, uint64_t id, struct reply *p)
{
	struct key *k = p->fault == FAULT_NONE ? noun_key(r, id) : NULL;

	if (k == NULL)
		refuse(p, FAULT_NOT_FOUND, "there is no key of this id");
	return k;
}

/* Fails closed: the word first, the record after it. */
static void
key_revoke_op(struct recorder *r, const struct json *j, struct reply *p)
{
	struct key *k = find_key(r, get_key_id(j, "id", p), p);
	struct key_change v;

	if (k == NULL)
		return;
	(void)key_revoke(r->m, at_peek(&k->row.id));
	if (!k->revoked) {
		v = change_of(k);
		v.op = OP_END;
		own_key(r, &v);
	}
	make_durable(r, p);
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
	       (k->row.expires_ns != 0 && k->row.expires_ns <= clock_wall_ns());
}

static void
key_rotate(struct recorder *r, const struct json *j, struct reply *p)
{
	const struct slice idem = json_get_str(j, "idem");
	struct key *old, *k;
	struct key_change v;
	uint8_t sha256[32] = { 0 }, salt[16];
	int64_t keep_ns = 0;
	uint64_t fresh;

	if (again(r, idem, p))
		return;
	get_sha256(j, sha256, p);
	fresh = get_key_id(j, "new", p);
	if (json_get(j, "keep_ns") != NULL &&
	    (!json_get_i64(j, "keep_ns", &keep_ns) || keep_ns < 0 ||
		keep_ns > INT64_MAX / 4))
		refuse(p, FAULT_FIELD, "keep_ns is not a duration");
	old = find_key(r, get_key_id(j, "id", p), p);
	if (old != NULL && has_ended(old))
		refuse(p, FAULT_CONFLICT, "the key is revoked or expired");
	if (p->fault == FAULT_NONE && noun_key(r, fresh) != NULL)
		refuse(p, FAULT_CONFLICT, "there is a key of the new id");
	if (p->fault != FAULT_NONE || !has_room(r, false, p))
		return;
	v = change_of(old);
	v.key = fresh;
	v.op = OP_CREATE;
	memcpy(v.secret_sha256, sha256, sizeof(sha256));
	random_bytes(salt, sizeof(salt));
	commit_name(&v, salt, slice_of(old->name), slice_of(old->team));
	own_key(r, &v);
	k = noun_key(r, fresh);
	set_names(k, slice_of(old->name), slice_of(old->team),
	    slice_of(old->models), salt);
	end_old(r, old, keep_ns);
	say_id(p, fresh);
	remember(r, idem, p);
	make_durable(r, p);
	publish(r, k, p);
	publish(r, old, p);
}

static void
barrier(struct recorder *r, const struct json *j, struct reply *p)
{
	(void)j;
	if (recorder_barrier(r) != FAULT_NONE)
		refuse(p, FAULT_LOG, "the log or the store cannot be written");
}

/* --- the door
 * -----------------------------------------------------------------------*/

static const struct {
	const char *name;
	void (*run)(struct recorder *, const struct json *, struct reply *);
} ops[] = {
	{ "barrier", barrier },
	{ "key_create", key_create },
	{ "key_revoke", key_revoke_op },
	{ "key_rotate", key_rotate },
};

static void
run_op(struct recorder *r, const struct json *j, struct reply *p)
{
	const struct slice name = json_get_str(j, "op");
	size_t i;

	for (i = 0; i < NELEM(ops); i++) {
		if (slice_eq(slice_of(ops[i].name), name)) {
			ops[i].run(r, j, p);
			return;
		}
	}
	refuse(p, FAULT_FIELD, "there is no such op");
}

void
recorder_control(struct recorder *r, struct slice request, struct buf *answer)
{
	struct reply p = { .fault = FAULT_NONE };
	struct arena a = { 0 };
	struct json *j = NULL;
	int64_t n = 0;

	if (json_parse(&a, request, &j) != FAULT_NONE)
		refuse(&p, FAULT_JSON, "the message is not JSON");
	else
		run_op(r, j, &p);
	(void)json_get_i64(j, "n", &n);
	json_w_begin(answer, '{');
	json_w_ki64(answer, "n", n);
	json_w_kbool(answer, "ok", p.fault == FAULT_NONE);
	if (p.fault != FAULT_NONE) {
		json_w_kstr(
		    answer, "fault", slice_of(fault_get(p.fault)->name));
		json_w_kstr(answer, "text", slice_of(p.text));
	} else {
		buf_add(answer, buf_slice(&p.extra));
	}
	json_w_end(answer, '}');
	buf_fini(&p.extra);
	arena_fini(&a);
}

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "ledger/account.h"
#include "recorder/state.h"
#include "shm/atomic.h"
#include "shm/key.h"
#include "shm/subject.h"

/* --- accounts
 * ----------------------------------------------------------------*/

struct account *
account_find(const struct recorder *r, uint64_t id)
{
	return table_first(&r->accounts, id);
}

void
noun_apply_account(struct recorder *r, const struct account_change *v)
{
	struct account *a = account_find(r, v->account);

	if (a == NULL) {
		a = NEW(struct account);
		a->id = v->account;
		a->created_ns = v->wall_ns;
		a->row = UINT32_MAX;
		table_add(&r->accounts, &a->node, a->id);
	}
	mem_free(a->zone);
	a->zone = mem_dup(v->zone.len > 0 ? v->zone : S("UTC"));
	a->limit = v->limit;
	a->unit = v->unit;
	a->hard = v->hard;
	a->closed = v->op == OP_END;
	a->dirty = true;
	a->due_ns = 0;
	r->dirty_rows++;
}

bool
noun_publish_account(struct recorder *r, struct account *a)
{
	const uint32_t flags = (a->hard ? (uint32_t)ACCOUNT_HARD : 0) |
			       (a->closed ? (uint32_t)ACCOUNT_CLOSED : 0);

	if (a->row == UINT32_MAX)
		a->row = account_publish(r->m, a->id, flags);
	if (a->row == UINT32_MAX)
		return false;
	account_flags(r->m, a->row, flags);
	account_grant(r->m, a->row, a->limit);
	return true;
}

/* --- keys
 * ---------------------------------------------------------------------*/

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
	at_poke(&k->row.id, v->key);
	table_add(&r->keys, &k->node, v->key);
	return k;
}

/* Revoked stays revoked: a later change does not bring it back. */
void
noun_apply_key(struct recorder *r, const struct key_change *v)
{
	struct key *k = noun_key(r, v->key);

	if (k == NULL)
		k = key_new(r, v);
	k->account = v->account;
	k->row.principal = v->principal;
	k->row.team = v->team;
	memcpy(k->row.secret_sha256, v->secret_sha256,
	    sizeof(k->row.secret_sha256));
	k->row.expires_ns = v->expires_ns;
	k->row.is_admin = v->is_admin;
	k->row.nmodels = v->nmodels;
	memcpy(k->row.models, v->models, sizeof(k->row.models));
	k->revoked = k->revoked || v->op == OP_END;
	if (k->models == NULL)
		write_models(r, v, &k->models);
	k->dirty = true;
	r->dirty_rows++;
}

/*
 * A key whose budget has no row must not pass: without one it would spend
 * without a limit.
 */
bool
noun_publish_key(struct recorder *r, struct key *k)
{
	const uint64_t id = at_peek(&k->row.id);
	struct account *a;
	uint32_t subject;
	int32_t row;

	subject = subject_publish(r->m, id, SUBJECT_KEY, 0);
	if (subject == UINT32_MAX)
		return false;
	if (k->account != 0) {
		a = account_find(r, k->account);
		if (a == NULL || a->row == UINT32_MAX)
			return false;
		row = (int32_t)a->row;
		subject_set_budgets(r->m, subject, &row, 1);
	}
	k->row.nsubjects = 1;
	k->row.subject[0] = (int32_t)subject;
	at_poke(&k->row.state,
	    k->revoked ? (uint32_t)KEY_REVOKED : (uint32_t)KEY_LIVE);
	return key_publish(r->m, &k->row);
}

static void
publish_account(void *arg, void *node)
{
	struct account *a = node;

	if (noun_publish_account(arg, a))
		calendar_open(arg, a, clock_wall_ns(), true);
	else
		log_error("no room for account %016llx: raise max_accounts",
		    (unsigned long long)a->id);
}

static void
publish_key(void *arg, void *node)
{
	struct key *k = node;
	char id[KEY_ID_TEXT + 1];

	if (noun_publish_key(arg, k))
		return;
	key_id_write(at_peek(&k->row.id), id);
	log_error("no room for key %s: raise max_keys", id);
}

void
nouns_publish(struct recorder *r)
{
	table_each(&r->accounts, publish_account, r);
	table_each(&r->keys, publish_key, r);
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
}

void
nouns_free(struct recorder *r)
{
	table_each(&r->accounts, free_account, NULL);
	table_each(&r->keys, free_key, NULL);
	table_free(&r->accounts);
	table_free(&r->keys);
}

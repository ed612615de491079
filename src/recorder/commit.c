#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "model/ident.h"
#include "recorder/state.h"
#include "shm/atomic.h"

static int64_t
add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return a < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

static struct slice
bytes_of(const void *p, size_t len)
{
	return (struct slice){ p, len };
}

/* --- loading
 * ----------------------------------------------------------------------*/

static uint64_t
load_meta(struct recorder *r, struct slice name)
{
	struct stmt *q =
	    store_sql(r->store, "SELECT value FROM meta WHERE name = ?");

	stmt_text(q, 1, name);
	return stmt_step(q) ? stmt_get_u64(q, 0) : 0;
}

static void
load_cursors(struct recorder *r)
{
	struct stmt *q = store_sql(r->store,
	    "SELECT node, boot, slot, incarnation, seq FROM journal_cursor");
	struct journal_name n;

	while (stmt_step(q)) {
		n = (struct journal_name){ (uint32_t)stmt_get_u64(q, 0),
			(uint32_t)stmt_get_u64(q, 1),
			(uint16_t)stmt_get_u64(q, 2),
			(uint16_t)stmt_get_u64(q, 3) };
		cursor_get(r, &n)->seq = stmt_get_u64(q, 4);
	}
}

/* Parents were made before what stands under them. */
static void
load_subjects(struct recorder *r)
{
	struct stmt *q = store_sql(r->store,
	    "SELECT id, kind, name, parent, salt, closed, created_ns"
	    " FROM subjects ORDER BY id");
	struct subject *t;
	struct slice salt;

	while (stmt_step(q)) {
		if (tree_kind((unsigned)stmt_get_i64(q, 1)) == NULL)
			continue;
		t = tree_load(r, stmt_get_u64(q, 0),
		    (enum subject_kind)stmt_get_i64(q, 1), stmt_get_u64(q, 3),
		    stmt_get(q, 2));
		salt = stmt_get(q, 4);
		memcpy(t->salt, salt.p, salt.len < 16 ? salt.len : 16);
		t->closed = stmt_get_i64(q, 5) != 0;
		t->created_ns = stmt_get_i64(q, 6);
	}
}

static void
load_accounts(struct recorder *r)
{
	struct stmt *q = store_sql(r->store,
	    "SELECT id, granted, unit, zone, hard, closed, created_ns, subject,"
	    " of_key, mode, downgrade, clamp, admit_wait_ns, version"
	    " FROM accounts ORDER BY id");
	struct account *a;

	while (stmt_step(q)) {
		a = NEW(struct account);
		a->id = stmt_get_u64(q, 0);
		a->limit = stmt_get_i64(q, 1);
		a->unit = (unsigned)stmt_get_i64(q, 2);
		a->zone = mem_dup(stmt_get(q, 3));
		a->hard = stmt_get_i64(q, 4) != 0;
		a->closed = stmt_get_i64(q, 5) != 0;
		a->created_ns = stmt_get_i64(q, 6);
		a->subject = stmt_get_u64(q, 7);
		a->key = stmt_get_u64(q, 8);
		a->mode = (unsigned)stmt_get_i64(q, 9);
		a->downgrade = stmt_get_u64(q, 10);
		a->clamp = stmt_get_i64(q, 11) != 0;
		a->wait_ns = stmt_get_i64(q, 12);
		a->version = (unsigned)stmt_get_i64(q, 13);
		a->row = UINT32_MAX;
		table_add(&r->accounts, &a->node, a->id);
		budget_attach(r, a);
	}
}

static void
load_caps(struct recorder *r)
{
	struct stmt *q = store_sql(r->store,
	    "SELECT id, subject, of_key, kind, amount, period_ns, burst,"
	    " closed, version, created_ns FROM limits ORDER BY id");
	struct cap *c;

	while (stmt_step(q)) {
		c = NEW(struct cap);
		c->id = stmt_get_u64(q, 0);
		c->subject = stmt_get_u64(q, 1);
		c->key = stmt_get_u64(q, 2);
		c->kind = (unsigned)stmt_get_i64(q, 3);
		c->amount = stmt_get_i64(q, 4);
		c->period_ns = stmt_get_i64(q, 5);
		c->burst = stmt_get_i64(q, 6);
		c->closed = stmt_get_i64(q, 7) != 0;
		c->version = (unsigned)stmt_get_i64(q, 8);
		c->created_ns = stmt_get_i64(q, 9);
		c->row = UINT32_MAX;
		table_add(&r->caps, &c->node, c->id);
		cap_attach(r, c);
	}
}

/* A store that was tampered with places a key nowhere: it stays revoked. */
static void
load_place(struct recorder *r, struct key *k, struct slice ids)
{
	uint64_t id[KEY_SUBJECTS];
	const unsigned n = (unsigned)(ids.len / sizeof(*id));

	if (n < KEY_SUBJECTS)
		memcpy(id, ids.p, n * sizeof(*id));
	if (!noun_place(r, k, id, n)) {
		log_error("the store has a key whose place cannot be");
		k->revoked = true;
	}
	k->own = tree_own(r, k->principal != 0 ? k->principal : k->id);
}

static void
load_models(struct key *k, struct slice ids)
{
	uint64_t model[KEY_MODELS_MAX];
	size_t n = ids.len / sizeof(*model);

	if (n > KEY_MODELS_MAX)
		n = KEY_MODELS_MAX;
	if (n > 0)
		memcpy(model, ids.p, n * sizeof(*model));
	noun_set_models(k, model, (unsigned)n);
}

static void
load_key(struct recorder *r, struct stmt *q)
{
	struct key *k = NEW(struct key);
	struct slice s;

	k->id = stmt_get_u64(q, 0);
	k->name = mem_dup(stmt_get(q, 1));
	k->team = mem_dup(stmt_get(q, 2));
	k->team_id = stmt_get_u64(q, 3);
	k->principal = stmt_get_u64(q, 4);
	s = stmt_get(q, 5);
	memcpy(k->secret_sha256, s.p, s.len < 32 ? s.len : 32);
	k->models = mem_dup(stmt_get(q, 6));
	s = stmt_get(q, 7);
	load_models(k, s);
	k->account = stmt_get_u64(q, 8);
	k->expires_ns = stmt_get_i64(q, 9);
	k->is_admin = stmt_get_i64(q, 10) != 0;
	k->revoked = stmt_get_i64(q, 11) != 0;
	s = stmt_get(q, 12);
	memcpy(k->salt, s.p, s.len < 16 ? s.len : 16);
	k->created_ns = stmt_get_i64(q, 13);
	load_place(r, k, stmt_get(q, 14));
	k->has_aws = stmt_get_i64(q, 15) != 0;
	table_add(&r->keys, &k->node, k->id);
	noun_name_own(k);
}

static void
load_keys(struct recorder *r)
{
	struct stmt *q = store_sql(r->store,
	    "SELECT id, name, team, team_id, principal, sha256, models,"
	    " model_ids, account, expires_ns, is_admin, revoked, salt,"
	    " created_ns, subjects, aws FROM keys");

	while (stmt_step(q))
		load_key(r, q);
}

static void
load_paths(struct recorder *r)
{
	struct stmt *q = store_sql(r->store, "SELECT id, text FROM paths");
	struct path *p;

	while (stmt_step(q)) {
		p = NEW(struct path);
		p->id = stmt_get_i64(q, 0);
		p->text = mem_dup(stmt_get(q, 1));
		table_add(&r->paths, &p->node, hash64(slice_of(p->text)));
		if (p->id > r->last_path)
			r->last_path = p->id;
	}
}

static void
load_configs(struct recorder *r)
{
	struct stmt *q = store_sql(r->store, "SELECT payload FROM configs");

	while (stmt_step(q)) {
		if (config_learn(r, stmt_get(q, 0), false) != FAULT_NONE)
			log_error("the store has a generation that cannot be "
				  "read");
	}
}

enum fault
commit_load(struct recorder *r)
{
	store_begin(r->store);
	r->applied = load_meta(r, S("applied"));
	r->replay = load_meta(r, S("replay"));
	r->block_from = load_meta(r, S("block"));
	load_cursors(r);
	load_subjects(r);
	load_accounts(r);
	pledges_load(r);
	load_caps(r);
	load_keys(r);
	dims_load(r);
	load_paths(r);
	load_configs(r);
	r->block.start = r->block_from;
	r->place = r->replay;
	return store_commit(r->store);
}

/* --- storing
 * ------------------------------------------------------------------------*/

static void
save_cursor(void *arg, void *node)
{
	struct recorder *r = arg;
	const struct cursor *c = node;
	struct stmt *q;

	if (!c->dirty)
		return;
	q = store_sql(r->store,
	    "INSERT OR REPLACE INTO journal_cursor VALUES (?, ?, ?, ?, ?)");
	stmt_u64(q, 1, c->name.node);
	stmt_u64(q, 2, c->name.boot);
	stmt_u64(q, 3, c->name.slot);
	stmt_u64(q, 4, c->name.incarnation);
	stmt_u64(q, 5, c->seq);
	stmt_run(q);
}

static void
save_subject(void *arg, void *node)
{
	struct recorder *r = arg;
	const struct subject *t = node;
	struct stmt *q;

	if (!t->dirty || t->kind == SUBJECT_KEY)
		return;
	q = store_sql(r->store, "INSERT OR REPLACE INTO subjects (id, kind,"
				" name, parent, salt, closed, created_ns)"
				" VALUES (?, ?, ?, ?, ?, ?, ?)");
	stmt_u64(q, 1, t->id);
	stmt_i64(q, 2, t->kind);
	stmt_text(q, 3, slice_of(t->name));
	stmt_u64(q, 4, t->parent != NULL ? t->parent->id : 0);
	stmt_blob(q, 5, bytes_of(t->salt, sizeof(t->salt)));
	stmt_i64(q, 6, t->closed);
	stmt_i64(q, 7, t->created_ns);
	stmt_run(q);
}

static void
save_account(void *arg, void *node)
{
	struct recorder *r = arg;
	const struct account *a = node;
	struct stmt *q;

	if (!a->dirty)
		return;
	q = store_sql(r->store,
	    "INSERT OR REPLACE INTO accounts (id, granted, unit, zone, hard,"
	    " closed, created_ns, subject, of_key, mode, downgrade, clamp,"
	    " admit_wait_ns, version)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	stmt_u64(q, 1, a->id);
	stmt_i64(q, 2, a->limit);
	stmt_i64(q, 3, a->unit);
	stmt_text(q, 4, slice_of(a->zone));
	stmt_i64(q, 5, a->hard);
	stmt_i64(q, 6, a->closed);
	stmt_i64(q, 7, a->created_ns);
	stmt_u64(q, 8, a->subject);
	stmt_u64(q, 9, a->key);
	stmt_i64(q, 10, a->mode);
	stmt_u64(q, 11, a->downgrade);
	stmt_i64(q, 12, a->clamp);
	stmt_i64(q, 13, a->wait_ns);
	stmt_i64(q, 14, a->version);
	stmt_run(q);
}

static void
save_cap(void *arg, void *node)
{
	struct recorder *r = arg;
	const struct cap *c = node;
	struct stmt *q;

	if (!c->dirty)
		return;
	q = store_sql(r->store,
	    "INSERT OR REPLACE INTO limits (id, subject, of_key, kind, amount,"
	    " period_ns, burst, closed, version, created_ns)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	stmt_u64(q, 1, c->id);
	stmt_u64(q, 2, c->subject);
	stmt_u64(q, 3, c->key);
	stmt_i64(q, 4, c->kind);
	stmt_i64(q, 5, c->amount);
	stmt_i64(q, 6, c->period_ns);
	stmt_i64(q, 7, c->burst);
	stmt_i64(q, 8, c->closed);
	stmt_i64(q, 9, c->version);
	stmt_i64(q, 10, c->created_ns);
	stmt_run(q);
}

/* Texts that reports group by. */
static void
bind_place(struct stmt *q, const struct key *k, uint64_t ids[KEY_SUBJECTS],
    struct buf *tags)
{
	const struct subject *org = noun_subject(k, SUBJECT_ORG);
	const struct subject *project = noun_subject(k, SUBJECT_PROJECT);
	const struct subject *who = noun_subject(k, SUBJECT_USER);
	unsigned i;

	if (who == NULL)
		who = noun_subject(k, SUBJECT_SERVICE);
	json_w_begin(tags, '[');
	for (i = 0; i < k->nsubjects; i++) {
		ids[i] = k->subject[i]->id;
		if (k->subject[i]->kind == SUBJECT_TAG)
			json_w_str(tags, slice_of(k->subject[i]->name));
	}
	json_w_end(tags, ']');
	stmt_text(q, 15, slice_of(org != NULL ? org->name : ""));
	stmt_text(q, 16, slice_of(project != NULL ? project->name : ""));
	stmt_text(q, 17, slice_of(who != NULL ? who->name : ""));
	stmt_text(
	    q, 18, slice_of(who != NULL ? tree_kind((unsigned)who->kind) : ""));
	stmt_text(q, 19, buf_slice(tags));
	stmt_blob(q, 20, bytes_of(ids, k->nsubjects * sizeof(*ids)));
}

static void
save_key(void *arg, void *node)
{
	struct recorder *r = arg;
	const struct key *k = node;
	uint64_t ids[KEY_SUBJECTS];
	struct buf tags = { 0 };
	struct stmt *q;

	if (!k->dirty)
		return;
	q = store_sql(r->store,
	    "INSERT OR REPLACE INTO keys (id, name, team, team_id, principal,"
	    " sha256, models, model_ids, account, expires_ns, is_admin,"
	    " revoked, salt, created_ns, org, project, principal_name,"
	    " principal_kind, tags, subjects, aws) VALUES (?, ?, ?, ?, ?, ?, ?,"
	    " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	stmt_u64(q, 1, k->id);
	stmt_text(q, 2, slice_of(k->name));
	stmt_text(q, 3, slice_of(k->team));
	stmt_u64(q, 4, k->team_id);
	stmt_u64(q, 5, k->principal);
	stmt_blob(q, 6, bytes_of(k->secret_sha256, 32));
	stmt_text(q, 7, slice_of(k->models));
	stmt_blob(q, 8, bytes_of(k->model, k->nmodels * 8u));
	stmt_u64(q, 9, k->account);
	stmt_i64(q, 10, k->expires_ns);
	stmt_i64(q, 11, k->is_admin);
	stmt_i64(q, 12, k->revoked);
	stmt_blob(q, 13, bytes_of(k->salt, sizeof(k->salt)));
	stmt_i64(q, 14, k->created_ns);
	bind_place(q, k, ids, &tags);
	stmt_i64(q, 21, k->has_aws);
	stmt_run(q);
	buf_fini(&tags);
}

static void
save_balance(void *arg, void *node)
{
	struct recorder *r = arg;
	const struct balance *b = node;
	const uint32_t boot = r->m->head->boot, zero = 0;
	struct buf live = { 0 };
	struct stmt *q;

	if (!b->dirty)
		return;
	q = store_sql(
	    r->store, "INSERT OR REPLACE INTO balances VALUES (?, ?, ?, ?)");
	buf_add(&live, bytes_of(&boot, 4));
	buf_add(&live, bytes_of(&zero, 4));
	buf_add(&live, bytes_of(b->share, b->n * sizeof(*b->share)));
	stmt_u64(q, 1, b->account);
	stmt_u64(q, 2, b->window);
	stmt_i64(q, 3, b->settled);
	stmt_blob(q, 4, buf_slice(&live));
	stmt_run(q);
	buf_fini(&live);
}

static void
save_paths(struct recorder *r)
{
	const struct path *p;
	struct stmt *q;

	for (p = r->fresh_paths; p != NULL; p = p->fresh) {
		q = store_sql(r->store, "INSERT INTO paths VALUES (?, ?)");
		stmt_i64(q, 1, p->id);
		stmt_text(q, 2, slice_of(p->text));
		stmt_run(q);
	}
}

static void
save_config(void *arg, void *node)
{
	struct recorder *r = arg;
	const struct known_config *c = node;
	struct stmt *q;

	if (!c->dirty)
		return;
	q = store_sql(
	    r->store, "INSERT OR REPLACE INTO configs VALUES (?, ?, ?)");
	stmt_u64(q, 1, c->g.generation);
	stmt_i64(q, 2, c->g.wall_ns);
	stmt_blob(q, 3, buf_slice(&c->payload));
	stmt_run(q);
}

/* Sums are made here, not in SQL: there they would turn into floats. */
static void
save_roll_into(struct recorder *r, const struct roll *t, int64_t when,
    const char *get, const char *put)
{
	struct stmt *q = store_sql(r->store, get);
	int64_t sum[SUMS];
	int i;

	memcpy(sum, t->sum, sizeof(sum));
	stmt_i64(q, 1, when);
	stmt_u64(q, 2, t->key);
	stmt_i64(q, 3, t->dim);
	if (stmt_step(q)) {
		for (i = 0; i < SUMS; i++)
			sum[i] = add(sum[i], stmt_get_i64(q, i));
	}
	q = store_sql(r->store, put);
	stmt_i64(q, 1, when);
	stmt_u64(q, 2, t->key);
	stmt_i64(q, 3, t->dim);
	for (i = 0; i < SUMS; i++)
		stmt_i64(q, i + 4, sum[i]);
	stmt_run(q);
}

#define HOLES "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"

static void
save_roll(void *arg, void *node)
{
	const struct roll *t = node;

	save_roll_into(arg, t, t->minute,
	    "SELECT " SUM_COLUMNS " FROM usage_minute"
	    " WHERE minute = ? AND key = ? AND dim = ?",
	    "INSERT OR REPLACE INTO usage_minute (minute, key, dim,"
	    " " SUM_COLUMNS ") VALUES (" HOLES ")");
	save_roll_into(arg, t, t->minute / 60,
	    "SELECT " SUM_COLUMNS " FROM usage_hour"
	    " WHERE hour = ? AND key = ? AND dim = ?",
	    "INSERT OR REPLACE INTO usage_hour (hour, key, dim,"
	    " " SUM_COLUMNS ") VALUES (" HOLES ")");
}

static void
save_calls_into(
    struct recorder *r, const struct calls *t, int64_t when, const char *put)
{
	struct stmt *q = store_sql(r->store, put);

	stmt_i64(q, 1, when);
	stmt_u64(q, 2, t->key);
	stmt_i64(q, 3, t->path);
	stmt_i64(q, 4, t->n);
	stmt_run(q);
}

static void
save_calls(void *arg, void *node)
{
	const struct calls *t = node;

	save_calls_into(arg, t, t->minute,
	    "INSERT INTO calls_minute VALUES (?, ?, ?, ?)"
	    " ON CONFLICT DO UPDATE SET calls = calls + excluded.calls");
	save_calls_into(arg, t, t->minute / 60,
	    "INSERT INTO calls_hour VALUES (?, ?, ?, ?)"
	    " ON CONFLICT DO UPDATE SET calls = calls + excluded.calls");
}

/* A hostile count may be large; it stops at 2^53. */
static void
save_refusal(void *arg, void *node)
{
	struct recorder *r = arg;
	const struct refusal *t = node;
	struct stmt *q = store_sql(r->store,
	    "INSERT INTO refusals VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
	    " SET times = min(times + excluded.times, 9007199254740992)");

	stmt_i64(q, 1, t->count.second);
	stmt_u64(q, 2, t->count.who);
	stmt_i64(q, 3, t->count.is_network);
	stmt_text(q, 4, slice_of(fault_get(t->count.fault)->code));
	stmt_u64(q, 5, t->count.times);
	stmt_run(q);
}

static void
save_blocks(struct recorder *r)
{
	const struct block *b;
	struct stmt *q;

	for (b = r->blocks; b != NULL; b = b->next) {
		if (b->last_ms == 0)
			continue; /* speaks of no request */
		q = store_sql(r->store,
		    "INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?, ?)");
		stmt_u64(q, 1, b->start);
		stmt_u64(q, 2, b->stop);
		stmt_i64(q, 3, b->first_ms);
		stmt_i64(q, 4, b->last_ms);
		stmt_blob(q, 5, bytes_of(b->filter, FILTER_LEN));
		stmt_run(q);
	}
}

static void
save_incidents(struct recorder *r)
{
	const struct noted_incident *n;
	struct buf text = { 0 };
	struct stmt *q;
	unsigned i;

	for (n = r->incidents; n != NULL; n = n->next) {
		buf_clear(&text);
		json_w_begin(&text, '[');
		for (i = 0; i < n->what.n && i < FRAME_NUMBERS; i++)
			json_w_u64(&text, n->what.numbers[i]);
		json_w_end(&text, ']');
		q = store_sql(r->store,
		    "INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?)");
		stmt_u64(q, 1, n->place);
		stmt_i64(q, 2, n->what.wall_ns);
		stmt_i64(q, 3, n->what.code);
		stmt_text(q, 4, buf_slice(&text));
		stmt_run(q);
	}
	buf_fini(&text);
}

static void
save_answers(struct recorder *r)
{
	const struct answer *a;
	struct stmt *q;

	for (a = r->answers; a != NULL; a = a->next) {
		q = store_sql(r->store,
		    "INSERT OR REPLACE INTO idempotency (key, answer, at_ns,"
		    " asked) VALUES (?, ?, ?, ?)");
		stmt_text(q, 1, slice_of(a->key));
		stmt_text(q, 2, slice_of(a->text));
		stmt_i64(q, 3, clock_wall_ns());
		stmt_blob(q, 4, slice_of(a->asked));
		stmt_run(q);
	}
}

static void
save_meta(struct recorder *r, struct slice name, uint64_t value)
{
	struct stmt *q =
	    store_sql(r->store, "INSERT OR REPLACE INTO meta VALUES (?, ?)");

	stmt_text(q, 1, name);
	stmt_u64(q, 2, value);
	stmt_run(q);
}

/* Where a successor must begin to know what is open. */
static uint64_t
replay_from(const struct recorder *r)
{
	uint64_t from = r->place;

	if (r->oldest != NULL && r->oldest->place < from)
		from = r->oldest->place;
	if (r->block.start < from)
		from = r->block.start;
	return from;
}

static void
save_all(struct recorder *r)
{
	table_each(&r->configs, save_config, r);
	table_each(&r->subjects, save_subject, r);
	table_each(&r->accounts, save_account, r);
	pledges_save(r);
	table_each(&r->caps, save_cap, r);
	table_each(&r->keys, save_key, r);
	dims_save(r);
	save_paths(r);
	table_each(&r->balances, save_balance, r);
	table_each(&r->rolls, save_roll, r);
	table_each(&r->calls, save_calls, r);
	table_each(&r->refusals, save_refusal, r);
	levels_save(r);
	table_each(&r->cursors, save_cursor, r);
	save_blocks(r);
	suspense_save(r);
	save_incidents(r);
	alert_save(r);
	save_answers(r);
	save_meta(r, S("applied"), r->place);
	save_meta(r, S("replay"), replay_from(r));
	save_meta(r, S("block"), r->block.start);
	save_meta(r, S("node"), r->m->head->node);
	save_meta(r, S("boot"), r->m->head->boot);
	if (r->snapshot != NULL)
		save_meta(r, S("generation"), r->snapshot->generation);
}

/* --- after it
 * ------------------------------------------------------------------------*/

#define CLEAN(fn, type) \
	static void fn(void *arg, void *node) \
	{ \
		(void)arg; \
		((struct type *)node)->dirty = false; \
	}

CLEAN(clean_config, known_config)
CLEAN(clean_subject, subject)
CLEAN(clean_account, account)
CLEAN(clean_cap, cap)
CLEAN(clean_key, key)
CLEAN(clean_balance, balance)
CLEAN(clean_cursor, cursor)
#undef CLEAN

#define FREE_LIST(head, type, extra) \
	while ((head) != NULL) { \
		struct type *gone_ = (head); \
\
		(head) = gone_->next; \
		extra; \
		mem_free(gone_); \
	}

static void
clean_all(struct recorder *r)
{
	table_each(&r->configs, clean_config, r);
	table_each(&r->subjects, clean_subject, r);
	table_each(&r->accounts, clean_account, r);
	pledges_clean(r);
	table_each(&r->caps, clean_cap, r);
	table_each(&r->keys, clean_key, r);
	r->fresh_dims = NULL;
	r->fresh_paths = NULL;
	table_each(&r->balances, clean_balance, r);
	table_each(&r->cursors, clean_cursor, r);
	table_free(&r->rolls);
	table_free(&r->calls);
	table_free(&r->refusals);
	table_free(&r->levels);
	FREE_LIST(r->blocks, block, (void)0)
	suspense_forget(r);
	FREE_LIST(r->incidents, noted_incident, (void)0)
	alert_forget(r);
	FREE_LIST(r->answers, answer,
	    (mem_free(gone_->key), mem_free(gone_->text),
		mem_free(gone_->asked)))
	r->applied = r->place;
	r->dirty = false;
	r->dirty_rows = 0;
}

void
commit_forget(struct recorder *r)
{
	FREE_LIST(r->blocks, block, (void)0)
	suspense_forget(r);
	FREE_LIST(r->incidents, noted_incident, (void)0)
	alert_forget(r);
	FREE_LIST(r->answers, answer,
	    (mem_free(gone_->key), mem_free(gone_->text),
		mem_free(gone_->asked)))
}

enum fault
commit_all(struct recorder *r)
{
	enum fault fault = drain_flush(r);

	/* A log that could be written again says so in itself. */
	if (fault == FAULT_NONE && log_durable(r->log) != log_end(r->log))
		fault = drain_flush(r);
	r->last_commit_ns = clock_mono_ns();
	if (fault != FAULT_NONE || (!r->dirty && r->dirty_rows == 0))
		return fault;
	store_begin(r->store);
	save_all(r);
	recorder_step(r, "commit");
	fault = store_commit(r->store);
	recorder_step(r, "committed");
	if (fault != FAULT_NONE) {
		if (!r->store_failing)
			log_error("the store cannot be written: %s; the log "
				  "goes on",
			    store_error(r->store));
		r->store_failing = true;
		return fault;
	}
	if (r->store_failing)
		log_info("the store can be written again");
	r->store_failing = false;
	suspense_settle(r);
	clean_all(r);
	nouns_make_good(r);
	return FAULT_NONE;
}

/*
 * rig.h - a node without processes: shared tables, a data_dir, a recorder as
 * a library, and workers that are structs
 */
#ifndef KONTOR_TESTS_RECORDER_RIG_H
#define KONTOR_TESTS_RECORDER_RIG_H

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "journal/writer.h"
#include "ledger/account.h"
#include "ledger/chain.h"
#include "ledger/hold.h"
#include "recorder/run.h"
#include "recorder/state.h"
#include "shm/atomic.h"
#include "shm/key.h"

enum { RIG_SLOTS = 32 };

struct rig {
	char dir[64];
	struct shm m;
	struct snapshot *s;
	struct recorder *r;
	const struct disk *disk;
	void (*step)(void *arg, const char *where);
	void *step_arg;
	uint32_t seq;
};

struct worker {
	struct shm m;
	struct ledger *l;
	struct journal *j;
	uint32_t slot;
	uint32_t seq;
};

static inline void
rig_remove(const char *dir)
{
	char cmd[128];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	assert_int_equal(system(cmd), 0);
}

static inline const char *
rig_dup(struct snapshot *s, const char *text)
{
	return arena_str(&s->arena, slice_of(text));
}

/* One model at two providers: 1 and 4 dollars a million. */
static inline struct snapshot *
rig_snapshot(uint64_t generation)
{
	struct snapshot *s = NEW(struct snapshot);
	struct provider_conf *p =
	    ARENA_ARRAY(&s->arena, struct provider_conf, 2);
	struct deployment_conf *d =
	    ARENA_ARRAY(&s->arena, struct deployment_conf, 2);
	struct model_conf *m = ARENA_NEW(&s->arena, struct model_conf);
	struct price *price = ARENA_ARRAY(&s->arena, struct price, 2);
	unsigned i;

	s->refs = 1;
	s->generation = generation;
	s->drain_ns = NS_PER_S;
	s->nproviders = s->ndeployments = 2;
	s->nmodels = 1;
	s->provider = p;
	s->deployment = d;
	s->model = m;
	*m = (struct model_conf){ .id = rig_dup(s, "gpt-6"),
		.hash = hash64(S("gpt-6")),
		.publisher = rig_dup(s, "openai"),
		.n = 2 };
	for (i = 0; i < 2; i++) {
		p[i].id = rig_dup(s, i == 0 ? "azure-eu" : "aws-use1");
		p[i].type = i == 0 ? PROVIDER_AZURE_OPENAI : PROVIDER_BEDROCK;
		p[i].region = rig_dup(s, i == 0 ? "westeurope" : "us-east-1");
		price[i].id = 100 + i;
		rates_set(&price[i].base, LANE_INPUT, (struct rate){ 1000000 });
		rates_set(
		    &price[i].base, LANE_OUTPUT, (struct rate){ 4000000 });
		d[i] = (struct deployment_conf){
			.id = rig_dup(s, i == 0 ? "gpt-6-az" : "gpt-6-aws"),
			.index = i,
			.provider = &p[i],
			.model = m,
			.name = rig_dup(s, "gpt-6"),
			.zone = rig_dup(s, ""),
			.tier = rig_dup(s, ""),
			.price = &price[i],
			.nprice = 1,
		};
		m->deployment[i] = &d[i];
	}
	return s;
}

static inline void
rig_tables(struct rig *g, uint32_t boot)
{
	const struct shm_sizes sizes = { .slots = RIG_SLOTS,
		.accounts = 32,
		.subjects = 64,
		.limits = 16,
		.keys = 64,
		.breakers = 8,
		.holds = 32,
		.ring_bytes = 128 * 1024 };

	assert_int_equal(shm_create(&sizes, 7, boot, &g->m), FAULT_NONE);
}

static inline enum fault
rig_start(struct rig *g)
{
	struct recorder_conf conf = { .m = &g->m,
		.data_dir = g->dir,
		.snapshot = g->s,
		.disk = g->disk,
		.step = g->step,
		.step_arg = g->step_arg };

	g->m.slot = shm_slot_take(&g->m, true);
	assert_true(g->m.slot < RIG_SLOTS);
	return recorder_open(&conf, &g->r);
}

static inline void
rig_open_with(struct rig *g, struct snapshot *s)
{
	*g = (struct rig){ .dir = "/tmp/kontor-rec-XXXXXX" };
	log_init("test", LOG_LVL_ERROR);
	assert_non_null(mkdtemp(g->dir));
	rig_tables(g, 1);
	g->s = s;
	assert_int_equal(rig_start(g), FAULT_NONE);
}

static inline void
rig_open(struct rig *g)
{
	rig_open_with(g, rig_snapshot(77));
}

/* As kill -9 of the recorder: a successor in another slot. */
static inline void
rig_kill_recorder(struct rig *g)
{
	const uint32_t was = g->m.slot;

	recorder_close(&g->r);
	shm_slot_dead(&g->m, was);
	assert_int_equal(rig_start(g), FAULT_NONE);
}

/* As a power cut: the shared tables are gone too. */
static inline void
rig_power_cut(struct rig *g)
{
	const uint32_t boot = g->m.head->boot + 1;

	recorder_close(&g->r);
	close(g->m.fd);
	shm_detach(&g->m);
	rig_tables(g, boot);
	assert_int_equal(rig_start(g), FAULT_NONE);
}

static inline void
rig_end(struct rig *g)
{
	recorder_close(&g->r);
	if (g->m.base != NULL) {
		close(g->m.fd);
		shm_detach(&g->m);
	}
	snapshot_unref(&g->s);
	rig_remove(g->dir);
}

static inline void
rig_path(const struct rig *g, const char *name, char out[128])
{
	(void)snprintf(out, 128, "%s/%s", g->dir, name);
}

/* --- control ---------------------------------------------------------------
 */

static inline bool
rig_ask(struct rig *g, const char *text)
{
	struct buf out = { 0 };
	bool ok;

	recorder_control(g->r, slice_of(text), &out);
	ok = strstr(buf_cstr(&out), "\"ok\":true") != NULL;
	buf_fini(&out);
	return ok;
}

/* The key's id as text is twelve digits that end in n. */
static inline uint64_t
rig_key(struct rig *g, unsigned n, const char *budget, const char *window)
{
	char text[512], id[16];
	uint64_t key;

	(void)snprintf(id, sizeof(id), "00000000000%u", n);
	(void)snprintf(text, sizeof(text),
	    "{\"n\":1,\"op\":\"key_create\",\"name\":\"key %u\",\"team\":"
	    "\"team\",\"id\":\"%s\",\"sha256\":\"%064u\",\"models\":[],"
	    "\"budget\":\"%s\",\"window\":\"%s\",\"zone\":\"UTC\","
	    "\"expires_ns\":0,\"admin\":false}",
	    n, id, n, budget, window);
	assert_true(rig_ask(g, text));
	assert_true(key_id_parse(slice_of(id), &key));
	return key;
}

/* --- workers ----------------------------------------------------------------
 */

static inline void
worker_start(struct rig *g, struct worker *w)
{
	*w = (struct worker){ .seq = 0 };
	assert_int_equal(shm_attach(g->m.fd, &w->m), FAULT_NONE);
	w->slot = w->m.slot = shm_slot_take(&g->m, false);
	assert_true(w->slot < RIG_SLOTS);
	w->l = ledger_new(&w->m);
	w->j = journal_open(&w->m, w->slot);
}

/* As it would be reaped; what it held stays as it is. */
static inline void
worker_kill(struct rig *g, struct worker *w)
{
	ledger_free(&w->l);
	journal_close(&w->j);
	shm_detach(&w->m);
	shm_slot_dead(&g->m, w->slot);
}

struct call {
	struct intent i;
	struct shm_hold *h;
};

/* A new request; attempts of one share its id. */
static inline struct reqid
worker_req(struct rig *g, struct worker *w)
{
	return reqid_make(clock_wall_ns(), g->m.head->node,
	    (uint16_t)at_load(&w->m.slots[w->slot].incarnation), ++w->seq);
}

static inline bool
worker_begin(struct rig *g, struct worker *w, struct call *c, struct reqid req,
    unsigned attempt, uint64_t key, unsigned deployment, int64_t hold)
{
	struct chain chain;
	const bool good =
	    chain_gather(&w->m, key_find(&w->m, key), NULL, 0, &chain);
	const struct hold_spec spec = { .req = req,
		.attempt = attempt,
		.deployment = deployment,
		.generation = g->s->generation,
		.key = key,
		.price = 100 + deployment,
		.most = { hold },
		.wall_ns = clock_wall_ns(),
		.account = chain.account,
		.n = chain.naccounts };
	unsigned i;

	assert_true(good);
	*c = (struct call){ .h = NULL };
	if (!journal_reserve(w->j, 3))
		return false;
	if (hold_open(w->l, &spec, &c->h, NULL) != FAULT_NONE) {
		journal_unreserve(w->j, 3);
		return false;
	}
	c->i = (struct intent){ .req = req,
		.attempt = attempt,
		.wall_ns = spec.wall_ns,
		.generation = spec.generation,
		.key = key,
		.price = spec.price,
		.model = hash64(S("gpt-6")),
		.deployment = deployment,
		.agreement =
		    g->s->nagreements > 0 ? g->s->agreement->terms.id : 0,
		.hold = hold,
		.n = spec.n };
	for (i = 0; i < spec.n; i++) {
		c->i.chain[i].account = c->h->chain[i].account_id;
		c->i.chain[i].window = c->h->chain[i].window_id;
	}
	journal_intent(w->j, &c->i);
	return true;
}

static inline struct outcome
call_outcome(const struct call *c, enum resolution res, uint64_t tokens)
{
	struct outcome o = { .req = c->i.req,
		.attempt = c->i.attempt,
		.wall_ns = clock_wall_ns(),
		.resolution = res,
		.sent = res != RESOLUTION_VOID,
		.generation = c->i.generation,
		.key = c->i.key,
		.price = c->i.price,
		.deployment = c->i.deployment,
		.agreement = c->i.agreement,
		.hold = c->i.hold,
		.n = c->i.n };

	memcpy(o.chain, c->i.chain, sizeof(o.chain));
	if (res == RESOLUTION_UNKNOWN) {
		o.effective = o.hold;
	} else if (res != RESOLUTION_VOID) {
		o.usage = (struct usage){ .input = tokens, .output = tokens };
		/* 1 and 4 micro a token */
		o.effective = (int64_t)tokens * 5000;
	}
	o.list = o.contracted = o.effective;
	return o;
}

/* last: the request ends with this attempt. */
static inline void
worker_finish(struct worker *w, struct call *c, enum resolution res,
    uint64_t tokens, bool last)
{
	const struct outcome o = call_outcome(c, res, tokens);
	const struct final f = { .req = o.req,
		.wall_ns = o.wall_ns,
		.key = o.key,
		.generation = o.generation,
		.model = c->i.model,
		.status = 200,
		.attempts = o.attempt,
		.n = 1 };

	journal_outcome(w->j, &o);
	hold_close(w->l, &c->h, (struct money){ o.effective });
	if (last)
		journal_final(w->j, &f);
	else
		journal_unreserve(w->j, 1);
}

/* A whole call of one attempt at deployment 0. */
static inline bool
worker_call(struct rig *g, struct worker *w, uint64_t key, int64_t hold,
    uint64_t tokens)
{
	struct call c;

	if (!worker_begin(g, w, &c, worker_req(g, w), 1, key, 0, hold))
		return false;
	hold_sent(c.h);
	worker_finish(w, &c, RESOLUTION_BOOKED, tokens, true);
	return true;
}

/* --- looking
 * ------------------------------------------------------------------ */

/* What admission sees spent and held of the key's account, now. */
static inline void
rig_sums(struct rig *g, uint64_t key, int64_t *settled, int64_t *held)
{
	struct chain chain;
	const bool good =
	    chain_gather(&g->m, key_find(&g->m, key), NULL, 0, &chain);
	const int32_t row = chain.account[0];
	struct shm_account *a = &g->m.accounts[row];
	const int64_t now = clock_wall_ns();
	unsigned side;

	assert_true(good && chain.naccounts > 0);
	for (side = 0; side < 2; side++) {
		if (at_load(&a->window[side].id) != 0 &&
		    at_load(&a->window[side].start_ns) <= now &&
		    now < at_load(&a->window[side].end_ns)) {
			account_sums(&g->m, (uint32_t)row, side, settled, held);
			return;
		}
	}
	fail_msg("no window is open");
}

static inline int64_t
rig_settled(struct rig *g, uint64_t key)
{
	int64_t settled, held;

	rig_sums(g, key, &settled, &held);
	return settled;
}

static inline int64_t
rig_store(struct rig *g, const char *sql)
{
	struct store *s;
	struct stmt *q;
	char path[128];
	int64_t v;

	rig_path(g, "store.db", path);
	assert_int_equal(store_open_read(path, &s), FAULT_NONE);
	q = store_sql(s, sql);
	v = stmt_step(q) ? stmt_get_i64(q, 0) : -1;
	store_close(&s);
	return v;
}

#endif

#include "courier/keeper.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "courier/fetch.h"
#include "courier/run.h"
#include "crypto/digest.h"
#include "io/loop.h"
#include "shm/atomic.h"
#include "shm/label.h"

enum {
	WAIT_MIN_MS = 500,
	WAIT_MAX_MS = 60000,
	REREAD_S = 300,     /* of what does not expire: files may change */
	LIFE_MAX_S = 43200, /* what lives longer is fetched anew all the same */
	SOONEST_S = 5,
	SKEW_MIN_S = 5, /* what a second's rounding and the way may be */
	SKEW_RETRY_S = 30,
	SKEW_MAX_S = 86400,
	REFUSED_WAIT_S = 10,
	REFUSED_WAIT_MAX_S = 300,
	RETIRED_S = 3600 /* the longest request, and some */
};

struct entry {
	struct entry *next;
	struct keeper *keeper;
	uint64_t id;
	int row;                        /* of wallet and table */
	const struct signin_conf *conf; /* NULL: not in the configuration */
	const struct provider_conf *provider;
	uint8_t secrets[DIGEST_LEN]; /* digest of what was given */
	struct run run;
	struct fetch fetch;
	struct timer timer;
	bool running, tried, reskewed, warned;
	unsigned failures; /* in a row */
	int64_t skew_s;
	int64_t refused_at, refused_wait; /* monotonic */
	int64_t drop_at;                  /* of what is retired, monotonic */
};

struct keeper {
	struct loop *loop;
	struct client *client;
	struct shm *shm;
	struct wallet *wallet;
	struct entry *entries;
	const struct snapshot *snapshot; /* borrowed; the entries' too */
};

static struct shm_signin *
table_row(const struct entry *e)
{
	return &e->keeper->shm->signins[e->row];
}

static int64_t
random_below(int64_t n)
{
	uint64_t v;

	random_bytes(&v, sizeof(v));
	return n > 0 ? (int64_t)(v % (uint64_t)n) : 0;
}

static int64_t
wall_s(void)
{
	return clock_wall_ns() / NS_PER_S;
}

/* --- telling ------------------------------------------------------------- */

static enum signin_state
state_of(const struct entry *e)
{
	const int64_t expires = at_peek(&table_row(e)->expires_ns);

	if (expires == 0 || clock_wall_ns() >= expires)
		return e->tried ? SIGNIN_STATE_BAD : SIGNIN_STATE_NONE;
	return e->failures > 0 ? SIGNIN_STATE_AGING : SIGNIN_STATE_GOOD;
}

static void
tell(const struct entry *e, enum signin_why why, int status, const char *code,
    int64_t next_ns)
{
	struct shm_signin *s = table_row(e);

	at_poke(&s->why, (uint32_t)why);
	at_poke(&s->status, (uint32_t)status);
	label_set(&s->code, slice_of(code));
	at_poke(&s->next_ns, clock_wall_ns() + next_ns);
	at_poke(&s->skew_ns, e->skew_s * NS_PER_S);
	at_store(&s->state, (uint32_t)state_of(e));
}

static void
log_failure(struct entry *e)
{
	const int64_t expires = at_peek(&table_row(e)->expires_ns);
	const struct run *r = &e->run;
	char what[RUN_CODE + 24] = "";

	if (r->status != 0)
		snprintf(what, sizeof(what), " (HTTP %d%s%s)", r->status,
		    r->code[0] != '\0' ? ", " : "", r->code);
	log_warn("provider %s: sign-in (%s) failed: %s%s; %s", e->provider->id,
	    signin_method_text(e->conf->method), signin_why_text(r->why), what,
	    expires <= clock_wall_ns() ? "there is no credential to use"
				       : "the one at hand is still good");
	e->warned = true;
}

static void
log_success(struct entry *e)
{
	if (e->tried && !e->warned)
		return;
	if (e->run.lifetime_s > 0)
		log_info("provider %s: signed in (%s), for %lld s",
		    e->provider->id, signin_method_text(e->conf->method),
		    (long long)e->run.lifetime_s);
	else
		log_info("provider %s: signed in (%s)", e->provider->id,
		    signin_method_text(e->conf->method));
	e->warned = false;
}

/* --- one sign-in --------------------------------------------------------- */

static void start(struct entry *e);

static void
on_time(struct timer *t)
{
	struct entry *e = CONTAINER_OF(t, struct entry, timer);

	if (!e->running && e->conf != NULL)
		start(e);
}

static void
start_in(struct entry *e, int64_t ns)
{
	timer_set(e->keeper->loop, &e->timer, loop_now(e->keeper->loop) + ns,
	    on_time);
}

static void
end_run(struct entry *e)
{
	run_end(&e->run);
	e->running = false;
	e->tried = true;
}

/*
 * An endpoint that asks for an hour would have all calls of the provider fail
 * when the credential at hand ends before: so it is asked again at half of
 * what that one has left, and each minute when there is none.
 */
static int64_t
bearable_s(const struct entry *e, int64_t retry_s)
{
	const int64_t left_s =
	    (at_peek(&table_row(e)->expires_ns) - clock_wall_ns()) / NS_PER_S;
	const int64_t most =
	    left_s / 2 > WAIT_MAX_MS / 1000 ? left_s / 2 : WAIT_MAX_MS / 1000;

	return retry_s < most ? retry_s : most;
}

static void
fail(struct entry *e, int64_t retry_s)
{
	const unsigned shift = e->failures < 7 ? e->failures : 7;
	struct shm_signin *s = table_row(e);
	int64_t ms = (int64_t)WAIT_MIN_MS << shift;

	if (ms > WAIT_MAX_MS)
		ms = WAIT_MAX_MS;
	ms = ms * 3 / 4 + random_below(ms / 2);
	retry_s = bearable_s(e, retry_s);
	if (ms < retry_s * 1000)
		ms = retry_s * 1000;
	/* The first of a row, and any that leaves calls without. */
	if (e->failures == 0 || state_of(e) == SIGNIN_STATE_BAD)
		log_failure(e);
	e->failures++;
	at_add(&s->failed, 1);
	e->tried = true;
	tell(e, e->run.why, e->run.status, e->run.code, ms * NS_PER_MS);
	end_run(e);
	start_in(e, ms * NS_PER_MS);
}

static int64_t
next_after(int64_t lifetime_s)
{
	int64_t s = lifetime_s > 0 ? lifetime_s : REREAD_S;

	if (s > LIFE_MAX_S)
		s = LIFE_MAX_S;
	s = s * 3 / 4 - random_below(s / 10 + 1);
	return s < SOONEST_S ? SOONEST_S : s;
}

/* They count in whole seconds, and a request takes its time. */
static int64_t
usable_s(const struct run *r)
{
	return r->lifetime_s > 2 ? r->lifetime_s - 1 : r->lifetime_s;
}

static bool
publish(struct entry *e)
{
	struct run *r = &e->run;
	struct shm_signin *s = table_row(e);
	const int64_t now = clock_wall_ns();
	const struct wallet_pass p = { .kind = r->kind,
		.expires_ns = r->lifetime_s > 0 ? now + usable_s(r) * NS_PER_S
						: INT64_MAX,
		.skew_ns = e->skew_s * NS_PER_S,
		.part = { r->part[0], r->part[1], r->part[2] } };
	uint32_t version;

	if (!wallet_put(
		e->keeper->wallet, (unsigned)e->row, e->id, &p, &version))
		return false;
	at_poke(&s->version, version);
	at_poke(&s->got_ns, now);
	at_poke(&s->expires_ns, p.expires_ns);
	at_add(&s->got, 1);
	return true;
}

static void
succeed(struct entry *e)
{
	const int64_t wait = next_after(e->run.lifetime_s) * NS_PER_S;

	if (!publish(e)) {
		e->run.why = SIGNIN_WHY_SIZE;
		fail(e, 0);
		return;
	}
	log_success(e);
	e->failures = 0;
	e->reskewed = false;
	e->tried = true;
	tell(e, SIGNIN_WHY_NONE, 0, "", wait);
	end_run(e);
	start_in(e, wait);
}

/* What their clock says; true: ours was so wrong that this may be why. */
static bool
learn_skew(struct entry *e, const struct run_reply *a)
{
	const int64_t skew = a->date_s - wall_s(), moved = skew - e->skew_s;

	if (a->date_s == 0 || skew > SKEW_MAX_S || skew < -SKEW_MAX_S ||
	    (moved <= SKEW_MIN_S && moved >= -SKEW_MIN_S))
		return false;
	e->skew_s = skew <= SKEW_MIN_S && skew >= -SKEW_MIN_S ? 0 : skew;
	return moved > SKEW_RETRY_S || moved < -SKEW_RETRY_S;
}

static void
go_on(struct entry *e, enum step step, const struct run_reply *a)
{
	const struct fetch_rules rules =
	    fetch_rules_of(e->keeper->snapshot, e->provider);

	if (step == STEP_FETCH &&
	    !fetch_start(&e->fetch, e->keeper->client, e->keeper->loop,
		&e->run.errand, &rules, &e->run.why))
		step = STEP_FAIL;
	if (step == STEP_DONE)
		succeed(e);
	else if (step == STEP_FAIL)
		fail(e, a != NULL ? a->retry_s : 0);
}

static void
on_done(struct fetch *f, enum signin_why why)
{
	struct entry *e = CONTAINER_OF(f, struct entry, fetch);
	const struct run_reply a = f->answer;
	bool wrong_clock;
	enum step step;

	if (why != SIGNIN_WHY_NONE) {
		go_on(e, run_fail(&e->run, why), NULL);
		return;
	}
	wrong_clock = learn_skew(e, &a);
	step = run_answer(&e->run, &a);
	/* Once more, by the right time. */
	if (step == STEP_FAIL && e->run.why == SIGNIN_WHY_REFUSED &&
	    wrong_clock && !e->reskewed) {
		e->reskewed = true;
		end_run(e);
		start_in(e, 0);
		return;
	}
	go_on(e, step, &a);
}

static void
start(struct entry *e)
{
	timer_clear(&e->timer);
	e->running = true;
	e->fetch.on_done = on_done;
	go_on(e, run_begin(&e->run, e->conf, wall_s() + e->skew_s), NULL);
}

/* --- the configuration --------------------------------------------------- */

static void
add_text(struct digest *d, const char *s)
{
	digest_add(d, s != NULL ? slice_of(s) : S(""));
	digest_add(d, (struct slice){ "", 1 });
}

static void
digest_secrets(const struct signin_conf *c, uint8_t out[DIGEST_LEN])
{
	struct digest d;

	digest_init(&d);
	add_text(&d, c->secret);
	add_text(&d, c->key_id);
	add_text(&d, c->token);
	add_text(&d, c->document);
	digest_end(&d, out);
}

static bool
reads_files(const struct signin_conf *c)
{
	return c->token_file != NULL || c->method == SIGNIN_AWS_PROFILE ||
	       (c->document != NULL && c->method == SIGNIN_GOOGLE_CREDENTIALS);
}

static struct entry *
find(struct keeper *k, uint64_t id)
{
	struct entry *e = k->entries;

	while (e != NULL && e->id != id)
		e = e->next;
	return e;
}

static void
stop(struct entry *e)
{
	timer_clear(&e->timer);
	fetch_drop(&e->fetch);
	if (e->running)
		run_end(&e->run);
	e->running = false;
}

static void
drop(struct keeper *k, struct entry *e)
{
	struct entry **at = &k->entries;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	stop(e);
	wallet_drop(k->wallet, (unsigned)e->row);
	at_store(&table_row(e)->id, 0);
	mem_free(e);
}

static struct entry *
put_entry(struct keeper *k, uint64_t id, int row)
{
	struct entry *e = NEW(struct entry);

	e->keeper = k;
	e->id = id;
	e->row = row;
	e->next = k->entries;
	k->entries = e;
	return e;
}

/* NULL: there are too many; kontor check says so before. */
static struct entry *
add(struct keeper *k, const struct provider_conf *p)
{
	const int row = wallet_row(k->wallet, p->signin->id);
	struct entry *e;
	struct shm_signin *s;

	if (row < 0)
		return NULL;
	e = put_entry(k, p->signin->id, row);
	s = table_row(e);
	at_poke(&s->provider, p->hash);
	at_poke(&s->method, (uint32_t)p->signin->method);
	at_poke(&s->state, SIGNIN_STATE_NONE);
	at_poke(&s->expires_ns, 0);
	at_poke(&s->refused, 0);
	at_poke(&s->version, 0);
	at_store(&s->id, e->id);
	return e;
}

/* A courier that died left good credentials behind: they are served on, and
 * known to be there when the first try fails. */
static void
claim(struct keeper *k)
{
	unsigned i;
	uint64_t id;

	for (i = 0; i < SIGNINS_MAX; i++) {
		id = at_load(&k->shm->signins[i].id);
		if (id != 0)
			put_entry(k, id, (int)i);
	}
}

static void
adopt(struct keeper *k, const struct provider_conf *p)
{
	struct entry *e = find(k, p->signin->id);
	uint8_t sum[DIGEST_LEN];
	bool again = e == NULL;

	if (e == NULL)
		e = add(k, p);
	if (e == NULL) {
		log_error("provider %s: too many credentials", p->id);
		return;
	}
	digest_secrets(p->signin, sum);
	again = again || e->drop_at != 0 || reads_files(p->signin) ||
		e->running || memcmp(sum, e->secrets, sizeof(sum)) != 0;
	memcpy(e->secrets, sum, sizeof(sum));
	e->conf = p->signin;
	e->provider = p;
	e->drop_at = 0;
	if (again) {
		e->failures = 0;
		/* What cannot be used yet is waited for: keeper_ready(). */
		e->tried = e->tried && state_of(e) == SIGNIN_STATE_GOOD;
		start_in(e, 0);
	}
}

void
keeper_take(struct keeper *k, const struct snapshot *s)
{
	const int64_t now = loop_now(k->loop);
	struct entry *e;
	unsigned i;

	k->snapshot = s;
	/* What runs reads the old configuration. */
	for (e = k->entries; e != NULL; e = e->next) {
		const bool was_running = e->running;

		if (was_running)
			stop(e);
		e->running = was_running; /* adopt() starts it anew */
		e->conf = NULL;
		e->provider = NULL;
	}
	for (i = 0; i < s->nproviders; i++) {
		if (s->provider[i].signin != NULL)
			adopt(k, &s->provider[i]);
	}
	for (e = k->entries; e != NULL; e = e->next) {
		e->running = false;
		if (e->conf == NULL && e->drop_at == 0) {
			timer_clear(&e->timer);
			e->drop_at = now + RETIRED_S * NS_PER_S;
		}
	}
}

bool
keeper_ready(const struct keeper *k)
{
	const struct entry *e;

	for (e = k->entries; e != NULL; e = e->next) {
		if (e->conf != NULL && !e->tried)
			return false;
	}
	return true;
}

/* --- refusals ------------------------------------------------------------ */

static void
look_at(struct entry *e, int64_t now)
{
	struct shm_signin *s = table_row(e);
	const uint32_t version = at_peek(&s->version);

	if (version == 0 || at_peek(&s->refused) != version || e->running)
		return;
	if (e->refused_at != 0 && now < e->refused_at + e->refused_wait)
		return;
	/* Refused again and again: the credential is not what is wrong. */
	if (e->refused_at == 0 ||
	    now > e->refused_at + 4 * REFUSED_WAIT_MAX_S * NS_PER_S)
		e->refused_wait = REFUSED_WAIT_S * NS_PER_S;
	else if (e->refused_wait < REFUSED_WAIT_MAX_S * NS_PER_S)
		e->refused_wait *= 2;
	e->refused_at = now;
	at_add(&s->refusals, 1);
	log_warn("provider %s refuses the credential it gave (%s); another "
		 "one is fetched",
	    e->provider->id, signin_method_text(e->conf->method));
	e->warned = true;
	start_in(e, 0);
}

void
keeper_look(struct keeper *k)
{
	const int64_t now = loop_now(k->loop);
	struct entry *e, *next;

	for (e = k->entries; e != NULL; e = next) {
		next = e->next;
		if (e->conf != NULL) {
			look_at(e, now);
			at_store(&table_row(e)->state, (uint32_t)state_of(e));
		} else if (now >= e->drop_at) {
			drop(k, e);
		}
	}
}

/* --- life ---------------------------------------------------------------- */

struct keeper *
keeper_new(struct loop *l, struct client *c, struct shm *m, struct wallet *w)
{
	struct keeper *k = NEW(struct keeper);

	*k = (struct keeper){ .loop = l, .client = c, .shm = m, .wallet = w };
	claim(k);
	return k;
}

void
keeper_free(struct keeper **kp)
{
	struct keeper *k = *kp;
	struct entry *e;

	*kp = NULL;
	if (k == NULL)
		return;
	while ((e = k->entries) != NULL) {
		k->entries = e->next;
		stop(e);
		mem_free(e);
	}
	mem_free(k);
}

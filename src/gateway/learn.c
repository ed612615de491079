#include "gateway/learn.h"

#include "base/clock.h"
#include "base/json.h"
#include "gateway/send.h"
#include "gateway/worker_priv.h"
#include "http/msg.h"
#include "model/place.h"
#include "route/capacity.h"
#include "route/pace.h"
#include "route/said.h"
#include "route/warm.h"
#include "shm/atomic.h"
#include "shm/breaker.h"

enum { SEEN_MAX = 32, CREDENTIAL_FAILURES = 5 };
#define CREDENTIAL_REST_NS (30 * NS_PER_S)
/* A caller's patience that tells something: of what has been measured, else
 * this. */
enum { PATIENCE = 4 };
#define UNKNOWN_NS (10 * NS_PER_S)
#define FULL_REST_NS NS_PER_S
/* A daily quota is the longest that somebody means. */
#define TOLD_MAX_NS (24 * 3600 * NS_PER_S)

/* --- heads ---------------------------------------------------------------- */

/* What the reply passes on has been looked up already. */
static void
learn_limits(struct req *req)
{
	const struct reply *r = &req->reply;
	struct capacity_said said;
	bool any = false;
	unsigned i;

	said_init(&said);
	for (i = 0; i < r->nhdr; i++)
		any |= said_limit(&said, r->hdr[i].name, r->hdr[i].value);
	if (any && req->try.breaker != NULL)
		capacity_learn(req->try.deployment, req->try.breaker, &said,
		    loop_now(req->w->loop));
}

static void
learn_place(struct req *req)
{
	const struct reply *r = &req->reply;
	unsigned i;

	for (i = 0; i < r->nhdr; i++) {
		if (!slice_ieq(r->hdr[i].name, S("x-ms-region")))
			continue;
		req->try.seen = r->hdr[i].value;
		if (req->try.seen.len > SEEN_MAX)
			req->try.seen.len = SEEN_MAX;
		/* A stream's headers are given back before it ends. */
		req->try.seen = arena_copy(&req->arena, req->try.seen);
	}
}

void
learn_head(struct req *req, const struct http_head *head)
{
	(void)head;
	if (req->reply.nhdr == 0)
		return;
	learn_limits(req);
	learn_place(req);
}

bool
learn_model(const struct req *req, struct slice json)
{
	const struct slice want = slice_of(req->try.deployment->answers_as);
	struct json_cur c;
	struct slice key, name;
	enum json_type type;
	bool escaped;

	if (want.len == 0)
		return true;
	c = json_cur(json);
	if (!json_enter_object(&c))
		return true;
	while (json_next_key(&c, &key, &escaped)) {
		if (!json_peek(&c, &type))
			return true;
		/* Where Anthropic's streams have it. */
		if (slice_eq(key, S("message")) && type == JSON_OBJECT) {
			if (!json_enter_object(&c))
				return true;
			continue;
		}
		if ((slice_eq(key, S("model")) ||
			slice_eq(key, S("modelVersion"))) &&
		    type == JSON_STRING)
			return !json_take_string(&c, &name, &escaped) ||
			       name.len == 0 || slice_starts(name, want);
		if (!json_skip(&c, &name))
			return true;
	}
	return true;
}

/* --- ends ----------------------------------------------------------------- */

static int64_t
retry_after(const struct req *req)
{
	const struct reply *r = &req->reply;
	struct slice after = S(""), ms = S("");
	int64_t ns;
	unsigned i;

	for (i = 0; i < r->nhdr; i++) {
		if (slice_ieq(r->hdr[i].name, S("retry-after")))
			after = r->hdr[i].value;
		if (slice_ieq(r->hdr[i].name, S("retry-after-ms")))
			ms = r->hdr[i].value;
	}
	ns = said_retry_after(after, ms, worker_wall_ns(req->w));
	return ns < TOLD_MAX_NS ? ns : TOLD_MAX_NS;
}

bool
learn_hurried(const struct req *req)
{
	const struct attempt *t = &req->try;
	const int64_t now = loop_now(req->w->loop);
	const int64_t waited = now - t->sent_ns, first = leg_first_ns(req);
	const bool stream = req->ask->stream;
	int64_t pace;

	if (req->fault != FAULT_UP_TIMEOUT)
		return false;
	/* It was being connected, which has a deadline of its own. */
	if (t->sent_ns == 0)
		return req->wishes.hurried && now >= req->deadline_ns;
	/* It was being answered. */
	if (t->status != 0)
		return t->status == 200 && now >= req->deadline_ns;
	/* Its clock began a little before. */
	if (!req->wishes.hurried || waited >= first - first / 8)
		return false;
	pace = t->breaker == NULL ? 0
				  : (int64_t)pace_last(t->breaker,
					stream ? PACE_STREAM : PACE_WHOLE);
	if (pace == 0)
		return waited < UNKNOWN_NS;
	pace *= PATIENCE * (NS_PER_MS / 1000);
	return waited < (pace > NS_PER_S ? pace : NS_PER_S);
}

/* By a chance of one connection, which another will not have: it was one that
 * had been kept, or what was sent was not looked at, for the first time. */
static bool
is_chance(const struct req *req)
{
	const struct attempt *t = &req->try;
	unsigned i;

	if (!t->reused || t->status != 0)
		return false;
	for (i = 0; i < req->ncandidate; i++) {
		if (req->candidate[i].deployment == t->deployment &&
		    req->candidate[i].again)
			return t->sent_ns != 0;
	}
	return true;
}

/* A provider that comes back after a rest is asked by one call first. */
static void
learn_breaker(struct req *req)
{
	const struct attempt *t = &req->try;
	const int64_t now = loop_now(req->w->loop);
	const bool bad = t->owner == OWNER_PROVIDER;

	breaker_leave(t->breaker, req->w->slot);
	if (t->hurried)
		breaker_hurried(t->breaker, now, t->probe, req->key->principal);
	else if (req->fault == FAULT_UP_TIMEOUT && t->sent_ns != 0)
		breaker_timeout(t->breaker, now, t->probe, req->key->principal);
	else if (bad && is_chance(req))
		breaker_neutral(t->breaker, t->probe);
	else if (bad)
		breaker_bad(t->breaker, now, t->probe);
	else if (t->status >= 200 && t->status < 500 &&
		 req->fault != FAULT_GONE && t->owner != OWNER_CAPACITY &&
		 t->owner != OWNER_CREDENTIAL && t->owner != OWNER_US)
		breaker_good(t->breaker, t->probe);
	else
		breaker_neutral(t->breaker, t->probe);
}

static void
learn_capacity(struct req *req, uint64_t used, bool known)
{
	const struct attempt *t = &req->try;
	const int64_t now = loop_now(req->w->loop);
	int64_t told;

	if (t->owner == OWNER_CAPACITY || t->status == 503) {
		told = retry_after(req);
		if (told > 0)
			capacity_floor(t->breaker, now + told);
		else
			at_poke(&t->breaker->full_ns, now + FULL_REST_NS);
	}
	capacity_settle(t->deployment, t->breaker, t->taken,
	    known ? used : t->taken, t->sent_ns != 0);
}

/* A single refusal may be of one model; several in a row are the key's. */
static void
learn_credential(struct req *req)
{
	struct shm_breaker *b = req->try.live->credential;

	if (b == NULL)
		return;
	if (req->try.owner == OWNER_CREDENTIAL &&
	    at_add(&b->suspect, 1) + 1 >= CREDENTIAL_FAILURES)
		capacity_floor(b, loop_now(req->w->loop) + CREDENTIAL_REST_NS);
	if (!req->try.complete)
		return;
	if (at_peek(&b->suspect) != 0)
		at_poke(&b->suspect, 0);
	if (at_peek(&b->floor_ns) != 0)
		at_poke(&b->floor_ns, 0);
}

static void
learn_cache(struct req *req, const struct usage *used)
{
	struct shm_breaker *b = req->try.breaker;
	const int64_t now = worker_wall_ns(req->w);
	const uint64_t hash = req->try.deployment->hash;
	uint64_t old, seen;

	if (req->warm_key == 0)
		return;
	if (used->input > 0 && warm_find(&req->w->shm, req->warm_key, now,
				   plan_warm_ns(req->model)) == warm_id(hash)) {
		seen = used->cached * 1024 / used->input;
		old = at_peek(&b->cached);
		at_poke(&b->cached, old - old / 4 + seen / 4);
	}
	warm_put(&req->w->shm, req->warm_key, hash, now);
}

static void
add(_Atomic uint64_t *word, uint64_t more)
{
	at_poke(word, at_peek(word) + more);
}

static void
learn_tried(struct req *req, uint64_t tokens)
{
	const struct attempt *t = &req->try;
	struct shm_tried *s = &t->breaker->tried[req->w->slot];

	_Static_assert(
	    (int)OWNERS <= (int)TRIED_OWNERS, "a word for each owner");
	add(&s->n[t->owner], 1);
	if (tokens > 0)
		add(&s->tokens, tokens);
	if (t->first_ns > t->sent_ns && t->sent_ns != 0 && t->complete) {
		add(&s->first_us, (uint64_t)(t->first_ns - t->sent_ns) / 1000);
		add(&s->firsts, 1);
	}
}

/* A stream that had no content says nothing of how long that takes. */
static void
learn_pace(struct req *req)
{
	const struct attempt *t = &req->try;
	const int64_t now = loop_now(req->w->loop);
	const int64_t at = req->ask->stream ? t->token_ns : now;

	if (t->sent_ns == 0 || at < t->sent_ns)
		return;
	pace_saw(t->breaker, req->ask->stream ? PACE_STREAM : PACE_WHOLE,
	    (uint64_t)(at - t->sent_ns) / 1000, now);
}

static void
remember_hop(struct req *req)
{
	const struct attempt *t = &req->try;
	const int64_t now = loop_now(req->w->loop);
	struct hop *h;

	if (t->complete || req->nhops == 16)
		return;
	if (req->hop == NULL)
		req->hop = ARENA_ARRAY(&req->arena, struct hop, 16);
	h = &req->hop[req->nhops++];
	*h = (struct hop){ .deployment = t->deployment,
		.fault = req->fault,
		.owner = t->owner,
		.status = t->status,
		.first_ms =
		    t->first_ns == 0
			? 0
			: (unsigned)((t->first_ns - t->start_ns) / NS_PER_MS),
		.end_ms = (unsigned)((now - t->start_ns) / NS_PER_MS) };
}

void
learn_end(struct req *req, const struct usage *used, bool known)
{
	const struct attempt *t = &req->try;
	const uint64_t tokens = used->input + used->output;

	learn_breaker(req);
	if (t->complete)
		breaker_answered(t->breaker, req->key->principal);
	remember_hop(req);
	learn_credential(req);
	if (t->breaker == NULL)
		return;
	learn_capacity(req, tokens, known);
	learn_tried(req, tokens);
	if (!t->complete)
		return;
	learn_pace(req);
	if (used->output > 0)
		capacity_saw_output(t->breaker, used->output);
	learn_cache(req, used);
}

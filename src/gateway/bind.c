#include "gateway/bind.h"

#include "base/clock.h"
#include "base/map.h"
#include "gateway/worker_priv.h"
#include "http/msg.h"
#include "httpio/server.h"
#include "shm/label.h"
#include "shm/subject.h"

enum { TAGS_KNOWN_MAX = 4096 };

/* --- tags ----------------------------------------------------------------- */

/*
 * A worker remembers where a tag stands: rows never move.  What is not there
 * is looked for again, for it may have been made since.
 */
static int32_t
tag_row(struct worker *w, uint64_t hash)
{
	struct shm_subject *known = map64_find(&w->tags, hash);
	int32_t row;

	if (known != NULL)
		return (int32_t)(known - w->shm.subjects);
	row = subject_tag(&w->shm, hash);
	if (row >= 0 && w->tags.n < TAGS_KNOWN_MAX)
		(void)map64_put(&w->tags, hash, &w->shm.subjects[row]);
	return row;
}

static bool
has_tag(const struct req *req, uint64_t id)
{
	unsigned i;

	for (i = 0; i < req->ntags; i++) {
		if (req->tag_id[i] == id)
			return true;
	}
	return false;
}

static enum fault
add_tag(struct req *req, struct slice name)
{
	int32_t row;
	uint64_t id;

	name = slice_trim(name);
	if (name.len == 0)
		return FAULT_NONE;
	row = tag_row(req->w, hash64(name));
	if (row < 0 || req->ntags == CHAIN_TAGS) {
		bind_warn(req, arena_copy(&req->arena, name));
		return FAULT_TAG;
	}
	id = atomic_load(&req->w->shm.subjects[row].id);
	if (has_tag(req, id))
		return FAULT_NONE;
	req->tag[req->ntags] = row;
	req->tag_id[req->ntags++] = id;
	return FAULT_NONE;
}

/* "env=prod, job=42" */
static enum fault
add_tags(struct req *req, struct slice rest)
{
	enum fault f = FAULT_NONE;
	struct slice one;

	while (rest.len > 0 && f == FAULT_NONE) {
		if (!slice_cut(rest, ',', &one, &rest)) {
			one = rest;
			rest = S("");
		}
		f = add_tag(req, one);
	}
	return f;
}

/* A list may come as several headers of the name (RFC 9110 5.3). */
enum fault
bind_tags(struct req *req)
{
	static const struct slice name = { "x-kontor-tags", 13 };
	enum fault f = FAULT_NONE;
	const struct http_head *h;
	unsigned i;

	if (req->tagged || req->x == NULL ||
	    http_find(req->x->head, name) == NULL)
		return FAULT_NONE;
	req->tagged = true;
	h = req->x->head;
	for (i = 0; i < h->nhdr && f == FAULT_NONE; i++) {
		if (slice_ieq(h->hdr[i].name, name))
			f = add_tags(req, h->hdr[i].value);
	}
	return f;
}

/* --- limits --------------------------------------------------------------- */

static int64_t
at_least(int64_t a, uint64_t b)
{
	const int64_t v = b < INT64_MAX / 8 ? (int64_t)b : INT64_MAX / 8;

	return v > a ? v : a;
}

/* The most any candidate may need; where there is no bound, what is seen. */
static struct rate_need
need_of(const struct req *req)
{
	struct rate_need need = { .input = at_least(
				      0, ask_input_estimate(req->ask)) };
	uint64_t in, out;
	unsigned i;

	for (i = 0; i < req->ncandidate; i++) {
		const struct deployment_conf *d = req->candidate[i].deployment;

		if (!ask_bound(req->ask, d->context, d->max_output, &in, &out))
			continue;
		need.input = at_least(need.input, in);
		need.output = at_least(need.output, out);
	}
	return need;
}

enum fault
bind_take(struct req *req)
{
	struct shm *m = &req->w->shm;
	struct rate_need need;
	enum fault f = bind_tags(req);

	if (f != FAULT_NONE)
		return f;
	if (!chain_gather(m, req->key, req->tag, req->ntags, &req->desk->chain))
		return FAULT_CHAIN;
	req->chained = true;
	if (req->desk->chain.nlimits == 0)
		return FAULT_NONE;
	need = need_of(req);
	req->rates =
	    arena_new(&req->arena, rate_taken_len(req->desk->chain.nlimits));
	return rate_take(m, &req->desk->chain, &need, loop_now(req->w->loop),
	    req->rates, &req->desk->slow);
}

enum fault
bind_afresh(struct req *req)
{
	if ((req->desk->shortage.flags & ACCOUNT_CLOSED) == 0)
		return FAULT_BUDGET;
	return chain_gather(&req->w->shm, req->key, req->tag, req->ntags,
		   &req->desk->chain)
		   ? FAULT_NONE
		   : FAULT_CHAIN;
}

void
bind_end(struct req *req)
{
	if (req->rates == NULL)
		return;
	if (req->attempts == 0)
		rate_back(&req->w->shm, req->rates, loop_now(req->w->loop));
	else
		rate_settle(&req->w->shm, req->rates,
		    at_least(0, req->used.input), at_least(0, req->used.output),
		    loop_now(req->w->loop));
}

/* --- warnings ------------------------------------------------------------- */

void
bind_warn(struct req *req, struct slice text)
{
	if (req->nwarnings < NELEM(req->desk->warning))
		req->desk->warning[req->nwarnings++] = text;
}

/* The thresholds that a soft budget warns at, in percent. */
static unsigned
threshold(int128 spent, int64_t granted)
{
	static const unsigned at[] = { 100, 80, 50 };
	size_t i;

	for (i = 0; i < NELEM(at); i++) {
		if (spent * 100 >= (int128)granted * at[i])
			return at[i];
	}
	return 0;
}

static void
warn_of(struct req *req, uint32_t row, unsigned side)
{
	struct shm *m = &req->w->shm;
	const struct shm_account *a = &m->accounts[row];
	const int64_t granted = atomic_load_explicit(
	    &a->window[side].granted, memory_order_relaxed);
	char label[LABEL_LEN];
	int64_t settled, held;
	unsigned at;
	struct buf b = { 0 };

	account_sums(m, row, side, &settled, &held);
	at = threshold(settled, granted);
	if (at == 0)
		return;
	(void)label_get(&a->label, label);
	buf_fmt(&b, "budget %s: %s%u %% of ", label,
	    at == 100 ? "" : "more than ", at);
	money_write(&b, (struct money){ granted });
	buf_str(&b, at == 100 ? " are spent" : " is spent");
	bind_warn(req, arena_copy(&req->arena, buf_slice(&b)));
	buf_fini(&b);
}

void
bind_warn_soft(struct req *req)
{
	const struct shm_hold *h = req->try.hold;
	unsigned i;

	req->nwarnings = req->nfixed;
	for (i = 0; i < h->n; i++) {
		const uint32_t row = h->chain[i].account;

		if (atomic_load(&req->w->shm.accounts[row].flags) &
		    ACCOUNT_SOFT)
			warn_of(req, row, h->chain[i].side);
	}
}

/* --- headers -------------------------------------------------------------- */

#define LEGACY(what) \
	{ \
		"x-ratelimit-limit-" what, "x-ratelimit-remaining-" what, \
		    "x-ratelimit-reset-" what \
	}

static const struct {
	const char *policy; /* NULL: not told in headers */
	const char *unit;
	const char *legacy[3]; /* limit, remaining, reset; NULL: has none */
} kinds[] = {
	[LIMIT_REQUESTS] = { "requests", "requests", LEGACY("requests") },
	[LIMIT_INPUT_TOKENS] = { "input-tokens", "input tokens", { NULL } },
	[LIMIT_OUTPUT_TOKENS] = { "output-tokens", "output tokens", { NULL } },
	[LIMIT_TOKENS] = { "tokens", "tokens", LEGACY("tokens") },
	[LIMIT_CONCURRENCY] = { "concurrency", "calls at a time", { NULL } },
	[LIMIT_COST_PER_CALL] = { NULL, "", { NULL } },
};

static int64_t
seconds_up(int64_t ns)
{
	return (ns + NS_PER_S - 1) / NS_PER_S;
}

void
bind_describe(struct req *req, uint32_t limit, struct buf *out)
{
	const struct shm_limit *l = &req->w->shm.limits[limit];
	const struct rate_state s =
	    rate_state(&req->w->shm, limit, loop_now(req->w->loop));
	char label[LABEL_LEN];

	(void)label_get(&l->label, label);
	if (s.kind == LIMIT_COST_PER_CALL) {
		money_write(out, (struct money){ s.amount });
		buf_fmt(out, " %s per call of %s", req->snap->currency, label);
		return;
	}
	buf_i64(out, s.amount);
	buf_fmt(out, " %s", kinds[s.kind].unit);
	if (s.period_ns > 0)
		buf_fmt(
		    out, " per %lld s", (long long)(s.period_ns / NS_PER_S));
	buf_fmt(out, " of %s", label);
}

/* Of each kind, the limit that leaves the least; of two, the slower. */
static bool
is_tighter(const struct rate_state *a, const struct rate_state *b)
{
	return b->kind == 0 || a->left < b->left ||
	       (a->left == b->left && a->reset_ns > b->reset_ns);
}

static void
add(struct req *req, struct http_hdr *hdr, unsigned *n, const char *name,
    struct buf *b)
{
	hdr[(*n)++] = (struct http_hdr){ slice_of(name),
		arena_copy(&req->desk->arena, buf_slice(b)) };
	buf_clear(b);
}

/* OpenAI's form: "1s", "6m0s", "20ms". */
static void
write_span(struct buf *b, int64_t ns)
{
	const int64_t ms = (ns + NS_PER_MS - 1) / NS_PER_MS;

	if (ms < 1000) {
		buf_i64(b, ms);
		buf_str(b, "ms");
		return;
	}
	if (ms >= 60000) {
		buf_i64(b, ms / 60000);
		buf_str(b, "m");
	}
	buf_i64(b, ms % 60000 / 1000);
	buf_str(b, "s");
}

static void
add_legacy(struct req *req, struct http_hdr *hdr, unsigned *n,
    const struct rate_state *s)
{
	const char *const *name = kinds[s->kind].legacy;
	static struct buf b;

	buf_i64(&b, s->amount);
	add(req, hdr, n, name[0], &b);
	buf_i64(&b, s->left);
	add(req, hdr, n, name[1], &b);
	write_span(&b, s->reset_ns);
	add(req, hdr, n, name[2], &b);
}

/* One of the items of a RateLimit field: "name";x=1;y=2 */
static void
write_item(struct buf *b, const char *name, const char *key, int64_t v)
{
	if (b->len > 0)
		buf_str(b, ", ");
	buf_str(b, "\"");
	buf_str(b, name);
	buf_str(b, "\"");
	buf_str(b, key);
	buf_i64(b, v);
}

static void
write_parameter(struct buf *b, const char *key, int64_t v)
{
	buf_str(b, key);
	buf_i64(b, v);
}

static unsigned
limit_headers(struct req *req, struct http_hdr *hdr)
{
	struct rate_state tight[NELEM(kinds)] = { { 0 } }, s;
	/* One process, one loop: their memory is kept, and add() clears. */
	static struct buf policy, state;
	unsigned i, n = 0;

	for (i = 0; i < req->desk->chain.nlimits; i++) {
		s = rate_state(&req->w->shm,
		    (uint32_t)req->desk->chain.limit[i],
		    loop_now(req->w->loop));
		if (s.kind != 0 && is_tighter(&s, &tight[s.kind]))
			tight[s.kind] = s;
	}
	for (i = 0; i < NELEM(kinds); i++) {
		if (tight[i].kind == 0 || kinds[i].policy == NULL)
			continue;
		write_item(&policy, kinds[i].policy, ";q=", tight[i].amount);
		write_item(&state, kinds[i].policy, ";r=", tight[i].left);
		if (tight[i].period_ns > 0) {
			write_parameter(
			    &policy, ";w=", tight[i].period_ns / NS_PER_S);
			write_parameter(
			    &state, ";t=", seconds_up(tight[i].reset_ns));
		}
		if (kinds[i].legacy[0] != NULL)
			add_legacy(req, hdr, &n, &tight[i]);
	}
	if (policy.len > 0) {
		add(req, hdr, &n, "ratelimit-policy", &policy);
		add(req, hdr, &n, "ratelimit", &state);
	}
	return n;
}

/* Names are people's: what a header may not carry gives way. */
static void
write_plain(struct buf *b, struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		buf_char(b, s.p[i] >= 0x20 && s.p[i] < 0x7f ? s.p[i] : '?');
}

unsigned
bind_headers(struct req *req, struct http_hdr hdr[BIND_HEADERS], bool *replaces)
{
	struct buf b = { 0 };
	unsigned n = 0, i;

	if (req->chained && req->desk->chain.nlimits > 0)
		n = limit_headers(req, hdr);
	*replaces = n > 0;
	for (i = 0; i < req->nwarnings && req->fault != FAULT_TAG; i++) {
		if (i > 0)
			buf_str(&b, "; ");
		write_plain(&b, req->desk->warning[i]);
	}
	if (b.len > 0)
		add(req, hdr, &n, "x-kontor-warnings", &b);
	buf_fini(&b);
	CHECK(n <= BIND_HEADERS);
	return n;
}

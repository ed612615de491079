#include "books/calls.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"
#include "books/scan.h"
#include "books/story.h"
#include "journal/frame.h"
#include "journal/segment.h"

enum {
	SEARCH_MS = 200,       /* a page does not look longer for more */
	TAIL_OPEN_MAX = 65536, /* calls under way that a tail remembers */
	KEYS_MAX = 4096        /* names that are kept while reading */
};

/* What attempts added up to, until the request ends. */
struct sums {
	struct reqid req;
	unsigned attempts;
	unsigned deployment; /* of the last */
	uint64_t generation;
	uint64_t first_us;
	uint64_t input, cached, output, reasoning;
	int64_t list, effective;
	enum resolution resolution; /* the least sure one */
	bool streamed;
};

struct call {
	uint64_t place; /* of its final frame */
	struct final final;
	struct sums sums;
};

/* Who a key is; empty when the store does not say. */
struct owner {
	struct slice name, org, team, project, principal;
};

struct reading {
	const char *data_dir;
	struct store *store;
	struct scan scan;
	struct map64 open;   /* hash of a request id -> struct sums */
	struct map64 owners; /* key -> struct owner */
	struct arena names;
};

/* --- frames --------------------------------------------------------------- */

static uint64_t
hash_of(const struct reqid *id)
{
	return hash64((struct slice){ (const char *)id->b, sizeof(id->b) });
}

static bool
same(const struct reqid *a, const struct reqid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* Two ids that meet in one hash: the later one wins, the other is read by its
 * story. */
static struct sums *
sums_of(struct reading *r, const struct reqid *id)
{
	const uint64_t h = hash_of(id);
	struct sums *s = map64_find(&r->open, h), *was;

	if (s == NULL) {
		s = NEW(struct sums);
		was = map64_put(&r->open, h, s);
		CHECK(was == NULL);
	}
	if (!same(&s->req, id)) {
		*s = (struct sums){ .req = *id };
	}
	return s;
}

/* booked < estimated < unknown; void says least. */
static enum resolution
less_sure(enum resolution a, enum resolution b)
{
	return a > b ? a : b;
}

static void
add_outcome(struct sums *s, const struct outcome *o)
{
	s->attempts++;
	s->deployment = o->deployment;
	s->generation = o->generation;
	s->first_us = o->first_us;
	s->input += o->usage.input;
	s->cached += o->usage.cached;
	s->output += o->usage.output;
	s->reasoning += o->usage.reasoning;
	s->list += o->list;
	s->effective += o->effective;
	s->resolution = less_sure(s->resolution, o->resolution);
	s->streamed |= o->streamed;
}

/* By the whole story: it began before what was read, or was corrected. */
static void
retell(struct reading *r, struct call *c)
{
	struct story t = { .id = c->final.req, .scan = &r->scan };
	unsigned i;

	c->sums = (struct sums){ .req = c->final.req };
	if (story_read(&t, r->data_dir, r->store) == FAULT_NONE) {
		for (i = 0; i < t.n; i++) {
			const struct outcome o = story_outcome(&t.told[i]);

			if (t.told[i].closed)
				add_outcome(&c->sums, &o);
		}
	}
	story_fini(&t);
}

/* True: the call is over, *out is it. */
static bool
take(struct reading *r, const struct frame *f, uint64_t place, struct call *out)
{
	struct outcome o = { 0 };
	struct sums *s;

	if (f->kind == FRAME_CONFIG) {
		(void)scan_learn(&r->scan, f->payload);
	} else if (f->kind == FRAME_OUTCOME) {
		if (frame_get_outcome(f, &o) == FAULT_NONE && o.number == 0)
			add_outcome(sums_of(r, &o.req), &o);
	} else if (f->kind == FRAME_FINAL) {
		*out = (struct call){ .place = place };
		if (frame_get_final(f, &out->final) != FAULT_NONE)
			return false;
		s = map64_drop(&r->open, hash_of(&out->final.req));
		if (s != NULL && same(&s->req, &out->final.req))
			out->sums = *s;
		mem_free(s);
		return true;
	}
	return false;
}

static void
forget_open(struct reading *r)
{
	const struct map64_slot *e;
	size_t at = 0;

	while ((e = map64_next(&r->open, &at)) != NULL)
		mem_free(e->value);
	map64_fini(&r->open);
}

static void
reading_fini(struct reading *r)
{
	forget_open(r);
	scan_fini(&r->scan);
	map64_fini(&r->owners);
	arena_fini(&r->names);
}

/* --- who, and what for ---------------------------------------------------- */

static const struct owner *
owner_of(struct reading *r, uint64_t key)
{
	struct owner *o = map64_find(&r->owners, key);
	struct stmt *q;

	if (o != NULL)
		return o;
	if (r->owners.n >= KEYS_MAX) {
		map64_fini(&r->owners);
		arena_fini(&r->names);
		r->names = (struct arena){ 0 };
	}
	o = ARENA_NEW(&r->names, struct owner);
	q = store_sql(r->store,
	    "SELECT name, org, team, project, principal_name"
	    " FROM keys WHERE id = ?");
	stmt_u64(q, 1, key);
	if (stmt_step(q)) {
		o->name = arena_copy(&r->names, stmt_get(q, 0));
		o->org = arena_copy(&r->names, stmt_get(q, 1));
		o->team = arena_copy(&r->names, stmt_get(q, 2));
		o->project = arena_copy(&r->names, stmt_get(q, 3));
		o->principal = arena_copy(&r->names, stmt_get(q, 4));
	}
	if (key != 0)
		(void)map64_put(&r->owners, key, o);
	return o;
}

static const struct deployment_row *
deployment_of(const struct reading *r, const struct call *c)
{
	return c->sums.attempts > 0
		   ? scan_deployment(
			 &r->scan, c->sums.generation, c->sums.deployment)
		   : NULL;
}

/* The model that was asked for, by any deployment of it. */
static struct slice
model_of(const struct reading *r, const struct final *v)
{
	const struct generation *g = scan_generation(&r->scan, v->generation);
	unsigned i;

	for (i = 0; g != NULL && i < g->ndeployments; i++) {
		if (g->deployments[i].model_hash == v->model)
			return g->deployments[i].model;
	}
	return S("");
}

static bool
fits_text(struct slice want, struct slice is)
{
	return want.len == 0 || slice_eq(want, is);
}

static bool
fits_owner(struct reading *r, const struct calls_filter *f, uint64_t key)
{
	const struct owner *o;

	if (f->org.len + f->team.len + f->project.len + f->principal.len == 0)
		return true;
	o = owner_of(r, key);
	return fits_text(f->org, o->org) && fits_text(f->team, o->team) &&
	       fits_text(f->project, o->project) &&
	       fits_text(f->principal, o->principal);
}

static bool
fits_deployment(
    const struct reading *r, const struct calls_filter *f, const struct call *c)
{
	static const struct deployment_row none;
	const struct deployment_row *d = deployment_of(r, c);

	if (d == NULL)
		d = &none;
	return fits_text(f->deployment, d->id) &&
	       fits_text(f->provider, d->provider) &&
	       fits_text(f->region, d->region);
}

/* What the final frame alone decides. */
static bool
fits_end(const struct calls_filter *f, const struct final *v)
{
	const int64_t ended = v->wall_ns;

	if ((f->key != 0 && f->key != v->key) ||
	    (f->from_ns != 0 && ended < f->from_ns) ||
	    (f->to_ns != 0 && ended >= f->to_ns))
		return false;
	if (f->status_to != 0 &&
	    (v->status < f->status_from || v->status > f->status_to))
		return false;
	return f->fault.len == 0 ||
	       (v->fault != FAULT_NONE &&
		   slice_eq(f->fault, slice_of(fault_get(v->fault)->code)));
}

static bool
fits(struct reading *r, const struct calls_filter *f, struct call *c)
{
	if (!fits_end(f, &c->final) || !fits_owner(r, f, c->final.key) ||
	    (f->model.len > 0 && !slice_eq(f->model, model_of(r, &c->final))))
		return false;
	if (c->sums.attempts < c->final.attempts)
		retell(r, c);
	if (f->only_unsure && c->sums.resolution < RESOLUTION_ESTIMATED)
		return false;
	return fits_text(f->resolution,
		   c->sums.attempts == 0
		       ? S("")
		       : slice_of(resolution_name(c->sums.resolution))) &&
	       fits_deployment(r, f, c);
}

/* --- telling -------------------------------------------------------------- */

static bool
is_corrected(struct reading *r, const struct reqid *id)
{
	struct stmt *q = store_sql(
	    r->store, "SELECT number FROM corrections WHERE req = ? LIMIT 1");

	stmt_blob(q, 1, (struct slice){ (const char *)id->b, sizeof(id->b) });
	return stmt_step(q);
}

static void
write_text(struct buf *b, const char *key, struct slice s)
{
	if (s.len > 0) {
		json_w_kstr(b, key, s);
	} else {
		json_w_key(b, key);
		json_w_null(b);
	}
}

static void
write_ms(struct buf *b, const char *key, uint64_t us)
{
	json_w_key(b, key);
	if (us == 0)
		json_w_null(b);
	else
		buf_fmt(b, "%llu.%03u", (unsigned long long)(us / 1000),
		    (unsigned)(us % 1000));
}

static void
write_who(struct reading *r, const struct final *v, struct buf *b)
{
	const struct owner *o = owner_of(r, v->key);

	if (v->key != 0)
		scan_key(b, "key", v->key);
	else
		write_text(b, "key", S(""));
	write_text(b, "key_name", o->name);
	write_text(b, "team", o->team);
	write_text(b, "principal", o->principal);
	write_text(b, "model", model_of(r, v));
}

static void
write_where(const struct reading *r, const struct call *c, struct buf *b)
{
	static const struct deployment_row none;
	const struct deployment_row *d = deployment_of(r, c);

	if (d == NULL)
		d = &none;
	write_text(b, "deployment", d->id);
	write_text(b, "provider", d->provider);
	write_text(b, "region", d->region);
	write_text(b, "zone", d->zone);
	write_text(b, "tier", d->tier);
}

static void
write_sums(const struct sums *s, struct buf *b)
{
	json_w_kbool(b, "streamed", s->streamed);
	json_w_ku64(b, "input_tokens", s->input);
	json_w_ku64(b, "cached_tokens", s->cached);
	json_w_ku64(b, "output_tokens", s->output);
	json_w_ku64(b, "reasoning_tokens", s->reasoning);
	scan_money(b, "effective_cost", s->effective);
	scan_money(b, "list_cost", s->list);
	write_text(b, "resolution",
	    s->attempts > 0 ? slice_of(resolution_name(s->resolution)) : S(""));
	write_ms(b, "first_ms", s->first_us);
}

static void
write_call(struct reading *r, struct call *c, struct buf *b)
{
	const struct final *v = &c->final;
	const bool corrected = is_corrected(r, &v->req);
	char id[REQID_TEXT + 1];

	if (corrected)
		retell(r, c);
	reqid_write(&v->req, id);
	json_w_begin(b, '{');
	json_w_kstr(b, "id", slice_of(id));
	scan_time(b, "time", reqid_wall_ms(&v->req) * NS_PER_MS);
	write_who(r, v, b);
	json_w_ki64(b, "status", v->status);
	write_text(b, "fault",
	    v->fault == FAULT_NONE ? S("")
				   : slice_of(fault_get(v->fault)->code));
	json_w_ku64(b, "attempts", v->attempts);
	write_where(r, c, b);
	json_w_kbool(b, "client_gone", v->client_gone);
	write_sums(&c->sums, b);
	write_ms(b, "total_ms", v->total_us);
	json_w_kbool(b, "corrected", corrected);
	json_w_end(b, '}');
}

/* --- a page --------------------------------------------------------------- */

struct page {
	struct reading r;
	const struct calls_query *q;
	struct call *found; /* of one block, the oldest first */
	size_t nfound, cap;
	unsigned left;
	struct buf *out;
	uint64_t next;   /* where the next page begins; 0: there is none */
	int64_t seen_ms; /* the oldest request that was looked at */
};

static void
keep(struct page *p, const struct call *c)
{
	if (p->nfound == p->cap) {
		p->cap = p->cap == 0 ? 64 : p->cap * 2;
		p->found = mem_grow(p->found, p->cap * sizeof(*p->found));
	}
	p->found[p->nfound++] = *c;
}

static enum fault
read_block(struct page *p, const char *dir, uint64_t from, uint64_t to)
{
	struct log_reader *in;
	struct call c;
	struct frame f;
	uint64_t at = from;
	enum fault fault = log_reader_open(dir, from, &in);

	if (fault != FAULT_NONE)
		return fault;
	p->nfound = 0;
	while (at < to) {
		fault = log_next(in, &f, &at);
		if (fault == FAULT_DATA)
			continue;
		if (fault != FAULT_NONE || at >= to)
			break;
		if (!take(&p->r, &f, at, &c))
			continue;
		if (p->seen_ms == 0 || reqid_wall_ms(&c.final.req) < p->seen_ms)
			p->seen_ms = reqid_wall_ms(&c.final.req);
		if (fits(&p->r, &p->q->filter, &c))
			keep(p, &c);
	}
	log_reader_close(&in);
	forget_open(&p->r);
	return fault == FAULT_DISK ? fault : FAULT_NONE;
}

/* The newest of a block that fit into the page. */
static void
write_found(struct page *p)
{
	while (p->nfound > 0 && p->left > 0) {
		write_call(&p->r, &p->found[--p->nfound], p->out);
		p->next = p->found[p->nfound].place;
		p->left--;
	}
}

struct span {
	uint64_t start, stop;
	int64_t first_ms, last_ms;
};

/* Blocks below `before`, the newest first: what has no block yet is one. */
static struct span *
spans(struct store *s, uint64_t before, size_t *n)
{
	struct span *all = NULL;
	size_t cap = 0;
	uint64_t rest = 0;
	struct stmt *q =
	    store_sql(s, "SELECT value FROM meta WHERE name = 'block'");

	*n = 0;
	if (stmt_step(q))
		rest = stmt_get_u64(q, 0);
	cap = 256;
	all = mem_new(cap * sizeof(*all));
	if (before > rest)
		all[(*n)++] = (struct span){ rest, before, 0, INT64_MAX };
	q = store_sql(s, "SELECT start, stop, first_ms, last_ms FROM blocks"
			 " WHERE start < ? ORDER BY start DESC");
	stmt_u64(q, 1, before > INT64_MAX ? INT64_MAX : before);
	while (stmt_step(q)) {
		if (*n == cap) {
			cap *= 2;
			all = mem_grow(all, cap * sizeof(*all));
		}
		all[*n] = (struct span){ stmt_get_u64(q, 0), stmt_get_u64(q, 1),
			stmt_get_i64(q, 2), stmt_get_i64(q, 3) };
		if (all[*n].stop > before)
			all[*n].stop = before;
		++*n;
	}
	return all;
}

/* A request ends after it began: requests of later blocks may be older. */
static bool
may_have(const struct calls_filter *f, const struct span *s)
{
	const int64_t long_ms = 3600 * INT64_C(1000);

	return (f->from_ns == 0 ||
		   s->last_ms >= f->from_ns / NS_PER_MS - long_ms) &&
	       (f->to_ns == 0 || s->first_ms < f->to_ns / NS_PER_MS);
}

static enum fault
read_spans(struct page *p, const char *dir, const struct span *all, size_t n)
{
	const int64_t until = clock_mono_ns() + SEARCH_MS * NS_PER_MS;
	enum fault fault = FAULT_NONE;
	size_t i;

	for (i = 0; i < n && p->left > 0 && fault == FAULT_NONE; i++) {
		if (!may_have(&p->q->filter, &all[i]))
			continue;
		fault = read_block(p, dir, all[i].start, all[i].stop);
		p->next = all[i].start;
		write_found(p);
		if (p->left > 0 && clock_mono_ns() >= until) {
			i++;
			break;
		}
	}
	if (p->left > 0 && i == n)
		p->next = 0;
	return fault == FAULT_NOT_FOUND ? FAULT_NONE : fault;
}

static void
write_end(struct page *p)
{
	json_w_end(p->out, ']');
	json_w_key(p->out, "next");
	if (p->next == 0)
		json_w_null(p->out);
	else
		buf_fmt(p->out, "\"%llu\"", (unsigned long long)p->next);
	if (p->seen_ms != 0) {
		scan_time(p->out, "searched_to", p->seen_ms * NS_PER_MS);
	} else {
		json_w_key(p->out, "searched_to");
		json_w_null(p->out);
	}
	json_w_end(p->out, '}');
}

enum fault
calls_read(const char *data_dir, struct store *s, const struct calls_query *q,
    struct buf *out)
{
	struct page p = { .r = { .data_dir = data_dir, .store = s },
		.q = q,
		.left = q->limit,
		.out = out };
	struct buf dir = { 0 };
	struct span *all;
	enum fault fault;
	size_t n;

	scan_path(&dir, data_dir, "log");
	scan_learn_store(&p.r.scan, s);
	all = spans(s, q->before, &n);
	json_w_begin(out, '{');
	json_w_key(out, "calls");
	json_w_begin(out, '[');
	fault = read_spans(&p, buf_cstr(&dir), all, n);
	write_end(&p);
	mem_free(all);
	mem_free(p.found);
	reading_fini(&p.r);
	buf_fini(&dir);
	return fault;
}

/* --- as they end ---------------------------------------------------------- */

struct calls_tail {
	struct reading r;
	struct log_reader *in;
	char *dir;
};

static enum fault
pass_to_end(struct calls_tail *t)
{
	struct call c;
	struct frame f;
	uint64_t at;
	enum fault fault;

	do {
		fault = log_next(t->in, &f, &at);
		if (fault == FAULT_NONE)
			(void)take(&t->r, &f, at, &c);
	} while (fault == FAULT_NONE || fault == FAULT_DATA);
	return fault == FAULT_PENDING ? FAULT_NONE : fault;
}

enum fault
calls_tail_open(const char *data_dir, struct store *s, struct calls_tail **out)
{
	struct calls_tail *t = NEW(struct calls_tail);
	struct buf dir = { 0 };
	uint64_t from = 0;
	enum fault fault;
	struct stmt *q =
	    store_sql(s, "SELECT value FROM meta WHERE name = 'block'");

	if (stmt_step(q))
		from = stmt_get_u64(q, 0);
	scan_path(&dir, data_dir, "log");
	t->dir = mem_dup(slice_of(data_dir));
	t->r.data_dir = t->dir;
	scan_learn_store(&t->r.scan, s);
	fault = log_reader_open(buf_cstr(&dir), from, &t->in);
	if (fault == FAULT_NONE)
		fault = pass_to_end(t);
	buf_fini(&dir);
	*out = t;
	if (fault != FAULT_NONE)
		calls_tail_close(out);
	return fault;
}

enum fault
calls_tail_read(struct calls_tail *t, struct store *s, unsigned most,
    struct buf *out, uint64_t *more)
{
	struct call c;
	struct frame f;
	uint64_t at;
	enum fault fault;

	*more = 0;
	t->r.store = s;
	do {
		fault = log_next(t->in, &f, &at);
		if (fault != FAULT_NONE || !take(&t->r, &f, at, &c))
			continue;
		if (most == 0) {
			++*more;
			continue;
		}
		most--;
		if (c.sums.attempts < c.final.attempts)
			retell(&t->r, &c);
		write_call(&t->r, &c, out);
	} while (fault == FAULT_NONE || fault == FAULT_DATA);
	if (t->r.open.n > TAIL_OPEN_MAX)
		forget_open(&t->r);
	/* Names may change between two readings. */
	map64_fini(&t->r.owners);
	arena_fini(&t->r.names);
	t->r.names = (struct arena){ 0 };
	t->r.store = NULL;
	return fault == FAULT_PENDING ? FAULT_NONE : fault;
}

void
calls_tail_close(struct calls_tail **tp)
{
	struct calls_tail *t = *tp;

	if (t == NULL)
		return;
	*tp = NULL;
	log_reader_close(&t->in);
	reading_fini(&t->r);
	mem_free(t->dir);
	mem_free(t);
}

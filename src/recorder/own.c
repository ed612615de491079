#include "base/clock.h"
#include "base/log.h"
#include "recorder/state.h"

enum { FRAME_OWN_MAX = 2048, CORRECTION_MAX = 32 * 1024 };

static const struct {
	unsigned code;
	const char *name, *text;
} incident_rows[] = {
#define INCIDENT(number, NAME, text) { number, #NAME, text },
#include "model/incidents.def"
#undef INCIDENT
};

static void
mark_unsynced(struct recorder *r)
{
	if (r->unsynced_ns == 0)
		r->unsynced_ns = clock_mono_ns();
}

/* What we wrote ourselves must be right: a refusal is a bug of ours, but it
 * may come from what a hostile ring made us believe, so it does not end us. */
static bool
append(struct recorder *r, struct slice bytes)
{
	struct frame f;
	const char *why;

	CHECK(bytes.len > 0);
	CHECK(frame_read(bytes, &f) == FAULT_NONE);
	if (apply_frame(r, &f, log_end(r->log), &why) != FAULT_NONE) {
		log_error("own frame %llu of kind %d refused: %s",
		    (unsigned long long)f.seq, (int)f.kind, why);
		r->seq--;
		return false;
	}
	log_append(r->log, bytes);
	mark_unsynced(r);
	recorder_step(r, "own frame");
	return true;
}

#define OWN(fn, type) \
	void own_##fn(struct recorder *r, const struct type *v) \
	{ \
		char out[FRAME_OWN_MAX]; \
		const size_t n = \
		    frame_##fn(&r->name, ++r->seq, v, out, sizeof(out)); \
\
		(void)append(r, (struct slice){ out, n }); \
	}

OWN(intent, intent)
OWN(outcome, outcome)
OWN(final, final)
OWN(account, account_change)
OWN(key, key_change)
OWN(subject, subject_change)
OWN(limit, limit_change)
#undef OWN

bool
own_correction(struct recorder *r, const struct correction *v)
{
	char out[CORRECTION_MAX];

	return append(
	    r, (struct slice){ out,
		   frame_correction(&r->name, ++r->seq, v, out, sizeof(out)) });
}

void
own_opening(struct recorder *r)
{
	const struct opening v = { .wall_ns = clock_wall_ns(),
		.generation = r->snapshot != NULL ? r->snapshot->generation : 0,
		.is_recorder = true,
		.software = S("kontor") };
	char out[FRAME_OWN_MAX];

	(void)append(r, (struct slice){ out, frame_opening(&r->name, ++r->seq,
						 &v, out, sizeof(out)) });
}

static const char *
incident_text(unsigned code)
{
	size_t i;

	for (i = 0; i < NELEM(incident_rows); i++) {
		if (incident_rows[i].code == code)
			return incident_rows[i].text;
	}
	return "";
}

void
own_incident(struct recorder *r, enum incident_code code, unsigned n,
    const uint64_t *numbers)
{
	struct incident v = {
		.wall_ns = clock_wall_ns(), .code = (unsigned)code, .n = n
	};
	char out[FRAME_OWN_MAX];
	struct buf text = { 0 };
	unsigned i;

	CHECK(n <= FRAME_NUMBERS);
	for (i = 0; i < n; i++) {
		v.numbers[i] = numbers[i];
		buf_char(&text, ' ');
		buf_u64(&text, numbers[i]);
	}
	log_error("incident %u: %s:%s", (unsigned)code,
	    incident_text((unsigned)code), buf_cstr(&text));
	buf_fini(&text);
	(void)append(r, (struct slice){ out, frame_incident(&r->name, ++r->seq,
						 &v, out, sizeof(out)) });
}

/* --- a generation of the configuration
 * ---------------------------------------- */

static void
fill_deployment(struct deployment_row *to, const struct deployment_conf *d)
{
	*to = (struct deployment_row){
		.id = slice_of(d->id),
		.model = slice_of(d->model->id),
		.publisher = slice_of(d->model->publisher),
		.provider = slice_of(d->provider->id),
		.type = slice_of(provider_type_text(d->provider->type)),
		.region = slice_of(d->provider->region),
		.zone = slice_of(d->zone),
		.tier = slice_of(d->tier),
		.name = slice_of(d->name),
		.model_hash = d->model->hash,
	};
}

/* Rows without an id stand for a price that is not known. */
static unsigned
count_prices(const struct snapshot *s)
{
	unsigned i, n = 0;

	for (i = 0; i < s->ndeployments; i++)
		n += s->deployment[i].nprice;
	return n;
}

static void
fill_agreements(struct generation *g, struct arena *a, const struct snapshot *s)
{
	const struct agreement_conf *c;
	unsigned i, k;

	for (i = 0; i < s->nagreements; i++)
		g->nshares += s->agreement[i].nshares;
	g->agreements = ARENA_ARRAY(a, struct agreement_row, s->nagreements);
	g->shares = ARENA_ARRAY(a, struct share_row, g->nshares);
	g->nshares = 0;
	for (i = 0; i < s->nagreements; i++) {
		c = &s->agreement[i];
		g->agreements[g->nagreements++] =
		    (struct agreement_row){ .terms = c->terms,
			    .name = slice_of(c->name),
			    .contract = slice_of(c->contract),
			    .provider = slice_of(c->provider->id) };
		for (k = 0; k < c->nshares; k++)
			g->shares[g->nshares++] =
			    (struct share_row){ .terms = c->share[k].terms,
				    .account = c->share[k].account,
				    .partner = slice_of(c->share[k].partner) };
	}
}

void
own_generation(struct recorder *r, const struct snapshot *s)
{
	struct generation g = { .generation = s->generation,
		.wall_ns = clock_wall_ns(),
		.ndeployments = s->ndeployments,
		.currency = slice_of(s->currency != NULL ? s->currency : "") };
	const struct deployment_conf *d;
	struct arena a = { 0 };
	struct buf out = { 0 };
	unsigned i, k;

	g.deployments = ARENA_ARRAY(&a, struct deployment_row, s->ndeployments);
	g.prices = ARENA_ARRAY(&a, struct price_row, count_prices(s));
	for (i = 0; i < s->ndeployments; i++) {
		d = &s->deployment[i];
		fill_deployment(&g.deployments[i], d);
		for (k = 0; k < d->nprice; k++)
			g.prices[g.nprices++] =
			    (struct price_row){ .price = d->price[k],
				    .deployment = i };
	}
	fill_agreements(&g, &a, s);
	if (frame_generation(&r->name, ++r->seq, &g, &out)) {
		(void)append(r, buf_slice(&out));
	} else {
		r->seq--;
		log_error("the configuration is too large for the log");
	}
	buf_fini(&out);
	arena_fini(&a);
}

#include "route/live.h"

#include "model/agreement.h"
#include "model/ident.h"
#include "shm/atomic.h"
#include "shm/breaker.h"

#define CREDENTIAL_SALT UINT64_C(0x9ae16a3b2f90404f)
#define PPM INT64_C(1000000)

static uint64_t
hash_or_any(const char *text)
{
	return text[0] != '\0' ? hash64(slice_of(text)) : 0;
}

static struct live_match
match(const struct snapshot *s, const struct match_conf *c)
{
	struct live_match m = { .data_class = hash_or_any(c->data_class) };
	unsigned i;

	m.name[SUBJECT_ORG] = hash_or_any(c->org);
	m.name[SUBJECT_TEAM] = hash_or_any(c->team);
	m.name[SUBJECT_PROJECT] = hash_or_any(c->project);
	m.name[SUBJECT_USER] = hash_or_any(c->user);
	m.name[SUBJECT_SERVICE] = hash_or_any(c->service);
	m.name[SUBJECT_TAG] = hash_or_any(c->tag);
	if (c->key[0] != '\0' && !key_id_parse(slice_of(c->key), &m.key))
		m.key = UINT64_MAX;
	if (c->model[0] != '\0')
		m.model = snapshot_model(s, slice_of(c->model));
	m.any = m.key == 0 && m.data_class == 0 && m.model == NULL;
	for (i = 0; i < NELEM(m.name); i++)
		m.any = m.any && m.name[i] == 0;
	return m;
}

/* The courier makes the row before anybody gets the configuration. */
static struct shm_signin *
signin_of(const struct provider_conf *c, struct shm *m)
{
	unsigned i;

	for (i = 0; c->signin != NULL && i < SIGNINS_MAX; i++) {
		if (at_load(&m->signins[i].id) == c->signin->id)
			return &m->signins[i];
	}
	return NULL;
}

static void
attach_deployment(
    struct live_deployment *d, const struct deployment_conf *c, struct shm *m)
{
	d->conf = c;
	d->row = breaker_get(m, c->hash);
	d->credential = breaker_get(m, c->provider->hash ^ CREDENTIAL_SALT);
	d->signin = signin_of(c->provider, m);
	/* No wall time is before this one: the first use fills it. */
	d->valid_ns = INT64_MIN;
	d->limited = d->row != NULL;
}

void
live_attach(struct snapshot *s, struct shm *m)
{
	struct live *l = ARENA_NEW(&s->arena, struct live);
	unsigned i;

	l->deployment =
	    ARENA_ARRAY(&s->arena, struct live_deployment, s->ndeployments + 1);
	for (i = 0; i < s->ndeployments; i++)
		attach_deployment(&l->deployment[i], &s->deployment[i], m);
	l->residency =
	    ARENA_ARRAY(&s->arena, struct live_match, s->nresidency + 1);
	for (i = 0; i < s->nresidency; i++)
		l->residency[i] = match(s, &s->residency[i].match);
	l->class = ARENA_ARRAY(&s->arena, struct live_match, s->nclasses + 1);
	for (i = 0; i < s->nclasses; i++) {
		l->class[i] = match(s, &s->class[i].match);
		if (s->class[i].class == CLASS_HIGH)
			l->has_high = true;
	}
	s->live = l;
}

static void
earlier(int64_t *until, int64_t at, int64_t now)
{
	if (at > now && at < *until)
		*until = at;
}

/* When may another row, or another agreement, be in force? */
static int64_t
valid_until(
    const struct snapshot *s, const struct deployment_conf *d, int64_t now)
{
	int64_t until = INT64_MAX;
	unsigned i;

	for (i = 0; i < d->nprice; i++) {
		earlier(&until, d->price[i].from_ns, now);
		earlier(&until, d->price[i].to_ns, now);
	}
	for (i = 0; i < s->nagreements; i++) {
		const struct agreement_conf *a = &s->agreement[i];

		if (a->provider != d->provider)
			continue;
		earlier(&until, a->terms.in_force.from_ns, now);
		earlier(&until, a->terms.in_force.to_ns, now);
	}
	return until;
}

const struct price *
live_price(const struct snapshot *s, struct live_deployment *d, int64_t wall_ns)
{
	const struct agreement_conf *a;

	if (wall_ns < d->valid_ns && d->valid_ns != INT64_MIN)
		return d->price;
	d->price = deployment_price(d->conf, wall_ns);
	a = snapshot_agreement(s, d->conf->provider, wall_ns);
	/* percent is in millionths of a percent. */
	d->keep_ppm = a != NULL ? PPM - a->terms.percent / 100 : PPM;
	d->valid_ns = valid_until(s, d->conf, wall_ns);
	return d->price;
}

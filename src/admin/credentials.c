/*
 * credentials.c - how the credentials that the courier fetches are doing
 */
#include "admin/credentials.h"

#include "admin/control_priv.h"
#include "base/clock.h"
#include "base/json.h"
#include "shm/label.h"

static const char *const states[] = {
	[SIGNIN_STATE_NONE] = "not yet",
	[SIGNIN_STATE_GOOD] = "good",
	[SIGNIN_STATE_AGING] = "aging",
	[SIGNIN_STATE_BAD] = "bad",
};

/* NULL: the courier has not heard of it yet. */
static struct shm_signin *
row_of(struct shm *m, const struct signin_conf *c)
{
	unsigned i;

	for (i = 0; i < SIGNINS_MAX; i++) {
		if (atomic_load(&m->signins[i].id) == c->id)
			return &m->signins[i];
	}
	return NULL;
}

static void
write_span(struct buf *b, const char *key, int64_t at_ns)
{
	if (at_ns != 0 && at_ns != INT64_MAX)
		json_w_ki64(b, key, (at_ns - clock_wall_ns()) / NS_PER_S);
}

/* In words that the endpoint had no hand in, but for its code. */
static void
write_error(struct buf *b, struct shm_signin *s)
{
	const enum signin_why why = (enum signin_why)atomic_load(&s->why);
	char code[LABEL_LEN];

	if (why == SIGNIN_WHY_NONE)
		return;
	(void)label_get(&s->code, code);
	json_w_kstr(b, "error", slice_of(signin_why_code(why)));
	json_w_kstr(b, "error_text", slice_of(signin_why_text(why)));
	if (atomic_load(&s->status) != 0)
		json_w_ki64(b, "error_status", atomic_load(&s->status));
	if (code[0] != '\0')
		json_w_kstr(b, "error_code", slice_of(code));
}

static void
write_row(struct buf *b, struct shm_signin *s)
{
	uint32_t state = atomic_load(&s->state);

	if (state >= NELEM(states))
		state = SIGNIN_STATE_NONE;
	json_w_kstr(b, "state", slice_of(states[state]));
	write_span(b, "expires_in_s", atomic_load(&s->expires_ns));
	write_span(b, "next_in_s", atomic_load(&s->next_ns));
	json_w_ku64(b, "got", atomic_load(&s->got));
	json_w_ku64(b, "failed", atomic_load(&s->failed));
	json_w_ku64(b, "refused", atomic_load(&s->refusals));
	json_w_ki64(b, "clock_skew_s", atomic_load(&s->skew_ns) / NS_PER_S);
	write_error(b, s);
}

void
credentials_write(struct control *c, struct buf *b)
{
	const struct snapshot *snap = c->snapshot;
	struct shm_signin *s;
	unsigned i;

	json_w_begin(b, '[');
	for (i = 0; i < snap->nproviders; i++) {
		const struct provider_conf *p = &snap->provider[i];

		if (p->signin == NULL)
			continue;
		s = row_of(&c->shm, p->signin);
		json_w_begin(b, '{');
		json_w_kstr(b, "provider", slice_of(p->id));
		json_w_kstr(b, "method",
		    slice_of(signin_method_text(p->signin->method)));
		if (s != NULL)
			write_row(b, s);
		else
			json_w_kstr(b, "state", S("not yet"));
		json_w_end(b, '}');
	}
	json_w_end(b, ']');
}

/* --- metrics ---------------------------------------------------------------
 */

static uint64_t
state_value(const struct shm_signin *s)
{
	const uint32_t state = atomic_load(&s->state);

	return state == SIGNIN_STATE_GOOD || state == SIGNIN_STATE_AGING;
}

static uint64_t
expires_value(const struct shm_signin *s)
{
	const int64_t at = atomic_load(&s->expires_ns);
	const int64_t left = at - clock_wall_ns();

	return at == INT64_MAX || left <= 0 ? 0 : (uint64_t)(left / NS_PER_S);
}

static uint64_t
got_value(const struct shm_signin *s)
{
	return atomic_load(&s->got);
}

static uint64_t
failed_value(const struct shm_signin *s)
{
	return atomic_load(&s->failed);
}

static uint64_t
refused_value(const struct shm_signin *s)
{
	return atomic_load(&s->refusals);
}

static const struct {
	const char *name, *type, *text;
	bool method; /* with the label */
	uint64_t (*value)(const struct shm_signin *s);
} series[] = {
	{ "kontor_signin_state", "gauge", "is there a credential that is good",
	    true, state_value },
	{ "kontor_signin_expires_seconds", "gauge",
	    "until the credential expires; 0: never, or there is none", false,
	    expires_value },
	{ "kontor_signins_total", "counter", "credentials fetched", false,
	    got_value },
	{ "kontor_signin_failures_total", "counter", "sign-ins that failed",
	    false, failed_value },
	{ "kontor_signin_refused_total", "counter",
	    "credentials that the provider refused", false, refused_value },
};

static void
write_sample(struct buf *b, size_t i, const struct provider_conf *p,
    const struct shm_signin *s)
{
	buf_fmt(b, "%s{provider=\"%s\"", series[i].name, p->id);
	if (series[i].method)
		buf_fmt(
		    b, ",method=\"%s\"", signin_method_text(p->signin->method));
	buf_fmt(b, "} %llu\n", (unsigned long long)series[i].value(s));
}

void
credentials_metrics(struct control *c, struct buf *b)
{
	const struct snapshot *snap = c->snapshot;
	const struct shm_signin *s;
	bool headed;
	unsigned k;
	size_t i;

	for (i = 0; i < NELEM(series); i++) {
		headed = false;
		for (k = 0; k < snap->nproviders; k++) {
			const struct provider_conf *p = &snap->provider[k];

			if (p->signin == NULL)
				continue;
			s = row_of(&c->shm, p->signin);
			if (s == NULL)
				continue;
			if (!headed)
				buf_fmt(b, "# HELP %s %s\n# TYPE %s %s\n",
				    series[i].name, series[i].text,
				    series[i].name, series[i].type);
			headed = true;
			write_sample(b, i, p, s);
		}
	}
}

#include "sim/directive.h"

void
directive_init(struct directive *d)
{
	memset(d, 0, sizeof(*d));
	d->out = d->pace_ms = d->ttft_ms = d->tools = -1;
	d->audio_in = d->image_in = d->audio_out = d->image_out = -1;
	d->cached = d->cache_write = d->reasoning = d->interleave = -1;
}

static int64_t *
number_of(struct directive *d, struct slice key)
{
	const struct {
		const char *key;
		int64_t *at;
	} row[] = {
		{ "out", &d->out },
		{ "pace", &d->pace_ms },
		{ "ttft", &d->ttft_ms },
		{ "tools", &d->tools },
		{ "parallel", &d->tools },
		{ "interleave", &d->interleave },
		{ "cached", &d->cached },
		{ "cache_write", &d->cache_write },
		{ "reasoning", &d->reasoning },
		{ "redacted", &d->redacted },
		{ "audio_in", &d->audio_in },
		{ "image_in", &d->image_in },
		{ "audio_out", &d->audio_out },
		{ "image_out", &d->image_out },
	};
	size_t i;

	for (i = 0; i < NELEM(row); i++)
		if (slice_eq(key, slice_of(row[i].key)))
			return row[i].at;
	return NULL;
}

static void
set_lie(struct directive *d, struct slice v)
{
	static const struct {
		const char *word;
		enum usage_lie lie;
	} row[] = {
		{ "missing", LIE_MISSING },
		{ "null", LIE_NULL },
		{ "wrong", LIE_NEGATIVE },
		{ "negative", LIE_NEGATIVE },
		{ "over", LIE_OVER },
		{ "strings", LIE_STRINGS },
	};
	size_t i;

	for (i = 0; i < NELEM(row); i++)
		if (slice_eq(v, slice_of(row[i].word)))
			d->lie = row[i].lie;
}

static void
add_play(struct directive *d, struct slice credential, struct slice word)
{
	struct play play;

	if (d->nplay == DIRECTIVE_PLAYS || !mishap_parse(word, &play))
		return;
	d->play[d->nplay].credential = credential;
	d->play[d->nplay++].play = play;
}

static void
set(struct directive *d, struct slice key, struct slice v)
{
	int64_t *n = number_of(d, key);
	struct slice head, credential;
	uint64_t u;

	if (n != NULL) {
		if (slice_u64(v, &u) && u <= 1000000000)
			*n = (int64_t)u;
	} else if (slice_eq(key, S("usage"))) {
		set_lie(d, v);
	} else if (slice_eq(key, S("text"))) {
		d->text = v;
	} else if (slice_eq(key, S("tier"))) {
		d->tier = v;
	} else if (slice_eq(key, S("play"))) {
		d->play_name = v;
	} else if (slice_eq(key, S("finish"))) {
		d->finish = v;
	} else if (slice_eq(key, S("fault"))) {
		add_play(d, S(""), v);
	} else if (slice_cut(key, '@', &head, &credential) &&
		   slice_eq(head, S("fault"))) {
		add_play(d, credential, v);
	}
}

/* Takes KEY=VALUE or KEY="VALUE WITH SPACES" off the front; false: none. */
static bool
next_pair(struct slice *s, struct slice *key, struct slice *value)
{
	struct slice rest;

	while (s->len > 0 && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t'))
		*s = (struct slice){ s->p + 1, s->len - 1 };
	if (!slice_cut(*s, '=', key, &rest))
		return false;
	if (rest.len > 0 && rest.p[0] == '"') {
		rest = (struct slice){ rest.p + 1, rest.len - 1 };
		if (!slice_cut(rest, '"', value, s))
			return false;
	} else if (!slice_cut(rest, ' ', value, s)) {
		*value = rest;
		*s = (struct slice){ rest.p + rest.len, 0 };
	}
	return true;
}

void
directive_parse(struct directive *d, struct slice prompt)
{
	static const char open[] = "[[sim ";
	struct slice in, key, value;
	const char *at, *end;

	while ((at = memmem(prompt.p, prompt.len, open, 6)) != NULL) {
		at += 6;
		prompt.len -= (size_t)(at - prompt.p);
		prompt.p = at;
		end = memmem(prompt.p, prompt.len, "]]", 2);
		if (end == NULL)
			return;
		in = (struct slice){ at, (size_t)(end - at) };
		while (next_pair(&in, &key, &value))
			set(d, key, value);
	}
}

struct play
directive_play(const struct directive *d, struct slice credential)
{
	struct play any = { MISHAP_NONE, -1 };
	unsigned i;

	for (i = 0; i < d->nplay; i++) {
		if (slice_eq(d->play[i].credential, credential))
			return d->play[i].play;
		if (d->play[i].credential.len == 0)
			any = d->play[i].play;
	}
	return any;
}

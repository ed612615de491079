#include "sim/draft.h"

#include "sim/filler.h"

enum { DEFAULT_WORDS = 24, JSON_PIECE = 4, ARGUMENT_PIECE = 6 };

struct slice
draft_tool_name(const struct json *tool)
{
	const struct json *f = json_get(tool, "function");

	return json_get_str(f != NULL ? f : json_get(tool, "custom"), "name");
}

bool
draft_tool_custom(const struct json *tool)
{
	return json_get(tool, "custom") != NULL;
}

static size_t
capped(size_t want, int64_t most)
{
	return most >= 0 && want > (size_t)most ? (size_t)most : want;
}

/* Text cut into pieces of `size` bytes, never inside a character. */
static size_t
slices_of(struct slice s, size_t size, struct piece *out, struct piece like)
{
	size_t n = 0, len;

	while (s.len > 0) {
		len = s.len < size ? s.len : size;
		while (len < s.len && ((unsigned char)s.p[len] & 0xc0) == 0x80)
			len++;
		if (out != NULL) {
			out[n] = like;
			out[n].text = (struct slice){ s.p, len };
		}
		n++;
		s = (struct slice){ s.p + len, s.len - len };
	}
	return n;
}

static void
words(struct draft *d, struct arena *a, uint64_t seed, size_t n)
{
	size_t i;

	d->piece = ARENA_ARRAY(a, struct piece, n + 1);
	for (i = 0; i < n; i++) {
		d->piece[i].text = filler_word(seed, i);
		d->piece[i].space = i > 0;
	}
	d->n = n;
}

static void
fixed(struct draft *d, struct arena *a, struct slice s, size_t size)
{
	const struct piece like = { .kind = PIECE_TEXT };

	d->piece = ARENA_ARRAY(a, struct piece, s.len + 1);
	d->n = slices_of(s, size, d->piece, like);
}

static void
json_text(struct draft *d, struct arena *a, const struct chat *c, uint64_t seed)
{
	struct buf b = { 0 };

	filler_value(&b, c->schema, seed);
	fixed(d, a, arena_copy(a, buf_slice(&b)), JSON_PIECE);
	buf_fini(&b);
}

static struct slice
arguments(struct arena *a, const struct json *tool, uint64_t seed)
{
	const struct json *f = json_get(tool, "function"), *schema;
	struct buf b = { 0 };
	struct slice text;

	schema = json_get(f, "parameters");
	if (draft_tool_custom(tool))
		buf_add(&b, filler_word(seed, 0));
	else if (schema == NULL || schema->child == NULL)
		buf_str(&b, "{}");
	else
		filler_value(&b, schema, seed);
	text = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return text;
}

struct parts {
	struct piece *piece[CHAT_CALLS];
	size_t n[CHAT_CALLS];
};

static struct piece
call_head(const struct chat *c, size_t k)
{
	return (struct piece){ .kind = PIECE_CALL,
		.call = (uint16_t)k,
		.text = draft_tool_name(c->call[k]) };
}

/* Heads first, then the fragments of all calls in turn. */
static void
interleave(struct draft *d, const struct chat *c, const struct parts *p)
{
	bool more = true;
	size_t i, k;

	for (k = 0; k < c->ncall; k++)
		d->piece[d->n++] = call_head(c, k);
	for (i = 0; more; i++)
		for (more = false, k = 0; k < c->ncall; k++)
			if (i < p->n[k]) {
				d->piece[d->n++] = p->piece[k][i];
				more = true;
			}
}

/* One call after the other, as OpenAI does and its SDK's helpers need. */
static void
queue(struct draft *d, const struct chat *c, const struct parts *p)
{
	size_t i, k;

	for (k = 0; k < c->ncall; k++) {
		d->piece[d->n++] = call_head(c, k);
		for (i = 0; i < p->n[k]; i++)
			d->piece[d->n++] = p->piece[k][i];
	}
}

static void
calls(struct draft *d, struct arena *a, const struct chat *c, uint64_t seed)
{
	struct piece like = { .kind = PIECE_ARGUMENTS };
	struct parts p = { 0 };
	size_t total = c->ncall, k;
	struct slice text;

	for (k = 0; k < c->ncall; k++) {
		text = c->arguments.len > 0 ? c->arguments
					    : arguments(a, c->call[k],
						  filler_mix(seed, 1000 + k));
		like.call = (uint16_t)k;
		p.piece[k] = ARENA_ARRAY(a, struct piece, text.len + 1);
		p.n[k] = slices_of(text, ARGUMENT_PIECE, p.piece[k], like);
		total += p.n[k];
	}
	d->piece = ARENA_ARRAY(a, struct piece, total + 1);
	d->calls = true;
	if (c->directive.interleave > 0)
		interleave(d, c, &p);
	else
		queue(d, c, &p);
}

/* The stop sequence that the text ends with, within its last `fresh` bytes;
 * empty: none. */
static struct slice
stops(const struct chat *c, struct slice text, size_t fresh)
{
	struct slice tail, stop;
	unsigned i;

	for (i = 0; i < c->nstop; i++) {
		stop = c->stop[i];
		tail = text;
		if (tail.len > fresh + stop.len) {
			tail.p += tail.len - fresh - stop.len;
			tail.len = fresh + stop.len;
		}
		if (stop.len > 0 &&
		    memmem(tail.p, tail.len, stop.p, stop.len) != NULL)
			return stop;
	}
	return S("");
}

/* Ends the text before the piece that would complete a stop sequence. */
static void
apply_stops(struct draft *d, const struct chat *c)
{
	struct buf b = { 0 };
	size_t i;

	for (i = 0; i < d->n; i++) {
		if (d->piece[i].space)
			buf_char(&b, ' ');
		buf_add(&b, d->piece[i].text);
		d->stop = stops(c, buf_slice(&b), d->piece[i].text.len + 1);
		if (d->stop.len > 0)
			d->n = i;
	}
	buf_fini(&b);
}

static void
text(struct draft *d, struct arena *a, const struct chat *c, uint64_t seed,
    int64_t room)
{
	const struct directive *say = &c->directive;
	int64_t want = say->out < 0 ? DEFAULT_WORDS : say->out;

	if (c->json)
		json_text(d, a, c, seed);
	else if (say->text.len > 0)
		fixed(d, a, say->text, JSON_PIECE);
	else
		/* One too many shows below that the limit cut. */
		words(d, a, seed,
		    room >= 0 && want > room ? (size_t)room + 1 : (size_t)want);
	if (c->nstop > 0)
		apply_stops(d, c);
}

void
draft_make(struct draft *d, struct arena *a, const struct chat *c,
    int64_t index, int64_t max_out)
{
	uint64_t seed = filler_mix(c->seed, (uint64_t)index);
	int64_t most = max_out, room;
	size_t whole;

	memset(d, 0, sizeof(*d));
	if (c->max_out >= 0 && c->max_out < most)
		most = c->max_out;
	d->reasoning = c->reasoning < most ? c->reasoning : most;
	room = most - d->reasoning;
	if (c->ncall > 0)
		calls(d, a, c, seed);
	else
		text(d, a, c, seed, room);
	whole = d->n;
	d->n = capped(d->n, room);
	d->finish = d->n < whole || d->reasoning < c->reasoning ? "length"
		    : d->calls                                  ? "tool_calls"
								: "stop";
	if (c->directive.finish.len > 0)
		d->finish = "content_filter";
}

#include "model/conversation.h"

#include <stdlib.h>

#include "base/buf.h"

/* --- tables ----------------------------------------------------------------
 */

static const char *const losses[] = {
#define LOSS(NAME, text) text,
#include "model/losses.def"
#undef LOSS
};

const char *
conversation_loss_text(enum loss l)
{
	return losses[l];
}

static const char *const efforts[] = { "", "none", "minimal", "low", "medium",
	"high", "xhigh", "max" };

enum effort
effort_parse(struct slice text)
{
	size_t i;

	for (i = 1; i < NELEM(efforts); i++) {
		if (slice_eq(text, slice_of(efforts[i])))
			return (enum effort)i;
	}
	return EFFORT_NOT_SAID;
}

const char *
effort_text(enum effort e)
{
	return efforts[e];
}

bool
conversation_data_uri(struct slice uri, struct slice *mime, struct slice *data)
{
	static const struct slice scheme = S_INIT("data:");
	struct slice head;

	if (!slice_starts(uri, scheme) ||
	    !slice_cut(
		(struct slice){ uri.p + scheme.len, uri.len - scheme.len }, ',',
		&head, data))
		return false;
	if (head.len < 7 || memcmp(head.p + head.len - 7, ";base64", 7) != 0)
		return false;
	head.len -= 7;
	/* Parameters between the two ("charset=") say nothing to us. */
	if (!slice_cut(head, ';', mime, &head))
		*mime = head;
	return mime->len > 0;
}

/* --- lists -----------------------------------------------------------------
 */

struct turn *
conversation_turn(struct conversation *c, struct arena *a, enum speaker speaker)
{
	struct turn **at = c->last != NULL ? &c->last->next : &c->first;

	while (*at != NULL)
		at = &(*at)->next;
	*at = c->last = ARENA_NEW(a, struct turn);
	c->last->speaker = speaker;
	return c->last;
}

struct part *
part_add(struct parts *to, struct arena *a, enum part_kind kind)
{
	for (; *to->end != NULL; to->end = &to->last->next)
		to->last = *to->end;
	*to->end = to->last = ARENA_NEW(a, struct part);
	to->last->kind = kind;
	return to->last;
}

void
parts_join(struct parts *to, struct part *more)
{
	for (; *to->end != NULL; to->end = &to->last->next)
		to->last = *to->end;
	*to->end = more;
}

static struct part **
end_of(struct part **list)
{
	while (*list != NULL)
		list = &(*list)->next;
	return list;
}

static bool
joins(const struct turn *t, const struct turn *next)
{
	return next->first == NULL ||
	       (t->speaker != SPEAKER_SYSTEM && next->speaker == t->speaker);
}

/* What stands behind t and is of the same role becomes part of it. */
static void
absorb(struct turn *t)
{
	struct part **end = &t->first;

	for (; t->next != NULL && joins(t, t->next); t->next = t->next->next) {
		end = end_of(end);
		*end = t->next->first;
	}
}

void
conversation_merge(struct conversation *c)
{
	struct turn **at = &c->first, *t;

	c->last = NULL;
	while ((t = *at) != NULL) {
		if (t->first == NULL) {
			*at = t->next;
			continue;
		}
		absorb(t);
		at = &t->next;
	}
}

static struct part *
copy_parts(struct arena *a, const struct part *from)
{
	struct part *first = NULL, **at = &first;

	for (; from != NULL; from = from->next, at = &(*at)->next) {
		*at = ARENA_NEW(a, struct part);
		**at = *from;
		(*at)->next = NULL;
	}
	return first;
}

struct conversation *
conversation_copy(struct arena *a, const struct conversation *c)
{
	struct conversation *out = ARENA_NEW(a, struct conversation);
	struct turn **at = &out->first;
	const struct turn *t;

	*out = *c;
	out->first = out->last = NULL;
	for (t = c->first; t != NULL; t = t->next, at = &(*at)->next) {
		*at = ARENA_NEW(a, struct turn);
		**at = *t;
		(*at)->next = NULL;
		(*at)->first = copy_parts(a, t->first);
	}
	return out;
}

const struct tool *
conversation_tool(const struct conversation *c, struct slice name)
{
	const struct tool *t = c->tool;

	while (t != NULL && !slice_eq(t->name, name))
		t = t->next;
	return t;
}

bool
conversation_has_tool_parts(const struct conversation *c)
{
	const struct turn *t;
	const struct part *p;

	for (t = c->first; t != NULL; t = t->next) {
		for (p = t->first; p != NULL; p = p->next) {
			if (p->kind == PART_TOOL_CALL ||
			    p->kind == PART_TOOL_RESULT)
				return true;
		}
	}
	return false;
}

/* Any total order does; by length first is the cheap one. */
static int
by_text(struct slice x, struct slice y)
{
	if (x.len != y.len)
		return x.len < y.len ? -1 : 1;
	return x.len > 0 ? memcmp(x.p, y.p, x.len) : 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct tool *x = *(const struct tool *const *)a;
	const struct tool *y = *(const struct tool *const *)b;

	return by_text(x->name, y->name);
}

static size_t
count_calls(const struct conversation *c)
{
	const struct turn *t;
	const struct part *p;
	size_t n = 0;

	for (t = c->first; t != NULL; t = t->next) {
		for (p = t->first; p != NULL; p = p->next)
			n += p->kind == PART_TOOL_CALL;
	}
	return n;
}

/* A tool for each call, by their names. */
static size_t
call_tools(const struct conversation *c, struct arena *a, struct tool **v)
{
	const struct turn *t;
	const struct part *p;
	size_t n = 0;

	for (t = c->first; t != NULL; t = t->next) {
		for (p = t->first; p != NULL; p = p->next) {
			if (p->kind != PART_TOOL_CALL)
				continue;
			v[n] = ARENA_NEW(a, struct tool);
			v[n]->name = p->name;
			v[n++]->strict = -1;
		}
	}
	qsort(v, n, sizeof(v[0]), by_name);
	return n;
}

struct tool *
conversation_called(const struct conversation *c, struct arena *a)
{
	struct tool **v = ARENA_ARRAY(a, struct tool *, count_calls(c) + 1);
	struct tool *first = NULL;
	size_t n = call_tools(c, a, v);

	for (; n > 0; n--) {
		if (n > 1 && by_name(&v[n - 2], &v[n - 1]) == 0)
			continue;
		v[n - 1]->next = first;
		first = v[n - 1];
	}
	return first;
}

/* --- pairing ---------------------------------------------------------------
 */

/* A result that stands between two turns of the assistant's. */
struct result {
	struct part *part;
	size_t at;   /* its place among them */
	size_t used; /* of those with its id: how many, the first counts */
};

struct results {
	struct result *v;
	size_t n;
};

static int
by_id(const void *a, const void *b)
{
	const struct result *x = a, *y = b;
	const int d = by_text(x->part->id, y->part->id);

	return d != 0 ? d : x->at < y->at ? -1 : x->at > y->at;
}

static size_t
count_results(const struct turn *t)
{
	const struct part *p;
	size_t n = 0;

	for (; t != NULL && t->speaker != SPEAKER_ASSISTANT; t = t->next) {
		for (p = t->first; p != NULL; p = p->next)
			n += p->kind == PART_TOOL_RESULT;
	}
	return n;
}

/* Takes results out of a turn's parts. */
static void
take_results(struct turn *t, struct results *r)
{
	struct part **at = &t->first, *p;

	while ((p = *at) != NULL) {
		if (p->kind != PART_TOOL_RESULT) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		p->next = NULL;
		r->v[r->n] = (struct result){ .part = p, .at = r->n };
		r->n++;
	}
}

/* Of any turn before the assistant speaks again.  Sorted and not hashed: the
 * ids are a peer's. */
static struct results
gather_results(struct arena *a, struct turn *t)
{
	struct results r = { 0 };

	r.v = ARENA_ARRAY(a, struct result, count_results(t) + 1);
	for (; t != NULL && t->speaker != SPEAKER_ASSISTANT; t = t->next)
		take_results(t, &r);
	qsort(r.v, r.n, sizeof(r.v[0]), by_id);
	return r;
}

/* The first of that id that no call had yet. */
static struct part *
find_result(struct results *r, struct slice id)
{
	size_t low = 0, high = r->n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (by_text(r->v[mid].part->id, id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == r->n)
		return NULL;
	mid = low + r->v[low].used;
	if (mid == r->n || !slice_eq(r->v[mid].part->id, id))
		return NULL;
	r->v[low].used++;
	return r->v[mid].part;
}

static struct part *
no_result(struct conversation *c, struct arena *a, const struct part *call)
{
	struct part *p = ARENA_NEW(a, struct part), *text;

	p->kind = PART_TOOL_RESULT;
	p->id = call->id;
	p->name = call->name;
	p->is_error = true;
	text = part_add(PARTS(&p->inner), a, PART_TEXT);
	text->text = S("There is no result of this call.");
	c->lost |= LOSS_BIT(LOSS_ORPHAN);
	return p;
}

static bool
drop_results(struct turn *t)
{
	struct part **at = &t->first;
	bool any = false;

	while (*at != NULL) {
		if ((*at)->kind == PART_TOOL_RESULT) {
			*at = (*at)->next;
			any = true;
		} else {
			at = &(*at)->next;
		}
	}
	return any;
}

static bool
has_calls(const struct turn *t)
{
	const struct part *p = t->first;

	while (p != NULL && p->kind != PART_TOOL_CALL)
		p = p->next;
	return p != NULL;
}

/* The user turn behind t, made when there is none. */
static struct turn *
user_behind(struct arena *a, struct turn *t)
{
	struct turn *u = t->next;

	if (u != NULL && u->speaker == SPEAKER_USER)
		return u;
	u = ARENA_NEW(a, struct turn);
	u->speaker = SPEAKER_USER;
	u->next = t->next;
	t->next = u;
	return u;
}

static void
pair_turn(struct conversation *c, struct arena *a, struct turn *t)
{
	struct results given = gather_results(a, t->next);
	struct part *results = NULL, **end = &results, *p, *r;
	struct turn *u = user_behind(a, t);
	size_t used = 0;

	for (p = t->first; p != NULL; p = p->next) {
		if (p->kind != PART_TOOL_CALL)
			continue;
		r = find_result(&given, p->id);
		used += r != NULL;
		if (r == NULL)
			r = no_result(c, a, p);
		if (r->name.len == 0)
			r->name = p->name;
		r->custom = p->custom;
		*end = r;
		end = &r->next;
	}
	/* What is left belongs to no call of this turn. */
	if (used < given.n)
		c->lost |= LOSS_BIT(LOSS_ORPHAN);
	*end = u->first;
	u->first = results;
}

void
conversation_pair(struct conversation *c, struct arena *a)
{
	struct turn *t;
	bool last;

	for (t = c->first; t != NULL; t = t->next) {
		last = t->next == NULL;
		if (t->speaker == SPEAKER_ASSISTANT && has_calls(t) && !last) {
			pair_turn(c, a, t);
			t = t->next; /* that has the results */
		} else if (t->speaker != SPEAKER_ASSISTANT && drop_results(t)) {
			c->lost |= LOSS_BIT(LOSS_ORPHAN);
		}
	}
	conversation_merge(c);
}

/* --- answers and steps -----------------------------------------------------
 */

static void
block_steps(const struct part *p, step_f *f, void *arg)
{
	struct citation *c;

	f(arg, &(struct stream_step){ .kind = STEP_OPEN, .block = *p });
	if (p->kind == PART_TOOL_CALL)
		f(arg, &(struct stream_step){
			   .kind = STEP_ARGS, .text = p->args });
	else if (p->text.len > 0)
		f(arg, &(struct stream_step){
			   .kind = STEP_TEXT, .text = p->text });
	for (c = p->citation; c != NULL; c = c->next)
		f(arg, &(struct stream_step){
			   .kind = STEP_CITATION, .citation = c });
	if (p->opaque.len > 0)
		f(arg, &(struct stream_step){ .kind = STEP_OPAQUE,
			   .text = p->opaque,
			   .origin = p->origin });
	f(arg, &(struct stream_step){ .kind = STEP_CLOSE });
}

void
completion_steps(const struct completion *a, step_f *f, void *arg)
{
	const struct part *p;

	f(arg, &(struct stream_step){ .kind = STEP_START,
		   .id = a->id,
		   .model = a->model,
		   .usage = a->usage,
		   .has_usage = a->has_usage });
	for (p = a->first; p != NULL; p = p->next)
		block_steps(p, f, arg);
	f(arg, &(struct stream_step){ .kind = STEP_STOP,
		   .stop = a->stop,
		   .stop_sequence = a->stop_sequence });
	if (a->has_usage)
		f(arg, &(struct stream_step){ .kind = STEP_USAGE,
			   .usage = a->usage,
			   .has_usage = true });
	f(arg, &(struct stream_step){ .kind = STEP_END });
}

struct gather {
	struct arena *arena;
	struct completion done;
	struct parts parts; /* of it */
	struct part *open;
	struct citation **cited; /* the end of the open one's */
	struct buf text;
	bool started;
};

struct gather *
gather_new(struct arena *a)
{
	struct gather *g = ARENA_NEW(a, struct gather);

	g->arena = a;
	g->parts.end = &g->done.first;
	return g;
}

static void
close_part(struct gather *g)
{
	const struct slice all = arena_copy(g->arena, buf_slice(&g->text));

	if (g->open != NULL && g->open->kind == PART_TOOL_CALL)
		g->open->args = all;
	else if (g->open != NULL)
		g->open->text = all;
	g->open = NULL;
	buf_fini(&g->text);
}

static void
open_part(struct gather *g, const struct part *block)
{
	struct part *p = part_add(&g->parts, g->arena, block->kind);

	*p = *block;
	p->next = NULL;
	p->citation = NULL;
	p->opaque = p->text = p->args = S("");
	p->id = arena_copy(g->arena, block->id);
	p->name = arena_copy(g->arena, block->name);
	g->open = p;
	g->cited = &p->citation;
}

static void
cite(struct gather *g, const struct citation *c)
{
	struct citation *kept = *g->cited =
	    ARENA_NEW(g->arena, struct citation);

	*kept = *c;
	kept->next = NULL;
	kept->url = arena_copy(g->arena, c->url);
	kept->title = arena_copy(g->arena, c->title);
	kept->cited = arena_copy(g->arena, c->cited);
	g->cited = &kept->next;
}

static void
gather_usage(struct gather *g, const struct stream_step *s)
{
	if (!s->has_usage)
		return;
	g->done.usage = s->usage;
	g->done.has_usage = true;
}

void
gather_step(void *gather, const struct stream_step *s)
{
	struct gather *g = gather;

	switch (s->kind) {
	case STEP_START:
		g->started = true;
		g->done.id = arena_copy(g->arena, s->id);
		g->done.model = arena_copy(g->arena, s->model);
		gather_usage(g, s);
		break;
	case STEP_OPEN:
		close_part(g);
		open_part(g, &s->block);
		break;
	case STEP_TEXT:
	case STEP_ARGS:
		buf_add(&g->text, s->text);
		break;
	case STEP_OPAQUE:
		if (g->open != NULL) {
			g->open->opaque = arena_copy(g->arena, s->text);
			g->open->origin = s->origin;
		}
		break;
	case STEP_CITATION:
		if (g->open != NULL)
			cite(g, s->citation);
		break;
	case STEP_CLOSE:
		close_part(g);
		break;
	case STEP_STOP:
		g->done.stop = s->stop;
		g->done.stop_sequence = arena_copy(g->arena, s->stop_sequence);
		break;
	case STEP_USAGE:
		gather_usage(g, s);
		break;
	case STEP_ERROR:
	case STEP_END:
		close_part(g);
		break;
	}
}

const struct completion *
gather_completion(struct gather *g)
{
	close_part(g);
	return g->started ? &g->done : NULL;
}

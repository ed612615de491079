#include "model/conversation.h"

#include "base/buf.h"

/* --- tables ----------------------------------------------------------------
 */

static const struct {
	const char *name, *text;
} losses[] = {
#define LOSS(NAME, text) { #NAME, text },
#include "model/losses.def"
#undef LOSS
};

const char *
conversation_loss_name(enum loss l)
{
	return losses[l].name;
}

const char *
conversation_loss_text(enum loss l)
{
	return losses[l].text;
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
	struct turn **at = &c->first;

	while (*at != NULL)
		at = &(*at)->next;
	*at = ARENA_NEW(a, struct turn);
	(*at)->speaker = speaker;
	return *at;
}

struct part *
part_add(struct part **list, struct arena *a, enum part_kind kind)
{
	while (*list != NULL)
		list = &(*list)->next;
	*list = ARENA_NEW(a, struct part);
	(*list)->kind = kind;
	return *list;
}

static struct part **
end_of(struct part **list)
{
	while (*list != NULL)
		list = &(*list)->next;
	return list;
}

void
conversation_merge(struct conversation *c)
{
	struct turn **at = &c->first, *t;

	while ((t = *at) != NULL) {
		if (t->first == NULL) {
			*at = t->next;
		} else if (t->next != NULL && t->next->first == NULL) {
			t->next = t->next->next;
		} else if (t->next != NULL && t->speaker != SPEAKER_SYSTEM &&
			   t->next->speaker == t->speaker) {
			*end_of(&t->first) = t->next->first;
			t->next = t->next->next;
		} else {
			at = &t->next;
		}
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
	out->first = NULL;
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

/* --- pairing ---------------------------------------------------------------
 */

/* Takes the result of that call out of a turn's parts. */
static struct part *
take_result(struct turn *t, struct slice id)
{
	struct part **at, *p;

	for (at = &t->first; (p = *at) != NULL; at = &p->next) {
		if (p->kind == PART_TOOL_RESULT && slice_eq(p->id, id)) {
			*at = p->next;
			p->next = NULL;
			return p;
		}
	}
	return NULL;
}

/* Of any turn before the assistant speaks again. */
static struct part *
find_result(struct turn *t, struct slice id)
{
	struct part *p = NULL;

	for (; t != NULL && t->speaker != SPEAKER_ASSISTANT && p == NULL;
	     t = t->next)
		p = take_result(t, id);
	return p;
}

static struct part *
no_result(struct conversation *c, struct arena *a, const struct part *call)
{
	struct part *p = ARENA_NEW(a, struct part), *text;

	p->kind = PART_TOOL_RESULT;
	p->id = call->id;
	p->name = call->name;
	p->is_error = true;
	text = part_add(&p->inner, a, PART_TEXT);
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
	struct part *results = NULL, *p, *r;
	struct turn *u;

	for (p = t->first; p != NULL; p = p->next) {
		if (p->kind != PART_TOOL_CALL)
			continue;
		r = find_result(t->next, p->id);
		if (r == NULL)
			r = no_result(c, a, p);
		if (r->name.len == 0)
			r->name = p->name;
		*end_of(&results) = r;
	}
	u = user_behind(a, t);
	/* What is left there belongs to no call of this turn. */
	if (drop_results(u))
		c->lost |= LOSS_BIT(LOSS_ORPHAN);
	*end_of(&results) = u->first;
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
	struct part *open;
	struct buf text;
	bool started;
};

struct gather *
gather_new(struct arena *a)
{
	struct gather *g = ARENA_NEW(a, struct gather);

	g->arena = a;
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
	struct part *p = part_add(&g->done.first, g->arena, block->kind);

	*p = *block;
	p->next = NULL;
	p->citation = NULL;
	p->opaque = p->text = p->args = S("");
	p->id = arena_copy(g->arena, block->id);
	p->name = arena_copy(g->arena, block->name);
	g->open = p;
}

static void
cite(struct gather *g, const struct citation *c)
{
	struct citation **at = &g->open->citation;

	while (*at != NULL)
		at = &(*at)->next;
	*at = ARENA_NEW(g->arena, struct citation);
	**at = *c;
	(*at)->next = NULL;
	(*at)->url = arena_copy(g->arena, c->url);
	(*at)->title = arena_copy(g->arena, c->title);
	(*at)->cited = arena_copy(g->arena, c->cited);
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

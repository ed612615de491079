#include "sim/script.h"

#include "sim/draft.h"
#include "sim/filler.h"

const char *
scripts_add(struct scripts *s, struct slice text)
{
	struct script *add = ARENA_NEW(&s->arena, struct script);
	struct json *j;

	text = arena_copy(&s->arena, text);
	if (json_parse(&s->arena, text, &j) != FAULT_NONE)
		return "not valid JSON";
	add->name = json_get_str(j, "name");
	add->steps = json_get(j, "steps");
	if (add->name.len == 0 || add->steps == NULL ||
	    add->steps->child == NULL)
		return "a script has a name and steps";
	add->next = s->first;
	s->first = add;
	return NULL;
}

static size_t
turns_with_calls(const struct json *body)
{
	const struct json *m = json_get(body, "messages");
	size_t n = 0;

	for (m = m ? m->child : NULL; m != NULL; m = m->next)
		n += json_get(m, "tool_calls") != NULL;
	return n;
}

static const struct json *
tool_named(const struct json *body, struct slice name)
{
	const struct json *t = json_get(body, "tools");

	for (t = t ? t->child : NULL; t != NULL; t = t->next)
		if (slice_eq(draft_tool_name(t), name))
			return t;
	return NULL;
}

/* A step's tool may be one of several names: what the agents call it. */
static const struct json *
tool_of(const struct json *body, const struct json *step)
{
	const struct json *name = json_get(step, "tool"), *t = NULL;

	if (name == NULL)
		return NULL;
	if (name->type == JSON_STRING)
		return tool_named(body, name->text);
	for (name = name->child; name != NULL && t == NULL; name = name->next)
		t = tool_named(body, name->text);
	return t;
}

void
scripts_play(const struct scripts *s, struct arena *a, struct chat *c,
    const struct json *body)
{
	const struct json *step, *args;
	const struct script *at;
	struct buf b = { 0 };
	size_t n = turns_with_calls(body);

	for (at = s->first; at != NULL; at = at->next)
		if (slice_eq(at->name, c->directive.play_name))
			break;
	if (at == NULL)
		return;
	for (step = at->steps->child; n > 0 && step->next != NULL; n--)
		step = step->next;
	c->call[0] = tool_of(body, step);
	c->ncall = c->call[0] != NULL;
	if (c->ncall == 0) {
		c->directive.text = json_get_str(step, "text");
		if (c->directive.text.len == 0)
			c->directive.text = S("The tool is not offered.");
		return;
	}
	args = json_get(step, "arguments");
	if (args != NULL && args->type == JSON_STRING)
		buf_add(&b, args->text);
	else if (args != NULL)
		filler_copy(&b, args);
	else
		buf_str(&b, "{}");
	c->arguments = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
}

void
scripts_fini(struct scripts *s)
{
	arena_fini(&s->arena);
	s->first = NULL;
}

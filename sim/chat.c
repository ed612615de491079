#include "sim/chat.h"

#include "sim/count.h"

static const struct json *
last_message(const struct json *body, const char *role)
{
	const struct json *m = json_get(body, "messages");
	const struct json *last = NULL;

	for (m = m ? m->child : NULL; m != NULL; m = m->next)
		if (role == NULL ||
		    slice_eq(json_get_str(m, "role"), slice_of(role)))
			last = m;
	return last;
}

static void
read_directive(struct chat *c, const struct json *body)
{
	const struct json *content, *p;

	directive_init(&c->directive);
	content = json_get(last_message(body, "user"), "content");
	if (content == NULL)
		return;
	if (content->type == JSON_STRING)
		directive_parse(&c->directive, content->text);
	for (p = content->child; p != NULL; p = p->next)
		directive_parse(&c->directive, json_get_str(p, "text"));
}

static struct slice
tool_name(const struct json *tool)
{
	const struct json *f = json_get(tool, "function");

	if (f == NULL)
		f = json_get(tool, "custom");
	return json_get_str(f, "name");
}

/* May this tool be called under the request's tool_choice? */
static bool
may_call(const struct json *choice, const struct json *tool)
{
	const struct json *t;

	if (choice == NULL || choice->type == JSON_STRING)
		return true;
	t = json_get(json_get(choice, "allowed_tools"), "tools");
	if (t == NULL)
		return slice_eq(tool_name(choice), tool_name(tool));
	for (t = t->child; t != NULL; t = t->next)
		if (slice_eq(tool_name(t), tool_name(tool)))
			return true;
	return false;
}

static void
read_calls(struct chat *c, const struct json *body)
{
	const struct json *choice = json_get(body, "tool_choice");
	const struct json *tools = json_get(body, "tools"), *t;
	const struct json *last = last_message(body, NULL);
	int64_t want = c->directive.tools < 0 ? 1 : c->directive.tools;
	unsigned before = 1;

	if (tools == NULL || !slice_eq(json_get_str(last, "role"), S("user")))
		return;
	if (choice != NULL && slice_eq(choice->text, S("none")))
		return;
	if (want > 1 && !json_get_bool(body, "parallel_tool_calls", true))
		want = 1;
	while (c->ncall < CHAT_CALLS && c->ncall < want && before != c->ncall) {
		before = c->ncall;
		for (t = tools->child; t != NULL; t = t->next)
			if (c->ncall < CHAT_CALLS && c->ncall < want &&
			    may_call(choice, t))
				c->call[c->ncall++] = t;
	}
}

static void
read_format(struct chat *c, const struct json *body)
{
	const struct json *f = json_get(body, "response_format");
	struct slice type = json_get_str(f, "type");

	c->json = slice_starts(type, S("json_"));
	if (slice_eq(type, S("json_schema")))
		c->schema = json_get(json_get(f, "json_schema"), "schema");
}

static void
read_stops(struct chat *c, const struct json *body)
{
	const struct json *stop = json_get(body, "stop");

	if (stop == NULL || stop->type == JSON_NULL)
		return;
	if (stop->type == JSON_STRING)
		c->stop[c->nstop++] = stop->text;
	for (stop = stop->child; stop && c->nstop < CHAT_STOPS;
	     stop = stop->next)
		c->stop[c->nstop++] = stop->text;
}

static void
read_limits(struct chat *c, const struct json *body)
{
	c->n = 1;
	c->max_out = -1;
	(void)json_get_i64(body, "n", &c->n);
	(void)json_get_i64(body, "max_tokens", &c->max_out);
	(void)json_get_i64(body, "max_completion_tokens", &c->max_out);
	(void)json_get_i64(body, "top_logprobs", &c->top_logprobs);
}

static int64_t
effort_tokens(struct slice effort)
{
	static const struct {
		const char *word;
		int64_t tokens;
	} row[] = {
		{ "minimal", 2 },
		{ "low", 4 },
		{ "medium", 8 },
		{ "high", 16 },
		{ "xhigh", 32 },
		{ "max", 64 },
	};
	size_t i;

	for (i = 0; i < NELEM(row); i++)
		if (slice_eq(effort, slice_of(row[i].word)))
			return row[i].tokens;
	return 0;
}

void
chat_read(struct chat *c, const struct json *body)
{
	const struct json *so = json_get(body, "stream_options");

	memset(c, 0, sizeof(*c));
	c->model = json_get_str(body, "model");
	c->tier = json_get_str(body, "service_tier");
	c->stream = json_get_bool(body, "stream", false);
	c->include_usage = json_get_bool(so, "include_usage", false);
	c->obfuscate = json_get_bool(so, "include_obfuscation", true);
	c->logprobs = json_get_bool(body, "logprobs", false);
	c->input = count_input(body);
	c->seed = count_hash(json_get(body, "messages"));
	read_directive(c, body);
	read_limits(c, body);
	read_calls(c, body);
	read_format(c, body);
	read_stops(c, body);
	c->reasoning = effort_tokens(json_get_str(body, "reasoning_effort"));
	if (c->directive.reasoning >= 0)
		c->reasoning = c->directive.reasoning;
}

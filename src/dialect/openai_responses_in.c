/*
 * openai_responses_in.c - what a caller of Responses asks, and an answer
 *
 * A stream is a ladder: every item is added, filled and done, and the last
 * event repeats all of them; so each finished item is kept as text.  Tools of
 * a namespace are called "NAMESPACE-ns-TOOL" elsewhere.  A signature that a
 * call carries becomes a sealed reasoning item behind the call.
 */
#include "dialect/responses_codec.h"

#include "base/json.h"
#include "dialect/codec.h"
#include "dialect/seal.h"

static const struct slice mark = S_INIT("-ns-");

struct reading {
	struct arena *arena;
	struct conversation *c;
	struct wrong *w;
	struct tool **tools; /* where the next one is hung */
	struct part *call;   /* the last part, where it is one */
	bool codex;          /* offers hosted tools with everything it asks */
};

static void
lose(struct reading *r, enum loss l)
{
	r->c->lost |= LOSS_BIT(l);
}

static bool
is_type(const struct json *j, const char *type)
{
	return slice_eq(json_get_str(j, "type"), slice_of(type));
}

/* --- items --------------------------------------------------------------- */

static enum fault
read_image(struct reading *r, struct parts *list, const struct json *j)
{
	struct part *p = part_add(list, r->arena, PART_IMAGE);

	p->url = json_get_str(j, "image_url");
	p->file = json_get_str(j, "file_id");
	p->detail = json_get_str(j, "detail");
	if (conversation_data_uri(p->url, &p->mime, &p->data))
		p->url = S("");
	else if (slice_starts(p->url, S("data:")) ||
		 p->url.len + p->file.len == 0)
		return codec_wrong(r->w, "input",
		    "image_url must be a URL or a data: URI in base64");
	return FAULT_NONE;
}

static enum fault
read_file(struct reading *r, struct parts *list, const struct json *j)
{
	struct part *p = part_add(list, r->arena, PART_DOCUMENT);
	const struct slice data = json_get_str(j, "file_data");

	p->filename = json_get_str(j, "filename");
	p->file = json_get_str(j, "file_id");
	p->url = json_get_str(j, "file_url");
	if (data.len > 0 && !conversation_data_uri(data, &p->mime, &p->data))
		return codec_wrong(
		    r->w, "input", "file_data must be a data: URI in base64");
	return FAULT_NONE;
}

static enum fault
read_part(struct reading *r, struct parts *list, const struct json *j)
{
	struct part *p;

	if (is_type(j, "input_image"))
		return read_image(r, list, j);
	if (is_type(j, "input_file"))
		return read_file(r, list, j);
	if (is_type(j, "input_audio")) {
		p = part_add(list, r->arena, PART_AUDIO);
		j = json_get(j, "input_audio");
		p->data = json_get_str(j, "data");
		p->mime = slice_of(arena_fmt(
		    r->arena, "audio/%.*s", S_FMT(json_get_str(j, "format"))));
		return FAULT_NONE;
	}
	if (is_type(j, "refusal"))
		part_add(list, r->arena, PART_REFUSAL)->text =
		    json_get_str(j, "refusal");
	else if (json_get(j, "text") != NULL)
		codec_add_text(list, r->arena, json_get_str(j, "text"));
	else
		lose(r, LOSS_EXTRA);
	return FAULT_NONE;
}

static enum fault
read_content(struct reading *r, struct parts *list, const struct json *j)
{
	enum fault f = FAULT_NONE;

	if (j == NULL || j->type == JSON_NULL)
		return FAULT_NONE;
	if (j->type == JSON_STRING) {
		codec_add_text(list, r->arena, j->text);
		return FAULT_NONE;
	}
	if (j->type != JSON_ARRAY)
		return codec_wrong(
		    r->w, "input", "content must be a text or a list");
	f = codec_room(r->c, j, r->w, "input");
	for (j = j->child; j != NULL && f == FAULT_NONE; j = j->next)
		f = read_part(r, list, j);
	return f;
}

static enum fault
read_message(struct reading *r, const struct json *j)
{
	const struct slice role = json_get_str(j, "role");
	enum speaker who;
	struct turn *t;
	enum fault f;

	if (slice_eq(role, S("user")))
		who = SPEAKER_USER;
	else if (slice_eq(role, S("assistant")))
		who = SPEAKER_ASSISTANT;
	else if (slice_eq(role, S("system")) || slice_eq(role, S("developer")))
		who = SPEAKER_SYSTEM;
	else
		return codec_wrong(r->w, "input",
		    "role must be system, developer, user or assistant");
	t = conversation_turn(r->c, r->arena, who);
	f = read_content(r, PARTS(&t->first), json_get(j, "content"));
	if (t->first != NULL)
		r->call = NULL;
	return f;
}

/* The name that a tool of a namespace has elsewhere. */
static struct slice
full_name(struct reading *r, struct slice space, struct slice name)
{
	const struct slice part[] = { space, mark, name };

	return space.len > 0 ? arena_join(r->arena, part, NELEM(part)) : name;
}

static void
read_call(struct reading *r, const struct json *j, bool custom)
{
	struct turn *t = conversation_turn(r->c, r->arena, SPEAKER_ASSISTANT);
	struct part *p = part_add(PARTS(&t->first), r->arena, PART_TOOL_CALL);

	p->id = json_get_str(j, "call_id");
	p->name =
	    full_name(r, json_get_str(j, "namespace"), json_get_str(j, "name"));
	p->custom = custom;
	p->args = json_get_str(j, custom ? "input" : "arguments");
	r->call = p;
}

static enum fault
read_output(struct reading *r, const struct json *j)
{
	struct turn *t = conversation_turn(r->c, r->arena, SPEAKER_USER);
	struct part *p = part_add(PARTS(&t->first), r->arena, PART_TOOL_RESULT);

	r->call = NULL;
	p->id = json_get_str(j, "call_id");
	return read_content(r, PARTS(&p->inner), json_get(j, "output"));
}

static void
read_reasoning(struct reading *r, const struct json *j)
{
	struct part *p, *call = r->call;
	enum vendor origin;
	const struct slice opaque = seal_read(r->arena, VENDOR_OPENAI,
	    json_get_str(j, "encrypted_content"), &origin);
	const struct json *s = json_get(j, "summary");
	struct turn *t;

	/* What stood on the call itself goes back there. */
	if (origin == VENDOR_GOOGLE && call != NULL && call->opaque.len == 0 &&
	    (s == NULL || s->n == 0)) {
		call->opaque = opaque;
		call->origin = origin;
		return;
	}
	t = conversation_turn(r->c, r->arena, SPEAKER_ASSISTANT);
	p = part_add(PARTS(&t->first), r->arena, PART_REASONING);
	r->call = NULL;
	p->text = codec_text(r->arena, s);
	p->opaque = opaque;
	p->origin = origin;
	p->redacted = p->text.len == 0;
}

static enum fault read_tools(
    struct reading *r, const struct json *list, struct slice space);

static enum fault
read_item(struct reading *r, const struct json *j)
{
	if (is_type(j, "message") || json_get(j, "type") == NULL)
		return read_message(r, j);
	if (is_type(j, "function_call") || is_type(j, "custom_tool_call")) {
		read_call(r, j, is_type(j, "custom_tool_call"));
		return FAULT_NONE;
	}
	if (is_type(j, "function_call_output") ||
	    is_type(j, "custom_tool_call_output"))
		return read_output(r, j);
	if (is_type(j, "reasoning")) {
		read_reasoning(r, j);
		return FAULT_NONE;
	}
	if (is_type(j, "additional_tools"))
		return read_tools(r, json_get(j, "tools"), S(""));
	if (is_type(j, "item_reference")) {
		/* Thoughts can be done without; what was said cannot. */
		lose(r, LOSS_REASONING);
		return slice_starts(json_get_str(j, "id"), S("rs_"))
			   ? FAULT_NONE
			   : codec_wrong(r->w, "input",
				 "refers to an item that kontor does not keep; "
				 "send the item itself");
	}
	return codec_wrong(r->w, "input",
	    "has an item of a hosted tool, which the provider that serves "
	    "this model does not have");
}

static enum fault
read_input(struct reading *r, const struct json *top)
{
	const struct json *in = json_get(top, "input");
	const struct slice first = json_get_str(top, "instructions");
	enum fault f = FAULT_NONE;

	if (first.len > 0)
		codec_add_text(
		    PARTS(&conversation_turn(r->c, r->arena, SPEAKER_SYSTEM)
			       ->first),
		    r->arena, first);
	if (in == NULL)
		return codec_wrong(r->w, "input", "is missing");
	if (in->type == JSON_STRING) {
		codec_add_text(
		    PARTS(&conversation_turn(r->c, r->arena, SPEAKER_USER)
			       ->first),
		    r->arena, in->text);
		return FAULT_NONE;
	}
	f = codec_room(r->c, in, r->w, "input");
	for (in = in->child; in != NULL && f == FAULT_NONE; in = in->next)
		f = read_item(r, in);
	return f;
}

/* --- tools --------------------------------------------------------------- */

static int
tri(const struct json *j, const char *key)
{
	j = json_get(j, key);
	return j == NULL || j->type == JSON_NULL ? -1 : j->type == JSON_TRUE;
}

static enum fault
add_tool(struct reading *r, const struct json *j, struct slice space)
{
	struct tool *t = ARENA_NEW(r->arena, struct tool);

	t->name = full_name(r, space, json_get_str(j, "name"));
	t->description = json_get_str(j, "description");
	t->schema = codec_raw(r->arena, json_get(j, "parameters"));
	t->strict = tri(j, "strict");
	t->custom = is_type(j, "custom");
	*r->tools = t;
	r->tools = &t->next;
	return json_get_str(j, "name").len > 0
		   ? FAULT_NONE
		   : codec_wrong(r->w, "tools", "a tool needs a name");
}

/*
 * Codex offers hosted tools with every request, whoever serves it: they are
 * left out there.  Who else asks for one wants it.
 */
static enum fault
hosted(struct reading *r)
{
	lose(r, LOSS_HOSTED_TOOL);
	return r->codex ? FAULT_NONE
			: codec_wrong(r->w, "tools",
			      "has a hosted tool of OpenAI; the provider that "
			      "serves this model does not have it");
}

static enum fault
read_tools(struct reading *r, const struct json *list, struct slice space)
{
	const struct json *j;
	enum fault f = codec_tool_room(r->c, list, r->w, "tools");

	for (j = list != NULL ? list->child : NULL;
	     j != NULL && f == FAULT_NONE; j = j->next) {
		if (is_type(j, "function") || is_type(j, "custom"))
			f = add_tool(r, j, space);
		else if (is_type(j, "namespace") && space.len == 0)
			f = read_tools(
			    r, json_get(j, "tools"), json_get_str(j, "name"));
		else
			f = hosted(r);
	}
	return f;
}

static void
choose(struct conversation *c, struct slice mode)
{
	c->choice_said = mode.len > 0;
	if (slice_eq(mode, S("none")))
		c->choice = CHOICE_NONE;
	else if (slice_eq(mode, S("required")))
		c->choice = CHOICE_REQUIRED;
}

static enum fault
read_choice(struct reading *r, const struct json *top)
{
	const struct json *j = json_get(top, "tool_choice"), *k;
	struct conversation *c = r->c;
	enum fault f;

	if (j == NULL || j->type == JSON_NULL)
		return FAULT_NONE;
	if (j->type == JSON_STRING) {
		choose(c, j->text);
	} else if (is_type(j, "allowed_tools")) {
		choose(c, json_get_str(j, "mode"));
		k = json_get(j, "tools");
		f = codec_tool_room(c, k, r->w, "tool_choice");
		if (f != FAULT_NONE)
			return f;
		c->allowed = ARENA_ARRAY(
		    r->arena, struct slice, k != NULL ? k->n + 1 : 1);
		for (k = k != NULL ? k->child : NULL; k != NULL; k = k->next)
			c->allowed[c->nallowed++] = json_get_str(k, "name");
	} else if (is_type(j, "function") || is_type(j, "custom")) {
		c->choice_said = true;
		c->choice = CHOICE_NAMED;
		c->choice_name = json_get_str(j, "name");
	} else {
		return codec_wrong(r->w, "tool_choice",
		    "wants a hosted tool of OpenAI; the provider that serves "
		    "this model does not have it");
	}
	return FAULT_NONE;
}

/* --- the rest ------------------------------------------------------------ */

static enum fault
read_format(struct reading *r, const struct json *top)
{
	const struct json *f = json_get(json_get(top, "text"), "format");
	struct conversation *c = r->c;

	c->schema_strict = -1;
	c->verbosity = json_get_str(json_get(top, "text"), "verbosity");
	if (f == NULL || f->type == JSON_NULL || is_type(f, "text"))
		return FAULT_NONE;
	if (is_type(f, "json_object")) {
		c->format = FORMAT_JSON;
		return FAULT_NONE;
	}
	if (!is_type(f, "json_schema") || json_get(f, "schema") == NULL)
		return codec_wrong(r->w, "text.format",
		    "must be text, json_object or json_schema with a schema");
	c->format = FORMAT_SCHEMA;
	c->schema = codec_raw(r->arena, json_get(f, "schema"));
	c->schema_name = json_get_str(f, "name");
	c->schema_strict = tri(f, "strict");
	return FAULT_NONE;
}

static void
read_reasons(struct reading *r, const struct json *top)
{
	const struct json *why = json_get(top, "reasoning");
	struct conversation *c = r->c;

	c->effort = effort_parse(json_get_str(why, "effort"));
	c->thinking_off = c->effort == EFFORT_NONE;
	c->wants_reasoning = json_get_str(why, "summary").len > 0 ||
			     json_get_str(why, "generate_summary").len > 0;
}

static void
read_rest(struct reading *r, const struct json *top)
{
	const struct slice user = json_get_str(top, "safety_identifier");
	static const char *const known[] = { "model", "input", "instructions",
		"tools", "tool_choice", "text", "reasoning",
		"max_output_tokens", "temperature", "top_p", "stream",
		"stream_options", "store", "metadata", "user",
		"safety_identifier", "prompt_cache_key", "service_tier",
		"parallel_tool_calls", "include", "top_logprobs", "truncation",
		"client_metadata", "max_tool_calls", "prompt" };
	const struct json *k = json_get(top, "top_logprobs");
	struct conversation *c = r->c;

	c->temperature = codec_number(top, "temperature");
	c->top_p = codec_number(top, "top_p");
	c->stream = json_get_bool(top, "stream", false);
	c->wants_usage = true;
	c->parallel = tri(top, "parallel_tool_calls");
	c->user = user.len > 0 ? user : json_get_str(top, "user");
	c->metadata = codec_raw(r->arena, json_get(top, "metadata"));
	if (slice_eq(c->metadata, S("{}")))
		c->metadata = S("");
	c->cache_key = json_get_str(top, "prompt_cache_key");
	c->tier = dialect_openai_responses.tier(
	    json_get_str(top, "service_tier"), S(""));
	if (!codec_knows(top, known, NELEM(known)))
		lose(r, LOSS_EXTRA);
	if (json_get_bool(top, "store", false))
		lose(r, LOSS_STORE);
	if (k != NULL && k->type == JSON_NUMBER && !slice_eq(k->text, S("0")))
		lose(r, LOSS_LOGPROBS);
}

enum fault
responses_decode(
    struct arena *a, struct slice body, struct conversation *c, struct wrong *w)
{
	struct reading r = { .arena = a, .c = c, .w = w, .tools = &c->tool };
	struct json *top;
	enum fault f = json_parse(a, body, &top);

	if (f != FAULT_NONE)
		return f;
	c->n = 1;
	c->model = json_get_str(top, "model");
	r.codex = json_get(top, "client_metadata") != NULL;
	if (!codec_u64(top, "max_output_tokens", &c->max_output))
		return codec_wrong(
		    w, "max_output_tokens", "must be a whole number");
	if (json_get(top, "prompt") != NULL &&
	    json_get(top, "prompt")->type == JSON_OBJECT)
		return codec_wrong(w, "prompt",
		    "is kept at OpenAI; the provider that serves this model "
		    "does not have it");
	f = read_tools(&r, json_get(top, "tools"), S(""));
	if (f == FAULT_NONE)
		f = read_input(&r, top);
	if (f == FAULT_NONE)
		f = read_choice(&r, top);
	if (f == FAULT_NONE)
		f = read_format(&r, top);
	if (f != FAULT_NONE)
		return f;
	read_reasons(&r, top);
	read_rest(&r, top);
	return FAULT_NONE;
}

/* --- answers ------------------------------------------------------------- */

/* What hangs on an answer while it is written. */
struct telling {
	struct part block; /* the open one; its texts so far: */
	struct rope text;
	struct rope cites; /* annotations, as JSON */
	struct rope items; /* those that are done, as JSON */
	unsigned nitems, ncites;
	int64_t sequence;
	enum stop_reason stop;
	struct usage usage;
	bool has_usage;
};

static struct telling *
telling(struct encoding_out *e)
{
	if (e->mind == NULL)
		e->mind = ARENA_NEW(e->arena, struct telling);
	return e->mind;
}

static void
put_id(struct buf *b, const struct encoding_out *e, const char *key,
    const char *prefix, unsigned n)
{
	const struct slice id = codec_id(e->arena, prefix, e->id);

	json_w_kstr(
	    b, key, slice_of(arena_fmt(e->arena, "%.*s%02u", S_FMT(id), n)));
}

static const char *
prefix_of(const struct part *p)
{
	if (p->kind == PART_TOOL_CALL)
		return p->custom ? "ctc_" : "fc_";
	return p->kind == PART_REASONING ? "rs_" : "msg_";
}

/* A tool of a namespace has two names. */
static void
put_name(struct buf *b, struct slice name)
{
	const char *at = memmem(name.p, name.len, mark.p, mark.len);
	struct slice space;

	if (at != NULL) {
		space = (struct slice){ name.p, (size_t)(at - name.p) };
		name.len -= space.len + mark.len;
		name.p = at + mark.len;
		json_w_kstr(b, "namespace", space);
	}
	json_w_kstr(b, "name", name);
}

static void
put_text_part(struct buf *b, const struct telling *t, bool whole)
{
	const bool refusal = t->block.kind == PART_REFUSAL;
	const struct slice text = whole ? rope_text(&t->text) : S("");

	json_w_begin(b, '{');
	json_w_kstr(b, "type", refusal ? S("refusal") : S("output_text"));
	json_w_kstr(b, refusal ? "refusal" : "text", text);
	if (!refusal) {
		json_w_key(b, "annotations");
		json_w_begin(b, '[');
		if (whole)
			json_w_raw(b, rope_text(&t->cites));
		json_w_end(b, ']');
		json_w_key(b, "logprobs");
		json_w_raw(b, S("[]"));
	}
	json_w_end(b, '}');
}

static void
put_summary(struct buf *b, struct slice text)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("summary_text"));
	json_w_kstr(b, "text", text);
	json_w_end(b, '}');
}

static void
put_reasoning(struct buf *b, const struct encoding_out *e,
    const struct telling *t, bool whole)
{
	json_w_kstr(b, "type", S("reasoning"));
	json_w_key(b, "summary");
	json_w_begin(b, '[');
	if (whole && t->text.len > 0)
		put_summary(b, rope_text(&t->text));
	json_w_end(b, ']');
	if (t->block.opaque.len > 0)
		json_w_kstr(b, "encrypted_content",
		    seal_write(e->arena, VENDOR_OPENAI, t->block.origin,
			t->block.opaque));
}

static void
put_call(struct buf *b, const struct telling *t, bool whole)
{
	const struct part *p = &t->block;
	const struct slice args = whole ? rope_text(&t->text) : S("");

	json_w_kstr(
	    b, "type", p->custom ? S("custom_tool_call") : S("function_call"));
	json_w_kstr(b, "status", whole ? S("completed") : S("in_progress"));
	json_w_kstr(b, "call_id", p->id);
	put_name(b, p->name);
	json_w_kstr(b, p->custom ? "input" : "arguments",
	    whole && !p->custom && args.len == 0 ? S("{}") : args);
}

/* The open block as an item. */
static void
put_item(struct buf *b, struct encoding_out *e, bool whole)
{
	const struct telling *t = telling(e);

	json_w_begin(b, '{');
	put_id(b, e, "id", prefix_of(&t->block), t->nitems);
	if (t->block.kind == PART_TOOL_CALL) {
		put_call(b, t, whole);
	} else if (t->block.kind == PART_REASONING) {
		put_reasoning(b, e, t, whole);
	} else {
		json_w_kstr(b, "type", S("message"));
		json_w_kstr(b, "role", S("assistant"));
		json_w_kstr(
		    b, "status", whole ? S("completed") : S("in_progress"));
		json_w_key(b, "content");
		json_w_begin(b, '[');
		if (whole)
			put_text_part(b, t, true);
		json_w_end(b, ']');
	}
	json_w_end(b, '}');
}

static void
put_usage(struct buf *b, const struct telling *t)
{
	const struct usage *u = &t->usage;

	json_w_key(b, "usage");
	if (!t->has_usage) {
		json_w_null(b);
		return;
	}
	json_w_begin(b, '{');
	json_w_ku64(b, "input_tokens", u->input);
	json_w_key(b, "input_tokens_details");
	json_w_begin(b, '{');
	json_w_ku64(b, "cached_tokens", u->cached);
	json_w_ku64(b, "cache_write_tokens", u->cache_write);
	json_w_end(b, '}');
	json_w_ku64(b, "output_tokens", u->output);
	json_w_key(b, "output_tokens_details");
	json_w_begin(b, '{');
	json_w_ku64(b, "reasoning_tokens", u->reasoning);
	json_w_end(b, '}');
	json_w_ku64(b, "total_tokens", u->input + u->output);
	json_w_end(b, '}');
}

static void
put_null(struct buf *b, const char *key)
{
	json_w_key(b, key);
	json_w_null(b);
}

/* What the schema says is always there. */
static void
put_echo(struct buf *b, const struct encoding_out *e)
{
	const struct conversation *c = e->asked;

	put_null(b, "instructions");
	json_w_key(b, "metadata");
	json_w_raw(b, c != NULL && c->metadata.len > 0 ? c->metadata : S("{}"));
	json_w_kbool(b, "parallel_tool_calls", c == NULL || c->parallel != 0);
	put_null(b, "previous_response_id");
	put_null(b, "temperature");
	put_null(b, "top_p");
	json_w_kstr(b, "tool_choice", S("auto"));
	json_w_key(b, "tools");
	json_w_raw(b, S("[]"));
	json_w_kbool(b, "store", false);
}

static const char *
incomplete(enum stop_reason stop)
{
	if (stop == STOP_LENGTH || stop == STOP_CONTEXT)
		return "max_output_tokens";
	return stop == STOP_FILTER || stop == STOP_REFUSAL ? "content_filter"
							   : NULL;
}

static const char *
status_of(const struct telling *t, bool over)
{
	return !over                         ? "in_progress"
	       : incomplete(t->stop) != NULL ? "incomplete"
					     : "completed";
}

static void
put_response(struct buf *b, struct encoding_out *e, const char *status,
    const struct stream_step *error)
{
	const struct telling *t = telling(e);
	const bool over = status[0] != 'i' || status[2] == 'c';

	json_w_begin(b, '{');
	json_w_kstr(b, "id", codec_id(e->arena, "resp_", e->id));
	json_w_kstr(b, "object", S("response"));
	json_w_ki64(b, "created_at", e->created);
	json_w_kstr(b, "status", slice_of(status));
	json_w_key(b, "error");
	if (error == NULL) {
		json_w_null(b);
	} else {
		json_w_begin(b, '{');
		json_w_kstr(b, "code", S("server_error"));
		json_w_kstr(b, "message",
		    error->message.len > 0
			? error->message
			: slice_of(fault_get(error->fault)->text));
		json_w_end(b, '}');
	}
	json_w_key(b, "incomplete_details");
	if (over && incomplete(t->stop) != NULL) {
		json_w_begin(b, '{');
		json_w_kstr(b, "reason", slice_of(incomplete(t->stop)));
		json_w_end(b, '}');
	} else {
		json_w_null(b);
	}
	json_w_kstr(b, "model", e->model);
	json_w_key(b, "output");
	json_w_begin(b, '[');
	json_w_raw(b, rope_text(&t->items));
	json_w_end(b, ']');
	put_echo(b, e);
	put_usage(b, t);
	json_w_end(b, '}');
}

/* --- streams ------------------------------------------------------------- */

/* Every event begins so: {"type":..., "sequence_number":... */
static void
event_open(struct buf *b, struct encoding_out *e, const char *type)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "type", slice_of(type));
	json_w_ki64(b, "sequence_number", telling(e)->sequence++);
}

static void
event_close(struct buf *b, const char *type, struct buf *out)
{
	json_w_end(b, '}');
	codec_sse(out, slice_of(type), buf_slice(b));
	buf_fini(b);
}

static void
response_event(struct encoding_out *e, const char *type, const char *status,
    const struct stream_step *error, struct buf *out)
{
	struct buf b = { 0 };

	event_open(&b, e, type);
	json_w_key(&b, "response");
	put_response(&b, e, status, error);
	event_close(&b, type, out);
}

static void
item_event(
    struct encoding_out *e, const char *type, bool whole, struct buf *out)
{
	struct buf b = { 0 };

	event_open(&b, e, type);
	json_w_ku64(&b, "output_index", telling(e)->nitems);
	json_w_key(&b, "item");
	put_item(&b, e, whole);
	event_close(&b, type, out);
}

/* Where in the answer: the item and, of text, the part. */
static void
put_place(struct buf *b, struct encoding_out *e)
{
	const struct telling *t = telling(e);

	put_id(b, e, "item_id", prefix_of(&t->block), t->nitems);
	json_w_ku64(b, "output_index", t->nitems);
	if (t->block.kind == PART_REASONING)
		json_w_ku64(b, "summary_index", 0);
	else if (t->block.kind != PART_TOOL_CALL)
		json_w_ku64(b, "content_index", 0);
}

static void
part_event(
    struct encoding_out *e, const char *type, bool whole, struct buf *out)
{
	const struct telling *t = telling(e);
	struct buf b = { 0 };

	event_open(&b, e, type);
	put_place(&b, e);
	json_w_key(&b, "part");
	if (t->block.kind == PART_REASONING)
		put_summary(&b, whole ? rope_text(&t->text) : S(""));
	else
		put_text_part(&b, t, whole);
	event_close(&b, type, out);
}

struct names {
	const char *delta, *done, *key; /* key: of the whole text */
};

static struct names
names_of(const struct part *p)
{
	switch ((int)p->kind) {
	case PART_TOOL_CALL:
		return p->custom
			   ? (struct names){ "response.custom_tool_call_input."
					     "delta",
				     "response.custom_tool_call_input.done",
				     "input" }
			   : (struct names){
				     "response.function_call_arguments.delta",
				     "response.function_call_arguments.done",
				     "arguments"
			     };
	case PART_REASONING:
		return (struct names){ "response.reasoning_summary_text.delta",
			"response.reasoning_summary_text.done", "text" };
	case PART_REFUSAL:
		return (struct names){ "response.refusal.delta",
			"response.refusal.done", "refusal" };
	default:
		return (struct names){ "response.output_text.delta",
			"response.output_text.done", "text" };
	}
}

static void
text_event(struct encoding_out *e, const char *type, const char *key,
    struct slice text, struct buf *out)
{
	const struct part *p = &telling(e)->block;
	struct buf b = { 0 };

	event_open(&b, e, type);
	put_place(&b, e);
	if (p->kind == PART_TOOL_CALL && !p->custom && key[0] == 'a')
		put_name(&b, p->name);
	json_w_kstr(&b, key, text);
	if (p->kind == PART_TEXT) {
		json_w_key(&b, "logprobs");
		json_w_raw(&b, S("[]"));
	}
	event_close(&b, type, out);
}

/* A summary's part is added when there is something in it. */
static void
tell_text(struct encoding_out *e, struct slice text, struct buf *out)
{
	struct telling *t = telling(e);

	if (t->block.kind == PART_REASONING && t->text.len == 0 && out != NULL)
		part_event(
		    e, "response.reasoning_summary_part.added", false, out);
	rope_add(&t->text, e->arena, text);
	if (out != NULL)
		text_event(e, names_of(&t->block).delta, "delta", text, out);
}

static bool
is_message(const struct part *p)
{
	return p->kind == PART_TEXT || p->kind == PART_REFUSAL;
}

static bool
is_told(const struct part *p)
{
	return is_message(p) || p->kind == PART_REASONING ||
	       p->kind == PART_TOOL_CALL;
}

static void
tell_open(struct encoding_out *e, const struct stream_step *s, struct buf *out)
{
	struct telling *t = telling(e);

	t->block = s->block;
	t->block.id = arena_copy(e->arena, s->block.id);
	t->block.name = arena_copy(e->arena, s->block.name);
	t->block.opaque = S("");
	t->text.len = t->cites.len = 0;
	t->ncites = 0;
	if (out == NULL || !is_told(&t->block))
		return;
	item_event(e, "response.output_item.added", false, out);
	if (is_message(&t->block))
		part_event(e, "response.content_part.added", false, out);
}

static void
keep_item(struct encoding_out *e)
{
	struct telling *t = telling(e);
	struct buf b = { 0 };

	put_item(&b, e, true);
	if (t->items.len > 0)
		rope_add(&t->items, e->arena, S(","));
	rope_add(&t->items, e->arena, buf_slice(&b));
	buf_fini(&b);
	t->nitems++;
}

static void
tell_parts_done(struct encoding_out *e, struct buf *out)
{
	struct telling *t = telling(e);
	const struct names n = names_of(&t->block);
	const struct slice text = rope_text(&t->text);

	if (t->block.kind == PART_REASONING && text.len == 0)
		return;
	text_event(e, n.done, n.key,
	    t->block.kind == PART_TOOL_CALL && !t->block.custom && text.len == 0
		? S("{}")
		: text,
	    out);
	if (t->block.kind == PART_REASONING)
		part_event(
		    e, "response.reasoning_summary_part.done", true, out);
	else if (is_message(&t->block))
		part_event(e, "response.content_part.done", true, out);
}

/* The signature of a call, as an item behind it. */
static void
tell_signature(struct encoding_out *e, struct slice opaque, enum vendor origin,
    struct buf *out)
{
	struct telling *t = telling(e);

	t->block = (struct part){
		.kind = PART_REASONING, .opaque = opaque, .origin = origin
	};
	t->text.len = 0;
	if (out != NULL) {
		item_event(e, "response.output_item.added", false, out);
		item_event(e, "response.output_item.done", true, out);
	}
	keep_item(e);
}

static void
tell_close(struct encoding_out *e, struct buf *out)
{
	struct telling *t = telling(e);
	const struct slice opaque = t->block.opaque;
	const enum vendor origin = t->block.origin;

	if (!is_told(&t->block))
		return;
	if (out != NULL) {
		tell_parts_done(e, out);
		item_event(e, "response.output_item.done", true, out);
	}
	keep_item(e);
	if (t->block.kind == PART_TOOL_CALL && opaque.len > 0)
		tell_signature(e, opaque, origin, out);
	t->block = (struct part){ .kind = PART_VIDEO };
}

static void
tell_citation(struct encoding_out *e, const struct citation *c, struct buf *out)
{
	struct telling *t = telling(e);
	struct buf b = { 0 }, v = { 0 };

	json_w_begin(&b, '{');
	json_w_kstr(&b, "type", S("url_citation"));
	json_w_kstr(&b, "url", c->url);
	json_w_kstr(&b, "title", c->title);
	json_w_ku64(&b, "start_index", c->start);
	json_w_ku64(&b, "end_index", c->end);
	json_w_end(&b, '}');
	if (t->cites.len > 0)
		rope_add(&t->cites, e->arena, S(","));
	rope_add(&t->cites, e->arena, buf_slice(&b));
	if (out != NULL) {
		event_open(&v, e, "response.output_text.annotation.added");
		put_place(&v, e);
		json_w_ku64(&v, "annotation_index", t->ncites++);
		json_w_key(&v, "annotation");
		json_w_raw(&v, buf_slice(&b));
		event_close(&v, "response.output_text.annotation.added", out);
	}
	buf_fini(&b);
}

static void
tell_usage(struct encoding_out *e, const struct stream_step *s)
{
	if (!s->has_usage)
		return;
	telling(e)->usage = s->usage;
	telling(e)->has_usage = true;
}

static void
tell_end(struct encoding_out *e, struct buf *out)
{
	const char *status = status_of(telling(e), true);

	response_event(e,
	    status[0] == 'i' ? "response.incomplete" : "response.completed",
	    status, NULL, out);
}

/* out NULL: only what is said is kept, for a whole answer. */
static void
tell(const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	struct telling *t = telling(e);

	switch (s->kind) {
	case STEP_START:
		tell_usage(e, s);
		if (out == NULL)
			break;
		response_event(e, "response.created", "in_progress", NULL, out);
		response_event(
		    e, "response.in_progress", "in_progress", NULL, out);
		break;
	case STEP_OPEN:
		tell_open(e, s, out);
		break;
	case STEP_TEXT:
	case STEP_ARGS:
		if (s->text.len > 0 && is_told(&t->block))
			tell_text(e, s->text, out);
		break;
	case STEP_OPAQUE:
		t->block.opaque = arena_copy(e->arena, s->text);
		t->block.origin = s->origin;
		break;
	case STEP_CITATION:
		tell_citation(e, s->citation, out);
		break;
	case STEP_CLOSE:
		tell_close(e, out);
		break;
	case STEP_STOP:
		t->stop = s->stop;
		break;
	case STEP_USAGE:
		tell_usage(e, s);
		break;
	case STEP_ERROR:
		if (out != NULL)
			response_event(e, "response.failed", "failed", s, out);
		break;
	case STEP_END:
		if (out != NULL)
			tell_end(e, out);
		break;
	}
}

void
responses_write_step(
    const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	tell(s, e, out);
}

static void
on_step(void *arg, const struct stream_step *s)
{
	tell(s, arg, NULL);
}

void
responses_write_answer(
    const struct completion *in, struct encoding_out *e, struct buf *out)
{
	struct buf b = { 0 };

	completion_steps(in, on_step, e);
	put_response(&b, e, status_of(telling(e), true), NULL);
	buf_add(out, buf_slice(&b));
	buf_fini(&b);
}

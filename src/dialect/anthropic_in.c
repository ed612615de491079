/*
 * anthropic_in.c - what a caller of Messages asks, and an answer for him
 *
 * Opaque bytes of other vendors go in a thinking block's signature, in an
 * envelope (seal.h); one that belongs to a tool's call (Google's) goes in an
 * empty thinking block right before it, and comes back the same way.
 */
#include "dialect/anthropic_codec.h"

#include "base/json.h"
#include "dialect/codec.h"
#include "dialect/seal.h"

struct reading {
	struct arena *arena;
	struct conversation *c;
	struct wrong *w;
};

static void
lose(struct reading *r, enum loss l)
{
	r->c->lost |= LOSS_BIT(l);
}

/* --- blocks -------------------------------------------------------------- */

static enum cache_mark
mark_of(const struct json *j)
{
	const struct json *m = json_get(j, "cache_control");

	if (m == NULL || m->type != JSON_OBJECT)
		return CACHE_NONE;
	return slice_eq(json_get_str(m, "ttl"), S("1h")) ? CACHE_1H : CACHE_5M;
}

static enum fault read_content(
    struct reading *r, struct parts *list, const struct json *content);

static enum fault
read_source(struct reading *r, struct part *p, const struct json *j)
{
	const struct json *s = json_get(j, "source");
	const struct slice type = json_get_str(s, "type");

	p->filename = json_get_str(j, "title");
	p->mime = json_get_str(s, "media_type");
	if (slice_eq(type, S("base64")))
		p->data = json_get_str(s, "data");
	else if (slice_eq(type, S("url")))
		p->url = json_get_str(s, "url");
	else if (slice_eq(type, S("file")))
		p->file = json_get_str(s, "file_id");
	else if (slice_eq(type, S("text")))
		p->text = json_get_str(s, "data");
	else if (slice_eq(type, S("content")))
		p->text = codec_text(r->arena, json_get(s, "content"));
	else
		return codec_wrong(r->w, "messages",
		    "has an image or document whose source is not known");
	if (p->kind == PART_IMAGE &&
	    p->data.len + p->url.len + p->file.len == 0)
		return codec_wrong(
		    r->w, "messages", "has an image without data");
	if (json_get_bool(json_get(j, "citations"), "enabled", false))
		lose(r, LOSS_CITATIONS);
	return FAULT_NONE;
}

/* What was found, as a document that is text. */
static enum fault
read_found(struct reading *r, struct part *p, const struct json *j)
{
	p->filename = json_get_str(j, "title");
	p->text = codec_text(r->arena, json_get(j, "content"));
	if (json_get_bool(json_get(j, "citations"), "enabled", false))
		lose(r, LOSS_CITATIONS);
	return FAULT_NONE;
}

static enum fault
read_thinking(struct reading *r, struct part *p, const struct json *j)
{
	p->text = json_get_str(j, "thinking");
	p->opaque = seal_read(r->arena, VENDOR_ANTHROPIC,
	    json_get_str(j, "signature"), &p->origin);
	return FAULT_NONE;
}

static enum fault
read_redacted(struct reading *r, struct part *p, const struct json *j)
{
	(void)r;
	p->opaque = json_get_str(j, "data");
	p->origin = VENDOR_ANTHROPIC;
	p->redacted = true;
	return FAULT_NONE;
}

static enum fault
read_call(struct reading *r, struct part *p, const struct json *j)
{
	p->id = json_get_str(j, "id");
	p->name = json_get_str(j, "name");
	p->args = codec_raw(r->arena, json_get(j, "input"));
	if (p->args.len == 0)
		p->args = S("{}");
	if (p->id.len == 0 || p->name.len == 0)
		return codec_wrong(
		    r->w, "messages", "has a tool_use without id or name");
	return FAULT_NONE;
}

static enum fault
read_result(struct reading *r, struct part *p, const struct json *j)
{
	p->id = json_get_str(j, "tool_use_id");
	p->is_error = json_get_bool(j, "is_error", false);
	if (p->id.len == 0)
		return codec_wrong(
		    r->w, "messages", "has a tool_result without tool_use_id");
	return read_content(r, PARTS(&p->inner), json_get(j, "content"));
}

static enum fault
read_text(struct reading *r, struct part *p, const struct json *j)
{
	const struct json *c = json_get(j, "citations");

	p->text = json_get_str(j, "text");
	if (c != NULL && c->type == JSON_ARRAY && c->n > 0)
		lose(r, LOSS_CITATIONS);
	return FAULT_NONE;
}

static enum fault
read_block(struct reading *r, struct parts *list, const struct json *j)
{
	static const struct {
		const char *type;
		enum part_kind kind;
		enum fault (*read)(
		    struct reading *r, struct part *p, const struct json *j);
	} rows[] = {
		{ "text", PART_TEXT, read_text },
		{ "image", PART_IMAGE, read_source },
		{ "document", PART_DOCUMENT, read_source },
		{ "search_result", PART_DOCUMENT, read_found },
		{ "thinking", PART_REASONING, read_thinking },
		{ "redacted_thinking", PART_REASONING, read_redacted },
		{ "tool_use", PART_TOOL_CALL, read_call },
		{ "tool_result", PART_TOOL_RESULT, read_result },
	};
	const struct slice type = json_get_str(j, "type");
	struct part *p;
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		if (!slice_eq(type, slice_of(rows[i].type)))
			continue;
		/* A mark on no text marks what stands before it. */
		p = part_add(list, r->arena, rows[i].kind);
		p->cache = mark_of(j);
		return rows[i].read(r, p, j);
	}
	if (slice_eq(type, S("container_upload")))
		return codec_wrong(r->w, "messages",
		    "has a container_upload: the provider that serves this "
		    "model has no containers");
	/* What hosted tools said earlier. */
	lose(r, LOSS_EXTRA);
	return FAULT_NONE;
}

static enum fault
read_content(struct reading *r, struct parts *list, const struct json *content)
{
	const struct json *i;
	enum fault f = FAULT_NONE;

	if (content == NULL || content->type == JSON_NULL)
		return FAULT_NONE;
	if (content->type == JSON_STRING) {
		codec_add_text(list, r->arena, content->text);
		return FAULT_NONE;
	}
	if (content->type != JSON_ARRAY)
		return codec_wrong(
		    r->w, "messages", "content must be a text or a list");
	f = codec_room(r->c, content, r->w, "messages");
	for (i = content->child; i != NULL && f == FAULT_NONE; i = i->next)
		f = read_block(r, list, i);
	return f;
}

/* Google's signature of a call came in a block before it. */
static void
give_signatures(struct turn *t)
{
	struct part **at = &t->first, *p;

	while ((p = *at) != NULL) {
		if (p->kind == PART_REASONING && p->text.len == 0 &&
		    p->origin == VENDOR_GOOGLE && p->next != NULL &&
		    p->next->kind == PART_TOOL_CALL) {
			p->next->opaque = p->opaque;
			p->next->origin = p->origin;
			*at = p->next;
		} else {
			at = &p->next;
		}
	}
}

/* --- turns --------------------------------------------------------------- */

static bool
is_billing(const struct json *block)
{
	return slice_starts(
	    json_get_str(block, "text"), S("x-anthropic-billing-header:"));
}

static enum fault
read_system(struct reading *r, const struct json *top)
{
	const struct json *s = json_get(top, "system"), *i;
	struct parts to = { 0 };
	enum fault f = FAULT_NONE;

	if (s == NULL || s->type == JSON_NULL)
		return FAULT_NONE;
	if (s->type != JSON_STRING && s->type != JSON_ARRAY)
		return codec_wrong(
		    r->w, "system", "must be a text or a list of texts");
	f = codec_room(r->c, s, r->w, "system");
	to.end = &conversation_turn(r->c, r->arena, SPEAKER_SYSTEM)->first;
	if (s->type == JSON_STRING)
		codec_add_text(&to, r->arena, s->text);
	for (i = s->type == JSON_ARRAY ? s->child : NULL;
	     i != NULL && f == FAULT_NONE; i = i->next) {
		if (!is_billing(i))
			f = read_block(r, &to, i);
	}
	return f;
}

static enum fault
read_message(struct reading *r, const struct json *m)
{
	const struct slice role = json_get_str(m, "role");
	struct turn *t;
	enum fault f;

	if (m->type != JSON_OBJECT)
		return codec_wrong(
		    r->w, "messages", "every message must be an object");
	if (!slice_eq(role, S("user")) && !slice_eq(role, S("assistant")) &&
	    !slice_eq(role, S("system")))
		return codec_wrong(r->w, "messages",
		    "has a role that is not user, assistant or system");
	t = conversation_turn(r->c, r->arena,
	    slice_eq(role, S("user"))        ? SPEAKER_USER
	    : slice_eq(role, S("assistant")) ? SPEAKER_ASSISTANT
					     : SPEAKER_SYSTEM);
	f = read_content(r, PARTS(&t->first), json_get(m, "content"));
	give_signatures(t);
	return f;
}

static enum fault
read_messages(struct reading *r, const struct json *top)
{
	const struct json *m = json_get(top, "messages");
	enum fault f = FAULT_NONE;

	if (m == NULL || m->type != JSON_ARRAY || m->n == 0)
		return codec_wrong(
		    r->w, "messages", "must be a list that is not empty");
	f = codec_room(r->c, m, r->w, "messages");
	for (m = m->child; m != NULL && f == FAULT_NONE; m = m->next)
		f = read_message(r, m);
	return f;
}

/* --- tools --------------------------------------------------------------- */

static enum fault
read_tool(struct reading *r, const struct json *j, struct tool ***at)
{
	const struct slice type = json_get_str(j, "type");
	const struct json *strict = json_get(j, "strict");
	struct tool *t;

	if (type.len > 0 && !slice_eq(type, S("custom"))) {
		r->w->field = S("tools");
		r->w->hint = arena_fmt(r->arena,
		    "has '%.*s', a tool of Anthropic's; the provider that "
		    "serves this model does not have it",
		    (int)(type.len < 64 ? type.len : 64), type.p);
		return FAULT_FIELD;
	}
	t = **at = ARENA_NEW(r->arena, struct tool);
	*at = &t->next;
	t->name = json_get_str(j, "name");
	t->description = json_get_str(j, "description");
	t->schema = codec_raw(r->arena, json_get(j, "input_schema"));
	t->strict = strict == NULL || strict->type == JSON_NULL
			? -1
			: strict->type == JSON_TRUE;
	t->cache = mark_of(j);
	if (t->name.len == 0)
		return codec_wrong(r->w, "tools", "has a tool without name");
	return FAULT_NONE;
}

static enum fault
read_tools(struct reading *r, const struct json *top)
{
	const struct json *l = json_get(top, "tools"), *i;
	struct tool **at = &r->c->tool;
	enum fault f = FAULT_NONE;

	if (l == NULL || l->type == JSON_NULL)
		return FAULT_NONE;
	if (l->type != JSON_ARRAY)
		return codec_wrong(r->w, "tools", "must be a list");
	f = codec_tool_room(r->c, l, r->w, "tools");
	for (i = l->child; i != NULL && f == FAULT_NONE; i = i->next)
		f = read_tool(r, i, &at);
	return f;
}

static enum fault
read_choice(struct reading *r, const struct json *top)
{
	const struct json *j = json_get(top, "tool_choice");
	const struct slice type = json_get_str(j, "type");
	struct conversation *c = r->c;

	if (j == NULL || j->type != JSON_OBJECT || type.len == 0)
		return FAULT_NONE;
	c->choice_said = true;
	if (json_get_bool(j, "disable_parallel_tool_use", false))
		c->parallel = 0;
	if (slice_eq(type, S("auto"))) {
		c->choice = CHOICE_AUTO;
	} else if (slice_eq(type, S("any"))) {
		c->choice = CHOICE_REQUIRED;
	} else if (slice_eq(type, S("none"))) {
		c->choice = CHOICE_NONE;
	} else if (slice_eq(type, S("tool"))) {
		c->choice = CHOICE_NAMED;
		c->choice_name = json_get_str(j, "name");
	} else {
		return codec_wrong(
		    r->w, "tool_choice", "must be auto, any, none or tool");
	}
	return FAULT_NONE;
}

/* --- the rest ------------------------------------------------------------ */

/* A budget is shown by default, adaptive thinking is not. */
static enum fault
read_depth(struct reading *r, const struct json *top)
{
	const struct json *j = json_get(top, "thinking");
	const struct slice type = json_get_str(j, "type");
	const struct slice display = json_get_str(j, "display");
	struct conversation *c = r->c;

	c->effort = effort_parse(
	    json_get_str(json_get(top, "output_config"), "effort"));
	if (j == NULL || j->type == JSON_NULL)
		return FAULT_NONE;
	if (slice_eq(type, S("disabled"))) {
		c->thinking_off = true;
		return FAULT_NONE;
	}
	c->wants_reasoning = slice_eq(display, S("summarized")) ||
			     (display.len == 0 && slice_eq(type, S("enabled")));
	if (slice_eq(type, S("enabled")) &&
	    (!codec_u64(j, "budget_tokens", &c->thinking_budget) ||
		c->thinking_budget == 0))
		return codec_wrong(r->w, "thinking.budget_tokens",
		    "must be a whole number above zero");
	return FAULT_NONE;
}

static enum fault
read_format(struct reading *r, const struct json *top)
{
	const struct json *f =
	    json_get(json_get(top, "output_config"), "format");

	if (f == NULL)
		f = json_get(top, "output_format");
	if (f == NULL || f->type == JSON_NULL)
		return FAULT_NONE;
	if (!slice_eq(json_get_str(f, "type"), S("json_schema")) ||
	    json_get(f, "schema") == NULL)
		return codec_wrong(r->w, "output_config.format",
		    "must be a json_schema with its schema");
	r->c->format = FORMAT_SCHEMA;
	r->c->schema = codec_raw(r->arena, json_get(f, "schema"));
	r->c->schema_strict = 1;
	return FAULT_NONE;
}

static enum fault
read_stops(struct reading *r, const struct json *top)
{
	const struct json *s = json_get(top, "stop_sequences");
	struct conversation *c = r->c;

	for (s = s != NULL && s->type == JSON_ARRAY ? s->child : NULL;
	     s != NULL; s = s->next) {
		if (s->type != JSON_STRING)
			return codec_wrong(
			    r->w, "stop_sequences", "must be a list of texts");
		if (c->nstop == STOPS_MAX)
			lose(r, LOSS_STOP);
		else if (s->text.len > 0)
			c->stop[c->nstop++] = s->text;
	}
	return FAULT_NONE;
}

static enum fault
refuse_hosted(struct reading *r, const struct json *top)
{
	const struct json *s = json_get(top, "mcp_servers");

	if (s != NULL && s->type == JSON_ARRAY && s->n > 0)
		return codec_wrong(r->w, "mcp_servers",
		    "are called by Anthropic; the provider that serves this "
		    "model cannot");
	s = json_get(top, "container");
	if (s != NULL && s->type != JSON_NULL)
		return codec_wrong(r->w, "container",
		    "is kept at Anthropic; the provider that serves this "
		    "model does not have it");
	return FAULT_NONE;
}

static void
read_rest(struct reading *r, const struct json *top)
{
	static const char *const known[] = { "model", "max_tokens", "messages",
		"system", "tools", "tool_choice", "stop_sequences", "stream",
		"metadata", "thinking", "output_config", "output_format",
		"cache_control", "service_tier", "temperature", "top_p",
		"top_k", "container", "mcp_servers", "anthropic_version",
		"anthropic_beta" };
	struct conversation *c = r->c;
	const struct json *k;
	size_t i;

	c->temperature = codec_number(top, "temperature");
	c->top_p = codec_number(top, "top_p");
	c->top_k = codec_number(top, "top_k");
	c->user = json_get_str(json_get(top, "metadata"), "user_id");
	c->betas = codec_words(r->arena, json_get(top, "anthropic_beta"));
	if (slice_eq(json_get_str(top, "service_tier"), S("standard_only")))
		c->tier = S("standard");
	for (k = top->child; k != NULL; k = k->next) {
		for (i = 0;
		     i < NELEM(known) && !slice_eq(k->key, slice_of(known[i]));
		     i++)
			;
		if (i == NELEM(known))
			lose(r, LOSS_EXTRA);
	}
}

/* The mark on the whole is one on its last part. */
static void
mark_last(struct reading *r, const struct json *top)
{
	const enum cache_mark mark = mark_of(top);
	struct turn *t = r->c->first;
	struct part *p;

	while (t != NULL && t->next != NULL)
		t = t->next;
	p = t != NULL ? t->first : NULL;
	while (p != NULL && p->next != NULL)
		p = p->next;
	if (p != NULL && p->cache == CACHE_NONE)
		p->cache = mark;
}

enum fault
anthropic_decode(
    struct arena *a, struct slice body, struct conversation *c, struct wrong *w)
{
	struct reading r = { .arena = a, .c = c, .w = w };
	struct json *top;
	enum fault f = json_parse(a, body, &top);

	if (f != FAULT_NONE)
		return f;
	if (top->type != JSON_OBJECT)
		return codec_wrong(w, "", "the body must be a JSON object");
	c->n = 1;
	c->parallel = c->schema_strict = -1;
	/* Anthropic always says what it counted. */
	c->wants_usage = true;
	c->model = json_get_str(top, "model");
	c->stream = json_get_bool(top, "stream", false);
	if (!codec_u64(top, "max_tokens", &c->max_output))
		return codec_wrong(
		    w, "max_tokens", "must be a whole number above zero");
	f = refuse_hosted(&r, top);
	if (f == FAULT_NONE)
		f = read_system(&r, top);
	if (f == FAULT_NONE)
		f = read_messages(&r, top);
	if (f == FAULT_NONE)
		f = read_tools(&r, top);
	if (f == FAULT_NONE)
		f = read_choice(&r, top);
	if (f == FAULT_NONE)
		f = read_depth(&r, top);
	if (f == FAULT_NONE)
		f = read_format(&r, top);
	if (f == FAULT_NONE)
		f = read_stops(&r, top);
	if (f != FAULT_NONE)
		return f;
	read_rest(&r, top);
	mark_last(&r, top);
	return FAULT_NONE;
}

/* --- answers ------------------------------------------------------------- */

static const char *
reason_of(enum stop_reason stop)
{
	switch (stop) {
	case STOP_LENGTH:
		return "max_tokens";
	case STOP_CONTEXT:
		return "model_context_window_exceeded";
	case STOP_SEQUENCE:
		return "stop_sequence";
	case STOP_TOOL:
		return "tool_use";
	case STOP_FILTER:
	case STOP_REFUSAL:
		return "refusal";
	case STOP_PAUSE:
		return "pause_turn";
	case STOP_NONE:
	case STOP_END:
	case STOP_BAD_TOOL:
		break;
	}
	return "end_turn";
}

static void
put_reason(struct buf *b, enum stop_reason stop, struct slice sequence)
{
	json_w_kstr(b, "stop_reason", slice_of(reason_of(stop)));
	json_w_key(b, "stop_sequence");
	if (stop == STOP_SEQUENCE && sequence.len > 0)
		json_w_str(b, sequence);
	else
		json_w_null(b);
}

static void
put_usage(struct buf *b, const struct usage *u)
{
	json_w_key(b, "usage");
	json_w_begin(b, '{');
	json_w_ku64(b, "input_tokens", u->input - u->cached - u->cache_write);
	json_w_ku64(b, "cache_creation_input_tokens", u->cache_write);
	json_w_ku64(b, "cache_read_input_tokens", u->cached);
	json_w_key(b, "cache_creation");
	json_w_begin(b, '{');
	json_w_ku64(
	    b, "ephemeral_5m_input_tokens", u->cache_write - u->cache_write_1h);
	json_w_ku64(b, "ephemeral_1h_input_tokens", u->cache_write_1h);
	json_w_end(b, '}');
	json_w_ku64(b, "output_tokens", u->output);
	if (u->reasoning > 0) {
		json_w_key(b, "output_tokens_details");
		json_w_begin(b, '{');
		json_w_ku64(b, "thinking_tokens", u->reasoning);
		json_w_end(b, '}');
	}
	json_w_kstr(b, "service_tier", S("standard"));
	json_w_end(b, '}');
}

/* Any link will do: theirs say where in a document, which we do not know. */
static void
put_citation(struct buf *b, const struct citation *c)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("web_search_result_location"));
	json_w_kstr(b, "cited_text", c->cited);
	json_w_kstr(b, "encrypted_index", S(""));
	json_w_kstr(b, "title", c->title);
	json_w_kstr(b, "url", c->url);
	json_w_end(b, '}');
}

static struct slice
signature(struct arena *a, enum vendor origin, struct slice opaque)
{
	return seal_write(a, VENDOR_ANTHROPIC, origin, opaque);
}

static void
put_text(struct buf *b, const struct part *p)
{
	const struct citation *c;

	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("text"));
	json_w_kstr(b, "text", p->text);
	json_w_key(b, "citations");
	if (p->citation == NULL) {
		json_w_null(b);
	} else {
		json_w_begin(b, '[');
		for (c = p->citation; c != NULL; c = c->next)
			put_citation(b, c);
		json_w_end(b, ']');
	}
	json_w_end(b, '}');
}

static void
put_thinking(struct buf *b, struct slice text, struct slice sig)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("thinking"));
	json_w_kstr(b, "thinking", text);
	json_w_kstr(b, "signature", sig);
	json_w_end(b, '}');
}

static void
put_redacted(struct buf *b, struct slice data)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("redacted_thinking"));
	json_w_kstr(b, "data", data);
	json_w_end(b, '}');
}

/* Is what was thought shown to a caller who did not ask? */
static bool
shows(const struct encoding_out *e, enum vendor origin)
{
	return origin == VENDOR_ANTHROPIC || e->asked == NULL ||
	       e->asked->wants_reasoning;
}

static void
put_reasoning(struct buf *b, struct encoding_out *e, const struct part *p)
{
	const struct slice text = shows(e, p->origin) ? p->text : S("");

	if (p->redacted && p->origin == VENDOR_ANTHROPIC)
		put_redacted(b, p->opaque);
	else if (text.len > 0 || p->opaque.len > 0)
		put_thinking(
		    b, text, signature(e->arena, p->origin, p->opaque));
}

static void
put_call_head(struct buf *b, struct encoding_out *e, const struct part *p)
{
	uint64_t lost = 0;

	json_w_kstr(b, "type", S("tool_use"));
	json_w_kstr(b, "id",
	    p->id.len > 0 ? codec_tool_id(e->arena, p->id, "", 256, &lost)
			  : codec_id(e->arena, "toolu_", e->id));
	json_w_kstr(b, "name", p->name);
	json_w_key(b, "input");
}

static void
put_part(struct buf *b, struct encoding_out *e, const struct part *p)
{
	if (p->kind == PART_REASONING) {
		put_reasoning(b, e, p);
	} else if (p->kind == PART_TEXT || p->kind == PART_REFUSAL) {
		if (p->text.len > 0)
			put_text(b, p);
	} else if (p->kind == PART_TOOL_CALL) {
		if (p->opaque.len > 0)
			put_thinking(b, S(""),
			    signature(e->arena, p->origin, p->opaque));
		json_w_begin(b, '{');
		put_call_head(b, e, p);
		json_w_raw(b, codec_args(e->arena, p));
		json_w_end(b, '}');
	}
}

static void
put_head(struct buf *b, struct encoding_out *e)
{
	json_w_kstr(b, "id", codec_id(e->arena, "msg_", e->id));
	json_w_kstr(b, "type", S("message"));
	json_w_kstr(b, "role", S("assistant"));
	json_w_kstr(b, "model", e->model);
}

void
anthropic_write_answer(
    const struct completion *in, struct encoding_out *e, struct buf *out)
{
	enum stop_reason stop = in->stop;
	const struct part *p;
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	put_head(&b, e);
	json_w_key(&b, "content");
	json_w_begin(&b, '[');
	for (p = in->first; p != NULL; p = p->next) {
		put_part(&b, e, p);
		if (p->kind == PART_TOOL_CALL &&
		    (stop == STOP_END || stop == STOP_NONE))
			stop = STOP_TOOL;
	}
	json_w_end(&b, ']');
	put_reason(&b, stop, in->stop_sequence);
	put_usage(&b, &in->usage);
	json_w_end(&b, '}');
	buf_add(out, buf_slice(&b));
	buf_fini(&b);
}

/* --- streams ------------------------------------------------------------- */

/* What hangs on a stream between two steps. */
struct telling {
	struct part block; /* as it was opened */
	bool open;         /* its start is out */
	unsigned index;
	bool tool; /* a call was opened */
	enum stop_reason stop;
	struct slice sequence;
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
frame(struct buf *b, const char *name, struct buf *out)
{
	codec_sse(out, slice_of(name), buf_slice(b));
	buf_fini(b);
}

static void
tell_start(struct encoding_out *e, const struct stream_step *s, struct buf *out)
{
	struct telling *t = telling(e);
	const struct usage guess = { .input = e->input };
	struct buf b = { 0 };

	if (s->has_usage) {
		t->usage = s->usage;
		t->has_usage = true;
	}
	json_w_begin(&b, '{');
	json_w_kstr(&b, "type", S("message_start"));
	json_w_key(&b, "message");
	json_w_begin(&b, '{');
	put_head(&b, e);
	json_w_key(&b, "content");
	json_w_raw(&b, S("[]"));
	json_w_key(&b, "stop_reason");
	json_w_null(&b);
	json_w_key(&b, "stop_sequence");
	json_w_null(&b);
	put_usage(&b, s->has_usage ? &s->usage : &guess);
	json_w_end(&b, '}');
	json_w_end(&b, '}');
	frame(&b, "message_start", out);
	codec_sse(out, S("ping"), S("{\"type\":\"ping\"}"));
}

static void
begin_block(struct buf *b, struct telling *t)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("content_block_start"));
	json_w_ku64(b, "index", t->index);
	json_w_key(b, "content_block");
	t->open = true;
}

static void
open_block(struct encoding_out *e, struct buf *out)
{
	struct telling *t = telling(e);
	struct buf b = { 0 };

	if (t->open)
		return;
	begin_block(&b, t);
	if (t->block.kind == PART_REASONING) {
		put_thinking(&b, S(""), S(""));
	} else if (t->block.kind == PART_TOOL_CALL) {
		json_w_begin(&b, '{');
		put_call_head(&b, e, &t->block);
		json_w_raw(&b, S("{}"));
		json_w_end(&b, '}');
	} else {
		json_w_raw(&b, S("{\"type\":\"text\",\"text\":\"\"}"));
	}
	json_w_end(&b, '}');
	frame(&b, "content_block_start", out);
}

static void
close_block(struct encoding_out *e, struct buf *out)
{
	struct telling *t = telling(e);
	struct buf b = { 0 };

	if (!t->open)
		return;
	json_w_begin(&b, '{');
	json_w_kstr(&b, "type", S("content_block_stop"));
	json_w_ku64(&b, "index", t->index++);
	json_w_end(&b, '}');
	frame(&b, "content_block_stop", out);
	t->open = false;
}

static void
begin_delta(struct buf *b, const struct telling *t, const char *type)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("content_block_delta"));
	json_w_ku64(b, "index", t->index);
	json_w_key(b, "delta");
	json_w_begin(b, '{');
	json_w_kstr(b, "type", slice_of(type));
}

static void
end_delta(struct buf *b, struct buf *out)
{
	json_w_end(b, '}');
	json_w_end(b, '}');
	frame(b, "content_block_delta", out);
}

static void
tell_delta(struct encoding_out *e, const char *type, const char *key,
    struct slice text, struct buf *out)
{
	struct buf b = { 0 };

	open_block(e, out);
	begin_delta(&b, telling(e), type);
	json_w_kstr(&b, key, text);
	end_delta(&b, out);
}

/* A signature that belongs to a call stands before it. */
static void
tell_open(struct encoding_out *e, const struct stream_step *s, struct buf *out)
{
	struct telling *t = telling(e);
	const struct slice sig =
	    signature(e->arena, s->block.origin, s->block.opaque);

	close_block(e, out);
	t->block = s->block;
	t->block.id = arena_copy(e->arena, s->block.id);
	t->block.name = arena_copy(e->arena, s->block.name);
	if (s->block.kind != PART_TOOL_CALL)
		return;
	t->tool = true;
	if (sig.len > 0) {
		t->block.kind = PART_REASONING;
		tell_delta(e, "signature_delta", "signature", sig, out);
		close_block(e, out);
		t->block.kind = PART_TOOL_CALL;
	}
	open_block(e, out);
}

static void
tell_text(struct encoding_out *e, struct slice text, struct buf *out)
{
	const struct part *block = &telling(e)->block;

	if (text.len == 0)
		return;
	if (block->kind != PART_REASONING)
		tell_delta(e, "text_delta", "text", text, out);
	else if (shows(e, block->origin))
		tell_delta(e, "thinking_delta", "thinking", text, out);
}

static void
tell_opaque(
    struct encoding_out *e, const struct stream_step *s, struct buf *out)
{
	struct telling *t = telling(e);
	struct buf b = { 0 };

	if (t->block.kind != PART_REASONING || s->text.len == 0)
		return;
	if (t->block.redacted && s->origin == VENDOR_ANTHROPIC && !t->open) {
		begin_block(&b, t);
		put_redacted(&b, s->text);
		json_w_end(&b, '}');
		frame(&b, "content_block_start", out);
		return;
	}
	tell_delta(e, "signature_delta", "signature",
	    signature(e->arena, s->origin, s->text), out);
}

static void
tell_citation(struct encoding_out *e, const struct citation *c, struct buf *out)
{
	struct telling *t = telling(e);
	struct buf b = { 0 };

	if (t->block.kind != PART_TEXT || !t->open)
		return;
	begin_delta(&b, t, "citations_delta");
	json_w_key(&b, "citation");
	put_citation(&b, c);
	end_delta(&b, out);
}

static void
tell_end(struct encoding_out *e, struct buf *out)
{
	struct telling *t = telling(e);
	const struct usage guess = { .input = e->input };
	struct buf b = { 0 };

	close_block(e, out);
	if (t->tool && (t->stop == STOP_END || t->stop == STOP_NONE))
		t->stop = STOP_TOOL;
	json_w_begin(&b, '{');
	json_w_kstr(&b, "type", S("message_delta"));
	json_w_key(&b, "delta");
	json_w_begin(&b, '{');
	put_reason(&b, t->stop, t->sequence);
	json_w_end(&b, '}');
	put_usage(&b, t->has_usage ? &t->usage : &guess);
	json_w_end(&b, '}');
	frame(&b, "message_delta", out);
	codec_sse(out, S("message_stop"), S("{\"type\":\"message_stop\"}"));
}

static void
tell_error(const struct stream_step *s, struct buf *out)
{
	const struct problem p = { .status = fault_get(s->fault)->status,
		.fault = s->fault,
		.message = s->message };

	dialect_anthropic.error_event(out, &p);
}

static void
note(struct encoding_out *e, const struct stream_step *s)
{
	struct telling *t = telling(e);

	if (s->kind == STEP_STOP) {
		t->stop = s->stop;
		t->sequence = arena_copy(e->arena, s->stop_sequence);
	} else if (s->has_usage) {
		t->usage = s->usage;
		t->has_usage = true;
	}
}

void
anthropic_write_step(
    const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	switch (s->kind) {
	case STEP_START:
		tell_start(e, s, out);
		break;
	case STEP_OPEN:
		tell_open(e, s, out);
		break;
	case STEP_TEXT:
		tell_text(e, s->text, out);
		break;
	case STEP_ARGS:
		if (s->text.len > 0)
			tell_delta(e, "input_json_delta", "partial_json",
			    s->text, out);
		break;
	case STEP_OPAQUE:
		tell_opaque(e, s, out);
		break;
	case STEP_CITATION:
		tell_citation(e, s->citation, out);
		break;
	case STEP_CLOSE:
		close_block(e, out);
		break;
	case STEP_STOP:
	case STEP_USAGE:
		note(e, s);
		break;
	case STEP_ERROR:
		tell_error(s, out);
		break;
	case STEP_END:
		tell_end(e, out);
		break;
	}
}

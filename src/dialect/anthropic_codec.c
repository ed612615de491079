/*
 * anthropic_codec.c - Anthropic Messages to and from a conversation
 *
 * Signed thinking goes back byte for byte to a model of Anthropic's, first in
 * its turn; to nobody else.
 */
#include "dialect/codec.h"

enum { MARKS_MAX = 4 };

/* --- a caller's request ----------------------------------------------------
 */

static enum cache_mark
mark_of(const struct json *j)
{
	const struct json *c = json_get(j, "cache_control");

	if (c == NULL || c->type != JSON_OBJECT)
		return CACHE_NONE;
	return slice_eq(json_get_str(c, "ttl"), S("1h")) ? CACHE_1H : CACHE_5M;
}

static void
read_citations(struct part *p, struct arena *a, const struct json *list)
{
	struct citation **at = &p->citation;
	const struct json *i;

	for (i = list != NULL && list->type == JSON_ARRAY ? list->child : NULL;
	     i != NULL; i = i->next) {
		*at = ARENA_NEW(a, struct citation);
		(*at)->url = json_get_str(i, "url");
		(*at)->title = json_get_str(i, "title");
		if ((*at)->title.len == 0)
			(*at)->title = json_get_str(i, "document_title");
		(*at)->cited = json_get_str(i, "cited_text");
		at = &(*at)->next;
	}
}

static enum fault
read_source(
    struct part *p, struct arena *a, const struct json *j, struct wrong *w)
{
	const struct json *s = json_get(j, "source");
	const struct slice from = json_get_str(s, "type");

	p->filename = json_get_str(j, "title");
	if (slice_eq(from, S("base64"))) {
		p->mime = json_get_str(s, "media_type");
		p->data = json_get_str(s, "data");
	} else if (slice_eq(from, S("url"))) {
		p->url = json_get_str(s, "url");
	} else if (slice_eq(from, S("file"))) {
		p->file = json_get_str(s, "file_id");
	} else if (slice_eq(from, S("text"))) {
		p->mime = S("text/plain");
		p->text = json_get_str(s, "data");
	} else if (slice_eq(from, S("content"))) {
		p->mime = S("text/plain");
		p->text = codec_text(a, json_get(s, "content"));
	} else {
		return codec_wrong(w, "messages",
		    "source must be base64, url, file, text or content");
	}
	return FAULT_NONE;
}

static enum fault read_content(struct part **list, struct arena *a,
    const struct json *content, struct conversation *c, struct wrong *w);

static void
read_thinking(struct part *p, const struct json *j, bool redacted)
{
	p->text = json_get_str(j, "thinking");
	p->opaque = json_get_str(j, redacted ? "data" : "signature");
	p->origin = p->opaque.len > 0 ? VENDOR_ANTHROPIC : VENDOR_NONE;
	p->redacted = redacted;
	codec_open_envelope(p);
}

static enum fault
read_result(struct part *p, struct arena *a, const struct json *j,
    struct conversation *c, struct wrong *w)
{
	p->id = json_get_str(j, "tool_use_id");
	p->is_error = json_get_bool(j, "is_error", false);
	return read_content(&p->inner, a, json_get(j, "content"), c, w);
}

static enum fault
read_block(struct part **list, struct arena *a, const struct json *j,
    struct conversation *c, struct wrong *w)
{
	const struct slice type = json_get_str(j, "type");
	enum fault f = FAULT_NONE;
	struct part *p = NULL;

	if (slice_eq(type, S("text"))) {
		p = part_add(list, a, PART_TEXT);
		p->text = json_get_str(j, "text");
		read_citations(p, a, json_get(j, "citations"));
	} else if (slice_eq(type, S("image"))) {
		p = part_add(list, a, PART_IMAGE);
		f = read_source(p, a, j, w);
	} else if (slice_eq(type, S("document"))) {
		p = part_add(list, a, PART_DOCUMENT);
		f = read_source(p, a, j, w);
	} else if (slice_eq(type, S("thinking")) ||
		   slice_eq(type, S("redacted_thinking"))) {
		p = part_add(list, a, PART_REASONING);
		read_thinking(p, j, type.len > 8);
	} else if (slice_eq(type, S("tool_use"))) {
		p = part_add(list, a, PART_TOOL_CALL);
		p->id = json_get_str(j, "id");
		p->name = json_get_str(j, "name");
		p->args = codec_raw(a, json_get(j, "input"));
	} else if (slice_eq(type, S("tool_result"))) {
		p = part_add(list, a, PART_TOOL_RESULT);
		f = read_result(p, a, j, c, w);
	} else if (slice_eq(type, S("search_result"))) {
		p = part_add(list, a, PART_TEXT);
		p->text = codec_text(a, json_get(j, "content"));
	} else {
		c->lost |= LOSS_BIT(LOSS_EXTRA);
	}
	if (p != NULL)
		p->cache = mark_of(j);
	return f;
}

static enum fault
read_content(struct part **list, struct arena *a, const struct json *content,
    struct conversation *c, struct wrong *w)
{
	const struct json *i;
	enum fault f = FAULT_NONE;

	if (content == NULL || content->type == JSON_NULL)
		return FAULT_NONE;
	if (content->type == JSON_STRING) {
		codec_add_text(list, a, content->text);
		return FAULT_NONE;
	}
	if (content->type != JSON_ARRAY)
		return codec_wrong(
		    w, "messages", "content must be a text or a list");
	for (i = content->child; i != NULL && f == FAULT_NONE; i = i->next)
		f = read_block(list, a, i, c, w);
	return f;
}

/* Claude Code's first system block counts its own version for billing: no
 * words for a model of another maker. */
static bool
is_billing(const struct part *p)
{
	return slice_starts(p->text, S("x-anthropic-billing-header:"));
}

static enum fault
read_system(struct conversation *c, struct arena *a, const struct json *top,
    struct wrong *w)
{
	const struct json *s = json_get(top, "system");
	struct turn *t;
	enum fault f;

	if (s == NULL)
		return FAULT_NONE;
	t = conversation_turn(c, a, SPEAKER_SYSTEM);
	f = read_content(&t->first, a, s, c, w);
	if (t->first != NULL && is_billing(t->first))
		t->first = t->first->next;
	return f;
}

static enum fault
read_messages(struct conversation *c, struct arena *a, const struct json *top,
    struct wrong *w)
{
	const struct json *list = json_get(top, "messages"), *m;
	enum fault f = FAULT_NONE;
	struct slice role;
	struct turn *t;

	if (list == NULL || list->type != JSON_ARRAY)
		return codec_wrong(w, "messages", "must be a list of messages");
	for (m = list->child; m != NULL && f == FAULT_NONE; m = m->next) {
		role = json_get_str(m, "role");
		if (slice_eq(role, S("user")))
			t = conversation_turn(c, a, SPEAKER_USER);
		else if (slice_eq(role, S("assistant")))
			t = conversation_turn(c, a, SPEAKER_ASSISTANT);
		else if (slice_eq(role, S("system")))
			t = conversation_turn(c, a, SPEAKER_SYSTEM);
		else
			return codec_wrong(w, "messages",
			    "role must be user, assistant or system");
		f = read_content(&t->first, a, json_get(m, "content"), c, w);
	}
	return f;
}

static enum fault
read_tools(struct conversation *c, struct arena *a, const struct json *top,
    struct wrong *w)
{
	const struct json *list = json_get(top, "tools"), *i, *strict;
	struct tool **at = &c->tool;
	struct slice type;

	for (i = list != NULL ? list->child : NULL; i != NULL; i = i->next) {
		type = json_get_str(i, "type");
		if (type.len > 0 && !slice_eq(type, S("custom")))
			return codec_wrong(w, "tools",
			    "is a hosted tool of another provider than the one "
			    "that serves this model");
		*at = ARENA_NEW(a, struct tool);
		(*at)->name = json_get_str(i, "name");
		(*at)->description = json_get_str(i, "description");
		(*at)->schema = codec_raw(a, json_get(i, "input_schema"));
		strict = json_get(i, "strict");
		(*at)->strict = strict == NULL ? -1 : strict->type == JSON_TRUE;
		(*at)->cache = mark_of(i);
		if ((*at)->name.len == 0)
			return codec_wrong(w, "tools", "a tool needs a name");
		at = &(*at)->next;
	}
	return FAULT_NONE;
}

static void
read_choice(struct conversation *c, const struct json *top)
{
	const struct json *j = json_get(top, "tool_choice");
	const struct slice type = json_get_str(j, "type");

	if (j == NULL || type.len == 0)
		return;
	c->choice_said = true;
	c->choice = slice_eq(type, S("any"))    ? CHOICE_REQUIRED
		    : slice_eq(type, S("none")) ? CHOICE_NONE
		    : slice_eq(type, S("tool")) ? CHOICE_NAMED
						: CHOICE_AUTO;
	c->choice_name = json_get_str(j, "name");
	if (json_get_bool(j, "disable_parallel_tool_use", false))
		c->parallel = 0;
}

static void
read_thought(struct conversation *c, struct arena *a, const struct json *top)
{
	const struct json *t = json_get(top, "thinking");
	const struct json *o = json_get(top, "output_config");
	const struct slice type = json_get_str(t, "type");
	const struct json *f = json_get(o, "format");

	c->effort = effort_parse(json_get_str(o, "effort"));
	c->thinking_off = slice_eq(type, S("disabled"));
	if (slice_eq(type, S("enabled")))
		(void)codec_u64(t, "budget_tokens", &c->thinking_budget);
	c->wants_reasoning =
	    (slice_eq(type, S("enabled")) || slice_eq(type, S("adaptive"))) &&
	    !slice_eq(json_get_str(t, "display"), S("omitted"));
	if (slice_eq(json_get_str(f, "type"), S("json_schema"))) {
		c->format = FORMAT_SCHEMA;
		c->schema = codec_raw(a, json_get(f, "schema"));
	}
}

static void
read_rest(struct conversation *c, const struct json *top)
{
	static const char *const known[] = { "container", "mcp_servers",
		"context_management" };
	const struct json *stops = json_get(top, "stop_sequences"), *i;
	size_t k;

	for (i = stops != NULL ? stops->child : NULL; i != NULL; i = i->next) {
		if (c->nstop < STOPS_MAX && i->type == JSON_STRING)
			c->stop[c->nstop++] = i->text;
	}
	for (k = 0; k < NELEM(known); k++) {
		if (json_get(top, known[k]) != NULL)
			c->lost |= LOSS_BIT(LOSS_EXTRA);
	}
	c->user = json_get_str(json_get(top, "metadata"), "user_id");
	c->tier =
	    dialect_anthropic.tier(json_get_str(top, "service_tier"), S(""));
}

static enum fault
anthropic_decode(
    struct arena *a, struct slice body, struct conversation *c, struct wrong *w)
{
	struct json *top;
	enum fault f = json_parse(a, body, &top);

	if (f != FAULT_NONE)
		return f;
	c->model = json_get_str(top, "model");
	c->n = 1;
	c->wants_usage = true;
	c->stream = json_get_bool(top, "stream", false);
	c->temperature = codec_number(top, "temperature");
	c->top_p = codec_number(top, "top_p");
	c->top_k = codec_number(top, "top_k");
	if (!codec_u64(top, "max_tokens", &c->max_output))
		return codec_wrong(w, "max_tokens", "must be a whole number");
	read_choice(c, top);
	read_thought(c, a, top);
	read_rest(c, top);
	f = read_system(c, a, top, w);
	if (f == FAULT_NONE)
		f = read_messages(c, a, top, w);
	if (f == FAULT_NONE)
		f = read_tools(c, a, top, w);
	return f;
}

/* --- an answer for a caller ------------------------------------------------
 */

static const char *
stop_text(enum stop_reason r)
{
	switch (r) {
	case STOP_NONE:
	case STOP_END:
	case STOP_BAD_TOOL:
		return "end_turn";
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
	}
	return "end_turn";
}

static void
write_usage(struct buf *b, const struct usage *u)
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
	json_w_kstr(b, "service_tier", S("standard"));
	json_w_end(b, '}');
}

/* Opaque reasoning of another vendor goes out in ours: codec_envelope(). */
static void
write_thinking(struct buf *b, struct arena *a, const struct part *p)
{
	const struct slice sealed = codec_envelope(a, p, VENDOR_ANTHROPIC);

	json_w_begin(b, '{');
	if (p->redacted && p->origin == VENDOR_ANTHROPIC) {
		json_w_kstr(b, "type", S("redacted_thinking"));
		json_w_kstr(b, "data", p->opaque);
	} else {
		json_w_kstr(b, "type", S("thinking"));
		json_w_kstr(b, "thinking", p->text);
		json_w_kstr(b, "signature", sealed);
	}
	json_w_end(b, '}');
}

static void
write_citations(struct buf *b, const struct part *p)
{
	const struct citation *c;

	json_w_key(b, "citations");
	if (p->citation == NULL) {
		json_w_null(b);
		return;
	}
	json_w_begin(b, '[');
	for (c = p->citation; c != NULL; c = c->next) {
		json_w_begin(b, '{');
		json_w_kstr(b, "type", S("web_search_result_location"));
		json_w_kstr(b, "cited_text", c->cited);
		json_w_kstr(b, "url", c->url);
		json_w_kstr(b, "title", c->title);
		json_w_kstr(b, "encrypted_index", S(""));
		json_w_end(b, '}');
	}
	json_w_end(b, ']');
}

static void
write_block(struct buf *b, struct arena *a, const struct part *p)
{
	uint64_t lost = 0;

	if (p->kind == PART_REASONING) {
		write_thinking(b, a, p);
		return;
	}
	if (p->kind == PART_TOOL_CALL) {
		json_w_begin(b, '{');
		json_w_kstr(b, "type", S("tool_use"));
		json_w_kstr(b, "id", codec_tool_id(a, p->id, "", 256, &lost));
		json_w_kstr(b, "name", p->name);
		json_w_key(b, "input");
		json_w_raw(b, codec_args(a, p));
		json_w_end(b, '}');
	} else if (p->text.len > 0) {
		json_w_begin(b, '{');
		json_w_kstr(b, "type", S("text"));
		json_w_kstr(b, "text", p->text);
		write_citations(b, p);
		json_w_end(b, '}');
	}
}

static void
write_head(struct buf *b, const struct encoding_out *e)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "id", codec_id(e->arena, "msg_", e->id));
	json_w_kstr(b, "type", S("message"));
	json_w_kstr(b, "role", S("assistant"));
	json_w_kstr(b, "model", e->model);
}

static void
write_sequence(struct buf *b, struct slice sequence)
{
	json_w_key(b, "stop_sequence");
	if (sequence.len > 0)
		json_w_str(b, sequence);
	else
		json_w_null(b);
}

static void
anthropic_write_answer(
    const struct completion *in, struct encoding_out *e, struct buf *out)
{
	const struct part *p;
	struct buf b = { 0 };

	write_head(&b, e);
	json_w_key(&b, "content");
	json_w_begin(&b, '[');
	for (p = in->first; p != NULL; p = p->next)
		write_block(&b, e->arena, p);
	json_w_end(&b, ']');
	json_w_kstr(&b, "stop_reason", slice_of(stop_text(in->stop)));
	write_sequence(&b, in->stop_sequence);
	write_usage(&b, &in->usage);
	json_w_end(&b, '}');
	buf_add(out, buf_slice(&b));
	buf_fini(&b);
}

/* What a stream being written must remember. */
struct writing {
	struct part block;
	bool open;       /* a block is */
	bool empty_text; /* it was opened, and nothing was said in it yet */
	unsigned index;
	struct usage usage;
	bool has_usage;
	enum stop_reason stop;
	struct slice sequence;
};

static struct writing *
writing_of(struct encoding_out *e)
{
	if (e->mind == NULL)
		e->mind = ARENA_NEW(e->arena, struct writing);
	return e->mind;
}

static void
send(struct buf *b, const char *name, struct buf *out)
{
	codec_sse(out, slice_of(name), buf_slice(b));
	buf_fini(b);
}

static void
write_start(
    const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	struct usage first = s->usage;
	struct buf b = { 0 };

	/* Who counts his context by this needs a number now. */
	if (!s->has_usage)
		first = (struct usage){ .input = e->input };
	if (first.output == 0)
		first.output = 1;
	json_w_begin(&b, '{');
	json_w_kstr(&b, "type", S("message_start"));
	json_w_key(&b, "message");
	write_head(&b, e);
	json_w_key(&b, "content");
	json_w_raw(&b, S("[]"));
	json_w_key(&b, "stop_reason");
	json_w_null(&b);
	write_sequence(&b, S(""));
	write_usage(&b, &first);
	json_w_end(&b, '}');
	json_w_end(&b, '}');
	send(&b, "message_start", out);
}

static void
open_block(struct encoding_out *e, struct buf *out)
{
	struct writing *m = writing_of(e);
	uint64_t lost = 0;
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_kstr(&b, "type", S("content_block_start"));
	json_w_ku64(&b, "index", m->index);
	json_w_key(&b, "content_block");
	json_w_begin(&b, '{');
	if (m->block.kind == PART_TOOL_CALL) {
		json_w_kstr(&b, "type", S("tool_use"));
		json_w_kstr(&b, "id",
		    codec_tool_id(e->arena, m->block.id, "", 256, &lost));
		json_w_kstr(&b, "name", m->block.name);
		json_w_key(&b, "input");
		json_w_raw(&b, S("{}"));
	} else if (m->block.kind == PART_REASONING) {
		json_w_kstr(&b, "type", S("thinking"));
		json_w_kstr(&b, "thinking", S(""));
		json_w_kstr(&b, "signature", S(""));
	} else {
		json_w_kstr(&b, "type", S("text"));
		json_w_kstr(&b, "text", S(""));
	}
	json_w_end(&b, '}');
	json_w_end(&b, '}');
	send(&b, "content_block_start", out);
	m->open = true;
}

static void
write_delta(struct encoding_out *e, const char *type, const char *key,
    struct slice text, struct buf *out)
{
	struct buf b = { 0 };

	if (!writing_of(e)->open)
		open_block(e, out);
	json_w_begin(&b, '{');
	json_w_kstr(&b, "type", S("content_block_delta"));
	json_w_ku64(&b, "index", writing_of(e)->index);
	json_w_key(&b, "delta");
	json_w_begin(&b, '{');
	json_w_kstr(&b, "type", slice_of(type));
	json_w_kstr(&b, key, text);
	json_w_end(&b, '}');
	json_w_end(&b, '}');
	send(&b, "content_block_delta", out);
}

static void
write_opaque(
    const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	struct part p = writing_of(e)->block;

	p.opaque = s->text;
	p.origin = s->origin;
	/* A signature of a call has no place here but in its envelope. */
	if (p.kind == PART_REASONING)
		write_delta(e, "signature_delta", "signature",
		    codec_envelope(e->arena, &p, VENDOR_ANTHROPIC), out);
}

static void
close_block(struct encoding_out *e, struct buf *out)
{
	struct writing *m = writing_of(e);
	struct buf b = { 0 };

	if (!m->open)
		return;
	json_w_begin(&b, '{');
	json_w_kstr(&b, "type", S("content_block_stop"));
	json_w_ku64(&b, "index", m->index++);
	json_w_end(&b, '}');
	send(&b, "content_block_stop", out);
	m->open = false;
}

/* The numbers come after the reason, in many dialects: both wait for END. */
static void
write_end(struct encoding_out *e, struct buf *out)
{
	struct writing *m = writing_of(e);
	struct buf b = { 0 };

	close_block(e, out);
	if (!m->has_usage)
		m->usage = (struct usage){ .input = e->input };
	json_w_begin(&b, '{');
	json_w_kstr(&b, "type", S("message_delta"));
	json_w_key(&b, "delta");
	json_w_begin(&b, '{');
	json_w_kstr(&b, "stop_reason", slice_of(stop_text(m->stop)));
	write_sequence(&b, m->sequence);
	json_w_end(&b, '}');
	write_usage(&b, &m->usage);
	json_w_end(&b, '}');
	send(&b, "message_delta", out);
	codec_sse(out, S("message_stop"), S("{\"type\":\"message_stop\"}"));
}

static void
anthropic_write_step(
    const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	struct writing *m = writing_of(e);

	switch (s->kind) {
	case STEP_START:
		write_start(s, e, out);
		break;
	case STEP_OPEN:
		close_block(e, out);
		m->block = s->block;
		m->block.id = arena_copy(e->arena, s->block.id);
		m->block.name = arena_copy(e->arena, s->block.name);
		/* A text that stays empty is refused when it comes back. */
		if (s->block.kind == PART_TOOL_CALL)
			open_block(e, out);
		break;
	case STEP_TEXT:
		if (m->block.kind == PART_REASONING)
			write_delta(
			    e, "thinking_delta", "thinking", s->text, out);
		else
			write_delta(e, "text_delta", "text", s->text, out);
		break;
	case STEP_ARGS:
		write_delta(
		    e, "input_json_delta", "partial_json", s->text, out);
		break;
	case STEP_OPAQUE:
		write_opaque(s, e, out);
		break;
	case STEP_CITATION:
		break;
	case STEP_CLOSE:
		close_block(e, out);
		break;
	case STEP_STOP:
		m->stop = s->stop;
		m->sequence = arena_copy(e->arena, s->stop_sequence);
		break;
	case STEP_USAGE:
		m->usage = s->usage;
		m->has_usage = true;
		break;
	case STEP_ERROR:
		dialect_anthropic.error_event(
		    out, &(struct problem){ .status = 502,
			     .fault = s->fault != FAULT_NONE ? s->fault
							     : FAULT_UP_STATUS,
			     .message = s->message });
		break;
	case STEP_END:
		write_end(e, out);
		break;
	}
}

/* --- a provider's request --------------------------------------------------
 */

struct out {
	struct buf *b;
	struct arena *a;
	const struct target *t;
	uint64_t *lost;
	struct wrong *w;
	unsigned marks;
};

static void
write_mark(struct out *o, enum cache_mark mark)
{
	if (mark == CACHE_NONE)
		return;
	if (o->marks == MARKS_MAX) {
		*o->lost |= LOSS_BIT(LOSS_CACHE_MARK);
		return;
	}
	o->marks++;
	json_w_key(o->b, "cache_control");
	json_w_raw(o->b, mark == CACHE_1H
			     ? S("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}")
			     : S("{\"type\":\"ephemeral\"}"));
}

static enum fault
write_media(struct out *o, const struct part *p)
{
	const bool image = p->kind == PART_IMAGE;

	if (p->file.len > 0)
		return codec_wrong(o->w, "messages",
		    "a file id is known to one provider only: send the file");
	if (!image && p->kind != PART_DOCUMENT)
		return codec_wrong(o->w, "messages",
		    "has media that this model's provider does not take");
	json_w_begin(o->b, '{');
	json_w_kstr(o->b, "type", image ? S("image") : S("document"));
	json_w_key(o->b, "source");
	json_w_begin(o->b, '{');
	if (p->data.len > 0) {
		json_w_kstr(o->b, "type", S("base64"));
		json_w_kstr(o->b, "media_type",
		    p->mime.len > 0 ? p->mime
		    : image         ? S("image/png")
				    : S("application/pdf"));
		json_w_kstr(o->b, "data", p->data);
	} else if (p->url.len > 0) {
		json_w_kstr(o->b, "type", S("url"));
		json_w_kstr(o->b, "url", p->url);
	} else {
		json_w_kstr(o->b, "type", S("text"));
		json_w_kstr(o->b, "media_type", S("text/plain"));
		json_w_kstr(o->b, "data", p->text);
	}
	json_w_end(o->b, '}');
	if (!image && p->filename.len > 0)
		json_w_kstr(o->b, "title", p->filename);
	write_mark(o, p->cache);
	json_w_end(o->b, '}');
	if (p->detail.len > 0)
		*o->lost |= LOSS_BIT(LOSS_IMAGE_DETAIL);
	return FAULT_NONE;
}

static enum fault write_parts(struct out *o, const struct part *p);

static enum fault
write_result(struct out *o, const struct part *p)
{
	enum fault f;

	json_w_begin(o->b, '{');
	json_w_kstr(o->b, "type", S("tool_result"));
	json_w_kstr(
	    o->b, "tool_use_id", codec_tool_id(o->a, p->id, "", 256, o->lost));
	json_w_key(o->b, "content");
	json_w_begin(o->b, '[');
	f = write_parts(o, p->inner);
	json_w_end(o->b, ']');
	if (p->is_error)
		json_w_kbool(o->b, "is_error", true);
	write_mark(o, p->cache);
	json_w_end(o->b, '}');
	return f;
}

static void
write_call(struct out *o, const struct part *p)
{
	json_w_begin(o->b, '{');
	json_w_kstr(o->b, "type", S("tool_use"));
	json_w_kstr(o->b, "id", codec_tool_id(o->a, p->id, "", 256, o->lost));
	json_w_kstr(o->b, "name", codec_tool_name(o->a, p->name, o->lost));
	json_w_key(o->b, "input");
	json_w_raw(o->b, codec_args(o->a, p));
	write_mark(o, p->cache);
	json_w_end(o->b, '}');
}

/* Only what Anthropic signed comes back to it; unsigned is refused there. */
static void
write_thought(struct out *o, const struct part *p)
{
	if (p->origin != VENDOR_ANTHROPIC || p->opaque.len == 0 ||
	    o->t->vendor != VENDOR_ANTHROPIC) {
		*o->lost |= LOSS_BIT(LOSS_REASONING);
		return;
	}
	json_w_begin(o->b, '{');
	if (p->redacted) {
		json_w_kstr(o->b, "type", S("redacted_thinking"));
		json_w_kstr(o->b, "data", p->opaque);
	} else {
		json_w_kstr(o->b, "type", S("thinking"));
		json_w_kstr(o->b, "thinking", p->text);
		json_w_kstr(o->b, "signature", p->opaque);
	}
	json_w_end(o->b, '}');
}

static enum fault
write_part(struct out *o, const struct part *p)
{
	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL:
		if (p->text.len == 0)
			return FAULT_NONE;
		json_w_begin(o->b, '{');
		json_w_kstr(o->b, "type", S("text"));
		json_w_kstr(o->b, "text", p->text);
		write_mark(o, p->cache);
		json_w_end(o->b, '}');
		return FAULT_NONE;
	case PART_IMAGE:
	case PART_AUDIO:
	case PART_VIDEO:
	case PART_DOCUMENT:
		return write_media(o, p);
	case PART_REASONING:
		write_thought(o, p);
		return FAULT_NONE;
	case PART_TOOL_CALL:
		write_call(o, p);
		return FAULT_NONE;
	case PART_TOOL_RESULT:
		return write_result(o, p);
	}
	return FAULT_NONE;
}

static enum fault
write_parts(struct out *o, const struct part *p)
{
	enum fault f = FAULT_NONE;

	for (; p != NULL && f == FAULT_NONE; p = p->next)
		f = write_part(o, p);
	return f;
}

/* Marks of the system turns go with them. */
static void
write_system(struct out *o, struct conversation *c)
{
	struct turn **at = &c->first, *t;
	bool any = false, spoken = false;
	struct part *late;

	while ((t = *at) != NULL) {
		if (t->speaker != SPEAKER_SYSTEM) {
			spoken = true;
			at = &t->next;
			continue;
		}
		if (spoken) {
			/* In the middle: as the user's, where it stands. */
			*o->lost |= LOSS_BIT(LOSS_SYSTEM_PLACE);
			t->speaker = SPEAKER_USER;
			late = t->first;
			if (late != NULL && late->kind == PART_TEXT)
				late->text = slice_of(
				    arena_fmt(o->a, "<system>%.*s</system>",
					S_FMT(late->text)));
			at = &t->next;
			continue;
		}
		if (!any) {
			json_w_key(o->b, "system");
			json_w_begin(o->b, '[');
		}
		any = true;
		(void)write_parts(o, t->first);
		*at = t->next;
	}
	if (any)
		json_w_end(o->b, ']');
}

static enum fault
write_messages(struct out *o, const struct conversation *c)
{
	const struct turn *t;
	enum fault f = FAULT_NONE;

	json_w_key(o->b, "messages");
	json_w_begin(o->b, '[');
	for (t = c->first; t != NULL && f == FAULT_NONE; t = t->next) {
		json_w_begin(o->b, '{');
		json_w_kstr(o->b, "role",
		    t->speaker == SPEAKER_ASSISTANT ? S("assistant")
						    : S("user"));
		json_w_key(o->b, "content");
		json_w_begin(o->b, '[');
		f = write_parts(o, t->first);
		json_w_end(o->b, ']');
		json_w_end(o->b, '}');
		if (t->name.len > 0)
			*o->lost |= LOSS_BIT(LOSS_NAME);
	}
	json_w_end(o->b, ']');
	return f;
}

static void
write_tools(struct out *o, const struct conversation *c)
{
	const struct tool *t;

	json_w_key(o->b, "tools");
	json_w_begin(o->b, '[');
	for (t = c->tool; t != NULL; t = t->next) {
		if (!codec_allows(c, t)) {
			*o->lost |= LOSS_BIT(LOSS_ALLOWED_TOOLS);
			continue;
		}
		json_w_begin(o->b, '{');
		json_w_kstr(
		    o->b, "name", codec_tool_name(o->a, t->name, o->lost));
		if (t->description.len > 0)
			json_w_kstr(o->b, "description", t->description);
		json_w_key(o->b, "input_schema");
		json_w_raw(o->b, codec_schema(o->a, t, o->lost));
		if (t->strict == 1)
			json_w_kbool(o->b, "strict", true);
		write_mark(o, t->cache);
		json_w_end(o->b, '}');
	}
	json_w_end(o->b, ']');
}

static void
write_choice(struct out *o, const struct conversation *c)
{
	static const char *const types[] = { "auto", "none", "any", "tool" };

	if (!c->choice_said && c->parallel != 0)
		return;
	json_w_key(o->b, "tool_choice");
	json_w_begin(o->b, '{');
	json_w_kstr(o->b, "type",
	    slice_of(types[c->choice_said ? c->choice : CHOICE_AUTO]));
	if (c->choice_said && c->choice == CHOICE_NAMED)
		json_w_kstr(o->b, "name",
		    codec_tool_name(o->a, c->choice_name, o->lost));
	if (c->parallel == 0 && c->choice != CHOICE_NONE)
		json_w_kbool(o->b, "disable_parallel_tool_use", true);
	json_w_end(o->b, '}');
}

/* More than 1 is not taken there. */
static void
write_temperature(struct out *o, const struct conversation *c)
{
	const struct slice t = c->temperature;

	if (t.len == 0)
		return;
	json_w_key(o->b, "temperature");
	if (t.p[0] >= '1' && t.p[0] <= '9' && !slice_eq(t, S("1"))) {
		json_w_raw(o->b, S("1"));
		*o->lost |=
		    slice_eq(t, S("1.0")) ? 0 : LOSS_BIT(LOSS_TEMPERATURE);
	} else {
		json_w_raw(o->b, t);
	}
}

static void
write_thinking_wish(struct out *o, const struct conversation *c, uint64_t limit)
{
	const enum effort e =
	    c->effort == EFFORT_MINIMAL ? EFFORT_LOW : c->effort;
	const bool effort = e != EFFORT_NOT_SAID && e != EFFORT_NONE;

	if (c->thinking_budget >= 1024 && c->thinking_budget < limit) {
		json_w_key(o->b, "thinking");
		json_w_begin(o->b, '{');
		json_w_kstr(o->b, "type", S("enabled"));
		json_w_ku64(o->b, "budget_tokens", c->thinking_budget);
		json_w_end(o->b, '}');
	} else if (effort) {
		json_w_key(o->b, "thinking");
		json_w_raw(o->b, c->wants_reasoning
				     ? S("{\"type\":\"adaptive\",\"display\":"
					 "\"summarized\"}")
				     : S("{\"type\":\"adaptive\"}"));
	}
	if (effort || c->format == FORMAT_SCHEMA) {
		json_w_key(o->b, "output_config");
		json_w_begin(o->b, '{');
		if (effort)
			json_w_kstr(o->b, "effort", slice_of(effort_text(e)));
		if (c->format == FORMAT_SCHEMA) {
			json_w_key(o->b, "format");
			json_w_begin(o->b, '{');
			json_w_kstr(o->b, "type", S("json_schema"));
			json_w_key(o->b, "schema");
			json_w_raw(o->b, c->schema);
			json_w_end(o->b, '}');
		}
		json_w_end(o->b, '}');
	}
	if (c->effort == EFFORT_MINIMAL)
		*o->lost |= LOSS_BIT(LOSS_EFFORT);
	if (c->schema_name.len > 0)
		*o->lost |= LOSS_BIT(LOSS_SCHEMA_NAME);
}

static void
write_losses(struct out *o, const struct conversation *c)
{
	const struct {
		bool said;
		enum loss loss;
	} rows[] = { { c->seed.len > 0, LOSS_SEED },
		{ c->presence_penalty.len + c->frequency_penalty.len > 0,
		    LOSS_PENALTIES },
		{ c->verbosity.len > 0, LOSS_VERBOSITY },
		{ c->metadata.len > 0, LOSS_METADATA },
		{ c->cache_key.len > 0, LOSS_CACHE_KEY },
		{ c->format == FORMAT_JSON, LOSS_FORMAT } };
	size_t i;

	for (i = 0; i < NELEM(rows); i++)
		*o->lost |= rows[i].said ? LOSS_BIT(rows[i].loss) : 0;
}

static void
write_parameters(struct out *o, const struct conversation *c)
{
	const uint64_t limit = codec_limit(c, o->t);
	unsigned i;

	json_w_ku64(o->b, "max_tokens", limit > 0 ? limit : 4096);
	write_temperature(o, c);
	if (c->top_p.len > 0) {
		json_w_key(o->b, "top_p");
		json_w_raw(o->b, c->top_p);
	}
	if (c->top_k.len > 0) {
		json_w_key(o->b, "top_k");
		json_w_raw(o->b, c->top_k);
	}
	if (c->nstop > 0) {
		json_w_key(o->b, "stop_sequences");
		json_w_begin(o->b, '[');
		for (i = 0; i < c->nstop; i++)
			json_w_str(o->b, c->stop[i]);
		json_w_end(o->b, ']');
	}
	write_thinking_wish(o, c, limit);
	if (c->user.len > 0) {
		json_w_key(o->b, "metadata");
		json_w_begin(o->b, '{');
		json_w_kstr(o->b, "user_id", c->user);
		json_w_end(o->b, '}');
	}
	if (c->stream)
		json_w_kbool(o->b, "stream", true);
}

/* A mode without words for it: what it asks for goes into the instructions. */
static void
ask_for_json(struct conversation *c, struct arena *a)
{
	struct turn *t;
	struct part *p;

	if (c->format != FORMAT_JSON)
		return;
	t = ARENA_NEW(a, struct turn);
	t->speaker = SPEAKER_SYSTEM;
	t->next = c->first;
	c->first = t;
	p = part_add(&t->first, a, PART_TEXT);
	p->text = S("Answer with one JSON object and nothing else.");
}

static enum fault
anthropic_encode(struct arena *a, const struct conversation *in,
    const struct target *t, struct buf *out, uint64_t *lost, struct wrong *w)
{
	struct conversation *c = conversation_copy(a, in);
	struct buf b = { 0 };
	struct out o = { &b, a, t, lost, w, 0 };
	enum fault f;

	ask_for_json(c, a);
	json_w_begin(&b, '{');
	json_w_kstr(&b, "model", t->model);
	write_system(&o, c);
	conversation_pair(c, a);
	*lost |= c->lost;
	if (c->tool != NULL) {
		write_tools(&o, c);
		write_choice(&o, c);
	}
	f = write_messages(&o, c);
	write_parameters(&o, c);
	write_losses(&o, c);
	json_w_end(&b, '}');
	if (f == FAULT_NONE)
		buf_add(out, buf_slice(&b));
	buf_fini(&b);
	return f;
}

/* --- a provider's answer ---------------------------------------------------
 */

static enum stop_reason
stop_of(struct slice s)
{
	static const struct {
		const char *text;
		enum stop_reason stop;
	} rows[] = { { "end_turn", STOP_END }, { "max_tokens", STOP_LENGTH },
		{ "stop_sequence", STOP_SEQUENCE }, { "tool_use", STOP_TOOL },
		{ "pause_turn", STOP_PAUSE }, { "refusal", STOP_REFUSAL },
		{ "model_context_window_exceeded", STOP_CONTEXT } };
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		if (slice_eq(s, slice_of(rows[i].text)))
			return rows[i].stop;
	}
	return s.len > 0 ? STOP_END : STOP_NONE;
}

static enum fault
anthropic_read_answer(
    struct arena *a, struct slice body, struct completion *out)
{
	struct conversation nobody = { 0 };
	struct wrong w = { 0 };
	struct tally t = { 0 };
	struct json *top;

	if (json_parse(a, body, &top) != FAULT_NONE ||
	    dialect_anthropic.answer(body, &t) != FAULT_NONE ||
	    read_content(&out->first, a, json_get(top, "content"), &nobody,
		&w) != FAULT_NONE)
		return FAULT_UP_GARBAGE;
	out->id = json_get_str(top, "id");
	out->model = json_get_str(top, "model");
	out->stop = stop_of(json_get_str(top, "stop_reason"));
	out->stop_sequence = json_get_str(top, "stop_sequence");
	out->usage = t.usage;
	out->has_usage = t.has_usage;
	return FAULT_NONE;
}

/* --- a provider's stream ---------------------------------------------------
 */

struct reading {
	struct tally tally;
	bool open, redacted;
};

static struct reading *
reading_of(struct decoding *d)
{
	if (d->mind == NULL)
		d->mind = ARENA_NEW(d->arena, struct reading);
	return d->mind;
}

static void
begin(struct decoding *d, struct reading *r, const struct json *m)
{
	decoding_step(d, &(struct stream_step){ .kind = STEP_START,
			     .id = json_get_str(m, "id"),
			     .model = json_get_str(m, "model"),
			     .usage = r->tally.usage,
			     .has_usage = json_get(m, "usage") != NULL });
}

static void
opaque(struct decoding *d, struct slice text)
{
	if (text.len > 0)
		decoding_step(d, &(struct stream_step){ .kind = STEP_OPAQUE,
				     .text = text,
				     .origin = VENDOR_ANTHROPIC });
}

static void
open_one(struct decoding *d, struct reading *r, const struct json *block)
{
	struct stream_step s = { .kind = STEP_OPEN };
	const struct slice type = json_get_str(block, "type");
	struct slice text = S("");

	if (slice_eq(type, S("tool_use"))) {
		s.block.kind = PART_TOOL_CALL;
		s.block.id = json_get_str(block, "id");
		s.block.name = json_get_str(block, "name");
	} else if (slice_eq(type, S("thinking"))) {
		s.block.kind = PART_REASONING;
		text = json_get_str(block, "thinking");
	} else if (slice_eq(type, S("redacted_thinking"))) {
		s.block.kind = PART_REASONING;
		s.block.redacted = true;
	} else if (slice_eq(type, S("text"))) {
		s.block.kind = PART_TEXT;
		text = json_get_str(block, "text");
	} else {
		return; /* a server tool's: its words come as text */
	}
	r->open = true;
	decoding_step(d, &s);
	if (text.len > 0)
		decoding_step(d,
		    &(struct stream_step){ .kind = STEP_TEXT, .text = text });
	if (s.block.redacted)
		opaque(d, json_get_str(block, "data"));
}

static void
delta(struct decoding *d, const struct reading *r, const struct json *j)
{
	struct stream_step s = { .kind = STEP_TEXT };
	const struct json *c;
	struct citation cite = { 0 };

	if (!r->open)
		return;
	s.text = json_get_str(j, "text");
	if (s.text.len == 0)
		s.text = json_get_str(j, "thinking");
	if (s.text.len == 0) {
		s.kind = STEP_ARGS;
		s.text = json_get_str(j, "partial_json");
	}
	if (s.text.len > 0)
		decoding_step(d, &s);
	opaque(d, json_get_str(j, "signature"));
	c = json_get(j, "citation");
	if (c != NULL) {
		cite.url = json_get_str(c, "url");
		cite.title = json_get_str(c, "title");
		cite.cited = json_get_str(c, "cited_text");
		decoding_step(d, &(struct stream_step){ .kind = STEP_CITATION,
				     .citation = &cite });
	}
}

static void
close_one(struct decoding *d, struct reading *r)
{
	if (r->open)
		decoding_step(d, &(struct stream_step){ .kind = STEP_CLOSE });
	r->open = false;
}

static void
tell_usage(struct decoding *d, const struct reading *r)
{
	decoding_step(d, &(struct stream_step){ .kind = STEP_USAGE,
			     .usage = r->tally.usage,
			     .has_usage = true });
}

static enum fault
anthropic_read_event(struct decoding *d, struct slice name, struct slice data)
{
	struct reading *r = reading_of(d);
	const struct json *delta_of;
	struct slice type;
	struct json *top;

	(void)name;
	if (json_parse(d->scratch, data, &top) != FAULT_NONE)
		return FAULT_UP_GARBAGE;
	(void)dialect_anthropic.event(data, &r->tally);
	type = json_get_str(top, "type");
	if (slice_eq(type, S("message_start"))) {
		begin(d, r, json_get(top, "message"));
	} else if (slice_eq(type, S("content_block_start"))) {
		close_one(d, r);
		open_one(d, r, json_get(top, "content_block"));
	} else if (slice_eq(type, S("content_block_delta"))) {
		delta(d, r, json_get(top, "delta"));
	} else if (slice_eq(type, S("content_block_stop"))) {
		close_one(d, r);
	} else if (slice_eq(type, S("message_delta"))) {
		delta_of = json_get(top, "delta");
		close_one(d, r);
		if (json_get_str(delta_of, "stop_reason").len > 0)
			decoding_stop(d,
			    stop_of(json_get_str(delta_of, "stop_reason")),
			    json_get_str(delta_of, "stop_sequence"));
		tell_usage(d, r);
	} else if (slice_eq(type, S("message_stop"))) {
		close_one(d, r);
		decoding_stop(d, STOP_END, S(""));
		decoding_step(d, &(struct stream_step){ .kind = STEP_END });
	} else if (slice_eq(type, S("error"))) {
		decoding_step(d, &(struct stream_step){ .kind = STEP_ERROR,
				     .fault = FAULT_UP_STATUS,
				     .message = json_get_str(
					 json_get(top, "error"), "message") });
	}
	return FAULT_NONE;
}

static enum fault
anthropic_read_end(struct decoding *d)
{
	if (d->ended)
		return FAULT_NONE;
	if (!d->started || !d->stopped)
		return FAULT_UP_RESET;
	close_one(d, reading_of(d));
	decoding_step(d, &(struct stream_step){ .kind = STEP_END });
	return FAULT_NONE;
}

const struct codec codec_anthropic = {
	.decode = anthropic_decode,
	.write_answer = anthropic_write_answer,
	.write_step = anthropic_write_step,
	.encode = anthropic_encode,
	.read_answer = anthropic_read_answer,
	.read_event = anthropic_read_event,
	.read_end = anthropic_read_end,
};

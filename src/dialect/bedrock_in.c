/*
 * bedrock_in.c - a caller who speaks Converse: his request as a conversation,
 * and what he reads
 *
 * Blocks of text and thought have no start in his stream; usage comes last.
 * What only AWS has (guardrails, prompts, tools of its own) is refused or
 * said to be lost, never dropped in silence.
 */
#include "dialect/bedrock.h"

#include "dialect/codec.h"
#include "dialect/seal.h"
#include "http/eventstream.h"

/* --- the request ------------------------------------------------------------
 */

struct reading {
	struct arena *arena;
	struct conversation *c;
	struct wrong *wrong;
	const struct json *body;
};

static enum fault
wrong(struct reading *r, const char *field, const char *hint)
{
	return codec_wrong(r->wrong, field, hint);
}

static enum cache_mark
mark_of(const struct json *point)
{
	return slice_eq(json_get_str(point, "ttl"), S("1h")) ? CACHE_1H
							     : CACHE_5M;
}

static enum fault
read_system(struct reading *r)
{
	const struct json *list = json_get(r->body, "system"), *k;
	struct parts to = { 0 };
	enum fault f;

	if (list == NULL || list->type == JSON_NULL)
		return FAULT_NONE;
	if (list->type != JSON_ARRAY)
		return wrong(r, "system", "must be a list");
	f = codec_room(r->c, list, r->wrong, "system");
	if (f != FAULT_NONE)
		return f;
	for (k = list->child; k != NULL; k = k->next) {
		if (json_get(k, "cachePoint") != NULL && to.last != NULL) {
			to.last->cache = mark_of(json_get(k, "cachePoint"));
		} else if (json_get_str(k, "text").len > 0) {
			if (to.end == NULL)
				to.end = &conversation_turn(
				    r->c, r->arena, SPEAKER_SYSTEM)
					      ->first;
			part_add(&to, r->arena, PART_TEXT)->text =
			    json_get_str(k, "text");
		} else {
			r->c->lost |= LOSS_BIT(LOSS_GUARDRAIL);
		}
	}
	return FAULT_NONE;
}

static enum fault
read_message(struct reading *r, const struct json *m)
{
	const struct slice role = json_get_str(m, "role");
	const char *hint = NULL;
	struct turn *t;
	enum fault f;

	if (slice_eq(role, S("user")))
		t = conversation_turn(r->c, r->arena, SPEAKER_USER);
	else if (slice_eq(role, S("assistant")))
		t = conversation_turn(r->c, r->arena, SPEAKER_ASSISTANT);
	else if (slice_eq(role, S("system")))
		t = conversation_turn(r->c, r->arena, SPEAKER_SYSTEM);
	else
		return wrong(
		    r, "messages.role", "must be user, assistant or system");
	f = codec_room(
	    r->c, json_get(m, "content"), r->wrong, "messages.content");
	if (f != FAULT_NONE)
		return f;
	if (!bedrock_read_blocks(
		r->arena, json_get(m, "content"), PARTS(&t->first), &hint))
		return wrong(r, "messages.content", hint);
	return FAULT_NONE;
}

static enum fault
read_messages(struct reading *r)
{
	const struct json *list = json_get(r->body, "messages"), *m;
	enum fault f = FAULT_NONE;

	if (list == NULL || list->type != JSON_ARRAY || list->n == 0)
		return wrong(r, "messages", "must be a list of messages");
	f = codec_room(r->c, list, r->wrong, "messages");
	for (m = list->child; m != NULL && f == FAULT_NONE; m = m->next)
		f = read_message(r, m);
	return f;
}

static enum fault
read_tool(struct reading *r, const struct json *spec, struct tool ***at)
{
	struct tool *t = ARENA_NEW(r->arena, struct tool);

	t->name = json_get_str(spec, "name");
	t->description = json_get_str(spec, "description");
	t->schema = codec_raw(
	    r->arena, json_get(json_get(spec, "inputSchema"), "json"));
	t->strict = json_get(spec, "strict") == NULL
			? -1
			: json_get_bool(spec, "strict", false);
	if (t->name.len == 0)
		return wrong(r, "toolConfig.tools.toolSpec.name", "is missing");
	**at = t;
	*at = &t->next;
	return FAULT_NONE;
}

static enum fault
read_choice(struct reading *r, const struct json *choice)
{
	struct conversation *c = r->c;

	if (choice == NULL || choice->type == JSON_NULL)
		return FAULT_NONE;
	c->choice_said = true;
	if (json_get(choice, "any") != NULL)
		c->choice = CHOICE_REQUIRED;
	else if (json_get(choice, "tool") != NULL)
		c->choice = CHOICE_NAMED;
	else if (json_get(choice, "auto") != NULL)
		c->choice = CHOICE_AUTO;
	else
		return wrong(r, "toolConfig.toolChoice",
		    "must have one of auto, any, tool");
	c->choice_name = json_get_str(json_get(choice, "tool"), "name");
	if (c->choice == CHOICE_NAMED && c->choice_name.len == 0)
		return wrong(
		    r, "toolConfig.toolChoice.tool.name", "is missing");
	return FAULT_NONE;
}

static enum fault
read_tools(struct reading *r)
{
	const struct json *config = json_get(r->body, "toolConfig"), *k;
	const struct json *list = json_get(config, "tools");
	struct tool **at = &r->c->tool, *last = NULL;
	enum fault f = FAULT_NONE;

	if (config == NULL || config->type == JSON_NULL)
		return FAULT_NONE;
	if (list == NULL || list->type != JSON_ARRAY)
		return wrong(r, "toolConfig.tools", "must be a list");
	f = codec_tool_room(r->c, list, r->wrong, "toolConfig.tools");
	for (k = list->child; k != NULL && f == FAULT_NONE; k = k->next) {
		if (json_get(k, "toolSpec") != NULL) {
			last = NULL;
			f = read_tool(r, json_get(k, "toolSpec"), &at);
			if (f == FAULT_NONE)
				last = CONTAINER_OF(at, struct tool, next);
		} else if (json_get(k, "cachePoint") != NULL) {
			if (last != NULL)
				last->cache =
				    mark_of(json_get(k, "cachePoint"));
		} else {
			return wrong(r, "toolConfig.tools",
			    "has a tool that AWS hosts, which no other "
			    "provider has");
		}
	}
	return f != FAULT_NONE ? f
			       : read_choice(r, json_get(config, "toolChoice"));
}

static enum fault
read_inference(struct reading *r)
{
	const struct json *config = json_get(r->body, "inferenceConfig"), *k;
	struct conversation *c = r->c;

	if (!codec_u64(config, "maxTokens", &c->max_output))
		return wrong(r, "inferenceConfig.maxTokens",
		    "must be a whole number above zero");
	c->temperature = codec_number(config, "temperature");
	c->top_p = codec_number(config, "topP");
	k = json_get(config, "stopSequences");
	for (k = k != NULL ? k->child : NULL; k != NULL; k = k->next) {
		if (k->type != JSON_STRING)
			return wrong(r, "inferenceConfig.stopSequences",
			    "must be a list of texts");
		if (c->nstop == STOPS_MAX)
			c->lost |= LOSS_BIT(LOSS_STOP);
		else
			c->stop[c->nstop++] = k->text;
	}
	return FAULT_NONE;
}

static enum fault
read_format(struct reading *r, const struct json *format)
{
	const struct json *schema =
	    json_get(json_get(format, "structure"), "jsonSchema");
	struct conversation *c = r->c;
	struct json *tree;

	if (format == NULL)
		return FAULT_NONE;
	c->format = FORMAT_SCHEMA;
	c->schema = json_get_str(schema, "schema");
	c->schema_name = json_get_str(schema, "name");
	c->schema_strict = 1;
	if (json_parse(r->arena, c->schema, &tree) != FAULT_NONE ||
	    tree->type != JSON_OBJECT)
		return wrong(r,
		    "outputConfig.textFormat.structure.jsonSchema.schema",
		    "must be a JSON schema as text");
	return FAULT_NONE;
}

static void
read_thinking(struct reading *r, const struct json *t)
{
	struct conversation *c = r->c;
	const struct slice type = json_get_str(t, "type");

	c->thinking_off = slice_eq(type, S("disabled"));
	(void)codec_u64(t, "budget_tokens", &c->thinking_budget);
	if (slice_eq(type, S("adaptive")) && c->effort == EFFORT_NOT_SAID)
		c->effort = EFFORT_HIGH;
	c->wants_reasoning =
	    !c->thinking_off &&
	    !slice_eq(json_get_str(t, "display"), S("omitted"));
}

/* additionalModelRequestFields: what models take beside Converse. */
static void
read_more(struct reading *r, const struct json *more)
{
	struct conversation *c = r->c;
	const struct json *k;

	for (k = more != NULL ? more->child : NULL; k != NULL; k = k->next) {
		if (slice_eq(k->key, S("thinking")))
			read_thinking(r, k);
		else if (slice_eq(k->key, S("top_k")))
			c->top_k = codec_number(more, "top_k");
		else if (slice_eq(k->key, S("inferenceConfig")))
			c->top_k = codec_number(k, "topK");
		else if (slice_eq(k->key, S("anthropic_beta")))
			c->betas = codec_words(r->arena, k);
		else if (slice_eq(k->key, S("reasoning_effort")))
			c->effort = effort_parse(k->text);
		else if (slice_eq(k->key, S("reasoningConfig")))
			c->effort =
			    effort_parse(json_get_str(k, "maxReasoningEffort"));
		else if (slice_eq(k->key, S("output_config")) &&
			 json_get(k, "effort") != NULL)
			c->effort = effort_parse(json_get_str(k, "effort"));
		else if (slice_eq(k->key, S("tool_choice")) &&
			 json_get_bool(k, "disable_parallel_tool_use", false))
			c->parallel = 0;
		else
			c->lost |= LOSS_BIT(LOSS_EXTRA);
	}
}

/* What Claude takes where Converse has outputConfig. */
static void
read_own_format(struct reading *r, const struct json *more)
{
	const struct json *format =
	    json_get(json_get(more, "output_config"), "format");
	struct slice schema = codec_raw(r->arena, json_get(format, "schema"));

	if (schema.len == 0)
		return;
	r->c->format = FORMAT_SCHEMA;
	r->c->schema = schema;
	r->c->schema_strict = 1;
}

static void
read_rest(struct reading *r)
{
	const struct json *body = r->body;
	struct conversation *c = r->c;
	struct slice tier = json_get_str(json_get(body, "serviceTier"), "type");

	c->tier = slice_eq(tier, S("default")) ? S("standard") : tier;
	c->metadata = codec_raw(r->arena, json_get(body, "requestMetadata"));
	if (json_get(body, "guardrailConfig") != NULL)
		c->lost |= LOSS_BIT(LOSS_GUARDRAIL);
	if (json_get(body, "promptVariables") != NULL ||
	    json_get(body, "performanceConfig") != NULL)
		c->lost |= LOSS_BIT(LOSS_EXTRA);
}

enum fault
bedrock_decode(struct arena *a, struct slice body, struct conversation *out,
    struct wrong *w)
{
	struct reading r = { .arena = a, .c = out, .wrong = w };
	const struct json *config, *more;
	struct json *top;
	enum fault f;

	memset(out, 0, sizeof(*out));
	out->n = 1;
	out->parallel = out->schema_strict = -1;
	out->wants_usage = true;
	f = json_parse(a, body, &top);
	if (f != FAULT_NONE)
		return f;
	if (top->type != JSON_OBJECT)
		return codec_wrong(w, "", "the body must be a JSON object");
	r.body = top;
	f = read_system(&r);
	if (f == FAULT_NONE)
		f = read_messages(&r);
	if (f == FAULT_NONE)
		f = read_tools(&r);
	if (f == FAULT_NONE)
		f = read_inference(&r);
	if (f != FAULT_NONE)
		return f;
	more = json_get(top, "additionalModelRequestFields");
	config = json_get(top, "outputConfig");
	out->effort = effort_parse(json_get_str(config, "effort"));
	read_more(&r, more);
	read_own_format(&r, more);
	read_rest(&r);
	return read_format(&r, json_get(config, "textFormat"));
}

/* --- the answer --------------------------------------------------------------
 */

static void
put_usage(struct buf *b, const struct usage *u)
{
	const uint64_t five = u->cache_write - u->cache_write_1h;
	const uint64_t fresh = u->input - u->cached - u->cache_write;

	json_w_key(b, "usage");
	json_w_begin(b, '{');
	json_w_ku64(b, "inputTokens", fresh);
	json_w_ku64(b, "outputTokens", u->output);
	json_w_ku64(b, "totalTokens", u->input + u->output);
	json_w_ku64(b, "cacheReadInputTokens", u->cached);
	json_w_ku64(b, "cacheWriteInputTokens", u->cache_write);
	if (u->cache_write > 0) {
		json_w_key(b, "cacheDetails");
		json_w_begin(b, '[');
		if (five > 0) {
			json_w_begin(b, '{');
			json_w_kstr(b, "ttl", S("5m"));
			json_w_ku64(b, "inputTokens", five);
			json_w_end(b, '}');
		}
		if (u->cache_write_1h > 0) {
			json_w_begin(b, '{');
			json_w_kstr(b, "ttl", S("1h"));
			json_w_ku64(b, "inputTokens", u->cache_write_1h);
			json_w_end(b, '}');
		}
		json_w_end(b, ']');
	}
	json_w_end(b, '}');
}

static void
put_thought(struct encoding_out *e, struct buf *b, const struct part *p)
{
	const struct slice sealed =
	    seal_write(e->arena, VENDOR_ANTHROPIC, p->origin, p->opaque);

	json_w_begin(b, '{');
	json_w_key(b, "reasoningContent");
	json_w_begin(b, '{');
	if (p->redacted && p->origin == VENDOR_ANTHROPIC) {
		json_w_kstr(b, "redactedContent", p->opaque);
	} else {
		json_w_key(b, "reasoningText");
		json_w_begin(b, '{');
		json_w_kstr(b, "text", p->text);
		if (sealed.len > 0)
			json_w_kstr(b, "signature", sealed);
		json_w_end(b, '}');
	}
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static void
put_citations(struct buf *b, const struct citation *c)
{
	json_w_key(b, "citations");
	json_w_begin(b, '[');
	for (; c != NULL; c = c->next) {
		json_w_begin(b, '{');
		if (c->title.len > 0)
			json_w_kstr(b, "title", c->title);
		if (c->cited.len > 0) {
			json_w_key(b, "sourceContent");
			json_w_begin(b, '[');
			json_w_begin(b, '{');
			json_w_kstr(b, "text", c->cited);
			json_w_end(b, '}');
			json_w_end(b, ']');
		}
		if (c->url.len > 0) {
			json_w_key(b, "location");
			json_w_begin(b, '{');
			json_w_key(b, "web");
			json_w_begin(b, '{');
			json_w_kstr(b, "url", c->url);
			json_w_end(b, '}');
			json_w_end(b, '}');
		}
		json_w_end(b, '}');
	}
	json_w_end(b, ']');
}

static void
put_text(struct buf *b, const struct part *p)
{
	json_w_begin(b, '{');
	if (p->citation == NULL) {
		json_w_kstr(b, "text", p->text);
	} else {
		json_w_key(b, "citationsContent");
		json_w_begin(b, '{');
		json_w_key(b, "content");
		json_w_begin(b, '[');
		json_w_begin(b, '{');
		json_w_kstr(b, "text", p->text);
		json_w_end(b, '}');
		json_w_end(b, ']');
		put_citations(b, p->citation);
		json_w_end(b, '}');
	}
	json_w_end(b, '}');
}

static void
put_call(struct encoding_out *e, struct buf *b, const struct part *p)
{
	json_w_begin(b, '{');
	json_w_key(b, "toolUse");
	json_w_begin(b, '{');
	json_w_kstr(b, "toolUseId", p->id);
	json_w_kstr(b, "name", p->name);
	json_w_key(b, "input");
	json_w_raw(b, codec_args(e->arena, p));
	json_w_end(b, '}');
	json_w_end(b, '}');
}

/* A signature that belongs to a call or a text stands behind it. */
static void
put_loose(struct encoding_out *e, struct buf *b, const struct part *p)
{
	struct part thought = {
		.kind = PART_REASONING, .opaque = p->opaque, .origin = p->origin
	};

	if (p->opaque.len > 0)
		put_thought(e, b, &thought);
}

static void
put_picture(struct buf *b, const struct part *p)
{
	const struct slice format = bedrock_format(p->kind, p->mime);

	if (p->data.len == 0 || format.len == 0)
		return;
	json_w_begin(b, '{');
	json_w_key(b, "image");
	json_w_begin(b, '{');
	json_w_kstr(b, "format", format);
	json_w_key(b, "source");
	json_w_begin(b, '{');
	json_w_kstr(b, "bytes", p->data);
	json_w_end(b, '}');
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static void
put_content(struct encoding_out *e, struct buf *b, const struct part *p)
{
	json_w_key(b, "content");
	json_w_begin(b, '[');
	for (; p != NULL; p = p->next) {
		switch (p->kind) {
		case PART_TEXT:
		case PART_REFUSAL:
			put_text(b, p);
			put_loose(e, b, p);
			break;
		case PART_REASONING:
			put_thought(e, b, p);
			break;
		case PART_TOOL_CALL:
			put_call(e, b, p);
			put_loose(e, b, p);
			break;
		case PART_IMAGE:
			put_picture(b, p);
			break;
		case PART_AUDIO:
		case PART_VIDEO:
		case PART_DOCUMENT:
		case PART_TOOL_RESULT:
			break;
		}
	}
	json_w_end(b, ']');
}

static void
put_stop_sequence(struct buf *b, struct slice sequence)
{
	if (sequence.len == 0)
		return;
	json_w_key(b, "additionalModelResponseFields");
	json_w_begin(b, '{');
	json_w_kstr(b, "stop_sequence", sequence);
	json_w_end(b, '}');
}

void
bedrock_write_answer(
    const struct completion *in, struct encoding_out *e, struct buf *out)
{
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_key(&b, "output");
	json_w_begin(&b, '{');
	json_w_key(&b, "message");
	json_w_begin(&b, '{');
	json_w_kstr(&b, "role", S("assistant"));
	put_content(e, &b, in->first);
	json_w_end(&b, '}');
	json_w_end(&b, '}');
	json_w_kstr(&b, "stopReason", bedrock_stop_text(in->stop));
	put_usage(&b, &in->usage);
	json_w_key(&b, "metrics");
	json_w_raw(&b, S("{\"latencyMs\":0}"));
	put_stop_sequence(&b, in->stop_sequence);
	json_w_end(&b, '}');
	buf_add(out, buf_slice(&b));
	buf_fini(&b);
}

/* --- the stream --------------------------------------------------------------
 */

struct mind {
	enum part_kind kind; /* of the open block */
	bool redacted;
	bool started, stopped;
	bool said;     /* anything of the open block */
	int64_t index; /* of the open block, or the next */
	struct usage usage;
	/* Of another vendor, for what is no thought: told behind the block. */
	struct slice loose;
	enum vendor origin;
};

static struct mind *
mind_of(struct encoding_out *e)
{
	if (e->mind == NULL)
		e->mind = ARENA_NEW(e->arena, struct mind);
	return e->mind;
}

/* json is an object that wants its end. */
static void
say(struct buf *out, struct slice event, struct buf *json)
{
	json_w_end(json, '}');
	eventstream_event(out, event, buf_slice(json));
	buf_fini(json);
}

static void
delta_open(struct buf *b)
{
	json_w_begin(b, '{');
	json_w_key(b, "delta");
	json_w_begin(b, '{');
}

static void
delta_close(struct mind *m, struct buf *out, struct buf *b)
{
	json_w_end(b, '}');
	json_w_ki64(b, "contentBlockIndex", m->index);
	m->said = true;
	say(out, S("contentBlockDelta"), b);
}

static void
start(struct mind *m, struct buf *out)
{
	struct buf b = { 0 };

	if (m->started)
		return;
	m->started = true;
	json_w_begin(&b, '{');
	json_w_kstr(&b, "role", S("assistant"));
	say(out, S("messageStart"), &b);
}

static void
open_block(struct mind *m, struct buf *out, const struct part *block)
{
	struct buf b = { 0 };

	m->kind = block->kind;
	m->redacted = block->redacted;
	m->loose = S("");
	m->said = block->kind == PART_TOOL_CALL;
	if (!m->said)
		return;
	json_w_begin(&b, '{');
	json_w_key(&b, "start");
	json_w_begin(&b, '{');
	json_w_key(&b, "toolUse");
	json_w_begin(&b, '{');
	json_w_kstr(&b, "toolUseId", block->id);
	json_w_kstr(&b, "name", block->name);
	json_w_end(&b, '}');
	json_w_end(&b, '}');
	json_w_ki64(&b, "contentBlockIndex", m->index);
	say(out, S("contentBlockStart"), &b);
}

static void
thought_delta(
    struct mind *m, struct buf *out, const char *key, struct slice text)
{
	struct buf b = { 0 };

	delta_open(&b);
	json_w_key(&b, "reasoningContent");
	json_w_begin(&b, '{');
	json_w_kstr(&b, key, text);
	json_w_end(&b, '}');
	delta_close(m, out, &b);
}

static void
text_delta(struct mind *m, struct buf *out, struct slice text)
{
	struct buf b = { 0 };

	if (text.len == 0)
		return;
	if (m->kind == PART_REASONING) {
		thought_delta(m, out, "text", text);
		return;
	}
	delta_open(&b);
	json_w_kstr(&b, "text", text);
	delta_close(m, out, &b);
}

static void
args_delta(struct mind *m, struct buf *out, struct slice text)
{
	struct buf b = { 0 };

	if (text.len == 0)
		return;
	delta_open(&b);
	json_w_key(&b, "toolUse");
	json_w_begin(&b, '{');
	json_w_kstr(&b, "input", text);
	json_w_end(&b, '}');
	delta_close(m, out, &b);
}

static void
opaque(struct encoding_out *e, struct buf *out, const struct stream_step *s)
{
	struct mind *m = e->mind;

	if (m->kind != PART_REASONING) {
		m->loose = arena_copy(e->arena, s->text);
		m->origin = s->origin;
	} else if (m->redacted && s->origin == VENDOR_ANTHROPIC) {
		thought_delta(m, out, "redactedContent", s->text);
	} else {
		thought_delta(m, out, "signature",
		    seal_write(e->arena, VENDOR_ANTHROPIC, s->origin, s->text));
	}
}

static void
citation(struct mind *m, struct buf *out, const struct citation *c)
{
	struct buf b = { 0 };

	delta_open(&b);
	json_w_key(&b, "citation");
	json_w_begin(&b, '{');
	if (c->title.len > 0)
		json_w_kstr(&b, "title", c->title);
	if (c->url.len > 0) {
		json_w_key(&b, "location");
		json_w_begin(&b, '{');
		json_w_key(&b, "web");
		json_w_begin(&b, '{');
		json_w_kstr(&b, "url", c->url);
		json_w_end(&b, '}');
		json_w_end(&b, '}');
	}
	json_w_end(&b, '}');
	delta_close(m, out, &b);
}

/* A block of which nothing came was never there. */
static void
block_stop(struct mind *m, struct buf *out)
{
	struct buf b = { 0 };

	if (!m->said)
		return;
	json_w_begin(&b, '{');
	json_w_ki64(&b, "contentBlockIndex", m->index++);
	say(out, S("contentBlockStop"), &b);
}

static void
close_block(struct encoding_out *e, struct buf *out)
{
	struct mind *m = e->mind;

	block_stop(m, out);
	if (m->loose.len == 0)
		return;
	m->kind = PART_REASONING;
	thought_delta(m, out, "signature",
	    seal_write(e->arena, VENDOR_ANTHROPIC, m->origin, m->loose));
	m->loose = S("");
	block_stop(m, out);
}

static void
stop(struct mind *m, struct buf *out, enum stop_reason why,
    struct slice sequence)
{
	struct buf b = { 0 };

	if (m->stopped)
		return;
	m->stopped = true;
	json_w_begin(&b, '{');
	json_w_kstr(&b, "stopReason", bedrock_stop_text(why));
	put_stop_sequence(&b, sequence);
	say(out, S("messageStop"), &b);
}

static void
end(struct mind *m, struct buf *out)
{
	struct buf b = { 0 };

	stop(m, out, STOP_END, S(""));
	json_w_begin(&b, '{');
	put_usage(&b, &m->usage);
	json_w_key(&b, "metrics");
	json_w_raw(&b, S("{\"latencyMs\":0}"));
	say(out, S("metadata"), &b);
}

void
bedrock_write_error(struct buf *out, struct slice message)
{
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_kstr(&b, "message", message);
	json_w_end(&b, '}');
	eventstream_exception(
	    out, S("modelStreamErrorException"), buf_slice(&b));
	buf_fini(&b);
}

void
bedrock_write_step(
    const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	struct mind *m = mind_of(e);

	if (s->kind != STEP_ERROR)
		start(m, out);
	if (s->has_usage)
		m->usage = s->usage;
	switch (s->kind) {
	case STEP_START:
	case STEP_USAGE:
		break;
	case STEP_OPEN:
		open_block(m, out, &s->block);
		break;
	case STEP_TEXT:
		text_delta(m, out, s->text);
		break;
	case STEP_ARGS:
		args_delta(m, out, s->text);
		break;
	case STEP_OPAQUE:
		opaque(e, out, s);
		break;
	case STEP_CITATION:
		citation(m, out, s->citation);
		break;
	case STEP_CLOSE:
		close_block(e, out);
		break;
	case STEP_STOP:
		stop(m, out, s->stop, s->stop_sequence);
		break;
	case STEP_END:
		end(m, out);
		break;
	case STEP_ERROR:
		bedrock_write_error(out, s->message);
		break;
	}
}

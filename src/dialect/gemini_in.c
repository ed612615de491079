/*
 * gemini_in.c - what a caller of Gemini asks, and an answer for him
 *
 * Both spellings of a field are read, and a lone message for a list of one.
 * Calls may have no ids: they pair by their order then, and get names of
 * ours.  Arguments of a call are an object there, so a stream's are gathered
 * until they are whole; its last chunk has why it ended and what it cost.
 */
#include "dialect/gemini_codec.h"

#include "base/json.h"
#include "dialect/codec.h"
#include "dialect/proto.h"
#include "dialect/seal.h"

struct reading {
	struct arena *arena;
	struct conversation *c;
	struct wrong *w;
	unsigned calls, results; /* without ids, so far */
	struct rope thought;     /* the last one's text */
};

static void
lose(struct reading *r, enum loss l)
{
	r->c->lost |= LOSS_BIT(l);
}

/* --- contents ------------------------------------------------------------ */

static struct slice
numbered(struct reading *r, unsigned n)
{
	return slice_of(arena_fmt(r->arena, "call_%u", n));
}

static void
take_opaque(struct reading *r, struct part *p, const struct json *j)
{
	p->opaque = seal_read(r->arena, VENDOR_GOOGLE,
	    proto_str(j, "thoughtSignature"), &p->origin);
}

static enum part_kind
kind_of(struct slice mime)
{
	if (slice_starts(mime, S("image/")))
		return PART_IMAGE;
	if (slice_starts(mime, S("audio/")))
		return PART_AUDIO;
	return slice_starts(mime, S("video/")) ? PART_VIDEO : PART_DOCUMENT;
}

static void
read_media(
    struct reading *r, struct parts *list, const struct json *j, bool data)
{
	const struct slice mime = proto_str(j, "mimeType");
	struct part *p = part_add(list, r->arena, kind_of(mime));

	p->mime = mime;
	p->filename = proto_str(j, "displayName");
	if (data)
		p->data = seal_standard(r->arena, proto_str(j, "data"));
	else
		p->url = proto_str(j, "fileUri");
}

static void
read_call(struct reading *r, struct parts *list, const struct json *part,
    const struct json *j)
{
	struct part *p = part_add(list, r->arena, PART_TOOL_CALL);

	p->id = proto_str(j, "id");
	if (p->id.len == 0)
		p->id = numbered(r, r->calls++);
	p->name = proto_str(j, "name");
	p->args = codec_raw(r->arena, proto_get(j, "args"));
	if (p->args.len == 0)
		p->args = S("{}");
	take_opaque(r, p, part);
}

/* {"output": text} and {"error": text} are Google's words for a text. */
static struct slice
response_text(struct reading *r, const struct json *j, bool *is_error)
{
	const struct json *only =
	    j != NULL && j->n == 1 && j->child->type == JSON_STRING ? j->child
								    : NULL;

	*is_error = only != NULL && slice_eq(only->key, S("error"));
	if (only != NULL && (*is_error || slice_eq(only->key, S("output"))))
		return only->text;
	return codec_raw(r->arena, j);
}

static void
read_result(struct reading *r, struct parts *list, const struct json *j)
{
	struct part *p = part_add(list, r->arena, PART_TOOL_RESULT);
	struct parts inner = { .end = &p->inner };
	const struct json *k;

	p->id = proto_str(j, "id");
	if (p->id.len == 0)
		p->id = numbered(r, r->results++);
	p->name = proto_str(j, "name");
	codec_add_text(&inner, r->arena,
	    response_text(r, proto_get(j, "response"), &p->is_error));
	for (k = proto_first(j, "parts"); k != NULL; k = proto_next(k)) {
		if (proto_get(k, "inlineData") != NULL)
			read_media(r, &inner, proto_get(k, "inlineData"), true);
		else if (proto_get(k, "fileData") != NULL)
			read_media(r, &inner, proto_get(k, "fileData"), false);
	}
}

/* The last part, where it is a thought whose signature has not come yet. */
static struct part *
open_thought(struct part *p)
{
	return p != NULL && p->kind == PART_REASONING && p->opaque.len == 0
		   ? p
		   : NULL;
}

/* A stream's thought comes in pieces, which clients send back as they came. */
static void
read_text(struct reading *r, struct parts *list, const struct json *j)
{
	const struct slice text = proto_str(j, "text");
	const bool thought = proto_bool(j, "thought");
	struct part *p = thought ? open_thought(list->last) : NULL;

	if (text.len == 0 && proto_str(j, "thoughtSignature").len == 0)
		return;
	if (p == NULL) {
		p = part_add(
		    list, r->arena, thought ? PART_REASONING : PART_TEXT);
		p->text = text;
		r->thought = (struct rope){ 0 };
	} else {
		if (r->thought.len == 0)
			rope_add(&r->thought, r->arena, p->text);
		rope_add(&r->thought, r->arena, text);
		p->text = rope_text(&r->thought);
	}
	take_opaque(r, p, j);
}

static void
read_part(struct reading *r, struct parts *list, const struct json *j)
{
	if (proto_get(j, "functionCall") != NULL)
		read_call(r, list, j, proto_get(j, "functionCall"));
	else if (proto_get(j, "functionResponse") != NULL)
		read_result(r, list, proto_get(j, "functionResponse"));
	else if (proto_get(j, "inlineData") != NULL)
		read_media(r, list, proto_get(j, "inlineData"), true);
	else if (proto_get(j, "fileData") != NULL)
		read_media(r, list, proto_get(j, "fileData"), false);
	else if (proto_get(j, "text") != NULL)
		read_text(r, list, j);
	else
		lose(r, LOSS_EXTRA);
}

static enum fault
read_parts(struct reading *r, struct part **first, const struct json *content,
    const char *field)
{
	const struct json *p = proto_first(content, "parts");
	struct parts to = { .end = first };
	const enum fault f =
	    codec_room(r->c, proto_get(content, "parts"), r->w, field);

	for (; p != NULL && f == FAULT_NONE; p = proto_next(p))
		read_part(r, &to, p);
	return f;
}

static enum fault
read_contents(struct reading *r, const struct json *top)
{
	const struct json *c = proto_first(top, "contents");
	struct slice role;
	struct turn *t;
	enum fault f;

	if (c == NULL)
		return codec_wrong(r->w, "contents", "is missing");
	f = codec_room(r->c, proto_get(top, "contents"), r->w, "contents");
	for (; c != NULL && f == FAULT_NONE; c = proto_next(c)) {
		role = proto_str(c, "role");
		if (role.len > 0 && !slice_eq(role, S("user")) &&
		    !slice_eq(role, S("model")) &&
		    !slice_eq(role, S("function")))
			return codec_wrong(
			    r->w, "contents.role", "must be user or model");
		t = conversation_turn(r->c, r->arena,
		    slice_eq(role, S("model")) ? SPEAKER_ASSISTANT
					       : SPEAKER_USER);
		f = read_parts(r, &t->first, c, "contents.parts");
	}
	return f;
}

static enum fault
read_system(struct reading *r, const struct json *top)
{
	const struct json *said = proto_get(top, "systemInstruction");

	if (proto_first(said, "parts") == NULL)
		return FAULT_NONE;
	return read_parts(r,
	    &conversation_turn(r->c, r->arena, SPEAKER_SYSTEM)->first, said,
	    "systemInstruction");
}

/* --- schemas ------------------------------------------------------------- */

static void
put_lower(struct buf *b, struct slice word)
{
	size_t i;

	buf_char(b, '"');
	for (i = 0; i < word.len; i++)
		buf_char(b, word.p[i] >= 'A' && word.p[i] <= 'Z'
				? (char)(word.p[i] | 0x20)
				: word.p[i]);
	buf_char(b, '"');
}

static void
put_type(struct buf *b, const struct json *schema, const struct json *type)
{
	const bool maybe = proto_bool(schema, "nullable");

	json_w_key(b, "type");
	if (maybe)
		buf_char(b, '[');
	put_lower(b, type->text);
	if (maybe)
		buf_str(b, ",\"null\"]");
}

static void put_schema(struct buf *b, const struct json *j);

static void
put_members(struct buf *b, const struct json *j, bool of_schemas)
{
	const struct json *k;

	json_w_begin(b, j->type == JSON_ARRAY ? '[' : '{');
	for (k = j->child; k != NULL; k = k->next) {
		if (j->type == JSON_OBJECT) {
			json_w_str(b, k->key);
			buf_char(b, ':');
		}
		if (of_schemas)
			put_schema(b, k);
		else
			json_w_tree(b, k);
	}
	json_w_end(b, j->type == JSON_ARRAY ? ']' : '}');
}

/* Whole numbers of a proto stand in quotes now and then. */
static void
put_keyword(struct buf *b, const struct json *k)
{
	static const char *const names[] = { "maxItems", "minItems",
		"minProperties", "maxProperties", "minLength", "maxLength" };
	int64_t v;
	size_t i;

	for (i = 0; i < NELEM(names); i++) {
		if (proto_is(k->key, names[i]) && json_i64(k->text, &v)) {
			json_w_ki64(b, names[i], v);
			return;
		}
	}
	json_w_str(b, k->key);
	buf_char(b, ':');
	json_w_tree(b, k);
}

/* Google's subset of OpenAPI as JSON Schema; the parser bounds the depth. */
static void
put_schema(struct buf *b, const struct json *j)
{
	const struct json *k;

	if (j->type != JSON_OBJECT) {
		json_w_tree(b, j);
		return;
	}
	json_w_begin(b, '{');
	for (k = j->child; k != NULL; k = k->next) {
		if (proto_is(k->key, "type") && k->type == JSON_STRING) {
			put_type(b, j, k);
		} else if (proto_is(k->key, "properties")) {
			json_w_key(b, "properties");
			put_members(b, k, true);
		} else if (proto_is(k->key, "items")) {
			json_w_key(b, "items");
			put_schema(b, k);
		} else if (proto_is(k->key, "anyOf")) {
			json_w_key(b, "anyOf");
			put_members(b, k, true);
		} else if (!proto_is(k->key, "nullable") &&
			   !proto_is(k->key, "propertyOrdering") &&
			   !proto_is(k->key, "example")) {
			put_keyword(b, k);
		}
	}
	json_w_end(b, '}');
}

static struct slice
schema_of(struct reading *r, const struct json *j, const char *plain,
    const char *google)
{
	const struct json *s = proto_get(j, plain);
	struct buf b = { 0 };
	struct slice out;

	if (s != NULL)
		return codec_raw(r->arena, s);
	s = proto_get(j, google);
	if (s == NULL)
		return S("");
	put_schema(&b, s);
	out = arena_copy(r->arena, buf_slice(&b));
	buf_fini(&b);
	return out;
}

/* --- tools --------------------------------------------------------------- */

static enum fault
read_declarations(struct reading *r, struct tool ***at, const struct json *list)
{
	const struct json *d = proto_first(list, "functionDeclarations");
	struct tool *t;
	enum fault f = codec_tool_room(
	    r->c, proto_get(list, "functionDeclarations"), r->w, "tools");

	for (; d != NULL && f == FAULT_NONE; d = proto_next(d)) {
		t = ARENA_NEW(r->arena, struct tool);
		t->name = proto_str(d, "name");
		t->description = proto_str(d, "description");
		t->strict = -1;
		t->schema =
		    schema_of(r, d, "parametersJsonSchema", "parameters");
		if (t->name.len == 0)
			return codec_wrong(
			    r->w, "tools", "a function needs a name");
		**at = t;
		*at = &t->next;
	}
	return f;
}

static enum fault
read_tools(struct reading *r, const struct json *top)
{
	const struct json *t = proto_first(top, "tools"), *k;
	struct tool **at = &r->c->tool;
	enum fault f;

	for (; t != NULL; t = proto_next(t)) {
		for (k = t->child; k != NULL; k = k->next) {
			if (k->type != JSON_NULL &&
			    !proto_is(k->key, "functionDeclarations"))
				return codec_wrong(r->w, "tools",
				    "has a tool that Google runs itself; the "
				    "provider that serves this model cannot");
		}
		f = read_declarations(r, &at, t);
		if (f != FAULT_NONE)
			return f;
	}
	return FAULT_NONE;
}

static enum fault
read_choice(struct reading *r, const struct json *top)
{
	const struct json *k =
	    proto_get(proto_get(top, "toolConfig"), "functionCallingConfig");
	const struct json *names = proto_get(k, "allowedFunctionNames");
	const struct slice mode = proto_str(k, "mode");
	struct conversation *c = r->c;
	enum fault f;

	if (k == NULL)
		return FAULT_NONE;
	c->choice_said = mode.len > 0;
	if (slice_eq(mode, S("NONE")))
		c->choice = CHOICE_NONE;
	else if (slice_eq(mode, S("ANY")))
		c->choice = CHOICE_REQUIRED;
	if (slice_eq(mode, S("VALIDATED")))
		lose(r, LOSS_STRICT);
	if (names == NULL || names->type != JSON_ARRAY || names->n == 0)
		return FAULT_NONE;
	if (names->n == 1 && c->choice == CHOICE_REQUIRED) {
		c->choice = CHOICE_NAMED;
		c->choice_name = names->child->text;
		return FAULT_NONE;
	}
	f = codec_tool_room(c, names, r->w, "toolConfig");
	if (f != FAULT_NONE)
		return f;
	c->allowed = ARENA_ARRAY(r->arena, struct slice, names->n);
	for (k = names->child; k != NULL; k = k->next)
		c->allowed[c->nallowed++] = k->text;
	return FAULT_NONE;
}

/* --- configuration ------------------------------------------------------- */

static struct slice
number(const struct json *gen, const char *name)
{
	const struct json *j = proto_get(gen, name);

	return j != NULL && (j->type == JSON_NUMBER || j->type == JSON_STRING)
		   ? j->text
		   : S("");
}

static void
read_thinking(struct reading *r, const struct json *gen)
{
	static const struct {
		const char *level;
		enum effort effort;
	} row[] = { { "MINIMAL", EFFORT_MINIMAL }, { "LOW", EFFORT_LOW },
		{ "MEDIUM", EFFORT_MEDIUM }, { "HIGH", EFFORT_HIGH } };
	const struct json *t = proto_get(gen, "thinkingConfig");
	const struct slice level = proto_str(t, "thinkingLevel");
	int64_t budget;
	size_t i;

	r->c->wants_reasoning = proto_bool(t, "includeThoughts");
	for (i = 0; i < NELEM(row); i++) {
		if (slice_ieq(level, slice_of(row[i].level)))
			r->c->effort = row[i].effort;
	}
	if (!proto_i64(t, "thinkingBudget", &budget))
		return;
	r->c->thinking_off = budget == 0;
	if (budget > 0)
		r->c->thinking_budget = (uint64_t)budget;
}

static void
read_format(struct reading *r, const struct json *gen)
{
	struct conversation *c = r->c;

	c->schema_strict = -1;
	if (!slice_eq(
		proto_str(gen, "responseMimeType"), S("application/json")))
		return;
	c->schema = schema_of(r, gen, "responseJsonSchema", "responseSchema");
	c->format = c->schema.len > 0 ? FORMAT_SCHEMA : FORMAT_JSON;
}

static enum fault
read_stops(struct reading *r, const struct json *gen)
{
	const struct json *k = proto_get(gen, "stopSequences");

	if (k == NULL)
		return FAULT_NONE;
	if (k->type != JSON_ARRAY || k->n > STOPS_MAX)
		return codec_wrong(r->w, "generationConfig.stopSequences",
		    "must be a list of at most 16 texts");
	for (k = k->child; k != NULL; k = k->next)
		r->c->stop[r->c->nstop++] = k->text;
	return FAULT_NONE;
}

/* What only Google's own models have. */
static enum fault
refuse_media(struct reading *r, const struct json *gen)
{
	const struct json *k = proto_get(gen, "responseModalities");

	for (k = k != NULL ? k->child : NULL; k != NULL; k = k->next) {
		if (!slice_ieq(k->text, S("TEXT")))
			return codec_wrong(r->w,
			    "generationConfig.responseModalities",
			    "has one that the provider that serves this model "
			    "cannot answer in");
	}
	if (proto_get(gen, "speechConfig") != NULL)
		return codec_wrong(r->w, "generationConfig.speechConfig",
		    "cannot be answered by the provider that serves this "
		    "model");
	return FAULT_NONE;
}

static enum fault
read_config(struct reading *r, const struct json *top)
{
	const struct json *gen = proto_get(top, "generationConfig");
	struct conversation *c = r->c;
	int64_t v;
	enum fault f;

	if (proto_i64(gen, "maxOutputTokens", &v) && v > 0)
		c->max_output = (uint64_t)v;
	if (proto_i64(gen, "candidateCount", &v) && v > 1) {
		c->n = (uint64_t)v;
		lose(r, LOSS_N);
	}
	c->temperature = number(gen, "temperature");
	c->top_p = number(gen, "topP");
	c->top_k = number(gen, "topK");
	c->seed = number(gen, "seed");
	c->presence_penalty = number(gen, "presencePenalty");
	c->frequency_penalty = number(gen, "frequencyPenalty");
	if (proto_bool(gen, "responseLogprobs"))
		lose(r, LOSS_LOGPROBS);
	read_thinking(r, gen);
	read_format(r, gen);
	f = read_stops(r, gen);
	return f != FAULT_NONE ? f : refuse_media(r, gen);
}

static void
read_rest(struct reading *r, const struct json *top)
{
	static const char *const known[] = { "contents", "systemInstruction",
		"tools", "toolConfig", "generationConfig", "safetySettings",
		"labels", "serviceTier", "model", "store" };
	const struct json *k;
	size_t i;

	if (proto_get(top, "safetySettings") != NULL)
		lose(r, LOSS_SAFETY);
	r->c->metadata = codec_raw(r->arena, proto_get(top, "labels"));
	r->c->tier = dialect_gemini.tier(proto_str(top, "serviceTier"), S(""));
	for (k = top->child; k != NULL; k = k->next) {
		for (i = 0; i < NELEM(known) && !proto_is(k->key, known[i]);
		     i++)
			;
		if (i == NELEM(known))
			lose(r, LOSS_EXTRA);
	}
}

enum fault
gemini_decode(
    struct arena *a, struct slice body, struct conversation *c, struct wrong *w)
{
	struct reading r = { .arena = a, .c = c, .w = w };
	struct json *top;
	enum fault f = json_parse(a, body, &top);

	if (f != FAULT_NONE)
		return f;
	if (top->type != JSON_OBJECT)
		return codec_wrong(w, "", "the body must be a JSON object");
	if (proto_get(top, "cachedContent") != NULL)
		return codec_wrong(w, "cachedContent",
		    "is kept at Google; the provider that serves this model "
		    "does not have it");
	c->n = 1;
	c->parallel = -1;
	/* Google always says what it counted. */
	c->wants_usage = true;
	f = read_system(&r, top);
	if (f == FAULT_NONE)
		f = read_contents(&r, top);
	if (f == FAULT_NONE)
		f = read_tools(&r, top);
	if (f == FAULT_NONE)
		f = read_choice(&r, top);
	if (f != FAULT_NONE)
		return f;
	read_rest(&r, top);
	return read_config(&r, top);
}

/* --- answers ------------------------------------------------------------- */

static const char *
reason_of(enum stop_reason stop)
{
	switch (stop) {
	case STOP_LENGTH:
	case STOP_CONTEXT:
		return "MAX_TOKENS";
	case STOP_FILTER:
	case STOP_REFUSAL:
		return "SAFETY";
	case STOP_BAD_TOOL:
		return "MALFORMED_FUNCTION_CALL";
	case STOP_NONE:
	case STOP_END:
	case STOP_SEQUENCE:
	case STOP_TOOL:
	case STOP_PAUSE:
		break;
	}
	return "STOP";
}

static void
put_usage(struct buf *b, const struct usage *u)
{
	json_w_key(b, "usageMetadata");
	json_w_begin(b, '{');
	json_w_ku64(b, "promptTokenCount", u->input);
	if (u->output > u->reasoning)
		json_w_ku64(
		    b, "candidatesTokenCount", u->output - u->reasoning);
	json_w_ku64(b, "totalTokenCount", u->input + u->output);
	if (u->cached > 0)
		json_w_ku64(b, "cachedContentTokenCount", u->cached);
	if (u->reasoning > 0)
		json_w_ku64(b, "thoughtsTokenCount", u->reasoning);
	json_w_end(b, '}');
}

static void
put_signature(struct buf *b, struct arena *a, const struct part *p)
{
	if (p->opaque.len > 0)
		json_w_kstr(b, "thoughtSignature",
		    seal_write(a, VENDOR_GOOGLE, p->origin, p->opaque));
}

static void
put_call(struct buf *b, struct arena *a, const struct part *p)
{
	json_w_begin(b, '{');
	json_w_key(b, "functionCall");
	json_w_begin(b, '{');
	if (p->id.len > 0)
		json_w_kstr(b, "id", p->id);
	json_w_kstr(b, "name", p->name);
	json_w_key(b, "args");
	json_w_raw(b, codec_args(a, p));
	json_w_end(b, '}');
	put_signature(b, a, p);
	json_w_end(b, '}');
}

static void
put_text(struct buf *b, struct arena *a, const struct part *p)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "text", p->text);
	if (p->kind == PART_REASONING)
		json_w_kbool(b, "thought", true);
	put_signature(b, a, p);
	json_w_end(b, '}');
}

static void
put_media(struct buf *b, const struct part *p)
{
	json_w_begin(b, '{');
	json_w_key(b, "inlineData");
	json_w_begin(b, '{');
	json_w_kstr(b, "mimeType", p->mime);
	json_w_kstr(b, "data", p->data);
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static void
put_part(struct buf *b, struct arena *a, const struct part *p)
{
	if (p->kind == PART_TOOL_CALL)
		put_call(b, a, p);
	else if (p->data.len > 0)
		put_media(b, p);
	else if (p->kind == PART_TEXT || p->kind == PART_REFUSAL ||
		 p->kind == PART_REASONING)
		put_text(b, a, p);
}

static void
open_answer(struct buf *b)
{
	json_w_begin(b, '{');
	json_w_key(b, "candidates");
	json_w_begin(b, '[');
	json_w_begin(b, '{');
	json_w_key(b, "content");
	json_w_begin(b, '{');
	json_w_key(b, "parts");
	json_w_begin(b, '[');
}

static void
close_answer(struct buf *b, const struct encoding_out *e, const char *reason,
    const struct usage *u)
{
	json_w_end(b, ']');
	json_w_kstr(b, "role", S("model"));
	json_w_end(b, '}');
	if (reason != NULL)
		json_w_kstr(b, "finishReason", slice_of(reason));
	json_w_ki64(b, "index", 0);
	json_w_end(b, '}');
	json_w_end(b, ']');
	if (u != NULL)
		put_usage(b, u);
	json_w_kstr(b, "modelVersion", e->model);
	json_w_kstr(b, "responseId", codec_id(e->arena, "", e->id));
	json_w_end(b, '}');
}

void
gemini_write_answer(
    const struct completion *in, struct encoding_out *e, struct buf *out)
{
	const struct part *p;
	struct buf b = { 0 };

	open_answer(&b);
	for (p = in->first; p != NULL; p = p->next)
		put_part(&b, e->arena, p);
	close_answer(
	    &b, e, reason_of(in->stop), in->has_usage ? &in->usage : NULL);
	buf_add(out, buf_slice(&b));
	buf_fini(&b);
}

/* --- streams ------------------------------------------------------------- */

/* What hangs on a stream between two steps. */
struct telling {
	struct part block;
	char *args; /* so far; in the arena, doubled as it grows */
	size_t len, cap;
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
frame(struct buf *b, struct buf *out)
{
	buf_str(out, "data: ");
	buf_add(out, buf_slice(b));
	buf_str(out, "\r\n\r\n");
	buf_fini(b);
}

static void
tell_part(struct encoding_out *e, const struct part *p, struct buf *out)
{
	struct buf b = { 0 };

	open_answer(&b);
	put_part(&b, e->arena, p);
	close_answer(&b, e, NULL, NULL);
	frame(&b, out);
}

static void
add_args(struct encoding_out *e, struct slice more)
{
	struct telling *t = telling(e);
	char *p;

	if (t->len + more.len > t->cap) {
		t->cap = 2 * (t->len + more.len) + 64;
		p = arena_new(e->arena, t->cap);
		if (t->len > 0)
			memcpy(p, t->args, t->len);
		t->args = p;
	}
	if (more.len > 0)
		memcpy(t->args + t->len, more.p, more.len);
	t->len += more.len;
}

static void
tell_open(struct encoding_out *e, const struct stream_step *s, struct buf *out)
{
	struct telling *t = telling(e);

	t->block = s->block;
	t->block.id = arena_copy(e->arena, s->block.id);
	t->block.name = arena_copy(e->arena, s->block.name);
	t->block.opaque = S("");
	t->len = 0;
	if (t->block.data.len > 0)
		tell_part(e, &t->block, out);
}

static void
tell_text(struct encoding_out *e, struct slice text, struct buf *out)
{
	struct part p = { .kind = telling(e)->block.kind, .text = text };

	tell_part(e, &p, out);
}

static void
set_opaque(struct encoding_out *e, const struct stream_step *s)
{
	struct telling *t = telling(e);

	t->block.opaque = arena_copy(e->arena, s->text);
	t->block.origin = s->origin;
}

/* Of a text: alone, behind it, as Google sends it. */
static void
tell_opaque(
    struct encoding_out *e, const struct stream_step *s, struct buf *out)
{
	struct telling *t = telling(e);
	struct part p = {
		.kind = t->block.kind, .opaque = s->text, .origin = s->origin
	};

	if (t->block.kind == PART_TOOL_CALL)
		set_opaque(e, s);
	else
		tell_part(e, &p, out);
}

static void
tell_close(struct encoding_out *e, struct buf *out)
{
	struct telling *t = telling(e);

	if (t->block.kind != PART_TOOL_CALL)
		return;
	t->block.args = (struct slice){ t->args, t->len };
	tell_part(e, &t->block, out);
	t->block = (struct part){ 0 };
}

static void
tell_end(struct encoding_out *e, struct buf *out)
{
	const struct telling *t = telling(e);
	struct part nothing = { .kind = PART_TEXT };
	struct buf b = { 0 };

	open_answer(&b);
	put_text(&b, e->arena, &nothing);
	close_answer(
	    &b, e, reason_of(t->stop), t->has_usage ? &t->usage : NULL);
	frame(&b, out);
}

static void
tell_error(const struct stream_step *s, struct buf *out)
{
	const struct problem p = { .status = fault_get(s->fault)->status,
		.fault = s->fault,
		.message = s->message };

	dialect_gemini.error_event(out, &p);
}

void
gemini_write_step(
    const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	struct telling *t = telling(e);

	switch (s->kind) {
	case STEP_OPEN:
		tell_open(e, s, out);
		break;
	case STEP_TEXT:
		tell_text(e, s->text, out);
		break;
	case STEP_ARGS:
		add_args(e, s->text);
		break;
	case STEP_OPAQUE:
		tell_opaque(e, s, out);
		break;
	case STEP_CLOSE:
		tell_close(e, out);
		break;
	case STEP_STOP:
		t->stop = s->stop;
		break;
	case STEP_START:
	case STEP_USAGE:
		if (s->has_usage) {
			t->usage = s->usage;
			t->has_usage = true;
		}
		break;
	case STEP_ERROR:
		tell_error(s, out);
		break;
	case STEP_END:
		tell_end(e, out);
		break;
	case STEP_CITATION:
		break;
	}
}

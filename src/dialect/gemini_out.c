/*
 * gemini_out.c - a conversation for Gemini, and what Gemini says to it
 *
 * Calls carry thought signatures that must come back where they stood; a
 * history that is not Google's own gets the one that Google documents for
 * such.  Schemas go as JSON Schema, never as the OpenAPI subset, which fails
 * a request for one keyword that it does not know.
 */
#include "dialect/gemini_codec.h"

#include "base/json.h"
#include "dialect/codec.h"
#include "dialect/proto.h"

enum { STOPS = 5 };

enum thinking { THINKING_NOTHING, THINKING_BUDGET, THINKING_LEVEL };

struct writing {
	struct arena *arena;
	const struct conversation *c;
	const struct target *target;
	struct buf *out;
	uint64_t lost;
	struct wrong *wrong;
	enum fault fault;
	enum thinking thinking;
};

static void
lose(struct writing *w, enum loss l)
{
	w->lost |= LOSS_BIT(l);
}

static void
refuse(struct writing *w, const char *field, const char *hint)
{
	if (w->fault != FAULT_NONE)
		return;
	w->fault = FAULT_FIELD;
	*w->wrong = (struct wrong){ slice_of(field), hint };
}

static enum thinking
thinking_of(struct slice model)
{
	static const struct {
		const char *prefix;
		enum thinking kind;
	} rows[] = {
#define THINKING(prefix, kind) { prefix, THINKING_##kind },
#include "dialect/gemini_thinking.def"
#undef THINKING
	};
	struct slice head, tail = model;
	size_t i;

	while (slice_cut(tail, '/', &head, &tail))
		;
	for (i = 0; i + 1 < NELEM(rows); i++) {
		if (slice_starts(tail, slice_of(rows[i].prefix)))
			return rows[i].kind;
	}
	return rows[i].kind;
}

/* --- turns --------------------------------------------------------------- */

/* Instructions in the middle become the user's words, where they stood. */
static void
place_instructions(struct writing *w, struct conversation *c)
{
	struct turn *t = c->first;

	while (t != NULL && t->speaker == SPEAKER_SYSTEM)
		t = t->next;
	for (; t != NULL; t = t->next) {
		if (t->speaker == SPEAKER_SYSTEM) {
			t->speaker = SPEAKER_USER;
			lose(w, LOSS_SYSTEM_PLACE);
		}
	}
}

static bool
has_results(const struct turn *t)
{
	const struct part *p = t->first;

	while (p != NULL && p->kind != PART_TOOL_RESULT)
		p = p->next;
	return p != NULL;
}

/* Since a person last spoke, and not a tool. */
static const struct turn *
running_turn(const struct conversation *c)
{
	const struct turn *t, *last = NULL;

	for (t = c->first; t != NULL; t = t->next) {
		if (t->speaker == SPEAKER_USER && !has_results(t))
			last = t;
	}
	return last;
}

static void
put_text(struct writing *w, struct slice text)
{
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "text", text);
	json_w_end(w->out, '}');
}

static bool
is_ours(const struct part *p)
{
	return p->opaque.len > 0 && p->origin == VENDOR_GOOGLE;
}

static void
text_part(struct writing *w, const struct part *p)
{
	if (p->kind == PART_REFUSAL)
		lose(w, LOSS_REFUSAL);
	if (p->text.len == 0 && !is_ours(p))
		return;
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "text", p->text);
	if (is_ours(p))
		json_w_kstr(w->out, "thoughtSignature", p->opaque);
	json_w_end(w->out, '}');
}

/* By what the name of the file ends in. */
static struct slice
image_mime(struct slice url)
{
	static const struct {
		struct slice end, mime;
	} rows[] = {
		{ S_INIT(".png"), S_INIT("image/png") },
		{ S_INIT(".webp"), S_INIT("image/webp") },
		{ S_INIT(".gif"), S_INIT("image/gif") },
		{ S_INIT(".heic"), S_INIT("image/heic") },
	};
	struct slice path = url, rest;
	size_t i;

	(void)slice_cut(url, '?', &path, &rest);
	for (i = 0; i < NELEM(rows); i++) {
		const size_t n = rows[i].end.len;

		if (path.len > n &&
		    slice_ieq((struct slice){ path.p + path.len - n, n },
			rows[i].end))
			return rows[i].mime;
	}
	return S("image/jpeg");
}

static struct slice
default_mime(const struct part *p)
{
	if (p->mime.len > 0)
		return p->mime;
	switch ((int)p->kind) {
	case PART_IMAGE:
		return image_mime(p->url);
	case PART_AUDIO:
		return S("audio/wav");
	case PART_VIDEO:
		return S("video/mp4");
	default:
		return S("application/pdf");
	}
}

static void
media_part(struct writing *w, const struct part *p)
{
	const bool inline_data = p->data.len > 0;

	if (p->detail.len > 0 && !slice_eq(p->detail, S("auto")))
		lose(w, LOSS_IMAGE_DETAIL);
	if (!inline_data && p->url.len == 0 && p->file.len == 0) {
		put_text(w, p->text); /* a document that is text */
		return;
	}
	if (!inline_data && p->url.len == 0) {
		refuse(w, "messages",
		    "refers to a file that was uploaded elsewhere; send its "
		    "bytes");
		return;
	}
	json_w_begin(w->out, '{');
	json_w_key(w->out, inline_data ? "inlineData" : "fileData");
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "mimeType", default_mime(p));
	json_w_kstr(w->out, inline_data ? "data" : "fileUri",
	    inline_data ? p->data : p->url);
	json_w_end(w->out, '}');
	json_w_end(w->out, '}');
}

static void
reasoning_part(struct writing *w, const struct part *p)
{
	if (!is_ours(p)) {
		if (p->opaque.len > 0)
			lose(w, LOSS_REASONING);
		return;
	}
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "text", p->text);
	json_w_kbool(w->out, "thought", true);
	json_w_kstr(w->out, "thoughtSignature", p->opaque);
	json_w_end(w->out, '}');
}

/* Empty: it is no object. */
static struct slice
object_of(struct arena *a, struct slice text)
{
	struct json *j;

	if (json_parse(a, text, &j) != FAULT_NONE || j->type != JSON_OBJECT)
		return S("");
	return codec_raw(a, j);
}

static void
put_name(struct writing *w, const char *key, struct slice name)
{
	json_w_kstr(w->out, key, codec_tool_name(w->arena, name, &w->lost));
}

static void
call_part(struct writing *w, const struct part *p, bool first, bool current)
{
	json_w_begin(w->out, '{');
	json_w_key(w->out, "functionCall");
	json_w_begin(w->out, '{');
	if (p->id.len > 0)
		json_w_kstr(w->out, "id", p->id);
	put_name(w, "name", p->name);
	json_w_key(w->out, "args");
	json_w_raw(w->out, codec_args(w->arena, p));
	json_w_end(w->out, '}');
	if (is_ours(p))
		json_w_kstr(w->out, "thoughtSignature", p->opaque);
	else if (first && current && w->thinking == THINKING_LEVEL)
		json_w_kstr(w->out, "thoughtSignature",
		    S("skip_thought_signature_validator"));
	json_w_end(w->out, '}');
}

/* --- results ------------------------------------------------------------- */

static bool
is_media(const struct part *p)
{
	return p->kind == PART_IMAGE || p->kind == PART_AUDIO ||
	       p->kind == PART_VIDEO ||
	       (p->kind == PART_DOCUMENT && p->data.len + p->url.len > 0);
}

static struct slice
result_text(struct writing *w, const struct part *p)
{
	const struct part *k;
	struct buf b = { 0 };
	struct slice out;

	for (k = p->inner; k != NULL; k = k->next) {
		if (!is_media(k))
			buf_add(&b, k->text);
	}
	out = arena_copy(w->arena, buf_slice(&b));
	buf_fini(&b);
	return out;
}

static void
put_result_media(struct writing *w, const struct part *p)
{
	const struct part *k;
	bool any = false;

	for (k = p->inner; k != NULL; k = k->next) {
		if (!is_media(k))
			continue;
		if (!any) {
			json_w_key(w->out, "parts");
			json_w_begin(w->out, '[');
			any = true;
		}
		media_part(w, k);
	}
	if (any)
		json_w_end(w->out, ']');
}

/* Google's words: "output" of what went well, "error" of what did not. */
static void
result_part(struct writing *w, const struct part *p)
{
	struct slice text = result_text(w, p);
	struct slice object = p->is_error ? S("") : object_of(w->arena, text);

	if (p->name.len == 0) {
		refuse(w, "messages", "has a tool result without its call");
		return;
	}
	json_w_begin(w->out, '{');
	json_w_key(w->out, "functionResponse");
	json_w_begin(w->out, '{');
	if (p->id.len > 0)
		json_w_kstr(w->out, "id", p->id);
	put_name(w, "name", p->name);
	json_w_key(w->out, "response");
	if (object.len > 0) {
		json_w_raw(w->out, object);
	} else {
		json_w_begin(w->out, '{');
		json_w_kstr(w->out, p->is_error ? "error" : "output", text);
		json_w_end(w->out, '}');
	}
	put_result_media(w, p);
	json_w_end(w->out, '}');
	json_w_end(w->out, '}');
}

/* --- contents ------------------------------------------------------------ */

static void
put_part(struct writing *w, const struct part *p, bool first, bool current)
{
	if (p->cache != CACHE_NONE)
		lose(w, LOSS_CACHE_MARK);
	switch (p->kind) {
	case PART_TEXT:
	case PART_REFUSAL:
		text_part(w, p);
		break;
	case PART_IMAGE:
	case PART_AUDIO:
	case PART_VIDEO:
	case PART_DOCUMENT:
		media_part(w, p);
		break;
	case PART_REASONING:
		reasoning_part(w, p);
		break;
	case PART_TOOL_CALL:
		call_part(w, p, first, current);
		break;
	case PART_TOOL_RESULT:
		result_part(w, p);
		break;
	}
}

static bool
says_something(const struct turn *t)
{
	const struct part *p;

	for (p = t->first; p != NULL; p = p->next) {
		if (p->kind == PART_REASONING ? is_ours(p)
		    : p->kind == PART_TEXT || p->kind == PART_REFUSAL
			? p->text.len > 0 || is_ours(p)
			: true)
			return true;
	}
	return false;
}

static void
put_turn(struct writing *w, const struct turn *t, bool current)
{
	const struct part *p;
	bool first = true;

	if (t->name.len > 0)
		lose(w, LOSS_NAME);
	if (!says_something(t))
		return;
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "role",
	    t->speaker == SPEAKER_ASSISTANT ? S("model") : S("user"));
	json_w_key(w->out, "parts");
	json_w_begin(w->out, '[');
	for (p = t->first; p != NULL; p = p->next) {
		put_part(w, p, first, current);
		first = first && p->kind != PART_TOOL_CALL;
	}
	json_w_end(w->out, ']');
	json_w_end(w->out, '}');
}

/* A conversation begins with a user: one that is all instructions, or begins
 * with calls, gets the least that one can say. */
static void
put_opening(struct writing *w, const struct turn *t)
{
	if (t != NULL && t->speaker == SPEAKER_USER)
		return;
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "role", S("user"));
	json_w_key(w->out, "parts");
	json_w_begin(w->out, '[');
	put_text(w, S("."));
	json_w_end(w->out, ']');
	json_w_end(w->out, '}');
}

static void
put_contents(struct writing *w)
{
	const struct turn *t = w->c->first;
	const struct turn *since = running_turn(w->c);
	bool current = since == NULL;

	while (t != NULL && t->speaker == SPEAKER_SYSTEM)
		t = t->next;
	json_w_key(w->out, "contents");
	json_w_begin(w->out, '[');
	put_opening(w, t);
	for (; t != NULL; t = t->next) {
		current = current || t == since;
		put_turn(w, t, current);
	}
	json_w_end(w->out, ']');
}

static void
put_system(struct writing *w)
{
	const struct turn *t = w->c->first;
	const struct part *p;

	if (t == NULL || t->speaker != SPEAKER_SYSTEM)
		return;
	json_w_key(w->out, "systemInstruction");
	json_w_begin(w->out, '{');
	json_w_key(w->out, "parts");
	json_w_begin(w->out, '[');
	for (; t != NULL && t->speaker == SPEAKER_SYSTEM; t = t->next) {
		for (p = t->first; p != NULL; p = p->next)
			put_part(w, p, false, false);
	}
	json_w_end(w->out, ']');
	json_w_end(w->out, '}');
}

/* --- tools --------------------------------------------------------------- */

static void
put_tool(struct writing *w, const struct tool *t)
{
	if (t->strict == 1)
		lose(w, LOSS_STRICT);
	if (t->cache != CACHE_NONE)
		lose(w, LOSS_CACHE_MARK);
	json_w_begin(w->out, '{');
	put_name(w, "name", t->name);
	/* Google calls it required, and an empty one an absent one. */
	json_w_kstr(w->out, "description", t->description);
	if (t->custom || t->schema.len > 0) {
		json_w_key(w->out, "parametersJsonSchema");
		json_w_raw(w->out, codec_schema(w->arena, t, &w->lost));
	}
	json_w_end(w->out, '}');
}

static const char *
mode_of(const struct conversation *c)
{
	if (!c->choice_said)
		return NULL;
	switch (c->choice) {
	case CHOICE_NONE:
		return "NONE";
	case CHOICE_REQUIRED:
	case CHOICE_NAMED:
		return "ANY";
	case CHOICE_AUTO:
		break;
	}
	return NULL;
}

static void
put_allowed(struct writing *w)
{
	const struct conversation *c = w->c;
	unsigned i;

	if (c->choice != CHOICE_NAMED &&
	    (c->choice != CHOICE_REQUIRED || c->nallowed == 0))
		return;
	json_w_key(w->out, "allowedFunctionNames");
	json_w_begin(w->out, '[');
	if (c->choice == CHOICE_NAMED)
		json_w_str(w->out,
		    codec_tool_name(w->arena, c->choice_name, &w->lost));
	for (i = 0; i < c->nallowed && c->choice == CHOICE_REQUIRED; i++)
		json_w_str(
		    w->out, codec_tool_name(w->arena, c->allowed[i], &w->lost));
	json_w_end(w->out, ']');
}

static void
put_tools(struct writing *w)
{
	const struct conversation *c = w->c;
	const bool filter = c->nallowed > 0 && mode_of(c) == NULL;
	const struct tool *t;

	if (c->parallel == 0)
		lose(w, LOSS_PARALLEL);
	if (c->tool == NULL)
		return;
	if (filter)
		lose(w, LOSS_ALLOWED_TOOLS);
	json_w_key(w->out, "tools");
	json_w_begin(w->out, '[');
	json_w_begin(w->out, '{');
	json_w_key(w->out, "functionDeclarations");
	json_w_begin(w->out, '[');
	for (t = c->tool; t != NULL; t = t->next) {
		if (!filter || codec_allows(c, t))
			put_tool(w, t);
	}
	json_w_end(w->out, ']');
	json_w_end(w->out, '}');
	json_w_end(w->out, ']');
	if (mode_of(c) == NULL)
		return;
	json_w_key(w->out, "toolConfig");
	json_w_begin(w->out, '{');
	json_w_key(w->out, "functionCallingConfig");
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "mode", slice_of(mode_of(c)));
	put_allowed(w);
	json_w_end(w->out, '}');
	json_w_end(w->out, '}');
}

/* --- configuration ------------------------------------------------------- */

static int64_t
budget_of(enum effort e)
{
	static const int64_t budget[] = { 0, 0, 512, 1024, 8192, 24576, 24576,
		24576 };

	return budget[e];
}

static const char *
level_of(struct writing *w, enum effort e)
{
	switch (e) {
	case EFFORT_NONE:
		lose(w, LOSS_EFFORT);
		return "MINIMAL";
	case EFFORT_MINIMAL:
		return "MINIMAL";
	case EFFORT_LOW:
		return "LOW";
	case EFFORT_MEDIUM:
		return "MEDIUM";
	case EFFORT_XHIGH:
	case EFFORT_MAX:
		lose(w, LOSS_EFFORT);
		return "HIGH";
	case EFFORT_HIGH:
	case EFFORT_NOT_SAID:
		break;
	}
	return "HIGH";
}

static void
put_depth(struct writing *w)
{
	const struct conversation *c = w->c;
	const enum effort e = c->thinking_off ? EFFORT_NONE : c->effort;

	if (w->thinking == THINKING_LEVEL) {
		if (e != EFFORT_NOT_SAID)
			json_w_kstr(
			    w->out, "thinkingLevel", slice_of(level_of(w, e)));
		else if (c->thinking_budget > 0)
			json_w_ku64(
			    w->out, "thinkingBudget", c->thinking_budget);
	} else if (c->thinking_budget > 0 && !c->thinking_off) {
		json_w_ku64(w->out, "thinkingBudget", c->thinking_budget);
	} else if (e != EFFORT_NOT_SAID) {
		json_w_ki64(w->out, "thinkingBudget", budget_of(e));
	}
}

static void
put_thinking(struct writing *w)
{
	const struct conversation *c = w->c;
	const bool depth = c->thinking_off || c->effort != EFFORT_NOT_SAID ||
			   c->thinking_budget > 0;

	if (!depth && !c->wants_reasoning)
		return;
	if (w->thinking == THINKING_NOTHING) {
		if (c->effort > EFFORT_NONE || c->thinking_budget > 0)
			lose(w, LOSS_THINKING);
		return;
	}
	json_w_key(w->out, "thinkingConfig");
	json_w_begin(w->out, '{');
	if (c->wants_reasoning)
		json_w_kbool(w->out, "includeThoughts", true);
	put_depth(w);
	json_w_end(w->out, '}');
}

static void
put_raw(struct writing *w, const char *key, struct slice number)
{
	if (number.len == 0)
		return;
	json_w_key(w->out, key);
	json_w_raw(w->out, number);
}

static void
put_seed(struct writing *w)
{
	int64_t v;

	if (w->c->seed.len == 0)
		return;
	if (!json_i64(w->c->seed, &v) || v < INT32_MIN || v > INT32_MAX)
		lose(w, LOSS_SEED);
	else
		json_w_ki64(w->out, "seed", v);
}

static void
put_format(struct writing *w)
{
	const struct conversation *c = w->c;

	if (c->format == FORMAT_TEXT)
		return;
	json_w_kstr(w->out, "responseMimeType", S("application/json"));
	if (c->format != FORMAT_SCHEMA)
		return;
	if (c->schema_name.len > 0)
		lose(w, LOSS_SCHEMA_NAME);
	json_w_key(w->out, "responseJsonSchema");
	json_w_raw(w->out, c->schema);
}

static void
put_limit(struct writing *w)
{
	uint64_t most = w->c->max_output;
	const uint64_t clamp = w->target->clamp;

	if (clamp > 0 && (most == 0 || clamp < most))
		most = clamp;
	if (w->target->max_output > 0 && most > w->target->max_output)
		most = w->target->max_output;
	if (most > 0)
		json_w_ku64(w->out, "maxOutputTokens", most);
}

static void
put_stops(struct writing *w)
{
	const struct conversation *c = w->c;
	unsigned i;

	if (c->nstop == 0)
		return;
	if (c->nstop > STOPS)
		lose(w, LOSS_STOP);
	json_w_key(w->out, "stopSequences");
	json_w_begin(w->out, '[');
	for (i = 0; i < c->nstop && i < STOPS; i++)
		json_w_str(w->out, c->stop[i]);
	json_w_end(w->out, ']');
}

static void
put_config(struct writing *w)
{
	const struct conversation *c = w->c;

	json_w_key(w->out, "generationConfig");
	json_w_begin(w->out, '{');
	put_limit(w);
	put_raw(w, "temperature", c->temperature);
	put_raw(w, "topP", c->top_p);
	put_raw(w, "topK", c->top_k);
	put_raw(w, "presencePenalty", c->presence_penalty);
	put_raw(w, "frequencyPenalty", c->frequency_penalty);
	put_seed(w);
	put_stops(w);
	put_format(w);
	put_thinking(w);
	json_w_end(w->out, '}');
}

static void
count_losses(struct writing *w)
{
	const struct conversation *c = w->c;
	const struct {
		bool said;
		enum loss loss;
	} row[] = {
		{ c->n > 1, LOSS_N },
		{ c->verbosity.len > 0, LOSS_VERBOSITY },
		{ c->user.len > 0, LOSS_USER },
		{ c->metadata.len > 0, LOSS_METADATA },
		{ c->cache_key.len > 0, LOSS_CACHE_KEY },
	};
	size_t i;

	for (i = 0; i < NELEM(row); i++) {
		if (row[i].said)
			lose(w, row[i].loss);
	}
}

static void
put_tier(struct writing *w)
{
	if (slice_eq(w->c->tier, S("flex")) ||
	    slice_eq(w->c->tier, S("priority")))
		json_w_kstr(w->out, "serviceTier", w->c->tier);
}

enum fault
gemini_encode(struct arena *a, const struct conversation *in,
    const struct target *t, struct buf *out, uint64_t *lost, struct wrong *w)
{
	struct conversation *c = conversation_copy(a, in);
	struct writing x = { .arena = a,
		.target = t,
		.out = out,
		.wrong = w,
		.thinking = thinking_of(t->model) };

	place_instructions(&x, c);
	conversation_merge(c);
	conversation_pair(c, a);
	x.c = c;
	x.lost |= c->lost & ~in->lost;
	json_w_begin(out, '{');
	put_system(&x);
	put_contents(&x);
	put_tools(&x);
	put_config(&x);
	put_tier(&x);
	json_w_end(out, '}');
	count_losses(&x);
	*lost |= x.lost;
	return x.fault;
}

/* --- answers ------------------------------------------------------------- */

static enum stop_reason
stop_of(struct slice reason)
{
	static const struct {
		const char *word;
		enum stop_reason stop;
	} row[] = {
		{ "STOP", STOP_END },
		{ "MAX_TOKENS", STOP_LENGTH },
		{ "SAFETY", STOP_FILTER },
		{ "RECITATION", STOP_FILTER },
		{ "BLOCKLIST", STOP_FILTER },
		{ "PROHIBITED_CONTENT", STOP_FILTER },
		{ "SPII", STOP_FILTER },
		{ "IMAGE_SAFETY", STOP_FILTER },
		{ "LANGUAGE", STOP_FILTER },
		{ "MALFORMED_FUNCTION_CALL", STOP_BAD_TOOL },
		{ "UNEXPECTED_TOOL_CALL", STOP_BAD_TOOL },
		{ "TOO_MANY_TOOL_CALLS", STOP_BAD_TOOL },
		{ "CONTINUATION", STOP_PAUSE },
	};
	size_t i;

	for (i = 0; i < NELEM(row); i++) {
		if (slice_eq(reason, slice_of(row[i].word)))
			return row[i].stop;
	}
	return STOP_END;
}

/* What hangs on a stream between two events. */
struct hearing {
	bool open;           /* a block of text or thought is */
	enum part_kind kind; /* which */
	struct usage usage;
	bool has_usage;
};

static struct hearing *
hearing(struct decoding *d)
{
	if (d->mind == NULL)
		d->mind = ARENA_NEW(d->arena, struct hearing);
	return d->mind;
}

static void
close_block(struct decoding *d)
{
	struct hearing *h = hearing(d);

	if (h->open)
		decoding_step(d, &(struct stream_step){ .kind = STEP_CLOSE });
	h->open = false;
}

static void
open_block(struct decoding *d, enum part_kind kind)
{
	struct hearing *h = hearing(d);

	if (h->open && h->kind == kind)
		return;
	close_block(d);
	decoding_step(d, &(struct stream_step){
			     .kind = STEP_OPEN, .block = { .kind = kind } });
	h->open = true;
	h->kind = kind;
}

static void
give_opaque(struct decoding *d, struct slice sig)
{
	if (sig.len > 0)
		decoding_step(d, &(struct stream_step){ .kind = STEP_OPAQUE,
				     .text = sig,
				     .origin = VENDOR_GOOGLE });
}

static void
hear_text(struct decoding *d, const struct json *p)
{
	struct hearing *h = hearing(d);
	struct slice text = proto_str(p, "text");
	struct slice sig = proto_str(p, "thoughtSignature");
	const bool thought = proto_bool(p, "thought");

	/* A signature may come alone, behind what it is for. */
	if (text.len == 0 && (sig.len == 0 || !h->open))
		return;
	if (text.len > 0)
		open_block(d, thought ? PART_REASONING : PART_TEXT);
	if (text.len > 0)
		decoding_step(d,
		    &(struct stream_step){ .kind = STEP_TEXT, .text = text });
	give_opaque(d, sig);
}

static void
hear_call(struct decoding *d, const struct json *p, const struct json *call)
{
	const struct slice args =
	    codec_raw(d->scratch, proto_get(call, "args"));

	close_block(d);
	decoding_step(d, &(struct stream_step){ .kind = STEP_OPEN,
			     .block = { .kind = PART_TOOL_CALL,
				 .id = proto_str(call, "id"),
				 .name = proto_str(call, "name"),
				 .opaque = proto_str(p, "thoughtSignature"),
				 .origin = VENDOR_GOOGLE } });
	decoding_step(d, &(struct stream_step){ .kind = STEP_ARGS,
			     .text = args.len > 0 ? args : S("{}") });
	give_opaque(d, proto_str(p, "thoughtSignature"));
	decoding_step(d, &(struct stream_step){ .kind = STEP_CLOSE });
}

static void
hear_media(struct decoding *d, const struct json *data)
{
	const struct slice mime = proto_str(data, "mimeType");

	close_block(d);
	decoding_step(d,
	    &(struct stream_step){ .kind = STEP_OPEN,
		.block = { .kind = slice_starts(mime, S("audio/")) ? PART_AUDIO
								   : PART_IMAGE,
		    .mime = mime,
		    .data = proto_str(data, "data") } });
	decoding_step(d, &(struct stream_step){ .kind = STEP_CLOSE });
}

static void
hear_part(struct decoding *d, const struct json *p)
{
	const struct json *call = proto_get(p, "functionCall");
	const struct json *data = proto_get(p, "inlineData");

	if (call != NULL)
		hear_call(d, p, call);
	else if (data != NULL)
		hear_media(d, data);
	else
		hear_text(d, p);
}

static void
hear_usage(struct decoding *d, struct slice data)
{
	struct hearing *h = hearing(d);
	struct tally t = { 0 };

	(void)dialect_gemini.event(data, &t);
	if (!t.has_usage)
		return;
	h->usage = t.usage;
	h->has_usage = true;
}

static void
hear_start(struct decoding *d, const struct json *top)
{
	struct hearing *h = hearing(d);

	if (d->started)
		return;
	decoding_step(d, &(struct stream_step){ .kind = STEP_START,
			     .id = proto_str(top, "responseId"),
			     .model = proto_str(top, "modelVersion"),
			     .usage = h->usage,
			     .has_usage = h->has_usage });
}

static enum fault
hear_error(struct decoding *d, const struct json *error)
{
	close_block(d);
	decoding_step(d,
	    &(struct stream_step){ .kind = STEP_ERROR,
		.message = arena_copy(d->arena, json_get_str(error, "message")),
		.fault = FAULT_UP_STATUS });
	return FAULT_NONE;
}

static const struct json *
parts_of(const struct json *top)
{
	return proto_get(
	    proto_get(proto_first(top, "candidates"), "content"), "parts");
}

static void
hear_candidate(struct decoding *d, const struct json *top)
{
	const struct json *c = proto_first(top, "candidates");
	const struct json *p = proto_first(proto_get(c, "content"), "parts");
	const struct slice reason = proto_str(c, "finishReason");

	for (; p != NULL; p = proto_next(p))
		hear_part(d, p);
	if (reason.len > 0 && !d->stopped) {
		close_block(d);
		decoding_stop(d, stop_of(reason), S(""));
	}
	if (c == NULL && proto_get(top, "promptFeedback") != NULL &&
	    !d->stopped)
		decoding_stop(d, STOP_FILTER, S(""));
}

enum fault
gemini_read_event(struct decoding *d, struct slice name, struct slice data)
{
	struct json *top;

	(void)name;
	if (d->ended)
		return FAULT_NONE;
	if (json_parse(d->scratch, data, &top) != FAULT_NONE ||
	    top->type != JSON_OBJECT)
		return FAULT_UP_GARBAGE;
	if (json_get(top, "error") != NULL)
		return hear_error(d, json_get(top, "error"));
	if (codec_is_crowd(parts_of(top)))
		return FAULT_UP_GARBAGE;
	hear_usage(d, data);
	hear_start(d, top);
	hear_candidate(d, top);
	return FAULT_NONE;
}

enum fault
gemini_read_end(struct decoding *d)
{
	struct hearing *h = hearing(d);

	if (d->ended)
		return FAULT_NONE;
	close_block(d);
	if (!d->started || !d->stopped)
		return FAULT_UP_RESET;
	if (h->has_usage)
		decoding_step(d, &(struct stream_step){ .kind = STEP_USAGE,
				     .usage = h->usage,
				     .has_usage = true });
	decoding_step(d, &(struct stream_step){ .kind = STEP_END });
	return FAULT_NONE;
}

/* A whole answer is a stream of one event. */
enum fault
gemini_read_answer(struct arena *a, struct slice body, struct completion *out)
{
	struct gather *g = gather_new(a);
	struct decoding d = {
		.arena = a, .scratch = a, .step = gather_step, .arg = g
	};
	const struct completion *done;

	if (gemini_read_event(&d, S(""), body) != FAULT_NONE || !d.started)
		return FAULT_UP_GARBAGE;
	if (!d.stopped)
		decoding_stop(&d, STOP_END, S(""));
	if (gemini_read_end(&d) != FAULT_NONE)
		return FAULT_UP_GARBAGE;
	done = gather_completion(g);
	if (done == NULL)
		return FAULT_UP_GARBAGE;
	*out = *done;
	return FAULT_NONE;
}

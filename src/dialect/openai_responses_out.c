/*
 * openai_responses_out.c - a conversation for OpenAI Responses, and what
 * comes back
 *
 * Nothing is stored there: reasoning is asked for sealed and given back
 * sealed.  A stream's items come one after the other; some servers send a
 * call's arguments only when they are whole.
 */
#include "dialect/responses_codec.h"

#include "base/json.h"
#include "dialect/codec.h"

enum { OUTPUT_LEAST = 16, CALL_ID_MAX = 64 };

struct writing {
	struct arena *arena;
	const struct conversation *c;
	const struct target *target;
	struct buf *out;
	uint64_t lost;
	struct wrong *wrong;
	enum fault fault;
};

static void
lose(struct writing *w, enum loss l)
{
	w->lost |= LOSS_BIT(l);
}

/* --- parts --------------------------------------------------------------- */

static void
put_text(struct writing *w, const char *type, struct slice text)
{
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "type", slice_of(type));
	json_w_kstr(w->out, "text", text);
	json_w_end(w->out, '}');
}

static struct slice
data_uri(struct writing *w, const struct part *p, const char *mime)
{
	const struct slice part[] = { S_INIT("data:"),
		p->mime.len > 0 ? p->mime : slice_of(mime), S_INIT(";base64,"),
		p->data };

	return arena_join(w->arena, part, NELEM(part));
}

static void
put_image(struct writing *w, const struct part *p)
{
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "type", S("input_image"));
	if (p->file.len > 0)
		json_w_kstr(w->out, "file_id", p->file);
	else
		json_w_kstr(w->out, "image_url",
		    p->data.len > 0 ? data_uri(w, p, "image/png") : p->url);
	json_w_kstr(
	    w->out, "detail", p->detail.len > 0 ? p->detail : S("auto"));
	json_w_end(w->out, '}');
}

static void
put_file(struct writing *w, const struct part *p)
{
	if (p->data.len + p->url.len + p->file.len == 0) {
		put_text(w, "input_text", p->text);
		return;
	}
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "type", S("input_file"));
	if (p->file.len > 0) {
		json_w_kstr(w->out, "file_id", p->file);
	} else if (p->data.len > 0) {
		json_w_kstr(w->out, "filename",
		    p->filename.len > 0 ? p->filename : S("document.pdf"));
		json_w_kstr(
		    w->out, "file_data", data_uri(w, p, "application/pdf"));
	} else {
		json_w_kstr(w->out, "file_url", p->url);
	}
	json_w_end(w->out, '}');
}

static void
put_media(struct writing *w, const struct part *p)
{
	if (p->kind == PART_IMAGE) {
		put_image(w, p);
	} else if (p->kind == PART_DOCUMENT) {
		put_file(w, p);
	} else if (w->fault == FAULT_NONE) {
		w->fault = codec_wrong(w->wrong, "messages",
		    "has audio or video, which the provider that serves this "
		    "model does not take");
	}
}

static bool
is_words(const struct part *p)
{
	return p->kind == PART_TEXT || p->kind == PART_REFUSAL;
}

static void
put_input(struct writing *w, const struct part *p)
{
	if (p->cache != CACHE_NONE)
		lose(w, LOSS_CACHE_MARK);
	if (!is_words(p))
		put_media(w, p);
	else if (p->text.len > 0)
		put_text(w, "input_text", p->text);
}

/* --- items --------------------------------------------------------------- */

static void
open_item(struct writing *w, const char *type)
{
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "type", slice_of(type));
}

static struct slice
call_id(struct writing *w, const struct part *p)
{
	return codec_tool_id(w->arena, p->id, ".:", CALL_ID_MAX, &w->lost);
}

static void
put_call(struct writing *w, const struct part *p)
{
	open_item(w, p->custom ? "custom_tool_call" : "function_call");
	json_w_kstr(w->out, "call_id", call_id(w, p));
	json_w_kstr(
	    w->out, "name", codec_tool_name(w->arena, p->name, &w->lost));
	json_w_kstr(w->out, p->custom ? "input" : "arguments",
	    p->custom || p->args.len > 0 ? p->args : S("{}"));
	json_w_end(w->out, '}');
}

static bool
has_media(const struct part *p)
{
	while (p != NULL && is_words(p))
		p = p->next;
	return p != NULL;
}

static void
put_output(struct writing *w, const struct part *p)
{
	const struct part *k;

	json_w_key(w->out, "output");
	if (!has_media(p->inner)) {
		json_w_str(w->out, codec_join(w->arena, p->inner));
		return;
	}
	json_w_begin(w->out, '[');
	for (k = p->inner; k != NULL; k = k->next)
		put_input(w, k);
	json_w_end(w->out, ']');
}

static void
put_result(struct writing *w, const struct part *p)
{
	if (p->is_error)
		lose(w, LOSS_TOOL_ERROR);
	open_item(
	    w, p->custom ? "custom_tool_call_output" : "function_call_output");
	json_w_kstr(w->out, "call_id", call_id(w, p));
	put_output(w, p);
	json_w_end(w->out, '}');
}

static void
put_reasoning(struct writing *w, const struct part *p)
{
	if (p->opaque.len == 0 || p->origin != VENDOR_OPENAI) {
		lose(w, LOSS_REASONING);
		return;
	}
	open_item(w, "reasoning");
	json_w_key(w->out, "summary");
	json_w_begin(w->out, '[');
	if (p->text.len > 0)
		put_text(w, "summary_text", p->text);
	json_w_end(w->out, ']');
	json_w_kstr(w->out, "encrypted_content", p->opaque);
	json_w_end(w->out, '}');
}

/* Of what may stand in an input, only plain words are the assistant's without
 * an id; a refusal needs a whole message. */
static void
put_said(struct writing *w, const struct part *p)
{
	if (p->text.len == 0)
		return;
	open_item(w, "message");
	json_w_kstr(w->out, "role", S("assistant"));
	if (p->kind == PART_TEXT) {
		json_w_kstr(w->out, "content", p->text);
	} else {
		json_w_kstr(w->out, "id", S("msg_refusal"));
		json_w_kstr(w->out, "status", S("completed"));
		json_w_key(w->out, "content");
		json_w_begin(w->out, '[');
		json_w_begin(w->out, '{');
		json_w_kstr(w->out, "type", S("refusal"));
		json_w_kstr(w->out, "refusal", p->text);
		json_w_end(w->out, '}');
		json_w_end(w->out, ']');
	}
	json_w_end(w->out, '}');
}

static void
put_assistant(struct writing *w, const struct part *p)
{
	for (; p != NULL; p = p->next) {
		if (is_words(p))
			put_said(w, p);
		else if (p->kind == PART_TOOL_CALL)
			put_call(w, p);
		else if (p->kind == PART_REASONING)
			put_reasoning(w, p);
		else
			lose(w, LOSS_EXTRA);
	}
}

static void
put_user(struct writing *w, const struct turn *t)
{
	const struct part *p;
	bool any = false;

	if (t->name.len > 0)
		lose(w, LOSS_NAME);
	for (p = t->first; p != NULL; p = p->next) {
		if (p->kind == PART_TOOL_RESULT)
			put_result(w, p);
		else
			any = any || !is_words(p) || p->text.len > 0;
	}
	if (!any)
		return;
	open_item(w, "message");
	json_w_kstr(w->out, "role",
	    t->speaker == SPEAKER_SYSTEM ? S("developer") : S("user"));
	json_w_key(w->out, "content");
	json_w_begin(w->out, '[');
	for (p = t->first; p != NULL; p = p->next) {
		if (p->kind != PART_TOOL_RESULT)
			put_input(w, p);
	}
	json_w_end(w->out, ']');
	json_w_end(w->out, '}');
}

static void
put_items(struct writing *w)
{
	const struct turn *t;

	json_w_key(w->out, "input");
	json_w_begin(w->out, '[');
	for (t = w->c->first; t != NULL; t = t->next) {
		if (t->speaker == SPEAKER_ASSISTANT)
			put_assistant(w, t->first);
		else
			put_user(w, t);
	}
	json_w_end(w->out, ']');
}

/* --- tools --------------------------------------------------------------- */

static void
put_tool(struct writing *w, const struct tool *t)
{
	if (t->cache != CACHE_NONE)
		lose(w, LOSS_CACHE_MARK);
	open_item(w, t->custom ? "custom" : "function");
	json_w_kstr(
	    w->out, "name", codec_tool_name(w->arena, t->name, &w->lost));
	if (t->description.len > 0)
		json_w_kstr(w->out, "description", t->description);
	if (!t->custom) {
		json_w_key(w->out, "parameters");
		json_w_raw(w->out, codec_schema(w->arena, t, &w->lost));
		/* It would be strict if nothing were said. */
		json_w_kbool(w->out, "strict", t->strict == 1);
	}
	json_w_end(w->out, '}');
}

static void
put_named(struct writing *w, const char *type, struct slice name)
{
	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "type", slice_of(type));
	json_w_kstr(w->out, "name", codec_tool_name(w->arena, name, &w->lost));
	json_w_end(w->out, '}');
}

static void
put_allowed(struct writing *w, const char *mode)
{
	const struct conversation *c = w->c;
	unsigned i;

	json_w_begin(w->out, '{');
	json_w_kstr(w->out, "type", S("allowed_tools"));
	json_w_kstr(w->out, "mode", slice_of(mode));
	json_w_key(w->out, "tools");
	json_w_begin(w->out, '[');
	for (i = 0; i < c->nallowed; i++)
		put_named(w, "function", c->allowed[i]);
	json_w_end(w->out, ']');
	json_w_end(w->out, '}');
}

static void
put_choice(struct writing *w)
{
	static const char *const words[] = { "auto", "none", "required" };
	const struct conversation *c = w->c;
	const struct tool *t;

	if (!c->choice_said && c->nallowed == 0)
		return;
	json_w_key(w->out, "tool_choice");
	if (c->choice == CHOICE_NAMED) {
		t = conversation_tool(c, c->choice_name);
		put_named(w, t != NULL && t->custom ? "custom" : "function",
		    c->choice_name);
	} else if (c->nallowed > 0 && c->choice != CHOICE_NONE) {
		put_allowed(w, words[c->choice]);
	} else {
		json_w_str(w->out, slice_of(words[c->choice]));
	}
}

static void
put_tools(struct writing *w)
{
	const struct tool *t;

	if (w->c->tool == NULL)
		return;
	json_w_key(w->out, "tools");
	json_w_begin(w->out, '[');
	for (t = w->c->tool; t != NULL; t = t->next)
		put_tool(w, t);
	json_w_end(w->out, ']');
	put_choice(w);
	if (w->c->parallel >= 0)
		json_w_kbool(
		    w->out, "parallel_tool_calls", w->c->parallel == 1);
}

/* --- the rest ------------------------------------------------------------ */

static void
put_text_options(struct writing *w)
{
	const struct conversation *c = w->c;

	if (c->format == FORMAT_TEXT && c->verbosity.len == 0)
		return;
	json_w_key(w->out, "text");
	json_w_begin(w->out, '{');
	if (c->format != FORMAT_TEXT) {
		json_w_key(w->out, "format");
		json_w_begin(w->out, '{');
		json_w_kstr(w->out, "type",
		    c->format == FORMAT_JSON ? S("json_object")
					     : S("json_schema"));
		if (c->format == FORMAT_SCHEMA) {
			json_w_kstr(w->out, "name",
			    c->schema_name.len > 0 ? c->schema_name
						   : S("answer"));
			json_w_key(w->out, "schema");
			json_w_raw(w->out, c->schema);
			json_w_kbool(w->out, "strict", c->schema_strict == 1);
		}
		json_w_end(w->out, '}');
	}
	if (c->verbosity.len > 0)
		json_w_kstr(w->out, "verbosity", c->verbosity);
	json_w_end(w->out, '}');
}

static void
put_effort(struct writing *w)
{
	const enum effort e = codec_effort(w->c);

	if (e == EFFORT_NOT_SAID && !w->c->wants_reasoning)
		return;
	if (w->c->thinking_budget > 0 && w->c->effort == EFFORT_NOT_SAID)
		lose(w, LOSS_EFFORT);
	json_w_key(w->out, "reasoning");
	json_w_begin(w->out, '{');
	if (e != EFFORT_NOT_SAID)
		json_w_kstr(w->out, "effort", slice_of(effort_text(e)));
	if (w->c->wants_reasoning)
		json_w_kstr(w->out, "summary", S("auto"));
	json_w_end(w->out, '}');
	json_w_key(w->out, "include");
	json_w_raw(w->out, S("[\"reasoning.encrypted_content\"]"));
}

/* A model that thinks refuses both. */
static void
put_sampling(struct writing *w)
{
	const struct conversation *c = w->c;
	const bool thinks = codec_effort(c) > EFFORT_NONE;

	if (thinks && c->temperature.len + c->top_p.len > 0) {
		lose(w, LOSS_TEMPERATURE);
		return;
	}
	if (c->temperature.len > 0) {
		json_w_key(w->out, "temperature");
		json_w_raw(w->out, c->temperature);
	}
	if (c->top_p.len > 0) {
		json_w_key(w->out, "top_p");
		json_w_raw(w->out, c->top_p);
	}
}

static void
put_limit(struct writing *w)
{
	uint64_t most = w->c->max_output;

	if (w->target->clamp > 0 && (most == 0 || w->target->clamp < most))
		most = w->target->clamp;
	if (w->target->max_output > 0 && most > w->target->max_output)
		most = w->target->max_output;
	if (most > 0)
		json_w_ku64(w->out, "max_output_tokens",
		    most < OUTPUT_LEAST ? OUTPUT_LEAST : most);
}

static void
put_rest(struct writing *w)
{
	const struct conversation *c = w->c;

	if (c->user.len > 0)
		json_w_kstr(w->out, "safety_identifier", c->user);
	if (c->cache_key.len > 0)
		json_w_kstr(w->out, "prompt_cache_key", c->cache_key);
	if (c->tier.len > 0)
		json_w_kstr(w->out, "service_tier",
		    slice_eq(c->tier, S("standard")) ? S("default") : c->tier);
	if (c->metadata.len > 0) {
		json_w_key(w->out, "metadata");
		json_w_raw(w->out, c->metadata);
	}
	if (c->stream)
		json_w_kbool(w->out, "stream", true);
	json_w_kbool(w->out, "store", false);
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
		{ c->nstop > 0, LOSS_STOP },
		{ c->top_k.len > 0, LOSS_TOP_K },
		{ c->seed.len > 0, LOSS_SEED },
		{ c->presence_penalty.len + c->frequency_penalty.len > 0,
		    LOSS_PENALTIES },
	};
	size_t i;

	for (i = 0; i < NELEM(row); i++) {
		if (row[i].said)
			lose(w, row[i].loss);
	}
}

enum fault
responses_encode(struct arena *a, const struct conversation *in,
    const struct target *t, struct buf *out, uint64_t *lost, struct wrong *w)
{
	struct conversation *c = conversation_copy(a, in);
	struct writing x = {
		.arena = a, .c = c, .target = t, .out = out, .wrong = w
	};

	conversation_merge(c);
	conversation_pair(c, a);
	x.lost |= c->lost & ~in->lost;
	json_w_begin(out, '{');
	json_w_kstr(out, "model", t->model);
	put_items(&x);
	put_tools(&x);
	put_text_options(&x);
	put_effort(&x);
	put_sampling(&x);
	put_limit(&x);
	put_rest(&x);
	json_w_end(out, '}');
	count_losses(&x);
	*lost |= x.lost;
	return x.fault;
}

/* --- answers ------------------------------------------------------------- */

/* What hangs on a stream between two events. */
struct hearing {
	struct braid braid;
	int64_t item;  /* the last one that was heard of */
	bool any;      /* something of the answer was */
	uint64_t said; /* bits of the first items: messages that had parts */
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

static bool
is_type(const struct json *j, const char *type)
{
	return slice_eq(json_get_str(j, "type"), slice_of(type));
}

enum { ITEM_PARTS = 256, SAID_ITEMS = 64 };

/* Which item an event is of: who does not say means the last one. */
static int64_t
item_of(struct decoding *d, const struct json *event)
{
	struct hearing *h = hearing(d);
	int64_t n;

	if (json_get_i64(event, "output_index", &n) && n >= 0 && n < INT32_MAX)
		h->item = n;
	return h->item;
}

/* Which block: an item is one, a message as many as it has parts. */
static int64_t
place(int64_t item, uint64_t part)
{
	return item * ITEM_PARTS + (int64_t)(part % ITEM_PARTS);
}

static int64_t
place_of(struct decoding *d, const struct json *event)
{
	uint64_t part = 0;

	(void)codec_u64(event, "content_index", &part);
	return place(item_of(d, event), part);
}

static void
give(struct decoding *d, int64_t index, enum step_kind kind, struct slice text)
{
	if (text.len > 0)
		braid_step(d, &hearing(d)->braid, index,
		    &(struct stream_step){ .kind = kind, .text = text });
}

static enum fault
open_call(struct decoding *d, int64_t index, const struct json *item)
{
	const struct part call = { .kind = PART_TOOL_CALL,
		.id = json_get_str(item, "call_id"),
		.name = json_get_str(item, "name"),
		.custom = is_type(item, "custom_tool_call") };

	hearing(d)->any = true;
	return braid_open(d, &hearing(d)->braid, index, &call);
}

static enum fault
open_kind(struct decoding *d, int64_t index, enum part_kind kind)
{
	const struct part block = { .kind = kind };
	struct hearing *h = hearing(d);
	const struct part *open = braid_block(&h->braid, index);

	h->any = true;
	if (index / ITEM_PARTS < SAID_ITEMS)
		h->said |= UINT64_C(1) << (index / ITEM_PARTS);
	if (open != NULL && open->kind == kind)
		return FAULT_NONE;
	return braid_open(d, &h->braid, index, &block);
}

static bool
is_call(const struct json *item)
{
	return is_type(item, "function_call") ||
	       is_type(item, "custom_tool_call");
}

static enum fault
item_added(struct decoding *d, int64_t n, const struct json *item)
{
	if (is_call(item))
		return open_call(d, place(n, 0), item);
	if (is_type(item, "reasoning"))
		return open_kind(d, place(n, 0), PART_REASONING);
	return FAULT_NONE;
}

static void
give_citations(struct decoding *d, int64_t index, const struct json *part)
{
	const struct json *c = json_get(part, "annotations");

	for (c = c != NULL && c->type == JSON_ARRAY ? c->child : NULL;
	     c != NULL; c = c->next) {
		struct citation cite = { .url = json_get_str(c, "url"),
			.title = json_get_str(c, "title") };

		(void)codec_u64(c, "start_index", &cite.start);
		(void)codec_u64(c, "end_index", &cite.end);
		if (is_type(c, "url_citation"))
			braid_step(d, &hearing(d)->braid, index,
			    &(struct stream_step){
				.kind = STEP_CITATION, .citation = &cite });
	}
}

/* Its place among the others is where it was announced. */
static enum fault
part_added(struct decoding *d, int64_t index, const struct json *part)
{
	if (is_type(part, "refusal"))
		return open_kind(d, index, PART_REFUSAL);
	if (is_type(part, "output_text"))
		return open_kind(d, index, PART_TEXT);
	return FAULT_NONE;
}

/* A part of a message: what of it has not come in deltas. */
static enum fault
part_done(struct decoding *d, int64_t index, const struct json *part)
{
	const bool refusal = is_type(part, "refusal");
	struct braid *b = &hearing(d)->braid;
	enum fault f;

	if (!refusal && !is_type(part, "output_text"))
		return FAULT_NONE;
	f = open_kind(d, index, refusal ? PART_REFUSAL : PART_TEXT);
	if (!braid_any(b, index))
		give(d, index, STEP_TEXT,
		    json_get_str(part, refusal ? "refusal" : "text"));
	give_citations(d, index, part);
	braid_close(d, b, index);
	return f;
}

static enum fault
reasoning_done(struct decoding *d, int64_t index, const struct json *item)
{
	const struct json *s = json_get(item, "summary");
	const struct slice sealed = json_get_str(item, "encrypted_content");
	struct braid *b = &hearing(d)->braid;
	const enum fault f = open_kind(d, index, PART_REASONING);

	if (!braid_any(b, index))
		give(d, index, STEP_TEXT, codec_text(d->scratch, s));
	if (sealed.len > 0)
		braid_step(d, b, index,
		    &(struct stream_step){ .kind = STEP_OPAQUE,
			.text = sealed,
			.origin = VENDOR_OPENAI });
	braid_close(d, b, index);
	return f;
}

static enum fault
call_done(struct decoding *d, int64_t index, const struct json *item)
{
	const bool custom = is_type(item, "custom_tool_call");
	struct braid *b = &hearing(d)->braid;
	enum fault f = FAULT_NONE;

	if (braid_block(b, index) == NULL)
		f = open_call(d, index, item);
	if (!braid_any(b, index))
		give(d, index, STEP_ARGS,
		    json_get_str(item, custom ? "input" : "arguments"));
	braid_close(d, b, index);
	return f;
}

/* Parts that were told one by one are over; else here is all of them. */
static enum fault
message_done(struct decoding *d, int64_t n, const struct json *item)
{
	const struct json *p = json_get(item, "content");
	struct hearing *h = hearing(d);
	const bool said = n >= SAID_ITEMS || (h->said >> n & 1) != 0;
	enum fault f = FAULT_NONE;
	uint64_t i;

	for (i = 0; i < ITEM_PARTS && h->braid.first != NULL; i++)
		braid_close(d, &h->braid, place(n, i));
	p = p != NULL && p->type == JSON_ARRAY && !said ? p->child : NULL;
	for (i = 0; p != NULL && f == FAULT_NONE; p = p->next)
		f = part_done(d, place(n, i++), p);
	return f;
}

static enum fault
item_done(struct decoding *d, int64_t n, const struct json *item)
{
	if (is_call(item))
		return call_done(d, place(n, 0), item);
	if (is_type(item, "reasoning"))
		return reasoning_done(d, place(n, 0), item);
	if (is_type(item, "message"))
		return message_done(d, n, item);
	return FAULT_NONE;
}

static void
hear_usage(struct decoding *d, struct slice data)
{
	struct hearing *h = hearing(d);
	struct tally t = { 0 };

	(void)dialect_openai_responses.event(data, &t);
	if (!t.has_usage)
		return;
	h->usage = t.usage;
	h->has_usage = true;
}

static void
hear_start(struct decoding *d, const struct json *response)
{
	if (!d->started)
		decoding_step(
		    d, &(struct stream_step){ .kind = STEP_START,
			   .id = json_get_str(response, "id"),
			   .model = json_get_str(response, "model") });
}

static enum stop_reason
stop_of(const struct json *response)
{
	const struct slice why =
	    json_get_str(json_get(response, "incomplete_details"), "reason");

	if (!slice_eq(json_get_str(response, "status"), S("incomplete")))
		return STOP_END;
	return slice_eq(why, S("content_filter")) ? STOP_FILTER : STOP_LENGTH;
}

static enum fault
read_output(struct decoding *d, const struct json *top)
{
	const struct json *i = json_get(top, "output");
	enum fault f = codec_is_crowd(i) ? FAULT_UP_GARBAGE : FAULT_NONE;
	int64_t n = 0;

	for (i = i != NULL && i->type == JSON_ARRAY ? i->child : NULL;
	     i != NULL && f == FAULT_NONE; i = i->next)
		f = item_done(d, n++, i);
	return f;
}

/* Of whom nothing was heard until here, all stands in the end. */
static enum fault
hear_end(struct decoding *d, const struct json *response, struct slice data)
{
	struct hearing *h = hearing(d);
	enum fault f = FAULT_NONE;

	hear_start(d, response);
	hear_usage(d, data);
	braid_end(d, &h->braid);
	if (!h->any)
		f = read_output(d, response);
	decoding_stop(d, stop_of(response), S(""));
	return f;
}

static void
hear_error(struct decoding *d, const struct json *top)
{
	const struct json *e = json_get(json_get(top, "response"), "error");

	if (e == NULL || e->type != JSON_OBJECT)
		e = json_get(top, "error");
	if (e == NULL || e->type != JSON_OBJECT)
		e = top;
	decoding_step(d, &(struct stream_step){ .kind = STEP_ERROR,
			     .message = json_get_str(e, "message"),
			     .fault = FAULT_UP_STATUS });
}

static enum fault
hear_delta(struct decoding *d, const struct json *top, struct slice type)
{
	static const struct {
		const char *type;
		enum part_kind kind;
	} row[] = {
		{ "response.output_text.delta", PART_TEXT },
		{ "response.refusal.delta", PART_REFUSAL },
		{ "response.reasoning_summary_text.delta", PART_REASONING },
		{ "response.reasoning_text.delta", PART_REASONING },
	};
	const struct slice text = json_get_str(top, "delta");
	int64_t index;
	enum fault f;
	size_t i;

	for (i = 0; i < NELEM(row); i++) {
		if (!slice_eq(type, slice_of(row[i].type)))
			continue;
		index = row[i].kind == PART_REASONING
			    ? place(item_of(d, top), 0)
			    : place_of(d, top);
		f = open_kind(d, index, row[i].kind);
		give(d, index, STEP_TEXT, text);
		return f;
	}
	if (slice_eq(type, S("response.function_call_arguments.delta")) ||
	    slice_eq(type, S("response.custom_tool_call_input.delta")))
		give(d, place(item_of(d, top), 0), STEP_ARGS, text);
	return FAULT_NONE;
}

static bool
is_end(struct slice type)
{
	return slice_eq(type, S("response.completed")) ||
	       slice_eq(type, S("response.incomplete"));
}

/* Parts of one summary are paragraphs. */
static void
hear_paragraph(struct decoding *d, const struct json *top)
{
	const int64_t index = place(item_of(d, top), 0);

	if (braid_any(&hearing(d)->braid, index))
		give(d, index, STEP_TEXT, S("\n\n"));
}

static enum fault
hear(struct decoding *d, const struct json *top, struct slice data)
{
	const struct slice type = json_get_str(top, "type");
	const struct json *item = json_get(top, "item");

	if (json_get(top, "delta") != NULL)
		return hear_delta(d, top, type);
	if (slice_eq(type, S("response.output_item.added"))) {
		/* Who gives no numbers has them one after the other. */
		if (json_get(top, "output_index") == NULL)
			hearing(d)->item++;
		return item_added(d, item_of(d, top), item);
	}
	if (slice_eq(type, S("response.output_item.done")))
		return item_done(d, item_of(d, top), item);
	if (slice_eq(type, S("response.content_part.added")))
		return part_added(d, place_of(d, top), json_get(top, "part"));
	if (slice_eq(type, S("response.content_part.done")))
		return part_done(d, place_of(d, top), json_get(top, "part"));
	if (slice_eq(type, S("response.reasoning_summary_part.added")))
		hear_paragraph(d, top);
	else if (slice_eq(type, S("response.created")))
		hear_start(d, json_get(top, "response"));
	else if (is_end(type))
		return hear_end(d, json_get(top, "response"), data);
	return FAULT_NONE;
}

enum fault
responses_read_event(struct decoding *d, struct slice name, struct slice data)
{
	struct slice type;
	struct json *top;

	(void)name;
	if (d->ended || slice_eq(slice_trim(data), S("[DONE]")))
		return FAULT_NONE;
	if (json_parse(d->scratch, data, &top) != FAULT_NONE ||
	    top->type != JSON_OBJECT)
		return FAULT_UP_GARBAGE;
	type = json_get_str(top, "type");
	if (slice_eq(type, S("error")) ||
	    slice_eq(type, S("response.failed")) ||
	    (type.len == 0 && json_get(top, "error") != NULL)) {
		hear_error(d, top);
		return FAULT_NONE;
	}
	if (type.len == 0)
		return FAULT_UP_GARBAGE;
	/* Whoever leaves out the first event has begun all the same. */
	if (!d->started && !slice_eq(type, S("response.created")) &&
	    !is_end(type))
		hear_start(d, NULL);
	return hear(d, top, data);
}

enum fault
responses_read_end(struct decoding *d)
{
	struct hearing *h = hearing(d);

	if (d->ended)
		return FAULT_NONE;
	if (!d->started || !d->stopped)
		return FAULT_UP_RESET;
	if (h->has_usage)
		decoding_step(d, &(struct stream_step){ .kind = STEP_USAGE,
				     .usage = h->usage,
				     .has_usage = true });
	decoding_step(d, &(struct stream_step){ .kind = STEP_END });
	return FAULT_NONE;
}

enum fault
responses_read_answer(
    struct arena *a, struct slice body, struct completion *out)
{
	struct gather *g = gather_new(a);
	struct decoding d = {
		.arena = a, .scratch = a, .step = gather_step, .arg = g
	};
	const struct completion *done;
	struct tally t = { 0 };
	struct json *top;

	if (json_parse(a, body, &top) != FAULT_NONE ||
	    dialect_openai_responses.answer(body, &t) != FAULT_NONE)
		return FAULT_UP_GARBAGE;
	hear_start(&d, top);
	if (read_output(&d, top) != FAULT_NONE)
		return FAULT_UP_GARBAGE;
	decoding_stop(&d, stop_of(top), S(""));
	hearing(&d)->usage = t.usage;
	hearing(&d)->has_usage = t.has_usage;
	if (responses_read_end(&d) != FAULT_NONE)
		return FAULT_UP_GARBAGE;
	done = gather_completion(g);
	*out = *done;
	return FAULT_NONE;
}

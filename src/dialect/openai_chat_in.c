/*
 * openai_chat_in.c - Chat Completions as a caller speaks it
 *
 * Reasoning has no field of its own there: its text goes as
 * reasoning_content, as many servers have it; opaque parts in an extension,
 * "reasoning_details", which clients that keep what they do not know send
 * back, and Google's signature of a call in "extra_content"; and all of it
 * once more behind the calls' ids, which every client sends back (seal.h).
 */
#include "dialect/chat_codec.h"
#include "dialect/codec.h"
#include "dialect/seal.h"
#include "model/ident.h"

/* --- a caller's request ----------------------------------------------------
 */

static struct slice
audio_mime(struct arena *a, struct slice format)
{
	return slice_of(arena_fmt(a, "audio/%.*s", S_FMT(format)));
}

static enum fault
read_file(struct part *p, const struct json *f, struct wrong *w)
{
	const struct slice data = json_get_str(f, "file_data");

	p->filename = json_get_str(f, "filename");
	p->file = json_get_str(f, "file_id");
	if (data.len > 0 && !conversation_data_uri(data, &p->mime, &p->data))
		return codec_wrong(
		    w, "messages", "file_data must be a data: URI in base64");
	if (slice_starts(p->mime, S("image/")))
		p->kind = PART_IMAGE;
	return FAULT_NONE;
}

static enum fault
read_part(struct parts *list, struct arena *a, const struct json *j,
    struct conversation *c, struct wrong *w)
{
	const struct slice type = json_get_str(j, "type");
	const struct json *v;
	struct part *p;

	if (j->type == JSON_STRING) {
		codec_add_text(list, a, j->text);
	} else if (slice_eq(type, S("text"))) {
		codec_add_text(list, a, json_get_str(j, "text"));
	} else if (slice_eq(type, S("refusal"))) {
		part_add(list, a, PART_REFUSAL)->text =
		    json_get_str(j, "refusal");
	} else if (slice_eq(type, S("image_url"))) {
		v = json_get(j, "image_url");
		p = part_add(list, a, PART_IMAGE);
		p->url = v != NULL && v->type == JSON_STRING
			     ? v->text
			     : json_get_str(v, "url");
		p->detail = json_get_str(v, "detail");
		if (conversation_data_uri(p->url, &p->mime, &p->data))
			p->url = S("");
		else if (slice_starts(p->url, S("data:")) || p->url.len == 0)
			return codec_wrong(w, "messages",
			    "image_url.url must be a URL or a data: URI in "
			    "base64");
	} else if (slice_eq(type, S("input_audio"))) {
		v = json_get(j, "input_audio");
		p = part_add(list, a, PART_AUDIO);
		p->data = json_get_str(v, "data");
		p->mime = audio_mime(a, json_get_str(v, "format"));
	} else if (slice_eq(type, S("file"))) {
		return read_file(
		    part_add(list, a, PART_DOCUMENT), json_get(j, "file"), w);
	} else {
		c->lost |= LOSS_BIT(LOSS_EXTRA);
	}
	return FAULT_NONE;
}

static enum fault
read_content(struct parts *list, struct arena *a, const struct json *content,
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
	f = codec_room(c, content, w, "messages");
	for (i = content->child; i != NULL && f == FAULT_NONE; i = i->next)
		f = read_part(list, a, i, c, w);
	return f;
}

static enum vendor
vendor_parse(struct slice s)
{
	return slice_eq(s, S("anthropic")) ? VENDOR_ANTHROPIC
	       : slice_eq(s, S("google"))  ? VENDOR_GOOGLE
	       : slice_eq(s, S("openai"))  ? VENDOR_OPENAI
	       : slice_eq(s, S("amazon"))  ? VENDOR_AMAZON
					   : VENDOR_NONE;
}

static const char *
vendor_text(enum vendor v)
{
	static const char *const texts[] = { "", "openai", "anthropic",
		"google", "amazon" };

	return texts[v];
}

/* What we gave out before comes back: opaque parts with their text. */
static void
read_reasoning(struct parts *list, struct arena *a, const struct json *m)
{
	const struct json *d = json_get(m, "reasoning_details"), *i;
	struct part *p;

	for (i = d != NULL && d->type == JSON_ARRAY ? d->child : NULL;
	     i != NULL; i = i->next) {
		p = part_add(list, a, PART_REASONING);
		p->text = json_get_str(i, "text");
		p->opaque = json_get_str(i, "data");
		p->origin = vendor_parse(json_get_str(i, "vendor"));
		p->redacted = p->text.len == 0;
	}
}

void
chat_read_calls(struct parts *list, struct parts *thoughts, struct arena *a,
    const struct json *m)
{
	const struct json *calls = json_get(m, "tool_calls"), *i, *f;
	struct part *p;

	for (i = calls != NULL && calls->type == JSON_ARRAY ? calls->child
							    : NULL;
	     i != NULL; i = i->next) {
		p = part_add(list, a, PART_TOOL_CALL);
		p->id = seal_id_read(a, json_get_str(i, "id"), thoughts, p);
		p->custom = slice_eq(json_get_str(i, "type"), S("custom"));
		f = json_get(i, p->custom ? "custom" : "function");
		p->name = json_get_str(f, "name");
		p->args = json_get_str(f, p->custom ? "input" : "arguments");
		f = json_get(json_get(i, "extra_content"), "google");
		if (json_get_str(f, "thought_signature").len > 0) {
			p->opaque = json_get_str(f, "thought_signature");
			p->origin = VENDOR_GOOGLE;
		}
	}
}

static enum fault
read_message(struct conversation *c, struct arena *a, const struct json *m,
    struct wrong *w)
{
	const struct slice role = json_get_str(m, "role");
	const struct json *content = json_get(m, "content");
	struct slice refusal;
	struct turn *t;
	struct part *p, *calls = NULL, *thoughts = NULL;
	struct parts to = { 0 };
	enum fault f;

	if (m->type != JSON_OBJECT)
		return codec_wrong(w, "messages", "must be a list of objects");
	if (slice_eq(role, S("tool"))) {
		t = conversation_turn(c, a, SPEAKER_USER);
		p = part_add(PARTS(&t->first), a, PART_TOOL_RESULT);
		p->id = seal_id_read(
		    a, json_get_str(m, "tool_call_id"), NULL, NULL);
		return read_content(PARTS(&p->inner), a, content, c, w);
	}
	if (slice_eq(role, S("system")) || slice_eq(role, S("developer")))
		t = conversation_turn(c, a, SPEAKER_SYSTEM);
	else if (slice_eq(role, S("user")))
		t = conversation_turn(c, a, SPEAKER_USER);
	else if (slice_eq(role, S("assistant")))
		t = conversation_turn(c, a, SPEAKER_ASSISTANT);
	else
		return codec_wrong(w, "messages",
		    "role must be system, developer, user, assistant or tool");
	t->name = json_get_str(m, "name");
	to.end = &t->first;
	if (t->speaker != SPEAKER_ASSISTANT)
		return read_content(&to, a, content, c, w);
	if (json_get_str(json_get(m, "audio"), "id").len > 0)
		return codec_wrong(w, "messages",
		    "has an answer in sound by its id, which one provider "
		    "knows only: send what was said as content");
	f = codec_room(c, json_get(m, "reasoning_details"), w, "messages");
	if (f == FAULT_NONE)
		f = codec_room(c, json_get(m, "tool_calls"), w, "messages");
	if (f != FAULT_NONE)
		return f;
	read_reasoning(&to, a, m);
	chat_read_calls(PARTS(&calls), PARTS(&thoughts), a, m);
	if (t->first == NULL)
		t->first = thoughts;
	f = read_content(&to, a, content, c, w);
	refusal = json_get_str(m, "refusal");
	if (refusal.len > 0)
		part_add(&to, a, PART_REFUSAL)->text = refusal;
	parts_join(&to, calls);
	return f;
}

static enum fault
read_messages(struct conversation *c, struct arena *a, const struct json *top,
    struct wrong *w)
{
	const struct json *list = json_get(top, "messages"), *m;
	enum fault f = FAULT_NONE;

	if (list == NULL || list->type != JSON_ARRAY || list->n == 0)
		return codec_wrong(w, "messages", "must be a list of messages");
	f = codec_room(c, list, w, "messages");
	for (m = list->child; m != NULL && f == FAULT_NONE; m = m->next)
		f = read_message(c, a, m, w);
	return f;
}

static int
tri(const struct json *j, const char *key)
{
	const struct json *v = json_get(j, key);

	return v == NULL || (v->type != JSON_TRUE && v->type != JSON_FALSE)
		   ? -1
		   : v->type == JSON_TRUE;
}

static enum fault
read_tools(struct conversation *c, struct arena *a, const struct json *top,
    struct wrong *w)
{
	const struct json *list = json_get(top, "tools"), *i, *f;
	struct tool **at = &c->tool;
	struct slice type;
	enum fault room = codec_tool_room(c, list, w, "tools");

	if (room != FAULT_NONE)
		return room;
	for (i = list != NULL ? list->child : NULL; i != NULL; i = i->next) {
		type = json_get_str(i, "type");
		if (slice_eq(type, S("function")))
			f = json_get(i, "function");
		else if (slice_eq(type, S("custom")))
			f = json_get(i, "custom");
		else if (type.len == 0 && json_get(i, "input_schema") != NULL)
			f = i; /* Anthropic's shape: some editors send it */
		else
			return codec_wrong(w, "tools",
			    "is a hosted tool of another provider than the one "
			    "that serves this model");
		*at = ARENA_NEW(a, struct tool);
		(*at)->name = json_get_str(f, "name");
		(*at)->description = json_get_str(f, "description");
		(*at)->schema = codec_raw(
		    a, json_get(f, f == i ? "input_schema" : "parameters"));
		(*at)->strict = tri(f, "strict");
		(*at)->custom = slice_eq(type, S("custom"));
		if ((*at)->name.len == 0)
			return codec_wrong(w, "tools", "a tool needs a name");
		at = &(*at)->next;
	}
	return FAULT_NONE;
}

static void
choose(struct conversation *c, struct slice mode)
{
	c->choice_said = mode.len > 0;
	if (slice_eq(mode, S("none")))
		c->choice = CHOICE_NONE;
	else if (slice_eq(mode, S("required")))
		c->choice = CHOICE_REQUIRED;
	else
		c->choice = CHOICE_AUTO;
}

static enum fault
read_choice(struct conversation *c, struct arena *a, const struct json *choice,
    struct wrong *w)
{
	const struct slice type = json_get_str(choice, "type");
	const struct json *list, *i;
	enum fault f = FAULT_NONE;

	if (choice == NULL)
		return FAULT_NONE;
	if (choice->type == JSON_STRING) {
		choose(c, choice->text);
	} else if (slice_eq(type, S("allowed_tools"))) {
		choice = json_get(choice, "allowed_tools");
		choose(c, json_get_str(choice, "mode"));
		list = json_get(choice, "tools");
		f = codec_tool_room(c, list, w, "tool_choice");
		if (f != FAULT_NONE)
			return f;
		c->allowed = ARENA_ARRAY(
		    a, struct slice, list != NULL ? list->n + 1 : 1);
		for (i = list != NULL ? list->child : NULL; i != NULL;
		     i = i->next)
			c->allowed[c->nallowed++] =
			    json_get_str(json_get(i, "function"), "name");
	} else if (type.len > 0) {
		c->choice_said = true;
		c->choice = CHOICE_NAMED;
		c->choice_name = json_get_str(
		    json_get(choice,
			slice_eq(type, S("custom")) ? "custom" : "function"),
		    "name");
	}
	return f;
}

static enum fault
read_stop(struct conversation *c, const struct json *stop, struct wrong *w)
{
	const struct json *i;

	if (stop == NULL || stop->type == JSON_NULL)
		return FAULT_NONE;
	if (stop->type == JSON_STRING) {
		c->stop[c->nstop++] = stop->text;
		return FAULT_NONE;
	}
	if (stop->type != JSON_ARRAY || stop->n > STOPS_MAX)
		return codec_wrong(w, "stop", "must be a text or up to 4");
	for (i = stop->child; i != NULL; i = i->next) {
		if (i->type == JSON_STRING)
			c->stop[c->nstop++] = i->text;
	}
	return FAULT_NONE;
}

static enum fault
read_format(struct conversation *c, struct arena *a, const struct json *format,
    struct wrong *w)
{
	const struct slice type = json_get_str(format, "type");
	const struct json *s;

	c->schema_strict = -1;
	if (format == NULL || slice_eq(type, S("text")) ||
	    format->type == JSON_NULL)
		return FAULT_NONE;
	if (slice_eq(type, S("json_object"))) {
		c->format = FORMAT_JSON;
		return FAULT_NONE;
	}
	s = json_get(format, "json_schema");
	if (!slice_eq(type, S("json_schema")) || json_get(s, "schema") == NULL)
		return codec_wrong(w, "response_format",
		    "must be text, json_object or json_schema with a schema");
	c->format = FORMAT_SCHEMA;
	c->schema = codec_raw(a, json_get(s, "schema"));
	c->schema_name = json_get_str(s, "name");
	c->schema_strict = tri(s, "strict");
	return FAULT_NONE;
}

/* Fields that no other dialect has a word for. */
static enum fault
read_rest(struct conversation *c, const struct json *top, struct wrong *w)
{
	static const struct {
		const char *name;
		enum loss loss;
	} lost[] = { { "logit_bias", LOSS_LOGIT_BIAS },
		{ "logprobs", LOSS_LOGPROBS },
		{ "top_logprobs", LOSS_LOGPROBS },
		{ "prediction", LOSS_PREDICTION }, { "store", LOSS_STORE } };
	static const char *const known[] = { "model", "messages", "tools",
		"tool_choice", "parallel_tool_calls", "response_format",
		"temperature", "top_p", "top_k", "seed", "presence_penalty",
		"frequency_penalty", "stream", "stream_options",
		"reasoning_effort", "verbosity", "safety_identifier", "user",
		"metadata", "prompt_cache_key", "service_tier", "max_tokens",
		"max_completion_tokens", "n", "stop", "logit_bias", "logprobs",
		"top_logprobs", "prediction", "store", "web_search_options",
		"audio", "modalities" };
	const struct json *v;
	size_t i;

	if (!codec_knows(top, known, NELEM(known)))
		c->lost |= LOSS_BIT(LOSS_EXTRA);
	for (i = 0; i < NELEM(lost); i++) {
		v = json_get(top, lost[i].name);
		if (v != NULL && v->type != JSON_NULL && v->type != JSON_FALSE)
			c->lost |= LOSS_BIT(lost[i].loss);
	}
	if (json_get(top, "web_search_options") != NULL)
		return codec_wrong(w, "web_search_options",
		    "is a hosted tool of another provider than the one that "
		    "serves this model");
	v = json_get(top, "audio");
	if (v != NULL && v->type == JSON_OBJECT)
		return codec_wrong(w, "audio",
		    "cannot be answered by the provider that serves this "
		    "model");
	return FAULT_NONE;
}

static void
read_parameters(struct conversation *c, struct arena *a, const struct json *top)
{
	const struct slice user = json_get_str(top, "safety_identifier");

	c->temperature = codec_number(top, "temperature");
	c->top_p = codec_number(top, "top_p");
	c->top_k = codec_number(top, "top_k");
	c->seed = codec_number(top, "seed");
	c->presence_penalty = codec_number(top, "presence_penalty");
	c->frequency_penalty = codec_number(top, "frequency_penalty");
	c->stream = json_get_bool(top, "stream", false);
	c->wants_usage = json_get_bool(
	    json_get(top, "stream_options"), "include_usage", false);
	c->parallel = tri(top, "parallel_tool_calls");
	c->effort = effort_parse(json_get_str(top, "reasoning_effort"));
	c->thinking_off = c->effort == EFFORT_NONE;
	c->verbosity = json_get_str(top, "verbosity");
	c->user = user.len > 0 ? user : json_get_str(top, "user");
	c->metadata = codec_raw(a, json_get(top, "metadata"));
	c->cache_key = json_get_str(top, "prompt_cache_key");
	c->tier =
	    dialect_openai_chat.tier(json_get_str(top, "service_tier"), S(""));
}

enum fault
chat_decode(
    struct arena *a, struct slice body, struct conversation *c, struct wrong *w)
{
	struct json *top;
	uint64_t old = 0;
	enum fault f = json_parse(a, body, &top);

	if (f != FAULT_NONE)
		return f;
	c->model = json_get_str(top, "model");
	c->n = 1;
	if (!codec_u64(top, "max_completion_tokens", &c->max_output) ||
	    !codec_u64(top, "max_tokens", &old) || !codec_u64(top, "n", &c->n))
		return codec_wrong(
		    w, "max_completion_tokens", "must be a whole number");
	if (c->max_output == 0)
		c->max_output = old;
	if (c->n > 1)
		c->lost |= LOSS_BIT(LOSS_N);
	read_parameters(c, a, top);
	f = read_choice(c, a, json_get(top, "tool_choice"), w);
	if (f == FAULT_NONE)
		f = read_messages(c, a, top, w);
	if (f == FAULT_NONE)
		f = read_tools(c, a, top, w);
	if (f == FAULT_NONE)
		f = read_stop(c, json_get(top, "stop"), w);
	if (f == FAULT_NONE)
		f = read_format(c, a, json_get(top, "response_format"), w);
	if (f == FAULT_NONE)
		f = read_rest(c, top, w);
	return f;
}

/* --- an answer for a caller ------------------------------------------------
 */

static const char *
finish_text(enum stop_reason r)
{
	switch (r) {
	case STOP_NONE:
	case STOP_END:
	case STOP_SEQUENCE:
	case STOP_PAUSE:
	case STOP_BAD_TOOL:
		return "stop";
	case STOP_LENGTH:
	case STOP_CONTEXT:
		return "length";
	case STOP_TOOL:
		return "tool_calls";
	case STOP_FILTER:
	case STOP_REFUSAL:
		return "content_filter";
	}
	return "stop";
}

static void
write_usage(struct buf *b, const struct usage *u)
{
	json_w_key(b, "usage");
	json_w_begin(b, '{');
	json_w_ku64(b, "prompt_tokens", u->input);
	json_w_ku64(b, "completion_tokens", u->output);
	json_w_ku64(b, "total_tokens", u->input + u->output);
	json_w_key(b, "prompt_tokens_details");
	json_w_begin(b, '{');
	json_w_ku64(b, "cached_tokens", u->cached);
	json_w_ku64(b, "cache_write_tokens", u->cache_write);
	json_w_ku64(b, "audio_tokens", u->audio_input);
	json_w_end(b, '}');
	json_w_key(b, "completion_tokens_details");
	json_w_begin(b, '{');
	json_w_ku64(b, "reasoning_tokens", u->reasoning);
	json_w_ku64(b, "audio_tokens", u->audio_output);
	json_w_ku64(b, "accepted_prediction_tokens", 0);
	json_w_ku64(b, "rejected_prediction_tokens", 0);
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static void
write_detail(struct buf *b, const struct part *p)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("opaque"));
	json_w_kstr(b, "vendor", slice_of(vendor_text(p->origin)));
	json_w_kstr(b, "text", p->text);
	json_w_kstr(b, "data", p->opaque);
	json_w_end(b, '}');
}

void
chat_write_call(struct buf *b, const struct part *p, int index, bool args)
{
	json_w_begin(b, '{');
	if (index >= 0)
		json_w_ki64(b, "index", index);
	json_w_kstr(b, "id", p->id);
	json_w_kstr(b, "type", p->custom ? S("custom") : S("function"));
	json_w_key(b, p->custom ? "custom" : "function");
	json_w_begin(b, '{');
	json_w_kstr(b, "name", p->name);
	json_w_kstr(
	    b, p->custom ? "input" : "arguments", args ? p->args : S(""));
	json_w_end(b, '}');
	if (p->opaque.len > 0 && p->origin == VENDOR_GOOGLE) {
		json_w_key(b, "extra_content");
		json_w_raw(b, S("{\"google\":{\"thought_signature\":"));
		json_w_str(b, p->opaque);
		buf_str(b, "}}");
	}
	json_w_end(b, '}');
}

struct kinds {
	bool text, refusal, reasoning, opaque, calls;
};

static struct kinds
kinds_of(const struct part *p)
{
	struct kinds k = { 0 };

	for (; p != NULL; p = p->next) {
		k.text |= p->kind == PART_TEXT;
		k.refusal |= p->kind == PART_REFUSAL;
		k.reasoning |= p->kind == PART_REASONING && p->text.len > 0;
		k.opaque |= p->kind == PART_REASONING && p->opaque.len > 0;
		k.calls |= p->kind == PART_TOOL_CALL;
	}
	return k;
}

/* The texts of one kind, one after the other. */
static void
write_texts(
    struct buf *b, const char *key, const struct part *p, enum part_kind kind)
{
	struct buf text = { 0 };
	struct slice all = S("");

	for (; p != NULL; p = p->next) {
		if (p->kind != kind)
			continue;
		if (all.len == 0) {
			all = p->text;
			continue;
		}
		if (text.len == 0)
			buf_add(&text, all);
		buf_add(&text, p->text);
		all = buf_slice(&text);
	}
	json_w_kstr(b, key, all);
	buf_fini(&text);
}

/* Code points, of which indexes count. */
static uint64_t
length_of(struct slice text)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < text.len; i++)
		n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
	return n;
}

/* Where a source says no place, it is of all that its block says. */
static void
write_citations(
    struct buf *b, const struct citation *c, uint64_t from, uint64_t to)
{
	for (; c != NULL; c = c->next) {
		json_w_begin(b, '{');
		json_w_kstr(b, "type", S("url_citation"));
		json_w_key(b, "url_citation");
		json_w_begin(b, '{');
		json_w_kstr(b, "url", c->url);
		json_w_kstr(b, "title", c->title);
		json_w_ku64(b, "start_index", c->end > 0 ? c->start : from);
		json_w_ku64(b, "end_index", c->end > 0 ? c->end : to);
		json_w_end(b, '}');
		json_w_end(b, '}');
	}
}

static void
write_annotations(struct buf *b, const struct part *p)
{
	const struct part *end = p, *q;
	uint64_t from = 0, to;

	for (q = p; q != NULL; q = q->next) {
		if (q->kind == PART_TEXT && q->citation != NULL)
			end = q->next;
	}
	json_w_key(b, "annotations");
	json_w_begin(b, '[');
	for (; p != end; p = p->next) {
		if (p->kind != PART_TEXT)
			continue;
		to = from + length_of(p->text);
		write_citations(b, p->citation, from, to);
		from = to;
	}
	json_w_end(b, ']');
}

static bool
is_picture(const struct part *p)
{
	return p->kind == PART_IMAGE && p->data.len > 0;
}

/* OpenAI's models draw elsewhere: as servers that route to Google's say it. */
static void
write_picture(struct buf *b, const struct part *p)
{
	struct buf uri = { 0 };

	buf_str(&uri, "data:");
	buf_add(&uri, p->mime);
	buf_str(&uri, ";base64,");
	buf_add(&uri, p->data);
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("image_url"));
	json_w_key(b, "image_url");
	json_w_begin(b, '{');
	json_w_kstr(b, "url", buf_slice(&uri));
	json_w_end(b, '}');
	json_w_end(b, '}');
	buf_fini(&uri);
}

static void
write_pictures(struct buf *b, const struct part *p)
{
	while (p != NULL && !is_picture(p))
		p = p->next;
	if (p == NULL)
		return;
	json_w_key(b, "images");
	json_w_begin(b, '[');
	for (; p != NULL; p = p->next) {
		if (is_picture(p))
			write_picture(b, p);
	}
	json_w_end(b, ']');
}

/* What was thought before goes with the first of them. */
static void
write_calls(struct buf *b, struct arena *a, const struct part *first)
{
	const struct part *p, *thoughts = first;
	struct part sealed;

	json_w_key(b, "tool_calls");
	json_w_begin(b, '[');
	for (p = first; p != NULL; p = p->next) {
		if (p->kind != PART_TOOL_CALL)
			continue;
		sealed = *p;
		sealed.id = seal_id(a, p->id, thoughts, p);
		thoughts = NULL;
		chat_write_call(b, &sealed, -1, true);
	}
	json_w_end(b, ']');
}

static void
write_message(struct buf *b, struct arena *a, const struct part *first)
{
	const struct kinds k = kinds_of(first);
	const struct part *p;

	json_w_key(b, "message");
	json_w_begin(b, '{');
	json_w_kstr(b, "role", S("assistant"));
	if (k.text || (!k.calls && !k.refusal)) {
		write_texts(b, "content", first, PART_TEXT);
	} else {
		json_w_key(b, "content");
		json_w_null(b);
	}
	if (k.refusal) {
		write_texts(b, "refusal", first, PART_REFUSAL);
	} else {
		json_w_key(b, "refusal");
		json_w_null(b);
	}
	if (k.reasoning)
		write_texts(b, "reasoning_content", first, PART_REASONING);
	if (k.opaque) {
		json_w_key(b, "reasoning_details");
		json_w_begin(b, '[');
		for (p = first; p != NULL; p = p->next) {
			if (p->kind == PART_REASONING && p->opaque.len > 0)
				write_detail(b, p);
		}
		json_w_end(b, ']');
	}
	if (k.calls)
		write_calls(b, a, first);
	write_annotations(b, first);
	write_pictures(b, first);
	json_w_end(b, '}');
}

static void
write_head(struct buf *b, const struct encoding_out *e, const char *object)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "id", codec_id(e->arena, "chatcmpl-", e->id));
	json_w_kstr(b, "object", slice_of(object));
	json_w_ki64(b, "created", e->created);
	json_w_kstr(b, "model", e->model);
}

void
chat_write_answer(
    const struct completion *in, struct encoding_out *e, struct buf *out)
{
	struct buf b = { 0 };

	buf_reserve(&b, CODEC_ROOM);
	write_head(&b, e, "chat.completion");
	json_w_key(&b, "choices");
	json_w_begin(&b, '[');
	json_w_begin(&b, '{');
	json_w_ki64(&b, "index", 0);
	write_message(&b, e->arena, in->first);
	json_w_key(&b, "logprobs");
	json_w_null(&b);
	json_w_kstr(&b, "finish_reason", slice_of(finish_text(in->stop)));
	json_w_end(&b, '}');
	json_w_end(&b, ']');
	if (in->has_usage)
		write_usage(&b, &in->usage);
	json_w_end(&b, '}');
	buf_add(out, buf_slice(&b));
	buf_fini(&b);
}

/* What a stream being written must remember. */
struct writing {
	struct part block;
	struct rope shown;     /* of a reasoning block */
	struct part *thoughts; /* opaque ones that no call carries yet */
	struct parts more;     /* of them */
	int calls;
	struct citation *cited, **cite; /* what the open block is from */
	uint64_t from, to;              /* where its text stands */
	struct usage usage;
	bool has_usage;
	bool open;
};

static struct writing *
writing_of(struct encoding_out *e)
{
	if (e->mind == NULL)
		e->mind = ARENA_NEW(e->arena, struct writing);
	return e->mind;
}

/* {"...","choices":[{"index":0,"delta":{ */
static void
open_chunk(struct buf *b, const struct encoding_out *e)
{
	write_head(b, e, "chat.completion.chunk");
	json_w_key(b, "choices");
	json_w_begin(b, '[');
	json_w_begin(b, '{');
	json_w_ki64(b, "index", 0);
	json_w_key(b, "delta");
	json_w_begin(b, '{');
}

static void
close_chunk(struct buf *b, const char *finish, struct buf *out)
{
	json_w_end(b, '}');
	json_w_key(b, "finish_reason");
	if (finish == NULL)
		json_w_null(b);
	else
		json_w_str(b, slice_of(finish));
	json_w_end(b, '}');
	json_w_end(b, ']');
	json_w_end(b, '}');
	codec_sse(out, S(""), buf_slice(b));
	buf_fini(b);
}

static void
write_delta(const struct encoding_out *e, const char *key, struct slice text,
    struct buf *out)
{
	struct buf b = { 0 };

	open_chunk(&b, e);
	json_w_kstr(&b, key, text);
	close_chunk(&b, NULL, out);
}

static void
write_start(const struct encoding_out *e, struct buf *out)
{
	struct buf b = { 0 };

	open_chunk(&b, e);
	json_w_kstr(&b, "role", S("assistant"));
	json_w_kstr(&b, "content", S(""));
	json_w_key(&b, "refusal");
	json_w_null(&b);
	close_chunk(&b, NULL, out);
}

static void
write_open(const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	struct writing *m = writing_of(e);
	struct part sealed = s->block;
	struct buf b = { 0 };

	m->block = s->block;
	m->from = m->to;
	if (is_picture(&s->block)) {
		open_chunk(&b, e);
		write_pictures(&b, &s->block);
		close_chunk(&b, NULL, out);
	}
	if (s->block.kind != PART_TOOL_CALL)
		return;
	sealed.id = seal_id(e->arena, s->block.id, m->thoughts, &s->block);
	m->thoughts = NULL;
	open_chunk(&b, e);
	json_w_key(&b, "tool_calls");
	json_w_begin(&b, '[');
	chat_write_call(&b, &sealed, m->calls++, false);
	json_w_end(&b, ']');
	close_chunk(&b, NULL, out);
}

static void
write_args(const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	struct writing *m = writing_of(e);
	struct buf b = { 0 };

	open_chunk(&b, e);
	json_w_key(&b, "tool_calls");
	json_w_begin(&b, '[');
	json_w_begin(&b, '{');
	json_w_ki64(&b, "index", m->calls - 1);
	json_w_key(&b, m->block.custom ? "custom" : "function");
	json_w_begin(&b, '{');
	json_w_kstr(&b, m->block.custom ? "input" : "arguments", s->text);
	json_w_end(&b, '}');
	json_w_end(&b, '}');
	json_w_end(&b, ']');
	close_chunk(&b, NULL, out);
}

/* For the first call behind it. */
static void
keep_thought(struct encoding_out *e, const struct part *p)
{
	struct writing *m = writing_of(e);
	struct part *kept;

	if (m->thoughts == NULL)
		m->more = (struct parts){ .end = &m->thoughts };
	kept = part_add(&m->more, e->arena, PART_REASONING);
	kept->opaque = arena_copy(e->arena, p->opaque);
	kept->text = arena_copy(e->arena, p->text);
	kept->origin = p->origin;
}

static void
write_opaque(
    const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	struct writing *m = writing_of(e);
	struct part p = m->block;
	struct buf b = { 0 };

	p.opaque = s->text;
	p.origin = s->origin;
	p.text = rope_text(&m->shown);
	/* It was in the call's first chunk. */
	if (p.kind == PART_TOOL_CALL && m->block.opaque.len > 0)
		return;
	open_chunk(&b, e);
	if (p.kind == PART_TOOL_CALL) {
		json_w_key(&b, "tool_calls");
		json_w_begin(&b, '[');
		json_w_begin(&b, '{');
		json_w_ki64(&b, "index", m->calls - 1);
		/* OpenAI's SDK wants one in each. */
		json_w_key(&b, "function");
		json_w_raw(&b, S("{\"arguments\":\"\"}"));
		json_w_key(&b, "extra_content");
		json_w_raw(&b, S("{\"google\":{\"thought_signature\":"));
		json_w_str(&b, p.opaque);
		buf_str(&b, "}}");
		json_w_end(&b, '}');
		json_w_end(&b, ']');
	} else {
		if (p.kind == PART_REASONING)
			keep_thought(e, &p);
		json_w_key(&b, "reasoning_details");
		json_w_begin(&b, '[');
		write_detail(&b, &p);
		json_w_end(&b, ']');
	}
	close_chunk(&b, NULL, out);
}

static void
write_end(struct encoding_out *e, struct buf *out)
{
	const struct writing *m = writing_of(e);
	struct buf b = { 0 };

	if (m->has_usage && e->asked->wants_usage) {
		write_head(&b, e, "chat.completion.chunk");
		json_w_key(&b, "choices");
		json_w_raw(&b, S("[]"));
		write_usage(&b, &m->usage);
		json_w_end(&b, '}');
		codec_sse(out, S(""), buf_slice(&b));
		buf_fini(&b);
	}
	codec_sse(out, S(""), S("[DONE]"));
}

static void
write_error(const struct stream_step *s, struct buf *out)
{
	dialect_openai_chat.error_event(out,
	    &(struct problem){ .status = 502,
		.fault = s->fault != FAULT_NONE ? s->fault : FAULT_UP_STATUS,
		.message = s->message });
}

static void
write_finish(
    const struct stream_step *s, const struct encoding_out *e, struct buf *out)
{
	struct buf b = { 0 };

	open_chunk(&b, e);
	close_chunk(&b, finish_text(s->stop), out);
}

static void
write_text(const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	struct writing *m = writing_of(e);

	if (m->block.kind == PART_REASONING) {
		/* What goes back with the signature must be all of it. */
		rope_add(&m->shown, e->arena, s->text);
		write_delta(e, "reasoning_content", s->text, out);
	} else {
		if (m->block.kind == PART_TEXT)
			m->to += length_of(s->text);
		write_delta(e,
		    m->block.kind == PART_REFUSAL ? "refusal" : "content",
		    s->text, out);
	}
}

static void
keep_citation(struct encoding_out *e, const struct citation *c)
{
	struct writing *m = writing_of(e);
	struct citation *kept = ARENA_NEW(e->arena, struct citation);

	*kept = (struct citation){ .url = arena_copy(e->arena, c->url),
		.title = arena_copy(e->arena, c->title),
		.start = c->start,
		.end = c->end };
	if (m->cited == NULL)
		m->cite = &m->cited;
	*m->cite = kept;
	m->cite = &kept->next;
}

/* Its block is over: now it is known which text they are the sources of. */
static void
write_cited(struct encoding_out *e, struct buf *out)
{
	struct writing *m = writing_of(e);
	struct buf b = { 0 };

	m->shown.len = 0;
	if (m->cited == NULL)
		return;
	open_chunk(&b, e);
	json_w_key(&b, "annotations");
	json_w_begin(&b, '[');
	write_citations(&b, m->cited, m->from, m->to);
	json_w_end(&b, ']');
	close_chunk(&b, NULL, out);
	m->cited = NULL;
}

void
chat_write_step(
    const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	struct writing *m = writing_of(e);

	switch (s->kind) {
	case STEP_START:
		write_start(e, out);
		break;
	case STEP_OPEN:
		write_open(s, e, out);
		break;
	case STEP_TEXT:
		write_text(s, e, out);
		break;
	case STEP_ARGS:
		write_args(s, e, out);
		break;
	case STEP_OPAQUE:
		write_opaque(s, e, out);
		break;
	case STEP_CITATION:
		keep_citation(e, s->citation);
		break;
	case STEP_CLOSE:
		write_cited(e, out);
		break;
	case STEP_STOP:
		write_finish(s, e, out);
		break;
	case STEP_USAGE:
		m->usage = s->usage;
		m->has_usage = true;
		break;
	case STEP_ERROR:
		write_error(s, out);
		break;
	case STEP_END:
		write_end(e, out);
		break;
	}
}

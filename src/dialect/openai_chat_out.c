/*
 * openai_chat_out.c - Chat Completions as a provider is spoken to
 */
#include "dialect/chat_codec.h"
#include "dialect/codec.h"
#include "dialect/seal.h"
#include "model/ident.h"

/* --- a provider's request --------------------------------------------------
 */

static enum fault
write_media(
    struct buf *b, struct arena *a, const struct part *p, struct wrong *w)
{
	const struct slice uri =
	    p->data.len > 0 ? slice_of(arena_fmt(a, "data:%.*s;base64,%.*s",
				  S_FMT(p->mime), S_FMT(p->data)))
			    : p->url;

	if (p->file.len > 0)
		return codec_wrong(w, "messages",
		    "a file id is known to one provider only: send the file");
	json_w_begin(b, '{');
	if (p->kind == PART_IMAGE) {
		json_w_kstr(b, "type", S("image_url"));
		json_w_key(b, "image_url");
		json_w_begin(b, '{');
		json_w_kstr(b, "url", uri);
		if (p->detail.len > 0)
			json_w_kstr(b, "detail", p->detail);
		json_w_end(b, '}');
	} else if (p->kind == PART_AUDIO && p->data.len > 0) {
		json_w_kstr(b, "type", S("input_audio"));
		json_w_key(b, "input_audio");
		json_w_begin(b, '{');
		json_w_kstr(b, "data", p->data);
		json_w_kstr(b, "format",
		    slice_eq(p->mime, S("audio/mpeg")) ? S("mp3")
		    : slice_starts(p->mime, S("audio/"))
			? (struct slice){ p->mime.p + 6, p->mime.len - 6 }
			: S("wav"));
		json_w_end(b, '}');
	} else if (p->kind == PART_DOCUMENT && p->data.len > 0) {
		json_w_kstr(b, "type", S("file"));
		json_w_key(b, "file");
		json_w_begin(b, '{');
		json_w_kstr(b, "filename",
		    p->filename.len > 0 ? p->filename : S("document"));
		json_w_kstr(b, "file_data", uri);
		json_w_end(b, '}');
	} else {
		return codec_wrong(w, "messages",
		    "has media that this model's provider does not take");
	}
	json_w_end(b, '}');
	return FAULT_NONE;
}

static bool
is_media(const struct part *p)
{
	return p->kind == PART_IMAGE || p->kind == PART_AUDIO ||
	       p->kind == PART_VIDEO ||
	       (p->kind == PART_DOCUMENT && p->text.len == 0);
}

static bool
any_media(const struct part *p)
{
	while (p != NULL && !is_media(p))
		p = p->next;
	return p != NULL;
}

static enum fault
write_parts(
    struct buf *b, struct arena *a, const struct part *p, struct wrong *w)
{
	enum fault f = FAULT_NONE;

	for (; p != NULL && f == FAULT_NONE; p = p->next) {
		if (is_media(p)) {
			f = write_media(b, a, p, w);
		} else if (p->kind == PART_TEXT || p->kind == PART_DOCUMENT) {
			json_w_begin(b, '{');
			json_w_kstr(b, "type", S("text"));
			json_w_kstr(b, "text", p->text);
			json_w_end(b, '}');
		}
	}
	return f;
}

/* A text where that is all there is: the form every server takes. */
static enum fault
write_content(
    struct buf *b, struct arena *a, const struct part *p, struct wrong *w)
{
	enum fault f;

	json_w_key(b, "content");
	if (!any_media(p)) {
		json_w_str(b, codec_join(a, p));
		return FAULT_NONE;
	}
	json_w_begin(b, '[');
	f = write_parts(b, a, p, w);
	json_w_end(b, ']');
	return f;
}

static void
write_result(
    struct buf *b, struct arena *a, const struct part *p, uint64_t *lost)
{
	struct slice text = codec_join(a, p->inner);

	if (p->is_error) {
		text = slice_of(arena_fmt(a, "Error: %.*s", S_FMT(text)));
		*lost |= LOSS_BIT(LOSS_TOOL_ERROR);
	}
	json_w_begin(b, '{');
	json_w_kstr(b, "role", S("tool"));
	json_w_kstr(b, "tool_call_id", p->id);
	json_w_kstr(b, "content", text);
	json_w_end(b, '}');
}

static void
add_copy(struct parts *to, struct arena *a, const struct part *p)
{
	struct part *copy = part_add(to, a, p->kind);

	*copy = *p;
	copy->next = NULL;
}

/* Results first, each a message; then what the user says, and the pictures
 * that were in the results. */
static enum fault
write_user(struct buf *b, struct arena *a, const struct turn *t, uint64_t *lost,
    struct wrong *w)
{
	struct part *rest = NULL;
	struct parts to = { .end = &rest };
	const struct part *p, *i;
	enum fault f;

	for (p = t->first; p != NULL; p = p->next) {
		if (p->kind == PART_TOOL_RESULT)
			write_result(b, a, p, lost);
		for (i = p->kind == PART_TOOL_RESULT ? p->inner : NULL;
		     i != NULL; i = i->next) {
			if (!is_media(i))
				continue;
			add_copy(&to, a, i);
			*lost |= LOSS_BIT(LOSS_TOOL_MEDIA);
		}
	}
	for (p = t->first; p != NULL; p = p->next) {
		if (p->kind != PART_TOOL_RESULT)
			add_copy(&to, a, p);
	}
	if (rest == NULL)
		return FAULT_NONE;
	json_w_begin(b, '{');
	json_w_kstr(b, "role", S("user"));
	f = write_content(b, a, rest, w);
	if (t->name.len > 0)
		json_w_kstr(b, "name", t->name);
	json_w_end(b, '}');
	return f;
}

static void
write_assistant(struct buf *b, struct arena *a, const struct turn *t,
    enum vendor vendor, uint64_t *lost)
{
	struct part named;
	const struct part *p;
	bool calls = false;
	const struct slice text = codec_join(a, t->first);

	for (p = t->first; p != NULL; p = p->next) {
		calls |= p->kind == PART_TOOL_CALL;
		if (p->kind == PART_REASONING)
			*lost |= LOSS_BIT(LOSS_REASONING);
	}
	if (!calls && text.len == 0)
		return;
	json_w_begin(b, '{');
	json_w_kstr(b, "role", S("assistant"));
	if (text.len > 0 || !calls)
		json_w_kstr(b, "content", text);
	if (calls) {
		json_w_key(b, "tool_calls");
		json_w_begin(b, '[');
		for (p = t->first; p != NULL; p = p->next) {
			if (p->kind != PART_TOOL_CALL)
				continue;
			named = *p;
			if (vendor != VENDOR_GOOGLE)
				named.opaque = S("");
			named.name = codec_tool_name(a, p->name, lost);
			named.args = codec_args(a, p);
			named.custom = false;
			chat_write_call(b, &named, -1, true);
		}
		json_w_end(b, ']');
	}
	json_w_end(b, '}');
}

static enum fault
write_messages(struct buf *b, struct arena *a, const struct conversation *c,
    enum vendor vendor, uint64_t *lost, struct wrong *w)
{
	const struct turn *t;
	enum fault f = FAULT_NONE;

	json_w_key(b, "messages");
	json_w_begin(b, '[');
	for (t = c->first; t != NULL && f == FAULT_NONE; t = t->next) {
		if (t->speaker == SPEAKER_USER) {
			f = write_user(b, a, t, lost, w);
		} else if (t->speaker == SPEAKER_ASSISTANT) {
			write_assistant(b, a, t, vendor, lost);
		} else if (t->first != NULL) {
			json_w_begin(b, '{');
			json_w_kstr(b, "role", S("system"));
			json_w_kstr(b, "content", codec_join(a, t->first));
			json_w_end(b, '}');
		}
	}
	json_w_end(b, ']');
	return f;
}

static void
write_tools(struct buf *b, struct arena *a, const struct conversation *c,
    uint64_t *lost)
{
	static const char *const modes[] = { "auto", "none", "required" };
	const struct tool *t;

	json_w_key(b, "tools");
	json_w_begin(b, '[');
	for (t = c->tool; t != NULL; t = t->next) {
		if (!codec_allows(c, t)) {
			*lost |= LOSS_BIT(LOSS_ALLOWED_TOOLS);
			continue;
		}
		json_w_begin(b, '{');
		json_w_kstr(b, "type", S("function"));
		json_w_key(b, "function");
		json_w_begin(b, '{');
		json_w_kstr(b, "name", codec_tool_name(a, t->name, lost));
		if (t->description.len > 0)
			json_w_kstr(b, "description", t->description);
		json_w_key(b, "parameters");
		json_w_raw(b, codec_schema(a, t, lost));
		if (t->strict >= 0)
			json_w_kbool(b, "strict", t->strict == 1);
		json_w_end(b, '}');
		json_w_end(b, '}');
	}
	json_w_end(b, ']');
	if (c->choice_said && c->choice != CHOICE_NAMED) {
		json_w_kstr(b, "tool_choice", slice_of(modes[c->choice]));
	} else if (c->choice_said) {
		json_w_key(b, "tool_choice");
		json_w_raw(b, S("{\"type\":\"function\",\"function\":"));
		buf_str(b, "{\"name\":");
		json_w_str(b, codec_tool_name(a, c->choice_name, lost));
		buf_str(b, "}}");
	}
	if (c->parallel >= 0)
		json_w_kbool(b, "parallel_tool_calls", c->parallel == 1);
}

static void
write_format(struct buf *b, const struct conversation *c)
{
	if (c->format == FORMAT_TEXT)
		return;
	json_w_key(b, "response_format");
	json_w_begin(b, '{');
	json_w_kstr(b, "type",
	    c->format == FORMAT_JSON ? S("json_object") : S("json_schema"));
	if (c->format == FORMAT_SCHEMA) {
		json_w_key(b, "json_schema");
		json_w_begin(b, '{');
		json_w_kstr(b, "name",
		    c->schema_name.len > 0 ? c->schema_name : S("answer"));
		json_w_key(b, "schema");
		json_w_raw(b, c->schema);
		if (c->schema_strict >= 0)
			json_w_kbool(b, "strict", c->schema_strict == 1);
		json_w_end(b, '}');
	}
	json_w_end(b, '}');
}

static void
write_number(struct buf *b, const char *key, struct slice number)
{
	if (number.len == 0)
		return;
	json_w_key(b, key);
	json_w_raw(b, number);
}

static void
write_stops(struct buf *b, const struct conversation *c, uint64_t *lost)
{
	unsigned i;

	if (c->nstop == 0)
		return;
	json_w_key(b, "stop");
	json_w_begin(b, '[');
	for (i = 0; i < c->nstop && i < 4; i++)
		json_w_str(b, c->stop[i]);
	json_w_end(b, ']');
	if (c->nstop > 4)
		*lost |= LOSS_BIT(LOSS_STOP);
}

static bool
thinks(struct slice model)
{
	static const struct slice names[] = {
#define THINKS(name) S_INIT(name),
#include "dialect/openai_models.def"
#undef THINKS
	};
	size_t i;

	for (i = 0; i < NELEM(names); i++) {
		if (slice_starts(model, names[i]))
			return true;
	}
	return false;
}

static void
write_effort(struct buf *b, const struct conversation *c, struct slice model,
    uint64_t *lost)
{
	const enum effort e = codec_effort(c);

	if (e != c->effort)
		*lost |= LOSS_BIT(thinks(model) ? LOSS_EFFORT : LOSS_THINKING);
	if (e != EFFORT_NOT_SAID && (e == c->effort || thinks(model)))
		json_w_kstr(b, "reasoning_effort", slice_of(effort_text(e)));
}

static void
write_parameters(struct buf *b, const struct conversation *c,
    const struct target *t, uint64_t *lost)
{
	const uint64_t limit = codec_limit(c, t);

	if (limit > 0)
		json_w_ku64(b,
		    t->old_limit ? "max_tokens" : "max_completion_tokens",
		    limit);
	write_number(b, "temperature", c->temperature);
	write_number(b, "top_p", c->top_p);
	write_number(b, "seed", c->seed);
	write_number(b, "presence_penalty", c->presence_penalty);
	write_number(b, "frequency_penalty", c->frequency_penalty);
	write_stops(b, c, lost);
	write_format(b, c);
	write_effort(b, c, t->model, lost);
	if (c->verbosity.len > 0)
		json_w_kstr(b, "verbosity", c->verbosity);
	if (c->user.len > 0)
		json_w_kstr(b, "user", c->user);
	if (c->top_k.len > 0)
		*lost |= LOSS_BIT(LOSS_TOP_K);
	if (c->stream) {
		json_w_kbool(b, "stream", true);
		json_w_key(b, "stream_options");
		json_w_raw(b, S("{\"include_usage\":true}"));
	}
}

/* OpenAI caches what it likes. */
static bool
is_marked(const struct conversation *c)
{
	const struct tool *tool = c->tool;
	const struct turn *turn;
	const struct part *p;
	bool marked = false;

	for (; tool != NULL; tool = tool->next)
		marked |= tool->cache != CACHE_NONE;
	for (turn = c->first; turn != NULL; turn = turn->next) {
		for (p = turn->first; p != NULL; p = p->next)
			marked |= p->cache != CACHE_NONE;
	}
	return marked;
}

enum fault
chat_encode(struct arena *a, const struct conversation *in,
    const struct target *t, struct buf *out, uint64_t *lost, struct wrong *w)
{
	struct conversation *c = conversation_copy(a, in);
	struct buf b = { 0 };
	enum fault f;

	conversation_pair(c, a);
	*lost |= c->lost;
	if (is_marked(c))
		*lost |= LOSS_BIT(LOSS_CACHE_MARK);
	json_w_begin(&b, '{');
	json_w_kstr(&b, "model", t->model);
	f = write_messages(&b, a, c, t->vendor, lost, w);
	if (c->tool != NULL)
		write_tools(&b, a, c, lost);
	write_parameters(&b, c, t, lost);
	json_w_end(&b, '}');
	if (f == FAULT_NONE)
		buf_add(out, buf_slice(&b));
	buf_fini(&b);
	return f;
}

/* --- a provider's answer ---------------------------------------------------
 */

static enum stop_reason
stop_of(struct slice finish)
{
	static const struct {
		const char *text;
		enum stop_reason stop;
	} rows[] = { { "stop", STOP_END }, { "length", STOP_LENGTH },
		{ "tool_calls", STOP_TOOL }, { "function_call", STOP_TOOL },
		{ "content_filter", STOP_FILTER } };
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		if (slice_eq(finish, slice_of(rows[i].text)))
			return rows[i].stop;
	}
	return finish.len > 0 ? STOP_END : STOP_NONE;
}

static bool
usage_of(struct slice body, struct usage *u)
{
	struct tally t = { 0 };

	/* The reader that books: one arithmetic for both. */
	(void)dialect_openai_chat.event(body, &t);
	*u = t.usage;
	return t.has_usage;
}

enum fault
chat_read_answer(struct arena *a, struct slice body, struct completion *out)
{
	const struct json *choice, *m;
	struct parts to = { .end = &out->first };
	struct part *p;
	struct json *top;
	struct slice text;

	if (json_parse(a, body, &top) != FAULT_NONE)
		return FAULT_UP_GARBAGE;
	choice = json_get(top, "choices");
	choice = choice != NULL ? choice->child : NULL;
	m = json_get(choice, "message");
	if (m == NULL || codec_is_crowd(json_get(m, "tool_calls")))
		return FAULT_UP_GARBAGE;
	out->id = json_get_str(top, "id");
	out->model = json_get_str(top, "model");
	(void)json_get_i64(top, "created", &out->created);
	text = json_get_str(m, "reasoning_content");
	if (text.len == 0)
		text = json_get_str(m, "reasoning");
	if (text.len > 0)
		part_add(&to, a, PART_REASONING)->text = text;
	codec_add_text(&to, a, codec_text(a, json_get(m, "content")));
	text = json_get_str(m, "refusal");
	if (text.len > 0)
		part_add(&to, a, PART_REFUSAL)->text = text;
	chat_read_calls(&to, NULL, a, m);
	out->stop = stop_of(json_get_str(choice, "finish_reason"));
	for (p = out->first; p != NULL; p = p->next) {
		if (p->kind == PART_TOOL_CALL && out->stop == STOP_END)
			out->stop = STOP_TOOL;
	}
	out->has_usage = usage_of(body, &out->usage);
	return FAULT_NONE;
}

/* --- a provider's stream ---------------------------------------------------
 */

struct reading {
	struct braid braid;
	enum stop_reason stop;
};

/* Texts have no index: each kind has one below those of calls. */
static int64_t
text_index(enum part_kind kind)
{
	return -1 - (int64_t)kind;
}

static void
close_texts(struct decoding *d, struct reading *r)
{
	braid_close(d, &r->braid, text_index(PART_TEXT));
	braid_close(d, &r->braid, text_index(PART_REFUSAL));
	braid_close(d, &r->braid, text_index(PART_REASONING));
}

static enum fault
text_delta(struct decoding *d, struct reading *r, enum part_kind kind,
    struct slice text)
{
	const struct part block = { .kind = kind };
	const int64_t index = text_index(kind);
	enum fault f = FAULT_NONE;

	if (text.len == 0)
		return FAULT_NONE;
	if (braid_block(&r->braid, index) == NULL) {
		close_texts(d, r);
		f = braid_open(d, &r->braid, index, &block);
	}
	braid_step(d, &r->braid, index,
	    &(struct stream_step){ .kind = STEP_TEXT, .text = text });
	return f;
}

/* Some servers give all calls of an answer one index: a new id with a name
 * is a new call. */
static bool
is_new_call(const struct part *open, struct slice id, struct slice name)
{
	return open == NULL ||
	       (id.len > 0 && name.len > 0 && !slice_eq(id, open->id));
}

static enum fault
call_delta(struct decoding *d, struct reading *r, const struct json *j)
{
	const struct json *f = json_get(j, "function");
	const struct part block = { .kind = PART_TOOL_CALL,
		.id = json_get_str(j, "id"),
		.name = json_get_str(f, "name") };
	enum fault fault = FAULT_NONE;
	int64_t index = 0;

	if (!json_get_i64(j, "index", &index) || index < 0)
		index = 0;
	if (is_new_call(braid_block(&r->braid, index), block.id, block.name)) {
		close_texts(d, r);
		fault = braid_open(d, &r->braid, index, &block);
	}
	braid_step(d, &r->braid, index,
	    &(struct stream_step){
		.kind = STEP_ARGS, .text = json_get_str(f, "arguments") });
	return fault;
}

static struct reading *
reading_of(struct decoding *d)
{
	if (d->mind == NULL)
		d->mind = ARENA_NEW(d->arena, struct reading);
	return d->mind;
}

static enum fault
read_delta(struct decoding *d, const struct json *delta)
{
	struct reading *r = reading_of(d);
	const struct json *calls = json_get(delta, "tool_calls"), *i;
	struct slice text = json_get_str(delta, "reasoning_content");
	enum fault f;

	if (text.len == 0)
		text = json_get_str(delta, "reasoning");
	f = text_delta(d, r, PART_REASONING, text);
	if (f == FAULT_NONE)
		f = text_delta(d, r, PART_TEXT, json_get_str(delta, "content"));
	if (f == FAULT_NONE)
		f = text_delta(
		    d, r, PART_REFUSAL, json_get_str(delta, "refusal"));
	i = calls != NULL && calls->type == JSON_ARRAY ? calls->child : NULL;
	for (; i != NULL && f == FAULT_NONE; i = i->next)
		f = call_delta(d, r, i);
	return f;
}

static enum fault
finish(struct decoding *d)
{
	struct reading *r = reading_of(d);

	if (d->ended)
		return FAULT_NONE;
	braid_end(d, &r->braid);
	decoding_stop(d, r->stop, S(""));
	decoding_step(d, &(struct stream_step){ .kind = STEP_END });
	return FAULT_NONE;
}

enum fault
chat_read_event(struct decoding *d, struct slice name, struct slice data)
{
	struct stream_step s = { .kind = STEP_USAGE, .has_usage = true };
	struct reading *r = reading_of(d);
	const struct json *choice;
	struct json *top;
	enum fault f = FAULT_NONE;

	(void)name;
	if (slice_eq(slice_trim(data), S("[DONE]")))
		return finish(d);
	if (json_parse(d->scratch, data, &top) != FAULT_NONE)
		return FAULT_UP_GARBAGE;
	if (json_get(top, "error") != NULL &&
	    json_get(top, "error")->type != JSON_NULL) {
		s = (struct stream_step){ .kind = STEP_ERROR,
			.fault = FAULT_UP_STATUS,
			.message =
			    json_get_str(json_get(top, "error"), "message") };
		decoding_step(d, &s);
		return FAULT_NONE;
	}
	if (!d->started)
		decoding_step(d, &(struct stream_step){ .kind = STEP_START,
				     .id = json_get_str(top, "id"),
				     .model = json_get_str(top, "model") });
	choice = json_get(top, "choices");
	choice = choice != NULL ? choice->child : NULL;
	if (choice != NULL) {
		f = read_delta(d, json_get(choice, "delta"));
		if (json_get_str(choice, "finish_reason").len > 0)
			r->stop =
			    stop_of(json_get_str(choice, "finish_reason"));
	}
	if (json_get(top, "usage") != NULL && usage_of(data, &s.usage))
		decoding_step(d, &s);
	return f;
}

enum fault
chat_read_end(struct decoding *d)
{
	const struct reading *r = reading_of(d);

	if (d->ended)
		return FAULT_NONE;
	if (!d->started || r->stop == STOP_NONE)
		return FAULT_UP_RESET;
	return finish(d);
}

/*
 * openai_chat.c - OpenAI Chat Completions, as its clients and servers speak
 *
 * Facts: the published OpenAPI document of the API and what SDKs send; see
 * docs/dialects.md.  Nothing is checked here that the provider checks better:
 * a request must be one JSON object whose fields that steer money or routing
 * can be understood without doubt.
 */
#include "dialect/dialect.h"

#include "base/text.h"
#include "dialect/chat_codec.h"
#include "dialect/fields.h"
#include "dialect/peek.h"
#include "dialect/seal.h"

enum {
	/* Framing tokens around a message, a tool, a part. */
	PER_ITEM = 16,
	/* The most any published image rule charges for one image. */
	PER_IMAGE = 40000,
	N_MAX = 128
};

/*
 * Is the raw key this name?  Letters may be spelt as \u escapes, and a provider
 * would read them; names of ours hold nothing that other escapes spell.
 */
static bool
is_name(struct slice raw, const char *name)
{
	size_t i = 0, k;
	int v;

	for (; i < raw.len && *name != '\0'; name++) {
		if (raw.p[i] != '\\') {
			if (raw.p[i++] != *name)
				return false;
			continue;
		}
		if (raw.len - i < 6 || raw.p[i + 1] != 'u')
			return false;
		for (v = 0, k = i + 2; k < i + 6; k++)
			v = v << 4 | text_hex_digit(raw.p[k]);
		if (v != *name)
			return false;
		i += 6;
	}
	return i == raw.len && *name == '\0';
}

static enum fault
read_n(struct json_cur *c, struct ask *q)
{
	enum fault f = ask_count(c, q, "n", &q->n);

	if (f == FAULT_NONE && q->n > N_MAX)
		return ask_wrong(q, "n", "must be at most 128");
	if (q->n == 0)
		q->n = 1;
	return f;
}

static enum fault
read_max_tokens(struct json_cur *c, struct ask *q)
{
	return ask_limit(c, q, "max_tokens");
}

static enum fault
read_max_completion_tokens(struct json_cur *c, struct ask *q)
{
	return ask_limit(c, q, "max_completion_tokens");
}

/*
 * Leaves in q->usage the one edit that makes the provider send usage, as if
 * the request streams; the end of ask() drops it when it does not.
 */
static enum fault
read_stream_options(struct json_cur *c, struct ask *q)
{
	struct slice key, span;
	enum json_type type;
	bool escaped, any = false, seen = false;
	size_t at;

	if (!json_peek(c, &type))
		return c->fault;
	at = ask_offset(q, c->p);
	if (type == JSON_NULL) {
		q->usage =
		    (struct splice){ at, 4, S("{\"include_usage\":true}") };
		return ask_skip(c);
	}
	if (type != JSON_OBJECT)
		return ask_wrong(q, "stream_options", "must be an object");
	if (!json_enter_object(c))
		return c->fault;
	while (json_next_key(c, &key, &escaped)) {
		any = true;
		if (!json_peek(c, &type) || !json_skip(c, &span))
			return c->fault;
		if (!is_name(key, "include_usage"))
			continue;
		if (seen)
			return FAULT_JSON_DUPLICATE;
		seen = true;
		q->wants_usage = type == JSON_TRUE;
		if (type != JSON_TRUE)
			q->usage = (struct splice){ ask_offset(q, span.p),
				span.len, S("true") };
	}
	if (!seen)
		q->usage = (struct splice){ at + 1, 0,
			any ? S("\"include_usage\":true,")
			    : S("\"include_usage\":true") };
	return c->fault;
}

/* One member of an object whose value is a string; empty else. */
static enum fault
read_text(struct json_cur *c, struct slice *out)
{
	enum json_type type;
	bool escaped;

	*out = S("");
	if (!json_peek(c, &type))
		return c->fault;
	if (type != JSON_STRING)
		return ask_skip(c);
	return json_take_string(c, out, &escaped) ? FAULT_NONE : c->fault;
}

/* {"url": "data:..."|"https://..."} or {"file_id": ...}, {"file_data": ...} */
static enum fault
read_media(struct json_cur *c, struct ask *q)
{
	struct slice key, text;
	enum json_type type;
	bool escaped;

	if (!json_peek(c, &type))
		return c->fault;
	if (type != JSON_OBJECT) {
		q->unseen = true;
		return ask_skip(c);
	}
	if (!json_enter_object(c))
		return c->fault;
	while (json_next_key(c, &key, &escaped)) {
		if (read_text(c, &text) != FAULT_NONE)
			return c->fault;
		if (slice_eq(key, S("url")) && !slice_starts(text, S("data:")))
			q->unseen = true;
		if (slice_eq(key, S("file_id")) && text.len > 0)
			q->unseen = true;
	}
	return c->fault;
}

/* It may hold anything. */
static void
hidden(struct ask *q)
{
	q->unseen = true;
	q->lanes |= LANE_BIT(LANE_IMAGE_INPUT) | LANE_BIT(LANE_AUDIO_INPUT);
}

static enum fault
read_part(struct json_cur *c, struct ask *q)
{
	struct slice key;
	enum json_type type;
	bool escaped;
	enum fault f;

	if (!json_peek(c, &type))
		return c->fault;
	if (type != JSON_OBJECT)
		return ask_skip(c);
	if (!json_enter_object(c))
		return c->fault;
	q->surcharge += PER_ITEM;
	while (json_next_key(c, &key, &escaped)) {
		/* A name we would know but for its escapes hides content. */
		if (escaped)
			hidden(q);
		if (slice_eq(key, S("image_url"))) {
			q->surcharge += PER_IMAGE;
			q->lanes |= LANE_BIT(LANE_IMAGE_INPUT);
			f = read_media(c, q);
		} else if (slice_eq(key, S("file"))) {
			/* Pages may be read as images too. */
			q->unseen = true;
			q->lanes |= LANE_BIT(LANE_IMAGE_INPUT);
			f = read_media(c, q);
		} else {
			if (slice_eq(key, S("input_audio")))
				q->lanes |= LANE_BIT(LANE_AUDIO_INPUT);
			f = ask_skip(c);
		}
		if (f != FAULT_NONE)
			return f;
	}
	return c->fault;
}

static enum fault
read_content(struct json_cur *c, struct ask *q)
{
	enum json_type type;

	if (!json_peek(c, &type))
		return c->fault;
	return type == JSON_ARRAY ? ask_items(c, q, "messages", read_part)
				  : ask_skip(c);
}

/* What came from other dialects by way of us: see openai_chat_in.c. */
static enum fault
read_opaque(struct json_cur *c, struct ask *q, struct slice key)
{
	struct slice span;

	if (!json_skip(c, &span))
		return c->fault;
	if (slice_eq(key, S("tool_calls"))) {
		q->sealed = q->sealed || seal_is_id(span);
		q->signatures =
		    q->signatures || memmem(span.p, span.len,
					 "\"thought_signature\"", 19) != NULL;
	} else if (slice_eq(key, S("tool_call_id"))) {
		q->sealed = q->sealed || seal_is_id(span);
	} else if (slice_eq(key, S("reasoning_details"))) {
		q->sealed = q->sealed ||
			    memmem(span.p, span.len, "\"opaque\"", 8) != NULL;
	}
	return FAULT_NONE;
}

static enum fault
read_message(struct json_cur *c, struct ask *q)
{
	struct slice key;
	enum json_type type;
	bool escaped;
	enum fault f;

	if (!json_peek(c, &type))
		return c->fault;
	if (type != JSON_OBJECT)
		return ask_wrong(
		    q, "messages", "every message must be an object");
	if (!json_enter_object(c))
		return c->fault;
	q->surcharge += PER_ITEM;
	while (json_next_key(c, &key, &escaped)) {
		if (escaped)
			hidden(q);
		if (!json_peek(c, &type))
			return c->fault;
		if (slice_eq(key, S("content")))
			f = read_content(c, q);
		else
			f = read_opaque(c, q, key);
		/* An earlier spoken answer, kept by the provider under an id.
		 */
		if (slice_eq(key, S("audio")) && type == JSON_OBJECT) {
			q->unseen = true;
			q->lanes |= LANE_BIT(LANE_AUDIO_INPUT);
		}
		if (f != FAULT_NONE)
			return f;
	}
	return c->fault;
}

static enum fault
read_messages(struct json_cur *c, struct ask *q)
{
	return ask_items(c, q, "messages", read_message);
}

static enum fault
read_tool(struct json_cur *c, struct ask *q)
{
	struct slice key, text;
	enum json_type type;
	bool escaped, ours = false;

	if (!json_peek(c, &type))
		return c->fault;
	if (type != JSON_OBJECT)
		return ask_wrong(q, "tools", "every tool must be an object");
	if (!json_enter_object(c))
		return c->fault;
	q->surcharge += PER_ITEM;
	while (json_next_key(c, &key, &escaped)) {
		if (read_text(c, &text) != FAULT_NONE)
			return c->fault;
		if (slice_eq(key, S("type")) &&
		    (slice_eq(text, S("function")) ||
			slice_eq(text, S("custom"))))
			ours = true;
	}
	if (!ours)
		q->hosted_tool = true;
	return c->fault;
}

static enum fault
read_tools(struct json_cur *c, struct ask *q)
{
	return ask_items_or_null(c, q, "tools", read_tool);
}

static enum fault
read_web_search(struct json_cur *c, struct ask *q)
{
	enum json_type type;

	if (!json_peek(c, &type))
		return c->fault;
	q->hosted_tool = q->hosted_tool || type != JSON_NULL;
	return ask_skip(c);
}

static enum fault
read_modalities(struct json_cur *c, struct ask *q)
{
	struct slice span;

	if (!json_skip(c, &span))
		return c->fault;
	if (memmem(span.p, span.len, "audio", 5) != NULL ||
	    memchr(span.p, '\\', span.len) != NULL)
		q->lanes |= LANE_BIT(LANE_AUDIO_OUTPUT);
	if (memmem(span.p, span.len, "image", 5) != NULL ||
	    memchr(span.p, '\\', span.len) != NULL)
		q->lanes |= LANE_BIT(LANE_IMAGE_OUTPUT);
	return FAULT_NONE;
}

/* Rejected predictions are billed as output on top. */
static enum fault
read_prediction(struct json_cur *c, struct ask *q)
{
	struct slice span;

	if (!json_skip(c, &span))
		return c->fault;
	q->extra_output = span.len;
	return FAULT_NONE;
}

static enum fault
chat_ask(struct arena *a, struct slice body, struct ask *q)
{
	static const struct ask_field known[] = {
		{ S_INIT("model"), ask_model },
		{ S_INIT("messages"), read_messages },
		{ S_INIT("stream"), ask_stream },
		{ S_INIT("stream_options"), read_stream_options },
		{ S_INIT("tools"), read_tools },
		{ S_INIT("n"), read_n },
		{ S_INIT("max_completion_tokens"), read_max_completion_tokens },
		{ S_INIT("max_tokens"), read_max_tokens },
		{ S_INIT("service_tier"), ask_service_tier },
		{ S_INIT("modalities"), read_modalities },
		{ S_INIT("prediction"), read_prediction },
		{ S_INIT("web_search_options"), read_web_search },
	};
	static const struct ask_fields fields = { known, NELEM(known),
		"messages" };
	enum fault f;

	*q = (struct ask){ .body = body, .n = 1, .lanes = LANES_TEXT };
	f = ask_object(a, &fields, q);
	if (f != FAULT_NONE)
		return f;
	if (!q->stream)
		q->usage = (struct splice){ 0 };
	else if (!q->wants_usage && q->usage.with.len == 0)
		q->usage = (struct splice){ q->first_at, 0,
			S("\"stream_options\":{\"include_usage\":true},") };
	return FAULT_NONE;
}

/* --- answers ------------------------------------------------------------ */

static bool
read_usage(struct json_cur *c, struct tally *t)
{
	static const struct peek_openai names = { S_INIT("prompt_tokens"),
		S_INIT("completion_tokens"), S_INIT("prompt_tokens_details"),
		S_INIT("completion_tokens_details") };

	return peek_openai_usage(c, &names, t);
}

static void
note_piece(struct tally *t, struct slice raw)
{
	t->bytes += raw.len;
	t->deltas += raw.len > 0;
	if (t->mold != NULL) {
		t->mold->piece = raw;
		t->mold->pieces++;
	}
}

static bool read_strings(struct json_cur *c, struct tally *t, unsigned depth);

/* Counts every string below a delta or message as content. */
static bool
read_string_members(struct json_cur *c, struct tally *t, unsigned depth)
{
	struct slice key;
	bool escaped;

	if (!json_enter_object(c))
		return false;
	while (json_next_key(c, &key, &escaped)) {
		if (slice_eq(key, S("role")) || slice_eq(key, S("type")) ||
		    slice_eq(key, S("id")) || slice_eq(key, S("index"))) {
			if (!json_skip(c, NULL))
				return false;
		} else if (!read_strings(c, t, depth + 1)) {
			return false;
		}
	}
	return c->fault == FAULT_NONE;
}

static bool
read_strings(struct json_cur *c, struct tally *t, unsigned depth)
{
	enum json_type type;
	struct slice raw;
	bool escaped;

	if (!json_peek(c, &type))
		return false;
	/* tool_calls[].function.arguments is the deepest content. */
	if (depth > 6 ||
	    (type != JSON_STRING && type != JSON_OBJECT && type != JSON_ARRAY))
		return json_skip(c, NULL);
	if (type == JSON_STRING) {
		if (!json_take_string(c, &raw, &escaped))
			return false;
		note_piece(t, raw);
		return true;
	}
	if (type == JSON_OBJECT)
		return read_string_members(c, t, depth);
	if (!json_enter_array(c))
		return false;
	while (json_next_item(c)) {
		if (!read_strings(c, t, depth + 1))
			return false;
	}
	return c->fault == FAULT_NONE;
}

static bool
read_choice(struct json_cur *c, struct tally *t)
{
	struct slice key;
	enum json_type type;
	bool escaped;

	if (!json_peek(c, &type))
		return false;
	if (type != JSON_OBJECT)
		return json_skip(c, NULL);
	if (!json_enter_object(c))
		return false;
	while (json_next_key(c, &key, &escaped)) {
		if (slice_eq(key, S("delta")) || slice_eq(key, S("message"))) {
			if (!read_strings(c, t, 0))
				return false;
			continue;
		}
		if (!json_peek(c, &type))
			return false;
		if (slice_eq(key, S("finish_reason")) && type == JSON_STRING)
			t->finished = true;
		if (!json_skip(c, NULL))
			return false;
	}
	return c->fault == FAULT_NONE;
}

/* What cannot be the name of a tier is kept as one nobody has a price for. */
static bool
read_tier(struct json_cur *c, struct tally *t, enum json_type type)
{
	struct slice raw;

	if (!json_skip(c, &raw))
		return false;
	if (type != JSON_STRING || raw.len <= 2)
		return true;
	t->tier_len = raw.len - 2 < TIER_MAX ? (unsigned)raw.len - 2 : TIER_MAX;
	memcpy(t->tier, raw.p + 1, t->tier_len);
	return true;
}

struct shape {
	bool choices, usage, error;
	unsigned n;       /* of choices */
	struct slice pad; /* the last string member behind them */
};

static bool
read_answer(struct json_cur *c, struct tally *t, struct shape *s)
{
	struct slice key, span;
	enum json_type type;
	bool escaped;

	if (!json_peek(c, &type) || type != JSON_OBJECT ||
	    !json_enter_object(c))
		return false;
	while (json_next_key(c, &key, &escaped)) {
		if (!json_peek(c, &type))
			return false;
		if (slice_eq(key, S("choices")) && type == JSON_ARRAY) {
			s->choices = true;
			if (!json_enter_array(c))
				return false;
			for (; json_next_item(c); s->n++) {
				if (!read_choice(c, t))
					return false;
			}
		} else if (slice_eq(key, S("usage"))) {
			s->usage = s->usage || type == JSON_OBJECT;
			if (!read_usage(c, t))
				return false;
		} else if (slice_eq(key, S("service_tier"))) {
			if (!read_tier(c, t, type))
				return false;
		} else {
			if (slice_eq(key, S("error")) && type != JSON_NULL)
				s->error = true;
			if (!json_skip(c, &span))
				return false;
			if (type == JSON_STRING && s->choices)
				s->pad =
				    (struct slice){ span.p + 1, span.len - 2 };
		}
		if (c->fault != FAULT_NONE)
			return false;
	}
	return c->fault == FAULT_NONE && json_at_end(c);
}

/* --- events that are alike ---------------------------------------------- */

/* rest begins as text does from `from` to `to`: passes that. */
static bool
pass_same(struct slice *rest, const char *from, const char *to)
{
	const struct slice same = { from, (size_t)(to - from) };

	if (!slice_starts(*rest, same))
		return false;
	*rest = (struct slice){ rest->p + same.len, rest->len - same.len };
	return true;
}

/* rest is behind an opening quote: passes what stands up to the closing one. */
static bool
pass_string(struct slice *rest, struct slice *raw)
{
	struct json_cur c =
	    json_cur((struct slice){ rest->p - 1, rest->len + 1 });
	bool escaped;

	if (!json_take_string(&c, raw, &escaped))
		return false;
	*rest = (struct slice){ raw->p + raw->len,
		rest->len - (size_t)(raw->p - rest->p) - raw->len };
	return true;
}

/* Is this the last event again, but for its piece and its pad? */
static bool
is_cast(struct slice data, struct tally *t)
{
	struct mold *m = t->mold;
	const char *p = m->data.p, *end = p + m->data.len;
	struct slice rest = data, piece, pad = { 0 };

	if (!pass_same(&rest, p, m->piece.p) || !pass_string(&rest, &piece))
		return false;
	p = m->piece.p + m->piece.len;
	if (m->pad.p != NULL) {
		if (!pass_same(&rest, p, m->pad.p) || !pass_string(&rest, &pad))
			return false;
		p = m->pad.p + m->pad.len;
	}
	if (!pass_same(&rest, p, end) || rest.len > 0)
		return false;
	note_piece(t, piece);
	*m = (struct mold){ data, piece, pad, 1 };
	return true;
}

/* An event that says nothing but one piece of content is a mold. */
static void
keep_mold(struct slice data, const struct tally *t, const struct shape *s)
{
	struct mold *m = t->mold;

	if (m->pieces == 1 && s->n == 1 && !s->usage && !s->error &&
	    !t->finished) {
		m->data = data;
		m->pad = s->pad;
	}
}

/*
 * "default" and "auto" are the deployment's own, unless that is one which has
 * to be asked for; "fast" is another word for priority.
 */
static struct slice
chat_tier(struct slice said, struct slice own)
{
	if (slice_eq(said, S("fast")))
		return S("priority");
	if (said.len == 0 || slice_eq(said, S("auto")))
		return own;
	if (!slice_eq(said, S("default")))
		return said;
	return slice_eq(own, S("flex")) || slice_eq(own, S("priority"))
		   ? S("standard")
		   : own;
}

static enum fault
chat_answer(struct slice body, struct tally *t)
{
	struct json_cur c = json_cur(body);
	struct shape s = { 0 };

	if (!read_answer(&c, t, &s) || !s.choices)
		return FAULT_UP_GARBAGE;
	t->finished = true;
	return FAULT_NONE;
}

static enum event_kind
chat_event(struct slice data, struct tally *t)
{
	struct json_cur c = json_cur(data);
	struct shape s = { 0 };

	if (t->mold != NULL && t->mold->data.len > 0 && is_cast(data, t))
		return EVENT_PASS;
	if (t->mold != NULL)
		*t->mold = (struct mold){ 0 };
	if (slice_eq(slice_trim(data), S("[DONE]")))
		return EVENT_DONE;
	if (!read_answer(&c, t, &s))
		return EVENT_BAD;
	if (s.error)
		t->failed = true;
	if (t->mold != NULL)
		keep_mold(data, t, &s);
	return s.choices && s.n == 0 && s.usage && !s.error ? EVENT_USAGE
							    : EVENT_PASS;
}

/* --- errors ------------------------------------------------------------- */

static bool
chat_is_error(struct slice body, struct arena *a, struct slice *message)
{
	const struct json *error;
	struct json *top;

	*message = S("");
	if (json_parse(a, body, &top) != FAULT_NONE)
		return false;
	error = json_get(top, "error");
	*message = json_get_str(error, "message");
	if (error != NULL && error->type == JSON_OBJECT && message->len > 0)
		return true;
	/* Other shapes: {"message"}, {"Message"}, {"error":"text"}. */
	if (error != NULL && error->type == JSON_STRING)
		*message = error->text;
	if (message->len == 0)
		*message = json_get_str(top, "message");
	if (message->len == 0)
		*message = json_get_str(top, "Message");
	return false;
}

static const char *
error_type(int status)
{
	static const struct {
		int status;
		const char *type;
	} types[] = {
		{ 401, "authentication_error" },
		{ 403, "permission_error" },
		{ 404, "not_found_error" },
		{ 408, "timeout_error" },
		{ 429, "rate_limit_error" },
		{ 503, "overloaded_error" },
		{ 529, "overloaded_error" },
	};
	size_t i;

	for (i = 0; i < NELEM(types); i++) {
		if (types[i].status == status)
			return types[i].type;
	}
	return status >= 500 ? "server_error" : "invalid_request_error";
}

/* Where the members of "error" begin, and which of two it has. */
static bool
find_error(struct slice body, const char **members, bool *type, bool *param)
{
	struct json_cur c = json_cur(body);
	struct slice key;
	bool escaped;

	*type = *param = false;
	if (!json_enter_object(&c))
		return false;
	while (json_next_key(&c, &key, &escaped)) {
		if (!slice_eq(key, S("error"))) {
			if (!json_skip(&c, NULL))
				return false;
			continue;
		}
		if (!json_enter_object(&c))
			return false;
		*members = c.p;
		while (json_next_key(&c, &key, &escaped)) {
			*type = *type || slice_eq(key, S("type"));
			*param = *param || slice_eq(key, S("param"));
			if (!json_skip(&c, NULL))
				return false;
		}
		return c.fault == FAULT_NONE;
	}
	return false;
}

/* Azure leaves out type and param. */
static struct slice
chat_mend_error(struct arena *a, struct slice body, int status)
{
	const char *at = NULL;
	bool type, param;
	struct slice part[5];
	size_t n = 0;

	if (!find_error(body, &at, &type, &param) || (type && param))
		return body;
	part[n++] = (struct slice){ body.p, (size_t)(at - body.p) };
	if (!type) {
		part[n++] = S("\"type\":\"");
		part[n++] = slice_of(error_type(status));
		part[n++] = param ? S("\",") : S("\",\"param\":null,");
	} else {
		part[n++] = S("\"param\":null,");
	}
	part[n++] = (struct slice){ at, body.len - (size_t)(at - body.p) };
	return arena_join(a, part, n);
}

static void
chat_error(struct buf *out, const struct problem *p)
{
	const struct fault_row *row = fault_get(p->fault);
	struct slice code = p->code.len > 0 ? p->code : slice_of(row->code);

	json_w_begin(out, '{');
	json_w_key(out, "error");
	json_w_begin(out, '{');
	json_w_kstr(out, "message",
	    p->message.len > 0 ? p->message : slice_of(row->text));
	json_w_kstr(out, "type",
	    p->fault == FAULT_BUDGET ? code : slice_of(error_type(p->status)));
	json_w_key(out, "param");
	if (p->param.len > 0)
		json_w_str(out, p->param);
	else
		json_w_null(out);
	json_w_kstr(out, "code", code);
	json_w_end(out, '}');
	json_w_end(out, '}');
}

static void
chat_error_event(struct buf *out, const struct problem *p)
{
	struct buf text = { 0 };

	/* The writer's commas look at what stands before: a fresh buffer. */
	chat_error(&text, p);
	buf_str(out, "data: ");
	buf_add(out, buf_slice(&text));
	buf_str(out, "\n\n");
	buf_fini(&text);
}

static const struct codec codec = {
	.decode = chat_decode,
	.write_answer = chat_write_answer,
	.write_step = chat_write_step,
	.encode = chat_encode,
	.read_answer = chat_read_answer,
	.read_event = chat_read_event,
	.read_end = chat_read_end,
};

const struct dialect dialect_openai_chat = {
	.name = "openai-chat",
	.codec = &codec,
	.tier = chat_tier,
	.ask = chat_ask,
	.answer = chat_answer,
	.event = chat_event,
	.is_error = chat_is_error,
	.mend_error = chat_mend_error,
	.error = chat_error,
	.error_event = chat_error_event,
};

/*
 * bedrock.c - Bedrock's Converse as it passes, and what its two halves share
 *
 * The model stands in the path, and so does whether it streams.  Streams are
 * AWS's event stream.  Facts: the published model of the service and what
 * its SDKs send; see docs/dialects.md.
 */
#include "dialect/bedrock.h"

#include "base/text.h"
#include "dialect/codec.h"
#include "dialect/peek.h"
#include "dialect/seal.h"
#include "http/eventstream.h"

enum {
	/* Framing tokens around a message, a block, a tool. */
	PER_ITEM = 16,
	/* The most that one picture is charged. */
	PER_IMAGE = 40000
};

/* --- formats ---------------------------------------------------------------
 */

static const struct {
	enum part_kind kind;
	struct slice format, mime;
} formats[] = {
	{ PART_IMAGE, S_INIT("png"), S_INIT("image/png") },
	{ PART_IMAGE, S_INIT("jpeg"), S_INIT("image/jpeg") },
	{ PART_IMAGE, S_INIT("jpeg"), S_INIT("image/jpg") },
	{ PART_IMAGE, S_INIT("gif"), S_INIT("image/gif") },
	{ PART_IMAGE, S_INIT("webp"), S_INIT("image/webp") },
	{ PART_DOCUMENT, S_INIT("pdf"), S_INIT("application/pdf") },
	{ PART_DOCUMENT, S_INIT("csv"), S_INIT("text/csv") },
	{ PART_DOCUMENT, S_INIT("doc"), S_INIT("application/msword") },
	{ PART_DOCUMENT, S_INIT("docx"),
	    S_INIT("application/vnd.openxmlformats-officedocument."
		   "wordprocessingml.document") },
	{ PART_DOCUMENT, S_INIT("xls"), S_INIT("application/vnd.ms-excel") },
	{ PART_DOCUMENT, S_INIT("xlsx"),
	    S_INIT("application/vnd.openxmlformats-officedocument."
		   "spreadsheetml.sheet") },
	{ PART_DOCUMENT, S_INIT("html"), S_INIT("text/html") },
	{ PART_DOCUMENT, S_INIT("txt"), S_INIT("text/plain") },
	{ PART_DOCUMENT, S_INIT("md"), S_INIT("text/markdown") },
	{ PART_VIDEO, S_INIT("mp4"), S_INIT("video/mp4") },
	{ PART_VIDEO, S_INIT("mov"), S_INIT("video/quicktime") },
	{ PART_VIDEO, S_INIT("mkv"), S_INIT("video/x-matroska") },
	{ PART_VIDEO, S_INIT("webm"), S_INIT("video/webm") },
	{ PART_VIDEO, S_INIT("flv"), S_INIT("video/x-flv") },
	{ PART_VIDEO, S_INIT("mpeg"), S_INIT("video/mpeg") },
	{ PART_VIDEO, S_INIT("mpg"), S_INIT("video/mpg") },
	{ PART_VIDEO, S_INIT("wmv"), S_INIT("video/x-ms-wmv") },
	{ PART_VIDEO, S_INIT("three_gp"), S_INIT("video/3gpp") },
	{ PART_AUDIO, S_INIT("wav"), S_INIT("audio/wav") },
	{ PART_AUDIO, S_INIT("mp3"), S_INIT("audio/mp3") },
	{ PART_AUDIO, S_INIT("mp3"), S_INIT("audio/mpeg") },
	{ PART_AUDIO, S_INIT("opus"), S_INIT("audio/opus") },
	{ PART_AUDIO, S_INIT("aac"), S_INIT("audio/aac") },
	{ PART_AUDIO, S_INIT("flac"), S_INIT("audio/flac") },
	{ PART_AUDIO, S_INIT("ogg"), S_INIT("audio/ogg") },
	{ PART_AUDIO, S_INIT("m4a"), S_INIT("audio/m4a") },
	{ PART_AUDIO, S_INIT("webm"), S_INIT("audio/webm") },
	{ PART_AUDIO, S_INIT("pcm"), S_INIT("audio/pcm") },
};

struct slice
bedrock_format(enum part_kind kind, struct slice mime)
{
	size_t i;

	for (i = 0; i < NELEM(formats); i++) {
		if (formats[i].kind == kind && slice_ieq(formats[i].mime, mime))
			return formats[i].format;
	}
	return S("");
}

static struct slice
bedrock_mime(enum part_kind kind, struct slice format)
{
	size_t i;

	for (i = 0; i < NELEM(formats); i++) {
		if (formats[i].kind == kind &&
		    slice_eq(formats[i].format, format))
			return formats[i].mime;
	}
	return S("");
}

/* --- stop, usage -----------------------------------------------------------
 */

static const struct {
	enum stop_reason why;
	struct slice text;
} stops[] = {
	{ STOP_END, S_INIT("end_turn") },
	{ STOP_LENGTH, S_INIT("max_tokens") },
	{ STOP_CONTEXT, S_INIT("model_context_window_exceeded") },
	{ STOP_SEQUENCE, S_INIT("stop_sequence") },
	{ STOP_TOOL, S_INIT("tool_use") },
	{ STOP_FILTER, S_INIT("content_filtered") },
	{ STOP_FILTER, S_INIT("guardrail_intervened") },
	{ STOP_BAD_TOOL, S_INIT("malformed_tool_use") },
	{ STOP_BAD_TOOL, S_INIT("malformed_model_output") },
	{ STOP_REFUSAL, S_INIT("content_filtered") },
};

enum stop_reason
bedrock_stop_parse(struct slice text)
{
	size_t i;

	for (i = 0; i < NELEM(stops); i++) {
		if (slice_eq(stops[i].text, text))
			return stops[i].why;
	}
	return STOP_END;
}

struct slice
bedrock_stop_text(enum stop_reason why)
{
	size_t i;

	for (i = 0; i < NELEM(stops); i++) {
		if (stops[i].why == why)
			return stops[i].text;
	}
	return S("end_turn");
}

/* inputTokens is what no cache has to do with. */
void
bedrock_read_usage(const struct json *j, struct usage *u, bool *has)
{
	const struct json *k = json_get(j, "cacheDetails");
	uint64_t fresh = 0, hour = 0;

	memset(u, 0, sizeof(*u));
	*has = json_get(j, "inputTokens") != NULL &&
	       codec_u64(j, "inputTokens", &fresh) &&
	       codec_u64(j, "outputTokens", &u->output) &&
	       codec_u64(j, "cacheReadInputTokens", &u->cached) &&
	       codec_u64(j, "cacheWriteInputTokens", &u->cache_write) &&
	       fresh <= UINT64_MAX / 4 && u->cached <= UINT64_MAX / 4 &&
	       u->cache_write <= UINT64_MAX / 4;
	for (k = k != NULL ? k->child : NULL; k != NULL && *has; k = k->next) {
		if (slice_eq(json_get_str(k, "ttl"), S("1h")))
			*has = codec_u64(k, "inputTokens", &hour);
	}
	u->input = fresh + u->cached + u->cache_write;
	u->cache_write_1h = hour;
	*has = *has && usage_sane(u);
}

/* --- blocks ----------------------------------------------------------------
 */

static bool
is_base64(struct slice s)
{
	struct buf b = { 0 };
	const bool ok = text_base64_parse(&b, s);

	buf_fini(&b);
	return ok;
}

static bool
read_media(struct arena *a, enum part_kind kind, const struct json *j,
    struct parts *out, const char **hint)
{
	const struct json *source = json_get(j, "source");
	struct part *p = part_add(out, a, kind);

	p->mime = bedrock_mime(kind, json_get_str(j, "format"));
	p->filename = json_get_str(j, "name");
	p->data = json_get_str(source, "bytes");
	p->url = json_get_str(json_get(source, "s3Location"), "uri");
	p->text = json_get_str(source, "text");
	if (json_get(source, "content") != NULL)
		p->text = codec_text(a, json_get(source, "content"));
	if (p->mime.len == 0 && kind == PART_DOCUMENT && p->text.len > 0)
		p->mime = S("text/plain");
	*hint = "has media without a known format or a source";
	if (p->mime.len == 0 || p->data.len + p->url.len + p->text.len == 0)
		return false;
	*hint = "has media whose bytes are not base64";
	return p->data.len == 0 || is_base64(p->data);
}

static bool
read_result(
    struct arena *a, const struct json *j, struct parts *out, const char **hint)
{
	const struct json *list = json_get(j, "content"), *k;
	struct part *p = part_add(out, a, PART_TOOL_RESULT);
	struct parts inner = { .end = &p->inner };

	p->id = json_get_str(j, "toolUseId");
	p->is_error = slice_eq(json_get_str(j, "status"), S("error"));
	*hint = "has a toolResult without toolUseId or content";
	if (p->id.len == 0 || list == NULL || list->type != JSON_ARRAY)
		return false;
	for (k = list->child; k != NULL; k = k->next) {
		if (json_get(k, "json") != NULL)
			codec_add_text(
			    &inner, a, codec_raw(a, json_get(k, "json")));
	}
	return bedrock_read_blocks(a, list, &inner, hint);
}

/* A signature of another vendor may belong to the block before it. */
static void
read_thought(struct arena *a, const struct json *j, struct parts *out)
{
	const struct json *text = json_get(j, "reasoningText");
	enum vendor origin;
	struct slice sig = seal_read(
	    a, VENDOR_ANTHROPIC, json_get_str(text, "signature"), &origin);
	struct part *last = out->last;

	if (sig.len > 0 && origin != VENDOR_ANTHROPIC && last != NULL &&
	    last->kind != PART_REASONING && last->opaque.len == 0 &&
	    json_get_str(text, "text").len == 0) {
		last->opaque = sig;
		last->origin = origin;
		return;
	}
	last = part_add(out, a, PART_REASONING);
	last->text = json_get_str(text, "text");
	last->opaque = sig;
	last->origin = origin;
	if (json_get(j, "redactedContent") == NULL)
		return;
	last->redacted = true;
	last->opaque = json_get_str(j, "redactedContent");
	last->origin = VENDOR_ANTHROPIC;
}

static void
read_cited(struct arena *a, const struct json *j, struct parts *out)
{
	const struct json *list = json_get(j, "citations"), *k;
	struct part *p = part_add(out, a, PART_TEXT);
	struct citation **at = &p->citation;

	p->text = codec_text(a, json_get(j, "content"));
	for (k = list != NULL ? list->child : NULL; k != NULL; k = k->next) {
		*at = ARENA_NEW(a, struct citation);
		(*at)->title = json_get_str(k, "title");
		(*at)->url = json_get_str(
		    json_get(json_get(k, "location"), "web"), "url");
		(*at)->cited = codec_text(a, json_get(k, "sourceContent"));
		at = &(*at)->next;
	}
}

static bool
read_block(
    struct arena *a, const struct json *k, struct parts *out, const char **hint)
{
	const struct json *j;
	struct part *p;

	if ((j = json_get(k, "text")) != NULL) {
		codec_add_text(out, a, j->text);
	} else if ((j = json_get(k, "image")) != NULL) {
		return read_media(a, PART_IMAGE, j, out, hint);
	} else if ((j = json_get(k, "document")) != NULL) {
		return read_media(a, PART_DOCUMENT, j, out, hint);
	} else if ((j = json_get(k, "audio")) != NULL) {
		return read_media(a, PART_AUDIO, j, out, hint);
	} else if ((j = json_get(k, "video")) != NULL) {
		return read_media(a, PART_VIDEO, j, out, hint);
	} else if ((j = json_get(k, "toolResult")) != NULL) {
		return read_result(a, j, out, hint);
	} else if ((j = json_get(k, "reasoningContent")) != NULL) {
		read_thought(a, j, out);
	} else if ((j = json_get(k, "citationsContent")) != NULL) {
		read_cited(a, j, out);
	} else if ((j = json_get(k, "toolUse")) != NULL) {
		p = part_add(out, a, PART_TOOL_CALL);
		p->id = json_get_str(j, "toolUseId");
		p->name = json_get_str(j, "name");
		p->args = codec_raw(a, json_get(j, "input"));
		*hint = "has a toolUse without toolUseId or name";
		return p->id.len > 0 && p->name.len > 0;
	} else if ((j = json_get(k, "guardContent")) != NULL) {
		codec_add_text(
		    out, a, json_get_str(json_get(j, "text"), "text"));
	} else if ((j = json_get(k, "cachePoint")) != NULL) {
		if (out->last != NULL)
			out->last->cache =
			    slice_eq(json_get_str(j, "ttl"), S("1h"))
				? CACHE_1H
				: CACHE_5M;
	} else if (json_get(k, "json") == NULL) {
		*hint = "has a block of a kind that no other provider has";
		return false;
	}
	return true;
}

bool
bedrock_read_blocks(struct arena *a, const struct json *list, struct parts *out,
    const char **hint)
{
	const struct json *k;

	*hint = "must be a list of content blocks";
	if (list == NULL || list->type != JSON_ARRAY)
		return false;
	*hint = "has more blocks than kontor translates";
	if (codec_is_crowd(list))
		return false;
	for (k = list->child; k != NULL; k = k->next) {
		if (!read_block(a, k, out, hint))
			return false;
	}
	return true;
}

/* --- requests as they pass --------------------------------------------------
 */

static enum fault
wrong(struct ask *q, const char *field, const char *hint)
{
	q->param = slice_of(field);
	q->hint = hint;
	return FAULT_FIELD;
}

static void
weigh_media(struct ask *q, const struct json *j, uint64_t surcharge)
{
	if (j == NULL)
		return;
	q->surcharge += surcharge;
	if (json_get(json_get(j, "source"), "s3Location") != NULL)
		q->unseen = true;
}

static void
weigh_blocks(struct ask *q, const struct json *list)
{
	const struct json *k, *j;

	for (k = list != NULL ? list->child : NULL; k != NULL; k = k->next) {
		q->surcharge += PER_ITEM;
		weigh_media(q, json_get(k, "image"), PER_IMAGE);
		if (json_get(k, "document") != NULL ||
		    json_get(k, "video") != NULL)
			q->unseen = true; /* pages and films are pictures */
		weigh_media(q, json_get(k, "audio"), 0);
		j = json_get(k, "toolResult");
		if (j != NULL)
			weigh_blocks(q, json_get(j, "content"));
	}
}

static bool
in_body(const struct ask *q, struct slice s)
{
	return s.p >= q->body.p && s.p < q->body.p + q->body.len;
}

static enum fault
read_limit(struct ask *q, const struct json *config)
{
	const struct json *j = json_get(config, "maxTokens");
	int64_t v;

	if (config != NULL && config->type != JSON_OBJECT &&
	    config->type != JSON_NULL)
		return wrong(q, "inferenceConfig", "must be an object");
	if (j == NULL || j->type == JSON_NULL)
		return FAULT_NONE;
	if (j->type != JSON_NUMBER || !json_i64(j->text, &v) || v < 1 ||
	    !in_body(q, j->text))
		return wrong(q, "inferenceConfig.maxTokens",
		    "must be a whole number above zero");
	q->max_output = (uint64_t)v;
	q->limit[q->nlimits++] =
	    (struct splice){ (size_t)(j->text.p - q->body.p), j->text.len,
		    S("") };
	return FAULT_NONE;
}

/* Where a limit goes that the body does not have. */
static void
find_room(struct ask *q)
{
	struct json_cur c = json_cur(q->body);
	struct slice key, span;
	enum json_type type;
	bool escaped;

	if (!json_enter_object(&c))
		return;
	q->first_at = (size_t)(c.p - q->body.p);
	q->limit_open = S("\"inferenceConfig\":{\"maxTokens\":");
	q->limit_close = S("},");
	while (json_next_key(&c, &key, &escaped)) {
		if (!json_peek(&c, &type) || !json_skip(&c, &span))
			return;
		if (type != JSON_OBJECT || !slice_eq(key, S("inferenceConfig")))
			continue;
		q->first_at = (size_t)(span.p - q->body.p) + 1;
		q->limit_open = S("\"maxTokens\":");
		c = json_cur(span);
		(void)json_enter_object(&c);
		q->limit_close =
		    json_next_key(&c, &key, &escaped) ? S(",") : S("");
		return;
	}
}

static void
weigh_tools(struct ask *q, const struct json *config)
{
	const struct json *k = json_get(config, "tools");

	for (k = k != NULL ? k->child : NULL; k != NULL; k = k->next) {
		q->surcharge += PER_ITEM;
		if (json_get(k, "systemTool") != NULL)
			q->hosted_tool = true;
	}
}

static enum fault
bedrock_ask(struct arena *a, struct slice body, struct ask *q)
{
	const struct json *m;
	struct json *top;
	enum fault f;

	*q = (struct ask){ .body = body, .n = 1, .lanes = LANES_TEXT };
	q->model_elsewhere = true;
	f = json_parse(a, body, &top);
	if (f != FAULT_NONE)
		return f;
	if (top->type != JSON_OBJECT)
		return wrong(q, "", "the body must be a JSON object");
	m = json_get(top, "messages");
	if (m == NULL || m->type != JSON_ARRAY)
		return wrong(q, "messages", "must be a list of messages");
	for (m = m->child; m != NULL; m = m->next)
		weigh_blocks(q, json_get(m, "content"));
	weigh_blocks(q, json_get(top, "system"));
	weigh_tools(q, json_get(top, "toolConfig"));
	q->tier = json_get_str(json_get(top, "serviceTier"), "type");
	if (q->tier.len > TIER_MAX)
		return wrong(q, "serviceTier.type",
		    "must be the name of a service tier");
	find_room(q);
	return read_limit(q, json_get(top, "inferenceConfig"));
}

/* --- answers as they pass ---------------------------------------------------
 */

static struct slice
bedrock_tier(struct slice said, struct slice own)
{
	if (said.len == 0)
		return own;
	if (!slice_eq(said, S("default")))
		return said;
	return slice_eq(own, S("flex")) || slice_eq(own, S("priority"))
		   ? S("standard")
		   : own;
}

struct counts {
	uint64_t fresh, read, write, hour, output;
	bool any, fine;
};

static bool
read_detail(struct json_cur *c, struct counts *n)
{
	struct slice key, ttl = S("");
	uint64_t v = 0;
	bool escaped;

	if (!json_enter_object(c))
		return false;
	while (json_next_key(c, &key, &escaped)) {
		if (slice_eq(key, S("ttl")) ? !peek_word(c, &ttl)
		    : slice_eq(key, S("inputTokens"))
			? !peek_u64(c, &v, &n->fine)
			: !json_skip(c, NULL))
			return false;
	}
	if (slice_eq(ttl, S("1h")))
		n->hour = v;
	return c->fault == FAULT_NONE;
}

static bool
read_details(struct json_cur *c, struct counts *n)
{
	enum json_type type;

	if (!json_peek(c, &type))
		return false;
	if (type != JSON_ARRAY)
		return json_skip(c, NULL);
	if (!json_enter_array(c))
		return false;
	while (json_next_item(c)) {
		if (!read_detail(c, n))
			return false;
	}
	return c->fault == FAULT_NONE;
}

static bool
read_count(struct json_cur *c, struct slice key, struct counts *n)
{
	const struct {
		struct slice name;
		uint64_t *at;
	} row[] = {
		{ S("inputTokens"), &n->fresh },
		{ S("outputTokens"), &n->output },
		{ S("cacheReadInputTokens"), &n->read },
		{ S("cacheReadInputTokenCount"), &n->read },
		{ S("cacheWriteInputTokens"), &n->write },
		{ S("cacheWriteInputTokenCount"), &n->write },
	};
	size_t i;

	for (i = 0; i < NELEM(row); i++) {
		if (slice_eq(key, row[i].name)) {
			n->any = true;
			return peek_u64(c, row[i].at, &n->fine);
		}
	}
	if (slice_eq(key, S("cacheDetails")))
		return read_details(c, n);
	return json_skip(c, NULL);
}

static void
take_usage(const struct counts *n, struct tally *t)
{
	struct usage u = { .cached = n->read,
		.cache_write = n->write,
		.cache_write_1h = n->hour,
		.output = n->output };

	if (!n->any || !n->fine || n->fresh > UINT64_MAX / 4 ||
	    n->read > UINT64_MAX / 4 || n->write > UINT64_MAX / 4)
		return;
	u.input = n->fresh + n->read + n->write;
	if (!usage_sane(&u))
		return;
	t->usage = u;
	t->has_usage = true;
}

static bool
read_usage(struct json_cur *c, struct tally *t)
{
	struct counts n = { .fine = true };
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
		if (!read_count(c, key, &n))
			return false;
	}
	if (c->fault != FAULT_NONE)
		return false;
	take_usage(&n, t);
	return true;
}

static bool
read_served_tier(struct json_cur *c, struct tally *t)
{
	struct slice key, word;
	enum json_type type;
	bool escaped;

	if (!json_peek(c, &type))
		return false;
	if (type != JSON_OBJECT)
		return json_skip(c, NULL);
	if (!json_enter_object(c))
		return false;
	while (json_next_key(c, &key, &escaped)) {
		if (!slice_eq(key, S("type"))) {
			if (!json_skip(c, NULL))
				return false;
			continue;
		}
		if (!peek_word(c, &word))
			return false;
		peek_tier(t, word);
	}
	return c->fault == FAULT_NONE;
}

/* One member of an answer or of an event; *known: it is Converse's. */
static bool
read_member(struct json_cur *c, struct slice key, struct tally *t, bool *known)
{
	struct slice word;

	if (slice_eq(key, S("usage"))) {
		*known = true;
		return read_usage(c, t);
	}
	if (slice_eq(key, S("output")) || slice_eq(key, S("delta")) ||
	    slice_eq(key, S("start"))) {
		*known = true;
		return peek_content(c, t);
	}
	if (slice_eq(key, S("stopReason"))) {
		*known = true;
		if (!peek_word(c, &word))
			return false;
		t->finished = t->finished || word.len > 0;
		return true;
	}
	if (slice_eq(key, S("serviceTier")))
		return read_served_tier(c, t);
	*known = *known || slice_eq(key, S("role")) ||
		 slice_eq(key, S("contentBlockIndex")) ||
		 slice_eq(key, S("metrics"));
	return json_skip(c, NULL);
}

static bool
read_object(struct slice text, struct tally *t, bool *known)
{
	struct json_cur c = json_cur(text);
	struct slice key;
	enum json_type type;
	bool escaped;

	*known = false;
	if (!json_peek(&c, &type) || type != JSON_OBJECT ||
	    !json_enter_object(&c))
		return false;
	while (json_next_key(&c, &key, &escaped)) {
		if (!read_member(&c, key, t, known))
			return false;
	}
	return c.fault == FAULT_NONE && json_at_end(&c);
}

static enum fault
bedrock_answer(struct slice body, struct tally *t)
{
	bool known;

	if (!read_object(body, t, &known) || !known || !t->finished)
		return FAULT_UP_GARBAGE;
	return FAULT_NONE;
}

static bool
is_exception(struct slice name)
{
	static const struct slice end = S_INIT("Exception");

	return name.len > end.len &&
	       memcmp(name.p + name.len - end.len, end.p, end.len) == 0;
}

/* An event lies under its name; one that is not known yet passes. */
static enum event_kind
bedrock_event(struct slice data, struct tally *t)
{
	struct json_cur c = json_cur(data);
	struct slice key, inner;
	enum json_type type;
	bool escaped, known;

	if (!json_peek(&c, &type) || type != JSON_OBJECT ||
	    !json_enter_object(&c) || !json_next_key(&c, &key, &escaped) ||
	    !json_peek(&c, &type) || !json_skip(&c, &inner))
		return EVENT_BAD;
	/* An error without an exception's name has no payload either. */
	if (is_exception(key) || type == JSON_NULL) {
		t->failed = true;
		return EVENT_PASS;
	}
	if (type != JSON_OBJECT)
		return EVENT_BAD;
	return read_object(inner, t, &known) ? EVENT_PASS : EVENT_BAD;
}

/* --- errors ------------------------------------------------------------------
 */

static bool
bedrock_is_error(struct slice body, struct arena *a, struct slice *message)
{
	const struct json *error;
	struct json *top;

	*message = S("");
	if (json_parse(a, body, &top) != FAULT_NONE)
		return false;
	/* An exception of a stream lies under its name. */
	if (top->type == JSON_OBJECT && top->child != NULL && top->n == 1 &&
	    top->child->type == JSON_OBJECT && is_exception(top->child->key))
		top = top->child;
	*message = json_get_str(top, "message");
	if (message->len > 0)
		return true;
	/* Gateways before AWS spell it so; its OpenAI surface as OpenAI. */
	*message = json_get_str(top, "Message");
	error = json_get(top, "error");
	if (message->len == 0)
		*message = json_get_str(error, "message");
	return false;
}

static struct slice
bedrock_mend_error(struct arena *a, struct slice body, int status)
{
	(void)a;
	(void)status;
	return body;
}

static struct slice
message_of(const struct problem *p)
{
	return p->message.len > 0 ? p->message
				  : slice_of(fault_get(p->fault)->text);
}

static void
bedrock_error(struct buf *out, const struct problem *p)
{
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_kstr(&b, "message", message_of(p));
	json_w_kstr(&b, "code",
	    p->code.len > 0 ? p->code : slice_of(fault_get(p->fault)->code));
	json_w_end(&b, '}');
	buf_add(out, buf_slice(&b));
	buf_fini(&b);
}

/* By status, as AWS's SDKs sort and retry them. */
static struct slice
bedrock_error_type(const struct problem *p)
{
	static const struct {
		int status;
		struct slice type;
	} row[] = {
		{ 401, S_INIT("UnrecognizedClientException") },
		{ 402, S_INIT("ServiceQuotaExceededException") },
		{ 403, S_INIT("AccessDeniedException") },
		{ 404, S_INIT("ResourceNotFoundException") },
		{ 408, S_INIT("ModelTimeoutException") },
		{ 424, S_INIT("ModelErrorException") },
		{ 429, S_INIT("ThrottlingException") },
		{ 500, S_INIT("InternalServerException") },
		{ 502, S_INIT("ServiceUnavailableException") },
		{ 503, S_INIT("ServiceUnavailableException") },
		{ 504, S_INIT("ModelTimeoutException") },
		{ 529, S_INIT("ServiceUnavailableException") },
	};
	size_t i;

	if (p->fault == FAULT_SIGNATURE || p->fault == FAULT_SIGNATURE_TIME ||
	    p->fault == FAULT_SIGNATURE_REPLAY)
		return S("InvalidSignatureException");
	if (p->fault == FAULT_BUDGET)
		return S("ServiceQuotaExceededException");
	for (i = 0; i < NELEM(row); i++) {
		if (row[i].status == p->status)
			return row[i].type;
	}
	return p->status >= 500 ? S("InternalServerException")
				: S("ValidationException");
}

static void
bedrock_error_event(struct buf *out, const struct problem *p)
{
	struct slice type = bedrock_error_type(p);
	struct buf b = { 0 }, name = { 0 };

	bedrock_error(&b, p);
	buf_add(&name, type);
	name.p[0] = (char)(name.p[0] | 0x20);
	/* Only some of them may come in a stream. */
	if (p->status != 429 && p->status != 400 && p->status != 503 &&
	    p->status != 500) {
		buf_clear(&name);
		buf_str(&name, "modelStreamErrorException");
	}
	eventstream_exception(out, buf_slice(&name), buf_slice(&b));
	buf_fini(&name);
	buf_fini(&b);
}

static const struct codec codec = {
	.decode = bedrock_decode,
	.write_answer = bedrock_write_answer,
	.write_step = bedrock_write_step,
	.encode = bedrock_encode,
	.read_answer = bedrock_read_answer,
	.read_event = bedrock_read_event,
	.read_end = bedrock_read_end,
};

const struct dialect dialect_bedrock = {
	.name = "bedrock",
	.framing = FRAMING_EVENTSTREAM,
	.stream_type = "application/vnd.amazon.eventstream",
	.codec = &codec,
	.tier = bedrock_tier,
	.ask = bedrock_ask,
	.answer = bedrock_answer,
	.event = bedrock_event,
	.is_error = bedrock_is_error,
	.mend_error = bedrock_mend_error,
	.error = bedrock_error,
	.error_event = bedrock_error_event,
	.error_type = bedrock_error_type,
};

/* --- CountTokens --------------------------------------------------------- */

/* A Converse request, or the body of an InvokeModel; it costs nothing. */
static enum fault
count_ask(struct arena *a, struct slice body, struct ask *q)
{
	const struct json *input;
	struct json *top;
	const enum fault f = peek_counting(a, body, q, &top);

	if (f != FAULT_NONE)
		return f;
	input = json_get(top, "input");
	if (json_get(input, "converse") == NULL &&
	    json_get(input, "invokeModel") == NULL)
		return wrong(q, "input", "must be 'converse' or 'invokeModel'");
	return FAULT_NONE;
}

static enum fault
count_answer(struct slice body, struct tally *t)
{
	return peek_counted(body, S("inputTokens"), t);
}

const struct dialect dialect_bedrock_count = {
	.name = "bedrock-count-tokens",
	.tier = bedrock_tier,
	.ask = count_ask,
	.answer = count_answer,
	.event = peek_no_event,
	.is_error = bedrock_is_error,
	.mend_error = bedrock_mend_error,
	.error = bedrock_error,
	.error_event = bedrock_error_event,
	.error_type = bedrock_error_type,
};

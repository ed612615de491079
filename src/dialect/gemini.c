/*
 * gemini.c - generateContent as its clients and servers speak: what is read
 * of it in passing, and how it says that something went wrong
 *
 * The same at the Gemini API and on Vertex.  The model stands in the path,
 * and so does whether it streams.  Facts: Google's published OpenAPI document
 * and what its SDKs send; see docs/dialects.md.
 */
#include "dialect/dialect.h"

#include "base/json.h"
#include "dialect/gemini_codec.h"
#include "dialect/peek.h"
#include "dialect/proto.h"

enum {
	/* Framing tokens around a turn, a part, a declaration. */
	PER_ITEM = 16,
	/* The most that one picture is charged. */
	PER_IMAGE = 40000,
	N_MAX = 128
};

/* --- requests ------------------------------------------------------------ */

static enum fault
wrong(struct ask *q, const char *field, const char *hint)
{
	q->param = slice_of(field);
	q->hint = hint;
	return FAULT_FIELD;
}

static void
read_type(struct ask *q, struct slice type)
{
	if (slice_starts(type, S("audio/"))) {
		q->lanes |= LANE_BIT(LANE_AUDIO_INPUT);
	} else if (slice_starts(type, S("text/"))) {
		return;
	} else {
		/* A picture, or pages and films that are read as pictures. */
		q->lanes |= LANE_BIT(LANE_IMAGE_INPUT);
		q->surcharge += PER_IMAGE;
		if (!slice_starts(type, S("image/")))
			q->unseen = true;
	}
}

static void
read_parts(struct ask *q, const struct json *content)
{
	const struct json *p = proto_first(content, "parts"), *k;

	q->surcharge += PER_ITEM;
	for (; p != NULL; p = proto_next(p)) {
		q->surcharge += PER_ITEM;
		k = proto_get(p, "inlineData");
		if (k != NULL)
			read_type(q, proto_str(k, "mimeType"));
		k = proto_get(p, "fileData");
		if (k != NULL) {
			q->unseen = true;
			read_type(q, proto_str(k, "mimeType"));
		}
		k = proto_get(p, "functionResponse");
		if (k != NULL && proto_get(k, "parts") != NULL)
			read_parts(q, k);
	}
}

static void
read_tools(struct ask *q, const struct json *body)
{
	const struct json *t = proto_first(body, "tools"), *k;

	for (; t != NULL; t = proto_next(t)) {
		for (k = t->child; k != NULL; k = k->next) {
			if (proto_is(k->key, "functionDeclarations"))
				q->surcharge += PER_ITEM * k->n;
			else if (k->type != JSON_NULL)
				q->hosted_tool = true;
		}
	}
}

static enum fault
read_limit(struct ask *q, const struct json *gen)
{
	const struct json *j = proto_get(gen, "maxOutputTokens");
	int64_t v;

	if (j == NULL)
		return FAULT_NONE;
	if (!proto_i64(gen, "maxOutputTokens", &v) || v < 1 ||
	    j->text.p < q->body.p || j->text.p >= q->body.p + q->body.len)
		return wrong(q, "generationConfig.maxOutputTokens",
		    "must be a whole number above zero");
	q->max_output = (uint64_t)v;
	q->limit[q->nlimits++] =
	    (struct splice){ (size_t)(j->text.p - q->body.p), j->text.len,
		    S("") };
	return FAULT_NONE;
}

static enum fault
read_config(struct ask *q, const struct json *gen)
{
	const struct json *k = proto_get(gen, "responseModalities");
	int64_t n = 1;

	if (gen != NULL && gen->type != JSON_OBJECT)
		return wrong(q, "generationConfig", "must be an object");
	if (proto_get(gen, "candidateCount") != NULL &&
	    (!proto_i64(gen, "candidateCount", &n) || n < 1 || n > N_MAX))
		return wrong(q, "generationConfig.candidateCount",
		    "must be a whole number from 1 to 128");
	q->n = (uint64_t)n;
	for (k = k != NULL ? k->child : NULL; k != NULL; k = k->next) {
		if (slice_ieq(k->text, S("AUDIO")))
			q->lanes |= LANE_BIT(LANE_AUDIO_OUTPUT);
		if (slice_ieq(k->text, S("IMAGE")))
			q->lanes |= LANE_BIT(LANE_IMAGE_OUTPUT);
	}
	return read_limit(q, gen);
}

/*
 * Where a limit goes that the body does not have: into the configuration,
 * or with one of its own before everything else.
 */
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
	q->limit_open = S("\"generationConfig\":{\"maxOutputTokens\":");
	q->limit_close = S("},");
	while (json_next_key(&c, &key, &escaped)) {
		if (!json_peek(&c, &type) || !json_skip(&c, &span))
			return;
		if (type != JSON_OBJECT || !proto_is(key, "generationConfig"))
			continue;
		q->first_at = (size_t)(span.p - q->body.p) + 1;
		q->limit_open = S("\"maxOutputTokens\":");
		c = json_cur(span);
		(void)json_enter_object(&c);
		q->limit_close =
		    json_next_key(&c, &key, &escaped) ? S(",") : S("");
		return;
	}
}

static enum fault
read_fields(struct ask *q, const struct json *body)
{
	const struct json *c = proto_first(body, "contents");
	struct slice tier = proto_str(body, "serviceTier");

	if (c == NULL)
		return wrong(q, "contents", "is missing");
	for (; c != NULL; c = proto_next(c))
		read_parts(q, c);
	read_parts(q, proto_get(body, "systemInstruction"));
	read_tools(q, body);
	if (tier.len > TIER_MAX)
		return wrong(
		    q, "serviceTier", "must be the name of a service tier");
	q->tier = tier;
	/* What was kept at the provider may fill the whole window. */
	if (proto_get(body, "cachedContent") != NULL)
		q->unseen = true;
	return read_config(q, proto_get(body, "generationConfig"));
}

static enum fault
gemini_ask(struct arena *a, struct slice body, struct ask *q)
{
	struct json *top;
	enum fault f;

	*q = (struct ask){ .body = body, .n = 1, .lanes = LANES_TEXT };
	f = json_parse(a, body, &top);
	if (f != FAULT_NONE)
		return f;
	if (top->type != JSON_OBJECT)
		return wrong(q, "", "the body must be a JSON object");
	q->model_elsewhere = true;
	find_room(q);
	return read_fields(q, top);
}

/* --- answers ------------------------------------------------------------- */

/* [{"modality":"AUDIO","tokenCount":N}, ...] */
static bool
read_modalities(
    struct json_cur *c, uint64_t *audio, uint64_t *image, bool *fine)
{
	struct slice key, kind;
	enum json_type type;
	bool escaped;
	uint64_t n;

	if (!json_peek(c, &type))
		return false;
	if (type != JSON_ARRAY)
		return json_skip(c, NULL);
	if (!json_enter_array(c))
		return false;
	while (json_next_item(c)) {
		n = 0;
		kind = S("");
		if (!json_enter_object(c))
			return false;
		while (json_next_key(c, &key, &escaped)) {
			if (slice_eq(key, S("modality")) ? !peek_word(c, &kind)
			    : slice_eq(key, S("tokenCount"))
				? !peek_u64(c, &n, fine)
				: !json_skip(c, NULL))
				return false;
		}
		if (slice_eq(kind, S("AUDIO")))
			*audio += n;
		else if (slice_eq(kind, S("IMAGE")))
			*image += n;
	}
	return c->fault == FAULT_NONE;
}

struct counts {
	uint64_t prompt, tool, cached, candidates, thoughts, total;
	uint64_t audio_in, image_in, audio_out, image_out;
	bool any, fine;
	struct slice traffic;
};

static bool
read_count(struct json_cur *c, struct slice key, struct counts *n)
{
	const struct {
		struct slice name;
		uint64_t *at;
	} row[] = {
		{ S("promptTokenCount"), &n->prompt },
		{ S("toolUsePromptTokenCount"), &n->tool },
		{ S("cachedContentTokenCount"), &n->cached },
		{ S("candidatesTokenCount"), &n->candidates },
		{ S("responseTokenCount"), &n->candidates },
		{ S("thoughtsTokenCount"), &n->thoughts },
		{ S("totalTokenCount"), &n->total },
	};
	size_t i;

	for (i = 0; i < NELEM(row); i++) {
		if (slice_eq(key, row[i].name)) {
			n->any = true;
			return peek_u64(c, row[i].at, &n->fine);
		}
	}
	if (slice_eq(key, S("promptTokensDetails")))
		return read_modalities(c, &n->audio_in, &n->image_in, &n->fine);
	if (slice_eq(key, S("candidatesTokensDetails")))
		return read_modalities(
		    c, &n->audio_out, &n->image_out, &n->fine);
	if (slice_eq(key, S("trafficType")))
		return peek_word(c, &n->traffic);
	return json_skip(c, NULL);
}

static uint64_t
at_most(uint64_t v, uint64_t most)
{
	return v < most ? v : most;
}

static struct slice
gemini_tier(struct slice said, struct slice own)
{
	static const struct {
		struct slice said, ours;
	} row[] = {
		{ S_INIT("flex"), S_INIT("flex") },
		{ S_INIT("SERVICE_TIER_FLEX"), S_INIT("flex") },
		{ S_INIT("ON_DEMAND_FLEX"), S_INIT("flex") },
		{ S_INIT("priority"), S_INIT("priority") },
		{ S_INIT("SERVICE_TIER_PRIORITY"), S_INIT("priority") },
		{ S_INIT("ON_DEMAND_PRIORITY"), S_INIT("priority") },
		{ S_INIT("PROVISIONED_THROUGHPUT"), S_INIT("provisioned") },
	};
	const bool plain = slice_eq(said, S("standard")) ||
			   slice_eq(said, S("SERVICE_TIER_STANDARD")) ||
			   slice_eq(said, S("ON_DEMAND"));
	size_t i;

	for (i = 0; i < NELEM(row); i++) {
		if (slice_eq(said, row[i].said))
			return row[i].ours;
	}
	if (plain && (slice_eq(own, S("flex")) || slice_eq(own, S("priority"))))
		return S("standard");
	return plain || said.len == 0 ? own : said;
}

/*
 * The prompt has what was cached in it, and what tools put there beside it;
 * candidates are without thoughts.  Zeros are left out, as protos do.
 */
static void
take_usage(const struct counts *n, struct tally *t)
{
	struct usage u = { .input = n->prompt + n->tool,
		.cached = n->cached,
		.audio_input = n->audio_in,
		.image_input = n->image_in,
		.output = n->candidates + n->thoughts,
		.reasoning = n->thoughts };

	u.audio_output = at_most(n->audio_out, n->candidates);
	u.image_output = at_most(n->image_out, n->candidates - u.audio_output);
	/* The last good count wins: it grows from chunk to chunk. */
	if (n->any && n->fine && usage_sane(&u)) {
		t->usage = u;
		t->has_usage = true;
	}
	/* In our word for it, which is short. */
	if (n->traffic.len > 0)
		peek_tier(t, gemini_tier(n->traffic, S("ON_DEMAND")));
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
read_candidate(struct json_cur *c, struct tally *t)
{
	struct slice key, word;
	bool escaped;

	if (!json_enter_object(c))
		return false;
	while (json_next_key(c, &key, &escaped)) {
		if (slice_eq(key, S("content"))) {
			if (!peek_content(c, t))
				return false;
		} else if (slice_eq(key, S("finishReason"))) {
			if (!peek_word(c, &word))
				return false;
			t->finished = t->finished || word.len > 0;
		} else if (!json_skip(c, NULL)) {
			return false;
		}
	}
	return c->fault == FAULT_NONE;
}

static bool
read_candidates(struct json_cur *c, struct tally *t)
{
	if (!json_enter_array(c))
		return false;
	while (json_next_item(c)) {
		if (!read_candidate(c, t))
			return false;
	}
	return c->fault == FAULT_NONE;
}

/* *known: it is something that Google says. */
static bool
read_answer(struct json_cur *c, struct tally *t, bool *known)
{
	struct slice key;
	enum json_type type;
	bool escaped;

	if (!json_peek(c, &type) || type != JSON_OBJECT ||
	    !json_enter_object(c))
		return false;
	while (json_next_key(c, &key, &escaped)) {
		if (!json_peek(c, &type))
			return false;
		if (slice_eq(key, S("candidates")) && type == JSON_ARRAY) {
			*known = true;
			if (!read_candidates(c, t))
				return false;
		} else if (slice_eq(key, S("usageMetadata"))) {
			*known = true;
			if (!read_usage(c, t))
				return false;
		} else {
			/* A prompt that was blocked has no candidates. */
			if (slice_eq(key, S("promptFeedback")))
				*known = t->finished = true;
			if (slice_eq(key, S("error")) && type != JSON_NULL)
				*known = t->failed = true;
			if (!json_skip(c, NULL))
				return false;
		}
	}
	return c->fault == FAULT_NONE && json_at_end(c);
}

static enum fault
gemini_answer(struct slice body, struct tally *t)
{
	struct json_cur c = json_cur(body);
	bool known = false;

	if (!read_answer(&c, t, &known) || !known || t->failed)
		return FAULT_UP_GARBAGE;
	t->finished = true;
	return FAULT_NONE;
}

static enum event_kind
gemini_event(struct slice data, struct tally *t)
{
	struct json_cur c = json_cur(data);
	bool known = false;

	return read_answer(&c, t, &known) && known ? EVENT_PASS : EVENT_BAD;
}

/* --- errors -------------------------------------------------------------- */

/* Alone, or the one element of an array: a stream that is no SSE. */
static const struct json *
error_of(const struct json *top)
{
	if (top->type == JSON_ARRAY && top->child != NULL)
		top = top->child;
	return json_get(top, "error");
}

static bool
gemini_is_error(struct slice body, struct arena *a, struct slice *message)
{
	const struct json *error;
	struct json *top;

	*message = S("");
	if (json_parse(a, body, &top) != FAULT_NONE)
		return false;
	error = error_of(top);
	*message = json_get_str(error, "message");
	return message->len > 0 && top->type == JSON_OBJECT;
}

static struct slice
gemini_mend_error(struct arena *a, struct slice body, int status)
{
	(void)a;
	(void)status;
	return body;
}

static const char *
word_of(int status)
{
	static const struct {
		int status;
		const char *word;
	} words[] = {
		{ 401, "UNAUTHENTICATED" },
		{ 403, "PERMISSION_DENIED" },
		{ 404, "NOT_FOUND" },
		{ 408, "DEADLINE_EXCEEDED" },
		{ 409, "ABORTED" },
		{ 429, "RESOURCE_EXHAUSTED" },
		{ 499, "CANCELLED" },
		{ 501, "UNIMPLEMENTED" },
		{ 503, "UNAVAILABLE" },
		{ 504, "DEADLINE_EXCEEDED" },
		{ 529, "UNAVAILABLE" },
	};
	size_t i;

	for (i = 0; i < NELEM(words); i++) {
		if (words[i].status == status)
			return words[i].word;
	}
	return status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT";
}

static void
put_details(struct buf *out, struct slice code, struct slice param)
{
	json_w_key(out, "details");
	json_w_begin(out, '[');
	json_w_begin(out, '{');
	json_w_kstr(
	    out, "@type", S("type.googleapis.com/google.rpc.ErrorInfo"));
	json_w_kstr(out, "reason", code);
	json_w_kstr(out, "domain", S("kontor"));
	if (param.len > 0) {
		json_w_key(out, "metadata");
		json_w_begin(out, '{');
		json_w_kstr(out, "field", param);
		json_w_end(out, '}');
	}
	json_w_end(out, '}');
	json_w_end(out, ']');
}

static void
gemini_error(struct buf *out, const struct problem *p)
{
	const struct fault_row *row = fault_get(p->fault);

	json_w_begin(out, '{');
	json_w_key(out, "error");
	json_w_begin(out, '{');
	json_w_ki64(out, "code", p->status);
	json_w_kstr(out, "message",
	    p->message.len > 0 ? p->message : slice_of(row->text));
	json_w_kstr(out, "status", slice_of(word_of(p->status)));
	put_details(
	    out, p->code.len > 0 ? p->code : slice_of(row->code), p->param);
	json_w_end(out, '}');
	json_w_end(out, '}');
}

static void
gemini_error_event(struct buf *out, const struct problem *p)
{
	struct buf text = { 0 };

	gemini_error(&text, p);
	buf_str(out, "data: ");
	buf_add(out, buf_slice(&text));
	buf_str(out, "\r\n\r\n");
	buf_fini(&text);
}

static const struct codec codec = {
	.decode = gemini_decode,
	.write_answer = gemini_write_answer,
	.write_step = gemini_write_step,
	.encode = gemini_encode,
	.read_answer = gemini_read_answer,
	.read_event = gemini_read_event,
	.read_end = gemini_read_end,
};

const struct dialect dialect_gemini = {
	.name = "gemini",
	.codec = &codec,
	.tier = gemini_tier,
	.ask = gemini_ask,
	.answer = gemini_answer,
	.event = gemini_event,
	.is_error = gemini_is_error,
	.mend_error = gemini_mend_error,
	.error = gemini_error,
	.error_event = gemini_error_event,
};

/* --- countTokens --------------------------------------------------------- */

/* The contents, or a whole request in an envelope; it costs nothing. */
static enum fault
count_ask(struct arena *a, struct slice body, struct ask *q)
{
	struct json *top;
	const enum fault f = peek_counting(a, body, q, &top);

	if (f != FAULT_NONE)
		return f;
	if (proto_get(top, "contents") == NULL &&
	    proto_get(top, "generateContentRequest") == NULL)
		return wrong(q, "contents", "is missing");
	return FAULT_NONE;
}

static enum fault
count_answer(struct slice body, struct tally *t)
{
	return peek_counted(body, S("totalTokens"), t);
}

const struct dialect dialect_gemini_count = {
	.name = "gemini-count-tokens",
	.tier = gemini_tier,
	.ask = count_ask,
	.answer = count_answer,
	.event = peek_no_event,
	.is_error = gemini_is_error,
	.mend_error = gemini_mend_error,
	.error = gemini_error,
	.error_event = gemini_error_event,
};

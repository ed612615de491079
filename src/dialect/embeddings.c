/*
 * embeddings.c - six ways to ask for vectors, as dialects
 *
 * OpenAI's and Google's are what callers speak too.  Everything is in
 * embed.h; here it gets the face of a dialect.  A batch of Gemini's names its
 * model in every request, so it never passes as it is: callers and providers
 * have one each.
 */
#include "dialect/dialect.h"
#include "dialect/embed.h"
#include "dialect/peek.h"

enum { PER_ITEM = 16 };

/* --- requests ------------------------------------------------------------ */

static enum fault
ask_body(struct arena *a, struct slice body, struct ask *q, bool in_path)
{
	struct json_cur c = json_cur(body);
	struct slice key, span;
	enum json_type type;
	bool escaped;

	*q = (struct ask){ .body = body,
		.n = 1,
		.lanes = LANES_TEXT,
		.no_output = true,
		.surcharge = PER_ITEM,
		.model_elsewhere = in_path };
	if (!json_peek(&c, &type))
		return c.fault;
	if (type != JSON_OBJECT) {
		q->hint = "the body must be a JSON object";
		return FAULT_FIELD;
	}
	if (!json_enter_object(&c))
		return c.fault;
	q->first_at = q->model_at = (size_t)(c.p - body.p);
	while (json_next_key(&c, &key, &escaped)) {
		if (!json_peek(&c, &type) || !json_skip(&c, &span))
			return c.fault;
		if (in_path || !slice_eq(key, S("model")))
			continue;
		if (q->model_len > 0) {
			q->param = S("model");
			return FAULT_JSON_DUPLICATE;
		}
		if (type != JSON_STRING || span.len == 2) {
			q->param = S("model");
			q->hint = "must be the name of a model";
			return FAULT_FIELD;
		}
		q->model_at = (size_t)(span.p - body.p);
		q->model_len = span.len;
		q->model = json_unescape(
		    a, (struct slice){ span.p + 1, span.len - 2 });
	}
	return json_at_end(&c) ? FAULT_NONE : c.fault;
}

static enum fault
ask_in_body(struct arena *a, struct slice body, struct ask *q)
{
	return ask_body(a, body, q, false);
}

static enum fault
ask_in_path(struct arena *a, struct slice body, struct ask *q)
{
	return ask_body(a, body, q, true);
}

static struct slice
tier(struct slice said, struct slice own)
{
	(void)said;
	return own;
}

/* --- codecs -------------------------------------------------------------- */

static enum fault
decode(struct arena *a, enum embed_shape shape, struct slice body,
    struct conversation *out, struct wrong *w)
{
	struct embed_request *r = ARENA_NEW(a, struct embed_request);
	const enum fault f = embed_read(a, shape, body, r);

	out->embed = r;
	if (f == FAULT_FIELD)
		*w = (struct wrong){ r->param, r->hint };
	return f;
}

static enum fault
encode(const struct conversation *in, const struct target *t,
    enum embed_shape shape, struct buf *out, struct wrong *w)
{
	struct embed_request r = *in->embed;
	const enum fault f = embed_write(&r, shape, t->model, out);

	if (f == FAULT_FIELD)
		*w = (struct wrong){ r.param, r.hint };
	return f;
}

static enum fault
read_answer(struct arena *a, enum embed_shape shape, struct slice body,
    struct completion *out)
{
	struct embed_answer *v = ARENA_NEW(a, struct embed_answer);
	const enum fault f = embed_read_answer(a, shape, body, v);

	out->embed = v;
	out->usage.input = v->tokens;
	out->has_usage = f == FAULT_NONE && v->counted;
	return f;
}

static void
write_answer(const struct completion *in, const struct encoding_out *e,
    enum embed_shape shape, struct buf *out)
{
	struct embed_answer v = *in->embed;

	if (in->has_usage)
		v.tokens = in->usage.input;
	embed_write_answer(&v, e->asked->embed, shape, e->model, out);
}

static enum fault
answer(enum embed_shape shape, struct slice body, struct tally *t)
{
	struct embed_answer v;
	struct arena a = { 0 };
	const enum fault f = embed_read_answer(&a, shape, body, &v);

	if (f == FAULT_NONE && v.counted) {
		t->usage = (struct usage){ .input = v.tokens };
		t->has_usage = true;
	}
	t->finished = f == FAULT_NONE;
	arena_fini(&a);
	return f;
}

/* OpenAI's answer may be base64, which is nobody's vector but the caller's. */
static enum fault
answer_openai(struct slice body, struct tally *t)
{
	struct json_cur c = json_cur(body);
	struct slice key, inner;
	bool escaped, fine = true, data = false, said = false;
	uint64_t n = 0;

	if (!json_enter_object(&c))
		return FAULT_UP_GARBAGE;
	while (json_next_key(&c, &key, &escaped)) {
		data = data || slice_eq(key, S("data"));
		if (!slice_eq(key, S("usage"))) {
			if (!json_skip(&c, NULL))
				return FAULT_UP_GARBAGE;
			continue;
		}
		if (!json_enter_object(&c))
			return FAULT_UP_GARBAGE;
		while (json_next_key(&c, &inner, &escaped)) {
			said = said || slice_eq(inner, S("prompt_tokens"));
			if (slice_eq(inner, S("prompt_tokens"))
				? !peek_u64(&c, &n, &fine)
				: !json_skip(&c, NULL))
				return FAULT_UP_GARBAGE;
		}
	}
	if (!json_at_end(&c) || !data)
		return FAULT_UP_GARBAGE;
	if (said && fine) {
		t->usage = (struct usage){ .input = n };
		t->has_usage = true;
	}
	t->finished = true;
	return FAULT_NONE;
}

/* --- faces --------------------------------------------------------------- */

/* What is not done with streams: there are none. */
static enum fault
no_event(struct decoding *d, struct slice name, struct slice data)
{
	(void)d;
	(void)name;
	(void)data;
	return FAULT_UP_GARBAGE;
}

static enum fault
no_end(struct decoding *d)
{
	(void)d;
	return FAULT_UP_GARBAGE;
}

static void
no_step(const struct stream_step *s, struct encoding_out *e, struct buf *out)
{
	(void)s;
	(void)e;
	(void)out;
}

/* Errors are those of the dialect `like`. */
#define FACE(id, SHAPE, text, like, asks, answers) \
	static enum fault id##_decode(struct arena *a, struct slice body, \
	    struct conversation *out, struct wrong *w) \
	{ \
		return decode(a, SHAPE, body, out, w); \
	} \
	static enum fault id##_encode(struct arena *a, \
	    const struct conversation *in, const struct target *t, \
	    struct buf *out, uint64_t *lost, struct wrong *w) \
	{ \
		(void)a; \
		(void)lost; \
		return encode(in, t, SHAPE, out, w); \
	} \
	static enum fault id##_read( \
	    struct arena *a, struct slice body, struct completion *out) \
	{ \
		return read_answer(a, SHAPE, body, out); \
	} \
	static void id##_write(const struct completion *in, \
	    struct encoding_out *e, struct buf *out) \
	{ \
		write_answer(in, e, SHAPE, out); \
	} \
	static enum fault id##_answer(struct slice body, struct tally *t) \
	{ \
		return answers; \
	} \
	static bool id##_is_error( \
	    struct slice body, struct arena *a, struct slice *message) \
	{ \
		return like.is_error(body, a, message); \
	} \
	static struct slice id##_mend( \
	    struct arena *a, struct slice body, int status) \
	{ \
		return like.mend_error(a, body, status); \
	} \
	static void id##_error(struct buf *out, const struct problem *p) \
	{ \
		like.error(out, p); \
	} \
	static void id##_error_event(struct buf *out, const struct problem *p) \
	{ \
		like.error_event(out, p); \
	} \
	static const struct codec id##_codec = { \
		.decode = id##_decode, \
		.write_answer = id##_write, \
		.write_step = no_step, \
		.encode = id##_encode, \
		.read_answer = id##_read, \
		.read_event = no_event, \
		.read_end = no_end, \
	}; \
	const struct dialect dialect_##id = { \
		.name = text, \
		.vectors = true, \
		.codec = &id##_codec, \
		.tier = tier, \
		.ask = asks, \
		.answer = id##_answer, \
		.event = peek_no_event, \
		.is_error = id##_is_error, \
		.mend_error = id##_mend, \
		.error = id##_error, \
		.error_event = id##_error_event, \
	};

FACE(openai_embeddings, EMBED_OPENAI, "openai-embeddings", dialect_openai_chat,
    ask_in_body, answer_openai(body, t))
FACE(gemini_embed, EMBED_GEMINI, "gemini-embed", dialect_gemini, ask_in_path,
    answer(EMBED_GEMINI, body, t))
FACE(gemini_batch, EMBED_GEMINI_BATCH, "gemini-embed-batch", dialect_gemini,
    ask_in_path, answer(EMBED_GEMINI_BATCH, body, t))
FACE(gemini_batch_out, EMBED_GEMINI_BATCH, "gemini-embed-batch", dialect_gemini,
    ask_in_path, answer(EMBED_GEMINI_BATCH, body, t))
FACE(vertex_predict, EMBED_VERTEX, "vertex-predict", dialect_gemini,
    ask_in_path, answer(EMBED_VERTEX, body, t))
FACE(titan_embed, EMBED_TITAN, "titan-embed", dialect_bedrock, ask_in_path,
    answer(EMBED_TITAN, body, t))
FACE(cohere_embed, EMBED_COHERE, "cohere-embed", dialect_bedrock, ask_in_path,
    answer(EMBED_COHERE, body, t))

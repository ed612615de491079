#include "dialect/embed.h"

#include "base/json.h"
#include "base/text.h"
#include "dialect/proto.h"

enum { TEXTS_MAX = 2048, VECTORS_MAX = TEXTS_MAX };

/* --- uses ---------------------------------------------------------------- */

static const struct {
	enum embed_use use;
	struct slice google, cohere;
} uses[] = {
	{ EMBED_USE_QUERY, S_INIT("RETRIEVAL_QUERY"), S_INIT("search_query") },
	{ EMBED_USE_QUERY, S_INIT("QUESTION_ANSWERING"),
	    S_INIT("search_query") },
	{ EMBED_USE_QUERY, S_INIT("CODE_RETRIEVAL_QUERY"),
	    S_INIT("search_query") },
	{ EMBED_USE_DOCUMENT, S_INIT("RETRIEVAL_DOCUMENT"),
	    S_INIT("search_document") },
	{ EMBED_USE_CLASSIFICATION, S_INIT("CLASSIFICATION"),
	    S_INIT("classification") },
	{ EMBED_USE_CLUSTERING, S_INIT("CLUSTERING"), S_INIT("clustering") },
};

static enum embed_use
use_of(struct slice word)
{
	size_t i;

	for (i = 0; i < NELEM(uses); i++) {
		if (slice_eq(word, uses[i].google))
			return uses[i].use;
	}
	return EMBED_USE_NONE;
}

static struct slice
use_word(enum embed_use use, bool google)
{
	size_t i;

	for (i = 0; i < NELEM(uses); i++) {
		if (uses[i].use == use)
			return google ? uses[i].google : uses[i].cohere;
	}
	/* Cohere wants one: what is stored is what most are. */
	return google ? S("") : S("search_document");
}

/* --- what callers send --------------------------------------------------- */

static enum fault
wrong(struct embed_request *r, const char *param, const char *hint)
{
	r->param = slice_of(param);
	r->hint = hint;
	return FAULT_FIELD;
}

static enum fault
add_text(struct embed_request *r, const char *param, struct slice text)
{
	if (text.len == 0)
		return wrong(r, param, "must not be empty");
	if (r->n == TEXTS_MAX)
		return wrong(r, param, "has more than 2048 texts");
	r->text[r->n++] = text;
	return FAULT_NONE;
}

static enum fault
read_openai(struct embed_request *r, const struct json *top)
{
	const struct json *in = json_get(top, "input");
	struct slice format = json_get_str(top, "encoding_format");
	int64_t dims = 0;
	enum fault f;

	if (in == NULL)
		return wrong(r, "input", "is missing");
	if (format.len > 0 && !slice_eq(format, S("base64")) &&
	    !slice_eq(format, S("float")))
		return wrong(r, "encoding_format", "must be float or base64");
	r->base64 = slice_eq(format, S("base64"));
	if (json_get(top, "dimensions") != NULL &&
	    (!json_get_i64(top, "dimensions", &dims) || dims < 1))
		return wrong(
		    r, "dimensions", "must be a whole number above zero");
	r->dims = (uint64_t)dims;
	if (in->type == JSON_STRING)
		return add_text(r, "input", in->text);
	if (in->type != JSON_ARRAY || in->n == 0)
		return wrong(r, "input", "must be a text or a list of texts");
	for (in = in->child; in != NULL; in = in->next) {
		if (in->type != JSON_STRING)
			return wrong(r, "input",
			    "of tokens can only go to OpenAI's own models; "
			    "send the text");
		f = add_text(r, "input", in->text);
		if (f != FAULT_NONE)
			return f;
	}
	return FAULT_NONE;
}

static enum fault
read_content(struct arena *a, struct embed_request *r, const struct json *j)
{
	const struct json *p = proto_first(proto_get(j, "content"), "parts");
	struct buf b = { 0 };
	struct slice text;
	int64_t dims;

	for (; p != NULL; p = proto_next(p)) {
		if (proto_get(p, "text") == NULL) {
			buf_fini(&b);
			return wrong(r, "content.parts",
			    "that are no text cannot be embedded elsewhere");
		}
		buf_add(&b, proto_str(p, "text"));
	}
	text = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	r->use = use_of(proto_str(j, "taskType"));
	r->title = proto_str(j, "title");
	if (proto_i64(j, "outputDimensionality", &dims) && dims > 0)
		r->dims = (uint64_t)dims;
	return add_text(r, "content", text);
}

static enum fault
read_batch(struct arena *a, struct embed_request *r, const struct json *top)
{
	const struct json *j = proto_first(top, "requests");
	enum fault f = FAULT_NONE;

	if (j == NULL)
		return wrong(r, "requests", "is missing");
	for (; j != NULL && f == FAULT_NONE; j = proto_next(j))
		f = read_content(a, r, j);
	return f;
}

static enum fault
read_vertex(struct embed_request *r, const struct json *top)
{
	const struct json *j = proto_first(top, "instances");
	enum fault f = FAULT_NONE;
	int64_t dims;

	if (j == NULL)
		return wrong(r, "instances", "is missing");
	if (proto_i64(
		proto_get(top, "parameters"), "outputDimensionality", &dims) &&
	    dims > 0)
		r->dims = (uint64_t)dims;
	for (; j != NULL && f == FAULT_NONE; j = proto_next(j)) {
		r->use = use_of(proto_str(j, "taskType"));
		r->title = proto_str(j, "title");
		f = add_text(r, "instances", proto_str(j, "content"));
	}
	return f;
}

enum fault
embed_read(struct arena *a, enum embed_shape shape, struct slice body,
    struct embed_request *r)
{
	struct json *top;
	enum fault f;

	*r = (struct embed_request){ .text = ARENA_ARRAY(
					 a, struct slice, TEXTS_MAX) };
	f = json_parse(a, body, &top);
	if (f != FAULT_NONE)
		return f;
	if (top->type != JSON_OBJECT)
		return wrong(r, "", "the body must be a JSON object");
	switch (shape) {
	case EMBED_OPENAI:
		return read_openai(r, top);
	case EMBED_GEMINI:
		return read_content(a, r, top);
	case EMBED_GEMINI_BATCH:
		return read_batch(a, r, top);
	case EMBED_VERTEX:
		return read_vertex(r, top);
	case EMBED_TITAN:
	case EMBED_COHERE:
		break;
	}
	return wrong(r, "", "is not a shape that callers send");
}

/* --- what providers take ------------------------------------------------- */

static void
write_openai(const struct embed_request *r, struct slice model, struct buf *out)
{
	size_t i;

	json_w_kstr(out, "model", model);
	json_w_key(out, "input");
	json_w_begin(out, '[');
	for (i = 0; i < r->n; i++)
		json_w_str(out, r->text[i]);
	json_w_end(out, ']');
	json_w_kstr(out, "encoding_format", S("float"));
	if (r->dims > 0)
		json_w_ku64(out, "dimensions", r->dims);
}

static void
write_content(const struct embed_request *r, size_t i, struct buf *out)
{
	struct slice use = use_word(r->use, true);

	json_w_key(out, "content");
	json_w_begin(out, '{');
	json_w_key(out, "parts");
	json_w_begin(out, '[');
	json_w_begin(out, '{');
	json_w_kstr(out, "text", r->text[i]);
	json_w_end(out, '}');
	json_w_end(out, ']');
	json_w_end(out, '}');
	if (use.len > 0)
		json_w_kstr(out, "taskType", use);
	if (r->title.len > 0 && r->use == EMBED_USE_DOCUMENT)
		json_w_kstr(out, "title", r->title);
	if (r->dims > 0)
		json_w_ku64(out, "outputDimensionality", r->dims);
}

static void
write_batch(const struct embed_request *r, struct slice model, struct buf *out)
{
	struct buf name = { 0 };
	size_t i;

	buf_str(&name, "models/");
	buf_add(&name, model);
	json_w_key(out, "requests");
	json_w_begin(out, '[');
	for (i = 0; i < r->n; i++) {
		json_w_begin(out, '{');
		json_w_kstr(out, "model", buf_slice(&name));
		write_content(r, i, out);
		json_w_end(out, '}');
	}
	json_w_end(out, ']');
	buf_fini(&name);
}

static void
write_vertex(const struct embed_request *r, struct buf *out)
{
	struct slice use = use_word(r->use, true);
	size_t i;

	json_w_key(out, "instances");
	json_w_begin(out, '[');
	for (i = 0; i < r->n; i++) {
		json_w_begin(out, '{');
		json_w_kstr(out, "content", r->text[i]);
		if (use.len > 0)
			json_w_kstr(out, "task_type", use);
		if (r->title.len > 0 && r->use == EMBED_USE_DOCUMENT)
			json_w_kstr(out, "title", r->title);
		json_w_end(out, '}');
	}
	json_w_end(out, ']');
	if (r->dims == 0)
		return;
	json_w_key(out, "parameters");
	json_w_begin(out, '{');
	json_w_ku64(out, "outputDimensionality", r->dims);
	json_w_end(out, '}');
}

static enum fault
write_titan(struct embed_request *r, struct buf *out)
{
	if (r->n != 1)
		return wrong(r, "input",
		    "must be one text: this model takes one a call");
	json_w_kstr(out, "inputText", r->text[0]);
	if (r->dims > 0)
		json_w_ku64(out, "dimensions", r->dims);
	return FAULT_NONE;
}

static enum fault
write_cohere(struct embed_request *r, struct buf *out)
{
	size_t i;

	if (r->n > 96)
		return wrong(r, "input",
		    "must be at most 96 texts: this model takes no more");
	json_w_key(out, "texts");
	json_w_begin(out, '[');
	for (i = 0; i < r->n; i++)
		json_w_str(out, r->text[i]);
	json_w_end(out, ']');
	json_w_kstr(out, "input_type", use_word(r->use, false));
	json_w_key(out, "embedding_types");
	json_w_raw(out, S("[\"float\"]"));
	if (r->dims > 0)
		json_w_ku64(out, "output_dimension", r->dims);
	return FAULT_NONE;
}

enum fault
embed_write(struct embed_request *r, enum embed_shape shape, struct slice model,
    struct buf *out)
{
	enum fault f = FAULT_NONE;

	json_w_begin(out, '{');
	switch (shape) {
	case EMBED_OPENAI:
		write_openai(r, model, out);
		break;
	case EMBED_GEMINI:
		write_content(r, 0, out);
		break;
	case EMBED_GEMINI_BATCH:
		write_batch(r, model, out);
		break;
	case EMBED_VERTEX:
		write_vertex(r, out);
		break;
	case EMBED_TITAN:
		f = write_titan(r, out);
		break;
	case EMBED_COHERE:
		f = write_cohere(r, out);
		break;
	}
	json_w_end(out, '}');
	return f;
}

bool
embed_bedrock(struct slice name, enum embed_shape *out)
{
	static const struct {
		struct slice part;
		enum embed_shape shape;
	} row[] = {
		{ S_INIT("amazon.titan-embed"), EMBED_TITAN },
		{ S_INIT("cohere.embed"), EMBED_COHERE },
	};
	size_t i;

	/* A profile's region may stand before it. */
	for (i = 0; i < NELEM(row); i++) {
		if (slice_has(name, row[i].part)) {
			*out = row[i].shape;
			return true;
		}
	}
	return false;
}

/* --- what providers answer ----------------------------------------------- */

/*
 * Vectors lie in arrays of numbers at known places; a cursor takes the first
 * array of numbers under each item and lets the rest be.
 */
struct harvest {
	struct embed_answer *v;
	unsigned depth;
};

static bool take_vector(struct json_cur *c, struct harvest *h);

static bool
first_is_number(struct slice array)
{
	struct json_cur c = json_cur(array);
	enum json_type type;

	return json_enter_array(&c) && json_next_item(&c) &&
	       json_peek(&c, &type) && type == JSON_NUMBER;
}

static bool
is_empty(struct slice array)
{
	struct json_cur c = json_cur(array);

	return json_enter_array(&c) && !json_next_item(&c);
}

static bool
take_array(struct harvest *h, struct slice span)
{
	struct json_cur c = json_cur(span);

	if (first_is_number(span)) {
		if (h->v->n == VECTORS_MAX)
			return false;
		h->v->vector[h->v->n++] = span;
		return true;
	}
	if (is_empty(span))
		return true;
	if (!json_enter_array(&c))
		return false;
	while (json_next_item(&c)) {
		if (!take_vector(&c, h))
			return false;
	}
	return c.fault == FAULT_NONE;
}

static bool
is_vector_key(struct slice key)
{
	return slice_eq(key, S("embedding")) || slice_eq(key, S("values")) ||
	       slice_eq(key, S("embeddings")) || slice_eq(key, S("float")) ||
	       slice_eq(key, S("data")) || slice_eq(key, S("predictions"));
}

static uint64_t
count_of(struct json_cur *c)
{
	struct slice span;
	int64_t v;

	if (!json_skip(c, &span) || !json_i64(span, &v) || v < 0)
		return 0;
	return (uint64_t)v;
}

static bool
is_count_key(struct slice key)
{
	return slice_eq(key, S("prompt_tokens")) ||
	       slice_eq(key, S("promptTokenCount")) ||
	       slice_eq(key, S("token_count")) ||
	       slice_eq(key, S("inputTextTokenCount")) ||
	       slice_eq(key, S("input_tokens"));
}

static bool
is_shell(struct slice key)
{
	return slice_eq(key, S("usage")) || slice_eq(key, S("usageMetadata")) ||
	       slice_eq(key, S("statistics")) || slice_eq(key, S("meta")) ||
	       slice_eq(key, S("billed_units"));
}

static bool
take_members(struct json_cur *c, struct harvest *h)
{
	struct slice key;
	bool escaped, ok;

	if (++h->depth > 8 || !json_enter_object(c))
		return false;
	while (json_next_key(c, &key, &escaped)) {
		if (is_vector_key(key) || is_shell(key)) {
			ok = take_vector(c, h);
		} else if (is_count_key(key)) {
			h->v->tokens += count_of(c);
			h->v->counted = true;
			ok = c->fault == FAULT_NONE;
		} else {
			ok = json_skip(c, NULL);
		}
		if (!ok)
			return false;
	}
	h->depth--;
	return c->fault == FAULT_NONE;
}

static bool
take_vector(struct json_cur *c, struct harvest *h)
{
	enum json_type type;
	struct slice span;

	if (!json_peek(c, &type))
		return false;
	if (type == JSON_OBJECT)
		return take_members(c, h);
	if (!json_skip(c, &span))
		return false;
	return type != JSON_ARRAY || take_array(h, span);
}

enum fault
embed_read_answer(struct arena *a, enum embed_shape shape, struct slice body,
    struct embed_answer *v)
{
	struct json_cur c = json_cur(body);
	struct harvest h = { .v = v };
	enum json_type type;

	*v = (struct embed_answer){ .vector = ARENA_ARRAY(
					a, struct slice, VECTORS_MAX) };
	if (!json_peek(&c, &type) || type != JSON_OBJECT ||
	    !take_members(&c, &h) || !json_at_end(&c) || v->n == 0)
		return FAULT_UP_GARBAGE;
	/* Titan says its one vector twice. */
	if (shape == EMBED_TITAN)
		v->n = 1;
	return FAULT_NONE;
}

/* --- base64 -------------------------------------------------------------- */

struct decimal {
	uint64_t digits;
	int exponent; /* of ten */
	bool negative;
};

static void
add_digit(struct decimal *d, char c, bool fraction)
{
	if (d->digits > UINT64_C(100000000000000000)) {
		d->exponent += !fraction; /* more than a float can hold */
		return;
	}
	d->digits = d->digits * 10 + (uint64_t)(c - '0');
	d->exponent -= fraction;
}

static void
read_decimal(struct slice s, struct decimal *d)
{
	bool fraction = false, down;
	int e = 0;
	size_t i;

	*d = (struct decimal){ .negative = s.len > 0 && s.p[0] == '-' };
	for (i = d->negative; i < s.len && (s.p[i] | 0x20) != 'e'; i++) {
		if (s.p[i] == '.')
			fraction = true;
		else
			add_digit(d, s.p[i], fraction);
	}
	if (i++ >= s.len)
		return;
	down = i < s.len && s.p[i] == '-';
	for (i += down || (i < s.len && s.p[i] == '+'); i < s.len; i++)
		e = e < 10000 ? e * 10 + (s.p[i] - '0') : e;
	d->exponent += down ? -e : e;
}

/*
 * Decimals of at most 17 digits and a small power of ten: two operations in
 * double, each rounded once, then once to a float.  What was a float before
 * it was printed is that float again.
 */
static float
float_of(struct slice s)
{
	static const double tens[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7,
		1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
		1e19, 1e20, 1e21, 1e22 };
	struct decimal d;
	double v;
	int e;

	read_decimal(s, &d);
	v = d.exponent < -80 ? 0 : (double)d.digits;
	for (e = d.exponent; v > 0 && e < 0; e += 22)
		v /= tens[e < -22 ? 22 : -e];
	for (e = d.exponent; v > 0 && v < 1e39 && e > 0; e -= 22)
		v *= tens[e > 22 ? 22 : e];
	if (v > 3.4028234663852886e38)
		v = 3.4028234663852886e38;
	return (float)(d.negative ? -v : v);
}

bool
embed_base64(struct slice vector, struct buf *out)
{
	struct json_cur c = json_cur(vector);
	struct buf raw = { 0 };
	enum json_type type;
	struct slice span;
	uint32_t bits;
	float f;
	int k;
	bool ok = json_enter_array(&c);

	while (ok && json_next_item(&c)) {
		ok = json_peek(&c, &type) && json_skip(&c, &span) &&
		     type == JSON_NUMBER;
		if (!ok)
			break;
		f = float_of(span);
		memcpy(&bits, &f, sizeof(bits));
		for (k = 0; k < 4; k++)
			buf_char(&raw, (char)(bits >> 8 * k & 0xff));
	}
	ok = ok && c.fault == FAULT_NONE;
	if (ok)
		text_base64_write(out, buf_slice(&raw));
	buf_fini(&raw);
	return ok;
}

/* --- what callers get ---------------------------------------------------- */

static void
put_vector(const struct embed_request *r, struct slice vector, struct buf *out)
{
	struct buf b = { 0 };

	if (r->base64 && embed_base64(vector, &b))
		json_w_str(out, buf_slice(&b));
	else
		json_w_raw(out, vector);
	buf_fini(&b);
}

static void
answer_openai(const struct embed_answer *v, const struct embed_request *r,
    struct slice model, struct buf *out)
{
	size_t i;

	json_w_kstr(out, "object", S("list"));
	json_w_key(out, "data");
	json_w_begin(out, '[');
	for (i = 0; i < v->n; i++) {
		json_w_begin(out, '{');
		json_w_kstr(out, "object", S("embedding"));
		json_w_ku64(out, "index", i);
		json_w_key(out, "embedding");
		put_vector(r, v->vector[i], out);
		json_w_end(out, '}');
	}
	json_w_end(out, ']');
	json_w_kstr(out, "model", model);
	json_w_key(out, "usage");
	json_w_begin(out, '{');
	json_w_ku64(out, "prompt_tokens", v->tokens);
	json_w_ku64(out, "total_tokens", v->tokens);
	json_w_end(out, '}');
}

static void
put_values(const struct embed_answer *v, size_t i, struct buf *out)
{
	json_w_begin(out, '{');
	json_w_key(out, "values");
	json_w_raw(out, v->vector[i]);
	json_w_end(out, '}');
}

static void
answer_gemini(
    const struct embed_answer *v, enum embed_shape shape, struct buf *out)
{
	size_t i;

	if (shape == EMBED_GEMINI) {
		json_w_key(out, "embedding");
		put_values(v, 0, out);
	} else {
		json_w_key(out, "embeddings");
		json_w_begin(out, '[');
		for (i = 0; i < v->n; i++)
			put_values(v, i, out);
		json_w_end(out, ']');
	}
	json_w_key(out, "usageMetadata");
	json_w_begin(out, '{');
	json_w_ku64(out, "promptTokenCount", v->tokens);
	json_w_end(out, '}');
}

static void
answer_vertex(const struct embed_answer *v, struct buf *out)
{
	size_t i;

	json_w_key(out, "predictions");
	json_w_begin(out, '[');
	for (i = 0; i < v->n; i++) {
		json_w_begin(out, '{');
		json_w_key(out, "embeddings");
		json_w_begin(out, '{');
		json_w_key(out, "values");
		json_w_raw(out, v->vector[i]);
		json_w_key(out, "statistics");
		json_w_begin(out, '{');
		/* Only the sum is known: the first one has it. */
		json_w_ku64(out, "token_count", i == 0 ? v->tokens : 0);
		json_w_kbool(out, "truncated", false);
		json_w_end(out, '}');
		json_w_end(out, '}');
		json_w_end(out, '}');
	}
	json_w_end(out, ']');
}

void
embed_write_answer(const struct embed_answer *v, const struct embed_request *r,
    enum embed_shape shape, struct slice model, struct buf *out)
{
	json_w_begin(out, '{');
	switch (shape) {
	case EMBED_OPENAI:
		answer_openai(v, r, model, out);
		break;
	case EMBED_GEMINI:
	case EMBED_GEMINI_BATCH:
		answer_gemini(v, shape, out);
		break;
	case EMBED_VERTEX:
		answer_vertex(v, out);
		break;
	case EMBED_TITAN:
	case EMBED_COHERE:
		break;
	}
	json_w_end(out, '}');
}

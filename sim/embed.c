#include "sim/embed.h"

#include "base/text.h"
#include "sim/brand.h"
#include "sim/count.h"
#include "sim/filler.h"
#include "sim/google.h"

enum { TEXTS = 2048, TEXTS_COHERE = 96, TEXTS_GEMINI = 100 };

struct job {
	struct visit *visit;
	enum embed_wire wire;
	struct arena arena;
	struct json *body;
	struct slice name;
	const struct sim_model *model;
	struct slice text[TEXTS];
	unsigned n;
	int64_t tokens, dims;
	bool base64, typed; /* typed: Cohere's embedding_types was given */
	struct refusal why;
	struct plan *no;
};

#define WRONG(j, ...) wrong((j), arena_fmt(&(j)->arena, __VA_ARGS__))

static bool
wrong(struct job *j, const char *message)
{
	j->why = (struct refusal){ 400, "invalid_request_error", NULL, NULL,
		message };
	return false;
}

/* --- reading ----------------------------------------------------------- */

static bool
add(struct job *j, struct slice text, unsigned most)
{
	if (text.len == 0)
		return WRONG(j, "input cannot be an empty string");
	if (j->n == most)
		return WRONG(j, "at most %u inputs at once", most);
	j->text[j->n++] = text;
	j->tokens += (int64_t)(text.len + 3) / 4;
	return true;
}

/* A text, texts, tokens, or lists of tokens. */
static bool
openai_item(struct job *j, const struct json *in)
{
	const struct json *k;

	if (in->type == JSON_STRING)
		return add(j, in->text, TEXTS);
	if (in->type != JSON_ARRAY || in->n == 0)
		return WRONG(j, "'$.input' is invalid. Please check the API "
				"reference.");
	for (k = in->child; k != NULL; k = k->next)
		if (k->type != JSON_NUMBER)
			return WRONG(j, "'$.input' is invalid.");
	if (!add(j, S("tokens"), TEXTS))
		return false;
	j->tokens += (int64_t)in->n - 2;
	return true;
}

static bool
only(struct job *j, const char *words)
{
	const struct json *k;
	struct slice left, head;

	for (k = j->body->child; k != NULL; k = k->next) {
		left = slice_of(words);
		while (slice_cut(left, ' ', &head, &left))
			if (slice_eq(head, k->key))
				break;
			else
				head = S("");
		if (!slice_eq(head, k->key) && !slice_eq(left, k->key))
			return WRONG(j,
			    j->wire == EMBED_OPENAI
				? "Unrecognized request argument supplied: %.*s"
				: "Malformed input request: #: extraneous key "
				  "[%.*s] is not permitted, please reformat "
				  "your input and try again.",
			    S_FMT(k->key));
	}
	return true;
}

static bool
openai(struct job *j)
{
	const struct json *in = json_get(j->body, "input"), *k;
	struct slice format = json_get_str(j->body, "encoding_format");

	if (!only(j, "input model encoding_format dimensions user"))
		return false;
	if (in == NULL)
		return WRONG(j, "Missing required parameter: 'input'.");
	if (format.len > 0 && !slice_eq(format, S("float")) &&
	    !slice_eq(format, S("base64")))
		return WRONG(j, "Invalid value for 'encoding_format': "
				"expected float or base64.");
	j->base64 = slice_eq(format, S("base64"));
	(void)json_get_i64(j->body, "dimensions", &j->dims);
	if (in->type != JSON_ARRAY || in->n == 0 ||
	    in->child->type == JSON_NUMBER)
		return openai_item(j, in);
	for (k = in->child; k != NULL; k = k->next)
		if (!openai_item(j, k))
			return false;
	return true;
}

static bool
gemini_one(struct job *j, const struct json *r)
{
	const struct json *p = google_get(google_get(r, "content"), "parts");
	struct buf b = { 0 };
	struct slice text;

	if (p == NULL)
		return WRONG(j, "* EmbedContentRequest.content: contents is "
				"not specified");
	for (p = p->child; p != NULL; p = p->next)
		buf_add(&b, google_str(p, "text"));
	text = arena_copy(&j->arena, buf_slice(&b));
	buf_fini(&b);
	(void)google_int(r, "outputDimensionality", &j->dims);
	return add(j, text, TEXTS_GEMINI);
}

static bool
gemini_batch(struct job *j)
{
	const struct json *r = google_get(j->body, "requests");
	struct slice want =
	    slice_of(arena_fmt(&j->arena, "models/%.*s", S_FMT(j->name)));

	if (r == NULL || r->n == 0)
		return WRONG(j, "* BatchEmbedContentsRequest.requests: "
				"requests is not specified");
	for (r = r->child; r != NULL; r = r->next) {
		if (!slice_eq(google_str(r, "model"), want))
			return WRONG(j,
			    "* BatchEmbedContentsRequest.requests[0].model: "
			    "model does not match the model in the path");
		if (!gemini_one(j, r))
			return false;
	}
	return true;
}

static bool
vertex(struct job *j)
{
	const struct json *r = google_get(j->body, "instances");

	(void)google_int(google_get(j->body, "parameters"),
	    "outputDimensionality", &j->dims);
	if (r == NULL || r->n == 0)
		return WRONG(j, "Invalid instances: no instances");
	for (r = r->child; r != NULL; r = r->next)
		if (!add(j, google_str(r, "content"), TEXTS_GEMINI))
			return false;
	return true;
}

static bool
titan(struct job *j)
{
	const struct json *d = json_get(j->body, "dimensions");

	if (!only(j, "inputText dimensions normalize embeddingTypes"))
		return false;
	if (json_get_str(j->body, "inputText").len == 0)
		return WRONG(j, "Malformed input request: expected minLength: "
				"1, actual: 0, please reformat your input and "
				"try again.");
	if (d != NULL &&
	    (!json_i64(d->text, &j->dims) ||
		(j->dims != 256 && j->dims != 512 && j->dims != 1024)))
		return WRONG(j, "Malformed input request: #/dimensions: value "
				"is not one of 256, 512, 1024, please reformat "
				"your input and try again.");
	return add(j, json_get_str(j->body, "inputText"), 1);
}

static bool
cohere(struct job *j)
{
	const struct json *k = json_get(j->body, "texts");
	const struct json *types = json_get(j->body, "embedding_types");
	struct slice as = json_get_str(j->body, "input_type");

	if (!only(j, "texts input_type truncate embedding_types images "
		     "output_dimension max_tokens inputs"))
		return false;
	if (!slice_eq(as, S("search_document")) &&
	    !slice_eq(as, S("search_query")) &&
	    !slice_eq(as, S("classification")) &&
	    !slice_eq(as, S("clustering")) && !slice_eq(as, S("image")))
		return WRONG(j, "Malformed input request: #/input_type: not a "
				"valid enum value, please reformat your input "
				"and try again.");
	if (k == NULL || k->type != JSON_ARRAY || k->n == 0)
		return WRONG(j, "Malformed input request: #: required key "
				"[texts] not found, please reformat your input "
				"and try again.");
	j->typed = types != NULL;
	(void)json_get_i64(j->body, "output_dimension", &j->dims);
	for (k = k->child; k != NULL; k = k->next)
		if (!add(j, k->text, TEXTS_COHERE))
			return false;
	return true;
}

static bool
google(struct job *j, enum google_message m)
{
	return google_check(&j->arena, j->body, m, &j->why);
}

static bool
read_request(struct job *j)
{
	switch (j->wire) {
	case EMBED_OPENAI:
		return openai(j);
	case EMBED_GEMINI:
		return google(j, GOOGLE_EMBED) && gemini_one(j, j->body);
	case EMBED_GEMINI_BATCH:
		return google(j, GOOGLE_BATCH_EMBED) && gemini_batch(j);
	case EMBED_VERTEX:
		return google(j, GOOGLE_PREDICT) && vertex(j);
	case EMBED_TITAN:
		return titan(j);
	case EMBED_COHERE:
		return cohere(j);
	}
	return false;
}

/* --- answering --------------------------------------------------------- */

static int
number_at(struct slice text, int64_t i)
{
	const uint64_t h = count_hash_bytes(UINT64_C(0xe3bed), text);

	return (int)(filler_mix(h, (uint64_t)i) % 2047) - 1023;
}

static void
put_floats(const struct job *j, struct buf *b, struct slice text)
{
	int64_t i;
	int k;

	json_w_begin(b, '[');
	for (i = 0; i < j->dims; i++) {
		k = number_at(text, i);
		if (i > 0)
			buf_char(b, ',');
		/* k/1024 in decimals: 1/1024 is 0.0009765625 */
		buf_fmt(b, "%s0.%010lld", k < 0 ? "-" : "",
		    (long long)(k < 0 ? -k : k) * 9765625);
	}
	json_w_end(b, ']');
}

static void
put_base64(const struct job *j, struct buf *b, struct slice text)
{
	struct buf raw = { 0 };
	int64_t i;
	uint32_t bits;
	float f;
	unsigned k;

	for (i = 0; i < j->dims; i++) {
		f = (float)number_at(text, i) / 1024.0f;
		memcpy(&bits, &f, 4);
		for (k = 0; k < 4; k++)
			buf_char(&raw, (char)(bits >> 8 * k));
	}
	buf_char(b, '"');
	text_base64_write(b, buf_slice(&raw));
	buf_char(b, '"');
	buf_fini(&raw);
}

static void
say_openai(const struct job *j, struct buf *b)
{
	unsigned i;

	json_w_begin(b, '{');
	json_w_kstr(b, "object", S("list"));
	json_w_key(b, "data");
	json_w_begin(b, '[');
	for (i = 0; i < j->n; i++) {
		json_w_begin(b, '{');
		json_w_kstr(b, "object", S("embedding"));
		json_w_ki64(b, "index", i);
		json_w_key(b, "embedding");
		if (j->base64)
			put_base64(j, b, j->text[i]);
		else
			put_floats(j, b, j->text[i]);
		json_w_end(b, '}');
	}
	json_w_end(b, ']');
	json_w_kstr(b, "model", j->model->snapshot);
	json_w_key(b, "usage");
	json_w_begin(b, '{');
	json_w_ki64(b, "prompt_tokens", j->tokens);
	json_w_ki64(b, "total_tokens", j->tokens);
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static void
put_values(const struct job *j, struct buf *b, unsigned i)
{
	json_w_begin(b, '{');
	json_w_key(b, "values");
	put_floats(j, b, j->text[i]);
	json_w_end(b, '}');
}

static void
say_gemini(const struct job *j, struct buf *b)
{
	unsigned i;

	json_w_begin(b, '{');
	json_w_key(b, j->wire == EMBED_GEMINI ? "embedding" : "embeddings");
	if (j->wire == EMBED_GEMINI_BATCH)
		json_w_begin(b, '[');
	for (i = 0; i < j->n; i++)
		put_values(j, b, i);
	if (j->wire == EMBED_GEMINI_BATCH)
		json_w_end(b, ']');
	json_w_key(b, "usageMetadata");
	json_w_begin(b, '{');
	json_w_ki64(b, "promptTokenCount", j->tokens);
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static void
say_vertex(const struct job *j, struct buf *b)
{
	unsigned i;

	json_w_begin(b, '{');
	json_w_key(b, "predictions");
	json_w_begin(b, '[');
	for (i = 0; i < j->n; i++) {
		json_w_begin(b, '{');
		json_w_key(b, "embeddings");
		json_w_begin(b, '{');
		json_w_key(b, "values");
		put_floats(j, b, j->text[i]);
		json_w_key(b, "statistics");
		json_w_begin(b, '{');
		json_w_ki64(
		    b, "token_count", (int64_t)(j->text[i].len + 3) / 4);
		json_w_kbool(b, "truncated", false);
		json_w_end(b, '}');
		json_w_end(b, '}');
		json_w_end(b, '}');
	}
	json_w_end(b, ']');
	json_w_end(b, '}');
}

static void
say_titan(const struct job *j, struct buf *b)
{
	json_w_begin(b, '{');
	json_w_key(b, "embedding");
	put_floats(j, b, j->text[0]);
	json_w_key(b, "embeddingsByType");
	json_w_begin(b, '{');
	json_w_key(b, "float");
	put_floats(j, b, j->text[0]);
	json_w_end(b, '}');
	json_w_ki64(b, "inputTextTokenCount", j->tokens);
	json_w_end(b, '}');
}

static void
say_cohere(const struct job *j, struct buf *b)
{
	unsigned i;

	json_w_begin(b, '{');
	json_w_kstr(b, "id", S("5c2ab9f0-6d5f-4c1c-9d5e-2c6f0d0c8a11"));
	json_w_key(b, "texts");
	json_w_begin(b, '[');
	for (i = 0; i < j->n; i++)
		json_w_str(b, j->text[i]);
	json_w_end(b, ']');
	json_w_key(b, "embeddings");
	if (j->typed) {
		json_w_begin(b, '{');
		json_w_key(b, "float");
	}
	json_w_begin(b, '[');
	for (i = 0; i < j->n; i++)
		put_floats(j, b, j->text[i]);
	json_w_end(b, ']');
	if (j->typed)
		json_w_end(b, '}');
	json_w_kstr(b, "response_type",
	    j->typed ? S("embeddings_by_type") : S("embeddings_floats"));
	json_w_end(b, '}');
}

static struct plan *
answer(struct job *j)
{
	struct plan *p = plan_plain(200);

	switch (j->wire) {
	case EMBED_OPENAI:
		say_openai(j, &p->body);
		break;
	case EMBED_GEMINI:
	case EMBED_GEMINI_BATCH:
		say_gemini(j, &p->body);
		break;
	case EMBED_VERTEX:
		say_vertex(j, &p->body);
		break;
	case EMBED_TITAN:
		say_titan(j, &p->body);
		break;
	case EMBED_COHERE:
		say_cohere(j, &p->body);
		break;
	}
	p->billable = true;
	p->used.input = j->tokens;
	/* Bedrock says what it counted in a header. */
	if (j->wire == EMBED_COHERE || j->wire == EMBED_TITAN)
		p->aws_input = j->tokens;
	p->tariff =
	    &j->model->tariff[j->visit->credential->venue][SERVICE_DEFAULT];
	return p;
}

static struct plan *
decide(struct job *j)
{
	const enum venue venue = j->visit->credential->venue;

	if (json_parse(&j->arena, j->visit->body, &j->body) != FAULT_NONE ||
	    j->body->type != JSON_OBJECT) {
		(void)WRONG(j, "Invalid JSON payload received.");
		return brand_refusal(venue, &j->why);
	}
	if (j->name.len == 0)
		j->name = json_get_str(j->body, "model");
	j->model =
	    setup_model(j->visit->desk->setup, j->visit->credential, j->name);
	if (j->model == NULL || j->model->embed == 0)
		return brand_trouble(venue,
		    venue == VENUE_AZURE ? TROUBLE_DEPLOYMENT : TROUBLE_MODEL,
		    0, j->name);
	books_model(
	    j->visit->desk->books, j->visit->entry, j->model->id, false);
	if (!read_request(j))
		return brand_refusal(venue, &j->why);
	if (j->dims == 0)
		j->dims = j->model->embed;
	if (j->dims < 1 || j->dims > j->model->embed) {
		(void)WRONG(j, "Invalid value for 'dimensions'.");
		return brand_refusal(venue, &j->why);
	}
	return answer(j);
}

struct plan *
embed_call(struct visit *v, enum embed_wire wire, struct slice model)
{
	struct arrival a = { v->credential,
		http_value(v->head, S("x-client-request-id")),
		http_value(v->head, S("accept-encoding")), true };
	struct job *j = NEW(struct job);
	struct play play;
	struct plan *p;

	v->entry = books_open(v->desk->books, &a);
	play = rules_play(&v->desk->rules, v->credential, loop_now(v->loop));
	j->visit = v;
	j->wire = wire;
	j->name = model;
	p = mishap_get(play.kind)->status != 0
		? brand_trouble(v->credential->venue, TROUBLE_STATUS,
		      mishap_get(play.kind)->status, S(""))
		: decide(j);
	arena_fini(&j->arena);
	mem_free(j);
	return p;
}

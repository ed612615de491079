/*
 * gemini_read.c - is this a request that Gemini would take, and as a chat
 *
 * The sentences are Google's own where they are known.
 */
#include "sim/gemini.h"

#include "base/text.h"
#include "sim/brand.h"
#include "sim/count.h"
#include "sim/filler.h"
#include "sim/google.h"

enum { STOPS = 5, CANDIDATES = 8, CACHED = 2048 };

struct reading {
	struct order *order;
	struct arena *arena;
	const struct json *body;
	struct refusal why;
	bool reasoning; /* Gemini 3 and later: signatures are checked */
	struct buf out;
	unsigned calls, answers; /* so far: they pair in order */
};

#define WRONG(r, ...) \
	google_wrong(&(r)->why, arena_fmt((r)->arena, __VA_ARGS__))

/* --- signatures -------------------------------------------------------- */

struct slice
gemini_signature(struct arena *a, struct slice name)
{
	struct buf plain = { 0 }, b = { 0 };
	struct slice s;
	uint64_t h = count_hash_bytes(UINT64_C(0x67656d696e69), name);

	buf_str(&plain, "gemini-thought-");
	buf_hex(&plain, &h, 8);
	text_base64_write(&b, buf_slice(&plain));
	s = arena_copy(a, buf_slice(&b));
	buf_fini(&plain);
	buf_fini(&b);
	return s;
}

/* What Google's documents let stand for a history of other models. */
static bool
is_dummy(struct slice text)
{
	struct buf b = { 0 };
	bool ok = slice_eq(text, S("skip_thought_signature_validator")) ||
		  slice_eq(text, S("context_engineering_is_the_way_to_go"));

	if (!ok && text_base64_parse(&b, text))
		ok = slice_eq(
		    buf_slice(&b), S("skip_thought_signature_validator"));
	buf_fini(&b);
	return ok;
}

/* Bytes may come back in the other alphabet. */
static struct slice
plain_alphabet(struct arena *a, struct slice s)
{
	char *p = arena_str(a, s);
	size_t i;

	for (i = 0; i < s.len; i++)
		p[i] = p[i] == '-' ? '+' : p[i] == '_' ? '/' : p[i];
	return (struct slice){ p, s.len };
}

static bool
signature(struct reading *r, const struct json *part, bool needed)
{
	struct slice sig = google_str(part, "thoughtSignature");
	struct slice name =
	    google_str(google_get(part, "functionCall"), "name");

	if (sig.len == 0 && needed)
		return WRONG(r,
		    "Function call is missing a thought_signature in "
		    "functionCall parts. This is required for tools to work "
		    "correctly, and missing thought_signature may lead to "
		    "degraded model performance. Additional data, function "
		    "call `default_api:%.*s`.",
		    S_FMT(name));
	if (sig.len > 0 && !is_dummy(sig) &&
	    !slice_eq(plain_alphabet(r->arena, sig),
		gemini_signature(r->arena, name)))
		return WRONG(r, "Corrupted thought signature.");
	return true;
}

static bool
has_part(const struct json *content, const char *kind)
{
	const struct json *p = google_get(content, "parts");

	for (p = p ? p->child : NULL; p != NULL; p = p->next)
		if (google_get(p, kind) != NULL)
			return true;
	return false;
}

static bool
is_model(const struct json *content)
{
	return slice_eq(google_str(content, "role"), S("model"));
}

/* Only calls since the last thing a person said must be signed. */
static bool
signatures(struct reading *r)
{
	const struct json *list = google_get(r->body, "contents"), *c, *p;
	const struct json *turn = NULL;
	bool first;

	for (c = list->child; c != NULL; c = c->next)
		if (!is_model(c) && !has_part(c, "functionResponse"))
			turn = c;
	for (c = list->child; c != NULL; c = c->next) {
		if (c == turn)
			turn = NULL;
		first = true;
		p = google_get(c, "parts");
		for (p = p->child; p != NULL; p = p->next) {
			const bool call = google_get(p, "functionCall") != NULL;

			if (!signature(r, p,
				call && first && turn == NULL && r->reasoning))
				return false;
			first = first && !call;
		}
	}
	return true;
}

/* --- contents ---------------------------------------------------------- */

static bool
name_good(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		const char c = s.p[i];
		const bool letter =
		    ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';

		if (!letter &&
		    (i == 0 || !((c >= '0' && c <= '9') || c == '-' ||
				   c == '.' || c == ':')))
			return false;
	}
	return s.len >= 1 && s.len <= 64;
}

static bool
one_part(struct reading *r, const struct json *p, unsigned c, unsigned i)
{
	static const char *const data[] = { "text", "inlineData", "fileData",
		"functionCall", "functionResponse", "executableCode",
		"codeExecutionResult" };
	const struct json *blob = google_get(p, "inlineData");
	const struct json *f;
	unsigned n = 0;
	size_t k;

	for (k = 0; k < NELEM(data); k++)
		n += google_get(p, data[k]) != NULL;
	if (n > 1)
		return WRONG(r,
		    "Invalid value at 'contents[%u].parts[%u]' (oneof), oneof "
		    "field 'data' is already set.",
		    c, i);
	if (n == 0)
		return WRONG(r,
		    "* GenerateContentRequest.contents[%u].parts[%u].data: "
		    "required oneof field 'data' must have one initialized "
		    "field\n",
		    c, i);
	if (blob != NULL && (google_str(blob, "mimeType").len == 0 ||
				google_str(blob, "data").len == 0))
		return WRONG(r,
		    "* GenerateContentRequest.contents[%u].parts[%u]."
		    "inline_data: mime_type and data are required.",
		    c, i);
	f = google_get(p, "functionCall");
	if (f == NULL)
		f = google_get(p, "functionResponse");
	if (f != NULL && google_str(f, "name").len == 0)
		return WRONG(r,
		    "* GenerateContentRequest.contents[%u].parts[%u]."
		    "function_call.name: Name cannot be empty.",
		    c, i);
	return true;
}

static bool
one_content(struct reading *r, const struct json *c, unsigned i)
{
	const struct json *parts = google_get(c, "parts"), *p;
	struct slice role = google_str(c, "role");
	unsigned k = 0;

	if (role.len > 0 && !slice_eq(role, S("user")) &&
	    !slice_eq(role, S("model")) && !slice_eq(role, S("function")))
		return WRONG(r, "Please use a valid role: user, model.");
	if (role.len == 0 && r->order->visit->credential->venue == VENUE_VERTEX)
		return WRONG(r, "Please use a valid role: user, model.");
	if (parts == NULL || parts->child == NULL)
		return WRONG(r,
		    "* GenerateContentRequest.contents[%u].parts: contents."
		    "parts must not be empty.",
		    i);
	for (p = parts->child; p != NULL; p = p->next)
		if (!one_part(r, p, i, k++))
			return false;
	return true;
}

static unsigned
count_parts(const struct json *c, const char *kind)
{
	const struct json *p = google_get(c, "parts");
	unsigned n = 0;

	for (p = p ? p->child : NULL; p != NULL; p = p->next)
		n += google_get(p, kind) != NULL;
	return n;
}

/* Responses stand right behind the calls they answer, as many of them. */
static bool
pairing(struct reading *r, const struct json *list)
{
	const struct json *c, *prev = NULL;
	unsigned calls, answers;

	for (c = list->child; c != NULL; prev = c, c = c->next) {
		calls = is_model(c) ? count_parts(c, "functionCall") : 0;
		answers = count_parts(c, "functionResponse");
		if (calls > 0 && prev == NULL)
			return WRONG(r,
			    "Please ensure that function call turn comes "
			    "immediately after a user turn or after a function "
			    "response turn.");
		if (answers > 0 && (prev == NULL || !is_model(prev) ||
				       count_parts(prev, "functionCall") == 0))
			return WRONG(r,
			    "Please ensure that function response turn comes "
			    "immediately after a function call turn.");
		if ((answers > 0 &&
			answers != count_parts(prev, "functionCall")) ||
		    (answers == 0 && prev != NULL &&
			count_parts(prev, "functionCall") > 0 &&
			is_model(prev)))
			return WRONG(r,
			    "Please ensure that the number of function "
			    "response parts is equal to the number of function "
			    "call parts of the function call turn.");
	}
	return true;
}

static bool
contents(struct reading *r)
{
	const struct json *list = google_get(r->body, "contents"), *c;
	unsigned i = 0;

	if (list == NULL || list->child == NULL || list->type != JSON_ARRAY)
		return WRONG(r, "* GenerateContentRequest.contents: contents "
				"is not specified\n");
	for (c = list->child; c != NULL; c = c->next)
		if (!one_content(r, c, i++))
			return false;
	if (is_model(list->child) &&
	    count_parts(list->child, "functionCall") > 0)
		return WRONG(r, "Please ensure that function call turn comes "
				"immediately after a user turn or after a "
				"function response turn.");
	return pairing(r, list) && signatures(r);
}

/* --- tools and configuration ------------------------------------------- */

static bool
declarations(struct reading *r, const struct json *tool)
{
	const struct json *d = google_get(tool, "functionDeclarations");

	for (d = d ? d->child : NULL; d != NULL; d = d->next) {
		if (!name_good(google_str(d, "name")))
			return WRONG(r,
			    "Invalid function name. Must start with a letter "
			    "or an underscore. Must be alphanumeric (a-z, A-Z, "
			    "0-9), underscores (_), dots (.), colons (:), or "
			    "dashes (-), with a maximum length of 64.");
		if (google_get(d, "parameters") != NULL &&
		    google_get(d, "parametersJsonSchema") != NULL)
			return WRONG(r,
			    "parameters and parameters_json_schema cannot both "
			    "be set.");
	}
	return true;
}

static bool
tools(struct reading *r)
{
	const struct json *t = google_get(r->body, "tools");
	const struct json *calling = google_get(
	    google_get(r->body, "toolConfig"), "functionCallingConfig");
	struct slice mode = google_str(calling, "mode");
	bool any = false;

	for (t = t ? t->child : NULL; t != NULL; t = t->next) {
		any = true;
		if (!declarations(r, t))
			return false;
	}
	if (google_get(calling, "allowedFunctionNames") != NULL &&
	    !slice_eq(mode, S("ANY")) && !slice_eq(mode, S("VALIDATED")))
		return WRONG(r, "Allowed function names should be set only "
				"when function calling mode is ANY or "
				"VALIDATED.");
	if (!any && slice_eq(mode, S("ANY")))
		return WRONG(r, "Function calling config is set without "
				"function_declarations.");
	return true;
}

static bool
thinking(struct reading *r, const struct json *gen)
{
	const struct json *t = google_get(gen, "thinkingConfig");

	if (t == NULL)
		return true;
	if (google_get(t, "thinkingBudget") != NULL &&
	    google_get(t, "thinkingLevel") != NULL)
		return WRONG(r, "You can only set only one of thinking budget "
				"and thinking level.");
	if (google_get(t, "thinkingLevel") != NULL && !r->reasoning)
		return WRONG(r, "Thinking level is not supported for this "
				"model.");
	return true;
}

static bool
schemas(struct reading *r, const struct json *gen)
{
	struct slice type = google_str(gen, "responseMimeType");
	const bool schema = google_get(gen, "responseSchema") != NULL;
	const bool json = google_get(gen, "responseJsonSchema") != NULL;

	if (type.len > 0 && !slice_eq(type, S("text/plain")) &&
	    !slice_eq(type, S("application/json")) &&
	    !slice_eq(type, S("text/x.enum")))
		return WRONG(r,
		    "* GenerateContentRequest.generation_config."
		    "response_mime_type: allowed mimetypes are `text/plain`, "
		    "`application/json`, `application/xml`, `application/yaml` "
		    "and `text/x.enum`.");
	if (schema && json)
		return WRONG(r, "response_schema and response_json_schema "
				"cannot both be set.");
	if ((schema || json) &&
	    (type.len == 0 || slice_eq(type, S("text/plain"))))
		return WRONG(r,
		    "* GenerateContentRequest.generation_config."
		    "response_schema: only allowed when response_mime_type is "
		    "`application/json`.");
	if (!r->reasoning && slice_eq(type, S("application/json")) &&
	    google_get(r->body, "tools") != NULL)
		return WRONG(r, "Function calling with a response mime type: "
				"'application/json' is unsupported");
	return true;
}

static bool
in_range(struct reading *r, const struct json *gen, const char *name,
    int64_t lo, int64_t hi)
{
	int64_t v;

	if (!google_int(gen, name, &v) || (v >= lo && v <= hi))
		return true;
	return WRONG(r,
	    "* GenerateContentRequest.generation_config.%s: %s must be in the "
	    "range [%lld, %lld].",
	    name, name, (long long)lo, (long long)hi);
}

static bool
configuration(struct reading *r)
{
	const struct json *gen = google_get(r->body, "generationConfig");
	const struct json *stop = google_get(gen, "stopSequences");

	if (stop != NULL && stop->n > STOPS)
		return WRONG(r,
		    "Unable to submit request because the number of stop "
		    "sequences is more than %d.",
		    STOPS);
	return in_range(r, gen, "candidateCount", 1, CANDIDATES) &&
	       in_range(r, gen, "maxOutputTokens", 1, INT32_MAX) &&
	       in_range(r, gen, "seed", INT32_MIN, INT32_MAX) &&
	       in_range(r, gen, "temperature", 0, 2) && thinking(r, gen) &&
	       schemas(r, gen);
}

static bool
cached(struct reading *r)
{
	struct slice name = google_str(r->body, "cachedContent");

	if (name.len == 0)
		return true;
	if (google_get(r->body, "systemInstruction") != NULL ||
	    google_get(r->body, "tools") != NULL ||
	    google_get(r->body, "toolConfig") != NULL)
		return WRONG(r, "CachedContent can not be used with "
				"GenerateContent request setting "
				"system_instruction, tools or tool_config.");
	if (memmem(name.p, name.len, "cachedContents/", 15) != NULL)
		return true;
	return WRONG(r, "Invalid cached content name.");
}

/* --- as a chat --------------------------------------------------------- */

static void
text_of(struct buf *b, const struct json *content)
{
	const struct json *p = google_get(content, "parts");

	for (p = p ? p->child : NULL; p != NULL; p = p->next)
		if (!google_flag(p, "thought"))
			buf_add(b, google_str(p, "text"));
}

static void
put_system(struct reading *r)
{
	const struct json *s = google_get(r->body, "systemInstruction");
	struct buf text = { 0 };

	if (s == NULL)
		return;
	text_of(&text, s);
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "role", S("system"));
	json_w_kstr(&r->out, "content", buf_slice(&text));
	json_w_end(&r->out, '}');
	buf_fini(&text);
}

static void
put_blob(struct buf *b, const struct json *p)
{
	const struct json *blob = google_get(p, "inlineData");
	struct slice type = google_str(blob, "mimeType");
	struct slice data = google_str(blob, "data");
	const bool image = slice_starts(type, S("image/"));
	const bool audio = slice_starts(type, S("audio/"));

	json_w_begin(b, '{');
	json_w_kstr(b, "type",
	    image   ? S("image_url")
	    : audio ? S("input_audio")
		    : S("file"));
	json_w_key(b, image ? "image_url" : audio ? "input_audio" : "file");
	json_w_begin(b, '{');
	json_w_kstr(b, image ? "url" : audio ? "data" : "file_data", data);
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static void
put_user_part(struct buf *b, const struct json *p)
{
	struct slice uri = google_str(google_get(p, "fileData"), "fileUri");

	if (google_get(p, "inlineData") != NULL) {
		put_blob(b, p);
		return;
	}
	if (google_get(p, "text") == NULL && uri.len == 0)
		return;
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("text"));
	json_w_kstr(b, "text",
	    google_get(p, "text") != NULL ? google_str(p, "text") : uri);
	json_w_end(b, '}');
}

static void
put_answers(struct reading *r, const struct json *c)
{
	const struct json *p = google_get(c, "parts"), *f;
	struct buf text = { 0 };

	for (p = p ? p->child : NULL; p != NULL; p = p->next) {
		f = google_get(p, "functionResponse");
		if (f == NULL)
			continue;
		buf_clear(&text);
		if (google_get(f, "response") != NULL)
			filler_copy(&text, google_get(f, "response"));
		json_w_begin(&r->out, '{');
		json_w_kstr(&r->out, "role", S("tool"));
		json_w_kstr(&r->out, "tool_call_id",
		    slice_of(arena_fmt(r->arena, "g%u", r->answers++)));
		json_w_kstr(&r->out, "content", buf_slice(&text));
		json_w_end(&r->out, '}');
	}
	buf_fini(&text);
}

static void
put_user(struct reading *r, const struct json *c)
{
	const struct json *p = google_get(c, "parts");

	put_answers(r, c);
	if (count_parts(c, "functionResponse") == p->n)
		return;
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "role", S("user"));
	json_w_key(&r->out, "content");
	json_w_begin(&r->out, '[');
	for (p = p->child; p != NULL; p = p->next)
		put_user_part(&r->out, p);
	json_w_end(&r->out, ']');
	json_w_end(&r->out, '}');
}

static void
put_call(struct reading *r, const struct json *f)
{
	struct buf args = { 0 };

	if (google_get(f, "args") != NULL)
		filler_copy(&args, google_get(f, "args"));
	else
		buf_str(&args, "{}");
	json_w_begin(&r->out, '{');
	json_w_kstr(
	    &r->out, "id", slice_of(arena_fmt(r->arena, "g%u", r->calls++)));
	json_w_kstr(&r->out, "type", S("function"));
	json_w_key(&r->out, "function");
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "name", google_str(f, "name"));
	json_w_kstr(&r->out, "arguments", buf_slice(&args));
	json_w_end(&r->out, '}');
	json_w_end(&r->out, '}');
	buf_fini(&args);
}

static void
put_model(struct reading *r, const struct json *c)
{
	const struct json *p = google_get(c, "parts"), *f;
	struct buf text = { 0 };

	text_of(&text, c);
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "role", S("assistant"));
	json_w_kstr(&r->out, "content", buf_slice(&text));
	if (count_parts(c, "functionCall") > 0) {
		json_w_key(&r->out, "tool_calls");
		json_w_begin(&r->out, '[');
		for (p = p->child; p != NULL; p = p->next) {
			f = google_get(p, "functionCall");
			if (f != NULL)
				put_call(r, f);
		}
		json_w_end(&r->out, ']');
	}
	json_w_end(&r->out, '}');
	buf_fini(&text);
}

static void
put_key(struct buf *b, struct slice key)
{
	json_w_str(b, key);
	buf_char(b, ':');
}

/* Google's schema says STRING where JSON Schema says string. */
static void
put_schema(struct buf *b, const struct json *s)
{
	const struct json *k;
	size_t i;

	if (s->type != JSON_OBJECT && s->type != JSON_ARRAY) {
		struct buf v = { 0 };

		filler_copy(&v, s);
		for (i = 0; slice_eq(s->key, S("type")) && i < v.len; i++)
			v.p[i] |= v.p[i] >= 'A' && v.p[i] <= 'Z' ? 0x20 : 0;
		json_w_raw(b, buf_slice(&v));
		buf_fini(&v);
		return;
	}
	json_w_begin(b, s->type == JSON_OBJECT ? '{' : '[');
	for (k = s->child; k != NULL; k = k->next) {
		if (s->type == JSON_OBJECT)
			put_key(b, k->key);
		put_schema(b, k);
	}
	json_w_end(b, s->type == JSON_OBJECT ? '}' : ']');
}

static void
put_tool(struct reading *r, const struct json *d)
{
	struct buf *b = &r->out;
	const struct json *schema = google_get(d, "parametersJsonSchema");

	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("function"));
	json_w_key(b, "function");
	json_w_begin(b, '{');
	json_w_kstr(b, "name", google_str(d, "name"));
	json_w_kstr(b, "description", google_str(d, "description"));
	if (schema == NULL)
		schema = google_get(d, "parameters");
	if (schema != NULL) {
		json_w_key(b, "parameters");
		put_schema(b, schema);
	}
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static bool
allowed(const struct json *names, struct slice name)
{
	const struct json *k;

	if (names == NULL)
		return true;
	for (k = names->child; k != NULL; k = k->next)
		if (slice_eq(k->text, name))
			return true;
	return false;
}

static void
put_tools(struct reading *r)
{
	const struct json *t = google_get(r->body, "tools"), *d;
	const struct json *calling = google_get(
	    google_get(r->body, "toolConfig"), "functionCallingConfig");
	const struct json *names = google_get(calling, "allowedFunctionNames");
	unsigned n = 0;

	json_w_key(&r->out, "tools");
	json_w_begin(&r->out, '[');
	for (t = t ? t->child : NULL; t != NULL; t = t->next) {
		d = google_get(t, "functionDeclarations");
		for (d = d ? d->child : NULL; d != NULL; d = d->next)
			if (allowed(names, google_str(d, "name"))) {
				put_tool(r, d);
				n++;
			}
	}
	json_w_end(&r->out, ']');
	if (n == 0 || slice_eq(google_str(calling, "mode"), S("NONE")))
		json_w_kstr(&r->out, "tool_choice", S("none"));
}

/* Tokens of thought as the words of chat's effort stand for them. */
static struct slice
effort(const struct reading *r, const struct json *gen)
{
	const struct json *t = google_get(gen, "thinkingConfig");
	struct slice level = google_str(t, "thinkingLevel");
	int64_t budget;

	if (slice_ieq(level, S("minimal")))
		return S("minimal");
	if (slice_ieq(level, S("low")))
		return S("low");
	if (slice_ieq(level, S("medium")))
		return S("medium");
	if (slice_ieq(level, S("high")))
		return S("high");
	if (google_int(t, "thinkingBudget", &budget))
		return budget == 0      ? S("none")
		       : budget < 0     ? S("medium")
		       : budget <= 1024 ? S("low")
					: S("high");
	return t != NULL && r->reasoning ? S("medium") : S("none");
}

static void
put_format(struct reading *r, const struct json *gen)
{
	const struct json *schema = google_get(gen, "responseJsonSchema");
	struct buf *b = &r->out;

	if (!slice_eq(
		google_str(gen, "responseMimeType"), S("application/json")))
		return;
	if (schema == NULL)
		schema = google_get(gen, "responseSchema");
	json_w_key(b, "response_format");
	json_w_begin(b, '{');
	json_w_kstr(
	    b, "type", schema != NULL ? S("json_schema") : S("json_object"));
	if (schema != NULL) {
		json_w_key(b, "json_schema");
		json_w_begin(b, '{');
		json_w_key(b, "schema");
		put_schema(b, schema);
		json_w_end(b, '}');
	}
	json_w_end(b, '}');
}

static void
put_config(struct reading *r)
{
	const struct json *gen = google_get(r->body, "generationConfig");
	const struct json *stop = google_get(gen, "stopSequences"), *k;
	int64_t v;
	unsigned n = 0;

	if (google_int(gen, "maxOutputTokens", &v))
		json_w_ki64(&r->out, "max_completion_tokens", v);
	if (google_int(gen, "candidateCount", &v))
		json_w_ki64(&r->out, "n", v);
	json_w_kstr(&r->out, "reasoning_effort", effort(r, gen));
	put_format(r, gen);
	if (stop == NULL)
		return;
	json_w_key(&r->out, "stop");
	json_w_begin(&r->out, '[');
	for (k = stop->child; k != NULL && n++ < CHAT_STOPS; k = k->next)
		json_w_str(&r->out, k->text);
	json_w_end(&r->out, ']');
}

static void
put_messages(struct reading *r)
{
	const struct json *c = google_get(r->body, "contents");

	json_w_key(&r->out, "messages");
	json_w_begin(&r->out, '[');
	put_system(r);
	for (c = c->child; c != NULL; c = c->next)
		if (is_model(c))
			put_model(r, c);
		else
			put_user(r, c);
	json_w_end(&r->out, ']');
}

static struct json *
as_chat(struct reading *r)
{
	struct json *tree = NULL;
	struct slice text;

	json_w_begin(&r->out, '{');
	put_messages(r);
	put_tools(r);
	put_config(r);
	json_w_end(&r->out, '}');
	text = arena_copy(r->arena, buf_slice(&r->out));
	buf_fini(&r->out);
	if (json_parse(r->arena, text, &tree) != FAULT_NONE)
		CHECK(!"the chat is well-formed");
	return tree;
}

int64_t
gemini_count(struct arena *a, const struct json *request)
{
	struct reading r = { .arena = a, .body = request };

	return count_input(as_chat(&r));
}

struct plan *
gemini_read(struct order *o)
{
	struct reading r = { .order = o,
		.arena = &o->arena,
		.body = o->body,
		.reasoning = o->model->reasoning };
	const struct json *think = google_get(
	    google_get(o->body, "generationConfig"), "thinkingConfig");

	if (!google_check(r.arena, o->body, GOOGLE_REQUEST, &r.why) ||
	    !contents(&r) || !tools(&r) || !configuration(&r) || !cached(&r))
		return brand_refusal(o->visit->credential->venue, &r.why);
	o->thoughts = google_flag(think, "includeThoughts");
	o->extra_input =
	    google_str(o->body, "cachedContent").len > 0 ? CACHED : 0;
	o->body = as_chat(&r);
	return NULL;
}

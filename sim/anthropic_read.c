/*
 * anthropic_read.c - is this what Messages would take, and as a chat
 *
 * Every field and block is known or refused, as Anthropic does ("Extra inputs
 * are not permitted"); results answer calls in the very next turn, thoughts
 * come back signed.
 */
#include "sim/anthropic.h"

#include "sim/bedrock.h"
#include "sim/brand.h"
#include "sim/count.h"
#include "sim/filler.h"

enum { BUDGET_LEAST = 1024, MARKS_MOST = 4 };

struct reading {
	struct arena *arena;
	const struct json *body;
	struct refusal *why;
	struct buf out;
	enum shop shop;
	struct slice model; /* the path's, where it names one */
	bool newer;         /* version 2026-10-21 */
	bool counting;
	unsigned marks;
	/* Input up to the last cache marker, in bytes; its ttl. */
	int64_t bytes, marked;
	struct slice ttl;
	bool cites;
};

#define WRONG(r, ...) wrong((r), arena_fmt((r)->arena, __VA_ARGS__))

static bool
wrong(struct reading *r, const char *message)
{
	*r->why = (struct refusal){ 400, "invalid_request_error", NULL, NULL,
		message };
	return false;
}

static bool
is(const struct json *j, const char *key, const char *value)
{
	return slice_eq(json_get_str(j, key), slice_of(value));
}

/* A list of words with blanks around each. */
static bool
known(const struct json *j, const char *words, struct slice *extra)
{
	const struct json *k;
	struct buf b = { 0 };
	bool good = true;

	for (k = j->child; k != NULL && good; k = k->next) {
		buf_clear(&b);
		buf_char(&b, ' ');
		buf_add(&b, k->key);
		buf_char(&b, ' ');
		good = strstr(words, buf_cstr(&b)) != NULL;
		*extra = k->key;
	}
	buf_fini(&b);
	return good;
}

static bool
fields(struct reading *r, const struct json *j, const char *where,
    const char *words)
{
	struct slice extra = S("");

	if (j->type != JSON_OBJECT)
		return WRONG(r, "%s: Input should be an object", where);
	if (!known(j, words, &extra))
		return WRONG(r, "%s%s%.*s: Extra inputs are not permitted",
		    where, *where ? "." : "", S_FMT(extra));
	return true;
}

/* --- blocks ----------------------------------------------------------------
 */

static bool
mark(struct reading *r, const struct json *j, const char *where)
{
	const struct json *c = json_get(j, "cache_control");
	const struct slice ttl = json_get_str(c, "ttl");

	if (c == NULL || c->type == JSON_NULL)
		return true;
	if (!fields(r, c, where, " type ttl "))
		return false;
	if (!is(c, "type", "ephemeral") ||
	    (ttl.len > 0 && !slice_eq(ttl, S("5m")) && !slice_eq(ttl, S("1h"))))
		return WRONG(r, "%s.cache_control: Input is not valid", where);
	if (++r->marks > MARKS_MOST)
		return WRONG(r,
		    "A maximum of 4 blocks with cache_control may be "
		    "provided. Found %u.",
		    r->marks);
	r->marked = r->bytes;
	r->ttl = ttl;
	return true;
}

static bool
source(struct reading *r, const struct json *j, const char *where, bool image)
{
	const struct json *s = json_get(j, "source");
	const struct slice mime = json_get_str(s, "media_type");

	if (s == NULL)
		return WRONG(r, "%s.source: Field required", where);
	if (is(s, "type", "base64")) {
		if (json_get_str(s, "data").len == 0)
			return WRONG(
			    r, "%s.source.data: Field required", where);
		if (image ? !slice_eq(mime, S("image/png")) &&
				!slice_eq(mime, S("image/jpeg")) &&
				!slice_eq(mime, S("image/gif")) &&
				!slice_eq(mime, S("image/webp"))
			  : !slice_eq(mime, S("application/pdf")))
			return WRONG(r,
			    "%s.source.base64.media_type: Input is not valid",
			    where);
		return true;
	}
	if (is(s, "type", "url") || is(s, "type", "file") ||
	    (!image && (is(s, "type", "text") || is(s, "type", "content"))))
		return true;
	return WRONG(r, "%s.source.type: Input is not valid", where);
}

static bool blocks(struct reading *r, const struct json *list,
    const char *where, const char *kinds);

static bool
text_block(struct reading *r, const struct json *j, const char *where)
{
	if (json_get(j, "text") == NULL)
		return WRONG(r, "%s.text: Field required", where);
	if (json_get_str(j, "text").len == 0)
		return WRONG(r, "messages: text content blocks must be "
				"non-empty");
	r->bytes += (int64_t)json_get_str(j, "text").len;
	return fields(r, j, where, " type text cache_control citations ");
}

static bool
thinking_block(struct reading *r, const struct json *j, const char *where)
{
	if (!fields(r, j, where, " type thinking signature "))
		return false;
	if (json_get_str(j, "signature").len == 0)
		return WRONG(r, "%s.signature: Field required", where);
	if (!slice_eq(json_get_str(j, "signature"),
		bedrock_signature(r->arena, json_get_str(j, "thinking"))))
		return WRONG(
		    r, "%s: Invalid `signature` in `thinking` block", where);
	return true;
}

static bool
id_good(struct slice id)
{
	size_t i;

	for (i = 0; i < id.len; i++) {
		const char c = id.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '_' || c == '-'))
			return false;
	}
	return id.len > 0;
}

static bool
use_block(struct reading *r, const struct json *j, const char *where)
{
	const struct json *input = json_get(j, "input");

	if (!id_good(json_get_str(j, "id")))
		return WRONG(r,
		    "%s.tool_use.id: String should match pattern "
		    "'^[a-zA-Z0-9_-]+$'",
		    where);
	if (input == NULL || input->type != JSON_OBJECT)
		return WRONG(r,
		    "%s.tool_use.input: Input should be a valid dictionary",
		    where);
	if (json_get_str(j, "name").len == 0)
		return WRONG(r, "%s.tool_use.name: Field required", where);
	return fields(r, j, where, " type id name input cache_control caller ");
}

static bool
result_block(struct reading *r, const struct json *j, const char *where)
{
	const struct json *c = json_get(j, "content");

	if (json_get_str(j, "tool_use_id").len == 0)
		return WRONG(
		    r, "%s.tool_result.tool_use_id: Field required", where);
	if (c != NULL && c->type == JSON_ARRAY &&
	    !blocks(r, c, where, " text image document search_result "))
		return false;
	return fields(
	    r, j, where, " type tool_use_id content is_error cache_control ");
}

static bool
block(struct reading *r, const struct json *j, const char *where)
{
	if (!mark(r, j, where))
		return false;
	if (is(j, "type", "text"))
		return text_block(r, j, where);
	if (is(j, "type", "image"))
		return fields(r, j, where, " type source cache_control ") &&
		       source(r, j, where, true);
	if (is(j, "type", "document")) {
		r->cites |=
		    json_get_bool(json_get(j, "citations"), "enabled", false);
		return fields(r, j, where,
			   " type source title context citations "
			   "cache_control ") &&
		       source(r, j, where, false);
	}
	if (is(j, "type", "thinking"))
		return thinking_block(r, j, where);
	if (is(j, "type", "redacted_thinking"))
		return fields(r, j, where, " type data ");
	if (is(j, "type", "tool_use"))
		return use_block(r, j, where);
	if (is(j, "type", "tool_result"))
		return result_block(r, j, where);
	return true;
}

static bool
blocks(struct reading *r, const struct json *list, const char *where,
    const char *kinds)
{
	const struct json *k;
	struct buf b = { 0 };
	unsigned i = 0;
	bool good = true;

	if (list->type == JSON_STRING) {
		r->bytes += (int64_t)list->text.len;
		return list->text.len > 0 ||
		       WRONG(r, "messages: text content blocks must be "
				"non-empty");
	}
	if (list->type != JSON_ARRAY)
		return WRONG(r, "%s: Input should be a valid list", where);
	for (k = list->child; k != NULL && good; k = k->next, i++) {
		buf_clear(&b);
		buf_fmt(&b, " %.*s ", S_FMT(json_get_str(k, "type")));
		if (strstr(kinds, buf_cstr(&b)) == NULL)
			good = WRONG(r,
			    "%s.%u: Input tag '%.*s' found using 'type' does "
			    "not match any of the expected tags",
			    where, i, S_FMT(json_get_str(k, "type")));
		else
			good =
			    block(r, k, arena_fmt(r->arena, "%s.%u", where, i));
	}
	buf_fini(&b);
	return good;
}

/* --- turns -----------------------------------------------------------------
 */

static const struct json *
content_of(const struct json *m)
{
	const struct json *c = json_get(m, "content");

	return c != NULL && c->type == JSON_ARRAY ? c->child : NULL;
}

static bool
has_result(const struct json *m, struct slice id)
{
	const struct json *k = content_of(m);

	for (; k != NULL; k = k->next) {
		if (is(k, "type", "tool_result") &&
		    slice_eq(json_get_str(k, "tool_use_id"), id))
			return true;
	}
	return false;
}

static bool
has_use(const struct json *m, struct slice id)
{
	const struct json *k = content_of(m);

	for (; k != NULL; k = k->next) {
		if (is(k, "type", "tool_use") &&
		    slice_eq(json_get_str(k, "id"), id))
			return true;
	}
	return false;
}

/* Calls are answered by the next turn, results first, and by nothing else. */
static bool
paired(struct reading *r, const struct json *m, const struct json *before,
    unsigned at)
{
	const struct json *k;
	bool other = false;

	for (k = content_of(m); k != NULL; k = k->next) {
		const bool result = is(k, "type", "tool_result");

		if (result && other)
			return WRONG(r,
			    "messages.%u: `tool_use` ids were found without "
			    "`tool_result` blocks immediately after",
			    at - 1);
		other |= !result;
		if (result && !has_use(before, json_get_str(k, "tool_use_id")))
			return WRONG(r,
			    "messages.%u.content: unexpected `tool_use_id` "
			    "found in `tool_result` blocks: %.*s",
			    at, S_FMT(json_get_str(k, "tool_use_id")));
		if (is(k, "type", "tool_use") && m->next != NULL &&
		    !has_result(m->next, json_get_str(k, "id")))
			return WRONG(r,
			    "messages.%u: `tool_use` ids were found without "
			    "`tool_result` blocks immediately after: %.*s",
			    at, S_FMT(json_get_str(k, "id")));
	}
	return true;
}

static bool
turn(struct reading *r, const struct json *m, const struct json *before,
    unsigned at)
{
	const bool assistant = is(m, "role", "assistant");
	const char *where = arena_fmt(r->arena, "messages.%u", at);

	if (!fields(r, m, where, " role content "))
		return false;
	if (!assistant && !is(m, "role", "user") && !is(m, "role", "system"))
		return WRONG(r,
		    "%s.role: Input should be 'user', 'assistant' or 'system'",
		    where);
	if (json_get(m, "content") == NULL)
		return WRONG(r, "%s.content: Field required", where);
	return blocks(r, json_get(m, "content"),
		   arena_fmt(r->arena, "%s.content", where),
		   assistant ? r->newer ? " text thinking redacted_thinking "
					  "tool_use "
					: " text thinking redacted_thinking "
					  "tool_use document "
			     : " text image document tool_result "
			       "search_result ") &&
	       paired(r, m, before, at);
}

static bool
turns(struct reading *r)
{
	const struct json *list = json_get(r->body, "messages"), *m;
	const struct json *before = NULL;
	unsigned at = 0;

	if (list == NULL || list->type != JSON_ARRAY || list->n == 0)
		return WRONG(r, "messages: at least one message is required");
	if (is(list->child, "role", "assistant"))
		return WRONG(
		    r, "messages: first message must use the \"user\" role");
	for (m = list->child; m != NULL; before = m, m = m->next, at++) {
		if (!turn(r, m, before, at))
			return false;
	}
	return true;
}

/* --- tools, parameters -----------------------------------------------------
 */

static bool
tool(struct reading *r, const struct json *t, unsigned at)
{
	const char *where = arena_fmt(r->arena, "tools.%u.custom", at);
	const struct json *schema = json_get(t, "input_schema");
	const struct slice type = json_get_str(t, "type");
	const struct slice name = json_get_str(t, "name");

	if (type.len > 0 && !slice_eq(type, S("custom")))
		return true; /* one that the servers run */
	if (!fields(r, t, where,
		" type name description input_schema cache_control strict "
		"defer_loading eager_input_streaming input_examples "
		"allowed_callers "))
		return false;
	if (!id_good(name) || name.len > 128)
		return WRONG(r,
		    "%s.name: String should match pattern "
		    "'^[a-zA-Z0-9_-]{1,128}$'",
		    where);
	if (schema == NULL || !is(schema, "type", "object"))
		return WRONG(r, "%s.input_schema.type: Field required", where);
	return mark(r, t, where);
}

static bool
tools(struct reading *r)
{
	const struct json *list = json_get(r->body, "tools"), *t;
	const struct json *c = json_get(r->body, "tool_choice");
	unsigned at = 0;

	for (t = list != NULL ? list->child : NULL; t != NULL; t = t->next) {
		if (!tool(r, t, at++))
			return false;
	}
	if (c == NULL)
		return true;
	if (list == NULL || list->n == 0)
		return WRONG(r, "tool_choice: tool_choice may only be "
				"specified while providing tools");
	if (!is(c, "type", "auto") && !is(c, "type", "any") &&
	    !is(c, "type", "none") && !is(c, "type", "tool"))
		return WRONG(r, "tool_choice.type: Input is not valid");
	return fields(
	    r, c, "tool_choice", " type name disable_parallel_tool_use ");
}

/* Is the number, as written, above a small whole one? */
static bool
above(struct slice text, int64_t most)
{
	struct slice whole = text, part = S("");
	int64_t v;
	size_t i;

	(void)slice_cut(text, '.', &whole, &part);
	if (!json_i64(whole, &v))
		return true;
	for (i = 0; i < part.len && part.p[i] == '0'; i++)
		;
	return v > most || (v == most && i < part.len);
}

static bool
number(struct reading *r, const char *key, int64_t most)
{
	const struct json *v = json_get(r->body, key);

	if (v == NULL)
		return true;
	if (r->newer)
		return WRONG(r, "%s: Extra inputs are not permitted", key);
	if (v->type != JSON_NUMBER || above(v->text, most))
		return WRONG(
		    r, "%s: Input should be less than or equal to 1", key);
	return true;
}

static bool
thinking(struct reading *r, int64_t limit)
{
	const struct json *t = json_get(r->body, "thinking");
	int64_t budget = 0;

	if (t == NULL)
		return true;
	if (!fields(r, t, "thinking", " type budget_tokens display "))
		return false;
	if (!is(t, "type", "enabled"))
		return is(t, "type", "adaptive") || is(t, "type", "disabled") ||
		       is(t, "type", "between_tools") ||
		       WRONG(r, "thinking.type: Input is not valid");
	if (!json_get_i64(t, "budget_tokens", &budget) || budget < BUDGET_LEAST)
		return WRONG(r,
		    "thinking.enabled.budget_tokens: Input should be greater "
		    "than or equal to 1024");
	if (budget >= limit && !r->counting)
		return WRONG(r, "`max_tokens` must be greater than "
				"`thinking.budget_tokens`");
	if (json_get(r->body, "temperature") != NULL &&
	    !slice_eq(json_get(r->body, "temperature")->text, S("1")))
		return WRONG(r, "`temperature` may only be set to 1 when "
				"thinking is enabled");
	return true;
}

static bool
parameters(struct reading *r)
{
	int64_t limit = 0;

	if (!fields(r, r->body, "",
		" model max_tokens messages system tools tool_choice "
		"stop_sequences stream metadata thinking output_config "
		"cache_control container service_tier speed inference_geo "
		"workspace_id user_profile_id diagnostics temperature top_p "
		"top_k context_management mcp_servers anthropic_version "
		"anthropic_beta "))
		return false;
	if (!r->counting &&
	    (!json_get_i64(r->body, "max_tokens", &limit) || limit < 1))
		return json_get(r->body, "max_tokens") == NULL
			   ? WRONG(r, "max_tokens: Field required")
			   : WRONG(r, "max_tokens: Input should be greater "
				      "than or equal to 1");
	return number(r, "temperature", 1) && number(r, "top_p", 1.0) &&
	       number(r, "top_k", 1000000000) && thinking(r, limit);
}

static bool
system_text(struct reading *r)
{
	const struct json *s = json_get(r->body, "system");

	return s == NULL || s->type == JSON_NULL ||
	       blocks(r, s, "system", " text ");
}

/* --- as a chat -------------------------------------------------------------
 */

static void
put_texts(struct reading *r, const struct json *content)
{
	const struct json *k;

	json_w_key(&r->out, "content");
	if (content->type == JSON_STRING) {
		json_w_str(&r->out, content->text);
		return;
	}
	json_w_begin(&r->out, '[');
	for (k = content->child; k != NULL; k = k->next) {
		struct slice text = json_get_str(k, "text");

		if (is(k, "type", "document"))
			text = json_get_str(json_get(k, "source"), "data");
		if (is(k, "type", "image")) {
			json_w_raw(&r->out,
			    S("{\"type\":\"image_url\",\"image_url\":{\"url\":"
			      "\"data:image/png;base64,aGk=\"}}"));
			continue;
		}
		if (text.len == 0 || is(k, "type", "tool_result"))
			continue;
		json_w_begin(&r->out, '{');
		json_w_kstr(&r->out, "type", S("text"));
		json_w_kstr(&r->out, "text", text);
		json_w_end(&r->out, '}');
	}
	json_w_end(&r->out, ']');
}

static void
put_result(struct reading *r, const struct json *k)
{
	const struct json *c = json_get(k, "content"), *i;
	struct buf text = { 0 };

	if (c != NULL && c->type == JSON_STRING)
		buf_add(&text, c->text);
	for (i = c != NULL && c->type == JSON_ARRAY ? c->child : NULL;
	     i != NULL; i = i->next)
		buf_add(&text, json_get_str(i, "text"));
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "role", S("tool"));
	json_w_kstr(&r->out, "tool_call_id", json_get_str(k, "tool_use_id"));
	json_w_kstr(&r->out, "content", buf_slice(&text));
	json_w_end(&r->out, '}');
	buf_fini(&text);
}

static bool
has_words(const struct json *m)
{
	const struct json *c = json_get(m, "content"), *k;

	if (c->type == JSON_STRING)
		return true;
	for (k = c->child; k != NULL; k = k->next) {
		if (!is(k, "type", "tool_result"))
			return true;
	}
	return false;
}

static void
put_calls(struct reading *r, const struct json *m)
{
	const struct json *k;
	struct buf args = { 0 };
	bool any = false;

	for (k = content_of(m); k != NULL; k = k->next) {
		if (!is(k, "type", "tool_use"))
			continue;
		if (!any) {
			json_w_key(&r->out, "tool_calls");
			json_w_begin(&r->out, '[');
		}
		any = true;
		buf_clear(&args);
		filler_copy(&args, json_get(k, "input"));
		json_w_begin(&r->out, '{');
		json_w_kstr(&r->out, "id", json_get_str(k, "id"));
		json_w_kstr(&r->out, "type", S("function"));
		json_w_key(&r->out, "function");
		json_w_begin(&r->out, '{');
		json_w_kstr(&r->out, "name", json_get_str(k, "name"));
		json_w_kstr(&r->out, "arguments", buf_slice(&args));
		json_w_end(&r->out, '}');
		json_w_end(&r->out, '}');
	}
	if (any)
		json_w_end(&r->out, ']');
	buf_fini(&args);
}

static void
put_turn(struct reading *r, const struct json *m)
{
	const struct json *k;

	/* Results last: what follows them is what is answered. */
	if (has_words(m)) {
		json_w_begin(&r->out, '{');
		json_w_kstr(&r->out, "role", json_get_str(m, "role"));
		put_texts(r, json_get(m, "content"));
		put_calls(r, m);
		json_w_end(&r->out, '}');
	}
	for (k = content_of(m); k != NULL; k = k->next) {
		if (is(k, "type", "tool_result"))
			put_result(r, k);
	}
}

static void
put_messages(struct reading *r)
{
	const struct json *s = json_get(r->body, "system"), *m;

	json_w_key(&r->out, "messages");
	json_w_begin(&r->out, '[');
	if (s != NULL && s->type != JSON_NULL) {
		json_w_begin(&r->out, '{');
		json_w_kstr(&r->out, "role", S("system"));
		put_texts(r, s);
		json_w_end(&r->out, '}');
	}
	for (m = json_get(r->body, "messages")->child; m != NULL; m = m->next)
		put_turn(r, m);
	json_w_end(&r->out, ']');
}

static void
put_tools(struct reading *r)
{
	const struct json *list = json_get(r->body, "tools"), *t;
	const struct json *c = json_get(r->body, "tool_choice");

	if (list == NULL || list->n == 0 || is(c, "type", "none"))
		return;
	json_w_key(&r->out, "tools");
	json_w_begin(&r->out, '[');
	for (t = list->child; t != NULL; t = t->next) {
		if (json_get(t, "input_schema") == NULL)
			continue;
		json_w_begin(&r->out, '{');
		json_w_kstr(&r->out, "type", S("function"));
		json_w_key(&r->out, "function");
		json_w_begin(&r->out, '{');
		json_w_kstr(&r->out, "name", json_get_str(t, "name"));
		json_w_kstr(
		    &r->out, "description", json_get_str(t, "description"));
		json_w_key(&r->out, "parameters");
		filler_copy(&r->out, json_get(t, "input_schema"));
		json_w_end(&r->out, '}');
		json_w_end(&r->out, '}');
	}
	json_w_end(&r->out, ']');
	if (is(c, "type", "any")) {
		json_w_kstr(&r->out, "tool_choice", S("required"));
	} else if (is(c, "type", "tool")) {
		json_w_key(&r->out, "tool_choice");
		json_w_raw(&r->out, S("{\"type\":\"function\",\"function\":"));
		buf_str(&r->out, "{\"name\":");
		json_w_str(&r->out, json_get_str(c, "name"));
		buf_str(&r->out, "}}");
	}
}

static struct slice
effort(const struct reading *r)
{
	const struct json *t = json_get(r->body, "thinking");
	const struct slice word =
	    json_get_str(json_get(r->body, "output_config"), "effort");

	if (is(t, "type", "enabled"))
		return S("medium");
	if (is(t, "type", "adaptive"))
		return word.len > 0 ? word : S("high");
	return S("none");
}

static void
put_rest(struct reading *r)
{
	const struct json *f =
	    json_get(json_get(r->body, "output_config"), "format");
	const struct json *stops = json_get(r->body, "stop_sequences"), *k;
	int64_t limit;

	if (json_get_i64(r->body, "max_tokens", &limit))
		json_w_ki64(&r->out, "max_completion_tokens", limit);
	json_w_kstr(&r->out, "reasoning_effort", effort(r));
	json_w_kbool(
	    &r->out, "stream", json_get_bool(r->body, "stream", false));
	if (stops != NULL && stops->n > 0) {
		json_w_key(&r->out, "stop");
		json_w_begin(&r->out, '[');
		for (k = stops->child; k != NULL; k = k->next)
			json_w_str(&r->out, k->text);
		json_w_end(&r->out, ']');
	}
	if (f != NULL) {
		json_w_key(&r->out, "response_format");
		json_w_raw(&r->out, S("{\"type\":\"json_schema\",\"json_"
				      "schema\":{\"schema\":"));
		filler_copy(&r->out, json_get(f, "schema"));
		buf_str(&r->out, "}}");
	}
}

static struct json *
as_chat(struct reading *r)
{
	struct json *tree = NULL;
	struct slice text;

	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "model",
	    r->model.len > 0 ? r->model : json_get_str(r->body, "model"));
	put_messages(r);
	put_tools(r);
	put_rest(r);
	json_w_end(&r->out, '}');
	text = arena_copy(r->arena, buf_slice(&r->out));
	buf_fini(&r->out);
	if (json_parse(r->arena, text, &tree) != FAULT_NONE)
		CHECK(!"the chat is well-formed");
	return tree;
}

static bool
unknown(struct reading *r, const char *key)
{
	return json_get(r->body, key) == NULL ||
	       WRONG(r, "%s: Extra inputs are not permitted", key);
}

static bool
betas(struct reading *r)
{
	const struct json *list = json_get(r->body, "anthropic_beta");
	const struct json *j;

	if (list == NULL)
		return true;
	if (list->type != JSON_ARRAY)
		return WRONG(r, "anthropic_beta: Input should be a valid list");
	for (j = list->child; j != NULL; j = j->next)
		if (j->type != JSON_STRING)
			return WRONG(r, "anthropic_beta: Input should be a "
					"valid string");
	return true;
}

/* What the body must say, and must not, beside what is the same everywhere. */
static bool
fits_shop(struct reading *r)
{
	const struct slice version = json_get_str(r->body, "anthropic_version");

	if (r->shop == SHOP_MESSAGES)
		return unknown(r, "anthropic_version") &&
		       unknown(r, "anthropic_beta") &&
		       (json_get_str(r->body, "model").len > 0 ||
			   WRONG(r, "model: Field required"));
	if (version.len == 0)
		return WRONG(r, "anthropic_version: Field required");
	r->newer = slice_eq(version, S("2026-10-21"));
	if (r->shop != SHOP_INVOKE)
		return (r->newer || slice_eq(version, S("vertex-2023-10-16")) ||
			   WRONG(r, "anthropic_version: Input should be "
				    "'vertex-2023-10-16'")) &&
		       unknown(r, "anthropic_beta") &&
		       (r->shop == SHOP_VERTEX_COUNT || unknown(r, "model"));
	return (r->newer || slice_eq(version, S("bedrock-2023-05-31")) ||
		   WRONG(r, "anthropic_version: Input should be "
			    "'bedrock-2023-05-31'")) &&
	       betas(r) && unknown(r, "model") && unknown(r, "stream");
}

/* Structured output wants every object closed. */
static bool
closed(const struct json *schema)
{
	const struct json *k;

	if (schema->type == JSON_OBJECT && is(schema, "type", "object") &&
	    json_get_bool(schema, "additionalProperties", true))
		return false;
	for (k = schema->child; k != NULL; k = k->next)
		if (!closed(k))
			return false;
	return true;
}

static bool
format(struct reading *r)
{
	const struct json *schema = json_get(
	    json_get(json_get(r->body, "output_config"), "format"), "schema");

	return schema == NULL || closed(schema) ||
	       WRONG(r, "output_config.format.schema: For 'object' type, "
			"'additionalProperties' must be explicitly set to "
			"false");
}

static bool
good(struct reading *r)
{
	if (r->body->type != JSON_OBJECT)
		return WRONG(r, "Input should be a valid dictionary");
	return fits_shop(r) && parameters(r) && tools(r) && system_text(r) &&
	       format(r) && turns(r);
}

int64_t
anthropic_count(struct arena *a, const struct json *body, enum shop shop,
    bool newer, struct refusal *why)
{
	struct reading r = { .arena = a,
		.body = body,
		.why = why,
		.shop = shop,
		.newer = newer,
		.counting = true };

	return good(&r) ? count_input(as_chat(&r)) : -1;
}

static struct plan *
read_for(struct order *o, enum shop shop)
{
	struct refusal why = { 0 };
	const struct json *t = json_get(o->body, "thinking");
	struct reading r = { .arena = &o->arena,
		.body = o->body,
		.why = &why,
		.shop = shop,
		.model = o->name,
		.newer =
		    slice_eq(http_value(o->visit->head, S("anthropic-version")),
			S("2026-10-21")) };

	/* The path and the body say both whether it streams. */
	if (good(&r) && shop == SHOP_VERTEX &&
	    json_get_bool(o->body, "stream", false) != o->stream)
		(void)WRONG(&r, "stream: must be what the method says");
	if (why.message != NULL)
		return brand_refusal(shop == SHOP_INVOKE ? VENUE_BEDROCK_NATIVE
							 : VENUE_ANTHROPIC,
		    &why);
	o->aws.cache_write = r.marked / 4;
	o->aws.ttl = r.ttl;
	o->aws.cites = r.cites;
	o->aws.signs = true;
	o->aws.hidden =
	    is(t, "display", "omitted") ||
	    (is(t, "type", "adaptive") && json_get(t, "display") == NULL);
	o->body = as_chat(&r);
	return NULL;
}

struct plan *
anthropic_read(struct order *o)
{
	return read_for(o, SHOP_MESSAGES);
}

struct plan *
anthropic_read_vertex(struct order *o)
{
	return read_for(o, SHOP_VERTEX);
}

struct plan *
anthropic_read_invoke(struct order *o)
{
	return read_for(o, SHOP_INVOKE);
}

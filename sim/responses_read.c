/*
 * responses_read.c - is this what Responses would take, and as a chat
 *
 * Items become messages: calls that follow each other are one assistant's
 * turn, what stands before them is theirs too.  shape_check() then looks at
 * tools and schemas as for a chat.
 */
#include "sim/responses.h"

#include "base/text.h"
#include "sim/brand.h"
#include "sim/filler.h"

enum {
	T_NULL = 1,
	T_BOOL = 2,
	T_NUMBER = 4,
	T_STRING = 8,
	T_ARRAY = 16,
	T_OBJECT = 32,
	OUTPUT_LEAST = 16
};

static const struct {
	const char *name;
	unsigned types;
} fields[] = {
#define FIELD(name, types) { name, types },
#include "sim/responses.def"
#undef FIELD
};

struct reading {
	struct order *order;
	struct arena *arena;
	const struct json *body;
	struct refusal why;
	struct buf out;
	bool lenient;
	bool in_turn;  /* an assistant's message is open */
	bool in_calls; /* and its tool_calls */
	struct buf text;
	bool has_text;
};

#define WRONG(r, code, param, ...) \
	wrong((r), (code), (param), arena_fmt((r)->arena, __VA_ARGS__))

static bool
wrong(
    struct reading *r, const char *code, const char *param, const char *message)
{
	r->why = (struct refusal){ 400, "invalid_request_error", code, param,
		message };
	return false;
}

static unsigned
type_bit(const struct json *j)
{
	switch (j->type) {
	case JSON_NULL:
		return T_NULL;
	case JSON_FALSE:
	case JSON_TRUE:
		return T_BOOL;
	case JSON_NUMBER:
		return T_NUMBER;
	case JSON_STRING:
		return T_STRING;
	case JSON_ARRAY:
		return T_ARRAY;
	case JSON_OBJECT:
		return T_OBJECT;
	}
	return 0;
}

static bool
is_type(const struct json *j, const char *type)
{
	return slice_eq(json_get_str(j, "type"), slice_of(type));
}

static bool
top_fields(struct reading *r)
{
	const struct json *k;
	size_t i;

	for (k = r->body->child; k != NULL; k = k->next) {
		for (i = 0; i < NELEM(fields); i++)
			if (slice_eq(k->key, slice_of(fields[i].name)))
				break;
		if (i == NELEM(fields)) {
			if (r->lenient)
				continue;
			return WRONG(r, "unknown_parameter",
			    arena_str(r->arena, k->key),
			    "Unknown parameter: '%.*s'.", S_FMT(k->key));
		}
		if (!(type_bit(k) & fields[i].types))
			return WRONG(r, "invalid_type",
			    arena_str(r->arena, k->key),
			    "Invalid type for '%.*s'.", S_FMT(k->key));
	}
	return true;
}

/* --- seals ------------------------------------------------------------- */

struct slice
responses_seal(struct arena *a, uint64_t seed)
{
	struct buf plain = { 0 }, b = { 0 };
	struct slice s;

	buf_str(&plain, "openai-reasoning-");
	buf_hex(&plain, &seed, 8);
	buf_str(&b, "gAAAA");
	text_base64url_write(&b, buf_slice(&plain));
	s = arena_copy(a, buf_slice(&b));
	buf_fini(&plain);
	buf_fini(&b);
	return s;
}

static bool
is_seal(struct slice s)
{
	struct buf b = { 0 };
	bool ok = false;

	if (slice_starts(s, S("gAAAA")) &&
	    text_base64url_parse(&b, (struct slice){ s.p + 5, s.len - 5 }))
		ok = slice_starts(buf_slice(&b), S("openai-reasoning-")) &&
		     b.len == 17 + 16;
	buf_fini(&b);
	return ok;
}

static bool
reasoning_item(struct reading *r, const struct json *item, unsigned i)
{
	struct slice seal = json_get_str(item, "encrypted_content");
	struct slice id = json_get_str(item, "id");
	const struct json *summary = json_get(item, "summary");

	if (summary == NULL || summary->type != JSON_ARRAY)
		return WRONG(r, "missing_required_parameter",
		    arena_fmt(r->arena, "input[%u].summary", i),
		    "Missing required parameter: 'input[%u].summary'.", i);
	if (seal.len == 0)
		return WRONG(r, NULL, "input",
		    "Item with id '%.*s' not found. Items are not persisted "
		    "when `store` is set to false. Try again with `store` set "
		    "to true, or remove this item from your input.",
		    S_FMT(id));
	if (!is_seal(seal))
		return WRONG(r, "invalid_encrypted_content", NULL,
		    "The encrypted content for item %.*s could not be "
		    "verified.",
		    S_FMT(id));
	return true;
}

/* --- items ------------------------------------------------------------- */

static void
close_turn(struct reading *r)
{
	if (!r->in_turn)
		return;
	if (r->in_calls)
		json_w_end(&r->out, ']');
	json_w_key(&r->out, "content");
	if (r->has_text)
		json_w_str(&r->out, buf_slice(&r->text));
	else
		json_w_null(&r->out);
	json_w_end(&r->out, '}');
	buf_clear(&r->text);
	r->in_turn = r->in_calls = r->has_text = false;
}

static void
open_turn(struct reading *r)
{
	if (r->in_turn)
		return;
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "role", S("assistant"));
	r->in_turn = true;
}

static void
put_message(struct reading *r, const char *role, struct slice text)
{
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "role", slice_of(role));
	json_w_kstr(&r->out, "content", text);
	json_w_end(&r->out, '}');
}

static void
put_media(struct reading *r, const char *type, const char *in, const char *key,
    struct slice value)
{
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "type", slice_of(type));
	json_w_key(&r->out, in);
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, key, value);
	json_w_end(&r->out, '}');
	json_w_end(&r->out, '}');
}

static bool
part(struct reading *r, const struct json *p, bool mine, const char *path)
{
	struct slice v;

	if (mine ? is_type(p, "output_text") || is_type(p, "refusal")
		 : is_type(p, "input_text")) {
		const char *key = is_type(p, "refusal") ? "refusal" : "text";

		if (json_get(p, key) == NULL)
			return WRONG(r, "missing_required_parameter", path,
			    "Missing required parameter: '%s.%s'.", path, key);
		json_w_begin(&r->out, '{');
		json_w_kstr(&r->out, "type", slice_of(key));
		json_w_kstr(&r->out, key, json_get_str(p, key));
		json_w_end(&r->out, '}');
		return true;
	}
	if (!mine && is_type(p, "input_image")) {
		v = json_get_str(p, "image_url");
		if (v.len == 0)
			v = json_get_str(p, "file_id");
		if (v.len == 0)
			return WRONG(r, "missing_required_parameter", path,
			    "Missing required parameter: '%s.image_url'.",
			    path);
		put_media(r, "image_url", "image_url", "url", v);
		return true;
	}
	if (!mine && is_type(p, "input_file")) {
		v = json_get_str(p, "file_data");
		if (v.len == 0)
			v = json_get_str(p, "file_id");
		if (v.len == 0)
			v = json_get_str(p, "file_url");
		put_media(r, "file", "file", "file_data", v);
		return true;
	}
	if (!mine && is_type(p, "input_audio"))
		return true;
	return WRONG(r, "invalid_value", path,
	    "Invalid value: '%.*s'. Supported values are: %s.",
	    S_FMT(json_get_str(p, "type")),
	    mine ? "'output_text' and 'refusal'"
		 : "'input_text', 'input_image', 'input_file' and "
		   "'input_audio'");
}

static bool
parts(struct reading *r, const struct json *content, bool mine, unsigned i)
{
	const struct json *p;
	unsigned k = 0;

	json_w_key(&r->out, "content");
	json_w_begin(&r->out, '[');
	for (p = content->child; p != NULL; p = p->next)
		if (!part(r, p, mine,
			arena_fmt(r->arena, "input[%u].content[%u]", i, k++)))
			return false;
	json_w_end(&r->out, ']');
	return true;
}

static bool
assistant_text(struct reading *r, const struct json *c, unsigned i)
{
	const struct json *p;

	open_turn(r);
	r->has_text = true;
	if (c->type == JSON_STRING) {
		buf_add(&r->text, c->text);
		return true;
	}
	for (p = c->child; p != NULL; p = p->next) {
		if (!is_type(p, "output_text") && !is_type(p, "refusal"))
			return WRONG(r, "invalid_value",
			    arena_fmt(r->arena, "input[%u].content", i),
			    "Invalid value: '%.*s'. Supported values are: "
			    "'output_text' and 'refusal'.",
			    S_FMT(json_get_str(p, "type")));
		buf_add(&r->text, json_get_str(p, "text"));
	}
	return true;
}

static bool
message_item(struct reading *r, const struct json *item, unsigned i)
{
	const struct json *c = json_get(item, "content");
	struct slice role = json_get_str(item, "role");
	const char *path = arena_fmt(r->arena, "input[%u]", i);

	if (c == NULL || (c->type != JSON_STRING && c->type != JSON_ARRAY))
		return WRONG(r, "missing_required_parameter", path,
		    "Missing required parameter: '%s.content'.", path);
	if (slice_eq(role, S("assistant"))) {
		if (r->in_calls)
			close_turn(r);
		return assistant_text(r, c, i);
	}
	close_turn(r);
	if (!slice_eq(role, S("user")) && !slice_eq(role, S("system")) &&
	    !slice_eq(role, S("developer")))
		return WRONG(r, "invalid_value", path,
		    "Invalid value: '%.*s'. Supported values are: "
		    "'assistant', 'system', 'developer', and 'user'.",
		    S_FMT(role));
	if (c->type == JSON_STRING) {
		put_message(r, arena_str(r->arena, role), c->text);
		return true;
	}
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "role", role);
	if (!parts(r, c, false, i))
		return false;
	json_w_end(&r->out, '}');
	return true;
}

static bool
call_item(struct reading *r, const struct json *item, unsigned i)
{
	const bool custom = is_type(item, "custom_tool_call");
	const char *text = custom ? "input" : "arguments";
	struct slice id = json_get_str(item, "id");

	if (json_get_str(item, "call_id").len == 0 ||
	    json_get_str(item, "name").len == 0 || json_get(item, text) == NULL)
		return WRONG(r, "missing_required_parameter",
		    arena_fmt(r->arena, "input[%u]", i),
		    "Missing required parameter: 'input[%u].call_id', 'name' "
		    "or '%s'.",
		    i, text);
	if (json_get_str(item, "call_id").len > 64)
		return WRONG(r, "string_above_max_length",
		    arena_fmt(r->arena, "input[%u].call_id", i),
		    "Invalid 'input[%u].call_id': string too long. Expected a "
		    "string with maximum length 64.",
		    i);
	if (id.len > 0 && !slice_starts(id, custom ? S("ctc") : S("fc")))
		return WRONG(r, "invalid_value",
		    arena_fmt(r->arena, "input[%u].id", i),
		    "Invalid 'input[%u].id': '%.*s'. Expected an ID that "
		    "begins with '%s'.",
		    i, S_FMT(id), custom ? "ctc" : "fc");
	open_turn(r);
	if (!r->in_calls) {
		json_w_key(&r->out, "tool_calls");
		json_w_begin(&r->out, '[');
		r->in_calls = true;
	}
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "id", json_get_str(item, "call_id"));
	json_w_kstr(&r->out, "type", custom ? S("custom") : S("function"));
	json_w_key(&r->out, custom ? "custom" : "function");
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "name", json_get_str(item, "name"));
	json_w_kstr(&r->out, text, json_get_str(item, text));
	json_w_end(&r->out, '}');
	json_w_end(&r->out, '}');
	return true;
}

static bool
same_call(const struct json *a, const struct json *b)
{
	return slice_eq(json_get_str(a, "call_id"), json_get_str(b, "call_id"));
}

static bool
is_call(const struct json *j)
{
	return is_type(j, "function_call") || is_type(j, "custom_tool_call");
}

static bool
is_output(const struct json *j)
{
	return is_type(j, "function_call_output") ||
	       is_type(j, "custom_tool_call_output");
}

static bool
output_item(struct reading *r, const struct json *item, unsigned i)
{
	const struct json *c = json_get(item, "output"), *p;
	struct buf text = { 0 };

	close_turn(r);
	if (c == NULL || (c->type != JSON_STRING && c->type != JSON_ARRAY))
		return WRONG(r, "missing_required_parameter",
		    arena_fmt(r->arena, "input[%u].output", i),
		    "Missing required parameter: 'input[%u].output'.", i);
	for (p = c->child; p != NULL; p = p->next) {
		if (!is_type(p, "input_text") && !is_type(p, "input_image") &&
		    !is_type(p, "input_file")) {
			buf_fini(&text);
			return WRONG(r, "invalid_value",
			    arena_fmt(r->arena, "input[%u].output", i),
			    "Invalid value: '%.*s'.",
			    S_FMT(json_get_str(p, "type")));
		}
		buf_add(&text, json_get_str(p, "text"));
	}
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "role", S("tool"));
	json_w_kstr(&r->out, "tool_call_id", json_get_str(item, "call_id"));
	json_w_kstr(&r->out, "content",
	    c->type == JSON_STRING ? c->text : buf_slice(&text));
	json_w_end(&r->out, '}');
	buf_fini(&text);
	return true;
}

/* Every call has its output and the other way round, wherever they stand. */
static bool
pairing(struct reading *r, const struct json *input)
{
	const struct json *a, *b;

	for (a = input->child; a != NULL; a = a->next) {
		if (!is_call(a) && !is_output(a))
			continue;
		for (b = is_call(a) ? a->next : input->child; b != NULL;
		     b = b == a ? NULL : b->next)
			if (b != a && is_call(a) != is_call(b) &&
			    (is_call(b) || is_output(b)) && same_call(a, b))
				break;
		if (b != NULL)
			continue;
		if (is_call(a))
			return WRONG(r, NULL, "input",
			    "No tool output found for function call %.*s.",
			    S_FMT(json_get_str(a, "call_id")));
		return WRONG(r, NULL, "input",
		    "No tool call found for function call output with call_id "
		    "%.*s.",
		    S_FMT(json_get_str(a, "call_id")));
	}
	return true;
}

static bool
item(struct reading *r, const struct json *j, unsigned i)
{
	if (j->type != JSON_OBJECT)
		return WRONG(r, "invalid_type",
		    arena_fmt(r->arena, "input[%u]", i),
		    "Invalid type for 'input[%u]': expected an input item.", i);
	if (is_type(j, "message") ||
	    (json_get(j, "type") == NULL && json_get(j, "role") != NULL))
		return message_item(r, j, i);
	if (is_call(j))
		return call_item(r, j, i);
	if (is_output(j))
		return output_item(r, j, i);
	if (is_type(j, "reasoning"))
		return reasoning_item(r, j, i);
	if (is_type(j, "additional_tools"))
		return true;
	if (is_type(j, "item_reference"))
		return WRONG(r, NULL, "input", "Item with id '%.*s' not found.",
		    S_FMT(json_get_str(j, "id")));
	return WRONG(r, "invalid_value",
	    arena_fmt(r->arena, "input[%u].type", i), "Invalid value: '%.*s'.",
	    S_FMT(json_get_str(j, "type")));
}

static bool
messages(struct reading *r)
{
	const struct json *in = json_get(r->body, "input"), *j;
	struct slice system = json_get_str(r->body, "instructions");
	unsigned i = 0;

	json_w_key(&r->out, "messages");
	json_w_begin(&r->out, '[');
	if (system.len > 0)
		put_message(r, "developer", system);
	if (in == NULL || (in->type == JSON_ARRAY && in->n == 0))
		return WRONG(r, "missing_required_parameter", "input",
		    "Missing required parameter: 'input'.");
	if (in->type == JSON_STRING) {
		put_message(r, "user", in->text);
	} else {
		if (!pairing(r, in))
			return false;
		for (j = in->child; j != NULL; j = j->next)
			if (!item(r, j, i++))
				return false;
		close_turn(r);
	}
	json_w_end(&r->out, ']');
	return true;
}

/* --- tools and the rest ------------------------------------------------ */

static void
copy_member(struct reading *r, const struct json *from, const char *key)
{
	const struct json *v = json_get(from, key);
	struct buf b = { 0 };

	if (v == NULL || v->type == JSON_NULL)
		return;
	filler_copy(&b, v);
	json_w_key(&r->out, key);
	json_w_raw(&r->out, buf_slice(&b));
	buf_fini(&b);
}

static bool
tool(struct reading *r, const struct json *t)
{
	const bool custom = is_type(t, "custom");
	const struct json *k = json_get(t, "tools");

	if (is_type(t, "namespace")) {
		for (k = k ? k->child : NULL; k != NULL; k = k->next)
			if (!tool(r, k))
				return false;
		return true;
	}
	if (!custom && !is_type(t, "function")) {
		static const char *const hosted[] = { "web_search",
			"web_search_preview", "file_search", "mcp",
			"code_interpreter", "image_generation", "local_shell",
			"shell", "apply_patch", "computer_use_preview",
			"tool_search" };
		size_t i;

		for (i = 0; i < NELEM(hosted); i++)
			if (is_type(t, hosted[i]))
				return true;
		return WRONG(r, "invalid_value", "tools[0].type",
		    "Invalid value: '%.*s'.", S_FMT(json_get_str(t, "type")));
	}
	if (json_get_str(t, "name").len == 0)
		return WRONG(r, "missing_required_parameter", "tools[0].name",
		    "Missing required parameter: 'tools[0].name'.");
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "type", custom ? S("custom") : S("function"));
	json_w_key(&r->out, custom ? "custom" : "function");
	json_w_begin(&r->out, '{');
	copy_member(r, t, "name");
	copy_member(r, t, "description");
	copy_member(r, t, "parameters");
	copy_member(r, t, "strict");
	json_w_end(&r->out, '}');
	json_w_end(&r->out, '}');
	return true;
}

static bool
tool_list(struct reading *r, const struct json *list)
{
	const struct json *t;

	for (t = list ? list->child : NULL; t != NULL; t = t->next)
		if (!tool(r, t))
			return false;
	return true;
}

static bool
tools(struct reading *r)
{
	const struct json *in = json_get(r->body, "input"), *j;
	const size_t mark = r->out.len;
	size_t empty;

	json_w_key(&r->out, "tools");
	json_w_begin(&r->out, '[');
	empty = r->out.len;
	if (!tool_list(r, json_get(r->body, "tools")))
		return false;
	for (j = in->type == JSON_ARRAY ? in->child : NULL; j; j = j->next)
		if (is_type(j, "additional_tools") &&
		    !tool_list(r, json_get(j, "tools")))
			return false;
	if (r->out.len == empty)
		r->out.len = mark; /* hosted ones only */
	else
		json_w_end(&r->out, ']');
	return true;
}

static void
choice(struct reading *r)
{
	const struct json *c = json_get(r->body, "tool_choice"), *k;
	const bool custom = is_type(c, "custom");

	if (c == NULL || json_get(r->body, "tools") == NULL)
		return;
	if (c->type == JSON_STRING) {
		copy_member(r, r->body, "tool_choice");
		return;
	}
	if (is_type(c, "allowed_tools")) {
		json_w_key(&r->out, "tool_choice");
		json_w_raw(&r->out,
		    S("{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":"
		      "\"auto\",\"tools\":["));
		k = json_get(c, "tools");
		for (k = k ? k->child : NULL; k != NULL; k = k->next) {
			json_w_begin(&r->out, '{');
			json_w_kstr(&r->out, "type", S("function"));
			json_w_key(&r->out, "function");
			json_w_begin(&r->out, '{');
			copy_member(r, k, "name");
			json_w_end(&r->out, '}');
			json_w_end(&r->out, '}');
		}
		buf_str(&r->out, "]}}");
		return;
	}
	if (!custom && !is_type(c, "function"))
		return;
	json_w_key(&r->out, "tool_choice");
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "type", json_get_str(c, "type"));
	json_w_key(&r->out, custom ? "custom" : "function");
	json_w_begin(&r->out, '{');
	copy_member(r, c, "name");
	json_w_end(&r->out, '}');
	json_w_end(&r->out, '}');
}

static void
format(struct reading *r)
{
	const struct json *f = json_get(json_get(r->body, "text"), "format");

	if (f == NULL || is_type(f, "text"))
		return;
	json_w_key(&r->out, "response_format");
	json_w_begin(&r->out, '{');
	copy_member(r, f, "type");
	if (is_type(f, "json_schema")) {
		json_w_key(&r->out, "json_schema");
		json_w_begin(&r->out, '{');
		copy_member(r, f, "name");
		copy_member(r, f, "schema");
		copy_member(r, f, "strict");
		json_w_end(&r->out, '}');
	}
	json_w_end(&r->out, '}');
}

static bool
limits(struct reading *r)
{
	const struct json *why = json_get(r->body, "reasoning");
	struct slice effort = json_get_str(why, "effort");
	const char *const sampling[] = { "temperature", "top_p" };
	const bool thinks = r->order->model->reasoning && !r->lenient &&
			    effort.len > 0 && !slice_eq(effort, S("none"));
	int64_t most;
	size_t i;

	if (json_get_str(r->body, "previous_response_id").len > 0)
		return WRONG(r, "previous_response_not_found",
		    "previous_response_id",
		    "Previous response with id '%.*s' not found.",
		    S_FMT(json_get_str(r->body, "previous_response_id")));
	for (i = 0; i < NELEM(sampling) && thinks; i++)
		if (json_get(r->body, sampling[i]) != NULL)
			return WRONG(r, "unsupported_parameter", sampling[i],
			    "Unsupported parameter: '%s' is not supported with "
			    "this model.",
			    sampling[i]);
	if (json_get_i64(r->body, "max_output_tokens", &most)) {
		if (most < OUTPUT_LEAST)
			return WRONG(r, "integer_below_min_value",
			    "max_output_tokens",
			    "Invalid 'max_output_tokens': integer below "
			    "minimum value. Expected a value >= %d, but got "
			    "%lld instead.",
			    OUTPUT_LEAST, (long long)most);
		json_w_ki64(&r->out, "max_completion_tokens", most);
	}
	if (effort.len > 0)
		json_w_kstr(&r->out, "reasoning_effort", effort);
	copy_member(r, r->body, "parallel_tool_calls");
	copy_member(r, r->body, "service_tier");
	copy_member(r, r->body, "temperature");
	copy_member(r, r->body, "top_p");
	copy_member(r, r->body, "stream");
	copy_member(r, r->body, "stream_options");
	return true;
}

static bool
wants(const struct json *body, const char *what)
{
	const struct json *k = json_get(body, "include");

	for (k = k ? k->child : NULL; k != NULL; k = k->next)
		if (slice_eq(k->text, slice_of(what)))
			return true;
	return false;
}

/* A manner's read; leaves chat's shape in o->body. */
static struct plan *
responses_read(struct order *o)
{
	const enum venue v = o->visit->credential->venue;
	const bool maker = v == VENUE_OPENAI || v == VENUE_AZURE;
	struct shape_rules rules = { .lenient = !maker };
	struct reading r = { .order = o,
		.arena = &o->arena,
		.body = o->body,
		.lenient = !maker };
	struct json *chat = NULL;
	struct slice text;
	bool ok;

	json_w_begin(&r.out, '{');
	json_w_kstr(&r.out, "model", json_get_str(o->body, "model"));
	ok = top_fields(&r) && limits(&r) && messages(&r) && tools(&r);
	if (ok) {
		choice(&r);
		format(&r);
	}
	json_w_end(&r.out, '}');
	text = arena_copy(&o->arena, buf_slice(&r.out));
	buf_fini(&r.out);
	buf_fini(&r.text);
	if (!ok)
		return brand_refusal(v, &r.why);
	if (json_parse(&o->arena, text, &chat) != FAULT_NONE)
		CHECK(!"the chat is well-formed");
	if (!shape_check(&o->arena, chat, &rules, &r.why))
		return brand_refusal(v, &r.why);
	o->thoughts =
	    json_get_str(json_get(o->body, "reasoning"), "summary").len > 0;
	o->sealed = wants(o->body, "reasoning.encrypted_content");
	o->body = chat;
	return NULL;
}

struct plan *
responses_call(struct visit *v)
{
	static const struct manner manner = { .read = responses_read,
		.tongue = &responses_tongue };
	struct order o = {
		.visit = v, .manner = &manner, .key = S("responses")
	};

	return desk_call(&o);
}

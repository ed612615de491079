/*
 * shape.c - every check returns at the first thing wrong, having said it
 */
#include "sim/shape.h"

#include <stdio.h>

#include "base/json.h"

enum {
	T_NULL = 1,
	T_BOOL = 2,
	T_NUMBER = 4,
	T_STRING = 8,
	T_ARRAY = 16,
	T_OBJECT = 32
};

struct check {
	struct arena *arena;
	const struct shape_rules *rules;
	struct refusal *why;
	const struct json *tools;
};

static const struct {
	const char *name;
	unsigned types;
} fields[] = {
#define FIELD(name, types) { name, types },
#include "sim/fields.def"
#undef FIELD
};

#define WRONG(c, param, ...) \
	wrong((c), NULL, (param), arena_fmt((c)->arena, __VA_ARGS__))

static bool
wrong(struct check *c, const char *code, const char *param, const char *message)
{
	c->why->status = 400;
	c->why->type = "invalid_request_error";
	c->why->code = code;
	c->why->param = param;
	c->why->message = message;
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
is(const struct json *j, unsigned types)
{
	return j != NULL && (type_bit(j) & types) != 0;
}

static bool
is_str(const struct json *j, const char *s)
{
	return is(j, T_STRING) && slice_eq(j->text, slice_of(s));
}

/* words: "a b c", separated by one space */
static bool
among(struct slice v, const char *words)
{
	struct slice left = slice_of(words), head;

	while (slice_cut(left, ' ', &head, &left))
		if (slice_eq(head, v))
			return true;
	return slice_eq(left, v);
}

static bool
type_wrong(struct check *c, const char *param, const char *want)
{
	return wrong(c, "invalid_type", param,
	    arena_fmt(
		c->arena, "Invalid type for '%s': expected %s.", param, want));
}

static bool
value_wrong(struct check *c, const char *param, const char *want)
{
	return wrong(c, "invalid_value", param,
	    arena_fmt(
		c->arena, "Invalid value for '%s': expected %s.", param, want));
}

static bool
missing(struct check *c, const char *param)
{
	return wrong(c, "missing_required_parameter", param,
	    arena_fmt(c->arena, "Missing required parameter: '%s'.", param));
}

/* Only the keys named in words; lenient servers do not look. */
static bool
known_keys(
    struct check *c, const struct json *j, const char *path, const char *words)
{
	const struct json *k;

	if (c->rules->lenient)
		return true;
	for (k = j->child; k != NULL; k = k->next)
		if (!among(k->key, words))
			return wrong(c, "unknown_parameter",
			    arena_fmt(c->arena, "%s.%.*s", path, S_FMT(k->key)),
			    arena_fmt(c->arena, "Unknown parameter: '%s.%.*s'.",
				path, S_FMT(k->key)));
	return true;
}

/* A number as millionths, for ranges; false: too odd to compare. */
static bool
micro(struct slice s, int64_t *out)
{
	bool neg = s.len > 0 && s.p[0] == '-', point = false;
	int64_t v = 0;
	int left = 6;
	size_t i;

	for (i = neg; i < s.len && left > 0; i++) {
		if (s.p[i] == '.') {
			point = true;
			continue;
		}
		if (s.p[i] < '0' || s.p[i] > '9' || v > INT32_MAX)
			return false;
		v = v * 10 + (s.p[i] - '0');
		left -= point;
	}
	while (left-- > 0)
		v *= 10;
	*out = neg ? -v : v;
	return true;
}

static bool
in_range(struct check *c, const struct json *body, const char *key, int64_t lo,
    int64_t hi)
{
	const struct json *j = json_get(body, key);
	int64_t v;

	if (!is(j, T_NUMBER))
		return true;
	if (!micro(j->text, &v) || v < lo * 1000000 || v > hi * 1000000)
		return wrong(c, "invalid_value", key,
		    arena_fmt(c->arena,
			"Invalid '%s': expected a number between %lld and "
			"%lld, but got %.*s instead.",
			key, (long long)lo, (long long)hi, S_FMT(j->text)));
	return true;
}

static bool
integer(struct check *c, const struct json *body, const char *key, int64_t lo,
    int64_t hi)
{
	const struct json *j = json_get(body, key);
	int64_t v;

	if (!is(j, T_NUMBER))
		return true;
	if (!json_i64(j->text, &v))
		return type_wrong(c, key, "an integer");
	if (v >= lo && v <= hi)
		return true;
	return wrong(c,
	    v < lo ? "integer_below_min_value" : "integer_above_max_value", key,
	    arena_fmt(c->arena,
		"Invalid '%s': integer %s value. Expected a value %s %lld, "
		"but got %lld instead.",
		key, v < lo ? "below minimum" : "above maximum",
		v < lo ? ">=" : "<=", (long long)(v < lo ? lo : hi),
		(long long)v));
}

static bool
word_of(struct check *c, const struct json *body, const char *key,
    const char *words)
{
	const struct json *j = json_get(body, key);

	if (!is(j, T_STRING) || among(j->text, words))
		return true;
	return value_wrong(c, key, arena_fmt(c->arena, "one of: %s", words));
}

static bool
field_types(struct check *c, const struct json *body)
{
	const struct json *k;
	const char *key;
	size_t i;

	for (k = body->child; k != NULL; k = k->next) {
		key = arena_str(c->arena, k->key);
		for (i = 0; i < NELEM(fields); i++)
			if (slice_eq(k->key, slice_of(fields[i].name)))
				break;
		if (i < NELEM(fields)) {
			if (!is(k, fields[i].types))
				return type_wrong(c, key, "another type");
		} else if (!c->rules->lenient) {
			return wrong(c, NULL, NULL,
			    arena_fmt(c->arena,
				"Unrecognized request argument supplied: %s",
				key));
		}
	}
	return true;
}

static bool
name_ok(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') ||
			(s.p[i] >= 'A' && s.p[i] <= 'Z') ||
			(s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '_' ||
			s.p[i] == '-'))
			return false;
	return s.len >= 1 && s.len <= 64;
}

/* --- content ----------------------------------------------------------- */

static bool
image_part(struct check *c, const struct json *part, const char *path)
{
	const struct json *image = json_get(part, "image_url");
	struct slice url = json_get_str(image, "url");
	struct slice detail = json_get_str(image, "detail");

	if (!is(image, T_OBJECT) || url.len == 0)
		return missing(
		    c, arena_fmt(c->arena, "%s.image_url.url", path));
	if (!slice_starts(url, S("data:image/")) &&
	    !slice_starts(url, S("https://")) &&
	    !slice_starts(url, S("http://")))
		return wrong(c, "invalid_image_url",
		    arena_fmt(c->arena, "%s.image_url.url", path),
		    "Invalid image URL: expected a data: or https: URL.");
	if (detail.len > 0 && !among(detail, "auto low high original"))
		return value_wrong(c,
		    arena_fmt(c->arena, "%s.image_url.detail", path),
		    "one of: auto low high");
	return true;
}

static bool
audio_part(struct check *c, const struct json *part, const char *path)
{
	const struct json *audio = json_get(part, "input_audio");

	if (json_get_str(audio, "data").len == 0)
		return missing(
		    c, arena_fmt(c->arena, "%s.input_audio.data", path));
	if (!among(json_get_str(audio, "format"), "wav mp3"))
		return value_wrong(c,
		    arena_fmt(c->arena, "%s.input_audio.format", path),
		    "one of: wav mp3");
	return true;
}

static bool
file_part(struct check *c, const struct json *part, const char *path)
{
	const struct json *file = json_get(part, "file");

	if (json_get_str(file, "file_id").len == 0 &&
	    json_get_str(file, "file_data").len == 0)
		return missing(c, arena_fmt(c->arena, "%s.file", path));
	return known_keys(c, file, path, "file_id file_data filename");
}

static bool
part(struct check *c, const struct json *p, const char *path,
    const char *allowed)
{
	struct slice type = json_get_str(p, "type");
	const char *key;

	if (!is(p, T_OBJECT))
		return type_wrong(c, path, "an object");
	if (!among(type, allowed) || type.len == 0)
		return value_wrong(c, arena_fmt(c->arena, "%s.type", path),
		    arena_fmt(c->arena, "one of: %s", allowed));
	key = arena_fmt(
	    c->arena, "type prompt_cache_breakpoint %.*s", S_FMT(type));
	if (!known_keys(c, p, path, key))
		return false;
	if (slice_eq(type, S("image_url")))
		return image_part(c, p, path);
	if (slice_eq(type, S("input_audio")))
		return audio_part(c, p, path);
	if (slice_eq(type, S("file")))
		return file_part(c, p, path);
	key = arena_str(c->arena, type); /* text, refusal */
	if (!is(json_get(p, key), T_STRING))
		return missing(c, arena_fmt(c->arena, "%s.%s", path, key));
	return true;
}

static bool
content(struct check *c, const struct json *m, const char *path,
    const char *allowed)
{
	const struct json *j = json_get(m, "content"), *p;
	unsigned i = 0;

	if (is(j, T_STRING))
		return true;
	path = arena_fmt(c->arena, "%s.content", path);
	if (j == NULL || j->type == JSON_NULL)
		return missing(c, path);
	if (!is(j, T_ARRAY) || j->n == 0)
		return type_wrong(c, path, "a string or a non-empty array");
	for (p = j->child; p != NULL; p = p->next)
		if (!part(c, p, arena_fmt(c->arena, "%s[%u]", path, i++),
			allowed))
			return false;
	return true;
}

/* --- messages ---------------------------------------------------------- */

static bool
one_call(struct check *c, const struct json *call, const char *path)
{
	struct slice type = json_get_str(call, "type");
	const struct json *f;

	if (json_get_str(call, "id").len == 0)
		return missing(c, arena_fmt(c->arena, "%s.id", path));
	if (slice_eq(type, S("function"))) {
		f = json_get(call, "function");
		if (!is(json_get(f, "name"), T_STRING) ||
		    !is(json_get(f, "arguments"), T_STRING))
			return missing(
			    c, arena_fmt(c->arena, "%s.function", path));
		return known_keys(c, call, path, "id type function index");
	}
	if (slice_eq(type, S("custom"))) {
		f = json_get(call, "custom");
		if (!is(json_get(f, "name"), T_STRING) ||
		    !is(json_get(f, "input"), T_STRING))
			return missing(
			    c, arena_fmt(c->arena, "%s.custom", path));
		return known_keys(c, call, path, "id type custom index");
	}
	return value_wrong(
	    c, arena_fmt(c->arena, "%s.type", path), "one of: function custom");
}

static bool
assistant(struct check *c, const struct json *m, const char *path)
{
	const struct json *calls = json_get(m, "tool_calls"), *call;
	const struct json *text = json_get(m, "content");
	unsigned i = 0;

	if (!known_keys(c, m, path,
		"role content name refusal audio tool_calls function_call "
		"annotations reasoning_content"))
		return false;
	if (is(calls, T_ARRAY)) {
		if (calls->n == 0 || calls->n > 128)
			return value_wrong(c,
			    arena_fmt(c->arena, "%s.tool_calls", path),
			    "1 to 128 calls");
		for (call = calls->child; call != NULL; call = call->next)
			if (!one_call(c, call,
				arena_fmt(
				    c->arena, "%s.tool_calls[%u]", path, i++)))
				return false;
	} else if (is(calls, ~(unsigned)T_NULL)) {
		return type_wrong(
		    c, arena_fmt(c->arena, "%s.tool_calls", path), "an array");
	}
	if ((text == NULL || text->type == JSON_NULL) &&
	    (is(calls, T_ARRAY) || is(json_get(m, "function_call"), T_OBJECT) ||
		is(json_get(m, "refusal"), T_STRING) ||
		is(json_get(m, "audio"), T_OBJECT)))
		return true;
	return content(c, m, path, "text refusal");
}

static bool
message(struct check *c, const struct json *m, const char *path)
{
	struct slice role = json_get_str(m, "role");

	if (!is(m, T_OBJECT))
		return type_wrong(c, path, "an object");
	if (slice_eq(role, S("assistant")))
		return assistant(c, m, path);
	if (slice_eq(role, S("user")))
		return known_keys(c, m, path, "role content name") &&
		       content(c, m, path, "text image_url input_audio file");
	if (slice_eq(role, S("system")) || slice_eq(role, S("developer")))
		return known_keys(c, m, path, "role content name") &&
		       content(c, m, path, "text");
	if (slice_eq(role, S("tool"))) {
		if (json_get_str(m, "tool_call_id").len == 0)
			return missing(
			    c, arena_fmt(c->arena, "%s.tool_call_id", path));
		return known_keys(
			   c, m, path, "role content tool_call_id name") &&
		       content(c, m, path, "text");
	}
	if (slice_eq(role, S("function"))) {
		if (json_get_str(m, "name").len == 0)
			return missing(c, arena_fmt(c->arena, "%s.name", path));
		return content(c, m, path, "text");
	}
	return value_wrong(c, arena_fmt(c->arena, "%s.role", path),
	    "one of: system assistant user function tool developer");
}

static const struct json *
call_without_answer(const struct json *assistant, const struct json *until)
{
	const struct json *call = json_get(assistant, "tool_calls"), *m;

	for (call = call->child; call != NULL; call = call->next) {
		for (m = assistant->next; m != until; m = m->next)
			if (slice_eq(json_get_str(m, "tool_call_id"),
				json_get_str(call, "id")))
				break;
		if (m == until)
			return call;
	}
	return NULL;
}

static bool
answers_a_call(const struct json *assistant, const struct json *m)
{
	const struct json *call = json_get(assistant, "tool_calls");

	for (call = call ? call->child : NULL; call != NULL; call = call->next)
		if (slice_eq(json_get_str(m, "tool_call_id"),
			json_get_str(call, "id")))
			return true;
	return false;
}

/* Every call is answered by the tool messages right behind it. */
static bool
pairing(struct check *c, const struct json *list)
{
	const struct json *m, *open = NULL, *lost;
	unsigned i = 0;

	for (m = list->child;; m = m->next, i++) {
		if (m != NULL && is_str(json_get(m, "role"), "tool")) {
			if (open == NULL || !answers_a_call(open, m))
				return WRONG(c,
				    arena_fmt(
					c->arena, "messages.[%u].role", i),
				    "Invalid parameter: messages with role "
				    "'tool' must be a response to a preceeding "
				    "message with 'tool_calls'.");
			continue;
		}
		lost = open == NULL ? NULL : call_without_answer(open, m);
		if (lost != NULL)
			return WRONG(c,
			    arena_fmt(c->arena, "messages.[%u].role", i),
			    "An assistant message with 'tool_calls' must be "
			    "followed by tool messages responding to each "
			    "'tool_call_id'. The following tool_call_ids did "
			    "not have response messages: %.*s",
			    S_FMT(json_get_str(lost, "id")));
		if (m == NULL)
			return true;
		open = is(json_get(m, "tool_calls"), T_ARRAY) ? m : NULL;
	}
}

static bool
messages(struct check *c, const struct json *body)
{
	const struct json *list = json_get(body, "messages"), *m;
	unsigned i = 0;

	if (list == NULL)
		return missing(c, "messages");
	if (list->n == 0)
		return wrong(c, "empty_array", "messages",
		    "Invalid 'messages': empty array. Expected an array with "
		    "minimum length 1, but got an empty array instead.");
	for (m = list->child; m != NULL; m = m->next)
		if (!message(c, m, arena_fmt(c->arena, "messages[%u]", i++)))
			return false;
	return pairing(c, list);
}

/* --- tools and formats ------------------------------------------------- */

static bool
all_required(const struct json *schema, const struct json *props)
{
	const struct json *req = json_get(schema, "required"), *p, *r;

	for (p = props ? props->child : NULL; p != NULL; p = p->next) {
		for (r = req ? req->child : NULL; r != NULL; r = r->next)
			if (slice_eq(r->text, p->key))
				break;
		if (r == NULL)
			return false;
	}
	return true;
}

/* The parser bounds the depth of what it gives us. */
static bool
strict_schema(struct check *c, const struct json *s, const char *param)
{
	const struct json *props = json_get(s, "properties"), *k;
	const struct json *more = json_get(s, "additionalProperties");

	if (is(s, T_OBJECT) &&
	    (is_str(json_get(s, "type"), "object") || is(props, T_OBJECT))) {
		if (more == NULL || more->type != JSON_FALSE)
			return WRONG(c, param,
			    "Invalid schema: 'additionalProperties' is "
			    "required to be supplied and to be false.");
		if (!all_required(s, props))
			return WRONG(c, param,
			    "Invalid schema: 'required' is required to be "
			    "supplied and to be an array including every key "
			    "in properties.");
	}
	for (k = is(s, T_OBJECT | T_ARRAY) ? s->child : NULL; k; k = k->next)
		if (!slice_eq(k->key, S("enum")) &&
		    !slice_eq(k->key, S("const")) &&
		    !slice_eq(k->key, S("default")) &&
		    !strict_schema(c, k, param))
			return false;
	return true;
}

static bool
function_tool(struct check *c, const struct json *f, const char *path)
{
	const struct json *schema = json_get(f, "parameters");

	if (!is(f, T_OBJECT))
		return missing(c, path);
	if (!name_ok(json_get_str(f, "name")))
		return wrong(c, "invalid_value",
		    arena_fmt(c->arena, "%s.name", path),
		    "Invalid function name: expected a string that matches "
		    "the pattern '^[a-zA-Z0-9_-]+$', at most 64 long.");
	if (schema != NULL && !is(schema, T_OBJECT))
		return type_wrong(
		    c, arena_fmt(c->arena, "%s.parameters", path), "an object");
	if (!is(json_get(f, "description"), T_STRING) &&
	    is(json_get(f, "description"), ~0u))
		return type_wrong(
		    c, arena_fmt(c->arena, "%s.description", path), "a string");
	if (!known_keys(c, f, path, "name description parameters strict"))
		return false;
	return !json_get_bool(f, "strict", false) || schema == NULL ||
	       strict_schema(
		   c, schema, arena_fmt(c->arena, "%s.parameters", path));
}

static bool
tool(struct check *c, const struct json *t, const char *path)
{
	struct slice type = json_get_str(t, "type");

	if (slice_eq(type, S("function")))
		return known_keys(c, t, path, "type function") &&
		       function_tool(c, json_get(t, "function"),
			   arena_fmt(c->arena, "%s.function", path));
	if (!slice_eq(type, S("custom")))
		return value_wrong(c, arena_fmt(c->arena, "%s.type", path),
		    "one of: function custom");
	if (!name_ok(json_get_str(json_get(t, "custom"), "name")))
		return missing(c, arena_fmt(c->arena, "%s.custom.name", path));
	return known_keys(c, t, path, "type custom");
}

static bool
tool_named(const struct json *tools, const char *kind, struct slice name)
{
	const struct json *t;

	for (t = tools ? tools->child : NULL; t != NULL; t = t->next)
		if (slice_eq(json_get_str(json_get(t, kind), "name"), name))
			return true;
	return false;
}

static bool
named_choice(struct check *c, const struct json *j, const char *kind)
{
	struct slice name = json_get_str(json_get(j, kind), "name");

	if (name.len == 0)
		return missing(
		    c, arena_fmt(c->arena, "tool_choice.%s.name", kind));
	if (!tool_named(c->tools, kind, name))
		return WRONG(c, "tool_choice",
		    "Tool choice '%.*s' not found in 'tools' parameter.",
		    S_FMT(name));
	return true;
}

static bool
tool_choice(struct check *c, const struct json *body)
{
	const struct json *j = json_get(body, "tool_choice"), *allowed;
	struct slice type = json_get_str(j, "type");

	if (j == NULL)
		return true;
	if (c->tools == NULL)
		return WRONG(c, "tool_choice",
		    "Invalid value for 'tool_choice': 'tool_choice' is only "
		    "allowed when 'tools' are specified.");
	if (is(j, T_STRING))
		return word_of(c, body, "tool_choice", "none auto required");
	if (slice_eq(type, S("function")))
		return named_choice(c, j, "function");
	if (slice_eq(type, S("custom")))
		return named_choice(c, j, "custom");
	allowed = json_get(j, "allowed_tools");
	if (slice_eq(type, S("allowed_tools")) &&
	    is(json_get(allowed, "tools"), T_ARRAY) &&
	    among(json_get_str(allowed, "mode"), "auto required"))
		return true;
	return value_wrong(
	    c, "tool_choice", "none, auto, required or a named tool");
}

static bool
tools(struct check *c, const struct json *body)
{
	const struct json *t;
	unsigned i = 0;

	c->tools = json_get(body, "tools");
	if (c->tools != NULL && (c->tools->n == 0 || c->tools->n > 128))
		return value_wrong(c, "tools", "1 to 128 tools");
	for (t = c->tools ? c->tools->child : NULL; t != NULL; t = t->next)
		if (!tool(c, t, arena_fmt(c->arena, "tools[%u]", i++)))
			return false;
	if (c->tools == NULL && json_get(body, "parallel_tool_calls") != NULL)
		return WRONG(c, "parallel_tool_calls",
		    "Invalid value for 'parallel_tool_calls': "
		    "'parallel_tool_calls' is only allowed when 'tools' are "
		    "specified.");
	return tool_choice(c, body);
}

static bool
response_format(struct check *c, const struct json *body)
{
	const struct json *f = json_get(body, "response_format"), *js;
	struct slice type = json_get_str(f, "type");

	if (f == NULL || slice_eq(type, S("text")) ||
	    slice_eq(type, S("json_object")))
		return true;
	if (!slice_eq(type, S("json_schema")))
		return value_wrong(c, "response_format.type",
		    "one of: text json_object json_schema");
	js = json_get(f, "json_schema");
	if (!name_ok(json_get_str(js, "name")))
		return missing(c, "response_format.json_schema.name");
	if (!is(json_get(js, "schema"), T_OBJECT))
		return missing(c, "response_format.json_schema.schema");
	if (!known_keys(c, js, "response_format.json_schema",
		"name schema strict description"))
		return false;
	return !json_get_bool(js, "strict", false) ||
	       strict_schema(c, json_get(js, "schema"), "response_format");
}

/* --- the rest ---------------------------------------------------------- */

static bool
limits(struct check *c, const struct json *body)
{
	if (!integer(c, body, "max_tokens", 1, INT32_MAX) ||
	    !integer(c, body, "max_completion_tokens", 1, INT32_MAX))
		return false;
	if (!is(json_get(body, "max_tokens"), T_NUMBER))
		return true;
	if (is(json_get(body, "max_completion_tokens"), T_NUMBER))
		return wrong(c, "invalid_parameter_combination", "max_tokens",
		    "Setting 'max_tokens' and 'max_completion_tokens' at the "
		    "same time is not supported.");
	if (!c->rules->reasoning)
		return true;
	return wrong(c, "unsupported_parameter", "max_tokens",
	    "Unsupported parameter: 'max_tokens' is not supported with this "
	    "model. Use 'max_completion_tokens' instead.");
}

static bool
stop(struct check *c, const struct json *body)
{
	const struct json *j = json_get(body, "stop"), *k;

	if (!is(j, T_ARRAY))
		return true;
	if (j->n < 1 || j->n > 4)
		return value_wrong(c, "stop", "1 to 4 strings");
	for (k = j->child; k != NULL; k = k->next)
		if (!is(k, T_STRING))
			return type_wrong(c, "stop", "an array of strings");
	return true;
}

static bool
metadata(struct check *c, const struct json *body)
{
	const struct json *j = json_get(body, "metadata"), *k;

	if (!is(j, T_OBJECT))
		return true;
	if (j->n > 16)
		return wrong(c, "object_above_max_properties", "metadata",
		    "Invalid 'metadata': too many properties. Expected an "
		    "object with at most 16 properties.");
	for (k = j->child; k != NULL; k = k->next)
		if (!is(k, T_STRING) || k->key.len > 64 || k->text.len > 512)
			return type_wrong(c, "metadata",
			    "strings of at most 512 under keys of at most 64");
	return true;
}

static bool
stream_options(struct check *c, const struct json *body)
{
	const struct json *j = json_get(body, "stream_options"), *k;

	if (!is(j, T_OBJECT))
		return true;
	if (!json_get_bool(body, "stream", false))
		return WRONG(c, "stream_options",
		    "The 'stream_options' parameter is only allowed when "
		    "'stream' is enabled.");
	for (k = j->child; k != NULL; k = k->next)
		if (!is(k, T_BOOL | T_NULL) && !c->rules->lenient)
			return type_wrong(c, "stream_options", "booleans");
	return known_keys(
	    c, j, "stream_options", "include_usage include_obfuscation");
}

static bool
scalars(struct check *c, const struct json *body)
{
	if (is(json_get(body, "top_logprobs"), T_NUMBER) &&
	    !json_get_bool(body, "logprobs", false))
		return WRONG(c, "top_logprobs",
		    "The 'top_logprobs' parameter is only allowed when "
		    "'logprobs' is enabled.");
	return in_range(c, body, "temperature", 0, 2) &&
	       in_range(c, body, "top_p", 0, 1) &&
	       in_range(c, body, "frequency_penalty", -2, 2) &&
	       in_range(c, body, "presence_penalty", -2, 2) &&
	       integer(c, body, "n", 1, 8) &&
	       integer(c, body, "seed", INT64_MIN, INT64_MAX) &&
	       integer(c, body, "top_logprobs", 0, 20) &&
	       word_of(c, body, "service_tier",
		   "auto default flex scale priority fast") &&
	       word_of(c, body, "reasoning_effort",
		   "none minimal low medium high xhigh max") &&
	       word_of(c, body, "verbosity", "low medium high");
}

bool
shape_check(struct arena *a, const struct json *body,
    const struct shape_rules *rules, struct refusal *why)
{
	struct check c = { a, rules, why, NULL };

	if (!is(body, T_OBJECT))
		return wrong(&c, NULL, NULL,
		    "We could not parse the JSON body of your request: an "
		    "object is expected.");
	if (!field_types(&c, body))
		return false;
	if (json_get_str(body, "model").len == 0)
		return wrong(
		    &c, NULL, NULL, "you must provide a model parameter");
	return messages(&c, body) && tools(&c, body) &&
	       response_format(&c, body) && limits(&c, body) &&
	       stop(&c, body) && metadata(&c, body) &&
	       stream_options(&c, body) && scalars(&c, body);
}

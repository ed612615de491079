/*
 * bedrock_read.c - is this a request that Bedrock would take, and as a chat
 *
 * The sentences are AWS's own where they are known.
 */
#include "sim/bedrock.h"

#include <stdlib.h>

#include "base/text.h"
#include "sim/awsshape.h"
#include "sim/brand.h"
#include "sim/count.h"
#include "sim/filler.h"

enum { STOPS = 4, BUDGET_LEAST = 1024, NAMES = 64 };

struct reading {
	struct order *order;
	struct arena *arena;
	const struct json *body;
	struct refusal why;
	bool claude, nova;
	struct buf out;
};

#define WRONG(r, ...) \
	awsshape_wrong(&(r)->why, arena_fmt((r)->arena, __VA_ARGS__))

/* --- signatures -------------------------------------------------------- */

struct slice
bedrock_signature(struct arena *a, struct slice text)
{
	struct buf plain = { 0 }, b = { 0 };
	struct slice s;
	uint64_t h = count_hash_bytes(UINT64_C(0x636c61756465), text);

	buf_str(&plain, "claude-thought-");
	buf_hex(&plain, &h, 8);
	text_base64_write(&b, buf_slice(&plain));
	s = arena_copy(a, buf_slice(&b));
	buf_fini(&plain);
	buf_fini(&b);
	return s;
}

static const struct json *
thinking(const struct reading *r)
{
	const struct json *more =
	    json_get(r->body, "additionalModelRequestFields");

	return json_get(more, "thinking");
}

static bool
one_thought(struct reading *r, const struct json *block, unsigned m, unsigned i)
{
	const struct json *text = json_get(block, "reasoningText");
	const struct json *sig = json_get(text, "signature");
	struct slice hidden = json_get_str(block, "redactedContent");
	struct buf b = { 0 };
	bool good = true;

	if (!r->claude)
		return true;
	if (text == NULL) {
		good = text_base64_parse(&b, hidden) &&
		       slice_starts(buf_slice(&b), S("redacted-"));
		buf_fini(&b);
		return good || WRONG(r,
				   "messages.%u.content.%u: Invalid `data` in "
				   "`redacted_thinking` block",
				   m, i);
	}
	if (sig == NULL)
		return WRONG(r,
		    "messages.%u.content.%u.thinking.signature: Field required",
		    m, i);
	if (!slice_eq(sig->text,
		bedrock_signature(r->arena, json_get_str(text, "text"))))
		return WRONG(r,
		    "messages.%u.content.%u: Invalid `signature` in `thinking` "
		    "block",
		    m, i);
	return true;
}

/* --- messages ---------------------------------------------------------- */

static bool
is_role(const struct json *m, const char *role)
{
	return slice_eq(json_get_str(m, "role"), slice_of(role));
}

static bool
blank(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\n' &&
		    s.p[i] != '\r')
			return false;
	return true;
}

/* Letters, digits, hyphens, brackets, single blanks. */
static bool
document_name(struct reading *r, struct slice name)
{
	size_t i;

	for (i = 0; i < name.len; i++) {
		const char c = name.p[i];

		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
		    !(c >= '0' && c <= '9') && strchr(" -()[]", c) == NULL)
			break;
		if (c == ' ' && i > 0 && name.p[i - 1] == ' ')
			break;
	}
	return i == name.len ||
	       WRONG(r, "The document file name can only contain alphanumeric "
			"characters, whitespace characters, hyphens, "
			"parentheses, and square brackets. The name can't "
			"contain more than one consecutive whitespace "
			"character.");
}

static bool
looks_like(struct slice bytes, struct slice format)
{
	if (slice_eq(format, S("png")))
		return slice_starts(bytes, S("\x89PNG\r\n\x1a\n"));
	if (slice_eq(format, S("jpeg")))
		return slice_starts(bytes, S("\xff\xd8\xff"));
	if (slice_eq(format, S("gif")))
		return slice_starts(bytes, S("GIF8"));
	return slice_starts(bytes, S("RIFF"));
}

static bool
image(struct reading *r, const struct json *j)
{
	struct slice text = json_get_str(json_get(j, "source"), "bytes");
	struct buf b = { 0 };
	bool good;

	if (text.len == 0)
		return true; /* it lies in a bucket */
	good = text_base64_parse(&b, text) &&
	       looks_like(buf_slice(&b), json_get_str(j, "format"));
	buf_fini(&b);
	return good || WRONG(r, "The model returned the following errors: "
				"Could not process image");
}

static bool
one_block(struct reading *r, const struct json *m, const struct json *block,
    unsigned i, unsigned k)
{
	const struct json *j = json_get(block, "text");
	const bool user = is_role(m, "user");

	if (j != NULL && blank(j->text))
		return WRONG(r,
		    "The text field in the ContentBlock object at "
		    "messages.%u.content.%u is blank. Add text to the text "
		    "field, and try again.",
		    i, k);
	if ((j = json_get(block, "image")) != NULL)
		return user ? image(r, j)
			    : WRONG(r, "The model doesn't support the image "
				       "content block in this role.");
	if ((j = json_get(block, "document")) != NULL)
		return user ? document_name(r, json_get_str(j, "name"))
			    : WRONG(r, "The model doesn't support the document "
				       "content block in this role.");
	if (json_get(block, "toolUse") != NULL && user)
		return WRONG(r,
		    "messages.%u.content.%u: toolUse blocks can only be in "
		    "messages of the assistant.",
		    i, k);
	if (json_get(block, "toolResult") != NULL && !user)
		return WRONG(r,
		    "messages.%u.content.%u: toolResult blocks can only be in "
		    "messages of the user.",
		    i, k);
	if ((j = json_get(block, "reasoningContent")) != NULL)
		return user ? WRONG(r,
				  "messages.%u.content.%u: reasoning is "
				  "the assistant's.",
				  i, k)
			    : one_thought(r, j, i, k);
	return true;
}

static bool
blocks(struct reading *r, const struct json *m, unsigned i)
{
	const struct json *list = json_get(m, "content"), *k;
	unsigned at = 0;

	if (list->n == 0)
		return WRONG(r,
		    "The content field in the Message object at messages.%u is "
		    "empty. Add a ContentBlock object to the content field and "
		    "try again.",
		    i);
	for (k = list->child; k != NULL; k = k->next)
		if (!one_block(r, m, k, i, at++))
			return false;
	return true;
}

static unsigned
count_of(const struct json *m, const char *kind)
{
	const struct json *list = json_get(m, "content"), *k;
	unsigned n = 0;

	for (k = list ? list->child : NULL; k != NULL; k = k->next)
		n += json_get(k, kind) != NULL;
	return n;
}

static bool
has_id(const struct json *m, const char *kind, struct slice id)
{
	const struct json *list = json_get(m, "content"), *k;

	for (k = list ? list->child : NULL; k != NULL; k = k->next)
		if (slice_eq(json_get_str(json_get(k, kind), "toolUseId"), id))
			return true;
	return false;
}

/* Every call has its result in the message that follows, and only there. */
static bool
pairing(struct reading *r, const struct json *prev, const struct json *m,
    unsigned i)
{
	const struct json *list = json_get(prev, "content"), *k;
	struct slice id;

	if (count_of(m, "toolResult") > count_of(prev, "toolUse"))
		return WRONG(r,
		    "The number of toolResult blocks at messages.%u.content "
		    "exceeds the number of toolUse blocks of previous turn.",
		    i);
	for (k = list ? list->child : NULL; k != NULL; k = k->next) {
		id = json_get_str(json_get(k, "toolUse"), "toolUseId");
		if (id.len > 0 && !has_id(m, "toolResult", id))
			return WRONG(r,
			    "Expected toolResult blocks at messages.%u.content "
			    "for the following Ids: %.*s",
			    i, S_FMT(id));
	}
	return true;
}

/* With thinking on, a turn of calls begins with a thought. */
static bool
thought_first(struct reading *r, const struct json *m, unsigned i)
{
	const struct json *first = json_get(m, "content")->child;

	if (!r->claude || count_of(m, "toolUse") == 0 ||
	    !slice_eq(json_get_str(thinking(r), "type"), S("enabled")) ||
	    json_get(first, "reasoningContent") != NULL)
		return true;
	return WRONG(r,
	    "messages.%u.content.0.type: Expected `thinking` or "
	    "`redacted_thinking`, but found `tool_use`. When `thinking` is "
	    "enabled, a final `assistant` message must start with a thinking "
	    "block.",
	    i);
}

static bool
turns(struct reading *r, const struct json *list)
{
	const struct json *m, *prev = NULL, *calls = NULL;
	unsigned i = 0;

	for (m = list->child; m != NULL; m = m->next, i++) {
		if (!blocks(r, m, i))
			return false;
		if (is_role(m, "system") && !r->claude)
			return WRONG(r, "This model doesn't support messages "
					"of the system role.");
		if (is_role(m, "system"))
			continue;
		if (prev == NULL && !is_role(m, "user"))
			return WRONG(r,
			    "A conversation must start with a user message. "
			    "Try again with a conversation that starts with a "
			    "user message.");
		if (prev != NULL && is_role(m, "user") == is_role(prev, "user"))
			return WRONG(r,
			    "A conversation must alternate between user and "
			    "assistant roles. Make sure the conversation "
			    "alternates between user and assistant roles and "
			    "try again.");
		if (is_role(m, "user") && !pairing(r, prev, m, i))
			return false;
		if (is_role(m, "assistant") && !thought_first(r, m, i))
			return false;
		calls = count_of(m, "toolUse") > 0 ? m : NULL;
		prev = m;
	}
	if (calls != NULL ||
	    (r->claude && prev != NULL && is_role(prev, "assistant")))
		return WRONG(r, "This model does not support assistant message "
				"prefill. The conversation must end with a "
				"user message.");
	return true;
}

static bool
documents(struct reading *r, const struct json *list)
{
	const struct json *m, *k;
	struct slice name[NAMES], one;
	unsigned n = 0, i;

	for (m = list->child; m != NULL; m = m->next) {
		if (count_of(m, "document") > 0 && count_of(m, "text") == 0)
			return WRONG(r, "Documents must be accompanied by a "
					"text block.");
		for (k = json_get(m, "content")->child; k; k = k->next) {
			one = json_get_str(json_get(k, "document"), "name");
			for (i = 0; i < n && one.len > 0; i++)
				if (slice_eq(one, name[i]))
					return WRONG(r,
					    "Your request contains duplicate "
					    "document names.");
			if (one.len > 0 && n < NAMES)
				name[n++] = one;
		}
	}
	return true;
}

static bool
uses_tools(const struct json *list)
{
	const struct json *m;

	for (m = list->child; m != NULL; m = m->next)
		if (count_of(m, "toolUse") + count_of(m, "toolResult") > 0)
			return true;
	return false;
}

static bool
messages(struct reading *r)
{
	const struct json *list = json_get(r->body, "messages");

	if (list == NULL || list->n == 0)
		return WRONG(r,
		    "A conversation must start with a user message. Try again "
		    "with a conversation that starts with a user message.");
	if (uses_tools(list) && json_get(r->body, "toolConfig") == NULL)
		return WRONG(r, "The toolConfig field must be defined when "
				"using toolUse and toolResult content blocks.");
	return turns(r, list) && documents(r, list);
}

/* --- tools and configuration ------------------------------------------- */

static const struct json *
spec_of(const struct json *tool)
{
	return json_get(tool, "toolSpec");
}

static bool
one_tool(struct reading *r, const struct json *first, const struct json *tool,
    unsigned i)
{
	const struct json *spec = spec_of(tool), *k, *schema;
	struct slice name = json_get_str(spec, "name");

	if (spec == NULL)
		return true;
	schema = json_get(json_get(spec, "inputSchema"), "json");
	if (schema == NULL || schema->type != JSON_OBJECT ||
	    !slice_eq(json_get_str(schema, "type"), S("object")))
		return WRONG(r,
		    "The value at toolConfig.tools.%u.toolSpec.inputSchema.json"
		    ".type must be one of the following: object.",
		    i);
	for (k = first; k != tool; k = k->next)
		if (slice_eq(json_get_str(spec_of(k), "name"), name))
			return WRONG(r,
			    "The tool name %.*s is defined more than once.",
			    S_FMT(name));
	return true;
}

static bool
choice(struct reading *r, const struct json *config)
{
	const struct json *c = json_get(config, "toolChoice"), *k;
	const struct json *forced = json_get(c, "tool");
	struct slice name = json_get_str(forced, "name");
	const bool thinks =
	    thinking(r) != NULL &&
	    !slice_eq(json_get_str(thinking(r), "type"), S("disabled"));

	if (thinks && (forced != NULL || json_get(c, "any") != NULL))
		return WRONG(r, "Thinking may not be enabled when tool_choice "
				"forces tool use.");
	if (forced == NULL)
		return true;
	for (k = json_get(config, "tools")->child; k != NULL; k = k->next)
		if (slice_eq(json_get_str(spec_of(k), "name"), name))
			return true;
	return WRONG(r,
	    "The tool %.*s in toolConfig.toolChoice is not in "
	    "toolConfig.tools.",
	    S_FMT(name));
}

static bool
tools(struct reading *r)
{
	const struct json *config = json_get(r->body, "toolConfig"), *k;
	const struct json *list = json_get(config, "tools");
	unsigned i = 0;

	if (config == NULL)
		return true;
	for (k = list->child; k != NULL; k = k->next)
		if (!one_tool(r, list->child, k, i++))
			return false;
	return choice(r, config);
}

/* What a family of models takes beside Converse's own fields. */
static bool
extraneous(struct reading *r, const struct json *more)
{
	static const char *const claude[] = { "thinking", "top_k",
		"anthropic_beta", "output_config", "reasoning_config",
		"tool_choice", "context_management" };
	static const char *const nova[] = { "inferenceConfig",
		"reasoningConfig" };
	static const char *const other[] = { "reasoning_effort", "top_k",
		"seed", "presence_penalty", "frequency_penalty" };
	const char *const *list = r->claude ? claude : r->nova ? nova : other;
	const size_t n = r->claude ? NELEM(claude)
			 : r->nova ? NELEM(nova)
				   : NELEM(other);
	const struct json *k;
	size_t i;

	if (more != NULL && more->type != JSON_OBJECT)
		return WRONG(r, "additionalModelRequestFields is no object.");
	for (k = more ? more->child : NULL; k != NULL; k = k->next) {
		for (i = 0; i < n && !slice_eq(k->key, slice_of(list[i])); i++)
			;
		if (i == n)
			return WRONG(r,
			    "The model returned the following errors: "
			    "Malformed input request: #: extraneous key [%.*s] "
			    "is not permitted, please reformat your input and "
			    "try again.",
			    S_FMT(k->key));
	}
	return true;
}

static bool
budget(struct reading *r, const struct json *inference)
{
	const struct json *t = thinking(r);
	const struct json *heat = json_get(inference, "temperature");
	struct slice type = json_get_str(t, "type");
	int64_t n = 0, most = 4096;

	if (t == NULL || slice_eq(type, S("disabled")))
		return true;
	(void)json_get_i64(inference, "maxTokens", &most);
	if (heat != NULL && !slice_eq(heat->text, S("1")) &&
	    !slice_eq(heat->text, S("1.0")))
		return WRONG(r, "`temperature` may only be set to 1 when "
				"thinking is enabled.");
	if (json_get(inference, "topP") != NULL)
		return WRONG(r, "`top_p` must be unset when thinking is "
				"enabled.");
	if (slice_eq(type, S("adaptive")))
		return true;
	if (!slice_eq(type, S("enabled")))
		return WRONG(r, "thinking.type: Input should be 'enabled', "
				"'disabled' or 'adaptive'");
	if (!json_get_i64(t, "budget_tokens", &n) || n < BUDGET_LEAST)
		return WRONG(r, "thinking.enabled.budget_tokens: Input should "
				"be greater than or equal to 1024");
	return n < most || WRONG(r, "`max_tokens` must be greater than "
				    "`thinking.budget_tokens`.");
}

/* Claude's structured output wants every object closed. */
static bool
closed(const struct json *schema)
{
	const struct json *k;

	if (schema->type == JSON_OBJECT &&
	    slice_eq(json_get_str(schema, "type"), S("object")) &&
	    json_get_bool(schema, "additionalProperties", true))
		return false;
	for (k = schema->child; k != NULL; k = k->next)
		if (!closed(k))
			return false;
	return true;
}

static struct slice
format_text(const struct reading *r)
{
	const struct json *format =
	    json_get(json_get(r->body, "outputConfig"), "textFormat");

	return json_get_str(
	    json_get(json_get(format, "structure"), "jsonSchema"), "schema");
}

static bool
format(struct reading *r)
{
	struct slice text = format_text(r);
	struct json *schema;

	if (text.len == 0)
		return true;
	if (json_parse(r->arena, text, &schema) != FAULT_NONE ||
	    schema->type != JSON_OBJECT)
		return WRONG(r, "outputConfig.textFormat: the schema is not a "
				"JSON object.");
	if (r->claude && !closed(schema))
		return WRONG(r,
		    "output_config.format.schema: For 'object' type, "
		    "'additionalProperties' must be explicitly set to false");
	return true;
}

static bool
configuration(struct reading *r)
{
	const struct json *inference = json_get(r->body, "inferenceConfig");
	const struct json *more =
	    json_get(r->body, "additionalModelRequestFields");
	struct slice effort =
	    json_get_str(json_get(r->body, "outputConfig"), "effort");

	if (!extraneous(r, more))
		return false;
	if (r->claude && json_get(inference, "temperature") != NULL &&
	    json_get(inference, "topP") != NULL)
		return WRONG(r, "The model returned the following errors: "
				"`temperature` and `top_p` cannot both be "
				"specified for this model. Please use only "
				"one.");
	if (r->claude && !budget(r, inference))
		return false;
	if (effort.len > 0 && r->nova)
		return WRONG(r, "This model doesn't support outputConfig."
				"effort.");
	return format(r);
}

/* --- as a chat --------------------------------------------------------- */

static void
put_string(struct reading *r, const char *key, const struct json *value)
{
	struct buf b = { 0 };

	buf_add(&b, S(""));
	if (value != NULL && value->type == JSON_OBJECT) {
		/* As text: how it is spelled does not matter here. */
		filler_copy(&b, value);
		json_w_kstr(&r->out, key, buf_slice(&b));
	} else {
		json_w_kstr(&r->out, key, S("{}"));
	}
	buf_fini(&b);
}

static void
put_text_part(struct buf *b, struct slice text)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("text"));
	json_w_kstr(b, "text", text);
	json_w_end(b, '}');
}

/* A picture weighs what it weighs anywhere; a document by its bytes. */
static void
put_image(struct buf *b)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("image_url"));
	json_w_key(b, "image_url");
	json_w_raw(b, S("{\"url\":\"data:\"}"));
	json_w_end(b, '}');
}

static void
put_file(struct buf *b, const struct json *source)
{
	const struct json *list = json_get(source, "content"), *k;

	for (k = list ? list->child : NULL; k != NULL; k = k->next)
		put_text_part(b, json_get_str(k, "text"));
	if (json_get(source, "text") != NULL)
		put_text_part(b, json_get_str(source, "text"));
	if (json_get(source, "bytes") == NULL)
		return;
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("file"));
	json_w_key(b, "file");
	json_w_begin(b, '{');
	json_w_kstr(b, "file_data", json_get_str(source, "bytes"));
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static void
put_part(struct buf *b, const struct json *block)
{
	const struct json *j;

	if ((j = json_get(block, "text")) != NULL)
		put_text_part(b, j->text);
	else if ((j = json_get(block, "image")) != NULL)
		put_image(b);
	else if ((j = json_get(block, "document")) != NULL ||
		 (j = json_get(block, "audio")) != NULL ||
		 (j = json_get(block, "video")) != NULL)
		put_file(b, json_get(j, "source"));
	else if ((j = json_get(block, "guardContent")) != NULL)
		put_text_part(b, json_get_str(json_get(j, "text"), "text"));
}

static void
put_user(struct reading *r, const struct json *m, const char *role)
{
	const struct json *k;

	if (count_of(m, "toolResult") + count_of(m, "cachePoint") ==
	    json_get(m, "content")->n)
		return;
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "role", slice_of(role));
	json_w_key(&r->out, "content");
	json_w_begin(&r->out, '[');
	for (k = json_get(m, "content")->child; k != NULL; k = k->next)
		put_part(&r->out, k);
	json_w_end(&r->out, ']');
	json_w_end(&r->out, '}');
}

static void
put_result(struct reading *r, const struct json *result)
{
	const struct json *list = json_get(result, "content"), *k, *j;
	struct buf b = { 0 };

	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "role", S("tool"));
	json_w_kstr(&r->out, "tool_call_id", json_get_str(result, "toolUseId"));
	json_w_key(&r->out, "content");
	json_w_begin(&r->out, '[');
	for (k = list->child; k != NULL; k = k->next) {
		put_part(&r->out, k);
		if ((j = json_get(k, "json")) == NULL)
			continue;
		buf_clear(&b);
		filler_copy(&b, j);
		put_text_part(&r->out, buf_slice(&b));
	}
	json_w_end(&r->out, ']');
	json_w_end(&r->out, '}');
	buf_fini(&b);
}

static void
put_results(struct reading *r, const struct json *m)
{
	const struct json *k, *result;

	for (k = json_get(m, "content")->child; k != NULL; k = k->next)
		if ((result = json_get(k, "toolResult")) != NULL)
			put_result(r, result);
}

static void
put_call(struct reading *r, const struct json *use)
{
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "id", json_get_str(use, "toolUseId"));
	json_w_kstr(&r->out, "type", S("function"));
	json_w_key(&r->out, "function");
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "name", json_get_str(use, "name"));
	put_string(r, "arguments", json_get(use, "input"));
	json_w_end(&r->out, '}');
	json_w_end(&r->out, '}');
}

static void
put_assistant(struct reading *r, const struct json *m)
{
	const struct json *k, *use;
	struct buf text = { 0 };

	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "role", S("assistant"));
	for (k = json_get(m, "content")->child; k != NULL; k = k->next)
		buf_add(&text, json_get_str(k, "text"));
	json_w_kstr(&r->out, "content", buf_slice(&text));
	buf_fini(&text);
	if (count_of(m, "toolUse") > 0) {
		json_w_key(&r->out, "tool_calls");
		json_w_begin(&r->out, '[');
		for (k = json_get(m, "content")->child; k; k = k->next)
			if ((use = json_get(k, "toolUse")) != NULL)
				put_call(r, use);
		json_w_end(&r->out, ']');
	}
	json_w_end(&r->out, '}');
}

static void
put_messages(struct reading *r)
{
	const struct json *list = json_get(r->body, "messages"), *m;
	const struct json *system = json_get(r->body, "system"), *k;

	json_w_key(&r->out, "messages");
	json_w_begin(&r->out, '[');
	for (k = system ? system->child : NULL; k != NULL; k = k->next) {
		if (json_get(k, "text") == NULL)
			continue;
		json_w_begin(&r->out, '{');
		json_w_kstr(&r->out, "role", S("system"));
		json_w_kstr(&r->out, "content", json_get_str(k, "text"));
		json_w_end(&r->out, '}');
	}
	for (m = list ? list->child : NULL; m != NULL; m = m->next) {
		if (is_role(m, "assistant")) {
			put_assistant(r, m);
			continue;
		}
		/* Results last: what follows them is what is answered. */
		put_user(r, m, is_role(m, "system") ? "system" : "user");
		put_results(r, m);
	}
	json_w_end(&r->out, ']');
}

static void
put_choice(struct reading *r, const struct json *c)
{
	const struct json *forced = json_get(c, "tool");

	if (c == NULL)
		return;
	json_w_key(&r->out, "tool_choice");
	if (forced == NULL) {
		json_w_str(&r->out,
		    json_get(c, "any") != NULL ? S("required") : S("auto"));
		return;
	}
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "type", S("function"));
	json_w_key(&r->out, "function");
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "name", json_get_str(forced, "name"));
	json_w_end(&r->out, '}');
	json_w_end(&r->out, '}');
}

static void
put_tools(struct reading *r)
{
	const struct json *config = json_get(r->body, "toolConfig"), *k, *spec;

	if (config == NULL)
		return;
	json_w_key(&r->out, "tools");
	json_w_begin(&r->out, '[');
	for (k = json_get(config, "tools")->child; k != NULL; k = k->next) {
		if ((spec = spec_of(k)) == NULL)
			continue;
		json_w_begin(&r->out, '{');
		json_w_kstr(&r->out, "type", S("function"));
		json_w_key(&r->out, "function");
		json_w_begin(&r->out, '{');
		json_w_kstr(&r->out, "name", json_get_str(spec, "name"));
		json_w_kstr(
		    &r->out, "description", json_get_str(spec, "description"));
		json_w_key(&r->out, "parameters");
		filler_copy(
		    &r->out, json_get(json_get(spec, "inputSchema"), "json"));
		json_w_end(&r->out, '}');
		json_w_end(&r->out, '}');
	}
	json_w_end(&r->out, ']');
	put_choice(r, json_get(config, "toolChoice"));
}

/* How hard it thinks, in chat's words. */
static struct slice
effort(const struct reading *r)
{
	const struct json *more =
	    json_get(r->body, "additionalModelRequestFields");
	struct slice word =
	    json_get_str(json_get(r->body, "outputConfig"), "effort");
	struct slice type = json_get_str(thinking(r), "type");
	int64_t n = 0;

	if (word.len == 0)
		word = json_get_str(json_get(more, "output_config"), "effort");
	if (word.len == 0)
		word = json_get_str(more, "reasoning_effort");
	if (word.len == 0)
		word = json_get_str(
		    json_get(more, "reasoningConfig"), "maxReasoningEffort");
	if (!r->claude)
		return word;
	if (slice_eq(type, S("adaptive")))
		return word.len > 0 ? word : S("high");
	if (!slice_eq(type, S("enabled")))
		return S("none");
	(void)json_get_i64(thinking(r), "budget_tokens", &n);
	return n < 2048 ? S("low") : n < 8192 ? S("medium") : S("high");
}

static void
put_format(struct reading *r)
{
	const struct json *more =
	    json_get(r->body, "additionalModelRequestFields");
	const struct json *own = json_get(
	    json_get(json_get(more, "output_config"), "format"), "schema");
	struct slice text = format_text(r);

	if (text.len == 0 && own == NULL)
		return;
	json_w_key(&r->out, "response_format");
	json_w_begin(&r->out, '{');
	json_w_kstr(&r->out, "type", S("json_schema"));
	json_w_key(&r->out, "json_schema");
	json_w_begin(&r->out, '{');
	json_w_key(&r->out, "schema");
	if (text.len > 0)
		json_w_raw(&r->out, text);
	else
		filler_copy(&r->out, own);
	json_w_end(&r->out, '}');
	json_w_end(&r->out, '}');
}

static void
put_config(struct reading *r)
{
	const struct json *c = json_get(r->body, "inferenceConfig"), *k;
	const struct json *stop = json_get(c, "stopSequences");
	unsigned n = 0;
	int64_t v;

	if (json_get_i64(c, "maxTokens", &v) ||
	    json_get_i64(c, "max_new_tokens", &v))
		json_w_ki64(&r->out, "max_completion_tokens", v);
	json_w_kstr(&r->out, "reasoning_effort", effort(r));
	json_w_kstr(&r->out, "service_tier",
	    json_get_str(json_get(r->body, "serviceTier"), "type"));
	put_format(r);
	if (stop == NULL)
		return;
	json_w_key(&r->out, "stop");
	json_w_begin(&r->out, '[');
	for (k = stop->child; k != NULL && n++ < STOPS; k = k->next)
		json_w_str(&r->out, k->text);
	json_w_end(&r->out, ']');
}

static struct json *
as_chat(struct reading *r)
{
	struct json *tree = NULL;
	struct slice text;

	json_w_begin(&r->out, '{');
	if (r->order != NULL)
		json_w_kstr(&r->out, "model", r->order->name);
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
bedrock_count(struct arena *a, const struct json *body)
{
	struct reading r = { .arena = a, .body = body };

	return count_input(as_chat(&r));
}

/* --- what the answer must know of the request -------------------------- */

/* Of the input, what lies before the last cache marker; its ttl. */
static void
mark_cache(struct order *o, const struct json *body)
{
	const struct json *list = json_get(body, "messages"), *m, *k, *mark;
	int64_t bytes = 0, at = 0;

	k = json_get(body, "system");
	for (k = k ? k->child : NULL; k != NULL; k = k->next) {
		bytes += (int64_t)json_get_str(k, "text").len;
		if ((mark = json_get(k, "cachePoint")) != NULL) {
			at = bytes;
			o->aws.ttl = json_get_str(mark, "ttl");
		}
	}
	for (m = list ? list->child : NULL; m != NULL; m = m->next)
		for (k = json_get(m, "content")->child; k; k = k->next) {
			bytes += (int64_t)json_get_str(k, "text").len;
			if ((mark = json_get(k, "cachePoint")) == NULL)
				continue;
			at = bytes;
			o->aws.ttl = json_get_str(mark, "ttl");
		}
	o->aws.cache_write = at / 4;
}

static bool
cites(const struct json *body)
{
	const struct json *list = json_get(body, "messages"), *m, *k;

	for (m = list->child; m != NULL; m = m->next)
		for (k = json_get(m, "content")->child; k; k = k->next)
			if (json_get_bool(
				json_get(json_get(k, "document"), "citations"),
				"enabled", false))
				return true;
	return false;
}

static void
remember(struct order *o, const struct reading *r)
{
	const struct json *body = r->body;
	const struct json *path =
	    json_get(body, "additionalModelResponseFieldPaths");
	const struct json *guard = json_get(body, "guardrailConfig");

	mark_cache(o, body);
	o->aws.cites = cites(body);
	o->aws.hidden =
	    slice_eq(json_get_str(thinking(r), "display"), S("omitted"));
	o->aws.signs = r->claude;
	for (path = path ? path->child : NULL; path; path = path->next)
		o->aws.shows_stop |=
		    slice_eq(path->text, S("/stop_sequence")) ||
		    slice_eq(path->text, S("/delta/stop_sequence"));
	o->aws.trace = slice_starts(json_get_str(guard, "trace"), S("enabled"));
	o->aws.guarded = guard != NULL;
	o->aws.latency =
	    json_get_str(json_get(body, "performanceConfig"), "latency");
	o->aws.tier = json_get_str(json_get(body, "serviceTier"), "type");
}

static struct plan *
take(struct order *o, enum awsshape shape)
{
	struct reading r = { .order = o,
		.arena = &o->arena,
		.body = o->body,
		.claude = bedrock_is_claude(o->model),
		.nova = bedrock_is_nova(o->model) };

	if (!awsshape_check(r.arena, o->body, shape, &r.why) || !messages(&r) ||
	    !tools(&r) || !configuration(&r))
		return brand_refusal(VENUE_BEDROCK_NATIVE, &r.why);
	remember(o, &r);
	o->body = as_chat(&r);
	return NULL;
}

struct plan *
bedrock_read_converse(struct order *o)
{
	return take(o, AWSSHAPE_CONVERSE_REQUEST);
}

struct plan *
bedrock_read_nova(struct order *o)
{
	return take(o, AWSSHAPE_NOVA_REQUEST);
}

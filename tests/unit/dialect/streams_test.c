/*
 * Any events of any provider, told to a caller of any dialect: all 25 pairs.
 *
 * A provider here is a few templates that share nothing with the codecs; it
 * says a random answer in random pieces, blocks one after the other or all at
 * once, ends well, breaks off or fails, and says nonsense in between.  The
 * caller is a strict reader of his dialect, who knows what must never be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/json.h"
#include "dialect/codec.h"
#include "dialect/seal.h"
#include "http/eventstream.h"
#include "http/sse.h"

enum { PAIR_ROUNDS = 150, BLOCKS_MAX = 6, HEARD_MAX = 16 };

#define LONG_NAME \
	"mcp__a_server_with_a_name__a_tool_with_a_name_that_is_longer_than_" \
	"any_of_them_takes"

/* --- chance -------------------------------------------------------------- */

static uint64_t seed;

static unsigned
chance(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) +
	       UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % n;
}

/* --- what is said ---------------------------------------------------------
 */

struct block {
	enum part_kind kind;
	struct slice id, name, text;
	size_t at; /* so far */
	bool open, closed;
};

enum ending { END_WELL, END_CUT, END_ERROR };

struct talk {
	struct arena *a;
	unsigned n;
	struct block block[BLOCKS_MAX];
	enum stop_reason stop;
	uint64_t input, cached, output;
	bool noise, at_once;
	enum ending ending;
	struct buf text, thought; /* as it was said */
	struct buf wire;
	unsigned events;
};

static struct slice
some_text(void)
{
	static const char *const words[] = { "hello ", "w\xc3\xb6rld",
		"\"quoted\"\\", "\n\n", "data: x\n\n", "{\"a\":1}",
		"\xf0\x9f\x98\x80", "\t", "event: error\n", "[DONE]",
		"and so on and so on" };

	return slice_of(words[chance(NELEM(words))]);
}

static struct slice
some_args(void)
{
	static const char *const args[] = { "{}",
		"{\"city\":\"Z\xc3\xbcrich\"}",
		"{\"n\":12345678901234567890,\"l\":[1,2,{\"x\":null}]}",
		"{\"path\":\"/a\\\\b\",\"text\":\"\\n\\u00fc\"}" };

	return slice_of(args[chance(NELEM(args))]);
}

static void
some_block(struct talk *t, struct block *b)
{
	static const char *const names[] = { "f", "get_weather", LONG_NAME };
	struct buf text = { 0 };
	unsigned n = 1 + chance(4);

	b->kind = chance(2) == 0   ? PART_TOOL_CALL
		  : chance(3) == 0 ? PART_REASONING
				   : PART_TEXT;
	if (b->kind == PART_TOOL_CALL) {
		b->id = slice_of(arena_fmt(t->a, "call_%u", t->n));
		b->name = slice_of(names[chance(NELEM(names))]);
		b->text = some_args();
		return;
	}
	for (; n > 0; n--)
		buf_add(&text, some_text());
	b->text = arena_copy(t->a, buf_slice(&text));
	buf_fini(&text);
}

static unsigned
calls_of(const struct talk *t)
{
	unsigned i, n = 0;

	for (i = 0; i < t->n; i++)
		n += t->block[i].kind == PART_TOOL_CALL;
	return n;
}

static void
some_talk(struct talk *t, struct arena *a)
{
	unsigned n = chance(BLOCKS_MAX);

	*t = (struct talk){ .a = a };
	for (; t->n < n; t->n++)
		some_block(t, &t->block[t->n]);
	t->stop = chance(4) == 0                      ? STOP_LENGTH
		  : calls_of(t) > 0 && chance(2) == 0 ? STOP_TOOL
						      : STOP_END;
	t->input = 1000 + chance(1000);
	t->cached = chance(2) * chance(900);
	t->output = 10 + chance(5000);
	t->noise = chance(3) == 0;
	t->at_once = chance(2) == 0;
	t->ending = chance(6) == 0   ? END_CUT
		    : chance(6) == 0 ? END_ERROR
				     : END_WELL;
}

/* --- providers ------------------------------------------------------------
 */

/* A JSON text with every @ in turn a text, a raw text or a number. */
static struct slice
quoted(struct arena *a, struct slice text)
{
	struct buf b = { 0 };
	struct slice out;

	json_w_str(&b, text);
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

static const char *
q(struct talk *t, struct slice text)
{
	return arena_str(t->a, quoted(t->a, text));
}

static void
sse(struct talk *t, const char *name, const char *json)
{
	if (name != NULL)
		buf_fmt(&t->wire, "event: %s\n", name);
	buf_fmt(&t->wire, "data: %s\n\n", json);
	t->events++;
}

static void
aws(struct talk *t, const char *name, const char *json)
{
	eventstream_event(&t->wire, slice_of(name), slice_of(json));
	t->events++;
}

/* What a provider says; i is the block, and the index it has there. */
struct provider {
	const struct dialect *dialect;
	bool indexed; /* blocks may come at once, each with its index */
	void (*head)(struct talk *t);
	void (*open)(struct talk *t, unsigned i);
	void (*piece)(struct talk *t, unsigned i, const char *text);
	void (*close)(struct talk *t, unsigned i);
	void (*end)(struct talk *t);
	void (*error)(struct talk *t);
	void (*noise)(struct talk *t);
};

static const char *
provider_name(struct talk *t, const struct block *b)
{
	uint64_t lost = 0;

	return arena_str(t->a, codec_tool_name(t->a, b->name, &lost));
}

static void
chat_chunk(struct talk *t, const char *delta, const char *finish)
{
	sse(t, NULL,
	    arena_fmt(t->a,
		"{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\","
		"\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,"
		"\"delta\":%s,\"finish_reason\":%s}],\"obfuscation\":\"xy\"}",
		delta, finish));
}

static void
chat_head(struct talk *t)
{
	chat_chunk(t, "{\"role\":\"assistant\",\"content\":\"\"}", "null");
}

/* Calls have numbers of their own. */
static unsigned
call_number(const struct talk *t, unsigned i)
{
	unsigned k, n = 0;

	for (k = 0; k < i; k++)
		n += t->block[k].kind == PART_TOOL_CALL;
	return n;
}

static void
chat_open(struct talk *t, unsigned i)
{
	const struct block *b = &t->block[i];

	if (b->kind != PART_TOOL_CALL)
		return;
	chat_chunk(t,
	    arena_fmt(t->a,
		"{\"tool_calls\":[{\"index\":%u,\"id\":%s,\"type\":"
		"\"function\",\"function\":{\"name\":\"%s\",\"arguments\":"
		"\"\"}}]}",
		call_number(t, i), q(t, b->id), provider_name(t, b)),
	    "null");
}

static void
chat_piece(struct talk *t, unsigned i, const char *text)
{
	const struct block *b = &t->block[i];

	if (b->kind == PART_TOOL_CALL)
		chat_chunk(t,
		    arena_fmt(t->a,
			"{\"tool_calls\":[{\"index\":%u,\"function\":{"
			"\"arguments\":%s}}]}",
			call_number(t, i), text),
		    "null");
	else
		chat_chunk(t,
		    arena_fmt(t->a, "{\"%s\":%s}",
			b->kind == PART_TEXT ? "content" : "reasoning_content",
			text),
		    "null");
}

static void
no_close(struct talk *t, unsigned i)
{
	(void)t;
	(void)i;
}

static void
chat_end(struct talk *t)
{
	const char *usage = arena_fmt(t->a,
	    "{\"id\":\"chatcmpl-1\",\"choices\":[],\"usage\":{"
	    "\"prompt_tokens\":%llu,\"completion_tokens\":%llu,"
	    "\"total_tokens\":%llu,\"prompt_tokens_details\":{"
	    "\"cached_tokens\":%llu}}}",
	    (unsigned long long)t->input, (unsigned long long)t->output,
	    (unsigned long long)(t->input + t->output),
	    (unsigned long long)t->cached);
	const bool early = chance(4) == 0;

	if (early)
		sse(t, NULL, usage);
	chat_chunk(t, "{}",
	    t->stop == STOP_LENGTH ? "\"length\""
	    : t->stop == STOP_TOOL ? "\"tool_calls\""
				   : "\"stop\"");
	if (!early)
		sse(t, NULL, usage);
	if (chance(4) != 0)
		sse(t, NULL, "[DONE]");
}

static void
chat_error(struct talk *t)
{
	sse(t, NULL,
	    "{\"error\":{\"message\":\"It broke.\",\"type\":"
	    "\"server_error\",\"code\":null,\"param\":null}}");
}

static void
chat_noise(struct talk *t)
{
	buf_str(&t->wire, ": keep-alive\n\n");
	chat_chunk(t, "{\"role\":\"assistant\",\"odd\":[1]}", "null");
}

static void
claude_head(struct talk *t)
{
	sse(t, "message_start",
	    arena_fmt(t->a,
		"{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\","
		"\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","
		"\"content\":[],\"stop_reason\":null,\"usage\":{"
		"\"input_tokens\":%llu,\"cache_read_input_tokens\":%llu,"
		"\"output_tokens\":1}}}",
		(unsigned long long)(t->input - t->cached),
		(unsigned long long)t->cached));
}

static void
claude_open(struct talk *t, unsigned i)
{
	const struct block *b = &t->block[i];
	const char *start =
	    b->kind == PART_TEXT ? "{\"type\":\"text\",\"text\":\"\"}"
	    : b->kind == PART_REASONING
		? "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":"
		  "\"\"}"
		: arena_fmt(t->a,
		      "{\"type\":\"tool_use\",\"id\":%s,\"name\":\"%s\","
		      "\"input\":{}}",
		      q(t, b->id), provider_name(t, b));

	sse(t, "content_block_start",
	    arena_fmt(t->a,
		"{\"type\":\"content_block_start\",\"index\":%u,"
		"\"content_block\":%s}",
		i, start));
}

static void
claude_delta(struct talk *t, unsigned i, const char *type, const char *key,
    const char *text)
{
	sse(t, "content_block_delta",
	    arena_fmt(t->a,
		"{\"type\":\"content_block_delta\",\"index\":%u,\"delta\":{"
		"\"type\":\"%s\",\"%s\":%s}}",
		i, type, key, text));
}

static void
claude_piece(struct talk *t, unsigned i, const char *text)
{
	const enum part_kind kind = t->block[i].kind;

	if (kind == PART_TEXT)
		claude_delta(t, i, "text_delta", "text", text);
	else if (kind == PART_REASONING)
		claude_delta(t, i, "thinking_delta", "thinking", text);
	else
		claude_delta(t, i, "input_json_delta", "partial_json", text);
}

static void
claude_close(struct talk *t, unsigned i)
{
	if (t->block[i].kind == PART_REASONING)
		claude_delta(
		    t, i, "signature_delta", "signature", "\"c2lnbmVk\"");
	sse(t, "content_block_stop",
	    arena_fmt(
		t->a, "{\"type\":\"content_block_stop\",\"index\":%u}", i));
}

static void
claude_end(struct talk *t)
{
	sse(t, "message_delta",
	    arena_fmt(t->a,
		"{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
		"\"%s\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":"
		"%llu}}",
		t->stop == STOP_LENGTH ? "max_tokens"
		: t->stop == STOP_TOOL ? "tool_use"
				       : "end_turn",
		(unsigned long long)t->output));
	sse(t, "message_stop", "{\"type\":\"message_stop\"}");
	if (t->noise)
		sse(t, "message_stop", "{\"type\":\"message_stop\"}");
}

static void
claude_error(struct talk *t)
{
	sse(t, "error",
	    "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
	    "\"message\":\"It broke.\"}}");
}

static void
claude_noise(struct talk *t)
{
	sse(t, "ping", "{\"type\":\"ping\"}");
	sse(t, "new_event", "{\"type\":\"new_event\",\"x\":1}");
	sse(t, "content_block_stop",
	    "{\"type\":\"content_block_stop\",\"index\":77}");
	sse(t, "content_block_delta",
	    "{\"type\":\"content_block_delta\",\"index\":77,\"delta\":{"
	    "\"type\":\"text_delta\",\"text\":\"of no block\"}}");
}

static void
resp(struct talk *t, const char *type, const char *rest)
{
	sse(t, type,
	    arena_fmt(t->a, "{\"type\":\"%s\",\"sequence_number\":%u%s}", type,
		t->events, rest));
}

static void
resp_head(struct talk *t)
{
	resp(t, "response.created",
	    ",\"response\":{\"id\":\"resp_1\",\"object\":\"response\","
	    "\"status\":\"in_progress\",\"model\":\"m\",\"output\":[]}");
}

static const char *
resp_item(struct talk *t, unsigned i, struct slice text)
{
	const struct block *b = &t->block[i];

	if (b->kind == PART_TOOL_CALL)
		return arena_fmt(t->a,
		    "{\"type\":\"function_call\",\"id\":\"fc_%u\","
		    "\"call_id\":%s,\"name\":\"%s\",\"arguments\":%s}",
		    i, q(t, b->id), provider_name(t, b), q(t, text));
	if (b->kind == PART_REASONING)
		return arena_fmt(t->a,
		    "{\"type\":\"reasoning\",\"id\":\"rs_%u\",\"summary\":[{"
		    "\"type\":\"summary_text\",\"text\":%s}],"
		    "\"encrypted_content\":\"ZW5j\"}",
		    i, q(t, text));
	return arena_fmt(t->a,
	    "{\"type\":\"message\",\"id\":\"msg_%u\",\"role\":\"assistant\","
	    "\"content\":[{\"type\":\"output_text\",\"text\":%s,"
	    "\"annotations\":[]}]}",
	    i, q(t, text));
}

static void
resp_open(struct talk *t, unsigned i)
{
	resp(t, "response.output_item.added",
	    arena_fmt(t->a, ",\"output_index\":%u,\"item\":%s", i,
		resp_item(t, i, S(""))));
	if (t->block[i].kind == PART_TEXT)
		resp(t, "response.content_part.added",
		    arena_fmt(t->a,
			",\"output_index\":%u,\"content_index\":0,\"part\":{"
			"\"type\":\"output_text\",\"text\":\"\"}",
			i));
}

static void
resp_piece(struct talk *t, unsigned i, const char *text)
{
	static const char *const type[] = {
		[PART_TEXT] = "response.output_text.delta",
		[PART_REASONING] = "response.reasoning_summary_text.delta",
		[PART_TOOL_CALL] = "response.function_call_arguments.delta",
	};

	resp(t, type[t->block[i].kind],
	    arena_fmt(t->a,
		",\"output_index\":%u,\"content_index\":0,\"delta\":%s", i,
		text));
}

static void
resp_close(struct talk *t, unsigned i)
{
	const struct block *b = &t->block[i];

	if (b->kind == PART_TEXT && chance(2) == 0)
		resp(t, "response.content_part.done",
		    arena_fmt(t->a,
			",\"output_index\":%u,\"content_index\":0,\"part\":{"
			"\"type\":\"output_text\",\"text\":%s,\"annotations\":"
			"[]}",
			i, q(t, b->text)));
	resp(t, "response.output_item.done",
	    arena_fmt(t->a, ",\"output_index\":%u,\"item\":%s", i,
		resp_item(t, i, b->text)));
}

static void
resp_end(struct talk *t)
{
	const bool cut = t->stop == STOP_LENGTH;

	resp(t, cut ? "response.incomplete" : "response.completed",
	    arena_fmt(t->a,
		",\"response\":{\"id\":\"resp_1\",\"status\":\"%s\","
		"\"incomplete_details\":%s,\"model\":\"m\",\"output\":[],"
		"\"usage\":{\"input_tokens\":%llu,\"input_tokens_details\":{"
		"\"cached_tokens\":%llu},\"output_tokens\":%llu,"
		"\"output_tokens_details\":{\"reasoning_tokens\":0},"
		"\"total_tokens\":%llu}}",
		cut ? "incomplete" : "completed",
		cut ? "{\"reason\":\"max_output_tokens\"}" : "null",
		(unsigned long long)t->input, (unsigned long long)t->cached,
		(unsigned long long)t->output,
		(unsigned long long)(t->input + t->output)));
}

static void
resp_error(struct talk *t)
{
	resp(t, "response.failed",
	    ",\"response\":{\"id\":\"resp_1\",\"status\":\"failed\",\"error\":"
	    "{\"code\":\"server_error\",\"message\":\"It broke.\"}}");
}

static void
resp_noise(struct talk *t)
{
	resp(t, "response.in_progress", "");
	resp(t, "response.something_new", ",\"output_index\":0");
	resp(t, "response.function_call_arguments.delta",
	    ",\"output_index\":99,\"delta\":\"of no call\"");
}

static void
converse_head(struct talk *t)
{
	aws(t, "messageStart", "{\"role\":\"assistant\",\"p\":\"abc\"}");
}

static void
converse_open(struct talk *t, unsigned i)
{
	const struct block *b = &t->block[i];

	if (b->kind == PART_TOOL_CALL)
		aws(t, "contentBlockStart",
		    arena_fmt(t->a,
			"{\"contentBlockIndex\":%u,\"start\":{\"toolUse\":{"
			"\"toolUseId\":%s,\"name\":\"%s\"}}}",
			i, q(t, b->id), provider_name(t, b)));
}

static void
converse_piece(struct talk *t, unsigned i, const char *text)
{
	static const char *const form[] = {
		[PART_TEXT] = "{\"text\":%s}",
		[PART_REASONING] = "{\"reasoningContent\":{\"text\":%s}}",
		[PART_TOOL_CALL] = "{\"toolUse\":{\"input\":%s}}",
	};
	struct buf b = { 0 };
	const char *at = strchr(form[t->block[i].kind], '%');

	buf_add(&b, (struct slice){ form[t->block[i].kind],
			(size_t)(at - form[t->block[i].kind]) });
	buf_str(&b, text);
	buf_str(&b, at + 2);
	aws(t, "contentBlockDelta",
	    arena_fmt(t->a, "{\"contentBlockIndex\":%u,\"delta\":%s}", i,
		buf_cstr(&b)));
	buf_fini(&b);
}

static void
converse_close(struct talk *t, unsigned i)
{
	if (t->block[i].kind == PART_REASONING)
		aws(t, "contentBlockDelta",
		    arena_fmt(t->a,
			"{\"contentBlockIndex\":%u,\"delta\":{"
			"\"reasoningContent\":{\"signature\":\"c2ln\"}}}",
			i));
	aws(t, "contentBlockStop",
	    arena_fmt(t->a, "{\"contentBlockIndex\":%u}", i));
}

static void
converse_end(struct talk *t)
{
	aws(t, "messageStop",
	    arena_fmt(t->a, "{\"stopReason\":\"%s\"}",
		t->stop == STOP_LENGTH ? "max_tokens"
		: t->stop == STOP_TOOL ? "tool_use"
				       : "end_turn"));
	aws(t, "metadata",
	    arena_fmt(t->a,
		"{\"usage\":{\"inputTokens\":%llu,\"outputTokens\":%llu,"
		"\"totalTokens\":%llu,\"cacheReadInputTokens\":%llu},"
		"\"metrics\":{\"latencyMs\":1}}",
		(unsigned long long)(t->input - t->cached),
		(unsigned long long)t->output,
		(unsigned long long)(t->input + t->output),
		(unsigned long long)t->cached));
}

static void
converse_error(struct talk *t)
{
	eventstream_exception(&t->wire, S("modelStreamErrorException"),
	    S("{\"message\":\"It broke.\"}"));
}

static void
converse_noise(struct talk *t)
{
	aws(t, "somethingNew", "{\"x\":1}");
	aws(t, "contentBlockStop", "{\"contentBlockIndex\":77}");
}

static void
google(struct talk *t, const char *parts, const char *rest)
{
	buf_fmt(&t->wire,
	    "data: {\"candidates\":[{\"content\":{\"role\":\"model\","
	    "\"parts\":[%s]},\"index\":0%s}],\"usageMetadata\":{"
	    "\"promptTokenCount\":%llu,\"cachedContentTokenCount\":%llu,"
	    "\"candidatesTokenCount\":%llu,\"totalTokenCount\":%llu},"
	    "\"modelVersion\":\"m\",\"responseId\":\"r1\"}\r\n\r\n",
	    parts, rest, (unsigned long long)t->input,
	    (unsigned long long)t->cached, (unsigned long long)t->output,
	    (unsigned long long)(t->input + t->output));
	t->events++;
}

static void
google_head(struct talk *t)
{
	(void)t;
}

static void
google_piece(struct talk *t, unsigned i, const char *text)
{
	if (t->block[i].kind != PART_TOOL_CALL)
		google(t,
		    arena_fmt(t->a, "{\"text\":%s%s}", text,
			t->block[i].kind == PART_REASONING ? ",\"thought\":true"
							   : ""),
		    "");
}

static void
google_close(struct talk *t, unsigned i)
{
	const struct block *b = &t->block[i];

	if (b->kind == PART_TOOL_CALL)
		google(t,
		    arena_fmt(t->a,
			"{\"functionCall\":{\"id\":%s,\"name\":\"%s\",\"args\":"
			"%.*s},\"thoughtSignature\":\"Z29vZ2xl\"}",
			q(t, b->id), provider_name(t, b), S_FMT(b->text)),
		    "");
}

static void
google_end(struct talk *t)
{
	google(t, "{\"text\":\"\"}",
	    t->stop == STOP_LENGTH ? ",\"finishReason\":\"MAX_TOKENS\""
				   : ",\"finishReason\":\"STOP\"");
}

static void
google_error(struct talk *t)
{
	buf_str(&t->wire,
	    "data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\","
	    "\"message\":\"It broke.\"}}\r\n\r\n");
}

static void
google_noise(struct talk *t)
{
	google(t, "{\"text\":\"\"}", "");
	google(t, "{\"newPart\":{}}", "");
}

static const struct provider providers[] = {
	{ &dialect_openai_chat, false, chat_head, chat_open, chat_piece,
	    no_close, chat_end, chat_error, chat_noise },
	{ &dialect_anthropic, true, claude_head, claude_open, claude_piece,
	    claude_close, claude_end, claude_error, claude_noise },
	{ &dialect_openai_responses, true, resp_head, resp_open, resp_piece,
	    resp_close, resp_end, resp_error, resp_noise },
	{ &dialect_bedrock, true, converse_head, converse_open, converse_piece,
	    converse_close, converse_end, converse_error, converse_noise },
	{ &dialect_gemini, false, google_head, no_close, google_piece,
	    google_close, google_end, google_error, google_noise },
};

/* --- a random order of it -------------------------------------------------
 */

static void
note(struct talk *t, const struct block *b, struct slice text)
{
	if (b->kind == PART_TEXT)
		buf_add(&t->text, text);
	else if (b->kind == PART_REASONING)
		buf_add(&t->thought, text);
}

/* A few whole characters of what is left. */
static void
say_piece(struct talk *t, const struct provider *p, unsigned i)
{
	struct block *b = &t->block[i];
	size_t n = 1 + chance((unsigned)(b->text.len - b->at));
	struct slice text;

	while (b->at + n < b->text.len && (b->text.p[b->at + n] & 0xc0) == 0x80)
		n++;
	text = (struct slice){ b->text.p + b->at, n };
	p->piece(t, i, q(t, text));
	if (!p->indexed)
		note(t, b, text);
	b->at += n;
}

/* Which block is to go on: the first, or any that is open or next. */
static unsigned
next_block(const struct talk *t, const struct provider *p)
{
	unsigned may[BLOCKS_MAX], n = 0, i;
	/* Calls of chat have indexes, its texts have none. */
	const bool at_once = t->at_once && p->dialect != &dialect_gemini;

	for (i = 0; i < t->n && (n == 0 || at_once); i++) {
		if (!t->block[i].closed)
			may[n++] = i;
		if (!t->block[i].open)
			break;
	}
	return may[chance(n)];
}

static void
go_on(struct talk *t, const struct provider *p)
{
	const unsigned i = next_block(t, p);
	struct block *b = &t->block[i];

	if (!b->open) {
		p->open(t, i);
		b->open = true;
		/* Bedrock's texts begin with their first piece. */
		if (p->dialect == &dialect_bedrock && b->kind != PART_TOOL_CALL)
			say_piece(t, p, i);
	} else if (b->at < b->text.len) {
		say_piece(t, p, i);
	} else {
		p->close(t, i);
		b->closed = true;
	}
}

static bool
all_closed(const struct talk *t)
{
	unsigned i;

	for (i = 0; i < t->n; i++) {
		if (!t->block[i].closed)
			return false;
	}
	return true;
}

static void
say(struct talk *t, const struct provider *p)
{
	unsigned steps = chance(40), i;

	p->head(t);
	while (!all_closed(t)) {
		if (t->ending != END_WELL && steps-- == 0)
			break;
		if (t->noise && chance(4) == 0)
			p->noise(t);
		go_on(t, p);
	}
	for (i = 0; i < t->n && p->indexed; i++)
		note(t, &t->block[i], t->block[i].text);
	if (t->ending == END_WELL)
		p->end(t);
	else if (t->ending == END_ERROR)
		p->error(t);
}

/* --- callers --------------------------------------------------------------
 */

struct call {
	struct slice id, name;
	struct buf args;
};

/* What a caller has heard, and where his stream stands. */
struct heard {
	struct arena *a;
	const char *who;
	struct buf text, thought;
	unsigned ncalls;
	struct call call[HEARD_MAX];
	struct slice stop;
	uint64_t input, output;
	bool has_usage;
	unsigned events, blocks;
	int open;          /* index of the open block, or -1 */
	struct slice kind; /* of the open block */
	bool said;         /* anything of it */
	bool stopped, over, failed;
	struct buf items; /* responses: the items that were done */
};

static const char *pair; /* for failures */

static void
must(const struct heard *h, bool what, const char *law)
{
	if (!what)
		fail_msg("%s, event %u (%s): %s", pair, h->events, h->who, law);
}

static int64_t
number(const struct json *j, const char *key)
{
	int64_t v = -1;

	(void)json_get_i64(j, key, &v);
	return v;
}

static const struct json *
first(const struct json *j, const char *key)
{
	const struct json *list = json_get(j, key);

	return list != NULL ? list->child : NULL;
}

static struct call *
new_call(struct heard *h, struct slice id, struct slice name)
{
	unsigned i;

	must(h, h->ncalls < HEARD_MAX, "calls without end");
	must(h, id.len > 0 && name.len > 0, "a call has an id and a name");
	for (i = 0; i < h->ncalls; i++)
		must(h, !slice_eq(h->call[i].id, id), "one id, two calls");
	h->call[h->ncalls].id = arena_copy(h->a, id);
	h->call[h->ncalls].name = arena_copy(h->a, name);
	return &h->call[h->ncalls++];
}

static void
hear_tool_chunk(struct heard *h, const struct json *j)
{
	const struct json *f = json_get(j, "function");
	const int64_t index = number(j, "index");

	must(h, index >= 0 && index <= (int64_t)h->ncalls,
	    "indexes have no gaps");
	if (index == (int64_t)h->ncalls) {
		must(h, slice_eq(json_get_str(j, "type"), S("function")),
		    "a call has a type");
		/* Behind it ride the thoughts before it. */
		new_call(h,
		    seal_id_read(h->a, json_get_str(j, "id"), NULL, NULL),
		    json_get_str(f, "name"));
	}
	must(h, index == (int64_t)h->ncalls - 1, "an earlier call goes on");
	buf_add(&h->call[index].args, json_get_str(f, "arguments"));
}

static void
hear_chat(
    struct heard *h, struct slice name, struct slice data, const struct json *j)
{
	const struct json *c = first(j, "choices"), *d, *k;

	must(h, name.len == 0, "chat names no events");
	if (slice_eq(data, S("[DONE]"))) {
		must(h, h->stopped, "[DONE] stands behind a finish_reason");
		h->over = true;
		return;
	}
	must(h, number(j, "created") >= 0, "chunks have a time");
	if (c == NULL) {
		k = json_get(j, "usage");
		must(h, h->stopped && k != NULL, "usage comes last");
		h->input = (uint64_t)number(k, "prompt_tokens");
		h->output = (uint64_t)number(k, "completion_tokens");
		h->has_usage = true;
		return;
	}
	must(h, !h->stopped, "nothing behind the finish_reason");
	d = json_get(c, "delta");
	must(h,
	    h->events > 0 || slice_eq(json_get_str(d, "role"), S("assistant")),
	    "the first chunk says the role");
	buf_add(&h->text, json_get_str(d, "content"));
	buf_add(&h->thought, json_get_str(d, "reasoning_content"));
	for (k = first(d, "tool_calls"); k != NULL; k = k->next) {
		if (json_get(k, "extra_content") == NULL ||
		    json_get(k, "function") != NULL)
			hear_tool_chunk(h, k);
	}
	if (json_get_str(c, "finish_reason").len > 0) {
		h->stopped = true;
		h->stop = arena_copy(h->a, json_get_str(c, "finish_reason"));
	}
}

static bool
is(const struct json *j, const char *key, const char *text)
{
	return slice_eq(json_get_str(j, key), slice_of(text));
}

static void
begin_block(struct heard *h, int64_t index, struct slice kind)
{
	must(h, h->open < 0, "two blocks are open");
	must(h, index == (int64_t)h->blocks, "block indexes have no gaps");
	h->open = (int)index;
	h->kind = arena_copy(h->a, kind);
	h->said = false;
}

static void
hear_claude_delta(struct heard *h, const struct json *d)
{
	static const struct {
		const char *kind, *type, *key;
	} row[] = { { "text", "text_delta", "text" },
		{ "thinking", "thinking_delta", "thinking" },
		{ "tool_use", "input_json_delta", "partial_json" },
		{ "thinking", "signature_delta", "signature" },
		{ "text", "citations_delta", "citation" } };
	struct slice text = S("");
	size_t i;

	for (i = 0; i < NELEM(row); i++) {
		if (slice_eq(h->kind, slice_of(row[i].kind)) &&
		    is(d, "type", row[i].type))
			break;
	}
	must(h, i < NELEM(row), "a delta of another kind than its block");
	h->said = true;
	text = json_get_str(d, row[i].key);
	if (i == 0)
		buf_add(&h->text, text);
	else if (i == 1)
		buf_add(&h->thought, text);
	else if (i == 2)
		buf_add(&h->call[h->ncalls - 1].args, text);
}

static void
hear_claude_end(struct heard *h, const struct json *j)
{
	const struct json *u = json_get(j, "usage");

	must(h, h->open < 0 && !h->stopped, "one end, behind all blocks");
	h->stopped = true;
	h->stop =
	    arena_copy(h->a, json_get_str(json_get(j, "delta"), "stop_reason"));
	must(h, h->stop.len > 0, "an end has a reason");
	h->output = (uint64_t)number(u, "output_tokens");
	h->input = (uint64_t)(number(u, "input_tokens") +
			      number(u, "cache_read_input_tokens"));
	h->has_usage = true;
}

static void
hear_claude(
    struct heard *h, struct slice name, struct slice data, const struct json *j)
{
	const struct json *b = json_get(j, "content_block");

	(void)data;
	must(h, slice_eq(name, json_get_str(j, "type")), "events have names");
	if (is(j, "type", "ping"))
		return;
	if (h->events == 0) {
		must(h, is(j, "type", "message_start"), "how it begins");
		must(h,
		    number(json_get(json_get(j, "message"), "usage"),
			"input_tokens") > 0,
		    "clients measure the context by message_start");
	} else if (is(j, "type", "content_block_start")) {
		begin_block(h, number(j, "index"), json_get_str(b, "type"));
		if (is(b, "type", "tool_use"))
			new_call(
			    h, json_get_str(b, "id"), json_get_str(b, "name"));
	} else if (is(j, "type", "content_block_delta")) {
		must(h, h->open == number(j, "index"), "whose delta is it?");
		hear_claude_delta(h, json_get(j, "delta"));
	} else if (is(j, "type", "content_block_stop")) {
		must(h, h->open == number(j, "index"), "two stops");
		must(h, h->said || !slice_eq(h->kind, S("text")),
		    "an empty text");
		h->open = -1;
		h->blocks++;
	} else if (is(j, "type", "message_delta")) {
		hear_claude_end(h, j);
	} else {
		must(h, is(j, "type", "message_stop") && h->stopped,
		    "an event of no kind");
		h->over = true;
	}
}

static void
resp_part(struct heard *h, const struct json *item)
{
	if (is(item, "type", "function_call"))
		new_call(h, json_get_str(item, "call_id"),
		    json_get_str(item, "name"));
}

static void
resp_item_done(struct heard *h, const struct json *item)
{
	struct buf b = { 0 };

	if (is(item, "type", "function_call"))
		must(h,
		    slice_eq(json_get_str(item, "arguments"),
			buf_slice(&h->call[h->ncalls - 1].args)),
		    "what is done is what was streamed");
	json_w_tree(&b, item);
	if (h->items.len > 0)
		buf_char(&h->items, ',');
	buf_add(&h->items, buf_slice(&b));
	buf_fini(&b);
	h->open = -1;
	h->blocks++;
}

static void
resp_over(struct heard *h, const struct json *r)
{
	const struct json *u = json_get(r, "usage");
	struct buf all = { 0 }, got = { 0 };

	must(h, h->open < 0, "all items are done");
	buf_char(&all, '[');
	buf_add(&all, buf_slice(&h->items));
	buf_char(&all, ']');
	json_w_tree(&got, json_get(r, "output"));
	must(h, slice_eq(buf_slice(&all), buf_slice(&got)),
	    "the end repeats all items");
	buf_fini(&all);
	buf_fini(&got);
	h->stop = arena_copy(h->a, json_get_str(r, "status"));
	h->stopped = h->over = true;
	if (u == NULL || u->type != JSON_OBJECT)
		return;
	h->input = (uint64_t)number(u, "input_tokens");
	h->output = (uint64_t)number(u, "output_tokens");
	h->has_usage = true;
}

static void
hear_responses(
    struct heard *h, struct slice name, struct slice data, const struct json *j)
{
	const struct slice delta = json_get_str(j, "delta");

	(void)data;
	must(h, slice_eq(name, json_get_str(j, "type")), "events have names");
	must(h, number(j, "sequence_number") == (int64_t)h->events,
	    "events are numbered");
	if (h->events < 2) {
		must(h,
		    is(j, "type",
			h->events == 0 ? "response.created"
				       : "response.in_progress"),
		    "how it begins");
		return;
	}
	if (json_get(j, "output_index") != NULL &&
	    !is(j, "type", "response.output_item.added"))
		must(h, number(j, "output_index") == h->open,
		    "whose event is it?");
	if (is(j, "type", "response.output_item.added")) {
		begin_block(h, number(j, "output_index"),
		    json_get_str(json_get(j, "item"), "type"));
		resp_part(h, json_get(j, "item"));
	} else if (is(j, "type", "response.output_text.delta")) {
		buf_add(&h->text, delta);
	} else if (is(j, "type", "response.reasoning_summary_text.delta")) {
		buf_add(&h->thought, delta);
	} else if (is(j, "type", "response.function_call_arguments.delta")) {
		buf_add(&h->call[h->ncalls - 1].args, delta);
	} else if (is(j, "type", "response.output_item.done")) {
		resp_item_done(h, json_get(j, "item"));
	} else if (is(j, "type", "response.completed") ||
		   is(j, "type", "response.incomplete")) {
		resp_over(h, json_get(j, "response"));
	}
}

static void
hear_converse_delta(struct heard *h, const struct json *j)
{
	const struct json *d = json_get(j, "delta"), *k;
	const int64_t index = number(j, "contentBlockIndex");
	const bool tool = json_get(d, "toolUse") != NULL;

	if (h->open < 0 && !tool)
		begin_block(h, index, S("text or thought"));
	must(h, h->open == index, "whose delta is it?");
	must(h, tool == slice_eq(h->kind, S("toolUse")),
	    "a delta of another kind than its block");
	if (tool)
		buf_add(&h->call[h->ncalls - 1].args,
		    json_get_str(json_get(d, "toolUse"), "input"));
	else if ((k = json_get(d, "reasoningContent")) != NULL)
		buf_add(&h->thought, json_get_str(k, "text"));
	else
		buf_add(&h->text, json_get_str(d, "text"));
}

static void
hear_converse(
    struct heard *h, struct slice name, struct slice data, const struct json *j)
{
	const struct json *use = json_get(json_get(j, "start"), "toolUse");

	(void)data;
	must(h, (h->events == 0) == slice_eq(name, S("messageStart")),
	    "how it begins");
	must(h, !h->stopped || slice_eq(name, S("metadata")),
	    "only metadata behind the stop");
	if (slice_eq(name, S("contentBlockStart"))) {
		must(h, use != NULL, "only tools have a start");
		begin_block(h, number(j, "contentBlockIndex"), S("toolUse"));
		new_call(h, json_get_str(use, "toolUseId"),
		    json_get_str(use, "name"));
	} else if (slice_eq(name, S("contentBlockDelta"))) {
		hear_converse_delta(h, j);
	} else if (slice_eq(name, S("contentBlockStop"))) {
		must(h, h->open == number(j, "contentBlockIndex"),
		    "a stop of what is not open");
		h->open = -1;
		h->blocks++;
	} else if (slice_eq(name, S("messageStop"))) {
		must(h, h->open < 0, "all blocks are closed");
		h->stopped = true;
		h->stop = arena_copy(h->a, json_get_str(j, "stopReason"));
	} else if (slice_eq(name, S("metadata"))) {
		must(h, h->stopped, "metadata is the last");
		j = json_get(j, "usage");
		h->input = (uint64_t)number(j, "inputTokens");
		if (number(j, "cacheReadInputTokens") > 0)
			h->input += (uint64_t)number(j, "cacheReadInputTokens");
		h->output = (uint64_t)number(j, "outputTokens");
		h->has_usage = h->over = true;
	} else {
		must(h, slice_eq(name, S("messageStart")), "no such event");
	}
}

static void
hear_google_part(struct heard *h, const struct json *p)
{
	const struct json *call = json_get(p, "functionCall");
	struct call *c;

	if (call != NULL) {
		must(h, json_get(call, "args")->type == JSON_OBJECT,
		    "args are whole");
		c = new_call(
		    h, json_get_str(call, "id"), json_get_str(call, "name"));
		json_w_tree(&c->args, json_get(call, "args"));
	} else {
		must(h, json_get(p, "text") != NULL, "a part says something");
		buf_add(
		    json_get_bool(p, "thought", false) ? &h->thought : &h->text,
		    json_get_str(p, "text"));
	}
}

static void
hear_google(
    struct heard *h, struct slice name, struct slice data, const struct json *j)
{
	const struct json *c = first(j, "candidates"), *p, *u;

	(void)data;
	must(h, name.len == 0, "Gemini names no events");
	must(h, c != NULL && !h->over, "chunks have a candidate");
	for (p = first(json_get(c, "content"), "parts"); p != NULL; p = p->next)
		hear_google_part(h, p);
	u = json_get(j, "usageMetadata");
	if (u != NULL) {
		h->input = (uint64_t)number(u, "promptTokenCount");
		h->output = (uint64_t)(number(u, "totalTokenCount") -
				       number(u, "promptTokenCount"));
		h->has_usage = true;
	}
	if (json_get_str(c, "finishReason").len > 0) {
		h->stop = arena_copy(h->a, json_get_str(c, "finishReason"));
		h->stopped = h->over = true;
	}
}

typedef void hear_f(struct heard *h, struct slice name, struct slice data,
    const struct json *j);

static const struct caller {
	const struct dialect *dialect;
	hear_f *hear;
	/* Words for stop, length, tool. */
	const char *end, *length, *tool;
} callers[] = {
	{ &dialect_openai_chat, hear_chat, "stop", "length", "tool_calls" },
	{ &dialect_anthropic, hear_claude, "end_turn", "max_tokens",
	    "tool_use" },
	{ &dialect_openai_responses, hear_responses, "completed", "incomplete",
	    "completed" },
	{ &dialect_bedrock, hear_converse, "end_turn", "max_tokens",
	    "tool_use" },
	{ &dialect_gemini, hear_google, "STOP", "MAX_TOKENS", "STOP" },
};

struct listener {
	const struct caller *caller;
	struct heard *h;
};

static bool
is_failure(const struct json *j, struct slice name)
{
	return json_get(j, "error") != NULL ||
	       slice_eq(name, S("response.failed")) ||
	       slice_eq(name, S("error"));
}

static void
listen(struct listener *l, struct slice name, struct slice data)
{
	struct arena a = { 0 };
	struct json *j = NULL;

	must(l->h, !l->h->over && !l->h->failed, "nothing behind the end");
	if (!slice_eq(data, S("[DONE]")))
		must(l->h, json_parse(&a, data, &j) == FAULT_NONE,
		    "an event is JSON");
	if (j != NULL && is_failure(j, name))
		l->h->failed = true;
	else
		l->caller->hear(l->h, name, data, j);
	if (!slice_eq(name, S("ping")))
		l->h->events++;
	arena_fini(&a);
}

static bool
on_heard_sse(void *arg, const struct sse_event *e)
{
	listen(arg, e->type, e->data);
	return true;
}

static bool
on_heard_message(void *arg, const struct eventstream_message *m)
{
	struct listener *l = arg;

	if (slice_eq(m->kind, S("exception"))) {
		must(l->h, !l->h->over && !l->h->failed,
		    "nothing behind the end");
		l->h->failed = true;
	} else {
		listen(l, m->event, m->payload);
	}
	return true;
}

static void
hear_all(struct heard *h, const struct caller *c, struct slice bytes)
{
	struct listener l = { c, h };
	struct eventstream es = { .max = SIZE_MAX };
	struct sse s = { .max = SIZE_MAX };

	h->open = -1;
	h->who = c->dialect->name;
	if (c->dialect->framing == FRAMING_SSE) {
		assert_int_equal(
		    sse_feed(&s, bytes, on_heard_sse, NULL, &l), FAULT_NONE);
		must(h, s.tail.len == 0, "whole events");
	} else {
		assert_int_equal(
		    eventstream_feed(&es, bytes, on_heard_message, NULL, &l),
		    FAULT_NONE);
		must(h, eventstream_end(&es) == FAULT_NONE, "whole messages");
	}
	sse_fini(&s);
	eventstream_fini(&es);
}

static void
heard_fini(struct heard *h)
{
	unsigned i;

	buf_fini(&h->text);
	buf_fini(&h->thought);
	buf_fini(&h->items);
	for (i = 0; i < h->ncalls; i++)
		buf_fini(&h->call[i].args);
}

/* --- between them, as the gateway does ------------------------------------
 */

static struct tool long_tool = { .name = S_INIT(LONG_NAME), .strict = -1 };

static struct conversation asked = { .n = 1,
	.parallel = -1,
	.schema_strict = -1,
	.wants_usage = true,
	.wants_reasoning = true,
	.stream = true,
	.tool = &long_tool };

struct between {
	const struct dialect *from, *to;
	struct arena scratch;
	struct decoding in;
	struct homeward home;
	struct encoding_out e;
	struct buf out, wrapped;
	struct tally tally;
	enum fault fault;
	bool over;
};

static void
on_step(void *arg, const struct stream_step *s)
{
	struct between *b = arg;

	b->to->codec->write_step(s, &b->e, &b->out);
	b->over |= s->kind == STEP_END;
}

static void
between_read(struct between *b, struct slice name, struct slice data)
{
	if (b->fault != FAULT_NONE || b->tally.failed || b->over ||
	    data.len == 0)
		return;
	if (b->from->event(data, &b->tally) == EVENT_BAD)
		b->fault = FAULT_UP_GARBAGE;
	else
		b->fault = b->from->codec->read_event(&b->in, name, data);
	arena_fini(&b->scratch);
	b->scratch = (struct arena){ 0 };
}

static bool
on_said_sse(void *arg, const struct sse_event *e)
{
	between_read(arg, e->type, e->data);
	return true;
}

static bool
on_said_message(void *arg, const struct eventstream_message *m)
{
	struct between *b = arg;

	buf_clear(&b->wrapped);
	buf_fmt(
	    &b->wrapped, "{\"%.*s\":%.*s}", S_FMT(m->event), S_FMT(m->payload));
	between_read(b, m->event, buf_slice(&b->wrapped));
	return true;
}

static void
between_init(struct between *b, struct arena *a, const struct dialect *from,
    const struct dialect *to)
{
	*b = (struct between){ .from = from, .to = to };
	b->home = (struct homeward){
		.arena = a, .asked = &asked, .step = on_step, .arg = b
	};
	b->in = (struct decoding){ .arena = a,
		.scratch = &b->scratch,
		.step = homeward_step,
		.arg = &b->home };
	b->e = (struct encoding_out){ .arena = a,
		.asked = &asked,
		.id = S("req_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
		.model = S("m"),
		.created = 1000,
		.input = 100 };
}

static void
between_fini(struct between *b)
{
	buf_fini(&b->out);
	buf_fini(&b->wrapped);
	buf_fini(&b->home.args);
	arena_fini(&b->scratch);
}

/* The bytes in pieces: the first of cut bytes, then of stride each. */
static void
pass(struct between *b, struct slice bytes, size_t cut, size_t stride)
{
	struct eventstream es = { .max = SIZE_MAX };
	struct sse s = { .max = SIZE_MAX };
	struct slice part;
	enum fault f = FAULT_NONE;
	size_t n = cut;

	for (; bytes.len > 0 && f == FAULT_NONE; n = stride) {
		part = (struct slice){ bytes.p, n < bytes.len ? n : bytes.len };
		bytes =
		    (struct slice){ bytes.p + part.len, bytes.len - part.len };
		f = b->from->framing == FRAMING_SSE
			? sse_feed(&s, part, on_said_sse, NULL, b)
			: eventstream_feed(&es, part, on_said_message, NULL, b);
	}
	assert_int_equal(f, FAULT_NONE);
	if (b->from->framing == FRAMING_SSE)
		sse_end(&s, on_said_sse, NULL, b);
	if (b->fault == FAULT_NONE && !b->over && !b->tally.failed)
		b->fault = b->from->codec->read_end(&b->in);
	sse_fini(&s);
	eventstream_fini(&es);
}

/* --- the properties -------------------------------------------------------
 */

static void
same(const struct heard *h, const struct buf *said, const struct buf *got,
    const char *what)
{
	if (!slice_eq(buf_slice(said), buf_slice(got)))
		fail_msg("%s: %s: said '%.*s', heard '%.*s'", pair, what,
		    S_FMT(buf_slice(said)), S_FMT(buf_slice(got)));
	(void)h;
}

/* As trees: who must parse them may write them another way. */
static bool
same_json(struct slice a, struct slice b)
{
	struct arena arena = { 0 };
	struct buf x = { 0 }, y = { 0 };
	struct json *j;
	bool ok;

	assert_int_equal(json_parse(&arena, a, &j), FAULT_NONE);
	json_w_tree(&x, j);
	ok = json_parse(&arena, b, &j) == FAULT_NONE;
	if (ok)
		json_w_tree(&y, j);
	ok = ok && slice_eq(buf_slice(&x), buf_slice(&y));
	buf_fini(&x);
	buf_fini(&y);
	arena_fini(&arena);
	return ok;
}

/* Behind an id may ride the signature that a dialect has no field for. */
static const struct call *
find_call(const struct heard *h, struct slice id)
{
	unsigned i;

	for (i = 0; i < h->ncalls; i++) {
		if (slice_starts(h->call[i].id, id))
			return &h->call[i];
	}
	return NULL;
}

static void
same_calls(const struct talk *t, const struct heard *h)
{
	const struct block *b;
	const struct call *c;

	must(h, calls_of(t) == h->ncalls, "as many calls as were made");
	for (b = t->block; b < t->block + t->n; b++) {
		if (b->kind != PART_TOOL_CALL)
			continue;
		c = find_call(h, b->id);
		must(h, c != NULL, "a call is lost");
		must(h, slice_eq(c->name, b->name), "a call's name");
		must(h, same_json(b->text, buf_slice(&c->args)),
		    "a call's arguments");
	}
}

static void
expect_whole(
    const struct talk *t, const struct heard *h, const struct caller *c)
{
	const char *stop = t->stop == STOP_LENGTH ? c->length
			   : calls_of(t) > 0      ? c->tool
						  : c->end;

	must(h, h->over && !h->failed, "it ends");
	same(h, &t->text, &h->text, "text");
	same(h, &t->thought, &h->thought, "thought");
	same_calls(t, h);
	if (!slice_eq(h->stop, slice_of(stop)))
		fail_msg("%s: stop %.*s, not %s", pair, S_FMT(h->stop), stop);
	must(h, h->has_usage && h->input == t->input && h->output == t->output,
	    "usage");
}

/* What the gateway adds when the provider left or spoke nonsense. */
static void
add_error(struct between *b)
{
	const struct problem p = { .status = 502, .fault = FAULT_UP_RESET };

	if (b->fault != FAULT_NONE)
		b->to->error_event(&b->out, &p);
}

static void
check_pair(const struct provider *p, const struct caller *c, uint64_t n)
{
	struct arena a = { 0 };
	struct heard h = { .a = &a };
	struct between b;
	struct talk t;
	size_t stride;

	seed = n;
	some_talk(&t, &a);
	say(&t, p);
	pair = arena_fmt(&a, "%s to %s, seed %llu", p->dialect->name,
	    c->dialect->name, (unsigned long long)n);
	between_init(&b, &a, p->dialect, c->dialect);
	stride = chance(3) == 0 ? 1 + chance(9) : SIZE_MAX;
	pass(&b, buf_slice(&t.wire), stride, stride);
	if (t.ending == END_WELL && b.fault != FAULT_NONE)
		fail_msg("%s: fault %d", pair, (int)b.fault);
	if (t.ending == END_ERROR && !b.tally.failed)
		fail_msg("%s: the error was not seen", pair);
	if (t.ending == END_CUT && b.fault == FAULT_NONE)
		fail_msg("%s: the cut was not seen", pair);
	add_error(&b);
	hear_all(&h, c, buf_slice(&b.out));
	if (t.ending == END_WELL)
		expect_whole(&t, &h, c);
	else
		must(&h, h.failed && !h.over, "it says that it failed");
	heard_fini(&h);
	between_fini(&b);
	buf_fini(&t.text);
	buf_fini(&t.thought);
	buf_fini(&t.wire);
	arena_fini(&a);
}

static void
any_events_keep_the_laws_of_the_callers_dialect(void **state)
{
	size_t i, k;
	uint64_t n;

	(void)state;
	for (i = 0; i < NELEM(providers); i++) {
		for (k = 0; k < NELEM(callers); k++) {
			for (n = 1; n <= PAIR_ROUNDS; n++)
				check_pair(&providers[i], &callers[k], n);
		}
	}
}

static struct slice
told(struct arena *a, const struct provider *p, const struct caller *c,
    struct slice bytes, size_t cut, size_t stride)
{
	struct between b;
	struct slice out;

	between_init(&b, a, p->dialect, c->dialect);
	pass(&b, bytes, cut, stride);
	assert_int_equal(b.fault, FAULT_NONE);
	buf_fmt(&b.out, "%llu %llu %llu",
	    (unsigned long long)b.tally.usage.input,
	    (unsigned long long)b.tally.usage.output,
	    (unsigned long long)b.tally.deltas);
	out = arena_copy(a, buf_slice(&b.out));
	between_fini(&b);
	return out;
}

/* A talk of everything. */
static void
rich_talk(struct talk *t, struct arena *a)
{
	static const enum part_kind kinds[] = { PART_REASONING, PART_TEXT,
		PART_TOOL_CALL, PART_TOOL_CALL };
	unsigned i;

	*t = (struct talk){ .a = a,
		.stop = STOP_TOOL,
		.input = 900,
		.cached = 100,
		.output = 77,
		.n = NELEM(kinds) };
	for (i = 0; i < t->n; i++) {
		t->block[i] = (struct block){ .kind = kinds[i],
			.id = slice_of(arena_fmt(a, "call_%u", i)),
			.name = S(LONG_NAME),
			.text = S("w\xc3\xb6rld\n\n\xf0\x9f\x98\x80 data: x") };
		if (kinds[i] == PART_TOOL_CALL)
			t->block[i].text = S("{\"city\":\"Z\xc3\xbcrich\"}");
	}
}

static void
a_stream_cut_at_every_byte_is_the_same(void **state)
{
	size_t i, cut;

	(void)state;
	for (i = 0; i < NELEM(providers); i++) {
		/* Every dialect is a caller's once. */
		const struct provider *p = &providers[i];
		const struct caller *c = &callers[(i + 1) % NELEM(callers)];
		struct arena a = { 0 }, one;
		struct slice whole;
		struct talk t;

		seed = 7;
		rich_talk(&t, &a);
		say(&t, p);
		whole = told(&a, p, c, buf_slice(&t.wire), SIZE_MAX, SIZE_MAX);
		assert_true(t.wire.len > 1000 && whole.len > 1000);
		for (cut = 1; cut <= t.wire.len; cut++) {
			one = (struct arena){ 0 };
			/* The last: every byte alone. */
			if (!slice_eq(
				whole, told(&one, p, c, buf_slice(&t.wire),
					   cut == t.wire.len ? 1 : cut,
					   cut == t.wire.len ? 1 : SIZE_MAX)))
				fail_msg("%s to %s: cut at %zu",
				    p->dialect->name, c->dialect->name, cut);
			arena_fini(&one);
		}
		buf_fini(&t.text);
		buf_fini(&t.thought);
		buf_fini(&t.wire);
		arena_fini(&a);
	}
}

/* --- what servers do ------------------------------------------------------
 */

#define CHUNK(delta, finish) \
	"data: " \
	"{\"id\":\"chatcmpl-9\",\"choices\":[{\"index\":0,\"delta\":{" delta \
	"},\"finish_reason\":" finish "}]}\n\n"
#define CALL(index, rest) "\"tool_calls\":[{\"index\":" index "," rest "}]"
#define ITEM(n) "\"output_index\":" n ",\"item\":{\"type\":\"function_call\","

static const struct oddity {
	const char *name;
	const struct dialect *from;
	const char *wire;
	const char *text; /* all of it */
	const char *call[2][3];
} oddities[] = {
	{ "text between the pieces of a call", &dialect_openai_chat,
	    CHUNK(CALL("0", "\"id\":\"a\",\"function\":{\"name\":\"f\","
			    "\"arguments\":\"{\\\"x\\\":\"}"),
		"null") CHUNK("\"content\":\"hm\"", "null")
		CHUNK(CALL("0", "\"function\":{\"arguments\":\"1}\"}"),
		    "\"tool_calls\""),
	    "hm", { { "a", "f", "{\"x\":1}" } } },
	{ "one index for all calls", &dialect_openai_chat,
	    CHUNK(CALL("0", "\"id\":\"a\",\"function\":{\"name\":\"f\","
			    "\"arguments\":\"{}\"}"),
		"null")
		CHUNK(CALL("0", "\"id\":\"b\",\"function\":{\"name\":\"g\","
				"\"arguments\":\"{}\"}"),
		    "\"stop\""),
	    "", { { "a", "f", "{}" }, { "b", "g", "{}" } } },
	{ "two calls in one chunk, pieces crossed", &dialect_openai_chat,
	    CHUNK("\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{"
		  "\"name\":\"f\",\"arguments\":\"[\"}},{\"index\":1,\"id\":"
		  "\"b\",\"function\":{\"name\":\"g\",\"arguments\":"
		  "\"{\"}}]",
		"null") CHUNK(CALL("1", "\"function\":{\"arguments\":\"}\"}"),
		"null") CHUNK(CALL("0", "\"function\":{\"arguments\":\"]\"}"),
		"\"tool_calls\""),
	    "", { { "a", "f", "[]" }, { "b", "g", "{}" } } },
	{ "calls without ids", &dialect_openai_chat,
	    CHUNK(CALL("0", "\"function\":{\"name\":\"f\",\"arguments\":\"{}"
			    "\"}"),
		"null")
		CHUNK(CALL("1", "\"function\":{\"name\":\"f\",\"arguments\":"
				"\"{}\"}"),
		    "\"stop\""),
	    "",
	    { { "call_chatcmpl9_0", "f", "{}" },
		{ "call_chatcmpl9_1", "f", "{}" } } },
	{ "arguments only when they are done", &dialect_openai_responses,
	    "data: {\"type\":\"response.output_item.added\"," ITEM(
		"0") "\"call_id\":\"a\",\"name\":\"f\",\"arguments\":\"\"}}\n\n"
		     "data: {\"type\":\"response.output_item.done\"," ITEM(
			 "0") "\"call_id\":\"a\",\"name\":\"f\",\"arguments\":"
			      "\"{}\"}}\n\n"
			      "data: "
			      "{\"type\":\"response.completed\",\"response\":{"
			      "\"status\":"
			      "\"completed\"}}\n\n",
	    "", { { "a", "f", "{}" } } },
	{ "nothing before the end", &dialect_openai_responses,
	    "data: {\"type\":\"response.completed\",\"response\":{\"status\":"
	    "\"completed\",\"output\":[{\"type\":\"message\",\"content\":[{"
	    "\"type\":\"output_text\",\"text\":\"all\"}]},{\"type\":"
	    "\"function_call\",\"call_id\":\"a\",\"name\":\"f\","
	    "\"arguments\":\"{}\"}]}}\n\n",
	    "all", { { "a", "f", "{}" } } },
	{ "a message that is only done", &dialect_openai_responses,
	    "data: {\"type\":\"response.output_item.done\",\"output_index\":0,"
	    "\"item\":{\"type\":\"message\",\"content\":[{\"type\":"
	    "\"output_text\",\"text\":\"whole\"}]}}\n\n"
	    "data: {\"type\":\"response.completed\",\"response\":{\"status\":"
	    "\"completed\"}}\n\n",
	    "whole", { { 0 } } },
	{ "calls without ids, Google's", &dialect_gemini,
	    "data: {\"candidates\":[{\"content\":{\"parts\":[{"
	    "\"functionCall\":{\"name\":\"f\"}},{\"functionCall\":{\"name\":"
	    "\"f\",\"args\":{\"x\":1}}}]},\"finishReason\":\"STOP\"}],"
	    "\"responseId\":\"r-1\"}\n\n",
	    "",
	    { { "call_r1_0", "f", "{}" }, { "call_r1_1", "f", "{\"x\":1}" } } },
};

static void
check_oddity(const struct oddity *o, const struct caller *c)
{
	struct arena a = { 0 };
	struct heard h = { .a = &a };
	const struct call *k;
	struct between b;
	unsigned i, n = 0;

	pair = arena_fmt(&a, "%s, to %s", o->name, c->dialect->name);
	between_init(&b, &a, o->from, c->dialect);
	pass(&b, slice_of(o->wire), SIZE_MAX, SIZE_MAX);
	assert_int_equal(b.fault, FAULT_NONE);
	hear_all(&h, c, buf_slice(&b.out));
	must(&h, h.over, "it ends");
	must(&h, slice_eq(buf_slice(&h.text), slice_of(o->text)), "the text");
	for (i = 0; i < 2 && o->call[i][0] != NULL; i++, n++) {
		k = find_call(&h, slice_of(o->call[i][0]));
		must(&h, k != NULL, "a call is lost");
		must(&h, slice_eq(k->name, slice_of(o->call[i][1])), "name");
		/* Gemini's arguments are objects. */
		must(&h,
		    same_json(slice_of(o->call[i][2]), buf_slice(&k->args)) ||
			o->call[i][2][0] == '[',
		    "arguments");
	}
	must(&h, h.ncalls == n, "as many calls as were made");
	must(&h,
	    n == 0 || !slice_eq(h.stop, slice_of(c->end)) ||
		strcmp(c->end, c->tool) == 0,
	    "who calls a tool stops for it");
	heard_fini(&h);
	between_fini(&b);
	arena_fini(&a);
}

static void
what_servers_do_is_understood(void **state)
{
	size_t i, k;

	(void)state;
	for (i = 0; i < NELEM(oddities); i++) {
		for (k = 0; k < NELEM(callers); k++)
			check_oddity(&oddities[i], &callers[k]);
	}
}

/* Arguments come in pieces of a few bytes, and the second call waits. */
static void
what_waits_takes_little_room(void **state)
{
	const struct caller *c = &callers[0];
	struct arena a = { 0 };
	struct heard h = { .a = &a };
	struct buf wire = { 0 };
	struct between b;
	unsigned i;

	(void)state;
	pair = "what waits";
	buf_str(
	    &wire, CHUNK(CALL("0", "\"id\":\"a\",\"function\":{\"name\":\"f\","
				   "\"arguments\":\"{}\"}"),
		       "null"));
	buf_str(
	    &wire, CHUNK(CALL("1", "\"id\":\"b\",\"function\":{\"name\":\"g\","
				   "\"arguments\":\"[0\"}"),
		       "null"));
	for (i = 0; i < 20000; i++)
		buf_str(&wire,
		    CHUNK(CALL("1", "\"function\":{\"arguments\":\",7\"}"),
			"null"));
	buf_str(&wire, CHUNK(CALL("1", "\"function\":{\"arguments\":\"]\"}"),
			   "\"tool_calls\""));
	between_init(&b, &a, &dialect_openai_chat, c->dialect);
	pass(&b, buf_slice(&wire), SIZE_MAX, SIZE_MAX);
	assert_int_equal(b.fault, FAULT_NONE);
	assert_true(a.total < 40000 * 4);
	hear_all(&h, c, buf_slice(&b.out));
	must(&h, h.ncalls == 2 && h.call[1].args.len == 40003, "all of it");
	heard_fini(&h);
	between_fini(&b);
	buf_fini(&wire);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    any_events_keep_the_laws_of_the_callers_dialect),
		cmocka_unit_test(a_stream_cut_at_every_byte_is_the_same),
		cmocka_unit_test(what_servers_do_is_understood),
		cmocka_unit_test(what_waits_takes_little_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

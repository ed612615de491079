#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/json.h"
#include "dialect/bedrock.h"

#define CLAUDE "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
#define U "{\"role\":\"user\",\"content\":\"hi\"}"
#define CU "{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}"
#define TOOL \
	"{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{" \
	"\"type\":\"object\",\"$defs\":{},\"x-odd\":1e400}}}"
#define SPEC \
	"{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":{" \
	"\"type\":\"object\",\"$defs\":{},\"x-odd\":1e400}}}}"
#define HISTORY \
	U ",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" \
	  "{\"id\":\"a " \
	  "b\",\"type\":\"function\",\"function\":{\"name\":\"f\"," \
	  "\"arguments\":\"{\\\"n\\\":12345678901234567890}\"}}]}," \
	  "{\"role\":\"tool\",\"tool_call_id\":\"a b\",\"content\":\"ok\"}"

struct row {
	const char *model, *chat; /* the members of a chat request */
	const char *want;
	uint64_t lost;
};

static void
encode(const struct row *row)
{
	struct target t = { .model = slice_of(row->model),
		.max_output = 64000,
		.vendor = VENDOR_ANTHROPIC };
	struct conversation c = { 0 };
	struct arena a = { 0 };
	struct buf out = { 0 };
	struct wrong w = { 0 };
	uint64_t lost = 0;
	const char *body = arena_fmt(&a, "{\"model\":\"m\",%s}", row->chat);

	assert_int_equal(
	    dialect_openai_chat.codec->decode(&a, slice_of(body), &c, &w),
	    FAULT_NONE);
	assert_int_equal(
	    bedrock_encode(&a, &c, &t, &out, &lost, &w), FAULT_NONE);
	assert_string_equal(buf_cstr(&out), row->want);
	assert_int_equal(lost, row->lost);
	buf_fini(&out);
	arena_fini(&a);
}

static void
a_chat_becomes_converse(void **state)
{
	static const struct row rows[] = {
		{ CLAUDE,
		    "\"messages\":[{\"role\":\"system\",\"content\":\"be\"}," U
		    "],\"max_tokens\":5,\"temperature\":0.5,\"stop\":\"x\"",
		    "{\"system\":[{\"text\":\"be\"}],\"messages\":[" CU
		    "],\"inferenceConfig\":{\"maxTokens\":5,\"temperature\":"
		    "0.5,\"stopSequences\":[\"x\"]}}",
		    0 },
		{ CLAUDE,
		    "\"messages\":[" U "," U "],\"temperature\":1.5,"
		    "\"max_tokens\":9,\"seed\":7",
		    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":"
		    "\"hi\"},{\"text\":\"hi\"}]}],\"inferenceConfig\":{"
		    "\"maxTokens\":9,\"temperature\":1}}",
		    LOSS_BIT(LOSS_TEMPERATURE) | LOSS_BIT(LOSS_SEED) },
		{ CLAUDE,
		    "\"messages\":[" U "],\"max_tokens\":5,\"tools\":[" TOOL
		    "],\"tool_choice\":\"required\"",
		    "{\"messages\":[" CU "],\"inferenceConfig\":{\"maxTokens\":"
		    "5},\"toolConfig\":{\"tools\":[" SPEC
		    "],\"toolChoice\":{\"any\":{}}}}",
		    0 },
		/* History of tools wants tools; numbers stay as written. */
		{ CLAUDE, "\"messages\":[" HISTORY "],\"max_tokens\":5",
		    "{\"messages\":[" CU
		    ",{\"role\":\"assistant\",\"content\":[{\"toolUse\":{"
		    "\"toolUseId\":\"a_b_607c98c45326\",\"name\":\"f\","
		    "\"input\":{\"n\":12345678901234567890}}}]},{\"role\":"
		    "\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":"
		    "\"a_b_607c98c45326\",\"content\":[{\"text\":\"ok\"}]}}]}],"
		    "\"inferenceConfig\":{\"maxTokens\":5},\"toolConfig\":{"
		    "\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":"
		    "{\"json\":{\"type\":\"object\",\"properties\":{}}}}}]}}",
		    LOSS_BIT(LOSS_TOOL_ID) },
		{ CLAUDE,
		    "\"messages\":[" U "],\"max_tokens\":5000,"
		    "\"reasoning_effort\":\"low\",\"temperature\":0",
		    "{\"messages\":[" CU "],\"inferenceConfig\":{\"maxTokens\":"
		    "5000},\"additionalModelRequestFields\":{\"thinking\":{"
		    "\"type\":\"enabled\",\"budget_tokens\":2048}}}",
		    LOSS_BIT(LOSS_TEMPERATURE) },
		/* No room to think, or forced to call: no thinking. */
		{ CLAUDE,
		    "\"messages\":[" U "],\"max_tokens\":9,"
		    "\"reasoning_effort\":\"low\"",
		    "{\"messages\":[" CU
		    "],\"inferenceConfig\":{\"maxTokens\":9}}",
		    LOSS_BIT(LOSS_THINKING) },
		{ "global.anthropic.claude-opus-5-5",
		    "\"messages\":[" U "],\"max_tokens\":9,\"top_p\":0.1,"
		    "\"reasoning_effort\":\"xhigh\"",
		    "{\"messages\":[" CU
		    "],\"inferenceConfig\":{\"maxTokens\":9},"
		    "\"outputConfig\":{\"effort\":\"xhigh\"},"
		    "\"additionalModelRequestFields\":{\"thinking\":{\"type\":"
		    "\"adaptive\"}}}",
		    LOSS_BIT(LOSS_TEMPERATURE) },
		{ "openai.gpt-oss-120b-1:0",
		    "\"messages\":[" U "],\"max_tokens\":9,"
		    "\"reasoning_effort\":\"minimal\"",
		    "{\"messages\":[" CU
		    "],\"inferenceConfig\":{\"maxTokens\":9},"
		    "\"additionalModelRequestFields\":{\"reasoning_effort\":"
		    "\"low\"}}",
		    LOSS_BIT(LOSS_EFFORT) },
		{ CLAUDE,
		    "\"messages\":[" U "],\"max_tokens\":9,"
		    "\"response_format\":{\"type\":\"json_schema\","
		    "\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":"
		    "\"object\"}}}",
		    "{\"messages\":[" CU
		    "],\"inferenceConfig\":{\"maxTokens\":9},"
		    "\"outputConfig\":{\"textFormat\":{\"type\":"
		    "\"json_schema\",\"structure\":{\"jsonSchema\":{"
		    "\"schema\":\"{\\\"type\\\":\\\"object\\\","
		    "\\\"additionalProperties\\\":false}\",\"name\":"
		    "\"n\"}}}}}",
		    0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++)
		encode(&rows[i]);
}

static void
pictures_by_url_are_refused(void **state)
{
	static const char body[] =
	    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{"
	    "\"type\":\"image_url\",\"image_url\":{\"url\":"
	    "\"https://x.example/a.png\"}}]}]}";
	struct target t = { .model = S(CLAUDE) };
	struct conversation c = { 0 };
	struct arena a = { 0 };
	struct buf out = { 0 };
	struct wrong w = { 0 };
	uint64_t lost = 0;

	(void)state;
	assert_int_equal(
	    dialect_openai_chat.codec->decode(&a, slice_of(body), &c, &w),
	    FAULT_NONE);
	assert_int_equal(
	    bedrock_encode(&a, &c, &t, &out, &lost, &w), FAULT_FIELD);
	assert_non_null(w.hint);
	buf_fini(&out);
	arena_fini(&a);
}

/* --- streams ----------------------------------------------------------------
 */

struct seen {
	struct buf text;
};

static void
on_step(void *arg, const struct stream_step *s)
{
	struct buf *b = &((struct seen *)arg)->text;

	switch (s->kind) {
	case STEP_START:
		buf_str(b, "[");
		break;
	case STEP_OPEN:
		buf_fmt(
		    b, "(%d %.*s:", (int)s->block.kind, S_FMT(s->block.name));
		break;
	case STEP_TEXT:
	case STEP_ARGS:
		buf_add(b, s->text);
		break;
	case STEP_OPAQUE:
		buf_fmt(b, "~%.*s", S_FMT(s->text));
		break;
	case STEP_CITATION:
		buf_str(b, "#");
		break;
	case STEP_CLOSE:
		buf_str(b, ")");
		break;
	case STEP_STOP:
		buf_fmt(b, " stop%d", (int)s->stop);
		break;
	case STEP_USAGE:
		buf_fmt(b, " %u/%u/%u", (unsigned)s->usage.input,
		    (unsigned)s->usage.cached, (unsigned)s->usage.output);
		break;
	case STEP_ERROR:
		buf_fmt(b, " !%.*s", S_FMT(s->message));
		break;
	case STEP_END:
		buf_str(b, "]");
		break;
	}
}

struct event {
	const char *name, *data;
};

/* As the relay gives it: under its name. */
static enum fault
event(struct decoding *d, const char *name, const char *data)
{
	return bedrock_read_event(d, slice_of(name),
	    slice_of(arena_fmt(d->arena, "{\"%s\":%s}", name, data)));
}

static void
stream(const struct event *e, enum fault last, const char *want)
{
	struct arena a = { 0 };
	struct seen seen = { { 0 } };
	struct decoding d = {
		.arena = &a, .scratch = &a, .step = on_step, .arg = &seen
	};

	for (; e->name != NULL; e++)
		assert_int_equal(event(&d, e->name, e->data), FAULT_NONE);
	assert_int_equal(bedrock_read_end(&d), last);
	assert_string_equal(buf_cstr(&seen.text), want);
	buf_fini(&seen.text);
	arena_fini(&a);
}

#define DELTA(i, d) \
	{ \
		"contentBlockDelta", \
		    "{\"delta\":" d ",\"contentBlockIndex\":" #i "}" \
	}
#define STOPS(i) \
	{ \
		"contentBlockStop", "{\"contentBlockIndex\":" #i "}" \
	}

static void
a_stream_becomes_steps(void **state)
{
	static const struct event whole[] = {
		{ "messageStart", "{\"role\":\"assistant\"}" },
		DELTA(0, "{\"reasoningContent\":{\"text\":\"hm\"}}"),
		DELTA(0, "{\"reasoningContent\":{\"signature\":\"sig\"}}"),
		STOPS(0),
		DELTA(1, "{\"text\":\"a\"}"),
		DELTA(1, "{\"text\":\"b\"}"),
		STOPS(1),
		{ "contentBlockStart",
		    "{\"start\":{\"toolUse\":{\"toolUseId\":\"t\",\"name\":"
		    "\"f\"}},\"contentBlockIndex\":2}" },
		DELTA(2, "{\"toolUse\":{\"input\":\"{}\"}}"),
		STOPS(2),
		{ "somethingNew", "{}" },
		{ "messageStop", "{\"stopReason\":\"end_turn\"}" },
		{ "metadata",
		    "{\"usage\":{\"inputTokens\":3,\"outputTokens\":4,"
		    "\"totalTokens\":9,\"cacheReadInputTokens\":2}}" },
		{ NULL, NULL },
	};

	(void)state;
	/* end_turn with a call is a stop for the tool. */
	stream(whole, FAULT_NONE, "[(6 :hm~sig)(0 :ab)(7 f:{}) stop5 5/2/4]");
}

static void
a_stream_that_breaks_off_says_so(void **state)
{
	static const struct event half[] = {
		{ "messageStart", "{\"role\":\"assistant\"}" },
		DELTA(0, "{\"text\":\"a\"}"),
		{ NULL, NULL },
	};
	static const struct event failed[] = {
		DELTA(0, "{\"text\":\"a\"}"),
		{ "throttlingException", "{\"message\":\"slow\"}" },
		DELTA(0, "{\"text\":\"late\"}"),
		{ NULL, NULL },
	};

	(void)state;
	stream(half, FAULT_UP_RESET, "[(0 :a");
	stream(failed, FAULT_NONE, "[(0 :a !slow");
}

static void
arguments_without_a_call_are_garbage(void **state)
{
	struct arena a = { 0 };
	struct seen seen = { { 0 } };
	struct decoding d = {
		.arena = &a, .scratch = &a, .step = on_step, .arg = &seen
	};

	(void)state;
	assert_int_equal(bedrock_read_event(&d, S("contentBlockDelta"),
			     S("{\"delta\":{\"toolUse\":{\"input\":\"{\"}},"
			       "\"contentBlockIndex\":0}")),
	    FAULT_UP_GARBAGE);
	assert_int_equal(
	    bedrock_read_event(&d, S("metadata"), S("{")), FAULT_UP_GARBAGE);
	buf_fini(&seen.text);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chat_becomes_converse),
		cmocka_unit_test(pictures_by_url_are_refused),
		cmocka_unit_test(a_stream_becomes_steps),
		cmocka_unit_test(a_stream_that_breaks_off_says_so),
		cmocka_unit_test(arguments_without_a_call_are_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "dialect/bedrock.h"
#include "http/eventstream.h"

#define CLAUDE "anthropic.claude-sonnet-4-5-20250929-v1:0"

/* --- requests ---------------------------------------------------------------
 */

/* A request that says all that Converse and the model have words for comes
 * out as it went in. */
static void
what_converse_says_survives(void **state)
{
	static const char *const bodies[] = {
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":"
		"\"hi\"}]}]}",
		"{\"system\":[{\"text\":\"be\"},{\"cachePoint\":{\"type\":"
		"\"default\",\"ttl\":\"1h\"}}],\"messages\":[{\"role\":"
		"\"user\",\"content\":[{\"text\":\"see\"},{\"image\":{"
		"\"format\":\"png\",\"source\":{\"bytes\":\"iVBORw==\"}}},{"
		"\"document\":{\"format\":\"pdf\",\"name\":\"a-b\",\"source\":{"
		"\"bytes\":\"JVBERi0=\"}}},{\"cachePoint\":{\"type\":"
		"\"default\"}}]},{\"role\":\"assistant\",\"content\":[{"
		"\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\","
		"\"signature\":\"c2ln\"}}},{\"reasoningContent\":{"
		"\"redactedContent\":\"cmVk\"}},{\"text\":\"ok\"},{\"toolUse\":"
		"{\"toolUseId\":\"t:1\",\"name\":\"f\",\"input\":{\"n\":"
		"12345678901234567890,\"b\":[null,1.50]}}}]},{\"role\":"
		"\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"t:1\","
		"\"content\":[{\"text\":\"r\"},{\"image\":{\"format\":\"jpeg\","
		"\"source\":{\"bytes\":\"/9j/\"}}}],\"status\":\"error\"}}]}],"
		"\"inferenceConfig\":{\"maxTokens\":5000,\"stopSequences\":["
		"\"x\",\"y\"]},\"toolConfig\":{\"tools\":[{\"toolSpec\":{"
		"\"name\":\"f\",\"description\":\"d\",\"inputSchema\":{"
		"\"json\":{\"type\":\"object\",\"$id\":\"odd\"}},\"strict\":"
		"true}},{\"cachePoint\":{\"type\":\"default\"}}]},"
		"\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\","
		"\"structure\":{\"jsonSchema\":{\"schema\":\"{}\",\"name\":"
		"\"n\"}}}},\"additionalModelRequestFields\":{\"thinking\":{"
		"\"type\":\"enabled\",\"budget_tokens\":2000}},"
		"\"serviceTier\":{\"type\":\"flex\"}}",
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":"
		"\"hi\"}]}],\"inferenceConfig\":{\"maxTokens\":7,"
		"\"temperature\":0.25},\"toolConfig\":{\"tools\":[{"
		"\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":{"
		"\"type\":\"object\"}}}}],\"toolChoice\":{\"tool\":{\"name\":"
		"\"f\"}}},\"additionalModelRequestFields\":{\"top_k\":40}}",
	};
	const struct target t = { .model = S(CLAUDE),
		.vendor = VENDOR_ANTHROPIC };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bodies); i++) {
		struct conversation c = { 0 };
		struct arena a = { 0 };
		struct buf out = { 0 };
		struct wrong w = { 0 };
		uint64_t lost = 0;

		assert_int_equal(
		    bedrock_decode(&a, slice_of(bodies[i]), &c, &w),
		    FAULT_NONE);
		assert_int_equal(c.lost, 0);
		assert_int_equal(
		    bedrock_encode(&a, &c, &t, &out, &lost, &w), FAULT_NONE);
		assert_string_equal(buf_cstr(&out), bodies[i]);
		assert_int_equal(lost, 0);
		buf_fini(&out);
		arena_fini(&a);
	}
}

#define M(content) "{\"messages\":[{\"role\":\"user\",\"content\":" content "}]"
#define HI M("[{\"text\":\"x\"}]")

static void
what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *body, *field;
	} rows[] = {
		{ "[]", "" },
		{ "{}", "messages" },
		{ "{\"messages\":[]}", "messages" },
		{ "{\"messages\":[{\"role\":\"tool\",\"content\":[]}]}",
		    "messages.role" },
		{ M("\"x\"") "}", "messages.content" },
		{ M("[{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":"
		    "\"not base64\"}}}]") "}",
		    "messages.content" },
		{ M("[{\"image\":{\"format\":\"bmp\",\"source\":{\"bytes\":"
		    "\"QQ==\"}}}]") "}",
		    "messages.content" },
		{ M("[{\"toolUse\":{\"name\":\"f\",\"input\":{}}}]") "}",
		    "messages.content" },
		{ M("[{\"videoCall\":{}}]") "}", "messages.content" },
		{ HI ",\"inferenceConfig\":{\"maxTokens\":-1}}",
		    "inferenceConfig.maxTokens" },
		{ HI ",\"toolConfig\":{\"tools\":[{\"systemTool\":{\"name\":"
		     "\"nova_grounding\"}}]}}",
		    "toolConfig.tools" },
		{ HI ",\"toolConfig\":{\"tools\":[{\"toolSpec\":{}}]}}",
		    "toolConfig.tools.toolSpec.name" },
		{ HI ",\"toolConfig\":{\"tools\":[],\"toolChoice\":{}}}",
		    "toolConfig.toolChoice" },
		{ HI ",\"outputConfig\":{\"textFormat\":{\"structure\":{"
		     "\"jsonSchema\":{\"schema\":\"{\"}}}}}",
		    "outputConfig.textFormat.structure.jsonSchema.schema" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		struct conversation c = { 0 };
		struct arena a = { 0 };
		struct wrong w = { 0 };

		assert_int_equal(
		    bedrock_decode(&a, slice_of(rows[i].body), &c, &w),
		    FAULT_FIELD);
		assert_true(slice_eq(w.field, slice_of(rows[i].field)));
		assert_non_null(w.hint);
		arena_fini(&a);
	}
}

/* --- answers -----------------------------------------------------------------
 */

static void
an_answer_is_read_back_as_it_was(void **state)
{
	static const char body[] =
	    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{"
	    "\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\","
	    "\"signature\":\"c2ln\"}}},{\"citationsContent\":{\"content\":[{"
	    "\"text\":\"a\"}],\"citations\":[{\"title\":\"t\","
	    "\"sourceContent\":[{\"text\":\"s\"}],\"location\":{\"web\":{"
	    "\"url\":\"https://x.example\"}}}]}},{\"toolUse\":{\"toolUseId\":"
	    "\"t\",\"name\":\"f\",\"input\":{}}}]}},\"stopReason\":"
	    "\"tool_use\",\"usage\":{\"inputTokens\":3,\"outputTokens\":4,"
	    "\"totalTokens\":16,\"cacheReadInputTokens\":2,"
	    "\"cacheWriteInputTokens\":7,\"cacheDetails\":[{\"ttl\":\"5m\","
	    "\"inputTokens\":2},{\"ttl\":\"1h\",\"inputTokens\":5}]},"
	    "\"metrics\":{\"latencyMs\":0}}";
	struct completion done;
	struct arena a = { 0 };
	struct encoding_out e = { .arena = &a };
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(
	    bedrock_read_answer(&a, slice_of(body), &done), FAULT_NONE);
	assert_true(done.has_usage);
	assert_int_equal(done.usage.input, 12);
	assert_int_equal(done.usage.cache_write_1h, 5);
	bedrock_write_answer(&done, &e, &out);
	assert_string_equal(buf_cstr(&out), body);
	buf_fini(&out);
	arena_fini(&a);
}

/* What another vendor signed comes back to us under its own name. */
static void
a_foreign_signature_finds_home(void **state)
{
	struct part call = { .kind = PART_TOOL_CALL,
		.id = S("t"),
		.name = S("f"),
		.args = S("{}"),
		.opaque = S("secret"),
		.origin = VENDOR_GOOGLE };
	struct part thought = { .kind = PART_REASONING,
		.next = &call,
		.text = S("hm"),
		.opaque = S("sealed"),
		.origin = VENDOR_OPENAI };
	const struct completion done = { .first = &thought, .stop = STOP_TOOL };
	struct completion again;
	struct arena a = { 0 };
	struct encoding_out e = { .arena = &a };
	struct buf out = { 0 };
	const struct part *p;

	(void)state;
	bedrock_write_answer(&done, &e, &out);
	assert_int_equal(
	    bedrock_read_answer(&a, buf_slice(&out), &again), FAULT_NONE);
	p = again.first;
	assert_int_equal(p->kind, PART_REASONING);
	assert_int_equal(p->origin, VENDOR_OPENAI);
	assert_true(slice_eq(p->opaque, S("sealed")));
	p = p->next;
	assert_int_equal(p->kind, PART_TOOL_CALL);
	assert_int_equal(p->origin, VENDOR_GOOGLE);
	assert_true(slice_eq(p->opaque, S("secret")));
	assert_null(p->next);
	buf_fini(&out);
	arena_fini(&a);
}

/* --- streams -----------------------------------------------------------------
 */

struct again {
	struct decoding d;
	enum fault fault;
};

/* As the relay gives messages to the codec: under their names. */
static bool
on_message(void *arg, const struct eventstream_message *m)
{
	struct again *g = arg;

	g->fault = bedrock_read_event(&g->d, m->event,
	    slice_of(arena_fmt(g->d.arena, "{\"%.*s\":%.*s}", S_FMT(m->event),
		S_FMT(m->payload))));
	assert_int_equal(g->fault, FAULT_NONE);
	return true;
}

struct writer {
	struct encoding_out e;
	struct buf out;
};

static void
on_step(void *arg, const struct stream_step *s)
{
	struct writer *w = arg;

	bedrock_write_step(s, &w->e, &w->out);
}

static void
a_stream_is_read_back_as_it_was(void **state)
{
	struct part call = { .kind = PART_TOOL_CALL,
		.id = S("t"),
		.name = S("f"),
		.args = S("{\"a\":1}") };
	struct part text = {
		.kind = PART_TEXT, .next = &call, .text = S("hello")
	};
	struct part hidden = { .kind = PART_REASONING,
		.next = &text,
		.redacted = true,
		.opaque = S("cmVk"),
		.origin = VENDOR_ANTHROPIC };
	struct part thought = { .kind = PART_REASONING,
		.next = &hidden,
		.text = S("hm"),
		.opaque = S("c2ln"),
		.origin = VENDOR_ANTHROPIC };
	const struct completion done = { .first = &thought,
		.stop = STOP_TOOL,
		.has_usage = true,
		.usage = { .input = 9, .cached = 2, .output = 4 } };
	struct arena a = { 0 };
	struct writer first = { .e = { .arena = &a } };
	struct writer second = { .e = { .arena = &a } };
	struct eventstream s = { .max = 1 << 20 };
	struct again g = { .d = { .arena = &a,
			       .scratch = &a,
			       .step = on_step,
			       .arg = &second } };

	(void)state;
	completion_steps(&done, on_step, &first);
	assert_int_equal(
	    eventstream_feed(&s, buf_slice(&first.out), on_message, NULL, &g),
	    FAULT_NONE);
	assert_int_equal(eventstream_end(&s), FAULT_NONE);
	assert_int_equal(bedrock_read_end(&g.d), FAULT_NONE);
	assert_true(slice_eq(buf_slice(&first.out), buf_slice(&second.out)));
	eventstream_fini(&s);
	buf_fini(&first.out);
	buf_fini(&second.out);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_converse_says_survives),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(an_answer_is_read_back_as_it_was),
		cmocka_unit_test(a_foreign_signature_finds_home),
		cmocka_unit_test(a_stream_is_read_back_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

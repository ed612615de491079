#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/dialect.h"

static const struct codec *
codec(void)
{
	return dialect_gemini.codec;
}

static enum fault
decode(
    struct arena *a, const char *body, struct conversation *c, struct wrong *w)
{
	*c = (struct conversation){ 0 };
	return codec()->decode(a, slice_of(body), c, w);
}

#define HI "\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}]"

static void
google_s_schemas_become_json_schema(void **state)
{
	struct conversation c;
	struct wrong w;
	struct arena a = { 0 };

	(void)state;
	assert_int_equal(
	    decode(&a,
		"{" HI ",\"tools\":{\"function_declarations\":[{\"name\":\"f\","
		"\"parameters\":{\"type\":\"OBJECT\",\"properties\":{\"type\":{"
		"\"type\":\"STRING\",\"nullable\":true,\"enum\":[\"A\"]},\"l\":"
		"{\"type\":\"ARRAY\",\"minItems\":\"1\",\"items\":{\"type\":"
		"\"INTEGER\"}}},\"required\":[\"type\"],\"propertyOrdering\":["
		"\"l\"]}}]}}",
		&c, &w),
	    FAULT_NONE);
	assert_true(slice_eq(c.tool->schema,
	    S("{\"type\":\"object\",\"properties\":{\"type\":{\"type\":["
	      "\"string\",\"null\"],\"enum\":[\"A\"]},\"l\":{\"type\":"
	      "\"array\",\"minItems\":1,\"items\":{\"type\":\"integer\"}}},"
	      "\"required\":[\"type\"]}")));
	arena_fini(&a);
}

static void
calls_without_ids_pair_by_their_order(void **state)
{
	struct conversation c;
	struct wrong w;
	struct arena a = { 0 };

	(void)state;
	assert_int_equal(
	    decode(&a,
		"{\"contents\":[{\"parts\":[{\"text\":\"q\"}]},{\"role\":"
		"\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\"}},{"
		"\"functionCall\":{\"name\":\"f\"}}]},{\"role\":\"user\","
		"\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":"
		"{\"output\":\"1\"}}},{\"functionResponse\":{\"name\":\"f\","
		"\"response\":{\"error\":\"2\"}}}]}]}",
		&c, &w),
	    FAULT_NONE);
	assert_true(slice_eq(c.first->next->first->next->id,
	    c.first->next->next->first->next->id));
	assert_false(
	    slice_eq(c.first->next->first->id, c.first->next->first->next->id));
	assert_true(slice_eq(c.first->next->next->first->inner->text, S("1")));
	assert_true(c.first->next->next->first->next->is_error);
	arena_fini(&a);
}

static void
what_only_google_has_is_refused_or_said_to_be_lost(void **state)
{
	static const struct {
		const char *body, *field;
	} bad[] = {
		{ "{" HI ",\"cachedContent\":\"cachedContents/x\"}",
		    "cachedContent" },
		{ "{" HI ",\"tools\":[{\"googleSearch\":{}}]}", "tools" },
		{ "{" HI ",\"generationConfig\":{\"speechConfig\":{}}}",
		    "generationConfig.speechConfig" },
		{ "{" HI ",\"generationConfig\":{\"responseModalities\":["
		  "\"IMAGE\"]}}",
		    "generationConfig.responseModalities" },
		{ "{}", "contents" },
		{ "{\"contents\":[{\"role\":\"system\"}]}", "contents.role" },
	};
	struct conversation c;
	struct wrong w;
	struct arena a = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		assert_int_equal(decode(&a, bad[i].body, &c, &w), FAULT_FIELD);
		assert_true(slice_eq(w.field, slice_of(bad[i].field)));
	}
	assert_int_equal(
	    decode(&a,
		"{" HI ",\"safetySettings\":[],\"zzz\":1,\"labels\":{\"a\":"
		"\"b\"},\"service_tier\":\"priority\"}",
		&c, &w),
	    FAULT_NONE);
	assert_true(c.lost & LOSS_BIT(LOSS_SAFETY));
	assert_true(c.lost & LOSS_BIT(LOSS_EXTRA));
	assert_true(slice_eq(c.metadata, S("{\"a\":\"b\"}")));
	assert_true(slice_eq(c.tier, S("priority")));
	arena_fini(&a);
}

static void
answers_have_google_s_shape(void **state)
{
	struct arena a = { 0 };
	struct encoding_out e = {
		.arena = &a, .id = S("req_01abc"), .model = S("m")
	};
	struct part call = { .kind = PART_TOOL_CALL,
		.id = S("c"),
		.name = S("f"),
		.args = S("{\"x\":1}"),
		.opaque = S("c2ln"),
		.origin = VENDOR_GOOGLE };
	struct part text = {
		.kind = PART_TEXT, .text = S("hi"), .next = &call
	};
	struct completion done = { .first = &text,
		.stop = STOP_TOOL,
		.has_usage = true,
		.usage = {
		    .input = 9, .cached = 4, .output = 5, .reasoning = 2 } };
	struct buf b = { 0 };

	(void)state;
	codec()->write_answer(&done, &e, &b);
	assert_string_equal(buf_cstr(&b),
	    "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\"},{"
	    "\"functionCall\":{\"id\":\"c\",\"name\":\"f\",\"args\":{\"x\":1}}"
	    ",\"thoughtSignature\":\"c2ln\"}],\"role\":\"model\"},"
	    "\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{"
	    "\"promptTokenCount\":9,\"candidatesTokenCount\":3,"
	    "\"totalTokenCount\":14,\"cachedContentTokenCount\":4,"
	    "\"thoughtsTokenCount\":2},\"modelVersion\":\"m\","
	    "\"responseId\":\"01abc\"}");
	buf_fini(&b);
	arena_fini(&a);
}

struct relay {
	struct encoding_out *e;
	struct buf out;
};

static void
write_step(void *arg, const struct stream_step *s)
{
	struct relay *r = arg;

	codec()->write_step(s, r->e, &r->out);
}

/* What a stream says is what a reader of it gathers. */
static void
a_written_stream_reads_back(void **state)
{
	struct arena a = { 0 };
	struct encoding_out e = {
		.arena = &a, .id = S("req_1"), .model = S("m")
	};
	struct relay r = { .e = &e };
	struct part call = { .kind = PART_TOOL_CALL,
		.id = S("c"),
		.name = S("f"),
		.args = S("{\"x\":1}"),
		.opaque = S("foreign"),
		.origin = VENDOR_OPENAI };
	struct part text = {
		.kind = PART_TEXT, .text = S("hi"), .next = &call
	};
	struct part thought = { .kind = PART_REASONING,
		.text = S("hm"),
		.opaque = S("sig"),
		.origin = VENDOR_ANTHROPIC,
		.next = &text };
	const struct completion said = { .first = &thought,
		.id = S("x"),
		.stop = STOP_TOOL,
		.has_usage = true,
		.usage = { .input = 9, .output = 5 } };
	struct gather *g = gather_new(&a);
	struct decoding d = {
		.arena = &a, .scratch = &a, .step = gather_step, .arg = g
	};
	const struct completion *heard;
	struct slice left, line, rest;

	(void)state;
	completion_steps(&said, write_step, &r);
	left = buf_slice(&r.out);
	while (slice_cut(left, '\n', &line, &rest)) {
		left = rest;
		if (!slice_starts(line, S("data: ")))
			continue;
		line.p += 6;
		line.len -= 6;
		assert_int_equal(
		    codec()->read_event(&d, S(""), line), FAULT_NONE);
	}
	assert_int_equal(codec()->read_end(&d), FAULT_NONE);
	heard = gather_completion(g);
	assert_int_equal(heard->stop, STOP_TOOL);
	assert_int_equal(heard->usage.input, 9);
	assert_int_equal(heard->first->kind, PART_REASONING);
	assert_true(slice_eq(heard->first->next->text, S("hi")));
	assert_true(slice_eq(heard->first->next->next->args, S("{\"x\":1}")));
	/* In an envelope: who made it gets it back, nobody else. */
	assert_false(slice_eq(heard->first->opaque, S("sig")));
	buf_fini(&r.out);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(google_s_schemas_become_json_schema),
		cmocka_unit_test(calls_without_ids_pair_by_their_order),
		cmocka_unit_test(
		    what_only_google_has_is_refused_or_said_to_be_lost),
		cmocka_unit_test(answers_have_google_s_shape),
		cmocka_unit_test(a_written_stream_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

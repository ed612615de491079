#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/dialect.h"

static const struct codec *
codec(void)
{
	return dialect_openai_responses.codec;
}

static char *
recoded(struct arena *a, const struct dialect *from, const char *body,
    uint64_t *lost)
{
	const struct target t = { .model = S("m"), .vendor = VENDOR_OPENAI };
	struct conversation c = { .n = 1, .parallel = -1, .schema_strict = -1 };
	struct wrong w = { 0 };
	struct buf b = { 0 };
	char *out;

	assert_int_equal(
	    from->codec->decode(a, slice_of(body), &c, &w), FAULT_NONE);
	*lost = c.lost;
	assert_int_equal(codec()->encode(a, &c, &t, &b, lost, &w), FAULT_NONE);
	out = arena_str(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

static void
responses_to_responses_is_the_identity(void **state)
{
	static const char body[] =
	    "{\"model\":\"m\",\"input\":[{\"type\":\"message\",\"role\":"
	    "\"developer\",\"content\":[{\"type\":\"input_text\",\"text\":"
	    "\"s\"}]},{\"type\":\"message\",\"role\":\"user\",\"content\":[{"
	    "\"type\":\"input_text\",\"text\":\"q\"},{\"type\":\"input_image\""
	    ",\"image_url\":\"data:image/png;base64,AA==\",\"detail\":\"low\"}"
	    ",{\"type\":\"input_file\",\"filename\":\"a.pdf\",\"file_data\":"
	    "\"data:application/pdf;base64,AA==\"}]},{\"type\":\"reasoning\","
	    "\"summary\":[{\"type\":\"summary_text\",\"text\":\"hm\"}],"
	    "\"encrypted_content\":\"gAAAA\"},{\"type\":\"message\",\"role\":"
	    "\"assistant\",\"content\":\"a\"},{\"type\":\"function_call\","
	    "\"call_id\":\"c1\",\"name\":"
	    "\"f\",\"arguments\":\"{\\\"n\\\": 1.50}\"},{\"type\":"
	    "\"custom_tool_call\",\"call_id\":\"c2\",\"name\":\"g\",\"input\":"
	    "\"raw\"},{\"type\":\"function_call_output\",\"call_id\":\"c1\","
	    "\"output\":\"1\"},{\"type\":\"custom_tool_call_output\","
	    "\"call_id\":\"c2\",\"output\":[{\"type\":\"input_text\",\"text\":"
	    "\"t\"},{\"type\":\"input_image\",\"image_url\":"
	    "\"data:image/png;base64,AA==\",\"detail\":\"auto\"}]}],\"tools\":"
	    "[{\"type\":\"function\",\"name\":\"f\",\"description\":\"d\","
	    "\"parameters\":{\"type\":\"object\",\"x\":1e400},\"strict\":false"
	    "},{\"type\":\"custom\",\"name\":\"g\"}],\"tool_choice\":{"
	    "\"type\":\"allowed_tools\",\"mode\":\"required\",\"tools\":[{"
	    "\"type\":\"function\",\"name\":\"f\"}]},\"parallel_tool_calls\":"
	    "false,\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":"
	    "\"n\",\"schema\":{},\"strict\":true},\"verbosity\":\"low\"},"
	    "\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"},"
	    "\"include\":[\"reasoning.encrypted_content\"],"
	    "\"max_output_tokens\":99,\"safety_identifier\":\"u\","
	    "\"prompt_cache_key\":\"k\",\"service_tier\":\"flex\","
	    "\"metadata\":{\"a\":\"b\"},\"stream\":true,\"store\":false}";
	struct arena a = { 0 };
	uint64_t lost;

	(void)state;
	assert_string_equal(
	    recoded(&a, &dialect_openai_responses, body, &lost), body);
	assert_int_equal(lost, 0);
	arena_fini(&a);
}

static void
chat_becomes_responses(void **state)
{
	struct arena a = { 0 };
	uint64_t lost;

	(void)state;
	assert_string_equal(
	    recoded(&a, &dialect_openai_chat,
		"{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":"
		"\"q\"}],\"stop\":[\"x\"],\"seed\":1,\"top_k\":2,"
		"\"temperature\":0.5,\"reasoning_effort\":\"high\","
		"\"max_tokens\":5}",
		&lost),
	    "{\"model\":\"m\",\"input\":[{\"type\":\"message\",\"role\":"
	    "\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"q\"}]}]"
	    ",\"reasoning\":{\"effort\":\"high\"},\"include\":["
	    "\"reasoning.encrypted_content\"],\"max_output_tokens\":16,"
	    "\"store\":false}");
	assert_true(lost & LOSS_BIT(LOSS_STOP));
	assert_true(lost & LOSS_BIT(LOSS_SEED));
	assert_true(lost & LOSS_BIT(LOSS_TOP_K));
	assert_true(lost & LOSS_BIT(LOSS_TEMPERATURE));
	arena_fini(&a);
}

static void
opaque_parts_of_others_stay_at_home(void **state)
{
	const struct target t = { .model = S("m"), .vendor = VENDOR_OPENAI };
	struct conversation c = { .n = 1, .parallel = -1 };
	struct wrong w = { 0 };
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct turn *turn;
	struct part *p;
	uint64_t lost = 0;

	(void)state;
	turn = conversation_turn(&c, &a, SPEAKER_ASSISTANT);
	p = part_add(PARTS(&turn->first), &a, PART_REASONING);
	p->opaque = S("sig-of-google");
	p->origin = VENDOR_GOOGLE;
	turn = conversation_turn(&c, &a, SPEAKER_USER);
	part_add(PARTS(&turn->first), &a, PART_TEXT)->text = S("r");
	assert_int_equal(
	    codec()->encode(&a, &c, &t, &b, &lost, &w), FAULT_NONE);
	assert_null(strstr(buf_cstr(&b), "sig-of-google"));
	assert_true(lost & LOSS_BIT(LOSS_REASONING));
	turn = conversation_turn(&c, &a, SPEAKER_USER);
	part_add(PARTS(&turn->first), &a, PART_VIDEO)->data = S("AA==");
	buf_clear(&b);
	assert_int_equal(
	    codec()->encode(&a, &c, &t, &b, &lost, &w), FAULT_FIELD);
	buf_fini(&b);
	arena_fini(&a);
}

/* --- answers ------------------------------------------------------------- */

#define MESSAGE(text) \
	"{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\"," \
	"\"status\":\"completed\",\"content\":[{\"type\":\"output_text\"," \
	"\"text\":\"" text "\",\"annotations\":[]}]}"
#define CALL(args) \
	"{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"c1\"," \
	"\"name\":\"f\",\"arguments\":\"" args "\"}"
#define REASONING \
	"{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":" \
	"\"summary_text\",\"text\":\"hm\"}],\"encrypted_content\":\"gA\"}"
#define RESPONSE(status, output) \
	"{\"id\":\"resp_1\",\"model\":\"m\",\"status\":\"" status \
	"\",\"output\":[" output "],\"usage\":{\"input_tokens\":9," \
	"\"output_tokens\":5}}"

static void
same(const struct part *p, const struct part *q)
{
	for (; p != NULL && q != NULL; p = p->next, q = q->next) {
		assert_int_equal(p->kind, q->kind);
		assert_true(slice_eq(p->text, q->text));
		assert_true(slice_eq(p->args, q->args));
		assert_true(slice_eq(p->id, q->id));
		assert_true(slice_eq(p->opaque, q->opaque));
	}
	assert_true(p == NULL && q == NULL);
}

static const struct completion *
hear(struct arena *a, const char *const *events, size_t n)
{
	struct gather *g = gather_new(a);
	struct decoding d = {
		.arena = a, .scratch = a, .step = gather_step, .arg = g
	};
	size_t i;

	for (i = 0; i < n; i++)
		assert_int_equal(
		    codec()->read_event(&d, S(""), slice_of(events[i])),
		    FAULT_NONE);
	assert_int_equal(codec()->read_end(&d), FAULT_NONE);
	return gather_completion(g);
}

static void
a_stream_and_a_whole_answer_say_the_same(void **state)
{
	static const char *const ladder[] = {
		"{\"type\":\"response.created\",\"response\":{\"id\":"
		"\"resp_1\",\"model\":\"m\"}}",
		"{\"type\":\"response.output_item.added\",\"item\":{\"type\":"
		"\"reasoning\",\"summary\":[]}}",
		"{\"type\":\"response.reasoning_summary_text.delta\","
		"\"delta\":\"hm\"}",
		"{\"type\":\"response.output_item.done\",\"item\":" REASONING
		"}",
		"{\"type\":\"response.output_item.added\",\"item\":{\"type\":"
		"\"message\"}}",
		"{\"type\":\"response.output_text.delta\",\"delta\":\"he\"}",
		"{\"type\":\"response.output_text.delta\",\"delta\":\"llo\"}",
		"{\"type\":\"response.content_part.done\",\"part\":{\"type\":"
		"\"output_text\",\"text\":\"hello\"}}",
		"{\"type\":\"response.output_item.done\",\"item\":" MESSAGE(
		    "hello") "}",
		"{\"type\":\"response.output_item.added\",\"item\":" CALL(
		    "") "}",
		"{\"type\":\"response.function_call_arguments.delta\","
		"\"delta\":\"{}\"}",
		"{\"type\":\"response.output_item.done\",\"item\":" CALL(
		    "{}") "}",
		"{\"type\":\"response.completed\",\"response\":" RESPONSE(
		    "completed", "") "}",
	};
	/* Arguments and text that come only when they are whole. */
	static const char *const sparse[] = {
		"{\"type\":\"response.output_item.done\",\"item\":" REASONING
		"}",
		"{\"type\":\"response.content_part.done\",\"part\":{\"type\":"
		"\"output_text\",\"text\":\"hello\"}}",
		"{\"type\":\"response.output_item.done\",\"item\":" CALL(
		    "{}") "}",
		"{\"type\":\"response.completed\",\"response\":" RESPONSE(
		    "completed", "") "}",
	};
	static const char whole[] = RESPONSE(
	    "completed", REASONING "," MESSAGE("hello") "," CALL("{}"));
	struct arena a = { 0 };
	const struct completion *s;
	struct completion w;

	(void)state;
	assert_int_equal(
	    codec()->read_answer(&a, slice_of(whole), &w), FAULT_NONE);
	assert_int_equal(w.stop, STOP_TOOL);
	assert_int_equal(w.first->origin, VENDOR_OPENAI);
	s = hear(&a, ladder, NELEM(ladder));
	assert_int_equal(s->stop, STOP_TOOL);
	assert_int_equal(s->usage.input, 9);
	same(s->first, w.first);
	s = hear(&a, sparse, NELEM(sparse));
	assert_int_equal(s->stop, STOP_TOOL);
	same(s->first, w.first);
	arena_fini(&a);
}

static void
ends_are_told_apart(void **state)
{
	static const char *const cut[] = {
		"{\"type\":\"response.created\",\"response\":{}}",
		"{\"type\":\"response.incomplete\",\"response\":{\"status\":"
		"\"incomplete\",\"incomplete_details\":{\"reason\":"
		"\"max_output_tokens\"}}}",
	};
	struct arena a = { 0 };
	struct gather *g = gather_new(&a);
	struct decoding d = {
		.arena = &a, .scratch = &a, .step = gather_step, .arg = g
	};

	(void)state;
	assert_int_equal(hear(&a, cut, NELEM(cut))->stop, STOP_LENGTH);
	assert_int_equal(
	    codec()->read_event(&d, S(""), slice_of(cut[0])), FAULT_NONE);
	assert_int_equal(codec()->read_end(&d), FAULT_UP_RESET);
	assert_int_equal(
	    codec()->read_event(&d, S(""), S("{}")), FAULT_UP_GARBAGE);
	assert_int_equal(codec()->read_event(&d, S(""),
			     S("{\"type\":\"error\",\"message\":\"m\"}")),
	    FAULT_NONE);
	assert_true(d.ended);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(responses_to_responses_is_the_identity),
		cmocka_unit_test(chat_becomes_responses),
		cmocka_unit_test(opaque_parts_of_others_stay_at_home),
		cmocka_unit_test(a_stream_and_a_whole_answer_say_the_same),
		cmocka_unit_test(ends_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

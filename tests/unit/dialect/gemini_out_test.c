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

static char *
recoded(struct arena *a, const struct dialect *from, const char *body,
    const char *model, uint64_t *lost)
{
	const struct target t = { .model = slice_of(model),
		.vendor = VENDOR_GOOGLE };
	struct conversation c = { 0 };
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

/* What Gemini can say comes out of the model as it went in. */
static void
gemini_to_gemini_is_the_identity(void **state)
{
	static const char *const bodies[] = {
		"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}"
		"]}],\"generationConfig\":{}}",
		"{\"systemInstruction\":{\"parts\":[{\"text\":\"be brief\"}]},"
		"\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"see\"}"
		",{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AA==\""
		"}},{\"fileData\":{\"mimeType\":\"video/mp4\",\"fileUri\":"
		"\"gs://b/o\"}}]},{\"role\":\"model\",\"parts\":[{\"text\":"
		"\"hm\",\"thought\":true,\"thoughtSignature\":\"c2ln\"},{"
		"\"functionCall\":{\"id\":\"a\",\"name\":\"f\",\"args\":{\"n\":"
		"12345678901234567890,\"b\":1.50}},\"thoughtSignature\":"
		"\"c2ln\"},{\"functionCall\":{\"id\":\"b\",\"name\":\"g\","
		"\"args\":{}}}]},{\"role\":\"user\",\"parts\":[{"
		"\"functionResponse\":{\"id\":\"a\",\"name\":\"f\",\"response\""
		":{\"t\":20}}},{\"functionResponse\":{\"id\":\"b\",\"name\":"
		"\"g\",\"response\":{\"error\":\"no\"},\"parts\":[{"
		"\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AA==\"}}"
		"]}}]}],\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\","
		"\"description\":\"d\",\"parametersJsonSchema\":{\"type\":"
		"\"object\",\"x\":[1]}},{\"name\":\"g\",\"description\":"
		"\"\"}]}],\"toolConfig\":{"
		"\"functionCallingConfig\":{\"mode\":\"ANY\","
		"\"allowedFunctionNames\":[\"f\"]}},\"generationConfig\":{"
		"\"maxOutputTokens\":9,\"temperature\":0.50,\"topP\":0.9,"
		"\"topK\":40,\"presencePenalty\":0.1,\"frequencyPenalty\":-0.2,"
		"\"seed\":7,\"stopSequences\":[\"x\",\"y\"],"
		"\"responseMimeType\":\"application/json\","
		"\"responseJsonSchema\":{\"type\":\"object\"},"
		"\"thinkingConfig\":{\"includeThoughts\":true,"
		"\"thinkingLevel\":\"LOW\"}},\"serviceTier\":\"flex\"}",
	};
	struct arena a = { 0 };
	uint64_t lost;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bodies); i++) {
		assert_string_equal(recoded(&a, &dialect_gemini, bodies[i],
					"gemini-3.1-pro", &lost),
		    bodies[i]);
		assert_int_equal(lost, 0);
	}
	arena_fini(&a);
}

static void
chat_becomes_gemini(void **state)
{
	struct arena a = { 0 };
	uint64_t lost;

	(void)state;
	assert_string_equal(
	    recoded(&a, &dialect_openai_chat,
		"{\"model\":\"m\",\"messages\":[{\"role\":\"system\","
		"\"content\":\"s\"},{\"role\":\"user\",\"content\":\"q\"},{"
		"\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c1\","
		"\"type\":\"function\",\"function\":{\"name\":\"f\","
		"\"arguments\":\"{\\\"x\\\":1}\"}}]},{\"role\":\"system\","
		"\"content\":\"mind\"},{\"role\":\"tool\",\"tool_call_id\":"
		"\"c1\",\"content\":\"20\"}],\"tools\":[{\"type\":\"function\""
		",\"function\":{\"name\":\"f\",\"strict\":true}}],"
		"\"tool_choice\":\"none\",\"seed\":1e30,\"reasoning_effort\":"
		"\"max\",\"parallel_tool_calls\":false,\"user\":\"u\"}",
		"gemini-3.1-pro", &lost),
	    "{\"systemInstruction\":{\"parts\":[{\"text\":\"s\"}]},"
	    "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},{"
	    "\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":\"c1\","
	    "\"name\":\"f\",\"args\":{\"x\":1}},\"thoughtSignature\":"
	    "\"skip_thought_signature_validator\"}]},{\"role\":\"user\","
	    "\"parts\":[{\"functionResponse\":{\"id\":\"c1\",\"name\":\"f\","
	    "\"response\":{\"output\":\"20\"}}},{\"text\":\"mind\"}]}],"
	    "\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\","
	    "\"description\":\"\"}]}],"
	    "\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"NONE\"}},"
	    "\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":"
	    "\"HIGH\"}}}");
	assert_true(lost & LOSS_BIT(LOSS_SYSTEM_PLACE));
	assert_true(lost & LOSS_BIT(LOSS_SEED));
	assert_true(lost & LOSS_BIT(LOSS_EFFORT));
	assert_true(lost & LOSS_BIT(LOSS_PARALLEL));
	assert_true(lost & LOSS_BIT(LOSS_STRICT));
	assert_true(lost & LOSS_BIT(LOSS_USER));
	arena_fini(&a);
}

static void
thinking_is_told_as_the_model_takes_it(void **state)
{
	static const struct {
		const char *model, *effort, *want;
	} row[] = {
		{ "gemini-3.1-pro", "low", "{\"thinkingLevel\":\"LOW\"}" },
		{ "gemini-3.1-pro", "none", "{\"thinkingLevel\":\"MINIMAL\"}" },
		{ "gemini-2.5-flash", "low", "{\"thinkingBudget\":1024}" },
		{ "gemini-2.5-flash", "none", "{\"thinkingBudget\":0}" },
		{ "publishers/google/models/gemini-2.5-pro", "high",
		    "{\"thinkingBudget\":24576}" },
		{ "gemini-2.0-flash", "high", NULL },
	};
	struct arena a = { 0 };
	char *out;
	uint64_t lost;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(row); i++) {
		out = recoded(&a, &dialect_openai_chat,
		    arena_fmt(&a,
			"{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
			"\"content\":\"q\"}],\"reasoning_effort\":\"%s\"}",
			row[i].effort),
		    row[i].model, &lost);
		if (row[i].want == NULL)
			assert_null(strstr(out, "thinkingConfig"));
		else
			assert_non_null(strstr(out, row[i].want));
	}
	arena_fini(&a);
}

static void
opaque_parts_of_others_stay_at_home(void **state)
{
	const struct target t = { .model = S("gemini-3.1-pro"),
		.vendor = VENDOR_GOOGLE };
	struct conversation c = { .n = 1, .parallel = -1 };
	struct wrong w = { 0 };
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct turn *turn;
	struct part *p;
	uint64_t lost = 0;

	(void)state;
	turn = conversation_turn(&c, &a, SPEAKER_USER);
	part_add(PARTS(&turn->first), &a, PART_TEXT)->text = S("q");
	turn = conversation_turn(&c, &a, SPEAKER_ASSISTANT);
	p = part_add(PARTS(&turn->first), &a, PART_REASONING);
	p->text = S("secret");
	p->opaque = S("sig-of-anthropic");
	p->origin = VENDOR_ANTHROPIC;
	part_add(PARTS(&turn->first), &a, PART_TEXT)->text = S("a");
	turn = conversation_turn(&c, &a, SPEAKER_USER);
	part_add(PARTS(&turn->first), &a, PART_TEXT)->text = S("r");
	assert_int_equal(
	    codec()->encode(&a, &c, &t, &b, &lost, &w), FAULT_NONE);
	assert_null(strstr(buf_cstr(&b), "anthropic"));
	assert_null(strstr(buf_cstr(&b), "secret"));
	assert_true(lost & LOSS_BIT(LOSS_REASONING));
	buf_fini(&b);
	arena_fini(&a);
}

static void
a_file_of_another_provider_is_refused(void **state)
{
	const struct target t = { .model = S("gemini-3.1-pro") };
	struct conversation c = { .n = 1 };
	struct wrong w = { 0 };
	struct arena a = { 0 };
	struct buf b = { 0 };
	uint64_t lost = 0;
	struct turn *turn = conversation_turn(&c, &a, SPEAKER_USER);

	(void)state;
	part_add(PARTS(&turn->first), &a, PART_DOCUMENT)->file = S("file-1");
	assert_int_equal(
	    codec()->encode(&a, &c, &t, &b, &lost, &w), FAULT_FIELD);
	assert_true(slice_eq(w.field, S("messages")));
	buf_fini(&b);
	arena_fini(&a);
}

/* --- answers ------------------------------------------------------------- */

#define CHUNK(parts, rest) \
	"{\"candidates\":[{\"content\":{\"parts\":[" parts \
	"],\"role\":\"model\"}" rest "}],\"usageMetadata\":{" \
	"\"promptTokenCount\":10,\"candidatesTokenCount\":3," \
	"\"thoughtsTokenCount\":2},\"modelVersion\":\"g\"," \
	"\"responseId\":\"r-1\"}"

static void
a_stream_and_a_whole_answer_say_the_same(void **state)
{
	static const char *const events[] = {
		CHUNK("{\"text\":\"hm\",\"thought\":true}", ""),
		CHUNK("{\"text\":\"he\"}", ""),
		CHUNK("{\"text\":\"llo\"}", ""),
		CHUNK("{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1}},"
		      "\"thoughtSignature\":\"c2ln\"},{\"functionCall\":{"
		      "\"name\":\"g\"}}",
		    ""),
		CHUNK("{\"text\":\"\"}", ",\"finishReason\":\"STOP\""),
	};
	static const char whole[] =
	    CHUNK("{\"text\":\"hm\",\"thought\":true},{\"text\":\"hello\"},{"
		  "\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1}},"
		  "\"thoughtSignature\":\"c2ln\"},{\"functionCall\":{\"name\":"
		  "\"g\"}}",
		",\"finishReason\":\"STOP\"");
	struct arena a = { 0 };
	struct gather *g = gather_new(&a);
	struct decoding d = {
		.arena = &a, .scratch = &a, .step = gather_step, .arg = g
	};
	const struct completion *s;
	const struct part *p, *q;
	struct completion w;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(events); i++)
		assert_int_equal(
		    codec()->read_event(&d, S(""), slice_of(events[i])),
		    FAULT_NONE);
	assert_int_equal(codec()->read_end(&d), FAULT_NONE);
	s = gather_completion(g);
	assert_non_null(s);
	assert_int_equal(
	    codec()->read_answer(&a, slice_of(whole), &w), FAULT_NONE);
	assert_int_equal(s->stop, STOP_TOOL);
	assert_int_equal(w.stop, STOP_TOOL);
	assert_int_equal(w.usage.output, 5);
	assert_memory_equal(&s->usage, &w.usage, sizeof(w.usage));
	for (p = s->first, q = w.first; p != NULL && q != NULL;
	     p = p->next, q = q->next) {
		assert_int_equal(p->kind, q->kind);
		assert_true(slice_eq(p->text, q->text));
		assert_true(slice_eq(p->args, q->args));
		assert_true(slice_eq(p->id, q->id));
		assert_true(slice_eq(p->opaque, q->opaque));
		if (p->opaque.len > 0)
			assert_int_equal(p->origin, VENDOR_GOOGLE);
	}
	assert_true(p == NULL && q == NULL);
	arena_fini(&a);
}

static void
an_answer_that_broke_off_is_told_from_one_that_ended(void **state)
{
	struct arena a = { 0 };
	struct gather *g = gather_new(&a);
	struct decoding d = {
		.arena = &a, .scratch = &a, .step = gather_step, .arg = g
	};
	struct completion w;

	(void)state;
	assert_int_equal(
	    codec()->read_event(&d, S(""), S(CHUNK("{\"text\":\"a\"}", ""))),
	    FAULT_NONE);
	assert_int_equal(codec()->read_end(&d), FAULT_UP_RESET);
	assert_int_equal(
	    codec()->read_event(&d, S(""), S("{\"cand")), FAULT_UP_GARBAGE);
	assert_int_equal(
	    codec()->read_answer(&a, S("[]"), &w), FAULT_UP_GARBAGE);
	assert_int_equal(codec()->read_answer(&a,
			     S("{\"promptFeedback\":{\"blockReason\":\"X\"},"
			       "\"responseId\":\"r\"}"),
			     &w),
	    FAULT_NONE);
	assert_int_equal(w.stop, STOP_FILTER);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gemini_to_gemini_is_the_identity),
		cmocka_unit_test(chat_becomes_gemini),
		cmocka_unit_test(thinking_is_told_as_the_model_takes_it),
		cmocka_unit_test(opaque_parts_of_others_stay_at_home),
		cmocka_unit_test(a_file_of_another_provider_is_refused),
		cmocka_unit_test(a_stream_and_a_whole_answer_say_the_same),
		cmocka_unit_test(
		    an_answer_that_broke_off_is_told_from_one_that_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

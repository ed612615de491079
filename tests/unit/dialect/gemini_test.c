#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/dialect.h"

static const struct dialect *const gemini = &dialect_gemini;

#define HI "\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}]"

static char *
clamped(struct arena *a, const char *body, uint64_t clamp)
{
	struct slice part[EDIT_PARTS];
	const struct edits e = { .name = S("m"), .clamp = clamp };
	struct buf b = { 0 };
	struct ask q;
	unsigned i, n;
	char *out;

	assert_int_equal(gemini->ask(a, slice_of(body), &q), FAULT_NONE);
	n = ask_edit(&q, a, &e, part);
	for (i = 0; i < n; i++)
		buf_add(&b, part[i]);
	out = arena_str(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

static void
a_request_passes_as_it_is(void **state)
{
	const char *body = "{ " HI ", \"x\" : 1.50 }";
	struct arena a = { 0 };

	(void)state;
	assert_string_equal(clamped(&a, body, 0), body);
	arena_fini(&a);
}

static void
a_limit_is_lowered_or_put_where_google_reads_it(void **state)
{
	static const struct {
		const char *in, *out;
	} row[] = {
		{ "{" HI "}",
		    "{\"generationConfig\":{\"maxOutputTokens\":9}," HI "}" },
		{ "{" HI ",\"generationConfig\":{}}",
		    "{" HI ",\"generationConfig\":{\"maxOutputTokens\":9}}" },
		{ "{" HI ",\"generation_config\":{\"topK\":1}}",
		    "{" HI ",\"generation_config\":{\"maxOutputTokens\":9,"
		    "\"topK\":1}}" },
		{ "{\"generation_config\":{\"max_output_tokens\":50}," HI "}",
		    "{\"generation_config\":{\"max_output_tokens\":9}," HI
		    "}" },
		{ "{\"generationConfig\":{\"maxOutputTokens\":\"50\"}," HI "}",
		    "{\"generationConfig\":{\"maxOutputTokens\":\"9\"}," HI
		    "}" },
	};
	struct arena a = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(row); i++)
		assert_string_equal(clamped(&a, row[i].in, 9), row[i].out);
	arena_fini(&a);
}

static void
what_money_depends_on_is_read(void **state)
{
	struct arena a = { 0 };
	struct ask q;

	(void)state;
	assert_int_equal(
	    gemini->ask(&a,
		S("{" HI ",\"generationConfig\":{\"candidateCount\":3,"
		  "\"maxOutputTokens\":7,\"responseModalities\":[\"AUDIO\"]},"
		  "\"serviceTier\":\"flex\",\"tools\":[{\"googleSearch\":{}}],"
		  "\"cachedContent\":\"cachedContents/x\"}"),
		&q),
	    FAULT_NONE);
	assert_int_equal(q.n, 3);
	assert_int_equal(q.max_output, 7);
	assert_true(q.hosted_tool && q.unseen && !q.stream);
	assert_true(q.lanes & LANE_BIT(LANE_AUDIO_OUTPUT));
	assert_true(slice_eq(gemini->tier(q.tier, S("standard")), S("flex")));
	assert_int_equal(
	    gemini->ask(&a,
		S("{\"contents\":{\"parts\":[{\"inline_data\":{\"mime_type\":"
		  "\"image/png\",\"data\":\"\"}},{\"fileData\":{\"mimeType\":"
		  "\"audio/mp3\",\"fileUri\":\"u\"}}]},\"tools\":[{"
		  "\"functionDeclarations\":[{}]}]}"),
		&q),
	    FAULT_NONE);
	assert_true(q.unseen && !q.hosted_tool);
	assert_true(q.lanes & LANE_BIT(LANE_IMAGE_INPUT));
	assert_true(q.lanes & LANE_BIT(LANE_AUDIO_INPUT));
	arena_fini(&a);
}

static void
what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *body, *param;
	} bad[] = {
		{ "{}", "contents" },
		{ "{" HI ",\"generationConfig\":1}", "generationConfig" },
		{ "{" HI ",\"generationConfig\":{\"maxOutputTokens\":0}}",
		    "generationConfig.maxOutputTokens" },
		{ "{" HI ",\"generationConfig\":{\"candidateCount\":0}}",
		    "generationConfig.candidateCount" },
		{ "[]", "" },
	};
	struct arena a = { 0 };
	struct ask q;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		assert_int_equal(
		    gemini->ask(&a, slice_of(bad[i].body), &q), FAULT_FIELD);
		assert_true(slice_eq(q.param, slice_of(bad[i].param)));
	}
	assert_int_equal(gemini->ask(&a, S("{"), &q), FAULT_JSON);
	arena_fini(&a);
}

/* The prompt has the cache in it, candidates are without thoughts. */
static void
usage_is_added_up_as_google_means_it(void **state)
{
	static const char body[] =
	    "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"abcd\"}]},"
	    "\"finishReason\":\"STOP\"}],\"usageMetadata\":{"
	    "\"promptTokenCount\":100,\"cachedContentTokenCount\":40,"
	    "\"toolUsePromptTokenCount\":5,\"candidatesTokenCount\":20,"
	    "\"thoughtsTokenCount\":8,\"totalTokenCount\":133,"
	    "\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":70}"
	    ",{\"modality\":\"AUDIO\",\"tokenCount\":30}],"
	    "\"candidatesTokensDetails\":[{\"modality\":\"IMAGE\","
	    "\"tokenCount\":12}],\"trafficType\":\"ON_DEMAND_PRIORITY\"}}";
	struct tally t = { 0 };

	(void)state;
	assert_int_equal(gemini->answer(slice_of(body), &t), FAULT_NONE);
	assert_true(t.has_usage && t.finished);
	assert_int_equal(t.usage.input, 105);
	assert_int_equal(t.usage.cached, 40);
	assert_int_equal(t.usage.audio_input, 30);
	assert_int_equal(t.usage.output, 28);
	assert_int_equal(t.usage.reasoning, 8);
	assert_int_equal(t.usage.image_output, 12);
	assert_int_equal(t.bytes, 4);
	assert_true(slice_eq(
	    gemini->tier((struct slice){ t.tier, t.tier_len }, S("standard")),
	    S("priority")));
}

static void
counts_that_cannot_be_are_not_usage(void **state)
{
	static const char *const bad[] = {
		"{\"promptTokenCount\":-1}",
		"{\"promptTokenCount\":\"7\"}",
		"{\"promptTokenCount\":1,\"cachedContentTokenCount\":2}",
		"null",
		"{}",
	};
	struct arena a = { 0 };
	struct tally t;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		t = (struct tally){ 0 };
		assert_int_equal(
		    gemini->answer(
			slice_of(arena_fmt(&a,
			    "{\"candidates\":[],\"usageMetadata\":%s}",
			    bad[i])),
			&t),
		    FAULT_NONE);
		assert_false(t.has_usage);
	}
	arena_fini(&a);
}

static void
events_are_told_apart(void **state)
{
	struct tally t = { 0 };

	(void)state;
	assert_int_equal(
	    gemini->event(S("{\"candidates\":[{\"content\":{\"parts\":[{"
			    "\"text\":\"a\"}]}}]}"),
		&t),
	    EVENT_PASS);
	assert_false(t.finished);
	assert_int_equal(
	    gemini->event(
		S("{\"candidates\":[{\"finishReason\":\"STOP\"}]}"), &t),
	    EVENT_PASS);
	assert_true(t.finished);
	assert_int_equal(gemini->event(S("{\"x\":1}"), &t), EVENT_BAD);
	assert_int_equal(gemini->event(S("{\"cand"), &t), EVENT_BAD);
	assert_int_equal(
	    gemini->event(S("{\"error\":{\"code\":503}}"), &t), EVENT_PASS);
	assert_true(t.failed);
	t = (struct tally){ 0 };
	assert_int_equal(gemini->event(S("{\"promptFeedback\":{\"blockReason\":"
					 "\"SAFETY\"}}"),
			     &t),
	    EVENT_PASS);
	assert_true(t.finished);
}

static void
errors_have_the_shape_google_s_sdks_read(void **state)
{
	const struct problem p = {
		.status = 429, .fault = FAULT_RATE, .message = S("slow down")
	};
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct slice message;

	(void)state;
	gemini->error(&b, &p);
	assert_string_equal(buf_cstr(&b),
	    "{\"error\":{\"code\":429,\"message\":\"slow down\",\"status\":"
	    "\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis."
	    "com/google.rpc.ErrorInfo\",\"reason\":\"rate_limit_exceeded\","
	    "\"domain\":\"kontor\"}]}}");
	assert_true(gemini->is_error(buf_slice(&b), &a, &message));
	assert_true(slice_eq(message, S("slow down")));
	buf_clear(&b);
	gemini->error_event(&b, &p);
	assert_memory_equal(b.p, "data: {", 7);
	assert_false(gemini->is_error(
	    S("[{\"error\":{\"message\":\"m\"}}]"), &a, &message));
	assert_true(slice_eq(message, S("m")));
	buf_fini(&b);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_passes_as_it_is),
		cmocka_unit_test(
		    a_limit_is_lowered_or_put_where_google_reads_it),
		cmocka_unit_test(what_money_depends_on_is_read),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(usage_is_added_up_as_google_means_it),
		cmocka_unit_test(counts_that_cannot_be_are_not_usage),
		cmocka_unit_test(events_are_told_apart),
		cmocka_unit_test(errors_have_the_shape_google_s_sdks_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

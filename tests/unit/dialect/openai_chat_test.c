#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/json.h"
#include "dialect/dialect.h"

static const struct dialect *const chat = &dialect_openai_chat;

#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static enum fault
ask(struct arena *a, const char *body, struct ask *q)
{
	return chat->ask(a, slice_of(body), q);
}

static char *
clamped(struct arena *a, const struct ask *q, const char *name, uint64_t clamp)
{
	struct slice part[EDIT_PARTS];
	struct buf b = { 0 };
	const struct edits e = { .name = slice_of(name),
		.clamp = clamp,
		.limit = S("max_completion_tokens") };
	unsigned i, n = ask_edit(q, a, &e, part);
	char *out;

	for (i = 0; i < n; i++)
		buf_add(&b, part[i]);
	out = arena_str(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

static char *
edited(struct arena *a, const struct ask *q, const char *name)
{
	return clamped(a, q, name, 0);
}

static void
only_the_model_changes_in_a_plain_request(void **state)
{
	struct arena a = { 0 };
	struct ask q;

	(void)state;
	assert_int_equal(
	    ask(&a,
		"{ \"x\":[1,2.50],\"model\" : \"gpt\\u002d6\"," MESSAGES
		", \"\\u0079\":1e400}",
		&q),
	    FAULT_NONE);
	assert_true(slice_eq(q.model, S("gpt-6")));
	assert_false(q.stream);
	assert_string_equal(edited(&a, &q, "na\"me"),
	    "{ \"x\":[1,2.50],\"model\" : \"na\\\"me\"," MESSAGES
	    ", \"\\u0079\":1e400}");
	arena_fini(&a);
}

static void
an_output_limit_is_lowered_where_it_stands(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "{\"model\":\"m\"," MESSAGES "}",
		    "{\"max_completion_tokens\":77,\"model\":\"n\"," MESSAGES
		    "}" },
		{ "{\"max_tokens\": 4096 ,\"model\":\"m\"," MESSAGES "}",
		    "{\"max_tokens\": 77 ,\"model\":\"n\"," MESSAGES "}" },
		{ "{\"model\":\"m\",\"max_completion_tokens\":900,\"max_"
		  "tokens\":null," MESSAGES ",\"stream\":true}",
		    "{\"stream_options\":{\"include_usage\":true},\"model\":"
		    "\"n\",\"max_completion_tokens\":77,\"max_"
		    "tokens\":77," MESSAGES ",\"stream\":true}" },
	};
	struct arena a = { 0 };
	struct ask q;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		assert_int_equal(ask(&a, rows[i].in, &q), FAULT_NONE);
		assert_string_equal(clamped(&a, &q, "n", 77), rows[i].out);
	}
	arena_fini(&a);
}

/* Every way to ask for a stream, and what the provider is sent. */
static const struct {
	const char *in, *out;
	bool wants;
} streams[] = {
	{ "{\"model\":\"m\"," MESSAGES ",\"stream\":true}",
	    "{\"stream_options\":{\"include_usage\":true},\"model\":"
	    "\"n\"," MESSAGES ",\"stream\":true}",
	    false },
	{ "{\"stream\":true,\"stream_options\":{},\"model\":\"m\"," MESSAGES
	  "}",
	    "{\"stream\":true,\"stream_options\":{\"include_usage\":true},"
	    "\"model\":\"n\"," MESSAGES "}",
	    false },
	{ "{\"stream\":true,\"stream_options\":{\"a\":1},\"model\":"
	  "\"m\"," MESSAGES "}",
	    "{\"stream\":true,\"stream_options\":{\"include_usage\":true,"
	    "\"a\":1},\"model\":\"n\"," MESSAGES "}",
	    false },
	{ "{\"stream\":true,\"model\":\"m\"," MESSAGES
	  ",\"stream_options\":{\"include_usage\": false }}",
	    "{\"stream\":true,\"model\":\"n\"," MESSAGES
	    ",\"stream_options\":{\"include_usage\": true }}",
	    false },
	{ "{\"stream\":true,\"model\":\"m\"," MESSAGES
	  ",\"stream_options\":null}",
	    "{\"stream\":true,\"model\":\"n\"," MESSAGES
	    ",\"stream_options\":{\"include_usage\":true}}",
	    false },
	{ "{\"stream\":true,\"model\":\"m\"," MESSAGES
	  ",\"stream_options\":{\"include_usage\":true}}",
	    "{\"stream\":true,\"model\":\"n\"," MESSAGES
	    ",\"stream_options\":{\"include_usage\":true}}",
	    true },
	/* The provider reads it, however it is spelt. */
	{ "{\"stream\":true,\"stream_options\":{\"include\\u005Fusag\\u0065\":"
	  "false},\"model\":\"m\"," MESSAGES "}",
	    "{\"stream\":true,\"stream_options\":{"
	    "\"include\\u005Fusag\\u0065\":"
	    "true},\"model\":\"n\"," MESSAGES "}",
	    false },
	{ "{\"stream\":true,\"stream_options\":{\"include_usage\\n\":false,"
	  "\"include_usag\":1},\"model\":\"m\"," MESSAGES "}",
	    "{\"stream\":true,\"stream_options\":{\"include_usage\":true,"
	    "\"include_usage\\n\":false,\"include_usag\":1},\"model\":"
	    "\"n\"," MESSAGES "}",
	    false },
	{ "{\"stream\":false,\"model\":\"m\"," MESSAGES
	  ",\"stream_options\":null}",
	    "{\"stream\":false,\"model\":\"n\"," MESSAGES
	    ",\"stream_options\":null}",
	    false },
};

static void
a_stream_asks_its_provider_for_usage(void **state)
{
	struct arena a = { 0 };
	struct ask q;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(streams); i++) {
		assert_int_equal(ask(&a, streams[i].in, &q), FAULT_NONE);
		assert_string_equal(edited(&a, &q, "n"), streams[i].out);
		assert_int_equal(q.wants_usage, streams[i].wants);
	}
	arena_fini(&a);
}

static void
a_model_named_by_the_path_is_put_into_the_body(void **state)
{
	struct arena a = { 0 };
	struct ask q;

	(void)state;
	assert_int_equal(ask(&a, "{" MESSAGES "}", &q), FAULT_NONE);
	assert_int_equal(q.model.len, 0);
	assert_string_equal(
	    edited(&a, &q, "n"), "{\"model\":\"n\"," MESSAGES "}");
	arena_fini(&a);
}

static const struct {
	const char *body;
	enum fault fault;
	const char *param;
} bad[] = {
	{ "", FAULT_JSON, "" },
	{ "[]", FAULT_FIELD, "" },
	{ "{\"model\":\"m\"", FAULT_JSON, "" },
	{ "{\"model\":\"m\"," MESSAGES "} x", FAULT_JSON, "" },
	{ "{\"model\":\"m\"}", FAULT_FIELD, "messages" },
	{ "{\"model\":1," MESSAGES "}", FAULT_FIELD, "model" },
	{ "{\"model\":\"\"," MESSAGES "}", FAULT_FIELD, "model" },
	{ "{\"model\":\"m\",\"messages\":{}}", FAULT_FIELD, "messages" },
	{ "{\"model\":\"m\",\"messages\":[1]}", FAULT_FIELD, "messages" },
	{ "{\"model\":\"m\"," MESSAGES ",\"stream\":1}", FAULT_FIELD,
	    "stream" },
	{ "{\"model\":\"m\"," MESSAGES ",\"n\":0}", FAULT_FIELD, "n" },
	{ "{\"model\":\"m\"," MESSAGES ",\"n\":129}", FAULT_FIELD, "n" },
	{ "{\"model\":\"m\"," MESSAGES ",\"n\":1.5}", FAULT_FIELD, "n" },
	{ "{\"model\":\"m\"," MESSAGES ",\"max_tokens\":-1}", FAULT_FIELD,
	    "max_tokens" },
	{ "{\"model\":\"m\"," MESSAGES ",\"stream_options\":[]}", FAULT_FIELD,
	    "stream_options" },
	{ "{\"model\":\"m\"," MESSAGES ",\"stream_options\":{"
	  "\"include_usage\":true,\"\\u0069nclude_usage\":false}}",
	    FAULT_JSON_DUPLICATE, "" },
	{ "{\"model\":\"m\"," MESSAGES ",\"model\":\"m\"}",
	    FAULT_JSON_DUPLICATE, "model" },
	{ "{\"model\":\"m\"," MESSAGES ",\"mod\\u0065l\":\"m\"}",
	    FAULT_JSON_DUPLICATE, "model" },
	{ "{\"model\":\"m\"," MESSAGES ",\"x\":\"\xff\"}", FAULT_JSON_UTF8,
	    "" },
};

static void
what_is_wrong_is_named(void **state)
{
	struct arena a = { 0 };
	struct ask q;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		if (ask(&a, bad[i].body, &q) != bad[i].fault)
			fail_msg("%s", bad[i].body);
		assert_true(slice_eq(q.param, slice_of(bad[i].param)));
	}
	arena_fini(&a);
}

static void
deep_nesting_is_refused(void **state)
{
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct ask q;
	unsigned i;

	(void)state;
	buf_str(&b, "{\"model\":\"m\",\"x\":");
	for (i = 0; i < 100000; i++)
		buf_char(&b, '[');
	assert_int_equal(chat->ask(&a, buf_slice(&b), &q), FAULT_JSON_DEPTH);
	buf_fini(&b);
	arena_fini(&a);
}

enum {
	IMAGE = LANE_BIT(LANE_IMAGE_INPUT),
	AUDIO = LANE_BIT(LANE_AUDIO_INPUT),
	SPEECH = LANE_BIT(LANE_AUDIO_OUTPUT),
	PICTURE = LANE_BIT(LANE_IMAGE_OUTPUT)
};

static const struct {
	const char *fields;
	bool unseen, hosted;
	unsigned lanes;
} costs[] = {
	{ "\"messages\":[{\"content\":\"plain\"}]", false, false, 0 },
	{ "\"messages\":[{\"content\":[{\"type\":\"image_url\",\"image_url\":"
	  "{\"url\":\"data:image/png;base64,aa\"}}]}]",
	    false, false, IMAGE },
	{ "\"messages\":[{\"content\":[{\"type\":\"image_url\",\"image_url\":"
	  "{\"url\":\"https://x/y.png\"}}]}]",
	    true, false, IMAGE },
	{ "\"messages\":[{\"content\":[{\"image_url\":\"https://x\"}]}]", true,
	    false, IMAGE },
	{ "\"messages\":[{\"content\":[{\"type\":\"file\",\"file\":"
	  "{\"file_id\":\"f\"}}]}]",
	    true, false, IMAGE },
	{ "\"messages\":[{\"content\":[{\"type\":\"input_audio\","
	  "\"input_audio\":{}}]}]",
	    false, false, AUDIO },
	{ "\"messages\":[{\"content\":[{\"input\\u005faudio\":{}}]}]", true,
	    false, AUDIO | IMAGE },
	{ "\"messages\":[{\"c\\u006fntent\":[]}]", true, false, AUDIO | IMAGE },
	{ "\"messages\":[{\"role\":\"assistant\",\"audio\":{\"id\":\"a\"}}]",
	    true, false, AUDIO },
	{ "\"messages\":[],\"modalities\":[\"text\",\"audio\"]", false, false,
	    SPEECH },
	{ "\"messages\":[],\"modalities\":[\"text\",\"image\"]", false, false,
	    PICTURE },
	{ "\"messages\":[],\"modalities\":[\"\\u0061udio\"]", false, false,
	    SPEECH | PICTURE },
	{ "\"messages\":[],\"modalities\":[\"text\"]", false, false, 0 },
	{ "\"messages\":[],\"tools\":[{\"type\":\"function\"}]", false, false,
	    0 },
	{ "\"messages\":[],\"tools\":[{\"type\":\"web_search\"}]", false, true,
	    0 },
	{ "\"messages\":[],\"web_search_options\":{}", false, true, 0 },
	{ "\"messages\":[],\"service_tier\":\"priority\"", false, false, 0 },
};

static void
what_a_body_hides_is_noticed(void **state)
{
	struct arena a = { 0 };
	char body[512];
	struct ask q;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(costs); i++) {
		snprintf(body, sizeof(body), "{\"model\":\"m\",%s}",
		    costs[i].fields);
		assert_int_equal(ask(&a, body, &q), FAULT_NONE);
		if (q.unseen != costs[i].unseen ||
		    q.hosted_tool != costs[i].hosted ||
		    q.lanes != (LANES_TEXT | costs[i].lanes))
			fail_msg("%s", body);
	}
	arena_fini(&a);
}

static void
bounds_follow_the_request_and_the_model(void **state)
{
	struct ask q = { .body = { "", 1000 }, .n = 2, .max_output = 50 };
	uint64_t in, out;

	(void)state;
	assert_true(ask_bound(&q, 0, 0, &in, &out));
	assert_int_equal(in, 1000);
	assert_int_equal(out, 100);
	assert_true(ask_bound(&q, 400, 20, &in, &out));
	assert_int_equal(in, 400);
	assert_int_equal(out, 40);
	q.unseen = true;
	assert_false(ask_bound(&q, 0, 20, &in, &out));
	assert_true(ask_bound(&q, 128000, 20, &in, &out));
	assert_int_equal(in, 128000);
	q.max_output = 0;
	assert_false(ask_bound(&q, 128000, 0, &in, &out));
}

static void
the_tier_that_is_asked_for_is_read(void **state)
{
	static const struct {
		const char *field, *tier; /* NULL: refused */
	} asks[] = {
		{ "\"x\":1", "" },
		{ "\"service_tier\":null", "" },
		{ "\"service_tier\":\"auto\"", "auto" },
		{ "\"service_tier\":\"flex\"", "flex" },
		{ "\"service_tier\":\"sixteen_letters_\"", "sixteen_letters_" },
		{ "\"service_tier\":\"seventeen_letters\"", NULL },
		{ "\"service_tier\":\"fl\\u0065x\"", NULL },
		{ "\"service_tier\":5", NULL },
		{ "\"service_tier\":{}", NULL },
	};
	struct arena a = { 0 };
	char body[256];
	struct ask q;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(asks); i++) {
		snprintf(body, sizeof(body),
		    "{\"model\":\"m\",\"messages\":[],%s}", asks[i].field);
		if (asks[i].tier == NULL) {
			assert_int_equal(ask(&a, body, &q), FAULT_FIELD);
			assert_true(slice_eq(q.param, S("service_tier")));
			continue;
		}
		assert_int_equal(ask(&a, body, &q), FAULT_NONE);
		assert_true(slice_eq(q.tier, slice_of(asks[i].tier)));
	}
	arena_fini(&a);
}

static void
tiers_have_our_names(void **state)
{
	static const struct {
		const char *said, *own, *is;
	} rows[] = {
		{ "", "standard", "standard" },
		{ "auto", "priority", "priority" },
		{ "default", "standard", "standard" },
		{ "default", "priority", "standard" },
		{ "default", "flex", "standard" },
		{ "default", "provisioned", "provisioned" },
		{ "flex", "standard", "flex" },
		{ "priority", "standard", "priority" },
		{ "fast", "standard", "priority" },
		{ "ultrafast", "standard", "ultrafast" },
		{ "scale", "standard", "scale" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++)
		assert_true(slice_eq(
		    chat->tier(slice_of(rows[i].said), slice_of(rows[i].own)),
		    slice_of(rows[i].is)));
}

/* --- answers ------------------------------------------------------------ */

static void
the_tier_that_was_used_is_read(void **state)
{
	static const struct {
		const char *member, *tier;
	} says[] = {
		{ "", "" },
		{ ",\"service_tier\":null", "" },
		{ ",\"service_tier\":7", "" },
		{ ",\"service_tier\":\"\"", "" },
		{ ",\"service_tier\":\"default\"", "default" },
		{ ",\"service_tier\":\"priority\"", "priority" },
		{ ",\"service_tier\":\"a very long name indeed\"",
		    "a very long name" },
	};
	char body[256];
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(says); i++) {
		struct tally t = { 0 }, s = { 0 };

		snprintf(
		    body, sizeof(body), "{\"choices\":[]%s}", says[i].member);
		assert_int_equal(chat->answer(slice_of(body), &t), FAULT_NONE);
		assert_int_equal(chat->event(slice_of(body), &s), EVENT_PASS);
		assert_true(slice_eq((struct slice){ t.tier, t.tier_len },
		    slice_of(says[i].tier)));
		assert_memory_equal(t.tier, s.tier, sizeof(t.tier));
	}
}

static void
every_part_of_a_usage_is_read(void **state)
{
	struct tally t = { 0 };

	(void)state;
	assert_int_equal(
	    chat->answer(
		S("{\"choices\":[],\"usage\":{\"prompt_tokens\":100,"
		  "\"completion_tokens\":90,\"prompt_tokens_details\":"
		  "{\"cached_tokens\":10,\"cache_write_tokens\":9,"
		  "\"audio_tokens\":8,\"image_tokens\":7,\"text_tokens\":85},"
		  "\"completion_tokens_details\":{\"reasoning_tokens\":6,"
		  "\"audio_tokens\":5,\"image_tokens\":4,"
		  "\"accepted_prediction_tokens\":3,"
		  "\"rejected_prediction_tokens\":2}}}"),
		&t),
	    FAULT_NONE);
	assert_true(t.has_usage);
	assert_memory_equal(&t.usage,
	    (&(struct usage){ .input = 100,
		.cached = 10,
		.cache_write = 9,
		.audio_input = 8,
		.image_input = 7,
		.output = 90,
		.reasoning = 6,
		.audio_output = 5,
		.image_output = 4 }),
	    sizeof(t.usage));
}

static void
usage_of_a_whole_answer_is_read(void **state)
{
	struct tally t = { 0 };

	(void)state;
	assert_int_equal(
	    chat->answer(
		S("{\"choices\":[{\"index\":0,\"message\":{\"role\":\"a\","
		  "\"content\":\"hello\"},\"finish_reason\":\"stop\"}],"
		  "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":7,"
		  "\"total_tokens\":17,\"prompt_tokens_details\":"
		  "{\"cached_tokens\":4,\"cache_write_tokens\":2,\"x\":[]},"
		  "\"completion_tokens_details\":{\"reasoning_tokens\":3}}}"),
		&t),
	    FAULT_NONE);
	assert_true(t.has_usage && t.finished);
	assert_int_equal(t.usage.input, 10);
	assert_int_equal(t.usage.cached, 4);
	assert_int_equal(t.usage.cache_write, 2);
	assert_int_equal(t.usage.output, 7);
	assert_int_equal(t.usage.reasoning, 3);
	assert_int_equal(t.bytes, 5);
}

static void
counts_that_cannot_be_are_not_usage(void **state)
{
	static const char *const usages[] = {
		"null",
		"{}",
		"[]",
		"\"x\"",
		"{\"prompt_tokens\":1}",
		"{\"prompt_tokens\":-1,\"completion_tokens\":1}",
		"{\"prompt_tokens\":\"1\",\"completion_tokens\":1}",
		"{\"prompt_tokens\":1.5,\"completion_tokens\":1}",
		"{\"prompt_tokens\":1,\"completion_tokens\":1,"
		"\"prompt_tokens_details\":{\"cached_tokens\":2}}",
		"{\"prompt_tokens\":1,\"completion_tokens\":1,"
		"\"completion_tokens_details\":{\"reasoning_tokens\":2}}",
	};
	char body[256];
	struct tally t;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(usages); i++) {
		t = (struct tally){ 0 };
		snprintf(body, sizeof(body), "{\"choices\":[],\"usage\":%s}",
		    usages[i]);
		assert_int_equal(chat->answer(slice_of(body), &t), FAULT_NONE);
		if (t.has_usage)
			fail_msg("%s", usages[i]);
	}
}

/* Nothing is booked by a usage that broke off, and what was there stays. */
static void
a_usage_that_is_no_json_is_none(void **state)
{
	static const char *const ends[] = {
		"500",
		"500,\"completion_tokens\":",
		"500,\"completion_tokens\":}}",
		"500,\"completion_tokens\":7",
		"}}",
		"500,\"completion_tokens\":7,\"prompt_tokens_details\":{"
		"\"cached_tokens\":",
	};
	struct tally none = { 0 }, some = { 0 };
	char body[256];
	size_t i;

	(void)state;
	assert_int_equal(chat->event(S("{\"choices\":[],\"usage\":{"
				       "\"prompt_tokens\":12,"
				       "\"completion_tokens\":2}}"),
			     &some),
	    EVENT_USAGE);
	for (i = 0; i < NELEM(ends); i++) {
		snprintf(body, sizeof(body),
		    "{\"choices\":[],\"usage\":{\"completion_tokens\":9,"
		    "\"prompt_tokens\":%s",
		    ends[i]);
		assert_int_equal(chat->event(slice_of(body), &none), EVENT_BAD);
		assert_int_equal(chat->event(slice_of(body), &some), EVENT_BAD);
		assert_int_not_equal(
		    chat->answer(slice_of(body), &none), FAULT_NONE);
		if (none.has_usage || some.usage.input != 12)
			fail_msg("%s", body);
	}
}

static void
garbage_is_not_an_answer(void **state)
{
	static const char *const bodies[] = { "", "<html>", "[]", "{}",
		"{\"choices\":1}", "{\"choices\":[]", "{\"error\":{}}" };
	struct tally t = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bodies); i++)
		assert_int_equal(
		    chat->answer(slice_of(bodies[i]), &t), FAULT_UP_GARBAGE);
}

static void
events_are_told_apart(void **state)
{
	struct tally t = { 0 };

	(void)state;
	assert_int_equal(
	    chat->event(S("{\"choices\":[{\"delta\":{\"role\":\"assistant\","
			  "\"content\":\"ab\"}}],\"usage\":null}"),
		&t),
	    EVENT_PASS);
	assert_int_equal(
	    chat->event(S("{\"choices\":[{\"delta\":{\"tool_calls\":[{"
			  "\"index\":0,\"id\":\"call_1\",\"function\":{"
			  "\"arguments\":\"{}\"}}]}}]}"),
		&t),
	    EVENT_PASS);
	assert_int_equal(t.deltas, 2);
	assert_int_equal(t.bytes, 4);
	assert_false(t.finished);
	assert_int_equal(chat->event(S("{\"choices\":[{\"delta\":{},"
				       "\"finish_reason\":\"stop\"}]}"),
			     &t),
	    EVENT_PASS);
	assert_true(t.finished);
	assert_int_equal(
	    chat->event(S("{\"choices\":[],\"usage\":{\"prompt_tokens\":1,"
			  "\"completion_tokens\":2}}"),
		&t),
	    EVENT_USAGE);
	assert_true(t.has_usage);
	/* Azure begins with no choices and no usage: it passes. */
	assert_int_equal(
	    chat->event(S("{\"choices\":[],\"prompt_filter_results\":[]}"), &t),
	    EVENT_PASS);
	assert_int_equal(chat->event(S(" [DONE]"), &t), EVENT_DONE);
	assert_int_equal(chat->event(S("{\"choices\":[{]}"), &t), EVENT_BAD);
	assert_false(t.failed);
	assert_int_equal(
	    chat->event(S("{\"error\":{\"message\":\"x\"}}"), &t), EVENT_PASS);
	assert_true(t.failed);
}

/* Reads events as they lie in one read, or each as if it were the first. */
static void
read_all(const char *const *events, size_t n, bool lives, struct tally *t,
    enum event_kind *kinds)
{
	struct mold mold = { 0 };
	char text[4096];
	size_t at = 0, i, len;

	t->mold = lives ? &mold : NULL;
	for (i = 0; i < n; i++) {
		len = strlen(events[i]);
		assert_true(at + len < sizeof(text));
		memcpy(text + at, events[i], len);
		kinds[i] = chat->event((struct slice){ text + at, len }, t);
		at += len;
	}
	t->mold = NULL;
}

#define OPENING "{\"id\":\"c-1\",\"model\":\"m\",\"service_tier\":\"flex\""

static void
what_events_repeat_is_read_once_and_means_the_same(void **state)
{
	static const char *const events[] = {
		OPENING ",\"choices\":[{\"delta\":{\"content\":\"ab\"}}]}",
		OPENING ",\"choices\":[{\"delta\":{\"content\":\"c\"}}]}",
		OPENING " , \"choices\":[{\"delta\":{\"content\":\"d\"}}]}",
		OPENING ",\"choices\":[{\"delta\":{\"content\":\"e\"}}],"
			"\"error\":null}",
		OPENING ",\"other\":[1],\"choices\":[{\"delta\":{}}]}",
		OPENING ",\"choices\":[{\"delta\":{\"content\":\"f\"},"
			"\"finish_reason\":\"stop\"}]}",
		OPENING "}",
		"{\"choices\":[{\"delta\":{\"content\":\"g\"}}]}",
		"{\"choices\":[{\"delta\":{\"content\":\"h\"}}]}",
		" { \"choices\":[{\"delta\":{\"content\":\"i\"}}]}",
		" { \"choices\":[{\"delta\":{\"content\":\"j\"}}]}",
		OPENING ",\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
			"\"completion_tokens\":4}}",
		OPENING ",\"usage\":{\"prompt_tokens\":5,"
			"\"completion_tokens\":6},\"choices\":[]}",
		OPENING ",\"usage\":{\"prompt_tokens\":5,"
			"\"completion_tokens\":6},\"choices\":[]}",
		OPENING ",\"error\":{},\"choices\":[]}",
		OPENING ",\"error\":{},\"choices\":[]}",
		OPENING ",\"choices\":[{\"delta\":{\"content\":\"k\"}}]}",
		OPENING ",\"choices\":[{\"delta\":{\"content\":\"l\"}]}",
		OPENING ",\"choices\":[{\"delta\":{\"content\":\"m\"}}]}",
		OPENING ",\"choices\":[",
		OPENING ",",
		OPENING,
	};
	enum event_kind once[NELEM(events)], each[NELEM(events)];
	struct tally a = { 0 }, b = { 0 };

	(void)state;
	read_all(events, NELEM(events), true, &a, once);
	read_all(events, NELEM(events), false, &b, each);
	assert_memory_equal(once, each, sizeof(once));
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(a.bytes, 13);
	assert_int_equal(each[11], EVENT_USAGE);
	assert_int_equal(each[17], EVENT_BAD);
	assert_int_equal(each[21], EVENT_BAD);
}

static void
estimates_take_the_larger_count(void **state)
{
	struct tally t = { .deltas = 3, .bytes = 40 };

	(void)state;
	assert_int_equal(tally_output(&t), 10);
	t.deltas = 12;
	assert_int_equal(tally_output(&t), 12);
}

/* --- errors --------------------------------------------------------------- */

static void
errors_have_the_shape_sdks_read(void **state)
{
	const struct problem p = { .status = 429, .fault = FAULT_BUDGET };
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct slice message;
	struct json *j;
	const struct json *e;

	(void)state;
	chat->error(&b, &p);
	assert_int_equal(json_parse(&a, buf_slice(&b), &j), FAULT_NONE);
	e = json_get(j, "error");
	assert_true(slice_eq(json_get_str(e, "code"), S("insufficient_quota")));
	assert_true(slice_eq(json_get_str(e, "type"), S("insufficient_quota")));
	assert_int_equal(json_get(e, "param")->type, JSON_NULL);
	assert_true(chat->is_error(buf_slice(&b), &a, &message));
	assert_true(message.len > 0);
	buf_clear(&b);
	chat->error_event(&b, &p);
	assert_true(slice_starts(buf_slice(&b), S("data: {\"error\":{")));
	buf_fini(&b);
	arena_fini(&a);
}

static void
messages_of_other_error_shapes_are_found(void **state)
{
	struct arena a = { 0 };
	struct slice m;

	(void)state;
	assert_false(chat->is_error(S("{\"message\":\"aws\"}"), &a, &m));
	assert_true(slice_eq(m, S("aws")));
	assert_false(chat->is_error(S("{\"error\":\"text\"}"), &a, &m));
	assert_true(slice_eq(m, S("text")));
	assert_false(chat->is_error(S("<html>"), &a, &m));
	assert_int_equal(m.len, 0);
	arena_fini(&a);
}

static void
an_error_without_type_and_param_gets_them(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "{\"error\":{\"code\":\"c\",\"message\":\"m\"}}",
		    "{\"error\":{\"type\":\"rate_limit_error\",\"param\":null,"
		    "\"code\":\"c\",\"message\":\"m\"}}" },
		{ "{\"x\":1,\"error\":{\"type\":null,\"message\":\"m\"}}",
		    "{\"x\":1,\"error\":{\"param\":null,\"type\":null,"
		    "\"message\":\"m\"}}" },
		{ "{\"error\":{\"param\":\"p\",\"message\":\"m\"}}",
		    "{\"error\":{\"type\":\"rate_limit_error\","
		    "\"param\":\"p\",\"message\":\"m\"}}" },
		{ "{\"error\":{\"type\":\"t\",\"param\":null}}",
		    "{\"error\":{\"type\":\"t\",\"param\":null}}" },
		{ "{\"error\":\"text\"}", "{\"error\":\"text\"}" },
	};
	struct arena a = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		struct slice got =
		    chat->mend_error(&a, slice_of(rows[i].in), 429);

		if (!slice_eq(got, slice_of(rows[i].out)))
			fail_msg("%.*s", S_FMT(got));
	}
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_model_changes_in_a_plain_request),
		cmocka_unit_test(an_output_limit_is_lowered_where_it_stands),
		cmocka_unit_test(a_stream_asks_its_provider_for_usage),
		cmocka_unit_test(
		    a_model_named_by_the_path_is_put_into_the_body),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(what_a_body_hides_is_noticed),
		cmocka_unit_test(bounds_follow_the_request_and_the_model),
		cmocka_unit_test(the_tier_that_is_asked_for_is_read),
		cmocka_unit_test(tiers_have_our_names),
		cmocka_unit_test(the_tier_that_was_used_is_read),
		cmocka_unit_test(every_part_of_a_usage_is_read),
		cmocka_unit_test(usage_of_a_whole_answer_is_read),
		cmocka_unit_test(counts_that_cannot_be_are_not_usage),
		cmocka_unit_test(a_usage_that_is_no_json_is_none),
		cmocka_unit_test(garbage_is_not_an_answer),
		cmocka_unit_test(events_are_told_apart),
		cmocka_unit_test(
		    what_events_repeat_is_read_once_and_means_the_same),
		cmocka_unit_test(estimates_take_the_larger_count),
		cmocka_unit_test(errors_have_the_shape_sdks_read),
		cmocka_unit_test(messages_of_other_error_shapes_are_found),
		cmocka_unit_test(an_error_without_type_and_param_gets_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

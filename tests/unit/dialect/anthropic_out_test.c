#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "dialect/anthropic_codec.h"

struct made {
	struct arena a;
	struct buf b;
	uint64_t lost;
	struct wrong w;
	enum fault fault;
};

/* A chat's body as Anthropic gets it. */
static const char *
make(struct made *m, const char *model, const char *chat)
{
	struct conversation c = { .n = 1, .parallel = -1, .schema_strict = -1 };
	const struct target t = { .model = slice_of(model),
		.max_output = 64000,
		.vendor = VENDOR_ANTHROPIC };

	*m = (struct made){ 0 };
	assert_int_equal(
	    dialect_openai_chat.codec->decode(&m->a, slice_of(chat), &c, &m->w),
	    FAULT_NONE);
	m->lost = c.lost;
	m->fault = anthropic_encode(&m->a, &c, &t, &m->b, &m->lost, &m->w);
	return buf_cstr(&m->b);
}

static void
done(struct made *m)
{
	buf_fini(&m->b);
	arena_fini(&m->a);
}

static void
holds(struct made *m, const char *what)
{
	if (strstr(buf_cstr(&m->b), what) == NULL)
		fail_msg("%s\nis not in\n%s", what, buf_cstr(&m->b));
}

static void
lacks(struct made *m, const char *what)
{
	if (strstr(buf_cstr(&m->b), what) != NULL)
		fail_msg("%s\nis in\n%s", what, buf_cstr(&m->b));
}

static bool
lost(const struct made *m, enum loss l)
{
	return (m->lost & LOSS_BIT(l)) != 0;
}

#define USER "{\"role\":\"user\",\"content\":\"hi\"}"
#define TOOLS \
	"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"," \
	"\"parameters\":{\"type\":\"object\"}}}]"

static void
the_first_turn_is_the_user_s_and_turns_alternate(void **state)
{
	struct made m;

	(void)state;
	make(&m, "claude-sonnet-4-5",
	    "{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"}," USER
	    "," USER ",{\"role\":\"system\",\"content\":\"late\"}]}");
	holds(&m, "\"messages\":[{\"role\":\"user\",\"content\":\".\"},{"
		  "\"role\":\"assistant\"");
	holds(&m, "{\"type\":\"text\",\"text\":\"hi\"},{\"type\":\"text\","
		  "\"text\":\"hi\"},{\"type\":\"text\",\"text\":\"late\"}");
	assert_true(lost(&m, LOSS_SYSTEM_PLACE));
	holds(&m, "\"max_tokens\":64000");
	done(&m);
}

static void
results_stand_together_behind_their_calls(void **state)
{
	struct made m;

	(void)state;
	make(&m, "claude-sonnet-4-5",
	    "{\"messages\":[" USER ",{\"role\":\"assistant\",\"tool_calls\":[{"
	    "\"id\":\"a.1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
	    "\"arguments\":\"{\\\"x\\\":1}\"}},{\"id\":\"b\",\"type\":"
	    "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},{"
	    "\"role\":\"tool\",\"tool_call_id\":\"a.1\",\"content\":\"r\"},"
	    "{\"role\":\"user\",\"content\":\"and?\"},{\"role\":\"tool\","
	    "\"tool_call_id\":\"nobody\",\"content\":\"r\"}]}");
	/* The illegal id is the same in both places. */
	holds(&m, "\"input\":{\"x\":1}");
	holds(&m, "\"input\":{}");
	lacks(&m, "a.1");
	holds(&m, "\"tool_use_id\":\"b\",\"content\":[{\"type\":\"text\","
		  "\"text\":\"There is no result of this call.\"}],\"is_error"
		  "\":true},{\"type\":\"text\",\"text\":\"and?\"}");
	lacks(&m, "nobody");
	/* Tools that only the history knows are told all the same. */
	holds(&m, "\"tools\":[{\"name\":\"f\",\"input_schema\"");
	assert_true(lost(&m, LOSS_TOOL_ID) && lost(&m, LOSS_ORPHAN));
	done(&m);
}

static void
families_differ_in_what_they_take(void **state)
{
	struct made m;
	const char *think = "{\"messages\":[" USER "],\"reasoning_effort\":"
			    "\"high\",\"temperature\":1.5,\"top_p\":0.5}";

	(void)state;
	make(&m, "claude-sonnet-4-5-20250929", think);
	holds(
	    &m, "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":16384}");
	lacks(&m, "effort");
	lacks(&m, "temperature");
	assert_true(lost(&m, LOSS_SAMPLING));
	done(&m);
	make(&m, "eu.anthropic.claude-opus-4-7-v1:0", think);
	holds(&m, "\"thinking\":{\"type\":\"adaptive\"");
	holds(&m, "\"output_config\":{\"effort\":\"high\"}");
	lacks(&m, "budget_tokens");
	done(&m);
	make(&m, "claude-3-5-haiku", think);
	lacks(&m, "thinking");
	holds(&m, "\"temperature\":1}");
	lacks(&m, "top_p");
	assert_true(lost(&m, LOSS_THINKING) && lost(&m, LOSS_TEMPERATURE));
	done(&m);
}

static void
a_forced_tool_and_thinking_do_not_go_together(void **state)
{
	struct made m;

	(void)state;
	make(&m, "claude-sonnet-4-5",
	    "{\"messages\":[" USER "]," TOOLS ",\"tool_choice\":\"required\","
	    "\"parallel_tool_calls\":false,\"reasoning_effort\":\"low\"}");
	holds(&m, "\"tool_choice\":{\"type\":\"any\","
		  "\"disable_parallel_tool_use\":true}");
	lacks(&m, "thinking");
	assert_true(lost(&m, LOSS_THINKING));
	done(&m);
	/* Nor an unsigned history and a budget. */
	make(&m, "claude-sonnet-4-5",
	    "{\"messages\":[" USER ",{\"role\":\"assistant\",\"tool_calls\":[{"
	    "\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
	    "\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":"
	    "\"a\",\"content\":\"r\"}]," TOOLS
	    ",\"reasoning_effort\":\"low\"}");
	lacks(&m, "thinking");
	done(&m);
}

static void
a_choice_without_tools_goes(void **state)
{
	struct made m;

	(void)state;
	make(&m, "claude-x",
	    "{\"messages\":[" USER "],\"tool_choice\":\"none\"}");
	lacks(&m, "tool_choice");
	done(&m);
}

static void
formats_go_in_a_field_or_in_words(void **state)
{
	static const char chat[] =
	    "{\"messages\":[" USER "],\"response_format\":{\"type\":"
	    "\"json_schema\",\"json_schema\":{\"name\":\"s\",\"schema\":{"
	    "\"type\":\"object\",\"x-unknown\":1}}}}";
	struct made m;

	(void)state;
	make(&m, "claude-sonnet-4-5", chat);
	holds(&m, "\"output_config\":{\"format\":{\"type\":\"json_schema\","
		  "\"schema\":{\"type\":\"object\",\"x-unknown\":1,"
		  "\"additionalProperties\":false}}}");
	lacks(&m, "\"system\"");
	done(&m);
	make(&m, "claude-3-5-haiku", chat);
	lacks(&m, "output_config");
	holds(&m,
	    "\"system\":[{\"type\":\"text\",\"text\":\"Answer with JSON of "
	    "this schema");
	assert_true(lost(&m, LOSS_FORMAT));
	done(&m);
}

static void
pictures_must_be_such(void **state)
{
	struct made m;

	(void)state;
	make(&m, "claude-x",
	    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
	    "\"image_url\",\"image_url\":{\"url\":\"data:image/jpg;base64,"
	    "AA==\"}},{\"type\":\"image_url\",\"image_url\":{\"url\":"
	    "\"https://x/y\"}}]}]}");
	holds(&m, "{\"type\":\"base64\",\"media_type\":\"image/jpeg\",\"data\":"
		  "\"AA==\"}");
	holds(&m, "{\"type\":\"url\",\"url\":\"https://x/y\"}");
	done(&m);
	make(&m, "claude-x",
	    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
	    "\"image_url\",\"image_url\":{\"url\":\"data:image/tiff;base64,"
	    "AA==\"}}]}]}");
	assert_int_equal(m.fault, FAULT_FIELD);
	done(&m);
	make(&m, "claude-x",
	    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
	    "\"input_audio\",\"input_audio\":{\"data\":\"AA==\",\"format\":"
	    "\"wav\"}}]}]}");
	assert_int_equal(m.fault, FAULT_FIELD);
	done(&m);
}

static void
on_step(void *arg, const struct stream_step *s)
{
	unsigned *n = arg;

	n[s->kind]++;
}

static enum fault
hear(struct decoding *d, const char *data)
{
	return anthropic_read_event(d, S(""), slice_of(data));
}

static void
a_stream_that_breaks_off_is_no_answer(void **state)
{
	static const char start[] =
	    "{\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":"
	    "[],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}";
	struct arena a = { 0 };
	unsigned n[STEP_END + 1] = { 0 };
	struct decoding d = { .arena = &a, .step = on_step, .arg = n };

	(void)state;
	assert_int_equal(anthropic_read_end(&d), FAULT_UP_RESET);
	assert_int_equal(hear(&d, start), FAULT_NONE);
	assert_int_equal(anthropic_read_end(&d), FAULT_UP_RESET);
	assert_int_equal(hear(&d, "{\"type\":"), FAULT_UP_GARBAGE);
	assert_int_equal(
	    hear(&d, "{\"type\":\"content_block_start\",\"index\":0,"
		     "\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\","
		     "\"name\":\"f\",\"input\":{}}}"),
	    FAULT_NONE);
	/* Nobody closes it, and it is said to be over. */
	assert_int_equal(
	    hear(&d, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
		     "\"end_turn\"},\"usage\":{\"output_tokens\":9}}"),
	    FAULT_NONE);
	assert_int_equal(anthropic_read_end(&d), FAULT_NONE);
	assert_int_equal(n[STEP_ARGS], 1); /* "{}" */
	assert_int_equal(n[STEP_CLOSE], 1);
	assert_int_equal(n[STEP_STOP], 1);
	assert_int_equal(n[STEP_USAGE], 1);
	assert_int_equal(n[STEP_END], 1);
	assert_int_equal(hear(&d, start), FAULT_NONE);
	assert_int_equal(n[STEP_START], 1);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_first_turn_is_the_user_s_and_turns_alternate),
		cmocka_unit_test(results_stand_together_behind_their_calls),
		cmocka_unit_test(families_differ_in_what_they_take),
		cmocka_unit_test(a_forced_tool_and_thinking_do_not_go_together),
		cmocka_unit_test(a_choice_without_tools_goes),
		cmocka_unit_test(formats_go_in_a_field_or_in_words),
		cmocka_unit_test(pictures_must_be_such),
		cmocka_unit_test(a_stream_that_breaks_off_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

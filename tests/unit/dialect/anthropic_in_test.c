#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/anthropic_codec.h"

static enum fault
decode(
    struct arena *a, const char *body, struct conversation *c, struct wrong *w)
{
	*c = (struct conversation){ 0 };
	*w = (struct wrong){ 0 };
	return anthropic_decode(a, slice_of(body), c, w);
}

static void
what_claude_code_sends_is_understood(void **state)
{
	struct conversation c;
	struct wrong w;
	struct arena a = { 0 };

	(void)state;
	assert_int_equal(
	    decode(&a,
		"{\"model\":\"m\",\"max_tokens\":128000,\"system\":[{\"type\":"
		"\"text\",\"text\":\"x-anthropic-billing-header: v=1;\"},{"
		"\"type\":\"text\",\"text\":\"Be good.\",\"cache_control\":{"
		"\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],\"messages\":[{"
		"\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"system\","
		"\"content\":[{\"type\":\"text\",\"text\":\"late\"}]}],"
		"\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"},"
		"\"output_config\":{\"effort\":\"medium\"},"
		"\"context_management\":{\"edits\":[]},\"tools\":[{\"name\":"
		"\"T\",\"input_schema\":{\"type\":\"object\"},"
		"\"defer_loading\":true}],\"metadata\":{\"user_id\":\"{}\"},"
		"\"stream\":true}",
		&c, &w),
	    FAULT_NONE);
	/* The block that counts versions is no instruction. */
	assert_true(slice_eq(c.first->first->text, S("Be good.")));
	assert_int_equal(c.first->first->cache, CACHE_1H);
	assert_int_equal(c.first->next->next->speaker, SPEAKER_SYSTEM);
	assert_int_equal(c.effort, EFFORT_MEDIUM);
	assert_false(c.wants_reasoning);
	assert_true(c.stream && c.wants_usage);
	assert_true((c.lost & LOSS_BIT(LOSS_EXTRA)) != 0);
	arena_fini(&a);
}

static void
a_signature_of_google_s_comes_back_to_its_call(void **state)
{
	struct encoding_out e;
	struct conversation c;
	struct wrong w;
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct part call = { .kind = PART_TOOL_CALL,
		.id = S("call_1"),
		.name = S("f"),
		.args = S("{\"a\":1}"),
		.opaque = S("c2ln"),
		.origin = VENDOR_GOOGLE };
	const struct completion done = { .first = &call };
	const struct part *p;

	(void)state;
	e = (struct encoding_out){ .arena = &a, .id = S("req_1") };
	anthropic_write_answer(&done, &e, &b);
	/* What an SDK does: the content goes back as it came. */
	buf_fini(&b);
	buf_str(&b, "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},");
	anthropic_write_answer(&done, &e, &b);
	buf_str(&b, "]}");
	assert_int_equal(decode(&a, buf_cstr(&b), &c, &w), FAULT_NONE);
	p = c.first->next->first;
	assert_int_equal(p->kind, PART_TOOL_CALL);
	assert_true(slice_eq(p->opaque, S("c2ln")));
	assert_int_equal(p->origin, VENDOR_GOOGLE);
	assert_null(p->next);
	buf_fini(&b);
	arena_fini(&a);
}

static void
what_cannot_be_served_elsewhere_is_refused(void **state)
{
	static const struct {
		const char *body, *field;
	} rows[] = {
		{ "{\"messages\":[]}", "messages" },
		{ "{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}",
		    "messages" },
		{ "{\"messages\":[{\"role\":\"user\",\"content\":7}]}",
		    "messages" },
		{ "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
		  "\"image\",\"source\":{\"type\":\"smoke\"}}]}]}",
		    "messages" },
		{ "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
		  "\"container_upload\",\"file_id\":\"f\"}]}]}",
		    "messages" },
		{ "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
		  "\"tool_result\",\"content\":\"x\"}]}]}",
		    "messages" },
		{ "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
		  "\"tools\":[{\"type\":\"web_search_20250305\",\"name\":"
		  "\"web_search\"}]}",
		    "tools" },
		{ "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
		  "\"tools\":[{\"input_schema\":{}}]}",
		    "tools" },
		{ "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
		  "\"mcp_servers\":[{}]}",
		    "mcp_servers" },
		{ "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
		  "\"container\":\"c\"}",
		    "container" },
		{ "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
		  "\"tool_choice\":{\"type\":\"maybe\"}}",
		    "tool_choice" },
		{ "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
		  "\"thinking\":{\"type\":\"enabled\"}}",
		    "thinking.budget_tokens" },
	};
	struct conversation c;
	struct wrong w;
	struct arena a = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		if (decode(&a, rows[i].body, &c, &w) != FAULT_FIELD ||
		    !slice_eq(w.field, slice_of(rows[i].field)))
			fail_msg("%s: %.*s", rows[i].body, S_FMT(w.field));
	}
	arena_fini(&a);
}

/* --- the frames of a stream -------------------------------------------- */

static void
tell(struct encoding_out *e, struct buf *out, struct stream_step s)
{
	anthropic_write_step(&s, e, out);
}

static unsigned
times(struct buf *b, const char *what)
{
	const char *at = buf_cstr(b);
	unsigned n = 0;

	while ((at = strstr(at, what)) != NULL) {
		n++;
		at++;
	}
	return n;
}

static void
a_stream_has_one_start_and_one_stop_a_block(void **state)
{
	struct arena a = { 0 };
	struct encoding_out e = {
		.arena = &a, .id = S("req_1"), .model = S("m"), .input = 77
	};
	struct buf b = { 0 };
	const struct part empty = { .kind = PART_TEXT };
	const struct part call = {
		.kind = PART_TOOL_CALL, .id = S("c:1"), .name = S("f")
	};

	(void)state;
	tell(&e, &b, (struct stream_step){ .kind = STEP_START });
	/* A text of nothing is no block. */
	tell(&e, &b, (struct stream_step){ .kind = STEP_OPEN, .block = empty });
	tell(&e, &b, (struct stream_step){ .kind = STEP_CLOSE });
	tell(&e, &b, (struct stream_step){ .kind = STEP_OPEN, .block = call });
	tell(
	    &e, &b, (struct stream_step){ .kind = STEP_ARGS, .text = S("{}") });
	/* An upstream that forgets to close, and one that says "stop". */
	tell(&e, &b, (struct stream_step){ .kind = STEP_OPEN, .block = call });
	tell(&e, &b,
	    (struct stream_step){ .kind = STEP_STOP, .stop = STOP_END });
	tell(&e, &b, (struct stream_step){ .kind = STEP_END });
	assert_int_equal(times(&b, "event: content_block_start\n"), 2);
	assert_int_equal(times(&b, "event: content_block_stop\n"), 2);
	assert_int_equal(times(&b, "event: message_stop\n"), 1);
	assert_int_equal(times(&b, "\"stop_reason\":\"tool_use\""), 1);
	assert_int_equal(times(&b, "\"input_tokens\":77"), 2);
	assert_int_equal(times(&b, "\"text\":\"\""), 0);
	/* Each frame says its name. */
	assert_int_equal(times(&b, "event: "), times(&b, "data: "));
	buf_fini(&b);
	arena_fini(&a);
}

static void
redacted_thinking_stays_so(void **state)
{
	struct arena a = { 0 };
	struct encoding_out e = { .arena = &a, .id = S("req_1") };
	struct buf b = { 0 };

	(void)state;
	tell(&e, &b, (struct stream_step){ .kind = STEP_START });
	tell(&e, &b,
	    (struct stream_step){ .kind = STEP_OPEN,
		.block = { .kind = PART_REASONING, .redacted = true } });
	tell(&e, &b,
	    (struct stream_step){ .kind = STEP_OPAQUE,
		.text = S("c2VjcmV0"),
		.origin = VENDOR_ANTHROPIC });
	tell(&e, &b, (struct stream_step){ .kind = STEP_CLOSE });
	tell(&e, &b, (struct stream_step){ .kind = STEP_END });
	assert_int_equal(times(&b, "{\"type\":\"redacted_thinking\",\"data\":"
				   "\"c2VjcmV0\"}"),
	    1);
	assert_int_equal(times(&b, "event: content_block_stop\n"), 1);
	buf_fini(&b);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_claude_code_sends_is_understood),
		cmocka_unit_test(
		    a_signature_of_google_s_comes_back_to_its_call),
		cmocka_unit_test(what_cannot_be_served_elsewhere_is_refused),
		cmocka_unit_test(a_stream_has_one_start_and_one_stop_a_block),
		cmocka_unit_test(redacted_thinking_stays_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

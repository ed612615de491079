#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "dialect/chat_codec.h"

static enum fault
decode(
    struct arena *a, const char *body, struct conversation *c, struct wrong *w)
{
	*c = (struct conversation){
		.n = 1, .parallel = -1, .schema_strict = -1
	};
	*w = (struct wrong){ 0 };
	return chat_decode(a, slice_of(body), c, w);
}

static void
tools_in_anthropic_s_shape_are_taken_too(void **state)
{
	struct conversation c;
	struct wrong w;
	struct arena a = { 0 };

	(void)state;
	assert_int_equal(
	    decode(&a,
		"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
		"\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":"
		"\"object\"}}],\"tool_choice\":{}}",
		&c, &w),
	    FAULT_NONE);
	assert_true(slice_eq(c.tool->name, S("f")));
	assert_true(slice_eq(c.tool->schema, S("{\"type\":\"object\"}")));
	assert_false(c.choice_said);
	arena_fini(&a);
}

static void
hosted_tools_are_refused_by_name(void **state)
{
	static const char *const bodies[] = {
		"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
		"\"web_search_options\":{}}",
		"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
		"\"tools\":[{\"type\":\"web_search\"}]}",
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
		"\"image_url\",\"image_url\":{\"url\":\"data:image/png;hex,"
		"00\"}}]}]}",
	};
	struct conversation c;
	struct wrong w;
	struct arena a = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bodies); i++) {
		if (decode(&a, bodies[i], &c, &w) != FAULT_FIELD ||
		    w.hint == NULL)
			fail_msg("%s", bodies[i]);
	}
	arena_fini(&a);
}

static void
opaque_parts_come_back_from_who_keeps_what_he_does_not_know(void **state)
{
	struct part thought = { .kind = PART_REASONING,
		.text = S("hm"),
		.opaque = S("c2ln"),
		.origin = VENDOR_ANTHROPIC };
	struct part text = { .kind = PART_TEXT, .text = S("yes") };
	const struct completion done = { .first = &thought, .stop = STOP_END };
	static const struct conversation asked = { .wants_reasoning = true };
	struct conversation c;
	struct wrong w;
	struct arena a = { 0 };
	struct encoding_out e = {
		.arena = &a, .asked = &asked, .id = S("req_1"), .model = S("m")
	};
	struct buf b = { 0 }, message = { 0 };
	struct json *j;
	const struct part *p;

	(void)state;
	thought.next = &text;
	chat_write_answer(&done, &e, &b);
	assert_int_equal(json_parse(&a, buf_slice(&b), &j), FAULT_NONE);
	json_w_tree(
	    &message, json_get(json_get(j, "choices")->child, "message"));
	assert_int_equal(decode(&a,
			     arena_fmt(&a,
				 "{\"messages\":[{\"role\":\"user\","
				 "\"content\":\"x\"},%s]}",
				 buf_cstr(&message)),
			     &c, &w),
	    FAULT_NONE);
	p = c.first->next->first;
	assert_int_equal(p->kind, PART_REASONING);
	assert_true(slice_eq(p->opaque, S("c2ln")));
	assert_int_equal(p->origin, VENDOR_ANTHROPIC);
	buf_fini(&b);
	buf_fini(&message);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tools_in_anthropic_s_shape_are_taken_too),
		cmocka_unit_test(hosted_tools_are_refused_by_name),
		cmocka_unit_test(
		    opaque_parts_come_back_from_who_keeps_what_he_does_not_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

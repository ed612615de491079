#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "dialect/dialect.h"

static enum fault
decode(
    struct arena *a, const char *body, struct conversation *c, struct wrong *w)
{
	*c = (struct conversation){
		.n = 1, .parallel = -1, .schema_strict = -1
	};
	*w = (struct wrong){ 0 };
	return codec_openai_chat.decode(a, slice_of(body), c, w);
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
	codec_openai_chat.write_answer(&done, &e, &b);
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

/* --- streams of servers that take liberties ------------------------------ */

struct heard {
	unsigned n[STEP_END + 1];
	unsigned open, most_open;
	enum stop_reason stop;
	struct arena *a;
	struct buf args;
};

static void
on_step(void *arg, const struct stream_step *s)
{
	struct heard *h = arg;

	h->n[s->kind]++;
	h->open += s->kind == STEP_OPEN;
	h->open -= s->kind == STEP_CLOSE;
	h->most_open = h->open > h->most_open ? h->open : h->most_open;
	if (s->kind == STEP_STOP)
		h->stop = s->stop;
	if (s->kind == STEP_ARGS)
		buf_add(&h->args, s->text);
	if (s->kind == STEP_CLOSE)
		buf_char(&h->args, ';');
}

static enum fault
hear(struct heard *h, const char *const *events, size_t n)
{
	struct arena scratch = { 0 };
	struct decoding d = {
		.arena = h->a, .scratch = &scratch, .step = on_step, .arg = h
	};
	enum fault f = FAULT_NONE;
	size_t i;

	for (i = 0; i < n && f == FAULT_NONE; i++)
		f = codec_openai_chat.read_event(
		    &d, S(""), slice_of(events[i]));
	if (f == FAULT_NONE)
		f = codec_openai_chat.read_end(&d);
	arena_fini(&scratch);
	return f;
}

#define DELTA(rest) \
	"{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0," \
	"\"delta\":" rest "}]}"
#define CALL(i, id, name, args) \
	"{\"tool_calls\":[{\"index\":" #i ",\"id\":\"" id \
	"\",\"function\":{\"name\":\"" name "\",\"arguments\":\"" args \
	"\"}}]}"
#define MORE(i, args) \
	"{\"tool_calls\":[{\"index\":" #i ",\"function\":{\"arguments\":" \
	"\"" args "\"}}]}"

static void
calls_that_interleave_come_one_after_the_other(void **state)
{
	static const char *const events[] = {
		DELTA(CALL(0, "a", "f", "1")),
		DELTA(CALL(1, "b", "f", "2")),
		DELTA(MORE(0, "1")),
		DELTA(MORE(1, "2")),
		"{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},"
		"\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,"
		"\"completion_tokens\":4}}",
		"[DONE]",
	};
	struct arena a = { 0 };
	struct heard h = { .a = &a };

	(void)state;
	assert_int_equal(hear(&h, events, NELEM(events)), FAULT_NONE);
	assert_int_equal(h.most_open, 1);
	assert_string_equal(buf_cstr(&h.args), "11;22;");
	/* It said "stop", and calls stand there. */
	assert_int_equal(h.stop, STOP_TOOL);
	assert_int_equal(h.n[STEP_USAGE], 1);
	assert_int_equal(h.n[STEP_END], 1);
	buf_fini(&h.args);
	arena_fini(&a);
}

static void
a_stream_without_an_end_is_none(void **state)
{
	static const char *const events[] = { DELTA("{\"content\":\"x\"}") };
	struct arena a = { 0 };
	struct heard h = { .a = &a };

	(void)state;
	assert_int_equal(hear(&h, events, 1), FAULT_UP_RESET);
	assert_int_equal(h.n[STEP_END], 0);
	assert_int_equal(hear(&h, NULL, 0), FAULT_UP_RESET);
	buf_fini(&h.args);
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
		cmocka_unit_test(
		    calls_that_interleave_come_one_after_the_other),
		cmocka_unit_test(a_stream_without_an_end_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

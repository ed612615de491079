#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "dialect/dialect.h"

static const struct codec *
codec(void)
{
	return dialect_openai_responses.codec;
}

static enum fault
decode(
    struct arena *a, const char *body, struct conversation *c, struct wrong *w)
{
	*c = (struct conversation){ .n = 1 };
	return codec()->decode(a, slice_of(body), c, w);
}

static void
what_codex_sends_is_understood(void **state)
{
	struct conversation c;
	struct wrong w;
	struct arena a = { 0 };

	(void)state;
	assert_int_equal(
	    decode(&a,
		"{\"model\":\"m\",\"stream\":true,\"client_metadata\":{},"
		"\"tools\":[{\"type\":\"web_search\"},{\"type\":\"namespace\","
		"\"name\":\"ns1\",\"tools\":[{\"type\":\"function\",\"name\":"
		"\"spawn\"}]}],\"input\":[{\"type\":\"additional_tools\","
		"\"tools\":[{\"type\":\"custom\",\"name\":\"exec\"}]},{"
		"\"type\":\"message\",\"role\":\"developer\",\"content\":[{"
		"\"type\":\"input_text\",\"text\":\"d\"}]},{\"type\":"
		"\"function_call\",\"call_id\":\"c\",\"name\":\"spawn\","
		"\"namespace\":\"ns1\",\"arguments\":\"{}\"},{\"type\":"
		"\"function_call_output\",\"call_id\":\"c\",\"output\":\"o\"}]"
		"}",
		&c, &w),
	    FAULT_NONE);
	assert_true(c.stream);
	assert_true(c.lost & LOSS_BIT(LOSS_HOSTED_TOOL));
	assert_true(slice_eq(c.tool->name, S("ns1-ns-spawn")));
	assert_true(c.tool->next->custom);
	assert_int_equal(c.first->speaker, SPEAKER_SYSTEM);
	assert_true(slice_eq(c.first->next->first->name, S("ns1-ns-spawn")));
	assert_int_equal(c.first->next->next->first->kind, PART_TOOL_RESULT);
	arena_fini(&a);
}

static void
what_others_do_not_have_is_refused(void **state)
{
	static const struct {
		const char *body, *field;
	} bad[] = {
		{ "{\"input\":\"x\",\"tools\":[{\"type\":\"web_search\"}]}",
		    "tools" },
		{ "{\"input\":[{\"type\":\"web_search_call\"}]}", "input" },
		{ "{\"input\":[{\"type\":\"item_reference\",\"id\":"
		  "\"msg_1\"}]}",
		    "input" },
		{ "{\"input\":\"x\",\"prompt\":{\"id\":\"p\"}}", "prompt" },
		{ "{\"input\":\"x\",\"tool_choice\":{\"type\":\"mcp\"}}",
		    "tool_choice" },
		{ "{\"input\":[{\"role\":\"tool\",\"content\":\"x\"}]}",
		    "input" },
		{ "{\"input\":\"x\",\"text\":{\"format\":{\"type\":\"xml\"}}}",
		    "text.format" },
		{ "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":"
		  "\"input_image\",\"image_url\":\"data:x\"}]}]}",
		    "input" },
		{ "{}", "input" },
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

static const struct completion *
example(struct arena *a)
{
	struct completion *c = ARENA_NEW(a, struct completion);
	struct part *p;

	p = part_add(PARTS(&c->first), a, PART_REASONING);
	p->text = S("hm");
	p->opaque = S("gA");
	p->origin = VENDOR_OPENAI;
	part_add(PARTS(&c->first), a, PART_TEXT)->text = S("hi");
	p = part_add(PARTS(&c->first), a, PART_TOOL_CALL);
	p->id = S("c1");
	p->name = S("n-ns-f");
	p->args = S("{\"x\":1}");
	p->opaque = S("c2ln");
	p->origin = VENDOR_GOOGLE;
	c->stop = STOP_TOOL;
	c->has_usage = true;
	c->usage = (struct usage){ .input = 9, .output = 5 };
	return c;
}

/* The last event repeats the whole answer, byte for byte. */
static void
a_stream_ends_with_the_whole_answer(void **state)
{
	struct arena a = { 0 };
	struct encoding_out e = {
		.arena = &a, .id = S("req_1"), .model = S("m")
	};
	struct encoding_out again = e;
	struct relay r = { .e = &e };
	struct buf whole = { 0 };
	const struct completion *said = example(&a);
	struct slice out;
	const char *at;

	(void)state;
	completion_steps(said, write_step, &r);
	codec()->write_answer(said, &again, &whole);
	out = buf_slice(&r.out);
	at = memmem(out.p, out.len, "event: response.completed\n", 26);
	assert_non_null(at);
	assert_non_null(
	    memmem(at, (size_t)(out.p + out.len - at), whole.p, whole.len));
	assert_non_null(strstr(buf_cstr(&whole),
	    "\"namespace\":\"n\",\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}"
	    "\""));
	buf_fini(&r.out);
	buf_fini(&whole);
	arena_fini(&a);
}

/* And a client that sends its items back loses nothing. */
static void
signatures_of_others_survive_a_round_trip(void **state)
{
	struct arena a = { 0 };
	struct encoding_out e = {
		.arena = &a, .id = S("req_1"), .model = S("m")
	};
	struct buf whole = { 0 }, ask = { 0 };
	struct conversation c = { 0 };
	const struct part *p;
	struct json *top;
	struct wrong w;

	(void)state;
	codec()->write_answer(example(&a), &e, &whole);
	assert_int_equal(json_parse(&a, buf_slice(&whole), &top), FAULT_NONE);
	json_w_begin(&ask, '{');
	json_w_key(&ask, "input");
	json_w_tree(&ask, json_get(top, "output"));
	json_w_end(&ask, '}');
	assert_int_equal(
	    codec()->decode(&a, buf_slice(&ask), &c, &w), FAULT_NONE);
	conversation_merge(&c);
	p = c.first->first;
	assert_int_equal(p->kind, PART_REASONING);
	assert_true(slice_eq(p->opaque, S("gA")));
	assert_int_equal(p->origin, VENDOR_OPENAI);
	p = p->next->next;
	assert_int_equal(p->kind, PART_TOOL_CALL);
	assert_true(slice_eq(p->name, S("n-ns-f")));
	assert_true(slice_eq(p->opaque, S("c2ln")));
	assert_int_equal(p->origin, VENDOR_GOOGLE);
	assert_null(p->next);
	buf_fini(&whole);
	buf_fini(&ask);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_codex_sends_is_understood),
		cmocka_unit_test(what_others_do_not_have_is_refused),
		cmocka_unit_test(a_stream_ends_with_the_whole_answer),
		cmocka_unit_test(signatures_of_others_survive_a_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/dialect.h"

static void
nothing_is_held_for_output(void **state)
{
	struct arena a = { 0 };
	uint64_t in, out;
	struct ask q;

	(void)state;
	assert_int_equal(dialect_openai_embeddings.ask(
			     &a, S("{\"input\":\"a\",\"model\":\"m\"}"), &q),
	    FAULT_NONE);
	assert_true(slice_eq(q.model, S("m")));
	assert_true(ask_bound(&q, 0, 0, &in, &out));
	assert_true(in >= 1);
	assert_int_equal(out, 0);
	assert_int_equal(dialect_gemini_embed.ask(&a, S("{}"), &q), FAULT_NONE);
	assert_true(q.model_elsewhere);
	assert_int_equal(
	    dialect_openai_embeddings.ask(&a, S("{\"model\":1}"), &q),
	    FAULT_FIELD);
	assert_int_equal(dialect_openai_embeddings.ask(
			     &a, S("{\"model\":\"a\",\"model\":\"b\"}"), &q),
	    FAULT_JSON_DUPLICATE);
	assert_int_equal(
	    dialect_openai_embeddings.ask(&a, S("[]"), &q), FAULT_FIELD);
	arena_fini(&a);
}

static void
usage_is_read_where_it_is_said(void **state)
{
	struct tally t = { 0 };

	(void)state;
	assert_int_equal(
	    dialect_openai_embeddings.answer(
		S("{\"data\":[{\"embedding\":\"AACAPw==\"}],\"usage\":{"
		  "\"prompt_tokens\":7}}"),
		&t),
	    FAULT_NONE);
	assert_true(t.has_usage);
	assert_int_equal(t.usage.input, 7);
	t = (struct tally){ 0 };
	assert_int_equal(
	    dialect_cohere_embed.answer(S("{\"embeddings\":[[1]]}"), &t),
	    FAULT_NONE);
	assert_false(t.has_usage);
	assert_int_equal(
	    dialect_openai_embeddings.answer(S("{}"), &t), FAULT_UP_GARBAGE);
	assert_int_equal(dialect_titan_embed.event(S("{}"), &t), EVENT_BAD);
}

static void
a_request_crosses_and_its_answer_comes_back(void **state)
{
	const struct codec *from = dialect_openai_embeddings.codec;
	const struct codec *to = dialect_vertex_predict.codec;
	const struct target target = { .model = S("g") };
	struct conversation c = { 0 };
	struct completion done = { 0 };
	struct arena a = { 0 };
	struct encoding_out e = { .arena = &a, .asked = &c, .model = S("m") };
	struct buf b = { 0 };
	struct wrong w = { 0 };
	uint64_t lost = 0;

	(void)state;
	assert_int_equal(
	    from->decode(&a,
		S("{\"model\":\"m\",\"input\":\"t\",\"encoding_format\":"
		  "\"base64\"}"),
		&c, &w),
	    FAULT_NONE);
	assert_int_equal(
	    to->encode(&a, &c, &target, &b, &lost, &w), FAULT_NONE);
	assert_string_equal(
	    buf_cstr(&b), "{\"instances\":[{\"content\":\"t\"}]}");
	assert_int_equal(
	    to->read_answer(&a,
		S("{\"predictions\":[{\"embeddings\":{\"values\":[1],"
		  "\"statistics\":{\"token_count\":3}}}]}"),
		&done),
	    FAULT_NONE);
	buf_clear(&b);
	from->write_answer(&done, &e, &b);
	assert_string_equal(buf_cstr(&b),
	    "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\","
	    "\"index\":0,\"embedding\":\"AACAPw==\"}],\"model\":\"m\","
	    "\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}");
	assert_int_equal(
	    from->decode(&a, S("{\"model\":\"m\"}"), &c, &w), FAULT_FIELD);
	assert_true(slice_eq(w.field, S("input")));
	buf_fini(&b);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_held_for_output),
		cmocka_unit_test(usage_is_read_where_it_is_said),
		cmocka_unit_test(a_request_crosses_and_its_answer_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

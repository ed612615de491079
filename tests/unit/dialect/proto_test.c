#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/proto.h"

static void
a_name_has_two_spellings(void **state)
{
	(void)state;
	assert_true(proto_is(S("maxOutputTokens"), "maxOutputTokens"));
	assert_true(proto_is(S("max_output_tokens"), "maxOutputTokens"));
	assert_false(proto_is(S("max_output_token"), "maxOutputTokens"));
	assert_false(proto_is(S("maxoutputtokens"), "maxOutputTokens"));
	assert_false(proto_is(S("max_output_tokens_"), "maxOutputTokens"));
	assert_false(proto_is(S(""), "a"));
}

static void
numbers_may_stand_in_quotes_and_lists_alone(void **state)
{
	struct arena a = { 0 };
	struct json *j;
	const struct json *p;
	int64_t v;

	(void)state;
	assert_int_equal(json_parse(&a,
			     S("{\"top_k\":\"40\",\"n\":2,\"parts\":{\"text\":"
			       "\"x\"},\"z\":1,\"list\":[{\"a\":1},{\"a\":2}],"
			       "\"on\":true,\"no\":null}"),
			     &j),
	    FAULT_NONE);
	assert_true(proto_i64(j, "topK", &v));
	assert_int_equal(v, 40);
	assert_true(proto_i64(j, "n", &v));
	assert_false(proto_i64(j, "on", &v));
	assert_true(proto_bool(j, "on"));
	assert_null(proto_get(j, "no"));
	assert_null(proto_get(NULL, "no"));
	p = proto_first(j, "parts");
	assert_true(slice_eq(proto_str(p, "text"), S("x")));
	assert_null(proto_next(p));
	p = proto_first(j, "list");
	assert_non_null(p);
	p = proto_next(p);
	assert_true(proto_i64(p, "a", &v) && v == 2);
	assert_null(proto_next(p));
	assert_null(proto_first(j, "n"));
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_has_two_spellings),
		cmocka_unit_test(numbers_may_stand_in_quotes_and_lists_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

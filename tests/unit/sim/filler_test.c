#include "sim/filler.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct json *
made(struct arena *a, const char *schema, uint64_t seed)
{
	struct json *s, *v = NULL;
	struct buf b = { 0 };
	struct slice text;

	assert_int_equal(json_parse(a, slice_of(schema), &s), FAULT_NONE);
	filler_value(&b, s, seed);
	text = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	if (json_parse(a, text, &v) != FAULT_NONE)
		fail_msg("%s made %.*s", schema, S_FMT(text));
	return v;
}

static void
a_number_keeps_its_bounds(void **state)
{
	struct arena a = { 0 };
	uint64_t seed;
	int64_t v;

	(void)state;
	for (seed = 0; seed < 200; seed++) {
		assert_true(json_i64(made(&a,
					 "{\"type\":\"integer\","
					 "\"minimum\":3,\"maximum\":9}",
					 seed)
					 ->text,
		    &v));
		assert_in_range(v, 3, 9);
		assert_true(json_i64(
		    made(&a,
			"{\"type\":\"integer\","
			"\"exclusiveMinimum\":-4,\"exclusiveMaximum\":-1}",
			seed)
			->text,
		    &v));
		assert_true(v >= -3 && v <= -2);
		assert_true(json_i64(made(&a,
					 "{\"type\":\"integer\","
					 "\"minimum\":1,\"multipleOf\":5}",
					 seed)
					 ->text,
		    &v));
		assert_true(v >= 1 && v % 5 == 0);
	}
	arena_fini(&a);
}

static void
an_object_has_every_required_member(void **state)
{
	struct arena a = { 0 };
	struct json *v;

	(void)state;
	v = made(&a,
	    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
	    "\"string\",\"minLength\":20},\"b\":{\"type\":[\"null\","
	    "\"boolean\"]},\"c\":{\"enum\":[1,\"x\\\"y\",null]},\"d\":{"
	    "\"type\":\"array\",\"items\":{\"const\":{\"k\":[1,2]}},"
	    "\"minItems\":3}},\"required\":[\"a\",\"b\",\"c\",\"d\"]}",
	    7);
	assert_int_equal(v->type, JSON_OBJECT);
	assert_int_equal(v->n, 4);
	assert_true(json_get_str(v, "a").len >= 20);
	assert_int_equal(json_get(v, "d")->n, 3);
	assert_int_equal(json_get(json_get(v, "d")->child, "k")->n, 2);
	arena_fini(&a);
}

static void
a_schema_that_refers_to_itself_ends(void **state)
{
	struct arena a = { 0 };
	struct json *v;
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < 50; seed++) {
		v = made(&a,
		    "{\"$ref\":\"#/$defs/node\",\"$defs\":{\"node\":{"
		    "\"type\":\"object\",\"properties\":{\"v\":{\"type\":"
		    "\"integer\"},\"next\":{\"anyOf\":[{\"$ref\":"
		    "\"#/$defs/node\"},{\"type\":\"null\"}]},\"kids\":{"
		    "\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/node\"}}"
		    "},\"required\":[\"v\",\"next\",\"kids\"]}}}",
		    seed);
		assert_int_equal(v->n, 3);
	}
	(void)made(&a, "{\"$ref\":\"#\"}", 1);
	arena_fini(&a);
}

static void
the_same_seed_gives_the_same_value(void **state)
{
	const char *schema = "{\"type\":\"object\",\"properties\":{\"a\":{"
			     "\"type\":\"string\"}}}";
	struct arena a = { 0 };

	(void)state;
	assert_true(slice_eq(json_get_str(made(&a, schema, 5), "a"),
	    json_get_str(made(&a, schema, 5), "a")));
	assert_false(slice_eq(json_get_str(made(&a, schema, 5), "a"),
	    json_get_str(made(&a, schema, 6), "a")));
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_keeps_its_bounds),
		cmocka_unit_test(an_object_has_every_required_member),
		cmocka_unit_test(a_schema_that_refers_to_itself_ends),
		cmocka_unit_test(the_same_seed_gives_the_same_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

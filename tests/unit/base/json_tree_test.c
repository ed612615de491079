#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"

static enum fault
parse(struct slice text)
{
	struct arena a = { 0 };
	struct json *j;
	enum fault fault = json_parse(&a, text, &j);

	arena_fini(&a);
	return fault;
}

static void
a_tree_holds_what_the_text_says(void **state)
{
	struct arena a = { 0 };
	const struct json *j, *list;
	struct json *root;
	int64_t v = 0;

	(void)state;
	assert_int_equal(
	    json_parse(&a,
		S("{\"s\":\"a\\u0041\",\"n\":12,"
		  "\"l\":[1,\"two\",null,{\"k\":true}],\"\\u0066\":false,"
		  "\"half\":0.5}"),
		&root),
	    FAULT_NONE);
	j = root;
	assert_int_equal(j->type, JSON_OBJECT);
	assert_int_equal(j->n, 5);
	assert_true(slice_eq(json_get_str(j, "s"), S("aA")));
	assert_true(json_get_i64(j, "n", &v) && v == 12);
	assert_false(json_get_i64(j, "half", &v));
	assert_false(json_get_i64(j, "s", &v));
	assert_false(json_get_bool(j, "f", true));
	assert_true(json_get_bool(j, "absent", true));
	assert_true(json_get_bool(j, "n", true));
	list = json_get(j, "l");
	assert_int_equal(list->n, 4);
	assert_int_equal(list->child->type, JSON_NUMBER);
	assert_true(slice_eq(list->child->next->text, S("two")));
	assert_int_equal(list->child->next->next->type, JSON_NULL);
	assert_true(json_get_bool(list->child->next->next->next, "k", false));
	assert_null(list->child->next->next->next->next);
	assert_null(json_get(list, "k"));
	assert_null(json_get(NULL, "k"));
	assert_int_equal(json_get_str(NULL, "k").len, 0);
	arena_fini(&a);
}

static void
the_same_key_twice_is_refused_however_it_is_spelt(void **state)
{
	(void)state;
	assert_int_equal(
	    parse(S("{\"a\":1,\"b\":2,\"a\":3}")), FAULT_JSON_DUPLICATE);
	assert_int_equal(
	    parse(S("{\"a\":1,\"\\u0061\":3}")), FAULT_JSON_DUPLICATE);
	assert_int_equal(parse(S("{\"\":1,\"\":3}")), FAULT_JSON_DUPLICATE);
	assert_int_equal(
	    parse(S("[{\"x\":{\"a\":1,\"a\":1}}]")), FAULT_JSON_DUPLICATE);
	assert_int_equal(
	    parse(S("{\"a\":{\"a\":{\"a\":[{\"a\":1}]}}}")), FAULT_NONE);
	/* What is no JSON at all is called that. */
	assert_int_equal(parse(S("[{\"a\":1,\"a\":1} 2]")), FAULT_JSON);
	assert_int_equal(parse(S("{\"a\":1,\"A\":3,\"a \":1}")), FAULT_NONE);
}

static void
many_keys_are_compared_without_waste(void **state)
{
	struct buf b = { 0 };
	int64_t began = clock_mono_ns();
	int i;

	(void)state;
	json_w_begin(&b, '{');
	for (i = 0; i < 200000; i++) {
		if (i > 0)
			buf_char(&b, ',');
		buf_fmt(&b, "\"common-prefix-%d\":%d", i, i);
	}
	json_w_end(&b, '}');
	assert_int_equal(parse(buf_slice(&b)), FAULT_NONE);
	b.len--;
	buf_str(&b, ",\"common-prefix-77777\":0}");
	assert_int_equal(parse(buf_slice(&b)), FAULT_JSON_DUPLICATE);
	/* Each with each would be 20 thousand million comparisons. */
	assert_true(clock_mono_ns() - began < 4 * NS_PER_S);
	buf_fini(&b);
}

static void
a_repeat_is_found_wherever_it_stands(void **state)
{
	struct buf b = { 0 };
	char again, k;

	(void)state;
	for (again = 'a'; again <= 'l'; again++) {
		buf_clear(&b);
		json_w_begin(&b, '{');
		for (k = 'a'; k <= 'l'; k++) {
			json_w_key(&b, (char[2]){ k, 0 });
			json_w_null(&b);
		}
		json_w_key(&b, (char[2]){ again, 0 });
		json_w_null(&b);
		json_w_end(&b, '}');
		assert_int_equal(parse(buf_slice(&b)), FAULT_JSON_DUPLICATE);
	}
	buf_fini(&b);
}

static void
values_without_end_are_refused_before_they_take_memory(void **state)
{
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct json *j;
	size_t i;

	(void)state;
	buf_str(&b, "{\"enum\":[1");
	for (i = 0; i < JSON_VALUES_MAX - 3; i++)
		buf_str(&b, ",1");
	buf_str(&b, "]}");
	assert_int_equal(parse(buf_slice(&b)), FAULT_NONE);
	b.len -= 2;
	for (i = 0; i < JSON_VALUES_MAX; i++)
		buf_str(&b, ",1");
	buf_str(&b, "]}");
	assert_int_equal(json_parse(&a, buf_slice(&b), &j), FAULT_JSON_VALUES);
	assert_true(a.total < 2 * JSON_VALUES_MAX * sizeof(struct json));
	arena_fini(&a);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_holds_what_the_text_says),
		cmocka_unit_test(
		    the_same_key_twice_is_refused_however_it_is_spelt),
		cmocka_unit_test(a_repeat_is_found_wherever_it_stands),
		cmocka_unit_test(many_keys_are_compared_without_waste),
		cmocka_unit_test(
		    values_without_end_are_refused_before_they_take_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

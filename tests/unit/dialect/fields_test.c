#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/fields.h"

static struct arena arena;

static enum fault
read_list(struct json_cur *c, struct ask *q)
{
	return ask_items_or_null(c, q, "list", ask_stream);
}

static enum fault
read_most(struct json_cur *c, struct ask *q)
{
	return ask_limit(c, q, "most");
}

static enum fault
read_n(struct json_cur *c, struct ask *q)
{
	return ask_count(c, q, "n", &q->n);
}

static const struct ask_field known[] = {
	{ S_INIT("model"), ask_model },
	{ S_INIT("stream"), ask_stream },
	{ S_INIT("service_tier"), ask_service_tier },
	{ S_INIT("list"), read_list },
	{ S_INIT("most"), read_most },
	{ S_INIT("least"), read_most },
	{ S_INIT("n"), read_n },
};
static const struct ask_fields fields = { known, NELEM(known), "needed" };

static enum fault
ask(const char *body, struct ask *q)
{
	*q = (struct ask){ .body = slice_of(body) };
	return ask_object(&arena, &fields, q);
}

static void
what_is_known_is_read_and_the_rest_passes(void **state)
{
	static const char body[] =
	    "{\"model\":\"a\\u0062\",\"x\":{\"model\":1},\"needed\":[],"
	    "\"stream\":true,\"service_tier\":\"flex\",\"most\":7,"
	    "\"n\":null,\"l\\u0069st\":[false,true]}";
	struct ask q;

	(void)state;
	assert_int_equal(ask(body, &q), FAULT_NONE);
	assert_true(slice_eq(q.model, S("ab")));
	assert_int_equal(q.model_from, 1);
	assert_int_equal(q.model_at, 9);
	assert_int_equal(q.model_len, 9);
	assert_int_equal(q.first_at, 1);
	assert_true(q.stream);
	assert_true(slice_eq(q.tier, S("flex")));
	assert_int_equal(q.max_output, 7);
	assert_int_equal(q.nlimits, 1);
	assert_int_equal(q.n, 0);
	assert_memory_equal(body + q.limit[0].at, "7", q.limit[0].len);
}

static void
the_larger_of_two_limits_holds(void **state)
{
	struct ask q;

	(void)state;
	assert_int_equal(
	    ask("{\"needed\":1,\"most\":9,\"least\":5}", &q), FAULT_NONE);
	assert_int_equal(q.max_output, 9);
	assert_int_equal(q.nlimits, 2);
	assert_int_equal(ask("{\"needed\":1,\"most\":null}", &q), FAULT_NONE);
	assert_int_equal(q.max_output, 0);
	assert_int_equal(q.nlimits, 1);
}

static void
a_path_may_name_the_model(void **state)
{
	struct ask q;

	(void)state;
	assert_int_equal(ask("{ \"needed\":1}", &q), FAULT_NONE);
	assert_int_equal(q.model_len, 0);
	assert_int_equal(q.model_at, q.first_at);
}

static void
what_is_wrong_names_its_field(void **state)
{
	static const struct {
		const char *body, *field;
		enum fault fault;
	} row[] = {
		{ "[]", "", FAULT_FIELD },
		{ "{}", "needed", FAULT_FIELD },
		{ "{\"needed\":1,\"needed\":2}", "needed",
		    FAULT_JSON_DUPLICATE },
		{ "{\"a\":1,\"\\u0061\":2}", "a", FAULT_JSON_DUPLICATE },
		{ "{\"model\":\"\"}", "model", FAULT_FIELD },
		{ "{\"model\":null}", "model", FAULT_FIELD },
		{ "{\"stream\":1}", "stream", FAULT_FIELD },
		{ "{\"stream\":\"true\"}", "stream", FAULT_FIELD },
		{ "{\"service_tier\":7}", "service_tier", FAULT_FIELD },
		{ "{\"service_tier\":\"fl\\u0065x\"}", "service_tier",
		    FAULT_FIELD },
		{ "{\"service_tier\":\"this-is-no-tier-of-anybody\"}",
		    "service_tier", FAULT_FIELD },
		{ "{\"most\":0}", "most", FAULT_FIELD },
		{ "{\"most\":1.5}", "most", FAULT_FIELD },
		{ "{\"most\":\"9\"}", "most", FAULT_FIELD },
		{ "{\"list\":{}}", "list", FAULT_FIELD },
		{ "{\"list\":[1]}", "stream", FAULT_FIELD },
	};
	struct ask q;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(row); i++) {
		assert_int_equal(ask(row[i].body, &q), row[i].fault);
		assert_true(slice_eq(q.param, slice_of(row[i].field)));
	}
}

static void
damaged_json_is_no_field(void **state)
{
	static const char *const body[] = { "", "{", "{\"needed\":1",
		"{\"needed\":1} x", "{\"list\":[true", "{\"needed\":tru}" };
	struct ask q;
	size_t i;
	enum fault f;

	(void)state;
	for (i = 0; i < NELEM(body); i++) {
		f = ask(body[i], &q);
		assert_true(f != FAULT_NONE && f != FAULT_FIELD);
	}
}

static void
members_have_a_number(void **state)
{
	struct buf b = { 0 };
	struct ask q;
	unsigned i;

	(void)state;
	buf_str(&b, "{\"needed\":1");
	for (i = 0; i < 100; i++) {
		buf_str(&b, ",\"k");
		buf_u64(&b, i);
		buf_str(&b, "\":0");
	}
	buf_char(&b, '}');
	q = (struct ask){ .body = buf_slice(&b) };
	assert_int_equal(ask_object(&arena, &fields, &q), FAULT_FIELD);
	assert_non_null(strstr(q.hint, "too many fields"));
	buf_fini(&b);
}

static int
done(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_known_is_read_and_the_rest_passes),
		cmocka_unit_test(the_larger_of_two_limits_holds),
		cmocka_unit_test(a_path_may_name_the_model),
		cmocka_unit_test(what_is_wrong_names_its_field),
		cmocka_unit_test(damaged_json_is_no_field),
		cmocka_unit_test(members_have_a_number),
	};

	return cmocka_run_group_tests_name("dialect/fields", tests, NULL, done);
}

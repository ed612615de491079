#include "recorder/rig.h"

static bool
says(struct rig *g, const char *ask, const char *want)
{
	struct buf out = { 0 };
	bool has;

	recorder_control(g->r, slice_of(ask), &out);
	has = strstr(buf_cstr(&out), want) != NULL;
	if (!has)
		print_message("%s\n", buf_cstr(&out));
	buf_fini(&out);
	return has;
}

static void
one_is_saved_replaced_by_its_name_and_deleted(void **state)
{
	struct rig g;

	(void)state;
	rig_open(&g);
	assert_true(says(&g,
	    "{\"n\":1,\"op\":\"comparison_save\",\"name\":\"a\",\"body\":"
	    "\"{}\",\"idem\":\"k\"}",
	    "\"ok\":true,\"id\":\"1\",\"did\":\"created\""));
	assert_true(says(&g,
	    "{\"n\":2,\"op\":\"comparison_save\",\"name\":\"a\",\"body\":"
	    "\"{}\",\"idem\":\"k\"}",
	    "\"id\":\"1\",\"did\":\"created\""));
	assert_true(says(&g,
	    "{\"n\":3,\"op\":\"comparison_save\",\"name\":\"a\",\"body\":"
	    "\"[1]\"}",
	    "\"id\":\"1\",\"did\":\"changed\""));
	rig_power_cut(&g);
	assert_int_equal(
	    rig_store(&g, "SELECT count(*) FROM comparisons WHERE body = "
			  "'[1]'"),
	    1);
	assert_true(
	    says(&g, "{\"n\":4,\"op\":\"comparison_delete\",\"id\":\"1\"}",
		"\"did\":\"closed\""));
	assert_true(
	    says(&g, "{\"n\":5,\"op\":\"comparison_delete\",\"id\":\"1\"}",
		"\"fault\":\"NOT_FOUND\""));
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM comparisons"), 0);
	rig_end(&g);
}

static void
what_makes_no_sense_is_refused(void **state)
{
	static const char *const bad[] = {
		"{\"n\":1,\"op\":\"comparison_save\",\"body\":\"{}\"}",
		"{\"n\":1,\"op\":\"comparison_save\",\"name\":\"a\"}",
		"{\"n\":1,\"op\":\"comparison_save\",\"name\":\"a\\nb\","
		"\"body\":\"{}\"}",
		"{\"n\":1,\"op\":\"comparison_save\",\"name\":7,"
		"\"body\":\"{}\"}",
	};
	struct rig g;
	size_t i;

	(void)state;
	rig_open(&g);
	for (i = 0; i < NELEM(bad); i++)
		assert_true(says(&g, bad[i], "\"fault\":\"FIELD\""));
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM comparisons"), 0);
	rig_end(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_saved_replaced_by_its_name_and_deleted),
		cmocka_unit_test(what_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

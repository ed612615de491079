#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/json.h"
#include "main/report.h"

static const char *const words[] = { "providers", "models", "aliases", "prices",
	"workers" };

static void
a_slip_of_the_hand_is_understood(void **state)
{
	(void)state;
	assert_string_equal(
	    report_nearest(S("modles"), words, NELEM(words)), "models");
	assert_string_equal(
	    report_nearest(S("provider"), words, NELEM(words)), "providers");
	assert_string_equal(
	    report_nearest(S("pirces"), words, NELEM(words)), "prices");
	assert_string_equal(
	    report_nearest(S("workers"), words, NELEM(words)), "workers");
	assert_null(report_nearest(S("xyz"), words, NELEM(words)));
	assert_null(report_nearest(S(""), words, NELEM(words)));
	assert_null(report_nearest(
	    S("a_word_that_is_much_longer_than_anything_we_know_of_here"),
	    words, NELEM(words)));
}

static void
mistakes_are_told_in_the_order_of_the_file(void **state)
{
	static struct report r;
	struct buf b = { 0 };

	(void)state;
	r.file = "f";
	report_add(&r, (struct mark){ 9, 2 }, NULL, "third");
	report_add(&r, (struct mark){ 9, 1 }, "so", "second %d", 2);
	report_add(&r, (struct mark){ 0, 0 }, NULL, "first");
	report_write(&r, &b);
	assert_string_equal(buf_cstr(&b),
	    "f: first\nf:9:1: second 2\n  hint: so\nf:9:2: third\n");
	buf_clear(&b);
	report_write_json(&r, &b);
	assert_non_null(
	    strstr(buf_cstr(&b), "{\"file\":\"f\",\"line\":9,\"column\":1,"
				 "\"message\":\"second 2\",\"hint\":\"so\"}"));
	report_fini(&r);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slip_of_the_hand_is_understood),
		cmocka_unit_test(mistakes_are_told_in_the_order_of_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

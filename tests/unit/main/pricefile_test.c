#include "compile.h"

#include "main/pricefile.h"

#define HAS "{deployment: a, input: \"1\", output: \"2\"}"
#define NEW_ROWS \
	"  - {deployment: \"b\", input: \"1\", output: \"2\"}\n" \
	"  - {deployment: \"c\", input: \"3\", output: \"4\"}\n"
#define LINES(indent) \
	indent "- {deployment: \"b\", input: \"1\", output: \"2\"}\n" indent \
	       "- {deployment: \"c\", input: \"3\", output: \"4\"}\n"

static void
rows_are_written_as_the_list_is(void **state)
{
	static const struct {
		const char *text, *want;
	} good[] = {
		{ "", "prices: # per 1,000,000 tokens\n" LINES("  ") },
		{ "prices: []\n", "prices:\n" LINES("  ") },
		{ "# ours\nprices: [ ] # none yet",
		    "# ours\nprices: # none yet\n" LINES("  ") },
		{ "prices:\n  [\n  ]\n", "prices:\n\n" LINES("  ") },
		{ "prices:\n  - " HAS "\n",
		    "prices:\n  - " HAS "\n" LINES("  ") },
		{ "prices:\n- " HAS "\n", "prices:\n- " HAS "\n" LINES("") },
		{ "prices:\n    - " HAS "\n# end\n\n",
		    "prices:\n    - " HAS "\n# end\n\n" LINES("    ") },
		{ "prices:\n- deployment: a\n  input: \"1\"\n  output: \"2\"",
		    "prices:\n- deployment: a\n  input: \"1\"\n  output: "
		    "\"2\"\n" LINES("") },
		{ "prices:\r\n - " HAS "\r\n",
		    "prices:\r\n - " HAS "\r\n" LINES(" ") },
	};
	struct buf out = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(good); i++) {
		buf_clear(&out);
		assert_true(
		    pricefile_add(slice_of(good[i].text), S(NEW_ROWS), &out));
		assert_string_equal(buf_cstr(&out), good[i].want);
	}
	buf_fini(&out);
}

static void
a_list_of_another_form_takes_no_rows(void **state)
{
	static const char *const bad[] = {
		"prices: [" HAS "]\n",
		"prices: [\n  " HAS "\n]\n",
		"{\"prices\": []}\n",
		"{\"prices\": [{\"deployment\": \"a\", \"input\": \"1\", "
		"\"output\": \"2\"}]}",
		"---\nprices:\n  - " HAS "\n...\n",
		"prices: [ # none\n]\n",
		"prices:\n",
		"# only this\n",
		"- " HAS "\n",
		"prices: [\n",
		"models:\n  - a\n",
	};
	struct buf out = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		buf_clear(&out);
		if (pricefile_add(slice_of(bad[i]), S(NEW_ROWS), &out))
			fail_msg("%s", buf_cstr(&out));
	}
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_written_as_the_list_is),
		cmocka_unit_test(a_list_of_another_form_takes_no_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

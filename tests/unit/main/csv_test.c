#include "compile.h"

#include "main/csv.h"

/* The report of a text that is no table; NULL: it is one. */
static char *
trouble(const char *text)
{
	struct report *r = NEW(struct report);
	struct arena a = { 0 };
	struct buf said = { 0 };
	char *out = NULL;

	r->file = "t.csv";
	if (csv_parse(&a, "prices", slice_of(text), r) == NULL) {
		report_write(r, &said);
		out = mem_dup(buf_slice(&said));
	}
	buf_fini(&said);
	report_fini(r);
	mem_free(r);
	arena_fini(&a);
	return out;
}

static void
a_table_is_a_list_of_maps(void **state)
{
	static const char text[] = "\xef\xbb\xbf"
				   "a,b.c,b.d\r\n"
				   "1, two ,\r\n"
				   "\r\n"
				   "\"x,\"\"y\"\"\",,\"3\n4\"\n"
				   "5";
	struct report *r = NEW(struct report);
	const struct ynode *list, *row;
	struct arena a = { 0 };
	struct ynode *root;

	(void)state;
	root = csv_parse(&a, "prices", slice_of(text), r);
	assert_non_null(root);
	list = ynode_find(root, "prices");
	assert_int_equal(list->kind, YNODE_LIST);
	assert_int_equal(list->n, 3);
	row = list->child;
	assert_string_equal(ynode_find(row, "a")->text.p, "1");
	assert_string_equal(ynode_find(row, "b.c")->text.p, "two");
	assert_null(ynode_find(row, "b.d"));
	assert_int_equal(ynode_find(row, "b.c")->at.line, 2);
	assert_int_equal(ynode_find(row, "b.c")->at.col, 3);
	row = row->next;
	assert_string_equal(ynode_find(row, "a")->text.p, "x,\"y\"");
	assert_null(ynode_find(row, "b.c"));
	assert_string_equal(ynode_find(row, "b.d")->text.p, "3\n4");
	row = row->next;
	assert_string_equal(ynode_find(row, "a")->text.p, "5");
	assert_int_equal(row->at.line, 6);
	report_fini(r);
	mem_free(r);
	arena_fini(&a);
}

static void
what_is_no_table_is_told_with_its_place(void **state)
{
	static const struct {
		const char *text, *want;
	} bad[] = {
		{ "", "t.csv:1:1: the file is empty" },
		{ "a,a\n", "t.csv:1:3: this column is here twice" },
		{ "a,,b\n", "t.csv:1:3: this column has no name" },
		{ "a\n1,2\n", "t.csv:2:3: this cell is under no column" },
		{ "a\n\"1\n", "t.csv:2:2: a quote is not closed" },
	};
	char *said;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		said = trouble(bad[i].text);
		assert_non_null(said);
		if (strstr(said, bad[i].want) != said)
			fail_msg("%s: %s", bad[i].text, said);
		mem_free(said);
	}
	said = trouble("a\n1,,\n");
	assert_null(said);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_a_list_of_maps),
		cmocka_unit_test(what_is_no_table_is_told_with_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

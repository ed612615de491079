#include "table.h"

#include "shm/label.h"

static void
a_text_comes_back_or_is_cut_between_characters(void **state)
{
	struct shm_label l;
	char out[LABEL_LEN], a[LABEL_LEN + 9], word[] = "\xc3\xbc";
	size_t i;

	(void)state;
	memset(&l, 0, sizeof(l));
	label_set(&l, S("team ml, month"));
	assert_int_equal(label_get(&l, out), 14);
	assert_string_equal(out, "team ml, month");
	label_set(&l, S(""));
	assert_int_equal(label_get(&l, out), 0);
	/* 54 bytes, then a character of two: the 55th byte is half of it. */
	memset(a, 'a', sizeof(a));
	memcpy(a + 54, word, 2);
	label_set(&l, (struct slice){ a, sizeof(a) });
	assert_int_equal(label_get(&l, out), 54);
	for (i = 0; i < 54; i++)
		assert_int_equal(out[i], 'a');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_text_comes_back_or_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

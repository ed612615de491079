#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "crypto/awspair.h"

static void
an_id_is_read_back(void **state)
{
	static const uint64_t keys[] = { 1, 2, 0x0123456789abcdef, UINT64_MAX,
		UINT64_C(1) << 63, 62 };
	char id[AWSPAIR_ID + 1];
	uint64_t key;
	size_t i, k;

	(void)state;
	for (i = 0; i < NELEM(keys); i++) {
		awspair_id(keys[i], id);
		assert_int_equal(strlen(id), AWSPAIR_ID);
		assert_true(awspair_parse(slice_of(id), &key));
		assert_true(key == keys[i]);
		/* Every letter counts. */
		for (k = 0; k < AWSPAIR_ID; k++) {
			const char was = id[k];

			id[k] = was == 'B' ? 'C' : 'B';
			assert_false(awspair_parse(slice_of(id), &key));
			id[k] = was;
		}
	}
}

static void
what_is_no_id_is_refused(void **state)
{
	static const char *const texts[] = { "", "AKTK", "AKIDEXAMPLE",
		"AKIASIMBEDROCK00001", "AKTKAAAAAAAAAAAAAAAA0",
		"aktkAAAAAAAAAAAAAAAA", "AKTK1111111111111111" };
	uint64_t key;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(texts); i++)
		assert_false(awspair_parse(slice_of(texts[i]), &key));
}

/* The form is frozen: pairs that were given out must go on. */
static void
secrets_stay_what_they_were(void **state)
{
	uint8_t root[AWSPAIR_ROOT];
	char secret[AWSPAIR_SECRET + 1], id[AWSPAIR_ID + 1];
	unsigned i;

	(void)state;
	for (i = 0; i < AWSPAIR_ROOT; i++)
		root[i] = (uint8_t)i;
	awspair_id(1, id);
	awspair_secret(root, 1, secret);
	assert_string_equal(id, "AKTKAAAAAAAAAAAAD377");
	assert_string_equal(secret, "Y5H2B9dpnLffbOi3_zvg2YiR2nK3ZzF7BUTOkvu9");
	awspair_secret(root, 2, secret);
	assert_string_not_equal(
	    secret, "Y5H2B9dpnLffbOi3_zvg2YiR2nK3ZzF7BUTOkvu9");
	root[31] ^= 1;
	awspair_secret(root, 1, secret);
	assert_string_not_equal(
	    secret, "Y5H2B9dpnLffbOi3_zvg2YiR2nK3ZzF7BUTOkvu9");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_read_back),
		cmocka_unit_test(what_is_no_id_is_refused),
		cmocka_unit_test(secrets_stay_what_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

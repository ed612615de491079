#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "audit/checkpoint.h"

static const char good[] = "kontor/node/0000002a\n"
			   "20852\n"
			   "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
			   "place 6291456\n"
			   "time 1764087000\n"
			   "history 17\n";

static void
a_checkpoint_is_read_as_it_was_written(void **state)
{
	struct checkpoint c = { .size = 20852,
		.place = 6291456,
		.time = 1764087000,
		.history = 17,
		.root = { { 1 } } },
			  again;
	struct buf b = { 0 };

	(void)state;
	checkpoint_origin(42, c.origin);
	checkpoint_write(&c, &b);
	assert_string_equal(buf_cstr(&b), good);
	assert_true(checkpoint_parse(buf_slice(&b), &again));
	assert_memory_equal(&c, &again, sizeof(c));
	buf_fini(&b);
}

static void
there_is_one_text_for_each(void **state)
{
	static const struct {
		const char *from, *to;
	} edits[] = {
		{ "kontor/node/0000002a", "" },
		{ "20852", "020852" },
		{ "20852", "+20852" },
		{ "20852", "" },
		{ "20852", "9223372036854775808" },
		{ "AQAAAA", "AQAAA" },
		{ "AAA=", "AAB=" },
		{ "place ", "place  " },
		{ "place ", "Place " },
		{ "6291456", "6291456 " },
		{ "time", "when" },
		{ "history 17\n", "history 17" },
		{ "history 17\n", "" },
		{ "history 17\n", "history 17\nmore 1\n" },
		{ "history 17\n", "history 17\n\n" },
	};
	struct checkpoint c;
	struct buf b = { 0 };
	const char *at;
	size_t i;

	(void)state;
	assert_true(checkpoint_parse(slice_of(good), &c));
	for (i = 0; i < NELEM(edits); i++) {
		at = strstr(good, edits[i].from);
		assert_non_null(at);
		buf_clear(&b);
		buf_add(&b, (struct slice){ good, (size_t)(at - good) });
		buf_str(&b, edits[i].to);
		buf_str(&b, at + strlen(edits[i].from));
		assert_false(checkpoint_parse(buf_slice(&b), &c));
	}
	for (i = 0; i < sizeof(good) - 1; i++)
		assert_false(checkpoint_parse((struct slice){ good, i }, &c));
	buf_fini(&b);
}

static void
its_origin_is_the_name_of_the_key(void **state)
{
	uint8_t seed[SIGN_SEED] = { 7 }, pub[SIGN_PUBLIC];
	struct signer *s = signer_new(seed);
	struct note_key k, other;
	struct checkpoint c;
	struct buf b = { 0 };

	(void)state;
	signer_public(s, pub);
	note_key_make(&k, "kontor/node/0000002a", pub);
	note_key_make(&other, "kontor/node/0000002b", pub);
	note_sign(&b, slice_of(good), &k, s);
	assert_true(checkpoint_open(buf_slice(&b), &k, &c));
	assert_int_equal(c.size, 20852);
	assert_false(checkpoint_open(buf_slice(&b), &other, &c));
	buf_clear(&b);
	note_sign(&b, slice_of(good), &other, s);
	assert_false(checkpoint_open(buf_slice(&b), &other, &c));
	signer_free(&s);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_checkpoint_is_read_as_it_was_written),
		cmocka_unit_test(there_is_one_text_for_each),
		cmocka_unit_test(its_origin_is_the_name_of_the_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

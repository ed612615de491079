#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/ident.h"

#define NS_AT INT64_C(1795500000123999999)

static void
a_request_id_says_when_and_comes_back(void **state)
{
	struct reqid id = reqid_make(NS_AT, 0xdeadbeef, 0x1234, 7), back;
	char text[REQID_TEXT + 1];

	(void)state;
	assert_int_equal(reqid_wall_ms(&id), NS_AT / 1000000);
	assert_memory_equal(id.b + 6, "\xde\xad\xbe\xef\x12\x34\0\0\0\x07", 10);
	reqid_write(&id, text);
	assert_int_equal(strlen(text), REQID_TEXT);
	assert_true(reqid_parse(slice_of(text), &back));
	assert_memory_equal(&id, &back, sizeof(id));
}

static void
the_ends_of_the_range_have_known_texts(void **state)
{
	struct reqid id = { { 0 } };
	char text[REQID_TEXT + 1];

	(void)state;
	reqid_write(&id, text);
	assert_string_equal(text, "req_00000000000000000000000000");
	memset(&id, 0xff, sizeof(id));
	reqid_write(&id, text);
	assert_string_equal(text, "req_7zzzzzzzzzzzzzzzzzzzzzzzzz");
	memset(&id, 0, sizeof(id));
	id.b[15] = 33;
	reqid_write(&id, text);
	assert_string_equal(text, "req_00000000000000000000000011");
}

static void
request_ids_sort_by_time_and_sequence(void **state)
{
	char last[REQID_TEXT + 1] = "", text[REQID_TEXT + 1];
	struct reqid id;
	uint32_t i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		id = reqid_make(NS_AT + (int64_t)(i / 10) * 1000000, 5, 1,
		    i % 10 * 400000000);
		reqid_write(&id, text);
		assert_true(strcmp(last, text) < 0);
		memcpy(last, text, sizeof(last));
	}
	id = reqid_make(NS_AT, UINT32_MAX, UINT16_MAX, UINT32_MAX);
	reqid_write(&id, last);
	id = reqid_make(NS_AT + 1000000, 0, 0, 0);
	reqid_write(&id, text);
	assert_true(strcmp(last, text) < 0);
}

static void
other_texts_are_no_request_ids(void **state)
{
	static const struct slice bad[] = {
		S_INIT(""),
		S_INIT("req_"),
		S_INIT("req_0000000000000000000000000"),
		S_INIT("req_000000000000000000000000000"),
		S_INIT("rec_00000000000000000000000000"),
		S_INIT("REQ_00000000000000000000000000"),
		S_INIT("req_80000000000000000000000000"),
		S_INIT("req_0000000000000000000000000i"),
		S_INIT("req_0000000000000000000000000l"),
		S_INIT("req_0000000000000000000000000o"),
		S_INIT("req_0000000000000000000000000u"),
		S_INIT("req_0000000000000000000000000A"),
		S_INIT("req_0000000000000000000000000-"),
		S_INIT("req_0000000000000000000000000\0"),
	};
	struct reqid id;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		if (reqid_parse(bad[i], &id))
			fail_msg("%.*s", S_FMT(bad[i]));
	}
}

static void
an_attempt_is_the_request_and_a_number(void **state)
{
	struct reqid id = { { 0 } };
	char text[ATTEMPT_TEXT + 1];

	(void)state;
	assert_int_equal(attempt_write(&id, 1, text), 32);
	assert_string_equal(text, "req_00000000000000000000000000-1");
	assert_int_equal(attempt_write(&id, 99, text), ATTEMPT_TEXT);
	assert_string_equal(text, "req_00000000000000000000000000-99");
}

static void
an_attempt_comes_back_and_others_do_not(void **state)
{
	static const struct slice bad[] = { S_INIT(""),
		S_INIT("req_00000000000000000000000000"),
		S_INIT("req_00000000000000000000000000-"),
		S_INIT("req_00000000000000000000000000-0"),
		S_INIT("req_00000000000000000000000000-01"),
		S_INIT("req_00000000000000000000000000-100"),
		S_INIT("req_00000000000000000000000000-x"),
		S_INIT("req_00000000000000000000000000_1"),
		S_INIT("req_0000000000000000000000000-11") };
	struct reqid id, back;
	char text[ATTEMPT_TEXT + 1];
	unsigned n, k;
	size_t i;

	(void)state;
	memset(id.b, 0x5a, sizeof(id.b));
	for (n = 1; n <= 99; n++) {
		i = attempt_write(&id, n, text);
		assert_true(
		    attempt_parse((struct slice){ text, i }, &back, &k));
		assert_int_equal(k, n);
		assert_memory_equal(&back, &id, sizeof(id));
	}
	for (i = 0; i < NELEM(bad); i++)
		assert_false(attempt_parse(bad[i], &back, &k));
}

static const uint8_t high[32] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff };

static void
keys_have_known_texts_and_come_back(void **state)
{
	static const uint64_t ids[] = { 0, 61, 62, 123456789, UINT64_MAX };
	uint8_t secret[32] = { 0 };
	char text[KEY_TEXT + 1];
	struct slice part;
	uint64_t id;
	size_t i;

	(void)state;
	key_write(61, secret, text);
	assert_memory_equal(text, "ktk_00000000000z_", 17);
	assert_memory_equal(
	    text + 17, "0000000000000000000000000000000000000000000", 43);
	key_write(UINT64_MAX, high, text);
	assert_memory_equal(text, "ktk_0LygHa16AHYF_", 17);
	assert_memory_equal(
	    text + 17, "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1", 43);
	for (i = 0; i < NELEM(ids); i++) {
		secret[i] = (uint8_t)(i * 77 + 1);
		key_write(ids[i], secret, text);
		assert_int_equal(strlen(text), KEY_TEXT);
		assert_true(key_parse(slice_of(text), &id, &part));
		assert_int_equal(id, ids[i]);
		assert_ptr_equal(part.p, text + 17);
		assert_int_equal(part.len, KEY_SECRET_TEXT);
	}
}

static void
keys_made_elsewhere_are_taken_and_secrets_are_of_256_bits(void **state)
{
	char text[KEY_TEXT + 1];
	uint8_t secret[32];
	struct slice part;
	uint64_t id;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	key_write(987654321987, secret, text);
	assert_string_equal(text,
	    "ktk_00000HO4Gsl9_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf3"
	    "OCzUO");
	assert_true(
	    key_parse(S("ktk_000000000005_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA"
			"2j5rOw8Xp12Q27Rf"),
		&id, &part));
	assert_int_equal(id, 5);
	/* 2^256, and the checksum right. */
	assert_false(
	    key_parse(S("ktk_000000000005_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA"
			"2j5rOw8Xp20X7waj"),
		&id, &part));
}

static void
a_key_with_any_one_character_changed_is_refused(void **state)
{
	uint8_t secret[32] = { 1, 2, 3, 250 };
	char text[KEY_TEXT + 1], was;
	struct slice part;
	uint64_t id;
	size_t i;
	int c;

	(void)state;
	key_write(1234567, secret, text);
	for (i = 0; i < KEY_TEXT; i++) {
		was = text[i];
		for (c = 0; c < 256; c++) {
			text[i] = (char)c;
			assert_int_equal(
			    key_parse(
				(struct slice){ text, KEY_TEXT }, &id, &part),
			    (char)c == was);
		}
		text[i] = was;
	}
	for (i = 0; i < KEY_TEXT; i++)
		assert_false(key_parse((struct slice){ text, i }, &id, &part));
	assert_false(
	    key_parse((struct slice){ text, KEY_TEXT + 1 }, &id, &part));
}

static void
key_ids_alone_parse_up_to_64_bits(void **state)
{
	char text[KEY_ID_TEXT + 1];
	uint64_t id;

	(void)state;
	key_id_write(UINT64_MAX, text);
	assert_string_equal(text, "0LygHa16AHYF");
	assert_true(key_id_parse(slice_of(text), &id));
	assert_true(id == UINT64_MAX);
	assert_false(key_id_parse(S("0LygHa16AHYG"), &id));
	assert_false(key_id_parse(S("zzzzzzzzzzzz"), &id));
	assert_false(key_id_parse(S("00000000000"), &id));
	assert_false(key_id_parse(S("0000000000000"), &id));
	assert_false(key_id_parse(S("00000000000-"), &id));
}

static void
hashes_spread_over_low_and_high_bits(void **state)
{
	unsigned low[64] = { 0 }, up[64] = { 0 }, i;
	char text[4];
	uint64_t h;

	(void)state;
	assert_true(hash64(S("")) != hash64(S("\0")));
	assert_true(hash64(S("ab")) != hash64(S("ba")));
	for (i = 0; i < 6400; i++) {
		memcpy(text, &i, sizeof(text));
		h = hash64((struct slice){ text, sizeof(text) });
		low[h & 63]++;
		up[h >> 58]++;
	}
	for (i = 0; i < 64; i++) {
		assert_in_range(low[i], 50, 150);
		assert_in_range(up[i], 50, 150);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_id_says_when_and_comes_back),
		cmocka_unit_test(the_ends_of_the_range_have_known_texts),
		cmocka_unit_test(request_ids_sort_by_time_and_sequence),
		cmocka_unit_test(other_texts_are_no_request_ids),
		cmocka_unit_test(an_attempt_is_the_request_and_a_number),
		cmocka_unit_test(an_attempt_comes_back_and_others_do_not),
		cmocka_unit_test(keys_have_known_texts_and_come_back),
		cmocka_unit_test(
		    keys_made_elsewhere_are_taken_and_secrets_are_of_256_bits),
		cmocka_unit_test(
		    a_key_with_any_one_character_changed_is_refused),
		cmocka_unit_test(key_ids_alone_parse_up_to_64_bits),
		cmocka_unit_test(hashes_spread_over_low_and_high_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

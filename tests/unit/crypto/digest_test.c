#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"
#include "crypto/digest.h"

static void
expect(const uint8_t got[DIGEST_LEN], const char *hex)
{
	char text[DIGEST_HEX + 1];

	digest_hex(got, text);
	assert_string_equal(text, hex);
}

static void
digests_match_fips_180(void **state)
{
	static const char two_blocks[] =
	    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	uint8_t out[DIGEST_LEN];

	(void)state;
	digest_of(S(""), out);
	expect(out, "e3b0c44298fc1c149afbf4c8996fb924"
		    "27ae41e4649b934ca495991b7852b855");
	digest_of(S("abc"), out);
	expect(out, "ba7816bf8f01cfea414140de5dae2223"
		    "b00361a396177a9cb410ff61f20015ad");
	digest_of(slice_of(two_blocks), out);
	expect(out, "248d6a61d20638b8e5c026930c3e6039"
		    "a33ce45964ff2167f6ecedd419db06c1");
}

static void
pieces_of_any_size_give_the_digest_of_the_whole(void **state)
{
	uint8_t whole[DIGEST_LEN], out[DIGEST_LEN];
	char text[300];
	struct digest d;
	size_t i, cut;

	(void)state;
	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7);
	digest_of((struct slice){ text, sizeof(text) }, whole);
	for (cut = 0; cut <= sizeof(text); cut++) {
		digest_init(&d);
		digest_add(&d, (struct slice){ text, cut });
		digest_add(
		    &d, (struct slice){ text + cut, sizeof(text) - cut });
		digest_end(&d, out);
		assert_memory_equal(out, whole, sizeof(out));
	}
}

static void
macs_match_rfc_4231(void **state)
{
	static const struct {
		const char *key, *data, *want;
	} cases[] = {
		{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
		    "4869205468657265",
		    "b0344c61d8db38535ca8afceaf0bf12b"
		    "881dc200c9833da726e9376c2e32cff7" },
		{ "4a656665",
		    "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
		    "5bdcc146bf60754e6a042426089575c7"
		    "5a003f089d2739839dec58b964ec3843" },
		{ "0102030405060708090a0b0c0d0e0f10111213141516171819",
		    "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
		    "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
		    "82558a389a443c0ea4cc819899f2083a"
		    "85f0faa3e578f8077a2e3ff46729665b" },
	};
	uint8_t key[64], data[64], out[DIGEST_LEN];
	size_t i, n_key, n_data;
	struct mac_key k;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		n_key = strlen(cases[i].key) / 2;
		n_data = strlen(cases[i].data) / 2;
		assert_true(text_hex_parse(slice_of(cases[i].key), key, n_key));
		assert_true(
		    text_hex_parse(slice_of(cases[i].data), data, n_data));
		mac_key_init(&k, (struct slice){ (char *)key, n_key });
		mac_of(&k, (struct slice){ (char *)data, n_data }, out);
		expect(out, cases[i].want);
		/* A key is used more than once. */
		mac_of(&k, (struct slice){ (char *)data, n_data }, out);
		expect(out, cases[i].want);
	}
}

static void
a_long_mac_key_is_hashed_first(void **state)
{
	uint8_t out[DIGEST_LEN];
	struct mac_key k;
	struct digest d;
	char key[131];

	(void)state;
	memset(key, 0xaa, sizeof(key));
	mac_key_init(&k, (struct slice){ key, sizeof(key) });
	mac_begin(&k, &d);
	digest_add(&d, S("Test Using Larger Than Block-Size Key"));
	digest_add(&d, S(" - Hash Key First"));
	mac_end(&k, &d, out);
	expect(out, "60e431591ee0b67f0d8a26aacbf5b77f"
		    "8e0bc6213728c5140546040f0ee37f54");
}

static void
comparison_sees_every_byte(void **state)
{
	uint8_t a[DIGEST_LEN] = { 0 }, b[DIGEST_LEN] = { 0 };
	size_t i;

	(void)state;
	assert_true(digest_equal(a, b, sizeof(a)));
	for (i = 0; i < sizeof(a); i++) {
		b[i] = 1;
		assert_false(digest_equal(a, b, sizeof(a)));
		b[i] = 0;
	}
}

static void
random_bytes_fill_all_and_differ(void **state)
{
	uint8_t a[600] = { 0 }, b[600] = { 0 };
	size_t i, zeros = 0;

	(void)state;
	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	for (i = 500; i < sizeof(a); i++)
		zeros += a[i] == 0;
	assert_true(zeros < 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_match_fips_180),
		cmocka_unit_test(
		    pieces_of_any_size_give_the_digest_of_the_whole),
		cmocka_unit_test(macs_match_rfc_4231),
		cmocka_unit_test(a_long_mac_key_is_hashed_first),
		cmocka_unit_test(comparison_sees_every_byte),
		cmocka_unit_test(random_bytes_fill_all_and_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/crc.h"

/* Bit by bit, of either polynomial in its reflected form. */
static uint32_t
plain(uint32_t poly, const unsigned char *u, size_t len)
{
	uint32_t crc = UINT32_MAX;
	int i;

	for (; len > 0; len--) {
		crc ^= *u++;
		for (i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? poly : 0);
	}
	return ~crc;
}

static void
sums_match_the_published_ones(void **state)
{
	static const unsigned char zeros[32];
	unsigned char ones[32];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aa); /* RFC 3720 B.4 */
	assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43);
	assert_int_equal(crc32c(0, "", 0), 0);
	assert_int_equal(crc32_ieee(0, "123456789", 9), 0xcbf43926);
	assert_int_equal(crc32_ieee(0, "", 0), 0);
}

static void
every_length_and_every_cut_agree_with_the_plain_sum(void **state)
{
	unsigned char text[150];
	size_t len, cut;

	(void)state;
	for (len = 0; len < sizeof(text); len++)
		text[len] = (unsigned char)(len * 37 + 11);
	for (len = 0; len <= sizeof(text); len++) {
		const uint32_t c = plain(0x82f63b78, text, len);
		const uint32_t i = plain(0xedb88320, text, len);

		for (cut = 0; cut <= len; cut++) {
			assert_int_equal(
			    crc32c(crc32c(0, text, cut), text + cut, len - cut),
			    c);
			assert_int_equal(crc32_ieee(crc32_ieee(0, text, cut),
					     text + cut, len - cut),
			    i);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_match_the_published_ones),
		cmocka_unit_test(
		    every_length_and_every_cut_agree_with_the_plain_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

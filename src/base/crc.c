#include "base/crc.h"

#include <zlib.h>

#ifdef __SSE4_2__
#include <nmmintrin.h>

uint32_t
crc32c(uint32_t seed, const void *p, size_t len)
{
	const unsigned char *u = p;
	uint64_t crc = ~seed, v;
	uint32_t small;

	for (; len >= 8; len -= 8, u += 8) {
		memcpy(&v, u, 8);
		crc = _mm_crc32_u64(crc, v);
	}
	small = (uint32_t)crc;
	for (; len > 0; len--)
		small = _mm_crc32_u8(small, *u++);
	return ~small;
}

#else

/* The reflected polynomial, four bits at a time: small, no start-up. */
uint32_t
crc32c(uint32_t seed, const void *p, size_t len)
{
	static const uint32_t nibble[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, //
		0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d, //
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, //
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75, //
	};
	const unsigned char *u = p;
	uint32_t crc = ~seed;

	for (; len > 0; len--) {
		crc ^= *u++;
		crc = crc >> 4 ^ nibble[crc & 15];
		crc = crc >> 4 ^ nibble[crc & 15];
	}
	return ~crc;
}

#endif

uint32_t
crc32_ieee(uint32_t seed, const void *p, size_t len)
{
	return (uint32_t)crc32_z(seed, p, len);
}

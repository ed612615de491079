#include "base/crc.h"

#include <zlib.h>

#ifdef __SSE4_2__
#include <nmmintrin.h>

uint32_t
crc32c(uint32_t seed, const void *p, size_t len)
{
	const unsigned char *u = p;
	uint64_t crc = ~seed, v;
	uint32_t small, four;

	for (; len >= 8; len -= 8, u += 8) {
		memcpy(&v, u, 8);
		crc = _mm_crc32_u64(crc, v);
	}
	small = (uint32_t)crc;
	if ((len & 4) != 0) {
		memcpy(&four, u, 4);
		small = _mm_crc32_u32(small, four);
		u += 4;
	}
	for (len &= 3; len > 0; len--)
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

#ifdef __PCLMUL__
#include <wmmintrin.h>

enum { SHORT_MAX = 128 };

/*
 * Folding by carry-less products, as Intel's paper of 2009 has it ("Fast CRC
 * Computation for Generic Polynomials Using PCLMULQDQ"): powers of x modulo
 * the polynomial, for the reflected order of bits.  p holds blocks of 16.
 */
static uint32_t
fold(const unsigned char *p, size_t len)
{
	const __m128i by_128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
	const __m128i by_64 = _mm_set_epi64x(0, 0x163cd6124);
	const __m128i poly = _mm_set_epi64x(0x1f7011641, 0x1db710641);
	const __m128i low = _mm_setr_epi32(-1, 0, -1, 0);
	__m128i x = _mm_loadu_si128((const void *)p), y;

	for (p += 16, len -= 16; len > 0; p += 16, len -= 16) {
		y = _mm_clmulepi64_si128(x, by_128, 0x00);
		x = _mm_clmulepi64_si128(x, by_128, 0x11);
		x = _mm_xor_si128(
		    _mm_xor_si128(x, y), _mm_loadu_si128((const void *)p));
	}
	y = _mm_clmulepi64_si128(x, by_128, 0x10);
	x = _mm_xor_si128(_mm_srli_si128(x, 8), y);
	y = _mm_srli_si128(x, 4);
	x = _mm_clmulepi64_si128(_mm_and_si128(x, low), by_64, 0x00);
	x = _mm_xor_si128(x, y);
	/* Barrett's reduction to 32 bits. */
	y = _mm_clmulepi64_si128(_mm_and_si128(x, low), poly, 0x10);
	y = _mm_clmulepi64_si128(_mm_and_si128(y, low), poly, 0x00);
	return (uint32_t)_mm_extract_epi32(_mm_xor_si128(x, y), 1);
}

/*
 * Zeros in front change nothing once the start value is in the first bytes.
 * For keys: zlib's tables are sixteen cold kilobytes.
 */
static uint32_t
crc32_short(uint32_t seed, const void *p, size_t len)
{
	unsigned char block[SHORT_MAX] = { 0 };
	const size_t size = (len + 15) / 16 * 16;
	unsigned char *to = block + size - len;
	uint32_t first;

	memcpy(to, p, len);
	memcpy(&first, to, 4);
	first ^= ~seed;
	memcpy(to, &first, 4);
	return ~fold(block, size);
}
#endif

uint32_t
crc32_ieee(uint32_t seed, const void *p, size_t len)
{
#ifdef __PCLMUL__
	if (len >= 4 && len <= SHORT_MAX)
		return crc32_short(seed, p, len);
#endif
	return (uint32_t)crc32_z(seed, p, len);
}

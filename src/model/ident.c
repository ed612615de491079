#include "model/ident.h"

#include "base/crc.h"

enum { KEY_SUM_TEXT = 6, SECRET_LEN = 32 };

static const char digits32[] = "0123456789abcdefghjkmnpqrstvwxyz";
static const char digits62[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/* 2^256 - 1; the digits are in ASCII order, so memcmp compares numbers. */
static const char secret_most[] = "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1";

static void
put_be(uint8_t *to, uint64_t v, unsigned len)
{
	while (len-- > 0) {
		to[len] = (uint8_t)v;
		v >>= 8;
	}
}

struct reqid
reqid_make(int64_t wall_ns, uint32_t node, uint16_t incarnation, uint32_t seq)
{
	const int64_t ms = wall_ns > 0 ? wall_ns / 1000000 : 0;
	struct reqid id;

	put_be(id.b, (uint64_t)ms, 6);
	put_be(id.b + 6, node, 4);
	put_be(id.b + 10, incarnation, 2);
	put_be(id.b + 12, seq, 4);
	return id;
}

int64_t
reqid_wall_ms(const struct reqid *id)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < 6; i++)
		v = v << 8 | id->b[i];
	return (int64_t)v;
}

void
reqid_write(const struct reqid *id, char out[REQID_TEXT + 1])
{
	uint64_t high, low, part;
	unsigned i;

	memcpy(&high, id->b, 8);
	memcpy(&low, id->b + 8, 8);
	high = __builtin_bswap64(high);
	low = __builtin_bswap64(low);
	memcpy(out, "req_", 4);
	out += 4;
	/* 2, 12 and 12 digits: 8, 60 and 60 bits. */
	out[0] = digits32[high >> 61];
	out[1] = digits32[high >> 56 & 31];
	part = high << 4 | low >> 60;
	for (i = 14; i-- > 2; part >>= 5)
		out[i] = digits32[part & 31];
	for (i = 26; i-- > 14; low >>= 5)
		out[i] = digits32[low & 31];
	out[26] = '\0';
}

static int
digit32(char c)
{
	const char *at = c != '\0' ? strchr(digits32, c) : NULL;

	return at != NULL ? (int)(at - digits32) : -1;
}

bool
reqid_parse(struct slice text, struct reqid *out)
{
	uint128 v = 0;
	size_t i;
	int d;

	if (text.len != REQID_TEXT || !slice_starts(text, S("req_")))
		return false;
	if (text.p[4] > '7') /* 26 digits are 130 bits */
		return false;
	for (i = 4; i < REQID_TEXT; i++) {
		d = digit32(text.p[i]);
		if (d < 0)
			return false;
		v = v << 5 | (unsigned)d;
	}
	for (i = REQID_LEN; i-- > 0; v >>= 8)
		out->b[i] = (uint8_t)v;
	return true;
}

size_t
attempt_write(const struct reqid *id, unsigned n, char out[ATTEMPT_TEXT + 1])
{
	char *to = out + REQID_TEXT;

	CHECK(n >= 1 && n <= 99);
	reqid_write(id, out);
	*to++ = '-';
	if (n >= 10)
		*to++ = (char)('0' + n / 10);
	*to++ = (char)('0' + n % 10);
	*to = '\0';
	return (size_t)(to - out);
}

bool
attempt_parse(struct slice text, struct reqid *id, unsigned *n)
{
	const size_t from = REQID_TEXT + 1;
	uint64_t v;

	if (text.len <= from || text.len > ATTEMPT_TEXT ||
	    text.p[REQID_TEXT] != '-' || text.p[from] == '0' ||
	    !slice_u64((struct slice){ text.p + from, text.len - from }, &v) ||
	    !reqid_parse((struct slice){ text.p, REQID_TEXT }, id))
		return false;
	*n = (unsigned)v;
	return true;
}

static void
put62(char *to, uint64_t v, size_t len)
{
	while (len-- > 0) {
		to[len] = digits62[v % 62];
		v /= 62;
	}
}

/* clang-format off */
static const int8_t values62[128] = {
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, -1, -1, -1, -1, -1, -1,
	-1, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
	25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, -1, -1, -1, -1, -1,
	-1, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50,
	51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1,
};
/* clang-format on */

static inline int
digit62(char c)
{
	return (signed char)c < 0 ? -1 : values62[(unsigned char)c];
}

static bool
get62(struct slice s, uint64_t *out)
{
	uint64_t v = 0;
	size_t i;
	int d;

	for (i = 0; i < s.len; i++) {
		d = digit62(s.p[i]);
		if (d < 0 || __builtin_mul_overflow(v, 62u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v))
			return false;
	}
	*out = v;
	return true;
}

static void
put_secret(char *to, const uint8_t secret[SECRET_LEN])
{
	uint8_t v[SECRET_LEN];
	unsigned rest;
	size_t i, k;

	memcpy(v, secret, sizeof(v));
	for (k = KEY_SECRET_TEXT; k-- > 0;) {
		rest = 0;
		for (i = 0; i < SECRET_LEN; i++) {
			rest = rest << 8 | v[i];
			v[i] = (uint8_t)(rest / 62);
			rest %= 62;
		}
		to[k] = digits62[rest];
	}
	mem_wipe(v, sizeof(v));
}

static bool
secret_formed(const char *p)
{
	size_t i;

	for (i = 0; i < KEY_SECRET_TEXT; i++) {
		if (digit62(p[i]) < 0)
			return false;
	}
	return memcmp(p, secret_most, KEY_SECRET_TEXT) <= 0;
}

bool
key_parse(struct slice text, uint64_t *id, struct slice *secret)
{
	const size_t summed = KEY_TEXT - KEY_SUM_TEXT;
	uint64_t sum;

	if (text.len != KEY_TEXT || !slice_starts(text, S("ktk_")) ||
	    text.p[4 + KEY_ID_TEXT] != '_')
		return false;
	if (!get62((struct slice){ text.p + summed, KEY_SUM_TEXT }, &sum) ||
	    sum != crc32_ieee(0, text.p, summed))
		return false;
	secret->p = text.p + 4 + KEY_ID_TEXT + 1;
	secret->len = KEY_SECRET_TEXT;
	return secret_formed(secret->p) &&
	       key_id_parse((struct slice){ text.p + 4, KEY_ID_TEXT }, id);
}

void
key_write(uint64_t id, const uint8_t secret[32], char out[KEY_TEXT + 1])
{
	const size_t summed = KEY_TEXT - KEY_SUM_TEXT;

	memcpy(out, "ktk_", 4);
	put62(out + 4, id, KEY_ID_TEXT);
	out[4 + KEY_ID_TEXT] = '_';
	put_secret(out + 4 + KEY_ID_TEXT + 1, secret);
	put62(out + summed, crc32_ieee(0, out, summed), KEY_SUM_TEXT);
	out[KEY_TEXT] = '\0';
}

void
key_id_write(uint64_t id, char out[KEY_ID_TEXT + 1])
{
	put62(out, id, KEY_ID_TEXT);
	out[KEY_ID_TEXT] = '\0';
}

bool
key_id_parse(struct slice text, uint64_t *id)
{
	return text.len == KEY_ID_TEXT && get62(text, id);
}

uint64_t
hash64(struct slice s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

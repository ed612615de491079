#include "model/money.h"

enum { PER_MILLION_DECIMALS = RATE_DECIMALS - 6 };

static bool
fits(int128 v, int64_t *out)
{
	if (v < INT64_MIN || v > INT64_MAX)
		return false;
	*out = (int64_t)v;
	return true;
}

bool
money_line(struct rate r, uint64_t quantity, struct money *out)
{
	/* 63 and 64 bits: the product cannot leave 128. */
	const int128 pico = (int128)r.pico * (int128)quantity;
	int64_t small, rest;
	int128 nano;
	int size;

	/* A machine's division is much cheaper than one of 128 bits. */
	if (fits(pico, &small)) {
		rest = small % 1000;
		nano = small / 1000;
	} else {
		rest = (int64_t)(pico % 1000);
		nano = pico / 1000;
	}
	size = (int)(rest < 0 ? -rest : rest);
	if (size > 500 || (size == 500 && nano % 2 != 0))
		nano += rest < 0 ? -1 : 1;
	return fits(nano, &out->nano);
}

bool
money_add(struct money a, struct money b, struct money *out)
{
	return !__builtin_add_overflow(a.nano, b.nano, &out->nano);
}

/* The digits of s appended to *v; false when there are none or too many. */
static bool
digits(struct slice s, int128 *v)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || *v > INT64_MAX)
			return false;
		*v = *v * 10 + (s.p[i] - '0');
	}
	return s.len > 0;
}

/* A decimal text as a count of 10^-decimals; no sign. */
static bool
parse(struct slice s, unsigned decimals, int128 *out)
{
	struct slice whole = s, part = { s.p, 0 };
	unsigned i;

	*out = 0;
	if (slice_cut(s, '.', &whole, &part) && part.len == 0)
		return false;
	if (part.len > decimals || (whole.len > 1 && whole.p[0] == '0'))
		return false;
	if (!digits(whole, out) || (part.len > 0 && !digits(part, out)))
		return false;
	for (i = (unsigned)part.len; i < decimals; i++) {
		if (*out > INT64_MAX)
			return false;
		*out *= 10;
	}
	return true;
}

enum { DIGITS_MAX = 48 };

/* The digits at the end of to, at least so many; gives where they begin. */
static size_t
put_digits(char to[DIGITS_MAX], uint128 v, size_t least)
{
	size_t i = DIGITS_MAX;
	uint64_t left;

	/* A machine's division is much cheaper than one of 128 bits. */
	for (; v > UINT64_MAX; v /= 10)
		to[--i] = (char)('0' + (int)(v % 10));
	for (left = (uint64_t)v; left > 0; left /= 10)
		to[--i] = (char)('0' + (int)(left % 10));
	while (DIGITS_MAX - i < least)
		to[--i] = '0';
	return i;
}

static void
put(struct buf *b, int128 v, unsigned decimals)
{
	char text[DIGITS_MAX];
	const size_t from =
	    put_digits(text, v < 0 ? -(uint128)v : (uint128)v, decimals + 1);
	const size_t point = DIGITS_MAX - decimals;
	size_t end = DIGITS_MAX;

	while (end > point && text[end - 1] == '0')
		end--;
	if (v < 0)
		buf_char(b, '-');
	buf_add(b, (struct slice){ text + from, point - from });
	if (end > point) {
		buf_char(b, '.');
		buf_add(b, (struct slice){ text + point, end - point });
	}
}

bool
money_parse(struct slice s, struct money *out)
{
	const bool minus = s.len > 0 && s.p[0] == '-';
	int128 v;

	if (minus) {
		s.p++;
		s.len--;
	}
	return parse(s, MONEY_DECIMALS, &v) && fits(minus ? -v : v, &out->nano);
}

void
money_write(struct buf *b, struct money m)
{
	put(b, m.nano, MONEY_DECIMALS);
}

void
money_write_sum(struct buf *b, int128 nano)
{
	put(b, nano, MONEY_DECIMALS);
}

bool
rate_parse_per_million(struct slice s, struct rate *out)
{
	int128 v;

	return parse(s, PER_MILLION_DECIMALS, &v) && fits(v, &out->pico);
}

void
rate_write_per_million(struct buf *b, struct rate r)
{
	put(b, r.pico, PER_MILLION_DECIMALS);
}

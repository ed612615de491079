#include "sim/tariff.h"

enum { DECIMALS = 9 };
static const int64_t mega = 1000000, nano = 1000000000;

static bool
digits(struct slice s, int64_t *out)
{
	size_t i;

	*out = 0;
	if (s.len == 0 || s.len > 9)
		return false;
	for (i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		*out = *out * 10 + (s.p[i] - '0');
	}
	return true;
}

bool
tariff_rate(struct slice text, int64_t *rate)
{
	struct slice whole = text, part = S("0");
	int64_t w, f;
	size_t i;

	if (slice_cut(text, '.', &whole, &part) && part.len > DECIMALS)
		return false;
	if (!digits(whole, &w) || w > 1000000 || !digits(part, &f))
		return false;
	for (i = part.len; i < DECIMALS; i++)
		f *= 10;
	*rate = w * nano + f;
	return true;
}

int64_t
tariff_line(int64_t rate, int64_t tokens)
{
	int128 product = (int128)rate * tokens;
	int128 q = product / mega, r = product % mega;

	if (r * 2 > mega || (r * 2 == mega && (q & 1) != 0))
		q++;
	CHECK(q >= 0 && q <= INT64_MAX);
	return (int64_t)q;
}

int64_t
tariff_bill(const struct tariff *t, const struct tokens *n)
{
	const struct rates *r = &t->base;

	CHECK(n->cached + n->cache_write <= n->input);
	if (t->above > 0 && n->input > t->above)
		r = &t->beyond;
	return tariff_line(r->input, n->input - n->cached - n->cache_write) +
	       tariff_line(r->cached, n->cached) +
	       tariff_line(r->cache_write, n->cache_write) +
	       tariff_line(r->output, n->output);
}

void
tariff_write(struct buf *b, int64_t amount)
{
	buf_fmt(b, "%lld.%09lld", (long long)(amount / nano),
	    (long long)(amount % nano));
}

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

static const struct rates *
rates_for(const struct tariff *t, int64_t input)
{
	const struct rates *r = &t->base;
	int i;

	for (i = 0; i < t->nstep; i++) {
		if (input > t->step[i].above)
			r = &t->step[i].rates;
	}
	return r;
}

int64_t
tariff_bill(const struct tariff *t, const struct tokens *n)
{
	const struct rates *r = rates_for(t, n->input);
	const int64_t fresh =
	    n->input - n->cached - n->cache_write - n->audio_in - n->image_in;
	const int64_t text =
	    n->output - n->reasoning - n->audio_out - n->image_out;

	CHECK(fresh >= 0 && text >= 0);
	return t->per_call + tariff_line(r->input, fresh) +
	       tariff_line(r->cached, n->cached) +
	       tariff_line(r->cache_write, n->cache_write) +
	       tariff_line(r->audio_in, n->audio_in) +
	       tariff_line(r->image_in, n->image_in) +
	       tariff_line(r->output, text) +
	       tariff_line(r->reasoning, n->reasoning) +
	       tariff_line(r->audio_out, n->audio_out) +
	       tariff_line(r->image_out, n->image_out);
}

static int64_t
at_most(int64_t v, int64_t most)
{
	return v < most ? v : most;
}

void
tariff_cut(struct tokens *n, int64_t output)
{
	n->output = output;
	n->reasoning = at_most(n->reasoning, output);
	n->audio_out = at_most(n->audio_out, output - n->reasoning);
	n->image_out =
	    at_most(n->image_out, output - n->reasoning - n->audio_out);
}

static const char *const services[SERVICES] = {
	[SERVICE_DEFAULT] = "default",
	[SERVICE_FLEX] = "flex",
	[SERVICE_PRIORITY] = "priority",
};

bool
service_find(struct slice word, enum service *out)
{
	int i;

	*out = SERVICE_DEFAULT;
	if (word.len == 0 || slice_eq(word, S("auto")))
		return true;
	if (slice_eq(word, S("fast")))
		word = S("priority");
	for (i = 0; i < SERVICES; i++) {
		if (slice_eq(word, slice_of(services[i]))) {
			*out = (enum service)i;
			return true;
		}
	}
	return false;
}

const char *
service_word(enum service s)
{
	return services[s];
}

void
tariff_write(struct buf *b, int64_t amount)
{
	buf_fmt(b, "%lld.%09lld", (long long)(amount / nano),
	    (long long)(amount % nano));
}

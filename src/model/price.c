#include "model/price.h"

#include "base/json.h"

static const struct {
	const char *text;
	enum lane instead;
} lanes[] = {
#define LANE(NAME, text, instead) { text, LANE_##instead },
#include "model/lanes.def"
#undef LANE
};

const char *
lane_text(enum lane lane)
{
	CHECK(lane < LANES);
	return lanes[lane].text;
}

const struct price *
price_better(const struct price *best, const struct price *p, struct slice tier,
    int64_t wall_ns)
{
	if (p->from_ns > wall_ns || (p->to_ns != 0 && p->to_ns <= wall_ns) ||
	    !slice_eq(p->tier, tier))
		return best;
	if (best == NULL || (p->operators && !best->operators))
		return p;
	return p->operators == best->operators && p->from_ns > best->from_ns
		   ? p
		   : best;
}

bool
rates_get(const struct rates *r, enum lane lane, struct rate *out)
{
	while ((r->has & LANE_BIT(lane)) == 0) {
		if (lanes[lane].instead == lane) {
			*out = (struct rate){ 0 };
			return false;
		}
		lane = lanes[lane].instead;
	}
	*out = r->rate[lane];
	return true;
}

void
rates_set(struct rates *r, enum lane lane, struct rate rate)
{
	r->has |= LANE_BIT(lane);
	r->rate[lane] = rate;
}

void
rates_write(struct buf *b, const struct rates *r)
{
	unsigned i;

	for (i = 0; i < LANES; i++) {
		if ((r->has & LANE_BIT(i)) == 0)
			continue;
		json_w_key(b, lane_text((enum lane)i));
		buf_char(b, '"');
		rate_write_per_million(b, r->rate[i]);
		buf_char(b, '"');
	}
}

void
price_write_steps(struct buf *b, const struct price *p)
{
	unsigned i;

	json_w_key(b, "above");
	json_w_begin(b, '[');
	for (i = 0; i < p->nsteps; i++) {
		json_w_begin(b, '{');
		json_w_ku64(b, "tokens", p->step[i].above);
		rates_write(b, &p->step[i].rates);
		json_w_end(b, '}');
	}
	json_w_end(b, ']');
}

const struct rates *
price_rates(const struct price *p, uint64_t input, unsigned *step)
{
	unsigned n = p->nsteps;

	while (n > 0 && input <= p->step[n - 1].above)
		n--;
	*step = n;
	return n > 0 ? &p->step[n - 1].rates : &p->base;
}

/* --- what usage costs -------------------------------------------------- */

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Each token into one lane.  Providers do not say whether cached tokens were
 * audio or images: they overlap no more than the counts force them to, so
 * what may be fresh audio is sold as that.
 */
static void
split(const struct usage *u, uint64_t q[LANES])
{
	uint64_t rest = u->input - u->cached - u->cache_write;

	q[LANE_CACHED] = u->cached;
	q[LANE_CACHE_WRITE] = u->cache_write - u->cache_write_1h;
	q[LANE_CACHE_WRITE_1H] = u->cache_write_1h;
	q[LANE_AUDIO_INPUT] = least(u->audio_input, rest);
	rest -= q[LANE_AUDIO_INPUT];
	q[LANE_IMAGE_INPUT] = least(u->image_input, rest);
	q[LANE_INPUT] = rest - q[LANE_IMAGE_INPUT];
	q[LANE_REASONING] = u->reasoning;
	q[LANE_AUDIO_OUTPUT] = u->audio_output;
	q[LANE_IMAGE_OUTPUT] = u->image_output;
	q[LANE_OUTPUT] =
	    u->output - u->reasoning - u->audio_output - u->image_output;
}

static bool
fill(const struct rates *r, enum lane lane, uint64_t n, struct price_line *l)
{
	l->quantity = n;
	l->cost = (struct money){ 0 };
	if (!rates_get(r, lane, &l->rate))
		return n == 0;
	return money_line(l->rate, n, &l->cost);
}

bool
price_lines(const struct price *p, const struct usage *u,
    struct price_line line[PRICE_LINES], unsigned *step)
{
	const struct rates *r = price_rates(p, u->input, step);
	uint64_t q[LANES];
	unsigned i;

	if (!usage_sane(u))
		return false;
	split(u, q);
	for (i = 0; i < LANES; i++) {
		if (!fill(r, (enum lane)i, q[i], &line[i]))
			return false;
	}
	line[LANES] = (struct price_line){ 1, { 0 }, p->per_request };
	return true;
}

bool
price_cost(const struct price *p, const struct usage *u, struct money *out)
{
	struct price_line line[PRICE_LINES];
	struct money sum = { 0 };
	unsigned i, step;

	if (!price_lines(p, u, line, &step))
		return false;
	for (i = 0; i < PRICE_LINES; i++) {
		if (!money_add(sum, line[i].cost, &sum))
			return false;
	}
	*out = sum;
	return true;
}

/* --- the most it can cost ---------------------------------------------- */

/* The dearest of the lanes in a mask; false: one is not known. */
static bool
dearest(const struct rates *r, uint32_t mask, struct rate *worst)
{
	struct rate rate;

	for (; mask != 0; mask &= mask - 1) {
		if (!rates_get(r, (enum lane)__builtin_ctz(mask), &rate))
			return false;
		if (rate.pico > worst->pico)
			*worst = rate;
	}
	return true;
}

static bool
dearest_row(const struct price *p, uint32_t mask, uint64_t input,
    struct rate *in, struct rate *out)
{
	const uint32_t of_input = mask & LANES_INPUT;
	const uint32_t of_output = mask & ~LANES_INPUT;
	unsigned i;

	*in = *out = (struct rate){ 0 };
	if (!dearest(&p->base, of_input, in) ||
	    !dearest(&p->base, of_output, out))
		return false;
	for (i = 0; i < p->nsteps && input > p->step[i].above; i++) {
		if (!dearest(&p->step[i].rates, of_input, in) ||
		    !dearest(&p->step[i].rates, of_output, out))
			return false;
	}
	return true;
}

bool
price_knows(const struct price *p, uint32_t mask, uint64_t input)
{
	struct rate in, out;

	return dearest_row(p, mask, input, &in, &out);
}

/*
 * A side is several lines of a cost and one of a bound, each off by half a
 * nano at most: six of input can add up to three more, four of output to
 * two.
 */
enum { ROUNDING_INPUT = 3, ROUNDING_OUTPUT = 2 };

static bool
add_side(struct rate r, uint64_t n, int64_t rounding, struct money *sum)
{
	struct money line;

	if (n == 0 || r.pico == 0)
		return true;
	return money_line(r, n, &line) && money_add(*sum, line, sum) &&
	       money_add(*sum, (struct money){ rounding }, sum);
}

bool
price_bound(const struct price *p, uint32_t mask, uint64_t input,
    uint64_t output, struct money *out)
{
	struct money sum = p->per_request;
	struct rate in, o;

	if (!dearest_row(p, mask, input, &in, &o) ||
	    !add_side(in, input, ROUNDING_INPUT, &sum) ||
	    !add_side(o, output, ROUNDING_OUTPUT, &sum))
		return false;
	*out = sum;
	return true;
}

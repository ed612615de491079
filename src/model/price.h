/*
 * price.h - a row of the price book, and what usage costs by it
 *
 * Every token of a call falls into one lane and each lane is a line: rate x
 * quantity, rounded once.  A rate that is not known is not zero: a row says
 * which it has, lanes.def says which stands in, and what has neither cannot
 * be priced.  A step (long context) prices the whole call; the highest one
 * that the input is above counts, and only the rates it has itself.
 */
#ifndef KONTOR_MODEL_PRICE_H
#define KONTOR_MODEL_PRICE_H

#include "model/money.h"
#include "model/usage.h"

enum lane {
#define LANE(NAME, text, instead) LANE_##NAME,
#include "model/lanes.def"
#undef LANE
	LANES
};

enum {
	PRICE_STEPS = 4, /* at most, in a row */
	PRICE_LINES = LANES + 1
};

#define LANE_BIT(lane) (1u << (lane))
/* Of the input; all others are of the output. */
#define LANES_INPUT (LANE_BIT(LANE_OUTPUT) - 1)
/* What any call can touch; audio and images only one that has them. */
#define LANES_TEXT \
	(((1u << LANES) - 1) & \
	    ~(LANE_BIT(LANE_AUDIO_INPUT) | LANE_BIT(LANE_IMAGE_INPUT) | \
		LANE_BIT(LANE_AUDIO_OUTPUT) | LANE_BIT(LANE_IMAGE_OUTPUT)))

struct rates {
	uint32_t has; /* bits: lanes with a rate of their own */
	struct rate rate[LANES];
};

struct price_step {
	uint64_t above; /* input tokens */
	struct rates rates;
};

struct price {
	uint64_t id;       /* hash64 of its canonical text; 0: unknown price */
	int64_t from_ns;   /* wall; in force from then on */
	int64_t to_ns;     /* and until then; 0: until another is */
	bool operators;    /* the operator's row: wins over the book */
	struct slice tier; /* of service: "standard"; borrowed */
	struct rates base;
	unsigned nsteps;
	struct price_step step[PRICE_STEPS]; /* above rising */
	struct money per_request;
	struct slice source; /* where it is from, for people; borrowed */
};

struct price_line {
	uint64_t quantity;
	struct rate rate; /* 0 when not known and nothing is counted */
	struct money cost;
};

/* "cached_input" */
const char *lane_text(enum lane lane);

/*
 * Of two rows for one deployment (the first may be NULL) the one that counts
 * at wall_ns for calls at that tier: the operator's, then the later, then the
 * first.
 */
const struct price *price_better(const struct price *best,
    const struct price *p, struct slice tier, int64_t wall_ns);

/* With what stands in; false, and 0: not known. */
bool rates_get(const struct rates *r, enum lane lane, struct rate *out);
void rates_set(struct rates *r, enum lane lane, struct rate rate);
/* Members of the object that is open: "input":"1.25", per million tokens. */
void rates_write(struct buf *b, const struct rates *r);
/* One member: "above":[{"tokens":200000,"input":"2.5"}] */
void price_write_steps(struct buf *b, const struct price *p);
/* The rates for a call of that much input; *step: 0 none, or from 1. */
const struct rates *price_rates(
    const struct price *p, uint64_t input, unsigned *step);

/*
 * A line for each lane, in their order, then the fee per request; the cost
 * is their sum.  False on overflow, unsane usage, or tokens in a lane whose
 * rate is not known.
 */
bool price_lines(const struct price *p, const struct usage *u,
    struct price_line line[PRICE_LINES], unsigned *step) MUST_USE;
bool price_cost(
    const struct price *p, const struct usage *u, struct money *out) MUST_USE;

/* Whether every one of those lanes (bits) has a rate up to that input. */
bool price_knows(const struct price *p, uint32_t lanes, uint64_t input);
/*
 * The most that a call touching those lanes can cost, whatever it counts up
 * to input and output; a step counts when input reaches it.  False on
 * overflow, or when a lane is not known.
 */
bool price_bound(const struct price *p, uint32_t lanes, uint64_t input,
    uint64_t output, struct money *out) MUST_USE;

#endif

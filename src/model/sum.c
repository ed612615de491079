#include "model/sum.h"

/* Priced at nothing: only how the tokens fall into lanes is of interest. */
static const struct price nothing = { .base = { .has = (1u << LANES) - 1 } };

void
sum_usage(const struct usage *u, int64_t sum[SUMS])
{
	struct price_line line[PRICE_LINES];
	unsigned step;

	sum[SUM_ATTEMPTS] = 1;
	sum[SUM_INPUT] = (int64_t)u->input;
	sum[SUM_CACHED] = (int64_t)u->cached;
	sum[SUM_CACHE_WRITE] = (int64_t)u->cache_write;
	sum[SUM_CACHE_WRITE_1H] = (int64_t)u->cache_write_1h;
	sum[SUM_AUDIO_INPUT] = (int64_t)u->audio_input;
	sum[SUM_IMAGE_INPUT] = (int64_t)u->image_input;
	sum[SUM_OUTPUT] = (int64_t)u->output;
	sum[SUM_REASONING] = (int64_t)u->reasoning;
	sum[SUM_AUDIO_OUTPUT] = (int64_t)u->audio_output;
	sum[SUM_IMAGE_OUTPUT] = (int64_t)u->image_output;
	sum[SUM_AUDIO_SOLD] = sum[SUM_IMAGE_SOLD] = 0;
	if ((u->audio_input | u->image_input) != 0 &&
	    price_lines(&nothing, u, line, &step)) {
		sum[SUM_AUDIO_SOLD] = (int64_t)line[LANE_AUDIO_INPUT].quantity;
		sum[SUM_IMAGE_SOLD] = (int64_t)line[LANE_IMAGE_INPUT].quantity;
	}
}

int64_t
sum_lane(const int64_t sum[SUMS], enum lane lane)
{
	switch (lane) {
	case LANE_INPUT:
		return sum[SUM_INPUT] - sum[SUM_CACHED] - sum[SUM_CACHE_WRITE] -
		       sum[SUM_AUDIO_SOLD] - sum[SUM_IMAGE_SOLD];
	case LANE_CACHED:
		return sum[SUM_CACHED];
	case LANE_CACHE_WRITE:
		return sum[SUM_CACHE_WRITE] - sum[SUM_CACHE_WRITE_1H];
	case LANE_CACHE_WRITE_1H:
		return sum[SUM_CACHE_WRITE_1H];
	case LANE_AUDIO_INPUT:
		return sum[SUM_AUDIO_SOLD];
	case LANE_IMAGE_INPUT:
		return sum[SUM_IMAGE_SOLD];
	case LANE_OUTPUT:
		return sum[SUM_OUTPUT] - sum[SUM_REASONING] -
		       sum[SUM_AUDIO_OUTPUT] - sum[SUM_IMAGE_OUTPUT];
	case LANE_REASONING:
		return sum[SUM_REASONING];
	case LANE_AUDIO_OUTPUT:
		return sum[SUM_AUDIO_OUTPUT];
	case LANE_IMAGE_OUTPUT:
		return sum[SUM_IMAGE_OUTPUT];
	case LANES:
		break;
	}
	return 0;
}

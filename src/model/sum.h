/*
 * sum.h - what is added up over attempts: by the recorder, for reports
 *
 * audio_sold and image_sold are the input that was priced as audio and as
 * images; the other lanes follow from the sums, as no lane but these two
 * depends on more than one of the counts (model/price.h).
 */
#ifndef KONTOR_MODEL_SUM_H
#define KONTOR_MODEL_SUM_H

#include "model/price.h"
#include "model/usage.h"

enum sum {
	SUM_ATTEMPTS,
	SUM_INPUT,
	SUM_CACHED,
	SUM_CACHE_WRITE,
	SUM_CACHE_WRITE_1H,
	SUM_AUDIO_INPUT,
	SUM_IMAGE_INPUT,
	SUM_OUTPUT,
	SUM_REASONING,
	SUM_AUDIO_OUTPUT,
	SUM_IMAGE_OUTPUT,
	SUM_AUDIO_SOLD,
	SUM_IMAGE_SOLD,
	SUM_LIST,
	SUM_CONTRACTED,
	SUM_EFFECTIVE,
	SUMS
};

/* Columns of the store, in that order. */
#define SUM_COLUMNS \
	"attempts, input, cached, cache_write, cache_write_1h, audio_input," \
	" image_input, output, reasoning, audio_output, image_output," \
	" audio_sold, image_sold, list, contracted, effective"

/* One attempt's, but for its money. */
void sum_usage(const struct usage *u, int64_t sum[SUMS]);
/* The tokens of a lane among sums. */
int64_t sum_lane(const int64_t sum[SUMS], enum lane lane);

#endif

/*
 * usage.h - what a provider counted for one attempt
 *
 * Canonical form, whatever the dialect: input and output are the whole, the
 * rest are parts of it.  cached and cache_write do not overlap; the parts by
 * kind (audio, image) may lie inside them, as providers do not say.
 */
#ifndef KONTOR_MODEL_USAGE_H
#define KONTOR_MODEL_USAGE_H

#include "base/base.h"

/* No call has as many: what says so is no usage. */
#define TOKENS_MAX (UINT64_C(1) << 40)

struct usage {
	uint64_t input;          /* all input, the five parts included */
	uint64_t cached;         /* read from a cache */
	uint64_t cache_write;    /* written to a cache, for however long */
	uint64_t cache_write_1h; /* of cache_write: kept for an hour */
	uint64_t audio_input;
	uint64_t image_input;
	uint64_t output; /* all output, the three parts included */
	uint64_t reasoning;
	uint64_t audio_output;
	uint64_t image_output;
};

/*
 * Input and output below TOKENS_MAX, cached + cache_write <= input,
 * cache_write_1h <= cache_write, audio_input
 * + image_input <= input, and the parts of output together <= output.
 */
bool usage_sane(const struct usage *u);

#endif

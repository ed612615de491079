/*
 * usage.h - what a provider counted for one attempt
 *
 * Canonical form: the parts do not overlap in the way they are priced, but
 * input includes cached and cache_write, and output includes reasoning, as
 * the OpenAI shape reports them.
 */
#ifndef KONTOR_MODEL_USAGE_H
#define KONTOR_MODEL_USAGE_H

#include "base/base.h"

struct usage {
	uint64_t input;       /* all input, cached and cache_write included */
	uint64_t cached;      /* read from a cache */
	uint64_t cache_write; /* written to a cache */
	uint64_t output;      /* all output, reasoning included */
	uint64_t reasoning;
};

/* cached + cache_write <= input and reasoning <= output. */
bool usage_sane(const struct usage *u);

#endif

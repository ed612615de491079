/*
 * tariff.h - what a simulated provider charges, in exact integers
 *
 * A rate is nano-USD per million tokens, a charge is nano-USD.  A bill is the
 * fee per call and one line per component (fresh, cached, cache-written,
 * audio and image input; text, reasoning, audio and image output); each line
 * is rounded half to even, once.  Nothing here is shared with the gateway
 * whose books it is compared with.
 */
#ifndef KONTOR_SIM_TARIFF_H
#define KONTOR_SIM_TARIFF_H

#include "base/base.h"
#include "base/buf.h"

struct tokens {
	int64_t input; /* all of it, the parts below too */
	int64_t cached, cache_write, audio_in, image_in; /* do not overlap */
	int64_t output; /* all of it, the parts below too */
	int64_t reasoning, audio_out, image_out;
};

struct rates {
	int64_t input, cached, cache_write, audio_in, image_in;
	int64_t output, reasoning, audio_out, image_out;
};

enum { TARIFF_STEPS = 4 };

struct tariff {
	bool sold;
	struct rates base;
	/* With more input than `above` the whole call costs these; rising. */
	struct {
		int64_t above;
		struct rates rates;
	} step[TARIFF_STEPS];
	int nstep;
	int64_t per_call;
};

/* What a call was served at, and is billed at. */
enum service { SERVICE_DEFAULT, SERVICE_FLEX, SERVICE_PRIORITY, SERVICES };

/* False: not one of them; "fast" is priority, "auto" the default. */
bool service_find(struct slice word, enum service *out);
const char *service_word(enum service s);

/* "2.50" USD per million tokens; at most 9 decimals; false: not a rate. */
bool tariff_rate(struct slice text, int64_t *rate);
int64_t tariff_line(int64_t rate, int64_t tokens);
/* Only so much of the output was made: thoughts come first, then sounds. */
void tariff_cut(struct tokens *n, int64_t output);
int64_t tariff_bill(const struct tariff *t, const struct tokens *n);
/* "0.000012345", always nine decimals */
void tariff_write(struct buf *b, int64_t nano);

#endif

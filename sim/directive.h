/*
 * directive.h - what a prompt asks the simulator to do
 *
 * "[[sim out=40 pace=5 fault@openai=500]]" anywhere in the last user message.
 * Unknown words are ignored: a prompt cannot break the simulator.
 */
#ifndef KONTOR_SIM_DIRECTIVE_H
#define KONTOR_SIM_DIRECTIVE_H

#include "base/base.h"
#include "sim/mishap.h"

enum usage_lie {
	LIE_NONE,
	LIE_MISSING,
	LIE_NULL,
	LIE_NEGATIVE,
	LIE_OVER,
	LIE_STRINGS
};

enum { DIRECTIVE_PLAYS = 8 };

struct directive {
	int64_t out, pace_ms, ttft_ms, tools; /* -1: not given */
	int64_t cached, cache_write, reasoning, redacted;
	int64_t audio_in, image_in, audio_out, image_out;
	int64_t interleave; /* fragments of parallel calls take turns */
	enum usage_lie lie;
	struct slice text;      /* borrowed from the prompt */
	struct slice tier;      /* it is served at; empty: as asked */
	struct slice play_name; /* of a script */
	struct slice finish; /* "filter": cut by a filter; "blocked": no answer
			      * at all, where the provider has that */
	struct {
		struct slice credential; /* empty: any */
		struct play play;
	} play[DIRECTIVE_PLAYS];
	unsigned nplay;
};

void directive_init(struct directive *d);
/* Reads every [[sim ...]] in the text, later words win. */
void directive_parse(struct directive *d, struct slice prompt);
/* The fault for that credential; its own row before one for any. */
struct play directive_play(const struct directive *d, struct slice credential);

#endif

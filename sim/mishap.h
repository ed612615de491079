/*
 * mishap.h - the faults that the simulator plays on request
 */
#ifndef KONTOR_SIM_MISHAP_H
#define KONTOR_SIM_MISHAP_H

#include "base/base.h"

enum mishap {
	MISHAP_NONE,
#define MISHAP(NAME, word, status, spoils, text) MISHAP_##NAME,
#include "sim/mishaps.def"
#undef MISHAP
	MISHAP_MAX
};

struct mishap_row {
	const char *word;
	int status;  /* an error answer; 0: something else */
	bool spoils; /* exact usage cannot be read from the answer */
	const char *text;
};

struct play {
	enum mishap kind;
	int64_t arg; /* the K of "cut:K"; -1: not given */
};

const struct mishap_row *mishap_get(enum mishap m); /* never NULL */
/* "500", "cut:3"; false: no such fault */
bool mishap_parse(struct slice word, struct play *out);
/* Its K, or the middle of the whole when none was given. */
int64_t play_at(struct play play, int64_t whole);

#endif

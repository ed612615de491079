/*
 * shape.h - is this a chat request that the provider would take?
 *
 * The first thing wrong is reported as the provider words it.  Lenient
 * servers (vLLM and its kind) ignore fields they do not know.
 */
#ifndef KONTOR_SIM_SHAPE_H
#define KONTOR_SIM_SHAPE_H

#include "base/base.h"
#include "base/arena.h"

struct json; /* base/json.h */

/* An error answer in no provider's shape yet; strings live in the arena. */
struct refusal {
	int status;
	const char *type;
	const char *code;  /* NULL: null */
	const char *param; /* NULL: null */
	const char *message;
};

struct shape_rules {
	bool lenient;   /* unknown fields pass */
	bool reasoning; /* max_tokens is refused */
};

/* false: *why is set. */
bool shape_check(struct arena *a, const struct json *body,
    const struct shape_rules *rules, struct refusal *why);

#endif

/*
 * script.h - what a simulated model is to do, step by step
 *
 * Coding agents need a model that reads, edits and runs.  A script, set by
 * POST /sim/script, is a list of steps; a prompt with [[sim play=NAME]] gets
 * the step after those it has had: as many as it has turns with calls.
 */
#ifndef KONTOR_SIM_SCRIPT_H
#define KONTOR_SIM_SCRIPT_H

#include "base/arena.h"
#include "sim/chat.h"

struct script {
	struct script *next;
	struct slice name;
	const struct json *steps;
};

struct scripts {
	struct arena arena;
	struct script *first;
};

/* {"name": N, "steps": [{"tool": T, "arguments": {}} or {"text": S}]}; NULL,
 * or what is wrong with it. */
const char *scripts_add(struct scripts *s, struct slice text);
/* Makes c do its step; body is the chat, which lives as long as c. */
void scripts_play(const struct scripts *s, struct arena *a, struct chat *c,
    const struct json *body);
void scripts_fini(struct scripts *s);

#endif

/*
 * embed.h - texts as vectors, in six wire formats
 *
 * Every number of a vector is k/1024, so that its decimals are short and a
 * 32-bit float holds it exactly: what came by base64 can be compared.
 */
#ifndef KONTOR_SIM_EMBED_H
#define KONTOR_SIM_EMBED_H

#include "sim/desk.h"

enum embed_wire {
	EMBED_OPENAI,
	EMBED_GEMINI,
	EMBED_GEMINI_BATCH,
	EMBED_VERTEX,
	EMBED_TITAN,
	EMBED_COHERE
};

/* model is the path's; empty: the body names it. */
struct plan *embed_call(
    struct visit *v, enum embed_wire wire, struct slice model) MUST_USE;

#endif

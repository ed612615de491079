/*
 * gemini.h - generateContent and its kin, at the Gemini API and on Vertex
 */
#ifndef KONTOR_SIM_GEMINI_H
#define KONTOR_SIM_GEMINI_H

#include "sim/desk.h"
#include "sim/work.h"

/* Every path of the two venues. */
struct plan *gemini_route(struct visit *v) MUST_USE;

/* gemini_read.c: a manner's read; leaves chat's shape in o->body. */
struct plan *gemini_read(struct order *o) MUST_USE;
/* What a request of this many contents and parts weighs. */
int64_t gemini_count(struct arena *a, const struct json *request) MUST_USE;
/* The signature that goes with a call of that name, or a text ("") */
struct slice gemini_signature(struct arena *a, struct slice name) MUST_USE;

/* gemini_say.c */
extern const struct tongue gemini_tongue;

#endif

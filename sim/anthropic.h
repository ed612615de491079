/*
 * anthropic.h - Anthropic's Messages: POST /v1/messages, its stream and
 * count_tokens
 */
#ifndef KONTOR_SIM_ANTHROPIC_H
#define KONTOR_SIM_ANTHROPIC_H

#include "sim/desk.h"
#include "sim/shape.h"
#include "sim/work.h"

/* Below /v1, for a credential of Anthropic's. */
struct plan *anthropic_route(struct visit *v) MUST_USE;

/* anthropic_read.c: a manner's read; leaves chat's shape in o->body. */
struct plan *anthropic_read(struct order *o) MUST_USE;
/* Is the body one that could be counted?  What it weighs; -1 with *why. */
int64_t anthropic_count(struct arena *a, const struct json *body, bool newer,
    struct refusal *why) MUST_USE;

/* anthropic_say.c */
extern const struct tongue anthropic_tongue;

#endif

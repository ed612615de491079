/*
 * anthropic.h - Anthropic's Messages: POST /v1/messages, its stream and
 * count_tokens; and the same bodies where others sell them
 */
#ifndef KONTOR_SIM_ANTHROPIC_H
#define KONTOR_SIM_ANTHROPIC_H

#include "sim/desk.h"
#include "sim/shape.h"
#include "sim/work.h"

/* Whose shop a body is for: each has its own way to say version and model. */
enum shop {
	SHOP_MESSAGES, /* Anthropic's own, Foundry's, Bedrock's /anthropic */
	SHOP_VERTEX,   /* rawPredict: no model, a version in the body */
	SHOP_VERTEX_COUNT, /* the same, and the model in the body */
	SHOP_INVOKE        /* InvokeModel: the same, no stream, betas within */
};

/* Paths below /v1; v->path may be another that was cut. */
struct plan *anthropic_route(struct visit *v, struct slice path) MUST_USE;
/* POST .../models/{model}:rawPredict, of Vertex. */
struct plan *anthropic_vertex(
    struct visit *v, struct slice model, bool stream) MUST_USE;
struct plan *anthropic_vertex_count(struct visit *v) MUST_USE;
/* InvokeModel of a Claude. */
struct plan *anthropic_invoke(
    struct visit *v, struct slice model, bool stream) MUST_USE;

/* anthropic_read.c: a manner's read; leaves chat's shape in o->body. */
struct plan *anthropic_read(struct order *o) MUST_USE;
struct plan *anthropic_read_vertex(struct order *o) MUST_USE;
struct plan *anthropic_read_invoke(struct order *o) MUST_USE;
/* Is the body one that could be counted?  What it weighs; -1 with *why. */
int64_t anthropic_count(struct arena *a, const struct json *body,
    enum shop shop, bool newer, struct refusal *why) MUST_USE;

/* anthropic_say.c */
extern const struct tongue anthropic_tongue;
extern const struct tongue anthropic_chunks; /* in AWS's frames */

#endif

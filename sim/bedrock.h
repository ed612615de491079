/*
 * bedrock.h - the operations of Bedrock's runtime: Converse, InvokeModel,
 * their streams, CountTokens
 */
#ifndef KONTOR_SIM_BEDROCK_H
#define KONTOR_SIM_BEDROCK_H

#include "sim/desk.h"
#include "sim/work.h"

/* POST /model/ID/..., for a credential of Bedrock's. */
struct plan *bedrock_route(struct visit *v) MUST_USE;
/* A Claude or a Nova, by the name of the model. */
bool bedrock_is_claude(const struct sim_model *m);
bool bedrock_is_nova(const struct sim_model *m);

/* bedrock_read.c: manners' reads; they leave chat's shape in o->body. */
struct plan *bedrock_read_converse(struct order *o) MUST_USE;
struct plan *bedrock_read_nova(struct order *o) MUST_USE;
/* What the body weighs; it passed the checks. */
int64_t bedrock_count(struct arena *a, const struct json *body) MUST_USE;
/* The signature that goes with a thought of that text. */
struct slice bedrock_signature(struct arena *a, struct slice text) MUST_USE;

/* bedrock_say.c */
extern const struct tongue bedrock_converse, bedrock_nova;

#endif

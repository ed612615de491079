/*
 * responses.h - OpenAI's Responses, without a memory of earlier ones
 */
#ifndef KONTOR_SIM_RESPONSES_H
#define KONTOR_SIM_RESPONSES_H

#include "sim/desk.h"
#include "sim/work.h"

/* POST .../responses */
struct plan *responses_call(struct visit *v) MUST_USE;

/* What a model's thoughts are sealed as; a caller gives it back unread. */
struct slice responses_seal(struct arena *a, uint64_t seed) MUST_USE;

/* responses_say.c */
extern const struct tongue responses_tongue;

#endif

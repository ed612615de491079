/*
 * filler.h - words and JSON values that a simulated model says
 *
 * Everything follows from a seed: the same prompt gets the same answer.
 */
#ifndef KONTOR_SIM_FILLER_H
#define KONTOR_SIM_FILLER_H

#include "base/base.h"
#include "base/buf.h"

struct json; /* base/json.h */

uint64_t filler_mix(uint64_t seed, uint64_t i);
struct slice filler_word(uint64_t seed, uint64_t i);

/* The value as JSON text. */
void filler_copy(struct buf *b, const struct json *value);
/* One value, in ASCII, that conforms to the schema (the keywords that
 * structured output knows); a NULL schema gives an object with one word. */
void filler_value(struct buf *b, const struct json *schema, uint64_t seed);

#endif

/*
 * count.h - the simulator's own idea of a token, and of sameness
 *
 * Input: a message is 4 and a quarter of its text's bytes, rounded up, plus
 * its images (85 low, 765 else) and files (a quarter of their bytes); tools
 * are a quarter of their JSON's names and values.  So a count never passes
 * the bytes sent plus 8 a message, images aside.
 */
#ifndef KONTOR_SIM_COUNT_H
#define KONTOR_SIM_COUNT_H

#include "base/base.h"

struct json; /* base/json.h */

int64_t count_input(const struct json *body);
/* Of everything under the value: same prompt, same number. */
uint64_t count_hash(const struct json *value);
uint64_t count_hash_bytes(uint64_t h, struct slice s);

#endif

/*
 * rules.h - faults set from outside, by POST /sim/faults
 */
#ifndef KONTOR_SIM_RULES_H
#define KONTOR_SIM_RULES_H

#include "base/base.h"
#include "base/buf.h"
#include "sim/mishap.h"
#include "sim/setup.h"

enum { RULES_MAX = 64 };

struct rule {
	uint64_t id;
	const struct credential *credential; /* NULL: any */
	struct play play;
	char word[32];   /* as it was asked for */
	int64_t every;   /* plays on each every-th request */
	int64_t left;    /* times to play yet; -1: no end */
	int64_t from_ns; /* monotonic */
	int64_t seen, played;
};

struct rules {
	struct rule rule[RULES_MAX];
	unsigned n;
	uint64_t next_id;
};

/* NULL, or what is wrong with the JSON text. */
const char *rules_add(
    struct rules *r, const struct setup *s, struct slice text, int64_t now_ns);
/* NULL: all of them. */
void rules_clear(struct rules *r, const struct credential *only);
/* The fault for this request; counts it.  The first rule that plays wins. */
struct play rules_play(
    struct rules *r, const struct credential *c, int64_t now_ns);
void rules_write(const struct rules *r, struct buf *json);

#endif

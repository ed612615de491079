/*
 * strategy.h - private to route/: how a strategy ranks what is permitted
 *
 * One file and one row of model/strategies.def each.  A strategy gives every
 * candidate a score, the lower the better; equals stay in the order of the
 * configuration.
 */
#ifndef KONTOR_ROUTE_STRATEGY_H
#define KONTOR_ROUTE_STRATEGY_H

#include "route/plan.h"

/* Scores are below this. */
#define SCORE_MAX (UINT64_C(1) << 48)

struct ranked {
	struct live_deployment *live;
	uint64_t score;
	bool warm;
};

typedef void strategy_f(const struct plan_ask *a, struct ranked *r, unsigned n);

#define STRATEGY(NAME, function, text, why, help) \
	strategy_f strategy_##function;
#include "model/strategies.def"
#undef STRATEGY

#endif

/*
 * plan.h - the permitted deployments of a model, in order
 *
 * Pure but for reading shared memory: the gateway asks for every call, the
 * admin API to answer `kontor route test` without one.  First residency
 * filters; what it drops is told of and never tried.  The rest is put in
 * bands: a warm one, reserved capacity with headroom, on demand with
 * headroom, without headroom, resting; in each, by the model's strategy.
 */
#ifndef KONTOR_ROUTE_PLAN_H
#define KONTOR_ROUTE_PLAN_H

#include "base/base.h"
#include "route/live.h"
#include "route/rule.h"

/* Why a deployment was or was not used: model/why.def. */
enum why {
#define WHY(NAME, kept, text) WHY_##NAME,
#include "model/why.def"
#undef WHY
	WHY_MAX
};

const char *why_text(enum why w);
bool why_kept(enum why w);

struct candidate {
	const struct deployment_conf *deployment;
	enum why why;
	bool tried;  /* an attempt was made */
	bool again;  /* and a second one, on a fresh connection */
	bool barred; /* cannot be used by this request */
};

struct plan_ask {
	struct rule_who who;
	const struct model_conf *model;
	enum call_class class;
	bool stream;
	uint64_t warm_key;          /* of the session or prompt; 0: none */
	uint64_t input, max_output; /* tokens expected; at most, 0: not said */
	int64_t mono_ns, wall_ns;
	uint64_t *random; /* xorshift state of weighted */
};

struct plan {
	unsigned n;    /* candidates written */
	unsigned open; /* of these, not barred */
	int rule;      /* of residency that dropped some; -1: none */
};

/* c has room for DEPLOYMENTS_MAX, or for the model's. */
void plan_make(const struct plan_ask *a, struct candidate *c, struct plan *out);

/* Is there a credential that is worth a try?  False: c->why says what is wrong
 * with it. */
bool plan_has_credential(
    const struct live_deployment *l, int64_t mono_ns, enum why *why);

/* Tokens that the call may be expected to use at the deployment. */
uint64_t plan_tokens(const struct plan_ask *a, const struct shm_breaker *b);

/* How long a place is warm. */
int64_t plan_warm_ns(const struct model_conf *m);

#endif

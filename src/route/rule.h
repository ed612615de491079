/*
 * rule.h - whose call it is, and what residency and priorities say of it
 *
 * Pure: names were made numbers when the snapshot was loaded, and which
 * deployments a rule allows is a mask by model.  Nothing that comes later
 * (order, failover, fallback, probe) sees a deployment whose bit is not set.
 */
#ifndef KONTOR_ROUTE_RULE_H
#define KONTOR_ROUTE_RULE_H

#include "base/base.h"
#include "route/live.h"

struct rule_who {
	const struct snapshot *snap;
	const struct shm *m;
	const struct shm_key *key; /* NULL: nobody in particular */
	const int32_t *tag;        /* rows of subjects */
	unsigned ntags;
	uint64_t data_class; /* hash64; 0: not said */
};

/*
 * The deployments of the model that every matching rule allows.  *named: the
 * rule that took the last of them, or the first that took any; -1: none did.
 */
uint64_t rule_allows(
    const struct rule_who *w, const struct model_conf *m, int *named);
/* Of the rules of priorities; CLASS_NORMAL when none matches. */
enum call_class rule_class(
    const struct rule_who *w, const struct model_conf *m);
/* What calls of the class leave free, in percent. */
unsigned rule_keep(const struct snapshot *s, enum call_class c);

#endif

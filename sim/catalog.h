/*
 * catalog.h - lists of models, page by page, as each venue gives them
 */
#ifndef KONTOR_SIM_CATALOG_H
#define KONTOR_SIM_CATALOG_H

#include "sim/desk.h"
#include "sim/plan.h"

struct catalog_shape {
	const char *rows;
	void (*put)(
	    struct buf *b, const struct sim_model *m, struct slice name);
	const char *next; /* where the mark of the next page goes */
	bool undeployed;  /* models by their own names, used or not */
	bool says_more;   /* and has_more whether there is one, as Anthropic */
};

/* What the visitor's account is sold, behind the mark; pages are short, so
 * that who forgets the rest is found out. */
struct plan *catalog_list(const struct visit *v, const struct catalog_shape *s,
    struct slice mark) MUST_USE;

/* The paths that list and are not where calls are answered: Vertex's
 * publishers, Bedrock's and Oracle's hosts that manage, Azure's deployments.
 * NULL: another path. */
struct plan *catalog_route(const struct visit *v) MUST_USE;

#endif

/*
 * portable.h - private to admin/: which workloads could move to whom
 *
 * A workload is what one project (of a team, of an org) asks of one model.  It
 * could move to a provider that has a deployment of the model which every rule
 * allows that may hold for some call of it: one that names another org, team,
 * project or model does not; one that names a user, a key, a tag or a class of
 * data may.
 */
#ifndef KONTOR_ADMIN_PORTABLE_H
#define KONTOR_ADMIN_PORTABLE_H

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/json.h"
#include "model/snapshot.h"

struct portable {
	const struct snapshot *snapshot;
	struct arena *arena;
	const struct json *rows; /* usage by PORTABLE_BY; NULL: none */
	bool by_cost;            /* else by tokens */
	int128 all;              /* of that, of everybody */
};

#define PORTABLE_BY "org,team,project,model,provider"

/* Appends an array; the share of all that could move, in 1/10,000. */
unsigned portable_write(struct buf *b, const struct portable *p);

#endif

/*
 * live.h - what a process keeps beside a snapshot, made once when it loads it
 *
 * Rows of shared memory by the index of a deployment, the price in force with
 * the moment from which it is another, and the names of rules as the numbers
 * that keys carry: no call looks any of it up.
 *
 * Threads:  one process; the rows are shared.
 */
#ifndef KONTOR_ROUTE_LIVE_H
#define KONTOR_ROUTE_LIVE_H

#include "base/base.h"
#include "model/snapshot.h"
#include "shm/shm.h"

/* A match with its names as hashes; 0: any. */
struct live_match {
	uint64_t name[SUBJECT_TAG + 1]; /* by enum subject_kind */
	uint64_t key, data_class;
	const struct model_conf *model;
	bool any; /* every call */
};

struct live_deployment {
	const struct deployment_conf *conf;
	struct shm_breaker *row;        /* NULL: the table is full */
	struct shm_breaker *credential; /* of its provider; floor_ns only */
	struct shm_signin *signin;      /* of the courier's; NULL: not one */
	bool limited; /* it has, or may learn, a capacity to look at */
	/* The price in force until valid_ns, by the agreement in force. */
	const struct price *price;
	int64_t valid_ns;
	int64_t keep_ppm; /* of the list price, in millionths */
};

struct live {
	struct live_deployment *deployment; /* by index */
	struct live_match *residency, *class;
	bool has_high; /* some rule of priorities has the class high */
};

/* Fills s->live, in s's arena. */
void live_attach(struct snapshot *s, struct shm *m);
static inline const struct live *
live_of(const struct snapshot *s)
{
	return s->live;
}
/* Its price at wall_ns; NULL: not known. */
const struct price *live_price(
    const struct snapshot *s, struct live_deployment *d, int64_t wall_ns);

#endif

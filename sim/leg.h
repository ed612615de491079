/*
 * leg.h - one answer on its way: paced, stopped where its fault says, billed
 *
 * The row in the books is closed once: when the last byte is the kernel's,
 * when a fault stops the answer, or when the peer is gone.  What that costs
 * is docs/simulator.md's table.
 */
#ifndef KONTOR_SIM_LEG_H
#define KONTOR_SIM_LEG_H

#include "sim/books.h"
#include "sim/plan.h"
#include "sim/wire.h"

/* Embedded in the owner's connection; zeroed is idle. */
struct leg {
	struct wire_conn *conn;
	struct books *books;
	struct plan *plan;
	struct entry entry;
	struct buf head;
	size_t head_at, at;
	size_t mark;     /* the next one to send up to */
	int64_t next_ns; /* when it is due */
	struct timer timer;
	bool keep, begun, over;
};

/* Takes the plan; head is already in leg->head. */
void leg_start(struct leg *leg, struct plan **plan);
void leg_writable(struct leg *leg);
/* The peer left: bill and let go. */
void leg_gone(struct leg *leg);
void leg_fini(struct leg *leg);

#endif

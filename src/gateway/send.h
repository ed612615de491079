/*
 * send.h - private to gateway/: a call to a provider and who waits for it
 *
 * The leg outlives its request when the rest of a good answer is left to run
 * out, so that the connection can be kept.
 */
#ifndef KONTOR_GATEWAY_SEND_H
#define KONTOR_GATEWAY_SEND_H

#include "dialect/dialect.h"
#include "http/msg.h"

struct call;
struct req;

/* The body as it goes out; on the request's desk. */
struct letter {
	struct slice part[EDIT_PARTS];
	unsigned npart;
};

/* translate.c: fills head, whose texts live on the request's desk; what the
 * caller sent is still there.  FAULT_UP_CREDENTIAL. */
enum fault letter_dress(struct req *req, struct http_head *head);

/* The provider refuses the credential that was sent: if it is the courier's,
 * the courier hears of it. */
void letter_refused(struct req *req);

struct leg {
	struct call *call;       /* NULL: it is over */
	struct req *req;         /* NULL: left to run out */
	struct leg *prev, *next; /* of those left to run out */
};

/* How long it may be until an answer begins. */
int64_t leg_first_ns(const struct req *req);
/* How long an answer may say nothing. */
int64_t leg_idle_ns(const struct req *req);
/* Cuts the call, if one is open. */
void leg_drop(struct req *req);
/* Lets the rest of an answer run out without the request. */
void leg_leave(struct req *req);
/* At the end of the worker: those that still run out. */
void leg_end_all(void);

#endif

/*
 * crash.h - what a worker says of itself when it crashes
 *
 * The call that is worked on is noted by one store.  Only a crash looks at
 * it: the handler leaves the call's fingerprint in the worker's slot, and the
 * process dies as it would have died (shm/poison.h says what follows).  The
 * fingerprint is over method, path and body.  When an answer that streams has
 * given its request's bytes back, there is none.
 */
#ifndef KONTOR_GATEWAY_CRASH_H
#define KONTOR_GATEWAY_CRASH_H

#include "base/base.h"

struct req;
struct worker;

extern struct req *crash_req; /* written by crash_work_on() alone */

/* Once, when the worker's slot is known. */
void crash_watch(struct worker *w);
/* From now on; NULL: no call's work. */
static inline void
crash_work_on(struct req *req)
{
	crash_req = req;
}
/* Did this call crash a worker?  Sets req->incident. */
bool crash_poisoned(struct req *req);

#endif

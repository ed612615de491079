/*
 * once.h - one sign-in in the foreground, for a command that needs it now
 */
#ifndef KONTOR_COURIER_ONCE_H
#define KONTOR_COURIER_ONCE_H

#include "courier/run.h"
#include "model/snapshot.h"

/*
 * SIGNIN_WHY_NONE: r holds what was got (kind, part, lifetime_s) and, as now_s,
 * the time by the endpoint's clock; else why, status and code.  The caller
 * ends the run in either case.
 */
enum signin_why once_sign_in(const struct snapshot *s,
    const struct provider_conf *p, struct run *r) MUST_USE;

#endif

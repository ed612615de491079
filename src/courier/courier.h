/*
 * courier.h - the role that does kontor's own errands outside
 *
 * Signs in to providers in the background and publishes what it gets for the
 * workers (shm/wallet.h); says how each of these credentials is doing
 * (struct shm_signin).  No store, no signing key, no listener.
 */
#ifndef KONTOR_COURIER_COURIER_H
#define KONTOR_COURIER_COURIER_H

#include "base/arena.h"

struct snapshot;

/* Runs until told to leave or the supervisor is gone; the exit status.  seal:
 * called before it dials anybody; from then on it opens courier_files(). */
int courier_main(void (*seal)(const struct snapshot *conf));

/*
 * The files that a configuration names for it, and those that these name, now:
 * read again at each sign-in.  NULL ends them.  The arena holds secrets then.
 */
const char *const *courier_files(const struct snapshot *conf, struct arena *a);

#endif

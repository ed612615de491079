/*
 * courier.h - the role that does kontor's own errands outside
 *
 * Signs in to providers in the background and publishes what it gets for the
 * workers (shm/wallet.h); says how each of these credentials is doing
 * (struct shm_signin).  No store, no signing key, no listener.
 */
#ifndef KONTOR_COURIER_COURIER_H
#define KONTOR_COURIER_COURIER_H

/* Runs until told to leave or the supervisor is gone; the exit status. */
int courier_main(void);

#endif

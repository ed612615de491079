/*
 * keeper.h - private to courier/: looks after every credential that expires
 *
 * Fetches each at once, then again when three quarters of its life are over,
 * earlier by a random part so that a fleet does not come at the same moment.
 * What was got stays published until it expires, whatever fails meanwhile;
 * failures wait from half a second to one minute, longer where the endpoint
 * says so.  A provider that refuses a credential makes it be fetched anew.
 */
#ifndef KONTOR_COURIER_KEEPER_H
#define KONTOR_COURIER_KEEPER_H

#include "model/snapshot.h"
#include "shm/shm.h"
#include "shm/wallet.h"

struct client;
struct keeper;
struct loop;

/* Borrows all; they outlive it. */
struct keeper *keeper_new(
    struct loop *l, struct client *c, struct shm *m, struct wallet *w) MUST_USE;
void keeper_free(struct keeper **k);
/*
 * A new configuration; the one before may go when this returns.  What is the
 * same and reads no file is left as it is; what is gone stays published until
 * requests of the old configuration have ended.
 */
void keeper_take(struct keeper *k, const struct snapshot *s);
/* Everything has been tried once. */
bool keeper_ready(const struct keeper *k);
/* Looks which credentials providers have refused. */
void keeper_look(struct keeper *k);

#endif

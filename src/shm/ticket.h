/*
 * ticket.h - keys of TLS session tickets, the same in every process
 *
 * The supervisor puts a fresh one every few hours; it encrypts new tickets,
 * the two before it still open old ones, so a ticket that any worker gave
 * resumes at any other, and a key is gone for good after a while.
 *
 * Threads: one writer; readers anywhere, who take a copy under the version.
 */
#ifndef KONTOR_SHM_TICKET_H
#define KONTOR_SHM_TICKET_H

#include "base/base.h"
#include "shm/shm.h"

enum { TICKET_NAME = 16, TICKET_LEN = TICKET_WORDS * 8 };

/* fresh: random bytes. */
void ticket_put(struct shm *m, const uint8_t fresh[TICKET_LEN]);
/*
 * A key: its name, then its secrets.  name NULL: the newest.  False: there is
 * no such key (any more).
 */
bool ticket_find(const struct shm *m, const uint8_t *name,
    uint8_t out[TICKET_LEN], bool *newest);

#endif

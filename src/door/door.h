/*
 * door.h - a listener's TLS, made from the configuration
 *
 * What worker and control share: certificates of the snapshot, keys of
 * tickets from the shared tables.
 */
#ifndef KONTOR_DOOR_DOOR_H
#define KONTOR_DOOR_DOOR_H

#include "base/base.h"

struct door_conf;  /* model/snapshot.h */
struct shm;        /* shm/shm.h; outlives every connection */
struct tls_server; /* io/tls_server.h */

/* *out: a reference; NULL: plain.  False: it cannot be made, which is logged;
 * kontor check said so before. */
bool door_new(const struct door_conf *conf, struct shm *m,
    struct tls_server **out) MUST_USE;

#endif

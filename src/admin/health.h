/*
 * health.h - private to admin/: how kontor itself is
 */
#ifndef KONTOR_ADMIN_HEALTH_H
#define KONTOR_ADMIN_HEALTH_H

#include "base/buf.h"

struct control; /* admin/control_priv.h */

/* A JSON object: processes, log, generation, credentials. */
void health_write(struct control *c, struct buf *b);

#endif

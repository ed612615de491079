/*
 * credentials.h - private to admin/: the health of providers' credentials
 */
#ifndef KONTOR_ADMIN_CREDENTIALS_H
#define KONTOR_ADMIN_CREDENTIALS_H

#include "base/buf.h"

struct control; /* admin/control_priv.h */

/* A JSON array, one object for each provider that is signed in to. */
void credentials_write(struct control *c, struct buf *b);
/* In Prometheus' text form. */
void credentials_metrics(struct control *c, struct buf *b);

#endif

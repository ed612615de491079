/*
 * worker.h - the role that serves calls: one event loop, no files
 */
#ifndef KONTOR_GATEWAY_WORKER_H
#define KONTOR_GATEWAY_WORKER_H

#include "base/base.h"

struct snapshot;

/* Runs until drained; returns the exit status.  Descriptors as in
 * model/ipc.h. */
/* seal: called when everything is open; from then on nothing can be. */
int worker_main(uint32_t slot, void (*seal)(const struct snapshot *conf));

#endif

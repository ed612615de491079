/*
 * supervisor.h - the process that starts, watches and stops the others
 *
 * It owns listeners, shared tables and rings for life, hands them to its
 * children, and parses nothing that comes from the network.  A dead child is
 * repaired and replaced; a hung one is killed; a new configuration is handed
 * to the living.
 */
#ifndef KONTOR_MAIN_SUPERVISOR_H
#define KONTOR_MAIN_SUPERVISOR_H

#include <sys/types.h>

#include "base/base.h"

struct supervisor_opts {
	const char *config;
	/* Already listening; -1: as the configuration says.  Taken. */
	int gateway_fd, admin_fd;
	/* Processes of the caller to reap; 0: none.  When the helper fails,
	 * the instance stops with status 1. */
	pid_t helper, companion;
};

/* Runs until told to stop; returns the exit status. */
int supervisor_run(const struct supervisor_opts *opts);

#endif

/*
 * process.h - starting processes with exactly the descriptors they need
 *
 * A role is this very binary, executed again: its own address-space layout,
 * its own title, no secrets in its environment.
 */
#ifndef KONTOR_MAIN_PROCESS_H
#define KONTOR_MAIN_PROCESS_H

#include <sys/types.h>

#include "base/base.h"

struct report;
struct snapshot;

enum { PROCESS_FDS = 7 };

/* Descriptors from 3 on; -1: not given. */
struct process_spec {
	const char *title;   /* argv[0] */
	const char *arg[4];  /* argv[1] on; the first NULL ends it */
	int fd[PROCESS_FDS]; /* 3, 4, ... */
	bool keep_stdout, whole_env;
};

/* The child ignores INT, TERM and HUP; -1: errno. */
pid_t process_start(const struct process_spec *spec) MUST_USE;

/*
 * A configuration being compiled in a child of its own.  What is wrong with
 * it can be read from report_fd until EOF.
 */
struct compile {
	pid_t pid; /* 0: none */
	int report_fd;
	/* memfds: without secrets, with the workers', the courier's,
	 * control's */
	int bare_fd, secret_fd, courier_fd, control_fd;
};

/* text: instead of what the file has; p NULL: what it has. */
bool compile_start(
    struct compile *c, const char *file, struct slice text) MUST_USE;
/*
 * After EOF: waits for the child, seals the memfds; true: they hold a
 * configuration and belong to the caller.  Closes report_fd.
 */
bool compile_finish(struct compile *c) MUST_USE;
/* Closes the memfds that are still its own. */
void compile_drop(struct compile *c);

#endif

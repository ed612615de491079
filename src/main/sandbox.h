/*
 * sandbox.h - what a role may not do any more
 *
 * A worker reads what strangers send.  Whoever takes one over can start no
 * program, look into no other process, open no file, and bring no code of its
 * own: it has what it was given before.  The other roles are confined to what
 * they need: the recorder has no network and keeps files in data_dir alone, the
 * courier reads the files that the configuration names and takes no
 * connection, control reads the books and writes nothing.
 *
 * Two halves: seccomp says what may be asked (syscalls.def), Landlock of which
 * files (paths.def).  A kernel without Landlock has the first alone.
 */
#ifndef KONTOR_MAIN_SANDBOX_H
#define KONTOR_MAIN_SANDBOX_H

#include "base/base.h"

enum sandbox_role {
	SANDBOX_WORKER,
	SANDBOX_COURIER,
	SANDBOX_CONTROL,
	SANDBOX_RECORDER
};

struct sandbox {
	enum sandbox_role role;
	const char *data_dir;
	/* Read, whatever stands in their place; NULL ends them.  Or NULL. */
	const char *const *files;
};

/* For the rest of this process's life; false: the kernel cannot. */
bool sandbox_enter(const struct sandbox *s) MUST_USE;
/*
 * Root becomes nobody, who is in no group, as a worker.  As another role it
 * stays the owner of data_dir, where it must read and write, with no power
 * left but over whose a file is.  Others stay who they are.
 */
bool sandbox_drop_root(enum sandbox_role role) MUST_USE;

#endif

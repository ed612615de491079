/*
 * sandbox.h - what a role may not do any more
 *
 * A worker reads what strangers send.  Whoever takes one over can start no
 * program, look into no other process, open no file, and bring no code of its
 * own: it has what it was given before.  The other roles are confined to what
 * they need: the recorder has no network, the courier writes no file and
 * takes no connection, control keeps nothing.
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

/* For the rest of this process's life; false: the kernel cannot. */
bool sandbox_enter(enum sandbox_role role) MUST_USE;
/* Root becomes nobody, who is in no group; others stay who they are. */
bool sandbox_drop_root(void) MUST_USE;

#endif

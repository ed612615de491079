/*
 * landlock.h - which files a role may open: the half of the sandbox that can
 * tell paths apart (paths.def)
 *
 * What is open stays open.  Asking about a path (stat, access) is no opening:
 * that is the other half's (syscalls.def).
 */
#ifndef KONTOR_MAIN_LANDLOCK_H
#define KONTOR_MAIN_LANDLOCK_H

#include "main/sandbox.h"

/* Does the kernel know it? */
bool landlock_known(void);
/*
 * For the rest of this process's life; it gains no privileges any more.
 * True, too, where the kernel does not know it; false: it refuses.
 */
bool landlock_enter(const struct sandbox *s) MUST_USE;

#endif

/*
 * sandbox.h - what a worker may not do any more
 *
 * A worker reads what strangers send.  Whoever takes one over can start no
 * program, look into no other process, and write or create no file.
 */
#ifndef KONTOR_MAIN_SANDBOX_H
#define KONTOR_MAIN_SANDBOX_H

#include "base/base.h"

/* For the rest of this process's life; false: the kernel cannot. */
bool sandbox_worker(void) MUST_USE;

#endif

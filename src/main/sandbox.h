/*
 * sandbox.h - what a worker and the courier may not do any more
 *
 * A worker reads what strangers send.  Whoever takes one over can start no
 * program, look into no other process, and write or create no file.
 */
#ifndef KONTOR_MAIN_SANDBOX_H
#define KONTOR_MAIN_SANDBOX_H

#include "base/base.h"

/* For the rest of this process's life; false: the kernel cannot. */
bool sandbox_worker(void) MUST_USE;
/* The same for the courier, which reads files as long as it lives: tokens of
 * other issuers, AWS profiles.  It takes no connection. */
bool sandbox_courier(void) MUST_USE;

#endif

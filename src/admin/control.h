/*
 * control.h - the role that serves the admin API and the console
 */
#ifndef KONTOR_ADMIN_CONTROL_H
#define KONTOR_ADMIN_CONTROL_H

/* Runs until told to leave; returns the exit status.  Descriptors as in
 * model/ipc.h. */
int control_main(void);

#endif

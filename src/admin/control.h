/*
 * control.h - the role that serves the admin API and the console
 */
#ifndef KONTOR_ADMIN_CONTROL_H
#define KONTOR_ADMIN_CONTROL_H

struct snapshot;

/* Runs until told to leave; returns the exit status.  Descriptors as in
 * model/ipc.h.  seal: called before it hears of anybody; from then on it opens
 * the books alone, and the store that is there now. */
int control_main(void (*seal)(const struct snapshot *conf));

#endif

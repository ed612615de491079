/*
 * recorder.h - the role that moves rings to disk and writes the store
 */
#ifndef KONTOR_RECORDER_RECORDER_H
#define KONTOR_RECORDER_RECORDER_H

#include "base/base.h"

struct snapshot;

/* Runs until its work is over; returns the exit status.  Descriptors as in
 * model/ipc.h.  seal: called before it opens a file of data_dir. */
int recorder_main(uint32_t slot, void (*seal)(const struct snapshot *conf));

#endif

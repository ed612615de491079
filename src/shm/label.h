/*
 * label.h - short texts in shared memory, for messages
 *
 * Written by the recorder, read by anybody at any time: a reader may see a
 * mixture of two texts, never a word that is torn and never one without end.
 * What does not fit is cut between characters.
 */
#ifndef KONTOR_SHM_LABEL_H
#define KONTOR_SHM_LABEL_H

#include "shm/shm.h"

void label_set(struct shm_label *l, struct slice text);
/* Writes at most LABEL_LEN - 1 bytes and a NUL; returns the length. */
size_t label_get(const struct shm_label *l, char out[LABEL_LEN]);

#endif

/*
 * squeeze.h - answers compressed though nobody asked
 */
#ifndef KONTOR_SIM_SQUEEZE_H
#define KONTOR_SIM_SQUEEZE_H

struct plan; /* sim/plan.h */

/* The same answer, gzip; a stream is flushed behind every event. */
void squeeze_plan(struct plan *p);
/* 1 GiB of blanks in a megabyte. */
void squeeze_bomb(struct plan *p);

#endif

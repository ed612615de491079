/*
 * loop.h - one thread's event loop: edge-triggered epoll, timers, reaping
 *
 * A descriptor is registered once, for everything, edge-triggered; whoever
 * owns it reads and writes until EAGAIN.  A callback may always finish: what
 * it closes is queued by loop_reap() and freed at the end of the turn.
 *
 * Threads:  everything of a loop belongs to the thread that runs it.
 */
#ifndef KONTOR_IO_LOOP_H
#define KONTOR_IO_LOOP_H

#include "base/base.h"

struct loop;
struct io;
struct timer;
struct task;

enum { IO_IN = 1, IO_OUT = 2, IO_HUP = 4 };

typedef void io_ready_f(struct io *io, unsigned events);
typedef void timer_f(struct timer *t);
typedef void task_f(struct task *t);
typedef void reap_f(void *p);

/* Embedded in its owner. */
struct io {
	int fd;
	io_ready_f *on_ready;
	bool dead; /* closed in this turn: no more callbacks */
};

struct timer {
	struct loop *loop;
	timer_f *on_time;
	int64_t at_ns;  /* monotonic; 0: not set */
	uint32_t where; /* private to loop.c */
};

/* Something to do later in this turn, or in the next. */
struct task {
	task_f *run;
	struct task *next, *prev; /* private to loop.c; NULL: not queued */
};

struct loop *loop_new(void) MUST_USE;
void loop_free(struct loop **l);

/*
 * One turn: waits at most max_wait_ns (less when a timer or a task is due;
 * below 0: until something happens).  Its length is bounded, however many have
 * much to do: events and tasks that are not reached within 50 ms each are the
 * first of the next turn, timers fire when no event is left.
 */
void loop_turn(struct loop *l, int64_t max_wait_ns);
/*
 * How a turn waits where events follow one another within 50 us, or 100 for
 * LOOP_LINGERS; where they do not, it sleeps.  Falling asleep and being woken
 * costs as much as handling an event.
 */
enum loop_wait {
	LOOP_SLEEPS,
	/* For many who wait anyway: where events come by ones and twos, it
	 * sleeps 150 us first, that they come together, as network cards
	 * moderate their interrupts. */
	LOOP_GATHERS,
	/* For few, to whom the wake is most of the delay: it looks again and
	 * again for 60 us, but not where that was in vain of late. */
	LOOP_LINGERS
};

void loop_wait_how(struct loop *l, enum loop_wait how);
/* Monotonic time read at the start of this turn. */
int64_t loop_now(const struct loop *l);

/* fd must be non-blocking; edge-triggered in, out and hang-up. */
void loop_add(struct loop *l, struct io *io, int fd, io_ready_f *on_ready);
/*
 * For a listening socket shared by processes: level-triggered, and not
 * EPOLLEXCLUSIVE, which gives a burst of connections to the one process that
 * was woken first.  They live long here; waking all for each is cheaper.
 */
void loop_add_listener(
    struct loop *l, struct io *io, int fd, io_ready_f *on_ready);
/* Unregisters without closing. */
void loop_remove(struct loop *l, struct io *io);
/* Unregisters and closes. */
void loop_close(struct loop *l, struct io *io);

/* Sets or moves; O(log n) at worst. */
void timer_set(
    struct loop *l, struct timer *t, int64_t at_ns, timer_f *on_time);
void timer_clear(struct timer *t); /* harmless when not set */

/*
 * Runs t once, after the events and timers of this turn; queued by a task, or
 * when the turn is long, it runs in the next, which then does not wait.  Queued
 * twice is queued once.  What is no longer wanted must be cleared before it is
 * freed.
 */
void task_set(struct loop *l, struct task *t, task_f *run);
void task_clear(struct task *t);

/* Calls fini(p) at the end of the turn, in order. */
void loop_reap(struct loop *l, void *p, reap_f *fini);

/*
 * The one read buffer of this loop, for the reader that runs now: its bytes
 * hold until that reader returns to the loop.
 */
char *loop_buf(struct loop *l, size_t *cap);

#endif

/*
 * children.h - the supervisor's view of its processes
 *
 * A row per role that should run, for the life of the supervisor; the process
 * behind it comes and goes.  Every death is answered at once; only one that
 * keeps dying within a second of its start waits before the next try.
 */
#ifndef KONTOR_MAIN_CHILDREN_H
#define KONTOR_MAIN_CHILDREN_H

#include <sys/types.h>

#include "base/base.h"
#include "base/buf.h"
#include "shm/shm.h"

enum child_role { ROLE_RECORDER, ROLE_CONTROL, ROLE_COURIER, ROLE_WORKER };

struct child {
	enum child_role role;
	unsigned number; /* of a worker, from 1 */
	char title[32];
	pid_t pid;     /* 0: not running */
	int ctl;       /* our end of its socketpair; -1 */
	uint32_t slot; /* UINT32_MAX: none */
	bool wanted;   /* start it when it is not running */
	bool awaits;   /* has been given a configuration, has not answered */
	bool killed;   /* it hung; its end is on its way */
	int64_t started_ns, not_before_ns;
	int64_t kill_ns; /* killed: when nothing is waited for any more */
	unsigned quick;  /* deaths in a row soon after the start */
	unsigned deaths; /* all */
};

/* What a child is given; descriptors borrowed from the supervisor. */
struct children {
	struct shm *shm;
	/* The configuration in force. */
	int bare_fd, secret_fd, courier_fd, control_fd;
	int wallet_fd, purse_fd; /* the wallet: to write, to read */
	int alive_fd, gateway_fd, admin_fd;
	int peer[2]; /* control's end, the recorder's end */
	/* When it was watched last, and since when without a break. */
	int64_t looked_ns, awake_ns;
	unsigned n;
	struct child child[3 + SLOTS_MAX];
};

/* One recorder, control and courier, n workers; none is wanted yet. */
void children_init(struct children *c, unsigned nworkers);
void children_want(struct children *c, enum child_role role, bool wanted);

/* Starts what is wanted and due. */
void children_start(struct children *c, int64_t now);
/* When the next start is due; INT64_MAX: none. */
int64_t children_due(const struct children *c);

/*
 * A process has ended: its slot is dead, the recorder is told to repair it.
 * NULL: it was none of ours.
 */
struct child *children_reap(
    struct children *c, pid_t pid, int status, int64_t now);
/* Kills what has had no heartbeat for 5 s; a worker that hangs by a signal at
 * which it still notes the call in hand (shm/poison.h).  Who was stopped with
 * all others (a paused container) has not watched, and begins anew. */
void children_watch(struct children *c, int64_t now);
void children_kill(struct children *c, enum child_role role);

unsigned children_running(const struct children *c, enum child_role role);
struct child *children_find(struct children *c, enum child_role role);

/* fd >= 0 travels along.  False: its queue is full or it is gone. */
bool child_send(struct child *ch, struct slice message, int fd);
void children_send(
    struct children *c, enum child_role role, struct slice message);

/* A JSON array for `status`. */
void children_write(const struct children *c, struct buf *out, int64_t now);

#endif

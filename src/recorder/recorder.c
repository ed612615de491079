#include "recorder/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/pass.h"
#include "model/ipc.h"
#include "recorder/run.h"
#include "recorder/state.h"
#include "shm/atomic.h"

struct process {
	struct shm m;
	struct recorder *r;
	bool leaving;
	int64_t leave_by_ns; /* monotonic */
	bool has_ctl, has_alive, has_peer;
	char message[IPC_MAX];
};

/* --- messages
 * ---------------------------------------------------------------------*/

/* One message and the descriptor beside it (-1: none); 0: the peer left,
 * -1: nothing there. */
static ssize_t
receive(int sock, char *p, size_t len, int *fd)
{
	ssize_t n = pass_receive(sock, p, len, fd);

	if (n < 0)
		return errno == EAGAIN ? -1 : 0;
	return n;
}

/* A peer that does not take answers is not waited for. */
static void
answer(int sock, struct slice text)
{
	ssize_t n;

	do {
		n = send(sock, text.p, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		log_warn("an answer could not be sent: %s", strerror(errno));
}

static void
take_config(struct process *p, int fd)
{
	struct snapshot *s = NULL;
	enum fault fault = fd >= 0 ? ipc_config_read(fd, &s) : FAULT_CONFIG;

	if (fault == FAULT_NONE)
		fault = recorder_config(p->r, s);
	if (s != NULL)
		snapshot_unref(&s);
	answer(FD_CTL,
	    fault == FAULT_NONE ? S("{\"ok\":true}") : S("{\"ok\":false}"));
}

static void
leave(struct process *p, const char *why)
{
	const int64_t drain =
	    p->r->snapshot != NULL ? p->r->snapshot->drain_ns : 30 * NS_PER_S;

	if (p->leaving)
		return;
	log_info("%s: leaving when every ring is empty", why);
	p->leaving = true;
	p->leave_by_ns = clock_mono_ns() + drain + 5 * NS_PER_S;
}

static void
from_supervisor(struct process *p, struct slice text, int fd)
{
	struct arena a = { 0 };
	struct json *j = NULL;
	struct slice op;
	int64_t slot;

	if (json_parse(&a, text, &j) == FAULT_NONE) {
		op = json_get_str(j, "op");
		if (slice_eq(op, S("config")))
			take_config(p, fd);
		else if (slice_eq(op, S("repair")) &&
			 json_get_i64(j, "slot", &slot) && slot >= 0 &&
			 slot < SLOTS_MAX)
			recorder_repair(p->r, (uint32_t)slot);
		else if (slice_eq(op, S("drain")))
			leave(p, "told to drain");
	}
	arena_fini(&a);
	if (fd >= 0)
		close(fd);
}

static void
read_supervisor(struct process *p)
{
	ssize_t n;
	int fd;

	while ((n = receive(FD_CTL, p->message, IPC_MAX, &fd)) > 0)
		from_supervisor(p, (struct slice){ p->message, (size_t)n }, fd);
	if (n == 0) {
		p->has_ctl = false;
		leave(p, "the supervisor is gone");
	}
}

static void
read_control(struct process *p)
{
	struct buf out = { 0 };
	ssize_t n;
	int fd;

	while ((n = receive(FD_PEER, p->message, IPC_MAX, &fd)) > 0) {
		if (fd >= 0)
			close(fd);
		buf_clear(&out);
		recorder_control(
		    p->r, (struct slice){ p->message, (size_t)n }, &out);
		answer(FD_PEER, buf_slice(&out));
		(void)recorder_turn(p->r);
	}
	if (n == 0) /* its successor gets another socket with our successor */
		p->has_peer = false;
	buf_fini(&out);
}

static void
read_alive(struct process *p)
{
	char c;
	ssize_t n = read(FD_ALIVE, &c, 1);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		p->has_alive = false;
		leave(p, "the supervisor is gone");
	}
}

/* --- life
 * --------------------------------------------------------------------------*/

static void
wait_and_read(struct process *p, bool more)
{
	struct pollfd fds[] = {
		{ .fd = p->has_peer ? FD_PEER : -1, .events = POLLIN },
		{ .fd = p->has_ctl ? FD_CTL : -1, .events = POLLIN },
		{ .fd = p->has_alive ? FD_ALIVE : -1, .events = POLLIN },
	};

	if (poll(fds, NELEM(fds), recorder_pause_ms(p->r, more)) <= 0)
		return;
	if (fds[0].revents != 0)
		read_control(p);
	if (fds[1].revents != 0)
		read_supervisor(p);
	if (fds[2].revents != 0)
		read_alive(p);
}

static bool
may_go(struct process *p)
{
	if (!p->leaving)
		return false;
	if (recorder_alone(p->r) && recorder_barrier(p->r) == FAULT_NONE)
		return true;
	if (clock_mono_ns() < p->leave_by_ns)
		return false;
	log_error("leaving although not everything is settled");
	return true;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static void
run(struct process *p)
{
	bool more = true;

	while (!may_go(p)) {
		wait_and_read(p, more);
		more = recorder_turn(p->r);
	}
	if (recorder_barrier(p->r) != FAULT_NONE)
		log_error("the last commit failed: the next start will read "
			  "the log again");
	recorder_sign(p->r);
}

static int
start(
    struct process *p, uint32_t slot, void (*seal)(const struct snapshot *conf))
{
	struct recorder_conf conf = { .m = &p->m };
	struct snapshot *s = NULL;
	char data_dir[4096];
	enum fault fault;

	if (shm_attach(FD_SHM, &p->m) != FAULT_NONE ||
	    slot >= p->m.sizes.slots) {
		log_error("the shared tables are not ours");
		return 1;
	}
	p->m.slot = slot;
	at_store(&p->m.slots[slot].pid, getpid());
	if (ipc_config_read(FD_CONFIG, &s) != FAULT_NONE) {
		log_error("the configuration cannot be read");
		return 1;
	}
	seal(s);
	(void)snprintf(data_dir, sizeof(data_dir), "%s", s->data_dir);
	conf.data_dir = data_dir;
	conf.snapshot = s;
	fault = recorder_open(&conf, &p->r);
	snapshot_unref(&s);
	return fault == FAULT_NONE ? 0 : 1;
}

int
recorder_main(uint32_t slot, void (*seal)(const struct snapshot *conf))
{
	struct process *p = NEW(struct process);
	int status;

	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	p->has_ctl = is_open(FD_CTL);
	p->has_alive = is_open(FD_ALIVE);
	p->has_peer = is_open(FD_PEER);
	status = start(p, slot, seal);
	if (status == 0)
		run(p);
	recorder_close(&p->r);
	shm_detach(&p->m);
	mem_free(p);
	return status;
}

#include "main/children.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "main/process.h"
#include "model/ipc.h"
#include "shm/poison.h"

#define HUNG_NS (5 * NS_PER_S)
/* Who watches looks twice a second: for so long it has not run itself. */
#define SLEPT_NS (2 * NS_PER_S)
/* Before its first heartbeat a process may still load what it needs. */
#define FIRST_BEAT_NS (30 * NS_PER_S)
#define QUICK_NS NS_PER_S
/* From the signal that a worker may answer to the one it cannot. */
#define LAST_WORDS_NS (NS_PER_S / 2)

static const char *const role_words[] = { "recorder", "control", "courier",
	"worker" };

static void
child_init(struct child *ch, enum child_role role, unsigned number)
{
	*ch = (struct child){
		.role = role, .number = number, .ctl = -1, .slot = UINT32_MAX
	};
	if (role == ROLE_WORKER)
		snprintf(
		    ch->title, sizeof(ch->title), "kontor: worker %u", number);
	else
		snprintf(ch->title, sizeof(ch->title), "kontor: %s",
		    role_words[role]);
}

void
children_init(struct children *c, unsigned nworkers)
{
	unsigned i;

	CHECK(nworkers + 3 <= NELEM(c->child));
	child_init(&c->child[c->n++], ROLE_RECORDER, 0);
	child_init(&c->child[c->n++], ROLE_CONTROL, 0);
	child_init(&c->child[c->n++], ROLE_COURIER, 0);
	for (i = 1; i <= nworkers; i++)
		child_init(&c->child[c->n++], ROLE_WORKER, i);
}

void
children_want(struct children *c, enum child_role role, bool wanted)
{
	unsigned i;

	for (i = 0; i < c->n; i++) {
		if (c->child[i].role == role)
			c->child[i].wanted = wanted;
	}
}

/* --- starting -------------------------------------------------------- */

static void
fill_fds(const struct children *c, const struct child *ch, int ctl, int *fd)
{
	const bool worker = ch->role == ROLE_WORKER;

	fd[FD_SHM - 3] = c->shm->fd;
	fd[FD_CONFIG - 3] = worker ? c->secret_fd : c->bare_fd;
	fd[FD_WALLET - 3] = worker ? c->purse_fd : -1;
	fd[FD_CTL - 3] = ctl;
	fd[FD_ALIVE - 3] = c->alive_fd;
	fd[FD_LISTEN - 3] = worker ? c->gateway_fd : -1;
	fd[FD_PEER - 3] = -1;
	if (ch->role == ROLE_CONTROL) {
		fd[FD_CONFIG - 3] = c->control_fd;
		fd[FD_LISTEN - 3] = c->admin_fd;
		fd[FD_PEER - 3] = c->peer[0];
	} else if (ch->role == ROLE_RECORDER) {
		fd[FD_PEER - 3] = c->peer[1];
	} else if (ch->role == ROLE_COURIER) {
		fd[FD_CONFIG - 3] = c->courier_fd;
		fd[FD_WALLET - 3] = c->wallet_fd;
	}
}

static bool
take_slot(struct children *c, struct child *ch)
{
	if (ch->role == ROLE_CONTROL || ch->role == ROLE_COURIER)
		return true;
	ch->slot = shm_slot_take(c->shm, ch->role == ROLE_RECORDER);
	return ch->slot != UINT32_MAX;
}

static void
give_slot_back(struct children *c, struct child *ch)
{
	if (ch->slot != UINT32_MAX)
		shm_slot_dead(c->shm, ch->slot);
	ch->slot = UINT32_MAX;
}

static bool
start(struct children *c, struct child *ch)
{
	struct process_spec spec = { .title = ch->title };
	char slot[16];
	int pair[2];

	if (!take_slot(c, ch))
		return false; /* the recorder will free one */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		give_slot_back(c, ch);
		return false;
	}
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	if (ch->slot == UINT32_MAX)
		snprintf(slot, sizeof(slot), "-");
	else
		snprintf(slot, sizeof(slot), "%u", ch->slot);
	spec.arg[0] = role_words[ch->role];
	spec.arg[1] = slot;
	fill_fds(c, ch, pair[1], spec.fd);
	ch->pid = process_start(&spec);
	close(pair[1]);
	if (ch->pid < 0) {
		log_error("cannot start %s: %s", ch->title, strerror(errno));
		close(pair[0]);
		give_slot_back(c, ch);
		ch->pid = 0;
		return false;
	}
	ch->ctl = pair[0];
	ch->awaits = false;
	if (ch->slot != UINT32_MAX)
		atomic_store(&c->shm->slots[ch->slot].pid, (int32_t)ch->pid);
	return true;
}

void
children_start(struct children *c, int64_t now)
{
	unsigned i;

	for (i = 0; i < c->n; i++) {
		struct child *ch = &c->child[i];

		if (!ch->wanted || ch->pid != 0 || ch->not_before_ns > now)
			continue;
		ch->started_ns = now;
		if (start(c, ch))
			log_debug("%s is process %d", ch->title, ch->pid);
		else
			ch->not_before_ns = now + 20 * NS_PER_MS;
	}
}

int64_t
children_due(const struct children *c)
{
	int64_t due = INT64_MAX;
	unsigned i;

	for (i = 0; i < c->n; i++) {
		const struct child *ch = &c->child[i];

		if (ch->wanted && ch->pid == 0 && ch->not_before_ns < due)
			due = ch->not_before_ns;
	}
	return due;
}

/* --- ending ---------------------------------------------------------- */

static void
log_death(const struct child *ch, int status)
{
	if (WIFSIGNALED(status))
		log_warn("%s (%d) was killed by signal %d", ch->title, ch->pid,
		    WTERMSIG(status));
	else if (ch->wanted || WEXITSTATUS(status) != 0)
		log_warn("%s (%d) ended with status %d", ch->title, ch->pid,
		    WEXITSTATUS(status));
	else
		log_debug("%s (%d) has left", ch->title, ch->pid);
}

/* The first death is answered at once, also one soon after the start. */
static void
back_off(struct child *ch, int64_t now)
{
	unsigned shift;

	ch->quick = now - ch->started_ns < QUICK_NS ? ch->quick + 1 : 0;
	ch->not_before_ns = now;
	if (ch->quick >= 2) {
		shift = ch->quick - 2 < 6 ? ch->quick - 2 : 6;
		ch->not_before_ns = now + (50 * NS_PER_MS << shift);
	}
}

static void
tell_repair(struct children *c, uint32_t slot)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"op\":\"repair\",\"slot\":%u}", slot);
	children_send(c, ROLE_RECORDER, slice_of(text));
}

struct child *
children_reap(struct children *c, pid_t pid, int status, int64_t now)
{
	struct child *ch = NULL;
	uint32_t slot;
	unsigned i;

	for (i = 0; i < c->n && ch == NULL; i++) {
		if (c->child[i].pid == pid)
			ch = &c->child[i];
	}
	if (ch == NULL)
		return NULL;
	log_death(ch, status);
	slot = ch->slot;
	if (ch->role == ROLE_WORKER && slot != UINT32_MAX &&
	    WIFSIGNALED(status) && poison_signal(WTERMSIG(status)))
		(void)poison_note(c->shm, slot, WTERMSIG(status), now);
	close(ch->ctl);
	ch->ctl = -1;
	ch->pid = 0;
	ch->awaits = ch->killed = false;
	ch->deaths++;
	give_slot_back(c, ch);
	back_off(ch, now);
	if (ch->role == ROLE_COURIER) {
		atomic_store(&c->shm->head->courier_beat_ns, 0);
		atomic_store(&c->shm->head->courier_ready, 0);
	}
	if (ch->role == ROLE_RECORDER)
		atomic_store(&c->shm->head->recorder_ready, 0);
	else if (slot != UINT32_MAX)
		tell_repair(c, slot);
	return ch;
}

static bool
hung(const struct children *c, const struct child *ch, int64_t now)
{
	int64_t beat;

	if (ch->pid == 0 ||
	    (ch->slot == UINT32_MAX && ch->role != ROLE_COURIER))
		return false;
	beat = ch->role == ROLE_COURIER
		   ? atomic_load(&c->shm->head->courier_beat_ns)
		   : atomic_load(&c->shm->slots[ch->slot].heartbeat_ns);
	if (beat != 0)
		return now - (beat > c->awake_ns ? beat : c->awake_ns) >
		       HUNG_NS;
	/* A recorder that waits for the lock may do so for ever. */
	return ch->role != ROLE_RECORDER &&
	       now - ch->started_ns > FIRST_BEAT_NS;
}

static bool
condemned(const struct children *c, const struct child *ch)
{
	return ch->pid != 0 && ch->role == ROLE_WORKER &&
	       ch->slot != UINT32_MAX &&
	       atomic_load(&c->shm->slots[ch->slot].condemned) != 0;
}

/* A worker that hangs says first at which call, also one that was stopped. */
static void
end(const struct children *c, struct child *ch, int64_t now)
{
	const bool words = ch->role == ROLE_WORKER && !condemned(c, ch);

	ch->killed = true;
	ch->kill_ns = now + LAST_WORDS_NS;
	kill(ch->pid, words ? SIGABRT : SIGKILL);
	if (words)
		kill(ch->pid, SIGCONT);
}

void
children_watch(struct children *c, int64_t now)
{
	unsigned i;

	if (now - c->looked_ns > SLEPT_NS)
		c->awake_ns = now;
	c->looked_ns = now;
	for (i = 0; i < c->n; i++) {
		struct child *ch = &c->child[i];

		if (ch->killed && ch->pid != 0 && now >= ch->kill_ns)
			kill(ch->pid, SIGKILL);
		if (ch->killed || !(hung(c, ch, now) || condemned(c, ch)))
			continue;
		log_error("%s (%d) %s; it is killed", ch->title, ch->pid,
		    condemned(c, ch) ? "writes what the recorder refuses"
				     : "hangs");
		end(c, ch, now);
	}
}

void
children_kill(struct children *c, enum child_role role)
{
	unsigned i;

	for (i = 0; i < c->n; i++) {
		struct child *ch = &c->child[i];

		if (ch->role != role || ch->pid == 0)
			continue;
		log_warn("%s (%d) did not leave in time; it is killed",
		    ch->title, ch->pid);
		kill(ch->pid, SIGKILL);
	}
}

/* --- asking and telling ---------------------------------------------- */

unsigned
children_running(const struct children *c, enum child_role role)
{
	unsigned i, n = 0;

	for (i = 0; i < c->n; i++)
		n += c->child[i].role == role && c->child[i].pid != 0;
	return n;
}

struct child *
children_find(struct children *c, enum child_role role)
{
	unsigned i;

	for (i = 0; i < c->n; i++) {
		if (c->child[i].role == role)
			return &c->child[i];
	}
	return NULL;
}

bool
child_send(struct child *ch, struct slice message, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (char *)(uintptr_t)message.p, message.len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (ch->pid == 0)
		return false;
	if (fd >= 0) {
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	return sendmsg(ch->ctl, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)message.len;
}

void
children_send(struct children *c, enum child_role role, struct slice message)
{
	unsigned i;

	for (i = 0; i < c->n; i++) {
		if (c->child[i].role == role && c->child[i].pid != 0 &&
		    !child_send(&c->child[i], message, -1))
			log_warn(
			    "%s does not take a message", c->child[i].title);
	}
}

void
children_write(const struct children *c, struct buf *out, int64_t now)
{
	unsigned i;

	json_w_begin(out, '[');
	for (i = 0; i < c->n; i++) {
		const struct child *ch = &c->child[i];

		json_w_begin(out, '{');
		json_w_kstr(out, "role", slice_of(role_words[ch->role]));
		if (ch->role == ROLE_WORKER)
			json_w_ki64(out, "number", ch->number);
		json_w_kbool(out, "running", ch->pid != 0);
		if (ch->pid != 0) {
			json_w_ki64(out, "pid", ch->pid);
			json_w_ki64(
			    out, "up_ms", (now - ch->started_ns) / NS_PER_MS);
		}
		if (ch->slot != UINT32_MAX)
			json_w_ki64(out, "slot", ch->slot);
		json_w_ki64(out, "restarts", ch->deaths);
		json_w_end(out, '}');
	}
	json_w_end(out, ']');
}

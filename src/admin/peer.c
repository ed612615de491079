#include "admin/peer.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/pass.h"
#include "crypto/digest.h"
#include "io/loop.h"
#include "model/ipc.h"

enum { WAITING_MAX = 256 };
#define ANSWER_NS (5 * NS_PER_S)
#define SWEEP_NS (NS_PER_S / 4)

struct question {
	struct question *next;
	int64_t n, due_ns;
	peer_answer_f *on_answer;
	void *arg;
};

struct peer {
	struct io io;
	struct loop *loop;
	struct timer timer;
	struct question *waiting; /* oldest first */
	unsigned nwaiting;
	int64_t n;
	peer_message_f *on_message;
	void *arg;
};

static struct question *
take(struct peer *p, int64_t n)
{
	struct question **at = &p->waiting, *q;

	while (*at != NULL && (*at)->n != n)
		at = &(*at)->next;
	q = *at;
	if (q != NULL) {
		*at = q->next;
		p->nwaiting--;
	}
	return q;
}

static void
end(struct question *q, const struct json *answer)
{
	q->on_answer(q->arg, answer);
	mem_free(q);
}

static void
on_sweep(struct timer *t)
{
	struct peer *p = CONTAINER_OF(t, struct peer, timer);

	while (p->waiting != NULL && p->waiting->due_ns <= loop_now(p->loop))
		end(take(p, p->waiting->n), NULL);
	if (p->waiting != NULL)
		timer_set(p->loop, t, loop_now(p->loop) + SWEEP_NS, on_sweep);
}

static void
on_text(struct peer *p, struct slice text, int fd)
{
	struct arena a = { 0 };
	struct question *q;
	struct json *j;
	int64_t n;

	if (json_parse(&a, text, &j) != FAULT_NONE) {
		log_error("a peer sent what is not JSON");
		if (fd >= 0)
			close(fd);
	} else if (json_get_i64(j, "n", &n)) {
		if (fd >= 0)
			close(fd);
		q = take(p, n);
		if (q != NULL)
			end(q, j);
	} else {
		p->on_message(p->arg, j, fd);
	}
	arena_fini(&a);
}

static void
on_ready(struct io *io, unsigned events)
{
	struct peer *p = CONTAINER_OF(io, struct peer, io);
	static char text[IPC_MAX];
	ssize_t n;
	int fd;

	(void)events;
	while ((n = pass_receive(io->fd, text, sizeof(text), &fd)) > 0)
		on_text(p, (struct slice){ text, (size_t)n }, fd);
}

struct peer *
peer_new(struct loop *l, int fd, peer_message_f *on_message, void *arg)
{
	struct peer *p = NEW(struct peer);
	uint64_t n;

	/*
	 * The socket to the recorder outlives us: what answers a predecessor's
	 * question must not be taken for an answer to ours.
	 */
	random_bytes(&n, sizeof(n));
	p->n = (int64_t)(n >> 12);
	p->loop = l;
	p->on_message = on_message;
	p->arg = arg;
	loop_add(l, &p->io, fd, on_ready);
	return p;
}

void
peer_free(struct peer **p)
{
	if (*p == NULL)
		return;
	timer_clear(&(*p)->timer);
	while ((*p)->waiting != NULL)
		end(take(*p, (*p)->waiting->n), NULL);
	loop_close((*p)->loop, &(*p)->io);
	mem_free(*p);
	*p = NULL;
}

static bool
post(struct peer *p, struct slice text)
{
	ssize_t n;

	do {
		n = send(
		    p->io.fd, text.p, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)text.len;
}

void
peer_send(struct peer *p, struct slice text)
{
	if (!post(p, text))
		log_warn("a peer does not take a message");
}

static void
append(struct peer *p, struct question *q)
{
	struct question **at = &p->waiting;

	while (*at != NULL)
		at = &(*at)->next;
	*at = q;
	p->nwaiting++;
}

void
peer_ask(
    struct peer *p, struct slice fields, peer_answer_f *on_answer, void *arg)
{
	struct question *q = NEW(struct question);
	struct buf b = { 0 };

	q->n = ++p->n;
	q->due_ns = loop_now(p->loop) + ANSWER_NS;
	q->on_answer = on_answer;
	q->arg = arg;
	buf_fmt(&b, "{\"n\":%lld,%.*s}", (long long)q->n, S_FMT(fields));
	if (p->nwaiting >= WAITING_MAX || b.len > IPC_MAX ||
	    !post(p, buf_slice(&b))) {
		end(q, NULL);
	} else {
		append(p, q);
		if (p->timer.at_ns == 0)
			timer_set(p->loop, &p->timer,
			    loop_now(p->loop) + SWEEP_NS, on_sweep);
	}
	buf_fini(&b);
}

#include "io/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/*
 * PLENTY: so many events in one turn keep a loop from gathering.
 * TRUST: so much oftener in vain than not, and a loop lingers no more, but for
 * one turn of SOMETIMES.
 */
enum {
	BATCH = 256,
	BUF_LEN = 128 * 1024,
	PLENTY = 24,
	TRUST = 8,
	SOMETIMES = 64,
	LOOK = 4 /* events or tasks between two looks at the clock */
};

/* So long may either take in a turn; the rest is for the next. */
#define LONG_NS (50 * NS_PER_MS)

#define GATHER_NS (150 * NS_PER_MS / 1000)
#define LINGER_NS (60 * NS_PER_MS / 1000)

/*
 * The key is when the entry comes up, the timer's at_ns when it is due: a
 * timer moved later (deadlines move with every read) leaves its entry where
 * it is, and is put right when the entry comes up.
 */
struct slot {
	int64_t key;
	struct timer *timer;
};

struct reap {
	void *p;
	reap_f *fini;
};

struct loop {
	int epfd;
	int64_t now;
	struct slot *heap; /* 1-based; a timer's where is its index */
	uint32_t nheap, cap_heap;
	struct task soon, later; /* list heads */
	struct reap *reaps;
	size_t nreap, cap_reap;
	int at, nev; /* of the batch being dispatched */
	bool in_tasks;
	enum loop_wait how;
	unsigned trust, doubts; /* in lingering */
	int came;               /* events of the last turn */
	int64_t gap_ns;         /* between two events, of late */
	char *buf;
	struct epoll_event ev[BATCH];
};

static void
list_init(struct task *head)
{
	head->next = head->prev = head;
}

struct loop *
loop_new(void)
{
	struct loop *l = NEW(struct loop);

	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	CHECK(l->epfd >= 0);
	l->now = clock_mono_ns();
	l->gap_ns = NS_PER_MS;
	l->trust = TRUST;
	l->buf = mem_new(BUF_LEN);
	list_init(&l->soon);
	list_init(&l->later);
	return l;
}

static void
reap_all(struct loop *l)
{
	size_t i;

	/* A fini may reap more. */
	for (i = 0; i < l->nreap; i++)
		l->reaps[i].fini(l->reaps[i].p);
	l->nreap = 0;
}

void
loop_free(struct loop **lp)
{
	struct loop *l = *lp;

	if (l == NULL)
		return;
	*lp = NULL;
	reap_all(l);
	close(l->epfd);
	mem_free(l->heap);
	mem_free(l->reaps);
	mem_free(l->buf);
	mem_free(l);
}

char *
loop_buf(struct loop *l, size_t *cap)
{
	*cap = BUF_LEN;
	return l->buf;
}

int64_t
loop_now(const struct loop *l)
{
	return l->now;
}

/* --- descriptors ------------------------------------------------------- */

static void
add(struct loop *l, struct io *io, int fd, io_ready_f *on_ready,
    uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = io };

	io->fd = fd;
	io->on_ready = on_ready;
	io->dead = false;
	CHECK(epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) == 0);
}

void
loop_add(struct loop *l, struct io *io, int fd, io_ready_f *on_ready)
{
	add(l, io, fd, on_ready, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

void
loop_add_listener(struct loop *l, struct io *io, int fd, io_ready_f *on_ready)
{
	add(l, io, fd, on_ready, EPOLLIN);
}

/* Events already fetched for io must not reach it any more. */
static void
forget(struct loop *l, struct io *io)
{
	int i;

	io->dead = true;
	for (i = l->at; i < l->nev; i++) {
		if (l->ev[i].data.ptr == io)
			l->ev[i].data.ptr = NULL;
	}
}

void
loop_remove(struct loop *l, struct io *io)
{
	if (io->dead || io->fd < 0)
		return;
	forget(l, io);
	CHECK(epoll_ctl(l->epfd, EPOLL_CTL_DEL, io->fd, NULL) == 0);
}

void
loop_close(struct loop *l, struct io *io)
{
	if (io->dead || io->fd < 0)
		return;
	/* Explicit, as a descriptor may have been passed to a child too. */
	loop_remove(l, io);
	close(io->fd);
	io->fd = -1;
}

/* --- timers ------------------------------------------------------------ */

static void
put(struct loop *l, uint32_t i, struct slot s)
{
	l->heap[i] = s;
	s.timer->where = i;
}

static void
sift_up(struct loop *l, uint32_t i, struct slot s)
{
	while (i > 1 && l->heap[i / 2].key > s.key) {
		put(l, i, l->heap[i / 2]);
		i /= 2;
	}
	put(l, i, s);
}

static void
sift_down(struct loop *l, uint32_t i, struct slot s)
{
	uint32_t kid;

	for (; (kid = 2 * i) <= l->nheap; i = kid) {
		if (kid < l->nheap && l->heap[kid + 1].key < l->heap[kid].key)
			kid++;
		if (l->heap[kid].key >= s.key)
			break;
		put(l, i, l->heap[kid]);
	}
	put(l, i, s);
}

static void
heap_add(struct loop *l, struct timer *t)
{
	if (l->nheap + 2 > l->cap_heap) {
		l->cap_heap = l->cap_heap > 0 ? 2 * l->cap_heap : 64;
		l->heap = mem_grow(l->heap, l->cap_heap * sizeof(*l->heap));
	}
	sift_up(l, ++l->nheap, (struct slot){ t->at_ns, t });
}

static void
heap_remove(struct loop *l, uint32_t i)
{
	struct slot last = l->heap[l->nheap--];

	l->heap[i <= l->nheap ? i : 0].timer = NULL;
	if (i > l->nheap)
		return;
	if (i > 1 && l->heap[i / 2].key > last.key)
		sift_up(l, i, last);
	else
		sift_down(l, i, last);
}

void
timer_set(struct loop *l, struct timer *t, int64_t at_ns, timer_f *on_time)
{
	t->on_time = on_time;
	t->at_ns = at_ns > 0 ? at_ns : 1;
	if (t->where == 0) {
		t->loop = l;
		heap_add(l, t);
	} else if (t->at_ns < l->heap[t->where].key) {
		sift_up(l, t->where, (struct slot){ t->at_ns, t });
	}
}

void
timer_clear(struct timer *t)
{
	if (t->where != 0)
		heap_remove(t->loop, t->where);
	t->where = 0;
	t->at_ns = 0;
}

static void
fire_due(struct loop *l)
{
	struct timer *t;

	while (l->nheap > 0 && l->heap[1].key <= l->now) {
		t = l->heap[1].timer;
		if (t->at_ns > l->now) {
			sift_down(l, 1, (struct slot){ t->at_ns, t });
			continue;
		}
		timer_clear(t);
		t->on_time(t);
	}
}

/* --- tasks and reaping ------------------------------------------------- */

void
task_set(struct loop *l, struct task *t, task_f *run)
{
	struct task *head = l->in_tasks ? &l->later : &l->soon;

	t->run = run;
	if (t->next != NULL)
		return;
	t->next = head;
	t->prev = head->prev;
	head->prev->next = t;
	head->prev = t;
}

void
task_clear(struct task *t)
{
	if (t->next == NULL)
		return;
	t->prev->next = t->next;
	t->next->prev = t->prev;
	t->next = t->prev = NULL;
}

static bool
is_long(int64_t since_ns, int done)
{
	return done % LOOK == 0 && clock_mono_ns() - since_ns > LONG_NS;
}

static void
run_tasks(struct loop *l)
{
	const int64_t since = l->soon.next != &l->soon ? clock_mono_ns() : 0;
	struct task *t;
	int n = 0;

	l->in_tasks = true;
	while ((t = l->soon.next) != &l->soon) {
		task_clear(t);
		t->run(t);
		if (is_long(since, ++n))
			break;
	}
	l->in_tasks = false;
	while ((t = l->later.next) != &l->later) {
		task_clear(t);
		task_set(l, t, t->run);
	}
}

void
loop_reap(struct loop *l, void *p, reap_f *fini)
{
	if (l->nreap == l->cap_reap) {
		l->cap_reap = l->cap_reap > 0 ? 2 * l->cap_reap : 16;
		l->reaps = mem_grow(l->reaps, l->cap_reap * sizeof(*l->reaps));
	}
	l->reaps[l->nreap++] = (struct reap){ p, fini };
}

/* --- waiting ------------------------------------------------------------ */

void
loop_wait_how(struct loop *l, enum loop_wait how)
{
	l->how = how;
}

static bool
is_due(const struct loop *l)
{
	return l->soon.next != &l->soon || l->nreap > 0;
}

/* An event came each so often in this turn; a mean of some 16 turns. */
static void
note_gap(struct loop *l, int64_t elapsed_ns)
{
	int64_t gap = l->came > 1 ? elapsed_ns / l->came : elapsed_ns;

	if (gap > NS_PER_MS)
		gap = NS_PER_MS;
	l->gap_ns += (gap - l->gap_ns) / 16;
}

/*
 * A loop that has as much to do as it can never sleeps here: plenty came in
 * the last turn.  Nor does one that would sleep for fewer than three.
 */
static void
gather(const struct loop *l)
{
	static const struct timespec t = { .tv_nsec = GATHER_NS };

	if (l->came < PLENTY)
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/* Whose turn it is may need the processor that we look with: then nothing
 * comes while we do. */
static int
linger(struct loop *l)
{
	const int64_t until = clock_mono_ns() + LINGER_NS;
	int n;

	if (l->trust == 0 && ++l->doubts % SOMETIMES != 0)
		return 0;
	n = epoll_wait(l->epfd, l->ev, BATCH, 0);
	if (n != 0)
		return n; /* it was there already, and says nothing */
	do {
		n = epoll_wait(l->epfd, l->ev, BATCH, 0);
	} while (n == 0 && clock_mono_ns() < until);
	if (n == 0 && l->trust > 0)
		l->trust--;
	else if (n > 0 && l->trust < TRUST)
		l->trust++;
	return n;
}

/* Milliseconds, rounded up so that a timer is due when we wake for it. */
static int
wait_ms(const struct loop *l, int64_t max_ns)
{
	int64_t ns = max_ns, left;

	if (is_due(l))
		return 0;
	if (l->nheap > 0) {
		left = l->heap[1].key - clock_mono_ns();
		if (left < 0)
			left = 0;
		if (ns < 0 || left < ns)
			ns = left;
	}
	if (ns < 0)
		return -1;
	if (ns > 3600 * NS_PER_S)
		ns = 3600 * NS_PER_S;
	return (int)((ns + NS_PER_MS - 1) / NS_PER_MS);
}

/*
 * Events that are no farther apart are worth it: three in what is gathered;
 * and for who looks instead of sleeping they come sooner by the wake, which
 * takes up to half of this.
 */
static const int64_t close_ns[] = {
	[LOOP_GATHERS] = 50 * NS_PER_MS / 1000,
	[LOOP_LINGERS] = 100 * NS_PER_MS / 1000,
};

static int
wait(struct loop *l, int64_t max_ns)
{
	int n = 0;

	if (max_ns != 0 && l->gap_ns <= close_ns[l->how] && !is_due(l)) {
		if (l->how == LOOP_GATHERS)
			gather(l);
		else if (l->how == LOOP_LINGERS)
			n = linger(l);
	}
	return n != 0 ? n
		      : epoll_wait(l->epfd, l->ev, BATCH, wait_ms(l, max_ns));
}

/* --- the turn ---------------------------------------------------------- */

static unsigned
events_of(uint32_t ev)
{
	return ((ev & EPOLLIN) != 0 ? (unsigned)IO_IN : 0u) |
	       ((ev & EPOLLOUT) != 0 ? (unsigned)IO_OUT : 0u) |
	       ((ev & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0
		       ? (unsigned)IO_HUP
		       : 0u);
}

static void
fetch(struct loop *l, int64_t max_wait_ns)
{
	const int64_t before = l->now;
	const int n = wait(l, max_wait_ns);

	CHECK(n >= 0 || errno == EINTR);
	l->now = clock_mono_ns();
	l->at = 0;
	l->nev = l->came = n > 0 ? n : 0;
	note_gap(l, l->now - before);
}

static void
dispatch(struct loop *l)
{
	struct epoll_event *ev;
	struct io *io;

	while (l->at < l->nev) {
		ev = &l->ev[l->at++];
		io = ev->data.ptr;
		if (io != NULL && !io->dead)
			io->on_ready(io, events_of(ev->events));
		if (is_long(l->now, l->at))
			break;
	}
}

void
loop_turn(struct loop *l, int64_t max_wait_ns)
{
	if (l->at == l->nev)
		fetch(l, max_wait_ns);
	else
		l->now = clock_mono_ns();
	dispatch(l);
	/* Nobody is late whose event is here. */
	if (l->at == l->nev)
		fire_due(l);
	run_tasks(l);
	reap_all(l);
}

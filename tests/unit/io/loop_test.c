#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/loop.h"

static struct loop *loop;

static int
setup(void **state)
{
	(void)state;
	loop = loop_new();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	loop_free(&loop);
	return 0;
}

/* --- timers ------------------------------------------------------------ */

struct alarm {
	struct timer timer;
	unsigned n, order;
};

static unsigned fired;

static void
on_alarm(struct timer *t)
{
	struct alarm *a = CONTAINER_OF(t, struct alarm, timer);

	assert_int_equal(t->at_ns, 0);
	a->n++;
	a->order = ++fired;
}

static void
run_for(int64_t ns)
{
	int64_t end = clock_mono_ns() + ns;

	while (clock_mono_ns() < end)
		loop_turn(loop, NS_PER_MS);
}

static void
timers_fire_in_order_and_once(void **state)
{
	struct alarm a = { 0 }, b = { 0 }, c = { 0 };
	int64_t now = loop_now(loop);

	(void)state;
	fired = 0;
	timer_set(loop, &c.timer, now + 3000, on_alarm);
	timer_set(loop, &a.timer, now + 1000, on_alarm);
	timer_set(loop, &b.timer, now + 2000, on_alarm);
	run_for(5 * NS_PER_MS);
	assert_int_equal(a.n + b.n + c.n, 3);
	assert_true(a.order < b.order && b.order < c.order);
}

static void
a_timer_moved_later_fires_only_then(void **state)
{
	struct alarm a = { 0 };
	int64_t start = clock_mono_ns(), at = start + 30 * NS_PER_MS;

	(void)state;
	timer_set(loop, &a.timer, start + NS_PER_MS, on_alarm);
	timer_set(loop, &a.timer, at, on_alarm);
	while (a.n == 0)
		loop_turn(loop, NS_PER_S);
	assert_true(clock_mono_ns() >= at);
	assert_true(clock_mono_ns() < at + NS_PER_S / 2);
}

static void
a_timer_moved_earlier_fires_then(void **state)
{
	struct alarm a = { 0 };
	int64_t start = clock_mono_ns();

	(void)state;
	timer_set(loop, &a.timer, start + 60 * NS_PER_S, on_alarm);
	timer_set(loop, &a.timer, start + NS_PER_MS, on_alarm);
	while (a.n == 0)
		loop_turn(loop, NS_PER_S);
	assert_true(clock_mono_ns() < start + NS_PER_S);
}

static void
a_cleared_timer_is_silent(void **state)
{
	struct alarm a = { 0 };

	(void)state;
	timer_clear(&a.timer);
	timer_set(loop, &a.timer, loop_now(loop) + 1, on_alarm);
	timer_clear(&a.timer);
	timer_clear(&a.timer);
	run_for(3 * NS_PER_MS);
	assert_int_equal(a.n, 0);
}

/* The heap against a plain list, moved and cleared at random. */
static void
many_timers_fire_when_they_should(void **state)
{
	enum { N = 500 };
	static struct alarm all[N];
	int64_t want[N], now = loop_now(loop), end = now + 20 * NS_PER_MS;
	uint32_t x = 12345;
	unsigned i, round;

	(void)state;
	memset(all, 0, sizeof(all));
	memset(want, 0, sizeof(want));
	for (round = 0; round < 10 * N; round++) {
		x = x * 1664525 + 1013904223;
		i = (x >> 8) % N;
		want[i] = now + 1 + (x >> 4) % (40 * NS_PER_MS);
		if (x >> 30 == 0) {
			want[i] = 0;
			timer_clear(&all[i].timer);
		} else {
			timer_set(loop, &all[i].timer, want[i], on_alarm);
		}
	}
	do
		loop_turn(loop, NS_PER_MS);
	while (loop_now(loop) < end);
	for (i = 0; i < N; i++) {
		bool due = want[i] > 0 && want[i] <= loop_now(loop);

		assert_int_equal(all[i].n, due ? 1 : 0);
		timer_clear(&all[i].timer);
	}
}

/* --- descriptors ------------------------------------------------------- */

struct end {
	struct io io;
	unsigned calls, events;
	struct end *close_also;
};

static void
on_end(struct io *io, unsigned events)
{
	struct end *e = CONTAINER_OF(io, struct end, io);

	e->calls++;
	e->events |= events;
	if (e->close_also != NULL) {
		loop_close(loop, &e->close_also->io);
		loop_close(loop, &e->io);
	}
}

static void
pair(struct end *a, struct end *b)
{
	int fd[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	loop_add(loop, &a->io, fd[0], on_end);
	loop_add(loop, &b->io, fd[1], on_end);
}

static void
bytes_make_one_edge(void **state)
{
	struct end a = { 0 }, b = { 0 };

	(void)state;
	pair(&a, &b);
	loop_turn(loop, 0);
	a.calls = a.events = 0;
	assert_int_equal(write(b.io.fd, "x", 1), 1);
	loop_turn(loop, 0);
	loop_turn(loop, 0);
	assert_int_equal(a.calls, 1);
	assert_true((a.events & IO_IN) != 0 && (a.events & IO_HUP) == 0);
	loop_close(loop, &b.io);
	loop_turn(loop, 0);
	assert_true((a.events & IO_HUP) != 0);
	loop_close(loop, &a.io);
}

/* Both ends are ready in the same turn; whoever comes first closes both. */
static void
what_is_closed_gets_no_more_events_in_this_turn(void **state)
{
	struct end a = { 0 }, b = { 0 };

	(void)state;
	a.close_also = &b;
	b.close_also = &a;
	pair(&a, &b);
	loop_turn(loop, 0);
	assert_int_equal(a.calls + b.calls, 1);
	assert_int_equal(a.io.fd, -1);
	assert_int_equal(b.io.fd, -1);
}

/* --- tasks and reaping ------------------------------------------------- */

static char said[64];

static void
say(const char *word)
{
	strncat(said, word, sizeof(said) - strlen(said) - 1);
}

static void
on_reap(void *p)
{
	say(p);
}

static void
on_second(struct task *t)
{
	(void)t;
	say("second ");
}

static void
on_first(struct task *t)
{
	say("first ");
	loop_reap(loop, (void *)(uintptr_t) "reaped ", on_reap);
	task_set(loop, t, on_second);
}

static void
tasks_run_before_the_reaper_and_new_ones_in_the_next_turn(void **state)
{
	struct task t = { 0 }, gone = { 0 };
	int64_t start = clock_mono_ns();

	(void)state;
	said[0] = '\0';
	task_set(loop, &t, on_first);
	task_set(loop, &t, on_first);
	task_set(loop, &gone, on_second);
	task_clear(&gone);
	loop_turn(loop, NS_PER_S);
	assert_string_equal(said, "first reaped ");
	loop_turn(loop, NS_PER_S);
	assert_string_equal(said, "first reaped second ");
	assert_true(clock_mono_ns() - start < NS_PER_S);
}

/* --- waiting ---------------------------------------------------------- */

enum { DOORS = 30, TRIES = 50, GATHER_US = 150, TRUST = 8, SOMETIMES = 64 };

static struct door {
	struct io io;
	int other;
} doors[DOORS];

static void
on_knock(struct io *io, unsigned events)
{
	char c[64];

	(void)events;
	while (read(io->fd, c, sizeof(c)) > 0)
		;
}

static void
open_doors(void)
{
	int fd[2], i;

	for (i = 0; i < DOORS; i++) {
		assert_int_equal(
		    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
		doors[i].other = fd[1];
		loop_add(loop, &doors[i].io, fd[0], on_knock);
	}
	/* All of them can be written to. */
	loop_turn(loop, 0);
}

static void
close_doors(void)
{
	int i;

	loop_wait_how(loop, LOOP_SLEEPS);
	for (i = 0; i < DOORS; i++) {
		loop_close(loop, &doors[i].io);
		close(doors[i].other);
	}
}

/* What a turn takes to which so many events come. */
static int64_t
turn_us(int events)
{
	int64_t start;

	while (events-- > 0)
		assert_int_equal(write(doors[events].other, "x", 1), 1);
	start = clock_mono_ns();
	loop_turn(loop, NS_PER_S);
	return (clock_mono_ns() - start) / 1000;
}

/* The same behind many that came without a pause; of TRIES so many lasted as
 * long as gathering does. */
static int
slow_turns(int events, int64_t apart_us)
{
	int i, k, n = 0;

	for (i = 0; i < TRIES; i++) {
		loop_wait_how(loop, LOOP_SLEEPS);
		for (k = 0; k < 100 && apart_us == 0; k++)
			turn_us(events);
		loop_wait_how(loop, LOOP_GATHERS);
		for (k = 0; k < 2 && apart_us > 0; k++) {
			usleep((useconds_t)apart_us);
			turn_us(events);
		}
		usleep((useconds_t)apart_us);
		n += turn_us(events) >= GATHER_US;
	}
	return n;
}

static void
events_that_come_one_by_one_are_gathered(void **state)
{
	(void)state;
	open_doors();
	assert_in_range(slow_turns(1, 0), TRIES / 2, TRIES);
	close_doors();
}

/* A busy machine makes some turns long, whatever the loop does. */
static void
many_at_once_and_rare_ones_are_not_waited_for(void **state)
{
	(void)state;
	open_doors();
	assert_in_range(slow_turns(DOORS, 0), 0, TRIES - 1);
	assert_in_range(slow_turns(1, 2000), 0, TRIES - 1);
	close_doors();
}

static void
on_nothing(struct task *t)
{
	(void)t;
}

static void
a_task_that_is_due_is_not_kept_waiting(void **state)
{
	struct task t = { 0 };
	int64_t start, least = NS_PER_S;
	int i, k;

	(void)state;
	open_doors();
	for (i = 0; i < TRIES; i++) {
		loop_wait_how(loop, LOOP_SLEEPS);
		for (k = 0; k < 100; k++)
			turn_us(1);
		loop_wait_how(loop, LOOP_GATHERS);
		task_set(loop, &t, on_nothing);
		start = clock_mono_ns();
		loop_turn(loop, NS_PER_S);
		if (clock_mono_ns() - start < least)
			least = clock_mono_ns() - start;
	}
	assert_true(least / 1000 < GATHER_US);
	close_doors();
}

/* Of this turn; at this one an event comes, 0: at none. */
static int polls, knock_at;

/* In the place of the C library's. */
int
epoll_wait(int fd, struct epoll_event *events, int n, int ms)
{
	if (++polls == knock_at)
		(void)!write(doors[0].other, "x", 1);
	return epoll_pwait(fd, events, n, ms, NULL);
}

/* Behind events without a pause: does it look again and again? */
static bool
lingers(void)
{
	int i;

	loop_wait_how(loop, LOOP_SLEEPS);
	for (i = 0; i < 100; i++)
		turn_us(1);
	loop_wait_how(loop, LOOP_LINGERS);
	polls = 0;
	loop_turn(loop, NS_PER_MS);
	return polls > 2;
}

/* Of so many turns in which nothing comes: how many lingered. */
static int
turns_in_vain(int tries)
{
	int n = 0;

	while (tries-- > 0)
		n += lingers();
	return n;
}

static void
lingering_in_vain_ends(void **state)
{
	int k;

	(void)state;
	open_doors();
	assert_in_range(turns_in_vain(TRIES), TRUST / 2, TRIES / 2);
	assert_in_range(turns_in_vain(TRIES), 0, 1);
	/* What was there before says nothing for it. */
	for (k = 0; k < 10000; k++)
		turn_us(1);
	assert_in_range(turns_in_vain(TRUST), 0, 1);
	/* Where it is worth it, it begins again: once in a while it looks. */
	knock_at = 2;
	for (k = 0; k < SOMETIMES + 2 * TRUST; k++)
		(void)lingers();
	knock_at = 0;
	assert_in_range(turns_in_vain(TRUST), TRUST / 2, TRUST);
	close_doors();
}

static void
nobody_lingers_for_rare_events(void **state)
{
	int i;

	(void)state;
	open_doors();
	loop_wait_how(loop, LOOP_LINGERS);
	/* Until it is known that they are. */
	for (i = 0; i < TRIES; i++) {
		usleep(2000);
		turn_us(1);
	}
	for (i = 0; i < TRIES; i++) {
		usleep(2000);
		turn_us(1);
		polls = 0;
		loop_turn(loop, NS_PER_MS);
		assert_int_equal(polls, 1);
	}
	close_doors();
}

/* --- long turns -------------------------------------------------------- */

enum { MANY = 24, EACH_MS = 10, TURN_MOST_MS = 50 + 8 * EACH_MS };

static unsigned nworked;

static void
work(void)
{
	const int64_t end = clock_mono_ns() + EACH_MS * NS_PER_MS;

	while (clock_mono_ns() < end)
		;
	nworked++;
}

static void
on_work(struct io *io, unsigned events)
{
	char c;

	(void)events;
	assert_int_equal(read(io->fd, &c, 1), 1);
	work();
}

static void
on_job(struct task *t)
{
	(void)t;
	work();
}

/* As much as fits into a turn, and then the rest. */
static unsigned
work_a_turn(void)
{
	const unsigned before = nworked;

	loop_turn(loop, NS_PER_S);
	assert_in_range(nworked - before, 1, TURN_MOST_MS / EACH_MS);
	return nworked - before;
}

static void
many_who_have_much_to_do_share_their_turns(void **state)
{
	struct io io[MANY] = { 0 };
	struct alarm late = { 0 };
	unsigned i, done;
	int fd[2], other[MANY];

	(void)state;
	nworked = 0;
	for (i = 0; i < MANY; i++) {
		assert_int_equal(
		    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
		loop_add(loop, &io[i], fd[0], on_knock);
		other[i] = fd[1];
	}
	loop_turn(loop, 0); /* that they may be written to */
	for (i = 0; i < MANY; i++) {
		io[i].on_ready = on_work;
		assert_int_equal(write(other[i], "x", 1), 1);
	}
	timer_set(loop, &late.timer, clock_mono_ns() + NS_PER_MS, on_alarm);
	done = work_a_turn();
	/* Closed between two turns, one is not called any more. */
	loop_close(loop, &io[MANY - 1]);
	while (done < MANY - 1) {
		/* Whose event has come is not late. */
		assert_int_equal(late.n, 0);
		done += work_a_turn();
	}
	assert_int_equal(done, MANY - 1);
	assert_int_equal(late.n, 1);
	for (i = 0; i < MANY; i++) {
		loop_close(loop, &io[i]);
		close(other[i]);
	}
}

static void
tasks_that_take_long_are_for_the_next_turn(void **state)
{
	struct task job[MANY] = { 0 };
	unsigned i, done = 0;

	(void)state;
	nworked = 0;
	for (i = 0; i < MANY; i++)
		task_set(loop, &job[i], on_job);
	while (done < MANY)
		done += work_a_turn();
	assert_int_equal(done, MANY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order_and_once),
		cmocka_unit_test(a_timer_moved_later_fires_only_then),
		cmocka_unit_test(a_timer_moved_earlier_fires_then),
		cmocka_unit_test(a_cleared_timer_is_silent),
		cmocka_unit_test(many_timers_fire_when_they_should),
		cmocka_unit_test(bytes_make_one_edge),
		cmocka_unit_test(
		    what_is_closed_gets_no_more_events_in_this_turn),
		cmocka_unit_test(
		    tasks_run_before_the_reaper_and_new_ones_in_the_next_turn),
		cmocka_unit_test(events_that_come_one_by_one_are_gathered),
		cmocka_unit_test(many_at_once_and_rare_ones_are_not_waited_for),
		cmocka_unit_test(a_task_that_is_due_is_not_kept_waiting),
		cmocka_unit_test(lingering_in_vain_ends),
		cmocka_unit_test(nobody_lingers_for_rare_events),
		cmocka_unit_test(many_who_have_much_to_do_share_their_turns),
		cmocka_unit_test(tasks_that_take_long_are_for_the_next_turn),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

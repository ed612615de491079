#include "admin/peer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "io/loop.h"

static void
on_message(void *arg, const struct json *message, int fd)
{
	(void)arg;
	(void)message;
	(void)fd;
	fail();
}

struct heard {
	unsigned times;
	bool ok;
};

static void
on_answer(void *arg, const struct json *answer)
{
	struct heard *h = arg;

	h->times++;
	h->ok = answer != NULL && json_get_bool(answer, "ok", false);
}

static int64_t
number_asked(int sock)
{
	char text[256];
	const ssize_t len = recv(sock, text, sizeof(text), MSG_DONTWAIT);
	struct arena a = { 0 };
	struct json *j;
	int64_t n = 0;

	assert_true(len > 0);
	assert_int_equal(
	    json_parse(&a, (struct slice){ text, (size_t)len }, &j),
	    FAULT_NONE);
	assert_true(json_get_i64(j, "n", &n));
	arena_fini(&a);
	return n;
}

static void
answer(int sock, int64_t n, bool ok)
{
	struct buf b = { 0 };

	buf_fmt(
	    &b, "{\"n\":%lld,\"ok\":%s}", (long long)n, ok ? "true" : "false");
	assert_int_equal(send(sock, b.p, b.len, 0), (ssize_t)b.len);
	buf_fini(&b);
}

/* One end stays with the supervisor, so that a successor gets the same. */
static struct peer *
peer_on(struct loop *l, int sock)
{
	const int fd = fcntl(sock, F_DUPFD_CLOEXEC, 0);

	assert_true(fd >= 0);
	return peer_new(l, fd, on_message, NULL);
}

static void
an_answer_reaches_who_asked(void **state)
{
	struct loop *l = loop_new();
	struct heard h = { 0 };
	struct peer *p;
	int s[2];

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, s), 0);
	p = peer_on(l, s[0]);
	peer_ask(p, S("\"op\":\"barrier\""), on_answer, &h);
	answer(s[1], number_asked(s[1]), true);
	loop_turn(l, 100 * NS_PER_MS);
	assert_int_equal(h.times, 1);
	assert_true(h.ok);
	peer_free(&p);
	close(s[0]);
	close(s[1]);
	loop_free(&l);
}

static void
an_answer_to_a_predecessor_is_not_taken_for_ones_own(void **state)
{
	struct loop *l = loop_new();
	struct heard before = { 0 }, after = { 0 };
	struct peer *p;
	int64_t stale, fresh;
	int s[2];

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, s), 0);
	p = peer_on(l, s[0]);
	peer_ask(p, S("\"op\":\"barrier\""), on_answer, &before);
	stale = number_asked(s[1]);
	peer_free(&p); /* killed while it waited */
	p = peer_on(l, s[0]);
	peer_ask(p, S("\"op\":\"key_revoke\""), on_answer, &after);
	fresh = number_asked(s[1]);
	answer(s[1], stale, true);
	loop_turn(l, 100 * NS_PER_MS);
	assert_int_equal(after.times, 0);
	answer(s[1], fresh, false);
	loop_turn(l, 100 * NS_PER_MS);
	assert_int_equal(after.times, 1);
	assert_false(after.ok);
	peer_free(&p);
	close(s[0]);
	close(s[1]);
	loop_free(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_reaches_who_asked),
		cmocka_unit_test(
		    an_answer_to_a_predecessor_is_not_taken_for_ones_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

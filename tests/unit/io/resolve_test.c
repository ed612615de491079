#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/loop.h"
#include "io/resolve.h"

/*
 * A name server of one function: "one.test" is 203.0.113.7, "two.test" is
 * also 203.0.113.8, everything else does not exist.
 */
static struct loop *loop;
static struct resolve *res;
static struct io dns;
static unsigned asked;
static uint32_t ttl;

static void
put16(struct buf *b, unsigned v)
{
	buf_char(b, (char)(v >> 8));
	buf_char(b, (char)v);
}

static void
put_a(struct buf *b, unsigned last)
{
	put16(b, 0xc00c);
	put16(b, 1);
	put16(b, 1);
	put16(b, ttl >> 16);
	put16(b, ttl & 0xffff);
	put16(b, 4);
	buf_add(b, (struct slice){ "\xcb\x00\x71", 3 });
	buf_char(b, (char)last);
}

static void
reply(const char *q, const struct sockaddr *to, socklen_t tolen)
{
	unsigned char n = (unsigned char)q[12];
	bool one = memcmp(q + 13, "one", 3) == 0 && n == 3;
	bool two = memcmp(q + 13, "two", 3) == 0 && n == 3;
	/* Only the question; what follows it (EDNS) is left out. */
	size_t len = 12 + strlen(q + 12) + 1 + 4;
	unsigned answers = q[len - 3] != 1 ? 0 : one ? 1 : two ? 2 : 0;
	struct buf b = { 0 };

	buf_add(&b, (struct slice){ q, 2 });
	put16(&b, one || two ? 0x8180 : 0x8183);
	put16(&b, 1);
	put16(&b, answers);
	put16(&b, 0);
	put16(&b, 0);
	buf_add(&b, (struct slice){ q + 12, len - 12 });
	if (answers > 0)
		put_a(&b, 7);
	if (answers > 1)
		put_a(&b, 8);
	(void)sendto(dns.fd, b.p, b.len, 0, to, tolen);
	buf_fini(&b);
}

static void
on_dns(struct io *io, unsigned events)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char q[512];
	ssize_t n;

	(void)events;
	while ((n = recvfrom(io->fd, q, sizeof(q), 0, (struct sockaddr *)&from,
		    &len)) > 17) {
		asked++;
		reply(q, (struct sockaddr *)&from, len);
	}
}

static int
setup(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	char text[32];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	(void)state;
	log_init("test", LOG_LVL_WARN);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(a.sin_port));
	loop = loop_new();
	loop_add(loop, &dns, fd, on_dns);
	res = resolve_new(loop);
	assert_true(resolve_servers(res, text));
	asked = 0;
	ttl = 30;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	resolve_free(&res);
	loop_close(loop, &dns);
	loop_free(&loop);
	return 0;
}

static unsigned done;

static void
on_done(struct query *q)
{
	(void)q;
	done++;
}

static void
wait_for(unsigned n)
{
	int64_t end = clock_mono_ns() + 4 * NS_PER_S;

	while (done < n && clock_mono_ns() < end)
		loop_turn(loop, 10 * NS_PER_MS);
	assert_int_equal(done, n);
}

static const char *
text_of(const struct address *a)
{
	static char text[ADDRESS_TEXT];

	address_write(a, text);
	return text;
}

static void
literals_and_localhost_ask_nobody(void **state)
{
	struct query q;

	(void)state;
	assert_true(resolve_ask(res, &q, "192.0.2.1", on_done));
	assert_int_equal(q.n, 1);
	assert_string_equal(text_of(&q.addr[0]), "192.0.2.1:0");
	assert_true(resolve_ask(res, &q, "::1", on_done));
	assert_string_equal(text_of(&q.addr[0]), "[::1]:0");
	assert_true(resolve_ask(res, &q, "LocalHost", on_done));
	assert_int_equal(q.n, 2);
	assert_string_equal(text_of(&q.addr[0]), "127.0.0.1:0");
	assert_int_equal(asked, 0);
}

static void
a_name_is_asked_once_and_kept(void **state)
{
	struct query a, b;
	unsigned before;

	(void)state;
	done = 0;
	assert_false(resolve_ask(res, &a, "two.test", on_done));
	assert_false(resolve_ask(res, &b, "TWO.test", on_done));
	wait_for(2);
	assert_int_equal(a.n, 2);
	assert_int_equal(b.n, 2);
	assert_string_equal(text_of(&a.addr[0]), "203.0.113.7:0");
	before = asked;
	assert_true(resolve_ask(res, &a, "two.test", on_done));
	assert_int_equal(a.n, 2);
	assert_int_equal(asked, before);
	assert_int_equal(done, 2);
}

static void
no_such_name_is_no_address(void **state)
{
	struct query q;

	(void)state;
	done = 0;
	assert_false(resolve_ask(res, &q, "none.test", on_done));
	wait_for(1);
	assert_int_equal(q.n, 0);
	assert_true(resolve_ask(res, &q, "none.test", on_done));
	assert_int_equal(q.n, 0);
}

static void
a_cancelled_query_stays_silent(void **state)
{
	struct query a, b;

	(void)state;
	done = 0;
	assert_false(resolve_ask(res, &a, "one.test", on_done));
	assert_false(resolve_ask(res, &b, "one.test", on_done));
	resolve_cancel(&a);
	resolve_cancel(&a);
	wait_for(1);
	assert_int_equal(b.n, 1);
	assert_int_equal(a.n, 0);
}

/* Ends with teardown, which must not call back. */
static void
a_resolver_may_end_while_it_asks(void **state)
{
	struct query q;

	(void)state;
	done = 0;
	assert_false(resolve_ask(res, &q, "one.test", on_done));
	resolve_cancel(&q);
	assert_int_equal(done, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(literals_and_localhost_ask_nobody),
		TEST(a_name_is_asked_once_and_kept),
		TEST(no_such_name_is_no_address),
		TEST(a_cancelled_query_stays_silent),
		TEST(a_resolver_may_end_while_it_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

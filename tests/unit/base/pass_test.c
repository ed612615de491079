/* pass_test.c - a descriptor goes from one end to the other */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pass.h"

static void
send_with(int sock, const char *text, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = fd >= 0 ? &control : NULL,
		.msg_controllen = fd >= 0 ? sizeof(control) : 0 };
	struct cmsghdr *c;

	if (fd >= 0) {
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	assert_int_equal(sendmsg(sock, &m, 0), strlen(text));
}

static void
a_message_brings_its_descriptor(void **state)
{
	int pair[2], file = memfd_create("test", MFD_CLOEXEC), fd = -1;
	struct buf out = { 0 };
	char text[64];

	(void)state;
	assert_int_equal(write(file, "content", 7), 7);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	pass_nonblocking(pair[1]);
	assert_true(fcntl(pair[1], F_GETFL) & O_NONBLOCK);
	assert_true(pass_receive(pair[1], text, sizeof(text), &fd) < 1);
	assert_int_equal(fd, -1);

	send_with(pair[0], "with", file);
	assert_int_equal(pass_receive(pair[1], text, sizeof(text), &fd), 4);
	assert_memory_equal(text, "with", 4);
	assert_true(fd >= 0 && fd != file);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_false(pass_read(fd, 6, &out));
	assert_true(pass_read(fd, 7, &out));
	assert_true(slice_eq(buf_slice(&out), S("content")));
	close(fd);

	send_with(pair[0], "without", -1);
	assert_int_equal(pass_receive(pair[1], text, sizeof(text), &fd), 7);
	assert_int_equal(fd, -1);
	close(pair[0]);
	assert_true(pass_receive(pair[1], text, sizeof(text), &fd) < 1);
	close(pair[1]);
	close(file);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_brings_its_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * pump.c - the kernel's part: bytes from client to upstream and back
 *
 *	pump PORT UPSTREAM_PORT [US]
 *
 * Two receives and two sends per call and nothing else: no HTTP, no policy.
 * With US it sleeps as long before it waits, as src/io/loop.c does under load:
 * what no proxy in user space can be cheaper than, in the same run.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

struct side {
	int fd;
	struct side *other;
};

static char buf[128 * 1024];
static int ep;

static void
watch(int fd, struct side *s)
{
	struct epoll_event ev = { .events =
				      EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data = { .ptr = s } };
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

static void
accept_one(int listener, const struct sockaddr_in *up)
{
	struct side *s = calloc(2, sizeof(*s));

	s[0].fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	s[1].fd = socket(AF_INET, SOCK_STREAM, 0);
	s[0].other = &s[1];
	s[1].other = &s[0];
	if (connect(s[1].fd, (const struct sockaddr *)up, sizeof(*up)) != 0)
		exit(1);
	watch(s[0].fd, &s[0]);
	watch(s[1].fd, &s[1]);
}

static void
pass(struct side *s)
{
	ssize_t n = recv(s->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n > 0) {
		if (send(s->other->fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
			exit(1);
	} else if (n == 0) {
		close(s->fd);
		close(s->other->fd);
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET }, up = a;
	struct timespec t = { 0 };
	struct epoll_event ev[256];
	int i, n, on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 3 && argc != 4)
		return 2;
	if (argc == 4)
		t.tv_nsec = 1000L * atoi(argv[3]);
	prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
	a.sin_addr.s_addr = up.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons((uint16_t)atoi(argv[1]));
	up.sin_port = htons((uint16_t)atoi(argv[2]));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ep = epoll_create1(0);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1024))
		return 1;
	ev[0] = (struct epoll_event){ .events = EPOLLIN };
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev[0]);
	for (;;) {
		if (t.tv_nsec > 0)
			clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
		n = epoll_wait(ep, ev, 256, -1);
		for (i = 0; i < n; i++) {
			if (ev[i].data.ptr == NULL)
				accept_one(fd, &up);
			else if ((ev[i].events & EPOLLIN) != 0)
				pass(ev[i].data.ptr);
		}
	}
}

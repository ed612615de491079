/*
 * main.c - kontor-sim, the provider simulator
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "sim/desk.h"

enum { CONFIG_MAX = 1024 * 1024, BACKLOG = 4096 };

struct options {
	const char *listen, *config;
	bool quiet, stdin_watch;
};

static struct io signals, parent;
static bool stopping;

static const char help[] =
    "usage: kontor-sim [--listen 127.0.0.1:PORT] [--config FILE] [--quiet]\n"
    "                  [--stdin-watch] [--print-config] [--version] [--help]\n"
    "\n"
    "Simulated model providers on one port: OpenAI, Azure OpenAI, Bedrock's\n"
    "OpenAI endpoint and OpenAI-compatible servers.  The credential decides\n"
    "which one answers.  Prints one line of JSON with its URL when ready.\n"
    "\n"
    "  --listen ADDRESS   default 127.0.0.1:0 (any free port)\n"
    "  --config FILE      accounts, models, prices (see --print-config)\n"
    "  --quiet            no lines on stderr\n"
    "  --stdin-watch      end when standard input ends\n"
    "  --print-config     print the built-in configuration and exit\n";

static _Noreturn void
usage(const char *what)
{
	fprintf(stderr, "kontor-sim: %s\n%s", what, help);
	exit(2);
}

static _Noreturn void
print_and_exit(const char *text)
{
	fputs(text, stdout);
	exit(fflush(stdout) == 0 ? 0 : 1);
}

static const char *
value_of(char **argv, int *i)
{
	if (argv[*i + 1] == NULL)
		usage("an option lacks its value");
	return argv[++*i];
}

static void
read_options(struct options *o, char **argv)
{
	struct slice a;
	int i;

	for (i = 1; argv[i] != NULL; i++) {
		a = slice_of(argv[i]);
		if (slice_eq(a, S("--listen")))
			o->listen = value_of(argv, &i);
		else if (slice_eq(a, S("--config")))
			o->config = value_of(argv, &i);
		else if (slice_eq(a, S("--quiet")))
			o->quiet = true;
		else if (slice_eq(a, S("--stdin-watch")))
			o->stdin_watch = true;
		else if (slice_eq(a, S("--print-config")))
			print_and_exit(setup_defaults);
		else if (slice_eq(a, S("--version")))
			print_and_exit("kontor-sim " KONTOR_VERSION "\n");
		else if (slice_eq(a, S("--help")))
			print_and_exit(help);
		else
			usage("unknown option");
	}
}

static void
read_file(const char *path, struct buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		fatal("%s: %s", path, strerror(errno));
	do {
		buf_reserve(b, 65536);
		n = read(fd, b->p + b->len, 65536);
		if (n > 0)
			b->len += (size_t)n;
	} while (n > 0 && b->len < CONFIG_MAX);
	if (n < 0 || b->len >= CONFIG_MAX)
		fatal("%s: cannot be read whole", path);
	close(fd);
}

static void
read_setup(struct setup *s, const struct options *o)
{
	struct buf b = { 0 };
	const char *bad;

	if (o->config != NULL)
		read_file(o->config, &b);
	else
		buf_str(&b, setup_defaults);
	bad = setup_read(s, buf_slice(&b));
	if (bad != NULL)
		fatal("%s: %s", o->config ? o->config : "defaults", bad);
	buf_fini(&b);
}

static int
open_listener(const char *address, struct sockaddr_in *at)
{
	struct slice host, port;
	char text[INET_ADDRSTRLEN] = "";
	socklen_t len = sizeof(*at);
	uint64_t n;
	int fd, one = 1;

	memset(at, 0, sizeof(*at));
	if (!slice_cut(slice_of(address), ':', &host, &port) ||
	    host.len >= sizeof(text) || !slice_u64(port, &n) || n > 65535)
		usage("--listen takes 127.0.0.1:PORT");
	memcpy(text, host.p, host.len);
	at->sin_family = AF_INET;
	at->sin_port = htons((uint16_t)n);
	if (inet_pton(AF_INET, text, &at->sin_addr) != 1)
		usage("--listen takes a numeric IPv4 address");
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(fd, (struct sockaddr *)at, sizeof(*at)) != 0 ||
	    listen(fd, BACKLOG) != 0 ||
	    getsockname(fd, (struct sockaddr *)at, &len) != 0)
		fatal("cannot listen on %s: %s", address, strerror(errno));
	return fd;
}

static void
on_signal(struct io *io, unsigned events)
{
	(void)io;
	(void)events;
	stopping = true;
}

static void
on_parent(struct io *io, unsigned events)
{
	char scrap[512];
	ssize_t n;

	do
		n = read(io->fd, scrap, sizeof(scrap));
	while (n > 0);
	if (n == 0 || (events & IO_HUP) != 0)
		stopping = true;
}

static void
watch_signals(struct loop *l)
{
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	CHECK(fd >= 0);
	loop_add(l, &signals, fd, on_signal);
}

static void
watch_parent(struct loop *l)
{
	struct stat st;

	/* A file or /dev/null is at its end from the start. */
	if (fstat(0, &st) != 0 ||
	    !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(0))) {
		stopping = true;
		return;
	}
	(void)fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
	loop_add(l, &parent, 0, on_parent);
}

static void
raise_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return;
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &r);
}

static void
announce(const struct sockaddr_in *at)
{
	char host[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &at->sin_addr, host, sizeof(host));
	printf("{\"url\":\"http://%s:%u\",\"pid\":%ld}\n", host,
	    (unsigned)ntohs(at->sin_port), (long)getpid());
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct options o = { .listen = "127.0.0.1:0" };
	struct desk *desk = NEW(struct desk);
	struct setup *setup = NEW(struct setup);
	const char *bad;
	struct loop *loop;
	struct wire *wire;
	struct sockaddr_in at;
	int fd;

	(void)argc;
	read_options(&o, argv);
	log_init("sim", o.quiet ? LOG_LVL_ERROR : LOG_LVL_INFO);
	read_setup(setup, &o);
	desk->setup = setup;
	desk->books = books_new(setup);
	desk->issuer = NEW(struct issuer);
	issuer_init(desk->issuer);
	bad = issuer_read(desk->issuer, setup, setup->identities);
	if (bad != NULL)
		fatal("%s", bad);
	raise_files();
	loop = loop_new();
	watch_signals(loop);
	fd = open_listener(o.listen, &at);
	wire = wire_new(loop, fd, &desk_ops, desk);
	if (o.stdin_watch)
		watch_parent(loop);
	announce(&at);
	while (!stopping)
		loop_turn(loop, 3600 * INT64_C(1000000000));
	wire_free(&wire);
	close(fd);
	loop_free(&loop);
	books_free(&desk->books);
	cache_fini(&desk->cache);
	scripts_fini(&desk->scripts);
	setup_fini(setup);
	mem_free(setup);
	mem_free(desk->issuer);
	mem_free(desk);
	return 0;
}

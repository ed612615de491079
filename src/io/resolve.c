#include "io/resolve.h"

#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/loop.h"

enum { NAMES_MAX = 1024, SOCKETS_MAX = 16, READS_MAX = 64 };

static const int64_t ttl_min = 5 * NS_PER_S, ttl_max = 60 * NS_PER_S;
static const int64_t ttl_failed = 2 * NS_PER_S;

struct resolve_name {
	struct resolve_name *next;
	struct resolve *owner;
	char *host;
	bool asked;       /* c-ares is at it */
	int64_t until_ns; /* the answer's end; 0: none yet */
	struct address addr[QUERY_ADDRESSES];
	unsigned n;
	struct query waiting; /* list head */
};

struct hosts_row {
	struct hosts_row *next;
	char *host;
	struct address addr;
};

struct ares_io {
	struct io io;
	struct resolve *owner;
};

struct resolve {
	struct loop *loop;
	ares_channel channel;
	struct timer timer;
	struct hosts_row *hosts;
	struct resolve_name *names;
	size_t nname;
	struct ares_io ios[SOCKETS_MAX];
};

/* --- the hosts file ---------------------------------------------------- */

static void
add_host(struct resolve *r, const char *host, const struct address *a)
{
	struct hosts_row *row = NEW(struct hosts_row), **at = &r->hosts;

	row->host = mem_dup(slice_of(host));
	row->addr = *a;
	while (*at != NULL)
		at = &(*at)->next;
	*at = row;
}

static void
read_hosts_line(struct resolve *r, char *line)
{
	static const char white[] = " \t\r\n";
	struct address a;
	bool first = true;
	char *word;

	line[strcspn(line, "#")] = '\0';
	while ((word = strsep(&line, white)) != NULL) {
		if (*word == '\0')
			continue;
		if (!first)
			add_host(r, word, &a);
		else if (!address_parse(&a, word, 0))
			return;
		first = false;
	}
}

static void
read_hosts(struct resolve *r)
{
	FILE *f = fopen("/etc/hosts", "re");
	char line[1024];

	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL)
		read_hosts_line(r, line);
	fclose(f);
}

static bool
find_hosts(struct resolve *r, struct query *q, const char *host)
{
	const struct hosts_row *row;

	for (row = r->hosts; row != NULL; row = row->next) {
		if (q->n < QUERY_ADDRESSES &&
		    slice_ieq(slice_of(row->host), slice_of(host)))
			q->addr[q->n++] = row->addr;
	}
	return q->n > 0;
}

/* --- c-ares on the loop ------------------------------------------------ */

static void
rearm(struct resolve *r)
{
	struct timeval tv, *left = ares_timeout(r->channel, NULL, &tv);

	if (left == NULL) {
		timer_clear(&r->timer);
		return;
	}
	timer_clear(&r->timer);
	timer_set(r->loop, &r->timer,
	    loop_now(r->loop) + left->tv_sec * NS_PER_S + left->tv_usec * 1000 +
		NS_PER_MS,
	    r->timer.on_time);
}

static void
on_timeout(struct timer *t)
{
	struct resolve *r = CONTAINER_OF(t, struct resolve, timer);

	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	rearm(r);
}

/* c-ares reads once per call, our edges come once: ask until it is empty. */
static void
on_socket(struct io *io, unsigned events)
{
	struct resolve *r = CONTAINER_OF(io, struct ares_io, io)->owner;
	struct pollfd p = { .fd = io->fd, .events = POLLIN };
	int fd = io->fd, i;

	ares_process_fd(r->channel,
	    (events & (IO_IN | IO_HUP)) != 0 ? fd : ARES_SOCKET_BAD,
	    (events & IO_OUT) != 0 ? fd : ARES_SOCKET_BAD);
	for (i = 0;
	     i < READS_MAX && !io->dead && io->fd == fd && poll(&p, 1, 0) > 0;
	     i++)
		ares_process_fd(r->channel, fd, ARES_SOCKET_BAD);
	rearm(r);
}

/* Called by c-ares before it closes a socket too. */
static void
on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct resolve *r = arg;
	struct ares_io *io, *spare = NULL;

	for (io = r->ios; io < r->ios + SOCKETS_MAX; io++) {
		if (io->io.fd == fd)
			break;
		if (io->io.fd < 0)
			spare = io;
	}
	if (io == r->ios + SOCKETS_MAX)
		io = spare;
	if (io == NULL)
		return; /* its timeout will move it on */
	if (!readable && !writable) {
		if (io->io.fd == fd)
			loop_remove(r->loop, &io->io);
		io->io.fd = -1;
	} else if (io->io.fd < 0) {
		loop_add(r->loop, &io->io, fd, on_socket);
	}
}

struct resolve *
resolve_new(struct loop *l)
{
	struct resolve *r = NEW(struct resolve);
	struct ares_options o = { .flags = ARES_FLAG_NOALIASES,
		.timeout = 2000,
		.tries = 2,
		.lookups = (char *)(uintptr_t) "b",
		.sock_state_cb = on_state,
		.sock_state_cb_data = r };
	int i;

	r->loop = l;
	r->timer.on_time = on_timeout;
	for (i = 0; i < SOCKETS_MAX; i++) {
		r->ios[i].io.fd = -1;
		r->ios[i].owner = r;
	}
	CHECK(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
	CHECK(
	    ares_init_options(&r->channel, &o,
		ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
		    ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB) == ARES_SUCCESS);
	read_hosts(r);
	return r;
}

bool
resolve_servers(struct resolve *r, const char *csv)
{
	return ares_set_servers_ports_csv(r->channel, csv) == ARES_SUCCESS;
}

/* --- names ------------------------------------------------------------- */

static void
free_name(struct resolve_name *n)
{
	mem_free(n->host);
	mem_free(n);
}

void
resolve_free(struct resolve **rp)
{
	struct resolve *r = *rp;
	struct resolve_name *n;
	struct hosts_row *row;

	if (r == NULL)
		return;
	*rp = NULL;
	for (n = r->names; n != NULL; n = n->next)
		CHECK(n->waiting.next == &n->waiting);
	ares_destroy(r->channel); /* answers what it was asked: cancelled */
	timer_clear(&r->timer);
	while ((n = r->names) != NULL) {
		r->names = n->next;
		free_name(n);
	}
	while ((row = r->hosts) != NULL) {
		r->hosts = row->next;
		mem_free(row->host);
		mem_free(row);
	}
	ares_library_cleanup();
	mem_free(r);
}

static bool
is_idle(const struct resolve_name *n)
{
	return !n->asked && n->waiting.next == &n->waiting;
}

/* Names come from the configuration; this is for one that changes a lot. */
static void
evict(struct resolve *r)
{
	struct resolve_name **at = &r->names, *n;

	while (r->nname >= NAMES_MAX && (n = *at) != NULL) {
		if (!is_idle(n)) {
			at = &n->next;
			continue;
		}
		*at = n->next;
		free_name(n);
		r->nname--;
	}
}

static struct resolve_name *
get_name(struct resolve *r, const char *host)
{
	struct resolve_name *n;

	for (n = r->names; n != NULL; n = n->next) {
		if (slice_ieq(slice_of(n->host), slice_of(host)))
			return n;
	}
	evict(r);
	n = NEW(struct resolve_name);
	n->owner = r;
	n->host = mem_dup(slice_of(host));
	n->waiting.next = n->waiting.prev = &n->waiting;
	n->next = r->names;
	r->names = n;
	r->nname++;
	return n;
}

static int64_t
take_node(struct resolve_name *n, const struct ares_addrinfo_node *node)
{
	struct address *a;

	if (n->n == QUERY_ADDRESSES ||
	    (node->ai_family != AF_INET && node->ai_family != AF_INET6))
		return ttl_max;
	a = &n->addr[n->n++];
	*a = (struct address){ 0 };
	memcpy(&a->sa, node->ai_addr,
	    node->ai_family == AF_INET ? sizeof(a->sa.in4) : sizeof(a->sa.in6));
	return (int64_t)node->ai_ttl * NS_PER_S;
}

static void
finish(struct query *q, const struct resolve_name *n)
{
	q->n = n->n;
	memcpy(q->addr, n->addr, sizeof(q->addr));
}

static void
wake(struct resolve_name *n)
{
	struct query *q;

	/* One may cancel another, or ask again: always the first. */
	while ((q = n->waiting.next) != &n->waiting) {
		resolve_cancel(q);
		finish(q, n);
		q->on_done(q);
	}
}

static void
on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *ai)
{
	struct resolve_name *n = arg;
	const struct ares_addrinfo_node *node;
	int64_t ttl = ttl_max, one;

	(void)timeouts;
	n->n = 0;
	if (status == ARES_EDESTRUCTION)
		return;
	if (status == ARES_SUCCESS) {
		for (node = ai->nodes; node != NULL; node = node->ai_next) {
			one = take_node(n, node);
			ttl = one < ttl ? one : ttl;
		}
		ares_freeaddrinfo(ai);
		ttl = ttl < ttl_min ? ttl_min : ttl;
	}
	if (n->n == 0) {
		log_info("resolve: %s: %s", n->host, ares_strerror(status));
		ttl = ttl_failed;
	}
	n->until_ns = loop_now(n->owner->loop) + ttl;
	wake(n); /* still marked as asked: nobody may evict it meanwhile */
	n->asked = false;
}

static void
ask_dns(struct resolve_name *n)
{
	static const struct ares_addrinfo_hints hints = {
		.ai_flags = ARES_AI_NOSORT,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};

	n->asked = true;
	n->until_ns = 0;
	ares_getaddrinfo(
	    n->owner->channel, n->host, NULL, &hints, on_answer, n);
	rearm(n->owner);
}

/* c-ares says of a socket that it did not get only that nobody answered. */
static bool
can_ask(void)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno != EMFILE && errno != ENFILE;
	close(fd);
	return true;
}

static bool
is_localhost(struct slice host)
{
	return slice_ieq(host, S("localhost")) ||
	       slice_ieq(host, S("localhost."));
}

static bool
known(struct resolve *r, struct query *q, const char *host)
{
	if (is_localhost(slice_of(host))) {
		CHECK(address_parse(&q->addr[0], "127.0.0.1", 0));
		CHECK(address_parse(&q->addr[1], "::1", 0));
		q->n = 2;
		return true;
	}
	if (address_parse(&q->addr[0], host, 0)) {
		q->n = 1;
		return true;
	}
	return find_hosts(r, q, host);
}

bool
resolve_ask(
    struct resolve *r, struct query *q, const char *host, query_f *on_done)
{
	struct resolve_name *n;

	*q = (struct query){ .on_done = on_done };
	if (known(r, q, host))
		return true;
	n = get_name(r, host);
	if (n->until_ns > loop_now(r->loop)) {
		finish(q, n);
		return true;
	}
	if (!n->asked && !can_ask()) {
		q->want = true;
		return true;
	}
	/* c-ares may answer before it returns: the query waits only then if
	 * it is still asked. */
	if (!n->asked)
		ask_dns(n);
	if (!n->asked) {
		finish(q, n);
		return true;
	}
	q->name = n;
	q->next = &n->waiting;
	q->prev = n->waiting.prev;
	q->prev->next = q;
	n->waiting.prev = q;
	return false;
}

void
resolve_cancel(struct query *q)
{
	if (q->name == NULL)
		return;
	q->next->prev = q->prev;
	q->prev->next = q->next;
	q->name = NULL;
}

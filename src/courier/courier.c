#include "courier/courier.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/pass.h"
#include "courier/keeper.h"
#include "httpio/client.h"
#include "io/loop.h"
#include "model/ipc.h"
#include "model/snapshot.h"
#include "shm/wallet.h"

/* Endpoints are asked seldom: a kept connection would only be a stale one. */
static const struct client_limits limits = {
	.max_idle = 0,
	.max_conns = 64,
	.idle_ns = NS_PER_S,
	.max_head = 32 * 1024,
};

enum { TURN_MS = 200, TOLD_MS = 4000 };

struct courier {
	struct loop *loop;
	struct client *client;
	struct shm shm;
	struct wallet wallet;
	struct snapshot *snapshot;
	struct keeper *keeper;
	struct io ctl, alive;
	int64_t answer_by_ns; /* of a reload; 0: none waits */
	bool leaving;
};

static struct courier courier;

/* --- the supervisor ----------------------------------------------------------
 */

static void
answer_ctl(struct courier *c, bool ok)
{
	const struct slice s = ok ? S("{\"ok\":true}") : S("{\"ok\":false}");

	if (send(c->ctl.fd, s.p, s.len, MSG_NOSIGNAL) < 0)
		log_warn("the supervisor does not listen");
}

/* Answered when what is new has been tried: workers get the configuration
 * then, and find its credentials there. */
static void
reload(struct courier *c, int fd)
{
	struct snapshot *fresh, *old = c->snapshot;

	if (fd < 0 || ipc_config_read(fd, &fresh) != FAULT_NONE) {
		answer_ctl(c, false);
		return;
	}
	c->snapshot = fresh;
	keeper_take(c->keeper, fresh);
	snapshot_unref(&old);
	c->answer_by_ns = loop_now(c->loop) + TOLD_MS * NS_PER_MS;
}

static void
on_message(struct courier *c, struct slice text, int fd)
{
	struct arena a = { 0 };
	struct json *j;

	if (json_parse(&a, text, &j) == FAULT_NONE) {
		if (slice_eq(json_get_str(j, "op"), S("config")))
			reload(c, fd);
		else if (slice_eq(json_get_str(j, "op"), S("drain")))
			c->leaving = true;
	}
	arena_fini(&a);
	if (fd >= 0)
		close(fd);
}

static void
on_ctl(struct io *io, unsigned events)
{
	static char text[IPC_MAX];
	ssize_t n;
	int fd;

	(void)events;
	while ((n = pass_receive(io->fd, text, sizeof(text), &fd)) > 0)
		on_message(&courier, (struct slice){ text, (size_t)n }, fd);
}

static void
on_alive(struct io *io, unsigned events)
{
	char byte;

	(void)events;
	if (read(io->fd, &byte, 1) == 0)
		courier.leaving = true;
}

/* --- life ---------------------------------------------------------------- */

static void
preload_trust(struct courier *c)
{
	const struct snapshot *s = c->snapshot;
	unsigned i;

	for (i = 0; i < s->nproviders; i++) {
		const struct signin_conf *o = s->provider[i].signin;

		if (o != NULL &&
		    client_preload(c->client, o->ca_file, NULL) != FAULT_NONE)
			log_warn("provider %s: the CA certificates of its "
				 "sign-in cannot be read",
			    s->provider[i].id);
	}
}

static void
open_all(struct courier *c)
{
	if (shm_attach(FD_SHM, &c->shm) != FAULT_NONE)
		fatal("the shared tables are of another build");
	if (!wallet_map(FD_WALLET, true, &c->wallet))
		fatal("the wallet cannot be mapped");
	close(FD_WALLET);
	if (ipc_config_read(FD_CONFIG, &c->snapshot) != FAULT_NONE)
		fatal("the compiled configuration cannot be read");
	close(FD_CONFIG);
	c->loop = loop_new();
	c->client = client_new(c->loop, &limits);
	pass_nonblocking(FD_CTL);
	loop_add(c->loop, &c->ctl, FD_CTL, on_ctl);
	pass_nonblocking(FD_ALIVE);
	loop_add(c->loop, &c->alive, FD_ALIVE, on_alive);
	preload_trust(c);
	c->keeper = keeper_new(c->loop, c->client, &c->shm, &c->wallet);
	keeper_take(c->keeper, c->snapshot);
}

static void
tell(struct courier *c)
{
	const bool ready = keeper_ready(c->keeper);
	const int64_t now = loop_now(c->loop);

	atomic_store(&c->shm.head->courier_beat_ns, now);
	if (ready)
		atomic_store(&c->shm.head->courier_ready, 1);
	if (c->answer_by_ns != 0 && (ready || now >= c->answer_by_ns)) {
		c->answer_by_ns = 0;
		answer_ctl(c, true);
	}
}

int
courier_main(void)
{
	struct courier *c = &courier;

	signal(SIGPIPE, SIG_IGN);
	open_all(c);
	while (!c->leaving) {
		loop_turn(c->loop, TURN_MS * NS_PER_MS);
		keeper_look(c->keeper);
		tell(c);
	}
	keeper_free(&c->keeper);
	client_free(&c->client);
	wallet_unmap(&c->wallet);
	snapshot_unref(&c->snapshot);
	loop_free(&c->loop);
	shm_detach(&c->shm);
	return 0;
}

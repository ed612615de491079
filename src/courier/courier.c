#include "courier/courier.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/pass.h"
#include "courier/awsfile.h"
#include "courier/keeper.h"
#include "courier/run.h"
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

enum { TURN_MS = 200, TOLD_MS = 4000, LOOK_S = 30 };

struct courier {
	struct loop *loop;
	struct client *client;
	struct shm shm;
	struct wallet wallet;
	struct snapshot *snapshot;
	struct keeper *keeper;
	struct io ctl, alive;
	int64_t answer_by_ns; /* of a reload; 0: none waits */
	int64_t look_ns;      /* for files that the seal keeps from us */
	bool leaving;
};

static struct courier courier;

/* --- files --------------------------------------------------------------- */

static const char *
of_profile(const struct signin_conf *o, struct arena *a)
{
	const struct slice credentials = run_read(a, o->credentials_file);
	const struct slice config = run_read(a, o->config_file);
	struct aws_plan plan;

	if (awsfile_plan(a, credentials, config, slice_of(o->profile), &plan) !=
		NULL ||
	    plan.base != AWS_BASE_WEB)
		return NULL;
	return plan.token_file;
}

static const char *
of_document(const struct signin_conf *o, struct arena *a)
{
	struct slice file;
	struct json *j;

	if (json_parse(a, slice_of(o->document), &j) != FAULT_NONE)
		return NULL;
	file = json_get_str(json_get(j, "credential_source"), "file");
	return file.len > 0 ? arena_str(a, file) : NULL;
}

static const char *
named_within(const struct signin_conf *o, struct arena *a)
{
	if (o->method == SIGNIN_AWS_PROFILE && o->profile != NULL)
		return of_profile(o, a);
	if (o->method == SIGNIN_GOOGLE_CREDENTIALS && o->document != NULL)
		return of_document(o, a);
	return NULL;
}

const char *const *
courier_files(const struct snapshot *conf, struct arena *a)
{
	enum { EACH = 5 };
	const char **list =
	    ARENA_ARRAY(a, const char *, EACH * conf->nproviders + 1);
	const struct signin_conf *o;
	size_t n = 0, i, k;

	for (i = 0; i < conf->nproviders; i++) {
		o = conf->provider[i].signin;
		if (o == NULL)
			continue;
		const char *const of[EACH] = { o->token_file,
			o->credentials_file, o->config_file, o->ca_file,
			named_within(o, a) };

		for (k = 0; k < EACH; k++) {
			if (of[k] != NULL)
				list[n++] = of[k];
		}
	}
	return list;
}

/* Landlock stops who opens, not who asks: the owner would let us. */
static bool
is_kept_from_us(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EACCES && access(path, R_OK) == 0;
}

/*
 * A seal is for ever, and a configuration or an AWS profile names another
 * folder one day: our successor is sealed for it, and what we published stays
 * in the wallet meanwhile.
 */
static void
leave_for_files(struct courier *c, const struct snapshot *conf)
{
	struct arena a = { 0 };
	const char *const *path = courier_files(conf, &a);

	c->look_ns = loop_now(c->loop) + LOOK_S * NS_PER_S;
	for (; *path != NULL && !c->leaving; path++) {
		c->leaving = is_kept_from_us(*path);
		if (c->leaving)
			log_info("%s was not there when I was sealed: I start "
				 "again",
			    *path);
	}
	arena_wipe(&a);
}

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
	leave_for_files(c, fresh);
	if (c->leaving) {
		snapshot_unref(&fresh);
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
open_all(struct courier *c, void (*seal)(const struct snapshot *conf))
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
	client_keep_system(c->client);
	preload_trust(c);
	seal(c->snapshot);
	c->look_ns = loop_now(c->loop) + LOOK_S * NS_PER_S;
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
courier_main(void (*seal)(const struct snapshot *conf))
{
	struct courier *c = &courier;

	signal(SIGPIPE, SIG_IGN);
	open_all(c, seal);
	while (!c->leaving) {
		loop_turn(c->loop, TURN_MS * NS_PER_MS);
		keeper_look(c->keeper);
		tell(c);
		if (loop_now(c->loop) >= c->look_ns)
			leave_for_files(c, c->snapshot);
	}
	keeper_free(&c->keeper);
	client_free(&c->client);
	wallet_unmap(&c->wallet);
	snapshot_unref(&c->snapshot);
	loop_free(&c->loop);
	shm_detach(&c->shm);
	return 0;
}

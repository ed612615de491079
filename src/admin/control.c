#include "admin/control.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/api.h"
#include "admin/control_priv.h"
#include "admin/live.h"
#include "admin/peer.h"
#include "admin/session.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/pass.h"
#include "crypto/digest.h"
#include "door/door.h"
#include "httpio/client.h"
#include "httpio/server.h"
#include "io/tls_server.h"
#include "io/loop.h"
#include "model/ident.h"
#include "model/ipc.h"
#include "route/live.h"
#include "shm/key.h"
#include "store/store.h"

enum {
	BODY_MAX = 1024 * 1024,
	BODIES_MAX = 64 * BODY_MAX,
	STRANGERS_MAX = 4 * BODY_MAX, /* of these, who has not signed in */
	CONNS_MAX = 1024,
	LEAVE_MS = 2000,
	IDEM_MAX = 200
};

static struct control control;
static struct io alive;

/* The file's number; 0: it is not there. */
static uint64_t
number_of(const char *dir, const char *name)
{
	struct buf path = { 0 };
	struct stat st;
	bool good;

	buf_fmt(&path, "%s/%s", dir, name);
	good = stat(buf_cstr(&path), &st) == 0;
	buf_fini(&path);
	return good ? (uint64_t)st.st_ino : 0;
}

static void
number_store(const struct control *c, uint64_t out[STORE_FILES])
{
	static const char *const names[STORE_FILES] = { "store.db",
		"store.db-wal", "store.db-shm" };
	size_t i;

	for (i = 0; i < STORE_FILES; i++)
		out[i] = number_of(c->snapshot->data_dir, names[i]);
}

/* A store that was made again is not the one that the seal lets us open; our
 * successor's will.  (The seal holds the old one: its number is not reused.) */
static void
leave_for_store(struct control *c)
{
	uint64_t now[STORE_FILES];

	number_store(c, now);
	if (c->leaving || memcmp(now, c->store_is, sizeof(now)) == 0)
		return;
	log_info("the store is another one: I start again");
	c->leaving = true;
}

struct store *
control_store(struct control *c)
{
	struct buf path = { 0 };
	struct store *s;

	buf_fmt(&path, "%s/store.db", c->snapshot->data_dir);
	if (store_open_read(buf_cstr(&path), &s) != FAULT_NONE) {
		leave_for_store(c);
		s = NULL;
	}
	buf_fini(&path);
	return s;
}

/* --- who asks --------------------------------------------------------- */

struct slice
control_credential(const struct http_head *h)
{
	static const struct slice scheme = S_INIT("bearer ");
	struct slice v = slice_trim(http_value(h, S("authorization")));

	if (v.len <= scheme.len ||
	    !slice_ieq((struct slice){ v.p, scheme.len }, scheme))
		return S("");
	return slice_trim(
	    (struct slice){ v.p + scheme.len, v.len - scheme.len });
}

static bool
is_token(const struct control *c, struct slice v)
{
	const size_t len = strlen(c->token);

	return len > 0 && v.len == len && digest_equal(v.p, c->token, len);
}

enum fault
control_role(const struct control *c, struct slice v, enum role *role)
{
	const struct shm_key *k;
	uint8_t sum[DIGEST_LEN];
	struct slice secret;
	uint64_t id;

	*role = ROLE_ADMIN;
	if (is_token(c, v))
		return FAULT_NONE;
	if (!key_parse(v, &id, &secret))
		return FAULT_KEY;
	digest_of(secret, sum);
	k = key_find(&c->shm, id);
	if (k == NULL || !digest_equal(sum, k->secret_sha256, sizeof(sum)) ||
	    !key_live(k, clock_wall_ns()))
		return FAULT_KEY;
	if (!k->is_admin)
		*role = ROLE_NONE;
	return FAULT_NONE;
}

static enum fault
authorize(
    const struct control *c, const struct http_head *h, const struct route *r)
{
	enum role role;
	enum fault f;

	if (r->role == ROLE_NONE)
		return FAULT_NONE;
	if (http_find(h, S("authorization")) != NULL)
		f = control_role(c, control_credential(h), &role);
	else
		f = session_role(c, h, &role);
	if (f == FAULT_NONE && role < r->role)
		f = FAULT_FORBIDDEN;
	return f;
}

/* --- requests ------------------------------------------------------------ */

static void
then_run(struct api *a, const struct json *answer)
{
	if (api_agreed(answer))
		a->route->run(a);
	else
		api_fail_as_told(a, answer);
}

static bool
read_body(struct api *a)
{
	struct json *body;

	if (a->x->body.len == 0)
		return true;
	if (json_parse(&a->arena, a->x->body, &body) != FAULT_NONE)
		return false;
	a->body = body;
	return true;
}

/*
 * A key means the same only from the same caller to the same path, and only
 * with the same body: the recorder compares the second digest.
 */
static bool
read_idempotency(struct api *a)
{
	const struct http_head *h = a->x->head;
	const struct slice key = http_value(h, S("idempotency-key"));
	const struct slice nul = { "", 1 };
	uint8_t sum[DIGEST_LEN];
	char text[2 * DIGEST_HEX + 2];
	struct digest d;

	if (key.len > IDEM_MAX)
		return false;
	if (key.len == 0)
		return true;
	digest_of(http_find(h, S("authorization")) != NULL
		      ? control_credential(h)
		      : session_token(h),
	    sum);
	digest_init(&d);
	digest_add(&d, (struct slice){ (const char *)sum, sizeof(sum) });
	digest_add(&d, h->method);
	digest_add(&d, nul);
	digest_add(&d, http_path(h));
	digest_add(&d, nul);
	digest_add(&d, key);
	digest_end(&d, sum);
	digest_hex(sum, text);
	text[DIGEST_HEX] = '.';
	digest_of(a->x->body, sum);
	digest_hex(sum, text + DIGEST_HEX + 1);
	a->idempotency = arena_copy(&a->arena, slice_of(text));
	return true;
}

static void
no_route(struct api *a)
{
	struct buf methods = { 0 };

	route_methods(http_path(a->x->head), &methods);
	a->allow = arena_copy(&a->arena, buf_slice(&methods));
	buf_fini(&methods);
	api_fail(a, a->allow.len > 0 ? FAULT_METHOD : FAULT_PATH, NULL);
}

static void
on_request(struct exchange *x)
{
	struct control *c = server_user(x);
	struct api *a = NEW(struct api);
	enum fault f;

	a->c = c;
	a->x = x;
	x->user = a;
	a->query = http_query(x->head);
	a->if_match = http_value(x->head, S("if-match"));
	a->route = route_find(x->head->method, http_path(x->head), &a->segment);
	if (a->route == NULL) {
		no_route(a);
		return;
	}
	f = authorize(c, x->head, a->route);
	if (f == FAULT_NONE && !read_body(a))
		f = FAULT_JSON;
	if (f == FAULT_NONE && !read_idempotency(a))
		api_fail(a, FAULT_FIELD, "the idempotency key is too long");
	else if (f != FAULT_NONE)
		api_fail(a, f, NULL);
	else if (a->route->fresh)
		api_ask(a, c->recorder, S("\"op\":\"barrier\""), then_run);
	else
		a->route->run(a);
}

/* Nobody who may not ask makes us keep a body, but to sign in. */
static enum fault
on_head(struct exchange *x, const struct http_head *head)
{
	struct control *c = server_user(x);
	struct slice segment;
	const struct route *r =
	    route_find(head->method, http_path(head), &segment);

	if (r == NULL)
		return FAULT_PATH;
	if (r->role == ROLE_NONE)
		x->share = &c->strangers;
	return authorize(c, head, r);
}

static void
on_bad(struct exchange *x, enum fault why)
{
	struct api *a = NEW(struct api);

	a->c = server_user(x);
	a->x = x;
	if (why == FAULT_PATH)
		no_route(a);
	else
		api_fail(a, why, NULL);
}

static void
on_drain(struct exchange *x)
{
	(void)x;
}

static void
on_gone(struct exchange *x)
{
	struct api *a = x->user;

	x->user = NULL;
	exchange_abort(x);
	if (a == NULL)
		return;
	a->x = NULL;
	if (a->on_left != NULL)
		a->on_left(a);
}

static const struct server_ops ops = {
	.on_head = on_head,
	.on_request = on_request,
	.on_bad = on_bad,
	.on_drain = on_drain,
	.on_gone = on_gone,
};

/* --- the other processes ------------------------------------------------- */

/* Connections that are there keep the certificates they began with. */
static bool
serve_tls(struct control *c, const struct snapshot *s)
{
	struct tls_server *door;

	if (!door_new(&s->admin_door, &c->shm, &door))
		return false;
	server_tls(c->server, door);
	tls_server_unref(&door);
	return true;
}

static void
on_supervisor(void *arg, const struct json *message, int fd)
{
	struct control *c = arg;
	struct slice op = json_get_str(message, "op");
	struct snapshot *fresh;
	bool ok;

	if (slice_eq(op, S("config"))) {
		ok = fd >= 0 && ipc_config_read(fd, &fresh) == FAULT_NONE;
		if (ok && !serve_tls(c, fresh)) {
			snapshot_unref(&fresh);
			ok = false;
		}
		if (ok) {
			live_attach(fresh, &c->shm);
			snapshot_unref(&c->snapshot);
			c->snapshot = fresh;
		}
		peer_send(c->supervisor,
		    ok ? S("{\"ok\":true}") : S("{\"ok\":false}"));
	} else if (slice_eq(op, S("drain"))) {
		c->leaving = true;
	}
	if (fd >= 0)
		close(fd);
}

static void
on_recorder(void *arg, const struct json *message, int fd)
{
	(void)arg;
	(void)message;
	if (fd >= 0)
		close(fd);
}

/* The supervisor is gone: so are we. */
static void
on_alive(struct io *io, unsigned events)
{
	char byte;

	(void)events;
	if (read(io->fd, &byte, 1) == 0)
		control.leaving = true;
}

/* --- life ----------------------------------------------------------------- */

/* The local credential that the supervisor left beside the books. */
static void
read_token(struct control *c)
{
	struct buf path = { 0 };
	ssize_t n;
	int fd;

	buf_fmt(&path, "%s/admin.token", c->snapshot->data_dir);
	fd = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC);
	buf_fini(&path);
	if (fd < 0)
		return;
	n = read(fd, c->token, sizeof(c->token) - 1);
	close(fd);
	while (n > 0 && (c->token[n - 1] == '\n' || c->token[n - 1] == ' '))
		n--;
	c->token[n > 0 ? n : 0] = '\0';
}

static void
open_all(struct control *c, void (*seal)(const struct snapshot *conf))
{
	struct server_limits limits = server_limits_default;

	if (shm_attach(FD_SHM, &c->shm) != FAULT_NONE)
		fatal("the shared tables are of another build");
	if (ipc_config_read(FD_CONFIG, &c->snapshot) != FAULT_NONE)
		fatal("the compiled configuration cannot be read");
	close(FD_CONFIG);
	live_attach(c->snapshot, &c->shm);
	read_token(c);
	c->loop = loop_new();
	c->sessions = sessions_new();
	pass_nonblocking(FD_CTL);
	c->supervisor = peer_new(c->loop, FD_CTL, on_supervisor, c);
	pass_nonblocking(FD_PEER);
	c->recorder = peer_new(c->loop, FD_PEER, on_recorder, c);
	pass_nonblocking(FD_ALIVE);
	loop_add(c->loop, &alive, FD_ALIVE, on_alive);
	pass_nonblocking(FD_LISTEN);
	limits.max_body = BODY_MAX;
	limits.max_bodies = BODIES_MAX;
	limits.max_share = STRANGERS_MAX;
	limits.max_conns = CONNS_MAX;
	limits.excess_conns = CONNS_MAX / 8;
	limits.min_rate = c->snapshot->min_rate;
	c->server = server_new(c->loop, FD_LISTEN, &ops, &limits, c);
	if (!serve_tls(c, c->snapshot))
		fatal("the listener's certificates cannot be used");
	c->client = client_new(c->loop, &client_limits_default);
	number_store(c, c->store_is);
	seal(c->snapshot);
}

int
control_main(void (*seal)(const struct snapshot *conf))
{
	struct control *c = &control;
	int64_t leave_at;

	signal(SIGPIPE, SIG_IGN);
	open_all(c, seal);
	while (!c->leaving)
		loop_turn(c->loop, -1);
	live_free(&c->live);
	server_drain(c->server);
	leave_at = loop_now(c->loop) + LEAVE_MS * NS_PER_MS;
	while (server_open(c->server) > 0 && loop_now(c->loop) < leave_at)
		loop_turn(c->loop, 50 * NS_PER_MS);
	peer_free(&c->recorder);
	peer_free(&c->supervisor);
	server_free(&c->server);
	client_free(&c->client);
	sessions_free(&c->sessions);
	snapshot_unref(&c->snapshot);
	loop_free(&c->loop);
	shm_detach(&c->shm);
	return 0;
}

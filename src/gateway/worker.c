/*
 * worker.c - the role that serves calls: one loop, its tables, its end
 */
#include "gateway/worker.h"

#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/pass.h"
#include "crypto/digest.h"
#include "door/door.h"
#include "gateway/authn.h"
#include "gateway/counts.h"
#include "gateway/crash.h"
#include "gateway/send.h"
#include "gateway/stages.h"
#include "gateway/worker_priv.h"
#include "httpio/client.h"
#include "httpio/server.h"
#include "io/tls.h"
#include "io/tls_server.h"
#include "journal/writer.h"
#include "model/ipc.h"
#include "route/live.h"

enum {
	TURN_MS = 200,
	CROWD = 20, /* calls under way at once */
	FEW = 4,    /* at most so many are lingered for: LOOP_LINGERS */
	CROWD_TURNS = 64,
	TIMER_SLACK_NS = 1000,
	KEEP_BLOCK = 1024 * 1024,
	KEEP_TOP = 32 * 1024 * 1024,
	KEEP_PAD = 256 * 1024
};

#define TRIM_NS (200 * NS_PER_MS)

/* One process is one worker. */
static struct worker worker;
static struct io ctl, alive;

int64_t
worker_wall_ns(const struct worker *w)
{
	return loop_now(w->loop) + w->wall_offset_ns;
}

void
worker_count(struct worker *w, enum counter c, uint64_t more)
{
	_Atomic uint64_t *at = &w->shm.slots[w->slot].counters[c];

	if (more > 0)
		atomic_store_explicit(at,
		    atomic_load_explicit(at, memory_order_relaxed) + more,
		    memory_order_relaxed);
}

bool
worker_has_room(const struct worker *w, size_t more)
{
	const size_t kept = w->buffered + more;

	return kept <= w->buffered_max &&
	       kept + server_owed(w->server) <= w->buffered_max / 2 * 3;
}

void
worker_heed(const struct worker *w)
{
	if (atomic_load_explicit(
		&w->shm.slots[w->slot].condemned, memory_order_relaxed) == 0)
		return;
	log_error("the recorder refuses what this worker writes");
	_exit(1);
}

/* --- exchanges ------------------------------------------------------------ */

/* Nobody without a key makes us keep a body. */
static enum fault
on_head(struct exchange *x, const struct http_head *head)
{
	const struct worker *w = server_user(x);
	const struct shm_key *key;
	enum fault f;

	if (w->overload.level == OVERLOAD_FULL)
		return FAULT_OVERLOAD;
	f = authn_head(w, head, &key);
	if (f != FAULT_NONE)
		return f;
	x->share = &w->bodies_by_key[key - w->shm.keys];
	return x->share->n < w->snapshot->max_open_per_key ? FAULT_NONE
							   : FAULT_CROWD;
}

static void
on_request(struct exchange *x)
{
	req_start(server_user(x), x);
}

static void
on_bad(struct exchange *x, enum fault why)
{
	req_bad_http(server_user(x), x, why);
}

static void
on_drain(struct exchange *x)
{
	if (x->user != NULL)
		req_wake(x->user, WAKE_DRAIN);
}

static void
on_gone(struct exchange *x)
{
	struct req *req = x->user;

	x->user = NULL;
	if (req == NULL) {
		exchange_abort(x);
		return;
	}
	req_leave(req);
	req_wake(req, WAKE_GONE);
}

static void
on_note(void *user, enum server_note what, const char *peer)
{
	static const enum counter counter[] = {
		[SERVER_H2_OPEN] = COUNTER_H2_OPENED,
		[SERVER_H2_REQUEST] = COUNTER_H2_REQUESTS,
		[SERVER_H2_FLOOD] = COUNTER_H2_FLOODS,
		[SERVER_H2_RESETS] = COUNTER_H2_RESETS,
		[SERVER_H2_HEAD] = COUNTER_H2_HEADS,
	};
	struct worker *w = user;

	worker_count(w, counter[what], 1);
	if (what >= SERVER_H2_FLOOD)
		counts_network(w->counts, slice_of(peer), FAULT_H2_ABUSE);
}

static void
on_want(void *user)
{
	const struct worker *w = user;

	client_close_idle(w->client);
}

static const struct server_ops server_ops = {
	.on_head = on_head,
	.on_request = on_request,
	.on_bad = on_bad,
	.on_drain = on_drain,
	.on_gone = on_gone,
	.on_note = on_note,
	.on_want = on_want,
};

/* --- configuration -------------------------------------------------------- */

static void
answer_ctl(bool ok)
{
	static const char yes[] = "{\"ok\":true}", no[] = "{\"ok\":false}";

	if (send(ctl.fd, ok ? yes : no, ok ? sizeof(yes) - 1 : sizeof(no) - 1,
		MSG_NOSIGNAL) < 0)
		log_warn("the supervisor does not listen");
}

static struct server_limits
limits_of(const struct snapshot *s)
{
	struct server_limits limits = server_limits_default;

	limits.max_body = s->max_body;
	limits.min_rate = s->min_rate;
	limits.excess_conns = s->max_conns / 8 + 1;
	if (limits.max_bodies > worker.overload.most / 2)
		limits.max_bodies = worker.overload.most / 2;
	if (limits.max_bodies < 4 * limits.max_body)
		limits.max_bodies = 4 * limits.max_body;
	limits.max_share = limits.max_bodies / 2;
	limits.max_conns = s->max_conns;
	limits.max_streams = s->max_streams;
	return limits;
}

/* The first call to a provider must not wait for certificates to be read. */
static void
preload_trust(struct worker *w)
{
	const struct snapshot *s = w->snapshot;
	unsigned i;

	for (i = 0; i < s->nproviders; i++) {
		const struct provider_conf *p = &s->provider[i];
		const struct tls_terms terms = { .ca = p->ca_pem };

		if (p->tls &&
		    client_preload(w->client, NULL, &terms) != FAULT_NONE)
			log_warn("provider %s: its CA certificates cannot be "
				 "read",
			    p->id);
	}
}

/* Connections that are there keep the certificates they began with. */
static bool
serve_tls(struct worker *w, const struct snapshot *s)
{
	struct tls_server *door;

	if (!door_new(&s->gateway_door, &w->shm, &door))
		return false;
	server_tls(w->server, door);
	tls_server_unref(&door);
	return true;
}

static void
reload(struct worker *w, int fd)
{
	struct server_limits limits;
	struct snapshot *fresh;

	if (fd < 0 || ipc_config_read(fd, &fresh) != FAULT_NONE) {
		answer_ctl(false);
		return;
	}
	if (!serve_tls(w, fresh)) {
		snapshot_unref(&fresh);
		answer_ctl(false);
		return;
	}
	live_attach(fresh, &w->shm);
	snapshot_unref(&w->snapshot);
	w->snapshot = fresh;
	preload_trust(w);
	limits = limits_of(fresh);
	server_limit(w->server, &limits);
	answer_ctl(true);
}

static void
drain(struct worker *w)
{
	if (w->draining)
		return;
	w->draining = true;
	server_drain(w->server);
	/* The last one to close it lets newcomers hear that nobody listens. */
	close(FD_LISTEN);
}

static void
on_message(struct worker *w, struct slice text, int fd)
{
	struct arena a = { 0 };
	struct slice op;
	struct json *j;

	if (json_parse(&a, text, &j) == FAULT_NONE) {
		op = json_get_str(j, "op");
		if (slice_eq(op, S("config")))
			reload(w, fd);
		else if (slice_eq(op, S("drain")))
			drain(w);
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
		on_message(&worker, (struct slice){ text, (size_t)n }, fd);
}

/* The supervisor is gone: finish what runs, then leave. */
static void
on_alive(struct io *io, unsigned events)
{
	char c;

	(void)events;
	if (read(io->fd, &c, 1) == 0)
		drain(&worker);
}

/* --- life ----------------------------------------------------------------- */

static void
open_server(struct worker *w)
{
	const struct server_limits limits = limits_of(w->snapshot);

	pass_nonblocking(FD_LISTEN);
	w->server = server_new(w->loop, FD_LISTEN, &server_ops, &limits, w);
	if (!serve_tls(w, w->snapshot))
		fatal("the listener's certificates cannot be used");
}

static void
give(void *user)
{
	const struct worker *w = user;

	(void)server_make_room(w->server);
}

enum { WIDE_PART = 16 }; /* of its memory, for windows of HTTP/2 */

/* All that may be under way may be at one provider. */
static void
open_client(struct worker *w)
{
	struct client_limits limits = client_limits_default;

	if (limits.max_conns < w->snapshot->max_open_requests)
		limits.max_conns = w->snapshot->max_open_requests;
	limits.max_wide = w->overload.most / WIDE_PART;
	w->client = client_new(w->loop, &limits);
	client_on_want(w->client, give, w);
}

static void
open_all(struct worker *w, uint32_t slot)
{
	if (shm_attach(FD_SHM, &w->shm) != FAULT_NONE)
		fatal("the shared tables are of another build");
	if (!wallet_map(FD_WALLET, false, &w->wallet))
		fatal("the wallet cannot be mapped");
	close(FD_WALLET);
	if (ipc_config_read(FD_CONFIG, &w->snapshot) != FAULT_NONE)
		fatal("the compiled configuration cannot be read");
	close(FD_CONFIG);
	live_attach(w->snapshot, &w->shm);
	w->slot = w->shm.slot = slot;
	random_bytes(&w->random, sizeof(w->random));
	random_bytes(&w->salt, sizeof(w->salt));
	w->random |= 1;
	overload_open(
	    &w->overload, w->snapshot->max_memory, w->snapshot->workers);
	w->buffered_max = w->overload.most / 2;
	w->by_key = mem_grow(NULL, w->shm.sizes.keys * sizeof(*w->by_key));
	memset(w->by_key, 0, w->shm.sizes.keys * sizeof(*w->by_key));
	w->bodies_by_key =
	    mem_new(w->shm.sizes.keys * sizeof(*w->bodies_by_key));
	req_memory_init(w);
	w->loop = loop_new();
	w->journal = journal_open(&w->shm, slot);
	w->ledger = ledger_new(&w->shm);
	open_client(w);
	client_keep_system(w->client);
	w->counts = counts_new(w->loop, w->journal, w->salt);
	pass_nonblocking(FD_CTL);
	loop_add(w->loop, &ctl, FD_CTL, on_ctl);
	pass_nonblocking(FD_ALIVE);
	loop_add(w->loop, &alive, FD_ALIVE, on_alive);
	preload_trust(w);
	open_server(w);
}

/* What has not ended in time is cut, settled and recorded like any other. */
static void
cut_all(struct worker *w)
{
	struct req *req, *next;

	for (req = w->reqs; req != NULL; req = next) {
		next = req->next;
		if (req->x != NULL)
			req->x->user = NULL;
		req_leave(req);
		req_wake(req, WAKE_GONE);
	}
}

/*
 * As long as memory is short callers' idle connections and heads that are half
 * here go, for others come; those to providers when it becomes short, and while
 * it is used up.
 */
static void
weigh(struct worker *w)
{
	static const char *const words[] = { "enough", "short", "used up" };
	const enum overload_level level = w->overload.level;
	const bool other = level != w->weighed;

	if (other)
		log_warn("memory is %s", words[level]);
	w->weighed = level;
	server_tight(w->server, level != OVERLOAD_NONE);
	if (level == OVERLOAD_NONE)
		return;
	server_close_idle(w->server);
	if (other || level == OVERLOAD_FULL)
		client_close_idle(w->client);
}

static void
trim(struct worker *w)
{
	if (loop_now(w->loop) < w->trim_ns)
		return;
	w->trim_ns = loop_now(w->loop) + TRIM_NS;
	req_memory_trim(w);
}

/* Whether many calls were under way at once, of late. */
static bool
crowded(struct worker *w)
{
	const uint32_t open = w->open * CROWD_TURNS;

	if (w->crowd < open)
		w->crowd = open;
	else
		w->crowd -= (w->crowd - open) / CROWD_TURNS;
	return w->crowd >= CROWD * CROWD_TURNS;
}

static enum loop_wait
how_to_wait(struct worker *w)
{
	if (crowded(w))
		return LOOP_GATHERS;
	return w->open <= FEW ? LOOP_LINGERS : LOOP_SLEEPS;
}

static void
run(struct worker *w)
{
	int64_t cut_at = 0;
	bool cut = false;

	for (;;) {
		w->wall_offset_ns = clock_wall_ns() - clock_mono_ns();
		loop_wait_how(w->loop, how_to_wait(w));
		loop_turn(w->loop, TURN_MS * NS_PER_MS);
		shm_heartbeat(&w->shm, loop_now(w->loop));
		worker_heed(w);
		if (overload_look(&w->overload, loop_now(w->loop),
			slab_used(&w->memory) + slab_used(&w->desks)))
			weigh(w);
		trim(w);
		if (!w->draining)
			continue;
		if (cut_at == 0)
			cut_at = loop_now(w->loop) + w->snapshot->drain_ns;
		if (w->reqs == NULL && server_open(w->server) == 0)
			return;
		if (!cut && loop_now(w->loop) >= cut_at) {
			cut = true;
			cut_all(w);
		}
		if (cut && w->reqs == NULL)
			return;
	}
}

/*
 * A body of tens of KiB comes and goes with each request: giving its pages
 * back to the kernel every time costs more than the copy (measured: a fifth
 * of a 32 KiB request).
 */
static void
keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, KEEP_BLOCK);
	mallopt(M_TRIM_THRESHOLD, KEEP_TOP);
	mallopt(M_TOP_PAD, KEEP_PAD);
}

int
worker_main(uint32_t slot, void (*seal)(const struct snapshot *conf))
{
	struct worker *w = &worker;

	signal(SIGPIPE, SIG_IGN);
	/* The kernel's 50 us would be half as long again as LOOP_GATHERS. */
	prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
	keep_memory();
	open_all(w, slot);
	crash_watch(w);
	seal(w->snapshot);
	log_info("serving");
	run(w);
	counts_free(&w->counts);
	map64_fini(&w->tags);
	server_free(&w->server);
	leg_end_all();
	client_free(&w->client);
	journal_close(&w->journal);
	ledger_free(&w->ledger);
	snapshot_unref(&w->snapshot);
	loop_free(&w->loop);
	req_memory_fini(w);
	mem_free(w->by_key);
	mem_free(w->bodies_by_key);
	wallet_unmap(&w->wallet);
	shm_detach(&w->shm);
	return 0;
}

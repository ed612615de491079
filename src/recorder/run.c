#include "recorder/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/notary.h"
#include "base/clock.h"
#include "base/log.h"
#include "recorder/control_priv.h"
#include "recorder/state.h"
#include "shm/atomic.h"

enum { LOCK_POLL_US = 50000 };

enum { MORE_MS = 5, PAUSE_MS = 10, SYNC_MS = 1 };

static const int64_t flush_every_ns = 10 * NS_PER_MS;
static const int64_t commit_every_ns = NS_PER_S;
/* After so long a checkpoint waits for no quiet turn. */
static const int64_t checkpoint_late_ns = 10 * NS_PER_S;

/* --- opening
 * -------------------------------------------------------------------*/

static char *
path_in(const char *dir, const char *name)
{
	struct buf b = { 0 };
	char *path;

	buf_fmt(&b, "%s/%s", dir, name);
	path = mem_dup(buf_slice(&b));
	buf_fini(&b);
	return path;
}

/* Another recorder may still be at its last work: it is waited for. */
static enum fault
lock(struct recorder *r)
{
	char *path = path_in(r->data_dir, "lock");
	enum fault fault = FAULT_NONE;

	r->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (r->lock_fd < 0) {
		log_error("%s: %s", path, strerror(errno));
		fault = FAULT_DISK;
	} else if (flock(r->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		log_warn(
		    "waiting for another instance to leave %s", r->data_dir);
		do {
			shm_heartbeat(r->m, clock_mono_ns());
			(void)usleep(LOCK_POLL_US);
		} while (flock(r->lock_fd, LOCK_EX | LOCK_NB) != 0);
	}
	mem_free(path);
	return fault;
}

/* A damaged store is put aside: the log has everything but names. */
static enum fault
open_store(struct recorder *r)
{
	char *path = path_in(r->data_dir, "store.db");
	struct buf aside = { 0 };
	enum fault fault = store_open(path, &r->store);

	if (fault == FAULT_DATA) {
		buf_fmt(&aside, "%s.damaged-%lld", path,
		    (long long)(clock_wall_ns() / NS_PER_S));
		log_error("the store is damaged: moved to %s; it is made "
			  "again from the log, without the names of keys",
		    buf_cstr(&aside));
		if (rename(path, buf_cstr(&aside)) == 0)
			fault = store_open(path, &r->store);
		buf_fini(&aside);
	}
	if (fault != FAULT_NONE)
		log_error("%s: the store cannot be opened", path);
	mem_free(path);
	if (fault != FAULT_NONE)
		return fault;
	fault = commit_load(r);
	if (fault != FAULT_NONE)
		log_error(
		    "the store cannot be read: %s", store_error(r->store));
	return fault;
}

static void
on_step(void *arg, const char *where)
{
	recorder_step(arg, where);
}

static void
on_flushed(void *arg, struct slice frames, uint64_t at)
{
	struct recorder *r = arg;

	notary_flushed(r->notary, frames, at);
}

static enum fault
open_log(struct recorder *r, uint64_t *torn, uint64_t *lost)
{
	const struct log_conf conf = { .dir = r->log_dir,
		.node = r->m->head->node,
		.boot = r->m->head->boot,
		.rotate = r->rotate,
		.at_least = r->applied,
		.disk = r->disk,
		.flushed = on_flushed,
		.arg = r };
	const enum fault fault = log_open(&conf, &r->log, torn, lost);

	if (fault != FAULT_NONE)
		log_error("%s: the log cannot be opened: %s", r->log_dir,
		    strerror(errno));
	return fault;
}

static void
on_beat(void *arg)
{
	const struct recorder *r = arg;

	shm_heartbeat(r->m, clock_mono_ns());
}

static enum fault
open_audit(struct recorder *r)
{
	const struct notary_conf conf = { .data_dir = r->data_dir,
		.node = r->m->head->node,
		.durable = log_durable(r->log),
		.beat = on_beat,
		.step = r->step != NULL ? on_step : NULL,
		.arg = r };

	return notary_open(&conf, &r->notary);
}

/* Signs what is due; trouble becomes an entry of the log, once. */
static bool
audit_turn(struct recorder *r, int64_t now)
{
	const bool more = notary_turn(r->notary, log_durable(r->log), now);
	const enum notary_trouble t = notary_trouble(r->notary);

	if (t != NOTARY_GOOD && !r->notary_told) {
		r->notary_told = true;
		own_incident(r, INCIDENT_AUDIT, 3,
		    (uint64_t[]){ (uint64_t)t, notary_size(r->notary),
			notary_place(r->notary) });
	}
	return more;
}

/* Many frames: the store keeps up, so that memory does not grow. */
static void
commit_when_large(struct recorder *r)
{
	/* A fault is said by itself, and everything stays to be stored. */
	if (r->dirty_rows > ROWS_MAX && commit_all(r) != FAULT_NONE)
		log_warn("the store does not keep up");
	shm_heartbeat(r->m, clock_mono_ns());
}

static enum fault
replay(struct recorder *r, uint64_t *damaged)
{
	struct log_reader *in;
	struct frame f;
	enum fault fault = log_reader_open(r->log_dir, r->replay, &in);
	uint64_t at, n = 0;
	const char *why;

	*damaged = 0;
	if (fault == FAULT_NOT_FOUND)
		return FAULT_NONE;
	if (fault != FAULT_NONE)
		return fault;
	while ((fault = log_next(in, &f, &at)) != FAULT_PENDING) {
		if (fault == FAULT_DISK)
			break;
		if (fault == FAULT_DATA) {
			log_error("the log is damaged at %llu",
			    (unsigned long long)at);
			++*damaged;
			continue;
		}
		if (apply_frame(r, &f, at, &why) != FAULT_NONE &&
		    at >= r->applied) {
			log_error("log frame at %llu: %s",
			    (unsigned long long)at, why);
			++*damaged;
		}
		if (++n % 4096 == 0)
			commit_when_large(r);
	}
	log_reader_close(&in);
	if (n > 0)
		log_info("read %llu frames again", (unsigned long long)n);
	return fault == FAULT_PENDING ? FAULT_NONE : fault;
}

static void
report(struct recorder *r, uint64_t torn, uint64_t lost, uint64_t damaged)
{
	if (torn > 0)
		own_incident(r, INCIDENT_LOG_TORN, 2,
		    (uint64_t[]){ log_durable(r->log), torn });
	if (lost > 0)
		own_incident(r, INCIDENT_LOG_LOST, 2,
		    (uint64_t[]){ lost, log_durable(r->log) });
	if (damaged > 0)
		own_incident(
		    r, INCIDENT_LOG_DAMAGED, 1, (uint64_t[]){ damaged });
}

static void
begin_journal(struct recorder *r)
{
	const struct shm_slot *s = &r->m->slots[r->own];

	r->name = (struct journal_name){ .node = r->m->head->node,
		.boot = r->m->head->boot,
		.slot = (uint16_t)r->own,
		.incarnation = (uint16_t)at_load(&s->incarnation) };
	r->seq = cursor_get(r, &r->name)->seq;
	if (r->seq == 0)
		own_opening(r);
}

/* From here on the tables of the node say what the books say. */
static enum fault
take_over(struct recorder *r)
{
	enum fault fault;

	control_keys_end(r);
	nouns_publish(r);
	(void)drain_all(r, NULL);
	repair_all(r);
	repair_orphans(r);
	fault = commit_all(r);
	if (fault != FAULT_NONE)
		return fault;
	calendar_turn(r, clock_wall_ns(), clock_mono_ns());
	at_store(&r->m->head->recorder_ready, 1);
	return FAULT_NONE;
}

static enum fault
start(struct recorder *r)
{
	uint64_t torn = 0, lost = 0, damaged = 0;
	enum fault fault = lock(r);
	bool made_again;

	if (fault == FAULT_NONE)
		fault = open_store(r);
	if (fault == FAULT_NONE)
		fault = open_log(r, &torn, &lost);
	if (fault == FAULT_NONE)
		fault = open_audit(r);
	made_again = r->applied == 0;
	r->replaying = true;
	if (fault == FAULT_NONE)
		fault = replay(r, &damaged);
	r->replaying = false;
	if (fault != FAULT_NONE)
		return fault;
	if (made_again)
		nouns_say_lost(r);
	r->place = log_end(r->log);
	begin_journal(r);
	report(r, torn, lost, damaged);
	/* What is left of the log must say what its frames mean. */
	if (lost > 0 && r->snapshot != NULL &&
	    config_find(r, r->snapshot->generation) != NULL)
		own_generation(r, r->snapshot);
	if (r->snapshot != NULL) {
		fault = recorder_config(r, r->snapshot);
		if (fault != FAULT_NONE)
			return fault;
	}
	return take_over(r);
}

enum fault
recorder_open(const struct recorder_conf *conf, struct recorder **out)
{
	struct recorder *r = NEW(struct recorder);
	enum fault fault;

	CHECK(conf->m->slot < conf->m->sizes.slots);
	*out = NULL;
	r->m = conf->m;
	r->own = conf->m->slot;
	r->data_dir = mem_dup(slice_of(conf->data_dir));
	r->log_dir = path_in(conf->data_dir, "log");
	r->disk = conf->disk;
	r->rotate = conf->rotate;
	r->step = conf->step;
	r->step_arg = conf->step_arg;
	r->lock_fd = -1;
	r->next_window_ns = INT64_MAX;
	slab_init(&r->request_slab, sizeof(struct request));
	slab_init(&r->attempt_slab, sizeof(struct attempt));
	if (conf->snapshot != NULL)
		r->snapshot = snapshot_ref(conf->snapshot);
	fault = start(r);
	if (fault != FAULT_NONE) {
		recorder_close(&r);
		return fault;
	}
	*out = r;
	return FAULT_NONE;
}

void
recorder_close(struct recorder **rp)
{
	struct recorder *r = *rp;

	if (r == NULL)
		return;
	*rp = NULL;
	drain_close(r);
	notary_close(&r->notary);
	log_close(&r->log);
	if (r->store != NULL)
		commit_forget(r);
	store_close(&r->store);
	requests_free(r);
	books_free(r);
	nouns_free(r);
	pledges_free(r);
	calendar_free(r);
	if (r->snapshot != NULL)
		snapshot_unref(&r->snapshot);
	if (r->lock_fd >= 0)
		close(r->lock_fd);
	mem_free(r->data_dir);
	mem_free(r->log_dir);
	mem_free(r);
}

/* --- turns
 * ----------------------------------------------------------------------*/

static bool
flush_due(const struct recorder *r, int64_t now)
{
	return log_end(r->log) != log_durable(r->log) &&
	       ((r->snapshot != NULL && r->snapshot->sync_always) ||
		   now - r->last_flush_ns >= flush_every_ns);
}

static bool
commit_due(const struct recorder *r, int64_t now)
{
	return (r->dirty || r->dirty_rows > 0) &&
	       (now - r->last_commit_ns >= commit_every_ns ||
		   r->dirty_rows > ROWS_MAX);
}

/* Until what a message's turn has drained is to be flushed. */
static int
flush_ms(const struct recorder *r)
{
	const int64_t left =
	    r->last_flush_ns + flush_every_ns - clock_mono_ns();

	if (log_end(r->log) == log_durable(r->log) || r->log_failing)
		return PAUSE_MS;
	return left > 0 ? (int)((left + NS_PER_MS - 1) / NS_PER_MS) : SYNC_MS;
}

int
recorder_pause_ms(const struct recorder *r, bool more)
{
	/* journal.sync: always: somebody waits for every frame. */
	if (r->snapshot != NULL && r->snapshot->sync_always)
		return SYNC_MS;
	return more ? MORE_MS : flush_ms(r);
}

/* Of a kind one a minute: a fault of ours is seldom one call's. */
static void
write_raised(struct recorder *r, int64_t now)
{
	static const enum incident_code code[] = { INCIDENT_SEEN_ELSEWHERE,
		INCIDENT_OURS };
	unsigned i;

	for (i = 0; i < NELEM(r->raised); i++) {
		struct raised *it = &r->raised[i];

		if (!it->due ||
		    (it->last_ns != 0 && now - it->last_ns < 60 * NS_PER_S))
			continue;
		it->due = false;
		it->last_ns = now;
		own_incident(r, code[i], 4, it->numbers);
	}
}

/* What the store need not be told at once: one thing a turn. */
static void
tidy_store(struct recorder *r, int64_t now, bool checkpoint)
{
	if (r->wal_dirty && checkpoint) {
		store_checkpoint(r->store);
		r->last_checkpoint_ns = now;
		r->wal_dirty = false;
	} else if (prune_turn(r, calendar_wall(r), now)) {
		r->wal_dirty = true;
	}
}

/* Under steady calls no turn is quiet: what waits for one comes here. */
static void
commit_turn(struct recorder *r, int64_t now)
{
	if (commit_all(r) != FAULT_NONE)
		return;
	balances_trim(r);
	slab_trim(&r->request_slab);
	slab_trim(&r->attempt_slab);
	r->wal_dirty = true;
	tidy_store(r, now, now - r->last_checkpoint_ns > checkpoint_late_ns);
}

bool
recorder_turn(struct recorder *r)
{
	int64_t now = clock_mono_ns();
	bool any, more;

	shm_heartbeat(r->m, now);
	any = drain_all(r, &more);
	if (flush_due(r, now))
		any = drain_flush(r) == FAULT_NONE || any;
	else if (r->unsynced_ns != 0)
		at_store(&r->m->head->unsynced_since_ns, r->unsynced_ns);
	else
		drain_free(r); /* frames that the log had already */
	if (commit_due(r, now))
		commit_turn(r, now);
	else if (!any)
		tidy_store(
		    r, now, now - r->last_commit_ns > commit_every_ns / 2);
	if (r->repair_due && !r->log_failing) {
		r->repair_due = false;
		repair_all(r);
	}
	calendar_turn(r, clock_wall_ns(), now);
	write_raised(r, now);
	return audit_turn(r, now) || more;
}

void
recorder_sign(struct recorder *r)
{
	notary_finish(r->notary, log_durable(r->log));
}

enum fault
recorder_barrier(struct recorder *r)
{
	while (drain_all(r, NULL))
		;
	return commit_all(r);
}

enum fault
recorder_config(struct recorder *r, struct snapshot *s)
{
	struct snapshot *was = r->snapshot;
	enum fault fault;

	if (config_find(r, s->generation) == NULL)
		own_generation(r, s);
	pledges_open(r, s);
	fault = commit_all(r);
	if (fault != FAULT_NONE)
		return fault;
	if (config_find(r, s->generation) == NULL)
		return FAULT_CONFIG;
	r->snapshot = snapshot_ref(s);
	r->dirty = true; /* the store says which is in force */
	if (was != NULL)
		snapshot_unref(&was);
	budget_check_models(r);
	return FAULT_NONE;
}

void
recorder_repair(struct recorder *r, uint32_t slot)
{
	if (slot >= r->m->sizes.slots)
		return;
	if (repair_dead(r, slot) != FAULT_NONE)
		r->repair_due = true;
}

/* --- the end
 * --------------------------------------------------------------------*/

/* Gone, or a zombie that nobody collects. */
static bool
process_gone(int32_t pid)
{
	char path[64], line[256];
	const char *at;
	FILE *f;
	bool zombie = false;

	if (pid <= 0)
		return true;
	if (kill(pid, 0) != 0 && errno == ESRCH)
		return true;
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return errno == ENOENT;
	if (fgets(line, sizeof(line), f) != NULL) {
		at = strrchr(line, ')');
		zombie = at != NULL && at[1] == ' ' &&
			 (at[2] == 'Z' || at[2] == 'X');
	}
	(void)fclose(f);
	return zombie;
}

bool
recorder_alone(struct recorder *r)
{
	bool alone = true;
	uint32_t s;

	for (s = 0; s < r->m->sizes.slots; s++) {
		struct shm_slot *slot = &r->m->slots[s];

		if (s == r->own || at_load(&slot->state) == SLOT_FREE)
			continue;
		if (at_load(&slot->state) == SLOT_LIVE) {
			if (!process_gone(at_load(&slot->pid))) {
				alone = false;
				continue;
			}
			shm_slot_dead(r->m, s);
		}
		if (repair_dead(r, s) != FAULT_NONE)
			alone = false;
	}
	return alone;
}

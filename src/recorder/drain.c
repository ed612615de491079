#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "recorder/state.h"
#include "shm/atomic.h"

/* Of one ring in one turn, so that none keeps the others waiting. */
enum { TURN_BYTES = 1024 * 1024 };

static const int64_t retry_ns = 100 * NS_PER_MS;

/* --- rings
 * ---------------------------------------------------------------------*/

/* The reader of this incarnation of a slot; a new one begins at the tail. */
static struct reader *
reader_get(struct recorder *r, uint32_t slot)
{
	const uint32_t incarnation = at_load(&r->m->slots[slot].incarnation);
	struct reader *d = &r->reader[slot];

	if (d->ring == NULL)
		d->ring = ring_open(r->m, slot);
	if (d->incarnation != incarnation) {
		d->incarnation = incarnation;
		d->at = ring_tail(d->ring);
		d->quarantined = false;
	}
	return d;
}

static struct journal_name
name_of(const struct recorder *r, uint32_t slot, uint32_t incarnation)
{
	return (struct journal_name){ .node = r->m->head->node,
		.boot = r->m->head->boot,
		.slot = (uint16_t)slot,
		.incarnation = (uint16_t)incarnation };
}

/*
 * Nothing more is taken from this incarnation.  It would refuse every call
 * once its ring is full: the supervisor puts another in its place.
 */
static void
quarantine(struct recorder *r, uint32_t slot, enum incident_code code,
    uint64_t a, uint64_t b)
{
	struct reader *d = &r->reader[slot];

	d->quarantined = true;
	at_store(&r->m->slots[slot].condemned, 1);
	own_incident(r, code, 4, (uint64_t[]){ slot, d->incarnation, a, b });
}

/* Bytes that are no frame, or a head where the ring cannot have one. */
static void
damaged(struct recorder *r, uint32_t slot)
{
	const struct reader *d = &r->reader[slot];
	const struct journal_name n = name_of(r, slot, d->incarnation);

	quarantine(
	    r, slot, INCIDENT_RING_DAMAGED, cursor_get(r, &n)->seq, d->at);
}

static bool
kind_of_worker(enum frame_kind kind)
{
	return kind == FRAME_INTENT || kind == FRAME_OUTCOME ||
	       kind == FRAME_FINAL || kind == FRAME_COUNT || kind == FRAME_OPEN;
}

/* One frame, copied out first: its writer may change it under our eyes. */
static bool
take(struct recorder *r, uint32_t slot, const struct frame *f,
    struct slice bytes)
{
	const struct journal_name want =
	    name_of(r, slot, r->reader[slot].incarnation);
	struct cursor *c = cursor_get(r, &want);
	const char *why = "it is not its journal's";

	if (memcmp(&f->name, &want, sizeof(want)) == 0 && f->seq <= c->seq)
		return true; /* the log has it already */
	if (memcmp(&f->name, &want, sizeof(want)) == 0 &&
	    f->seq != c->seq + 1) {
		quarantine(r, slot, INCIDENT_RING_GAP, c->seq + 1, f->seq);
		return false;
	}
	if (memcmp(&f->name, &want, sizeof(want)) != 0 ||
	    !kind_of_worker(f->kind) ||
	    apply_frame(r, f, log_end(r->log), &why) != FAULT_NONE) {
		log_error("worker in slot %u: frame %llu of kind %d: %s", slot,
		    (unsigned long long)f->seq, (int)f->kind, why);
		quarantine(
		    r, slot, INCIDENT_FRAME_REFUSED, f->seq, (uint64_t)f->kind);
		return false;
	}
	log_append(r->log, bytes);
	if (r->unsynced_ns == 0)
		r->unsynced_ns = clock_mono_ns();
	return true;
}

/* A copy of as much as its head says, or of what there is. */
static struct slice
first_of(struct slice s, char copy[FRAME_MAX_RING])
{
	const size_t most = s.len < FRAME_MAX_RING ? s.len : FRAME_MAX_RING;
	const size_t len = frame_len(s);

	s.len = len < most ? len : most;
	memcpy(copy, s.p, s.len);
	return (struct slice){ copy, s.len };
}

/* The bytes that were taken. */
static size_t
drain(struct recorder *r, uint32_t slot, size_t most)
{
	struct reader *d = reader_get(r, slot);
	char copy[FRAME_MAX_RING];
	struct slice s = ring_read(d->ring, d->at), one;
	struct frame f;
	size_t done = 0;

	if (!d->quarantined && !ring_sane(d->ring, d->at))
		damaged(r, slot);
	while (!d->quarantined && s.len > 0 && done < most) {
		one = first_of(s, copy);
		if (frame_read(one, &f) != FAULT_NONE) {
			damaged(r, slot);
			break;
		}
		one.len = f.size;
		if (!take(r, slot, &f, one))
			break;
		d->at += f.size;
		done += f.size;
		s.p += f.size;
		s.len -= f.size;
	}
	return done;
}

void
drain_slot(struct recorder *r, uint32_t slot)
{
	while (drain(r, slot, TURN_BYTES) > 0)
		;
}

bool
drain_all(struct recorder *r, bool *more)
{
	size_t most = 0, n;
	uint32_t s;

	for (s = 0; s < r->m->sizes.slots; s++) {
		if (s == r->own ||
		    at_load(&r->m->slots[s].state) == SLOT_FREE ||
		    r->m->slots[s].is_recorder)
			continue;
		n = drain(r, s, TURN_BYTES);
		most = n > most ? n : most;
	}
	if (more != NULL)
		*more = most >= TURN_BYTES;
	return most > 0;
}

void
drain_free(struct recorder *r)
{
	uint32_t s;

	for (s = 0; s < r->m->sizes.slots; s++) {
		struct reader *d = &r->reader[s];

		if (d->ring != NULL && ring_tail(d->ring) != d->at &&
		    at_load(&r->m->slots[s].state) != SLOT_FREE &&
		    at_load(&r->m->slots[s].incarnation) == d->incarnation)
			ring_free_to(d->ring, d->at);
	}
}

void
drain_close(struct recorder *r)
{
	uint32_t s;

	for (s = 0; s < SLOTS_MAX; s++)
		ring_close(&r->reader[s].ring);
}

/* --- the disk
 * -------------------------------------------------------------------*/

static void
failed(struct recorder *r, int64_t now)
{
	r->last_failure_ns = now;
	at_store(&r->m->head->log_broken, 1);
	at_store(&r->m->head->unsynced_since_ns, r->unsynced_ns);
	if (!r->log_failing)
		log_error("the log cannot be written: %s; calls are refused "
			  "until it can",
		    strerror(errno));
	r->log_failing = true;
}

static void
succeeded(struct recorder *r)
{
	r->unsynced_ns = 0;
	at_store(&r->m->head->unsynced_since_ns, 0);
	at_store(&r->m->head->log_broken, 0);
	drain_free(r);
	if (!r->log_failing)
		return;
	r->log_failing = false;
	log_info("the log can be written again");
	own_incident(
	    r, INCIDENT_LOG_SEALED, 1, (uint64_t[]){ log_durable(r->log) });
}

enum fault
drain_flush(struct recorder *r)
{
	const int64_t now = clock_mono_ns();
	enum fault fault;

	if (r->log_failing && now - r->last_failure_ns < retry_ns)
		return FAULT_DISK;
	recorder_step(r, "flush");
	fault = log_flush(r->log);
	recorder_step(r, "flushed");
	r->last_flush_ns = now;
	if (fault != FAULT_NONE)
		failed(r, now);
	else
		succeeded(r);
	recorder_step(r, "freed");
	return fault;
}

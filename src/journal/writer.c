#include "journal/writer.h"

#include "base/clock.h"
#include "shm/atomic.h"

enum { SMALL_SHARE = 8 };

struct journal {
	struct shm *m;
	struct ring *ring;
	struct journal_name name;
	uint64_t seq; /* of the last frame */
	/*
	 * Refusals not yet durable, in two halves: those before `small_at`
	 * and those since.  When the tail passes it, the first half is gone.
	 */
	size_t small[2];
	uint64_t small_at;
	/* Where head stood when it was last found all durable, and when. */
	uint64_t lag_at;
	int64_t lag_since;
	bool lag_open;
};

static void
open_frame(struct journal *j)
{
	const struct opening v = {
		.wall_ns = clock_wall_ns(),
		.generation = at_load(&j->m->head->generation),
	};
	size_t used;
	char *out;

	CHECK(ring_reserve(j->ring, FRAME_MAX_RING));
	out = ring_begin(j->ring, FRAME_MAX_RING);
	used = frame_opening(&j->name, ++j->seq, &v, out, FRAME_MAX_RING);
	CHECK(used > 0);
	ring_publish(j->ring, used);
}

struct journal *
journal_open(struct shm *m, uint32_t slot)
{
	struct journal *j = NEW(struct journal);

	CHECK(slot < m->sizes.slots);
	j->m = m;
	j->ring = ring_open(m, slot);
	j->name = (struct journal_name){
		.node = m->head->node,
		.boot = m->head->boot,
		.slot = (uint16_t)slot,
		.incarnation = (uint16_t)at_load(&m->slots[slot].incarnation),
	};
	open_frame(j);
	return j;
}

void
journal_close(struct journal **j)
{
	if (*j == NULL)
		return;
	ring_close(&(*j)->ring);
	mem_free(*j);
	*j = NULL;
}

/* --- room --------------------------------------------------------------- */

bool
journal_reserve(struct journal *j, unsigned n)
{
	return ring_reserve(j->ring, (size_t)n * FRAME_MAX_RING);
}

void
journal_unreserve(struct journal *j, unsigned n)
{
	ring_unreserve(j->ring, (size_t)n * FRAME_MAX_RING);
}

/* The halves move up whenever the older one has become durable. */
static void
age_small(struct journal *j)
{
	const uint64_t durable = ring_durable(j->ring);
	const uint64_t head = ring_head(j->ring);

	if (durable == head) {
		j->small[0] = j->small[1] = 0;
	} else if (durable >= j->small_at) {
		j->small[0] = j->small[1];
		j->small[1] = 0;
		j->small_at = head;
	}
}

bool
journal_reserve_small(struct journal *j)
{
	const size_t share = ring_size(j->ring) / SMALL_SHARE;

	age_small(j);
	if (j->small[0] + j->small[1] + FRAME_MAX_RING > share ||
	    !ring_reserve(j->ring, FRAME_MAX_RING))
		return false;
	j->small[1] += FRAME_MAX_RING;
	return true;
}

/* --- frames ------------------------------------------------------------- */

static void
publish(struct journal *j, size_t used)
{
	CHECK(used > 0);
	j->seq++;
	ring_publish(j->ring, used);
}

void
journal_intent(struct journal *j, const struct intent *v)
{
	char *out = ring_begin(j->ring, FRAME_MAX_RING);

	publish(j, frame_intent(&j->name, j->seq + 1, v, out, FRAME_MAX_RING));
}

void
journal_outcome(struct journal *j, const struct outcome *v)
{
	char *out = ring_begin(j->ring, FRAME_MAX_RING);
	size_t used =
	    frame_outcome(&j->name, j->seq + 1, v, out, FRAME_MAX_RING);

	if (used == 0) {
		struct outcome bare = *v;

		bare.provider_id = S("");
		used = frame_outcome(
		    &j->name, j->seq + 1, &bare, out, FRAME_MAX_RING);
	}
	publish(j, used);
}

void
journal_final(struct journal *j, const struct final *v)
{
	char *out = ring_begin(j->ring, FRAME_MAX_RING);

	publish(j, frame_final(&j->name, j->seq + 1, v, out, FRAME_MAX_RING));
}

void
journal_count(struct journal *j, const struct count *v)
{
	char *out = ring_begin(j->ring, FRAME_MAX_RING);

	publish(j, frame_count(&j->name, j->seq + 1, v, out, FRAME_MAX_RING));
}

/* --- durability --------------------------------------------------------- */

uint64_t
journal_head(const struct journal *j)
{
	return ring_head(j->ring);
}

bool
journal_durable(const struct journal *j, uint64_t position)
{
	return ring_durable(j->ring) >= position;
}

/*
 * A recorder that is dead or hung reports nothing, so each worker looks for
 * itself: what stood in the ring at lag_since must be gone after max_lag.
 */
static bool
own_lag(struct journal *j, int64_t mono_ns, int64_t max_lag_ns)
{
	const uint64_t durable = ring_durable(j->ring);

	if (!j->lag_open || durable >= j->lag_at) {
		j->lag_at = ring_head(j->ring);
		j->lag_since = mono_ns;
		j->lag_open = durable < j->lag_at;
	}
	return j->lag_open && mono_ns - j->lag_since > max_lag_ns;
}

bool
journal_lagging(struct journal *j, int64_t mono_ns, int64_t max_lag_ns)
{
	const struct shm_head *h = j->m->head;
	const int64_t since = at_load(&h->unsynced_since_ns);
	const bool own = own_lag(j, mono_ns, max_lag_ns);

	return own || at_load(&h->log_broken) != 0 ||
	       (since != 0 && mono_ns - since > max_lag_ns);
}

#include "shm/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/atomic.h"

enum {
	PAGE = 4096,
	LINE = 64,
	ACCOUNTS_MAX = 1 << 20,
	KEYS_MAX = 1 << 22,
	SUBJECTS_MAX = 1 << 22,
	LIMITS_MAX = 1 << 20,
	BREAKERS_MAX = 1 << 14,
	HOLDS_MAX = 1 << 16,
	RING_MAX = 1 << 30,
	INCARNATION_MAX = UINT16_MAX /* what a journal's name can carry */
};

#define MAGIC UINT64_C(0x316d68736b) /* "kshm1" */

#ifdef __SANITIZE_THREAD__
_Atomic uint32_t at_fence_word;
#endif

/* Offsets of the tables, in the order in which they lie. */
struct layout {
	uint64_t slots, accounts, columns, lives, subjects, limits, gauges,
	    holds, key_index, keys, breakers, signins, warm, replays, rings,
	    total;
};

static uint64_t
round_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) / to * to;
}

static uint32_t
power_of_two(uint32_t v)
{
	uint32_t p = 1;

	while (p < v)
		p *= 2;
	return p;
}

static bool
is_power_of_two(uint64_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

/* Columns of one side of one account: whole cache lines. */
static uint64_t
stride(const struct shm_sizes *z)
{
	return round_up(z->slots, LINE / sizeof(struct shm_column));
}

static bool
sizes_sane(const struct shm_sizes *z)
{
	return z->slots >= 1 && z->slots <= SLOTS_MAX && z->accounts >= 1 &&
	       z->accounts <= ACCOUNTS_MAX && z->keys <= KEYS_MAX &&
	       is_power_of_two(z->keys) && z->breakers <= BREAKERS_MAX &&
	       is_power_of_two(z->breakers) && z->holds >= 1 &&
	       z->holds <= HOLDS_MAX && z->subjects <= SUBJECTS_MAX &&
	       z->limits <= LIMITS_MAX && z->ring_bytes >= PAGE &&
	       z->ring_bytes <= RING_MAX && is_power_of_two(z->ring_bytes);
}

/* Bounded by the limits above: nothing here can overflow. */
static struct layout
lay_out(const struct shm_sizes *z)
{
	struct layout l;
	const uint64_t rows = z->accounts, nslots = z->slots;

	l.slots = round_up(sizeof(struct shm_head), LINE);
	l.accounts = l.slots + nslots * sizeof(struct shm_slot);
	l.columns = l.accounts + rows * sizeof(struct shm_account);
	l.lives = l.columns + rows * 2 * stride(z) * sizeof(struct shm_column);
	l.subjects = round_up(
	    l.lives + nslots * rows * 2 * sizeof(struct shm_live), LINE);
	l.limits =
	    l.subjects + (uint64_t)z->subjects * sizeof(struct shm_subject);
	l.gauges = l.limits + (uint64_t)z->limits * sizeof(struct shm_limit);
	l.holds = l.gauges +
		  (uint64_t)z->limits * stride(z) * sizeof(struct shm_column);
	l.key_index = l.holds + nslots * z->holds * sizeof(struct shm_hold);
	l.keys =
	    round_up(l.key_index + (uint64_t)z->keys * sizeof(uint32_t), LINE);
	l.breakers = l.keys + (uint64_t)z->keys * sizeof(struct shm_key);
	l.signins =
	    l.breakers + (uint64_t)z->breakers * sizeof(struct shm_breaker);
	l.warm = l.signins + SIGNINS_MAX * sizeof(struct shm_signin);
	l.replays =
	    round_up(l.warm + WARM_ROWS * sizeof(struct shm_warm), PAGE);
	l.rings = round_up(l.replays + REPLAY_WORDS * sizeof(uint64_t), PAGE);
	l.total = l.rings + nslots * (PAGE + z->ring_bytes);
	return l;
}

/* Changes when any struct that lies there does. */
static uint64_t
layout_hash(void)
{
#define AT(type, field) offsetof(struct type, field), sizeof(struct type)
	static const uint64_t facts[] = {
		4, /* of what the numbers do not show: count up by hand */
		SLOTS_MAX,
		HOLD_CHAIN_MAX,
		KEY_MODELS_MAX,
		AT(shm_slot, heartbeat_ns),
		AT(shm_slot, parsing_key),
		AT(shm_slot, crash_signal),
		POISON_ROWS,
		AT(shm_poison, until_ns),
		AT(shm_head, poison),
		AT(shm_slot, condemned),
		AT(shm_slot, counters),
		AT(shm_window, granted),
		AT(shm_account, window),
		AT(shm_account, label),
		AT(shm_subject, version),
		AT(shm_subject, limit),
		AT(shm_limit, kind),
		AT(shm_limit, label),
		AT(shm_column, sum),
		AT(shm_live, holds),
		AT(shm_hold, attempt),
		AT(shm_hold, generation),
		AT(shm_hold, most),
		AT(shm_hold, output_seen),
		AT(shm_hold, repair_seq),
		AT(shm_hold, chain),
		AT(shm_key, secret_sha256),
		AT(shm_key, has_aws),
		REPLAY_WORDS,
		AT(shm_head, aws_root),
		KEY_SUBJECTS,
		AT(shm_key, subject),
		AT(shm_key, principal),
		AT(shm_key, models),
		AT(shm_breaker, word),
		AT(shm_breaker, open_until),
		AT(shm_breaker, inflight),
		SIGNINS_MAX,
		AT(shm_signin, version),
		AT(shm_signin, code),
		AT(shm_head, courier_beat_ns),
		AT(shm_breaker, tried),
		AT(shm_tried, firsts),
		WARM_ROWS,
		AT(shm_sizes, ring_bytes),
		AT(shm_head, sizes),
		AT(shm_head, total),
		AT(shm_head, next_incarnation),
		AT(shm_head, generation),
		AT(shm_head, naccounts),
		AT(shm_head, tickets),
	};
#undef AT
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < NELEM(facts); i++)
		hash = (hash ^ facts[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static void
point(struct shm *m, const struct layout *l)
{
	m->head = (void *)m->base;
	m->slots = (void *)(m->base + l->slots);
	m->accounts = (void *)(m->base + l->accounts);
	m->columns = (void *)(m->base + l->columns);
	m->lives = (void *)(m->base + l->lives);
	m->subjects = (void *)(m->base + l->subjects);
	m->limits = (void *)(m->base + l->limits);
	m->gauges = (void *)(m->base + l->gauges);
	m->holds = (void *)(m->base + l->holds);
	m->key_index = (void *)(m->base + l->key_index);
	m->keys = (void *)(m->base + l->keys);
	m->breakers = (void *)(m->base + l->breakers);
	m->signins = (void *)(m->base + l->signins);
	m->warm = (void *)(m->base + l->warm);
	m->replays = (void *)(m->base + l->replays);
	m->off_rings = l->rings;
	m->total = l->total;
	m->slot = UINT32_MAX;
}

/* Maps all but the rings, which ring_open() maps one by one. */
static bool
map(int fd, const struct shm_sizes *sizes, struct shm *out)
{
	const struct layout l = lay_out(sizes);
	void *p =
	    mmap(NULL, l.rings, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return false;
	*out = (struct shm){ .fd = fd, .base = p, .sizes = *sizes };
	point(out, &l);
	return true;
}

static void
write_head(struct shm *m, uint32_t node, uint32_t boot)
{
	const struct layout l = lay_out(&m->sizes);
	struct shm_head *h = m->head;

	h->layout = layout_hash();
	h->sizes = m->sizes;
	h->off_slots = l.slots;
	h->off_accounts = l.accounts;
	h->off_columns = l.columns;
	h->off_lives = l.lives;
	h->off_subjects = l.subjects;
	h->off_limits = l.limits;
	h->off_gauges = l.gauges;
	h->off_holds = l.holds;
	h->off_key_index = l.key_index;
	h->off_keys = l.keys;
	h->off_breakers = l.breakers;
	h->off_signins = l.signins;
	h->off_rings = l.rings;
	h->total = l.total;
	h->node = node;
	h->boot = boot;
	h->magic = MAGIC;
}

enum fault
shm_create(const struct shm_sizes *sizes, uint32_t node, uint32_t boot,
    struct shm *out)
{
	struct shm_sizes z = *sizes;
	int fd, saved;

	if (z.keys > KEYS_MAX || z.breakers > BREAKERS_MAX)
		return FAULT_CONFIG;
	z.keys = power_of_two(z.keys);
	z.breakers = power_of_two(z.breakers);
	if (!sizes_sane(&z))
		return FAULT_CONFIG;
	fd = memfd_create("kontor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return FAULT_INTERNAL;
	if (ftruncate(fd, (off_t)lay_out(&z).total) != 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ||
	    !map(fd, &z, out)) {
		saved = errno;
		close(fd);
		errno = saved;
		return FAULT_INTERNAL;
	}
	write_head(out, node, boot);
	return FAULT_NONE;
}

/* Only what is ours bit by bit is mapped whole. */
enum fault
shm_attach(int fd, struct shm *out)
{
	struct shm_head head;
	struct layout l;
	struct stat st;

	if (fstat(fd, &st) != 0 ||
	    pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return FAULT_DATA;
	if (head.magic != MAGIC || head.layout != layout_hash() ||
	    !sizes_sane(&head.sizes))
		return FAULT_DATA;
	l = lay_out(&head.sizes);
	if (head.total != l.total || head.off_rings != l.rings ||
	    st.st_size != (off_t)l.total)
		return FAULT_DATA;
	return map(fd, &head.sizes, out) ? FAULT_NONE : FAULT_INTERNAL;
}

void
shm_detach(struct shm *m)
{
	if (m->base != NULL)
		munmap(m->base, m->off_rings);
	*m = (struct shm){ .fd = -1, .slot = UINT32_MAX };
}

/* Its counters are zero, or a dead recorder's, who has those of others. */
static void
slot_clear(struct shm_slot *s, bool is_recorder)
{
	at_poke(&s->pid, 0);
	at_poke(&s->heartbeat_ns, 0);
	at_poke(&s->parsing, 0);
	at_poke(&s->parsing_key, 0);
	at_poke(&s->crash, 0);
	at_poke(&s->crash_signal, 0);
	at_poke(&s->open_requests, 0);
	at_poke(&s->condemned, 0);
	s->is_recorder = is_recorder;
}

/* The first of them, and their number. */
static uint32_t
slot_find(const struct shm *m, enum slot_state state, bool recorders_only,
    unsigned *n)
{
	uint32_t i, first = UINT32_MAX;

	*n = 0;
	for (i = 0; i < m->sizes.slots; i++) {
		if (at_load(&m->slots[i].state) != (uint32_t)state ||
		    (recorders_only && !m->slots[i].is_recorder))
			continue;
		first = first < i ? first : i;
		++*n;
	}
	return first;
}

/*
 * Only a recorder frees slots, so it must never lack one, nor may those that
 * die one after the other take the slots of workers: it goes on in a dead
 * recorder's, whose column it sets from the books like one of its own.
 */
uint32_t
shm_slot_take(struct shm *m, bool is_recorder)
{
	const uint32_t incarnation = at_peek(&m->head->next_incarnation) + 1;
	unsigned nfree, ndead;
	uint32_t i = slot_find(m, SLOT_FREE, false, &nfree);
	const uint32_t dead = slot_find(m, SLOT_DEAD, true, &ndead);
	struct shm_slot *s;

	if (is_recorder && (nfree == 0 || ndead >= RECORDERS_DEAD))
		i = dead;
	if (i == UINT32_MAX || incarnation > INCARNATION_MAX)
		return UINT32_MAX;
	s = &m->slots[i];
	slot_clear(s, is_recorder);
	at_poke(&m->head->next_incarnation, incarnation);
	at_poke(&s->incarnation, incarnation);
	at_store(&s->state, SLOT_LIVE);
	return i;
}

void
shm_slot_dead(struct shm *m, uint32_t slot)
{
	CHECK(slot < m->sizes.slots);
	at_store(&m->slots[slot].state, SLOT_DEAD);
}

enum slot_state
shm_slot_state(struct shm *m, uint32_t slot)
{
	CHECK(slot < m->sizes.slots);
	return (enum slot_state)at_load(&m->slots[slot].state);
}

void
shm_heartbeat(struct shm *m, int64_t mono_ns)
{
	CHECK(m->slot < m->sizes.slots);
	at_poke(&m->slots[m->slot].heartbeat_ns, mono_ns);
}

struct shm_column *
shm_column(struct shm *m, uint32_t account, unsigned side, uint32_t slot)
{
	CHECK(account < m->sizes.accounts && side < 2 && slot < m->sizes.slots);
	return &m->columns[((uint64_t)account * 2 + side) * stride(&m->sizes) +
			   slot];
}

struct shm_live *
shm_live(struct shm *m, uint32_t account, unsigned side, uint32_t slot)
{
	const uint64_t row = (uint64_t)slot * m->sizes.accounts + account;

	CHECK(account < m->sizes.accounts && side < 2 && slot < m->sizes.slots);
	return &m->lives[row * 2 + side];
}

struct shm_hold *
shm_hold_at(struct shm *m, uint32_t slot, uint32_t i)
{
	CHECK(slot < m->sizes.slots && i < m->sizes.holds);
	return &m->holds[(uint64_t)slot * m->sizes.holds + i];
}

struct shm_column *
shm_gauge(struct shm *m, uint32_t limit, uint32_t slot)
{
	CHECK(limit < m->sizes.limits && slot < m->sizes.slots);
	return &m->gauges[(uint64_t)limit * stride(&m->sizes) + slot];
}

/*
 * explore_test.c - money-protocol.md 8 (b): holds, repair and windows under
 * every interleaving, with crashes
 *
 * Three workers make one attempt each on two accounts: hold, intent, send,
 * outcome, close, through the real hold.c and ring.c.  A recorder drains the
 * rings of the dead into its segment and repairs their slots; when it dies,
 * another takes over.  In every state the columns must cover what is owed
 * and what is owed must not pass a limit; in every end the columns equal the
 * books.  Then each planted mutant must be found.
 *
 *	explore [proof [N]]    proof: larger scenarios too, for an hour; or
 *	                       the one of that number, from 0
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "explore.h"
#include "ledger/account.h"
#include "ledger/hold.h"
#include "shm/ring.h"

enum {
	WORKERS = 3,
	FIRST = WORKERS, /* the recorder and its successor */
	SECOND = WORKERS + 1,
	ACTORS = WORKERS + 2, /* actor n owns slot n */
	ACCOUNTS = 2,
	FRAMES = 16,
	STATES_MAX = 60 * 1000 * 1000
};

/* What a worker tries: every amount is in nano. */
struct attempt {
	int64_t most, cost;
	unsigned n;
	int32_t chain[ACCOUNTS];
};

/* How much of a scenario is seen: all; all with one try of admission in each
 * call; as much as fits into memory. */
enum extent { WHOLE, ONE_TRY, BOUNDED };

struct scenario {
	const char *name;
	unsigned crashes;
	int64_t granted[ACCOUNTS];
	struct attempt attempt[WORKERS]; /* n 0: takes no part */
	enum extent extent;
};

enum kind { NOTHING, INTENT, OUTCOME };

struct entry {
	uint8_t kind, journal, attempt, seq;
	uint32_t cost;
};

/* What no process knows: part of the state, read by the checks. */
static struct {
	struct entry segment[FRAMES];
	uint32_t n;
	uint8_t crashed[ACTORS], crashes, pad[2];
	uint8_t admitted[8], sent[8];
} ghost;

static struct shm m, view[ACTORS];
static struct ledger *ledgers[WORKERS];
static struct ring *rings[WORKERS], *readers[WORKERS];
static const struct entry *ring_data[WORKERS];
static const uint64_t *ring_head_word[WORKERS];
static const struct scenario *now;
static unsigned crashes_max;

/* --- workers ------------------------------------------------------------ */

static void
append(unsigned i, struct entry e)
{
	memcpy(ring_begin(rings[i], sizeof(e)), &e, sizeof(e));
	ring_publish(rings[i], sizeof(e));
}

static void
ghost_sent(uint64_t i)
{
	ghost.sent[i] = 1;
}

static const struct entry *find_outcome(unsigned attempt);

/* A final refusal must be one of money that is settled. */
static void
check_refusal(unsigned i)
{
	const struct attempt *a = &now->attempt[i];
	int64_t settled[ACCOUNTS] = { 0 };
	bool right = false;
	unsigned k, j;

	for (k = 0; k < WORKERS; k++) {
		const struct attempt *b = &now->attempt[k];
		const struct entry *e = find_outcome(k);

		for (j = 0; e != NULL && j < b->n; j++)
			settled[b->chain[j]] += e->cost;
	}
	for (j = 0; j < a->n; j++)
		right |=
		    settled[a->chain[j]] + a->most > now->granted[a->chain[j]];
	if (!right)
		explore_wrong("refused for money that was only pending");
}

static void
worker(void *arg)
{
	const unsigned i = explore_self();
	const struct attempt *a = &now->attempt[i];
	const struct hold_spec spec = { .attempt = i,
		.most = { a->most },
		.wall_ns = 5,
		.account = a->chain,
		.n = a->n };
	const struct entry intent = { INTENT, (uint8_t)i, (uint8_t)i, 1, 0 };
	const struct entry outcome = { OUTCOME, (uint8_t)i, (uint8_t)i, 2,
		(uint32_t)a->cost };
	struct shm_hold *h;
	enum fault f;

	(void)arg;
	CHECK(ring_reserve(rings[i], 2 * sizeof(intent)));
	f = hold_open(ledgers[i], &spec, &h, NULL);
	if (f == FAULT_BUDGET)
		check_refusal(i);
	if (f != FAULT_NONE)
		return;
	ghost.admitted[i] = 1;
	append(i, intent);
	hold_sent(h);
	explore_ghost(ghost_sent, i);
	if (MUTANT(EARLY_SUBTRACT))
		hold_close(ledgers[i], &h, (struct money){ a->cost });
	append(i, outcome);
	if (h != NULL)
		hold_close(ledgers[i], &h, (struct money){ a->cost });
}

/* --- the recorder ------------------------------------------------------- */

static void
ghost_append(uint64_t v)
{
	struct entry e;
	uint32_t i;

	memcpy(&e, &v, sizeof(e));
	CHECK(ghost.n < FRAMES);
	for (i = 0; i < ghost.n; i++) {
		const struct entry *o = &ghost.segment[i];

		if (o->journal == e.journal && o->seq == e.seq)
			explore_wrong("one frame twice in the segment");
		if (o->kind == OUTCOME && e.kind == OUTCOME &&
		    o->attempt == e.attempt)
			explore_wrong("one attempt resolved twice");
	}
	if (e.kind == OUTCOME && e.journal >= FIRST && e.cost == 0 &&
	    ghost.sent[e.attempt])
		explore_wrong("what was sent was booked as void");
	ghost.segment[ghost.n++] = e;
}

/* A write() is in the page cache when it returns, and outlives us. */
static void
segment_append(struct entry e)
{
	uint64_t v;

	memcpy(&v, &e, sizeof(v));
	explore_ghost(ghost_append, v);
	explore_fence();
}

static const struct entry *
segment_find(unsigned journal, unsigned seq)
{
	uint32_t i;

	for (i = 0; i < ghost.n; i++) {
		if (ghost.segment[i].journal == journal &&
		    ghost.segment[i].seq == seq)
			return &ghost.segment[i];
	}
	return NULL;
}

static void
drain(unsigned dead)
{
	uint64_t at = ring_tail(readers[dead]);
	struct slice s = ring_read(readers[dead], at);
	struct entry e;

	for (; s.len >= sizeof(e); s.p += sizeof(e), s.len -= sizeof(e)) {
		memcpy(&e, s.p, sizeof(e));
		if (segment_find(e.journal, e.seq) == NULL)
			segment_append(e);
		at += sizeof(e);
	}
	ring_free_to(readers[dead], at);
}

static unsigned
own_seq(unsigned self)
{
	unsigned seq = 1;

	while (segment_find(self, seq) != NULL)
		seq++;
	return seq;
}

/* Some recorder's frame of that number, if it is about this attempt. */
static bool
already_repaired(const struct shm_hold *h, uint64_t seq)
{
	unsigned r;

	for (r = FIRST; seq != 0 && r <= SECOND; r++) {
		const struct entry *e = segment_find(r, (unsigned)seq);

		if (e != NULL && e->attempt == h->attempt)
			return true;
	}
	return false;
}

static enum fault
resolve(void *arg, struct shm_hold *h)
{
	const unsigned self = explore_self(), seq = own_seq(self);
	const bool is_void = hold_left(h) == HOLD_LEFT_VOID;

	(void)arg;
	if (segment_find(h->attempt, 1) == NULL ||
	    segment_find(h->attempt, 2) != NULL ||
	    already_repaired(h, at_load(&h->repair_seq)))
		return FAULT_NONE;
	if (!MUTANT(NO_REPAIR_SEQ))
		at_store(&h->repair_seq, seq);
	segment_append(
	    (struct entry){ OUTCOME, (uint8_t)self, (uint8_t)h->attempt,
		(uint8_t)seq, is_void ? 0 : (uint32_t)h->most });
	return FAULT_NONE;
}

static bool
in_chain(unsigned attempt, uint64_t account)
{
	const struct attempt *a = &now->attempt[attempt];
	unsigned j;

	for (j = 0; j < a->n; j++) {
		if ((uint64_t)a->chain[j] + 1 == account)
			return true;
	}
	return false;
}

/* All journals but those of living workers. */
static int64_t
books(void *arg, uint64_t account, uint64_t window)
{
	int64_t sum = 0;
	uint32_t i;

	(void)arg;
	for (i = 0; i < ghost.n && window == 1; i++) {
		const struct entry *e = &ghost.segment[i];

		if (e->kind == OUTCOME && in_chain(e->attempt, account) &&
		    (e->journal >= FIRST ||
			atomic_load(&m.slots[e->journal].state) != SLOT_LIVE))
			sum += e->cost;
	}
	return sum;
}

static void
recorder(void *arg)
{
	const unsigned self = explore_self();
	unsigned s;

	(void)arg;
	for (;;) {
		for (s = 0; s < ACTORS; s++) {
			if (s == self || shm_slot_state(&m, s) != SLOT_DEAD)
				continue;
			if (s < WORKERS)
				drain(s);
			CHECK(repair_slot(&m, s, self, resolve, books, NULL) ==
			      FAULT_NONE);
		}
		explore_wait();
	}
}

/* --- the search's questions --------------------------------------------- */

static bool
within(const volatile void *p, const void *from, size_t len)
{
	return (const volatile char *)p >= (const char *)from &&
	       (const volatile char *)p < (const char *)from + len;
}

/* Who writes at all in this scenario. */
static bool
takes_part(unsigned slot)
{
	return slot < WORKERS ? now->attempt[slot].n > 0 : crashes_max > 0;
}

/* The slot whose column, live count or state it is; ACTORS: none of these. */
static unsigned
owner(const volatile void *p)
{
	const size_t lives = sizeof(struct shm_live) * ACCOUNTS * 2;
	const char *columns = (char *)m.columns, *end = (char *)m.lives;
	const char *slots = (char *)m.slots;
	const volatile char *q = p;

	if (within(p, columns, (size_t)(end - columns)))
		return (unsigned)((q - columns) / 8 % 8);
	if (within(p, m.lives, lives * ACTORS))
		return (unsigned)((size_t)(q - (char *)m.lives) / lives);
	if (within(p, slots, sizeof(*m.slots) * ACTORS) &&
	    (size_t)(q - slots) % sizeof(*m.slots) ==
		offsetof(struct shm_slot, state))
		return (unsigned)((size_t)(q - slots) / sizeof(*m.slots));
	return ACTORS;
}

/* A recorder reads what only the dead wrote: nothing there moves. */
static bool
is_shared(unsigned actor, const volatile void *p)
{
	const unsigned slot = owner(p);

	return actor < WORKERS && slot < ACTORS && slot != actor &&
	       takes_part(slot);
}

/* Without crashes nobody reads records, and the count of holds is for
 * windows. */
static bool
is_seen(const volatile void *p)
{
	const size_t lives = sizeof(struct shm_live) * ACCOUNTS * 2;

	if (within(p, m.lives, lives * ACTORS))
		return (size_t)((const volatile char *)p - (char *)m.lives) %
			   sizeof(struct shm_live) ==
		       offsetof(struct shm_live, held);
	return crashes_max > 0 ||
	       !within(p, m.holds,
		   sizeof(struct shm_hold) * ACTORS * m.sizes.holds);
}

static bool
any_dead(void)
{
	unsigned s;

	for (s = 0; s < ACTORS; s++) {
		if (atomic_load(&m.slots[s].state) == SLOT_DEAD)
			return true;
	}
	return false;
}

static bool
may_start(unsigned actor)
{
	if (actor < WORKERS)
		return now->attempt[actor].n > 0;
	if (actor == SECOND &&
	    (!ghost.crashed[FIRST] ||
		atomic_load(&m.slots[FIRST].state) == SLOT_LIVE))
		return false;
	return any_dead();
}

static bool
may_crash(unsigned actor)
{
	return actor != SECOND && ghost.crashes < crashes_max;
}

static void
on_crash(unsigned actor)
{
	ghost.crashed[actor] = 1;
	ghost.crashes++;
}

/* The supervisor reaps. */
static bool
other(unsigned i, bool doit)
{
	if (i >= ACTORS || !ghost.crashed[i] ||
	    atomic_load(&m.slots[i].state) != SLOT_LIVE)
		return false;
	if (doit)
		shm_slot_dead(&m, i);
	return true;
}

/* --- what must hold ----------------------------------------------------- */

/* In memory: in the segment, or published in a ring. */
static const struct entry *
find(unsigned attempt, enum kind kind)
{
	uint32_t i;

	for (i = 0; i < ghost.n; i++) {
		if (ghost.segment[i].attempt == attempt &&
		    ghost.segment[i].kind == kind)
			return &ghost.segment[i];
	}
	for (i = 0; i < *ring_head_word[attempt] / sizeof(struct entry); i++) {
		if (ring_data[attempt][i].kind == kind)
			return &ring_data[attempt][i];
	}
	return NULL;
}

static const struct entry *
find_outcome(unsigned attempt)
{
	return find(attempt, OUTCOME);
}

/*
 * What an attempt may still cost or did cost.  An overage counts in the end
 * only: no hold covers it between the outcome and the close.
 */
static int64_t
owed(unsigned i, bool at_end)
{
	const struct entry *e = find_outcome(i);

	if (e != NULL && !at_end && e->cost > now->attempt[i].most)
		return now->attempt[i].most;
	if (e != NULL)
		return e->cost;
	if (!ghost.admitted[i] || (ghost.crashed[i] && !ghost.sent[i]))
		return 0;
	return now->attempt[i].most;
}

static const char *
check(void)
{
	unsigned a, i, s;

	for (a = 0; a < ACCOUNTS; a++) {
		int64_t due = 0, columns = 0, final = 0;

		for (i = 0; i < WORKERS; i++)
			due += in_chain(i, a + 1) ? owed(i, false) : 0;
		for (s = 0; s < ACTORS; s++) {
			const int64_t v =
			    atomic_load(&shm_column(&m, a, 1, s)->sum);

			columns += v >> 1;
			final += v & 1 ? 0 : v >> 1;
		}
		if (due > now->granted[a])
			return "overspent";
		if (columns < due)
			return "columns cover less than is owed";
		if (final > now->granted[a] && ghost.crashes == 0)
			return "columns pass the limit";
	}
	return NULL;
}

static const char *
check_end(void)
{
	unsigned a, i, s;

	for (a = 0; a < ACCOUNTS; a++) {
		int64_t due = 0, columns = 0;

		for (i = 0; i < WORKERS; i++)
			due += in_chain(i, a + 1) ? owed(i, true) : 0;
		for (s = 0; s < ACTORS; s++) {
			const int64_t v =
			    atomic_load(&shm_column(&m, a, 1, s)->sum);
			const struct shm_live *l = shm_live(&m, a, 1, s);

			if ((v & 1) || atomic_load(&l->held) != 0 ||
			    atomic_load(&l->holds) != 0)
				return "a mark or a live hold is left";
			columns += v >> 1;
		}
		if (columns != due)
			return "money leaked: columns are not the books";
	}
	for (s = 0; s < ACTORS; s++) {
		if (atomic_load(&shm_hold_at(&m, s, 0)->step) != HOLD_FREE)
			return "a hold record leaked";
		if (atomic_load(&m.slots[s].state) == SLOT_DEAD)
			return "a dead slot was left";
	}
	for (i = 0; i < WORKERS; i++) {
		if (find(i, INTENT) != NULL && find_outcome(i) == NULL)
			return "an attempt was never resolved";
	}
	return NULL;
}

/* --- setting up --------------------------------------------------------- */

static void
add_ring(unsigned i)
{
	const size_t page = 4096;
	const off_t at = (off_t)(m.off_rings + i * (page + m.sizes.ring_bytes));
	char *p =
	    mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, m.fd, at);

	CHECK(p != MAP_FAILED);
	rings[i] = ring_open(&m, i);
	readers[i] = ring_open(&m, i);
	ring_data[i] = (const void *)ring_read(readers[i], 0).p;
	ring_head_word[i] = (const void *)p;
	explore_range(p, 8);       /* head */
	explore_range(p + 128, 8); /* tail */
	explore_range((void *)(uintptr_t)ring_data[i], 32);
	explore_range(rings[i], malloc_usable_size(rings[i]) / 8 * 8);
}

static void
set_up(void)
{
	const struct shm_sizes z = { ACTORS, ACCOUNTS, 1, 1, 1, 0, 0, 4096 };
	const struct window_spec w = { 1, 0, INT64_MAX, 0, 0 };
	unsigned i;

	memset(&ghost, 0, sizeof(ghost));
	explore_reset();
	CHECK(shm_create(&z, 1, 1, &m) == FAULT_NONE);
	for (i = 0; i < ACTORS; i++) {
		CHECK(shm_slot_take(&m, i >= FIRST) == i);
		view[i] = m;
		view[i].slot = i;
		explore_range(&m.slots[i], 64);
	}
	for (i = 0; i < ACCOUNTS; i++) {
		struct window_spec v = w;

		v.granted = now->granted[i];
		CHECK(account_append(&m, i + 1, ACCOUNT_HARD) == i);
		CHECK(window_open(&m, i, FIRST, &v) == FAULT_NONE);
	}
	explore_range(m.columns, (size_t)((char *)m.lives - (char *)m.columns));
	explore_range(m.lives, sizeof(*m.lives) * ACTORS * ACCOUNTS * 2);
	explore_range(&ghost, sizeof(ghost));
	for (i = 0; i < WORKERS; i++) {
		ledgers[i] = ledger_new(&view[i]);
		explore_range(
		    ledgers[i], malloc_usable_size(ledgers[i]) / 8 * 8);
		explore_range(shm_hold_at(&m, i, 0),
		    offsetof(struct shm_hold, chain[ACCOUNTS]));
		add_ring(i);
	}
}

static void
tear_down(void)
{
	const int fd = m.fd;
	unsigned i;

	for (i = 0; i < WORKERS; i++) {
		ledger_free(&ledgers[i]);
		ring_close(&rings[i]);
		ring_close(&readers[i]);
		munmap((void *)(uintptr_t)ring_head_word[i], 4096);
	}
	shm_detach(&m);
	close(fd);
}

static struct explore
explore(const struct scenario *s, enum mutant mutant)
{
	struct explore x = {
		.nactors = ACTORS,
		.body = { worker, worker, worker, recorder, recorder },
		.is_shared = is_shared,
		.is_seen = is_seen,
		.may_start = may_start,
		.may_crash = may_crash,
		.on_crash = on_crash,
		.other = other,
		.check = check,
		.check_end = check_end,
		.states_max = STATES_MAX,
	};

	now = s;
	crashes_max = s->crashes;
	set_up();
	explore_mutant = mutant;
	explore_run(&x);
	explore_mutant = MUTANT_NONE;
	tear_down();
	return x;
}

/* --- a window is given to its successor --------------------------------- */

/*
 * Two workers whose clock is behind ask for a window while the recorder
 * gives its side to the next one.
 */
static void
late_worker(void *arg)
{
	const unsigned i = explore_self();
	const struct attempt *a = &now->attempt[i];
	const struct hold_spec spec = { .attempt = i,
		.most = { a->most },
		.wall_ns = 5,
		.account = a->chain,
		.n = a->n };
	struct shm_hold *h;

	(void)arg;
	if (hold_open(ledgers[i], &spec, &h, NULL) != FAULT_NONE)
		return;
	ghost.admitted[i] = 1;
	hold_close(ledgers[i], &h, (struct money){ a->cost });
}

static void
roller(void *arg)
{
	const struct window_spec w = { 3, 20, 30, now->granted[0], 0 };

	(void)arg;
	if (window_open(&m, 0, FIRST, &w) == FAULT_NONE)
		ghost.sent[7] = 1;
}

/* All that is shared moves, windows too. */
static bool
rolling_shared(unsigned actor, const volatile void *p)
{
	const unsigned slot = owner(p);

	if (within(p, &m.accounts[0], sizeof(m.accounts[0])))
		return actor < WORKERS;
	return slot != actor && slot < ACTORS &&
	       (slot == FIRST || takes_part(slot));
}

static bool
all_seen(const volatile void *p)
{
	(void)p;
	return true;
}

static bool
rolling_start(unsigned actor)
{
	return actor == FIRST || (actor < WORKERS && now->attempt[actor].n > 0);
}

static bool
never(unsigned actor)
{
	(void)actor;
	return false;
}

static bool
nobody(unsigned i, bool doit)
{
	(void)i;
	(void)doit;
	return false;
}

/* An open hold's window stands; its side is no other's. */
static const char *
check_windows(void)
{
	const struct shm_window *w = &m.accounts[0].window[1];
	unsigned i;

	for (i = 0; i < WORKERS; i++) {
		const struct shm_hold *h = shm_hold_at(&m, i, 0);

		if (atomic_load(&h->step) == HOLD_OPEN &&
		    atomic_load(&w->id) == 3)
			return "a window with a live hold was recycled";
	}
	return NULL;
}

static const char *
check_rolled(void)
{
	int64_t sum, held, want = 0;
	unsigned i;

	account_sums(&m, 0, 1, &sum, &held);
	for (i = 0; i < WORKERS; i++) {
		if (ghost.admitted[i])
			want += now->attempt[i].cost;
	}
	if (ghost.sent[7])
		want = 0; /* the next window begins with nothing spent */
	return sum + held == want && held == 0
		   ? NULL
		   : "the next window begins with another's money";
}

static const struct scenario rolling = { "two late workers and the next window",
	0, { 10, 10 }, { { 6, 6, 1, { 0 } }, { 3, 3, 1, { 0 } } }, false };

static struct explore
explore_windows(const struct scenario *s, enum mutant mutant)
{
	struct explore x = {
		.nactors = ACTORS,
		.body = { late_worker, late_worker, late_worker, roller,
		    roller },
		.is_shared = rolling_shared,
		.is_seen = all_seen,
		.may_start = rolling_start,
		.may_crash = never,
		.on_crash = on_crash,
		.other = nobody,
		.check = check_windows,
		.check_end = check_rolled,
		.states_max = STATES_MAX,
	};

	now = s;
	crashes_max = 0;
	set_up();
	atomic_store(&m.accounts[0].window[1].end_ns, 10);
	explore_range(m.accounts, sizeof(*m.accounts));
	explore_mutant = mutant;
	explore_run(&x);
	explore_mutant = MUTANT_NONE;
	tear_down();
	return x;
}

/* --- what is explored --------------------------------------------------- */

static const struct scenario scenarios[] = {
	{ "three on one account, none dies", 0, { 10, 10 },
	    { { 6, 6, 1, { 0 } }, { 6, 2, 1, { 0 } }, { 4, 4, 1, { 0 } } },
	    WHOLE },
	{ "two on crossed chains, none dies", 0, { 10, 10 },
	    { { 6, 6, 2, { 0, 1 } }, { 6, 2, 2, { 1, 0 } } }, WHOLE },
	{ "two on crossed chains, one death", 1, { 10, 10 },
	    { { 6, 6, 2, { 0, 1 } }, { 6, 2, 2, { 1, 0 } } }, WHOLE },
	{ "two on one account, all may die", 3, { 10, 10 },
	    { { 6, 3, 1, { 0 } }, { 6, 2, 1, { 0 } } }, WHOLE },
	{ "one on two accounts, all may die", 2, { 10, 10 },
	    { { 6, 3, 2, { 0, 1 } } }, WHOLE },
	{ "one above its hold, one beside it, all may die", 3, { 10, 10 },
	    { { 4, 7, 1, { 0 } }, { 3, 3, 1, { 0 } } }, WHOLE },
	{ "three on one account, one try each, one death", 1, { 10, 10 },
	    { { 6, 6, 1, { 0 } }, { 6, 2, 1, { 0 } }, { 4, 4, 1, { 0 } } },
	    ONE_TRY },
};

/* With "proof": by hand. */
static const struct scenario proofs[] = {
	{ "two on crossed chains, all may die", 3, { 10, 10 },
	    { { 6, 6, 2, { 0, 1 } }, { 6, 2, 2, { 1, 0 } } }, WHOLE },
	{ "three on crossed chains, none dies", 0, { 10, 10 },
	    { { 6, 6, 2, { 0, 1 } }, { 6, 2, 2, { 1, 0 } },
		{ 4, 4, 1, { 0 } } },
	    WHOLE },
	{ "three on one account that fit, one death", 1, { 16, 16 },
	    { { 6, 6, 1, { 0 } }, { 6, 2, 1, { 0 } }, { 4, 4, 1, { 0 } } },
	    WHOLE },
	{ "three on crossed chains that fit, one death", 1, { 16, 16 },
	    { { 6, 6, 2, { 0, 1 } }, { 6, 2, 2, { 1, 0 } },
		{ 4, 4, 1, { 0 } } },
	    WHOLE },
	{ "three on one account, one try each, two deaths", 2, { 10, 10 },
	    { { 6, 6, 1, { 0 } }, { 6, 2, 1, { 0 } }, { 4, 4, 1, { 0 } } },
	    ONE_TRY },
	{ "three on crossed chains, one try each, one death", 1, { 10, 10 },
	    { { 6, 6, 2, { 0, 1 } }, { 6, 2, 2, { 1, 0 } },
		{ 4, 4, 1, { 0 } } },
	    ONE_TRY },
	{ "three on one account, one death", 1, { 10, 10 },
	    { { 6, 6, 1, { 0 } }, { 6, 2, 1, { 0 } }, { 4, 4, 1, { 0 } } },
	    BOUNDED },
	{ "three on crossed chains, all may die", 4, { 10, 10 },
	    { { 6, 6, 2, { 0, 1 } }, { 6, 2, 2, { 1, 0 } },
		{ 4, 4, 1, { 0 } } },
	    BOUNDED },
};

/* For one mutant: each of the three wants it all. */
static const struct scenario contest = { "three want it all", 0, { 10, 10 },
	{ { 10, 1, 1, { 0 } }, { 10, 1, 1, { 0 } }, { 10, 1, 1, { 0 } } },
	WHOLE };

/* Each planted error and a scenario in which it must show. */
static const struct {
	enum mutant mutant;
	const char *name;
	const struct scenario *in; /* NULL: windows */
} mutants[] = {
	{ MUTANT_NO_FENCE, "no fence after the mark", &scenarios[1] },
	{ MUTANT_NO_REREAD, "columns are read before the mark", &scenarios[1] },
	{ MUTANT_TENTATIVE, "tentative bits are ignored", &contest },
	{ MUTANT_CLEAR_FIRST, "marks are not tentative", &scenarios[0] },
	{ MUTANT_EARLY_SUBTRACT, "columns go down before the outcome",
	    &scenarios[2] },
	{ MUTANT_REPAIR_ADDS, "repair adds instead of setting", &scenarios[4] },
	{ MUTANT_REPAIR_ZEROES, "repair zeroes first", &scenarios[4] },
	{ MUTANT_KEEP_RECORD, "a closed hold keeps its record", &scenarios[1] },
	{ MUTANT_NO_REPAIR_SEQ, "a repair outcome is not announced",
	    &scenarios[4] },
	{ MUTANT_NO_WINDOW, "the window is not looked at again", NULL },
};

static int64_t began;

static void
report(const char *name, const struct explore *x, const char *verdict)
{
	printf("%-50s %9llu states %10llu steps %6llu ends %3u deep "
	       "%5.1f s  %s\n",
	    name, (unsigned long long)x->states, (unsigned long long)x->steps,
	    (unsigned long long)x->ends, x->deepest,
	    (double)(clock_mono_ns() - began) / 1e9, verdict);
	fflush(stdout);
}

/* True: nothing wrong was found in all there is. */
static bool
must_hold(const struct scenario *s)
{
	struct explore x;

	began = clock_mono_ns();
	explore_tries = s->extent == ONE_TRY ? 1 : 2;
	x = s == &rolling ? explore_windows(s, MUTANT_NONE)
			  : explore(s, MUTANT_NONE);
	if (x.wrong == NULL && s->extent != BOUNDED &&
	    (x.states >= STATES_MAX || x.ends == 0))
		x.wrong = "the search did not end";
	report(s->name, &x,
	    x.wrong != NULL          ? x.wrong
	    : x.states >= STATES_MAX ? "ok as far as it went"
				     : "ok");
	return x.wrong == NULL;
}

static bool
must_be_found(size_t i)
{
	struct explore x;
	char verdict[128];

	began = clock_mono_ns();
	explore_tries = 2;
	x = mutants[i].in == NULL ? explore_windows(&rolling, mutants[i].mutant)
				  : explore(mutants[i].in, mutants[i].mutant);
	(void)snprintf(verdict, sizeof(verdict), "%s%s",
	    x.wrong != NULL ? "found: " : "NOT FOUND",
	    x.wrong != NULL ? x.wrong : "");
	report(mutants[i].name, &x, verdict);
	return x.wrong != NULL;
}

int
main(int argc, char **argv)
{
	const bool proof = argc > 1 && strcmp(argv[1], "proof") == 0;
	const int only = argc > 2 ? atoi(argv[2]) : -1;
	bool good = true;
	size_t i;

	for (i = 0; only < 0 && i < NELEM(scenarios); i++)
		good &= must_hold(&scenarios[i]);
	if (only < 0)
		good &= must_hold(&rolling);
	for (i = 0; only < 0 && i < NELEM(mutants); i++)
		good &= must_be_found(i);
	for (i = 0; proof && i < NELEM(proofs); i++) {
		if (only < 0 || only == (int)i)
			good &= must_hold(&proofs[i]);
	}
	return good ? 0 : 1;
}

#include "explore.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

enum {
	STACK = 32 * 1024,
	STACK_SAVED = 6 * 1024,
	BUFFER = 40,
	DEPTH = 600,
	IMAGE = 12 * 1024,
	CHOICES = 3 * ACTORS_MAX + 8
};

enum mutant explore_mutant;
unsigned explore_tries = 2;

struct store {
	void (*ghost)(uint64_t); /* or */
	volatile void *p;
	uint64_t v;
	uint32_t len;
};

enum wait { AT_START, AT_LOAD, AT_FENCE, AT_WAIT, AT_END, CRASHED };

struct actor {
	jmp_buf context;
	char *sp; /* the lowest byte of the stack in use */
	enum wait wait;
	unsigned nstores;
	struct store stores[BUFFER];
};

static struct actor actors[ACTORS_MAX];
static char stacks[ACTORS_MAX][STACK] __attribute__((aligned(64)));
static jmp_buf scheduler;
static unsigned self = ACTORS_MAX;
static struct explore *x;
static const char *ghost_wrong;

static struct {
	char *p;
	size_t len;
} ranges[RANGES_MAX];
static unsigned nranges;
static size_t image_len;

void
explore_range(void *p, size_t len)
{
	CHECK(nranges < RANGES_MAX && image_len + len <= IMAGE);
	ranges[nranges].p = p;
	ranges[nranges++].len = len;
	image_len += len;
}

void
explore_reset(void)
{
	nranges = 0;
	image_len = 0;
}

unsigned
explore_self(void)
{
	return self;
}

void
explore_wrong(const char *what)
{
	if (ghost_wrong == NULL)
		ghost_wrong = what;
}

/* --- an actor's side ---------------------------------------------------- */

/* Back to the scheduler, until it comes back here. */
static __attribute__((noinline)) void
pause_actor(enum wait wait)
{
	struct actor *a = &actors[self];

	a->wait = wait;
	a->sp = (char *)__builtin_frame_address(0) - 96;
	if (_setjmp(a->context) == 0)
		_longjmp(scheduler, 1);
}

/*
 * What returned functions left below us would make equal states differ when
 * a later frame covers it.
 */
static __attribute__((noinline)) void
clean_below(void)
{
	volatile char dead[1536];
	unsigned i;

	for (i = 0; i < sizeof(dead); i += 8)
		*(volatile uint64_t *)(volatile void *)(dead + i) = 0;
}

static uint64_t
read_word(const volatile void *p, size_t len)
{
	if (len == 8)
		return *(const volatile uint64_t *)p;
	CHECK(len == 4);
	return *(const volatile uint32_t *)p;
}

static void
write_word(volatile void *p, size_t len, uint64_t v)
{
	if (len == 8)
		*(volatile uint64_t *)p = v;
	else
		*(volatile uint32_t *)p = (uint32_t)v;
}

/* What the actor itself sees: its youngest store, else memory. */
static uint64_t
see(const volatile void *p, size_t len)
{
	const struct actor *a = &actors[self];
	unsigned i;

	for (i = a->nstores; i > 0; i--) {
		if (a->stores[i - 1].p == p)
			return a->stores[i - 1].v;
	}
	return read_word(p, len);
}

uint64_t
explore_load(const volatile void *p, size_t len)
{
	if (self == ACTORS_MAX)
		return read_word(p, len);
	clean_below();
	if (x->is_shared(self, p))
		pause_actor(AT_LOAD);
	return see(p, len);
}

static void
push(struct store s)
{
	struct actor *a = &actors[self];

	CHECK(a->nstores < BUFFER);
	a->stores[a->nstores++] = s;
}

/* A store that changes nothing, to anyone's eyes, is none. */
void
explore_store(volatile void *p, size_t len, uint64_t v)
{
	if (len == 4)
		v = (uint32_t)v;
	if (self == ACTORS_MAX)
		write_word(p, len, v);
	else if (see(p, len) != v)
		push((struct store){ .p = p, .v = v, .len = (uint32_t)len });
}

void
explore_ghost(void (*run)(uint64_t), uint64_t arg)
{
	push((struct store){ .ghost = run, .v = arg });
}

void
explore_fence(void)
{
	if (self != ACTORS_MAX && actors[self].nstores > 0)
		pause_actor(AT_FENCE);
}

bool
explore_cas(volatile void *p, size_t len, uint64_t *expected, uint64_t desired)
{
	explore_fence();
	if (read_word(p, len) != *expected) {
		*expected = read_word(p, len);
		return false;
	}
	write_word(p, len, desired);
	return true;
}

void
explore_wait(void)
{
	pause_actor(AT_WAIT);
}

/* --- the scheduler ------------------------------------------------------ */

static void
enter(void)
{
	x->body[self](NULL);
	pause_actor(AT_END);
	abort();
}

static void
resume(unsigned i)
{
	static ucontext_t fresh, back;
	struct actor *a = &actors[i];

	self = i;
	if (_setjmp(scheduler) == 0) {
		if (a->wait != AT_START)
			_longjmp(a->context, 1);
		CHECK(getcontext(&fresh) == 0);
		fresh.uc_stack.ss_sp = stacks[i];
		fresh.uc_stack.ss_size = STACK;
		fresh.uc_link = NULL;
		makecontext(&fresh, enter, 0);
		CHECK(swapcontext(&back, &fresh) == 0);
	}
	self = ACTORS_MAX;
}

static void
flush_one(struct actor *a)
{
	const struct store s = a->stores[0];

	a->nstores--;
	memmove(a->stores, a->stores + 1, a->nstores * sizeof(s));
	memset(a->stores + a->nstores, 0, sizeof(s));
	if (s.ghost != NULL)
		s.ghost(s.v);
	else
		write_word(s.p, s.len, s.v);
}

/* With what nobody else looks at, which needs no step of its own. */
static void
flush(struct actor *a)
{
	flush_one(a);
	while (a->nstores > 0 && a->stores[0].ghost == NULL &&
	       !x->is_seen(a->stores[0].p))
		flush_one(a);
}

static bool
may_run(unsigned i)
{
	const struct actor *a = &actors[i];

	switch (a->wait) {
	case AT_START:
	case AT_WAIT:
		return x->may_start(i);
	case AT_LOAD:
		return true;
	case AT_FENCE:
		return a->nstores == 0;
	case AT_END:
	case CRASHED:
		break;
	}
	return false;
}

static bool
may_crash(unsigned i)
{
	const struct actor *a = &actors[i];

	return a->wait != CRASHED && a->wait != AT_START &&
	       !(a->wait == AT_END && a->nstores == 0) && x->may_crash(i);
}

static void
crash(unsigned i)
{
	struct actor *a = &actors[i];

	memset(a, 0, sizeof(*a));
	a->wait = CRASHED;
	x->on_crash(i);
}

/* Choice c of a state; false: there is no such choice. */
static bool
choose(unsigned c, bool doit)
{
	const unsigned i = c % x->nactors;

	switch (c / x->nactors) {
	case 0:
		if (!may_run(i))
			return false;
		if (doit)
			resume(i);
		return true;
	case 1:
		if (actors[i].nstores == 0)
			return false;
		if (doit)
			flush(&actors[i]);
		return true;
	case 2:
		if (!may_crash(i))
			return false;
		if (doit)
			crash(i);
		return true;
	default:
		return x->other(c - 3 * x->nactors, doit);
	}
}

/* --- snapshots ---------------------------------------------------------- */

struct snapshot {
	struct actor actors[ACTORS_MAX];
	char stack[ACTORS_MAX][STACK_SAVED];
	char image[IMAGE];
	unsigned next; /* choice to try */
};

static struct snapshot *frames;

static size_t
stack_used(unsigned i)
{
	const struct actor *a = &actors[i];
	size_t len;

	if (a->wait == AT_START || a->wait == CRASHED || a->wait == AT_END)
		return 0;
	len = (size_t)(stacks[i] + STACK - a->sp);
	CHECK(a->sp > stacks[i] && len <= STACK_SAVED);
	return len;
}

static void
save(struct snapshot *s)
{
	char *p = s->image;
	unsigned i;

	memcpy(s->actors, actors, sizeof(actors[0]) * x->nactors);
	for (i = 0; i < x->nactors; i++) {
		const size_t len = stack_used(i);

		memcpy(s->stack[i], stacks[i] + STACK - len, len);
	}
	for (i = 0; i < nranges; i++) {
		memcpy(p, ranges[i].p, ranges[i].len);
		p += ranges[i].len;
	}
}

static void
restore(const struct snapshot *s)
{
	const char *p = s->image;
	unsigned i;

	memcpy(actors, s->actors, sizeof(actors[0]) * x->nactors);
	for (i = 0; i < x->nactors; i++) {
		const size_t len = stack_used(i);

		memcpy(stacks[i] + STACK - len, s->stack[i], len);
	}
	for (i = 0; i < nranges; i++) {
		memcpy(ranges[i].p, p, ranges[i].len);
		p += ranges[i].len;
	}
}

/*
 * Actors run code that was not optimised, so that what they are done with is
 * not left in registers and frames; the search itself may be fast.
 */
#define FAST __attribute__((optimize("O2"), noinline))

static FAST uint64_t
mix(uint64_t h, const char *p, size_t len)
{
	const uint64_t prime = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t lane[4] = { h, ~h, h ^ prime, h + prime }, v[4];
	unsigned i;

	for (; len >= 32; len -= 32, p += 32) {
		memcpy(v, p, 32);
		for (i = 0; i < 4; i++) {
			lane[i] = (lane[i] ^ v[i]) * prime;
			lane[i] ^= lane[i] >> 29;
		}
	}
	for (; len >= 8; len -= 8, p += 8) {
		memcpy(v, p, 8);
		lane[0] = (lane[0] ^ v[0]) * prime;
		lane[0] ^= lane[0] >> 29;
	}
	for (i = 1; i < 4; i++) {
		lane[0] = (lane[0] ^ lane[i]) * prime;
		lane[0] ^= lane[0] >> 32;
	}
	return lane[0];
}

/* An actor that ended is the same wherever its stack stood. */
static uint64_t
hash_state(void)
{
	uint64_t h = 1;
	unsigned i;

	for (i = 0; i < x->nactors; i++) {
		struct actor *a = &actors[i];
		const size_t len = stack_used(i) / 8 * 8;

		h = (h ^ (uint64_t)a->wait) * UINT64_C(0x100000001b3);
		h = mix(
		    h, (char *)a->stores, a->nstores * sizeof(a->stores[0]));
		h = mix(h, (char *)&a->nstores, 0) + a->nstores;
		if (len > 0) {
			h = mix(h, (char *)a->context, 64);
			h = mix(h, a->sp, len);
		}
	}
	for (i = 0; i < nranges; i++)
		h = mix(h, ranges[i].p, ranges[i].len);
	return h == 0 ? 1 : h;
}

/* Open addressing, grown by halves. */
static uint64_t *seen;
static uint64_t seen_cap, seen_n;

static FAST bool
insert(uint64_t h)
{
	uint64_t i = (h >> 7) & (seen_cap - 1);

	for (; seen[i] != 0; i = (i + 1) & (seen_cap - 1)) {
		if (seen[i] == h)
			return false;
	}
	seen[i] = h;
	seen_n++;
	return true;
}

static void
grow(void)
{
	uint64_t *old = seen, cap = seen_cap, i;

	if (seen_n * 2 < seen_cap)
		return;
	seen_cap = cap == 0 ? 1 << 16 : cap * 2;
	seen = mem_new(seen_cap * sizeof(*seen));
	seen_n = 0;
	for (i = 0; i < cap; i++) {
		if (old[i] != 0)
			(void)insert(old[i]);
	}
	mem_free(old);
}

static bool
is_new(void)
{
	grow();
	if (!insert(hash_state()))
		return false;
	x->states++;
	return true;
}

static bool
has_choice(void)
{
	unsigned c;

	for (c = 0; c < CHOICES; c++) {
		if (choose(c, false))
			return true;
	}
	return false;
}

/* Checks what a state must be; false: look no further. */
static bool
judge_state(void)
{
	if (x->wrong == NULL)
		x->wrong = ghost_wrong;
	if (x->wrong == NULL)
		x->wrong = x->check();
	if (x->wrong == NULL && !has_choice()) {
		x->ends++;
		x->wrong = x->check_end();
		return false;
	}
	return x->wrong == NULL;
}

/* The path that led here, one letter and actor per step. */
static void
print_path(unsigned depth)
{
	unsigned i, c;

	printf("    path:");
	for (i = 0; i <= depth; i++) {
		c = frames[i].next - 1;
		if (c / x->nactors < 3)
			printf(" %c%u", "rfc"[c / x->nactors], c % x->nactors);
		else
			printf(" o%u", c - 3 * x->nactors);
	}
	printf("\n");
}

static void
search(void)
{
	unsigned depth = 0;

	save(&frames[0]);
	frames[0].next = 0;
	for (;;) {
		struct snapshot *f = &frames[depth];

		while (f->next < CHOICES && !choose(f->next, false))
			f->next++;
		if (f->next >= CHOICES) {
			if (depth-- == 0)
				return;
			restore(&frames[depth]);
			continue;
		}
		choose(f->next++, true);
		x->steps++;
		if (!is_new() || !judge_state()) {
			if (x->wrong != NULL) {
				if (getenv("EXPLORE_PATH") != NULL)
					print_path(depth);
				return;
			}
			restore(f);
			continue;
		}
		if (x->states >= x->states_max)
			return;
		if (++depth > x->deepest)
			x->deepest = depth;
		CHECK(depth < DEPTH);
		save(&frames[depth]);
		frames[depth].next = 0;
	}
}

void
explore_run(struct explore *what)
{
	unsigned i;

	x = what;
	ghost_wrong = NULL;
	memset(actors, 0, sizeof(actors));
	memset(stacks, 0, sizeof(stacks));
	seen_n = 0;
	seen_cap = 0;
	mem_free(seen);
	seen = NULL;
	grow();
	if (frames == NULL)
		frames = mem_new(DEPTH * sizeof(*frames));
	for (i = 0; i < x->nactors; i++)
		actors[i].wait = AT_START;
	(void)is_new();
	search();
}

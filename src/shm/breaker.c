#include "shm/breaker.h"

#include "base/clock.h"
#include "shm/atomic.h"

/*
 * The word: what must change together.  `until` is monotonic milliseconds:
 * the end of the rest when open, of the probe's time when half open.
 */
struct word {
	enum breaker_state state; /* 2 bits */
	unsigned failures;        /* 6: in a row */
	unsigned rests;           /* 8: in a row, for the doubling */
	uint64_t until;           /* 48 */
};

static uint64_t
pack(struct word w)
{
	return (uint64_t)w.state | (uint64_t)w.failures << 2 |
	       (uint64_t)w.rests << 8 | w.until << 16;
}

static struct word
unpack(uint64_t v)
{
	unsigned state = v & 3;

	return (struct word){
		.state = state > BREAKER_HALF ? BREAKER_CLOSED
					      : (enum breaker_state)state,
		.failures = (v >> 2) & 63,
		.rests = (v >> 8) & 255,
		.until = v >> 16,
	};
}

static uint64_t
ms(int64_t ns)
{
	return ns <= 0 ? 0 : (uint64_t)(ns / NS_PER_MS);
}

struct shm_breaker *
breaker_get(struct shm *m, uint64_t deployment)
{
	const uint32_t mask = m->sizes.breakers - 1;
	uint32_t i;

	if (deployment == 0)
		return NULL;
	for (i = 0; i < m->sizes.breakers; i++) {
		struct shm_breaker *b =
		    &m->breakers[(uint32_t)(deployment + i) & mask];
		uint64_t there = at_load(&b->id);

		if (there == 0 && at_cas(&b->id, &there, deployment))
			return b;
		if (there == deployment)
			return b;
	}
	return NULL;
}

enum breaker_state
breaker_state_of(uint64_t word, int64_t mono_ns)
{
	const struct word w = unpack(word);

	if (w.state == BREAKER_OPEN && ms(mono_ns) >= w.until)
		return BREAKER_HALF;
	return w.state;
}

/* One CAS hands out the probe; who loses it looks again. */
bool
breaker_may(struct shm_breaker *b, int64_t mono_ns, bool *probe)
{
	const uint64_t now = ms(mono_ns);
	uint64_t old;

	*probe = false;
	if (b == NULL)
		return true;
	old = at_load(&b->word);
	for (;;) {
		struct word w = unpack(old);

		if (w.state == BREAKER_CLOSED)
			return true;
		if (now < w.until)
			return false;
		w.state = BREAKER_HALF;
		w.until = now + BREAKER_PROBE_MS;
		if (at_cas(&b->word, &old, pack(w))) {
			*probe = true;
			return true;
		}
	}
}

/* A call that began before the breaker opened does not close it. */
void
breaker_good(struct shm_breaker *b, bool probe)
{
	uint64_t old;

	if (b == NULL)
		return;
	if (at_peek(&b->suspect) != 0)
		at_poke(&b->suspect, 0);
	old = at_load(&b->word);
	while (old != 0) {
		struct word w = unpack(old);

		if (w.state != BREAKER_CLOSED && !probe)
			return;
		if (at_cas(&b->word, &old, 0)) {
			at_poke(&b->open_until, 0);
			return;
		}
	}
}

/* How long to rest: 1 s doubled with each rest in a row, up to a minute. */
static uint64_t
rest_ms(unsigned rests)
{
	uint64_t rest = BREAKER_REST_MAX_MS;

	if (rests < 6)
		rest = (uint64_t)BREAKER_REST_MIN_MS << rests;
	return rest < BREAKER_REST_MAX_MS ? rest : BREAKER_REST_MAX_MS;
}

static struct word
after_failure(struct word w, uint64_t now)
{
	const bool opens =
	    w.state != BREAKER_CLOSED || w.failures + 1 >= BREAKER_FAILURES;

	if (!opens) {
		w.failures++;
		return w;
	}
	w.until = now + rest_ms(w.rests);
	w.state = BREAKER_OPEN;
	w.failures = 0;
	if (w.rests < 255)
		w.rests++;
	return w;
}

/* Once open, only the probe's word counts. */
void
breaker_bad(struct shm_breaker *b, int64_t mono_ns, bool probe)
{
	uint64_t old;

	if (b == NULL)
		return;
	old = at_load(&b->word);
	for (;;) {
		struct word w = unpack(old);

		if (w.state != BREAKER_CLOSED && !probe)
			return;
		w = after_failure(w, ms(mono_ns));
		if (!at_cas(&b->word, &old, pack(w)))
			continue;
		if (w.state == BREAKER_OPEN)
			at_poke(&b->open_until, (int64_t)w.until * NS_PER_MS);
		return;
	}
}

/* Two at once may lose one count: it is a hint. */
static void
shun(struct shm_breaker *b, int64_t mono_ns, uint64_t principal)
{
	uint64_t n = 1, rest;

	if (at_peek(&b->shun_principal) == principal)
		n = at_peek(&b->shun_times) + 1;
	else
		at_poke(&b->shun_principal, principal);
	at_poke(&b->shun_times, n);
	if (n < 2)
		return;
	/* Those that went out together are one. */
	rest = n < 7 ? (uint64_t)BREAKER_REST_MIN_MS << (n - 2)
		     : BREAKER_SHUN_MAX_MS;
	if (at_peek(&b->shun_ns) < mono_ns)
		at_poke(&b->shun_ns, mono_ns + (int64_t)rest * NS_PER_MS);
	else
		at_poke(&b->shun_times, n - 1);
}

void
breaker_answered(struct shm_breaker *b, uint64_t principal)
{
	if (b == NULL || at_peek(&b->shun_times) == 0 ||
	    at_peek(&b->shun_principal) != principal)
		return;
	at_poke(&b->shun_times, 0);
	at_poke(&b->shun_ns, 0);
}

void
breaker_timeout(
    struct shm_breaker *b, int64_t mono_ns, bool probe, uint64_t principal)
{
	uint64_t before;

	if (b == NULL)
		return;
	shun(b, mono_ns, principal);
	before = at_swap(&b->suspect, principal);
	if (probe || (before != 0 && before != principal))
		breaker_bad(b, mono_ns, probe);
}

void
breaker_neutral(struct shm_breaker *b, bool probe)
{
	uint64_t old;

	if (b == NULL || !probe)
		return;
	old = at_load(&b->word);
	for (;;) {
		struct word w = unpack(old);

		if (w.state != BREAKER_HALF)
			return;
		w.state = BREAKER_OPEN;
		w.until = 0;
		if (at_cas(&b->word, &old, pack(w)))
			return;
	}
}

void
breaker_hurried(
    struct shm_breaker *b, int64_t mono_ns, bool probe, uint64_t principal)
{
	if (b == NULL)
		return;
	shun(b, mono_ns, principal);
	breaker_neutral(b, probe);
}

void
breaker_enter(struct shm_breaker *b, uint32_t slot)
{
	if (b == NULL)
		return;
	CHECK(slot < SLOTS_MAX);
	at_poke(&b->inflight[slot], at_peek(&b->inflight[slot]) + 1);
}

void
breaker_leave(struct shm_breaker *b, uint32_t slot)
{
	if (b == NULL)
		return;
	CHECK(slot < SLOTS_MAX && at_peek(&b->inflight[slot]) > 0);
	at_poke(&b->inflight[slot], at_peek(&b->inflight[slot]) - 1);
}

uint32_t
breaker_inflight(const struct shm_breaker *b, uint32_t nslots)
{
	uint32_t i, sum = 0;

	for (i = 0; b != NULL && i < nslots && i < SLOTS_MAX; i++)
		sum += at_peek(&b->inflight[i]);
	return sum;
}

void
breaker_forget_slot(struct shm *m, uint32_t slot)
{
	uint32_t i;

	CHECK(slot < SLOTS_MAX);
	for (i = 0; i < m->sizes.breakers; i++) {
		if (at_load(&m->breakers[i].id) != 0)
			at_store(&m->breakers[i].inflight[slot], 0);
	}
}

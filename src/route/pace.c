#include "route/pace.h"

#include "shm/atomic.h"

#define NS_PER_SECOND INT64_C(1000000000)
enum { HALF_LIFE_S = 30, SMOOTH = 4 };

static uint32_t
second(int64_t mono_ns)
{
	return (uint32_t)(mono_ns / NS_PER_SECOND);
}

uint64_t
pace_last(const struct shm_breaker *b, enum pace kind)
{
	return b == NULL ? 0 : at_peek(&b->pace[kind]) >> 32;
}

uint64_t
pace_of(const struct shm_breaker *b, enum pace kind, int64_t mono_ns)
{
	const uint64_t word = b == NULL ? 0 : at_peek(&b->pace[kind]);
	const uint32_t age = second(mono_ns) - (uint32_t)word;
	const uint32_t halves = age / HALF_LIFE_S;

	return halves > 31 ? 0 : (word >> 32) >> halves;
}

/* A quarter of what is new; more of it, the longer nothing was seen. */
void
pace_saw(struct shm_breaker *b, enum pace kind, uint64_t us, int64_t mono_ns)
{
	const uint64_t old = pace_of(b, kind, mono_ns);
	uint64_t v = us < UINT32_MAX ? us : UINT32_MAX;

	if (b == NULL)
		return;
	if (old != 0)
		v = old - old / SMOOTH + v / SMOOTH;
	at_poke(&b->pace[kind], (v == 0 ? 1 : v) << 32 | second(mono_ns));
}

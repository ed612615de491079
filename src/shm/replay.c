#include "shm/replay.h"

#include "shm/atomic.h"

enum { WAYS = 8, TIME_BITS = 20 };

#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)

/* Seconds left of a word; 0: it is over.  The clock wraps in 12 days, no
 * signature is good for a quarter of an hour. */
static uint64_t
left(uint64_t word, int64_t now_s)
{
	const uint64_t n = ((word & TIME_MASK) - (uint64_t)now_s) & TIME_MASK;

	return word == 0 || n > TIME_MASK / 2 ? 0 : n;
}

/* Of two that took it at once, whoever sees the other gives it up: both may,
 * never neither. */
static bool
alone(_Atomic uint64_t *place, const _Atomic uint64_t *mine, uint64_t mark)
{
	unsigned i;

	at_fence();
	for (i = 0; i < WAYS; i++) {
		if (&place[i] != mine &&
		    at_load(&place[i]) >> TIME_BITS == mark >> TIME_BITS)
			return false;
	}
	return true;
}

int64_t
replay_take(
    struct shm *m, const uint8_t signature[16], int64_t now_s, int64_t until_s)
{
	_Atomic uint64_t *place, *worst;
	uint64_t mark, at, old, least;
	unsigned i;

	memcpy(&mark, signature, 8);
	memcpy(&at, signature + 8, 8);
	mark = mark << TIME_BITS | ((uint64_t)until_s & TIME_MASK);
	place = &m->replays[(at % (REPLAY_WORDS / WAYS)) * WAYS];
	for (;;) {
		worst = place;
		least = UINT64_MAX;
		for (i = 0; i < WAYS; i++) {
			old = at_load(&place[i]);
			if (old >> TIME_BITS == mark >> TIME_BITS &&
			    left(old, now_s) > 0)
				return (int64_t)left(old, now_s);
			if (left(old, now_s) < least) {
				least = left(old, now_s);
				worst = &place[i];
			}
		}
		old = at_load(worst);
		if (left(old, now_s) == least && at_cas(worst, &old, mark))
			return alone(place, worst, mark) ? 0 : until_s - now_s;
	}
}

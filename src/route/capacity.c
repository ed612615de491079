#include "route/capacity.h"

#define MINUTE_NS INT64_C(60000000000)

static int64_t
cost_ns(uint64_t units, uint64_t per_minute)
{
	/* More than that is more than any call: an hour bounds it. */
	const uint64_t most = UINT64_MAX / (uint64_t)MINUTE_NS;
	const uint64_t n = units < most ? units : most;
	const uint64_t cost = n * (uint64_t)MINUTE_NS / per_minute;

	return cost > 60 * (uint64_t)MINUTE_NS ? 60 * MINUTE_NS : (int64_t)cost;
}

static uint64_t
tokens_of(const struct deployment_conf *d, const struct shm_breaker *b)
{
	return d->tokens_per_minute != 0 ? d->tokens_per_minute
					 : at_peek(&b->learned_tokens);
}

static uint64_t
requests_of(const struct deployment_conf *d, const struct shm_breaker *b)
{
	return d->requests_per_minute != 0 ? d->requests_per_minute
					   : at_peek(&b->learned_requests);
}

static int64_t
burst_of(const struct deployment_conf *d)
{
	return d->burst_ns > 0 ? d->burst_ns : MINUTE_NS;
}

/* How long until it fits; 0: it fits.  One that is larger than all that may
 * come at once fits when nothing else is there. */
static int64_t
wait_of(int64_t tat, int64_t cost, int64_t room, int64_t now)
{
	const int64_t from = tat > now ? tat : now;

	if (cost > room)
		cost = room;
	return from + cost - now > room ? from + cost - now - room : 0;
}

static int64_t
room_of(const struct deployment_conf *d, unsigned keep)
{
	return burst_of(d) / 100 * (100 - (int64_t)keep);
}

bool
capacity_has(const struct deployment_conf *d, const struct shm_breaker *b,
    uint64_t tokens, unsigned keep, int64_t mono_ns, int64_t *wait_ns)
{
	const uint64_t tpm = tokens_of(d, b), rpm = requests_of(d, b);
	const int64_t ahead = at_peek(&b->tokens_tat),
		      others = at_peek(&b->requests_tat);
	int64_t wait = 0, other = 0;

	/* Into an empty one anything fits. */
	if (tpm != 0 && ahead > mono_ns)
		wait = wait_of(
		    ahead, cost_ns(tokens, tpm), room_of(d, keep), mono_ns);
	if (rpm != 0 && others > mono_ns)
		other =
		    wait_of(others, cost_ns(1, rpm), room_of(d, keep), mono_ns);
	*wait_ns = wait > other ? wait : other;
	return *wait_ns == 0;
}

/* Moves the word ahead by cost; false: there is no room. */
static bool
ahead(_Atomic int64_t *word, int64_t cost, int64_t room, int64_t now,
    int64_t *wait_ns)
{
	int64_t old = at_peek(word), from;

	for (;;) {
		*wait_ns = wait_of(old, cost, room, now);
		if (*wait_ns > 0)
			return false;
		from = old > now ? old : now;
		if (at_cas(word, &old, from + cost))
			return true;
	}
}

static void
back(_Atomic int64_t *word, int64_t by)
{
	int64_t old = at_peek(word);

	while (by != 0 && !at_cas(word, &old, old - by))
		continue;
}

bool
capacity_take(const struct deployment_conf *d, struct shm_breaker *b,
    uint64_t tokens, unsigned keep, int64_t mono_ns, int64_t *wait_ns)
{
	const uint64_t tpm = tokens_of(d, b), rpm = requests_of(d, b);
	const int64_t room = room_of(d, keep);

	*wait_ns = 0;
	if (rpm != 0 &&
	    !ahead(&b->requests_tat, cost_ns(1, rpm), room, mono_ns, wait_ns))
		return false;
	if (tpm == 0 ||
	    ahead(&b->tokens_tat, cost_ns(tokens, tpm), room, mono_ns, wait_ns))
		return true;
	if (rpm != 0)
		back(&b->requests_tat, cost_ns(1, rpm));
	return false;
}

void
capacity_force(const struct deployment_conf *d, struct shm_breaker *b,
    uint64_t tokens, int64_t mono_ns)
{
	const uint64_t tpm = tokens_of(d, b), rpm = requests_of(d, b);
	int64_t wait;

	if (rpm != 0)
		(void)ahead(&b->requests_tat, cost_ns(1, rpm), INT64_MAX / 4,
		    mono_ns, &wait);
	if (tpm != 0)
		(void)ahead(&b->tokens_tat, cost_ns(tokens, tpm), INT64_MAX / 4,
		    mono_ns, &wait);
}

/* A limit that was learned meanwhile makes the difference a guess, once. */
void
capacity_settle(const struct deployment_conf *d, struct shm_breaker *b,
    uint64_t taken, uint64_t used, bool left)
{
	const uint64_t tpm = tokens_of(d, b), rpm = requests_of(d, b);

	if (tpm != 0)
		back(&b->tokens_tat, cost_ns(taken, tpm) - cost_ns(used, tpm));
	if (rpm != 0 && !left)
		back(&b->requests_tat, cost_ns(1, rpm));
}

/* left of limit: the word is at least where that leaves room for no more. */
static void
learn(_Atomic int64_t *word, uint64_t per_minute, int64_t left, int64_t burst,
    int64_t now)
{
	const int64_t least = now + burst - cost_ns((uint64_t)left, per_minute);
	int64_t old = at_peek(word);

	while (old < least && !at_cas(word, &old, least))
		continue;
}

void
capacity_learn(const struct deployment_conf *d, struct shm_breaker *b,
    const struct capacity_said *said, int64_t mono_ns)
{
	if (said->limit_tokens > 0 && d->tokens_per_minute == 0 &&
	    at_peek(&b->learned_tokens) != (uint64_t)said->limit_tokens)
		at_poke(&b->learned_tokens, (uint64_t)said->limit_tokens);
	if (said->limit_requests > 0 && d->requests_per_minute == 0 &&
	    at_peek(&b->learned_requests) != (uint64_t)said->limit_requests)
		at_poke(&b->learned_requests, (uint64_t)said->limit_requests);
	if (said->left_tokens >= 0 && tokens_of(d, b) != 0)
		learn(&b->tokens_tat, tokens_of(d, b), said->left_tokens,
		    burst_of(d), mono_ns);
	if (said->left_requests >= 0 && requests_of(d, b) != 0)
		learn(&b->requests_tat, requests_of(d, b), said->left_requests,
		    burst_of(d), mono_ns);
}

void
capacity_floor(struct shm_breaker *b, int64_t until_ns)
{
	int64_t old = at_peek(&b->floor_ns);

	while (old < until_ns && !at_cas(&b->floor_ns, &old, until_ns))
		continue;
}

/* An eighth of what is new; two that come at once may lose one. */
void
capacity_saw_output(struct shm_breaker *b, uint64_t tokens)
{
	const uint64_t now = (tokens < UINT32_MAX ? tokens : UINT32_MAX)
			     << CAPACITY_OUTPUT_SHIFT;
	const uint64_t old = at_peek(&b->output);

	at_poke(&b->output, old == 0 ? now | 1 : old - old / 8 + now / 8);
}

int64_t
capacity_left_tokens(const struct deployment_conf *d,
    const struct shm_breaker *b, int64_t mono_ns)
{
	const uint64_t tpm = b == NULL ? 0 : tokens_of(d, b);
	const int64_t tat = b == NULL ? 0 : at_peek(&b->tokens_tat);
	const int64_t room = burst_of(d) - (tat > mono_ns ? tat - mono_ns : 0);

	if (tpm == 0)
		return -1;
	return room <= 0 ? 0
			 : (int64_t)((int128)room * (int64_t)tpm / MINUTE_NS);
}

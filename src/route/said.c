#include "route/said.h"

#include "base/clock.h"

enum what { MOST_TOKENS, LEFT_TOKENS, MOST_REQUESTS, LEFT_REQUESTS };

/* Weak: Anthropic's for what goes in counts where it has none for all. */
static const struct {
	struct slice name;
	enum what what;
	bool weak;
} names[] = {
	{ S_INIT("x-ratelimit-limit-tokens"), MOST_TOKENS, false },
	{ S_INIT("x-ratelimit-remaining-tokens"), LEFT_TOKENS, false },
	{ S_INIT("x-ratelimit-limit-requests"), MOST_REQUESTS, false },
	{ S_INIT("x-ratelimit-remaining-requests"), LEFT_REQUESTS, false },
	{ S_INIT("anthropic-ratelimit-tokens-limit"), MOST_TOKENS, false },
	{ S_INIT("anthropic-ratelimit-tokens-remaining"), LEFT_TOKENS, false },
	{ S_INIT("anthropic-ratelimit-requests-limit"), MOST_REQUESTS, false },
	{ S_INIT("anthropic-ratelimit-requests-remaining"), LEFT_REQUESTS,
	    false },
	{ S_INIT("anthropic-ratelimit-input-tokens-limit"), MOST_TOKENS, true },
	{ S_INIT("anthropic-ratelimit-input-tokens-remaining"), LEFT_TOKENS,
	    true },
};

void
said_init(struct capacity_said *said)
{
	*said = (struct capacity_said){ -1, -1, -1, -1 };
}

static int64_t
number(struct slice v)
{
	uint64_t n;

	return slice_u64(slice_trim(v), &n) && n < INT64_MAX / 2 ? (int64_t)n
								 : -1;
}

static int64_t *
member(struct capacity_said *said, enum what what)
{
	switch (what) {
	case MOST_TOKENS:
		return &said->limit_tokens;
	case LEFT_TOKENS:
		return &said->left_tokens;
	case MOST_REQUESTS:
		return &said->limit_requests;
	case LEFT_REQUESTS:
		break;
	}
	return &said->left_requests;
}

bool
said_limit(struct capacity_said *said, struct slice name, struct slice value)
{
	int64_t *at;
	size_t i;

	for (i = 0; i < NELEM(names); i++) {
		if (!slice_ieq(name, names[i].name))
			continue;
		at = member(said, names[i].what);
		if (!names[i].weak || *at < 0)
			*at = number(value);
		return true;
	}
	return false;
}

/* --- dates ---------------------------------------------------------------- */

static bool
digits(struct slice s, size_t at, size_t n, int64_t *out)
{
	size_t i;

	*out = 0;
	for (i = at; i < at + n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		*out = *out * 10 + (s.p[i] - '0');
	}
	return true;
}

static bool
month_of(struct slice name, int64_t *out)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	size_t i;

	for (i = 0; i < 12; i++) {
		if (memcmp(months + 3 * i, name.p, 3) == 0) {
			*out = (int64_t)i + 1;
			return true;
		}
	}
	return false;
}

/* Days since 1970 of a day of the Gregorian calendar; years begin in March, so
 * that the day that some have is their last. */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
	const int64_t y = month > 2 ? year : year - 1;
	const int64_t m = month > 2 ? month - 3 : month + 9;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day -
	       1 - 719468;
}

bool
said_date(struct slice text, int64_t *s)
{
	static const char form[] = "Www, dd Mmm yyyy hh:mm:ss GMT";
	int64_t day, month, year, hour, minute, second;
	size_t i;

	if (text.len != sizeof(form) - 1)
		return false;
	for (i = 0; i < text.len; i++) {
		if (strchr(" ,:GT", form[i]) != NULL && text.p[i] != form[i])
			return false;
	}
	if (!digits(text, 5, 2, &day) || !digits(text, 12, 4, &year) ||
	    !digits(text, 17, 2, &hour) || !digits(text, 20, 2, &minute) ||
	    !digits(text, 23, 2, &second) ||
	    !month_of((struct slice){ text.p + 8, 3 }, &month))
		return false;
	if (day < 1 || day > 31 || year < 1970 || hour > 23 || minute > 59 ||
	    second > 60)
		return false;
	*s = ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 +
	     second;
	return true;
}

int64_t
said_retry_after(
    struct slice retry_after, struct slice retry_after_ms, int64_t wall_ns)
{
	const int64_t most = INT64_MAX / NS_PER_S - 1;
	int64_t s = number(retry_after), ms = number(retry_after_ms), at;

	if (ms > 0)
		return ms > INT64_MAX / NS_PER_MS ? most * NS_PER_S
						  : ms * NS_PER_MS;
	if (s < 0 && said_date(slice_trim(retry_after), &at))
		return at > wall_ns / NS_PER_S ? at * NS_PER_S - wall_ns : 0;
	if (s > most)
		s = most;
	return s > 0 ? s * NS_PER_S : 0;
}

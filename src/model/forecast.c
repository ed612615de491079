#include "model/forecast.h"

enum {
	WEEK = 7,
	WARM = 14,     /* days before the first test */
	SMOOTH = 4,    /* the newest counts one in so many */
	LAG = 49,      /* twice the mean age, in days, of what is averaged */
	BITS = 34,     /* of a day, after the shift: squares of sums fit */
	TENTH = 12816, /* one in ten is further off, 10^-4 deviations */
	ALL = 100 * 1000 * 1000 /* 100 percent */
};

static int128
size_of(int128 v)
{
	return v < 0 ? -v : v;
}

static unsigned
shift_of(const int64_t *day, unsigned n)
{
	unsigned i, shift = 0;

	for (i = 0; i < n; i++) {
		while (size_of(day[i]) >> shift >> BITS != 0)
			shift++;
	}
	return shift;
}

static int64_t
scaled(int64_t v, unsigned shift)
{
	return v / (INT64_C(1) << shift);
}

static void
learn(int64_t mean[WEEK], unsigned seen, unsigned weekday, int64_t v)
{
	if (seen < WEEK)
		mean[weekday] = v;
	else
		mean[weekday] += (v - mean[weekday]) / SMOOTH;
}

static int64_t
week_sum(const int64_t mean[WEEK], unsigned weekday, unsigned days)
{
	int64_t week = 0, rest = 0;
	unsigned i;

	for (i = 0; i < WEEK; i++) {
		week += mean[i];
		if (i < days % WEEK)
			rest += mean[(weekday + i) % WEEK];
	}
	return week * (days / WEEK) + rest;
}

static unsigned
horizon_of(unsigned n, unsigned ahead)
{
	const unsigned most = (n - WARM) / 3;

	if (ahead > most)
		ahead = most;
	return ahead < WEEK ? WEEK : ahead;
}

struct test {
	unsigned n, valued;
	int128 error, square, percent;
};

static void
note(struct test *t, int64_t actual, int64_t said)
{
	const int128 error = (int128)actual - said;

	t->n++;
	t->error += error;
	t->square += error * error;
	if (actual > 0) {
		t->valued++;
		t->percent += size_of(error) * ALL / actual;
	}
}

static int128
root(int128 v)
{
	int128 lo = 0, hi = (int128)1 << 62, mid;

	while (lo < hi) {
		mid = lo + (hi - lo + 1) / 2;
		if (mid * mid <= v)
			lo = mid;
		else
			hi = mid - 1;
	}
	return lo;
}

/* Of the mean error what chance does not explain. */
static int64_t
drift_of(const struct test *t, int128 apart)
{
	const int128 mean = t->error / t->n;
	const int128 spread = t->square / t->n - mean * mean;
	const int128 chance = root(spread > 0 ? spread / apart : 0);

	if (size_of(mean) <= chance)
		return 0;
	return (int64_t)(mean > 0 ? mean - chance : mean + chance);
}

/* Wider when the tests cover few horizons that do not overlap. */
static void
conclude(struct forecast *f, const struct test *t, unsigned n)
{
	const int128 apart = (n - WARM) / f->horizon;

	f->tests = t->n;
	f->drift = drift_of(t, apart);
	f->square =
	    t->square / t->n * (apart + 1) * (apart + 1) / (apart * apart);
	if (t->valued > 0)
		f->mape = (int64_t)(t->percent / t->valued);
}

bool
forecast_make(const int64_t *day, unsigned n, unsigned weekday, unsigned ahead,
    struct forecast *out)
{
	struct test t = { 0 };
	int64_t next = 0; /* the sum of the days that a test looks at */
	unsigned i, k;

	*out = (struct forecast){ .weekday = (weekday + n) % WEEK };
	if (n < FORECAST_DAYS_LEAST || n > FORECAST_DAYS_MAX)
		return false;
	out->shift = shift_of(day, n);
	out->horizon = horizon_of(n, ahead);
	for (i = 0; i < out->horizon; i++)
		next += scaled(day[i], out->shift);
	for (i = 0; i < n; i++) {
		k = (weekday + i) % WEEK;
		if (i >= WARM && i + out->horizon <= n)
			note(&t, next, week_sum(out->mean, k, out->horizon));
		next -= scaled(day[i], out->shift);
		if (i + out->horizon < n)
			next += scaled(day[i + out->horizon], out->shift);
		learn(out->mean, i, k, scaled(day[i], out->shift));
	}
	conclude(out, &t, n);
	return true;
}

/* Errors of days add up as noise does; past what was tested, as a walk. */
static int128
deviation(const struct forecast *f, unsigned ahead)
{
	int128 square = f->square * ahead / f->horizon;

	if (ahead > f->horizon)
		square = square * ahead / f->horizon * ahead / f->horizon;
	return root(square);
}

/* What lags behind a trend grows with how far is looked. */
static int128
trend(const struct forecast *f, unsigned ahead)
{
	return (int128)f->drift * ahead * (LAG + ahead) /
	       (2 * (int128)f->horizon * (LAG + f->horizon));
}

void
forecast_sum(
    const struct forecast *f, unsigned ahead, int128 out[FORECAST_POINTS])
{
	const unsigned days =
	    ahead < FORECAST_DAYS_MAX ? ahead : FORECAST_DAYS_MAX;
	const int128 p50 = week_sum(f->mean, f->weekday, days) + trend(f, days);
	const int128 off = deviation(f, days) * TENTH / 10000;
	unsigned i;

	out[FORECAST_P10] = p50 - off;
	out[FORECAST_P50] = p50;
	out[FORECAST_P90] = p50 + off;
	for (i = 0; i < FORECAST_POINTS; i++)
		out[i] = out[i] < 0 ? 0 : out[i] * ((int128)1 << f->shift);
}

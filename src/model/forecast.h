/*
 * forecast.h - how much will be burned, from what was, day by day
 *
 * Each weekday has its own moving average (the newest counts a quarter), and
 * the week ahead is made of these: a seasonal-naive forecast, smoothed.  The
 * same is done at every day of the past for the days that followed; how far
 * it was off says how wide the forecast is, and what of its mean is no chance
 * how much a trend moves it.  Integers only: it stands beside money.
 */
#ifndef KONTOR_MODEL_FORECAST_H
#define KONTOR_MODEL_FORECAST_H

#include "base/base.h"

enum {
	FORECAST_DAYS_LEAST = 28, /* of history; with less nothing is said */
	FORECAST_DAYS_MAX = 4000  /* of history, and ahead */
};

enum forecast_point {
	FORECAST_P10,
	FORECAST_P50,
	FORECAST_P90,
	FORECAST_POINTS
};

struct forecast {
	unsigned weekday; /* of the first day ahead */
	unsigned shift;   /* what follows is in units of 2^shift */
	int64_t mean[7];  /* by weekday */
	/* The back-test: so many, each of a sum over horizon days. */
	unsigned horizon, tests;
	int64_t drift; /* mean error */
	int128 square; /* mean squared error, widened for few tests */
	int64_t mape;  /* mean absolute error, 10^-6 percent of the sum */
};

/*
 * day: n sums, the newest last; weekday: of the first, 0 to 6; ahead: how far
 * it will be asked, which the back-test follows as far as the history goes.
 * False: too little history.
 */
bool forecast_make(const int64_t *day, unsigned n, unsigned weekday,
    unsigned ahead, struct forecast *out) MUST_USE;

/* What the first so many days ahead add up to, with one chance in ten below
 * and one above; never below zero. */
void forecast_sum(
    const struct forecast *f, unsigned ahead, int128 out[FORECAST_POINTS]);

#endif

/*
 * agreement.h - agreements as the books have them: burned, accrued, ahead
 *
 * Terms are those of the generation in force, or of the last one that had
 * the agreement.  Sums are the store's, exact; what is ahead is a forecast
 * from whole days (UTC) and never a single number.
 */
#ifndef KONTOR_BOOKS_AGREEMENT_H
#define KONTOR_BOOKS_AGREEMENT_H

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "model/agreement.h"
#include "model/forecast.h"
#include "store/store.h"

enum commitment_alert {
	ALERT_NONE,
	ALERT_SHORTFALL, /* a part will not be used before its end */
	ALERT_EXHAUSTION /* it will be used up before its end */
};

/* A commitment and where it stands. */
struct commitment_view {
	uint64_t account;
	struct money amount, burned;
	struct period in;
	bool ended;
	unsigned days;                /* whole days of history before now */
	struct money last_7, last_28; /* burned in these */
	/* When known; else there is too little history, or no end to reach. */
	bool forecast;
	struct forecast f;
	int128 end_balance[FORECAST_POINTS];   /* below zero: spent on top */
	int64_t exhausted_ns[FORECAST_POINTS]; /* midnight; 0: not before */
	enum commitment_alert alert;
	bool alert_sure; /* nine times in ten, not just more often than not */
	unsigned alert_days; /* from now to what it warns of */
};

/*
 * Where a commitment stands: day holds what was burned on each of so many
 * whole days before the day of now, which itself burned today.  c has
 * account, amount and in.  Pure.
 */
void agreement_look(struct commitment_view *c, const int64_t *day, unsigned n,
    struct money before, struct money today, int64_t now_ns);

/*
 * {"at", "agreements":[{name, provider, contract, from, to, in_force,
 * configured, discount, commitment, shares}]}.  name empty: all.  at_ns 0: now,
 * by the accounts; else as of that hour, by the rollups, but for shares, which
 * are always as of now.  FAULT_NOT_FOUND: there is no such one.
 */
enum fault agreement_report(struct store *s, struct slice name, int64_t at_ns,
    struct buf *out) MUST_USE;

#endif

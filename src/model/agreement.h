/*
 * agreement.h - what was agreed with a provider, and what it makes of a cost
 *
 * An agreement is for one provider account and a half-open time.  Its
 * discount turns a list cost into a contracted one; what is contracted burns
 * a commitment down and lets revenue shares accrue.  The terms of a request
 * are those in force when it came in (the time in its id), so every frame
 * about it, a late correction too, means the same ones.
 *
 * Percentages are int64 in 10^-6 percent: 100 % is 10^8.  Every division
 * rounds once, half to even; products are 128 bits wide, nothing overflows.
 */
#ifndef KONTOR_MODEL_AGREEMENT_H
#define KONTOR_MODEL_AGREEMENT_H

#include "model/money.h"

enum { PERCENT_ALL = 100 * 1000 * 1000, PERCENT_DECIMALS = 6 };
enum { AGREEMENTS_MAX = 256, SHARES_MAX = 8 /* of one agreement */ };

/* Half open, wall clock; to_ns 0: without an end. */
struct period {
	int64_t from_ns, to_ns;
};

struct agreement {
	uint64_t id;       /* hash64 of its name */
	uint64_t provider; /* hash64 of the account's name */
	struct period in_force;
	/* At most one of the two is not 0. */
	int64_t percent;         /* off the list cost */
	struct rate per_token;   /* off the list cost, for every token */
	struct money commitment; /* 0: none */
	struct period commitment_in;
};

struct share {
	uint64_t agreement; /* id */
	int64_t percent;
	bool of_list; /* else of the contracted cost */
	struct money cap;
	struct period in;
};

/* What an account is for; numbers are in the log. */
enum pledge_kind { PLEDGE_COMMITMENT = 1, PLEDGE_SHARE = 2 };

/* "12.5": at most 6 decimals, 0 to 100. */
bool agreement_percent_parse(struct slice s, int64_t *out) MUST_USE;
void agreement_percent_write(struct buf *b, int64_t percent);

bool period_has(const struct period *p, int64_t at_ns);
/* No time is in both. */
bool period_apart(const struct period *a, const struct period *b);

/* Can its numbers be?  Whoever reads it from a file asks first. */
bool agreement_sane(const struct agreement *a);
bool share_sane(const struct share *s);

/*
 * a NULL: no agreement, the list cost.  Rises with list and falls with
 * tokens (all input and output), and is never below zero, so:
 */
struct money agreement_contracted(
    const struct agreement *a, struct money list, uint64_t tokens);
/* no contracted cost of a call is above this of its list bound. */
struct money agreement_bound(const struct agreement *a, struct money list);

/* The least list cost whose bound that is. */
struct money agreement_list_of(const struct agreement *a, struct money bound);

/* What a share owes, and what it would owe without its cap. */
struct share_sum {
	struct money accrued, earned;
};

/*
 * A share after a posting of a cost that was another before (0: none was).
 * What each makes is rounded and then taken from the other, so that a call has
 * earned in the end what its last cost makes.  Earned is all that the rate
 * makes of it; accrued follows it up to the cap, and what a posting below zero
 * takes back is first of all what the cap had cut off.  So under one cap
 * accrued is always the smaller of cap and earned, in whatever order postings
 * come; another cap changes what is to come, not what was.  Nothing outside its
 * time counts, nothing falls below zero.  cap: as the account says by now.
 */
struct share_sum share_post(const struct share *s, struct money cap,
    struct share_sum so_far, struct money base, struct money was,
    int64_t at_ns);

/* Ids of the accounts: the highest bit is theirs alone. */
uint64_t agreement_account(
    struct slice agreement, enum pledge_kind kind, struct slice partner);

#endif

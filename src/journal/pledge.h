/*
 * pledge.h - what the agreements of a generation say of an attempt
 *
 * Shared by whoever books frames and whoever adds them up again.  The terms
 * of an attempt follow from its generation, its deployment and the time in
 * the request's id alone: docs/log-format.md.
 */
#ifndef KONTOR_JOURNAL_PLEDGE_H
#define KONTOR_JOURNAL_PLEDGE_H

#include "journal/frame.h"

enum { PLEDGE_POSTINGS = 1 + SHARES_MAX };

/* Windows of the accounts' balances: what is owed; of a share also what it
 * would be without its cap. */
enum { PLEDGE_ACCRUED = 1, PLEDGE_EARNED = 2 };

/* What one outcome, or one correction, means for one account. */
struct pledge_posting {
	uint64_t account;
	enum pledge_kind kind;
	const struct share *share; /* NULL: a commitment */
	struct money base;         /* what it costs */
	struct money was;          /* what it cost before */
	struct money cap;          /* as its generation says */
	int64_t at_ns;             /* when the request came in */
};

/* NULL: none.  The deployment is one of g. */
const struct agreement_row *pledge_agreement(
    const struct generation *g, unsigned deployment, const struct reqid *req);

/* The hold at list prices. */
struct money pledge_list_hold(const struct intent *i);

/* What it costs by them: contracted and effective, from list and usage. */
void pledge_contract(const struct generation *g, struct outcome *o);

/* NULL, or what is wrong with hold, cost or agreement by the terms. */
const char *pledge_judge_intent(
    const struct generation *g, const struct intent *i);
const char *pledge_judge_cost(
    const struct generation *g, const struct outcome *o);
const char *pledge_judge_outcome(const struct generation *g,
    const struct intent *i, const struct outcome *o);

/* What it moves; what was void or never sent costs nothing.  was: what a
 * correction corrects; NULL: it is none. */
unsigned pledge_postings(const struct generation *g, const struct outcome *o,
    const struct outcome *was, struct pledge_posting out[PLEDGE_POSTINGS]);
/*
 * The account after it.  cap: what the account says, or the posting's; a
 * commitment has none, and earns what is burned.
 */
struct share_sum pledge_post(
    const struct pledge_posting *p, struct money cap, struct share_sum so_far);

#endif

#include "ledger/chain.h"

#include "shm/atomic.h"
#include "shm/subject.h"

/* False: there is no room.  What is there already is there once. */
static bool
add(int32_t *list, unsigned *n, unsigned max, int32_t row)
{
	unsigned i;

	for (i = 0; i < *n; i++) {
		if (list[i] == row)
			return true;
	}
	if (*n == max)
		return false;
	list[(*n)++] = row;
	return true;
}

static bool
add_account(const struct shm *m, struct chain *c, int32_t row)
{
	uint32_t flags;

	if (row < 0 || (uint32_t)row >= m->sizes.accounts)
		return false;
	flags = at_load(&m->accounts[row].flags);
	/* A budget that was taken away binds nobody. */
	if (flags & ACCOUNT_CLOSED)
		return true;
	c->hard = c->hard || (flags & ACCOUNT_HARD) != 0;
	return add(c->account, &c->naccounts, HOLD_CHAIN_MAX, row);
}

static bool
add_limit(const struct shm *m, struct chain *c, int32_t row)
{
	if (row < 0 || (uint32_t)row >= m->sizes.limits)
		return false;
	/* What cannot be bounded cannot be below it. */
	c->hard =
	    c->hard || at_load(&m->limits[row].kind) == LIMIT_COST_PER_CALL;
	return add(c->limit, &c->nlimits, CHAIN_LIMITS, row);
}

static bool
add_subject(const struct shm *m, struct chain *c, int32_t subject)
{
	struct subject_lists s;
	unsigned i;

	if (!subject_read(m, subject, &s))
		return false;
	for (i = 0; i < s.nbudgets; i++) {
		if (!add_account(m, c, s.budget[i]))
			return false;
	}
	for (i = 0; i < s.nlimits; i++) {
		if (!add_limit(m, c, s.limit[i]))
			return false;
	}
	return true;
}

bool
chain_gather(const struct shm *m, const struct shm_key *k, const int32_t *tag,
    unsigned ntags, struct chain *out)
{
	unsigned i;

	out->naccounts = out->nlimits = 0;
	out->hard = false;
	for (i = 0; i < k->nsubjects && i < KEY_SUBJECTS; i++) {
		if (!add_subject(m, out, k->subject[i]))
			return false;
	}
	for (i = 0; i < ntags; i++) {
		if (!add_subject(m, out, tag[i]))
			return false;
	}
	return true;
}

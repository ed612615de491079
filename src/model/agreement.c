#include "model/agreement.h"

#include "model/ident.h"

static const uint64_t account_bit = UINT64_C(1) << 63;

bool
agreement_percent_parse(struct slice s, int64_t *out)
{
	struct rate r; /* 6 decimals too */

	if (!rate_parse_per_million(s, &r) || r.pico > PERCENT_ALL)
		return false;
	*out = r.pico;
	return true;
}

void
agreement_percent_write(struct buf *b, int64_t percent)
{
	rate_write_per_million(b, (struct rate){ percent });
}

static int128
share_of(int64_t amount, int64_t percent)
{
	const int128 product = (int128)amount * percent;
	const int rest = (int)(product % PERCENT_ALL);
	const int size = rest < 0 ? -rest : rest;
	int128 nano = product / PERCENT_ALL;

	if (size > PERCENT_ALL / 2 ||
	    (size == PERCENT_ALL / 2 && nano % 2 != 0))
		nano += rest < 0 ? -1 : 1;
	return nano;
}

bool
period_has(const struct period *p, int64_t at_ns)
{
	return at_ns >= p->from_ns && (p->to_ns == 0 || at_ns < p->to_ns);
}

bool
period_apart(const struct period *a, const struct period *b)
{
	return (a->to_ns != 0 && a->to_ns <= b->from_ns) ||
	       (b->to_ns != 0 && b->to_ns <= a->from_ns);
}

static bool
period_sane(const struct period *p)
{
	return p->from_ns >= 0 && (p->to_ns == 0 || p->to_ns > p->from_ns);
}

static bool
percent_sane(int64_t percent)
{
	return percent >= 0 && percent <= PERCENT_ALL;
}

bool
agreement_sane(const struct agreement *a)
{
	return period_sane(&a->in_force) && period_sane(&a->commitment_in) &&
	       percent_sane(a->percent) && a->per_token.pico >= 0 &&
	       (a->percent == 0 || a->per_token.pico == 0) &&
	       a->commitment.nano >= 0;
}

bool
share_sane(const struct share *s)
{
	return period_sane(&s->in) && percent_sane(s->percent) &&
	       s->cap.nano >= 0;
}

struct money
agreement_contracted(
    const struct agreement *a, struct money list, uint64_t tokens)
{
	struct money off;

	if (a == NULL || list.nano <= 0)
		return list;
	if (a->per_token.pico == 0)
		return (struct money){ (int64_t)share_of(
		    list.nano, PERCENT_ALL - a->percent) };
	if (!money_line(a->per_token, tokens, &off) || off.nano > list.nano)
		off = list;
	return (struct money){ list.nano - off.nano };
}

struct money
agreement_bound(const struct agreement *a, struct money list)
{
	return agreement_contracted(a, list, 0);
}

/* A bound rises with its list cost by no more than that does, so each amount
 * is the bound of one; it is looked for. */
struct money
agreement_list_of(const struct agreement *a, struct money bound)
{
	int64_t lo = 0, hi = INT64_MAX, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (agreement_bound(a, (struct money){ mid }).nano < bound.nano)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (struct money){ lo };
}

static int64_t
within(int128 v, int64_t most)
{
	return v < 0 ? 0 : v > most ? most : (int64_t)v;
}

struct share_sum
share_post(const struct share *s, struct money cap, struct share_sum so_far,
    struct money base, struct money was, int64_t at_ns)
{
	const int128 more =
	    share_of(base.nano, s->percent) - share_of(was.nano, s->percent);
	const int64_t had = so_far.accrued.nano;
	struct share_sum now = so_far;

	if (!period_has(&s->in, at_ns))
		return so_far;
	now.earned.nano = within(so_far.earned.nano + more, INT64_MAX);
	if (more >= 0)
		now.accrued.nano =
		    within(had + more, cap.nano > had ? cap.nano : had);
	else
		now.accrued.nano = within(had, now.earned.nano);
	return now;
}

uint64_t
agreement_account(
    struct slice agreement, enum pledge_kind kind, struct slice partner)
{
	struct buf text = { 0 };
	uint64_t id;

	/* Names have no newline, so no two texts are the same. */
	buf_fmt(&text, "agreement\n%u\n%.*s\n%.*s", (unsigned)kind,
	    S_FMT(agreement), S_FMT(partner));
	id = hash64(buf_slice(&text)) | account_bit;
	buf_fini(&text);
	return id;
}

#include "main/terms.h"

#include "base/date.h"
#include "model/ident.h"

struct taker {
	struct arena *scratch;
	struct report *report;
	struct snapshot *s;
	struct agreement_conf *agreement;
	const struct ynode **node; /* of each */
};

/* --- values ---------------------------------------------------------- */

static const struct ynode *
scalar(const struct ynode *n, const char *rel)
{
	const struct ynode *at = ynode_find(n, rel);

	return at != NULL && at->kind == YNODE_SCALAR ? at : NULL;
}

static const char *
text_of(struct taker *k, const struct ynode *n, const char *rel)
{
	const struct ynode *at = scalar(n, rel);

	return at != NULL ? arena_str(&k->s->arena, at->text) : "";
}

/* What cannot be read is reported by the rows of options.def. */
static int64_t
date_of(const struct ynode *n, const char *rel, int64_t or_else)
{
	const struct ynode *at = scalar(n, rel);
	int64_t ns;

	return at != NULL && date_parse(at->text, &ns) ? ns : or_else;
}

static struct money
money_of(struct taker *k, const struct ynode *n, const char *rel)
{
	const struct ynode *at = scalar(n, rel);
	struct money m = { 0 };

	if (at == NULL || !money_parse(at->text, &m))
		return (struct money){ 0 };
	if (m.nano == 0)
		report_add(k->report, at->at, "leave it out, or say how much",
		    "\"%.*s\" is an amount above 0", S_FMT(at->key));
	return m;
}

static int64_t
percent_of(const struct ynode *n, const char *rel)
{
	const struct ynode *at = scalar(n, rel);
	int64_t percent;

	return at != NULL && agreement_percent_parse(at->text, &percent)
		   ? percent
		   : 0;
}

static struct mark
place(const struct ynode *n)
{
	return n->key.len > 0 ? n->key_at : n->at;
}

/* n's own from and to; what it does not say is as in the agreement. */
static struct period
period_of(
    struct taker *k, const struct ynode *n, const struct period *agreement)
{
	const struct period none = { 0 };
	const struct period *outer = agreement != NULL ? agreement : &none;
	struct period p = { date_of(n, "from", outer->from_ns),
		date_of(n, "to", outer->to_ns) };
	const struct ynode *to = scalar(n, "to"), *from = scalar(n, "from");

	if (p.to_ns != 0 && p.to_ns <= p.from_ns) {
		report_add(k->report,
		    to != NULL     ? to->at
		    : from != NULL ? from->at
				   : place(n),
		    "\"to\" is the first moment after it",
		    "it ends before it begins");
		return *outer;
	}
	if (p.from_ns < outer->from_ns ||
	    (outer->to_ns != 0 && (p.to_ns == 0 || p.to_ns > outer->to_ns)))
		report_add(k->report,
		    from != NULL && p.from_ns < outer->from_ns ? from->at
		    : to != NULL                               ? to->at
							       : place(n),
		    "only calls under the agreement count",
		    "its dates leave those of the agreement");
	return p;
}

/* --- who it is with -------------------------------------------------- */

static const char *
provider_hint(struct taker *k, struct slice typed)
{
	const unsigned n = k->s->nproviders;
	const char **names = ARENA_ARRAY(k->scratch, const char *, n + 1);
	const char *near;
	unsigned i;

	for (i = 0; i < n; i++)
		names[i] = k->s->provider[i].id;
	near = report_nearest(typed, names, n);
	if (near != NULL)
		return arena_fmt(k->scratch, "did you mean \"%s\"?", near);
	return n > 0 ? arena_fmt(k->scratch, "there is: %s", names[0]) : NULL;
}

static void
take_provider(struct taker *k, const struct ynode *n, struct agreement_conf *a)
{
	const struct ynode *at = scalar(n, "provider");
	unsigned i;

	for (i = 0; at != NULL && i < k->s->nproviders; i++) {
		if (slice_eq(slice_of(k->s->provider[i].id), at->text))
			a->provider = &k->s->provider[i];
	}
	if (a->provider != NULL)
		a->terms.provider = a->provider->hash;
	else if (at != NULL)
		report_add(k->report, at->at, provider_hint(k, at->text),
		    "there is no provider \"%.*s\"", S_FMT(at->text));
}

static void
check_currency(struct taker *k, const struct ynode *n)
{
	const struct ynode *at = scalar(n, "currency");

	if (at != NULL && !slice_eq(at->text, slice_of(k->s->currency)))
		report_add(k->report, at->at,
		    arena_fmt(k->scratch, "the ledger's is %s", k->s->currency),
		    "the currency \"%.*s\" is not the ledger's",
		    S_FMT(at->text));
}

static void
check_overlap(
    struct taker *k, const struct ynode *n, const struct agreement_conf *a)
{
	unsigned i;

	for (i = 0; i < k->s->nagreements; i++) {
		const struct agreement_conf *other = &k->agreement[i];

		if (other->provider != a->provider ||
		    period_apart(&other->terms.in_force, &a->terms.in_force))
			continue;
		report_add(k->report, n->key_at,
		    "let the first end where the second begins",
		    "it overlaps with \"%s\" in line %u, of the same provider",
		    other->name, k->node[i]->key_at.line);
		return;
	}
}

/* --- terms ----------------------------------------------------------- */

static void
take_discount(struct taker *k, const struct ynode *n, struct agreement *t)
{
	const struct ynode *percent = scalar(n, "discount.percent");
	const struct ynode *rate = scalar(n, "discount.per_million");

	t->percent = percent_of(n, "discount.percent");
	if (rate == NULL || !rate_parse_per_million(rate->text, &t->per_token))
		t->per_token.pico = 0;
	if (percent == NULL || rate == NULL)
		return;
	report_add(k->report, rate->key_at, "keep one of the two",
	    "a discount is a percentage or an amount, not both");
	t->per_token.pico = 0;
}

static void
take_commitment(
    struct taker *k, const struct ynode *n, struct agreement_conf *a)
{
	const struct ynode *at = ynode_find(n, "commitment");

	if (at == NULL || at->kind != YNODE_MAP)
		return;
	a->terms.commitment = money_of(k, at, "amount");
	a->terms.commitment_in = period_of(k, at, &a->terms.in_force);
	a->account =
	    agreement_account(slice_of(a->name), PLEDGE_COMMITMENT, S(""));
}

static void
check_twin(struct taker *k, const struct ynode *n,
    const struct agreement_conf *a, const struct share_conf *s)
{
	const struct ynode *at = scalar(n, "partner");
	unsigned i;

	for (i = 0; i < a->nshares; i++) {
		if (strcmp(a->share[i].partner, s->partner) == 0)
			report_add(k->report, at != NULL ? at->at : n->at,
			    "each share needs a partner of its own",
			    "the partner \"%s\" is here twice", s->partner);
	}
}

static void
take_share(struct taker *k, const struct ynode *n, struct agreement_conf *a,
    struct share_conf *s)
{
	const struct ynode *base = scalar(n, "base");

	s->partner = scalar(n, "partner") != NULL
			 ? text_of(k, n, "partner")
			 : arena_fmt(&k->s->arena, "%u", a->nshares + 1);
	s->account = agreement_account(
	    slice_of(a->name), PLEDGE_SHARE, slice_of(s->partner));
	s->terms = (struct share){
		.agreement = a->terms.id,
		.percent = percent_of(n, "rate"),
		.of_list = base != NULL && slice_eq(base->text, S("list")),
		.cap = money_of(k, n, "cap"),
		.in = period_of(k, n, &a->terms.in_force),
	};
	check_twin(k, n, a, s);
	a->nshares++;
}

static void
take_shares(struct taker *k, const struct ynode *n, struct agreement_conf *a)
{
	const struct ynode *list = ynode_find(n, "revenue_share"), *c;
	struct share_conf *share =
	    ARENA_ARRAY(&k->s->arena, struct share_conf, SHARES_MAX);

	a->share = share;
	if (list == NULL || list->kind != YNODE_LIST)
		return;
	for (c = list->child; c != NULL; c = c->next) {
		if (c->kind == YNODE_MAP && a->nshares < SHARES_MAX)
			take_share(k, c, a, &share[a->nshares]);
	}
}

static void
take_agreement(struct taker *k, const struct ynode *n, struct agreement_conf *a)
{
	a->name = arena_str(&k->s->arena, n->key);
	a->terms.id = hash64(n->key);
	a->contract = text_of(k, n, "contract");
	a->notes = text_of(k, n, "notes");
	a->terms.in_force = period_of(k, n, NULL);
	take_provider(k, n, a);
	check_currency(k, n);
	take_discount(k, n, &a->terms);
	take_commitment(k, n, a);
	take_shares(k, n, a);
	if (a->provider != NULL)
		check_overlap(k, n, a);
	k->node[k->s->nagreements++] = n;
}

void
terms_take(struct arena *scratch, const struct ynode *root, struct report *r,
    struct snapshot *s)
{
	const struct ynode *map = ynode_find(root, "agreements"), *n;
	struct taker k = { .scratch = scratch, .report = r, .s = s };

	if (map == NULL || map->kind != YNODE_MAP)
		return;
	if (map->n > AGREEMENTS_MAX) {
		report_add(r, map->key_at, NULL,
		    "there may be %d agreements at most", AGREEMENTS_MAX);
		return;
	}
	k.agreement = ARENA_ARRAY(&s->arena, struct agreement_conf, map->n + 1);
	k.node = ARENA_ARRAY(scratch, const struct ynode *, map->n + 1);
	s->agreement = k.agreement;
	for (n = map->child; n != NULL; n = n->next) {
		if (n->kind == YNODE_MAP)
			take_agreement(&k, n, &k.agreement[s->nagreements]);
	}
}

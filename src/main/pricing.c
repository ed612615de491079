#include "main/pricing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/date.h"
#include "base/json.h"
#include "main/book.h"
#include "main/config.h"
#include "main/csv.h"
#include "model/agreement.h"
#include "model/ident.h"

enum {
	PRICES_MAX = 128, /* rows of the book for one deployment */
	PART_FILE = 1,    /* of a report: mistakes of prices_file */
	PART_MORE = 2
};

struct own {
	const struct ynode *node;
	const char *file;                         /* it stands in */
	unsigned part;                            /* of the report */
	const struct deployment_conf *deployment; /* or the two below */
	const struct provider_conf *provider;
	struct slice model;
	struct price price;
	bool untiered;   /* its tier is that of each deployment */
	bool bad;        /* reported already */
	bool more, same; /* it is from elsewhere; and was here already */
};

struct taker {
	const struct pricing *p;
	struct arena *scratch;
	struct report *report;
	struct snapshot *s;
	struct book book;
	struct own *own;
	size_t nown;
	struct own **mine; /* room for those of one deployment */
};

/* --- values ---------------------------------------------------------- */

static const struct ynode *
scalar(const struct ynode *n, const char *rel)
{
	const struct ynode *at = ynode_find(n, rel);

	return at != NULL && at->kind == YNODE_SCALAR ? at : NULL;
}

static int64_t
date_of(const struct ynode *n, const char *rel)
{
	const struct ynode *at = scalar(n, rel);
	int64_t ns;

	return at != NULL && date_parse(at->text, &ns) ? ns : 0;
}

static struct slice
name_of(struct taker *k, const struct ynode *n, const char *rel)
{
	const struct ynode *at = scalar(n, rel);

	return at != NULL ? arena_copy(&k->s->arena, at->text) : S("");
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* --- uplift ---------------------------------------------------------- */

static bool
lift(int64_t *v, int64_t percent)
{
	const int128 one = INT64_C(100000000); /* 100 percent */
	const int128 product = (int128)*v * (one + percent);

	if (product % one != 0 || product / one > INT64_MAX)
		return false;
	*v = (int64_t)(product / one);
	return true;
}

static bool
lift_rates(struct rates *r, int64_t percent, const char **rate)
{
	unsigned i;

	for (i = 0; i < LANES; i++) {
		*rate = lane_text((enum lane)i);
		if (!lift(&r->rate[i].pico, percent))
			return false;
	}
	return true;
}

/*
 * Adds percent (in 10^-6 of one) to every rate and the fee.  False, and
 * *rate says which: one cannot be held exactly.
 */
static bool
pricing_uplift(struct price *p, int64_t percent, const char **rate)
{
	unsigned i;

	if (!lift_rates(&p->base, percent, rate))
		return false;
	for (i = 0; i < p->nsteps; i++) {
		if (!lift_rates(&p->step[i].rates, percent, rate))
			return false;
	}
	*rate = "per_request";
	return lift(&p->per_request.nano, percent);
}

static void
own_uplift(struct taker *k, const struct ynode *n, struct own *o)
{
	const struct ynode *at = scalar(n, "uplift");
	const char *rate;
	int64_t percent;

	if (at == NULL || !agreement_percent_parse(at->text, &percent) ||
	    pricing_uplift(&o->price, percent, &rate))
		return;
	report_add(k->report, at->at,
	    "say the prices with it, or with fewer decimals",
	    "\"%s\" and %.*s percent cannot be held exactly", rate,
	    S_FMT(at->text));
	o->bad = true;
}

/* --- the operator's rows --------------------------------------------- */

static void
take_lanes(const struct ynode *n, struct rates *out)
{
	const struct ynode *at;
	struct rate rate;
	unsigned i;

	for (i = 0; i < LANES; i++) {
		at = scalar(n, lane_text((enum lane)i));
		if (at != NULL && rate_parse_per_million(at->text, &rate))
			rates_set(out, (enum lane)i, rate);
	}
}

static void
take_steps(struct taker *k, const struct ynode *list, struct price *p)
{
	const struct ynode *n, *at;
	uint64_t tokens, last = 0;

	if (list == NULL || list->kind != YNODE_LIST)
		return;
	for (n = list->child; n != NULL; n = n->next) {
		at = scalar(n, "tokens");
		if (at == NULL || !slice_u64(at->text, &tokens) ||
		    p->nsteps == PRICE_STEPS)
			continue; /* reported */
		if (tokens <= last)
			report_add(k->report, at->at,
			    "from the lowest to the highest, each once",
			    "the steps do not rise");
		last = tokens;
		p->step[p->nsteps].above = tokens;
		take_lanes(n, &p->step[p->nsteps++].rates);
	}
}

static void
take_row(struct taker *k, const struct ynode *n, struct own *o)
{
	const struct ynode *fee = scalar(n, "per_request");
	const struct ynode *to = scalar(n, "to");
	struct price *p = &o->price;

	p->operators = true;
	p->tier = name_of(k, n, "tier");
	o->untiered = p->tier.len == 0;
	p->from_ns = date_of(n, "from");
	p->to_ns = date_of(n, "to");
	p->source = arena_copy(&k->s->arena, slice_of(base_name(o->file)));
	if (fee == NULL || !money_parse(fee->text, &p->per_request))
		p->per_request.nano = 0; /* reported */
	take_lanes(n, &p->base);
	take_steps(k, ynode_find(n, "above"), p);
	if (p->to_ns != 0 && p->to_ns <= p->from_ns)
		report_add(k->report, to->at,
		    "\"to\" is the first moment after it",
		    "it ends before it begins");
	own_uplift(k, n, o);
}

/* Did you mean ..., or what there is. */
static const char *
hint_of(struct taker *k, struct slice typed, const char *const *names, size_t n)
{
	const char *near = report_nearest(typed, names, n);
	struct buf b = { 0 };
	const char *hint;
	size_t i;

	if (n == 0)
		return NULL;
	if (near != NULL)
		return arena_fmt(k->scratch, "did you mean \"%s\"?", near);
	buf_str(&b, "there are: ");
	for (i = 0; i < n && i < 10; i++)
		buf_fmt(&b, "%s%s", i > 0 ? ", " : "", names[i]);
	hint = arena_str(k->scratch, buf_slice(&b));
	buf_fini(&b);
	return hint;
}

static const struct deployment_conf *
need_deployment(struct taker *k, const struct ynode *at)
{
	const unsigned n = k->s->ndeployments;
	const char **names = ARENA_ARRAY(k->scratch, const char *, n + 1);
	unsigned i;

	for (i = 0; i < n; i++) {
		names[i] = k->s->deployment[i].id;
		if (slice_eq(slice_of(names[i]), at->text))
			return &k->s->deployment[i];
	}
	report_add(k->report, at->at, hint_of(k, at->text, names, n),
	    "there is no deployment \"%.*s\"", S_FMT(at->text));
	return NULL;
}

static const struct provider_conf *
need_provider(struct taker *k, const struct ynode *at)
{
	const unsigned n = k->s->nproviders;
	const char **names = ARENA_ARRAY(k->scratch, const char *, n + 1);
	unsigned i;

	for (i = 0; i < n; i++) {
		names[i] = k->s->provider[i].id;
		if (slice_eq(slice_of(names[i]), at->text))
			return &k->s->provider[i];
	}
	report_add(k->report, at->at, hint_of(k, at->text, names, n),
	    "there is no provider \"%.*s\"", S_FMT(at->text));
	return NULL;
}

static bool
is_for(const struct own *o, const struct deployment_conf *d)
{
	if (o->deployment != NULL)
		return o->deployment == d;
	return o->provider != NULL && o->provider == d->provider &&
	       (slice_eq(o->model, slice_of(d->model->id)) ||
		   slice_eq(o->model, slice_of(d->name)));
}

static void
check_pair(struct taker *k, struct own *o, const struct ynode *model)
{
	unsigned i;

	for (i = 0; i < k->s->ndeployments; i++) {
		if (is_for(o, &k->s->deployment[i]))
			return;
	}
	if (o->provider != NULL)
		report_add(k->report, model->at,
		    "the model's id, or the provider's name for it",
		    "there is no \"%.*s\" at provider \"%s\"",
		    S_FMT(model->text), o->provider->id);
}

static void
take_target(struct taker *k, const struct ynode *n, struct own *o)
{
	const struct ynode *deployment = scalar(n, "deployment");
	const struct ynode *provider = scalar(n, "provider");
	const struct ynode *model = scalar(n, "model");

	if (deployment != NULL && provider == NULL && model == NULL) {
		o->deployment = need_deployment(k, deployment);
	} else if (deployment == NULL && provider != NULL && model != NULL) {
		o->provider = need_provider(k, provider);
		o->model = model->text;
		check_pair(k, o, model);
	} else {
		report_add(k->report, n->at,
		    "deployment: ID, or provider: ID and model: NAME",
		    "a price is for a deployment, or for a model at a "
		    "provider");
	}
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
take_list(struct taker *k, const struct ynode *root)
{
	const struct ynode *list =
	    root != NULL ? ynode_find(root, "prices") : NULL;
	const struct ynode *n;

	if (list == NULL || list->kind != YNODE_LIST)
		return;
	k->own = mem_grow(k->own, (k->nown + list->n + 1) * sizeof(*k->own));
	for (n = list->child; n != NULL; n = n->next) {
		struct own *o = &k->own[k->nown];

		if (n->kind != YNODE_MAP)
			continue;
		*o = (struct own){ .node = n,
			.file = k->report->file,
			.part = k->report->part,
			.more = k->report->part == PART_MORE };
		take_row(k, n, o);
		take_target(k, n, o);
		check_currency(k, n);
		k->nown++;
	}
}

/* The file's mistakes stand under its own name, after the others. */
static void
take_file(struct taker *k)
{
	struct report *r = k->report;
	const char *was = r->file;
	struct ynode *root = NULL;
	struct buf text = { 0 };

	/* The report outlives the snapshot that the name is in. */
	r->file = arena_str(&r->arena, slice_of(k->p->prices_file));
	r->part = PART_FILE;
	if (k->p->more != NULL && k->p->more->whole.p != NULL)
		root = ynode_parse(k->scratch, k->p->more->whole, r);
	else if (k->p->more != NULL && access(r->file, F_OK) != 0)
		root = NULL; /* it will be made */
	else if (config_file_read(r->file, YTREE_BYTES_MAX + 1, &text))
		root = ynode_parse(k->scratch, buf_slice(&text), r);
	else
		report_add(r, (struct mark){ 0, 0 },
		    "prices_file names a file that is there, with a list "
		    "\"prices\"",
		    "cannot be read: %s", strerror(errno));
	if (root != NULL && options_check_prices(k->scratch, root, r))
		take_list(k, root);
	r->file = was;
	r->part = 0;
	buf_fini(&text);
}

static void
take_more(struct taker *k)
{
	const struct pricing_more *m = k->p->more;
	struct report *r = k->report;
	const char *was = r->file;
	struct ynode *root;

	r->file = m->file;
	r->part = PART_MORE;
	root = m->csv ? csv_parse(k->scratch, "prices", m->text, r)
		      : ynode_parse(k->scratch, m->text, r);
	if (root != NULL && options_check_prices(k->scratch, root, r))
		take_list(k, root);
	r->file = was;
	r->part = 0;
}

/* --- rows that say the same ------------------------------------------ */

/* Of rows for one deployment: by tier, then by when they begin; what is here
 * already before what is from elsewhere. */
static int
by_tier_and_day(const void *a, const void *b)
{
	const struct own *const *x = a, *const *y = b;
	const struct slice s = (*x)->price.tier, t = (*y)->price.tier;
	const size_t len = s.len < t.len ? s.len : t.len;
	int c = len > 0 ? memcmp(s.p, t.p, len) : 0;

	if (c == 0)
		c = (s.len > t.len) - (s.len < t.len);
	if (c == 0)
		c = ((*x)->price.from_ns > (*y)->price.from_ns) -
		    ((*x)->price.from_ns < (*y)->price.from_ns);
	if (c == 0)
		c = (int)(*x)->more - (int)(*y)->more;
	if (c == 0)
		c = ((*x)->node->at.line > (*y)->node->at.line) -
		    ((*x)->node->at.line < (*y)->node->at.line);
	return c;
}

static void
say_overlap(struct taker *k, const struct own *first, struct own *then,
    const char *text, const char *hint)
{
	const char *was = k->report->file;

	if (first->bad || then->bad)
		return;
	then->bad = true;
	k->report->file = then->file;
	k->report->part = then->part;
	report_add(k->report, then->node->at, hint,
	    "%s the price in line %u of %s", text, first->node->at.line,
	    base_name(first->file));
	k->report->file = was;
	k->report->part = 0;
}

/* A row from elsewhere that is here already is not taken again. */
static bool
says_the_same(struct own *a, struct own *b)
{
	const size_t from = offsetof(struct price, base);
	const size_t to = offsetof(struct price, source);

	if ((!a->more && !b->more) || a->price.to_ns != b->price.to_ns ||
	    memcmp((const char *)&a->price + from,
		(const char *)&b->price + from, to - from) != 0)
		return false;
	if (b->more)
		b->same = true;
	else
		a->same = true;
	return true;
}

/*
 * A later row takes the place of an earlier one.  Two that begin together, or
 * one that begins before the end that another gives itself, say two things.
 */
static void
check_overlaps(struct taker *k, struct own **row, size_t n)
{
	size_t i;

	qsort(row, n, sizeof(struct own *), by_tier_and_day);
	for (i = 1; i < n; i++) {
		const struct price *a = &row[i - 1]->price;
		const struct price *b = &row[i]->price;

		if (!slice_eq(a->tier, b->tier))
			continue;
		if (a->from_ns == b->from_ns &&
		    says_the_same(row[i - 1], row[i]))
			continue;
		if (a->from_ns == b->from_ns)
			say_overlap(k, row[i - 1], row[i],
			    "it is in force from the same moment as",
			    "give it a from of its own");
		else if (a->to_ns > b->from_ns)
			say_overlap(k, row[i - 1], row[i],
			    "it begins before the end of",
			    "let that end, at the latest, when this begins");
	}
}

/* --- both together --------------------------------------------------- */

static int
newest_first(const void *a, const void *b)
{
	const struct price *x = a, *y = b;

	if (x->from_ns != y->from_ns)
		return x->from_ns > y->from_ns ? -1 : 1;
	return (int)y->operators - (int)x->operators;
}

/* Batches are no calls: only who says that its calls are. */
static bool
served_at(const struct deployment_conf *d, struct slice tier)
{
	return !slice_eq(tier, S("batch")) || slice_eq(tier, slice_of(d->tier));
}

/* A row for the region itself leaves none for every region. */
static bool
hidden(const struct book_row *const *rows, size_t n, const struct book_row *r)
{
	size_t i;

	if (!slice_eq(r->region, S("*")))
		return false;
	for (i = 0; i < n; i++) {
		if (slice_eq(rows[i]->tier, r->tier) &&
		    !slice_eq(rows[i]->region, S("*")))
			return true;
	}
	return false;
}

static struct price
book_price(struct taker *k, const struct book_row *r, const char *region)
{
	struct price p = r->price;
	const char *rate;
	int64_t percent = book_uplift(r, slice_of(region));

	p.tier = arena_copy(&k->s->arena, r->tier);
	p.source = arena_copy(&k->s->arena, r->source);
	if (percent != 0) {
		CHECK(pricing_uplift(&p, percent, &rate));
		price_name(&p, r->type, slice_of(region), r->tier, r->model);
	}
	return p;
}

static size_t
find_rows(struct taker *k, const struct deployment_conf *d,
    const struct book_row **rows, size_t max)
{
	struct book_query q = {
		.type = slice_of(provider_type_text(d->provider->type)),
		.region = slice_of(d->provider->region),
	};

	if (!slice_eq(k->book.currency, slice_of(k->s->currency)))
		return 0;
	if (k->p->priced_as[d->index].len > 0)
		q.name[q.nname++] = k->p->priced_as[d->index];
	q.name[q.nname++] = slice_of(d->name);
	q.name[q.nname++] = slice_of(d->model->id);
	return book_find(&k->book, &q, rows, max);
}

static void
take_book(struct taker *k, struct deployment_conf *d,
    const struct book_row *const *rows, size_t n, struct price *to)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (served_at(d, rows[i]->tier) && !hidden(rows, n, rows[i]))
			to[d->nprice++] =
			    book_price(k, rows[i], d->provider->region);
		if (d->context == 0)
			d->context = rows[i]->context;
		if (d->max_output == 0)
			d->max_output = rows[i]->max_output;
	}
}

static void
price_deployment(struct taker *k, struct deployment_conf *d)
{
	const struct book_row *rows[PRICES_MAX];
	struct price *price;
	size_t i, n = 0, nbook;

	if (d->provider == NULL)
		return;
	for (i = 0; i < k->nown; i++) {
		if (is_for(&k->own[i], d))
			k->mine[n++] = &k->own[i];
	}
	nbook = find_rows(k, d, rows, PRICES_MAX);
	price = ARENA_ARRAY(&k->s->arena, struct price, n + nbook + 1);
	d->price = price;
	take_book(k, d, rows, nbook, price);
	for (i = 0; i < n; i++) {
		if (k->mine[i]->untiered)
			k->mine[i]->price.tier = slice_of(d->tier);
		price[d->nprice] = k->mine[i]->price;
		price_name(&price[d->nprice], slice_of(d->provider->id), S("*"),
		    price[d->nprice].tier, slice_of(d->id));
		d->nprice++;
	}
	check_overlaps(k, k->mine, n);
	if (d->nprice > 1)
		qsort(price, d->nprice, sizeof(*price), newest_first);
}

/* --- rows from elsewhere, as text ------------------------------------ */

static void
write_node(struct buf *b, const struct ynode *n)
{
	const struct ynode *c;

	if (n->kind == YNODE_SCALAR) {
		struct buf quoted = { 0 };

		json_w_str(&quoted, n->text);
		buf_add(b, buf_slice(&quoted));
		buf_fini(&quoted);
		return;
	}
	buf_char(b, n->kind == YNODE_MAP ? '{' : '[');
	for (c = n->child; c != NULL; c = c->next) {
		if (n->kind == YNODE_MAP)
			buf_fmt(b, "%.*s: ", S_FMT(c->key));
		write_node(b, c);
		if (c->next != NULL)
			buf_str(b, ", ");
	}
	buf_char(b, n->kind == YNODE_MAP ? '}' : ']');
}

static void
tell_more(struct taker *k)
{
	struct pricing_more *m = k->p->more;
	size_t i;

	if (k->p->prices_file != NULL)
		m->prices_file = mem_dup(slice_of(k->p->prices_file));
	for (i = 0; i < k->nown; i++) {
		const struct own *o = &k->own[i];

		if (!o->more)
			continue;
		m->added += !o->same;
		m->same += o->same;
		if (o->same)
			continue;
		buf_str(&m->rows, "  - ");
		write_node(&m->rows, o->node);
		buf_char(&m->rows, '\n');
	}
}

void
pricing_take(const struct pricing *p)
{
	struct taker k = {
		.p = p, .scratch = p->scratch, .report = p->report, .s = p->s
	};
	unsigned i;

	book_open(&k.book);
	take_list(&k, p->root);
	if (p->prices_file != NULL)
		take_file(&k);
	if (p->more != NULL)
		take_more(&k);
	k.mine = mem_new((k.nown + 1) * sizeof(struct own *));
	for (i = 0; i < p->s->ndeployments; i++)
		price_deployment(&k, &p->deployment[i]);
	if (p->more != NULL)
		tell_more(&k);
	mem_free(k.mine);
	mem_free(k.own);
	book_close(&k.book);
}

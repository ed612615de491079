/*
 * dim.c - what attempts are grouped by, beside their key and time
 *
 * A dimension is a row of names and ids that many attempts share: where the
 * attempt went, the price row and its step, the agreement, how sure the cost
 * is, the tags of the request.  Each generation remembers the rows it met, by
 * deployment, so that an outcome is one short look.
 */
#include "model/price.h"
#include "recorder/state.h"

static uint64_t
dim_hash(const struct dim *d)
{
	uint64_t h = table_hash(d->price, d->agreement, d->step);
	size_t i;

	h = table_hash(h, (uint64_t)d->flag, (uint64_t)d->late);
	h = table_hash(h, (uint64_t)d->percent, (uint64_t)d->per_token);
	for (i = 0; i < DIM_TEXTS; i++)
		h = table_hash(h, hash64(slice_of(d->text[i])), i);
	return h;
}

static bool
same(const struct dim *a, const struct dim *b)
{
	size_t i;

	for (i = 0; i < DIM_TEXTS; i++) {
		if (strcmp(a->text[i], b->text[i]) != 0)
			return false;
	}
	return a->price == b->price && a->agreement == b->agreement &&
	       a->percent == b->percent && a->per_token == b->per_token &&
	       a->step == b->step && a->flag == b->flag && a->late == b->late;
}

/* Takes the texts of d, which is the caller's otherwise. */
static int64_t
take(struct recorder *r, struct dim *d)
{
	const uint64_t h = dim_hash(d);
	struct dim *known = table_first(&r->dims, h);
	size_t i;

	while (known != NULL && !same(known, d))
		known = table_same(known);
	if (known == NULL) {
		known = NEW(struct dim);
		*known = *d;
		known->id = ++r->last_dim;
		known->fresh = r->fresh_dims;
		r->fresh_dims = known;
		table_add(&r->dims, &known->node, h);
		return known->id;
	}
	for (i = 0; i < DIM_TEXTS; i++)
		mem_free(d->text[i]);
	return known->id;
}

/* The tags' subject ids, rising: "3,17". */
static char *
tags_text(const struct outcome *o)
{
	struct buf b = { 0 };
	uint64_t last = 0, next;
	char *text;
	unsigned i;

	for (;;) {
		next = UINT64_MAX;
		for (i = 0; i < o->ntags; i++) {
			if (o->tags[i] > last && o->tags[i] < next)
				next = o->tags[i];
		}
		if (next == UINT64_MAX)
			break;
		if (b.len > 0)
			buf_char(&b, ',');
		buf_u64(&b, next);
		last = next;
	}
	text = mem_dup(buf_slice(&b));
	buf_fini(&b);
	return text;
}

static void
fill_texts(struct dim *d, const struct deployment_row *row,
    const struct price *p, const struct outcome *o)
{
	const struct slice text[DIM_TEXTS] = {
		[DIM_MODEL] = row->model,
		[DIM_PROVIDER] = row->provider,
		[DIM_PUBLISHER] = row->publisher,
		[DIM_DEPLOYMENT] = row->id,
		[DIM_REGION] = row->region,
		/* What was sold, which need not be what was asked for. */
		[DIM_TIER] = p != NULL && p->tier.len > 0 ? p->tier : row->tier,
		[DIM_TYPE] = row->type,
		[DIM_ZONE] = row->zone,
		[DIM_NAME] = row->name,
	};
	size_t i;

	for (i = 0; i < DIM_TEXTS; i++)
		d->text[i] = i == DIM_TAGS ? tags_text(o) : mem_dup(text[i]);
}

static bool
same_ref(const struct dim_ref *a, const struct dim_ref *b)
{
	unsigned i;

	if (a->deployment != b->deployment || a->price != b->price ||
	    a->step != b->step || a->agreement != b->agreement ||
	    a->flag != b->flag || a->late != b->late || a->ntags != b->ntags)
		return false;
	for (i = 0; i < a->ntags && a->tags[i] == b->tags[i]; i++)
		;
	return i == a->ntags;
}

static uint64_t
ref_hash(const struct dim_ref *f)
{
	uint64_t h = table_hash(f->deployment, f->price, f->step);
	unsigned i;

	h = table_hash(h, (uint64_t)f->flag, (uint64_t)f->late);
	for (i = 0; i < f->ntags; i++)
		h = table_hash(h, f->tags[i], i);
	return h;
}

static void
fill_terms(struct dim *d, const struct generation *g)
{
	unsigned i;

	for (i = 0; d->agreement != 0 && i < g->nagreements; i++) {
		if (g->agreements[i].terms.id == d->agreement) {
			d->percent = g->agreements[i].terms.percent;
			d->per_token = g->agreements[i].terms.per_token.pico;
		}
	}
}

static int64_t
resolve(struct recorder *r, const struct known_config *c,
    const struct outcome *o, const struct dim_ref *want)
{
	struct dim d = { .price = want->price,
		.agreement = want->agreement,
		.step = want->step,
		.flag = want->flag,
		.late = want->late };

	fill_terms(&d, &c->g);
	fill_texts(&d, &c->g.deployments[o->deployment],
	    config_price(c, o->deployment, o->price), o);
	return take(r, &d);
}

int64_t
dim_of(struct recorder *r, struct known_config *c, const struct outcome *o,
    int64_t late)
{
	const struct price *p = config_price(c, o->deployment, o->price);
	struct dim_ref want = { .deployment = o->deployment,
		.price = o->price,
		.agreement = o->agreement,
		.flag = apply_flag(o->resolution),
		.late = late,
		.ntags = o->ntags };
	struct dim_ref *f;
	uint64_t h;

	if (p != NULL)
		(void)price_rates(p, o->usage.input, &want.step);
	memcpy(want.tags, o->tags, o->ntags * sizeof(*o->tags));
	h = ref_hash(&want);
	f = table_first(&c->dims, h);
	while (f != NULL && !same_ref(f, &want))
		f = table_same(f);
	if (f == NULL) {
		f = NEW(struct dim_ref);
		*f = want;
		f->dim = resolve(r, c, o, &want);
		table_add(&c->dims, &f->node, h);
	}
	return f->dim;
}

/* --- the store --------------------------------------------------------- */

#define COLUMNS \
	"id, price, step, agreement, percent, per_token, flag, late, model, " \
	"provider, publisher," \
	" deployment, region, tier, type, zone, name, tags"

void
dims_load(struct recorder *r)
{
	struct stmt *q = store_sql(r->store, "SELECT " COLUMNS " FROM dims");
	struct slice flag;
	struct dim *d;
	int i;

	while (stmt_step(q)) {
		d = NEW(struct dim);
		d->id = stmt_get_i64(q, 0);
		d->price = stmt_get_u64(q, 1);
		d->step = (unsigned)stmt_get_i64(q, 2);
		d->agreement = stmt_get_u64(q, 3);
		d->percent = stmt_get_i64(q, 4);
		d->per_token = stmt_get_i64(q, 5);
		flag = stmt_get(q, 6);
		d->flag = flag.len > 0 ? flag.p[0] : '\0';
		d->late = stmt_get_i64(q, 7);
		for (i = 0; i < DIM_TEXTS; i++)
			d->text[i] = mem_dup(stmt_get(q, i + 8));
		table_add(&r->dims, &d->node, dim_hash(d));
		if (d->id > r->last_dim)
			r->last_dim = d->id;
	}
}

static void
save(struct recorder *r, const struct dim *d)
{
	struct stmt *q = store_sql(r->store,
	    "INSERT INTO dims (" COLUMNS ") VALUES"
	    " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	int i;

	stmt_i64(q, 1, d->id);
	stmt_u64(q, 2, d->price);
	stmt_i64(q, 3, d->step);
	stmt_u64(q, 4, d->agreement);
	stmt_i64(q, 5, d->percent);
	stmt_i64(q, 6, d->per_token);
	stmt_text(q, 7, (struct slice){ &d->flag, 1 });
	stmt_i64(q, 8, d->late);
	for (i = 0; i < DIM_TEXTS; i++)
		stmt_text(q, i + 9, slice_of(d->text[i]));
	stmt_run(q);
}

void
dims_save(struct recorder *r)
{
	const struct dim *d;

	for (d = r->fresh_dims; d != NULL; d = d->fresh)
		save(r, d);
}

#include "journal/field.h"

static void *
member_rw(void *v, size_t at)
{
	return (char *)v + at;
}

/* --- writing ------------------------------------------------------------ */

static bool
is_text(unsigned field)
{
	switch (field) {
#define TEXT_uint false
#define TEXT_int false
#define TEXT_bool false
#define TEXT_bytes false
#define TEXT_chain false
#define TEXT_tries false
#define TEXT_maps false
#define TEXT_uints false
#define TEXT_steps false
#define TEXT_text true
#define FIELD(no, name, type, text) \
	case no: \
		return TEXT_##type;
#include "journal/fields.def"
#undef FIELD
	default:
		return false;
	}
}

static void
put_pairs(struct cbor_w *w, const void *v, const struct field_row *r)
{
	const struct field_list *l = r->list;
	const char *p = field_at_(v, r->at);
	uint64_t i, n = field_count_(v, r);

	CHECK(n <= l->max);
	cbor_w_array(w, 2 * n);
	for (i = 0; i < n; i++, p += l->size) {
		cbor_w_u64(w, field_number_(p, &l->first));
		cbor_w_u64(w, field_number_(p, &l->second));
	}
}

static void
put_u64s(struct cbor_w *w, const void *v, const struct field_row *r)
{
	const uint64_t *p = field_at_(v, r->at);
	uint64_t i, n = field_count_(v, r);

	CHECK(n <= r->list->max);
	cbor_w_array(w, n);
	for (i = 0; i < n; i++)
		cbor_w_u64(w, p[i]);
}

/* One level deep: a list inside a list would need a table of ours. */
static void
put_maps(struct cbor_w *w, const void *v, const struct field_row *r)
{
	const struct field_list *l = r->list;
	const char *p = *(const char *const *)field_at_(v, r->at);
	uint64_t i, n = field_count_(v, r);

	CHECK(n <= l->max);
	cbor_w_array(w, n);
	for (i = 0; i < n; i++, p += l->size)
		field_write(w, p, l->rows, l->nrows);
}

/* [above, lanes as bits, their rates in order, above, ...] */
static void
put_steps(struct cbor_w *w, const struct price *p)
{
	const uint32_t all = (1u << LANES) - 1;
	unsigned i, k, n = 0;

	for (i = 0; i < p->nsteps; i++)
		n += 2 +
		     (unsigned)__builtin_popcount(p->step[i].rates.has & all);
	cbor_w_array(w, n);
	for (i = 0; i < p->nsteps; i++) {
		const struct rates *r = &p->step[i].rates;

		cbor_w_u64(w, p->step[i].above);
		cbor_w_u64(w, r->has & all);
		for (k = 0; k < LANES; k++) {
			if ((r->has & LANE_BIT(k)) != 0)
				cbor_w_i64(w, r->rate[k].pico);
		}
	}
}

static void
put_string(struct cbor_w *w, unsigned field, struct slice s)
{
	if (is_text(field))
		cbor_w_text(w, s);
	else
		cbor_w_bytes(w, s);
}

static void
put_value(
    struct cbor_w *w, const void *v, const struct field_row *r, uint64_t n)
{
	const void *p = field_at_(v, r->at);

	switch ((enum field_type)r->type) {
	case TYPE_U64:
	case TYPE_UINT:
		cbor_w_u64(w, n);
		return;
	case TYPE_I64:
	case TYPE_AS:
	case TYPE_OPT:
		cbor_w_i64(w, *(const int64_t *)p);
		return;
	case TYPE_BOOL:
		cbor_w_bool(w, n != 0);
		return;
	case TYPE_B16:
		cbor_w_bytes(w, (struct slice){ p, 16 });
		return;
	case TYPE_B32:
		cbor_w_bytes(w, (struct slice){ p, 32 });
		return;
	case TYPE_BYTES:
		put_string(w, r->field, *(const struct slice *)p);
		return;
	case TYPE_FAULT:
		cbor_w_text(w, slice_of(fault_get((enum fault)n)->name));
		return;
	case TYPE_PAIRS:
		put_pairs(w, v, r);
		return;
	case TYPE_U64S:
		put_u64s(w, v, r);
		return;
	case TYPE_MAPS:
		put_maps(w, v, r);
		return;
	case TYPE_LANE:
		cbor_w_i64(w, ((const struct rates *)p)->rate[r->other].pico);
		return;
	case TYPE_STEPS:
		put_steps(w, p);
		return;
	case TYPE_U64_OLD:
	case TYPE_LANE_OLD:
		return;
	}
}

void
field_put_(
    struct cbor_w *w, const void *v, const struct field_row *r, uint64_t n)
{
	cbor_w_key(w, r->field);
	put_value(w, v, r, n);
}

void
field_write(
    struct cbor_w *w, const void *v, const struct field_row *rows, size_t n)
{
	struct cbor_run run;
	size_t i;

	cbor_w_map(w);
	run = cbor_run_(w);
	for (i = 0; i < n; i++)
		field_write_row_(w, &run, v, &rows[i]);
	cbor_run_end_(w, &run);
	cbor_w_map_end(w);
}

/* --- reading ------------------------------------------------------------ */

/* Faults stick in the reader; what a bad value leaves behind is not used. */
struct in {
	struct cbor_r r;
	struct arena *arena;
};

static inline uint64_t
take_u64(struct in *in)
{
	uint64_t v;

	return cbor_r_u64(&in->r, &v) ? v : 0;
}

static inline int64_t
take_i64(struct in *in)
{
	int64_t v;

	return cbor_r_i64(&in->r, &v) ? v : 0;
}

static uint64_t
take_array(struct in *in)
{
	uint64_t n;

	return cbor_r_array(&in->r, &n) ? n : 0;
}

static struct slice
take_string(struct in *in, bool text)
{
	struct slice s;

	if (text ? cbor_r_text(&in->r, &s) : cbor_r_bytes(&in->r, &s))
		return s;
	return (struct slice){ "", 0 };
}

static inline void
store(struct in *in, void *v, const struct field_row *r, uint64_t n)
{
	void *p = member_rw(v, r->at);
	const unsigned u = (unsigned)n;
	const bool b = n != 0;

	if (r->type == TYPE_BOOL)
		memcpy(p, &b, sizeof(b));
	else if (r->type == TYPE_U64 || r->type == TYPE_U64_OLD)
		memcpy(p, &n, sizeof(n));
	else if (n <= UINT32_MAX)
		memcpy(p, &u, sizeof(u));
	else
		in->r.bad = true;
}

static void
get_fixed(struct in *in, void *p, size_t len)
{
	const struct slice s = take_string(in, false);

	if (s.len != len)
		in->r.bad = true;
	else
		memcpy(p, s.p, len);
}

/* A name that a later version made is a fault we have no better word for. */
static void
get_fault(struct in *in, void *v, const struct field_row *r)
{
	const struct slice s = take_string(in, true);
	unsigned i;

	for (i = 0; i < FAULT_MAX; i++) {
		if (slice_eq(s, slice_of(fault_get((enum fault)i)->name)))
			break;
	}
	store(in, v, r, i < FAULT_MAX ? i : FAULT_INTERNAL);
}

static void
set_count(void *v, const struct field_row *r, uint64_t n)
{
	const unsigned u = (unsigned)n;

	memcpy(member_rw(v, r->other), &u, sizeof(u));
}

static void
get_pairs(struct in *in, void *v, const struct field_row *r)
{
	const struct field_list *l = r->list;
	char *p = member_rw(v, r->at);
	uint64_t i, n = take_array(in);

	if (n % 2 != 0 || n / 2 > l->max)
		in->r.bad = true;
	for (i = 0; i < n / 2 && !in->r.bad; i++, p += l->size) {
		store(in, p, &l->first, take_u64(in));
		store(in, p, &l->second, take_u64(in));
	}
	set_count(v, r, n / 2);
}

static void
get_u64s(struct in *in, void *v, const struct field_row *r)
{
	uint64_t *p = member_rw(v, r->at);
	uint64_t i, n = take_array(in);

	if (n > r->list->max)
		in->r.bad = true;
	for (i = 0; i < n && !in->r.bad; i++)
		p[i] = take_u64(in);
	set_count(v, r, n);
}

static const uint8_t *read_map(const uint8_t *p, const uint8_t *end, void *v,
    const struct field_row *rows, size_t n, struct arena *a);

/* Each map is a byte at least: what is allocated stays within 500 x that. */
static void
get_maps(struct in *in, void *v, const struct field_row *r)
{
	const struct field_list *l = r->list;
	uint64_t i, n = take_array(in);
	const uint8_t *next;
	char *p;

	if (n > l->max || n > (size_t)(in->r.end - in->r.p) ||
	    in->arena == NULL)
		in->r.bad = true;
	if (in->r.bad)
		return;
	p = arena_new(in->arena, n * l->size);
	*(char **)member_rw(v, r->at) = p;
	set_count(v, r, n);
	for (i = 0; i < n && !in->r.bad; i++, p += l->size) {
		next = read_map(
		    in->r.p, in->r.end, p, l->rows, l->nrows, in->arena);
		if (next == NULL)
			in->r.bad = true;
		else
			in->r.p = next;
	}
}

/* Lanes that a later version made are passed over: their tokens are in none
 * of the lanes we know, so what they cost cannot be said; the row stays. */
static void
get_step(struct in *in, struct price_step *s, uint64_t *left)
{
	uint64_t has;
	unsigned k;

	s->above = take_u64(in);
	has = take_u64(in);
	if (*left < 2 + (uint64_t)__builtin_popcountll(has)) {
		in->r.bad = true;
		return;
	}
	*left -= 2 + (uint64_t)__builtin_popcountll(has);
	for (k = 0; k < 64 && !in->r.bad; k++) {
		const struct rate rate = { (has >> k & 1) != 0 ? take_i64(in)
							       : 0 };

		if ((has >> k & 1) != 0 && k < LANES)
			rates_set(&s->rates, (enum lane)k, rate);
	}
}

static void
get_steps(struct in *in, struct price *p)
{
	uint64_t left = take_array(in);

	memset(p->step, 0, sizeof(p->step));
	p->nsteps = 0;
	while (left > 0 && !in->r.bad) {
		if (p->nsteps == PRICE_STEPS || left < 2)
			in->r.bad = true;
		else
			get_step(in, &p->step[p->nsteps++], &left);
	}
}

static void
get_opt(struct in *in, void *v, const struct field_row *r)
{
	const bool there = true;

	*(int64_t *)member_rw(v, r->at) = take_i64(in);
	memcpy(member_rw(v, r->other), &there, sizeof(there));
}

static void
get_bool(struct in *in, void *v, const struct field_row *r)
{
	bool b;

	if (cbor_r_bool(&in->r, &b))
		store(in, v, r, b);
}

static void
get_value(struct in *in, void *v, const struct field_row *r)
{
	void *p = member_rw(v, r->at);

	switch ((enum field_type)r->type) {
	case TYPE_U64:
	case TYPE_U64_OLD:
	case TYPE_UINT:
		store(in, v, r, take_u64(in));
		return;
	case TYPE_I64:
	case TYPE_AS:
		*(int64_t *)p = take_i64(in);
		return;
	case TYPE_OPT:
		get_opt(in, v, r);
		return;
	case TYPE_BOOL:
		get_bool(in, v, r);
		return;
	case TYPE_B16:
		get_fixed(in, p, 16);
		return;
	case TYPE_B32:
		get_fixed(in, p, 32);
		return;
	case TYPE_BYTES:
		*(struct slice *)p = take_string(in, is_text(r->field));
		return;
	case TYPE_FAULT:
		get_fault(in, v, r);
		return;
	case TYPE_PAIRS:
		get_pairs(in, v, r);
		return;
	case TYPE_U64S:
		get_u64s(in, v, r);
		return;
	case TYPE_MAPS:
		get_maps(in, v, r);
		return;
	case TYPE_LANE:
	case TYPE_LANE_OLD:
		rates_set(
		    p, (enum lane)r->other, (struct rate){ take_i64(in) });
		return;
	case TYPE_STEPS:
		get_steps(in, p);
		return;
	}
}

const uint8_t *
field_get_(const uint8_t *p, const uint8_t *end, void *v,
    const struct field_row *row, struct arena *a)
{
	struct in in = { .r = { p, end, false }, .arena = a };

	get_value(&in, v, row);
	return in.r.bad ? NULL : in.r.p;
}

bool
field_pass_(struct field_at *c, uint64_t below)
{
	struct cbor_r r = { c->p, c->end, false };

	while (c->key < below) {
		r.p = c->p;
		if (!cbor_r_skip(&r))
			return false;
		c->p = r.p;
		if (!field_key_(c, c->key + 1))
			return false;
	}
	return true;
}

const uint8_t *
field_head_(const uint8_t *p, const uint8_t *end, unsigned *major, uint64_t *n)
{
	struct cbor_r r = { p, end, false };

	return cbor_take_head_(&r, major, n) ? r.p : NULL;
}

static const uint8_t *
read_map(const uint8_t *p, const uint8_t *end, void *v,
    const struct field_row *rows, size_t n, struct arena *a)
{
	struct field_at c;
	size_t i;

	if (!field_begin_(&c, p, end))
		return NULL;
	for (i = 0; i < n; i++) {
		if (!field_read_row_(&c, v, &rows[i], a))
			return NULL;
	}
	return field_end_(&c);
}

enum fault
field_read(struct slice payload, void *v, const struct field_row *rows,
    size_t n, struct arena *a)
{
	const uint8_t *p = (const uint8_t *)payload.p, *end = p + payload.len;

	return payload.len > 0 && read_map(p, end, v, rows, n, a) == end
		   ? FAULT_NONE
		   : FAULT_DATA;
}

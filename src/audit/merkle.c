#include "audit/merkle.h"

#include "crypto/digest.h"

void
merkle_leaf(struct slice leaf, struct merkle_hash *out)
{
	struct digest d;

	digest_init(&d);
	digest_add(&d, (struct slice){ "\0", 1 });
	digest_add(&d, leaf);
	digest_end(&d, out->b);
}

void
merkle_node(const struct merkle_hash *left, const struct merkle_hash *right,
    struct merkle_hash *out)
{
	char both[1 + 2 * MERKLE_HASH];

	both[0] = 1;
	memcpy(both + 1, left->b, MERKLE_HASH);
	memcpy(both + 1 + MERKLE_HASH, right->b, MERKLE_HASH);
	digest_of((struct slice){ both, sizeof(both) }, out->b);
}

bool
merkle_same(const struct merkle_hash *a, const struct merkle_hash *b)
{
	return memcmp(a->b, b->b, MERKLE_HASH) == 0;
}

void
merkle_whole(
    const struct merkle_hash *hash, size_t width, struct merkle_hash *out)
{
	struct merkle_hash h[MERKLE_WIDTH / 2];
	size_t i;

	CHECK(
	    width >= 1 && width <= MERKLE_WIDTH && (width & (width - 1)) == 0);
	if (width == 1) {
		*out = hash[0];
		return;
	}
	for (i = 0; i < width / 2; i++)
		merkle_node(&hash[2 * i], &hash[2 * i + 1], &h[i]);
	for (width /= 2; width > 1; width /= 2) {
		for (i = 0; i < width / 2; i++)
			merkle_node(&h[2 * i], &h[2 * i + 1], &h[i]);
	}
	*out = h[0];
}

unsigned
merkle_width(uint64_t size, unsigned level)
{
	return (unsigned)(size >> (8 * level)) % MERKLE_WIDTH;
}

unsigned
merkle_add(struct merkle *t, const struct merkle_hash *leaf)
{
	struct merkle_hash h = *leaf;
	unsigned level;

	CHECK(t->size < INT64_MAX);
	for (level = 0; level < MERKLE_LEVELS; level++) {
		const unsigned at = merkle_width(t->size, level);

		t->tile[level][at] = h;
		if (at + 1 < MERKLE_WIDTH)
			break;
		merkle_whole(t->tile[level], MERKLE_WIDTH, &h);
	}
	t->size++;
	return level;
}

/* The whole subtrees of one tile's hashes, right to left, joined to *root. */
static void
join(const struct merkle_hash *hash, unsigned width, struct merkle_hash *root,
    bool *any)
{
	struct merkle_hash h;
	unsigned bit;

	for (bit = 1; width != 0; bit *= 2) {
		if ((width & bit) == 0)
			continue;
		width -= bit;
		merkle_whole(hash + width, bit, &h);
		if (*any)
			merkle_node(&h, root, root);
		else
			*root = h;
		*any = true;
	}
}

void
merkle_root(const struct merkle *t, struct merkle_hash *out)
{
	bool any = false;
	unsigned level;

	for (level = 0; level < MERKLE_LEVELS; level++)
		join(t->tile[level], merkle_width(t->size, level), out, &any);
	if (!any)
		digest_of(S(""), out->b);
}

/* --- making proofs -------------------------------------------------------- */

/* The largest power of two below n, n > 1. */
static uint64_t
half(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* Of the leaves from..to: from is a multiple of the first whole subtree. */
static bool
range(const struct merkle_source *s, uint64_t from, uint64_t to,
    struct merkle_hash *out)
{
	struct merkle_hash part[MERKLE_PATH_MAX];
	unsigned n = 0;

	while (from < to) {
		const uint64_t left = to - from;
		const unsigned level = (unsigned)(63 - __builtin_clzll(left));

		CHECK(from % (UINT64_C(1) << level) == 0);
		if (!s->node(s->arg, level, from >> level, &part[n++]))
			return false;
		from += UINT64_C(1) << level;
	}
	*out = part[--n];
	while (n > 0)
		merkle_node(&part[--n], out, out);
	return true;
}

bool
merkle_root_of(
    const struct merkle_source *s, uint64_t size, struct merkle_hash *out)
{
	if (size == 0) {
		digest_of(S(""), out->b);
		return true;
	}
	return size <= INT64_MAX && range(s, 0, size, out);
}

static void
reverse(struct merkle_path *p)
{
	struct merkle_hash h;
	unsigned i;

	for (i = 0; i < p->n / 2; i++) {
		h = p->hash[i];
		p->hash[i] = p->hash[p->n - 1 - i];
		p->hash[p->n - 1 - i] = h;
	}
}

bool
merkle_inclusion(const struct merkle_source *s, uint64_t index, uint64_t size,
    struct merkle_path *out)
{
	uint64_t lo = 0, hi = size, mid;

	out->n = 0;
	if (index >= size || size > INT64_MAX)
		return false;
	while (hi - lo > 1) {
		mid = lo + half(hi - lo);
		if (index < mid) {
			if (!range(s, mid, hi, &out->hash[out->n++]))
				return false;
			hi = mid;
		} else {
			if (!range(s, lo, mid, &out->hash[out->n++]))
				return false;
			lo = mid;
		}
	}
	reverse(out);
	return true;
}

bool
merkle_consistency(const struct merkle_source *s, uint64_t from, uint64_t to,
    struct merkle_path *out)
{
	uint64_t lo = 0, hi = to, mid;

	out->n = 0;
	if (from > to || to > INT64_MAX)
		return false;
	if (from == 0 || from == to)
		return true;
	while (from != hi) {
		mid = lo + half(hi - lo);
		if (from <= mid) {
			if (!range(s, mid, hi, &out->hash[out->n++]))
				return false;
			hi = mid;
		} else {
			if (!range(s, lo, mid, &out->hash[out->n++]))
				return false;
			lo = mid;
		}
	}
	if (lo != 0 && !range(s, lo, hi, &out->hash[out->n++]))
		return false;
	reverse(out);
	return true;
}

/* --- checking them: RFC 9162, 2.1.3.2 and 2.1.4.2 ------------------------- */

bool
merkle_includes(const struct merkle_hash *leaf, uint64_t index, uint64_t size,
    const struct merkle_path *path, const struct merkle_hash *root)
{
	struct merkle_hash r = *leaf;
	uint64_t fn = index, sn = size - 1;
	unsigned i;

	if (index >= size)
		return false;
	for (i = 0; i < path->n; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) != 0 || fn == sn) {
			merkle_node(&path->hash[i], &r, &r);
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			merkle_node(&r, &path->hash[i], &r);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && merkle_same(&r, root);
}

static bool
continues(uint64_t from, const struct merkle_hash *first, uint64_t to,
    const struct merkle_hash *second, const struct merkle_path *path)
{
	const bool power = (from & (from - 1)) == 0;
	uint64_t fn = from - 1, sn = to - 1;
	struct merkle_hash fr, sr;
	unsigned i;

	if (!power && path->n == 0)
		return false;
	for (; (fn & 1) != 0; fn >>= 1)
		sn >>= 1;
	fr = sr = power ? *first : path->hash[0];
	for (i = power ? 0 : 1; i < path->n; i++) {
		const struct merkle_hash *c = &path->hash[i];

		if (sn == 0)
			return false;
		if ((fn & 1) != 0 || fn == sn) {
			merkle_node(c, &fr, &fr);
			merkle_node(c, &sr, &sr);
			for (; (fn & 1) == 0 && fn != 0; fn >>= 1)
				sn >>= 1;
		} else {
			merkle_node(&sr, c, &sr);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && merkle_same(&fr, first) && merkle_same(&sr, second);
}

bool
merkle_continues(uint64_t from, const struct merkle_hash *first, uint64_t to,
    const struct merkle_hash *second, const struct merkle_path *path)
{
	struct merkle_hash none;

	if (from > to)
		return false;
	if (from == 0) {
		digest_of(S(""), none.b);
		return path->n == 0 && merkle_same(first, &none);
	}
	if (from == to)
		return path->n == 0 && merkle_same(first, second);
	return continues(from, first, to, second, path);
}

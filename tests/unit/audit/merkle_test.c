#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "audit/merkle.h"
#include "base/text.h"
#include "crypto/digest.h"

enum { MOST = 1000 };

static struct merkle_hash leaves[MOST];

/* RFC 6962 section 2.1, word for word. */
static struct merkle_hash
naive(uint64_t from, uint64_t to)
{
	struct merkle_hash l, r, out;
	uint64_t k = 1;

	if (to == from) {
		digest_of(S(""), out.b);
		return out;
	}
	if (to - from == 1)
		return leaves[from];
	while (k * 2 < to - from)
		k *= 2;
	l = naive(from, from + k);
	r = naive(from + k, to);
	merkle_node(&l, &r, &out);
	return out;
}

static bool
node(void *arg, unsigned level, uint64_t index, struct merkle_hash *out)
{
	const uint64_t size = *(uint64_t *)arg;

	if ((index + 1) << level > size)
		return false;
	*out = naive(index << level, (index + 1) << level);
	return true;
}

static int
setup(void **state)
{
	char text[8];
	unsigned i;

	(void)state;
	for (i = 0; i < MOST; i++) {
		memset(text, 0, sizeof(text));
		memcpy(text, &i, sizeof(i));
		merkle_leaf((struct slice){ text, sizeof(text) }, &leaves[i]);
	}
	return 0;
}

static void
the_roots_of_certificate_transparency_are_met(void **state)
{
	static const struct {
		const char *leaf, *root;
	} rows[] = {
		{ "", "6e340b9cffb37a989ca544e6bb780a2c"
		      "78901d3fb33738768511a30617afa01d" },
		{ "00", "fac54203e7cc696cf0dfcb42c92a1d9d"
			"baf70ad9e621f4bd8d98662f00e3c125" },
		{ "10", "aeb6bcfe274b70a14fb067a5e5578264"
			"db0fa9b51af5e0ba159158f329e06e77" },
		{ "2021", "d37ee418976dd95753c1c73862b9398f"
			  "a2a2cf9b4ff0fdfe8b30cd95209614b7" },
		{ "3031", "4e3bbb1f7b478dcfe71fb631631519a3"
			  "bca12c9aefca1612bfce4c13a86264d4" },
		{ "40414243", "76e67dadbcdf1e10e1b74ddc608abd2f"
			      "98dfb16fbce75277b5232a127f2087ef" },
		{ "5051525354555657", "ddb89be403809e325750d3d263cd7892"
				      "9c2942b7942a34b77e122c9594a74c8c" },
		{ "606162636465666768696a6b6c6d6e6f",
		    "5dc9da79a70659a9ad559cb701ded9a2"
		    "ab9d823aad2f4960cfe370eff4604328" },
	};
	struct merkle *t = mem_new(sizeof(*t));
	struct merkle_hash h, want;
	uint8_t leaf[16];
	size_t i, len;

	(void)state;
	merkle_root(t, &h);
	want = naive(0, 0);
	assert_memory_equal(&h, &want, sizeof(h));
	for (i = 0; i < NELEM(rows); i++) {
		len = strlen(rows[i].leaf) / 2;
		assert_true(text_hex_parse(slice_of(rows[i].leaf), leaf, len));
		merkle_leaf((struct slice){ (char *)leaf, len }, &h);
		merkle_add(t, &h);
		merkle_root(t, &h);
		assert_true(text_hex_parse(slice_of(rows[i].root), want.b, 32));
		assert_memory_equal(&h, &want, sizeof(h));
	}
	mem_free(t);
}

static void
a_tree_grows_to_the_root_of_the_recursion(void **state)
{
	struct merkle *t = mem_new(sizeof(*t));
	struct merkle_hash got, want;
	uint64_t size = MOST;
	const struct merkle_source s = { node, &size };
	unsigned i;

	(void)state;
	for (i = 0; i < MOST; i++) {
		assert_int_equal(merkle_add(t, &leaves[i]),
		    (i + 1) % MERKLE_WIDTH == 0 ? 1 : 0);
		merkle_root(t, &got);
		want = naive(0, i + 1);
		assert_memory_equal(&got, &want, sizeof(got));
		assert_true(merkle_root_of(&s, i + 1, &got));
		assert_memory_equal(&got, &want, sizeof(got));
	}
	mem_free(t);
}

static void
inclusion_holds_for_the_leaf_and_nothing_else(void **state)
{
	uint64_t size, i;
	const struct merkle_source s = { node, &size };
	struct merkle_path p;
	struct merkle_hash root;

	(void)state;
	for (size = 1; size <= MOST; size += size < 70 ? 1 : 97) {
		root = naive(0, size);
		for (i = 0; i < size; i += size < 70 ? 1 : 31) {
			assert_true(merkle_inclusion(&s, i, size, &p));
			assert_true(
			    merkle_includes(&leaves[i], i, size, &p, &root));
			assert_false(merkle_includes(
			    &leaves[(i + 1) % MOST], i, size, &p, &root));
			assert_false(merkle_includes(
			    &leaves[i], i + 1, size, &p, &root));
			if (p.n == 0)
				continue;
			p.hash[p.n / 2].b[5] ^= 1;
			assert_false(
			    merkle_includes(&leaves[i], i, size, &p, &root));
			p.hash[p.n / 2].b[5] ^= 1;
			p.n--;
			assert_false(
			    merkle_includes(&leaves[i], i, size, &p, &root));
		}
	}
	size = 10;
	assert_false(merkle_inclusion(&s, 10, 10, &p));
	assert_false(merkle_inclusion(&s, 3, 20, &p)); /* not there */
	assert_false(merkle_includes(&leaves[0], 0, 0, &p, &root));
}

static void
consistency_holds_for_what_continues(void **state)
{
	uint64_t size, m;
	const struct merkle_source s = { node, &size };
	struct merkle_path p;
	struct merkle_hash old, root, other = leaves[3];

	(void)state;
	for (size = 1; size <= MOST; size += size < 70 ? 1 : 97) {
		root = naive(0, size);
		for (m = 0; m <= size; m += size < 70 ? 1 : 31) {
			old = naive(0, m);
			assert_true(merkle_consistency(&s, m, size, &p));
			assert_true(merkle_continues(m, &old, size, &root, &p));
			assert_false(
			    merkle_continues(m, &other, size, &root, &p));
			if (m != 0)
				assert_false(merkle_continues(
				    m, &old, size, &other, &p));
			if (p.n == 0)
				continue;
			p.hash[p.n - 1].b[31] ^= 128;
			assert_false(
			    merkle_continues(m, &old, size, &root, &p));
			p.n--;
			assert_false(
			    merkle_continues(m, &old, size, &root, &p));
		}
	}
	size = 10;
	assert_false(merkle_consistency(&s, 11, 10, &p));
	p.n = 0;
	assert_false(merkle_continues(11, &old, 10, &root, &p));
}

static void
a_tile_is_whole_at_powers_of_256(void **state)
{
	struct merkle *t = mem_new(sizeof(*t));
	struct merkle_hash want;
	unsigned i;

	(void)state;
	for (i = 0; i < 65535; i++)
		(void)merkle_add(t, &leaves[i % MOST]);
	assert_int_equal(merkle_width(t->size, 0), 255);
	assert_int_equal(merkle_width(t->size, 1), 255);
	assert_int_equal(merkle_add(t, &leaves[0]), 2);
	assert_int_equal(merkle_width(t->size, 1), 0);
	assert_int_equal(merkle_width(t->size, 2), 1);
	merkle_whole(t->tile[1], MERKLE_WIDTH, &want);
	assert_memory_equal(&t->tile[2][0], &want, sizeof(want));
	mem_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_roots_of_certificate_transparency_are_met),
		cmocka_unit_test(a_tree_grows_to_the_root_of_the_recursion),
		cmocka_unit_test(inclusion_holds_for_the_leaf_and_nothing_else),
		cmocka_unit_test(consistency_holds_for_what_continues),
		cmocka_unit_test(a_tile_is_whole_at_powers_of_256),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

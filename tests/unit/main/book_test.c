#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "main/book.h"

static struct book book;

static int
open_book(void **state)
{
	(void)state;
	book_open(&book);
	return 0;
}

static int
close_book(void **state)
{
	(void)state;
	book_close(&book);
	return 0;
}

static size_t
find(const char *type, const char *tier, const char *name,
    const struct book_row **rows, size_t max)
{
	const struct book_query q = { .type = slice_of(type),
		.region = S("us-east-1"),
		.tier = slice_of(tier),
		.name = { slice_of(name) },
		.nname = 1 };

	return book_find(&book, &q, rows, max);
}

static void
no_row_is_free(void **state)
{
	size_t i;

	(void)state;
	assert_true(book.n > 300);
	for (i = 0; i < book.n; i++) {
		assert_true(book.row[i].price.base.rate[LANE_INPUT].pico > 0);
		assert_true(book.row[i].price.base.rate[LANE_OUTPUT].pico > 0);
		assert_true(book.row[i].source.len > 0);
		assert_false(book.row[i].price.operators);
	}
}

static void
each_row_has_an_id_of_its_own(void **state)
{
	size_t i, k;

	(void)state;
	for (i = 0; i < book.n; i++) {
		assert_true(book.row[i].price.id != 0);
		for (k = 0; k < i; k++)
			assert_true(
			    book.row[i].price.id != book.row[k].price.id);
	}
}

static void
no_two_rows_of_one_day_answer_to_one_name(void **state)
{
	const struct book_row *rows[64];
	size_t i, k, n;

	(void)state;
	for (i = 0; i < book.n; i++) {
		const struct book_row *r = &book.row[i];
		const struct book_query q = { .type = r->type,
			.region = S("us-east-1"),
			.tier = r->tier,
			.name = { r->model },
			.nname = 1 };

		n = book_find(&book, &q, rows, NELEM(rows));
		assert_true(n >= 1 && n < NELEM(rows));
		for (k = 1; k < n; k++)
			assert_true(rows[k]->price.from_ns <
				    rows[k - 1]->price.from_ns);
	}
}

static void
a_model_is_found_by_name_and_by_alias(void **state)
{
	const struct book_row *rows[4];

	(void)state;
	assert_int_equal(find("openai", "standard", "gpt-5.4", rows, 4), 1);
	assert_int_equal(rows[0]->price.base.rate[LANE_INPUT].pico, 2500000);
	assert_int_equal(
	    find("openai", "standard", "gpt-5.4-2026-03-05", rows, 4), 1);
	assert_int_equal(rows[0]->price.base.rate[LANE_OUTPUT].pico, 15000000);
	assert_int_equal(
	    find("bedrock", "standard", "openai.gpt-5.4", rows, 4), 1);
	assert_int_equal(rows[0]->price.base.rate[LANE_INPUT].pico, 2750000);
	assert_int_equal(
	    find("bedrock", "standard", "eu.openai.gpt-5.6-luna", rows, 4), 1);
	assert_int_equal(find("openai", "priority", "gpt-5.4", rows, 4), 1);
	assert_int_equal(rows[0]->price.base.rate[LANE_INPUT].pico, 5000000);
}

static void
an_unknown_model_has_no_price(void **state)
{
	const struct book_row *rows[4];

	(void)state;
	assert_int_equal(find("openai", "standard", "gpt-99", rows, 4), 0);
	assert_int_equal(find("openai", "batch", "gpt-5.5", rows, 4), 0);
	assert_int_equal(
	    find("openai_compatible", "standard", "gpt-5.4", rows, 4), 0);
}

static void
the_first_name_with_rows_decides(void **state)
{
	const struct book_query q = { .type = S("openai"),
		.region = S(""),
		.tier = S("standard"),
		.name = { S("none"), S("gpt-5.4-mini"), S("gpt-5.4") },
		.nname = 3 };
	const struct book_row *rows[4];

	(void)state;
	assert_int_equal(book_find(&book, &q, rows, 4), 1);
	assert_true(slice_eq(rows[0]->model, S("gpt-5.4-mini")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_row_is_free),
		cmocka_unit_test(each_row_has_an_id_of_its_own),
		cmocka_unit_test(no_two_rows_of_one_day_answer_to_one_name),
		cmocka_unit_test(a_model_is_found_by_name_and_by_alias),
		cmocka_unit_test(an_unknown_model_has_no_price),
		cmocka_unit_test(the_first_name_with_rows_decides),
	};

	return cmocka_run_group_tests(tests, open_book, close_book);
}

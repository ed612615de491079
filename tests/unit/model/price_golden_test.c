/*
 * Real usage and real prices: what each call costs, as told in decimal by
 * another program (tests/lib/price_cases.py).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "dialect/dialect.h"
#include "model/price.h"

static struct arena arena;
static const char *name; /* of the case at hand */

static void
take_rates(const struct json *j, struct rates *out)
{
	const struct json *v;
	struct rate rate;
	unsigned i;

	for (i = 0; i < LANES; i++) {
		v = json_get(j, lane_text((enum lane)i));
		if (v == NULL)
			continue;
		assert_true(rate_parse_per_million(v->text, &rate));
		rates_set(out, (enum lane)i, rate);
	}
}

static void
take_price(const struct json *j, struct price *p)
{
	const struct json *fee = json_get(j, "per_request");
	const struct json *step = json_get(j, "above");
	int64_t tokens;

	*p = (struct price){ 0 };
	take_rates(j, &p->base);
	if (fee != NULL)
		assert_true(money_parse(fee->text, &p->per_request));
	for (step = step ? step->child : NULL; step; step = step->next) {
		assert_true(p->nsteps < PRICE_STEPS);
		assert_true(json_get_i64(step, "tokens", &tokens));
		p->step[p->nsteps].above = (uint64_t)tokens;
		take_rates(step, &p->step[p->nsteps++].rates);
	}
}

static uint64_t
count(const struct json *j, const char *key)
{
	int64_t v = 0;

	(void)json_get_i64(j, key, &v);
	return (uint64_t)v;
}

static struct usage
take_usage(const struct json *j)
{
	return (struct usage){ .input = count(j, "input"),
		.cached = count(j, "cached"),
		.cache_write = count(j, "cache_write"),
		.cache_write_1h = count(j, "cache_write_1h"),
		.audio_input = count(j, "audio_input"),
		.image_input = count(j, "image_input"),
		.output = count(j, "output"),
		.reasoning = count(j, "reasoning"),
		.audio_output = count(j, "audio_output"),
		.image_output = count(j, "image_output") };
}

/* The provider's own object gives the same counts. */
static void
check_raw(struct slice line, const struct usage *u)
{
	const char *at = memmem(line.p, line.len, "\"raw\":", 6);
	const char *end = at != NULL ? strstr(at, ",\"usage\":") : NULL;
	struct buf answer = { 0 };
	struct tally t = { 0 };

	if (at == NULL)
		return;
	buf_str(&answer, "{\"choices\":[],\"usage\":");
	buf_add(&answer, (struct slice){ at + 6, (size_t)(end - at) - 6 });
	buf_char(&answer, '}');
	assert_int_equal(
	    dialect_openai_chat.answer(buf_slice(&answer), &t), FAULT_NONE);
	if (!t.has_usage || memcmp(&t.usage, u, sizeof(*u)) != 0)
		fail_msg("%s: its object is read otherwise", name);
	buf_fini(&answer);
}

static struct money
amount(const struct json *j, const char *key)
{
	const struct json *v = json_get(j, key);
	struct money m = { 0 };

	if (v != NULL)
		assert_true(money_parse(v->text, &m));
	return m;
}

static void
check_lines(const struct json *j, const struct price *p, const struct usage *u)
{
	const struct json *lines = json_get(j, "lines");
	struct price_line line[PRICE_LINES];
	unsigned i, step;

	if (!price_lines(p, u, line, &step) || step != count(j, "step"))
		fail_msg("%s: another step, or none", name);
	for (i = 0; i < LANES; i++) {
		if (line[i].cost.nano !=
		    amount(lines, lane_text((enum lane)i)).nano)
			fail_msg("%s: another line for %s", name,
			    lane_text((enum lane)i));
	}
	assert_int_equal(
	    line[LANES].cost.nano, amount(lines, "per_request").nano);
}

static void
check_case(struct slice text)
{
	const uint32_t all = (1u << LANES) - 1;
	const struct json *cost;
	struct money told, most;
	struct usage u;
	struct price p;
	struct json *j;

	assert_int_equal(json_parse(&arena, text, &j), FAULT_NONE);
	name = arena_str(&arena, json_get_str(j, "name"));
	cost = json_get(j, "cost");
	take_price(json_get(j, "price"), &p);
	u = take_usage(json_get(j, "usage"));
	check_raw(text, &u);
	if (cost->type == JSON_NULL) {
		if (price_cost(&p, &u, &told))
			fail_msg("%s: it has a cost", name);
		return;
	}
	if (!price_cost(&p, &u, &told))
		fail_msg("%s: it has no cost", name);
	if (told.nano != amount(j, "cost").nano)
		fail_msg("%s: %lld nano", name, (long long)told.nano);
	check_lines(j, &p, &u);
	if (price_bound(&p, all, u.input, u.output, &most) &&
	    most.nano < told.nano)
		fail_msg("%s: its bound is less", name);
}

static void
every_case_costs_what_decimal_says(void **state)
{
	const char *folder = getenv("KONTOR_TESTS");
	char path[512], *text = NULL;
	size_t cap = 0, n = 0;
	ssize_t len;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/unit/model/price_golden.jsonl",
	    folder != NULL ? folder : "tests");
	f = fopen(path, "r");
	assert_non_null(f);
	for (; (len = getline(&text, &cap, f)) > 0; n++)
		check_case((struct slice){ text, (size_t)len - 1 });
	fclose(f);
	free(text);
	arena_fini(&arena);
	assert_true(n >= 280);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_costs_what_decimal_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

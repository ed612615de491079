/*
 * What providers say that a call has used, in every dialect, and what that
 * comes to: ours, and what callers of every dialect are told.  The cases are
 * made by another program (tests/lib/usage_cases.py).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "dialect/codec.h"

static const struct dialect *const dialects[] = {
	&dialect_openai_chat,
	&dialect_openai_responses,
	&dialect_anthropic,
	&dialect_bedrock,
	&dialect_gemini,
};

static const char *name; /* of the case at hand */

static uint64_t
count(const struct json *j, const char *key)
{
	int64_t v = 0;

	(void)json_get_i64(j, key, &v);
	return (uint64_t)v;
}

static void
expect_usage(const struct json *want, const struct usage *u)
{
	const struct {
		const char *key;
		uint64_t got;
	} row[] = {
		{ "input", u->input },
		{ "cached", u->cached },
		{ "cache_write", u->cache_write },
		{ "cache_write_1h", u->cache_write_1h },
		{ "audio_input", u->audio_input },
		{ "image_input", u->image_input },
		{ "output", u->output },
		{ "reasoning", u->reasoning },
		{ "audio_output", u->audio_output },
	};
	size_t i;

	for (i = 0; i < NELEM(row); i++) {
		if (count(want, row[i].key) != row[i].got)
			fail_msg("%s: %s is %llu, not %llu", name, row[i].key,
			    (unsigned long long)row[i].got,
			    (unsigned long long)count(want, row[i].key));
	}
}

/* "usage.prompt_tokens_details.cached_tokens" */
static uint64_t
at_path(const struct json *j, struct slice path)
{
	char key[64];
	struct slice head, tail = path;

	while (slice_cut(tail, '.', &head, &tail)) {
		snprintf(key, sizeof(key), "%.*s", S_FMT(head));
		j = json_get(j, key);
	}
	snprintf(key, sizeof(key), "%.*s", S_FMT(tail));
	return count(j, key);
}

static void
expect_told(const struct json *told, const struct dialect *d,
    const struct completion *c, struct arena *a)
{
	static const struct conversation asked = { .wants_usage = true };
	struct encoding_out e = {
		.arena = a, .asked = &asked, .id = S("req_1"), .model = S("m")
	};
	const struct json *want = json_get(told, d->name), *k;
	struct buf b = { 0 };
	struct json *got;
	int64_t v;

	d->codec->write_answer(c, &e, &b);
	assert_int_equal(json_parse(a, buf_slice(&b), &got), FAULT_NONE);
	assert_non_null(want);
	for (k = want->child; k != NULL; k = k->next) {
		assert_true(json_i64(k->text, &v));
		if (at_path(got, k->key) != (uint64_t)v)
			fail_msg("%s: who speaks %s is told %.*s %llu, not "
				 "%lld",
			    name, d->name, S_FMT(k->key),
			    (unsigned long long)at_path(got, k->key),
			    (long long)v);
	}
	buf_fini(&b);
}

/* However much of a text came, what is counted is all that it says or nothing
 * of it. */
static void
expect_no_part(const struct dialect *d, struct slice text, bool stream,
    const struct tally *before, const struct tally *after)
{
	struct tally t;
	struct slice cut = text;

	for (cut.len = 0; cut.len < text.len; cut.len++) {
		t = *before;
		if (stream)
			(void)d->event(cut, &t);
		else
			(void)d->answer(cut, &t);
		if (t.has_usage &&
		    memcmp(&t.usage, &before->usage, sizeof(t.usage)) != 0 &&
		    memcmp(&t.usage, &after->usage, sizeof(t.usage)) != 0)
			fail_msg("%s: counted of %.*s", name, S_FMT(cut));
	}
}

static bool
read_said(const struct dialect *d, const struct json *c, struct arena *a,
    struct tally *t)
{
	const struct json *e = json_get(c, "said")->child;
	const bool stream = json_get_bool(c, "stream", false);
	struct buf b = { 0 };
	struct tally before;
	struct slice text;

	for (; e != NULL; e = e->next) {
		buf_clear(&b);
		json_w_tree(&b, e);
		text = e->type == JSON_STRING ? e->text
					      : arena_copy(a, buf_slice(&b));
		before = *t;
		if (stream)
			assert_int_not_equal(d->event(text, t), EVENT_BAD);
		else
			assert_int_equal(d->answer(text, t), FAULT_NONE);
		expect_no_part(d, text, stream, &before, t);
	}
	buf_fini(&b);
	return t->has_usage;
}

static void
check_case(struct slice line)
{
	struct completion done = { .id = S("i"), .stop = STOP_END };
	const struct dialect *d = NULL;
	const struct json *want;
	struct arena a = { 0 };
	struct tally t = { 0 };
	struct json *c;
	size_t i;

	assert_int_equal(json_parse(&a, line, &c), FAULT_NONE);
	name = arena_str(&a, json_get_str(c, "name"));
	for (i = 0; i < NELEM(dialects); i++) {
		if (slice_eq(json_get_str(c, "dialect"),
			slice_of(dialects[i]->name)))
			d = dialects[i];
	}
	assert_non_null(d);
	want = json_get(c, "usage");
	if (read_said(d, c, &a, &t) != (want != NULL))
		fail_msg("%s: usage %s", name,
		    want != NULL ? "was not seen" : "was taken");
	if (json_get(c, "tier") != NULL &&
	    !slice_eq(
		json_get_str(c, "tier"), (struct slice){ t.tier, t.tier_len }))
		fail_msg("%s: tier '%.*s'", name, (int)t.tier_len, t.tier);
	if (want != NULL) {
		expect_usage(want, &t.usage);
		done.usage = t.usage;
		done.has_usage = true;
		for (i = 0; i < NELEM(dialects); i++)
			expect_told(
			    json_get(c, "told"), dialects[i], &done, &a);
	}
	arena_fini(&a);
}

static void
usage_is_what_the_provider_means(void **state)
{
	const char *folder = getenv("KONTOR_TESTS");
	char path[512], *text = NULL;
	size_t cap = 0, n = 0;
	ssize_t len;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/unit/dialect/usage_golden.jsonl",
	    folder != NULL ? folder : "tests");
	f = fopen(path, "r");
	assert_non_null(f);
	for (; (len = getline(&text, &cap, f)) > 0; n++)
		check_case((struct slice){ text, (size_t)len - 1 });
	fclose(f);
	free(text);
	assert_true(n >= 150);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usage_is_what_the_provider_means),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

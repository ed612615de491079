#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/shared.h"
#include "base/text.h"
#include "http/eventstream.h"

struct seen {
	struct buf said; /* "kind|event|payload\n" */
	struct buf bytes;
	const char *cut; /* messages of this event are cut */
};

static bool
on_message(void *arg, const struct eventstream_message *m)
{
	struct seen *s = arg;

	buf_fmt(&s->said, "%.*s|%.*s|%.*s\n", S_FMT(m->kind), S_FMT(m->event),
	    S_FMT(m->payload));
	return s->cut == NULL || !slice_eq(m->event, slice_of(s->cut));
}

static void
on_pass(void *arg, struct slice bytes)
{
	buf_add(&((struct seen *)arg)->bytes, bytes);
}

static void
seen_fini(struct seen *s)
{
	buf_fini(&s->said);
	buf_fini(&s->bytes);
}

/* In pieces of step bytes, each of them memory of its own. */
static enum fault
feed(struct slice in, size_t step, size_t max, struct seen *seen)
{
	struct eventstream s = { .max = max };
	enum fault f = FAULT_NONE;
	size_t len;
	char *copy;

	for (; in.len > 0 && f == FAULT_NONE; in.p += len, in.len -= len) {
		len = in.len < step ? in.len : step;
		copy = mem_dup((struct slice){ in.p, len });
		f = eventstream_feed(
		    &s, (struct slice){ copy, len }, on_message, on_pass, seen);
		mem_free(copy);
	}
	if (f == FAULT_NONE)
		f = eventstream_end(&s);
	eventstream_fini(&s);
	return f;
}

static void
unhex(struct buf *b, struct slice hex)
{
	buf_clear(b);
	buf_reserve(b, hex.len / 2);
	assert_true(text_hex_parse(hex, b->p, hex.len / 2));
	b->len = hex.len / 2;
}

static const struct json *
vectors(struct arena *a)
{
	const char *path;
	struct slice text;
	struct json *doc;

	path = shared_path(a, "specs/aws/eventstream/eventstream-vectors.json");
	if (path == NULL)
		return NULL;
	text = shared_read(path);
	assert_int_equal(json_parse(a, arena_copy(a, text), &doc), FAULT_NONE);
	free((void *)(uintptr_t)text.p);
	return doc;
}

static void
published_messages_are_read_and_written_alike(void **state)
{
	struct arena a = { 0 };
	const struct json *doc = vectors(&a), *v;
	struct buf raw = { 0 };
	struct seen seen;
	unsigned n = 0;
	size_t step;

	(void)state;
	if (doc == NULL) {
		arena_fini(&a);
		skip();
	}
	for (v = json_get(doc, "valid")->child; v != NULL; v = v->next, n++) {
		unhex(&raw, json_get_str(v, "frame_hex"));
		for (step = 1; step <= raw.len; step++) {
			memset(&seen, 0, sizeof(seen));
			assert_int_equal(
			    feed(buf_slice(&raw), step, EVENTSTREAM_MAX, &seen),
			    FAULT_NONE);
			assert_true(
			    slice_eq(buf_slice(&seen.bytes), buf_slice(&raw)));
			seen_fini(&seen);
		}
	}
	assert_true(n >= 14);
	buf_fini(&raw);
	arena_fini(&a);
}

static void
published_corruptions_are_refused(void **state)
{
	struct arena a = { 0 };
	const struct json *doc = vectors(&a), *v;
	struct buf raw = { 0 };
	struct seen seen;
	unsigned n = 0;
	size_t step;

	(void)state;
	if (doc == NULL) {
		arena_fini(&a);
		skip();
	}
	for (v = json_get(doc, "invalid")->child; v != NULL; v = v->next, n++) {
		unhex(&raw, json_get_str(v, "frame_hex"));
		for (step = 1; step <= raw.len; step++) {
			memset(&seen, 0, sizeof(seen));
			assert_int_equal(
			    feed(buf_slice(&raw), step, EVENTSTREAM_MAX, &seen),
			    FAULT_UP_GARBAGE);
			assert_int_equal(seen.bytes.len, 0);
			seen_fini(&seen);
		}
	}
	assert_true(n >= 6);
	buf_fini(&raw);
	arena_fini(&a);
}

static void
three_messages(struct buf *b)
{
	eventstream_event(b, S("messageStart"), S("{\"role\":\"assistant\"}"));
	eventstream_event(b, S("metadata"), S("{}"));
	eventstream_exception(
	    b, S("throttlingException"), S("{\"message\":\"slow down\"}"));
}

static void
a_writer_is_read_back_at_every_split(void **state)
{
	static const char want[] =
	    "event|messageStart|{\"role\":\"assistant\"}\n"
	    "event|metadata|{}\n"
	    "exception|throttlingException|"
	    "{\"message\":\"slow down\"}\n";
	struct buf b = { 0 };
	struct seen seen;
	size_t step;

	(void)state;
	three_messages(&b);
	for (step = 1; step <= b.len; step++) {
		memset(&seen, 0, sizeof(seen));
		assert_int_equal(
		    feed(buf_slice(&b), step, 4096, &seen), FAULT_NONE);
		assert_true(slice_eq(buf_slice(&seen.said), slice_of(want)));
		assert_true(slice_eq(buf_slice(&seen.bytes), buf_slice(&b)));
		seen_fini(&seen);
	}
	buf_fini(&b);
}

static void
a_message_can_be_cut_out(void **state)
{
	struct buf b = { 0 }, rest = { 0 };
	struct seen seen = { .cut = "metadata" };

	(void)state;
	three_messages(&b);
	eventstream_event(
	    &rest, S("messageStart"), S("{\"role\":\"assistant\"}"));
	eventstream_exception(
	    &rest, S("throttlingException"), S("{\"message\":\"slow down\"}"));
	assert_int_equal(feed(buf_slice(&b), 7, 4096, &seen), FAULT_NONE);
	assert_true(slice_eq(buf_slice(&seen.bytes), buf_slice(&rest)));
	seen_fini(&seen);
	buf_fini(&b);
	buf_fini(&rest);
}

static void
every_flipped_bit_is_noticed(void **state)
{
	struct buf b = { 0 };
	struct seen seen;
	size_t i;

	(void)state;
	eventstream_event(&b, S("metadata"), S("{\"a\":1}"));
	for (i = 0; i < b.len * 8; i++) {
		b.p[i / 8] = (char)(b.p[i / 8] ^ 1 << i % 8);
		memset(&seen, 0, sizeof(seen));
		assert_int_equal(
		    feed(buf_slice(&b), b.len, 4096, &seen), FAULT_UP_GARBAGE);
		assert_int_equal(seen.said.len, 0);
		seen_fini(&seen);
		b.p[i / 8] = (char)(b.p[i / 8] ^ 1 << i % 8);
	}
	buf_fini(&b);
}

static void
what_was_good_before_a_bad_message_came_through(void **state)
{
	struct buf b = { 0 };
	struct seen seen = { 0 };
	size_t first;

	(void)state;
	eventstream_event(&b, S("messageStart"), S("{}"));
	first = b.len;
	eventstream_event(&b, S("metadata"), S("{}"));
	b.p[b.len - 1] ^= 1;
	assert_int_equal(feed(buf_slice(&b), 5, 4096, &seen), FAULT_UP_GARBAGE);
	assert_true(
	    slice_eq(buf_slice(&seen.bytes), (struct slice){ b.p, first }));
	seen_fini(&seen);
	buf_fini(&b);
}

static void
a_message_above_the_limit_is_refused_by_its_length_alone(void **state)
{
	struct buf b = { 0 };
	struct seen seen = { 0 };

	(void)state;
	eventstream_event(&b, S("metadata"), S("{\"a\":1}"));
	assert_int_equal(feed((struct slice){ b.p, 13 }, 13, b.len - 1, &seen),
	    FAULT_UP_GARBAGE);
	assert_int_equal(feed(buf_slice(&b), b.len, b.len, &seen), FAULT_NONE);
	seen_fini(&seen);
	buf_fini(&b);
}

static void
a_header_that_is_none_loses_the_stream(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} row[] = {
		{ "\0\7\0\0", 4 },      /* no name */
		{ "\1a\12", 3 },        /* no such type */
		{ "\1a\7\0\5abcd", 9 }, /* longer than there is */
		{ "\1a\7\0", 4 },       /* half a length */
		{ "\1a", 2 },           /* no type */
		{ "\1a\4\1\2\3", 6 },   /* half a number */
		{ "\5ab", 3 },          /* half a name */
	};
	struct buf b = { 0 };
	struct seen seen = { 0 };
	size_t i, at;

	(void)state;
	for (i = 0; i < NELEM(row); i++) {
		buf_clear(&b);
		eventstream_begin(&b, &at);
		buf_add(&b, (struct slice){ row[i].bytes, row[i].len });
		eventstream_close(&b, at, S("{}"));
		assert_int_equal(
		    feed(buf_slice(&b), b.len, 4096, &seen), FAULT_UP_GARBAGE);
	}
	assert_int_equal(seen.said.len, 0);
	seen_fini(&seen);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_messages_are_read_and_written_alike),
		cmocka_unit_test(published_corruptions_are_refused),
		cmocka_unit_test(a_writer_is_read_back_at_every_split),
		cmocka_unit_test(a_message_can_be_cut_out),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(
		    what_was_good_before_a_bad_message_came_through),
		cmocka_unit_test(
		    a_message_above_the_limit_is_refused_by_its_length_alone),
		cmocka_unit_test(a_header_that_is_none_loses_the_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "http/sse.h"

struct seen {
	struct buf events; /* "type|data|", "-" for no data */
	struct buf bytes;
	const char *cut; /* cut events with this data */
	unsigned npass;
};

static bool
on_event(void *arg, const struct sse_event *e)
{
	struct seen *s = arg;

	if (!e->has_data) {
		buf_str(&s->events, "-");
		return true;
	}
	buf_add(&s->events, e->type);
	buf_char(&s->events, '|');
	buf_add(&s->events, e->data);
	buf_char(&s->events, '|');
	return s->cut == NULL || !slice_eq(e->data, slice_of(s->cut));
}

static void
on_pass(void *arg, struct slice bytes)
{
	struct seen *s = arg;

	s->npass++;
	buf_add(&s->bytes, bytes);
}

static void
seen_fini(struct seen *s)
{
	buf_fini(&s->events);
	buf_fini(&s->bytes);
}

static enum fault
feed(struct sse *s, struct slice in, struct seen *seen)
{
	char *copy = mem_grow(NULL, in.len);
	enum fault f;

	memcpy(copy, in.p, in.len);
	f = sse_feed(
	    s, (struct slice){ copy, in.len }, on_event, on_pass, seen);
	mem_free(copy);
	return f;
}

static void
assert_buf(const struct buf *b, struct slice want)
{
	if (!slice_eq(buf_slice(b), want))
		fail_msg(
		    "got '%.*s', want '%.*s'", (int)b->len, b->p, S_FMT(want));
}

struct row {
	struct slice in;
	const char *events;
};

static const struct row rows[] = {
	{ S_INIT("data: a\n\n"), "|a|" },
	{ S_INIT("data:a\n\ndata: b\n\n"), "|a||b|" },
	{ S_INIT("event: x\ndata: a\n\n"), "x|a|" },
	{ S_INIT("data: a\nevent: x\n\n"), "x|a|" },
	{ S_INIT("data: a\ndata: b\ndata:\ndata: c\n\n"), "|a\nb\n\nc|" },
	{ S_INIT("data\n\n"), "||" },
	{ S_INIT("data:  a \n\n"), "| a |" },
	{ S_INIT(": ping\n\ndata: a\n\n"), "-|a|" },
	{ S_INIT("\n\ndata: a\n\n"), "--|a|" },
	{ S_INIT("id: 1\nretry: 5\nother\ndata: a\n\n"), "|a|" },
	{ S_INIT("data: a\r\n\r\ndata: b\r\n\r\n"), "|a||b|" },
	{ S_INIT("data: a\r\rdata: b\r\r"), "|a||b|" },
	{ S_INIT("event: x\r\ndata: a\ndata: b\r\r\n"), "x|a\nb|" },
	{ S_INIT("\xef\xbb\xbf"
		 "data: a\n\ndata: b\n\n"),
	    "|a||b|" },
	{ S_INIT("data: a\n\n\xef\xbb\xbf"
		 "data: b\n\n"),
	    "|a|-" },
	{ S_INIT("data: {\"a\":\"x: y\\n\"}\n\n"), "|{\"a\":\"x: y\\n\"}|" },
	{ S_INIT("data: a\n\ndata: [DONE]"), "|a||[DONE]|" },
	{ S_INIT(""), "" },
};

static void
check_split(const struct row *row, size_t a, size_t b)
{
	struct sse s = { .max = 4096 };
	struct seen seen = { 0 };
	struct slice in = row->in;

	assert_int_equal(feed(&s, (struct slice){ in.p, a }, &seen), 0);
	assert_int_equal(feed(&s, (struct slice){ in.p + a, b - a }, &seen), 0);
	assert_int_equal(
	    feed(&s, (struct slice){ in.p + b, in.len - b }, &seen), 0);
	sse_end(&s, on_event, on_pass, &seen);
	assert_buf(&seen.events, slice_of(row->events));
	assert_buf(&seen.bytes, in);
	sse_fini(&s);
	seen_fini(&seen);
}

/* CR LF split between its bytes makes no event of the LF. */
static void
events_are_the_same_wherever_they_are_split(void **state)
{
	size_t i, a, b;

	(void)state;
	for (i = 0; i < NELEM(rows); i++) {
		for (a = 0; a <= rows[i].in.len; a++) {
			for (b = a; b <= rows[i].in.len; b++)
				check_split(&rows[i], a, b);
		}
	}
}

static void
one_event_is_cut_out_and_the_rest_stays_to_the_byte(void **state)
{
	struct slice in = S("data: a\n\ndata: usage\r\n\r\n: x\n\n"
			    "data: b\n\n");
	size_t a;

	(void)state;
	for (a = 0; a <= in.len; a++) {
		struct sse s = { .max = 4096 };
		struct seen seen = { .cut = "usage" };

		assert_int_equal(feed(&s, (struct slice){ in.p, a }, &seen), 0);
		assert_int_equal(
		    feed(&s, (struct slice){ in.p + a, in.len - a }, &seen), 0);
		assert_buf(&seen.events, S("|a||usage|-|b|"));
		assert_buf(&seen.bytes, S("data: a\n\n: x\n\ndata: b\n\n"));
		sse_fini(&s);
		seen_fini(&seen);
	}
}

static bool
is_inside(void *arg, const struct sse_event *e)
{
	struct slice *in = arg;

	assert_true(e->raw.p >= in->p && e->raw.p < in->p + in->len);
	assert_true(e->data.p >= in->p && e->data.p < in->p + in->len);
	return true;
}

static void
a_whole_event_is_not_copied(void **state)
{
	struct slice in = S("event: e\ndata: a\n\ndata: b\n\n");
	struct sse s = { .max = 4096 };

	(void)state;
	assert_int_equal(sse_feed(&s, in, is_inside, NULL, &in), FAULT_NONE);
	assert_null(s.tail.p);
	sse_fini(&s);
}

static void
adjacent_events_pass_in_one_piece(void **state)
{
	struct sse s = { .max = 4096 };
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(
	    feed(&s, S("data: a\n\ndata: b\n\ndata: c\n\ndata"), &seen), 0);
	assert_int_equal(seen.npass, 1);
	assert_buf(&seen.bytes, S("data: a\n\ndata: b\n\ndata: c\n\n"));
	sse_fini(&s);
	seen_fini(&seen);
}

static void
an_unfinished_event_above_the_limit_is_refused(void **state)
{
	struct sse s = { .max = 10 };
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(feed(&s, S("data: a\n\ndata: 1234"), &seen), 0);
	assert_int_equal(feed(&s, S("5"), &seen), FAULT_UP_GARBAGE);
	sse_fini(&s);
	seen_fini(&seen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_the_same_wherever_they_are_split),
		cmocka_unit_test(
		    one_event_is_cut_out_and_the_rest_stays_to_the_byte),
		cmocka_unit_test(a_whole_event_is_not_copied),
		cmocka_unit_test(adjacent_events_pass_in_one_piece),
		cmocka_unit_test(
		    an_unfinished_event_above_the_limit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

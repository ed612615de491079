#include "http/sse.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The first CR or LF in [p, end), or end. */
static const char *
find_eol(const char *p, const char *end)
{
#ifdef __SSE2__
	const __m128i cr = _mm_set1_epi8('\r'), lf = _mm_set1_epi8('\n');
	__m128i v;
	int mask;

	for (; end - p >= 16; p += 16) {
		v = _mm_loadu_si128((const __m128i *)(const void *)p);
		v = _mm_or_si128(_mm_cmpeq_epi8(v, cr), _mm_cmpeq_epi8(v, lf));
		mask = _mm_movemask_epi8(v);
		if (mask != 0)
			return p + __builtin_ctz((unsigned)mask);
	}
#endif
	while (p < end && *p != '\r' && *p != '\n')
		p++;
	return p;
}

/*
 * Goes on until a blank line ends the event; NULL: not in [p, end).  Needs no
 * byte of before, so it runs over the new input only.  A CR at the very end
 * counts at once: should an LF follow, it is skipped.
 */
static const char *
find_end(struct sse *s, const char *p, const char *end)
{
	const char *q;
	bool blank;

	while (p < end) {
		if (s->skip_lf && *p == '\n') {
			s->skip_lf = false;
			p++;
			continue;
		}
		s->skip_lf = false;
		q = find_eol(p, end);
		s->line_begun |= q > p;
		if (q == end)
			return NULL;
		if (*q == '\r' && q + 1 == end)
			s->skip_lf = true;
		else if (*q == '\r' && q[1] == '\n')
			q++;
		blank = !s->line_begun;
		s->line_begun = false;
		p = q + 1;
		if (blank)
			return p;
	}
	return NULL;
}

/* --- one event --------------------------------------------------------- */

static void
take_data(struct sse *s, struct sse_event *e, struct slice value)
{
	if (!e->has_data) {
		e->has_data = true;
		e->data = value;
		return;
	}
	if (s->joined.len == 0)
		buf_add(&s->joined, e->data);
	buf_char(&s->joined, '\n');
	buf_add(&s->joined, value);
	e->data = buf_slice(&s->joined);
}

static void
take_line(struct sse *s, struct sse_event *e, struct slice line)
{
	struct slice name, value;

	if (!slice_cut(line, ':', &name, &value)) {
		name = line;
		value = (struct slice){ line.p + line.len, 0 };
	}
	if (value.len > 0 && value.p[0] == ' ')
		value = (struct slice){ value.p + 1, value.len - 1 };
	if (slice_eq(name, S("data")))
		take_data(s, e, value);
	else if (slice_eq(name, S("event")))
		e->type = value;
}

static struct slice
without_mark(struct sse *s, struct slice raw)
{
	static const struct slice bom = S_INIT("\xef\xbb\xbf");

	if (!s->begun && slice_starts(raw, bom))
		raw = (struct slice){ raw.p + bom.len, raw.len - bom.len };
	s->begun = true;
	return raw;
}

static struct sse_event
parse(struct sse *s, struct slice raw)
{
	struct sse_event e = {
		.raw = raw, .type = { "", 0 }, .data = { "", 0 }
	};
	struct slice text = without_mark(s, raw);
	const char *p = text.p, *end = text.p + text.len, *q;

	buf_clear(&s->joined);
	for (; p < end; p = q + 1) {
		q = find_eol(p, end);
		if (q > p)
			take_line(s, &e, (struct slice){ p, (size_t)(q - p) });
	}
	return e;
}

/* Where the event at p ends, and what it is; NULL: not in [p, end). */
static const char *
next_event(struct sse *s, const char *p, const char *end, struct sse_event *e)
{
	const char *next, *q;

	/* One line and a blank one, as most are: passed over once. */
	if (s->begun && !s->skip_lf && !s->line_begun) {
		q = find_eol(p, end);
		if (q > p && end - q >= 2 && q[0] == '\n' && q[1] == '\n') {
			*e = (struct sse_event){ .raw = { p,
						     (size_t)(q + 2 - p) },
				.type = { "", 0 },
				.data = { "", 0 } };
			take_line(s, e, (struct slice){ p, (size_t)(q - p) });
			return q + 2;
		}
	}
	next = find_end(s, p, end);
	if (next != NULL)
		*e = parse(s, (struct slice){ p, (size_t)(next - p) });
	return next;
}

/* --- the stream -------------------------------------------------------- */

static void
pass(sse_pass_f *on_pass, void *arg, const char *from, const char *to)
{
	if (on_pass != NULL && to > from)
		on_pass(arg, (struct slice){ from, (size_t)(to - from) });
}

static void
give_tail(struct sse *s, sse_event_f *on_event, sse_pass_f *on_pass, void *arg)
{
	struct sse_event e = parse(s, buf_slice(&s->tail));

	s->passed = on_event(arg, &e);
	if (s->passed)
		pass(on_pass, arg, s->tail.p, s->tail.p + s->tail.len);
	buf_fini(&s->tail);
}

static enum fault
keep_tail(struct sse *s, const char *p, const char *end)
{
	size_t len = (size_t)(end - p);

	if (len > s->max || s->tail.len > s->max - len)
		return FAULT_UP_GARBAGE;
	buf_add(&s->tail, (struct slice){ p, len });
	return FAULT_NONE;
}

enum fault
sse_feed(struct sse *s, struct slice in, sse_event_f *on_event,
    sse_pass_f *on_pass, void *arg)
{
	const char *p = in.p, *end = in.p + in.len, *from = p, *next;
	struct sse_event e;

	if (s->skip_lf && s->tail.len == 0 && p < end && *p == '\n') {
		/* The second half of the line end that ended an event. */
		s->skip_lf = false;
		p++;
		if (!s->passed)
			from = p;
	}
	if (s->tail.len > 0) {
		next = find_end(s, p, end);
		if (keep_tail(s, p, next != NULL ? next : end) != FAULT_NONE)
			return FAULT_UP_GARBAGE;
		if (next == NULL)
			return FAULT_NONE;
		give_tail(s, on_event, on_pass, arg);
		from = p = next;
	}
	while ((next = next_event(s, p, end, &e)) != NULL) {
		s->passed = on_event(arg, &e);
		if (!s->passed) {
			pass(on_pass, arg, from, p);
			from = next;
		}
		p = next;
	}
	pass(on_pass, arg, from, p);
	return keep_tail(s, p, end);
}

void
sse_end(struct sse *s, sse_event_f *on_event, sse_pass_f *on_pass, void *arg)
{
	if (s->tail.len > 0)
		give_tail(s, on_event, on_pass, arg);
}

void
sse_fini(struct sse *s)
{
	buf_fini(&s->tail);
	buf_fini(&s->joined);
}

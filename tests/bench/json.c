/*
 * json.c - what JSON costs: a body parsed to a tree and written again
 *
 *	json [FILE...]    prints CPU nanoseconds a byte, parse and emit
 *
 * Without files, bodies like those of coding agents and SDKs: a long talk,
 * many tools, numbers, escapes, other scripts.  The median of the rounds; what
 * is written must parse again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

enum { ROUNDS = 15, BYTES = 1 << 20 }; /* bytes of a round, about */

static int64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int
by_size(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* n times; reading the clock costs as much as a short body. */
static int64_t
parse_ns(struct slice body, unsigned n)
{
	const int64_t t0 = cpu_ns();
	struct json *j;

	for (; n > 0; n--) {
		struct arena a = { 0 };

		CHECK(json_parse(&a, body, &j) == FAULT_NONE);
		arena_fini(&a);
	}
	return cpu_ns() - t0;
}

static int64_t
emit_ns(struct slice body, struct buf *out, unsigned n)
{
	struct arena a = { 0 };
	struct json *j;
	int64_t t0;

	CHECK(json_parse(&a, body, &j) == FAULT_NONE);
	t0 = cpu_ns();
	for (; n > 0; n--) {
		buf_clear(out);
		json_w_tree(out, j);
	}
	t0 = cpu_ns() - t0;
	arena_fini(&a);
	return t0;
}

static void
measure(const char *name, struct slice body)
{
	const unsigned n = 1 + (unsigned)(BYTES / body.len);
	const double bytes = (double)body.len * n;
	int64_t parse[ROUNDS], emit[ROUNDS];
	struct buf out = { 0 };
	struct arena a = { 0 };
	struct json *j;
	double p, e;
	unsigned i;

	for (i = 0; i < ROUNDS; i++) {
		parse[i] = parse_ns(body, n);
		emit[i] = emit_ns(body, &out, n);
	}
	CHECK(json_parse(&a, buf_slice(&out), &j) == FAULT_NONE);
	qsort(parse, ROUNDS, sizeof(parse[0]), by_size);
	qsort(emit, ROUNDS, sizeof(emit[0]), by_size);
	p = (double)parse[ROUNDS / 2] / bytes;
	e = (double)emit[ROUNDS / 2] / bytes;
	printf("%-22s %7zu bytes: %.2f ns a byte (parse %.2f, emit %.2f)\n",
	    name, body.len, p + e, p, e);
	buf_fini(&out);
	arena_fini(&a);
}

/* --- bodies ---------------------------------------------------------------
 */

static void
add_message(struct buf *b, const char *role, struct slice text)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "role", slice_of(role));
	json_w_kstr(b, "content", text);
	json_w_end(b, '}');
}

static void
add_tools(struct buf *b, unsigned n)
{
	unsigned i;

	json_w_key(b, "tools");
	json_w_begin(b, '[');
	for (i = 0; i < n; i++) {
		json_w_raw(b,
		    S("{\"type\":\"function\",\"function\":{\"name\":"
		      "\"read_file\",\"description\":\"Reads a file and "
		      "returns its lines, numbered from one, at most 2000 of "
		      "them.\",\"parameters\":{\"type\":\"object\","
		      "\"properties\":{\"path\":{\"type\":\"string\","
		      "\"description\":\"Absolute path\"},\"offset\":{"
		      "\"type\":\"integer\",\"minimum\":0},\"limit\":{"
		      "\"type\":\"integer\"}},\"required\":[\"path\"],"
		      "\"additionalProperties\":false}}}"));
	}
	json_w_end(b, ']');
}

static void
talk(struct buf *b, struct slice text, unsigned messages, unsigned tools)
{
	unsigned i;

	json_w_begin(b, '{');
	json_w_kstr(b, "model", S("m"));
	json_w_key(b, "messages");
	json_w_begin(b, '[');
	for (i = 0; i < messages; i++)
		add_message(b, i % 2 == 0 ? "user" : "assistant", text);
	json_w_end(b, ']');
	if (tools > 0)
		add_tools(b, tools);
	json_w_ki64(b, "max_completion_tokens", 500);
	json_w_kbool(b, "stream", true);
	json_w_end(b, '}');
}

static void
built_in(void)
{
	static const struct {
		const char *name;
		struct slice text;
		unsigned messages, tools;
	} rows[] = {
		{ "a short call", S_INIT("Say hello to the world."), 2, 0 },
		{ "an agent's talk",
		    S_INIT("static int\nmain(void)\n{\n\tputs(\"hello\");\n"
			   "\treturn 0;\n}\n Here is what the file has, with "
			   "its tabs and its quotes, and a path: "
			   "/usr/include/stdio.h. It compiles; the tests "
			   "pass; nothing else was changed on the way, as far "
			   "as anybody can tell from here."),
		    200, 20 },
		{ "tools alone", S_INIT("hi"), 1, 200 },
		{ "another script",
		    S_INIT("\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82, "
			   "\xd0\xbc\xd0\xb8\xd1\x80! \xd0\x9a\xd0\xb0\xd0\xba "
			   "\xd0\xb4\xd0\xb5\xd0\xbb\xd0\xb0?"),
		    400, 0 },
	};
	struct buf b = { 0 };
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		buf_clear(&b);
		talk(&b, rows[i].text, rows[i].messages, rows[i].tools);
		measure(rows[i].name, buf_slice(&b));
	}
	buf_fini(&b);
}

int
main(int argc, char **argv)
{
	static char text[8 << 20];
	FILE *f;
	int i;

	for (i = 1; i < argc; i++) {
		f = fopen(argv[i], "rb");
		CHECK(f != NULL);
		measure(argv[i],
		    (struct slice){ text, fread(text, 1, sizeof(text), f) });
		fclose(f);
	}
	if (argc == 1)
		built_in();
	return 0;
}

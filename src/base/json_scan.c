/*
 * json_scan.c - the cursor
 *
 * Scanners take a position and give the position behind what they passed,
 * NULL after a fault.  Nothing recurses: json_skip() keeps the kinds of the
 * brackets it is in as bits.
 */
#include "base/json.h"

#include "base/text.h"

struct json_cur
json_cur(struct slice text)
{
	struct json_cur c = { 0 };

	/* Not NULL, so that pointers may be subtracted. */
	c.p = text.len > 0 ? text.p : "";
	c.end = c.p + text.len;
	return c;
}

/* The fault is found at p; always NULL. */
static __attribute__((cold, noinline)) const char *
bad(struct json_cur *c, const char *p, enum fault fault)
{
	if (c->fault == FAULT_NONE) {
		c->fault = fault;
		c->p = p;
	}
	return NULL;
}

static bool
accept(struct json_cur *c, const char *p)
{
	if (p == NULL)
		return false;
	c->p = p;
	return true;
}

static inline const char *
space(const char *p, const char *end)
{
	while (p < end && (unsigned char)*p <= ' ') {
		if (*p != ' ' && *p != '\n' && *p != '\t' && *p != '\r')
			break;
		p++;
	}
	return p;
}

static const char *
escape(struct json_cur *c, const char *p)
{
	int i;

	if (c->end - p < 2)
		return bad(c, c->end, FAULT_JSON);
	switch (p[1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return p + 2;
	case 'u':
		break;
	default:
		return bad(c, p + 1, FAULT_JSON);
	}
	for (i = 2; i < 6; i++) {
		if (p + i == c->end || text_hex_digit(p[i]) < 0)
			return bad(c, p + i, FAULT_JSON);
	}
	return p + 6;
}

/* p is behind the opening quote; gives the closing one. */
static __attribute__((noinline)) const char *
long_string(struct json_cur *c, const char *p, bool *escaped)
{
	size_t n;

	for (;;) {
		p += text_plain_run(p, (size_t)(c->end - p));
		if (p == c->end)
			return bad(c, p, FAULT_JSON);
		if (*p == '"')
			return p;
		if (*p == '\\') {
			*escaped = true;
			p = escape(c, p);
			if (p == NULL)
				return NULL;
			continue;
		}
		if ((unsigned char)*p < 0x20)
			return bad(c, p, FAULT_JSON);
		/* Other scripts come in runs: stay while they last. */
		n = text_script_run(p, (size_t)(c->end - p));
		p += n;
		if (n > 0)
			continue;
		do {
			n = utf8_sequence(p, (size_t)(c->end - p));
			if (n == 0)
				return bad(c, p, FAULT_JSON_UTF8);
			p += n;
		} while (p < c->end && (signed char)*p < 0);
	}
}

/* The same; most strings are keys and words. */
static inline const char *
string(struct json_cur *c, const char *p, bool *escaped)
{
	*escaped = false;
#ifdef __SSE2__
	if (c->end - p >= 16) {
		const unsigned mask = text_special16_(p);
		const char *at = p + __builtin_ctz(mask | 0x10000);

		if (mask != 0 && *at == '"')
			return at;
		p = at;
	}
#endif
	return long_string(c, p, escaped);
}

static inline bool
is_digit(const char *p, const char *end)
{
	return p < end && *p >= '0' && *p <= '9';
}

static inline const char *
digits(struct json_cur *c, const char *p)
{
	if (!is_digit(p, c->end))
		return bad(c, p, FAULT_JSON);
	do
		p++;
	while (is_digit(p, c->end));
	return p;
}

static inline const char *
number(struct json_cur *c, const char *p)
{
	if (*p == '-')
		p++;
	if (p < c->end && *p == '0')
		p++;
	else
		p = digits(c, p);
	if (p != NULL && p < c->end && *p == '.')
		p = digits(c, p + 1);
	if (p != NULL && p < c->end && (*p | 0x20) == 'e') {
		p++;
		if (p < c->end && (*p == '+' || *p == '-'))
			p++;
		p = digits(c, p);
	}
	return p;
}

static inline const char *
word(struct json_cur *c, const char *p, struct slice w)
{
	if ((size_t)(c->end - p) < w.len || memcmp(p, w.p, w.len) != 0)
		return bad(c, p, FAULT_JSON);
	return p + w.len;
}

/* What a value's first byte says it is, plus 1. */
static const uint8_t type_of[256] = {
	['{'] = JSON_OBJECT + 1,
	['['] = JSON_ARRAY + 1,
	['"'] = JSON_STRING + 1,
	['t'] = JSON_TRUE + 1,
	['f'] = JSON_FALSE + 1,
	['n'] = JSON_NULL + 1,
	['-'] = JSON_NUMBER + 1,
	['0'] = JSON_NUMBER + 1,
	['1'] = JSON_NUMBER + 1,
	['2'] = JSON_NUMBER + 1,
	['3'] = JSON_NUMBER + 1,
	['4'] = JSON_NUMBER + 1,
	['5'] = JSON_NUMBER + 1,
	['6'] = JSON_NUMBER + 1,
	['7'] = JSON_NUMBER + 1,
	['8'] = JSON_NUMBER + 1,
	['9'] = JSON_NUMBER + 1,
};

bool
json_peek(struct json_cur *c, enum json_type *type)
{
	unsigned t;

	if (c->fault != FAULT_NONE)
		return false;
	c->p = space(c->p, c->end);
	t = c->p < c->end ? type_of[(unsigned char)*c->p] : 0;
	if (t != 0) {
		*type = (enum json_type)(t - 1);
		return true;
	}
	bad(c, c->p, FAULT_JSON);
	return false;
}

/* --- whole values ---------------------------------------------------- */

/* The brackets json_skip() is in: bit i says that level i is an object. */
struct nest {
	uint64_t object[(JSON_DEPTH_MAX + 63) / 64];
	unsigned n;
};

static inline bool
in_object(const struct nest *nest)
{
	const unsigned i = nest->n - 1;

	return nest->object[i / 64] >> i % 64 & 1;
}

static inline const char *
push(struct json_cur *c, struct nest *nest, const char *p)
{
	const unsigned i = nest->n;
	const uint64_t bit = UINT64_C(1) << i % 64;

	if (c->depth + i >= JSON_DEPTH_MAX)
		return bad(c, p, FAULT_JSON_DEPTH);
	if (*p == '{')
		nest->object[i / 64] |= bit;
	else
		nest->object[i / 64] &= ~bit;
	nest->n++;
	return p + 1;
}

/* White space, a key and its colon. */
static inline const char *
key(struct json_cur *c, const char *p, struct slice *raw, bool *escaped)
{
	const char *close;

	p = space(p, c->end);
	if (p == c->end || *p != '"')
		return bad(c, p, FAULT_JSON);
	close = string(c, p + 1, escaped);
	if (close == NULL)
		return NULL;
	*raw = (struct slice){ p + 1, (size_t)(close - p - 1) };
	p = space(close + 1, c->end);
	if (p == c->end || *p != ':')
		return bad(c, p, FAULT_JSON);
	return p + 1;
}

static inline const char *
scalar(struct json_cur *c, const char *p)
{
	bool escaped;

	switch (*p) {
	case '"':
		p = string(c, p + 1, &escaped);
		return p != NULL ? p + 1 : NULL;
	case 't':
		return word(c, p, S("true"));
	case 'f':
		return word(c, p, S("false"));
	case 'n':
		return word(c, p, S("null"));
	default:
		if (*p == '-' || (*p >= '0' && *p <= '9'))
			return number(c, p);
		return bad(c, p, FAULT_JSON);
	}
}

/*
 * Passes the value at p, or only the bracket that opens it; *more says that
 * a value must follow (an empty pair of brackets is passed whole).
 */
static inline const char *
value(struct json_cur *c, struct nest *nest, const char *p, bool *more)
{
	struct slice raw;
	bool escaped;
	char close;

	*more = false;
	p = space(p, c->end);
	if (p == c->end)
		return bad(c, p, FAULT_JSON);
	if (*p != '{' && *p != '[')
		return scalar(c, p);
	close = *p == '{' ? '}' : ']';
	p = push(c, nest, p);
	if (p == NULL)
		return NULL;
	p = space(p, c->end);
	if (p < c->end && *p == close) {
		nest->n--;
		return p + 1;
	}
	*more = true;
	return close == '}' ? key(c, p, &raw, &escaped) : p;
}

/* Behind a value: closes brackets until a comma asks for the next one. */
static inline const char *
after(struct json_cur *c, struct nest *nest, const char *p, bool *more)
{
	struct slice raw;
	bool escaped, object;

	*more = false;
	while (nest->n > 0) {
		object = in_object(nest);
		p = space(p, c->end);
		if (p < c->end && *p == ',') {
			*more = true;
			return object ? key(c, p + 1, &raw, &escaped) : p + 1;
		}
		if (p == c->end || *p != (object ? '}' : ']'))
			return bad(c, p, FAULT_JSON);
		nest->n--;
		p++;
	}
	return p;
}

static __attribute__((noinline)) const char *
bracketed(struct json_cur *c, const char *p)
{
	struct nest nest = { 0 };
	bool more;

	do {
		p = value(c, &nest, p, &more);
		if (p != NULL && !more)
			p = after(c, &nest, p, &more);
	} while (p != NULL && more);
	return p;
}

bool
json_skip(struct json_cur *c, struct slice *span)
{
	const char *p, *from;

	if (c->fault != FAULT_NONE)
		return false;
	p = from = space(c->p, c->end);
	if (p == c->end)
		p = bad(c, p, FAULT_JSON);
	else if (*p == '{' || *p == '[')
		p = bracketed(c, p);
	else
		p = scalar(c, p);
	if (p == NULL)
		return false;
	if (span != NULL)
		*span = (struct slice){ from, (size_t)(p - from) };
	c->p = p;
	return true;
}

/* --- step by step ---------------------------------------------------- */

static bool
enter(struct json_cur *c, char bracket)
{
	if (c->fault != FAULT_NONE)
		return false;
	c->p = space(c->p, c->end);
	if (c->p == c->end || *c->p != bracket) {
		bad(c, c->p, FAULT_JSON);
		return false;
	}
	if (c->depth >= JSON_DEPTH_MAX) {
		bad(c, c->p, FAULT_JSON_DEPTH);
		return false;
	}
	c->p++;
	c->depth++;
	c->first = true;
	return true;
}

bool
json_enter_object(struct json_cur *c)
{
	return enter(c, '{');
}

bool
json_enter_array(struct json_cur *c)
{
	return enter(c, '[');
}

/* Passes the comma, if one is due, or the closing bracket; false at that. */
static inline bool
next(struct json_cur *c, char close)
{
	const bool first = c->first;

	if (c->fault != FAULT_NONE)
		return false;
	CHECK(c->depth > 0);
	c->first = false;
	c->p = space(c->p, c->end);
	if (c->p < c->end && *c->p == close) {
		c->p++;
		c->depth--;
		return false;
	}
	if (first)
		return true;
	if (c->p == c->end || *c->p != ',') {
		bad(c, c->p, FAULT_JSON);
		return false;
	}
	c->p++;
	return true;
}

/* A short key without white space around it, as machines write them. */
static inline bool
plain_key(struct json_cur *c, struct slice *raw)
{
#ifdef __SSE2__
	const char *p = c->p, *at;
	unsigned mask;

	if (c->fault != FAULT_NONE || c->end - p < 19)
		return false;
	if (!c->first) {
		if (*p != ',')
			return false;
		p++;
	}
	if (*p++ != '"')
		return false;
	mask = text_special16_(p);
	at = p + __builtin_ctz(mask | 0x8000);
	if (*at != '"' || at[1] != ':')
		return false;
	*raw = (struct slice){ p, (size_t)(at - p) };
	c->p = at + 2;
	c->first = false;
	return true;
#else
	(void)c;
	(void)raw;
	return false;
#endif
}

bool
json_next_key(struct json_cur *c, struct slice *raw, bool *escaped)
{
	if (plain_key(c, raw)) {
		*escaped = false;
		return true;
	}
	return next(c, '}') && accept(c, key(c, c->p, raw, escaped));
}

bool
json_next_item(struct json_cur *c)
{
	return next(c, ']');
}

bool
json_take_string(struct json_cur *c, struct slice *raw, bool *escaped)
{
	const char *close;

	if (c->fault != FAULT_NONE)
		return false;
	c->p = space(c->p, c->end);
	if (c->p == c->end || *c->p != '"') {
		bad(c, c->p, FAULT_JSON);
		return false;
	}
	close = string(c, c->p + 1, escaped);
	if (close == NULL)
		return false;
	*raw = (struct slice){ c->p + 1, (size_t)(close - c->p - 1) };
	c->p = close + 1;
	return true;
}

bool
json_at_end(struct json_cur *c)
{
	if (c->fault != FAULT_NONE)
		return false;
	c->p = space(c->p, c->end);
	if (c->p == c->end && c->depth == 0)
		return true;
	bad(c, c->p, FAULT_JSON);
	return false;
}

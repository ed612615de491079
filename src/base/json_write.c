/*
 * json_write.c - JSON text appended to a buf, valid whatever it is given
 */
#include "base/json.h"

#include "base/text.h"

static inline void
comma(struct buf *b)
{
	const char last = b->len > 0 ? b->p[b->len - 1] : '{';

	if (last != '{' && last != '[' && last != ':')
		buf_char(b, ',');
}

void
json_w_begin(struct buf *b, char bracket)
{
	CHECK(bracket == '{' || bracket == '[');
	comma(b);
	buf_char(b, bracket);
}

void
json_w_end(struct buf *b, char bracket)
{
	CHECK(bracket == '}' || bracket == ']');
	buf_char(b, bracket);
}

/* A byte that cannot stand for itself. */
static void
put_escape(struct buf *b, char c)
{
	static const char digits[] = "0123456789abcdef";
	static const char names[] = "btn?fr"; /* 8 to 13 */
	const unsigned u = (unsigned char)c;
	char six[6] = { '\\', 'u', '0', '0', digits[u >> 4], digits[u & 15] };

	if (c == '"' || c == '\\')
		buf_add(b, (struct slice){ (char[2]){ '\\', c }, 2 });
	else if (u >= 8 && u <= 13 && u != 11)
		buf_add(
		    b, (struct slice){ (char[2]){ '\\', names[u - 8] }, 2 });
	else
		buf_add(b, (struct slice){ six, 6 });
}

enum { AHEAD = 16 }; /* bytes that put_string() may write beyond its own */

/* Copies what stands for itself; *from goes along.  Up to AHEAD bytes more
 * than that are written. */
static char *
copy_plain(char *to, const char **from, const char *end)
{
	const char *p = *from;

#ifdef __SSE2__
	for (; end - p >= AHEAD; p += AHEAD, to += AHEAD) {
		const unsigned mask = text_special16_(p);

		memcpy(to, p, AHEAD);
		if (mask != 0) {
			*from = p + __builtin_ctz(mask);
			return to + __builtin_ctz(mask);
		}
	}
	/* The rest once more with what is before it. */
	if (p - *from >= AHEAD && p < end &&
	    text_special16_(end - AHEAD) >> (AHEAD - (end - p)) == 0) {
		memcpy(to + (end - p) - AHEAD, end - AHEAD, AHEAD);
		*from = end;
		return to + (end - p);
	}
#endif
	while (p < end && (signed char)*p >= 0x20 && *p != '"' && *p != '\\')
		*to++ = *p++;
	*from = p;
	return to;
}

static inline uint64_t
load(const char *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

/* The top bit of bytes that do not stand for themselves; of others too, above
 * the first of them. */
static inline uint64_t
special(uint64_t v)
{
	const uint64_t quote = v ^ EACH('"'), slash = v ^ EACH('\\');

	return (v | (v - EACH(0x20)) | (quote - EACH(1)) | (slash - EACH(1))) &
	       EACH(0x80);
}

/* Names and short values, most of which are plain: two words that overlap.
 * False: it is longer, or not plain; nothing was written. */
static inline bool
copy_short(char *to, struct slice s)
{
	const size_t n = s.len >= 8 ? 8 : s.len >= 4 ? 4 : 1;
	uint64_t first, last;

	if (s.len > 16 || (s.len != 1 && s.len < 4))
		return false;
	first = load(s.p, n);
	last = load(s.p + s.len - n, n);
	if (n < 8) {
		first |= EACH(0x20) << 8 * n;
		last |= EACH(0x20) << 8 * n;
	}
	if ((special(first) | special(last)) != 0)
		return false;
	memcpy(to, &first, n);
	memcpy(to + s.len - n, &last, n);
	return true;
}

/* Whole characters of other scripts, which come in runs. */
static char *
copy_script(char *to, const char **from, const char *end)
{
	const char *p = *from;
	size_t n;

	if (p == end || (signed char)*p >= 0)
		return to;
	n = text_script_run(p, (size_t)(end - p));
	if (n > 0)
		memcpy(to, p, n);
	p += n;
	to += n;
	while (p < end && (signed char)*p < 0 &&
	       (n = utf8_sequence(p, (size_t)(end - p))) > 0) {
		/* A copy of known length is a move. */
		if (end - p >= 4)
			memcpy(to, p, 4);
		else
			memcpy(to, p, n);
		p += n;
		to += n;
	}
	*from = p;
	return to;
}

static void
put_string(struct buf *b, struct slice s)
{
	const char *p = s.p, *end = s.p + s.len;
	char *to;

	buf_reserve(b, s.len + 2 + AHEAD);
	b->p[b->len++] = '"';
	if (copy_short(b->p + b->len, s)) {
		b->len += s.len;
		b->p[b->len++] = '"';
		return;
	}
	for (;;) {
		to = copy_plain(b->p + b->len, &p, end);
		to = copy_script(to, &p, end);
		b->len = (size_t)(to - b->p);
		if (p == end)
			break;
		if ((signed char)*p >= 0x20 && *p != '"' && *p != '\\')
			continue;
		if ((signed char)*p >= 0)
			put_escape(b, *p);
		else
			buf_str(b, "\xef\xbf\xbd");
		p++;
		buf_reserve(b, (size_t)(end - p) + 1 + AHEAD);
	}
	b->p[b->len++] = '"';
}

void
json_w_name(struct buf *b, struct slice key)
{
	comma(b);
	put_string(b, key);
	buf_char(b, ':');
}

void
json_w_str(struct buf *b, struct slice s)
{
	comma(b);
	put_string(b, s);
}

void
json_w_i64(struct buf *b, int64_t v)
{
	comma(b);
	buf_i64(b, v);
}

void
json_w_u64(struct buf *b, uint64_t v)
{
	comma(b);
	buf_u64(b, v);
}

void
json_w_bool(struct buf *b, bool v)
{
	comma(b);
	buf_add(b, v ? S("true") : S("false"));
}

void
json_w_null(struct buf *b)
{
	comma(b);
	buf_add(b, S("null"));
}

void
json_w_raw(struct buf *b, struct slice json)
{
	comma(b);
	buf_add(b, json);
}

static void
write_scalar(struct buf *b, const struct json *j)
{
	if (j->type == JSON_STRING)
		json_w_str(b, j->text);
	else
		json_w_raw(b, j->text);
}

/* Who made the tree has bounded its depth. */
void
json_w_tree(struct buf *b, const struct json *j)
{
	const struct json *k;

	if (j->type != JSON_OBJECT && j->type != JSON_ARRAY) {
		write_scalar(b, j);
		return;
	}
	json_w_begin(b, j->type == JSON_OBJECT ? '{' : '[');
	for (k = j->child; k != NULL; k = k->next) {
		if (j->type == JSON_OBJECT)
			json_w_name(b, k->key);
		json_w_tree(b, k);
	}
	json_w_end(b, j->type == JSON_OBJECT ? '}' : ']');
}

/*
 * json_write.c - JSON text appended to a buf, valid whatever it is given
 */
#include "base/json.h"

#include "base/text.h"

static inline void
put(struct buf *b, char c)
{
	buf_reserve(b, 1);
	b->p[b->len++] = c;
}

static inline void
comma(struct buf *b)
{
	const char last = b->len > 0 ? b->p[b->len - 1] : '{';

	if (last != '{' && last != '[' && last != ':')
		put(b, ',');
}

void
json_w_begin(struct buf *b, char bracket)
{
	CHECK(bracket == '{' || bracket == '[');
	comma(b);
	put(b, bracket);
}

void
json_w_end(struct buf *b, char bracket)
{
	CHECK(bracket == '}' || bracket == ']');
	put(b, bracket);
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
#endif
	while (p < end && (signed char)*p >= 0x20 && *p != '"' && *p != '\\')
		*to++ = *p++;
	*from = p;
	return to;
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
json_w_key(struct buf *b, const char *key)
{
	comma(b);
	put_string(b, slice_of(key));
	put(b, ':');
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

void
json_w_kstr(struct buf *b, const char *key, struct slice s)
{
	json_w_key(b, key);
	json_w_str(b, s);
}

void
json_w_ki64(struct buf *b, const char *key, int64_t v)
{
	json_w_key(b, key);
	json_w_i64(b, v);
}

void
json_w_ku64(struct buf *b, const char *key, uint64_t v)
{
	json_w_key(b, key);
	json_w_u64(b, v);
}

void
json_w_kbool(struct buf *b, const char *key, bool v)
{
	json_w_key(b, key);
	json_w_bool(b, v);
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
		if (j->type == JSON_OBJECT) {
			json_w_str(b, k->key);
			put(b, ':');
		}
		json_w_tree(b, k);
	}
	json_w_end(b, j->type == JSON_OBJECT ? '}' : ']');
}

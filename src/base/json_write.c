/*
 * json_write.c - JSON text appended to a buf, valid whatever it is given
 */
#include "base/json.h"

#include "base/text.h"

static void
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

static void
put_string(struct buf *b, struct slice s)
{
	size_t run, n;

	buf_reserve(b, s.len + 2);
	buf_char(b, '"');
	while (s.len > 0) {
		run = text_plain_run(s.p, s.len);
		buf_add(b, (struct slice){ s.p, run });
		s.p += run;
		s.len -= run;
		if (s.len == 0)
			break;
		n = 1;
		if ((signed char)s.p[0] >= 0) {
			put_escape(b, s.p[0]);
		} else {
			n = utf8_sequence(s.p, s.len);
			buf_add(b, n > 0 ? (struct slice){ s.p, n }
					 : S("\xef\xbf\xbd"));
			n = n > 0 ? n : 1;
		}
		s.p += n;
		s.len -= n;
	}
	buf_char(b, '"');
}

void
json_w_key(struct buf *b, const char *key)
{
	comma(b);
	put_string(b, slice_of(key));
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
			buf_char(b, ':');
		}
		json_w_tree(b, k);
	}
	json_w_end(b, j->type == JSON_OBJECT ? '}' : ']');
}

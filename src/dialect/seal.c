#include "dialect/seal.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"

/* Base64 of "kontor/N/" and the bytes; N is the vendor's number. */
static const struct slice stamp = S_INIT("kontor/");

struct slice
seal_standard(struct arena *a, struct slice text)
{
	struct buf b = { 0 };
	struct slice out;
	size_t i;

	if (text.len == 0 ||
	    (text.len % 4 == 0 && memchr(text.p, '-', text.len) == NULL &&
		memchr(text.p, '_', text.len) == NULL))
		return text;
	buf_add(&b, text);
	for (i = 0; i < b.len; i++)
		b.p[i] = b.p[i] == '-' ? '+' : b.p[i] == '_' ? '/' : b.p[i];
	while (b.len % 4 != 0)
		buf_char(&b, '=');
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

struct slice
seal_write(
    struct arena *a, enum vendor own, enum vendor origin, struct slice opaque)
{
	struct buf plain = { 0 }, b = { 0 };
	struct slice out;

	if (origin == own || opaque.len == 0)
		return opaque;
	buf_add(&plain, stamp);
	buf_fmt(&plain, "%u/", (unsigned)origin);
	buf_add(&plain, opaque);
	text_base64_write(&b, buf_slice(&plain));
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&plain);
	buf_fini(&b);
	return out;
}

struct slice
seal_read(
    struct arena *a, enum vendor own, struct slice field, enum vendor *origin)
{
	struct buf b = { 0 };
	struct slice out = field;

	*origin = field.len > 0 ? own : VENDOR_NONE;
	/* Base64 of the stamp's first six bytes: most need no more look. */
	if (!slice_starts(field, S("a29udG9y")))
		return field;
	if (text_base64_parse(&b, seal_standard(a, field)) &&
	    b.len > stamp.len + 2 && slice_starts(buf_slice(&b), stamp) &&
	    b.p[stamp.len] > '0' && b.p[stamp.len] <= '0' + VENDOR_AMAZON &&
	    b.p[stamp.len + 1] == '/') {
		*origin = (enum vendor)(b.p[stamp.len] - '0');
		out = arena_copy(a, (struct slice){ b.p + stamp.len + 2,
					b.len - stamp.len - 2 });
	}
	buf_fini(&b);
	return out;
}

/* --- behind an id ---------------------------------------------------------
 */

/* ID MARK base64url of [[vendor, opaque]|[vendor, opaque, text], ...]: of the
 * call, of a thought. */
static const struct slice mark = S_INIT("~kt~");

enum { ID_SEAL_MAX = 64 * 1024 };

static void
put_entry(struct buf *b, const struct part *p, bool thought)
{
	json_w_begin(b, '[');
	json_w_u64(b, (uint64_t)p->origin);
	json_w_str(b, p->opaque);
	if (thought)
		json_w_str(b, p->text);
	json_w_end(b, ']');
}

struct slice
seal_id(struct arena *a, struct slice id, const struct part *thoughts,
    const struct part *call)
{
	struct buf plain = { 0 }, b = { 0 };
	struct slice out = id;

	json_w_begin(&plain, '[');
	for (; thoughts != NULL; thoughts = thoughts->next) {
		if (thoughts->kind == PART_REASONING &&
		    thoughts->opaque.len > 0)
			put_entry(&plain, thoughts, true);
	}
	if (call != NULL && call->opaque.len > 0)
		put_entry(&plain, call, false);
	json_w_end(&plain, ']');
	if (plain.len > 2 && plain.len <= ID_SEAL_MAX) {
		buf_add(&b, id);
		buf_add(&b, mark);
		text_base64url_write(&b, buf_slice(&plain));
		out = arena_copy(a, buf_slice(&b));
	}
	buf_fini(&plain);
	buf_fini(&b);
	return out;
}

static const char *
find_mark(struct slice id)
{
	return id.len > mark.len ? memmem(id.p, id.len, mark.p, mark.len)
				 : NULL;
}

bool
seal_is_id(struct slice id)
{
	return find_mark(id) != NULL;
}

static void
take_entry(struct arena *a, const struct json *j, struct parts *thoughts,
    struct part *call)
{
	const struct json *vendor = j->child;
	struct part *p = call;
	int64_t n;

	if (j->type != JSON_ARRAY || j->n < 2 || j->n > 3 ||
	    vendor->type != JSON_NUMBER || !json_i64(vendor->text, &n) ||
	    n <= VENDOR_NONE || n > VENDOR_AMAZON ||
	    vendor->next->type != JSON_STRING)
		return;
	if (j->n == 3) {
		p = part_add(thoughts, a, PART_REASONING);
		p->text = vendor->next->next->text;
		p->redacted = p->text.len == 0;
	}
	p->opaque = vendor->next->text;
	p->origin = (enum vendor)n;
}

struct slice
seal_id_read(
    struct arena *a, struct slice id, struct parts *thoughts, struct part *call)
{
	const char *at = find_mark(id);
	struct buf b = { 0 };
	struct json *j, *i;
	struct slice rest;

	if (at == NULL)
		return id;
	rest = (struct slice){ at + mark.len,
		id.len - (size_t)(at + mark.len - id.p) };
	if (thoughts != NULL && text_base64url_parse(&b, rest) &&
	    json_parse(a, arena_copy(a, buf_slice(&b)), &j) == FAULT_NONE &&
	    j->type == JSON_ARRAY) {
		for (i = j->child; i != NULL; i = i->next)
			take_entry(a, i, thoughts, call);
	}
	buf_fini(&b);
	return (struct slice){ id.p, (size_t)(at - id.p) };
}

bool
seal_is_in(struct slice body)
{
	/* And the first bits of the slash. */
	static const struct slice sign = S_INIT("a29udG9yL");

	return memmem(body.p, body.len, sign.p, sign.len) != NULL;
}

/*
 * audit.c - notes, checkpoints, keys and receipts, as anyone may hand them in
 *
 * The key of RFC 8032's first test signs the seeds, so that what lies behind
 * a signature is reached; what parses is written again byte for byte.
 */
#include "audit/checkpoint.h"
#include "audit/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char key_text[] = "kontor/node/0000002a+9fec0423+"
			       "AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

static void
on_leaf(void *arg, uint64_t index, const struct frame *f)
{
	(void)index;
	CHECK(arg == NULL && f->size >= FRAME_HEAD && f->seq != 0);
}

/* The text behind a signature, without it. */
static void
try_checkpoint(struct slice s)
{
	struct checkpoint c;
	struct buf b = { 0 };

	if (checkpoint_parse(s, &c)) {
		checkpoint_write(&c, &b);
		CHECK(slice_eq(buf_slice(&b), s));
	}
	buf_fini(&b);
}

static void
try_key(struct slice s)
{
	struct note_key k;
	struct buf b = { 0 };

	if (note_key_parse(s, &k)) {
		note_key_write(&k, &b);
		if (s.p[s.len - 1] == '\n')
			buf_char(&b, '\n');
		CHECK(slice_eq(buf_slice(&b), s));
	}
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct slice s = { (const char *)data, len };
	struct slice rest = s, note, text;
	struct checkpoint c;
	struct note_key k;
	struct receipt r;

	CHECK(note_key_parse(slice_of(key_text), &k));
	try_key(s);
	try_checkpoint(s);
	while (note_next(&rest, &note)) {
		CHECK(note.len > 0 && note.p >= s.p);
		if (note_open(note, &k, &text))
			CHECK(text.len > 0 && text.p[text.len - 1] == '\n');
		if (checkpoint_open(note, &k, &c))
			CHECK(strcmp(c.origin, k.name) == 0);
	}
	if (receipt_check(s, &k, on_leaf, NULL, &r) == NULL)
		CHECK(r.n > 0 && r.size > 0 && !r.own_key);
	if (receipt_check(s, NULL, on_leaf, NULL, &r) == NULL)
		CHECK(r.own_key);
	return 0;
}

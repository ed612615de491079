/*
 * mold.c - events of a chat stream that are much alike: read one by one, and
 * by what the last one was, they say the same
 *
 * The first line is an event.  Each line behind it is that event again, but
 * for an edit: two bytes say where, one how many bytes go, the rest come.
 */
#include "base/arena.h"
#include "dialect/dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice
edited(struct arena *a, struct slice base, struct slice edit)
{
	const uint8_t *e = (const uint8_t *)edit.p;
	size_t at, gone;

	if (edit.len < 3)
		return base;
	at = ((size_t)e[0] << 8 | e[1]) % (base.len + 1);
	gone = e[2] < base.len - at ? e[2] : base.len - at;
	return arena_join(a,
	    (struct slice[]){ { base.p, at }, { edit.p + 3, edit.len - 3 },
		{ base.p + at + gone, base.len - at - gone } },
	    3);
}

static void
same(const struct tally *a, const struct tally *b)
{
	CHECK(memcmp(&a->usage, &b->usage, sizeof(a->usage)) == 0);
	CHECK(a->has_usage == b->has_usage && a->finished == b->finished);
	CHECK(a->failed == b->failed);
	CHECK(a->deltas == b->deltas && a->bytes == b->bytes);
	CHECK(slice_eq((struct slice){ a->tier, a->tier_len },
	    (struct slice){ b->tier, b->tier_len }));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct dialect *chat = &dialect_openai_chat;
	struct slice rest = { (const char *)data, size }, base, line, event;
	struct mold mold = { 0 };
	struct tally each = { 0 }, alike = { .mold = &mold };
	struct arena a = { 0 };
	enum event_kind kind = EVENT_PASS;
	bool more = slice_cut(rest, '\n', &base, &rest);

	if (!more)
		base = rest;
	event = base;
	while (kind != EVENT_BAD) {
		kind = chat->event(event, &each);
		CHECK(chat->event(event, &alike) == kind);
		same(&each, &alike);
		if (!more)
			break;
		more = slice_cut(rest, '\n', &line, &rest);
		event = edited(&a, base, more ? line : rest);
	}
	arena_fini(&a);
	return 0;
}

/*
 * frames.c - any bytes as frames of a log, and any payload in a good frame
 *
 * What is read can be written, and what was written is read as the same
 * bytes for ever after.
 */
#include "journal/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { CAP = 1 << 16 };

static const struct journal_name name = { .node = 7, .boot = 1 };

/* Reads, writes, reads, writes: the two writings are equal. */
#define AGAIN(type, kind) \
	static void again_##type(const struct frame *f) \
	{ \
		static char one[CAP], two[CAP]; \
		static struct type v, w; \
		struct frame g; \
		size_t n, m; \
		if (frame_get_##kind(f, &v) != FAULT_NONE) \
			return; \
		n = frame_##kind(&name, 1, &v, one, CAP); \
		if (n == 0) \
			return; \
		CHECK(frame_read((struct slice){ one, n }, &g) == FAULT_NONE); \
		CHECK(frame_get_##kind(&g, &w) == FAULT_NONE); \
		m = frame_##kind(&name, 1, &w, two, CAP); \
		CHECK(n == m && memcmp(one, two, n) == 0); \
	}

AGAIN(intent, intent)
AGAIN(outcome, outcome)
AGAIN(final, final)
AGAIN(count, count)
AGAIN(opening, opening)
AGAIN(account_change, account)
AGAIN(key_change, key)
AGAIN(incident, incident)
AGAIN(subject_change, subject)
AGAIN(limit_change, limit)

static void
look(const struct frame *f)
{
	struct correction c;
	struct generation g;
	struct arena a = { 0 };

	again_intent(f);
	again_outcome(f);
	again_final(f);
	again_count(f);
	again_opening(f);
	again_account_change(f);
	again_key_change(f);
	again_incident(f);
	again_subject_change(f);
	again_limit_change(f);
	if (frame_get_correction(f, &a, &c) == FAULT_NONE)
		CHECK(f->kind == FRAME_OUTCOME);
	if (frame_get_generation(f, &a, &g) == FAULT_NONE)
		CHECK(f->kind == FRAME_CONFIG);
	arena_fini(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char sealed[CAP];
	const struct slice s = { (const char *)data, len };
	struct frame f;
	size_t n;

	if (frame_read(s, &f) == FAULT_NONE) {
		CHECK(f.size <= len && f.payload.len <= f.size);
		look(&f);
	}
	if (len < 1 || len > CAP / 2)
		return 0;
	memcpy(sealed + FRAME_HEAD, data + 1, len - 1);
	n = frame_seal(&name, 1, (enum frame_kind)(1 + data[0] % 11), len - 1,
	    sealed, CAP);
	if (n > 0 && frame_read((struct slice){ sealed, n }, &f) == FAULT_NONE)
		look(&f);
	return 0;
}

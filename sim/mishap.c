#include "sim/mishap.h"

static const struct mishap_row rows[MISHAP_MAX] = {
	[MISHAP_NONE] = { "none", 0, false, "" },
#define MISHAP(NAME, word, status, spoils, text) \
	[MISHAP_##NAME] = { word, status, spoils, text },
#include "sim/mishaps.def"
#undef MISHAP
};

const struct mishap_row *
mishap_get(enum mishap m)
{
	CHECK(m < MISHAP_MAX);
	return &rows[m];
}

bool
mishap_parse(struct slice word, struct play *out)
{
	struct slice name = word, arg;
	uint64_t v;
	unsigned m;

	out->arg = -1;
	if (slice_cut(word, ':', &name, &arg)) {
		if (!slice_u64(arg, &v) || v > INT32_MAX)
			return false;
		out->arg = (int64_t)v;
	}
	for (m = MISHAP_NONE + 1; m < MISHAP_MAX; m++)
		if (slice_eq(name, slice_of(rows[m].word))) {
			out->kind = (enum mishap)m;
			return true;
		}
	return false;
}

int64_t
play_at(struct play play, int64_t whole)
{
	return play.arg >= 0 ? play.arg : whole / 2;
}

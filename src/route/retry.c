#include "route/retry.h"

enum { ONE = 100, KEPT = 100 * ONE, SECONDS = 10 };
#define NS_PER_SECOND INT64_C(1000000000)

void
retry_call(struct retry *r, unsigned percent)
{
	r->part += percent;
	if (r->part > KEPT)
		r->part = KEPT;
}

static void
fill(struct retry *r, unsigned floor, int64_t mono_ns)
{
	const uint64_t each = (uint64_t)floor * ONE;
	const uint64_t most = each * SECONDS;
	const int64_t passed = mono_ns - r->at_ns;
	uint64_t more;

	if (r->at_ns == 0 || passed >= SECONDS * NS_PER_SECOND) {
		r->floor = most;
		r->at_ns = mono_ns;
		return;
	}
	more = each * (uint64_t)passed / (uint64_t)NS_PER_SECOND;
	if (more == 0)
		return;
	r->floor = r->floor + more < most ? r->floor + more : most;
	r->at_ns = mono_ns;
}

bool
retry_take(struct retry *r, unsigned floor, int64_t mono_ns)
{
	fill(r, floor, mono_ns);
	if (r->part >= ONE) {
		r->part -= ONE;
		return true;
	}
	if (r->floor < ONE)
		return false;
	r->floor -= ONE;
	return true;
}

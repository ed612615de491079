#include "base/fault.h"

static const struct fault_row rows[FAULT_MAX] = {
#define FAULT(NAME, status, blame, code, text) \
	[FAULT_##NAME] = { #NAME, status, BLAME_##blame, code, text },
#include "base/faults.def"
#undef FAULT
};

const struct fault_row *
fault_get(enum fault f)
{
	CHECK(f < FAULT_MAX);
	return &rows[f];
}

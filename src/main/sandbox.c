#include "main/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>

struct rule {
	int number;
	uint32_t action;
};

static const struct rule rules[] = {
#define MAY(name) { SCMP_SYS(name), SCMP_ACT_ALLOW },
#define NEVER(name) { SCMP_SYS(name), SCMP_ACT_KILL_PROCESS },
#include "main/syscalls.def"
#undef MAY
#undef NEVER
};

enum { WRITING = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND };

static bool
add_rules(scmp_filter_ctx ctx, bool accepts)
{
	size_t i;

	for (i = 0; i < NELEM(rules); i++) {
		/* A number this machine has not is below zero. */
		if (rules[i].number >= 0 &&
		    (accepts || rules[i].number != SCMP_SYS(accept4)) &&
		    seccomp_rule_add(
			ctx, rules[i].action, rules[i].number, 0) != 0)
			return false;
	}
	/* O_TMPFILE contains O_DIRECTORY and needs a writing mode. */
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
		   SCMP_A2(SCMP_CMP_MASKED_EQ, WRITING, 0)) == 0 &&
	       seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
		   SCMP_A1(SCMP_CMP_MASKED_EQ, WRITING, 0)) == 0;
}

static bool
load(bool accepts)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	bool good;

	if (ctx == NULL)
		return false;
	/* A tree instead of a list; and no slower branches for our own code,
	 * which runs nobody else's.  Older libraries know neither. */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1);
	/* Also sets no_new_privs. */
	good = add_rules(ctx, accepts) && seccomp_load(ctx) == 0;
	seccomp_release(ctx);
	return good;
}

bool
sandbox_worker(void)
{
	return load(true);
}

bool
sandbox_courier(void)
{
	return load(false);
}

#include "main/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <openssl/crypto.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "main/landlock.h"

#define BIT(role) (1u << SANDBOX_##role)

enum {
	ALL = BIT(WORKER) | BIT(COURIER) | BIT(CONTROL) | BIT(RECORDER),
	PATHS = BIT(COURIER) | BIT(CONTROL) | BIT(RECORDER),
	NET = BIT(WORKER) | BIT(COURIER) | BIT(CONTROL),
	DOOR = BIT(WORKER) | BIT(CONTROL),
	BOOKS = BIT(CONTROL) | BIT(RECORDER),
	OWN = BIT(RECORDER),
	NOBODY = 65534
};

struct rule {
	int number;
	uint32_t action;
	unsigned who;
};

struct only {
	int number;
	struct scmp_arg_cmp when;
	unsigned who;
};

static const struct rule rules[] = {
#define MAY(name, who) { SCMP_SYS(name), SCMP_ACT_ALLOW, who },
#define ONLY(name, argument, value, who)
#define NEVER(name) { SCMP_SYS(name), SCMP_ACT_KILL_PROCESS, ALL },
#include "main/syscalls.def"
#undef MAY
#undef ONLY
#undef NEVER
};

static const struct only onlys[] = {
#define MAY(name, who)
#define ONLY(name, argument, value, who) \
	{ SCMP_SYS(name), { argument, SCMP_CMP_EQ, value, 0 }, who },
#define NEVER(name)
#include "main/syscalls.def"
#undef MAY
#undef ONLY
#undef NEVER
};

enum { WRITING = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND };

static bool
add_names(scmp_filter_ctx ctx, unsigned who)
{
	size_t i;

	for (i = 0; i < NELEM(rules); i++) {
		/* A number this machine has not is below zero. */
		if (rules[i].number >= 0 && (rules[i].who & who) != 0 &&
		    seccomp_rule_add(
			ctx, rules[i].action, rules[i].number, 0) != 0)
			return false;
	}
	return true;
}

static bool
add_onlys(scmp_filter_ctx ctx, unsigned who)
{
	size_t i;

	for (i = 0; i < NELEM(onlys); i++) {
		if (onlys[i].number >= 0 && (onlys[i].who & who) != 0 &&
		    seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, onlys[i].number,
			1, &onlys[i].when) != 0)
			return false;
	}
	return true;
}

/* abort() and raise() signal their own process, and nobody any other. */
static bool
add_signals(scmp_filter_ctx ctx)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
		   SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())) == 0;
}

/* The worker: none.  The courier: reading only. */
static bool
add_opening(scmp_filter_ctx ctx, unsigned who)
{
	if ((who & PATHS) == 0)
		return true;
	if ((who & BOOKS) != 0)
		return seccomp_rule_add(
			   ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 0) == 0 &&
		       seccomp_rule_add(
			   ctx, SCMP_ACT_ALLOW, SCMP_SYS(open), 0) == 0;
	/* O_TMPFILE contains O_DIRECTORY and needs a writing mode. */
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
		   SCMP_A2(SCMP_CMP_MASKED_EQ, WRITING, 0)) == 0 &&
	       seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
		   SCMP_A1(SCMP_CMP_MASKED_EQ, WRITING, 0)) == 0;
}

static bool
add_sockets(scmp_filter_ctx ctx, unsigned who)
{
	if ((who & NET) == 0)
		return true;
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
		   SCMP_A0(SCMP_CMP_EQ, AF_INET)) == 0 &&
	       seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
		   SCMP_A0(SCMP_CMP_EQ, AF_INET6)) == 0;
}

/* All code is there: memory that can be run is not made any more. */
static bool
add_memory(scmp_filter_ctx ctx)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
		   SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
	       seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
		   SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0;
}

static bool
enter_seccomp(enum sandbox_role role)
{
	const unsigned who = 1u << role;
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	bool good;

	if (ctx == NULL)
		return false;
	/* A tree instead of a list; and no slower branches for our own code,
	 * which runs nobody else's.  Older libraries know neither. */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1);
	/* Also sets no_new_privs. */
	good = add_names(ctx, who) && add_onlys(ctx, who) && add_signals(ctx) &&
	       add_opening(ctx, who) && add_sockets(ctx, who) &&
	       add_memory(ctx) && seccomp_load(ctx) == 0;
	seccomp_release(ctx);
	return good;
}

bool
sandbox_enter(const struct sandbox *s)
{
	bool good;

	/* Its configuration file is read now or never. */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
	good = landlock_enter(s);
	/* Also where the other half failed. */
	return enter_seccomp(s->role) && good;
}

static bool
become_nobody(void)
{
	return setgroups(0, NULL) == 0 &&
	       setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
	       setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

/* data_dir may be another's who starts kontor without root at other times, and
 * what SQLite makes there as root it gives to him. */
static bool
keep_files_alone(void)
{
	const uint32_t keep = 1u << CAP_DAC_OVERRIDE | 1u << CAP_CHOWN;
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, has) != 0)
		return false;
	has[0].permitted &= keep;
	has[0].effective &= keep;
	has[1].permitted = has[1].effective = 0;
	has[0].inheritable = has[1].inheritable = 0;
	return syscall(SYS_capset, &head, has) == 0;
}

bool
sandbox_drop_root(enum sandbox_role role)
{
	if (geteuid() != 0)
		return true;
	return role == SANDBOX_WORKER ? become_nobody() : keep_files_alone();
}

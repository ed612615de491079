#include "main/landlock.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What came after the oldest header that has the rest. */
#define TRUNCATE (1ull << 14)
#define IOCTL_DEV (1ull << 15)

#define READ LANDLOCK_ACCESS_FS_READ_FILE
#define LIST (READ | LANDLOCK_ACCESS_FS_READ_DIR)
#define SHARE (READ | LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE)
#define KEEP \
	(LIST | SHARE | LANDLOCK_ACCESS_FS_MAKE_REG | \
	    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define OF_FILES (SHARE | LANDLOCK_ACCESS_FS_EXECUTE | IOCTL_DEV)

/* The kernel's struct landlock_ruleset_attr as of its sixth version; older
 * ones want zeros behind what they know. */
struct ruleset {
	uint64_t files, net, scoped;
};

enum { SCOPED_FROM = 6, SCOPED = 3 /* abstract sockets, signals */ };

/* All rights to files that a version knows. */
static const uint64_t known[] = { 0, LANDLOCK_ACCESS_FS_REFER - 1, TRUNCATE - 1,
	IOCTL_DEV - 1, IOCTL_DEV - 1, 2 * IOCTL_DEV - 1 };

struct row {
	const char *path;
	uint64_t rights;
	unsigned who;
};

#define BIT(role) (1u << SANDBOX_##role)

static const struct row rows[] = {
#define PATH(path, rights, who) { path, rights, who },
#include "main/paths.def"
#undef PATH
};

static long
version(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
	    LANDLOCK_CREATE_RULESET_VERSION);
}

static uint64_t
known_to(long abi)
{
	return known[abi < (long)NELEM(known) ? abi : (long)NELEM(known) - 1];
}

/* What is not there cannot be opened: no rule. */
static bool
add(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights };
	struct stat st;
	bool good = true;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return true;
	if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= OF_FILES;
	if (rule.allowed_access != 0)
		good = syscall(SYS_landlock_add_rule, ruleset,
			   LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
	close(rule.parent_fd);
	return good;
}

static bool
add_rows(int ruleset, const struct sandbox *s, uint64_t mask)
{
	char path[PATH_MAX];
	size_t i;
	int n;

	for (i = 0; i < NELEM(rows); i++) {
		if ((rows[i].who & 1u << s->role) == 0)
			continue;
		n = snprintf(path, sizeof(path), "%s%s%s",
		    rows[i].path[0] == '/' ? "" : s->data_dir,
		    rows[i].path[0] == '/' ? "" : "/", rows[i].path);
		if (n >= (int)sizeof(path) ||
		    !add(ruleset, path, rows[i].rights & mask))
			return false;
	}
	return true;
}

static bool
add_folder(int ruleset, const char *file, uint64_t mask)
{
	const char *slash = strrchr(file, '/');
	char *folder =
	    slash == NULL
		? mem_dup(S("."))
		: mem_dup((struct slice){ file, (size_t)(slash - file) + 1 });
	const bool good = add(ruleset, folder, READ & mask);

	mem_free(folder);
	return good;
}

/* Who renews a file lays another one in its place, or in that of the folder
 * that a link leads to: what counts is where it stands, not what is there. */
static bool
add_files(int ruleset, const struct sandbox *s, uint64_t mask)
{
	const char *const *file = s->files;
	char target[PATH_MAX];

	for (; file != NULL && *file != NULL; file++) {
		if (!add_folder(ruleset, *file, mask))
			return false;
		if (realpath(*file, target) != NULL &&
		    !add_folder(ruleset, target, mask))
			return false;
	}
	return true;
}

bool
landlock_known(void)
{
	return version() > 0;
}

bool
landlock_enter(const struct sandbox *s)
{
	const long abi = version();
	struct ruleset all = { 0 };
	bool good;
	int fd;

	if (abi <= 0)
		return true;
	all.files = known_to(abi);
	all.scoped = abi >= SCOPED_FROM ? SCOPED : 0;
	fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	if (fd < 0)
		return false;
	good = add_rows(fd, s, all.files) && add_files(fd, s, all.files) &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       syscall(SYS_landlock_restrict_self, fd, 0) == 0;
	close(fd);
	return good;
}

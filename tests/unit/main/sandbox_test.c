#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main/landlock.h"
#include "main/sandbox.h"

typedef int inside_f(void);

static char data_dir[] = "/tmp/kontor-sandbox-XXXXXX";
static char other_dir[] = "/tmp/kontor-sandbox-XXXXXX";
static char token[64]; /* there; the courier is told of it */

/* What a sealed child ends with: its status, or -signal. */
static int
sealed_by(enum sandbox_role role, inside_f *inside)
{
	const char *const files[] = { token, NULL };
	const struct sandbox s = { role, data_dir,
		role == SANDBOX_COURIER ? files : NULL };
	const pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(sandbox_enter(&s) ? inside() : 99);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int
sealed(inside_f *inside)
{
	return sealed_by(SANDBOX_WORKER, inside);
}

static int
run_a_program(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return 0;
}

static int
make_a_child(void)
{
	return fork() < 0 ? 1 : 0;
}

static int
trace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	return 0;
}

static int
write_a_file(void)
{
	if (open("/dev/null", O_WRONLY) >= 0 || errno != EPERM)
		return 1;
	if (open("/tmp/kontor-sandbox", O_RDONLY | O_CREAT, 0600) >= 0)
		return 2;
	if (unlink("/tmp/kontor-sandbox") == 0 || errno != EPERM)
		return 3;
	return 7;
}

static int
use_the_network(void)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && close(fd) == 0 ? 7 : 1;
}

static int
take_a_connection(void)
{
	return accept4(0, NULL, NULL, 0) < 0 && errno == EPERM ? 7 : 1;
}

static void
skip_when_sanitized(void)
{
#ifdef KONTOR_INSTRUMENTED
	print_message("sanitized builds run unsealed\n");
	skip();
#endif
}

static void
a_sealed_worker_starts_no_program(void **state)
{
	(void)state;
	skip_when_sanitized();
	assert_int_equal(sealed(run_a_program), -SIGSYS);
	assert_int_equal(sealed(make_a_child), -SIGSYS);
	assert_int_equal(sealed(trace), -SIGSYS);
}

static void
a_sealed_worker_writes_no_file(void **state)
{
	(void)state;
	skip_when_sanitized();
	assert_int_equal(sealed(write_a_file), 7);
}

static int
open_anything(void)
{
	if (open("/proc/self/stat", O_RDONLY | O_CLOEXEC) >= 0 ||
	    errno != EPERM)
		return 1;
	if (openat(0, ".", O_RDONLY | O_DIRECTORY) >= 0 || errno != EPERM)
		return 2;
	if (open("/", O_PATH | O_CLOEXEC) >= 0 || errno != EPERM)
		return 3;
	if (access("/etc/passwd", F_OK) == 0 || errno != EPERM)
		return 4;
	return 7;
}

static int
run_own_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p != MAP_FAILED || errno != EPERM)
		return 1;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return 2;
	if (mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0 || errno != EPERM)
		return 3;
	return 7;
}

static int
use_another_network(void)
{
	if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM)
		return 1;
	if (socket(AF_NETLINK, SOCK_RAW, 0) >= 0 || errno != EPERM)
		return 2;
	if (socket(AF_PACKET, SOCK_RAW, 0) >= 0 || errno != EPERM)
		return 3;
	return 7;
}

static int
use_no_network(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM ? 7 : 1;
}

static const char *
in_dir(const char *dir, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s%s%s", name[0] == '/' ? "" : dir,
	    name[0] == '/' ? "" : "/", name);
	return path;
}

static int
keep_a_file(void)
{
	const char *path = in_dir(data_dir, "log/2.seg");
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || pwrite(fd, "x", 1, 0) != 1 || ftruncate(fd, 0) != 0 ||
	    unlink(path) != 0)
		return 1;
	return mkdir(in_dir(data_dir, "new"), 0700) == 0 ? 7 : 2;
}

static int
be_somebody_else(void)
{
	return setuid(0);
}

static void
a_sealed_worker_opens_nothing(void **state)
{
	(void)state;
	skip_when_sanitized();
	assert_int_equal(sealed(open_anything), 7);
	assert_int_equal(sealed(run_own_code), 7);
	assert_int_equal(sealed(be_somebody_else), -SIGSYS);
}

static void
a_sealed_worker_dials_tcp(void **state)
{
	(void)state;
	skip_when_sanitized();
	assert_int_equal(sealed(use_the_network), 7);
	assert_int_equal(sealed(use_another_network), 7);
}

static void
a_sealed_recorder_keeps_files_and_has_no_network(void **state)
{
	(void)state;
	skip_when_sanitized();
	assert_int_equal(sealed_by(SANDBOX_RECORDER, keep_a_file), 7);
	assert_int_equal(sealed_by(SANDBOX_RECORDER, use_no_network), 7);
	assert_int_equal(sealed_by(SANDBOX_RECORDER, take_a_connection), 7);
	assert_int_equal(sealed_by(SANDBOX_RECORDER, run_own_code), 7);
	assert_int_equal(sealed_by(SANDBOX_RECORDER, run_a_program), -SIGSYS);
	assert_int_equal(sealed_by(SANDBOX_RECORDER, make_a_child), -SIGSYS);
	assert_int_equal(sealed_by(SANDBOX_RECORDER, trace), -SIGSYS);
}

static void
a_sealed_control_reads_the_books(void **state)
{
	(void)state;
	skip_when_sanitized();
	assert_int_equal(sealed_by(SANDBOX_CONTROL, use_another_network), 7);
	assert_int_equal(sealed_by(SANDBOX_CONTROL, run_own_code), 7);
	assert_int_equal(sealed_by(SANDBOX_CONTROL, run_a_program), -SIGSYS);
	assert_int_equal(sealed_by(SANDBOX_CONTROL, make_a_child), -SIGSYS);
	assert_int_equal(sealed_by(SANDBOX_CONTROL, trace), -SIGSYS);
}

static bool
refused(long got)
{
	return got == -1 && errno == EPERM;
}

/* Neither its parent, nor a limit of anybody's, nor a terminal. */
static int
reach_another(void)
{
	const pid_t other = getppid();
	struct rlimit r;

	if (!refused(syscall(SYS_tgkill, other, other, 0)) ||
	    !refused(kill(other, 0)))
		return 1;
	if (!refused(syscall(SYS_prlimit64, other, RLIMIT_NOFILE, NULL, &r)))
		return 2;
	if (!refused(ioctl(0, TIOCSTI, "x")) || !refused(ioctl(0, TIOCSWINSZ)))
		return 3;
	if (!refused(fcntl(0, F_SETOWN, other)) ||
	    !refused(fcntl(0, F_SETSIG, SIGKILL)))
		return 4;
	return 7;
}

/* No descriptor is -1. */
static bool
passed(long got)
{
	return got == -1 && errno == EBADF;
}

static int
reach_itself(void)
{
	struct rlimit r;
	int n = 0;

	if (syscall(SYS_tgkill, getpid(), gettid(), 0) != 0 ||
	    getrlimit(RLIMIT_NOFILE, &r) != 0)
		return 1;
	if (!passed(ioctl(-1, FIONBIO, &n)) || !passed(isatty(-1) - 1) ||
	    !passed(fcntl(-1, F_GETFL)) || !passed(fcntl(-1, F_SETFL, 0)))
		return 2;
	return 7;
}

static int
ask_about_a_file(void)
{
	struct stat st;
	struct statx stx;

	if (!refused(fstatat(AT_FDCWD, "/", &st, 0)) ||
	    !refused(fstatat(AT_FDCWD, "/", &st, AT_EMPTY_PATH)) ||
	    !refused(stat("/", &st)) || !refused(lstat("/", &st)))
		return 1;
	if (!refused(statx(AT_FDCWD, "/", AT_EMPTY_PATH, STATX_SIZE, &stx)))
		return 2;
	return 7;
}

static int
abort_itself(void)
{
	abort();
}

/* --- which files --------------------------------------------------------- */

enum { NEW = O_WRONLY | O_CREAT };

/* In data_dir, but where it begins with '/'. */
static const struct opening {
	enum sandbox_role role;
	const char *path;
	int flags;
	bool may;
} openings[] = {
	{ SANDBOX_RECORDER, "log/1.seg", O_RDWR, true },
	{ SANDBOX_RECORDER, "log/3.seg", NEW, true },
	{ SANDBOX_RECORDER, "log", O_DIRECTORY, true },
	{ SANDBOX_RECORDER, "store.db", O_RDWR | O_TRUNC, true },
	{ SANDBOX_RECORDER, "audit.key", O_RDONLY, true },
	{ SANDBOX_RECORDER, "/proc/self/stat", O_RDONLY, true },
	{ SANDBOX_RECORDER, "/tmp/kontor-sandbox", NEW, false },
	{ SANDBOX_RECORDER, "/etc/passwd", O_RDONLY, false },
	{ SANDBOX_RECORDER, "/etc/shadow", O_RDONLY, false },
	{ SANDBOX_RECORDER, "/dev/null", O_RDWR, false },
	{ SANDBOX_CONTROL, "log/1.seg", O_RDONLY, true },
	{ SANDBOX_CONTROL, "log", O_DIRECTORY, true },
	{ SANDBOX_CONTROL, "tiles/checkpoint", O_RDONLY, true },
	{ SANDBOX_CONTROL, "store.db", O_RDONLY, true },
	{ SANDBOX_CONTROL, "store.db-wal", O_RDONLY, true },
	{ SANDBOX_CONTROL, "store.db-shm", O_RDWR | O_CREAT, true },
	{ SANDBOX_CONTROL, "audit.pub", O_RDONLY, true },
	{ SANDBOX_CONTROL, "log/1.seg", O_WRONLY, false },
	{ SANDBOX_CONTROL, "log/4.seg", NEW, false },
	{ SANDBOX_CONTROL, "made", NEW, false },
	{ SANDBOX_CONTROL, "store.db", O_RDWR, false },
	{ SANDBOX_CONTROL, "store.db-wal", O_RDWR, false },
	{ SANDBOX_CONTROL, "audit.key", O_RDONLY, false },
	{ SANDBOX_CONTROL, "aws.key", O_RDONLY, false },
	{ SANDBOX_CONTROL, "admin.token", O_RDONLY, false },
	{ SANDBOX_CONTROL, ".", O_DIRECTORY, false },
	{ SANDBOX_CONTROL, "/tmp/kontor-sandbox", NEW, false },
	{ SANDBOX_CONTROL, "/etc/passwd", O_RDONLY, false },
	{ SANDBOX_CONTROL, "/etc/shadow", O_RDONLY, false },
	{ SANDBOX_CONTROL, "/proc/self/environ", O_RDONLY, false },
	{ SANDBOX_COURIER, token, O_RDONLY, true },
	{ SANDBOX_COURIER, token, O_WRONLY, false },
	{ SANDBOX_COURIER, "log/1.seg", O_RDONLY, false },
	{ SANDBOX_COURIER, "store.db", O_RDONLY, false },
	{ SANDBOX_COURIER, "audit.key", O_RDONLY, false },
	{ SANDBOX_COURIER, "/etc/shadow", O_RDONLY, false },
	{ SANDBOX_COURIER, "/etc/passwd", O_RDONLY, false },
};

static const struct opening *opening;

/* What this role may ask for at all is refused by Landlock. */
static int
open_it(void)
{
	const int fd = open(
	    in_dir(data_dir, opening->path), opening->flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		return opening->may ? 7 : 1;
	return opening->may || (errno != EACCES && errno != EPERM) ? 2 : 7;
}

static void
skip_without_landlock(void)
{
	if (!landlock_known()) {
		print_message("this kernel has no Landlock\n");
		skip();
	}
}

static void
a_sealed_one_opens_its_own_files_alone(void **state)
{
	size_t i;

	(void)state;
	skip_when_sanitized();
	skip_without_landlock();
	for (i = 0; i < NELEM(openings); i++) {
		opening = &openings[i];
		if (sealed_by(opening->role, open_it) != 7)
			fail_msg("role %d, %s, flags %o", opening->role,
			    opening->path, (unsigned)opening->flags);
	}
}

/* Renewed by another file in its place, as Kubernetes and tools do. */
static int
read_the_next_token(void)
{
	char c;
	int pipe_fd, fd;

	pipe_fd = dup(0);
	if (read(pipe_fd, &c, 1) != 0)
		return 1;
	fd = open(token, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &c, 1) == 1 && c == '2' ? 7 : 2;
}

static void
write_file(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void
a_renewed_token_is_read(void **state)
{
	const char *const files[] = { token, NULL };
	const struct sandbox s = { SANDBOX_COURIER, data_dir, files };
	int fd[2], status;
	pid_t pid;

	(void)state;
	skip_when_sanitized();
	assert_int_equal(pipe(fd), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fd[0], 0);
		close(fd[0]);
		close(fd[1]);
		_exit(sandbox_enter(&s) ? read_the_next_token() : 99);
	}
	close(fd[0]);
	write_file(in_dir(other_dir, "next"), "2");
	assert_int_equal(rename(in_dir(other_dir, "next"), token), 0);
	close(fd[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 7 << 8);
}

/* As an old kernel would answer. */
static bool
forget_landlock(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	return ctx != NULL &&
	       seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS),
		   SCMP_SYS(landlock_create_ruleset), 0) == 0 &&
	       seccomp_load(ctx) == 0;
}

static void
without_landlock_the_other_half_stands(void **state)
{
	const struct sandbox s = { SANDBOX_CONTROL, data_dir, NULL };
	const pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		if (!forget_landlock() || landlock_known() ||
		    !sandbox_enter(&s))
			_exit(1);
		_exit(open("/etc/passwd", O_RDONLY) >= 0 &&
			      socket(AF_UNIX, SOCK_STREAM, 0) < 0
			  ? 7
			  : 2);
	}
	skip_when_sanitized();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 7 << 8);
}

static int
make_files(void **state)
{
	static const char *const names[] = { "log/1.seg", "tiles/checkpoint",
		"store.db", "store.db-wal", "store.db-shm", "audit.key",
		"audit.pub", "aws.key", "admin.token" };
	size_t i;

	(void)state;
	if (mkdtemp(data_dir) == NULL || mkdtemp(other_dir) == NULL ||
	    mkdir(in_dir(data_dir, "log"), 0700) != 0 ||
	    mkdir(in_dir(data_dir, "tiles"), 0700) != 0)
		return -1;
	for (i = 0; i < NELEM(names); i++)
		write_file(in_dir(data_dir, names[i]), "x");
	snprintf(token, sizeof(token), "%s/token", other_dir);
	write_file(token, "1");
	return 0;
}

static int
remove_files(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s %s", data_dir, other_dir);
	return system(command);
}

static void
a_sealed_one_reaches_nobody_else(void **state)
{
	static const enum sandbox_role roles[] = { SANDBOX_WORKER,
		SANDBOX_COURIER, SANDBOX_CONTROL, SANDBOX_RECORDER };
	size_t i;

	(void)state;
	skip_when_sanitized();
	for (i = 0; i < NELEM(roles); i++) {
		assert_int_equal(sealed_by(roles[i], reach_another), 7);
		assert_int_equal(sealed_by(roles[i], reach_itself), 7);
		assert_int_equal(sealed_by(roles[i], abort_itself), -SIGABRT);
	}
	assert_int_equal(sealed(ask_about_a_file), 7);
}

static int
be_nobody(void)
{
	if (!sandbox_drop_root(SANDBOX_WORKER))
		return 1;
	return geteuid() != 0 && setuid(0) != 0 ? 7 : 2;
}

/* The owner of data_dir is who it was, and has no other power. */
static int
be_less(void)
{
	if (!sandbox_drop_root(SANDBOX_CONTROL))
		return 1;
	if (geteuid() != 0 || setuid(65534) == 0 || chroot("/") == 0)
		return 2;
	return open(in_dir(data_dir, "audit.key"), O_RDONLY) >= 0 ? 7 : 3;
}

static void
root_drops_what_it_can(void **state)
{
	inside_f *const how[] = { be_nobody, be_less };
	int status;
	size_t i;
	pid_t pid;

	(void)state;
	for (i = 0; i < NELEM(how); i++) {
		pid = fork();
		if (pid == 0)
			_exit(geteuid() == 0 ? how[i]() : 7);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 7 << 8);
	}
}

/* Tokens and profiles are read at each sign-in. */
static void
a_sealed_courier_reads_and_dials_and_nothing_else(void **state)
{
	(void)state;
	skip_when_sanitized();
	assert_int_equal(sealed_by(SANDBOX_COURIER, use_the_network), 7);
	assert_int_equal(sealed_by(SANDBOX_COURIER, write_a_file), 7);
	assert_int_equal(sealed_by(SANDBOX_COURIER, take_a_connection), 7);
	assert_int_equal(sealed_by(SANDBOX_COURIER, run_a_program), -SIGSYS);
	assert_int_equal(sealed_by(SANDBOX_COURIER, make_a_child), -SIGSYS);
	assert_int_equal(sealed_by(SANDBOX_COURIER, trace), -SIGSYS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sealed_worker_starts_no_program),
		cmocka_unit_test(a_sealed_worker_writes_no_file),
		cmocka_unit_test(a_sealed_worker_opens_nothing),
		cmocka_unit_test(a_sealed_worker_dials_tcp),
		cmocka_unit_test(
		    a_sealed_recorder_keeps_files_and_has_no_network),
		cmocka_unit_test(a_sealed_control_reads_the_books),
		cmocka_unit_test(a_sealed_one_reaches_nobody_else),
		cmocka_unit_test(a_sealed_one_opens_its_own_files_alone),
		cmocka_unit_test(a_renewed_token_is_read),
		cmocka_unit_test(without_landlock_the_other_half_stands),
		cmocka_unit_test(root_drops_what_it_can),
		cmocka_unit_test(
		    a_sealed_courier_reads_and_dials_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}

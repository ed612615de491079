#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main/sandbox.h"

typedef int inside_f(void);

/* What a sealed child ends with: its status, or -signal. */
static int
sealed_by(enum sandbox_role role, inside_f *inside)
{
	const pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(sandbox_enter(role) ? inside() : 99);
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
read_a_file(void)
{
	char c;
	const int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, &c, 1) == 1 ? 7 : 1;
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

static int
keep_a_file(void)
{
	const char path[] = "/tmp/kontor-sandbox-books";
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || pwrite(fd, "x", 1, 0) != 1 || ftruncate(fd, 0) != 0 ||
	    unlink(path) != 0)
		return 1;
	return 7;
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
	assert_int_equal(sealed_by(SANDBOX_RECORDER, read_a_file), 7);
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
	assert_int_equal(sealed_by(SANDBOX_CONTROL, read_a_file), 7);
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
	if (!sandbox_drop_root())
		return 1;
	return geteuid() != 0 && setuid(0) != 0 ? 7 : 2;
}

static void
root_becomes_nobody(void **state)
{
	const pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(geteuid() == 0 ? be_nobody() : 7);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

/* Tokens and profiles are read at each sign-in. */
static void
a_sealed_courier_reads_and_dials_and_nothing_else(void **state)
{
	(void)state;
	skip_when_sanitized();
	assert_int_equal(sealed_by(SANDBOX_COURIER, read_a_file), 7);
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
		cmocka_unit_test(root_becomes_nobody),
		cmocka_unit_test(
		    a_sealed_courier_reads_and_dials_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main/sandbox.h"

typedef int inside_f(void);

/* What a sealed child ends with: its status, or -signal. */
static int
sealed_by(bool (*sandbox)(void), inside_f *inside)
{
	const pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(sandbox() ? inside() : 99);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int
sealed(inside_f *inside)
{
	return sealed_by(sandbox_worker, inside);
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
#ifdef KONTOR_SANITIZED
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

static void
a_sealed_worker_reads_and_dials(void **state)
{
	(void)state;
	skip_when_sanitized();
	assert_int_equal(sealed(read_a_file), 7);
	assert_int_equal(sealed(use_the_network), 7);
}

/* Tokens and profiles are read at each sign-in. */
static void
a_sealed_courier_reads_and_dials_and_nothing_else(void **state)
{
	(void)state;
	skip_when_sanitized();
	assert_int_equal(sealed_by(sandbox_courier, read_a_file), 7);
	assert_int_equal(sealed_by(sandbox_courier, use_the_network), 7);
	assert_int_equal(sealed_by(sandbox_courier, write_a_file), 7);
	assert_int_equal(sealed_by(sandbox_courier, take_a_connection), 7);
	assert_int_equal(sealed_by(sandbox_courier, run_a_program), -SIGSYS);
	assert_int_equal(sealed_by(sandbox_courier, make_a_child), -SIGSYS);
	assert_int_equal(sealed_by(sandbox_courier, trace), -SIGSYS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sealed_worker_starts_no_program),
		cmocka_unit_test(a_sealed_worker_writes_no_file),
		cmocka_unit_test(a_sealed_worker_reads_and_dials),
		cmocka_unit_test(
		    a_sealed_courier_reads_and_dials_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "main/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/pass.h"
#include "main/config.h"
#include "main/report.h"
#include "model/ipc.h"
#include "model/snapshot.h"

/* All that a role may know of our environment. */
static const char *const env_names[] = { "PATH", "HOME", "TZ", "LANG", "LC_ALL",
	"TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "RES_OPTIONS", "LOCALDOMAIN",
	"KONTOR_LOG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
	"LSAN_OPTIONS", "LLVM_PROFILE_FILE", "GCOV_PREFIX" };

extern char **environ;

/* Puts fd[i] to 3 + i and closes everything above them. */
static bool
place_fds(const int *fd, unsigned n)
{
	int high[PROCESS_FDS];
	unsigned i;

	for (i = 0; i < n; i++) {
		high[i] = fd[i] < 0 ? -1 : fcntl(fd[i], F_DUPFD_CLOEXEC, 64);
		if (fd[i] >= 0 && high[i] < 0)
			return false;
	}
	for (i = 0; i < n; i++) {
		close(3 + (int)i);
		if (high[i] >= 0 && dup2(high[i], 3 + (int)i) < 0)
			return false;
	}
	return close_range(3 + n, ~0u, 0) == 0;
}

static void
reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
}

/* Nothing is read from the terminal; what is printed goes where logs go. */
static void
reset_stdio(bool keep_stdout)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0)
		dup2(null, STDIN_FILENO);
	if (!keep_stdout)
		dup2(STDERR_FILENO, STDOUT_FILENO);
}

/* It may be logged to, and is nobody's of us to type into.  Ctrl-C reaches the
 * whole group as before. */
static void
leave_terminal(void)
{
	const int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (tty < 0)
		return;
	ioctl(tty, TIOCNOTTY);
	close(tty);
}

static void
small_env(char **env)
{
	size_t i, n = 0, len;
	char **e;

	for (e = environ; *e != NULL; e++) {
		for (i = 0; i < NELEM(env_names); i++) {
			len = strlen(env_names[i]);
			if (strncmp(*e, env_names[i], len) == 0 &&
			    (*e)[len] == '=')
				env[n++] = *e;
		}
		if (n == NELEM(env_names))
			break;
	}
	env[n] = NULL;
}

_Noreturn static void
become(const struct process_spec *spec)
{
	char *env[NELEM(env_names) + 1];
	const char *argv[NELEM(spec->arg) + 2] = { spec->title };
	size_t i;

	for (i = 0; i < NELEM(spec->arg) && spec->arg[i] != NULL; i++)
		argv[1 + i] = spec->arg[i];
	reset_signals();
	reset_stdio(spec->keep_stdout);
	leave_terminal();
	small_env(env);
	if (place_fds(spec->fd, PROCESS_FDS))
		execve("/proc/self/exe", (char **)(uintptr_t)argv,
		    spec->whole_env ? environ : env);
	_exit(127);
}

pid_t
process_start(const struct process_spec *spec)
{
	const pid_t pid = fork();

	if (pid == 0)
		become(spec);
	return pid;
}

/* In the child: report to 3, without secrets to 4, with secrets to 5, 6, 7. */
_Noreturn static void
compile_here(const char *file, struct slice given)
{
	struct report *r = NEW(struct report);
	struct snapshot *s;
	struct buf text = { 0 };

	if (given.p != NULL ? config_compile(given, file, r, &s)
			    : config_load(file, r, &s))
		_exit(ipc_config_write(4, s, SNAPSHOT_BARE) &&
			      ipc_config_write(5, s, SNAPSHOT_WORKER) &&
			      ipc_config_write(6, s, SNAPSHOT_COURIER) &&
			      ipc_config_write(7, s, SNAPSHOT_CONTROL)
			  ? 0
			  : 2);
	report_write(r, &text);
	_exit(pass_write(3, buf_slice(&text)) ? 1 : 2);
}

void
compile_drop(struct compile *c)
{
	int *const fd[] = { &c->bare_fd, &c->secret_fd, &c->courier_fd,
		&c->control_fd };
	size_t i;

	for (i = 0; i < NELEM(fd); i++) {
		if (*fd[i] >= 0)
			close(*fd[i]);
		*fd[i] = -1;
	}
}

bool
compile_start(struct compile *c, const char *file, struct slice text)
{
	int report[2];

	if (pipe2(report, O_CLOEXEC) != 0)
		return false;
	c->report_fd = report[0];
	c->bare_fd = memfd_create("config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	c->secret_fd =
	    memfd_create("config-full", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	c->courier_fd =
	    memfd_create("config-courier", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	c->control_fd =
	    memfd_create("config-control", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	c->pid = c->bare_fd >= 0 && c->secret_fd >= 0 && c->courier_fd >= 0 &&
			 c->control_fd >= 0
		     ? fork()
		     : -1;
	if (c->pid == 0) {
		const int fd[] = { report[1], c->bare_fd, c->secret_fd,
			c->courier_fd, c->control_fd };

		reset_signals();
		if (!place_fds(fd, NELEM(fd)))
			_exit(2);
		compile_here(file, text);
	}
	close(report[1]);
	if (c->pid < 0) {
		compile_drop(c);
		close(report[0]);
		c->pid = 0;
		return false;
	}
	return true;
}

static bool
seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS,
		   F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) ==
	       0;
}

bool
compile_finish(struct compile *c)
{
	int status = -1;
	pid_t pid;

	do
		pid = waitpid(c->pid, &status, 0);
	while (pid < 0 && errno == EINTR);
	close(c->report_fd);
	c->pid = 0;
	c->report_fd = -1;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
	    seal(c->bare_fd) && seal(c->secret_fd) && seal(c->courier_fd) &&
	    seal(c->control_fd))
		return true;
	compile_drop(c);
	return false;
}

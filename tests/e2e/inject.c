/*
 * inject.c - makes another process try a system call: PID NUMBER [ARGUMENT...]
 *
 * Attaches by ptrace, puts the call and its arguments (numbers, or texts,
 * which go to its stack) into the registers, steps over a syscall instruction
 * that it lays where the process stands, and gives everything back.  Prints
 * what came of it.  Exit 3: this machine lets nobody trace.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

static pid_t pid;

static void
fail(const char *what, int status)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	if (status != 3)
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
	exit(status);
}

static unsigned long long
put_text(unsigned long long at, const char *text)
{
	size_t len = strlen(text) + 1, i;
	long word;

	for (i = 0; i < len; i += sizeof(word)) {
		word = 0;
		memcpy(&word, text + i,
		    len - i < sizeof(word) ? len - i : sizeof(word));
		if (ptrace(PTRACE_POKEDATA, pid, (void *)(at + i), word) != 0)
			fail("poke", 1);
	}
	return at;
}

int
main(int argc, char **argv)
{
	struct user_regs_struct old, regs;
	unsigned long long arg[6] = { 0 };
	int i, status;
	char *end;
	long code;

	if (argc < 3 || argc > 9)
		return 2;
	pid = (pid_t)atoi(argv[1]);
	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) != 0)
		fail("attach", 3);
	if (waitpid(pid, &status, 0) != pid ||
	    ptrace(PTRACE_GETREGS, pid, NULL, &old) != 0)
		fail("stop", 1);
	regs = old;
	for (i = 3; i < argc; i++) {
		arg[i - 3] = (unsigned long long)strtoll(argv[i], &end, 0);
		if (*end != '\0')
			arg[i - 3] = put_text(
			    (old.rsp - 4096 - 512ull * (unsigned)i) & ~15ull,
			    argv[i]);
	}
	errno = 0;
	code = ptrace(PTRACE_PEEKTEXT, pid, (void *)old.rip, NULL);
	if (errno != 0)
		fail("peek", 1);
	/* syscall */
	if (ptrace(PTRACE_POKETEXT, pid, (void *)old.rip,
		(code & ~0xffffL) | 0x050f) != 0)
		fail("poke", 1);
	regs.rax = (unsigned long long)strtoll(argv[2], NULL, 0);
	regs.orig_rax = (unsigned long long)-1; /* nothing is restarted */
	regs.rdi = arg[0];
	regs.rsi = arg[1];
	regs.rdx = arg[2];
	regs.r10 = arg[3];
	regs.r8 = arg[4];
	regs.r9 = arg[5];
	if (ptrace(PTRACE_SETREGS, pid, NULL, &regs) != 0 ||
	    ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0 ||
	    waitpid(pid, &status, 0) != pid)
		fail("step", 1);
	if (WIFSIGNALED(status)) {
		printf("killed by %s\n",
		    WTERMSIG(status) == SIGSYS ? "SIGSYS" : "another signal");
		return 0;
	}
	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) != 0)
		fail("registers", 1);
	printf("%lld\n", (long long)regs.rax);
	if (ptrace(PTRACE_POKETEXT, pid, (void *)old.rip, code) != 0 ||
	    ptrace(PTRACE_SETREGS, pid, NULL, &old) != 0 ||
	    ptrace(PTRACE_DETACH, pid, NULL, NULL) != 0)
		fail("let go", 1);
	return 0;
}

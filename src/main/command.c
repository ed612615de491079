#include "main/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"
#include "main/args.h"
#include "main/commands.h"
#include "main/report.h"
#include "main/supervisor.h"

#define SUPERVISOR_TITLE "kontor: supervisor"

#define WHERE_HELP \
	"WHERE the running instance is:\n" \
	"  --admin URL    its admin address (or KONTOR_ADMIN)\n" \
	"  --key KEY      an admin key (or KONTOR_ADMIN_KEY)\n" \
	"  -c FILE        its configuration, on the same machine\n" \
	"  --dir DIR      its data directory, on the same machine\n"

struct command {
	const char *words;
	command_f *run;
	const char *arguments, *text, *options;
};

static const struct command commands[] = {
#define COMMAND(words, function, arguments, text, options) \
	{ words, command_##function, arguments, text, options },
#include "main/commands.def"
#undef COMMAND
};

enum log_level
command_log_level(void)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	const char *want = getenv("KONTOR_LOG");
	size_t i;

	for (i = 0; want != NULL && i < NELEM(names); i++) {
		if (strcmp(want, names[i]) == 0)
			return (enum log_level)i;
	}
	return LOG_LVL_INFO;
}

static void
print_all(FILE *to)
{
	size_t i;

	fprintf(to, "usage: kontor COMMAND ...\n\n");
	for (i = 0; i < NELEM(commands); i++)
		fprintf(
		    to, "  %-14s %s\n", commands[i].words, commands[i].text);
	fprintf(to, "\nkontor COMMAND --help says more.\n");
}

static void
print_one(const struct command *c, FILE *to)
{
	fprintf(to, "usage: kontor %s %s\n\n%s\n\n%s", c->words, c->arguments,
	    c->text, c->options);
}

/* How many words of argv name the command; 0: they do not. */
static int
matches(const struct command *c, int argc, char **argv)
{
	struct slice rest = slice_of(c->words), head;
	int n = 0;

	while (rest.len > 0) {
		if (!slice_cut(rest, ' ', &head, &rest)) {
			head = rest;
			rest.len = 0;
		}
		if (n >= argc || !slice_eq(slice_of(argv[n]), head))
			return 0;
		n++;
	}
	return n;
}

static bool
wants_help(int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0)
			return true;
	}
	return false;
}

static int
run(const struct command *c, int argc, char **argv)
{
	const int status = wants_help(argc, argv) ? (print_one(c, stdout), 0)
						  : c->run(argc, argv);

	if (status == 2)
		fprintf(
		    stderr, "usage: kontor %s %s\n", c->words, c->arguments);
	if (fflush(stdout) != 0 && status == 0)
		return 1;
	return status;
}

/* "key", "ledger": the commands that begin with it; 0: none does. */
static unsigned
print_family(struct slice word, FILE *to)
{
	struct slice head, tail;
	unsigned n = 0;
	size_t i;

	for (i = 0; i < NELEM(commands); i++) {
		if (!slice_cut(
			slice_of(commands[i].words), ' ', &head, &tail) ||
		    !slice_eq(head, word))
			continue;
		fprintf(to, "%s kontor %s %s\n", n == 0 ? "usage:" : "      ",
		    commands[i].words, commands[i].arguments);
		n++;
	}
	return n;
}

static int
unknown(int argc, char **argv)
{
	const char *words[NELEM(commands)], *near;
	char typed[128];
	size_t i;

	if (argc == 1 && print_family(slice_of(argv[0]), stderr) > 0)
		return 2;
	snprintf(typed, sizeof(typed), "%s%s%s", argv[0],
	    argc > 1 && argv[1][0] != '-' ? " " : "",
	    argc > 1 && argv[1][0] != '-' ? argv[1] : "");
	for (i = 0; i < NELEM(commands); i++)
		words[i] = commands[i].words;
	near = report_nearest(slice_of(typed), words, NELEM(words));
	if (near == NULL)
		near = report_nearest(slice_of(argv[0]), words, NELEM(words));
	fprintf(stderr, "kontor: unknown command \"%s\"\n", typed);
	if (near != NULL)
		fprintf(stderr, "  hint: did you mean \"%s\"?\n", near);
	print_all(stderr);
	return 2;
}

int
command_main(int argc, char **argv)
{
	size_t i;
	int n;

	log_init(strncmp(argv[0], "kontor: ", 8) == 0 ? argv[0] + 8 : "kontor",
	    command_log_level());
	if (argc < 2) {
		print_all(stderr);
		return 2;
	}
	if (strcmp(argv[1], "--version") == 0)
		argv[1] += strlen("--");
	for (i = 0; i < NELEM(commands); i++) {
		n = matches(&commands[i], argc - 1, argv + 1);
		if (n > 0)
			return run(&commands[i], argc - 1 - n, argv + 1 + n);
	}
	if ((argv[1][0] == '-' && wants_help(2, argv)) ||
	    (argc == 2 && strcmp(argv[1], "help") == 0)) {
		print_all(stdout);
		return 0;
	}
	if (wants_help(argc, argv) &&
	    print_family(slice_of(argv[1]), stdout) > 0)
		return 0;
	return unknown(argc - 1, argv + 1);
}

void
command_become_supervisor(const char *command, int argc, char **argv)
{
	char **next;
	int i;

	next = mem_new(sizeof(*next) * ((size_t)argc + 3));
	next[0] = mem_dup(S(SUPERVISOR_TITLE));
	next[1] = mem_dup(slice_of(command));
	for (i = 0; i < argc; i++)
		next[2 + i] = argv[i];
	execv("/proc/self/exe", next);
	fatal("cannot execute kontor again: %s", strerror(errno));
}

bool
command_is_supervisor(void)
{
	char title[sizeof(SUPERVISOR_TITLE)] = "";
	FILE *f = fopen("/proc/self/cmdline", "re");
	size_t n = 0;

	if (f != NULL) {
		n = fread(title, 1, sizeof(title), f);
		fclose(f);
	}
	return n == sizeof(title) &&
	       memcmp(title, SUPERVISOR_TITLE, sizeof(title)) == 0;
}

int
command_serve(int argc, char **argv)
{
	struct supervisor_opts opts = {
		.config = "kontor.yaml", .gateway_fd = -1, .admin_fd = -1
	};
	const struct arg arg[] = { { .name = "c", .value = &opts.config } };
	unsigned none = 0;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	if (!command_is_supervisor())
		command_become_supervisor("serve", argc, argv);
	return supervisor_run(&opts);
}

int
command_version(int argc, char **argv)
{
	bool json = false;
	const struct arg arg[] = { { .name = "json", .flag = &json } };
	unsigned none = 0;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	printf(json ? "{\"version\":\"%s\"}\n" : "kontor %s\n", KONTOR_VERSION);
	return 0;
}

/*
 * main.c - one binary: a command of the operator, or a role of an instance
 */
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/sched.h>
#include <linux/sched/types.h>

#include "admin/control.h"
#include "base/arena.h"
#include "base/base.h"
#include "base/log.h"
#include "courier/courier.h"
#include "gateway/worker.h"
#include "main/command.h"
#include "main/demo.h"
#include "main/sandbox.h"
#include "model/snapshot.h"
#include "recorder/recorder.h"

static bool
is_role(int argc, char **argv, const char *word)
{
	return argc == 3 && strncmp(argv[0], "kontor: ", 8) == 0 &&
	       strcmp(argv[1], word) == 0;
}

static void
be_role(const char *title)
{
	prctl(PR_SET_NAME, title + 8);
	log_init(title + 8, command_log_level());
}

/* Credentials, keys of TLS or of the log are in its memory: no core dump, and
 * nobody but root reads it through /proc.  A sanitizer looks at itself that
 * way, and needs more of the kernel than any role may have; counters of what
 * runs are written to files. */
#ifdef KONTOR_INSTRUMENTED
static void
conceal(void)
{
}

static void
seal(const struct sandbox *s)
{
	(void)s;
	log_info("unsealed: this build is instrumented");
}
#else
static void
conceal(void)
{
	(void)prctl(PR_SET_DUMPABLE, 0);
}

static void
seal(const struct sandbox *s)
{
	if (!sandbox_drop_root(s->role))
		log_warn("still root: the kernel does not let us be less");
	conceal(); /* another user may be dumped again */
	if (!sandbox_enter(s))
		log_warn("unsealed: the kernel refuses its seccomp filters "
			 "or Landlock");
}
#endif

/* It works in batches that nobody waits for: where it shares a core, whoever
 * wakes up runs first (Linux 6.12; to older ones it says nothing new). */
static void
yield_readily(void)
{
	struct sched_attr a = { .size = sizeof(a),
		.sched_flags = SCHED_FLAG_KEEP_POLICY,
		.sched_nice = getpriority(PRIO_PROCESS, 0),
		.sched_runtime = 100 * 1000 * 1000 };

	(void)syscall(SYS_sched_setattr, 0, &a, 0);
}

/* By then each has all that it need not open later. */
static void
seal_worker(const struct snapshot *conf)
{
	seal(&(struct sandbox){ SANDBOX_WORKER, conf->data_dir, NULL });
}

static void
seal_recorder(const struct snapshot *conf)
{
	seal(&(struct sandbox){ SANDBOX_RECORDER, conf->data_dir, NULL });
}

static void
seal_courier(const struct snapshot *conf)
{
	struct arena a = { 0 };

	seal(&(struct sandbox){
	    SANDBOX_COURIER, conf->data_dir, courier_files(conf, &a) });
	arena_wipe(&a);
}

static void
seal_control(const struct snapshot *conf)
{
	seal(&(struct sandbox){ SANDBOX_CONTROL, conf->data_dir, NULL });
}

int
main(int argc, char **argv)
{
	uint64_t slot = 0;

	/* What is made in data_dir is nobody else's to read. */
	umask(0027);
	if (argc == 3)
		slice_u64(slice_of(argv[2]), &slot);
	if (is_role(argc, argv, "worker")) {
		be_role(argv[0]);
		conceal();
		return worker_main((uint32_t)slot, seal_worker);
	}
	if (is_role(argc, argv, "recorder")) {
		be_role(argv[0]);
		conceal();
		yield_readily();
		return recorder_main((uint32_t)slot, seal_recorder);
	}
	if (is_role(argc, argv, "courier")) {
		be_role(argv[0]);
		conceal();
		return courier_main(seal_courier);
	}
	if (is_role(argc, argv, "control")) {
		be_role(argv[0]);
		conceal();
		return control_main(seal_control);
	}
	if (argc > 1 && strcmp(argv[0], DEMO_TITLE) == 0 &&
	    strcmp(argv[1], "seed") == 0)
		return demo_seed(argc - 1, argv + 1);
	return command_main(argc, argv);
}

#include "main/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "main/children.h"
#include "main/config.h"
#include "main/datadir.h"
#include "main/landlock.h"
#include "main/listen.h"
#include "main/plan.h"
#include "main/process.h"
#include "model/ipc.h"
#include "model/snapshot.h"
#include "shm/ticket.h"
#include "shm/wallet.h"

#define CONTROL_LEAVES_NS (2 * NS_PER_S)
#define RECORDER_LEAVES_NS (60 * NS_PER_S)
#define ACK_NS (5 * NS_PER_S)
#define TICKETS_NS (4 * 3600 * NS_PER_S)
/* Calls wait for no token, so the first ones do not come before it is there;
 * an endpoint that is down does not keep the others from being served. */
#define COURIER_TRIES_NS (5 * NS_PER_S)

enum phase {
	PHASE_STARTING, /* the recorder is not ready yet */
	PHASE_SERVING,
	PHASE_WORKERS,  /* drain: they finish what they have */
	PHASE_CONTROL,  /* drain: nobody asks any more */
	PHASE_RECORDER, /* drain: it writes the rest */
	PHASE_OVER
};

enum reload_step {
	RELOAD_NONE,
	RELOAD_COMPILE,
	RELOAD_RECORDER, /* has been given it; must answer first */
	RELOAD_COURIER,  /* fetches what is new before workers need it */
	RELOAD_OTHERS
};

struct reload {
	enum reload_step step;
	struct compile compile;
	struct buf report; /* what the compiler says is wrong */
	struct snapshot *next;
	int64_t asked; /* control's n; -1: by signal */
	int64_t give_up_ns;
	bool check;      /* only say what is wrong, and what would change */
	struct buf save; /* to be written when it is good; empty: nothing */
	bool logged;     /* by the recorder: what is in no log is in no force */
	bool again;      /* a signal came meanwhile */
};

struct supervisor {
	const struct supervisor_opts *opts;
	struct snapshot *conf;
	struct shm shm;
	struct children children;
	struct reload reload;
	enum phase phase;
	int64_t give_up_ns; /* of the phase */
	int64_t now, started_ns, told_ns;
	int64_t tickets_ns; /* their keys were renewed */
	int signal_fd, alive[2];
	pid_t helper, companion;
	int status;
};

/* --- reload ---------------------------------------------------------- */

static void
answer_control(struct supervisor *s, int64_t n, bool ok, const char *key,
    struct slice text)
{
	struct child *control = children_find(&s->children, ROLE_CONTROL);
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_ki64(&b, "n", n);
	json_w_kbool(&b, "ok", ok);
	json_w_kstr(&b, key, text);
	json_w_end(&b, '}');
	child_send(control, buf_slice(&b), -1);
	buf_fini(&b);
}

static void
reload_clear(struct supervisor *s)
{
	struct reload *r = &s->reload;

	compile_drop(&r->compile);
	snapshot_unref(&r->next);
	buf_fini(&r->report);
	buf_fini(&r->save);
	r->step = RELOAD_NONE;
}

/* Nothing has changed. */
static void
reload_refuse(struct supervisor *s, struct slice why)
{
	/* What goes to control fits into one message, cut at a line. */
	enum { LONGEST = IPC_MAX / 4 };
	const char *end;

	if (why.len > LONGEST) {
		end = memrchr(why.p, '\n', LONGEST);
		why.len = end != NULL ? (size_t)(end - why.p) : 0;
	}
	if (s->reload.asked >= 0)
		answer_control(s, s->reload.asked, false, "errors", why);
	log_error("the configuration was not reloaded: %.*s", S_FMT(why));
	reload_clear(s);
}

/* text: this one instead of the file's; p NULL: the file's. */
static void
reload_begin(struct supervisor *s, int64_t asked, struct slice text)
{
	struct reload *r = &s->reload;

	if (r->step != RELOAD_NONE) {
		if (asked >= 0)
			answer_control(s, asked, false, "errors",
			    S("a reload is under way; try again"));
		else
			r->again = true;
		return;
	}
	r->asked = asked;
	r->check = false;
	if (!compile_start(&r->compile, s->opts->config, text)) {
		reload_refuse(s, S("the compiler cannot be started"));
		return;
	}
	fcntl(r->compile.report_fd, F_SETFL, O_NONBLOCK);
	r->step = RELOAD_COMPILE;
}

#define SAME_TEXT(f) (strcmp(a->f, b->f) == 0)

/* The option that needs a restart; NULL: none does. */
static const char *
needs_restart(const struct snapshot *a, const struct snapshot *b)
{
	if (!SAME_TEXT(data_dir))
		return "data_dir";
	if (!SAME_TEXT(gateway_address))
		return "listen.gateway.address";
	if (!SAME_TEXT(admin_address))
		return "listen.admin.address";
	if (!SAME_TEXT(currency))
		return "currency";
	if (a->workers != b->workers)
		return "workers";
	if (a->max_keys != b->max_keys)
		return "limits.max_keys";
	if (a->max_accounts != b->max_accounts)
		return "limits.max_budgets";
	if (a->max_subjects != b->max_subjects)
		return "limits.max_subjects";
	if (a->max_limits != b->max_limits)
		return "limits.max_limits";
	if (a->max_open_requests != b->max_open_requests)
		return "limits.max_open_requests";
	return NULL;
}

#undef SAME_TEXT

static bool
hand_over(struct supervisor *s, struct child *ch)
{
	const struct compile *c = &s->reload.compile;
	int fd = c->bare_fd;

	if (ch->pid == 0)
		return false;
	if (ch->role == ROLE_WORKER)
		fd = c->secret_fd;
	else if (ch->role == ROLE_COURIER)
		fd = s->children.courier_fd; /* in force already */
	else if (ch->role == ROLE_CONTROL)
		fd = c->control_fd;
	ch->awaits = child_send(ch, S("{\"op\":\"config\"}"), fd);
	return ch->awaits;
}

static void
swap_fd(int *a, int *b)
{
	const int old = *a;

	*a = *b;
	*b = old;
}

static void
name_listeners(const struct supervisor *s, char gateway[LISTEN_URL],
    char admin[LISTEN_URL])
{
	const struct children *c = &s->children;

	listen_url(c->gateway_fd, s->conf->gateway_tls[0] != '\0', gateway);
	listen_url(c->admin_fd, s->conf->admin_tls[0] != '\0', admin);
}

/* The command line finds us by it, also behind another certificate. */
static void
announce(const struct supervisor *s)
{
	char gateway[LISTEN_URL], admin[LISTEN_URL];

	if (s->children.gateway_fd < 0)
		return; /* on our way out */
	name_listeners(s, gateway, admin);
	if (!datadir_announce(
		s->conf->data_dir, gateway, admin, s->conf->admin_pin))
		log_warn("%s cannot be written: %s", s->conf->data_dir,
		    strerror(errno));
}

/* What starts from now on starts with it. */
static void
put_in_force(struct supervisor *s)
{
	struct children *c = &s->children;
	struct reload *r = &s->reload;

	swap_fd(&c->bare_fd, &r->compile.bare_fd);
	swap_fd(&c->secret_fd, &r->compile.secret_fd);
	swap_fd(&c->control_fd, &r->compile.control_fd);
	snapshot_unref(&s->conf);
	s->conf = r->next;
	r->next = NULL;
	atomic_store(&s->shm.head->generation, s->conf->generation);
	announce(s);
}

static void
reload_done(struct supervisor *s)
{
	struct reload *r = &s->reload;
	char hex[17];

	snprintf(hex, sizeof(hex), "%016llx",
	    (unsigned long long)s->conf->generation);
	if (r->asked >= 0)
		answer_control(s, r->asked, true, "generation", slice_of(hex));
	log_info("configuration %s is in force", hex);
	reload_clear(s);
}

static void
reload_others(struct supervisor *s)
{
	unsigned i;

	for (i = 0; i < s->children.n; i++) {
		const enum child_role role = s->children.child[i].role;

		if (role != ROLE_RECORDER && role != ROLE_COURIER)
			hand_over(s, &s->children.child[i]);
	}
	put_in_force(s);
	s->reload.step = RELOAD_OTHERS;
	s->reload.give_up_ns = s->now + ACK_NS;
}

/* Whether it compiled, what is wrong, what it would change. */
static void
reload_tell(struct supervisor *s, bool good)
{
	enum { LONGEST = IPC_MAX / 4 };
	struct child *control = children_find(&s->children, ROLE_CONTROL);
	struct buf b = { 0 }, old = { 0 }, new = { 0 }, changes = { 0 };
	struct reload *r = &s->reload;
	const char *option = good ? needs_restart(s->conf, r->next) : NULL;
	struct slice report = buf_slice(&r->report);

	if (good) {
		snapshot_write(s->conf, SNAPSHOT_BARE, &old);
		snapshot_write(r->next, SNAPSHOT_BARE, &new);
		plan_changes(buf_slice(&old), buf_slice(&new), &changes);
	}
	if (report.len > LONGEST)
		report.len = LONGEST;
	json_w_begin(&b, '{');
	json_w_ki64(&b, "n", r->asked);
	json_w_kbool(&b, "ok", true);
	json_w_kbool(&b, "good", good);
	json_w_kstr(&b, "report", report);
	json_w_kstr(
	    &b, "needs_restart", slice_of(option != NULL ? option : ""));
	json_w_key(&b, "changes");
	json_w_begin(&b, '[');
	json_w_raw(&b, changes.len <= LONGEST ? buf_slice(&changes) : S(""));
	json_w_end(&b, ']');
	json_w_kbool(&b, "more_changes", changes.len > LONGEST);
	json_w_end(&b, '}');
	child_send(control, buf_slice(&b), -1);
	buf_fini(&b);
	buf_fini(&old);
	buf_fini(&new);
	buf_fini(&changes);
	reload_clear(s);
}

/* It may rather leave: its next one starts with what is new, and is waited for
 * as it is.  One that is slow holds nothing up. */
static void
reload_courier(struct supervisor *s)
{
	struct reload *r = &s->reload;

	swap_fd(&s->children.courier_fd, &r->compile.courier_fd);
	r->step = RELOAD_COURIER;
	r->give_up_ns = s->now + ACK_NS;
	hand_over(s, children_find(&s->children, ROLE_COURIER));
}

static void
reload_compiled(struct supervisor *s)
{
	struct reload *r = &s->reload;
	const char *option;
	char text[160];
	bool good;

	if (r->check) {
		good =
		    compile_finish(&r->compile) &&
		    ipc_config_read(r->compile.bare_fd, &r->next) == FAULT_NONE;
		reload_tell(s, good);
		return;
	}
	if (!compile_finish(&r->compile) ||
	    ipc_config_read(r->compile.bare_fd, &r->next) != FAULT_NONE) {
		reload_refuse(s, r->report.len > 0 ? buf_slice(&r->report)
						   : S("the compiler failed"));
		return;
	}
	option = needs_restart(s->conf, r->next);
	if (option != NULL) {
		snprintf(text, sizeof(text),
		    "%s: a change of %s needs a restart of kontor",
		    s->opts->config, option);
		reload_refuse(s, slice_of(text));
		return;
	}
	if (r->save.len > 0 &&
	    !config_file_write(s->opts->config, buf_slice(&r->save))) {
		reload_refuse(s, S("the file cannot be written"));
		return;
	}
	r->step = RELOAD_RECORDER;
	r->logged = false;
	r->give_up_ns = s->now + ACK_NS;
	hand_over(s, children_find(&s->children, ROLE_RECORDER));
}

static void
reload_read(struct supervisor *s)
{
	struct reload *r = &s->reload;
	ssize_t n;

	for (;;) {
		buf_reserve(&r->report, 4096);
		n = read(
		    r->compile.report_fd, r->report.p + r->report.len, 4096);
		if (n <= 0)
			break;
		r->report.len += (size_t)n;
	}
	if (n == 0)
		reload_compiled(s);
}

static bool
awaits_courier(struct supervisor *s)
{
	return children_find(&s->children, ROLE_COURIER)->awaits ||
	       atomic_load(&s->shm.head->courier_ready) == 0;
}

/* Moves on when nobody is waited for any more. */
static void
reload_step(struct supervisor *s)
{
	struct child *recorder = children_find(&s->children, ROLE_RECORDER);
	struct reload *r = &s->reload;
	bool waiting = false;
	unsigned i;

	if (r->step == RELOAD_RECORDER && r->logged) {
		reload_courier(s);
	} else if (r->step == RELOAD_COURIER &&
		   (!awaits_courier(s) || s->now >= r->give_up_ns)) {
		reload_others(s);
	} else if (r->step == RELOAD_RECORDER && s->now >= r->give_up_ns) {
		reload_refuse(s, S("the recorder does not answer"));
	} else if (r->step == RELOAD_RECORDER && !recorder->awaits) {
		/* It died with the question; its successor is asked. */
		hand_over(s, recorder);
	} else if (r->step == RELOAD_OTHERS) {
		for (i = 0; i < s->children.n; i++)
			waiting = waiting || s->children.child[i].awaits;
		if (!waiting || s->now >= r->give_up_ns)
			reload_done(s);
	} else if (r->step == RELOAD_NONE && r->again) {
		r->again = false;
		reload_begin(s, -1, (struct slice){ 0 });
	}
}

static void
reload_acknowledged(struct supervisor *s, struct child *ch, bool ok)
{
	if (!ch->awaits)
		return;
	ch->awaits = false;
	if (ok) {
		s->reload.logged |= ch->role == ROLE_RECORDER;
		return;
	}
	log_error("%s refuses the configuration", ch->title);
	if (ch->role == ROLE_RECORDER && s->reload.step == RELOAD_RECORDER)
		reload_refuse(s, S("the recorder refuses it"));
}

/* --- messages -------------------------------------------------------- */

static void
answer_status(struct supervisor *s, int64_t n)
{
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_ki64(&b, "n", n);
	json_w_kbool(&b, "ok", true);
	json_w_ki64(&b, "pid", getpid());
	json_w_ki64(&b, "up_ms", (s->now - s->started_ns) / NS_PER_MS);
	json_w_kbool(&b, "draining", s->phase > PHASE_SERVING);
	json_w_key(&b, "processes");
	children_write(&s->children, &b, s->now);
	json_w_end(&b, '}');
	child_send(
	    children_find(&s->children, ROLE_CONTROL), buf_slice(&b), -1);
	buf_fini(&b);
}

enum { TEXT_MAX = IPC_MAX * 3 / 4 };

/* The file as it is; what does not fit into a message is not shown. */
static bool
read_text(struct supervisor *s, struct buf *out)
{
	return config_file_read(s->opts->config, TEXT_MAX, out);
}

static void
text_version(struct slice text, char out[DIGEST_HEX + 1])
{
	uint8_t sum[DIGEST_LEN];

	digest_of(text, sum);
	digest_hex(sum, out);
}

static void
answer_text(struct supervisor *s, int64_t n)
{
	struct child *control = children_find(&s->children, ROLE_CONTROL);
	char version[DIGEST_HEX + 1];
	struct buf text = { 0 }, b = { 0 };

	if (!read_text(s, &text)) {
		answer_control(s, n, false, "errors",
		    S("the file cannot be read, or is too long for this"));
	} else {
		text_version(buf_slice(&text), version);
		json_w_begin(&b, '{');
		json_w_ki64(&b, "n", n);
		json_w_kbool(&b, "ok", true);
		json_w_kstr(&b, "file", slice_of(s->opts->config));
		json_w_kstr(&b, "version", slice_of(version));
		json_w_kstr(&b, "text", buf_slice(&text));
		json_w_end(&b, '}');
		if (b.len <= IPC_MAX)
			child_send(control, buf_slice(&b), -1);
		else
			answer_control(s, n, false, "errors",
			    S("the file is too long for this"));
	}
	buf_fini(&text);
	buf_fini(&b);
}

static void
check_text(struct supervisor *s, int64_t n, struct slice text)
{
	const bool free_now = s->reload.step == RELOAD_NONE;

	reload_begin(s, n, text);
	s->reload.check |= free_now;
}

/* Only over the text that was read, and when it is good; then in force. */
static void
save_text(
    struct supervisor *s, int64_t n, struct slice version, struct slice text)
{
	char is[DIGEST_HEX + 1];
	struct buf old = { 0 };

	if (!read_text(s, &old)) {
		answer_control(
		    s, n, false, "errors", S("the file cannot be read"));
	} else {
		text_version(buf_slice(&old), is);
		if (!slice_eq(version, slice_of(is)))
			answer_control(s, n, false, "errors",
			    S("the file was changed meanwhile"));
		else {
			reload_begin(s, n, text);
			if (s->reload.step == RELOAD_COMPILE)
				buf_add(&s->reload.save, text);
		}
	}
	buf_fini(&old);
}

static void
take_message(struct supervisor *s, struct child *ch, struct slice text)
{
	struct arena a = { 0 };
	struct json *j;
	struct slice op;
	int64_t n = 0;

	if (json_parse(&a, text, &j) != FAULT_NONE) {
		log_warn("%s sends what is not JSON", ch->title);
		arena_fini(&a);
		return;
	}
	op = json_get_str(j, "op");
	if (op.len == 0)
		reload_acknowledged(s, ch, json_get_bool(j, "ok", false));
	else if (ch->role != ROLE_CONTROL || !json_get_i64(j, "n", &n) || n < 0)
		log_warn("%s sends what it may not", ch->title);
	else if (slice_eq(op, S("status")))
		answer_status(s, n);
	else if (slice_eq(op, S("config_text")))
		answer_text(s, n);
	else if (slice_eq(op, S("config_check")) && s->phase == PHASE_SERVING)
		check_text(s, n, json_get_str(j, "text"));
	else if (slice_eq(op, S("config_save")) && s->phase == PHASE_SERVING &&
		 s->reload.step == RELOAD_NONE)
		save_text(
		    s, n, json_get_str(j, "version"), json_get_str(j, "text"));
	else if (slice_eq(op, S("reload")) && s->phase == PHASE_SERVING)
		reload_begin(s, n, (struct slice){ 0 });
	else
		answer_control(
		    s, n, false, "errors", S("this cannot be done now"));
	arena_fini(&a);
}

static void
read_messages(struct supervisor *s, struct child *ch)
{
	static char text[IPC_MAX];
	ssize_t n;

	while (ch->ctl >= 0) {
		n = recv(ch->ctl, text, sizeof(text), MSG_DONTWAIT);
		if (n <= 0)
			return;
		take_message(s, ch, (struct slice){ text, (size_t)n });
	}
}

/* --- phases ---------------------------------------------------------- */

static void
stop(struct supervisor *s, int status)
{
	if (s->phase >= PHASE_WORKERS) {
		/* Asked twice: no more patience. */
		s->give_up_ns = s->now;
		return;
	}
	log_info("stopping; calls in flight may take %lld s",
	    (long long)(s->conf->drain_ns / NS_PER_S));
	s->status = status;
	s->phase = PHASE_WORKERS;
	s->give_up_ns = s->now + s->conf->drain_ns + NS_PER_S;
	atomic_store(&s->shm.head->draining, 1);
	children_want(&s->children, ROLE_WORKER, false);
	children_send(&s->children, ROLE_WORKER, S("{\"op\":\"drain\"}"));
	/* Whoever connects now shall hear that nobody listens. */
	close(s->children.gateway_fd);
	s->children.gateway_fd = -1;
}

static void
enter_serving(struct supervisor *s)
{
	char gateway[LISTEN_URL], admin[LISTEN_URL];

	name_listeners(s, gateway, admin);
	if (!datadir_publish(
		s->conf->data_dir, gateway, admin, s->conf->admin_pin)) {
		log_error("%s cannot be written: %s", s->conf->data_dir,
		    strerror(errno));
		stop(s, 1);
		return;
	}
	s->phase = PHASE_SERVING;
	children_want(&s->children, ROLE_WORKER, true);
	children_want(&s->children, ROLE_CONTROL, true);
	log_info("serving calls at %s, admin at %s", gateway, admin);
}

static void
tell_waiting(struct supervisor *s)
{
	if (s->now - s->told_ns < 5 * NS_PER_S)
		return;
	if (s->now - s->started_ns > NS_PER_S)
		log_info("waiting for the recorder; another instance may "
			 "still be finishing in %s",
		    s->conf->data_dir);
	s->told_ns = s->now;
}

static bool
courier_ready(struct supervisor *s)
{
	unsigned i, n = 0;

	for (i = 0; i < s->conf->nproviders; i++)
		n += s->conf->provider[i].signin != NULL;
	return n == 0 || atomic_load(&s->shm.head->courier_ready) != 0 ||
	       s->now - s->started_ns > COURIER_TRIES_NS;
}

static bool
phase_over(struct supervisor *s, enum child_role role)
{
	if (children_running(&s->children, role) == 0)
		return true;
	if (s->now >= s->give_up_ns) {
		children_kill(&s->children, role);
		s->give_up_ns = s->now + NS_PER_S;
	}
	return false;
}

static void
next_phase(struct supervisor *s, enum child_role role, enum phase phase,
    int64_t patience_ns)
{
	children_want(&s->children, role, false);
	children_send(&s->children, role, S("{\"op\":\"drain\"}"));
	s->phase = phase;
	s->give_up_ns = s->now + patience_ns;
}

/* The courier has nobody left to fetch for. */
static void
leave_control(struct supervisor *s)
{
	next_phase(s, ROLE_CONTROL, PHASE_CONTROL, CONTROL_LEAVES_NS);
	next_phase(s, ROLE_COURIER, PHASE_CONTROL, CONTROL_LEAVES_NS);
}

static void
step_phase(struct supervisor *s)
{
	switch (s->phase) {
	case PHASE_STARTING:
		if (atomic_load(&s->shm.head->recorder_ready) != 0 &&
		    courier_ready(s))
			enter_serving(s);
		else
			tell_waiting(s);
		break;
	case PHASE_WORKERS:
		if (phase_over(s, ROLE_WORKER))
			leave_control(s);
		break;
	case PHASE_CONTROL:
		if (phase_over(s, ROLE_CONTROL) && phase_over(s, ROLE_COURIER))
			next_phase(s, ROLE_RECORDER, PHASE_RECORDER,
			    RECORDER_LEAVES_NS);
		break;
	case PHASE_RECORDER:
		if (phase_over(s, ROLE_RECORDER))
			s->phase = PHASE_OVER;
		break;
	case PHASE_SERVING:
	case PHASE_OVER:
		break;
	}
}

/* --- signals --------------------------------------------------------- */

static void
reap_other(struct supervisor *s, pid_t pid, int status)
{
	if (pid == s->helper) {
		s->helper = 0;
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			stop(s, 1);
	} else if (pid == s->companion) {
		s->companion = 0;
		if (s->phase <= PHASE_SERVING)
			log_warn("the simulator (%d) has ended", pid);
	}
}

static void
reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	/* The compiler is waited for by who reads its report. */
	for (;;) {
		siginfo_t info = { 0 };

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
		    info.si_pid == 0)
			return;
		if (info.si_pid == s->reload.compile.pid) {
			reload_read(s);
			if (s->reload.compile.pid == info.si_pid)
				return; /* its pipe is not at the end yet */
			continue;
		}
		pid = waitpid(info.si_pid, &status, WNOHANG);
		if (pid <= 0)
			return;
		if (children_reap(&s->children, pid, status, s->now) == NULL)
			reap_other(s, pid, status);
	}
}

static void
read_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP && s->phase == PHASE_SERVING)
			reload_begin(s, -1, (struct slice){ 0 });
		else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			stop(s, 0);
	}
	reap(s);
}

static bool
open_signals(struct supervisor *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signal_fd >= 0;
}

/* --- start and loop -------------------------------------------------- */

static int
timeout_ms(const struct supervisor *s)
{
	int64_t due = s->now + 500 * NS_PER_MS, start;

	if (s->phase == PHASE_STARTING)
		due = s->now + 2 * NS_PER_MS;
	else if (s->phase > PHASE_SERVING && s->give_up_ns < due)
		due = s->give_up_ns;
	start = children_due(&s->children);
	if (start < due)
		due = start;
	if (due <= s->now)
		return 0;
	return (int)((due - s->now + NS_PER_MS - 1) / NS_PER_MS);
}

static void
wait_turn(struct supervisor *s)
{
	struct pollfd p[2 + NELEM(s->children.child)];
	struct child *of[NELEM(p)];
	nfds_t i, n = 0;
	unsigned k;

	p[n++] = (struct pollfd){ .fd = s->signal_fd, .events = POLLIN };
	p[n++] = (struct pollfd){ .fd = s->reload.step == RELOAD_COMPILE
					    ? s->reload.compile.report_fd
					    : -1,
		.events = POLLIN };
	for (k = 0; k < s->children.n; k++, n++) {
		of[n] = &s->children.child[k];
		p[n] = (struct pollfd){ .fd = of[n]->ctl, .events = POLLIN };
	}
	if (poll(p, n, timeout_ms(s)) < 0)
		return;
	s->now = clock_mono_ns();
	for (i = 2; i < n; i++) {
		if (p[i].revents & POLLIN)
			read_messages(s, of[i]);
	}
	if (p[1].revents != 0 && s->reload.step == RELOAD_COMPILE)
		reload_read(s);
	if (p[0].revents != 0)
		read_signals(s);
}

static uint64_t
power_above(uint64_t n)
{
	uint64_t p = 4096;

	while (p < n)
		p *= 2;
	return p;
}

/* Sessions last two hours: whoever got a ticket may use it as long. */
static void
rotate_tickets(struct supervisor *s)
{
	uint8_t fresh[TICKET_LEN];

	if (s->tickets_ns != 0 && s->now - s->tickets_ns < TICKETS_NS)
		return;
	s->tickets_ns = clock_mono_ns();
	random_bytes(fresh, sizeof(fresh));
	ticket_put(&s->shm, fresh);
	mem_wipe(fresh, sizeof(fresh));
}

static bool
make_tables(struct supervisor *s, uint32_t node, uint32_t boot)
{
	const struct snapshot *c = s->conf;
	const struct shm_sizes sizes = {
		/* A spare for every worker and for the recorder. */
		.slots = 2 * c->workers + 4,
		.accounts = c->max_accounts,
		/* The table takes keys up to 7/8. */
		.keys = c->max_keys + c->max_keys / 4,
		.breakers = 1024,
		.holds = (uint32_t)c->max_open_requests,
		.subjects = c->max_subjects,
		.limits = c->max_limits,
		.ring_bytes = power_above(c->max_open_requests * 2048),
	};
	const enum fault fault = shm_create(&sizes, node, boot, &s->shm);

	if (fault != FAULT_NONE) {
		log_error("shared tables cannot be made: %s (%s)",
		    fault_get(fault)->text, strerror(errno));
		return false;
	}
	atomic_store(&s->shm.head->generation, c->generation);
	rotate_tickets(s);
	if (!datadir_aws(c->data_dir, s->shm.head->aws_root))
		return false;
	if (wallet_create(&s->children.wallet_fd, &s->children.purse_fd))
		return true;
	log_error("the wallet cannot be made: %s", strerror(errno));
	return false;
}

static bool
first_config(struct supervisor *s)
{
	struct compile c;
	char text[4096];
	ssize_t n;

	if (!compile_start(&c, s->opts->config, (struct slice){ 0 }))
		return false;
	/* What is wrong is for the operator's eyes, as it is. */
	while ((n = read(c.report_fd, text, sizeof(text))) > 0) {
		if (write(STDERR_FILENO, text, (size_t)n) < 0)
			break;
	}
	if (!compile_finish(&c))
		return false;
	s->children.bare_fd = c.bare_fd;
	s->children.secret_fd = c.secret_fd;
	s->children.courier_fd = c.courier_fd;
	s->children.control_fd = c.control_fd;
	return ipc_config_read(c.bare_fd, &s->conf) == FAULT_NONE;
}

/*
 * Workers of an instance whose supervisor was killed hold the address until
 * they have finished; they are waited for, anybody else is not.
 */
static int
listen_patiently(struct supervisor *s, const char *option, const char *address)
{
	const pid_t before = datadir_pid(s->conf->data_dir);
	const int64_t until =
	    clock_mono_ns() + s->conf->drain_ns + 5 * NS_PER_S;
	bool told = false;
	int fd;

	for (;;) {
		fd = listen_open(address);
		if (fd >= 0)
			return fd;
		if (errno != EADDRINUSE || before == 0 ||
		    datadir_runs(before) || clock_mono_ns() > until)
			break;
		if (!told)
			log_info("waiting for %s: an instance whose "
				 "supervisor died is finishing",
			    address);
		told = true;
		poll(NULL, 0, 20);
	}
	fd = listen_open(address);
	if (fd < 0)
		log_error("%s %s cannot be listened on: %s", option, address,
		    strerror(errno));
	return fd;
}

static bool
open_listeners(struct supervisor *s)
{
	struct children *c = &s->children;

	c->gateway_fd = s->opts->gateway_fd;
	c->admin_fd = s->opts->admin_fd;
	if (c->gateway_fd < 0)
		c->gateway_fd = listen_patiently(
		    s, "listen.gateway.address", s->conf->gateway_address);
	if (c->gateway_fd >= 0 && c->admin_fd < 0)
		c->admin_fd = listen_patiently(
		    s, "listen.admin.address", s->conf->admin_address);
	return c->gateway_fd >= 0 && c->admin_fd >= 0;
}

static bool
open_pipes(struct supervisor *s)
{
	/* The write end is ours alone: its end tells that we are gone. */
	if (pipe2(s->alive, O_CLOEXEC) != 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
		s->children.peer) != 0) {
		log_error("no descriptors: %s", strerror(errno));
		return false;
	}
	s->children.alive_fd = s->alive[0];
	return true;
}

/* A connection is a descriptor; the low limit that shells give is for programs
 * that use select(). */
static void
raise_file_limit(void)
{
	enum { FILES_MOST = 262144 };
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= FILES_MOST ||
	    r.rlim_cur >= r.rlim_max)
		return;
	r.rlim_cur = r.rlim_max < FILES_MOST ? r.rlim_max : FILES_MOST;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		log_warn("the limit of open files stays: %s", strerror(errno));
}

static bool
set_up(struct supervisor *s)
{
	uint32_t node, boot;

	raise_file_limit();
	s->reload.compile = (struct compile){ .report_fd = -1,
		.bare_fd = -1,
		.secret_fd = -1,
		.courier_fd = -1,
		.control_fd = -1 };
	s->helper = s->opts->helper;
	s->companion = s->opts->companion;
	if (!landlock_known())
		log_warn("unsealed in part: the kernel has no Landlock, so "
			 "recorder, control and courier open what files "
			 "their user may");
	if (!open_signals(s) || !first_config(s) || !open_listeners(s) ||
	    !datadir_open(s->conf->data_dir, &node, &boot) || !open_pipes(s) ||
	    !make_tables(s, node, boot))
		return false;
	s->children.shm = &s->shm;
	children_init(&s->children, s->conf->workers);
	children_want(&s->children, ROLE_RECORDER, true);
	children_want(&s->children, ROLE_COURIER, true);
	return true;
}

int
supervisor_run(const struct supervisor_opts *opts)
{
	static struct supervisor s;

	s.opts = opts;
	if (!set_up(&s))
		return 1;
	s.now = s.started_ns = clock_mono_ns();
	while (s.phase != PHASE_OVER) {
		children_start(&s.children, s.now);
		wait_turn(&s);
		s.now = clock_mono_ns();
		children_watch(&s.children, s.now);
		reload_step(&s);
		rotate_tickets(&s);
		step_phase(&s);
	}
	datadir_unpublish(s.conf->data_dir);
	log_info("stopped");
	return s.status;
}

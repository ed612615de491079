/*
 * sim_test.c - a node that dies at every step, by seed
 *
 * Workers are structs in this process; each recorder is a fork that is killed
 * at a random step (every write, sync, commit and store into shared memory
 * that recorder_step() names), and now and then the power fails: what was
 * not synced is cut off or torn, and the shared tables are gone.  The clock
 * is ours and jumps; calls hold on chains of five budgets with windows of
 * every kind; what ended is corrected while recorders die.  At the end the
 * books must be exact.  KONTOR_SEED=n plays one seed again, KONTOR_FROM and
 * KONTOR_SEEDS a range.
 */
#include "recorder/rig.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "audit/files.h"
#include "audit/verify.h"
#include "base/json.h"
#include "books/verify.h"

enum { SEEDS = 16, ROUNDS = 8, CALLS = 400, SEGMENTS = 64, WORKERS = 2 };

static const int64_t HOLD = 50000000;

/* What a call costs by the books, as far as we were told. */
struct known {
	int64_t cost, asked;
	bool sure;    /* it cannot be anything else ... */
	bool pending; /* ... but what was asked for, and not answered */
	bool durable; /* a power cut leaves it so */
};

/* Survives the recorder's death. */
struct disk_state {
	off_t synced[SEGMENTS];
	int budget; /* steps until the kill; below 0: none */
	int64_t wall, mono;
	struct known known[CALLS];
	unsigned corrected;
};

struct made {
	struct call c;
	unsigned worker;
	bool open, sent;
	bool found;
};

struct world {
	struct rig g;
	struct worker w[WORKERS];
	struct made call[CALLS];
	unsigned n;
	uint64_t key, random;
};

static struct disk_state *disk_state;

/* --- a clock of our own: base/clock.c is not linked ------------------------
 */

int64_t
clock_mono_ns(void)
{
	disk_state->wall += 1000;
	return disk_state->mono += 1000;
}

int64_t
clock_wall_ns(void)
{
	disk_state->mono += 1000;
	return disk_state->wall += 1000;
}

static void
pass_time(int64_t ns)
{
	disk_state->wall += ns;
	disk_state->mono += ns;
}

static unsigned
dice(struct world *v, unsigned n)
{
	v->random = v->random * UINT64_C(6364136223846793005) +
		    UINT64_C(1442695040888963407);
	return (unsigned)(v->random >> 33) % n;
}

/* --- a disk that can be cut
 * ------------------------------------------------------ */

static void
step(void *arg, const char *where)
{
	(void)arg;
	(void)where;
	if (disk_state->budget > 0 && --disk_state->budget == 0)
		_exit(0);
}

static unsigned
segment_of(int fd)
{
	char link[64], path[256];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 12)
		return 0;
	path[n] = '\0';
	return (unsigned)strtoul(path + n - 12, NULL, 10) % SEGMENTS;
}

static ssize_t
sim_pwrite(int fd, const void *p, size_t len, off_t at)
{
	step(NULL, "write");
	if (disk_state->budget == 1) /* killed in the middle of it */
		len = len / 2;
	return pwrite(fd, p, len, at);
}

static int
sim_sync(int fd)
{
	struct stat st;

	step(NULL, "sync");
	if (fstat(fd, &st) == 0)
		disk_state->synced[segment_of(fd)] = st.st_size;
	step(NULL, "synced");
	return 0;
}

/* The tree is not what is torn here, and a disk that waits takes hours. */
static int
no_sync(int fd)
{
	(void)fd;
	return 0;
}

static const struct disk sim_disk = { sim_pwrite, sim_sync, ftruncate };

static void
tear(struct world *v)
{
	char path[160];
	struct stat st;
	unsigned i;
	off_t keep;
	int fd;

	for (i = 1; i < SEGMENTS; i++) {
		(void)snprintf(
		    path, sizeof(path), "%s/log/%08u.seg", v->g.dir, i);
		fd = open(path, O_RDWR);
		if (fd < 0)
			continue;
		assert_int_equal(fstat(fd, &st), 0);
		keep = disk_state->synced[i];
		if (st.st_size > keep) {
			keep +=
			    (off_t)dice(v, (unsigned)(st.st_size - keep) + 1);
			assert_int_equal(ftruncate(fd, keep), 0);
			if (keep > disk_state->synced[i] && dice(v, 2) == 0)
				assert_int_equal(
				    pwrite(fd, "\xee", 1, keep - 1), 1);
		}
		close(fd);
	}
}

/* --- what happens
 * ------------------------------------------------------------------ */

static void
begin_attempt(
    struct world *v, unsigned worker, struct reqid req, unsigned attempt)
{
	struct made *m = &v->call[v->n];

	if (v->n == CALLS)
		return;
	*m = (struct made){ .worker = worker };
	disk_state->known[v->n] = (struct known){ .sure = false };
	m->open = worker_begin(&v->g, &v->w[worker], &m->c, req, attempt,
	    v->key, dice(v, 2), HOLD);
	if (m->open)
		v->n++;
}

static void
begin_call(struct world *v, unsigned worker)
{
	begin_attempt(v, worker, worker_req(&v->g, &v->w[worker]), 1);
}

/* Its room in the ring is for one more record only: the last attempt. */
static void
finish_call(struct world *v, struct made *m)
{
	struct known *k = &disk_state->known[m - v->call];
	enum resolution res = RESOLUTION_VOID;

	if (m->sent)
		res = dice(v, 4) == 0 ? RESOLUTION_UNKNOWN : RESOLUTION_BOOKED;
	k->cost = res == RESOLUTION_UNKNOWN ? HOLD : 0;
	if (res == RESOLUTION_BOOKED)
		k->cost = 5000 * 1000;
	k->sure = true;
	m->open = false;
	/* Now and then another attempt ends the request. */
	if (m->c.i.attempt == 1 && v->n < CALLS && dice(v, 5) == 0) {
		const unsigned n = v->n;

		begin_attempt(v, m->worker, m->c.i.req, 2);
		worker_finish(&v->w[m->worker], &m->c, res, 1000, v->n == n);
	} else {
		worker_finish(&v->w[m->worker], &m->c, res, 1000, true);
	}
}

/* --- corrections, by a recorder that may die --------------------------------
 */

static void
correct(struct world *v, unsigned n, unsigned how)
{
	struct known *k = &disk_state->known[n];
	const struct intent *i = &v->call[n].c.i;
	char id[ATTEMPT_TEXT + 1], what[128], text[256];
	struct buf out = { 0 };

	/* What was asked and not answered is asked again. */
	if (!k->pending)
		k->asked = how == 3 ? HOLD + 1 : (int64_t)how * 5000 * 700;
	k->pending = true;
	(void)attempt_write(&i->req, i->attempt, id);
	if (k->asked == 0)
		(void)snprintf(what, sizeof(what), "\"void\":true");
	else if (k->asked > HOLD)
		(void)snprintf(what, sizeof(what), "\"cost\":\"0.050000001\"");
	else
		(void)snprintf(what, sizeof(what),
		    "\"usage\":{\"input_tokens\":%lld,\"output_tokens\":"
		    "%lld}",
		    (long long)(k->asked / 5000), (long long)(k->asked / 5000));
	(void)snprintf(text, sizeof(text),
	    "{\"op\":\"correct\",\"attempt\":\"%s\",%s}", id, what);
	recorder_control(v->g.r, slice_of(text), &out);
	if (strstr(buf_cstr(&out), "\"ok\":true") != NULL ||
	    strstr(buf_cstr(&out), "UNCHANGED") != NULL) {
		*k = (struct known){
			.cost = k->asked, .sure = true, .durable = true
		};
		disk_state->corrected++;
	} else {
		/* Under way, or the log never heard of it. */
		k->pending = false;
	}
	buf_fini(&out);
}

/* From numbers of the parent: a child's dice would not be missed there. */
static void
correct_some(struct world *v, const unsigned pick[3])
{
	unsigned i;

	for (i = 0; i < 3 && v->n > 0; i++) {
		if (pick[i] % 4 != 3)
			correct(v, pick[i] / 16 % v->n, pick[i] / 4 % 4);
	}
}

static void
kill_worker(struct world *v, unsigned worker)
{
	unsigned i;

	worker_kill(&v->g, &v->w[worker]);
	for (i = 0; i < v->n; i++) {
		if (v->call[i].worker == worker)
			v->call[i].open = false;
	}
	worker_start(&v->g, &v->w[worker]);
}

static void
act(struct world *v)
{
	struct made *m = v->n > 0 ? &v->call[dice(v, v->n)] : NULL;

	switch (dice(v, 8)) {
	case 0:
	case 1:
	case 2:
		begin_call(v, dice(v, WORKERS));
		return;
	case 3:
		if (m != NULL && m->open) {
			hold_sent(m->c.h);
			m->sent = true;
		}
		return;
	case 4:
		if (m != NULL && m->open && m->sent)
			hold_progress(m->c.h, 1000, 10);
		return;
	case 5:
	case 6:
		if (m != NULL && m->open)
			finish_call(v, m);
		return;
	default:
		if (dice(v, 6) == 0)
			kill_worker(v, dice(v, WORKERS));
		return;
	}
}

/* What admission sees spent is what the books have; rings are drained. */
static bool
columns_agree(struct world *v, const struct account *a, int64_t *held)
{
	struct shm_account *row = &v->g.m.accounts[a->row];
	int64_t settled;
	unsigned side;
	uint64_t id;

	*held = 0;
	for (side = 0; side < 2; side++) {
		id = at_load(&row->window[side].id);
		if (id == 0)
			continue;
		account_sums(&v->g.m, a->row, side, &settled, held);
		if (settled != balance_get(v->g.r, a->id, id)->settled)
			return false;
	}
	return true;
}

/* In a recorder that lives on. */
static void
look_at_account(void *arg, void *node)
{
	const struct account *a = node;
	int64_t held;

	if (a->row != UINT32_MAX && !columns_agree(arg, a, &held))
		_exit(5);
}

/* In the end. */
static void
check_account(void *arg, void *node)
{
	const struct account *a = node;
	int64_t held;

	if (a->row == UINT32_MAX)
		return;
	assert_true(columns_agree(arg, a, &held));
	assert_int_equal(held, 0);
}

static void
run_recorder(struct world *v, bool may_die)
{
	const bool dies = may_die && dice(v, 4) != 0;
	const int budget = dies ? (int)dice(v, 60) + 1 : -1;
	const unsigned pick[3] = { dice(v, 65536), dice(v, 65536),
		dice(v, 65536) };
	const int turns = dice(v, 3) == 0 ? 8 : 3;
	pid_t pid;
	int i, status;

	disk_state->budget = budget;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (rig_start(&v->g) != FAULT_NONE)
			_exit(3);
		for (i = 0; i < turns; i++) {
			(void)recorder_turn(v->g.r);
			pass_time(11 * NS_PER_S);
		}
		for (i = 0; i < RIG_SLOTS; i++)
			recorder_repair(v->g.r, (uint32_t)i);
		if (recorder_barrier(v->g.r) != FAULT_NONE)
			_exit(4);
		recorder_sign(v->g.r);
		correct_some(v, pick);
		table_each(&v->g.r->accounts, look_at_account, v);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	for (i = 0; i < RIG_SLOTS; i++) {
		if (v->g.m.slots[i].is_recorder &&
		    shm_slot_state(&v->g.m, (uint32_t)i) == SLOT_LIVE)
			shm_slot_dead(&v->g.m, (uint32_t)i);
	}
}

/* What was answered is on disk and stays; what a ring had may be gone. */
static void
forget_unsynced(struct world *v)
{
	unsigned i;

	for (i = 0; i < v->n; i++)
		disk_state->known[i].sure = disk_state->known[i].durable;
}

static void
cut_power(struct world *v)
{
	const uint32_t boot = v->g.m.head->boot + 1;
	unsigned i;

	for (i = 0; i < WORKERS; i++) {
		ledger_free(&v->w[i].l);
		journal_close(&v->w[i].j);
		shm_detach(&v->w[i].m);
	}
	close(v->g.m.fd);
	shm_detach(&v->g.m);
	tear(v);
	for (i = 0; i < v->n; i++)
		v->call[i].open = false;
	forget_unsynced(v);
	rig_tables(&v->g, boot);
	/* Workers begin when the recorder is ready. */
	run_recorder(v, false);
	for (i = 0; i < WORKERS; i++)
		worker_start(&v->g, &v->w[i]);
}

/* --- the end
 * ------------------------------------------------------------------------ */

static bool
is_call(const struct made *m, const struct reqid *id, int64_t attempt)
{
	return m->c.i.attempt == (unsigned)attempt &&
	       memcmp(&m->c.i.req, id, sizeof(*id)) == 0;
}

static void
compare(const struct made *m, const struct known *k, int64_t settled)
{
	const bool as_asked = k->pending && settled == k->asked;

	if (k->sure && !as_asked)
		assert_int_equal(settled, k->cost);
	else if (m->sent && !as_asked)
		assert_true(settled > 0);
}

static bool
on_line(void *arg, struct slice line)
{
	struct world *v = arg;
	struct arena a = { 0 };
	struct reqid id;
	struct money m;
	struct json *j;
	int64_t attempt;
	unsigned i;

	assert_int_equal(json_parse(&a, line, &j), FAULT_NONE);
	assert_true(reqid_parse(json_get_str(j, "request"), &id));
	assert_true(json_get_i64(j, "attempt", &attempt));
	assert_int_equal(json_get(j, "resolution")->type, JSON_STRING);
	assert_true(money_parse(json_get_str(j, "settled"), &m));
	for (i = 0; i < v->n; i++) {
		if (!is_call(&v->call[i], &id, attempt))
			continue;
		assert_false(v->call[i].found);
		v->call[i].found = true;
		compare(&v->call[i], &disk_state->known[i], m.nano);
	}
	arena_fini(&a);
	return true;
}

/* Every frame is signed, and nothing but what was signed is there. */
static void
check_tree(struct world *v)
{
	const struct audit_query q = { .dir = v->g.dir };
	struct audit_result r;

	recorder_sign(v->g.r);
	assert_int_equal(audit_verify(&q, &r), FAULT_NONE);
	if (!r.good)
		fail_msg("%s: %s", r.problem.what, r.problem.text);
	assert_int_equal(r.covered, r.leaves);
	assert_true(r.leaves > 0);
}

/* --- limits ------------------------------------------------------------- */

enum { WINDOWS = 1024 };

struct spent {
	uint64_t account, window;
	int64_t amount;
};

static void
add_spent(struct spent *s, const struct frame_need *n, int64_t amount)
{
	unsigned i;

	for (i = 0; i < WINDOWS; i++) {
		if (s[i].account == 0) {
			s[i].account = n->account;
			s[i].window = n->window;
		}
		if (s[i].account == n->account && s[i].window == n->window) {
			s[i].amount += amount;
			return;
		}
	}
	fail_msg("too many windows");
}

static void
read_spent(const struct world *v, struct spent *s)
{
	struct log_reader *in;
	struct outcome o;
	struct frame f;
	uint64_t at;
	unsigned i;

	assert_int_equal(log_reader_open(v->g.r->log_dir, 0, &in), FAULT_NONE);
	while (log_next(in, &f, &at) == FAULT_NONE) {
		if (f.kind != FRAME_OUTCOME ||
		    frame_get_outcome(&f, &o) != FAULT_NONE || o.number > 0)
			continue;
		for (i = 0; i < o.n; i++)
			add_spent(s, &o.chain[i], o.effective);
	}
	log_reader_close(&in);
}

/*
 * No window is passed by what was admitted to it.  After a power cut what
 * ended and is forgotten counts at its bound, and then it may be.
 */
static void
check_limits(struct world *v)
{
	struct spent *s = mem_new(WINDOWS * sizeof(*s));
	unsigned i;

	read_spent(v, s);
	for (i = 0; i < WINDOWS && s[i].account != 0; i++) {
		const struct account *a = account_find(v->g.r, s[i].account);

		assert_non_null(a);
		if (v->g.m.head->boot == 1 && s[i].amount > a->limit)
			fail_msg("account %llu, window %llu: %lld of %lld",
			    (unsigned long long)s[i].account,
			    (unsigned long long)s[i].window,
			    (long long)s[i].amount, (long long)a->limit);
	}
	mem_free(s);
}

static void
check_books(struct world *v)
{
	struct buf out = { 0 };
	unsigned i;
	bool good;

	for (i = 0; i < WORKERS; i++)
		worker_kill(&v->g, &v->w[i]);
	assert_int_equal(rig_start(&v->g), FAULT_NONE);
	assert_int_equal(recorder_barrier(v->g.r), FAULT_NONE);
	assert_null(v->g.r->oldest);
	assert_int_equal(
	    ledger_verify(v->g.dir, false, &out, &good), FAULT_NONE);
	if (!good)
		fail_msg("%s", buf_cstr(&out));
	buf_fini(&out);
	check_tree(v);
	assert_int_equal(ledger_export(v->g.dir, on_line, v), FAULT_NONE);
	for (i = 0; i < v->n; i++) {
		if (disk_state->known[i].sure)
			assert_true(v->call[i].found);
	}
	check_limits(v);
	table_each(&v->g.r->accounts, check_account, v);
}

static void
good(struct rig *g, const char *text)
{
	struct buf out = { 0 };

	recorder_control(g->r, slice_of(text), &out);
	if (strstr(buf_cstr(&out), "\"ok\":true") == NULL)
		fail_msg("%s", buf_cstr(&out));
	buf_fini(&out);
}

/* A key at the end of a chain of five, each with its own kind of window. */
static void
make_chain(struct world *v)
{
	good(&v->g, "{\"op\":\"key_create\",\"name\":\"k\",\"id\":"
		    "\"000000000001\",\"org\":\"o\",\"team\":\"t\","
		    "\"project\":\"p\",\"user\":\"u\",\"sha256\":"
		    "\"ababababababababababababababababababababababababab"
		    "ababababababab\",\"budget\":\"2/total\"}");
	good(&v->g, "{\"op\":\"budget_set\",\"scope\":\"user:u\","
		    "\"budget\":\"0.8/week\",\"zone\":"
		    "\"Australia/Lord_Howe\"}");
	good(&v->g, "{\"op\":\"budget_set\",\"scope\":\"project:p\","
		    "\"budget\":\"0.4/hour\"}");
	good(&v->g, "{\"op\":\"budget_set\",\"scope\":\"team:t\","
		    "\"budget\":\"0.6/day\",\"zone\":"
		    "\"Europe/Berlin\"}");
	good(&v->g, "{\"op\":\"budget_set\",\"scope\":\"org:o\","
		    "\"budget\":\"1.5/month\"}");
	assert_true(key_id_parse(S("000000000001"), &v->key));
}

/* Mostly it passes; now and then the wall clock is set. */
static void
move_clock(struct world *v)
{
	pass_time((int64_t)dice(v, 5400) * NS_PER_S);
	if (dice(v, 6) == 0)
		disk_state->wall +=
		    ((int64_t)dice(v, 4 * 86400) - 2 * 86400) * NS_PER_S;
	if (dice(v, 6) == 0)
		pass_time((int64_t)dice(v, 20) * 86400 * NS_PER_S);
}

/* The disk is ours anyway; where it is kept only costs time. */
static bool
shm_dir(void)
{
	return access("/dev/shm", W_OK) == 0;
}

static void
play(uint64_t seed)
{
	struct world *v = NEW(struct world);
	unsigned i, k;

	v->random = seed * 77 + 1;
	memset(disk_state, 0, sizeof(*disk_state));
	disk_state->budget = -1;
	disk_state->wall = INT64_C(1790000000) * NS_PER_S +
			   (int64_t)dice(v, 400 * 86400) * NS_PER_S;
	disk_state->mono = NS_PER_S;
	v->g = (struct rig){
		.dir = "/tmp/kontor-sim-XXXXXX", .disk = &sim_disk, .step = step
	};
	if (shm_dir())
		memcpy(v->g.dir, "/dev/shm/kontor-sim-XXXXXX", 27);
	log_init("test", LOG_LVL_ERROR + 1);
	assert_non_null(mkdtemp(v->g.dir));
	rig_tables(&v->g, 1);
	v->g.s = rig_snapshot(77);
	assert_int_equal(rig_start(&v->g), FAULT_NONE);
	make_chain(v);
	recorder_close(&v->g.r);
	shm_slot_dead(&v->g.m, v->g.m.slot);
	for (i = 0; i < WORKERS; i++)
		worker_start(&v->g, &v->w[i]);
	for (k = 0; k < ROUNDS; k++) {
		for (i = dice(v, 40); i > 0; i--)
			act(v);
		run_recorder(v, true);
		if (dice(v, 8) == 0)
			cut_power(v);
		move_clock(v);
	}
	disk_state->budget = -1;
	check_books(v);
	rig_end(&v->g);
	mem_free(v);
}

static void
the_books_are_exact_wherever_it_dies(void **state)
{
	const char *one = getenv("KONTOR_SEED");
	const char *more = getenv("KONTOR_SEEDS");
	const char *first = getenv("KONTOR_FROM");
	uint64_t seed, from = 1, to = SEEDS, corrected = 0;

	(void)state;
	files_sync = no_sync;
	disk_state = mmap(NULL, sizeof(*disk_state), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(disk_state != MAP_FAILED);
	if (more != NULL)
		to = strtoull(more, NULL, 10);
	if (first != NULL)
		from = strtoull(first, NULL, 10);
	if (one != NULL)
		from = to = strtoull(one, NULL, 10);
	for (seed = from; seed <= to; seed++) {
		(void)fprintf(stderr, "seed %llu\r", (unsigned long long)seed);
		play(seed);
		corrected += disk_state->corrected;
	}
	print_message("%llu corrections\n", (unsigned long long)corrected);
	assert_true(to == from || corrected > 0);
	munmap(disk_state, sizeof(*disk_state));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_books_are_exact_wherever_it_dies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

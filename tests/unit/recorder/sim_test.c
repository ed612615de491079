/*
 * sim_test.c - a node that dies at every step, by seed
 *
 * Workers are structs in this process; each recorder is a fork that is killed
 * at a random step (every write, sync, commit and store into shared memory
 * that recorder_step() names), and now and then the power fails: what was
 * not synced is cut off or torn, and the shared tables are gone.  At the end
 * the books must be exact.  KONTOR_SEED=n plays one seed again.
 */
#include "recorder/rig.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "audit/verify.h"
#include "base/json.h"
#include "books/verify.h"

enum { SEEDS = 16, ROUNDS = 14, CALLS = 400, SEGMENTS = 64, WORKERS = 2 };

/* Survives the recorder's death. */
struct disk_state {
	off_t synced[SEGMENTS];
	int budget; /* steps until the kill; below 0: none */
};

struct made {
	struct call c;
	unsigned worker;
	bool open, sent, sure; /* sure: its outcome cannot be lost any more */
	int64_t cost;
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
begin_call(struct world *v, unsigned worker)
{
	struct made *m = &v->call[v->n];

	if (v->n == CALLS)
		return;
	*m = (struct made){ .worker = worker };
	m->open = worker_begin(&v->g, &v->w[worker], &m->c,
	    worker_req(&v->g, &v->w[worker]), 1, v->key, dice(v, 2), 50000000);
	if (m->open)
		v->n++;
}

static void
finish_call(struct world *v, struct made *m)
{
	enum resolution res = RESOLUTION_VOID;

	if (m->sent)
		res = dice(v, 4) == 0 ? RESOLUTION_UNKNOWN : RESOLUTION_BOOKED;
	m->cost = res == RESOLUTION_UNKNOWN ? 50000000 : 0;
	if (res == RESOLUTION_BOOKED)
		m->cost = 5000 * 1000;
	worker_finish(&v->w[m->worker], &m->c, res, 1000, true);
	m->open = false;
	m->sure = true;
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

static void
run_recorder(struct world *v, bool may_die)
{
	const bool dies = may_die && dice(v, 4) != 0;
	const int budget = dies ? (int)dice(v, 60) + 1 : -1;
	pid_t pid;
	int i, status;

	disk_state->budget = budget;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (rig_start(&v->g) != FAULT_NONE)
			_exit(3);
		for (i = 0; i < 3; i++)
			(void)recorder_turn(v->g.r);
		for (i = 0; i < RIG_SLOTS; i++)
			recorder_repair(v->g.r, (uint32_t)i);
		if (recorder_barrier(v->g.r) != FAULT_NONE)
			_exit(4);
		recorder_sign(v->g.r);
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
		v->call[i].open = v->call[i].sure = false;
	rig_tables(&v->g, boot);
	/* Workers begin when the recorder is ready. */
	run_recorder(v, false);
	for (i = 0; i < WORKERS; i++)
		worker_start(&v->g, &v->w[i]);
}

/* --- the end
 * ------------------------------------------------------------------------ */

static bool
on_line(void *arg, struct slice line)
{
	struct world *v = arg;
	struct arena a = { 0 };
	struct reqid id;
	struct money m;
	struct json *j;
	unsigned i;

	assert_int_equal(json_parse(&a, line, &j), FAULT_NONE);
	assert_true(reqid_parse(json_get_str(j, "request"), &id));
	assert_int_equal(json_get(j, "resolution")->type, JSON_STRING);
	assert_true(money_parse(json_get_str(j, "settled"), &m));
	for (i = 0; i < v->n; i++) {
		struct made *c = &v->call[i];

		if (memcmp(&c->c.i.req, &id, sizeof(id)) != 0)
			continue;
		assert_false(c->found);
		c->found = true;
		if (c->sure)
			assert_int_equal(m.nano, c->cost);
		else if (c->sent)
			assert_true(m.nano > 0);
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

static void
check_books(struct world *v)
{
	struct buf out = { 0 };
	int64_t settled, held;
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
		if (v->call[i].sure)
			assert_true(v->call[i].found);
	}
	rig_sums(&v->g, v->key, &settled, &held);
	assert_int_equal(held, 0);
	assert_int_equal(
	    settled, rig_store(&v->g, "SELECT sum(settled) FROM balances"));
}

static void
play(uint64_t seed)
{
	struct world *v = NEW(struct world);
	unsigned i, k;

	v->random = seed * 77 + 1;
	memset(disk_state, 0, sizeof(*disk_state));
	disk_state->budget = -1;
	v->g = (struct rig){
		.dir = "/tmp/kontor-sim-XXXXXX", .disk = &sim_disk, .step = step
	};
	log_init("test", LOG_LVL_ERROR + 1);
	assert_non_null(mkdtemp(v->g.dir));
	rig_tables(&v->g, 1);
	v->g.s = rig_snapshot(77);
	assert_int_equal(rig_start(&v->g), FAULT_NONE);
	v->key = rig_key(&v->g, 1, "2", "total");
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
	uint64_t seed, from = 1, to = SEEDS;

	(void)state;
	disk_state = mmap(NULL, sizeof(*disk_state), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(disk_state != MAP_FAILED);
	if (more != NULL)
		to = strtoull(more, NULL, 10);
	if (one != NULL)
		from = to = strtoull(one, NULL, 10);
	for (seed = from; seed <= to; seed++) {
		(void)fprintf(stderr, "seed %llu\r", (unsigned long long)seed);
		play(seed);
	}
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

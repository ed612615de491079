/*
 * calendar_test.c - windows by a clock of our own
 *
 * A worker spends all it gets at every step of a virtual clock.  Whatever the
 * clock does: no window is ever spent above its limit, none refuses while it
 * has room and the clock is trusted, and each hold stands in the window of
 * its time.  What was spent is counted here, by window, from the holds.
 */
#include "recorder/rig.h"

#include "books/verify.h"
#include "ledger/window.h"

enum { BUDGETS = 7, WINDOWS = 4096, TOKENS = 1000 };

static const int64_t MINUTE = 60 * NS_PER_S;
static const int64_t HOUR = 3600 * NS_PER_S;
static const int64_t DAY = 86400 * NS_PER_S;
/* 5 microdollars a token, and four calls of it are what a window may cost. */
static const int64_t COST = INT64_C(5000) * TOKENS;

static const struct {
	const char *zone, *unit;
} budgets[BUDGETS] = {
	{ "Europe/Berlin", "day" },
	{ "America/New_York", "day" },
	{ "Australia/Lord_Howe", "day" },
	{ "Europe/Berlin", "month" },
	{ "UTC", "hour" },
	{ "Australia/Lord_Howe", "week" },
	{ "America/Havana", "quarter" },
};

struct world {
	struct rig g;
	struct worker w;
	struct zone *zone[BUDGETS];
	enum window_unit unit[BUDGETS];
	uint64_t key[BUDGETS];
	int64_t wall, mono;
	struct {
		uint64_t id;
		int64_t spent;
	} window[BUDGETS][WINDOWS];
	unsigned admitted, steps;
	uint64_t random;
};

static unsigned
dice(struct world *v, unsigned n)
{
	v->random = v->random * UINT64_C(6364136223846793005) +
		    UINT64_C(1442695040888963407);
	return (unsigned)(v->random >> 33) % n;
}

static int64_t
at(int64_t year, int month, int day)
{
	return civil_days((struct civil){ year, month, day }) * DAY;
}

/* The clock of the tables, as at a start. */
static void
set_clock(struct world *v, int64_t wall_ns)
{
	v->wall = wall_ns;
	v->mono += 2 * NS_PER_S;
	at_store(&v->g.m.head->clock_wall_ns, 0);
	v->g.r->next_window_ns = INT64_MIN;
	v->g.r->window_floor_ns = INT64_MAX;
	v->g.r->suspect_ns = 0;
	calendar_turn(v->g.r, v->wall, v->mono);
}

static void
make_key(struct world *v, unsigned i)
{
	char text[512], id[16];

	(void)snprintf(id, sizeof(id), "00000000000%u", i + 1);
	(void)snprintf(text, sizeof(text),
	    "{\"op\":\"key_create\",\"name\":\"key %u\",\"id\":\"%s\","
	    "\"sha256\":\"%064u\",\"models\":[],\"budget\":\"0.02\","
	    "\"window\":\"%s\",\"zone\":\"%s\",\"expires_ns\":0}",
	    i, id, i, budgets[i].unit, budgets[i].zone);
	assert_true(rig_ask(&v->g, text));
	assert_true(key_id_parse(slice_of(id), &v->key[i]));
}

/* False: the machine has no zone files. */
static bool
begin(struct world *v, int64_t wall_ns)
{
	unsigned i;

	v->mono = clock_mono_ns();
	rig_open(&v->g);
	log_init("test", LOG_LVL_ERROR + 1);
	worker_start(&v->g, &v->w);
	for (i = 0; i < BUDGETS; i++) {
		v->zone[i] = zone_open(slice_of(budgets[i].zone));
		if (v->zone[i] == NULL)
			return false;
		assert_true(
		    window_unit_parse(slice_of(budgets[i].unit), &v->unit[i]));
		make_key(v, i);
	}
	set_clock(v, wall_ns);
	return true;
}

static void
end(struct world *v)
{
	struct buf out = { 0 };
	unsigned i;
	bool good;

	assert_int_equal(recorder_barrier(v->g.r), FAULT_NONE);
	assert_int_equal(
	    ledger_verify(v->g.dir, false, &out, &good), FAULT_NONE);
	if (!good)
		fail_msg("%s", buf_cstr(&out));
	buf_fini(&out);
	worker_kill(&v->g, &v->w);
	rig_end(&v->g);
	for (i = 0; i < BUDGETS; i++)
		zone_free(&v->zone[i]);
	mem_free(v);
}

/* What was spent of the budget's window, to be added to. */
static int64_t *
spent(struct world *v, unsigned i, uint64_t id)
{
	unsigned k;

	for (k = 0; k < WINDOWS; k++) {
		if (v->window[i][k].id == 0)
			v->window[i][k].id = id;
		if (v->window[i][k].id == id)
			return &v->window[i][k].spent;
	}
	fail_msg("too many windows");
	return NULL;
}

/* One call at the virtual time; the window it was admitted to, or 0. */
static uint64_t
call(struct world *v, unsigned i)
{
	struct chain chain;
	struct call c = { .h = NULL };
	struct hold_spec spec = {
		.req = worker_req(&v->g, &v->w),
		.attempt = 1,
		.generation = v->g.s->generation,
		.key = v->key[i],
		.price = 100,
		.most = { COST },
		.wall_ns = v->wall,
	};
	uint64_t id;

	assert_true(chain_gather(
	    &v->w.m, key_find(&v->w.m, v->key[i]), NULL, 0, &chain));
	spec.account = chain.account;
	spec.n = chain.naccounts;
	assert_int_equal(spec.n, 1);
	assert_true(journal_reserve(v->w.j, 3));
	if (hold_open(v->w.l, &spec, &c.h, NULL) != FAULT_NONE) {
		journal_unreserve(v->w.j, 3);
		return 0;
	}
	c.i = (struct intent){ .req = spec.req,
		.attempt = 1,
		.wall_ns = v->wall,
		.generation = spec.generation,
		.key = v->key[i],
		.price = 100,
		.model = hash64(S("gpt-6")),
		.hold = COST,
		.n = 1 };
	c.i.chain[0].account = c.h->chain[0].account_id;
	c.i.chain[0].window = id = c.h->chain[0].window_id;
	journal_intent(v->w.j, &c.i);
	hold_sent(c.h);
	worker_finish(&v->w, &c, RESOLUTION_BOOKED, TOKENS, true);
	v->admitted++;
	return id;
}

/* sure: the clock is trusted, so what has room must be admitted. */
static void
spend(struct world *v, bool sure)
{
	struct window now;
	int64_t before;
	uint64_t id;
	unsigned i;

	for (i = 0; i < BUDGETS; i++) {
		now = window_at(v->zone[i], v->unit[i], v->wall);
		before = *spent(v, i, now.id);
		id = call(v, i);
		if (id == 0 && sure && before + COST <= 4 * COST)
			fail_msg("%s/%s refuses at %lld with %lld spent",
			    budgets[i].zone, budgets[i].unit,
			    (long long)(v->wall / NS_PER_S), (long long)before);
		if (id == 0)
			continue;
		assert_int_equal(id, now.id);
		*spent(v, i, id) += COST;
		if (*spent(v, i, id) > 4 * COST)
			fail_msg("%s/%s is overspent at %lld", budgets[i].zone,
			    budgets[i].unit, (long long)(v->wall / NS_PER_S));
	}
	/* The rings must not fill; when it drains is the recorder's own. */
	if (dice(v, 3) == 0)
		(void)drain_all(v->g.r, NULL);
	if (++v->steps % 128 == 0) {
		assert_int_equal(commit_all(v->g.r), FAULT_NONE);
		balances_trim(v->g.r);
		while (drain_all(v->g.r, NULL))
			;
	}
	if (v->steps % 16 == 0)
		assert_int_equal(drain_flush(v->g.r), FAULT_NONE);
	drain_free(v->g.r);
}

static void
advance(struct world *v, int64_t ns)
{
	v->wall += ns;
	v->mono += ns;
	calendar_turn(v->g.r, v->wall, v->mono);
}

static struct world *
world_new(void)
{
	struct world *v = NEW(struct world);

	v->random = 1;
	return v;
}

/* --- a year as it comes -----------------------------------------------------
 */

/* Through leap days, ends of months and both changes of the clock. */
static void
every_window_is_spent_once(void **state)
{
	const int64_t until = at(2028, 12, 1);
	struct world *v = world_new();

	(void)state;
	if (!begin(v, at(2028, 2, 26))) {
		print_message("no zone files here\n");
		skip();
	}
	while (v->wall < until) {
		spend(v, true);
		/* Changes of the clock lie at whole and half hours. */
		advance(v, (v->steps % 5 == 0 ? 137 : 97) * MINUTE +
			       (int64_t)dice(v, 1000) * NS_PER_MS);
	}
	assert_true(v->admitted > 4000);
	end(v);
}

/* A call just before and just after each end finds its own window. */
static void
the_end_of_a_window_is_exact(void **state)
{
	struct world *v = world_new();
	struct window w;
	int n;

	(void)state;
	if (!begin(v, at(2028, 3, 20)))
		skip();
	for (n = 0; n < 30; n++) {
		w = window_at(v->zone[n % 3], v->unit[n % 3], v->wall);
		advance(v, w.end_ns - v->wall - 1);
		spend(v, true);
		/* The recorder is late: the next window stands ready. */
		v->wall += 1;
		v->mono += 1;
		spend(v, true);
		advance(v, HOUR);
		spend(v, true);
	}
	end(v);
}

/* --- clocks that jump --------------------------------------------------------
 */

/* Until the recorder follows: it waits for a minute. */
static void
settle_down(struct world *v)
{
	int i;

	for (i = 0; i < 8; i++) {
		spend(v, false);
		advance(v, 10 * NS_PER_S);
	}
	spend(v, true);
}

static void
a_clock_that_jumps_spends_no_window_twice(void **state)
{
	static const int64_t jumps[] = { 1, -1, 3, -3, 2, -2, 40, -40 };
	struct world *v = world_new();
	unsigned i, k;

	(void)state;
	if (!begin(v, at(2028, 3, 24)))
		skip();
	for (k = 0; k < 6; k++) {
		for (i = 0; i < NELEM(jumps); i++) {
			spend(v, true);
			v->wall += jumps[i] * DAY;
			advance(v, 2 * NS_PER_S);
			settle_down(v);
			advance(
			    v, 3 * HOUR + (int64_t)dice(v, 3600) * NS_PER_S);
			spend(v, true);
		}
	}
	end(v);
}

/* Less than five minutes, around the ends of windows: believed at once. */
static void
small_steps_around_an_end_do_no_harm(void **state)
{
	struct world *v = world_new();
	struct window w;
	unsigned n;

	(void)state;
	if (!begin(v, at(2028, 3, 24)))
		skip();
	for (n = 0; n < 60; n++) {
		w = window_at(v->zone[n % 3], v->unit[n % 3], v->wall);
		advance(v, w.end_ns - v->wall + 30 * NS_PER_S);
		spend(v, true);
		v->wall -= (int64_t)(60 + dice(v, 200)) * NS_PER_S;
		advance(v, 2 * NS_PER_S);
		spend(v, true);
		v->wall += (int64_t)(60 + dice(v, 200)) * NS_PER_S;
		advance(v, 2 * NS_PER_S);
		spend(v, true);
	}
	end(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_window_is_spent_once),
		cmocka_unit_test(the_end_of_a_window_is_exact),
		cmocka_unit_test(a_clock_that_jumps_spends_no_window_twice),
		cmocka_unit_test(small_steps_around_an_end_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "recorder/rig.h"

#include "shm/label.h"
#include "shm/limit.h"
#include "shm/subject.h"

static struct buf out;

static const char *
ask(struct rig *g, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_clear(&out);
	recorder_control(g->r, slice_of(text), &out);
	return buf_cstr(&out);
}

static void
good(const char *answer)
{
	if (strstr(answer, "\"ok\":true") == NULL)
		fail_msg("%s", answer);
}

static void
refused(const char *answer, const char *fault, const char *words)
{
	char want[64];

	(void)snprintf(want, sizeof(want), "\"fault\":\"%s\"", fault);
	if (strstr(answer, want) == NULL || strstr(answer, words) == NULL)
		fail_msg("%s: not %s, %s", answer, fault, words);
}

#define SHA \
	"\"sha256\":\"ababababababababababababababababababababababababababab" \
	"ababababab\""

static const char *
make_key(struct rig *g, unsigned n, const char *more)
{
	return ask(g,
	    "{\"n\":1,\"op\":\"key_create\",\"name\":\"k\"," SHA
	    ",\"id\":\"00000000000%u\"%s}",
	    n, more);
}

static const struct shm_key *
key_row(struct rig *g, unsigned n)
{
	char id[16];
	uint64_t key;

	(void)snprintf(id, sizeof(id), "00000000000%u", n);
	assert_true(key_id_parse(slice_of(id), &key));
	return key_find(&g->m, key);
}

static uint64_t
id_of(struct rig *g, enum subject_kind kind, const char *name)
{
	const struct subject *s = tree_named(g->r, kind, slice_of(name));

	assert_non_null(s);
	return s->id;
}

/* --- the tree ------------------------------------------------------------- */

static void
a_key_stands_where_it_was_put_whatever_happens(void **state)
{
	struct subject_lists l;
	const struct shm_key *k;
	uint64_t kinds = 0;
	struct rig g;
	unsigned i, round;

	(void)state;
	rig_open(&g);
	good(make_key(&g, 1,
	    ",\"org\":\"acme\",\"team\":\"ml\",\"project\":\"s\",\"user\":"
	    "\"ada\",\"tags\":[\"a=1\",\"b=2\"],\"budget\":\"5/day\","
	    "\"limits\":[\"requests=60/minute\",\"concurrency=2\"]"));
	for (round = 0; round < 3; round++) {
		k = key_row(&g, 1);
		assert_int_equal(k->nsubjects, 7);
		for (kinds = i = 0; i < k->nsubjects; i++)
			kinds = kinds * 10 +
				at_load(&g.m.subjects[k->subject[i]].kind);
		/* key, user, project, team, org, tag, tag */
		assert_int_equal(kinds, 6432177);
		assert_true(subject_read(&g.m, k->subject[0], &l));
		assert_int_equal(l.nbudgets, 1);
		assert_int_equal(l.nlimits, 2);
		assert_true(subject_tag(&g.m, hash64(S("b=2"))) >= 0);
		if (round == 0)
			rig_kill_recorder(&g);
		else
			rig_power_cut(&g);
	}
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM keys WHERE org ="
				       " 'acme' AND team = 'ml' AND project ="
				       " 's' AND principal_name = 'ada' AND"
				       " principal_kind = 'user' AND tags ="
				       " '[\"a=1\",\"b=2\"]'"),
	    1);
	rig_end(&g);
}

static void
names_that_cannot_be_are_refused_and_nothing_is_made(void **state)
{
	static const struct {
		const char *more, *fault, *words;
	} bad[] = {
		{ "\"org\":\"b\",\"team\":\"ml\"", "CONFLICT", "in org acme" },
		{ "\"team\":\"x\",\"project\":\"s\"", "CONFLICT",
		    "in team ml" },
		{ "\"org\":\"b\",\"user\":\"ada\"", "CONFLICT", "in org acme" },
		{ "\"project\":\"new\"", "FIELD", "say its team" },
		{ "\"user\":\"u\",\"service\":\"s\"", "FIELD", "not both" },
		{ "\"team\":\"\"", "FIELD", "needs a name" },
		{ "\"team\":7", "FIELD", "must be a text" },
		{ "\"team\":\"a\\u0001\"", "FIELD", "control" },
		{ "\"team\":\"a\\u0085\"", "FIELD", "control" },
		{ "\"team\":\" a\"", "FIELD", "space" },
		{ "\"team\":\"#x\"", "FIELD", "#" },
		{ "\"team\":\"#99\"", "NOT_FOUND", "no team #99" },
		{ "\"tags\":[\"a\"]", "FIELD", "k=v" },
		{ "\"tags\":[\"a=\"]", "FIELD", "k=v" },
		{ "\"tags\":[\"a=b,c=d\"]", "FIELD", "k=v" },
		{ "\"tags\":\"a=b\"", "FIELD", "a list" },
		{ "\"tags\":[1]", "FIELD", "a list" },
		{ "\"tags\":[\"a=1\",\"a=1\"]", "FIELD", "twice" },
		{ "\"tags\":[\"a=1\",\"a=2\",\"a=3\",\"a=4\",\"a=5\",\"a=6\","
		  "\"a=7\",\"a=8\"]",
		    "FIELD", "at most 7" },
	};
	char more[512];
	struct rig g;
	size_t i, before;

	(void)state;
	rig_open(&g);
	good(make_key(&g, 1,
	    ",\"org\":\"acme\",\"team\":\"ml\",\"project\":\"s\",\"user\":"
	    "\"ada\""));
	before = g.r->subjects.n;
	for (i = 0; i < NELEM(bad); i++) {
		(void)snprintf(more, sizeof(more), ",%s", bad[i].more);
		refused(make_key(&g, 2, more), bad[i].fault, bad[i].words);
	}
	assert_int_equal(g.r->subjects.n, before);
	assert_null(key_row(&g, 2));
	rig_end(&g);
}

static void
subjects_are_made_renamed_and_closed(void **state)
{
	struct rig g;
	uint64_t id;

	(void)state;
	rig_open(&g);
	good(ask(&g, "{\"op\":\"subject_create\",\"kind\":\"team\",\"team\":"
		     "\"ml\",\"org\":\"acme\"}"));
	refused(ask(&g, "{\"op\":\"subject_create\",\"kind\":\"team\","
			"\"team\":\"ml\"}"),
	    "CONFLICT", "already");
	refused(ask(&g, "{\"op\":\"subject_create\",\"kind\":\"galaxy\"}"),
	    "FIELD", "name");
	refused(ask(&g, "{\"op\":\"subject_create\",\"kind\":\"key\"}"),
	    "FIELD", "name");
	id = id_of(&g, SUBJECT_TEAM, "ml");
	good(ask(&g, "{\"op\":\"subject_create\",\"kind\":\"tag\",\"tags\":"
		     "[\"env=prod\"]}"));
	assert_true(subject_tag(&g.m, hash64(S("env=prod"))) >= 0);
	good(ask(&g,
	    "{\"op\":\"subject_rename\",\"kind\":\"team\",\"id\":\"%u\","
	    "\"name\":\"ai\"}",
	    (unsigned)id));
	assert_null(tree_named(g.r, SUBJECT_TEAM, S("ml")));
	refused(
	    ask(&g, "{\"op\":\"subject_close\",\"kind\":\"org\",\"id\":\"%u\"}",
		(unsigned)id_of(&g, SUBJECT_ORG, "acme")),
	    "CONFLICT", "under it");
	good(
	    ask(&g, "{\"op\":\"subject_close\",\"kind\":\"tag\",\"id\":\"%u\"}",
		(unsigned)id_of(&g, SUBJECT_TAG, "env=prod")));
	assert_int_equal(subject_tag(&g.m, hash64(S("env=prod"))), -1);
	rig_power_cut(&g);
	assert_int_equal(id_of(&g, SUBJECT_TEAM, "ai"), id);
	assert_null(tree_named(g.r, SUBJECT_TAG, S("env=prod")));
	good(ask(&g,
	    "{\"op\":\"subject_close\",\"kind\":\"team\",\"id\":\"%u\"}",
	    (unsigned)id));
	refused(ask(&g, "{\"op\":\"budget_set\",\"scope\":\"team:ai\","
			"\"budget\":\"1/day\"}"),
	    "NOT_FOUND", "no team ai");
	rig_end(&g);
}

/* A log is read as if a stranger had written it. */
static void
frames_that_would_move_or_bend_the_tree_change_nothing(void **state)
{
	struct subject_change v = { .wall_ns = 1, .op = OP_CREATE };
	struct account_change a = { .wall_ns = 1,
		.op = OP_CREATE,
		.account = 70,
		.subject = 99,
		.unit = 4 };
	struct limit_change l = { .wall_ns = 1,
		.op = OP_CREATE,
		.limit = 70,
		.kind = LIMIT_REQUESTS,
		.amount = 1,
		.period_ns = 1,
		.subject = 99 };
	struct key_change k = { .wall_ns = 1, .op = OP_CHANGE };
	uint64_t org, team;
	struct rig g;
	size_t before;

	(void)state;
	rig_open(&g);
	good(make_key(&g, 1, ",\"org\":\"acme\",\"team\":\"ml\""));
	org = id_of(&g, SUBJECT_ORG, "acme");
	team = id_of(&g, SUBJECT_TEAM, "ml");
	before = g.r->subjects.n;
	v.subject = 50;
	v.kind = SUBJECT_PROJECT;
	v.parent = org; /* not a team */
	own_subject(g.r, &v);
	v.kind = SUBJECT_TEAM;
	v.parent = team;
	own_subject(g.r, &v);
	v.parent = 50; /* itself, and unknown */
	own_subject(g.r, &v);
	v.kind = SUBJECT_ORG;
	v.parent = org;
	own_subject(g.r, &v);
	v.kind = SUBJECT_KEY;
	v.parent = 0;
	own_subject(g.r, &v);
	v.kind = 8;
	own_subject(g.r, &v);
	v.kind = SUBJECT_ORG; /* the team becomes an org: a circle */
	v.subject = team;
	own_subject(g.r, &v);
	own_account(g.r, &a);
	own_limit(g.r, &l);
	l.subject = team;
	l.amount = -1;
	own_limit(g.r, &l);
	l.amount = 1;
	l.kind = LIMIT_CONCURRENCY; /* with a period */
	own_limit(g.r, &l);
	k.key = k.principal = at_load(&key_row(&g, 1)->id);
	k.nsubjects = 1;
	k.subjects[0] = org; /* it stood under the team too */
	own_key(g.r, &k);
	assert_int_equal(g.r->subjects.n, before);
	assert_null(account_find(g.r, 70));
	assert_null(cap_find(g.r, 70));
	assert_int_equal(noun_key(g.r, k.key)->nsubjects, 2);
	rig_end(&g);
}

/* --- budgets -------------------------------------------------------------- */

static const char *
budget(struct rig *g, const char *scope, const char *amount, const char *more)
{
	return ask(g,
	    "{\"op\":\"budget_set\",\"scope\":\"%s\",\"budget\":\"%s\"%s}",
	    scope, amount, more);
}

static void
budgets_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		const char *amount, *more, *fault, *words;
	} bad[] = {
		{ "-1/day", "", "FIELD", "not negative" },
		{ "1.0000000001/day", "", "FIELD", "9 decimals" },
		{ "1000000000.000000001/day", "", "FIELD", "absurd" },
		{ "9300000000/day", "", "FIELD", "AMOUNT" },
		{ "1/decade", "", "FIELD", "AMOUNT" },
		{ "1", "", "FIELD", "AMOUNT" },
		{ "", "", "FIELD", "must be said" },
		{ "1/day", ",\"zone\":\"Nowhere/City\"", "FIELD", "time zone" },
		{ "1/day", ",\"zone\":\"Europe//Berlin\"", "FIELD",
		    "time zone" },
		{ "1/day", ",\"mode\":\"x\"", "FIELD", "hard, soft" },
		{ "1/day", ",\"mode\":\"downgrade\"", "FIELD",
		    "names a model" },
		{ "1/day", ",\"downgrade_to\":\"x\"", "MODEL_UNKNOWN", "not" },
		{ "1/day", ",\"mode\":\"soft\",\"downgrade_to\":\"gpt-6\"",
		    "FIELD", "only with it" },
		{ "1/day", ",\"mode\":\"soft\",\"tight\":\"clamp\"", "FIELD",
		    "only warns" },
		{ "1/day", ",\"tight\":\"x\"", "FIELD", "clamp or none" },
		{ "1/day", ",\"admit_wait\":\"60001ms\"", "FIELD", "60s" },
		{ "1/day", ",\"admit_wait\":\"2\"", "FIELD", "60s" },
		{ "1/day", ",\"mode\":5", "FIELD", "must be a text" },
	};
	struct rig g;
	size_t i;

	(void)state;
	rig_open(&g);
	good(make_key(&g, 1, ",\"team\":\"ml\""));
	for (i = 0; i < NELEM(bad); i++)
		refused(budget(&g, "team:ml", bad[i].amount, bad[i].more),
		    bad[i].fault, bad[i].words);
	refused(budget(&g, "team:x", "1/day", ""), "NOT_FOUND", "no team x");
	refused(budget(&g, "ml", "1/day", ""), "FIELD", "'scope'");
	refused(
	    budget(&g, "key:00000000000x", "1/day", ""), "NOT_FOUND", "no key");
	assert_int_equal(g.r->accounts.n, 0);
	rig_end(&g);
}

static const struct shm_account *
account_row(struct rig *g, uint64_t id)
{
	return &g->m.accounts[account_find(g->r, id)->row];
}

static void
a_budget_says_all_it_is_in_the_tables(void **state)
{
	const struct shm_account *a;
	char label[LABEL_LEN];
	struct rig g;
	int round;

	(void)state;
	rig_open(&g);
	good(make_key(&g, 1, ",\"org\":\"acme\",\"team\":\"ml\""));
	good(budget(&g, "team:ml", "100/month",
	    ",\"downgrade_to\":\"gpt-6\",\"tight\":\"clamp\",\"admit_wait\":"
	    "\"0s\""));
	good(budget(&g, "org:acme", "7.5/total", ",\"mode\":\"soft\""));
	for (round = 0; round < 2; round++) {
		a = account_row(&g, 1);
		assert_int_equal(
		    at_load(&a->flags), ACCOUNT_USED | ACCOUNT_HARD |
					    ACCOUNT_DOWNGRADE | ACCOUNT_CLAMP);
		assert_true(at_load(&a->downgrade) == hash64(S("gpt-6")));
		assert_int_equal(at_load(&a->admit_wait_ns), 0);
		(void)label_get(&a->label, label);
		assert_string_equal(label, "team ml, 100/month");
		a = account_row(&g, 2);
		assert_int_equal(
		    at_load(&a->flags), ACCOUNT_USED | ACCOUNT_SOFT);
		assert_int_equal(at_load(&a->admit_wait_ns), -1);
		rig_power_cut(&g);
	}
	rig_end(&g);
}

static void
changes_hold_at_once_and_other_windows_are_another_budget(void **state)
{
	const struct shm_account *a;
	struct subject_lists l;
	const char *said;
	struct rig g;

	(void)state;
	rig_open(&g);
	good(make_key(&g, 1, ",\"team\":\"ml\""));
	good(budget(&g, "team:ml", "100/day", ""));
	a = account_row(&g, 1);
	said = budget(&g, "team:ml", "30/day", ",\"mode\":\"soft\"");
	assert_non_null(strstr(said, "\"id\":\"1\",\"did\":\"changed\""));
	assert_int_equal(
	    at_load(&a->window[0].granted), 30 * INT64_C(1000000000));
	assert_int_equal(
	    at_load(&a->window[1].granted), 30 * INT64_C(1000000000));
	said = budget(&g, "team:ml", "30/day", ",\"zone\":\"Asia/Tokyo\"");
	assert_non_null(strstr(
	    said, "\"id\":\"2\",\"did\":\"replaced\",\"replaced\":\"1\""));
	assert_true((at_load(&a->flags) & ACCOUNT_CLOSED) != 0);
	/* What was not said stayed. */
	assert_true((at_load(&account_row(&g, 2)->flags) & ACCOUNT_SOFT) != 0);
	assert_true(subject_read(&g.m, key_row(&g, 1)->subject[1], &l));
	assert_int_equal(l.nbudgets, 1);
	assert_int_equal(l.budget[0], account_find(g.r, 2)->row);
	refused(ask(&g, "{\"op\":\"budget_change\",\"id\":\"1\",\"budget\":"
			"\"1/day\"}"),
	    "NOT_FOUND", "no open budget");
	refused(ask(&g, "{\"op\":\"budget_change\",\"id\":\"2\",\"version\":"
			"\"2\",\"budget\":\"1/day\"}"),
	    "PRECONDITION", "changed since");
	good(ask(&g, "{\"op\":\"budget_change\",\"id\":\"2\",\"version\":"
		     "\"1\",\"budget\":\"1/hour\"}"));
	good(budget(&g, "team:ml", "2/day", ""));
	refused(ask(&g, "{\"op\":\"budget_change\",\"id\":\"3\",\"budget\":"
			"\"1/day\"}"),
	    "CONFLICT", "this window already");
	good(ask(&g, "{\"op\":\"budget_close\",\"id\":\"3\"}"));
	refused(ask(&g, "{\"op\":\"budget_close\",\"id\":\"3\"}"), "NOT_FOUND",
	    "no open");
	rig_kill_recorder(&g);
	assert_true(subject_read(&g.m, key_row(&g, 1)->subject[1], &l));
	assert_int_equal(l.nbudgets, 1);
	rig_end(&g);
}

static void
a_chain_that_a_call_cannot_carry_is_refused(void **state)
{
	static const char *const periods[] = { "hour", "day", "week", "month",
		"quarter", "year", "total" };
	char amount[32];
	struct rig g;
	unsigned i;

	(void)state;
	rig_open(&g);
	good(make_key(&g, 1, ",\"org\":\"o\",\"team\":\"t\",\"user\":\"u\""));
	for (i = 0; i < 7; i++) {
		(void)snprintf(amount, sizeof(amount), "9/%s", periods[i]);
		good(budget(&g, "key:000000000001", amount, ""));
		good(budget(&g, "team:t", amount, ""));
	}
	good(budget(&g, "org:o", "9/day", ""));
	good(budget(&g, "user:u", "9/day", ""));
	refused(budget(&g, "org:o", "9/week", ""), "CONFLICT",
	    "17 budgets would bind key 000000000001");
	/* One that stands beside is not bound by it. */
	good(make_key(&g, 2, ",\"org\":\"o\",\"team\":\"v\""));
	good(budget(&g, "team:v", "9/week", ""));
	refused(make_key(&g, 3,
		    ",\"team\":\"t\",\"user\":\"u\",\"tags\":[\"x=1\"],"
		    "\"budget\":\"1/day\",\"limits\":[\"requests=1/day\","
		    "\"requests=1/day\",\"requests=1/day\",\"requests=1/day\","
		    "\"requests=1/day\",\"requests=1/day\",\"requests=1/day\","
		    "\"requests=1/day\",\"requests=1/day\"]"),
	    "FIELD", "at most 8");
	rig_end(&g);
}

static void
budgets_that_send_calls_back_and_forth_are_refused(void **state)
{
	struct account *a;
	struct rig g;

	(void)state;
	rig_open(&g);
	good(make_key(&g, 1, ",\"org\":\"o\",\"team\":\"t\""));
	good(budget(&g, "team:t", "9/day", ",\"downgrade_to\":\"gpt-6\""));
	/* The rig has one model: let the first go on at another. */
	a = account_find(g.r, 1);
	a->downgrade = 12345;
	refused(budget(&g, "org:o", "9/day", ",\"downgrade_to\":\"gpt-6\""),
	    "CONFLICT", "a budget cycle: budget 1 (team t)");
	refused(make_key(&g, 2,
		    ",\"team\":\"t\",\"budget\":\"1/day\","
		    "\"budget_downgrade_to\":\"gpt-6\""),
	    "CONFLICT", "a budget cycle");
	/* Also where no key stands yet. */
	good(ask(&g, "{\"op\":\"subject_create\",\"kind\":\"project\","
		     "\"project\":\"p\",\"team\":\"t\"}"));
	refused(budget(&g, "project:p", "9/day", ",\"downgrade_to\":\"gpt-6\""),
	    "CONFLICT", "a budget cycle");
	/* And where none stands above or below. */
	good(ask(&g, "{\"op\":\"subject_create\",\"kind\":\"team\","
		     "\"team\":\"empty\",\"org\":\"o2\"}"));
	good(budget(&g, "team:empty", "9/day", ",\"downgrade_to\":\"gpt-6\""));
	account_find(g.r, 2)->downgrade = 12345;
	refused(budget(&g, "org:o2", "9/day", ",\"downgrade_to\":\"gpt-6\""),
	    "CONFLICT", "a budget cycle: budget 2 (team empty)");
	a->downgrade = hash64(S("gpt-6"));
	good(budget(&g, "org:o", "9/day", ",\"downgrade_to\":\"gpt-6\""));
	rig_end(&g);
}

static void
a_full_table_is_said_before_anything_is_written(void **state)
{
	char team[64];
	struct rig g;
	unsigned i;
	const char *said = "";

	(void)state;
	rig_open(&g); /* 32 accounts, 64 subjects, 16 limits */
	for (i = 0; i < 40 && strstr(said, "OVERLOAD") == NULL; i++) {
		(void)snprintf(team, sizeof(team), "team:t%u", i);
		good(ask(&g,
		    "{\"op\":\"subject_create\",\"kind\":\"team\",\"team\":"
		    "\"t%u\"}",
		    i));
		said = budget(&g, team, "1/day", "");
	}
	refused(said, "OVERLOAD", "limits.max_budgets");
	assert_int_equal(g.r->accounts.n, 32);
	for (; i < 80 && strstr(said, "max_subjects") == NULL; i++)
		said = ask(&g,
		    "{\"op\":\"subject_create\",\"kind\":\"user\",\"user\":"
		    "\"u%u\"}",
		    i);
	refused(said, "OVERLOAD", "limits.max_subjects");
	assert_int_equal(g.r->subjects.n, 64);
	rig_end(&g);
}

/* --- limits --------------------------------------------------------------- */

static void
limits_are_read_strictly_and_published(void **state)
{
	static const struct {
		const char *limit, *words;
	} bad[] = {
		{ "requests=0/day", "from 1" },
		{ "requests=-1/day", "from 1" },
		{ "requests=1000000001/day", "from 1" },
		{ "tokens=1000000000001/day", "from 1" },
		{ "requests=1/month", "needs a period" },
		{ "requests=1", "needs a period" },
		{ "concurrency=1/day", "no period" },
		{ "cost_per_call=0", "above 0" },
		{ "cost_per_call=1000000001", "above 0" },
		{ "sums=1/day", "KIND" },
		{ "", "KIND" },
	};
	const struct shm_limit *l;
	struct rig g;
	size_t i;
	int round;

	(void)state;
	rig_open(&g);
	good(make_key(&g, 1, ",\"team\":\"ml\""));
	for (i = 0; i < NELEM(bad); i++)
		refused(ask(&g,
			    "{\"op\":\"limit_set\",\"scope\":\"team:ml\","
			    "\"limit\":\"%s\"}",
			    bad[i].limit),
		    "FIELD", bad[i].words);
	good(ask(&g, "{\"op\":\"limit_set\",\"scope\":\"team:ml\",\"limit\":"
		     "\"tokens=600000/minute\",\"burst\":700}"));
	good(ask(&g, "{\"op\":\"limit_set\",\"scope\":\"team:ml\",\"limit\":"
		     "\"tokens=500000/minute\",\"burst\":900}"));
	good(ask(&g, "{\"op\":\"limit_set\",\"scope\":\"team:ml\",\"limit\":"
		     "\"cost_per_call=0.25\"}"));
	refused(ask(&g, "{\"op\":\"limit_set\",\"scope\":\"team:ml\","
			"\"limit\":\"tokens=5/minute\",\"burst\":6}"),
	    "FIELD", "burst");
	refused(ask(&g, "{\"op\":\"limit_set\",\"scope\":\"team:ml\","
			"\"limit\":\"concurrency=5\",\"burst\":2}"),
	    "FIELD", "period");
	for (round = 0; round < 3; round++) {
		assert_int_equal(at_load(&g.m.head->nlimits), 2);
		l = &g.m.limits[cap_find(g.r, 1)->row];
		assert_int_equal(at_load(&l->kind), LIMIT_TOKENS);
		assert_int_equal(at_load(&l->amount), 500000);
		assert_int_equal(at_load(&l->burst), 900);
		l = &g.m.limits[cap_find(g.r, 2)->row];
		assert_int_equal(at_load(&l->amount), 250000000);
		if (round == 0)
			rig_kill_recorder(&g);
		else
			rig_power_cut(&g);
	}
	good(ask(&g, "{\"op\":\"limit_close\",\"id\":\"1\"}"));
	refused(ask(&g, "{\"op\":\"limit_close\",\"id\":\"1\"}"), "NOT_FOUND",
	    "no open limit");
	assert_int_equal(at_load(&g.m.limits[cap_find(g.r, 1)->row].kind), 0);
	rig_power_cut(&g);
	assert_int_equal(at_load(&g.m.head->nlimits), 1);
	rig_end(&g);
}

/* --- the log
 * ------------------------------------------------------------------ */

/* As it was written before there were subjects: account first, then key. */
static void
an_old_log_gives_a_hard_budget_of_the_keys_own(void **state)
{
	struct account_change a = { .wall_ns = 5,
		.account = 9,
		.key = 9,
		.op = OP_CREATE,
		.limit = 5000000000,
		.unit = WINDOW_TOTAL,
		.hard = true };
	struct key_change k = { .wall_ns = 5,
		.key = 9,
		.principal = 9,
		.account = 9,
		.team = 77,
		.op = OP_CREATE };
	struct subject_lists l;
	struct rig g;
	char path[128];

	(void)state;
	rig_open(&g);
	own_account(g.r, &a);
	own_key(g.r, &k);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	rig_path(&g, "store.db", path);
	assert_int_equal(unlink(path), 0);
	rig_power_cut(&g);
	assert_int_equal(budget_mode(account_find(g.r, 9)), BUDGET_HARD);
	assert_int_equal(key_row(&g, 9)->nsubjects, 1);
	assert_true(subject_read(&g.m, key_row(&g, 9)->subject[0], &l));
	assert_int_equal(l.nbudgets, 1);
	assert_true(
	    (at_load(&g.m.accounts[l.budget[0]].flags) & ACCOUNT_HARD) != 0);
	/* New ids do not meet old ones. */
	good(budget(&g, "key:000000000009", "1/day", ""));
	assert_non_null(account_find(g.r, 1));
	rig_end(&g);
}

static void
a_lost_store_keeps_ids_and_alerts_and_loses_names(void **state)
{
	struct worker w;
	char path[128];
	struct rig g;
	uint64_t key;
	int i;

	(void)state;
	rig_open(&g);
	good(make_key(&g, 1,
	    ",\"team\":\"ml\",\"tags\":[\"a=1\"],\"budget\":\"1/total\""));
	good(budget(&g, "team:ml", "0.05/total", ",\"mode\":\"soft\""));
	key = at_load(&key_row(&g, 1)->id);
	worker_start(&g, &w);
	for (i = 0; i < 10; i++) /* 0.005 each */
		assert_true(worker_call(&g, &w, key, 100000000, 1000));
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	assert_int_equal(
	    rig_store(&g, "SELECT count(*) FROM alerts WHERE account = 2"), 3);
	assert_int_equal(rig_store(&g, "SELECT spent FROM alerts WHERE"
				       " threshold = 80"),
	    40000000);
	worker_kill(&g, &w);
	rig_kill_recorder(&g);
	assert_int_equal(recorder_barrier(g.r), FAULT_NONE);
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM alerts"), 3);
	rig_path(&g, "store.db", path);
	assert_int_equal(unlink(path), 0);
	rig_power_cut(&g);
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM alerts"), 3);
	assert_int_equal(rig_store(&g, "SELECT spent FROM alerts WHERE"
				       " threshold = 80"),
	    40000000);
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM subjects"
				       " WHERE name = '#' || id"),
	    3);
	assert_int_equal(key_row(&g, 1)->nsubjects, 4);
	assert_null(tree_named(g.r, SUBJECT_TEAM, S("ml")));
	good(budget(&g, "team:#2", "9/total", ""));
	good(ask(&g, "{\"op\":\"subject_rename\",\"kind\":\"team\",\"id\":"
		     "\"2\",\"name\":\"ml\"}"));
	assert_int_equal(rig_store(&g, "SELECT count(*) FROM keys WHERE team ="
				       " 'ml'"),
	    1);
	rig_end(&g);
}

/* --- at random
 * ------------------------------------------------------------------ */

static uint32_t dice;

static unsigned
roll(unsigned n)
{
	dice = dice * 1664525 + 1013904223;
	return (dice >> 8) % n;
}

static const char *
pick(const char *const *of, unsigned n)
{
	return of[roll(n)];
}

#define PICK(...) \
	pick((const char *const[]){ __VA_ARGS__ }, \
	    (unsigned)NELEM(((const char *const[]){ __VA_ARGS__ })))

/* Sense and nonsense; what is refused must change nothing either. */
static void
wish_at_random(struct rig *g, unsigned *keys)
{
	const char *scope = PICK("org:a", "org:b", "team:t", "team:u",
	    "project:p", "user:x", "service:y", "tag:k=1", "key:000000000001",
	    "key:000000000003", "team:#2", "org:#1", "nowhere:z");
	char more[256];

	switch (roll(9)) {
	case 0:
		(void)snprintf(more, sizeof(more), ",%s,%s,%s%s",
		    PICK("\"org\":\"a\"", "\"org\":\"b\"", "\"x\":1"),
		    PICK("\"team\":\"t\"", "\"team\":\"u\"", "\"y\":1"),
		    PICK("\"project\":\"p\"", "\"user\":\"x\"",
			"\"service\":\"y\"", "\"tags\":[\"k=1\"]"),
		    PICK("", ",\"budget\":\"3/day\"",
			",\"limits\":[\"tokens=9/day\"]"));
		if (*keys < 9 &&
		    strstr(make_key(g, *keys + 1, more), "\"ok\":true") != NULL)
			++*keys;
		break;
	case 1:
		(void)ask(g, "{\"op\":\"key_revoke\",\"id\":\"00000000000%u\"}",
		    roll(9) + 1);
		break;
	case 2:
	case 3:
	case 4:
		(void)budget(g, scope,
		    PICK("1/day", "2/day", "0.5/month", "7/total", "-1/day"),
		    PICK("", "", ",\"mode\":\"soft\"",
			",\"zone\":\"Asia/Tokyo\"", ",\"tight\":\"clamp\"",
			",\"downgrade_to\":\"gpt-6\"",
			",\"admit_wait\":\"1s\""));
		break;
	case 5:
		(void)ask(g, "{\"op\":\"%s\",\"id\":\"%u\"}",
		    PICK("budget_close", "limit_close"), roll(12) + 1);
		break;
	case 6:
		(void)ask(g,
		    "{\"op\":\"limit_set\",\"scope\":\"%s\",\"limit\":"
		    "\"%s\"}",
		    scope,
		    PICK("requests=5/day", "requests=6/day", "tokens=7/hour",
			"concurrency=2", "cost_per_call=1", "requests=0/day"));
		break;
	case 7:
		(void)ask(g,
		    "{\"op\":\"%s\",\"kind\":\"%s\",\"id\":\"%u\","
		    "\"name\":\"%s\"}",
		    PICK("subject_rename", "subject_close"),
		    PICK("org", "team", "user", "tag"), roll(9) + 1,
		    PICK("q", "t", "x"));
		break;
	case 8:
		(void)ask(g, "{\"op\":\"budget_change\",\"id\":\"%u\",%s}",
		    roll(12) + 1,
		    PICK("\"budget\":\"4/day\"", "\"budget\":\"4/hour\"",
			"\"mode\":\"hard\"", "\"tight\":\"none\""));
		break;
	}
}

/* Everything but names, which a lost store takes with it. */
static void
write_state(const struct rig *g, struct buf *b)
{
	const struct account *a;
	const struct subject *s;
	const struct cap *c;
	const struct key *k;
	unsigned i, n;

	buf_clear(b);
	for (i = 1; i < 64; i++) {
		s = tree_find(g->r, i);
		if (s != NULL)
			buf_fmt(b, "s%u %u %u %d\n", i, (unsigned)s->kind,
			    s->parent != NULL ? (unsigned)s->parent->id : 0,
			    s->closed);
		a = account_find(g->r, i);
		if (a != NULL)
			buf_fmt(b, "a%u %u %u %lld %u %s %u %u %lld %d%d v%u\n",
			    i, (unsigned)a->subject, (unsigned)a->key,
			    (long long)a->limit, a->unit, a->zone, a->mode,
			    (unsigned)a->downgrade, (long long)a->wait_ns,
			    a->clamp, a->closed, a->version);
		c = cap_find(g->r, i);
		if (c != NULL)
			buf_fmt(b, "c%u %u %u %u %lld %lld %d v%u\n", i,
			    (unsigned)c->subject, (unsigned)c->key, c->kind,
			    (long long)c->amount, (long long)c->period_ns,
			    c->closed, c->version);
		k = noun_key(g->r, i);
		for (n = 0; k != NULL && n < k->nsubjects; n++)
			buf_fmt(b, "k%u %u %d\n", i,
			    (unsigned)k->subject[n]->id, k->revoked);
	}
}

/* What shared memory binds a key to is what the books say. */
static void
check_tables(struct rig *g)
{
	struct subject_lists l;
	const struct shm_key *row;
	const struct account *a;
	const struct key *k;
	unsigned i, n, open;

	for (i = 1; i < 10; i++) {
		k = noun_key(g->r, i);
		if (k == NULL || k->revoked)
			continue;
		row = key_find(&g->m, i);
		assert_non_null(row);
		assert_int_equal(row->nsubjects, k->nsubjects + 1);
		for (n = 0; n < row->nsubjects; n++) {
			const struct subject *s =
			    n == 0 ? k->own : k->subject[n - 1];

			assert_int_equal(row->subject[n], s->row);
			assert_true(subject_read(&g->m, row->subject[n], &l));
			open = 0;
			for (a = s->budgets; a != NULL; a = a->next) {
				if (a->closed)
					continue;
				assert_true(open < l.nbudgets);
				assert_int_equal(l.budget[open++], a->row);
				assert_true(
				    at_load(&g->m.accounts[a->row]
						 .window[0]
						 .granted) == a->limit ||
				    a->unit == WINDOW_TOTAL);
			}
			assert_int_equal(open, l.nbudgets);
		}
	}
}

static void
whatever_is_wished_comes_back_the_same(void **state)
{
	struct buf before = { 0 }, after = { 0 };
	char path[128];
	struct rig g;
	unsigned seed, i, keys;

	(void)state;
	log_init("test", LOG_LVL_ERROR);
	for (seed = 1; seed <= 8; seed++) {
		dice = seed;
		keys = 0;
		rig_open(&g);
		for (i = 0; i < 60; i++) {
			wish_at_random(&g, &keys);
			if (i % 20 == 19)
				rig_kill_recorder(&g);
			check_tables(&g);
		}
		assert_true(keys > 0);
		write_state(&g, &before);
		assert_true(before.len > 200);
		rig_power_cut(&g);
		check_tables(&g);
		write_state(&g, &after);
		assert_string_equal(buf_cstr(&before), buf_cstr(&after));
		rig_path(&g, "store.db", path);
		assert_int_equal(unlink(path), 0);
		rig_power_cut(&g);
		check_tables(&g);
		write_state(&g, &after);
		assert_string_equal(buf_cstr(&before), buf_cstr(&after));
		rig_end(&g);
	}
	buf_fini(&before);
	buf_fini(&after);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_key_stands_where_it_was_put_whatever_happens),
		cmocka_unit_test(
		    names_that_cannot_be_are_refused_and_nothing_is_made),
		cmocka_unit_test(subjects_are_made_renamed_and_closed),
		cmocka_unit_test(
		    frames_that_would_move_or_bend_the_tree_change_nothing),
		cmocka_unit_test(budgets_that_make_no_sense_are_refused),
		cmocka_unit_test(a_budget_says_all_it_is_in_the_tables),
		cmocka_unit_test(
		    changes_hold_at_once_and_other_windows_are_another_budget),
		cmocka_unit_test(a_chain_that_a_call_cannot_carry_is_refused),
		cmocka_unit_test(
		    budgets_that_send_calls_back_and_forth_are_refused),
		cmocka_unit_test(
		    a_full_table_is_said_before_anything_is_written),
		cmocka_unit_test(limits_are_read_strictly_and_published),
		cmocka_unit_test(
		    an_old_log_gives_a_hard_budget_of_the_keys_own),
		cmocka_unit_test(
		    a_lost_store_keeps_ids_and_alerts_and_loses_names),
		cmocka_unit_test(whatever_is_wished_comes_back_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

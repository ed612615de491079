/* What messages say, word by word. */
#include "base/clock.h"
#include "base/text.h"
#include "model/ident.h"
#include "recorder/control_priv.h"
#include "shm/atomic.h"

struct slice
control_text(const struct json *j, const char *key, struct reply *p)
{
	const struct json *v = json_get(j, key);

	if (v == NULL || v->type == JSON_NULL)
		return S("");
	if (v->type != JSON_STRING) {
		control_refuse_fmt(p, FAULT_FIELD, "'%s' must be a text", key);
		return S("");
	}
	return v->text;
}

uint64_t
control_id(const struct json *j, const char *key, struct reply *p)
{
	uint64_t id = 0;

	if (!slice_u64(control_text(j, key, p), &id) || id == 0)
		control_refuse_fmt(p, FAULT_NOT_FOUND, "'%s' is no id", key);
	return id;
}

/* At most a year, so that nothing overflows. */
/* A duration like "2s" or "500ms"; false: not one. */
static bool
control_span(struct slice text, int64_t *ns)
{
	static const struct {
		struct slice unit;
		int64_t ns;
	} units[] = { { S_INIT("ms"), NS_PER_MS }, { S_INIT("s"), NS_PER_S },
		{ S_INIT("m"), 60 * NS_PER_S } };
	struct slice number = text, unit;
	uint64_t n;
	size_t i;

	while (number.len > 0 && (number.p[number.len - 1] < '0' ||
				     number.p[number.len - 1] > '9'))
		number.len--;
	unit = (struct slice){ text.p + number.len, text.len - number.len };
	if (!slice_u64(number, &n) || n > 500000)
		return false;
	for (i = 0; i < NELEM(units); i++) {
		if (slice_eq(units[i].unit, unit)) {
			*ns = (int64_t)n * units[i].ns;
			return true;
		}
	}
	return false;
}

/* --- names ---------------------------------------------------------------- */

/* C0, DEL and C1 (U+0080 to U+009F, that is C2 80 to C2 9F). */
static bool
has_control(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f ||
		    (c == 0xc2 && i + 1 < s.len &&
			(unsigned char)s.p[i + 1] < 0xa0))
			return true;
	}
	return false;
}

bool
control_text_odd(struct slice s)
{
	return has_control(s) || !utf8_valid(s);
}

static bool
tag_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("._:/@+-", c) != NULL);
}

/* As a header carries it: k=v, no spaces, no commas. */
static bool
tag_sane(struct slice name)
{
	struct slice part[2];
	size_t i, k;

	if (!slice_cut(name, '=', &part[0], &part[1]) || part[0].len == 0 ||
	    part[1].len == 0)
		return false;
	for (k = 0; k < 2; k++) {
		for (i = 0; i < part[k].len; i++) {
			if (!tag_char(part[k].p[i]))
				return false;
		}
	}
	return true;
}

bool
control_name_sane(enum subject_kind kind, struct slice name, struct reply *p)
{
	const char *what = tree_kind((unsigned)kind);

	if (name.len == 0)
		control_refuse_fmt(p, FAULT_FIELD, "a %s needs a name", what);
	else if (name.len > SUBJECT_NAME_MAX)
		control_refuse_fmt(p, FAULT_FIELD,
		    "the name of a %s has at most %d bytes", what,
		    SUBJECT_NAME_MAX);
	else if (control_text_odd(name))
		control_refuse_fmt(p, FAULT_FIELD,
		    "the name of a %s has a control character or is not UTF-8",
		    what);
	else if (slice_trim(name).len != name.len || name.p[0] == '#')
		control_refuse_fmt(p, FAULT_FIELD,
		    "the name of a %s does not begin with # or a space, nor "
		    "end with one",
		    what);
	else if (slice_eq(name, S("(unassigned)")))
		control_refuse_fmt(p, FAULT_FIELD,
		    "\"(unassigned)\" is no %s: so reports call those without "
		    "one",
		    what);
	else if (kind == SUBJECT_TAG && !tag_sane(name))
		control_refuse(p, FAULT_FIELD,
		    "'tags': a tag is k=v of letters, digits and . _ : / @ + "
		    "-");
	return p->fault == FAULT_NONE;
}

/* --- scopes --------------------------------------------------------------- */

static struct subject *
scope_key(struct recorder *r, struct slice text, struct reply *p)
{
	struct key *k;
	uint64_t id;

	k = key_id_parse(text, &id) ? noun_key(r, id) : NULL;
	if (k == NULL) {
		control_refuse(
		    p, FAULT_NOT_FOUND, "'scope': no key has this id");
		return NULL;
	}
	if (k->revoked) {
		control_refuse(p, FAULT_CONFLICT, "the key is revoked");
		return NULL;
	}
	return k->own;
}

/* "#12" is the one of that id, whatever it is called. */
static struct subject *
scope_named(struct recorder *r, enum subject_kind kind, struct slice name)
{
	struct subject *s;
	uint64_t id;

	if (name.len == 0 || name.p[0] != '#')
		return tree_named(r, kind, name);
	if (!slice_u64((struct slice){ name.p + 1, name.len - 1 }, &id))
		return NULL;
	s = tree_find(r, id);
	return s != NULL && s->kind == kind && !s->closed ? s : NULL;
}

struct subject *
control_scope(struct recorder *r, struct slice text, struct reply *p)
{
	struct slice head, name;
	enum subject_kind kind;
	struct subject *s;

	if (!slice_cut(text, ':', &head, &name) ||
	    (kind = tree_kind_find(head)) == 0) {
		control_refuse(p, FAULT_FIELD,
		    "'scope' is org:NAME, team:NAME, project:NAME, user:NAME, "
		    "service:NAME, tag:k=v or key:ID");
		return NULL;
	}
	if (kind == SUBJECT_KEY)
		return scope_key(r, name, p);
	s = scope_named(r, kind, name);
	if (s == NULL)
		control_refuse_fmt(p, FAULT_NOT_FOUND,
		    "'scope': there is no %s %.*s, create it first",
		    tree_kind(kind), (int)(name.len > 100 ? 100 : name.len),
		    name.p);
	return s;
}

/* --- budgets -------------------------------------------------------------- */

/* A billion units: twice that fits a column of nano-units. */
static const int64_t budget_max = INT64_C(1000000000) * INT64_C(1000000000);
static const int64_t wait_max = 60 * NS_PER_S;

/* The name of a member, after the prefix. */
static const char *
member(struct reply *p, const char *prefix, const char *name)
{
	return arena_fmt(p->arena, "%s%s", prefix, name);
}

static void
read_amount(
    struct slice text, struct slice window, struct terms *t, struct reply *p)
{
	struct money limit = { 0 };
	bool good;

	t->has_limit = true;
	if (window.len > 0) /* said beside it */
		good = money_parse(text, &limit) &&
		       window_unit_parse(window, &t->unit);
	else
		good = window_limit_parse(text, &limit, &t->unit);
	if (!good || limit.nano < 0)
		control_refuse(p, FAULT_FIELD,
		    "'budget' must be AMOUNT/{hour,day,week,month,quarter,"
		    "year,total}, not negative, with at most 9 decimals");
	else if (limit.nano > budget_max)
		control_refuse(
		    p, FAULT_FIELD, "'budget' is absurd: at most 1000000000");
	t->limit = limit.nano;
}

static void
read_zone(struct slice text, struct terms *t, struct reply *p)
{
	t->zone = text;
	if (!zone_known(text))
		control_refuse(p, FAULT_FIELD,
		    "'zone' is not a time zone, like Europe/Berlin");
}

static const struct model_conf *
find_model(const struct recorder *r, struct slice name)
{
	return r->snapshot != NULL ? snapshot_model(r->snapshot, name) : NULL;
}

static void
read_mode(struct recorder *r, struct slice mode, struct slice to,
    struct terms *t, struct reply *p)
{
	const struct model_conf *m;
	unsigned i;

	if (mode.len == 0 && to.len > 0)
		mode = S("downgrade");
	t->has_mode = true;
	t->mode = 0;
	for (i = BUDGET_HARD; i <= BUDGET_DOWNGRADE; i++) {
		if (slice_eq(
			slice_of(budget_mode_name((enum budget_mode)i)), mode))
			t->mode = (enum budget_mode)i;
	}
	if (t->mode == 0)
		control_refuse(
		    p, FAULT_FIELD, "'mode' is hard, soft or downgrade");
	else if ((t->mode == BUDGET_DOWNGRADE) != (to.len > 0))
		control_refuse(p, FAULT_FIELD,
		    "'downgrade_to' names a model, with mode downgrade and "
		    "only with it");
	if (p->fault != FAULT_NONE || to.len == 0)
		return;
	m = find_model(r, to);
	if (m == NULL)
		control_refuse(p, FAULT_MODEL_UNKNOWN,
		    "'downgrade_to' names a model that is not configured");
	else
		t->downgrade = m->hash;
}

static void
read_wait(struct slice text, struct terms *t, struct reply *p)
{
	t->has_wait = true;
	t->wait_ns = -1;
	if (slice_eq(text, S("default")))
		return;
	if (!control_span(text, &t->wait_ns) || t->wait_ns > wait_max)
		control_refuse(p, FAULT_FIELD,
		    "'admit_wait' is a time from 0s to 60s, like 2s or 500ms, "
		    "or \"default\"");
}

void
control_terms(struct recorder *r, const struct json *j, const char *prefix,
    struct terms *out, struct reply *p)
{
	const struct slice budget = control_text(j, "budget", p);
	const struct slice zone = control_text(j, member(p, prefix, "zone"), p);
	const struct slice mode = control_text(j, member(p, prefix, "mode"), p);
	const struct slice to =
	    control_text(j, member(p, prefix, "downgrade_to"), p);
	const struct slice tight =
	    control_text(j, member(p, prefix, "tight"), p);
	const struct slice wait =
	    control_text(j, member(p, prefix, "admit_wait"), p);

	memset(out, 0, sizeof(*out));
	out->wait_ns = -1;
	if (budget.len > 0)
		read_amount(budget, control_text(j, "window", p), out, p);
	if (zone.len > 0)
		read_zone(zone, out, p);
	if (mode.len > 0 || to.len > 0)
		read_mode(r, mode, to, out, p);
	if (tight.len > 0) {
		out->has_clamp = true;
		out->clamp = slice_eq(tight, S("clamp"));
		if (!out->clamp && !slice_eq(tight, S("none")))
			control_refuse(
			    p, FAULT_FIELD, "'tight' is clamp or none");
	}
	if (wait.len > 0)
		read_wait(wait, out, p);
}

/* --- limits --------------------------------------------------------------- */

static const struct {
	const char *name;
	int64_t most;
	bool period;
} kinds[] = {
	[LIMIT_REQUESTS] = { "requests", INT64_C(1000000000), true },
	[LIMIT_INPUT_TOKENS] = { "input_tokens", INT64_C(1000000000000), true },
	[LIMIT_OUTPUT_TOKENS] = { "output_tokens", INT64_C(1000000000000),
	    true },
	[LIMIT_TOKENS] = { "tokens", INT64_C(1000000000000), true },
	[LIMIT_CONCURRENCY] = { "concurrency", 1000000, false },
	[LIMIT_COST_PER_CALL] = { "cost_per_call", 0, false },
};

static int64_t
period(struct slice name)
{
	static const struct {
		const char *name;
		int64_t s;
	} periods[] = { { "second", 1 }, { "minute", 60 }, { "hour", 3600 },
		{ "day", 86400 } };
	size_t i;

	for (i = 0; i < NELEM(periods); i++) {
		if (slice_eq(slice_of(periods[i].name), name))
			return periods[i].s * NS_PER_S;
	}
	return 0;
}

static unsigned
limit_kind(struct slice name)
{
	unsigned i;

	for (i = 1; i < NELEM(kinds); i++) {
		if (slice_eq(slice_of(kinds[i].name), name))
			return i;
	}
	return 0;
}

static void
read_count(struct slice text, struct limit_change *v, struct reply *p)
{
	uint64_t n;

	if (!slice_u64(text, &n) || n == 0 || n > (uint64_t)kinds[v->kind].most)
		control_refuse_fmt(p, FAULT_FIELD,
		    "a limit of %s is a whole number from 1 to %lld",
		    kinds[v->kind].name, (long long)kinds[v->kind].most);
	else
		v->amount = (int64_t)n;
}

static void
read_cost(struct slice text, struct limit_change *v, struct reply *p)
{
	struct money m;

	if (!money_parse(text, &m) || m.nano <= 0 || m.nano > budget_max)
		control_refuse(p, FAULT_FIELD,
		    "a limit of cost_per_call is an amount above 0, at most "
		    "1000000000, with at most 9 decimals");
	else
		v->amount = m.nano;
}

void
control_limit(struct slice text, struct limit_change *out, struct reply *p)
{
	struct slice name, rest, amount, per = { 0 };

	if (!slice_cut(text, '=', &name, &rest) ||
	    (out->kind = limit_kind(name)) == 0) {
		control_refuse(p, FAULT_FIELD,
		    "'limit' is KIND=AMOUNT[/PERIOD]; KIND is requests, "
		    "input_tokens, output_tokens, tokens, concurrency or "
		    "cost_per_call");
		return;
	}
	if (!slice_cut(rest, '/', &amount, &per))
		amount = rest;
	if (kinds[out->kind].period && (out->period_ns = period(per)) == 0)
		control_refuse_fmt(p, FAULT_FIELD,
		    "a limit of %s needs a period: second, minute, hour or day",
		    kinds[out->kind].name);
	if (!kinds[out->kind].period && amount.len != rest.len)
		control_refuse_fmt(p, FAULT_FIELD,
		    "a limit of %s has no period", kinds[out->kind].name);
	if (out->kind == LIMIT_COST_PER_CALL)
		read_cost(amount, out, p);
	else
		read_count(amount, out, p);
}

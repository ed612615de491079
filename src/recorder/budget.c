/* Accounts as budgets of subjects. */
#include "base/log.h"
#include "ledger/account.h"
#include "recorder/state.h"
#include "shm/atomic.h"

enum { LABEL_NAME = 24 }; /* of a name, so that the amount fits too */

static const char *const modes[] = {
	[BUDGET_HARD] = "hard",
	[BUDGET_SOFT] = "soft",
	[BUDGET_DOWNGRADE] = "downgrade",
};

const char *
budget_mode_name(enum budget_mode m)
{
	return (unsigned)m < NELEM(modes) ? modes[m] : NULL;
}

struct account *
account_find(const struct recorder *r, uint64_t id)
{
	return table_first(&r->accounts, id);
}

uint64_t
budget_next_id(struct recorder *r)
{
	while (account_find(r, ++r->last_account) != NULL)
		;
	return r->last_account;
}

enum budget_mode
budget_mode(const struct account *a)
{
	if (a->mode != 0)
		return (enum budget_mode)a->mode;
	return a->hard ? BUDGET_HARD : BUDGET_SOFT;
}

void
budget_attach(struct recorder *r, struct account *a)
{
	struct account **at;

	a->owner = tree_owner(r, a->subject, a->key);
	if (a->owner == NULL)
		return;
	for (at = &a->owner->budgets; *at != NULL; at = &(*at)->next)
		;
	*at = a;
}

static const char *
judge(struct recorder *r, const struct account_change *v)
{
	if (v->account == 0)
		return "it is not an account";
	if (v->mode > BUDGET_DOWNGRADE)
		return "it is a budget of no known mode";
	if (v->subject != 0 && tree_find(r, v->subject) == NULL)
		return "its subject is not known";
	return NULL;
}

static struct account *
make(struct recorder *r, const struct account_change *v)
{
	struct account *a = NEW(struct account);

	a->id = v->account;
	a->subject = v->subject;
	a->key = v->key;
	a->created_ns = v->wall_ns;
	a->row = UINT32_MAX;
	table_add(&r->accounts, &a->node, a->id);
	budget_attach(r, a);
	return a;
}

const char *
budget_apply(struct recorder *r, const struct account_change *v)
{
	struct account *a = account_find(r, v->account);
	const char *why = judge(r, v);

	if (why != NULL)
		return why;
	if (a != NULL && (a->subject != v->subject || a->key != v->key))
		return "it gives an account to another";
	if (a == NULL)
		a = make(r, v);
	mem_free(a->zone);
	a->zone = mem_dup(v->zone.len > 0 ? v->zone : S("UTC"));
	a->limit = v->limit;
	a->unit = v->unit;
	a->hard = v->hard;
	a->mode = v->mode;
	a->downgrade = v->downgrade;
	a->clamp = v->clamp;
	a->wait_ns = v->has_wait ? v->admit_wait_ns : -1;
	a->closed = v->op == OP_END;
	a->version++;
	a->dirty = true;
	a->due_ns = 0;
	r->dirty_rows++;
	if (!a->closed)
		alert_check(
		    r, a, calendar_window(r, a, v->wall_ns), v->wall_ns);
	return NULL;
}

static void
check_model(void *arg, void *node)
{
	const struct recorder *r = arg;
	const struct account *a = node;
	const struct snapshot *s = r->snapshot;
	struct buf label = { 0 };
	unsigned i;

	if (a->closed || a->owner == NULL || a->downgrade == 0)
		return;
	for (i = 0; i < s->nmodels && s->model[i].hash != a->downgrade; i++)
		;
	if (i < s->nmodels)
		return;
	tree_label(a->owner, 100, &label);
	log_warn("budget %llu (%s) goes on at a model that is not configured "
		 "any more: it refuses",
	    (unsigned long long)a->id, buf_cstr(&label));
	buf_fini(&label);
}

void
budget_check_models(struct recorder *r)
{
	table_each(&r->accounts, check_model, r);
}

/* --- shared memory -------------------------------------------------------- */

static uint32_t
flags_of(const struct account *a)
{
	const enum budget_mode mode = budget_mode(a);
	uint32_t flags = 0;

	if (a->hard)
		flags |= ACCOUNT_HARD;
	if (a->closed)
		flags |= ACCOUNT_CLOSED;
	if (a->owner != NULL && mode == BUDGET_SOFT)
		flags |= ACCOUNT_SOFT;
	if (mode == BUDGET_DOWNGRADE)
		flags |= ACCOUNT_DOWNGRADE;
	if (a->clamp)
		flags |= ACCOUNT_CLAMP;
	return flags;
}

/* "team ml, 100/month" */
static void
write_label(const struct account *a, struct buf *out)
{
	const bool unit = a->unit >= WINDOW_HOUR && a->unit <= WINDOW_TOTAL;

	tree_label(a->owner, LABEL_NAME, out);
	buf_str(out, ", ");
	money_write(out, (struct money){ a->limit });
	buf_char(out, '/');
	buf_str(out,
	    window_unit_name(unit ? (enum window_unit)a->unit : WINDOW_TOTAL));
}

static void
publish_terms(struct recorder *r, const struct account *a)
{
	struct buf label = { 0 };

	if (a->owner != NULL)
		write_label(a, &label);
	account_terms(r->m, a->row,
	    &(struct account_terms){ .downgrade = a->downgrade,
		.admit_wait_ns = a->wait_ns,
		.label = buf_slice(&label) });
	buf_fini(&label);
}

bool
budget_publish(struct recorder *r, struct account *a)
{
	const uint32_t flags = flags_of(a);

	if (a->row == UINT32_MAX)
		a->row = account_append(r->m, a->id, flags);
	if (a->row == UINT32_MAX)
		return false;
	publish_terms(r, a);
	account_flags(r->m, a->row, flags);
	account_grant(r->m, a->row, a->limit);
	return true;
}

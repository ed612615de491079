#include "base/clock.h"
#include "base/log.h"
#include "ledger/account.h"
#include "ledger/window.h"
#include "recorder/state.h"
#include "shm/atomic.h"

/* A jump of the wall clock larger than this opens no window at once ... */
static const int64_t jump_ns = 5 * 60 * NS_PER_S;
/* ... but when the clock has stayed there for so long. */
static const int64_t confirm_ns = 60 * NS_PER_S;
static const int64_t turn_ns = NS_PER_S;

struct zone_known {
	struct zone_known *next;
	char *name;
	struct zone *zone;
};

/* One that the system does not have any more counts as UTC. */
static const struct zone *
zone_get(struct recorder *r, const char *name)
{
	struct zone_known *z = r->zones;

	while (z != NULL && strcmp(z->name, name) != 0)
		z = z->next;
	if (z != NULL)
		return z->zone;
	z = NEW(struct zone_known);
	z->name = mem_dup(slice_of(name));
	z->zone = zone_open(slice_of(name));
	if (z->zone == NULL) {
		log_error("no time zone %s: its budgets use UTC", name);
		z->zone = zone_open(S("UTC"));
	}
	z->next = r->zones;
	r->zones = z;
	return z->zone;
}

void
calendar_free(struct recorder *r)
{
	struct zone_known *z;

	while ((z = r->zones) != NULL) {
		r->zones = z->next;
		zone_free(&z->zone);
		mem_free(z->name);
		mem_free(z);
	}
}

/*
 * The columns of a side begin at zero.  A window that was open before (the
 * clock went back) brings everything along in the own column: also what rings
 * still have of it, since no hold names it any more.
 */
static bool
bring(struct recorder *r, uint64_t account, uint64_t window)
{
	while (drain_all(r, NULL))
		;
	/* A successor must not take it for what columns have. */
	return !balance_bring(r, account, window) ||
	       commit_all(r) == FAULT_NONE;
}

/* False: its side still has live holds; to be tried again. */
static bool
open_window(
    struct recorder *r, struct account *a, const struct window *w, bool renew)
{
	const struct shm_window *there =
	    &r->m->accounts[a->row].window[w->id & 1];
	const bool again = at_peek(&there->id) == w->id;
	struct window_spec spec = { .id = w->id,
		.start_ns = w->start_ns,
		.end_ns = w->end_ns,
		.granted = a->limit };

	if (again && !renew)
		return true;
	if (!again && !bring(r, a->id, w->id))
		return false;
	spec.settled = balance_own(r, a->id, w->id);
	return window_open(r->m, a->row, r->own, &spec) == FAULT_NONE;
}

static enum window_unit
unit_of(const struct account *a)
{
	return a->unit >= WINDOW_HOUR && a->unit <= WINDOW_TOTAL
		   ? (enum window_unit)a->unit
		   : WINDOW_TOTAL;
}

uint64_t
calendar_window(struct recorder *r, const struct account *a, int64_t wall_ns)
{
	return window_at(zone_get(r, a->zone), unit_of(a), wall_ns).id;
}

void
calendar_open(
    struct recorder *r, struct account *a, int64_t wall_ns, bool renew)
{
	const enum window_unit unit = unit_of(a);
	const struct zone *z = zone_get(r, a->zone);
	struct window w = window_at(z, unit, wall_ns);
	bool done;

	done = open_window(r, a, &w, renew);
	a->from_ns = w.start_ns;
	a->due_ns = w.end_ns;
	if (unit != WINDOW_TOTAL) {
		w = window_next(z, unit, w);
		done = open_window(r, a, &w, renew) && done;
	}
	if (!done)
		a->due_ns = wall_ns + NS_PER_S;
	if (a->due_ns < r->next_window_ns)
		r->next_window_ns = a->due_ns;
	if (a->from_ns > r->window_floor_ns)
		r->window_floor_ns = a->from_ns;
}

/* --- the clock
 * --------------------------------------------------------------------*/

static void
confirm(struct recorder *r, int64_t wall_ns, int64_t mono_ns)
{
	at_store(&r->m->head->clock_wall_ns, wall_ns);
	at_store(&r->m->head->clock_mono_ns, mono_ns);
	r->suspect_ns = 0;
}

static int64_t
distance(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

/* True: windows may follow this clock. */
static bool
check_clock(struct recorder *r, int64_t wall_ns, int64_t mono_ns)
{
	const int64_t last = at_peek(&r->m->head->clock_wall_ns);
	const int64_t skew =
	    (wall_ns - last) - (mono_ns - at_peek(&r->m->head->clock_mono_ns));

	if (last == 0 || distance(skew, 0) <= jump_ns) {
		confirm(r, wall_ns, mono_ns);
		return true;
	}
	if (r->suspect_ns == 0 ||
	    distance(skew, r->suspect_skew_ns) > jump_ns) {
		own_incident(
		    r, INCIDENT_CLOCK_JUMP, 1, (uint64_t[]){ (uint64_t)skew });
		r->suspect_ns = mono_ns;
		r->suspect_skew_ns = skew;
	}
	if (mono_ns - r->suspect_ns < confirm_ns)
		return false;
	log_warn("the wall clock has stayed where it jumped: windows follow");
	confirm(r, wall_ns, mono_ns);
	return true;
}

int64_t
calendar_wall(struct recorder *r)
{
	const int64_t last = at_peek(&r->m->head->clock_wall_ns);
	const int64_t wall = clock_wall_ns();
	const int64_t due =
	    last + clock_mono_ns() - at_peek(&r->m->head->clock_mono_ns);

	return last == 0 || distance(wall, due) <= jump_ns ? wall : due;
}

struct due {
	struct recorder *r;
	int64_t wall_ns;
};

static void
open_due(void *arg, void *node)
{
	const struct due *d = arg;
	struct account *a = node;

	if (a->row == UINT32_MAX || a->closed)
		return;
	if (a->due_ns <= d->wall_ns || d->wall_ns < a->from_ns) {
		calendar_open(d->r, a, d->wall_ns, false);
		return;
	}
	if (a->due_ns < d->r->next_window_ns)
		d->r->next_window_ns = a->due_ns;
	if (a->from_ns > d->r->window_floor_ns)
		d->r->window_floor_ns = a->from_ns;
}

void
calendar_turn(struct recorder *r, int64_t wall_ns, int64_t mono_ns)
{
	struct due d = { r, wall_ns };

	if (r->last_clock_ns != 0 && mono_ns - r->last_clock_ns < turn_ns)
		return;
	r->last_clock_ns = mono_ns;
	if (!check_clock(r, wall_ns, mono_ns) ||
	    (wall_ns < r->next_window_ns && wall_ns >= r->window_floor_ns))
		return;
	r->next_window_ns = INT64_MAX;
	r->window_floor_ns = INT64_MIN;
	table_each(&r->accounts, open_due, &d);
}

/*
 * metrics.c - counters of all slots, added up, in Prometheus' text format
 *
 * A slot keeps its counters from one incarnation to the next, so a total
 * never falls while the node runs.
 */
#include "admin/api.h"
#include "admin/control_priv.h"
#include "admin/credentials.h"

static const struct {
	const char *name, *text;
} counters[] = {
#define COUNTER(NAME, metric, text) { metric, text },
#include "model/counters.def"
#undef COUNTER
};

static uint64_t
sum(struct shm *m, size_t counter)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < m->head->sizes.slots; i++)
		n += atomic_load_explicit(
		    &m->slots[i].counters[counter], memory_order_relaxed);
	return n;
}

static uint32_t
open_requests(struct shm *m)
{
	uint32_t i, n = 0;

	for (i = 0; i < m->head->sizes.slots; i++) {
		if (atomic_load(&m->slots[i].state) == SLOT_LIVE)
			n += atomic_load(&m->slots[i].open_requests);
	}
	return n;
}

void
metrics_text(struct api *a)
{
	struct buf b = { 0 };
	struct slice text;
	size_t i;

	for (i = 0; i < NELEM(counters); i++)
		buf_fmt(&b, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n",
		    counters[i].name, counters[i].text, counters[i].name,
		    counters[i].name, (unsigned long long)sum(&a->c->shm, i));
	buf_fmt(&b,
	    "# HELP kontor_open_requests requests being served\n"
	    "# TYPE kontor_open_requests gauge\nkontor_open_requests %u\n",
	    open_requests(&a->c->shm));
	credentials_metrics(a->c, &b);
	text = arena_copy(&a->arena, buf_slice(&b));
	buf_fini(&b);
	api_text(a, 200, S("text/plain; version=0.0.4"), text);
}

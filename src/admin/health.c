/*
 * health.c - is it alive, is it ready, and what its processes say
 */
#include "admin/health.h"

#include "admin/api.h"
#include "admin/control_priv.h"
#include "admin/credentials.h"
#include "base/clock.h"

void
health_live(struct api *a)
{
	api_text(a, 200, S("text/plain"), S("ok\n"));
}

static bool
ready(const struct shm_head *h)
{
	return atomic_load(&h->recorder_ready) != 0 &&
	       atomic_load(&h->log_broken) == 0 &&
	       atomic_load(&h->draining) == 0;
}

void
health_ready(struct api *a)
{
	const bool yes = ready(a->c->shm.head);

	api_text(a, yes ? 200 : 503, S("text/plain"),
	    yes ? S("ready\n") : S("not ready\n"));
}

static void
write_slot(struct buf *b, struct shm_slot *s, uint32_t i)
{
	static const char *const states[] = { "free", "live", "dead" };
	const uint32_t state = atomic_load(&s->state);

	if (state == SLOT_FREE || state >= NELEM(states))
		return;
	json_w_begin(b, '{');
	json_w_ki64(b, "slot", i);
	json_w_kstr(b, "role", s->is_recorder ? S("recorder") : S("worker"));
	json_w_kstr(b, "state", slice_of(states[state]));
	json_w_ki64(b, "pid", atomic_load(&s->pid));
	json_w_ki64(b, "heartbeat_age_ms",
	    (clock_mono_ns() - atomic_load(&s->heartbeat_ns)) / NS_PER_MS);
	json_w_ki64(b, "open_requests", atomic_load(&s->open_requests));
	json_w_end(b, '}');
}

/* It has no slot: nothing of it is ever repaired. */
static void
write_courier(struct buf *b, struct shm_head *h)
{
	const int64_t beat = atomic_load(&h->courier_beat_ns);

	json_w_begin(b, '{');
	json_w_kstr(b, "role", S("courier"));
	json_w_kstr(b, "state", beat != 0 ? S("live") : S("dead"));
	if (beat != 0)
		json_w_ki64(b, "heartbeat_age_ms",
		    (clock_mono_ns() - beat) / NS_PER_MS);
	json_w_end(b, '}');
}

void
health_write(struct control *c, struct buf *b)
{
	struct shm *m = &c->shm;
	const int64_t since = atomic_load(&m->head->unsynced_since_ns);
	char generation[20];
	struct buf hex = { 0 };
	uint32_t i;

	buf_fmt(&hex, "%016llx", (unsigned long long)c->snapshot->generation);
	memcpy(generation, buf_cstr(&hex), 17);
	buf_fini(&hex);
	json_w_begin(b, '{');
	json_w_kbool(b, "ready", ready(m->head));
	json_w_kstr(b, "generation", slice_of(generation));
	json_w_kbool(b, "log_broken", atomic_load(&m->head->log_broken) != 0);
	json_w_ki64(b, "log_lag_ms",
	    since == 0 ? 0 : (clock_mono_ns() - since) / NS_PER_MS);
	json_w_ki64(b, "keys", atomic_load(&m->head->nkeys));
	json_w_key(b, "processes");
	json_w_begin(b, '[');
	for (i = 0; i < m->head->sizes.slots; i++)
		write_slot(b, &m->slots[i], i);
	write_courier(b, m->head);
	json_w_end(b, ']');
	json_w_key(b, "credentials");
	credentials_write(c, b);
	json_w_end(b, '}');
}

void
health_report(struct api *a)
{
	struct buf b = { 0 };

	health_write(a->c, &b);
	api_reply(a, 200, &b);
}

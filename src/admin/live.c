#include "admin/live.h"

#include "admin/api.h"
#include "admin/control_priv.h"
#include "admin/health.h"
#include "base/clock.h"
#include "books/calls.h"
#include "io/loop.h"
#include "store/store.h"

enum {
	TICK_MS = 200,
	ROWS_MAX = 40, /* in one tick */
	HEALTH_TICKS = 10,
	WATCHERS_MAX = 64
};

struct watcher {
	struct watcher *next;
	struct api *api;
};

struct live {
	struct control *c;
	struct timer timer;
	struct calls_tail *tail;
	struct watcher *first;
	unsigned n, ticks;
};

static void on_time(struct timer *t);

static void
arm(struct live *l)
{
	timer_set(l->c->loop, &l->timer,
	    loop_now(l->c->loop) + TICK_MS * NS_PER_MS, on_time);
}

/* Rows as events, one each. */
static void
write_events(struct buf *rows, uint64_t more, struct buf *out)
{
	struct json_cur c = json_cur(buf_slice(rows));
	struct slice row;

	while (c.p < c.end && json_skip(&c, &row)) {
		buf_str(out, "event: call\ndata: ");
		buf_add(out, row);
		buf_str(out, "\n\n");
		if (c.p < c.end && *c.p == ',')
			c.p++;
	}
	if (more > 0)
		buf_fmt(out, "event: missed\ndata: {\"calls\":%llu}\n\n",
		    (unsigned long long)more);
}

static void
read_calls(struct live *l, struct buf *out)
{
	struct store *s = control_store(l->c);
	struct buf rows = { 0 };
	uint64_t more = 0;
	enum fault f = FAULT_NONE;

	if (s == NULL)
		return;
	if (l->tail == NULL)
		f = calls_tail_open(l->c->snapshot->data_dir, s, &l->tail);
	if (f == FAULT_NONE)
		f = calls_tail_read(l->tail, s, ROWS_MAX, &rows, &more);
	if (f == FAULT_NONE)
		write_events(&rows, more, out);
	else
		calls_tail_close(&l->tail); /* from its end on, next time */
	buf_fini(&rows);
	store_close(&s);
}

/* Told whether or not anybody calls: so a page need not ask, and a connection
 * that nothing goes through any more is found. */
static void
tell_health(struct live *l, struct buf *out)
{
	struct buf b = { 0 };

	if (l->ticks++ % HEALTH_TICKS != 0)
		return;
	health_write(l->c, &b);
	buf_str(out, "event: health\ndata: ");
	buf_add(out, buf_slice(&b));
	buf_str(out, "\n\n");
	buf_fini(&b);
}

static void
give(struct live *l, struct slice text)
{
	struct watcher **at = &l->first, *w;

	while ((w = *at) != NULL) {
		if (api_stream_write(w->api, text)) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		l->n--;
		api_stream_end(w->api);
		mem_free(w);
	}
}

static void
on_time(struct timer *t)
{
	struct live *l = CONTAINER_OF(t, struct live, timer);
	struct buf out = { 0 };

	read_calls(l, &out);
	tell_health(l, &out);
	give(l, buf_slice(&out));
	buf_fini(&out);
	if (l->first != NULL)
		arm(l);
	else
		calls_tail_close(&l->tail);
}

void
live_watch(struct api *a)
{
	struct live *l = a->c->live;
	struct watcher *w;
	struct buf nothing = { 0 };

	if (l == NULL) {
		l = a->c->live = NEW(struct live);
		l->c = a->c;
	}
	if (l->n >= WATCHERS_MAX) {
		api_fail(a, FAULT_OVERLOAD, "too many pages watch already");
		return;
	}
	/* What ends from now on: so the end of the log is found now. */
	if (l->tail == NULL)
		read_calls(l, &nothing);
	buf_fini(&nothing);
	w = NEW(struct watcher);
	w->api = a;
	w->next = l->first;
	l->first = w;
	l->n++;
	api_stream_begin(a, S("text/event-stream"));
	(void)api_stream_write(a, S("event: hello\ndata: {}\n\n"));
	arm(l);
}

void
live_free(struct live **lp)
{
	struct live *l = *lp;
	struct watcher *w;

	if (l == NULL)
		return;
	*lp = NULL;
	timer_clear(&l->timer);
	while ((w = l->first) != NULL) {
		l->first = w->next;
		api_stream_end(w->api);
		mem_free(w);
	}
	calls_tail_close(&l->tail);
	mem_free(l);
}

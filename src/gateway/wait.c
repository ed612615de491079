#include "gateway/wait.h"

#include "base/clock.h"
#include "gateway/worker_priv.h"
#include "journal/writer.h"
#include "shm/shm.h"

enum { MONEY_MS = 2, POLLED_MAX = 64 };
#define SYNC_NS (NS_PER_MS / 2)

static void
append(struct req **list, struct req *req)
{
	struct req **at = list;
	struct req *last = NULL;

	CHECK(req->wait_list == NULL);
	for (; *at != NULL; at = &(*at)->wait_next)
		last = *at;
	*at = req;
	req->wait_prev = last;
	req->wait_next = NULL;
	req->wait_list = list;
}

void
wait_leave(struct req *req)
{
	if (req->wait_list == NULL)
		return;
	if (req->wait_prev != NULL)
		req->wait_prev->wait_next = req->wait_next;
	else
		*req->wait_list = req->wait_next;
	if (req->wait_next != NULL)
		req->wait_next->wait_prev = req->wait_prev;
	req->wait_list = NULL;
	req->wait_prev = req->wait_next = NULL;
}

static bool
seen(const int32_t *polled, unsigned n, int32_t account)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		if (polled[i] == account)
			return true;
	}
	return false;
}

/*
 * A wake may end any request, so the walk starts again after each; a request
 * that still stands there afterwards has its account marked.
 */
static void
on_money(struct timer *t)
{
	struct worker *w = CONTAINER_OF(t, struct worker, admit_timer);
	int32_t polled[POLLED_MAX];
	unsigned n = 0;
	struct req *req;
	int32_t account;

again:
	for (req = w->admitting; req != NULL; req = req->wait_next) {
		account = (int32_t)req->desk->shortage.row;
		if (seen(polled, n, account))
			continue;
		if (n == POLLED_MAX)
			break;
		polled[n++] = account;
		req_wake(req, WAKE_ENTER);
		/* Reaped at the end of the turn at the earliest. */
		if (req->wait_list == NULL)
			n--;
		goto again;
	}
	if (w->admitting != NULL)
		timer_set(w->loop, t, loop_now(w->loop) + MONEY_MS * NS_PER_MS,
		    on_money);
}

void
wait_for_money(struct req *req)
{
	struct worker *w = req->w;

	if (req->wait_list == NULL)
		append(&w->admitting, req);
	timer_set(w->loop, &w->admit_timer,
	    loop_now(w->loop) + MONEY_MS * NS_PER_MS, on_money);
}

static void
on_sync(struct timer *t)
{
	struct worker *w = CONTAINER_OF(t, struct worker, sync_timer);
	struct req *req, *next;

	for (req = w->syncing; req != NULL; req = next) {
		next = req->wait_next;
		if (journal_durable(w->journal, req->try.intent_end) ||
		    loop_now(w->loop) >= req->wait_until_ns)
			req_wake(req, WAKE_ENTER);
	}
	if (w->syncing != NULL)
		timer_set(w->loop, t, loop_now(w->loop) + SYNC_NS, on_sync);
}

void
wait_for_sync(struct req *req)
{
	struct worker *w = req->w;

	if (req->wait_list == NULL)
		append(&w->syncing, req);
	timer_set(
	    w->loop, &w->sync_timer, loop_now(w->loop) + SYNC_NS, on_sync);
}

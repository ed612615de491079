#include "gateway/crash.h"

#include <signal.h>

#include "gateway/authn.h"
#include "gateway/worker_priv.h"
#include "httpio/server.h"
#include "shm/key.h"
#include "shm/poison.h"

enum { STACK = 64 * 1024 };

struct req *crash_req;

static struct shm_slot *slot;
static char stack[STACK] __attribute__((aligned(16)));

/* Never 0, which says that there is none. */
static uint64_t
print_of(const struct http_head *head, struct slice body)
{
	const uint64_t h = hash64(head->method) * 31 + hash64(http_path(head));

	return (h ^ hash64(body)) | 1;
}

/* Nothing here allocates or takes a lock; what is damaged may end it, and
 * then there is no fingerprint. */
static void
on_crash(int signal)
{
	const struct req *req = crash_req;
	const struct http_head *head;

	crash_req = NULL;
	if (req != NULL && req->x != NULL && (head = req->x->head) != NULL) {
		atomic_store(&slot->parsing_key,
		    req->key != NULL ? atomic_load(&req->key->id)
				     : authn_claimed(head));
		atomic_store(&slot->parsing, print_of(head, req->x->body));
	}
	/* It is the default again and waits until we return. */
	raise(signal);
}

void
crash_watch(struct worker *w)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT,
		SIGSYS };
	const stack_t own = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_handler = on_crash,
		.sa_flags = SA_ONSTACK | (int)SA_RESETHAND };
	size_t i;

	slot = &w->shm.slots[w->slot];
	if (sigaltstack(&own, NULL) != 0)
		return;
	for (i = 0; i < NELEM(signals); i++)
		sigaction(signals[i], &action, NULL);
}

bool
crash_poisoned(struct req *req)
{
	const struct shm *m = &req->w->shm;

	if (!poison_any(m))
		return false;
	req->incident = poison_find(m, atomic_load(&req->key->id),
	    print_of(req->x->head, req->x->body), loop_now(req->w->loop));
	return req->incident != 0;
}

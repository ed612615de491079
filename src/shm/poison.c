#include "shm/poison.h"

#include <signal.h>

#include "base/base.h"
#include "shm/atomic.h"

bool
poison_signal(int signal)
{
	switch (signal) {
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGABRT:
	case SIGSYS:
		return true;
	default:
		return false;
	}
}

/* The row of the pair, else one that is over, else the oldest. */
static struct shm_poison *
row_for(struct shm *m, uint64_t key, uint64_t print)
{
	struct shm_poison *p, *oldest = &m->head->poison[0];
	size_t i;

	for (i = 0; i < POISON_ROWS; i++) {
		p = &m->head->poison[i];
		if (at_peek(&p->print) == print && at_peek(&p->key) == key)
			return p;
		if (at_peek(&p->until_ns) < at_peek(&oldest->until_ns))
			oldest = p;
	}
	return oldest;
}

uint64_t
poison_note(struct shm *m, uint32_t slot, int signal, int64_t now_ns)
{
	struct shm_slot *s = &m->slots[slot];
	const uint64_t print = at_load(&s->parsing);
	const uint64_t key = at_load(&s->parsing_key);
	struct shm_poison *p;
	uint64_t id;

	/* Unique on the node, and nothing that can be guessed is worth it. */
	id = (uint64_t)(uint32_t)m->head->boot << 32 |
	     (uint64_t)at_load(&s->incarnation);
	at_poke(&s->crash_signal, (uint32_t)signal);
	at_store(&s->crash, id);
	if (print == 0)
		return id;
	p = row_for(m, key, print);
	/* Nobody finds it while it changes. */
	at_store(&p->print, 0);
	at_store(&p->key, key);
	at_store(&p->id, id);
	at_store(&p->until_ns, now_ns + POISON_NS);
	at_store(&p->print, print);
	at_store(&m->head->poisons, at_peek(&m->head->poisons) + 1);
	return id;
}

uint64_t
poison_find(const struct shm *m, uint64_t key, uint64_t print, int64_t now_ns)
{
	const struct shm_poison *p;
	size_t i;

	for (i = 0; i < POISON_ROWS; i++) {
		p = &m->head->poison[i];
		if (at_load(&p->print) == print && at_load(&p->key) == key &&
		    at_load(&p->until_ns) > now_ns)
			return at_load(&p->id);
	}
	return 0;
}

/*
 * worker_priv.h - private to gateway/: what the requests of a worker share
 */
#ifndef KONTOR_GATEWAY_WORKER_PRIV_H
#define KONTOR_GATEWAY_WORKER_PRIV_H

#include "base/map.h"
#include "base/slab.h"
#include "gateway/overload.h"
#include "gateway/req.h"
#include "io/loop.h"
#include "route/retry.h"
#include "shm/shm.h"
#include "shm/wallet.h"

struct server;
struct client;
struct journal;
struct ledger;
struct snapshot;
struct counts;

struct worker {
	struct loop *loop;
	struct server *server;
	struct client *client;
	struct shm shm;
	struct wallet wallet; /* credentials of the courier's */
	struct ledger *ledger;
	struct journal *journal;
	struct snapshot *snapshot; /* in force; requests keep their own */
	struct counts *counts;
	struct retry retry; /* attempts behind the first */
	struct map64 tags;  /* hash of a name to its subject */
	uint32_t slot;
	uint32_t seq;       /* of request ids */
	uint64_t random;    /* xorshift state: weights, never secrets */
	uint64_t salt;      /* of network hashes */
	struct req *reqs;   /* every request alive */
	struct slab memory; /* of requests */
	struct slab desks;  /* and of what they need until an answer's head */
	int64_t trim_ns;    /* when the two are looked at again */
	struct req *admitting; /* waiting for money, oldest first */
	struct timer admit_timer;
	struct req *syncing; /* waiting for their intent on disk */
	struct timer sync_timer;
	int64_t wall_offset_ns; /* wall minus monotonic, read every turn */
	size_t buffered;        /* held of answers, streams, decoded bodies */
	size_t buffered_max;
	struct overload overload;
	enum overload_level weighed; /* the last that was acted upon */
	uint32_t *by_key;            /* open requests of each row of shm.keys */
	struct server_share *bodies_by_key;
	uint32_t open;
	uint32_t crowd; /* of open, lately: its peak times CROWD_TURNS */
	bool draining;
};

/*
 * May so much more be kept of answers, streams and what is translated?  All of
 * it has half of the memory, with what clients have not taken yet of answers
 * that are over three quarters.
 */
bool worker_has_room(const struct worker *w, size_t more) MUST_USE;
/* The wall clock at this loop turn. */
int64_t worker_wall_ns(const struct worker *w);

enum counter {
#define COUNTER(NAME, metric, text) COUNTER_##NAME,
#include "model/counters.def"
#undef COUNTER
	COUNTERS
};
void worker_count(struct worker *w, enum counter c, uint64_t more);
/*
 * Where the recorder takes nothing more from this process it ends at once, as
 * if it were killed: what is under way is resolved from shared memory, and
 * nobody gets an answer that is in no log.
 */
void worker_heed(const struct worker *w);

#endif

/*
 * req.h - one request, from its first byte to its last record
 *
 * A request is in exactly one stage (stages.def).  Nothing outside req.c
 * changes the stage, and a callback never works on a request itself: it
 * stores its result and calls req_wake(), which does not nest.
 */
#ifndef KONTOR_GATEWAY_REQ_H
#define KONTOR_GATEWAY_REQ_H

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "dialect/dialect.h"
#include "http/msg.h"
#include "io/loop.h"
#include "journal/frame.h"
#include "ledger/hold.h"
#include "ledger/rate.h"
#include "model/ident.h"
#include "model/snapshot.h"
#include "route/plan.h"

struct worker;
struct exchange;
struct leg;
struct letter;
struct relay;
struct endpoint;
struct shm_key;
struct shm_breaker;

enum stage {
#define STAGE(name, NAME, to) STAGE_##NAME,
#include "gateway/stages.def"
#undef STAGE
	STAGE_DONE,
	STAGE_MAX
};

enum wake {
	WAKE_ENTER, /* the stage was entered, or its timer is due */
	WAKE_HEAD,  /* the provider's head is in req->up */
	WAKE_BODY,  /* bytes of its body are in req->up */
	WAKE_FAIL,  /* the call failed: req->up.why */
	WAKE_GONE,  /* the client went away */
	WAKE_DRAIN  /* the client takes bytes again */
};

/* What a stage tells the driver: run me again, or wait for a wake. */
enum next { NEXT_RUN, NEXT_WAIT };

/* One attempt at one deployment: from ADMIT to SETTLE. */
struct attempt {
	const struct deployment_conf *deployment;
	const struct dialect *dialect; /* that it is spoken to in */
	const struct price *price;     /* expected; NULL: not known */
	const struct price *row[2];    /* that may apply; NULL: not known */
	unsigned nrow;
	int64_t price_ns; /* wall: prices in force then count */
	struct shm_breaker *breaker;
	const struct live_deployment *live;
	uint64_t taken; /* tokens of its capacity */
	bool probe;
	bool hurried;          /* its end was the caller's deadline */
	enum owner owner;      /* whose its failure is; set by SETTLE */
	struct slice seen;     /* region it says it was served in; arena */
	struct shm_hold *hold; /* owned from ADMIT to SETTLE */
	const struct agreement_conf *agreement; /* NULL: none */
	struct money list_most;                 /* at list prices */
	struct money most;                      /* by the agreement */
	uint64_t bound_in, bound_out;
	uint64_t clamp; /* output limit that a budget leaves; 0: as asked */
	int64_t start_ns, sent_ns, first_ns; /* monotonic; 0: not yet */
	int64_t token_ns;    /* of a stream: its first content */
	uint64_t intent_end; /* ring position behind the intent */
	struct leg *leg;     /* owned until the call is over */
	struct tally tally;
	int status; /* the provider's; 0: no head yet */
	enum fault fault;
	/* The courier's credential that was sent; version 0: none of its. */
	unsigned pass_row;
	uint32_t pass_version;
	bool reused;      /* it went out on a kept connection */
	bool complete;    /* the answer was received whole and is good */
	bool answered;    /* a stream of the dialect began */
	bool error_whole; /* its error body came to its end */
	bool error_shape; /* it speaks the dialect */
	struct slice provider_id;
	struct slice error;   /* body of a bad answer; arena */
	struct slice message; /* of that */
};

/* What goes to the client, sent by RECORD. */
struct reply {
	int status;
	struct slice type;
	struct slice body;
	unsigned nhdr;
	struct http_hdr *hdr; /* the desk's, REPLY_HEADERS of them */
};

/* An attempt that is over, for x-kontor-route. */
struct hop {
	const struct deployment_conf *deployment;
	enum fault fault;
	enum owner owner;
	int status;
	unsigned first_ms, end_ms;
};

/* What a caller says beside the body, and what rules make of it. */
struct wishes {
	uint64_t data_class; /* hash64; 0: not said */
	uint64_t session;    /* the same */
	enum call_class class;
	bool hurried; /* x-kontor-timeout: its deadline is its own */
};

/* An attempt's answer worth more than what may come after it. */
struct kept {
	struct attempt try;
	struct reply reply;
};

enum { REQ_ROOM = 896, DESK_ROOM = 512, REPLY_HEADERS = 32 };

/*
 * What a request needs only until its answer's head is out: what admission
 * looks at, the letter to the provider, the reply's headers.  A stream, which
 * may stay open for long, gives it back there.
 */
struct desk {
	struct arena arena;
	struct hold_short shortage;
	struct rate_short slow; /* of the limit that was reached */
	/* From here on nothing is zeroed but by who fills it. */
	struct chain chain;      /* filled by the first ADMIT */
	struct slice warning[6]; /* sentences for the caller */
	struct http_hdr hdr[REPLY_HEADERS];
	char room[DESK_ROOM] __attribute__((aligned(16)));
};

struct req {
	uint32_t magic;
	enum stage stage;
	bool running, pending_wake; /* req_wake() may not nest */
	enum wake pending;
	enum fault fault; /* the first one wins; cleared for a new attempt */
	struct worker *w;
	struct exchange *x;    /* NULL: the client is gone */
	struct exchange *left; /* then: its bytes, until the request ends */
	struct snapshot *snap; /* shared */
	struct arena arena;
	size_t weighed;                    /* of it, in worker.buffered */
	struct desk *desk;                 /* NULL: a stream's head is out */
	struct letter *letter;             /* what SEND borrows; on the desk */
	struct buf plain;                  /* a body that came compressed */
	struct req *prev, *next;           /* worker's list */
	struct req *wait_prev, *wait_next; /* admitting or syncing */
	struct req **wait_list;
	struct reqid id;
	char id_text[REQID_TEXT + 1];
	int64_t start_ns; /* monotonic */
	int64_t wall_ns;
	int64_t deadline_ns; /* monotonic, whole request */
	const struct endpoint *endpoint;
	const struct dialect *dialect;
	struct slice path_model; /* named by the path; empty: by the body */
	const struct shm_key *key;
	struct ask *ask;
	struct conversation *said; /* the body, once it had to be translated */
	const struct model_conf *model;
	const struct model_conf *asked; /* before a downgrade */
	struct candidate *candidate;
	unsigned ncandidate;
	unsigned first; /* of these, where those of the model at hand begin */
	unsigned attempts;
	struct wishes wishes;
	uint64_t warm_key; /* of a session or a prompt; 0: none */
	int rule;          /* of residency that dropped candidates; -1: none */
	unsigned moves;    /* to another model */
	uint64_t incident; /* FAULT_POISON: which */
	int64_t come_ns;   /* when a full one may be asked again; 0: none is */
	struct hop *hop;   /* of failed attempts; NULL: none */
	unsigned nhops;
	bool tagged; /* tags are read */
	bool final_reserved;
	bool busy_budget; /* FAULT_BUDGET, but only for now */
	bool counted;     /* in worker.by_key */
	bool gone;        /* the client left before the answer was whole */
	bool streaming;   /* bytes of a stream went to the client */
	bool array, array_began; /* the stream is one, see array.h */
	int64_t wait_until_ns;
	bool chained;               /* chain is filled, rates are taken */
	bool downgraded;            /* a budget chose a cheaper model */
	bool tight;                 /* waited long enough: what fits must do */
	struct usage used;          /* of all attempts, for limits */
	unsigned nwarnings, nfixed; /* warnings up to nfixed stay */
	unsigned ntags;
	int32_t tag[CHAIN_TAGS];
	uint64_t tag_id[CHAIN_TAGS];
	struct timer timer;
	struct attempt try; /* the current attempt */
	struct kept *kept;  /* NULL: none so far */
	/* What the provider just sent; data is valid in the wake only. */
	struct {
		struct slice data;
		bool last;
		enum fault why;
	} up;
	struct relay *relay; /* owned: RELAY's state, see relay.c */
	struct reply reply;
	struct rate_taken *rates; /* NULL: no limits */
	/* From here on nothing is zeroed but by who fills it. */
	/* The arena begins here: most requests ask the system for nothing. */
	char room[REQ_ROOM] __attribute__((aligned(16)));
};

/* Begins a request; the exchange's user becomes the request. */
void req_start(struct worker *w, struct exchange *x);
/* The only entrance afterwards. */
void req_wake(struct req *req, enum wake wake);
/*
 * The client is gone.  A call that was sent is read on for its usage, and may
 * still be going out: the exchange's bytes stay until the request ends.
 */
void req_leave(struct req *req);
/* What requests of a worker lie in; trim: now and then. */
void req_memory_init(struct worker *w);
void req_memory_trim(struct worker *w);
void req_memory_fini(struct worker *w);
/* The head of a stream is out. */
void req_free_desk(struct req *req);
/* A request that never was one: HTTP was wrong. */
void req_bad_http(struct worker *w, struct exchange *x, enum fault why);

/* Is there a deployment left that may be tried?  route.c */
bool req_has_next(const struct req *req);
/* The request goes on at another model; its old candidates are barred. */
bool req_downgrade(struct req *req, const struct model_conf *m);
/* The same for another reason, told in a warning; false: it may not, or there
 * nobody may serve it. */
bool req_move(struct req *req, const struct model_conf *m, enum why why);
/* x-kontor-route: what became of every candidate.  explain.c */
struct slice req_route_text(struct req *req);
/* What the arena has grown by counts in the worker's buffered from now on,
 * until the request ends. */
void req_weigh(struct req *req);
/* Gives the decoded body back, when nobody reads it any more. */
void req_free_plain(struct req *req);
/* Gives reply's head to the exchange; body_len as exchange_answer().
 * record.c */
void reply_head(struct req *req, int64_t body_len);

/* The stages that may follow s, as a set of bits. */
unsigned stage_successors(enum stage s);
const char *stage_name(enum stage s);

#endif

/*
 * shm.h - the tables that all processes of a node share
 *
 * One sealed-size memfd, made by the supervisor and mapped by every role at
 * whatever address.  It holds no pointers: rows are found by index, rows that
 * outlive a config by a stable 64-bit id.  The header carries a hash of this
 * layout; a process built from another layout refuses to attach.
 *
 * Who writes what:  the supervisor: slot states and crashes; a slot's process:
 * its own columns, gauges, holds, heartbeat, counters and ring; the recorder:
 *   accounts, keys, subjects, limits, windows, and whatever belongs to a dead
 *   slot; control: the revoked word of a key; anyone: breaker words, the
 *   pace of a limit or capacity by CAS, and the warm rows.
 *
 * See money-protocol 2 to 6.  The functions on top: ledger/hold.h (holds),
 * shm/ring.h (rings), shm/key.h (keys), shm/subject.h, shm/limit.h (whose
 * budgets and limits), shm/breaker.h (deployments).
 */
#ifndef KONTOR_SHM_SHM_H
#define KONTOR_SHM_SHM_H

#include <stdatomic.h>

#include "base/base.h"
#include "base/fault.h"

enum {
	SIGNINS_MAX = 128,   /* credentials that the courier looks after */
	HOLD_CHAIN_MAX = 16, /* accounts one hold may touch */
	KEY_MODELS_MAX = 16, /* allowed models of a key */
	KEY_SUBJECTS = 12,   /* whose budgets and limits bind a key */
	SUBJECT_BUDGETS = 8,
	SUBJECT_LIMITS = 8,
	LABEL_WORDS = 7,
	LABEL_LEN = 8 * LABEL_WORDS, /* with a NUL */
	TRIED_OWNERS = 8,            /* model/owners.def */
	WARM_ROWS = 16384,           /* a power of two */
	REPLAY_WORDS = 131072,       /* a power of two */
	POISON_ROWS = 64,
	RECORDERS_DEAD = 2, /* slots that they leave to their successors */
	SLOTS_MAX = 64
};

/* A short text for messages; label_set() and label_get() in shm/label.h. */
struct shm_label {
	_Atomic uint64_t word[LABEL_WORDS];
};

/* A slot is one process incarnation that writes columns. */
enum slot_state {
	SLOT_FREE, /* may be given to a new process */
	SLOT_LIVE, /* a process owns it */
	SLOT_DEAD  /* reaped; the recorder repairs, then frees it */
};

struct shm_slot {
	_Atomic uint32_t state;
	_Atomic uint32_t incarnation; /* unique on the node within a boot */
	_Atomic int32_t pid;
	uint32_t is_recorder;
	_Atomic int64_t heartbeat_ns; /* monotonic */
	/* Of the call it crashed at: its fingerprint (0: not known) and its
	 * key (shm/poison.h); the id of the crash, until it is in the log. */
	_Atomic uint64_t parsing;
	_Atomic uint64_t parsing_key;
	_Atomic uint64_t crash;
	_Atomic uint32_t crash_signal;
	_Atomic uint32_t open_requests;
	/* The recorder: its frames are refused; the supervisor ends it. */
	_Atomic uint32_t condemned;
	_Atomic uint32_t holds_top;    /* records above were never used */
	_Atomic uint64_t counters[64]; /* model/counters.def; slot writes */
} __attribute__((aligned(64)));

/* One window of one account; two of each account exist (even, odd). */
struct shm_window {
	_Atomic uint64_t id;      /* 0: not open; else the window's number */
	_Atomic int64_t start_ns; /* wall */
	_Atomic int64_t end_ns;   /* wall; INT64_MAX: never */
	_Atomic int64_t granted;  /* nano */
};

enum account_flags {
	ACCOUNT_USED = 1,
	ACCOUNT_HARD = 2, /* it refuses; without it, it only counts */
	ACCOUNT_CLOSED = 4,
	ACCOUNT_SOFT = 8,       /* a budget that warns */
	ACCOUNT_DOWNGRADE = 16, /* short: the call goes on at a cheaper model */
	ACCOUNT_CLAMP = 32      /* short: the output limit is lowered */
};

struct shm_account {
	_Atomic uint64_t id; /* stable; 0: free row */
	_Atomic uint32_t flags;
	struct shm_window window[2];   /* [id & 1] */
	_Atomic uint64_t downgrade;    /* hash64 of a model's id */
	_Atomic int64_t admit_wait_ns; /* below 0: the configuration's */
	struct shm_label label;        /* "team ml, month" */
} __attribute__((aligned(64)));

/*
 * Whose money and pace it is: an org, team, project, user, service, key or
 * tag.  Rows are handed out in order and never reused.  version is odd while
 * the lists change (shm/subject.h).
 */
enum subject_kind {
	SUBJECT_ORG = 1, /* numbers are in the log */
	SUBJECT_TEAM,
	SUBJECT_PROJECT,
	SUBJECT_USER,
	SUBJECT_SERVICE,
	SUBJECT_KEY,
	SUBJECT_TAG
};

struct shm_subject {
	_Atomic uint64_t id;        /* stable; 0: free row */
	_Atomic uint64_t name_hash; /* hash64 of its name; 0: closed */
	_Atomic uint32_t kind;
	_Atomic uint32_t version;
	_Atomic uint32_t nbudgets, nlimits;
	_Atomic int32_t budget[SUBJECT_BUDGETS]; /* rows of accounts */
	_Atomic int32_t limit[SUBJECT_LIMITS];   /* rows of limits */
} __attribute__((aligned(64)));

/*
 * How much in how much time; ledger/rate.h says what the kinds mean.  What is
 * under way stands in a gauge of each slot: units << 1 | tentative.
 */
enum limit_kind {
	LIMIT_REQUESTS = 1, /* numbers are in the log */
	LIMIT_INPUT_TOKENS,
	LIMIT_OUTPUT_TOKENS,
	LIMIT_TOKENS,
	LIMIT_CONCURRENCY,
	LIMIT_COST_PER_CALL
};

struct shm_limit {
	_Atomic uint64_t id;       /* stable; 0: free row */
	_Atomic int64_t tat_ns;    /* monotonic: when all that was let pass
				    * would have come at an even pace */
	_Atomic uint32_t kind;     /* 0: closed */
	_Atomic int64_t amount;    /* units; nano for COST_PER_CALL */
	_Atomic int64_t period_ns; /* of the amount; 0: has none */
	_Atomic int64_t burst;     /* units that may come at once */
	struct shm_label label;    /* "team ml" */
} __attribute__((aligned(64)));

/*
 * (settled by this slot in this window + its live holds) << 1 | tentative.
 * The columns of one side of an account lie in a row, one per slot: who
 * admits reads them all, and reads one cache line up to 8 slots.
 */
struct shm_column {
	_Atomic int64_t sum;
};

/* What a slot has open there; lies with the slot, read only when it matters. */
struct shm_live {
	_Atomic int64_t held;   /* nano; at least the live holds in the sum */
	_Atomic uint32_t holds; /* records that name it; 0: may be recycled */
};

enum hold_step {
	HOLD_FREE,
	HOLD_MARKING, /* columns may carry (part of) it, tentatively */
	HOLD_OPEN,    /* admitted; nothing sent */
	HOLD_SENT,    /* the first byte was given to the kernel or to TLS */
	HOLD_SETTLED  /* its outcome is in the ring; columns may be half done */
};

struct shm_hold {
	_Atomic uint32_t step;
	uint32_t n;
	uint8_t req[16];
	uint32_t attempt;
	uint32_t deployment; /* index in the generation */
	uint64_t generation;
	uint64_t key;
	uint64_t price;       /* price row id */
	int64_t most;         /* nano */
	_Atomic int64_t cost; /* valid from HOLD_SETTLED on */
	/* Progress of a stream: what is known to have passed. */
	_Atomic uint64_t input_seen;
	_Atomic uint64_t output_seen;
	_Atomic uint64_t progress; /* 0: nothing known */
	/* Journal sequence of the repair outcome; recorder only. */
	_Atomic uint64_t repair_seq;
	struct {
		uint32_t account; /* row */
		uint32_t side;    /* window[side] */
		uint64_t account_id;
		uint64_t window_id;
	} chain[HOLD_CHAIN_MAX];
} __attribute__((aligned(64)));

enum key_state { KEY_FREE, KEY_LIVE, KEY_REVOKED };

struct shm_key {
	_Atomic uint64_t id; /* ident.h; published last, release */
	_Atomic uint32_t state;
	uint32_t nmodels; /* 0: every model */
	uint8_t secret_sha256[32];
	int64_t expires_ns; /* wall; 0: never */
	uint32_t is_admin;
	uint32_t has_aws;   /* an AWS pair was given out for it */
	uint64_t principal; /* stable id */
	uint64_t team;
	/* Rows: the key's own, user or service, project, team, org, tags. */
	uint32_t nsubjects;
	int32_t subject[KEY_SUBJECTS];
	uint64_t models[KEY_MODELS_MAX]; /* hash64 of the model's id */
} __attribute__((aligned(64)));

/* What a slot has tried at a deployment since the tables were made. */
struct shm_tried {
	_Atomic uint64_t n[TRIED_OWNERS];  /* attempts, by whose fault */
	_Atomic uint64_t tokens;           /* input and output */
	_Atomic uint64_t first_us, firsts; /* to the first byte; of how many */
} __attribute__((aligned(64)));

/*
 * Where a session is, or the beginning of a prompt: direct mapped, whoever
 * comes later takes the place (route/warm.h).
 */
struct shm_warm {
	_Atomic uint64_t key;
	_Atomic uint64_t word; /* 32 bits of the deployment's id, seconds */
};

/*
 * A deployment's health, by stable id (hash64 of its config id); with another
 * id, that of a provider's credential (route/live.h).
 */
struct shm_breaker {
	/* Read by every call and written when something happens: a line. */
	_Atomic uint64_t id;
	_Atomic uint64_t word;      /* breaker.h packs state, count, time */
	_Atomic uint64_t suspect;   /* principal of the last timeout */
	_Atomic int64_t open_until; /* monotonic */
	/* The provider said: not before; monotonic, 0: it did not. */
	_Atomic int64_t floor_ns;
	_Atomic int64_t full_ns; /* it had no room; the same, softly */
	/* Who waited for it in vain, and until when that one is spared it:
	 * others are not. */
	_Atomic uint64_t shun_principal;
	_Atomic int64_t shun_ns;
	/* Written by calls that end: others. */
	_Atomic uint64_t pace[2]
	    __attribute__((aligned(64))); /* route/pace.h */
	_Atomic uint64_t output; /* output tokens of a call, on average << 8 */
	_Atomic uint64_t cached; /* of a warm call's input, in 1/1024 */
	/* As of limits: when all that was let pass would have come at an even
	 * pace; what its headers say a minute takes (0: nothing). */
	_Atomic int64_t tokens_tat, requests_tat;
	_Atomic uint64_t learned_tokens, learned_requests;
	_Atomic uint64_t shun_times; /* in a row */
	_Atomic uint32_t inflight[SLOTS_MAX];
	struct shm_tried tried[SLOTS_MAX];
} __attribute__((aligned(64)));

/*
 * How a credential of the courier's is doing; the credential itself is in the
 * wallet, in the row of the same number.  The courier writes all but refused.
 */
enum signin_state {
	SIGNIN_STATE_NONE,  /* nothing was got yet */
	SIGNIN_STATE_GOOD,  /* fresh */
	SIGNIN_STATE_AGING, /* good until it expires, but no newer one is got */
	SIGNIN_STATE_BAD    /* none that is good */
};

struct shm_signin {
	_Atomic uint64_t id;       /* signin_conf's; 0: free row */
	_Atomic uint64_t provider; /* hash64 of its id */
	_Atomic uint32_t state, method, why, status;
	_Atomic uint32_t version; /* of the wallet's row */
	/* The version that a provider refused last; any worker. */
	_Atomic uint32_t refused;
	_Atomic int64_t got_ns, expires_ns, next_ns; /* wall; 0: none */
	_Atomic int64_t skew_ns; /* their clock minus ours */
	_Atomic uint64_t got, failed, refusals;
	struct shm_label code; /* the endpoint's own word for it */
} __attribute__((aligned(64)));

/* Keys of TLS session tickets (shm/ticket.h); [0] is the newest. */
enum { TICKET_KEYS = 3, TICKET_WORDS = 10 };

struct shm_tickets {
	_Atomic uint32_t version; /* odd while it is written */
	_Atomic uint32_t n;
	_Atomic uint64_t key[TICKET_KEYS][TICKET_WORDS];
};

/* A call that crashed a worker (shm/poison.h). */
struct shm_poison {
	_Atomic uint64_t print, key, id; /* print 0: none */
	_Atomic int64_t until_ns;        /* monotonic */
};

struct shm_sizes {
	uint32_t slots, accounts, keys, breakers, holds; /* holds: per slot */
	uint32_t subjects, limits;
	uint64_t ring_bytes; /* per slot; a power of two, >= a page */
};

struct shm_head {
	uint64_t magic, layout;
	struct shm_sizes sizes;
	uint64_t off_slots, off_accounts, off_columns, off_lives, off_subjects,
	    off_limits, off_gauges, off_holds, off_key_index, off_keys,
	    off_breakers, off_signins, off_rings, total;
	uint32_t node; /* journal names and request ids begin with it */
	uint32_t boot; /* counted by the recorder's log folder */
	_Atomic uint32_t next_incarnation;
	_Atomic uint32_t draining;
	/* Wall and monotonic clock as the recorder last confirmed them. */
	_Atomic int64_t clock_wall_ns, clock_mono_ns;
	_Atomic uint64_t generation; /* config in force */
	uint8_t aws_root[32];        /* what secrets of AWS pairs come from */
	/* No log, no call: oldest unsynced frame, monotonic; 0: none. */
	_Atomic int64_t unsynced_since_ns;
	_Atomic uint32_t log_broken; /* the recorder cannot write */
	_Atomic uint32_t recorder_ready;
	/* The courier: has tried every sign-in once; its last sign of life. */
	_Atomic uint32_t courier_ready;
	_Atomic int64_t courier_beat_ns; /* monotonic */
	_Atomic uint32_t nkeys;          /* rows in use are those below */
	/* Rows in use are those below. */
	_Atomic uint32_t naccounts, nsubjects, nlimits;
	struct shm_tickets tickets;
	_Atomic uint32_t poisons; /* ever noted */
	struct shm_poison poison[POISON_ROWS];
};

/* A process's view: the mapping and, for a slot's owner, its own slot. */
struct shm {
	int fd;
	char *base;
	struct shm_head *head;
	struct shm_slot *slots;
	struct shm_account *accounts;
	struct shm_column *columns;
	struct shm_live *lives;
	struct shm_subject *subjects;
	struct shm_limit *limits;
	struct shm_column *gauges;
	struct shm_hold *holds;
	_Atomic uint32_t *key_index; /* shm/key.h */
	struct shm_key *keys;
	struct shm_breaker *breakers;
	struct shm_signin *signins; /* SIGNINS_MAX */
	struct shm_warm *warm;
	_Atomic uint64_t *replays; /* shm/replay.h */
	uint32_t slot; /* own; UINT32_MAX: none; set by who starts up */
	/* Private copies: nobody who scribbles there moves our bounds. */
	struct shm_sizes sizes;
	uint64_t off_rings, total;
};

/*
 * Zeroed; keys and breakers are rounded up to powers of two.  Pages cost
 * nothing until they are used.  FAULT_INTERNAL with errno when the system
 * gives no memory, FAULT_CONFIG for sizes out of bounds.
 */
enum fault shm_create(const struct shm_sizes *sizes, uint32_t node,
    uint32_t boot, struct shm *out) MUST_USE;
/* Maps fd (borrowed); FAULT_DATA when the layout or a size is not ours. */
enum fault shm_attach(int fd, struct shm *out) MUST_USE;
void shm_detach(struct shm *m);

/*
 * Takes a free slot for a process to be started, for a recorder that of a
 * dead one when none is free or RECORDERS_DEAD of them wait for repair already;
 * UINT32_MAX: none, or 65,535 incarnations are used up within this boot.
 * Supervisor only.
 */
uint32_t shm_slot_take(struct shm *m, bool is_recorder);
void shm_slot_dead(struct shm *m, uint32_t slot); /* after it was reaped */
enum slot_state shm_slot_state(struct shm *m, uint32_t slot);
void shm_heartbeat(struct shm *m, int64_t mono_ns);

/* side 0 or 1; borrowed. */
struct shm_column *shm_column(
    struct shm *m, uint32_t account, unsigned side, uint32_t slot);
struct shm_live *shm_live(
    struct shm *m, uint32_t account, unsigned side, uint32_t slot);
struct shm_hold *shm_hold_at(struct shm *m, uint32_t slot, uint32_t i);
/* The gauges of a limit lie in a row, one per slot. */
struct shm_column *shm_gauge(struct shm *m, uint32_t limit, uint32_t slot);

#endif

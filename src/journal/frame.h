/*
 * frame.h - what the log is made of: frozen from the first release
 *
 * A frame is a 32-byte header, a payload, and zeros up to a multiple of 8:
 *
 *   0  u32 len        payload bytes
 *   4  u32 crc        CRC-32C over bytes 8..32+len, seeded with the CRC-32C
 *                     of the journal's name (bytes 16..28 of this header)
 *   8  u64 seq        gapless from 1 within the journal
 *  16  u32 node       \
 *  20  u32 boot        > the journal's name
 *  24  u16 slot       |
 *  26  u16 incarnation/
 *  28  u8  version    1
 *  29  u8  kind       enum frame_kind
 *  30  u16 zero
 *  32  payload        deterministic CBOR (RFC 8949 4.2.1): a map from small
 *                     integers (fields.def) to values
 *
 * All integers little endian.  Header fields 8..32 and payload are the leaf
 * of the audit tree.  A payload holds opaque ids, numbers and salted
 * commitments; names only of what the operator's configuration names.
 * Readers treat every byte as hostile.
 */
#ifndef KONTOR_JOURNAL_FRAME_H
#define KONTOR_JOURNAL_FRAME_H

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "model/agreement.h"
#include "model/ident.h"
#include "model/price.h"
#include "model/usage.h"
#include "shm/shm.h"

enum {
	FRAME_HEAD = 32,
	FRAME_MAX_RING = 768,        /* whole frame in a worker's ring */
	FRAME_MAX = 4 * 1024 * 1024, /* whole frame in a segment */
	FRAME_CANDIDATES = 48,
	FRAME_RULE = 4, /* words of a rule's name */
	FRAME_PROVIDER_ID = 64,
	FRAME_TAGS = 8,  /* of a request, beside its key's */
	FRAME_TIER = 16, /* of a used tier */
	FRAME_DEPLOYMENTS = 4096,
	FRAME_PRICES = 32768,
	FRAME_AGREEMENTS = AGREEMENTS_MAX,
	FRAME_SHARES = AGREEMENTS_MAX * SHARES_MAX,
	FRAME_NUMBERS = 16,
	FRAME_SIBLINGS = 98,
	FRAME_NUMBER_MAX = 9999 /* of corrections of one attempt */
};

/* Numbers are frozen. */
enum frame_kind {
	FRAME_INTENT = 1,  /* an attempt is about to be made */
	FRAME_OUTCOME = 2, /* how an attempt ended; resolution 0, 1, ... */
	FRAME_FINAL = 3,   /* how a request ended */
	FRAME_COUNT = 4,   /* refusals counted, not recorded singly */
	FRAME_OPEN = 5,    /* a journal begins */
	FRAME_CONFIG = 6,  /* a generation: deployments and price rows */
	FRAME_ACCOUNT = 7, /* an account is opened, changed or closed */
	FRAME_KEY = 8,     /* a key is created, changed or revoked */
	FRAME_INCIDENT = 9,
	FRAME_SUBJECT = 10, /* a subject is created, changed or closed */
	FRAME_LIMIT = 11    /* a limit is opened, changed or closed */
	/* reserved: 16 tool, 17 wait, 18 run, 19 transfer, 20 checkpoint */
};

struct journal_name {
	uint32_t node, boot;
	uint16_t slot, incarnation;
};

struct frame {
	struct journal_name name;
	uint64_t seq;
	enum frame_kind kind;
	struct slice payload; /* borrowed */
	size_t size;          /* whole frame with padding */
};

enum resolution {
	RESOLUTION_VOID = 0,      /* costs nothing */
	RESOLUTION_BOOKED = 1,    /* the provider's usage */
	RESOLUTION_OVERAGE = 2,   /* the same, above the hold */
	RESOLUTION_ESTIMATED = 3, /* counted from content */
	RESOLUTION_UNKNOWN = 4    /* booked at the bound */
};

struct frame_need {
	uint64_t account, window;
};

struct intent {
	struct reqid req;
	unsigned attempt;
	int64_t wall_ns;
	uint64_t generation, key, price, model; /* model: hash64 of its id */
	unsigned deployment;                    /* index in the generation */
	int64_t hold;                           /* nano */
	int64_t list;       /* the hold at list prices; 0: the same */
	uint64_t agreement; /* hash64 of its id; 0: none */
	unsigned ntags;
	uint64_t tags[FRAME_TAGS]; /* ids of subjects */
	unsigned n;
	struct frame_need chain[HOLD_CHAIN_MAX];
};

struct outcome {
	struct reqid req;
	unsigned attempt;
	unsigned number; /* of the resolution: 0, then corrections */
	int64_t wall_ns; /* when it ended */
	enum resolution resolution;
	bool sent;
	bool by_recorder; /* a repair */
	bool streamed;
	bool client_gone;
	uint64_t generation, key, price;
	unsigned deployment;
	int64_t hold;
	struct usage usage;
	int64_t list, contracted, effective; /* nano */
	int status;                          /* the provider's; 0: none */
	enum fault fault;
	/* Microseconds after the intent; 0: did not happen. */
	uint64_t sent_us, first_us, end_us;
	struct slice provider_id; /* the provider's request id; may be empty */
	struct slice used_tier;   /* absent: the deployment's own */
	uint64_t agreement;       /* hash64 of its id; 0: none */
	unsigned owner;           /* enum owner */
	uint64_t seen;            /* frame_pack(); 0: as it should */
	unsigned ntags;
	uint64_t tags[FRAME_TAGS]; /* ids of subjects */
	unsigned n;
	struct frame_need chain[HOLD_CHAIN_MAX];
};

/* Numbers are frozen. */
enum correction_reason {
	REASON_OPERATOR = 1,
	REASON_RECONCILED = 2, /* by the provider's records */
	REASON_LATE = 3        /* a count that came after the end */
};

/*
 * An attempt that is known better.  now and was are whole: what stands in
 * the log is was and the differences, so sums over outcomes just add.  Only
 * the recorder writes one, when the attempt's request is over.
 */
struct correction {
	struct outcome now; /* number: 1, 2, ...; wall_ns: of the correction */
	struct outcome was; /* as the frames before it add up to */
	enum correction_reason reason;
	bool stated; /* the cost was stated, not priced from the usage */
	/* The request's other attempts that count, by number. */
	unsigned nsiblings;
	struct outcome *sibling;
};

struct final {
	struct reqid req;
	int64_t wall_ns;
	uint64_t key, generation, model;
	int status; /* what the client got */
	enum fault fault;
	unsigned attempts;
	uint64_t total_us;
	bool client_gone;
	unsigned strategy, class;  /* enum strategy, enum call_class */
	unsigned nrule;            /* words of its name; 0: no rule */
	uint64_t rule[FRAME_RULE]; /* of residency; frame_pack() */
	unsigned n;                /* candidates, in order */
	struct {
		unsigned deployment;
		unsigned why; /* model/why.def */
	} candidate[FRAME_CANDIDATES];
};

struct count {
	uint64_t who; /* key id, or a salted hash of the network */
	bool is_network;
	enum fault fault;
	int64_t second; /* since 1970 */
	uint64_t times;
};

/* A journal begins: its first frame, by whoever writes it. */
struct opening {
	int64_t wall_ns;
	uint64_t generation; /* in force; 0: none yet */
	bool is_recorder;
	struct slice software; /* version of kontor */
};

struct deployment_row {
	struct slice id, model, publisher, provider, type, region, zone, tier,
	    name;
	uint64_t model_hash; /* hash64 of model */
};

struct price_row {
	struct price price; /* with its id */
	unsigned deployment;
};

struct agreement_row {
	struct agreement terms; /* with id and provider */
	struct slice name, contract, provider;
	uint64_t account; /* of its commitment; made of the name */
};

struct share_row {
	struct share terms; /* with the agreement's id */
	uint64_t account;
	struct slice partner;
};

/* A generation of the configuration: what later frames' indexes mean. */
struct generation {
	uint64_t generation;
	int64_t wall_ns;
	unsigned ndeployments, nprices, nagreements, nshares;
	struct deployment_row *deployments;
	struct price_row *prices;
	struct agreement_row *agreements;
	struct share_row *shares;
	struct slice currency; /* empty: not said */
};

enum frame_op { OP_CREATE = 1, OP_CHANGE = 2, OP_END = 3 };

/* Numbers are in the log; 0 is what accounts before there were modes say. */
enum budget_mode { BUDGET_HARD = 1, BUDGET_SOFT = 2, BUDGET_DOWNGRADE = 3 };

/*
 * The account as it is from now on.  It is the budget of a subject, or of the
 * own subject of a key, or of neither (both 0).
 */
struct account_change {
	int64_t wall_ns;
	uint64_t account, key;
	enum frame_op op;
	int64_t limit; /* nano per window */
	unsigned unit; /* enum window_unit, ledger/window.h */
	struct slice zone;
	bool hard; /* it refuses: modes hard and downgrade */
	uint64_t subject;
	unsigned mode;      /* enum budget_mode; 0: as hard says */
	uint64_t downgrade; /* hash64 of a model's id; 0: none */
	bool clamp;
	bool has_wait; /* admit_wait_ns is said; else the configuration's */
	int64_t admit_wait_ns;
	/* Not a budget: what an agreement promises; 0: a budget. */
	enum pledge_kind pledge;
	uint64_t agreement;
	struct slice name, partner;
	struct period in;
};

/* A subject as it is from now on; keys have none of their own. */
struct subject_change {
	int64_t wall_ns;
	enum frame_op op;
	uint64_t subject, parent; /* parent 0: none */
	unsigned kind;            /* enum subject_kind, shm/shm.h */
	uint8_t commitment[32];   /* SHA-256 of salt and name */
};

/* A limit as it is from now on; whose it is, as an account. */
struct limit_change {
	int64_t wall_ns;
	uint64_t limit, key, subject;
	enum frame_op op;
	unsigned kind; /* enum limit_kind, shm/shm.h */
	int64_t amount, period_ns;
	int64_t burst; /* 0: the default */
};

/* The key as it is from now on. */
struct key_change {
	int64_t wall_ns;
	uint64_t key, account, principal, team;
	enum frame_op op;
	uint8_t secret_sha256[32];
	int64_t expires_ns; /* 0: never */
	bool is_admin, has_aws;
	unsigned nmodels; /* 0: all */
	uint64_t models[KEY_MODELS_MAX];
	uint8_t commitment[32]; /* SHA-256 of salt and name */
	unsigned nsubjects;     /* beside its own: see SUBJECTS */
	uint64_t subjects[KEY_SUBJECTS];
};

struct incident {
	int64_t wall_ns;
	unsigned code;
	unsigned n;
	uint64_t numbers[FRAME_NUMBERS];
};

/*
 * --- writing: into out, at most cap bytes; returns the frame's size with
 * padding, 0 when it does not fit.  provider_id is cut to FRAME_PROVIDER_ID.
 * With window numbers below 2^32 and without a provider_id everything fits
 * into FRAME_MAX_RING. ------------------------------------------------- */

size_t frame_intent(const struct journal_name *j, uint64_t seq,
    const struct intent *v, char *out, size_t cap);
size_t frame_outcome(const struct journal_name *j, uint64_t seq,
    const struct outcome *v, char *out, size_t cap);
/* now less was must not overflow. */
size_t frame_correction(const struct journal_name *j, uint64_t seq,
    const struct correction *v, char *out, size_t cap);
size_t frame_final(const struct journal_name *j, uint64_t seq,
    const struct final *v, char *out, size_t cap);
size_t frame_count(const struct journal_name *j, uint64_t seq,
    const struct count *v, char *out, size_t cap);
size_t frame_opening(const struct journal_name *j, uint64_t seq,
    const struct opening *v, char *out, size_t cap);
size_t frame_account(const struct journal_name *j, uint64_t seq,
    const struct account_change *v, char *out, size_t cap);
size_t frame_key(const struct journal_name *j, uint64_t seq,
    const struct key_change *v, char *out, size_t cap);
size_t frame_incident(const struct journal_name *j, uint64_t seq,
    const struct incident *v, char *out, size_t cap);
size_t frame_subject(const struct journal_name *j, uint64_t seq,
    const struct subject_change *v, char *out, size_t cap);
size_t frame_limit(const struct journal_name *j, uint64_t seq,
    const struct limit_change *v, char *out, size_t cap);
/* Appends to b; false, and b as it was: larger than FRAME_MAX. */
bool frame_generation(const struct journal_name *j, uint64_t seq,
    const struct generation *v, struct buf *b) MUST_USE;
/* Any kind: payload bytes of CBOR stand at out + FRAME_HEAD. */
size_t frame_seal(const struct journal_name *j, uint64_t seq,
    enum frame_kind kind, size_t payload, char *out, size_t cap);

/* --- reading ------------------------------------------------------------ */

/*
 * The frame at the start of bytes: FAULT_NONE; FAULT_PENDING when bytes end
 * before it does; FAULT_DATA when it is damaged.
 */
enum fault frame_read(struct slice bytes, struct frame *out) MUST_USE;
/* How long the frame at the beginning of bytes says that it is, unchecked; 0:
 * there is no whole head. */
size_t frame_len(struct slice bytes);
/* These fill *out whatever it held. */
enum fault frame_get_intent(const struct frame *f, struct intent *out) MUST_USE;
/*
 * provider_id borrows from the frame.  A number above 0: a correction, and
 * the costs are differences.
 */
enum fault frame_get_outcome(
    const struct frame *f, struct outcome *out) MUST_USE;
/* Siblings lie in the arena, and share what all of a request have. */
enum fault frame_get_correction(
    const struct frame *f, struct arena *a, struct correction *out) MUST_USE;
enum fault frame_get_final(const struct frame *f, struct final *out) MUST_USE;
enum fault frame_get_count(const struct frame *f, struct count *out) MUST_USE;
/* Texts borrow from the frame, arrays lie in the arena. */
enum fault frame_get_opening(
    const struct frame *f, struct opening *out) MUST_USE;
enum fault frame_get_account(
    const struct frame *f, struct account_change *out) MUST_USE;
enum fault frame_get_key(
    const struct frame *f, struct key_change *out) MUST_USE;
enum fault frame_get_incident(
    const struct frame *f, struct incident *out) MUST_USE;
enum fault frame_get_subject(
    const struct frame *f, struct subject_change *out) MUST_USE;
enum fault frame_get_limit(
    const struct frame *f, struct limit_change *out) MUST_USE;
enum fault frame_get_generation(
    const struct frame *f, struct arena *a, struct generation *out) MUST_USE;

/* Up to eight letters as a number, and back into room for them and a NUL. */
uint64_t frame_pack(struct slice s);
void frame_unpack(uint64_t v, char out[9]);

/* --- asking -------------------------------------------------------------- */

/* NULL: not known. */
const struct price *generation_price(
    const struct generation *g, unsigned deployment, uint64_t price);
/*
 * May an outcome of this intent be priced by that row?  By the intent's, or
 * by the one in force at admission for another tier of the same deployment.
 */
bool generation_uses(
    const struct generation *g, const struct intent *in, uint64_t price);

#endif

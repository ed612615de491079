/*
 * state.h - the recorder's books in memory, shared by its files
 *
 * Everything here follows from the log: frames are applied in the order of
 * their place (apply.c), and what changed goes to the store in one
 * transaction that also says up to which place it stands (commit.c).  After a
 * start the same frames are applied again from `replay` on; what lies before
 * `applied` only brings open requests and the unfinished block back.
 */
#ifndef KONTOR_RECORDER_STATE_H
#define KONTOR_RECORDER_STATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/slab.h"
#include "journal/filter.h"
#include "journal/frame.h"
#include "journal/segment.h"
#include "ledger/window.h"
#include "model/snapshot.h"
#include "model/sum.h"
#include "recorder/run.h"
#include "recorder/table.h"
#include "shm/ring.h"
#include "shm/shm.h"
#include "store/store.h"

enum incident_code {
#define INCIDENT(number, NAME, text) INCIDENT_##NAME = number,
#include "model/incidents.def"
#undef INCIDENT
};

enum {
	/* What may have passed and not been noted when a worker died. */
	REPAIR_SLACK_TOKENS = 16,
	BLOCK_BYTES = 1024 * 1024,
	/* Dirty rows that make a commit due at once. */
	ROWS_MAX = 50000
};

/* --- requests that are not over --------------------------------------------
 */

struct attempt {
	struct attempt *next;
	unsigned number;
	bool open;
	int64_t dim; /* of a resolved one that counts; 0: none */
	char flag;   /* 'b', 'e', 'u' */
	struct intent said;
};

struct request {
	struct node node;
	struct request *older, *newer; /* by place */
	struct reqid id;
	struct journal_name journal; /* that of its first intent */
	uint64_t place;
	uint64_t hash; /* filter_hash() of its id */
	struct attempt *attempts;
};

/* --- money ------------------------------------------------------------------
 */

struct live_share {
	uint32_t slot, incarnation;
	int64_t settled;
};

struct balance {
	struct node node;
	uint64_t account, window;
	int64_t settled;
	unsigned alerted; /* thresholds that were passed, a bit each */
	bool dirty;
	bool moved; /* by a correction: the own column follows the commit */
	unsigned n; /* shares of journals of this boot's live slots */
	struct live_share *share;
};

/* --- nouns
 * -------------------------------------------------------------------*/

/*
 * Whose money and pace it is.  Of a key it is the own subject, which keys
 * made in its place share: its id is that of the first key.
 */
struct subject {
	struct node node;
	uint64_t id;
	enum subject_kind kind;
	struct subject *parent; /* NULL: none */
	char *name;             /* "#12": it was lost with the store */
	uint8_t salt[16];
	bool closed, dirty;
	int64_t created_ns;
	uint32_t row;            /* in shm; UINT32_MAX: not yet */
	struct account *budgets; /* in order, closed ones too */
	struct cap *caps;
};

struct account {
	struct node node;
	uint64_t id;
	uint64_t subject, key; /* whose: see journal/frame.h */
	struct subject *owner; /* NULL: it is no budget */
	struct account *next;  /* of the owner */
	int64_t limit;
	unsigned unit;
	char *zone;
	unsigned mode;      /* enum budget_mode; 0: as hard says */
	uint64_t downgrade; /* hash64 of a model's id */
	int64_t wait_ns;    /* below 0: the configuration's */
	bool hard, clamp, closed, dirty;
	unsigned version; /* counts its frames */
	int64_t created_ns;
	uint32_t row;    /* in shm; UINT32_MAX: not yet */
	int64_t from_ns; /* wall: its window began then */
	int64_t due_ns;  /* wall: when its windows need a look */
};

/* A limit. */
struct cap {
	struct node node;
	uint64_t id;
	uint64_t subject, key; /* as an account's */
	struct subject *owner;
	struct cap *next; /* of the owner */
	unsigned kind;    /* enum limit_kind */
	int64_t amount, period_ns, burst;
	bool closed, dirty;
	unsigned version;
	int64_t created_ns;
	uint32_t row;
};

struct key {
	struct node node;
	uint64_t id;
	char *name, *team, *models; /* models: JSON list of names */
	uint8_t secret_sha256[32];
	int64_t expires_ns;
	uint64_t principal, team_id;
	uint64_t account; /* as old frames say it; 0: none */
	struct subject *own;
	/* Where it stands: user or service, project, team, org, tags. */
	struct subject **subject;
	uint64_t *model; /* hashes of those it may use; none: all */
	int64_t created_ns;
	uint8_t salt[16];
	uint8_t nsubjects, nmodels;
	bool is_admin, has_aws, revoked, dirty;
};

/* An account that an agreement makes; its sum is in balances, window 1. */
struct pledge {
	struct node node;
	uint64_t account, agreement;
	enum pledge_kind kind;
	char *name, *partner;
	int64_t amount; /* committed, or the cap */
	struct period in;
	int64_t created_ns;
	bool dirty;
};

/* --- what is counted
 * --------------------------------------------------------*/

enum dim_text {
	DIM_MODEL,
	DIM_PROVIDER,
	DIM_PUBLISHER,
	DIM_DEPLOYMENT,
	DIM_REGION,
	DIM_TIER, /* that it was sold at */
	DIM_TYPE,
	DIM_ZONE,
	DIM_NAME, /* of the model at the provider */
	DIM_TAGS, /* ids of the request's tags: "3,17" */
	DIM_TEXTS
};

/* What attempts are grouped by beside key and time. */
struct dim {
	struct node node;
	struct dim *fresh; /* the next that waits for the store */
	int64_t id;
	uint64_t price, agreement;
	int64_t percent, per_token; /* the agreement's discount then */
	unsigned step;              /* of the price row: 0 none, or from 1 */
	char flag;                  /* 'b', 'e', 'u' */
	int64_t late; /* a correction of this hour in a later month; 0 */
	char *text[DIM_TEXTS];
};

/* The same, found by what an outcome says. */
struct dim_ref {
	struct node node;
	int64_t dim;
	unsigned deployment;
	uint64_t price, agreement;
	unsigned step;
	char flag;
	int64_t late;
	unsigned ntags;
	uint64_t tags[FRAME_TAGS];
};

struct path {
	struct node node;
	struct path *fresh; /* as a dim's */
	int64_t id;
	char *text;
};

struct roll {
	struct node node;
	int64_t minute;
	uint64_t key;
	int64_t dim;
	int64_t sum[SUMS];
};

struct calls {
	struct node node;
	int64_t minute;
	uint64_t key;
	int64_t path;
	int64_t n;
};

struct refusal {
	struct node node;
	struct count count; /* second: of the minute */
};

struct suspense {
	struct node node; /* by attempt */
	struct suspense *next;
	struct outcome what;
	int64_t dim;
	bool resolved; /* leaves the store */
};

struct noted_correction {
	struct node node; /* by attempt */
	struct noted_correction *next;
	struct correction what; /* without siblings */
};

/* A generation that frames may name. */
struct known_config {
	struct node node;
	struct arena arena;
	struct generation g;
	struct table dims; /* dim_ref: those met so far */
	struct buf payload;
	bool dirty;
};

/* A budget passed a threshold: for the store. */
struct noted_alert {
	struct noted_alert *next;
	uint64_t account, window;
	unsigned threshold; /* percent */
	int64_t at_ns, spent, limit;
};

struct cursor {
	struct node node;
	struct journal_name name;
	uint64_t seq;
	bool dirty;
};

struct block {
	uint64_t start, stop;
	int64_t first_ms, last_ms;
	uint8_t filter[FILTER_LEN];
	struct block *next; /* closed ones that wait for the store */
};

struct noted_incident {
	struct noted_incident *next;
	uint64_t place;
	struct incident what;
};

/* --- slots
 * ------------------------------------------------------------------*/

struct reader {
	struct ring *ring;
	uint32_t incarnation; /* that the position belongs to; 0: none */
	uint64_t at;          /* next byte to read */
	bool quarantined;
};

struct zone_known;
struct answer;

struct recorder {
	struct shm *m;
	uint32_t own;
	char *data_dir, *log_dir;
	const struct disk *disk;
	uint64_t rotate;
	struct snapshot *snapshot; /* in force; may be NULL in tests */
	int lock_fd;

	struct log *log;
	struct notary *notary; /* audit/notary.h */
	bool notary_told;      /* its trouble is in the log */
	struct store *store;
	struct journal_name name; /* own journal */
	uint64_t seq;             /* last of it */
	uint64_t applied;         /* store: everything before this place */
	uint64_t replay;          /* store: where to start */
	uint64_t place;           /* memory: everything before this place */

	struct table requests, balances, accounts, keys, dims, paths, rolls,
	    calls, refusals, levels, configs, cursors, subjects, names, caps,
	    pledges, suspended, corrected;
	uint64_t last_subject, last_account, last_cap; /* handed out */
	struct request *oldest, *newest;
	struct slab request_slab, attempt_slab;
	struct buf path_text; /* memory for one at a time */
	struct suspense *suspense;
	struct noted_correction *corrections;
	struct noted_incident *incidents;
	struct noted_alert *alerts;
	struct block *blocks;
	struct block block;  /* being filled */
	uint64_t block_from; /* places before it have their block */
	int64_t last_dim, last_path;
	struct dim *fresh_dims;
	struct path *fresh_paths;
	struct known_config *last_config;
	struct cursor *last_cursor;
	size_t dirty_rows;
	bool dirty; /* anything since the last commit */

	struct reader reader[SLOTS_MAX];
	uint32_t repair_slot; /* being repaired, for its callbacks */

	int64_t unsynced_ns; /* monotonic: oldest frame not durable; 0 */
	int64_t last_prune_ns, last_checkpoint_ns;
	int64_t last_flush_ns, last_commit_ns, last_failure_ns, last_clock_ns;
	int64_t suspect_ns; /* since when the wall clock is doubted */
	int64_t suspect_skew_ns;
	int64_t next_window_ns;  /* wall: some window ends */
	int64_t window_floor_ns; /* wall: before it some window has not begun */
	/* Incidents of attempts that the next turn writes: the newest of a
	 * kind, at most one a minute. */
	struct raised {
		bool due;
		int64_t last_ns; /* monotonic; 0: never */
		uint64_t numbers[4];
	} raised[2];
	bool replaying; /* frames come from the log, not from rings */
	bool log_failing, store_failing;
	bool wal_dirty;  /* something was stored since the checkpoint */
	bool repair_due; /* one had to wait for the disk */
	/* Idempotent answers that wait for the next commit. */
	struct answer *answers;
	bool unpublished; /* the log has nouns that the tables have not */
	struct zone_known *zones; /* calendar.c */

	/* Tests: called at every step that a crash may split. */
	void (*step)(void *arg, const char *where);
	void *step_arg;
};

struct answer {
	struct answer *next;
	char *key, *text, *asked;
};

static inline void
recorder_step(struct recorder *r, const char *where)
{
	if (r->step != NULL)
		r->step(r->step_arg, where);
}

/* --- apply.c: one frame into the books --------------------------------------
 */

/*
 * place: where it stands in the log.  A frame before r->applied is history:
 * it only brings back what is open.  FAULT_DATA, and nothing changed, when
 * it says what cannot be; *why then says what.
 */
enum fault apply_frame(struct recorder *r, const struct frame *f,
    uint64_t place, const char **why) MUST_USE;
struct request *request_find(const struct recorder *r, const struct reqid *id);
struct attempt *attempt_find(const struct request *q, unsigned number);
void requests_free(struct recorder *r);
/* hash: filter_hash() of the id. */
void block_note(
    struct recorder *r, const struct reqid *id, uint64_t hash, uint64_t place);
bool attempt_chain_known(
    const struct recorder *r, const struct frame_need *chain, unsigned n);
/* What is wrong with it, or NULL. */
const char *attempt_judge_numbers(const struct outcome *o);
const char *attempt_judge_resolution(const struct outcome *o);
char apply_flag(enum resolution res);
/* The attempts that count, as usage counts the call: empty, none does. */
void path_write(const struct request *q, struct buf *out);
struct cursor *cursor_get(struct recorder *r, const struct journal_name *n);

/* --- book.c: balances and what is counted -----------------------------------
 */

struct balance *balance_get(
    struct recorder *r, uint64_t account, uint64_t window);
void balance_add(struct recorder *r, uint64_t account, uint64_t window,
    const struct journal_name *by, int64_t amount);
/* Nothing of it is in the columns of others any more; true: it was said that
 * something is, and the store must hear of it. */
bool balance_bring(struct recorder *r, uint64_t account, uint64_t window);
/* books_f: what the own column stands for. */
int64_t balance_own(void *arg, uint64_t account, uint64_t window);
/* Forgets what no window needs; after a commit. */
void balances_trim(struct recorder *r);

struct known_config *config_find(struct recorder *r, uint64_t generation);
const struct price *config_price(
    const struct known_config *c, unsigned deployment, uint64_t id);
/* Takes the frame's payload. */
enum fault config_learn(
    struct recorder *r, struct slice payload, bool dirty) MUST_USE;
int64_t path_get(struct recorder *r, struct slice text);
/* The minute of a request, which is the time of all its attempts. */
int64_t roll_minute(const struct reqid *id);
/* Months, UTC, by number: what is reported of one that is over stays. */
int64_t roll_month(int64_t wall_ms);
/* times: 1, or -1 for what a correction takes back. */
void roll_add(struct recorder *r, const struct outcome *o, int64_t dim,
    int64_t minute, int times);
void calls_add(
    struct recorder *r, uint64_t key, int64_t path, int64_t minute, int times);
void refusal_add(struct recorder *r, const struct count *c);

/* --- level.c: how often and how fast ----------------------------------------
 */

void level_attempt(
    struct recorder *r, const struct known_config *c, const struct outcome *o);
void level_request(struct recorder *r, const struct final *v);
void levels_save(struct recorder *r); /* into the open transaction */

void books_free(struct recorder *r);

/* --- dim.c ------------------------------------------------------------------
 */

/* late: see struct dim; the outcome's deployment is one of the generation. */
int64_t dim_of(struct recorder *r, struct known_config *c,
    const struct outcome *o, int64_t late);
void dims_load(struct recorder *r);
void dims_save(struct recorder *r); /* those that the store has not */

/* --- suspense.c: attempts at their bound, and corrections
 * ----------------------------------- */

void suspense_add(struct recorder *r, const struct outcome *o, int64_t dim);
/* As apply_kind's: what is wrong with it, or NULL. */
const char *correction_apply(
    struct recorder *r, const struct frame *f, uint64_t place);
void suspense_save(struct recorder *r);   /* into the open transaction */
void suspense_forget(struct recorder *r); /* what waits for the store */
/* What corrections moved is durable: the own columns follow. */
void suspense_settle(struct recorder *r);

/* --- pledge.c: commitments and revenue shares --------------------------------
 */

const char *pledge_apply(struct recorder *r, const struct account_change *v);
/* What an outcome or a correction moves, at its place in the log. */
void pledge_book(struct recorder *r, const struct frame *f,
    const struct outcome *o, const struct outcome *was);
/*
 * Frames for the accounts that the log does not know as they are now.  A
 * commitment stays as it was when the month of its end was over, until another
 * end is agreed.
 */
void pledges_open(struct recorder *r, const struct snapshot *s);
void pledges_load(struct recorder *r);
void pledges_save(struct recorder *r);
void pledges_clean(struct recorder *r);
void pledges_free(struct recorder *r);

/* --- own.c: the recorder's own journal ---------------------------------------
 */

/* Each appends to the log and applies. */
void own_outcome(struct recorder *r, const struct outcome *v);
/* False: what it says cannot be (said in the log). */
bool own_correction(struct recorder *r, const struct correction *v) MUST_USE;
void own_intent(struct recorder *r, const struct intent *v);
void own_final(struct recorder *r, const struct final *v);
void own_opening(struct recorder *r);
void own_account(struct recorder *r, const struct account_change *v);
void own_key(struct recorder *r, const struct key_change *v);
void own_subject(struct recorder *r, const struct subject_change *v);
void own_limit(struct recorder *r, const struct limit_change *v);
void own_generation(struct recorder *r, const struct snapshot *s);
void own_incident(struct recorder *r, enum incident_code code, unsigned n,
    const uint64_t *numbers);

/* --- tree.c: subjects
 * ---------------------------------------------------------
 */

/* Apply functions give what is wrong, or NULL. */
const char *tree_apply(struct recorder *r, const struct subject_change *v);
/* A tag, a team ...: not of a key.  NULL: there is none. */
struct subject *tree_find(const struct recorder *r, uint64_t id);
/* One that is not closed. */
struct subject *tree_named(
    const struct recorder *r, enum subject_kind kind, struct slice name);
/* The own subject of keys, made when there is none. */
struct subject *tree_own(struct recorder *r, uint64_t key);
/* Whose an account or a limit is; NULL: nobody's. */
struct subject *tree_owner(struct recorder *r, uint64_t subject, uint64_t key);
void tree_name(struct recorder *r, struct subject *s, struct slice name,
    const uint8_t salt[16]);
uint64_t tree_next_id(struct recorder *r);
/* NULL: it must be said; else "team" ... */
const char *tree_kind(unsigned kind);
enum subject_kind tree_kind_find(struct slice name); /* 0: none such */
/* Appends "team ml"; the name cut to most bytes. */
void tree_label(const struct subject *s, size_t most, struct buf *out);
/* Its row and lists, whose budgets and limits have theirs already; false: a
 * table is full. */
bool tree_publish(struct recorder *r, struct subject *s) MUST_USE;
/* All its budgets and limits have rows: without one it would spend without a
 * limit. */
bool tree_whole(const struct subject *s);
/* The rows that an earlier recorder published. */
void tree_adopt(struct recorder *r);
/* From the store. */
struct subject *tree_load(struct recorder *r, uint64_t id,
    enum subject_kind kind, uint64_t parent, struct slice name);
void tree_free(struct recorder *r);

/* --- budget.c
 * ------------------------------------------------------------------
 */

struct account *account_find(const struct recorder *r, uint64_t id);
const char *budget_apply(struct recorder *r, const struct account_change *v);
/* Gives it to its owner; what is loaded has ids only. */
void budget_attach(struct recorder *r, struct account *a);
uint64_t budget_next_id(struct recorder *r);
enum budget_mode budget_mode(const struct account *a);
const char *budget_mode_name(enum budget_mode m);
/* Into shared memory; false: the table is full. */
bool budget_publish(struct recorder *r, struct account *a) MUST_USE;

/* Says which of them a new configuration leaves without their model. */
void budget_check_models(struct recorder *r);

/* --- cap.c: limits
 * ---------------------------------------------------------------
 */

struct cap *cap_find(const struct recorder *r, uint64_t id);
const char *cap_apply(struct recorder *r, const struct limit_change *v);
void cap_attach(struct recorder *r, struct cap *c);
uint64_t cap_next_id(struct recorder *r);
bool cap_publish(struct recorder *r, struct cap *c) MUST_USE;

/* --- alert.c
 * ---------------------------------------------------------------------
 */

/* After something was booked, or the limit changed. */
void alert_check(struct recorder *r, const struct account *a, uint64_t window,
    int64_t wall_ns);
void alert_load(struct recorder *r, struct balance *b);
void alert_save(struct recorder *r);
void alert_forget(struct recorder *r);

/* --- noun.c: keys
 * ------------------------------------------------ */

struct key *noun_key(const struct recorder *r, uint64_t id);
const char *noun_apply_key(struct recorder *r, const struct key_change *v);
/* Into shared memory; false: a table is full. */
bool noun_publish_key(struct recorder *r, struct key *k) MUST_USE;
/* Its subject of that kind; NULL: it has none. */
struct subject *noun_subject(const struct key *k, enum subject_kind kind);
void noun_name_own(struct key *k);
void noun_set_team(struct key *k, struct slice name);
/* A subject it stands under has another name. */
void noun_renamed(struct recorder *r, struct key *k);
/* Ids to subjects; false: one is not known, or of no such place. */
/* Copies them. */
void noun_set_models(struct key *k, const uint64_t *model, unsigned n);
bool noun_place(
    struct recorder *r, struct key *k, const uint64_t *id, unsigned n) MUST_USE;
void nouns_publish(struct recorder *r);
/* After a commit: what one that failed owed the tables. */
void nouns_make_good(struct recorder *r);
/* The store was made again from the log: names are gone. */
void nouns_say_lost(const struct recorder *r);
void nouns_free(struct recorder *r);

/* --- calendar.c: windows and clocks
 * ------------------------------------------- */

/* The account's window at that time. */
uint64_t calendar_window(
    struct recorder *r, const struct account *a, int64_t wall_ns);
/*
 * Publishes the window that wall_ns lies in and the next.  renew: also sets
 * the own column of those that are there already (a new recorder).
 */
void calendar_open(
    struct recorder *r, struct account *a, int64_t wall_ns, bool renew);
/* Confirms the wall clock and opens what is due. */
void calendar_turn(struct recorder *r, int64_t wall_ns, int64_t mono_ns);
/* The wall clock, but as it would be when it jumped and is still doubted. */
int64_t calendar_wall(struct recorder *r);
void calendar_free(struct recorder *r);

/* --- drain.c: rings
 * ------------------------------------------------------------ */

/* True: something was read; more (NULL: who cares): a ring may have more. */
bool drain_all(struct recorder *r, bool *more);
void drain_slot(struct recorder *r, uint32_t slot);
/* Gives back what is durable. */
void drain_free(struct recorder *r);
/* Writes and syncs; keeps the words of shared memory about it. */
enum fault drain_flush(struct recorder *r) MUST_USE;
void drain_close(struct recorder *r);

/* --- repair.c
 * ------------------------------------------------------------------- */

/* FAULT_NONE: the slot is free (or was never dead). */
enum fault repair_dead(struct recorder *r, uint32_t slot) MUST_USE;
/* Every slot that is marked dead. */
void repair_all(struct recorder *r);
/* Requests whose journal nobody will go on with. */
void repair_orphans(struct recorder *r);

/* --- prune.c ----------------------------------------------------------------
 */

enum { PRUNE_MINUTES_DAYS = 92 };

/* Only when everything is in the store; true: there is more of it to do. */
bool prune_turn(struct recorder *r, int64_t wall_ns, int64_t mono_ns);

/* --- commit.c: the store
 * --------------------------------------------------------- */

enum fault commit_load(struct recorder *r) MUST_USE;
/* Flushes the log first: the store never knows more than the disk. */
enum fault commit_all(struct recorder *r) MUST_USE;
void commit_forget(struct recorder *r); /* what waits for the store */

#endif

/*
 * control_priv.h - private to recorder/control*.c: one wish of the admin API
 *
 * An operation looks at everything first and refuses with a reason; only then
 * it writes frames, makes them durable, and publishes what they say.  So
 * nothing is ever half done, and a wish that is repeated with its
 * idempotency key is answered as the first time.
 */
#ifndef KONTOR_RECORDER_CONTROL_PRIV_H
#define KONTOR_RECORDER_CONTROL_PRIV_H

#include "base/json.h"
#include "recorder/state.h"

enum { NAME_MAX_LEN = 200, IDEM_MAX_LEN = 200, SUBJECT_NAME_MAX = 100 };

/* FAULT_NONE, or a fault and a sentence; the first refusal stays. */
struct reply {
	enum fault fault;
	const char *text;
	struct buf extra; /* members beside "ok", each with its comma */
	struct arena *arena;
};

void control_refuse(struct reply *p, enum fault fault, const char *text);
void control_refuse_fmt(struct reply *p, enum fault fault, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Asked before: the answer is in p, and what was written then is good now. */
bool control_again(struct recorder *r, const struct json *j, struct reply *p);
void control_remember(
    struct recorder *r, const struct json *j, const struct reply *p);
/* Log and store; false: refused. */
bool control_durable(struct recorder *r, struct reply *p);

/* Appends ,"key":"text" and ,"key":"12". */
void control_say(struct reply *p, const char *key, struct slice text);
void control_say_id(struct reply *p, const char *key, uint64_t id);

/* --- what a message says: control_read.c ------------------------------------
 */

/* Empty: absent.  Anything but a text is refused. */
struct slice control_text(
    const struct json *j, const char *key, struct reply *p);
uint64_t control_id(const struct json *j, const char *key, struct reply *p);
/* It has a control character, or is not UTF-8. */
bool control_text_odd(struct slice s);
/* A name somebody gives: no control characters, not too long. */
bool control_name_sane(
    enum subject_kind kind, struct slice name, struct reply *p);
/* "team:ml", "key:ID": NULL and refused, or whose it is. */
struct subject *control_scope(
    struct recorder *r, struct slice text, struct reply *p);

/* What a budget shall say; what is not said has no mark. */
struct terms {
	bool has_limit, has_mode, has_clamp, has_wait;
	int64_t limit;
	enum window_unit unit; /* with has_limit */
	struct slice zone;     /* empty: not said */
	enum budget_mode mode;
	uint64_t downgrade; /* with mode */
	bool clamp;
	int64_t wait_ns; /* below 0: the configuration's */
};

/* Members budget, zone, mode, downgrade_to, tight, admit_wait, each with the
 * prefix before its name. */
void control_terms(struct recorder *r, const struct json *j, const char *prefix,
    struct terms *out, struct reply *p);

/* "requests=600/minute" and a burst. */
void control_limit(
    struct slice text, struct limit_change *out, struct reply *p);

/* --- what binds a call: control_chain.c -------------------------------------
 */

/* A change that is thought of. */
struct chain_change {
	const struct subject *at;   /* who gets it */
	unsigned budgets, caps;     /* how many more */
	uint64_t downgrade;         /* hash of a model; 0: none */
	const struct account *less; /* goes, or is what changes */
};

/* Every live key that the subject binds. */
void control_chain_check(
    struct recorder *r, const struct chain_change *c, struct reply *p);
/* A key that is to be. */
void control_chain_key(struct recorder *r, const struct subject *const *s,
    unsigned n, const struct chain_change *own, struct reply *p);

/* --- where something stands: control_place.c --------------------------------
 */

struct spot {
	enum subject_kind kind; /* 0: not wanted */
	struct slice name;
	struct subject *s; /* NULL: to be made */
};

/* From the message: user or service, project, team, org, then tags. */
struct place {
	struct spot org, team, project, who;
	unsigned ntags;
	struct spot tag[KEY_SUBJECTS];
};

void control_place(struct recorder *r, const struct json *j, struct place *out,
    struct reply *p);
/* How many subjects it would make. */
unsigned control_place_missing(const struct place *w);
/* Frames for what is missing; then every spot has its subject. */
void control_place_make(struct recorder *r, struct place *w);
/* In the order of SUBJECTS; those that are there. */
unsigned control_place_list(
    const struct place *w, struct subject *out[KEY_SUBJECTS]);
/* Is there room for so many more subjects (keys count)? */
bool control_subject_room(
    const struct recorder *r, unsigned more, struct reply *p);

/* Its row, and the lists of what has a row by now. */
void control_subject_publish(
    struct recorder *r, struct subject *s, struct reply *p);

/* --- rows in frames: control_budget.c, control_limit.c ----------------------
 */

/* A new budget that the terms describe; checked before.  Not yet durable. */
struct account *control_budget_make(
    struct recorder *r, const struct subject *s, const struct terms *t);
/* The account's row and windows; its owner's lists come after. */
void control_budget_publish(
    struct recorder *r, struct account *a, struct reply *p);
bool control_budget_room(
    const struct recorder *r, unsigned more, struct reply *p);
struct cap *control_limit_make(
    struct recorder *r, const struct subject *s, const struct limit_change *v);
void control_limit_publish(struct recorder *r, struct cap *c, struct reply *p);
bool control_limit_room(
    const struct recorder *r, unsigned more, struct reply *p);

/* --- operations
 * ---------------------------------------------------------------
 */

typedef void control_f(
    struct recorder *r, const struct json *j, struct reply *p);

control_f control_key_create, control_key_revoke, control_key_rotate;
/* What shared memory has revoked and the books have not: ends there too. */
void control_keys_end(struct recorder *r);
control_f control_subject_create, control_subject_rename, control_subject_close;
control_f control_budget_set, control_budget_change, control_budget_close;
control_f control_limit_set, control_limit_close;
control_f control_note_save, control_note_delete;

#endif

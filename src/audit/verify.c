#include "audit/verify.h"

#include <stdarg.h>
#include <stdio.h>

#include "audit/checkpoint.h"
#include "audit/files.h"
#include "audit/tile.h"
#include "base/arena.h"
#include "base/map.h"
#include "journal/segment.h"

enum { HISTORY_MAX = 1 << 30, TRIES = 8 };

/* What a checkpoint says of the tree. */
struct seal {
	uint64_t size, place;
	struct merkle_hash root;
};

struct journal {
	struct journal_name name;
	uint64_t seq;
};

/* One level's tile that is being compared. */
struct view {
	bool have;
	uint64_t n;
	unsigned width;
	enum fault fault;
	struct merkle_hash hash[MERKLE_WIDTH];
};

struct verify {
	const struct audit_query *q;
	struct audit_result *r;
	struct note_key key;

	struct seal *seal; /* by size */
	size_t nseals, next;
	uint64_t size; /* of the newest */
	struct view view[MERKLE_LEVELS];

	struct merkle tree;
	uint64_t covered; /* place behind the last leaf */
	uint64_t good;    /* leaves of the last seal that was met */
	bool blame;       /* leaf and tile differ: the next root decides */
	bool stop;

	struct arena arena;
	struct map journals;
	struct journal *journal;
};

static bool problem(struct verify *v, const char *what, uint64_t index,
    uint64_t place, const char *fmt, ...) PRINTF_LIKE(5, 6);

/* The first one counts; always false. */
static bool
problem(struct verify *v, const char *what, uint64_t index, uint64_t place,
    const char *fmt, ...)
{
	struct audit_problem *p = &v->r->problem;
	va_list ap;

	v->stop = true;
	if (p->what != NULL)
		return false;
	p->what = what;
	p->index = index;
	p->place = place;
	va_start(ap, fmt);
	(void)vsnprintf(p->text, sizeof(p->text), fmt, ap);
	va_end(ap);
	return false;
}

/* --- checkpoints ---------------------------------------------------------- */

static const struct seal *
last_seal(const struct verify *v)
{
	static const struct seal none;

	return v->nseals > 0 ? &v->seal[v->nseals - 1] : &none;
}

static void
add_seal(struct verify *v, const struct checkpoint *c)
{
	/* Twice as much each time. */
	if ((v->nseals & (v->nseals - 1)) == 0)
		v->seal =
		    mem_grow(v->seal, (v->nseals * 2 + 1) * sizeof(*v->seal));
	v->seal[v->nseals++] = (struct seal){ c->size, c->place, c->root };
	v->r->time = c->time;
}

/* Is b a later state of the tree of a? */
static bool
may_follow(const struct seal *a, const struct checkpoint *b)
{
	if (b->size < a->size || b->place < a->place)
		return false;
	return b->size != a->size ||
	       (b->place == a->place && merkle_same(&b->root, &a->root));
}

static bool
bad_checkpoint(struct verify *v, const char *which, uint64_t number)
{
	const struct seal *s = last_seal(v);

	return problem(v, "checkpoint", s->size, s->place,
	    "%s checkpoint %llu is not what was signed, or not in its place",
	    which, (unsigned long long)number);
}

static bool
take_history(struct verify *v, struct slice *rest, uint64_t *count)
{
	struct checkpoint c;
	struct slice note;

	for (*count = 0; note_next(rest, &note); ++*count) {
		if (!checkpoint_open(note, &v->key, &c) ||
		    c.history != *count + 1 ||
		    (*count > 0 && !may_follow(last_seal(v), &c)))
			return bad_checkpoint(v, "history's", *count);
		add_seal(v, &c);
	}
	return true;
}

/* The history may be ahead by one, or cut in the middle of it: a crash. */
static bool
take_current(
    struct verify *v, struct slice note, struct slice rest, uint64_t count)
{
	struct seal ahead;
	struct checkpoint c;

	if (!checkpoint_open(note, &v->key, &c) ||
	    (count != c.history && count != c.history + 1) || count == 0 ||
	    (rest.len > 0 && count != c.history))
		return bad_checkpoint(v, "the current, behind", count);
	if (count == c.history) {
		if (!may_follow(last_seal(v), &c))
			return bad_checkpoint(v, "the current, behind", count);
		add_seal(v, &c);
		return true;
	}
	ahead = v->seal[--v->nseals];
	if ((count > 1 && !may_follow(last_seal(v), &c)) ||
	    ahead.size < c.size || ahead.place < c.place)
		return bad_checkpoint(v, "the current, behind", count - 1);
	add_seal(v, &c);
	c.size = ahead.size;
	c.place = ahead.place;
	c.root = ahead.root;
	add_seal(v, &c);
	return true;
}

static enum fault
read_optional(const char *dir, const char *name, size_t max, struct buf *b)
{
	const enum fault fault = files_read(dir, name, max, b);

	/* Not there, or absurd: judged as empty. */
	if (fault == FAULT_NOT_FOUND || fault == FAULT_DATA)
		return FAULT_NONE;
	return fault;
}

/* Both files, as they stood beside each other. */
static enum fault
read_checkpoints(const char *dir, struct buf *current, struct buf *history)
{
	struct buf again = { 0 };
	enum fault fault = FAULT_NONE;
	int tries;

	for (tries = 0; tries < TRIES && fault == FAULT_NONE; tries++) {
		buf_clear(current);
		buf_clear(history);
		buf_clear(&again);
		fault = read_optional(dir, FILES_CURRENT, NOTE_MAX, current);
		if (fault == FAULT_NONE)
			fault = read_optional(
			    dir, FILES_HISTORY, HISTORY_MAX, history);
		if (fault == FAULT_NONE)
			fault =
			    read_optional(dir, FILES_CURRENT, NOTE_MAX, &again);
		if (slice_eq(buf_slice(current), buf_slice(&again)))
			break;
	}
	buf_fini(&again);
	return fault;
}

static enum fault
load_checkpoints(struct verify *v)
{
	struct buf current = { 0 }, history = { 0 };
	struct slice rest;
	enum fault fault;
	uint64_t count;

	fault = read_checkpoints(v->q->dir, &current, &history);
	rest = buf_slice(&history);
	if (fault == FAULT_NONE && take_history(v, &rest, &count) &&
	    take_current(v, buf_slice(&current), rest, count))
		v->size = last_seal(v)->size;
	v->r->checkpoints = v->nseals;
	buf_fini(&current);
	buf_fini(&history);
	return fault;
}

/* A checkpoint that somebody kept elsewhere is one more to meet. */
static enum fault
load_kept(struct verify *v)
{
	struct buf b = { 0 };
	const struct seal *s = last_seal(v);
	struct checkpoint c;
	size_t at;
	enum fault fault = files_read(".", v->q->kept, NOTE_MAX, &b);

	if (fault == FAULT_NONE &&
	    !checkpoint_open(buf_slice(&b), &v->key, &c)) {
		(void)problem(v, "checkpoint", 0, 0,
		    "the kept checkpoint is not one of this key");
	} else if (fault == FAULT_NONE && c.size > s->size) {
		(void)problem(v, "missing", s->size, s->place,
		    "the kept checkpoint has %llu leaves: the log was set back",
		    (unsigned long long)c.size);
	} else if (fault == FAULT_NONE) {
		const uint64_t time = v->r->time;

		add_seal(v, &c);
		v->r->time = time;
		for (at = v->nseals - 1;
		     at > 0 && v->seal[at - 1].size > c.size; at--)
			v->seal[at] = v->seal[at - 1];
		v->seal[at] = (struct seal){ c.size, c.place, c.root };
	}
	buf_fini(&b);
	return fault;
}

/* --- leaves --------------------------------------------------------------- */

static bool
check_sequence(struct verify *v, const struct frame *f, uint64_t place)
{
	const struct slice name = { (const char *)&f->name, sizeof(f->name) };
	struct journal *j = v->journal;

	if (j == NULL || memcmp(&j->name, &f->name, sizeof(f->name)) != 0)
		j = map_find(&v->journals, name);
	if (j == NULL) {
		j = ARENA_NEW(&v->arena, struct journal);
		j->name = f->name;
		(void)map_put(&v->journals,
		    (struct slice){ (char *)&j->name, sizeof(j->name) }, j);
	}
	v->journal = j;
	if (f->seq != j->seq + 1)
		return problem(v, "sequence", v->tree.size, place,
		    "frame %llu of its journal, after %llu",
		    (unsigned long long)f->seq, (unsigned long long)j->seq);
	j->seq = f->seq;
	return true;
}

/* The tile that has entry `at` of a level. */
static const struct view *
view_of(struct verify *v, unsigned level, uint64_t at)
{
	struct view *w = &v->view[level];

	if (!w->have || w->n != at / MERKLE_WIDTH) {
		w->have = true;
		w->n = at / MERKLE_WIDTH;
		w->fault = tile_read(
		    v->q->dir, v->size, level, w->n, w->hash, &w->width);
	}
	return w;
}

/* Does the tile say the same of entry `at`, which begins with leaf index? */
static bool
check_tile(struct verify *v, unsigned level, uint64_t at,
    const struct merkle_hash *h, uint64_t place)
{
	const uint64_t index = at << (8 * level);
	const struct view *w = view_of(v, level, at);
	char path[TILE_PATH];

	tile_path(level, at / MERKLE_WIDTH, MERKLE_WIDTH, path);
	if (w->fault != FAULT_NONE)
		return problem(v, "tile", index, place, "%s is %s", path,
		    w->fault == FAULT_NOT_FOUND ? "not there" : "not whole");
	if (merkle_same(&w->hash[at % MERKLE_WIDTH], h))
		return true;
	/* Which of the two is wrong, the next root says. */
	(void)problem(v, "frame", index, place,
	    "the frame is not the one whose hash is in %s", path);
	v->blame = true;
	v->stop = false;
	return true;
}

static bool
check_seals(struct verify *v)
{
	struct merkle_hash root;
	const struct seal *s;

	if (v->next == v->nseals || v->seal[v->next].size != v->tree.size)
		return true;
	merkle_root(&v->tree, &root);
	for (; v->next < v->nseals && v->seal[v->next].size == v->tree.size;
	     v->next++) {
		s = &v->seal[v->next];
		if (merkle_same(&root, &s->root) && s->place == v->covered)
			continue;
		return problem(v, "root", v->good, v->covered,
		    "the log does not lead to the root that was signed over "
		    "%llu leaves",
		    (unsigned long long)s->size);
	}
	v->good = v->tree.size;
	if (v->blame) {
		v->r->problem.what = "tile";
		(void)snprintf(v->r->problem.text, AUDIT_TEXT,
		    "a tile is damaged; the log leads to the signed root");
		v->stop = true;
	}
	return !v->stop;
}

static bool
take(struct verify *v, const struct frame *f, uint64_t at)
{
	struct merkle_hash h;
	uint64_t entry;
	unsigned l, whole;

	if (!v->blame && !check_sequence(v, f, at))
		return false;
	merkle_leaf((struct slice){ f->payload.p - (FRAME_HEAD - 8),
			FRAME_HEAD - 8 + f->payload.len },
	    &h);
	if (!v->blame && v->tree.size < v->size &&
	    !check_tile(v, 0, v->tree.size, &h, at))
		return false;
	whole = merkle_add(&v->tree, &h);
	v->covered = at + f->size;
	for (l = 1; l <= whole && l < MERKLE_LEVELS && !v->blame; l++) {
		entry = (v->tree.size >> (8 * l)) - 1;
		if (entry < v->size >> (8 * l) &&
		    !check_tile(v, l, entry,
			&v->tree.tile[l][entry % MERKLE_WIDTH], at))
			return false;
	}
	return check_seals(v);
}

static void
at_end(struct verify *v, struct log_reader *r, enum fault fault, uint64_t at)
{
	if (r != NULL)
		v->r->torn = log_reader_torn(r);
	if (fault == FAULT_DATA)
		(void)problem(v, "frame", v->tree.size, at,
		    "these bytes are no whole frame");
	else if (v->tree.size < v->size)
		(void)problem(v, "missing", v->tree.size, v->covered,
		    "the log ends here; %llu leaves were signed",
		    (unsigned long long)v->size);
}

static enum fault
read_log(struct verify *v)
{
	struct buf dir = { 0 };
	struct log_reader *r;
	struct frame f;
	uint64_t at = 0;
	enum fault fault;

	buf_fmt(&dir, "%s/log", v->q->dir);
	fault = log_reader_open(buf_cstr(&dir), 0, &r);
	buf_fini(&dir);
	if (fault == FAULT_DISK)
		return fault;
	if (r != NULL && log_reader_base(r) != 0)
		(void)problem(
		    v, "missing", 0, 0, "the log does not begin at 0");
	(void)check_seals(v);
	while (r != NULL && !v->stop &&
	       (fault = log_next(r, &f, &at)) == FAULT_NONE)
		(void)take(v, &f, at);
	if (!v->stop && fault != FAULT_DISK)
		at_end(v, r, fault, at);
	log_reader_close(&r);
	return fault == FAULT_DISK ? fault : FAULT_NONE;
}

enum fault
audit_read_key(const char *dir, const char *name, struct note_key *out)
{
	struct buf b = { 0 };
	enum fault fault = files_read(dir, name, NOTE_MAX, &b);

	if (fault == FAULT_NONE && !note_key_parse(buf_slice(&b), out))
		fault = FAULT_DATA;
	buf_fini(&b);
	return fault;
}

enum fault
audit_verify(const struct audit_query *q, struct audit_result *out)
{
	struct verify *v = NEW(struct verify);
	enum fault fault;

	memset(out, 0, sizeof(*out));
	v->q = q;
	v->r = out;
	fault = q->key != NULL ? audit_read_key(".", q->key, &v->key)
			       : audit_read_key(q->dir, FILES_PUB, &v->key);
	if (fault == FAULT_NONE) {
		(void)snprintf(
		    out->origin, sizeof(out->origin), "%s", v->key.name);
		fault = load_checkpoints(v);
	}
	if (fault == FAULT_NONE && !v->stop && q->kept != NULL)
		fault = load_kept(v);
	if (fault == FAULT_NONE && !v->stop)
		fault = read_log(v);
	out->leaves = v->tree.size;
	out->covered = v->tree.size < v->size ? v->tree.size : v->size;
	out->good = fault == FAULT_NONE && out->problem.what == NULL;
	map_fini(&v->journals);
	arena_fini(&v->arena);
	mem_free(v->seal);
	mem_free(v);
	return fault;
}

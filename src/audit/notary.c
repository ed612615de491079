#include "audit/notary.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "audit/checkpoint.h"
#include "audit/files.h"
#include "audit/tile.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "journal/segment.h"

enum {
	HISTORY_TAIL = 64 * 1024, /* bytes read at a start */
	TURN_FRAMES = 20000,      /* read in one turn */
	WRITE_FROM = 64 * 1024,   /* bytes of hashes that wait for more */
	HELD_MOST = 4096          /* tiles that differ while we may not write */
};

/* Hashes of a level, from number first on, that are not in its file yet. */
struct pending {
	uint64_t first;
	struct buf hashes;
};

/* What a file does not have, and we are not sure that it should. */
struct held {
	struct held *next;
	unsigned level, count;
	uint64_t first;
	struct merkle_hash hash[];
};

static const int64_t sign_every_ns = NS_PER_S;
static const int64_t history_every_ns = 60 * NS_PER_S;

struct notary {
	char *dir, *log_dir;
	struct notary_conf conf;
	struct note_key key;
	struct signer *signer;

	struct merkle tree;
	uint64_t covered; /* place behind the last leaf */
	uint64_t place;   /* read up to here */
	struct log_reader *in;

	struct checkpoint last; /* the newest signed */
	bool met;               /* the tree has gone through it */
	bool last_kept;         /* it stands in the history */
	uint64_t history_len;   /* bytes of whole notes */
	struct pending pending[MERKLE_LEVELS];
	struct tiles tiles;
	struct held *held; /* written once we have met */
	unsigned nheld;

	int64_t last_sign_ns, last_history_ns; /* monotonic; 0: never */
	int64_t last_try_ns;
	bool failing;
	enum notary_trouble trouble;
};

static void
step(const struct notary *n, const char *where)
{
	if (n->conf.step != NULL)
		n->conf.step(n->conf.arg, where);
}

static void
beat(const struct notary *n)
{
	if (n->conf.beat != NULL)
		n->conf.beat(n->conf.arg);
}

static const char *
notary_trouble_text(enum notary_trouble t)
{
	switch (t) {
	case NOTARY_GOOD:
		return "nothing";
	case NOTARY_NO_CHECKPOINT:
		return "there is a key and no checkpoint of it";
	case NOTARY_NO_KEY:
		return "there are checkpoints and no key";
	case NOTARY_LOG_SHORT:
		return "the log ends before its last checkpoint";
	case NOTARY_LOG_CHANGED:
		return "the log does not lead to its last checkpoint";
	case NOTARY_TILES:
		return "too many tiles are not what they were";
	}
	return "?";
}

static void
drop_held(struct notary *n)
{
	struct held *h;

	while ((h = n->held) != NULL) {
		n->held = h->next;
		mem_free(h);
	}
	n->nheld = 0;
}

static void
drop_pending(struct notary *n)
{
	unsigned l;

	for (l = 0; l < MERKLE_LEVELS; l++)
		buf_fini(&n->pending[l].hashes);
}

static void
give_up(struct notary *n, enum notary_trouble why)
{
	if (n->trouble != NOTARY_GOOD)
		return;
	n->trouble = why;
	drop_pending(n);
	drop_held(n);
	log_error("audit: %s; nothing is signed any more (docs/audit.md)",
	    notary_trouble_text(why));
}

/* A disk that fails is said once, and tried again. */
static enum fault
disk_fault(struct notary *n, enum fault fault)
{
	if (fault == FAULT_NONE) {
		if (n->failing)
			log_info("audit: files can be written again");
		n->failing = false;
	} else if (!n->failing) {
		log_error("audit: files cannot be written: %s; frames wait "
			  "for their checkpoint",
		    strerror(errno));
		n->failing = true;
	}
	return fault;
}

/* --- keys and the first checkpoint ---------------------------------------- */

static void
write_note(struct notary *n, const struct checkpoint *c, struct buf *out)
{
	struct buf text = { 0 };

	checkpoint_write(c, &text);
	note_sign(out, buf_slice(&text), &n->key, n->signer);
	buf_fini(&text);
}

/* History first: it may be ahead of the current one, never behind. */
static enum fault
keep(struct notary *n, struct checkpoint *c, bool in_history)
{
	struct buf note = { 0 };
	enum fault fault = FAULT_NONE;
	size_t len;

	c->history = n->last.history + (in_history ? 1 : 0);
	write_note(n, c, &note);
	len = note.len;
	buf_char(&note, '\n');
	if (in_history)
		fault = files_append(
		    n->dir, FILES_HISTORY, n->history_len, buf_slice(&note));
	step(n, "history");
	if (fault == FAULT_NONE)
		fault = files_replace(
		    n->dir, FILES_CURRENT, (struct slice){ note.p, len }, 0640);
	step(n, "checkpoint");
	if (fault == FAULT_NONE) {
		n->history_len += in_history ? note.len : 0;
		n->last = *c;
		n->last_kept = in_history;
	}
	buf_fini(&note);
	return fault;
}

static enum fault
write_keys(struct notary *n, const uint8_t seed[SIGN_SEED])
{
	struct buf text = { 0 };
	enum fault fault;

	note_key_write(&n->key, &text);
	buf_char(&text, '\n');
	fault = files_replace(n->dir, FILES_PUB, buf_slice(&text), 0644);
	step(n, "public key");
	buf_clear(&text);
	note_secret_write(&n->key, seed, &text);
	buf_char(&text, '\n');
	/* Last: until it is there, the next start begins again. */
	if (fault == FAULT_NONE)
		fault =
		    files_replace(n->dir, FILES_KEY, buf_slice(&text), 0600);
	mem_wipe(text.p, text.cap);
	buf_fini(&text);
	return fault;
}

/* A key, and a checkpoint of no leaves that says when it began. */
static enum fault
begin(struct notary *n)
{
	struct checkpoint c = { .time =
				    (uint64_t)(clock_wall_ns() / NS_PER_S) };
	uint8_t seed[SIGN_SEED], key[SIGN_PUBLIC];
	enum fault fault;

	random_bytes(seed, sizeof(seed));
	n->signer = signer_new(seed);
	signer_public(n->signer, key);
	checkpoint_origin(n->conf.node, c.origin);
	note_key_make(&n->key, c.origin, key);
	merkle_root(&n->tree, &c.root);
	fault = files_make_folders(n->dir, FILES_HISTORY);
	if (fault == FAULT_NONE)
		fault = keep(n, &c, true);
	if (fault == FAULT_NONE)
		fault = write_keys(n, seed);
	mem_wipe(seed, sizeof(seed));
	n->met = true;
	if (fault == FAULT_NONE)
		log_info("audit: made a key, %s+%08x", n->key.name, n->key.id);
	return fault;
}

static enum fault
load_key(struct notary *n)
{
	struct buf text = { 0 };
	enum fault fault = files_read(n->dir, FILES_KEY, NOTE_MAX, &text);

	if (fault == FAULT_NONE &&
	    !note_secret_parse(buf_slice(&text), &n->key, &n->signer))
		fault = FAULT_DATA;
	if (text.p != NULL)
		mem_wipe(text.p, text.cap);
	buf_fini(&text);
	return fault;
}

/* --- a start -------------------------------------------------------------- */

/* The beginning of the first whole note in the tail of the history. */
static struct slice
first_note(const struct notary *n, struct slice tail)
{
	struct buf mark = { 0 };
	const char *at;

	buf_fmt(&mark, "\n\n%s\n", n->key.name);
	at = memmem(tail.p, tail.len, mark.p, mark.len);
	buf_fini(&mark);
	if (at == NULL)
		return (struct slice){ tail.p, 0 };
	return (struct slice){ at + 2, tail.len - (size_t)(at + 2 - tail.p) };
}

/* Goes back to what this checkpoint covers, if its tiles lead to its root. */
static bool
start_at(struct notary *n, const struct checkpoint *c)
{
	struct merkle_hash root;

	if (tile_load(n->dir, c->size, &n->tree) != FAULT_NONE)
		return false;
	merkle_root(&n->tree, &root);
	if (!merkle_same(&root, &c->root))
		return false;
	n->place = n->covered = c->place;
	return true;
}

/* The newest older checkpoint that can be trusted; else the beginning. */
static void
choose_start(struct notary *n, const struct checkpoint *old, unsigned nold)
{
	while (nold-- > 0) {
		if (old[nold].size < n->last.size && start_at(n, &old[nold]))
			return;
	}
	n->tree.size = 0;
	n->place = n->covered = 0;
	if (n->last.size > 0)
		log_info("audit: the whole log is read again");
}

/* Notes at the end of the history: the last of them may be the newest. */
static enum fault
load_history(struct notary *n, struct checkpoint **old, unsigned *nold)
{
	struct buf b = { 0 };
	struct slice rest, note;
	uint64_t size = 0;
	bool whole = true;
	enum fault fault =
	    files_read_tail(n->dir, FILES_HISTORY, HISTORY_TAIL, &b, &whole);

	if (fault == FAULT_NONE)
		fault = files_size(n->dir, FILES_HISTORY, &size);
	rest = whole ? buf_slice(&b) : first_note(n, buf_slice(&b));
	*old = NULL;
	*nold = 0;
	while (fault == FAULT_NONE && note_next(&rest, &note)) {
		*old = mem_grow(*old, (*nold + 1) * sizeof(**old));
		if (checkpoint_open(note, &n->key, &(*old)[*nold]))
			++*nold;
		else
			log_error("audit: a note of the history is not ours");
	}
	n->history_len = size - rest.len; /* a torn end is written over */
	buf_fini(&b);
	return fault;
}

static enum fault
load_current(struct notary *n)
{
	struct buf b = { 0 };
	enum fault fault = files_read(n->dir, FILES_CURRENT, NOTE_MAX, &b);

	if (fault == FAULT_NONE &&
	    !checkpoint_open(buf_slice(&b), &n->key, &n->last))
		fault = FAULT_DATA;
	buf_fini(&b);
	return fault;
}

/* A crash between the two files: the history has one more. */
static enum fault
mend_current(struct notary *n, const struct checkpoint *newest)
{
	struct checkpoint c = *newest;
	enum fault fault;

	if (newest->history <= n->last.history) {
		n->last_kept = newest->history == n->last.history &&
			       newest->size == n->last.size &&
			       newest->time == n->last.time;
		return FAULT_NONE;
	}
	n->last.history = c.history;
	fault = keep(n, &c, false);
	n->last_kept = true;
	return fault;
}

static void
begin_pending(struct notary *n)
{
	unsigned l;

	for (l = 0; l < MERKLE_LEVELS; l++)
		n->pending[l].first = n->tree.size >> (8 * l);
}

static enum fault
resume(struct notary *n)
{
	struct checkpoint *old = NULL;
	unsigned nold = 0;
	enum fault fault = load_current(n);

	if (fault == FAULT_NOT_FOUND || fault == FAULT_DATA) {
		give_up(n, NOTARY_NO_CHECKPOINT);
		return FAULT_NONE;
	}
	if (fault == FAULT_NONE)
		fault = load_history(n, &old, &nold);
	if (fault == FAULT_NOT_FOUND || (fault == FAULT_NONE && nold == 0)) {
		give_up(n, NOTARY_NO_CHECKPOINT);
		mem_free(old);
		return FAULT_NONE;
	}
	if (fault == FAULT_NONE)
		fault = mend_current(n, &old[nold - 1]);
	if (fault == FAULT_NONE) {
		choose_start(n, old, nold);
		begin_pending(n);
		n->met = n->last.size == 0;
		if (n->conf.durable < n->last.place)
			give_up(n, NOTARY_LOG_SHORT);
	}
	mem_free(old);
	return fault;
}

/* A checkpoint of leaves, whoever signed it; a first start that was cut
 * leaves one of none. */
static bool
was_used(struct slice note)
{
	const char *end = memmem(note.p, note.len, "\n\n", 2);
	struct checkpoint c;

	return end == NULL ||
	       !checkpoint_parse(
		   (struct slice){ note.p, (size_t)(end + 1 - note.p) }, &c) ||
	       c.size != 0;
}

/* No key: nothing was ever signed, or somebody took it away. */
static enum fault
first_start(struct notary *n)
{
	struct buf b = { 0 };
	enum fault fault = files_read(n->dir, FILES_CURRENT, NOTE_MAX, &b);
	const bool used = fault == FAULT_DATA ||
			  (fault == FAULT_NONE && was_used(buf_slice(&b)));

	buf_fini(&b);
	if (fault == FAULT_DISK)
		return fault;
	if (used) {
		give_up(n, NOTARY_NO_KEY);
		return FAULT_NONE;
	}
	return begin(n);
}

enum fault
notary_open(const struct notary_conf *conf, struct notary **out)
{
	struct notary *n = NEW(struct notary);
	struct buf path = { 0 };
	enum fault fault;

	*out = NULL;
	n->conf = *conf;
	n->dir = mem_dup(slice_of(conf->data_dir));
	buf_fmt(&path, "%s/log", conf->data_dir);
	n->log_dir = mem_dup(buf_slice(&path));
	buf_fini(&path);
	fault = load_key(n);
	if (fault == FAULT_NOT_FOUND)
		fault = first_start(n);
	else if (fault == FAULT_DATA)
		give_up(n, NOTARY_NO_KEY);
	else if (fault == FAULT_NONE)
		fault = resume(n);
	if (fault == FAULT_DISK) {
		log_error("audit: the files of the tree in %s: %s", n->dir,
		    strerror(errno));
		notary_close(&n);
		return fault;
	}
	*out = n;
	return FAULT_NONE;
}

void
notary_close(struct notary **np)
{
	struct notary *n = *np;

	if (n == NULL)
		return;
	*np = NULL;
	log_reader_close(&n->in);
	drop_pending(n);
	drop_held(n);
	tiles_close(&n->tiles);
	if (n->signer != NULL)
		signer_free(&n->signer);
	mem_free(n->dir);
	mem_free(n->log_dir);
	mem_free(n);
}

/* --- leaves --------------------------------------------------------------- */

static void
hold(struct notary *n, unsigned level, uint64_t first,
    const struct merkle_hash *hash, unsigned count)
{
	struct held *h;

	if (n->nheld == HELD_MOST) {
		give_up(n, NOTARY_TILES);
		return;
	}
	h = mem_new(sizeof(*h) + count * MERKLE_HASH);
	h->level = level;
	h->first = first;
	h->count = count;
	memcpy(h->hash, hash, count * MERKLE_HASH);
	h->next = n->held;
	n->held = h;
	n->nheld++;
}

/*
 * Until the tree has met the last checkpoint, what it says may be wrong:
 * hashes that are there and differ are left as they are.
 */
static enum fault
put(struct notary *n, unsigned level, uint64_t first,
    const struct merkle_hash *hash, unsigned count)
{
	struct merkle_hash was[MERKLE_WIDTH];
	enum fault fault;

	if (!n->met) {
		fault = tile_hashes(n->dir, level, first, count, was);
		if (fault == FAULT_NONE) {
			if (memcmp(was, hash, count * MERKLE_HASH) != 0)
				hold(n, level, first, hash, count);
			return FAULT_NONE;
		}
	}
	return tiles_put(&n->tiles, n->dir, level, first, hash, count);
}

/* All that waits goes to the files; what could not still waits. */
static enum fault
write_level(struct notary *n, unsigned level)
{
	struct pending *p = &n->pending[level];
	const struct merkle_hash *h = (const void *)p->hashes.p;
	const size_t all = p->hashes.len / MERKLE_HASH;
	const size_t most = n->met ? UINT_MAX : MERKLE_WIDTH;
	enum fault fault = FAULT_NONE;
	size_t at, count;

	for (at = 0; at < all; at += count) {
		count = all - at < most ? all - at : most;
		fault = put(n, level, p->first + at, h + at, (unsigned)count);
		if (fault != FAULT_NONE || n->trouble != NOTARY_GOOD)
			return fault;
	}
	p->first += all;
	buf_clear(&p->hashes);
	return FAULT_NONE;
}

static enum fault
write_pending(struct notary *n)
{
	enum fault fault = FAULT_NONE;
	unsigned l;

	for (l = 0; l < MERKLE_LEVELS && fault == FAULT_NONE &&
		    n->trouble == NOTARY_GOOD;
	     l++)
		fault = write_level(n, l);
	return fault;
}

static enum fault
write_held(struct notary *n)
{
	enum fault fault = FAULT_NONE;
	const struct held *h;

	for (h = n->held; h != NULL && fault == FAULT_NONE; h = h->next)
		fault = tiles_put(
		    &n->tiles, n->dir, h->level, h->first, h->hash, h->count);
	return fault;
}

/* The tree has as many leaves as the last checkpoint says. */
static void
meet(struct notary *n)
{
	struct merkle_hash root;
	enum fault fault;

	merkle_root(&n->tree, &root);
	if (!merkle_same(&root, &n->last.root) || n->covered != n->last.place) {
		give_up(n, NOTARY_LOG_CHANGED);
		return;
	}
	fault = write_pending(n);
	if (n->trouble != NOTARY_GOOD)
		return;
	n->met = true;
	if (n->held != NULL)
		log_warn("audit: %u tiles were not what the log says: written "
			 "again",
		    n->nheld);
	if (fault == FAULT_NONE)
		fault = write_held(n);
	if (fault == FAULT_NONE)
		fault = tiles_sync(&n->tiles);
	/* A tile that could not be mended now is, at the next start. */
	(void)disk_fault(n, fault);
	drop_held(n);
}

static void
wait_for_disk(struct notary *n, unsigned level, const struct merkle_hash *h)
{
	buf_add(&n->pending[level].hashes,
	    (struct slice){ (const char *)h, sizeof(*h) });
}

static void
take(struct notary *n, struct slice leaf, uint64_t end)
{
	struct merkle_hash h;
	unsigned l, whole;
	uint64_t last;

	merkle_leaf(leaf, &h);
	wait_for_disk(n, 0, &h);
	whole = merkle_add(&n->tree, &h);
	for (l = 1; l <= whole && l < MERKLE_LEVELS; l++) {
		last = (n->tree.size >> (8 * l)) - 1;
		wait_for_disk(n, l, &n->tree.tile[l][last % MERKLE_WIDTH]);
	}
	n->covered = n->place = end;
	if (!n->met && n->tree.size == n->last.size)
		meet(n);
}

static bool
is_broken(const struct notary *n)
{
	return n == NULL || n->trouble != NOTARY_GOOD;
}

void
notary_flushed(struct notary *n, struct slice frames, uint64_t at)
{
	uint32_t len;
	size_t size;

	if (is_broken(n) || n->place != at || n->in != NULL || n->failing)
		return; /* it will read them */
	while (frames.len >= FRAME_HEAD && !is_broken(n)) {
		memcpy(&len, frames.p, sizeof(len));
		size = (FRAME_HEAD + (size_t)len + 7) & ~(size_t)7;
		CHECK(size <= frames.len);
		at += size;
		take(n, (struct slice){ frames.p + 8, FRAME_HEAD - 8 + len },
		    at);
		frames.p += size;
		frames.len -= size;
	}
}

/* From the segments, up to durable; true: there is more. */
static bool
read_on(struct notary *n, uint64_t durable, unsigned most)
{
	enum fault fault = FAULT_NONE;
	struct frame f;
	uint64_t at;

	if (n->in == NULL &&
	    log_reader_open(n->log_dir, n->place, &n->in) != FAULT_NONE)
		return false;
	for (; most > 0 && n->place < durable && !is_broken(n); most--) {
		fault = log_next(n->in, &f, &at);
		if (fault == FAULT_DATA)
			continue; /* damage: what is whole is counted */
		if (fault != FAULT_NONE || at + f.size > durable)
			break;
		take(n,
		    (struct slice){ f.payload.p - (FRAME_HEAD - 8),
			FRAME_HEAD - 8 + f.payload.len },
		    at + f.size);
	}
	if (most > 0) {
		/* The end, or nothing whole follows: what the log says of
		 * places holds. */
		log_reader_close(&n->in);
		if (fault != FAULT_DISK)
			n->place = durable;
	}
	beat(n);
	return most == 0;
}

/* --- signing -------------------------------------------------------------- */

static void
sign(struct notary *n, int64_t mono_ns, bool finish)
{
	const bool in_history =
	    finish || n->last_history_ns == 0 ||
	    mono_ns - n->last_history_ns >= history_every_ns;
	enum fault fault;
	struct checkpoint c = { .size = n->tree.size,
		.place = n->covered,
		.time = (uint64_t)(clock_wall_ns() / NS_PER_S) };

	n->last_sign_ns = mono_ns;
	memcpy(c.origin, n->key.name, sizeof(c.origin));
	merkle_root(&n->tree, &c.root);
	step(n, "sign");
	fault = write_pending(n);
	if (fault == FAULT_NONE)
		fault = tiles_sync(&n->tiles);
	if (disk_fault(n, fault) != FAULT_NONE)
		return;
	step(n, "tiles");
	if (disk_fault(n, keep(n, &c, in_history)) != FAULT_NONE)
		return;
	if (in_history)
		n->last_history_ns = mono_ns;
}

static bool
sign_due(const struct notary *n, int64_t mono_ns)
{
	return n->tree.size > n->last.size &&
	       (n->last_sign_ns == 0 ||
		   mono_ns - n->last_sign_ns >= sign_every_ns);
}

bool
notary_turn(struct notary *n, uint64_t durable, int64_t mono_ns)
{
	if (is_broken(n))
		return false;
	if (n->failing && mono_ns - n->last_try_ns < sign_every_ns)
		return false;
	n->last_try_ns = mono_ns;
	if (n->pending[0].hashes.len >= WRITE_FROM &&
	    disk_fault(n, write_pending(n)) != FAULT_NONE)
		return false;
	if (n->place < durable && !n->failing &&
	    read_on(n, durable, TURN_FRAMES))
		return true;
	if (is_broken(n) || n->place < durable)
		return false; /* the disk failed: later */
	if (!n->met)
		give_up(n, NOTARY_LOG_CHANGED);
	else if (sign_due(n, mono_ns))
		sign(n, mono_ns, false);
	return false;
}

void
notary_finish(struct notary *n, uint64_t durable)
{
	while (notary_turn(n, durable, clock_mono_ns()))
		;
	if (!is_broken(n) && n->met && n->place == durable &&
	    (n->tree.size > n->last.size || !n->last_kept))
		sign(n, clock_mono_ns(), true);
}

enum notary_trouble
notary_trouble(const struct notary *n)
{
	return n->trouble;
}

uint64_t
notary_size(const struct notary *n)
{
	return n->tree.size;
}

uint64_t
notary_signed(const struct notary *n)
{
	return n->last.size;
}

uint64_t
notary_place(const struct notary *n)
{
	return n->place;
}

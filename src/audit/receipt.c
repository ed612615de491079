#include "audit/receipt.h"

#include "audit/checkpoint.h"
#include "audit/files.h"
#include "audit/tile.h"
#include "audit/verify.h"
#include "base/arena.h"
#include "base/cbor.h"
#include "base/json.h"
#include "base/text.h"
#include "journal/segment.h"

enum {
	LEAF_AT = 8, /* where a leaf begins in its frame */
	LEAF_HEAD = FRAME_HEAD - LEAF_AT,
	FIELD_REQ = 1,
	CLOCK_SLACK_S = 300 /* how far clocks are trusted to find it */
};

/* Is this frame's request the one? */
static bool
speaks_of(const struct frame *f, const struct reqid *id)
{
	struct cbor_r r = cbor_r(f->payload);
	struct cbor_map m;
	struct slice s;
	uint64_t key;

	return cbor_r_map(&r, &m) && cbor_r_key(&r, &m, &key) &&
	       key == FIELD_REQ && cbor_r_bytes(&r, &s) && s.len == REQID_LEN &&
	       memcmp(s.p, id->b, REQID_LEN) == 0;
}

/* --- making --------------------------------------------------------------- */

struct found {
	uint64_t index;
	struct slice leaf; /* in the arena */
};

struct proof {
	const struct receipt_query *q;
	struct arena arena;
	struct note_key key;
	struct buf note;
	struct checkpoint at;
	unsigned n;
	struct found found[RECEIPT_LEAVES_MAX];
	struct tile_cache cache;
	const char *why;
};

/*
 * Where to begin: the frames of a request come after it began, so a
 * checkpoint that was signed well before says where, and how many leaves
 * there are before it.
 */
static enum fault
find_start(const struct proof *p, uint64_t *place, uint64_t *index)
{
	const int64_t ms = reqid_wall_ms(&p->q->request);
	struct buf b = { 0 };
	struct slice rest, note, text;
	struct checkpoint c;
	enum fault fault =
	    files_read(p->q->dir, FILES_HISTORY, SIZE_MAX / 2, &b);

	*place = *index = 0;
	rest = buf_slice(&b);
	while (fault == FAULT_NONE && note_next(&rest, &note)) {
		const char *end = memmem(note.p, note.len, "\n\n", 2);

		text = (struct slice){ note.p, (size_t)(end + 1 - note.p) };
		if (!checkpoint_parse(text, &c) ||
		    ((int64_t)c.time + CLOCK_SLACK_S) * 1000 >= ms)
			break;
		if (checkpoint_open(note, &p->key, &c)) {
			*place = c.place;
			*index = c.size;
		}
	}
	buf_fini(&b);
	return fault;
}

static void
keep(struct proof *p, const struct frame *f, uint64_t index)
{
	const struct slice leaf = { f->payload.p - LEAF_HEAD,
		f->payload.len + LEAF_HEAD };

	p->found[p->n++] = (struct found){ index, arena_copy(&p->arena, leaf) };
}

/* Those among leaves `index` and later, the first of which is at place. */
static enum fault
find_from(struct proof *p, uint64_t place, uint64_t index)
{
	struct buf dir = { 0 };
	struct log_reader *r;
	struct frame f;
	uint64_t at;
	bool ended = false;
	enum fault fault;

	buf_fmt(&dir, "%s/log", p->q->dir);
	fault = log_reader_open(buf_cstr(&dir), place, &r);
	buf_fini(&dir);
	if (fault != FAULT_NONE)
		return fault;
	for (; index < p->at.size && p->n < RECEIPT_LEAVES_MAX && !ended;
	     index++) {
		fault = log_next(r, &f, &at);
		if (fault != FAULT_NONE)
			break;
		if (!speaks_of(&f, &p->q->request))
			continue;
		keep(p, &f, index);
		ended = p->q->quick && f.kind == FRAME_FINAL;
	}
	log_reader_close(&r);
	if (fault == FAULT_NONE)
		return p->n > 0 ? FAULT_NONE : FAULT_NOT_FOUND;
	p->why = "the log is damaged: kontor audit verify says where";
	return fault == FAULT_DISK ? FAULT_DISK : FAULT_DATA;
}

static enum fault
find_frames(struct proof *p)
{
	uint64_t place, index;
	enum fault fault = find_start(p, &place, &index);

	if (fault == FAULT_NONE)
		fault = find_from(p, place, index);
	/* A clock that was set: somewhere before. */
	if (fault == FAULT_NOT_FOUND && index > 0 && !p->q->quick)
		fault = find_from(p, 0, 0);
	return fault;
}

static void
write_path(struct buf *out, const struct merkle_path *path)
{
	struct buf text = { 0 };
	unsigned i;

	json_w_key(out, "path");
	json_w_begin(out, '[');
	for (i = 0; i < path->n; i++) {
		buf_clear(&text);
		text_base64_write(
		    &text, (struct slice){
			       (const char *)path->hash[i].b, MERKLE_HASH });
		json_w_str(out, buf_slice(&text));
	}
	json_w_end(out, ']');
	buf_fini(&text);
}

static bool
write_leaf(struct buf *out, struct proof *p, const struct found *f,
    const struct merkle_source *s)
{
	struct buf text = { 0 };
	struct merkle_path path;
	struct merkle_hash h;

	merkle_leaf(f->leaf, &h);
	if (!merkle_inclusion(s, f->index, p->at.size, &path) ||
	    !merkle_includes(&h, f->index, p->at.size, &path, &p->at.root))
		return false;
	json_w_begin(out, '{');
	json_w_ku64(out, "index", f->index);
	text_base64_write(&text, f->leaf);
	json_w_kstr(out, "leaf", buf_slice(&text));
	write_path(out, &path);
	json_w_end(out, '}');
	buf_fini(&text);
	return true;
}

/* FAULT_DATA: the older one is not of this log. */
static enum fault
write_since(struct buf *out, struct proof *p, const struct merkle_source *s)
{
	struct merkle_path path;
	struct checkpoint c;

	if (p->q->since.len == 0)
		return FAULT_NONE;
	p->why = "the older checkpoint is not of this key";
	if (!checkpoint_open(p->q->since, &p->key, &c))
		return FAULT_DATA;
	p->why = "the log does not continue the older checkpoint";
	if (!merkle_consistency(s, c.size, p->at.size, &path) ||
	    !merkle_continues(c.size, &c.root, p->at.size, &p->at.root, &path))
		return FAULT_DATA;
	json_w_key(out, "since");
	json_w_begin(out, '{');
	json_w_kstr(out, "checkpoint", p->q->since);
	write_path(out, &path);
	json_w_end(out, '}');
	return FAULT_NONE;
}

static enum fault
write_all(struct buf *out, struct proof *p)
{
	const struct merkle_source s =
	    tile_source(&p->cache, p->q->dir, p->at.size);
	char id[REQID_TEXT + 1];
	struct buf key = { 0 };
	unsigned i;

	reqid_write(&p->q->request, id);
	note_key_write(&p->key, &key);
	json_w_begin(out, '{');
	json_w_ku64(out, "receipt", 1);
	json_w_kstr(out, "request", slice_of(id));
	json_w_kstr(out, "key", buf_slice(&key));
	json_w_kstr(out, "checkpoint", buf_slice(&p->note));
	buf_fini(&key);
	json_w_key(out, "leaves");
	json_w_begin(out, '[');
	p->why = "the tiles do not lead from the log to the checkpoint: kontor "
		 "audit verify says where";
	for (i = 0; i < p->n; i++) {
		if (!write_leaf(out, p, &p->found[i], &s))
			return FAULT_DATA;
	}
	json_w_end(out, ']');
	if (write_since(out, p, &s) != FAULT_NONE)
		return FAULT_DATA;
	json_w_end(out, '}');
	return FAULT_NONE;
}

static enum fault
read_checkpoint(struct proof *p)
{
	enum fault fault;

	buf_clear(&p->note);
	fault = files_read(p->q->dir, FILES_CURRENT, NOTE_MAX, &p->note);
	p->why = "the checkpoint is not what was signed";
	if (fault == FAULT_NONE &&
	    !checkpoint_open(buf_slice(&p->note), &p->key, &p->at))
		fault = FAULT_DATA;
	return fault;
}

enum fault
receipt_write(const struct receipt_query *q, struct buf *out, const char **why)
{
	struct proof *p = NEW(struct proof);
	const size_t was = out->len;
	enum fault fault;

	p->q = q;
	p->why = "there is no key";
	fault = audit_read_key(q->dir, FILES_PUB, &p->key);
	if (fault == FAULT_NONE)
		fault = read_checkpoint(p);
	if (fault == FAULT_NONE)
		fault = find_frames(p);
	if (fault == FAULT_NONE)
		fault = write_all(out, p);
	if (fault != FAULT_NONE)
		out->len = was;
	*why = p->why;
	arena_fini(&p->arena);
	buf_fini(&p->note);
	mem_free(p);
	return fault;
}

/* --- checking ------------------------------------------------------------- */

struct check {
	struct arena arena;
	const struct json *top;
	struct checkpoint at;
	struct receipt *r;
	struct buf bytes;
	struct buf frame;
	receipt_leaf_f *on_leaf;
	void *arg;
	uint64_t next; /* the least index that may come */
};

static bool
read_path(struct check *c, const struct json *j, struct merkle_path *out)
{
	const struct json *e;

	out->n = 0;
	if (j == NULL || j->type != JSON_ARRAY || j->n > MERKLE_PATH_MAX)
		return false;
	for (e = j->child; e != NULL; e = e->next) {
		buf_clear(&c->bytes);
		if (e->type != JSON_STRING || e->text.len != 44 ||
		    !text_base64_parse(&c->bytes, e->text) ||
		    c->bytes.len != MERKLE_HASH)
			return false;
		memcpy(out->hash[out->n++].b, c->bytes.p, MERKLE_HASH);
	}
	return true;
}

/* The frame around a leaf, as the log has it. */
static bool
frame_of(struct check *c, struct slice leaf, struct frame *out)
{
	struct journal_name name;
	uint64_t seq;
	size_t size;

	if (leaf.len < LEAF_HEAD || leaf.len > FRAME_MAX - FRAME_HEAD)
		return false;
	buf_clear(&c->frame);
	buf_reserve(&c->frame, leaf.len + FRAME_HEAD);
	memcpy(c->frame.p + LEAF_AT, leaf.p, leaf.len);
	memcpy(&seq, leaf.p, sizeof(seq));
	memcpy(&name, leaf.p + 8, sizeof(name));
	size = frame_seal(&name, seq, (enum frame_kind)(uint8_t)leaf.p[21],
	    leaf.len - LEAF_HEAD, c->frame.p, c->frame.cap);
	/* Sealed, it is the same only if nothing in it was strange. */
	return size > 0 &&
	       memcmp(c->frame.p + LEAF_AT, leaf.p, leaf.len) == 0 &&
	       frame_read((struct slice){ c->frame.p, size }, out) ==
		   FAULT_NONE;
}

static const char *
check_leaf(struct check *c, const struct json *j)
{
	struct buf leaf = { 0 };
	struct merkle_path path;
	struct merkle_hash h;
	struct frame f;
	const char *wrong = NULL;
	int64_t index;

	if (!json_get_i64(j, "index", &index) || index < 0 ||
	    (uint64_t)index < c->next ||
	    !text_base64_parse(&leaf, json_get_str(j, "leaf")) ||
	    !read_path(c, json_get(j, "path"), &path)) {
		buf_fini(&leaf);
		return "a leaf is not formed as one";
	}
	c->next = (uint64_t)index + 1;
	merkle_leaf(buf_slice(&leaf), &h);
	if (!merkle_includes(
		&h, (uint64_t)index, c->at.size, &path, &c->at.root))
		wrong = "a leaf is not in the tree that was signed";
	else if (!frame_of(c, buf_slice(&leaf), &f))
		wrong = "a leaf is no frame";
	else if (!speaks_of(&f, &c->r->request))
		wrong = "a leaf speaks of another request";
	else if (c->on_leaf != NULL)
		c->on_leaf(c->arg, (uint64_t)index, &f);
	buf_fini(&leaf);
	return wrong;
}

static const char *
check_leaves(struct check *c)
{
	const struct json *list = json_get(c->top, "leaves"), *j;
	const char *wrong = NULL;

	if (list == NULL || list->type != JSON_ARRAY || list->n == 0 ||
	    list->n > RECEIPT_LEAVES_MAX)
		return "it has no leaves";
	for (j = list->child; j != NULL && wrong == NULL; j = j->next) {
		wrong = check_leaf(c, j);
		c->r->n++;
	}
	return wrong;
}

static const char *
check_since(struct check *c)
{
	const struct json *j = json_get(c->top, "since");
	struct checkpoint old;
	struct merkle_path path;

	if (j == NULL)
		return NULL;
	if (!checkpoint_open(json_get_str(j, "checkpoint"), &c->r->key, &old) ||
	    !read_path(c, json_get(j, "path"), &path))
		return "the older checkpoint is not one of this key";
	if (!merkle_continues(
		old.size, &old.root, c->at.size, &c->at.root, &path))
		return "the tree does not continue the older checkpoint";
	c->r->has_since = true;
	c->r->since = old.size;
	return NULL;
}

static const char *
check_head(struct check *c, const struct note_key *key)
{
	struct receipt *r = c->r;
	int64_t version;

	if (!json_get_i64(c->top, "receipt", &version) || version != 1 ||
	    !reqid_parse(json_get_str(c->top, "request"), &r->request))
		return "it is no receipt";
	r->own_key = key == NULL;
	if (key != NULL)
		r->key = *key;
	else if (!note_key_parse(json_get_str(c->top, "key"), &r->key))
		return "its key is none";
	if (!checkpoint_open(
		json_get_str(c->top, "checkpoint"), &r->key, &c->at))
		return "its checkpoint was not signed by this key";
	memcpy(r->origin, c->at.origin, sizeof(r->origin));
	r->size = c->at.size;
	r->time = c->at.time;
	return NULL;
}

const char *
receipt_check(struct slice text, const struct note_key *key,
    receipt_leaf_f *on_leaf, void *arg, struct receipt *out)
{
	struct check c = { .r = out, .on_leaf = on_leaf, .arg = arg };
	struct json *top = NULL;
	const char *wrong = "it is not JSON";

	memset(out, 0, sizeof(*out));
	if (text.len <= RECEIPT_MAX &&
	    json_parse(&c.arena, text, &top) == FAULT_NONE) {
		c.top = top;
		wrong = check_head(&c, key);
		if (wrong == NULL)
			wrong = check_since(&c);
		if (wrong == NULL)
			wrong = check_leaves(&c);
	}
	arena_fini(&c.arena);
	buf_fini(&c.bytes);
	buf_fini(&c.frame);
	return wrong;
}

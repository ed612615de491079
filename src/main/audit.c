/*
 * audit.c - kontor audit: is the log what was signed, by files alone
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "audit/export.h"
#include "audit/files.h"
#include "audit/receipt.h"
#include "audit/verify.h"
#include "base/json.h"
#include "books/scan.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/commands.h"

/* --- verify --------------------------------------------------------------- */

static void
add_time(struct buf *b, uint64_t seconds)
{
	const time_t t = (time_t)seconds;
	char text[32];
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		text[0] = '\0';
	buf_str(b, text);
}

static void
write_json(struct buf *b, const struct audit_result *r)
{
	const struct audit_problem *p = &r->problem;

	json_w_begin(b, '{');
	json_w_kbool(b, "good", r->good);
	json_w_kstr(b, "origin", slice_of(r->origin));
	json_w_ku64(b, "leaves", r->leaves);
	json_w_ku64(b, "signed", r->covered);
	json_w_ku64(b, "unsigned", r->leaves - r->covered);
	json_w_ku64(b, "checkpoints", r->checkpoints);
	json_w_ku64(b, "signed_at", r->time);
	json_w_ku64(b, "torn_bytes", r->torn);
	json_w_key(b, "problem");
	if (p->what == NULL) {
		json_w_null(b);
	} else {
		json_w_begin(b, '{');
		json_w_kstr(b, "what", slice_of(p->what));
		json_w_ku64(b, "index", p->index);
		json_w_ku64(b, "place", p->place);
		json_w_kstr(b, "text", slice_of(p->text));
		json_w_end(b, '}');
	}
	json_w_end(b, '}');
	buf_char(b, '\n');
}

static void
write_text(struct buf *b, const struct audit_result *r)
{
	const struct audit_problem *p = &r->problem;

	buf_fmt(b, "%s: %llu frames, %llu of them signed, by %llu checkpoints",
	    r->origin, (unsigned long long)r->leaves,
	    (unsigned long long)r->covered, (unsigned long long)r->checkpoints);
	if (r->time != 0) {
		buf_str(b, ", the last at ");
		add_time(b, r->time);
	}
	buf_char(b, '\n');
	if (r->good && r->leaves > r->covered)
		buf_fmt(b, "not signed yet: frames %llu to %llu\n",
		    (unsigned long long)r->covered,
		    (unsigned long long)r->leaves - 1);
	if (r->good && r->torn > 0)
		buf_fmt(b, "at the end: %llu bytes that are no frame yet\n",
		    (unsigned long long)r->torn);
	if (p->what != NULL)
		buf_fmt(b, "BAD from index %llu (place %llu): %s: %s\n",
		    (unsigned long long)p->index, (unsigned long long)p->place,
		    p->what, p->text);
	else
		buf_str(b, "good: the log is what was signed\n");
}

static int
cannot(const char *about, enum fault f, const char *none)
{
	fprintf(stderr, "kontor: %s: %s\n", about,
	    f == FAULT_NOT_FOUND ? none
	    : f == FAULT_DISK    ? strerror(errno)
				 : fault_get(f)->text);
	return 1;
}

static int
print_out(struct buf *b, int status)
{
	if (fwrite(b->p, 1, b->len, stdout) != b->len)
		status = 1;
	buf_fini(b);
	return status;
}

static int
verify_log(const struct audit_query *q, bool json)
{
	struct audit_result r;
	struct buf out = { 0 };
	const enum fault f = audit_verify(q, &r);

	if (f == FAULT_DATA)
		fprintf(stderr, "kontor: the verifier key is damaged\n");
	else if (f != FAULT_NONE)
		(void)cannot(q->dir, f, "there is no audit tree here");
	if (f != FAULT_NONE)
		return 1;
	if (json)
		write_json(&out, &r);
	else
		write_text(&out, &r);
	return print_out(&out, r.good ? 0 : 1);
}

/* --- receipts ------------------------------------------------------------- */

struct told {
	struct buf text;
	bool json;
};

static void
tell_outcome(struct buf *b, const struct outcome *o)
{
	buf_fmt(b, "attempt %u", o->attempt);
	if (o->number > 0)
		buf_fmt(b, ", correction %u", o->number);
	buf_fmt(b, ": %s, cost ", resolution_name(o->resolution));
	money_write(b, (struct money){ o->effective });
}

static void
tell_frame(struct buf *b, const struct frame *f)
{
	struct intent i;
	struct outcome o;
	struct final e;

	if (f->kind == FRAME_INTENT && frame_get_intent(f, &i) == FAULT_NONE) {
		buf_fmt(b, "attempt %u begins, held ", i.attempt);
		money_write(b, (struct money){ i.hold });
	} else if (f->kind == FRAME_OUTCOME &&
		   frame_get_outcome(f, &o) == FAULT_NONE) {
		tell_outcome(b, &o);
	} else if (f->kind == FRAME_FINAL &&
		   frame_get_final(f, &e) == FAULT_NONE) {
		buf_fmt(b, "the request ended with status %d", e.status);
	} else {
		buf_fmt(b, "a frame of kind %u", (unsigned)f->kind);
	}
}

static void
on_leaf(void *arg, uint64_t index, const struct frame *f)
{
	struct told *t = arg;
	struct buf line = { 0 };

	tell_frame(&line, f);
	if (t->json) {
		json_w_begin(&t->text, '{');
		json_w_ku64(&t->text, "index", index);
		json_w_kstr(&t->text, "text", buf_slice(&line));
		json_w_end(&t->text, '}');
	} else {
		buf_fmt(&t->text, "  %-10llu %.*s\n", (unsigned long long)index,
		    S_FMT(buf_slice(&line)));
	}
	buf_fini(&line);
}

static void
receipt_json(struct buf *b, const struct receipt *r, const char *wrong,
    const struct told *t)
{
	char id[REQID_TEXT + 1];

	reqid_write(&r->request, id);
	json_w_begin(b, '{');
	json_w_kbool(b, "good", wrong == NULL);
	json_w_key(b, "problem");
	if (wrong == NULL)
		json_w_null(b);
	else
		json_w_str(b, slice_of(wrong));
	json_w_kstr(b, "request", slice_of(id));
	json_w_kstr(b, "origin", slice_of(r->origin));
	json_w_kbool(b, "key_from_receipt", r->own_key);
	json_w_ku64(b, "size", r->size);
	json_w_ku64(b, "signed_at", r->time);
	json_w_key(b, "leaves");
	json_w_begin(b, '[');
	if (t->text.len > 0)
		json_w_raw(b, buf_slice(&t->text));
	json_w_end(b, ']');
	json_w_end(b, '}');
	buf_char(b, '\n');
}

static void
receipt_text(struct buf *b, const struct receipt *r, const char *wrong,
    const struct told *t)
{
	char id[REQID_TEXT + 1];

	if (wrong != NULL) {
		buf_fmt(b, "BAD: %s\n", wrong);
		return;
	}
	reqid_write(&r->request, id);
	buf_fmt(b, "good: %s, %u leaves in the tree of %s with %llu, signed ",
	    id, r->n, r->origin, (unsigned long long)r->size);
	add_time(b, r->time);
	buf_char(b, '\n');
	buf_add(b, buf_slice(&t->text));
	if (r->has_since)
		buf_fmt(b, "the tree continues the older one of %llu leaves\n",
		    (unsigned long long)r->since);
	if (r->own_key) {
		buf_str(b, "the key is the receipt's own: compare it with the "
			   "node's, or give --key\n  ");
		note_key_write(&r->key, b);
		buf_char(b, '\n');
	}
}

static int
verify_receipt(const char *file, const char *key_file, bool json)
{
	struct told t = { .json = json };
	struct buf text = { 0 }, out = { 0 };
	struct note_key key;
	struct receipt r;
	const char *wrong;
	enum fault f = files_read(".", file, RECEIPT_MAX, &text);

	if (f != FAULT_NONE) {
		buf_fini(&text);
		return cannot(file, f, "there is no such file");
	}
	if (key_file != NULL &&
	    (f = audit_read_key(".", key_file, &key)) != FAULT_NONE) {
		buf_fini(&text);
		return cannot(key_file, f, "there is no such file");
	}
	wrong = receipt_check(
	    buf_slice(&text), key_file != NULL ? &key : NULL, on_leaf, &t, &r);
	if (json)
		receipt_json(&out, &r, wrong, &t);
	else
		receipt_text(&out, &r, wrong, &t);
	buf_fini(&text);
	buf_fini(&t.text);
	return print_out(&out, wrong == NULL ? 0 : 1);
}

int
command_audit_verify(int argc, char **argv)
{
	struct where w = { 0 };
	struct audit_query q = { 0 };
	const char *receipt = NULL;
	bool json = false;
	const struct arg arg[] = { { .name = "c", .value = &w.config },
		{ .name = "dir", .value = &w.dir },
		{ .name = "key", .value = &q.key },
		{ .name = "checkpoint", .value = &q.kept },
		{ .name = "receipt", .value = &receipt },
		{ .name = "json", .flag = &json } };
	struct buf dir = { 0 };
	unsigned none = 0;
	int status = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	if (receipt != NULL)
		return verify_receipt(receipt, q.key, json);
	if (where_dir(&w, &dir)) {
		q.dir = buf_cstr(&dir);
		status = verify_log(&q, json);
	}
	buf_fini(&dir);
	return status;
}

/* --- prove ---------------------------------------------------------------- */

static int
put_receipt(struct buf *text, const char *file)
{
	if (file == NULL)
		return print_out(text, 0);
	if (files_replace(".", file, buf_slice(text), 0644) == FAULT_NONE) {
		buf_fini(text);
		return 0;
	}
	buf_fini(text);
	return cannot(file, FAULT_DISK, NULL);
}

static int
prove(struct receipt_query *q, const char *since, const char *file)
{
	struct buf out = { 0 }, old = { 0 };
	const char *why;
	enum fault f;

	if (since != NULL &&
	    (f = files_read(".", since, NOTE_MAX, &old)) != FAULT_NONE) {
		buf_fini(&old);
		return cannot(since, f, "there is no such file");
	}
	q->since = buf_slice(&old);
	f = receipt_write(q, &out, &why);
	buf_fini(&old);
	if (f == FAULT_NONE) {
		buf_char(&out, '\n');
		return put_receipt(&out, file);
	}
	buf_fini(&out);
	if (f == FAULT_DATA)
		fprintf(stderr, "kontor: %s: %s\n", q->dir, why);
	else
		(void)cannot(
		    q->dir, f, "no signed frame speaks of this request");
	return 1;
}

int
command_audit_prove(int argc, char **argv)
{
	struct where w = { 0 };
	struct receipt_query q = { 0 };
	const char *id = NULL, *file = NULL, *since = NULL;
	const struct arg arg[] = { { .name = "c", .value = &w.config },
		{ .name = "dir", .value = &w.dir },
		{ .name = "out", .value = &file },
		{ .name = "since", .value = &since } };
	struct buf dir = { 0 };
	unsigned n = 1;
	int status = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), &id, &n) || n != 1)
		return 2;
	if (!reqid_parse(slice_of(id), &q.request)) {
		fprintf(stderr, "kontor: \"%s\" is no request id\n", id);
		return 2;
	}
	if (where_dir(&w, &dir)) {
		q.dir = buf_cstr(&dir);
		status = prove(&q, since, file);
	}
	buf_fini(&dir);
	return status;
}

/* --- export --------------------------------------------------------------- */

static int
export_to(const char *dir, const char *to, bool json)
{
	struct export_result r;
	struct buf out = { 0 };
	const enum fault f = audit_export(dir, to, &r);

	if (f == FAULT_DATA)
		fprintf(stderr,
		    "kontor: %s: the tree is damaged; kontor audit verify "
		    "says where\n",
		    dir);
	else if (f != FAULT_NONE)
		(void)cannot(f == FAULT_DISK ? to : dir, f,
		    "there is no audit tree here");
	if (f != FAULT_NONE)
		return 1;
	if (json) {
		json_w_begin(&out, '{');
		json_w_ku64(&out, "size", r.size);
		json_w_ku64(&out, "tiles", r.tiles);
		json_w_end(&out, '}');
		buf_char(&out, '\n');
	} else {
		buf_fmt(&out, "a tree of %llu leaves; %llu tiles written\n",
		    (unsigned long long)r.size, (unsigned long long)r.tiles);
	}
	return print_out(&out, 0);
}

int
command_audit_export(int argc, char **argv)
{
	struct where w = { 0 };
	const char *to = NULL;
	bool json = false;
	const struct arg arg[] = { { .name = "c", .value = &w.config },
		{ .name = "dir", .value = &w.dir },
		{ .name = "out", .value = &to },
		{ .name = "json", .flag = &json } };
	struct buf dir = { 0 };
	unsigned none = 0;
	int status = 1;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	if (to == NULL) {
		fprintf(stderr, "kontor: --out DIR is missing\n");
		return 2;
	}
	if (where_dir(&w, &dir))
		status = export_to(buf_cstr(&dir), to, json);
	buf_fini(&dir);
	return status;
}

/* --- key ------------------------------------------------------------------ */

int
command_audit_key(int argc, char **argv)
{
	struct where w = { 0 };
	bool json = false;
	const struct arg arg[] = { { .name = "c", .value = &w.config },
		{ .name = "dir", .value = &w.dir },
		{ .name = "json", .flag = &json } };
	struct buf dir = { 0 }, out = { 0 }, text = { 0 };
	struct note_key key;
	unsigned none = 0;
	enum fault f;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	if (!where_dir(&w, &dir)) {
		buf_fini(&dir);
		return 1;
	}
	f = audit_read_key(buf_cstr(&dir), FILES_PUB, &key);
	if (f != FAULT_NONE) {
		(void)cannot(dir.p, f, "there is no audit tree here");
		buf_fini(&dir);
		return 1;
	}
	buf_fini(&dir);
	note_key_write(&key, &text);
	if (json) {
		json_w_begin(&out, '{');
		json_w_kstr(&out, "key", buf_slice(&text));
		json_w_end(&out, '}');
	} else {
		buf_add(&out, buf_slice(&text));
	}
	buf_char(&out, '\n');
	buf_fini(&text);
	return print_out(&out, 0);
}

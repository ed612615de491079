/*
 * receipt.h - what the log says of one request, provable without the log
 *
 * JSON: {"receipt":1, "request", "key" (a verifier key), "checkpoint" (a
 * note), "leaves":[{"index", "leaf", "path":[...]}], "since":{"checkpoint",
 * "path"}}; bytes are base64.  A leaf is bytes 8..32+len of a frame.  "since"
 * is there when the receipt was asked to continue an older checkpoint.
 */
#ifndef KONTOR_AUDIT_RECEIPT_H
#define KONTOR_AUDIT_RECEIPT_H

#include "audit/note.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "journal/frame.h"
#include "model/ident.h"

enum { RECEIPT_MAX = 16 * 1024 * 1024, RECEIPT_LEAVES_MAX = 4096 };

struct receipt_query {
	const char *dir;
	struct reqid request;
	struct slice since; /* a note; empty: none */
	/* Up to the request's end, without what came later; looks only where
	 * the clock says. */
	bool quick;
};

/*
 * Reads files only.  FAULT_NOT_FOUND: no signed frame speaks of it;
 * FAULT_DATA: the files do not fit together, *why says what; FAULT_DISK.
 */
enum fault receipt_write(
    const struct receipt_query *q, struct buf *out, const char **why) MUST_USE;

struct receipt {
	struct reqid request;
	struct note_key key;
	bool own_key; /* taken from the receipt: it proves nothing by itself */
	char origin[NOTE_NAME_MAX + 1];
	uint64_t size, time; /* of the checkpoint */
	bool has_since;
	uint64_t since; /* leaves of the older checkpoint */
	unsigned n;     /* leaves */
};

/* One leaf that holds: its frame, borrowed for the call. */
typedef void receipt_leaf_f(
    void *arg, uint64_t index, const struct frame *frame);

/*
 * text is hostile.  key NULL: the receipt's own.  NULL when everything in it
 * holds, else what does not.
 */
const char *receipt_check(struct slice text, const struct note_key *key,
    receipt_leaf_f *on_leaf, void *arg, struct receipt *out) MUST_USE;

#endif

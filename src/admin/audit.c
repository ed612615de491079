/*
 * audit.c - the signed tree over the log, for those who keep checkpoints
 */
#include "admin/api.h"
#include "admin/control_priv.h"
#include "audit/files.h"
#include "audit/receipt.h"
#include "audit/tile.h"
#include "audit/verify.h"

void
audit_checkpoint(struct api *a)
{
	const char *dir = a->c->snapshot->data_dir;
	struct buf note = { 0 }, text = { 0 }, out = { 0 };
	struct note_key key;
	enum fault f = audit_read_key(dir, FILES_PUB, &key);

	if (f == FAULT_NONE)
		f = files_read(dir, FILES_CURRENT, NOTE_MAX, &note);
	if (f != FAULT_NONE) {
		api_fail(a, f,
		    f == FAULT_NOT_FOUND ? "nothing was signed yet" : NULL);
	} else {
		note_key_write(&key, &text);
		json_w_begin(&out, '{');
		json_w_kstr(&out, "checkpoint", buf_slice(&note));
		json_w_kstr(&out, "key", buf_slice(&text));
		json_w_end(&out, '}');
		api_reply(a, 200, &out);
	}
	buf_fini(&note);
	buf_fini(&text);
}

/* --- c2sp.org/tlog-tiles: /checkpoint, /tile/L/N -------------------------- */

void
audit_note(struct api *a)
{
	struct buf note = { 0 };
	const enum fault f = files_read(
	    a->c->snapshot->data_dir, FILES_CURRENT, NOTE_MAX, &note);

	if (f == FAULT_NONE)
		api_text(
		    a, 200, S("text/plain; charset=utf-8"), buf_slice(&note));
	else
		api_fail(a, f,
		    f == FAULT_NOT_FOUND ? "nothing was signed yet" : NULL);
	buf_fini(&note);
}

/* What is not signed yet may be in a file already: nobody asks for it. */
void
audit_tile(struct api *a)
{
	struct merkle_hash hash[MERKLE_WIDTH];
	unsigned level, width;
	uint64_t n;
	enum fault f = FAULT_NOT_FOUND;

	if (tile_path_parse(a->segment, &level, &n, &width))
		f = tile_hashes(a->c->snapshot->data_dir, level,
		    n * MERKLE_WIDTH, width, hash);
	if (f == FAULT_NONE)
		api_text(a, 200, S("application/octet-stream"),
		    (struct slice){ (char *)hash, width * MERKLE_HASH });
	else
		api_fail(a, f == FAULT_DATA ? FAULT_NOT_FOUND : f,
		    "there is no such tile (c2sp.org/tlog-tiles)");
}

/* Up to the request's end: `kontor audit prove` also has what came later. */
void
audit_proof(struct api *a)
{
	struct receipt_query q = { .dir = a->c->snapshot->data_dir,
		.quick = true };
	struct buf out = { 0 };
	const char *why;
	enum fault f;

	if (!reqid_parse(a->segment, &q.request)) {
		api_fail(a, FAULT_NOT_FOUND,
		    "a request id is req_ and 26 characters");
		return;
	}
	f = receipt_write(&q, &out, &why);
	if (f == FAULT_NONE) {
		api_reply(a, 200, &out);
		return;
	}
	buf_fini(&out);
	api_fail(a, f,
	    f == FAULT_NOT_FOUND
		? "no signed frame speaks of it: what was served is signed "
		  "within a second"
	    : f == FAULT_DATA ? why
			      : NULL);
}

/*
 * audit.c - the signed tree over the log, for those who keep checkpoints
 */
#include "admin/api.h"
#include "admin/control_priv.h"
#include "audit/files.h"
#include "audit/receipt.h"
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

/*
 * requests.c - calls, listed from the log
 */
#include "admin/api.h"
#include "admin/control_priv.h"
#include "books/calls.h"
#include "model/ident.h"

/* "429" or "4xx" */
static bool
read_status(struct slice v, int *from, int *to)
{
	uint64_t n;

	*from = *to = 0;
	if (v.len == 0)
		return true;
	if (v.len == 3 && v.p[1] == 'x' && v.p[2] == 'x' && v.p[0] >= '1' &&
	    v.p[0] <= '5') {
		*from = (v.p[0] - '0') * 100;
		*to = *from + 99;
		return true;
	}
	if (v.len != 3 || !slice_u64(v, &n) || n < 100 || n > 599)
		return false;
	*from = *to = (int)n;
	return true;
}

static const char *
read_filter(struct api *a, struct calls_filter *f)
{
	const struct slice key = api_query(a, "key");

	*f = (struct calls_filter){ .org = api_query(a, "org"),
		.team = api_query(a, "team"),
		.project = api_query(a, "project"),
		.principal = api_query(a, "principal"),
		.model = api_query(a, "model"),
		.deployment = api_query(a, "deployment"),
		.provider = api_query(a, "provider"),
		.region = api_query(a, "region"),
		.resolution = api_query(a, "resolution"),
		.fault = api_query(a, "fault"),
		.only_unsure = api_query(a, "unsure").len > 0 };
	if (key.len > 0 && !key_id_parse(key, &f->key))
		return "'key' takes a key's id, 12 characters";
	if (!read_status(
		api_query(a, "status"), &f->status_from, &f->status_to))
		return "'status' takes 429 or 4xx";
	return api_read_span(a, &f->from_ns, &f->to_ns);
}

static const char *
read_query(struct api *a, struct calls_query *q)
{
	const struct slice before = api_query(a, "before");
	const struct slice limit = api_query(a, "limit");
	uint64_t n = CALLS_PAGE;

	q->before = UINT64_MAX;
	if (before.len > 0 && !slice_u64(before, &q->before))
		return "'before' is the 'next' of the page before";
	if (limit.len > 0 &&
	    (!slice_u64(limit, &n) || n < 1 || n > CALLS_PAGE_MAX))
		return "'limit' is a number from 1 to 500";
	q->limit = (unsigned)n;
	return read_filter(a, &q->filter);
}

void
requests_list(struct api *a)
{
	struct calls_query q;
	const char *wrong = read_query(a, &q);
	struct buf b = { 0 };
	struct store *s;
	enum fault f;

	if (wrong != NULL) {
		api_fail(a, FAULT_FIELD, wrong);
		return;
	}
	s = api_store(a);
	if (s == NULL)
		return;
	f = calls_read(a->c->snapshot->data_dir, s, &q, &b);
	if (f == FAULT_NONE) {
		api_reply(a, 200, &b);
	} else {
		buf_fini(&b);
		api_fail(a, f, store_error(s));
	}
	store_close(&s);
}

#include "gateway/wishes.h"

#include <time.h>

#include "base/clock.h"
#include "gateway/bind.h"
#include "gateway/worker_priv.h"
#include "http/msg.h"
#include "httpio/server.h"

enum { PREFIX = 2048, PREFIX_LOOK = 16 * 1024, WORD_MAX = 256 };

/* --- headers -------------------------------------------------------------- */

static enum fault
wrong(struct req *req, struct slice name, const char *hint)
{
	req->ask->param = name;
	req->ask->hint = hint;
	return FAULT_FIELD;
}

static enum fault
read_class(struct req *req, struct slice v)
{
	if (!class_conf_find(v, &req->wishes.class))
		return wrong(
		    req, S("x-kontor-priority"), "takes high, normal or low");
	return FAULT_NONE;
}

static enum fault
read_data_class(struct req *req, struct slice v)
{
	if (req->snap->data_classes[0] != '\0' &&
	    !snapshot_words_have(req->snap->data_classes, v))
		return wrong(req, S("x-kontor-data-class"),
		    "is not one of the data classes of this instance");
	if (req->wishes.data_class != 0 && req->wishes.data_class != hash64(v))
		return wrong(req, S("x-kontor-data-class"), "is here twice");
	req->wishes.data_class = hash64(v);
	return FAULT_NONE;
}

/* "20s", "500ms", or seconds. */
static enum fault
read_timeout(struct req *req, struct slice v)
{
	uint64_t n, unit = (uint64_t)NS_PER_S;
	int64_t at;

	if (v.len > 2 && memcmp(v.p + v.len - 2, "ms", 2) == 0) {
		unit = (uint64_t)NS_PER_MS;
		v.len -= 2;
	} else if (v.len > 1 && v.p[v.len - 1] == 's') {
		v.len--;
	}
	if (!slice_u64(v, &n) || n == 0 || n > 10000000)
		return wrong(req, S("x-kontor-timeout"),
		    "takes how long the call may take: 20s, 500ms");
	at = req->start_ns + (int64_t)(n * unit);
	if (at < req->deadline_ns) {
		req->deadline_ns = at;
		req->wishes.hurried = true;
	}
	return FAULT_NONE;
}

static enum fault
read_header(struct req *req, struct slice name, struct slice v)
{
	v = slice_trim(v);
	/* Rules go by it: what is no class is not the same as none. */
	if (slice_ieq(name, S("x-kontor-data-class")))
		return v.len == 0 || v.len > WORD_MAX
			   ? wrong(req, S("x-kontor-data-class"),
				 "takes a word of 256 bytes at most")
			   : read_data_class(req, v);
	if (v.len == 0 || v.len > WORD_MAX)
		return FAULT_NONE;
	if (slice_ieq(name, S("x-kontor-priority")))
		return read_class(req, v);
	if (slice_ieq(name, S("x-kontor-timeout")))
		return read_timeout(req, v);
	if (slice_ieq(name, S("x-kontor-session")))
		req->wishes.session = hash64(v);
	return FAULT_NONE;
}

/* One look at each name: most are not ours. */
enum fault
wishes_read(struct req *req)
{
	static const struct slice ours = S_INIT("x-kontor-");
	const struct http_head *h = req->x->head;
	enum fault f = FAULT_NONE;
	unsigned i;

	req->wishes.class = CLASS_HIGH;
	for (i = 0; i < h->nhdr && f == FAULT_NONE; i++) {
		const struct slice name = h->hdr[i].name;

		if (name.len > ours.len && name.p[1] == '-' &&
		    slice_ieq((struct slice){ name.p, ours.len }, ours))
			f = read_header(req, name, h->hdr[i].value);
	}
	if (f == FAULT_NONE && req->snap->nresidency + req->snap->nclasses > 0)
		f = bind_tags(req);
	return f;
}

struct rule_who
wishes_who(const struct req *req)
{
	return (struct rule_who){ .snap = req->snap,
		.m = &req->w->shm,
		.key = req->key,
		.tag = req->tag,
		.ntags = req->ntags,
		.data_class = req->wishes.data_class };
}

/* --- by the model --------------------------------------------------------- */

/*
 * A cache of the provider's goes by how the prompt begins: what is before it
 * in the body (the model, limits) differs without harm to the cache.  What is
 * shorter than a provider caches has no place.
 */
static uint64_t
prompt_key(const struct req *req)
{
	static const char *const marks[] = { "\"system\"", "\"messages\"",
		"\"contents\"", "\"input\"" };
	const struct slice body = req->ask->body;
	const size_t look = body.len < PREFIX_LOOK ? body.len : PREFIX_LOOK;
	const char *from = body.p, *at = NULL;
	size_t i;

	for (i = 0; i < NELEM(marks) && at == NULL; i++)
		at = memmem(body.p, look, marks[i], strlen(marks[i]));
	if (at != NULL)
		from = at;
	if ((size_t)(body.p + body.len - from) < PREFIX)
		return 0;
	return hash64((struct slice){ from, PREFIX }) ^ req->model->hash;
}

void
wishes_take_model(struct req *req)
{
	const struct rule_who who = wishes_who(req);
	enum call_class class;

	if (req->snap->nclasses > 0) {
		class = rule_class(&who, req->model);
		if (class > req->wishes.class)
			req->wishes.class = class;
	} else if (req->wishes.class == CLASS_HIGH) {
		/* Where nobody is said to matter more, nobody does. */
		req->wishes.class = CLASS_NORMAL;
	}
	req->warm_key = 0;
	if (req->model->affinity == AFFINITY_SESSION &&
	    req->wishes.session != 0)
		req->warm_key = req->wishes.session ^ req->model->hash ^
				req->key->principal;
	else if (req->model->affinity == AFFINITY_PROMPT_CACHE)
		req->warm_key = prompt_key(req);
}

/* --- warnings ------------------------------------------------------------- */

static void
stay(struct req *req, struct buf *b)
{
	req->nwarnings = req->nfixed;
	bind_warn(req, arena_copy(&req->arena, buf_slice(b)));
	req->nfixed = req->nwarnings;
	buf_fini(b);
}

void
wishes_warn_moved(struct req *req, const struct model_conf *to, const char *why)
{
	struct buf b = { 0 };

	buf_fmt(&b, "model %s instead of %s: %s", to->id, req->asked->id, why);
	stay(req, &b);
}

void
wishes_warn_deprecated(struct req *req, const struct model_conf *m)
{
	const time_t t = (time_t)(m->retires_ns / NS_PER_S);
	struct buf b = { 0 };
	char when[16];
	struct tm tm;

	buf_fmt(&b, "model %s is deprecated", m->id);
	if (m->retires_ns != 0) {
		gmtime_r(&t, &tm);
		strftime(when, sizeof(when), "%Y-%m-%d", &tm);
		buf_fmt(&b, " and retires on %s", when);
	}
	if (m->successor != NULL)
		buf_fmt(&b, "; use %s", m->successor->id);
	stay(req, &b);
}

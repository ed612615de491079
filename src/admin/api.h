/*
 * api.h - private to admin/: one request to the admin API and its answer
 *
 * A handler ends its request by api_reply() or api_fail(), now or when what
 * it asked another process for has come (api_ask).  Errors are RFC 9457
 * problem documents.
 *
 * Ownership: the request and all in its arena live until it has been
 *            answered and no asked process owes it an answer any more.
 */
#ifndef KONTOR_ADMIN_API_H
#define KONTOR_ADMIN_API_H

#include "admin/shape.h"
#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/json.h"
#include "http/msg.h"

struct control;
struct exchange;
struct http_hdr;
struct store;
struct peer;
struct route;
struct api;

typedef void api_f(struct api *a);
/* answer is NULL when the process did not answer in time. */
typedef void api_then_f(struct api *a, const struct json *answer);

enum role { ROLE_NONE, ROLE_ADMIN };

struct route {
	const char *method, *path; /* "{}" stands for one segment */
	enum role role;
	bool fresh; /* reads books: waits for what was served before */
	api_f *run;
	enum shape shape; /* of what it answers */
	const char *text; /* what it is for [its query] {its body} */
};

struct api {
	struct control *c;
	struct exchange *x; /* NULL: the caller left */
	const struct route *route;
	struct slice segment;
	struct slice query;
	const struct json *body; /* NULL: there was none */
	/* Digests of who asks for what by which idempotency key, and of the
	 * body, as the recorder keeps them; empty: there is no such key. */
	struct slice idempotency;
	struct slice if_match; /* empty: not said */
	unsigned version;      /* of what is answered, its ETag; 0: none */
	struct slice cookie;   /* to set; empty: none */
	struct slice allow;    /* of a 405: the methods of its path */
	struct arena arena;
	unsigned owed; /* answers of other processes */
	bool ended;
	void *state; /* the handler's, in the arena */
	/* The caller left before the end; NULL: it is noticed later. */
	void (*on_left)(struct api *a);
};

/* NULL: there is no such path, or not with this method. */
const struct route *route_find(
    struct slice method, struct slice path, struct slice *segment);
/* Appends "GET, POST" (RFC 9110, 10.2.1); nothing: there is no such path. */
void route_methods(struct slice path, struct buf *out);
/* Borrowed; NULL past the end. */
const struct route *route_at(size_t i);

void api_reply(struct api *a, int status, struct buf *json); /* takes json */
void api_text(struct api *a, int status, struct slice type, struct slice body);
/* With headers of its own. */
void api_answer(struct api *a, int status, const struct http_hdr *hdr,
    unsigned nhdr, struct slice body);
void api_fail(struct api *a, enum fault why, const char *detail);

/* An answer in pieces.  False: the caller left, or does not read; then only
 * api_stream_end() may follow. */
void api_stream_begin(struct api *a, struct slice type);
bool api_stream_write(struct api *a, struct slice data);
void api_stream_end(struct api *a);

/* Sends {"n":...,<fields>} and calls then with the answer, or after 5 s. */
void api_ask(
    struct api *a, struct peer *p, struct slice fields, api_then_f *then);

/* The same to the recorder; object with its braces.  Ends object. */
void api_ask_recorder(struct api *a, struct buf *object, api_then_f *then);
bool api_agreed(const struct json *answer); /* NULL: no */
/* The asked process's no, as ours; answer may be NULL. */
void api_fail_as_told(struct api *a, const struct json *answer);
/*
 * Asks the recorder to do op, with what b has beside it ({"name":...,
 * without the closing brace; taken) and the idempotency key.
 */
void api_wish(struct api *a, struct buf *b, api_then_f *then);
/*
 * Pages: ?limit=N&after=CURSOR.  False: answered, they make no sense.  Without
 * a limit all is one page.
 */
struct api_page {
	int64_t after; /* ids above it */
	int64_t left;  /* rows that still fit */
	int64_t last;  /* id of the last one that did */
	bool more;
};
/* May this row be written?  Once it says no it says no. */
bool api_page_take(struct api_page *p, int64_t id);

/* The store, to be closed; NULL: answered, it cannot be read. */
struct store *api_store(struct api *a) MUST_USE;

/* A page as an answer: {NAME:[ROWS],"next":...}.  Between the two the rows of
 * one reading of the store are written to out, each that api_page_take() lets
 * pass.  False: answered, there is no list. */
struct api_list {
	struct api_page page;
	struct store *store;
	struct buf out;
};
bool api_list_begin(
    struct api *a, struct api_list *l, const char *name) MUST_USE;
void api_list_end(struct api *a, struct api_list *l);

/* Ends the reading of a store (taken) and answers with json (taken). */
void api_answer_store(struct api *a, struct store **s, struct buf *json);
/*
 * A wish that makes, changes or closes something, whole.  about: the path
 * names it; If-Match is heeded.
 */
void api_wish_did(
    struct api *a, const char *op, const char *const *known, bool about);
/* {"op":OP and, as they are, those members of the body that are known (a
 * list that ends with NULL); what is wrong, or NULL. */
const char *api_wish_begin(
    struct api *a, const char *op, const char *const *known, struct buf *b);

/* The percent-decoded value of a query parameter; empty: not there. */
struct slice api_query(struct api *a, const char *name);

/* ?from=&to=, UTC; as they were when absent.  What is wrong, or NULL. */
const char *api_read_span(struct api *a, int64_t *from_ns, int64_t *to_ns);

#define ROUTE(method, path, role, fresh, handler, shape, text) \
	void handler(struct api *);
#include "admin/routes.def"
#undef ROUTE

#endif

/*
 * ask.h - questions of the command line to a running instance
 *
 * Over its admin API, with the HTTP client that the gateway uses.  Where it
 * is and who asks is found in this order: --admin, then -c or --dir, then
 * KONTOR_ADMIN, then ./kontor.yaml, then the demo's folder.
 */
#ifndef KONTOR_MAIN_ASK_H
#define KONTOR_MAIN_ASK_H

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/json.h"
#include "http/msg.h"
#include "httpio/client.h"

struct where {
	const char *admin, *key, *config, *dir;
};

#define WHERE_ARGS(w) \
	{ .name = "admin", .value = &(w)->admin }, \
	    { .name = "key", .value = &(w)->key }, \
	    { .name = "c", .value = &(w)->config }, \
	{ \
		.name = "dir", .value = &(w)->dir \
	}

/* The data directory that -c or --dir name; false: said on stderr. */
bool where_dir(const struct where *w, struct buf *out) MUST_USE;
/* ~/.local/share/kontor-demo; false: no home. */
bool where_demo(struct buf *out) MUST_USE;

struct asked {
	struct arena arena;
	int status;
	struct buf text;
	const struct json *json; /* NULL: it is not JSON */
};

/*
 * False: said on stderr why there is no answer.  body may be empty.  Errors
 * of the instance are answers.
 */
bool ask(const struct where *w, const char *method, const char *path,
    struct slice body, struct asked *out) MUST_USE;
/* The same; prints a problem document to stderr and gives false for it. */
bool ask_good(const struct where *w, const char *method, const char *path,
    struct slice body, struct asked *out) MUST_USE;
/* One call without a body, of any place; redirects are answers like others. */
enum fault ask_place(const struct origin *origin, const struct http_head *head,
    struct asked *out);
void asked_fini(struct asked *a);

/* Appends "name=value", percent-encoded, after '?' or '&'. */
void ask_query(struct buf *path, const char *name, struct slice value);
/* The same for --name: a date, a time, or how long ago; nothing for NULL.
 * False: said on stderr. */
bool ask_time(struct buf *path, const char *name, const char *value);

#endif

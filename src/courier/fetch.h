/*
 * fetch.h - one HTTP exchange of the courier: bounded, timed, never redirected
 *
 * Ownership: embedded in its owner; the errand's slices must hold until the
 *            fetch is over.  on_done comes once, or never after fetch_drop().
 */
#ifndef KONTOR_COURIER_FETCH_H
#define KONTOR_COURIER_FETCH_H

#include "base/arena.h"
#include "base/buf.h"
#include "courier/run.h"
#include "model/snapshot.h"

struct client; /* httpio/client.h */
struct call;
struct loop;

struct url {
	bool tls;
	const char *host;       /* without brackets */
	struct slice authority; /* as a Host header says it */
	uint16_t port;
	struct slice target; /* "/..." with the query */
};

/* Borrows from the arena and the text; false: not an http(s) URL. */
bool url_split(struct arena *a, struct slice text, struct url *out) MUST_USE;
/* The address stands in the URL itself, or it is localhost. */
bool url_literal(const struct url *u);

struct fetch {
	struct call *call; /* NULL: none is under way */
	struct arena arena;
	struct buf body;
	struct run_reply answer;
	bool too_large;
	/* SIGNIN_WHY_NONE: f->answer is whole, until this returns. */
	void (*on_done)(struct fetch *f, enum signin_why why);
};

struct fetch_rules {
	bool metadata;      /* a metadata address may be dialled */
	bool allow_private; /* a name may lead to a private address */
	const char *ca_file;
	/* NULL: there is none.  no_proxy: hosts that are reached without; NULL:
	 * not one. */
	const char *proxy_host, *proxy_auth, *no_proxy;
	uint16_t proxy_port;
};

/*
 * For the sign-in of a provider.  A metadata address may be dialled for a
 * machine's own identity alone (Google's file may say that it is one); the
 * proxy is the provider's own, or that of the environment.
 */
struct fetch_rules fetch_rules_of(
    const struct snapshot *s, const struct provider_conf *p);

/* False: it cannot even begin; why says what is wrong, on_done is not called.
 */
bool fetch_start(struct fetch *f, struct client *c, struct loop *l,
    const struct errand *e, const struct fetch_rules *rules,
    enum signin_why *why) MUST_USE;
/* Wipes what was read; harmless when nothing is under way. */
void fetch_drop(struct fetch *f);

#endif

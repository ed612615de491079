/*
 * desk.h - where requests arrive: who calls, which provider that makes us
 *
 * One port plays all providers; the credential decides which one.
 */
#ifndef KONTOR_SIM_DESK_H
#define KONTOR_SIM_DESK_H

#include "sim/books.h"
#include "sim/cache.h"
#include "sim/leg.h"
#include "sim/rules.h"
#include "sim/setup.h"
#include "sim/wire.h"

struct desk {
	const struct setup *setup;
	struct books *books;
	struct rules rules;
	struct cache cache;
	uint64_t n; /* answers so far: makes request ids */
};

/* One per connection, in wire_conn's user. */
struct session {
	struct desk *desk;
	struct leg leg;
};

/* A request on its way to a plan. */
struct visit {
	struct desk *desk;
	const struct http_head *head;
	struct slice body;
	struct slice path;
	struct loop *loop;
	const struct credential *credential;
	struct entry entry;
};

extern const struct wire_ops desk_ops; /* user: struct desk */

/* chatdesk.c: POST .../chat/completions for a known credential; deployment
 * is Azure's classic path's, empty else. */
struct plan *desk_chat(struct visit *v, struct slice deployment) MUST_USE;
/* identify.c: sets v->credential, or returns the refusal. */
struct plan *desk_identify(struct visit *v, int64_t now_s) MUST_USE;
/* control.c: everything under /sim. */
struct plan *desk_control(struct visit *v) MUST_USE;

#endif

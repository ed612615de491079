/*
 * desk.h - where requests arrive: who calls, which provider that makes us
 *
 * One port plays all providers; the credential decides which one.
 */
#ifndef KONTOR_SIM_DESK_H
#define KONTOR_SIM_DESK_H

#include "base/arena.h"
#include "sim/books.h"
#include "sim/cache.h"
#include "sim/issuer.h"
#include "sim/chat.h"
#include "sim/leg.h"
#include "sim/rules.h"
#include "sim/script.h"
#include "sim/setup.h"
#include "sim/wire.h"

struct desk {
	const struct setup *setup;
	struct issuer *issuer;
	struct books *books;
	struct rules rules;
	struct scripts scripts;
	struct cache cache;
	/* Of each credential: tokens in its bucket, and when that was. */
	struct meter {
		int64_t tokens, at_ns;
	} meter[SETUP_CREDENTIALS];
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

/* A call of a model on its way to a plan. */
struct order {
	struct visit *visit;
	const struct manner *manner;
	struct slice name; /* of the model, when the path says it */
	struct slice key;  /* what beside the body makes the call what it is */
	bool stream;       /* the path says so */
	bool array;        /* Google's stream that is no SSE */
	bool sealed;       /* and given back sealed */
	bool thoughts;     /* what the model thinks is to be shown */
	int64_t extra_input; /* of a prompt that is kept at the provider */
	struct aws_notes aws;
	struct play play; /* set from outside, or none */
	struct arena arena;
	struct json *body;
	struct chat chat;
	const struct sim_model *model;
};

/* A wire format that models are called in. */
struct manner {
	/*
	 * Checks o->body as the provider does: the refusal, or NULL.  Then it
	 * leaves in o->body what chat_read() understands: the same request
	 * in the shape of OpenAI's chat.
	 */
	struct plan *(*read)(struct order *o);
	/* NULL or what is left to do to o->chat. */
	void (*touch)(struct order *o);
	const struct tongue *tongue; /* NULL: OpenAI's chat */
	struct slice bad_json;       /* what is said to a body that is none */
	bool native;                 /* its errors are AWS's, not its model's */
	bool anthropic; /* they are Anthropic's, whoever sells it */
};

extern const struct wire_ops desk_ops; /* user: struct desk */

/* chatdesk.c: POST .../chat/completions for a known credential; deployment
 * is Azure's classic path's, empty else. */
struct plan *desk_chat(struct visit *v, struct slice deployment) MUST_USE;
/* The same in any manner; fills what the fields above leave to it. */
struct plan *desk_talk(struct order *o) MUST_USE;
/* desk.c: opens the row of a call, runs it, and books its fate. */
struct plan *desk_call(struct order *o) MUST_USE;
/* identify.c: sets v->credential, or returns the refusal. */
struct plan *desk_identify(struct visit *v, int64_t now_s) MUST_USE;
/* signdesk.c: the clouds' token endpoints; NULL: the path is none. */
struct plan *desk_sign_in(struct visit *v) MUST_USE;
/* signdesk.c: /sim/sign-in. */
struct plan *desk_sign_in_control(struct visit *v) MUST_USE;
/* control.c: everything under /sim. */
struct plan *desk_control(struct visit *v) MUST_USE;

#endif

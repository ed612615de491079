/*
 * control_priv.h - private to admin/: what the control role holds
 */
#ifndef KONTOR_ADMIN_CONTROL_PRIV_H
#define KONTOR_ADMIN_CONTROL_PRIV_H

#include "admin/api.h"
#include "base/base.h"
#include "httpio/server.h"
#include "model/snapshot.h"
#include "shm/shm.h"

struct client;
struct http_head;
struct live;
struct loop;
struct peer;
struct sessions;
struct server;
struct store;

/* store.db, and what SQLite has beside it. */
enum { STORE_FILES = 3 };

struct control {
	struct loop *loop;
	struct server *server;
	struct peer *recorder, *supervisor;
	struct shm shm;
	struct snapshot *snapshot;
	struct sessions *sessions;
	struct client *client;          /* to the gateway */
	struct live *live;              /* NULL: nobody watches */
	char token[128];                /* of data_dir/admin.token; "": none */
	uint64_t store_is[STORE_FILES]; /* what the seal lets us open */
	bool leaving;
	struct server_share strangers; /* bodies of who has not signed in */
};

/* Read-only; NULL: there is none yet, or another one: then control leaves. */
struct store *control_store(struct control *c) MUST_USE;

/* What comes as "authorization: Bearer ..."; empty: nothing. */
struct slice control_credential(const struct http_head *h);
/* Whose credential it is.  ROLE_NONE: a live key, but not an administrator's.
 * FAULT_KEY: nobody's. */
enum fault control_role(
    const struct control *c, struct slice credential, enum role *role) MUST_USE;

#endif

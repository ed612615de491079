/*
 * control_priv.h - private to admin/: what the control role holds
 */
#ifndef KONTOR_ADMIN_CONTROL_PRIV_H
#define KONTOR_ADMIN_CONTROL_PRIV_H

#include "base/base.h"
#include "model/snapshot.h"
#include "shm/shm.h"

struct loop;
struct peer;
struct server;
struct store;

struct control {
	struct loop *loop;
	struct server *server;
	struct peer *recorder, *supervisor;
	struct shm shm;
	struct snapshot *snapshot;
	char token[128]; /* of data_dir/admin.token; "": none */
	bool leaving;
};

/* Read-only; NULL: there is none yet. */
struct store *control_store(const struct control *c) MUST_USE;

#endif

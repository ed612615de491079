/*
 * wallet.h - credentials that the courier got, for the workers to send
 *
 * Shared memory of its own, apart from the tables: only the courier maps it
 * to write and only workers map it to read, so no other process can see a
 * token; it is in no core dump.  A row is one credential, found by the id of
 * its signin_conf, guarded by a version that is odd while it is written.  A
 * reader keeps a copy of its own and takes a new one when the version has
 * moved: in every other call finding a credential is a few loads.  It never
 * waits: what is being written now is met as the copy of before.
 *
 * Threads:  one writer (the courier); each reader is one thread.
 * Errors:   creating and mapping may fail; the rest cannot.
 */
#ifndef KONTOR_SHM_WALLET_H
#define KONTOR_SHM_WALLET_H

#include "base/base.h"
#include "shm/shm.h"

enum {
	WALLET_ROWS = SIGNINS_MAX,
	WALLET_PARTS = 3,
	WALLET_ROOM = 16 * 1024 - 64 /* bytes of all parts of a row */
};

enum pass_kind {
	PASS_BEARER = 1, /* part 0: the value of Authorization, whole */
	PASS_AWS /* access key id, secret access key, session token or "" */
};

struct wallet_pass {
	enum pass_kind kind;
	unsigned row;
	uint32_t version;
	int64_t expires_ns; /* wall, by our clock; INT64_MAX: never */
	int64_t skew_ns;    /* what to add to our clock to have theirs */
	struct slice part[WALLET_PARTS];
};

struct wallet {
	char *base;
	struct wallet_copy *copy; /* a reader's own; NULL: the writer */
};

/* Two descriptors of one memory: to write, and to read only. */
bool wallet_create(int *write_fd, int *read_fd) MUST_USE;
/* fd stays the caller's and may be closed afterwards. */
bool wallet_map(int fd, bool to_write, struct wallet *out) MUST_USE;
void wallet_unmap(struct wallet *w);

/* --- the courier ------------------------------------------------------ */

/* The row of id; one that was free becomes it, with nothing in it that could
 * be found.  -1: all are taken. */
int wallet_row(struct wallet *w, uint64_t id);
/* The parts are copied; false: they do not fit.  version and row of p are not
 * looked at; *version gets the new one. */
bool wallet_put(struct wallet *w, unsigned row, uint64_t id,
    const struct wallet_pass *p, uint32_t *version) MUST_USE;
void wallet_drop(struct wallet *w, unsigned row); /* wiped */

/* --- a worker --------------------------------------------------------- */

/*
 * Borrowed until the next call for the same id.  NULL: there is none, or it
 * has expired.
 */
const struct wallet_pass *wallet_find(
    struct wallet *w, uint64_t id, int64_t wall_ns);

#endif

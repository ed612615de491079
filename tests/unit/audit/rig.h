/*
 * rig.h - a data directory with a log and its notary, for tests
 */
#ifndef TESTS_UNIT_AUDIT_RIG_H
#define TESTS_UNIT_AUDIT_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/checkpoint.h"
#include "audit/files.h"
#include "audit/notary.h"
#include "audit/tile.h"
#include "audit/verify.h"
#include "base/clock.h"
#include "base/log.h"
#include "journal/segment.h"

struct rig {
	char dir[64], log_dir[80];
	struct log *log;
	struct notary *n;
	uint64_t seq, rotate;
	uint64_t place[4096]; /* of each frame */
	int64_t now;
	void (*step)(void *arg, const char *where);
};

static inline int
rig_remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static inline void
rig_flushed(void *arg, struct slice frames, uint64_t at)
{
	struct rig *g = arg;

	if (g->n != NULL)
		notary_flushed(g->n, frames, at);
}

static inline void
rig_start(struct rig *g)
{
	const struct log_conf conf = { .dir = g->log_dir,
		.node = 42,
		.boot = 1,
		.rotate = g->rotate,
		.flushed = rig_flushed,
		.arg = g };
	struct notary_conf nc = {
		.data_dir = g->dir, .node = 42, .step = g->step, .arg = g
	};
	uint64_t torn, lost;

	assert_int_equal(log_open(&conf, &g->log, &torn, &lost), FAULT_NONE);
	nc.durable = log_durable(g->log);
	assert_int_equal(notary_open(&nc, &g->n), FAULT_NONE);
}

static inline void
rig_stop(struct rig *g)
{
	notary_close(&g->n);
	log_close(&g->log);
}

static inline void
rig_begin(struct rig *g)
{
	*g = (struct rig){ .dir = "/tmp/kontor-aud-XXXXXX",
		.rotate = 20000,
		.now = NS_PER_S };
	log_init("test", LOG_LVL_ERROR);
	assert_non_null(mkdtemp(g->dir));
	(void)snprintf(g->log_dir, sizeof(g->log_dir), "%s/log", g->dir);
	rig_start(g);
}

static inline void
rig_end(struct rig *g)
{
	rig_stop(g);
	assert_int_equal(
	    nftw(g->dir, rig_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline struct reqid
rig_req(uint64_t seq)
{
	/* three frames of each request follow each other */
	return reqid_make(INT64_C(1764087000) * NS_PER_S, 42, 1,
	    (uint32_t)((seq - 1) / 3 + 1));
}

/* Finals of requests: three for each id. */
static inline void
rig_add(struct rig *g, unsigned n)
{
	const struct journal_name j = { 42, 1, 1, 1 };
	char out[FRAME_MAX_RING];
	struct final v = { .status = 200, .attempts = 1, .key = 5 };
	size_t len;

	while (n-- > 0) {
		g->seq++;
		v.req = rig_req(g->seq);
		v.wall_ns = (int64_t)g->seq;
		v.total_us = g->seq * 1000;
		len = frame_final(&j, g->seq, &v, out, sizeof(out));
		assert_true(len > 0);
		if (g->seq <= NELEM(g->place))
			g->place[g->seq - 1] = log_end(g->log);
		log_append(g->log, (struct slice){ out, len });
	}
}

static inline void
rig_flush(struct rig *g)
{
	assert_int_equal(log_flush(g->log), FAULT_NONE);
}

/* A turn, seconds later. */
static inline void
rig_turn(struct rig *g, int seconds)
{
	g->now += seconds * NS_PER_S;
	while (notary_turn(g->n, log_durable(g->log), g->now))
		;
}

static inline void
rig_verify(const struct rig *g, struct audit_result *r)
{
	const struct audit_query q = { .dir = g->dir };

	assert_int_equal(audit_verify(&q, r), FAULT_NONE);
}

static inline void
rig_good(const struct rig *g, uint64_t leaves, uint64_t covered)
{
	struct audit_result r;

	rig_verify(g, &r);
	if (r.problem.what != NULL)
		fail_msg("%s from %llu: %s", r.problem.what,
		    (unsigned long long)r.problem.index, r.problem.text);
	assert_true(r.good);
	assert_int_equal(r.leaves, leaves);
	assert_int_equal(r.covered, covered);
}

static inline void
rig_bad(const struct rig *g, const char *what, uint64_t index)
{
	struct audit_result r;

	rig_verify(g, &r);
	assert_false(r.good);
	assert_non_null(r.problem.what);
	assert_string_equal(r.problem.what, what);
	assert_int_equal(r.problem.index, index);
}

/* Changes one byte of a file; twice: it is as it was. */
static inline void
rig_flip(const struct rig *g, const char *name, off_t at)
{
	char path[FILES_PATH], c;
	int fd;

	assert_true(files_path(g->dir, name, path));
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 0x10;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

static inline void
rig_cut(const struct rig *g, const char *name, off_t len)
{
	char path[FILES_PATH];

	assert_true(files_path(g->dir, name, path));
	assert_int_equal(truncate(path, len), 0);
}

static inline void
rig_drop(const struct rig *g, const char *name)
{
	char path[FILES_PATH];

	assert_true(files_path(g->dir, name, path));
	assert_int_equal(unlink(path), 0);
}

static inline bool
rig_has(const struct rig *g, const char *name)
{
	char path[FILES_PATH];

	return files_path(g->dir, name, path) && access(path, F_OK) == 0;
}

#endif

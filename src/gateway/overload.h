/*
 * overload.h - how much memory a worker has, and what it does without
 *
 * A worker reads its own size every few turns.  Above 80 % of what it may
 * have it is tight: connections between two requests are closed, bodies stop
 * growing, streams queue less.  Above 90 % it is full: calls are refused with
 * 503 until some have ended.  The kernel's own killer is never reached, unless
 * somebody else takes the machine's memory.
 *
 * Also who may begin: calls open in one worker, and of one key in it.
 */
#ifndef KONTOR_GATEWAY_OVERLOAD_H
#define KONTOR_GATEWAY_OVERLOAD_H

#include "base/base.h"
#include "base/fault.h"

struct req;
struct worker;

enum overload_level { OVERLOAD_NONE, OVERLOAD_TIGHT, OVERLOAD_FULL };

struct overload {
	int fd; /* of /proc/self/statm; -1: cannot be read */
	enum overload_level level;
	uint64_t most; /* bytes */
	int64_t next_ns, trim_ns;
};

/* most: of one worker; 0: its share of half of what the machine, or the
 * control group, has.  Before the file system is closed. */
void overload_open(struct overload *o, uint64_t most, unsigned workers);
/* Cheap when it is not yet time; true: the level is another, or memory is
 * still short.  more: bytes in use that malloc knows nothing of. */
bool overload_look(struct overload *o, int64_t now_ns, size_t more);
/* The level of bytes in use. */
enum overload_level overload_level_of(const struct overload *o, uint64_t bytes);

/* A call whose key is known begins: counts it, or says why not. */
enum fault overload_enter(struct req *req);
/* It ends, whether it was counted or not. */
void overload_leave(struct req *req);

#endif

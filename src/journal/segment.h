/*
 * segment.h - the log on disk: data_dir/log/NNNNNNNN.seg
 *
 * A segment is a header of SEGMENT_HEAD bytes and frames (frame.h).  A place
 * in the log is a count of frame bytes since its beginning: it does not
 * change when frames have to be written again elsewhere.  A segment's header
 * says its base, the place of its first frame; so the next header says where
 * this one ends, and bytes behind that (a write that failed) do not count.
 *
 * Errors:   FAULT_DISK with errno (the log may be tried again), FAULT_DATA.
 */
#ifndef KONTOR_JOURNAL_SEGMENT_H
#define KONTOR_JOURNAL_SEGMENT_H

#include <sys/types.h>

#include "base/base.h"
#include "base/fault.h"
#include "journal/frame.h"

enum { SEGMENT_HEAD = 64, SEGMENT_ROTATE = 64 * 1024 * 1024 };

/* How bytes reach the disk; tests put their own here. */
struct disk {
	ssize_t (*pwrite)(int fd, const void *p, size_t len, off_t at);
	int (*sync)(int fd);
	int (*truncate)(int fd, off_t len);
};
extern const struct disk disk_real;

/* --- writing: one process, which has locked data_dir ---------------------- */

struct log_conf {
	const char *dir; /* data_dir/log; made when absent */
	uint32_t node, boot;
	uint64_t rotate;         /* bytes; 0: SEGMENT_ROTATE */
	uint64_t at_least;       /* the log must not begin again before it */
	const struct disk *disk; /* NULL: disk_real */
	/* Frames that have just become durable, and their place; or NULL. */
	void (*flushed)(void *arg, struct slice frames, uint64_t at);
	void *arg;
};

struct log; /* opaque; segment.c */

/*
 * Cuts what is no whole frame off the last segment (kept beside it as
 * NNNNNNNN.torn when it is more than zeros), and syncs what stays.  *lost:
 * bytes that at_least says were there and are not.
 */
enum fault log_open(const struct log_conf *conf, struct log **out,
    uint64_t *torn, uint64_t *lost) MUST_USE;
void log_close(struct log **l);

/* Copies a whole frame behind what is there; in memory until log_flush(). */
void log_append(struct log *l, struct slice frame);
/*
 * Writes and syncs everything appended.  On a fault nothing is forgotten:
 * the segment is sealed at its last durable frame, and the next call writes
 * the rest into a new one.
 */
enum fault log_flush(struct log *l) MUST_USE;

uint64_t log_end(const struct log *l);     /* behind the last append */
uint64_t log_durable(const struct log *l); /* behind what is on disk */

/* --- reading: anyone, at any time ----------------------------------------- */

struct log_reader;

/* FAULT_NOT_FOUND: there is no log. */
enum fault log_reader_open(
    const char *dir, uint64_t from, struct log_reader **out) MUST_USE;
void log_reader_close(struct log_reader **r);
/*
 * The next frame, borrowed until the next call, and its place.
 * FAULT_PENDING: the end, for now.  FAULT_DATA: damage at *at; the next call
 * goes on at the next whole frame.
 */
enum fault log_next(
    struct log_reader *r, struct frame *out, uint64_t *at) MUST_USE;
/* Bytes at the very end that are no whole frame (after FAULT_PENDING). */
uint64_t log_reader_torn(const struct log_reader *r);
/* Where the log begins: not 0 when its oldest segments are gone. */
uint64_t log_reader_base(const struct log_reader *r);

/* Path of a segment; false: too long. */
bool segment_path(
    const char *dir, uint32_t number, char *out, size_t cap) MUST_USE;

#endif

/*
 * files.h - the files of the audit tree, and how they come to the disk
 *
 * Paths are DIR/NAME, or NAME when it begins with '/'.  What is written is
 * whole or not there: a file beside it, synced, renamed, and the folder synced.
 *
 * Errors:  FAULT_NOT_FOUND, FAULT_DATA (larger than max), FAULT_DISK (errno).
 */
#ifndef KONTOR_AUDIT_FILES_H
#define KONTOR_AUDIT_FILES_H

#include <sys/types.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"

#define FILES_KEY "audit.key"            /* private, 0600 */
#define FILES_PUB "audit.pub"            /* a verifier key */
#define FILES_CURRENT "tiles/checkpoint" /* the last one */
#define FILES_HISTORY "tiles/history"    /* some of each hour, for ever */
#define FILES_LEVELS "tiles/level"       /* the hashes */

enum { FILES_PATH = 4096 };

/* fsync; simulations of many crashes have their own. */
extern int (*files_sync)(int fd);

bool files_path(
    const char *dir, const char *name, char out[FILES_PATH]) MUST_USE;
/* Appends the whole file to b. */
enum fault files_read(
    const char *dir, const char *name, size_t max, struct buf *b) MUST_USE;
/* Its last bytes, at most max; *whole: that is all of it. */
enum fault files_read_tail(const char *dir, const char *name, size_t max,
    struct buf *b, bool *whole) MUST_USE;
enum fault files_replace(
    const char *dir, const char *name, struct slice text, mode_t mode) MUST_USE;
/* Cuts the file to `at` bytes first.  Made when absent. */
enum fault files_append(
    const char *dir, const char *name, uint64_t at, struct slice text) MUST_USE;
/* Exactly len bytes; FAULT_DATA: the file ends before. */
enum fault files_read_at(const char *dir, const char *name, uint64_t at,
    size_t len, void *out) MUST_USE;
/* For writing; made, durably, when absent.  The caller closes it. */
enum fault files_open(const char *dir, const char *name, int *fd) MUST_USE;
enum fault files_write_at(int fd, uint64_t at, struct slice bytes) MUST_USE;
enum fault files_size(
    const char *dir, const char *name, uint64_t *out) MUST_USE;
/* DIR itself, in a folder that is there; good when it is there already. */
enum fault files_make_folder(const char *dir) MUST_USE;
/* The folders above NAME, below DIR. */
enum fault files_make_folders(const char *dir, const char *name) MUST_USE;

#endif

/*
 * config.h - kontor.yaml compiled into a snapshot
 *
 * Compiling reports every mistake at once, with its place and a hint, and
 * touches nothing but the files that the text names.  It runs in a
 * short-lived child of the supervisor, and in `kontor check`.
 */
#ifndef KONTOR_MAIN_CONFIG_H
#define KONTOR_MAIN_CONFIG_H

#include "base/base.h"
#include "main/report.h"

struct snapshot;     /* model/snapshot.h */
struct pricing_more; /* main/pricing.h */

/*
 * text as the content of file (whose folder is where relative paths begin).
 * False: the report says why and *out is NULL; true: the caller unrefs.
 */
bool config_compile(struct slice text, const char *file, struct report *r,
    struct snapshot **out) MUST_USE;
/* The same, reading the file. */
bool config_load(
    const char *file, struct report *r, struct snapshot **out) MUST_USE;

/* The same, with further prices: main/pricing.h. */
bool config_load_more(const char *file, struct report *r,
    struct pricing_more *more, struct snapshot **out) MUST_USE;

/*
 * Only where the file says that data is kept; what else is in it may be
 * wrong.  False: said on stderr.
 */
bool config_data_dir(const char *file, struct buf *out) MUST_USE;

/* Reads a whole file of at most max bytes into *out; false: errno. */
bool config_file_read(const char *path, size_t max, struct buf *out) MUST_USE;

/* Beside it, synced, renamed: whole or not at all; mode and owner stay. */
bool config_file_write(const char *path, struct slice text) MUST_USE;

#endif

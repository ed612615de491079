/*
 * store.h - the SQL store: index and nouns, rebuilt from the log when lost
 *
 * One connection in the world writes, the recorder's; everyone else opens
 * read-only, waits at most a moment for locks and keeps transactions under
 * 2 s.  Statements are prepared once and kept by the address of their text,
 * so the text must be a literal.
 *
 * Threads:  one per connection.
 * Errors:   a failed step is remembered: store_fault() and store_error() say
 *           the first since the last store_begin(); reads after it give
 *           nothing.  So a whole transaction is checked once, at its end.
 */
#ifndef KONTOR_STORE_STORE_H
#define KONTOR_STORE_STORE_H

#include "base/base.h"
#include "base/fault.h"

struct store;
struct stmt; /* borrowed: belongs to the store */

/* Creates and migrates.  FAULT_DISK, FAULT_DATA: not a store of ours. */
enum fault store_open(const char *path, struct store **out) MUST_USE;
/* FAULT_NOT_FOUND: there is none.  FAULT_DATA: of a later version. */
enum fault store_open_read(const char *path, struct store **out) MUST_USE;
void store_close(struct store **s);

/* A transaction; for a reader: one view of everything. */
void store_begin(struct store *s);
enum fault store_commit(struct store *s) MUST_USE; /* rolled back on a fault */
void store_rollback(struct store *s);
enum fault store_fault(const struct store *s);
const char *store_error(const struct store *s);
/* When nothing else is to be done; never waits for readers. */
void store_checkpoint(struct store *s);

/* Begins a statement anew: parameters unset, no row.  Never NULL. */
struct stmt *store_sql(struct store *s, const char *literal);
/* Parameters in order, from 1.  Text and bytes are borrowed until the last
 * step; use each statement at once. */
void stmt_i64(struct stmt *q, int i, int64_t v);
void stmt_u64(struct stmt *q, int i, uint64_t v); /* bit for bit */
void stmt_text(struct stmt *q, int i, struct slice v);
void stmt_blob(struct stmt *q, int i, struct slice v);
/* True: there is a row to read.  False: no more, or a fault. */
bool stmt_step(struct stmt *q);
void stmt_run(struct stmt *q); /* for statements without rows */
/* Columns from 0; slices are valid until the next step. */
int64_t stmt_get_i64(struct stmt *q, int i);
uint64_t stmt_get_u64(struct stmt *q, int i);
struct slice stmt_get(struct stmt *q, int i);

#endif

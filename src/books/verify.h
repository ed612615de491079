/*
 * verify.h - the log added up again, and compared with the store
 *
 * Reads files only: no lock, no write; a running instance may go on.
 */
#ifndef KONTOR_BOOKS_VERIFY_H
#define KONTOR_BOOKS_VERIFY_H

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"

/*
 * Every frame whole; sequences without gaps; each attempt with one intent
 * and one outcome of each number; costs as its price row says; no cost above
 * its hold unless it says so; balances, usage, calls and suspense as in the
 * store.  Corrections by a recorder alone, numbered without gaps, each as
 * the frames before it add up to, priced by its row unless it states a cost.
 * Attempts without an outcome are listed, not errors: they may be under way.
 *
 * Appends the report (JSON, or text for people).  *good: nothing is wrong.
 * FAULT_NOT_FOUND: there is no log; FAULT_DISK: it cannot be read.
 */
enum fault ledger_verify(
    const char *data_dir, bool json, struct buf *out, bool *good) MUST_USE;

/*
 * One JSON object for each attempt: request, attempt, time, key, model,
 * deployment, provider, hold, settled, resolution (null: open), sent,
 * streamed, by_recorder, status, fault, tokens and corrections (how many);
 * an attempt is told as its corrections left it.  line is without a
 * newline, borrowed; false ends it.
 */
typedef bool export_line_f(void *arg, struct slice line);
enum fault ledger_export(
    const char *data_dir, export_line_f *line, void *arg) MUST_USE;

#endif

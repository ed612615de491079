/*
 * explain.h - one request, as the log tells it
 *
 * {"id", "time", "key", "model", "status", "fault", "open", "client_gone",
 * "total_us", "candidates":[{"deployment", "kept", "why"}],
 * "attempts":[{"attempt", "deployment", "provider", "hold", "settled",
 * "resolution", ..., "corrections":[{"number", "time", "reason",
 * "resolution", "difference", "stated"}]}], "hold" (the largest), "settled"
 * (the sum)}; what is not known yet is null.  An attempt is told as its
 * corrections left it.
 */
#ifndef KONTOR_BOOKS_EXPLAIN_H
#define KONTOR_BOOKS_EXPLAIN_H

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "model/ident.h"
#include "store/store.h"

/*
 * s may be NULL: then the whole log is read.  FAULT_NOT_FOUND: the log does
 * not speak of it.
 */
enum fault explain_request(const char *data_dir, struct store *s,
    const struct reqid *id, struct buf *out) MUST_USE;

#endif

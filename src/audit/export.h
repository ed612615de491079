/*
 * export.h - the signed tree as the static files of c2sp.org/tlog-tiles
 *
 * OUT/checkpoint, OUT/key and OUT/tile/L/N: what a web server would serve, and
 * what other implementations read.  OUT is made when its parent is there.  A
 * second export into the same folder writes only what is new; the checkpoint
 * last.
 */
#ifndef KONTOR_AUDIT_EXPORT_H
#define KONTOR_AUDIT_EXPORT_H

#include "base/base.h"
#include "base/fault.h"

struct export_result {
	uint64_t size;  /* leaves of the checkpoint */
	uint64_t tiles; /* written now */
};

/*
 * FAULT_NOT_FOUND: there is no tree in dir; FAULT_DATA: its checkpoint or
 * tiles are damaged; FAULT_DISK: out cannot be written, or errno.
 */
enum fault audit_export(
    const char *dir, const char *out, struct export_result *r) MUST_USE;

#endif

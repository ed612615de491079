/*
 * correct.h - corrections of attempts, asked for through control
 *
 *   {"op":"correct","attempt":"req_...-1","usage":{"input_tokens":7,...},
 *    "cost":"0.5","void":false,"estimated":false,"reason":"operator",
 *    "plan":false}
 *
 * One of usage, cost and void must be there; a cost is stated, not priced.
 * The answer has "attempt", "number", "planned", "was", "now", "hold",
 * "difference" and "overage".
 */
#ifndef KONTOR_RECORDER_CORRECT_H
#define KONTOR_RECORDER_CORRECT_H

#include "base/buf.h"
#include "base/fault.h"
#include "base/json.h"

struct recorder;

/*
 * FAULT_FIELD, FAULT_NOT_FOUND (no such attempt), FAULT_CONFLICT (under way;
 * nothing to change), FAULT_LOG: *text says why.  On FAULT_NONE the frame is
 * in the log, to be made durable by the caller, and answer has members that
 * follow others.
 */
enum fault correct_attempt(struct recorder *r, const struct json *j,
    struct buf *answer, const char **text) MUST_USE;

#endif

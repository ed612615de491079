/*
 * stamp.h - the two ways in which clouds write a moment
 */
#ifndef KONTOR_COURIER_STAMP_H
#define KONTOR_COURIER_STAMP_H

#include "base/base.h"

/* "2026-11-25T19:34:47Z", with or without a fraction; seconds since 1970. */
bool stamp_iso(struct slice s, int64_t *unix_s) MUST_USE;
/* RFC 9110 5.6.7, the one form that is sent: "Wed, 25 Nov 2026 19:34:47 GMT" */
bool stamp_http(struct slice s, int64_t *unix_s) MUST_USE;

#endif

/*
 * date.h - days and times as people write them, UTC
 *
 * From 1970 to the end of 2200, so that nanoseconds hold them and what is
 * added to them.
 */
#ifndef KONTOR_BASE_DATE_H
#define KONTOR_BASE_DATE_H

#include "base/base.h"

enum { DATE_YEAR_FIRST = 1970, DATE_YEAR_LAST = 2200 };
#define DATE_LAST_S INT64_C(7289654399) /* 2200-12-31T23:59:59Z */

/* "2026-11-01" (midnight), "2026-11-01T12:00Z" or "2026-11-01T12:00:00Z" */
bool date_parse(struct slice s, int64_t *wall_ns) MUST_USE;

#endif

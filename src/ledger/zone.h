/*
 * zone.h - a time zone: what local clocks show at any instant
 *
 * Read from the system's TZif files (RFC 8536) by ourselves, because libc
 * knows one zone per process.  Transitions come from the file, later ones
 * from the rule at its end.  "UTC" needs no file.
 *
 * Threads:  immutable after zone_open().
 */
#ifndef KONTOR_LEDGER_ZONE_H
#define KONTOR_LEDGER_ZONE_H

#include "base/base.h"

struct zone; /* private fields in zone.c */

/* "Europe/Berlin"; empty or "UTC": UTC.  NULL: no such zone, or damaged. */
struct zone *zone_open(struct slice name) MUST_USE;
/* The bytes of a TZif file. */
struct zone *zone_parse(struct slice bytes) MUST_USE;
void zone_free(struct zone **z);
/*
 * It may be asked for: there is such a zone, and no other spelling of its
 * path, which would count as another.  A log may have one from before.
 */
bool zone_known(struct slice name) MUST_USE;

/* Seconds that local time is ahead of UTC at utc_s (since 1970). */
int64_t zone_offset(const struct zone *z, int64_t utc_s);
/*
 * The first instant at which local clocks show local_s or more (both in
 * seconds as if since 1970): one that a spring skips is where it jumps over,
 * one that an autumn has twice is the first.
 */
int64_t zone_instant(const struct zone *z, int64_t local_s);

/* The civil calendar, proleptic Gregorian. */
struct civil {
	int64_t year;
	int month, day; /* from 1 */
};

int64_t civil_days(struct civil c); /* since 1970-01-01 */
struct civil civil_from_days(int64_t days);

#endif

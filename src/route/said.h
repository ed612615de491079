/*
 * said.h - what a provider's headers say of its limits, and when to come again
 *
 * OpenAI and who follows it, Azure too: x-ratelimit-*; Anthropic:
 * anthropic-ratelimit-*.  retry-after is seconds or a date (RFC 9110, 10.2.3),
 * retry-after-ms is Azure's and OpenAI's and more exact.
 */
#ifndef KONTOR_ROUTE_SAID_H
#define KONTOR_ROUTE_SAID_H

#include "base/base.h"
#include "route/capacity.h"

/* All -1. */
void said_init(struct capacity_said *said);
/* True: it was one of them. */
bool said_limit(
    struct capacity_said *said, struct slice name, struct slice value);

/* As they stand in the head, empty: not there.  Nanoseconds from now, never
 * below 0; 0: nothing, or nothing that can be read. */
int64_t said_retry_after(
    struct slice retry_after, struct slice retry_after_ms, int64_t wall_ns);

/* "Sun, 06 Nov 1994 08:49:37 GMT"; seconds since 1970. */
bool said_date(struct slice text, int64_t *s) MUST_USE;

#endif

/*
 * clock.h - the two clocks: wall for records, monotonic for deadlines
 */
#ifndef KONTOR_BASE_CLOCK_H
#define KONTOR_BASE_CLOCK_H

#include "base/base.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

int64_t clock_mono_ns(void); /* CLOCK_MONOTONIC */
int64_t clock_wall_ns(void); /* CLOCK_REALTIME, since 1970 */

#endif

/*
 * log.h - one line on stderr per event, for the operator
 *
 * "2026-11-23T06:58:01.123Z warn worker 1: text".  Never a secret, never
 * a prompt.  Unit tests may take the lines by log_sink.
 */
#ifndef KONTOR_BASE_LOG_H
#define KONTOR_BASE_LOG_H

#include "base/base.h"

enum log_level { LOG_LVL_DEBUG, LOG_LVL_INFO, LOG_LVL_WARN, LOG_LVL_ERROR };

void log_init(const char *who, enum log_level least); /* borrows who */
void log_at(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

typedef void log_sink_f(enum log_level level, const char *line);
extern log_sink_f *log_sink; /* NULL: stderr */

#define log_debug(...) log_at(LOG_LVL_DEBUG, __VA_ARGS__)
#define log_info(...) log_at(LOG_LVL_INFO, __VA_ARGS__)
#define log_warn(...) log_at(LOG_LVL_WARN, __VA_ARGS__)
#define log_error(...) log_at(LOG_LVL_ERROR, __VA_ARGS__)

/* The operator's mistake or a missing necessity: logs and exits 1. */
_Noreturn void fatal(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

log_sink_f *log_sink;

static const char *who_is = "kontor";
static enum log_level threshold = LOG_LVL_INFO;

void
log_init(const char *who, enum log_level least)
{
	who_is = who;
	threshold = least;
}

static void
emit(enum log_level level, const char *fmt, va_list ap)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	char line[1024], stamp[32];
	struct timespec ts;
	struct tm tm;
	int at, n;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	at = snprintf(line, sizeof(line), "%s.%03ldZ %s %s: ", stamp,
	    ts.tv_nsec / 1000000, names[level], who_is);
	n = vsnprintf(line + at, sizeof(line) - (size_t)at - 1, fmt, ap);
	if (n < 0)
		return;
	at += n;
	if (at > (int)sizeof(line) - 2)
		at = (int)sizeof(line) - 2;
	if (log_sink != NULL) {
		log_sink(level, line);
		return;
	}
	line[at++] = '\n';
	/* One write: lines of several processes do not mix. */
	if (write(STDERR_FILENO, line, (size_t)at) < 0)
		return;
}

void
log_at(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (level < threshold)
		return;
	va_start(ap, fmt);
	emit(level, fmt, ap);
	va_end(ap);
}

_Noreturn void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_LVL_ERROR, fmt, ap);
	va_end(ap);
	exit(1);
}

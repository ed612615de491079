/*
 * compile.h - a configuration of a few lines, compiled for a test
 */
#ifndef KONTOR_TESTS_UNIT_MAIN_COMPILE_H
#define KONTOR_TESTS_UNIT_MAIN_COMPILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main/config.h"
#include "main/report.h"
#include "model/snapshot.h"

/* What every mistake of a text is, as `kontor check` prints it; NULL: it is
 * good.  The caller frees. */
static inline char *
mistakes_of(const char *text)
{
	struct report *r = NEW(struct report);
	struct buf said = { 0 };
	struct snapshot *s;
	char *out = NULL;

	if (!config_compile(slice_of(text), "/t/kontor.yaml", r, &s)) {
		report_write(r, &said);
		out = mem_dup(buf_slice(&said));
	}
	buf_fini(&said);
	snapshot_unref(&s);
	report_fini(r);
	mem_free(r);
	return out;
}

/* A text that must be good. */
static inline struct snapshot *
compiled(const char *text)
{
	struct report *r = NEW(struct report);
	struct buf said = { 0 };
	struct snapshot *s;

	if (!config_compile(slice_of(text), "/t/kontor.yaml", r, &s)) {
		report_write(r, &said);
		fail_msg("%s", buf_cstr(&said));
	}
	report_fini(r);
	mem_free(r);
	return s;
}

#define HEAD "version: 1\n"
/* Lines 2 and 3. */
#define LAB \
	"providers:\n" \
	"  lab: {type: openai_compatible, base_url: \"http://10.0.0.5/v1\"}\n"

#endif

/*
 * fault.h - every way a request or an operation can fail, as one table
 *
 * A row of faults.def says what went wrong, which HTTP status that is, whose
 * fault it was, the stable code a program may match, and the sentence a
 * person reads.  Dialects render a fault in their own error shape.
 */
#ifndef KONTOR_BASE_FAULT_H
#define KONTOR_BASE_FAULT_H

#include "base/base.h"

enum blame { BLAME_NOBODY, BLAME_CLIENT, BLAME_UPSTREAM, BLAME_US };

enum fault {
#define FAULT(NAME, status, blame, code, text) FAULT_##NAME,
#include "base/faults.def"
#undef FAULT
	FAULT_MAX
};

struct fault_row {
	const char *name; /* the enum's, lower case is not needed */
	int status;
	enum blame blame;
	const char *code;
	const char *text;
};

const struct fault_row *fault_get(enum fault f); /* never NULL */

#endif

/*
 * pricing.h - the price rows of each deployment: the operator's and the book's
 *
 * The operator's rows stand under `prices` of the configuration and in the
 * file that `prices_file` names, which has the same list and nothing else.
 * A row's uplift is in its rates when it leaves here, exactly.
 */
#ifndef KONTOR_MAIN_PRICING_H
#define KONTOR_MAIN_PRICING_H

#include "main/options.h"
#include "main/report.h"
#include "main/yaml.h"
#include "model/snapshot.h"

/* Rows of another file that shall stand beside the operator's. */
struct pricing_more {
	const char *file; /* its name */
	struct slice text;
	bool csv;
	struct slice whole; /* prices_file, unless its p is NULL */
	/* What came of it, when nothing is wrong. */
	char *prices_file;    /* of the configuration; mem_free(); or NULL */
	struct buf rows;      /* the new ones, as lines of a YAML list */
	unsigned added, same; /* same: were there already */
};

struct pricing {
	struct arena *scratch;
	struct report *report;
	struct snapshot *s; /* providers and models are taken */
	const struct ynode *root;
	struct deployment_conf *deployment; /* of s; here to be written */
	const struct slice *priced_as;      /* by deployment; may be empty */
	const char *prices_file;            /* absolute; NULL: none */
	struct pricing_more *more;          /* NULL: none */
};

/* What is wrong with a row stands in the report, under its own file. */
void pricing_take(const struct pricing *p);

#endif

/*
 * options.h - every option of kontor.yaml as a row of options.def
 *
 * The rows check a file, give the defaults, and are printed as the JSON
 * Schema of `kontor check --schema`.
 */
#ifndef KONTOR_MAIN_OPTIONS_H
#define KONTOR_MAIN_OPTIONS_H

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "main/report.h"

struct ynode; /* main/yaml.h */

enum option_kind {
	OPT_OBJECT,
	OPT_MAP,
	OPT_LIST,
	OPT_ONES, /* a list of objects; one may stand for a list of it */
	OPT_TEXT,
	OPT_NAME,
	OPT_PATH,
	OPT_CHOICE,
	OPT_NUMBER,
	OPT_WORKERS,
	OPT_SIZE,
	OPT_DURATION,
	OPT_BOOL,
	OPT_CURRENCY,
	OPT_ADDRESS,
	OPT_URL,
	OPT_SECRET,
	OPT_RATE,
	OPT_MONEY,
	OPT_PERCENT,
	OPT_DATE
};

enum option_need { NEED_MAY, NEED_MUST, NEED_LATER };

struct option {
	const char *path;
	enum option_kind kind;
	enum option_need need;
	const char *or_else; /* "": no default */
	const char *allowed;
	const char *text;
};

extern const struct option options[];
extern const size_t options_n;

/* path as in options.def; NULL: no such option. */
const struct option *option_find(const char *path);

/*
 * Checks a whole tree by the rows: unknown and missing names, kinds, ranges.
 * Values that are not secrets get their ${ENV} replaced, in the arena.
 */
void options_check(struct arena *a, struct ynode *root, struct report *r);

/* A file of prices: a map with the list "prices".  False: it is none. */
bool options_check_prices(
    struct arena *a, struct ynode *root, struct report *r);

/* JSON Schema 2020-12. */
void options_schema(struct buf *out);
/* Markdown, one row per option. */
void options_text(struct buf *out);

#endif

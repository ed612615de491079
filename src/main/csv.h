/*
 * csv.h - a table of values (RFC 4180) as the tree that YAML would give
 *
 * The first line names the columns; "a.b" is member b of the map a.  Each
 * further line is a map in the list; a cell without text is not there.
 */
#ifndef KONTOR_MAIN_CSV_H
#define KONTOR_MAIN_CSV_H

#include "main/yaml.h"

/*
 * {name: [{...}, ...]}, with line and column of each cell.  NULL: the report
 * has a new mistake.
 */
struct ynode *csv_parse(struct arena *a, const char *name, struct slice text,
    struct report *r) MUST_USE;

#endif

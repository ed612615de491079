/*
 * pricefile.h - the text of a file of prices, with further rows at its end
 *
 * What the operator wrote stays as it is: rows can only be added to a list of
 * lines that ends the file, to an empty one, or to a file that is not there.
 */
#ifndef KONTOR_MAIN_PRICEFILE_H
#define KONTOR_MAIN_PRICEFILE_H

#include "base/buf.h"

/*
 * rows as pricing_more has them.  False: what *out then has does not read as
 * a file of prices with so many more.
 */
bool pricefile_add(
    struct slice text, struct slice rows, struct buf *out) MUST_USE;

#endif

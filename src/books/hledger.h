/*
 * hledger.h - the log as a journal of double entries
 *
 * In the text format that hledger and ledger-cli read, so that a stranger
 * adds the books up with a program that is not ours.  Each attempt that
 * costs and each correction is a transaction of its own:
 *
 *   expenses:ORG:TEAM:PROJECT:KEY         what it is charged
 *   liabilities:PROVIDER                  what the provider is owed
 *   suspense:PROVIDER                     the same, while nobody knows it
 *   agreements:NAME:commitment:...        what burns a commitment down
 *   agreements:NAME:share:PARTNER:...     what a partner is owed of it
 *
 * Names are the store's; without a store there are ids.  The last
 * transaction asserts every balance.
 */
#ifndef KONTOR_BOOKS_HLEDGER_H
#define KONTOR_BOOKS_HLEDGER_H

#include "base/base.h"
#include "base/fault.h"
#include "books/verify.h"

/* Files only.  FAULT_NOT_FOUND: there is no log; FAULT_DISK, FAULT_DATA: it
 * cannot be read to its end. */
enum fault hledger_export(
    const char *data_dir, export_line_f *line, void *arg) MUST_USE;

#endif

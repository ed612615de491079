/*
 * filter.h - which requests a stretch of the log may speak of
 *
 * A Bloom filter of FILTER_LEN bytes over request ids, for about 1,500 of
 * them: one in a hundred others passes.
 */
#ifndef KONTOR_JOURNAL_FILTER_H
#define KONTOR_JOURNAL_FILTER_H

#include "base/base.h"
#include "model/ident.h"

enum { FILTER_LEN = 2048 };

uint64_t filter_hash(const struct reqid *id);
void filter_add(uint8_t filter[FILTER_LEN], uint64_t hash);
/* A filter of another length (another version's) may have anything. */
bool filter_may_have(struct slice filter, const struct reqid *id);

#endif

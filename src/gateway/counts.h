/*
 * counts.h - refusals that are counted, not recorded one by one
 *
 * Per (key or network, fault, second), written to the log as one frame when
 * the second is over.  A network is the /24 or /48 of the peer, salted and
 * hashed.  When the log has no room the counts wait; when the table is full
 * the least specific row takes what does not fit.
 */
#ifndef KONTOR_GATEWAY_COUNTS_H
#define KONTOR_GATEWAY_COUNTS_H

#include "base/base.h"
#include "base/fault.h"

struct counts;
struct journal;
struct loop;

struct counts *counts_new(
    struct loop *l, struct journal *j, uint64_t salt) MUST_USE;
void counts_free(struct counts **c); /* writes what is left */
void counts_key(struct counts *c, uint64_t key, enum fault why);
void counts_network(struct counts *c, struct slice peer, enum fault why);

#endif

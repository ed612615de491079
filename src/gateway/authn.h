/*
 * authn.h - private to gateway/: whose key a head carries
 */
#ifndef KONTOR_GATEWAY_AUTHN_H
#define KONTOR_GATEWAY_AUTHN_H

#include "base/fault.h"

struct http_head;
struct shm_key;
struct worker;

/* FAULT_KEY, FAULT_KEY_CONFLICT; *key is borrowed, NULL on a fault. */
enum fault authn_head(const struct worker *w, const struct http_head *head,
    const struct shm_key **key);

/* The id of the key that a head says it has, be it true or not; 0: none. */
uint64_t authn_claimed(const struct http_head *head);

#endif

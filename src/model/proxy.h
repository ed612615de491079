/*
 * proxy.h - which hosts are reached without the environment's proxy
 *
 * The words of no_proxy, with commas, as curl, Go and Python read them alike:
 * "*", a host, a domain with all below it ("example.com", ".example.com"), an
 * address, a block of IPv4 addresses ("10.0.0.0/8"), each with ":port" or
 * without.  Loopback is never reached through a proxy.
 */
#ifndef KONTOR_MODEL_PROXY_H
#define KONTOR_MODEL_PROXY_H

#include "base/base.h"

/* host: without brackets.  no_proxy may be "". */
bool proxy_bypassed(const char *no_proxy, struct slice host, uint16_t port);

#endif

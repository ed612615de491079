/*
 * address.h - addresses of the network, and which of them may be dialled
 *
 * An IPv6 address that carries an IPv4 one (mapped, compatible, NAT64, 6to4,
 * Teredo) is what the inner address is: a name must not lead inside through
 * a translator.  In 64:ff9b:1::/48, whose translators are the network's own,
 * it is private, or what is worse of all that it may carry.
 */
#ifndef KONTOR_IO_ADDRESS_H
#define KONTOR_IO_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/base.h"

struct address {
	union {
		struct sockaddr sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} sa;
};

enum address_kind {
	ADDRESS_PUBLIC,
	ADDRESS_UNSPECIFIED, /* 0.0.0.0/8, :: */
	ADDRESS_LOOPBACK,
	ADDRESS_PRIVATE, /* RFC 1918, unique local, site-local */
	ADDRESS_LINK_LOCAL,
	ADDRESS_SHARED, /* carrier-grade NAT, 100.64.0.0/10 */
	ADDRESS_MULTICAST,
	ADDRESS_RESERVED, /* documentation, benchmarks, future use */
	ADDRESS_METADATA  /* a cloud's credentials live there */
};

enum { ADDRESS_TEXT = 56 };

/* A literal without brackets or zone; false: not one. */
bool address_parse(struct address *a, const char *text, uint16_t port);
socklen_t address_len(const struct address *a);
/* "127.0.0.1:80", "[::1]:80" */
void address_write(const struct address *a, char text[ADDRESS_TEXT]);

enum address_kind address_kind(const struct address *a);
/* literal: the operator wrote this very address (or localhost).  A metadata
 * address never; one of the link only so. */
bool address_may_dial(
    const struct address *a, bool literal, bool allow_private);

#endif

#include "io/address.h"

#include <arpa/inet.h>
#include <stdio.h>

struct net4 {
	uint32_t net;
	unsigned bits;
	enum address_kind kind;
};

struct net6 {
	uint8_t net[16];
	unsigned bits;
	enum address_kind kind;
};

#define IP4(a, b, c, d) \
	((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

/* The first that fits counts. */
static const struct net4 nets4[] = {
	{ IP4(169, 254, 169, 254), 32, ADDRESS_METADATA },
	{ IP4(169, 254, 170, 2), 32, ADDRESS_METADATA },   /* ECS */
	{ IP4(169, 254, 170, 23), 32, ADDRESS_METADATA },  /* EKS */
	{ IP4(169, 254, 0, 23), 32, ADDRESS_METADATA },    /* Tencent */
	{ IP4(169, 254, 42, 42), 32, ADDRESS_METADATA },   /* Scaleway */
	{ IP4(100, 100, 100, 200), 32, ADDRESS_METADATA }, /* Alibaba */
	{ IP4(168, 63, 129, 16), 32, ADDRESS_METADATA },   /* Azure */
	{ IP4(192, 0, 0, 192), 32, ADDRESS_METADATA },     /* Oracle */
	{ IP4(0, 0, 0, 0), 8, ADDRESS_UNSPECIFIED },
	{ IP4(10, 0, 0, 0), 8, ADDRESS_PRIVATE },
	{ IP4(100, 64, 0, 0), 10, ADDRESS_SHARED },
	{ IP4(127, 0, 0, 0), 8, ADDRESS_LOOPBACK },
	{ IP4(169, 254, 0, 0), 16, ADDRESS_LINK_LOCAL },
	{ IP4(172, 16, 0, 0), 12, ADDRESS_PRIVATE },
	{ IP4(192, 0, 0, 0), 24, ADDRESS_RESERVED },
	{ IP4(192, 0, 2, 0), 24, ADDRESS_RESERVED },
	{ IP4(192, 168, 0, 0), 16, ADDRESS_PRIVATE },
	{ IP4(198, 18, 0, 0), 15, ADDRESS_RESERVED },
	{ IP4(198, 51, 100, 0), 24, ADDRESS_RESERVED },
	{ IP4(203, 0, 113, 0), 24, ADDRESS_RESERVED },
	{ IP4(224, 0, 0, 0), 4, ADDRESS_MULTICAST },
	{ IP4(240, 0, 0, 0), 4, ADDRESS_RESERVED },
};

static const struct net6 nets6[] = {
	{ { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54 }, 128,
	    ADDRESS_METADATA },
	{ { 0xfd, 0x00, 0x0e, 0xc2, [15] = 0x23 }, 128, ADDRESS_METADATA },
	{ { 0xfd, 0x20, 0x00, 0xce, [14] = 0x02, [15] = 0x54 }, 128,
	    ADDRESS_METADATA }, /* Google */
	{ { 0xfd, 0x00, 0x00, 0xc1, [12] = 0xa9, 0xfe, 0xa9, 0xfe }, 128,
	    ADDRESS_METADATA }, /* Oracle */
	{ { 0xfd, 0x00, 0x00, 0x42, [15] = 0x42 }, 128,
	    ADDRESS_METADATA }, /* Scaleway */
	{ { 0xfd, 0x00, 0x01, 0x00, [12] = 0x01, 0x00, 0x02, 0x00 }, 128,
	    ADDRESS_METADATA }, /* Alibaba */
	{ { 0xfd, 0x00, 0xa9, 0xfe, 0xa9, 0xfe, [15] = 0x01 }, 128,
	    ADDRESS_METADATA },
	{ { 0xfe, 0x80, [12] = 0xa9, 0xfe, 0xa9, 0xfe }, 128,
	    ADDRESS_METADATA }, /* OpenStack */
	{ { 0 }, 128, ADDRESS_UNSPECIFIED },
	{ { [15] = 1 }, 128, ADDRESS_LOOPBACK },
	{ { 0xfc }, 7, ADDRESS_PRIVATE },
	{ { 0xfe, 0x80 }, 10, ADDRESS_LINK_LOCAL },
	{ { 0xfe, 0xc0 }, 10, ADDRESS_PRIVATE },
	{ { 0xff }, 8, ADDRESS_MULTICAST },
	{ { 0x01, 0x00 }, 64, ADDRESS_RESERVED },
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, ADDRESS_RESERVED },
	{ { 0x3f, 0xff }, 20, ADDRESS_RESERVED },
	{ { 0x5f, 0x00 }, 16, ADDRESS_RESERVED },
};

/* Where an IPv6 prefix carries an IPv4 address. */
static const struct carrier {
	uint8_t net[12];
	unsigned bits, at;
	uint32_t flip;
} carriers[] = {
	{ { [10] = 0xff, [11] = 0xff }, 96, 12, 0 },       /* mapped */
	{ { [8] = 0xff, [9] = 0xff }, 96, 12, 0 },         /* SIIT */
	{ { 0 }, 96, 12, 0 },                              /* compatible */
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, 12, 0 },         /* NAT64 */
	{ { 0x20, 0x02 }, 16, 2, 0 },                      /* 6to4 */
	{ { 0x20, 0x01, 0x00, 0x00 }, 32, 12, 0xffffffff } /* Teredo */
};

/*
 * A translator of the network's own (RFC 8215) may use any part of its
 * prefix: where prefixes of 48, 56, 64 and 96 bits put the four bytes (RFC
 * 6052, 2.2).  An address is the worst of what it may be.
 */
static const struct net6 own_nat64 = { { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 },
	48, ADDRESS_PRIVATE };
static const uint8_t own_places[][4] = { { 6, 7, 9, 10 }, { 7, 9, 10, 11 },
	{ 9, 10, 11, 12 }, { 12, 13, 14, 15 } };

static bool
has_prefix(const uint8_t *p, const uint8_t *net, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(p, net, whole) != 0)
		return false;
	return rest == 0 || ((p[whole] ^ net[whole]) >> (8 - rest)) == 0;
}

static enum address_kind
kind4(uint32_t ip)
{
	size_t i;

	for (i = 0; i < NELEM(nets4); i++) {
		if ((ip ^ nets4[i].net) >> (32 - nets4[i].bits) == 0)
			return nets4[i].kind;
	}
	return ADDRESS_PUBLIC;
}

static uint32_t
load4(const uint8_t *p)
{
	return IP4(p[0], p[1], p[2], p[3]);
}

static enum address_kind
kind_own_nat64(const uint8_t *ip)
{
	const uint8_t *at;
	enum address_kind kind;
	size_t i;

	for (i = 0; i < NELEM(own_places); i++) {
		at = own_places[i];
		kind = kind4(IP4(ip[at[0]], ip[at[1]], ip[at[2]], ip[at[3]]));
		if (kind == ADDRESS_METADATA || kind == ADDRESS_LINK_LOCAL)
			return kind;
	}
	return own_nat64.kind;
}

static enum address_kind
kind6(const uint8_t *ip)
{
	size_t i;

	for (i = 0; i < NELEM(nets6); i++) {
		if (has_prefix(ip, nets6[i].net, nets6[i].bits))
			return nets6[i].kind;
	}
	if (has_prefix(ip, own_nat64.net, own_nat64.bits))
		return kind_own_nat64(ip);
	for (i = 0; i < NELEM(carriers); i++) {
		if (has_prefix(ip, carriers[i].net, carriers[i].bits))
			return kind4(
			    load4(ip + carriers[i].at) ^ carriers[i].flip);
	}
	return ADDRESS_PUBLIC;
}

enum address_kind
address_kind(const struct address *a)
{
	if (a->sa.sa.sa_family == AF_INET)
		return kind4(ntohl(a->sa.in4.sin_addr.s_addr));
	return kind6(a->sa.in6.sin6_addr.s6_addr);
}

bool
address_may_dial(const struct address *a, bool literal, bool allow_private)
{
	enum address_kind kind = address_kind(a);

	if (kind == ADDRESS_METADATA)
		return false;
	/* No name means the cable, where machines speak of themselves. */
	if (kind == ADDRESS_LINK_LOCAL)
		return literal;
	return kind == ADDRESS_PUBLIC || literal || allow_private;
}

bool
address_parse(struct address *a, const char *text, uint16_t port)
{
	*a = (struct address){ 0 };
	if (inet_pton(AF_INET, text, &a->sa.in4.sin_addr) == 1) {
		a->sa.in4.sin_family = AF_INET;
		a->sa.in4.sin_port = htons(port);
		return true;
	}
	if (inet_pton(AF_INET6, text, &a->sa.in6.sin6_addr) == 1) {
		a->sa.in6.sin6_family = AF_INET6;
		a->sa.in6.sin6_port = htons(port);
		return true;
	}
	return false;
}

socklen_t
address_len(const struct address *a)
{
	return a->sa.sa.sa_family == AF_INET ? sizeof(a->sa.in4)
					     : sizeof(a->sa.in6);
}

void
address_write(const struct address *a, char text[ADDRESS_TEXT])
{
	char ip[INET6_ADDRSTRLEN] = "?";

	if (a->sa.sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->sa.in4.sin_addr, ip, sizeof(ip));
		snprintf(
		    text, ADDRESS_TEXT, "%s:%u", ip, ntohs(a->sa.in4.sin_port));
	} else if (a->sa.sa.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a->sa.in6.sin6_addr, ip, sizeof(ip));
		snprintf(text, ADDRESS_TEXT, "[%s]:%u", ip,
		    ntohs(a->sa.in6.sin6_port));
	} else {
		snprintf(text, ADDRESS_TEXT, "unix");
	}
}

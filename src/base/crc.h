/*
 * crc.h - checksums against accident, never against malice
 *
 * Both chain: crc(crc(0, a), b) is the sum of a followed by b.
 */
#ifndef KONTOR_BASE_CRC_H
#define KONTOR_BASE_CRC_H

#include "base/base.h"

/* Castagnoli (RFC 3720), for frames and records. */
uint32_t crc32c(uint32_t seed, const void *p, size_t len);
/* The polynomial of zip and Ethernet, for what people may check. */
uint32_t crc32_ieee(uint32_t seed, const void *p, size_t len);

#endif

#include "journal/filter.h"

enum { PROBES = 5, BITS = FILTER_LEN * 8 };

uint64_t
filter_hash(const struct reqid *id)
{
	return hash64((struct slice){ (const char *)id->b, sizeof(id->b) });
}

static uint32_t
probe(uint64_t h, unsigned i)
{
	return ((uint32_t)h + i * ((uint32_t)(h >> 32) | 1)) % BITS;
}

void
filter_add(uint8_t filter[FILTER_LEN], uint64_t hash)
{
	uint32_t bit;
	unsigned i;

	for (i = 0; i < PROBES; i++) {
		bit = probe(hash, i);
		filter[bit / 8] |= (uint8_t)(1u << bit % 8);
	}
}

bool
filter_may_have(struct slice filter, const struct reqid *id)
{
	const uint64_t h = filter_hash(id);
	uint32_t bit;
	unsigned i;

	if (filter.len != FILTER_LEN)
		return true;
	for (i = 0; i < PROBES; i++) {
		bit = probe(h, i);
		if (!((uint8_t)filter.p[bit / 8] & 1u << bit % 8))
			return false;
	}
	return true;
}

#include "route/warm.h"

#include "shm/atomic.h"

#define NS_PER_SECOND INT64_C(1000000000)

static struct shm_warm *
row_of(const struct shm *m, uint64_t key)
{
	return &m->warm[(key ^ key >> 32) & (WARM_ROWS - 1)];
}

uint32_t
warm_id(uint64_t deployment)
{
	const uint32_t id = (uint32_t)(deployment >> 32);

	return id != 0 ? id : 1;
}

uint32_t
warm_find(const struct shm *m, uint64_t key, int64_t wall_ns, int64_t keep_ns)
{
	const struct shm_warm *row = row_of(m, key);
	uint64_t word;
	int64_t age_s;

	if (key == 0 || at_load(&row->key) != key)
		return 0;
	word = at_load(&row->word);
	age_s = wall_ns / NS_PER_SECOND - (int64_t)(uint32_t)word;
	return age_s < 0 || age_s > keep_ns / NS_PER_SECOND
		   ? 0
		   : (uint32_t)(word >> 32);
}

void
warm_put(struct shm *m, uint64_t key, uint64_t deployment, int64_t wall_ns)
{
	struct shm_warm *row = row_of(m, key);
	const uint64_t word = (uint64_t)warm_id(deployment) << 32 |
			      (uint32_t)(wall_ns / NS_PER_SECOND);

	if (key == 0)
		return;
	if (at_peek(&row->word) != word)
		at_store(&row->word, word);
	if (at_peek(&row->key) != key)
		at_store(&row->key, key);
}

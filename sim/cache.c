#include "sim/cache.h"

#include "sim/count.h"

static uint64_t
hash_of(const struct cache_key *k)
{
	uint64_t h = count_hash_bytes(k->credential->index + 1, k->body);

	return count_hash_bytes(h, k->deployment);
}

static bool
same(const struct cached *at, const struct cache_key *k)
{
	struct slice stored = buf_slice(&at->key);
	size_t d = k->deployment.len;

	return at->credential == k->credential->index &&
	       stored.len == d + 1 + k->body.len &&
	       memcmp(stored.p, d > 0 ? k->deployment.p : "", d) == 0 &&
	       stored.p[d] == '\0' &&
	       memcmp(stored.p + d + 1, k->body.p, k->body.len) == 0;
}

const struct cached *
cache_find(const struct cache *c, const struct cache_key *key)
{
	const struct cached *at;
	uint64_t h;

	if (key->body.len == 0 || key->body.len > CACHE_BODY_MAX)
		return NULL;
	h = hash_of(key);
	at = &c->slot[h % CACHE_SLOTS];
	return at->plan != NULL && at->hash == h && same(at, key) ? at : NULL;
}

void
cache_put(struct cache *c, const struct cache_key *key, struct plan *plan,
    struct slice model, bool stream)
{
	struct cached *at;
	uint64_t h;

	if (key->body.len == 0 || key->body.len > CACHE_BODY_MAX ||
	    plan->body.len > 4 * CACHE_BODY_MAX)
		return;
	h = hash_of(key);
	at = &c->slot[h % CACHE_SLOTS];
	plan_unref(&at->plan);
	at->hash = h;
	at->credential = key->credential->index;
	buf_clear(&at->key);
	buf_add(&at->key, key->deployment);
	buf_char(&at->key, '\0');
	buf_add(&at->key, key->body);
	at->plan = plan_ref(plan);
	at->model = model;
	at->stream = stream;
}

void
cache_fini(struct cache *c)
{
	size_t i;

	for (i = 0; i < CACHE_SLOTS; i++) {
		plan_unref(&c->slot[i].plan);
		buf_fini(&c->slot[i].key);
	}
}

#include "gateway/counts.h"

#include "base/clock.h"
#include "io/loop.h"
#include "journal/writer.h"

enum { ROWS = 256 };

struct counts {
	struct loop *loop;
	struct journal *journal;
	struct timer timer;
	uint64_t salt;
	unsigned n;
	struct count row[ROWS];
};

/* Writes the rows of seconds before `before`; keeps the others. */
static void
flush(struct counts *c, int64_t before)
{
	unsigned i, kept = 0;

	for (i = 0; i < c->n; i++) {
		if (c->row[i].second < before &&
		    journal_reserve_small(c->journal))
			journal_count(c->journal, &c->row[i]);
		else
			c->row[kept++] = c->row[i];
	}
	c->n = kept;
}

static int64_t
this_second(void)
{
	return clock_wall_ns() / NS_PER_S;
}

static void
on_second(struct timer *t)
{
	struct counts *c = CONTAINER_OF(t, struct counts, timer);

	flush(c, this_second());
	if (c->n > 0)
		timer_set(c->loop, t, loop_now(c->loop) + NS_PER_S, on_second);
}

struct counts *
counts_new(struct loop *l, struct journal *j, uint64_t salt)
{
	struct counts *c = NEW(struct counts);

	c->loop = l;
	c->journal = j;
	c->salt = salt;
	return c;
}

void
counts_free(struct counts **c)
{
	if (*c == NULL)
		return;
	timer_clear(&(*c)->timer);
	flush(*c, INT64_MAX);
	mem_free(*c);
	*c = NULL;
}

static void
add(struct counts *c, uint64_t who, bool is_network, enum fault why)
{
	const int64_t second = this_second();
	struct count *r;
	unsigned i;

	if (c->n == 0)
		timer_set(c->loop, &c->timer, loop_now(c->loop) + NS_PER_S,
		    on_second);
	for (i = 0; i < c->n; i++) {
		r = &c->row[i];
		if (r->who == who && r->fault == why && r->second == second &&
		    r->is_network == is_network) {
			r->times++;
			return;
		}
	}
	if (c->n == ROWS) {
		/* A flood from many: the last row stands for the rest. */
		c->row[ROWS - 1].who = 0;
		c->row[ROWS - 1].is_network = true;
		c->row[ROWS - 1].times++;
		return;
	}
	c->row[c->n++] = (struct count){ who, is_network, why, second, 1 };
}

void
counts_key(struct counts *c, uint64_t key, enum fault why)
{
	add(c, key, false, why);
}

/* "10.1.2.3:55" gives "10.1.2", "[2001:db8:1:2::3]:55" "2001:db8:1". */
static struct slice
network_of(struct slice peer)
{
	const bool v6 = peer.len > 0 && peer.p[0] == '[';
	const char sep = v6 ? ':' : '.';
	size_t i, parts = 0;

	if (v6) {
		peer.p++;
		peer.len--;
	}
	for (i = 0; i < peer.len; i++) {
		if (peer.p[i] == sep && ++parts == 3)
			break;
	}
	return (struct slice){ peer.p, i };
}

void
counts_network(struct counts *c, struct slice peer, enum fault why)
{
	char salted[64 + sizeof(c->salt)];
	struct slice net = network_of(peer);

	if (net.len > 64)
		net.len = 64;
	memcpy(salted, &c->salt, sizeof(c->salt));
	if (net.len > 0)
		memcpy(salted + sizeof(c->salt), net.p, net.len);
	add(c, hash64((struct slice){ salted, sizeof(c->salt) + net.len }),
	    true, why);
}

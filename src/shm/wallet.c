#include "shm/wallet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/atomic.h"

enum { WORDS = WALLET_ROOM / 8 };

/* Readers may look while it is written: every field is a word of its own. */
struct row {
	_Atomic uint64_t id;
	_Atomic uint32_t version; /* odd: being written; 0: never was */
	_Atomic uint32_t kind;
	_Atomic int64_t expires_ns, skew_ns;
	_Atomic uint32_t len[WALLET_PARTS];
	_Atomic uint64_t word[WORDS];
} __attribute__((aligned(64)));

struct wallet_copy {
	struct wallet_pass pass;
	uint64_t id;
	uint64_t word[WORDS];
};

_Static_assert(sizeof(struct row) == 16 * 1024, "rows lie on whole pages");

enum {
	TOTAL = WALLET_ROWS * (int)sizeof(struct row),
	COPIES = WALLET_ROWS * (int)sizeof(struct wallet_copy)
};

static struct row *
row_at(const struct wallet *w, unsigned i)
{
	CHECK(i < WALLET_ROWS);
	return (struct row *)(void *)w->base + i;
}

bool
wallet_create(int *write_fd, int *read_fd)
{
	char path[40];

	*read_fd = -1;
	*write_fd = memfd_create("wallet", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*write_fd < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", *write_fd);
	if (ftruncate(*write_fd, TOTAL) == 0 &&
	    fcntl(*write_fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		*read_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*read_fd >= 0)
		return true;
	close(*write_fd);
	*write_fd = -1;
	return false;
}

/* Not for core dumps, not for children. */
static void
hide(void *p, size_t len)
{
	(void)madvise(p, len, MADV_DONTDUMP);
	(void)madvise(p, len, MADV_DONTFORK);
}

bool
wallet_map(int fd, bool to_write, struct wallet *out)
{
	const int protection = to_write ? PROT_READ | PROT_WRITE : PROT_READ;
	void *p = mmap(NULL, TOTAL, protection, MAP_SHARED, fd, 0), *copy;

	*out = (struct wallet){ 0 };
	if (p == MAP_FAILED)
		return false;
	hide(p, TOTAL);
	out->base = p;
	if (to_write)
		return true;
	copy = mmap(NULL, COPIES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED) {
		wallet_unmap(out);
		return false;
	}
	hide(copy, COPIES);
	out->copy = copy;
	return true;
}

void
wallet_unmap(struct wallet *w)
{
	if (w->copy != NULL)
		munmap(w->copy, COPIES);
	if (w->base != NULL)
		munmap(w->base, TOTAL);
	*w = (struct wallet){ 0 };
}

/* --- the courier ------------------------------------------------------ */

static void
put_bytes(struct row *r, size_t *at, uint64_t *word, struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++, (*at)++) {
		*word |= (uint64_t)(unsigned char)s.p[i] << 8 * (*at % 8);
		if (*at % 8 == 7) {
			at_poke(&r->word[*at / 8], *word);
			*word = 0;
		}
	}
}

/* Writing begins before anything is changed, for whoever looks.  A courier
 * that died while it wrote left an odd version: it stays odd. */
static uint32_t
begin(struct row *r)
{
	const uint32_t odd = at_peek(&r->version) | 1;

	at_poke(&r->version, odd);
	at_fence();
	return odd + 1 == 0 ? 2 : odd + 1;
}

bool
wallet_put(struct wallet *w, unsigned row, uint64_t id,
    const struct wallet_pass *p, uint32_t *version)
{
	struct row *r = row_at(w, row);
	size_t i, at = 0, all = 0;
	uint64_t word = 0;

	CHECK(w->copy == NULL && id != 0);
	for (i = 0; i < WALLET_PARTS; i++)
		all += p->part[i].len;
	if (all > WALLET_ROOM)
		return false;
	*version = begin(r);
	at_poke(&r->id, id);
	at_poke(&r->kind, (uint32_t)p->kind);
	at_poke(&r->expires_ns, p->expires_ns);
	at_poke(&r->skew_ns, p->skew_ns);
	for (i = 0; i < WALLET_PARTS; i++) {
		at_poke(&r->len[i], (uint32_t)p->part[i].len);
		put_bytes(r, &at, &word, p->part[i]);
	}
	if (at % 8 != 0)
		at_poke(&r->word[at / 8], word);
	/* What a longer one left behind. */
	for (i = (at + 7) / 8; i < WORDS && at_peek(&r->word[i]) != 0; i++)
		at_poke(&r->word[i], 0);
	at_store(&r->version, *version);
	return true;
}

int
wallet_row(struct wallet *w, uint64_t id)
{
	static const struct wallet_pass nothing = { 0 };
	int n, i, spare = -1;
	uint32_t version;
	uint64_t at;

	for (n = 0; n < WALLET_ROWS; n++) {
		i = (int)((id + (unsigned)n) % WALLET_ROWS);
		at = at_peek(&row_at(w, (unsigned)i)->id);
		if (at == id)
			return i;
		if (at == 0 && spare < 0)
			spare = i;
	}
	/* Readers look no further than a row that never was written. */
	if (spare >= 0)
		CHECK(wallet_put(w, (unsigned)spare, id, &nothing, &version));
	return spare;
}

void
wallet_drop(struct wallet *w, unsigned row)
{
	struct row *r = row_at(w, row);
	const uint32_t next = begin(r);
	size_t i;

	at_poke(&r->id, 0);
	at_poke(&r->kind, 0);
	for (i = 0; i < WALLET_PARTS; i++)
		at_poke(&r->len[i], 0);
	for (i = 0; i < WORDS && at_peek(&r->word[i]) != 0; i++)
		at_poke(&r->word[i], 0);
	at_store(&r->version, next);
}

/* --- a worker --------------------------------------------------------- */

/* False: it was written meanwhile, and what is in c is nothing. */
static bool
copy_row(struct row *r, struct wallet_copy *c, uint32_t version)
{
	size_t i, all = 0;

	c->id = at_peek(&r->id);
	c->pass.kind = (enum pass_kind)at_peek(&r->kind);
	c->pass.expires_ns = at_peek(&r->expires_ns);
	c->pass.skew_ns = at_peek(&r->skew_ns);
	for (i = 0; i < WALLET_PARTS; i++) {
		const uint32_t len = at_peek(&r->len[i]);

		c->pass.part[i] =
		    (struct slice){ (const char *)c->word + all, len };
		all += len;
	}
	if (all > WALLET_ROOM)
		return false;
	for (i = 0; i < (all + 7) / 8; i++)
		c->word[i] = at_peek(&r->word[i]);
	at_fence();
	return at_peek(&r->version) == version;
}

/* A half-written copy would be worse than an old one: it goes to the spare
 * first. */
static void
renew(struct wallet *w, unsigned i)
{
	static struct wallet_copy fresh;
	struct row *r = row_at(w, i);
	struct wallet_copy *c = &w->copy[i];
	const uint32_t version = at_load(&r->version);
	unsigned k;
	size_t at = 0;

	if (version % 2 != 0 || version == c->pass.version ||
	    !copy_row(r, &fresh, version))
		return;
	*c = fresh;
	c->pass.version = version;
	c->pass.row = i;
	for (k = 0; k < WALLET_PARTS; k++) {
		c->pass.part[k].p = (const char *)c->word + at;
		at += c->pass.part[k].len;
	}
	mem_wipe(fresh.word, sizeof(fresh.word));
}

/* A row that is being written has no name one can trust: the copy has. */
static struct wallet_copy *
find(struct wallet *w, uint64_t id)
{
	unsigned n, i;

	for (n = 0; n < WALLET_ROWS; n++) {
		i = (unsigned)((id + n) % WALLET_ROWS);
		if (at_peek(&row_at(w, i)->id) == id || w->copy[i].id == id) {
			renew(w, i);
			if (w->copy[i].id == id)
				return &w->copy[i];
		}
		if (at_peek(&row_at(w, i)->version) == 0)
			return NULL; /* never used: no row lies behind it */
	}
	return NULL;
}

const struct wallet_pass *
wallet_find(struct wallet *w, uint64_t id, int64_t wall_ns)
{
	struct wallet_copy *c;

	CHECK(w->copy != NULL && id != 0);
	c = find(w, id);
	if (c == NULL || wall_ns >= c->pass.expires_ns)
		return NULL;
	return &c->pass;
}

#include "sim/books.h"

#include "base/json.h"

enum { BLOCK = 4096, BLOCKS = 256, ID_LEN = 64, MODEL_LEN = 48 };

struct row {
	char attempt[ID_LEN], model[MODEL_LEN], encoding[24];
	struct tokens used;
	int64_t cost;
	int16_t status;
	uint8_t credential, cut, mishap;
	bool stream, billed, open, counted;
};

struct sum {
	int64_t received, billed, leaks;
	struct tokens used;
	int128 cost;
};

struct books {
	const struct setup *setup;
	struct sum sum[SETUP_CREDENTIALS];
	int64_t rejected;
	uint32_t epoch;
	uint64_t n; /* rows ever opened in this epoch */
	struct row *block[BLOCKS];
};

struct books *
books_new(const struct setup *s)
{
	struct books *b = NEW(struct books);

	b->setup = s;
	return b;
}

void
books_reset(struct books *b)
{
	unsigned i;

	for (i = 0; i < BLOCKS; i++) {
		mem_free(b->block[i]);
		b->block[i] = NULL;
	}
	memset(b->sum, 0, sizeof(b->sum));
	b->rejected = 0;
	b->n = 0;
	b->epoch++;
}

void
books_free(struct books **bp)
{
	if (*bp == NULL)
		return;
	books_reset(*bp);
	mem_free(*bp);
	*bp = NULL;
}

static uint64_t
oldest(const struct books *b)
{
	uint64_t blocks = b->n / BLOCK + 1;

	return blocks > BLOCKS ? (blocks - BLOCKS) * BLOCK : 0;
}

static struct row *
row_at(const struct books *b, uint64_t n)
{
	struct row *block = b->block[n / BLOCK % BLOCKS];

	if (n >= b->n || n < oldest(b) || block == NULL)
		return NULL;
	return &block[n % BLOCK];
}

static struct row *
row_of(const struct books *b, struct entry e)
{
	return e.set && e.epoch == b->epoch ? row_at(b, e.n) : NULL;
}

static void
put(char *to, size_t cap, struct slice s)
{
	size_t len = s.len < cap - 1 ? s.len : cap - 1;

	memcpy(to, s.len > 0 ? s.p : "", len);
	to[len] = '\0';
}

struct entry
books_open(struct books *b, const struct arrival *a)
{
	struct entry e = { b->n++, b->epoch, true };
	struct row **block = &b->block[e.n / BLOCK % BLOCKS], *r;

	if (*block == NULL)
		*block = mem_new(BLOCK * sizeof(**block));
	r = &(*block)[e.n % BLOCK];
	memset(r, 0, sizeof(*r));
	put(r->attempt, sizeof(r->attempt), a->attempt);
	put(r->encoding, sizeof(r->encoding), a->encoding);
	r->credential = (uint8_t)a->credential->index;
	r->open = true;
	r->counted = a->counts;
	b->sum[r->credential].received += a->counts;
	return e;
}

void
books_model(struct books *b, struct entry e, struct slice model, bool stream)
{
	struct row *r = row_of(b, e);

	if (r == NULL)
		return;
	put(r->model, sizeof(r->model), model);
	r->stream = stream;
}

void
books_mishap(struct books *b, struct entry e, enum mishap m)
{
	struct row *r = row_of(b, e);

	if (r != NULL)
		r->mishap = (uint8_t)m;
}

void
books_uncount(struct books *b, struct entry e)
{
	struct row *r = row_of(b, e);

	if (r == NULL || !r->counted)
		return;
	r->counted = false;
	b->sum[r->credential].received--;
}

static void
charge(struct sum *s, struct row *r)
{
	s->billed++;
	s->used.input += r->used.input;
	s->used.cached += r->used.cached;
	s->used.cache_write += r->used.cache_write;
	s->used.audio_in += r->used.audio_in;
	s->used.image_in += r->used.image_in;
	s->used.output += r->used.output;
	s->used.reasoning += r->used.reasoning;
	s->used.audio_out += r->used.audio_out;
	s->used.image_out += r->used.image_out;
	s->cost += r->cost;
}

void
books_close(struct books *b, struct entry e, int status, enum cut cut,
    const struct tokens *used, const struct tariff *t)
{
	struct row *r = row_of(b, e);

	if (r == NULL || !r->open)
		return;
	r->open = false;
	r->status = (int16_t)status;
	r->cut = (uint8_t)cut;
	if (used == NULL)
		return;
	r->used = *used;
	r->cost = tariff_bill(t, used);
	r->billed = true;
	charge(&b->sum[r->credential], r);
}

void
books_rejected(struct books *b)
{
	b->rejected++;
}

void
books_leak(struct books *b, const struct credential *c)
{
	b->sum[c->index].leaks++;
}

static void
write_tokens(struct buf *json, const struct tokens *n)
{
	json_w_ki64(json, "input_tokens", n->input);
	json_w_ki64(json, "cached_tokens", n->cached);
	json_w_ki64(json, "cache_write_tokens", n->cache_write);
	json_w_ki64(json, "audio_input_tokens", n->audio_in);
	json_w_ki64(json, "image_input_tokens", n->image_in);
	json_w_ki64(json, "output_tokens", n->output);
	json_w_ki64(json, "reasoning_tokens", n->reasoning);
	json_w_ki64(json, "audio_output_tokens", n->audio_out);
	json_w_ki64(json, "image_output_tokens", n->image_out);
}

static void
write_cost(struct buf *json, int128 cost)
{
	CHECK(cost >= 0 && cost <= INT64_MAX);
	buf_str(json, ",\"cost\":\"");
	tariff_write(json, (int64_t)cost);
	buf_char(json, '"');
}

void
books_stats(const struct books *b, struct buf *json)
{
	const struct sum *s;
	unsigned i;

	json_w_begin(json, '{');
	json_w_key(json, "credentials");
	json_w_begin(json, '[');
	for (i = 0; i < b->setup->ncredential; i++) {
		s = &b->sum[i];
		json_w_begin(json, '{');
		json_w_kstr(json, "credential", b->setup->credential[i].name);
		json_w_ki64(json, "received", s->received);
		json_w_ki64(json, "billed", s->billed);
		write_tokens(json, &s->used);
		write_cost(json, s->cost);
		json_w_ki64(json, "leaks", s->leaks);
		json_w_end(json, '}');
	}
	json_w_end(json, ']');
	json_w_ki64(json, "rejected", b->rejected);
	json_w_end(json, '}');
}

static void
write_row(
    const struct books *b, uint64_t n, const struct row *r, struct buf *json)
{
	static const char *const cuts[] = { "none", "client", "sim" };

	json_w_begin(json, '{');
	json_w_ku64(json, "n", n);
	json_w_kstr(json, "attempt", slice_of(r->attempt));
	json_w_kstr(
	    json, "credential", b->setup->credential[r->credential].name);
	json_w_kstr(json, "model", slice_of(r->model));
	json_w_kbool(json, "stream", r->stream);
	json_w_ki64(json, "status", r->status);
	json_w_kbool(json, "open", r->open);
	json_w_kbool(json, "billed", r->billed);
	json_w_kstr(json, "cut", slice_of(cuts[r->cut]));
	json_w_kstr(
	    json, "fault", slice_of(mishap_get((enum mishap)r->mishap)->word));
	write_tokens(json, &r->used);
	write_cost(json, r->cost);
	json_w_kstr(json, "accept_encoding", slice_of(r->encoding));
	json_w_end(json, '}');
}

void
books_attempts(
    const struct books *b, uint64_t from, uint64_t limit, struct buf *json)
{
	uint64_t n = from < oldest(b) ? oldest(b) : from;
	const struct row *r;

	json_w_begin(json, '{');
	json_w_key(json, "attempts");
	json_w_begin(json, '[');
	for (; limit > 0 && (r = row_at(b, n)) != NULL; n++, limit--)
		write_row(b, n, r, json);
	json_w_end(json, ']');
	json_w_ku64(json, "next", n);
	json_w_end(json, '}');
}

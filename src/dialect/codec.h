/*
 * codec.h - what the codecs of several dialects do alike
 */
#ifndef KONTOR_DIALECT_CODEC_H
#define KONTOR_DIALECT_CODEC_H

#include "base/json.h"
#include "dialect/dialect.h"

/* --- reading ---------------------------------------------------------------
 */

/* The value as JSON text, in the arena; empty when j is NULL or null. */
struct slice codec_raw(struct arena *a, const struct json *j);
/* Words of a list of texts, with commas; what is no plain word is left out:
 * they may go into a header. */
struct slice codec_words(struct arena *a, const struct json *list);
/* Are these words all that it says?  Null and false say nothing. */
bool codec_knows(const struct json *top, const char *const *words, size_t n);
/* A schema whose objects take nothing that they do not name, as Anthropic and
 * AWS want those of answers; what says something of it stays. */
struct slice codec_closed(struct arena *a, struct slice schema);
/* A number as written; empty: absent, null or none. */
struct slice codec_number(const struct json *j, const char *key);
/* A whole number of 0 and above; false: it is there and is none. */
bool codec_u64(const struct json *j, const char *key, uint64_t *out);
enum fault codec_wrong(struct wrong *w, const char *field, const char *hint);
/* A text, or the "text" of all items of a list. */
struct slice codec_text(struct arena *a, const struct json *j);
/* Adds a text part unless it is empty. */
void codec_add_text(struct parts *list, struct arena *a, struct slice text);

/* Before what a list holds is read into c, turns, parts and calls, or tools:
 * FAULT_FIELD, a conversation has no room for so many.  list may be NULL. */
enum fault codec_room(struct conversation *c, const struct json *list,
    struct wrong *w, const char *field);
enum fault codec_tool_room(struct conversation *c, const struct json *list,
    struct wrong *w, const char *field);
/* A provider's list: has it more than an answer may have? */
bool codec_is_crowd(const struct json *list);

/* Of a conversation that was decoded: media are base64 of the standard
 * alphabet afterwards, or FAULT_FIELD. */
enum fault codec_check_media(
    struct arena *a, struct conversation *c, struct wrong *w);

/* --- text that grows -------------------------------------------------------
 */

/* In the arena: nothing to give back when a stream breaks. */
struct rope {
	char *p;
	size_t len, cap;
};

void rope_add(struct rope *r, struct arena *a, struct slice s);
static inline struct slice
rope_text(const struct rope *r)
{
	return (struct slice){ r->p, r->len };
}

/* --- writing ---------------------------------------------------------------
 */

/* Room that most of what is written fits into. */
enum { CODEC_ROOM = 2048 };

/* All text of these parts, joined by newlines. */
struct slice codec_join(struct arena *a, const struct part *p);
/*
 * A tool's name within [a-zA-Z0-9_-]{1,64}: itself where it fits, else
 * shortened the same way each time.
 */
struct slice codec_tool_name(
    struct arena *a, struct slice name, uint64_t *lost);
/* A call's id within the letters a dialect takes: [a-zA-Z0-9_-] and `more`,
 * at most max bytes. */
struct slice codec_tool_id(struct arena *a, struct slice id, const char *more,
    size_t max, uint64_t *lost);
/* Arguments as a JSON object: "{}" for none, {"input": text} for a custom
 * tool's. */
struct slice codec_args(struct arena *a, const struct part *call);
/* The schema of a tool; of a custom one {"input": string}. */
struct slice codec_schema(
    struct arena *a, const struct tool *t, uint64_t *lost);
/* Of tools, those that are allowed; sets LOSS_ALLOWED_TOOLS. */
bool codec_allows(const struct conversation *c, const struct tool *t);
/* What the provider shall be given at most: the caller's, the clamp, else
 * the model's; 0: nothing is known. */
uint64_t codec_limit(const struct conversation *c, const struct target *t);
/* As it was said, or what comes near the thinking budget. */
enum effort codec_effort(const struct conversation *c);

/* "req_..." as the id of another dialect: prefix and the 26 letters. */
struct slice codec_id(
    struct arena *a, const char *prefix, struct slice request);

/* --- between the two -------------------------------------------------------
 */

/*
 * Steps from a provider on their way to a caller: names of tools as the caller
 * gave them, text of custom tools taken out of {"input": ...}.
 */
struct named;
struct homeward {
	struct arena *arena;
	const struct conversation *asked;
	step_f *step;
	void *arg;
	bool custom; /* the open block is one: its args are gathered */
	struct buf args;
	struct named *names; /* of its tools, sorted; NULL: not yet */
	size_t nnames;
};

void homeward_step(void *homeward, const struct stream_step *s);

/*
 * A provider's blocks, which may interleave, one after the other: the first
 * that is open is given on as it comes, the others wait for its end, in the
 * order in which they were opened.  An index is the provider's own name of an
 * open block; one that is opened again was closed.
 */
struct strand;
struct braid {
	struct strand *first; /* the one that is given on */
	unsigned n;
};

/* NULL: it is not open. */
const struct part *braid_block(const struct braid *b, int64_t index);
/* Has it been given any text, or arguments? */
bool braid_any(const struct braid *b, int64_t index);
/* FAULT_UP_GARBAGE: too many are open. */
enum fault braid_open(struct decoding *d, struct braid *b, int64_t index,
    const struct part *block);
/* A step of that block; one that is not open is unheard. */
void braid_step(struct decoding *d, struct braid *b, int64_t index,
    const struct stream_step *s);
/* The end of that block.  A call that was given no arguments takes none. */
void braid_close(struct decoding *d, struct braid *b, int64_t index);
/* The end of all of them. */
void braid_end(struct decoding *d, struct braid *b);

/* A frame of server-sent events; name may be empty. */
void codec_sse(struct buf *out, struct slice name, struct slice data);

#endif

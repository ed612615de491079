/*
 * work.h - an answer while it is rendered, for those who render it
 *
 * plan.c speaks OpenAI's chat; every other wire format is a tongue: two
 * functions that write the same draft in another shape.  Each counts what it
 * has written (tokens, deltas) before it adds a chunk.
 */
#ifndef KONTOR_SIM_WORK_H
#define KONTOR_SIM_WORK_H

#include "sim/draft.h"
#include "sim/plan.h"

enum { CHOICES = 8 };

struct work {
	struct plan *plan;
	struct arena *arena;
	const struct chat *chat;
	const struct plan_terms *terms;
	struct draft draft[CHOICES];
	size_t nchoice;
	struct buf open, event; /* of a chunk of the stream */
	char id[48];
	int64_t tokens, deltas;
	uint64_t seed;
	bool over; /* nothing more is rendered */
	enum service service;
};

struct tongue {
	void (*unary)(struct work *w);
	void (*stream)(struct work *w); /* the last chunk too */
	struct slice error; /* an error in the midst of a stream, framed */
	/* Or, where framing takes thought: an error, or a spoilt event. */
	struct slice (*framed)(struct work *w, enum mishap m);
};

bool work_plays(const struct work *w, enum mishap m);
bool work_shows_usage(const struct work *w);
/* One HTTP chunk of the stream, and a mark behind it. */
void work_chunk(struct work *w, struct slice data);
/* The piece with the blank before it. */
struct slice work_piece(struct work *w, const struct piece *p);
/* The fault that stands before the next content delta; whole is how many
 * there are in all.  Afterwards w->over may be set. */
void work_before_delta(struct work *w, int64_t whole);

#endif

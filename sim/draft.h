/*
 * draft.h - what a simulated model says to a chat, token by token
 *
 * A draft is a list of pieces per choice; a piece is one output token and
 * becomes one delta of a stream.
 */
#ifndef KONTOR_SIM_DRAFT_H
#define KONTOR_SIM_DRAFT_H

#include "base/arena.h"
#include "base/base.h"
#include "sim/chat.h"

enum piece_kind { PIECE_TEXT, PIECE_CALL, PIECE_ARGUMENTS };

struct piece {
	struct slice text;
	uint8_t kind;
	bool space;    /* a blank goes before the text */
	uint16_t call; /* which call it belongs to */
};

struct draft {
	struct piece *piece;
	size_t n;
	const char *finish;
	bool calls;
	int64_t reasoning;
	struct slice stop; /* the stop sequence that ended it; empty: none */
};

/* The index-th choice of c, within the caller's output limit. */
void draft_make(struct draft *d, struct arena *a, const struct chat *c,
    int64_t index, int64_t max_out);

struct slice draft_tool_name(const struct json *tool);
bool draft_tool_custom(const struct json *tool);

#endif

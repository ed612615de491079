/*
 * chat.h - a chat request that passed shape_check(), digested
 *
 * Everything borrows from the body's tree.
 */
#ifndef KONTOR_SIM_CHAT_H
#define KONTOR_SIM_CHAT_H

#include "base/base.h"
#include "base/json.h"
#include "sim/directive.h"

enum { CHAT_CALLS = 16, CHAT_STOPS = 4 };

/* What an answer of Bedrock's must know of its request. */
struct aws_notes {
	int64_t cache_write;
	struct slice ttl, latency, tier;
	bool cites;      /* citations were asked for */
	bool hidden;     /* thoughts are not shown, only signed */
	bool signs;      /* thoughts are signed */
	bool shows_stop; /* the stop sequence is to be said */
	bool guarded, trace;
};

struct chat {
	struct slice model, tier;
	bool stream, include_usage, obfuscate, logprobs;
	int64_t top_logprobs, n;
	int64_t max_out; /* -1: not said */
	int64_t input;   /* tokens */
	int64_t reasoning;
	uint64_t seed;
	/* The tools to call, one entry per call; 0: answer with text. */
	const struct json *call[CHAT_CALLS];
	unsigned ncall;
	bool json;                 /* content is JSON */
	const struct json *schema; /* and conforms to this, or NULL */
	struct slice stop[CHAT_STOPS];
	unsigned nstop;
	struct directive directive;
	struct slice arguments; /* of the one call; empty: made up */
	struct aws_notes aws;
	bool thoughts; /* are shown; the desk's */
	bool sealed;   /* and come with what they are sealed as */
	bool array;    /* a stream is one JSON array; the desk's */
};

void chat_read(struct chat *c, const struct json *body);

#endif

/*
 * plan.h - one answer, rendered whole, and how it is to be played
 *
 * The bytes of the body are made at once; a stream's are already framed as
 * chunks, with a mark behind every event that says how many output tokens a
 * reader of these bytes has seen.  Faults below HTTP are part of the playing:
 * where to stop, and how.  A plan never changes once made; legs share it.
 */
#ifndef KONTOR_SIM_PLAN_H
#define KONTOR_SIM_PLAN_H

#include "base/base.h"
#include "base/buf.h"
#include "sim/chat.h"
#include "sim/setup.h"

enum ending {
	END_WHOLE, /* the answer is complete */
	END_HANG,  /* silence for ever */
	END_FIN,   /* the connection is closed */
	END_RST    /* the connection is reset */
};

struct mark {
	size_t end;     /* offset behind the event */
	int64_t tokens; /* output tokens generated so far, all choices */
	int64_t deltas; /* content deltas so far */
};

struct plan {
	unsigned refs;
	int status;
	bool stream; /* body is framed in chunks */
	bool mute;   /* not even a head is sent */
	bool gzip;
	bool billable;
	bool two_lengths;
	const char *type; /* content-type */
	struct buf body;
	struct mark *mark;
	size_t nmark, cap_mark;
	size_t stop_at; /* of the body; SIZE_MAX: never */
	size_t claim;   /* bytes to add to Content-Length */
	enum ending ending;
	bool slow, spoilt, quota;
	bool google;           /* it says Metadata-Flavor: Google */
	const char *aws_error; /* its x-amzn-errortype, or NULL */
	int64_t aws_output;    /* and -output-token-count */
	int64_t aws_input; /* its x-amzn-bedrock-input-token-count; 0: none */
	enum mishap mishap;
	int64_t pace_ms, ttft_ms;
	struct tokens used; /* the whole call's */
	const struct tariff *tariff;
};

struct tongue; /* work.h */

struct plan_terms {
	const struct setup *setup;
	const struct credential *credential;
	const struct sim_model *model;
	struct slice name; /* of the model, as answers give it */
	struct play play;
	const struct tongue *tongue; /* NULL: OpenAI's chat */
};

struct plan *plan_new(struct arena *a, const struct chat *c,
    const struct plan_terms *terms) MUST_USE;
/* An empty one for an error or a listing; the caller fills body. */
struct plan *plan_plain(int status) MUST_USE;
struct plan *plan_ref(struct plan *p);
void plan_unref(struct plan **p);

/* Output tokens that the first `at` bytes of the body carry. */
int64_t plan_tokens_at(const struct plan *p, size_t at);

#endif

/*
 * dialect.h - a wire format: what the gateway must understand of it
 *
 * Where client and provider speak the same dialect the bytes pass; what is
 * here reads them without changing them (ask, tally), says the complete list
 * of edits (edit), and writes faults in the caller's shape.
 */
#ifndef KONTOR_DIALECT_DIALECT_H
#define KONTOR_DIALECT_DIALECT_H

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "model/price.h"

enum { TIER_MAX = 16 }; /* of a tier's name; longer ones are cut */

enum { EDIT_MAX = 5, EDIT_PARTS = 2 * EDIT_MAX + 1 };

/* Bytes [at, at + len) of the body give way to `with`. */
struct splice {
	size_t at, len;
	struct slice with;
};

/* What a request asks for, read from its body, which it borrows. */
struct ask {
	struct slice body;
	struct slice model;         /* decoded; empty: the body names none */
	size_t model_at, model_len; /* its value's span, with quotes; where
				     * it would go when model_len == 0 */
	bool stream;
	bool wants_usage;    /* the client asked for the usage event */
	struct splice usage; /* what makes the provider send it */
	/* Values of the fields that limit the output, and where one could go;
	 * `with` is empty. */
	struct splice limit[2];
	unsigned nlimits;
	size_t first_at;
	uint64_t n;            /* answers wanted */
	uint64_t max_output;   /* of one answer; 0: not said */
	uint64_t surcharge;    /* input tokens beyond one per byte */
	uint64_t extra_output; /* billed beyond max_output */
	bool unseen;        /* input the body does not show: URLs, file ids */
	bool hosted_tool;   /* a hosted tool without a call cap */
	uint32_t lanes;     /* bits of enum lane: what it may be billed as */
	struct slice tier;  /* service tier, as it asks; empty: not said */
	struct slice param; /* of a FAULT_FIELD: which field */
	const char *hint;   /* and what is wrong with it; NULL: nothing */
};

/* What has been seen of an answer. */
struct tally {
	struct usage usage;
	bool has_usage;  /* complete and sane */
	bool finished;   /* a finish reason for some choice was seen */
	bool failed;     /* an error came in the stream */
	uint64_t deltas; /* pieces of content */
	uint64_t bytes;  /* of content */
	/* Service tier it says it was served at; empty: not said. */
	char tier[TIER_MAX];
	unsigned tier_len;
};

enum event_kind {
	EVENT_PASS,  /* content or anything else: to the client */
	EVENT_USAGE, /* only usage: cut for who did not ask */
	EVENT_DONE,  /* the dialect's own end of stream */
	EVENT_BAD    /* not this dialect */
};

/* A fault as the caller shall see it; empty slices are left out. */
struct problem {
	int status;
	enum fault fault;
	struct slice code;    /* empty: the fault's */
	struct slice message; /* empty: the fault's text */
	struct slice param;
};

struct dialect {
	const char *name;
	/*
	 * A tier in our words ("standard", "flex", "priority", or as it is):
	 * what a body or an answer says, for a deployment of tier own.
	 */
	struct slice (*tier)(struct slice said, struct slice own);
	/* Reads and checks a request. FAULT_JSON*, FAULT_FIELD. */
	enum fault (*ask)(struct arena *a, struct slice body, struct ask *out);
	/* A whole answer; FAULT_UP_GARBAGE: not this dialect. */
	enum fault (*answer)(struct slice body, struct tally *t);
	/* The data of one event of a stream. */
	enum event_kind (*event)(struct slice data, struct tally *t);
	/* Is it an error body a caller of this dialect understands?  Then its
	 * message is given. */
	bool (*is_error)(
	    struct slice body, struct arena *a, struct slice *message);
	/* Such a body with what SDKs read and the provider left out. */
	struct slice (*mend_error)(
	    struct arena *a, struct slice body, int status);
	void (*error)(struct buf *out, const struct problem *p);
	/* An error as the last event of a stream that has begun. */
	void (*error_event)(struct buf *out, const struct problem *p);
};

extern const struct dialect dialect_openai_chat;

struct edits {
	struct slice name;  /* of the model, as the provider names it */
	uint64_t clamp;     /* output limit that a budget leaves; 0: as asked */
	struct slice limit; /* the limit's field where the body has none */
};

/*
 * The body with its edits, the usage wish among them, as parts to be sent one
 * after the other.  Returns the count.
 */
unsigned ask_edit(const struct ask *q, struct arena *a, const struct edits *e,
    struct slice part[EDIT_PARTS]);

/* The bounds that admission holds money for; false: no bound exists. */
bool ask_bound(const struct ask *q, uint64_t context, uint64_t max_output,
    uint64_t *input, uint64_t *output);

/* Tokens that were surely produced, from what passed: the larger of the
 * count of deltas and a token per four bytes. */
uint64_t tally_output(const struct tally *t);
/* Input of a request whose usage never came: a token per four bytes. */
uint64_t ask_input_estimate(const struct ask *q);

#endif

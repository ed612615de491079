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
#include "model/conversation.h"
#include "model/price.h"

enum { TIER_MAX = 16 }; /* of a tier's name; longer ones are cut */

enum { EDIT_MAX = 6, EDIT_PARTS = 2 * EDIT_MAX + 1 };

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
	size_t model_from;          /* and its key's, where a dialect is told
				     * of the model elsewhere: edits.no_model */
	bool stream;
	size_t stream_at, stream_len; /* its value's span; 0, 0: not said */
	bool wants_usage;             /* the client asked for the usage event */
	struct splice usage;          /* what makes the provider send it */
	/* Values of the fields that limit the output, and where one could go;
	 * `with` is empty. */
	struct splice limit[2];
	unsigned nlimits;
	size_t first_at;
	/* What stands around a limit that is put in at first_at; empty: the
	 * field of struct edits before it, a comma behind it. */
	struct slice limit_open, limit_close;
	/* Where the caller wants it to run: the value's place, and the value;
	 * len 0: it does not say. */
	struct splice geo;
	bool model_elsewhere; /* the path names the model, never the body */
	/* openai-chat: opaque parts that kontor gave out, so nobody else reads
	 * them; signatures of Google's. */
	bool sealed, signatures;
	uint64_t n;            /* answers wanted */
	uint64_t max_output;   /* of one answer; 0: not said */
	uint64_t surcharge;    /* input tokens beyond one per byte */
	uint64_t extra_output; /* billed beyond max_output */
	bool no_output;        /* nothing of it is billed: vectors */
	bool unseen;        /* input the body does not show: URLs, file ids */
	bool hosted_tool;   /* a hosted tool without a call cap */
	bool free;          /* nothing of it is billed */
	uint32_t lanes;     /* bits of enum lane: what it may be billed as */
	struct slice tier;  /* service tier, as it asks; empty: not said */
	struct slice param; /* of a FAULT_FIELD: which field */
	const char *hint;   /* and what is wrong with it; NULL: nothing */
};

/*
 * The last event, which the next one mostly is again but for its piece of
 * content and one more string behind it: its data, and where those two stand
 * in it, without their quotes.
 */
struct mold {
	struct slice data;       /* len 0: none, or its bytes are gone */
	struct slice piece, pad; /* pad.p NULL: no such string */
	unsigned pieces;
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
	/* Where it says that it ran; empty: it does not. */
	char geo[TIER_MAX];
	unsigned geo_len;
	/* For who has the bytes of several events at once; NULL: nobody. */
	struct mold *mold;
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

struct codec;

enum framing { FRAMING_SSE, FRAMING_EVENTSTREAM };

struct dialect {
	const char *name;
	enum framing framing; /* of its streams */
	/* Content type of a whole answer, of a stream; NULL: JSON, SSE. */
	const char *stream_type;
	const struct codec *codec; /* NULL: it passes bytes only */
	/* Which dialect a body is, where one path serves several; NULL: it. */
	const struct dialect *(*which)(struct slice body);
	bool vectors; /* asks for vectors, not for words: never mixed */
	/*
	 * Its bodies are those of another dialect, but for what edits take out
	 * and put in; so a caller's of that one pass, and so do answers, whose
	 * streams unwrap() puts into that one's frames.  NULL: they are not.
	 */
	const struct dialect *wraps;
	struct slice version; /* that such a body gets by itself */
	/* What an event of its stream holds, as the other one frames it. */
	void (*unwrap)(struct slice data, struct arena *a, struct buf *out);
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
	/* The value of x-amzn-errortype that goes with error(); NULL: none. */
	struct slice (*error_type)(const struct problem *p);
};

/* --- translation -----------------------------------------------------------
 */

/* For whom a request is encoded. */
struct target {
	struct slice model;  /* as the provider names it */
	uint64_t max_output; /* of the model; 0: not known */
	uint64_t clamp;      /* output limit that a budget leaves; 0: none */
	enum vendor vendor;  /* whose opaque parts it takes */
	/* openai-chat: max_tokens instead of max_completion_tokens */
	bool old_limit;
};

/* What is wrong with a request: which field, and why; FAULT_FIELD. */
struct wrong {
	struct slice field;
	const char *hint;
};

/* A stream being read; what a codec needs between two events hangs on mind. */
struct decoding {
	struct arena *arena;   /* of the request: for what must last */
	struct arena *scratch; /* emptied behind each event */
	step_f *step;
	void *arg;
	void *mind; /* the codec's, in the arena; NULL at first */
	bool started, open, stopped, ended;
	bool tool;       /* a tool call was opened */
	unsigned calls;  /* how many */
	struct slice id; /* of the answer, as far as it makes a call's id */
};

/* A stream being written. */
struct encoding_out {
	struct arena *arena;
	const struct conversation *asked;
	struct slice id;    /* of the request, "req_..." */
	struct slice model; /* as the caller named it */
	int64_t created;    /* seconds */
	uint64_t input; /* estimate of the input, for who must say it first */
	void *mind;
};

/*
 * A dialect's two halves of translation.  Each is pure: no state but what
 * hangs on the two structs above.  Written and tested in
 * dialect/NAME_in.c (decode a caller, encode for him) and dialect/NAME_out.c
 * (encode for a provider, decode what comes back); property tests over all
 * of them are in tests/unit/dialect/codec_test.c, fuzz targets in
 * tests/fuzz/NAME.c.
 */
struct codec {
	/* --- of a caller --- */
	/* FAULT_JSON*, FAULT_FIELD with *w.  path_model: empty, or the path's;
	 * stream: the path says so. */
	enum fault (*decode)(struct arena *a, struct slice body,
	    struct conversation *out, struct wrong *w);
	void (*write_answer)(const struct completion *in,
	    struct encoding_out *e, struct buf *out);
	/* Appends whole frames; END appends what ends such a stream. */
	void (*write_step)(const struct stream_step *s, struct encoding_out *e,
	    struct buf *out);
	/* --- of a provider --- */
	/* FAULT_FIELD with *w: it cannot be said there, and must not be left
	 * out.  *lost: what was left out. */
	enum fault (*encode)(struct arena *a, const struct conversation *in,
	    const struct target *t, struct buf *out, uint64_t *lost,
	    struct wrong *w);
	/* A whole answer.  FAULT_UP_GARBAGE. */
	enum fault (*read_answer)(
	    struct arena *a, struct slice body, struct completion *out);
	/* One event: its name (SSE "event:", ":event-type"; may be empty) and
	 * data.  FAULT_UP_GARBAGE. */
	enum fault (*read_event)(
	    struct decoding *d, struct slice name, struct slice data);
	/* The body is over: what is open is closed, STOP and END are given
	 * where they were not; FAULT_UP_RESET: it broke off. */
	enum fault (*read_end)(struct decoding *d);
};

/*
 * For read_event: gives the step on and sees to it that whatever a provider
 * says is a stream as conversation.h has it: what is missing of START, CLOSE
 * and STOP is put in, a call without an id gets one, and what stands outside
 * of a block, behind STOP or behind the end goes.
 */
void decoding_step(struct decoding *d, const struct stream_step *s);
/* STOP by what was seen: a tool call makes END a STOP_TOOL. */
void decoding_stop(
    struct decoding *d, enum stop_reason why, struct slice sequence);

extern const struct dialect dialect_bedrock;
extern const struct dialect dialect_bedrock_count; /* of tokens */
extern const struct dialect dialect_invoke;        /* of callers only */
extern const struct dialect dialect_invoke_claude;
extern const struct dialect dialect_anthropic;
extern const struct dialect dialect_anthropic_count; /* of tokens */
extern const struct dialect dialect_openai_chat;
extern const struct dialect dialect_openai_responses;
extern const struct dialect dialect_gemini;
extern const struct dialect dialect_gemini_count; /* of tokens */
/* embeddings.c */
extern const struct dialect dialect_openai_embeddings;
extern const struct dialect dialect_gemini_embed;
extern const struct dialect dialect_gemini_batch;     /* a caller's */
extern const struct dialect dialect_gemini_batch_out; /* a provider's */
extern const struct dialect dialect_vertex_predict;
extern const struct dialect dialect_titan_embed;
extern const struct dialect dialect_cohere_embed;

struct edits {
	struct slice name;  /* of the model, as the provider names it */
	uint64_t clamp;     /* output limit that a budget leaves; 0: as asked */
	struct slice limit; /* the limit's field where the body has none */
	struct slice geo; /* where it is to run, said or not; empty: as it is */
	/* anthropic-messages: the version as a field; empty: a header says it.
	 * no_model: it stands where the model was, which the path says. */
	struct slice version;
	bool no_model;
	bool no_stream; /* nor whether it streams, which the path says too */
	struct slice betas; /* "a, b": go along with the version */
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

/*
 * conversation.h - a request, an answer, a stream: in no dialect
 *
 * Where caller and provider speak different dialects, a request becomes a
 * conversation and that becomes the provider's body; what comes back becomes
 * events, and these the caller's answer.  N decoders and M encoders.
 *
 * What is here borrows: from the body that was decoded, or from the arena
 * that was given with it.  Texts are decoded (UTF-8, no escapes); what is
 * called JSON is checked text as it was written, never taken apart, so big
 * numbers, key order and unknown schema keywords survive.  An empty slice is
 * "not said".
 *
 * What a dialect cannot say is lost, and said: a decoder or encoder sets bits
 * of enum loss (model/losses.def), which become warnings and the docs page.
 */
#ifndef KONTOR_MODEL_CONVERSATION_H
#define KONTOR_MODEL_CONVERSATION_H

#include "base/arena.h"
#include "base/base.h"
#include "base/fault.h"
#include "model/usage.h"

/* What may be lost between dialects: name, and the sentence for people. */
enum loss {
#define LOSS(NAME, text) LOSS_##NAME,
#include "model/losses.def"
#undef LOSS
	LOSSES
};

#define LOSS_BIT(loss) (UINT64_C(1) << (loss))

const char *conversation_loss_text(enum loss l);

/* Whose opaque reasoning it is: never sent to another. */
struct embed_request; /* dialect/embed.h */
struct embed_answer;

enum vendor {
	VENDOR_NONE,
	VENDOR_OPENAI,
	VENDOR_ANTHROPIC,
	VENDOR_GOOGLE,
	VENDOR_AMAZON
};

enum part_kind {
	PART_TEXT,
	PART_REFUSAL, /* text: by the model */
	PART_IMAGE,
	PART_AUDIO,
	PART_VIDEO,
	PART_DOCUMENT,
	PART_REASONING,
	PART_TOOL_CALL,
	PART_TOOL_RESULT
};

/* How long what stands up to here, inclusive, shall be cached. */
enum cache_mark { CACHE_NONE, CACHE_5M, CACHE_1H };

struct citation {
	struct citation *next;
	struct slice url, title, cited; /* cited: words of the source */
	uint64_t start, end;            /* in the text, in characters */
};

struct part {
	struct part *next;
	enum part_kind kind;
	enum cache_mark cache;
	/* TEXT, REFUSAL; REASONING: what may be shown, may be empty;
	 * DOCUMENT: a plain-text document, when data is empty. */
	struct slice text;
	struct citation *citation; /* of TEXT */
	/* IMAGE, AUDIO, VIDEO, DOCUMENT: one of data, url, file. */
	struct slice mime;     /* "image/png" */
	struct slice data;     /* base64, standard alphabet */
	struct slice url;      /* http(s), gs, s3 */
	struct slice file;     /* id of an upload: of one provider only */
	struct slice filename; /* DOCUMENT: its name or title */
	struct slice detail;   /* IMAGE: low, high, auto */
	/* TOOL_CALL, TOOL_RESULT. */
	struct slice id;    /* pairs a call with its result; as it came */
	struct slice name;  /* of the tool; of a result: may be empty */
	struct slice args;  /* CALL: JSON object text; custom: any text */
	bool custom;        /* a tool that takes text, not JSON */
	bool is_error;      /* RESULT */
	struct part *inner; /* RESULT: what it says */
	/* REASONING, and any part of Google's: opaque bytes as text, and
	 * whose.  They go back to the same vendor byte for byte. */
	struct slice opaque;
	enum vendor origin;
	bool redacted; /* REASONING: nothing but opaque */
};

/* DEVELOPER instructions are SYSTEM ones; where they stand is kept. */
enum speaker { SPEAKER_SYSTEM, SPEAKER_USER, SPEAKER_ASSISTANT };

struct turn {
	struct turn *next;
	enum speaker speaker;
	struct slice name; /* of the participant */
	struct part *first;
};

struct tool {
	struct tool *next;
	struct slice name, description;
	struct slice schema; /* JSON; empty: takes nothing */
	int strict;          /* -1 not said */
	bool custom;         /* takes text: args of its calls are text */
	enum cache_mark cache;
};

enum tool_choice { CHOICE_AUTO, CHOICE_NONE, CHOICE_REQUIRED, CHOICE_NAMED };

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_SCHEMA };

/* In rising order; each dialect and model has its own few. */
enum effort {
	EFFORT_NOT_SAID,
	EFFORT_NONE,
	EFFORT_MINIMAL,
	EFFORT_LOW,
	EFFORT_MEDIUM,
	EFFORT_HIGH,
	EFFORT_XHIGH,
	EFFORT_MAX
};

/* TOOLS_MAX: tools, and names of those that are allowed.  ITEMS_MAX: turns,
 * parts and calls of a request, all in all; or the parts of an answer. */
enum { STOPS_MAX = 16, TOOLS_MAX = 8192, ITEMS_MAX = 32768 };

struct conversation {
	struct slice model;     /* as the caller names it */
	struct turn *first;     /* turns, system ones where they stood */
	struct turn *last;      /* of them, or one before it, or NULL */
	unsigned items, ntools; /* counted while it was read */
	struct tool *tool;
	enum tool_choice choice; /* counts when choice_said */
	bool choice_said;
	struct slice choice_name;
	unsigned nallowed; /* of the tools, only these; 0: all */
	struct slice *allowed;
	int parallel; /* tool calls: 1, 0, -1 not said */
	bool stream, wants_usage;
	uint64_t max_output; /* 0: not said */
	uint64_t n;          /* answers; at least 1 */
	/* JSON numbers as written. */
	struct slice temperature, top_p, top_k, seed;
	struct slice presence_penalty, frequency_penalty;
	unsigned nstop;
	struct slice stop[STOPS_MAX];
	enum format format;
	struct slice schema, schema_name; /* of FORMAT_SCHEMA */
	int schema_strict;                /* -1 not said */
	enum effort effort;
	uint64_t thinking_budget; /* tokens; 0: not said */
	bool thinking_off;        /* said so */
	bool wants_reasoning;     /* shown, or summarised */
	struct slice verbosity;   /* low, medium, high */
	struct slice tier;        /* in our words: standard, flex, priority */
	struct slice user;        /* the end user's id, hashed by the caller */
	struct slice metadata;    /* JSON object of texts */
	struct slice cache_key;
	struct slice betas; /* Anthropic's, "a,b" */
	uint64_t lost;      /* bits of enum loss: what was not understood */
	/* Texts for vectors, and nothing above but the model; or NULL. */
	const struct embed_request *embed; /* dialect/embed.h */
};

/* --- answers ---------------------------------------------------------------
 */

enum stop_reason {
	STOP_NONE, /* not over, or it did not say */
	STOP_END,
	STOP_LENGTH,
	STOP_CONTEXT,
	STOP_SEQUENCE,
	STOP_TOOL,
	STOP_FILTER, /* filtered, refused by policy */
	STOP_REFUSAL,
	STOP_PAUSE,
	STOP_BAD_TOOL /* malformed tool use */
};

struct completion {
	const struct embed_answer *embed; /* vectors, in place of parts */
	struct slice id, model;           /* as the provider says */
	int64_t created;                  /* seconds; 0: not said */
	struct part *first;               /* of the assistant's turn */
	enum stop_reason stop;
	struct slice stop_sequence;
	struct usage usage; /* model/usage.h: whole and its parts */
	bool has_usage;
	struct slice tier;
	uint64_t lost;
};

/*
 * A stream is a sequence of these: START, then blocks one after the other
 * (OPEN, deltas, CLOSE: never two open at once), then STOP, then, any time
 * after START, USAGE (cumulative: the last one counts), then END.  ERROR may
 * come any time and ends it; a block that is open then stays open: nobody may
 * take half a tool call for a whole one.
 */
enum step_kind {
	STEP_START,    /* id, model, usage when it is known */
	STEP_OPEN,     /* block: kind; of a tool call id, name, custom */
	STEP_TEXT,     /* text: of TEXT, REFUSAL, REASONING */
	STEP_ARGS,     /* text: of TOOL_CALL, a piece of its args */
	STEP_OPAQUE,   /* text, origin: of the open block; whole */
	STEP_CITATION, /* citation: of TEXT */
	STEP_CLOSE,
	STEP_STOP,  /* stop, stop_sequence */
	STEP_USAGE, /* usage */
	STEP_ERROR, /* message, fault */
	STEP_END
};

struct stream_step {
	enum step_kind kind;
	/* OPEN; opaque where it is known so early, and again in OPAQUE. */
	struct part block;
	struct slice text;         /* TEXT, ARGS, OPAQUE */
	enum vendor origin;        /* OPAQUE */
	struct citation *citation; /* CITATION */
	struct slice id, model;    /* START */
	enum stop_reason stop;
	struct slice stop_sequence;
	struct usage usage; /* START, USAGE */
	bool has_usage;
	struct slice message; /* ERROR */
	enum fault fault;
};

typedef void step_f(void *arg, const struct stream_step *s);

/* --- helpers of all codecs -------------------------------------------------
 */

/* Zeroed and in the arena; appended to the list's end. */
struct turn *conversation_turn(
    struct conversation *c, struct arena *a, enum speaker speaker);
/*
 * A list of parts while it is filled: whoever adds many keeps one of these,
 * so that none of them walks past all that are there.
 */
struct parts {
	struct part **end; /* at first: the list */
	struct part *last; /* that was added or passed; NULL: none */
};

#define PARTS(list) (&(struct parts){ .end = (list) })

struct part *part_add(struct parts *to, struct arena *a, enum part_kind kind);
void parts_join(struct parts *to, struct part *more);
/* For an encoder that moves things: turns and parts are new, what they borrow
 * is the same. */
struct conversation *conversation_copy(
    struct arena *a, const struct conversation *c) MUST_USE;
/* Consecutive turns of one role become one; empty turns go. */
void conversation_merge(struct conversation *c);
/* All results of an assistant's calls stand in the user turn behind it, first
 * and in the order of the calls; a call without one gets an error result, an
 * orphan result goes.  A result is as custom as its call.  Sets
 * LOSS_ORPHAN. */
void conversation_pair(struct conversation *c, struct arena *a);
const struct tool *conversation_tool(
    const struct conversation *c, struct slice name);
bool conversation_has_tool_parts(const struct conversation *c);
/* Tools that only the calls in it know, one of each name. */
struct tool *conversation_called(
    const struct conversation *c, struct arena *a) MUST_USE;

/* The steps of an answer, as a stream would have brought them; and back. */
void completion_steps(const struct completion *a, step_f *f, void *arg);
struct gather; /* opaque; conversation.c */
struct gather *gather_new(struct arena *a) MUST_USE;
void gather_step(void *gather, const struct stream_step *s); /* a step_f */
/* NULL: no START came. */
const struct completion *gather_completion(struct gather *g);

enum effort effort_parse(struct slice text); /* EFFORT_NOT_SAID: unknown */
const char *effort_text(enum effort e);

/* "data:image/png;base64,..." taken apart; false: it is none. */
bool conversation_data_uri(
    struct slice uri, struct slice *mime, struct slice *data) MUST_USE;

#endif

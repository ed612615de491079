/*
 * codec.h - one input for every function of a dialect that reads bytes
 */
#ifndef KONTOR_TESTS_FUZZ_CODEC_H
#define KONTOR_TESTS_FUZZ_CODEC_H

#include "base/json.h"
#include "dialect/dialect.h"

static inline void
codec_is_json(struct slice text)
{
	struct json_cur c = json_cur(text);

	CHECK(json_skip(&c, NULL) && json_at_end(&c));
}

/* What a stream may be: never two blocks open, nothing behind its end. */
struct codec_law {
	struct encoding_out *out;
	const struct codec *codec;
	struct buf text;
	bool started, open, over;
};

static inline void
codec_step(void *arg, const struct stream_step *s)
{
	struct codec_law *law = arg;

	CHECK(!law->over);
	switch (s->kind) {
	case STEP_START:
		CHECK(!law->started);
		law->started = true;
		break;
	case STEP_OPEN:
		CHECK(!law->open);
		law->open = true;
		break;
	case STEP_TEXT:
	case STEP_ARGS:
	case STEP_OPAQUE:
		CHECK(law->open);
		break;
	case STEP_CLOSE:
		CHECK(law->open);
		law->open = false;
		break;
	case STEP_STOP:
		CHECK(!law->open);
		break;
	case STEP_END:
		CHECK(!law->open);
		law->over = true;
		break;
	case STEP_ERROR:
		law->open = false;
		law->over = true;
		break;
	case STEP_CITATION:
	case STEP_USAGE:
		break;
	}
	law->codec->write_step(s, law->out, &law->text);
}

static inline void
codec_request(const struct dialect *d, struct slice in)
{
	struct conversation c = { .n = 1, .parallel = -1, .schema_strict = -1 };
	const struct target t = { .model = S("m"), .max_output = 100 };
	struct arena a = { 0 };
	struct wrong w = { 0 };
	struct buf b = { 0 };
	struct ask q;
	uint64_t lost = 0;

	(void)d->ask(&a, in, &q);
	if (d->codec->decode(&a, in, &c, &w) == FAULT_NONE &&
	    d->codec->encode(&a, &c, &t, &b, &lost, &w) == FAULT_NONE)
		codec_is_json(buf_slice(&b));
	buf_fini(&b);
	arena_fini(&a);
}

static inline void
codec_answer(const struct dialect *d, struct slice in)
{
	struct conversation asked = { .n = 1 };
	struct arena a = { 0 };
	struct encoding_out e = {
		.arena = &a, .asked = &asked, .id = S("req_1"), .model = S("m")
	};
	struct completion done = { 0 };
	struct buf b = { 0 };
	struct tally t = { 0 };

	(void)d->answer(in, &t);
	if (!d->vectors && d->codec->read_answer(&a, in, &done) == FAULT_NONE) {
		d->codec->write_answer(&done, &e, &b);
		codec_is_json(buf_slice(&b));
	} else if (d->vectors) {
		(void)d->codec->read_answer(&a, in, &done);
	}
	buf_fini(&b);
	arena_fini(&a);
}

/* A message of AWS's frames has its event's name as the one member. */
static inline struct slice
codec_event_name(const struct dialect *d, struct slice line)
{
	struct json_cur c = json_cur(line);
	struct slice key = S("");
	bool escaped;

	if (d->framing != FRAMING_EVENTSTREAM || !json_enter_object(&c) ||
	    !json_next_key(&c, &key, &escaped))
		return S("");
	return key;
}

/* Lines of the input are a stream's events. */
static inline void
codec_stream(const struct dialect *d, struct slice in)
{
	struct conversation asked = { .n = 1 };
	struct arena a = { 0 }, scratch = { 0 };
	struct encoding_out e = {
		.arena = &a, .asked = &asked, .id = S("req_1"), .model = S("m")
	};
	struct codec_law law = { .out = &e, .codec = d->codec };
	struct decoding dec = { .arena = &a,
		.scratch = &scratch,
		.step = codec_step,
		.arg = &law };
	struct tally t = { 0 };
	struct slice line;
	bool more = true;

	while (more) {
		more = slice_cut(in, '\n', &line, &in);
		if (!more)
			line = in;
		(void)d->event(line, &t);
		if (d->codec->read_event(
			&dec, codec_event_name(d, line), line) != FAULT_NONE)
			break;
		arena_fini(&scratch);
		scratch = (struct arena){ 0 };
	}
	if (d->codec->read_end(&dec) == FAULT_NONE)
		CHECK(!law.open && law.over);
	buf_fini(&law.text);
	arena_fini(&scratch);
	arena_fini(&a);
}

static inline void
codec_fuzz(const struct dialect *d, struct slice in)
{
	struct arena a = { 0 };
	struct slice message;

	codec_request(d, in);
	codec_answer(d, in);
	if (!d->vectors)
		codec_stream(d, in);
	(void)d->is_error(in, &a, &message);
	arena_fini(&a);
}

#endif

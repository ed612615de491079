/*
 * h2.h - what both ends of an HTTP/2 connection share, private to httpio/
 *
 * nghttp2 owns frames, header compression, stream states and windows; this
 * file owns the bytes to and from the socket, header blocks, and what a peer
 * may make us do for nothing.  Inside a callback of nghttp2 frames are only
 * submitted; they leave by h2_flush() at the end of the turn, so that the
 * events of many streams share a write.
 *
 * Bounds:  a header block by its bytes, its fields and its decoded size;
 *          frames that ask for work and bring none (PING, SETTINGS, PRIORITY,
 *          WINDOW_UPDATE, empty DATA, unknown ones) by a bucket that real
 *          traffic fills; resets, the peer's and those that the peer provokes
 *          us to send, by another; frames that wait for a peer who does not
 *          read by the bytes that are queued.
 */
#ifndef KONTOR_HTTPIO_H2_H
#define KONTOR_HTTPIO_H2_H

#include <nghttp2/nghttp2.h>

#include "base/base.h"
#include "base/buf.h"
#include "http/msg.h"
#include "httpio/outq.h"

struct loop;
struct stream;
struct h2;

enum {
	H2_PREFACE = 24,         /* bytes that a client begins with */
	H2_WINDOW = 256 * 1024,  /* of a stream, what we take in at most */
	H2_WINDOW_FIRST = 65535, /* of an answer, at first: HTTP/2's own */
	H2_WINDOW_ALL = 1 << 20, /* of a connection */
	H2_QUEUE = 256 * 1024,   /* frames waiting: above, nothing is read */
	H2_FIELDS = HTTP_HDR_MAX + 8,
	H2_CUT = 256,
	H2_FRAME_HEAD = 9
};

/* A peer's MAX_CONCURRENT_STREAMS until its SETTINGS have come. */
#define H2_UNSAID (UINT32_MAX - 1)

extern const struct slice h2_preface;

enum h2_abuse {
	H2_NONE,
	H2_FLOOD,  /* frames that bring nothing */
	H2_RESETS, /* streams opened to be reset */
	H2_HEAD    /* a header block that grows and grows */
};

/* Tokens come with time and with real work; whoever has none left goes. */
struct h2_bucket {
	int64_t at_ns;
	int64_t left;
};

struct h2_field {
	uint32_t name, name_len, value, value_len; /* in the block's text */
};

/* One header block, while it comes; a connection has one at a time. */
struct h2_block {
	struct buf text;
	size_t size; /* as SETTINGS_MAX_HEADER_LIST_SIZE counts */
	unsigned n;
	bool big; /* above the limits: the rest was not kept */
	bool bad; /* a field that HTTP does not know */
	struct h2_field field[H2_FIELDS];
};

/* What the side that owns the connection does with what comes. */
struct h2_ops {
	/* A block is whole; stream is what h2_bind() gave, or NULL. */
	void (*on_block)(struct h2 *h, int32_t id, void *stream,
	    const struct h2_block *b, bool end);
	void (*on_data)(
	    struct h2 *h, int32_t id, void *stream, struct slice data);
	void (*on_end)(struct h2 *h, void *stream);
	/* The stream breaks HTTP's rules; it is reset, on_close follows. */
	void (*on_broken)(struct h2 *h, void *stream);
	void (*on_close)(struct h2 *h, void *stream, uint32_t code);
	/* Our last byte of this stream is on its way. */
	void (*on_sent)(struct h2 *h, int32_t id, void *stream);
};

struct h2 {
	nghttp2_session *session;
	struct stream *stream; /* borrowed */
	struct loop *loop;
	const struct h2_ops *ops;
	struct outq out;
	struct h2_block *block; /* NULL: none is coming */
	size_t max_head;
	size_t block_len; /* bytes of its frames */
	int64_t block_ns; /* when it began */
	struct h2_bucket frames, resets;
	enum h2_abuse abuse;
	unsigned continuations;
	bool server;
	bool goaway;    /* the peer's, or ours: no stream will be added */
	bool failed;    /* nghttp2 gave up */
	uint32_t error; /* what we found wrong ourselves, HTTP/2's code */
	/* The last streams that we have reset: what still comes of them was
	 * on its way.  NULL: none yet. */
	uint32_t *cut;
	unsigned ncut;
	/* Where we are among the frames that come. */
	uint8_t frame_head[H2_FRAME_HEAD];
	unsigned nframe_head;
	size_t frame_left;
};

/* streams: how many the peer may open at one time. */
void h2_init(struct h2 *h, struct loop *l, struct stream *s,
    const struct h2_ops *ops, bool server, size_t max_head, unsigned streams);
void h2_fini(struct h2 *h);
/* Gives what came to nghttp2; false: the connection is over, after what
 * h2_flush() still sends. */
bool h2_feed(struct h2 *h, const char *p, size_t len) MUST_USE;
/* Sends what is ready, as far as the socket takes it; false: broken. */
bool h2_flush(struct h2 *h) MUST_USE;
/* Nothing is left to be said or heard. */
bool h2_over(const struct h2 *h);
/* The last words to a peer that went too far. */
void h2_dismiss(struct h2 *h);

/* A block's parts into a head that borrows from it; a request's :authority
 * becomes Host.  False: it is not a head. */
bool h2_block_head(const struct h2_block *b, struct http_head *head) MUST_USE;

/* An nghttp2 pair that borrows both. */
nghttp2_nv h2_pair(struct slice name, struct slice value);
/* Is this a field of the connection, which HTTP/2 does not carry? */
bool h2_hop_field(struct slice name);

#endif

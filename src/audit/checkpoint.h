/*
 * checkpoint.h - what is signed: c2sp.org/tlog-checkpoint
 *
 *   kontor/node/0000002a   origin: the node whose log it is
 *   20852                  leaves in the tree
 *   BASE64                 its root
 *   place 6291456          extension: where in the log the last leaf ends
 *   time 1764087000        extension: when it was signed, seconds since 1970
 *   history 17             extension: how many checkpoints tiles/history has
 *
 * Each line ends in a newline; nothing else may stand there.
 */
#ifndef KONTOR_AUDIT_CHECKPOINT_H
#define KONTOR_AUDIT_CHECKPOINT_H

#include "audit/note.h"
#include "audit/merkle.h"

struct checkpoint {
	char origin[NOTE_NAME_MAX + 1];
	uint64_t size, place, time, history;
	struct merkle_hash root;
};

void checkpoint_origin(uint32_t node, char out[NOTE_NAME_MAX + 1]);
void checkpoint_write(const struct checkpoint *c, struct buf *out);
bool checkpoint_parse(struct slice text, struct checkpoint *out) MUST_USE;
/* A note of this key whose origin is the key's name. */
bool checkpoint_open(struct slice note, const struct note_key *k,
    struct checkpoint *out) MUST_USE;

#endif

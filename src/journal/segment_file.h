/*
 * segment_file.h - headers and names of segments, for writer and reader
 */
#ifndef KONTOR_JOURNAL_SEGMENT_FILE_H
#define KONTOR_JOURNAL_SEGMENT_FILE_H

#include "journal/segment.h"

struct segment_head {
	uint32_t number, node, boot;
	uint64_t base;
	int64_t created_ns;
};

void segment_head_write(const struct segment_head *h, char out[SEGMENT_HEAD]);
/* FAULT_PENDING: shorter than a header; FAULT_DATA: not ours. */
enum fault segment_head_read(
    const char *dir, uint32_t number, struct segment_head *out) MUST_USE;

/* Numbers of the segments there, ascending; mem_free it. */
enum fault segment_list(const char *dir, uint32_t **out, size_t *n) MUST_USE;

#endif

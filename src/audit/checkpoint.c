#include "audit/checkpoint.h"

#include <stdio.h>

#include "base/text.h"

void
checkpoint_origin(uint32_t node, char out[NOTE_NAME_MAX + 1])
{
	(void)snprintf(out, NOTE_NAME_MAX + 1, "kontor/node/%08x", node);
}

void
checkpoint_write(const struct checkpoint *c, struct buf *out)
{
	buf_fmt(out, "%s\n", c->origin);
	buf_u64(out, c->size);
	buf_char(out, '\n');
	text_base64_write(
	    out, (struct slice){ (const char *)c->root.b, MERKLE_HASH });
	buf_str(out, "\nplace ");
	buf_u64(out, c->place);
	buf_str(out, "\ntime ");
	buf_u64(out, c->time);
	buf_str(out, "\nhistory ");
	buf_u64(out, c->history);
	buf_char(out, '\n');
}

/* Whole decimal digits, no zero in front, below 2^63. */
static bool
checkpoint_number(struct slice s, uint64_t *out)
{
	return slice_u64(s, out) && *out <= INT64_MAX &&
	       (s.len == 1 || s.p[0] != '0');
}

static bool
read_root(struct slice s, struct merkle_hash *out)
{
	struct buf raw = { 0 };
	bool good =
	    s.len == 44 && text_base64_parse(&raw, s) && raw.len == MERKLE_HASH;

	if (good)
		memcpy(out->b, raw.p, MERKLE_HASH);
	buf_fini(&raw);
	return good;
}

/* A line "word number". */
static bool
read_extension(struct slice *rest, struct slice word, uint64_t *out)
{
	struct slice line, head, tail;

	return slice_cut(*rest, '\n', &line, rest) &&
	       slice_cut(line, ' ', &head, &tail) && slice_eq(head, word) &&
	       checkpoint_number(tail, out);
}

bool
checkpoint_parse(struct slice text, struct checkpoint *out)
{
	struct slice line, rest = text;

	memset(out, 0, sizeof(*out));
	if (!slice_cut(rest, '\n', &line, &rest) || line.len == 0 ||
	    line.len > NOTE_NAME_MAX || memchr(line.p, '\0', line.len) != NULL)
		return false;
	memcpy(out->origin, line.p, line.len);
	return slice_cut(rest, '\n', &line, &rest) &&
	       checkpoint_number(line, &out->size) &&
	       slice_cut(rest, '\n', &line, &rest) &&
	       read_root(line, &out->root) &&
	       read_extension(&rest, S("place"), &out->place) &&
	       read_extension(&rest, S("time"), &out->time) &&
	       read_extension(&rest, S("history"), &out->history) &&
	       rest.len == 0;
}

bool
checkpoint_open(
    struct slice note, const struct note_key *k, struct checkpoint *out)
{
	struct slice text;

	return note_open(note, k, &text) && checkpoint_parse(text, out) &&
	       strcmp(out->origin, k->name) == 0;
}

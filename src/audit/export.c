#include "audit/export.h"

#include "audit/checkpoint.h"
#include "audit/files.h"
#include "audit/tile.h"
#include "audit/verify.h"
#include "base/buf.h"

static enum fault
write_tile(const char *dir, const char *out, uint64_t size, unsigned level,
    uint64_t n, uint64_t *written)
{
	struct merkle_hash hash[MERKLE_WIDTH];
	char path[TILE_PATH];
	unsigned width;
	uint64_t is;
	enum fault fault = tile_read(dir, size, level, n, hash, &width);

	if (fault != FAULT_NONE)
		return FAULT_DATA; /* the checkpoint says it is there */
	tile_path(level, n, width, path);
	if (files_size(out, path, &is) == FAULT_NONE &&
	    is == width * (uint64_t)MERKLE_HASH)
		return FAULT_NONE;
	fault = files_make_folders(out, path);
	if (fault == FAULT_NONE)
		fault = files_replace(out, path,
		    (struct slice){ (char *)hash, width * MERKLE_HASH }, 0644);
	*written += fault == FAULT_NONE;
	return fault;
}

static enum fault
write_tiles(const char *dir, const char *out, uint64_t size, uint64_t *written)
{
	enum fault fault = FAULT_NONE;
	unsigned l;
	uint64_t n;

	for (l = 0; l < MERKLE_LEVELS; l++) {
		for (n = 0; fault == FAULT_NONE && tile_width(size, l, n) > 0;
		     n++)
			fault = write_tile(dir, out, size, l, n, written);
	}
	return fault;
}

static enum fault
write_key(const char *out, const struct note_key *key)
{
	struct buf text = { 0 };
	enum fault fault;

	note_key_write(key, &text);
	buf_char(&text, '\n');
	fault = files_replace(out, "key", buf_slice(&text), 0644);
	buf_fini(&text);
	return fault;
}

enum fault
audit_export(const char *dir, const char *out, struct export_result *r)
{
	struct buf note = { 0 };
	struct note_key key;
	struct checkpoint c;
	enum fault fault = audit_read_key(dir, FILES_PUB, &key);

	*r = (struct export_result){ 0 };
	if (fault == FAULT_NONE)
		fault = files_read(dir, FILES_CURRENT, NOTE_MAX, &note);
	if (fault == FAULT_NONE && !checkpoint_open(buf_slice(&note), &key, &c))
		fault = FAULT_DATA;
	if (fault == FAULT_NONE)
		fault = files_make_folder(out);
	if (fault == FAULT_NONE) {
		r->size = c.size;
		fault = write_tiles(dir, out, c.size, &r->tiles);
	}
	if (fault == FAULT_NONE)
		fault = write_key(out, &key);
	if (fault == FAULT_NONE)
		fault =
		    files_replace(out, "checkpoint", buf_slice(&note), 0644);
	buf_fini(&note);
	return fault;
}

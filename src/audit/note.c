#include "audit/note.h"

#include "base/text.h"
#include "crypto/digest.h"

enum { ALGORITHM = 1, ID_LEN = 4 };

static const char dash[] = "\xe2\x80\x94 ";
static const char secret_prefix[] = "PRIVATE+KEY+";

/* --- keys ----------------------------------------------------------------- */

static bool
name_good(struct slice s)
{
	size_t i;

	if (s.len == 0 || s.len > NOTE_NAME_MAX)
		return false;
	for (i = 0; i < s.len; i++) {
		const char c = s.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && strchr("/.-_", c) == NULL)
			return false;
	}
	return true;
}

static uint32_t
read_id(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	       (uint32_t)b[2] << 8 | b[3];
}

static uint32_t
id_of(struct slice name, const uint8_t key[SIGN_PUBLIC])
{
	uint8_t sum[DIGEST_LEN];
	struct digest d;

	digest_init(&d);
	digest_add(&d, name);
	digest_add(&d, (struct slice){ "\n\x01", 2 });
	digest_add(&d, (struct slice){ (const char *)key, SIGN_PUBLIC });
	digest_end(&d, sum);
	return read_id(sum);
}

static void
set_name(struct note_key *k, struct slice name)
{
	CHECK(name_good(name));
	memcpy(k->name, name.p, name.len);
	k->name[name.len] = '\0';
}

void
note_key_make(
    struct note_key *k, const char *name, const uint8_t key[SIGN_PUBLIC])
{
	set_name(k, slice_of(name));
	memcpy(k->key, key, SIGN_PUBLIC);
	k->id = id_of(slice_of(name), key);
}

static void
write_key(struct buf *out, const struct note_key *k, const uint8_t bytes[32])
{
	uint8_t raw[1 + 32] = { ALGORITHM };

	memcpy(raw + 1, bytes, 32);
	buf_fmt(out, "%s+%08x+", k->name, k->id);
	text_base64_write(out, (struct slice){ (char *)raw, sizeof(raw) });
	mem_wipe(raw, sizeof(raw));
}

/* NAME+HEX+BASE64 of 33 bytes; the id is as it says. */
static bool
parse_key(
    struct slice line, struct slice *name, uint32_t *id, uint8_t bytes[32])
{
	struct slice hex, text;
	struct buf raw = { 0 };
	uint8_t b[ID_LEN];
	size_t i;
	bool good;

	if (line.len > 0 && line.p[line.len - 1] == '\n')
		line.len--;
	if (!slice_cut(line, '+', name, &text) ||
	    !slice_cut(text, '+', &hex, &text) || !name_good(*name) ||
	    !text_hex_parse(hex, b, sizeof(b)) || text.len > 64)
		return false;
	for (i = 0; i < hex.len; i++) {
		if (hex.p[i] >= 'A' && hex.p[i] <= 'F')
			return false;
	}
	*id = read_id(b);
	good = text_base64_parse(&raw, text) && raw.len == 33 &&
	       raw.p[0] == ALGORITHM;
	if (good)
		memcpy(bytes, raw.p + 1, 32);
	if (raw.p != NULL)
		mem_wipe(raw.p, raw.cap);
	buf_fini(&raw);
	return good;
}

bool
note_key_parse(struct slice line, struct note_key *out)
{
	struct slice name;
	uint8_t key[SIGN_PUBLIC];
	uint32_t id;

	if (!parse_key(line, &name, &id, key) || id != id_of(name, key))
		return false;
	set_name(out, name);
	memcpy(out->key, key, sizeof(key));
	out->id = id;
	return true;
}

void
note_key_write(const struct note_key *k, struct buf *out)
{
	write_key(out, k, k->key);
}

bool
note_secret_parse(
    struct slice line, struct note_key *out, struct signer **signer)
{
	struct slice name;
	uint8_t seed[SIGN_SEED];
	uint32_t id;
	bool good;

	*signer = NULL;
	if (!slice_starts(line, slice_of(secret_prefix)))
		return false;
	line.p += sizeof(secret_prefix) - 1;
	line.len -= sizeof(secret_prefix) - 1;
	if (!parse_key(line, &name, &id, seed))
		return false;
	*signer = signer_new(seed);
	mem_wipe(seed, sizeof(seed));
	signer_public(*signer, out->key);
	set_name(out, name);
	out->id = id_of(name, out->key);
	good = out->id == id;
	if (!good)
		signer_free(signer);
	return good;
}

void
note_secret_write(
    const struct note_key *k, const uint8_t seed[SIGN_SEED], struct buf *out)
{
	buf_str(out, secret_prefix);
	write_key(out, k, seed);
}

/* --- notes ---------------------------------------------------------------- */

void
note_sign(struct buf *out, struct slice text, const struct note_key *k,
    const struct signer *signer)
{
	uint8_t raw[ID_LEN + SIGN_LEN];
	unsigned i;

	CHECK(text.len > 0 && text.p[text.len - 1] == '\n');
	for (i = 0; i < ID_LEN; i++)
		raw[i] = (uint8_t)(k->id >> (8 * (3 - i)));
	signer_sign(signer, text, raw + ID_LEN);
	buf_add(out, text);
	buf_fmt(out, "\n%s%s ", dash, k->name);
	text_base64_write(out, (struct slice){ (char *)raw, sizeof(raw) });
	buf_char(out, '\n');
}

/* Valid UTF-8 without control characters but the newline. */
static bool
text_good(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if ((unsigned char)s.p[i] < 0x20 && s.p[i] != '\n')
			return false;
	}
	return utf8_valid(s);
}

/* Where the text ends: behind the newline before the last empty line. */
static bool
split(struct slice note, struct slice *text, struct slice *lines)
{
	size_t i;

	if (note.len < 4 || note.len > NOTE_MAX || note.p[note.len - 1] != '\n')
		return false;
	for (i = note.len - 2; i > 0; i--) {
		if (note.p[i] != '\n' || note.p[i - 1] != '\n')
			continue;
		*text = (struct slice){ note.p, i };
		*lines = (struct slice){ note.p + i + 1, note.len - i - 1 };
		return true;
	}
	return false;
}

/* One line without its newline: its key's name, id and signature. */
static bool
read_line(
    struct slice line, struct slice *name, uint32_t *id, uint8_t sig[SIGN_LEN])
{
	struct buf raw = { 0 };
	struct slice text;
	bool good;

	if (!slice_starts(line, slice_of(dash)))
		return false;
	line.p += sizeof(dash) - 1;
	line.len -= sizeof(dash) - 1;
	if (!slice_cut(line, ' ', name, &text) || name->len == 0)
		return false;
	good = text_base64_parse(&raw, text) && raw.len > ID_LEN;
	if (good) {
		*id = read_id(raw.p);
		memset(sig, 0, SIGN_LEN);
		if (raw.len == ID_LEN + SIGN_LEN)
			memcpy(sig, raw.p + ID_LEN, SIGN_LEN);
	}
	buf_fini(&raw);
	return good;
}

bool
note_open(struct slice note, const struct note_key *k, struct slice *text)
{
	struct slice lines, line, name;
	uint8_t sig[SIGN_LEN];
	unsigned n = 0, ours = 0;
	uint32_t id;

	if (!split(note, text, &lines) || !text_good(note))
		return false;
	while (lines.len > 0) {
		if (++n > NOTE_SIGNATURES_MAX ||
		    !slice_cut(lines, '\n', &line, &lines) ||
		    !read_line(line, &name, &id, sig))
			return false;
		if (!slice_eq(name, slice_of(k->name)) || id != k->id)
			continue; /* another key: not ours to judge */
		if (++ours > 1 || !sign_verify(k->key, *text, sig))
			return false;
	}
	return ours == 1;
}

bool
note_next(struct slice *rest, struct slice *note)
{
	const struct slice all = *rest;
	size_t at = 0;
	struct slice line, tail;

	for (;;) { /* the text, up to its empty line */
		tail = (struct slice){ all.p + at, all.len - at };
		if (!slice_cut(tail, '\n', &line, &tail))
			return false;
		at += line.len + 1;
		if (line.len == 0)
			break;
	}
	for (;;) { /* signatures, up to the empty line behind them */
		if (!slice_cut(tail, '\n', &line, &tail))
			return false;
		if (line.len == 0)
			break;
		at += line.len + 1;
	}
	*note = (struct slice){ all.p, at };
	*rest = tail;
	return true;
}

#include "crypto/awspair.h"

#include "base/buf.h"
#include "base/crc.h"
#include "base/text.h"
#include "crypto/digest.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const struct slice prefix = S_INIT("AKTK");

/* 64 bits of number, 16 of checksum: 16 letters of 5 bits. */
static void
pack(uint64_t key, uint8_t out[10])
{
	uint32_t sum;
	unsigned i;

	for (i = 0; i < 8; i++)
		out[i] = (uint8_t)(key >> (56 - 8 * i));
	sum = crc32_ieee(0, out, 8);
	out[8] = (uint8_t)(sum >> 8);
	out[9] = (uint8_t)sum;
}

void
awspair_id(uint64_t key, char out[AWSPAIR_ID + 1])
{
	uint8_t raw[10];
	unsigned i, at;

	pack(key, raw);
	memcpy(out, prefix.p, prefix.len);
	for (i = 0; i < 16; i++) {
		at = 5 * i;
		out[4 + i] = letters[((unsigned)raw[at / 8] << 8 |
					 (at / 8 < 9 ? raw[at / 8 + 1] : 0u)) >>
					 (11 - at % 8) &
				     31];
	}
	out[AWSPAIR_ID] = '\0';
}

bool
awspair_parse(struct slice id, uint64_t *key)
{
	char again[AWSPAIR_ID + 1];
	const char *at;
	uint64_t v = 0;
	unsigned i;

	if (id.len != AWSPAIR_ID || !slice_starts(id, prefix))
		return false;
	/* 12 letters are 60 bits, the 13th has four more. */
	for (i = 0; i < 13; i++) {
		at = memchr(letters, id.p[4 + i], sizeof(letters) - 1);
		if (at == NULL)
			return false;
		if (i < 12)
			v = v << 5 | (uint64_t)(at - letters);
		else
			v = v << 4 | (uint64_t)(at - letters) >> 1;
	}
	awspair_id(v, again);
	if (memcmp(again, id.p, AWSPAIR_ID) != 0)
		return false;
	*key = v;
	return true;
}

void
awspair_secret(const uint8_t root[AWSPAIR_ROOT], uint64_t key,
    char out[AWSPAIR_SECRET + 1])
{
	static const struct slice purpose = S_INIT("kontor aws secret 1");
	uint8_t raw[10], sum[DIGEST_LEN];
	struct buf b = { 0 };
	struct mac_key k;
	struct digest d;

	pack(key, raw);
	mac_key_init(&k, (struct slice){ (const char *)root, AWSPAIR_ROOT });
	mac_begin(&k, &d);
	digest_add(&d, purpose);
	digest_add(&d, (struct slice){ (const char *)raw, sizeof(raw) });
	mac_end(&k, &d, sum);
	text_base64url_write(
	    &b, (struct slice){ (const char *)sum, sizeof(sum) });
	memcpy(out, b.p, AWSPAIR_SECRET);
	out[AWSPAIR_SECRET] = '\0';
	mem_wipe(b.p, b.len);
	buf_fini(&b);
	mem_wipe(&k, sizeof(k));
	mem_wipe(sum, sizeof(sum));
}

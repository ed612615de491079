#include "shm/label.h"

#include "shm/atomic.h"

void
label_set(struct shm_label *l, struct slice text)
{
	uint64_t word[LABEL_WORDS] = { 0 };
	size_t len = text.len < LABEL_LEN ? text.len : LABEL_LEN - 1;
	unsigned i;

	/* Not in the middle of a character of UTF-8. */
	while (len < text.len && len > 0 &&
	       ((unsigned char)text.p[len] & 0xc0) == 0x80)
		len--;
	if (len > 0)
		memcpy(word, text.p, len);
	for (i = 0; i < LABEL_WORDS; i++)
		at_poke(&l->word[i], word[i]);
}

size_t
label_get(const struct shm_label *l, char out[LABEL_LEN])
{
	uint64_t word;
	unsigned i;

	for (i = 0; i < LABEL_WORDS; i++) {
		word = at_peek(&l->word[i]);
		memcpy(out + 8 * i, &word, 8);
	}
	out[LABEL_LEN - 1] = '\0';
	return strlen(out);
}

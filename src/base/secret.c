#include "base/secret.h"

void
secret_set(struct secret *s, struct slice bytes)
{
	struct secret next = { (unsigned char *)mem_new(bytes.len), bytes.len };

	if (bytes.len > 0)
		memcpy(next.hidden, bytes.p, bytes.len);
	secret_fini(s); /* after the copy: bytes may be our own */
	*s = next;
}

void
secret_take(struct secret *s, struct secret *from)
{
	CHECK(s != from);
	secret_fini(s);
	*s = *from;
	*from = (struct secret){ 0 };
}

bool
secret_is_set(const struct secret *s)
{
	return s->n > 0;
}

struct slice
secret_reveal(const struct secret *s)
{
	return (struct slice){ (const char *)s->hidden, s->n };
}

void
secret_fini(struct secret *s)
{
	if (s->hidden != NULL)
		mem_wipe(s->hidden, s->n);
	mem_free(s->hidden);
	*s = (struct secret){ 0 };
}

/*
 * base.h - what every file may assume: checks, byte slices, memory
 *
 * CHECK() stays in release builds.  It is for what only a bug can make
 * false, never for what a peer, a file or a database can send us.
 */
#ifndef KONTOR_BASE_BASE_H
#define KONTOR_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CHECK(e) \
	(__builtin_expect(!!(e), 1) ? (void)0 \
				    : check_failed(#e, __FILE__, __LINE__))
/* That byte eight times in a word. */
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define NELEM(a) (sizeof(a) / sizeof((a)[0]))
#define MUST_USE __attribute__((warn_unused_result))
/* A large local of a hot function that is written before it is read: not
 * zeroed first, as all others are (-ftrivial-auto-var-init). */
#define UNSET __attribute__((uninitialized))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a), nonnull(f)))
#define CONTAINER_OF(p, type, field) \
	((type *)(void *)((char *)(p)-offsetof(type, field)))

__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

/* Borrowed bytes: never owns, never NUL-terminated. */
struct slice {
	const char *p;
	size_t len;
};

#define S(lit) ((struct slice){ "" lit, sizeof(lit) - 1 })
#define S_INIT(lit) \
	{ \
		"" lit, sizeof(lit) - 1 \
	}
/* For "%.*s". */
#define S_FMT(s) (int)(s).len, (s).p

/* Borrows s, which must outlive the slice. */
static inline struct slice
slice_of(const char *s)
{
	return (struct slice){ s, strlen(s) };
}

bool slice_ieq_same_len(struct slice a, struct slice b);

static inline bool
slice_eq(struct slice a, struct slice b)
{
	/* b's length is what a compiler knows of a literal. */
	return a.len == b.len && (b.len == 0 || memcmp(a.p, b.p, b.len) == 0);
}

/* ASCII case folded. */
static inline bool
slice_ieq(struct slice a, struct slice b)
{
	return a.len == b.len && slice_ieq_same_len(a, b);
}

static inline bool
slice_starts(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len &&
	       (prefix.len == 0 || memcmp(s.p, prefix.p, prefix.len) == 0);
}

/* part stands somewhere in s; an empty one in every s.  For names: memmem()
 * is for long texts. */
bool slice_has(struct slice s, struct slice part);
struct slice slice_trim(struct slice s); /* spaces and tabs, both ends */
/* Splits s at the first c into *head and *tail (without c); false: no c. */
bool slice_cut(struct slice s, char c, struct slice *head, struct slice *tail);
/* Decimal digits only, whole slice, no overflow; false else. */
bool slice_u64(struct slice s, uint64_t *out);

_Noreturn void check_failed(const char *expr, const char *file, int line);
/* What CHECK prints beside the expression (request id, stage); borrowed. */
extern const char *check_context;

/* Never NULL: out of memory that we sized ourselves ends the process. */
void *mem_new(size_t len) MUST_USE; /* zeroed */
void *mem_grow(void *p, size_t len) MUST_USE;
char *mem_dup(struct slice s) MUST_USE; /* NUL-terminated copy */
void mem_free(void *p);
void mem_wipe(void *p, size_t len); /* not optimised away */

#define NEW(type) ((type *)mem_new(sizeof(type)))

#endif

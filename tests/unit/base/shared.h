/*
 * shared.h - test data that lives outside the tree, under $KONTOR_SHARED
 */
#ifndef KONTOR_TESTS_BASE_SHARED_H
#define KONTOR_TESTS_BASE_SHARED_H

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

/* The path of name, or NULL when there is no such place. */
static inline const char *
shared_path(struct arena *a, const char *name)
{
	const char *root = getenv("KONTOR_SHARED");
	const char *path;
	FILE *f;

	if (root == NULL)
		return NULL;
	path = arena_fmt(a, "%s/%s", root, name);
	f = fopen(path, "rb");
	if (f == NULL) {
		print_message("no %s, skipped\n", path);
		return NULL;
	}
	fclose(f);
	return path;
}

/* The whole file, in a block of exactly its size so that a sanitizer sees a
 * read past the end; the caller frees p.  p is NULL when there is no file. */
static inline struct slice
shared_read(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct slice s = { 0 };
	char *p;
	long len;

	if (f == NULL)
		return s;
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	len = ftell(f);
	assert_true(len >= 0);
	rewind(f);
	p = malloc(len > 0 ? (size_t)len : 1);
	assert_non_null(p);
	assert_int_equal(fread(p, 1, (size_t)len, f), (size_t)len);
	fclose(f);
	return (struct slice){ p, (size_t)len };
}

#endif

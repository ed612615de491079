#include "main/args.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static bool
complain(const char *what, struct slice word)
{
	fprintf(stderr, "kontor: %s %.*s\n", what, S_FMT(word));
	return false;
}

static const struct arg *
find(const struct arg *arg, size_t n, struct slice name)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (slice_eq(slice_of(arg[i].name), name))
			return &arg[i];
	}
	return NULL;
}

static bool
store(const struct arg *a, const char *value)
{
	if (a->value != NULL) {
		*a->value = value;
		return true;
	}
	if (a->list->n == ARGS_LIST)
		return complain("too many of option", slice_of(a->name));
	a->list->value[a->list->n++] = value;
	return true;
}

/* The option's name without dashes; its value when written with '='. */
static struct slice
split(const char *word, const char **value)
{
	const bool is_long = word[1] == '-';
	struct slice name = slice_of(word + (is_long ? 2 : 1)), head, tail;

	*value = NULL;
	if (is_long && slice_cut(name, '=', &head, &tail)) {
		*value = tail.p;
		return head;
	}
	return name;
}

bool
args_take(int argc, char **argv, const struct arg *arg, size_t n,
    const char **pos, unsigned *npos)
{
	const unsigned most = *npos;
	const struct arg *a;
	const char *value;
	bool words = false; /* nothing is an option any more */
	int i;

	*npos = 0;
	for (i = 0; i < argc; i++) {
		/* As JSON it would become another name. */
		if (!utf8_valid(slice_of(argv[i])))
			return complain("not UTF-8:", slice_of(argv[i]));
		if (!words && strcmp(argv[i], "--") == 0) {
			words = true;
			continue;
		}
		if (words || argv[i][0] != '-' || argv[i][1] == '\0') {
			if (*npos == most)
				return complain(
				    "unexpected", slice_of(argv[i]));
			pos[(*npos)++] = argv[i];
			continue;
		}
		a = find(arg, n, split(argv[i], &value));
		if (a == NULL)
			return complain("unknown option", slice_of(argv[i]));
		if (a->flag != NULL && value == NULL) {
			*a->flag = true;
			continue;
		}
		if (value == NULL && i + 1 < argc)
			value = argv[++i];
		if (value == NULL || a->flag != NULL)
			return complain(
			    "a value does not fit option", slice_of(argv[i]));
		if (!store(a, value))
			return false;
	}
	return true;
}

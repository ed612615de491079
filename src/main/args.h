/*
 * args.h - the options of one command line
 */
#ifndef KONTOR_MAIN_ARGS_H
#define KONTOR_MAIN_ARGS_H

#include "base/base.h"

enum { ARGS_LIST = 16 };

struct arg_list {
	unsigned n;
	const char *value[ARGS_LIST];
};

/* "--name", or "-c" for a name of one letter.  Exactly one target is set. */
struct arg {
	const char *name;
	const char **value;
	bool *flag;
	struct arg_list *list;
};

/*
 * Takes options ("--name value", "--name=value") and up to *npos words;
 * *npos is how many there were.  False: said on stderr what is wrong.
 */
bool args_take(int argc, char **argv, const struct arg *arg, size_t n,
    const char **pos, unsigned *npos) MUST_USE;

#endif

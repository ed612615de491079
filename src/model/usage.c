#include "model/usage.h"

bool
usage_sane(const struct usage *u)
{
	return u->cached <= u->input &&
	       u->cache_write <= u->input - u->cached &&
	       u->reasoning <= u->output;
}

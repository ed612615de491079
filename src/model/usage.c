#include "model/usage.h"

/* a + b <= whole, without overflow. */
static bool
within(uint64_t a, uint64_t b, uint64_t whole)
{
	return a <= whole && b <= whole - a;
}

bool
usage_sane(const struct usage *u)
{
	return u->input < TOKENS_MAX && u->output < TOKENS_MAX &&
	       within(u->cached, u->cache_write, u->input) &&
	       u->cache_write_1h <= u->cache_write &&
	       within(u->audio_input, u->image_input, u->input) &&
	       within(u->audio_output, u->image_output, u->output) &&
	       u->reasoning <= u->output - u->audio_output - u->image_output;
}

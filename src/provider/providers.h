/*
 * providers.h - private to provider/: declares the row of every provider
 */
#ifndef KONTOR_PROVIDER_PROVIDERS_H
#define KONTOR_PROVIDER_PROVIDERS_H

#include "provider/provider.h"

#define PROVIDER(NAME, id) extern const struct provider provider_##id;
#include "provider/providers.def"
#undef PROVIDER

#endif

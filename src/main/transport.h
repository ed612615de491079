/*
 * transport.h - from the configuration: TLS of listeners, towards providers,
 * proxies
 *
 * Files of certificates are read here, so that whoever serves them needs to
 * open nothing; each is checked as the handshake will use it.
 */
#ifndef KONTOR_MAIN_TRANSPORT_H
#define KONTOR_MAIN_TRANSPORT_H

#include "base/arena.h"
#include "base/base.h"
#include "main/report.h"

struct provider_conf; /* model/snapshot.h */
struct snapshot;
struct ynode; /* main/yaml.h */

struct transport {
	struct arena *arena; /* the snapshot's */
	struct report *report;
	const char *dir; /* where relative paths begin */
};

/* listen.*.tls, and https_proxy and no_proxy of the environment. */
void transport_take(
    const struct transport *t, const struct ynode *root, struct snapshot *s);
/* ca_file, tls and proxy of a provider whose URL is known. */
void transport_provider(const struct transport *t, const struct ynode *n,
    const struct snapshot *s, struct provider_conf *p);

#endif

/*
 * listen.h - the listening sockets, which the supervisor owns for life
 */
#ifndef KONTOR_MAIN_LISTEN_H
#define KONTOR_MAIN_LISTEN_H

#include "base/base.h"

/* "127.0.0.1:8080"; -1: errno. */
int listen_open(const char *address) MUST_USE;

enum { LISTEN_URL = 80 };

/* "http://127.0.0.1:8080" as one on this machine reaches it. */
void listen_url(int fd, bool tls, char out[LISTEN_URL]);

#endif

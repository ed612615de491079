/*
 * datadir.h - what the supervisor keeps in the data directory
 *
 *   node         this node's number, random, hex; begins its journals' names
 *   boot         how often kontor was started here
 *   aws.key      what the secrets of AWS pairs come from, 0600, made once
 *   run.json     where the running instance listens; gone when it stopped
 *   admin.token  the local credential for the admin API, 0600, new each start
 */
#ifndef KONTOR_MAIN_DATADIR_H
#define KONTOR_MAIN_DATADIR_H

#include <sys/types.h>

#include "base/base.h"

/* The folder and those above it, 0700; false: errno. */
bool datadir_make(const char *dir) MUST_USE;

/* Makes the folder, reads or makes node, counts boot durably; false
 * is logged. */
bool datadir_open(const char *dir, uint32_t *node, uint32_t *boot) MUST_USE;

/* Whole, durable, by rename. */
bool datadir_write(
    const char *dir, const char *name, struct slice text, mode_t mode) MUST_USE;

/* aws.key, made when there is none; false is logged. */
bool datadir_aws(const char *dir, uint8_t root[32]) MUST_USE;

/* URLs without a slash at the end; the pin of admin's certificate, or "". */
bool datadir_announce(const char *dir, const char *gateway, const char *admin,
    const char *admin_pin) MUST_USE;
/* The same, and makes a new token. */
bool datadir_publish(const char *dir, const char *gateway, const char *admin,
    const char *admin_pin) MUST_USE;
void datadir_unpublish(const char *dir);

/* Of the instance that wrote run.json; 0: there is none. */
pid_t datadir_pid(const char *dir);
/* Is this process, by its title, a supervisor? */
bool datadir_runs(pid_t pid);

#endif

/*
 * command.h - the commands that an operator types
 */
#ifndef KONTOR_MAIN_COMMAND_H
#define KONTOR_MAIN_COMMAND_H

#include "base/log.h"

/* The exit status: 0 done, 1 refused or failed, 2 not understood. */
int command_main(int argc, char **argv);

/* From the environment variable KONTOR_LOG: debug, info, warn, error. */
enum log_level command_log_level(void);

#endif

/*
 * commands.h - one function per row of commands.def
 */
#ifndef KONTOR_MAIN_COMMANDS_H
#define KONTOR_MAIN_COMMANDS_H

#include "base/base.h"

/* argv: what follows the command's words.  Returns the exit status. */
typedef int command_f(int argc, char **argv);

#define COMMAND(words, function, arguments, text, options) \
	command_f command_##function;
#include "main/commands.def"
#undef COMMAND

/* Executes this binary again under the supervisor's title. */
void command_become_supervisor(const char *command, int argc, char **argv);
bool command_is_supervisor(void);

#endif

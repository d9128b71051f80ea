/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/completion.h: completions for shells, from the command table.
 */
#ifndef FIRN_CLI_COMPLETION_H
#define FIRN_CLI_COMPLETION_H

#include "cli/command.h"

/* Prints the completions for "bash", "zsh" or "fish". Returns false for another shell. */
bool firn_completion_print(const char *shell);

/* ---- what the shells share ---- */

/* What can stand for an argument or an option's value, as its name in the table says. */
enum firn_completion_kind {
    FIRN_COMPLETION_OTHER,     /* cannot be guessed */
    FIRN_COMPLETION_REF,       /* REF: a checkpoint */
    FIRN_COMPLETION_FILE,      /* PATH, FILE */
    FIRN_COMPLETION_DIRECTORY, /* DIR, STORE, FOLDER */
    FIRN_COMPLETION_COMMAND    /* COMMAND */
};
/* That of an option's value; the option must have one. */
enum firn_completion_kind firn_completion_value_kind(const struct firn_command_option *option);

/* Calls visit for each argument of a command: its place from 1 on, and whether it may be
 * repeated. */
void firn_completion_each_argument(const struct firn_command *command,
                                   void (*visit)(int place, enum firn_completion_kind kind,
                                                 const char *name, size_t size, bool is_open));
/* Calls visit for each command and group, with the words that name it: "save", "db", "db put". */
void firn_completion_each_command(void (*visit)(const char *words,
                                                const struct firn_command *command));
/* Calls visit for each option of any command, and each global one, that takes a value. Some come
 * more than once. */
void firn_completion_each_value(void (*visit)(const struct firn_command_option *option));

/* Prints the commands' names with spaces between them. */
void firn_completion_print_names(const struct firn_command *const *commands);
/* Prints text for inside single quotes; the characters in `special` get a backslash too. */
void firn_completion_print_quoted(const char *text, const char *special);

/* Prints the command line that prints tags and the newest checkpoints, one a line. `where` is
 * what the shell puts in its place for the options that say which workspace is meant. */
void firn_completion_print_refs(const char *where);
/* Calls visit for each of those options; all of them take a value. */
void firn_completion_each_where(void (*visit)(const struct firn_command_option *option));

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * command/command_internal.h: what the files of this room share. Only files of this folder include
 * it.
 */
#ifndef FIRN_COMMAND_COMMAND_INTERNAL_H
#define FIRN_COMMAND_COMMAND_INTERNAL_H

#include "command/command.h"

/* A command by name; NULL if there is none. */
const struct fi_command *fi_command_find(const struct fi_command *const *commands,
                                         const char *name);
/* The same as a user types it: the name, or a beginning of one name alone. */
const struct fi_command *fi_command_find_typed(const struct fi_command *const *commands,
                                               const char *word);

/* The member of a group that the first of the words names, or the first two; *out_used says how
 * many. NULL if there is none. */
const struct fi_command *fi_command_find_member(const struct fi_command *const *members,
                                                const char *const *words, size_t count,
                                                size_t *out_used);
/* Where the second word of a name begins whose first word this is; NULL for other names. */
const char *fi_command_find_second_word(const char *name, const char *first);

/* What the program's list of other programs' words says of one: of a command ("rm", "hook rm"), or
 * of an option of a command ("log --oneline"; "log -N" stands for any number). NULL: nothing. */
const char *fi_command_find_note(const struct fi_cli *cli, const char *word);
enum { FI_COMMAND_FIND_MISTAKES = 3 }; /* so many are another word */
/* Whether a word is a name with fewer typing mistakes than *mistakes, which becomes their number
 * then. */
bool fi_command_find_is_nearer(const char *word, const char *name, unsigned *mistakes);
/* fi_command_misused, for a word that names none of these commands: with that note, or the nearest
 * name. */
int fi_command_find_unknown(struct fi_cli *cli, const struct fi_command *const *commands,
                            const char *name);

/* -C DIR: cli->directory becomes `value`, relative to the old one. Returns an exit code. */
int fi_command_directory_take(struct fi_cli *cli, const char *value);
/* Goes there; without one it does nothing. Returns an exit code. */
int fi_command_directory_enter(struct fi_cli *cli);

/* Prints something, through a pager if it is long and goes to a terminal. Returns what `print`
 * does, an exit code; success if that failed because the user left the pager before the end. */
int fi_command_pager_print(struct fi_cli *cli, int (*print)(struct fi_cli *cli));
/* What --help prints: about the command, the group or the program, whichever was named last.
 * Returns FI_EXIT_OK. */
int fi_command_help_print(struct fi_cli *cli);
/* Each prints to standard output. group is NULL for a command of the top level. */
void fi_command_help_short(const struct fi_command_program *program); /* fits 24 rows */
void fi_command_help_overview(const struct fi_command_program *program);
void fi_command_help_group(const struct fi_command *group);
void fi_command_help_command(const struct fi_command_program *program,
                             const struct fi_command *group, const struct fi_command *command);

/* "firn restore [options] REF [PATH...]" into out. */
void fi_command_usage(const struct fi_command *group, const struct fi_command *command, char *out,
                      size_t out_size);

/* Calls visit for every option that a command takes: its own first, then the global ones that
 * mean something to it. */
void fi_command_help_options(
    const struct fi_command_program *program, const struct fi_command *command,
    void (*visit)(void *ctx, const struct fi_command_option *option, bool is_global), void *ctx);

/* The word in the place of a command by which the scripts of the shells ask what can follow. */
#define FI_COMMAND_COMPLETION_WORD "__complete"

/* Answers them: `words` are those of the line after the program's name, the last of them the one
 * that is being typed. Returns an exit code. */
int fi_command_completion_answer(struct fi_cli *cli, int count, char *const *words);

/* Whether a word of fi_command.arguments stands for any number of arguments: "[PATH...]". */
bool fi_command_may_repeat(const char *word, size_t size);

#endif

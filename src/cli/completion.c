/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/completion.c: completions for shells, from the command table.
 *
 * What can follow is the same in every shell: a command, inside a group a second word, options, and
 * for an argument what its name in the table says. REF is latest, a tag or one of the newest
 * checkpoints, which the shell asks the program for, with the options that say which workspace is
 * meant where the line has them already. Each shell has its own way of saying so: completion_bash.c,
 * completion_zsh.c, completion_fish.c.
 *
 * To know which words are arguments, one has to know which options take a value before the command
 * is known; so an option letter means the same everywhere, or at least takes a value everywhere or
 * nowhere.
 */
#include "cli/completion.h"

#include <stdio.h>
#include <string.h>

#include "cli/command_table.h"
#include "cli/completion_bash.h"
#include "cli/completion_fish.h"
#include "cli/completion_zsh.h"
#include "cli/out.h"

void
firn_completion_print_refs(const char *where)
{
    firn_out_format("firn tag --quiet%s%s 2> /dev/null; ", where[0] != '\0' ? " " : "", where);
    firn_out_format("firn list --quiet --limit 20%s%s 2> /dev/null", where[0] != '\0' ? " " : "",
                    where);
}

bool
firn_completion_print(const char *shell)
{
    if (strcmp(shell, "bash") == 0) {
        firn_completion_bash_print();
    } else if (strcmp(shell, "zsh") == 0) {
        firn_completion_zsh_print();
    } else if (strcmp(shell, "fish") == 0) {
        firn_completion_fish_print();
    } else {
        return false;
    }
    return true;
}

static enum firn_completion_kind
kind_of(const char *name, size_t size)
{
    static const struct {
        const char *name;
        enum firn_completion_kind kind;
    } kinds[] = {
        {"REF", FIRN_COMPLETION_REF},         {"PATH", FIRN_COMPLETION_FILE},
        {"FILE", FIRN_COMPLETION_FILE},       {"DIR", FIRN_COMPLETION_DIRECTORY},
        {"STORE", FIRN_COMPLETION_DIRECTORY}, {"FOLDER", FIRN_COMPLETION_DIRECTORY},
        {"COMMAND", FIRN_COMPLETION_COMMAND},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strlen(kinds[i].name) == size && memcmp(kinds[i].name, name, size) == 0) {
            return kinds[i].kind;
        }
    }
    return FIRN_COMPLETION_OTHER;
}

enum firn_completion_kind
firn_completion_value_kind(const struct firn_command_option *option)
{
    return kind_of(option->value, strlen(option->value));
}

void
firn_completion_each_argument(const struct firn_command *command,
                              void (*visit)(int place, enum firn_completion_kind kind,
                                            const char *name, size_t size, bool is_open))
{
    const char *at = command->arguments;
    for (int place = 1; *at != '\0'; place++) {
        size_t size = strcspn(at, " ");
        const char *name = at + strspn(at, "[");
        size_t name_size = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        visit(place, kind_of(name, name_size), name, name_size, memchr(at, '.', size) != NULL);
        at += size;
        at += strspn(at, " ");
    }
}

void
firn_completion_each_command(void (*visit)(const char *words, const struct firn_command *command))
{
    char words[64];
    for (const struct firn_command *const *at = firn_command_table; *at != NULL; at++) {
        visit((*at)->name, *at);
        for (const struct firn_command *const *member = (*at)->members;
             member != NULL && *member != NULL; member++) {
            (void)snprintf(words, sizeof(words), "%s %s", (*at)->name, (*member)->name);
            visit(words, *member);
        }
    }
}

void
firn_completion_each_where(void (*visit)(const struct firn_command_option *option))
{
    for (const struct firn_command_table_global *at = firn_command_table_globals;
         at->option.name != NULL; at++) {
        if (at->option.value != NULL && (at->uses & FIRN_COMMAND_USES_WORKSPACE) != 0) {
            visit(&at->option);
        }
    }
}

static void (*value_visit)(const struct firn_command_option *option);

static void
visit_values(const char *words, const struct firn_command *command)
{
    (void)words;
    for (const struct firn_command_option *at = command->options; at != NULL && at->name != NULL;
         at++) {
        if (at->value != NULL) {
            value_visit(at);
        }
    }
}

void
firn_completion_each_value(void (*visit)(const struct firn_command_option *option))
{
    for (const struct firn_command_table_global *at = firn_command_table_globals;
         at->option.name != NULL; at++) {
        if (at->option.value != NULL) {
            visit(&at->option);
        }
    }
    value_visit = visit;
    firn_completion_each_command(visit_values);
}

void
firn_completion_print_names(const struct firn_command *const *commands)
{
    for (const struct firn_command *const *at = commands; *at != NULL; at++) {
        firn_out_format("%s%s", at == commands ? "" : " ", (*at)->name);
    }
}

void
firn_completion_print_quoted(const char *text, const char *special)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            firn_out_text("'\\''");
            continue;
        }
        if (strchr(special, *text) != NULL) {
            firn_out_write("\\", 1);
        }
        firn_out_write(text, 1);
    }
}

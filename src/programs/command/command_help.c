/* SPDX-License-Identifier: Apache-2.0
 *
 * command/command_help.c: the help that the command table makes.
 *
 * Plain text in at most 80 columns where the table's own texts keep to that: summaries and option
 * texts are one line, paragraphs are printed as they stand in the table. The man pages
 * (command_man.c) show the same with more room.
 */
#include "command/command_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "term/term.h"

enum { WIDTH = 80, NAME_COLUMN_MIN = 9, NOTE_COLUMN = 15, OPTION_COLUMN = 22 };

/* The spaces that bring a column of text to the same place in every row. */
static void
command_help_pad(size_t used, size_t width)
{
    do {
        fi_term_out_write(" ", 1);
    } while (++used < width);
}

void
fi_command_help_options(const struct fi_command_program *program, const struct fi_command *command,
                        void (*visit)(void *ctx, const struct fi_command_option *option,
                                      bool is_global),
                        void *ctx)
{
    for (const struct fi_command_option *at = command->options; at != NULL && at->name != NULL;
         at++) {
        visit(ctx, at, false);
    }
    for (const struct fi_command_global *at = program->globals; at->option.name != NULL; at++) {
        bool is_for_all = at->uses == 0 && strcmp(at->option.name, "version") != 0;
        if (command->refuses_json != NULL && strcmp(at->option.name, "json") == 0) {
            continue;
        }
        if (is_for_all || (at->uses & command->uses) != 0) {
            visit(ctx, &at->option, true);
        }
    }
}

static void
print_option(void *ctx, const struct fi_command_option *option, bool is_global)
{
    char left[64];
    bool *in_globals = ctx;
    if (in_globals != NULL && is_global != *in_globals) {
        return;
    }
    char letter[] = {'-', option->letter, ',', ' ', '\0'};
    int size = snprintf(left, sizeof(left), "%s--%s%s%s", option->letter != 0 ? letter : "    ",
                        option->name, option->value != NULL ? " " : "",
                        option->value != NULL ? option->value : "");
    fi_term_out_format("  %s", left);
    command_help_pad((size_t)size, OPTION_COLUMN);
    fi_term_out_format("%s\n", option->text);
}

static void
print_options(const struct fi_command_program *program, const struct fi_command *command)
{
    assert(program->globals != NULL);
    bool in_globals = false;
    if (command->options != NULL && command->options[0].name != NULL) {
        fi_term_out_text("\nOptions:\n");
        fi_command_help_options(program, command, print_option, &in_globals);
    }
    in_globals = true;
    fi_term_out_text("\nOptions shared with other commands:\n");
    fi_command_help_options(program, command, print_option, &in_globals);
}

/* Where the summaries of a list begin: all in one column. */
static size_t
name_column(const struct fi_command *const *commands)
{
    size_t column = NAME_COLUMN_MIN;
    for (; *commands != NULL; commands++) {
        size_t needed = strlen((*commands)->name) + 1;
        column = needed > column ? needed : column;
    }
    return column;
}

/* sections may be NULL. */
static void
print_commands(const struct fi_command *const *commands, const struct fi_command_section *sections)
{
    const size_t column = name_column(commands);
    for (; *commands != NULL; commands++) {
        if (sections != NULL && *commands == sections->first) {
            fi_term_out_format("\n%s commands:\n", sections->title);
            sections++;
        }
        fi_term_out_format("  %s", (*commands)->name);
        command_help_pad(strlen((*commands)->name), column);
        fi_term_out_format("%s\n", (*commands)->summary);
    }
}

static void
print_notes(const char *title, const struct fi_command_note *notes)
{
    fi_term_out_format("\n%s:\n", title);
    for (; notes->name != NULL; notes++) {
        fi_term_out_format("  %s", notes->name);
        command_help_pad(strlen(notes->name), NOTE_COLUMN);
        fi_term_out_format("%s\n", notes->text);
    }
}

/* The other commands' names, in lines of 80 columns. */
static void
print_other_names(const struct fi_command *const *commands)
{
    size_t used = 0;
    for (; *commands != NULL; commands++) {
        size_t size = strlen((*commands)->name);
        fi_term_out_text(used == 0 || used + size + 1 > WIDTH ? "\n " : "");
        used = used == 0 || used + size + 1 > WIDTH ? 1 : used;
        fi_term_out_format(" %s", (*commands)->name);
        used += size + 1;
    }
    fi_term_out_text("\n");
}

void
fi_command_help_short(const struct fi_command_program *program)
{
    const struct fi_command_section *section = program->sections;
    const struct fi_command *const *at = program->commands;
    const char *end = strstr(program->about, "\n\n");
    assert(section[0].first == at[0] && section[1].first != NULL && end != NULL);
    fi_term_out_format("usage: firn COMMAND [options] [arguments]\n\n%.*s\n\n",
                       (int)(end - program->about), program->about);
    fi_term_out_format("%s commands:\n", section->title);
    for (; *at != section[1].first; at++) {
        fi_term_out_format("  %-8s %s\n", (*at)->name, (*at)->summary);
    }
    fi_term_out_text("\nOther commands:");
    print_other_names(at);
    fi_term_out_text("\nWhat they do, options and exit codes: firn help\n"
                     "More about a command: firn help COMMAND\n");
}

void
fi_command_help_overview(const struct fi_command_program *program)
{
    fi_term_out_format("usage: firn COMMAND [options] [arguments]\n\n%s\n", program->about);
    print_commands(program->commands, program->sections);
    fi_term_out_text("\nOptions:\n");
    for (const struct fi_command_global *at = program->globals; at->option.name != NULL; at++) {
        print_option(NULL, &at->option, true);
    }
    print_notes("Exit codes", program->exit_codes);
    print_notes("Environment", program->environment);
    fi_term_out_text("\nA beginning of a command's name is enough if no other begins so.\n"
                     "More about a command: firn help COMMAND\n");
}

void
fi_command_help_group(const struct fi_command *group)
{
    assert(group->members != NULL);
    fi_term_out_format("usage: firn %s COMMAND [options] [arguments]\n\n%s\n\nCommands:\n",
                       group->name, group->help);
    print_commands(group->members, NULL);
    fi_term_out_format("\nMore about a command: firn help %s COMMAND\n", group->name);
}

void
fi_command_help_command(const struct fi_command_program *program, const struct fi_command *group,
                        const struct fi_command *command)
{
    assert(command->run != NULL);
    char usage[256];
    fi_command_usage(group, command, usage, sizeof(usage));
    fi_term_out_format("usage: %s\n\n%s.\n", usage, command->summary);
    if (command->help != NULL) {
        fi_term_out_text("\n");
        fi_term_out_text(command->help);
        fi_term_out_text("\n");
    }
    print_options(program, command);
    if (command->examples != NULL && command->examples[0].line != NULL) {
        fi_term_out_text("\nExamples:\n");
        for (const struct fi_command_example *at = command->examples; at->line != NULL; at++) {
            fi_term_out_format("  %s\n      %s\n", at->line, at->text);
        }
    }
}

/* ---- firn help ---- */

static int
find_pager(void *ctx, const firn_config_setting *setting)
{
    (void)ctx;
    fi_command_pager_obey(setting);
    return FIRN_OK;
}

/* Help needs no workspace, so only the user's settings count. */
static void
take_settings(void)
{
    firn_error err;
    int rc = firn_config_list_readable(NULL, find_pager, NULL, NULL, &err);
    (void)rc; /* settings that cannot be read are no reason to withhold help */
}

int
fi_command_help_print(struct fi_cli *cli)
{
    take_settings();
    if (cli->command != NULL) {
        fi_command_help_command(cli->program, cli->group, cli->command);
    } else if (cli->group != NULL) {
        fi_command_help_group(cli->group);
    } else {
        fi_command_help_overview(cli->program);
    }
    return FI_EXIT_OK;
}

static int
command_help_run(struct fi_cli *cli)
{
    assert(cli->argument_count <= 3);
    take_settings();
    if (cli->argument_count == 0) {
        fi_command_help_overview(cli->program);
        return FI_EXIT_OK;
    }
    const struct fi_command *first =
        fi_command_find_typed(cli->program->commands, cli->arguments[0]);
    if (first == NULL) {
        cli->command = NULL; /* the mistake is not one in the use of help */
        return fi_command_find_unknown(cli, cli->program->commands, cli->arguments[0]);
    }
    if (cli->argument_count == 1 && first->members != NULL) {
        fi_command_help_group(first);
        return FI_EXIT_OK;
    }
    if (cli->argument_count == 1) {
        fi_command_help_command(cli->program, NULL, first);
        return FI_EXIT_OK;
    }
    size_t count = (size_t)cli->argument_count - 1;
    size_t used = 1;
    const struct fi_command *second =
        first->members != NULL
            ? fi_command_find_member(first->members, cli->arguments + 1, count, &used)
            : NULL;
    if (second == NULL || used < count) {
        cli->command = NULL;
        return fi_command_misused(cli, "unknown command '%s %s%s%s'", cli->arguments[0],
                                  cli->arguments[1], count > 1 ? " " : "",
                                  count > 1 ? cli->arguments[2] : "");
    }
    fi_command_help_command(cli->program, first, second);
    return FI_EXIT_OK;
}

static const struct fi_command_example examples[] = {
    {"firn help restore", "explain firn restore"},
    {"firn help db put", "explain firn db put"},
    {NULL, NULL},
};

const struct fi_command fi_command_help = {
    .name = "help",
    .summary = "Explain the program or a command",
    .arguments = "[COMMAND] [COMMAND] [COMMAND]",
    .examples = examples,
    .uses = FI_COMMAND_USES_PAGER,
    .refuses_json = "",
    .run = command_help_run,
};

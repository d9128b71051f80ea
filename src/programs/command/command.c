/* SPDX-License-Identifier: Apache-2.0
 *
 * command/command.c: what a command is given when it runs: the values of its options, a way to say
 * that its line is wrong, and whether it may go on.
 */
#include "command/command_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "term/term.h"

const char fi_command_missing_hint[] = "the workspace must be an existing directory: choose one "
                                       "with -C DIR; firn workspaces lists those that were saved";

void
fi_command_usage(const struct fi_command *group, const struct fi_command *command, char *out,
                 size_t out_size)
{
    assert(command != NULL && out_size > 0);
    bool has_options = command->options != NULL && command->options[0].name != NULL;
    (void)snprintf(out, out_size, "firn %s%s%s%s%s%s", group != NULL ? group->name : "",
                   group != NULL ? " " : "", command->name, has_options ? " [options]" : "",
                   command->arguments[0] != '\0' ? " " : "", command->arguments);
}

bool
fi_command_may_repeat(const char *word, size_t size)
{
    return memmem(word, size, "...", 3) != NULL;
}

/* The place of an option in the command's table, or the number of its options. */
static size_t
find_option(const struct fi_cli *cli, const char *name)
{
    size_t i = 0;
    while (cli->command->options[i].name != NULL &&
           strcmp(cli->command->options[i].name, name) != 0) {
        i++;
    }
    return i;
}

static size_t
option_place(const struct fi_cli *cli, const char *name)
{
    assert(cli->command != NULL && cli->command->options != NULL);
    size_t place = find_option(cli, name);
    if (cli->command->options[place].name == NULL) {
        abort();
    }
    return place;
}

bool
fi_command_offers(const struct fi_cli *cli, const char *name)
{
    return cli->command != NULL && cli->command->options != NULL &&
           cli->command->options[find_option(cli, name)].name != NULL;
}

bool
fi_command_has(const struct fi_cli *cli, const char *name)
{
    return cli->values[option_place(cli, name)] != NULL;
}

const char *
fi_command_value(const struct fi_cli *cli, const char *name)
{
    return cli->values[option_place(cli, name)];
}

int
fi_command_misused(struct fi_cli *cli, const char *format, ...)
{
    char text[FIRN_ERROR_TEXT_SIZE];
    char name[64];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);

    (void)snprintf(name, sizeof(name), "%s%s%s", cli->group != NULL ? cli->group->name : "",
                   cli->group != NULL && cli->command != NULL ? " " : "",
                   cli->command != NULL ? cli->command->name : "");
    const char *hint = cli->command != NULL ? cli->command->missing_hint : NULL;
    if (hint != NULL && strncmp(text, "missing ", strlen("missing ")) != 0) {
        hint = NULL;
    }
    hint = cli->hint != NULL ? cli->hint : hint;
    cli->json = cli->json || cli->asks_for_json;
    if (cli->json) {
        fi_term_json_begin();
    }
    int exit_code = fi_command_report_error(cli, FIRN_INVALID, hint, "%s%s%s", name,
                                            name[0] != '\0' ? ": " : "", text);
    char line[256];
    if (cli->command != NULL) {
        fi_command_usage(cli->group, cli->command, line, sizeof(line));
        fi_command_report_more("usage", line);
    }
    (void)snprintf(line, sizeof(line), "firn help%s%s", name[0] != '\0' ? " " : "", name);
    fi_command_report_more("help", line);
    return exit_code;
}

bool
fi_command_number(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (max - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

int
fi_command_go_on(firn_error *err)
{
    assert(err != NULL);
    static const char text[] = "interrupted";
    if (fi_term_signals_caught() == 0 && fi_term_out_error() == 0) {
        return FIRN_OK;
    }
    err->code = FIRN_CANCELLED;
    err->os_errno = 0;
    memcpy(err->text, text, sizeof(text));
    return FIRN_CANCELLED;
}

int
fi_command_on_progress(void *ctx, const firn_progress *progress)
{
    firn_error err;
    (void)ctx;
    (void)progress;
    return fi_command_go_on(&err);
}

/* ---- firn version ---- */

static int
run_version(struct fi_cli *cli)
{
    const char *lacks = cli->program->lacks;
    fi_term_json_string("version", firn_version());
    fi_term_out_format("firn %s", firn_version());
    if (lacks != NULL) {
        fi_term_out_format(" (%s)", lacks);
    }
    fi_term_out_text("\n");
    return FI_EXIT_OK;
}

const struct fi_command fi_command_version = {
    .name = "version",
    .summary = "Print the version",
    .arguments = "",
    .run = run_version,
};

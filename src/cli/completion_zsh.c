/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/completion_zsh.c: completions for zsh.
 *
 * _arguments does the work: first for the global options and the command's name, then, with the
 * words behind it, for the command. A group takes one more word off. The file serves both as an
 * autoloaded function and sourced.
 */
#include "cli/completion_zsh.h"

#include <stdio.h>
#include <string.h>

#include "cli/command_help.h"
#include "cli/command_table.h"
#include "cli/completion.h"
#include "cli/out.h"

static const char *
action_of(enum firn_completion_kind kind)
{
    switch (kind) {
    case FIRN_COMPLETION_REF:
        return "_firn_refs";
    case FIRN_COMPLETION_FILE:
        return "_files";
    case FIRN_COMPLETION_DIRECTORY:
        return "_files -/";
    case FIRN_COMPLETION_COMMAND:
        return "_firn_commands";
    case FIRN_COMPLETION_OTHER:
        break;
    }
    return " ";
}

static void
print_option(void *ctx, const struct firn_command_option *option, bool is_global)
{
    (void)ctx;
    (void)is_global;
    firn_out_text(" \\\n            ");
    if (option->letter != 0) {
        firn_out_format("'(-%c --%s)'{-%c,--%s}'[", option->letter, option->name, option->letter,
                        option->name);
    } else {
        firn_out_format("'--%s[", option->name);
    }
    firn_completion_print_quoted(option->text, "[]:\\");
    firn_out_text("]");
    if (option->value != NULL) {
        firn_out_format(":%s:%s", option->value, action_of(firn_completion_value_kind(option)));
    }
    firn_out_text("'");
}

static void
print_argument(int place, enum firn_completion_kind kind, const char *name, size_t size,
               bool is_open)
{
    firn_out_text(" \\\n            ");
    if (is_open) {
        firn_out_format("'*:%.*s:%s'", (int)size, name, action_of(kind));
    } else {
        firn_out_format("'%d:%.*s:%s'", place, (int)size, name, action_of(kind));
    }
}

static void
print_described(const struct firn_command *const *commands)
{
    for (; *commands != NULL; commands++) {
        firn_out_format("        '%s:", (*commands)->name);
        firn_completion_print_quoted((*commands)->summary, ":\\");
        firn_out_text("'\n");
    }
}

static void
print_command(const char *words, const struct firn_command *command)
{
    if (command->members != NULL) {
        return;
    }
    firn_out_format("    '%s')\n        _arguments -s -S", words);
    firn_command_help_options(command, print_option, NULL);
    firn_completion_each_argument(command, print_argument);
    firn_out_text("\n        ;;\n");
}

static void
print_where(const struct firn_command_option *option)
{
    if (option->letter != 0) {
        firn_out_format(" -%c", option->letter);
    }
    firn_out_format(" --%s", option->name);
}

void
firn_completion_zsh_print(void)
{
    firn_out_text("#compdef firn\n"
                  "# zsh completion for firn; made from its command table\n"
                  "_firn_commands() {\n"
                  "    local -a commands=(\n");
    print_described(firn_command_table);
    firn_out_text("    )\n"
                  "    _describe command commands\n"
                  "}\n"
                  "_firn_where() {\n"
                  "    local option\n"
                  "    for option in");
    firn_completion_each_where(print_where);
    firn_out_text(
        "; do\n"
        "        (( $+opt_args[$option] )) && where+=($option ${~${(Q)opt_args[$option]}})\n"
        "    done\n"
        "}\n"
        "_firn_refs() {\n"
        "    _firn_where\n"
        "    local -a refs=(latest ${(f)\"$(");
    firn_completion_print_refs("$where");
    firn_out_text(")\"})\n"
                  "    compadd -V refs -- $refs\n"
                  "}\n");
    for (const struct firn_command *const *at = firn_command_table; *at != NULL; at++) {
        if ((*at)->members != NULL) {
            firn_out_format("_firn_%s_commands() {\n    local -a commands=(\n", (*at)->name);
            print_described((*at)->members);
            firn_out_text("    )\n    _describe command commands\n}\n");
        }
    }
    firn_out_text("_firn() {\n"
                  "    local curcontext=$curcontext state line command\n"
                  "    local -A opt_args\n"
                  "    local -a where=()\n"
                  "    _arguments -C -s");
    for (const struct firn_command_table_global *at = firn_command_table_globals;
         at->option.name != NULL; at++) {
        print_option(NULL, &at->option, true);
    }
    firn_out_text(" \\\n            '1:command:_firn_commands' '*::argument:->arguments'\n"
                  "    [[ $state = arguments ]] || return\n"
                  "    _firn_where\n"
                  "    command=$line[1]\n"
                  "    case $command in\n");
    for (const struct firn_command *const *at = firn_command_table; *at != NULL; at++) {
        if ((*at)->members != NULL) {
            firn_out_format("    %s)\n"
                            "        if (( CURRENT == 2 )); then\n"
                            "            _firn_%s_commands\n"
                            "            return\n"
                            "        fi\n"
                            "        command=\"$command $words[2]\"\n"
                            "        shift words\n"
                            "        (( CURRENT-- ))\n"
                            "        ;;\n",
                            (*at)->name, (*at)->name);
        }
    }
    firn_out_text("    esac\n"
                  "    case $command in\n");
    firn_completion_each_command(print_command);
    firn_out_text("    esac\n"
                  "}\n"
                  "if [[ $funcstack[1] = _firn ]]; then\n"
                  "    _firn \"$@\"\n"
                  "else\n"
                  "    compdef _firn firn\n"
                  "fi\n");
}

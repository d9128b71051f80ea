/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/completion_bash.c: completions for bash.
 *
 * One function that finds the command among the words typed so far and asks compgen for what fits.
 * It needs nothing of the bash-completion package. What a command takes is data: its options, and
 * the kinds of its arguments in order.
 */
#include "cli/completion_bash.h"

#include <stdio.h>
#include <string.h>

#include "cli/command_help.h"
#include "cli/command_table.h"
#include "cli/completion.h"
#include "cli/out.h"

static void
print_option(void *ctx, const struct firn_command_option *option, bool is_global)
{
    bool *is_first = ctx;
    (void)is_global;
    firn_out_format("%s--%s", *is_first ? "" : " ", option->name);
    *is_first = false;
}

static void
print_argument(int place, enum firn_completion_kind kind, const char *name, size_t size,
               bool is_open)
{
    static const char *const words[] = {"-", "ref", "file", "directory", "command"};
    (void)name;
    (void)size;
    firn_out_format("%s%s%s", place == 1 ? "" : " ", words[kind], is_open ? "..." : "");
}

static void
print_command(const char *words, const struct firn_command *command)
{
    firn_out_format("    '%s')\n        options='", words);
    if (command->members != NULL) {
        firn_out_text("--help'\n        kinds=members\n        members='");
        firn_completion_print_names(command->members);
        firn_out_text("'\n");
    } else {
        bool is_first = true;
        firn_command_help_options(command, print_option, &is_first);
        firn_out_text("'\n        kinds=(");
        firn_completion_each_argument(command, print_argument);
        firn_out_text(")\n");
    }
    firn_out_text("        ;;\n");
}

static bool first_pattern;

static void
pattern(const struct firn_command_option *option)
{
    firn_out_format("%s--%s", first_pattern ? "" : " | ", option->name);
    if (option->letter != 0) {
        firn_out_format(" | -%c", option->letter);
    }
    first_pattern = false;
}

static void
directory_pattern(const struct firn_command_option *option)
{
    if (firn_completion_value_kind(option) == FIRN_COMPLETION_DIRECTORY) {
        pattern(option);
    }
}

void
firn_completion_bash_print(void)
{
    bool is_first = true;
    firn_out_text(
        "# bash completion for firn; made from its command table\n"
        "_firn()\n"
        "{\n"
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
        "    local command='' first='' options='' members='' word kind index\n"
        "    local -a kinds=() typed=() where=()\n"
        "    COMPREPLY=()\n"
        "    for ((index = 1; index < COMP_CWORD; index++)); do\n"
        "        word=${COMP_WORDS[index]}\n"
        "        case $word in\n"
        "        ");
    first_pattern = true;
    firn_completion_each_where(pattern);
    firn_out_text(")\n"
                  "            where+=(\"$word\" \"${COMP_WORDS[index + 1]/#\\~/${HOME-}}\")\n"
                  "            ;;\n"
                  "        esac\n"
                  "        case $word in\n"
                  "        ");
    first_pattern = true;
    firn_completion_each_value(pattern);
    firn_out_text(") ((index++)) ;;\n"
                  "        -*) ;;\n"
                  "        *) typed+=(\"$word\") ;;\n"
                  "        esac\n"
                  "    done\n"
                  "    case $previous in\n"
                  "    ");
    first_pattern = true;
    firn_completion_each_value(directory_pattern);
    firn_out_text(")\n"
                  "        mapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n"
                  "        return\n"
                  "        ;;\n"
                  "    esac\n"
                  "    first=${typed[0]-}\n"
                  "    command=$first\n"
                  "    case $command in\n");
    for (const struct firn_command *const *at = firn_command_table; *at != NULL; at++) {
        if ((*at)->members != NULL) {
            firn_out_format(
                "    %s) [[ -z ${typed[1]-} ]] || command=\"$command ${typed[1]}\" ;;\n",
                (*at)->name);
        }
    }
    firn_out_text("    esac\n"
                  "    case $command in\n"
                  "    '')\n"
                  "        options='");
    for (const struct firn_command_table_global *at = firn_command_table_globals;
         at->option.name != NULL; at++) {
        print_option(&is_first, &at->option, true);
    }
    firn_out_text("'\n        kinds=members\n        members='");
    firn_completion_print_names(firn_command_table);
    firn_out_text("'\n        ;;\n");
    firn_completion_each_command(print_command);
    firn_out_text(
        "    esac\n"
        "    if [[ $current = -* ]]; then\n"
        "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$current\")\n"
        "        return\n"
        "    fi\n"
        "    index=$((${#typed[@]} - (${#command} > 0) - (${#command} > ${#first})))\n"
        "    kind=${kinds[index]-}\n"
        "    if [[ -z $kind && ${#kinds[@]} -gt 0 && ${kinds[-1]} = *... ]]; then\n"
        "        kind=${kinds[-1]}\n"
        "    fi\n"
        "    case $kind in\n"
        "    members) mapfile -t COMPREPLY < <(compgen -W \"$members\" -- \"$current\") ;;\n"
        "    command) mapfile -t COMPREPLY < <(compgen -W '");
    firn_completion_print_names(firn_command_table);
    firn_out_text("' -- \"$current\") ;;\n"
                  "    ref)\n"
                  "        mapfile -t COMPREPLY < <(compgen -W \"latest $(");
    firn_completion_print_refs("\"${where[@]}\"");
    firn_out_text(")\" -- \"$current\")\n"
                  "        ;;\n"
                  "    file*)\n"
                  "        compopt -o filenames 2> /dev/null\n"
                  "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
                  "        ;;\n"
                  "    directory*)\n"
                  "        compopt -o filenames 2> /dev/null\n"
                  "        mapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n"
                  "        ;;\n"
                  "    esac\n"
                  "}\n"
                  "complete -F _firn firn\n");
}

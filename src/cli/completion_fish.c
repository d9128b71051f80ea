/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/completion_fish.c: completions for fish.
 *
 * One "complete" line for each option and argument, on condition that the words typed so far,
 * without options and their values, begin with its command. __firn_at answers that, and leaves the
 * number of arguments behind it.
 */
#include "cli/completion_fish.h"

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
        return " -k -a '(__firn_refs)'";
    case FIRN_COMPLETION_FILE:
        return " -F";
    case FIRN_COMPLETION_DIRECTORY:
        return " -a '(__fish_complete_directories)'";
    case FIRN_COMPLETION_COMMAND:
        return " -a '(__firn_commands)'";
    case FIRN_COMPLETION_OTHER:
        break;
    }
    return "";
}

static const char *option_words;

static void
print_option(void *ctx, const struct firn_command_option *option, bool is_global)
{
    (void)ctx;
    (void)is_global;
    firn_out_format("complete -c firn -n '__firn_at %s' -l %s", option_words, option->name);
    if (option->letter != 0) {
        firn_out_format(" -s %c", option->letter);
    }
    if (option->value != NULL) {
        enum firn_completion_kind kind = firn_completion_value_kind(option);
        firn_out_format(" %s%s", kind == FIRN_COMPLETION_FILE ? "-r" : "-x", action_of(kind));
    }
    firn_out_text(" -d '");
    firn_completion_print_quoted(option->text, "\\");
    firn_out_text("'\n");
}

static void
print_argument(int place, enum firn_completion_kind kind, const char *name, size_t size,
               bool is_open)
{
    (void)name;
    (void)size;
    if (kind != FIRN_COMPLETION_OTHER) {
        firn_out_format("complete -c firn -n '__firn_at %s; and __firn_argument %d %s'%s\n",
                        option_words, place, is_open ? "more" : "only", action_of(kind));
    }
}

static void
print_command(const char *words, const struct firn_command *command)
{
    if (command->members == NULL) {
        option_words = words;
        firn_command_help_options(command, print_option, NULL);
        firn_completion_each_argument(command, print_argument);
    }
}

static void
print_described(const char *condition, const struct firn_command *const *commands)
{
    for (; *commands != NULL; commands++) {
        firn_out_format("complete -c firn -n '%s' -a %s -d '", condition, (*commands)->name);
        firn_completion_print_quoted((*commands)->summary, "\\");
        firn_out_text("'\n");
    }
}

/* An option whose next word is its value. */
static void
print_value_option(const struct firn_command_option *option)
{
    firn_out_format(" --%s", option->name);
    if (option->letter != 0) {
        firn_out_format(" -%c", option->letter);
    }
}

void
firn_completion_fish_print(void)
{
    firn_out_text("# fish completion for firn; made from its command table\n"
                  "function __firn_typed\n"
                  "    set -l words (commandline -opc)\n"
                  "    set -e words[1]\n"
                  "    set -l skip 0\n"
                  "    for word in $words\n"
                  "        if test $skip -eq 1\n"
                  "            set skip 0\n"
                  "            continue\n"
                  "        end\n"
                  "        switch $word\n"
                  "            case");
    firn_completion_each_value(print_value_option);
    firn_out_text("\n"
                  "                set skip 1\n"
                  "            case '-*'\n"
                  "            case '*'\n"
                  "                echo $word\n"
                  "        end\n"
                  "    end\n"
                  "end\n"
                  "function __firn_at\n"
                  "    set -l typed (__firn_typed)\n"
                  "    set -l size (count $argv)\n"
                  "    test (count $typed) -ge $size; or return 1\n"
                  "    test \"$typed[1..$size]\" = \"$argv\"; or return 1\n"
                  "    set -g __firn_arguments (math (count $typed) - $size)\n"
                  "end\n"
                  "function __firn_argument\n"
                  "    if test $argv[2] = more\n"
                  "        test $__firn_arguments -ge (math $argv[1] - 1)\n"
                  "    else\n"
                  "        test $__firn_arguments -eq (math $argv[1] - 1)\n"
                  "    end\n"
                  "end\n");
    firn_out_text("function __firn_where\n"
                  "    set -l words (commandline -opc)\n"
                  "    for index in (seq 2 (math (count $words) - 1))\n"
                  "        switch $words[$index]\n"
                  "            case");
    firn_completion_each_where(print_value_option);
    firn_out_text("\n"
                  "                echo $words[$index]\n"
                  "                string replace -r '^~(?=/|$)' $HOME $words[(math $index + 1)]\n"
                  "        end\n"
                  "    end\n"
                  "end\n"
                  "function __firn_refs\n"
                  "    set -l where (__firn_where)\n"
                  "    echo latest\n"
                  "    ");
    firn_completion_print_refs("$where");
    firn_out_text("\nend\n");
    firn_out_text("function __firn_commands\n    printf '%s\\n' ");
    firn_completion_print_names(firn_command_table);
    firn_out_text("\nend\ncomplete -c firn -f\n");
    print_described("test (count (__firn_typed)) -eq 0", firn_command_table);
    for (const struct firn_command *const *at = firn_command_table; *at != NULL; at++) {
        if ((*at)->members != NULL) {
            char condition[96];
            (void)snprintf(condition, sizeof(condition),
                           "__firn_at %s; and test $__firn_arguments -eq 0", (*at)->name);
            print_described(condition, (*at)->members);
        }
    }
    firn_completion_each_command(print_command);
}

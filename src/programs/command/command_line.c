/* SPDX-License-Identifier: Apache-2.0
 *
 * command/command_line.c: from a command line to a running command and its exit code.
 *
 * The line is read in two steps: global options up to the first word, which names the command (and
 * a second word inside a group); then the command's own options and the global ones together, mixed
 * with its arguments in any order. getopt_long reads them in the mode that returns arguments in
 * their place, because some commands need to know whether a "--" came before a word. Options must
 * be written out: an abbreviation that is unique today would change its meaning when an option is
 * added.
 *
 * With --json, standard output gets exactly one object, even if the command line is wrong: the
 * object is begun before the command runs and finished here. A failure to write the output is a
 * failure of the command: an empty file must not look like success. But if the command has made its
 * change, the exit code is that of success, and only a message reports the lost output. Otherwise a
 * script would take a save that was made for one that failed.
 */
#include "command/command_internal.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"
#include "term/term_try.h"

enum {
    GLOBALS_MAX = 12,
    LONG_OPTIONS_MAX = FI_COMMAND_OPTIONS_MAX + GLOBALS_MAX + 1,
    LETTERS_MAX = 2 * LONG_OPTIONS_MAX + 3,
    IS_ARGUMENT = 1,   /* what getopt_long calls an argument that is not an option */
    OPTION_BASE = 1000 /* the code of an option: this + its place in the list */
};

/* getopt's own words for the options that may be read at one step. */
struct option_list {
    const struct fi_command_option *options[LONG_OPTIONS_MAX];
    size_t count;
    size_t globals_at; /* from here on they are global */
    struct option longs[LONG_OPTIONS_MAX];
    char letters[LETTERS_MAX];
};

static void
list_options(const struct fi_cli *cli, struct option_list *list)
{
    const struct fi_command *command = cli->command;
    memset(list, 0, sizeof(*list));
    if (command != NULL && command->options != NULL) {
        for (const struct fi_command_option *at = command->options; at->name != NULL; at++) {
            list->options[list->count++] = at;
        }
    }
    list->globals_at = list->count;
    for (const struct fi_command_global *at = cli->program->globals; at->option.name != NULL;
         at++) {
        list->options[list->count++] = &at->option;
    }

    char *letter = list->letters;
    *letter++ = command == NULL ? '+' : '-';
    *letter++ = ':';
    for (size_t i = 0; i < list->count; i++) {
        const struct fi_command_option *option = list->options[i];
        list->longs[i].name = option->name;
        list->longs[i].has_arg = option->value != NULL ? required_argument : no_argument;
        list->longs[i].val = OPTION_BASE + (int)i;
        if (option->letter != 0) {
            *letter++ = option->letter;
            if (option->value != NULL) {
                *letter++ = ':';
            }
        }
    }
}

/* The place in the list of what getopt_long returned; the list's count if it is not in there. */
static size_t
place_of(const struct option_list *list, int found)
{
    if (found >= OPTION_BASE) {
        return (size_t)(found - OPTION_BASE);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (list->options[i]->letter != 0 && list->options[i]->letter == found) {
            return i;
        }
    }
    return list->count;
}

static bool
is_written_out(const char *word, const char *name)
{
    size_t size = strlen(name);
    return strncmp(word, "--", 2) == 0 && strncmp(word + 2, name, size) == 0 &&
           (word[2 + size] == '\0' || word[2 + size] == '=');
}

static int
read_wait(struct fi_cli *cli, const char *value)
{
    assert(value != NULL);
    uint64_t seconds;
    if (!fi_command_number(value, INT32_MAX, &seconds)) {
        return fi_command_misused(cli, "--wait takes a whole number of seconds, not '%s'", value);
    }
    cli->wait_ms = (int64_t)seconds * 1000;
    cli->has_wait = true;
    return FI_EXIT_OK;
}

static int
take_global(struct fi_cli *cli, const char *name, const char *value, bool *out_help,
            bool *out_version)
{
    if (strcmp(name, "help") == 0) {
        *out_help = true;
    } else if (strcmp(name, "version") == 0) {
        *out_version = true;
    } else if (strcmp(name, "json") == 0) {
        cli->json = true;
    } else if (strcmp(name, "quiet") == 0) {
        cli->quiet = true;
    } else if (strcmp(name, "strict") == 0) {
        cli->strict = true;
    } else if (strcmp(name, "no-pager") == 0) {
        cli->no_pager = true;
    } else if (strcmp(name, "wait") == 0) {
        return read_wait(cli, value);
    } else if (strcmp(name, "color") == 0) {
        cli->colour = value;
    } else if (value[0] == '\0') {
        return fi_command_misused(cli, "--%s needs a directory", name);
    } else if (strcmp(name, "store") == 0) {
        cli->store_path = value;
    } else {
        return fi_command_directory_take(cli, value);
    }
    return FI_EXIT_OK;
}

struct parse {
    struct fi_cli *cli;
    bool wants_help;
    bool wants_version;
    unsigned given; /* bit i: the i-th global option was given */
};

/* A global option that means nothing to the command would be a wish that is silently ignored. */
static int
check_globals(struct parse *parse)
{
    assert(parse->cli->command != NULL);
    struct fi_cli *cli = parse->cli;
    if (parse->wants_version) {
        return fi_command_misused(cli, "--version cannot be used with a command");
    }
    const struct fi_command_global *globals = cli->program->globals;
    for (unsigned i = 0; globals[i].option.name != NULL; i++) {
        unsigned uses = globals[i].uses;
        if ((parse->given >> i & 1u) && uses != 0 && (cli->command->uses & uses) == 0) {
            return fi_command_misused(cli, "--%s cannot be used with this command",
                                      globals[i].option.name);
        }
    }
    return FI_EXIT_OK;
}

/* A word such as "--lim" or "--mesage=text", which is no option. */
static int
refuse_long(struct fi_cli *cli, const struct option_list *list, const char *said)
{
    char name[32];
    const char *nearest = NULL;
    unsigned mistakes = FI_COMMAND_FIND_MISTAKES;
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(said + 2, "="), said + 2);
    cli->hint = fi_command_find_note(cli, said);
    for (size_t i = 0; cli->hint == NULL && i < list->count; i++) {
        const char *known = list->options[i]->name;
        nearest = fi_command_find_is_nearer(name, known, &mistakes) ? known : nearest;
    }
    return nearest != NULL
               ? fi_command_misused(cli, "unknown option '%s'; the nearest is --%s", said, nearest)
               : fi_command_misused(cli, "unknown option '%s'", said);
}

/* What getopt_long could not read: `said` is the word. */
static int
refuse_option(struct fi_cli *cli, const struct option_list *list, int found, const char *said)
{
    size_t place = place_of(list, optopt);
    bool is_digit = optopt >= '0' && optopt <= '9';
    char letter[] = {'-', (char)(is_digit ? 'N' : optopt), '\0'};
    if (place == list->count && strncmp(said, "--", 2) == 0) {
        return refuse_long(cli, list, said);
    }
    cli->hint = place == list->count ? fi_command_find_note(cli, letter) : NULL;
    if (place == list->count && is_digit && cli->hint == NULL) {
        return fi_command_misused(
            cli, "unknown option '-%c': write -- before arguments that begin with -", optopt);
    }
    if (place == list->count) {
        return fi_command_misused(cli, "unknown option '-%c'", optopt);
    }
    const struct fi_command_option *option = list->options[place];
    return found == ':'
               ? fi_command_misused(cli, "--%s needs a value: %s", option->name, option->value)
               : fi_command_misused(cli, "--%s takes no value", option->name);
}

static bool
may_repeat(const struct fi_command_option *option)
{
    size_t size = option->value != NULL ? strlen(option->value) : 0;
    return size > 4 && strcmp(option->value + size - 3, "...") == 0 &&
           option->value[size - 4] != ','; /* "COLUMN,..." is one value */
}

static int
take_option(struct parse *parse, const struct option_list *list, int found, const char *said)
{
    assert(found != -1);
    struct fi_cli *cli = parse->cli;
    size_t place = place_of(list, found);
    if (found == ':' || place == list->count) {
        return refuse_option(cli, list, found, said);
    }
    if (found >= OPTION_BASE && !is_written_out(said, list->options[place]->name)) {
        return refuse_long(cli, list, said);
    }
    if (place < list->globals_at) {
        cli->values[place] = optarg != NULL ? optarg : "";
        if (may_repeat(list->options[place])) {
            cli->repeated[cli->repeated_count++] = cli->values[place];
        }
        return FI_EXIT_OK;
    }
    parse->given |= 1u << (place - list->globals_at);
    return take_global(cli, list->options[place]->name, optarg, &parse->wants_help,
                       &parse->wants_version);
}

/* Reads options, and with a command also its arguments; without one it ends at the first word. */
static int
read_options(struct parse *parse, int argc, char **argv, const char **arguments)
{
    assert(parse->cli->argument_count == 0);
    struct fi_cli *cli = parse->cli;
    struct option_list list;
    int exit_code = FI_EXIT_OK;
    list_options(cli, &list);
    opterr = 0;
    while (exit_code == FI_EXIT_OK) {
        int word = optind > 0 ? optind : 1;
        const char *said = word < argc ? argv[word] : "";
        int found = getopt_long(argc, argv, list.letters, list.longs, NULL);
        if (found == -1) {
            break;
        }
        if (found == IS_ARGUMENT) {
            arguments[cli->argument_count++] = optarg;
            if (cli->command != NULL && cli->command->takes_line) {
                cli->asks_for_json = cli->json; /* another program's "--json" does not count */
                break;
            }
        } else {
            exit_code = take_option(parse, &list, found, said);
        }
    }
    return exit_code;
}

static int
check_argument_count(struct fi_cli *cli)
{
    assert(cli->command != NULL && cli->argument_count >= 0);
    const char *at = cli->command->arguments;
    int count = 0;
    int needed = 0; /* words that are not optional, which may follow one that is: "[REF] PATH" */
    bool is_open = false;
    while (*at != '\0') {
        size_t size = strcspn(at, " ");
        needed += *at != '[';
        if (needed > cli->argument_count) {
            return fi_command_misused(cli, "missing %.*s", (int)size, at);
        }
        is_open = fi_command_may_repeat(at, size);
        count++;
        at += size;
        at += strspn(at, " ");
    }
    if (cli->argument_count > count && !is_open) {
        cli->hint = fi_command_find_note(cli, "ARGUMENT");
        return fi_command_misused(cli, "unexpected argument '%s'", cli->arguments[count]);
    }
    return FI_EXIT_OK;
}

static int
run_paged(struct fi_cli *cli)
{
    bool has_long_results = (cli->command->uses & FI_COMMAND_USES_PAGER) != 0;
    return has_long_results ? fi_command_pager_print(cli, cli->command->run)
                            : cli->command->run(cli);
}

/* Reads the words after the command's name. argv[0] is that name. */
static int
run_command(struct parse *parse, int argc, char **argv)
{
    assert(parse->cli->command->run != NULL && argc > 0);
    struct fi_cli *cli = parse->cli;
    const char **arguments = calloc((size_t)argc + 1, sizeof(arguments[0]));
    const char **repeated = calloc((size_t)argc + 1, sizeof(repeated[0]));
    if (arguments == NULL || repeated == NULL) {
        free(arguments);
        free(repeated);
        return fi_command_report_no_memory(cli);
    }
    cli->arguments = arguments;
    cli->repeated = repeated;
    optind = 0;
    int exit_code = read_options(parse, argc, argv, arguments);
    if (exit_code == FI_EXIT_OK) {
        cli->arguments_before_dashes = cli->argument_count;
        while (optind < argc) {
            arguments[cli->argument_count++] = argv[optind++];
        }
    }
    if (exit_code == FI_EXIT_OK && parse->wants_help) {
        exit_code = fi_command_pager_print(cli, fi_command_help_print);
        goto out;
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = check_globals(parse);
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = check_argument_count(cli);
    }
    if (exit_code == FI_EXIT_OK && !fi_term_colour_choose(cli->colour)) {
        exit_code = fi_command_misused(cli, "--color is always, never or auto");
    }
    if (exit_code == FI_EXIT_OK) {
        if (cli->json) {
            fi_term_json_begin();
        }
        exit_code = fi_command_directory_enter(cli);
    }
    const char *refused = cli->json ? cli->command->refuses_json : NULL;
    if (exit_code == FI_EXIT_OK) {
        exit_code =
            refused != NULL
                ? fi_command_misused(cli, "--json cannot be used with this command%s", refused)
                : run_paged(cli);
    }
out:
    cli->arguments = NULL;
    cli->repeated = NULL;
    free(arguments);
    free(repeated);
    return exit_code;
}

/* words: the two that come first, the second may be NULL. */
static int
unknown_member(struct parse *parse, const char *const words[2])
{
    assert(parse->cli->group != NULL && words[0] != NULL);
    struct fi_cli *cli = parse->cli;
    bool begins_name = false;
    for (const struct fi_command *const *at = cli->group->members; *at != NULL; at++) {
        begins_name = begins_name || fi_command_find_second_word((*at)->name, words[0]) != NULL;
    }
    if (!begins_name) {
        return fi_command_find_unknown(cli, cli->group->members, words[0]);
    }
    if (words[1] == NULL) {
        return fi_command_misused(cli, "missing command after '%s'", words[0]);
    }
    if (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0) {
        return fi_command_pager_print(cli, fi_command_help_print);
    }
    char both[FIRN_ERROR_TEXT_SIZE];
    (void)snprintf(both, sizeof(both), "%s %s", words[0], words[1]);
    return fi_command_find_unknown(cli, cli->group->members, both);
}

/* argv[0] is the word that names a command or a group. */
static int
run_named(struct parse *parse, int argc, char **argv)
{
    assert(argc > 0);
    struct fi_cli *cli = parse->cli;
    const struct fi_command *command = fi_command_find_typed(cli->program->commands, argv[0]);
    if (command == NULL) {
        return fi_command_find_unknown(cli, cli->program->commands, argv[0]);
    }
    if (command->members == NULL) {
        cli->command = command;
        return run_command(parse, argc, argv);
    }
    cli->group = command;
    optind = 0;
    const char *none[1] = {NULL};
    FI_TRY_RETURN(read_options(parse, argc, argv, none));
    if (parse->wants_help && optind >= argc) {
        return fi_command_pager_print(cli, fi_command_help_print);
    }
    if (optind >= argc && command->alone != NULL) {
        cli->command = command->alone;
        return run_command(parse, 1, argv);
    }
    if (optind >= argc) {
        return fi_command_misused(cli, "missing command");
    }
    size_t used;
    const size_t count = (size_t)(argc - optind);
    const char *const words[] = {argv[optind], count > 1 ? argv[optind + 1] : NULL};
    cli->command = fi_command_find_member(command->members, words, count, &used);
    if (cli->command == NULL) {
        return unknown_member(parse, words);
    }
    int at = optind + (int)used - 1;
    return run_command(parse, argc - at, argv + at);
}

static int
run_line(struct parse *parse, int argc, char **argv)
{
    struct fi_cli *cli = parse->cli;
    const char *none[1] = {NULL};
    FI_TRY_RETURN(read_options(parse, argc, argv, none));
    if (parse->wants_version) {
        parse->wants_version = false;
        char *version[] = {(char[]){"version"}, NULL};
        return run_named(parse, 1, version);
    }
    if (parse->wants_help && optind >= argc) {
        return fi_command_pager_print(cli, fi_command_help_print);
    }
    if (argc == 1) {
        const char *begin = cli->program->begin != NULL ? cli->program->begin(cli) : NULL;
        if (begin != NULL) {
            fi_term_out_text(begin);
        } else {
            fi_command_help_short(cli->program);
        }
        return FI_EXIT_USAGE;
    }
    if (optind >= argc) {
        return fi_command_misused(cli, "missing command");
    }
    int at = optind;
    return run_named(parse, argc - at, argv + at);
}

/* Whether the caller expects a JSON object, even if a mistake comes before the option. */
static bool
asks_for_json(int argc, char *const *argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            return true;
        }
    }
    return false;
}

/* A failure to print overrules success if printing was all that there was to do. */
static int
finish_output(const struct fi_cli *cli, int exit_code)
{
    assert(!fi_term_json_is_open());
    fi_term_out_flush();
    int error = fi_term_out_error();
    if (error == 0) {
        return exit_code;
    }
    if (error == EPIPE && !cli->is_done) {
        fi_term_signals_die_of_pipe();
    }
    if (error != EPIPE || !cli->is_done) {
        fi_command_report_line("could not write to standard output: %s%s", strerror(error),
                               cli->is_done ? "; the work itself was done" : "");
    }
    return exit_code == FI_EXIT_OK && !cli->is_done ? FI_EXIT_FAILED : exit_code;
}

/* Whether this may be a line from an agent's settings, "firn hook run …", which another version of
 * firn may have written: to agents exit code 2 means that the turn must not go on. */
static bool
is_hook_line(int argc, char *const *argv)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "hook") == 0 && strcmp(argv[i + 1], "run") == 0) {
            return true;
        }
    }
    return false;
}

int
fi_command_line_main(const struct fi_command_program *program, int argc, char *const *argv)
{
    struct fi_cli cli;
    struct parse parse = {&cli, false, false, 0};
    memset(&cli, 0, sizeof(cli));
    cli.program = program;
    cli.wait_ms = (int64_t)FI_COMMAND_WAIT_SECONDS * 1000;
    const char *store = getenv("FIRN_STORE");
    cli.store_path = store != NULL && store[0] != '\0' ? store : NULL;

    /* getopt_long wants to be able to move the words; in the modes used here it does not. */
    char **words = calloc((size_t)argc + 1, sizeof(words[0]));
    if (words == NULL) {
        return fi_command_report_no_memory(&cli);
    }
    for (int i = 0; i < argc; i++) {
        words[i] = argv[i];
    }
    cli.asks_for_json = asks_for_json(argc, argv);
    bool is_asked = argc > 2 && strcmp(argv[1], FI_COMMAND_COMPLETION_WORD) == 0;
    int exit_code = is_asked ? fi_command_completion_answer(&cli, argc - 2, words + 2)
                             : run_line(&parse, argc, words);
    if (exit_code == FI_EXIT_USAGE && is_hook_line(argc, argv) &&
        (cli.command == NULL || !cli.command->takes_line)) {
        exit_code = FI_EXIT_FAILED;
    }
    fi_term_json_finish();
    fi_command_key_forget();
    free(words);
    free(cli.directory);
    return finish_output(&cli, exit_code);
}

/* ---- firn version ---- */

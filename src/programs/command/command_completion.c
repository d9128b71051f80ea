/* SPDX-License-Identifier: Apache-2.0
 *
 * command/command_completion.c: completions for shells: what can follow, by the command table.
 *
 * Each shell has a small script (firn completion prints it) that asks firn __complete with the
 * words of the line so far, the last of them the one that is being typed. The first line of the
 * answer says what can stand there. After "files" or "directories" nothing follows: the shell finds
 * them itself. After "words" the words follow, one a line, each with a tab and an explanation if it
 * has one. "both" means such words, and files. "paths" means such words, and those that end in a
 * slash can go on. Nothing is printed where nothing can be guessed. The shell leaves out the words
 * that do not begin as the one that is being typed.
 *
 * The line is parsed as in command.c, but mistakes in it are ignored. What can follow: a command,
 * inside a group a second word, options after a dash, and for an argument or a value what its name
 * in the table says. REF is latest, a tag or one of the newest checkpoints of the workspace that
 * --directory and --store on the line name; after it, restore, cat and show have the paths of that
 * checkpoint. TABLE and KEYSPACE are those of the store that the first argument names. REMOTE is
 * one of the store's remotes. NAME is a tag, where the command makes or deletes tags. The VALUE of
 * a setting, and those of some options, are one of a few words; so is a first argument whose hint
 * says "one of". The shell has not expanded the words yet; only a leading ~ is expanded here. Words
 * that bash splits at a "=" are joined again.
 *
 * Names come from stores of others, and go into a command line: those with characters that mean
 * something to a shell are not offered, and those that begin with a dash only after "--". Paths are
 * the shell's to quote; one that begins with a dash is offered as "./-name" by bash, and not at all
 * by zsh and fish.
 */
#include "command/command_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "term/term.h"

/* ---- the scripts ---- */

static const char bash_script[] =
    "# bash completion for firn\n"
    "# A path that begins with a dash would be an option.\n"
    "_firn_paths()\n"
    "{\n"
    "    local -i i\n"
    "    for ((i = $1; i < ${#COMPREPLY[@]}; i++)); do\n"
    "        [[ ${COMPREPLY[i]} != -* ]] || COMPREPLY[i]=./${COMPREPLY[i]}\n"
    "    done\n"
    "}\n"
    "_firn()\n"
    "{\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} word\n"
    "    local -a answer=()\n"
    "    COMPREPLY=()\n"
    "    mapfile -t answer < <(firn " FI_COMMAND_COMPLETION_WORD
    " \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2> /dev/null)\n"
    "    case ${answer[0]-} in\n"
    "    files | directories)\n"
    "        compopt -o filenames 2> /dev/null\n"
    "        mapfile -t COMPREPLY < <(compgen -\"${answer[0]:0:1}\" -- \"$current\")\n"
    "        _firn_paths 0\n"
    "        ;;\n"
    "    words | both | paths)\n"
    "        for word in \"${answer[@]:1}\"; do\n"
    "            word=${word%%$'\\t'*}\n"
    "            [[ $word != \"$current\"* ]] || COMPREPLY+=(\"$word\")\n"
    "        done\n"
    "        if [[ ${answer[0]} = paths && ${#COMPREPLY[@]} = 1 && ${COMPREPLY[0]} = */ ]]; then\n"
    "            compopt -o nospace 2> /dev/null\n"
    "        fi\n"
    "        if [[ ${answer[0]} = both ]]; then\n"
    "            compopt -o filenames 2> /dev/null\n"
    "            local -i first=${#COMPREPLY[@]}\n"
    "            mapfile -t -O $first COMPREPLY < <(compgen -f -- \"$current\")\n"
    "            _firn_paths $first\n"
    "        fi\n"
    "        ;;\n"
    "    esac\n"
    "}\n"
    "complete -F _firn firn\n";

/* Serves both as an autoloaded function and sourced. */
static const char zsh_script[] = "#compdef firn\n"
                                 "# zsh completion for firn\n"
                                 "_firn() {\n"
                                 "    local -a answer=(\"${(@f)$(firn " FI_COMMAND_COMPLETION_WORD
                                 " \"${(@Q)words[2,CURRENT]}\" 2> /dev/null)}\")\n"
                                 "    local -a found=()\n"
                                 "    local word\n"
                                 "    case $answer[1] in\n"
                                 "    files) _files -F '(-*)' ;;\n"
                                 "    directories) _files -/ -F '(-*)' ;;\n"
                                 "    paths)\n"
                                 "        found=(${(M)answer[2,-1]:#*/})\n"
                                 "        compadd -S '' -- $found\n"
                                 "        found=(${answer[2,-1]:#*/})\n"
                                 "        compadd -- $found\n"
                                 "        ;;\n"
                                 "    words|both)\n"
                                 "        for word in $answer[2,-1]; do\n"
                                 "            word=${word//\\\\/\\\\\\\\}\n"
                                 "            word=${word//:/\\\\:}\n"
                                 "            found+=(${word/$'\\t'/:})\n"
                                 "        done\n"
                                 "        _describe -V firn found\n"
                                 "        [[ $answer[1] != both ]] || _files -F '(-*)'\n"
                                 "        ;;\n"
                                 "    esac\n"
                                 "}\n"
                                 "if [[ $funcstack[1] = _firn ]]; then\n"
                                 "    _firn \"$@\"\n"
                                 "else\n"
                                 "    compdef _firn firn\n"
                                 "fi\n";

static const char fish_script[] =
    "# fish completion for firn\n"
    "# A path that begins with a dash would be an option. fish's own __fish_complete_path gives\n"
    "# such names to ls.\n"
    "function __firn_paths\n"
    "    complete -C \"__firn_no_command $argv\" | string match -v -- '-*'\n"
    "end\n"
    "function __firn_answer\n"
    "    set -l words (commandline -opc)\n"
    "    set -l current (commandline -ct)\n"
    "    set -e words[1]\n"
    "    set -l answer (firn " FI_COMMAND_COMPLETION_WORD " $words \"$current\" 2> /dev/null)\n"
    "    set -l kind $answer[1]\n"
    "    set -e answer[1]\n"
    "    switch \"$kind\"\n"
    "        case files\n"
    "            __firn_paths \"$current\"\n"
    "        case directories\n"
    "            __fish_complete_directories \"$current\" | string match -v -- '-*'\n"
    "        case words both paths\n"
    "            printf '%s\\n' $answer\n"
    "            test $kind != both; or __firn_paths \"$current\"\n"
    "    end\n"
    "end\n"
    "complete -c firn -f -k -a '(__firn_answer)'\n";

/* ---- the line so far ---- */

/* The completions of an argument or an option's value, by its name in the table. */
enum kind {
    KIND_OTHER,
    KIND_REF,
    KIND_REF_OR_FILE,
    KIND_FILE,
    KIND_DIRECTORY,
    KIND_COMMAND,
    KIND_SETTING,
    KIND_VALUE, /* of the setting that the first argument names */
    KIND_TAG,
    KIND_REMOTE,
    KIND_TABLE,
    KIND_KEYSPACE /* or a table */
};

/* cli has the group and the command once they are known, and which workspace is meant. */
struct typed {
    struct fi_cli *cli;
    const char *first;                       /* word of a member's name of two; NULL: none */
    const struct fi_command_option *pending; /* its value is the next word; NULL: none */
    size_t argument_count;
    bool has_dashes;      /* after a "--" no word is an option */
    bool is_unknown;      /* the command is none of firn's */
    char *store;          /* owned; cli's store_path */
    const char *argument; /* the first one; NULL: there is none yet */
    const char *current;  /* the word that is being typed */
};

static enum kind
kind_of(const char *name, size_t size)
{
    static const struct {
        const char *name;
        enum kind kind;
    } kinds[] = {
        {"REF", KIND_REF},         {"PATH", KIND_FILE},       {"FILE", KIND_FILE},
        {"DIR", KIND_DIRECTORY},   {"STORE", KIND_DIRECTORY}, {"FOLDER", KIND_DIRECTORY},
        {"COMMAND", KIND_COMMAND}, {"TABLE", KIND_TABLE},     {"KEYSPACE", KIND_KEYSPACE},
        {"SETTING", KIND_SETTING}, {"VALUE", KIND_VALUE},     {"NAME", KIND_TAG},
        {"ROOT", KIND_DIRECTORY},  {"REMOTE", KIND_REMOTE},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strlen(kinds[i].name) == size && memcmp(kinds[i].name, name, size) == 0) {
            return kinds[i].kind;
        }
    }
    return KIND_OTHER;
}

struct wanted {
    const char *name; /* NULL: by its letter */
    size_t size;
    char letter;
    const struct fi_command_option *found;
};

static void
match_option(void *ctx, const struct fi_command_option *option, bool is_global)
{
    struct wanted *wanted = ctx;
    (void)is_global;
    bool is_it = wanted->name != NULL ? strlen(option->name) == wanted->size &&
                                            memcmp(option->name, wanted->name, wanted->size) == 0
                                      : option->letter == wanted->letter;
    if (is_it && wanted->found == NULL) {
        wanted->found = option;
    }
}

/* Calls visit for each option that is possible here. */
static void
each_option(const struct fi_cli *cli,
            void (*visit)(void *ctx, const struct fi_command_option *option, bool is_global),
            void *ctx)
{
    if (cli->command != NULL) {
        fi_command_help_options(cli->program, cli->command, visit, ctx);
        return;
    }
    for (const struct fi_command_global *at = cli->program->globals; at->option.name != NULL;
         at++) {
        if (cli->group == NULL || strcmp(at->option.name, "help") == 0) {
            visit(ctx, &at->option, true);
        }
    }
}

/* A path as the shell would expand it; NULL: memory is out. The caller frees it. */
static char *
expand(const char *value)
{
    const char *home = getenv("HOME");
    bool is_home = home != NULL && value[0] == '~' && (value[1] == '/' || value[1] == '\0');
    size_t size = (is_home ? strlen(home) : 0) + strlen(value) + 1;
    char *expanded = malloc(size);
    if (expanded != NULL) {
        (void)snprintf(expanded, size, "%s%s", is_home ? home : "", value + is_home);
    }
    return expanded;
}

/* Notes the value of an option that says which workspace is meant. */
static void
take_value(struct typed *typed, const struct fi_command_option *option, const char *value)
{
    char *expanded = expand(value);
    if (expanded == NULL) {
        return;
    }
    if (strcmp(option->name, "directory") == 0) {
        (void)fi_command_directory_take(typed->cli, expanded);
    } else if (strcmp(option->name, "store") == 0) {
        free(typed->store);
        typed->store = expanded;
        typed->cli->store_path = expanded;
        return;
    }
    free(expanded);
}

/* "--name", "--name=value", "-n", "-nvalue", "-nm": letters up to one that takes a value. */
static void
take_option(struct typed *typed, const char *word)
{
    bool is_long = word[1] == '-';
    const char *at = word + 1 + is_long;
    while (*at != '\0') {
        size_t size = is_long ? strcspn(at, "=") : 1;
        struct wanted wanted = {is_long ? at : NULL, size, *at, NULL};
        each_option(typed->cli, match_option, &wanted);
        at += size;
        bool has_value = wanted.found != NULL && wanted.found->value != NULL;
        if (has_value && *at == '\0') {
            typed->pending = wanted.found;
        } else if (has_value) {
            take_value(typed, wanted.found, at + is_long);
        }
        if (is_long || has_value) {
            return;
        }
    }
}

static bool
begins_name(const struct fi_command *const *commands, const char *word)
{
    while (*commands != NULL && fi_command_find_second_word((*commands)->name, word) == NULL) {
        commands++;
    }
    return *commands != NULL;
}

static void
take_name(struct typed *typed, const char *word)
{
    struct fi_cli *cli = typed->cli;
    const struct fi_command *const *among =
        cli->group != NULL ? cli->group->members : cli->program->commands;
    const char *const words[] = {typed->first != NULL ? typed->first : word, word};
    size_t used;
    const struct fi_command *found =
        fi_command_find_member(among, words, typed->first != NULL ? 2 : 1, &used);
    if (found == NULL && typed->first == NULL && begins_name(among, word)) {
        typed->first = word;
        return;
    }
    typed->is_unknown = found == NULL;
    if (found != NULL && found->members != NULL) {
        cli->group = found;
    } else {
        cli->command = found;
    }
}

static void
take_word(struct typed *typed, const char *word)
{
    if (typed->pending != NULL) {
        if (strcmp(word, "=") != 0) {
            take_value(typed, typed->pending, word);
            typed->pending = NULL;
        }
    } else if (strcmp(word, "--") == 0) {
        typed->has_dashes = true;
    } else if (word[0] == '-' && word[1] != '\0' && !typed->has_dashes) {
        take_option(typed, word);
    } else if (typed->cli->command != NULL || typed->is_unknown) {
        typed->argument = typed->argument_count++ == 0 ? word : typed->argument;
    } else {
        take_name(typed, word);
    }
}

/* ---- the answer ---- */

static void
print_option(void *ctx, const struct fi_command_option *option, bool is_global)
{
    (void)ctx;
    (void)is_global;
    fi_term_out_format("--%s\t%s\n", option->name, option->text);
}

/* The names; of those of two words the first, once: those that begin so follow each other. Or,
 * where the first word is there, the second words. */
static void
print_commands(const struct fi_command *const *commands, const char *first)
{
    const char *before = "";
    fi_term_out_text("words\n");
    for (; *commands != NULL; commands++) {
        const char *name = (*commands)->name;
        const char *rest = first != NULL ? fi_command_find_second_word(name, first) : name;
        size_t size = rest != NULL ? strcspn(rest, " ") : 0;
        if (rest != NULL && rest[size] == '\0') {
            fi_term_out_format("%s\t%s\n", rest, (*commands)->summary);
        } else if (rest != NULL && (strncmp(before, rest, size) != 0 || before[size] != ' ')) {
            fi_term_out_format("%.*s\n", (int)size, rest);
        }
        before = rest != NULL ? name : before;
    }
}

/* A word that the shell puts into its line as it is, and that is no option there. Another user's
 * store may have other names. */
static bool
is_plain(firn_slice word, bool has_dashes)
{
    if (word.size > 0 && word.data[0] == '-' && !has_dashes) {
        return false;
    }
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+/";
    for (size_t i = 0; i < word.size; i++) {
        if (memchr(plain, word.data[i], sizeof plain - 1) == NULL) {
            return false;
        }
    }
    return word.size > 0;
}

static void
print_if(firn_slice reference, bool is_offered)
{
    if (is_offered) {
        fi_term_out_format("%.*s\n", (int)reference.size, (const char *)reference.data);
    }
}

static void
print_reference(firn_slice reference)
{
    print_if(reference, is_plain(reference, false));
}

/* After "--" on the line. */
static void
print_after_dashes(firn_slice reference)
{
    print_if(reference, is_plain(reference, true));
}

/* Of the store that the first argument names. */
static void
print_tables(const struct typed *typed, bool with_keyspaces)
{
    char *path = typed->argument != NULL ? expand(typed->argument) : NULL;
    fi_term_out_text("words\n");
    if (path != NULL) {
        const bool has_dashes = typed->has_dashes && typed->pending == NULL;
        typed->cli->program->tables(path, with_keyspaces,
                                    has_dashes ? print_after_dashes : print_reference);
    }
    free(path);
}

/* Words in one text, as words of the answer. */
static void
print_words(const char *text, const char *separators)
{
    fi_term_out_text("words\n");
    for (text += strspn(text, separators); *text != '\0'; text += strspn(text, separators)) {
        size_t size = strcspn(text, separators);
        fi_term_out_format("%.*s\n", (int)size, text);
        text += size;
    }
}

/* Tags are all references that are no numbers. */
static void
print_tag(firn_slice reference)
{
    size_t digits = 0;
    while (digits < reference.size && reference.data[digits] >= '0' &&
           reference.data[digits] <= '9') {
        digits++;
    }
    if (digits < reference.size) {
        print_reference(reference);
    }
}

struct value {
    const char *key;
    const char *words; /* NULL: not known yet */
};

/* A setting that is true or false can be either. */
static int
find_value(void *ctx, const firn_config_setting *setting)
{
    struct value *value = ctx;
    bool is_switch = strcmp(setting->value, "true") == 0 || strcmp(setting->value, "false") == 0;
    if (is_switch && strcmp(setting->key, value->key) == 0) {
        value->words = "true false";
    }
    return FIRN_OK;
}

static const char *
find_words(const struct value *values, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(values[i].key, key) == 0) {
            return values[i].words;
        }
    }
    return NULL;
}

/* What a setting may be, where that is a word. */
static void
print_value(const char *key)
{
    static const struct value values[] = {
        {"keep", "forever"},
        {"push.auto", "false"},
        {"save.max-file-size", "none"},
        {"save.warn-size", "none"},
        {"ui.color", "always never auto"},
    };
    struct value value = {key, find_words(values, sizeof(values) / sizeof(values[0]), key)};
    if (value.words == NULL) {
        (void)!firn_config_list_readable(NULL, find_value, NULL, &value, NULL);
    }
    print_words(value.words != NULL ? value.words : "", " ");
}

static int
print_setting(void *ctx, const firn_config_setting *setting)
{
    (void)ctx;
    fi_term_out_format("%s\n", setting->key);
    return FIRN_OK;
}

/* Commands that can be explained: after the name of a group those in it. */
static void
print_explained(const struct typed *typed)
{
    const struct fi_command *const *commands = typed->cli->program->commands;
    size_t used;
    if (typed->argument_count == 1) {
        const struct fi_command *found =
            fi_command_find_member(commands, &typed->argument, 1, &used);
        if (found == NULL || found->members == NULL) {
            return;
        }
        commands = found->members;
    }
    if (typed->argument_count <= 1) {
        print_commands(commands, NULL);
    }
}

static bool has_paths; /* the answer has begun */

static void
print_path(firn_slice path)
{
    fi_term_out_text(has_paths ? "" : "paths\n");
    has_paths = true;
    if (is_plain(path, true)) {
        fi_term_out_text(path.data[0] == '-' ? "./" : "");
        fi_term_out_format("%.*s\n", (int)path.size, (const char *)path.data);
    }
}

/* The paths of the checkpoint that the first argument names, where the command reads that one.
 * False: there is no such checkpoint. */
static bool
print_paths(const struct typed *typed)
{
    static const char *const readers[] = {"restore", "cat", "show"};
    struct fi_cli *cli = typed->cli;
    bool is_reader = false;
    has_paths = false;
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]) && cli->command != NULL; i++) {
        is_reader = is_reader || strcmp(cli->command->name, readers[i]) == 0;
    }
    if (!is_reader || cli->group != NULL || typed->argument == NULL || typed->pending != NULL ||
        fi_command_directory_enter(cli) != FI_EXIT_OK ||
        !cli->program->paths(cli, typed->argument, typed->current, print_path)) {
        return false;
    }
    fi_term_out_text(has_paths ? "" : "paths\n");
    return true;
}

static void
print_kind(const struct typed *typed, enum kind kind)
{
    struct fi_cli *cli = typed->cli;
    switch (kind) {
    case KIND_REF:
    case KIND_REF_OR_FILE:
        fi_term_out_text(kind == KIND_REF ? "words\nlatest\n" : "both\nlatest\n");
        if (fi_command_directory_enter(cli) == FI_EXIT_OK) {
            cli->program->references(cli, print_reference);
        }
        break;
    case KIND_FILE:
        if (!print_paths(typed)) {
            fi_term_out_text("files\n");
        }
        break;
    case KIND_DIRECTORY:
        fi_term_out_text("directories\n");
        break;
    case KIND_COMMAND:
        print_explained(typed);
        break;
    case KIND_SETTING:
        fi_term_out_text("words\n");
        (void)!firn_config_list_readable(NULL, print_setting, NULL, NULL, NULL);
        break;
    case KIND_VALUE:
        if (cli->command != NULL && strcmp(cli->command->name, "config") == 0) {
            print_value(typed->argument != NULL ? typed->argument : "");
        }
        break;
    case KIND_TAG:
        if (cli->group == NULL && cli->command != NULL && strcmp(cli->command->name, "tag") == 0 &&
            typed->pending == NULL) {
            fi_term_out_text("words\n");
            if (fi_command_directory_enter(cli) == FI_EXIT_OK) {
                cli->program->references(cli, print_tag);
            }
        }
        break;
    case KIND_REMOTE:
        fi_term_out_text("words\n");
        if (fi_command_directory_enter(cli) == FI_EXIT_OK) {
            cli->program->remotes(cli, print_reference);
        }
        break;
    case KIND_TABLE:
    case KIND_KEYSPACE:
        print_tables(typed, kind == KIND_KEYSPACE);
        break;
    case KIND_OTHER:
        break;
    }
}

/* Whether a checkpoint in the table may be left out before a path. */
static bool
is_before_path(const char *at)
{
    static const char pairs[][16] = {"[REF] [PATH", "[REF] PATH"};
    return strncmp(at, pairs[0], strlen(pairs[0])) == 0 ||
           strncmp(at, pairs[1], strlen(pairs[1])) == 0;
}

/* That of the next argument: the last one in the table may be repeated. */
static enum kind
next_argument(const struct typed *typed)
{
    const char *at = typed->cli->command->arguments;
    for (size_t place = 0; *at != '\0'; place++) {
        size_t size = strcspn(at, " ");
        const char *name = at + strspn(at, "[");
        if (place == typed->argument_count || fi_command_may_repeat(at, size)) {
            return is_before_path(at) ? KIND_REF_OR_FILE
                                      : kind_of(name, strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
        }
        at += size;
        at += strspn(at, " ");
    }
    return KIND_OTHER;
}

/* The value of an option. */
static void
print_option_value(const struct typed *typed)
{
    static const struct value values[] = {
        {"color", "always never auto"},       {"from", "rocksdb leveldb lmdb sqlite"},
        {"metric", "cosine dot l2"},          {"mode", "table tabs csv json markdown line"},
        {"on-conflict", "fail skip replace"}, {"on-error", "stop skip"},
    };
    const struct fi_command_option *option = typed->pending;
    enum kind kind = kind_of(option->value, strlen(option->value));
    const char *words = find_words(values, sizeof(values) / sizeof(values[0]), option->name);
    if (kind == KIND_OTHER && words != NULL) {
        print_words(words, " ");
    } else {
        print_kind(typed, kind);
    }
}

/* The first argument may be one of those that the hint about a missing one names. */
static void
print_argument(const struct typed *typed)
{
    static const char one_of[] = "one of ";
    const char *hint = typed->cli->command->missing_hint;
    if (typed->argument_count == 0 && hint != NULL && strncmp(hint, one_of, strlen(one_of)) == 0) {
        print_words(hint + strlen(one_of), ", ");
    } else {
        print_kind(typed, next_argument(typed));
    }
}

int
fi_command_completion_answer(struct fi_cli *cli, int count, char *const *words)
{
    struct typed typed = {.cli = cli, .current = words[count - 1]};
    for (int i = 0; i < count - 1; i++) {
        take_word(&typed, words[i]);
    }
    if (typed.pending != NULL) {
        print_option_value(&typed);
    } else if (words[count - 1][0] == '-' && !typed.has_dashes && !typed.is_unknown) {
        fi_term_out_text("words\n");
        each_option(cli, print_option, NULL);
    } else if (cli->command != NULL) {
        print_argument(&typed);
    } else if (!typed.is_unknown) {
        print_commands(cli->group != NULL ? cli->group->members : cli->program->commands,
                       typed.first);
    }
    free(typed.store);
    cli->store_path = NULL;
    return FI_EXIT_OK;
}

/* ---- firn completion ----
 *
 * An installed firn has its completions where the shells look for them; this is for a program that
 * was copied somewhere on its own. */

static int
command_completion_run(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    static const struct {
        const char *shell;
        const char *script;
    } scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        if (strcmp(cli->arguments[0], scripts[i].shell) == 0) {
            fi_term_out_text(scripts[i].script);
            return FI_EXIT_OK;
        }
    }
    return fi_command_misused(cli, "'%s' is not bash, zsh or fish", cli->arguments[0]);
}

static const struct fi_command_example examples[] = {
    {"eval \"$(firn completion bash)\"", "in ~/.bashrc, for bash"},
    {"firn completion zsh > ~/.zfunc/_firn", "for zsh, if ~/.zfunc is in its fpath"},
    {"firn completion fish > ~/.config/fish/completions/firn.fish", "for fish"},
    {NULL, NULL},
};

const struct fi_command fi_command_completion = {
    .name = "completion",
    .summary = "Print a completion script for a shell",
    .arguments = "SHELL",
    .help = "Prints a script that makes bash, zsh or fish complete firn's commands, options,\n"
            "paths and checkpoints. Packages of firn install these scripts; then there is\n"
            "nothing to do.",
    .examples = examples,
    .missing_hint = "one of bash, zsh, fish",
    .refuses_json = "",
    .run = command_completion_run,
};

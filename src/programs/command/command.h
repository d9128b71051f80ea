/* SPDX-License-Identifier: Apache-2.0
 *
 * command/command.h: what a command is, and what it is given when it runs.
 *
 * Each command is one constant `struct fi_command` in the file that implements it; a struct
 * fi_command_program lists them. Parsing, --help, man pages and completions all read this one
 * description: nothing about a command is said twice.
 */
#ifndef FIRN_COMMAND_COMMAND_H
#define FIRN_COMMAND_COMMAND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firn/firn.h"

struct fi_cli;

enum { FI_COMMAND_OPTIONS_MAX = 24, FI_COMMAND_WAIT_SECONDS = 60 };

/* Which of the global options mean something for a command. --help, --json and --quiet always
 * do. */
enum fi_command_uses {
    FI_COMMAND_USES_NOTHING = 0,
    FI_COMMAND_USES_WORKSPACE = 1, /* --directory and --store */
    FI_COMMAND_USES_LOCK = 2,      /* --wait */
    FI_COMMAND_USES_STRICT = 4,    /* --strict */
    FI_COMMAND_USES_PAGER = 8,     /* --no-pager: long results go through a pager */
    FI_COMMAND_USES_COLOUR = 16    /* --color */
};

/* An option of a command. A list of them ends with one whose name is NULL. */
struct fi_command_option {
    const char *name; /* long, without the dashes */
    char letter;      /* the short form, or 0 */
    /* how its value is called in the help; NULL for an option without one. If it ends in "..." but
     * not in ",..." the option may be given several times, and all its values are in
     * cli->repeated. */
    const char *value;
    const char *text; /* one sentence, no stop */
};

/* A command line with what it does. A list of them ends with one whose line is NULL. */
struct fi_command_example {
    const char *line; /* as typed after the prompt */
    const char *text; /* one sentence, no stop */
};

struct fi_command {
    /* "save"; below a group what follows its name: "put", or two words: "table create" */
    const char *name;
    const char *summary; /* one line, no stop */
    /* The positional arguments as the help shows them: words, those in [] may be left out, the
     * last may end in "...". Their number is checked before run is called. */
    const char *arguments;
    const struct fi_command_option *options;
    const char *help; /* paragraphs with an empty line between them */
    const struct fi_command_example *examples;
    const char *missing_hint; /* what to say below "missing X"; may be NULL */
    unsigned uses;            /* of enum fi_command_uses */
    /* --json is not offered: what follows the refusal, may be ""; NULL: it is */
    const char *refuses_json;
    /* The first argument begins the command line of another program: what follows it are arguments,
     * also what begins with a dash. */
    bool takes_line;
    /* Returns the exit code, of enum fi_exit. NULL for a group. */
    int (*run)(struct fi_cli *cli);
    /* A group's commands, ending with NULL; NULL for a command. */
    const struct fi_command *const *members;
    /* Which of them runs where none is named; may be NULL. */
    const struct fi_command *alone;
};

/* A global option, and the commands that it means something for. */
struct fi_command_global {
    struct fi_command_option option;
    unsigned uses; /* any of these bits; 0: every command */
};

/* A line of help that belongs to every command or to none. */
struct fi_command_note {
    const char *name;
    const char *text;
};

/* A heading of the list of commands. */
struct fi_command_section {
    const char *title;
    const struct fi_command *first; /* stands above this one */
};

/* All commands, and what they share. Lists end with a NULL pointer or a NULL name. */
struct fi_command_program {
    const char *about;                         /* what the program is, in two or three sentences */
    const struct fi_command *const *commands;  /* in the order in which the help lists them */
    const struct fi_command_section *sections; /* in the same order; the first begins the list */
    const struct fi_command_global *globals;
    const struct fi_command_note *exit_codes;
    const struct fi_command_note *environment;
    /* Words of other programs, and what to type here: "rm", "hook rm", "log --oneline", "log -N"
     * for any number, "save ARGUMENT" for one that is too much; may be NULL. */
    const struct fi_command_note *elsewhere;
    /* What to print where no command is given, in the place of a list of commands; NULL: the list.
     * Asks no question, and reports no failure. */
    const char *(*begin)(struct fi_cli *cli);
    /* How this build differs from the usual one, for firn version; NULL: in nothing. */
    const char *lacks;
    /* Calls put for each tag and for the newest checkpoints of the workspace that cli names, which
     * completions offer. Asks no question, and reports no failure. */
    void (*references)(struct fi_cli *cli, void (*put)(firn_slice reference));
    /* The same for the paths in a checkpoint that begin as the word does; directories end in a
     * slash. Returns whether there is such a checkpoint. */
    bool (*paths)(struct fi_cli *cli, const char *reference, const char *word,
                  void (*put)(firn_slice path));
    /* The same for the name of each remote. */
    void (*remotes)(struct fi_cli *cli, void (*put)(firn_slice name));
    /* The same for each table, and if wanted each keyspace, of the store at `path`. */
    void (*tables)(const char *path, bool with_keyspaces, void (*put)(firn_slice name));
};

enum { FI_COMMAND_KEEP_SIZE = 256, FI_COMMAND_REMOTE_SIZE = FIRN_REMOTE_NAME_SIZE_MAX + 1 };

/* The settings of firn config, for a command that writes; zeros before the workspace is open. */
struct fi_command_settings {
    char keep[FI_COMMAND_KEEP_SIZE];   /* a policy of what is kept */
    char push[FI_COMMAND_REMOTE_SIZE]; /* the remote that saves are pushed to; "": none */
    uint64_t max_file_size;            /* 0: none */
    uint64_t warn_size;                /* likewise */
    bool no_git;                       /* git repositories are left out */
    bool gitignore;
    bool include_deps;
    bool strict;
};

/* What every command is given: its arguments, read and counted. */
struct fi_cli {
    const struct fi_command_program *program;
    const struct fi_command *group;   /* NULL at top level */
    const struct fi_command *command; /* NULL before it is known */
    const char *store_path;           /* --store, else FIRN_STORE, else NULL */
    char *directory;                  /* --directory, which is the current one then; else NULL */
    const char *workspace_path;       /* what to open, where it is not the current directory */
    firn_workspace *workspace;        /* opened last by fi_task_workspace_open; NULL: none */
    bool json;
    bool asks_for_json; /* "--json" is somewhere on the line, parsed or not */
    bool quiet;
    bool strict;
    bool no_pager;
    const char *colour; /* --color; NULL: not given */
    int64_t wait_ms;
    bool has_wait;    /* --wait was given */
    const char *hint; /* of the mistake in the command line that is reported next; NULL: none */
    /* The command has made its changes, durably: the exit code is that of success even if the
     * output cannot be written. */
    bool is_done;
    bool writes_store; /* the store of key-value data that is open is not open for reading alone */
    struct fi_command_settings settings;
    const char *values[FI_COMMAND_OPTIONS_MAX]; /* beside command->options; NULL: not given */
    const char **repeated; /* values of options that may be given several times, in their order */
    size_t repeated_count;
    const char *const *arguments; /* the positional ones */
    int argument_count;
    int arguments_before_dashes; /* how many of them came before a "--"; all, if there was none */
};

/* Reads the command line, runs the command, flushes what it printed. Returns the exit code of
 * the program. */
int fi_command_line_main(const struct fi_command_program *program, int argc, char *const *argv);

/* The commands about the program itself. */
extern const struct fi_command fi_command_help;
extern const struct fi_command fi_command_version;
extern const struct fi_command fi_command_completion;

/* Prints the source, in scdoc's language, of firn(1), or of the page of a command or group:
 * firn-save(1). Returns false if there is no such page. For the build, not for the program. */
bool fi_command_man_print(const struct fi_command_program *program, const char *page);

/* Whether an option without a value was given; the value of one that has one, or NULL. The name
 * must be in the command's table. */
bool fi_command_has(const struct fi_cli *cli, const char *name);
const char *fi_command_value(const struct fi_cli *cli, const char *name);

/* Whether the command has an option of that name in its table. */
bool fi_command_offers(const struct fi_cli *cli, const char *name);

/* Prints "firn: <command>: <message>", the usage and where the help is, and returns
 * FI_EXIT_USAGE. */
int fi_command_misused(struct fi_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Reads a whole decimal number without sign or spaces, at most max; false otherwise. */
bool fi_command_number(const char *text, uint64_t max, uint64_t *out);

/* Whether the command may continue. FIRN_CANCELLED, with the error filled in, if it was asked to
 * stop or its output cannot be written. */
int fi_command_go_on(firn_error *err);

/* Turns the pager off if this is the setting ui.pager, and says so. Other settings are ignored. */
void fi_command_pager_obey(const firn_config_setting *setting);
/* An on_progress that asks it, for a call of the library that reads for long. ctx is not used. */
int fi_command_on_progress(void *ctx, const firn_progress *progress);

/* What to do about a workspace whose directory is not there. */
extern const char fi_command_missing_hint[];
/* The root of the workspace that the command was meant for, if that was saved and is gone. */
bool fi_command_gone_find(const struct fi_cli *cli, char out[PATH_MAX]);
/* What to do then; else fi_command_missing_hint. Valid until the next call. */
const char *fi_command_gone_hint(const struct fi_cli *cli);
/* The same about a workspace that was in this directory; NULL if none is gone. */
const char *fi_command_gone_below_hint(const struct fi_cli *cli, const char *directory);

/* ---- encrypted stores ---- */

/* Asks a person at the terminal of this process, if there is one, for what opens a store; never in
 * the background. For each place of a command that opens one, but those that nobody waits for. */
extern const firn_keys_source fi_command_key_source;
/* The same where a recovery code is meant. */
extern const firn_keys_source fi_command_key_source_recovery;
/* Asks now what the library would ask a source about this store, which is told it then; for a
 * command that has more to ask afterwards. from_input: reads a line of standard input instead.
 * Returns a code of the library. */
int fi_command_key_ask(const char *store_path, const firn_keys_source *source, bool from_input,
                       firn_error *err);
/* Whether the environment says what opens stores, or remotes: then nobody is asked. */
bool fi_command_key_is_given(bool is_remote);
/* The same; also true where the files that say it are damaged. */
bool fi_command_key_may_be_encrypted(const char *store_path);
/* Whether the last store that was opened needed a key, and none was given: the session keyring and
 * the environment have none, and there was nobody to ask. */
bool fi_command_key_nobody_answered(void);
/* Wipes what was typed last. */
void fi_command_key_forget(void);

/* The rows of options of a command that may make a store. */
#define FI_COMMAND_KEY_OPTIONS                                                   \
    {"encrypt", 0, NULL, "encrypt the store if it is made"},                     \
        {"cipher", 0, "CIPHER", "with --encrypt: xchacha20, aes or aegis"},      \
    {                                                                            \
        "key-file", 0, "FILE", "with --encrypt, what is in FILE opens the store" \
    }
/* Reads them; *out is NONE where they were not given, or are not offered. Returns an exit code. */
int fi_command_key_cipher(struct fi_cli *cli, firn_cipher *out);
/* The same for a command that has no --encrypt: --cipher (*out stays if it is missing) and
 * --key-file. */
int fi_command_key_cipher_of(struct fi_cli *cli, firn_cipher *out);
/* From now on the file opens stores, before everything but the session keyring. Returns an exit
 * code. */
int fi_command_key_use_file(struct fi_cli *cli, const char *path);
bool fi_command_key_is_encrypted(const char *store_path);
/* Reports a store that is there and in clear, where an encrypted one was asked for. Returns an exit
 * code. */
int fi_command_key_check_new(struct fi_cli *cli, const char *store_path, firn_cipher cipher);

/* Reports that a recovery code could be shown nowhere: it is no part of the JSON. Returns an exit
 * code. */
int fi_command_key_check_recovery(struct fi_cli *cli);
/* Adds a recovery code to the store at the path, or to the remote of a workspace that is called so,
 * shows it once, on standard error where that is a terminal, else
 * on standard output, and says what to do with it; with --json its number is the member
 * "recovery_key". Returns an exit code. Requires: fi_command_key_check_recovery does not object. */
int fi_command_key_print_recovery(struct fi_cli *cli, firn_workspace *workspace, const char *path,
                                  const char *label);

enum { FI_COMMAND_KEY_TEXT_SIZE = 64 };
/* Writes the member "encryption" of the open object, and "AES-256-GCM, 2 keys" to out; null and "",
 * and returns false, if the store is in clear, or cannot be read. */
bool fi_command_key_show(const char *store_path, char out[FI_COMMAND_KEY_TEXT_SIZE]);

/* ---- what the program says on standard error, and the exit code that goes with it ---- */

/* Prints "firn: <text>" as one line, escaped whole. */
void fi_command_report_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints "<label>: <text>": what follows an error. */
void fi_command_report_more(const char *label, const char *text);
/* Prints "firn: <word>: <path>: <text>", or without the path if it is empty. */
void fi_command_report_path(const char *word, firn_slice path, const char *text);

/* An on_notice (firn/notice.h): reports something that is damaged; with --json it adds an object to
 * the open array. ctx is not used. */
void fi_command_report_damage(void *ctx, const firn_notice *notice);

/* Whether a person at a terminal may be asked; never with --json. */
bool fi_command_report_may_prompt(const struct fi_cli *cli);
/* Asks that person, and returns whether the answer was yes. */
bool fi_command_report_prompt(const char *question);

/* Reports a failure of the library: its message, and what to do next, from `hint` (may be NULL) or
 * by the code. With --json the error becomes a member of the object. Returns the exit code for the
 * error's code, or that of the signal that cancelled the operation. */
int fi_command_report_failure(struct fi_cli *cli, const firn_error *err, const char *hint);

/* As above for a failure of the program's own. */
int fi_command_report_error(struct fi_cli *cli, int code, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same where memory is out. */
int fi_command_report_no_memory(struct fi_cli *cli);

#endif

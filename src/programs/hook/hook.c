/* SPDX-License-Identifier: Apache-2.0
 *
 * hook/hook.c: firn hook: a coding agent's turns, each with a checkpoint before and after it.
 *
 * `install` writes two `run` commands into the agent's settings. Exit code 2 would stop an agent's
 * turn, so `run` always exits with 0 or 1.
 */
#include "hook/hook_internal.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "task/task.h"
#include "term/term.h"

/* ---- what an agent tells a hook on its standard input ----
 *
 * A JSON object. The project's directories are taken from the agent's variable in the environment and
 * from "workspace_roots". Only where both are missing "cwd" is taken: the agent may have gone into
 * another directory since it began, and that one must not become a workspace of its own. "session_id",
 * in Cursor "conversation_id", tells turns of conversations apart that go on at the same time.
 *
 * A hook that fails disturbs the agent's user at every turn. So input that cannot be read is not a failure: the
 * save is made all the same, of the current directory. The input is read to its end, because the agent
 * may expect that, but only the first part of it is kept.
 */

enum { EVENT_PATH_SIZE = 4096, EVENT_DIRECTORIES_MAX = 16 };

struct event {
    /* Of the project, each once, none below an earlier one. None: the current one. */
    char directories[EVENT_DIRECTORIES_MAX][EVENT_PATH_SIZE];
    size_t directory_count;
    size_t directories_left; /* that there was no room for */
    char session[256];       /* the agent's name for the conversation, or "" */
    char *prompt;            /* or NULL */
};

enum { INPUT_SIZE_MAX = 32 << 20 };

/* A lone half of a surrogate pair, which a program that cuts text may leave: "\\ud83d". */
static bool
is_lone_surrogate(const char *at, size_t size, bool *out_is_pair)
{
    unsigned high;
    unsigned low;
    char hex[5] = {0};
    *out_is_pair = false;
    if (size < 6 || at[0] != '\\' || at[1] != 'u') {
        return false;
    }
    memcpy(hex, at + 2, 4);
    if (strspn(hex, "0123456789abcdefABCDEF") != 4) {
        return false;
    }
    high = (unsigned)strtoul(hex, NULL, 16);
    if (high < 0xd800 || high > 0xdfff) {
        return false;
    }
    if (high < 0xdc00 && size >= 12 && at[6] == '\\' && at[7] == 'u') {
        memcpy(hex, at + 8, 4);
        low = strspn(hex, "0123456789abcdefABCDEF") == 4 ? (unsigned)strtoul(hex, NULL, 16) : 0;
        *out_is_pair = low >= 0xdc00 && low <= 0xdfff;
    }
    return !*out_is_pair;
}

/* JSON has no text for such a half: it becomes U+FFFD. */
static void
replace_lone_surrogates(char *data, size_t size)
{
    static const char replacement[4] = {'f', 'f', 'f', 'd'};
    for (size_t i = 0; i < size; i++) {
        bool is_pair;
        if (data[i] != '\\') {
            continue;
        }
        if (is_lone_surrogate(data + i, size - i, &is_pair)) {
            memcpy(data + i + 2, replacement, sizeof(replacement));
        }
        i += is_pair ? 11 : 1; /* what is escaped begins nothing */
    }
}

/* The text of a string of JSON; NULL if it is not a string, or has a NUL. */
static const char *
text_of(const json_t *string)
{
    const char *text = json_string_value(string);
    return text != NULL && strlen(text) == json_string_length(string) ? text : NULL;
}

/* NULL if there is nothing that can be read. */
static json_t *
read_input(void)
{
    char *data = malloc(INPUT_SIZE_MAX);
    char rest[4096];
    size_t size = 0;
    if (data == NULL || isatty(STDIN_FILENO)) {
        free(data);
        return NULL;
    }
    for (;;) {
        bool has_room = size < INPUT_SIZE_MAX;
        ssize_t got = has_room ? read(STDIN_FILENO, data + size, INPUT_SIZE_MAX - size)
                               : read(STDIN_FILENO, rest, sizeof(rest));
        if (got == 0 || (got < 0 && errno != EINTR)) {
            break;
        }
        size += has_room && got > 0 ? (size_t)got : 0;
    }
    json_t *event = json_loadb(data, size, JSON_ALLOW_NUL, NULL);
    if (event == NULL) {
        replace_lone_surrogates(data, size);
        event = json_loadb(data, size, JSON_ALLOW_NUL, NULL);
    }
    free(data);
    return event;
}

/* Whether a directory is the other one, or is below it. */
static bool
is_within(const char *path, const char *other)
{
    assert(path != NULL && other != NULL);
    size_t size = strlen(other);
    while (size > 0 && other[size - 1] == '/') {
        size--;
    }
    return strncmp(path, other, size) == 0 && (path[size] == '\0' || path[size] == '/');
}

static void
add_directory(const char *path, struct event *out)
{
    assert(out->directory_count <= EVENT_DIRECTORIES_MAX);
    if (path == NULL || path[0] != '/' || strlen(path) >= EVENT_PATH_SIZE) {
        return;
    }
    size_t kept = 0;
    for (size_t i = 0; i < out->directory_count; i++) {
        if (is_within(path, out->directories[i])) {
            return;
        }
    }
    for (size_t i = 0; i < out->directory_count; i++) {
        if (!is_within(out->directories[i], path)) {
            memmove(out->directories[kept++], out->directories[i], EVENT_PATH_SIZE);
        }
    }
    out->directory_count = kept;
    if (kept == EVENT_DIRECTORIES_MAX) {
        out->directories_left++;
        return;
    }
    memcpy(out->directories[out->directory_count++], path, strlen(path) + 1);
}

static void
read_directories(const struct firn_hook_agent *agent, const json_t *event, struct event *out)
{
    assert(agent->directory_variable != NULL);
    const json_t *roots = json_object_get(event, "workspace_roots");
    add_directory(getenv(agent->directory_variable), out);
    for (size_t i = 0; i < json_array_size(roots); i++) {
        add_directory(text_of(json_array_get(roots, i)), out);
    }
    if (out->directory_count == 0) {
        add_directory(text_of(json_object_get(event, "cwd")), out);
    }
}

/* Reads standard input to its end, unless it is a terminal. An event that cannot be used is treated as if it were not
 * there. */
static void
read_event(const struct firn_hook_agent *agent, struct event *out)
{
    json_t *event = read_input();
    const char *prompt = json_string_value(json_object_get(event, "prompt")); /* up to a NUL */
    const char *session = text_of(json_object_get(event, "session_id"));
    memset(out, 0, sizeof(*out));
    read_directories(agent, event, out);
    if (session == NULL) {
        session = text_of(json_object_get(event, "conversation_id"));
    }
    if (session != NULL && strlen(session) < sizeof(out->session)) {
        memcpy(out->session, session, strlen(session) + 1);
    }
    out->prompt = prompt != NULL ? strdup(prompt) : NULL;
    json_decref(event);
}

static void
event_deinit(struct event *event)
{
    free(event->prompt);
    event->prompt = NULL;
}

/* ---- settings ---- */

enum { COMMAND_SIZE = 64, OPTIONS_SIZE = 4300 };

/* The change that a command makes to settings. */
struct change {
    const struct firn_hook_agent *agent;
    char path[PATH_MAX];
    char command[COMMAND_SIZE];
    char options[OPTIONS_SIZE];
};

#define AGENTS "one of claude, gemini, cursor"

static int
find_agent(struct firn_cli *cli, const struct firn_hook_agent **out)
{
    assert(cli->argument_count > 0);
    *out = firn_hook_agent_find(cli->arguments[0]);
    if (*out == NULL) {
        return firn_command_misused(cli, "'%s' is not " AGENTS, cli->arguments[0]);
    }
    return FIRN_EXIT_OK;
}

/* --store as a word of the shell, absolute, because hooks begin anywhere. */
static bool
write_options(const char *store, char out[OPTIONS_SIZE])
{
    char here[PATH_MAX] = "";
    size_t size = 0;
    out[0] = '\0';
    if (store == NULL) {
        return true;
    }
    if (store[0] != '/' && getcwd(here, sizeof(here)) == NULL) {
        return false;
    }
    const char *slash = here[0] != '\0' ? "/" : "";
    size = (size_t)snprintf(out, OPTIONS_SIZE, " --store '%s%s", here, slash);
    for (const char *at = store; *at != '\0'; at++) {
        if (*at == '\'' || size + 3 >= OPTIONS_SIZE) {
            return false;
        }
        out[size++] = *at;
    }
    memcpy(out + size, "'", 2);
    return strchr(here, '\'') == NULL;
}

static int
make_change(struct firn_cli *cli, struct change *out)
{
    const char *file = firn_command_value(cli, "file");
    bool is_user = firn_command_has(cli, "user");
    const char *home = getenv("HOME");
    const char *base = is_user ? home : NULL;
    int exit_code = find_agent(cli, &out->agent);
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    if (is_user && (file != NULL || cli->directory != NULL)) {
        return firn_command_misused(cli, "--user and --file or --directory exclude each other");
    }
    if (is_user && (home == NULL || home[0] == '\0')) {
        return firn_command_report_error(cli, FIRN_NOT_FOUND, NULL, "HOME is not set");
    }
    bool is_below = base != NULL && (file == NULL || file[0] != '/');
    int size = snprintf(out->path, sizeof(out->path), "%s%s%s", is_below ? base : "",
                        is_below ? "/" : "", file != NULL ? file : out->agent->file);
    if (size < 0 || (size_t)size >= sizeof(out->path)) {
        return firn_command_report_error(cli, FIRN_LIMIT, NULL,
                                         "the path of the settings is too long");
    }
    (void)snprintf(out->command, sizeof(out->command), "firn hook run %s", out->agent->name);
    if (!write_options(cli->store_path, out->options)) {
        return firn_command_misused(cli, "the store's path is too long, or has a quotation mark");
    }
    return FIRN_EXIT_OK;
}

/* Says which file it is about. */
static int
name_file(firn_error *err, const char *path)
{
    assert(err->code != FIRN_OK);
    char text[FIRN_ERROR_TEXT_SIZE];
    (void)snprintf(text, sizeof(text), "%s", err->text);
    (void)snprintf(err->text, sizeof(err->text), "'%.400s': %.500s", path, text);
    return err->code;
}

static int
install_into(void *ctx, json_t *settings, firn_error *err)
{
    const struct change *change = ctx;
    int code =
        firn_hook_settings_install(settings, change->agent, change->command, change->options, err);
    return code != FIRN_OK ? name_file(err, change->path) : FIRN_OK;
}

static int
remove_from(void *ctx, json_t *settings, firn_error *err)
{
    const struct change *change = ctx;
    int code = firn_hook_settings_remove(settings, change->agent, err);
    return code != FIRN_OK ? name_file(err, change->path) : FIRN_OK;
}

/* The settings as they become; `installs` or takes out. */
static int
change_settings(struct change *change, bool installs, struct firn_hook_settings_changed *out,
                firn_error *err)
{
    char *text = NULL;
    size_t size = 0;
    int code = firn_hook_file_read(change->path, &text, &size, err);
    if (code == FIRN_OK) {
        code = firn_hook_settings_change(firn_bytes(text, size), change->path,
                                         installs ? install_into : remove_from, change, out, err);
    }
    free(text);
    return code;
}

static void
show_change(struct firn_cli *cli, const struct change *change, bool changed, const char *done,
            const char *not_done)
{
    firn_term_json_string("agent", change->agent->name);
    firn_term_json_bytes("file", firn_str(change->path));
    firn_term_json_bool("changed", changed);
    if (!cli->quiet) {
        firn_term_text_escape(firn_str(change->path), firn_term_out_write);
        firn_term_out_format(": %s\n", changed ? done : not_done);
    }
}

static int
run_change(struct firn_cli *cli, bool installs, const char *done, const char *not_done)
{
    struct change change;
    struct firn_hook_settings_changed changed = {.text = NULL};
    firn_error err;
    bool is_removed = false;
    int exit_code = make_change(cli, &change);
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    int code = change_settings(&change, installs, &changed, &err);
    bool has_changed = changed.has_changed;
    if (code == FIRN_OK && has_changed) {
        bool is_empty = firn_hook_settings_say_nothing(changed.settings, change.agent);
        code = is_empty ? firn_hook_file_remove(change.path, changed.text, &is_removed, &err)
                        : firn_hook_file_replace(change.path, changed.text, &err);
    }
    firn_hook_settings_changed_deinit(&changed);
    if (code != FIRN_OK) {
        const char *hint = "add them by hand: firn hook print shows the text";
        return firn_command_report_failure(cli, &err,
                                           installs && code == FIRN_INVALID ? hint : NULL);
    }
    show_change(cli, &change, has_changed,
                is_removed ? "firn's hooks and the file were removed: it contained nothing else"
                           : done,
                not_done);
    return FIRN_EXIT_OK;
}

static int
run_install(struct firn_cli *cli)
{
    assert(cli->argument_count == 1);
    return run_change(cli, true, "every turn is saved from now on", "has firn's hooks already");
}

static int
run_remove(struct firn_cli *cli)
{
    assert(cli->argument_count == 1);
    return run_change(cli, false, "firn's hooks were removed", "has no hooks of firn");
}

static int
run_print(struct firn_cli *cli)
{
    assert(cli->argument_count == 1);
    struct change change;
    firn_error err;
    int exit_code = make_change(cli, &change);
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    struct firn_hook_settings_changed changed;
    int code = firn_hook_settings_change(firn_bytes(NULL, 0), change.path, install_into, &change,
                                         &changed, &err);
    if (code != FIRN_OK) {
        return firn_command_report_failure(cli, &err, NULL);
    }
    firn_term_json_string("agent", change.agent->name);
    firn_term_json_bytes("file", firn_str(change.path));
    firn_term_json_string("settings", changed.text);
    firn_term_out_text(changed.text);
    firn_hook_settings_changed_deinit(&changed);
    return FIRN_EXIT_OK;
}

/* ---- run ---- */

static int
save(struct firn_cli *cli, struct firn_task_patience_saving *saving)
{
    firn_error err;
    struct firn_task_notices notices;
    firn_task_notices_init(&notices, cli);
    firn_task_settings_save(&cli->settings, &saving->options);
    saving->options.if_changed = true;
    saving->options.callbacks = firn_task_notices_callbacks(&notices);
    int code = firn_task_patience_run(cli, firn_task_patience_save, saving, &err);
    firn_term_meter_clear();
    firn_task_notices_deinit(&notices);
    if (code == FIRN_OK && saving->result.gc_is_due) {
        firn_task_collect_if_due(saving->workspace);
    }
    return code == FIRN_OK ? FIRN_EXIT_OK : firn_command_report_failure(cli, &err, NULL);
}

/* What a moment of a turn saves in one directory, or in the current one where path is NULL. */
static int
save_directory(struct firn_cli *cli, const char *path,
               const struct firn_task_patience_saving *wanted)
{
    assert(wanted != NULL);
    struct firn_task_patience_saving saving = *wanted;
    bool is_untrusted;
    if (path != NULL) {
        cli->workspace_path = path;
    }
    int exit_code = firn_task_workspace_open_unasked(cli, &saving.workspace, &is_untrusted);
    if (exit_code != FIRN_EXIT_OK) {
        return is_untrusted ? FIRN_EXIT_OK : exit_code; /* left alone, as it was told */
    }
    const char *root = firn_workspace_root(saving.workspace);
    if (firn_task_workspace_unwanted(saving.workspace) != NULL) {
        firn_command_report_line(
            "'%s' is not saved at every turn; if it should be, save it once: firn save --yes",
            root);
    } else {
        exit_code = save(cli, &saving);
    }
    firn_release(saving.result.checkpoint);
    firn_workspace_close(saving.workspace);
    return exit_code;
}

/* Saves all directories of the project; one that cannot be saved does not keep the others from it. */
static int
save_turn(struct firn_cli *cli, const struct event *event, const struct firn_hook_agent *agent,
          enum firn_hook_agent_when when)
{
    char message[64];
    struct firn_task_patience_saving saving = {NULL, FIRN_WORKSPACE_SAVE_OPTIONS_INIT,
                                               FIRN_WORKSPACE_SAVE_RESULT_INIT};
    (void)snprintf(message, sizeof(message), "%s %s", firn_hook_agent_when_name(when),
                   agent->title);
    saving.options.message = firn_str(message);
    saving.options.turn.agent = firn_str(agent->title);
    saving.options.turn.session = firn_str(event->session);
    saving.options.turn.prompt = firn_str(event->prompt != NULL ? event->prompt : "");
    saving.options.turn_begins = when == FIRN_HOOK_AGENT_BEFORE;
    cli->quiet = true;
    if (cli->directory != NULL || event->directory_count == 0) {
        return save_directory(cli, NULL, &saving);
    }
    if (event->directories_left > 0) {
        firn_command_report_line("%zu further directories of the project are not saved",
                                 event->directories_left);
    }
    int exit_code = FIRN_EXIT_OK;
    for (size_t i = 0; i < event->directory_count; i++) {
        int saved = save_directory(cli, event->directories[i], &saving);
        exit_code = saved != FIRN_EXIT_OK ? saved : exit_code;
    }
    return exit_code;
}

static int
run_run(struct firn_cli *cli)
{
    assert(cli->argument_count == 2);
    static struct event event;
    const struct firn_hook_agent *agent;
    int exit_code = find_agent(cli, &agent);
    if (exit_code != FIRN_EXIT_OK) {
        return FIRN_EXIT_FAILED;
    }
    bool is_before = strcmp(cli->arguments[1], "before") == 0;
    if (!is_before && strcmp(cli->arguments[1], "after") != 0) {
        (void)firn_command_misused(cli, "WHEN is before or after");
        return FIRN_EXIT_FAILED;
    }
    enum firn_hook_agent_when when = is_before ? FIRN_HOOK_AGENT_BEFORE : FIRN_HOOK_AGENT_AFTER;
    read_event(agent, &event);
    exit_code = save_turn(cli, &event, agent, when);
    event_deinit(&event);
    firn_term_out_text(agent->answers[when]);
    return exit_code == FIRN_EXIT_OK ? FIRN_EXIT_OK : FIRN_EXIT_FAILED;
}

/* ---- descriptions ---- */

static const struct firn_command_option options[] = {
    {"user", 0, NULL, "use the settings in your home: for all projects"},
    {"file", 0, "FILE", "use this settings file"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example install_examples[] = {
    {"firn hook install claude", "save the turns of Claude Code in this project"},
    {"firn hook install gemini --user", "save the turns of Gemini CLI in all projects"},
    {"firn hook install claude --file .claude/settings.local.json",
     "use settings that the team does not share"},
    {NULL, NULL},
};

static const struct firn_command install_command = {
    .name = "install",
    .summary = "Save before and after each turn of a coding agent",
    .arguments = "AGENT",
    .options = options,
    .help = "AGENT is claude (Claude Code), gemini (Gemini CLI) or cursor. Adds two hooks to\n"
            "its settings in the current directory, or in the one given by --directory: one\n"
            "saves before each turn, one after it. Everything else in the file stays. A file\n"
            "that is not a JSON object, or has comments, is not changed, and the command\n"
            "fails. Installing again changes nothing.\n"
            "\n"
            "The files are .claude/settings.json, .gemini/settings.json\n"
            "and .cursor/hooks.json. A store given by --store or FIRN_STORE is written into\n"
            "the hooks.",
    .examples = install_examples,
    .missing_hint = AGENTS,
    .uses = FIRN_COMMAND_USES_WORKSPACE,
    .run = run_install,
};

static const struct firn_command_example print_examples[] = {
    {"firn hook print cursor", "show what install would write"},
    {NULL, NULL},
};

static const struct firn_command print_command = {
    .name = "print",
    .summary = "Print the settings that install would write",
    .arguments = "AGENT",
    .options = options,
    .help = "Prints what firn hook install writes into empty settings, for reading or\n"
            "copying. Nothing is changed.",
    .examples = print_examples,
    .missing_hint = AGENTS,
    .uses = FIRN_COMMAND_USES_WORKSPACE,
    .run = run_print,
};

static const struct firn_command_example remove_examples[] = {
    {"firn hook remove claude", "remove the hooks from this project's settings"},
    {NULL, NULL},
};

static const struct firn_command remove_command = {
    .name = "remove",
    .summary = "Remove the hooks from an agent's settings",
    .arguments = "AGENT",
    .options = options,
    .help = "Removes what firn hook install added, and nothing else. A file that would be\n"
            "empty afterwards is deleted. Checkpoints stay.",
    .examples = remove_examples,
    .missing_hint = AGENTS,
    .uses = FIRN_COMMAND_USES_WORKSPACE,
    .run = run_remove,
};

static const struct firn_command_example run_examples[] = {
    {"firn hook run claude before", "save, as Claude Code does before a turn"},
    {NULL, NULL},
};

static const struct firn_command run_command = {
    .name = "run",
    .summary = "Save if something changed; agents run this",
    .arguments = "AGENT WHEN",
    .help = "The agent runs this, with WHEN being before or after, and describes the turn on\n"
            "standard input. A checkpoint is made if something has changed since the previous\n"
            "one; its message contains the beginning of the prompt, also after the turn. The\n"
            "directories are those that the agent names, or the one given by --directory. The\n"
            "home directory and the root directory are saved only if they were saved before.\n"
            "\n"
            "The answer, in the agent's own format, lets the turn go on. The exit code is 0,\n"
            "or 1 after a failure, which agents show as a warning.",
    .examples = run_examples,
    .missing_hint = AGENTS,
    .uses = FIRN_COMMAND_USES_WORKSPACE | FIRN_COMMAND_USES_LOCK,
    .refuses_json = "",
    .run = run_run,
};

static const struct firn_command *const members[] = {&install_command, &print_command,
                                                     &remove_command, &run_command, NULL};

const struct firn_command firn_hook = {
    .name = "hook",
    .summary = "Save before and after each turn of a coding agent",
    .arguments = "",
    .help = "Coding agents can run commands at the beginning and the end of each turn. firn\n"
            "hook makes them save the directory, so that every turn can be taken back.",
    .members = members,
};

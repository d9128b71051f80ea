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
#include "term/term_try.h"

/* ---- settings ---- */

#define PUSH_OPTION " --push"
enum { COMMAND_SIZE = 64, STORE_SIZE = 4300, OPTIONS_SIZE = STORE_SIZE + sizeof(PUSH_OPTION) };

/* The change that a command makes to settings. */
struct change {
    const struct fi_hook_agent *agent;
    char path[PATH_MAX];
    char command[COMMAND_SIZE];
    char options[OPTIONS_SIZE];
    struct fi_hook_file_place place; /* of the path */
    bool has_tools;
};

#define AGENTS "one of claude, codex, gemini, cursor, copilot, opencode, windsurf, cline, qwen"

static int
find_agent(struct fi_cli *cli, const struct fi_hook_agent **out)
{
    assert(cli->argument_count > 0);
    *out = fi_hook_agent_find(cli->arguments[0]);
    if (*out == NULL) {
        return fi_command_misused(cli, "'%s' is not " AGENTS, cli->arguments[0]);
    }
    return FI_EXIT_OK;
}

/* --store as a word of the shell, absolute, because hooks begin anywhere. */
static bool
write_options(const char *store, char out[STORE_SIZE])
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
    size = (size_t)snprintf(out, STORE_SIZE, " --store '%s%s", here, slash);
    for (const char *at = store; *at != '\0'; at++) {
        if (*at == '\'' || size + 3 >= STORE_SIZE) {
            return false;
        }
        out[size++] = *at;
    }
    memcpy(out + size, "'", 2);
    return strchr(here, '\'') == NULL;
}

static bool
has_dots(const char *path)
{
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0')) {
            return true;
        }
    }
    return false;
}

/* How much of the path of --file is the user's word for a directory. A path below the current
 * directory is a name in the project, which may come from elsewhere; of any other the user chose
 * the directory. */
static size_t
base_size_of(const char *file)
{
    char here[PATH_MAX];
    const char *slash = strrchr(file, '/');
    const size_t here_size = getcwd(here, sizeof(here)) != NULL ? strlen(here) : 0;
    if (here_size > 1 && strncmp(file, here, here_size) == 0 && file[here_size] == '/' &&
        !has_dots(file)) {
        return here_size + 1;
    }
    return slash != NULL && (file[0] == '/' || has_dots(file)) ? (size_t)(slash - file) + 1 : 0;
}

/* installs: the command has the options of what is installed. */
static int
make_change(struct fi_cli *cli, const struct fi_hook_agent *agent, bool installs,
            struct change *out)
{
    const bool has_push = installs && fi_command_has(cli, "push");
    const char *file = fi_command_value(cli, "file");
    bool is_user = fi_command_has(cli, "user");
    const char *home = getenv("HOME");
    const char *base = is_user ? home : NULL;
    out->agent = agent;
    if (is_user && (file != NULL || cli->directory != NULL)) {
        return fi_command_misused(cli, "--user and --file or --directory exclude each other");
    }
    if (is_user && (home == NULL || home[0] == '\0')) {
        return fi_command_report_error(cli, FIRN_NOT_FOUND, NULL, "HOME is not set");
    }
    if (file != NULL && out->agent->form == FI_HOOK_AGENT_SCRIPTS) {
        return fi_command_misused(cli, "%s reads its hooks from '%s' only", out->agent->title,
                                  out->agent->file);
    }
    const char *known =
        is_user && out->agent->user_file != NULL ? out->agent->user_file : out->agent->file;
    bool is_below = base != NULL && (file == NULL || file[0] != '/');
    int size = snprintf(out->path, sizeof(out->path), "%s%s%s", is_below ? base : "",
                        is_below ? "/" : "", file != NULL ? file : known);
    if (size < 0 || (size_t)size >= sizeof(out->path)) {
        return fi_command_report_error(cli, FIRN_LIMIT, NULL,
                                       "the path of the settings is too long");
    }
    out->place = (struct fi_hook_file_place){
        .path = out->path,
        .base_size = file != NULL ? base_size_of(file) : (size_t)size - strlen(known),
        .is_chosen = file != NULL};
    out->has_tools = installs && fi_command_has(cli, "tools");
    (void)snprintf(out->command, sizeof(out->command), "firn hook run %s", out->agent->name);
    if (!write_options(cli->store_path, out->options)) {
        return fi_command_misused(cli, "the store's path is too long, or has a quotation mark");
    }
    if (has_push) {
        memcpy(out->options + strlen(out->options), PUSH_OPTION, sizeof(PUSH_OPTION));
    }
    return FI_EXIT_OK;
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

static struct fi_hook_agent_wish
wish_of(const struct change *change)
{
    return (struct fi_hook_agent_wish){change->agent, change->command, change->options,
                                       change->has_tools};
}

static bool
is_of_files(const struct fi_hook_agent *agent)
{
    return agent->form == FI_HOOK_AGENT_SCRIPTS || agent->form == FI_HOOK_AGENT_PLUGIN;
}

static int
install_into(void *ctx, json_t *settings, firn_error *err)
{
    const struct change *change = ctx;
    const struct fi_hook_agent_wish wish = wish_of(change);
    int code = fi_hook_settings_install(settings, &wish, err);
    return code != FIRN_OK ? name_file(err, change->path) : FIRN_OK;
}

static int
remove_from(void *ctx, json_t *settings, firn_error *err)
{
    const struct change *change = ctx;
    int code = fi_hook_settings_remove(settings, change->agent, err);
    return code != FIRN_OK ? name_file(err, change->path) : FIRN_OK;
}

/* The settings as they become; `installs` or takes out. */
static int
change_settings(struct change *change, bool installs, struct fi_hook_settings_changed *out,
                firn_error *err)
{
    char *text = NULL;
    size_t size = 0;
    int code = fi_hook_file_read(&change->place, &text, &size, err);
    if (code == FIRN_OK) {
        code = fi_hook_settings_change(firn_bytes(text, size), change->path,
                                       installs ? install_into : remove_from, change, out, err);
    }
    free(text);
    return code;
}

static void
show_change(struct fi_cli *cli, const struct change *change, bool changed, const char *done,
            const char *not_done)
{
    fi_term_json_string("agent", change->agent->name);
    fi_term_json_bytes("file", firn_str(change->path));
    fi_term_json_bool("changed", changed);
    if (!cli->quiet) {
        fi_term_text_escape(firn_str(change->path), fi_term_out_write);
        fi_term_out_format(": %s\n", changed ? done : not_done);
    }
}

/* Changes settings in JSON, and says in *out_done what was done. */
static int
change_json(struct change *change, bool installs, bool *out_changed, const char **out_done,
            firn_error *err)
{
    struct fi_hook_settings_changed changed = {.text = NULL};
    bool is_removed = false;
    int code = change_settings(change, installs, &changed, err);
    *out_changed = changed.has_changed;
    if (code == FIRN_OK && changed.has_changed) {
        bool is_empty = fi_hook_settings_say_nothing(changed.settings, change->agent);
        code = is_empty ? fi_hook_file_remove(&change->place, changed.text, &is_removed, err)
                        : fi_hook_file_replace(&change->place, changed.text, err);
    }
    if (is_removed) {
        *out_done = "firn's hooks and the file were removed: it contained nothing else";
    }
    fi_hook_settings_changed_deinit(&changed);
    return code;
}

static int
change_files(struct change *change, bool installs, bool *out_changed, firn_error *err)
{
    struct fi_hook_script_list list;
    const struct fi_hook_agent_wish wish = wish_of(change);
    int code = fi_hook_script_list_make(&wish, &change->place, &list, err);
    if (code == FIRN_OK) {
        code = installs ? fi_hook_script_list_install(&list, out_changed, err)
                        : fi_hook_script_list_remove(&list, out_changed, err);
    }
    fi_hook_script_list_deinit(&list);
    return code;
}

/* What to do about settings that were not changed; NULL where the error says it. */
static const char *
hint_for(const struct change *change, bool installs, const firn_error *err)
{
    if (err->code == FIRN_INVALID && err->os_errno == ELOOP) {
        return change->agent->form == FI_HOOK_AGENT_SCRIPTS
                   ? "a link may lead out of the project: put a directory there, not a link"
                   : "a link may lead out of the project: put a file there, or name the one it "
                     "leads to with --file";
    }
    return installs && err->code == FIRN_INVALID
               ? "add them by hand: firn hook print shows the text"
               : NULL;
}

/* ---- saving ---- */

static int
hook_save(struct fi_cli *cli, struct fi_task_patience_saving *saving)
{
    firn_error err;
    struct fi_task_notices notices;
    fi_task_notices_init(&notices, cli);
    fi_task_settings_save(&cli->settings, &saving->options);
    saving->options.if_changed = true;
    saving->options.callbacks = fi_task_notices_callbacks(&notices);
    int code = fi_task_patience_run(cli, fi_task_patience_save, saving, &err);
    fi_term_meter_clear();
    fi_task_notices_deinit(&notices);
    if (code == FIRN_OK && saving->result.gc_is_due) {
        fi_task_collect_if_due(saving->workspace);
    }
    if (code == FIRN_OK) {
        fi_task_push_after_save(saving->workspace, &cli->settings, fi_command_has(cli, "push"));
    }
    return code == FIRN_OK ? FI_EXIT_OK : fi_command_report_failure(cli, &err, NULL);
}

static int
note_any(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)checkpoint;
    *(bool *)ctx = true;
    return FIRN_CANCELLED;
}

/* Hooks with --push do nothing more than others while there is no remote. */
static void
report_no_remote(const struct fi_cli *cli, firn_workspace *workspace)
{
    char remote[FI_COMMAND_REMOTE_SIZE];
    if (fi_command_has(cli, "push") && !cli->quiet && cli->settings.push[0] == '\0' &&
        !fi_task_remote_usual(workspace, remote)) {
        fi_term_out_text(fi_task_remote_has(workspace, NULL)
                             ? "still to do: name the remote: firn config push.auto NAME\n"
                             : "still to do: nothing is pushed until there is a remote: firn "
                               "remote add NAME URL\n");
    }
}

/* Saves the project's directory if it has never been saved, so that there is a way back from the
 * first turn even if the agent does not run its hooks. A save that fails is reported; the hooks
 * stay installed. out_above is the root of the workspace if that is above the directory, else
 * "". */
static int
save_first(struct fi_cli *cli, const struct fi_hook_agent *agent, char out_above[PATH_MAX])
{
    char message[100];
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    bool is_untrusted;
    bool is_saved = false;
    firn_error err;
    struct fi_task_patience_saving saving = {NULL, FIRN_WORKSPACE_SAVE_OPTIONS_INIT,
                                             FIRN_WORKSPACE_SAVE_RESULT_INIT};
    firn_workspace_list_options list = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    out_above[0] = '\0';
    int exit_code = fi_task_workspace_open_unasked(cli, &saving.workspace, &is_untrusted);
    if (exit_code != FI_EXIT_OK) {
        return is_untrusted ? FI_EXIT_OK : exit_code; /* left alone, as it was told */
    }
    if (firn_workspace_subpath(saving.workspace)[0] != '\0') {
        (void)snprintf(out_above, PATH_MAX, "%s", firn_workspace_root(saving.workspace));
    }
    int code = firn_workspace_list(saving.workspace, &list, note_any, &is_saved, &err);
    if (code != FIRN_OK && code != FIRN_CANCELLED) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    } else if (!is_saved && fi_task_workspace_unwanted(saving.workspace) == NULL) {
        (void)snprintf(message, sizeof(message), "before the first turn of %s", agent->title);
        saving.options.message = firn_str(message);
        exit_code = hook_save(cli, &saving);
    }
    if (saving.result.checkpoint != NULL) {
        fi_term_json_u64("checkpoint", saving.result.checkpoint->number);
        if (!cli->quiet) {
            const uint64_t files = saving.result.checkpoint->files;
            fi_term_out_format("this directory is saved now: checkpoint %llu, %s %s\n",
                               (unsigned long long)saving.result.checkpoint->number,
                               fi_term_text_number(files, number),
                               fi_term_text_plural(files, "file", "files"));
        }
    }
    report_no_remote(cli, saving.workspace);
    firn_release(saving.result.checkpoint);
    firn_workspace_close(saving.workspace);
    return exit_code;
}

/* Makes one change, and shows it; a failure is for the caller to report. */
static int
apply_change(struct fi_cli *cli, struct change *change, bool installs, firn_error *err)
{
    bool has_changed = false;
    const char *done = !installs ? "firn's hooks were removed"
                       : change->has_tools
                           ? "every turn is saved from now on, and each tool that changes something"
                           : "every turn is saved from now on";
    int code = is_of_files(change->agent) ? change_files(change, installs, &has_changed, err)
                                          : change_json(change, installs, &has_changed, &done, err);
    if (code == FIRN_OK) {
        show_change(cli, change, has_changed, done,
                    installs ? "has firn's hooks already" : "has no hooks of firn");
    }
    return code;
}

static void
report_rest(struct fi_cli *cli, const struct fi_hook_agent *agent, bool is_project,
            const char *above)
{
    char here[PATH_MAX];
    if (!cli->quiet) {
        fi_hook_status_report_rest(agent, is_project ? getcwd(here, sizeof(here)) : NULL,
                                   above[0] != '\0' ? above : NULL);
    }
}

static int
run_change(struct fi_cli *cli, bool installs)
{
    const struct fi_hook_agent *agent;
    struct change change = {.agent = NULL};
    firn_error err;
    char above[PATH_MAX] = "";
    FI_TRY_RETURN(find_agent(cli, &agent));
    FI_TRY_RETURN(make_change(cli, agent, installs, &change));
    if (apply_change(cli, &change, installs, &err) != FIRN_OK) {
        return fi_command_report_failure(cli, &err, hint_for(&change, installs, &err));
    }
    if (!installs) {
        return FI_EXIT_OK;
    }
    const bool is_project = !fi_command_has(cli, "user") && fi_command_value(cli, "file") == NULL;
    int exit_code = is_project ? save_first(cli, agent, above) : FI_EXIT_OK;
    report_rest(cli, agent, is_project, above);
    return exit_code;
}

/* ---- all agents ---- */

enum { ALL_MAX = 16 };

struct all {
    const struct fi_hook_agent *installed[ALL_MAX];
    size_t count;
    bool has_failed;
};

/* Of a project, or for all projects, where the home alone tells. */
static bool
is_wanted(const struct fi_hook_agent *agent, bool is_user)
{
    const char *home = getenv("HOME");
    return (!is_user && fi_hook_agent_is_used(agent, ".", false)) ||
           (home != NULL && home[0] == '/' && fi_hook_agent_is_used(agent, home, true));
}

/* An agent that cannot have the hooks does not keep the others from it. */
static int
install_one(struct fi_cli *cli, const struct fi_hook_agent *agent, struct all *all)
{
    struct change change = {.agent = NULL};
    firn_error err;
    FI_TRY_RETURN(make_change(cli, agent, true, &change));
    fi_term_json_object(NULL);
    if (apply_change(cli, &change, true, &err) == FIRN_OK) {
        assert(all->count < ALL_MAX);
        all->installed[all->count++] = agent;
    } else {
        const char *hint = hint_for(&change, true, &err);
        all->has_failed = true;
        fi_term_json_string("agent", agent->name);
        fi_term_json_text("failure", firn_str(err.text));
        fi_command_report_line("%s: %s", agent->title, err.text);
        if (hint != NULL) {
            fi_command_report_more("hint", hint);
        }
    }
    fi_term_json_end();
    return FI_EXIT_OK;
}

static int
install_found(struct fi_cli *cli, struct all *all)
{
    const bool is_user = fi_command_has(cli, "user");
    const struct fi_hook_agent *agent;
    bool has_claude = false;
    fi_term_json_array("agents");
    for (unsigned i = 0; (agent = fi_hook_agent_at(i)) != NULL; i++) {
        if (!is_wanted(agent, is_user)) {
            continue;
        }
        if (has_claude && !is_user && strcmp(agent->name, "copilot") == 0) {
            if (!cli->quiet) {
                fi_term_out_text("GitHub Copilot reads the hooks of Claude Code: it has none of "
                                 "its own\n");
            }
            continue;
        }
        FI_TRY_RETURN(install_one(cli, agent, all));
        has_claude = has_claude || strcmp(agent->name, "claude") == 0;
    }
    fi_term_json_end();
    return FI_EXIT_OK;
}

static int
install_all(struct fi_cli *cli)
{
    struct all all = {.count = 0};
    const bool is_project = !fi_command_has(cli, "user");
    char above[PATH_MAX] = "";
    int exit_code = FI_EXIT_OK;
    if (cli->argument_count > 0 || fi_command_value(cli, "file") != NULL) {
        return fi_command_misused(cli, "--all excludes AGENT and --file");
    }
    FI_TRY_RETURN(install_found(cli, &all));
    if (all.count == 0 && !all.has_failed) {
        return fi_command_report_error(cli, FIRN_NOT_FOUND, "name one: " AGENTS,
                                       "no agent has left traces %s",
                                       is_project ? "here or in your home" : "in your home");
    }
    if (is_project && all.count > 0) {
        exit_code = save_first(cli, all.installed[0], above);
    }
    for (size_t i = 0; i < all.count; i++) {
        report_rest(cli, all.installed[i], is_project, above);
    }
    return exit_code == FI_EXIT_OK && all.has_failed ? FI_EXIT_PARTIAL : exit_code;
}

static int
run_install(struct fi_cli *cli)
{
    if (fi_command_has(cli, "all")) {
        return install_all(cli);
    }
    if (cli->argument_count == 0) {
        return fi_command_misused(cli, "missing AGENT, or --all");
    }
    return run_change(cli, true);
}

static int
run_remove(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    return run_change(cli, false);
}

static int
print_files(struct fi_cli *cli, const struct change *change)
{
    struct fi_hook_script_list list;
    const struct fi_hook_agent_wish wish = wish_of(change);
    firn_error err;
    int code = fi_hook_script_list_make(&wish, &change->place, &list, &err);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    fi_term_json_string("agent", change->agent->name);
    fi_term_json_bytes("file", firn_str(change->path));
    fi_term_json_array("files");
    for (size_t i = 0; i < list.count; i++) {
        const struct fi_hook_script *script = &list.scripts[i];
        if (script->text == NULL) {
            continue;
        }
        fi_term_json_object(NULL);
        fi_term_json_bytes("path", firn_str(script->path));
        fi_term_json_bytes("text", firn_str(script->text));
        fi_term_json_end();
        if (script->is_script) {
            fi_term_out_text("==> ");
            fi_term_text_escape(firn_str(script->path), fi_term_out_write);
            fi_term_out_text("\n");
        }
        fi_term_out_text(script->text);
    }
    fi_term_json_end();
    fi_hook_script_list_deinit(&list);
    return FI_EXIT_OK;
}

static int
print_json(struct fi_cli *cli, struct change *change)
{
    firn_error err;
    struct fi_hook_settings_changed changed;
    int code = fi_hook_settings_change(firn_bytes(NULL, 0), change->path, install_into, change,
                                       &changed, &err);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    fi_term_json_string("agent", change->agent->name);
    fi_term_json_bytes("file", firn_str(change->path));
    fi_term_json_string("settings", changed.text);
    fi_term_out_text(changed.text);
    fi_hook_settings_changed_deinit(&changed);
    return FI_EXIT_OK;
}

static int
run_print(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    const struct fi_hook_agent *agent;
    struct change change;
    FI_TRY_RETURN(find_agent(cli, &agent));
    FI_TRY_RETURN(make_change(cli, agent, true, &change));
    return is_of_files(change.agent) ? print_files(cli, &change) : print_json(cli, &change);
}

/* ---- run ---- */

/* What a moment of a turn saves in one directory, or in the current one where path is NULL. */
static int
save_directory(struct fi_cli *cli, const char *path, const struct fi_task_patience_saving *wanted)
{
    assert(wanted != NULL);
    struct fi_task_patience_saving saving = *wanted;
    bool is_untrusted;
    if (path != NULL) {
        cli->workspace_path = path;
    }
    int exit_code = fi_task_workspace_open_unasked(cli, &saving.workspace, &is_untrusted);
    if (exit_code != FI_EXIT_OK) {
        return is_untrusted ? FI_EXIT_OK : exit_code; /* left alone, as it was told */
    }
    const char *root = firn_workspace_root(saving.workspace);
    if (fi_task_workspace_unwanted(saving.workspace) != NULL) {
        fi_command_report_line(
            "'%s' is not saved at every turn; if it should be, save it once: firn save --yes",
            root);
    } else {
        exit_code = hook_save(cli, &saving);
    }
    firn_release(saving.result.checkpoint);
    firn_workspace_close(saving.workspace);
    return exit_code;
}

/* Whether an event before a turn may come in the middle of one: Qwen Code sends it with an empty
 * prompt before each call of its model, and Cline has one for the task and one for the prompt. */
static bool
goes_on(const struct fi_hook_event *event)
{
    return event->session[0] != '\0' && (event->prompt == NULL || event->prompt[0] == '\0');
}

/* Saves all directories of the project; one that cannot be saved does not keep the others from
 * it. */
static int
save_turn(struct fi_cli *cli, const struct fi_hook_event *event, const struct fi_hook_agent *agent,
          enum fi_hook_agent_when when)
{
    char message[200];
    struct fi_task_patience_saving saving = {NULL, FIRN_WORKSPACE_SAVE_OPTIONS_INIT,
                                             FIRN_WORKSPACE_SAVE_RESULT_INIT};
    if (when == FI_HOOK_AGENT_TOOL) {
        (void)snprintf(message, sizeof(message), "%s, %s", agent->title,
                       event->tool[0] != '\0' ? event->tool : "a tool");
    } else {
        (void)snprintf(message, sizeof(message), "%s %s", fi_hook_agent_when_name(when),
                       agent->title);
    }
    saving.options.message = firn_str(message);
    saving.options.turn.agent = firn_str(agent->title);
    saving.options.turn.session = firn_str(event->session);
    saving.options.turn.prompt = firn_str(event->prompt != NULL ? event->prompt : "");
    saving.options.turn_begins = when == FI_HOOK_AGENT_BEFORE;
    saving.options.turn_continues =
        when == FI_HOOK_AGENT_TOOL || (when == FI_HOOK_AGENT_BEFORE && goes_on(event));
    cli->quiet = true;
    if (cli->directory != NULL || event->directory_count == 0) {
        return save_directory(cli, NULL, &saving);
    }
    if (event->directories_left > 0) {
        fi_command_report_line("%zu further directories of the project are not saved",
                               event->directories_left);
    }
    int exit_code = FI_EXIT_OK;
    for (size_t i = 0; i < event->directory_count; i++) {
        int saved = save_directory(cli, event->directories[i], &saving);
        exit_code = saved != FI_EXIT_OK ? saved : exit_code;
    }
    return exit_code;
}

static int
run_run(struct fi_cli *cli)
{
    assert(cli->argument_count == 1 || cli->argument_count == 2);
    static struct fi_hook_event event;
    const struct fi_hook_agent *agent;
    int exit_code = find_agent(cli, &agent);
    if (exit_code != FI_EXIT_OK) {
        return FI_EXIT_FAILED;
    }
    enum fi_hook_agent_when when = cli->argument_count == 1
                                       ? FI_HOOK_AGENT_WHENS
                                       : fi_hook_agent_when_named(cli->arguments[1]);
    if (when == FI_HOOK_AGENT_WHENS) {
        (void)fi_command_misused(
            cli, cli->argument_count == 1
                     ? "WHEN is missing: before, after or tool, the moment of the turn"
                     : "WHEN is before, after or tool");
        return FI_EXIT_FAILED;
    }
    fi_hook_event_read(agent, &event);
    exit_code = save_turn(cli, &event, agent, when);
    fi_hook_event_deinit(&event);
    fi_term_out_text(agent->answers[when]);
    return exit_code == FI_EXIT_OK ? FI_EXIT_OK : FI_EXIT_FAILED;
}

/* ---- descriptions ---- */

static const struct fi_command_option install_options[] = {
    {"all", 0, NULL, "for each agent that is used here, or by you"},
    {"tools", 0, NULL, "save after each tool that changes something, too"},
    {"push", 0, NULL, "push to a remote in the background after each save"},
    {"user", 0, NULL, "use the settings in your home: for all projects"},
    {"file", 0, "FILE", "use this settings file"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_option print_options[] = {
    {"tools", 0, NULL, "save after each tool that changes something, too"},
    {"push", 0, NULL, "push to a remote in the background after each save"},
    {"user", 0, NULL, "use the settings in your home: for all projects"},
    {"file", 0, "FILE", "use this settings file"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_option remove_options[] = {
    {"user", 0, NULL, "use the settings in your home: for all projects"},
    {"file", 0, "FILE", "use this settings file"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example install_examples[] = {
    {"firn hook install claude", "save the turns of Claude Code in this project"},
    {"firn hook install --all", "the same for each agent that is used here, or by you"},
    {"firn hook install gemini --user", "save the turns of Gemini CLI in all projects"},
    {"firn hook install codex --tools", "save after each of its tools, too"},
    {"firn hook install claude --file .claude/settings.local.json",
     "use settings that the team does not share"},
    {NULL, NULL},
};

static const struct fi_command install_command = {
    .name = "install",
    .summary = "Save before and after each turn of a coding agent",
    .arguments = "[AGENT]",
    .options = install_options,
    .help = "Adds two hooks to the settings of an agent in the current directory, or in the\n"
            "one given by --directory: one saves before each turn, one after it. AGENT is\n"
            "\n"
            "  claude    Claude Code     .claude/settings.json\n"
            "  codex     Codex           .codex/hooks.json\n"
            "  gemini    Gemini CLI      .gemini/settings.json\n"
            "  cursor    Cursor          .cursor/hooks.json\n"
            "  copilot   GitHub Copilot  .github/hooks/firn.json\n"
            "  opencode  OpenCode        .opencode/plugins/firn.js\n"
            "  windsurf  Windsurf        .windsurf/hooks.json\n"
            "  cline     Cline           .clinerules/hooks/, scripts\n"
            "  qwen      Qwen Code       .qwen/settings.json\n"
            "\n"
            "With --all, each agent gets the hooks of which the project or your home has\n"
            "traces, such as .cursor; with --user only the home counts. One whose settings\n"
            "cannot be changed is named, and the exit code is 6.\n"
            "\n"
            "A directory that was never saved is saved at once: there is a way back from the\n"
            "first turn, even if the agent does not run the hooks. With --user or --file\n"
            "nothing is saved.\n"
            "\n"
            "Everything else in the file stays. A file that is not a JSON object, or has\n"
            "comments, is not changed, and the command fails; so does a script or a plugin\n"
            "of that name that is not firn's. Links below the project's directory, or with\n"
            "--user below your home, are not followed. Installing again changes nothing,\n"
            "except that --tools and --push are added or taken away. A store given by --store\n"
            "or FIRN_STORE is written into the hooks.\n"
            "\n"
            "With --tools a checkpoint is also made after each tool that changed something,\n"
            "such as an edit or a command. They all belong to the turn: firn undo --turn\n"
            "goes back before it, firn undo before the last of them.\n"
            "\n"
            "With --push, what was saved is pushed in the background, to the remote that firn\n"
            "config push.auto names, else to the only one, or origin; the turn does not wait\n"
            "for it (see firn help push).",
    .examples = install_examples,
    .missing_hint = AGENTS,
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = run_install,
};

static const struct fi_command_example print_examples[] = {
    {"firn hook print cursor", "show what install would write"},
    {NULL, NULL},
};

static const struct fi_command print_command = {
    .name = "print",
    .summary = "Print the settings that install would write",
    .arguments = "AGENT",
    .options = print_options,
    .help = "Prints what firn hook install writes into empty settings, for reading or\n"
            "copying. Nothing is changed.",
    .examples = print_examples,
    .missing_hint = AGENTS,
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = run_print,
};

static const struct fi_command_example remove_examples[] = {
    {"firn hook remove claude", "remove the hooks from this project's settings"},
    {NULL, NULL},
};

static const struct fi_command remove_command = {
    .name = "remove",
    .summary = "Remove the hooks from an agent's settings",
    .arguments = "AGENT",
    .options = remove_options,
    .help = "Removes what firn hook install added, and nothing else. A file that would be\n"
            "empty afterwards is deleted. Checkpoints stay.",
    .examples = remove_examples,
    .missing_hint = AGENTS,
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = run_remove,
};

static const struct fi_command_option run_options[] = {
    {"push", 0, NULL, "push to a remote in the background after the save"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example run_examples[] = {
    {"firn hook run claude before", "save, as Claude Code does before a turn"},
    {NULL, NULL},
};

static const struct fi_command run_command = {
    .name = "run",
    .summary = "Save if something changed; agents run this",
    .arguments = "AGENT [WHEN]",
    .options = run_options,
    .help = "The agent runs this, with WHEN being before, after or tool, and describes it on\n"
            "standard input. A checkpoint is made if something has changed since the previous\n"
            "one; its message contains the beginning of the prompt, also after the turn. The\n"
            "directories are those that the agent names, or the one given by --directory. The\n"
            "home directory and the root directory are saved only if they were saved before.\n"
            "\n"
            "The answer, in the agent's own format, lets the turn go on. The exit code is 0,\n"
            "or 1 after a failure, which agents show as a warning.",
    .examples = run_examples,
    .missing_hint = AGENTS,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .refuses_json = "",
    .run = run_run,
};

static const struct fi_command *const members[] = {
    &install_command, &print_command, &remove_command, &fi_hook_status, &run_command, NULL};

const struct fi_command fi_hook = {
    .name = "hook",
    .summary = "Save before and after each turn of a coding agent",
    .arguments = "",
    .help = "Coding agents can run commands at the beginning and the end of each turn. firn\n"
            "hook makes them save the directory, so that every turn can be taken back.",
    .members = members,
};

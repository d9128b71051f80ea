/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_watch.c: firn watch.
 *
 * It stays in the foreground, so a terminal or a service manager can end it by a signal; --stop
 * ends it from elsewhere. A line for each checkpoint is printed at once.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "service/service.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

enum { DIGITS_MAX = 3 };

/* Seconds between two looks at what is not pushed, and until a push that did not end counts as
 * gone. */
enum { LOOK_S = 2, GONE_S = 60 };

/* Pushes in the background. */
struct pushing {
    char remote[FI_COMMAND_REMOTE_SIZE]; /* "": none */
    bool is_outstanding;                 /* something may not be pushed yet */
    bool has_told;                       /* that pushes fail */
    int64_t looked_s;
    int64_t started_s;
    int64_t failed_ns; /* the failure after which a push was started last */
};

struct watching {
    struct fi_cli *cli;
    firn_workspace *workspace;
    firn_workspace_watch_options options;
    firn_workspace_save_options save;
    struct fi_task_notices notices;
    uint64_t directories;
    uint64_t checkpoints;
    struct pushing pushing;
};

/* ---- pushing what was saved ----
 *
 * A process of its own pushes (task_push.c), so that nothing here waits for a network. Its failure
 * stands in the store. Until all is pushed, the watch looks there every few seconds, and starts
 * another push when one is due. */

static int64_t
now_s(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec;
}

static void
start_push(struct watching *watching)
{
    struct pushing *pushing = &watching->pushing;
    pushing->is_outstanding = true;
    pushing->started_s = now_s();
    fi_task_push_start(watching->workspace, pushing->remote);
}

static void
push_saved(struct watching *watching)
{
    struct pushing *pushing = &watching->pushing;
    if (pushing->remote[0] == '\0') {
        return;
    }
    pushing->is_outstanding = true;
    if (fi_task_push_is_due(watching->workspace, pushing->remote)) {
        start_push(watching);
    }
}

struct look {
    struct watching *watching;
    int64_t failed_ns;
};

static int
look_at_remote(void *ctx, const firn_remote_info *remote)
{
    struct look *look = ctx;
    struct pushing *pushing = &look->watching->pushing;
    if (strcmp(remote->name, pushing->remote) != 0) {
        return FIRN_OK;
    }
    look->failed_ns = remote->failed_ns;
    pushing->is_outstanding = remote->not_pushed > 0;
    if (!pushing->is_outstanding && pushing->has_told) {
        fi_command_report_line("pushed to %s again", remote->name);
        pushing->has_told = false;
    }
    if (pushing->is_outstanding && remote->failed_text != NULL && !pushing->has_told) {
        fi_command_report_line("not pushed to %s: %s", remote->name, remote->failed_text);
        fi_command_report_more("hint", "nothing is lost: the watch tries again by itself");
        pushing->has_told = true;
    }
    return FIRN_OK;
}

static void
push_rest(struct watching *watching)
{
    struct pushing *pushing = &watching->pushing;
    struct look look = {watching, 0};
    const int64_t now = now_s();
    if (!pushing->is_outstanding || now - pushing->looked_s < LOOK_S) {
        return;
    }
    pushing->looked_s = now;
    int code = firn_remote_list(watching->workspace, look_at_remote, &look, NULL);
    /* Each failure is followed by one more try, once its pause is over. */
    bool is_wanted = (look.failed_ns != 0 && look.failed_ns != pushing->failed_ns) ||
                     now - pushing->started_s >= GONE_S;
    if (code == FIRN_OK && pushing->is_outstanding && is_wanted &&
        fi_task_push_is_due(watching->workspace, pushing->remote)) {
        pushing->failed_ns = look.failed_ns;
        start_push(watching);
    }
}

/* What was saved before the watch began is pushed as well. Returns an exit code. */
static int
prepare_push(struct watching *watching)
{
    struct fi_cli *cli = watching->cli;
    struct pushing *pushing = &watching->pushing;
    const char *named = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    bool is_asked = fi_command_has(cli, "push");
    firn_error err;
    firn_push_options options = FIRN_PUSH_OPTIONS_INIT;
    const char *remote = named != NULL                   ? named
                         : cli->settings.push[0] != '\0' ? cli->settings.push
                                                         : NULL;
    if (!is_asked && (remote == NULL || fi_command_has(cli, "no-save"))) {
        return FI_EXIT_OK;
    }
    options.automatic = true;
    options.dry_run = true;
    int code = firn_workspace_push(watching->workspace, remote, &options, NULL, &err);
    if (code != FIRN_OK && is_asked) {
        return fi_command_report_failure(cli, &err,
                                         code == FIRN_NOT_FOUND &&
                                                 !fi_task_remote_has(watching->workspace, NULL)
                                             ? NULL
                                             : "firn remote list shows the remotes");
    }
    if (remote != NULL) {
        (void)snprintf(pushing->remote, sizeof(pushing->remote), "%s", remote);
    } else {
        (void)fi_task_remote_usual(watching->workspace, pushing->remote);
    }
    pushing->is_outstanding = pushing->remote[0] != '\0';
    pushing->started_s = now_s() - GONE_S;
    return FI_EXIT_OK;
}

/* ---- while it runs ---- */

static void
on_event(void *ctx, const firn_workspace_watch_event *event)
{
    assert(event->kind != FIRN_WATCH_EVENT_SAVED || event->saved != NULL);
    struct watching *watching = ctx;
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    switch (event->kind) {
    case FIRN_WATCH_EVENT_STARTED:
        watching->directories = event->directories;
        if (!watching->cli->quiet) {
            fi_term_out_text("watching ");
            fi_term_text_escape(firn_str(firn_workspace_root(watching->workspace)),
                                fi_term_out_write);
            fi_term_out_text("\n");
        }
        break;
    case FIRN_WATCH_EVENT_SAVED:
        watching->checkpoints++;
        if (event->saved->gc_is_due && !fi_command_has(watching->cli, "no-config")) {
            fi_task_collect_if_due(watching->workspace);
        }
        push_saved(watching);
        if (watching->cli->quiet) {
            fi_term_out_format("%llu\n", (unsigned long long)event->saved->checkpoint->number);
        } else {
            fi_dir_save_print(event->saved);
            fi_term_out_format("\n");
        }
        break;
    case FIRN_WATCH_EVENT_LIMITED:
        fi_command_report_line(
            "%s %s looked at by each save: %s", fi_term_text_number(event->directories, number),
            fi_term_text_plural(event->directories, "directory is", "directories are"),
            event->text);
        break;
    case FIRN_WATCH_EVENT_LOST:
    case FIRN_WATCH_EVENT_FAILED:
        fi_command_report_line("%s", event->text);
        break;
    }
    fi_term_out_flush();
}

static int
on_tick(void *ctx)
{
    fi_term_meter_pause(); /* a save is over */
    push_rest(ctx);
    bool stops = fi_term_signals_caught() != 0 || fi_term_out_error() != 0;
    return stops ? FIRN_CANCELLED : FIRN_OK;
}

/* With a hint if there is no checkpoint yet, or if another file is at the place of the watch's
 * socket. */
static int
dir_watch_fail(struct watching *watching, int code, firn_error *err)
{
    assert(code != FIRN_OK);
    const char *hint = fi_task_workspace_hint(watching->workspace, "latest", code);
    if (hint == NULL && code == FIRN_EXISTS) {
        hint = "move it away, or remove it: nothing of the store is in it";
    }
    return fi_command_report_failure(watching->cli, err, hint);
}

static int
attempt_watch(void *ctx, firn_error *err)
{
    struct watching *watching = ctx;
    fi_term_meter_stop(); /* a request to stop is a normal end */
    return firn_workspace_watch(watching->workspace, &watching->options, err);
}

static int
dir_watch(struct watching *watching)
{
    struct fi_cli *cli = watching->cli;
    firn_error err;
    int code = fi_task_patience_run(cli, attempt_watch, watching, &err);
    fi_term_meter_clear();
    if (code != FIRN_OK) {
        return dir_watch_fail(watching, code, &err);
    }
    fi_term_json_u64("directories", watching->directories);
    fi_term_json_u64("checkpoints", watching->checkpoints);
    return fi_term_signals_caught() != 0 ? FI_EXIT_SIGNAL + fi_term_signals_caught() : FI_EXIT_OK;
}

/* ---- about one that runs ---- */

static int
dir_watch_show(struct watching *watching, bool stops)
{
    struct fi_cli *cli = watching->cli;
    firn_error err;
    firn_workspace_watch_info info = FIRN_WORKSPACE_WATCH_INFO_INIT;
    char directories[FI_TERM_TEXT_NUMBER_SIZE];
    char dirty[FI_TERM_TEXT_NUMBER_SIZE];
    int code = stops ? firn_workspace_watch_stop(watching->workspace, &info, &err)
                     : firn_workspace_watch_look(watching->workspace, &info, &err);
    if (code != FIRN_OK) {
        return dir_watch_fail(watching, code, &err);
    }
    fi_term_json_u64("process", info.process);
    fi_term_json_u64("directories", info.directories);
    fi_term_json_u64("dirty", info.dirty);
    fi_term_json_u64("unwatched", info.unwatched);
    fi_term_json_string("source", info.is_by_fanotify ? "fanotify" : "inotify");
    if (cli->quiet) {
        fi_term_out_format("%llu\n", (unsigned long long)info.process);
    } else {
        fi_term_out_format("%s by process %llu: %s %s, of which the next save visits %s\n",
                           stops ? "was watched" : "watched", (unsigned long long)info.process,
                           fi_term_text_number(info.directories, directories),
                           fi_term_text_plural(info.directories, "directory", "directories"),
                           fi_term_text_number(info.dirty, dirty));
    }
    return FI_EXIT_OK;
}

/* ---- the command line ---- */

/* "2", "0.25": seconds, to milliseconds. */
static bool
read_seconds(const char *text, int64_t *out_ms)
{
    assert(text != NULL);
    const char *point = strchr(text, '.');
    size_t size = point == NULL ? strlen(text) : (size_t)(point - text);
    char whole[16];
    uint64_t seconds;
    uint64_t thousandths = 0;
    if (size == 0 || size >= sizeof(whole)) {
        return false;
    }
    memcpy(whole, text, size);
    whole[size] = '\0';
    if (!fi_command_number(whole, INT32_MAX, &seconds)) {
        return false;
    }
    if (point != NULL) {
        size_t digits = strlen(point + 1);
        if (digits == 0 || digits > DIGITS_MAX ||
            !fi_command_number(point + 1, 999, &thousandths)) {
            return false;
        }
        for (; digits < DIGITS_MAX; digits++) {
            thousandths *= 10;
        }
    }
    *out_ms = (int64_t)(seconds * 1000 + thousandths);
    return true;
}

static int
read_time(struct fi_cli *cli, const char *name, int64_t *ms)
{
    const char *text = fi_command_value(cli, name);
    if (text == NULL || read_seconds(text, ms)) {
        return FI_EXIT_OK;
    }
    return fi_command_misused(cli, "--%s takes seconds, like 2 or 0.5, not '%s'", name, text);
}

static int
read_options(struct watching *watching)
{
    struct fi_cli *cli = watching->cli;
    firn_workspace_watch_options *options = &watching->options;
    FI_TRY_RETURN(read_time(cli, "quiet-time", &options->quiet_ms));
    FI_TRY_RETURN(read_time(cli, "max-interval", &options->interval_max_ms));
    FI_TRY_RETURN(read_time(cli, "rescan", &options->rescan_ms));
    if (options->rescan_ms == 0) {
        return fi_command_misused(cli, "--rescan must not be 0");
    }
    if (cli->argument_count > 0 && !fi_command_has(cli, "push")) {
        return fi_command_misused(cli, "a REMOTE is for --push; else install or remove");
    }
    if (fi_command_has(cli, "push") &&
        (fi_command_has(cli, "no-save") || fi_command_has(cli, "status") ||
         fi_command_has(cli, "stop"))) {
        return fi_command_misused(cli, "--push excludes --no-save, --status and --stop");
    }
    if (fi_command_has(cli, "status") && fi_command_has(cli, "stop")) {
        return fi_command_misused(cli, "--status and --stop exclude each other");
    }
    return FI_EXIT_OK;
}

static void
fill_save(struct watching *watching)
{
    struct fi_cli *cli = watching->cli;
    const char *message = fi_command_value(cli, "message");
    watching->save.message = firn_str(message != NULL ? message : "watch");
    fi_task_settings_save(&cli->settings, &watching->save);
    watching->save.include_deps |= fi_command_has(cli, "include-deps");
    watching->save.gitignore |= fi_command_has(cli, "gitignore");
    watching->save.without_git |= fi_command_has(cli, "no-git");
    watching->save.strict |= cli->strict;
    /* Entries that a save leaves out are not reported each time; a signal ends the watch. */
    watching->save.callbacks = fi_task_notices_callbacks(&watching->notices);
    watching->save.callbacks.on_notice = NULL;
    watching->options.save = &watching->save;
    watching->options.only_watch = fi_command_has(cli, "no-save");
    watching->options.on_event = on_event;
    watching->options.on_tick = on_tick;
    watching->options.ctx = watching;
}

/* Every workspace: a process for each, whose options are the settings of its workspace. */
static int
run_all(struct fi_cli *cli)
{
    static const char *const alone[] = {"quiet-time", "max-interval", "rescan",       "no-save",
                                        "push",       "message",      "include-deps", "gitignore",
                                        "no-config",  "stop"};
    for (size_t i = 0; i < sizeof(alone) / sizeof(*alone); i++) {
        if (fi_command_has(cli, alone[i])) {
            return fi_command_misused(cli, "--all excludes --%s: firn config has settings",
                                      alone[i]);
        }
    }
    if (cli->argument_count > 0) {
        return fi_command_misused(cli, "--all takes no argument");
    }
    return fi_command_has(cli, "status") ? fi_service_show(cli)
                                         : fi_service_run(cli, fi_command_has(cli, "on-battery"));
}

static int
dir_watch_run(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    const char *word =
        cli->argument_count > 0 && !fi_command_has(cli, "push") ? cli->arguments[0] : "";
    if (strcmp(word, "install") == 0 || strcmp(word, "remove") == 0) {
        return word[0] == 'i' ? fi_service_install(cli) : fi_service_install_remove(cli);
    }
    if (fi_command_has(cli, "all")) {
        return run_all(cli);
    }
    struct watching watching = {.cli = cli,
                                .options = FIRN_WORKSPACE_WATCH_OPTIONS_INIT,
                                .save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT};
    int exit_code = read_options(&watching);
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_task_workspace_open_watched(cli, &watching.workspace);
    }
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    bool stops = fi_command_has(cli, "stop");
    const char *why = stops || fi_command_has(cli, "status") || fi_command_has(cli, "no-save")
                          ? NULL
                          : fi_task_workspace_unwanted(watching.workspace);
    if (why != NULL) {
        exit_code =
            fi_command_report_error(cli, FIRN_INVALID, "to save all of it: firn save --yes",
                                    "'%s' is %s", firn_workspace_root(watching.workspace), why);
        firn_workspace_close(watching.workspace);
        return exit_code;
    }
    fi_task_notices_init(&watching.notices, cli);
    fill_save(&watching);
    if (stops || fi_command_has(cli, "status")) {
        exit_code = dir_watch_show(&watching, stops);
    } else {
        exit_code = prepare_push(&watching);
        exit_code = exit_code == FI_EXIT_OK ? dir_watch(&watching) : exit_code;
    }
    fi_task_notices_deinit(&watching.notices);
    firn_workspace_close(watching.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"quiet-time", 0, "SECONDS", "save after this long without changes (default 2)"},
    {"max-interval", 0, "SECONDS", "save after this long if changes go on (default 60)"},
    {"rescan", 0, "SECONDS", "look at everything this often (default 300)"},
    {"no-save", 0, NULL, "make no saves; only make those of others fast"},
    {"push", 0, NULL, "push to REMOTE in the background after each save"},
    {"message", 'm', "TEXT", "the message of its checkpoints (default: watch)"},
    {"include-deps", 0, NULL, "save dependency directories such as node_modules"},
    {"gitignore", 0, NULL, "exclude what .gitignore files exclude"},
    {"no-git", 0, NULL, "leave out git repositories, too"},
    {"no-config", 0, NULL, "ignore all settings of firn config"},
    {"all", 0, NULL, "watch every workspace that you have saved"},
    {"on-battery", 0, NULL, "with --all, also while the machine runs on it"},
    {"status", 0, NULL, "show which process watches the workspace"},
    {"stop", 0, NULL, "stop the process that watches the workspace"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn watch", "save whenever work pauses for two seconds, until Ctrl-C"},
    {"firn -C ~/project watch --quiet-time 10", "wait for longer pauses"},
    {"firn watch --no-save &", "only make firn save fast"},
    {"firn watch --push nas", "push each checkpoint to the remote nas"},
    {"firn watch --stop", "stop watching"},
    {"firn watch install", "watch every workspace from now on, as a service of systemd"},
    {"firn watch --all --status", "show which workspaces are watched"},
    {NULL, NULL},
};

const struct fi_command fi_dir_watch = {
    .name = "watch",
    .summary = "Save the workspace whenever changes pause",
    .arguments = "[REMOTE|install|remove]",
    .options = options,
    .help = "Runs in the foreground until a signal or firn watch --stop ends it. Saves when\n"
            "it starts, and again whenever something has changed and the workspace has then\n"
            "been quiet for --quiet-time seconds. If the tree is the same as in the newest\n"
            "checkpoint, no checkpoint is made. Prints a line for each save.\n"
            "\n"
            "While it runs, firn save, firn status and the tools of firn mcp look only at\n"
            "what has changed, so they are about as fast in a large workspace as in a small\n"
            "one, with the same results. The store is not locked between saves.\n"
            "\n"
            "Some changes can be found only by looking at everything: writes through a memory\n"
            "mapping that a program keeps, and writes to a file through a name outside of the\n"
            "workspace. firn watch looks at everything every --rescan seconds; firn save\n"
            "--full does so at once. Directories on network file systems are visited by every\n"
            "save, and so are directories beyond the system's limit of watches\n"
            "(fs.inotify.max_user_watches), which firn watch reports.\n"
            "\n"
            "With --push, what is saved is pushed in the background, to REMOTE, else to the\n"
            "one that firn config push.auto names, else to the only one, or origin. If a push\n"
            "fails, for example offline, that is said once, and the watch tries again until\n"
            "all is pushed (see firn help push). A push that runs when the watch ends goes\n"
            "on. Where push.auto is set, the same is done without --push.\n"
            "\n"
            "With --all, every workspace with checkpoints is watched by a process of its own,\n"
            "by the settings of firn config. New ones are found within a minute. One that is\n"
            "told to stop stays so until the next start. On battery none runs, unless\n"
            "--on-battery is given. firn watch install writes a unit of systemd for this user\n"
            "that runs it, and starts it; firn watch remove ends that.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK | FI_COMMAND_USES_STRICT,
    .run = dir_watch_run,
};

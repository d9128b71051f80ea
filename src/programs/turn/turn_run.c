/* SPDX-License-Identifier: Apache-2.0
 *
 * turn/turn_run.c: firn run.
 *
 * The workspace is opened for each save and closed again, so nothing is locked while the command
 * runs, and it may call firn itself. The state before the command is saved, and on disk, before the
 * command begins, so it does not matter what that does to this process.
 *
 * Standard output is the command's; what firn says goes to standard error.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "task/task.h"
#include "term/term.h"
#include "turn/turn_internal.h"

/* As env(1), nice(1) and timeout(1) have them. */
enum { EXIT_NOT_RUN = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NO_COMMAND = 127 };

enum { TEXT_SIZE = 200 };

struct running {
    struct fi_cli *cli;
    char text[TEXT_SIZE]; /* the command, as a shell takes it, for people */
    struct fi_turn_process process;
    char before[FIRN_CHECKPOINT_ID_SIZE]; /* the checkpoint of the state before */
    uint64_t before_number;
    firn_hash before_root;
    char *root;             /* of the workspace: the command may remove the current directory */
    firn_workspace_run run; /* after it has ended */
};

/* ---- the command in words ---- */

static bool
is_plain(const char *word)
{
    return word[0] != '\0' &&
           word[strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                             "_@%+=:,./-")] == '\0';
}

/* Appends bytes; returns false where they do not fit, or a line ends: then "..." is the last. */
static bool
append(char text[TEXT_SIZE], size_t *size, const char *bytes, size_t count)
{
    static const char cut[] = "...";
    const char *end = memchr(bytes, '\n', count);
    const bool is_whole = end == NULL && *size + count + sizeof(cut) <= TEXT_SIZE;
    size_t taken = end != NULL ? (size_t)(end - bytes) : count;
    while (*size + taken + sizeof(cut) > TEXT_SIZE || /* not within a character of UTF-8 */
           (taken > 0 && taken < count && ((unsigned char)bytes[taken] & 0xc0) == 0x80)) {
        taken--;
    }
    memcpy(text + *size, bytes, taken);
    *size += taken;
    if (!is_whole) {
        memcpy(text + *size, cut, sizeof(cut));
        *size += sizeof(cut) - 1;
    }
    text[*size] = '\0';
    return is_whole;
}

static bool
append_word(char text[TEXT_SIZE], size_t *size, const char *word)
{
    if (is_plain(word)) {
        return append(text, size, word, strlen(word));
    }
    bool goes_on = append(text, size, "'", 1);
    while (goes_on && *word != '\0') {
        size_t part = strcspn(word, "'");
        goes_on = append(text, size, word, part);
        word += part;
        if (goes_on && *word == '\'') {
            goes_on = append(text, size, "'\\''", 4);
            word++;
        }
    }
    return goes_on && append(text, size, "'", 1);
}

static void
describe(struct running *running)
{
    size_t size = 0;
    bool goes_on = true;
    running->text[0] = '\0';
    for (int i = 0; goes_on && i < running->cli->argument_count; i++) {
        goes_on = (i == 0 || append(running->text, &size, " ", 1)) &&
                  append_word(running->text, &size, running->cli->arguments[i]);
    }
}

/* "exit 1" */
static void
describe_end(const struct fi_turn_process *process, char out[TEXT_SIZE])
{
    if (process->signal != 0) {
        (void)snprintf(out, TEXT_SIZE, "ended by signal %d", process->signal);
    } else {
        (void)snprintf(out, TEXT_SIZE, "exit %d", process->exit_code);
    }
}

/* ---- saving ---- */

/* Saves what has changed. run: the command that has ended; NULL: none has. keeps_all: no older
 * checkpoint is deleted for it. Returns an exit code;
 * saving->workspace is open if it is FI_EXIT_OK or FI_EXIT_PARTIAL. */
static int
turn_run_save(struct fi_cli *cli, const char *message, const firn_workspace_run *run,
              bool keeps_all, struct fi_task_patience_saving *saving)
{
    firn_error err;
    struct fi_task_notices notices;
    *saving = (struct fi_task_patience_saving){NULL, FIRN_WORKSPACE_SAVE_OPTIONS_INIT,
                                               FIRN_WORKSPACE_SAVE_RESULT_INIT};
    int exit_code = fi_task_workspace_open(cli, &saving->workspace);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    const char *why = fi_task_workspace_unwanted(saving->workspace);
    if (why != NULL) {
        return fi_command_report_error(cli, FIRN_INVALID,
                                       "firn save --yes saves all of it, now and from then on",
                                       "'%s' is %s", firn_workspace_root(saving->workspace), why);
    }
    fi_task_notices_init(&notices, cli);
    fi_task_settings_save(&cli->settings, &saving->options);
    saving->options.message = firn_str(message);
    saving->options.run = run != NULL ? *run : saving->options.run;
    saving->options.keep = keeps_all ? NULL : saving->options.keep;
    saving->options.if_changed = true;
    saving->options.strict |= cli->strict;
    saving->options.callbacks = fi_task_notices_callbacks(&notices);
    int code = fi_task_patience_run(cli, fi_task_patience_save, saving, &err);
    fi_term_meter_clear();
    exit_code = code == FIRN_OK ? fi_task_notices_exit(&notices)
                                : fi_command_report_failure(cli, &err, NULL);
    fi_task_notices_deinit(&notices);
    if (code == FIRN_OK && saving->result.gc_is_due) {
        fi_task_collect_if_due(saving->workspace);
    }
    return exit_code;
}

static void
end_saving(struct fi_cli *cli, struct fi_task_patience_saving *saving)
{
    firn_release(saving->result.checkpoint);
    firn_workspace_close(saving->workspace);
    cli->workspace = NULL;
}

static bool
is_saved(int exit_code)
{
    return exit_code == FI_EXIT_OK || exit_code == FI_EXIT_PARTIAL;
}

static int
save_before(struct running *running)
{
    struct fi_task_patience_saving saving;
    char message[TEXT_SIZE + 32];
    (void)snprintf(message, sizeof(message), "before run: %s", running->text);
    int exit_code = turn_run_save(running->cli, message, NULL, false, &saving);
    if (is_saved(exit_code)) {
        const firn_workspace_checkpoint *checkpoint = saving.result.checkpoint;
        memcpy(running->before, checkpoint->id, sizeof(running->before));
        running->before_number = checkpoint->number;
        running->before_root = checkpoint->root;
        running->root = strdup(firn_workspace_root(saving.workspace));
    }
    end_saving(running->cli, &saving);
    return exit_code;
}

/* ---- afterwards ---- */

struct restoring {
    firn_workspace *workspace;
    const char *reference;
    firn_workspace_restore_options options;
    firn_workspace_restore_result result;
};

static int
attempt_restore(void *ctx, firn_error *err)
{
    struct restoring *restoring = ctx;
    fi_task_notices_again(restoring->options.callbacks.ctx);
    return firn_workspace_restore(restoring->workspace, restoring->reference, &restoring->options,
                                  &restoring->result, err);
}

/* Back to the state before the command. Returns an exit code. */
static int
take_back(struct running *running, firn_workspace *workspace)
{
    firn_error err;
    struct fi_cli *cli = running->cli;
    struct fi_task_notices notices;
    struct restoring restoring = {workspace, running->before, FIRN_WORKSPACE_RESTORE_OPTIONS_INIT,
                                  FIRN_WORKSPACE_RESTORE_RESULT_INIT};
    fi_task_notices_init(&notices, cli);
    notices.tells_restored = true;
    restoring.options.gitignore = cli->settings.gitignore;
    restoring.options.file_size_max = cli->settings.max_file_size;
    restoring.options.callbacks = fi_task_notices_callbacks(&notices);
    int code = fi_task_patience_run(cli, attempt_restore, &restoring, &err);
    fi_term_meter_clear();
    int exit_code =
        code == FIRN_OK
            ? fi_task_notices_exit(&notices)
            : fi_command_report_failure(cli, &err, "firn undo takes back what the command did");
    if (code == FIRN_OK && !cli->quiet) {
        fi_command_report_line("restored what was there before; firn undo brings the command's "
                               "changes back");
    }
    firn_release(restoring.result.checkpoint);
    fi_task_notices_deinit(&notices);
    return exit_code;
}

/* The command, or a program beside it, may have made checkpoints meanwhile. */
static void
report_changes(const struct running *running, const firn_workspace_save_result *result,
               bool is_changed, bool is_taken_back)
{
    char end[TEXT_SIZE];
    const double seconds = running->process.seconds;
    const unsigned long long number = result->checkpoint->number;
    describe_end(&running->process, end);
    if (running->cli->quiet) {
        return;
    }
    if (!is_changed) {
        fi_command_report_line("%s in %.1f s: no file changed", end, seconds);
    } else if (result->is_made && result->previous == running->before_number) {
        fi_command_report_line(
            "%s in %.1f s: %llu new, %llu changed, %llu removed; saved as %llu%s", end, seconds,
            (unsigned long long)result->added, (unsigned long long)result->changed,
            (unsigned long long)result->removed, number,
            is_taken_back ? "" : ", firn undo takes it back");
    } else if (is_taken_back) {
        fi_command_report_line("%s in %.1f s: files changed; saved as %llu", end, seconds, number);
    } else {
        fi_command_report_line("%s in %.1f s: files changed; saved as %llu, firn restore %llu "
                               "takes it back",
                               end, seconds, number, (unsigned long long)running->before_number);
    }
}

/* What the checkpoint will have of the command, which has ended now. */
static void
note_end(struct running *running)
{
    const struct fi_turn_process *process = &running->process;
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    running->run.command = firn_str(running->text);
    running->run.exit_code =
        (uint64_t)(process->signal != 0 ? FI_EXIT_SIGNAL + process->signal : process->exit_code);
    running->run.ended_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    running->run.begun_ns = running->run.ended_ns - (int64_t)(process->seconds * 1e9);
}

/* Returns an exit code, of firn's work alone. */
static int
finish(struct running *running)
{
    struct fi_cli *cli = running->cli;
    struct fi_task_patience_saving saving;
    char end[TEXT_SIZE];
    char message[3 * TEXT_SIZE];
    const bool may_take_back =
        !fi_turn_process_succeeded(&running->process) && fi_command_has(cli, "undo-on-failure");
    note_end(running);
    describe_end(&running->process, end);
    (void)snprintf(message, sizeof(message), "run (%s, %.1f s): %s", end, running->process.seconds,
                   running->text);
    cli->workspace_path = running->root;
    int exit_code = turn_run_save(cli, message, &running->run, may_take_back, &saving);
    if (is_saved(exit_code)) {
        const firn_hash *root = &saving.result.checkpoint->root;
        const bool is_changed = memcmp(root, &running->before_root, sizeof(*root)) != 0;
        report_changes(running, &saving.result, is_changed, may_take_back);
        if (is_changed && may_take_back) {
            exit_code = take_back(running, saving.workspace);
        }
        fi_task_push_after_save(saving.workspace, &cli->settings, false);
    }
    end_saving(cli, &saving);
    cli->workspace_path = NULL;
    return exit_code;
}

static int
report_not_started(struct running *running)
{
    const int error = running->process.error;
    (void)fi_command_report_error(running->cli, FIRN_NOT_FOUND, NULL, "could not run '%s': %s",
                                  running->cli->arguments[0], strerror(error));
    return error == ENOENT ? EXIT_NO_COMMAND : EXIT_NOT_EXECUTABLE;
}

/* Runs the command, whose state before is saved. Returns the exit code of all. */
static int
run_saved(struct running *running)
{
    const struct fi_turn_process *process = &running->process;
    fi_turn_process_run((char *const *)(uintptr_t)running->cli->arguments, &running->process);
    if (process->interrupted != 0) {
        fi_command_report_line("interrupted: the command was not run");
        return FI_EXIT_SIGNAL + process->interrupted;
    }
    if (process->error != 0) {
        return report_not_started(running);
    }
    const bool is_finished = is_saved(finish(running));
    if (process->signal != 0) {
        return FI_EXIT_SIGNAL + process->signal;
    }
    return process->exit_code == 0 && !is_finished ? EXIT_NOT_RUN : process->exit_code;
}

static int
turn_run_run(struct fi_cli *cli)
{
    assert(cli->argument_count >= 1);
    struct running running = {.cli = cli};
    describe(&running);
    if (!is_saved(save_before(&running))) {
        fi_command_report_line("the command was not run");
        return EXIT_NOT_RUN;
    }
    cli->is_done = true;
    int exit_code = run_saved(&running);
    free(running.root);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"undo-on-failure", 0, NULL, "if the command fails, restore the state before it"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn run npm update", "save before and after an update"},
    {"firn run --undo-on-failure -- ./migrate.sh", "keep what a script did only if it succeeds"},
    {"firn run sh -c 'agent < task.txt'", "run an agent that has no hooks"},
    {NULL, NULL},
};

const struct fi_command fi_turn_run = {
    .name = "run",
    .summary = "Run a command, and save before and after it",
    .arguments = "COMMAND [ARGUMENT...]",
    .options = options,
    .help = "Saves the workspace, runs COMMAND, and saves again what it has changed: the\n"
            "checkpoint says the command, its exit code and its time. Where nothing has\n"
            "changed there is no new checkpoint. If the state before cannot be saved, the\n"
            "command is not run. Options of firn come before COMMAND; what follows it belongs\n"
            "to it. It is run without a shell, in the current directory.\n"
            "\n"
            "With --undo-on-failure, what a command that fails has done is saved, and the\n"
            "state before it restored.\n"
            "\n"
            "The exit code is that of COMMAND, 128 + N if signal N ended it, 126 if it could\n"
            "not be run, 127 if there is none, 125 if firn could not save.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK | FI_COMMAND_USES_STRICT,
    .refuses_json = ": standard output is the command's",
    .takes_line = true,
    .run = turn_run_run,
};

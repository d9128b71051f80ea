/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_restore.c: firn restore, firn undo and firn redo.
 *
 * The first word is always the checkpoint, all others are paths. A checkpoint is required, except
 * with --resume, which continues an earlier restore: no default is safe when a user's files are
 * replaced. Output that cannot be written does not stop a restore that has begun.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdio.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

enum what {
    RESTORE_CHECKPOINT,
    RESTORE_RESUME, /* what was interrupted */
    RESTORE_UNDO,
    RESTORE_REDO
};

struct request {
    enum what what;
    firn_workspace *workspace;
    const char *reference; /* of a checkpoint */
    firn_workspace_restore_options options;
    firn_workspace_restore_result result;
    struct fi_show_steps steps; /* of an undo or a redo */
    struct fi_show_fold fold;   /* of the rows of a dry run */
};

/* The callbacks of a restore have one ctx, the notices. */
static struct request *running;

static int
attempt_restore(void *ctx, firn_error *err)
{
    struct request *request = ctx;
    assert((request->what == RESTORE_CHECKPOINT) == (request->reference != NULL));
    fi_task_notices_again(request->options.callbacks.ctx);
    fi_show_step_clear(&request->steps);
    switch (request->what) {
    case RESTORE_UNDO:
        return firn_workspace_undo(request->workspace, &request->options, &request->result, err);
    case RESTORE_REDO:
        return firn_workspace_redo(request->workspace, &request->options, &request->result, err);
    case RESTORE_RESUME:
        return firn_workspace_resume(request->workspace, &request->options, &request->result, err);
    case RESTORE_CHECKPOINT:
        break;
    }
    return firn_workspace_restore(request->workspace, request->reference, &request->options,
                                  &request->result, err);
}

/* The changes, for a dry run; with --json also for a real one. */
static int
on_change(void *ctx, const firn_workspace_change *change)
{
    assert(change->before != NULL || change->after != NULL);
    if (!fi_task_notices_row(ctx, (change->after != NULL ? change->after : change->before)->path)) {
        return FIRN_OK;
    }
    fi_term_meter_clear();
    fi_show_change_json(change);
    fi_show_fold_print(&running->fold, change);
    bool goes_on = !running->options.dry_run || fi_term_out_error() == 0;
    return goes_on ? FIRN_OK : FIRN_CANCELLED;
}

static int
on_step(void *ctx, const firn_workspace_step *step)
{
    (void)ctx;
    return fi_show_step_add(&running->steps, step);
}

static struct fi_show_counts
counts_of(const firn_workspace_restore_result *result)
{
    return (struct fi_show_counts){result->added, result->changed, result->removed, 0};
}

/* The other steps that went with it, in lines of their own. */
static void
print_other_steps(const struct request *request)
{
    enum { SHOWN_MAX = 10 };
    char text[FI_SHOW_STEP_TEXT_SIZE];
    const firn_workspace_step *main = fi_show_step_main(&request->steps);
    size_t shown = 0;
    for (size_t i = 0; i < request->steps.count && shown < SHOWN_MAX; i++) {
        const firn_workspace_step *step = request->steps.items[i];
        const struct fi_show_counts counts = {step->added, step->changed, step->removed, 0};
        if (step == main) {
            continue;
        }
        fi_term_out_format("  also %s", fi_show_step_text(step, text));
        if (step->is_counted) {
            fi_term_out_text(": ");
            fi_show_change_counts_print(&counts);
        }
        fi_term_out_text("\n");
        shown++;
    }
    if (request->steps.count > shown + 1) {
        fi_term_out_format("  and %zu more\n", request->steps.count - shown - 1);
    }
}

/* Whether an undo or a redo is of git repositories alone. */
static bool
is_of_git(const struct request *request)
{
    return (request->what == RESTORE_UNDO || request->what == RESTORE_REDO) &&
           request->options.git && request->steps.count == 0;
}

static void
print_steps(const struct request *request)
{
    if (is_of_git(request)) {
        fi_term_out_text("changes of git repositories");
    } else {
        fi_show_step_print_name(&request->steps);
    }
}

/* The actions that were done, or would be. */
static void
print_what(const struct request *request)
{
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    bool is_dry = request->options.dry_run;
    if (fi_show_step_is_of_facts(&request->steps)) {
        const firn_workspace_step *step = request->steps.items[request->steps.count - 1];
        const bool is_passed =
            step->fact_count > 0 && request->result.not_restored >= step->fact_count;
        fi_term_out_format("%s%s ", is_dry ? "would " : "",
                           is_passed                       ? (is_dry ? "pass over" : "passed over")
                           : request->what == RESTORE_UNDO ? (is_dry ? "undo" : "undid")
                                                           : (is_dry ? "redo" : "redid"));
        fi_show_step_print_name(&request->steps);
        return;
    }
    assert(request->result.checkpoint != NULL);
    (void)fi_show_checkpoint_name(request->result.checkpoint, name);
    switch (request->what) {
    case RESTORE_UNDO:
        fi_term_out_text(is_dry ? "would undo " : "undid ");
        print_steps(request);
        fi_term_out_format(", back at %s", name);
        break;
    case RESTORE_REDO:
        fi_term_out_text(is_dry ? "would redo " : "redid ");
        print_steps(request);
        fi_term_out_format(", now at %s", name);
        break;
    case RESTORE_RESUME:
        fi_term_out_format("%s restoring %s", is_dry ? "would finish" : "finished", name);
        break;
    case RESTORE_CHECKPOINT:
        fi_term_out_text(is_dry ? "would restore " : "restored ");
        fi_task_remote_print_name(request->workspace, request->reference,
                                  request->result.checkpoint);
        break;
    }
    if (request->options.to_dir != NULL) {
        fi_term_out_text(" into ");
        fi_term_text_escape(firn_str(request->options.to_dir), fi_term_out_write);
    }
}

static void
print_result(const struct request *request)
{
    const firn_workspace_restore_result *result = &request->result;
    const struct fi_show_counts counts = counts_of(result);
    print_what(request);
    if (fi_show_step_is_of_facts(&request->steps)) {
        fi_term_out_text(request->options.dry_run        ? "\n"
                         : request->what == RESTORE_UNDO ? "; redo with: firn redo\n"
                                                         : "; take this back with: firn undo\n");
        print_other_steps(request);
        return;
    }
    fi_term_out_text(": ");
    if (counts.added + counts.changed + counts.removed == 0) {
        /* Directories are not counted, and are brought back all the same. */
        fi_term_out_text(result->safety_id[0] != '\0' ? "no file had to change"
                                                      : "nothing had to change");
    } else {
        fi_show_change_counts_print(&counts);
    }
    if (is_of_git(request) && !request->options.dry_run) {
        fi_term_out_text(request->what == RESTORE_UNDO ? "; redo with: firn redo --git"
                                                       : "; take this back with: firn undo --git");
    } else if (result->safety_id[0] != '\0') {
        fi_term_out_text(request->what == RESTORE_UNDO ? "; redo with: firn redo"
                                                       : "; take this back with: firn undo");
        fi_term_out_text(result->repositories > 0 ? " --git" : "");
    }
    fi_term_out_text("\n");
    print_other_steps(request);
    if (result->repositories + result->repositories_differ == 0 &&
        fi_show_checkpoint_git_has_moved(&result->checkpoint->git, &result->git)) {
        fi_term_out_text("git: HEAD was at ");
        fi_show_checkpoint_git(&result->checkpoint->git);
        fi_term_out_text(" then and is at ");
        fi_show_checkpoint_git(&result->git);
        fi_term_out_text("; .git stays as it is\n");
    }
}

static void
steps_json(const struct request *request)
{
    fi_term_json_bool("unsaved", request->result.is_unsaved);
    fi_term_json_array("steps");
    for (size_t i = 0; i < request->steps.count; i++) {
        fi_term_json_object(NULL);
        fi_show_step_json_members(request->steps.items[i]);
        fi_term_json_end();
    }
    fi_term_json_end();
}

void
fi_dir_restore_hint_rest(const char *safety_id)
{
    fi_command_report_more("hint", safety_id[0] != '\0'
                                       ? "once the causes are gone, firn restore --resume "
                                         "restores the rest"
                                       : "once the causes are gone, run it again");
}

static void
show_result(struct fi_cli *cli, const struct request *request,
            const struct fi_task_notices *notices)
{
    const firn_workspace_restore_result *result = &request->result;
    const struct fi_show_counts counts = counts_of(result);
    if (!cli->quiet) {
        print_result(request);
    }
    fi_task_notices_print_left(notices);
    if (result->not_restored > 0 && !request->options.dry_run && request->options.to_dir == NULL &&
        !cli->json && !fi_show_step_is_of_facts(&request->steps)) {
        fi_dir_restore_hint_rest(result->safety_id);
    }
    fi_term_json_end();
    if (result->checkpoint != NULL) {
        fi_show_checkpoint_json("checkpoint", result->checkpoint);
    } else {
        fi_term_json_null("checkpoint");
    }
    fi_term_json_bool("dry_run", request->options.dry_run);
    fi_show_checkpoint_safety_json(result->safety_id);
    fi_show_checkpoint_json_git("git", &result->git);
    fi_show_change_counts_json(&counts);
    fi_term_json_u64("unchanged", result->unchanged);
    fi_term_json_u64("incomplete", result->incomplete);
    fi_term_json_u64("written_ns", (uint64_t)result->written_ns);
    fi_term_json_u64("left_alone", result->left_alone);
    fi_term_json_u64("not_restored", result->not_restored);
    if (request->what == RESTORE_UNDO || request->what == RESTORE_REDO) {
        steps_json(request);
    }
    fi_task_notices_json(notices);
}

/* Whether an interrupted restore is pending that this user did not start here. */
static bool
is_foreign(const struct request *request)
{
    firn_workspace_pending_restore pending = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    return firn_workspace_pending(request->workspace, &pending, NULL) == FIRN_OK &&
           pending.is_foreign;
}

/* What to do next after a failure. */
static const char *
hint_of(const struct request *request, const firn_error *err)
{
    const int code = err->code;
    assert(code != FIRN_OK);
    bool is_in_place = request->options.to_dir == NULL && !request->options.dry_run;
    if (code == FIRN_UNTRUSTED && is_foreign(request)) {
        return "if you know what it is, continue it with --trust-journal; firn save and firn "
               "restore REF leave it alone";
    }
    if (request->options.to_dir == NULL && (code == FIRN_READ_ONLY || code == FIRN_DENIED)) {
        return request->what == RESTORE_CHECKPOINT
                   ? "firn restore REF --to DIR writes the checkpoint into another directory"
                   : "firn list --all shows what can be brought back, firn restore REF --to DIR "
                     "writes it into another directory";
    }
    if (request->options.to_dir != NULL && code == FIRN_NO_SPACE) {
        return "free some space on the disk of the new directory and run this again";
    }
    const char *hint = is_in_place ? fi_task_pending_hint(request->workspace) : NULL;
    hint = hint == NULL && is_in_place ? fi_task_full_hint(request->workspace, err) : hint;
    if (hint == NULL && is_in_place && code == FIRN_CANCELLED) {
        hint = "nothing was changed";
    } else if (hint == NULL && request->what == RESTORE_CHECKPOINT) {
        hint = fi_task_workspace_hint_paths(
            fi_task_workspace_hint_or_path(request->workspace, request->reference, code),
            request->options.path_count, code);
    } else if (hint == NULL && code == FIRN_NOT_FOUND && request->options.turn != 0) {
        hint =
            "it was undone, is too old, or changed git alone (--git); firn restore REF goes to any "
            "checkpoint";
    } else if (hint == NULL && code == FIRN_NOT_FOUND) {
        hint = fi_task_workspace_hint(request->workspace, "latest", code);
        hint =
            hint != NULL ? hint
            : request->options.last_turn && !request->options.git
                ? "a turn that changed git alone is undone with --git; firn list --all shows all "
                  "states"
                : "firn restore REF brings back a checkpoint, firn list --all shows them";
    }
    return hint;
}

/* The question whether to continue an interrupted restore that was not begun here, if a person may
 * be asked. */
static void
prompt_about_journal(struct fi_cli *cli, struct request *request)
{
    firn_workspace_pending_restore pending = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    if (request->what == RESTORE_CHECKPOINT || request->options.trust_journal ||
        !fi_command_report_may_prompt(cli) ||
        firn_workspace_pending(request->workspace, &pending, NULL) != FIRN_OK ||
        !pending.is_foreign) {
        return;
    }
    fi_command_report_line("you did not start the interrupted restore in this directory on this "
                           "machine; it changes files here");
    request->options.trust_journal = fi_command_report_prompt("continue it?");
}

/* Offers the repositories that the checkpoint has otherwise: on a terminal by a question, elsewhere
 * by a hint. Returns an exit code. */
static int
offer_repositories(struct fi_cli *cli, struct request *request)
{
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    char hint[128];
    firn_error err;
    firn_workspace_restore_result *result = &request->result;
    if (request->options.git || result->repositories_differ == 0 || result->checkpoint == NULL ||
        cli->quiet || cli->json) {
        return FI_EXIT_OK;
    }
    (void)snprintf(hint, sizeof(hint), "firn restore %s --git restores git's repositories, too",
                   fi_show_checkpoint_name(result->checkpoint, name));
    if (request->options.dry_run || !fi_command_report_may_prompt(cli)) {
        fi_command_report_more("hint", hint);
        return FI_EXIT_OK;
    }
    if (!fi_command_report_prompt("restore git's repositories, too?")) {
        return FI_EXIT_OK;
    }
    firn_workspace_restore_options options = request->options;
    firn_workspace_restore_result second = FIRN_WORKSPACE_RESTORE_RESULT_INIT;
    options.git = true;
    options.git_only = true;
    int code =
        firn_workspace_restore(request->workspace, result->checkpoint->id, &options, &second, &err);
    firn_release(second.checkpoint);
    return code == FIRN_OK ? FI_EXIT_OK : fi_command_report_failure(cli, &err, NULL);
}

/* Runs the requested restore and shows its result. Sets the callbacks. Returns an exit code. */
static int
dir_restore_perform(struct fi_cli *cli, struct request *request)
{
    assert(request->workspace != NULL);
    firn_error err;
    struct fi_task_notices notices;
    int exit_code;
    prompt_about_journal(cli, request);
    struct fi_dir_beside beside;
    fi_dir_beside_inspect(request->workspace, &beside);
    fi_task_notices_init(&notices, cli);
    notices.tells_restored = true;
    request->options.gitignore = cli->settings.gitignore;
    request->options.file_size_max = cli->settings.max_file_size;
    request->options.callbacks = fi_task_notices_callbacks(&notices);
    request->options.on_step = on_step;
    running = request;
    fi_show_fold_init(&request->fold, fi_command_has(cli, "verbose"));
    if (cli->json || request->options.dry_run) {
        request->options.on_change = on_change;
    }
    fi_term_json_array("changes");
    if (request->options.to_dir == NULL) {
        fi_term_meter_set_interrupted(
            "then finish it with firn restore --resume, or take it back with firn undo");
    } else {
        fi_term_meter_set_interrupted("then the new directory may not survive a power failure");
    }
    int code = fi_task_patience_run(cli, attempt_restore, request, &err);
    fi_term_meter_clear();
    fi_show_fold_finish(&request->fold);
    cli->is_done = code == FIRN_OK && !request->options.dry_run;
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, hint_of(request, &err));
    } else {
        show_result(cli, request, &notices);
        fi_dir_beside_report(request->workspace, &beside);
        exit_code = offer_repositories(cli, request);
        exit_code = exit_code == FI_EXIT_OK ? fi_task_notices_exit(&notices) : exit_code;
    }
    fi_dir_beside_drop(&beside);
    fi_task_notices_deinit(&notices);
    fi_show_step_clear(&request->steps);
    return exit_code;
}

/* Finishing has its checkpoint and its paths already. */
static int
check_resume(struct fi_cli *cli)
{
    if (cli->argument_count > 0) {
        return fi_command_misused(cli, "--resume takes no checkpoint and no paths");
    }
    if (fi_command_has(cli, "patch")) {
        return fi_command_misused(cli, "--resume and --patch exclude each other");
    }
    if (fi_command_has(cli, "to")) {
        return fi_command_misused(cli, "--resume and --to exclude each other");
    }
    return FI_EXIT_OK;
}

static int
check_arguments(struct fi_cli *cli, const struct request *request)
{
    if (request->options.trust_journal && request->what != RESTORE_RESUME) {
        return fi_command_misused(cli, "--trust-journal needs --resume");
    }
    if (request->what == RESTORE_RESUME) {
        return check_resume(cli);
    }
    if (request->options.git && request->options.to_dir != NULL) {
        return fi_command_misused(cli, "--git and --to exclude each other");
    }
    if (request->options.to_dir != NULL && request->options.to_dir[0] == '\0') {
        return fi_command_misused(cli, "--to needs a directory");
    }
    if (fi_command_has(cli, "patch") &&
        (request->options.to_dir != NULL || cli->json || request->options.dry_run ||
         fi_command_has(cli, "interactive"))) {
        return fi_command_misused(
            cli, "--patch excludes --dry-run, --interactive, --json and --to: it asks first");
    }
    return cli->argument_count > 0 || fi_command_has(cli, "patch")
               ? FI_EXIT_OK
               : fi_task_workspace_check_reference(cli);
}

static int
run_interactive(struct fi_cli *cli, const struct request *request)
{
    if (request->what == RESTORE_RESUME || request->options.to_dir != NULL ||
        request->options.dry_run) {
        return fi_command_misused(
            cli, "--interactive excludes --dry-run, --to and --resume: it shows everything first");
    }
    FI_TRY_RETURN(fi_task_workspace_check_reference(cli));
    return fi_dir_browse_run(cli, cli->arguments[0], 1);
}

/* firn restore --patch. */
static int
restore_hunks(struct fi_cli *cli, struct request *request,
              const struct fi_task_workspace_paths *paths)
{
    struct fi_past_hunks hunks;
    int exit_code =
        fi_past_hunks_choose(&hunks, cli, request->workspace, request->reference, paths);
    if (exit_code == FI_EXIT_OK && hunks.path_count == 0 && !cli->quiet) {
        fi_term_out_text(hunks.seen == 0 ? "nothing differs\n" : "nothing was restored\n");
    }
    if (exit_code == FI_EXIT_OK && hunks.path_count > 0) {
        request->options.paths = hunks.paths;
        request->options.path_count = hunks.path_count;
        request->options.contents = hunks.contents;
        request->options.content_count = hunks.content_count;
        exit_code = dir_restore_perform(cli, request);
    }
    fi_past_hunks_deinit(&hunks);
    return exit_code;
}

static void
take_git(const struct fi_cli *cli, firn_workspace_restore_options *options)
{
    options->git_all = fi_command_has(cli, "git-all");
    options->git = options->git_all || fi_command_has(cli, "git");
}

static int
dir_restore_run(struct fi_cli *cli)
{
    struct request request = {.options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT,
                              .result = FIRN_WORKSPACE_RESTORE_RESULT_INIT};
    struct fi_task_workspace_paths paths = {NULL, 0};
    struct fi_task_workspace_references references = {0};
    bool is_resume = fi_command_has(cli, "resume");
    request.what = is_resume ? RESTORE_RESUME : RESTORE_CHECKPOINT;
    request.options.to_dir = fi_command_value(cli, "to");
    request.options.dry_run = fi_command_has(cli, "dry-run");
    request.options.trust_journal = fi_command_has(cli, "trust-journal");
    take_git(cli, &request.options);
    if (!request.options.dry_run) {
        fi_term_pager_disarm();
    }
    int exit_code;
    FI_TRY_OUT(exit_code, check_arguments(cli, &request));
    if (fi_command_has(cli, "interactive")) {
        return run_interactive(cli, &request);
    }
    FI_TRY_OUT(exit_code, fi_task_workspace_open(cli, &request.workspace));
    if (!is_resume) {
        FI_TRY_OUT(exit_code,
                   fi_task_workspace_references_init(cli, request.workspace, 0, 1, &references));
        request.reference = references.first != NULL ? references.first : "latest";
        FI_TRY_OUT(exit_code, fi_task_remote_bring(cli, request.workspace, request.reference));
        FI_TRY_OUT(exit_code,
                   fi_task_workspace_paths_init(cli, request.workspace, references.words, &paths));
    }
    request.options.paths = paths.slices;
    request.options.path_count = paths.count;
    exit_code = fi_command_has(cli, "patch") ? restore_hunks(cli, &request, &paths)
                                             : dir_restore_perform(cli, &request);
out:
    fi_task_workspace_paths_deinit(&paths);
    fi_task_workspace_references_deinit(&references);
    firn_release(request.result.checkpoint);
    firn_workspace_close(request.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"dry-run", 'n', NULL, "show what would change, and change nothing"},
    {"verbose", 'v', NULL, "with -n: list each file of added and removed directories"},
    {"interactive", 'i', NULL, "choose on a screen what to restore"},
    {"patch", 'p', NULL, "ask for each hunk whether to restore it"},
    {"git", 0, NULL, "restore git repositories, too"},
    {"git-all", 0, NULL, "with their configuration and hooks, which run programs"},
    {"to", 0, "DIR", "restore into DIR, which must be empty or not exist"},
    {"resume", 0, NULL, "finish an interrupted restore"},
    {"trust-journal", 0, NULL, "with --resume: even one that was not started here"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn restore 12", "restore the workspace to checkpoint 12"},
    {"firn restore latest -n", "show what would change"},
    {"firn restore 12 src/main.c docs", "restore only that file and that directory"},
    {"firn restore src/main.c", "restore that file from the newest checkpoint"},
    {"firn restore -i 12", "look at the differences, and choose files"},
    {"firn restore 12 --to /tmp/look", "write a copy of it to another place"},
    {"firn restore --resume", "finish a restore that a crash interrupted"},
    {NULL, NULL},
};

const struct fi_command fi_dir_restore = {
    .name = "restore",
    .summary = "Restore the workspace to a checkpoint",
    .arguments = "[REF] [PATH...]",
    .options = options,
    .help = "REF names a checkpoint: its number; its id, or at least the first four letters\n"
            "of it (in any case); a tag; latest; the Nth before another (latest~2); or a time\n"
            "(2h30m, 14:30, \"monday 2:30pm\"). The whole workspace is restored, from any\n"
            "directory in it, unless PATHs are given: then only these, and everything below\n"
            "them, are restored. Paths are relative to the current directory; firn restore\n"
            "12 . restores the current directory alone. firn restore PATH takes the PATH from\n"
            "the newest checkpoint; what names a checkpoint is one: write -- before a file of\n"
            "the same name. A checkpoint of a remote that was not pulled, as REMOTE/REF, is\n"
            "pulled first, alone.\n"
            "\n"
            "Afterwards the tree is that of the checkpoint; files that it does not have are\n"
            "removed. Files that rules exclude, those of the checkpoint or today's, are not\n"
            "touched, and are named if the checkpoint has another version of them. Files that\n"
            "cannot be saved first or cannot be changed are not touched either; then the exit\n"
            "code is 6, and --resume restores them once the cause is gone. Before anything in\n"
            "the tree changes, all data that is needed is read and verified, and a safety\n"
            "checkpoint of the present state is taken; firn undo brings that back. A worktree\n"
            "or a submodule of git comes back without its file .git: firn says how to mend\n"
            "that.\n"
            "\n"
            "Until files are replaced, Ctrl-C stops a restore and nothing has changed. After\n"
            "that firn says how far it is and completes the restore; a second Ctrl-C ends it\n"
            "at once. Meanwhile firn status says that a restore is running.\n"
            "\n"
            "--interactive shows, as firn browse does, which files a restore would change and\n"
            "how; Space marks files, Enter restores these, or all. --patch asks for each\n"
            "hunk, as git restore -p does: y restores it, n does not, a and d are for the\n"
            "rest of the file, s splits it, q ends. Answers are lines of standard input.\n"
            "\n"
            "After an interrupted restore each file is whole, old or new. --resume, without\n"
            "REF, finishes the restore, and firn undo takes it back; a save finishes it\n"
            "first. Edits made in between are kept. An interrupted restore that was not\n"
            "started in this directory on this machine may have come with the store: firn\n"
            "reports it and leaves it alone, unless --resume --trust-journal is given.",
    .examples = examples,
    .missing_hint = fi_task_workspace_choose_hint,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK | FI_COMMAND_USES_STRICT |
            FI_COMMAND_USES_PAGER | FI_COMMAND_USES_COLOUR,
    .run = dir_restore_run,
};

/* ---- firn undo and firn redo ---- */

/* Chooses the turn that the first word names, if there is one. Returns an exit code. */
static int
choose_turn(struct fi_cli *cli, struct request *request)
{
    struct fi_task_turn turn;
    if (cli->argument_count == 0) {
        return FI_EXIT_OK;
    }
    FI_TRY_RETURN(fi_task_turn_find(cli, request->workspace, cli->arguments[0], &turn));
    request->options.turn = turn.last->number;
    fi_task_turn_deinit(&turn);
    return FI_EXIT_OK;
}

static int
run_step(struct fi_cli *cli, enum what what)
{
    struct request request = {.what = what,
                              .options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT,
                              .result = FIRN_WORKSPACE_RESTORE_RESULT_INIT};
    request.options.dry_run = fi_command_has(cli, "dry-run");
    request.options.trust_journal = fi_command_has(cli, "trust-journal");
    take_git(cli, &request.options);
    request.options.last_turn = what == RESTORE_UNDO && fi_command_has(cli, "turn");
    if (!request.options.dry_run) {
        fi_term_pager_disarm();
    }
    int exit_code;
    FI_TRY_OUT(exit_code, fi_task_workspace_open(cli, &request.workspace));
    FI_TRY_OUT(exit_code, choose_turn(cli, &request));
    exit_code = dir_restore_perform(cli, &request);
out:
    firn_release(request.result.checkpoint);
    firn_workspace_close(request.workspace);
    return exit_code;
}

static int
undo_interactively(struct fi_cli *cli)
{
    static const char *const others[] = {"list", "turn", "limit", "dry-run", "trust-journal"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (fi_command_has(cli, others[i])) {
            return fi_command_misused(cli, "--interactive and --%s exclude each other", others[i]);
        }
    }
    return fi_dir_browse_undo(cli);
}

static int
run_undo(struct fi_cli *cli)
{
    if (cli->argument_count > 0 && !fi_command_has(cli, "turn")) {
        return fi_command_misused(cli, "'%s' is for --turn: undo takes back the last change",
                                  cli->arguments[0]);
    }
    if (fi_command_has(cli, "interactive")) {
        return undo_interactively(cli);
    }
    if (fi_command_has(cli, "list") && !fi_command_has(cli, "turn")) {
        return fi_dir_steps_list(cli);
    }
    if (fi_command_has(cli, "list")) {
        return fi_command_misused(cli, "--list and --turn exclude each other");
    }
    if (fi_command_has(cli, "limit")) {
        return fi_command_misused(cli, "--limit needs --list");
    }
    return run_step(cli, RESTORE_UNDO);
}

static int
run_redo(struct fi_cli *cli)
{
    return run_step(cli, RESTORE_REDO);
}

static const struct fi_command_option undo_options[] = {
    {"turn", 't', NULL, "go back to before the last turn of a coding agent, or TURN"},
    {"interactive", 'i', NULL, "choose on a screen what to undo"},
    {"list", 'l', NULL, "list the steps that undo and redo would take"},
    {"limit", 0, "N", "with --list: the N nearest in each direction (default 20)"},
    {"dry-run", 'n', NULL, "show what would change, and change nothing"},
    {"verbose", 'v', NULL, "with -n: list each file of added and removed directories"},
    {"git", 0, NULL, "restore git repositories, too"},
    {"git-all", 0, NULL, "with their configuration and hooks, which run programs"},
    {"trust-journal", 0, NULL, "even an interrupted restore that was not started here"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_option redo_options[] = {
    {"dry-run", 'n', NULL, "show what would change, and change nothing"},
    {"verbose", 'v', NULL, "with -n: list each file of added and removed directories"},
    {"git", 0, NULL, "restore git repositories, too"},
    {"git-all", 0, NULL, "with their configuration and hooks, which run programs"},
    {"trust-journal", 0, NULL, "even an interrupted restore that was not started here"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example undo_examples[] = {
    {"firn undo", "take back the last change of the workspace"},
    {"firn undo -n", "show what would change"},
    {"firn undo --turn", "take back what the coding agent did last"},
    {"firn undo --turn @12", "go back to where the turn began that 12 ended"},
    {"firn undo --list", "list what each further undo, or redo, would change"},
    {NULL, NULL},
};

static const struct fi_command_example redo_examples[] = {
    {"firn redo", "bring back what the last undo took away"},
    {"firn redo -n", "show what would change"},
    {NULL, NULL},
};

const struct fi_command fi_dir_restore_undo = {
    .name = "undo",
    .summary = "Go one state back",
    .arguments = "[TURN]",
    .options = undo_options,
    .help = "Takes back the last thing that happened to the workspace: edits that were not\n"
            "saved; else a save (or an agent's turn), a restore, a revert, a tag, a pin or a\n"
            "deletion of checkpoints. Another undo goes one step further back, and firn redo\n"
            "forward again. Like every restore, this first takes a safety checkpoint of what\n"
            "was not saved, so nothing is lost: firn list --all lists all states. The last\n"
            "1,000 can be undone, less those whose checkpoints were deleted or have expired.\n"
            "It says which step it took back, and with -n which it would take back.\n"
            "\n"
            "A restore of some paths (firn restore REF PATH) is undone and redone at these\n"
            "paths alone: what was edited elsewhere since stays; the next undo takes it back.\n"
            "\n"
            "A tag (firn tag, firn tag -d), a pin (firn pin, firn unpin) or a deletion (firn\n"
            "delete, firn undelete) is taken back without touching a file. What something\n"
            "else has changed since, such as a tag whose checkpoint is gone for good, stays\n"
            "as it is; then the exit code is 6. Settings, the tags of an import of many\n"
            "states, firn delete --now, firn forget, and what expires are not steps.\n"
            "\n"
            "With --git, what git changed while files stayed the same is a step as well,\n"
            "whether it was saved or not; firn redo --git brings that back.\n"
            "\n"
            "--turn goes back to where the last turn of a coding agent began (firn help hook),\n"
            "whatever came after that: the turn, also one that was interrupted, later steps,\n"
            "and edits that were not saved. One firn redo brings all of it back. Another\n"
            "firn undo --turn goes back to before the turn before. It concerns files alone:\n"
            "tags, pins and deletions stay, and newer ones are no steps any more. TURN is an\n"
            "earlier turn, by its name in firn turns (@12) or a piece of its prompt: it goes\n"
            "back to where that began.\n"
            "\n"
            "--interactive shows the history, as firn browse does; Enter shows what the undo\n"
            "of the chosen save, or turn, and of all that came after it would change, and\n"
            "asks.\n"
            "\n"
            "--list shows the steps, newest first, with the files that each undo would\n"
            "change: above the line \"now\" those that redo brings back, below it those that\n"
            "undo takes back. The number is how often it has to be run.\n"
            "\n"
            "An interrupted restore, or redo, is taken back from the point it had reached; an\n"
            "interrupted undo is finished.",
    .examples = undo_examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK | FI_COMMAND_USES_STRICT |
            FI_COMMAND_USES_PAGER | FI_COMMAND_USES_COLOUR,
    .run = run_undo,
};

const struct fi_command fi_dir_restore_redo = {
    .name = "redo",
    .summary = "Go one state forward, after an undo",
    .arguments = "",
    .options = redo_options,
    .help = "Brings back what the last firn undo took away; another redo brings back what\n"
            "the undo before that took away. Anything that is edited or restored after an\n"
            "undo ends this; of a restore of some paths, what is edited at these. A tag, a\n"
            "pin or a deletion ends it for those alone, and a save of what the undo left does\n"
            "not end it. Nothing is lost then: firn list --all lists all states, and firn\n"
            "restore REF goes to any of them. An interrupted undo is taken back; an\n"
            "interrupted redo is finished.",
    .examples = redo_examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK | FI_COMMAND_USES_STRICT |
            FI_COMMAND_USES_PAGER | FI_COMMAND_USES_COLOUR,
    .run = run_redo,
};

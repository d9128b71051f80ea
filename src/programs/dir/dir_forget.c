/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_forget.c: firn forget.
 *
 * This cannot be undone. So on a terminal the command shows the checkpoints and asks for
 * confirmation; elsewhere it requires --yes.
 */
#include "dir/dir.h"

#include <assert.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

struct forgetting {
    struct fi_cli *cli;
    firn_workspace *workspace;
    firn_workspace_forget_options options;
    firn_workspace_forget_result result;
};

static void
print_json(const firn_workspace_forgotten *forgotten)
{
    fi_term_json_object(NULL);
    fi_show_checkpoint_json("checkpoint", forgotten->checkpoint);
    fi_term_json_u64("files", forgotten->files);
    fi_term_json_u64("directories", forgotten->directories);
    fi_term_json_u64("bytes", forgotten->bytes);
    fi_term_json_end();
}

static int
dir_forget_visit(void *ctx, const firn_workspace_forgotten *forgotten)
{
    const struct forgetting *forgetting = ctx;
    const firn_workspace_checkpoint *checkpoint = forgotten->checkpoint;
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    char files[FI_TERM_TEXT_NUMBER_SIZE];
    char bytes[FI_TERM_TEXT_SIZE_SIZE];
    (void)fi_show_checkpoint_name(checkpoint, name);
    print_json(forgotten);
    if (forgetting->cli->quiet) {
        fi_term_out_format("%s\n", name);
    } else {
        char names[FI_SHOW_CHECKPOINT_NAMES_SIZE];
        fi_term_out_format("%s %s  %s %s, %s\n",
                           forgetting->options.dry_run ? "would remove from" : "removed from",
                           fi_show_checkpoint_names(checkpoint, names),
                           fi_term_text_number(forgotten->files, files),
                           fi_term_text_plural(forgotten->files, "file", "files"),
                           fi_term_text_size(forgotten->bytes, bytes));
    }
    return fi_term_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
dir_forget_attempt(void *ctx, firn_error *err)
{
    struct forgetting *forgetting = ctx;
    return firn_workspace_forget(forgetting->workspace, &forgetting->options, dir_forget_visit,
                                 forgetting, &forgetting->result, err);
}

static const char *
hint_of(const struct forgetting *forgetting, int code)
{
    assert(code != FIRN_OK);
    const char *hint = fi_task_workspace_hint(forgetting->workspace, "latest", code);
    if (hint == NULL && code == FIRN_NOT_FOUND) {
        return "firn show REF --files lists the files of a checkpoint; remove data that only "
               "deleted checkpoints had with: firn gc --full --now";
    }
    return hint == NULL && code == FIRN_CONFLICT ? "firn restore --resume, or firn undo" : hint;
}

static void
report_repositories(const struct forgetting *forgetting)
{
    const uint64_t count = forgetting->result.repositories;
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_term_json_u64("repositories", count);
    if (count > 0 && !forgetting->cli->quiet) {
        fi_term_out_format("git repositories of %s %s %s dropped: git's objects may have it\n",
                           fi_term_text_number(count, number),
                           fi_term_text_plural(count, "checkpoint", "checkpoints"),
                           forgetting->options.dry_run ? "would be" : "were");
    }
}

static int
dir_forget(struct forgetting *forgetting)
{
    assert(forgetting->workspace != NULL);
    firn_error err;
    struct fi_cli *cli = forgetting->cli;
    fi_term_json_array("forgotten");
    int code = fi_task_patience_run(cli, dir_forget_attempt, forgetting, &err);
    fi_term_meter_clear();
    cli->is_done = code == FIRN_OK && !forgetting->options.dry_run;
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, hint_of(forgetting, code));
    }
    fi_term_json_end();
    fi_term_json_bool("dry_run", forgetting->options.dry_run);
    report_repositories(forgetting);
    return FI_EXIT_OK;
}

/* Shows what would go, and asks. */
static int
prompt(struct forgetting *forgetting, bool *out_is_confirmed)
{
    assert(!forgetting->options.dry_run);
    *out_is_confirmed = false;
    forgetting->options.dry_run = true;
    int exit_code = dir_forget(forgetting);
    forgetting->options.dry_run = false;
    if (exit_code == FI_EXIT_OK) {
        fi_term_out_flush();
        *out_is_confirmed = fi_command_report_prompt("remove it from them, for good?");
    }
    return exit_code;
}

static int
run_opened(struct forgetting *forgetting, bool asks)
{
    struct fi_cli *cli = forgetting->cli;
    bool goes_on = true;
    FI_TRY_RETURN(asks ? prompt(forgetting, &goes_on) : FI_EXIT_OK);
    if (!goes_on) {
        fi_command_report_line("nothing was changed");
        return FI_EXIT_FAILED;
    }
    FI_TRY_RETURN(dir_forget(forgetting));
    if (!cli->quiet && !forgetting->options.dry_run) {
        fi_term_out_text(
            "remove the contents from the store with: firn gc\nfiles in the directory stay; the "
            "next save includes them again unless a rule in\n.firnignore leaves it out\n");
    }
    return FI_EXIT_OK;
}

static bool
is_root(const struct fi_task_workspace_paths *paths)
{
    return paths->count == 0 || paths->slices[0].size == 0;
}

static int
dir_forget_run(struct fi_cli *cli)
{
    assert(cli->argument_count > 0);
    struct forgetting forgetting = {.cli = cli,
                                    .options = FIRN_WORKSPACE_FORGET_OPTIONS_INIT,
                                    .result = FIRN_WORKSPACE_FORGET_RESULT_INIT};
    struct fi_task_workspace_paths paths;
    struct fi_task_notices notices;
    forgetting.options.dry_run = fi_command_has(cli, "dry-run");
    bool is_free = forgetting.options.dry_run || fi_command_has(cli, "yes");
    if (!is_free && !fi_command_report_may_prompt(cli)) {
        return fi_command_misused(
            cli, "this cannot be undone: check with --dry-run, then confirm with --yes");
    }
    FI_TRY_RETURN(fi_task_workspace_open(cli, &forgetting.workspace));
    int exit_code = fi_task_workspace_paths_init(cli, forgetting.workspace, 0, &paths);
    if (exit_code == FI_EXIT_OK && is_root(&paths)) {
        exit_code = fi_command_misused(cli, "the root itself cannot be forgotten, only paths in "
                                            "it; firn delete deletes whole checkpoints");
        fi_task_workspace_paths_deinit(&paths);
    } else if (exit_code == FI_EXIT_OK) {
        fi_task_notices_init(&notices, cli);
        forgetting.options.paths = paths.slices;
        forgetting.options.path_count = paths.count;
        forgetting.options.callbacks = fi_task_notices_callbacks(&notices);
        exit_code = run_opened(&forgetting, !is_free);
        fi_task_notices_deinit(&notices);
        fi_task_workspace_paths_deinit(&paths);
    }
    firn_workspace_close(forgetting.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"dry-run", 'n', NULL, "show which checkpoints have it, and change nothing"},
    {"yes", 'y', NULL, "do not ask"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn forget -n secrets.env", "show which checkpoints have it"},
    {"firn forget secrets.env && firn gc", "remove it from all checkpoints and from the store"},
    {NULL, NULL},
};

const struct fi_command fi_dir_forget = {
    .name = "forget",
    .summary = "Remove a file or directory from every checkpoint, for good",
    .arguments = "PATH...",
    .options = options,
    .help = "Removes each PATH, and everything below it, from every checkpoint of the\n"
            "workspace, or after an error from none. Numbers, ids, times, messages, tags and\n"
            "pins of the checkpoints stay; firn show says that something was forgotten. This\n"
            "cannot be undone: firn asks on a terminal, and needs --yes elsewhere.\n"
            "\n"
            "The next firn gc removes the contents from the store, unless another path or\n"
            "another workspace of the store has them too. The name of PATH remains known, and\n"
            "names below it may remain in the files of the store until firn gc --full. Copies\n"
            "of the store keep everything.\n"
            "\n"
            "git keeps in its objects what was committed. So every checkpoint loses its git\n"
            "repositories, also one without PATH. The next save keeps the present ones again,\n"
            "with all that git has, unless firn save --no-git is used.\n"
            "\n"
            "Contents that only deleted checkpoints had can no longer be named. firn gc\n"
            "--full removes them, unless another checkpoint has the same content, or has a\n"
            "version of it that is stored as a difference.\n"
            "\n"
            "The file in the workspace is not touched, and the next save includes it again\n"
            "unless a rule excludes it. Restoring one of these checkpoints leaves PATH as it\n"
            "is. Other names of the same file (hard links) keep its content.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = dir_forget_run,
};

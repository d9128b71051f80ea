/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_repair.c: firn repair, and firn db repair: the same of a store that is named, where the
 * data are what counts.
 */
#include "dir/dir.h"

#include <assert.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

struct repairing {
    struct fi_cli *cli;
    firn_workspace *workspace;
    firn_workspace_repair_options options;
    firn_workspace_repair_result result;
    struct fi_task_notices notices;
    firn_callbacks told; /* those of notices */
    bool mends_settings;
    bool is_of_data; /* firn db repair */
};

/* Callbacks share one context; the handler of notices is called from here. */
static void
on_notice(void *ctx, const firn_notice *notice)
{
    struct repairing *repairing = ctx;
    assert(repairing->told.on_notice != NULL);
    if (notice->kind == FIRN_NOTICE_SETTINGS) {
        repairing->mends_settings = true; /* told when the workspace was opened */
    } else {
        repairing->told.on_notice(repairing->told.ctx, notice);
    }
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    struct repairing *repairing = ctx;
    return repairing->told.on_progress(repairing->told.ctx, progress);
}

static void
print_checkpoint(const firn_workspace_repair_checkpoint *checkpoint)
{
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE] = "-";
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    if (!checkpoint->checkpoint->is_safety && checkpoint->checkpoint->number != 0) {
        (void)fi_show_checkpoint_name(checkpoint->checkpoint, name);
    }
    fi_term_out_format("%-6s  %s  %.*s  ", firn_workspace_repair_state_name(checkpoint->state),
                       name, FIRN_CHECKPOINT_ID_SHORT, checkpoint->checkpoint->id);
    fi_term_text_escape(firn_str(checkpoint->root), fi_term_out_write);
    if (checkpoint->state == FIRN_REPAIR_STATE_PARTLY) {
        fi_term_out_format(": without %s lost %s",
                           fi_term_text_number(checkpoint->lost_paths, number),
                           fi_term_text_plural(checkpoint->lost_paths, "path", "paths"));
    }
    fi_term_out_text("\n");
}

static void
on_checkpoint(void *ctx, const firn_workspace_repair_checkpoint *checkpoint)
{
    struct repairing *repairing = ctx;
    fi_term_json_object(NULL);
    fi_term_json_string("state", firn_workspace_repair_state_name(checkpoint->state));
    fi_term_json_u64("lost_paths", checkpoint->lost_paths);
    fi_term_json_bool("found", checkpoint->was_found);
    fi_term_json_bytes("root", firn_str(checkpoint->root));
    fi_show_checkpoint_json("checkpoint", checkpoint->checkpoint);
    fi_term_json_end();
    if (!repairing->cli->quiet) {
        fi_term_meter_clear();
        print_checkpoint(checkpoint);
    }
}

static int
attempt_repair(void *ctx, firn_error *err)
{
    struct repairing *repairing = ctx;
    return firn_workspace_repair(repairing->workspace, &repairing->options, &repairing->result,
                                 err);
}

static void
print_json(const struct repairing *repairing)
{
    const firn_workspace_repair_result *result = &repairing->result;
    fi_term_json_bool("was_intact", result->was_intact);
    fi_term_json_bool("dry_run", repairing->options.dry_run);
    fi_term_json_string("data", firn_workspace_repair_data_name(result->data));
    fi_term_json_u64("intact", result->intact);
    fi_term_json_u64("partly", result->partly);
    fi_term_json_u64("lost", result->lost);
    fi_term_json_u64("found", result->found);
    fi_term_json_u64("lost_paths", result->lost_paths);
    fi_term_json_u64("packs", result->packs);
    fi_term_json_u64("packs_damaged", result->packs_damaged);
    fi_term_json_u64("objects_salvaged", result->objects_salvaged);
    if (result->damaged_path != NULL) {
        fi_term_json_bytes("damaged_path", firn_str(result->damaged_path));
    } else {
        fi_term_json_null("damaged_path");
    }
    fi_task_notices_json(&repairing->notices);
}

static void
print_data(firn_workspace_repair_data data)
{
    if (data == FIRN_REPAIR_DATA_KEPT) {
        fi_term_out_text("no data was lost\n");
    } else if (data == FIRN_REPAIR_DATA_SHORTENED) {
        fi_term_out_text("some data is lost, or may be: see above\n");
    } else {
        fi_term_out_text("no data could be recovered\n");
    }
}

static void
print_records(firn_workspace_repair_data data)
{
    if (data == FIRN_REPAIR_DATA_SHORTENED) {
        fi_term_out_text(
            "newer checkpoints, tags and pins may be missing: the store's records are those "
            "of an earlier moment,\nor lack what could not be read; its own data (firn db) "
            "too\n");
    } else if (data == FIRN_REPAIR_DATA_LOST) {
        fi_term_out_text(
            "newer checkpoints, tags and pins may be missing: the store's records could "
            "not be read;\nits own data (firn db) is gone\n");
    }
}

static void
print_counts(const struct repairing *repairing)
{
    const firn_workspace_repair_result *result = &repairing->result;
    char intact[FI_TERM_TEXT_NUMBER_SIZE];
    char partly[FI_TERM_TEXT_NUMBER_SIZE];
    char lost[FI_TERM_TEXT_NUMBER_SIZE];
    fi_term_out_format(
        "%s %s intact, %s partly, %s lost%s\n", fi_term_text_number(result->intact, intact),
        fi_term_text_plural(result->intact, "checkpoint", "checkpoints"),
        fi_term_text_number(result->partly, partly), fi_term_text_number(result->lost, lost),
        repairing->options.dry_run ? "; nothing was changed" : "");
}

static void
print_result(const struct repairing *repairing)
{
    const firn_workspace_repair_result *result = &repairing->result;
    assert(!result->was_intact || result->damaged_path == NULL);
    if (repairing->mends_settings) {
        fi_term_out_text(
            repairing->options.dry_run
                ? "settings would be repaired: unreadable lines would become comments\n"
                : "settings repaired: unreadable lines became comments, or the unreadable file "
                  "was renamed\n");
    }
    if (result->was_intact) {
        fi_term_out_text(repairing->mends_settings ? "nothing else to repair\n"
                                                   : "nothing to repair\n");
        return;
    }
    if (repairing->is_of_data) {
        print_data(result->data);
    } else {
        print_records(result->data);
    }
    if (!repairing->is_of_data || result->intact + result->partly + result->lost > 0) {
        print_counts(repairing);
    } else if (repairing->options.dry_run) {
        fi_term_out_text("nothing was changed\n");
    }
    if (result->lost_paths > 0 || result->lost > 0) {
        fi_term_out_text("save those that are still on the disk with: firn save\n");
    }
    if (result->damaged_path != NULL) {
        fi_term_out_text("the damaged store is kept; remove it when you no longer need it: ");
        fi_term_text_escape(firn_str(result->damaged_path), fi_term_out_write);
        fi_term_out_text("\n");
    }
}

#define REPAIR_AFTER_UNLOCK(command) \
    "what is encrypted cannot be rebuilt; firn key unlock, then " command
#define DAMAGE_AFTER_UNLOCK(command)                                                            \
    "nothing was repaired; firn key unlock, then " command " rebuilds the store from what can " \
    "still be read"

static const char *
dir_repair_hint(int code, bool is_of_data)
{
    if (is_of_data) {
        return NULL;
    }
    switch (code) {
    case FIRN_NOT_FOUND:
        return "--store DIR names a store, firn workspaces lists them";
    case FIRN_NO_SPACE:
        return "data recovered from damaged packs needs free space beside the store";
    default:
        return NULL;
    }
}

static bool
has_lost(const firn_workspace_repair_result *result)
{
    return result->partly > 0 || result->lost > 0 || result->data != FIRN_REPAIR_DATA_KEPT;
}

/* Of an encrypted store without its key: its checksums are verified, and nothing is changed. An
 * exit code. */
static int
inspect_locked(struct fi_cli *cli, struct repairing *repairing)
{
    firn_error err;
    const bool is_of_data = repairing->is_of_data;
    int exit_code;
    int code = fi_task_locked_check(cli, firn_workspace_store_path(repairing->workspace), false,
                                    &repairing->told, &exit_code, &err);
    if (code == FIRN_OK) {
        return fi_task_locked_limit(cli, "nothing repaired",
                                    is_of_data ? REPAIR_AFTER_UNLOCK("firn db repair")
                                               : REPAIR_AFTER_UNLOCK("firn repair"));
    }
    return fi_command_report_failure(cli, &err,
                                     code != FIRN_CORRUPT ? NULL
                                     : is_of_data         ? DAMAGE_AFTER_UNLOCK("firn db repair")
                                                          : DAMAGE_AFTER_UNLOCK("firn repair"));
}

/* The workspace is open; it is closed then. */
static int
repair(struct fi_cli *cli, firn_workspace *workspace, bool is_of_data)
{
    firn_error err;
    int exit_code = FI_EXIT_OK;
    struct repairing repairing = {.cli = cli,
                                  .workspace = workspace,
                                  .options = FIRN_WORKSPACE_REPAIR_OPTIONS_INIT,
                                  .result = FIRN_WORKSPACE_REPAIR_RESULT_INIT,
                                  .is_of_data = is_of_data};
    fi_task_notices_init(&repairing.notices, cli);
    repairing.told = fi_task_notices_callbacks(&repairing.notices);
    repairing.options.dry_run = fi_command_has(cli, "dry-run");
    repairing.options.on_checkpoint = on_checkpoint;
    repairing.options.callbacks.on_notice = on_notice;
    repairing.options.callbacks.on_progress = on_progress;
    repairing.options.callbacks.ctx = &repairing;
    const char *path = firn_workspace_store_path(workspace);
    bool is_locked = fi_task_locked_is_wanted(cli, path);
    fi_term_json_array("checkpoints");
    int code =
        is_locked ? FIRN_DENIED : fi_task_patience_run(cli, attempt_repair, &repairing, &err);
    fi_term_meter_clear();
    is_locked = is_locked || fi_task_locked_is_due(path, code);
    cli->is_done = code == FIRN_OK && !repairing.options.dry_run;
    fi_term_json_end();
    if (is_locked) {
        exit_code = inspect_locked(cli, &repairing);
        fi_task_notices_json(&repairing.notices);
    } else if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, dir_repair_hint(code, is_of_data));
    } else {
        print_json(&repairing);
        if (!cli->quiet) {
            print_result(&repairing);
        }
    }
    if (code == FIRN_OK && has_lost(&repairing.result)) {
        exit_code = FI_EXIT_PARTIAL;
    }
    firn_release(repairing.result.damaged_path);
    fi_task_notices_deinit(&repairing.notices);
    firn_workspace_close(repairing.workspace);
    return exit_code;
}

static int
dir_repair_run(struct fi_cli *cli)
{
    assert(cli->argument_count == 0);
    firn_workspace *workspace;
    FI_TRY_RETURN(fi_task_workspace_open(cli, &workspace));
    return repair(cli, workspace, false);
}

static int
run_db(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    firn_workspace *workspace;
    FI_TRY_RETURN(
        fi_task_workspace_open_root(cli, cli->arguments[0], FIRN_CIPHER_NONE, &workspace));
    return repair(cli, workspace, true);
}

static const struct fi_command_option options[] = {
    {"dry-run", 'n', NULL, "show what can be recovered, and change nothing"},
    FI_TASK_LOCKED_OPTION,
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn check --data", "look for damage"},
    {"firn repair --dry-run", "show what can be recovered"},
    {"firn repair", "repair the store"},
    {NULL, NULL},
};

const struct fi_command fi_dir_repair = {
    .name = "repair",
    .summary = "Repair a damaged store",
    .arguments = "",
    .options = options,
    .help = "Builds a new store, with all workspaces, from everything in the damaged store\n"
            "that can still be read. A lost catalog is rebuilt from packs and log. A\n"
            "checkpoint that has lost files keeps its number and stays without them; each\n"
            "lost path is named, and the checkpoint's message says how many there were. If\n"
            "the catalog was lost, deleted checkpoints may come back. A workspace that was\n"
            "lost from it gets the path of its newest remaining checkpoint; if its directory\n"
            "was moved since, run firn workspaces relocate OLD-ROOT in it.\n"
            "\n"
            "The damaged store is only read until the new one has been verified completely.\n"
            "Then the two change places in one step, and the damaged one is kept inside the\n"
            "new one as damaged-1. Intact files are shared between them, so this takes little\n"
            "space. If nothing is damaged, nothing is changed; nor if anything in the store\n"
            "was made by a newer firn, which alone can tell what is damaged. A dry run does\n"
            "the same work but does not change the store.\n"
            "\n"
            "Lines of the store's settings that cannot be read become comments; if no other\n"
            "line says what expires, keep = forever is added.\n"
            "\n"
            "An encrypted store cannot be rebuilt without its key. Then its checksums are\n"
            "verified, as by firn check --no-key --data. Damage is named, with exit\n"
            "code 5, and nothing is changed. With --no-key, no key is looked for. Where none\n"
            "was found, a warning says so, and the exit code is 6.\n"
            "\n"
            "The exit code is 6 if anything was lost.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = dir_repair_run,
};

static const struct fi_command_example db_examples[] = {
    {"firn db check app.firn", "look for damage"},
    {"firn db repair app.firn --dry-run", "show what can be recovered"},
    {"firn db repair app.firn", "repair the store"},
    {NULL, NULL},
};

const struct fi_command fi_dir_repair_db = {
    .name = "repair",
    .summary = "Repair a damaged store",
    .arguments = "STORE",
    .options = options,
    .help = "Builds a new store from everything that can still be read. Sorted files that the\n"
            "MANIFEST no longer names are recovered too, as each says which keyspace it\n"
            "belongs to and what it replaces. Each loss is named, and so is anything that\n"
            "cannot be known. A keyspace whose name is lost is called recovered-NUMBER.\n"
            "Deleted data does not come back, unless its deletion is named as lost.\n"
            "\n"
            "The damaged store is only read until the new one has been verified completely.\n"
            "Then the two change places in one step, and the damaged one is kept inside the\n"
            "new one as damaged-1. Intact files are shared between them, so this takes little\n"
            "space. If nothing is damaged, nothing is changed. A dry run does the same work\n"
            "but does not change the store.\n"
            "\n"
            "firn repair does the same and also reports on checkpoints of directories.\n"
            "\n"
            "An encrypted store cannot be rebuilt without its key. Then its checksums are\n"
            "verified, as by firn db check --no-key. Damage is named, with exit\n"
            "code 5, and nothing is changed. With --no-key, no key is looked for. Where none\n"
            "was found, a warning says so, and the exit code is 6.\n"
            "\n"
            "The exit code is 6 if anything was lost.",
    .examples = db_examples,
    .uses = FI_COMMAND_USES_LOCK,
    .run = run_db,
};

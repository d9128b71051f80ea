/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_gc.c: firn gc.
 */
#include "dir/dir.h"

#include <assert.h>

#include "remotes/remotes.h"
#include "task/task.h"
#include "term/term.h"

static void
print_json(const firn_workspace_gc_result *result)
{
    fi_term_json_u64("bytes_before", result->bytes_before);
    fi_term_json_u64("bytes_after", result->bytes_after);
    fi_term_json_u64("packs_before", result->packs_before);
    fi_term_json_u64("packs_after", result->packs_after);
    fi_term_json_u64("packs_removed", result->packs_removed);
    fi_term_json_u64("packs_rewritten", result->packs_rewritten);
    fi_term_json_u64("packs_waiting", result->packs_waiting);
    fi_term_json_u64("bytes_waiting", result->bytes_waiting);
    fi_term_json_u64("bytes_dead", result->bytes_dead);
    fi_term_json_u64("objects_live", result->objects_live);
    fi_term_json_u64("objects_dead", result->objects_dead);
    fi_term_json_u64("expired", result->expired);
    fi_term_json_u64("safety_expired", result->safety_expired);
    fi_term_json_u64("damaged", result->damaged);
    fi_term_json_u64("rekeyed", result->rekeyed);
    fi_term_json_u64("rekey_left", result->rekey_left);
}

static void
print_auto_json(const firn_workspace_gc_result *result)
{
    print_json(result);
    fi_term_json_bool("due", result->is_due);
    fi_term_json_bool("finished", result->is_finished);
    fi_term_json_u64("slices", result->slices);
}

static void
print_packs(const firn_workspace_gc_result *result, bool is_dry)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char before[FI_TERM_TEXT_SIZE_SIZE];
    char after[FI_TERM_TEXT_SIZE_SIZE];
    (void)fi_term_text_size(result->bytes_before, before);
    (void)fi_term_text_size(result->bytes_after, after);
    if (result->packs_removed + result->packs_rewritten == 0) {
        fi_term_out_format("%s: %s in %s %s\n",
                           result->bytes_dead > 0 ? "no pack is worth rewriting"
                                                  : "nothing to free",
                           after, fi_term_text_number(result->packs_after, number),
                           fi_term_text_plural(result->packs_after, "pack", "packs"));
        return;
    }
    fi_term_out_format("%s %s removed, ", fi_term_text_number(result->packs_removed, number),
                       fi_term_text_plural(result->packs_removed, "pack", "packs"));
    fi_term_out_format("%s rewritten: ", fi_term_text_number(result->packs_rewritten, number));
    fi_term_out_format("%s before, %s%s %s\n", before, is_dry ? "about " : "", after,
                       is_dry ? "would be left" : "now");
}

static void
print_result(const firn_workspace_gc_result *result, bool is_dry)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char size[FI_TERM_TEXT_SIZE_SIZE];
    if (result->expired > 0) {
        fi_term_out_format("%s old %s %s\n", fi_term_text_number(result->expired, number),
                           fi_term_text_plural(result->expired, "checkpoint", "checkpoints"),
                           is_dry ? "would be deleted" : "deleted");
    }
    if (result->safety_expired > 0) {
        fi_term_out_format("%s old safety %s %s\n",
                           fi_term_text_number(result->safety_expired, number),
                           fi_term_text_plural(result->safety_expired, "checkpoint", "checkpoints"),
                           is_dry ? "would be deleted" : "deleted");
    }
    print_packs(result, is_dry);
    if (result->bytes_dead > 0) {
        fi_term_out_format("about %s of it is not needed, spread among data that is; free it "
                           "with: firn gc --full\n",
                           fi_term_text_size(result->bytes_dead, size));
    }
    if (result->packs_waiting > 0) {
        fi_term_out_format(
            "%s of it are kept while other firn processes read them; the next save removes them\n",
            fi_term_text_size(result->bytes_waiting, size));
    }
}

static void
print_rekey(const firn_workspace_gc_result *result)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    if (result->rekey_left == 0) {
        fi_term_out_format("%s %s written anew, none is left with an older key\n",
                           fi_term_text_number(result->rekeyed, number),
                           fi_term_text_plural(result->rekeyed, "file", "files"));
    } else {
        fi_term_out_format("%s %s left with an older master key: other processes read them, or "
                           "they are damaged; firn gc --rekey, given again, does the rest\n",
                           fi_term_text_number(result->rekey_left, number),
                           fi_term_text_plural(result->rekey_left, "file is", "files are"));
    }
}

static void
print_auto(const firn_workspace_gc_result *result, bool is_dry)
{
    if (!result->is_due) {
        fi_term_out_text(
            "not worth it: little was deleted since the last gc, or one has just begun\n");
    } else if (is_dry) {
        fi_term_out_text("worth it\n");
    } else if (!result->is_finished) {
        fi_term_out_text("not finished: other commands kept writing; firn gc makes them wait\n");
    } else {
        print_result(result, false);
    }
}

/* Of an encrypted store without its key: what interrupted writes have left. An exit code. */
static int
show_locked(const struct fi_cli *cli, const firn_workspace_gc_result *result, bool is_dry)
{
    static const char what[] = "which packs are needed is encrypted; firn key unlock, then firn gc";
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char size[FI_TERM_TEXT_SIZE_SIZE];
    fi_term_json_bool("without_key", true);
    fi_term_json_string("not_collected", "packs");
    fi_term_json_u64("leftovers", result->leftovers);
    fi_term_json_u64("leftover_bytes", result->leftover_bytes);
    if (!cli->quiet && result->leftovers == 0) {
        fi_term_out_text("interrupted writes have left nothing\n");
    } else if (!cli->quiet) {
        fi_term_out_format("%s %s of interrupted writes %s: %s\n",
                           fi_term_text_number(result->leftovers, number),
                           fi_term_text_plural(result->leftovers, "file", "files"),
                           is_dry ? "would be removed" : "removed",
                           fi_term_text_size(result->leftover_bytes, size));
    }
    return fi_task_locked_limit(cli, "packs not collected", what);
}

static const char *
dir_gc_hint(int code)
{
    assert(code != FIRN_OK);
    switch (code) {
    case FIRN_NOT_FOUND:
        return "firn save makes a checkpoint";
    case FIRN_CORRUPT:
        return "firn check names what is damaged; firn delete REF deletes a checkpoint that needs "
               "it, firn repair rebuilds the store from the rest";
    case FIRN_NO_SPACE:
        return "free some space elsewhere on the disk and run this again, or delete more "
               "checkpoints first: firn delete REF --now";
    case FIRN_DENIED:
        return fi_command_key_nobody_answered()
                   ? "that takes the key; without it, a plain firn gc removes what interrupted "
                     "writes have left"
                   : NULL;
    default:
        return NULL;
    }
}

struct attempt {
    firn_workspace *workspace;
    firn_workspace_gc_options options;
    firn_workspace_gc_result result;
};

static int
attempt_gc(void *ctx, firn_error *err)
{
    struct attempt *attempt = ctx;
    return firn_workspace_gc(attempt->workspace, &attempt->options, &attempt->result, err);
}

/* Whether an option asks for work that needs the key. */
static bool
wants_more(const struct fi_cli *cli)
{
    return fi_command_has(cli, "auto") || fi_command_has(cli, "full") ||
           fi_command_has(cli, "now") || fi_command_has(cli, "rekey") ||
           fi_command_has(cli, "recompress");
}

/* With the key, if the store needs one and can have it. *out_is_locked: without. */
static int
collect(struct fi_cli *cli, struct attempt *attempt, bool *out_is_locked, firn_error *err)
{
    const char *path = firn_workspace_store_path(attempt->workspace);
    const bool is_auto = attempt->options.automatic;
    int code = FIRN_OK;
    *out_is_locked = fi_task_locked_is_wanted(cli, path);
    if (!*out_is_locked) {
        /* An automatic collection waits by itself, also between its steps. */
        code = is_auto ? attempt_gc(attempt, err)
                       : fi_task_patience_run(cli, attempt_gc, attempt, err);
        *out_is_locked = !wants_more(cli) && fi_task_locked_is_due(path, code);
    }
    if (*out_is_locked) {
        attempt->options.keep = NULL;
        attempt->options.without_key = true;
        code = fi_task_patience_run(cli, attempt_gc, attempt, err);
    }
    fi_term_meter_clear();
    return code;
}

/* *out stays 0 where nothing is to be compressed again. Returns an exit code. */
static int
read_level(struct fi_cli *cli, int *out)
{
    assert(*out == 0);
    const char *text = fi_command_value(cli, "level");
    uint64_t level = FIRN_GC_LEVEL_DEFAULT;
    if (!fi_command_has(cli, "recompress")) {
        return text == NULL ? FI_EXIT_OK : fi_command_misused(cli, "--level is for --recompress");
    }
    if (text != NULL &&
        (!fi_command_number(text, FIRN_GC_LEVEL_MAX, &level) || level < FIRN_GC_LEVEL_MIN)) {
        return fi_command_misused(cli, "--level takes a number from %d to %d, not '%s'",
                                  FIRN_GC_LEVEL_MIN, FIRN_GC_LEVEL_MAX, text);
    }
    *out = (int)level;
    return FI_EXIT_OK;
}

static int
run_remote(struct fi_cli *cli)
{
    static const char *const others[] = {"auto",       "full",  "now",   "dry-run",
                                         "recompress", "level", "no-key"};
    bool is_alone = fi_command_has(cli, "rekey");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        is_alone = is_alone && !fi_command_has(cli, others[i]);
    }
    return is_alone ? fi_remotes_rekey_run(cli)
                    : fi_command_misused(cli, "--remote goes with --rekey alone; firn remote prune "
                                              "removes what a remote does not need");
}

static int
dir_gc_run(struct fi_cli *cli)
{
    assert(cli->argument_count == 0);
    firn_error err;
    struct attempt attempt = {.options = FIRN_WORKSPACE_GC_OPTIONS_INIT,
                              .result = FIRN_WORKSPACE_GC_RESULT_INIT};
    struct fi_task_notices notices;
    const bool is_auto = fi_command_has(cli, "auto");
    if (is_auto && (fi_command_has(cli, "full") || fi_command_has(cli, "now") ||
                    fi_command_has(cli, "rekey") || fi_command_has(cli, "recompress"))) {
        return fi_command_misused(cli, "--auto excludes --full, --now, --rekey and --recompress");
    }
    if (fi_command_has(cli, "no-key") && wants_more(cli)) {
        return fi_command_misused(cli, "--no-key goes with --dry-run alone");
    }
    if (fi_command_has(cli, "remote")) {
        return run_remote(cli);
    }
    int exit_code = read_level(cli, &attempt.options.recompress_level);
    if (exit_code == FI_EXIT_OK) {
        bool is_untrusted;
        exit_code = is_auto ? fi_task_workspace_open_unasked(cli, &attempt.workspace, &is_untrusted)
                            : fi_task_workspace_open(cli, &attempt.workspace);
    }
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_task_notices_init(&notices, cli);
    attempt.options.dry_run = fi_command_has(cli, "dry-run");
    attempt.options.full = fi_command_has(cli, "full");
    attempt.options.now = fi_command_has(cli, "now");
    attempt.options.rekey = fi_command_has(cli, "rekey");
    attempt.options.keep = cli->settings.keep[0] != '\0' ? cli->settings.keep : NULL;
    attempt.options.automatic = is_auto;
    attempt.options.callbacks = fi_task_notices_callbacks(&notices);
    bool is_locked;
    int code = collect(cli, &attempt, &is_locked, &err);
    cli->is_done = code == FIRN_OK && !attempt.options.dry_run;
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, dir_gc_hint(code));
    } else if (is_locked) {
        exit_code = show_locked(cli, &attempt.result, attempt.options.dry_run);
        fi_task_notices_json(&notices);
    } else {
        (is_auto ? print_auto_json : print_json)(&attempt.result);
        fi_task_notices_json(&notices);
        if (!cli->quiet) {
            (is_auto ? print_auto : print_result)(&attempt.result, attempt.options.dry_run);
        }
        if (!cli->quiet && attempt.options.rekey && !attempt.options.dry_run) {
            print_rekey(&attempt.result);
        }
    }
    if (code == FIRN_OK && attempt.result.damaged > 0) {
        exit_code = FI_EXIT_CORRUPT;
    }
    fi_task_notices_deinit(&notices);
    firn_workspace_close(attempt.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"dry-run", 'n', NULL, "show how much would be freed, and change nothing"},
    {"auto", 0, NULL, "run only if worthwhile, in slices that let others work"},
    {"full", 0, NULL, "rewrite every pack that has any unneeded data"},
    {"now", 0, NULL, "free what deleted checkpoints needed, too"},
    {"rekey", 0, NULL, "write anew all that older master keys have encrypted"},
    {"remote", 0, "REMOTE", "with --rekey: do that to a remote, not to the store"},
    {"recompress", 0, NULL, "compress again, better and slower than a save does"},
    {"level", 0, "N", "zstd level for --recompress, 2 to 19 (default 9)"},
    {"no-key", 0, NULL, "ask for no key: remove only what interrupted writes left"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn gc --dry-run", "show how much would be freed"},
    {"firn gc --recompress", "make the store smaller, for example overnight"},
    {"firn gc --rekey", "encrypt all of the store with the newest master key"},
    {"firn gc --rekey --remote nas", "the same of the remote nas"},
    {NULL, NULL},
};

const struct fi_command fi_dir_gc = {
    .name = "gc",
    .summary = "Delete data that no checkpoint refers to",
    .arguments = "",
    .options = options,
    .help = "Deletes packs that no checkpoint of any workspace of the store needs. Rewrites a\n"
            "pack if at least a fiftieth of it is not needed, and a pack of less than 16 MiB\n"
            "if anything in it is not needed; small packs are joined into one. There the\n"
            "versions of a file lie side by side, where they compress best. gc says how much\n"
            "unneeded data remains; with --full, none does. Expired checkpoints of all\n"
            "workspaces of the store are deleted first (see firn help delete). Checkpoints\n"
            "that were deleted less than 7 days ago can still be brought back, so what they\n"
            "need stays; with --now it goes, and firn undelete finds nothing. Other commands\n"
            "can read meanwhile, and interrupting gc loses nothing.\n"
            "\n"
            "With --auto nothing is done unless the deleted checkpoints had added at least a\n"
            "quarter of the store and 16 MiB. The work is then done in slices of at most 16\n"
            "MiB, each a fraction of a second, between which other commands can write. firn\n"
            "save, delete, workspaces remove, watch, mcp and the hooks start this in the\n"
            "background, unless firn config sets gc.auto to false. It does less than a plain\n"
            "firn gc: it deletes no expired checkpoints, leaves a pack alone if less than an\n"
            "eighth of it is unneeded, does not join small packs, and does not remove what\n"
            "firn forget took out.\n"
            "\n"
            "With --recompress everything else is rewritten too, but only once: data that was\n"
            "compressed at that level or a higher one, or that cannot be made smaller, stays\n"
            "as it is. This takes one processor about ten seconds for each gigabyte, and\n"
            "minutes at level 19.\n"
            "\n"
            "With --rekey every file of an encrypted store is written anew that is not\n"
            "encrypted with the newest master key (firn key rotate). If none is left then,\n"
            "older master keys are dropped. Interrupted, it goes on when it is given again.\n"
            "With --remote REMOTE, the name of a remote or its URL, its packs are fetched,\n"
            "written anew and sent, while others push and pull. States that older keys open\n"
            "are removed when they are eight hours old, so on the next day the same command\n"
            "ends it: then the remote's older master keys are dropped.\n"
            "\n"
            "Which packs of an encrypted store are needed is encrypted. Without its key, what\n"
            "interrupted writes, pushes and pulls have left is removed, as far as file names\n"
            "tell that nothing can need it; packs are not looked into. With --no-key, no key\n"
            "is looked for. Where none was found, a warning says so, and the exit code is 6.\n"
            "--auto, --full, --now, --rekey and --recompress need the key.\n"
            "\n"
            "A damaged pack is kept and named, and the exit code is 5. If damage makes it\n"
            "impossible to know what a checkpoint needs, nothing is deleted.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = dir_gc_run,
};

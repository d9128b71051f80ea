/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_gc.c: firn gc.
 */
#include "dir/dir.h"

#include "task/task.h"
#include "term/term.h"

static void
print_json(const firn_workspace_gc_result *result)
{
    firn_term_json_u64("bytes_before", result->bytes_before);
    firn_term_json_u64("bytes_after", result->bytes_after);
    firn_term_json_u64("packs_before", result->packs_before);
    firn_term_json_u64("packs_after", result->packs_after);
    firn_term_json_u64("packs_removed", result->packs_removed);
    firn_term_json_u64("packs_rewritten", result->packs_rewritten);
    firn_term_json_u64("packs_waiting", result->packs_waiting);
    firn_term_json_u64("bytes_waiting", result->bytes_waiting);
    firn_term_json_u64("bytes_dead", result->bytes_dead);
    firn_term_json_u64("objects_live", result->objects_live);
    firn_term_json_u64("objects_dead", result->objects_dead);
    firn_term_json_u64("expired", result->expired);
    firn_term_json_u64("safety_expired", result->safety_expired);
    firn_term_json_u64("damaged", result->damaged);
}

static void
print_auto_json(const firn_workspace_gc_result *result)
{
    print_json(result);
    firn_term_json_bool("due", result->is_due);
    firn_term_json_bool("finished", result->is_finished);
    firn_term_json_u64("slices", result->slices);
}

static void
print_packs(const firn_workspace_gc_result *result, bool is_dry)
{
    char number[FIRN_TERM_TEXT_NUMBER_SIZE];
    char before[FIRN_TERM_TEXT_SIZE_SIZE];
    char after[FIRN_TERM_TEXT_SIZE_SIZE];
    (void)firn_term_text_size(result->bytes_before, before);
    (void)firn_term_text_size(result->bytes_after, after);
    if (result->packs_removed + result->packs_rewritten == 0) {
        firn_term_out_format("%s: %s in %s %s\n",
                             result->bytes_dead > 0 ? "no pack is worth rewriting"
                                                    : "nothing to give back",
                             after, firn_term_text_number(result->packs_after, number),
                             firn_term_text_plural(result->packs_after, "pack", "packs"));
        return;
    }
    firn_term_out_format("%s %s removed, ", firn_term_text_number(result->packs_removed, number),
                         firn_term_text_plural(result->packs_removed, "pack", "packs"));
    firn_term_out_format("%s rewritten: ", firn_term_text_number(result->packs_rewritten, number));
    firn_term_out_format("%s before, %s%s %s\n", before, is_dry ? "about " : "", after,
                         is_dry ? "would be left" : "now");
}

static void
print_result(const firn_workspace_gc_result *result, bool is_dry)
{
    char number[FIRN_TERM_TEXT_NUMBER_SIZE];
    char size[FIRN_TERM_TEXT_SIZE_SIZE];
    if (result->expired > 0) {
        firn_term_out_format("%s old %s %s\n", firn_term_text_number(result->expired, number),
                             firn_term_text_plural(result->expired, "checkpoint", "checkpoints"),
                             is_dry ? "would be deleted" : "deleted");
    }
    if (result->safety_expired > 0) {
        firn_term_out_format(
            "%s old safety %s %s\n", firn_term_text_number(result->safety_expired, number),
            firn_term_text_plural(result->safety_expired, "checkpoint", "checkpoints"),
            is_dry ? "would be deleted" : "deleted");
    }
    print_packs(result, is_dry);
    if (result->bytes_dead > 0) {
        firn_term_out_format(
            "about %s of it is not needed, among much that is; it goes with: firn gc "
            "--full\n",
            firn_term_text_size(result->bytes_dead, size));
    }
    if (result->packs_waiting > 0) {
        firn_term_out_format("%s of it are kept for firn processes that are reading; the next save "
                             "removes them\n",
                             firn_term_text_size(result->bytes_waiting, size));
    }
}

static void
print_auto(const firn_workspace_gc_result *result, bool is_dry)
{
    if (!result->is_due) {
        firn_term_out_text(
            "not worth it: little was deleted since the last gc, or one has just begun\n");
    } else if (is_dry) {
        firn_term_out_text("worth it\n");
    } else if (!result->is_finished) {
        firn_term_out_text(
            "not finished: others were at work all the time; firn gc makes them wait\n");
    } else {
        print_result(result, false);
    }
}

static const char *
hint(int code)
{
    switch (code) {
    case FIRN_NOT_FOUND:
        return "firn save makes a checkpoint";
    case FIRN_CORRUPT:
        return "firn check names what is damaged; firn delete REF takes a checkpoint that needs it "
               "out of the way, firn repair makes a sound store of the rest";
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

/* *out stays 0 where nothing is to be compressed again. Returns an exit code. */
static int
read_level(struct firn_cli *cli, int *out)
{
    const char *text = firn_command_value(cli, "level");
    uint64_t level = FIRN_GC_LEVEL_DEFAULT;
    if (!firn_command_has(cli, "recompress")) {
        return text == NULL ? FIRN_EXIT_OK
                            : firn_command_misused(cli, "--level is for --recompress");
    }
    if (text != NULL &&
        (!firn_command_number(text, FIRN_GC_LEVEL_MAX, &level) || level < FIRN_GC_LEVEL_MIN)) {
        return firn_command_misused(cli, "--level takes a number from %d to %d, not '%s'",
                                    FIRN_GC_LEVEL_MIN, FIRN_GC_LEVEL_MAX, text);
    }
    *out = (int)level;
    return FIRN_EXIT_OK;
}

static int
run(struct firn_cli *cli)
{
    firn_error err;
    struct attempt attempt = {.options = FIRN_WORKSPACE_GC_OPTIONS_INIT};
    struct firn_task_notices notices;
    const bool is_auto = firn_command_has(cli, "auto");
    if (is_auto && (firn_command_has(cli, "full") || firn_command_has(cli, "recompress"))) {
        return firn_command_misused(cli, "--auto excludes --full and --recompress");
    }
    int exit_code = read_level(cli, &attempt.options.recompress_level);
    if (exit_code == FIRN_EXIT_OK) {
        bool is_untrusted;
        exit_code = is_auto
                        ? firn_task_workspace_open_unasked(cli, &attempt.workspace, &is_untrusted)
                        : firn_task_workspace_open(cli, &attempt.workspace);
    }
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    firn_task_notices_init(&notices, cli);
    attempt.options.dry_run = firn_command_has(cli, "dry-run");
    attempt.options.full = firn_command_has(cli, "full");
    attempt.options.keep = cli->settings.keep[0] != '\0' ? cli->settings.keep : NULL;
    attempt.options.automatic = is_auto;
    attempt.options.callbacks = firn_task_notices_callbacks(&notices);
    /* An automatic one waits by itself, in the middle too. */
    int code = is_auto ? attempt_gc(&attempt, &err)
                       : firn_task_patience_run(cli, attempt_gc, &attempt, &err);
    firn_term_meter_clear();
    cli->is_done = code == FIRN_OK && !attempt.options.dry_run;
    if (code != FIRN_OK) {
        exit_code = firn_command_report_failure(cli, &err, hint(code));
    } else {
        (is_auto ? print_auto_json : print_json)(&attempt.result);
        firn_task_notices_json(&notices);
        if (!cli->quiet) {
            (is_auto ? print_auto : print_result)(&attempt.result, attempt.options.dry_run);
        }
    }
    if (code == FIRN_OK && attempt.result.damaged > 0) {
        exit_code = FIRN_EXIT_CORRUPT;
    }
    firn_task_notices_deinit(&notices);
    firn_workspace_close(attempt.workspace);
    return exit_code;
}

static const struct firn_command_option options[] = {
    {"dry-run", 'n', NULL, "show what would come back, change nothing"},
    {"auto", 0, NULL, "only if it is worth it, with others between slices"},
    {"full", 0, NULL, "rewrite every pack that holds anything not needed"},
    {"recompress", 0, NULL, "compress again, better and slower than a save does"},
    {"level", 0, "N", "zstd's, for --recompress: 2 to 19 (9)"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn gc --dry-run", "is there much to give back?"},
    {"firn gc --recompress", "make the store smaller while nobody works"},
    {NULL, NULL},
};

const struct firn_command firn_dir_gc = {
    .name = "gc",
    .summary = "Delete data that no checkpoint refers to",
    .arguments = "",
    .options = options,
    .help = "Removes packs that no checkpoint of any workspace of the store needs, and\n"
            "rewrites those of which a fiftieth is not needed, or anything if they are below\n"
            "16 MiB; several such small ones become one. Less than that stays, and gc says\n"
            "how much; with --full nothing stays. Expired checkpoints are deleted first,\n"
            "in all workspaces of the store: see firn help delete. Nobody who reads is\n"
            "disturbed, and a gc that is cut short has lost nothing.\n"
            "\n"
            "With --auto nothing is done unless deleted checkpoints had added a quarter of\n"
            "the store, and 16 MiB; then in slices of at most 16 MiB, a fraction of a second\n"
            "each, between which others work. firn save, delete, workspaces remove, watch,\n"
            "mcp and the hooks start that by themselves, in the background, unless firn\n"
            "config says gc.auto = false. It does less: no checkpoint goes first, packs stay\n"
            "of which less than an eighth is not needed, small ones are not made one, and\n"
            "what firn forget took out waits for a plain firn gc.\n"
            "\n"
            "With --recompress all else is rewritten too, once: what was compressed at that\n"
            "level or a higher one stays as it is, and so does what cannot be made smaller.\n"
            "It takes one processor for some ten seconds a gigabyte, at level 19 for minutes.\n"
            "\n"
            "A damaged pack stays and is named, and the exit code is 5. Where a checkpoint is\n"
            "so damaged that it cannot be known what it needs, nothing is removed.",
    .examples = examples,
    .uses = FIRN_COMMAND_USES_WORKSPACE | FIRN_COMMAND_USES_LOCK,
    .run = run,
};

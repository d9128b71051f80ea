/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_check.c: firn check.
 *
 * One damaged block can take a file out of every checkpoint, and many files with it. So a path is
 * reported once for each reason, with the checkpoints that have lost it, after all checkpoints were
 * read. At most PATHS_MAX paths are kept; the others are counted. With --json every path of every
 * checkpoint is a notice.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remotes/remotes.h"
#include "task/task.h"
#include "term/term.h"

enum { PATHS_MAX = 10000, NAMES_MAX = 3, TEXT_MAX = 1400 };

/* A path that cannot be restored, for one reason. */
struct lost {
    char *path;
    size_t path_size;
    char *why;
    uint64_t checkpoints;
    char names[NAMES_MAX][FIRN_CHECKPOINT_ID_SHORT + 1]; /* of the first of them */
};

struct lost_paths {
    struct lost *items; /* sorted by path, then reason */
    size_t count;
    size_t capacity;
    uint64_t not_kept;
};

static int
compare_lost(const struct lost *lost, firn_slice path, const char *why)
{
    size_t size = lost->path_size < path.size ? lost->path_size : path.size;
    int order = size == 0 ? 0 : memcmp(lost->path, path.data, size);
    if (order == 0) {
        order = (lost->path_size > path.size) - (lost->path_size < path.size);
    }
    return order != 0 ? order : strcmp(lost->why, why);
}

/* Its place, or the place where it belongs. */
static size_t
place_of(const struct lost_paths *paths, firn_slice path, const char *why)
{
    assert(paths->count <= paths->capacity);
    size_t low = 0;
    size_t high = paths->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_lost(&paths->items[middle], path, why) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool
insert_lost(struct lost_paths *paths, size_t at, firn_slice path, const char *why)
{
    assert(at <= paths->count && paths->count <= paths->capacity);
    if (paths->count == paths->capacity) {
        size_t capacity = paths->capacity == 0 ? 64 : paths->capacity * 2;
        struct lost *grown = realloc(paths->items, capacity * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        paths->items = grown;
        paths->capacity = capacity;
    }
    struct lost lost = {.path = malloc(path.size + 1), .path_size = path.size, .why = strdup(why)};
    if (lost.path == NULL || lost.why == NULL) {
        free(lost.path);
        free(lost.why);
        return false;
    }
    if (path.size > 0) {
        memcpy(lost.path, path.data, path.size);
    }
    memmove(&paths->items[at + 1], &paths->items[at], (paths->count - at) * sizeof(lost));
    paths->items[at] = lost;
    paths->count++;
    return true;
}

static void
add_lost(struct lost_paths *paths, const firn_notice *notice)
{
    assert(notice->text != NULL && notice->checkpoint != NULL);
    size_t at = place_of(paths, notice->path, notice->text);
    bool is_known =
        at < paths->count && compare_lost(&paths->items[at], notice->path, notice->text) == 0;
    if (!is_known &&
        (paths->count == PATHS_MAX || !insert_lost(paths, at, notice->path, notice->text))) {
        paths->not_kept++;
        return;
    }
    struct lost *lost = &paths->items[at];
    if (lost->checkpoints < NAMES_MAX) {
        (void)snprintf(lost->names[lost->checkpoints], sizeof(lost->names[0]), "%.*s",
                       FIRN_CHECKPOINT_ID_SHORT, notice->checkpoint);
    }
    lost->checkpoints++;
}

/* "its content is damaged, in 12 checkpoints: kzmx…, lnop…, … and 9 more" */
static void
report_lost(const struct lost *lost)
{
    assert(lost->checkpoints > 0);
    char text[TEXT_MAX];
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    int size = snprintf(text, sizeof(text), "%.1000s, in %s %s: ", lost->why,
                        fi_term_text_number(lost->checkpoints, number),
                        fi_term_text_plural(lost->checkpoints, "checkpoint", "checkpoints"));
    for (uint64_t i = 0; i < lost->checkpoints && i < NAMES_MAX; i++) {
        size += snprintf(text + size, sizeof(text) - (size_t)size, "%s%s", i == 0 ? "" : ", ",
                         lost->names[i]);
    }
    if (lost->checkpoints > NAMES_MAX) {
        (void)snprintf(text + size, sizeof(text) - (size_t)size, " and %s more",
                       fi_term_text_number(lost->checkpoints - NAMES_MAX, number));
    }
    fi_command_report_path("damaged", firn_bytes(lost->path, lost->path_size), text);
}

/* Tells of them, and lets them go. */
static void
report_all_lost(struct lost_paths *paths)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    for (size_t i = 0; i < paths->count; i++) {
        report_lost(&paths->items[i]);
        free(paths->items[i].path);
        free(paths->items[i].why);
    }
    if (paths->not_kept > 0) {
        fi_command_report_line("damaged: %s more; --json names more of them",
                               fi_term_text_number(paths->not_kept, number));
    }
    free(paths->items);
    *paths = (struct lost_paths){0};
}

static void
print_result(const firn_workspace_check_result *result, bool read_data)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char bytes[FI_TERM_TEXT_SIZE_SIZE];
    fi_term_out_format("%s %s", fi_term_text_number(result->checkpoints, number),
                       fi_term_text_plural(result->checkpoints, "checkpoint", "checkpoints"));
    if (result->safety > 0) {
        fi_term_out_format(" (%s taken by restores)", fi_term_text_number(result->safety, number));
    }
    fi_term_out_text(", ");
    fi_term_out_format("%s %s, ", fi_term_text_number(result->packs, number),
                       fi_term_text_plural(result->packs, "pack", "packs"));
    fi_term_out_format("%s %s", fi_term_text_number(result->objects, number),
                       fi_term_text_plural(result->objects, "object", "objects"));
    if (read_data) {
        fi_term_out_format(", %s read", fi_term_text_size(result->bytes_read, bytes));
    }
    if (result->damaged == 0) {
        fi_term_out_text(result->newer == 0 ? ": no damage\n"
                                            : ": no damage to what can be read\n");
    } else {
        fi_term_out_format(": %s damaged\n", fi_term_text_number(result->damaged, number));
    }
}

/* Whether the store could be opened: else all numbers are 0 and tell nothing. */
static bool
was_read(int code, const firn_workspace_check_result *result)
{
    return code == FIRN_OK ||
           result->checkpoints + result->packs + result->damaged + result->newer > 0;
}

static void
dir_check_show(const struct fi_cli *cli, int code, const firn_workspace_check_result *result,
               bool read_data)
{
    if (!was_read(code, result)) {
        return;
    }
    fi_term_json_u64("checkpoints", result->checkpoints);
    fi_term_json_u64("safety", result->safety);
    fi_term_json_u64("packs", result->packs);
    fi_term_json_u64("objects", result->objects);
    fi_term_json_u64("bytes_read", result->bytes_read);
    fi_term_json_u64("damaged", result->damaged);
    fi_term_json_u64("newer", result->newer);
    if (!cli->quiet && (code == FIRN_OK || code == FIRN_CORRUPT || code == FIRN_NEWER)) {
        print_result(result, read_data);
    }
}

static const char *
dir_check_hint(int code, const firn_workspace_check_result *result)
{
    switch (code) {
    case FIRN_CORRUPT:
        return was_read(code, result)
                   ? "everything not named as damaged can still be restored; firn repair rebuilds "
                     "the store from it"
                   : "firn repair rebuilds the store from what can still be read";
    case FIRN_NOT_FOUND:
        return "--store DIR names a store, firn workspaces lists them";
    default:
        return NULL;
    }
}

/* The library's notices during the check. */
struct telling {
    const firn_workspace *workspace;
    struct fi_task_notices *notices;
    firn_callbacks callbacks; /* those of notices */
    bool is_json;
    struct lost_paths lost;
};

static void
on_notice(void *ctx, const firn_notice *notice)
{
    struct telling *telling = ctx;
    if (notice->checkpoint != NULL && !telling->is_json) {
        add_lost(&telling->lost, notice);
    } else if (notice->kind == FIRN_NOTICE_SETTINGS) {
        fi_task_settings_report(telling->workspace, notice);
        fi_task_notices_add(telling->notices, notice);
    } else {
        telling->callbacks.on_notice(telling->callbacks.ctx, notice);
    }
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    const struct telling *telling = ctx;
    return telling->callbacks.on_progress(telling->callbacks.ctx, progress);
}

static const char *
locked_hint(int code)
{
    return code == FIRN_CORRUPT
               ? "firn repair rebuilds the store from what can still be read; it needs a key"
               : NULL;
}

static int
check_store(struct fi_cli *cli)
{
    firn_error err;
    firn_workspace *workspace = NULL;
    firn_workspace_check_options options = FIRN_WORKSPACE_CHECK_OPTIONS_INIT;
    firn_workspace_check_result result = FIRN_WORKSPACE_CHECK_RESULT_INIT;
    struct fi_task_notices notices;
    int exit_code = fi_task_workspace_open(cli, &workspace);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_task_notices_init(&notices, cli);
    options.read_data = fi_command_has(cli, "data");
    struct telling telling = {.workspace = workspace,
                              .notices = &notices,
                              .callbacks = fi_task_notices_callbacks(&notices),
                              .is_json = cli->json};
    options.callbacks = (firn_callbacks){on_notice, on_progress, &telling};
    const char *path = firn_workspace_store_path(workspace);
    bool is_locked = fi_task_locked_is_wanted(cli, path);
    int code = is_locked ? FIRN_OK : firn_workspace_check(workspace, &options, &result, &err);
    fi_term_meter_clear();
    is_locked = is_locked || fi_task_locked_is_due(path, code);
    if (is_locked) {
        code = fi_task_locked_check(cli, path, !options.read_data, &options.callbacks, &exit_code,
                                    &err);
    } else {
        report_all_lost(&telling.lost);
        dir_check_show(cli, code, &result, options.read_data);
    }
    fi_task_notices_json(&notices);
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(
            cli, &err, is_locked ? locked_hint(code) : dir_check_hint(code, &result));
    }
    fi_task_notices_deinit(&notices);
    firn_workspace_close(workspace);
    return exit_code;
}

static int
dir_check_run(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    if (fi_command_has(cli, "drop-broken") && !fi_command_has(cli, "repair")) {
        return fi_command_misused(cli, "--drop-broken is for --remote --repair");
    }
    if (fi_command_has(cli, "remote")) {
        return fi_remotes_check_run(cli);
    }
    if (cli->argument_count > 0) {
        return fi_command_misused(cli, "a remote is checked with --remote");
    }
    if (fi_command_has(cli, "repair")) {
        return fi_command_misused(cli, "--repair is for --remote; a store is repaired by firn "
                                       "repair");
    }
    if (fi_command_has(cli, "limit")) {
        return fi_command_misused(cli, "--limit is for --remote");
    }
    return check_store(cli);
}

static const struct fi_command_option options[] = {
    {"data", 0, NULL, "also read and verify every byte"},
    FI_TASK_LOCKED_OPTION,
    {"remote", 0, NULL, "check a remote instead of the store"},
    {"repair", 0, NULL, "send again what a remote has lost and is here"},
    {"drop-broken", 0, NULL, "with --repair: remove what this machine cannot mend"},
    {"limit", 0, "SIZE", "of a remote: use at most so many bytes a second (5M)"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn check --data", "check that everything saved can still be read"},
    {"firn check --no-key --data", "look for damage of an encrypted store without its key"},
    {"firn check --remote nas", "check that the remote nas has all that was pushed"},
    {"firn check --remote --no-key --data s3://backups/project",
     "look for damage of an encrypted remote without its key"},
    {"firn check --remote --data --limit 5M",
     "read all of it, and leave some of the line to others"},
    {NULL, NULL},
};

const struct fi_command fi_dir_check = {
    .name = "check",
    .summary = "Check that everything saved is present and undamaged",
    .arguments = "[REMOTE]",
    .options = options,
    .help = "Verifies the store's own records, and that every object that a checkpoint needs\n"
            "is present. With --data every byte of every object is read and verified too.\n"
            "Each damaged item is named with the checkpoints and paths that it affects, and\n"
            "the exit code is 5. If there is no store the exit code is 3. Settings that\n"
            "cannot be read are named but are not damage (see firn help config). Neither is\n"
            "data made by a newer firn: it is named, and the exit code is 1. Nothing is\n"
            "changed.\n"
            "\n"
            "Of an encrypted store without its key, checksums are verified: they are over\n"
            "what is on the disk. Whether the files belong together, and whether one is\n"
            "missing, is verified only with a key. With --no-key, none is looked for. Where\n"
            "none was found, a warning says so, and the exit code is 6. A wrong key is an\n"
            "error. firn repair repairs nothing without a key.\n"
            "\n"
            "With --remote, REMOTE is checked instead (default: the only one, or origin):\n"
            "whether it has the packs that its newest state names, what their tables and all\n"
            "directories say, and each content that a checkpoint needs. With --data every\n"
            "byte of the packs is fetched, too. Damaged packs are named, and the first of the\n"
            "checkpoints that cannot be restored from the remote. With --repair, what is\n"
            "missing or damaged there is sent again as far as this machine has it, whether it\n"
            "saved or pulled it. Then the damaged packs are taken out of the remote, once\n"
            "nothing needs them.\n"
            "\n"
            "Of an encrypted remote without its key, checksums are verified, too: of its\n"
            "keys files and states, and with --data of its packs. REMOTE may be a URL then,\n"
            "with no store. That a pack is missing is found only with the key, and only with\n"
            "the key it can be repaired. --no-key, warning and exit code are as above.\n"
            "\n"
            "As long as a checkpoint of the remote is broken, firn remote prune refuses. With\n"
            "--drop-broken too, the broken checkpoints that this machine cannot mend are\n"
            "removed from the remote, with their tags, and named. So first repair it on each\n"
            "machine that may have them. Machines that have them keep them, and firn push\n"
            "REMOTE REF sends one again.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = dir_check_run,
};

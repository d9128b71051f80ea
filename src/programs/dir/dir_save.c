/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_save.c: firn save.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"

/* ---- what made a checkpoint large ----
 *
 * The checkpoint is compared with the one before it, which visits only what differs: each file that
 * is new, or has new content, counts with its size. Paths come in order, so what lies in one
 * directory of the root comes together, and its sum is known when the next one begins. The largest
 * few of all are kept; a file in a directory that is kept itself is not named beside it unless it
 * is most of it.
 *
 * It is asked for after saves that added very much, and costs little beside them.
 */

enum { KEPT = 5 };

/* A file, or a directory of the root. */
struct large {
    char *path; /* of a directory with a slash at its end */
    uint64_t bytes;
};

struct looking {
    struct large largest[KEPT]; /* the largest first; without a path: none */
    char *directory;            /* the one whose files are met, or NULL */
    size_t directory_size;
    uint64_t directory_bytes;
};

static void
dir_save_keep(struct looking *looking, const char *path, size_t size, uint64_t bytes)
{
    assert(path != NULL && size > 0);
    size_t at = KEPT;
    while (at > 0 && looking->largest[at - 1].bytes < bytes) {
        at--;
    }
    char *copy = at < KEPT && bytes > 0 ? strndup(path, size) : NULL;
    if (copy == NULL) {
        return;
    }
    free(looking->largest[KEPT - 1].path);
    memmove(&looking->largest[at + 1], &looking->largest[at],
            (KEPT - 1 - at) * sizeof(struct large));
    looking->largest[at] = (struct large){copy, bytes};
}

static void
end_directory(struct looking *looking)
{
    if (looking->directory != NULL) {
        dir_save_keep(looking, looking->directory, looking->directory_size,
                      looking->directory_bytes);
        free(looking->directory);
        looking->directory = NULL;
    }
}

static int
dir_save_meet(void *ctx, const firn_workspace_difference *difference)
{
    struct looking *looking = ctx;
    const firn_workspace_change *change = &difference->change;
    const firn_workspace_entry *after = change->after;
    assert(change->before != NULL || after != NULL);
    if (after == NULL || after->type != FIRN_ENTRY_FILE ||
        (change->before != NULL &&
         (change->what & (FIRN_CHANGED_CONTENT | FIRN_CHANGED_TYPE)) == 0)) {
        return FIRN_OK;
    }
    const char *path = (const char *)after->path.data;
    const char *slash = memchr(path, '/', after->path.size);
    size_t size = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    if (looking->directory == NULL || size != looking->directory_size ||
        memcmp(looking->directory, path, size) != 0) {
        end_directory(looking);
        looking->directory = size > 0 ? strndup(path, size) : NULL;
        looking->directory_size = size;
        looking->directory_bytes = 0;
    }
    looking->directory_bytes += after->size_bytes;
    dir_save_keep(looking, path, after->path.size, after->size_bytes);
    return FIRN_OK;
}

static void
dir_save_inspect(struct looking *looking, firn_workspace *workspace,
                 const firn_workspace_save_result *result)
{
    assert(result->checkpoint != NULL);
    firn_error err;
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    options.after = result->checkpoint->id;
    options.against_previous = true;
    int code = firn_workspace_diff(workspace, &options, dir_save_meet, looking, NULL, &err);
    (void)code; /* after a failure, the entries met so far are reported */
    end_directory(looking);
}

/* Whether a file is in a directory that is named before it. */
static bool
is_covered(const struct looking *looking, size_t i)
{
    assert(i < KEPT && looking->largest[i].path != NULL);
    for (size_t j = 0; j < i; j++) {
        const char *above = looking->largest[j].path;
        size_t size = strlen(above);
        if (above[size - 1] == '/' && strncmp(above, looking->largest[i].path, size) == 0) {
            return looking->largest[i].bytes < looking->largest[j].bytes / 2;
        }
    }
    return false;
}

static void
print_json(const struct looking *looking)
{
    fi_term_json_array("large");
    for (size_t i = 0; i < KEPT && looking->largest[i].path != NULL; i++) {
        if (!is_covered(looking, i)) {
            fi_term_json_object(NULL);
            fi_term_json_bytes("path", firn_str(looking->largest[i].path));
            fi_term_json_u64("bytes", looking->largest[i].bytes);
            fi_term_json_end();
        }
    }
    fi_term_json_end();
}

static void
dir_save_print(const struct looking *looking, const firn_workspace_save_result *result)
{
    char size[FI_TERM_TEXT_SIZE_SIZE];
    fi_term_out_format("this save added %s; the largest that is new:\n",
                       fi_term_text_size(result->checkpoint->added_bytes, size));
    for (size_t i = 0; i < KEPT && looking->largest[i].path != NULL; i++) {
        if (!is_covered(looking, i)) {
            fi_term_out_format("%10s  ", fi_term_text_size(looking->largest[i].bytes, size));
            fi_term_path_print(firn_str(looking->largest[i].path));
            fi_term_out_text("\n");
        }
    }
    fi_term_out_text(
        "a line in .firnignore, or --max-file-size, excludes it from the next save; firn forget "
        "PATH\nremoves it from this one; firn config save.warn-size sets when this is shown\n");
}

/* Reports the largest files, and directories of the root, that a save has added, and how to exclude
 * them; with --json as an array "large". If is_large is false, reports nothing (an empty array).
 * Unknown facts are not reported. */
static void
report_large(struct fi_cli *cli, firn_workspace *workspace,
             const firn_workspace_save_result *result, bool is_large)
{
    struct looking looking = {.directory = NULL};
    if (is_large && !cli->quiet) {
        dir_save_inspect(&looking, workspace, result);
    }
    print_json(&looking);
    if (is_large && !cli->quiet) {
        dir_save_print(&looking, result);
    }
    for (size_t i = 0; i < KEPT; i++) {
        free(looking.largest[i].path);
    }
}

/* ---- saving ---- */

/* "5 changed, " if there are any. */
static void
print_count(uint64_t count, const char *what)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    if (count > 0) {
        fi_term_out_format("%s %s, ", fi_term_text_number(count, number), what);
    }
}

void
fi_dir_save_print(const firn_workspace_save_result *result)
{
    assert(result->checkpoint != NULL);
    const firn_workspace_checkpoint *checkpoint = result->checkpoint;
    if (!result->is_made) {
        fi_term_out_format("no change since %llu: nothing saved",
                           (unsigned long long)checkpoint->number);
        return;
    }
    char files[FI_TERM_TEXT_NUMBER_SIZE];
    char bytes[FI_TERM_TEXT_SIZE_SIZE];
    char added[FI_TERM_TEXT_SIZE_SIZE];
    fi_term_out_format("%llu  %.*s  %s %s, %s; ", (unsigned long long)checkpoint->number,
                       FIRN_CHECKPOINT_ID_SHORT, checkpoint->id,
                       fi_term_text_number(checkpoint->files, files),
                       fi_term_text_plural(checkpoint->files, "file", "files"),
                       fi_term_text_size(checkpoint->bytes, bytes));
    if (result->is_unchanged) {
        fi_term_out_format("no change since %llu", (unsigned long long)result->previous);
    } else {
        print_count(result->added, "new");
        print_count(result->changed, "changed");
        print_count(result->removed, "removed");
        fi_term_out_format("%s added", fi_term_text_size(checkpoint->added_bytes, added));
    }
}

static void
print_expired(const firn_workspace_save_result *result)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    if (result->expired > 0) {
        fi_term_out_format("%s old %s deleted, as firn config keep says; firn pin keeps one\n",
                           fi_term_text_number(result->expired, number),
                           fi_term_text_plural(result->expired, "checkpoint", "checkpoints"));
    }
}

/* root is NULL where it need not be said. */
static void
show_result(struct fi_cli *cli, const char *root, const firn_workspace_save_result *result,
            const struct fi_task_notices *notices, double seconds)
{
    fi_show_checkpoint_json("checkpoint", result->checkpoint);
    fi_term_json_u64_if("previous", result->previous, result->previous != 0);
    fi_term_json_bool("made", result->is_made);
    fi_term_json_bool("unchanged", result->is_unchanged);
    fi_term_json_u64("added", result->added);
    fi_term_json_u64("changed", result->changed);
    fi_term_json_u64("removed", result->removed);
    fi_term_json_u64("expired", result->expired);
    fi_task_notices_json(notices);
    if (cli->quiet) {
        fi_term_out_format("%llu\n", (unsigned long long)result->checkpoint->number);
    } else {
        fi_dir_save_print(result);
        fi_term_out_format("  %.2f s\n", seconds);
        if (root != NULL) {
            fi_term_out_text("saved ");
            fi_term_text_escape(firn_str(root), fi_term_out_write);
            fi_term_out_text("\n");
        }
        fi_task_notices_print_excluded(notices);
        print_expired(result);
    }
}

/* The first save of a home directory, or of more, is probably not what was meant. */
static int
check_root(struct fi_cli *cli, firn_workspace *workspace)
{
    const char *root = firn_workspace_root(workspace);
    const char *why = fi_command_has(cli, "yes") ? NULL : fi_task_workspace_unwanted(workspace);
    if (why == NULL) {
        return FI_EXIT_OK;
    }
    if (!fi_command_report_may_prompt(cli)) {
        return fi_command_report_error(
            cli, FIRN_INVALID,
            "firn save --yes saves all of it, now and from then on; -C DIR names another directory",
            "'%s' is %s", root, why);
    }
    fi_command_report_line("'%s' is %s", root, why);
    if (fi_command_report_prompt("save all of it?")) {
        return FI_EXIT_OK;
    }
    fi_command_report_line("nothing was saved");
    return FI_EXIT_FAILED;
}

/* The root need not be named if it is the current directory. */
static bool
is_elsewhere(const struct fi_cli *cli, const firn_workspace *workspace)
{
    return cli->directory != NULL || firn_workspace_subpath(workspace)[0] != '\0';
}

static int
dir_save_run(struct fi_cli *cli)
{
    assert(cli->argument_count == 0);
    firn_error err;
    struct fi_task_patience_saving attempt = {NULL, FIRN_WORKSPACE_SAVE_OPTIONS_INIT,
                                              FIRN_WORKSPACE_SAVE_RESULT_INIT};
    struct fi_task_notices notices;
    uint64_t size_max = 0;
    const char *most = fi_command_value(cli, "max-file-size");
    if (most != NULL && firn_config_size(most, &size_max, &err) != FIRN_OK) {
        return fi_command_misused(cli, "--max-file-size: %s", err.text);
    }
    int exit_code = fi_task_workspace_open(cli, &attempt.workspace);
    if (exit_code == FI_EXIT_OK) {
        exit_code = check_root(cli, attempt.workspace);
    }
    if (exit_code != FI_EXIT_OK) {
        firn_workspace_close(attempt.workspace);
        return exit_code;
    }
    fi_task_notices_init(&notices, cli);
    notices.tells_special = true;
    const struct fi_command_settings *settings = &cli->settings;
    fi_task_settings_save(settings, &attempt.options);
    attempt.options.file_size_max = most != NULL ? size_max : attempt.options.file_size_max;
    const char *message = fi_command_value(cli, "message");
    attempt.options.message = firn_str(message != NULL ? message : "");
    attempt.options.include_deps |= fi_command_has(cli, "include-deps");
    attempt.options.full = fi_command_has(cli, "full");
    attempt.options.if_changed = fi_command_has(cli, "if-changed");
    attempt.options.gitignore |= fi_command_has(cli, "gitignore");
    attempt.options.without_git |= fi_command_has(cli, "no-git");
    attempt.options.strict |= cli->strict;
    attempt.options.callbacks = fi_task_notices_callbacks(&notices);
    attempt.options.marks_told = !cli->json && !cli->quiet;
    fi_term_meter_set_interrupted("then no checkpoint is made");
    int code = fi_task_patience_run(cli, fi_task_patience_save, &attempt, &err);
    cli->is_done = code == FIRN_OK;
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(
            cli, &err, code == FIRN_CANCELLED ? "no checkpoint was made" : NULL);
    } else {
        bool is_large = settings->warn_size > 0 && attempt.result.is_made &&
                        attempt.result.checkpoint->added_bytes >= settings->warn_size;
        const char *root =
            is_elsewhere(cli, attempt.workspace) ? firn_workspace_root(attempt.workspace) : NULL;
        show_result(cli, root, &attempt.result, &notices, fi_term_meter_elapsed());
        report_large(cli, attempt.workspace, &attempt.result, is_large);
        fi_task_workspace_report_unread(attempt.workspace); /* the first one here */
        exit_code = fi_task_notices_exit(&notices);
        if (attempt.result.gc_is_due && !fi_command_has(cli, "no-config")) {
            fi_task_collect_if_due(attempt.workspace);
        }
        fi_task_push_after_save(attempt.workspace, settings, false);
    }
    firn_release(attempt.result.checkpoint);
    fi_task_notices_deinit(&notices);
    firn_workspace_close(attempt.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"message", 'm', "TEXT", "describe this state"},
    {"if-changed", 0, NULL, "do nothing if nothing has changed"},
    {"full", 0, NULL, "read every file, even those that look unchanged"},
    {"include-deps", 0, NULL, "save dependency directories such as node_modules"},
    {"max-file-size", 0, "SIZE", "exclude larger files (such as 100M; none: no limit)"},
    {"gitignore", 0, NULL, "exclude what .gitignore files exclude"},
    {"no-git", 0, NULL, "leave out git repositories, too"},
    {"no-config", 0, NULL, "ignore all settings of firn config"},
    {"yes", 'y', NULL, "do not ask before saving a home directory or more"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn save -m \"before the agent\"", "save the current directory"},
    {"firn save --if-changed -q", "print the number of a checkpoint of this state"},
    {"firn -C ~/project save --json", "save another workspace, and print the result as JSON"},
    {NULL, NULL},
};

const struct fi_command fi_dir_save = {
    .name = "save",
    .summary = "Save the state of the workspace as a new checkpoint",
    .arguments = "",
    .options = options,
    .help = "Saves the whole directory tree: contents, names, modes, owners, times, links,\n"
            "extended attributes and holes. Data that the store already has is not stored\n"
            "again. If the exit code is 0 or 6 the checkpoint exists and is on disk;\n"
            "otherwise there is none. Ctrl-C stops a save until all contents are written and\n"
            "only have to reach the disk; after that firn says so and the save completes.\n"
            "\n"
            "The printed line shows the number of the checkpoint and the beginning of its id,\n"
            "its size, what changed since the previous checkpoint, and how much the store\n"
            "grew. With --quiet only the number is printed. With --if-changed no checkpoint\n"
            "is made if the tree is the same as in the previous one, whose number is printed.\n"
            "\n"
            "A file is not read again if its size, times, owner, mode and place on disk are\n"
            "the same as when it was last saved. A program that writes through a memory\n"
            "mapping can change a file without changing any of these; --full reads\n"
            "everything.\n"
            "\n"
            "While firn watch runs, only what has changed is looked at.\n"
            "\n"
            "If there is no store yet, one is made outside of the workspace (see firn help\n"
            "init).\n"
            "\n"
            "Some files are in no tree, and a restore of files never writes or removes them:\n"
            ".git, .hg, .svn, .jj, .bzr and .firn, in any case and in any spelling that a\n"
            "file system may give them (git~1); the temporary files of a restore (.firn-<16\n"
            "hex digits>-<16 more>); the store itself; fifos, sockets and devices.\n"
            "\n"
            "Files and directories that .firnignore files exclude are left out too. These\n"
            "files have the syntax of gitignore(5) and may be in any directory.\n"
            "A .chkptignore in the root ranks after them, and with --gitignore the .gitignore\n"
            "files rank last. A save also excludes dependency directories, unless a rule such\n"
            "as !node_modules includes them or --include-deps is given:\n"
            "\n"
            "    node_modules, .venv, .tox, .nox, __pypackages__\n"
            "    venv if it contains pyvenv.cfg\n"
            "    target beside a Cargo.toml, or if it contains CACHEDIR.TAG\n"
            "    .m2/repository and .m2/wrapper\n"
            "    .gradle\n"
            "\n"
            "A symbolic link of such a name is left out as well; a link named venv is not.\n"
            "If .gradle contains settings (gradle.properties, init.d, init.gradle), only its\n"
            "caches and the like are left out.\n"
            "\n"
            "What is left out is named the first time and counted afterwards (several .git\n"
            "are always one line with their number). A restore does not touch it. A line that\n"
            "is not a valid rule is reported and ignored.\n"
            "\n"
            "Git repositories in the workspace are kept with the checkpoint, apart from its\n"
            "files: refs, HEAD, index, reflogs, stash, configuration, hooks and objects. firn\n"
            "status and firn diff tell what happened to them, and firn undo --git and firn\n"
            "restore --git bring them back. --no-git leaves them out.\n"
            "\n"
            "If a file grows while it is being read, it is saved up to the size it had at the\n"
            "start, and named. A file that is modified in place during every attempt to read\n"
            "it is never saved half changed: like a file or directory that cannot be read, it\n"
            "stays as it was in the previous checkpoint, or is left out if it was not in\n"
            "there. Both are named, and the exit code is 6. With --strict nothing is saved in\n"
            "these cases, nor if there are fifos, sockets or devices, and the exit code is 1.\n"
            "\n"
            "Files larger than --max-file-size are left out as if by a rule. SIZE is a number\n"
            "of bytes, or has a unit: K, M, G, T (powers of 1024) or KB, MB, GB, TB (powers\n"
            "of 1000). A save that adds 1G or more names the largest files; firn config\n"
            "save.warn-size changes that limit.\n"
            "\n"
            "On a terminal, firn asks before it first saves a home directory, a whole file\n"
            "system, or a directory that contains firn's stores; elsewhere --yes is needed.\n"
            "If the current directory is not the root of the workspace, a second line names\n"
            "the root.\n"
            "\n"
            "After a save, checkpoints that have expired are deleted, and the save says how\n"
            "many (see firn help delete). With --no-config none are.\n"
            "\n"
            "If firn config push.auto names a remote, a push to it starts in the background,\n"
            "and the save does not wait for that (see firn help push).",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK | FI_COMMAND_USES_STRICT,
    .run = dir_save_run,
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * remotes/remotes_clone.c: firn clone.
 *
 * A clone is what its user could do by hand: make a directory, give the remote the name origin,
 * pull, restore. Where a step fails, the steps before it stay, and the message says how to go on;
 * but if there is no remote, a directory that was made is removed.
 */
#include "remotes/remotes_internal.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "show/show.h"
#include "term/term.h"
#include "term/term_try.h"

enum { HINT_SIZE = 2 * PATH_MAX + 256 };

static const char origin[] = "origin";

struct cloning {
    const char *url;
    const char *dir;
    bool is_made; /* the directory, by this command */
    bool is_added, is_pulled;
    bool is_taken;     /* only some paths are here, as a checkpoint of the workspace */
    bool is_encrypted; /* the user knows the remote as encrypted */
    const char *at;    /* the checkpoint, as the remote knows it */
    uint64_t pulled;   /* checkpoints */
    char *reference;
    firn_cipher cipher; /* of the store */
    firn_workspace *workspace;
    struct fi_task_workspace_paths paths;
    struct fi_task_notices *notices; /* of the restore */
    firn_workspace_restore_options options;
    firn_workspace_restore_result result;
};

/* ---- the directory ---- */

static bool
is_empty(const char *path)
{
    DIR *dir = opendir(path);
    size_t count = 0;
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    bool is_open = dir != NULL;
    if (is_open) {
        (void)closedir(dir);
    }
    return is_open && count == 0;
}

static int
make_directory(struct fi_cli *cli, struct cloning *cloning)
{
    if (mkdir(cloning->dir, 0777) == 0) {
        cloning->is_made = true;
        return FI_EXIT_OK;
    }
    int error = errno;
    if (error != EEXIST) {
        return fi_command_report_error(
            cli, error == ENOENT ? FIRN_NOT_FOUND : FIRN_FAILED,
            error == ENOENT ? "make the directory above it first, with mkdir -p" : NULL,
            "could not make directory '%s': %s", cloning->dir, strerror(error));
    }
    return is_empty(cloning->dir)
               ? FI_EXIT_OK
               : fi_command_report_error(
                     cli, FIRN_EXISTS, "name a directory that is empty or does not exist",
                     "'%s' is there already, and is no empty directory", cloning->dir);
}

/* Says that a path is wrong before anything is made. */
static int
check_source(struct fi_cli *cli, const struct cloning *cloning)
{
    struct stat stat_;
    bool is_path = strstr(cloning->url, "://") == NULL;
    return !is_path || stat(cloning->url, &stat_) == 0
               ? FI_EXIT_OK
               : fi_command_report_error(
                     cli, FIRN_NOT_FOUND, "if it is on another disk or machine, mount that first",
                     "there is no remote '%s': %s", cloning->url, strerror(errno));
}

/* ---- the remote ---- */

static int
attempt_add(void *ctx, firn_error *err)
{
    const struct cloning *cloning = ctx;
    return cloning->is_encrypted
               ? firn_remote_join_encrypted(cloning->workspace, origin, cloning->url, err)
               : firn_remote_join(cloning->workspace, origin, cloning->url, err);
}

static int
add_origin(struct fi_cli *cli, struct cloning *cloning)
{
    firn_error err;
    int code = fi_task_patience_run(cli, attempt_add, cloning, &err);
    cloning->is_added = code == FIRN_OK;
    if (cloning->is_added) {
        return FI_EXIT_OK;
    }
    const char *hint = fi_remotes_hint(cloning->workspace, origin, code);
    if (code == FIRN_EXISTS && fi_task_remote_has(cloning->workspace, origin)) {
        hint = "a directory of that path was a workspace before: name another one, or delete its "
               "history with firn workspaces remove DIR";
    } else if (code == FIRN_NOT_FOUND) {
        hint = "firn remote add makes a new one, in the workspace that is to be pushed";
    }
    return fi_command_report_failure(cli, &err, hint);
}

/* How to go on by hand from here. */
static const char *
hint_of(const struct cloning *cloning, int code)
{
    static char hint[HINT_SIZE];
    const char *dir = cloning->dir;
    if (code == FIRN_LIMIT) {
        (void)snprintf(hint, sizeof(hint),
                       "firn -C %s pull --trust brings it, if you trust those who pushed it", dir);
    } else if (!cloning->is_pulled) {
        (void)snprintf(hint, sizeof(hint),
                       "%s has the remote by now: firn -C %s pull goes on, then firn -C %s restore "
                       "%s",
                       dir, dir, dir, cloning->reference);
    } else if (cloning->pulled == 0) {
        (void)snprintf(hint, sizeof(hint),
                       "the remote has no checkpoint yet: firn push sends some from another "
                       "workspace, firn -C %s pull brings them",
                       dir);
    } else if (code == FIRN_NOT_FOUND) {
        (void)snprintf(hint, sizeof(hint),
                       "all is pulled: firn -C %s list %s shows what there is, firn -C %s restore "
                       "%s/REF restores it",
                       dir, origin, dir, origin);
    } else {
        (void)snprintf(hint, sizeof(hint), "all is pulled: firn -C %s restore %s goes on", dir,
                       cloning->reference);
    }
    return hint;
}

static int
pull(struct fi_cli *cli, struct cloning *cloning)
{
    firn_error err;
    struct fi_task_notices notices;
    struct fi_remotes_pull_request request = {.workspace = cloning->workspace,
                                              .remote = origin,
                                              .options = FIRN_PULL_OPTIONS_INIT,
                                              .result = FIRN_PULL_RESULT_INIT,
                                              .notices = &notices};
    int exit_code = fi_remotes_limit(cli, &request.options.bytes_per_second_max);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    request.options.trust = fi_command_has(cli, "trust");
    fi_task_notices_init(&notices, cli);
    int code = fi_remotes_pull_attempt(cli, &request, &err);
    if (fi_remotes_pull_has_result(code)) {
        fi_term_json_object("pulled");
        fi_remotes_pull_show(cli, &request);
        fi_term_json_end();
    }
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, hint_of(cloning, code));
    }
    cloning->is_pulled = code == FIRN_OK;
    cloning->pulled = request.result.checkpoints;
    fi_task_notices_deinit(&notices);
    return exit_code;
}

/* ---- some paths ---- */

struct taking {
    const struct cloning *cloning;
    firn_take_options options;
    firn_take_result result;
};

static int
attempt_take(void *ctx, firn_error *err)
{
    struct taking *taking = ctx;
    fi_task_notices_again(taking->options.callbacks.ctx);
    return firn_workspace_take(taking->cloning->workspace, origin, taking->cloning->at,
                               &taking->options, &taking->result, err);
}

/* The paths become the first checkpoint of the workspace, and nothing else is fetched. */
static int
take(struct fi_cli *cli, struct cloning *cloning)
{
    firn_error err;
    struct fi_task_notices notices;
    struct taking taking = {
        .cloning = cloning, .options = FIRN_TAKE_OPTIONS_INIT, .result = FIRN_TAKE_RESULT_INIT};
    int exit_code = fi_remotes_limit(cli, &taking.options.bytes_per_second_max);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_task_notices_init(&notices, cli);
    taking.options.trust = fi_command_has(cli, "trust");
    taking.options.paths = cloning->paths.slices;
    taking.options.path_count = cloning->paths.count;
    taking.options.callbacks = fi_task_notices_callbacks(&notices);
    int code = fi_task_patience_run(cli, attempt_take, &taking, &err);
    if (code == FIRN_OK) {
        fi_term_json_object("taken");
        fi_term_json_u64("bytes", taking.result.bytes);
        fi_term_json_u64("requests", taking.result.requests);
        fi_term_json_end();
        if (!cli->quiet) {
            const uint64_t files = taking.result.checkpoint->files;
            fi_term_out_format("fetched %llu %s", (unsigned long long)files,
                               fi_term_text_plural(files, "file", "files"));
            fi_remotes_print_traffic(taking.result.bytes, taking.result.requests);
            fi_term_out_text("\n");
        }
        cloning->is_pulled = true;
        cloning->is_taken = true;
        cloning->pulled = 1;
    } else {
        exit_code = fi_command_report_failure(cli, &err, hint_of(cloning, code));
    }
    firn_release(taking.result.checkpoint);
    fi_task_notices_deinit(&notices);
    return exit_code;
}

/* ---- the files ---- */

static int
attempt_restore(void *ctx, firn_error *err)
{
    struct cloning *cloning = ctx;
    fi_task_notices_again(cloning->notices);
    return firn_workspace_restore(cloning->workspace,
                                  cloning->is_taken ? "latest" : cloning->reference,
                                  &cloning->options, &cloning->result, err);
}

static void
show_restored(const struct fi_cli *cli, const struct cloning *cloning)
{
    const firn_workspace_restore_result *result = &cloning->result;
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_show_checkpoint_json("checkpoint", result->checkpoint);
    fi_term_json_u64("added", result->added);
    fi_term_json_u64("incomplete", result->incomplete);
    fi_term_json_u64("not_restored", result->not_restored);
    fi_task_notices_json(cloning->notices);
    if (!cli->quiet) {
        fi_term_out_text("restored ");
        fi_term_text_escape(firn_str(cloning->reference), fi_term_out_write);
        fi_term_out_text(" into ");
        fi_term_text_escape(firn_str(cloning->dir), fi_term_out_write);
        fi_term_out_format(": %s %s\n", fi_term_text_number(result->added, number),
                           fi_term_text_plural(result->added, "file", "files"));
    }
    fi_task_notices_print_left(cloning->notices);
}

static int
restore(struct fi_cli *cli, struct cloning *cloning)
{
    firn_error err;
    struct fi_task_notices notices;
    int exit_code;
    fi_task_notices_init(&notices, cli);
    notices.tells_restored = true;
    cloning->notices = &notices;
    cloning->options.paths = cloning->paths.slices;
    cloning->options.path_count = cloning->paths.count;
    cloning->options.callbacks = fi_task_notices_callbacks(&notices);
    int code = fi_task_patience_run(cli, attempt_restore, cloning, &err);
    cli->is_done = code == FIRN_OK;
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, hint_of(cloning, code));
    } else {
        show_restored(cli, cloning);
        exit_code = fi_task_notices_exit(&notices);
    }
    firn_release(cloning->result.checkpoint);
    fi_task_notices_deinit(&notices);
    return exit_code;
}

/* ---- all of it ---- */

static int
make_reference(struct fi_cli *cli, struct cloning *cloning)
{
    const char *at = fi_command_value(cli, "at");
    size_t size;
    at = at != NULL ? at : "latest";
    if (at[0] == '\0') {
        return fi_command_misused(cli, "--at needs a checkpoint");
    }
    cloning->at = at;
    size = sizeof(origin) + 1 + strlen(at);
    cloning->reference = malloc(size);
    if (cloning->reference == NULL) {
        return fi_command_report_no_memory(cli);
    }
    (void)snprintf(cloning->reference, size, "%s/%s", origin, at);
    return FI_EXIT_OK;
}

static int
clone_into(struct fi_cli *cli, struct cloning *cloning)
{
    cli->workspace_path = cloning->dir;
    FI_TRY_RETURN(
        fi_task_workspace_open_root(cli, cli->store_path, cloning->cipher, &cloning->workspace));
    FI_TRY_RETURN(fi_task_workspace_paths_init(cli, cloning->workspace, 2, &cloning->paths));
    FI_TRY_RETURN(add_origin(cli, cloning));
    fi_term_json_bytes("workspace", firn_str(firn_workspace_root(cloning->workspace)));
    fi_term_json_bytes("store", firn_str(firn_workspace_store_path(cloning->workspace)));
    if (cloning->paths.count > 0) {
        FI_TRY_RETURN(take(cli, cloning));
    } else {
        FI_TRY_RETURN(pull(cli, cloning));
    }
    return restore(cli, cloning);
}

static int
remotes_clone_run(struct fi_cli *cli)
{
    assert(cli->argument_count >= 2);
    struct cloning cloning = {.url = cli->arguments[0],
                              .dir = cli->arguments[1],
                              .is_encrypted = fi_command_has(cli, "encrypt"),
                              .options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT,
                              .result = FIRN_WORKSPACE_RESTORE_RESULT_INIT};
    int64_t limit;
    int exit_code;
    FI_TRY_OUT(exit_code, fi_remotes_limit(cli, &limit));
    FI_TRY_OUT(exit_code, fi_command_key_cipher(cli, &cloning.cipher));
    FI_TRY_OUT(exit_code, make_reference(cli, &cloning));
    FI_TRY_OUT(exit_code, check_source(cli, &cloning));
    FI_TRY_OUT(exit_code, make_directory(cli, &cloning));
    exit_code = clone_into(cli, &cloning);
    if (cloning.is_made && !cloning.is_added) {
        (void)rmdir(cloning.dir);
    }
out:
    fi_task_workspace_paths_deinit(&cloning.paths);
    free(cloning.reference);
    firn_workspace_close(cloning.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"at", 0, "REF", "restore this checkpoint, not the newest"},
    {"limit", 0, "SIZE", "use at most so many bytes a second (such as 5M)"},
    {"trust", 0, NULL, "bring also what stands for far more than its bytes"},
    FI_COMMAND_KEY_OPTIONS,
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn clone s3://bucket/project project", "get the newest state of a project"},
    {"firn clone /mnt/nas/project.firn old --at 2026-11-20", "get its state of a day"},
    {"firn clone /mnt/nas/project.firn docs docs", "get only the directory docs of it"},
    {NULL, NULL},
};

const struct fi_command fi_remotes_clone = {
    .name = "clone",
    .summary = "Make a workspace from a remote",
    .arguments = "URL DIR [PATH...]",
    .options = options,
    .help = "Makes the directory DIR, which must be empty or not exist, calls the remote at\n"
            "URL origin (see firn help remote add), pulls from it, and restores its newest\n"
            "checkpoint, origin/latest. With --at another checkpoint is restored: a number,\n"
            "an id, a time, or one of them after the name of a line, as firn pull explains;\n"
            "without origin/. With PATHs, which are relative to DIR, nothing is pulled: only\n"
            "these and what is below them are fetched, as the first checkpoint of DIR.\n"
            "\n"
            "DIR is a workspace of its own then: what it saves and pushes is another line of\n"
            "the remote. If a step fails, those before it stay, and the message says how to\n"
            "go on; if there is no remote at URL, nothing stays.\n"
            "\n"
            "With --encrypt the store of DIR is encrypted, and so the remote has to be: one\n"
            "in clear, which a person who can write to the storage can put in its place, is\n"
            "refused, and nothing is fetched. What is in FIRN_KEY_FILE, or FILE, opens both.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK | FI_COMMAND_USES_STRICT,
    .run = remotes_clone_run,
};

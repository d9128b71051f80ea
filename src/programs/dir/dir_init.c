/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_init.c: firn init.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

struct attempt {
    firn_workspace *workspace;
    bool is_created;
    firn_cipher cipher; /* NONE: in clear */
};

static int
attempt_init(void *ctx, firn_error *err)
{
    struct attempt *attempt = ctx;
    return firn_workspace_init(attempt->workspace, &attempt->is_created, err);
}

static int
see_one(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)checkpoint;
    *(bool *)ctx = true;
    return FIRN_OK;
}

/* The root of the workspace that contains the directory, if there is one; on the heap. */
static char *
find_outer(struct fi_cli *cli, const char *root)
{
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    firn_workspace *workspace;
    size_t size = strlen(root) + sizeof("/..");
    char *path = malloc(size);
    char *outer = NULL;
    if (path == NULL || strcmp(root, "/") == 0) {
        free(path);
        return NULL;
    }
    (void)snprintf(path, size, "%s/..", root);
    options.store_path = cli->store_path;
    if (firn_workspace_open(path, &options, &workspace, NULL) == FIRN_OK) {
        firn_workspace_list_options list = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
        bool has_any = false;
        list.limit = 1;
        if (firn_workspace_list(workspace, &list, see_one, &has_any, NULL) == FIRN_OK && has_any) {
            outer = strdup(firn_workspace_root(workspace));
        }
        firn_workspace_close(workspace);
    }
    free(path);
    return outer;
}

static void
dir_init_show(struct fi_cli *cli, const struct attempt *attempt, bool is_adopted)
{
    assert(attempt->workspace != NULL);
    const char *store = firn_workspace_store_path(attempt->workspace);
    fi_term_json_bytes("workspace", firn_str(firn_workspace_root(attempt->workspace)));
    fi_term_json_bytes("store", firn_str(store));
    fi_term_json_bool("created", attempt->is_created);
    fi_term_json_bool("adopted", is_adopted);
    if (!cli->quiet) {
        bool is_encrypted = attempt->cipher != FIRN_CIPHER_NONE;
        fi_term_out_text(is_adopted                            ? "adopted the store "
                         : attempt->is_created && is_encrypted ? "made the encrypted store "
                         : attempt->is_created                 ? "made the store "
                                                               : "the store is there already: ");
        fi_term_text_escape(firn_str(store), fi_term_out_write);
        fi_term_out_text("\n");
    }
    if (!cli->quiet && attempt->is_created && fi_command_has(cli, "here")) {
        fi_term_out_text("git leaves it out: .firn/.gitignore says so\n");
    }
}

static void
show_outer(struct fi_cli *cli, const struct attempt *attempt)
{
    assert(attempt->workspace != NULL);
    char *outer = NULL;
    if (attempt->is_created && !cli->json && !cli->quiet) {
        outer = find_outer(cli, firn_workspace_root(attempt->workspace));
    }
    if (outer != NULL) {
        fi_term_out_text("the surrounding workspace leaves it out from now on: ");
        fi_term_text_escape(firn_str(outer), fi_term_out_write);
        fi_term_out_text("\n");
    }
    free(outer);
}

/* Shows what the first save will take and leave out. It is only information: if it cannot be told,
 * or Ctrl-C ends it, the store exists nevertheless. */
static void
show_first_save(struct fi_cli *cli, const struct attempt *attempt)
{
    firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result result = FIRN_WORKSPACE_STATUS_RESULT_INIT;
    const struct fi_task_settings_today today = fi_task_settings_inspect(attempt->workspace, false);
    struct fi_task_notices notices;
    char count[FI_TERM_TEXT_NUMBER_SIZE];
    char size[FI_TERM_TEXT_SIZE_SIZE];
    if (!attempt->is_created || cli->quiet) {
        return;
    }
    fi_task_notices_init(&notices, cli);
    notices.tells_special = true;
    options.of_first_save = true;
    options.gitignore = today.gitignore;
    options.without_git = today.without_git;
    options.file_size_max = today.file_size_max;
    options.callbacks = fi_task_notices_callbacks(&notices);
    int code = firn_workspace_status(attempt->workspace, &options, NULL, NULL, &result, NULL);
    fi_term_meter_clear();
    if (code == FIRN_OK && (cli->json || result.added > 0)) {
        fi_term_json_object("first_save");
        fi_term_json_u64("files", result.added);
        fi_term_json_u64("bytes", result.first_bytes);
        fi_task_notices_json(&notices);
        fi_term_json_end();
        fi_term_out_format("firn save will take %s %s, %s\n",
                           fi_term_text_number(result.added, count),
                           fi_term_text_plural(result.added, "file", "files"),
                           fi_term_text_size(result.first_bytes, size));
        fi_task_notices_print_excluded(&notices);
    }
    fi_task_notices_deinit(&notices);
}

/* Whether the current directory's own store is trusted. */
struct inside {
    bool is_there;
    bool is_trusted;
};

static int
note_inside(void *ctx, const firn_trust_info *info)
{
    struct inside *inside = ctx;
    const char *path = info->root[1] == '\0' ? "" : info->root;
    char *real = realpath(".", NULL);
    inside->is_there = real != NULL && strcmp(real[1] == '\0' ? "" : real, path) == 0;
    inside->is_trusted = info->is_trusted;
    free(real);
    return FIRN_OK;
}

/* What is already in the place of the store must be this user's: init opens it by its name. */
static int
check_inside(struct fi_cli *cli)
{
    struct stat stat;
    struct inside inside = {false, false};
    if (lstat(".firn", &stat) != 0) {
        return FI_EXIT_OK;
    }
    if (!S_ISDIR(stat.st_mode)) { /* a link that came with the tree leads elsewhere */
        return fi_command_report_error(cli, FIRN_INVALID, "move it away first",
                                       "'.firn' is no directory, but a link or a file");
    }
    int code = firn_trust_find(".", note_inside, &inside, NULL);
    (void)code; /* if it cannot be told, it is not trusted */
    if (inside.is_there && !inside.is_trusted) {
        return fi_command_report_error(cli, FIRN_UNTRUSTED, fi_task_workspace_untrusted_hint,
                                       "there is a store here already, and you did not make it");
    }
    if (!inside.is_there && stat.st_uid != geteuid()) {
        return fi_command_report_error(cli, FIRN_UNTRUSTED, "move it away first",
                                       "'.firn' belongs to another user: it is not used");
    }
    return FI_EXIT_OK;
}

/* ---- what an encrypted store has to be told of ---- */

/* Where nobody sees a code, it is made only if it is asked for. */
static bool
wants_recovery(struct fi_cli *cli)
{
    return fi_command_has(cli, "recovery") ||
           (!fi_command_has(cli, "no-recovery") && fi_command_report_may_prompt(cli));
}

/* Returns an exit code. */
static int
show_keys(struct fi_cli *cli, const struct attempt *attempt)
{
    const char *store = firn_workspace_store_path(attempt->workspace);
    char text[FI_COMMAND_KEY_TEXT_SIZE];
    int exit_code =
        wants_recovery(cli) ? fi_command_key_print_recovery(cli, NULL, store, NULL) : FI_EXIT_OK;
    (void)fi_command_key_show(store, text);
    if (!cli->quiet) {
        fi_command_report_line(
            "without its passphrase, key file or recovery code nobody can read this store again");
        fi_command_report_more("hint", "firn key add adds another way to open it");
    }
    return exit_code;
}

static int
check_options(struct fi_cli *cli, bool is_here, bool adopts, firn_cipher *out)
{
    if (is_here && (adopts || cli->store_path != NULL)) {
        return fi_command_misused(cli, "--here determines where the store is: it excludes --%s",
                                  adopts ? "adopt" : "store");
    }
    FI_TRY_RETURN(fi_command_key_cipher(cli, out));
    bool is_about_recovery = fi_command_has(cli, "recovery") || fi_command_has(cli, "no-recovery");
    if (*out == FIRN_CIPHER_NONE && is_about_recovery) {
        return fi_command_misused(cli, "--recovery and --no-recovery are for --encrypt");
    }
    if (*out != FIRN_CIPHER_NONE && adopts) {
        return fi_command_misused(cli, "--adopt keeps a store as it is: it excludes --encrypt");
    }
    return fi_command_has(cli, "recovery") ? fi_command_key_check_recovery(cli) : FI_EXIT_OK;
}

static int
dir_init_run(struct fi_cli *cli)
{
    assert(cli->argument_count == 0);
    firn_error err;
    struct attempt attempt = {NULL, false, FIRN_CIPHER_NONE};
    bool is_here = fi_command_has(cli, "here");
    bool adopts = fi_command_has(cli, "adopt");
    FI_TRY_RETURN(check_options(cli, is_here, adopts, &attempt.cipher));
    FI_TRY_RETURN(is_here ? check_inside(cli) : FI_EXIT_OK);
    FI_TRY_RETURN(fi_task_workspace_open_root(cli, is_here ? ".firn" : cli->store_path,
                                              attempt.cipher, &attempt.workspace));
    int exit_code =
        fi_command_key_check_new(cli, firn_workspace_store_path(attempt.workspace), attempt.cipher);
    if (exit_code != FI_EXIT_OK) {
        firn_workspace_close(attempt.workspace);
        return exit_code;
    }
    if (adopts) {
        exit_code = fi_task_workspace_adopt(
            cli, attempt.workspace, "say where it was with: firn workspaces relocate OLD-ROOT");
    } else {
        int code = fi_task_patience_run(cli, attempt_init, &attempt, &err);
        fi_term_meter_clear();
        cli->is_done = code == FIRN_OK;
        exit_code = code == FIRN_OK ? FI_EXIT_OK : fi_command_report_failure(cli, &err, NULL);
    }
    if (exit_code == FI_EXIT_OK) {
        dir_init_show(cli, &attempt, adopts);
        show_outer(cli, &attempt);
        show_first_save(cli, &attempt);
        if (attempt.is_created) {
            fi_task_workspace_report_unread(attempt.workspace);
        }
        if (attempt.is_created && attempt.cipher != FIRN_CIPHER_NONE) {
            exit_code = show_keys(cli, &attempt);
        }
    }
    firn_workspace_close(attempt.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"here", 0, NULL, "make the store inside the directory, as .firn"},
    {"adopt", 0, NULL, "keep the checkpoints of a directory that was moved"},
    FI_COMMAND_KEY_OPTIONS,
    {"recovery", 0, NULL, "with --encrypt, make a recovery code in any case"},
    {"no-recovery", 0, NULL, "with --encrypt, make no recovery code"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn init", "make the store in its usual place"},
    {"firn --store /backup/project init", "make the store in /backup/project"},
    {"firn init --adopt", "keep the checkpoints after the directory was renamed"},
    {"firn init --encrypt", "make an encrypted store, and ask for a passphrase"},
    {NULL, NULL},
};

const struct fi_command fi_dir_init = {
    .name = "init",
    .summary = "Make a store for the workspace, and print where it is",
    .arguments = "",
    .options = options,
    .help = "firn save does this when needed. The store is outside of the workspace, so that\n"
            "nothing that happens to the tree can destroy its history. It is in the directory\n"
            "given by --store or the environment variable FIRN_STORE, otherwise in\n"
            "\n"
            "    $XDG_DATA_HOME/firn/<name>-<16 digits derived from the path>\n"
            "\n"
            "where XDG_DATA_HOME is ~/.local/share if it is not set. Only its owner can read\n"
            "it. If you give --store, you must give it to every later command too. With\n"
            "--here the store is inside the workspace, and is moved and copied with it; but\n"
            "commands that delete everything in there, such as git clean -fdx, delete the\n"
            "history as well. A file .gitignore in it keeps git from taking it in.\n"
            "\n"
            "What the first save will take is counted, and what it will leave out by rule is\n"
            "named: that is the time to write a .firnignore (see firn help save).\n"
            "\n"
            "A workspace is identified by the path of its directory. Commands in a directory\n"
            "below it act on that workspace; firn init there makes a separate workspace,\n"
            "which the outer one leaves out. If a workspace was moved, firn recognises it and\n"
            "does nothing until you choose: firn init --adopt keeps its checkpoints, firn\n"
            "init starts a new history.\n"
            "\n"
            "With --encrypt everything that is saved is encrypted, names and messages\n"
            "included. A passphrase opens the store, which is asked for twice, or what is in\n"
            "the file of --key-file. On a terminal a recovery code is made as well, shown\n"
            "once, and not kept anywhere: write it down. Without any of these nothing can be\n"
            "read again. A store that exists in clear stays so. firn help key says how more\n"
            "keys are added, docs/encryption.md what encryption protects from.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = dir_init_run,
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_workspaces.c: firn workspaces list, remove, relocate.
 *
 * A root that is named here may no longer exist, so the file system cannot always resolve it. The
 * part that exists is replaced by its real path, and "." and ".." are removed from the rest.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/task.h"
#include "term/term.h"

/* ---- list ---- */

struct listing {
    const struct fi_cli *cli;
    uint64_t count;
    bool has_damage;
    bool has_locked; /* an encrypted store */
    bool has_gone;
};

static void
print_json(const firn_workspace_info *info)
{
    fi_term_json_object(NULL);
    fi_term_json_bytes("root", firn_str(info->root));
    fi_term_json_bytes("store", firn_str(info->store_path));
    fi_term_json_u64("checkpoints", info->checkpoints);
    fi_term_json_time_if("newest", info->newest_ns, info->newest_ns != 0);
    fi_term_json_bool("there", info->is_there);
    if (info->damage != NULL) {
        fi_term_json_bytes("damage", firn_str(info->damage));
    }
    fi_term_json_end();
}

static void
print_row(const firn_workspace_info *info, bool only_root)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char time[FI_TERM_TEXT_TIME_SIZE];
    if (!only_root) {
        fi_term_out_format("%6s  %-19s  ", fi_term_text_number(info->checkpoints, number),
                           info->newest_ns == 0 ? "-" : fi_term_text_time(info->newest_ns, time));
    }
    fi_term_text_escape(firn_str(info->root), fi_term_out_write);
    fi_term_out_text(info->is_there || only_root ? "\n" : "  (gone)\n");
}

static int
dir_workspaces_visit(void *ctx, const firn_workspace_info *info)
{
    struct listing *listing = ctx;
    listing->count++;
    bool is_locked = info->damage != NULL && fi_command_key_is_encrypted(info->store_path);
    listing->has_locked = listing->has_locked || is_locked;
    listing->has_damage = listing->has_damage || (info->damage != NULL && !is_locked);
    listing->has_gone = listing->has_gone || (info->damage == NULL && !info->is_there);
    print_json(info);
    if (info->damage == NULL) {
        print_row(info, listing->cli->quiet);
    }
    if (info->damage != NULL) {
        fi_command_report_path("could not be read", firn_str(info->store_path), info->damage);
    }
    return fi_term_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
run_list(struct fi_cli *cli)
{
    assert(cli->argument_count == 0);
    firn_error err;
    struct listing listing = {.cli = cli};
    fi_term_json_array("workspaces");
    if (firn_workspaces_list(cli->store_path, dir_workspaces_visit, &listing, &err) != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    if (listing.has_damage) {
        fi_command_report_more(
            "hint", "firn --store STORE repair rebuilds the store from what can still be read");
    }
    if (listing.has_locked) {
        fi_command_report_more("hint", "firn key unlock STORE lets an encrypted store be listed, "
                                       "and its workspaces be removed");
    }
    fi_term_json_end();
    if (listing.count == 0 && !cli->quiet) {
        fi_term_out_text("no workspaces\n");
    } else if (listing.has_gone && !cli->quiet) {
        fi_term_out_text(
            "bring back what is gone with: mkdir -p DIR && firn -C DIR restore latest\n");
    }
    return listing.has_damage || listing.has_locked ? FI_EXIT_PARTIAL : FI_EXIT_OK;
}

static const struct fi_command list = {
    .name = "list",
    .summary = "List every workspace that has a store in the usual place",
    .arguments = "",
    .help = "Prints one row for each workspace: how many checkpoints it has, when the newest\n"
            "was made, and its directory, followed by (gone) if that does not exist:\n"
            "mkdir -p DIR && firn -C DIR restore latest brings it back.\n"
            "With --store, lists the workspaces of that store. Stores made by firn init\n"
            "--here are inside their workspaces, known only there, and not listed.",
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = run_list,
};

/* ---- roots ---- */

/* Takes over `path` and returns its real path, or `path` itself if nothing is there. */
static char *
resolved(char *path)
{
    assert(path != NULL);
    char *real = realpath(path[0] == '\0' ? "/" : path, NULL);
    if (real == NULL) {
        return path;
    }
    if (real[1] == '\0') {
        real[0] = '\0'; /* "/" is the empty text here: each name brings its slash */
    }
    free(path);
    return real;
}

/* Takes over the path of a directory and returns that of a name in it; a link of that name is
 * followed. */
static char *
dir_workspaces_step(char *path, const char *name, size_t size, bool follows)
{
    assert(name[size] == '/' || name[size] == '\0');
    if (size == 0 || (size == 1 && name[0] == '.')) {
        return path;
    }
    if (size == 2 && memcmp(name, "..", 2) == 0) {
        char *slash = strrchr(path, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        return path;
    }
    size_t room = strlen(path) + 1 + size + 1;
    char *longer = malloc(room);
    if (longer != NULL) {
        (void)snprintf(longer, room, "%s/%.*s", path, (int)size, name);
    }
    free(path);
    return longer == NULL || !follows ? longer : resolved(longer);
}

/* A typed path made the path of a directory; on the heap, NULL when memory is out. */
static char *
path_of(const char *typed, bool follows_last)
{
    char *path = strdup(typed[0] == '/' ? "" : ".");
    path = path == NULL ? NULL : resolved(path);
    while (path != NULL && *typed != '\0') {
        size_t size = strcspn(typed, "/");
        path = dir_workspaces_step(path, typed, size,
                                   follows_last || typed[size + strspn(typed + size, "/")] != '\0');
        typed += size + (typed[size] == '/');
    }
    if (path != NULL && path[0] == '\0') {
        free(path);
        path = strdup("/");
    }
    return path;
}

struct seeking {
    const char *root;
    bool is_known;
};

static int
dir_workspaces_seek(void *ctx, const firn_workspace_info *info)
{
    struct seeking *seeking = ctx;
    assert(seeking->root != NULL && info->root != NULL);
    seeking->is_known = seeking->is_known || strcmp(info->root, seeking->root) == 0;
    return FIRN_OK;
}

/* The root that a typed path means; on the heap, NULL when memory is out. Where a root was moved, a
 * link may have taken its place: then the link's own path is the one that a store knows. */
static char *
root_of(const struct fi_cli *cli, const char *typed)
{
    char *root = path_of(typed, true);
    char *link = path_of(typed, false);
    struct seeking seeking = {link, false};
    if (root != NULL && link != NULL && strcmp(root, link) != 0 &&
        firn_workspaces_list(cli->store_path, dir_workspaces_seek, &seeking, NULL) == FIRN_OK &&
        seeking.is_known) {
        free(root);
        return link;
    }
    free(link);
    return root;
}

/* ---- remove ---- */

struct removal {
    const char *root;
    firn_workspace_options options;
};

static int
attempt_remove(void *ctx, firn_error *err)
{
    const struct removal *removal = ctx;
    return firn_workspaces_remove(removal->root, &removal->options, err);
}

/* The answer of the user at the terminal. */
static bool
is_confirmed(const char *root)
{
    fi_command_report_line("%s: all of its checkpoints will be deleted", root);
    return fi_command_report_prompt("remove them?");
}

/* A store in the usual place is removed with its last workspace, unless an application has data in
 * it. A named store stays with its garbage; it can be opened from any directory. */
static void
collect_if_due(const char *store_path)
{
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    firn_workspace *workspace;
    options.store_path = store_path;
    options.is_root = true;
    options.key_source = &fi_command_key_source;
    if (store_path != NULL && firn_workspace_open("/", &options, &workspace, NULL) == FIRN_OK) {
        fi_task_collect_if_due(workspace);
        firn_workspace_close(workspace);
    }
}

static int
remove_history(struct fi_cli *cli, const char *root)
{
    assert(root[0] != '\0');
    firn_error err;
    struct removal removal = {root, FIRN_WORKSPACE_OPTIONS_INIT};
    removal.options.store_path = cli->store_path;
    removal.options.key_source = &fi_command_key_source;
    removal.options.lock_timeout_ms = fi_task_patience_slice_ms(cli);
    int code = fi_task_patience_run(cli, attempt_remove, &removal, &err);
    fi_term_meter_clear();
    cli->is_done = code == FIRN_OK;
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, "firn workspaces lists the workspaces");
    }
    fi_term_json_bytes("removed", firn_str(root));
    if (!cli->quiet) {
        fi_term_out_text("removed the checkpoints of ");
        fi_term_text_escape(firn_str(root), fi_term_out_write);
        fi_term_out_text("; the directory was not changed\n");
    }
    collect_if_due(cli->store_path);
    return FI_EXIT_OK;
}

static int
run_remove(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    bool is_said = fi_command_has(cli, "yes");
    if (!is_said && !fi_command_report_may_prompt(cli)) {
        return fi_command_misused(cli, "this removes every checkpoint of %s: confirm with --yes",
                                  cli->arguments[0]);
    }
    char *root = root_of(cli, cli->arguments[0]);
    if (root == NULL) {
        return fi_command_report_no_memory(cli);
    }
    int exit_code = FI_EXIT_FAILED;
    if (is_said || is_confirmed(root)) {
        exit_code = remove_history(cli, root);
    } else {
        fi_command_report_line("nothing was removed");
    }
    free(root);
    return exit_code;
}

static const struct fi_command_option remove_options[] = {
    {"yes", 'y', NULL, "do not ask"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example remove_examples[] = {
    {"firn workspaces remove old-project", "delete its checkpoints; the directory need not exist"},
    {NULL, NULL},
};

static const struct fi_command remove_command = {
    .name = "remove",
    .summary = "Delete all checkpoints of a workspace",
    .arguments = "ROOT",
    .options = remove_options,
    .help = "ROOT is the directory of the workspace, as firn workspaces shows it. The\n"
            "directory itself is not touched. This cannot be undone: firn asks on a terminal,\n"
            "and needs --yes elsewhere. The store is deleted too, unless it has other\n"
            "workspaces, keyspaces or tables, or was given by --store; then firn gc frees the\n"
            "space.",
    .examples = remove_examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = run_remove,
};

/* ---- relocate ---- */

struct relocation {
    firn_workspace *workspace;
    const char *old_root;
};

static int
attempt_relocate(void *ctx, firn_error *err)
{
    struct relocation *relocation = ctx;
    return firn_workspace_adopt(relocation->workspace, relocation->old_root, err);
}

static int
relocate(struct fi_cli *cli, const char *old_root)
{
    assert(old_root[0] != '\0');
    firn_error err;
    struct relocation relocation = {NULL, old_root};
    int exit_code =
        fi_task_workspace_open_root(cli, cli->store_path, FIRN_CIPHER_NONE, &relocation.workspace);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    int code = fi_task_patience_run(cli, attempt_relocate, &relocation, &err);
    fi_term_meter_clear();
    cli->is_done = code == FIRN_OK;
    const char *root = firn_workspace_root(relocation.workspace);
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(
            cli, &err, fi_task_workspace_adopt_hint(code, "firn workspaces lists the workspaces"));
    } else {
        fi_term_json_bytes("workspace", firn_str(root));
        fi_term_json_bytes("store", firn_str(firn_workspace_store_path(relocation.workspace)));
    }
    if (code == FIRN_OK && !cli->quiet) {
        fi_term_text_escape(firn_str(old_root), fi_term_out_write);
        fi_term_out_text(" is ");
        fi_term_text_escape(firn_str(root), fi_term_out_write);
        fi_term_out_text(" now\n");
    }
    firn_workspace_close(relocation.workspace);
    return exit_code;
}

static int
run_relocate(struct fi_cli *cli)
{
    assert(cli->argument_count == 1 || cli->argument_count == 2);
    if (cli->argument_count > 1) {
        cli->workspace_path = cli->arguments[1];
    }
    char *old_root = root_of(cli, cli->arguments[0]);
    if (old_root == NULL) {
        return fi_command_report_no_memory(cli);
    }
    int exit_code = relocate(cli, old_root);
    free(old_root);
    return exit_code;
}

static const struct fi_command_example relocate_examples[] = {
    {"firn workspaces relocate /home/ada/old .", "keep the checkpoints of old in this directory"},
    {NULL, NULL},
};

static const struct fi_command relocate_command = {
    .name = "relocate",
    .summary = "Assign the checkpoints of a workspace to another directory",
    .arguments = "OLD-ROOT [NEW-ROOT]",
    .help = "OLD-ROOT is a directory as firn workspaces shows it; NEW-ROOT is the directory\n"
            "that gets its checkpoints (default: the current one). If a directory was only\n"
            "renamed, firn init --adopt is enough; this command is for one that was copied to\n"
            "another disk or restored from a backup. A directory that has checkpoints of its\n"
            "own keeps them, and the command fails.",
    .examples = relocate_examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = run_relocate,
};

static const struct fi_command *const members[] = {&list, &remove_command, &relocate_command, NULL};

const struct fi_command fi_dir_workspaces = {
    .name = "workspaces",
    .summary = "List, remove or relocate workspaces",
    .arguments = "",
    .help = "Every directory that was saved has a store, by default in one common folder.\n"
            "These commands work on all of them. Without a command, the workspaces are\n"
            "listed.",
    .members = members,
    .alone = &list,
};

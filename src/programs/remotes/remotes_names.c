/* SPDX-License-Identifier: Apache-2.0
 *
 * remotes/remotes_names.c: firn remote add, list, remove.
 */
#include "remotes/remotes_internal.h"

#include <assert.h>
#include <string.h>

#include "task/task.h"
#include "term/term.h"

struct naming {
    firn_workspace *workspace;
    const char *name;
    const char *url; /* NULL: remove it */
    bool encrypt;
};

static int
attempt_name(void *ctx, firn_error *err)
{
    const struct naming *naming = ctx;
    if (naming->url == NULL) {
        return firn_remote_remove(naming->workspace, naming->name, err);
    }
    return naming->encrypt
               ? firn_remote_add_encrypted(naming->workspace, naming->name, naming->url, err)
               : firn_remote_add(naming->workspace, naming->name, naming->url, err);
}

static const char *
hint_of(const struct naming *naming, int code)
{
    if (naming->url != NULL && code == FIRN_EXISTS) {
        return fi_task_remote_has(naming->workspace, naming->name)
                   ? "choose another name, or forget that one with: firn remote remove NAME"
                   : NULL;
    }
    if (naming->url != NULL && code == FIRN_UNSUPPORTED) {
        return fi_command_key_is_encrypted(firn_workspace_store_path(naming->workspace))
                   ? NULL
                   : "firn help remote add names storages that can be shared";
    }
    return fi_remotes_hint(naming->workspace, naming->name, code);
}

static int
name_remote(struct fi_cli *cli, struct naming *naming)
{
    firn_error err;
    int exit_code = fi_task_workspace_open(cli, &naming->workspace);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    int code = fi_task_patience_run(cli, attempt_name, naming, &err);
    cli->is_done = code == FIRN_OK;
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, hint_of(naming, code));
    }
    return exit_code;
}

/* ---- list ---- */

struct listing {
    const struct fi_cli *cli;
    const char *name; /* of the only one that is meant; NULL: all */
    uint64_t count;
};

static void
print_json(const firn_remote_info *remote)
{
    fi_term_json_string("name", remote->name);
    fi_term_json_bytes("url", firn_str(remote->url));
    fi_term_json_string("id", remote->id);
    fi_term_json_u64("not_pushed", remote->not_pushed);
    fi_term_json_bool("encrypted", remote->is_encrypted);
}

static void
print_row(const firn_remote_info *remote, bool only_name)
{
    fi_term_colour(FI_TERM_GREEN);
    fi_term_out_text(remote->name);
    fi_term_colour(FI_TERM_PLAIN);
    if (!only_name) {
        fi_term_out_text("  ");
        fi_term_text_escape(firn_str(remote->url), fi_term_out_write);
    }
    fi_term_out_text("\n");
}

static int
list_one(void *ctx, const firn_remote_info *remote)
{
    struct listing *listing = ctx;
    listing->count++;
    fi_term_json_object(NULL);
    print_json(remote);
    fi_term_json_end();
    print_row(remote, listing->cli->quiet);
    return fi_term_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
run_list(struct fi_cli *cli)
{
    assert(cli->argument_count == 0);
    firn_error err;
    firn_workspace *workspace;
    struct listing listing = {.cli = cli};
    int exit_code = fi_task_workspace_open(cli, &workspace);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_term_json_array("remotes");
    if (firn_remote_list(workspace, list_one, &listing, &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    } else {
        fi_term_json_end();
        if (listing.count == 0 && !cli->quiet) {
            fi_term_out_text("no remotes\n");
        }
    }
    firn_workspace_close(workspace);
    return exit_code;
}

static const struct fi_command list = {
    .name = "list",
    .summary = "List the remotes",
    .arguments = "",
    .help = "Prints one row for each remote: its name and its URL. With --quiet only names\n"
            "are printed. No remote is asked.",
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_COLOUR,
    .run = run_list,
};

/* ---- add ---- */

static int
show_added(void *ctx, const firn_remote_info *remote)
{
    const struct listing *listing = ctx;
    if (strcmp(remote->name, listing->name) != 0) {
        return FIRN_OK;
    }
    fi_term_json_object("remote");
    print_json(remote);
    fi_term_json_end();
    if (!listing->cli->quiet) {
        fi_term_out_format("%s is ", remote->name);
        fi_term_text_escape(firn_str(remote->url), fi_term_out_write);
        fi_term_out_text(remote->is_encrypted ? ", encrypted\n" : "\n");
    }
    return FIRN_OK;
}

static int
run_add(struct fi_cli *cli)
{
    assert(cli->argument_count == 2);
    firn_error err;
    struct naming naming = {.name = cli->arguments[0],
                            .url = cli->arguments[1],
                            .encrypt = fi_command_has(cli, "encrypt")};
    struct listing listing = {.cli = cli, .name = naming.name};
    int exit_code = name_remote(cli, &naming);
    if (exit_code == FI_EXIT_OK &&
        firn_remote_list(naming.workspace, show_added, &listing, &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    }
    firn_workspace_close(naming.workspace);
    return exit_code;
}

static const struct fi_command_example add_examples[] = {
    {"firn remote add origin s3://bucket/project", "a bucket of Amazon S3, below a prefix"},
    {"firn remote add origin https://minio.example/bucket", "another storage that speaks S3"},
    {"firn remote add nas /mnt/nas/project.firn", "a directory, such as one of a file server"},
    {"firn remote add --encrypt b2 s3://bucket/project", "nobody reads it without its key"},
    {NULL, NULL},
};

static const struct fi_command_option add_options[] = {
    {"encrypt", 0, NULL, "make a new remote an encrypted one"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command add = {
    .name = "add",
    .summary = "Give a remote a name",
    .arguments = "NAME URL",
    .help = "URL is one of:\n"
            "\n"
            "    s3://BUCKET/PREFIX         Amazon S3, or what AWS_ENDPOINT_URL names\n"
            "    https://HOST/BUCKET/PREFIX another storage that speaks S3\n"
            "    PATH                       a directory, which is made if it is missing\n"
            "\n"
            "If nothing is there yet, the place becomes a remote; if there is one, this\n"
            "machine shares it. A place with other files in it is refused. Before a new\n"
            "remote is made, firn asks the storage whether it really makes an object only if\n"
            "there is none, also for two writers at once: a storage that does not would lose\n"
            "what machines push at the same time, and is refused. Amazon S3, Cloudflare R2\n"
            "and MinIO do it; so do directories of nearly all file systems.\n"
            "\n"
            "With --encrypt a new remote is encrypted: contents and names are sent in a form\n"
            "that nobody reads without the key of the remote, which is asked for, or comes\n"
            "from FIRN_REMOTE_KEY_FILE or FIRN_REMOTE_KEY_COMMAND, or else FIRN_KEY_FILE or\n"
            "FIRN_KEY_COMMAND. Remotes of an encrypted store always are, and the store keeps\n"
            "their keys; a store in clear keeps none, and the key is asked for each time.\n"
            "Without its key nobody can read a remote again. firn key --remote shows and\n"
            "changes what opens one.\n"
            "\n"
            "Keys of the storage are never kept: they come from the environment\n"
            "(AWS_ACCESS_KEY_ID), from ~/.aws (AWS_PROFILE), or from the machine, each time.\n"
            "\n"
            "NAME has 1 to 64 letters, digits, '.', '-' and '_', and begins with a letter or\n"
            "digit. A remote called origin need not be named to firn push and firn pull, nor\n"
            "need the only one. Makes the store if there is none.",
    .options = add_options,
    .examples = add_examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = run_add,
};

/* ---- remove ---- */

static int
run_remove(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    struct naming naming = {.name = cli->arguments[0]};
    int exit_code = name_remote(cli, &naming);
    if (exit_code == FI_EXIT_OK) {
        fi_term_json_string("removed", naming.name);
        if (!cli->quiet) {
            fi_term_out_format("forgot %s and what was pulled from it; the remote was not "
                               "changed\n",
                               naming.name);
        }
    }
    firn_workspace_close(naming.workspace);
    return exit_code;
}

static const struct fi_command_example remove_examples[] = {
    {"firn remote remove nas", "forget the remote called nas"},
    {NULL, NULL},
};

static const struct fi_command remove_command = {
    .name = "remove",
    .summary = "Forget a remote",
    .arguments = "REMOTE",
    .help = "The store forgets the remote, and the checkpoints that pulls have brought from\n"
            "it; firn gc frees their space. The remote stays as it is, and a firn remote add\n"
            "and a firn pull bring them again.",
    .examples = remove_examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = run_remove,
};

static const struct fi_command *const members[] = {
    &add, &list, &fi_remotes_log, &fi_remotes_prune, &fi_remotes_show, &remove_command, NULL};

const struct fi_command fi_remotes_names = {
    .name = "remote",
    .summary = "Add, list, log, prune, show or remove remotes",
    .arguments = "",
    .help = "A remote is a bucket of object storage, or a directory, in which machines share\n"
            "checkpoints: firn push sends them there, firn pull brings those of the others.\n"
            "The store of a workspace knows remotes by names. Without a command, they are\n"
            "listed.",
    .members = members,
    .alone = &list,
};

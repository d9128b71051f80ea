/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_trust.c: firn trust: which of the stores that are found inside trees may be used.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "task/task.h"
#include "term/term.h"

static void
show_json(const char *key, const firn_trust_info *info)
{
    fi_term_json_object(key);
    fi_term_json_bytes("root", firn_str(info->root));
    fi_term_json_bytes("store", firn_str(info->store_path));
    fi_term_json_string_if("id", info->store_id, info->store_id[0] != '\0');
    fi_term_json_bool("there", info->is_there);
    fi_term_json_bool("trusted", info->is_trusted);
    fi_term_json_end();
}

/* ---- list ---- */

struct listing {
    const struct fi_cli *cli;
    struct fi_task_notices notices;
};

static void
report_unread(struct listing *listing, const firn_trust_info *info)
{
    assert(info->unread_path != NULL);
    firn_callbacks callbacks = fi_task_notices_callbacks(&listing->notices);
    const firn_notice notice = {.kind = FIRN_NOTICE_UNREADABLE,
                                .path = firn_str(info->unread_path),
                                .text = info->unread_text};
    callbacks.on_notice(callbacks.ctx, &notice);
}

static int
list_one(void *ctx, const firn_trust_info *info)
{
    struct listing *listing = ctx;
    const struct fi_cli *cli = listing->cli;
    if (info->unread_path != NULL) {
        report_unread(listing, info);
        return FIRN_OK;
    }
    show_json(NULL, info);
    fi_term_text_escape(firn_str(info->root), fi_term_out_write);
    if (!cli->quiet && !info->is_trusted) {
        fi_term_out_text(info->is_there ? "  (there is another store now)"
                                        : "  (there is no store now)");
    }
    fi_term_out_text("\n");
    return FIRN_OK;
}

static int
dir_trust_list(struct fi_cli *cli)
{
    firn_error err;
    struct listing listing = {.cli = cli};
    int exit_code;
    fi_task_notices_init(&listing.notices, cli);
    fi_term_json_array("stores");
    if (firn_trust_list(list_one, &listing, &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    } else {
        fi_term_json_end();
        fi_task_notices_json(&listing.notices);
        exit_code = fi_task_notices_exit(&listing.notices);
    }
    if (exit_code == FI_EXIT_PARTIAL) {
        fi_command_report_more("hint", "a record that cannot be read is ignored: remove the "
                                       "file, and trust its directory again with firn trust DIR");
    }
    fi_task_notices_deinit(&listing.notices);
    return exit_code;
}

/* ---- add and remove ---- */

static int
show_one(void *ctx, const firn_trust_info *info)
{
    const struct fi_cli *cli = ctx;
    show_json("store", info);
    if (!cli->quiet) {
        fi_term_out_text("trusted: ");
        fi_term_text_escape(firn_str(info->store_path), fi_term_out_write);
        fi_term_out_text("\n");
    }
    return FIRN_OK;
}

static int
dir_trust_add(struct fi_cli *cli, const char *path)
{
    firn_error err;
    if (firn_trust_add(path, &err) != FIRN_OK ||
        firn_trust_find(path, show_one, cli, &err) != FIRN_OK) {
        return fi_command_report_failure(
            cli, &err, err.code == FIRN_NOT_FOUND ? "firn init --here makes one" : NULL);
    }
    return FI_EXIT_OK;
}

static int
dir_trust_undo(struct fi_cli *cli, const char *path)
{
    firn_error err;
    if (firn_trust_remove(path, &err) != FIRN_OK) {
        return fi_command_report_failure(
            cli, &err, "firn trust --list shows the directories of those that are");
    }
    fi_term_json_bytes("removed", firn_str(path));
    if (!cli->quiet) {
        fi_term_out_text("no longer trusted: ");
        fi_term_text_escape(firn_str(path), fi_term_out_write);
        fi_term_out_text("\n");
    }
    return FI_EXIT_OK;
}

static int
dir_trust_run(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    bool lists = fi_command_has(cli, "list");
    bool removes = fi_command_has(cli, "remove");
    const char *path = cli->argument_count > 0 ? cli->arguments[0] : ".";
    if (lists && (removes || cli->argument_count > 0 || cli->directory != NULL)) {
        return fi_command_misused(cli, "--list takes no DIR");
    }
    return lists     ? dir_trust_list(cli)
           : removes ? dir_trust_undo(cli, path)
                     : dir_trust_add(cli, path);
}

static const struct fi_command_option options[] = {
    {"list", 0, NULL, "list directories with trusted stores"},
    {"remove", 0, NULL, "stop trusting the store"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn trust ~/project", "use the store .firn in ~/project"},
    {"firn trust /mnt/disk/store", "lift the limits for a store that is named with --store"},
    {"firn trust --list", "list directories with trusted stores"},
    {NULL, NULL},
};

const struct fi_command fi_dir_trust = {
    .name = "trust",
    .summary = "Trust a store",
    .arguments = "[DIR|STORE]",
    .options = options,
    .help = "A store inside a tree, as .firn, may have come with the tree, in a clone, an\n"
            "archive or on a disk; and what it contains can change files when firn works on\n"
            "that tree. firn uses such a store only if you made it there with firn init\n"
            "--here, or have trusted it with this command. Of its files only those count\n"
            "that firn made there, or that were there when you ran this command: what a pull\n"
            "brings later is named and ignored, its settings too. On a terminal, commands\n"
            "ask, and no is the default; elsewhere they fail. Hooks, firn watch, firn mcp and\n"
            "firn gc --auto do not use a store that is not trusted. firn --store DIR/.firn\n"
            "uses it for one command.\n"
            "\n"
            "A directory with a trusted store is a workspace of its own, and one around it\n"
            "leaves it out. Of a directory with another store only .firn is left out.\n"
            "\n"
            "With STORE, a store that is not inside a tree, nothing limits any more how much\n"
            "work and memory its trees and files may cause. Such a store is used when it is\n"
            "named (--store); unless you made it, a command that would do far more than the\n"
            "size of the store accounts for ends with an error. --list does not show it.\n"
            "\n"
            "DIR is the directory with the store, or one below it (default: the current one).\n"
            "Trust is recorded in $XDG_DATA_HOME/firn/.trusted, by the directory's inode and\n"
            "time of birth: a workspace that is moved within its file system stays trusted, a\n"
            "copy must be trusted again. A record that cannot be read is ignored; --list\n"
            "names it, and the exit code is 6.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = dir_trust_run,
};

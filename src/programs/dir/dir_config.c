/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_config.c: firn config.
 */
#include "dir/dir.h"

#include <assert.h>
#include <string.h>

#include "task/task.h"
#include "term/term.h"

struct listing {
    const struct fi_cli *cli;
    firn_workspace *workspace; /* NULL: of the user */
    struct fi_task_notices *notices;
    const char *key; /* NULL: all */
    bool is_found;
    int unread; /* files */
};

static int
dir_config_visit(void *ctx, const firn_config_setting *setting)
{
    struct listing *listing = ctx;
    if (listing->key != NULL && strcmp(listing->key, setting->key) != 0) {
        return FIRN_OK;
    }
    listing->is_found = true;
    fi_term_json_object(NULL);
    fi_term_json_string("key", setting->key);
    fi_term_json_string("value", setting->value);
    fi_term_json_string("source", firn_config_source_name(setting->source));
    fi_term_json_end();
    if (listing->key != NULL) {
        fi_term_out_format("%s\n", setting->value);
    } else if (listing->cli->quiet) {
        fi_term_out_format("%s = %s\n", setting->key, setting->value);
    } else {
        fi_term_out_format("%-18s = %-6s # %s\n", setting->key, setting->value,
                           firn_config_source_name(setting->source));
    }
    return FIRN_OK;
}

static void
on_notice(void *ctx, const firn_notice *notice)
{
    struct listing *listing = ctx;
    listing->unread++;
    fi_task_settings_report(listing->workspace, notice);
    fi_task_notices_add(listing->notices, notice);
}

static int
dir_config_show(struct fi_cli *cli, firn_workspace *workspace, struct fi_task_notices *notices,
                const char *key)
{
    firn_error err;
    struct listing listing = {cli, workspace, notices, key, false, 0};
    fi_term_json_array("settings");
    if (firn_config_list_readable(workspace, dir_config_visit, on_notice, &listing, &err) !=
        FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    if (!listing.is_found) {
        return fi_command_report_error(cli, FIRN_INVALID, "firn config lists the settings",
                                       "there is no setting '%s'", key);
    }
    fi_term_json_end();
    fi_task_notices_json(notices);
    return FI_EXIT_OK;
}

static int
ignore(void *ctx, const firn_config_setting *setting)
{
    (void)ctx;
    (void)setting;
    return FIRN_OK;
}

static void
count_unread(void *ctx, const firn_notice *notice)
{
    struct listing *listing = ctx;
    (void)notice;
    listing->unread++;
}

static const char *
change_hint(const firn_workspace *workspace, int code)
{
    assert(code != FIRN_OK);
    if (code == FIRN_NOT_FOUND && workspace != NULL) {
        return "firn init makes it; --user is for all workspaces";
    }
    return code == FIRN_LIMIT || code == FIRN_UNSUPPORTED ? "move the file away" : NULL;
}

/* Changing a file mends it. */
static int
dir_config_change(struct fi_cli *cli, firn_workspace *workspace, struct fi_task_notices *notices,
                  const char *key, const char *value)
{
    assert(key != NULL);
    firn_error err;
    struct listing before = {.cli = cli, .workspace = workspace, .notices = notices};
    struct listing after = before;
    int code = firn_config_list_readable(workspace, ignore, count_unread, &before, &err);
    code = code == FIRN_OK ? firn_config_set(workspace, key, value, &err) : code;
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, change_hint(workspace, code));
    }
    cli->is_done = true;
    if (before.unread > 0 &&
        firn_config_list_readable(workspace, ignore, on_notice, &after, NULL) == FIRN_OK &&
        after.unread < before.unread) {
        fi_command_report_line("settings: lines that could not be read are comments now");
        fi_command_report_more("hint", "firn config shows the settings; if it was not known what "
                                       "is kept, keep is forever now");
    }
    if (workspace != NULL && value != NULL && strcmp(key, "push.auto") == 0 &&
        strcmp(value, "false") != 0 && !fi_task_remote_has(workspace, value)) {
        fi_command_report_line("there is no remote '%s' yet", value);
        fi_command_report_more("hint", "firn remote add NAME URL gives one a name");
    }
    fi_term_json_string("key", key);
    fi_term_json_string_if("value", value, value != NULL);
    fi_task_notices_json(notices);
    return FI_EXIT_OK;
}

static int
dir_config_run(struct fi_cli *cli)
{
    assert(cli->argument_count <= 2);
    firn_workspace *workspace = NULL;
    bool unsets = fi_command_has(cli, "unset");
    const char *key = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    const char *value = cli->argument_count > 1 ? cli->arguments[1] : NULL;
    int exit_code = FI_EXIT_OK;
    if (unsets && (key == NULL || value != NULL)) {
        return fi_command_misused(cli, "--unset takes a SETTING and no VALUE");
    }
    if (!fi_command_has(cli, "user")) {
        exit_code = fi_task_workspace_open(cli, &workspace);
    }
    if (exit_code == FI_EXIT_OK) {
        struct fi_task_notices notices;
        fi_task_notices_init(&notices, cli);
        exit_code = unsets || value != NULL
                        ? dir_config_change(cli, workspace, &notices, key, value)
                        : dir_config_show(cli, workspace, &notices, key);
        fi_task_notices_deinit(&notices);
    }
    firn_workspace_close(workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"user", 0, NULL, "change the settings of the user, not of this store"},
    {"unset", 0, NULL, "remove the setting from the file"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn config", "print all settings, and where each comes from"},
    {"firn config save.gitignore true", "let every save exclude what .gitignore files exclude"},
    {"firn config --user wait 5", "wait at most five seconds for another writer"},
    {NULL, NULL},
};

const struct fi_command fi_dir_config = {
    .name = "config",
    .summary = "Show or change settings",
    .arguments = "[SETTING] [VALUE]",
    .options = options,
    .help = "    gc.auto            true: run firn gc --auto when useful (see firn help gc)\n"
            "    keep               which checkpoints do not expire (see firn help delete)\n"
            "    push.auto          a remote: push to it after each save; or false\n"
            "    save.git           false: save with --no-git\n"
            "    save.gitignore     true: save with --gitignore\n"
            "    save.include-deps  true: save with --include-deps\n"
            "    save.max-file-size save with this --max-file-size\n"
            "    save.strict        true: save with --strict\n"
            "    save.warn-size     name the largest files if a save adds this much; or none\n"
            "    ui.color           always, never or auto: as with --color\n"
            "    ui.pager           false: print long results without a pager\n"
            "    wait               seconds to wait for another writer, as with --wait\n"
            "\n"
            "Settings are in two files: config in the store, and $XDG_CONFIG_HOME/firn/config\n"
            "for all workspaces of a user (~/.config/firn/config if XDG_CONFIG_HOME is not\n"
            "set). Settings of the store override those of the user, and options on the\n"
            "command line override both; firn save --no-config ignores both.\n"
            "\n"
            "Both files contain lines such as save.gitignore = true, and comments that begin\n"
            "with #, and may be edited. If a line is wrong, the whole file is ignored:\n"
            "commands name the line and go on, and until it is corrected nothing expires and\n"
            "gc.auto and push.auto are off. Changing any setting in the file also corrects\n"
            "it: wrong lines become comments, and if no other line says what is kept, keep =\n"
            "forever is added. In a store inside of the tree (firn init --here) only what\n"
            "this command wrote counts, as a pull could bring anything; firn trust accepts\n"
            "other changes.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = dir_config_run,
};

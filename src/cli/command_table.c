/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/command_table.c: every command of the program, and the options that all of them share.
 *
 * A command that does not work is not in here. Its description stands in the file that implements
 * it, as the constant firn_cmd_..., which this table points at.
 */
#include "cli/command_table.h"

#include "cli/cmd.h"

const char firn_command_table_about[] =
    "firn remembers: it saves the state of a directory tree as a checkpoint, shows\n"
    "what changed since, and brings any checkpoint back exactly. It is also a\n"
    "key-value store.\n"
    "\n"
    "In any directory of a workspace a command acts on the whole workspace, unless\n"
    "paths narrow it. Paths are read and shown relative to the current directory,\n"
    "which is \".\"; in JSON and patches they begin at the root. With -C DIR a command\n"
    "does what it would do if it were started in DIR: every relative path begins\n"
    "there, also that of --store or FIRN_STORE.";

/* One a line, however many there are. */
/* clang-format off */
const struct firn_command *const firn_command_table[] = {
    &firn_cmd_save,
    &firn_cmd_list,
    &firn_cmd_show,
    &firn_cmd_status,
    &firn_cmd_diff,
    &firn_cmd_cat,
    &firn_cmd_report,
    &firn_cmd_restore,
    &firn_cmd_undo,
    &firn_cmd_revert,
    &firn_cmd_watch,
    &firn_cmd_delete,
    &firn_cmd_forget,
    &firn_cmd_gc,
    &firn_cmd_tag,
    &firn_cmd_pin,
    &firn_cmd_pin_remove,
    &firn_cmd_check,
    &firn_cmd_repair,
    &firn_cmd_init,
    &firn_cmd_workspaces,
    &firn_cmd_trust,
    &firn_cmd_config,
    &firn_cmd_mcp,
    &firn_cmd_hook,
    &firn_cmd_db,
    &firn_cmd_chkp,
    &firn_cmd_alxs,
    &firn_cmd_completion,
    &firn_cmd_help,
    &firn_cmd_version,
    NULL,
};
/* clang-format on */

const struct firn_command_table_global firn_command_table_globals[] = {
    {{"workspace", 'C', "DIR", "do it as if started in the directory DIR"},
     FIRN_COMMAND_USES_WORKSPACE},
    {{"store", 0, "DIR", "keep the checkpoints in DIR"}, FIRN_COMMAND_USES_WORKSPACE},
    {{"wait", 0, "SECONDS", "wait so long for another writer (default 60; 0: do not)"},
     FIRN_COMMAND_USES_LOCK},
    {{"strict", 0, NULL, "fail where something would be left out"}, FIRN_COMMAND_USES_STRICT},
    {{"json", 0, NULL, "print one JSON object"}, 0},
    {{"quiet", 'q', NULL, "print results only, no summaries and no progress"}, 0},
    {{"help", 'h', NULL, "explain the command"}, 0},
    {{"version", 0, NULL, "print the version"}, 0},
    {{NULL, 0, NULL, NULL}, 0},
};

const struct firn_command_table_note firn_command_table_exit_codes[] = {
    {"0", "done"},
    {"1", "failed"},
    {"2", "the command line is wrong; nothing was done"},
    {"3", "not found"},
    {"4", "locked by another process, or in conflict with it"},
    {"5", "damaged data"},
    {"6", "done, but something named was left out (with --strict: 1)"},
    {"128+n", "ended by signal n"},
    {NULL, NULL},
};

const struct firn_command_table_note firn_command_table_environment[] = {
    {"FIRN_STORE", "where the checkpoints are kept, if --store is not given"},
    {"XDG_DATA_HOME", "stores are made below firn/ in here (default: ~/.local/share)"},
    {"XDG_CONFIG_HOME", "settings are in firn/config in here (default: ~/.config)"},
    {NULL, NULL},
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_table.c: every command of the program, and the options that all of them share.
 *
 * Each command is described by a constant in the file that implements it; this table points at
 * these constants. It lists no command that does not work.
 */
#include "cli/cli.h"

#include "data/data.h"
#include "dir/dir.h"
#include "hook/hook.h"
#include "import/import.h"
#include "mount/mount.h"
#include "report/report.h"
#include "seed/seed.h"

static const char about[] =
    "firn saves the state of a directory tree as a checkpoint, shows what has changed\n"
    "since, and restores any checkpoint exactly. It also stores key-value data, and\n"
    "tables that can be queried with SQL.\n"
    "\n"
    "In any directory of a workspace a command acts on the whole workspace, unless\n"
    "paths are given. Paths are relative to the current directory; in JSON and patches\n"
    "they are relative to the root of the workspace. With -C DIR a command runs as if\n"
    "started in DIR, and relative paths of --store and FIRN_STORE begin there too.";

/* One a line, however many there are. */
/* clang-format off */
static const struct firn_command *const commands[] = {
    &firn_dir_save,
    &firn_dir_status,
    &firn_dir_diff,
    &firn_dir_restore_undo,
    &firn_dir_restore_redo,
    &firn_dir_restore,
    &firn_dir_revert,
    &firn_dir_watch,

    &firn_dir_log,
    &firn_dir_browse,
    &firn_dir_list,
    &firn_dir_show,
    &firn_dir_cat,
    &firn_dir_blame,
    &firn_dir_grep,
    &firn_report,
    &firn_mount,
    &firn_dir_tag,
    &firn_dir_pin,
    &firn_dir_pin_remove,
    &firn_dir_delete,
    &firn_dir_delete_undo,
    &firn_dir_forget,

    &firn_hook,
    &firn_cli_mcp,

    &firn_dir_init,
    &firn_dir_config,
    &firn_dir_workspaces,
    &firn_dir_trust,
    &firn_dir_gc,
    &firn_dir_check,
    &firn_dir_repair,

    &firn_data,

    &firn_import,
    &firn_import_export,
    &firn_seed_chkp,
    &firn_seed_alxs,

    &firn_command_help,
    &firn_command_completion,
    &firn_command_version,
    NULL,
};
/* clang-format on */

static const struct firn_command_section sections[] = {
    {"Everyday", &firn_dir_save}, {"History", &firn_dir_log},
    {"Agent", &firn_hook},        {"Maintenance", &firn_dir_init},
    {"Database", &firn_data},     {"Import and export", &firn_import},
    {"Help", &firn_command_help}, {NULL, NULL},
};

static const struct firn_command_global globals[] = {
    {{"directory", 'C', "DIR", "run as if started in DIR"}, FIRN_COMMAND_USES_WORKSPACE},
    {{"store", 0, "DIR", "use the store in DIR"}, FIRN_COMMAND_USES_WORKSPACE},
    {{"wait", 0, "SECONDS", "wait for another writer (default 60; 0: do not wait)"},
     FIRN_COMMAND_USES_LOCK},
    {{"strict", 0, NULL, "fail if anything would be left out"}, FIRN_COMMAND_USES_STRICT},
    {{"no-pager", 0, NULL, "print long results without a pager"}, FIRN_COMMAND_USES_PAGER},
    {{"color", 0, "WHEN", "use colors: always, never or auto (on a terminal)"},
     FIRN_COMMAND_USES_COLOUR},
    {{"json", 0, NULL, "print one JSON object"}, 0},
    {{"quiet", 'q', NULL, "print results only, no summaries or progress"}, 0},
    {{"help", 'h', NULL, "print help"}, 0},
    {{"version", 0, NULL, "print the version"}, 0},
    {{NULL, 0, NULL, NULL}, 0},
};

static const struct firn_command_note exit_codes[] = {
    {"0", "done"},
    {"1", "failed"},
    {"2", "the command line is wrong; nothing was done"},
    {"3", "not found"},
    {"4", "locked by another process, or a conflict"},
    {"5", "damaged data"},
    {"6", "done, except for the items named (with --strict: 1)"},
    {"128+n", "ended by signal n"},
    {NULL, NULL},
};

static const struct firn_command_note environment[] = {
    {"FIRN_STORE", "the store, if --store is not given"},
    {"PAGER", "for long results on a terminal (or FIRN_PAGER; default: less)"},
    {"BROWSER", "for firn report --open (default: xdg-open)"},
    {"NO_COLOR", "if it is set, there are no colors, unless they are asked for"},
    {"XDG_DATA_HOME", "stores are in firn/ in here (default: ~/.local/share)"},
    {"XDG_CONFIG_HOME", "settings are in firn/config in here (default: ~/.config)"},
    {NULL, NULL},
};

/* What people who know git or restic type. */
static const struct firn_command_note elsewhere[] = {
    {"add", "firn save saves every file; there is nothing to add"},
    {"backup", "firn save saves the whole directory"},
    {"branch", "there are no branches; firn tag names a checkpoint"},
    {"checkout", "firn restore REF restores a checkpoint, firn restore REF PATH a file of one"},
    {"cherry-pick", "firn restore REF PATH restores single files of a checkpoint"},
    {"clean", "firn restore latest removes what is not in the newest checkpoint"},
    {"clone", "firn restore REF --to DIR restores a checkpoint into another directory"},
    {"commit", "firn save -m MESSAGE saves the whole directory"},
    {"fsck", "firn check verifies everything that was saved"},
    {"ls", "firn list lists the checkpoints, firn show REF --files the files of one"},
    {"ls-files", "firn show REF --files lists the files of a checkpoint"},
    {"merge", "there are no branches to merge; firn revert merges line by line"},
    {"mv", "firn save recognises renamed files by itself"},
    {"prune", "firn gc frees space, firn delete deletes checkpoints"},
    {"reflog", "firn undo --list lists the states that can be gone back to"},
    {"reset", "firn restore REF restores a checkpoint, firn undo goes one state back"},
    {"rm", "firn delete deletes checkpoints, firn forget removes a path from all of them"},
    {"rollback", "firn undo goes one state back, firn restore REF to a checkpoint"},
    {"snapshots", "firn list lists the checkpoints"},
    {"stash", "firn save saves the directory, firn restore latest~1 goes back to what was before"},
    {"switch", "firn restore REF restores a checkpoint"},
    {NULL, NULL},
};

const struct firn_command_program firn_cli_table = {
    .about = about,
    .commands = commands,
    .sections = sections,
    .globals = globals,
    .exit_codes = exit_codes,
    .environment = environment,
    .elsewhere = elsewhere,
    .references = firn_dir_tag_references,
    .tables = firn_data_store_names,
};

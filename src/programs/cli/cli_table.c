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
#include "doctor/doctor.h"
#include "hook/hook.h"
#include "import/import.h"
#include "mount/mount.h"
#include "past/past.h"
#include "remotes/remotes.h"
#include "report/report.h"
#include "secrets/secrets.h"
#include "seed/seed.h"
#include "turn/turn.h"

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
static const struct fi_command *const commands[] = {
    &fi_dir_save,
    &fi_dir_status,
    &fi_dir_diff,
    &fi_dir_restore_undo,
    &fi_dir_restore_redo,
    &fi_dir_restore,
    &fi_dir_revert,
    &fi_dir_watch,

    &fi_dir_log,
    &fi_dir_browse,
    &fi_dir_list,
    &fi_dir_show,
    &fi_dir_cat,
    &fi_dir_blame,
    &fi_dir_grep,
    &fi_past_find,
    &fi_report,
    &fi_mount,
    &fi_dir_tag,
    &fi_past_describe,
    &fi_dir_pin,
    &fi_dir_pin_remove,
    &fi_dir_delete,
    &fi_dir_delete_undo,
    &fi_dir_forget,

    &fi_remotes_push,
    &fi_remotes_pull,
    &fi_remotes_pull_fetch,
    &fi_remotes_clone,
    &fi_remotes_names,

    &fi_turn_list,
    &fi_turn_run,
    &fi_turn_bisect,
    &fi_hook,
    &fi_cli_mcp,

    &fi_dir_init,
    &fi_dir_config,
    &fi_dir_workspaces,
    &fi_dir_trust,
    &fi_secrets,
    &fi_dir_gc,
    &fi_dir_check,
    &fi_dir_repair,
    &fi_doctor,

    &fi_data,

    &fi_import,
    &fi_import_export,
    &fi_seed_chkp,
    &fi_seed_alxs,

    &fi_command_help,
    &fi_command_completion,
    &fi_command_version,
    NULL,
};
/* clang-format on */

static const struct fi_command_section sections[] = {
    {"Everyday", &fi_dir_save},        {"History", &fi_dir_log},      {"Sharing", &fi_remotes_push},
    {"Agent", &fi_turn_list},          {"Maintenance", &fi_dir_init}, {"Database", &fi_data},
    {"Import and export", &fi_import}, {"Help", &fi_command_help},    {NULL, NULL},
};

static const struct fi_command_global globals[] = {
    {{"directory", 'C', "DIR", "run as if started in DIR"}, FI_COMMAND_USES_WORKSPACE},
    {{"store", 0, "DIR", "use the store in DIR"}, FI_COMMAND_USES_WORKSPACE},
    {{"wait", 0, "SECONDS", "wait for another writer (default 60; 0: do not wait)"},
     FI_COMMAND_USES_LOCK},
    {{"strict", 0, NULL, "fail if anything would be left out"}, FI_COMMAND_USES_STRICT},
    {{"no-pager", 0, NULL, "print long results without a pager"}, FI_COMMAND_USES_PAGER},
    {{"color", 0, "WHEN", "use colors: always, never or auto (on a terminal)"},
     FI_COMMAND_USES_COLOUR},
    {{"json", 0, NULL, "print one JSON object"}, 0},
    {{"quiet", 'q', NULL, "print results only, no summaries or progress"}, 0},
    {{"help", 'h', NULL, "print help"}, 0},
    {{"version", 0, NULL, "print the version"}, 0},
    {{NULL, 0, NULL, NULL}, 0},
};

static const struct fi_command_note exit_codes[] = {
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

static const struct fi_command_note environment[] = {
    {"FIRN_STORE", "the store, if --store is not given"},
    {"FIRN_KEY_FILE", "a key file that opens an encrypted store"},
    {"FIRN_KEY_COMMAND", "a command that prints the passphrase of one"},
    {"FIRN_REMOTE_KEY_FILE", "the same for an encrypted remote; counts first there"},
    {"FIRN_REMOTE_KEY_COMMAND", "the same"},
    {"PAGER", "for long results on a terminal (or FIRN_PAGER; default: less)"},
    {"BROWSER", "for firn report --open (default: xdg-open)"},
    {"NO_COLOR", "if it is set, there are no colors, unless they are asked for"},
    {"XDG_DATA_HOME", "stores are in firn/ in here (default: ~/.local/share)"},
    {"XDG_CONFIG_HOME", "settings are in firn/config in here (default: ~/.config)"},
    {NULL, NULL},
};

/* What people who know other programs type. A word stands here for what it means, not for how it is
 * spelled. */
/* clang-format off */
static const struct fi_command_note elsewhere[] = {
    {"abandon", "firn delete deletes a checkpoint, firn undo goes one state back"},
    {"add", "firn save saves every file; there is nothing to add"},
    {"annotate", "firn blame shows where each line of a file comes from"},
    {"archive", "firn export tar writes a checkpoint as a tar archive"},
    {"back", "firn undo goes one state back, firn restore REF to a checkpoint"},
    {"backup", "firn save saves the whole directory"},
    {"bookmark", "firn tag names a checkpoint"},
    {"branch", "there are no branches; firn tag names a checkpoint"},
    {"checkout", "firn restore REF restores a checkpoint, firn restore REF PATH a file of one"},
    {"checkpoint", "firn save makes a checkpoint, firn list lists them"},
    {"checkpoints", "firn list lists the checkpoints"},
    {"cherry-pick", "firn restore REF PATH restores single files of a checkpoint"},
    {"ci", "firn save -m MESSAGE saves the whole directory"},
    {"clean", "firn restore latest removes what is not in the newest checkpoint"},
    {"co", "firn restore REF restores a checkpoint, firn restore REF PATH a file of one"},
    {"commit", "firn save -m MESSAGE saves the whole directory"},
    {"compare", "firn diff shows what changed, firn diff REF REF between two checkpoints"},
    {"copy", "firn push sends checkpoints to a remote"},
    {"create", "firn save makes a checkpoint, firn init a store"},
    {"download", "firn pull brings checkpoints of a remote"},
    {"drop", "firn delete deletes checkpoints"},
    {"dump", "firn cat REF:PATH prints a file of a checkpoint"},
    {"edit", "firn restore REF restores a checkpoint"},
    {"encrypt", "firn key encrypt-store encrypts a store, firn init --encrypt makes an encrypted "
                "one"},
    {"exec", "firn run COMMAND saves before and after a command"},
    {"expire", "checkpoints expire as firn config keep says; firn delete deletes them now"},
    {"files", "firn show REF --files lists the files of a checkpoint"},
    {"fsck", "firn check verifies everything that was saved"},
    {"history", "firn log shows what each checkpoint changed, firn list lists them"},
    {"ignore", "the file .firnignore names what is left out (firn help save)"},
    {"info", "firn show REF shows a checkpoint, firn init where the store is"},
    {"install", "firn hook install AGENT installs the hooks of a coding agent"},
    {"keep", "firn pin and firn tag keep a checkpoint"},
    {"label", "firn tag names a checkpoint"},
    {"load", "firn import brings in what other programs saved, firn restore a checkpoint"},
    {"ls", "firn list lists the checkpoints, firn show REF --files the files of one"},
    {"ls-files", "firn show REF --files lists the files of a checkpoint"},
    {"ls-tree", "firn show REF --files lists the files of a checkpoint"},
    {"man", "firn help COMMAND explains a command"},
    {"merge", "there are no branches to merge; firn revert merges line by line"},
    {"mv", "firn save recognises renamed files by itself"},
    {"new", "firn save makes a checkpoint"},
    {"op", "firn undo --list lists the states that can be gone back to"},
    {"operation", "firn undo --list lists the states that can be gone back to"},
    {"passwd", "firn key change sets another passphrase"},
    {"password", "firn key change sets another passphrase"},
    {"prune", "firn gc frees space, firn delete deletes checkpoints"},
    {"publish", "firn push sends checkpoints to a remote"},
    {"purge", "firn delete deletes checkpoints, firn forget removes a path from all of them"},
    {"query", "firn db sql STORE runs SQL over a store"},
    {"rebase", "there are no branches; firn revert undoes what one checkpoint changed"},
    {"recover", "firn undelete brings back deleted checkpoints, firn restore REF PATH a file"},
    {"reflog", "firn undo --list lists the states that can be gone back to"},
    {"remove", "firn delete deletes checkpoints, firn forget removes a path from all of them"},
    {"reset", "firn restore REF restores a checkpoint, firn undo goes one state back"},
    {"rev-list", "firn list lists the checkpoints"},
    {"rev-parse", "firn show REF shows a checkpoint"},
    {"rewind", "firn undo goes one state back, firn restore REF to a checkpoint"},
    {"rm", "firn delete deletes checkpoints, firn forget removes a path from all of them"},
    {"rollback", "firn undo goes one state back, firn restore REF to a checkpoint"},
    {"search", "firn grep searches the files of a checkpoint"},
    {"sessions", "firn turns lists the turns of coding agents"},
    {"setup", "firn hook install AGENT installs the hooks of a coding agent; nothing else needs "
              "a setup"},
    {"shortlog", "firn log shows what each checkpoint changed, firn list lists them"},
    {"snapshot", "firn save saves the whole directory, firn list lists the checkpoints"},
    {"snapshots", "firn list lists the checkpoints"},
    {"sql", "firn db sql STORE runs SQL over a store"},
    {"squash", "firn delete deletes a checkpoint; the next one has its changes, too"},
    {"start", "firn watch saves whenever changes pause"},
    {"stash", "firn save saves the directory, firn restore latest~1 goes back to what was before"},
    {"stats", "firn log --stat counts changed lines, firn doctor says how the store is"},
    {"sync", "firn push sends checkpoints to a remote, firn pull brings those of others"},
    {"stop", "firn watch --stop ends a watch"},
    {"switch", "firn restore REF restores a checkpoint"},
    {"tags", "firn tag lists the tags"},
    {"tui", "firn browse shows the history on a screen"},
    {"ui", "firn browse shows the history on a screen"},
    {"uninstall", "firn hook remove AGENT removes the hooks of a coding agent"},
    {"unlock", "a lock ends with its process; firn key unlock is for an encrypted store"},
    {"untag", "firn tag -d NAME deletes a tag"},
    {"untrack", "the file .firnignore names what is left out, firn forget removes what was saved"},
    {"unwatch", "firn watch --stop ends a watch"},
    {"upload", "firn push sends checkpoints to a remote"},
    {"verify", "firn check verifies everything that was saved"},
    {"versions", "firn log PATH shows every change of a file"},
    {"view", "firn browse shows the history on a screen, firn show REF a checkpoint"},
    {"whatchanged", "firn log shows what each checkpoint changed"},
    {"worktree", "each worktree is a workspace of its own; firn workspaces lists them"},

    {"bisect bad", "firn bisect run COMMAND does all steps by itself"},
    {"bisect good", "firn bisect run COMMAND does all steps by itself"},
    {"bisect start", "firn bisect run COMMAND does all steps by itself"},

    {"remote delete", "firn remote remove NAME forgets a remote"},
    {"remote forget", "firn remote remove NAME forgets a remote"},
    {"remote ls", "firn remote list lists the remotes"},
    {"remote rename", "firn remote remove NAME forgets a remote, firn remote add NAME URL gives it "
                      "another name"},
    {"remote rm", "firn remote remove NAME forgets a remote"},
    {"remote set-url", "firn remote remove NAME forgets a remote, firn remote add NAME URL gives "
                       "another place that name"},

    {"hook add", "firn hook install AGENT installs the hooks"},
    {"hook delete", "firn hook remove AGENT removes the hooks"},
    {"hook disable", "firn hook remove AGENT removes the hooks"},
    {"hook enable", "firn hook install AGENT installs the hooks"},
    {"hook list", "firn hook status says which agents have the hooks"},
    {"hook ls", "firn hook status says which agents have the hooks"},
    {"hook rm", "firn hook remove AGENT removes the hooks"},
    {"hook show", "firn hook print prints what would be installed, firn hook status what is"},
    {"hook uninstall", "firn hook remove AGENT removes the hooks"},

    {"workspaces delete", "firn workspaces remove ROOT deletes what was saved of a workspace"},
    {"workspaces forget", "firn workspaces remove ROOT deletes what was saved of a workspace"},
    {"workspaces ls", "firn workspaces lists them"},
    {"workspaces move", "firn workspaces relocate tells where a workspace is now"},
    {"workspaces mv", "firn workspaces relocate tells where a workspace is now"},
    {"workspaces rm", "firn workspaces remove ROOT deletes what was saved of a workspace"},

    {"db add", "firn db put writes a key, firn db insert a row"},
    {"db backup", "firn db checkpoint makes a checkpoint, firn db clone a copy of the store"},
    {"db commit", "each command is durable when it ends; firn db checkpoint makes a checkpoint"},
    {"db create", "firn db table create makes a table; a store and its keyspaces are made by the "
                  "first put"},
    {"db delete", "firn db del deletes a key, firn db delrange a range of keys"},
    {"db describe", "firn db table show shows the columns of a table"},
    {"db exec", "firn db sql STORE STATEMENT runs SQL"},
    {"db history", "firn db checkpoints lists the checkpoints"},
    {"db info", "firn db stats shows what is in a store"},
    {"db list", "firn db keyspaces lists keyspaces and tables, firn db scan the entries of one"},
    {"db log", "firn db checkpoints lists the checkpoints"},
    {"db ls", "firn db keyspaces lists keyspaces and tables, firn db scan the entries of one"},
    {"db open", "firn db sql STORE is a shell"},
    {"db query", "firn db sql STORE STATEMENT runs SQL"},
    {"db remove", "firn db del deletes a key, firn db delrange a range of keys"},
    {"db reset", "firn db restore goes back to a checkpoint, firn db undo takes that back"},
    {"db revert", "firn db restore goes back to a checkpoint, firn db undo takes that back"},
    {"db rm", "firn db del deletes a key, firn db destroy a store"},
    {"db rollback", "firn db restore goes back to a checkpoint, firn db undo takes that back"},
    {"db save", "firn db checkpoint makes a checkpoint"},
    {"db select", "firn db sql STORE STATEMENT runs SQL"},
    {"db set", "firn db put writes a key"},
    {"db shell", "firn db sql STORE is a shell"},
    {"db snapshot", "firn db checkpoint makes a checkpoint"},
    {"db tables", "firn db table list lists the tables"},
    {"db update", "firn db put writes a key, firn db sql STORE STATEMENT changes rows"},
    {"db vacuum", "firn db compact rewrites a store in less space"},
    {"db verify", "firn db check verifies a store"},
    {"db write", "firn db put writes a key"},

    {"check --read-data", "firn check --data reads and verifies every byte"},
    {"config --list", "firn config lists the settings"},
    {"config -l", "firn config lists the settings"},
    {"diff --cached", "nothing is staged: firn diff compares the newest checkpoint with the disk"},
    {"diff --color-words", "firn diff --word-diff marks changed words"},
    {"diff --name-status", "firn diff --names prints one row for each difference"},
    {"diff --staged", "nothing is staged: firn diff compares the newest checkpoint with the disk"},
    {"diff -r", "firn diff REF REF compares two checkpoints"},
    {"forget --keep-daily", "firn delete --expired --keep POLICY deletes old checkpoints; firn "
                            "forget removes paths"},
    {"forget --keep-hourly", "firn delete --expired --keep POLICY deletes old checkpoints; firn "
                             "forget removes paths"},
    {"forget --keep-last", "firn delete --expired --keep POLICY deletes old checkpoints; firn "
                           "forget removes paths"},
    {"forget --keep-monthly", "firn delete --expired --keep POLICY deletes old checkpoints; firn "
                              "forget removes paths"},
    {"forget --keep-weekly", "firn delete --expired --keep POLICY deletes old checkpoints; firn "
                             "forget removes paths"},
    {"forget --keep-within", "firn delete --expired --keep POLICY deletes old checkpoints; firn "
                             "forget removes paths"},
    {"forget --keep-yearly", "firn delete --expired --keep POLICY deletes old checkpoints; firn "
                             "forget removes paths"},
    {"forget --prune", "firn gc frees space; firn delete deletes checkpoints"},
    {"init ARGUMENT", "firn -C DIR init makes a store for another directory"},
    {"list -N", "firn list -n N lists the N newest"},
    {"log --after", "firn log --since TIME"},
    {"log --author", "firn log --agent NAME shows turns of agents, --grep PATTERN searches "
                     "messages"},
    {"log --before", "firn log --until TIME"},
    {"log --decorate", "firn log shows tags and pins by itself"},
    {"log --follow", "firn log FILE follows a file through renames by itself"},
    {"log --graph", "firn log prints one line for each checkpoint; there are no branches"},
    {"log --max-count", "firn log -n N shows the N newest"},
    {"log --oneline", "firn log prints one line for each checkpoint"},
    {"log --reverse", "firn log shows the newest first; firn log ..REF begins at a checkpoint"},
    {"log -N", "firn log -n N shows the N newest"},
    {"log -r", "firn log REF..REF shows a part of the history"},
    {"push -u", "firn push REMOTE sends to that remote; there are no branches"},
    {"remote -v", "firn remote list lists the remotes"},
    {"restore --from", "firn restore REF PATH restores a file of a checkpoint"},
    {"restore --source", "firn restore REF PATH restores a file of a checkpoint"},
    {"restore --staged", "nothing is staged: firn restore PATH restores a file from the newest "
                         "checkpoint"},
    {"restore --target", "firn restore REF --to DIR restores into another directory"},
    {"restore -s", "firn restore REF PATH restores a file of a checkpoint"},
    {"restore -t", "firn restore REF --to DIR restores into another directory"},
    {"save --all", "firn save saves every file by itself"},
    {"save --amend", "firn save makes a new checkpoint; firn delete deletes the one before"},
    {"save --tag", "firn save, then firn tag NAME"},
    {"save -a", "firn save saves every file by itself"},
    {"save ARGUMENT", "firn save saves the whole directory; firn save -m MESSAGE gives it a "
                      "message"},
    {"status --porcelain", "firn status --short, or --json, is for scripts"},
    {"tag --list", "firn tag lists the tags"},
    {"tag -a", "firn tag NAME REF names a checkpoint; its message is that of the checkpoint"},
    {"tag -l", "firn tag lists the tags"},
    {"undo -N", "each firn undo goes one state back; firn undo --list shows how often"},
    {NULL, NULL},
};
/* clang-format on */

const struct fi_command_program fi_cli_table = {
    .about = about,
    .commands = commands,
    .sections = sections,
    .globals = globals,
    .exit_codes = exit_codes,
    .environment = environment,
    .elsewhere = elsewhere,
    .begin = fi_doctor_begin,
    .references = fi_dir_tag_references,
    .paths = fi_dir_paths,
    .tables = fi_data_store_names,
    .remotes = fi_remotes_put,
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_browse.c: firn browse, firn restore --interactive and firn undo --interactive: the room
 * browse, as commands.
 */
#include "dir/dir.h"

#include <assert.h>

#include "browse/browse.h"
#include "show/show.h"
#include "task/task.h"

/* A screen has no JSON; the message names the command that has. */
static int
check_output(struct fi_cli *cli)
{
    if (cli->json) {
        return fi_command_misused(cli, "a screen cannot be printed as JSON; firn log --json can");
    }
    return FI_EXIT_OK;
}

static int
count_line(void *ctx, const firn_workspace_line *line)
{
    (void)line;
    ++*(unsigned *)ctx;
    return FIRN_OK;
}

static int
pass_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)ctx;
    (void)checkpoint;
    return FIRN_OK;
}

/* A history is that of one line. */
static int
check_lines(struct fi_cli *cli, firn_workspace *workspace, const char *remote)
{
    firn_error err;
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    unsigned count = 0;
    options.remote = remote;
    options.limit = 0;
    options.on_line = count_line;
    int code = firn_workspace_list(workspace, &options, pass_checkpoint, &count, &err);
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, fi_show_line_hint(code));
    }
    return count <= 1 ? FI_EXIT_OK
                      : fi_command_report_error(
                            cli, FIRN_CONFLICT,
                            "firn remote show REMOTE shows them: firn browse REMOTE/LINE",
                            "'%s' has %u lines, and a screen shows one", remote, count);
}

/* Sets *out to the first argument if it means a remote. */
static int
find_remote(struct fi_cli *cli, firn_workspace *workspace, const char **out)
{
    if (cli->arguments_before_dashes == 0 ||
        !fi_task_remote_is_meant(workspace, cli->arguments[0])) {
        return FI_EXIT_OK;
    }
    *out = cli->arguments[0];
    return check_lines(cli, workspace, *out);
}

/* undoes: what is chosen is undone. */
static int
dir_browse(struct fi_cli *cli, const char *reference, int first_path, bool undoes)
{
    firn_workspace *workspace = NULL;
    struct fi_task_workspace_paths paths = {NULL, 0};
    const char *remote = NULL;
    int exit_code = check_output(cli);
    assert(first_path >= 0);
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_task_workspace_open(cli, &workspace);
    }
    if (exit_code == FI_EXIT_OK && reference == NULL) {
        exit_code = find_remote(cli, workspace, &remote);
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code =
            fi_task_workspace_paths_init(cli, workspace, first_path + (remote != NULL), &paths);
    }
    if (exit_code == FI_EXIT_OK) {
        const struct fi_browse_request request = {workspace,   reference, paths.slices,
                                                  paths.count, remote,    undoes};
        struct fi_dir_beside beside;
        fi_dir_beside_inspect(workspace, &beside);
        exit_code = fi_browse_run(cli, &request);
        fi_dir_beside_report(workspace, &beside);
    }
    fi_task_workspace_paths_deinit(&paths);
    firn_workspace_close(workspace);
    return exit_code;
}

int
fi_dir_browse_run(struct fi_cli *cli, const char *reference, int first_path)
{
    return dir_browse(cli, reference, first_path, false);
}

int
fi_dir_browse_undo(struct fi_cli *cli)
{
    return dir_browse(cli, NULL, 0, true);
}

static int
dir_browse_run(struct fi_cli *cli)
{
    return fi_dir_browse_run(cli, NULL, 0);
}

static const struct fi_command_example examples[] = {
    {"firn browse", "look at the history, and restore from it"},
    {"firn browse src", "the same of src alone"},
    {"firn browse origin", "the same of what was pulled from a remote"},
    {"firn restore -i 12", "the same for one checkpoint"},
    {NULL, NULL},
};

static const struct fi_command_option options[] = {{NULL, 0, NULL, NULL}};

const struct fi_command fi_dir_browse = {
    .name = "browse",
    .summary = "Look at the history on a screen, and restore from it",
    .arguments = "[REMOTE] [PATH...]",
    .options = options,
    .help = "Shows the history on the left; on the right what the chosen checkpoint changed,\n"
            "and the changed lines of the chosen file. On a narrow terminal one of the three\n"
            "fills the screen, and Tab goes to the next. PATHs limit it to the checkpoints\n"
            "that changed them, and a restore to these. REMOTE/LINE shows the history of a\n"
            "line that was pulled instead; REMOTE is enough if it has only one.\n"
            "\n"
            "  Up Down PgUp PgDn Home End   move (also k j g G)\n"
            "  Tab Left Right               go to another pane (also h l)\n"
            "  Space, a                     mark a file, mark all\n"
            "  Enter                        restore the checkpoint, or the marked files\n"
            "  u, U                         undo, redo\n"
            "  d                            compare with the disk, or what it changed\n"
            "  / n N                        search in the pane, next, previous\n"
            "  i s r                        all about it, safety checkpoints, read again\n"
            "  ? q                          help, quit\n"
            "\n"
            "Enter and u first show what would change, and ask. Before anything is restored a\n"
            "safety checkpoint of the present state is taken, as by firn restore.\n"
            "\n"
            "Above the checkpoints is a row for what is not saved yet, if there is something,\n"
            "once that is known. It is compared with the newest checkpoint, or the one that\n"
            "was restored. Enter shows its files, then the lines of one; with files marked it\n"
            "restores these.\n"
            "\n"
            "With d the files that a restore would change are listed; lines with a minus are\n"
            "on the disk now, and lines with a plus would come back.\n"
            "\n"
            "It needs a terminal, and ncurses (Debian's libncursesw6), but no colours:\n"
            "NO_COLOR turns them off. What other processes save meanwhile appears by itself.\n"
            "firn log shows the same as text.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .refuses_json = "; firn log --json prints the history",
    .run = dir_browse_run,
};

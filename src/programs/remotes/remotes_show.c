/* SPDX-License-Identifier: Apache-2.0
 *
 * remotes/remotes_show.c: firn remote show: what is known here of a remote and of its lines.
 */
#include "remotes/remotes_internal.h"

#include <assert.h>
#include <string.h>

#include "show/show.h"
#include "term/term.h"

struct showing {
    const struct fi_cli *cli;
    const char *name;
    bool has_found;
    char line[FI_SHOW_LINE_NAME_SIZE]; /* the one that is counted; "": none yet */
    uint64_t checkpoints;
    int64_t newest_ns;
};

static int
show_one(void *ctx, const firn_remote_info *remote)
{
    struct showing *showing = ctx;
    if (strcmp(remote->name, showing->name) != 0) {
        return FIRN_OK;
    }
    showing->has_found = true;
    fi_term_json_string("name", remote->name);
    fi_term_json_bytes("url", firn_str(remote->url));
    fi_term_json_string("id", remote->id);
    fi_term_json_u64("not_pushed", remote->not_pushed);
    fi_term_json_bool("encrypted", remote->is_encrypted);
    fi_term_out_format("name        %s\nurl         ", remote->name);
    fi_term_text_escape(firn_str(remote->url), fi_term_out_write);
    fi_term_out_format("\nid          %s\nencrypted   %s\nnot pushed  ", remote->id,
                       remote->is_encrypted ? "yes" : "no");
    fi_remotes_print_checkpoints(remote->not_pushed);
    fi_term_out_text("\n");
    return FIRN_OK;
}

/* ---- lines ---- */

static void
finish_line(struct showing *showing)
{
    char time[FI_TERM_TEXT_TIME_SIZE];
    if (showing->line[0] == '\0') {
        return;
    }
    fi_term_json_u64("checkpoints", showing->checkpoints);
    fi_term_json_time_if("newest", showing->newest_ns, showing->checkpoints > 0);
    fi_term_json_end();
    fi_term_out_text("line        ");
    fi_term_text_escape(firn_str(showing->line), fi_term_out_write);
    fi_term_out_text(": ");
    fi_remotes_print_checkpoints(showing->checkpoints);
    if (showing->checkpoints > 0) {
        fi_term_out_format(", newest %s", fi_term_text_time(showing->newest_ns, time));
    }
    fi_term_out_text("\n");
}

static int
on_line(void *ctx, const firn_workspace_line *line)
{
    struct showing *showing = ctx;
    finish_line(showing);
    showing->checkpoints = 0;
    showing->newest_ns = INT64_MIN;
    int code = fi_show_line_name(line, showing->line);
    fi_term_json_object(NULL);
    fi_term_json_bytes("line", firn_str(showing->line));
    fi_term_json_bytes("label", line->label);
    fi_term_json_bytes("id", line->id);
    return code;
}

static int
on_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct showing *showing = ctx;
    showing->checkpoints++;
    if (checkpoint->created_ns > showing->newest_ns) {
        showing->newest_ns = checkpoint->created_ns;
    }
    return FIRN_OK;
}

static int
show_lines(struct fi_cli *cli, firn_workspace *workspace, struct showing *showing)
{
    firn_error err;
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    options.remote = showing->name;
    options.on_line = on_line;
    fi_term_json_array("lines");
    int code = firn_workspace_list(workspace, &options, on_checkpoint, showing, &err);
    if (code != FIRN_OK && code != FIRN_NOT_FOUND) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    finish_line(showing);
    fi_term_json_end();
    if (showing->line[0] == '\0') {
        fi_term_out_text("lines       none was pulled\n");
    }
    return FI_EXIT_OK;
}

static int
remotes_show_run(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    firn_error err;
    firn_workspace *workspace;
    struct showing showing = {.cli = cli, .name = cli->arguments[0]};
    int exit_code = fi_task_workspace_open(cli, &workspace);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    if (firn_remote_list(workspace, show_one, &showing, &err) != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    } else if (!showing.has_found) {
        exit_code = fi_command_report_error(cli, FIRN_NOT_FOUND,
                                            fi_task_remote_has(workspace, NULL)
                                                ? "firn remote list shows the remotes"
                                                : "firn remote add NAME URL gives one a name",
                                            "there is no remote '%s'", showing.name);
    } else {
        exit_code = show_lines(cli, workspace, &showing);
    }
    firn_workspace_close(workspace);
    return exit_code;
}

static const struct fi_command_example examples[] = {
    {"firn remote show origin", "show what was pulled from the remote origin"},
    {NULL, NULL},
};

const struct fi_command fi_remotes_show = {
    .name = "show",
    .summary = "Show what is known here of a remote",
    .arguments = "REMOTE",
    .help = "Prints the name, the URL and the id of the remote, how many checkpoints of this\n"
            "workspace were made since the last push, and one row for each of the remote's\n"
            "lines that pulls have brought: how many checkpoints of it are here, and when the\n"
            "newest was made. A line is what one workspace has pushed; that of this workspace\n"
            "is not among them. The remote itself is not asked. firn list REMOTE lists the\n"
            "checkpoints.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = remotes_show_run,
};

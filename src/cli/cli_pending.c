/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_pending.c: a restore that was interrupted, told by the commands that only look.
 *
 * A crash in the middle of a restore leaves a tree that is partly the old state and partly the new,
 * file by file. Whoever looks at it next, with list, status or show, would wonder; so these say what
 * happened and what ends it. They do not end it themselves: they were only asked to look. The command
 * that fails half way says it as well.
 */
#include "cli/cli_pending.h"

#include "cli/cli_workspace.h"
#include "cli/exit_code.h"
#include "cli/json_out.h"
#include "cli/report.h"

static void
show_json(const firn_pending_restore *pending)
{
    if (!pending->is_pending) {
        firn_json_out_null("pending");
        return;
    }
    firn_json_out_object("pending");
    if (pending->checkpoint.number == 0) {
        firn_json_out_null("number");
    } else {
        firn_json_out_u64("number", pending->checkpoint.number);
    }
    firn_json_out_string("id", pending->checkpoint.id);
    firn_json_out_bool("undo", pending->is_undo);
    firn_json_out_bool("begun", pending->has_begun);
    firn_json_out_string("safety", pending->safety_id);
    firn_json_out_end();
}

static void
show_text(const firn_pending_restore *pending)
{
    char name[FIRN_CLI_WORKSPACE_NAME_SIZE];
    const char *what = pending->has_begun ? "half way" : "before anything changed";
    if (pending->is_undo) {
        firn_report_line("an undo was interrupted %s", what);
    } else {
        firn_report_line("a restore of %s was interrupted %s",
                         firn_cli_workspace_name(&pending->checkpoint, name), what);
    }
    firn_report_more("hint", "firn restore --resume finishes it, firn undo takes it back");
}

int
firn_cli_pending_tell(struct firn_cli *cli, firn_workspace *workspace)
{
    firn_error err;
    firn_pending_restore pending;
    if (firn_workspace_pending(workspace, &pending, &err) != FIRN_OK) {
        return firn_report_failure(cli, &err, NULL);
    }
    if (pending.is_pending) {
        show_text(&pending);
    }
    if (cli->json) {
        show_json(&pending);
    }
    return FIRN_EXIT_OK;
}

const char *
firn_cli_pending_hint(firn_workspace *workspace)
{
    firn_pending_restore pending;
    bool is_half_done =
        firn_workspace_pending(workspace, &pending, NULL) == FIRN_OK && pending.has_begun;
    return is_half_done
               ? "it is half done: firn restore --resume finishes it, firn undo takes it back"
               : NULL;
}

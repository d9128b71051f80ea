/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_turns.c: checkpoint_turns, and turns as arguments of other tools.
 */
#include <stdio.h>

#include "mcp/mcp_internal.h"
#include "term/term_try.h"
#include "turn/turn.h"

enum { LIMIT_DEFAULT = 20, NAME_SIZE = 24 };

static void
write_turn(const struct fi_turn *turn)
{
    char name[NAME_SIZE];
    const firn_workspace_checkpoint *last = turn->of.last;
    const bool is_run = last->turn.agent.size == 0;
    (void)snprintf(name, sizeof(name), "@%llu", (unsigned long long)last->number);
    fi_term_json_object(NULL);
    fi_term_json_string("name", name);
    fi_mcp_call_write_name(last);
    fi_term_json_time("ended", last->created_ns);
    fi_show_checkpoint_json_turn(&last->turn);
    if (is_run) {
        fi_term_json_bytes("command", last->run.command);
    }
    fi_term_json_u64_if("exit_code", turn->exit_code, turn->has_exit);
    fi_term_json_bool("changed_since", turn->is_exit_old);
    fi_term_json_u64_if("previous", turn->of.first_number, turn->of.first_number != 0);
    fi_term_json_u64("files", turn->tally.files);
    fi_term_json_u64_if("lines_added", turn->tally.added, !turn->tally.is_partial);
    fi_term_json_u64_if("lines_removed", turn->tally.removed, !turn->tally.is_partial);
    fi_turn_beside_json(&turn->own);
    fi_term_json_end();
}

static int
on_turn(void *ctx, const struct fi_turn *turn)
{
    struct fi_mcp_call *call = ctx;
    if (call->host->is_cancelled(call->host->ctx)) {
        return FIRN_CANCELLED;
    }
    if (call->result.size > FI_MCP_CALL_RESULT_SIZE_MAX) {
        call->rows_not_shown++;
        return FIRN_OK;
    }
    write_turn(turn);
    return FIRN_OK;
}

static int
mcp_turns_run(struct fi_mcp_call *call)
{
    struct fi_turn_walk_options options = {
        .agent = fi_mcp_arguments_string(call->arguments, "agent"),
        .limit = fi_mcp_arguments_count(call->arguments, "limit", LIMIT_DEFAULT),
        .counts = true,
        .on_turn = on_turn};
    FI_TRY_RETURN(fi_mcp_call_open(call));
    options.callbacks = fi_mcp_call_callbacks(call);
    fi_term_json_array("turns");
    int code = fi_turn_walk(call->workspace, &options, call, &call->error);
    fi_term_json_end();
    if (code == FIRN_OK) {
        fi_mcp_call_write_not_shown(call, "turns_not_shown");
    }
    return code;
}

int
fi_mcp_turns_find(struct fi_mcp_call *call, const char *name, uint64_t *out)
{
    struct fi_task_turn turn;
    int code = fi_task_turn_look(call->workspace, name, &turn, &call->error);
    if (code == FIRN_OK) {
        *out = turn.last->number;
        fi_task_turn_deinit(&turn);
    } else if (code == FIRN_NOT_FOUND || code == FIRN_INVALID) {
        call->hint = "checkpoint_turns lists the turns with their names";
    }
    return code;
}

static const struct fi_mcp_arguments_param params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    {"limit", FI_MCP_ARGUMENTS_COUNT, false, "Only so many of the newest; default 20"},
    {"agent", FI_MCP_ARGUMENTS_STRING, false, "Only turns of agents whose name contains this"},
    FI_MCP_TOOL_END_PARAM,
};

const struct fi_mcp_tool fi_mcp_turns_tool = {
    .name = "checkpoint_turns",
    .title = "List turns of coding agents",
    .text =
        "List the turns of coding agents that changed something, and the commands that firn run "
        "has "
        "run, newest first: each with its name for checkpoint_undo (@12), the prompt, how many "
        "files and lines it changed since the checkpoint 'previous', the exit code of what was run "
        "last in it (such as the tests), and the turns that were at work at the same time "
        "(beside), with the files that both changed.",
    .params = params,
    /* clang-format off */
    .output =
        FI_MCP_TOOL_OBJECTS("turns",
            FI_MCP_TOOL_STRING("name") ","
            FI_MCP_TOOL_NAME ","
            FI_MCP_TOOL_STRING("ended") ","
            FI_MCP_TOOL_TURN ","
            FI_MCP_TOOL_STRING("command") ","
            FI_MCP_TOOL_NUMBER_OR_NULL("exit_code") ","
            FI_MCP_TOOL_BOOL("changed_since") ","
            FI_MCP_TOOL_NUMBER_OR_NULL("previous") ","
            FI_MCP_TOOL_INTEGER("files") ","
            FI_MCP_TOOL_NUMBER_OR_NULL("lines_added") ","
            FI_MCP_TOOL_NUMBER_OR_NULL("lines_removed") ","
            FI_MCP_TOOL_OBJECTS("beside",
                FI_MCP_TOOL_STRING("turn") ","
                FI_MCP_TOOL_OBJECTS("files", FI_MCP_TOOL_STRING("path")) ","
                FI_MCP_TOOL_INTEGER("files_in_both")) ","
            FI_MCP_TOOL_BOOL("told_apart")) ","
        FI_MCP_TOOL_INTEGER("turns_not_shown"),
    /* clang-format on */
    .required = "[\"turns\"]",
    .is_read_only = true,
    .is_idempotent = true,
    .run = mcp_turns_run,
};

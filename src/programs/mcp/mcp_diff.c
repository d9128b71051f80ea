/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_diff.c: checkpoint_diff.
 *
 * With `patch`, every text file has its hunks, up to a limit of size. The header lines of a patch
 * are left out, because the path and the kind of change are members beside the hunks.
 */
#include "mcp/mcp_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "sqlitefile/sqlitefile.h"
#include "task/task.h"
#include "term/term_try.h"

enum { PATCH_SIZE_MAX = 128 * 1024, PATCHES_SIZE_MAX = 1 << 20, ROWS_MAX = 20 };

/* ---- the hunks of a unified patch ----
 *
 * The library has found the hunks; here lines are put around them. Hunks with at most six equal
 * lines between them stand under one head. Each text is walked once, from its first line to its
 * last.
 */

enum { CONTEXT = 3 };

/* A text and the line at which it is being read. */
struct side {
    firn_slice text;
    size_t at;
    uint32_t line;
};

static firn_slice
next_line(struct side *side)
{
    assert(side->at < side->text.size);
    const uint8_t *from = side->text.data + side->at;
    size_t left = side->text.size - side->at;
    const uint8_t *end = left > 0 ? memchr(from, '\n', left) : NULL;
    size_t size = end != NULL ? (size_t)(end - from) + 1 : left;
    side->at += size;
    side->line++;
    return firn_bytes(from, size);
}

static void
skip_to(struct side *side, uint32_t line)
{
    assert(side->at <= side->text.size);
    while (side->line < line && side->at < side->text.size) {
        (void)next_line(side);
    }
}

/* Ends once `out` has more than PATCH_SIZE_MAX bytes: such a patch is not shown. */
static void
print_to(struct fi_term_writer *out, struct side *side, uint32_t line, char sign)
{
    static const char no_end[] = "\n\\ No newline at end of file\n";
    while (side->line < line && side->at < side->text.size && out->size <= PATCH_SIZE_MAX) {
        firn_slice text = next_line(side);
        fi_term_writer_put(out, &sign, 1);
        fi_term_writer_put(out, text.data,
                           text.size <= PATCH_SIZE_MAX ? text.size : PATCH_SIZE_MAX);
        if (text.data[text.size - 1] != '\n') {
            fi_term_writer_put(out, no_end, sizeof(no_end) - 1);
        }
    }
}

static uint32_t
count_lines(firn_slice text)
{
    struct side side = {text, 0, 0};
    skip_to(&side, UINT32_MAX);
    return side.line;
}

/* The number of hunks from this one on that share one header. */
static size_t
group_size(const firn_hunk *hunks, size_t count)
{
    assert(count > 0);
    size_t size = 1;
    while (size < count &&
           hunks[size].before_at - hunks[size - 1].before_at - hunks[size - 1].before_count <=
               2 * CONTEXT) {
        size++;
    }
    return size;
}

/* "12,3": where lines begin, from 1, and how many; where there are none, the line before. */
static void
print_range(struct fi_term_writer *out, const char *before, uint32_t at, uint32_t count)
{
    char text[40];
    int size = snprintf(text, sizeof(text), "%s%u,%u", before, count > 0 ? at + 1 : at, count);
    fi_term_writer_put(out, text, (size_t)size);
}

static void
print_group(struct fi_term_writer *out, struct side *before, struct side *after,
            const firn_hunk *hunks, size_t count, uint32_t lines)
{
    assert(count > 0);
    const firn_hunk *last = &hunks[count - 1];
    uint32_t lead = hunks[0].before_at < CONTEXT ? hunks[0].before_at : CONTEXT;
    uint32_t end = last->before_at + last->before_count;
    uint32_t tail = lines - end < CONTEXT ? lines - end : CONTEXT;
    uint32_t before_at = hunks[0].before_at - lead;
    uint32_t after_at = hunks[0].after_at - lead;
    print_range(out, "@@ -", before_at, end + tail - before_at);
    print_range(out, " +", after_at, last->after_at + last->after_count + tail - after_at);
    fi_term_writer_put(out, " @@\n", 4);
    skip_to(before, before_at);
    for (size_t i = 0; i < count; i++) {
        print_to(out, before, hunks[i].before_at, ' ');
        print_to(out, before, hunks[i].before_at + hunks[i].before_count, '-');
        skip_to(after, hunks[i].after_at);
        print_to(out, after, hunks[i].after_at + hunks[i].after_count, '+');
    }
    print_to(out, before, end + tail, ' ');
}

/* Appends the hunks of a difference whose lines were counted to `out`, as bytes, with three lines
 * around each; nothing if there are none. Stops, and returns false, once `out` has more than
 * PATCH_SIZE_MAX bytes. */
static bool
write_hunks(struct fi_term_writer *out, const firn_workspace_difference *difference)
{
    struct side before = {difference->content_before, 0, 0};
    struct side after = {difference->content_after, 0, 0};
    uint32_t lines = count_lines(before.text);
    size_t at = 0;
    while (at < difference->hunk_count && out->size <= PATCH_SIZE_MAX) {
        size_t count = group_size(difference->hunks + at, difference->hunk_count - at);
        print_group(out, &before, &after, difference->hunks + at, count, lines);
        at += count;
    }
    return out->size <= PATCH_SIZE_MAX;
}

/* ---- the tool ---- */

static const char list_hint[] = "checkpoint_list shows the checkpoints, checkpoint_save makes one";

struct attempt {
    struct fi_mcp_call *call;
    firn_workspace_diff_options options;
    firn_workspace_diff_result result;
    bool wants_rows;
    struct fi_task_databases databases;
};

static void
write_patch(struct fi_mcp_call *call, const firn_workspace_difference *difference)
{
    assert(difference->lines == FIRN_LINES_COUNTED);
    struct fi_term_writer patch = {0};
    bool has_room = call->result.size < PATCHES_SIZE_MAX;
    if (has_room && write_hunks(&patch, difference)) {
        fi_term_json_bytes("patch", fi_term_writer_slice(&patch));
    } else {
        fi_term_json_bool("patch_too_large", true);
    }
    call->result.has_failed = call->result.has_failed || patch.has_failed;
    fi_term_writer_deinit(&patch);
}

static int
mcp_diff_visit(void *ctx, const firn_workspace_difference *difference)
{
    struct attempt *attempt = ctx;
    struct fi_mcp_call *call = attempt->call;
    if (attempt->wants_rows && !fi_task_databases_note(&attempt->databases, difference)) {
        return FIRN_NO_MEMORY;
    }
    if (!fi_mcp_call_has_room(call)) {
        return FIRN_OK;
    }
    fi_mcp_call_begin_change(&difference->change);
    if (attempt->options.with_lines) {
        fi_term_json_string("lines", firn_workspace_lines_kind_name(difference->lines));
    }
    if (difference->lines == FIRN_LINES_COUNTED) {
        fi_term_json_u64("lines_added", difference->lines_added);
        fi_term_json_u64("lines_removed", difference->lines_removed);
        if (fi_mcp_arguments_bool(call->arguments, "patch", false)) {
            write_patch(call, difference);
        }
    }
    fi_term_json_end();
    return FIRN_OK;
}

static int
attempt_diff(void *ctx, firn_error *err)
{
    assert(ctx != NULL);
    struct attempt *attempt = ctx;
    return firn_workspace_diff(attempt->call->workspace, &attempt->options, mcp_diff_visit, attempt,
                               &attempt->result, err);
}

/* The array "databases", with patch. */
static int
write_rows(struct fi_mcp_call *call, const struct attempt *attempt)
{
    const firn_workspace_diff_result *result = &attempt->result;
    struct fi_sqlitefile_show show = {.rows_max = ROWS_MAX, .json_max = PATCHES_SIZE_MAX};
    if (!attempt->wants_rows || attempt->databases.size == 0) {
        return FIRN_OK;
    }
    fi_term_json_array("databases");
    int code = fi_task_databases_compare(&attempt->databases, call->workspace, result->before->id,
                                         result->after != NULL ? result->after->id : NULL, &show,
                                         &call->error);
    fi_term_json_end();
    return code;
}

static int
write_result(struct fi_mcp_call *call, const struct attempt *attempt)
{
    const firn_workspace_diff_result *result = &attempt->result;
    assert(result->before != NULL);
    fi_term_json_end();
    fi_mcp_call_write_not_shown(call, "changes_not_shown");
    FI_TRY_RETURN(write_rows(call, attempt));
    fi_mcp_call_write_name(result->before);
    fi_term_json_string_if("to_snapshot_id", result->after != NULL ? result->after->id : "",
                           result->after != NULL);
    fi_term_json_u64("files_added", result->added);
    fi_term_json_u64("files_changed", result->changed);
    fi_term_json_u64("files_times_only", result->times_only);
    fi_term_json_u64("files_removed", result->removed);
    fi_term_json_u64("lines_added", result->lines_added);
    fi_term_json_u64("lines_removed", result->lines_removed);
    fi_mcp_call_write_notices(call);
    return FIRN_OK;
}

static int
mcp_diff_run(struct fi_mcp_call *call)
{
    struct attempt attempt = {.call = call,
                              .options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT,
                              .result = FIRN_WORKSPACE_DIFF_RESULT_INIT};
    FI_TRY_RETURN(fi_mcp_call_open_paths(call));
    attempt.options.before = fi_mcp_arguments_string(call->arguments, "snapshot_id");
    attempt.options.after = fi_mcp_arguments_string(call->arguments, "to_snapshot_id");
    attempt.options.gitignore = call->settings.gitignore;
    attempt.options.without_times = true;
    attempt.options.file_size_max = call->settings.max_file_size;
    attempt.options.paths = call->paths;
    attempt.options.path_count = call->path_count;
    attempt.options.with_lines = true;
    attempt.wants_rows = fi_mcp_arguments_bool(call->arguments, "patch", false);
    attempt.options.callbacks = fi_mcp_call_callbacks(call);
    fi_term_json_array("changes");
    int code = fi_mcp_call_attempt(call, attempt_diff, &attempt);
    if (code == FIRN_OK) {
        code = write_result(call, &attempt);
        firn_release(attempt.result.before);
        firn_release(attempt.result.after);
    } else {
        call->hint = code == FIRN_NOT_FOUND ? list_hint : NULL;
    }
    fi_task_databases_deinit(&attempt.databases);
    return code;
}

static const struct fi_mcp_arguments_param params[] = {
    FI_MCP_TOOL_WORKSPACE_PARAM,
    {"snapshot_id", FI_MCP_ARGUMENTS_STRING, false,
     "The older side, latest if there is none: " FI_MCP_TOOL_REFERENCE},
    {"to_snapshot_id", FI_MCP_ARGUMENTS_STRING, false,
     "The newer side, a checkpoint too; without it the files as they are now"},
    FI_MCP_TOOL_PATHS_PARAM,
    {"patch", FI_MCP_ARGUMENTS_BOOL, false,
     "Also give the changed lines of each text file, as hunks of a unified patch, and the changed "
     "rows of SQLite databases"},
    FI_MCP_TOOL_END_PARAM,
};

const struct fi_mcp_tool fi_mcp_diff_tool = {
    .name = "checkpoint_diff",
    .title = "Show what differs",
    .text = "Show the differences between a checkpoint and the present files, or between two "
            "checkpoints: files, numbers of lines, and with patch the lines themselves. Changes "
            "nothing.",
    .params = params,
    /* clang-format off */
    .output =
        FI_MCP_TOOL_NAME ","
        FI_MCP_TOOL_STRING_OR_NULL("to_snapshot_id") ","
        FI_MCP_TOOL_COUNTS ","
        FI_MCP_TOOL_INTEGER("files_times_only") ","
        FI_MCP_TOOL_INTEGER("lines_added") ","
        FI_MCP_TOOL_INTEGER("lines_removed") ","
        FI_MCP_TOOL_OBJECTS("changes",
            FI_MCP_TOOL_CHANGE ","
            FI_MCP_TOOL_STRING("lines") ","
            FI_MCP_TOOL_INTEGER("lines_added") ","
            FI_MCP_TOOL_INTEGER("lines_removed") ","
            FI_MCP_TOOL_STRING("patch") ","
            FI_MCP_TOOL_BOOL("patch_too_large")) ","
        FI_MCP_TOOL_INTEGER("changes_not_shown") ","
        FI_MCP_TOOL_OBJECTS("databases", FI_MCP_TOOL_STRING("path")) ","
        FI_MCP_TOOL_NOTICES,
    /* clang-format on */
    .required = "[\"snapshot_id\",\"files_added\",\"files_changed\",\"files_removed\",\"changes\"]",
    .is_read_only = true,
    .is_idempotent = true,
    .run = mcp_diff_run,
};

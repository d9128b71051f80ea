/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_call.c: one call of a tool: opening the workspace, waiting, progress, and the parts that
 * results have in common.
 *
 * A call holds a handle of the workspace, which is neither a lock nor an open file. The library
 * takes the store's lock only for each writing call, so an idle server blocks no other process. The
 * library makes no callbacks while it waits for a lock. So the call waits in slices; between these
 * it checks for cancellation and reports that it is waiting.
 *
 * Results are bounded in rows and in bytes of text. Rows that are not shown are counted.
 *
 * Progress is one number that only grows, as the protocol demands: what is done in the phases so
 * far, files and 64 KiB pieces.
 */
#include "mcp/mcp_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "hook/hook.h"
#include "sqlitefile/sqlitefile.h"
#include "task/task.h"
#include "term/term_try.h"

enum { SLICE_MS = 200, TELL_MS = 250, PIECE_SIZE = 65536, FOREIGN_SHOWN_MAX = 8 };

static int64_t
now_ms(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        return 0;
    }
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
fi_mcp_call_init(struct fi_mcp_call *call, const struct fi_mcp_call_host *host,
                 const json_t *arguments)
{
    memset(call, 0, sizeof(*call));
    call->host = host;
    call->arguments = arguments;
    call->wait_ms = host->wait_ms;
    call->told_ms = now_ms();
}

void
fi_mcp_call_deinit(struct fi_mcp_call *call)
{
    firn_workspace_close(call->workspace);
    fi_term_writer_deinit(&call->result);
    fi_term_writer_deinit(&call->notices);
    free(call->paths);
    free(call->path_text);
    memset(call, 0, sizeof(*call));
}

int
fi_mcp_call_fail(struct fi_mcp_call *call, int code, const char *format, ...)
{
    assert(code != FIRN_OK);
    va_list arguments;
    memset(&call->error, 0, sizeof(call->error));
    call->error.code = code;
    va_start(arguments, format);
    (void)vsnprintf(call->error.text, sizeof(call->error.text), format, arguments);
    va_end(arguments);
    return code;
}

static int
out_of_memory(struct fi_mcp_call *call)
{
    return fi_mcp_call_fail(call, FIRN_NO_MEMORY, "%s", firn_code_text(FIRN_NO_MEMORY));
}

/* ---- opening ---- */

/* Below, with all that is told. */
static void on_notice(void *ctx, const firn_notice *notice);
static void write_notice(struct fi_mcp_call *call, const char *kind, firn_slice path,
                         const char *text);

static int
take_setting(void *ctx, const firn_config_setting *setting)
{
    struct fi_mcp_call *call = ctx;
    if (strcmp(setting->key, "wait") == 0 && !call->host->has_wait &&
        setting->source != FIRN_CONFIG_SOURCE_DEFAULT) {
        call->wait_ms = strtoll(setting->value, NULL, 10) * 1000;
    }
    return fi_task_settings_set(&call->settings, setting);
}

static const char own_path[] = "."; /* the directory in which the server was started */

/* Without it that directory. */
static const char *
workspace_path(const struct fi_mcp_call *call)
{
    const char *path = fi_mcp_arguments_string(call->arguments, "workspace_path");
    return path != NULL ? path : own_path;
}

static bool
is_own(const char *path)
{
    struct stat here;
    struct stat there;
    return stat(own_path, &here) == 0 && stat(path, &there) == 0 && here.st_dev == there.st_dev &&
           here.st_ino == there.st_ino;
}

static const char served_hint[] = "the user decides which directories are served: firn mcp --allow "
                                  "DIR adds one; so does the client, by a "
                                  "root";

static int
refuse_not_served(struct fi_mcp_call *call, const char *path)
{
    call->hint = served_hint;
    return fi_mcp_call_fail(call, FIRN_DENIED,
                            "'%.400s' is not in a directory that this server serves", path);
}

/* Before anything is opened, so that a refused path tells nothing of what is there. */
static int
check_path(struct fi_mcp_call *call)
{
    const char *path = workspace_path(call);
    char *real = realpath(path, NULL);
    const int error = errno;
    int code = FIRN_OK;
    if (call->host->serves != NULL &&
        !call->host->serves(call->host->ctx, real != NULL ? real : path)) {
        code = refuse_not_served(call, path);
    } else if (real == NULL) {
        code = fi_mcp_call_fail(call, error == EACCES ? FIRN_DENIED : FIRN_NOT_FOUND,
                                "could not open directory '%.400s': %s", path, strerror(error));
    }
    free(real);
    return code;
}

/* Links may have changed since, so what counts is what the library found: it opens the root that it
 * names here, and follows no link on the way. The root is the directory that the path leads to, or
 * one above it. */
static int
check_opened(struct fi_mcp_call *call)
{
    const char *root = firn_workspace_root(call->workspace);
    const char *below = firn_workspace_subpath(call->workspace);
    if (call->host->serves == NULL) {
        return FIRN_OK;
    }
    size_t size = strlen(root) + strlen(below) + 2;
    char *real = malloc(size);
    if (real == NULL) {
        return out_of_memory(call);
    }
    (void)snprintf(real, size, below[0] != '\0' ? "%s/%s" : "%s%s", root, below);
    int code = call->host->serves(call->host->ctx, real)
                   ? FIRN_OK
                   : refuse_not_served(call, workspace_path(call));
    free(real);
    return code;
}

static int
report_foreign_file(void *ctx, const char *path, bool is_replaced)
{
    struct fi_mcp_call *call = ctx;
    if (call->foreign_count++ < FOREIGN_SHOWN_MAX) {
        write_notice(call, "foreign file", firn_str(path),
                     is_replaced ? "something else has replaced this file of the store"
                                 : "firn did not make this file in the store: it is ignored");
    }
    return FIRN_OK;
}

/* Of a store inside of the tree. */
static void
report_foreign(struct fi_mcp_call *call)
{
    char text[64];
    const char *store = firn_workspace_store_path(call->workspace);
    int code = firn_trust_foreign_files(store, report_foreign_file, call, NULL);
    (void)code; /* the call says why, if it needs them */
    if (call->foreign_count > FOREIGN_SHOWN_MAX) {
        (void)snprintf(text, sizeof(text), "and %llu more files of the store like these",
                       (unsigned long long)(call->foreign_count - FOREIGN_SHOWN_MAX));
        write_notice(call, "foreign file", firn_str(""), text);
    }
}

int
fi_mcp_call_open(struct fi_mcp_call *call)
{
    assert(call->workspace == NULL);
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    FI_TRY_RETURN(check_path(call));
    options.store_path = call->host->store_path;
    options.lock_timeout_ms = call->wait_ms < SLICE_MS ? call->wait_ms : SLICE_MS;
    options.copy_sqlite = fi_sqlitefile_copy;
    /* The user has named the server's own directory, and the model, which names others, is not the
     * user. */
    bool is_own_path = is_own(workspace_path(call));
    options.names_root = call->host->names_root && is_own_path;
    int code = firn_workspace_open(is_own_path ? own_path : workspace_path(call), &options,
                                   &call->workspace, &call->error);
    if (code == FIRN_UNTRUSTED) {
        call->hint =
            "nothing was done; if the user made this store, they can run firn trust in that "
            "directory";
    }
    if (code == FIRN_OK) {
        fi_sqlitefile_hide_for(firn_workspace_store_path(call->workspace));
        code = check_opened(call);
    }
    if (code == FIRN_OK) {
        code =
            firn_config_list_readable(call->workspace, take_setting, on_notice, call, &call->error);
    }
    if (code == FIRN_OK) {
        report_foreign(call);
        call->hooks = fi_hook_agent_inspect(firn_workspace_root(call->workspace));
    }
    return code;
}

/* Appends the components of `path` to the first *size bytes of out; false if it is absolute, or has
 * a "..". */
static bool
append_path(const char *path, char *out, size_t *size)
{
    if (path[0] == '/' || path[0] == '\0') {
        return false;
    }
    while (*path != '\0') {
        size_t part = strcspn(path, "/");
        if (part == 2 && memcmp(path, "..", 2) == 0) {
            return false;
        }
        if (part > 0 && !(part == 1 && path[0] == '.')) {
            if (*size > 0) {
                out[(*size)++] = '/';
            }
            memcpy(out + *size, path, part);
            *size += part;
        }
        path += part + (path[part] == '/');
    }
    return true;
}

static int
make_paths(struct fi_mcp_call *call, size_t count, size_t text_size)
{
    assert(count > 0 && text_size > 0);
    call->paths = calloc(count, sizeof(firn_slice));
    call->path_text = malloc(text_size);
    return call->paths == NULL || call->path_text == NULL ? out_of_memory(call) : FIRN_OK;
}

static int
take_paths(struct fi_mcp_call *call)
{
    assert(call->workspace != NULL && call->paths == NULL);
    const firn_slice base = firn_str(firn_workspace_subpath(call->workspace));
    const json_t *given = json_object_get(call->arguments, "paths");
    const json_t *one = json_object_get(call->arguments, "path");
    size_t count = one != NULL ? 1 : json_array_size(given);
    size_t text_size = base.size + 1;
    assert(one == NULL || given == NULL); /* no tool has both */
    if (count == 0) {
        return FIRN_OK;
    }
    for (size_t i = 0; i < count; i++) {
        text_size += base.size + 1;
        text_size += json_string_length(one != NULL ? one : json_array_get(given, i));
    }
    int code = make_paths(call, count, text_size);
    char *at = call->path_text;
    bool is_all = false;
    for (size_t i = 0; code == FIRN_OK && i < count; i++) {
        const char *path = json_string_value(one != NULL ? one : json_array_get(given, i));
        size_t size = base.size;
        memcpy(at, base.data, base.size);
        if (!append_path(path, at, &size)) {
            return fi_mcp_call_fail(call, FIRN_INVALID,
                                    "'%s' is not a path below %s: it must be relative, without ..",
                                    path, workspace_path(call));
        }
        call->paths[i] = firn_bytes(at, size);
        is_all = is_all || size == 0;
        at += size;
    }
    call->path_count = is_all ? 0 : count;
    return code;
}

int
fi_mcp_call_open_paths(struct fi_mcp_call *call)
{
    FI_TRY_RETURN(fi_mcp_call_open(call));
    return take_paths(call);
}

/* ---- waiting and progress ---- */

static void
mcp_call_report(struct fi_mcp_call *call, const char *text)
{
    assert(text != NULL);
    call->told_ms = now_ms();
    call->host->on_progress(call->host->ctx, call->phases_done + call->phase_done, text);
}

void
fi_mcp_call_collect(struct fi_mcp_call *call)
{
    assert(call->workspace != NULL);
    if (call->host->collect != NULL) {
        call->host->collect(call->workspace);
    }
}

/* Resets a writer to an earlier state; it keeps its memory. */
static void
mcp_call_undo(struct fi_term_writer *writer, const struct fi_term_writer *before)
{
    assert(before->size <= writer->size && before->depth <= writer->depth);
    writer->size = before->size;
    writer->depth = before->depth;
    memcpy(writer->has_value, before->has_value, sizeof(writer->has_value));
}

int
fi_mcp_call_attempt(struct fi_mcp_call *call, int (*attempt)(void *ctx, firn_error *err), void *ctx)
{
    int64_t begun_ms = now_ms();
    const struct fi_mcp_call begun = *call;
    for (;;) {
        memset(&call->error, 0, sizeof(call->error));
        /* The next attempt writes the notices and the rows of the one before again. */
        mcp_call_undo(&call->notices, &begun.notices);
        call->notice_count = begun.notice_count;
        call->notices_not_shown = begun.notices_not_shown;
        mcp_call_undo(&call->result, &begun.result);
        call->rows = begun.rows;
        call->rows_not_shown = begun.rows_not_shown;
        int code = attempt(ctx, &call->error);
        int64_t waited_ms = now_ms() - begun_ms;
        if (code != FIRN_BUSY || waited_ms >= call->wait_ms) {
            return code;
        }
        if (call->host->is_cancelled(call->host->ctx)) {
            return fi_mcp_call_fail(call, FIRN_CANCELLED, "%s", firn_code_text(FIRN_CANCELLED));
        }
        if (now_ms() - call->told_ms >= TELL_MS) {
            call->phases_done++;
            mcp_call_report(call, "waiting for another writer");
        }
    }
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    struct fi_mcp_call *call = ctx;
    char text[160];
    uint64_t done = progress->files_done + progress->bytes_done / PIECE_SIZE;
    if (call->host->is_cancelled(call->host->ctx)) {
        return FIRN_CANCELLED;
    }
    if (call->phase == NULL || strcmp(call->phase, progress->phase) != 0 ||
        done < call->phase_done) {
        call->phases_done += call->phase_done;
        call->phase_done = 0;
        call->phase = progress->phase;
    }
    call->phase_done = done;
    if (now_ms() - call->told_ms >= TELL_MS) {
        char total[40] = "";
        if (progress->files_total > 0) {
            (void)snprintf(total, sizeof(total), " of %llu",
                           (unsigned long long)progress->files_total);
        }
        (void)snprintf(text, sizeof(text), "%s: %llu%s files, %llu bytes", progress->phase,
                       (unsigned long long)progress->files_done, total,
                       (unsigned long long)progress->bytes_done);
        mcp_call_report(call, text);
    }
    return FIRN_OK;
}

static void
write_notice(struct fi_mcp_call *call, const char *kind, firn_slice path, const char *text)
{
    assert(call->notice_count <= FI_MCP_CALL_ROWS_MAX);
    enum { NOTICES_SIZE_MAX = 256 * 1024 };
    if (call->notice_count == FI_MCP_CALL_ROWS_MAX || call->notices.size > NOTICES_SIZE_MAX) {
        call->notices_not_shown++;
        return;
    }
    call->notice_count++;
    fi_show_notice_write(&call->notices, &(const struct fi_show_notice){kind, path, text, NULL});
}

static void
on_notice(void *ctx, const firn_notice *notice)
{
    write_notice(ctx, firn_notice_kind_name(notice->kind), notice->path, notice->text);
}

void
fi_mcp_call_report_hooks(struct fi_mcp_call *call)
{
    assert(call->workspace != NULL);
    char text[FI_HOOK_AGENT_TEXT_SIZE];
    const char *path;
    if (call->hooks == 0) {
        return;
    }
    unsigned lost = call->hooks & ~fi_hook_agent_inspect(firn_workspace_root(call->workspace));
    while (fi_hook_agent_next_lost(&lost, &path, text)) {
        write_notice(call, "hooks", firn_str(path), text);
    }
}

firn_callbacks
fi_mcp_call_callbacks(struct fi_mcp_call *call)
{
    firn_callbacks callbacks = {on_notice, on_progress, call};
    return callbacks;
}

/* ---- what results have in common ---- */

bool
fi_mcp_call_has_room(struct fi_mcp_call *call)
{
    assert(call->rows <= FI_MCP_CALL_ROWS_MAX);
    if (call->rows == FI_MCP_CALL_ROWS_MAX || call->result.size > FI_MCP_CALL_RESULT_SIZE_MAX) {
        call->rows_not_shown++;
        return false;
    }
    call->rows++;
    return true;
}

void
fi_mcp_call_write_not_shown(struct fi_mcp_call *call, const char *key)
{
    if (call->rows_not_shown > 0) {
        fi_term_json_u64(key, call->rows_not_shown);
    }
}

void
fi_mcp_call_write_notices(struct fi_mcp_call *call)
{
    call->result.has_failed = call->result.has_failed || call->notices.has_failed;
    fi_term_json_array("notices");
    fi_term_writer_raw(&call->result, NULL, fi_term_writer_slice(&call->notices));
    fi_term_json_end();
    if (call->notices_not_shown > 0) {
        fi_term_json_u64("notices_not_shown", call->notices_not_shown);
    }
}

void
fi_mcp_call_write_name(const firn_workspace_checkpoint *checkpoint)
{
    assert(checkpoint != NULL);
    fi_term_json_string("snapshot_id", checkpoint->id);
    fi_term_json_u64_if("number", checkpoint->number, checkpoint->number != 0);
}

void
fi_mcp_call_write_checkpoint(const firn_workspace_checkpoint *checkpoint)
{
    assert(checkpoint != NULL);
    fi_term_json_time("created_at", checkpoint->created_ns);
    fi_term_json_object("stats");
    fi_term_json_u64("total_files", checkpoint->files);
    fi_term_json_u64("total_bytes", checkpoint->bytes);
    fi_term_json_u64("new_objects", checkpoint->new_objects);
    fi_term_json_end();
    fi_show_checkpoint_json_fields(checkpoint);
}

void
fi_mcp_call_hint_pending(struct fi_mcp_call *call)
{
    assert(call->workspace != NULL);
    firn_workspace_pending_restore pending = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    if (firn_workspace_pending(call->workspace, &pending, NULL) == FIRN_OK && pending.is_pending &&
        pending.has_begun && !pending.is_foreign) {
        call->hint = pending.is_undo
                         ? "files were changed already: checkpoint_redo takes that back"
                         : "files were changed already: checkpoint_undo takes that back";
    }
}

void
fi_mcp_call_begin_change(const firn_workspace_change *change)
{
    assert(change->before != NULL || change->after != NULL);
    const firn_workspace_entry *entry = change->after != NULL ? change->after : change->before;
    fi_term_json_object(NULL);
    fi_show_change_json_path(change);
    fi_term_json_bool("directory", entry->type == FIRN_ENTRY_DIRECTORY);
}

int
fi_mcp_call_visit_change(void *ctx, const firn_workspace_change *change)
{
    struct fi_mcp_call *call = ctx;
    if (fi_mcp_call_has_room(call)) {
        fi_mcp_call_begin_change(change);
        fi_term_json_end();
    }
    return FIRN_OK;
}

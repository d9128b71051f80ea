/* SPDX-License-Identifier: Apache-2.0
 *
 * browse/browse_restore.c: restoring, undo and redo: first what would change, then, after a yes,
 * the same call in earnest.
 *
 * The preview is the library's dry run, so it is what the command line shows with -n. What changes
 * on the disk between the two is not lost: the safety checkpoint is taken by the call itself. A
 * restore gets the marked files of the checkpoint, of a renamed one both paths; without marks
 * everything, or what the command line named.
 *
 * Other writers are waited for as long as --wait says. While the library works, a line tells how
 * far it is; a signal cancels what can be cancelled, as everywhere in the program.
 */
#include "browse/browse_internal.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "show/show.h"

enum {
    PREVIEW_BYTES_MAX = 1 << 20,
    LINE_BYTES = 4096,
    NOTES_MAX = 200,
    PROGRESS_MS = 200,
    AFTER_MS = 300
};

/* One call, and what it tells. The callbacks of a restore have one ctx. */
struct call {
    struct fi_browse *browse;
    char id[FIRN_CHECKPOINT_ID_SIZE]; /* of what is restored */
    firn_slice *paths;                /* on the heap */
    firn_workspace_restore_options options;
    firn_workspace_restore_result result;
    struct fi_show_steps steps;
    struct fi_term_writer notes; /* a line for each notice that matters */
    size_t note_count;
    int64_t drawn_ms;
    unsigned attempts;
    bool is_printing; /* changes */
    bool is_void;     /* what is marked is neither in the checkpoint nor on the disk */
};

/* ---- what the library tells ---- */

static struct fi_term_writer *escaping; /* callbacks come one at a time */

static void
browse_restore_put(const void *data, size_t size)
{
    fi_term_writer_put(escaping, data, size);
}

static void
put_escaped(struct call *call, firn_slice text)
{
    escaping = &call->notes;
    fi_term_text_escape(text, browse_restore_put);
}

static void
put_text(struct call *call, const char *text)
{
    fi_term_writer_put(&call->notes, text, strlen(text));
}

static void
on_notice(void *ctx, const firn_notice *notice)
{
    struct call *call = ctx;
    bool is_told = notice->kind != FIRN_NOTICE_EXCLUDED && notice->kind != FIRN_NOTICE_GROWING &&
                   notice->kind != FIRN_NOTICE_SPECIAL;
    if (!is_told || call->note_count >= NOTES_MAX) {
        return;
    }
    call->note_count++;
    put_text(call, firn_notice_kind_name(notice->kind));
    put_text(call, ": ");
    put_escaped(call, notice->path);
    put_text(call, notice->path.size > 0 ? ": " : "");
    put_escaped(call, firn_str(notice->text));
    put_text(call, "\n");
}

/* The calls come one at a time, and the thread that draws otherwise waits for the library. */
static int
on_progress(void *ctx, const firn_progress *progress)
{
    struct call *call = ctx;
    struct fi_browse *browse = call->browse;
    char text[160];
    int64_t now = fi_browse_session_now_ms();
    if (now - call->drawn_ms >= PROGRESS_MS) {
        call->drawn_ms = now;
        fi_term_text_progress(progress, text, sizeof(text));
        fi_browse_model_say(&browse->model, "%s: %s", progress->phase, text);
        fi_browse_session_redraw(browse);
    }
    return fi_term_signals_caught() != 0 ? FIRN_CANCELLED : FIRN_OK;
}

static int
on_change(void *ctx, const firn_workspace_change *change)
{
    struct call *call = ctx;
    if (call->is_printing) {
        fi_show_change_print(change);
    }
    return FIRN_OK;
}

static int
on_step(void *ctx, const firn_workspace_step *step)
{
    return fi_show_step_add(&((struct call *)ctx)->steps, step);
}

/* ---- the call ---- */

static bool
is_on_disk(const struct call *call, firn_slice path)
{
    char absolute[PATH_MAX];
    struct stat status;
    int size = snprintf(absolute, sizeof(absolute), "%s/%.*s",
                        firn_workspace_root(call->browse->workspace), (int)path.size,
                        (const char *)path.data);
    return size < 0 || (size_t)size >= sizeof(absolute) || lstat(absolute, &status) == 0;
}

/* A path that the checkpoint does not have is only given if there is something to remove: the
 * library takes one that neither side has for a mistake. */
static void
take_path(struct call *call, firn_slice path, bool is_in_checkpoint)
{
    if (is_in_checkpoint || is_on_disk(call, path)) {
        call->paths[call->options.path_count++] = path;
    }
}

/* The paths of what is marked. Returns false when memory is out. */
static bool
take_marked(struct call *call)
{
    const struct fi_browse_model *model = &call->browse->model;
    call->options.paths = call->browse->request->paths;
    call->options.path_count = call->browse->request->path_count;
    if (model->marked == 0) {
        return true;
    }
    call->paths = calloc(2 * model->marked, sizeof(*call->paths));
    if (call->paths == NULL) {
        return false;
    }
    call->options.paths = call->paths;
    call->options.path_count = 0;
    for (size_t i = 0; i < model->changes_list.count; i++) {
        const struct fi_browse_change *change = &model->changes[i];
        if (!change->is_marked) {
            continue;
        }
        take_path(call, firn_bytes(change->path, change->path_size), !change->is_removed);
        if (change->old_path != NULL) {
            take_path(call, firn_bytes(change->old_path, change->old_path_size),
                      fi_browse_model_is_unsaved(model));
        }
    }
    assert(call->options.path_count <= 2 * model->marked);
    call->is_void = call->options.path_count == 0;
    return true;
}

static bool
browse_restore_init(struct call *call, struct fi_browse *browse, bool is_dry)
{
    *call = (struct call){.browse = browse,
                          .options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT,
                          .result = FIRN_WORKSPACE_RESTORE_RESULT_INIT};
    call->options.dry_run = is_dry;
    call->options.gitignore = browse->cli->settings.gitignore;
    call->options.file_size_max = browse->cli->settings.max_file_size;
    call->options.callbacks = (firn_callbacks){on_notice, on_progress, call};
    call->options.on_change = on_change;
    call->options.on_step = on_step;
    call->drawn_ms =
        fi_browse_session_now_ms() + AFTER_MS - PROGRESS_MS; /* short work shows no progress */
    if (browse->action != FI_BROWSE_RESTORE) {
        call->options.turn = browse->action == FI_BROWSE_UNDO ? browse->undo_number : 0;
        call->options.last_turn = call->options.turn != 0;
        return true;
    }
    memcpy(call->id,
           fi_browse_model_is_unsaved(&browse->model) ? browse->state
                                                      : fi_browse_model_row(&browse->model)->id,
           sizeof(call->id));
    return take_marked(call);
}

static void
browse_restore_deinit(struct call *call)
{
    free(call->paths);
    fi_term_writer_deinit(&call->notes);
    fi_show_step_clear(&call->steps);
    firn_release(call->result.checkpoint);
}

/* Forgets what an attempt that failed told. */
static void
begin_attempt(struct call *call)
{
    if (call->attempts++ == 1) {
        fi_browse_model_say(&call->browse->model, "waiting for another writer...");
        fi_browse_session_redraw(call->browse);
    }
    if (call->is_printing) {
        fi_term_writer_clear(&call->browse->printed);
    }
    fi_term_writer_clear(&call->notes);
    call->note_count = 0;
    fi_show_step_clear(&call->steps);
}

static int
browse_restore_attempt(struct call *call, firn_error *err)
{
    firn_workspace *workspace = call->browse->workspace;
    begin_attempt(call);
    switch (call->browse->action) {
    case FI_BROWSE_UNDO:
        return firn_workspace_undo(workspace, &call->options, &call->result, err);
    case FI_BROWSE_REDO:
        return firn_workspace_redo(workspace, &call->options, &call->result, err);
    case FI_BROWSE_RESTORE:
        break;
    }
    return firn_workspace_restore(workspace, call->id, &call->options, &call->result, err);
}

/* The handle waits for a part of that time (fi_task_patience_slice_ms), so that a signal is
 * noticed. */
static int
browse_restore_run(struct call *call, firn_error *err)
{
    const int64_t began = fi_browse_session_now_ms();
    int code;
    do {
        code = browse_restore_attempt(call, err);
    } while (code == FIRN_BUSY && fi_browse_session_now_ms() - began < call->browse->cli->wait_ms &&
             fi_term_signals_caught() == 0);
    return code;
}

/* ---- what it says ---- */

static void
print_counts(const struct call *call)
{
    const firn_workspace_restore_result *result = &call->result;
    const struct fi_show_counts counts = {result->added, result->changed, result->removed, 0};
    fi_show_change_counts_print(&counts);
}

/* "the save of 12 (before) and 2 other steps, back at 11" */
static void
print_steps(const struct call *call, const char *where)
{
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    fi_show_step_print_name(&call->steps);
    if (!fi_show_step_is_of_facts(&call->steps)) {
        fi_term_out_format(", %s %s", where,
                           fi_show_checkpoint_name(call->result.checkpoint, name));
    }
}

static void
print_what(const struct call *call, const char *restore, const char *undo, const char *redo)
{
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    const size_t marked = call->browse->model.marked;
    switch (call->browse->action) {
    case FI_BROWSE_UNDO:
        fi_term_out_text(undo);
        print_steps(call, "back at");
        break;
    case FI_BROWSE_REDO:
        fi_term_out_text(redo);
        print_steps(call, "now at");
        break;
    case FI_BROWSE_RESTORE:
        fi_term_out_text(restore);
        if (marked > 0) {
            fi_term_out_format("%zu marked %s of ", marked,
                               fi_term_text_plural(marked, "file", "files"));
        } else if (call->options.path_count > 0) {
            fi_term_out_text("the named paths of ");
        }
        fi_term_out_text(fi_show_checkpoint_name(call->result.checkpoint, name));
        break;
    }
}

static bool
changes_nothing(const struct call *call)
{
    return call->result.added + call->result.changed + call->result.removed == 0 &&
           !fi_show_step_is_of_facts(&call->steps);
}

static void
print_notes(const struct call *call)
{
    firn_slice notes = fi_term_writer_slice(&call->notes);
    fi_term_out_write(notes.data, notes.size);
    if (call->note_count >= NOTES_MAX) {
        fi_term_out_text("and more\n");
    }
}

/* ---- the preview ---- */

/* "1 changed, 2 added, 0 removed": what comes before the changes. */
static void
print_summary(const struct call *call)
{
    if (call->browse->action != FI_BROWSE_RESTORE) {
        print_steps(call, call->browse->action == FI_BROWSE_UNDO ? "back at" : "now at");
        fi_term_out_text(fi_show_step_is_of_facts(&call->steps) ? "" : ": ");
    }
    if (!fi_show_step_is_of_facts(&call->steps)) {
        print_counts(call);
    }
    fi_term_out_text("\n\n");
}

/* After all changes were printed. */
static bool
show_preview(struct call *call)
{
    struct fi_browse *browse = call->browse;
    struct fi_browse_model *model = &browse->model;
    static const char *const questions[] = {
        [FI_BROWSE_UNDO] = "undo? (y/n)", [FI_BROWSE_REDO] = "redo? (y/n)"};
    firn_slice printed;
    print_notes(call);
    bool is_whole = fi_browse_session_end(browse, &printed);
    bool is_nothing = changes_nothing(call) && printed.size == 0;
    struct fi_term_writer changes = browse->printed;
    browse->printed = (struct fi_term_writer){.put = NULL};
    fi_browse_session_begin_large(browse, PREVIEW_BYTES_MAX + LINE_BYTES);
    if (!is_nothing) {
        print_summary(call);
    }
    fi_term_out_write(printed.data, printed.size);
    is_whole = fi_browse_session_end(browse, &printed) && is_whole &&
               fi_browse_text_set(&model->page, printed);
    fi_term_writer_deinit(&changes);
    fi_browse_session_begin(browse);
    if (is_nothing || browse->action == FI_BROWSE_RESTORE) {
        print_what(call, "restore ", "undo ", "redo ");
        fi_term_out_text(is_nothing ? ": nothing had to change" : "? (y/n)");
    } else {
        fi_term_out_text(questions[browse->action]);
    }
    char *line = is_nothing ? model->status : model->page_title;
    is_whole = fi_browse_session_end_line(browse, line, FI_BROWSE_SHORT_SIZE) && is_whole;
    if (is_whole && !is_nothing) {
        fi_browse_model_show_page(model, FI_BROWSE_CONFIRM);
    }
    return is_whole;
}

/* Says why there is no preview. */
static void
fail_preview(struct fi_browse *browse, const firn_error *err)
{
    firn_error ignored;
    if (err->code == FIRN_NOT_FOUND && browse->action == FI_BROWSE_RESTORE) {
        (void)fi_browse_read_history(browse, &ignored); /* it was deleted */
    }
    fi_browse_session_fail(browse, err, NULL);
}

void
fi_browse_restore_preview(struct fi_browse *browse, enum fi_browse_action action)
{
    struct call call;
    firn_error err;
    browse->action = action;
    bool has_memory = browse_restore_init(&call, browse, true);
    if (call.is_void) {
        fi_browse_model_say(&browse->model, "what is marked is not on the disk, as it should be");
    } else if (has_memory) {
        firn_slice printed;
        fi_browse_session_begin_large(browse, PREVIEW_BYTES_MAX);
        call.is_printing = true;
        int code = browse_restore_run(&call, &err);
        browse->model.status[0] = '\0';
        if (code == FIRN_OK) {
            has_memory = show_preview(&call);
        } else {
            (void)fi_browse_session_end(browse, &printed);
            fail_preview(browse, &err);
        }
    }
    if (!has_memory) {
        fi_browse_model_say(&browse->model, "out of memory");
    }
    browse_restore_deinit(&call);
}

/* ---- in earnest ---- */

static bool
browse_restore_report(struct call *call)
{
    struct fi_browse *browse = call->browse;
    struct fi_browse_model *model = &browse->model;
    firn_slice printed;
    fi_browse_session_begin(browse);
    print_what(call, "restored ", "undid ", "redid ");
    if (changes_nothing(call)) {
        fi_term_out_text(": no file had to change");
    } else if (!fi_show_step_is_of_facts(&call->steps)) {
        fi_term_out_text(": ");
        print_counts(call);
    }
    bool is_whole = fi_browse_session_end_line(browse, browse->told, sizeof(browse->told));
    (void)snprintf(model->status, sizeof(model->status), "%.300s; %s", browse->told,
                   browse->action == FI_BROWSE_UNDO ? "U redoes it" : "u takes this back");
    if (call->note_count == 0) {
        return is_whole;
    }
    fi_browse_session_begin_large(browse, PREVIEW_BYTES_MAX);
    print_notes(call);
    is_whole = fi_browse_session_end(browse, &printed) && fi_browse_text_set(&model->page, printed);
    (void)snprintf(model->page_title, sizeof(model->page_title), "%s", browse->told);
    fi_browse_model_show_page(model, FI_BROWSE_PAGE);
    return is_whole;
}

void
fi_browse_restore_perform(struct fi_browse *browse)
{
    struct call call;
    firn_error err;
    bool has_memory = browse_restore_init(&call, browse, false);
    if (has_memory && !call.is_void) {
        int code = browse_restore_run(&call, &err);
        browse->model.status[0] = '\0';
        if (code == FIRN_OK) {
            has_memory = browse_restore_report(&call);
            browse->is_done = true;
        } else {
            const char *hint = fi_task_pending_hint(browse->workspace);
            fi_browse_session_fail(
                browse, &err, hint != NULL ? hint : fi_task_full_hint(browse->workspace, &err));
        }
        if (browse->model.is_of_disk) {
            fi_browse_model_drop_changes(&browse->model);
        }
    }
    if (!has_memory) {
        fi_browse_model_say(&browse->model, "out of memory");
    }
    browse_restore_deinit(&call);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * browse/browse.c: a history, or one checkpoint, on a terminal.
 *
 * One loop: draw; read what is missing, a piece at a time, as long as no key waits; then wait for a
 * key. The first picture, with the newest checkpoints, is there before anything is compared. Twice
 * a second or so the loop looks whether another process has saved something, and less often whether
 * something has changed on the disk: that takes a while in a large tree, and a key that comes
 * meanwhile waits until it is given up, so it begins when no key was pressed for a moment.
 *
 * Nothing else writes to the terminal between fi_browse_screen_open and its end: texts that the
 * program prints elsewhere are composed in memory, notices become lines of a page, and no progress
 * line is started.
 *
 * Out of memory is said in the last row, and what was shown stays; the terminal is given back in
 * any case.
 */
#include "browse/browse_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 700, LOOK_AFTER_MS = 150 };

/* ---- the screen ---- */

/* The size of the terminal is that of the cells; without memory it stays what it was. */
static void
fit(struct fi_browse *browse)
{
    size_t rows;
    size_t columns;
    fi_browse_screen_size(&rows, &columns);
    if (fi_browse_cells_resize(&browse->cells, rows, columns)) {
        fi_browse_model_resize(&browse->model, browse->cells.rows, browse->cells.columns);
    } else {
        fi_browse_model_say(&browse->model, "out of memory");
    }
}

static void
show_help(struct fi_browse *browse)
{
    struct fi_browse_model *model = &browse->model;
    (void)snprintf(model->page_title, sizeof(model->page_title), "Keys");
    if (fi_browse_text_set(&model->page, firn_str(fi_browse_draw_help))) {
        fi_browse_model_show_page(model, FI_BROWSE_PAGE);
    } else {
        fi_browse_model_say(model, "out of memory");
    }
}

/* ---- reading ---- */

static void
browse_refresh(struct fi_browse *browse)
{
    firn_error err;
    browse->has_labels = false;
    if (fi_browse_read_history(browse, &err) != FIRN_OK) {
        fi_browse_session_fail(browse, &err, NULL);
    }
}

/* Older checkpoints: so many, or 0: a piece. */
static void
read_older(struct fi_browse *browse, uint64_t count)
{
    firn_error err;
    int code = fi_browse_read_older(browse, count, &err);
    if (code == FIRN_NOT_FOUND) {
        browse_refresh(browse); /* the last one that was read has been deleted */
    } else if (code != FIRN_OK) {
        fi_browse_session_fail(browse, &err, NULL);
    }
}

static bool
lacks_inspect(const struct fi_browse *browse)
{
    const struct fi_browse_model *model = &browse->model;
    return !browse->has_looked && !model->is_single && browse->request->remote == NULL &&
           fi_browse_model_row(model) != NULL;
}

/* A failure is not reported: the row is just missing. */
static bool
read_unsaved(struct fi_browse *browse)
{
    firn_error err;
    return fi_browse_read_unsaved(browse, &err) != FIRN_CANCELLED;
}

/* Reads one of the things that are missing. Returns whether anything was read. */
static bool
read_missing(struct fi_browse *browse)
{
    struct fi_browse_model *model = &browse->model;
    firn_error err;
    int code;
    if (fi_browse_model_is_unsaved(model) && lacks_inspect(browse)) {
        return read_unsaved(browse);
    }
    if (fi_browse_model_row(model) != NULL && !model->has_changes) {
        code = fi_browse_read_changes(browse, &err);
        if (code == FIRN_NOT_FOUND && !model->is_single) {
            fi_browse_model_say(model, "it was deleted meanwhile");
            browse_refresh(browse);
        } else if (code == FIRN_NO_MEMORY) {
            fi_browse_model_say(model, "out of memory");
        }
        return code != FIRN_CANCELLED;
    }
    if (fi_browse_model_change(model) != NULL && !model->has_patch &&
        model->layout.patch.rows > 0) {
        code = fi_browse_read_patch(browse, &err);
        if (code == FIRN_NO_MEMORY) {
            fi_browse_model_say(model, "out of memory");
        }
        return code != FIRN_CANCELLED;
    }
    if (fi_browse_model_is_near_end(model)) {
        read_older(browse, 0);
        return true;
    }
    if (!browse->has_labels) {
        if (fi_browse_read_labels(browse, &err) != FIRN_OK) {
            fi_browse_session_fail(browse, &err, NULL);
        }
        return true;
    }
    return false;
}

/* ---- keys ---- */

/* What is typed ahead means what would have been seen: the files, and the lines, of the
 * checkpoint. */
static void
catch_up(struct fi_browse *browse)
{
    const struct fi_browse_model *model = &browse->model;
    browse->is_patient = true;
    for (int i = 0; i < 3 && model->mode == FI_BROWSE_LOOK; i++) {
        bool lacks_changes = model->focus != FI_BROWSE_HISTORY && !model->has_changes;
        bool lacks_patch = model->focus == FI_BROWSE_PATCH && !model->has_patch;
        if (lacks_changes || lacks_patch) {
            (void)read_missing(browse);
        }
    }
    browse->is_patient = false;
}

/* Restores what is chosen or, where the history is there to undo, undoes it and all that came after
 * it. */
static void
preview_chosen(struct fi_browse *browse)
{
    const struct fi_browse_model *model = &browse->model;
    const struct fi_browse_row *row = fi_browse_model_row(model);
    if (!model->undoes || model->focus != FI_BROWSE_HISTORY || model->marked > 0 || row == NULL) {
        fi_browse_restore_preview(browse, FI_BROWSE_RESTORE);
        return;
    }
    browse->undo_number = row->number;
    fi_browse_restore_preview(browse, FI_BROWSE_UNDO);
}

/* Returns false when the program is to end. */
static bool
obey(struct fi_browse *browse, uint32_t key)
{
    struct fi_browse_model *model = &browse->model;
    catch_up(browse);
    enum fi_browse_want want = fi_browse_model_press(model, key);
    if (want == FI_BROWSE_WANT_ALL) {
        read_older(browse, UINT64_MAX);
        model->has_older = false;
        want = model->mode == FI_BROWSE_PAGE ? FI_BROWSE_WANT_NOTHING
                                             : fi_browse_model_press(model, key);
    }
    switch (want) {
    case FI_BROWSE_WANT_QUIT:
        return false;
    case FI_BROWSE_WANT_REFRESH:
        fi_browse_screen_spoil();
        browse_refresh(browse);
        break;
    case FI_BROWSE_WANT_RESTORE:
        preview_chosen(browse);
        break;
    case FI_BROWSE_WANT_UNDO:
        browse->undo_number = 0;
        fi_browse_restore_preview(browse, FI_BROWSE_UNDO);
        break;
    case FI_BROWSE_WANT_REDO:
        fi_browse_restore_preview(browse, FI_BROWSE_REDO);
        break;
    case FI_BROWSE_WANT_PERFORM:
        fi_browse_restore_perform(browse);
        if (!model->is_single) {
            browse_refresh(browse);
        }
        break;
    case FI_BROWSE_WANT_DETAILS:
        fi_browse_read_details(browse);
        break;
    case FI_BROWSE_WANT_HELP:
        show_help(browse);
        break;
    case FI_BROWSE_WANT_ALL:
    case FI_BROWSE_WANT_NOTHING:
        break;
    }
    return true;
}

/* Returns false when the program is to end. */
static bool
take_event(struct fi_browse *browse)
{
    uint32_t key = FI_BROWSE_KEY_NONE;
    const bool is_to_look = browse->model.mode == FI_BROWSE_LOOK && lacks_inspect(browse);
    switch (fi_browse_screen_wait(is_to_look ? LOOK_AFTER_MS : WAIT_MS, &key)) {
    case FI_BROWSE_EVENT_KEY:
        return obey(browse, key);
    case FI_BROWSE_EVENT_RESIZED:
        fit(browse);
        return true;
    case FI_BROWSE_EVENT_STOP:
        return false;
    case FI_BROWSE_EVENT_NONE:
        break;
    }
    if (browse->model.mode != FI_BROWSE_LOOK) {
        return true;
    }
    if (fi_browse_read_is_news(browse)) {
        browse_refresh(browse);
    } else if (browse->has_looked && fi_browse_session_now_ms() >= browse->look_again_ms) {
        browse->has_looked = false;
    }
    if (lacks_inspect(browse)) {
        (void)read_unsaved(browse);
    }
    return true;
}

static void
browse_loop(struct fi_browse *browse)
{
    bool goes_on = true;
    fit(browse);
    while (goes_on && fi_term_signals_caught() == 0) {
        fi_browse_session_redraw(browse);
        bool has_read = browse->model.mode == FI_BROWSE_LOOK && !fi_browse_screen_has_event() &&
                        read_missing(browse);
        goes_on = has_read || take_event(browse);
        goes_on =
            goes_on && !(browse->is_done && (browse->model.is_single || browse->model.undoes) &&
                         browse->model.mode == FI_BROWSE_LOOK);
    }
}

/* ---- the whole ---- */

/* Reads the first checkpoints, before the terminal is taken: what fails then is an error as of any
 * command. */
static int
browse_begin(struct fi_browse *browse)
{
    firn_error err;
    int code = fi_browse_read_history(browse, &err);
    if (code != FIRN_OK) {
        const char *reference =
            browse->request->reference != NULL ? browse->request->reference : "latest";
        return fi_command_report_failure(
            browse->cli, &err, fi_task_workspace_hint(browse->workspace, reference, code));
    }
    if (browse->model.history_list.count == 0) {
        fi_term_out_text("no checkpoints\n");
        fi_task_workspace_report_unread(browse->workspace);
    }
    return FI_EXIT_OK;
}

static int
browse_run(struct fi_browse *browse)
{
    static const char *const instead[] = {
        "firn log shows the history as text", "firn restore REF -n shows what would change as text",
        ("firn undo --list shows the steps as text, and firn undo "
         "--turn TURN goes back to before a turn")};
    firn_slice root;
    int exit_code = browse_begin(browse);
    if (exit_code != FI_EXIT_OK || browse->model.history_list.count == 0) {
        return exit_code;
    }
    fi_browse_session_begin(browse);
    const char *remote = browse->request->remote;
    fi_term_text_escape(firn_str(remote != NULL ? remote : firn_workspace_root(browse->workspace)),
                        fi_term_out_write);
    char *shown =
        fi_browse_session_end(browse, &root) ? strndup((const char *)root.data, root.size) : NULL;
    if (shown == NULL) {
        return fi_command_report_no_memory(browse->cli);
    }
    browse->model.root = shown;
    (void)fi_term_colour_choose("never"); /* the screen has its own, see browse_screen.c */
    exit_code = fi_browse_screen_open(browse->cli, instead[browse->model.undoes      ? 2
                                                           : browse->model.is_single ? 1
                                                                                     : 0]);
    if (exit_code == FI_EXIT_OK) {
        browse_loop(browse);
        fi_browse_screen_close();
        if (browse->told[0] != '\0') {
            fi_term_out_format("%s; %s\n", browse->told,
                               browse->action == FI_BROWSE_UNDO ? "redo with: firn redo"
                                                                : "take this back with: firn undo");
        }
        int signal = fi_term_signals_caught();
        exit_code = signal != 0 ? FI_EXIT_SIGNAL + signal : FI_EXIT_OK;
    }
    browse->model.root = "";
    free(shown);
    return exit_code;
}

int
fi_browse_run(struct fi_cli *cli, const struct fi_browse_request *request)
{
    struct fi_browse browse = {.cli = cli, .request = request, .workspace = request->workspace};
    assert(request->workspace != NULL);
    fi_browse_model_init(&browse.model, request->reference != NULL);
    browse.model.undoes = request->undoes;
    int exit_code = browse_run(&browse);
    fi_browse_model_deinit(&browse.model);
    fi_browse_cells_deinit(&browse.cells);
    fi_task_labels_deinit(&browse.labels);
    fi_term_writer_deinit(&browse.printed);
    return exit_code;
}

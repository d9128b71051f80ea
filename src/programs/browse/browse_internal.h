/* SPDX-License-Identifier: Apache-2.0
 *
 * browse/browse_internal.h: what the files of this room share. Only files of this folder, and its
 * tests, include it.
 */
#ifndef FIRN_BROWSE_BROWSE_INTERNAL_H
#define FIRN_BROWSE_BROWSE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "browse/browse.h"
#include "firn/firn.h"
#include "task/task.h"
#include "term/term.h"

/* ---- a screen in memory: browse_cells.c ---- */

enum fi_browse_style {
    FI_BROWSE_PLAIN,
    FI_BROWSE_CHOSEN, /* the row that keys act on */
    FI_BROWSE_BAR,    /* the first and the last row */
    FI_BROWSE_STRONG,
    FI_BROWSE_FAINT,
    FI_BROWSE_ADDED,
    FI_BROWSE_REMOVED,
    FI_BROWSE_RANGE,
    FI_BROWSE_CHANGED,
    FI_BROWSE_MARKED,
    FI_BROWSE_STYLES
};

enum { FI_BROWSE_CELL_POINTS = 3 };

struct fi_browse_cell {
    uint32_t points[FI_BROWSE_CELL_POINTS]; /* a character, and what combines with it; then 0 */
    uint8_t width;                          /* 1 or 2; 0: the second half of the one before */
    uint8_t style;
};

/* Zeroed, it has no cells. */
struct fi_browse_cells {
    struct fi_browse_cell *at; /* row by row */
    size_t rows;
    size_t columns;
};

enum { FI_BROWSE_CELLS_ROWS_MAX = 1000, FI_BROWSE_CELLS_COLUMNS_MAX = 1000 };

/* Gives it so many rows and columns, or the most that there may be, all blank. Returns false, and
 * changes nothing, when memory is out. */
bool fi_browse_cells_resize(struct fi_browse_cells *cells, size_t rows, size_t columns);
void fi_browse_cells_deinit(struct fi_browse_cells *cells);
void fi_browse_cells_clear(struct fi_browse_cells *cells);

/* A part of a row. */
struct fi_browse_spot {
    size_t row;
    size_t column;
    size_t columns;
    enum fi_browse_style style;
};
/* Writes a text there, from its column `skip` on; what does not fit is left out, and a spot that is
 * outside is no error. A tab goes to the next multiple of 8, any other control character becomes
 * '?'. Returns how many columns were written. */
size_t fi_browse_cells_put(struct fi_browse_cells *cells, struct fi_browse_spot spot,
                           firn_slice text, size_t skip);
/* Blanks with this style. */
void fi_browse_cells_fill(struct fi_browse_cells *cells, struct fi_browse_spot spot);

/* ---- lines of text: browse_text.c ---- */

struct fi_browse_text_line {
    size_t at; /* in the bytes */
    size_t size;
    enum fi_browse_style style;
};

/* Zeroed, it is empty. */
struct fi_browse_text {
    char *bytes;
    size_t size;
    struct fi_browse_text_line *lines;
    size_t count;
    size_t capacity;
};

/* Copies what was printed, and splits it into lines. A line may begin with one of the colours of a
 * patch, which becomes its style. Returns false, and the text is empty, when memory is out. */
bool fi_browse_text_set(struct fi_browse_text *text, firn_slice printed);
/* Splits it again, into lines of at most so many columns, between words where that is possible; 0:
 * at line feeds alone. */
bool fi_browse_text_wrap(struct fi_browse_text *text, size_t columns);
firn_slice fi_browse_text_line(const struct fi_browse_text *text, size_t index);
void fi_browse_text_deinit(struct fi_browse_text *text);

/* ---- a list that scrolls: browse_list.c ---- */

/* Invariant: chosen < count, or both are 0; and chosen is one of the `rows` from top on, unless
 * rows is 0. */
struct fi_browse_list {
    size_t count;
    size_t chosen;
    size_t top;
    size_t rows; /* of the screen; 0: it is not shown */
    /* a text: moving scrolls it, and what is chosen is its first row or what was found */
    bool scrolls;
};

void fi_browse_list_resize(struct fi_browse_list *list, size_t rows);
/* There are so many now; the chosen one stays where it can. */
void fi_browse_list_recount(struct fi_browse_list *list, size_t count);
void fi_browse_list_choose(struct fi_browse_list *list, size_t index);
void fi_browse_list_move(struct fi_browse_list *list, ptrdiff_t by);

/* ---- what is shown, chosen and marked: browse_model.c; it knows neither a terminal nor a store
 * ---- */

/* Keys: code points of Unicode, and from here on these. */
enum fi_browse_key {
    FI_BROWSE_KEY_NONE = 0x110000,
    FI_BROWSE_KEY_UP,
    FI_BROWSE_KEY_DOWN,
    FI_BROWSE_KEY_LEFT,
    FI_BROWSE_KEY_RIGHT,
    FI_BROWSE_KEY_PAGE_UP,
    FI_BROWSE_KEY_PAGE_DOWN,
    FI_BROWSE_KEY_HOME,
    FI_BROWSE_KEY_END,
    FI_BROWSE_KEY_TAB,
    FI_BROWSE_KEY_BACK_TAB,
    FI_BROWSE_KEY_ENTER,
    FI_BROWSE_KEY_ESCAPE,
    FI_BROWSE_KEY_ERASE,   /* the character before the cursor */
    FI_BROWSE_KEY_REFRESH, /* read everything again */
    FI_BROWSE_KEY_REDO
};

enum fi_browse_pane { FI_BROWSE_HISTORY, FI_BROWSE_CHANGES, FI_BROWSE_PATCH };

enum fi_browse_mode {
    FI_BROWSE_LOOK,
    FI_BROWSE_SEARCH,  /* what to search for is being typed */
    FI_BROWSE_CONFIRM, /* a preview, and a question */
    FI_BROWSE_PAGE     /* a text, until a key is pressed */
};

/* What a key asks for, beyond the model. */
enum fi_browse_want {
    FI_BROWSE_WANT_NOTHING,
    FI_BROWSE_WANT_QUIT,
    FI_BROWSE_WANT_ALL, /* the whole history; then the key again */
    FI_BROWSE_WANT_REFRESH,
    FI_BROWSE_WANT_RESTORE, /* a preview of it; likewise the next two */
    FI_BROWSE_WANT_UNDO,
    FI_BROWSE_WANT_REDO,
    FI_BROWSE_WANT_PERFORM, /* what was previewed */
    FI_BROWSE_WANT_DETAILS, /* of the chosen checkpoint, as a page */
    FI_BROWSE_WANT_HELP     /* as a page */
};

/* A checkpoint in the history; or, before all of them, what is on the disk and not saved. */
struct fi_browse_row {
    bool is_unsaved; /* it has neither id nor number nor time */
    char id[FIRN_CHECKPOINT_ID_SIZE];
    uint64_t number; /* 0: a safety checkpoint */
    int64_t created_ns;
    char *title; /* on the heap; escaped, and in one line */
};

/* A file or directory that a checkpoint changed, or that differs from the disk. */
struct fi_browse_change {
    char *name; /* on the heap, as are the paths: "M src/main.c", escaped and in one line */
    char *path;
    size_t path_size;
    char *old_path; /* of a renamed one; else NULL */
    size_t old_path_size;
    bool has_lines;
    bool is_removed; /* the checkpoint that a restore takes it from does not have it */
    bool is_marked;
    uint64_t added; /* lines */
    uint64_t removed;
};

enum { FI_BROWSE_QUERY_SIZE = 128, FI_BROWSE_SHORT_SIZE = 400 };

/* A part of the screen; without rows it is not shown. */
struct fi_browse_box {
    size_t row;
    size_t column;
    size_t rows;
    size_t columns;
};

struct fi_browse_layout {
    struct fi_browse_box history;
    struct fi_browse_box head; /* what is known of the checkpoint */
    struct fi_browse_box changes;
    struct fi_browse_box rule; /* one row, between changes and patch */
    struct fi_browse_box patch;
    struct fi_browse_box page; /* of the modes CONFIRM and PAGE */
    size_t bar_column;         /* between the history and the rest; 0: none */
};

struct fi_browse_model {
    bool is_single; /* one checkpoint: there is no history */
    bool undoes;    /* Enter in the history undoes */
    size_t rows;    /* of the screen */
    size_t columns;
    struct fi_browse_layout layout;
    enum fi_browse_pane focus;
    enum fi_browse_mode mode;
    const char *root;                  /* of the workspace, escaped; borrowed */
    int64_t now_ns;                    /* for ages */
    char status[FI_BROWSE_SHORT_SIZE]; /* what was done, or went wrong */

    struct fi_browse_row *history;
    size_t history_capacity;
    struct fi_browse_list history_list;
    bool has_older;    /* there are more than were read */
    bool shows_safety; /* safety checkpoints too */

    /* Of the chosen checkpoint: */
    bool is_of_disk;  /* what a restore would change; else what the checkpoint changed */
    bool has_changes; /* they were read; else the rest means nothing */
    bool is_cut;      /* there are more changes than are kept */
    bool has_failed;  /* they could not be read; `counts` says why */
    char names[FI_BROWSE_SHORT_SIZE];
    char title[FI_BROWSE_SHORT_SIZE];
    char counts[FI_BROWSE_SHORT_SIZE];
    struct fi_browse_change *changes;
    size_t changes_capacity;
    struct fi_browse_list changes_list;
    size_t marked;

    /* Of the chosen change: */
    bool has_patch;
    struct fi_browse_text patch;
    struct fi_browse_list patch_list;
    size_t patch_left; /* columns that are scrolled out */

    struct fi_browse_text page;
    struct fi_browse_list page_list;
    char page_title[FI_BROWSE_SHORT_SIZE]; /* in mode CONFIRM the question */

    char query[FI_BROWSE_QUERY_SIZE]; /* UTF-8 */
    size_t query_size;
    char typed[FI_BROWSE_QUERY_SIZE];
    size_t typed_size;
};

void fi_browse_model_init(struct fi_browse_model *model, bool is_single);
void fi_browse_model_deinit(struct fi_browse_model *model);
/* The size of the screen changed. */
void fi_browse_model_resize(struct fi_browse_model *model, size_t rows, size_t columns);
/* A key was pressed. */
enum fi_browse_want fi_browse_model_press(struct fi_browse_model *model, uint32_t key);
/* Says something in the last row, until a key is pressed. */
void fi_browse_model_say(struct fi_browse_model *model, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The chosen checkpoint; NULL: there is none. */
const struct fi_browse_row *fi_browse_model_row(const struct fi_browse_model *model);
struct fi_browse_change *fi_browse_model_change(const struct fi_browse_model *model);
/* Older checkpoints are wanted, for the end of what was read is near. */
bool fi_browse_model_is_near_end(const struct fi_browse_model *model);

/* Takes ownership of the title, in any case. Returns false when memory is out. */
bool fi_browse_model_add_row(struct fi_browse_model *model, const struct fi_browse_row *row);
/* The rows from `first` on are those that count; all before, which were read earlier, go. The
 * checkpoint that was chosen stays chosen if it is among them, with its changes and marks. */
void fi_browse_model_replace_rows(struct fi_browse_model *model, size_t first);
/* Whether the chosen row is of what is not saved. */
bool fi_browse_model_is_unsaved(const struct fi_browse_model *model);
/* Whether the first row is of what is not saved. */
bool fi_browse_model_has_unsaved(const struct fi_browse_model *model);
/* Whether the changes are those that a restore would make; else those that led to what the row
 * shows. */
bool fi_browse_model_is_reversed(const struct fi_browse_model *model);
/* The row of what is not saved comes or goes; what is chosen stays chosen. Requires, if it comes:
 * there is a checkpoint. Returns false, and changes nothing, when memory is out. */
bool fi_browse_model_set_unsaved(struct fi_browse_model *model, bool is_there);
/* The rows from `first` on, which were added last, go again. */
void fi_browse_model_forget_rows(struct fi_browse_model *model, size_t first);
/* Takes ownership of what it points to, in any case. Returns false when memory is out. */
bool fi_browse_model_add_change(struct fi_browse_model *model,
                                const struct fi_browse_change *change);
/* The changes, and the patch, are to be read. */
void fi_browse_model_drop_changes(struct fi_browse_model *model);
void fi_browse_model_drop_patch(struct fi_browse_model *model);
/* All were added; or the patch was set. */
void fi_browse_model_finish_changes(struct fi_browse_model *model);
void fi_browse_model_finish_patch(struct fi_browse_model *model);
/* Shows a page, whose text was set, under page_title. */
void fi_browse_model_show_page(struct fi_browse_model *model, enum fi_browse_mode mode);

/* ---- searching: browse_search.c ---- */

/* Whether the query occurs in a text: in any case of letters, unless it has a capital one. */
bool fi_browse_search_matches(const struct fi_browse_model *model, firn_slice text);
/* Chooses the next row of the pane in which it occurs, or the one before; from the end it goes on
 * at the beginning, and back, and *out_turned says so. Returns false if there is none. */
bool fi_browse_search_next(struct fi_browse_model *model, bool is_forward, bool *out_turned);

/* ---- where things are on the screen: browse_layout.c ---- */

/* Sets model->layout and the rows of its lists. */
void fi_browse_layout_set(struct fi_browse_model *model);

/* ---- the model as a picture: browse_draw.c ---- */

void fi_browse_draw(const struct fi_browse_model *model, struct fi_browse_cells *cells);
extern const char fi_browse_draw_help[];

/* ---- the terminal: browse_screen.c ---- */

/* Takes the terminal. Returns an exit code; unless it is FI_EXIT_OK the failure has been
 * reported, with `instead`, a command that needs no screen, and the terminal is as it was. */
int fi_browse_screen_open(struct fi_cli *cli, const char *instead);
/* Gives the terminal back. */
void fi_browse_screen_close(void);
/* Its size at the moment. */
void fi_browse_screen_size(size_t *out_rows, size_t *out_columns);
void fi_browse_screen_show(const struct fi_browse_cells *cells);
/* Draws everything anew with the next fi_browse_screen_show. */
void fi_browse_screen_spoil(void);

enum fi_browse_event {
    FI_BROWSE_EVENT_NONE, /* the time is over */
    FI_BROWSE_EVENT_KEY,
    FI_BROWSE_EVENT_RESIZED,
    FI_BROWSE_EVENT_STOP /* a signal, or the terminal is gone */
};
/* Waits for one for so long. */
enum fi_browse_event fi_browse_screen_wait(int timeout_ms, uint32_t *out_key);
/* Whether one is waiting. Any thread. */
bool fi_browse_screen_has_event(void);

/* ---- a session: browse_session.c ---- */

enum fi_browse_action { FI_BROWSE_RESTORE, FI_BROWSE_UNDO, FI_BROWSE_REDO };

struct fi_browse {
    struct fi_cli *cli;
    const struct fi_browse_request *request;
    firn_workspace *workspace;
    struct fi_browse_model model;
    struct fi_browse_cells cells;
    struct fi_task_labels labels;
    bool has_labels;                         /* they were read */
    char newest_id[FIRN_CHECKPOINT_ID_SIZE]; /* when the history was read */
    bool has_looked;                         /* for what is not saved */
    int64_t look_again_ms;                   /* of the monotonic clock: when to do that again */
    char state[FIRN_CHECKPOINT_ID_SIZE]; /* what is not saved is compared with it; a reference */
    bool is_patient;               /* what is read is needed before the next key means anything */
    struct fi_term_writer printed; /* what is composed at the moment */
    enum fi_browse_action action;  /* that was previewed */
    uint64_t undo_number; /* undo goes to before this checkpoint; 0: takes back the last change */
    char told[FI_BROWSE_SHORT_SIZE]; /* what was done last; "": nothing */
    bool is_done;                    /* of one checkpoint, or to undo: it was done */
};

/* Begins to compose a text: all that is printed is, up to a size that a line has room in; or up to
 * size_max. */
void fi_browse_session_begin(struct fi_browse *browse);
void fi_browse_session_begin_large(struct fi_browse *browse, size_t size_max);
/* Ends that, and returns the text, which is valid until the next one; copies its first line if
 * `line` is given, cut. Returns false when memory is out. */
bool fi_browse_session_end(struct fi_browse *browse, firn_slice *out);
bool fi_browse_session_end_line(struct fi_browse *browse, char *out, size_t size);
/* Of the monotonic clock. */
int64_t fi_browse_session_now_ms(void);
/* Draws the model. */
void fi_browse_session_redraw(struct fi_browse *browse);
/* Says what went wrong, and what to do next if `hint` is given. */
void fi_browse_session_fail(struct fi_browse *browse, const firn_error *err, const char *hint);

/* ---- reading from the store: browse_read.c ---- */

/* All return a code of the library. FIRN_CANCELLED: a key was pressed meanwhile, and nothing was
 * read; not if browse->is_patient is set. */

/* Reads the first checkpoints, or again as many as there are. */
int fi_browse_read_history(struct fi_browse *browse, firn_error *err);
/* Reads tags and pins; then, if there are any, the history again, which shows them. */
int fi_browse_read_labels(struct fi_browse *browse, firn_error *err);
/* Looks whether there is something that is not saved, and shows or removes its row. */
int fi_browse_read_unsaved(struct fi_browse *browse, firn_error *err);
/* Reads so many more; 0: a piece. */
int fi_browse_read_older(struct fi_browse *browse, uint64_t count, firn_error *err);
/* Whether another process saved something, or deleted what was newest. */
bool fi_browse_read_is_news(struct fi_browse *browse);
/* Reads what the chosen checkpoint changed; of a checkpoint that cannot be read, why. */
int fi_browse_read_changes(struct fi_browse *browse, firn_error *err);
int fi_browse_read_patch(struct fi_browse *browse, firn_error *err);
/* Shows all that is known of the chosen checkpoint, as a page. */
void fi_browse_read_details(struct fi_browse *browse);

/* ---- restoring: browse_restore.c ---- */

/* Shows what the action would do, and asks. */
void fi_browse_restore_preview(struct fi_browse *browse, enum fi_browse_action action);
/* Does it. */
void fi_browse_restore_perform(struct fi_browse *browse);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * browse/browse_draw.c: the model as a picture.
 *
 * What is chosen has a > before it, and what is marked a *, so that a screen without colours, or
 * read aloud, says the same. Texts are cut on the right, with an ellipsis; of a path the end is
 * what one looks for, so it is cut on the left.
 */
#include "browse/browse_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    NUMBER_COLUMNS = 4,
    AGE_COLUMNS = 4,
    AGE_FROM_COLUMNS = 28,
    FEW_COLUMNS = 40,
    TEXT_SIZE = 256,
    NS_A_SECOND = 1000000000
};

static const char ellipsis[] = "\xE2\x80\xA6";
static const char bar[] = "\xE2\x94\x82";
static const char rule[] = "\xE2\x94\x80";

const char fi_browse_draw_help[] =
    "Up Down PgUp PgDn Home End  move (also k j g G)\n"
    "Tab Left Right              go to the history, the files, the changed lines\n"
    "                            (also h l)\n"
    "Enter                       restore all, or the marked files, after a preview;\n"
    "                            of what is not saved yet: show its files, its lines\n"
    "Space                       mark a file\n"
    "a                           mark all files, or none\n"
    "d                           what a restore would change now, or what the\n"
    "                            checkpoint changed\n"
    "u                           undo: one state back, after a preview\n"
    "U, Ctrl-R                   redo\n"
    "/                           search in this pane; n next, N previous\n"
    "i                           all about the checkpoint: message, prompt, id\n"
    "s                           also safety checkpoints, which restores take\n"
    "r, Ctrl-L                   read everything again\n"
    "q, Ctrl-C                   leave\n"
    "\n"
    "Before a restore a safety checkpoint of the present state is taken: nothing is\n"
    "lost, and u brings it back, now or later (firn undo).\n";

/* ---- pieces ---- */

/* A text in a spot that is filled; returns how many columns it took. */
static size_t
browse_draw_put(struct fi_browse_cells *cells, struct fi_browse_spot spot, firn_slice text)
{
    size_t columns = fi_browse_cells_put(cells, spot, text, 0);
    if (fi_term_width_of(text) > spot.columns && spot.columns > 0) {
        struct fi_browse_spot last = spot;
        last.column += spot.columns - 1;
        last.columns = 1;
        (void)fi_browse_cells_put(cells, last, firn_str(ellipsis), 0);
    }
    return columns;
}

/* The end of it, where not all of it fits. */
static void
put_end(struct fi_browse_cells *cells, struct fi_browse_spot spot, firn_slice text)
{
    size_t width = fi_term_width_of(text);
    if (width <= spot.columns) {
        (void)fi_browse_cells_put(cells, spot, text, 0);
    } else if (spot.columns > 0) {
        struct fi_browse_spot rest = spot;
        rest.column++;
        rest.columns--;
        (void)fi_browse_cells_put(cells, rest, text, width - rest.columns);
        spot.columns = 1;
        (void)fi_browse_cells_put(cells, spot, firn_str(ellipsis), 0);
    }
}

static struct fi_browse_spot
spot_of(const struct fi_browse_box *box, size_t row, enum fi_browse_style style)
{
    assert(row < box->rows);
    return (struct fi_browse_spot){box->row + row, box->column, box->columns, style};
}

/* What is left of a spot after so many columns. */
static struct fi_browse_spot
browse_draw_after(struct fi_browse_spot spot, size_t columns)
{
    columns = columns < spot.columns ? columns : spot.columns;
    spot.column += columns;
    spot.columns -= columns;
    return spot;
}

/* ---- panes ---- */

/* "12s", "5m", "3h", "20d", "6w", "2y": at most four columns for a long while. */
static void
describe_age(int64_t since_ns, int64_t now_ns, char *out, size_t size)
{
    static const struct {
        int64_t seconds;
        int64_t below; /* so many seconds ago */
        char letter;
    } units[] = {{1, 60, 's'},
                 {60, 3600, 'm'},
                 {3600, 86400, 'h'},
                 {86400, INT64_C(28) * 86400, 'd'},
                 {INT64_C(7) * 86400, INT64_C(104) * 7 * 86400, 'w'},
                 {INT64_C(365) * 86400, INT64_MAX, 'y'}};
    int64_t seconds = now_ns / NS_A_SECOND - since_ns / NS_A_SECOND;
    size_t unit = 0;
    seconds = seconds > 0 ? seconds : 0;
    while (seconds >= units[unit].below) {
        unit++;
    }
    (void)snprintf(out, size, "%lld%c", (long long)(seconds / units[unit].seconds),
                   units[unit].letter);
}

/* ">  12   2h before" */
static void
draw_row(const struct fi_browse_model *model, size_t index, struct fi_browse_spot spot,
         struct fi_browse_cells *cells)
{
    const struct fi_browse_row *row = &model->history[index];
    char text[TEXT_SIZE];
    char age[FI_TERM_TEXT_NUMBER_SIZE];
    char number[FI_TERM_TEXT_NUMBER_SIZE] = "-";
    bool is_chosen = index == model->history_list.chosen;
    if (row->is_unsaved) {
        number[0] = '\0';
        spot.style = spot.style == FI_BROWSE_PLAIN ? FI_BROWSE_CHANGED : spot.style;
    } else if (row->number != 0) {
        (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)row->number);
    }
    (void)snprintf(text, sizeof(text), "%c%*s ", is_chosen ? '>' : ' ', NUMBER_COLUMNS, number);
    fi_browse_cells_fill(cells, spot);
    spot = browse_draw_after(spot, browse_draw_put(cells, spot, firn_str(text)));
    if (spot.columns + NUMBER_COLUMNS + 2 >= AGE_FROM_COLUMNS) {
        struct fi_browse_spot when = spot;
        when.style = spot.style == FI_BROWSE_PLAIN ? FI_BROWSE_FAINT : spot.style;
        age[0] = '\0';
        if (!row->is_unsaved) {
            describe_age(row->created_ns, model->now_ns, age, sizeof(age));
        }
        (void)snprintf(text, sizeof(text), "%*s ", AGE_COLUMNS, age);
        spot = browse_draw_after(spot, browse_draw_put(cells, when, firn_str(text)));
    }
    (void)browse_draw_put(cells, spot, firn_str(row->title));
}

static enum fi_browse_style
style_of(const struct fi_browse_model *model, const struct fi_browse_list *list, size_t index,
         enum fi_browse_pane pane)
{
    if (index != list->chosen) {
        return FI_BROWSE_PLAIN;
    }
    return model->focus == pane ? FI_BROWSE_CHOSEN : FI_BROWSE_STRONG;
}

static void
draw_history(const struct fi_browse_model *model, struct fi_browse_cells *cells)
{
    const struct fi_browse_list *list = &model->history_list;
    const struct fi_browse_box *box = &model->layout.history;
    for (size_t i = 0; i < box->rows && list->top + i < list->count; i++) {
        size_t index = list->top + i;
        draw_row(model, index, spot_of(box, i, style_of(model, list, index, FI_BROWSE_HISTORY)),
                 cells);
    }
    if (list->count == 0 && box->rows > 0) {
        (void)browse_draw_put(cells, spot_of(box, 0, FI_BROWSE_PLAIN), firn_str("no checkpoints"));
    }
}

static void
draw_head(const struct fi_browse_model *model, struct fi_browse_cells *cells)
{
    const char *const lines[] = {model->names, model->title, model->counts};
    static const enum fi_browse_style styles[] = {FI_BROWSE_STRONG, FI_BROWSE_PLAIN,
                                                  FI_BROWSE_FAINT};
    const struct fi_browse_box *box = &model->layout.head;
    for (size_t i = 0; i < box->rows; i++) {
        (void)browse_draw_put(cells, spot_of(box, i, styles[i]), firn_str(lines[i]));
    }
}

/* The colours that the rows of other commands have. */
static enum fi_browse_style
style_of_letter(char letter)
{
    switch (letter) {
    case 'A':
        return FI_BROWSE_ADDED;
    case 'D':
        return FI_BROWSE_REMOVED;
    case 'M':
    case 'T':
        return FI_BROWSE_CHANGED;
    case 'R':
        return FI_BROWSE_RANGE;
    default:
        return FI_BROWSE_PLAIN;
    }
}

/* ">*M src/main.c      +3 −1" */
static void
draw_change(const struct fi_browse_model *model, size_t index, struct fi_browse_spot spot,
            struct fi_browse_cells *cells)
{
    const struct fi_browse_change *change = &model->changes[index];
    char text[4] = {index == model->changes_list.chosen ? '>' : ' ', change->is_marked ? '*' : ' ',
                    '\0'};
    char lines[TEXT_SIZE] = "";
    if (spot.style == FI_BROWSE_PLAIN && change->is_marked) {
        spot.style = FI_BROWSE_MARKED;
    }
    if (change->has_lines) {
        (void)snprintf(lines, sizeof(lines), " +%llu \xE2\x88\x92%llu",
                       (unsigned long long)change->added, (unsigned long long)change->removed);
    }
    fi_browse_cells_fill(cells, spot);
    size_t width = fi_term_width_of(firn_str(lines));
    if (2 * width < spot.columns) {
        (void)browse_draw_put(cells, browse_draw_after(spot, spot.columns - width),
                              firn_str(lines));
        spot.columns -= width;
    }
    spot = browse_draw_after(spot, browse_draw_put(cells, spot, firn_str(text)));
    struct fi_browse_spot letter = spot;
    letter.columns = letter.columns < 2 ? letter.columns : 2;
    letter.style = spot.style == FI_BROWSE_PLAIN ? style_of_letter(change->name[0]) : spot.style;
    (void)fi_browse_cells_put(cells, letter, firn_str(change->name), 0);
    spot = browse_draw_after(spot, letter.columns);
    put_end(cells, spot, firn_str(change->name + strnlen(change->name, 2)));
}

static void
draw_changes(const struct fi_browse_model *model, struct fi_browse_cells *cells)
{
    const struct fi_browse_list *list = &model->changes_list;
    const struct fi_browse_box *box = &model->layout.changes;
    for (size_t i = 0; i < box->rows && list->top + i < list->count; i++) {
        size_t index = list->top + i;
        draw_change(model, index, spot_of(box, i, style_of(model, list, index, FI_BROWSE_CHANGES)),
                    cells);
    }
    if (box->rows > 0 && list->count == 0 && fi_browse_model_row(model) != NULL) {
        const char *text = !model->has_changes                  ? "reading..."
                           : model->has_failed                  ? model->counts
                           : fi_browse_model_is_reversed(model) ? "the disk is like this checkpoint"
                                                                : "no change";
        (void)browse_draw_put(
            cells,
            spot_of(box, 0, model->focus == FI_BROWSE_CHANGES ? FI_BROWSE_STRONG : FI_BROWSE_FAINT),
            firn_str(text));
    }
}

static void
draw_rule(const struct fi_browse_model *model, struct fi_browse_cells *cells)
{
    const struct fi_browse_box *box = &model->layout.rule;
    const struct fi_browse_change *change = fi_browse_model_change(model);
    if (box->rows == 0) {
        return;
    }
    bool has_focus = model->focus == FI_BROWSE_PATCH;
    struct fi_browse_spot spot = spot_of(box, 0, has_focus ? FI_BROWSE_CHOSEN : FI_BROWSE_FAINT);
    for (size_t i = 0; i < box->columns; i++) {
        (void)fi_browse_cells_put(cells, browse_draw_after(spot, i), firn_str(rule), 0);
    }
    if (change != NULL && box->columns > 4) {
        spot = browse_draw_after(spot, 1);
        spot.columns -= 1;
        put_end(cells, spot, firn_str(change->name + strnlen(change->name, 2)));
    }
}

static void
draw_text(const struct fi_browse_text *text, const struct fi_browse_list *list,
          const struct fi_browse_box *box, size_t left, struct fi_browse_cells *cells)
{
    for (size_t i = 0; i < box->rows && list->top + i < list->count; i++) {
        size_t index = list->top + i;
        (void)fi_browse_cells_put(cells, spot_of(box, i, text->lines[index].style),
                                  fi_browse_text_line(text, index), left);
    }
}

static void
draw_patch(const struct fi_browse_model *model, struct fi_browse_cells *cells)
{
    const struct fi_browse_list *list = &model->patch_list;
    const struct fi_browse_box *box = &model->layout.patch;
    draw_text(&model->patch, list, box, model->patch_left, cells);
    bool is_found =
        model->focus == FI_BROWSE_PATCH && model->query_size > 0 && list->count > 0 &&
        list->chosen - list->top < box->rows &&
        fi_browse_search_matches(model, fi_browse_text_line(&model->patch, list->chosen));
    if (is_found) {
        struct fi_browse_spot spot = spot_of(box, list->chosen - list->top, FI_BROWSE_CHOSEN);
        fi_browse_cells_fill(cells, spot);
        (void)fi_browse_cells_put(cells, spot, fi_browse_text_line(&model->patch, list->chosen),
                                  model->patch_left);
    }
}

/* ---- the first row, and the last ---- */

static void
draw_first(const struct fi_browse_model *model, struct fi_browse_cells *cells)
{
    struct fi_browse_spot spot = {0, 0, cells->columns, FI_BROWSE_BAR};
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    char count[FI_TERM_TEXT_NUMBER_SIZE];
    char text[TEXT_SIZE] = "";
    const struct fi_browse_list *list = &model->history_list;
    const size_t unsaved = fi_browse_model_has_unsaved(model) ? 1 : 0;
    if (!model->is_single && list->count > unsaved) {
        (void)snprintf(text, sizeof(text), " %s of %s%s ",
                       fi_browse_model_is_unsaved(model)
                           ? "-"
                           : fi_term_text_number(list->chosen + 1 - unsaved, number),
                       fi_term_text_number(list->count - unsaved, count),
                       model->has_older ? "+" : "");
    }
    fi_browse_cells_fill(cells, spot);
    size_t width = fi_term_width_of(firn_str(text));
    if (width < spot.columns) {
        (void)browse_draw_put(cells, browse_draw_after(spot, spot.columns - width), firn_str(text));
        spot.columns -= width;
    }
    spot = browse_draw_after(spot, 1);
    spot = browse_draw_after(spot, browse_draw_put(cells, spot, firn_str("firn  ")));
    put_end(cells, spot, firn_str(model->root));
}

/* The same where there is no room for all of them. */
static const char *
few_keys_of(const struct fi_browse_model *model)
{
    if (model->mode == FI_BROWSE_PAGE) {
        return "any key goes back";
    }
    if (model->mode == FI_BROWSE_CONFIRM) {
        return "y yes   n no";
    }
    if (model->focus == FI_BROWSE_CHANGES) {
        return "Space mark   ? help";
    }
    return model->undoes                       ? "Enter undo it ? help"
           : fi_browse_model_is_unsaved(model) ? "Enter show   ? help"
                                               : "Enter restore ? help";
}

/* The keys that matter where a checkpoint is chosen, or what is not saved, by pane. */
static const char *
pane_keys_of(const struct fi_browse_model *model)
{
    static const char *const of_checkpoint[] = {
        [FI_BROWSE_HISTORY] =
            "Enter restore   Tab files   u undo   / search   d disk   ? help   q quit",
        [FI_BROWSE_CHANGES] =
            "Space mark   Enter restore   Tab lines   u undo   / search   ? help   q quit",
        [FI_BROWSE_PATCH] =
            "Up Down scroll   Enter restore   Tab back   u undo   / search   ? help   q quit"};
    static const char *const of_unsaved[] = {
        [FI_BROWSE_HISTORY] = "Enter files   u undo   / search   ? help   q quit",
        [FI_BROWSE_CHANGES] = "Space mark   Enter lines   u undo   / search   ? help   q quit",
        [FI_BROWSE_PATCH] = "Up Down scroll   Tab back   u undo   / search   ? help   q quit"};
    if (model->undoes && model->focus == FI_BROWSE_HISTORY) {
        return "Enter undo it, and what came after   Tab files   / search   ? help   q quit";
    }
    return (fi_browse_model_is_unsaved(model) ? of_unsaved : of_checkpoint)[model->focus];
}

/* The keys that matter now. */
static const char *
keys_of(const struct fi_browse_model *model)
{
    if (model->columns < FEW_COLUMNS) {
        return few_keys_of(model);
    }
    if (model->mode == FI_BROWSE_PAGE) {
        return "Up Down scroll   any other key goes back";
    }
    if (model->mode == FI_BROWSE_CONFIRM) {
        return "y yes   n no   Up Down scroll";
    }
    return pane_keys_of(model);
}

static void
draw_last(const struct fi_browse_model *model, struct fi_browse_cells *cells)
{
    struct fi_browse_spot spot = {cells->rows - 1, 0, cells->columns, FI_BROWSE_BAR};
    char text[FI_BROWSE_SHORT_SIZE + TEXT_SIZE];
    bool is_looking = model->mode == FI_BROWSE_LOOK;
    if (model->mode == FI_BROWSE_SEARCH) {
        (void)snprintf(text, sizeof(text), "/%s_", model->typed);
    } else if (is_looking && model->status[0] != '\0') {
        (void)snprintf(text, sizeof(text), "%s", model->status);
    } else if (is_looking && model->marked > 0) {
        (void)snprintf(text, sizeof(text), "%zu marked   %s", model->marked,
                       model->columns < FEW_COLUMNS
                           ? few_keys_of(model)
                           : "Enter restores them   Space mark   Tab lines   ? help   q quit");
    } else {
        (void)snprintf(text, sizeof(text), "%s", keys_of(model));
    }
    fi_browse_cells_fill(cells, spot);
    if (model->mode == FI_BROWSE_SEARCH) {
        put_end(cells, spot, firn_str(text));
    } else {
        (void)browse_draw_put(cells, spot, firn_str(text));
    }
}

/* ---- the whole ---- */

/* The end of a question that does not fit, over the end of what does. */
static void
put_question(const struct fi_browse_model *model, struct fi_browse_cells *cells,
             struct fi_browse_spot spot)
{
    static const char asked[] = "? (y/n)";
    const size_t size = sizeof(asked) - 1;
    const char *title = model->page_title;
    bool is_asked = strlen(title) > size && strcmp(title + strlen(title) - size, asked) == 0;
    if (is_asked && spot.columns > 2 * size && fi_term_width_of(firn_str(title)) > spot.columns) {
        spot.columns -= size;
        fi_browse_cells_fill(cells, spot);
        (void)browse_draw_put(cells, spot, firn_str(title));
        spot.column += spot.columns;
        spot.columns = size;
        fi_browse_cells_fill(cells, spot);
        (void)browse_draw_put(cells, spot, firn_str(asked));
    }
}

static void
draw_page(const struct fi_browse_model *model, struct fi_browse_cells *cells)
{
    const struct fi_browse_box *box = &model->layout.page;
    if (cells->rows > 2) {
        struct fi_browse_spot spot = {1, 0, cells->columns, FI_BROWSE_STRONG};
        (void)browse_draw_put(cells, spot, firn_str(model->page_title));
        put_question(model, cells, spot);
    }
    draw_text(&model->page, &model->page_list, box, 0, cells);
}

void
fi_browse_draw(const struct fi_browse_model *model, struct fi_browse_cells *cells)
{
    assert(cells->rows == 0 || cells->at != NULL);
    fi_browse_cells_clear(cells);
    if (cells->rows == 0 || cells->columns == 0) {
        return;
    }
    if (model->mode == FI_BROWSE_CONFIRM || model->mode == FI_BROWSE_PAGE) {
        draw_page(model, cells);
    } else {
        const struct fi_browse_layout *layout = &model->layout;
        draw_history(model, cells);
        draw_head(model, cells);
        draw_changes(model, cells);
        draw_rule(model, cells);
        draw_patch(model, cells);
        for (size_t i = 0; layout->bar_column > 0 && i < layout->history.rows; i++) {
            struct fi_browse_spot spot = {layout->history.row + i, layout->bar_column, 1,
                                          FI_BROWSE_FAINT};
            (void)fi_browse_cells_put(cells, spot, firn_str(bar), 0);
        }
    }
    if (cells->rows > 1) {
        draw_first(model, cells);
    }
    draw_last(model, cells);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * browse/browse_layout.c: where things are on the screen.
 *
 *      firn  /home/me/project                      3 of 10,000
 *     >12  2 hours ago   before   |12  kxsrpsvp  2026-11-20 ...
 *      11  yesterday     the mail |before
 *      10  3 days ago             |2 files +12 −4
 *                                 |>  M src/main.c  +3 −1
 *                                 |-------------------------
 *                                 | @@ -1,3 +1,5 @@
 *      Enter restore  u undo ...
 *
 * Narrow screens show one pane at a time, and low ones leave out what is of least use. A screen of
 * any size has a layout; on the smallest no pane has a row.
 */
#include "browse/browse_internal.h"

#include <assert.h>

enum {
    SPLIT_COLUMNS = 60, /* from here on the history is beside the rest */
    HISTORY_COLUMNS_MAX = 60,
    HEAD_ROWS = 3,
    STACKED_ROWS = 10, /* from here on the patch is below the changes */
    CHANGES_ROWS_MIN = 3
};

static struct fi_browse_box
take_top(struct fi_browse_box *from, size_t rows)
{
    struct fi_browse_box taken = *from;
    taken.rows = rows < from->rows ? rows : from->rows;
    from->row += taken.rows;
    from->rows -= taken.rows;
    return taken;
}

/* Head, changes and patch. */
static void
lay_out_checkpoint(const struct fi_browse_model *model, struct fi_browse_box box,
                   struct fi_browse_layout *layout)
{
    bool is_stacked = box.rows >= STACKED_ROWS;
    bool is_patch = !is_stacked && model->focus == FI_BROWSE_PATCH;
    size_t head = box.rows >= 2 * HEAD_ROWS + 1 ? HEAD_ROWS : box.rows > 2 ? 1 : 0;
    if (is_patch) {
        layout->rule = take_top(&box, box.rows > 2 ? 1 : 0);
        layout->patch = box;
        return;
    }
    layout->head = take_top(&box, head);
    if (!is_stacked) {
        layout->changes = box;
        return;
    }
    size_t count = model->changes_list.count > 0 ? model->changes_list.count : 1;
    size_t most = box.rows / 3 > CHANGES_ROWS_MIN ? box.rows / 3 : CHANGES_ROWS_MIN;
    layout->changes = take_top(&box, count < most ? count : most);
    layout->rule = take_top(&box, 1);
    layout->patch = box;
}

void
fi_browse_layout_set(struct fi_browse_model *model)
{
    struct fi_browse_layout layout = {{0}, {0}, {0}, {0}, {0}, {0}, 0};
    struct fi_browse_box box = {1, 0, model->rows > 2 ? model->rows - 2 : 0, model->columns};
    bool is_split = !model->is_single && model->columns >= SPLIT_COLUMNS;
    layout.page = box;
    (void)take_top(&layout.page, 1); /* its title */
    if (is_split) {
        size_t columns = model->columns * 2 / 5;
        layout.history = box;
        layout.history.columns = columns < HISTORY_COLUMNS_MAX ? columns : HISTORY_COLUMNS_MAX;
        layout.bar_column = layout.history.columns;
        box.column = layout.bar_column + 1;
        box.columns -= box.column;
        lay_out_checkpoint(model, box, &layout);
    } else if (model->focus == FI_BROWSE_HISTORY) {
        layout.history = box;
    } else {
        lay_out_checkpoint(model, box, &layout);
    }
    assert(layout.patch.row + layout.patch.rows <= model->rows + 1);
    model->layout = layout;
    fi_browse_list_resize(&model->history_list, layout.history.rows);
    fi_browse_list_resize(&model->changes_list, layout.changes.rows);
    fi_browse_list_resize(&model->patch_list, layout.patch.rows);
    fi_browse_list_resize(&model->page_list, layout.page.rows);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_grid.c: lines of cells in columns, for people.
 *
 * The widths of the columns follow from the rows, so the first few hundred rows are collected
 * before anything is printed. Afterwards columns can only become wider. Cells are escaped, so each
 * is one line, and cut at CELL_COLUMNS_MAX columns of the terminal (term_width.c). No line ends
 * with spaces.
 */
#include "data/data_internal.h"

#include <assert.h>
#include <string.h>

#include "term/term.h"

enum { CELL_COLUMNS_MAX = 40, ROWS_KEPT_MAX = 256, GAP = 2 };

/* The cell that is being added: fi_term_width_cut calls back without a context. */
static struct fi_data_grid *adding;

static void
data_grid_keep(const void *data, size_t size)
{
    assert(adding != NULL);
    if (fi_data_bytes_reserve(adding->cli, &adding->text, size + 1) != FI_EXIT_OK) {
        adding->has_no_memory = true;
        return;
    }
    memcpy(adding->text.data + adding->text.size, data, size);
    adding->text.size += size;
}

void
fi_data_grid_init(struct fi_data_grid *grid, struct fi_cli *cli, size_t columns)
{
    assert(columns > 0 && columns <= FIRN_TABLE_COLUMNS_MAX);
    memset(grid, 0, sizeof(*grid));
    grid->cli = cli;
    grid->columns = columns;
}

static void
print_cell(const struct fi_data_grid *grid, size_t column, const char *text, size_t *missing)
{
    assert(column < grid->columns);
    size_t width = fi_term_width_of(firn_str(text));
    size_t padding = grid->widths[column] - width;
    *missing += grid->is_right[column] ? padding : 0;
    if (width > 0) {
        fi_term_out_format("%*s%s", (int)*missing, "", text);
        *missing = 0;
    }
    *missing += (grid->is_right[column] ? 0 : padding) + GAP;
}

static void
print_kept(struct fi_data_grid *grid)
{
    assert(grid->cells % grid->columns == 0);
    const char *text = (const char *)grid->text.data;
    size_t missing = 0; /* spaces that the next cell begins with */
    for (size_t cell = 0; cell < grid->cells; cell++) {
        print_cell(grid, cell % grid->columns, text, &missing);
        text += strlen(text) + 1;
        if (cell % grid->columns == grid->columns - 1) {
            fi_term_out_text("\n");
            missing = 0;
        }
    }
    grid->cells = 0;
    grid->text.size = 0;
}

void
fi_data_grid_add(struct fi_data_grid *grid, firn_slice text)
{
    assert(grid->cells < grid->columns * ROWS_KEPT_MAX);
    if (grid->has_no_memory) {
        return;
    }
    size_t from = grid->text.size;
    adding = grid;
    data_grid_keep("", 0);
    if (text.data == NULL) {
        data_grid_keep("\\N", 2); /* no text is shown so: its backslash would be doubled */
    } else {
        fi_term_width_cut(text, CELL_COLUMNS_MAX, data_grid_keep);
    }
    adding = NULL;
    if (grid->has_no_memory) {
        return;
    }
    grid->text.data[grid->text.size++] = '\0';
    size_t column = grid->cells % grid->columns;
    size_t width = fi_term_width_of(firn_str((const char *)grid->text.data + from));
    grid->widths[column] = width > grid->widths[column] ? width : grid->widths[column];
    grid->cells++;
    if (grid->cells == grid->columns * ROWS_KEPT_MAX) {
        print_kept(grid);
    }
}

int
fi_data_grid_finish(struct fi_data_grid *grid)
{
    bool has_no_memory = grid->has_no_memory;
    if (!has_no_memory) {
        print_kept(grid);
    }
    fi_data_bytes_deinit(&grid->text);
    return has_no_memory ? FI_EXIT_FAILED : FI_EXIT_OK; /* told where it happened */
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * browse/browse_cells.c: a screen in memory.
 *
 * Everything is drawn here first, then shown at once. So what a terminal of any size shows can be
 * tested without one, and nothing can be written outside of the screen, or beside the column that
 * is meant: a cell knows how wide its character is by the program's own list (term_width.c),
 * whatever the terminal's library believes.
 *
 * Invariants
 * (I1) A cell of width 2 is followed by one of width 0 in its row, and no other cell has width 0.
 *      Writing over one half blanks the other.
 * (I2) A cell has no control character. (Checked where it is put.)
 */
#include "browse/browse_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { TAB_COLUMNS = 8 };

bool
fi_browse_cells_resize(struct fi_browse_cells *cells, size_t rows, size_t columns)
{
    rows = rows < FI_BROWSE_CELLS_ROWS_MAX ? rows : FI_BROWSE_CELLS_ROWS_MAX;
    columns = columns < FI_BROWSE_CELLS_COLUMNS_MAX ? columns : FI_BROWSE_CELLS_COLUMNS_MAX;
    struct fi_browse_cell *at = calloc(rows * columns + 1, sizeof(*at));
    if (at == NULL) {
        return false;
    }
    free(cells->at);
    *cells = (struct fi_browse_cells){at, rows, columns};
    fi_browse_cells_clear(cells);
    return true;
}

void
fi_browse_cells_deinit(struct fi_browse_cells *cells)
{
    free(cells->at);
    *cells = (struct fi_browse_cells){NULL, 0, 0};
}

static struct fi_browse_cell
blank(enum fi_browse_style style)
{
    assert(style < FI_BROWSE_STYLES);
    return (struct fi_browse_cell){{' '}, 1, (uint8_t)style};
}

void
fi_browse_cells_clear(struct fi_browse_cells *cells)
{
    for (size_t i = 0; i < cells->rows * cells->columns; i++) {
        cells->at[i] = blank(FI_BROWSE_PLAIN);
    }
}

/* Before a cell is written: the other half of a wide character that it has a part of goes (I1). */
static void
browse_cells_split(struct fi_browse_cells *cells, size_t row, size_t column)
{
    assert(row < cells->rows && column < cells->columns);
    struct fi_browse_cell *cell = &cells->at[row * cells->columns + column];
    if (cell->width == 2) {
        assert(column + 1 < cells->columns && cell[1].width == 0); /* (I1) */
        cell[1] = blank(cell[1].style);
    } else if (cell->width == 0) {
        assert(column > 0 && cell[-1].width == 2);
        cell[-1] = blank(cell[-1].style);
    }
    *cell = blank(cell->style);
}

/* Where the next character of a text goes. */
struct pen {
    struct fi_browse_cells *cells;
    struct fi_browse_spot spot;
    size_t end;     /* the column after the last one */
    size_t skipped; /* columns still to be left out */
    size_t column;  /* of the text, from its beginning, for tabs */
    size_t written;
    struct fi_browse_cell *last; /* what a mark combines with */
};

/* Returns false if there is no room. */
static bool
put_point(struct pen *pen, uint32_t point, size_t width)
{
    assert(width == 1 || width == 2);
    pen->column += width;
    if (pen->skipped > 0) {
        /* A wide one of which one half is left out leaves a blank. */
        size_t out = width < pen->skipped ? width : pen->skipped;
        pen->skipped -= out;
        pen->last = NULL;
        if (out == width) {
            return true;
        }
        point = ' ';
        width = 1;
    }
    size_t column = pen->spot.column + pen->written;
    if (column + width > pen->end) {
        return false;
    }
    struct fi_browse_cell *cell = &pen->cells->at[pen->spot.row * pen->cells->columns + column];
    for (size_t i = 0; i < width; i++) {
        browse_cells_split(pen->cells, pen->spot.row, column + i);
    }
    *cell = (struct fi_browse_cell){{point}, (uint8_t)width, (uint8_t)pen->spot.style};
    if (width == 2) {
        cell[1] = (struct fi_browse_cell){{0}, 0, (uint8_t)pen->spot.style};
    }
    pen->last = cell;
    pen->written += width;
    return true;
}

/* A mark without a width of its own; one for which there is no room is left out. */
static void
combine(struct pen *pen, uint32_t point)
{
    for (size_t i = 1; pen->last != NULL && i < FI_BROWSE_CELL_POINTS; i++) {
        if (pen->last->points[i] == 0) {
            pen->last->points[i] = point;
            return;
        }
    }
}

static bool
put_tab(struct pen *pen)
{
    do {
        if (!put_point(pen, ' ', 1)) {
            return false;
        }
    } while (pen->column % TAB_COLUMNS != 0);
    return true;
}

size_t
fi_browse_cells_put(struct fi_browse_cells *cells, struct fi_browse_spot spot, firn_slice text,
                    size_t skip)
{
    assert(spot.style < FI_BROWSE_STYLES);
    if (spot.row >= cells->rows || spot.column >= cells->columns) {
        return 0;
    }
    size_t room = cells->columns - spot.column;
    struct pen pen = {.cells = cells, .spot = spot, .skipped = skip};
    pen.end = spot.column + (spot.columns < room ? spot.columns : room);
    bool has_room = true;
    for (size_t at = 0; has_room && at < text.size;) {
        uint32_t point = '?';
        size_t size = fi_term_text_decode(firn_bytes(text.data + at, text.size - at), &point);
        size_t width =
            size == 0 ? 1 : fi_term_width_of(firn_bytes(text.data + at, size)); /* (I2) */
        at += size > 0 ? size : 1;
        if (point == '\t') {
            has_room = put_tab(&pen);
        } else if (fi_term_text_is_control(point)) {
            has_room = put_point(&pen, '?', 1);
        } else if (width == 0) {
            combine(&pen, point);
        } else {
            has_room = put_point(&pen, point, width);
        }
    }
    return pen.written;
}

void
fi_browse_cells_fill(struct fi_browse_cells *cells, struct fi_browse_spot spot)
{
    if (spot.row >= cells->rows) {
        return;
    }
    size_t end = spot.columns < cells->columns - (spot.column < cells->columns ? spot.column : 0)
                     ? spot.column + spot.columns
                     : cells->columns;
    for (size_t column = spot.column; column < end; column++) {
        browse_cells_split(cells, spot.row, column);
        cells->at[spot.row * cells->columns + column] = blank(spot.style);
    }
}

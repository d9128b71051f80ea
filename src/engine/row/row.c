/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row.c: the table of functions by which the LSM tree knows runs of rows.
 *
 * What stands behind it, in the order in which a run lives: row_builder.c writes one, row_open.c
 * opens it, row_get.c and row_cursor.c read it, row_check.c reads all of it again. Their common
 * ground: row_block.c, row_index.c, row_filter.c and row_summary.c for the bytes, row_read.c,
 * row_window.c and row_value.c for fetching them.
 */
#include "row/row_builder.h"
#include "row/row_check.h"
#include "row/row_cursor.h"
#include "row/row_get.h"
#include "row/row_open.h"
#include "row/row_read.h"

static const struct firn_run_summary *
summary(const struct firn_run *run)
{
    DCHECK(run->kind == &firn_row_kind);
    return &((const struct firn_row *)run)->summary;
}

static const struct firn_range_set *
ranges(const struct firn_run *run)
{
    DCHECK(run->kind == &firn_row_kind);
    return &((const struct firn_row *)run)->ranges;
}

const struct firn_run_kind firn_row_kind = {
    .name = "row",
    .file_kind = FIRN_BLOCK_FILE_ROW,
    .open = firn_row_open,
    .close = firn_row_open_close,
    .summary = summary,
    .ranges = ranges,
    .origin = firn_row_open_origin,
    .get = firn_row_get,
    .get_prefetch = firn_row_get_prefetch,
    .place = firn_row_read_place_of,
    .check = firn_row_check,
    .cursor_create = firn_row_cursor_create,
    .cursor_destroy = firn_row_cursor_destroy,
    .cursor_prepare = firn_row_cursor_prepare,
    .cursor_seek = firn_row_cursor_seek,
    .cursor_seek_before = firn_row_cursor_seek_before,
    .cursor_first = firn_row_cursor_first,
    .cursor_last = firn_row_cursor_last,
    .cursor_next = firn_row_cursor_next,
    .cursor_prev = firn_row_cursor_prev,
    .builder_create = firn_row_builder_create,
    .builder_add = firn_row_builder_add,
    .builder_add_range = firn_row_builder_add_range,
    .builder_set_origin = firn_row_builder_set_origin,
    .builder_size_bytes = firn_row_builder_size_bytes,
    .builder_finish = firn_row_builder_finish,
    .builder_destroy = firn_row_builder_destroy,
};

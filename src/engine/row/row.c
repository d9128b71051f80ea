/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row.c: the table of functions through which the LSM tree uses runs of rows.
 *
 * The functions in the order of a run's life: row_builder.c writes it; row_open.c opens it;
 * row_get.c looks up keys in it; row_cursor.c walks it; row_check.c verifies it. They all use
 * row_block.c and row_index.c to decode bytes, row_read.c and row_value.c to fetch them, and
 * run/run_parts.h for what runs of all kinds have. None of them knows the table: what makes a run
 * or a builder gets the table from here.
 */
#include "row/row_internal.h"

static __attribute__((cold)) int
open_run(const struct fi_run_env *env, const char *name, struct fi_run **out, firn_error *err)
{
    return fi_row_open(&fi_row_kind, env, name, out, err);
}

static int
create_builder(const struct fi_run_env *env, const char *name,
               const struct fi_run_builder_options *options, struct fi_run_builder **out,
               firn_error *err)
{
    return fi_row_builder_create(&fi_row_kind, env, name, options, out, err);
}

static int
row_origin(struct fi_run *base, struct fi_buf *numbers, struct fi_run_origin *out, firn_error *err)
{
    const struct fi_row *run = fi_row_read_run(base);
    return fi_run_sections_origin(run->reader, &run->sections, numbers, out, err);
}

static const struct fi_run_summary *
row_summary(const struct fi_run *run)
{
    DCHECK(run->kind == &fi_row_kind);
    return &((const struct fi_row *)run)->summary;
}

static const struct fi_range_set *
row_ranges(const struct fi_run *run)
{
    DCHECK(run->kind == &fi_row_kind);
    return &((const struct fi_row *)run)->ranges;
}

const struct fi_run_kind fi_row_kind = {
    .name = "row",
    .file_kind = FI_BLOCK_FILE_ROW,
    .open = open_run,
    .close = fi_row_open_close,
    .summary = row_summary,
    .ranges = row_ranges,
    .origin = row_origin,
    .get = fi_row_get,
    .get_pinned = fi_row_get_pinned,
    .get_prefetch = fi_row_get_prefetch,
    .place = fi_row_estimate_place,
    .weigh = fi_row_estimate_weigh,
    .check = fi_row_check,
    .cursor_create = fi_row_cursor_create,
    .cursor_destroy = fi_row_cursor_destroy,
    .cursor_prepare = fi_row_cursor_prepare,
    .cursor_seek = fi_row_cursor_seek,
    .cursor_seek_before = fi_row_cursor_seek_before,
    .cursor_first = fi_row_cursor_first,
    .cursor_last = fi_row_cursor_last,
    .cursor_next = fi_row_cursor_next,
    .cursor_prev = fi_row_cursor_prev,
    .builder_create = create_builder,
    .builder_add = fi_row_builder_add,
    .builder_add_range = fi_row_builder_add_range,
    .builder_set_origin = fi_row_builder_set_origin,
    .builder_size_bytes = fi_row_builder_size_bytes,
    .builder_finish = fi_row_builder_finish,
    .builder_destroy = fi_row_builder_destroy,
};

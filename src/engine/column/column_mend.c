/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_mend.c: rewrites a damaged run with everything that can be read of it.
 *
 * For each row group all chunks are read first. If a column of the value cannot be read, the rows
 * are kept without it: they get its initial value, as rows do that are older than the column. If
 * the key, or a hidden column, cannot be read, the rows of the group are left out. Both are
 * reported, with the number of affected rows; the check has described the damage before.
 *
 * Values in value files stay there, and the new run refers to them. If one of a row group cannot be
 * read, its column counts as unreadable.
 *
 * Range deletes and the origin are copied. The new run has no attachments, because they refer to
 * positions of rows in the old one. If only other parts are damaged, such as the filter, the new
 * run has everything.
 *
 * Memory: as a cursor and a builder need.
 */
#include "column/column_internal.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/slice.h"

struct mending {
    struct fi_column_run *run;
    struct fi_run_builder *builder;
    struct fi_run_mend *how;
    uint32_t *columns; /* of the value, which can be read in a group */
    size_t column_count;
};

/* Whether a failure takes away what was to be read. */
static bool
is_loss(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NOT_FOUND || rc == FIRN_IO || rc == FIRN_NEWER;
}

static void
column_mend_report(const struct mending *mending, size_t group, const char *what, uint32_t column)
{
    char text[FIRN_ERROR_TEXT_SIZE];
    char name[32] = "";
    struct fi_column_index_group info;
    fi_column_index_group(&mending->run->index, group, &info);
    if (column != 0) {
        (void)snprintf(name, sizeof name, " of column %u", column);
    }
    (void)snprintf(text, sizeof text, "'%s': row group %zu: %u %s%s",
                   fi_block_reader_path(mending->run->reader), group, info.rows, what, name);
    mending->how->on_damage(mending->how->ctx, text);
    mending->how->is_whole = false;
}

/* Whether the values of a block that lie in value files can be read. */
static int
probe_values(const struct mending *mending, struct fi_column_slot *slot, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < slot->values.count && rc == FIRN_OK; i++) {
        struct fi_cell cell = fi_column_read_value(&slot->values, i);
        rc = fi_column_values_untag(mending->run, slot, &cell, err);
    }
    return rc;
}

/* Whether all values of a slot of a group can be read. */
static int
probe(const struct mending *mending, size_t group, size_t number, bool *out, firn_error *err)
{
    struct fi_column_slot slot = {.is_open = false};
    fi_column_read_init(&slot);
    int rc = fi_column_read_open(mending->run, group, number, FI_BLOCK_CACHE_SCAN, &slot, err);
    if (rc == FIRN_OK && !slot.is_constant) {
        size_t count = fi_chunk_block_count(&slot.pin.chunk);
        for (size_t block = 0; block < count && rc == FIRN_OK; block++) {
            rc = fi_column_read_block(mending->run, &slot, block, err);
            rc = rc == FIRN_OK && slot.has_references ? probe_values(mending, &slot, err) : rc;
        }
    }
    fi_column_read_deinit(&slot);
    *out = rc == FIRN_OK;
    return is_loss(rc) ? FIRN_OK : rc;
}

/* Finds the columns of a group that can be read; *out_has_rows: the rows can be made from them. */
static int
choose_columns(struct mending *mending, size_t group, bool *out_has_rows, firn_error *err)
{
    const struct fi_column_owned *layout = &mending->run->layout;
    int rc = FIRN_OK;
    *out_has_rows = true;
    mending->column_count = 0;
    for (size_t slot = 0; slot < mending->run->index.slot_count && rc == FIRN_OK; slot++) {
        bool is_sound;
        bool is_value = slot < layout->layout.count && !layout->is_key[slot];
        rc = probe(mending, group, slot, &is_sound, err);
        if (is_value && is_sound) {
            mending->columns[mending->column_count++] = layout->layout.columns[slot].id;
        }
        *out_has_rows = *out_has_rows && (is_value || is_sound);
    }
    return rc;
}

static void
report_lost_columns(const struct mending *mending, size_t group)
{
    const struct fi_column_owned *layout = &mending->run->layout;
    size_t next = 0;
    for (size_t slot = 0; slot < layout->layout.count; slot++) {
        uint32_t id = layout->layout.columns[slot].id;
        if (layout->is_key[slot]) {
            continue;
        }
        if (next < mending->column_count && mending->columns[next] == id) {
            next++;
        } else {
            column_mend_report(mending, group, "rows are kept without their values", id);
        }
    }
}

static int
copy_rows(const struct mending *mending, size_t group, firn_error *err)
{
    struct fi_column_index_group info;
    const struct fi_run_projection projection = {.columns = mending->columns,
                                                 .count = mending->column_count};
    const struct fi_run_cursor_options options = {
        .is_sequential = true, .projection = &projection, .keeps_references = true};
    struct fi_run_cursor *cursor;
    int rc;
    fi_column_index_group(&mending->run->index, group, &info);
    FI_TRY(fi_column_cursor_create(&mending->run->base, &options, &cursor, err));
    rc = fi_column_cursor_enter(cursor, group, err);
    for (uint32_t row = 0; row < info.rows && rc == FIRN_OK; row++) {
        DCHECK(cursor->is_valid);
        rc = fi_column_builder_add(mending->builder, &cursor->entry, err);
        if (rc == FIRN_OK && row + 1 < info.rows) {
            rc = fi_column_cursor_next(cursor, err);
        }
    }
    fi_column_cursor_destroy(cursor);
out:
    return rc;
}

static int
copy_group(struct mending *mending, size_t group, firn_error *err)
{
    bool has_rows;
    int rc = choose_columns(mending, group, &has_rows, err);
    if (rc == FIRN_OK && !has_rows) {
        column_mend_report(mending, group, "rows are lost", 0);
    } else if (rc == FIRN_OK) {
        report_lost_columns(mending, group);
        rc = copy_rows(mending, group, err);
    }
    return rc;
}

static int
add_range(void *ctx, const struct fi_range *range, firn_error *err)
{
    return fi_column_builder_add_range(ctx, range, err);
}

/* A run without an origin is one as well. */
static int
copy_origin(const struct mending *mending, firn_error *err)
{
    const struct fi_column_run *run = mending->run;
    struct fi_buf numbers = {0};
    struct fi_run_origin origin;
    int rc = fi_run_sections_origin(run->reader, &run->sections, &numbers, &origin, err);
    if (rc == FIRN_OK) {
        rc = fi_column_builder_set_origin(mending->builder, &origin, err);
    } else if (is_loss(rc)) {
        rc = FIRN_OK;
    }
    fi_buf_deinit(&numbers);
    return rc;
}

static int
copy_all(struct mending *mending, struct fi_run_summary *out, firn_error *err)
{
    const struct fi_column_run *run = mending->run;
    FI_TRY_RETURN(fi_range_set_visit(&run->ranges, NULL, NULL, add_range, mending->builder, err));
    FI_TRY_RETURN(copy_origin(mending, err));
    for (size_t group = 0; group < run->index.group_count; group++) {
        FI_TRY_RETURN(copy_group(mending, group, err));
    }
    return fi_column_builder_finish(mending->builder, out, err);
}

int
fi_column_mend(struct fi_run *base, struct fi_run_mend *how, struct fi_run_summary *out,
               firn_error *err)
{
    struct fi_column_run *run = fi_column_read_run(base);
    struct mending mending = {.run = run, .how = how};
    const struct fi_run_builder_options options = {.codec = how->codec,
                                                   .layout = &run->layout.layout};
    int rc;
    DCHECK(how->on_damage != NULL);
    how->is_whole = true;
    *out = (struct fi_run_summary){0};
    mending.columns = fi_alloc_array(run->layout.layout.count + 1, sizeof *mending.columns);
    if (mending.columns == NULL) {
        return fi_error_no_memory(err, "a run");
    }
    FI_TRY(fi_column_builder_create(base->kind, &how->env, how->name, &options, &mending.builder,
                                    err));
    rc = copy_all(&mending, out, err);
    fi_column_builder_destroy(mending.builder);
    /* Its rows are out of order, or none that can be; none is left. */
    if (rc == FIRN_INVALID || rc == FIRN_LIMIT || rc == FIRN_MISUSE) {
        err->code = rc = FIRN_CORRUPT;
    }
out:
    fi_free(mending.columns);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_layout.c: the columns of a run: what a layout may contain, and a copy of it that a
 * run or a builder owns.
 *
 * A run carries its layout, so it can be read without a schema. Input of a builder is checked by
 * the same rules as bytes of a file; only the error code differs.
 *
 * (I1) Columns ascend by id and are below the hidden ones; each has a type, and the fixed size that
 *      its type has: that of a UUID is 16, that of a VECTOR a positive multiple of 4.
 * (I2) The key has 1 to FI_COLUMN_KEY_MAX columns of the layout, none twice, of types that a key
 *      may have.
 * (I3) An initial value is null or of its column's kind and size.
 */
#include "column/column_internal.h"

#include "base/mem.h"
#include "base/search.h"

enum { DIMENSION_SIZE = 4, FIXED_SIZE_MAX = 1 << 20 };

size_t
fi_column_layout_slot(const struct fi_column_layout *layout, uint32_t column)
{
    if (column >= FI_COLUMN_SEQUENCE) {
        return column <= FI_COLUMN_OPERAND ? fi_column_layout_hidden(layout, column) : SIZE_MAX;
    }
    size_t low = 0;
    size_t high = layout->count;
    FI_SEARCH_FIRST(low, high, middle, layout->columns[middle].id < column)
    return low < layout->count && layout->columns[low].id == column ? low : SIZE_MAX;
}

struct fi_column_shape
fi_column_layout_shape(const struct fi_column_layout *layout, size_t slot)
{
    DCHECK(slot < fi_column_layout_slot_count(layout));
    if (slot < layout->count) {
        const struct fi_column_def *column = &layout->columns[slot];
        return (struct fi_column_shape){fi_physical_of(column->type), column->fixed_size};
    }
    bool is_operand = slot == fi_column_layout_hidden(layout, FI_COLUMN_OPERAND);
    return (struct fi_column_shape){is_operand ? FI_PHYSICAL_BYTES : FI_PHYSICAL_U64, 0};
}

/* ---- what a layout may say ---- */

static bool
is_fixed_size(firn_type type, uint32_t size)
{
    return fi_type_class_of(type) == FI_TYPE_CLASS_VECTOR
               ? size > 0 && size % DIMENSION_SIZE == 0 && size <= FIXED_SIZE_MAX
               : size == fi_type_bytes_size(type, 0);
}

/* (I3) */
static bool
is_initial(const struct fi_column_def *column)
{
    const struct fi_cell *cell = &column->initial;
    return cell->kind == FI_PHYSICAL_NONE ||
           (cell->kind == fi_physical_of(column->type) &&
            (column->fixed_size == 0 || cell->as.bytes.size == column->fixed_size) &&
            (cell->kind != FI_PHYSICAL_BYTES || cell->as.bytes.size <= FI_COLUMN_FORMAT_CELL_MAX));
}

static int
column_layout_refuse(uint32_t column, const char *what, firn_error *err)
{
    return fi_error_set(err, FIRN_INVALID, "column %u of a layout %s", column, what);
}

/* (I1) */
static int
check_column(const struct fi_column_layout *layout, size_t i, firn_error *err)
{
    const struct fi_column_def *column = &layout->columns[i];
    if (column->id >= FI_TUPLE_COLUMN_LIMIT || (i > 0 && column[-1].id >= column->id)) {
        return column_layout_refuse(column->id, "is out of order", err);
    }
    if (!fi_type_is_valid(column->type)) {
        return column_layout_refuse(column->id, "has a type that is not known", err);
    }
    if (!is_fixed_size(column->type, column->fixed_size)) {
        return column_layout_refuse(column->id, "has a size that its type cannot have", err);
    }
    return is_initial(column)
               ? FIRN_OK /* (I3) */
               : column_layout_refuse(column->id, "has an initial value of another kind", err);
}

/* (I2) */
static int
check_key(const struct fi_column_layout *layout, firn_error *err)
{
    if (layout->key_count == 0 || layout->key_count > FI_COLUMN_KEY_MAX) {
        return fi_error_set(err, FIRN_INVALID, "the key of a layout has %zu columns",
                            layout->key_count);
    }
    for (size_t i = 0; i < layout->key_count; i++) {
        uint32_t id = layout->key[i];
        size_t slot = fi_column_layout_slot(layout, id);
        if (slot >= layout->count || !fi_type_has_order(layout->columns[slot].type)) {
            return column_layout_refuse(id, "cannot be in its key", err);
        }
        for (size_t j = 0; j < i; j++) {
            if (layout->key[j] == id) {
                return column_layout_refuse(id, "is in its key twice", err);
            }
        }
    }
    return FIRN_OK;
}

int
fi_column_layout_check(const struct fi_column_layout *layout, firn_error *err)
{
    if (layout->count > FI_COLUMN_COUNT_MAX) {
        return fi_error_set(err, FIRN_INVALID, "a layout has %zu columns", layout->count);
    }
    for (size_t i = 0; i < layout->count; i++) {
        int rc = check_column(layout, i, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return check_key(layout, err);
}

/* ---- copies ---- */

/* Moves the bytes of initial values into memory of the copy. */
static int
copy_initial(struct fi_column_owned *out)
{
    size_t size = 0;
    for (size_t i = 0; i < out->layout.count; i++) {
        const struct fi_cell *cell = &out->columns[i].initial;
        size += cell->kind == FI_PHYSICAL_BYTES ? cell->as.bytes.size : 0;
    }
    FI_TRY_RETURN(fi_buf_reserve(&out->initial, size + 1));
    for (size_t i = 0; i < out->layout.count; i++) {
        struct fi_cell *cell = &out->columns[i].initial;
        if (cell->kind == FI_PHYSICAL_BYTES) {
            size_t at = out->initial.size;
            FI_TRY_RETURN(fi_buf_append_slice(&out->initial, cell->as.bytes));
            cell->as.bytes.data = out->initial.data + at;
        }
    }
    DCHECK(out->initial.size == size);
    return FIRN_OK;
}

/* What follows from the layout. */
static void
note_key(struct fi_column_owned *out)
{
    for (size_t i = 0; i < out->layout.key_count; i++) {
        size_t slot = fi_column_layout_slot(&out->layout, out->key[i]);
        DCHECK(slot < out->layout.count && !out->is_key[slot]); /* (I2) */
        out->key_slots[i] = (uint32_t)slot;
        out->is_key[slot] = true;
    }
    out->value_count = out->layout.count - out->layout.key_count;
}

int
fi_column_layout_copy(const struct fi_column_layout *layout, struct fi_column_owned *out,
                      firn_error *err)
{
    *out = (struct fi_column_owned){.layout = *layout};
    DCHECK(fi_column_layout_check(layout, NULL) == FIRN_OK);
    out->columns = fi_memdup(layout->columns, layout->count * sizeof layout->columns[0]);
    out->key = fi_memdup(layout->key, layout->key_count * sizeof layout->key[0]);
    out->key_slots = fi_alloc_array(layout->key_count, sizeof out->key_slots[0]);
    out->is_key = fi_alloc_zeroed(fi_column_layout_slot_count(layout));
    if (out->columns == NULL || out->key == NULL || out->key_slots == NULL || out->is_key == NULL ||
        copy_initial(out) != FIRN_OK) {
        return fi_error_no_memory(err, "the columns of a run");
    }
    out->layout.columns = out->columns;
    out->layout.key = out->key;
    out->layout.graphs = NULL;
    out->layout.graph_count = 0;
    note_key(out);
    return FIRN_OK;
}

void
fi_column_layout_deinit(struct fi_column_owned *owned)
{
    fi_free(owned->columns);
    fi_free(owned->key);
    fi_free(owned->key_slots);
    fi_free(owned->is_key);
    fi_buf_deinit(&owned->initial);
    *owned = (struct fi_column_owned){0};
}

bool
fi_column_layout_wants(const struct fi_run_projection *projection, uint32_t column)
{
    size_t low = 0;
    size_t high = projection != NULL ? projection->count : 0;
    if (high > 0 && projection->columns[high - 1] - projection->columns[0] == high - 1) {
        return column - projection->columns[0] < high; /* all from the first to the last */
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (projection->columns[middle] < column) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return projection == NULL || (low < projection->count && projection->columns[low] == column);
}

bool
fi_column_layout_may_refer(const struct fi_column_layout *layout, size_t slot)
{
    struct fi_column_shape shape = fi_column_layout_shape(layout, slot);
    bool may = slot < layout->count && shape.kind == FI_PHYSICAL_BYTES && shape.fixed_size == 0;
    for (size_t i = 0; may && i < layout->key_count; i++) {
        may = layout->key[i] != layout->columns[slot].id;
    }
    return may;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_read.c: fetches chunks of a run from the cache.
 *
 * A chunk is one block of the file, which the cache verifies and decompresses when it reads it. Its
 * bytes are checked when it is pinned for the first time, which reads each block's head. The cache
 * notes the shape for which the chunk was checked; the next pin with that shape only locates its
 * parts. A value in pieces bypasses the cache, and is read on demand.
 *
 * In a chunk with references, a value is read from its value file when it is asked for, and only
 * that one; a caller that copies rows asks for the reference itself.
 *
 * Failure: errors of the block reader name file and offset. Here the column and the row group are
 * put before that text, with the keys of the group: so the message says what cannot be read, and
 * that other columns can.
 *
 * Threads: any; a slot belongs to one.
 */
#include "base/mem.h"
#include "column/column_internal.h"

#include <stdio.h>
#include <string.h>

enum {
    LARGE_KEPT_MAX = 4 << 20,  /* memory for a value that a slot keeps for the next one */
    NOTED_SIZE_LIMIT = 1 << 13 /* of values whose chunk's shape fits into a note */
};

/* ---- messages ---- */

int
fi_column_read_explain(const struct fi_column_run *run, size_t group, size_t slot, firn_error *err)
{
    static const char *const hidden[FI_COLUMN_FORMAT_HIDDEN] = {"sequence", "kind", "end of life",
                                                                "operand"};
    const struct fi_column_layout *layout = &run->layout.layout;
    char name[32];
    char from[FI_RUN_TEXT_SIZE];
    char to[FI_RUN_TEXT_SIZE];
    struct fi_column_index_group info;
    if (!fi_run_text_is_loss(err->code) || strncmp(err->text, "column ", 7) == 0 ||
        strncmp(err->text, "hidden column ", 14) == 0) { /* or said already */
        return err->code;
    }
    struct fi_block_ref ref = fi_column_index_ref(&run->index, group, slot);
    fi_column_index_group(&run->index, group, &info);
    if (slot < layout->count) {
        (void)snprintf(name, sizeof name, "column %u", layout->columns[slot].id);
    } else {
        (void)snprintf(name, sizeof name, "hidden column '%s'", hidden[slot - layout->count]);
    }
    (void)fi_run_text_place(run->reader, &ref, err);
    fi_error_prefix(err, "%s of row group %zu, keys '%s' to '%s', cannot be read", name, group,
                    fi_run_text_key(info.lower, from), fi_run_text_key(info.upper, to));
    return err->code;
}

int
fi_column_read_refuse(const struct fi_column_run *run, size_t group, size_t slot, const char *what,
                      firn_error *err)
{
    int rc = fi_error_set(err, FIRN_CORRUPT, "%s", what);
    return err == NULL ? rc : fi_column_read_explain(run, group, slot, err);
}

/* ---- chunks ---- */

static struct fi_block_guide *
guide_of(const struct fi_column_run *run, size_t group, size_t slot)
{
    DCHECK(group < run->index.group_count && slot < run->index.slot_count);
    return &run->guides[group * run->index.slot_count + slot];
}

static int
pin_block(struct fi_column_run *run, const struct fi_block_ref *ref, enum fi_block_cache_use use,
          struct fi_block_pin *out, firn_error *err)
{
    int rc = fi_block_cache_read(run->cache, run->file, run->reader, ref, use, NULL, out, err);
    if (rc == FIRN_OK && out->size != ref->raw_size) { /* two chunks that claim one place */
        fi_block_cache_unpin(run->cache, out);
        rc = fi_error_set(err, FIRN_CORRUPT, "its block has another size");
    }
    return rc;
}

/* What is noted of a block in the cache that was opened as a chunk of this shape; 0: that does not
 * fit. */
static uint32_t
note_of(const struct fi_column_shape *shape, uint32_t rows)
{
    DCHECK((unsigned)shape->kind > 0 && (unsigned)shape->kind < 8);
    DCHECK(rows > 0 && rows <= FI_CHUNK_VALUES_MAX);
    return shape->fixed_size < NOTED_SIZE_LIMIT
               ? (uint32_t)shape->kind << 29 | shape->fixed_size << 16 | (rows - 1)
               : 0;
}

/* Several threads may do so at once. Two refs that claim one place may have two shapes: that is one
 * check after the other, and each with its own. */
static int
open_chunk(const struct fi_block_pin *pin, const struct fi_column_shape *shape, uint32_t rows,
           struct fi_chunk *out, firn_error *err)
{
    firn_slice bytes = firn_bytes(pin->data, pin->size);
    uint32_t note = note_of(shape, rows);
    if (note != 0 && fi_block_cache_note(pin) == note) {
        return fi_chunk_open_again(bytes, shape->kind, shape->fixed_size, rows, out, err);
    }
    int rc = fi_chunk_open(bytes, shape->kind, shape->fixed_size, rows, out, err);
    if (rc == FIRN_OK) {
        fi_block_cache_set_note(pin, note);
    }
    return rc;
}

/* Pins the block of a chunk: where it was seen last, or where the cache finds it. */
static int
pin_chunk(struct fi_column_run *run, size_t group, size_t slot, enum fi_block_cache_use use,
          struct fi_block_pin *out, firn_error *err)
{
    struct fi_block_ref ref = fi_column_index_ref(&run->index, group, slot);
    struct fi_block_guide *guide = guide_of(run, group, slot);
    int rc = FIRN_OK;
    if (use != FI_BLOCK_CACHE_DATA) {
        rc = pin_block(run, &ref, use, out, err);
    } else if (!fi_block_cache_guide_follow(run->cache, guide, run->file, &ref, use, out)) {
        rc = pin_block(run, &ref, use, out, err);
        if (rc == FIRN_OK) {
            fi_block_cache_guide_note(run->cache, out, guide);
        }
    }
    return rc == FIRN_OK || err == NULL ? rc : fi_column_read_explain(run, group, slot, err);
}

void
fi_column_read_unpin(struct fi_column_pin *pin)
{
    if (pin->cache != NULL) {
        fi_block_cache_unpin(pin->cache, &pin->pin);
        pin->cache = NULL;
    }
    fi_free(pin->made);
    pin->made = NULL;
}

/* Opens the chunk in the block that is pinned; unpins it where that fails. */
static int
open_pinned(struct fi_column_run *run, size_t group, size_t slot, struct fi_column_pin *pin,
            firn_error *err)
{
    struct fi_column_shape shape = fi_column_layout_shape(&run->layout.layout, slot);
    struct fi_column_index_group info;
    fi_column_index_group(&run->index, group, &info);
    int rc = open_chunk(&pin->pin, &shape, info.rows, &pin->chunk, err);
    if (rc != FIRN_OK) {
        fi_column_read_unpin(pin);
    }
    return rc == FIRN_OK || err == NULL ? rc : fi_column_read_explain(run, group, slot, err);
}

int
fi_column_read_pin(struct fi_column_run *run, size_t group, size_t slot,
                   enum fi_block_cache_use use, struct fi_column_pin *out, firn_error *err)
{
    DCHECK(!fi_column_read_is_in_pieces(run, group, slot));
    out->cache = NULL;
    out->made = NULL;
    int rc = pin_chunk(run, group, slot, use, &out->pin, err);
    if (rc == FIRN_OK) {
        out->cache = run->cache;
        rc = open_pinned(run, group, slot, out, err);
    }
    return rc;
}

bool
fi_column_read_is_in_pieces(const struct fi_column_run *run, size_t group, size_t slot)
{
    return fi_column_index_ref(&run->index, group, slot).offset != 0 &&
           fi_column_index_encoding(&run->index, group, slot) == FI_COLUMN_FORMAT_IN_PIECES;
}

int
fi_column_read_pieces(struct fi_column_run *run, size_t group, size_t slot, bool keeps_references,
                      enum fi_block_cache_use use, struct fi_buf *out, firn_error *err)
{
    struct fi_block_ref ref = fi_column_index_ref(&run->index, group, slot);
    struct fi_block_pin pin = {0};
    int rc;
    DCHECK(fi_column_read_is_in_pieces(run, group, slot));
    FI_TRY(pin_block(run, &ref, use, &pin, err));
    if (fi_column_index_has_references(&run->index, group, slot)) {
        rc = fi_column_values_read(run, firn_bytes(pin.data, pin.size), keeps_references, use, out,
                                   err);
        goto out;
    }
    FI_TRY(fi_run_pieces_check_locator(firn_bytes(pin.data, pin.size), err));
    FI_TRY(fi_run_pieces_read(run->reader, firn_bytes(pin.data, pin.size), out, err));
out:
    fi_block_cache_unpin(run->cache, &pin);
    return rc == FIRN_OK || err == NULL ? rc : fi_column_read_explain(run, group, slot, err);
}

/* ---- slots ---- */

/* What the rows of a group have in a hidden column that is not there. */
static struct fi_cell
absent(const struct fi_column_run *run, size_t group, size_t number)
{
    const struct fi_column_layout *layout = &run->layout.layout;
    struct fi_cell cell = {.kind = FI_PHYSICAL_NONE};
    DCHECK(number >= layout->count);
    if (number == fi_column_layout_hidden(layout, FI_COLUMN_SEQUENCE)) {
        struct fi_column_index_group info;
        fi_column_index_group(&run->index, group, &info);
        cell.kind = FI_PHYSICAL_U64;
        cell.as.u64 = info.sequence_min;
    } else if (number == fi_column_layout_hidden(layout, FI_COLUMN_KIND)) {
        cell.kind = FI_PHYSICAL_U64;
        cell.as.u64 = FI_ENTRY_PUT;
    }
    return cell;
}

void
fi_column_read_prefetch(const struct fi_column_run *run, size_t group, size_t number)
{
    fi_block_cache_guide_prefetch(run->cache, guide_of(run, group, number),
                                  FI_BLOCK_CACHE_GUIDE_HEAD);
}

int
fi_column_read_fetch(struct fi_column_run *run, size_t group, size_t number,
                     enum fi_block_cache_use use, struct fi_column_slot *slot, firn_error *err)
{
    DCHECK(!slot->is_open && !slot->is_fetched);
    slot->number = number;
    slot->group = group;
    int rc = pin_chunk(run, group, number, use, &slot->pin.pin, err);
    if (rc == FIRN_OK) {
        slot->pin.cache = run->cache;
        slot->pin.made = NULL;
        slot->is_fetched = true;
        __builtin_prefetch(slot->pin.pin.data);
    }
    return rc;
}

int
fi_column_read_open(struct fi_column_run *run, size_t group, size_t number,
                    enum fi_block_cache_use use, struct fi_column_slot *slot, firn_error *err)
{
    struct fi_column_index_group info;
    if (slot->is_open) {
        DCHECK(slot->group == group && slot->number == number);
        return FIRN_OK;
    }
    fi_column_index_group(&run->index, group, &info);
    DCHECK(info.rows > 0 && info.rows <= FI_CHUNK_VALUES_MAX); /* (I2) of column_index.c */
    slot->number = number;
    slot->group = group;
    slot->rows = info.rows;
    slot->block = SIZE_MAX;
    slot->is_constant = false;
    slot->use = use;
    slot->has_references = fi_column_index_has_references(&run->index, group, number);
    int rc = FIRN_OK;
    if (slot->is_fetched) {
        slot->is_fetched = false;
        rc = open_pinned(run, group, number, &slot->pin, err);
    } else if (fi_column_index_ref(&run->index, group, number).offset == 0) {
        slot->is_constant = true;
        slot->constant = absent(run, group, number);
    } else if (fi_column_read_is_in_pieces(run, group, number)) {
        bool is_kept = slot->has_references && slot->keeps_references;
        rc = fi_column_read_pieces(run, group, number, is_kept, use, &slot->large, err);
        slot->is_constant = true;
        slot->constant =
            (struct fi_cell){.kind = is_kept ? FI_PHYSICAL_REFERENCE : FI_PHYSICAL_BYTES,
                             .as.bytes = fi_buf_slice(&slot->large)};
    } else {
        rc = fi_column_read_pin(run, group, number, use, &slot->pin, err);
    }
    slot->is_open = rc == FIRN_OK;
    return rc;
}

void
fi_column_read_close(struct fi_column_slot *slot)
{
    if (slot->is_fetched || (slot->is_open && !slot->is_constant)) {
        fi_column_read_unpin(&slot->pin);
    }
    if (slot->large.capacity > LARGE_KEPT_MAX) {
        fi_buf_deinit(&slot->large);
    }
    slot->is_open = slot->is_fetched = false;
    slot->block = SIZE_MAX;
}

void
fi_column_read_deinit(struct fi_column_slot *slot)
{
    fi_column_read_close(slot);
    fi_buf_deinit(&slot->large);
    fi_chunk_scratch_deinit(&slot->scratch);
}

struct fi_cell
fi_column_read_value(const struct fi_chunk_values *values, size_t i)
{
    struct fi_cell cell = {.kind = values->kind};
    DCHECK(i < values->count);
    if (values->valid != NULL && (values->valid[i / 64] >> i % 64 & 1) == 0) {
        cell.kind = FI_PHYSICAL_NONE;
        return cell;
    }
    switch (values->kind) {
    case FI_PHYSICAL_F32:
        cell.as.f32 = values->as.f32[i];
        break;
    case FI_PHYSICAL_BYTES:
        cell.as.bytes = values->as.bytes[i];
        break;
    default:
        memcpy(&cell.as, &values->as.u64[i], sizeof values->as.u64[i]);
        break;
    }
    return cell;
}

int
fi_column_read_block(struct fi_column_run *run, struct fi_column_slot *slot, size_t block,
                     firn_error *err)
{
    DCHECK(slot->is_open && !slot->is_constant);
    if (slot->block == block) {
        return FIRN_OK;
    }
    slot->block = SIZE_MAX;
    int rc = fi_chunk_read_block(&slot->pin.chunk, block, NULL, &slot->scratch, &slot->values, err);
    if (rc == FIRN_OK) {
        slot->block = block;
        DCHECK(slot->values.count == fi_chunk_block_size(&slot->pin.chunk, block));
    } else if (err != NULL) {
        rc = fi_column_read_explain(run, slot->group, slot->number, err);
    }
    return rc;
}

int
fi_column_read_cell(struct fi_column_run *run, struct fi_column_slot *slot, uint32_t row,
                    struct fi_cell *out, firn_error *err)
{
    DCHECK(slot->is_open && row < slot->rows);
    if (slot->is_constant) {
        *out = slot->constant;
        return FIRN_OK;
    }
    if (slot->block == row / FI_CHUNK_BLOCK) {
        *out = fi_column_read_value(&slot->values, row % FI_CHUNK_BLOCK);
    } else {
        slot->block = SIZE_MAX; /* what was decoded goes with the scratch */
        int rc = fi_chunk_get(&slot->pin.chunk, row, &slot->scratch, out, err);
        if (rc != FIRN_OK) {
            return err == NULL ? rc : fi_column_read_explain(run, slot->group, slot->number, err);
        }
    }
    return slot->has_references ? fi_column_values_untag(run, slot, out, err) : FIRN_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_reference.h: entries whose values lie in value files (block/value_file.h).
 *
 * In a block such an entry is a tombstone with something elsewhere, which nothing else is; what
 * lies there in the place of a value:
 *
 *   kind of the entry, 1 byte | head of an expiring put, 8 bytes | reference
 */
#ifndef FIRN_ROW_ROW_REFERENCE_H
#define FIRN_ROW_ROW_REFERENCE_H

#include "block/value_file.h"
#include "row/row_block.h"

static inline bool
firn_row_reference_is_one(const struct firn_row_slot *slot)
{
    return slot->is_elsewhere && slot->kind == FIRN_ENTRY_DELETE;
}

/* Of such an entry, whose block has passed its check: what it is, and its value as struct
 * firn_entry has it, head and reference. */
static inline enum firn_entry_kind
firn_row_reference_kind(const struct firn_row_slot *slot)
{
    return (enum firn_entry_kind)slot->value.data[0];
}
static inline firn_slice
firn_row_reference_value(const struct firn_row_slot *slot)
{
    return firn_bytes(slot->value.data + 1, slot->value.size - 1);
}

/* For the check of blocks: whether the bytes are such a value. */
bool firn_row_reference_is_sound(firn_slice bytes);
/* Whether a builder may take the entry, which has a reference. */
bool firn_row_reference_fits(const struct firn_entry *entry);
/* Replaces the contents of out with the bytes for an entry. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_row_reference_encode(const struct firn_entry *entry, struct firn_buf *out);
/* Bytes of the value that an entry with a reference has, head included. */
uint64_t firn_row_reference_value_size(enum firn_entry_kind kind, firn_slice value);
/* Replaces the contents of out (NULL: it is verified alone) with the value, head included. */
FIRN_MUST_CHECK int firn_row_reference_read(const struct firn_run_values *values,
                                            const struct firn_row_slot *slot,
                                            enum firn_block_cache_use use, struct firn_buf *out,
                                            firn_error *err);

#endif

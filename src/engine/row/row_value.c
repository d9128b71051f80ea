/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_value.c: references to value files, as entries of a block.
 *
 * The head of an expiring put stays in the entry, so that a compaction needs not read its value.
 * Only puts and expiring puts have references: merge operands are read and written together with
 * their neighbours anyway.
 *
 * Failure: FIRN_CORRUPT, as in run/value_file.c.
 */
#include "row/row_internal.h"

static bool
may_refer(enum firn_entry_kind kind)
{
    return kind == FIRN_ENTRY_PUT || kind == FIRN_ENTRY_EXPIRING;
}

/* Takes the reference out of a value; false where there is none, or the value would be too
 * large. */
static bool
decode(enum firn_entry_kind kind, firn_slice value, struct firn_value_file_reference *out)
{
    size_t head = firn_entry_head_size(kind);
    return value.size >= head &&
           firn_value_file_decode(firn_bytes(value.data + head, value.size - head), out) &&
           out->value_size <= FIRN_ENTRY_VALUE_SIZE_MAX - head;
}

bool
firn_row_value_reference_is_sound(firn_slice bytes)
{
    struct firn_value_file_reference reference;
    return bytes.size > 0 && may_refer((enum firn_entry_kind)bytes.data[0]) &&
           decode((enum firn_entry_kind)bytes.data[0], firn_bytes(bytes.data + 1, bytes.size - 1),
                  &reference);
}

bool
firn_row_value_reference_fits(const struct firn_entry *entry)
{
    struct firn_value_file_reference reference;
    return may_refer(entry->kind) && decode(entry->kind, entry->value, &reference);
}

int
firn_row_value_reference_encode(const struct firn_entry *entry, struct firn_buf *out)
{
    DCHECK(firn_row_value_reference_fits(entry));
    firn_buf_clear(out);
    int rc = firn_buf_append_u8(out, (uint8_t)entry->kind);
    return rc == FIRN_OK ? firn_buf_append_slice(out, entry->value) : rc;
}

uint64_t
firn_row_value_reference_value_size(enum firn_entry_kind kind, firn_slice value)
{
    struct firn_value_file_reference reference;
    CHECK(decode(kind, value, &reference));
    return firn_entry_head_size(kind) + reference.value_size;
}

uint64_t
firn_row_value_reference_span(const struct firn_row_slot *slot)
{
    struct firn_value_file_reference reference;
    DCHECK(firn_row_reference_is_one(slot));
    CHECK(decode(firn_row_reference_kind(slot), firn_row_reference_value(slot), &reference));
    return firn_value_file_span(&reference);
}

int
firn_row_value_reference_read(const struct firn_run_values *values,
                              const struct firn_row_slot *slot, enum firn_block_cache_use use,
                              struct firn_buf *out, firn_error *err)
{
    DCHECK(firn_row_reference_is_one(slot) && firn_row_value_reference_is_sound(slot->value));
    firn_slice value = firn_row_reference_value(slot);
    size_t head = firn_entry_head_size(firn_row_reference_kind(slot));
    if (out != NULL) {
        firn_buf_clear(out);
        if (firn_buf_append(out, value.data, head) != FIRN_OK) {
            return firn_error_no_memory(err, "a value");
        }
    }
    return firn_value_file_resolve(values, firn_bytes(value.data + head, value.size - head), use,
                                   out, err);
}

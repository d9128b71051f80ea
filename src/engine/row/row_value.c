/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_value.c: references to value files, as entries of a block.
 *
 * The head of an expiring put stays in the entry, so that a compaction needs not read its value.
 * Only puts and expiring puts have references: merge operands are read and written together with
 * their neighbours anyway.
 *
 * Failure: FIRN_CORRUPT, as in run/run_value_file.c.
 */
#include "row/row_internal.h"

static bool
may_refer(enum fi_entry_kind kind)
{
    return kind == FI_ENTRY_PUT || kind == FI_ENTRY_EXPIRING;
}

/* Takes the reference out of a value; false where there is none, or the value would be too
 * large. */
static bool
row_value_decode(enum fi_entry_kind kind, firn_slice value, struct fi_run_value_file_reference *out)
{
    size_t head = fi_entry_head_size(kind);
    return value.size >= head &&
           fi_run_value_file_decode(firn_bytes(value.data + head, value.size - head), out) &&
           out->value_size <= FI_ENTRY_VALUE_SIZE_MAX - head;
}

bool
fi_row_value_reference_is_sound(firn_slice bytes)
{
    struct fi_run_value_file_reference reference;
    return bytes.size > 0 && may_refer((enum fi_entry_kind)bytes.data[0]) &&
           row_value_decode((enum fi_entry_kind)bytes.data[0],
                            firn_bytes(bytes.data + 1, bytes.size - 1), &reference);
}

bool
fi_row_value_reference_fits(const struct fi_entry *entry)
{
    struct fi_run_value_file_reference reference;
    return may_refer(entry->kind) && row_value_decode(entry->kind, entry->value, &reference);
}

int
fi_row_value_reference_encode(const struct fi_entry *entry, struct fi_buf *out)
{
    DCHECK(fi_row_value_reference_fits(entry));
    fi_buf_clear(out);
    int rc = fi_buf_append_u8(out, (uint8_t)entry->kind);
    return rc == FIRN_OK ? fi_buf_append_slice(out, entry->value) : rc;
}

uint64_t
fi_row_value_reference_value_size(enum fi_entry_kind kind, firn_slice value)
{
    struct fi_run_value_file_reference reference;
    CHECK(row_value_decode(kind, value, &reference));
    return fi_entry_head_size(kind) + reference.value_size;
}

uint64_t
fi_row_value_reference_span(const struct fi_row_slot *slot)
{
    struct fi_run_value_file_reference reference;
    DCHECK(fi_row_reference_is_one(slot));
    CHECK(row_value_decode(fi_row_reference_kind(slot), fi_row_reference_value(slot), &reference));
    return fi_run_value_file_span(&reference);
}

int
fi_row_value_reference_read(const struct fi_run_values *values, const struct fi_row_slot *slot,
                            enum fi_block_cache_use use, struct fi_buf *out, firn_error *err)
{
    DCHECK(fi_row_reference_is_one(slot) && fi_row_value_reference_is_sound(slot->value));
    firn_slice value = fi_row_reference_value(slot);
    size_t head = fi_entry_head_size(fi_row_reference_kind(slot));
    if (out != NULL) {
        fi_buf_clear(out);
        if (fi_buf_append(out, value.data, head) != FIRN_OK) {
            return fi_error_no_memory(err, "a value");
        }
    }
    return fi_run_value_file_resolve(values, firn_bytes(value.data + head, value.size - head), use,
                                     out, err);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_pending.h: the entries of the data block that a builder is filling.
 *
 * One thread. A zeroed struct is empty.
 */
#ifndef FIRN_ROW_ROW_PENDING_H
#define FIRN_ROW_ROW_PENDING_H

#include "base/buf.h"
#include "base/entry.h"
#include "base/error.h"
#include "row/row_format.h"

/* What makes the size of a block. */
struct firn_row_pending_sums {
    size_t count;
    size_t shared_size; /* all keys have so many first bytes in common */
    size_t key_bytes;   /* of all keys, whole */
    size_t value_bytes;
    size_t word_bytes; /* at most: of the varints */
    uint64_t sequence_min;
    uint64_t sequence_max;
};

struct firn_row_pending_item;

struct firn_row_pending {
    struct firn_buf bytes; /* keys and values */
    struct firn_row_pending_item *items;
    size_t capacity;
    struct firn_row_pending_sums sums;
};

void firn_row_pending_deinit(struct firn_row_pending *pending);
/* Forgets the entries, keeps the memory. */
void firn_row_pending_clear(struct firn_row_pending *pending);

/* Of a pending that is not empty. Borrowed until the next add or clear. */
firn_slice firn_row_pending_last_key(const struct firn_row_pending *pending);

/* The sums with one more entry. */
struct firn_row_pending_sums firn_row_pending_with(const struct firn_row_pending *pending,
                                                   const struct firn_entry *entry);
/* What the block has at most, encoded; SIZE_MAX if one block cannot have so many entries. */
size_t firn_row_pending_size_max(const struct firn_row_pending_sums *sums);

/* An entry behind the last one. Its value is a locator where is_elsewhere. FIRN_NO_MEMORY:
 * unchanged. */
FIRN_MUST_CHECK int firn_row_pending_add(struct firn_row_pending *pending,
                                         const struct firn_entry *entry, bool is_elsewhere,
                                         uint8_t tag,
                                         const struct firn_row_pending_sums *sums_with);
/* Replaces the contents of out with the block; not empty. */
FIRN_MUST_CHECK int firn_row_pending_encode(const struct firn_row_pending *pending,
                                            struct firn_buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * base/entry.h: one version of a key, as memtables, logs and runs hold it, and the order of them.
 */
#ifndef FIRN_BASE_ENTRY_H
#define FIRN_BASE_ENTRY_H

#include <stdint.h>

#include "base/slice.h"
#include "firn/types.h"

/* On disk (log and runs). */
enum firn_entry_kind {
    FIRN_ENTRY_PUT = 1,
    FIRN_ENTRY_DELETE = 2,
    /* Covers the versions of the keys in [key, value) whose sequences are smaller than its own. It
     * lies beside the versions of keys, never among them. */
    FIRN_ENTRY_RANGE_DELETE = 3
};

struct firn_entry {
    firn_slice key;
    firn_slice value; /* empty for FIRN_ENTRY_DELETE */
    uint64_t sequence;
    enum firn_entry_kind kind;
};

/* The order of entries everywhere: by key in byte order, then by sequence with the newest first. */
static inline int
firn_entry_compare(firn_slice key_a, uint64_t sequence_a, firn_slice key_b, uint64_t sequence_b)
{
    int order = firn_slice_compare(key_a, key_b);
    if (order != 0) {
        return order;
    }
    return sequence_a > sequence_b ? -1 : sequence_a < sequence_b;
}

#endif

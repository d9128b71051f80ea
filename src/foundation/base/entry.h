/* SPDX-License-Identifier: Apache-2.0
 *
 * base/entry.h: one version of a key, as in memtables, logs and runs, and the order of versions.
 */
#ifndef FIRN_BASE_ENTRY_H
#define FIRN_BASE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "firn/types.h"

/* On disk (log and runs). */
enum fi_entry_kind {
    FI_ENTRY_PUT = 1,
    FI_ENTRY_DELETE = 2,
    /* Covers the versions of the keys in [key, value) with sequences smaller than its own. It is
     * stored beside the versions of keys, never among them. */
    FI_ENTRY_RANGE_DELETE = 3,
    /* Changes the older value. Its value is a byte that says how, one of firn_merge_operator, and
     * the operand: see merge/merge.h. */
    FI_ENTRY_MERGE = 4,
    /* A put until a certain time, and from then on a delete. Its value begins with that time, in
     * milliseconds since 1970: 8 bytes, little-endian. */
    FI_ENTRY_EXPIRING = 5
};

/* Size of what precedes the user's value in those two kinds. */
enum { FI_ENTRY_MERGE_HEAD_SIZE = 1, FI_ENTRY_EXPIRING_HEAD_SIZE = 8 };
enum { FI_ENTRY_LOGGED_SIZE = 24 };

/* Everywhere, and of foreign bytes too. A bound of a range is at most a key with a zero byte after
 * it. firn/store.h promises the same. */
enum {
    FI_ENTRY_KEY_SIZE_MAX = 512 << 10,
    FI_ENTRY_BOUND_SIZE_MAX = FI_ENTRY_KEY_SIZE_MAX + 1,
    FI_ENTRY_VALUE_SIZE_MAX = 256 << 20
};

/* Where references lead: see run/run_kind.h. */
struct fi_run_values;

struct fi_entry {
    firn_slice key;
    firn_slice value; /* empty for FI_ENTRY_DELETE */
    uint64_t sequence;
    enum fi_entry_kind kind;
    /* NULL; or resolves the reference that replaces the bytes of the value after its head, in a put
     * or an expiring put (run/run_value_file.h). Valid as long as the run. */
    const struct fi_run_values *values;
    /* NULL; or, for a put or an expiring put in a memtable, FI_ENTRY_LOGGED_SIZE bytes that say
     * where the log has its value (memtable/memtable.h). They come right after the value, so a
     * value at another address was replaced. */
    const uint8_t *logged;
    /* If values is not NULL: the value is a tuple, and references replace some of its cells
     * (run/run_value_file.h), not all of it. */
    bool has_cells;
};

static inline size_t
fi_entry_head_size(enum fi_entry_kind kind)
{
    return kind == FI_ENTRY_MERGE      ? FI_ENTRY_MERGE_HEAD_SIZE
           : kind == FI_ENTRY_EXPIRING ? FI_ENTRY_EXPIRING_HEAD_SIZE
                                       : 0;
}

/* The value of a FI_ENTRY_EXPIRING: its expiry, and the user's value. */
static inline uint64_t
fi_entry_expires_ms(firn_slice value)
{
    return fi_load_le64(value.data);
}
static inline firn_slice
fi_entry_expiring_value(firn_slice value)
{
    return firn_bytes(value.data + FI_ENTRY_EXPIRING_HEAD_SIZE,
                      value.size - FI_ENTRY_EXPIRING_HEAD_SIZE);
}

/* The order of entries everywhere: by key in byte order, then by sequence with the newest first. */
static inline int
fi_entry_compare(firn_slice key_a, uint64_t sequence_a, firn_slice key_b, uint64_t sequence_b)
{
    int order = fi_slice_compare(key_a, key_b);
    if (order != 0) {
        return order;
    }
    return sequence_a > sequence_b ? -1 : sequence_a < sequence_b;
}

#endif

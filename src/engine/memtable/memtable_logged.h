/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable_logged.h: where the log has a large value that lies in a memtable, in the bytes that
 * stand behind the value there (firn_entry.logged): three numbers of 8 bytes.
 */
#ifndef FIRN_MEMTABLE_MEMTABLE_LOGGED_H
#define FIRN_MEMTABLE_MEMTABLE_LOGGED_H

#include "base/bytes.h"
#include "base/entry.h"

struct firn_memtable_logged {
    uint64_t segment;
    uint64_t offset;   /* in the segment's file, of the value without its head */
    uint64_t checksum; /* of that: firn_value_file_checksum */
};

static inline void
firn_memtable_logged_encode(const struct firn_memtable_logged *logged, uint8_t *out)
{
    firn_store_le64(out, logged->segment);
    firn_store_le64(out + 8, logged->offset);
    firn_store_le64(out + 16, logged->checksum);
}

/* False where the entry's value is not one that the log has, or not any more: it was replaced on
 * its way. */
static inline bool
firn_memtable_logged_decode(const struct firn_entry *entry, struct firn_memtable_logged *out)
{
    if (entry->logged == NULL || entry->logged != entry->value.data + entry->value.size) {
        return false;
    }
    out->segment = firn_load_le64(entry->logged);
    out->offset = firn_load_le64(entry->logged + 8);
    out->checksum = firn_load_le64(entry->logged + 16);
    return true;
}

#endif

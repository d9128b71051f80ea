/* SPDX-License-Identifier: Apache-2.0
 *
 * alxs/alxs_index.c: where the blocks of a table begin.
 *
 * The format has no index, so opening makes one. It divides a table into blocks of about 64 KiB,
 * with an entry of 32 bytes for each. An entry holds the checksum of all records before its block,
 * which opening computes anyway. Two neighbouring entries give the checksum of a block, so a
 * block can be verified whenever it is read again.
 *
 * A block begins when the one before has reached its stride, or with a record that would make that
 * one more than twice as large. So a block has less than twice the stride, or one large record and
 * less than a stride besides.
 *
 * Memory is bounded for any file: when the entries reach their maximum, the stride doubles, and
 * entries that are too near to the previous kept one are removed, until half are left.
 *
 * The first 12 bytes of a key are kept, with zeros after a shorter one. If these differ, their
 * order is that of the keys. If they do not, and there is more to compare, the key is read from
 * the file and compared with its own checksum: damage cannot mislead a search.
 *
 * Changed while a table is opened; afterwards any thread may search.
 */
#include <inttypes.h>
#include <string.h>

#include "alxs/alxs.h"
#include "alxs/alxs_format.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/crc32.h"

enum { STRIDE = 64 << 10, COUNT_FIRST = 32, KEY_PIECE_SIZE = 4096 };

_Static_assert(sizeof(struct fi_alxs_index_entry) == 32, "an entry of the index has 32 bytes");

void
fi_alxs_index_init(struct fi_alxs_index *index, uint64_t memory_max)
{
    uint64_t count_max = memory_max / sizeof(struct fi_alxs_index_entry);
    *index = (struct fi_alxs_index){.stride = STRIDE};
    index->count_max = count_max < COUNT_FIRST ? COUNT_FIRST : (size_t)count_max;
}

void
fi_alxs_index_deinit(struct fi_alxs_index *index)
{
    fi_free(index->entries);
    *index = (struct fi_alxs_index){0};
}

/* ---- building ---- */

static bool
begins_block(const struct fi_alxs_index *index, const struct fi_alxs_record *record)
{
    if (index->count == 0) {
        return true;
    }
    DCHECK(record->offset > index->entries[index->count - 1].offset); /* in their order */
    uint64_t before = record->offset - index->entries[index->count - 1].offset;
    return before >= index->stride || before + record->size > 2 * index->stride;
}

/* Doubles the stride until at most half of the entries are left. */
static void
thin_out(struct fi_alxs_index *index)
{
    while (index->count > index->count_max / 2) {
        size_t kept = 1;
        index->stride *= 2;
        for (size_t i = 1; i < index->count; i++) {
            if (index->entries[i].offset - index->entries[kept - 1].offset >= index->stride) {
                index->entries[kept++] = index->entries[i];
            }
        }
        DCHECK(kept > 0 && kept <= index->count);
        index->count = kept;
    }
}

static int
alxs_index_grow(struct fi_alxs_index *index, firn_error *err)
{
    size_t capacity = index->capacity == 0 ? COUNT_FIRST : index->capacity * 2;
    capacity = capacity < index->count_max ? capacity : index->count_max;
    void *entries = fi_resize_array(index->entries, capacity, sizeof *index->entries);
    if (entries == NULL) {
        return fi_error_no_memory(err, "the index of a table");
    }
    DCHECK(capacity > index->count && capacity <= index->count_max);
    index->entries = entries;
    index->capacity = capacity;
    return FIRN_OK;
}

static void
put_head(uint8_t head[FI_ALXS_INDEX_HEAD_SIZE], firn_slice key)
{
    size_t size = key.size < FI_ALXS_INDEX_HEAD_SIZE ? key.size : FI_ALXS_INDEX_HEAD_SIZE;
    memset(head, 0, FI_ALXS_INDEX_HEAD_SIZE);
    if (size > 0) {
        memcpy(head, key.data, size);
    }
}

int
fi_alxs_index_add(struct fi_alxs_index *index, const struct fi_alxs_record *record, firn_error *err)
{
    if (!begins_block(index, record)) {
        return FIRN_OK;
    }
    if (index->count == index->count_max) {
        thin_out(index);
        if (!begins_block(index, record)) {
            return FIRN_OK;
        }
    }
    if (index->count == index->capacity) {
        FI_TRY_RETURN(alxs_index_grow(index, err));
    }
    CHECK(index->count < index->capacity);
    struct fi_alxs_index_entry *entry = &index->entries[index->count++];
    entry->offset = record->offset;
    entry->crc_before = record->crc_before;
    entry->key_size = (uint32_t)record->key.size;
    entry->key_crc = fi_crc32(0, record->key.data, record->key.size);
    put_head(entry->head, record->key);
    return FIRN_OK;
}

/* ---- searching ---- */

/* Reads the key of an entry from the file and compares it with a key. */
static int
compare_in_file(const struct fi_alxs_index_entry *entry, struct fi_os_file *file, firn_slice key,
                int *out_order, firn_error *err)
{
    int order = 0;
    uint32_t crc = 0;
    uint8_t piece[KEY_PIECE_SIZE];
    for (size_t done = 0; done < entry->key_size;) {
        size_t left = entry->key_size - done;
        size_t size = left < sizeof piece ? left : sizeof piece;
        FI_TRY_RETURN(fi_os_file_read_exact(file, entry->offset + FI_ALXS_RECORD_HEAD_SIZE + done,
                                            piece, size, err));
        crc = fi_crc32(crc, piece, size);
        if (order == 0 && done < key.size) {
            size_t common = key.size - done < size ? key.size - done : size;
            order = memcmp(piece, key.data + done, common);
        }
        done += size;
    }
    if (crc != entry->key_crc) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "the key at offset %" PRIu64
                            " of '%s' is not what it was when the table was opened",
                            entry->offset + FI_ALXS_RECORD_HEAD_SIZE, fi_os_file_path(file));
    }
    if (order == 0) {
        order = (entry->key_size > key.size) - (entry->key_size < key.size);
    }
    *out_order = order;
    return FIRN_OK;
}

static int
compare_entry(const struct fi_alxs_index_entry *entry, struct fi_os_file *file, firn_slice key,
              int *out_order, firn_error *err)
{
    uint8_t head[FI_ALXS_INDEX_HEAD_SIZE];
    put_head(head, key);
    *out_order = memcmp(entry->head, head, sizeof head);
    if (*out_order != 0) {
        return FIRN_OK;
    }
    if (entry->key_size <= sizeof head && key.size <= sizeof head) {
        /* Both are known whole, and differ at most in zeros at the end. */
        *out_order = (entry->key_size > key.size) - (entry->key_size < key.size);
        return FIRN_OK;
    }
    return compare_in_file(entry, file, key, out_order, err);
}

int
fi_alxs_index_rank(const struct fi_alxs_index *index, struct fi_os_file *file, firn_slice key,
                   enum fi_alxs_bound bound, size_t *out, firn_error *err)
{
    size_t low = 0;
    size_t high = index->count;
    int least = bound == FI_ALXS_BELOW ? 0 : 1; /* the least order that is not counted */
    while (low < high) {
        int order = 0;
        size_t middle = low + (high - low) / 2;
        int rc = compare_entry(&index->entries[middle], file, key, &order, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (order < least) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    DCHECK(low == high && low <= index->count);
    *out = low;
    return FIRN_OK;
}

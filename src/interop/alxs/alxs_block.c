/* SPDX-License-Identifier: Apache-2.0
 *
 * alxs/alxs_block.c: a block of a table in memory, verified.
 *
 * The index has one entry for each block. A block is read whole, compared with its checksum, and
 * divided into records. So only bytes are returned that were there when the whole table was
 * checked. The memory for a block is its size, which that check has established.
 *
 * One thread at a time.
 */
#include <inttypes.h>

#include "alxs/alxs.h"
#include "alxs/alxs_format.h"
#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/search.h"
#include "codec/crc32.h"

void
fi_alxs_block_deinit(struct fi_alxs_block *block)
{
    fi_free(block->bytes);
    fi_free(block->starts);
    *block = (struct fi_alxs_block){0};
}

static const uint8_t *
record_at(const struct fi_alxs_block *block, size_t i)
{
    DCHECK(i < block->count && block->starts[i] < block->size);
    return block->bytes + block->starts[i];
}

firn_slice
fi_alxs_block_key(const struct fi_alxs_block *block, size_t i)
{
    const uint8_t *head = record_at(block, i);
    DCHECK(fi_range_inside(block->starts[i], fi_alxs_format_record_size(head), block->size));
    return firn_bytes(head + FI_ALXS_RECORD_HEAD_SIZE, fi_load_le32(head));
}

firn_slice
fi_alxs_block_value(const struct fi_alxs_block *block, size_t i)
{
    firn_slice key = fi_alxs_block_key(block, i);
    return firn_bytes(key.data + key.size, fi_load_le32(record_at(block, i) + 4));
}

size_t
fi_alxs_block_rank(const struct fi_alxs_block *block, firn_slice key, enum fi_alxs_bound bound)
{
    size_t low = 0;
    size_t high = block->count;
    int least = bound == FI_ALXS_BELOW ? 0 : 1; /* the least order that is not counted */
    FI_SEARCH_FIRST(low, high, middle,
                    fi_alxs_format_compare(fi_alxs_block_key(block, middle), key) < least)
    return low;
}

/* ---- loading ---- */

static int
add_start(struct fi_alxs_block *block, size_t start, firn_error *err)
{
    FI_TRY_RETURN(FI_VEC_RESERVE(block->starts, block->count + 1, block->starts_capacity, err));
    DCHECK(block->count < block->starts_capacity);
    block->starts[block->count++] = start;
    return FIRN_OK;
}

/* Divides the bytes into records. False if they are not records from end to end. */
static int
find_records(struct fi_alxs_block *block, bool *out_is_whole, firn_error *err)
{
    size_t size = block->size;
    *out_is_whole = false;
    for (size_t at = 0; at < size;) {
        if (!fi_range_inside(at, FI_ALXS_RECORD_HEAD_SIZE, size)) {
            return FIRN_OK;
        }
        uint64_t record_size = fi_alxs_format_record_size(block->bytes + at);
        if (!fi_range_inside(at, record_size, size)) {
            return FIRN_OK;
        }
        int rc = add_start(block, at, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        at += (size_t)record_size;
    }
    *out_is_whole = true;
    return FIRN_OK;
}

/* Reserves as much memory as the block needs and no more: a large record is a block. */
static int
make_room(struct fi_alxs_block *block, uint64_t size, firn_error *err)
{
    block->size = 0;
    if (size > block->capacity) {
        fi_free(block->bytes);
        block->bytes = size > SIZE_MAX ? NULL : fi_alloc((size_t)size);
        block->capacity = block->bytes == NULL ? 0 : (size_t)size;
        if (block->bytes == NULL) {
            return fi_error_no_memory(err, "a part of a table");
        }
    }
    block->size = (size_t)size;
    DCHECK(block->bytes != NULL && block->size <= block->capacity);
    return FIRN_OK;
}

/* Where a block ends, and the checksum of all records up to there. */
static void
end_of_block(const struct firn_alxs *table, size_t number, uint64_t *out_end, uint32_t *out_crc)
{
    if (number + 1 < table->index.count) {
        *out_end = table->index.entries[number + 1].offset;
        *out_crc = table->index.entries[number + 1].crc_before;
    } else {
        *out_end = table->info.file_size - FI_ALXS_FOOTER_SIZE;
        *out_crc = table->info.checksum;
    }
}

int
fi_alxs_block_load(struct fi_alxs_block *block, const struct firn_alxs *table, size_t number,
                   firn_error *err)
{
    int rc = FIRN_OK;
    uint64_t end;
    uint32_t crc;
    bool is_whole = false;
    DCHECK(number < table->index.count);
    const struct fi_alxs_index_entry *entry = &table->index.entries[number];
    if (block->count > 0 && block->number == number) {
        return FIRN_OK;
    }
    block->count = 0;
    end_of_block(table, number, &end, &crc);
    DCHECK(end > entry->offset); /* at least one record */
    FI_TRY(make_room(block, end - entry->offset, err));
    FI_TRY(fi_os_file_read_exact(table->file, entry->offset, block->bytes, block->size, err));
    if (fi_crc32(entry->crc_before, block->bytes, block->size) == crc) {
        FI_TRY(find_records(block, &is_whole, err));
    }
    if (!is_whole) {
        FI_TRY(fi_error_set(err, FIRN_CORRUPT,
                            "the records from offset %" PRIu64 " to %" PRIu64
                            " of '%s' are not what they were when the table was opened",
                            entry->offset, end, fi_os_file_path(table->file)));
    }
    DCHECK(block->count > 0);
    block->number = number;
out:
    if (rc != FIRN_OK) {
        block->count = 0;
    }
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_lookup.c: all rows of a table by their key, in memory: what a join asks for again and again.
 *
 * SQLite joins by loops: for each row of one table it looks up rows of the other by their key. A lookup in a store finds its way through
 * blocks each time, and costs as much as scanning dozens of rows. So a statement that has looked up so many rows that a scan of the
 * whole table costs no more gets the table scanned, once, with the columns that it uses, into a hash table (sql_table.c decides when).
 *
 * Only keys of one column of integers, only in a snapshot: what a transaction writes meanwhile would be missing.
 *
 * Limits: 64 MiB for a statement's table; if that is not enough, lookups go on as before.
 */
#include "sql/sql_internal.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

enum { BYTES_MAX = 64 << 20, BLOCK_SIZE = 64 << 10 };

/* Bytes that values refer to. */
struct block {
    struct block *next;
    size_t used;
    size_t size;
    uint8_t bytes[];
};

struct firn_sql_lookup {
    size_t width;
    firn_value *rows; /* width values for each, that of the key first */
    size_t count;
    size_t capacity;
    uint32_t *slots; /* numbers of rows from 1; 0: empty */
    size_t slot_mask;
    struct block *blocks;
    size_t total_bytes;
    bool is_too_large;
};

void
firn_sql_lookup_destroy(struct firn_sql_lookup *lookup)
{
    if (lookup == NULL) {
        return;
    }
    while (lookup->blocks != NULL) {
        struct block *next = lookup->blocks->next;
        sqlite3_free(lookup->blocks);
        lookup->blocks = next;
    }
    sqlite3_free(lookup->rows);
    sqlite3_free(lookup->slots);
    sqlite3_free(lookup);
}

static size_t
slot_of(const struct firn_sql_lookup *lookup, int64_t key)
{
    return (size_t)(((uint64_t)key * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & lookup->slot_mask;
}

const firn_value *
firn_sql_lookup_find(const struct firn_sql_lookup *lookup, int64_t key)
{
    assert(lookup->slots != NULL);
    for (size_t at = slot_of(lookup, key); lookup->slots[at] != 0;
         at = (at + 1) & lookup->slot_mask) {
        const firn_value *row = lookup->rows + (lookup->slots[at] - 1) * lookup->width;
        if (row[0].as.i64 == key) {
            return row;
        }
    }
    return NULL;
}

/* ---- making it ---- */

static void *
take_bytes(struct firn_sql_lookup *lookup, size_t size)
{
    struct block *block = lookup->blocks;
    if (block == NULL || block->size - block->used < size) {
        size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        block = sqlite3_malloc64(sizeof *block + room);
        if (block == NULL) {
            return NULL;
        }
        *block = (struct block){.next = lookup->blocks, .size = room};
        lookup->blocks = block;
        lookup->total_bytes += room;
    }
    block->used += size;
    return block->bytes + block->used - size;
}

static bool
make_room(struct firn_sql_lookup *lookup, size_t more)
{
    if (lookup->capacity - lookup->count >= more) {
        return true;
    }
    size_t capacity = lookup->capacity == 0 ? 4096 : 2 * lookup->capacity;
    firn_value *grown =
        sqlite3_realloc64(lookup->rows, capacity * lookup->width * sizeof lookup->rows[0]);
    if (grown == NULL) {
        return false;
    }
    lookup->total_bytes += (capacity - lookup->capacity) * lookup->width * sizeof grown[0];
    lookup->rows = grown;
    lookup->capacity = capacity;
    return true;
}

static int
add_batch(struct firn_sql_lookup *lookup, const firn_scan_batch *batch, firn_error *err)
{
    size_t count = firn_scan_batch_rows(batch);
    if (!make_room(lookup, count)) {
        return firn_sql_no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        firn_value *row = lookup->rows + (lookup->count + i) * lookup->width;
        for (size_t k = 0; k < lookup->width; k++) {
            row[k] = firn_scan_value(batch, k, i);
            if (row[k].type >= FIRN_TYPE_TEXT && row[k].as.bytes.size > 0) {
                void *copy = take_bytes(lookup, row[k].as.bytes.size);
                if (copy == NULL) {
                    return firn_sql_no_memory(err);
                }
                memcpy(copy, row[k].as.bytes.data, row[k].as.bytes.size);
                row[k].as.bytes.data = copy;
            }
        }
    }
    lookup->count += count;
    lookup->is_too_large = lookup->total_bytes > BYTES_MAX;
    return FIRN_OK;
}

static int
index_rows(struct firn_sql_lookup *lookup, firn_error *err)
{
    size_t slots = 16;
    while (slots < 2 * lookup->count) {
        slots *= 2;
    }
    lookup->slots = sqlite3_malloc64(slots * sizeof lookup->slots[0]);
    if (lookup->slots == NULL) {
        return firn_sql_no_memory(err);
    }
    memset(lookup->slots, 0, slots * sizeof lookup->slots[0]);
    lookup->slot_mask = slots - 1;
    for (size_t i = 0; i < lookup->count; i++) {
        size_t at = slot_of(lookup, lookup->rows[i * lookup->width].as.i64);
        while (lookup->slots[at] != 0) {
            at = (at + 1) & lookup->slot_mask;
        }
        lookup->slots[at] = (uint32_t)i + 1;
    }
    return FIRN_OK;
}

int
firn_sql_lookup_create(firn_scan *scan, struct firn_sql_lookup **out, firn_error *err)
{
    const firn_scan_batch *batch = NULL;
    struct firn_sql_lookup *lookup = sqlite3_malloc64(sizeof *lookup);
    *out = NULL;
    if (lookup == NULL) {
        return firn_sql_no_memory(err);
    }
    memset(lookup, 0, sizeof *lookup);
    lookup->width = firn_scan_column_count(scan);
    int rc = firn_scan_next(scan, &batch, err);
    while (rc == FIRN_OK && batch != NULL && !lookup->is_too_large) {
        rc = add_batch(lookup, batch, err);
        rc = rc == FIRN_OK ? firn_scan_next(scan, &batch, err) : rc;
    }
    if (rc == FIRN_OK && !lookup->is_too_large) {
        rc = index_rows(lookup, err);
    }
    if (rc != FIRN_OK || lookup->is_too_large) {
        firn_sql_lookup_destroy(lookup);
        return rc;
    }
    *out = lookup;
    return FIRN_OK;
}

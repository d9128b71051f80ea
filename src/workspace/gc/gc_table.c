/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_table.c: a table with nine bytes for each object of the index.
 *
 * Marking live objects asks one question again and again: has this hash been seen? The index of a
 * store would answer it, but too slowly for millions of objects, and the index cannot hold marks.
 * So its keys are read once, in order, and the first eight bytes of each are kept, beside one byte
 * for kind and marks. A binary search finds an object again, and its position is its number.
 *
 * Hashes are uniform, so two with the same first eight bytes do not occur by accident before a
 * store has billions of objects. But an attacker who can choose contents can make such a pair by
 * computing 2^32 hashes. If one of the two were mistaken for the other, its subtree would never be
 * walked and would be lost. (I1) So if neighbours share the first bytes, their whole hashes are
 * kept in a separate list, and a search compares them. A hash that the index does not have can be
 * mistaken for one that it has; the caller then keeps one object too many, and notices when it
 * reads.
 *
 * Memory: 9 bytes for each object, 20 MB for two million; up to a quarter more while it is filled.
 */
#include "gc/gc_internal.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"
#include "objects/objects.h"

/* Beside the marks in a state. */
enum { KIND_MASK = 0x07, SHARED = 0x40, GROWTH_MIN = 1024 };

/* The whole hash of an object that shares its first bytes with a neighbour. */
struct shared {
    firn_hash hash;
    size_t number;
};

struct fi_gc_table {
    uint64_t *firsts; /* ascending */
    uint8_t *states;
    size_t count;
    size_t capacity;
    struct fi_buf shared; /* of struct shared, in the order of hashes */
};

static uint64_t
first_of(const firn_hash *hash)
{
    return fi_load_be64(hash->bytes);
}

static int
gc_table_grow(struct fi_gc_table *table, firn_error *err)
{
    if (table->count < table->capacity) {
        return FIRN_OK;
    }
    size_t capacity = table->capacity + table->capacity / 4 + GROWTH_MIN;
    uint64_t *firsts = fi_resize_array(table->firsts, capacity, sizeof *firsts);
    if (firsts == NULL) {
        return fi_error_no_memory(err, "a table of all objects");
    }
    table->firsts = firsts;
    uint8_t *states = fi_resize_array(table->states, capacity, sizeof *states);
    if (states == NULL) {
        return fi_error_no_memory(err, "a table of all objects");
    }
    table->states = states;
    table->capacity = capacity;
    return FIRN_OK;
}

static int
note_shared(struct fi_gc_table *table, const firn_hash *hash, size_t number, firn_error *err)
{
    struct shared shared = {.hash = *hash, .number = number};
    table->states[number] |= SHARED;
    return fi_buf_append(&table->shared, &shared, sizeof shared) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a table of all objects");
}

/* Adds the next object; previous is the hash of the one before. */
static int
gc_table_add(struct fi_gc_table *table, const firn_hash *hash, const firn_hash *previous,
             enum fi_pack_kind kind, firn_error *err)
{
    int rc = gc_table_grow(table, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    CHECK(((unsigned)kind & ~(unsigned)KIND_MASK) == 0);
    size_t number = table->count++;
    table->firsts[number] = first_of(hash);
    table->states[number] = (uint8_t)kind;
    if (number == 0 || table->firsts[number - 1] != table->firsts[number]) {
        return FIRN_OK;
    }
    if ((table->states[number - 1] & SHARED) == 0) {
        rc = note_shared(table, previous, number - 1, err);
    }
    rc = rc == FIRN_OK ? note_shared(table, hash, number, err) : rc;
    DCHECK((table->states[number - 1] & SHARED) != 0); /* (I1): both of them */
    return rc;
}

static int
read_index(struct fi_gc_table *table, struct firn_db_keyspace *index, firn_error *err)
{
    struct firn_db_cursor *cursor;
    firn_hash hash;
    firn_hash previous = {{0}};
    int rc = fi_db_cursor_open(index, NULL, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (rc = fi_db_cursor_first(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_next(cursor, err)) {
        struct fi_objects_place place;
        FI_TRY(fi_objects_index_decode_hash(fi_db_cursor_key(cursor), &hash, err));
        FI_TRY(fi_objects_index_decode_place(fi_db_cursor_value(cursor), &place, err));
        FI_TRY(gc_table_add(table, &hash, &previous, place.at.kind, err));
        previous = hash;
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

int
fi_gc_table_create(struct fi_objects *objects, struct fi_gc_table **out, firn_error *err)
{
    *out = NULL;
    struct fi_gc_table *table = fi_alloc_zeroed(sizeof *table);
    if (table == NULL) {
        return fi_error_no_memory(err, "a table of all objects");
    }
    int rc = fi_objects_index(objects) == NULL ? FIRN_OK
                                               : read_index(table, fi_objects_index(objects), err);
    if (rc != FIRN_OK) {
        fi_gc_table_destroy(table);
        return rc;
    }
    *out = table;
    return FIRN_OK;
}

void
fi_gc_table_destroy(struct fi_gc_table *table)
{
    if (table != NULL) {
        fi_free(table->firsts);
        fi_free(table->states);
        fi_buf_deinit(&table->shared);
        fi_free(table);
    }
}

size_t
fi_gc_table_count(const struct fi_gc_table *table)
{
    return table->count;
}

static bool
find_shared(const struct fi_gc_table *table, const firn_hash *hash, size_t *out_number)
{
    const struct shared *items = (const void *)table->shared.data;
    const size_t count = table->shared.size / sizeof *items;
    size_t at = 0;
    size_t end = count;
    FI_SEARCH_FIRST(at, end, i, memcmp(items[i].hash.bytes, hash->bytes, sizeof hash->bytes) < 0);
    if (at == count || !fi_hash_equal(&items[at].hash, hash)) {
        return false;
    }
    *out_number = items[at].number;
    DCHECK((table->states[*out_number] & SHARED) != 0 &&
           table->firsts[*out_number] == first_of(hash));
    return true;
}

bool
fi_gc_table_find(const struct fi_gc_table *table, const firn_hash *hash, size_t *out_number)
{
    uint64_t first = first_of(hash);
    size_t at = 0;
    size_t end = table->count;
    FI_SEARCH_FIRST(at, end, i, table->firsts[i] < first);
    if (at == table->count || table->firsts[at] != first) {
        return false;
    }
    *out_number = at;
    return (table->states[at] & SHARED) == 0 || find_shared(table, hash, out_number);
}

enum fi_pack_kind
fi_gc_table_kind(const struct fi_gc_table *table, size_t number)
{
    DCHECK(number < table->count);
    return (enum fi_pack_kind)(table->states[number] & KIND_MASK);
}

bool
fi_gc_table_has(const struct fi_gc_table *table, size_t number, enum fi_gc_mark mark)
{
    DCHECK(number < table->count);
    return (table->states[number] & mark) != 0;
}

bool
fi_gc_table_mark(struct fi_gc_table *table, size_t number, enum fi_gc_mark mark)
{
    DCHECK(((unsigned)mark & (KIND_MASK | SHARED)) == 0);
    bool had = fi_gc_table_has(table, number, mark);
    table->states[number] = (uint8_t)(table->states[number] | (unsigned)mark);
    return had;
}

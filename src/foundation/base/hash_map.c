/* SPDX-License-Identifier: Apache-2.0
 *
 * base/hash_map.c: open addressing with linear probing, with indexes into a dense array of records.
 *
 * Records are stored in order of insertion, so a walk over the map is a walk over an array, and
 * growing the table moves 4 bytes a record. The table is at most 7/8 full. There is no removal: a
 * map is built for one operation and freed with it.
 */
#include "base/hash_map.h"

#include <string.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "firn/types.h"

void
fi_hash_map_init(struct fi_hash_map *map, size_t record_size, uint64_t (*hash)(const void *record),
                 bool (*equal)(const void *record, const void *key))
{
    *map = (struct fi_hash_map){.record_size = record_size, .hash = hash, .equal = equal};
}

uint64_t
fi_hash_map_first(const void *record)
{
    uint64_t value;
    memcpy(&value, record, sizeof value);
    return value;
}

bool
fi_hash_map_same_number(const void *record, const void *key)
{
    return memcmp(record, key, sizeof(uint64_t)) == 0;
}

bool
fi_hash_map_same_hash(const void *record, const void *key)
{
    return memcmp(record, key, sizeof(firn_hash)) == 0;
}

void
fi_hash_map_deinit(struct fi_hash_map *map)
{
    fi_free(map->records);
    fi_free(map->slots);
    fi_hash_map_init(map, map->record_size, map->hash, map->equal);
}

void
fi_hash_map_clear(struct fi_hash_map *map)
{
    map->count = 0;
    if (map->slots != NULL) {
        memset(map->slots, 0, map->slot_count * sizeof *map->slots);
    }
}

/* Fibonacci hashing: the caller's hash may have all its entropy in any bits. */
static size_t
home_slot(uint64_t hash, size_t slot_count)
{
    return (size_t)((hash * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (slot_count - 1);
}

static void
hash_map_place(uint32_t *slots, size_t slot_count, uint64_t hash, uint32_t value)
{
    DCHECK(value != 0 && (slot_count & (slot_count - 1)) == 0);
    size_t slot = home_slot(hash, slot_count);
    while (slots[slot] != 0) {
        slot = (slot + 1) & (slot_count - 1);
    }
    slots[slot] = value;
}

void *
fi_hash_map_find(const struct fi_hash_map *map, uint64_t key_hash, const void *key)
{
    if (map->slot_count == 0) {
        return NULL;
    }
    DCHECK(map->count < map->slot_count); /* a free slot ends every search */
    size_t slot = home_slot(key_hash, map->slot_count);
    while (map->slots[slot] != 0) {
        void *record = fi_hash_map_at(map, map->slots[slot] - 1);
        if (map->equal(record, key)) {
            return record;
        }
        slot = (slot + 1) & (map->slot_count - 1);
    }
    return NULL;
}

static bool
grow_slots(struct fi_hash_map *map)
{
    DCHECK(map->hash != NULL && map->record_size > 0); /* it was init */
    size_t slot_count = map->slot_count == 0 ? 16 : map->slot_count * 2;
    uint32_t *slots = fi_alloc_array(slot_count, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    memset(slots, 0, slot_count * sizeof *slots);
    for (size_t i = 0; i < map->count; i++) {
        hash_map_place(slots, slot_count, map->hash(fi_hash_map_at(map, i)), (uint32_t)(i + 1));
    }
    fi_free(map->slots);
    map->slots = slots;
    map->slot_count = slot_count;
    return true;
}

static bool
grow_records(struct fi_hash_map *map)
{
    size_t capacity = map->capacity == 0 ? 14 : map->capacity + map->capacity / 2;
    uint8_t *records = fi_resize_array(map->records, capacity, map->record_size);
    if (records == NULL) {
        return false;
    }
    map->records = records;
    map->capacity = capacity;
    return true;
}

bool
fi_hash_map_reserve(struct fi_hash_map *map, size_t more)
{
    if (more >= UINT32_MAX || map->count >= UINT32_MAX - more) {
        return false;
    }
    while (map->capacity - map->count < more) {
        if (!grow_records(map)) {
            return false;
        }
    }
    while ((map->count + more) * 8 > map->slot_count * 7) {
        if (!grow_slots(map)) {
            return false;
        }
    }
    return true;
}

void *
fi_hash_map_insert(struct fi_hash_map *map, uint64_t key_hash, const void *record)
{
    DCHECK(map->hash(record) == key_hash);
    if (!fi_hash_map_reserve(map, 1)) {
        return NULL;
    }
    void *copy = fi_hash_map_at(map, map->count);
    memcpy(copy, record, map->record_size);
    map->count++;
    hash_map_place(map->slots, map->slot_count, key_hash, (uint32_t)map->count);
    return copy;
}

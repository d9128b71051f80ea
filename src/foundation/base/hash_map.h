/* SPDX-License-Identifier: Apache-2.0
 *
 * base/hash_map.h: an unordered map of fixed-size records, found by a 64-bit hash that the caller
 * computes and an equality that the caller gives. A zeroed struct is not usable: init it. Not safe
 * for two threads at once.
 */
#ifndef FIRN_BASE_HASH_MAP_H
#define FIRN_BASE_HASH_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct firn_hash_map {
    uint8_t *records; /* count × record_size, in order of insertion */
    uint32_t *slots;  /* index into records + 1; 0 is empty */
    size_t record_size;
    size_t count;
    size_t capacity;   /* of records */
    size_t slot_count; /* a power of two, or 0 */
    uint64_t (*hash)(const void *record);
    bool (*equal)(const void *record, const void *key);
};

/* Allocates nothing. hash() must give for a record what the caller passes as key_hash for its
 * key. */
void firn_hash_map_init(struct firn_hash_map *map, size_t record_size,
                        uint64_t (*hash)(const void *record),
                        bool (*equal)(const void *record, const void *key));
void firn_hash_map_deinit(struct firn_hash_map *map);
/* Forgets the records, keeps the memory. */
void firn_hash_map_clear(struct firn_hash_map *map);

/* The record, or NULL. Valid until the next insertion. */
void *firn_hash_map_find(const struct firn_hash_map *map, uint64_t key_hash, const void *key);

/* Adds a copy of a record whose key is not in the map yet; returns the copy, or NULL when memory
 * is out (or after 2^32 - 2 records) and the map is as it was. Valid until the next insertion. */
void *firn_hash_map_insert(struct firn_hash_map *map, uint64_t key_hash, const void *record)
    __attribute__((warn_unused_result));

/* Makes room for so many insertions, which cannot fail then; false when memory is out. */
bool firn_hash_map_reserve(struct firn_hash_map *map, size_t more)
    __attribute__((warn_unused_result));

/* The i-th record in order of insertion, i < map->count. */
static inline void *
firn_hash_map_at(const struct firn_hash_map *map, size_t i)
{
    return map->records + i * map->record_size;
}

#endif

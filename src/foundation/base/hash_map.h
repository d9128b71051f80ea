/* SPDX-License-Identifier: Apache-2.0
 *
 * base/hash_map.h: an unordered map of fixed-size records, found by a 64-bit hash that the caller
 * computes and an equality function of the caller's. Must be initialized (zeroed is not enough).
 * For one thread at a time.
 */
#ifndef FIRN_BASE_HASH_MAP_H
#define FIRN_BASE_HASH_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fi_hash_map {
    uint8_t *records; /* count × record_size, in order of insertion */
    uint32_t *slots;  /* index into records + 1; 0 is empty */
    size_t record_size;
    size_t count;
    size_t capacity;   /* of records */
    size_t slot_count; /* a power of two, or 0 */
    uint64_t (*hash)(const void *record);
    bool (*equal)(const void *record, const void *key);
};

/* Allocates nothing. Requires: hash() of a record equals the key_hash that the caller passes for
 * its key. */
void fi_hash_map_init(struct fi_hash_map *map, size_t record_size,
                      uint64_t (*hash)(const void *record),
                      bool (*equal)(const void *record, const void *key));
/* For records that begin with their key, a number of 8 bytes or a firn_hash: the first 8 bytes of a
 * record or a key, and whether a record has the key. */
uint64_t fi_hash_map_first(const void *record);
bool fi_hash_map_same_number(const void *record, const void *key);
bool fi_hash_map_same_hash(const void *record, const void *key);
void fi_hash_map_deinit(struct fi_hash_map *map);
/* Forgets the records, keeps the memory. */
void fi_hash_map_clear(struct fi_hash_map *map);

/* The record, or NULL. Valid until the next insertion. */
void *fi_hash_map_find(const struct fi_hash_map *map, uint64_t key_hash, const void *key);

/* Adds a copy of a record. Requires: its key is not in the map. Returns the copy, or NULL with the
 * map unchanged if memory runs out (or after 2^32 - 2 records). Valid until the next insertion. */
void *fi_hash_map_insert(struct fi_hash_map *map, uint64_t key_hash, const void *record)
    __attribute__((warn_unused_result));

/* Makes room for so many insertions, which then cannot fail; false if memory runs out. */
bool fi_hash_map_reserve(struct fi_hash_map *map, size_t more) __attribute__((warn_unused_result));

/* The i-th record in order of insertion, i < map->count. */
static inline void *
fi_hash_map_at(const struct fi_hash_map *map, size_t i)
{
    return map->records + i * map->record_size;
}

#endif

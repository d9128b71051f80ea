/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block/cache_fixture.h: sealed files whose blocks say what they are, and a cache over them.
 */
#ifndef FIRN_CACHE_FIXTURE_H
#define FIRN_CACHE_FIXTURE_H

#include "block/block_cache.h"
#include "os/os.h"
#include "support/test_file.h"

enum { CACHE_FIXTURE_FILES_MAX = 8, CACHE_FIXTURE_BLOCKS_MAX = 4096 };

/* One sealed file. */
struct cache_file {
    struct fi_block_reader *reader;
    uint64_t id; /* of the cache */
    uint32_t seed;
    size_t count;
    struct fi_block_ref refs[CACHE_FIXTURE_BLOCKS_MAX];
};

/* Writes a file of `count` blocks in dir and opens it. The sizes of blocks lie between size_min
 * and size_max. */
void cache_file_create(struct fi_os_dir *dir, const char *name, uint32_t seed, size_t count,
                       uint32_t size_min, uint32_t size_max, struct cache_file *out);
void cache_file_close(struct cache_file *file);
/* Whether the bytes are those of block i. */
bool cache_file_matches(const struct cache_file *file, size_t i, const uint8_t *data, size_t size);

int cache_file_read(struct fi_block_cache *cache, struct cache_file *file, size_t i,
                    enum fi_block_cache_use use, struct fi_block_pin *pin, firn_error *err);
/* Reads block i, asserts that it is right, unpins it. */
void cache_file_visit(struct fi_block_cache *cache, struct cache_file *file, size_t i,
                      enum fi_block_cache_use use);
/* Whether the cache has it; asserts that it is right if so. */
bool cache_file_has(struct fi_block_cache *cache, const struct cache_file *file, size_t i);

/* A file system in memory, with a cache and one such file that the cache knows. */
struct cache_world {
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_block_cache *cache;
    struct cache_file file;
};
void cache_world_init(struct cache_world *world, size_t budget, size_t blocks, uint32_t size_min,
                      uint32_t size_max);
void cache_world_deinit(struct cache_world *world);

/* An allocator that counts bytes. */
void cache_bytes_install(void);
void cache_bytes_uninstall(void);
/* Alive now; the most since the last reset. */
size_t cache_bytes_alive(void);
size_t cache_bytes_peak(void);
void cache_bytes_reset_peak(void);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block/cache_fixture.c: see its header.
 */
#include "unit/block/cache_fixture.h"

#include <stdatomic.h>

#include "base/mem.h"
#include "hosted/os_ram.h"
#include "support/test_random.h"

static uint32_t
size_of_block(uint32_t seed, size_t i, uint32_t size_min, uint32_t size_max)
{
    struct test_random random = {seed * UINT64_C(1000003) + i};
    return size_min + (uint32_t)test_random_below(&random, size_max - size_min + 1);
}

/* Every eighth byte says which block it is, and where in it. */
static uint8_t
byte_of_block(uint32_t seed, size_t i, size_t at)
{
    uint64_t mixed = (seed * UINT64_C(7919) + i) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint8_t)((mixed >> (at % 7 * 8)) + (at >> 8));
}

static void
add_block(struct fi_block_writer *writer, struct fi_compress *compress, const struct fi_buf *raw,
          size_t i, struct fi_block_ref *out)
{
    firn_error err;
    struct fi_buf stored = {0};
    enum fi_codec codec = (enum fi_codec)(i % 3);
    assert_int_equal(fi_compress_encode(compress, codec, 1, fi_buf_slice(raw), &stored, &err),
                     FIRN_OK);
    assert_int_equal(
        fi_block_writer_add(writer, codec, fi_buf_slice(&stored), (uint32_t)raw->size, out, &err),
        FIRN_OK);
    fi_buf_deinit(&stored);
}

void
cache_file_create(struct fi_os_dir *dir, const char *name, uint32_t seed, size_t count,
                  uint32_t size_min, uint32_t size_max, struct cache_file *out)
{
    firn_error err;
    struct fi_block_writer *writer;
    struct fi_compress *compress;
    struct fi_buf raw = {0};
    *out = (struct cache_file){.seed = seed, .count = count};
    assert_true(count <= CACHE_FIXTURE_BLOCKS_MAX);
    assert_int_equal(fi_compress_create(&compress, &err), FIRN_OK);
    assert_int_equal(fi_block_writer_create(dir, name, FI_BLOCK_FILE_ROW, &writer, &err), FIRN_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(fi_buf_set_size(&raw, size_of_block(seed, i, size_min, size_max)),
                         FIRN_OK);
        for (size_t at = 0; at < raw.size; at++) {
            raw.data[at] = byte_of_block(seed, i, at);
        }
        add_block(writer, compress, &raw, i, &out->refs[i]);
    }
    assert_int_equal(fi_block_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_block_writer_destroy(writer);
    fi_compress_destroy(compress);
    fi_buf_deinit(&raw);
    assert_int_equal(fi_block_reader_open(dir, name, FI_BLOCK_FILE_ROW, &out->reader, &err),
                     FIRN_OK);
}

void
cache_file_close(struct cache_file *file)
{
    fi_block_reader_close(file->reader);
    file->reader = NULL;
}

bool
cache_file_matches(const struct cache_file *file, size_t i, const uint8_t *data, size_t size)
{
    if (size != file->refs[i].raw_size || (uintptr_t)data % 64 != 0) {
        return false;
    }
    for (size_t at = 0; at < size; at++) {
        if (data[at] != byte_of_block(file->seed, i, at)) {
            return false;
        }
    }
    return true;
}

int
cache_file_read(struct fi_block_cache *cache, struct cache_file *file, size_t i,
                enum fi_block_cache_use use, struct fi_block_pin *pin, firn_error *err)
{
    return fi_block_cache_read(cache, file->id, file->reader, &file->refs[i], use, NULL, pin, err);
}

void
cache_file_visit(struct fi_block_cache *cache, struct cache_file *file, size_t i,
                 enum fi_block_cache_use use)
{
    firn_error err;
    struct fi_block_pin pin;
    assert_int_equal(cache_file_read(cache, file, i, use, &pin, &err), FIRN_OK);
    assert_true(cache_file_matches(file, i, pin.data, pin.size));
    fi_block_cache_unpin(cache, &pin);
    assert_null(pin.data);
}

bool
cache_file_has(struct fi_block_cache *cache, const struct cache_file *file, size_t i)
{
    struct fi_block_pin pin;
    if (!fi_block_cache_find(cache, file->id, file->refs[i].offset, FI_BLOCK_CACHE_DATA, &pin)) {
        return false;
    }
    assert_true(cache_file_matches(file, i, pin.data, pin.size));
    fi_block_cache_unpin(cache, &pin);
    return true;
}

/* ---- worlds ---- */

void
cache_world_init(struct cache_world *world, size_t budget, size_t blocks, uint32_t size_min,
                 uint32_t size_max)
{
    enum { DISK = 64 << 20 };
    firn_error err;
    *world = (struct cache_world){.os = NULL};
    assert_int_equal(fi_os_ram_create(DISK, &world->os, &err), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(world->os, "/", &world->dir, &err), FIRN_OK);
    assert_int_equal(fi_block_cache_create(world->os, budget, &world->cache, &err), FIRN_OK);
    cache_file_create(world->dir, "file", 1, blocks, size_min, size_max, &world->file);
    world->file.id = fi_block_cache_add_file(world->cache);
}

void
cache_world_deinit(struct cache_world *world)
{
    fi_block_cache_destroy(world->cache);
    cache_file_close(&world->file);
    fi_os_dir_close(world->dir);
    fi_os_ram_destroy(world->os);
}

/* ---- bytes ---- */

enum { HEAD = 32 }; /* before each block, its size */

static atomic_size_t alive;
static atomic_size_t peak;

static void
count_bytes(size_t more, size_t less)
{
    size_t now = atomic_fetch_add(&alive, more - less) + more - less;
    size_t seen = atomic_load(&peak);
    while (seen < now && !atomic_compare_exchange_weak(&peak, &seen, now)) {
    }
}

static void *
counting_resize(void *ctx, void *memory, size_t size)
{
    (void)ctx;
    uint8_t *old = memory != NULL ? (uint8_t *)memory - HEAD : NULL;
    size_t old_size = 0;
    if (old != NULL) {
        memcpy(&old_size, old, sizeof old_size);
    }
    uint8_t *made = size <= SIZE_MAX - HEAD ? realloc(old, size + HEAD) : NULL;
    if (made == NULL) {
        return NULL;
    }
    memcpy(made, &size, sizeof size);
    count_bytes(size, old_size);
    return made + HEAD;
}

static void
counting_release(void *ctx, void *memory)
{
    (void)ctx;
    size_t size;
    uint8_t *old = (uint8_t *)memory - HEAD;
    memcpy(&size, old, sizeof size);
    count_bytes(0, size);
    free(old);
}

void
cache_bytes_install(void)
{
    static const struct fi_allocator counting = {counting_resize, counting_release, NULL, NULL};
    atomic_store(&alive, 0);
    atomic_store(&peak, 0);
    fi_mem_set_allocator(&counting);
}

void
cache_bytes_uninstall(void)
{
    fi_mem_set_allocator(NULL);
}

size_t
cache_bytes_alive(void)
{
    return atomic_load(&alive);
}

size_t
cache_bytes_peak(void)
{
    return atomic_load(&peak);
}

void
cache_bytes_reset_peak(void)
{
    atomic_store(&peak, atomic_load(&alive));
}

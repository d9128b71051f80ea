/* SPDX-License-Identifier: Apache-2.0
 *
 * block/value_bare.c: reading values out of a file that has no blocks.
 *
 * The log has every large value once already. A segment of it that has hardly anything else becomes
 * a value file by a second name (compaction/compaction_adopt.c), so its values are not written again. Nothing is
 * known here of records: a reference says where the value's bytes begin, how many there are, and
 * what they hash to. A value has one checksum and is always read whole.
 *
 * The checksum depends on the place and on the file, as that of a block does. The file's identity
 * is the hash of its first bytes; the random salt in them makes them differ from those of every
 * other segment. It is held against MANIFEST's when the file is opened, its size too: the file may
 * be longer, because what lies behind the log's end in it need not be there.
 *
 * Values of up to FIRN_VALUE_FILE_CACHED_MAX bytes are kept in the cache, as those of sealed files are.
 *
 * Threads: any number at once; nothing changes after opening.
 */
#include "block/value_bare.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "block/block_format.h"
#include "codec/xxh3.h"

enum { HEAD_SIZE = FIRN_VALUE_FILE_HEAD_SIZE };

struct firn_value_bare {
    struct firn_os_file *file;
    struct firn_block_cache *cache;
    uint64_t number; /* in the cache */
    uint64_t size_bytes;
    uint64_t identity;
};

/* ---- opening ---- */

void
firn_value_bare_close(struct firn_value_bare *bare)
{
    if (bare != NULL) {
        firn_block_cache_drop_file(bare->cache, bare->number);
        firn_os_file_close(bare->file);
        firn_free(bare);
    }
}

static int
make(const struct firn_run_env *env, struct firn_os_file *file, uint64_t size_bytes,
     const uint8_t *head, struct firn_value_bare **out, firn_error *err)
{
    struct firn_value_bare *bare = firn_alloc_zeroed(sizeof *bare);
    if (bare == NULL) {
        return firn_error_no_memory(err, "a file of values");
    }
    *bare = (struct firn_value_bare){.file = file,
                                     .cache = env->cache,
                                     .number = firn_block_cache_add_file(env->cache),
                                     .size_bytes = size_bytes,
                                     .identity = firn_xxh3(head, HEAD_SIZE, 0)};
    *out = bare;
    return FIRN_OK;
}

int
firn_value_bare_open(const struct firn_run_env *env, const char *name, struct firn_value_bare **out,
                     firn_error *err)
{
    uint8_t head[HEAD_SIZE];
    struct firn_os_stat stat;
    struct firn_os_file *file = NULL;
    int rc;
    *out = NULL;
    FIRN_TRY(firn_os_file_open_stat(env->dir, name, FIRN_OS_READ, 0, &file, &stat, err));
    if (stat.size_bytes < HEAD_SIZE) {
        goto out;
    }
    FIRN_TRY(firn_os_file_read_exact(file, 0, head, sizeof head, err));
    if (!firn_block_format_is_header(head)) {
        FIRN_TRY(make(env, file, stat.size_bytes, head, out, err));
        file = NULL;
    }
out:
    firn_os_file_close(file);
    return rc;
}

uint64_t
firn_value_bare_size_bytes(const struct firn_value_bare *bare)
{
    return bare->size_bytes;
}

uint64_t
firn_value_bare_identity(const struct firn_value_bare *bare)
{
    return bare->identity;
}

const char *
firn_value_bare_path(const struct firn_value_bare *bare)
{
    return firn_os_file_path(bare->file);
}

/* ---- reading ---- */

static int
find_cached(struct firn_value_bare *bare, const struct firn_value_file_reference *reference,
            enum firn_block_cache_use use, bool *out_is_there, struct firn_buf *out,
            firn_error *err)
{
    struct firn_block_pin pin;
    int rc = FIRN_OK;
    DCHECK(reference->value_size <= FIRN_VALUE_FILE_CACHED_MAX);
    if (!firn_block_cache_find(bare->cache, bare->number, reference->offset, use, &pin)) {
        return FIRN_OK;
    }
    *out_is_there = pin.size == reference->value_size;
    if (*out_is_there && firn_buf_append(out, pin.data, pin.size) != FIRN_OK) {
        rc = firn_error_no_memory(err, "a value");
    }
    firn_block_cache_unpin(bare->cache, &pin);
    return rc;
}

/* Reads the value behind what out has, and verifies it. */
static int
read_and_verify(struct firn_value_bare *bare, const struct firn_value_file_reference *reference,
                struct firn_buf *out, firn_slice *out_value, firn_error *err)
{
    size_t at = out->size;
    size_t size = (size_t)reference->value_size;
    int rc;
    if (firn_buf_set_size(out, at + size) != FIRN_OK) {
        return firn_error_no_memory(err, "a value");
    }
    FIRN_TRY(firn_os_file_read_exact(bare->file, reference->offset, out->data + at, size, err));
    *out_value = firn_bytes(out->data + at, size);
    uint64_t checksum = firn_value_file_checksum(*out_value, reference->offset) ^ bare->identity;
    if (checksum != reference->checksum) {
        rc =
            firn_error_set(err, FIRN_CORRUPT,
                           "'%s': offset %llu: a value of %zu bytes does not match its checksum",
                           firn_value_bare_path(bare), (unsigned long long)reference->offset, size);
    }
out:
    return rc;
}

int
firn_value_bare_read(struct firn_value_bare *bare,
                     const struct firn_value_file_reference *reference,
                     enum firn_block_cache_use use, struct firn_buf *out, firn_error *err)
{
    struct firn_buf own = {0};
    bool is_cached = out != NULL && reference->value_size <= FIRN_VALUE_FILE_CACHED_MAX;
    bool is_there = false;
    firn_slice value;
    DCHECK(reference->is_bare && reference->value_size > 0 &&
           reference->value_size <= FIRN_VALUE_FILE_VALUE_SIZE_MAX);
    int rc;
    if (!firn_range_inside(reference->offset, reference->value_size, bare->size_bytes)) {
        return firn_error_set(err, FIRN_CORRUPT, "'%s': a value at %llu lies outside the file",
                              firn_value_bare_path(bare), (unsigned long long)reference->offset);
    }
    if (is_cached) {
        FIRN_TRY(find_cached(bare, reference, use, &is_there, out, err));
    }
    if (is_cached && is_there) {
        goto out;
    }
    FIRN_TRY(read_and_verify(bare, reference, out == NULL ? &own : out, &value, err));
    if (is_cached) {
        firn_block_cache_keep(bare->cache, bare->number, reference->offset, value, use);
    }
out:
    firn_buf_deinit(&own);
    return rc;
}

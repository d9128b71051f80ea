/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_tar: tar archives, as anybody wrote them.
 *
 * Read in pieces of a size that the first byte gives. Each entry has a path and a type that can be made, the parts of a
 * sparse file ascend and lie in it, and what is read of its data is no more than its size. The same archive read with
 * another size of pieces has the same entries. Reading ends, because each entry takes a block.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "import/import_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
    const uint8_t *data;
    size_t size;
    size_t piece;
    uint64_t told;
};

static int
read_source(void *ctx, uint8_t *data, size_t size, size_t *out_size, firn_error *err)
{
    struct source *source = ctx;
    (void)err;
    size_t part = size < source->piece ? size : source->piece;
    part = part < source->size ? part : source->size;
    if (part > 0) {
        memcpy(data, source->data, part);
    }
    source->data += part;
    source->size -= part;
    *out_size = part;
    return FIRN_OK;
}

static void
tell_source(void *ctx, firn_slice path, const char *text)
{
    struct source *source = ctx;
    CHECK(text != NULL && (path.size == 0 || path.data != NULL));
    source->told++;
}

static void
check_segments(const struct fi_import_tar *tar, const struct fi_import_tar_entry *entry)
{
    uint64_t end = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < tar->segment_count; i++) {
        CHECK(tar->segments[i].offset >= end);
        end = tar->segments[i].offset + tar->segments[i].size;
        sum += tar->segments[i].size;
    }
    CHECK(end <= entry->size && sum == tar->left);
}

/* FNV-1a over everything that the entries are. */
static uint64_t
add(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t
read_all(const uint8_t *data, size_t size, size_t piece, uint64_t *out_count)
{
    struct source source = {data, size, piece, 0};
    struct fi_import_tar tar = {.read = read_source, .tell = tell_source, .ctx = &source};
    uint64_t hash = 1;
    bool is_end = false;
    *out_count = 0;
    for (;;) {
        struct fi_import_tar_entry entry;
        firn_error err;
        uint8_t chunk[777];
        size_t got = 0;
        uint64_t read = 0;
        int code = fi_import_tar_next(&tar, &entry, &is_end, &err);
        CHECK(code == FIRN_OK || code == FIRN_CORRUPT || code == FIRN_LIMIT);
        if (code != FIRN_OK || is_end) {
            hash = add(hash, &code, sizeof(code));
            break;
        }
        CHECK(entry.path.size > 0 || entry.type == FI_IMPORT_DIRECTORY);
        if (entry.is_sparse) {
            check_segments(&tar, &entry);
        }
        *out_count += 1;
        CHECK(*out_count <= size / FI_IMPORT_TAR_BLOCK);
        hash = add(hash, entry.path.data, entry.path.size);
        hash = add(hash, entry.target.data, entry.target.size);
        hash = add(hash, entry.attributes.xattrs.data, entry.attributes.xattrs.size);
        hash = add(hash, &entry.attributes.mtime_ns, sizeof(entry.attributes.mtime_ns));
        hash = add(hash, &entry.size, sizeof(entry.size));
        do {
            CHECK(fi_import_tar_read(&tar, chunk, sizeof(chunk), &got, &err) == FIRN_OK);
            read += got;
            hash = add(hash, chunk, got);
        } while (got > 0);
        CHECK(read <= entry.size);
    }
    fi_import_tar_deinit(&tar);
    return add(hash, &source.told, sizeof(source.told));
}

/* Gives every block that looks like a header the checksum that it should have. */
static void
mend(uint8_t *archive, size_t size)
{
    for (size_t at = 0; size - at >= FI_IMPORT_TAR_BLOCK; at += FI_IMPORT_TAR_BLOCK) {
        uint8_t *block = archive + at;
        unsigned sum = 0;
        char text[8];
        if (memcmp(block + 257, "ustar", 5) == 0) {
            memset(block + 148, ' ', 8);
            for (size_t i = 0; i < FI_IMPORT_TAR_BLOCK; i++) {
                sum += block[i];
            }
            (void)snprintf(text, sizeof(text), "%06o", sum);
            memcpy(block + 148, text, 7);
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t count;
    uint64_t again;
    if (size == 0) {
        return 0;
    }
    uint8_t *archive = malloc(size);
    CHECK(archive != NULL);
    memcpy(archive, data + 1, size - 1);
    if ((data[0] & 1) != 0) {
        mend(archive, size - 1);
    }
    uint64_t hash = read_all(archive, size - 1, 1 + (size_t)data[0] * 7, &count);
    CHECK(read_all(archive, size - 1, SIZE_MAX, &again) == hash && again == count);
    free(archive);
    return 0;
}

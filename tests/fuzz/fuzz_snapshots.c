/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_snapshots: what a restic, or a program of its name, prints as its list of snapshots.
 *
 * It is read in pieces of a size that the first byte gives. Each snapshot has ids that are safe in a command line and in a
 * tag, a message within its limit, and a time that is none before 1970. All pieces give the same list.
 */
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "import/import_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
    const uint8_t *data;
    size_t size;
    size_t piece;
};

static int
read_source(void *ctx, uint8_t *data, size_t size, size_t *out_size, firn_error *err)
{
    struct source *source = ctx;
    size_t part = size < source->piece ? size : source->piece;
    (void)err;
    part = part < source->size ? part : source->size;
    if (part > 0) {
        memcpy(data, source->data, part);
    }
    source->data += part;
    source->size -= part;
    *out_size = part;
    return FIRN_OK;
}

/* FNV-1a over everything that a snapshot is. */
static uint64_t
add(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static void
check_id(const char *id)
{
    size_t size = 0;
    for (; (id[size] >= '0' && id[size] <= '9') || (id[size] >= 'a' && id[size] <= 'f'); size++) {
    }
    CHECK(size == 64 && id[size] == '\0');
}

static uint64_t
read_all(const uint8_t *data, size_t size, size_t piece)
{
    firn_error err;
    struct source source = {data, size, piece};
    struct fi_import_snapshots snapshots = {.list = NULL};
    struct fi_import_snapshot snapshot;
    int code = fi_import_snapshots_read(&snapshots, read_source, &source, &err);
    uint64_t hash = add(1, &code, sizeof(code));
    CHECK(code == FIRN_OK || (code == FIRN_CORRUPT && err.code == code && snapshots.count == 0));
    /* The shortest has two ids. */
    CHECK(snapshots.count <= size / 128);
    for (size_t i = 0; i < snapshots.count; i++) {
        fi_import_snapshots_get(&snapshots, i, &snapshot);
        check_id(snapshot.id);
        check_id(snapshot.tree);
        CHECK(memchr(snapshot.message, '\0', sizeof(snapshot.message)) != NULL);
        CHECK(snapshot.created_ns >= 0);
        hash = add(hash, snapshot.id, strlen(snapshot.id));
        hash = add(hash, snapshot.message, strlen(snapshot.message));
        hash = add(hash, &snapshot.created_ns, sizeof(snapshot.created_ns));
        if (snapshot.path != NULL) {
            hash = add(hash, snapshot.path, strlen(snapshot.path) + 1);
        }
    }
    fi_import_snapshots_deinit(&snapshots);
    return hash;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        uint64_t hash = read_all(data + 1, size - 1, 1 + (size_t)data[0] * 5);
        CHECK(read_all(data + 1, size - 1, SIZE_MAX) == hash);
    }
    return 0;
}

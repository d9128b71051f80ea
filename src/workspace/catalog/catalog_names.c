/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_names.c: which names a checkpoint changed.
 *
 * To find where a name appeared or went, or which checkpoints changed a path, every checkpoint is
 * compared with the one before it, which takes some 30 µs each, and ten times as much where large
 * directories differ. So a save notes the hashes of the names that it found changed, and a walk
 * passes over the checkpoints that have none of those it looks for. This is the idea of git's
 * changed-path Bloom filters; as few names change in most checkpoints, a list of short hashes is
 * smaller than a filter, and a name in it by chance costs one comparison.
 *
 * A name is the last component of a path. Its ending, from the last point on, is noted as well, for
 * patterns such as "*.sql". So is the name of each directory in which entries differ, under a seed
 * of its own, so that searches for an entry do not meet it. A path differs, itself or below it,
 * only if its name is noted in one of the two ways: a directory that is in one of the trees alone
 * differs itself, and one that is in both has entries that differ.
 *
 * The list is of two trees, the checkpoint's and the one that it was compared with, and begins with
 * a hash of both. If one has changed since, or a checkpoint in between is gone, the list does not
 * count: then, and if it is missing or malformed, the trees are compared.
 */
#include "catalog/catalog_internal.h"

#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "codec/xxh3.h"

enum { FORMAT = 2, TREES_SIZE = 8, HEAD_SIZE = 1 + TREES_SIZE, HASH_SIZE = 2 };

/* What a name was noted for: seeds of its hash. */
enum reason { OF_ENTRY = 0, OF_DIR = 1 };

static uint64_t
trees_of(const firn_hash *before, const firn_hash *after)
{
    firn_hash both[2] = {*before, *after};
    return fi_xxh3(both, sizeof both, 0);
}

/* ---- noting ---- */

static void
names_add(struct fi_catalog_names *names, firn_slice name, enum reason reason)
{
    const uint16_t hash = (uint16_t)fi_xxh3(name.data, name.size, (uint64_t)reason);
    for (size_t i = 0; i < names->count; i++) {
        if (names->hashes[i] == hash) {
            return;
        }
    }
    names->is_full = names->is_full || names->count == FI_CATALOG_NAMES_MAX;
    if (!names->is_full) {
        names->hashes[names->count++] = hash;
    }
}

void
fi_catalog_names_add(struct fi_catalog_names *names, firn_slice path)
{
    const firn_slice name = fi_slice_last_component(path);
    if (name.size == 0 || names->is_full) {
        return; /* the root has no name */
    }
    size_t point = name.size;
    while (point > 0 && name.data[point - 1] != '.') {
        point--;
    }
    names_add(names, name, OF_ENTRY);
    if (point > 0) {
        uint8_t ending[1 + FI_TREE_NAME_SIZE_MAX] = {'*'};
        const size_t size = name.size - (point - 1);
        DCHECK(size < sizeof ending);
        memcpy(ending + 1, name.data + point - 1, size);
        names_add(names, firn_bytes(ending, 1 + size), OF_ENTRY);
    }
}

void
fi_catalog_names_add_dir(struct fi_catalog_names *names, firn_slice path)
{
    const firn_slice name = fi_slice_last_component(path);
    if (name.size > 0 && !names->is_full) {
        names_add(names, name, OF_DIR);
    }
}

int
fi_catalog_names_put(struct fi_catalog *catalog, struct firn_db_batch *batch,
                     const struct fi_catalog_names *names, uint32_t workspace, uint64_t order,
                     const firn_hash *before, const firn_hash *after, firn_error *err)
{
    uint8_t key[FI_CATALOG_KEY_SIZE];
    uint8_t value[HEAD_SIZE + FI_CATALOG_NAMES_MAX * HASH_SIZE] = {FORMAT};
    struct firn_db_keyspace *keyspace;
    DCHECK(workspace != 0 && !names->is_full);
    fi_store_le64(value + 1, trees_of(before, after));
    for (size_t i = 0; i < names->count; i++) {
        fi_store_le16(value + HEAD_SIZE + i * HASH_SIZE, names->hashes[i]);
    }
    FI_TRY_RETURN(fi_db_keyspace_open(catalog->db, FI_CATALOG_NAMES, &keyspace, err));
    return fi_db_batch_put(batch, keyspace, fi_catalog_make_key(workspace, order, key),
                           firn_bytes(value, HEAD_SIZE + names->count * HASH_SIZE), err);
}

/* ---- asking ---- */

void
fi_catalog_names_want(struct fi_catalog_names *wanted, firn_slice name)
{
    names_add(wanted, name, OF_ENTRY);
}

void
fi_catalog_names_want_path(struct fi_catalog_names *wanted, firn_slice path)
{
    const firn_slice name = fi_slice_last_component(path);
    DCHECK(name.size > 0); /* the root has no name */
    names_add(wanted, name, OF_ENTRY);
    names_add(wanted, name, OF_DIR);
}

static bool
has_any(firn_slice hashes, const struct fi_catalog_names *wanted)
{
    for (size_t at = 0; at < hashes.size; at += HASH_SIZE) {
        for (size_t i = 0; i < wanted->count; i++) {
            if (fi_load_le16(hashes.data + at) == wanted->hashes[i]) {
                return true;
            }
        }
    }
    return false;
}

int
fi_catalog_names_exclude(struct fi_catalog *catalog, const struct fi_catalog_names *wanted,
                         uint32_t workspace, uint64_t order, const firn_hash *before,
                         const firn_hash *after, bool *out, firn_error *err)
{
    uint8_t key[FI_CATALOG_KEY_SIZE];
    struct fi_buf value = {0};
    *out = false;
    if (catalog->names == NULL || wanted->is_full) {
        return FIRN_OK;
    }
    int rc = fi_db_get(catalog->names, fi_catalog_make_key(workspace, order, key), &value, err);
    if (rc == FIRN_OK && value.size >= HEAD_SIZE && value.data[0] == FORMAT &&
        (value.size - HEAD_SIZE) % HASH_SIZE == 0 &&
        fi_load_le64(value.data + 1) == trees_of(before, after)) {
        *out = !has_any(firn_bytes(value.data + HEAD_SIZE, value.size - HEAD_SIZE), wanted);
    }
    fi_buf_deinit(&value);
    return rc == FIRN_NOT_FOUND || rc == FIRN_CORRUPT ? FIRN_OK : rc;
}

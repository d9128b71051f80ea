/* SPDX-License-Identifier: Apache-2.0
 *
 * tree/tree_references.c: the names of objects in one directory object.
 *
 * For who wants to know what is reachable, and sees each object once: a walk over whole directories
 * would read every part of a large one again for each of its versions, though all but one are the
 * same. What only a whole directory can show (names that ascend over all its parts, levels that
 * fit) is not looked at here; the iterator does that for who believes the entries.
 */
#include "tree/tree_references.h"

#include "base/reader.h"
#include "tree/tree.h"
#include "tree/tree_format.h"

struct references {
    int (*visit)(void *ctx, const firn_hash *hash, bool is_tree, firn_error *err);
    void *ctx;
};

static int
visit_entries(const struct references *references, firn_slice body, firn_error *err)
{
    int rc = FIRN_OK;
    while (rc == FIRN_OK && body.size > 0) {
        struct firn_tree_entry entry;
        rc = firn_tree_decode_entry(&body, &entry, err);
        if (rc == FIRN_OK && entry.kind != FIRN_TREE_SYMLINK) {
            rc = references->visit(references->ctx, &entry.hash, entry.kind == FIRN_TREE_DIR, err);
        }
    }
    return rc;
}

static int
visit_items(const struct references *references, firn_slice body, firn_error *err)
{
    struct firn_reader reader = firn_reader_of(body);
    int rc = FIRN_OK;
    while (rc == FIRN_OK && firn_reader_left(&reader) > 0) {
        firn_slice name;
        firn_hash hash;
        if (!firn_reader_sized(&reader, FIRN_TREE_NAME_SIZE_MAX, &name) ||
            !firn_reader_copy(&reader, hash.bytes, sizeof hash.bytes)) {
            return firn_error_set(err, FIRN_CORRUPT, "the index of a directory is malformed");
        }
        rc = references->visit(references->ctx, &hash, true, err);
    }
    return rc;
}

int
firn_tree_references(firn_slice object,
                     int (*visit)(void *ctx, const firn_hash *hash, bool is_tree, firn_error *err),
                     void *ctx, firn_error *err)
{
    const struct references references = {visit, ctx};
    if (object.size < TREE_HEADER_SIZE || object.size > FIRN_TREE_OBJECT_SIZE_MAX ||
        object.data[1] >= FIRN_TREE_LEVELS_MAX) {
        return firn_error_set(err, FIRN_CORRUPT, "a directory object is malformed");
    }
    if (object.data[0] != TREE_FORMAT) {
        return firn_error_set(err, FIRN_NEWER,
                              "a directory object has format %u, this version knows %u",
                              object.data[0], TREE_FORMAT);
    }
    firn_slice body = firn_bytes(object.data + TREE_HEADER_SIZE, object.size - TREE_HEADER_SIZE);
    return object.data[1] == 0 ? visit_entries(&references, body, err)
                               : visit_items(&references, body, err);
}

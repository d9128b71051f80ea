/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/tree: what a store says about trees, made of hostile bytes. Byte 0 modulo 4 says what the
 * rest is: 0 entries of a directory; 1 a list of directory objects (each two bytes of size and so
 * many bytes), in which the first byte of a hash says which object it names, walked alone and
 * compared with nothing; 2 a checkpoint's record; 3 a place of the object index or a pack's entry.
 *
 * What is read and written again has the same bytes: there is one form for everything. Names come
 * in order, each may be used as a path component, and hard links are checked within bounds. A walk that
 * passes reserved names over meets none.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"
#include "catalog/catalog_record.h"
#include "difference/difference.h"
#include "objects/objects.h"
#include "tree/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OBJECTS_MAX = 64, VISITS_MAX = 2000 };

static void
check_same(struct fi_buf *written, firn_slice read)
{
    CHECK(fi_slice_equal(fi_buf_slice(written), read));
    fi_buf_deinit(written);
}

static void
read_entries(firn_slice rest)
{
    struct fi_tree_entry entry;
    firn_error err = {0};
    while (rest.size > 0) {
        firn_slice start = rest;
        int rc = fi_tree_decode_entry(&rest, &entry, &err);
        if (rc != FIRN_OK) {
            CHECK(rest.data == start.data && rest.size == start.size && err.code == rc);
            CHECK(rc == FIRN_CORRUPT || rc == FIRN_NEWER);
            return;
        }
        CHECK(fi_tree_name_is_valid(entry.name));
        struct fi_buf out = {0};
        CHECK(fi_tree_encode_entry(&out, &entry) == FIRN_OK);
        check_same(&out, firn_bytes(start.data, start.size - rest.size));
    }
}

/* ---- objects ---- */

struct objects {
    firn_slice objects[OBJECTS_MAX];
    size_t count;
    unsigned visits;
    struct fi_tree_lookup links;
};

static int
read_object(void *ctx, const firn_hash *hash, struct fi_buf *out, firn_error *err)
{
    const struct objects *objects = ctx;
    if (hash->bytes[0] >= objects->count) {
        return fi_error_set(err, FIRN_CORRUPT, "no such object");
    }
    fi_buf_clear(out);
    CHECK(fi_buf_append_slice(out, objects->objects[hash->bytes[0]]) == FIRN_OK);
    return FIRN_OK;
}

static int
visit(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct objects *objects = ctx;
    CHECK(change->kind == FI_DIFFERENCE_WALK_ADDED && change->before == NULL);
    if (++objects->visits > VISITS_MAX) {
        return fi_error_set(err, FIRN_CANCELLED, "enough");
    }
    if (change->path.size > 0) {
        CHECK(fi_tree_name_is_valid(change->after->name));
    }
    if (change->after->hard_link.size > 0) {
        int rc = fi_tree_lookup_check_link(&objects->links, change->path, change->after, err);
        CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER);
        CHECK(rc != FIRN_OK || fi_slice_compare(change->after->hard_link, change->path) < 0);
    }
    CHECK(fi_tree_reserved_path(change->path) == NULL);
    return FIRN_OK;
}

static void
walk_objects(firn_slice rest)
{
    struct objects objects = {0};
    struct fi_reader reader = fi_reader_of(rest);
    uint16_t size;
    while (objects.count < OBJECTS_MAX && fi_reader_le16(&reader, &size)) {
        size_t left = fi_reader_left(&reader);
        CHECK(
            fi_reader_bytes(&reader, size < left ? size : left, &objects.objects[objects.count++]));
    }
    struct fi_tree_source source = {.read = read_object, .ctx = &objects};
    struct fi_tree_entry root = {.kind = FI_TREE_DIR};
    struct fi_difference_walk_side nothing = {0};
    struct fi_difference_walk_side tree = {.source = &source, .root = &root};
    struct fi_difference_walk_options options = {.without_reserved = true};
    firn_error err = {0};
    fi_tree_lookup_init(&objects.links, &source, &root.hash);
    int rc = fi_difference_walk(&nothing, &tree, &options, visit, &objects, &err);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_CANCELLED);
    CHECK(rc == FIRN_OK || err.code == rc);
    fi_tree_lookup_deinit(&objects.links);
}

/* ---- records and the index ---- */

static void
read_record(firn_slice bytes)
{
    struct fi_catalog_record record;
    firn_workspace_checkpoint checkpoint;
    firn_error err = {0};
    int rc = fi_catalog_record_decode(bytes, &record, &err);
    if (rc != FIRN_OK) {
        CHECK(err.code == rc && (rc == FIRN_CORRUPT || rc == FIRN_NEWER));
        return;
    }
    struct fi_buf out = {0};
    CHECK(fi_catalog_record_encode(&record, &out) == FIRN_OK);
    check_same(&out, bytes);
    fi_catalog_record_to_checkpoint(&record, &checkpoint);
    CHECK(strlen(checkpoint.id) == FIRN_CHECKPOINT_ID_SIZE - 1);
}

static void
read_index(firn_slice bytes)
{
    struct fi_objects_place place;
    struct fi_objects_index_pack pack;
    struct fi_buf out = {0};
    uint8_t value[FI_OBJECTS_INDEX_PACK_SIZE_MAX];
    uint8_t key[FI_OBJECTS_INDEX_PACK_KEY_SIZE];
    if (fi_objects_index_decode_place(bytes, &place, NULL) == FIRN_OK) {
        uint8_t again[FI_OBJECTS_INDEX_PLACE_SIZE_MAX];
        CHECK(fi_buf_append(&out, again, fi_objects_index_encode_place(&place, again)) == FIRN_OK);
        check_same(&out, bytes);
    }
    if (bytes.size < sizeof key) {
        return;
    }
    firn_slice rest = firn_bytes(bytes.data + sizeof key, bytes.size - sizeof key);
    if (fi_objects_index_decode_pack(firn_bytes(bytes.data, sizeof key), rest, &pack, NULL) ==
        FIRN_OK) {
        size_t encoded = fi_objects_index_encode_pack(&pack, key, value);
        CHECK(rest.size == encoded && memcmp(rest.data, value, encoded) == 0);
        CHECK(memcmp(bytes.data, key, sizeof key) == 0);
    }
}

static int
count_reference(void *ctx, const firn_hash *hash, bool is_tree, firn_error *err)
{
    (void)hash;
    (void)is_tree;
    (void)err;
    ++*(size_t *)ctx;
    return FIRN_OK;
}

/* No object names more than fits into it. */
static void
read_references(firn_slice bytes)
{
    size_t count = 0;
    if (fi_tree_references(bytes, count_reference, &count, NULL) == FIRN_OK) {
        CHECK(count * sizeof(firn_hash) <= bytes.size);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    firn_slice rest = firn_bytes(data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        read_entries(rest);
        break;
    case 1:
        walk_objects(rest);
        read_references(rest);
        break;
    case 2:
        read_record(rest);
        break;
    default:
        read_index(rest);
        break;
    }
    return 0;
}

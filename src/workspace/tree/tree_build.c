/* SPDX-License-Identifier: Apache-2.0
 *
 * tree/tree_build.c: builds the objects of a directory from its entries.
 *
 * A directory whose entries fit in 64 KiB is one object of level 0. A larger one is cut into parts
 * of 8 to 64 KiB, and an object of level 1 lists the parts; if that list is itself too long it is
 * cut in the same way, and so on. Only the names determine where to cut (by a hash of the name
 * after which a cut would come), so adding, changing or removing one entry moves at most the
 * cuts around it: all other parts keep their hashes and are not stored again. This is
 * content-defined chunking (Muthitacharoen, Chen, Mazières: A low-bandwidth network file system,
 * 2001) at the granularity of entries.
 *
 * The cuts are part of the canonical form: the same entries are always cut alike.
 */
#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/xxh3.h"
#include "tree/tree.h"
#include "tree/tree_format.h"

struct builder {
    int (*put)(void *ctx, const firn_hash *hash, firn_slice object, firn_error *err);
    void *ctx;
    struct fi_buf object; /* being written: header and body */
    struct fi_buf upper;  /* items of the next level */
};

/* Takes the first entry (level 0) or item (above) from rest: its bytes and its name. */
static bool
next_element(firn_slice *rest, unsigned level, firn_slice *out_element, firn_slice *out_name)
{
    firn_slice start = *rest;
    if (level == 0) {
        struct fi_tree_entry entry;
        if (fi_tree_decode_entry(rest, &entry, NULL) != FIRN_OK) {
            return false;
        }
        *out_name = entry.name;
    } else {
        struct fi_reader reader = fi_reader_of(*rest);
        firn_hash hash;
        if (!fi_reader_sized(&reader, FI_TREE_NAME_SIZE_MAX, out_name) ||
            !fi_reader_copy(&reader, hash.bytes, sizeof hash.bytes)) {
            return false;
        }
        *rest = firn_bytes(reader.at, fi_reader_left(&reader));
    }
    *out_element = firn_bytes(start.data, start.size - rest->size);
    return true;
}

/* Whether names ascend over the contents of one object, or of all parts of one level. */
static bool
tree_build_ascends(firn_slice rest, unsigned level)
{
    firn_slice element;
    firn_slice name;
    firn_slice last = {NULL, 0};
    while (rest.size > 0) {
        if (!next_element(&rest, level, &element, &name) || fi_slice_compare(last, name) >= 0) {
            return false;
        }
        last = name;
    }
    return true;
}

static int
put_object(struct builder *builder, unsigned level, firn_slice body, firn_hash *out_hash,
           firn_error *err)
{
    fi_buf_clear(&builder->object);
    int rc;
    FI_TRY(fi_buf_append_u8(&builder->object, FI_TREE_FORMAT));
    FI_TRY(fi_buf_append_u8(&builder->object, (uint8_t)level));
    FI_TRY(fi_buf_append_slice(&builder->object, body));
    fi_blake3_hash_of(builder->object.data, builder->object.size, out_hash);
    DCHECK(builder->object.size <= FI_TREE_OBJECT_SIZE_MAX && level < FI_TREE_LEVELS_MAX);
    return builder->put(builder->ctx, out_hash, fi_buf_slice(&builder->object), err);
out:
    return fi_error_no_memory(err, "a directory object");
}

static int
put_part(struct builder *builder, unsigned level, firn_slice body, firn_slice last_name,
         firn_error *err)
{
    firn_hash hash;
    DCHECK(body.size > 0 && last_name.size > 0 && last_name.size <= FI_TREE_NAME_SIZE_MAX);
    int rc = put_object(builder, level, body, &hash, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    FI_TRY(fi_buf_append_varint(&builder->upper, last_name.size));
    FI_TRY(fi_buf_append_slice(&builder->upper, last_name));
    FI_TRY(fi_buf_append(&builder->upper, hash.bytes, sizeof hash.bytes));
    return FIRN_OK;
out:
    return fi_error_no_memory(err, "a directory index");
}

static bool
name_cuts(firn_slice name)
{
    return (fi_xxh3(name.data, name.size, 0) & FI_TREE_CUT_MASK) == 0;
}

/* Cuts one level into parts; their items are collected in builder->upper. */
static int
put_parts(struct builder *builder, unsigned level, firn_slice body, firn_error *err)
{
    firn_slice rest = body;
    firn_slice part = firn_bytes(body.data, 0);
    firn_slice last_name = {NULL, 0};
    DCHECK(tree_build_ascends(body, level));
    while (rest.size > 0) {
        firn_slice element;
        firn_slice name;
        CHECK(next_element(&rest, level, &element, &name));
        if (part.size > 0 && part.size + element.size > FI_TREE_PART_SIZE_MAX) {
            int rc = put_part(builder, level, part, last_name, err);
            if (rc != FIRN_OK) {
                return rc;
            }
            part = firn_bytes(element.data, 0);
        }
        part.size += element.size;
        last_name = name;
        if (part.size >= FI_TREE_PART_SIZE_MIN && rest.size > 0 && name_cuts(name)) {
            int rc = put_part(builder, level, part, last_name, err);
            if (rc != FIRN_OK) {
                return rc;
            }
            part = firn_bytes(rest.data, 0);
        }
    }
    return put_part(builder, level, part, last_name, err);
}

int
fi_tree_build(firn_slice encoded_entries,
              int (*put)(void *ctx, const firn_hash *hash, firn_slice object, firn_error *err),
              void *ctx, firn_hash *out_hash, firn_error *err)
{
    struct builder builder = {.put = put, .ctx = ctx};
    struct fi_buf body = {0};
    firn_slice bytes = encoded_entries;
    unsigned level = 0;
    int rc = FIRN_OK;
    /* A single element may be larger than a part: then it is a part of its own, and more levels
     * would not help. */
    while (bytes.size > FI_TREE_PART_SIZE_MAX) {
        CHECK(level + 1 < FI_TREE_LEVELS_MAX);
        fi_buf_clear(&builder.upper);
        FI_TRY(put_parts(&builder, level, bytes, err));
        struct fi_buf done = body;
        body = builder.upper;
        builder.upper = done;
        bytes = fi_buf_slice(&body);
        level++;
    }
    DCHECK(tree_build_ascends(bytes, level));
    rc = put_object(&builder, level, bytes, out_hash, err);
out:
    fi_buf_deinit(&body);
    fi_buf_deinit(&builder.upper);
    fi_buf_deinit(&builder.object);
    return rc;
}

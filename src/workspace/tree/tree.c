/* SPDX-License-Identifier: Apache-2.0
 *
 * tree/tree.c: encodes and decodes directory entries.
 *
 * The encoding is canonical (I1): for every entry there is one sequence of bytes, and decode
 * accepts no other; encode asserts this of its result. Numbers are varints in their shortest form,
 * tags ascend, an empty field has no tag, attributes ascend by name. So the hash of a directory
 * object shows whether two directories are equal, for any writer.
 *
 * Decoding trusts nothing (I2; not checked: it tests data, and asserts nothing): every length is
 * checked against what is left, every name against the rules that keep a restore inside its root. A
 * name that decode accepts may be used as a path component without further checks.
 *
 * A tag that this version does not know is refused with FIRN_NEWER: leaving a field out silently
 * would break the promise that a restored tree is the saved one.
 */
#include "tree/tree.h"

#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"
#include "tree/tree_format.h"

bool
fi_tree_name_is_valid(firn_slice name)
{
    if (name.size == 0 || name.size > FI_TREE_NAME_SIZE_MAX) {
        return false;
    }
    if (name.data[0] == '.' && (name.size == 1 || (name.size == 2 && name.data[1] == '.'))) {
        return false;
    }
    return memchr(name.data, '/', name.size) == NULL && memchr(name.data, '\0', name.size) == NULL;
}

static bool
target_is_valid(firn_slice target)
{
    return target.size > 0 && target.size <= FI_TREE_TARGET_SIZE_MAX &&
           memchr(target.data, '\0', target.size) == NULL;
}

bool
fi_tree_path_is_valid(firn_slice path)
{
    if (path.size > FI_TREE_PATH_SIZE_MAX) {
        return false;
    }
    for (;;) {
        const uint8_t *slash = path.size == 0 ? NULL : memchr(path.data, '/', path.size);
        size_t size = slash == NULL ? path.size : (size_t)(slash - path.data);
        if (!fi_tree_name_is_valid(firn_bytes(path.data, size))) {
            return false;
        }
        if (slash == NULL) {
            return true;
        }
        path = firn_bytes(slash + 1, path.size - size - 1);
    }
}

bool
fi_tree_xattrs_are_valid(firn_slice encoded)
{
    struct fi_reader reader = fi_reader_of(encoded);
    firn_slice last = {NULL, 0};
    while (fi_reader_left(&reader) > 0) {
        firn_slice name;
        firn_slice value;
        if (!fi_reader_sized(&reader, FI_TREE_NAME_SIZE_MAX, &name) ||
            !fi_reader_sized(&reader, FI_TREE_XATTRS_SIZE_MAX, &value) || name.size == 0 ||
            memchr(name.data, '\0', name.size) != NULL || fi_slice_compare(last, name) >= 0) {
            return false;
        }
        last = name;
    }
    return true;
}

static bool
entry_is_valid(const struct fi_tree_entry *entry)
{
    if (!fi_tree_name_is_valid(entry->name) || entry->mode > 07777 ||
        entry->xattrs.size > FI_TREE_XATTRS_SIZE_MAX) {
        return false;
    }
    switch (entry->kind) {
    case FI_TREE_FILE:
        return entry->target.size == 0 &&
               (entry->hard_link.size == 0 || fi_tree_path_is_valid(entry->hard_link));
    case FI_TREE_DIR:
        return entry->target.size == 0 && entry->hard_link.size == 0;
    case FI_TREE_SYMLINK:
        return target_is_valid(entry->target) &&
               (entry->hard_link.size == 0 || fi_tree_path_is_valid(entry->hard_link));
    default:
        return false;
    }
}

static int
append_tagged(struct fi_buf *out, uint64_t tag, firn_slice bytes)
{
    if (bytes.size == 0) {
        return FIRN_OK;
    }
    int rc = fi_buf_append_varint(out, tag);
    return rc == FIRN_OK ? fi_buf_append_sized(out, bytes) : rc;
}

/* (I1) Whether bytes are one whole entry that decode accepts. */
static bool
is_canonical(firn_slice bytes)
{
    struct fi_tree_entry entry;
    return fi_tree_decode_entry(&bytes, &entry, NULL) == FIRN_OK && bytes.size == 0;
}

int
fi_tree_encode_entry(struct fi_buf *out, const struct fi_tree_entry *entry)
{
    CHECK(entry_is_valid(entry));
    size_t start = out->size;
    int rc;
    FI_TRY(fi_buf_append_sized(out, entry->name));
    FI_TRY(fi_buf_append_u8(out, (uint8_t)entry->kind));
    FI_TRY(fi_buf_append_varint(out, entry->mode));
    FI_TRY(fi_buf_append_varint(out, entry->uid));
    FI_TRY(fi_buf_append_varint(out, entry->gid));
    FI_TRY(fi_buf_append_le64(out, (uint64_t)entry->mtime_ns));
    if (entry->kind == FI_TREE_FILE) {
        FI_TRY(fi_buf_append_varint(out, entry->size));
    }
    if (entry->kind == FI_TREE_SYMLINK) {
        FI_TRY(fi_buf_append_sized(out, entry->target));
    } else {
        FI_TRY(fi_buf_append(out, entry->hash.bytes, sizeof entry->hash.bytes));
    }
    FI_TRY(append_tagged(out, FI_TREE_TAG_XATTRS, entry->xattrs));
    FI_TRY(append_tagged(out, FI_TREE_TAG_HARD_LINK, entry->hard_link));
    FI_TRY(fi_buf_append_varint(out, FI_TREE_TAG_END));
    DCHECK(is_canonical(firn_bytes(out->data + start, out->size - start)));
    return FIRN_OK;
out:
    out->size = start;
    return rc;
}

/* Decodes the tagged fields after the fixed ones. */
static int
decode_tags(struct fi_reader *reader, struct fi_tree_entry *entry, firn_error *err)
{
    uint64_t last = FI_TREE_TAG_END;
    for (;;) {
        uint64_t tag;
        if (!fi_reader_varint(reader, &tag)) {
            return fi_error_set(err, FIRN_CORRUPT, "directory entry is cut short");
        }
        if (tag == FI_TREE_TAG_END) {
            return FIRN_OK;
        }
        firn_slice *field;
        if (tag == FI_TREE_TAG_XATTRS) {
            field = &entry->xattrs;
        } else if (tag == FI_TREE_TAG_HARD_LINK) {
            field = &entry->hard_link;
        } else {
            return fi_error_set(err, FIRN_NEWER,
                                "directory entry has a field of type %llu, which this version "
                                "does not know",
                                (unsigned long long)tag);
        }
        if (tag <= last || !fi_reader_sized(reader, FI_TREE_XATTRS_SIZE_MAX, field) ||
            field->size == 0) {
            return fi_error_set(err, FIRN_CORRUPT, "directory entry has a malformed field");
        }
        last = tag;
    }
}

static bool
decode_fixed(struct fi_reader *reader, struct fi_tree_entry *entry)
{
    uint8_t kind;
    uint64_t mode;
    uint64_t uid;
    uint64_t gid;
    uint64_t mtime;
    if (!fi_reader_sized(reader, FI_TREE_NAME_SIZE_MAX, &entry->name) ||
        !fi_reader_u8(reader, &kind) || !fi_reader_varint_max(reader, 07777, &mode) ||
        !fi_reader_varint_max(reader, UINT32_MAX, &uid) ||
        !fi_reader_varint_max(reader, UINT32_MAX, &gid) || !fi_reader_le64(reader, &mtime)) {
        return false;
    }
    entry->kind = (enum fi_tree_kind)kind;
    entry->mode = (uint32_t)mode;
    entry->uid = (uint32_t)uid;
    entry->gid = (uint32_t)gid;
    entry->mtime_ns = (int64_t)mtime;
    switch (entry->kind) {
    case FI_TREE_FILE:
        return fi_reader_varint_max(reader, INT64_MAX, &entry->size) &&
               fi_reader_copy(reader, entry->hash.bytes, sizeof entry->hash.bytes);
    case FI_TREE_DIR:
        return fi_reader_copy(reader, entry->hash.bytes, sizeof entry->hash.bytes);
    case FI_TREE_SYMLINK:
        return fi_reader_sized(reader, FI_TREE_TARGET_SIZE_MAX, &entry->target);
    default:
        return false;
    }
}

int
fi_tree_decode_entry(firn_slice *encoded, struct fi_tree_entry *out, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(*encoded);
    struct fi_tree_entry entry = {0};
    if (!decode_fixed(&reader, &entry)) {
        return fi_error_set(err, FIRN_CORRUPT, "directory entry is malformed or cut short");
    }
    FI_TRY_RETURN(decode_tags(&reader, &entry, err));
    if (!entry_is_valid(&entry) || !fi_tree_xattrs_are_valid(entry.xattrs)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "directory entry has a forbidden name, target or attribute");
    }
    *encoded = firn_bytes(reader.at, fi_reader_left(&reader));
    *out = entry;
    return FIRN_OK;
}

int
fi_tree_xattrs_append(struct fi_buf *out, firn_slice name, firn_slice value)
{
    CHECK(name.size > 0 && name.size <= FI_TREE_NAME_SIZE_MAX);
    size_t start = out->size;
    int rc = fi_buf_append_sized(out, name);
    if (rc == FIRN_OK) {
        rc = fi_buf_append_sized(out, value);
    }
    if (rc != FIRN_OK) {
        out->size = start;
    }
    DCHECK(rc != FIRN_OK || fi_tree_xattrs_are_valid(fi_buf_slice(out))); /* (I1) */
    return rc;
}

bool
fi_tree_xattrs_next(firn_slice *encoded, firn_slice *out_name, firn_slice *out_value)
{
    struct fi_reader reader = fi_reader_of(*encoded);
    if (!fi_reader_sized(&reader, SIZE_MAX, out_name) ||
        !fi_reader_sized(&reader, SIZE_MAX, out_value)) {
        return false;
    }
    *encoded = firn_bytes(reader.at, fi_reader_left(&reader));
    return true;
}

/* The names of objects in one directory object.
 *
 * For callers that need to know what is reachable, and visit each object once: a walk over whole
 * directories would read every part of a large one again for each of its versions, although all but
 * one are the same. Rules about a whole directory (names ascend over all its parts, levels fit) are
 * not checked here; the iterator checks them for callers that rely on the entries. */

static int
visit_entries(const struct fi_tree_object_visitor *visitor, firn_slice body, firn_error *err)
{
    while (body.size > 0) {
        struct fi_tree_entry entry;
        FI_TRY_RETURN(fi_tree_decode_entry(&body, &entry, err));
        FI_TRY_RETURN(visitor->entry(visitor->ctx, &entry, err));
    }
    return FIRN_OK;
}

static int
visit_items(const struct fi_tree_object_visitor *visitor, firn_slice body, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(body);
    while (fi_reader_left(&reader) > 0) {
        firn_slice name;
        firn_hash hash;
        if (!fi_reader_sized(&reader, FI_TREE_NAME_SIZE_MAX, &name) ||
            !fi_reader_copy(&reader, hash.bytes, sizeof hash.bytes)) {
            return fi_error_set(err, FIRN_CORRUPT, "the index of a directory is malformed");
        }
        FI_TRY_RETURN(visitor->part(visitor->ctx, &hash, err));
    }
    return FIRN_OK;
}

int
fi_tree_object_visit(firn_slice object, const struct fi_tree_object_visitor *visitor,
                     firn_error *err)
{
    if (object.size < FI_TREE_HEADER_SIZE || object.size > FI_TREE_OBJECT_SIZE_MAX ||
        object.data[1] >= FI_TREE_LEVELS_MAX) {
        return fi_error_set(err, FIRN_CORRUPT, "a directory object is malformed");
    }
    if (object.data[0] != FI_TREE_FORMAT) {
        return fi_error_set(err, FIRN_NEWER,
                            "a directory object has format %u, this version knows %u",
                            object.data[0], FI_TREE_FORMAT);
    }
    firn_slice body =
        firn_bytes(object.data + FI_TREE_HEADER_SIZE, object.size - FI_TREE_HEADER_SIZE);
    return object.data[1] == 0 ? visit_entries(visitor, body, err)
                               : visit_items(visitor, body, err);
}

struct references {
    int (*visit)(void *ctx, const firn_hash *hash, bool is_tree, firn_error *err);
    void *ctx;
};

static int
visit_part(void *ctx, const firn_hash *hash, firn_error *err)
{
    const struct references *references = ctx;
    return references->visit(references->ctx, hash, true, err);
}

static int
visit_entry(void *ctx, const struct fi_tree_entry *entry, firn_error *err)
{
    const struct references *references = ctx;
    return entry->kind == FI_TREE_SYMLINK
               ? FIRN_OK
               : references->visit(references->ctx, &entry->hash, entry->kind == FI_TREE_DIR, err);
}

int
fi_tree_references(firn_slice object,
                   int (*visit)(void *ctx, const firn_hash *hash, bool is_tree, firn_error *err),
                   void *ctx, firn_error *err)
{
    struct references references = {visit, ctx};
    const struct fi_tree_object_visitor visitor = {visit_part, visit_entry, &references};
    return fi_tree_object_visit(object, &visitor, err);
}

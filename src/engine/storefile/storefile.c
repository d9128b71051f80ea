/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/storefile.c: the identity file and the commit record, written and read.
 *
 * Readers trust nothing. A commit record has passed the log's checksum, so an error in it was
 * written by mistake or on purpose; it still causes an error, and never a wrong entry. Limits are
 * those of the public header, so that everything accepted here fits into memory: a record has at
 * most as many operations as bytes / 4.
 *
 * The checksum of the identity file is checked before its version, and has the same place in every
 * version. So a flipped bit in the version is reported as damage, and a newer version as newer.
 */
#include "storefile/storefile.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "codec/crc32c.h"
#include "firn/store.h"
#include "merge/merge.h"

enum {
    MAGIC_SIZE = 8,
    VERSION_AT = 8,
    FLAGS_AT = 12,
    ID_AT = 16,
    CREATED_AT = 32,
    CIPHER_AT = 40,
    CRC_AT = 60,
    FLAG_ENCRYPTED = 1
};

static const uint8_t magic[MAGIC_SIZE] = {'f', 'i', 'r', 'n', 's', 't', 'o', 'r'};

void
fi_storefile_put_identity(const struct fi_storefile_identity *identity,
                          uint8_t out[FI_STOREFILE_IDENTITY_SIZE])
{
    CHECK(identity->version > 0 && identity->version <= FI_STOREFILE_VERSION);
    memset(out, 0, FI_STOREFILE_IDENTITY_SIZE);
    memcpy(out, magic, MAGIC_SIZE);
    fi_store_le32(out + VERSION_AT, identity->version);
    memcpy(out + ID_AT, identity->id, FI_STOREFILE_ID_SIZE);
    fi_store_le64(out + CREATED_AT, (uint64_t)identity->created_ns);
    fi_store_le32(out + FLAGS_AT, identity->cipher != 0 ? FLAG_ENCRYPTED : 0);
    fi_store_le32(out + CIPHER_AT, identity->cipher);
    fi_store_le32(out + CRC_AT, fi_crc32c(0, out, CRC_AT));
}

bool
fi_storefile_is_identity(firn_slice bytes)
{
    return bytes.size >= MAGIC_SIZE && memcmp(bytes.data, magic, MAGIC_SIZE) == 0;
}

int
fi_storefile_get_identity(firn_slice bytes, const char *path, struct fi_storefile_identity *out,
                          firn_error *err)
{
    if (bytes.size < FI_STOREFILE_IDENTITY_SIZE) {
        return fi_error_set(err, FIRN_CORRUPT, "'%s' has %zu bytes instead of %d", path, bytes.size,
                            FI_STOREFILE_IDENTITY_SIZE);
    }
    if (!fi_storefile_is_identity(bytes)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s' does not begin as the identity of a firn store does", path);
    }
    uint32_t expected = fi_load_le32(bytes.data + CRC_AT);
    uint32_t found = fi_crc32c(0, bytes.data, CRC_AT);
    if (found != expected) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s' is damaged: checksum %08" PRIx32 " at offset %d, but its bytes "
                            "give %08" PRIx32,
                            path, expected, CRC_AT, found);
    }
    uint32_t version = fi_load_le32(bytes.data + VERSION_AT);
    uint32_t flags = fi_load_le32(bytes.data + FLAGS_AT);
    if (version > FI_STOREFILE_VERSION) {
        return fi_error_set(err, FIRN_NEWER,
                            "'%s' has format version %" PRIu32
                            "; this firn reads versions up to %d",
                            path, version, FI_STOREFILE_VERSION);
    }
    uint32_t cipher = fi_load_le32(bytes.data + CIPHER_AT);
    if ((flags & ~(uint32_t)FLAG_ENCRYPTED) != 0) {
        return fi_error_set(err, FIRN_NEWER,
                            "'%s' has flags %08" PRIx32 " that this firn does not know", path,
                            flags);
    }
    if (version == 0 || bytes.size != FI_STOREFILE_IDENTITY_SIZE) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s' has format version %" PRIu32 " and %zu bytes, which do not go "
                            "together",
                            path, version, bytes.size);
    }
    if (((flags & FLAG_ENCRYPTED) != 0) != (cipher != 0)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s' has flags %08" PRIx32 " and cipher %" PRIu32
                            ", which do not go together",
                            path, flags, cipher);
    }
    out->version = version;
    out->cipher = cipher;
    memcpy(out->id, bytes.data + ID_AT, FI_STOREFILE_ID_SIZE);
    out->created_ns = (int64_t)fi_load_le64(bytes.data + CREATED_AT);
    return FIRN_OK;
}

size_t
fi_storefile_put_header(uint64_t sequence, uint64_t count, uint8_t out[FI_STOREFILE_HEADER_MAX])
{
    DCHECK(count > 0);
    fi_store_le64(out, sequence);
    out[8] = 0;
    size_t size = 9 + fi_store_varint(out + 9, count);
    DCHECK(size <= FI_STOREFILE_HEADER_MAX);
    return size;
}

static size_t
put_slice(uint8_t *at, firn_slice slice)
{
    DCHECK(slice.size == 0 || slice.data != NULL);
    if (slice.size > 0) {
        memcpy(at, slice.data, slice.size);
    }
    return slice.size;
}

int
fi_storefile_append_op(struct fi_buf *out, const struct fi_storefile_op *op,
                       struct fi_storefile_place *place)
{
    size_t room = FI_STOREFILE_OP_FRAME_MAX + op->key.size + op->value.size;
    if (fi_buf_reserve(out, room) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    uint8_t *bytes = out->data;
    size_t at = out->size;
    DCHECK(op->value.size >= fi_entry_head_size(op->kind));
    at += fi_store_varint(bytes + at, op->keyspace);
    bytes[at++] = (uint8_t)op->kind;
    at += fi_store_varint(bytes + at, op->key.size);
    place->key_offset = at;
    at += put_slice(bytes + at, op->key);
    at += fi_store_varint(bytes + at, op->value.size);
    place->value_offset = at;
    at += put_slice(bytes + at, op->value);
    DCHECK(at <= out->size + room);
    out->size = at;
    return FIRN_OK;
}

size_t
fi_storefile_extend_size(size_t value_size, size_t more_size)
{
    DCHECK(value_size <= SIZE_MAX - more_size);
    return more_size + fi_varint_size(value_size + more_size) - fi_varint_size(value_size);
}

void
fi_storefile_extend_op(uint8_t *record, struct fi_storefile_place *place, size_t value_size,
                       firn_slice more)
{
    uint8_t *value = record + place->value_offset;
    size_t shift = fi_storefile_extend_size(value_size, more.size) - more.size;
    DCHECK(place->key_offset + fi_varint_size(value_size) <= place->value_offset);
    if (shift > 0) {
        memmove(value + shift, value, value_size);
    }
    (void)fi_store_varint(value - fi_varint_size(value_size), value_size + more.size);
    (void)put_slice(value + shift + value_size, more);
    place->value_offset += shift;
}

static int
storefile_corrupt(const char **what, const char *text)
{
    *what = text;
    return FIRN_CORRUPT;
}

static int
storefile_newer(const char **what, const char *text)
{
    *what = text;
    return FIRN_NEWER;
}

int
fi_storefile_get_header(firn_slice record, struct fi_storefile_commit *out, const char **what)
{
    struct fi_reader reader = fi_reader_of(record);
    uint8_t flags;
    if (!fi_reader_le64(&reader, &out->sequence) || !fi_reader_u8(&reader, &flags)) {
        return storefile_corrupt(what, "is too short for a commit");
    }
    if (flags != 0) {
        return storefile_newer(what, "is a commit with flags that this firn does not know");
    }
    if (out->sequence == 0 || out->sequence > FI_STOREFILE_SEQUENCE_MAX) {
        return storefile_corrupt(what, "is a commit with an impossible sequence");
    }
    if (!fi_reader_varint(&reader, &out->count) || out->count == 0 ||
        out->count > fi_reader_left(&reader) / FI_STOREFILE_OP_SIZE_MIN) {
        return storefile_corrupt(what, "is a commit with an impossible count of operations");
    }
    if (fi_reader_left(&reader) > FIRN_BATCH_SIZE_MAX) {
        return storefile_corrupt(what, "is a commit beyond the limit of size");
    }
    out->ops = reader;
    return FIRN_OK;
}

/* Checks the value of an operation other than a put; NULL if nothing is wrong with it. */
static const char *
find_fault(const struct fi_storefile_op *op)
{
    if (op->kind == FI_ENTRY_DELETE && op->value.size > 0) {
        return "is a commit with a delete that has a value";
    }
    if (op->kind == FI_ENTRY_RANGE_DELETE &&
        (op->value.size > FIRN_KEY_SIZE_MAX || fi_slice_compare(op->key, op->value) >= 0)) {
        return "is a commit with a range delete whose bounds are no range";
    }
    if (op->value.size < fi_entry_head_size(op->kind)) {
        return "is a commit with a value that is too short for its kind";
    }
    return NULL;
}

int
fi_storefile_get_op(struct fi_storefile_commit *commit, struct fi_storefile_op *out,
                    const char **what)
{
    struct fi_reader *reader = &commit->ops;
    uint8_t kind;
    DCHECK(commit->count > 0);
    if (!fi_reader_varint(reader, &out->keyspace) || !fi_reader_u8(reader, &kind)) {
        return storefile_corrupt(what, "is a commit that ends within an operation");
    }
    if (kind < FI_ENTRY_PUT || kind > FI_ENTRY_EXPIRING) {
        return storefile_newer(what,
                               "is a commit with a kind of operation that this firn does not know");
    }
    out->kind = (enum fi_entry_kind)kind;
    if (!fi_reader_sized(reader, FIRN_KEY_SIZE_MAX, &out->key) ||
        !fi_reader_sized(reader, FIRN_VALUE_SIZE_MAX, &out->value)) {
        return storefile_corrupt(what, "is a commit with a key or value that does not fit");
    }
    const char *fault = find_fault(out);
    if (fault != NULL) {
        return storefile_corrupt(what, fault);
    }
    if (out->kind == FI_ENTRY_MERGE) {
        int rc = fi_merge_fold_check_entry(out->value, NULL);
        if (rc != FIRN_OK) {
            *what = "is a commit with a merge that this firn does not know";
            return rc;
        }
    }
    commit->count--;
    if (commit->count == 0 && fi_reader_left(reader) > 0) {
        return storefile_corrupt(what, "is a commit with bytes after its operations");
    }
    return FIRN_OK;
}

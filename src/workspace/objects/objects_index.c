/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_index.c: the two keyspaces through which objects are found: encoding, decoding,
 * and the look-up of an object.
 *
 * The index is derived data: every pack lists its own objects, so a lost index can be rebuilt from
 * the packs. There is an entry for each object of a store, so entries are small: about ten bytes
 * besides the 32-byte key.
 */
#include "objects/objects.h"

#include <stdio.h>

#include "base/check.h"
#include "base/reader.h"
#include "objects/objects_internal.h"

enum { PACK_USED_SIZE = 32, PACK_LEVEL_SIZE = 33 };

size_t
fi_objects_index_encode_place(const struct fi_objects_place *place, uint8_t *out)
{
    DCHECK(place->pack != 0 && place->at.kind >= FI_PACK_BLOB && place->at.kind <= FI_PACK_DELTA);
    size_t size = fi_store_varint(out, place->pack);
    size += fi_store_varint(out + size, place->at.frame);
    size += fi_store_varint(out + size, place->at.offset);
    size += fi_store_varint(out + size, place->at.size);
    out[size++] = (uint8_t)place->at.kind;
    CHECK(size <= FI_OBJECTS_INDEX_PLACE_SIZE_MAX);
    return size;
}

int
fi_objects_index_decode_hash(firn_slice key, firn_hash *out, firn_error *err)
{
    if (key.size != sizeof out->bytes) {
        return fi_error_set(err, FIRN_CORRUPT, "a key of the object index is malformed");
    }
    memcpy(out->bytes, key.data, sizeof out->bytes);
    return FIRN_OK;
}

int
fi_objects_index_decode_place(firn_slice bytes, struct fi_objects_place *out, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(bytes);
    uint64_t pack;
    uint64_t frame;
    uint64_t offset;
    uint64_t size;
    uint8_t kind;
    if (!fi_reader_varint_max(&reader, UINT32_MAX, &pack) || pack == 0 ||
        !fi_reader_varint_max(&reader, UINT32_MAX, &frame) ||
        !fi_reader_varint_max(&reader, UINT32_MAX, &offset) ||
        !fi_reader_varint_max(&reader, UINT32_MAX, &size) || !fi_reader_u8(&reader, &kind) ||
        fi_reader_left(&reader) != 0 || kind < FI_PACK_BLOB || kind > FI_PACK_DELTA) {
        return fi_error_set(err, FIRN_CORRUPT, "an entry of the object index is malformed");
    }
    out->pack = (uint32_t)pack;
    out->at = (struct fi_pack_location){.frame = (uint32_t)frame,
                                        .offset = (uint32_t)offset,
                                        .size = (uint32_t)size,
                                        .kind = (enum fi_pack_kind)kind};
    return FIRN_OK;
}

size_t
fi_objects_index_encode_pack(const struct fi_objects_index_pack *pack, uint8_t *out_key,
                             uint8_t *out_value)
{
    DCHECK(pack->number != 0 && pack->level <= FI_OBJECTS_INDEX_LEVEL_MAX);
    fi_store_be32(out_key, pack->number);
    memcpy(out_value, pack->id.bytes, sizeof pack->id.bytes);
    fi_store_le64(out_value + 16, pack->size_bytes);
    fi_store_le64(out_value + 24, pack->object_count);
    if (pack->state == FI_OBJECTS_INDEX_PACK_USED) {
        out_value[32] = pack->level;
        return pack->level == 0 ? PACK_USED_SIZE : PACK_LEVEL_SIZE;
    }
    out_value[32] = (uint8_t)pack->state;
    fi_store_le64(out_value + 33, pack->version);
    return FI_OBJECTS_INDEX_PACK_SIZE_MAX;
}

static bool
decode_state(firn_slice value, struct fi_objects_index_pack *out)
{
    out->level = 0;
    if (value.size == PACK_USED_SIZE || value.size == PACK_LEVEL_SIZE) {
        out->level = value.size == PACK_LEVEL_SIZE ? value.data[32] : 0;
        out->state = FI_OBJECTS_INDEX_PACK_USED;
        out->version = 0;
        return value.size == PACK_USED_SIZE ||
               (out->level > 0 && out->level <= FI_OBJECTS_INDEX_LEVEL_MAX);
    }
    if (value.size != FI_OBJECTS_INDEX_PACK_SIZE_MAX ||
        (value.data[32] != FI_OBJECTS_INDEX_PACK_RETIRED &&
         value.data[32] != FI_OBJECTS_INDEX_PACK_REMOVED)) {
        return false;
    }
    out->state = (enum fi_objects_index_pack_state)value.data[32];
    out->version = fi_load_le64(value.data + 33);
    return true;
}

int
fi_objects_index_decode_pack(firn_slice key, firn_slice value, struct fi_objects_index_pack *out,
                             firn_error *err)
{
    if (key.size != FI_OBJECTS_INDEX_PACK_KEY_SIZE || fi_load_be32(key.data) == 0 ||
        !decode_state(value, out)) {
        return fi_error_set(err, FIRN_CORRUPT, "an entry of the pack list is malformed");
    }
    out->number = fi_load_be32(key.data);
    memcpy(out->id.bytes, value.data, sizeof out->id.bytes);
    out->size_bytes = fi_load_le64(value.data + 16);
    out->object_count = fi_load_le64(value.data + 24);
    return FIRN_OK;
}

void
fi_objects_index_pack_name(uint32_t number, char *out)
{
    (void)snprintf(out, FI_OBJECTS_INDEX_PACK_NAME_SIZE, "%08u.pack", number);
}

/* ---- finding ---- */

int
fi_objects_index_find(struct fi_objects *objects, const firn_hash *hash,
                      struct fi_objects_place *out, firn_error *err)
{
    if (objects->index == NULL) {
        return fi_error_set(err, FIRN_NOT_FOUND, "the store holds no objects");
    }
    struct fi_buf value = {0};
    int rc = fi_db_get(objects->index, firn_bytes(hash->bytes, sizeof hash->bytes), &value, err);
    if (rc == FIRN_OK) {
        rc = fi_objects_index_decode_place(fi_buf_slice(&value), out, err);
    }
    fi_buf_deinit(&value);
    return rc;
}

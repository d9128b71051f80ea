/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_index.h: the bytes of the object index and the pack list (docs/formats/catalog.md).
 *
 *   "firn.objects":  32 bytes hash        → varint pack | varint frame | varint offset | varint size
 *                                        | u8 kind
 *   "firn.packs":    be32 number (from 1) → 16 bytes identity | le64 file size | le64 object count
 *                                        | in use, if compressed higher than by a save: u8 level
 *                                        | not in use: u8 state | le64 version
 */
#ifndef FIRN_OBJECTS_OBJECTS_INDEX_H
#define FIRN_OBJECTS_OBJECTS_INDEX_H

#include <stdint.h>

#include "base/error.h"
#include "objects/objects.h"

#define FIRN_OBJECTS_INDEX_OBJECTS "firn.objects"
#define FIRN_OBJECTS_INDEX_PACKS "firn.packs"
#define FIRN_OBJECTS_INDEX_PACKS_DIR "packs"

enum {
    FIRN_OBJECTS_INDEX_PLACE_SIZE_MAX = 5 * 4 + 1,
    FIRN_OBJECTS_INDEX_PACK_KEY_SIZE = 4,
    FIRN_OBJECTS_INDEX_PACK_SIZE_MAX = 41,
    FIRN_OBJECTS_INDEX_LEVEL_MAX = 22,
    FIRN_OBJECTS_INDEX_PACK_NAME_SIZE = 16
};

/* On disk, but for the first. */
enum firn_objects_index_pack_state {
    FIRN_OBJECTS_INDEX_PACK_USED = 0,
    FIRN_OBJECTS_INDEX_PACK_RETIRED = 1, /* nothing refers to it; older readers may still read it */
    FIRN_OBJECTS_INDEX_PACK_REMOVED =
        2 /* its file is gone; kept because its number is the largest */
};

struct firn_objects_index_pack {
    uint32_t number;
    struct firn_block_file_id id;
    uint64_t size_bytes;
    uint64_t object_count;
    uint8_t level; /* in use: zstd's, by which all of it was compressed; 0: by a save */
    enum firn_objects_index_pack_state state;
    uint64_t version; /* RETIRED: unless it is 0, readers from this MANIFEST on do not know it */
};

/* Writes at most FIRN_OBJECTS_INDEX_PLACE_SIZE_MAX bytes; returns how many. */
size_t firn_objects_index_encode_place(const struct firn_objects_place *place, uint8_t *out);
/* The key of an object. */
FIRN_MUST_CHECK int firn_objects_index_decode_hash(firn_slice key, firn_hash *out, firn_error *err);
FIRN_MUST_CHECK int
firn_objects_index_decode_place(firn_slice bytes, struct firn_objects_place *out, firn_error *err);

/* Writes FIRN_OBJECTS_INDEX_PACK_KEY_SIZE and at most FIRN_OBJECTS_INDEX_PACK_SIZE_MAX bytes; returns the
 * size of the value. */
size_t firn_objects_index_encode_pack(const struct firn_objects_index_pack *pack, uint8_t *out_key,
                                      uint8_t *out_value);
FIRN_MUST_CHECK int firn_objects_index_decode_pack(firn_slice key, firn_slice value,
                                                   struct firn_objects_index_pack *out,
                                                   firn_error *err);

/* "00000042.pack" */
void firn_objects_index_pack_name(uint32_t number, char *out);

#endif

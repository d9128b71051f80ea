/* SPDX-License-Identifier: Apache-2.0
 *
 * outgoing/outgoing_internal.h: what the files of this room share. Only outgoing*.c include it.
 */
#ifndef FIRN_OUTGOING_OUTGOING_INTERNAL_H
#define FIRN_OUTGOING_OUTGOING_INTERNAL_H

#include "base/hash_map.h"
#include "outgoing/outgoing.h"

/* An object that goes out. */
struct fi_outgoing_object {
    firn_hash hash; /* first: the key */
    uint32_t pack;  /* of the store */
    uint32_t frame;
    uint32_t offset;
    uint8_t kind;    /* enum fi_pack_kind, as it is stored */
    bool is_tree;    /* collected as a directory */
    bool has_pieces; /* what its list names was collected */
    bool is_written;
};

struct fi_outgoing {
    struct fi_objects *objects;
    struct fi_outgoing_place place;
    struct fi_pack_scratch *scratch;
    bool is_over;              /* they were written, or that failed */
    struct fi_hash_map map;    /* of fi_outgoing_object */
    struct fi_buf directories; /* hashes of directories that wait to be looked into */
    struct fi_buf lists;       /* the same of lists of pieces */
    struct fi_buf object;      /* the directory that is being looked into */
};

static inline struct fi_outgoing_object *
fi_outgoing_find(const struct fi_outgoing *outgoing, const firn_hash *hash)
{
    return fi_hash_map_find(&outgoing->map, fi_hash_map_first(hash), hash);
}

#endif

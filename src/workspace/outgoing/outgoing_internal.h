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
    uint32_t size;   /* of the stored bytes */
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

/* An object of a frame that was read. */
struct fi_outgoing_met {
    struct fi_pack_frame_object object;
    firn_slice content; /* borrowed from the scratch with which the frame was read */
    bool is_chosen;     /* for who reads the frame; false at first */
};

/* A frame of a pack, to be copied or taken apart (outgoing_frame.c). Zeroed at first. */
struct fi_outgoing_frame {
    struct firn_pack *file; /* borrowed */
    uint32_t number;
    struct fi_outgoing_met *met;
    size_t count;
    size_t capacity;
    struct fi_pack_frame_object *copied; /* what the frame has, if it goes out as it is stored */
    size_t copied_count;
    size_t copied_capacity;
    struct fi_buf stored;
};

/* Reads frame `number`; what it met is borrowed from scratch until the scratch is used again. */
FIRN_MUST_CHECK int fi_outgoing_frame_read(struct fi_outgoing_frame *frame, struct firn_pack *file,
                                           struct fi_pack_scratch *scratch, uint32_t number,
                                           firn_error *err);
/* Adds the frame as it is, still compressed. Requires: the writer has none of its objects. */
FIRN_MUST_CHECK int fi_outgoing_frame_copy(struct fi_outgoing_frame *frame,
                                           struct firn_pack_writer *writer,
                                           struct fi_pack_lane *lane, firn_error *err);
/* The same for a frame that was not read: the objects are known to be in it, in the order of
 * fi_outgoing_frame_compare. *out_is_all is false if the frame may have another one. Requires: the
 * pack has the frame. */
FIRN_MUST_CHECK int fi_outgoing_frame_know(struct fi_outgoing_frame *frame, struct firn_pack *file,
                                           struct fi_outgoing_object *const *objects, size_t count,
                                           bool *out_is_all, firn_error *err);
/* Requires: these were all. */
FIRN_MUST_CHECK int fi_outgoing_frame_copy_known(struct fi_outgoing_frame *frame,
                                                 struct firn_pack_writer *writer,
                                                 struct fi_pack_lane *lane, firn_error *err);
/* It is zeroed again. */
void fi_outgoing_frame_deinit(struct fi_outgoing_frame *frame);
/* For fi_sort of pointers to fi_outgoing_object: contents before directories, then by pack, frame
 * and place in the frame. */
int fi_outgoing_frame_compare(const void *a, const void *b);

static inline struct fi_outgoing_object *
fi_outgoing_find(const struct fi_outgoing *outgoing, const firn_hash *hash)
{
    return fi_hash_map_find(&outgoing->map, fi_hash_map_first(hash), hash);
}

#endif

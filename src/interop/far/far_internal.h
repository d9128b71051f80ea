/* SPDX-License-Identifier: Apache-2.0
 *
 * far/far_internal.h: what the files of this room share. Only far*.c include it.
 */
#ifndef FIRN_FAR_FAR_INTERNAL_H
#define FIRN_FAR_FAR_INTERNAL_H

#include "base/hash_map.h"
#include "far/far.h"
#include "pack/pack.h"
#include "tempfile/tempfile.h"

enum {
    /* The first guess at what the end of a pack takes: this part of it, within these bounds. */
    FI_FAR_END_PART = 16,
    FI_FAR_END_MIN = 1 << 20,
    FI_FAR_END_MAX = 8 << 20,
    /* Of one request. */
    FI_FAR_RANGE_MAX = 8 << 20,
    FI_FAR_GAP_MAX = 1 << 20,
    /* Objects whose places are kept in memory, some 80 bytes each. */
    FI_FAR_INDEX_MAX = 1 << 19
};
/* Of one pack: more than FI_PACK_FRAMES_MAX frames of usual size. */
#define FI_FAR_PACK_SIZE_MAX (UINT64_C(1) << 45)

/* Bytes of a pack that were fetched, and where they are in the temporary file. */
struct fi_far_extent {
    uint64_t offset;
    uint64_t size;
    uint64_t at;
};

/* A pack. */
struct fi_far_file {
    struct fi_far *far;
    char *name;
    struct fi_block_file_id id;
    uint64_t number;
    uint64_t *bases;
    size_t base_count;
    struct fi_block_source source;
    bool is_in_memory;
    struct fi_buf bytes; /* of a pack in memory */
    /* Of one in the bucket: ascending, apart from each other. */
    struct fi_far_extent *extents;
    size_t extent_count;
    size_t extent_capacity;
    bool is_opening;
    bool is_gone; /* the bucket said so, at the last request */
    /* What was found out. */
    struct firn_pack *pack; /* NULL: not opened */
    bool was_listed;        /* for the index */
    bool is_indexed;        /* all its objects are in far->index */
    bool is_damaged;        /* it cannot be opened */
};

/* Where an object is. */
struct fi_far_place {
    uint32_t file;
    struct fi_pack_location at;
};
/* In far->index. */
struct fi_far_known {
    uint64_t key; /* first; of the hash */
    firn_hash hash;
    struct fi_far_place place;
};

/* In far->ids. */
struct fi_far_identity {
    uint64_t key; /* first; of the identity */
    struct fi_block_file_id id;
};

struct fi_far {
    struct fi_bucket *bucket;
    struct fi_os_dir *dir;
    uint64_t bytes_max;
    uint64_t fetched;
    struct fi_tempfile temp; /* made for the first range */
    uint64_t temp_size;
    struct fi_buf range;        /* the answer of the bucket */
    struct fi_far_file **files; /* in the order in which they were added */
    size_t file_count;
    size_t file_capacity;
    struct fi_hash_map ids;   /* of struct fi_far_identity */
    struct fi_hash_map index; /* of struct fi_far_known */
    uint64_t seed;            /* of the keys of both */
    bool has_damage;
    firn_error damage; /* the first that was found when looking for objects */
    struct fi_pack_scratch *scratch;
    struct fi_budget budget;
    struct fi_tree_source trees;
};

/* ---- far_ranges.c ---- */

/* Makes sure that these bytes of a pack in the bucket were fetched. */
FIRN_MUST_CHECK int fi_far_ranges_fetch(struct fi_far_file *file, struct fi_pack_span span,
                                        firn_error *err);
bool fi_far_ranges_has(const struct fi_far_file *file, struct fi_pack_span span);
/* The end of the pack that was fetched begins here. */
uint64_t fi_far_ranges_end_start(const struct fi_far_file *file);
/* Read functions of sources; ctx is the file. */
FIRN_MUST_CHECK int fi_far_ranges_read(void *ctx, uint64_t offset, void *out, size_t size,
                                       firn_error *err);
FIRN_MUST_CHECK int fi_far_ranges_read_memory(void *ctx, uint64_t offset, void *out, size_t size,
                                              firn_error *err);

/* ---- far.c ---- */

/* *out_is_found is false if no pack has the object. from: the number of a file whose delta needs
 * it, so that its bases come first; NULL: any. Packs that are damaged are passed over; if the
 * object is in no other, the damage is the error. */
FIRN_MUST_CHECK int fi_far_find(struct fi_far *far, const firn_hash *hash, const uint32_t *from,
                                struct fi_far_place *out, bool *out_is_found, firn_error *err);
/* The same; no pack with it is FIRN_CORRUPT. */
FIRN_MUST_CHECK int fi_far_need(struct fi_far *far, const firn_hash *hash, const uint32_t *from,
                                struct fi_far_place *out, firn_error *err);

/* ---- far_read.c ---- */

/* An object at its place, as it is stored; borrowed from the scratch until its next use. */
FIRN_MUST_CHECK int fi_far_read_at(struct fi_far *far, const firn_hash *hash,
                                   const struct fi_far_place *place, firn_slice *out,
                                   firn_error *err);
/* The bytes of an object, or its list of pieces, by its kind; borrowed likewise. */
FIRN_MUST_CHECK int fi_far_read_stored(struct fi_far *far, const firn_hash *hash,
                                       enum fi_pack_kind *out_kind, firn_slice *out,
                                       firn_error *err);

/* ---- far_stream.c ---- */

/* Appends the content of a list of pieces. FIRN_CORRUPT if it is larger than an object can be. */
FIRN_MUST_CHECK int fi_far_stream_whole(struct fi_far *far, const firn_hash *hash,
                                        firn_slice borrowed_list, struct fi_buf *out,
                                        firn_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_cells.h: content that lists of cells name (pack/packfile_cells.h), read cell
 * by cell. Only objects*.c include it.
 */
#ifndef FIRN_OBJECTS_OBJECTS_CELLS_H
#define FIRN_OBJECTS_OBJECTS_CELLS_H

#include "base/hash_map.h"
#include "objects/objects_spread.h"
#include "pack/packfile_cells.h"

/* A walk over the cells of one content that are not zeros, in order. */
struct firn_objects_cells {
    struct firn_objects *objects;
    uint64_t size;
    unsigned top;
    unsigned level; /* of the list that is being read */
    struct {
        struct firn_buf list;
        struct firn_packfile_cells at;
        uint64_t offset; /* of the list's content in the whole */
    } levels[FIRN_PACKFILE_CELLS_LEVELS];
    bool is_each_once;         /* lists that were seen are passed over: for verifying */
    struct firn_hash_map seen; /* firn_hash of each list, then */
};

/* size is what the content shall have. FIRN_CORRUPT if it has not, or another list is to be there. */
FIRN_MUST_CHECK int firn_objects_cells_open(struct firn_objects_cells *cells,
                                            struct firn_objects *objects,
                                            struct firn_packfile_scratch *scratch,
                                            const firn_hash *hash, uint64_t size, bool is_each_once,
                                            firn_error *err);
/* Also after an open that failed. */
void firn_objects_cells_close(struct firn_objects_cells *cells);
/* out->offset counts from the beginning of the whole. */
FIRN_MUST_CHECK int firn_objects_cells_next(struct firn_objects_cells *cells,
                                            struct firn_packfile_scratch *scratch,
                                            struct firn_packfile_cells_item *out, bool *out_is_end,
                                            firn_error *err);
/* The bytes of one cell, verified, in the place of out's contents. */
FIRN_MUST_CHECK int firn_objects_cells_read(struct firn_objects *objects,
                                            struct firn_packfile_scratch *scratch,
                                            const struct firn_packfile_cells_item *cell,
                                            struct firn_buf *out, firn_error *err);

/* As firn_objects_stream and firn_objects_stream_verify, where the object is a list of cells. */
FIRN_MUST_CHECK int
firn_objects_cells_stream(struct firn_objects *objects, struct firn_packfile_scratch *scratch,
                          const firn_hash *hash, uint64_t size,
                          int (*sink)(void *ctx, uint64_t offset, firn_slice data, firn_error *err),
                          void *ctx, firn_error *err);
FIRN_MUST_CHECK int firn_objects_cells_verify(struct firn_objects *objects,
                                              struct firn_packfile_scratch *scratch,
                                              const firn_hash *hash, uint64_t size,
                                              firn_objects_tick *tick, void *ctx, firn_error *err);
/* As firn_objects_spread_read, where the object is a list of cells. */
FIRN_MUST_CHECK int firn_objects_cells_spread(const struct firn_objects_spread *spread,
                                              const firn_hash *hash, uint64_t size,
                                              int (*sink)(void *ctx, uint64_t offset,
                                                          firn_slice data, firn_error *err),
                                              void *ctx, firn_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_cells.h: lists of cells, by which content of 16 GiB and more is named and stored
 * (docs/formats/pack.md, "Lists of cells"). Zeros do not occur in them, so the cost of a file's
 * holes does not depend on their size.
 *
 * Content is cut into cells of 1 MiB. A list of level 0 names up to 2,048 of them, a list of level
 * n up to 2,048 lists of level n - 1; what is zeros throughout is left out. The list of the highest
 * level gives the content its name.
 */
#ifndef FIRN_PACK_PACK_CELLS_H
#define FIRN_PACK_PACK_CELLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reader.h"
#include "firn/types.h"
#include "pack/pack.h"

/* Content of at least this size, and no other, is stored in this way. */
#define FI_PACK_CELLS_CONTENT_MIN (UINT64_C(16) << 30)
/* 8 PiB: what lists of three levels can stand for. */
#define FI_PACK_CELLS_CONTENT_MAX (UINT64_C(1) << 53)

enum {
    FI_PACK_CELLS_SIZE = 1 << 20, /* of a cell; the last one of a file may be shorter */
    FI_PACK_CELLS_IN_LIST = 2048,
    FI_PACK_CELLS_LEVELS = 3
};

/* The level of the list that names content of that size, at most CONTENT_MAX. */
unsigned fi_pack_cells_level_of(uint64_t size);

/* Whether the bytes of a PIECES object are meant to be a list of cells, not one of pieces. */
bool fi_pack_cells_is_list(firn_slice stored);
/* The name of a list of cells: the hash of its bytes, in BLAKE3's mode for deriving keys. So nobody
 * can find content that has the name of a list. */
void fi_pack_cells_name(firn_slice list, firn_hash *out);

/* A list taken apart; borrowed from its bytes. */
struct fi_pack_cells {
    unsigned level;
    uint64_t size; /* of the content that it stands for */
    uint64_t next; /* number of the item after those already looked at */
    struct fi_reader rest;
};
struct fi_pack_cells_item {
    uint64_t offset; /* in the content of the list */
    uint64_t size;
    firn_hash hash; /* of a cell's bytes; of a list */
};
/* Checks every rule; then _next gives the items in order, until it gives false. */
FIRN_MUST_CHECK int fi_pack_cells_open(firn_slice list, struct fi_pack_cells *out, firn_error *err);
FIRN_MUST_CHECK bool fi_pack_cells_next(struct fi_pack_cells *cells,
                                        struct fi_pack_cells_item *out);
/* As fi_pack_pieces_decode: items are pieces, and the gaps between them are holes. */
FIRN_MUST_CHECK int fi_pack_cells_decode(firn_slice list, uint64_t *out_total_size,
                                         int (*visit)(void *ctx, uint64_t offset,
                                                      const struct fi_pack_piece *piece,
                                                      firn_error *err),
                                         void *ctx, firn_error *err);

/* ---- building ---- */

/* Makes the lists of one content from the names of its cells. */
struct fi_pack_cells_builder {
    uint64_t size;
    unsigned top; /* level of the last list */
    /* Gets each list, after the lists that it names; put may be NULL. */
    int (*put)(void *ctx, const firn_hash *hash, firn_slice list, firn_error *err);
    void *ctx;
    firn_hash name; /* of the list that was put last */
    struct {
        struct fi_buf list; /* empty: none is open */
        uint64_t number;    /* of the open list among those of its level */
        uint64_t next;      /* the item after the last one */
    } levels[FI_PACK_CELLS_LEVELS];
};

/* size is from 1 to FI_PACK_CELLS_CONTENT_MAX. */
void fi_pack_cells_builder_init(struct fi_pack_cells_builder *builder, uint64_t size,
                                int (*put)(void *ctx, const firn_hash *hash, firn_slice list,
                                           firn_error *err),
                                void *ctx);
void fi_pack_cells_builder_deinit(struct fi_pack_cells_builder *builder);
/* A cell that is not all zeros; in ascending order of numbers. */
FIRN_MUST_CHECK int fi_pack_cells_builder_add(struct fi_pack_cells_builder *builder,
                                              uint64_t number, const firn_hash *hash,
                                              firn_error *err);
/* Puts the open lists; *out is the content's name. Nothing may be added afterwards. */
FIRN_MUST_CHECK int fi_pack_cells_builder_finish(struct fi_pack_cells_builder *builder,
                                                 firn_hash *out, firn_error *err);

#endif

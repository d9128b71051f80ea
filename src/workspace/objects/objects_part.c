/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_part.c: a part of a content.
 *
 * Only the pieces that the part touches are read, and each is compared with its own name before any
 * of it is passed on. What is named by the content's own hash is the content as a whole, so that is
 * not compared here: a list is covered by the checksum of its frame, and a list of cells by its
 * name.
 *
 * Of a list of pieces all items up to the end of the part are looked at, of a list of cells those
 * of one list a level. Lists of cells are at most three deep, and each has the level and the size
 * that the one above requires (I1), so the recursion is bounded.
 *
 * Memory: the lists, and one object.
 */
#include "base/check.h"
#include "base/slice.h"
#include "codec/hex.h"
#include "objects/objects_internal.h"
#include "pack/pack_cells.h"

struct part {
    struct fi_objects *objects;
    struct fi_pack_scratch *scratch;
    uint64_t from; /* in the whole */
    uint64_t to;
    int (*sink)(void *ctx, uint64_t offset, firn_slice data, firn_error *err);
    void *ctx;
    struct fi_buf object;
};

static int
objects_part_wrong(const firn_hash *hash, const char *what, firn_error *err)
{
    char hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    return fi_error_set(err, FIRN_CORRUPT, "object %s %s", hex, what);
}

/* Passes on what the part has of a stretch; data is NULL: a hole. */
static int
objects_part_give(const struct part *part, uint64_t at, uint64_t size, const uint8_t *data,
                  firn_error *err)
{
    const uint64_t from = at > part->from ? at : part->from;
    const uint64_t to = at + size < part->to ? at + size : part->to;
    if (from >= to) {
        return FIRN_OK;
    }
    return part->sink(part->ctx, from,
                      firn_bytes(data == NULL ? NULL : data + (from - at), (size_t)(to - from)),
                      err);
}

static bool
is_touched(const struct part *part, uint64_t at, uint64_t size)
{
    return at < part->to && at + size > part->from;
}

static int
give_object(struct part *part, uint64_t at, uint64_t size, const firn_hash *hash, firn_error *err)
{
    enum fi_pack_kind kind;
    firn_slice stored;
    FI_TRY_RETURN(fi_objects_read_stored(part->objects, part->scratch, hash, &kind, &stored, err));
    if (kind != FI_PACK_PIECES) {
        return stored.size == size
                   ? objects_part_give(part, at, size, stored.data, err)
                   : objects_part_wrong(hash, "has another size than its list says", err);
    }
    FI_TRY_RETURN(fi_objects_stream_whole(part->objects, part->scratch, hash, &part->object, err));
    return part->object.size == size
               ? objects_part_give(part, at, size, part->object.data, err)
               : objects_part_wrong(hash, "has another size than its list says", err);
}

/* ---- lists of pieces ---- */

static int
give_list(struct part *part, firn_slice list, uint64_t size, const firn_hash *hash, firn_error *err)
{
    struct fi_reader pieces;
    struct fi_pack_piece piece;
    uint64_t total;
    uint64_t at = 0;
    FI_TRY_RETURN(fi_pack_pieces_open(list, &pieces, &total, err));
    if (total != size) {
        return objects_part_wrong(hash, "has another size than its entry says", err);
    }
    while (at < part->to && fi_pack_pieces_next(&pieces, &piece)) {
        DCHECK(piece.size <= size - at);
        if (piece.is_hole) {
            FI_TRY_RETURN(objects_part_give(part, at, piece.size, NULL, err));
        } else if (is_touched(part, at, piece.size)) {
            FI_TRY_RETURN(give_object(part, at, piece.size, &piece.hash, err));
        }
        at += piece.size;
    }
    return FIRN_OK;
}

/* ---- lists of cells ---- */

static int give_cells_of(struct part *part, uint64_t at, uint64_t size, const firn_hash *hash,
                         unsigned level, firn_error *err);

static int
give_cells(struct part *part, const struct fi_pack_cells *cells, uint64_t begin, firn_error *err)
{
    struct fi_pack_cells rest = *cells;
    struct fi_pack_cells_item item;
    uint64_t at = begin;
    while (at < part->to && fi_pack_cells_next(&rest, &item)) {
        item.offset += begin;
        FI_TRY_RETURN(objects_part_give(part, at, item.offset - at, NULL, err));
        if (is_touched(part, item.offset, item.size)) {
            FI_TRY_RETURN(cells->level == 0
                              ? give_object(part, item.offset, item.size, &item.hash, err)
                              : give_cells_of(part, item.offset, item.size, &item.hash,
                                              cells->level - 1, err));
        }
        at = item.offset + item.size;
    }
    return objects_part_give(part, at, begin + cells->size - at, NULL, err);
}

/* A list of cells by its name. (I1) */
static int
give_cells_of(struct part *part, uint64_t at, uint64_t size, const firn_hash *hash, unsigned level,
              firn_error *err)
{
    enum fi_pack_kind kind;
    struct fi_pack_cells cells;
    struct fi_buf list = {0};
    firn_slice stored;
    int rc;
    DCHECK(level < FI_PACK_CELLS_LEVELS);
    FI_TRY(fi_objects_read_stored(part->objects, part->scratch, hash, &kind, &stored, err));
    if (kind != FI_PACK_PIECES || !fi_pack_cells_is_list(stored)) {
        return objects_part_wrong(hash, "is not the list of cells that it should be", err);
    }
    if (fi_buf_assign(&list, stored) != FIRN_OK) {
        return fi_error_no_memory(err, "a list of cells");
    }
    FI_TRY(fi_pack_cells_open(fi_buf_slice(&list), &cells, err));
    rc = cells.level == level && cells.size == size
             ? give_cells(part, &cells, at, err)
             : objects_part_wrong(hash, "is a list of cells for something else", err);
out:
    fi_buf_deinit(&list);
    return rc;
}

/* ---- the content ---- */

int
fi_objects_part(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                const struct fi_objects_part_of *of,
                int (*sink)(void *ctx, uint64_t offset, firn_slice data, firn_error *err),
                void *ctx, firn_error *err)
{
    struct part part = {.objects = objects,
                        .scratch = scratch,
                        .from = of->offset,
                        .to =
                            of->length < of->size - of->offset ? of->offset + of->length : of->size,
                        .sink = sink,
                        .ctx = ctx};
    struct fi_buf list = {0};
    enum fi_pack_kind kind;
    firn_slice stored;
    int rc;
    DCHECK(of->offset <= of->size);
    FI_TRY(fi_objects_read_stored(objects, scratch, &of->hash, &kind, &stored, err));
    if (kind != FI_PACK_PIECES) {
        rc = stored.size == of->size
                 ? objects_part_give(&part, 0, stored.size, stored.data, err)
                 : objects_part_wrong(&of->hash, "has another size than its entry says", err);
        goto out;
    }
    if (fi_pack_cells_is_list(stored)) {
        const bool is_of_cells =
            of->size >= FI_PACK_CELLS_CONTENT_MIN && of->size <= FI_PACK_CELLS_CONTENT_MAX;
        rc = is_of_cells
                 ? give_cells_of(&part, 0, of->size, &of->hash, fi_pack_cells_level_of(of->size),
                                 err)
                 : objects_part_wrong(&of->hash, "is a list of cells for something else", err);
        goto out;
    }
    /* Reading the pieces uses the scratch that the list was borrowed from. */
    rc = fi_buf_assign(&list, stored) == FIRN_OK
             ? give_list(&part, fi_buf_slice(&list), of->size, &of->hash, err)
             : fi_error_no_memory(err, "a list of pieces");
out:
    fi_buf_deinit(&list);
    fi_buf_deinit(&part.object);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * far/far_stream.c: the content of an object in order, however it is stored: whole, as a list of
 * pieces, as lists of cells.
 *
 * A list may name the same few objects in many places, and holes of any size. Each object, each
 * byte that is hashed, and each stretch of zeros is paid for (base/budget.h), so work is bounded
 * however large the content claims to be; the whole of a list of pieces is always hashed. Zeros of
 * lists of cells are not hashed, and passed on in steps, which sink may end.
 *
 * (I1) A list that is a piece stands for less than the list that names it, and lies at most
 *      FI_PACK_STREAM_INNER_DEPTH_MAX deep; a list of cells has the level and the size that the one
 *      above it asks for, and below the top at least one item. So there is no circle.
 *
 * Pieces are fetched before they are needed, for WINDOW bytes of content at a time: for a list
 * whose pieces are lists these are then at hand, and their own pieces follow likewise.
 *
 * Memory: a copy of the list of each level, since reading uses the scratch that it was borrowed
 * from; a list inside another has at most 128 KiB.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "far/far.h"
#include "far/far_internal.h"
#include "pack/pack_cells.h"

enum {
    WINDOW = 6 << 20, /* with the frames around them mostly one range */
    WINDOW_COUNT = 256,
    HOLE_STEP = 4 << 20,
    CELLS_HOLE_STEP = 1 << 30,
    ZEROS_FOR_WORK = 4
};

typedef int far_sink(void *ctx, uint64_t offset, firn_slice data, firn_error *err);

struct streaming {
    struct fi_far *far;
    far_sink *sink;
    void *ctx;
    struct fi_blake3_hash whole; /* of a list of pieces, or of a cell */
    uint64_t at;                 /* in the whole */
    unsigned depth;              /* of lists in lists */
    uint64_t size;               /* of the list of pieces that is being read (I1) */
};

static int
refuse(const firn_hash *hash, const char *what, firn_error *err)
{
    char hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    return fi_error_set(err, FIRN_CORRUPT, "object %s %s", hex, what);
}

/* ---- passing on ---- */

static int
give_data(struct streaming *stream, firn_slice data, firn_error *err)
{
    fi_blake3_hash_update(&stream->whole, data.data, data.size);
    FI_TRY_RETURN(stream->sink(stream->ctx, stream->at, data, err));
    stream->at += data.size;
    return FIRN_OK;
}

static void
hash_zeros(struct fi_blake3_hash *whole, size_t size)
{
    for (size_t left = size; left > 0;) {
        const size_t part = left < FI_ZEROS_SIZE ? left : FI_ZEROS_SIZE;
        fi_blake3_hash_update(whole, fi_zeros(), part);
        left -= part;
    }
}

/* A hole of a list of pieces. */
static int
give_hole(struct streaming *stream, uint64_t size, firn_error *err)
{
    while (size > 0) {
        const size_t part = size < HOLE_STEP ? (size_t)size : HOLE_STEP;
        FI_TRY_RETURN(fi_budget_spend(&stream->far->budget, part / ZEROS_FOR_WORK, err));
        hash_zeros(&stream->whole, part);
        FI_TRY_RETURN(stream->sink(stream->ctx, stream->at, (firn_slice){NULL, part}, err));
        stream->at += part;
        size -= part;
    }
    return FIRN_OK;
}

/* What a list of cells leaves out, up to an offset. */
static int
give_gap(struct streaming *stream, uint64_t to, firn_error *err)
{
    DCHECK(stream->at <= to);
    while (stream->at < to) {
        const uint64_t left = to - stream->at;
        const size_t part = left < CELLS_HOLE_STEP ? (size_t)left : CELLS_HOLE_STEP;
        FI_TRY_RETURN(fi_budget_spend(&stream->far->budget, FI_BUDGET_OBJECT, err));
        FI_TRY_RETURN(stream->sink(stream->ctx, stream->at, (firn_slice){NULL, part}, err));
        stream->at += part;
    }
    return FIRN_OK;
}

/* ---- lists of pieces ---- */

static int stream_list(struct streaming *stream, firn_slice borrowed, uint64_t size,
                       firn_error *err);

/* Fetches the next objects of a list: `ahead` is moved on. *out_count is how many pieces, holes
 * among them, may be read until the next call. */
static int
fetch_window(struct streaming *stream, struct fi_reader *ahead, size_t *out_count, firn_error *err)
{
    firn_hash hashes[WINDOW_COUNT];
    struct fi_pack_piece piece;
    size_t count = 0;
    uint64_t size = 0;
    *out_count = 0;
    while (count < WINDOW_COUNT && size < WINDOW && fi_pack_pieces_next(ahead, &piece)) {
        ++*out_count;
        if (!piece.is_hole) {
            hashes[count++] = piece.hash;
            size += piece.size;
        }
    }
    return count > 0 ? fi_far_want(stream->far, hashes, count, err) : FIRN_OK;
}

/* A piece that is a list. (I1) */
static int
stream_inner(struct streaming *stream, const struct fi_pack_piece *piece, firn_slice list,
             firn_error *err)
{
    if (stream->depth == FI_PACK_STREAM_INNER_DEPTH_MAX ||
        list.size > FI_PACK_STREAM_INNER_LIST_SIZE_MAX || piece->size >= stream->size) {
        return refuse(&piece->hash, "is a list that lies too deep or is too long", err);
    }
    const uint64_t size = stream->size;
    stream->depth++;
    int rc = stream_list(stream, list, piece->size, err);
    stream->depth--;
    stream->size = size;
    return rc;
}

static int
stream_piece(struct streaming *stream, const struct fi_pack_piece *piece, firn_error *err)
{
    enum fi_pack_kind kind;
    firn_slice data;
    if (piece->is_hole) {
        return give_hole(stream, piece->size, err);
    }
    FI_TRY_RETURN(fi_far_read_stored(stream->far, &piece->hash, &kind, &data, err));
    if (kind == FI_PACK_PIECES) {
        return stream_inner(stream, piece, data, err);
    }
    return data.size == piece->size
               ? give_data(stream, data, err)
               : refuse(&piece->hash, "has another size than the list that names it says", err);
}

static int
stream_list(struct streaming *stream, firn_slice borrowed, uint64_t size, firn_error *err)
{
    struct fi_buf list = {0};
    struct fi_reader pieces;
    struct fi_reader ahead;
    struct fi_pack_piece piece;
    size_t at_hand = 0;
    uint64_t total;
    int rc;
    DCHECK(stream->depth <= FI_PACK_STREAM_INNER_DEPTH_MAX); /* (I1) */
    if (fi_buf_append_slice(&list, borrowed) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "a list of pieces"));
    }
    FI_TRY(fi_pack_pieces_open(fi_buf_slice(&list), &pieces, &total, err));
    if (total != size) {
        rc = fi_error_set(err, FIRN_CORRUPT,
                          "a list of pieces has %llu bytes in all instead of %llu",
                          (unsigned long long)total, (unsigned long long)size);
        goto out;
    }
    stream->size = size;
    ahead = pieces;
    while (fi_pack_pieces_next(&pieces, &piece)) {
        if (at_hand == 0) {
            FI_TRY(fetch_window(stream, &ahead, &at_hand, err));
        }
        at_hand--;
        FI_TRY(stream_piece(stream, &piece, err));
    }
out:
    fi_buf_deinit(&list);
    return rc;
}

/* Content that a list of pieces names, with its name. */
static int
stream_pieces(struct streaming *stream, const firn_hash *hash, firn_slice list, uint64_t size,
              firn_error *err)
{
    firn_hash found;
    fi_blake3_hash_init(&stream->whole);
    FI_TRY_RETURN(stream_list(stream, list, size, err));
    DCHECK(stream->at == size && stream->depth == 0);
    fi_blake3_hash_final(&stream->whole, &found);
    return fi_hash_equal(&found, hash) ? FIRN_OK
                                       : refuse(hash, "is not made up by its pieces", err);
}

/* Appends to *ctx, a buffer. */
static int
append_to(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    struct fi_buf *out = ctx;
    const size_t before = out->size;
    (void)offset;
    if (fi_buf_set_size(out, before + data.size) != FIRN_OK) {
        return fi_error_no_memory(err, "an object");
    }
    if (data.data == NULL) {
        memset(out->data + before, 0, data.size);
    } else if (data.size > 0) {
        memcpy(out->data + before, data.data, data.size);
    }
    return FIRN_OK;
}

int
fi_far_stream_whole(struct fi_far *far, const firn_hash *hash, firn_slice borrowed_list,
                    struct fi_buf *out, firn_error *err)
{
    struct streaming stream = {.far = far, .sink = append_to, .ctx = out};
    uint64_t size;
    FI_TRY_RETURN(fi_pack_pieces_decode(borrowed_list, &size, NULL, NULL, err));
    if (size > FI_PACK_OBJECT_SIZE_MAX) {
        return refuse(hash, "is larger than one object can be", err);
    }
    return stream_pieces(&stream, hash, borrowed_list, size, err);
}

/* ---- lists of cells ---- */

static int stream_cells(struct streaming *stream, const firn_hash *hash, firn_slice borrowed,
                        unsigned level, uint64_t offset, uint64_t size, firn_error *err);

/* Passes on a cell that is compared with its name. */
static int
stream_cell(struct streaming *stream, const struct fi_pack_cells_item *cell, firn_error *err)
{
    const struct fi_pack_piece piece = {.size = cell->size, .hash = cell->hash};
    struct fi_buf data = {0};
    struct streaming inner = {
        .far = stream->far, .sink = append_to, .ctx = &data, .size = UINT64_MAX};
    firn_hash found;
    int rc;
    fi_blake3_hash_init(&inner.whole);
    FI_TRY(stream_piece(&inner, &piece, err));
    fi_blake3_hash_final(&inner.whole, &found);
    if (!fi_hash_equal(&found, &cell->hash)) {
        FI_TRY(refuse(&cell->hash, "is not made up by its pieces", err));
    }
    DCHECK(data.size == cell->size);
    FI_TRY(stream->sink(stream->ctx, stream->at, fi_buf_slice(&data), err));
    stream->at += cell->size;
out:
    fi_buf_deinit(&data);
    return rc;
}

/* As fetch_window. */
static int
fetch_cells(struct streaming *stream, struct fi_pack_cells *ahead, size_t *out_count,
            firn_error *err)
{
    firn_hash hashes[WINDOW_COUNT];
    struct fi_pack_cells_item item;
    uint64_t size = 0;
    *out_count = 0;
    while (*out_count < WINDOW_COUNT && size < WINDOW && fi_pack_cells_next(ahead, &item)) {
        hashes[(*out_count)++] = item.hash;
        size += item.size;
    }
    return fi_far_want(stream->far, hashes, *out_count, err);
}

/* A list inside another, or a cell. */
static int
stream_item(struct streaming *stream, const struct fi_pack_cells_item *item, unsigned level,
            uint64_t offset, firn_error *err)
{
    enum fi_pack_kind kind;
    firn_slice list;
    if (level == 0) {
        return stream_cell(stream, item, err);
    }
    FI_TRY_RETURN(fi_far_read_stored(stream->far, &item->hash, &kind, &list, err));
    if (kind != FI_PACK_PIECES) {
        return refuse(&item->hash, "is not the list of cells that it should be", err);
    }
    stream->depth++;
    int rc = stream_cells(stream, &item->hash, list, level - 1, offset, item->size, err);
    stream->depth--;
    return rc;
}

static int
stream_cells(struct streaming *stream, const firn_hash *hash, firn_slice borrowed, unsigned level,
             uint64_t offset, uint64_t size, firn_error *err)
{
    struct fi_buf list = {0};
    struct fi_pack_cells cells;
    struct fi_pack_cells ahead;
    struct fi_pack_cells_item item;
    size_t at_hand = 0;
    int rc;
    DCHECK(level < FI_PACK_CELLS_LEVELS);
    if (fi_buf_append_slice(&list, borrowed) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "a list of cells"));
    }
    FI_TRY(fi_pack_cells_open(fi_buf_slice(&list), &cells, err));
    if (cells.level != level || cells.size != size ||
        (stream->depth > 0 && fi_reader_left(&cells.rest) == 0)) { /* (I1) */
        FI_TRY(refuse(hash, "is a list of cells for something else", err));
    }
    ahead = cells;
    while (fi_pack_cells_next(&cells, &item)) {
        if (at_hand == 0) {
            FI_TRY(fetch_cells(stream, &ahead, &at_hand, err));
        }
        at_hand--;
        FI_TRY(give_gap(stream, offset + item.offset, err));
        FI_TRY(stream_item(stream, &item, level, offset + item.offset, err));
    }
    FI_TRY(give_gap(stream, offset + size, err));
out:
    fi_buf_deinit(&list);
    return rc;
}

/* ---- any content ---- */

int
fi_far_stream(struct fi_far *far, const firn_hash *hash, uint64_t size,
              int (*sink)(void *ctx, uint64_t offset, firn_slice data, firn_error *err), void *ctx,
              firn_error *err)
{
    struct streaming stream = {.far = far, .sink = sink, .ctx = ctx};
    enum fi_pack_kind kind;
    firn_slice stored;
    FI_TRY_RETURN(fi_far_read_stored(far, hash, &kind, &stored, err));
    if (kind == FI_PACK_PIECES && fi_pack_cells_is_list(stored)) {
        if (size < FI_PACK_CELLS_CONTENT_MIN || size > FI_PACK_CELLS_CONTENT_MAX) {
            return refuse(hash, "is a list of cells, and its size is not one of such content", err);
        }
        return stream_cells(&stream, hash, stored, fi_pack_cells_level_of(size), 0, size, err);
    }
    if (kind == FI_PACK_PIECES) {
        return stream_pieces(&stream, hash, stored, size, err);
    }
    if (stored.size != size) {
        return refuse(hash, "has another size than its entry says", err);
    }
    return size == 0 ? FIRN_OK : sink(ctx, 0, stored, err);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_stream.c: content of any size, in bounded memory.
 *
 * Adding reads up to 8 MiB and one byte before it decides: content that ends before that is one
 * object. Otherwise the content is hashed as a whole while its pieces are hashed and added one by
 * one; the PIECES object comes last, so it is never in a pack without its pieces. Pieces that the
 * pack has are not stored again.
 *
 * Reading looks up each piece, and the base of each delta, in the pack's own table. A piece that is
 * itself a list is read as one; depth and length of such lists are limited. A hole is given as
 * zeros. For content of 16 GiB and more, each list and each cell is compared with its own name.
 *
 * Memory: 16 MiB while adding content that turns out to be large, else twice the content; and the
 * list, 35 bytes for each MiB.
 */
#include "pack/pack.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "pack/pack_cells.h"

enum {
    WHOLE_MAX = FI_PACK_STREAM_WHOLE_MAX,
    PIECE_SIZE = FI_PACK_STREAM_PIECE_SIZE,
    FIRST_READ_SIZE = 64 << 10,
    ZEROS_BETWEEN_TICKS = 64 /* times FI_ZEROS_SIZE */
};

/* ---- adding ---- */

/* Content being cut into pieces. */
struct cutting {
    struct fi_pack_lane *lane;
    struct fi_blake3_hash whole;
    uint64_t total_size;
    struct fi_buf pieces; /* of struct fi_pack_piece */
};

static int
add_piece(struct cutting *cutting, firn_slice content, firn_error *err)
{
    struct fi_pack_piece piece = {.size = content.size};
    DCHECK(content.size > 0 && content.size <= PIECE_SIZE);
    fi_blake3_hash_of(content.data, content.size, &piece.hash);
    fi_blake3_hash_update(&cutting->whole, content.data, content.size);
    cutting->total_size += content.size;
    if (fi_buf_append(&cutting->pieces, &piece, sizeof piece) != FIRN_OK) {
        return fi_error_no_memory(err, "a list of pieces");
    }
    bool is_new;
    return fi_pack_lane_add(cutting->lane, FI_PACK_BLOB, &piece.hash, content, &is_new, err);
}

/* Adds as many whole pieces as content holds, or all of it if it is the end; *out_taken is how much
 * was taken. */
static int
pack_stream_cut(struct cutting *cutting, firn_slice content, bool is_end, size_t *out_taken,
                firn_error *err)
{
    size_t at = 0;
    while (content.size - at >= PIECE_SIZE || (is_end && at < content.size)) {
        size_t left = content.size - at;
        size_t size = left < PIECE_SIZE ? left : PIECE_SIZE;
        int rc = add_piece(cutting, firn_bytes(content.data + at, size), err);
        if (rc != FIRN_OK) {
            return rc;
        }
        at += size;
    }
    DCHECK(is_end ? at == content.size : content.size - at < PIECE_SIZE);
    *out_taken = at;
    return FIRN_OK;
}

/* Adds the PIECES object, after all pieces. */
static int
add_list(struct cutting *cutting, firn_hash *out_hash, bool *out_is_new, firn_error *err)
{
    struct fi_buf list = {0};
    /* The buffer's memory comes from the allocator and is aligned for anything. */
    const struct fi_pack_piece *pieces = (const void *)cutting->pieces.data;
    DCHECK(cutting->total_size > WHOLE_MAX && cutting->pieces.size % sizeof *pieces == 0);
    fi_blake3_hash_final(&cutting->whole, out_hash);
    int rc = fi_pack_pieces_encode(pieces, cutting->pieces.size / sizeof *pieces, &list);
    if (rc != FIRN_OK) {
        rc = fi_error_set(err, rc, "could not form the list of pieces for %llu bytes",
                          (unsigned long long)cutting->total_size);
    } else {
        rc = fi_pack_lane_add(cutting->lane, FI_PACK_PIECES, out_hash, fi_buf_slice(&list),
                              out_is_new, err);
    }
    fi_buf_deinit(&list);
    return rc;
}

static int
add_whole(struct fi_pack_lane *lane, firn_slice content, firn_hash *out_hash, bool *out_is_new,
          firn_error *err)
{
    fi_blake3_hash_of(content.data, content.size, out_hash);
    return fi_pack_lane_add(lane, FI_PACK_BLOB, out_hash, content, out_is_new, err);
}

int
fi_pack_stream_add_bytes(struct fi_pack_lane *lane, firn_slice content, firn_hash *out_hash,
                         bool *out_is_new, firn_error *err)
{
    firn_hash hash;
    bool is_new = false;
    int rc;
    if (content.size <= WHOLE_MAX) {
        rc = add_whole(lane, content, &hash, &is_new, err);
    } else {
        size_t taken;
        struct cutting cutting = {.lane = lane};
        fi_blake3_hash_init(&cutting.whole);
        rc = pack_stream_cut(&cutting, content, true, &taken, err);
        if (rc == FIRN_OK) {
            rc = add_list(&cutting, &hash, &is_new, err);
        }
        fi_buf_deinit(&cutting.pieces);
    }
    if (rc == FIRN_OK && out_hash != NULL) {
        *out_hash = hash;
    }
    if (rc == FIRN_OK && out_is_new != NULL) {
        *out_is_new = is_new;
    }
    return rc;
}

struct source {
    fi_pack_stream_source *read;
    void *ctx;
    bool is_ended;
};

/* Reads until the buffer holds `size` bytes or the content ends. */
static int
pack_stream_fill(struct source *source, struct fi_buf *buf, size_t size, firn_error *err)
{
    while (!source->is_ended && buf->size < size) {
        size_t wanted = buf->size < FIRST_READ_SIZE ? FIRST_READ_SIZE : buf->size;
        if (wanted > size - buf->size) {
            wanted = size - buf->size;
        }
        if (fi_buf_reserve(buf, wanted) != FIRN_OK) {
            return fi_error_no_memory(err, "content to be added");
        }
        size_t got = 0;
        int rc = source->read(source->ctx, buf->data + buf->size, wanted, &got, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (got > wanted) {
            return fi_error_set(err, FIRN_INVALID, "a source gave %zu bytes where %zu were asked",
                                got, wanted);
        }
        buf->size += got;
        source->is_ended = got == 0;
    }
    DCHECK(buf->size <= size || source->is_ended);
    return FIRN_OK;
}

/* Requires: the content is longer than WHOLE_MAX; buf holds its beginning. */
static int
add_cut(struct cutting *cutting, struct source *source, struct fi_buf *buf, firn_hash *out_hash,
        bool *out_is_new, firn_error *err)
{
    fi_blake3_hash_init(&cutting->whole);
    while (!source->is_ended || buf->size > 0) {
        size_t taken;
        FI_TRY_RETURN(pack_stream_cut(cutting, fi_buf_slice(buf), source->is_ended, &taken, err));
        memmove(buf->data, buf->data + taken, buf->size - taken);
        buf->size -= taken;
        FI_TRY_RETURN(pack_stream_fill(source, buf, PIECE_SIZE, err));
    }
    return add_list(cutting, out_hash, out_is_new, err);
}

int
fi_pack_stream_add(struct fi_pack_lane *lane, fi_pack_stream_source *read, void *ctx,
                   firn_hash *out_hash, bool *out_is_new, uint64_t *out_size, firn_error *err)
{
    firn_hash hash;
    bool is_new = false;
    uint64_t size;
    struct fi_buf buf = {0};
    struct source source = {.read = read, .ctx = ctx};
    struct cutting cutting = {.lane = lane};
    int rc;
    FI_TRY(pack_stream_fill(&source, &buf, (size_t)WHOLE_MAX + 1, err));
    if (buf.size <= WHOLE_MAX) {
        size = buf.size;
        FI_TRY(add_whole(lane, fi_buf_slice(&buf), &hash, &is_new, err));
    } else {
        FI_TRY(add_cut(&cutting, &source, &buf, &hash, &is_new, err));
        size = cutting.total_size;
    }
    if (out_hash != NULL) {
        *out_hash = hash;
    }
    if (out_is_new != NULL) {
        *out_is_new = is_new;
    }
    if (out_size != NULL) {
        *out_size = size;
    }
out:
    fi_buf_deinit(&cutting.pieces);
    fi_buf_deinit(&buf);
    return rc;
}

/* ---- reading ---- */

struct reading {
    struct firn_pack *pack;
    struct fi_pack_scratch *scratch;
    struct fi_blake3_hash whole;
    int (*sink)(void *ctx, firn_slice data, firn_error *err);
    void *ctx;
    unsigned depth;
    uint64_t size;     /* of what the list at hand stands for */
    bool is_elsewhere; /* a piece, or a base, is not in this pack */
    bool is_thin;      /* the whole is not hashed (pack_thin.c) */
};

static int read_list(struct reading *reading, firn_slice borrowed, uint64_t size, firn_error *err);

static int
hand_on(struct reading *reading, firn_slice data, firn_error *err)
{
    return reading->sink == NULL ? FIRN_OK : reading->sink(reading->ctx, data, err);
}

static int
pack_stream_deliver(struct reading *reading, firn_slice data, firn_error *err)
{
    if (!reading->is_thin) {
        fi_blake3_hash_update(&reading->whole, data.data, data.size);
    }
    return hand_on(reading, data, err);
}

/* Zeros, by one of the two above. */
static int
deliver_zeros(struct reading *reading, uint64_t size,
              int (*give)(struct reading *reading, firn_slice data, firn_error *err),
              firn_error *err)
{
    for (unsigned steps = 1; size > 0; steps++) {
        size_t part = size < FI_ZEROS_SIZE ? (size_t)size : FI_ZEROS_SIZE;
        int rc = give(reading, firn_bytes(fi_zeros(), part), err);
        if (rc == FIRN_OK && steps % ZEROS_BETWEEN_TICKS == 0) {
            rc = fi_pack_scratch_tick(reading->scratch, err);
        }
        if (rc != FIRN_OK) {
            return rc;
        }
        size -= part;
    }
    return FIRN_OK;
}

static int
piece_corrupt(const struct reading *reading, const firn_hash *hash, const char *what,
              firn_error *err)
{
    char hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    return fi_error_set(err, FIRN_CORRUPT, "'%s': piece %s %s", fi_pack_path(reading->pack), hex,
                        what);
}

static int
read_base(void *ctx, struct fi_pack_scratch *scratch, const firn_hash *base,
          enum fi_pack_kind *out_kind, firn_slice *out, firn_error *err)
{
    struct reading *reading = ctx;
    struct fi_pack_location at;
    int rc = fi_pack_find(reading->pack, scratch, base, &at, err);
    if (rc == FIRN_NOT_FOUND) {
        reading->is_elsewhere = true;
        return piece_corrupt(reading, base,
                             "is not in the pack, and another object is a change of it", err);
    }
    *out_kind = rc == FIRN_OK ? at.kind : FI_PACK_BLOB;
    return rc == FIRN_OK ? fi_pack_read(reading->pack, scratch, base, &at, out, err) : rc;
}

/* The bytes of an object, or its list of pieces, depending on *out_kind. */
static int
read_stored(struct reading *reading, const firn_hash *hash, const struct fi_pack_location *at,
            enum fi_pack_kind *out_kind, firn_slice *out, firn_error *err)
{
    *out_kind = at->kind;
    int rc = fi_pack_read(reading->pack, reading->scratch, hash, at, out, err);
    if (rc != FIRN_OK || at->kind != FI_PACK_DELTA) {
        return rc;
    }
    return fi_pack_delta_read(reading->scratch, hash, *out, read_base, reading, out_kind, out, err);
}

/* A piece that is itself a list: the same bytes were stored as a list before. */
static int
read_inner(struct reading *reading, const struct fi_pack_piece *piece, firn_slice list,
           firn_error *err)
{
    if (fi_pack_cells_is_list(list) || reading->depth == FI_PACK_STREAM_INNER_DEPTH_MAX ||
        list.size > FI_PACK_STREAM_INNER_LIST_SIZE_MAX || piece->size >= reading->size) {
        return piece_corrupt(reading, &piece->hash,
                             "is a list that is nested too deep or is too long", err);
    }
    uint64_t size = reading->size;
    reading->depth++;
    int rc = read_list(reading, list, piece->size, err);
    DCHECK(reading->depth > 0);
    reading->depth--;
    reading->size = size;
    return rc;
}

static int
deliver_piece(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    (void)offset;
    struct reading *reading = ctx;
    if (piece->is_hole) {
        return deliver_zeros(reading, piece->size, pack_stream_deliver, err);
    }
    struct fi_pack_location at;
    int rc = fi_pack_scratch_tick(reading->scratch, err);
    if (rc == FIRN_OK) {
        rc = fi_pack_find(reading->pack, reading->scratch, &piece->hash, &at, err);
    }
    if (rc == FIRN_NOT_FOUND) {
        reading->is_elsewhere = true;
        return piece_corrupt(reading, &piece->hash, "is not in the pack", err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    enum fi_pack_kind kind;
    firn_slice data;
    rc = read_stored(reading, &piece->hash, &at, &kind, &data, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (kind == FI_PACK_PIECES) {
        return read_inner(reading, piece, data, err);
    }
    return data.size == piece->size
               ? pack_stream_deliver(reading, data, err)
               : piece_corrupt(reading, &piece->hash, "has another size than its list says", err);
}

/* Copies the list first: it is borrowed from the scratch that reading the pieces will use. */
static int
read_list(struct reading *reading, firn_slice borrowed, uint64_t size, firn_error *err)
{
    struct fi_buf list = {0};
    uint64_t total;
    int rc;
    DCHECK(reading->depth <= FI_PACK_STREAM_INNER_DEPTH_MAX);
    if (fi_buf_append_slice(&list, borrowed) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "a list of pieces"));
    }
    reading->size = size;
    FI_TRY(fi_pack_pieces_decode(fi_buf_slice(&list), &total, NULL, NULL, err));
    if (total != size) {
        rc = fi_error_set(err, FIRN_CORRUPT, "'%s': a list has %llu bytes in all instead of %llu",
                          fi_pack_path(reading->pack), (unsigned long long)total,
                          (unsigned long long)size);
        goto out;
    }
    FI_TRY(fi_pack_pieces_decode(fi_buf_slice(&list), &total, deliver_piece, reading, err));
out:
    fi_buf_deinit(&list);
    return rc;
}

static int
read_pieces(struct reading *reading, const firn_hash *hash, firn_slice borrowed, firn_error *err)
{
    uint64_t total;
    firn_hash found;
    int rc;
    fi_blake3_hash_init(&reading->whole);
    FI_TRY(fi_pack_pieces_decode(borrowed, &total, NULL, NULL, err));
    FI_TRY(fi_pack_thin_assess(borrowed, &reading->is_thin, err));
    if (reading->is_thin && reading->sink == NULL) {
        goto out; /* its pieces are verified as the objects that they are */
    }
    FI_TRY(read_list(reading, borrowed, total, err));
    if (reading->is_thin) {
        goto out;
    }
    fi_blake3_hash_final(&reading->whole, &found);
    if (!fi_hash_equal(&found, hash)) {
        char hex[FIRN_HASH_HEX_SIZE];
        fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
        rc = fi_error_set(err, FIRN_CORRUPT, "'%s': the pieces of object %s do not make it up",
                          fi_pack_path(reading->pack), hex);
    }
out:
    return rc;
}

/* ---- lists of cells ---- */

static int read_cells(struct reading *reading, firn_slice borrowed, unsigned level, uint64_t size,
                      firn_error *err);

/* One list within another. */
static int
read_cells_of(struct reading *reading, const struct fi_pack_cells_item *item, unsigned level,
              firn_error *err)
{
    struct fi_pack_location at;
    firn_slice list;
    int rc = fi_pack_find(reading->pack, reading->scratch, &item->hash, &at, err);
    if (rc == FIRN_NOT_FOUND) {
        reading->is_elsewhere = true;
        return piece_corrupt(reading, &item->hash, "is not in the pack", err);
    }
    FI_TRY(rc);
    if (at.kind != FI_PACK_PIECES) {
        rc = piece_corrupt(reading, &item->hash, "is not a list of cells", err);
        goto out;
    }
    FI_TRY(fi_pack_read(reading->pack, reading->scratch, &item->hash, &at, &list, err));
    FI_TRY(read_cells(reading, list, level, item->size, err));
out:
    return rc;
}

static int
read_cell(struct reading *reading, const struct fi_pack_cells_item *item, firn_error *err)
{
    const struct fi_pack_piece piece = {.size = item->size, .hash = item->hash};
    firn_hash found;
    fi_blake3_hash_init(&reading->whole);
    int rc = deliver_piece(reading, 0, &piece, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    fi_blake3_hash_final(&reading->whole, &found);
    return fi_hash_equal(&found, &item->hash)
               ? FIRN_OK
               : piece_corrupt(reading, &item->hash, "is not made up by its pieces", err);
}

/* Copies the list first: it is borrowed from the scratch that reading the cells will use. */
static int
read_cells(struct reading *reading, firn_slice borrowed, unsigned level, uint64_t size,
           firn_error *err)
{
    struct fi_buf list = {0};
    struct fi_pack_cells cells;
    struct fi_pack_cells_item item;
    uint64_t at = 0;
    int rc;
    DCHECK(level < FI_PACK_CELLS_LEVELS); /* a nested list has a lower level */
    if (fi_buf_append_slice(&list, borrowed) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "a list of cells"));
    }
    FI_TRY(fi_pack_cells_open(fi_buf_slice(&list), &cells, err));
    if (cells.level != level || cells.size != size) {
        rc = fi_error_set(err, FIRN_CORRUPT, "'%s': a list of cells has the wrong content",
                          fi_pack_path(reading->pack));
        goto out;
    }
    while (fi_pack_cells_next(&cells, &item)) {
        DCHECK(at <= item.offset && item.size <= size - item.offset);
        if (reading->sink != NULL) {
            FI_TRY(deliver_zeros(reading, item.offset - at, hand_on, err));
        }
        reading->size = UINT64_MAX; /* a list of one cell is no larger than that */
        FI_TRY(level == 0 ? read_cell(reading, &item, err)
                          : read_cells_of(reading, &item, level - 1, err));
        at = item.offset + item.size;
    }
    if (reading->sink != NULL) {
        FI_TRY(deliver_zeros(reading, size - at, hand_on, err));
    }
out:
    fi_buf_deinit(&list);
    return rc;
}

/* Content that a list of cells names; for any other list, FIRN_CORRUPT. */
static int
read_whole_cells(struct reading *reading, firn_slice borrowed, firn_error *err)
{
    struct fi_pack_cells cells;
    int rc = fi_pack_cells_open(borrowed, &cells, err);
    return rc == FIRN_OK ? read_cells(reading, borrowed, cells.level, cells.size, err) : rc;
}

int
fi_pack_stream_size(struct firn_pack *pack, struct fi_pack_scratch *scratch, const firn_hash *hash,
                    uint64_t *out, firn_error *err)
{
    *out = 0;
    struct fi_pack_location at;
    int rc = fi_pack_find(pack, scratch, hash, &at, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (!fi_pack_kind_is_named(at.kind)) {
        *out = at.size;
        return FIRN_OK;
    }
    firn_slice stored;
    rc = fi_pack_read(pack, scratch, hash, &at, &stored, err);
    if (rc == FIRN_OK && at.kind == FI_PACK_DELTA) {
        struct fi_pack_delta delta;
        rc = fi_pack_delta_decode(stored, &delta, err);
        *out = rc == FIRN_OK ? delta.size : 0;
        return rc;
    }
    if (rc == FIRN_OK) {
        rc = fi_pack_cells_is_list(stored) ? fi_pack_cells_decode(stored, out, NULL, NULL, err)
                                           : fi_pack_pieces_decode(stored, out, NULL, NULL, err);
    }
    return rc;
}

static int
read_object(struct reading *reading, const firn_hash *hash, firn_error *err)
{
    struct fi_pack_location at;
    enum fi_pack_kind kind;
    firn_slice stored;
    int rc = fi_pack_find(reading->pack, reading->scratch, hash, &at, err);
    if (rc == FIRN_OK) {
        rc = read_stored(reading, hash, &at, &kind, &stored, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    if (kind == FI_PACK_PIECES) {
        return fi_pack_cells_is_list(stored) ? read_whole_cells(reading, stored, err)
                                             : read_pieces(reading, hash, stored, err);
    }
    return reading->sink == NULL || stored.size == 0 ? FIRN_OK
                                                     : reading->sink(reading->ctx, stored, err);
}

int
fi_pack_stream_read(struct firn_pack *pack, struct fi_pack_scratch *scratch, const firn_hash *hash,
                    int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx,
                    firn_error *err)
{
    struct reading reading = {.pack = pack, .scratch = scratch, .sink = sink, .ctx = ctx};
    return read_object(&reading, hash, err);
}

int
fi_pack_stream_verify(struct firn_pack *pack, struct fi_pack_scratch *scratch,
                      const firn_hash *hash, bool *out_is_elsewhere, firn_error *err)
{
    struct reading reading = {.pack = pack, .scratch = scratch};
    int rc = read_object(&reading, hash, err);
    *out_is_elsewhere = reading.is_elsewhere;
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_cells.c: lists of cells, decoded and built.
 *
 * The name of a file must not depend on whether its file system kept zeros as a hole. But BLAKE3 of
 * a whole content has to see each of its zeros: it counts the KiB it has hashed, so no two
 * stretches of zeros hash alike and none can be skipped. A hole of a TiB would take minutes. So
 * content of 16 GiB and more is named by a tree of hashes of its own, which omits cells of zeros,
 * and lists of nothing but zeros.
 *
 *     bytes of a list := 0 | form (1) | level | varint size | items
 *     item            := varint of items left out before it | 32 bytes hash
 *
 * (I1) Canonical: content of one size and one sequence of bytes has one tree. The level of the
 *      uppermost list follows from the size, and below it no list is empty. The bytes of a list
 *      cannot show that a cell in it is not zeros. That does no harm: such a list is another name
 *      for content that firn would have named otherwise, and reads as that content.
 * (I2) The first byte distinguishes a list of cells from a list of pieces, which begins with a size
 *      that is not 0.
 * (I3) The name of a list is the hash of its own bytes. So each list is verified by itself as it is
 *      read, and each cell by its own name; no hash covers the whole, and cells can be read and
 *      written in any order. (Not checked: readers compare them, and a difference is damage.)
 *
 * Memory: a builder has one list for each level, 68 KiB each.
 */
#include "pack/pack_cells.h"

#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"

enum { MARK = 0, FORM = 1, HEAD_SIZE = 3, IN_LIST = FI_PACK_CELLS_IN_LIST };

static const char context[] = "firn 2026-11-22 list of cells, form 1";

/* How many bytes one item of a list of that level stands for, unless the content ends earlier. */
static uint64_t
item_span(unsigned level)
{
    DCHECK(level <= FI_PACK_CELLS_LEVELS); /* else the product wraps around in time */
    uint64_t span = FI_PACK_CELLS_SIZE;
    for (unsigned i = 0; i < level; i++) {
        span *= IN_LIST;
    }
    return span;
}

unsigned
fi_pack_cells_level_of(uint64_t size)
{
    unsigned level = 0;
    DCHECK(size <= FI_PACK_CELLS_CONTENT_MAX);
    while (size > item_span(level + 1)) {
        level++;
    }
    return level;
}

bool
fi_pack_cells_is_list(firn_slice stored)
{
    return stored.size > 0 && stored.data[0] == MARK; /* (I2) */
}

void
fi_pack_cells_name(firn_slice list, firn_hash *out)
{
    struct fi_blake3_hash state;
    fi_blake3_hash_init_derive(&state, context);
    fi_blake3_hash_update(&state, list.data, list.size);
    fi_blake3_hash_final(&state, out);
}

/* ---- reading ---- */

bool
fi_pack_cells_next(struct fi_pack_cells *cells, struct fi_pack_cells_item *out)
{
    uint64_t span = item_span(cells->level);
    uint64_t count = cells->size / span + (cells->size % span != 0 ? 1 : 0);
    struct fi_reader rest = cells->rest;
    uint64_t skipped;
    if (fi_reader_left(&rest) == 0 || cells->next >= count ||
        !fi_reader_varint_max(&rest, count - cells->next - 1, &skipped) ||
        !fi_reader_copy(&rest, out->hash.bytes, sizeof out->hash.bytes)) {
        return false; /* nothing is taken: open sees what is left */
    }
    cells->rest = rest;
    uint64_t number = cells->next + skipped;
    out->offset = number * span;
    out->size = cells->size - out->offset < span ? cells->size - out->offset : span;
    cells->next = number + 1;
    DCHECK(out->size > 0 && out->offset + out->size <= cells->size && cells->next <= count);
    return true;
}

static bool
open_head(firn_slice list, struct fi_pack_cells *out)
{
    uint8_t mark;
    uint8_t form;
    uint8_t level;
    *out = (struct fi_pack_cells){.rest = fi_reader_of(list)};
    if (!fi_reader_u8(&out->rest, &mark) || !fi_reader_u8(&out->rest, &form) ||
        !fi_reader_u8(&out->rest, &level) || mark != MARK || form != FORM ||
        level >= FI_PACK_CELLS_LEVELS) {
        return false;
    }
    out->level = level;
    return fi_reader_varint_max(&out->rest, item_span(level + 1U), &out->size) && out->size > 0;
}

int
fi_pack_cells_open(firn_slice list, struct fi_pack_cells *out, firn_error *err)
{
    bool is_sound = open_head(list, out);
    if (is_sound) {
        struct fi_pack_cells rest = *out;
        struct fi_pack_cells_item item;
        while (fi_pack_cells_next(&rest, &item)) {
        }
        is_sound = fi_reader_left(&rest.rest) == 0;
    }
    return is_sound
               ? FIRN_OK
               : fi_error_set(err, FIRN_CORRUPT, "%zu bytes are not a list of cells", list.size);
}

/* The end of the last piece visited: where the next hole begins. */
struct visiting {
    int (*visit)(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err);
    void *ctx;
    uint64_t at;
};

static int
visit_hole(struct visiting *visiting, uint64_t end, firn_error *err)
{
    DCHECK(visiting->at <= end);
    struct fi_pack_piece hole = {.size = end - visiting->at, .is_hole = true};
    int rc = hole.size == 0 ? FIRN_OK : visiting->visit(visiting->ctx, visiting->at, &hole, err);
    visiting->at = end;
    return rc;
}

int
fi_pack_cells_decode(firn_slice list, uint64_t *out_total_size,
                     int (*visit)(void *ctx, uint64_t offset, const struct fi_pack_piece *piece,
                                  firn_error *err),
                     void *ctx, firn_error *err)
{
    struct fi_pack_cells cells;
    struct fi_pack_cells_item item;
    struct visiting visiting = {.visit = visit, .ctx = ctx};
    *out_total_size = 0;
    int rc = fi_pack_cells_open(list, &cells, err);
    if (rc != FIRN_OK || visit == NULL) {
        *out_total_size = rc == FIRN_OK ? cells.size : 0;
        return rc;
    }
    while (fi_pack_cells_next(&cells, &item)) {
        const struct fi_pack_piece piece = {.size = item.size, .hash = item.hash};
        FI_TRY(visit_hole(&visiting, item.offset, err));
        FI_TRY(visit(ctx, item.offset, &piece, err));
        visiting.at = item.offset + item.size;
    }
    FI_TRY(visit_hole(&visiting, cells.size, err));
    *out_total_size = cells.size;
out:
    return rc;
}

/* ---- building ---- */

void
fi_pack_cells_builder_init(struct fi_pack_cells_builder *builder, uint64_t size,
                           int (*put)(void *ctx, const firn_hash *hash, firn_slice list,
                                      firn_error *err),
                           void *ctx)
{
    CHECK(size > 0 && size <= FI_PACK_CELLS_CONTENT_MAX);
    *builder = (struct fi_pack_cells_builder){
        .size = size, .top = fi_pack_cells_level_of(size), .put = put, .ctx = ctx};
}

void
fi_pack_cells_builder_deinit(struct fi_pack_cells_builder *builder)
{
    for (unsigned i = 0; i < FI_PACK_CELLS_LEVELS; i++) {
        fi_buf_deinit(&builder->levels[i].list);
    }
}

static int
begin_list(struct fi_pack_cells_builder *builder, unsigned level, uint64_t number)
{
    struct fi_buf *list = &builder->levels[level].list;
    uint64_t span = item_span(level + 1);
    DCHECK(list->size == 0 && number * span < builder->size);
    uint64_t left = builder->size - number * span;
    builder->levels[level].number = number;
    builder->levels[level].next = number * IN_LIST;
    FI_TRY_RETURN(fi_buf_append_u8(list, MARK));
    FI_TRY_RETURN(fi_buf_append_u8(list, FORM));
    FI_TRY_RETURN(fi_buf_append_u8(list, (uint8_t)level));
    return fi_buf_append_varint(list, left < span ? left : span);
}

/* Whether readers accept a list as what it was built as. */
static bool
is_canonical(firn_slice list, unsigned level)
{
    struct fi_pack_cells cells;
    return fi_pack_cells_is_list(list) && fi_pack_cells_open(list, &cells, NULL) == FIRN_OK &&
           cells.level == level;
}

static int
put_list(struct fi_pack_cells_builder *builder, unsigned level, firn_error *err)
{
    firn_slice list = fi_buf_slice(&builder->levels[level].list);
    DCHECK(is_canonical(list, level)); /* (I1), (I2) */
    fi_pack_cells_name(list, &builder->name);
    int rc = builder->put == NULL ? FIRN_OK : builder->put(builder->ctx, &builder->name, list, err);
    builder->levels[level].list.size = 0;
    return rc;
}

static int
append_item(struct fi_pack_cells_builder *builder, unsigned level, uint64_t number,
            const firn_hash *hash)
{
    struct fi_buf *list = &builder->levels[level].list;
    if (list->size == 0) {
        FI_TRY_RETURN(begin_list(builder, level, number / IN_LIST));
    }
    DCHECK(builder->levels[level].number == number / IN_LIST);
    DCHECK(builder->levels[level].next <= number); /* (I1): ascending */
    FI_TRY_RETURN(fi_buf_append_varint(list, number - builder->levels[level].next));
    FI_TRY_RETURN(fi_buf_append(list, hash->bytes, sizeof hash->bytes));
    builder->levels[level].next = number + 1;
    return FIRN_OK;
}

/* Puts the open list of a level below the top, and names it in the one above. */
static int
close_list(struct fi_pack_cells_builder *builder, unsigned level, firn_error *err)
{
    uint64_t number = builder->levels[level].number;
    int rc = put_list(builder, level, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    /* A list that is open above is the one that this list belongs to: add closes from below. */
    DCHECK(builder->levels[level + 1].list.size == 0 ||
           builder->levels[level + 1].number == number / IN_LIST);
    return append_item(builder, level + 1, number, &builder->name) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a list of cells");
}

int
fi_pack_cells_builder_add(struct fi_pack_cells_builder *builder, uint64_t number,
                          const firn_hash *hash, firn_error *err)
{
    uint64_t list = number;
    int rc = FIRN_OK;
    DCHECK(number < (builder->size - 1) / FI_PACK_CELLS_SIZE + 1);
    for (unsigned i = 0; i < builder->top; i++) {
        list /= IN_LIST;
        if (builder->levels[i].list.size > 0 && builder->levels[i].number != list) {
            FI_TRY(close_list(builder, i, err));
        }
    }
    if (append_item(builder, 0, number, hash) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a list of cells");
    }
out:
    return rc;
}

int
fi_pack_cells_builder_finish(struct fi_pack_cells_builder *builder, firn_hash *out, firn_error *err)
{
    for (unsigned i = 0; i < builder->top; i++) {
        if (builder->levels[i].list.size > 0) {
            FI_TRY_RETURN(close_list(builder, i, err));
        }
    }
    if (builder->levels[builder->top].list.size == 0 &&
        begin_list(builder, builder->top, 0) != FIRN_OK) {
        return fi_error_no_memory(err, "a list of cells");
    }
    FI_TRY_RETURN(put_list(builder, builder->top, err));
    *out = builder->name;
    return FIRN_OK;
}

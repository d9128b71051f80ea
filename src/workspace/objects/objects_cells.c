/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_cells.c: content of 16 GiB and more, read cell by cell.
 *
 * The walk has one list in memory for each level, verified by its name when it was read, and
 * returns the cells in order. Each list must have the level and the size that the list above it
 * requires (I1). So lists cannot form a circle, and the content is neither longer nor shorter than
 * the entry says. A list below the top that names nothing is refused: it would stand for zeros,
 * which must be left out.
 *
 * A store may name one list in a thousand places, and so claim 8 PiB of data in a few KiB. A
 * verification visits each list once (I2; not checked: a set of the lists seen ensures it), so its
 * work is bounded by the data that the store has. A reader gets all of the content, and can stop
 * after every cell.
 *
 * Several threads take the next cells under a mutex and read them outside it. Every cell is
 * compared with its own name before it is passed on, so no order is needed. Of several errors, the
 * one at the lowest cells is returned: all cells before them were taken before.
 *
 * Memory: a list for each level and a cell for each thread; in a verification, 36 bytes for each
 * list.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "objects/objects_internal.h"

enum { CELLS_AT_ONCE = 8 };

static int
objects_cells_wrong(const firn_hash *hash, const char *what, firn_error *err)
{
    char hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    return fi_error_set(err, FIRN_CORRUPT, "object %s %s", hex, what);
}

/* ---- the walk ---- */

/* Reads a list into its level; the list must be for `size` bytes. (I1) */
static int
objects_cells_load(struct fi_objects_cells *cells, struct fi_pack_scratch *scratch,
                   const firn_hash *hash, unsigned level, uint64_t offset, uint64_t size,
                   firn_error *err)
{
    DCHECK(level == cells->top || level + 1 == cells->level);
    enum fi_pack_kind kind;
    firn_slice stored;
    FI_TRY_RETURN(fi_objects_read_stored(cells->objects, scratch, hash, &kind, &stored, err));
    if (kind != FI_PACK_PIECES || !fi_pack_cells_is_list(stored)) {
        return objects_cells_wrong(hash, "is not the list of cells that it should be", err);
    }
    struct fi_buf *list = &cells->levels[level].list;
    struct fi_pack_cells *at = &cells->levels[level].at;
    if (fi_buf_assign(list, stored) != FIRN_OK) {
        return fi_error_no_memory(err, "a list of cells");
    }
    FI_TRY_RETURN(fi_pack_cells_open(fi_buf_slice(list), at, err));
    if (at->level != level || at->size != size ||
        (level < cells->top && fi_reader_left(&at->rest) == 0)) {
        return objects_cells_wrong(hash, "is a list of cells for something else", err);
    }
    DCHECK(offset + size <= cells->size); /* (I1) */
    cells->levels[level].offset = offset;
    cells->level = level;
    return FIRN_OK;
}

/* size is the expected size of the content. FIRN_CORRUPT if the list is not one for that size. */
static int
open_cells(struct fi_objects_cells *cells, struct fi_objects *objects,
           struct fi_pack_scratch *scratch, const firn_hash *hash, uint64_t size, bool is_each_once,
           firn_error *err)
{
    *cells =
        (struct fi_objects_cells){.objects = objects, .size = size, .is_each_once = is_each_once};
    fi_hash_map_init(&cells->seen, sizeof(firn_hash), fi_hash_map_first, fi_hash_map_same_hash);
    if (size < FI_PACK_CELLS_CONTENT_MIN || size > FI_PACK_CELLS_CONTENT_MAX) {
        return objects_cells_wrong(
            hash, "is a list of cells, and its size is not one of such content", err);
    }
    cells->top = fi_pack_cells_level_of(size);
    DCHECK(cells->top < FI_PACK_CELLS_LEVELS);
    return objects_cells_load(cells, scratch, hash, cells->top, 0, size, err);
}

/* Must be called after open_cells, even if that failed. */
static void
close_cells(struct fi_objects_cells *cells)
{
    for (unsigned i = 0; i < FI_PACK_CELLS_LEVELS; i++) {
        fi_buf_deinit(&cells->levels[i].list);
    }
    fi_hash_map_deinit(&cells->seen);
}

/* Whether a list is to be skipped. (I2) */
static int
pass_over(struct fi_objects_cells *cells, const firn_hash *list, bool *out, firn_error *err)
{
    *out = false;
    if (!cells->is_each_once) {
        return FIRN_OK;
    }
    *out = fi_hash_map_find(&cells->seen, fi_hash_map_first(list), list) != NULL;
    return *out || fi_hash_map_insert(&cells->seen, fi_hash_map_first(list), list) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "lists of cells");
}

/* out->offset counts from the beginning of the whole. */
static int
next_cell(struct fi_objects_cells *cells, struct fi_pack_scratch *scratch,
          struct fi_pack_cells_item *out, bool *out_is_end, firn_error *err)
{
    *out_is_end = false;
    for (;;) {
        unsigned level = cells->level;
        bool is_passed;
        DCHECK(level <= cells->top);
        if (!fi_pack_cells_next(&cells->levels[level].at, out)) {
            *out_is_end = level == cells->top;
            if (*out_is_end) {
                break;
            }
            cells->level++;
            continue;
        }
        out->offset += cells->levels[level].offset;
        DCHECK(out->size > 0 && out->offset + out->size <= cells->size);
        if (level == 0) {
            break;
        }
        FI_TRY_RETURN(pass_over(cells, &out->hash, &is_passed, err));
        if (!is_passed) {
            FI_TRY_RETURN(objects_cells_load(cells, scratch, &out->hash, level - 1, out->offset,
                                             out->size, err));
        }
    }
    return FIRN_OK;
}

/* Sets *out to the bytes of one cell, verified. */
static int
read_cell(struct fi_objects *objects, struct fi_pack_scratch *scratch,
          const struct fi_pack_cells_item *cell, struct fi_buf *out, firn_error *err)
{
    const struct fi_pack_piece piece = {.size = cell->size, .hash = cell->hash};
    firn_hash found;
    fi_buf_clear(out);
    int rc = fi_objects_list_piece(objects, scratch, &piece, UINT64_MAX, out, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    DCHECK(out->size == cell->size);
    fi_blake3_hash_of(out->data, out->size, &found);
    return fi_hash_equal(&found, &cell->hash)
               ? FIRN_OK
               : objects_cells_wrong(&cell->hash, "is not made up by its pieces", err);
}

int
fi_objects_cells_level(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                       const firn_hash *hash, int *out, firn_error *err)
{
    struct fi_pack_cells cells;
    enum fi_pack_kind kind;
    firn_slice stored;
    *out = -1;
    int rc = fi_objects_read_stored(objects, scratch, hash, &kind, &stored, err);
    if (rc == FIRN_OK && kind == FI_PACK_PIECES && fi_pack_cells_is_list(stored)) {
        rc = fi_pack_cells_open(stored, &cells, err);
        *out = rc == FIRN_OK ? (int)cells.level : -1;
    }
    return rc;
}

/* ---- in order ---- */

static int
give_hole(int (*sink)(void *ctx, uint64_t offset, firn_slice data, firn_error *err), void *ctx,
          uint64_t from, uint64_t to, firn_error *err)
{
    DCHECK(from <= to);
    return from == to || sink == NULL
               ? FIRN_OK
               : sink(ctx, from, (firn_slice){NULL, (size_t)(to - from)}, err);
}

int
fi_objects_cells_stream(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                        const firn_hash *hash, uint64_t size,
                        int (*sink)(void *ctx, uint64_t offset, firn_slice data, firn_error *err),
                        void *ctx, firn_error *err)
{
    struct fi_objects_cells cells;
    struct fi_pack_cells_item cell;
    struct fi_buf data = {0};
    bool is_end;
    uint64_t at = 0;
    int rc;
    FI_TRY(open_cells(&cells, objects, scratch, hash, size, false, err));
    for (;;) {
        FI_TRY(next_cell(&cells, scratch, &cell, &is_end, err));
        if (is_end) {
            break;
        }
        FI_TRY(read_cell(objects, scratch, &cell, &data, err));
        FI_TRY(give_hole(sink, ctx, at, cell.offset, err));
        if (sink != NULL) {
            FI_TRY(sink(ctx, cell.offset, fi_buf_slice(&data), err));
        }
        at = cell.offset + cell.size;
    }
    FI_TRY(give_hole(sink, ctx, at, size, err));
out:
    fi_buf_deinit(&data);
    close_cells(&cells);
    return rc;
}

int
fi_objects_cells_verify(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                        const firn_hash *hash, uint64_t size, fi_objects_tick *tick, void *ctx,
                        firn_error *err)
{
    struct fi_objects_cells cells;
    struct fi_pack_cells_item cell;
    struct fi_buf data = {0};
    firn_hash last = {{0}};
    bool is_end;
    int rc;
    FI_TRY(open_cells(&cells, objects, scratch, hash, size, true, err));
    for (;;) {
        FI_TRY(next_cell(&cells, scratch, &cell, &is_end, err));
        if (is_end) {
            break;
        }
        if (data.size != cell.size || !fi_hash_equal(&cell.hash, &last)) {
            FI_TRY(read_cell(objects, scratch, &cell, &data, err));
            last = cell.hash;
        }
        FI_TRY(tick(ctx, cell.size, err));
    }
out:
    fi_buf_deinit(&data);
    close_cells(&cells);
    return rc;
}

/* ---- by several threads ---- */

struct reading {
    const struct fi_objects_spread *spread;
    int (*sink)(void *ctx, uint64_t offset, firn_slice data, firn_error *err);
    void *ctx;

    struct fi_os_mutex mutex;
    /* Under the mutex. */
    struct fi_objects_cells cells;
    uint64_t told;  /* where the last run taken ends, for progress */
    uint64_t taken; /* number of runs taken */
    bool is_ended;
    int rc;             /* of the first cells that failed, */
    uint64_t failed_at; /* their number */
    firn_error err;
};

/* Consecutive cells. */
struct run {
    uint64_t number;
    size_t count;
    uint64_t size; /* zeros before them and between them included */
    struct fi_pack_cells_item cells[CELLS_AT_ONCE];
};

static int
take_locked(struct reading *reading, struct fi_pack_scratch *scratch, struct run *run,
            firn_error *err)
{
    fi_os_mutex_assert_held(&reading->mutex);
    int rc = FIRN_OK;
    uint64_t before = reading->told;
    run->count = 0;
    run->number = reading->taken++;
    while (rc == FIRN_OK && run->count < CELLS_AT_ONCE && !reading->is_ended) {
        struct fi_pack_cells_item *cell = &run->cells[run->count];
        rc = next_cell(&reading->cells, scratch, cell, &reading->is_ended, err);
        if (rc == FIRN_OK && !reading->is_ended) {
            DCHECK(cell->offset >= reading->told);
            reading->told = cell->offset + cell->size;
            run->count++;
        }
    }
    reading->told = reading->is_ended ? reading->cells.size : reading->told;
    DCHECK(before <= reading->told && reading->told <= reading->cells.size);
    run->size = reading->told - before;
    return rc;
}

static int
read_run(struct reading *reading, struct fi_pack_scratch *scratch, const struct run *run,
         struct fi_buf *data, firn_error *err)
{
    const struct fi_objects_spread *spread = reading->spread;
    uint64_t passed = run->size;
    for (size_t i = 0; i < run->count; i++) {
        const struct fi_pack_cells_item *cell = &run->cells[i];
        FI_TRY_RETURN(read_cell(spread->objects, scratch, cell, data, err));
        if (reading->sink != NULL) {
            FI_TRY_RETURN(reading->sink(reading->ctx, cell->offset, fi_buf_slice(data), err));
        }
        if (spread->on_bytes != NULL) {
            FI_TRY_RETURN(spread->on_bytes(spread->ctx, cell->size, err));
        }
        DCHECK(cell->size <= passed);
        passed -= cell->size;
    }
    if (spread->on_bytes != NULL) {
        FI_TRY_RETURN(spread->on_bytes(spread->ctx, passed, err));
    }
    return FIRN_OK;
}

static void
fail_locked(struct reading *reading, const struct run *run, int rc, const firn_error *err)
{
    fi_os_mutex_assert_held(&reading->mutex);
    DCHECK(run->number < reading->taken);
    if (rc != FIRN_OK && (reading->rc == FIRN_OK || run->number < reading->failed_at)) {
        reading->rc = rc;
        reading->failed_at = run->number;
        reading->err = *err;
    }
}

static void
objects_cells_work(void *ctx, struct fi_pack_scratch *scratch)
{
    struct reading *reading = ctx;
    struct fi_buf data = {0};
    struct run run;
    firn_error err = {0};
    fi_os_mutex_lock(&reading->mutex);
    while (reading->rc == FIRN_OK && !reading->is_ended) {
        int rc = take_locked(reading, scratch, &run, &err);
        if (rc == FIRN_OK) {
            fi_os_mutex_unlock(&reading->mutex);
            rc = read_run(reading, scratch, &run, &data, &err);
            fi_os_mutex_lock(&reading->mutex);
        }
        fail_locked(reading, &run, rc, &err);
    }
    fi_os_mutex_unlock(&reading->mutex);
    fi_buf_deinit(&data);
}

static int
run_jobs(struct reading *reading, firn_error *err)
{
    int rc = fi_objects_spread_run(reading->spread, objects_cells_work, reading, err);
    if (rc == FIRN_OK && reading->rc != FIRN_OK) {
        rc = reading->rc;
        fi_error_copy(err, &reading->err);
    }
    return rc;
}

int
fi_objects_cells_spread(const struct fi_objects_spread *spread, const firn_hash *hash,
                        uint64_t size,
                        int (*sink)(void *ctx, uint64_t offset, firn_slice data, firn_error *err),
                        void *ctx, firn_error *err)
{
    struct reading reading = {.spread = spread, .sink = sink, .ctx = ctx};
    fi_os_mutex_init(spread->objects->os, &reading.mutex, FI_LOCK_WORKSPACE_TREE);
    int rc = open_cells(&reading.cells, spread->objects, spread->scratches[0], hash, size,
                        sink == NULL, err);
    if (rc == FIRN_OK) {
        rc = run_jobs(&reading, err);
    }
    close_cells(&reading.cells);
    fi_os_mutex_deinit(&reading.mutex);
    return rc;
}

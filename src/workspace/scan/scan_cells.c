/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_cells.c: a file of 16 GiB and more, cell by cell (pack/packfile_cells.h).
 *
 * Holes are passed over (scan_cell_walk.c); a cell that has data is read whole, and left out if it is
 * zeros all the same. So the name is that of the bytes, however a file system stores them (I1; not
 * checked: tests compare the names).
 *
 * No hash runs over the whole file. The thread that reads hands each cell to an idle worker, through the
 * window (scan_window.c), and else names and adds it itself. Up to 2,048 cells of one list wait for
 * their names; then the window is given back, which waits for all of them, and the list is added (I2).
 *
 * A cell is stored in chunks, as a group is (scan_group.c), so that what moves within a file is
 * found again; in files of more than 128 GiB as one object, or there would be too many. That is no
 * part of its name.
 *
 * Memory: names and numbers of the cells of one list, 114 KiB; the lists that are open, 68 KiB each.
 */
#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "pack/packfile_cells.h"
#include "scan/scan_cell_walk.h"
#include "scan/scan_internal.h"

enum {
    CELL_SIZE = FIRN_PACKFILE_CELLS_SIZE,
    IN_LIST = FIRN_PACKFILE_CELLS_IN_LIST,
    CELLS_BETWEEN_LOOKS = 64
};
#define CHUNKS_SIZE_MAX (UINT64_C(128) << 30)

_Static_assert((int)CELL_SIZE == (int)FIRN_SCAN_PIECE_SIZE, "a slot holds a cell");

/* Counts what was passed, and gives up where the scan does. */
static int
pass_on(void *ctx, uint64_t bytes, firn_error *err)
{
    struct firn_scan_worker *worker = ctx;
    return firn_scan_is_stopped(worker->scan) ? firn_error_set(err, FIRN_CANCELLED, "cancelled")
                                              : firn_scan_report_work(worker, 0, bytes, err);
}

/* ---- saving ---- */

struct cell_stream {
    struct firn_scan_worker *worker;
    const struct firn_os_stat *stat; /* what the file was when it was opened */
    bool is_part;
    bool is_stable;
    bool has_window;
    bool has_chunks;
    unsigned since_look;
    struct firn_scan_slot own;
    struct firn_packfile_piece *pieces; /* IN_LIST; of the list at hand, in the order of numbers */
    uint64_t *numbers;
    size_t count;
    struct firn_packfile_cells_builder builder;
};

/* A list. That of the whole file becomes the worker's content, and the caller adds it. */
static int
put_list(void *ctx, const firn_hash *hash, firn_slice list, firn_error *err)
{
    struct cell_stream *stream = ctx;
    struct firn_scan_worker *worker = stream->worker;
    struct firn_packfile_cells cells;
    bool is_new;
    int rc = firn_packfile_cells_open(list, &cells, err);
    DCHECK(rc == FIRN_OK && cells.level <= stream->builder.top);
    if (rc == FIRN_OK && cells.level == stream->builder.top) {
        return firn_buf_assign(&worker->content, list) == FIRN_OK
                   ? FIRN_OK
                   : firn_error_no_memory(err, "a list of cells");
    }
    if (rc == FIRN_OK && worker->scan->sink->wants_content) {
        const struct firn_objects_object object = {
            .kind = FIRN_PACKFILE_PIECES, .hash = *hash, .content = list};
        rc = firn_scan_add(worker, &object, &is_new, err);
    }
    return rc;
}

/* Waits for the names of all cells at hand, and hands them to the builder. (I2) */
static int
settle(struct cell_stream *stream, firn_error *err)
{
    struct firn_scan_worker *worker = stream->worker;
    int rc = FIRN_OK;
    if (stream->has_window) {
        stream->has_window = false;
        FIRN_TRY(firn_scan_window_release(worker, stream->pieces, err));
    }
    if (firn_scan_is_stopped(worker->scan)) {
        FIRN_TRY(firn_error_set(err, FIRN_CANCELLED, "cancelled")); /* not all have names */
    }
    DCHECK(!stream->has_window && stream->count <= IN_LIST); /* (I2) */
    for (size_t i = 0; i < stream->count; i++) {
        FIRN_TRY(firn_packfile_cells_builder_add(&stream->builder, stream->numbers[i],
                                                 &stream->pieces[i].hash, err));
    }
    stream->count = 0;
out:
    return rc;
}

static int
look(struct cell_stream *stream, struct firn_os_file *file, firn_error *err)
{
    if (stream->is_part || ++stream->since_look < CELLS_BETWEEN_LOOKS) {
        return FIRN_OK;
    }
    stream->since_look = 0;
    return firn_scan_large_look(file, stream->stat, &stream->is_stable, err);
}

/* The cell that the walk is at. */
static int
put_cell(struct cell_stream *stream, struct firn_scan_cell_walk *walk, firn_error *err)
{
    struct firn_scan_worker *worker = stream->worker;
    struct firn_scan_slot *slot;
    uint64_t number = walk->offset / CELL_SIZE;
    size_t size;
    int rc = FIRN_OK;
    DCHECK(walk->offset % CELL_SIZE == 0);
    DCHECK(stream->count == 0 || stream->numbers[stream->count - 1] < number);
    if (stream->count > 0 && stream->numbers[stream->count - 1] / IN_LIST != number / IN_LIST) {
        FIRN_TRY(settle(stream, err));
    }
    FIRN_TRY(firn_scan_window_choose(worker, &stream->has_window, &stream->own, stream->pieces,
                                     &slot, err));
    FIRN_TRY(firn_scan_cell_walk_read(walk, slot->data, &size, err));
    FIRN_TRY(look(stream, walk->file, err));
    if (walk->is_shorter || firn_packfile_cells_is_zero(slot->data, size)) { /* (I1) */
        goto out;
    }
    DCHECK(stream->count < IN_LIST);
    slot->is_cell = true;
    slot->has_chunks = stream->has_chunks;
    slot->size = size;
    slot->piece = stream->count++;
    stream->numbers[slot->piece] = number;
    if (slot != &stream->own) {
        firn_scan_window_offer(worker->scan, slot);
    } else {
        FIRN_TRY(firn_scan_group_add(worker, slot, err));
        stream->pieces[slot->piece].hash = slot->hash;
    }
out:
    return rc;
}

static int
put_all(struct cell_stream *stream, struct firn_scan_cell_walk *walk, firn_hash *out_hash,
        firn_error *err)
{
    int rc = FIRN_OK;
    for (;;) {
        FIRN_TRY(firn_scan_cell_walk_find(walk, err));
        if (walk->is_end || walk->is_shorter || !stream->is_stable) {
            break;
        }
        FIRN_TRY(put_cell(stream, walk, err));
        walk->offset += CELL_SIZE;
    }
    stream->is_stable = stream->is_stable && !walk->is_shorter;
    if (stream->is_stable) {
        FIRN_TRY(settle(stream, err));
        FIRN_TRY(firn_packfile_cells_builder_finish(&stream->builder, out_hash, err));
    }
out:
    return rc;
}

int
firn_scan_cells_read(struct firn_scan_worker *worker, struct firn_os_file *file,
                     const struct firn_os_stat *stat, bool is_part, firn_hash *out_hash,
                     bool *out_is_stable, firn_error *err)
{
    struct cell_stream stream = {.worker = worker,
                                 .stat = stat,
                                 .is_part = is_part,
                                 .is_stable = true,
                                 .has_chunks = stat->size_bytes <= CHUNKS_SIZE_MAX};
    struct firn_scan_cell_walk walk = {
        .file = file, .size = stat->size_bytes, .tick = pass_on, .ctx = worker};
    int rc;
    *out_is_stable = false;
    DCHECK(stat->size_bytes >= FIRN_PACKFILE_CELLS_CONTENT_MIN);
    if (stat->size_bytes > FIRN_PACKFILE_CELLS_CONTENT_MAX) {
        return firn_error_set(err, FIRN_LIMIT,
                              "cannot save '%s': it has %llu bytes, a file may have %llu (8 PiB)",
                              firn_os_file_path(file), (unsigned long long)stat->size_bytes,
                              (unsigned long long)FIRN_PACKFILE_CELLS_CONTENT_MAX);
    }
    firn_packfile_cells_builder_init(&stream.builder, stat->size_bytes, put_list, &stream);
    stream.pieces = firn_alloc_array(IN_LIST, sizeof *stream.pieces);
    stream.numbers = firn_alloc_array(IN_LIST, sizeof *stream.numbers);
    stream.own.data = firn_alloc(CELL_SIZE);
    if (stream.pieces == NULL || stream.numbers == NULL || stream.own.data == NULL) {
        FIRN_TRY(firn_error_no_memory(err, "the cells of a file"));
    }
    FIRN_TRY(put_all(&stream, &walk, out_hash, err));
out:
    if (stream.has_window) {
        firn_error later;
        int released =
            firn_scan_window_release(worker, stream.pieces, rc == FIRN_OK ? err : &later);
        rc = rc == FIRN_OK ? released : rc;
    }
    *out_is_stable = rc == FIRN_OK && stream.is_stable;
    firn_packfile_cells_builder_deinit(&stream.builder);
    firn_free(stream.pieces);
    firn_free(stream.numbers);
    firn_free(stream.own.data);
    return rc;
}

/* ---- a second reading ---- */

int
firn_scan_cells_hash_again(struct firn_scan_worker *worker, struct firn_os_file *file,
                           struct firn_scan_beginning *part, struct firn_scan_beginning *all,
                           bool *out_is_read, firn_error *err)
{
    DCHECK(part == NULL || part->size <= all->size);
    struct firn_scan_cell_walk walk = {
        .file = file, .size = all->size, .tick = pass_on, .ctx = worker};
    int rc = firn_scan_cell_walk_name(&walk, &all->hash, part == NULL ? 0 : part->size,
                                      part == NULL ? NULL : &part->hash, err);
    *out_is_read = rc == FIRN_OK && !walk.is_shorter;
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_large.c: files that are saved in pieces: large files, and files with holes.
 *
 * A file is named by the hash of its whole content, zeros of holes included, however it is cut. The
 * object of that name is a list of pieces and holes (pack/pack.h); a piece is a group of
 * chunks, cut by content. Pieces also end where a run of data ends. Only the list grows with the
 * file, by 48 bytes a piece of about half a MiB.
 *
 * To keep the list within the largest object, holes of less than 1/131,072 of the file are stored
 * as the zeros they read as. Files of 16 GiB and more are not named by such a hash, which would
 * have to see every zero of a hole: they are read cell by cell. A scan that stores nothing does not
 * look for boundaries.
 *
 * The thread that reads computes the hash of the whole, in order, from the same bytes that are
 * stored (I1): reading twice could name one state and store another. It also looks for boundaries,
 * and carries the bytes that it has read past a group over to the next one. Hashing and compressing
 * the pieces, most of the work, is shared through a window (scan_window.c) as soon as another
 * worker is idle. While all others are busy, this worker does everything itself, piece by piece in
 * one buffer.
 *
 * A look every 64 pieces notices if the file is written to, so that the pieces of a failed attempt
 * do not fill the disk. A file that has become longer is still read to its old end, since the bytes
 * that it had may be unchanged (scan_file.c).
 *
 * Groups. A large file is cut into chunks of some 17 KiB by its content (codec/cdc.h), so that a
 * change stores little more than the changed bytes, even if it moves the rest. A list of 60,000
 * chunks for each GiB would take two megabytes, most of them hashes that do not compress, and would
 * be new with each change. So chunks form groups of about half a MiB, which also end by content: at
 * a major boundary, or where a group would become larger than GROUP_MAX. A group is a list of
 * pieces under the name of its content, and the file is a list of groups. Unchanged parts are then
 * found by group, without looking at chunks (I4; not checked: it is a reason, not a condition). One
 * thread adds the chunks of a group in a row, so that they are side by side in frames. It adds the
 * group after them, so that no object names one that is not there yet (I5; not checked: it is the
 * order of two calls).
 *
 * A file of 16 GiB and more, cell by cell (pack/pack_cells.h). Holes are skipped
 * (scan_cell_walk.c). A cell that has data is read whole, and left out if it is all zeros. So the
 * name depends on the bytes alone, however a file system stores them (I2; not checked: tests
 * compare the names). No hash covers the whole file. The reading thread passes each cell to an idle
 * worker, through the window (scan_window.c); if there is none, it names and adds the cell itself.
 * Up to 2,048 cells of one list wait for their names. Then the window is given back, which waits
 * for all of them, and the list is added (I3). A cell is stored in chunks, like a group, so that
 * data that moves within a file is stored once: the worker that adds it cuts it, and only if it is
 * new. In files of more than 128 GiB a cell is one object, or there would be too many objects. The
 * name of a cell does not depend on this. Memory: names and numbers of the cells of one list, 114
 * KiB; the lists that are open, 68 KiB each.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "codec/blake3_hash.h"
#include "codec/cdc.h"
#include "pack/pack_cells.h"
#include "scan/scan.h"
#include "scan/scan_internal.h"

enum {
    RUNS_MAX = 1 << 17,  /* of holes */
    PIECES_MAX = 400000, /* an encoding of 40 bytes each fits into one object */
    PIECES_BETWEEN_LOOKS = 64,
    READ_STEP = 256 << 10,
    CARRY_MAX = READ_STEP + FI_CDC_SIZE_MAX
};

struct stream {
    struct fi_scan_worker *worker;
    struct fi_os_file *file;
    const struct fi_os_stat *stat; /* what it was when it was opened */
    uint64_t hole_size_min;
    bool is_sparse;
    bool is_part; /* the file may continue after what is read, and change there */
    bool is_stable;
    bool has_groups; /* else it is only hashed */
    bool has_window;
    size_t since_look;       /* pieces */
    struct fi_scan_slot own; /* used without a window; its data is the worker's */
    uint8_t *carry;          /* CARRY_MAX bytes: data read past a group */
    size_t carried;
    struct fi_pack_piece *pieces;
    size_t count;
    size_t capacity;
    struct fi_blake3_hash whole;
};

static bool
may_have_holes(const struct fi_os_stat *stat)
{
    return stat->allocated_bytes < stat->size_bytes;
}

int
fi_scan_large_applies(struct fi_os_file *file, const struct fi_os_stat *stat, bool *out,
                      firn_error *err)
{
    *out = stat->size_bytes > FI_SCAN_LARGE_SIZE;
    if (*out || !may_have_holes(stat)) {
        return FIRN_OK;
    }
    /* Less space than bytes can also mean compression, or content inside the inode: only a hole
     * counts. */
    uint64_t start;
    uint64_t end;
    int rc = fi_os_file_next_data(file, 0, &start, &end, err);
    *out = rc == FIRN_OK && (start > 0 || end < stat->size_bytes);
    return rc;
}

static int
reserve_piece(struct stream *stream, firn_error *err)
{
    if (stream->count == PIECES_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "cannot save '%s': more than %d pieces",
                            fi_os_file_path(stream->file), PIECES_MAX);
    }
    return FI_VEC_RESERVE(stream->pieces, stream->count + 1, stream->capacity, err);
}

/* Looks whether a file that is being read is unchanged or has only become longer. */
static int
large_inspect(struct fi_os_file *file, const struct fi_os_stat *before, bool *out_is_stable,
              firn_error *err)
{
    struct fi_os_stat now;
    int rc = fi_os_file_stat(file, &now, err);
    *out_is_stable =
        rc == FIRN_OK && (fi_scan_is_same_stat(before, &now) ||
                          (now.inode == before->inode && now.device == before->device &&
                           now.size_bytes > before->size_bytes));
    return rc;
}

/* The same every PIECES_BETWEEN_LOOKS pieces. */
static int
scan_large_inspect(struct stream *stream, firn_error *err)
{
    if (stream->is_part || ++stream->since_look < PIECES_BETWEEN_LOOKS) {
        return FIRN_OK;
    }
    stream->since_look = 0;
    return large_inspect(stream->file, stream->stat, &stream->is_stable, err);
}

static int
check_stopped(const struct fi_scan_worker *worker, firn_error *err)
{
    return fi_scan_is_stopped(worker->scan) ? fi_error_set(err, FIRN_CANCELLED, "cancelled")
                                            : FIRN_OK;
}

static int
hash_zeros(struct fi_scan_worker *worker, struct fi_blake3_hash *hash, uint64_t size,
           firn_error *err)
{
    for (uint64_t left = size; left > 0;) {
        size_t part = left < FI_ZEROS_SIZE ? (size_t)left : FI_ZEROS_SIZE;
        fi_blake3_hash_update(hash, fi_zeros(), part);
        left -= part;
        FI_TRY_RETURN(check_stopped(worker, err));
        FI_TRY_RETURN(fi_scan_report_work(worker, 0, part, err));
    }
    return FIRN_OK;
}

static int
put_hole(struct stream *stream, uint64_t size, firn_error *err)
{
    FI_TRY_RETURN(reserve_piece(stream, err));
    stream->pieces[stream->count++] = (struct fi_pack_piece){.size = size, .is_hole = true};
    return hash_zeros(stream->worker, &stream->whole, size, err);
}

/* ---- data in groups ---- */

/* ---- chunks and the groups that they form ---- */

_Static_assert(FI_SCAN_GROUP_CHUNKS_MAX *FI_CDC_SIZE_MIN >= FI_SCAN_PIECE_SIZE,
               "a slot has room for the sizes of its chunks");

/* Cuts the part of the first `filled` bytes of a slot that has not been cut yet into chunks;
 * is_end: the data ends there. True when the group is complete: its size is slot->size, and the
 * bytes after it belong to the next group. Requires: size and chunk_count are 0 at the first call
 * for a slot. */
static bool
group_cut(const struct fi_cdc_table *table, struct fi_scan_slot *slot, size_t filled, bool is_end)
{
    DCHECK(slot->size <= filled && filled <= FI_SCAN_PIECE_SIZE);
    while (slot->size < filled) {
        firn_slice rest = firn_bytes(slot->data + slot->size, filled - slot->size);
        struct fi_cdc cut = fi_cdc_next(table, rest, is_end);
        if (cut.size == 0) {
            break;
        }
        DCHECK(slot->chunk_count < FI_SCAN_GROUP_CHUNKS_MAX);
        slot->chunk_sizes[slot->chunk_count++] = (uint32_t)cut.size;
        slot->size += cut.size;
        if (cut.is_major && slot->size >= FI_SCAN_GROUP_SIZE_MIN) {
            return true;
        }
    }
    return (is_end && slot->size == filled) || filled == FI_SCAN_PIECE_SIZE;
}

static void
cut_cell(const struct fi_cdc_table *table, struct fi_scan_slot *slot)
{
    size_t size = slot->size;
    DCHECK(size > 0 && slot->chunk_count == 0);
    slot->size = 0;
    while (!group_cut(table, slot, size, true) || slot->size < size) {
    }
}

static int
add_chunks(struct fi_scan_worker *worker, const struct fi_scan_slot *slot, struct fi_buf *list,
           firn_error *err)
{
    struct fi_pack_piece pieces[FI_SCAN_GROUP_CHUNKS_MAX];
    size_t at = 0;
    for (size_t i = 0; i < slot->chunk_count; i++) {
        struct fi_objects_object chunk = {
            .kind = FI_PACK_BLOB, .content = firn_bytes(slot->data + at, slot->chunk_sizes[i])};
        bool is_new;
        fi_blake3_hash_of(chunk.content.data, chunk.content.size, &chunk.hash);
        int rc = fi_scan_sink_add(worker, &chunk, &is_new, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        pieces[i] = (struct fi_pack_piece){.size = chunk.content.size, .hash = chunk.hash};
        at += chunk.content.size;
    }
    DCHECK(at == slot->size);
    fi_buf_clear(list);
    return fi_pack_pieces_encode(pieces, slot->chunk_count, list) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "the pieces of a file");
}

int
fi_scan_large_group_add(struct fi_scan_worker *worker, struct fi_scan_slot *slot, firn_error *err)
{
    struct fi_objects_object group = {.kind = FI_PACK_BLOB,
                                      .content = firn_bytes(slot->data, slot->size)};
    bool is_known = false;
    bool is_new;
    int rc = FIRN_OK;
    DCHECK(slot->size > 0 && slot->size <= FI_SCAN_PIECE_SIZE);
    fi_blake3_hash_of(slot->data, slot->size, &group.hash);
    slot->hash = group.hash;
    if (!worker->scan->sink->wants_content) {
        return FIRN_OK;
    }
    if (slot->chunk_count > 1 || slot->is_cell) {
        FI_TRY(fi_scan_sink_contains(worker, &group.hash, &is_known, err)); /* (I4) */
        if (is_known) {
            goto out;
        }
    }
    if (slot->is_cell && slot->has_chunks) {
        cut_cell(worker->scan->sink->cut_table, slot);
    }
    if (slot->chunk_count > 1) {
        FI_TRY(add_chunks(worker, slot, &worker->list, err));
        group.kind = FI_PACK_PIECES;
        group.content = fi_buf_slice(&worker->list);
    }
    FI_TRY(fi_scan_sink_add(worker, &group, &is_new, err)); /* (I5) */
out:
    return rc;
}

/* Reads until the slot contains a complete group; *filled is how much has been read, at least the
 * group. The run of data continues for `left` bytes from the slot's beginning. */
static int
fill_slot(struct stream *stream, struct fi_scan_slot *slot, uint64_t offset, uint64_t left,
          size_t *filled, firn_error *err)
{
    const struct fi_cdc_table *table = stream->worker->scan->sink->cut_table;
    size_t size = stream->carried;
    DCHECK(slot->size == 0 && slot->chunk_count == 0);
    DCHECK(size <= left && size <= FI_SCAN_PIECE_SIZE);
    if (size > 0) {
        memcpy(slot->data, stream->carry, size);
    }
    while (!group_cut(table, slot, size, size == left)) {
        size_t room = FI_SCAN_PIECE_SIZE - size;
        size_t step = room < READ_STEP ? room : READ_STEP;
        step = left - size < step ? (size_t)(left - size) : step;
        size_t got;
        int rc = fi_os_file_read(stream->file, offset + size, slot->data + size, step, &got, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        stream->is_stable = got == step;
        if (!stream->is_stable) {
            break;
        }
        size += step;
    }
    *filled = size;
    return FIRN_OK;
}

/* Keeps the bytes that were read past the group for the next one. */
static void
carry_over(struct stream *stream, const struct fi_scan_slot *slot, size_t filled)
{
    DCHECK(slot->size <= filled);
    stream->carried = filled - slot->size;
    DCHECK(stream->carried <= CARRY_MAX);
    if (stream->carried > 0) {
        memcpy(stream->carry, slot->data + slot->size, stream->carried);
    }
}

/* One group, from a run of data that continues for `left` bytes; *out_size is the group's. */
static int
put_group(struct stream *stream, uint64_t offset, uint64_t left, size_t *out_size, firn_error *err)
{
    struct fi_scan_worker *worker = stream->worker;
    struct fi_scan_slot *slot;
    size_t filled;
    int rc;
    *out_size = 0;
    FI_TRY(reserve_piece(stream, err));
    FI_TRY(fi_scan_window_choose(worker, &stream->has_window, &stream->own, stream->pieces, &slot,
                                 err));
    FI_TRY(fill_slot(stream, slot, offset, left, &filled, err));
    if (!stream->is_stable) {
        goto out;
    }
    carry_over(stream, slot, filled);
    fi_blake3_hash_update(&stream->whole, slot->data, slot->size);
    *out_size = slot->size;
    size_t number = stream->count++;
    DCHECK(number < stream->capacity && slot->size > 0 && slot->size <= left);
    stream->pieces[number] = (struct fi_pack_piece){.size = slot->size};
    if (slot != &stream->own) {
        slot->piece = number;
        fi_scan_window_offer(worker->scan, slot);
    } else {
        FI_TRY(fi_scan_large_group_add(worker, slot, err));
        stream->pieces[number].hash = slot->hash;
    }
out:
    return rc;
}

/* ---- data that is only hashed ---- */

static int
pass_piece(struct stream *stream, uint64_t offset, uint64_t left, size_t *out_size, firn_error *err)
{
    struct fi_scan_worker *worker = stream->worker;
    uint64_t room = FI_SCAN_PIECE_SIZE - offset % FI_SCAN_PIECE_SIZE;
    size_t size = (size_t)(left < room ? left : room);
    size_t got;
    int rc;
    DCHECK(!stream->has_groups && size <= worker->content.size);
    *out_size = size;
    FI_TRY(fi_os_file_read(stream->file, offset, worker->content.data, size, &got, err));
    if (got < size) {
        stream->is_stable = false;
        goto out;
    }
    fi_blake3_hash_update(&stream->whole, worker->content.data, size);
out:
    return rc;
}

/* The next piece of a run of data that continues for `left` bytes. */
static int
put_data(struct stream *stream, uint64_t offset, uint64_t left, size_t *out_size, firn_error *err)
{
    FI_TRY_RETURN(check_stopped(stream->worker, err));
    FI_TRY_RETURN(stream->has_groups ? put_group(stream, offset, left, out_size, err)
                                     : pass_piece(stream, offset, left, out_size, err));
    FI_TRY_RETURN(fi_scan_report_work(stream->worker, 0, *out_size, err));
    return scan_large_inspect(stream, err);
}

/* The next run of data at or after offset. The bytes before it are a hole that is kept as one. */
static int
next_run(struct stream *stream, uint64_t offset, uint64_t *out_start, uint64_t *out_end,
         firn_error *err)
{
    uint64_t size = stream->stat->size_bytes;
    *out_start = offset;
    *out_end = size;
    if (!stream->is_sparse) {
        return FIRN_OK;
    }
    int rc = fi_os_file_next_data(stream->file, offset, out_start, out_end, err);
    *out_start = *out_start < size ? *out_start : size;
    *out_end = *out_end < size ? *out_end : size;
    if (rc != FIRN_OK || *out_start < offset || *out_end < *out_start ||
        (*out_end == *out_start && *out_end < size)) {
        stream->is_stable = false; /* the file became shorter */
    } else if (*out_start - offset < stream->hole_size_min) {
        *out_start = offset;
    }
    return rc;
}

static int
put_all(struct stream *stream, firn_error *err)
{
    uint64_t offset = 0;
    while (offset < stream->stat->size_bytes && stream->is_stable) {
        uint64_t start;
        uint64_t end;
        FI_TRY_RETURN(next_run(stream, offset, &start, &end, err));
        if (start > offset && stream->is_stable) {
            FI_TRY_RETURN(put_hole(stream, start - offset, err));
        }
        for (offset = start; offset < end && stream->is_stable;) {
            size_t size;
            FI_TRY_RETURN(put_data(stream, offset, end - offset, &size, err));
            offset += size;
        }
        DCHECK(!stream->is_stable || stream->carried == 0);
    }
    return FIRN_OK;
}

static void
choose_sizes(struct stream *stream, uint64_t size)
{
    stream->hole_size_min = size / RUNS_MAX + 1;
    stream->has_groups = stream->worker->scan->sink->wants_content;
}

/* The buffers that groups need: the stream's own slot is the worker's. */
static int
reserve_groups(struct stream *stream, firn_error *err)
{
    if (!stream->has_groups) {
        return FIRN_OK;
    }
    stream->own.data = stream->worker->content.data;
    stream->carry = fi_alloc(CARRY_MAX);
    return stream->carry != NULL ? FIRN_OK : fi_error_no_memory(err, "a piece of a file");
}

/* Makes the worker's content the list of pieces. */
static int
list_pieces(struct stream *stream, firn_error *err)
{
    struct fi_buf *content = &stream->worker->content;
    fi_buf_clear(content);
    if (!stream->worker->scan->sink->wants_content) {
        return FIRN_OK;
    }
    if (stream->count == 1 && !stream->pieces[0].is_hole) {
        /* The holes are gone, and content that is a single piece has no list. */
        stream->is_stable = false;
        return FIRN_OK;
    }
    int rc = fi_pack_pieces_encode(stream->pieces, stream->count, content);
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "the pieces of a file");
}

static uint64_t
size_of_pieces(const struct stream *stream)
{
    uint64_t size = 0;
    for (size_t i = 0; i < stream->count; i++) {
        size += stream->pieces[i].size;
    }
    return size;
}

/* ---- cell by cell ---- */

enum { CELL_SIZE = FI_PACK_CELLS_SIZE, IN_LIST = FI_PACK_CELLS_IN_LIST, CELLS_BETWEEN_LOOKS = 64 };
#define CHUNKS_SIZE_MAX (UINT64_C(128) << 30)

_Static_assert((int)CELL_SIZE == (int)FI_SCAN_PIECE_SIZE, "a slot holds a cell");

/* Counts the bytes that were passed; fails if the scan has been stopped. */
static int
pass_on(void *ctx, uint64_t bytes, firn_error *err)
{
    struct fi_scan_worker *worker = ctx;
    return fi_scan_is_stopped(worker->scan) ? fi_error_set(err, FIRN_CANCELLED, "cancelled")
                                            : fi_scan_report_work(worker, 0, bytes, err);
}

/* ---- saving ---- */

struct cell_stream {
    struct fi_scan_worker *worker;
    const struct fi_os_stat *stat; /* what the file was when it was opened */
    bool is_part;
    bool is_stable;
    bool has_window;
    bool has_chunks;
    unsigned since_look;
    struct fi_scan_slot own;
    struct fi_pack_piece *pieces; /* IN_LIST; of the current list, in the order of numbers */
    uint64_t *numbers;
    size_t count;
    struct fi_pack_cells_builder builder;
};

/* Takes a list: the whole file's becomes the worker's content, which the caller adds. */
static int
put_list(void *ctx, const firn_hash *hash, firn_slice list, firn_error *err)
{
    struct cell_stream *stream = ctx;
    struct fi_scan_worker *worker = stream->worker;
    struct fi_pack_cells cells;
    bool is_new;
    int rc = fi_pack_cells_open(list, &cells, err);
    DCHECK(rc == FIRN_OK && cells.level <= stream->builder.top);
    if (rc == FIRN_OK && cells.level == stream->builder.top) {
        return fi_buf_assign(&worker->content, list) == FIRN_OK
                   ? FIRN_OK
                   : fi_error_no_memory(err, "a list of cells");
    }
    if (rc == FIRN_OK && worker->scan->sink->wants_content) {
        const struct fi_objects_object object = {
            .kind = FI_PACK_PIECES, .hash = *hash, .content = list};
        rc = fi_scan_sink_add(worker, &object, &is_new, err);
    }
    return rc;
}

/* Waits for the names of all cells of the current list, and passes them to the builder. (I3) */
static int
finish_cells(struct cell_stream *stream, firn_error *err)
{
    struct fi_scan_worker *worker = stream->worker;
    if (stream->has_window) {
        stream->has_window = false;
        FI_TRY_RETURN(fi_scan_window_release(worker, stream->pieces, err));
    }
    if (fi_scan_is_stopped(worker->scan)) {
        return fi_error_set(err, FIRN_CANCELLED, "cancelled"); /* not all have names */
    }
    DCHECK(!stream->has_window && stream->count <= IN_LIST); /* (I3) */
    for (size_t i = 0; i < stream->count; i++) {
        FI_TRY_RETURN(fi_pack_cells_builder_add(&stream->builder, stream->numbers[i],
                                                &stream->pieces[i].hash, err));
    }
    stream->count = 0;
    return FIRN_OK;
}

static int
cells_inspect(struct cell_stream *stream, struct fi_os_file *file, firn_error *err)
{
    if (stream->is_part || ++stream->since_look < CELLS_BETWEEN_LOOKS) {
        return FIRN_OK;
    }
    stream->since_look = 0;
    return large_inspect(file, stream->stat, &stream->is_stable, err);
}

/* The cell that the walk is at. */
static int
put_cell(struct cell_stream *stream, struct fi_scan_cell_walk *walk, firn_error *err)
{
    struct fi_scan_worker *worker = stream->worker;
    struct fi_scan_slot *slot;
    uint64_t number = walk->offset / CELL_SIZE;
    size_t size;
    int rc = FIRN_OK;
    DCHECK(walk->offset % CELL_SIZE == 0);
    DCHECK(stream->count == 0 || stream->numbers[stream->count - 1] < number);
    if (stream->count > 0 && stream->numbers[stream->count - 1] / IN_LIST != number / IN_LIST) {
        FI_TRY(finish_cells(stream, err));
    }
    FI_TRY(fi_scan_window_choose(worker, &stream->has_window, &stream->own, stream->pieces, &slot,
                                 err));
    FI_TRY(fi_scan_cell_walk_read(walk, slot->data, &size, err));
    FI_TRY(cells_inspect(stream, walk->file, err));
    if (walk->is_shorter || fi_bytes_are_zero(slot->data, size)) { /* (I2) */
        goto out;
    }
    DCHECK(stream->count < IN_LIST);
    slot->is_cell = true;
    slot->has_chunks = stream->has_chunks;
    slot->size = size;
    slot->piece = stream->count++;
    stream->numbers[slot->piece] = number;
    if (slot != &stream->own) {
        fi_scan_window_offer(worker->scan, slot);
    } else {
        FI_TRY(fi_scan_large_group_add(worker, slot, err));
        stream->pieces[slot->piece].hash = slot->hash;
    }
out:
    return rc;
}

static int
cells_put_all(struct cell_stream *stream, struct fi_scan_cell_walk *walk, firn_hash *out_hash,
              firn_error *err)
{
    for (;;) {
        FI_TRY_RETURN(fi_scan_cell_walk_find(walk, err));
        if (walk->is_end || walk->is_shorter || !stream->is_stable) {
            break;
        }
        FI_TRY_RETURN(put_cell(stream, walk, err));
        walk->offset += CELL_SIZE;
    }
    stream->is_stable = stream->is_stable && !walk->is_shorter;
    if (stream->is_stable) {
        FI_TRY_RETURN(finish_cells(stream, err));
        FI_TRY_RETURN(fi_pack_cells_builder_finish(&stream->builder, out_hash, err));
    }
    return FIRN_OK;
}

/* fi_scan_large_read for files of FI_PACK_CELLS_CONTENT_MIN and more. */
static int
cells_read(struct fi_scan_worker *worker, struct fi_os_file *file, const struct fi_os_stat *stat,
           bool is_part, firn_hash *out_hash, bool *out_is_stable, firn_error *err)
{
    struct cell_stream stream = {.worker = worker,
                                 .stat = stat,
                                 .is_part = is_part,
                                 .is_stable = true,
                                 .has_chunks = stat->size_bytes <= CHUNKS_SIZE_MAX};
    struct fi_scan_cell_walk walk = {
        .file = file, .size = stat->size_bytes, .tick = pass_on, .ctx = worker};
    int rc;
    *out_is_stable = false;
    DCHECK(stat->size_bytes >= FI_PACK_CELLS_CONTENT_MIN);
    if (stat->size_bytes > FI_PACK_CELLS_CONTENT_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "cannot save '%s': it has %llu bytes, a file may have %llu (8 PiB)",
                            fi_os_file_path(file), (unsigned long long)stat->size_bytes,
                            (unsigned long long)FI_PACK_CELLS_CONTENT_MAX);
    }
    fi_pack_cells_builder_init(&stream.builder, stat->size_bytes, put_list, &stream);
    stream.pieces = fi_alloc_array(IN_LIST, sizeof *stream.pieces);
    stream.numbers = fi_alloc_array(IN_LIST, sizeof *stream.numbers);
    stream.own.data = fi_alloc(CELL_SIZE);
    if (stream.pieces == NULL || stream.numbers == NULL || stream.own.data == NULL) {
        FI_TRY(fi_error_no_memory(err, "the cells of a file"));
    }
    FI_TRY(cells_put_all(&stream, &walk, out_hash, err));
out:
    if (stream.has_window) {
        firn_error later;
        int released = fi_scan_window_release(worker, stream.pieces, rc == FIRN_OK ? err : &later);
        rc = rc == FIRN_OK ? released : rc;
    }
    *out_is_stable = rc == FIRN_OK && stream.is_stable;
    fi_pack_cells_builder_deinit(&stream.builder);
    fi_free(stream.pieces);
    fi_free(stream.numbers);
    fi_free(stream.own.data);
    return rc;
}

/* ---- a second reading ---- */

/* As fi_scan_large_hash_again, for beginnings that are named by their cells; part may be NULL. */
static int
cells_hash_again(struct fi_scan_worker *worker, struct fi_os_file *file,
                 struct fi_scan_beginning *part, struct fi_scan_beginning *all, bool *out_is_read,
                 firn_error *err)
{
    DCHECK(part == NULL || part->size <= all->size);
    struct fi_scan_cell_walk walk = {
        .file = file, .size = all->size, .tick = pass_on, .ctx = worker};
    int rc = fi_scan_cell_walk_name(&walk, &all->hash, part == NULL ? 0 : part->size,
                                    part == NULL ? NULL : &part->hash, err);
    *out_is_read = rc == FIRN_OK && !walk.is_shorter;
    return rc;
}

int
fi_scan_large_read(struct fi_scan_worker *worker, struct fi_os_file *file,
                   const struct fi_os_stat *stat, bool is_part, firn_hash *out_hash,
                   bool *out_is_stable, firn_error *err)
{
    struct stream stream = {
        .worker = worker,
        .file = file,
        .stat = stat,
        .is_sparse = may_have_holes(stat),
        .is_part = is_part,
        .is_stable = true,
    };
    if (stat->size_bytes >= FI_PACK_CELLS_CONTENT_MIN) {
        return cells_read(worker, file, stat, is_part, out_hash, out_is_stable, err);
    }
    choose_sizes(&stream, stat->size_bytes);
    fi_blake3_hash_init(&stream.whole);
    int rc;
    fi_buf_clear(&worker->content);
    if (fi_buf_set_size(&worker->content, FI_SCAN_PIECE_SIZE) != FIRN_OK) {
        return fi_error_no_memory(err, "a piece of a file");
    }
    rc = reserve_groups(&stream, err);
    if (rc == FIRN_OK) {
        rc = put_all(&stream, err);
    }
    if (stream.has_window) {
        firn_error later;
        int released = fi_scan_window_release(worker, stream.pieces, rc == FIRN_OK ? err : &later);
        rc = rc == FIRN_OK ? released : rc;
    }
    if (rc == FIRN_OK && stream.is_stable) {
        DCHECK(!stream.has_groups || size_of_pieces(&stream) == stat->size_bytes); /* (I1) */
        fi_blake3_hash_final(&stream.whole, out_hash);
        rc = list_pieces(&stream, err);
    }
    *out_is_stable = rc == FIRN_OK && stream.is_stable;
    fi_free(stream.pieces);
    fi_free(stream.carry);
    return rc;
}

/* ---- a second reading ---- */

/* *out_is_read is false if the file is shorter by now. */
static int
hash_data(struct fi_scan_worker *worker, struct fi_os_file *file, uint64_t offset, uint64_t end,
          uint8_t *buffer, struct fi_blake3_hash *hash, bool *out_is_read, firn_error *err)
{
    while (offset < end && *out_is_read) {
        size_t step = end - offset < READ_STEP ? (size_t)(end - offset) : READ_STEP;
        size_t got;
        FI_TRY_RETURN(fi_os_file_read(file, offset, buffer, step, &got, err));
        fi_blake3_hash_update(hash, buffer, got);
        *out_is_read = got == step;
        offset += step;
        FI_TRY_RETURN(check_stopped(worker, err));
        FI_TRY_RETURN(fi_scan_report_work(worker, 0, got, err));
    }
    return FIRN_OK;
}

/* The bytes from one offset to another. */
static int
hash_range(struct fi_scan_worker *worker, struct fi_os_file *file, uint64_t offset, uint64_t size,
           uint8_t *buffer, struct fi_blake3_hash *hash, bool *out_is_read, firn_error *err)
{
    while (offset < size && *out_is_read) {
        uint64_t start;
        uint64_t end;
        FI_TRY_RETURN(fi_os_file_next_data(file, offset, &start, &end, err));
        start = start < size ? start : size;
        end = end < size ? end : size;
        *out_is_read = start >= offset && end >= start && (end > offset || end == size);
        if (*out_is_read) {
            FI_TRY_RETURN(hash_zeros(worker, hash, start - offset, err));
            FI_TRY_RETURN(hash_data(worker, file, start, end, buffer, hash, out_is_read, err));
        }
        offset = end;
    }
    return FIRN_OK;
}

static int
hash_both(struct fi_scan_worker *worker, struct fi_os_file *file, struct fi_scan_beginning *part,
          struct fi_scan_beginning *all, bool *out_is_read, firn_error *err)
{
    struct fi_blake3_hash hash;
    uint8_t *buffer = fi_alloc(READ_STEP);
    int rc = buffer != NULL ? FIRN_OK : fi_error_no_memory(err, "a piece of a file");
    *out_is_read = rc == FIRN_OK;
    DCHECK(part->size <= all->size);
    fi_blake3_hash_init(&hash);
    if (rc == FIRN_OK) {
        FI_TRY(hash_range(worker, file, 0, part->size, buffer, &hash, out_is_read, err));
        fi_blake3_hash_final(&hash, &part->hash);
        FI_TRY(hash_range(worker, file, part->size, all->size, buffer, &hash, out_is_read, err));
        fi_blake3_hash_final(&hash, &all->hash);
    }
out:
    fi_free(buffer);
    return rc;
}

int
fi_scan_large_hash_again(struct fi_scan_worker *worker, struct fi_os_file *file,
                         struct fi_scan_beginning *part, struct fi_scan_beginning *all,
                         bool *out_is_read, firn_error *err)
{
    if (all->size < FI_PACK_CELLS_CONTENT_MIN) {
        return hash_both(worker, file, part, all, out_is_read, err);
    }
    if (part->size >= FI_PACK_CELLS_CONTENT_MIN) {
        return cells_hash_again(worker, file, part, all, out_is_read, err);
    }
    /* The beginning, being shorter, is named by the hash of its bytes, and the whole by its
     * cells. */
    struct fi_scan_beginning same = *part;
    int rc = hash_both(worker, file, part, &same, out_is_read, err);
    return rc == FIRN_OK && *out_is_read
               ? cells_hash_again(worker, file, NULL, all, out_is_read, err)
               : rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_cell_walk.h: the cells of a file on disk that are not holes (pack/packfile_cells.h),
 * in order, and the name that they give it.
 */
#ifndef FIRN_SCAN_SCAN_CELL_WALK_H
#define FIRN_SCAN_SCAN_CELL_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "os/os.h"
#include "pack/packfile_cells.h"

/* Set up by the caller: file, size (of what is read of it), tick and ctx. */
struct firn_scan_cell_walk {
    struct firn_os_file *file;
    uint64_t size;
    /* Told of bytes that were read, and of those of holes; another return than FIRN_OK ends the walk.
     * May be NULL. */
    int (*tick)(void *ctx, uint64_t bytes, firn_error *err);
    void *ctx;
    uint64_t offset;   /* of the next cell: the caller adds the size of each that it has read */
    uint64_t data_end; /* of the run of data that was found last */
    bool is_end;
    bool is_shorter; /* the file has become shorter: the walk is over */
};

/* Moves to the next cell that has data, unless it is at one, or says that there is none. */
FIRN_MUST_CHECK int firn_scan_cell_walk_find(struct firn_scan_cell_walk *walk, firn_error *err);
/* Reads the cell at hand into FIRN_PACKFILE_CELLS_SIZE bytes; *out_size is its size. */
FIRN_MUST_CHECK int firn_scan_cell_walk_read(struct firn_scan_cell_walk *walk, uint8_t *data,
                                             size_t *out_size, firn_error *err);

/* The name of walk->size bytes, from the beginning; if part_size is not 0 also that of so many, which
 * are not more. Both sizes are of such content. */
FIRN_MUST_CHECK int firn_scan_cell_walk_name(struct firn_scan_cell_walk *walk, firn_hash *out,
                                             uint64_t part_size, firn_hash *out_part,
                                             firn_error *err);

#endif

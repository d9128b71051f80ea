/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_cell_walk.c: the cells of a file on disk that are not holes.
 *
 * Holes are skipped without being read: a TiB of hole costs one call to the file system. That call
 * is made for every run of data, even if the file takes up as much space as its size, because
 * preallocated space reads as a hole. A cell that has any data is read whole.
 *
 * Memory: naming a file takes one cell and the lists that are open.
 */
#include "scan/scan.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "codec/blake3_hash.h"

enum { CELL_SIZE = FI_PACK_CELLS_SIZE };

static int
scan_cell_walk_report(struct fi_scan_cell_walk *walk, uint64_t bytes, firn_error *err)
{
    return walk->tick == NULL ? FIRN_OK : walk->tick(walk->ctx, bytes, err);
}

int
fi_scan_cell_walk_find(struct fi_scan_cell_walk *walk, firn_error *err)
{
    uint64_t start;
    uint64_t end;
    int rc = FIRN_OK;
    DCHECK(walk->offset >= walk->size || walk->offset % CELL_SIZE == 0);
    walk->is_end = walk->offset >= walk->size;
    if (walk->is_end || walk->offset < walk->data_end) {
        return FIRN_OK;
    }
    FI_TRY(fi_os_file_next_data(walk->file, walk->offset, &start, &end, err));
    walk->is_shorter = start < walk->offset || end < start || (end == start && end < walk->size);
    if (walk->is_shorter) {
        goto out;
    }
    start = start < walk->size ? start - start % CELL_SIZE : walk->size;
    DCHECK(start >= walk->offset);
    walk->data_end = end;
    FI_TRY(scan_cell_walk_report(walk, start - walk->offset, err));
    walk->offset = start;
    walk->is_end = start == walk->size;
out:
    return rc;
}

int
fi_scan_cell_walk_read(struct fi_scan_cell_walk *walk, uint8_t *data, size_t *out_size,
                       firn_error *err)
{
    DCHECK(!walk->is_end && walk->offset < walk->size);
    uint64_t left = walk->size - walk->offset;
    size_t size = left < CELL_SIZE ? (size_t)left : CELL_SIZE;
    size_t got;
    int rc = fi_os_file_read(walk->file, walk->offset, data, size, &got, err);
    if (rc == FIRN_OK) {
        rc = scan_cell_walk_report(walk, got, err);
    }
    walk->is_shorter = rc == FIRN_OK && got < size;
    *out_size = size;
    return rc;
}

/* ---- names ---- */

/* The two contents that are named; the first one is not the longer one. */
struct naming {
    struct fi_pack_cells_builder part; /* size 0: its name is not wanted */
    struct fi_pack_cells_builder all;
};

static int
name_cell(struct naming *naming, uint64_t offset, const uint8_t *data, size_t size, firn_error *err)
{
    uint64_t number = offset / CELL_SIZE;
    uint64_t in_part = naming->part.size > offset ? naming->part.size - offset : 0;
    firn_hash hash;
    int rc = FIRN_OK;
    if (fi_bytes_are_zero(data, size)) {
        return FIRN_OK;
    }
    fi_blake3_hash_of(data, size, &hash);
    FI_TRY(fi_pack_cells_builder_add(&naming->all, number, &hash, err));
    if (in_part < size && in_part > 0) {
        if (fi_bytes_are_zero(data, (size_t)in_part)) {
            goto out;
        }
        fi_blake3_hash_of(data, (size_t)in_part, &hash);
    }
    if (in_part > 0) {
        FI_TRY(fi_pack_cells_builder_add(&naming->part, number, &hash, err));
    }
out:
    return rc;
}

static int
name_all(struct naming *naming, struct fi_scan_cell_walk *walk, uint8_t *data, firn_error *err)
{
    size_t size;
    for (;;) {
        FI_TRY_RETURN(fi_scan_cell_walk_find(walk, err));
        if (walk->is_end || walk->is_shorter) {
            break;
        }
        FI_TRY_RETURN(fi_scan_cell_walk_read(walk, data, &size, err));
        if (walk->is_shorter) {
            break;
        }
        FI_TRY_RETURN(name_cell(naming, walk->offset, data, size, err));
        walk->offset += CELL_SIZE;
    }
    return FIRN_OK;
}

int
fi_scan_cell_walk_name(struct fi_scan_cell_walk *walk, firn_hash *out, uint64_t part_size,
                       firn_hash *out_part, firn_error *err)
{
    DCHECK(walk->offset == 0 && part_size <= walk->size);
    struct naming naming = {.part = {.size = 0}};
    uint8_t *data = fi_alloc(CELL_SIZE);
    int rc = FIRN_OK;
    fi_pack_cells_builder_init(&naming.all, walk->size, NULL, NULL);
    if (part_size > 0) {
        fi_pack_cells_builder_init(&naming.part, part_size, NULL, NULL);
    }
    if (data == NULL) {
        FI_TRY(fi_error_no_memory(err, "a cell of a file"));
    }
    FI_TRY(name_all(&naming, walk, data, err));
    FI_TRY(fi_pack_cells_builder_finish(&naming.all, out, err));
    if (part_size > 0) {
        FI_TRY(fi_pack_cells_builder_finish(&naming.part, out_part, err));
    }
out:
    fi_pack_cells_builder_deinit(&naming.part);
    fi_pack_cells_builder_deinit(&naming.all);
    fi_free(data);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * spill/spill.h: records in temporary files, for data that does not fit into memory.
 *
 * A file has blocks of records; each block has its size and checksum. A file is written to its
 * end, then read in stretches, and removed when it is closed. The caller chooses its name, and so
 * can recognize files that a crash has left. Nothing is synced. In an encrypted store the records
 * are encrypted.
 *
 * One thread at a time.
 */
#ifndef FIRN_SPILL_SPILL_H
#define FIRN_SPILL_SPILL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "os/os.h"

/* Where temporary files go. */
enum { FI_SPILL_NAME_SIZE = 64 };
struct fi_spill {
    struct fi_os_dir *dir; /* borrowed */
    /* Writes a name, with its NUL, that no file in dir has or had before. Any thread that spills
     * calls it. */
    void (*make_name)(void *ctx, char out[FI_SPILL_NAME_SIZE]);
    void *ctx;
};

struct fi_spill_file;

FIRN_MUST_CHECK int fi_spill_create(const struct fi_spill *spill, struct fi_spill_file **out,
                                    firn_error *err);
/* Closes and removes the file. NULL is fine. */
void fi_spill_destroy(struct fi_spill_file *file);

/* Appends a record. After a failure the file can only be destroyed. */
FIRN_MUST_CHECK int fi_spill_add(struct fi_spill_file *file, firn_slice record, firn_error *err);
/* Ends a stretch: the records that were added since the last one. *out_end is its end, where the
 * next one begins. */
FIRN_MUST_CHECK int fi_spill_end(struct fi_spill_file *file, uint64_t *out_end, firn_error *err);
/* Releases the memory for writing; no record follows. */
void fi_spill_seal(struct fi_spill_file *file);
/* Bytes written so far. */
uint64_t fi_spill_size_bytes(const struct fi_spill_file *file);

/* Reads the records of a stretch. A zeroed struct is closed. */
struct fi_spill_reader {
    struct fi_spill_file *file; /* borrowed */
    uint64_t offset;            /* of the next block */
    uint64_t end;
    struct fi_buf block;
    size_t stored_size; /* of the block in the file */
    size_t at;          /* in block */
};
void fi_spill_reader_init(struct fi_spill_reader *reader, struct fi_spill_file *file,
                          uint64_t start, uint64_t end);
void fi_spill_reader_deinit(struct fi_spill_reader *reader);
/* The next record, borrowed until the next call; *out_is_end: there is none. FIRN_CORRUPT names
 * the file and the offset of the block. */
FIRN_MUST_CHECK int fi_spill_next(struct fi_spill_reader *reader, firn_slice *out, bool *out_is_end,
                                  firn_error *err);

/* Takes the front of *rest, the end of a record; false: *rest is too short. */
static inline bool
fi_spill_take(firn_slice *rest, size_t size, const uint8_t **out)
{
    if (size > rest->size) {
        return false;
    }
    *out = rest->data;
    *rest = firn_bytes(rest->data + size, rest->size - size);
    return true;
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * run/run_value_file.h: large values outside of runs, in sealed files to which any number of runs
 * refer (docs/formats/value.md).
 *
 * In place of such a value a run has a reference, so merging runs does not write the value again.
 * All numbers are little-endian:
 *
 *   0       8       16       24
 *   +-------+-------+--------+-------------------------+
 *   | file: | size  | offset | stored size of each     |
 *   | number| of the| of its | piece, 4 bytes          |
 *   |       | value | pieces |                         |
 *   +-------+-------+--------+-------------------------+
 *
 * A piece is a block of the file (block/block_file.h) with FI_RUN_VALUE_FILE_PIECE_SIZE bytes of
 * the value, the last one with the rest; the pieces of a value lie directly one after the other.
 *
 * A bare file is a segment of the log that has become a value file: it has values as they are,
 * among other bytes that mean nothing here. Its first FI_RUN_VALUE_FILE_HEAD_SIZE bytes, which
 * differ from those of all other files, are its identity. A reference to a value in a bare file:
 *
 *   0       8       16                    24
 *   +-------+-------+---------------------+----------+
 *   | file: | size  | offset of the value | checksum |
 *   | number| of the| + 2^63              |          |
 *   |       | value |                     |          |
 *   +-------+-------+---------------------+----------+
 *
 *   checksum = XXH3-64(value; seed: its offset) xor the file's identity
 *   identity = XXH3-64(the first 128 bytes of the file; seed 0)
 */
#ifndef FIRN_RUN_RUN_VALUE_FILE_H
#define FIRN_RUN_RUN_VALUE_FILE_H

#include "run/run_kind.h"

enum {
    FI_RUN_VALUE_FILE_REFERENCE_SIZE = 24, /* without the stored sizes, or the checksum */
    FI_RUN_VALUE_FILE_BARE_REFERENCE_SIZE = 32,
    FI_RUN_VALUE_FILE_HEAD_SIZE = 128,
    FI_RUN_VALUE_FILE_PIECE_SIZE = 1 << 20,
    FI_RUN_VALUE_FILE_CACHED_MAX = 64 << 10,
    FI_RUN_VALUE_FILE_PIECES_MAX = FI_ENTRY_VALUE_SIZE_MAX / FI_RUN_VALUE_FILE_PIECE_SIZE
};

/* A value file as seen by an LSM tree: a file with a number that can be opened and closed. It has
 * no entries: of the table only name, kind, open, close and summary are set. */
extern const struct fi_run_kind fi_run_value_file_kind;

/* A decoded reference. */
struct fi_run_value_file_reference {
    uint64_t file;
    uint64_t value_size;
    uint64_t offset;
    bool is_bare;
    uint64_t checksum;           /* of a value in a bare file */
    const uint8_t *stored_sizes; /* else; borrowed from the bytes */
    size_t piece_count;
};
/* False if the bytes are not a reference. What they name is checked when it is read. */
bool fi_run_value_file_decode(firn_slice bytes, struct fi_run_value_file_reference *out);
/* Writes the reference to a value in a bare file, FI_RUN_VALUE_FILE_BARE_REFERENCE_SIZE bytes, from
 * the number, sizes, offset and checksum of *reference. */
void fi_run_value_file_encode_bare(const struct fi_run_value_file_reference *reference,
                                   uint8_t *out);
/* The checksum of such a value, without the identity of its file. */
uint64_t fi_run_value_file_checksum(firn_slice value, uint64_t offset);
/* Bytes that the value takes up in its file. Requires: decode has accepted the reference. */
uint64_t fi_run_value_file_span(const struct fi_run_value_file_reference *reference);

/* Appends the value to out (NULL: the value is only verified). `file` is the open file that the
 * reference names. Values of up to FI_RUN_VALUE_FILE_CACHED_MAX bytes go through the cache as `use`
 * says, larger ones bypass it. FIRN_CORRUPT names file and offset. out is unchanged on failure. Any
 * thread. */
FIRN_MUST_CHECK int fi_run_value_file_read(struct fi_run *file,
                                           const struct fi_run_value_file_reference *reference,
                                           enum fi_block_cache_use use, struct fi_buf *out,
                                           firn_error *err);
/* The same of the bytes of a reference, by what the run that has it knows. */
FIRN_MUST_CHECK int fi_run_value_file_resolve(const struct fi_run_values *values,
                                              firn_slice reference, enum fi_block_cache_use use,
                                              struct fi_buf *out, firn_error *err);
/* Pins the value in the cache instead. FIRN_NOT_FOUND, without a text, if it must be read: it is
 * too large for the cache, or it is in a bare file and not in the cache. */
FIRN_MUST_CHECK int fi_run_value_file_pin(const struct fi_run_values *values, firn_slice reference,
                                          struct fi_block_pin *out, firn_error *err);

/* Cells of rows that refer to value files (run/run_value_cell.c). A column of a run of columns may
 * have a reference in place of one value of a row. On the way into runs, and out of them if a
 * cursor keeps references, a tuple has it as a cell of FI_PHYSICAL_REFERENCE:
 *
 *   0                      17
 *   +----------------------+--------------+
 *   | the first bytes of   | the reference|
 *   | the value            | as above     |
 *   +----------------------+--------------+
 *
 * The first bytes are there so that bounds of columns are known without reading the value.
 */
enum {
    FI_RUN_VALUE_CELL_HEAD_SIZE = 17,
    FI_RUN_VALUE_CELL_SIZE_MIN = 64 /* smaller values would be shorter than their reference */
};
/* False if the bytes are not such a cell. */
bool fi_run_value_cell_decode(firn_slice cell, struct fi_run_value_file_reference *out);
/* Appends the value that such a cell refers to; out NULL: it is read past the cache, and verified.
 * Requires: decode has accepted the cell. FIRN_CORRUPT as fi_run_value_file_read, and if the value
 * does not begin as the cell says. */
FIRN_MUST_CHECK int fi_run_value_cell_read(const struct fi_run_values *values, firn_slice cell,
                                           enum fi_block_cache_use use, struct fi_buf *out,
                                           firn_error *err);
/* Appends to out what an entry with `values` has after its head: the value that it refers to, or
 * its tuple with all cells in their places. out is as it was on failure. */
FIRN_MUST_CHECK int fi_run_value_cell_resolve(const struct fi_entry *entry,
                                              enum fi_block_cache_use use, struct fi_buf *out,
                                              firn_error *err);
/* Calls visit for each reference that an entry with `values` has; it ends where visit fails.
 * FIRN_CORRUPT where the entry is malformed. */
FIRN_MUST_CHECK int fi_run_value_cell_each(
    const struct fi_entry *entry,
    int (*visit)(void *ctx, const struct fi_run_value_file_reference *reference, firn_error *err),
    void *ctx, firn_error *err);

/* ==== writes a value file (run/run_value_file.h) ====
 *
 * One thread. After a failure only destroy is left.
 */

struct fi_run_value_writer;

struct fi_run_value_writer_options {
    uint64_t number; /* of the file, for references */
    enum fi_codec codec;
    struct fi_block_publisher *publisher; /* makes it durable, later; NULL: finish does */
};

/* Begins the file `name` in the dir of env. */
FIRN_MUST_CHECK int fi_run_value_writer_create(const struct fi_run_env *env, const char *name,
                                               const struct fi_run_value_writer_options *options,
                                               struct fi_run_value_writer **out, firn_error *err);
/* Adds a value, of 1 to FI_ENTRY_VALUE_SIZE_MAX bytes, and appends its reference to out. */
FIRN_MUST_CHECK int fi_run_value_writer_add(struct fi_run_value_writer *writer, firn_slice value,
                                            struct fi_buf *out, firn_error *err);
/* Bytes that values take up in the file so far. */
uint64_t fi_run_value_writer_content_bytes(const struct fi_run_value_writer *writer);
/* As struct fi_run_summary has it. */
uint64_t fi_run_value_writer_identity(const struct fi_run_value_writer *writer);
/* Durable under its name when this returns, unless that was left to a publisher. */
FIRN_MUST_CHECK int fi_run_value_writer_finish(struct fi_run_value_writer *writer,
                                               uint64_t *out_file_bytes, firn_error *err);
/* Removes the unfinished file. NULL is fine. */
void fi_run_value_writer_destroy(struct fi_run_value_writer *writer);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * alxs/alxs.h: the seed's sorted table, ALXS version 1 (docs/formats/alxs.md). firn/alxs.h
 * documents each function; most of these appear there under their public names. This header
 * documents the differences: a table is a name in a directory handle, borrowed for the call,
 * options are complete and never NULL, and the size in an info is ignored.
 *
 * The parts, lowest first: index (where the blocks of a table begin), check (one pass that checks
 * everything), block (a part of a table, read and verified), reader, cursor, verify, writer.
 */
#ifndef FIRN_ALXS_ALXS_H
#define FIRN_ALXS_ALXS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/step.h"
#include "firn/alxs.h"
#include "os/os.h"
#include "os/os_process.h"

/* A record, as a check reads it. */
struct fi_alxs_record {
    uint64_t offset;
    uint64_t size;  /* of all of it */
    firn_slice key; /* until the next step of the check */
    uint32_t value_size;
    uint32_t crc_before; /* of all records before this one */
    int order;           /* its key against the previous one; above 0 for the first record */
};

/* ---- index (alxs_index.c): where blocks begin ---- */

enum { FI_ALXS_INDEX_HEAD_SIZE = 12 };

/* A block's first record. */
struct fi_alxs_index_entry {
    uint64_t offset;
    uint32_t crc_before; /* of all records before it */
    uint32_t key_size;
    uint32_t key_crc;
    uint8_t head[FI_ALXS_INDEX_HEAD_SIZE]; /* of the key; zeros after a shorter one */
};

struct fi_alxs_index {
    struct fi_alxs_index_entry *entries;
    size_t count;
    size_t capacity;
    size_t count_max;
    uint64_t stride; /* minimum size of a block, unless a large record follows */
};

void fi_alxs_index_init(struct fi_alxs_index *index, uint64_t memory_max);
void fi_alxs_index_deinit(struct fi_alxs_index *index);
/* Adds an entry if a block begins with this record. Must be called for all records, in
 * order. */
FIRN_MUST_CHECK int fi_alxs_index_add(struct fi_alxs_index *index,
                                      const struct fi_alxs_record *record, firn_error *err);

enum fi_alxs_bound { FI_ALXS_BELOW, FI_ALXS_BELOW_OR_EQUAL };
/* How many blocks begin with a key below `key`, or at most equal to it. Reads keys from the file
 * only if their heads do not decide. */
FIRN_MUST_CHECK int fi_alxs_index_rank(const struct fi_alxs_index *index, struct fi_os_file *file,
                                       firn_slice key, enum fi_alxs_bound bound, size_t *out,
                                       firn_error *err);

/* ---- check (alxs_check.c) ---- */

/* Receives damage that does not end a check. */
struct fi_alxs_sink {
    void (*on_damage)(void *ctx, const char *text); /* may be NULL */
    void *ctx;
    uint64_t count;
    const struct fi_step *step; /* gets the bytes of records that were read; may be NULL */
};

/* Reads all of a file and checks everything that the format promises. With a sink, continues after
 * damage and returns FIRN_OK as long as it can; the sink counts. With an index,
 * fills it, and refuses values beyond options->value_size_max. */
FIRN_MUST_CHECK int fi_alxs_check(struct fi_os_file *file, const firn_alxs_options *options,
                                  struct fi_alxs_index *index, struct fi_alxs_sink *sink,
                                  firn_alxs_info *out, firn_error *err);

/* ---- reader (alxs.c): any number of threads on one handle ---- */

struct firn_alxs {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct fi_os_file *file;
    firn_alxs_info info;
    struct fi_alxs_index index;
};

FIRN_MUST_CHECK int fi_alxs_open(struct fi_os_dir *dir, const char *name,
                                 const firn_alxs_options *options, struct firn_alxs **out,
                                 firn_error *err);
void fi_alxs_close(struct firn_alxs *table);
FIRN_MUST_CHECK int fi_alxs_get(struct firn_alxs *table, firn_slice key, uint8_t **out,
                                size_t *out_size, firn_error *err);

/* ---- block (alxs_block.c): a part of a table in memory ---- */

/* A zeroed struct is empty. */
struct fi_alxs_block {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    size_t *starts; /* of its records, in bytes */
    size_t starts_capacity;
    size_t count; /* of records; 0: nothing is loaded */
    size_t number;
};

/* Reads the block of this number, unless it is loaded already. Requires: the block exists. Nothing
 * is loaded after a failure. */
FIRN_MUST_CHECK int fi_alxs_block_load(struct fi_alxs_block *block, const struct firn_alxs *table,
                                       size_t number, firn_error *err);
void fi_alxs_block_deinit(struct fi_alxs_block *block);
/* Of the i-th record, i < count; borrowed from the block. */
firn_slice fi_alxs_block_key(const struct fi_alxs_block *block, size_t i);
firn_slice fi_alxs_block_value(const struct fi_alxs_block *block, size_t i);
/* How many records have a key below `key`, or at most equal to it. */
size_t fi_alxs_block_rank(const struct fi_alxs_block *block, firn_slice key,
                          enum fi_alxs_bound bound);

/* ---- cursor (alxs.c) ---- */

FIRN_MUST_CHECK int fi_alxs_cursor_open(struct firn_alxs *table, struct firn_alxs_cursor **out,
                                        firn_error *err);
void fi_alxs_cursor_close(struct firn_alxs_cursor *cursor);
FIRN_MUST_CHECK int fi_alxs_cursor_first(struct firn_alxs_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int fi_alxs_cursor_last(struct firn_alxs_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int fi_alxs_cursor_seek(struct firn_alxs_cursor *cursor, firn_slice key,
                                        firn_error *err);
FIRN_MUST_CHECK int fi_alxs_cursor_seek_before(struct firn_alxs_cursor *cursor, firn_slice key,
                                               firn_error *err);
FIRN_MUST_CHECK int fi_alxs_cursor_next(struct firn_alxs_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int fi_alxs_cursor_prev(struct firn_alxs_cursor *cursor, firn_error *err);
bool fi_alxs_cursor_valid(const struct firn_alxs_cursor *cursor);
firn_slice fi_alxs_cursor_key(const struct firn_alxs_cursor *cursor);
firn_slice fi_alxs_cursor_value(const struct firn_alxs_cursor *cursor);

/* ---- verify (alxs.c) ---- */

/* Reads all of a table. on_damage and step may be NULL. */
FIRN_MUST_CHECK int fi_alxs_verify(struct fi_os_dir *dir, const char *name,
                                   const firn_alxs_options *options,
                                   void (*on_damage)(void *ctx, const char *text), void *ctx,
                                   const struct fi_step *step, firn_alxs_info *out,
                                   firn_error *err);

/* ---- writer (alxs_writer.c): one thread at a time ---- */

FIRN_MUST_CHECK int fi_alxs_writer_create(struct fi_os_dir *dir, const char *name,
                                          const firn_alxs_writer_options *options,
                                          struct firn_alxs_writer **out, firn_error *err);
FIRN_MUST_CHECK int fi_alxs_writer_append(struct firn_alxs_writer *writer, firn_slice key,
                                          firn_slice value, firn_error *err);
uint64_t fi_alxs_writer_count(const struct firn_alxs_writer *writer);
FIRN_MUST_CHECK int fi_alxs_writer_finish(struct firn_alxs_writer *writer, uint32_t *out_checksum,
                                          firn_error *err);
void fi_alxs_writer_destroy(struct firn_alxs_writer *writer);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/alxs.h: ALXS version 1 tables, the sorted table of alopex-core 0.5.0 (docs/formats/alxs.md).
 *
 * Caveats first.
 * - A table is one file: records of key and value in ascending order of keys (by bytes, a key
 *   before all that it begins), written once and never changed. Keys may be equal: then all of
 *   their records are kept, get answers with the last of them, and a cursor shows each.
 * - The format has one checksum, of all records. So opening reads the whole file, in bounded
 *   memory, and checks everything; the time is in proportion to the file. What is read later is
 *   read again from the file, and compared with what was there at opening: bytes that changed
 *   meanwhile are FIRN_CORRUPT, never returned.
 * - An open table takes options.index_memory_max of memory at most, 32 bytes for each 64 KiB of the
 *   file up to that; get and cursors take in addition a part of the file that they look at, and
 *   8 bytes a record in it: some 128 KiB of the file, or one record, or more where the file is so
 *   large that the index had to be thinned out.
 * - FIRN_NOT_FOUND is a key that is not there; FIRN_CORRUPT is data that cannot be believed.
 *
 * Limits: keys and values of up to 2^32 - 1 bytes each; the reader's own limits are options.
 */
#ifndef FIRN_ALXS_H
#define FIRN_ALXS_H

#include <stdbool.h>

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct firn_alxsv1_writer firn_alxs_writer;
typedef struct firn_alxsv1 firn_alxs;
typedef struct firn_alxsv1_cursor firn_alxs_cursor;

/* ---- writing: one thread at a time; some 350 KiB of memory and the last key ---- */

typedef struct firn_alxs_writer_options {
    size_t size;            /* sizeof(firn_alxs_writer_options) */
    bool replace_existing;  /* default false: FIRN_EXISTS where the name is taken */
    bool refuse_equal_keys; /* default false, as the original */
} firn_alxs_writer_options;
#define FIRN_ALXS_WRITER_OPTIONS_INIT                      \
    {                                                      \
        sizeof(firn_alxs_writer_options), (bool)0, (bool)0 \
    }

/* Begins the table `path` in an existing directory; it appears there, whole, when finish succeeds,
 * and not before. Until then it is a file .firn-alxs-<digits>.tmp beside it; what a killed process
 * left of these is removed by the next create in that directory. A symbolic link of that name is
 * not followed: it is what is taken, or replaced. options may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_writer_create(const char *path,
                                                     const firn_alxs_writer_options *options,
                                                     firn_alxs_writer **out, firn_error *err);
/* Adds a record. FIRN_INVALID if the key is smaller than the one before (or equal to it, where
 * that is refused), FIRN_LIMIT if key or value has more than 2^32 - 1 bytes, FIRN_NO_MEMORY: then
 * nothing was added and the writer goes on as before. After a failed write every call but destroy
 * answers FIRN_FAILED. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_writer_append(firn_alxs_writer *writer, firn_slice key,
                                                     firn_slice value, firn_error *err);
/* Records in the table so far. */
FIRN_API uint64_t firn_alxs_writer_count(const firn_alxs_writer *writer);
/* Puts the table in place: when this returns it is durable under its name. *out_checksum (may be
 * NULL) is that of its footer. A table without records is fine. After a failure the name is as it
 * was before, except where only the last step failed, the sync of the directory: then the table
 * may be there, whole. The writer can only be destroyed afterwards. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_writer_finish(firn_alxs_writer *writer,
                                                     uint32_t *out_checksum, firn_error *err);
/* Drops what was not finished. NULL is fine. */
FIRN_API void firn_alxs_writer_destroy(firn_alxs_writer *writer);

/* ---- reading: any number of threads on one handle ---- */

typedef struct firn_alxs_options {
    size_t size;               /* sizeof(firn_alxs_options) */
    uint64_t key_size_max;     /* FIRN_LIMIT on opening a table with a larger one; 16 MiB */
    uint64_t value_size_max;   /* the same for values; 256 MiB */
    uint64_t index_memory_max; /* at least 1 KiB is taken; 16 MiB */
} firn_alxs_options;
#define FIRN_ALXS_OPTIONS_INIT                                                                 \
    {                                                                                          \
        sizeof(firn_alxs_options), (uint64_t)16 << 20, (uint64_t)256 << 20, (uint64_t)16 << 20 \
    }

/* Opens and checks all of a table; links are followed. FIRN_CORRUPT names file and offset;
 * FIRN_NEWER the version found. options may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_open(const char *path, const firn_alxs_options *options,
                                            firn_alxs **out, firn_error *err);
/* After its cursors. NULL is fine. */
FIRN_API void firn_alxs_close(firn_alxs *table);

/* What a reading of the whole table has shown. */
typedef struct firn_alxs_info {
    size_t size;             /* sizeof(firn_alxs_info), set by the caller */
    uint64_t file_size;      /* in bytes */
    uint64_t count;          /* of records */
    uint64_t equal_count;    /* of these, with the same key as the one before */
    uint64_t key_size_max;   /* of the largest key */
    uint64_t value_size_max; /* of the largest value */
    uint32_t checksum;       /* that of the footer */
} firn_alxs_info;
FIRN_API FIRN_MUST_CHECK int firn_alxs_describe(const firn_alxs *table, firn_alxs_info *info,
                                                firn_error *err);
/* Two of these. */
FIRN_API uint64_t firn_alxs_count(const firn_alxs *table);
FIRN_API uint32_t firn_alxs_checksum(const firn_alxs *table);

/* A copy of a key's value (of its last record), to be released with firn_release; FIRN_NOT_FOUND
 * if there is none. An empty value gives a non-NULL pointer and size 0. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_get(firn_alxs *table, firn_slice key, uint8_t **out,
                                           size_t *out_size, firn_error *err);

/* Reads and verifies everything and goes on behind what is damaged, as far as that can be done.
 * on_damage (may be NULL) is told each damaged part; FIRN_CORRUPT if there was any. Of options only
 * key_size_max counts. info (may be NULL) says what was found, also on FIRN_CORRUPT. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_verify(const char *path, const firn_alxs_options *options,
                                              void (*on_damage)(void *ctx, const char *text),
                                              void *ctx, firn_alxs_info *info, firn_error *err);

/* ---- cursors: one thread at a time ----
 * A cursor walks the records in order. It starts nowhere: call first, last or seek. Keys and values
 * are borrowed until the cursor moves or closes. After a failure it is not valid, and can be moved
 * again by first, last or seek. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_cursor_open(firn_alxs *table, firn_alxs_cursor **out,
                                                   firn_error *err);
/* NULL is fine. */
FIRN_API void firn_alxs_cursor_close(firn_alxs_cursor *cursor);
/* Each returns FIRN_OK also where there is no such record: ask firn_alxs_cursor_valid. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_cursor_first(firn_alxs_cursor *cursor, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_alxs_cursor_last(firn_alxs_cursor *cursor, firn_error *err);
/* To the first record with a key ≥ key, or (seek_before) the last with a key < key. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_cursor_seek(firn_alxs_cursor *cursor, firn_slice key,
                                                   firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_alxs_cursor_seek_before(firn_alxs_cursor *cursor, firn_slice key,
                                                          firn_error *err);
/* Past either end the cursor becomes invalid. FIRN_MISUSE on a cursor that is not valid. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_cursor_next(firn_alxs_cursor *cursor, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_alxs_cursor_prev(firn_alxs_cursor *cursor, firn_error *err);
FIRN_API bool firn_alxs_cursor_valid(const firn_alxs_cursor *cursor);
/* Only while valid; an empty slice otherwise. */
FIRN_API firn_slice firn_alxs_cursor_key(const firn_alxs_cursor *cursor);
FIRN_API firn_slice firn_alxs_cursor_value(const firn_alxs_cursor *cursor);

#ifdef __cplusplus
}
#endif
#endif

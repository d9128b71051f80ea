/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/alxs.h: ALXS version 1 tables, the sorted table of alopex-core 0.5.0 (docs/formats/alxs.md).
 *
 * Caveats first.
 * - A table is one file, written once and never changed. It contains records of key and value in
 *   ascending key order (by bytes; a key precedes every longer key that begins with it). If keys
 *   are equal all of their records are kept: firn_alxs_get returns the last one, and a cursor
 *   visits each.
 * - The format has a single checksum, of all records. Opening therefore reads and verifies the
 *   whole file, in bounded memory and in time proportional to its size. Later reads go to the file
 *   again and are compared with its state when it was opened: if bytes have changed since,
 *   FIRN_CORRUPT is returned and the bytes are not.
 * - An open table uses 32 bytes of memory for each 64 KiB of the file, but at most
 *   options.index_memory_max. Each get and each cursor also uses memory for the part of the file
 *   that it reads, and 8 bytes for each record in that part: about 128 KiB of the file, or one
 *   record, or more if the file is so large that the index had to be thinned out.
 * - FIRN_NOT_FOUND means that a key does not exist, FIRN_CORRUPT that data is damaged.
 *
 * Limits: keys and values have up to 2^32 - 1 bytes each; a reader's limits are options.
 */
#ifndef FIRN_ALXS_H
#define FIRN_ALXS_H

#include <stdbool.h>

#include "notice.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct firn_alxs_writer firn_alxs_writer;
typedef struct firn_alxs firn_alxs;
typedef struct firn_alxs_cursor firn_alxs_cursor;

/* ---- writing: one thread at a time; uses about 350 KiB of memory, plus the last key ---- */

typedef struct firn_alxs_writer_options {
    size_t size;            /* sizeof(firn_alxs_writer_options) */
    bool replace_existing;  /* default false: FIRN_EXISTS if the file exists */
    bool refuse_equal_keys; /* default false, as in alopex-core */
} firn_alxs_writer_options;
#define FIRN_ALXS_WRITER_OPTIONS_INIT                      \
    {                                                      \
        sizeof(firn_alxs_writer_options), (bool)0, (bool)0 \
    }

/* Starts a table in an existing directory. The file `path` appears, complete, only when
 * firn_alxs_writer_finish succeeds. Until then it is a file .firn-alxs-<digits>.tmp beside it;
 * firn_alxs_writer_create removes such files left by killed processes in that directory. If `path`
 * is a symbolic link it is not followed: the link itself counts as the existing file, or is
 * replaced. options may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_writer_create(const char *path,
                                                     const firn_alxs_writer_options *options,
                                                     firn_alxs_writer **out, firn_error *err);
/* Adds a record. Returns FIRN_INVALID if the key is smaller than the previous one (or equal to it,
 * if equal keys are refused), FIRN_LIMIT if key or value has more than 2^32 - 1 bytes, or
 * FIRN_NO_MEMORY. In these cases nothing was added and the writer can still be used. After a failed
 * write all further calls except destroy return FIRN_FAILED. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_writer_append(firn_alxs_writer *writer, firn_slice key,
                                                     firn_slice value, firn_error *err);
/* The number of records in the table so far. */
FIRN_API uint64_t firn_alxs_writer_count(const firn_alxs_writer *writer);
/* Puts the table in place; it is durable under its name when this returns. *out_checksum (may be
 * NULL) becomes the checksum in its footer. A table may be empty. After a failure the file `path`
 * is as it was before, with one exception: if only the last step failed, the sync of the directory,
 * the complete table may be there. Afterwards the writer can only be destroyed. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_writer_finish(firn_alxs_writer *writer,
                                                     uint32_t *out_checksum, firn_error *err);
/* Frees the writer, and discards a table that was not finished. NULL is allowed. */
FIRN_API void firn_alxs_writer_destroy(firn_alxs_writer *writer);

/* ---- reading: any number of threads on one handle ---- */

typedef struct firn_alxs_options {
    size_t size;               /* sizeof(firn_alxs_options) */
    uint64_t key_size_max;     /* FIRN_LIMIT when opening a table with a larger key; 16 MiB */
    uint64_t value_size_max;   /* likewise for values; 256 MiB */
    uint64_t index_memory_max; /* at least 1 KiB is used; 16 MiB */
} firn_alxs_options;
#define FIRN_ALXS_OPTIONS_INIT                                                                 \
    {                                                                                          \
        sizeof(firn_alxs_options), (uint64_t)16 << 20, (uint64_t)256 << 20, (uint64_t)16 << 20 \
    }

/* Opens a table and verifies all of it. Symbolic links are followed. The text of FIRN_CORRUPT names
 * file and offset, that of FIRN_NEWER the version found. options may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_open(const char *path, const firn_alxs_options *options,
                                            firn_alxs **out, firn_error *err);
/* Closes a table. Requires: the table's cursors are closed. NULL is allowed. */
FIRN_API void firn_alxs_close(firn_alxs *table);

/* Facts about a table, from reading all of it. */
typedef struct firn_alxs_info {
    size_t size;             /* sizeof(firn_alxs_info), set by the caller */
    uint64_t file_size;      /* in bytes */
    uint64_t count;          /* of records */
    uint64_t equal_count;    /* of these, with the same key as the one before */
    uint64_t key_size_max;   /* of the largest key */
    uint64_t value_size_max; /* of the largest value */
    uint32_t checksum;       /* that of the footer */
} firn_alxs_info;
#define FIRN_ALXS_INFO_INIT                      \
    {                                            \
        sizeof(firn_alxs_info), 0, 0, 0, 0, 0, 0 \
    }
FIRN_API FIRN_MUST_CHECK int firn_alxs_describe(const firn_alxs *table, firn_alxs_info *info,
                                                firn_error *err);
/* The count and the checksum of firn_alxs_info. */
FIRN_API uint64_t firn_alxs_count(const firn_alxs *table);
FIRN_API uint32_t firn_alxs_checksum(const firn_alxs *table);

/* Copies the value of a key (of its last record). The caller frees *out with firn_release. Returns
 * FIRN_NOT_FOUND if the key does not exist. An empty value gives a non-NULL pointer and size 0. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_get(firn_alxs *table, firn_slice key, uint8_t **out,
                                           size_t *out_size, firn_error *err);

typedef struct firn_alxs_verify_options {
    size_t size;           /* sizeof(firn_alxs_verify_options) */
    uint64_t key_size_max; /* FIRN_LIMIT for a table with a larger key; 16 MiB */
    /* Each damaged part is reported as a notice (FIRN_NOTICE_DAMAGED). Progress counts the bytes of
     * records that were read. */
    firn_callbacks callbacks;
} firn_alxs_verify_options;
#define FIRN_ALXS_VERIFY_OPTIONS_INIT                                             \
    {                                                                             \
        sizeof(firn_alxs_verify_options), (uint64_t)16 << 20, FIRN_CALLBACKS_INIT \
    }
/* Reads and verifies a whole table, continuing after damage as far as possible. FIRN_CORRUPT if
 * anything is damaged. info (may be NULL) describes what was found, even on FIRN_CORRUPT. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_verify(const char *path,
                                              const firn_alxs_verify_options *options,
                                              firn_alxs_info *info, firn_error *err);

/* ---- cursors: one thread at a time ---- */

/* Opens a cursor, which visits the records in order. It has no position at first: call first, last or seek. Keys
 * and values are borrowed until the cursor moves or is closed. After a failure the cursor is not
 * valid; first, last or seek makes it usable again. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_cursor_open(firn_alxs *table, firn_alxs_cursor **out,
                                                   firn_error *err);
/* Closes a cursor. NULL is allowed. */
FIRN_API void firn_alxs_cursor_close(firn_alxs_cursor *cursor);
/* Move to the first and to the last record. Each returns FIRN_OK even if there is no such record:
 * call firn_alxs_cursor_valid. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_cursor_first(firn_alxs_cursor *cursor, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_alxs_cursor_last(firn_alxs_cursor *cursor, firn_error *err);
/* Moves to the first record with a key >= key, or (seek_before) to the last with a key < key. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_cursor_seek(firn_alxs_cursor *cursor, firn_slice key,
                                                   firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_alxs_cursor_seek_before(firn_alxs_cursor *cursor, firn_slice key,
                                                          firn_error *err);
/* Move to the next and to the previous record, and tell whether there is one. Moving past either
 * end makes the cursor invalid. Returns FIRN_MISUSE if the cursor is not valid. */
FIRN_API FIRN_MUST_CHECK int firn_alxs_cursor_next(firn_alxs_cursor *cursor, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_alxs_cursor_prev(firn_alxs_cursor *cursor, firn_error *err);
FIRN_API bool firn_alxs_cursor_valid(const firn_alxs_cursor *cursor);
/* The key and the value of the present record; returns an empty slice if the cursor is not valid. */
FIRN_API firn_slice firn_alxs_cursor_key(const firn_alxs_cursor *cursor);
FIRN_API firn_slice firn_alxs_cursor_value(const firn_alxs_cursor *cursor);

#ifdef __cplusplus
}
#endif
#endif

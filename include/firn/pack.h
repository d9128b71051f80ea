/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/pack.h: a pack is one sealed file of immutable objects, each named by the BLAKE3-256 of its
 * bytes.
 *
 * Objects are compressed together ("solid"): neighbours share zstd frames, so add what is alike one
 * after the other. An object is stored once, however often it is added. Objects beyond 8 MiB are
 * cut into pieces inside the pack; that is no part of their name. Every byte is verified when it is
 * read.
 */
#ifndef FIRN_PACK_H
#define FIRN_PACK_H

#include <stdbool.h>

#include "notice.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct firn_packfile_writer firn_pack_writer;
typedef struct firn_packfile firn_pack;

/* ---- writing ---- */

/* Begins the pack file `path`; it appears there when finish succeeds, and not before. */
FIRN_API FIRN_MUST_CHECK int firn_pack_writer_create(const char *path, firn_pack_writer **out,
                                                     firn_error *err);
/* Adds an object; *out_hash (may be NULL) is its name, *out_is_new (may be NULL) whether the
 * pack did not have it. Several threads may add at once. */
FIRN_API FIRN_MUST_CHECK int firn_pack_writer_add(firn_pack_writer *writer, firn_slice content,
                                                  firn_hash *out_hash, bool *out_is_new,
                                                  firn_error *err);
/* Adds what is read from a file descriptor, from its current offset to its end, in bounded
 * memory. */
FIRN_API FIRN_MUST_CHECK int firn_pack_writer_add_fd(firn_pack_writer *writer, int fd,
                                                     firn_hash *out_hash, bool *out_is_new,
                                                     firn_error *err);
/* Seals the file: durable under its name when this returns. FIRN_EXISTS if the name is taken;
 * FIRN_INVALID for a pack without objects. The writer can only be destroyed afterwards. */
FIRN_API FIRN_MUST_CHECK int firn_pack_writer_finish(firn_pack_writer *writer, firn_error *err);
/* Drops what was not finished. NULL is fine. */
FIRN_API void firn_pack_writer_destroy(firn_pack_writer *writer);

/* ---- reading: any number of threads on one handle ---- */

FIRN_API FIRN_MUST_CHECK int firn_pack_open(const char *path, firn_pack **out, firn_error *err);
FIRN_API void firn_pack_close(firn_pack *pack);
FIRN_API uint64_t firn_pack_count(const firn_pack *pack);
FIRN_API FIRN_MUST_CHECK int firn_pack_contains(firn_pack *pack, const firn_hash *hash, bool *out,
                                                firn_error *err);
/* The size of an object's bytes. FIRN_NOT_FOUND if the pack has no such object. */
FIRN_API FIRN_MUST_CHECK int firn_pack_size_of(firn_pack *pack, const firn_hash *hash,
                                               uint64_t *out, firn_error *err);
/* The whole object, verified, to be released with firn_release; FIRN_LIMIT if it is larger than
 * size_max. */
FIRN_API FIRN_MUST_CHECK int firn_pack_read(firn_pack *pack, const firn_hash *hash, size_t size_max,
                                            uint8_t **out, size_t *out_size, firn_error *err);
/* The object in order, piece by piece, in bounded memory. Each piece is verified before sink
 * sees it, the whole after the last: on FIRN_CORRUPT throw away what sink got. */
FIRN_API FIRN_MUST_CHECK int firn_pack_stream(firn_pack *pack, const firn_hash *hash,
                                              int (*sink)(void *ctx, firn_slice data), void *ctx,
                                              firn_error *err);
/* Every object, in the order of hashes. Another return of visit than FIRN_OK ends the walk and
 * is returned. */
FIRN_API FIRN_MUST_CHECK int
firn_pack_list(firn_pack *pack, int (*visit)(void *ctx, const firn_hash *hash, uint64_t size),
               void *ctx, firn_error *err);
typedef struct firn_pack_verify_options {
    size_t size; /* sizeof(firn_pack_verify_options) */
    /* Each damaged part is a notice (FIRN_NOTICE_DAMAGED) whose text names file and offset. Progress
     * counts verified bytes of the file. */
    firn_callbacks callbacks;
} firn_pack_verify_options;
#define FIRN_PACK_VERIFY_OPTIONS_INIT                         \
    {                                                         \
        sizeof(firn_pack_verify_options), FIRN_CALLBACKS_INIT \
    }
/* Reads and verifies everything. FIRN_CORRUPT if anything is damaged. options may be NULL. */
FIRN_API FIRN_MUST_CHECK int
firn_pack_verify(firn_pack *pack, const firn_pack_verify_options *options, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif

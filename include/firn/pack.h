/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/pack.h: packs. A pack is one sealed file of immutable objects, each named by the BLAKE3-256
 * hash of its bytes.
 *
 * Objects are compressed together: neighbours share zstd frames, so add similar objects one after
 * the other. An object is stored once, however often it is added. Objects larger than 8 MiB are
 * split into pieces inside the pack; this does not affect their names. Every byte is verified when
 * it is read.
 */
#ifndef FIRN_PACK_H
#define FIRN_PACK_H

#include <stdbool.h>

#include "notice.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct firn_pack_writer firn_pack_writer;
typedef struct firn_pack firn_pack;

/* ---- writing ---- */

/* Starts a pack. The file `path` appears only when firn_pack_writer_finish succeeds. */
FIRN_API FIRN_MUST_CHECK int firn_pack_writer_create(const char *path, firn_pack_writer **out,
                                                     firn_error *err);
/* Adds an object. *out_hash (may be NULL) becomes its name; *out_is_new (may be NULL) becomes true if
 * it was not in the pack before. Several threads may call this at once. */
FIRN_API FIRN_MUST_CHECK int firn_pack_writer_add(firn_pack_writer *writer, firn_slice content,
                                                  firn_hash *out_hash, bool *out_is_new,
                                                  firn_error *err);
/* Adds an object read from a file descriptor, from its current offset to the end, in bounded
 * memory. */
FIRN_API FIRN_MUST_CHECK int firn_pack_writer_add_fd(firn_pack_writer *writer, int fd,
                                                     firn_hash *out_hash, bool *out_is_new,
                                                     firn_error *err);
/* Seals the file, which is durable under its name when this returns. Returns FIRN_EXISTS if a file
 * of that name exists, FIRN_INVALID if the pack has no objects. Afterwards the writer can only be
 * destroyed. */
FIRN_API FIRN_MUST_CHECK int firn_pack_writer_finish(firn_pack_writer *writer, firn_error *err);
/* Frees the writer, and discards a pack that was not finished. NULL is allowed. */
FIRN_API void firn_pack_writer_destroy(firn_pack_writer *writer);

/* ---- reading: any number of threads on one handle ---- */

/* Opens a pack for reading. */
FIRN_API FIRN_MUST_CHECK int firn_pack_open(const char *path, firn_pack **out, firn_error *err);
FIRN_API void firn_pack_close(firn_pack *pack);
FIRN_API uint64_t firn_pack_count(const firn_pack *pack);
FIRN_API FIRN_MUST_CHECK int firn_pack_contains(firn_pack *pack, const firn_hash *hash, bool *out,
                                                firn_error *err);
/* The uncompressed size of an object. Returns FIRN_NOT_FOUND if the pack does not contain it. */
FIRN_API FIRN_MUST_CHECK int firn_pack_size_of(firn_pack *pack, const firn_hash *hash,
                                               uint64_t *out, firn_error *err);
/* Reads a whole object and verifies it. The caller frees *out with firn_release. Returns FIRN_LIMIT
 * if the object is larger than size_max. */
FIRN_API FIRN_MUST_CHECK int firn_pack_read(firn_pack *pack, const firn_hash *hash, size_t size_max,
                                            uint8_t **out, size_t *out_size, firn_error *err);
/* Reads an object piece by piece, in bounded memory. Each piece is verified before it is passed to
 * write, and the whole object after the last piece: on FIRN_CORRUPT, discard everything that was
 * written. */
FIRN_API FIRN_MUST_CHECK int firn_pack_stream(firn_pack *pack, const firn_hash *hash,
                                              firn_write_bytes write, void *ctx, firn_error *err);
/* Calls visit for every object, in the order of hashes. */
FIRN_API FIRN_MUST_CHECK int
firn_pack_list(firn_pack *pack, int (*visit)(void *ctx, const firn_hash *hash, uint64_t size),
               void *ctx, firn_error *err);
typedef struct firn_pack_verify_options {
    size_t size; /* sizeof(firn_pack_verify_options) */
    /* Each damaged part is reported as a notice (FIRN_NOTICE_DAMAGED) whose text names file and
     * offset. Progress counts verified bytes of the file. */
    firn_callbacks callbacks;
} firn_pack_verify_options;
#define FIRN_PACK_VERIFY_OPTIONS_INIT                         \
    {                                                         \
        sizeof(firn_pack_verify_options), FIRN_CALLBACKS_INIT \
    }
/* Reads and verifies the whole pack. Returns FIRN_CORRUPT if anything is damaged. options may be
 * NULL. */
FIRN_API FIRN_MUST_CHECK int
firn_pack_verify(firn_pack *pack, const firn_pack_verify_options *options, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif

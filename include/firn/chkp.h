/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/chkp.h: CHKP version 1 packs, the pack store of chkpt-core 0.2.0 (docs/formats/chkp.md).
 *
 * Caveats first.
 * - A pack is two files in one folder: pack-<name>.dat holds the objects, pack-<name>.idx says
 *   where they are. The name is 16 lower-case hex digits and follows from the contents. A missing
 *   .idx is rebuilt in memory at open; that takes 48 bytes an object. Nothing that reads ever
 *   writes, so read-only folders work.
 * - An object is named by the BLAKE3-256 of its bytes (firn_hash_from_hex reads the 64 hex digits,
 *   of any case). Objects are decoded as a stream in bounded memory and compared with their names,
 *   always.
 * - Of the .idx only what is found is believed at once. Before the first "not found", and before a
 *   listing, it is compared with the whole .dat, once for each handle: so a damaged .idx cannot
 *   hide an object. That takes time in proportion to the number of objects (without an .idx: to the
 *   size of the .dat, whose name is checked instead).
 * - FIRN_NOT_FOUND is an object (or pack) that is not there; FIRN_CORRUPT is one whose data cannot
 *   be believed.
 */
#ifndef FIRN_CHKP_H
#define FIRN_CHKP_H

#include <stdbool.h>

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct firn_chkpv1_writer firn_chkp_writer;
typedef struct firn_chkpv1 firn_chkp;
typedef struct firn_chkpv1_set firn_chkp_set;

/* A pack's name: 16 lower-case hex digits and a NUL. */
enum { FIRN_CHKP_NAME_SIZE = 17 };

/* Where an object lies in its pack. */
typedef struct firn_chkp_entry {
    firn_hash hash;
    uint64_t offset; /* of the entry in the .dat: of its hash; its frame begins 40 bytes later */
    uint64_t stored_size; /* of its zstd frame */
} firn_chkp_entry;

/* ---- writing ----
 * A writer is for one thread at a time. It keeps about 100 bytes of memory for each object, and
 * 2 MiB. */

/* Begins a pack in an existing folder. Until finish it is a file .firn-chkp-<digits>.tmp; what a
 * killed process left of these is removed by the next create. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_writer_create(const char *folder, firn_chkp_writer **out,
                                                     firn_error *err);
/* Adds an object. *out_hash (may be NULL) is its name, *out_is_new (may be NULL) whether the
 * pack did not have it; an object is stored once, however often it is added. FIRN_LIMIT beyond
 * 2^32 - 2 objects. After a failed write or sync every call but destroy answers FIRN_FAILED;
 * after any other failure the pack is as it was before the call. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_writer_add(firn_chkp_writer *writer, firn_slice content,
                                                  firn_hash *out_hash, bool *out_is_new,
                                                  firn_error *err);
/* Adds what source gives, in bounded memory: it is asked to put up to size bytes at data and to
 * say how many in *out_size; 0 is the end. Another return than FIRN_OK drops the object and is
 * returned. */
FIRN_API FIRN_MUST_CHECK int
firn_chkp_writer_add_stream(firn_chkp_writer *writer,
                            int (*source)(void *ctx, uint8_t *data, size_t size, size_t *out_size),
                            void *ctx, firn_hash *out_hash, bool *out_is_new, firn_error *err);
/* Adds what is read from a file descriptor, from its current offset to its end. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_writer_add_fd(firn_chkp_writer *writer, int fd,
                                                     firn_hash *out_hash, bool *out_is_new,
                                                     firn_error *err);
/* Adds an object that is compressed already, as one zstd frame, which is stored as it is. The
 * frame is decoded and compared with hash first: FIRN_CORRUPT if it does not hold that object. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_writer_add_frame(firn_chkp_writer *writer,
                                                        const firn_hash *hash, firn_slice frame,
                                                        bool *out_is_new, firn_error *err);
/* As above without looking into the frame, for a caller who has just made it. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_writer_add_trusted_frame(firn_chkp_writer *writer,
                                                                const firn_hash *hash,
                                                                firn_slice frame, bool *out_is_new,
                                                                firn_error *err);
/* Objects in the pack so far. */
FIRN_API uint64_t firn_chkp_writer_count(const firn_chkp_writer *writer);
/* Puts the pack in place: when this returns, both files are durable under the name in
 * out_name[FIRN_CHKP_NAME_SIZE]. A pack of this name that is there already is left alone if it
 * has the same bytes; FIRN_CORRUPT if it has others. FIRN_INVALID for a pack without objects.
 * After a failure the folder may hold the .dat alone, whole: a pack without .idx. The writer can
 * only be destroyed afterwards. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_writer_finish(firn_chkp_writer *writer, char *out_name,
                                                     firn_error *err);
/* Drops what was not finished. NULL is fine. */
FIRN_API void firn_chkp_writer_destroy(firn_chkp_writer *writer);

/* ---- reading: any number of threads on one handle ---- */

typedef struct firn_chkp_options {
    size_t size;               /* sizeof(firn_chkp_options) */
    uint64_t object_size_max;  /* no object is decoded beyond this: FIRN_LIMIT; default 1 TiB */
    uint64_t index_memory_max; /* for an index in memory: FIRN_LIMIT beyond it; default 1 GiB */
    bool ignore_index;         /* as if there were no .idx: the way around a damaged one */
} firn_chkp_options;
#define FIRN_CHKP_OPTIONS_INIT                                                      \
    {                                                                               \
        sizeof(firn_chkp_options), (uint64_t)1024 << 30, (uint64_t)1 << 30, (bool)0 \
    }

/* Opens the pack `name` of a folder. Checks the header, and the sizes of both files. options may
 * be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_open(const char *folder, const char *name,
                                            const firn_chkp_options *options, firn_chkp **out,
                                            firn_error *err);
/* NULL is fine. */
FIRN_API void firn_chkp_close(firn_chkp *pack);
/* Borrowed from the handle. */
FIRN_API const char *firn_chkp_name(const firn_chkp *pack);
FIRN_API uint64_t firn_chkp_count(const firn_chkp *pack);
/* False in *out for an object that is not there; FIRN_CORRUPT as for locate. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_contains(firn_chkp *pack, const firn_hash *hash, bool *out,
                                                firn_error *err);
/* FIRN_NOT_FOUND if the pack has no such object; FIRN_CORRUPT if the .idx points outside the
 * .dat, or at something else. The frame itself is not read. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_locate(firn_chkp *pack, const firn_hash *hash,
                                              firn_chkp_entry *out, firn_error *err);
/* The whole object, verified, to be released with firn_release; FIRN_LIMIT if it is larger than
 * size_max. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_read(firn_chkp *pack, const firn_hash *hash, size_t size_max,
                                            uint8_t **out, size_t *out_size, firn_error *err);
/* The object in order, piece by piece, in bounded memory. Only the end tells whether the bytes
 * were right: unless FIRN_OK is returned, throw away what sink got. Another return of sink than
 * FIRN_OK ends the reading and is returned. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_stream(firn_chkp *pack, const firn_hash *hash,
                                              int (*sink)(void *ctx, firn_slice data), void *ctx,
                                              firn_error *err);
/* Every entry, in the order of hashes. Packs of other programs may hold an object twice; it is
 * then listed twice. Another return of visit than FIRN_OK ends the walk and is returned. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_list(firn_chkp *pack,
                                            int (*visit)(void *ctx, const firn_chkp_entry *entry),
                                            void *ctx, firn_error *err);
/* Reads and verifies everything: structure, each object, index, name. on_damage (may be NULL) is
 * told each damaged part; FIRN_CORRUPT if there was any, FIRN_LIMIT if all that is wrong is an
 * object beyond object_size_max. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_verify(firn_chkp *pack,
                                              void (*on_damage)(void *ctx, const char *text),
                                              void *ctx, firn_error *err);

/* ---- folders ---- */

/* The names of the packs in a folder, in ascending order. Files pack-<anything else>.dat are not
 * packs and not listed. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_list_packs(const char *folder,
                                                  int (*visit)(void *ctx, const char *name),
                                                  void *ctx, firn_error *err);
/* Writes the .idx of a pack anew from its .dat; durable when this returns. An .idx that is there
 * is replaced. FIRN_CORRUPT if the .dat does not have its name: a damaged one gets no index that
 * agrees with the damage. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_rebuild_index(const char *folder, const char *name,
                                                     const firn_chkp_options *options,
                                                     firn_error *err);

/* ---- sets: several packs of one folder, asked in turn; the first that has the object answers ----
 * One thread at a time. At most FIRN_CHKP_SET_OPEN_MAX packs are kept open; the others are opened
 * when they are asked.
 *
 * A pack that cannot be read does not take the others along: what they have can be had. But "not
 * found" is then more than can be said: where a pack that might have had the object could not be
 * asked, the answer is that pack's error. */

enum { FIRN_CHKP_SET_OPEN_MAX = 128 };

/* names: name_count packs in the order to be asked, FIRN_NOT_FOUND if one is not there; NULL
 * means all of the folder in ascending order. on_damage (may be NULL) is told of each pack that
 * cannot be opened, and of each file named like a pack that cannot be one. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_set_open(const char *folder, const char *const *names,
                                                size_t name_count, const firn_chkp_options *options,
                                                void (*on_damage)(void *ctx, const char *text),
                                                void *ctx, firn_chkp_set **out, firn_error *err);
/* NULL is fine. */
FIRN_API void firn_chkp_set_close(firn_chkp_set *set);
/* Packs in the set that could be opened. */
FIRN_API size_t firn_chkp_set_count(const firn_chkp_set *set);
/* Entries in these packs, together. */
FIRN_API uint64_t firn_chkp_set_object_count(const firn_chkp_set *set);
/* The name of the i-th of them; borrowed from the set. NULL beyond the last. */
FIRN_API const char *firn_chkp_set_name(const firn_chkp_set *set, size_t i);
/* These answer as the functions of one pack do. out_name (may be NULL): the pack's name,
 * borrowed from the set. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_set_contains(firn_chkp_set *set, const firn_hash *hash,
                                                    bool *out, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_chkp_set_locate(firn_chkp_set *set, const firn_hash *hash,
                                                  firn_chkp_entry *out, const char **out_name,
                                                  firn_error *err);
/* Where a pack's copy is damaged and a later pack has the object too, the later one is read;
 * with stream, only while sink has not got anything. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_set_read(firn_chkp_set *set, const firn_hash *hash,
                                                size_t size_max, uint8_t **out, size_t *out_size,
                                                firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_chkp_set_stream(firn_chkp_set *set, const firn_hash *hash,
                                                  int (*sink)(void *ctx, firn_slice data),
                                                  void *ctx, firn_error *err);
/* Every entry of every pack, pack after pack. A pack that cannot be read is passed over and its
 * error returned last. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_set_list(firn_chkp_set *set,
                                                int (*visit)(void *ctx, const char *name,
                                                             const firn_chkp_entry *entry),
                                                void *ctx, firn_error *err);
/* Verifies every pack, and reports what could not be opened too. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_set_verify(firn_chkp_set *set,
                                                  void (*on_damage)(void *ctx, const char *text),
                                                  void *ctx, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif

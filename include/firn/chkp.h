/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/chkp.h: CHKP version 1 packs, the pack store of chkpt-core 0.2.0 (docs/formats/chkp.md).
 *
 * Caveats first.
 * - A pack is two files in one folder: pack-<name>.dat contains the objects, pack-<name>.idx says
 *   where they are. The name is 16 lower-case hex digits derived from the contents. If the .idx is
 *   missing it is rebuilt in memory when the pack is opened, which takes 48 bytes for each object.
 *   Reading never writes, so folders may be read-only.
 * - An object is named by the BLAKE3-256 hash of its bytes (firn_hash_from_hex reads 64 hex digits
 *   of either case). Objects are decoded as a stream in bounded memory and always compared with
 *   their names.
 * - An object found through the .idx is verified, so a damaged .idx cannot give a wrong object. To
 *   ensure that it cannot hide one either, the .idx is compared with the whole .dat before the
 *   first "not found" and before a listing, once for each handle. This takes time in proportion to
 *   the number of objects (without an .idx: to the size of the .dat, which is compared with its
 *   name instead).
 * - FIRN_NOT_FOUND means that an object or pack does not exist, FIRN_CORRUPT that its data is
 *   damaged.
 */
#ifndef FIRN_CHKP_H
#define FIRN_CHKP_H

#include <stdbool.h>

#include "notice.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct firn_chkp_writer firn_chkp_writer;
typedef struct firn_chkp firn_chkp;
typedef struct firn_chkp_set firn_chkp_set;

/* A pack's name: 16 lower-case hex digits and a NUL. */
enum { FIRN_CHKP_NAME_SIZE = 17 };

/* The place of an object in its pack. */
typedef struct firn_chkp_entry {
    size_t size; /* sizeof(firn_chkp_entry); in entries that are visited, of the library */
    firn_hash hash;
    uint64_t offset; /* of the entry in the .dat: of its hash; its frame begins 40 bytes later */
    uint64_t stored_size; /* of its zstd frame */
} firn_chkp_entry;
#define FIRN_CHKP_ENTRY_INIT                 \
    {                                        \
        sizeof(firn_chkp_entry), {{0}}, 0, 0 \
    }

/* ---- writing ----
 * A writer is for one thread at a time. It keeps about 100 bytes of memory for each object, and
 * 2 MiB. */

/* Starts a pack in an existing folder. Until it is finished it is a file .firn-chkp-<digits>.tmp;
 * firn_chkp_writer_create removes such files left by killed processes. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_writer_create(const char *folder, firn_chkp_writer **out,
                                                     firn_error *err);
/* Adds an object. *out_hash (may be NULL) becomes its name; *out_is_new (may be NULL) becomes true if
 * it was not in the pack before. An object is stored once, however often it is added. Returns
 * FIRN_LIMIT beyond 2^32 - 2 objects. After a failed write or sync all further calls except destroy
 * return FIRN_FAILED; after any other failure the pack is as it was before the call. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_writer_add(firn_chkp_writer *writer, firn_slice content,
                                                  firn_hash *out_hash, bool *out_is_new,
                                                  firn_error *err);
/* Adds an object that `read` supplies, in bounded memory. If `read` fails, the object is discarded. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_writer_add_stream(firn_chkp_writer *writer,
                                                         firn_read_bytes read, void *ctx,
                                                         firn_hash *out_hash, bool *out_is_new,
                                                         firn_error *err);
/* Adds an object read from a file descriptor, from its current offset to the end. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_writer_add_fd(firn_chkp_writer *writer, int fd,
                                                     firn_hash *out_hash, bool *out_is_new,
                                                     firn_error *err);
/* Adds an object that is already compressed, as one zstd frame, which is stored unchanged. The
 * frame is decoded and compared with hash first: FIRN_CORRUPT if they do not match. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_writer_add_frame(firn_chkp_writer *writer,
                                                        const firn_hash *hash, firn_slice frame,
                                                        bool *out_is_new, firn_error *err);
/* Adds a compressed frame without checking it; otherwise like firn_chkp_writer_add_frame. For
 * callers that have just compressed it themselves. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_writer_add_trusted_frame(firn_chkp_writer *writer,
                                                                const firn_hash *hash,
                                                                firn_slice frame, bool *out_is_new,
                                                                firn_error *err);
/* The number of objects in the pack so far. */
FIRN_API uint64_t firn_chkp_writer_count(const firn_chkp_writer *writer);
/* Puts the pack in place. When this returns, both files are durable under the name in
 * out_name[FIRN_CHKP_NAME_SIZE]. An existing pack of this name is left alone if it has the same
 * bytes; otherwise FIRN_CORRUPT is returned. Returns FIRN_INVALID if the pack has no objects. After
 * a failure the folder may contain the complete .dat without an .idx. Afterwards the writer can
 * only be destroyed. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_writer_finish(firn_chkp_writer *writer, char *out_name,
                                                     firn_error *err);
/* Frees the writer, and discards a pack that was not finished. NULL is allowed. */
FIRN_API void firn_chkp_writer_destroy(firn_chkp_writer *writer);

/* ---- reading: any number of threads on one handle ---- */

typedef struct firn_chkp_options {
    size_t size;               /* sizeof(firn_chkp_options) */
    uint64_t object_size_max;  /* FIRN_LIMIT for larger objects; default 1 TiB */
    uint64_t index_memory_max; /* limit of an index in memory, else FIRN_LIMIT; default 1 GiB */
    bool ignore_index;         /* ignore the .idx, for example because it is damaged */
} firn_chkp_options;
#define FIRN_CHKP_OPTIONS_INIT                                                      \
    {                                                                               \
        sizeof(firn_chkp_options), (uint64_t)1024 << 30, (uint64_t)1 << 30, (bool)0 \
    }

/* Opens the pack `name` of a folder, and checks its header and the sizes of both files. options may
 * be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_open(const char *folder, const char *name,
                                            const firn_chkp_options *options, firn_chkp **out,
                                            firn_error *err);
/* Closes a pack. NULL is allowed. */
FIRN_API void firn_chkp_close(firn_chkp *pack);
/* The name of the pack, borrowed from the handle, and how many objects it has. */
FIRN_API const char *firn_chkp_name(const firn_chkp *pack);
FIRN_API uint64_t firn_chkp_count(const firn_chkp *pack);
/* Sets *out to whether the pack contains the object. Returns FIRN_CORRUPT as firn_chkp_locate
 * does. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_contains(firn_chkp *pack, const firn_hash *hash, bool *out,
                                                firn_error *err);
/* Finds an object without reading its frame. If the call fails, *out is zeroed except for its size.
 * Returns FIRN_NOT_FOUND if the pack does not contain the object, FIRN_CORRUPT if the .idx points outside
 * the .dat or at another object. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_locate(firn_chkp *pack, const firn_hash *hash,
                                              firn_chkp_entry *out, firn_error *err);
/* Reads a whole object and verifies it. The caller frees *out with firn_release. Returns FIRN_LIMIT
 * if the object is larger than size_max. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_read(firn_chkp *pack, const firn_hash *hash, size_t size_max,
                                            uint8_t **out, size_t *out_size, firn_error *err);
/* Reads an object piece by piece, in bounded memory. The object is verified only at its end: unless
 * FIRN_OK is returned, discard everything that was written. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_stream(firn_chkp *pack, const firn_hash *hash,
                                              firn_write_bytes write, void *ctx, firn_error *err);
/* Calls visit for every entry, in the order of hashes. Packs written by other programs may contain
 * an object twice; both entries are listed. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_list(firn_chkp *pack,
                                            int (*visit)(void *ctx, const firn_chkp_entry *entry),
                                            void *ctx, firn_error *err);
typedef struct firn_chkp_verify_options {
    size_t size; /* sizeof(firn_chkp_verify_options) */
    /* Each damaged part is reported as a notice (FIRN_NOTICE_DAMAGED). Progress counts the bytes of
     * objects and of files that were verified. */
    firn_callbacks callbacks;
} firn_chkp_verify_options;
#define FIRN_CHKP_VERIFY_OPTIONS_INIT                         \
    {                                                         \
        sizeof(firn_chkp_verify_options), FIRN_CALLBACKS_INIT \
    }
/* Reads and verifies the whole pack: structure, every object, index and name. options may be NULL.
 * Returns FIRN_CORRUPT if anything is damaged, FIRN_LIMIT if the only problem is an object larger than
 * object_size_max. */
FIRN_API FIRN_MUST_CHECK int
firn_chkp_verify(firn_chkp *pack, const firn_chkp_verify_options *options, firn_error *err);

/* ---- folders ---- */

/* Calls visit with the name of each pack in a folder, in ascending order. Files pack-<anything
 * else>.dat are not packs and are skipped here; firn_chkp_set_open reports them. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_list_packs(const char *folder,
                                                  int (*visit)(void *ctx, const char *name),
                                                  void *ctx, firn_error *err);
/* Rebuilds the .idx of a pack from its .dat, replacing an existing one. It is durable when this
 * returns. Returns FIRN_CORRUPT if the .dat does not match its name, so that a damaged .dat never
 * gets an index that agrees with the damage. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_rebuild_index(const char *folder, const char *name,
                                                     const firn_chkp_options *options,
                                                     firn_error *err);

/* ---- sets: several packs of one folder; the first pack that contains an object supplies it ----
 *
 * For one thread at a time. At most FIRN_CHKP_SET_OPEN_MAX packs are open at once; others are
 * opened when needed.
 *
 * If a pack cannot be read, objects in the other packs are still available. An object that is in
 * none of them may have been in the unreadable pack, so the error of that pack is returned instead
 * of FIRN_NOT_FOUND. */

enum { FIRN_CHKP_SET_OPEN_MAX = 128 };

typedef struct firn_chkp_set_options {
    size_t size;            /* sizeof(firn_chkp_set_options) */
    firn_chkp_options pack; /* how each pack is opened */
    /* Each pack that cannot be opened, and each file that is named like a pack but cannot be one, is
     * reported as a notice (FIRN_NOTICE_DAMAGED). on_progress is not called. */
    firn_callbacks callbacks;
} firn_chkp_set_options;
#define FIRN_CHKP_SET_OPTIONS_INIT                                                 \
    {                                                                              \
        sizeof(firn_chkp_set_options), FIRN_CHKP_OPTIONS_INIT, FIRN_CALLBACKS_INIT \
    }
/* Opens packs of a folder, to be searched as one. names: name_count packs in the order in which they
 * are searched; FIRN_NOT_FOUND if one does not exist. NULL: all packs of the folder in ascending
 * order. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_set_open(const char *folder, const char *const *names,
                                                size_t name_count,
                                                const firn_chkp_set_options *options,
                                                firn_chkp_set **out, firn_error *err);
/* Closes the packs. NULL is allowed. */
FIRN_API void firn_chkp_set_close(firn_chkp_set *set);
/* The number of packs in the set that could be opened. */
FIRN_API size_t firn_chkp_set_count(const firn_chkp_set *set);
/* The total number of entries in these packs. */
FIRN_API uint64_t firn_chkp_set_object_count(const firn_chkp_set *set);
/* The name of the i-th of these packs, borrowed from the set; NULL beyond the last. */
FIRN_API const char *firn_chkp_set_name(const firn_chkp_set *set, size_t i);
/* Look for an object in all packs. These functions behave like those for one pack. *out_name (may
 * be NULL) becomes the name of the pack that contains the object, borrowed from the set. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_set_contains(firn_chkp_set *set, const firn_hash *hash,
                                                    bool *out, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_chkp_set_locate(firn_chkp_set *set, const firn_hash *hash,
                                                  firn_chkp_entry *out, const char **out_name,
                                                  firn_error *err);
/* Read an object from the first pack that has it intact. If the copy in one pack is damaged and a
 * later pack has the object too, that one is read instead; for stream, only if nothing was
 * written yet. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_set_read(firn_chkp_set *set, const firn_hash *hash,
                                                size_t size_max, uint8_t **out, size_t *out_size,
                                                firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_chkp_set_stream(firn_chkp_set *set, const firn_hash *hash,
                                                  firn_write_bytes write, void *ctx,
                                                  firn_error *err);
/* Calls visit for every entry, one pack after the other. A pack that cannot be read is skipped, and
 * its error is returned at the end. */
FIRN_API FIRN_MUST_CHECK int firn_chkp_set_list(firn_chkp_set *set,
                                                int (*visit)(void *ctx, const char *name,
                                                             const firn_chkp_entry *entry),
                                                void *ctx, firn_error *err);
/* Verifies every pack, and reports those that could not be opened. */
FIRN_API FIRN_MUST_CHECK int
firn_chkp_set_verify(firn_chkp_set *set, const firn_chkp_verify_options *options, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif

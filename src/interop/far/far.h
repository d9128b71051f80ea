/* SPDX-License-Identifier: Apache-2.0
 *
 * far/far.h: objects of packs that lie in a bucket, read where they are: of each pack only the
 * ranges that are needed.
 *
 * The end of a pack has its tables, and directly before them its directories; one request fetches
 * that end. Then a file costs one request more, for the frame that has it. A pack is looked into
 * only if the object is in none that was added after it.
 *
 * Nothing in a pack is trusted: an object's bytes are compared with its name each time, and work
 * and memory are bounded by the bytes that were fetched and by bytes_max.
 *
 * Results that functions share:
 *   FIRN_NOT_FOUND  a pack is not in the bucket: the newest state may name others instead
 *   FIRN_CORRUPT    a pack is damaged, or not the one that was added; no pack has the object
 *   FIRN_LIMIT      more than bytes_max would be fetched, or more work be done than that allows
 *   FIRN_IO         the bucket gave no answer, or the temporary file could not be written
 * The same call may be made again after each.
 *
 * One thread at a time, as with the bucket.
 */
#ifndef FIRN_FAR_FAR_H
#define FIRN_FAR_FAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/buf.h"
#include "base/error.h"
#include "block/block_file.h"
#include "bucket/bucket.h"
#include "os/os.h"
#include "pack/pack.h"
#include "tree/tree.h"

struct fi_far;

/* What is fetched goes into a temporary file in dir; packs are encrypted with the keys that apply
 * there, or in clear if none do. bucket and dir are borrowed until destroy.
 * bytes_max: how much may be fetched in all; about as many bytes, beside those that were
 * fetched, may be decompressed and hashed. */
FIRN_MUST_CHECK int fi_far_create(struct fi_bucket *bucket, struct fi_os_dir *dir,
                                  uint64_t bytes_max, struct fi_far **out, firn_error *err);
/* NULL is fine. */
void fi_far_destroy(struct fi_far *far);

struct fi_far_pack {
    const char *name; /* in the bucket; of bytes in memory: for messages */
    struct fi_block_file_id id;
    uint64_t size_bytes;
    uint64_t number; /* the caller's: another pack names this one by it */
    /* The packs that have bases of this one's deltas, as far as known; looked into first for these.
     * A base that none of them has may still be in any other. */
    const uint64_t *bases;
    size_t base_count;
};
/* Adds a pack, which is looked into before those that were added already. Everything is copied,
 * and nothing is fetched. FIRN_EXISTS: it was added before. FIRN_CORRUPT: no pack can be of that
 * size, or no object have that name. */
FIRN_MUST_CHECK int fi_far_add_pack(struct fi_far *far, const struct fi_far_pack *pack,
                                    firn_error *err);
/* The same for a pack whose bytes are at hand. They are copied, and looked into before any pack is
 * fetched. size_bytes of pack is not looked at. */
FIRN_MUST_CHECK int fi_far_add_bytes(struct fi_far *far, const struct fi_far_pack *pack,
                                     firn_slice bytes, firn_error *err);

/* Fetches the end of a pack, by the caller's number, and verifies its tables. FIRN_CORRUPT,
 * FIRN_NEWER, FIRN_NOT_FOUND: what is wrong with it. Requires: the pack was added. */
FIRN_MUST_CHECK int fi_far_check_end(struct fi_far *far, uint64_t number, firn_error *err);

/* Whether a pack has the object. Fetches the ends of packs until one has it. */
FIRN_MUST_CHECK int fi_far_has(struct fi_far *far, const firn_hash *hash, bool *out,
                               firn_error *err);
/* Fetches what reading these objects needs that was not fetched yet, in ranges that have the frames
 * of several: gaps of less than 1 MiB between them are fetched, too. Bases of deltas are among it;
 * the pieces of a list are not. Objects that are missing or damaged are passed over: reading them
 * says so. */
FIRN_MUST_CHECK int fi_far_want(struct fi_far *far, const firn_hash *hashes, size_t count,
                                firn_error *err);
/* Sets *out to all bytes of an object of at most FI_PACK_OBJECT_SIZE_MAX, such as a directory. */
FIRN_MUST_CHECK int fi_far_read(struct fi_far *far, const firn_hash *hash, struct fi_buf *out,
                                firn_error *err);
/* A file's content in order: data or, if data.data is NULL, data.size zero bytes of a hole. Every
 * piece is verified before sink gets it, and the whole after the last one. FIRN_CORRUPT also if the
 * content is not `size` bytes long. Pieces are fetched some 6 MiB before they are passed on. */
FIRN_MUST_CHECK int fi_far_stream(struct fi_far *far, const firn_hash *hash, uint64_t size,
                                  int (*sink)(void *ctx, uint64_t offset, firn_slice data,
                                              firn_error *err),
                                  void *ctx, firn_error *err);

/* Which pack has an object, by the caller's number, and whether it is stored as a list of others.
 * FIRN_CORRUPT: none. */
FIRN_MUST_CHECK int fi_far_parts_find(struct fi_far *far, const firn_hash *hash, uint64_t *out_pack,
                                      bool *out_is_list, firn_error *err);
/* The same, with how it is stored. */
FIRN_MUST_CHECK int fi_far_parts_kind(struct fi_far *far, const firn_hash *hash, uint64_t *out_pack,
                                      enum fi_pack_kind *out_kind, firn_error *err);
/* The bytes of a list, as it is stored. */
FIRN_MUST_CHECK int fi_far_parts_read_list(struct fi_far *far, const firn_hash *hash,
                                           struct fi_buf *out, firn_error *err);
/* Visits the objects that a list names; visit must not use far. Nothing is compared with names. */
FIRN_MUST_CHECK int fi_far_parts_list(struct fi_far *far, const firn_hash *hash,
                                      int (*visit)(void *ctx, const firn_hash *hash,
                                                   firn_error *err),
                                      void *ctx, firn_error *err);

/* The source of all directory objects, for as long as far lives. */
const struct fi_tree_source *fi_far_trees(const struct fi_far *far);
/* What bounds the work, to pay for what is done with objects, or to renew it between operations. */
struct fi_budget *fi_far_budget(struct fi_far *far);
/* How many bytes were fetched. */
uint64_t fi_far_fetched(const struct fi_far *far);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * verify/verify_content.h: whether the contents of files are there; for this room only.
 */
#ifndef FIRN_VERIFY_VERIFY_CONTENT_H
#define FIRN_VERIFY_VERIFY_CONTENT_H

#include "base/hash_map.h"
#include "objects/objects.h"
#include "tree/tree.h"

/* Looks into the contents of files. The first fields are the caller's, set before anything is
 * looked for. */
struct fi_verify_content {
    struct fi_objects *objects;
    struct fi_pack_scratch *scratch;
    bool read_data; /* compares what no pack can verify by itself */
    int (*tick)(void *ctx, firn_error *err);
    void *ctx;
    struct fi_hash_map damaged; /* hashes of objects and contents */
    struct fi_hash_map sound;   /* contents in pieces */
};
void fi_verify_content_init(struct fi_verify_content *contents);
void fi_verify_content_deinit(struct fi_verify_content *contents);
/* Notes an object or a content that is damaged. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_verify_content_note_damaged(struct fi_verify_content *contents,
                                                   const firn_hash *hash, firn_error *err);
/* Whether the content of a file is there and is what its entry says: *out_why is NULL, or says what
 * is wrong. A failure may be damage, too. */
FIRN_MUST_CHECK int fi_verify_content_inspect(struct fi_verify_content *contents,
                                              const struct fi_tree_entry *entry,
                                              const char **out_why, firn_error *err);

#endif

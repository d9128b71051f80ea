/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_tags.h: names that people give to checkpoints.
 *
 *   "firn.tags":   be32 workspace | name → u8 format (1) | 16 id of the checkpoint |
 *                                          le64 its order | le64 time of tagging in ns
 */
#ifndef FIRN_CATALOG_CATALOG_TAGS_H
#define FIRN_CATALOG_CATALOG_TAGS_H

#include "catalog/catalog.h"

struct firn_catalog_tags_tag {
    uint8_t id[FIRN_CATALOG_RECORD_ID_SIZE];
    uint64_t order; /* of the checkpoint */
    int64_t created_ns;
};

/* FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int firn_catalog_tags_find(struct firn_catalog *catalog, uint32_t workspace,
                                           firn_slice name, struct firn_catalog_tags_tag *out,
                                           firn_error *err);
/* The record of the checkpoint that a tag names, as firn_catalog_resolve. FIRN_NOT_FOUND if it
 * is gone. */
FIRN_MUST_CHECK int firn_catalog_tags_follow(struct firn_catalog *catalog, uint32_t workspace,
                                             const struct firn_catalog_tags_tag *tag,
                                             struct firn_buf *out,
                                             struct firn_catalog_record *record, firn_error *err);
/* One durable commit; a tag of that name is replaced. */
FIRN_MUST_CHECK int firn_catalog_tags_put(struct firn_catalog *catalog, uint32_t workspace,
                                          firn_slice name, const struct firn_catalog_tags_tag *tag,
                                          firn_error *err);
/* One durable commit. FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int firn_catalog_tags_remove(struct firn_catalog *catalog, uint32_t workspace,
                                             firn_slice name, firn_error *err);
/* Whether a checkpoint has a tag. */
FIRN_MUST_CHECK int firn_catalog_tags_has(struct firn_catalog *catalog, uint32_t workspace,
                                          const uint8_t *id, bool *out, firn_error *err);
/* Adds to a batch that every tag of a checkpoint goes. */
FIRN_MUST_CHECK int firn_catalog_tags_batch_remove(struct firn_catalog *catalog, uint32_t workspace,
                                                   const uint8_t *id, struct firn_db_batch *batch,
                                                   firn_error *err);
/* In byte order of the names; another return of visit than FIRN_OK ends the walk and is returned.
 * name is borrowed until visit returns. */
FIRN_MUST_CHECK int firn_catalog_tags_list(struct firn_catalog *catalog, uint32_t workspace,
                                           int (*visit)(void *ctx, firn_slice name,
                                                        const struct firn_catalog_tags_tag *tag,
                                                        firn_error *err),
                                           void *ctx, firn_error *err);

#endif

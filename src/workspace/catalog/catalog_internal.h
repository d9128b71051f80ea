/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_internal.h: what the files of the catalog share.
 */
#ifndef FIRN_CATALOG_CATALOG_INTERNAL_H
#define FIRN_CATALOG_CATALOG_INTERNAL_H

#include "base/bytes.h"
#include "catalog/catalog.h"

struct firn_catalog {
    struct firn_db *db;
    struct firn_db_keyspace *workspaces; /* each NULL if the store has none */
    struct firn_db_keyspace *checkpoints;
    struct firn_db_keyspace *unpacked;
};

enum { FIRN_CATALOG_WORKSPACE_KEY_SIZE = 4, FIRN_CATALOG_KEY_SIZE = 12 };

/* The key of a checkpoint, and of its pin. */
static inline firn_slice
firn_catalog_make_key(uint32_t workspace, uint64_t order, uint8_t out[FIRN_CATALOG_KEY_SIZE])
{
    firn_store_be32(out, workspace);
    firn_store_be64(out + FIRN_CATALOG_WORKSPACE_KEY_SIZE, order);
    return firn_bytes(out, FIRN_CATALOG_KEY_SIZE);
}

/* Appends the key of a tag, which is its workspace and its name. */
FIRN_MUST_CHECK int firn_catalog_tags_make_key(uint32_t workspace, firn_slice name,
                                               struct firn_buf *out, firn_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_internal.h: what the files of the catalog share.
 */
#ifndef FIRN_CATALOG_CATALOG_INTERNAL_H
#define FIRN_CATALOG_CATALOG_INTERNAL_H

#include "base/bytes.h"
#include "catalog/catalog.h"

struct fi_catalog {
    struct firn_db *db;
    struct firn_db_keyspace *workspaces; /* each NULL if the store has none */
    struct firn_db_keyspace *checkpoints;
    struct firn_db_keyspace *unpacked;
    struct firn_db_keyspace *names;
};

enum { FI_CATALOG_WORKSPACE_KEY_SIZE = 4, FI_CATALOG_KEY_SIZE = 12 };

/* The key of a checkpoint, and of its pin. */
static inline firn_slice
fi_catalog_make_key(uint32_t workspace, uint64_t order, uint8_t out[FI_CATALOG_KEY_SIZE])
{
    fi_store_be32(out, workspace);
    fi_store_be64(out + FI_CATALOG_WORKSPACE_KEY_SIZE, order);
    return firn_bytes(out, FI_CATALOG_KEY_SIZE);
}

/* Appends the key of a tag, which is its workspace and its name. */
FIRN_MUST_CHECK int fi_catalog_tags_make_key(uint32_t workspace, firn_slice name,
                                             struct fi_buf *out, firn_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_internal.h: what the files of the catalog share.
 */
#ifndef FIRN_CATALOG_CATALOG_INTERNAL_H
#define FIRN_CATALOG_CATALOG_INTERNAL_H

#include "catalog/catalog.h"

struct firn_catalog {
    struct firn_db *db;
    struct firn_db_keyspace *workspaces; /* each NULL if the store has none */
    struct firn_db_keyspace *checkpoints;
    struct firn_db_keyspace *unpacked;
};

#endif

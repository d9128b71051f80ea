/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_catalog_internal.h: what the files of the catalog share.
 */
#ifndef FIRN_WORKSPACE_WS_CATALOG_INTERNAL_H
#define FIRN_WORKSPACE_WS_CATALOG_INTERNAL_H

#include "workspace/ws_catalog.h"
#include "workspace/ws_catalog_workspaces.h"

struct firn_ws_catalog {
    struct firn_db *db;
    struct firn_db_keyspace *workspaces; /* each NULL where the store has none */
    struct firn_db_keyspace *checkpoints;
    struct firn_db_keyspace *unpacked;
};

#endif

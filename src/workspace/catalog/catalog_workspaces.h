/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_workspaces.h: the workspaces of a store.
 *
 * A root is a real path; or "." for the directory that holds the store, so that a store inside of
 * its workspace moves and is copied with it (place_locate.h).
 */
#ifndef FIRN_CATALOG_CATALOG_WORKSPACES_H
#define FIRN_CATALOG_CATALOG_WORKSPACES_H

#include "catalog/catalog.h"

/* Finds a workspace by its root; number 0 if there is none. */
FIRN_MUST_CHECK int firn_catalog_workspaces_find(struct firn_catalog *catalog, firn_slice root,
                                                 struct firn_catalog_workspace *out,
                                                 firn_error *err);
/* In the order of their numbers; another return of visit than FIRN_OK ends the walk and is
 * returned. root is borrowed until visit returns. */
FIRN_MUST_CHECK int firn_catalog_workspaces_list(
    struct firn_catalog *catalog,
    int (*visit)(void *ctx, firn_slice root, const struct firn_catalog_workspace *workspace,
                 firn_error *err),
    void *ctx, firn_error *err);
/* Enters a workspace, durably. What identifies the directory is taken from *workspace; the rest is
 * filled. The root must not be in the catalog yet. */
FIRN_MUST_CHECK int firn_catalog_workspaces_add(struct firn_catalog *catalog, firn_slice root,
                                                struct firn_catalog_workspace *workspace,
                                                firn_error *err);
/* Writes the entry of a workspace, durably: under another root, with another identity. */
FIRN_MUST_CHECK int firn_catalog_workspaces_change(struct firn_catalog *catalog, firn_slice root,
                                                   const struct firn_catalog_workspace *workspace,
                                                   firn_error *err);
/* An entry as it stands in the catalog; *out_root is borrowed from value, *out must be zeroed.
 * FIRN_CORRUPT, FIRN_NEWER. */
FIRN_MUST_CHECK int firn_catalog_workspaces_decode(firn_slice key, firn_slice value,
                                                   firn_slice *out_root,
                                                   struct firn_catalog_workspace *out,
                                                   firn_error *err);
/* Adds the writing of an entry to a batch. */
FIRN_MUST_CHECK int firn_catalog_workspaces_put(struct firn_catalog *catalog,
                                                struct firn_db_batch *batch, firn_slice root,
                                                const struct firn_catalog_workspace *workspace,
                                                firn_error *err);
/* Removes a workspace with all of its checkpoints and tags from the catalog, in one durable commit.
 * Objects that nothing else needs are left to the next collection. */
FIRN_MUST_CHECK int firn_catalog_workspaces_remove(struct firn_catalog *catalog, uint32_t workspace,
                                                   firn_error *err);

#endif

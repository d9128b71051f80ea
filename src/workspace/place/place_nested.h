/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_nested.h: workspaces inside of a workspace.
 */
#ifndef FIRN_PLACE_PLACE_NESTED_H
#define FIRN_PLACE_PLACE_NESTED_H

#include <stdbool.h>

#include "base/error.h"
#include "catalog/catalog.h"
#include "os/os.h"

struct firn_place_nested;

/* What is known of workspaces below `root`, a real path: from the names in the folder of stores and
 * from the catalog of the workspace's own store (NULL: none). */
FIRN_MUST_CHECK int firn_place_nested_create(struct firn_os *os, const char *root,
                                             struct firn_catalog *catalog,
                                             struct firn_place_nested **out, firn_error *err);
/* NULL is fine. */
void firn_place_nested_destroy(struct firn_place_nested *nested);

/* False: there is none below the root, but for those that bring their store along. Any thread. */
bool firn_place_nested_may_hold(const struct firn_place_nested *nested);
/* A digest of 16 bytes of all that the next answers depends on, but for stores that come and go in
 * the usual place without a change of their names. */
void firn_place_nested_digest(const struct firn_place_nested *nested, uint8_t *out);
/* Whether a directory below the root, by its path from there, is the root of a workspace of its
 * own. Any thread. */
FIRN_MUST_CHECK int firn_place_nested_holds(const struct firn_place_nested *nested, firn_slice path,
                                            bool *out, firn_error *err);
/* Whether a directory, of which this is an entry, brings its store along: the entry is ".firn" and
 * holds a store; and whether that is this user's. Any thread. */
FIRN_MUST_CHECK int firn_place_nested_find_store(struct firn_os_dir *dir, const char *name,
                                                 bool *out_has, bool *out_is_own, firn_error *err);

#endif

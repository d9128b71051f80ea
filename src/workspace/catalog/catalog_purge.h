/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_purge.h: objects of which no byte is to be left in the store.
 *
 *   "firn.purge":   32 bytes hash of an object → empty
 */
#ifndef FIRN_CATALOG_CATALOG_PURGE_H
#define FIRN_CATALOG_CATALOG_PURGE_H

#include "base/hash_map.h"
#include "objects/objects.h"

/* A set of hashes, to be released with firn_hash_map_deinit. Allocates nothing. */
void firn_catalog_purge_init(struct firn_hash_map *set);
bool firn_catalog_purge_has(const struct firn_hash_map *set, const firn_hash *hash);
FIRN_MUST_CHECK int firn_catalog_purge_add(struct firn_hash_map *set, const firn_hash *hash,
                                           firn_error *err);

/* Adds to a set the pieces that its objects are cut into, all the way down. What cannot be read is
 * passed over. */
FIRN_MUST_CHECK int firn_catalog_purge_add_pieces(struct firn_hash_map *set,
                                                  struct firn_objects *objects, firn_error *err);
/* Adds a set to what is to be purged, in commits that are not synced. */
FIRN_MUST_CHECK int firn_catalog_purge_note(struct firn_db *db, const struct firn_hash_map *set,
                                            firn_error *err);
/* Adds all that is to be purged to a set. */
FIRN_MUST_CHECK int firn_catalog_purge_load(struct firn_db *db, struct firn_hash_map *set,
                                            firn_error *err);
/* Takes out, of what a set holds, the objects that the index does not have any more. */
FIRN_MUST_CHECK int firn_catalog_purge_settle(struct firn_objects *objects, struct firn_db *db,
                                              const struct firn_hash_map *set, firn_error *err);

#endif

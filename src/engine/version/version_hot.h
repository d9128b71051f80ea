/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version_hot.h: values of keys that gets of a version have found again and again.
 *
 * Any thread. Callers are inside the epoch that keeps the version, from loading the version to
 * their last use of a value.
 */
#ifndef FIRN_VERSION_VERSION_HOT_H
#define FIRN_VERSION_VERSION_HOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/epoch.h"
#include "base/snapshot.h"
#include "block/block_cache.h"
#include "version/version.h"

/* A get that may ask hot entries. In the caller's memory. */
struct fi_version_hot_get {
    firn_slice key;
    const struct fi_snapshot *snapshot;
    uint64_t number; /* of this get among those of the thread, or so: fi_epoch_visits */
    uint64_t hash;   /* set by wants */
};

/* Whether to call find for this get, and offer if find returns false. At one get in some thousands
 * a version without hot entries begins to keep them, in memory that is part of the cache's budget,
 * if there is enough. The cache must outlive the version. */
bool fi_version_hot_wants(struct fi_version *version, struct fi_block_cache *cache,
                          struct fi_version_hot_get *get);
/* Gives the value of the newest put of the key in the version's runs that the snapshot sees, if it
 * is known to be that. false: ask the runs. *out is borrowed until the caller leaves the epoch. */
bool fi_version_hot_find(const struct fi_version *version, const struct fi_version_hot_get *get,
                         firn_slice *out);
/* The runs gave this: the newest version of the key that the snapshot sees is a put, without a time
 * to live and not covered by a range delete, with this sequence and value. Copies it if the key was
 * offered before, and there is room. */
void fi_version_hot_offer(const struct fi_version *version, struct fi_epoch *epoch,
                          const struct fi_version_hot_get *get, uint64_t sequence,
                          firn_slice value);
/* For fi_version_unref. NULL is fine. */
void fi_version_hot_destroy(struct fi_version_hot *hot);

#endif

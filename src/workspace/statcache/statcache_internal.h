/* SPDX-License-Identifier: Apache-2.0
 *
 * statcache/statcache_internal.h: what the files of the stat cache share. Only statcache*.c include it.
 */
#ifndef FIRN_STATCACHE_STATCACHE_INTERNAL_H
#define FIRN_STATCACHE_STATCACHE_INTERNAL_H

#include <stdatomic.h>

#include "statcache/statcache.h"
#include "statcache/statcache_format.h"

/* What is to be written: records of one write each, one behind the other. */
enum firn_statcache_note_kind {
    FIRN_STATCACHE_NOTE_PUT = 1,
    FIRN_STATCACHE_NOTE_DELETE = 2,      /* no value */
    FIRN_STATCACHE_NOTE_DELETE_RANGE = 3 /* the value is the upper end */
};

struct firn_statcache_notes {
    struct firn_statcache_notes *next;
    struct firn_buf bytes;
};

struct firn_statcache {
    struct firn_db *db;
    struct firn_db_keyspace *keyspace; /* NULL over a read-only store that has none */
    struct firn_objects *objects;
    uint32_t workspace;
    bool is_blind;
    uint64_t seed;
    uint64_t boot_id;
    struct firn_statcache_notes *notes;
    /* Set by lanes, read when they are closed: relaxed. */
    atomic_bool is_broken;
};

struct firn_statcache_lane {
    struct firn_statcache *stat;
    struct firn_statcache_notes *notes; /* owned until they are handed over */
    struct firn_buf key;
    struct firn_buf value;
    struct firn_tree_source source;
};

/* statcache.c. Makes the key of a directory; false where it would be too long to be remembered. */
FIRN_MUST_CHECK int firn_statcache_key(const struct firn_statcache *stat, firn_slice path,
                                       struct firn_buf *out, bool *out_fits);
FIRN_MUST_CHECK int firn_statcache_note_write(struct firn_statcache_notes *notes,
                                              enum firn_statcache_note_kind kind, firn_slice key,
                                              firn_slice value);

#endif

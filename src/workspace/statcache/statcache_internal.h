/* SPDX-License-Identifier: Apache-2.0
 *
 * statcache/statcache_internal.h: what the files of the stat cache share. Only statcache*.c include
 * it.
 */
#ifndef FIRN_STATCACHE_STATCACHE_INTERNAL_H
#define FIRN_STATCACHE_STATCACHE_INTERNAL_H

#include <stdatomic.h>

#include "statcache/statcache.h"

/* The bytes of the stat cache (prose: docs/formats/catalog.md).
 *
 *   "firn.stat":  be32 workspace | path                       → memo of the directory
 *                 be32 workspace | path | NUL | 16 bytes digest → print*, a part of one
 *
 *   memo := u8 format (1) | u8 flags | i64 noted | u64 boot | 32 bytes tree | 16 bytes self
 *         | le32 parts | print* (parts = 0) or part*
 *   part := le32 count | 16 bytes digest                  digest: XXH3-128, seed 0, of its
 *   prints */

enum {
    WS_STAT_FORMAT = 1,
    WS_STAT_FLAG_XATTRS = 1, /* the directory has extended attributes */
    WS_STAT_NOTED_AT = 2,
    WS_STAT_BOOT_AT = 10,
    WS_STAT_TREE_AT = 18,
    WS_STAT_SELF_AT = 50,
    WS_STAT_PART_COUNT_AT = 66,
    WS_STAT_HEADER_SIZE = 70,
    WS_STAT_PART_SIZE = 20,
    /* More entries than this are stored in parts. A part that has WS_STAT_PART_COUNT_MIN entries
     * ends after an entry if the XXH3-64 of its name has none of the bits of WS_STAT_CUT_MASK; at
     * WS_STAT_PART_COUNT_MAX entries it always ends. */
    WS_STAT_WHOLE_COUNT_MAX = 512,
    WS_STAT_PART_COUNT_MIN = 64,
    WS_STAT_PART_COUNT_MAX = 1024,
    WS_STAT_CUT_MASK = 0xff,
    WS_STAT_KEY_PREFIX_SIZE = 4
};

/* Records of one write each, one after the other. */
enum fi_statcache_note_kind {
    FI_STATCACHE_NOTE_PUT = 1,
    FI_STATCACHE_NOTE_DELETE = 2,      /* no value */
    FI_STATCACHE_NOTE_DELETE_RANGE = 3 /* the value is the upper end */
};

struct fi_statcache_notes {
    struct fi_statcache_notes *next;
    struct fi_buf bytes;
};

struct fi_statcache {
    struct firn_db *db;
    struct firn_db_keyspace *keyspace; /* NULL if the store is read-only and has none */
    struct fi_objects *objects;
    const struct fi_tree_source *trees; /* NULL: objects */
    uint32_t workspace;
    bool is_blind;
    uint64_t seed;
    uint64_t boot_id;
    struct fi_statcache_notes *notes;
    /* Set by lanes, read when they are closed: relaxed. */
    atomic_bool is_broken;
};

struct fi_statcache_lane {
    struct fi_statcache *stat;
    struct fi_statcache_notes *notes; /* owned until the lane is closed */
    struct fi_buf key;
    struct fi_buf value;
    struct fi_tree_source source;
};

/* Makes the key of a directory; *out_fits is false if the key would be too long. */
FIRN_MUST_CHECK int fi_statcache_key(const struct fi_statcache *stat, firn_slice path,
                                     struct fi_buf *out, bool *out_fits);
/* Adds a write to notes. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_statcache_note(struct fi_statcache_notes *notes,
                                      enum fi_statcache_note_kind kind, firn_slice key,
                                      firn_slice value);

/* ---- statcache_memo.c ---- */

struct fi_statcache_part fi_statcache_memo_part(const struct fi_statcache_memo *memo, size_t i);
/* The number of parts of a decoded memo; 0 if it is empty, or its prints are in the value
 * itself. */
size_t fi_statcache_memo_part_count(const struct fi_statcache_memo *memo);
/* Adds the prints of the next part. FIRN_CORRUPT if they do not match what the value names. */
FIRN_MUST_CHECK int fi_statcache_memo_add_part(struct fi_statcache_memo *memo,
                                               const struct fi_statcache_part *part,
                                               firn_slice prints, firn_error *err);
/* Like fi_statcache_memo_encode, but takes the prints and parts from the value of `before`. */
FIRN_MUST_CHECK int fi_statcache_memo_encode_self(const struct fi_statcache_memo *memo,
                                                  const struct fi_statcache_memo *before,
                                                  struct fi_buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_stat_internal.h: what the files of the stat cache share. Only ws_stat*.c include it.
 */
#ifndef FIRN_WORKSPACE_WS_STAT_INTERNAL_H
#define FIRN_WORKSPACE_WS_STAT_INTERNAL_H

#include <stdatomic.h>

#include "workspace/ws_stat.h"
#include "workspace/ws_stat_format.h"

/* What is to be written: records of one write each, one behind the other. */
enum firn_ws_stat_note_kind {
    FIRN_WS_STAT_NOTE_PUT = 1,
    FIRN_WS_STAT_NOTE_DELETE = 2,      /* no value */
    FIRN_WS_STAT_NOTE_DELETE_RANGE = 3 /* the value is the upper end */
};

struct firn_ws_stat_notes {
    struct firn_ws_stat_notes *next;
    struct firn_buf bytes;
};

struct firn_ws_stat {
    struct firn_db *db;
    struct firn_db_keyspace *keyspace; /* NULL over a read-only store that has none */
    struct firn_ws_objects *objects;
    uint32_t workspace;
    bool is_blind;
    uint64_t seed;
    uint64_t boot_id;
    struct firn_ws_stat_notes *notes;
    /* Set by lanes, read when they are closed: relaxed. */
    atomic_bool is_broken;
};

struct firn_ws_stat_lane {
    struct firn_ws_stat *stat;
    struct firn_ws_stat_notes *notes; /* owned until they are handed over */
    struct firn_buf key;
    struct firn_buf value;
    struct firn_tree_source source;
};

/* ws_stat.c. Makes the key of a directory; false where it would be too long to be remembered. */
FIRN_MUST_CHECK int firn_ws_stat_key(const struct firn_ws_stat *stat, firn_slice path,
                                     struct firn_buf *out, bool *out_fits);
FIRN_MUST_CHECK int firn_ws_stat_note_write(struct firn_ws_stat_notes *notes,
                                            enum firn_ws_stat_note_kind kind, firn_slice key,
                                            firn_slice value);

#endif

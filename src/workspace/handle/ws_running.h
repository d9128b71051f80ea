/* SPDX-License-Identifier: Apache-2.0
 *
 * handle/ws_running.h: the restore that is under way, told to other processes.
 */
#ifndef FIRN_HANDLE_WS_RUNNING_H
#define FIRN_HANDLE_WS_RUNNING_H

#include "handle/ws_internal.h"

enum firn_ws_running_kind {
    FIRN_WS_RUNNING_RESTORE = 1,
    FIRN_WS_RUNNING_UNDO = 2,
    FIRN_WS_RUNNING_REVERT = 3
};

/* What a restore in place does now. A zeroed struct but for its kind is one that has just begun. */
struct firn_ws_running {
    enum firn_ws_running_kind kind;
    const char *phase; /* of firn_progress */
    bool has_begun;    /* files have begun to change */
    uint32_t workspace;
    uint8_t target[FIRN_CATALOG_RECORD_ID_SIZE]; /* zeros: not made yet */
    int64_t started_ns;
    uint64_t done;
    uint64_t total;
    uint64_t process; /* found by ask */
};

/* Says it to others, until it says something else or the store is closed. */
void firn_ws_running_tell(struct firn_db *db, const struct firn_ws_running *running);
/* The restore of a workspace that another handle of the store has under way. *out_is_running is false
 * where there is none, or nothing is known of one. */
FIRN_MUST_CHECK int firn_ws_running_ask(struct firn_db *db, uint32_t workspace,
                                        struct firn_ws_running *out, bool *out_is_running,
                                        firn_error *err);

/* For tests. False for what is no such note. */
bool firn_ws_running_decode(firn_slice note, struct firn_ws_running *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * watchlink/watchlink.h: a save, or a look, beside a watch: what need not be visited.
 */
#ifndef FIRN_WATCHLINK_WATCHLINK_H
#define FIRN_WATCHLINK_WATCHLINK_H

#include "base/error.h"
#include "os/os.h"
#include "scan/scan.h"
#include "watchlink/watchlink_wire.h"

struct firn_ws;
struct firn_ws_opened;
struct firn_watchlink;

/* A watch in this process: what the socket gives to others. */
struct firn_watch_link {
    int (*ask)(void *ctx, const struct firn_watch_question *question, struct firn_buf *out_answer,
               firn_error *err);
    void (*enter)(void *ctx, struct firn_os_dir *dir, firn_slice path); /* any thread */
    void (*tell)(void *ctx, firn_slice report);
    void *ctx;
};

struct firn_watchlink_options {
    const firn_hash *tree; /* root object of a tree of this workspace that is in the store */
    bool include_deps;
    bool gitignore;
    uint64_t file_size_max;
    bool is_full;
    bool will_report;
};

/* Asks the watch of the workspace. *out is NULL where there is none, or it does not answer: that is
 * no failure. */
FIRN_MUST_CHECK int firn_watchlink_begin(struct firn_ws *ws, struct firn_ws_opened *opened,
                                         const struct firn_watchlink_options *options,
                                         struct firn_watchlink **out, firn_error *err);
/* NULL is fine. */
void firn_watchlink_end(struct firn_watchlink *watched);
/* Sets confines and witness of a scan by the rules that `begin` was told of, and callbacks that keep
 * notices where there are confines; watched may be NULL. */
void firn_watchlink_apply(struct firn_watchlink *watched, struct firn_scan_options *options);
/* After that scan, if it has succeeded: adds to the result what it has not visited, and tells the
 * notices that it gave. */
void firn_watchlink_complete(struct firn_watchlink *watched, struct firn_scan_result *result);
/* After a scan that is to be done once more, as one that failed with FIRN_CONFLICT: whether it had
 * confines. From now on there are none. False for NULL. */
bool firn_watchlink_widen(struct firn_watchlink *watched);
/* The tree of the scan is in the store, and will be that of the next question. NULL is fine. */
void firn_watchlink_tell(struct firn_watchlink *watched, const struct firn_scan_result *scan);

/* The name of the socket, in the store's directory. */
enum { FIRN_WATCHLINK_NAME_SIZE = 32 };
void firn_watchlink_name(uint32_t workspace, char out[FIRN_WATCHLINK_NAME_SIZE]);

/* One message to the watch behind a connection, and its answer, if there is to be one: out_answer
 * is not NULL then. */
struct firn_os_socket;
FIRN_MUST_CHECK int firn_watchlink_send(struct firn_os_socket *socket,
                                        enum firn_watchlink_wire_kind kind, firn_slice bytes,
                                        firn_error *err);
/* timeout_ns in all. */
FIRN_MUST_CHECK int firn_watchlink_receive(struct firn_os_socket *socket, int64_t timeout_ns,
                                           enum firn_watchlink_wire_kind *out_kind,
                                           struct firn_buf *out, firn_error *err);

#endif

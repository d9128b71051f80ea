/* SPDX-License-Identifier: Apache-2.0
 *
 * watchlink/watchlink.h: a save, or a look, while a watch runs: which directories need no visit.
 */
#ifndef FIRN_WATCHLINK_WATCHLINK_H
#define FIRN_WATCHLINK_WATCHLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reader.h"
#include "os/os.h"
#include "scan/scan.h"

enum {
    FI_WATCHLINK_WIRE_HEADER_SIZE = 8,
    FI_WATCHLINK_WIRE_SIZE_MAX = 32 << 20,
    FI_WATCHLINK_WIRE_ANSWER_HEAD_SIZE = 2 * 8, /* before the groups */
    FI_WATCHLINK_WIRE_KEY_SIZE = 16
};

/* The messages between a save and a watch (prose: docs/watch.md).
 *
 * A connection carries one message each way; a report is not answered:
 *
 *   message  := "fw2" | u8 kind | le32 size | size bytes
 *   question := u8 flags (1 full, 2 will report) | le64 device | le64 inode | 32 bytes tree
 *               | 16 bytes key
 *   answer   := le64 token | le64 begun | group*
 *   group    := sized path | varint count | (sized name | varint files | varint bytes
 *               | varint directories)*
 *   report   := le64 token | le64 begun | 32 bytes tree | 16 bytes key
 *               | (sized path | u8 flags (1 steady) | varint files | varint bytes)*
 *   info     := varint directories | varint dirty | varint unwatched | varint flags (1 fanotify)
 *
 * The messages "look" and "stop" have no bytes; a stop is answered by an info. */
enum fi_watchlink_wire_kind {
    FI_WATCHLINK_WIRE_ASK = 'a',
    FI_WATCHLINK_WIRE_TELL = 't',
    FI_WATCHLINK_WIRE_LOOK = 'l',
    FI_WATCHLINK_WIRE_STOP = 's',
    FI_WATCHLINK_WIRE_ANSWER = 'A',
    FI_WATCHLINK_WIRE_INFO = 'I'
};

/* The tree of the process that asks, and a key of what decides which entries belong to it. */
struct fi_watch_base {
    firn_hash tree;
    uint8_t key[FI_WATCHLINK_WIRE_KEY_SIZE]; /* a digest of options and of other workspaces */
};

struct fi_watch_question {
    bool is_full;     /* every directory has to be visited */
    bool will_report; /* a report with the token of the answer will follow */
    uint64_t device;  /* of the root of the tree that is asked about */
    uint64_t inode;
    struct fi_watch_base base;
};

/* A directory that need not be visited, and no directory below it. */
struct fi_watch_passed {
    firn_slice parent; /* path */
    firn_slice name;
    uint64_t files; /* in it and below; also bytes */
    uint64_t bytes;
    uint64_t directories; /* including this one */
};

/* A directory that was visited. */
struct fi_watch_visited {
    firn_slice path;
    bool is_steady; /* its object and its numbers stay the same until something in it changes */
    uint64_t files; /* its own */
    uint64_t bytes;
};

/* FIRN_INVALID if no message begins with these bytes. */
FIRN_MUST_CHECK int
fi_watchlink_wire_parse_header(const uint8_t header[FI_WATCHLINK_WIRE_HEADER_SIZE],
                               enum fi_watchlink_wire_kind *out_kind, size_t *out_size,
                               firn_error *err);

/* Each appends one thing; FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_watchlink_wire_put_question(struct fi_buf *out,
                                                   const struct fi_watch_question *question);
FIRN_MUST_CHECK int fi_watchlink_wire_put_token(struct fi_buf *out, uint64_t token);
/* When the scan began that is reported now, or was reported last. */
FIRN_MUST_CHECK int fi_watchlink_wire_put_begun(struct fi_buf *out, int64_t begun_ns);
FIRN_MUST_CHECK int fi_watchlink_wire_put_base(struct fi_buf *out,
                                               const struct fi_watch_base *base);
FIRN_MUST_CHECK int fi_watchlink_wire_put_group(struct fi_buf *out, firn_slice path, size_t count);
FIRN_MUST_CHECK int fi_watchlink_wire_put_passed(struct fi_buf *out,
                                                 const struct fi_watch_passed *passed);
FIRN_MUST_CHECK int fi_watchlink_wire_put_visited(struct fi_buf *out,
                                                  const struct fi_watch_visited *visited);

/* Each reads one thing; FIRN_INVALID if it is not there. Slices are borrowed from the bytes read,
 * and every path and name is valid. */
FIRN_MUST_CHECK int fi_watchlink_wire_get_question(firn_slice bytes, struct fi_watch_question *out,
                                                   firn_error *err);
FIRN_MUST_CHECK int fi_watchlink_wire_get_token(struct fi_reader *reader, uint64_t *out,
                                                firn_error *err);
FIRN_MUST_CHECK int fi_watchlink_wire_get_begun(struct fi_reader *reader, int64_t *out_ns,
                                                firn_error *err);
FIRN_MUST_CHECK int fi_watchlink_wire_get_base(struct fi_reader *reader, struct fi_watch_base *out,
                                               firn_error *err);
FIRN_MUST_CHECK int fi_watchlink_wire_get_visited(struct fi_reader *reader,
                                                  struct fi_watch_visited *out, firn_error *err);
/* Calls visit for each directory in the groups of an answer. */
FIRN_MUST_CHECK int fi_watchlink_wire_get_passed(struct fi_reader *reader,
                                                 int (*visit)(void *ctx,
                                                              const struct fi_watch_passed *passed,
                                                              firn_error *err),
                                                 void *ctx, firn_error *err);

struct firn_ws;
struct fi_ws_opened;
struct fi_watchlink;

/* A watch in this process; other processes use the socket instead. */
struct fi_watchlink_local {
    int (*ask)(void *ctx, const struct fi_watch_question *question, struct fi_buf *out_answer,
               firn_error *err);
    void (*enter)(void *ctx, struct fi_os_dir *dir, firn_slice path); /* any thread */
    void (*tell)(void *ctx, firn_slice report);
    void *ctx;
};

struct fi_watchlink_options {
    const firn_hash *tree; /* root object of a tree of this workspace that is in the store */
    bool include_deps;
    bool gitignore;
    uint64_t file_size_max;
    bool is_full;
    bool will_report;
};

/* Asks the watch of the workspace. *out is NULL, which is no failure, if there is none or it does
 * not answer. */
FIRN_MUST_CHECK int fi_watchlink_begin(struct firn_ws *ws, struct fi_ws_opened *opened,
                                       const struct fi_watchlink_options *options,
                                       struct fi_watchlink **out, firn_error *err);
/* NULL is fine. */
void fi_watchlink_end(struct fi_watchlink *watched);
/* Sets the confines and the witness of a scan with the options given to `begin`. If there are
 * confines, also sets callbacks that keep notices until the scan has succeeded. watched may be
 * NULL. */
void fi_watchlink_apply(struct fi_watchlink *watched, struct fi_scan_options *options);
/* Adds the counts of what the scan has not visited to the result, and reports the kept notices.
 * Requires: the scan has succeeded. watched may be NULL. */
void fi_watchlink_complete(struct fi_watchlink *watched, struct fi_scan_result *result);
/* Removes the confines, so that the scan can be repeated, such as after FIRN_CONFLICT. Returns
 * whether there were any; false for NULL. */
bool fi_watchlink_widen(struct fi_watchlink *watched);
/* Reports the visit to the watch. Requires: the tree of the scan is in the store, and will be that
 * of the next question. NULL is fine. */
void fi_watchlink_report(struct fi_watchlink *watched, const struct fi_scan_result *scan);

/* The name of the socket, in the store's directory. */
enum { FI_WATCHLINK_NAME_SIZE = 32 };
void fi_watchlink_name(uint32_t workspace, char out[FI_WATCHLINK_NAME_SIZE]);

/* Sends one message to the watch at the other end of a connection and, if out_answer is not NULL,
 * receives the answer. */
struct fi_os_socket;
FIRN_MUST_CHECK int fi_watchlink_send(struct fi_os_socket *socket, enum fi_watchlink_wire_kind kind,
                                      firn_slice bytes, firn_error *err);
/* timeout_ns is for the whole message. */
FIRN_MUST_CHECK int fi_watchlink_receive(struct fi_os_socket *socket, int64_t timeout_ns,
                                         enum fi_watchlink_wire_kind *out_kind, struct fi_buf *out,
                                         firn_error *err);

#endif

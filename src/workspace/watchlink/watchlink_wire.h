/* SPDX-License-Identifier: Apache-2.0
 *
 * watchlink/watchlink_wire.h: what a save and a watch say to each other (prose: docs/watch.md).
 *
 * One message each way on a connection, but for a report, which is not answered:
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
 * The messages "look" and "stop" have no bytes; a stop is answered by an info.
 */
#ifndef FIRN_WATCHLINK_WATCHLINK_WIRE_H
#define FIRN_WATCHLINK_WATCHLINK_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reader.h"

enum {
    FIRN_WATCHLINK_WIRE_HEADER_SIZE = 8,
    FIRN_WATCHLINK_WIRE_SIZE_MAX = 32 << 20,
    FIRN_WATCHLINK_WIRE_ANSWER_HEAD_SIZE = 2 * 8, /* before the groups */
    FIRN_WATCHLINK_WIRE_KEY_SIZE = 16
};

enum firn_watchlink_wire_kind {
    FIRN_WATCHLINK_WIRE_ASK = 'a',
    FIRN_WATCHLINK_WIRE_TELL = 't',
    FIRN_WATCHLINK_WIRE_LOOK = 'l',
    FIRN_WATCHLINK_WIRE_STOP = 's',
    FIRN_WATCHLINK_WIRE_ANSWER = 'A',
    FIRN_WATCHLINK_WIRE_INFO = 'I'
};

/* The tree that the asker has, and what decides which entries belong to it. */
struct firn_watch_base {
    firn_hash tree;
    uint8_t key[FIRN_WATCHLINK_WIRE_KEY_SIZE]; /* a digest of options and of other workspaces */
};

struct firn_watch_question {
    bool is_full;     /* everything is to be looked at, whatever the watch knows */
    bool will_report; /* by the token of the answer */
    uint64_t device;  /* of the root of the tree that is asked about */
    uint64_t inode;
    struct firn_watch_base base;
};

/* A directory that need not be visited, nor anything below it. */
struct firn_watch_passed {
    firn_slice parent; /* path */
    firn_slice name;
    uint64_t files; /* in it and below; likewise bytes */
    uint64_t bytes;
    uint64_t directories; /* it, and those below */
};

/* A directory that was visited. */
struct firn_watch_visited {
    firn_slice path;
    bool is_steady; /* as long as nothing changes in it, its object and its numbers stay */
    uint64_t files; /* its own */
    uint64_t bytes;
};

void firn_watchlink_wire_header(enum firn_watchlink_wire_kind kind, size_t size,
                                uint8_t out[FIRN_WATCHLINK_WIRE_HEADER_SIZE]);
/* FIRN_INVALID for what no such message begins with. */
FIRN_MUST_CHECK int
firn_watchlink_wire_parse_header(const uint8_t header[FIRN_WATCHLINK_WIRE_HEADER_SIZE],
                                 enum firn_watchlink_wire_kind *out_kind, size_t *out_size,
                                 firn_error *err);

/* Each appends one thing; FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_watchlink_wire_put_question(struct firn_buf *out,
                                                     const struct firn_watch_question *question);
FIRN_MUST_CHECK int firn_watchlink_wire_put_token(struct firn_buf *out, uint64_t token);
/* When the scan began that is, or was last, reported. */
FIRN_MUST_CHECK int firn_watchlink_wire_put_begun(struct firn_buf *out, int64_t begun_ns);
FIRN_MUST_CHECK int firn_watchlink_wire_put_base(struct firn_buf *out,
                                                 const struct firn_watch_base *base);
FIRN_MUST_CHECK int firn_watchlink_wire_put_group(struct firn_buf *out, firn_slice path,
                                                  size_t count);
FIRN_MUST_CHECK int firn_watchlink_wire_put_passed(struct firn_buf *out,
                                                   const struct firn_watch_passed *passed);
FIRN_MUST_CHECK int firn_watchlink_wire_put_visited(struct firn_buf *out,
                                                    const struct firn_watch_visited *visited);

/* Each takes one thing; FIRN_INVALID where it is not there. Slices are borrowed from the bytes
 * read, and every path and name is a clean one. */
FIRN_MUST_CHECK int firn_watchlink_wire_get_question(firn_slice bytes,
                                                     struct firn_watch_question *out,
                                                     firn_error *err);
FIRN_MUST_CHECK int firn_watchlink_wire_get_token(struct firn_reader *reader, uint64_t *out,
                                                  firn_error *err);
FIRN_MUST_CHECK int firn_watchlink_wire_get_begun(struct firn_reader *reader, int64_t *out_ns,
                                                  firn_error *err);
FIRN_MUST_CHECK int firn_watchlink_wire_get_base(struct firn_reader *reader,
                                                 struct firn_watch_base *out, firn_error *err);
FIRN_MUST_CHECK int firn_watchlink_wire_get_visited(struct firn_reader *reader,
                                                    struct firn_watch_visited *out,
                                                    firn_error *err);
/* Calls visit for each directory behind the token of an answer. */
FIRN_MUST_CHECK int firn_watchlink_wire_get_passed(
    struct firn_reader *reader,
    int (*visit)(void *ctx, const struct firn_watch_passed *passed, firn_error *err), void *ctx,
    firn_error *err);

#endif

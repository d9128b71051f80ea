/* SPDX-License-Identifier: Apache-2.0
 *
 * reading/db_reading.h: snapshots, reads and cursors as the rest of the library sees them.
 * store/db.h includes it.
 */
#ifndef FIRN_READING_DB_READING_H
#define FIRN_READING_DB_READING_H

#include "instance/db_instance.h"

struct fi_run_projection; /* run/run_kind.h */

/* A snapshot of what is published now; any thread. System keyspaces are outside snapshots: reads
 * find their present state. */
FIRN_MUST_CHECK int fi_db_snapshot_open(struct firn_db *db, struct firn_snapshot **out,
                                        firn_error *err);
/* Another snapshot of the state that an open one sees. */
FIRN_MUST_CHECK int fi_db_snapshot_open_copy(const struct firn_snapshot *from,
                                             struct firn_snapshot **out, firn_error *err);
void fi_db_snapshot_close(struct firn_snapshot *snapshot);

/* Replaces the contents of out; FIRN_NOT_FOUND. snapshot may be NULL: now. Any thread. */
FIRN_MUST_CHECK int fi_db_get(struct firn_db_keyspace *keyspace, firn_slice key, struct fi_buf *out,
                              firn_error *err);
FIRN_MUST_CHECK int fi_db_get_at(struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot,
                                 firn_slice key, struct fi_buf *out, firn_error *err);
/* As fi_db_get, for a table's row of which only these columns are needed (run/run_kind.h; NULL:
 * all): other columns may be damaged. */
FIRN_MUST_CHECK int fi_db_get_columns(struct firn_db_keyspace *keyspace,
                                      struct firn_snapshot *snapshot, firn_slice key,
                                      const struct fi_run_projection *columns, struct fi_buf *out,
                                      firn_error *err);
/* Whether the key has a value now. Any thread. */
FIRN_MUST_CHECK int fi_db_get_exists(struct firn_db_keyspace *keyspace, firn_slice key, bool *out,
                                     firn_error *err);

/* A stamp for what a read finds in a keyspace at a snapshot (NULL: now): reads with the same stamp
 * find the same, as no commit or restore has changed the keyspace between them. 0: unknown, as for
 * a read-only handle, a snapshot of a checkpoint, one that is older than the newest change, or
 * while a commit is in progress. Any thread. */
uint64_t fi_db_get_stamp(const struct firn_db_keyspace *keyspace,
                         const struct firn_snapshot *snapshot);

/* Returns the value without a copy if it is in a cached block, else as a copy; valid until
 * fi_db_get_unpin. fi_db_close fails while there are pins. FIRN_NOT_FOUND; snapshot may be NULL:
 * now. Any thread. */
FIRN_MUST_CHECK int fi_db_get_pinned(struct firn_db_keyspace *keyspace,
                                     struct firn_snapshot *snapshot, firn_slice key,
                                     struct firn_db_pin **out, firn_slice *out_value,
                                     firn_error *err);
/* Any thread. NULL is fine. */
void fi_db_get_unpin(struct firn_db_pin *pin);

/* Reads many keys at one snapshot (NULL: now). visit gets the number of each key, in order, and the
 * value, whose memory it may take; NULL if the key is missing. If visit returns anything but
 * FIRN_OK, the call ends and returns that. */
struct fi_db_get_many {
    struct firn_snapshot *snapshot;
    const firn_slice *keys;
    size_t count;
    int (*visit)(void *ctx, size_t i, struct fi_buf *value, firn_error *err);
    void *ctx;
    const struct fi_run_projection *columns; /* as in fi_db_get_columns */
};
FIRN_MUST_CHECK int fi_db_get_many(struct firn_db_keyspace *keyspace,
                                   const struct fi_db_get_many *what, firn_error *err);

struct fi_db_cursor_options {
    const firn_slice *lower;        /* NULL: no bound */
    const firn_slice *upper;        /* exclusive */
    const firn_slice *prefix;       /* NULL: none */
    struct firn_snapshot *snapshot; /* NULL: now; used only while the cursor is opened */
    bool keys_only;                 /* values are not read; they appear as empty */
    /* As in run/run_kind.h: the columns of a table's rows that are needed. Borrowed until the
     * cursor is closed; NULL: all. */
    const struct fi_run_projection *projection;
};
FIRN_MUST_CHECK int fi_db_cursor_open(struct firn_db_keyspace *keyspace,
                                      const struct fi_db_cursor_options *options,
                                      struct firn_db_cursor **out, firn_error *err);
void fi_db_cursor_close(struct firn_db_cursor *cursor);
FIRN_MUST_CHECK int fi_db_cursor_first(struct firn_db_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int fi_db_cursor_last(struct firn_db_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int fi_db_cursor_seek(struct firn_db_cursor *cursor, firn_slice key,
                                      firn_error *err);
FIRN_MUST_CHECK int fi_db_cursor_seek_before(struct firn_db_cursor *cursor, firn_slice key,
                                             firn_error *err);
FIRN_MUST_CHECK int fi_db_cursor_next(struct firn_db_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int fi_db_cursor_prev(struct firn_db_cursor *cursor, firn_error *err);
bool fi_db_cursor_valid(const struct firn_db_cursor *cursor);
firn_slice fi_db_cursor_key(const struct firn_db_cursor *cursor);
firn_slice fi_db_cursor_value(const struct firn_db_cursor *cursor);
uint64_t fi_db_cursor_expires_ms(const struct firn_db_cursor *cursor);

/* ---- db_pieces.c: pieces of a keyspace for scans of columns (lsm/lsm_pieces.h) ---- */

/* As a cursor does, it keeps its snapshot, registered until close, and the time of its opening.
 * snapshot: NULL means now; otherwise used only during the call. lower and upper: NULL means no
 * bound. layout: columns that include those of the key, borrowed for the call; NULL, if the handle
 * writes: those of the schemas. */
struct fi_db_pieces;
struct fi_lsm_pieces;
struct fi_column_layout; /* lsm/lsm_pieces.h */
FIRN_MUST_CHECK int fi_db_pieces_open(struct firn_db_keyspace *keyspace,
                                      struct firn_snapshot *snapshot, const firn_slice *lower,
                                      const firn_slice *upper,
                                      const struct fi_column_layout *layout,
                                      struct fi_db_pieces **out, firn_error *err);
/* As fi_db_pieces_open for all keys, with loose pieces (lsm/lsm_pieces.h). */
FIRN_MUST_CHECK int fi_db_pieces_open_loose(struct firn_db_keyspace *keyspace,
                                            struct firn_snapshot *snapshot,
                                            const struct fi_column_layout *layout,
                                            struct fi_db_pieces **out, firn_error *err);
/* NULL is fine. */
void fi_db_pieces_close(struct fi_db_pieces *pieces);
/* NULL: there is nothing to read (an empty range, or a keyspace that the snapshot does not have).
 * Owned by the pieces. */
struct fi_lsm_pieces *fi_db_pieces_lsm(const struct fi_db_pieces *pieces);

#endif

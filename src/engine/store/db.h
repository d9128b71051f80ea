/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db.h: the store as the rest of the library sees it: a directory, its lock, its log, its
 * keyspaces, commits and cursors. The public version, with the caveats, is include/firn/store.h.
 * Here the operating system is an argument, system keyspaces can be opened, and other parts of firn
 * keep files of their own in the store's directory.
 *
 * Layout of a store's directory (docs/formats/store.md):
 *   FIRN                 identity: magic, format version, store id, creation time; written last at creation
 *   LOCK                 locked by the writing process; holds its pid as text
 *   wal-<number>.log     the record log
 *   manifest-<number>.log, runs/   owned by lsm/
 *   RESERVE              space kept for deletes on a full disk
 *   packs/               owned by workspace/
 */
#ifndef FIRN_STORE_DB_H
#define FIRN_STORE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "firn/cursor.h"
#include "firn/store.h"
#include "history/history.h"
#include "os/os.h"
#include "storefile/keyspace_entry.h"

struct firn_db;
struct firn_db_keyspace;
struct firn_db_batch;
struct firn_lsm_range;
struct firn_db_cursor;
struct firn_db_view;
struct firn_db_pin;

/* Names with this prefix are outside views, restores and diffs of the store's data, and users cannot
 * open them. */
#define FIRN_DB_SYSTEM_PREFIX "firn."
/* Names with this prefix also belong to firn, and users cannot open them, but they are inside views:
 * tables use them (room rows). */
#define FIRN_DB_TABLE_PREFIX "firn:"
/* The keyspace with the schema records of tables, by number: 8 bytes, big-endian. */
#define FIRN_DB_SCHEMAS FIRN_DB_TABLE_PREFIX "schemas"
enum { FIRN_DB_SCHEMA_KEY_SIZE = 8 };

struct firn_db_options {
    bool create_if_missing;
    bool fail_if_exists;
    bool read_only;
    bool read_pending;          /* as in firn_store_options */
    firn_durability durability; /* DEFAULT means FULL */
    int64_t lock_timeout_ms;    /* 0: do not wait; negative: wait without limit */
    uint64_t memory_bytes;      /* 0: FIRN_STORE_MEMORY_DEFAULT */
    unsigned threads;           /* 0: one for each processor, at most 4 */
    firn_compression compression;
    /* Called by firn_db_path_open with a directory, before anything is done with the store in it;
     * NULL: not called. */
    int (*prepare)(struct firn_os_dir *dir, const struct firn_db_options *options, firn_error *err);
};

/* dir is borrowed until close. FIRN_BUSY names the process that holds the lock. FIRN_INVALID: the
 * directory exists, and is neither empty nor a store. */
FIRN_MUST_CHECK int firn_db_open(struct firn_os_dir *dir, const struct firn_db_options *options,
                                 struct firn_db **out, firn_error *err);
/* Opens the directory at a user's path, and creates its last component (0700) if creation is
 * allowed. */
FIRN_MUST_CHECK int firn_db_path_open(struct firn_os *os, const char *path,
                                      const struct firn_db_options *options, struct firn_db **out,
                                      firn_error *err);
/* As firn_store_open_memory. */
FIRN_MUST_CHECK int firn_db_memory_open(uint64_t limit_bytes, const struct firn_db_options *options,
                                        struct firn_db **out, firn_error *err);
/* As firn_store_close. */
FIRN_MUST_CHECK int firn_db_close(struct firn_db *db, firn_error *err);
/* As firn_store_destroy. */
FIRN_MUST_CHECK int firn_db_path_destroy(struct firn_os *os, const char *path, firn_error *err);
/* Drops the handle as a crash would: nothing is written. Open cursors become invalid. For tests, and
 * for giving up. */
void firn_db_abandon(struct firn_db *db);
/* Called in a child of fork, on a handle that its parent opened: closes the files whose locks would
 * otherwise outlive the parent. The rest of the handle stays, and must not be used. */
void firn_db_leave(struct firn_db *db);
FIRN_MUST_CHECK int firn_db_log_sync(struct firn_db *db, firn_error *err);
struct firn_storefile_progress;
FIRN_MUST_CHECK int firn_db_refresh(struct firn_db *db, firn_error *err);
/* Called when a table has got an index of vectors: the background builds graphs over its runs (compaction.h).
 * Compacting builds them before it returns. */
void firn_db_maintain_graphs(struct firn_db *db);
FIRN_MUST_CHECK int firn_db_maintain_flush(struct firn_db *db, firn_error *err);
/* Flushes, and does the compactions that the store itself would do next. The keyspace `whole` (NULL:
 * none) is compacted down to its last level, which drops what was deleted or overwritten. */
FIRN_MUST_CHECK int firn_db_maintain_tidy(struct firn_db *db, const struct firn_db_keyspace *whole,
                                          firn_error *err);
/* progress may be NULL. After a cancellation, what was merged by then stays merged. */
FIRN_MUST_CHECK int firn_db_maintain_compact(struct firn_db *db,
                                             struct firn_storefile_progress *progress,
                                             firn_error *err);
/* Compacts the runs of a keyspace that overlap a range. */
FIRN_MUST_CHECK int firn_db_maintain_compact_range(const struct firn_db_keyspace *keyspace,
                                                   const struct firn_lsm_range *range,
                                                   struct firn_storefile_progress *progress,
                                                   firn_error *err);
/* Increases the version of MANIFEST, durably, and changes nothing else, so that handles opened from now
 * on can be told from earlier ones (firn_db_reader_none_below). */
FIRN_MUST_CHECK int firn_db_maintain_advance(struct firn_db *db, firn_error *err);
struct firn_os *firn_db_os(const struct firn_db *db);
struct firn_os_dir *firn_db_dir(const struct firn_db *db);
bool firn_db_is_read_only(const struct firn_db *db);
/* The sequence of the newest commit that the handle sees. As long as it stays the same in a store,
 * whichever handle is asked, nothing was committed. Any thread. */
uint64_t firn_db_sequence(const struct firn_db *db);
/* For parts of firn that keep files of their own in the store's directory and delete some of them:
 * the version of MANIFEST, which grows with every flush; and whether no handle open for reading, in
 * any process, was opened at a version below the given one. A file that is no longer used from
 * version v on may be deleted once there is no such handle below v. Any thread. */
uint64_t firn_db_reader_version(struct firn_db *db);
bool firn_db_reader_none_below(void *db, uint64_t version);
/* Sets the number of bytes in files that belong to the store but are not its own: the reserve for a
 * full disk counts them. Requires: the handle writes. Any thread. */
void firn_db_space_beside(struct firn_db *db, uint64_t bytes);
/* A write found no space, or will find none: frees a part of the reserve. True if there may be space now. From now on
 * only commits that free space are accepted, until the disk has some. Any thread. */
bool firn_db_space_give_up(struct firn_db *db);
/* Called after files were removed: on a full disk, makes sure that this frees space. Any thread. */
void firn_db_space_sync_removals(struct firn_db *db);
/* 128 random bits, generated at creation. */
const uint8_t *firn_db_id(const struct firn_db *db);

/* System names are allowed here. Creates a missing keyspace (read-only: FIRN_NOT_FOUND). */
FIRN_MUST_CHECK int firn_db_keyspace_open(struct firn_db *db, const char *name,
                                          struct firn_db_keyspace **out, firn_error *err);
/* As firn_db_keyspace_open, but in a read-only store a missing keyspace is NULL. */
FIRN_MUST_CHECK int firn_db_keyspace_open_if_any(struct firn_db *db, const char *name,
                                                 struct firn_db_keyspace **out, firn_error *err);
/* FIRN_NOT_FOUND if the keyspace is missing. */
FIRN_MUST_CHECK int firn_db_keyspace_open_existing(struct firn_db *db, const char *name,
                                                   struct firn_db_keyspace **out, firn_error *err);
/* FIRN_EXISTS if there is one. */
FIRN_MUST_CHECK int firn_db_keyspace_create(struct firn_db *db, const char *name,
                                            struct firn_db_keyspace **out, firn_error *err);
FIRN_MUST_CHECK int firn_db_keyspace_list(struct firn_db *db,
                                          int (*visit)(void *ctx, const char *name), void *ctx,
                                          firn_error *err);
FIRN_MUST_CHECK int firn_db_keyspace_drop(struct firn_db *db, const char *name, firn_error *err);
/* As firn_db_keyspace_create, with a type, a schema and the other fields, except for the number. */
FIRN_MUST_CHECK int firn_db_keyspace_create_as(struct firn_db *db, const char *name,
                                               const struct firn_keyspace_entry *as,
                                               struct firn_db_keyspace **out, firn_error *err);
/* The conditions under which a keyspace may be created or dropped; a failure fails the function. Called
 * when no restore of the store can happen between the answer and the commit. Must not change the list
 * of keyspaces. */
struct firn_db_keyspace_guard {
    int (*check)(void *ctx, firn_error *err);
    void *ctx;
};
/* As firn_db_keyspace_create_as and firn_db_keyspace_drop, if the guard allows it. */
FIRN_MUST_CHECK int firn_db_keyspace_create_if(struct firn_db *db, const char *name,
                                               const struct firn_keyspace_entry *as,
                                               const struct firn_db_keyspace_guard *guard,
                                               struct firn_db_keyspace **out, firn_error *err);
FIRN_MUST_CHECK int firn_db_keyspace_drop_if(struct firn_db *db, const char *name,
                                             const struct firn_db_keyspace_guard *guard,
                                             firn_error *err);
struct firn_db *firn_db_keyspace_db(const struct firn_db_keyspace *keyspace);
enum firn_keyspace_entry_type firn_db_keyspace_type(const struct firn_db_keyspace *keyspace);
uint64_t firn_db_keyspace_schema(const struct firn_db_keyspace *keyspace);
/* The object that a room above keeps with the handle, or NULL. Any thread. */
void *firn_db_keyspace_attached(struct firn_db_keyspace *keyspace);
/* Keeps an object with the handle, and destroys it together with the handle. If there is one already,
 * the new object is destroyed. Returns the object that is kept. Any thread. */
void *firn_db_keyspace_attach(struct firn_db_keyspace *keyspace, void *object,
                              void (*destroy)(void *object));
/* Tells how keys of a keyspace are made up, so that messages about conflicts (txn/db_txn_conflict.c)
 * can show them as values: it has the rows of `table`, which has that schema, or, if index is not 0, the
 * entries of its index of that number. The schema is counted. Of several the last one is kept, unless
 * another one knows of newer indexes. Any thread; not within a lock of a higher rank than STATE. */
struct firn_schema;
void firn_db_keyspace_note_schema(struct firn_db_keyspace *keyspace, struct firn_schema *schema,
                                  uint32_t index, const struct firn_db_keyspace *table);
const char *firn_db_keyspace_name(const struct firn_db_keyspace *keyspace);
/* The number by which texts of a repair name it (mend/mend.h). */
uint32_t firn_db_keyspace_number(const struct firn_db_keyspace *keyspace);

/* A view of what is published now; any thread. System keyspaces are outside views: reads find their
 * present state. */
FIRN_MUST_CHECK int firn_db_view_open(struct firn_db *db, struct firn_db_view **out,
                                      firn_error *err);
/* Another view of the state that an open one sees. */
FIRN_MUST_CHECK int firn_db_view_open_copy(const struct firn_db_view *from,
                                           struct firn_db_view **out, firn_error *err);
void firn_db_view_close(struct firn_db_view *view);
FIRN_MUST_CHECK int firn_db_keyspace_list_in(struct firn_db_view *view,
                                             int (*visit)(void *ctx, const char *name), void *ctx,
                                             firn_error *err);
/* Lists only keyspaces of one type. */
FIRN_MUST_CHECK int firn_db_keyspace_list_of_in(struct firn_db_view *view,
                                                enum firn_keyspace_entry_type type,
                                                int (*visit)(void *ctx, const char *name),
                                                void *ctx, firn_error *err);
FIRN_MUST_CHECK int firn_db_keyspace_open_in(struct firn_db_view *view, const char *name,
                                             struct firn_db_keyspace **out, firn_error *err);

/* Replaces the contents of out; FIRN_NOT_FOUND. view may be NULL: now. Any thread. */
FIRN_MUST_CHECK int firn_db_get(struct firn_db_keyspace *keyspace, firn_slice key,
                                struct firn_buf *out, firn_error *err);
FIRN_MUST_CHECK int firn_db_get_at(struct firn_db_keyspace *keyspace, struct firn_db_view *view,
                                   firn_slice key, struct firn_buf *out, firn_error *err);
struct firn_run_projection;
/* As firn_db_get, for a table's row of which only these columns are needed (run/run_kind.h; NULL: all):
 * other columns may be damaged. */
FIRN_MUST_CHECK int firn_db_get_columns(struct firn_db_keyspace *keyspace,
                                        struct firn_db_view *view, firn_slice key,
                                        const struct firn_run_projection *columns,
                                        struct firn_buf *out, firn_error *err);
/* Whether the key has a value now. Any thread. */
FIRN_MUST_CHECK int firn_db_get_exists(struct firn_db_keyspace *keyspace, firn_slice key, bool *out,
                                       firn_error *err);

/* A stamp for what a read finds in a keyspace at a view (NULL: now): reads with the same stamp find the same, as no commit or
 * restore has changed the keyspace between them. 0: unknown, as for a read-only handle, a view of a checkpoint, one that is older
 * than the newest change, or while a commit is in progress. Any thread. */
uint64_t firn_db_get_stamp(const struct firn_db_keyspace *keyspace,
                           const struct firn_db_view *view);

/* Returns the value without a copy if it is in a cached block, else as a copy; valid until
 * firn_db_get_unpin. firn_db_close fails while there are pins. FIRN_NOT_FOUND; view may be NULL:
 * now. Any thread. */
FIRN_MUST_CHECK int firn_db_get_pinned(struct firn_db_keyspace *keyspace, struct firn_db_view *view,
                                       firn_slice key, struct firn_db_pin **out,
                                       firn_slice *out_value, firn_error *err);
/* Any thread. NULL is fine. */
void firn_db_get_unpin(struct firn_db_pin *pin);

/* Reads many keys at one view (NULL: now). visit gets the number of each key, in order, and the value,
 * whose memory it may take; NULL if the key is missing. If visit returns anything but FIRN_OK, the
 * call ends and returns that. */
struct firn_db_get_many {
    struct firn_db_view *view;
    const firn_slice *keys;
    size_t count;
    int (*visit)(void *ctx, size_t i, struct firn_buf *value, firn_error *err);
    void *ctx;
    const struct firn_run_projection *columns; /* as in firn_db_get_columns */
};
FIRN_MUST_CHECK int firn_db_get_many(struct firn_db_keyspace *keyspace,
                                     const struct firn_db_get_many *what, firn_error *err);

/* One commit each. ttl_ms: how long the value lives from this call on, by the system's clock, here and below;
 * 0: it never expires. */
FIRN_MUST_CHECK int firn_db_put(struct firn_db_keyspace *keyspace, firn_slice key, firn_slice value,
                                firn_durability durability, firn_error *err);
FIRN_MUST_CHECK int firn_db_put_ttl(struct firn_db_keyspace *keyspace, firn_slice key,
                                    firn_slice value, uint64_t ttl_ms, firn_durability durability,
                                    firn_error *err);
FIRN_MUST_CHECK int firn_db_merge(struct firn_db_keyspace *keyspace, firn_slice key,
                                  firn_merge_operator operation, firn_slice operand,
                                  firn_durability durability, firn_error *err);
FIRN_MUST_CHECK int firn_db_delete(struct firn_db_keyspace *keyspace, firn_slice key,
                                   firn_durability durability, firn_error *err);
FIRN_MUST_CHECK int firn_db_delete_range(struct firn_db_keyspace *keyspace, firn_slice lower,
                                         firn_slice upper, firn_durability durability,
                                         firn_error *err);

FIRN_MUST_CHECK int firn_db_batch_create(struct firn_db_batch **out, firn_error *err);
void firn_db_batch_destroy(struct firn_db_batch *batch);
void firn_db_batch_clear(struct firn_db_batch *batch);
/* Declares that the commit frees more space than it takes, in the store or beside it: on a full disk it
 * is admitted as a delete is. Holds until the batch is cleared. */
void firn_db_batch_frees_space(struct firn_db_batch *batch);
size_t firn_db_batch_count(const struct firn_db_batch *batch);
size_t firn_db_batch_size_bytes(const struct firn_db_batch *batch);
/* As firn_batch_iterate. */
FIRN_MUST_CHECK int firn_db_batch_iterate(const struct firn_db_batch *batch,
                                          int (*visit)(void *ctx, const firn_batch_write *write),
                                          void *ctx, firn_error *err);
/* As firn_batch_append. */
FIRN_MUST_CHECK int firn_db_batch_append_all(struct firn_db_batch *batch,
                                             const struct firn_db_batch *from, firn_error *err);
FIRN_MUST_CHECK int firn_db_batch_put(struct firn_db_batch *batch,
                                      struct firn_db_keyspace *keyspace, firn_slice key,
                                      firn_slice value, firn_error *err);
FIRN_MUST_CHECK int firn_db_batch_put_ttl(struct firn_db_batch *batch,
                                          struct firn_db_keyspace *keyspace, firn_slice key,
                                          firn_slice value, uint64_t ttl_ms, firn_error *err);
FIRN_MUST_CHECK int firn_db_batch_merge(struct firn_db_batch *batch,
                                        struct firn_db_keyspace *keyspace, firn_slice key,
                                        firn_merge_operator operation, firn_slice operand,
                                        firn_error *err);
FIRN_MUST_CHECK int firn_db_batch_delete(struct firn_db_batch *batch,
                                         struct firn_db_keyspace *keyspace, firn_slice key,
                                         firn_error *err);
FIRN_MUST_CHECK int firn_db_batch_delete_range(struct firn_db_batch *batch,
                                               struct firn_db_keyspace *keyspace, firn_slice lower,
                                               firn_slice upper, firn_error *err);
FIRN_MUST_CHECK int firn_db_write(struct firn_db *db, const struct firn_db_batch *batch,
                                  firn_durability durability, firn_error *err);

/* Many entries as one commit: see firn_bulk_open. */
struct firn_db_bulk;
FIRN_MUST_CHECK int firn_db_bulk_open(struct firn_db_keyspace *keyspace, struct firn_db_bulk **out,
                                      firn_error *err);
/* For entries in any order; progress, which is required, reports the commit. */
FIRN_MUST_CHECK int firn_db_bulk_open_unsorted(struct firn_db_keyspace *keyspace,
                                               const struct firn_storefile_progress *progress,
                                               struct firn_db_bulk **out, firn_error *err);
FIRN_MUST_CHECK int firn_db_bulk_put(struct firn_db_bulk *bulk, firn_slice key, firn_slice value,
                                     firn_error *err);
FIRN_MUST_CHECK int firn_db_bulk_put_ttl(struct firn_db_bulk *bulk, firn_slice key,
                                         firn_slice value, uint64_t ttl_ms, firn_error *err);
/* A value that expires, as it is stored: its moment, then the value (base/entry.h). */
FIRN_MUST_CHECK int firn_db_bulk_put_expiring(struct firn_db_bulk *bulk, firn_slice key,
                                              firn_slice stored, firn_error *err);
/* If a key is put twice, the load fails with the code that refuse returns. Requires: the load was opened with
 * firn_db_bulk_open_unsorted, and has no entry so far. */
void firn_db_bulk_refuse_twice(struct firn_db_bulk *bulk,
                               int (*refuse)(void *ctx, firn_slice key, firn_error *err),
                               void *ctx);
/* The number of entries of the first part. */
uint64_t firn_db_bulk_count(const struct firn_db_bulk *bulk);
FIRN_MUST_CHECK int firn_db_bulk_commit(struct firn_db_bulk *bulk, firn_error *err);
void firn_db_bulk_close(struct firn_db_bulk *bulk);

/* A load into one or more keyspaces, whose keys must not exist yet. */
struct firn_db_bulk_part {
    struct firn_db_keyspace *keyspace;
    bool is_scattered; /* keys come in any order; else they should mostly ascend */
    bool is_unique; /* a key that exists, or comes twice, fails the load; else neither is checked */
};
struct firn_db_bulk_insert {
    const struct firn_db_bulk_part *parts;          /* borrowed for the opening only */
    size_t count;                                   /* at least 1; no keyspace twice */
    const struct firn_storefile_progress *progress; /* of the commit; copied */
    /* Sets FIRN_EXISTS for a key that a part has twice, or that exists already. */
    int (*refuse)(void *ctx, size_t part, firn_slice key, firn_error *err);
    /* Called by the commit when no other commit can precede it; a failure ends the load. */
    int (*check)(void *ctx, firn_error *err);
    void *ctx;
};
FIRN_MUST_CHECK int firn_db_bulk_open_insert(struct firn_db *db,
                                             const struct firn_db_bulk_insert *insert,
                                             struct firn_db_bulk **out, firn_error *err);
/* FIRN_LIMIT as firn_db_bulk_put; after any other failure the load can only be closed. A key that was inserted twice
 * may be refused here or by the commit; a key that the store has is refused by the commit. If the first part is
 * empty, the commit does nothing. */
FIRN_MUST_CHECK int firn_db_bulk_insert(struct firn_db_bulk *bulk, size_t part, firn_slice key,
                                        firn_slice value, firn_error *err);

/* Whether rows may now be added by columns: the part is a table, and its keys have ascended so far. */
bool firn_db_bulk_takes_columns(const struct firn_db_bulk *bulk, size_t part);
/* Adds rows whose keys ascend and are above all earlier ones. last_key is the key of the last row; the sequence is
 * ignored. Any failure ends the load. Requires: firn_db_bulk_takes_columns. */
struct firn_run_columns;
FIRN_MUST_CHECK int firn_db_bulk_insert_columns(struct firn_db_bulk *bulk, size_t part,
                                                const struct firn_run_columns *columns,
                                                firn_slice last_key, firn_error *err);

struct firn_db_cursor_options {
    const firn_slice *lower;   /* NULL: no bound */
    const firn_slice *upper;   /* exclusive */
    const firn_slice *prefix;  /* NULL: none */
    struct firn_db_view *view; /* NULL: now; used only while the cursor is opened */
    bool keys_only;            /* values are not read; they appear as empty */
    /* As in run/run_kind.h: the columns of a table's rows that are needed. Borrowed until the cursor is
     * closed; NULL: all. */
    const struct firn_run_projection *projection;
};
FIRN_MUST_CHECK int firn_db_cursor_open(struct firn_db_keyspace *keyspace,
                                        const struct firn_db_cursor_options *options,
                                        struct firn_db_cursor **out, firn_error *err);
void firn_db_cursor_close(struct firn_db_cursor *cursor);
FIRN_MUST_CHECK int firn_db_cursor_first(struct firn_db_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int firn_db_cursor_last(struct firn_db_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int firn_db_cursor_seek(struct firn_db_cursor *cursor, firn_slice key,
                                        firn_error *err);
FIRN_MUST_CHECK int firn_db_cursor_seek_before(struct firn_db_cursor *cursor, firn_slice key,
                                               firn_error *err);
FIRN_MUST_CHECK int firn_db_cursor_next(struct firn_db_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int firn_db_cursor_prev(struct firn_db_cursor *cursor, firn_error *err);
bool firn_db_cursor_valid(const struct firn_db_cursor *cursor);
firn_slice firn_db_cursor_key(const struct firn_db_cursor *cursor);
firn_slice firn_db_cursor_value(const struct firn_db_cursor *cursor);
uint64_t firn_db_cursor_expires_ms(const struct firn_db_cursor *cursor);

/* ---- db_pieces.c: pieces of a keyspace for scans of columns (lsm/lsm_pieces.h) ---- */

/* As a cursor does, it keeps its view, registered until close, and the time of its opening. view: NULL means
 * now; otherwise used only during the call. lower and upper: NULL means no bound. layout: columns that include
 * those of the key, borrowed for the call; NULL, if the handle writes: those of the schemas. */
struct firn_db_pieces;
struct firn_lsm_pieces;
struct firn_column_layout; /* lsm/lsm_pieces.h */
FIRN_MUST_CHECK int firn_db_pieces_open(struct firn_db_keyspace *keyspace,
                                        struct firn_db_view *view, const firn_slice *lower,
                                        const firn_slice *upper,
                                        const struct firn_column_layout *layout,
                                        struct firn_db_pieces **out, firn_error *err);
/* As firn_db_pieces_open for all keys, with loose pieces (lsm/lsm_pieces.h). */
FIRN_MUST_CHECK int firn_db_pieces_open_loose(struct firn_db_keyspace *keyspace,
                                              struct firn_db_view *view,
                                              const struct firn_column_layout *layout,
                                              struct firn_db_pieces **out, firn_error *err);
/* NULL is fine. */
void firn_db_pieces_close(struct firn_db_pieces *pieces);
/* NULL: there is nothing to read (an empty range, or a keyspace that the view does not have). Owned by
 * the pieces. */
struct firn_lsm_pieces *firn_db_pieces_lsm(const struct firn_db_pieces *pieces);

/* The memory budget that the store was opened with. */
uint64_t firn_db_memory_bytes(const struct firn_db *db);

/* A directory for temporary files; NULL: none (the handle is read-only, or the store is in memory, where
 * they would gain nothing). Their names come from firn_db_scratch_name, which never repeats one. The
 * caller removes its files; the next opening for writing removes those that a crash has left. Any
 * thread. */
struct firn_os_dir *firn_db_scratch_dir(struct firn_db *db);
enum { FIRN_DB_SCRATCH_NAME_SIZE = 64 };
/* ctx is the struct firn_db. */
void firn_db_scratch_name(void *ctx, char out[FIRN_DB_SCRATCH_NAME_SIZE]);

/* ==== which process has a store locked, and what it says it is doing ==== */

enum { FIRN_DB_HOLDER_NOTE_SIZE_MAX = 64 };

struct firn_db_holder {
    bool is_held;     /* by another handle */
    uint64_t process; /* 0: unknown */
    size_t size;      /* of its note; 0: no note */
    uint8_t note[FIRN_DB_HOLDER_NOTE_SIZE_MAX];
};

/* Publishes a note on what the handle, which writes, is doing. The note stays until the next call or
 * until the handle is closed. At most FIRN_DB_HOLDER_NOTE_SIZE_MAX bytes; 0 bytes clear it. Failures
 * are ignored: nothing depends on the note. One thread at a time. */
void firn_db_holder_tell(struct firn_db *db, const void *note, size_t size);
/* Reads the note of the present holder of the lock. `db` need not be open for writing, and sees the
 * present note, not that of its opening. The note is only for telling a person: a process that may
 * write to the store can write anything there. */
FIRN_MUST_CHECK int firn_db_holder_ask(struct firn_db *db, struct firn_db_holder *out,
                                       firn_error *err);

/* ==== checkpoints ====
 *
 * The public version of this interface, with the caveats, is include/firn/checkpoint.h.
 *
 * A reference names a checkpoint: its name; its number; "latest", or "latest~2" for the second one
 * before it, not counting safety checkpoints; or at least the first four letters of its id.
 *
 * Any thread.
 */

struct firn_db_checkpoint_info {
    uint8_t id[FIRN_HISTORY_ID_SIZE];
    uint64_t number; /* 0: a safety checkpoint */
    int64_t created_ns;
    uint64_t sequence;
    bool is_safety;
    uint8_t restored[FIRN_HISTORY_ID_SIZE]; /* of a safety checkpoint: what the restore restored */
    char name[FIRN_HISTORY_NAME_SIZE_MAX + 1];
};

/* name may be "": none. *out (may be NULL) is the new checkpoint. */
FIRN_MUST_CHECK int firn_db_checkpoint_create(struct firn_db *db, const char *name,
                                              struct firn_db_checkpoint_info *out, firn_error *err);
/* The same, but with a given time of creation. */
FIRN_MUST_CHECK int firn_db_checkpoint_create_at(struct firn_db *db, const char *name,
                                                 int64_t created_ns,
                                                 struct firn_db_checkpoint_info *out,
                                                 firn_error *err);
/* Adds a checkpoint with the id, number, name and time of one in another store, to a store that has no
 * checkpoint; a safety checkpoint becomes an ordinary one. MANIFEST has it when this returns.
 * Requires: no other thread uses the store. */
FIRN_MUST_CHECK int firn_db_checkpoint_adopt(struct firn_db *db,
                                             const struct firn_db_checkpoint_info *info,
                                             firn_error *err);
/* Deletes all of them or none. */
FIRN_MUST_CHECK int firn_db_checkpoint_delete(struct firn_db *db, const char *const *references,
                                              size_t count, firn_error *err);
/* The newest first; a return other than FIRN_OK ends the listing and is returned. */
struct firn_db_checkpoint_visitor {
    bool include_safety;
    int (*visit)(void *ctx, const struct firn_db_checkpoint_info *info);
    void *ctx;
};
FIRN_MUST_CHECK int firn_db_checkpoint_list(struct firn_db *db,
                                            const struct firn_db_checkpoint_visitor *visitor,
                                            firn_error *err);
/* FIRN_NOT_FOUND, FIRN_INVALID, or FIRN_CONFLICT if the reference is the beginning of several ids. */
FIRN_MUST_CHECK int firn_db_checkpoint_find(struct firn_db *db, const char *reference,
                                            struct firn_db_checkpoint_info *out, firn_error *err);
FIRN_MUST_CHECK int firn_db_checkpoint_view(struct firn_db *db, const char *reference,
                                            struct firn_db_view **out, firn_error *err);
FIRN_MUST_CHECK int firn_db_checkpoint_restore(struct firn_db *db, const char *reference,
                                               struct firn_db_checkpoint_info *out_restored,
                                               struct firn_db_checkpoint_info *out_safety,
                                               firn_error *err);
FIRN_MUST_CHECK int firn_db_checkpoint_undo(struct firn_db *db,
                                            struct firn_db_checkpoint_info *out_restored,
                                            struct firn_db_checkpoint_info *out_safety,
                                            firn_error *err);

/* ---- db_checkpoint.c ---- */

enum { FIRN_DB_CHECKPOINT_NAME_ID_SIZE = 2 * FIRN_HISTORY_ID_SIZE + 1 };
/* Writes the id as letters, with a NUL. */
void firn_db_checkpoint_name_of_id(const uint8_t id[FIRN_HISTORY_ID_SIZE],
                                   char out[FIRN_DB_CHECKPOINT_NAME_ID_SIZE]);

#endif

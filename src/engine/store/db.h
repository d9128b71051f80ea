/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db.h: the store inside the library: a directory, its lock, its log, its keyspaces, commits
 * and cursors. The public twin (and the caveats) is include/firn/store.h; here the outside world is
 * an argument, system keyspaces can be opened, and other parts of firn keep files of their own in
 * the store's directory.
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

/* Names that begin so are outside views, restores and diffs of the store's data, and not open to
 * the public. */
#define FIRN_DB_SYSTEM_PREFIX "firn."
/* Names that begin so are firn's own too, and not open to the public, but inside of views: they belong to
 * tables (table/table.h). */
#define FIRN_DB_TABLE_PREFIX "firn:"
/* The keyspace with the records of tables' schemas, by their numbers: 8 bytes, big-endian. */
#define FIRN_DB_SCHEMAS FIRN_DB_TABLE_PREFIX "schemas"
enum { FIRN_DB_SCHEMA_KEY_SIZE = 8 };

struct firn_db_options {
    bool create_if_missing;
    bool fail_if_exists;
    bool read_only;
    bool read_pending;          /* as firn_store_options has it */
    firn_durability durability; /* DEFAULT means FULL */
    int64_t lock_timeout_ms;    /* 0 does not wait, a negative one without end */
    uint64_t memory_bytes;      /* 0: FIRN_STORE_MEMORY_DEFAULT */
    unsigned threads;           /* 0: by the count of processors */
    firn_compression compression;
};

/* dir is borrowed until close. FIRN_BUSY names the process that holds the lock; an existing
 * directory that is neither empty nor a store is refused with FIRN_INVALID. */
FIRN_MUST_CHECK int firn_db_open(struct firn_os_dir *dir, const struct firn_db_options *options,
                                 struct firn_db **out, firn_error *err);
/* Opens the directory that a user's path names, making its last component (0700) where creation
 * is allowed. */
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
/* Drops the handle as a crash would: nothing is written. Cursors may be open; they are gone. For
 * tests and for giving up. */
void firn_db_abandon(struct firn_db *db);
/* In a child of fork, of a handle that its parent opened: closes the files whose locks would outlive
 * the parent otherwise. The rest of the handle stays, and is not to be used. */
void firn_db_leave(struct firn_db *db);
FIRN_MUST_CHECK int firn_db_sync(struct firn_db *db, firn_error *err);
struct firn_storefile_progress;
FIRN_MUST_CHECK int firn_db_refresh(struct firn_db *db, firn_error *err);
/* A table has got an index of vectors: graphs over its runs are built in the background (compaction.h). Compacting
 * builds them before it returns. */
void firn_db_maintain_graphs(struct firn_db *db);
FIRN_MUST_CHECK int firn_db_maintain_flush(struct firn_db *db, firn_error *err);
/* Flushes, and does those compactions that the store itself would do next; those of one keyspace
 * down to its last level, where what was deleted or overwritten goes. whole may be NULL: none. */
FIRN_MUST_CHECK int firn_db_maintain_tidy(struct firn_db *db, const struct firn_db_keyspace *whole,
                                          firn_error *err);
/* progress may be NULL. Cancelled, what was merged by then stays merged. */
FIRN_MUST_CHECK int firn_db_maintain_compact(struct firn_db *db,
                                             struct firn_storefile_progress *progress,
                                             firn_error *err);
/* Of a keyspace, what reaches into a range. */
FIRN_MUST_CHECK int firn_db_maintain_compact_range(const struct firn_db_keyspace *keyspace,
                                                   const struct firn_lsm_range *range,
                                                   struct firn_storefile_progress *progress,
                                                   firn_error *err);
struct firn_os *firn_db_os(const struct firn_db *db);
struct firn_os_dir *firn_db_dir(const struct firn_db *db);
bool firn_db_is_read_only(const struct firn_db *db);
/* That of the last commit that is seen. As long as a store's stays the same, by any handle, nothing
 * was committed. Any thread. */
uint64_t firn_db_sequence(const struct firn_db *db);
/* For parts of firn that keep files of their own in the store's directory and remove some: the
 * version of the MANIFEST, which grows with every flush, and whether no reading handle, of any
 * process, was opened at a version below one. A file that commits before version v gave up may go
 * when there is none below v. Any thread. */
uint64_t firn_db_reader_version(struct firn_db *db);
bool firn_db_reader_none_below(void *db, uint64_t version);
/* Makes the version grow, durably, and changes nothing else: handles that are opened from now on can
 * be told from earlier ones. */
FIRN_MUST_CHECK int firn_db_reader_advance(struct firn_db *db, firn_error *err);
/* So many bytes lie in files beside the store's own that belong to it: the reserve for a full disk
 * counts them. Not read-only. Any thread. */
void firn_db_space_beside(struct firn_db *db, uint64_t bytes);
/* After files were removed: on a full disk makes sure that this frees space. Any thread. */
void firn_db_space_settle(struct firn_db *db);
/* 128 random bits made at creation. */
const uint8_t *firn_db_id(const struct firn_db *db);

/* System names are allowed here. The first creates a keyspace that is missing (read-only:
 * FIRN_NOT_FOUND), the second never does; the third gives FIRN_EXISTS for one that is not missing. */
FIRN_MUST_CHECK int firn_db_keyspace_open(struct firn_db *db, const char *name,
                                          struct firn_db_keyspace **out, firn_error *err);
/* The same as the first, but in a store that is open for reading a missing keyspace is NULL. */
FIRN_MUST_CHECK int firn_db_keyspace_open_if_any(struct firn_db *db, const char *name,
                                                 struct firn_db_keyspace **out, firn_error *err);
FIRN_MUST_CHECK int firn_db_keyspace_open_existing(struct firn_db *db, const char *name,
                                                   struct firn_db_keyspace **out, firn_error *err);
FIRN_MUST_CHECK int firn_db_keyspace_create(struct firn_db *db, const char *name,
                                            struct firn_db_keyspace **out, firn_error *err);
FIRN_MUST_CHECK int firn_db_keyspace_list(struct firn_db *db,
                                          int (*visit)(void *ctx, const char *name), void *ctx,
                                          firn_error *err);
FIRN_MUST_CHECK int firn_db_keyspace_drop(struct firn_db *db, const char *name, firn_error *err);
/* As firn_db_keyspace_create, of a type, with a schema and what else is said of it, but for its number. */
FIRN_MUST_CHECK int firn_db_keyspace_create_as(struct firn_db *db, const char *name,
                                               const struct firn_keyspace_entry *as,
                                               struct firn_db_keyspace **out, firn_error *err);
/* The conditions under which a keyspace may be made or dropped: a failure is that of the function. Asked
 * when no restore of the store can come between the answer and the commit; must not change the list of
 * keyspaces. */
struct firn_db_keyspace_guard {
    int (*check)(void *ctx, firn_error *err);
    void *ctx;
};
/* As firn_db_keyspace_create_as and firn_db_keyspace_drop, where the guard has nothing against it. */
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
/* What a room above keeps with the handle; NULL: nothing. Any thread. */
void *firn_db_keyspace_attached(struct firn_db_keyspace *keyspace);
/* Keeps an object with the handle, to be destroyed with it, unless another one is kept already: then
 * the object is destroyed. Returns the one that is kept. Any thread. */
void *firn_db_keyspace_attach(struct firn_db_keyspace *keyspace, void *object,
                              void (*destroy)(void *object));
const char *firn_db_keyspace_name(const struct firn_db_keyspace *keyspace);
/* As texts of a repair have it (mend/mend.h). */
uint32_t firn_db_keyspace_number(const struct firn_db_keyspace *keyspace);

/* A view of what is published at this moment; any thread. System keyspaces are outside views: they
 * are read as they are now. */
FIRN_MUST_CHECK int firn_db_view_open(struct firn_db *db, struct firn_db_view **out,
                                      firn_error *err);
/* Another view of what an open one sees. */
FIRN_MUST_CHECK int firn_db_view_open_copy(const struct firn_db_view *from,
                                           struct firn_db_view **out, firn_error *err);
void firn_db_view_close(struct firn_db_view *view);
FIRN_MUST_CHECK int firn_db_view_keyspace_list(struct firn_db_view *view,
                                               int (*visit)(void *ctx, const char *name), void *ctx,
                                               firn_error *err);
/* The same of keyspaces of one type. */
FIRN_MUST_CHECK int firn_db_view_keyspace_list_of(struct firn_db_view *view,
                                                  enum firn_keyspace_entry_type type,
                                                  int (*visit)(void *ctx, const char *name),
                                                  void *ctx, firn_error *err);
FIRN_MUST_CHECK int firn_db_view_keyspace_open(struct firn_db_view *view, const char *name,
                                               struct firn_db_keyspace **out, firn_error *err);

/* Replaces the contents of out; FIRN_NOT_FOUND. view may be NULL: now. Any thread. */
FIRN_MUST_CHECK int firn_db_get(struct firn_db_keyspace *keyspace, firn_slice key,
                                struct firn_buf *out, firn_error *err);
FIRN_MUST_CHECK int firn_db_get_at(struct firn_db_keyspace *keyspace, struct firn_db_view *view,
                                   firn_slice key, struct firn_buf *out, firn_error *err);
struct firn_run_projection;
/* The same; of a table's row the value needs no more than these columns (block/run_kind.h; NULL: all), so those
 * that are not among them may be damaged. */
FIRN_MUST_CHECK int firn_db_get_columns(struct firn_db_keyspace *keyspace,
                                        struct firn_db_view *view, firn_slice key,
                                        const struct firn_run_projection *columns,
                                        struct firn_buf *out, firn_error *err);
/* Whether the key has a value now. Any thread. */
FIRN_MUST_CHECK int firn_db_get_exists(struct firn_db_keyspace *keyspace, firn_slice key, bool *out,
                                       firn_error *err);

/* A number for what a reading of now finds in a keyspace: while it is the same, no commit and no restore has changed
 * that. 0: not known, as of a read-only handle, or while a commit comes. Any thread. */
uint64_t firn_db_get_stamp(const struct firn_db_keyspace *keyspace);

/* Gives the value without a copy where it lies in a block of the cache, else as a copy; good until
 * firn_db_get_unpin. While there are pins firn_db_close refuses. FIRN_NOT_FOUND; view may be NULL:
 * now. Any thread. */
FIRN_MUST_CHECK int firn_db_get_pinned(struct firn_db_keyspace *keyspace, struct firn_db_view *view,
                                       firn_slice key, struct firn_db_pin **out,
                                       firn_slice *out_value, firn_error *err);
/* Any thread. NULL is fine. */
void firn_db_get_unpin(struct firn_db_pin *pin);

/* Many keys at one view, NULL meaning now. visit gets each with its number, in order, and the value,
 * which it may take the memory of; NULL where the key is missing. If it returns anything but
 * FIRN_OK, the call ends and returns that. */
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

/* One commit each. */
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
/* The commit frees more space than it takes, in the store or beside it: on a full disk it is taken as
 * deletes are. Until the batch is cleared. */
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
/* The value is gone ttl_ms after this call, by the system's clock. */
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
/* A value that ends as it is stored: its moment, and the value (base/entry.h). */
FIRN_MUST_CHECK int firn_db_bulk_put_expiring(struct firn_db_bulk *bulk, firn_slice key,
                                              firn_slice stored, firn_error *err);
/* A key that was put twice fails the load, with what refuse returns. Requires: firn_db_bulk_open_unsorted, and no
 * put so far. */
void firn_db_bulk_refuse_twice(struct firn_db_bulk *bulk,
                               int (*refuse)(void *ctx, firn_slice key, firn_error *err),
                               void *ctx);
/* Of the first part. */
uint64_t firn_db_bulk_count(const struct firn_db_bulk *bulk);
FIRN_MUST_CHECK int firn_db_bulk_commit(struct firn_db_bulk *bulk, firn_error *err);
void firn_db_bulk_close(struct firn_db_bulk *bulk);

/* A load into one keyspace or more, whose keys must not be there. */
struct firn_db_bulk_part {
    struct firn_db_keyspace *keyspace;
    bool is_scattered; /* keys come in no order; else they are expected to ascend, mostly */
    bool is_unique;    /* a key that is there, or comes twice, fails the load; else no key does */
};
struct firn_db_bulk_insert {
    const struct firn_db_bulk_part *parts;          /* borrowed by the opening alone */
    size_t count;                                   /* from 1 on; no keyspace twice */
    const struct firn_storefile_progress *progress; /* of the commit; copied */
    /* Says FIRN_EXISTS of a key that a part has twice, or that is there. */
    int (*refuse)(void *ctx, size_t part, firn_slice key, firn_error *err);
    /* Called by the commit when no other commit can come before it: whether it may go on. */
    int (*check)(void *ctx, firn_error *err);
    void *ctx;
};
FIRN_MUST_CHECK int firn_db_bulk_open_insert(struct firn_db *db,
                                             const struct firn_db_bulk_insert *insert,
                                             struct firn_db_bulk **out, firn_error *err);
/* FIRN_LIMIT as firn_db_bulk_put; after any other failure the load can only be closed. A key that is there twice may be
 * refused here, or by the commit; one that the store has by the commit. If the first part has nothing, the commit
 * does nothing. */
FIRN_MUST_CHECK int firn_db_bulk_insert(struct firn_db_bulk *bulk, size_t part, firn_slice key,
                                        firn_slice value, firn_error *err);

/* Whether rows may come column by column now: the part is of a table, and what came ascends. */
bool firn_db_bulk_takes_columns(const struct firn_db_bulk *bulk, size_t part);
/* Rows whose keys ascend and are above all that came; last_key is that of the last one, and the sequence is not
 * looked at. Any failure ends the load. Requires: firn_db_bulk_takes_columns. */
struct firn_run_columns;
FIRN_MUST_CHECK int firn_db_bulk_insert_columns(struct firn_db_bulk *bulk, size_t part,
                                                const struct firn_run_columns *columns,
                                                firn_slice last_key, firn_error *err);

struct firn_db_cursor_options {
    const firn_slice *lower;   /* NULL is no bound */
    const firn_slice *upper;   /* exclusive */
    const firn_slice *prefix;  /* NULL is none */
    struct firn_db_view *view; /* NULL: of now; only looked at while the cursor is opened */
    bool keys_only;            /* values are not read, and shown as empty */
    /* As in block/run_kind.h: of rows of a table values need no more. Borrowed as long as the cursor; NULL:
     * all. */
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

/* As a cursor, it keeps its view, registered until close, and the time of its opening. view NULL: now;
 * else it is only looked at during the call. lower and upper NULL: no bound. layout: columns of which those
 * of the key are, borrowed for the call; NULL, in a handle that writes: the schemas say them. */
struct firn_db_pieces;
struct firn_lsm_pieces;
struct firn_column_layout; /* lsm/lsm_pieces.h */
FIRN_MUST_CHECK int firn_db_pieces_open(struct firn_db_keyspace *keyspace,
                                        struct firn_db_view *view, const firn_slice *lower,
                                        const firn_slice *upper,
                                        const struct firn_column_layout *layout,
                                        struct firn_db_pieces **out, firn_error *err);
/* The same of all keys, with loose pieces (lsm/lsm_pieces.h). */
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

/* Where temporary files may be made; NULL: nowhere (the handle only reads, or the store is in memory
 * alone: there is nothing to be gained). Their names come from firn_db_scratch_name, no name twice. The
 * caller removes its files; the next opening that writes removes those that a crash has left. Any
 * thread. */
struct firn_os_dir *firn_db_scratch_dir(struct firn_db *db);
enum { FIRN_DB_SCRATCH_NAME_SIZE = 64 };
/* ctx is the struct firn_db. */
void firn_db_scratch_name(void *ctx, char out[FIRN_DB_SCRATCH_NAME_SIZE]);

/* ==== which process has a store locked, and what it says it is doing ==== */

enum { FIRN_DB_HOLDER_NOTE_SIZE_MAX = 64 };

struct firn_db_holder {
    bool is_held;     /* by a handle other than the one that asks */
    uint64_t process; /* 0: unknown */
    size_t size;      /* of its note; 0: it has none */
    uint8_t note[FIRN_DB_HOLDER_NOTE_SIZE_MAX];
};

/* Says what the handle, which writes, is doing. It is said until the handle says something else, or is
 * closed. At most FIRN_DB_HOLDER_NOTE_SIZE_MAX bytes; none: nothing. A failure is ignored: nothing
 * depends on it. One thread at a time. */
void firn_db_holder_tell(struct firn_db *db, const void *note, size_t size);
/* What the present holder of the lock says. `db` need not be open for writing, and sees what is
 * said now, not what was when it was opened. Nothing is concluded from the note but what to tell a
 * person: a process that may write to the store may write anything there. */
FIRN_MUST_CHECK int firn_db_holder_ask(struct firn_db *db, struct firn_db_holder *out,
                                       firn_error *err);

/* ==== checkpoints ====
 *
 * The public twin of this interface, with the caveats, is include/firn/checkpoint.h.
 *
 * A reference names a checkpoint: its name; its number; "latest", or "latest~2" for the second one
 * before it, safety checkpoints not counted; or at least four letters of the beginning of its id.
 *
 * Any thread.
 */

struct firn_db_checkpoint_info {
    uint8_t id[FIRN_HISTORY_ID_SIZE];
    uint64_t number; /* 0: a safety checkpoint */
    int64_t created_ns;
    uint64_t sequence;
    bool is_safety;
    uint8_t restored[FIRN_HISTORY_ID_SIZE]; /* of a safety checkpoint: what was restored then */
    char name[FIRN_HISTORY_NAME_SIZE_MAX + 1];
};

/* name may be "": none. *out (NULL: not wanted) is what was made. */
FIRN_MUST_CHECK int firn_db_checkpoint_create(struct firn_db *db, const char *name,
                                              struct firn_db_checkpoint_info *out, firn_error *err);
/* As if it had been made at another time. */
FIRN_MUST_CHECK int firn_db_checkpoint_create_at(struct firn_db *db, const char *name,
                                                 int64_t created_ns,
                                                 struct firn_db_checkpoint_info *out,
                                                 firn_error *err);
/* Makes one with the id, number, name and time of one that another store has, a safety checkpoint
 * as an ordinary one, in a store that has none; MANIFEST has it when this returns. Requires: no other
 * thread uses the store. */
FIRN_MUST_CHECK int firn_db_checkpoint_adopt(struct firn_db *db,
                                             const struct firn_db_checkpoint_info *info,
                                             firn_error *err);
/* All of them or none. */
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
/* FIRN_NOT_FOUND, FIRN_INVALID, or FIRN_CONFLICT where more than one id begins so. */
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

/* ---- for the files of store/ ---- */

/* All of the history, in place of out's contents. */
FIRN_MUST_CHECK int firn_db_checkpoint_write_all(struct firn_db *db, struct firn_buf *out,
                                                 firn_error *err);
/* Has MANIFEST keep the history, if the log before a segment has changes that it lacks. The
 * leader's. */
FIRN_MUST_CHECK int firn_db_checkpoint_save_before(struct firn_db *db, uint64_t segment,
                                                   firn_error *err);

/* ---- db_checkpoint.c ---- */

enum { FIRN_DB_CHECKPOINT_NAME_ID_SIZE = 2 * FIRN_HISTORY_ID_SIZE + 1 };
/* The letters of an id, and a NUL. */
void firn_db_checkpoint_name_of_id(const uint8_t id[FIRN_HISTORY_ID_SIZE],
                                   char out[FIRN_DB_CHECKPOINT_NAME_ID_SIZE]);

#endif

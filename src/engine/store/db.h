/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db.h: the store as the rest of the library sees it: a directory, its lock, its log, its
 * keyspaces, commits and cursors. The public version, with the caveats, is include/firn/store.h.
 * Here the operating system is an argument, system keyspaces can be opened, and other parts of firn
 * keep files of their own in the store's directory.
 *
 * Layout of a store's directory (docs/formats/store.md):
 *   FIRN                 identity: magic, format version, store id, creation time; written last at
 *                        creation
 *   LOCK                 locked by the writing process; holds its pid as text
 *   wal-<number>.log     the record log
 *   manifest-<number>.log, runs/   owned by lsm/
 *   RESERVE              space kept for deletes on a full disk
 *   packs/               owned by workspace/
 *   FIRN.keys            the keys of an encrypted store
 */
#ifndef FIRN_STORE_DB_H
#define FIRN_STORE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "commit/db_commit.h"
#include "history/history.h"
#include "instance/db_instance.h"
#include "reading/db_reading.h"
#include "upkeep/db_upkeep.h"

struct fi_unlock_source;

struct fi_db_options {
    bool create_if_missing;
    bool fail_if_exists;
    bool read_only;
    bool read_pending;          /* as in firn_store_options */
    firn_durability durability; /* DEFAULT means FULL */
    int64_t lock_timeout_ms;    /* 0: do not wait; negative: wait without limit */
    uint64_t memory_bytes;      /* 0: FIRN_STORE_MEMORY_DEFAULT */
    unsigned threads;           /* 0: one for each processor, at most 4 */
    firn_compression compression;
    /* Asked for a secret that opens an encrypted store, or is to open a new one, after the
     * environment (unlock/unlock.h). NULL: nobody is asked. */
    const struct fi_unlock_source *unlock;
    unsigned new_cipher; /* of a store that is created; 0: it is in clear */
    /* Called by fi_db_path_open with a directory, before anything is done with the store in it;
     * NULL: not called. */
    int (*prepare)(struct fi_os_dir *dir, const struct fi_db_options *options, firn_error *err);
};

/* dir is borrowed until close. FIRN_BUSY names the process that holds the lock. FIRN_INVALID: the
 * directory exists, and is neither empty nor a store. FIRN_DENIED: it is encrypted, and nothing
 * that opens its keys was given. */
FIRN_MUST_CHECK int fi_db_open(struct fi_os_dir *dir, const struct fi_db_options *options,
                               struct firn_db **out, firn_error *err);
/* Opens the directory at a user's path, and creates its last component (0700) if creation is
 * allowed. */
FIRN_MUST_CHECK int fi_db_path_open(struct fi_os *os, const char *path,
                                    const struct fi_db_options *options, struct firn_db **out,
                                    firn_error *err);
/* As firn_store_open_memory. */
FIRN_MUST_CHECK int fi_db_memory_open(uint64_t limit_bytes, const struct fi_db_options *options,
                                      struct firn_db **out, firn_error *err);
/* As firn_store_close. */
FIRN_MUST_CHECK int fi_db_close(struct firn_db *db, firn_error *err);
/* As firn_store_destroy. */
FIRN_MUST_CHECK int fi_db_path_destroy(struct fi_os *os, const char *path, firn_error *err);
/* Drops the handle as a crash would: nothing is written. Open cursors become invalid. For tests,
 * and for giving up. */
void fi_db_abandon(struct firn_db *db);
/* Called in a child of fork, on a handle that its parent opened: closes the files whose locks would
 * otherwise outlive the parent. The rest of the handle stays, and must not be used. */
void fi_db_leave(struct firn_db *db);
FIRN_MUST_CHECK int fi_db_refresh(struct firn_db *db, firn_error *err);

struct fi_os *fi_db_os(const struct firn_db *db);
struct fi_os_dir *fi_db_dir(const struct firn_db *db);
bool fi_db_is_read_only(const struct firn_db *db);
/* The sequence of the newest commit that the handle sees. As long as it stays the same in a store,
 * whichever handle is asked, nothing was committed. Any thread. */
uint64_t fi_db_sequence(const struct firn_db *db);
/* Attaches the keys of one directory's handle, if it has some, to another handle that has none:
 * below it nothing is written in clear from then on. Requires: nothing was opened from the second
 * one that is still used. The handle of an open store is fi_db_dir. */
void fi_db_keys_share(const struct fi_os_dir *from, struct fi_os_dir *to);
/* 128 random bits, generated at creation. */
const uint8_t *fi_db_id(const struct firn_db *db);
/* System names are allowed here. Creates a missing keyspace (read-only: FIRN_NOT_FOUND). */
FIRN_MUST_CHECK int fi_db_keyspace_open(struct firn_db *db, const char *name,
                                        struct firn_db_keyspace **out, firn_error *err);
/* As fi_db_keyspace_open, but in a read-only store a missing keyspace is NULL. */
FIRN_MUST_CHECK int fi_db_keyspace_open_if_any(struct firn_db *db, const char *name,
                                               struct firn_db_keyspace **out, firn_error *err);
/* FIRN_NOT_FOUND if the keyspace is missing. */
FIRN_MUST_CHECK int fi_db_keyspace_open_existing(struct firn_db *db, const char *name,
                                                 struct firn_db_keyspace **out, firn_error *err);
/* FIRN_EXISTS if there is one. */
FIRN_MUST_CHECK int fi_db_keyspace_create(struct firn_db *db, const char *name,
                                          struct firn_db_keyspace **out, firn_error *err);
FIRN_MUST_CHECK int fi_db_keyspace_list(struct firn_db *db,
                                        int (*visit)(void *ctx, const char *name), void *ctx,
                                        firn_error *err);
FIRN_MUST_CHECK int fi_db_keyspace_drop(struct firn_db *db, const char *name, firn_error *err);
/* As fi_db_keyspace_create, with a type, a schema and the other fields, except for the number. */
FIRN_MUST_CHECK int fi_db_keyspace_create_as(struct firn_db *db, const char *name,
                                             const struct fi_storefile_keyspace *as,
                                             struct firn_db_keyspace **out, firn_error *err);
/* The conditions under which a keyspace may be created or dropped; a failure fails the function.
 * Called when no restore of the store can happen between the answer and the commit. Must not change
 * the list of keyspaces. */
struct fi_db_keyspace_guard {
    int (*check)(void *ctx, firn_error *err);
    void *ctx;
};

/* As fi_db_keyspace_create_as and fi_db_keyspace_drop, if the guard allows it. */
FIRN_MUST_CHECK int fi_db_keyspace_create_if(struct firn_db *db, const char *name,
                                             const struct fi_storefile_keyspace *as,
                                             const struct fi_db_keyspace_guard *guard,
                                             struct firn_db_keyspace **out, firn_error *err);
FIRN_MUST_CHECK int fi_db_keyspace_drop_if(struct firn_db *db, const char *name,
                                           const struct fi_db_keyspace_guard *guard,
                                           firn_error *err);
struct firn_db *fi_db_keyspace_db(const struct firn_db_keyspace *keyspace);
enum fi_storefile_keyspace_type fi_db_keyspace_type(const struct firn_db_keyspace *keyspace);
uint64_t fi_db_keyspace_schema(const struct firn_db_keyspace *keyspace);
/* The object that a room above keeps with the handle, or NULL. Any thread. */
void *fi_db_keyspace_attached(struct firn_db_keyspace *keyspace);
/* Keeps an object with the handle, and destroys it together with the handle. If there is one
 * already, the new object is destroyed. Returns the object that is kept. Any thread. */
void *fi_db_keyspace_attach(struct firn_db_keyspace *keyspace, void *object,
                            void (*destroy)(void *object));
/* Tells how keys of a keyspace are made up, so that messages about conflicts
 * (txn/txn_conflict.c) can show them as values: it has the rows of `table`, which has that
 * schema, or, if index is not 0, the entries of its index of that number. The schema is counted. Of
 * several the last one is kept, unless another one knows of newer indexes. Any thread; not within a
 * lock of a higher rank than STATE. */
struct fi_schema;
void fi_db_keyspace_note_schema(struct firn_db_keyspace *keyspace, struct fi_schema *schema,
                                uint32_t index, const struct firn_db_keyspace *table);
const char *fi_db_keyspace_name(const struct firn_db_keyspace *keyspace);
/* The number by which texts of a repair name it (rescue/rescue_runs.c). */
uint32_t fi_db_keyspace_number(const struct firn_db_keyspace *keyspace);
FIRN_MUST_CHECK int fi_db_keyspace_list_in(struct firn_snapshot *snapshot,
                                           int (*visit)(void *ctx, const char *name), void *ctx,
                                           firn_error *err);
/* Lists only keyspaces of one type. */
FIRN_MUST_CHECK int fi_db_keyspace_list_of_in(struct firn_snapshot *snapshot,
                                              enum fi_storefile_keyspace_type type,
                                              int (*visit)(void *ctx, const char *name), void *ctx,
                                              firn_error *err);
FIRN_MUST_CHECK int fi_db_keyspace_open_in(struct firn_snapshot *snapshot, const char *name,
                                           struct firn_db_keyspace **out, firn_error *err);
FIRN_MUST_CHECK int fi_db_merge(struct firn_db_keyspace *keyspace, firn_slice key,
                                firn_merge_operator operation, firn_slice operand,
                                firn_durability durability, firn_error *err);
FIRN_MUST_CHECK int fi_db_delete(struct firn_db_keyspace *keyspace, firn_slice key,
                                 firn_durability durability, firn_error *err);
FIRN_MUST_CHECK int fi_db_delete_range(struct firn_db_keyspace *keyspace, firn_slice lower,
                                       firn_slice upper, firn_durability durability,
                                       firn_error *err);
/* Many entries as one commit: see firn_bulk_open. */
struct firn_db_bulk;
FIRN_MUST_CHECK int fi_db_bulk_open(struct firn_db_keyspace *keyspace, struct firn_db_bulk **out,
                                    firn_error *err);
/* For entries in any order; progress, which is required, reports the commit. */
FIRN_MUST_CHECK int fi_db_bulk_open_unsorted(struct firn_db_keyspace *keyspace,
                                             const struct fi_storefile_progress *progress,
                                             struct firn_db_bulk **out, firn_error *err);
FIRN_MUST_CHECK int fi_db_bulk_put(struct firn_db_bulk *bulk, firn_slice key, firn_slice value,
                                   firn_error *err);
FIRN_MUST_CHECK int fi_db_bulk_put_ttl(struct firn_db_bulk *bulk, firn_slice key, firn_slice value,
                                       uint64_t ttl_ms, firn_error *err);
/* A value that expires, as it is stored: its moment, then the value (base/entry.h). */
FIRN_MUST_CHECK int fi_db_bulk_put_expiring(struct firn_db_bulk *bulk, firn_slice key,
                                            firn_slice stored, firn_error *err);
/* If a key is put twice, the load fails with the code that refuse returns. Requires: the load was
 * opened with fi_db_bulk_open_unsorted, and has no entry so far. */
void fi_db_bulk_refuse_twice(struct firn_db_bulk *bulk,
                             int (*refuse)(void *ctx, firn_slice key, firn_error *err), void *ctx);
/* The number of entries of the first part. */
uint64_t fi_db_bulk_count(const struct firn_db_bulk *bulk);
FIRN_MUST_CHECK int fi_db_bulk_commit(struct firn_db_bulk *bulk, firn_error *err);
void fi_db_bulk_close(struct firn_db_bulk *bulk);
/* A load into one or more keyspaces, whose keys must not exist yet. */
struct fi_db_bulk_part {
    struct firn_db_keyspace *keyspace;
    bool is_scattered; /* keys come in any order; else they should mostly ascend */
    bool is_unique; /* a key that exists, or comes twice, fails the load; else neither is checked */
};
struct fi_db_bulk_insert {
    const struct fi_db_bulk_part *parts;          /* borrowed for the opening only */
    size_t count;                                 /* at least 1; no keyspace twice */
    const struct fi_storefile_progress *progress; /* of the commit; copied */
    /* Sets FIRN_EXISTS for a key that a part has twice, or that exists already. */
    int (*refuse)(void *ctx, size_t part, firn_slice key, firn_error *err);
    /* Called by the commit when no other commit can precede it; a failure ends the load. */
    int (*check)(void *ctx, firn_error *err);
    void *ctx;
};
FIRN_MUST_CHECK int fi_db_bulk_open_insert(struct firn_db *db,
                                           const struct fi_db_bulk_insert *insert,
                                           struct firn_db_bulk **out, firn_error *err);

/* FIRN_LIMIT as fi_db_bulk_put; after any other failure the load can only be closed. A key that
 * was inserted twice may be refused here or by the commit; a key that the store has is refused by
 * the commit. If the first part is empty, the commit does nothing. */
FIRN_MUST_CHECK int fi_db_bulk_insert(struct firn_db_bulk *bulk, size_t part, firn_slice key,
                                      firn_slice value, firn_error *err);
/* Whether rows may now be added by columns: the part is a table, and its keys have ascended so
 * far. */
bool fi_db_bulk_takes_columns(const struct firn_db_bulk *bulk, size_t part);
/* Adds rows whose keys ascend and are above all earlier ones. last_key is the key of the last row;
 * the sequence is ignored. Any failure ends the load. Requires: fi_db_bulk_takes_columns. */
struct fi_run_columns;
FIRN_MUST_CHECK int fi_db_bulk_insert_columns(struct firn_db_bulk *bulk, size_t part,
                                              const struct fi_run_columns *columns,
                                              firn_slice last_key, firn_error *err);
/* The memory budget that the store was opened with. */
uint64_t fi_db_memory_bytes(const struct firn_db *db);
/* A directory for temporary files; NULL: none (the handle is read-only, or the store is in memory,
 * where they would gain nothing). Their names come from fi_db_scratch_name, which never repeats
 * one. The caller removes its files; the next opening for writing removes those that a crash has
 * left. Any thread. */
struct fi_os_dir *fi_db_scratch_dir(struct firn_db *db);
enum { FI_DB_SCRATCH_NAME_SIZE = 64 };

/* ctx is the struct firn_db. */
void fi_db_scratch_name(void *ctx, char out[FI_DB_SCRATCH_NAME_SIZE]);

/* ==== which process has a store locked, and what it says it is doing ==== */

enum { FI_DB_HOLDER_NOTE_SIZE_MAX = 64 };

struct fi_db_holder {
    bool is_held;     /* by another handle */
    uint64_t process; /* 0: unknown */
    size_t size;      /* of its note; 0: no note */
    uint8_t note[FI_DB_HOLDER_NOTE_SIZE_MAX];
};

/* Publishes a note on what the handle, which writes, is doing. The note stays until the next call
 * or until the handle is closed. At most FI_DB_HOLDER_NOTE_SIZE_MAX bytes; 0 bytes clear it.
 * Failures are ignored: nothing depends on the note. One thread at a time. */
void fi_db_holder_report(struct firn_db *db, const void *note, size_t size);
/* Reads the note of the present holder of the lock. `db` need not be open for writing, and sees the
 * present note, not that of its opening. The note is only for telling a person: a process that may
 * write to the store can write anything there. */
FIRN_MUST_CHECK int fi_db_holder_query(struct firn_db *db, struct fi_db_holder *out,
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

struct fi_db_checkpoint_info {
    uint8_t id[FI_HISTORY_ID_SIZE];
    uint64_t number; /* 0: a safety checkpoint */
    int64_t created_ns;
    uint64_t sequence;
    bool is_safety;
    uint8_t restored[FI_HISTORY_ID_SIZE]; /* of a safety checkpoint: what the restore restored */
    char name[FI_HISTORY_NAME_SIZE_MAX + 1];
};

/* name may be "": none. *out (may be NULL) is the new checkpoint. */
FIRN_MUST_CHECK int fi_db_checkpoint_create(struct firn_db *db, const char *name,
                                            struct fi_db_checkpoint_info *out, firn_error *err);
/* The same, but with a given time of creation. */
FIRN_MUST_CHECK int fi_db_checkpoint_create_at(struct firn_db *db, const char *name,
                                               int64_t created_ns,
                                               struct fi_db_checkpoint_info *out, firn_error *err);
/* Adds a checkpoint with the id, number, name and time of one in another store, to a store that has
 * no checkpoint; a safety checkpoint becomes an ordinary one. MANIFEST has it when this returns.
 * Requires: no other thread uses the store. */
FIRN_MUST_CHECK int fi_db_checkpoint_adopt(struct firn_db *db,
                                           const struct fi_db_checkpoint_info *info,
                                           firn_error *err);
/* Deletes all of them or none. */
FIRN_MUST_CHECK int fi_db_checkpoint_delete(struct firn_db *db, const char *const *references,
                                            size_t count, firn_error *err);
/* The newest first; a return other than FIRN_OK ends the listing and is returned. */
struct fi_db_checkpoint_visitor {
    bool include_safety;
    int (*visit)(void *ctx, const struct fi_db_checkpoint_info *info);
    void *ctx;
};
FIRN_MUST_CHECK int fi_db_checkpoint_list(struct firn_db *db,
                                          const struct fi_db_checkpoint_visitor *visitor,
                                          firn_error *err);

/* FIRN_NOT_FOUND, FIRN_INVALID, or FIRN_CONFLICT if the reference is the beginning of several
 * ids. */
FIRN_MUST_CHECK int fi_db_checkpoint_find(struct firn_db *db, const char *reference,
                                          struct fi_db_checkpoint_info *out, firn_error *err);
FIRN_MUST_CHECK int fi_db_checkpoint_snapshot(struct firn_db *db, const char *reference,
                                              struct firn_snapshot **out, firn_error *err);
FIRN_MUST_CHECK int fi_db_checkpoint_restore(struct firn_db *db, const char *reference,
                                             struct fi_db_checkpoint_info *out_restored,
                                             struct fi_db_checkpoint_info *out_safety,
                                             firn_error *err);
FIRN_MUST_CHECK int fi_db_checkpoint_undo(struct firn_db *db,
                                          struct fi_db_checkpoint_info *out_restored,
                                          struct fi_db_checkpoint_info *out_safety,
                                          firn_error *err);

/* ---- db_checkpoint.c ---- */

enum { FI_DB_CHECKPOINT_NAME_ID_SIZE = 2 * FI_HISTORY_ID_SIZE + 1 };

/* Writes the id as letters, with a NUL. */
void fi_db_checkpoint_name_of_id(const uint8_t id[FI_HISTORY_ID_SIZE],
                                 char out[FI_DB_CHECKPOINT_NAME_ID_SIZE]);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/store.h: ordered key-value pairs in named keyspaces, written atomically, read at a fixed
 * view. Walking them is in firn/cursor.h, transactions are in firn/txn.h, loads in firn/bulk.h.
 *
 * Caveats first.
 * - One process writes at a time: a second firn_store_open for writing fails with FIRN_BUSY.
 *   Read-only handles, in any number of processes, see the state of the moment at which they were
 *   opened; firn_store_refresh moves them to the newest one. They show what the writer has
 *   acknowledged: every commit that has returned, and none whose sync is still on its way (unless
 *   read_pending asks for these). What a writer left that died is shown as the next opening recovers
 *   it. Readers never block the writer, but the files that they use stay on the disk until they are
 *   refreshed or closed.
 * - With FIRN_DURABILITY_FULL (the default) a commit is on disk when its call returns FIRN_OK. With
 *   FIRN_DURABILITY_OS it survives the process, not a power cut; firn_store_sync() makes all
 *   earlier commits durable.
 * - After a crash the store shows a prefix of the commits in order, each whole.
 * - Where the disk is full, commits that put anything return FIRN_NO_SPACE. A store of more than
 *   512 KiB keeps an eighth of its size in reserve (at most four memtables on a large disk), and
 *   commits that only delete are taken from that. Where the reserve runs low, a delete first makes
 *   space of what was deleted before it, and takes as long as that does; it returns FIRN_NO_SPACE
 *   only where there is nothing to be gained. Opening needs no space beyond the reserve. Nothing
 *   is latched: as soon as there is space again commits succeed again.
 * - Data moves from memory to files, and files are merged, in the background. Where that fails, the
 *   next commit returns the error and changes nothing, and the work is tried again. Commits that
 *   come faster than it can be done are slowed down, and wait if need be.
 * - A failed write or sync latches the handle: later commits return FIRN_FAILED until the store is
 *   closed and opened again; reads go on. A commit that failed so is not seen through this handle;
 *   after the next opening it is there whole or not at all. Refusals (FIRN_LIMIT, FIRN_INVALID,
 *   FIRN_NO_MEMORY) leave no trace and latch nothing; the one exception is memory that runs out
 *   while a large batch is taken over, which latches like a failed write.
 * - A store, its keyspaces, its views and all functions that take them may be used by several
 *   threads at once. A batch belongs to one thread at a time.
 * - The files belong to firn. Under load the end of the log is written through memory (on ext4, on
 *   xfs without reflinks, on tmpfs): truncating that file while the store is open for writing kills
 *   the process that has it open (SIGBUS), and so does a file system that shuts down after an
 *   error of its disk. What was acknowledged is there at the next opening, as after any crash.
 * - Close cursors and views before the store: firn_store_close with open ones fails with
 *   FIRN_MISUSE and changes nothing. Keyspace handles are owned by the store and go with it.
 * - A child of fork gets FIRN_MISUSE for every handle of its parent (types.h).
 * - A handle that was closed is gone, like memory that was freed. In debug builds of the library
 *   (-DCMAKE_BUILD_TYPE=Debug) a closed handle of this header, of cursor.h, bulk.h or txn.h gives
 *   FIRN_MISUSE, and so does one that another thread is inside of where it belongs to one thread at a
 *   time; closing it again does nothing.
 * - A merge (firn_merge) changes a value without reading it: adds to a number, appends bytes.
 *   Reading pays for it, a little, until background work has put the operands and the value
 *   together. It cannot fail for what it meets: upon no value, and upon one that is no number where
 *   it is about numbers, the operand itself becomes the value. What is appended to a value until it
 *   is longer than a value may be makes reading the key return FIRN_LIMIT, until it is put or
 *   deleted.
 * - A value with a time to live is gone when its time is over, by the system's clock, as if it had
 *   been deleted: for views and cursors, when it was over before they were opened. It does not give
 *   what it hid back. A merge does not carry the time on: what was merged upon a value since it was
 *   put stays, alone, when the value has gone. Where the clock is set back, what was gone may come
 *   back.
 * - A view or a cursor that is open for long keeps what it sees: values that were overwritten, and
 *   keyspaces that were dropped, take up space until it is closed.
 *
 * Limits: a key is 0 to 65,535 bytes (keys stand whole in indexes and bounds, in memory; what is longer
 * belongs into the value, under its hash as the key), a value at most 256 MiB (8 bytes less with a time to live, 1
 * less to be merged), a batch at most 512 MiB in all;
 * names of keyspaces are 1 to 255 bytes of UTF-8 and do not begin with "firn." (kept for firn
 * itself). Beyond: FIRN_LIMIT or FIRN_INVALID, and nothing is changed. An empty value is a value.
 */
#ifndef FIRN_STORE_H
#define FIRN_STORE_H

#include <stdbool.h>

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FIRN_KEY_SIZE_MAX = 65535,
    FIRN_VALUE_SIZE_MAX = 256 << 20,
    FIRN_BATCH_SIZE_MAX = 512 << 20,
    FIRN_KEYSPACE_NAME_SIZE_MAX = 255
};

/* The least of firn_store_options.memory_bytes, and what 0 means there. */
enum { FIRN_STORE_MEMORY_MIN = 1 << 20, FIRN_STORE_MEMORY_DEFAULT = 256 << 20 };

typedef struct firn_db firn_store;
typedef struct firn_db_keyspace firn_keyspace;
typedef struct firn_db_batch firn_batch;
typedef struct firn_db_view firn_snapshot;

typedef enum firn_durability {
    FIRN_DURABILITY_DEFAULT = 0, /* the store's */
    FIRN_DURABILITY_FULL = 1,    /* on disk when the commit returns */
    FIRN_DURABILITY_OS = 2       /* handed to the kernel */
} firn_durability;

/* How data in files is compressed. Files that are there already stay as they are. */
typedef enum firn_compression {
    FIRN_COMPRESSION_DEFAULT = 0, /* LZ4 */
    FIRN_COMPRESSION_NONE = 1,
    FIRN_COMPRESSION_LZ4 = 2,
    FIRN_COMPRESSION_ZSTD = 3 /* what has come to rest; LZ4 above that */
} firn_compression;

typedef struct firn_store_options {
    size_t size;                /* sizeof(firn_store_options) */
    bool create_if_missing;     /* default true */
    bool fail_if_exists;        /* default false */
    bool read_only;             /* default false; never writes anything and keeps no writer out */
    firn_durability durability; /* default FULL */
    int64_t lock_timeout_ms;    /* how long to wait for another writer, ≥ 0; default 0 */
    /* For all that is kept in memory: what was written last, blocks of files, indexes and filters.
     * 0: 256 MiB; at least 1 MiB. What cursors hold, and batches, comes on top. */
    uint64_t memory_bytes;
    unsigned threads; /* in the background; 0: as many as there are processors, at most 4 */
    firn_compression compression;
    /* Of a read-only handle: shows commits also before they have returned, which may never be
     * acknowledged, and of which a power cut may take some back. */
    bool read_pending;
} firn_store_options;
#define FIRN_STORE_OPTIONS_INIT                                                           \
    {                                                                                     \
        sizeof(firn_store_options), true, false, false, FIRN_DURABILITY_DEFAULT, 0, 0, 0, \
            FIRN_COMPRESSION_DEFAULT, false                                               \
    }

typedef struct firn_write_options {
    size_t size; /* sizeof(firn_write_options) */
    firn_durability durability;
    uint64_t ttl_ms; /* of firn_put alone: the value is gone after so long; 0: it stays */
} firn_write_options;
#define FIRN_WRITE_OPTIONS_INIT                                \
    {                                                          \
        sizeof(firn_write_options), FIRN_DURABILITY_DEFAULT, 0 \
    }

/* What a merge does to a value. Numbers are 8 bytes, the lowest first, in two's complement
 * (firn_number makes and firn_number_of reads them). */
typedef enum firn_merge_operator {
    FIRN_MERGE_ADD = 1,    /* adds a number; beyond the largest it goes on at the smallest */
    FIRN_MERGE_APPEND = 2, /* puts the operand behind the value */
    FIRN_MERGE_MIN = 3,    /* the smaller of two numbers */
    FIRN_MERGE_MAX = 4     /* the larger */
} firn_merge_operator;

static inline void
firn_number(int64_t number, uint8_t out[8])
{
    int i;
    for (i = 0; i < 8; i++) {
        out[i] = (uint8_t)((uint64_t)number >> (8 * i));
    }
}

/* The number that a value is; 0 for one that is none. */
static inline int64_t
firn_number_of(const void *value, size_t size)
{
    uint64_t bits = 0;
    size_t i;
    for (i = 0; i < 8 && size == 8; i++) {
        bits |= (uint64_t)((const uint8_t *)value)[i] << (8 * i);
    }
    return bits <= INT64_MAX ? (int64_t)bits : -(int64_t)(UINT64_MAX - bits) - 1;
}

/* Opens the store in the directory `path`, creating it (0700) if it is missing and that is
 * allowed; with read_only also a file that was exported (firn/checkpoint.h), FIRN_READ_ONLY without.
 * FIRN_BUSY names the process that writes; FIRN_CORRUPT names file and offset: nothing was changed,
 * and firn_workspace_repair (firn/workspace.h), of a workspace that is opened with this store_path,
 * makes a sound store of what is left; FIRN_NEWER names the version found. */
FIRN_API FIRN_MUST_CHECK int firn_store_open(const char *path, const firn_store_options *options,
                                             firn_store **out, firn_error *err);
/* A store in memory alone, gone with its handle. It has all that a store has; what it holds may
 * take limit_bytes (files, beside memory_bytes), then commits return FIRN_NO_SPACE. Of options
 * (NULL is fine) read_only must be false. */
FIRN_API FIRN_MUST_CHECK int firn_store_open_memory(uint64_t limit_bytes,
                                                    const firn_store_options *options,
                                                    firn_store **out, firn_error *err);
/* Makes everything durable and releases the handle, which is gone unless FIRN_MISUSE is
 * returned. NULL is fine. */
FIRN_API FIRN_MUST_CHECK int firn_store_close(firn_store *store, firn_error *err);
/* Removes the store in the directory `path`, with all that is in it, for good; and the directory, if nothing
 * else is in that. Other files in it stay, those in its directory "runs" too. FIRN_NOT_FOUND where there is no store; FIRN_BUSY while it is
 * open, also for reading, or copied; FIRN_INVALID for one that has saved directories (firn/workspace.h).
 * Where this fails in the middle there is no store any more, and the next destroy removes the rest. */
FIRN_API FIRN_MUST_CHECK int firn_store_destroy(const char *path, firn_error *err);
/* Makes every commit that returned before this call durable. */
FIRN_API FIRN_MUST_CHECK int firn_store_sync(firn_store *store, firn_error *err);

/* Of work that may take long. */
typedef struct firn_store_maintenance_options {
    size_t size; /* sizeof(firn_store_maintenance_options) */
    /* Called a few times a second in the calling thread, if it is not NULL; another return than
     * FIRN_OK ends the work, which then fails with FIRN_CANCELLED. It must not call functions of the
     * store. */
    int (*on_progress)(void *ctx, const firn_progress *progress);
    void *ctx;
} firn_store_maintenance_options;
#define FIRN_STORE_MAINTENANCE_OPTIONS_INIT                \
    {                                                      \
        sizeof(firn_store_maintenance_options), NULL, NULL \
    }
/* Makes another store in the directory `path` (made, 0700, if it is missing) that has all of this
 * one: data, checkpoints, saved workspaces. Files that never change are shared by hard links, or
 * copied where there can be none; neither store notices the other afterwards. Commits wait while
 * the new one is made. FIRN_EXISTS if there is a store already, FIRN_INVALID where the directory
 * holds something else. What a failure leaves in the directory is no store; the next clone into it
 * clears that away. options may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_store_clone(firn_store *store, const char *path,
                                              const firn_store_maintenance_options *options,
                                              firn_error *err);
/* Moves a read-only handle to the newest state; cursors and views that are open keep theirs. Where
 * it fails the handle stays where it was. Does nothing for a handle that writes. */
FIRN_API FIRN_MUST_CHECK int firn_store_refresh(firn_store *store, firn_error *err);
/* Writes everything that is in memory to files. Commits are durable without it. */
FIRN_API FIRN_MUST_CHECK int firn_store_flush(firn_store *store, firn_error *err);
/* The same, and merges all files until what was overwritten or deleted takes up no space, but for
 * what views and cursors see. May take long; commits and reads go on beside it. Cancelled, it leaves
 * what it has done by then, and nothing is lost. options may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_store_compact(firn_store *store,
                                                const firn_store_maintenance_options *options,
                                                firn_error *err);

/* The same for keys of one keyspace from lower on, upper excluded (data NULL: no bound): merges the
 * files that reach into the range down to the last level, and leaves the others. */
FIRN_API FIRN_MUST_CHECK int firn_keyspace_compact(firn_keyspace *keyspace, firn_slice lower,
                                                   firn_slice upper,
                                                   const firn_store_maintenance_options *options,
                                                   firn_error *err);

enum { FIRN_STORE_LEVELS = 7 };
typedef struct firn_store_level {
    uint64_t files;
    uint64_t bytes;
    uint64_t entries;    /* all versions of keys, deletes of single keys among them */
    uint64_t tombstones; /* deletes of single keys, and range deletes, which are no entries */
} firn_store_level;
/* Bytes are of files or of memory; counts and times that grow begin with the handle. */
/* Bytes that files of a store take up on the disk, as du counts them, directories left out; all 0 where
 * the directory could not be read. */
typedef struct firn_store_disk {
    uint64_t log_bytes; /* what is in the log */
    uint64_t
        log_spare_bytes; /* of its files, what is kept for commits to come; goes when the store is
                                 closed, or had no commit for ten to fifteen seconds */
    uint64_t reserve_bytes; /* kept for a full disk; likewise what is more than the store needs */
    uint64_t run_bytes;     /* levels and history */
    uint64_t value_bytes;   /* files of large values */
    uint64_t pack_bytes;    /* of workspaces */
    uint64_t manifest_bytes;
    uint64_t other_bytes;
} firn_store_disk;
typedef struct firn_store_statistics {
    size_t size; /* sizeof(firn_store_statistics), set by the caller */
    firn_store_level levels[FIRN_STORE_LEVELS]; /* 0 is what was flushed last */
    uint64_t keyspaces;                         /* firn's own included */
    uint64_t commits;
    uint64_t commit_bytes; /* handed in, as encoded */
    uint64_t log_bytes;    /* files of the log now */
    uint64_t log_written_bytes;
    uint64_t file_bytes;    /* of levels, history and values, now */
    uint64_t waiting_files; /* to be removed when nobody uses them any more */
    uint64_t flushes;
    uint64_t flush_bytes;
    uint64_t compactions;
    uint64_t compaction_read_bytes;
    uint64_t compaction_write_bytes;
    uint64_t moves;            /* compactions that only moved a file to another level */
    uint64_t versions_dropped; /* by flushes and compactions */
    uint64_t memory_bytes;     /* the budget */
    uint64_t memtable_bytes;
    uint64_t memtables;
    uint64_t memtables_waiting; /* to be flushed */
    uint64_t cache_bytes;
    uint64_t cache_hits;
    uint64_t cache_misses;
    uint64_t cache_evictions;
    uint64_t slowdowns; /* commits that were slowed, and for how long */
    uint64_t slowdown_ns;
    uint64_t stalls; /* commits that had to wait, and for how long */
    uint64_t stall_ns;
    uint64_t background_failures;
    int background_code; /* of the last one; FIRN_OK if there was none */
    char background_error[256];
    bool is_full;              /* the disk: see the caveats */
    uint64_t views;            /* open ones; cursors and transactions included */
    uint64_t conflicts;        /* commits of transactions that were refused with FIRN_CONFLICT */
    uint64_t value_files;      /* with large values */
    uint64_t value_bytes;      /* of values in them */
    uint64_t value_live_bytes; /* of these, what keys still have; the rest is reclaimed over time */
    firn_store_level history;  /* beside the levels: what views and checkpoints alone still see */
    firn_store_disk disk;      /* all of it together is what the files take up */
    uint64_t missing_files;    /* that were not there when the store was opened: what was in them
                                  cannot be read, and reads of it fail */
    /* What checkpoints and restores take in memory, beside memory_bytes: about 180 bytes a checkpoint
     * with its name, as much again where it was restored. Works of the background take about as much
     * again while they run. */
    uint64_t checkpoint_memory_bytes;
} firn_store_statistics;
FIRN_API FIRN_MUST_CHECK int firn_store_stats(firn_store *store, firn_store_statistics *out,
                                              firn_error *err);
/* The same as one JSON object (docs/json.md), to be released with firn_release. */
FIRN_API FIRN_MUST_CHECK int firn_store_stats_json(firn_store *store, char **out, firn_error *err);

/* What keys of a keyspace take up, about. Versions that were overwritten, and deletes, count until they
 * are merged away. */
typedef struct firn_keyspace_size {
    size_t size;           /* sizeof(firn_keyspace_size), set by the caller */
    uint64_t file_bytes;   /* of sorted files, as they are compressed */
    uint64_t file_entries; /* in them; deletes of single keys are entries */
    uint64_t value_bytes;  /* of large values in files of their own */
    uint64_t memory_bytes; /* of keys and values that are in memory, and not yet in sorted files */
    uint64_t memory_entries; /* of these */
} firn_keyspace_size;
/* Estimates what the keys from lower on, upper excluded (data NULL: no bound), take up. What is in memory
 * is counted exactly, which takes as long as walking it. In each sorted file that reaches over an end of
 * the range, of which there is one a level and each of those in level 0, the end may be off by one
 * block: 4 KiB before compression, or one larger entry. Entries and large values count as if they were
 * spread evenly over their file. What only checkpoints and views still see is left out. */
FIRN_API FIRN_MUST_CHECK int firn_keyspace_approximate_size(firn_keyspace *keyspace,
                                                            firn_slice lower, firn_slice upper,
                                                            firn_keyspace_size *out,
                                                            firn_error *err);

typedef struct firn_store_check_result {
    size_t size;            /* sizeof(firn_store_check_result), set by the caller */
    uint64_t keyspaces;     /* looked at, firn's own included */
    uint64_t entries;       /* that the newest view shows */
    uint64_t log_records;   /* read again from disk and verified */
    uint64_t damaged_count; /* things reported through on_damage */
} firn_store_check_result;
typedef struct firn_store_check_options {
    size_t size; /* sizeof(firn_store_check_options) */
    /* Called for each damaged thing with a text that names file and offset, if it is not NULL. */
    void (*on_damage)(void *ctx, const char *text);
    /* As in firn_store_maintenance_options. */
    int (*on_progress)(void *ctx, const firn_progress *progress);
    void *ctx; /* of both */
} firn_store_check_options;
#define FIRN_STORE_CHECK_OPTIONS_INIT                      \
    {                                                      \
        sizeof(firn_store_check_options), NULL, NULL, NULL \
    }
/* Reads every file of the store again and verifies all of it. FIRN_CORRUPT if anything is damaged.
 * options and report may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_store_check(firn_store *store,
                                              const firn_store_check_options *options,
                                              firn_store_check_result *report, firn_error *err);

/* Opens a keyspace by name, creating it (one commit) if it is missing and the store is writable;
 * FIRN_NOT_FOUND if it is missing and the store is read-only. The handle is owned by the store;
 * opening a name twice gives the same. */
FIRN_API FIRN_MUST_CHECK int firn_keyspace_open(firn_store *store, const char *name,
                                                const void *reserved, firn_keyspace **out,
                                                firn_error *err);
/* Removes a keyspace and all that is in it: one commit, durable as `durability` of the store says.
 * FIRN_NOT_FOUND if there is none of that name. What uses its handles afterwards gets FIRN_MISUSE,
 * but for reads at views that were opened before; those and open cursors go on reading what they
 * saw. The name is free: opening it again makes another, empty keyspace. */
FIRN_API FIRN_MUST_CHECK int firn_keyspace_drop(firn_store *store, const char *name,
                                                firn_error *err);
/* Calls visit with each name in byte order; a return other than FIRN_OK ends the listing and is
 * returned. */
FIRN_API FIRN_MUST_CHECK int firn_keyspace_list(firn_store *store,
                                                int (*visit)(void *ctx, const char *name),
                                                void *ctx, firn_error *err);

/* One commit each; options may be NULL. Deleting what is not there succeeds. FIRN_INVALID for an
 * operand that is none of its operator's. */
FIRN_API FIRN_MUST_CHECK int firn_put(firn_keyspace *keyspace, firn_slice key, firn_slice value,
                                      const firn_write_options *options, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_merge(firn_keyspace *keyspace, firn_slice key,
                                        firn_merge_operator operation, firn_slice operand,
                                        const firn_write_options *options, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_delete(firn_keyspace *keyspace, firn_slice key,
                                         const firn_write_options *options, firn_error *err);
/* Deletes all keys from lower on, upper excluded: one commit of a few bytes, whatever the range
 * holds. Nothing happens where lower is not below upper. */
FIRN_API FIRN_MUST_CHECK int firn_delete_range(firn_keyspace *keyspace, firn_slice lower,
                                               firn_slice upper, const firn_write_options *options,
                                               firn_error *err);
/* A copy of the newest value, to be released with firn_release; FIRN_NOT_FOUND (and *out NULL)
 * if there is none. An empty value gives a non-NULL pointer and size 0. */
FIRN_API FIRN_MUST_CHECK int firn_get(firn_keyspace *keyspace, firn_slice key, uint8_t **out,
                                      size_t *out_size, firn_error *err);

/* A view: the data of the store as it is now, or as a checkpoint has it, to be read for as long as
 * it is open, whatever is committed meanwhile. options may be NULL. */
typedef struct firn_snapshot_options {
    size_t size;            /* sizeof(firn_snapshot_options) */
    const char *checkpoint; /* a reference (firn/checkpoint.h); NULL: as it is now */
} firn_snapshot_options;
#define FIRN_SNAPSHOT_OPTIONS_INIT          \
    {                                       \
        sizeof(firn_snapshot_options), NULL \
    }
FIRN_API FIRN_MUST_CHECK int firn_snapshot_open(firn_store *store,
                                                const firn_snapshot_options *options,
                                                firn_snapshot **out, firn_error *err);
/* NULL is fine. */
FIRN_API void firn_snapshot_close(firn_snapshot *view);
/* As firn_keyspace_list and firn_keyspace_open (which creates nothing here: FIRN_NOT_FOUND), for
 * the keyspaces that were there when the view was opened. */
FIRN_API FIRN_MUST_CHECK int firn_snapshot_keyspace_list(firn_snapshot *view,
                                                         int (*visit)(void *ctx, const char *name),
                                                         void *ctx, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_snapshot_keyspace_open(firn_snapshot *view, const char *name,
                                                         firn_keyspace **out, firn_error *err);
/* As firn_get, of the value that the view sees. */
FIRN_API FIRN_MUST_CHECK int firn_get_at(firn_keyspace *keyspace, firn_snapshot *view,
                                         firn_slice key, uint8_t **out, size_t *out_size,
                                         firn_error *err);

/* What firn_get_many says of one key. */
typedef struct firn_get_result {
    uint8_t *value; /* to be released with firn_release; NULL: there is no such key */
    size_t size;
} firn_get_result;
/* Many keys at one view, of now where view is NULL: out[i] is the answer to keys[i], missing keys
 * included; an empty value has a pointer. Faster than as many firn_get, whose waiting for memory
 * this does for many keys at once. If it fails nothing is returned but the error, and all of out is
 * zeroed. */
FIRN_API FIRN_MUST_CHECK int firn_get_many(firn_keyspace *keyspace, firn_snapshot *view,
                                           const firn_slice *keys, size_t count,
                                           firn_get_result *out, firn_error *err);

/* A batch collects writes to any keyspaces of one store; later ones win over earlier ones of the
 * same key: a put behind a range delete that covers its key stays, one before it goes. */
FIRN_API FIRN_MUST_CHECK int firn_batch_create(firn_batch **out, firn_error *err);
FIRN_API void firn_batch_destroy(firn_batch *batch);
FIRN_API void firn_batch_clear(firn_batch *batch);
FIRN_API size_t firn_batch_count(const firn_batch *batch);
/* Copy key and value. */
FIRN_API FIRN_MUST_CHECK int firn_batch_put(firn_batch *batch, firn_keyspace *keyspace,
                                            firn_slice key, firn_slice value, firn_error *err);
/* With a time to live, counted from this call. */
FIRN_API FIRN_MUST_CHECK int firn_batch_put_ttl(firn_batch *batch, firn_keyspace *keyspace,
                                                firn_slice key, firn_slice value, uint64_t ttl_ms,
                                                firn_error *err);
/* Adds to what the batch did to the key before. FIRN_INVALID where that was a merge with another
 * operator, or a put with a time to live. */
FIRN_API FIRN_MUST_CHECK int firn_batch_merge(firn_batch *batch, firn_keyspace *keyspace,
                                              firn_slice key, firn_merge_operator operation,
                                              firn_slice operand, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_batch_delete(firn_batch *batch, firn_keyspace *keyspace,
                                               firn_slice key, firn_error *err);
/* Collects nothing where lower is not below upper. */
FIRN_API FIRN_MUST_CHECK int firn_batch_delete_range(firn_batch *batch, firn_keyspace *keyspace,
                                                     firn_slice lower, firn_slice upper,
                                                     firn_error *err);
/* Bytes of the writes, as they will stand in the log. */
FIRN_API size_t firn_batch_size(const firn_batch *batch);

typedef enum firn_batch_kind {
    FIRN_BATCH_PUT = 1,
    FIRN_BATCH_DELETE = 2,
    FIRN_BATCH_DELETE_RANGE = 3,
    FIRN_BATCH_MERGE = 4
} firn_batch_kind;
/* One write of a batch; all is borrowed until the visit returns. */
typedef struct firn_batch_write {
    size_t size; /* sizeof(firn_batch_write) of the library */
    firn_batch_kind kind;
    firn_keyspace *keyspace;
    firn_slice key;                /* of a range delete the lower bound */
    firn_slice value;              /* of a merge the operand, of a range delete the upper bound */
    firn_merge_operator operation; /* of a merge */
    uint64_t expires_ms; /* of a put with a time to live: when it ends, since 1970; else 0 */
} firn_batch_write;
/* Calls visit with each write in the order in which they were collected; a return other than FIRN_OK ends
 * the walk and is returned. Merges stand there as they were put together with what the batch did to
 * their keys before. Requires: the store is open, and visit does not change the batch. */
FIRN_API FIRN_MUST_CHECK int
firn_batch_iterate(const firn_batch *batch, int (*visit)(void *ctx, const firn_batch_write *write),
                   void *ctx, firn_error *err);
/* Adds the writes of another batch of the same store after those of this one; all, or none where it
 * fails. FIRN_INVALID where both are the same, or of two stores, or where firn_batch_merge would say so.
 * Requires: the store is open. */
FIRN_API FIRN_MUST_CHECK int firn_batch_append(firn_batch *batch, const firn_batch *from,
                                               firn_error *err);
/* Commits all of the batch or nothing of it. The batch is left as it is. An empty batch
 * succeeds. */
FIRN_API FIRN_MUST_CHECK int firn_write(firn_store *store, const firn_batch *batch,
                                        const firn_write_options *options, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif

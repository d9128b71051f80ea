/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/store.h: ordered key-value pairs in named keyspaces, written atomically and read from
 * consistent snapshots. Iteration is in firn/cursor.h, transactions are in firn/txn.h, checkpoints in
 * firn/checkpoint.h, bulk loads in firn/bulk.h, order-preserving keys in firn/key.h.
 *
 * Processes and threads
 * - A store can be open for writing only once: a second firn_store_open for writing, in any process,
 *   waits up to lock_timeout_ms (default 0), then fails with FIRN_BUSY. Any number of processes may open
 *   the store read-only. A read-only handle shows the state at the time it was opened;
 *   firn_store_refresh moves it to the newest one. While a writer is alive it shows acknowledged commits
 *   only, unless read_pending is set. Once the writer has died it shows what the next opening for
 *   writing will keep, which may include commits that were never acknowledged. Readers never block the
 *   writer, but the files they use stay on disk until they refresh or close.
 * - A store, its keyspaces, its snapshots and all functions that take them may be used by several
 *   threads at once. A batch belongs to one thread at a time.
 * - Close cursors, snapshots, transactions and bulk loads, and release pins, before the store;
 *   otherwise firn_store_close fails with FIRN_MISUSE and changes nothing. Keyspace handles are owned by
 *   the store and are released with it.
 * - A function `visit` (firn/notice.h) may call any function, except that it must not close the store or
 *   the snapshot that is visited, and must not change the batch that is visited.
 * - In a child of fork every use of a handle of the parent returns FIRN_MISUSE (types.h).
 * - Using a closed handle is undefined behaviour. Debug builds of the library
 *   (-DCMAKE_BUILD_TYPE=Debug) detect most such uses: closed handles of this header and of cursor.h,
 *   bulk.h and txn.h give FIRN_MISUSE, and so does a single-threaded handle that another thread is using;
 *   closing a handle twice changes nothing.
 *
 * Durability
 * - With FIRN_DURABILITY_FULL (the default) a commit is on disk when its call returns FIRN_OK. With
 *   FIRN_DURABILITY_OS it survives the process but not a power cut; firn_store_sync makes all earlier
 *   commits durable.
 * - After a crash the store contains a prefix of the commits, in order, each of them whole.
 * - A failed write or sync puts the handle into a failed state: later commits return FIRN_FAILED until
 *   the store is closed and reopened; reads continue to work. The failed commit is not visible through
 *   this handle; after reopening it is there entirely or not at all. Refusals (FIRN_LIMIT, FIRN_INVALID,
 *   FIRN_NO_MEMORY) change nothing, and the handle works on, with one exception: running out of memory
 *   while a large batch is applied has the effect of a failed write.
 * - On a full disk, commits that put anything return FIRN_NO_SPACE. A store above 512 KiB keeps about an
 *   eighth of its size in reserve, and commits that only delete draw on it. On a large disk the reserve
 *   is at most half of memory_bytes, and at most about 256 MiB. When the reserve runs low, a delete first
 *   reclaims the space of earlier deletes, which takes time; it returns FIRN_NO_SPACE only if nothing can
 *   be reclaimed. Opening needs no space beyond the reserve. The handle does not fail: commits succeed
 *   again as soon as there is space.
 * - Memtables are flushed and files are merged in the background. If that fails, the next commit
 *   returns the error and changes nothing, and the work is retried. Commits that outrun the background
 *   work are slowed down and, if necessary, wait.
 *
 * Files
 * - The files belong to firn. Under load the end of the log is written through a memory mapping (on
 *   ext4, on xfs without reflinks, on tmpfs): truncating that file while the store is open for writing
 *   kills the process (SIGBUS), and so does a file system that shuts down after a disk error.
 *   Commits that were acknowledged are there at the next opening, as after any crash.
 * - A snapshot or cursor that stays open keeps what it sees: overwritten values and dropped keyspaces
 *   take up space until it is closed.
 *
 * Values
 * - A merge (firn_merge) changes a value without reading it: it adds to a number or appends bytes.
 *   Reads are a little slower until a compaction has combined operands and value. A merge never fails
 *   because of the existing value: if there is none, or it is not a number where one is needed, the
 *   operand becomes the value. A value that appends have grown beyond the size limit makes reads of
 *   its key return FIRN_LIMIT until the key is put or deleted.
 * - A value with a time to live disappears when its time is over, by the system clock, as if it had
 *   been deleted; snapshots and cursors judge by the time at which they were opened, those of a
 *   checkpoint by the time of its creation (firn/checkpoint.h). The value that it replaced does not
 *   reappear. Operands merged into such a value do not expire with it: afterwards they are applied
 *   as if there had been no value. If the clock is set back, expired values may reappear.
 *
 * Ranges
 * - A range [lower, upper) contains the keys from lower to before upper, in byte order; it is empty unless
 *   lower is less than upper. A bound whose data is NULL is no bound; an empty key with an address, like
 *   firn_str(""), is one.
 * - Deletes of ranges return FIRN_INVALID without an upper bound, so that a forgotten bound does not delete
 *   everything to the end. firn_keyspace_drop deletes everything.
 *
 * Limits
 * - A key has at most 512 KiB (524,288 bytes) and may be empty. Keep keys short: the smallest and the
 *   largest key of each file stay in memory, beyond the budget, and indexes contain whole keys if
 *   neighbours differ only near their ends. Keys beyond a few KiB are better stored under their hash.
 * - A value has at most 256 MiB (8 bytes less with a time to live, 1 byte less if it is merged) and may be
 *   empty. A batch has at most 512 MiB.
 * - The name of a keyspace has 1 to 255 bytes of UTF-8, and does not begin with "firn." or "firn:", which
 *   are for firn's own keyspaces.
 * - Beyond a limit, functions return FIRN_LIMIT or FIRN_INVALID and change nothing.
 */
#ifndef FIRN_STORE_H
#define FIRN_STORE_H

#include <stdbool.h>

#include "encryption.h"
#include "notice.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FIRN_KEY_SIZE_MAX = 512 << 10,
    FIRN_VALUE_SIZE_MAX = 256 << 20,
    FIRN_BATCH_SIZE_MAX = 512 << 20,
    FIRN_KEYSPACE_NAME_SIZE_MAX = 255,
    /* Keyspaces, tables and their indexes of one store, together; creating more gives FIRN_LIMIT. Each takes up to
     * 2 KiB of memory_bytes while the store is open: opening a store with more than fit into memory_bytes gives
     * FIRN_LIMIT, too. Dropped ones count as long as a checkpoint or a snapshot has them. */
    FIRN_KEYSPACE_COUNT_MAX = 65536
};

/* The minimum of firn_store_options.memory_bytes, and its default. */
enum { FIRN_STORE_MEMORY_MIN = 1 << 20, FIRN_STORE_MEMORY_DEFAULT = 256 << 20 };

typedef struct firn_db firn_store;
typedef struct firn_db_keyspace firn_keyspace;
typedef struct firn_db_batch firn_batch;
typedef struct firn_db_pin firn_pin;
typedef struct firn_snapshot firn_snapshot;

/* ---- opening and closing ---- */

typedef enum firn_durability {
    FIRN_DURABILITY_DEFAULT = 0, /* the store's */
    FIRN_DURABILITY_FULL = 1,    /* on disk when the commit returns */
    FIRN_DURABILITY_OS = 2       /* handed to the kernel */
} firn_durability;
/* The name of a durability ("full"), constant; never NULL. Any thread. */
FIRN_API const char *firn_durability_name(firn_durability durability);

/* How new files are compressed. Existing files stay as they are. */
typedef enum firn_compression {
    FIRN_COMPRESSION_DEFAULT = 0, /* LZ4 */
    FIRN_COMPRESSION_NONE = 1,
    FIRN_COMPRESSION_LZ4 = 2,
    FIRN_COMPRESSION_ZSTD = 3 /* the last level; LZ4 in those before it */
} firn_compression;
/* The name of a compression ("lz4"), constant; never NULL. Any thread. */
FIRN_API const char *firn_compression_name(firn_compression compression);

typedef struct firn_store_options {
    size_t size;                /* sizeof(firn_store_options) */
    bool create_if_missing;     /* default true */
    bool fail_if_exists;        /* default false */
    bool read_only;             /* default false; writes nothing: a writer may be open too */
    firn_durability durability; /* default FULL */
    int64_t lock_timeout_ms;    /* how long to wait for another writer, >= 0; default 0 */
    /* For memtables, cached blocks, indexes and filters. 0: 256 MiB; FIRN_INVALID below 1 MiB. Not
     * included are, among others, cursors, batches, writes of transactions, the sorting of bulk loads,
     * copies given to the caller, and checkpoints (checkpoint_memory_bytes). */
    uint64_t memory_bytes;
    /* In the background; 0: one per processor, at most 4. On Linux, threads that flush run at nice 5 and
     * threads that merge at nice 10, so that readers and writers keep their processors. */
    unsigned threads;
    firn_compression compression;
    /* Read-only handles: also show commits that have not returned yet. They may never be
     * acknowledged, and a power cut may take them back. */
    bool read_pending;
    /* A store that is created is encrypted (encryption.h); default NONE. One that exists in clear is
     * refused: FIRN_EXISTS. */
    firn_cipher cipher;
    /* Asked for what opens an encrypted store, after the environment; borrowed for the call. NULL:
     * nobody is asked. */
    const firn_keys_source *key_source;
} firn_store_options;
#define FIRN_STORE_OPTIONS_INIT                                                           \
    {                                                                                     \
        sizeof(firn_store_options), true, false, false, FIRN_DURABILITY_DEFAULT, 0, 0, 0, \
            FIRN_COMPRESSION_DEFAULT, false, FIRN_CIPHER_NONE, NULL                       \
    }

/* Opens the store in the directory `path`. A missing store is created (0700) if options allow it.
 * FIRN_BUSY names the writing process. FIRN_CORRUPT names file and offset; nothing was changed, and
 * firn_workspace_repair (firn/workspace.h), on a workspace opened with this store_path, rebuilds a sound
 * store from what is left. FIRN_NEWER names the version found.
 *
 * With read_only, `path` may also be an exported file (firn_store_export, firn/checkpoint.h); without
 * read_only such a path gives FIRN_READ_ONLY. The file opens as fast as a store: it can be read,
 * compared, exported and checked, but not changed (FIRN_READ_ONLY). Its clock does not advance: a value
 * with a time to live never expires in the file. FIRN_CORRUPT, naming file and offset, if the file is
 * damaged or truncated. In a file of up to 8 MiB opening finds damage to any byte; in a larger file
 * damage to keys and values is found when they are read. */
FIRN_API FIRN_MUST_CHECK int firn_store_open(const char *path, const firn_store_options *options,
                                             firn_store **out, firn_error *err);
/* Opens a new store in memory, with all functions of a store; closing it discards its data. limit_bytes
 * bounds the size of its files, which take memory in addition to memory_bytes: beyond the bound, commits
 * return FIRN_NO_SPACE. 0 is too little for any store: FIRN_NO_SPACE. UINT64_MAX is no bound.
 * FIRN_INVALID unless read_only is false and create_if_missing true. */
FIRN_API FIRN_MUST_CHECK int firn_store_open_memory(uint64_t limit_bytes,
                                                    const firn_store_options *options,
                                                    firn_store **out, firn_error *err);
/* Makes everything durable. Releases the handle even if it returns an error, except FIRN_MISUSE, which
 * changes nothing. After another error, commits that were not durable yet may be missing at the next
 * opening; FIRN_FAILED if the handle was in the failed state. NULL is allowed. */
FIRN_API FIRN_MUST_CHECK int firn_store_close(firn_store *store, firn_error *err);
/* Removes the store in the directory `path` permanently, and the directory if nothing else is in it.
 * Foreign files stay, including those in its directory "runs". FIRN_NOT_FOUND if there is no store;
 * FIRN_BUSY while it is open, even for reading, or being copied; FIRN_INVALID if it contains saved
 * directories (firn/workspace.h). If the call fails halfway, the store is gone nevertheless, and another
 * call removes the rest. */
FIRN_API FIRN_MUST_CHECK int firn_store_destroy(const char *path, firn_error *err);

/* ---- upkeep ---- */

/* Makes every commit that returned before this call durable. */
FIRN_API FIRN_MUST_CHECK int firn_store_sync(firn_store *store, firn_error *err);
/* Moves a read-only handle to the newest state. Open cursors and snapshots keep theirs. Handles of
 * keyspaces that were dropped meanwhile are as after firn_keyspace_drop. On failure the handle stays
 * where it was. Does nothing for a writing handle. A call that finds nothing changed makes six short
 * system calls. */
FIRN_API FIRN_MUST_CHECK int firn_store_refresh(firn_store *store, firn_error *err);
/* Writes everything that is in memory to table files. Commits are durable without it. */
FIRN_API FIRN_MUST_CHECK int firn_store_flush(firn_store *store, firn_error *err);

/* For firn_store_compact, firn_keyspace_compact and firn_store_clone. */
typedef struct firn_store_maintenance_options {
    size_t size; /* sizeof(firn_store_maintenance_options) */
    firn_callbacks callbacks;
} firn_store_maintenance_options;
#define FIRN_STORE_MAINTENANCE_OPTIONS_INIT                         \
    {                                                               \
        sizeof(firn_store_maintenance_options), FIRN_CALLBACKS_INIT \
    }
/* Flushes, then merges all files until overwritten and deleted data takes up no space, except for what
 * snapshots, cursors and checkpoints see. This may take long; commits and reads continue meanwhile. If
 * it is cancelled, finished merges are kept and nothing is lost. */
FIRN_API FIRN_MUST_CHECK int firn_store_compact(firn_store *store,
                                                const firn_store_maintenance_options *options,
                                                firn_error *err);
/* Compacts the keys in [lower, upper) of one keyspace. Merges the files that overlap the range
 * down to the last level and leaves the others alone. */
FIRN_API FIRN_MUST_CHECK int firn_keyspace_compact(firn_keyspace *keyspace, firn_slice lower,
                                                   firn_slice upper,
                                                   const firn_store_maintenance_options *options,
                                                   firn_error *err);
/* Copies the whole store into the directory `path` (created, 0700, if missing): data, checkpoints,
 * saved workspaces. Immutable files are shared by hard links, or copied where that is impossible;
 * the stores are independent afterwards. Commits wait meanwhile. FIRN_EXISTS if there is a store
 * already; FIRN_INVALID if the directory contains anything else. A failed clone leaves no store, and
 * the next clone into the directory removes the remains. */
FIRN_API FIRN_MUST_CHECK int firn_store_clone(firn_store *store, const char *path,
                                              const firn_store_maintenance_options *options,
                                              firn_error *err);

typedef struct firn_store_check_result {
    size_t size;            /* sizeof(firn_store_check_result), set by the caller */
    uint64_t keyspaces;     /* checked, firn's own included */
    uint64_t entries;       /* visible in a snapshot of the present */
    uint64_t log_records;   /* read back from disk and verified */
    uint64_t damaged_count; /* each reported by a notice, FIRN_NOTICE_DAMAGED */
} firn_store_check_result;
#define FIRN_STORE_CHECK_RESULT_INIT                \
    {                                               \
        sizeof(firn_store_check_result), 0, 0, 0, 0 \
    }
typedef struct firn_store_check_options {
    size_t size; /* sizeof(firn_store_check_options) */
    firn_callbacks callbacks;
} firn_store_check_options;
#define FIRN_STORE_CHECK_OPTIONS_INIT                         \
    {                                                         \
        sizeof(firn_store_check_options), FIRN_CALLBACKS_INIT \
    }
/* Reads every file of the store and verifies all of it. FIRN_CORRUPT if anything is damaged; each
 * damaged part is reported by a notice whose text names file and offset. out may be NULL; it is filled
 * in after FIRN_CORRUPT too, and with what was found so far after FIRN_CANCELLED. */
FIRN_API FIRN_MUST_CHECK int firn_store_check(firn_store *store,
                                              const firn_store_check_options *options,
                                              firn_store_check_result *out, firn_error *err);

typedef struct firn_store_check_locked_result {
    size_t size;            /* sizeof(firn_store_check_locked_result), set by the caller */
    uint64_t files;         /* runs, files of values, graphs and packs that were verified */
    uint64_t blocks;        /* of these */
    uint64_t bytes_read;    /* likewise */
    uint64_t log_records;   /* of the log and of MANIFEST */
    uint64_t damaged_count; /* each reported by a notice, FIRN_NOTICE_DAMAGED */
} firn_store_check_locked_result;
#define FIRN_STORE_CHECK_LOCKED_RESULT_INIT                   \
    {                                                         \
        sizeof(firn_store_check_locked_result), 0, 0, 0, 0, 0 \
    }
typedef struct firn_store_check_locked_options {
    size_t size; /* sizeof(firn_store_check_locked_options) */
    /* Of packs, which have the contents of saved files, only header, footer and table of contents
     * are verified. */
    bool skips_contents;
    firn_callbacks callbacks;
} firn_store_check_locked_options;
#define FIRN_STORE_CHECK_LOCKED_OPTIONS_INIT                                \
    {                                                                       \
        sizeof(firn_store_check_locked_options), false, FIRN_CALLBACKS_INIT \
    }
/* Verifies the encrypted store at `path`, which may be an exported one, without its key: nobody is
 * asked for one. Its checksums are over what is on the disk, so damage to any of its files is found:
 * to FIRN, FIRN.keys, the log, MANIFEST, runs and packs. What is encrypted is not looked into. So
 * these are not verified: whether the files belong together; whether one of them is missing, or was
 * put back from an older copy, or, for a log, ends too early; whether somebody has forged contents
 * and their checksums. firn_store_check verifies all of that, with a key.
 *
 * Nothing is changed; the store may be in use, by a handle of this process as well. FIRN_CORRUPT if
 * anything is damaged, or cannot be read from the disk; `out` counts even then. If damaged_count is
 * 0, nothing else was verified: FIRN is damaged and there is no FIRN.keys, as in a store that is not
 * encrypted; or an exported file could not be opened. FIRN_NOT_FOUND: there is no store.
 * FIRN_INVALID: it is not encrypted. FIRN_BUSY: it is being repaired, or other processes kept
 * writing. FIRN_NEWER. */
FIRN_API FIRN_MUST_CHECK int firn_store_check_locked(const char *path,
                                                     const firn_store_check_locked_options *options,
                                                     firn_store_check_locked_result *out,
                                                     firn_error *err);

/* ---- statistics ---- */

enum { FIRN_STORE_LEVELS = 7 };
typedef struct firn_store_level {
    uint64_t files;
    uint64_t bytes;
    uint64_t entries;    /* all versions of keys, single-key tombstones included */
    uint64_t tombstones; /* of single keys, and of ranges, which are not counted as entries */
} firn_store_level;
/* Disk space taken by the store's files, as du counts it, without directories. All 0 if the directory
 * could not be read. */
typedef struct firn_store_disk {
    uint64_t log_bytes; /* the part of the log's files that contains commits */
    /* Space in the log's files for future commits: freed on close, or ten to fifteen seconds after the
     * last commit. */
    uint64_t log_spare_bytes;
    uint64_t reserve_bytes; /* kept for a full disk; what is not needed is freed likewise */
    uint64_t run_bytes;     /* table files of the levels and of history */
    uint64_t value_bytes;   /* files of large values */
    uint64_t pack_bytes;    /* of workspaces */
    uint64_t manifest_bytes;
    /* FIRN, LOCK and config; damaged stores that repairs have kept, in damaged-1 and so on; and what is not firn's. */
    uint64_t other_bytes;
} firn_store_disk;
/* Facts about the store and what it does. Counters start at 0 when the handle is opened. The
 * members to watch: is_full, missing_files and background_code show failures, disk shows space,
 * slowdowns and stalls show commits that outrun the background work, cache_misses shows too little
 * memory (docs/tuning.md). */
typedef struct firn_store_statistics {
    size_t size; /* sizeof(firn_store_statistics), set by the caller */
    firn_store_level levels[FIRN_STORE_LEVELS]; /* level 0 is what was flushed last */
    uint64_t keyspaces;                         /* firn's own included */
    uint64_t commits;
    uint64_t commit_bytes; /* of all commits, as encoded */
    uint64_t log_bytes;    /* contents of the log now; disk.log_bytes: what they take up */
    uint64_t log_written_bytes;
    /* Contents of the files of levels, history and large values, now; disk.run_bytes and
     * disk.value_bytes: what they, and waiting files, take up. */
    uint64_t file_bytes;
    uint64_t waiting_files; /* replaced, and removed once no cursor, snapshot or reader uses them */
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
    uint64_t memtables_waiting; /* for their flush */
    uint64_t cache_bytes;
    uint64_t cache_hits;
    uint64_t cache_misses;
    uint64_t cache_evictions;
    uint64_t slowdowns; /* commits that were delayed, and for how long */
    uint64_t slowdown_ns;
    uint64_t stalls; /* commits that had to wait, and for how long */
    uint64_t stall_ns;
    uint64_t background_failures;
    int background_code; /* of the last one; FIRN_OK if there was none */
    char background_error[256];
    bool is_full;              /* the disk: commits that put are refused, see "Durability" */
    uint64_t snapshots;        /* open ones; cursors and transactions included */
    uint64_t conflicts;        /* transactions refused with FIRN_CONFLICT */
    uint64_t value_files;      /* files of large values */
    uint64_t value_bytes;      /* of values in them */
    uint64_t value_live_bytes; /* of these, values still in use; the rest is reclaimed over time */
    firn_store_level history;  /* versions that only snapshots and checkpoints still see */
    firn_store_disk disk;
    uint64_t missing_files; /* absent when the store was opened: reads of their keys fail */
    /* Memory taken by checkpoints and restores, beside memory_bytes: about 180 bytes for each
     * checkpoint with its name, and as much again if it was restored. Background work takes about the
     * same amount while it runs. */
    uint64_t checkpoint_memory_bytes;
    uint64_t graphs_built;   /* of vectors */
    uint64_t graphs_merged;  /* of these, from the graph of a file that was compacted */
    uint64_t graphs_damaged; /* graphs that could not be read for that, so all was built again */
} firn_store_statistics;
#define FIRN_STORE_STATISTICS_INIT                                                               \
    {                                                                                            \
        sizeof(firn_store_statistics), {{0, 0, 0, 0}}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, false, 0, 0, 0, 0, 0, {0, 0, 0, 0},   \
            {0, 0, 0, 0, 0, 0, 0, 0}, 0, 0, 0, 0, 0                                              \
    }
FIRN_API FIRN_MUST_CHECK int firn_store_stats(firn_store *store, firn_store_statistics *out,
                                              firn_error *err);
/* The statistics of firn_store_stats as one JSON object (docs/json.md), owned by the caller:
 * firn_release. */
FIRN_API FIRN_MUST_CHECK int firn_store_stats_json(firn_store *store, char **out, firn_error *err);

/* Estimated size of a range of keys. Overwritten versions and tombstones count until they are merged
 * away. */
typedef struct firn_keyspace_size {
    size_t size;             /* sizeof(firn_keyspace_size), set by the caller */
    uint64_t file_bytes;     /* in table files, as compressed */
    uint64_t file_entries;   /* in them, tombstones included */
    uint64_t value_bytes;    /* large values in files of their own, as stored */
    uint64_t memory_bytes;   /* keys and values in memtables */
    uint64_t memory_entries; /* number of entries in memtables */
} firn_keyspace_size;
#define FIRN_KEYSPACE_SIZE_INIT                   \
    {                                             \
        sizeof(firn_keyspace_size), 0, 0, 0, 0, 0 \
    }
/* Estimates the number and size of the entries in [lower, upper). Entries that only checkpoints and
 * snapshots still see are left out.
 *
 * Memtables are counted exactly, in time proportional to their entries in the range. Table files
 * that are wholly inside the range count as they are recorded. In each of the others (at most two of
 * a level, and those of level 0) file_bytes may be off by one block at each bound: 4 KiB before
 * compression, or one larger entry. file_entries takes entries as spread evenly over the blocks.
 *
 * Of a file whose entries have large values, up to 128 blocks are read (half a megabyte; the values
 * themselves are not). file_entries and value_bytes are exact if the range, or else the rest of the
 * file, has no more blocks than that. Otherwise they are estimated from 128 blocks, evenly spaced
 * over the file: to a few per cent of the whole file's, but large values that stand together in less
 * than a 128th of the file may be missed, or count too much. */
FIRN_API FIRN_MUST_CHECK int firn_keyspace_approximate_size(firn_keyspace *keyspace,
                                                            firn_slice lower, firn_slice upper,
                                                            firn_keyspace_size *out,
                                                            firn_error *err);

/* ---- keyspaces ---- */

typedef struct firn_keyspace_options {
    size_t size;            /* sizeof(firn_keyspace_options) */
    bool create_if_missing; /* default true; ignored by a read-only handle, which creates nothing */
    bool fail_if_exists;    /* default false */
} firn_keyspace_options;
#define FIRN_KEYSPACE_OPTIONS_INIT                 \
    {                                              \
        sizeof(firn_keyspace_options), true, false \
    }
/* Opens a keyspace by name; a missing one is created (one commit) if options allow it, else
 * FIRN_NOT_FOUND. FIRN_EXISTS with fail_if_exists; FIRN_LIMIT if there are too many. The handle is
 * owned by the store; opening a name twice gives the same handle. */
FIRN_API FIRN_MUST_CHECK int firn_keyspace_open(firn_store *store, const char *name,
                                                const firn_keyspace_options *options,
                                                firn_keyspace **out, firn_error *err);
/* Removes a keyspace and everything in it: one commit, with the store's durability. FIRN_NOT_FOUND if
 * there is no such keyspace. From then on its handles give FIRN_MISUSE, except for reads of snapshots
 * that were opened before; those and open cursors still see what they saw. Opening the name again
 * creates another, empty keyspace. */
FIRN_API FIRN_MUST_CHECK int firn_keyspace_drop(firn_store *store, const char *name,
                                                firn_error *err);
/* Visits the names that exist when the call begins, in byte order. */
FIRN_API FIRN_MUST_CHECK int firn_keyspace_list(firn_store *store,
                                                int (*visit)(void *ctx, const char *name),
                                                void *ctx, firn_error *err);

/* ---- writing ---- */

typedef struct firn_write_options {
    size_t size; /* sizeof(firn_write_options) */
    firn_durability durability;
    /* The value expires after this time; 0: never. For firn_put, firn_insert and firn_compare_and_put;
     * every other function returns FIRN_INVALID unless it is 0. */
    uint64_t ttl_ms;
} firn_write_options;
#define FIRN_WRITE_OPTIONS_INIT                                \
    {                                                          \
        sizeof(firn_write_options), FIRN_DURABILITY_DEFAULT, 0 \
    }

/* What a merge does to a value. Numbers are 8 bytes, little-endian, two's complement: firn_number
 * encodes and firn_number_of decodes them. */
typedef enum firn_merge_operator {
    FIRN_MERGE_ADD = 1,    /* adds a number; wraps around */
    FIRN_MERGE_APPEND = 2, /* appends the operand to the value */
    FIRN_MERGE_MIN = 3,    /* the smaller of two numbers */
    FIRN_MERGE_MAX = 4     /* the larger */
} firn_merge_operator;
/* The name of an operator ("add"), constant; never NULL. Any thread. */
FIRN_API const char *firn_merge_operator_name(firn_merge_operator operation);

/* Encodes the operand of FIRN_MERGE_ADD, FIRN_MERGE_MIN or FIRN_MERGE_MAX: 8 bytes, little-endian. */
static inline void
firn_number(int64_t number, uint8_t out[8])
{
    int i;
    for (i = 0; i < 8; i++) {
        out[i] = (uint8_t)((uint64_t)number >> (8 * i));
    }
}

/* Decodes the number in a value; 0 if its size is not 8. */
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

/* Write one entry, which expires if the options say so (ttl_ms). Each of these is one commit. */
FIRN_API FIRN_MUST_CHECK int firn_put(firn_keyspace *keyspace, firn_slice key, firn_slice value,
                                      const firn_write_options *options, firn_error *err);
/* Puts the value only if the key has none; FIRN_EXISTS otherwise, and nothing changes. */
FIRN_API FIRN_MUST_CHECK int firn_insert(firn_keyspace *keyspace, firn_slice key, firn_slice value,
                                         const firn_write_options *options, firn_error *err);
/* Replaces the value only if it equals `expected`, byte for byte. FIRN_CONFLICT if it differs,
 * FIRN_NOT_FOUND if there is none, and nothing changes. */
FIRN_API FIRN_MUST_CHECK int firn_compare_and_put(firn_keyspace *keyspace, firn_slice key,
                                                  firn_slice expected, firn_slice value,
                                                  const firn_write_options *options,
                                                  firn_error *err);
/* Combines an operand with the value of a key, by a merge operator. FIRN_INVALID for an operand
 * that does not fit the operator. */
FIRN_API FIRN_MUST_CHECK int firn_merge(firn_keyspace *keyspace, firn_slice key,
                                        firn_merge_operator operation, firn_slice operand,
                                        const firn_write_options *options, firn_error *err);
/* Deletes a key. Deleting a missing key succeeds. */
FIRN_API FIRN_MUST_CHECK int firn_delete(firn_keyspace *keyspace, firn_slice key,
                                         const firn_write_options *options, firn_error *err);
/* Deletes all keys in [lower, upper): one small commit, however much the range contains. Files that have
 * only keys of the range are not read any more, so a file that is missing or damaged does not matter
 * either, and compactions remove it; only snapshots and checkpoints from before still need it. */
FIRN_API FIRN_MUST_CHECK int firn_delete_range(firn_keyspace *keyspace, firn_slice lower,
                                               firn_slice upper, const firn_write_options *options,
                                               firn_error *err);

/* ---- reading ---- */

/* Returns a copy of the newest value, which the caller frees with firn_release. FIRN_NOT_FOUND, and
 * *out NULL, if there is no value. An empty value gives a non-NULL pointer and size 0. */
FIRN_API FIRN_MUST_CHECK int firn_get(firn_keyspace *keyspace, firn_slice key, uint8_t **out,
                                      size_t *out_size, firn_error *err);
/* Copies the newest value into `buffer` and sets *out_size to its size. FIRN_LIMIT if it is larger than
 * `capacity`: *out_size is set, and the contents of the buffer are undefined. */
FIRN_API FIRN_MUST_CHECK int firn_get_into(firn_keyspace *keyspace, firn_slice key, void *buffer,
                                           size_t capacity, size_t *out_size, firn_error *err);
/* Sets *out to whether the key has a value, without returning it. */
FIRN_API FIRN_MUST_CHECK int firn_exists(firn_keyspace *keyspace, firn_slice key, bool *out,
                                         firn_error *err);

/* Reads many keys from one snapshot (NULL: now): out_values[i] and out_sizes[i] are what firn_get gives for
 * keys[i]. Missing keys do not fail the call: their value is NULL. This is faster than as many calls of
 * firn_get, because cache misses overlap. If it fails, all values are NULL and all sizes 0. */
FIRN_API FIRN_MUST_CHECK int firn_get_many(firn_keyspace *keyspace, firn_snapshot *snapshot,
                                           const firn_slice *keys, size_t count,
                                           uint8_t **out_values, size_t *out_sizes,
                                           firn_error *err);

/* A snapshot is the store's data at one moment, or at a checkpoint. While the snapshot is open this data
 * does not change, and it stays readable even if the checkpoint is deleted. */
typedef struct firn_snapshot_options {
    size_t size;            /* sizeof(firn_snapshot_options) */
    const char *checkpoint; /* a reference (firn/checkpoint.h); NULL: now */
} firn_snapshot_options;
#define FIRN_SNAPSHOT_OPTIONS_INIT          \
    {                                       \
        sizeof(firn_snapshot_options), NULL \
    }
FIRN_API FIRN_MUST_CHECK int firn_snapshot_open(firn_store *store,
                                                const firn_snapshot_options *options,
                                                firn_snapshot **out, firn_error *err);
/* Closes a snapshot. NULL is allowed. */
FIRN_API void firn_snapshot_close(firn_snapshot *snapshot);
/* List and open the keyspaces that existed in the snapshot. A missing keyspace is not created:
 * FIRN_NOT_FOUND. */
FIRN_API FIRN_MUST_CHECK int firn_snapshot_keyspace_list(firn_snapshot *snapshot,
                                                         int (*visit)(void *ctx, const char *name),
                                                         void *ctx, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_snapshot_keyspace_open(firn_snapshot *snapshot, const char *name,
                                                         firn_keyspace **out, firn_error *err);
/* Returns a copy of the value that the snapshot sees, like firn_get. */
FIRN_API FIRN_MUST_CHECK int firn_snapshot_get(firn_snapshot *snapshot, firn_keyspace *keyspace,
                                               firn_slice key, uint8_t **out, size_t *out_size,
                                               firn_error *err);

/* Returns the value from a snapshot (NULL: now), if possible without copying it: *out_value then points
 * into the store's cache. It is valid, and does not change, until the pin is released, even if the key
 * is written. Every pin must be released, even if it holds a copy; until then the store cannot be closed.
 * These values are copied, outside of the budget (memory_bytes):
 * - values in a memtable, with a time to live, with merge operands that are not combined yet, or larger
 *   than 64 KiB;
 * - values for which history must be searched (of checkpoints, of older snapshots, and for a while after
 *   a restore);
 * - some large values that are not in the cache.
 * Otherwise the pin keeps the whole cached block, however small the value.
 * FIRN_NOT_FOUND, *out NULL and *out_value empty, if there is no value. */
FIRN_API FIRN_MUST_CHECK int firn_get_pinned(firn_keyspace *keyspace, firn_snapshot *snapshot,
                                             firn_slice key, firn_pin **out, firn_slice *out_value,
                                             firn_error *err);
/* Releases a pin. Any thread. NULL is allowed. */
FIRN_API void firn_pin_release(firn_pin *pin);

/* ---- batches ---- */

/* A batch collects writes to any keyspaces of one store. A later write to a key wins over an earlier
 * one: a put after a range delete that covers its key stays, a put before it is deleted. */
FIRN_API FIRN_MUST_CHECK int firn_batch_create(firn_batch **out, firn_error *err);
/* Free a batch, and empty it for other writes. NULL is allowed. */
FIRN_API void firn_batch_destroy(firn_batch *batch);
FIRN_API void firn_batch_clear(firn_batch *batch);
/* The number of writes that firn_batch_iterate visits, and an upper bound of their size in the log, in bytes. */
FIRN_API size_t firn_batch_count(const firn_batch *batch);
FIRN_API size_t firn_batch_size(const firn_batch *batch);
/* Add an entry, and other writes below. These functions copy keys and values. */
FIRN_API FIRN_MUST_CHECK int firn_batch_put(firn_batch *batch, firn_keyspace *keyspace,
                                            firn_slice key, firn_slice value, firn_error *err);
/* Adds an entry that expires. The time to live starts with this call; 0: the value never expires. */
FIRN_API FIRN_MUST_CHECK int firn_batch_put_ttl(firn_batch *batch, firn_keyspace *keyspace,
                                                firn_slice key, firn_slice value, uint64_t ttl_ms,
                                                firn_error *err);
/* Add a merge operand, or the deletion of a key. Combines with what the batch did to the key
 * before. FIRN_INVALID if that was a merge with another operator, or a put with a time to live. */
FIRN_API FIRN_MUST_CHECK int firn_batch_merge(firn_batch *batch, firn_keyspace *keyspace,
                                              firn_slice key, firn_merge_operator operation,
                                              firn_slice operand, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_batch_delete(firn_batch *batch, firn_keyspace *keyspace,
                                               firn_slice key, firn_error *err);
/* Adds the deletion of a range of keys, as firn_delete_range makes it. */
FIRN_API FIRN_MUST_CHECK int firn_batch_delete_range(firn_batch *batch, firn_keyspace *keyspace,
                                                     firn_slice lower, firn_slice upper,
                                                     firn_error *err);

typedef enum firn_batch_kind {
    FIRN_BATCH_PUT = 1,
    FIRN_BATCH_DELETE = 2,
    FIRN_BATCH_DELETE_RANGE = 3,
    FIRN_BATCH_MERGE = 4
} firn_batch_kind;
/* The name of a kind ("delete range"), constant; never NULL. Any thread. */
FIRN_API const char *firn_batch_kind_name(firn_batch_kind kind);
/* One write of a batch, borrowed until the visit returns. */
typedef struct firn_batch_write {
    firn_batch_kind kind;
    firn_keyspace *keyspace;
    firn_slice key;                /* of a range delete the lower bound */
    firn_slice value;              /* of a merge the operand, of a range delete the upper bound */
    firn_merge_operator operation; /* of a merge */
    uint64_t expires_ms;           /* when a put expires, ms since 1970; 0: never */
} firn_batch_write;
/* Visits the writes in the order in which they were collected. A merge is shown combined with what the
 * batch did to its key before, and those earlier writes are not visited: repeating the visited writes has
 * the effect of the batch. Requires: the store is open; visit does not change the batch. */
FIRN_API FIRN_MUST_CHECK int
firn_batch_iterate(const firn_batch *batch, int (*visit)(void *ctx, const firn_batch_write *write),
                   void *ctx, firn_error *err);
/* Appends the writes of another batch of the same store: all of them, or none if it fails. FIRN_INVALID
 * if both are the same batch, or belong to different stores, or where firn_batch_merge would return it.
 * Requires: the store is open. */
FIRN_API FIRN_MUST_CHECK int firn_batch_append(firn_batch *batch, const firn_batch *from,
                                               firn_error *err);
/* Commits the whole batch or none of it. The batch is not changed. An empty batch
 * succeeds, except in a store that was opened read-only. */
FIRN_API FIRN_MUST_CHECK int firn_store_write(firn_store *store, const firn_batch *batch,
                                              const firn_write_options *options, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif

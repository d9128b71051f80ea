/* SPDX-License-Identifier: Apache-2.0
 *
 * instance/db_handle.h: the structures of an open store, for the rooms that it is made of
 * (reading/, upkeep/, commit/, store/), and for those that work on these or on a store's files:
 * txn/, copy/, inspect/ and rescue/. Others use store/db.h.
 */
#ifndef FIRN_INSTANCE_DB_HANDLE_H
#define FIRN_INSTANCE_DB_HANDLE_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/epoch.h"
#include "base/error.h"
#include "base/hash_map.h"
#include "base/range_set.h"
#include "block/block_cache.h"
#include "compaction/compaction.h"
#include "history/history.h"
#include "instance/db_instance.h"
#include "log/log.h"
#include "lsm/lsm.h"
#include "os/os_process.h"
#include "storefile/storefile.h"
#include "threads/os_thread.h"

/* Keyspace 0 maps the names of the others to their ids (varints). The empty name, which no keyspace
 * has, maps to the next id. */
enum { FI_DB_KEYSPACE_LIST = 0 };

/* What a keyspace takes of the memory budget: about 600 bytes for itself, and its memtable as long
 * as that is small (lsm.h). */
enum { FI_DB_KEYSPACE_BYTES = 2048 };
_Static_assert((int)FI_DB_KEYSPACE_BYTES > (int)FI_LSM_SMALL_BYTES, "both are in it");

/* What came later under the name of a keyspace: see db_visible.c. */
struct fi_db_name_end {
    uint64_t sequence;
    _Atomic(struct fi_db_name_end *) newer;
};

/* A keyspace's data in one image. */
struct fi_db_tree {
    struct fi_lsm_tree *lsm_tree;
    uint32_t id;
    bool is_system;      /* outside snapshots */
    bool is_own;         /* firn's: the list, or what the list has for firn */
    _Atomic bool is_out; /* now does not have the keyspace */
    _Atomic(struct fi_db_name_end *) ends;
    uint8_t padding[56]; /* no read waits for a cache line that commits write */

    /* The newest commit through this handle that wrote to it; only the leader writes it. Relaxed: a
     * thread that has seen a sequence published sees it here too. */
    _Atomic uint64_t written_at;

    /* For the leader of commits only. */
    uint64_t created_at;    /* the sequence of the commit; 0: not yet */
    bool is_dropping;       /* its drop is in the log, or is_out */
    bool is_removed;        /* from the MANIFEST */
    uint64_t first_segment; /* of the log, with data of the active memtable; 0: none */
    struct fi_db_tree *next_touched;
    size_t pending_count;
    size_t pending_bytes;
    size_t pending_range_count;
    size_t pending_range_bytes;
    const struct fi_range_set *later; /* range deletes of the commit that is being applied */

    enum fi_storefile_keyspace_type type;
    uint64_t schema;               /* of a table: both as in the list of keyspaces */
    bool has_schemas;              /* the keyspace FI_DB_SCHEMAS */
    struct fi_schema *last_schema; /* see db_layout.c; the state mutex guards it */
    /* How its keys are made up, for messages; the state mutex guards these. See
     * fi_db_keyspace_note_schema. */
    struct fi_schema *key_schema; /* NULL: not known */
    uint32_t key_index;           /* its entries are those of this index; 0: rows */
    uint32_t key_table;           /* number of the keyspace with the rows */
};

/* The number of commits in a segment of the log. */
struct fi_db_segment {
    uint64_t number;
    uint64_t commit_count;
};

/* The state that an opening found; a handle that writes keeps it up to date. A read-only handle
 * gets another one with each refresh. */
struct fi_db_image {
    struct firn_db *db;
    struct fi_lsm *lsm;
    struct fi_os_file *reader_lock; /* of a reader: see db_reader.c */
    struct fi_buf trees;            /* of struct fi_db_tree *, ids ascending */
    struct fi_arena ends;           /* of names; the leader's */
    struct fi_history history;      /* the state mutex guards it: see history.h */
    struct fi_db_tree *list;        /* number 0 */
    bool is_listed;                 /* the trees are in order */
    uint64_t next_id;               /* of the next keyspace */
    _Atomic size_t tree_count;      /* without those that were removed; relaxed */
    _Atomic size_t given_count;     /* of these, without firn's own */
    size_t held_bytes;              /* of the cache, for the trees */
    uint64_t last_sequence;         /* when it was opened */
    uint64_t log_bytes;             /* likewise; of a reader */
    struct fi_log_watch log_watch;  /* of a reader */
    struct fi_buf segments;         /* of struct fi_db_segment, numbers ascending */
    uint64_t user_count;            /* snapshots and cursors; the state mutex guards it */
    struct fi_epoch_node retired;
    /* Called when its last user leaves and another one has replaced it. */
    void (*retire)(struct fi_db_image *image);
};

/* A handle, as users have it. */
struct firn_db_keyspace {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct firn_db *db;
    struct fi_db_tree *tree; /* NULL where the handle is read-only: see db_handles.c */
    char *name;              /* "" for the list of keyspaces */
    uint32_t id;
    bool is_system;
    enum fi_storefile_keyspace_type type;
    uint64_t schema; /* of a table: see storefile_keyspace.h */
    /* An object of a room above, and its destructor; the state mutex guards both. */
    void *attached;
    void (*destroy_attached)(void *object);
};

/* An open snapshot: a public one, a cursor's, or one for a read. */
struct fi_db_snapshot_node {
    struct fi_db_snapshot_node *next;
    struct fi_db_snapshot_node *previous;
    struct fi_db_image *image;
    struct fi_db_line *line;     /* it is on this line; NULL: outside snapshots */
    uint64_t sequence;           /* it sees its line up to this */
    struct fi_snapshot snapshot; /* what it sees */
    bool was_now;     /* it sees what was now when it, or the snapshot that it copies, was opened */
    uint64_t time_ms; /* it does not see what expires at or before this time */
    const struct fi_db_tree *tree;    /* it reads only this; NULL: all but system trees */
    bool keeps_tombstones;            /* a transaction that may write: see txn.c */
    struct fi_db_snapshot_part *part; /* of the list: see db_snapshot_list.c */
    bool is_shared;                   /* the part has the references to image and line */
    void (*destroy)(struct fi_db_snapshot_node *node); /* for giving up the store */
};

/* A part of the list of open snapshots: see db_snapshot_list.c. */
struct fi_db_snapshot_part {
    struct fi_os_mutex mutex; /* rank DB_SNAPSHOTS and its index; guards all of it */
    struct fi_db_snapshot_node *first;
    /* The part has one reference to each, for all its users; NULL: it has none. */
    struct fi_db_image *image;
    struct fi_db_line *line;
    uint64_t users;
    uint8_t padding[64]; /* no two parts share a cache line */
};
enum { FI_DB_SNAPSHOT_PARTS = 16 };

struct firn_snapshot {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct firn_db *db;
    struct fi_db_snapshot_node node;
};

/* A value that was read without a copy: see db_get.c. */
struct firn_db_pin {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct firn_db *db;
    struct fi_run_pinned pinned;
    struct fi_buf copy; /* of a value that could not be pinned */
};

/* One write of a batch; key and value are offsets into the batch's body. */
struct fi_db_op {
    struct fi_db_tree *tree;
    uint32_t key_offset;
    uint32_t value_offset;
    uint32_t value_size;
    uint32_t key_size : 24;
    uint32_t kind : 7;
    uint32_t is_replaced : 1; /* a later one of its batch includes it: db_batch.c */
};
_Static_assert(sizeof(struct fi_db_op) <= 3 * sizeof(uint64_t), "there are many of them");
_Static_assert((int)FIRN_KEY_SIZE_MAX == (int)FI_ENTRY_KEY_SIZE_MAX &&
                   (int)FIRN_VALUE_SIZE_MAX == (int)FI_ENTRY_VALUE_SIZE_MAX,
               "what the interface permits has its place in the files");
_Static_assert(FIRN_KEY_SIZE_MAX < 1 << 24, "a key's size fits an operation");

/* The range deletes of a batch, by tree: see db_apply.c. Zeroed is empty. */
struct fi_db_ranges {
    struct fi_buf sets; /* of struct fi_db_ranges_set * */
};

struct firn_db_batch {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct firn_db *db;             /* of the first write; NULL while empty */
    uint64_t db_serial;             /* likewise: a batch may outlive the store */
    struct fi_buf body;             /* encoded as in a commit record, after its header */
    size_t gap_bytes;               /* of it, after values that grow: db_batch.c */
    struct fi_buf ops;              /* of struct fi_db_op */
    struct fi_db_ranges ranges;
    bool has_puts;             /* anything that needs space permanently */
    bool has_replaced;         /* operations that a later one includes; not reset by a rollback */
    bool frees_space;          /* puts count as deletes: the caller frees more space by them */
    struct fi_hash_map newest; /* see db_batch.c; not initialised before the first merge */
    size_t newest_count;       /* the number of operations in it */
};

/* A commit on its way into the trees. */
struct fi_db_apply {
    const struct fi_db_op *ops;
    size_t count;
    const uint8_t *body;
    const struct fi_db_ranges *ranges;
    uint64_t sequence;
    uint64_t segment;     /* of the log; contains the commit */
    uint64_t body_offset; /* in the segment's file */
    bool is_replay;       /* leave out what is in runs */
};

/* How the memory budget is divided, and other limits that follow from it. */
struct fi_db_limits {
    uint64_t memory;
    size_t memtable;      /* a larger one is frozen */
    size_t memtables;     /* of all together: above it one is frozen early */
    size_t memtables_max; /* above it commits wait */
    size_t cache;
    size_t spare;        /* of memtables: what they do not need of it is added to the cache */
    uint64_t log;        /* above it, memtables with data of its oldest segment are frozen */
    size_t replay_max;   /* as memtables_max, while the log is replayed */
    uint64_t disk_bytes; /* the largest size of the store; UINT64_MAX: no limit */
};

/* Background work: see db_jobs.c. The mutex guards all of it. */
struct fi_db_jobs {
    struct fi_os_mutex mutex; /* rank DB_JOBS */
    struct fi_os_cond changed;
    struct fi_os_jobs *flush_pool;
    struct fi_os_jobs *compaction_pool;
    struct fi_os_jobs *log_pool;
    struct fi_os_jobs *rest_pool;
    struct fi_os_jobs *graph_pool;
    struct fi_os_cond closing;
    unsigned compaction_threads;
    bool is_flushing;      /* a job is submitted or runs */
    unsigned compacting;   /* the number of jobs */
    bool is_graphing;      /* as is_flushing: a job builds graphs */
    uint64_t flush_wishes; /* counters; a job that sees a new wish begins again */
    uint64_t compaction_wishes;
    uint64_t graph_wishes;
    bool is_closing;
    atomic_bool has_failure; /* that no commit has returned; read without the mutex */
    firn_error failure;
    uint64_t failure_count;
    int last_code;
    char last_text[256];
};

/* Space on the disk: see db_space.c. The mutex of jobs guards what is not atomic. */
struct fi_db_space {
    atomic_bool is_full;
    bool is_busy; /* a thread is changing the file */
    uint64_t reserve_bytes;
    uint64_t next_look_bytes;      /* of the log: the leader's */
    uint64_t failed_at;            /* the newest commit when freeing space failed; 0: it did not */
    _Atomic uint64_t beside_bytes; /* of files beside the store's that belong to it */
};

/* Whether the store is idle: see db_rest.c. The mutex of jobs guards what is not atomic. */
struct fi_db_rest {
    void (*watch)(void *db);    /* the job, set at opening */
    atomic_bool is_watching;    /* a job waits for that */
    atomic_bool is_giving_back; /* it is idle */
    uint64_t published;         /* the newest commit at the last look, … */
    int64_t since_ns;           /* … and since when it is the newest */
};

/* Counters for fi_inspect_stats; relaxed. */
struct fi_db_counters {
    _Atomic uint64_t commits;
    _Atomic uint64_t commit_bytes;
    _Atomic uint64_t log_bytes;
    _Atomic uint64_t slowdowns;
    _Atomic uint64_t slowdown_ns;
    _Atomic uint64_t stalls;
    _Atomic uint64_t stall_ns;
    _Atomic uint64_t conflicts;
};

/* How many commits to expect in a group: see db_write.c. Guarded by the mutex of commits. */
struct fi_db_gather {
    unsigned queued;   /* commits in the queue */
    unsigned expected; /* to wait for; 0: unknown */
};

/* Decides whether a commit may take its place in the order: the leader calls it when all earlier
 * commits have been applied. Its failure fails the commit. */
struct fi_db_write_check {
    int (*check)(const void *ctx, struct firn_db *db, firn_error *err);
    const void *ctx;
};

/* What a commit changes besides its writes to the list of keyspaces. */
struct fi_db_write_change {
    struct fi_db_tree *creates; /* or NULL */
    struct fi_db_tree *drops;   /* or NULL; end is the note for it */
    struct fi_db_name_end *end;
};

/* A commit in the queue of commits, in the stack frame of its thread. */
struct fi_db_write {
    const struct firn_db_batch *batch;
    const struct fi_db_write_check *check; /* or NULL */
    struct fi_db_write_change change;
    bool wants_sync;
    bool is_urgent; /* it was refused for lack of space, and is tried again */
    struct fi_db_write *next;
    uint64_t sequence;    /* 0: refused, or a barrier */
    uint64_t segment;     /* of the log */
    uint64_t body_offset; /* of the batch's body in the segment's file */
    bool is_waiting;      /* woken is initialised */
    bool is_done;
    int rc;
    firn_error *err; /* the caller's */
    struct fi_os_cond woken;
};

/* A transaction: see txn.h. */
struct firn_txn;

/* Committers, and which of them leads: see db_write.c. */
struct fi_db_commits {
    struct fi_os_mutex mutex; /* rank DB_COMMIT */
    struct fi_os_cond lead_ended;
    struct fi_db_write *head;
    struct fi_db_write *tail;
    struct fi_db_gather gather;
    unsigned exclusive_waiting; /* threads that want the leader's place without a commit */
    bool is_leading;
    bool has_failed;
    uint64_t last_sequence; /* the leader's while it has a group */
    firn_error failure;     /* the first one, if has_failed */
};

/* Only the leader reads and writes these, except for the two that are atomic. */
struct fi_db_lead {
    uint64_t log_floor; /* the log was told to remove what is older */
    uint64_t
        vouched; /* the newest version of MANIFEST that the log names: see db_replay_attest.c */
    struct fi_log_position fence; /* as LOCK has it: see db_log.c */
    int64_t slowdown_debt_ns;
    atomic_int rotate_phase;         /* see db_turn.c */
    atomic_bool is_preparing_memory; /* a job is queued or runs */
    uint64_t restored_at; /* the newest commit that counts as a write to every key; 0: none */
    uint64_t out_count;   /* trees that now does not have and that are not removed */
};

struct firn_db {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    uint64_t serial;                /* unique among the handles of this process */
    struct fi_os *os;
    struct fi_os *owned_os;     /* of a store in memory */
    struct fi_archive *archive; /* of a store in a single file: see archive.h */
    struct fi_os_dir *dir;
    struct fi_os_dir *sealed_dir;   /* of an encrypted store: dir is this one */
    struct fi_os_dir *owned_dir;    /* closed with the handle; NULL if the caller lent it */
    struct fi_storefile_lock *lock; /* NULL if read-only */
    struct fi_os_file *readers;     /* the file FIRN, to ask for readers' locks; likewise */
    struct fi_log *log;             /* likewise */
    struct fi_block_cache *cache;   /* of all images */
    struct fi_storefile_identity identity;
    struct fi_db_limits limits;
    unsigned threads;
    firn_compression compression;
    bool is_read_only;
    bool shows_pending;         /* read-only: also shows what the writer has not acknowledged */
    firn_durability durability; /* FULL or OS */

    /* Grows whenever a flush or compaction asks for the list of snapshots: see db_get.c. */
    _Atomic uint64_t snapshots_taken;
    /* Reads are inside the epoch while they use the image of a read-only handle, or the intervals
     * of now of a handle that writes. */
    _Atomic(struct fi_db_image *) image;
    struct fi_epoch epoch;

    /* The newest sequence that readers see. Release in db_write.c pairs with acquire in
     * fi_db_published. */
    _Atomic uint64_t published;
    uint8_t padding[64]; /* readers should not wait for the cache line of a mutex */

    struct fi_db_commits commits;
    struct fi_db_lead lead;

    /* Used only while opening. */
    bool was_at_rest;                 /* the opening found a log that was closed, … */
    struct fi_log_position found_end; /* … which ended here, … */
    uint64_t found_version;           /* … and MANIFEST at this version */
    struct fi_db_image *replayed;     /* while the log is replayed, what it is replayed into */

    struct fi_os_mutex state_mutex; /* rank DB_STATE */
    struct fi_os_cond list_changed;
    bool is_changing_list;        /* a thread is creating or dropping a keyspace */
    struct fi_hash_map keyspaces; /* of struct firn_db_keyspace *, by id */
    struct firn_db_bulk *bulk;    /* the load that is open, or NULL */
    struct fi_db_snapshot_part snapshots[FI_DB_SNAPSHOT_PARTS];
    _Atomic uint64_t pin_count; /* struct firn_db_pin, that are held */

    struct fi_db_jobs jobs;
    struct fi_db_space space;
    struct fi_db_rest rest;
    struct fi_db_counters counters;
};

static inline uint64_t
fi_db_published(const struct firn_db *db)
{
    return atomic_load_explicit(&db->published, memory_order_acquire);
}

/* Whether the leader's place is taken, or no other thread can want it: the handle is being opened
 * or closed, or only reads. For assertions of the leader, which has set is_leading itself and so
 * needs no mutex to read it. */
static inline bool
fi_db_is_led(const struct firn_db *db)
{
    return db->commits.is_leading || db->jobs.flush_pool == NULL || db->jobs.is_closing;
}

/* The image of a handle that writes, or of a read-only one whose image cannot change meanwhile. */
static inline struct fi_db_image *
fi_db_image(struct firn_db *db)
{
    return atomic_load_explicit(&db->image, memory_order_seq_cst);
}

/* The time by which entries expire: milliseconds since 1970. */
static inline uint64_t
fi_db_time_ms(const struct firn_db *db)
{
    return (uint64_t)(fi_os_now_ns(db->os) / 1000000);
}

/* Whether the name is that of a keyspace of firn's own, outside of snapshots. */
static inline bool
fi_db_is_system_name(firn_slice name)
{
    return fi_slice_has_prefix(name, firn_str(FI_DB_SYSTEM_PREFIX));
}

static inline void
fi_db_count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* Whether all writes of the batch, if any, are for this store: a store may have the address of an
 * earlier one, so serials are compared too. */
static inline bool
fi_db_batch_is_of(const struct firn_db_batch *batch, const struct firn_db *db)
{
    return batch->db == NULL || (batch->db == db && batch->db_serial == db->serial);
}

static inline size_t
fi_db_batch_op_count(const struct firn_db_batch *batch)
{
    return batch->ops.size / sizeof(struct fi_db_op);
}

static inline struct fi_db_op *
fi_db_batch_op(const struct firn_db_batch *batch, size_t i)
{
    return (struct fi_db_op *)(void *)batch->ops.data + i;
}

/* Borrowed until the batch changes. */
static inline firn_slice
fi_db_batch_key(const struct firn_db_batch *batch, const struct fi_db_op *op)
{
    return firn_bytes(batch->body.data + op->key_offset, op->key_size);
}

static inline firn_slice
fi_db_batch_value(const struct firn_db_batch *batch, const struct fi_db_op *op)
{
    return firn_bytes(batch->body.data + op->value_offset, op->value_size);
}

/* ---- db_apply.c ---- */

/* The range deletes of one tree, with the number of the operation plus one as sequence; NULL if
 * there are none. */
const struct fi_range_set *fi_db_apply_ranges_of(const struct fi_db_ranges *ranges,
                                                 const struct fi_db_tree *tree);
/* Notes that a commit ended the keyspace. For the leader only. */
void fi_db_apply_end(struct fi_db_tree *tree, struct fi_db_name_end *end, uint64_t sequence);
/* Called by the leader before it applies a commit: prefetches the memory that the first operation
 * needs. */
void fi_db_apply_prepare(const struct fi_db_apply *commit);
/* Applies the operations of one commit to the trees. Fails only with FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_db_apply(const struct fi_db_apply *commit, firn_error *err);
/* Notes that operation number `index` of a commit deletes a range. */
FIRN_MUST_CHECK int fi_db_apply_ranges_add(struct fi_db_ranges *ranges, struct fi_db_tree *tree,
                                           firn_slice lower, firn_slice upper, size_t index,
                                           firn_error *err);
void fi_db_apply_ranges_deinit(struct fi_db_ranges *ranges);
/* Whether an operation from number `index` on deletes a range of the tree that contains the key.
 * For the batch's owner. */
bool fi_db_apply_ranges_deletes(const struct fi_db_ranges *ranges, const struct fi_db_tree *tree,
                                firn_slice key, size_t index);

/* ---- db_batch.c ---- */

/* For a batch in the caller's memory (zeroed is empty). */
void fi_db_batch_deinit(struct firn_db_batch *batch);
/* When a value expires that has ttl_ms (not 0) to live from now on. */
uint64_t fi_db_batch_end_ms(struct firn_db *db, uint64_t ttl_ms);
/* Encodes a value that expires at a moment, or ttl_ms from now; replaces the contents of out. */
FIRN_MUST_CHECK int fi_db_batch_encode_until(firn_slice value, uint64_t expires_ms,
                                             struct fi_buf *out, firn_error *err);
FIRN_MUST_CHECK int fi_db_batch_encode_expiring(struct firn_db *db, firn_slice value,
                                                uint64_t ttl_ms, struct fi_buf *out,
                                                firn_error *err);
/* A position in a batch. */
struct fi_db_batch_mark {
    size_t op_count;
    bool has_puts;
};
struct fi_db_batch_mark fi_db_batch_mark(const struct firn_db_batch *batch);
/* Takes back what came after the mark. Requires: no merge is among that, because merges may have
 * changed what precedes the mark. FIRN_NO_MEMORY: nothing is taken back. */
FIRN_MUST_CHECK int fi_db_batch_rewind(struct firn_db_batch *batch,
                                       const struct fi_db_batch_mark *mark, firn_error *err);
/* Appends to the value of operation i, if that is a put or an append and has room, in time that
 * depends on the operand alone; the last operation has room. FIRN_NOT_FOUND: it is something else,
 * or has no room; FIRN_NO_MEMORY. On failure the batch is unchanged. */
FIRN_MUST_CHECK int fi_db_batch_extend(struct firn_db_batch *batch, size_t i, firn_slice operand);
/* Leaves a gap of at most size bytes after the last operation, into which its value can grow: none
 * if there is no room or memory. */
void fi_db_batch_leave_gap(struct firn_db_batch *batch, size_t size);
/* Removes all gaps. */
void fi_db_batch_close_gaps(struct firn_db_batch *batch);
/* A write of any kind. On failure the batch is unchanged. */
FIRN_MUST_CHECK int fi_db_batch_append(struct firn_db_batch *batch, struct firn_db *db,
                                       struct fi_db_tree *tree,
                                       const struct fi_storefile_op *format, firn_error *err);
/* Copies a batch into an empty one, without gaps and without the values of replaced operations. */
FIRN_MUST_CHECK int fi_db_batch_copy_to_commit(struct firn_db_batch *batch,
                                               const struct firn_db_batch *from, firn_error *err);
/* FIRN_LIMIT if one of them is too large. */
FIRN_MUST_CHECK int fi_db_batch_check_sizes(firn_slice key, firn_slice value, firn_error *err);
/* A write to the list of keyspaces; put NULL: deletes the name. */
FIRN_MUST_CHECK int fi_db_batch_list(struct firn_db_batch *batch, struct firn_db *db,
                                     firn_slice name, const struct fi_storefile_keyspace *put,
                                     firn_error *err);

/* ---- db_handles.c ---- */

/* The name of a keyspace for which there is a handle; lives as long as the store. */
const char *fi_db_handles_name_of(struct firn_db *db, uint32_t id);
void fi_db_handles_init(struct firn_db *db);
void fi_db_handles_destroy_all(struct firn_db *db);
/* The handle for a number, or NULL if none was given out. */
struct firn_db_keyspace *fi_db_handles_find(struct firn_db *db, uint32_t id);
/* The handle for a number, created if necessary. Requires, as the next two: the state mutex is
 * held. */
FIRN_MUST_CHECK int fi_db_handles_get_locked(struct firn_db *db, struct fi_db_image *image,
                                             uint64_t id, const char *name,
                                             struct firn_db_keyspace **out, firn_error *err);
/* Makes a handle and room for it; the caller publishes or discards it. NULL: out of memory. */
struct firn_db_keyspace *fi_db_handles_prepare_locked(struct firn_db *db, struct fi_db_tree *tree,
                                                      const char *name)
    __attribute__((warn_unused_result));
/* Gives it out, unless another thread that saw the name has given out another one, which is then
 * returned. Cannot fail. */
struct firn_db_keyspace *fi_db_handles_publish_locked(struct firn_db *db,
                                                      struct firn_db_keyspace *prepared)
    __attribute__((warn_unused_result));
/* NULL is fine. */
void fi_db_handles_discard(struct firn_db_keyspace *prepared);

/* ---- db_history.c ---- */

/* Replaces the contents of out with the whole history, as MANIFEST has it. */
FIRN_MUST_CHECK int fi_db_history_encode(struct firn_db *db, struct fi_buf *out, firn_error *err);
/* Saves the history in MANIFEST if the log before `segment` has changes that MANIFEST lacks. For
 * the leader only. */
FIRN_MUST_CHECK int fi_db_history_save_before(struct firn_db *db, uint64_t segment,
                                              firn_error *err);

/* ---- db_jobs.c ---- */

/* Called after a cursor was closed: asks for the removal of files that only it used. */
void fi_db_jobs_wake_collection(struct firn_db *db);
/* Flushes and compacts in this thread, and waits for other threads that do, until nothing is left
 * to do, or wish->step ends it. */
FIRN_MUST_CHECK int fi_db_jobs_finish(struct firn_db *db,
                                      const struct fi_compaction_work_wish *wish, firn_error *err);
FIRN_MUST_CHECK int fi_db_jobs_open(struct firn_db *db, firn_error *err);
/* Ends background work; what has begun is finished. */
void fi_db_jobs_stop(struct firn_db *db);
void fi_db_jobs_close(struct firn_db *db);
/* Ask for flushes (each asks for compactions when it ends), and for compactions. */
void fi_db_jobs_wake(struct firn_db *db);
/* Called after runs were added, or a table got an index of vectors: has missing graphs of runs
 * built. */
void fi_db_jobs_wake_graphs(struct firn_db *db);
/* Builds the missing graphs of a tree's runs (NULL: all trees) in this thread, or waits for the
 * thread that does. */
FIRN_MUST_CHECK int fi_db_jobs_finish_graphs(struct firn_db *db, const struct fi_lsm_tree *tree,
                                             const struct fi_step *step, firn_error *err);
void fi_db_jobs_wake_compactions(struct firn_db *db);
/* The same for a thread that must not compact itself if it cannot be submitted. For struct
 * fi_lsm_host: ctx is the store. */
void fi_db_jobs_suggest_compactions(void *ctx);
/* Takes the failure that no commit has returned yet, if there is one. Requires: err is not NULL. */
FIRN_MUST_CHECK int fi_db_jobs_take_failure(struct firn_db *db, firn_error *err);
void fi_db_jobs_note_failure(struct firn_db *db, const firn_error *err);
/* Submits a function that works on the log; false if that is not possible. */
bool fi_db_jobs_submit_log(struct firn_db *db, void (*run)(void *arg));
/* Starts watching for the store to become idle (db->rest.watch), unless a job does. It ends soon
 * after `closing`. Any thread. */
void fi_db_jobs_watch_rest(struct firn_db *db);
/* Waits for progress of background work; false if there is none. */
bool fi_db_jobs_wait(struct firn_db *db);

/* ---- db_lead.c ---- */

int fi_db_lead_refuse_read_only(struct firn_db *db, firn_error *err);
/* FIRN_FAILED if the handle is latched. */
FIRN_MUST_CHECK int fi_db_lead_refuse_failed(struct firn_db *db, firn_error *err);
/* Take the leader's place without a commit, and give it back. */
void fi_db_lead_begin(struct firn_db *db);
void fi_db_lead_end(struct firn_db *db);
/* Latches the handle: remembers the first failure; later commits are refused. */
void fi_db_lead_latch(struct firn_db *db, const firn_error *err);
/* Whether the handle is still the only one that writes; if not, latches it and returns FIRN_FAILED.
 * Another failure says that it could not be found out. No mutex of the store may be held. */
FIRN_MUST_CHECK int fi_db_lead_check_lock(struct firn_db *db, firn_error *err);
/* Records the version of MANIFEST in the log, unless the log has it. Syncs nothing. Requires: the
 * leader's place is taken. */
FIRN_MUST_CHECK int fi_db_lead_attest(struct firn_db *db, firn_error *err);
/* For the leader of commits, which holds their mutex: latches the handle; returns FIRN_FAILED, with
 * the reason, for a latched handle; gives the place to the next thread that waits for it. */
void fi_db_lead_latch_locked(struct firn_db *db, const firn_error *err);
int fi_db_lead_refuse_failed_locked(const struct firn_db *db, firn_error *err);
void fi_db_lead_end_locked(struct firn_db *db);
/* Wakes the thread of a queued commit if it waits. */
void fi_db_lead_wake(struct fi_db_write *commit);

/* ---- db_log.c ---- */

/* How the store's log is opened. */
struct fi_log_options fi_db_log_options(bool read_only);
bool fi_db_log_is_name(const char *name);

/* Called while the whole log is read. */
struct fi_db_log_visitor {
    int (*restart)(void *ctx, firn_error *err); /* reading begins again: forget everything */
    int (*visit)(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
                 firn_error *err);
    void *ctx;
    uint64_t *log_bytes;        /* its length; may be NULL */
    struct fi_log_watch *watch; /* begun when all was read; may be NULL */
    bool is_fenced;             /* leave out what is not acknowledged: see db_log.c */
    /* As in struct fi_log_options; NULL: no call. */
    int (*judge)(void *ctx, const struct fi_log_found *found, firn_error *err);
    void *judge_ctx;
};
/* Reads the log without writing anything, also while another process writes it. */
FIRN_MUST_CHECK int fi_db_log_read(struct fi_os_dir *dir, const struct fi_db_log_visitor *visitor,
                                   firn_error *err);
/* Whether the log certainly shows a reader what it did when the watch began. */
bool fi_db_log_is_unchanged(struct firn_db *db, const struct fi_log_watch *watch);
/* Whether a load (db_bulk.c) seems to have come between the newest known sequence and that of a
 * record in the log: loads take multiples of a large step. */
bool fi_db_log_lacks_load(uint64_t known, uint64_t sequence);
/* FIRN_CORRUPT (or code) for a record, naming file and offset; returns the code. */
int fi_db_log_error(firn_error *err, int code, struct fi_os_dir *dir,
                    struct fi_log_position position, const char *what);
/* The sequence of a load is the next multiple of this, which limits the commits while one is
 * open. */
#define FI_DB_LOAD_STEP (UINT64_C(1) << 28)

/* Called before a group of commits that wants a sync is appended: readers stop here. For the leader
 * only. */
void fi_db_log_fence_raise(struct firn_db *db);
/* Called when a group is acknowledged: readers see it. For the leader only. */
void fi_db_log_fence_lower(struct firn_db *db, bool was_synced);

/* ---- db_memory.c; any thread ---- */

struct fi_db_limits fi_db_memory_divide(uint64_t memory);
/* Borrows memory of the block cache for what memtables use beyond their own share, as far as the
 * cache lends it, and gives back the rest. */
void fi_db_memory_borrow(struct firn_db *db);
/* Adds to the cache what memtables leave of their share; nothing while a load is open. */
void fi_db_memory_resolve(struct firn_db *db);
/* The same if memtables have grown into what the cache has; whether that was so. */
bool fi_db_memory_undo(struct firn_db *db);

/* ---- db_reader.c ---- */

/* Keeps every file of the store from being removed. */
FIRN_MUST_CHECK int fi_db_reader_lock_all(struct fi_os_dir *dir, struct fi_os_file **out,
                                          firn_error *err);
/* Whether any process reads the store now. */
FIRN_MUST_CHECK int fi_db_reader_is_any(struct fi_os_dir *dir, bool *out, firn_error *err);
/* From now on keeps only the files that this version of MANIFEST, and newer ones, use. */
FIRN_MUST_CHECK int fi_db_reader_lock_version(struct fi_os_file *file, uint64_t version,
                                              firn_error *err);
/* The gate for the logs of a store that is written: shut while a process may be reading them. */
struct fi_log_gate fi_db_reader_gate(struct firn_db *db);

/* ---- db_segments.c; the mutex of commits guards it ---- */

/* Whether noting the commits of a group cannot fail; makes room for that: for two more segments,
 * the most that a group touches. */
bool fi_db_segments_has_room(const struct fi_db_image *image);
FIRN_MUST_CHECK int fi_db_segments_make_room(struct fi_db_image *image, firn_error *err);
void fi_db_segments_note_commit(struct fi_db_image *image, uint64_t segment);
void fi_db_segments_remove(struct fi_db_image *image, uint64_t before);
/* Whether the remaining segments of the log have commits, or changes of checkpoints. */
bool fi_db_segments_has_commits(const struct fi_db_image *image);

/* ---- db_space.c ---- */

/* The space that files of a directory take up, of those with a name that counts (NULL: all). What
 * cannot be read counts nothing. */
uint64_t fi_db_space_of(struct fi_os_dir *parent, const char *name,
                        bool (*counts)(const char *name));
/* Determines how large the store can become, and limits what it writes at once accordingly.
 * Requires, for this function and the next two: no other thread knows the handle. */
void fi_db_space_fit(struct firn_db *db);
/* Finds out how large the reserve is. */
void fi_db_space_inspect(struct firn_db *db);
/* Opening found no space: frees everything that is reserved for it. False if nothing was. */
bool fi_db_space_give_up_at_open(struct firn_db *db);
/* Free bytes beyond what a commit needs: with fewer the disk still counts as full. */
enum { FI_DB_SPACE_SLACK = 64 << 10 };
/* Whether there is space again for a commit of so many bytes; if so, the reserve is as before, and
 * the disk no longer counts as full. */
bool fi_db_space_is_back(struct firn_db *db, size_t bytes);
/* How large the reserve should be. Any thread. */
uint64_t fi_db_space_wanted(struct firn_db *db);
/* The free bytes, less what a flush of the memtables will need. Any thread. */
uint64_t fi_db_space_left(struct firn_db *db);
/* How many bytes a flush or compaction may write while the disk is full; else 0. Any thread. */
uint64_t fi_db_space_room(struct firn_db *db);
/* As fi_db_space_give_up, but frees the last part of the reserve too. */
bool fi_db_space_give_up_all(struct firn_db *db);
/* Makes the reserve as large as it should be, if possible. Any thread. */
void fi_db_space_keep(struct firn_db *db);
/* Frees what the reserve has beyond that, if possible. Any thread. */
void fi_db_space_trim(struct firn_db *db);

/* ---- db_trees.c ---- */

size_t fi_db_trees_count(const struct fi_db_image *image);
struct fi_db_tree *fi_db_trees_at(const struct fi_db_image *image, size_t i);
/* The tree with a number, or NULL. Requires: the caller holds the state mutex, or leads, or no
 * other thread knows the image. */
struct fi_db_tree *fi_db_trees_find(const struct fi_db_image *image, uint64_t id);
/* The tree was removed from MANIFEST. For the leader. */
void fi_db_trees_note_removed(struct fi_db_image *image, struct fi_db_tree *tree);

/* ---- db_turn.c; for the leader only ---- */

/* Freezes all memtables that are not empty, and begins a new segment of the log. For the leader
 * only. */
FIRN_MUST_CHECK int fi_db_turn_freeze_all(struct firn_db *db, firn_error *err);
/* How many bytes of the log a run must save: a file takes at least a block of the disk, some syncs,
 * and a place in MANIFEST. */
enum { FI_DB_TURN_LOG_PER_RUN = 4 << 10 };

/* Freeze memtables, and set *has_frozen if there was one: those of a list (linked by next_touched)
 * that have the size for it; roughly the largest, until they have `wanted` bytes together; those
 * with data of a segment of the log, or of an older one. */
FIRN_MUST_CHECK int fi_db_turn_freeze_grown(struct firn_db *db, struct fi_db_tree *touched,
                                            bool *has_frozen, firn_error *err);
FIRN_MUST_CHECK int fi_db_turn_freeze_bytes(struct firn_db *db, size_t wanted, bool *has_frozen,
                                            firn_error *err);
FIRN_MUST_CHECK int fi_db_turn_freeze_up_to(struct firn_db *db, uint64_t segment, bool *has_frozen,
                                            firn_error *err);
/* The oldest segment with data of an active memtable; 0 if there is none. */
uint64_t fi_db_turn_oldest_segment(struct firn_db *db);
/* Whether the log should turn to its next segment now; if it is not ready, has that prepared. */
bool fi_db_turn_may_begin(struct firn_db *db, bool is_urgent);
/* Begins a new segment; segments that are no longer needed are removed with that. */
FIRN_MUST_CHECK int fi_db_turn_begin(struct firn_db *db, firn_error *err);
/* Has a job finish the turn. */
void fi_db_turn_end(struct firn_db *db);
/* Decides which segments of the log are no longer needed; the next one that is begun removes
 * them. */
FIRN_MUST_CHECK int fi_db_turn_trim(struct firn_db *db, bool *out_has_more, firn_error *err);
/* Whether the log has enough bytes for each run that a flush of all memtables would write. Any
 * thread. */
bool fi_db_turn_flush_pays(struct firn_db *db);

#endif

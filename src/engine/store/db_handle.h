/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_handle.h: the structures of an open store, and the room's functions for the rooms that work
 * on these or on a store's files: txn/, copy/, inspect/ and rescue/. Others use db.h.
 */
#ifndef FIRN_STORE_DB_HANDLE_H
#define FIRN_STORE_DB_HANDLE_H

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
#include "log/log.h"
#include "lsm/lsm.h"
#include "os/os_process.h"
#include "store/db.h"
#include "storefile/storefile.h"
#include "threads/os_thread.h"

/* Keyspace 0 maps the names of the others to their ids (varints). The empty name, which no keyspace
 * has, maps to the next id. */
enum { FIRN_DB_KEYSPACE_LIST = 0 };

/* What a keyspace takes of the memory budget: about 600 bytes for itself, and its memtable as long as
 * that is small (lsm.h). */
enum { FIRN_DB_KEYSPACE_BYTES = 2048 };
_Static_assert((int)FIRN_DB_KEYSPACE_BYTES > (int)FIRN_LSM_SMALL_BYTES, "both are in it");

/* What came later under the name of a keyspace: see db_visible.c. */
struct firn_db_name_end {
    uint64_t sequence;
    _Atomic(struct firn_db_name_end *) newer;
};

/* A keyspace's data in one image. */
struct firn_db_tree {
    struct firn_lsm_tree *lsm_tree;
    uint32_t id;
    bool is_system; /* outside views */
    bool is_own;    /* firn's: the list, or what the list has for firn */
    enum firn_keyspace_entry_type type;
    uint64_t schema;                 /* of a table: both as in the list of keyspaces */
    bool has_schemas;                /* the keyspace FIRN_DB_SCHEMAS */
    struct firn_schema *last_schema; /* see db_layout.c; the state mutex guards it */
    /* How its keys are made up, for messages; the state mutex guards these. See
     * firn_db_keyspace_note_schema. */
    struct firn_schema *key_schema; /* NULL: not known */
    uint32_t key_index;             /* its entries are those of this index; 0: rows */
    uint32_t key_table;             /* number of the keyspace with the rows */
    _Atomic bool is_out;            /* now does not have the keyspace */
    _Atomic(struct firn_db_name_end *) ends;

    /* The newest commit through this handle that wrote to it; only the leader writes it. Relaxed: a thread
     * that has seen a sequence published sees it here too. */
    _Atomic uint64_t written_at;

    /* For the leader of commits only. */
    uint64_t created_at;    /* the sequence of the commit; 0: not yet */
    bool is_dropping;       /* its drop is in the log, or is_out */
    bool is_removed;        /* from the MANIFEST */
    uint64_t first_segment; /* of the log, with data of the active memtable; 0: none */
    struct firn_db_tree *next_touched;
    size_t pending_count;
    size_t pending_bytes;
    size_t pending_range_count;
    size_t pending_range_bytes;
    const struct firn_range_set *later; /* range deletes of the commit that is being applied */
};

/* The number of commits in a segment of the log. */
struct firn_db_segment {
    uint64_t number;
    uint64_t commit_count;
};

/* The state that an opening found; a handle that writes keeps it up to date. A read-only handle gets
 * another one with each refresh. */
struct firn_db_image {
    struct firn_db *db;
    struct firn_lsm *lsm;
    struct firn_os_file *reader_lock; /* of a reader: see db_reader.c */
    struct firn_buf trees;            /* of struct firn_db_tree *, ids ascending */
    struct firn_arena ends;           /* of names; the leader's */
    struct firn_history history;      /* the state mutex guards it: see history.h */
    struct firn_db_tree *list;        /* number 0 */
    bool is_listed;                   /* the trees are in order */
    uint64_t next_id;                 /* of the next keyspace */
    _Atomic size_t tree_count;        /* without those that were removed; relaxed */
    _Atomic size_t given_count;       /* of these, without firn's own */
    size_t held_bytes;                /* of the cache, for the trees */
    uint64_t last_sequence;           /* when it was opened */
    uint64_t log_bytes;               /* likewise; of a reader */
    struct firn_log_watch log_watch;  /* of a reader */
    struct firn_buf segments;         /* of struct firn_db_segment, numbers ascending */
    uint64_t user_count;              /* views and cursors; the state mutex guards it */
    struct firn_epoch_node retired;
    /* Called when its last user leaves and another one has replaced it. */
    void (*retire)(struct firn_db_image *image);
};

/* A handle, as users have it. */
struct firn_db_keyspace {
    struct firn_os_process_mark mark; /* first: see api_process.h */
    struct firn_db *db;
    struct firn_db_tree *tree; /* NULL where the handle is read-only: see db_image.c */
    char *name;                /* "" for the list of keyspaces */
    uint32_t id;
    bool is_system;
    enum firn_keyspace_entry_type type;
    uint64_t schema; /* of a table: see keyspace_entry.h */
    /* An object of a room above, and its destructor; the state mutex guards both. */
    void *attached;
    void (*destroy_attached)(void *object);
};

/* An open view: a public one, a cursor's, or one for a read. */
struct firn_db_view_node {
    struct firn_db_view_node *next;
    struct firn_db_view_node *previous;
    struct firn_db_image *image;
    struct firn_db_line *line; /* it is on this line; NULL: outside views */
    uint64_t sequence;         /* it sees its line up to this */
    struct firn_view view;     /* what it sees */
    bool was_now;     /* it sees what was now when it, or the view that it copies, was opened */
    uint64_t time_ms; /* it does not see what expires at or before this time */
    const struct firn_db_tree *tree; /* it reads only this; NULL: all but system trees */
    bool keeps_tombstones;           /* a transaction that may write: see db_txn.c */
    void (*destroy)(struct firn_db_view_node *node); /* for giving up the store */
};

struct firn_db_view {
    struct firn_os_process_mark mark; /* first: see api_process.h */
    struct firn_db *db;
    struct firn_db_view_node node;
};

/* A value that was read without a copy: see db_get.c. */
struct firn_db_pin {
    struct firn_os_process_mark mark; /* first: see api_process.h */
    struct firn_db *db;
    struct firn_run_pinned pinned;
    struct firn_buf copy; /* of a value that could not be pinned */
};

/* One write of a batch; key and value are offsets into the batch's body. */
struct firn_db_op {
    struct firn_db_tree *tree;
    uint32_t key_offset;
    uint32_t value_offset;
    uint32_t value_size;
    uint32_t key_size : 24;
    uint32_t kind : 7;
    uint32_t is_replaced : 1; /* a later one of its batch includes it: db_batch.c */
};
_Static_assert(sizeof(struct firn_db_op) <= 3 * sizeof(uint64_t), "there are many of them");
_Static_assert((int)FIRN_KEY_SIZE_MAX == (int)FIRN_ENTRY_KEY_SIZE_MAX &&
                   (int)FIRN_VALUE_SIZE_MAX == (int)FIRN_ENTRY_VALUE_SIZE_MAX,
               "what the interface permits has its place in the files");
_Static_assert(FIRN_KEY_SIZE_MAX < 1 << 24, "a key's size fits an operation");

/* The range deletes of a batch, by tree: see db_apply.c. Zeroed is empty. */
struct firn_db_ranges {
    struct firn_buf sets; /* of struct firn_db_ranges_set * */
};

struct firn_db_batch {
    struct firn_os_process_mark mark; /* first: see api_process.h */
    struct firn_db *db;               /* of the first write; NULL while empty */
    uint64_t db_serial;               /* likewise: a batch may outlive the store */
    struct firn_buf body;             /* encoded as in a commit record, after its header */
    size_t gap_bytes;                 /* of it, after values that grow: db_batch.c */
    struct firn_buf ops;              /* of struct firn_db_op */
    struct firn_db_ranges ranges;
    bool has_puts;               /* anything that needs space permanently */
    bool has_replaced;           /* operations that a later one includes; not reset by a rollback */
    bool frees_space;            /* puts count as deletes: the caller frees more space by them */
    struct firn_hash_map newest; /* see db_batch.c; not initialised before the first merge */
    size_t newest_count;         /* the number of operations in it */
};

/* A commit on its way into the trees. */
struct firn_db_apply {
    const struct firn_db_op *ops;
    size_t count;
    const uint8_t *body;
    const struct firn_db_ranges *ranges;
    uint64_t sequence;
    uint64_t segment;     /* of the log; contains the commit */
    uint64_t body_offset; /* in the segment's file */
    bool is_replay;       /* leave out what is in runs */
};

/* How the memory budget is divided, and other limits that follow from it. */
struct firn_db_limits {
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
struct firn_db_jobs {
    struct firn_os_mutex mutex; /* rank DB_JOBS */
    struct firn_os_cond changed;
    struct firn_os_jobs *flush_pool;
    struct firn_os_jobs *compaction_pool;
    struct firn_os_jobs *log_pool;
    struct firn_os_jobs *rest_pool;
    struct firn_os_jobs *graph_pool;
    struct firn_os_cond closing;
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
struct firn_db_space {
    atomic_bool is_full;
    bool is_busy; /* a thread is changing the file */
    uint64_t reserve_bytes;
    uint64_t next_look_bytes;      /* of the log: the leader's */
    uint64_t failed_at;            /* the newest commit when freeing space failed; 0: it did not */
    _Atomic uint64_t beside_bytes; /* of files beside the store's that belong to it */
};

/* Whether the store is idle: see db_rest.c. The mutex of jobs guards what is not atomic. */
struct firn_db_rest {
    void (*watch)(void *db);    /* the job, set at opening */
    atomic_bool is_watching;    /* a job waits for that */
    atomic_bool is_giving_back; /* it is idle */
    uint64_t published;         /* the newest commit at the last look, … */
    int64_t since_ns;           /* … and since when it is the newest */
};

/* Counters for firn_db_stats; relaxed. */
struct firn_db_counters {
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
struct firn_db_gather {
    unsigned queued;   /* commits in the queue */
    unsigned expected; /* to wait for; 0: unknown */
};

/* A waiting commit: see db_write.c. */
struct firn_db_write;
/* A transaction: see db_txn.h. */
struct firn_db_txn;

/* Committers, and which of them leads: see db_write.c. */
struct firn_db_commits {
    struct firn_os_mutex mutex; /* rank DB_COMMIT */
    struct firn_os_cond lead_ended;
    struct firn_db_write *head;
    struct firn_db_write *tail;
    struct firn_db_gather gather;
    unsigned exclusive_waiting; /* threads that want the leader's place without a commit */
    bool is_leading;
    bool has_failed;
    uint64_t last_sequence; /* the leader's while it has a group */
    firn_error failure;     /* the first one, if has_failed */
};

/* Only the leader reads and writes these, except for the two that are atomic. */
struct firn_db_lead {
    uint64_t log_floor; /* the log was told to remove what is older */
    uint64_t vouched;   /* the newest version of MANIFEST that the log names: see db_replay.c */
    struct firn_log_position fence; /* as LOCK has it: see db_log.c */
    int64_t slowdown_debt_ns;
    atomic_int rotate_phase;         /* see db_turn.c */
    atomic_bool is_preparing_memory; /* a job is queued or runs */
    uint64_t restored_at; /* the newest commit that counts as a write to every key; 0: none */
    uint64_t out_count;   /* trees that now does not have and that are not removed */
};

struct firn_db {
    struct firn_os_process_mark mark; /* first: see api_process.h */
    uint64_t serial;                  /* unique among the handles of this process */
    struct firn_os *os;
    struct firn_os *owned_os;     /* of a store in memory */
    struct firn_archive *archive; /* of a store in a single file: see archive.h */
    struct firn_os_dir *dir;
    struct firn_os_dir *owned_dir;    /* closed with the handle; NULL if the caller lent it */
    struct firn_storefile_lock *lock; /* NULL if read-only */
    struct firn_os_file *readers;     /* the file FIRN, to ask for readers' locks; likewise */
    struct firn_log *log;             /* likewise */
    struct firn_block_cache *cache;   /* of all images */
    struct firn_storefile_identity identity;
    struct firn_db_limits limits;
    unsigned threads;
    firn_compression compression;
    bool is_read_only;
    bool shows_pending;         /* read-only: also shows what the writer has not acknowledged */
    firn_durability durability; /* FULL or OS */

    /* Reads are inside the epoch while they use the image of a read-only handle, or the intervals of
     * now of a handle that writes. */
    _Atomic(struct firn_db_image *) image;
    struct firn_epoch epoch;

    /* The newest sequence that readers see. Release in db_write.c pairs with acquire in
     * firn_db_published. */
    _Atomic uint64_t published;
    /* Grows whenever a flush or compaction asks for the list of views: see db_get.c. */
    _Atomic uint64_t views_taken;

    struct firn_db_commits commits;
    struct firn_db_lead lead;

    /* Used only while opening. */
    bool was_at_rest;                   /* the opening found a log that was closed, … */
    struct firn_log_position found_end; /* … which ended here, … */
    uint64_t found_version;             /* … and MANIFEST at this version */
    struct firn_db_image *replayed;     /* while the log is replayed, what it is replayed into */

    struct firn_os_mutex state_mutex; /* rank DB_STATE */
    struct firn_os_cond list_changed;
    bool is_changing_list;           /* a thread is creating or dropping a keyspace */
    struct firn_hash_map keyspaces;  /* of struct firn_db_keyspace *, by id */
    struct firn_db_bulk *bulk;       /* the load that is open, or NULL */
    struct firn_db_view_node *views; /* open ones */
    uint64_t view_count;
    _Atomic uint64_t pin_count; /* struct firn_db_pin, that are held */

    struct firn_db_jobs jobs;
    struct firn_db_space space;
    struct firn_db_rest rest;
    struct firn_db_counters counters;
};

static inline uint64_t
firn_db_published(const struct firn_db *db)
{
    return atomic_load_explicit(&db->published, memory_order_acquire);
}

/* Whether the leader's place is taken, or no other thread can want it: the handle is being opened or closed,
 * or only reads. For assertions of the leader, which has set is_leading itself and so needs no mutex
 * to read it. */
static inline bool
firn_db_is_led(const struct firn_db *db)
{
    return db->commits.is_leading || db->jobs.flush_pool == NULL || db->jobs.is_closing;
}

/* The image of a handle that writes, or of a read-only one whose image cannot change meanwhile. */
static inline struct firn_db_image *
firn_db_image(struct firn_db *db)
{
    return atomic_load_explicit(&db->image, memory_order_seq_cst);
}

/* The time by which entries expire: milliseconds since 1970. */
static inline uint64_t
firn_db_time_ms(const struct firn_db *db)
{
    return (uint64_t)(firn_os_now_ns(db->os) / 1000000);
}

/* Whether the name is that of a keyspace of firn's own, outside of views. */
static inline bool
firn_db_is_system_name(firn_slice name)
{
    return firn_slice_has_prefix(name, firn_str(FIRN_DB_SYSTEM_PREFIX));
}

static inline void
firn_db_count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* Whether all writes of the batch, if any, are for this store: a store may have the address of an
 * earlier one, so serials are compared too. */
static inline bool
firn_db_batch_is_of(const struct firn_db_batch *batch, const struct firn_db *db)
{
    return batch->db == NULL || (batch->db == db && batch->db_serial == db->serial);
}

static inline size_t
firn_db_batch_op_count(const struct firn_db_batch *batch)
{
    return batch->ops.size / sizeof(struct firn_db_op);
}

static inline struct firn_db_op *
firn_db_batch_op(const struct firn_db_batch *batch, size_t i)
{
    return (struct firn_db_op *)(void *)batch->ops.data + i;
}

/* Borrowed until the batch changes. */
static inline firn_slice
firn_db_batch_key(const struct firn_db_batch *batch, const struct firn_db_op *op)
{
    return firn_bytes(batch->body.data + op->key_offset, op->key_size);
}

static inline firn_slice
firn_db_batch_value(const struct firn_db_batch *batch, const struct firn_db_op *op)
{
    return firn_bytes(batch->body.data + op->value_offset, op->value_size);
}

/* ---- db.c ---- */

/* The kinds of runs that stores have, as in struct firn_lsm_options. Tests set another list before they
 * open a store, and restore this one afterwards. */
extern const struct firn_run_kind *const *firn_db_image_kinds;

/* ---- db_create.c ---- */

/* FIRN_INVALID or FIRN_CORRUPT if no store may be created in such a directory; FIRN_EXISTS if it is a store
 * already. */
FIRN_MUST_CHECK int firn_db_create_may(struct firn_os_dir *dir, firn_error *err);
/* Whether a name in a store's directory belongs to its data, as a file or a directory of files. */
bool firn_db_create_is_data(const char *name);
/* Reads the file FIRN; FIRN_NOT_FOUND if there is none. */
FIRN_MUST_CHECK int firn_db_create_read_identity(struct firn_os_dir *dir,
                                                 struct firn_storefile_identity *out,
                                                 firn_error *err);
/* The first and the last step of creating a store in a directory whose lock is held. The first clears what an
 * earlier attempt left, and writes an identity under its temporary name; the last one renames it, durably. */
FIRN_MUST_CHECK int firn_db_create_begin(struct firn_os_dir *dir,
                                         struct firn_storefile_identity *out, firn_error *err);
FIRN_MUST_CHECK int firn_db_create_end(struct firn_os_dir *dir, firn_error *err);
/* Removes the data of a store that has no identity yet. Requires: its lock is held. */
FIRN_MUST_CHECK int firn_db_create_clear(struct firn_os_dir *dir, firn_error *err);

/* ---- db_path.c ---- */

/* Opens the directory at a user's path, and creates its last component (0700) if necessary. */
FIRN_MUST_CHECK int firn_db_path_make(struct firn_os *os, const char *path,
                                      struct firn_os_dir **out, firn_error *err);

/* ---- db_reader.c ---- */

/* Keeps every file of the store from being removed. */
FIRN_MUST_CHECK int firn_db_reader_lock_all(struct firn_os_dir *dir, struct firn_os_file **out,
                                            firn_error *err);

/* ---- db_log.c ---- */

/* How the store's log is opened. */
struct firn_log_options firn_db_log_options(bool read_only);
bool firn_db_log_is_name(const char *name);

/* Called while the whole log is read. */
struct firn_db_log_visitor {
    int (*restart)(void *ctx, firn_error *err); /* reading begins again: forget everything */
    int (*visit)(void *ctx, uint8_t type, firn_slice record, struct firn_log_position position,
                 firn_error *err);
    void *ctx;
    uint64_t *log_bytes;          /* its length; may be NULL */
    struct firn_log_watch *watch; /* begun when all was read; may be NULL */
    bool is_fenced;               /* leave out what is not acknowledged: see db_log.c */
    /* As in struct firn_log_options; NULL: no call. */
    int (*judge)(void *ctx, const struct firn_log_found *found, firn_error *err);
    void *judge_ctx;
};
/* Reads the log without writing anything, also while another process writes it. */
FIRN_MUST_CHECK int firn_db_log_read(struct firn_os_dir *dir,
                                     const struct firn_db_log_visitor *visitor, firn_error *err);
/* Whether the log certainly shows a reader what it did when the watch began. */
bool firn_db_log_is_unchanged(struct firn_db *db, const struct firn_log_watch *watch);
/* Whether a load (db_bulk.c) seems to have come between the newest known sequence and that of a record in
 * the log: loads take multiples of a large step. */
bool firn_db_log_lacks_load(uint64_t known, uint64_t sequence);
/* FIRN_CORRUPT (or code) for a record, naming file and offset; returns the code. */
int firn_db_log_error(firn_error *err, int code, struct firn_os_dir *dir,
                      struct firn_log_position position, const char *what);

/* ---- db_trees.c ---- */

size_t firn_db_trees_count(const struct firn_db_image *image);
struct firn_db_tree *firn_db_trees_at(const struct firn_db_image *image, size_t i);

/* ---- db_apply.c ---- */

/* The range deletes of one tree, with the number of the operation plus one as sequence; NULL if there
 * are none. */
const struct firn_range_set *firn_db_apply_ranges_of(const struct firn_db_ranges *ranges,
                                                     const struct firn_db_tree *tree);

/* ---- db_get.c ---- */

/* The tree of a keyspace in an image, for reading by a view. *out is NULL if the image is older than
 * the keyspace; FIRN_MISUSE if the keyspace was dropped in the view. */
FIRN_MUST_CHECK int firn_db_get_tree(const struct firn_db_keyspace *keyspace,
                                     const struct firn_db_image *image,
                                     const struct firn_view *view, struct firn_db_tree **out,
                                     firn_error *err);
/* Sets and returns FIRN_NOT_FOUND. */
int firn_db_get_refuse_missing(const struct firn_db_keyspace *keyspace, firn_error *err);
/* FIRN_MISUSE for a keyspace that does not exist now. */
int firn_db_get_refuse_dropped(const struct firn_db_keyspace *keyspace, firn_error *err);

/* ---- db_view.c ---- */

/* The entry of a name in the list of keyspaces, as the view sees it; replaces the contents of *bytes, into
 * which *out points. FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int firn_db_keyspace_entry_in(struct firn_db_view *view, const char *name,
                                              struct firn_buf *bytes,
                                              struct firn_keyspace_entry *out, firn_error *err);
/* Opens a view of what is published now. node is the caller's memory, zeroed except for the fields that
 * the caller sets. */
void firn_db_view_register(struct firn_db *db, struct firn_db_view_node *node,
                           const struct firn_db_tree *tree, bool is_outside);
/* As firn_db_view_open, at a checkpoint. */
FIRN_MUST_CHECK int firn_db_view_open_checkpoint(struct firn_db *db,
                                                 const uint8_t id[FIRN_HISTORY_ID_SIZE],
                                                 struct firn_db_view **out, firn_error *err);
void firn_db_view_unregister(struct firn_db *db, struct firn_db_view_node *node);

/* ---- db_handles.c ---- */

/* The name of a keyspace for which there is a handle; lives as long as the store. */
const char *firn_db_handles_name_of(struct firn_db *db, uint32_t id);

/* ---- db_cursor.c ---- */

/* What a cursor shows in place of the layer below it: a transaction merges its writes into what its
 * view has (db_txn_cursor.c). The functions match those of cursors in store/db.h. */
struct firn_db_cursor_overlay {
    const struct firn_db_cursor_overlay_kind *kind;
};
struct firn_db_cursor_overlay_kind {
    void (*destroy)(struct firn_db_cursor_overlay *overlay);
    int (*first)(struct firn_db_cursor_overlay *overlay, firn_error *err);
    int (*last)(struct firn_db_cursor_overlay *overlay, firn_error *err);
    int (*seek)(struct firn_db_cursor_overlay *overlay, firn_slice key, firn_error *err);
    int (*seek_before)(struct firn_db_cursor_overlay *overlay, firn_slice key, firn_error *err);
    int (*next)(struct firn_db_cursor_overlay *overlay, firn_error *err);
    int (*prev)(struct firn_db_cursor_overlay *overlay, firn_error *err);
    bool (*valid)(const struct firn_db_cursor_overlay *overlay);
    firn_slice (*key)(const struct firn_db_cursor_overlay *overlay);
    firn_slice (*value)(const struct firn_db_cursor_overlay *overlay);
};
/* The layer below an overlay, which outlives it. */
struct firn_db_cursor_base {
    struct firn_db_keyspace *keyspace;
    struct firn_lsm_cursor *inner; /* NULL: nothing is within the bounds */
    firn_slice lower;
    const firn_slice *upper; /* NULL: no bound; a copy of the caller's */
};
/* As firn_db_cursor_open. Before that returns, make(ctx) creates the overlay, which the cursor
 * owns. */
typedef int firn_db_cursor_overlay_make(void *ctx, const struct firn_db_cursor_base *base,
                                        struct firn_db_cursor_overlay **out, firn_error *err);
FIRN_MUST_CHECK int firn_db_cursor_open_overlaid(struct firn_db_keyspace *keyspace,
                                                 const struct firn_db_cursor_options *options,
                                                 firn_db_cursor_overlay_make *make, void *ctx,
                                                 struct firn_db_cursor **out, firn_error *err);

/* ---- db_batch.c ---- */

/* For a batch in the caller's memory (zeroed is empty). */
void firn_db_batch_deinit(struct firn_db_batch *batch);
/* When a value expires that has ttl_ms (not 0) to live from now on. */
uint64_t firn_db_batch_end_ms(struct firn_db *db, uint64_t ttl_ms);
/* Encodes a value that expires at a moment, or ttl_ms from now; replaces the contents of out. */
FIRN_MUST_CHECK int firn_db_batch_encode_until(firn_slice value, uint64_t expires_ms,
                                               struct firn_buf *out, firn_error *err);
FIRN_MUST_CHECK int firn_db_batch_encode_expiring(struct firn_db *db, firn_slice value,
                                                  uint64_t ttl_ms, struct firn_buf *out,
                                                  firn_error *err);
/* A position in a batch. */
struct firn_db_batch_mark {
    size_t op_count;
    bool has_puts;
};
struct firn_db_batch_mark firn_db_batch_mark(const struct firn_db_batch *batch);
/* Takes back what came after the mark. Requires: no merge is among that, because merges may have changed
 * what precedes the mark. FIRN_NO_MEMORY: nothing is taken back. */
FIRN_MUST_CHECK int firn_db_batch_rewind(struct firn_db_batch *batch,
                                         const struct firn_db_batch_mark *mark, firn_error *err);
/* Appends to the value of operation i, if that is a put or an append and has room, in time that depends
 * on the operand alone; the last operation has room. FIRN_NOT_FOUND: it is something else, or has no
 * room; FIRN_NO_MEMORY. On failure the batch is unchanged. */
FIRN_MUST_CHECK int firn_db_batch_extend(struct firn_db_batch *batch, size_t i, firn_slice operand);
/* Leaves a gap of at most size bytes after the last operation, into which its value can grow: none if
 * there is no room or memory. */
void firn_db_batch_leave_gap(struct firn_db_batch *batch, size_t size);
/* Removes all gaps. */
void firn_db_batch_close_gaps(struct firn_db_batch *batch);
/* A write of any kind. On failure the batch is unchanged. */
FIRN_MUST_CHECK int firn_db_batch_append(struct firn_db_batch *batch, struct firn_db *db,
                                         struct firn_db_tree *tree,
                                         const struct firn_storefile_op *format, firn_error *err);

/* ---- db_visible.c ---- */

/* Whether the keyspace exists in a view. For the leader only. */
bool firn_db_visible_in(const struct firn_db_tree *tree, const struct firn_view *view);

/* ---- db_lead.c ---- */

int firn_db_lead_refuse_read_only(struct firn_db *db, firn_error *err);
/* FIRN_FAILED if the handle is latched. */
FIRN_MUST_CHECK int firn_db_lead_refuse_failed(struct firn_db *db, firn_error *err);
/* Take the leader's place without a commit, and give it back. */
void firn_db_lead_begin(struct firn_db *db);
void firn_db_lead_end(struct firn_db *db);

/* ---- db_history.c ---- */

/* Replaces the contents of out with the whole history, as MANIFEST has it. */
FIRN_MUST_CHECK int firn_db_history_encode(struct firn_db *db, struct firn_buf *out,
                                           firn_error *err);

/* ---- db_write.c ---- */

/* Decides whether a commit may take its place in the order: the leader calls it when all earlier commits
 * have been applied. Its failure fails the commit. */
struct firn_db_write_check {
    int (*check)(const void *ctx, struct firn_db *db, firn_error *err);
    const void *ctx;
};
/* As firn_db_write, for a batch of this store that is not empty. */
FIRN_MUST_CHECK int firn_db_write_checked(struct firn_db *db, const struct firn_db_batch *batch,
                                          const struct firn_db_write_check *check,
                                          firn_durability durability, firn_error *err);
/* Waits until all commits that are queued now have ended; those that succeeded are then published.
 * Never fails: refused commits have ended too. Requires: the handle may write. */
void firn_db_write_barrier(struct firn_db *db);

/* ---- db_turn.c ---- */

/* Freezes all memtables that are not empty, and begins a new segment of the log. For the leader
 * only. */
FIRN_MUST_CHECK int firn_db_turn_freeze_all(struct firn_db *db, firn_error *err);

/* ---- db_jobs.c ---- */

/* Called after a cursor was closed: asks for the removal of files that only it used. */
void firn_db_jobs_wake_collection(struct firn_db *db);
/* Flushes and compacts in this thread, and waits for other threads that do, until nothing is left to
 * do, or wish->step ends it. */
FIRN_MUST_CHECK int firn_db_jobs_finish(struct firn_db *db,
                                        const struct firn_compaction_work_wish *wish,
                                        firn_error *err);

#endif

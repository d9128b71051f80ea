/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_internal.h: what the files of one scan share. Only scan*.c include it.
 *
 * In reading order: scan.c (the workers and how they choose work), scan_window.c (pieces of a large
 * file that they share), scan_sink.c (where the objects go), scan_dir.c (one directory, what
 * is left out), scan_rules.c (its rule files), scan_segment.c (its entries), scan_file.c (one
 * file), scan_large.c (files in pieces), scan_links.c (hard links), scan_node.c (what is kept of a
 * directory), scan_build.c (its object), scan_listing.c, scan_xattrs.c, scan_store.c (stores in the
 * tree), scan_sqlite.c (databases), scan_report.c.
 */
#ifndef FIRN_SCAN_SCAN_INTERNAL_H
#define FIRN_SCAN_SCAN_INTERNAL_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/hash_map.h"
#include "copy/copy_hot.h"
#include "rules/rules.h"
#include "scan/scan.h"
#include "statcache/statcache.h"
#include "threads/os_thread.h"
#include "tree/tree.h"

enum {
    FI_SCAN_SEGMENT_ENTRIES = 256,      /* of a directory, worked through by one thread */
    FI_SCAN_PIECE_SIZE = 1 << 20,       /* at most */
    FI_SCAN_GROUP_SIZE_MIN = 256 << 10, /* unless the data end before */
    FI_SCAN_GROUP_CHUNKS_MAX = 256,
    FI_SCAN_READ_TRIES = 3,           /* of a file that changes meanwhile */
    FI_SCAN_CLOCK_TICK_NS = 10000000, /* changes closer together may have the same file time */
    FI_SCAN_THREADS_MAX = 64,
    FI_SCAN_THREADS_DEFAULT_MAX = 16
};

struct fi_scan;
struct fi_scan_node;

/* ---- scan_listing.c: names and kinds, as a directory lists them ---- */

struct fi_scan_item {
    union {
        size_t offset;    /* in the listing's names, until it is sorted */
        const char *text; /* there too, NUL-terminated */
    } name;
    uint16_t name_size;
    uint8_t kind;    /* enum fi_os_kind */
    uint32_t subdir; /* of a directory: its index in the node's subdirs */
};

/* A zeroed struct is an empty listing. */
struct fi_scan_listing {
    struct fi_scan_item *items;
    size_t count;
    size_t capacity;
    struct fi_buf names;
};

void fi_scan_listing_deinit(struct fi_scan_listing *listing);
void fi_scan_listing_clear(struct fi_scan_listing *listing);
/* A name is truncated to 65,535 bytes, which is too long for a tree anyway. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_scan_listing_add(struct fi_scan_listing *listing, firn_slice name,
                                        enum fi_os_kind kind);
/* Puts the items in the order of their names and drops all but one of equal names; then nothing
 * may be added. */
void fi_scan_listing_sort(struct fi_scan_listing *listing);

/* ---- scan_node.c: what is kept of a directory from its visit until its object is built ---- */

enum fi_scan_subdir_state { FI_SCAN_SUBDIR_WAITING, FI_SCAN_SUBDIR_SAVED, FI_SCAN_SUBDIR_LEFT_OUT };

/* A directory inside another; its own node alone writes this record, when it is done. */
struct fi_scan_subdir {
    const char *name; /* in the node's subdir_names, NUL-terminated */
    enum fi_scan_subdir_state state;
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
    int64_t mtime_ns;
    firn_hash hash;
    uint8_t *xattrs; /* owned; NULL if there are none */
    size_t xattrs_size;
};

enum fi_scan_late_kind {
    FI_SCAN_LATE_SUBDIR,
    FI_SCAN_LATE_LINK, /* one name of an inode with several */
    FI_SCAN_LATE_KNOWN /* a run of entries that are as the memo has them */
};

#define FI_SCAN_UNKNOWN SIZE_MAX

/* An entry that cannot be encoded yet, or entries that need not be. */
struct fi_scan_late {
    enum fi_scan_late_kind kind;
    uint32_t index;   /* SUBDIR: in the node's subdirs; LINK: of the group in the scan */
    size_t known;     /* LINK, KNOWN: the entry, or the first of them, in the memo; or UNKNOWN */
    size_t count;     /* KNOWN: the number of entries */
    size_t offset;    /* in the encoded entries: its place is before the byte there */
    size_t print;     /* its offset in the prints; the print of a LINK is there */
    const char *name; /* LINK: in an arena of a worker */
};

/* Encoded entries of one or more segments, in order, and their prints. A zeroed struct is empty. */
struct fi_scan_part {
    struct fi_buf encoded;
    struct fi_buf prints; /* struct fi_statcache_print; none where nothing is remembered */
    struct fi_scan_late *lates;
    size_t late_count;
    size_t late_capacity;
};

/* A segment that is done before an earlier one of the same directory. */
struct fi_scan_stash {
    struct fi_scan_stash *next;
    size_t segment;
    struct fi_scan_part part;
};

/* Fields above the line do not change once the node is published; those below are guarded by the
 * scan's mutex. */
/* Where a directory is in a scan of repositories (scan_repository.c). */
enum fi_scan_zone {
    FI_SCAN_ZONE_NONE = 0,   /* it is a scan of the user's files */
    FI_SCAN_ZONE_WAY,        /* on the way to a repository */
    FI_SCAN_ZONE_REPOSITORY, /* git's directory */
    FI_SCAN_ZONE_MODULES,    /* it holds the directories of submodules or worktrees */
    FI_SCAN_ZONE_INSIDE      /* it is saved with everything in it */
};

struct fi_scan_node {
    struct fi_scan_node *parent; /* NULL for the root; alive as long as this */
    const char *name;            /* in the parent's subdir_names; "" for the root */
    uint32_t index;              /* in the parent's subdirs */
    uint32_t depth;              /* 0 for the root */
    size_t path_size;            /* of the path from the root */
    struct fi_os_stat stat;
    const struct fi_rules_walk_scope *rules; /* in effect inside */
    struct fi_buf xattrs;
    struct fi_statcache_memo memo;  /* what an earlier scan saw; empty if none did */
    struct fi_statcache_print self; /* of the directory, if it is settled */
    struct fi_copy_hot *store;      /* of a store's directory: the state that is saved; or NULL */
    bool is_store;                  /* a store's directory, readable as one or not */
    bool is_in_store;               /* the directory of a readable store, or a folder of one */
    enum fi_scan_zone zone;
    void (*leave)(struct fi_scan_node *node); /* frees these; NULL: there are none */
    struct fi_hash_map databases; /* of SQLite, with files beside them: how they are saved */
    void (*leave_databases)(struct fi_scan_node *node); /* frees them, if there are any */
    struct fi_scan_listing listing; /* of a directory of several segments, until all are done */
    size_t segment_count;
    char *subdir_names;
    struct fi_scan_subdir *subdirs;
    size_t subdir_count;
    /* ---- */
    size_t segments_claimed;
    size_t segments_merged;
    size_t subdirs_claimed;
    struct fi_scan_part part; /* of the segments that are merged */
    struct fi_scan_stash *stashes;
    size_t waiting; /* segments, subdirectories and (if linked) the end of the walk still to come */
    bool is_linked; /* holds hard links */
    uint64_t own_files; /* in it, not in subdirectories */
    uint64_t own_bytes;
    bool has_more_to_tell; /* the next visit will have something to report or decide again */
    bool is_due;           /* waits for nothing: the thread that takes it off the stack builds it */
    struct fi_scan_node *next_below; /* on the stack */
    struct fi_scan_node *next_linked;
    struct fi_scan_node *previous_alive;
    struct fi_scan_node *next_alive;
};

/* A new node for a subdirectory of parent (NULL: for the root), on the list of live nodes. NULL if
 * there is no memory. */
struct fi_scan_node *fi_scan_node_create(struct fi_scan *scan, struct fi_scan_node *parent,
                                         uint32_t index);
void fi_scan_node_destroy(struct fi_scan *scan, struct fi_scan_node *node);
/* Whether it has segments or subdirectories that no worker has taken. */
bool fi_scan_node_has_more(const struct fi_scan_node *node);
/* Puts a node with work left on the stack. */
void fi_scan_node_push_locked(struct fi_scan *scan, struct fi_scan_node *node);
/* Appends the entry of a subdirectory, unless it is left out. */
FIRN_MUST_CHECK int fi_scan_node_encode_subdir(const struct fi_scan_subdir *subdir,
                                               struct fi_buf *out);
/* Frees what a built directory no longer needs. Names are kept, since paths of links may lead
 * through it. */
void fi_scan_node_empty(struct fi_scan_node *node);
/* Sets *out to the path of an entry of the directory or, if name is "", of the directory itself,
 * with a NUL at the end. */
FIRN_MUST_CHECK int fi_scan_node_path(const struct fi_scan_node *node, const char *name,
                                      struct fi_buf *out);
/* Appends *late to the part, and sets its offset and print to the ends of what is encoded so
 * far. */
FIRN_MUST_CHECK int fi_scan_node_add_late(struct fi_scan_part *part,
                                          const struct fi_scan_late *late);
/* The same for an entry that is as the memo has it. */
FIRN_MUST_CHECK int fi_scan_node_add_known(struct fi_scan_part *part, size_t known);
FIRN_MUST_CHECK int fi_scan_node_add_print(struct fi_scan_part *part,
                                           const struct fi_statcache_print *print);
void fi_scan_node_part_clear(struct fi_scan_part *part);
/* Takes over the entries of a segment, in the order of segments; part is empty afterwards and may
 * keep its memory. Requires: the scan's mutex is held. */
FIRN_MUST_CHECK int fi_scan_node_merge_locked(struct fi_scan *scan, struct fi_scan_node *node,
                                              size_t segment, struct fi_scan_part *part);
void fi_scan_node_part_deinit(struct fi_scan_part *part);

/* Whether two names of a file in it are saved as such. */
static inline bool
fi_scan_node_joins_links(const struct fi_scan_node *node)
{
    return !node->is_in_store && node->zone == FI_SCAN_ZONE_NONE;
}

/* ---- scan_window.c: pieces of one large file, worked on by several threads ---- */

enum fi_scan_slot_state {
    FI_SCAN_SLOT_FREE,
    FI_SCAN_SLOT_READY, /* read, to be hashed and added by the first free thread */
    FI_SCAN_SLOT_BUSY,
    FI_SCAN_SLOT_DONE
};

struct fi_scan_slot {
    uint8_t *data; /* FI_SCAN_PIECE_SIZE bytes */
    size_t size;
    uint32_t chunk_sizes[FI_SCAN_GROUP_CHUNKS_MAX]; /* they add up to size */
    size_t chunk_count;
    bool is_cell;    /* not yet cut into chunks */
    bool has_chunks; /* a cell that is to be cut */
    size_t piece;    /* which piece of the file it is */
    firn_hash hash;
    enum fi_scan_slot_state state;
};

struct fi_scan_worker;

/* Hashes and adds the piece in a slot. */
typedef int fi_scan_window_add(struct fi_scan_worker *worker, struct fi_scan_slot *slot,
                               firn_error *err);

struct fi_scan_window {
    fi_scan_window_add *add;
    struct fi_scan_slot *slots;
    size_t slot_count;
    size_t ready_count;
    bool is_taken;
    struct fi_os_cond slot_done;
};

/* ---- the scan and its workers ---- */

/* What a worker had counted at some moment. */
struct fi_scan_counts {
    uint64_t files;
    uint64_t bytes;
    uint64_t told; /* entries that were reported: excluded and skipped */
};

struct fi_scan_worker {
    struct fi_scan *scan;
    void *lane;
    bool lane_is_open;
    struct fi_arena arena;          /* names and attributes of links, until the scan ends */
    struct fi_scan_listing listing; /* of a directory that is one segment */
    struct fi_scan_listing attributes;
    struct fi_scan_part part; /* of the current segment */
    struct fi_buf path;
    struct fi_buf judged;  /* path of an entry while it is matched against the rules */
    struct fi_buf content; /* of a small file; one piece; a list of pieces */
    struct fi_buf list;    /* of the pieces of a group */
    struct fi_buf xattrs;
    struct fi_buf attribute_names;
    struct fi_buf target;
    struct fi_buf assembly;              /* entries of a directory with late ones */
    struct fi_buf prints;                /* theirs */
    struct fi_buf entry;                 /* of one subdirectory */
    struct fi_statcache_lane *stat_lane; /* NULL until it is needed */
    struct fi_tree_lookup versions;      /* the directory of an earlier scan: scan_file.c */
    struct fi_tree_lookup last;          /* the tree of the last checkpoint: scan_carry.c */
    struct fi_tree_lookup outside;       /* of directories not visited: scan_confined.c */
    uint64_t work_since_report;
    struct fi_scan_counts before; /* the current segment, or a survey */
    /* counts, added up at the end */
    uint64_t files;
    uint64_t directories;
    uint64_t bytes;
    uint64_t new_objects;
    uint64_t excluded;
    uint64_t skipped;
};

struct fi_scan {
    struct fi_os *os;
    struct fi_os_dir *root;
    const struct fi_scan_options *options;
    const struct fi_objects_sink *sink;
    struct fi_rules_walk *ignore;
    int64_t start_ns;
    uint64_t stat_seed;
    struct fi_scan_worker *workers;
    unsigned worker_count;
    /* after a failure, or when the caller has cancelled: workers give up soon */
    atomic_bool is_stopped;

    struct fi_os_mutex mutex; /* rank WORKSPACE_WALK; guards all from here on */
    struct fi_os_cond work;   /* there is work to take, or there will be no more */
    struct fi_scan_node *stack;
    struct fi_scan_node *alive;
    struct fi_scan_node *linked; /* directories with hard links */
    bool links_are_known;        /* the walk is over: all names of every inode have been seen */
    unsigned active;             /* workers that are working */
    unsigned idle;               /* workers that wait for work */
    struct fi_hash_map groups;
    struct fi_scan_window window;
    int failure; /* the first one */
    firn_error failure_error;
    struct fi_tree_entry root_entry; /* name and xattrs empty */
    struct fi_buf root_xattrs;
    struct fi_buf stores; /* those found so far, as in the result */
    bool has_told_sqlite; /* that there is no SQLite library */

    struct fi_os_mutex report_mutex; /* rank WORKSPACE_TREE: one callback at a time */
    atomic_uint_fast64_t files_done;
    atomic_uint_fast64_t bytes_done;
    _Atomic int64_t reported_ns;
};

static inline bool
fi_scan_is_stopped(const struct fi_scan *scan)
{
    /* Pairs with nothing: only a hint to stop early; the outcome is read under the mutex. */
    return atomic_load_explicit(&scan->is_stopped, memory_order_relaxed);
}

/* Whether a file in the directory of node is too large to be saved. */
static inline bool
fi_scan_is_too_large(const struct fi_scan *scan, const struct fi_scan_node *node,
                     const struct fi_os_stat *stat)
{
    uint64_t most = scan->options->file_size_max;
    return most > 0 && !node->is_in_store && stat->kind == FI_OS_FILE && stat->size_bytes > most;
}

static inline struct fi_scan_counts
fi_scan_counts_of(const struct fi_scan_worker *worker)
{
    return (struct fi_scan_counts){
        .files = worker->files, .bytes = worker->bytes, .told = worker->excluded + worker->skipped};
}

/* scan_sink.c. Adds an object through the worker's lane. A failure here stops the scan at once. */
FIRN_MUST_CHECK int fi_scan_sink_add(struct fi_scan_worker *worker,
                                     const struct fi_objects_object *object, bool *out_is_new,
                                     firn_error *err);

/* Whether the sink has an object. A failure here stops the scan at once. */
FIRN_MUST_CHECK int fi_scan_sink_contains(struct fi_scan_worker *worker, const firn_hash *hash,
                                          bool *out, firn_error *err);

/* Ends a worker's lane; what it has added is kept unless the scan failed. */
void fi_scan_sink_close_lane(struct fi_scan_worker *worker);

/* scan_dir.c. Opens, lists and publishes a subdirectory (parent NULL: the root), and works
 * through its first segment. */
FIRN_MUST_CHECK int fi_scan_dir_visit(struct fi_scan_worker *worker, struct fi_scan_node *parent,
                                      uint32_t index, firn_error *err);

/* scan_confined.c. If a subdirectory of parent is outside of the scan's confines, writes its record
 * without a visit; *out_is_passed is true then. */
FIRN_MUST_CHECK int fi_scan_confined_pass(struct fi_scan_worker *worker,
                                          struct fi_scan_node *parent, uint32_t index,
                                          bool *out_is_passed, firn_error *err);
/* Writes the record of a subdirectory that is not visited. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_scan_confined_take_over(struct fi_scan_subdir *subdir,
                                               const struct fi_tree_entry *entry);
/* Checks a name of a file with several names, which an earlier scan noted at noted_ns (INT64_MAX:
 * no scan did). FIRN_CONFLICT, and the scan must end, if the confines require such names to be
 * known and this one is new. */
FIRN_MUST_CHECK int fi_scan_confined_allow(const struct fi_scan *scan, int64_t noted_ns,
                                           firn_error *err);
/* The same for any file: a rule file must be known. */
FIRN_MUST_CHECK int fi_scan_confined_allow_file(const struct fi_scan_worker *worker,
                                                const struct fi_scan_node *node,
                                                const struct fi_scan_item *item, bool is_known,
                                                firn_error *err);

/* scan_dir.c. Opens the directory of a node; its path is then in worker->path. */
FIRN_MUST_CHECK int fi_scan_dir_open(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                                     struct fi_os_dir **out, firn_error *err);
/* scan_segment.c. Works through one segment of an open directory, and finishes the segment. */
FIRN_MUST_CHECK int fi_scan_segment_work(struct fi_scan_worker *worker, struct fi_scan_node *node,
                                         struct fi_os_dir *dir, size_t segment, firn_error *err);
/* scan_segment.c. Works through a further segment of a directory that has been closed. */
FIRN_MUST_CHECK int fi_scan_segment_reopen(struct fi_scan_worker *worker, struct fi_scan_node *node,
                                           size_t segment, firn_error *err);
/* scan_rules.c. Whether an entry of the directory that the worker entered last is left out, and
 * why. */
bool fi_scan_rules_exclude(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                           const struct fi_scan_item *item, bool is_beside_manifest,
                           char reason[FI_RULES_WALK_TEXT_SIZE]);
/* scan_rules.c. Whether a directory, not the root, is left out because of its contents, and why. */
FIRN_MUST_CHECK int fi_scan_rules_exclude_inside(struct fi_scan_worker *worker,
                                                 const struct fi_scan_node *node,
                                                 const struct fi_rules_exclude_inside *inside,
                                                 bool *out, char reason[FI_RULES_WALK_TEXT_SIZE],
                                                 firn_error *err);
/* scan_rules.c. Reads the rule files in the worker's listing, which is that of node's directory.
 * After that the node's rules are complete, and its entries may be judged. */
FIRN_MUST_CHECK int fi_scan_rules_enter(struct fi_scan_worker *worker, struct fi_scan_node *node,
                                        struct fi_os_dir *dir, firn_error *err);

/* scan_known.c. Whether this scan has a stat cache. */
static inline bool
fi_scan_known_applies(const struct fi_scan *scan)
{
    return scan->options->stat != NULL;
}
/* Finds the memo of a directory whose path is in worker->path. */
FIRN_MUST_CHECK int fi_scan_known_find(struct fi_scan_worker *worker, struct fi_scan_node *node,
                                       firn_error *err);
/* Opens the worker's lane of the stat cache, unless it is open. A worker may need one for a
 * directory that another worker visited. */
FIRN_MUST_CHECK int fi_scan_known_open_lane(struct fi_scan_worker *worker, firn_error *err);
/* Prepares the memo of a directory for several workers at a time. */
FIRN_MUST_CHECK int fi_scan_known_share(struct fi_scan_node *node, firn_error *err);
/* Sets the print of the directory itself; *out_has_xattrs is false if it is known to have no
 * attributes. Requires: the attributes have not been read yet. */
void fi_scan_known_see_self(struct fi_scan_worker *worker, struct fi_scan_node *node,
                            bool *out_has_xattrs);
/* Looks at a file or a link; if it is as the memo has it, enters it and sets *out_is_known. *guess
 * is where in the memo it may be; on return, where the next entry may be. */
FIRN_MUST_CHECK int fi_scan_known_enter(struct fi_scan_worker *worker, struct fi_scan_node *node,
                                        struct fi_os_dir *dir, const struct fi_scan_item *item,
                                        size_t *guess, bool *out_is_known, firn_error *err);
/* Sets the print for content that is read after this call, from the look before it; zeros if a
 * later change might not show. */
void fi_scan_known_see(const struct fi_scan *scan, const char *name, const struct fi_os_stat *stat,
                       struct fi_statcache_print *out);
/* Whether a complete directory has exactly the entries of the memo. */
FIRN_MUST_CHECK int fi_scan_known_is_same(struct fi_scan_worker *worker,
                                          const struct fi_scan_node *node, bool *out,
                                          firn_error *err);
/* Notes a directory that has been built: its entries and prints or, if is_same, those of the
 * memo. */
struct fi_scan_entries {
    firn_slice encoded;
    firn_slice prints;
};
FIRN_MUST_CHECK int fi_scan_known_note(struct fi_scan_worker *worker,
                                       const struct fi_scan_node *node, bool is_same,
                                       const firn_hash *hash, const struct fi_scan_entries *entries,
                                       firn_error *err);
/* Removes the memos below an entry that was a directory in the memo's tree and no longer is one. */
FIRN_MUST_CHECK int fi_scan_known_remove(struct fi_scan_worker *worker,
                                         const struct fi_scan_node *node, firn_slice name,
                                         firn_error *err);

void fi_scan_file_version_deinit(struct fi_scan_worker *worker);

/* scan_build.c. Notes that one thing that the directory waited for is done. If it was the last one,
 * builds the directory, and then the directories above it that are complete. */
FIRN_MUST_CHECK int fi_scan_build_finish_part(struct fi_scan_worker *worker,
                                              struct fi_scan_node *node, firn_error *err);
/* Joins worker->part to the directory as one of its segments, and finishes that segment. */
FIRN_MUST_CHECK int fi_scan_build_segment(struct fi_scan_worker *worker, struct fi_scan_node *node,
                                          size_t segment, firn_error *err);
/* Builds a directory that waits for nothing, and then the directories above it that are
 * complete. */
FIRN_MUST_CHECK int fi_scan_build_due(struct fi_scan_worker *worker, struct fi_scan_node *node,
                                      firn_error *err);

/* scan_file.c. The outcome of saving an entry. */
struct fi_scan_found {
    struct fi_tree_entry entry; /* name empty; slices borrowed from the worker */
    bool is_left_out;           /* and reported */
    bool is_link;               /* has other names: entry is unused, see group */
    uint32_t group;
    struct fi_statcache_print print; /* zeros if it must not be kept */
};
/* A regular file: reads it once, adds its content. */
FIRN_MUST_CHECK int fi_scan_file_save(struct fi_scan_worker *worker, struct fi_scan_node *node,
                                      struct fi_os_dir *dir, const char *name,
                                      struct fi_scan_found *out, firn_error *err);
/* A symbolic link. */
FIRN_MUST_CHECK int fi_scan_file_save_symlink(struct fi_scan_worker *worker,
                                              struct fi_scan_node *node, struct fi_os_dir *dir,
                                              const char *name, struct fi_scan_found *out,
                                              firn_error *err);

/* scan_store.c. For a directory that may be a store's, after it has been listed, if it has a file
 * FIRN: captures the state of the store that is to be saved. A store without a readable state is
 * reported, and saved as it is; a directory that has neither a log nor the identity of a store is
 * not reported. */
FIRN_MUST_CHECK int fi_scan_store_enter(struct fi_scan_worker *worker, struct fi_scan_node *node,
                                        struct fi_os_dir *dir, bool has_log, firn_error *err);
/* Notes for the result that there is a store, or a database, at an entry's path (name "": the
 * directory's own path). */
FIRN_MUST_CHECK int fi_scan_store_note(struct fi_scan_worker *worker,
                                       const struct fi_scan_node *node, const char *name,
                                       uint8_t kind, firn_error *err);
/* For any directory: checks whether it is a folder of a store. */
void fi_scan_store_enter_folder(struct fi_scan_node *node);
/* The role of an entry in the store that its directory belongs to; FOREIGN if there is no store. */
struct fi_copy_hot_file fi_scan_store_assess(const struct fi_scan_node *node, const char *name);
/* Whether a file that is CUT is still the one that was captured. */
FIRN_MUST_CHECK int fi_scan_store_is_current(struct fi_os_file *file,
                                             const struct fi_copy_hot_file *part, bool *out,
                                             firn_error *err);

enum fi_scan_sqlite_state {
    FI_SCAN_SQLITE_PLAIN,  /* files are beside it, and no process had it open */
    FI_SCAN_SQLITE_TOLD,   /* it could not be copied, and this was reported */
    FI_SCAN_SQLITE_COPIED, /* without the files beside it */
    FI_SCAN_SQLITE_LOCKED, /* it cannot be read */
    FI_SCAN_SQLITE_LATE,   /* as COPIED; found to be in use after it was read */
    FI_SCAN_SQLITE_BESIDE, /* not a database, but beside one that is LOCKED */
    FI_SCAN_SQLITE_NONE    /* none of these */
};

/* Whether a name may be that of a file beside a database; false for nearly all names. */
static inline bool
fi_scan_sqlite_may_be_beside(const char *name, size_t size)
{
    return size > 4 && (name[size - 4] == '-' || (size > 8 && name[size - 8] == '-'));
}

/* scan_sqlite.c. The database in a sorted listing that a file belongs to by its name (-wal, -shm,
 * -journal), or NULL. */
const struct fi_scan_item *fi_scan_sqlite_beside(const struct fi_scan_listing *listing,
                                                 const struct fi_scan_item *item);
/* If such a database is in use, makes a copy, which is closed with the node. Later calls for the
 * same database do nothing. Requires: the directory has not been published to other workers. */
FIRN_MUST_CHECK int fi_scan_sqlite_enter(struct fi_scan_worker *worker, struct fi_scan_node *node,
                                         struct fi_os_dir *dir, const char *name, firn_error *err);
/* The state of an entry. For COPIED, the copy is borrowed from the node; for LOCKED and BESIDE,
 * *err is set. */
enum fi_scan_sqlite_state fi_scan_sqlite_state(const struct fi_scan_node *node, const char *name,
                                               size_t size, struct fi_os_file **out_copy,
                                               firn_error *err);
/* Whether an entry of this name is COPIED, LOCKED or LATE. */
bool fi_scan_sqlite_is_apart(const struct fi_scan_node *node, const char *name, size_t size);
/* Whether an entry is beside a database that is COPIED or LATE. */
bool fi_scan_sqlite_leaves_out(const struct fi_scan_node *node, const struct fi_scan_item *item);
/* Copies a database that was found to be in use after it had been read; the caller closes the copy.
 * The files beside it, which come later in the directory, are then left out. NULL with FIRN_OK:
 * there is no copy, and this was reported. FIRN_BUSY. */
FIRN_MUST_CHECK int fi_scan_sqlite_copy_late(struct fi_scan_worker *worker,
                                             struct fi_scan_node *node, struct fi_os_dir *dir,
                                             const char *name, struct fi_os_file **out,
                                             firn_error *err);
/* Whether an open file of this size is a database. */
FIRN_MUST_CHECK int fi_scan_sqlite_is_database(struct fi_os_file *file, uint64_t size, bool *out,
                                               firn_error *err);
/* Whether an open file is a database in use, asked after it was read: as
 * fi_scan_sqlite_is_in_use, and if it is not, but there are files beside it, notes which of them
 * belong to what was read. */
FIRN_MUST_CHECK int fi_scan_sqlite_recheck(struct fi_scan_node *node, struct fi_os_dir *dir,
                                           const char *name, struct fi_os_file *file, uint64_t size,
                                           bool *out_is_in_use, firn_error *err);
/* After an attempt to read a file: whether it is to be left out because it is beside a database
 * that it does not belong to as that was read; stat is of the look before reading. If it is,
 * *is_stable becomes true: it needs no other attempt. */
FIRN_MUST_CHECK int fi_scan_sqlite_assess_beside(struct fi_scan_worker *worker,
                                                 const struct fi_scan_node *node, const char *name,
                                                 struct fi_os_file *file,
                                                 const struct fi_os_stat *stat, bool *is_stable,
                                                 bool *out_is_left_out, firn_error *err);

/* scan_large.c. Whether a file is saved in pieces: because it is large, or has holes. */
FIRN_MUST_CHECK int fi_scan_large_applies(struct fi_os_file *file, const struct fi_os_stat *stat,
                                          bool *out, firn_error *err);
/* Reads a file in pieces, adding each as an object; the worker's content is then the list of
 * pieces, and *out_hash names the whole. *out_is_stable is false if the file was seen to change.
 * With is_part only the first stat->size_bytes are read, and the rest of the file may change. */
FIRN_MUST_CHECK int fi_scan_large_read(struct fi_scan_worker *worker, struct fi_os_file *file,
                                       const struct fi_os_stat *stat, bool is_part,
                                       firn_hash *out_hash, bool *out_is_stable, firn_error *err);
/* The beginning of a file: the bytes that it had at some look. */
struct fi_scan_beginning {
    uint64_t size;
    firn_hash hash;
};
/* Sets the hashes of two beginnings of a file, of which part is not the longer one, in one reading
 * that adds nothing. *out_is_read is false if the file has fewer bytes. */
FIRN_MUST_CHECK int fi_scan_large_hash_again(struct fi_scan_worker *worker, struct fi_os_file *file,
                                             struct fi_scan_beginning *part,
                                             struct fi_scan_beginning *all, bool *out_is_read,
                                             firn_error *err);
/* Whether two looks at a file show the same state of it. */
static inline bool
fi_scan_is_same_stat(const struct fi_os_stat *a, const struct fi_os_stat *b)
{
    return a->kind == b->kind && a->size_bytes == b->size_bytes && a->mtime_ns == b->mtime_ns &&
           a->ctime_ns == b->ctime_ns && a->inode == b->inode && a->device == b->device;
}

/* Names a complete group, or a cell, and adds it unless it is there. */
FIRN_MUST_CHECK int fi_scan_large_group_add(struct fi_scan_worker *worker,
                                            struct fi_scan_slot *slot, firn_error *err);

/* scan_window.c. The window shares the pieces of one file among the workers; add works on a
 * piece. */
void fi_scan_window_init(struct fi_scan *scan, fi_scan_window_add *add);
FIRN_MUST_CHECK int fi_scan_window_reserve(struct fi_scan *scan, firn_error *err);
void fi_scan_window_deinit(struct fi_scan *scan);
/* Takes a ready slot and marks it busy; NULL if there is none. */
struct fi_scan_slot *fi_scan_window_claim_locked(struct fi_scan *scan);
/* Works on a busy slot. It is done afterwards, also after a failure. */
FIRN_MUST_CHECK int fi_scan_window_work(struct fi_scan_worker *worker, struct fi_scan_slot *slot,
                                        firn_error *err);
/* Chooses the slot that the next piece of a file is read to: a free slot of the window, if the
 * caller has it or can take it (*has_window), else its own. */
FIRN_MUST_CHECK int fi_scan_window_choose(struct fi_scan_worker *worker, bool *has_window,
                                          struct fi_scan_slot *own, struct fi_pack_piece *pieces,
                                          struct fi_scan_slot **out, firn_error *err);
/* Offers a filled slot to the first free thread. */
void fi_scan_window_offer(struct fi_scan *scan, struct fi_scan_slot *slot);
/* Finishes all slots and releases the window, also after a failure. */
FIRN_MUST_CHECK int fi_scan_window_release(struct fi_scan_worker *worker,
                                           struct fi_pack_piece *pieces, firn_error *err);

/* scan_links.c */
void fi_scan_links_init(struct fi_scan *scan);
/* fi_scan_result.has_fresh_links, when the walk is over. */
bool fi_scan_links_are_fresh(const struct fi_scan *scan);
/* Whether the inode has been read already, under another name. If so, *out_is_settled is whether
 * the look *stat shows the state that was read. */
bool fi_scan_links_find(struct fi_scan *scan, const struct fi_os_stat *stat, uint32_t *out_group,
                        bool *out_is_settled);
/* The group of an inode that has not been read, since it is as the memo has it. */
FIRN_MUST_CHECK int fi_scan_links_meet(struct fi_scan_worker *worker, const struct fi_os_stat *stat,
                                       uint32_t *out_group, firn_error *err);
/* The group of an inode that has been read. If another worker was faster, the group keeps what that
 * worker read; *is_settled becomes false if the look *stat does not show that state. */
FIRN_MUST_CHECK int fi_scan_links_add(struct fi_scan_worker *worker, const struct fi_os_stat *stat,
                                      const struct fi_tree_entry *entry, bool *is_settled,
                                      uint32_t *out_group, firn_error *err);
/* Adds one name of a group, a LINK with its name and print, to the worker's segment of node. */
FIRN_MUST_CHECK int fi_scan_links_join(struct fi_scan_worker *worker, struct fi_scan_node *node,
                                       const struct fi_scan_late *link,
                                       const struct fi_statcache_print *print, firn_error *err);
/* The entry of one name; its hard_link is in the worker's path. old is the entry of that name in
 * the memo's tree, NULL if late->known is UNKNOWN; *out_is_old is true if the new entry is the same
 * apart from the link. Requires: the walk is over. */
FIRN_MUST_CHECK int fi_scan_links_entry(struct fi_scan_worker *worker,
                                        const struct fi_scan_late *late,
                                        const struct fi_tree_entry *old, struct fi_tree_entry *out,
                                        bool *out_is_old, firn_error *err);

/* scan_carry.c. Finds an entry that could not be read, with code and *err, in the last checkpoint.
 * If it is there, *out_is_carried is true, and it is reported and counted; else *err is unchanged.
 * out->entry is borrowed until the worker's next call. */
FIRN_MUST_CHECK int fi_scan_carry_entry(struct fi_scan_worker *worker,
                                        const struct fi_scan_node *node, const char *name,
                                        enum fi_tree_kind kind, int code, struct fi_scan_found *out,
                                        bool *out_is_carried, firn_error *err);
/* The same for the directory of node: writes its record. Requires: the node is not published. */
FIRN_MUST_CHECK int fi_scan_carry_dir(struct fi_scan_worker *worker,
                                      const struct fi_scan_node *node, int code,
                                      bool *out_is_carried, firn_error *err);
void fi_scan_carry_deinit(struct fi_scan_worker *worker);

/* scan_xattrs.c. Sets the worker's xattrs to the encoded attributes of the node. Attributes that
 * could not be read are left out and counted in *out_missing, and *err is the last such failure. A
 * return other than FIRN_OK is fatal. */
FIRN_MUST_CHECK int fi_scan_xattrs_read(struct fi_scan_worker *worker, struct fi_os_node node,
                                        unsigned *out_missing, firn_error *err);

/* scan_report.c. Keeps the first failure, and stops the scan. Returns code. */
int fi_scan_report_failure(struct fi_scan *scan, int code, const firn_error *err);
/* Handles an entry (name "": the directory itself) that failed with code and *err. If the scan can
 * continue without the entry, reports and counts it and returns FIRN_OK; else returns the code. */
FIRN_MUST_CHECK int fi_scan_report_left_out(struct fi_scan_worker *worker,
                                            const struct fi_scan_node *node, const char *name,
                                            int code, firn_error *err);
/* The same for an entry that is kept without the attributes that could not be read. */
FIRN_MUST_CHECK int fi_scan_report_incomplete(struct fi_scan_worker *worker,
                                              const struct fi_scan_node *node, const char *name,
                                              firn_error *err);
/* Reports and counts an entry that is carried over from the last checkpoint, for the reason why. */
FIRN_MUST_CHECK int fi_scan_report_carried(struct fi_scan_worker *worker,
                                           const struct fi_scan_node *node, const char *name,
                                           const firn_error *why, firn_error *err);
/* Reports a file that is saved up to its size when reading began. */
FIRN_MUST_CHECK int fi_scan_report_growing(struct fi_scan_worker *worker,
                                           const struct fi_scan_node *node, const char *name,
                                           uint64_t size, firn_error *err);
/* Reports an entry whose time cannot be stored; name "": the directory itself. */
FIRN_MUST_CHECK int fi_scan_report_date(struct fi_scan_worker *worker,
                                        const struct fi_scan_node *node, const char *name,
                                        int64_t mtime_ns, firn_error *err);
/* Reports and counts an entry that is left out on purpose. */
FIRN_MUST_CHECK int fi_scan_report_excluded(struct fi_scan_worker *worker,
                                            const struct fi_scan_node *node, const char *name,
                                            const char *reason, firn_error *err);
/* Reports a file that is too large to be saved. */
FIRN_MUST_CHECK int fi_scan_report_too_large(struct fi_scan_worker *worker,
                                             const struct fi_scan_node *node, const char *name,
                                             uint64_t size, firn_error *err);
/* Reports a store that could not be read as one, with code and *err, and is saved file by file. It
 * does not fail the scan, even with `strict`. */
FIRN_MUST_CHECK int fi_scan_report_store(struct fi_scan_worker *worker,
                                         const struct fi_scan_node *node, int code,
                                         firn_error *err);
/* Reports a store that was saved in its present state although a file of it is missing. */
FIRN_MUST_CHECK int fi_scan_report_store_lacks(struct fi_scan_worker *worker,
                                               const struct fi_scan_node *node, const char *missing,
                                               firn_error *err);
/* Reports an SQLite database in use that could not be copied, with code and *err, and is saved file
 * by file. If there is no SQLite library, only the first database is reported. Otherwise as for a
 * store. */
FIRN_MUST_CHECK int fi_scan_report_sqlite(struct fi_scan_worker *worker,
                                          const struct fi_scan_node *node, const char *name,
                                          int code, firn_error *err);
/* Reports and counts a fifo, socket or device; FIRN_UNSUPPORTED with strict. */
FIRN_MUST_CHECK int fi_scan_report_special(struct fi_scan_worker *worker,
                                           const struct fi_scan_node *node, const char *name,
                                           enum fi_os_kind kind, firn_error *err);
/* Reports a rule, or a file of rules (name), that cannot be used. */
FIRN_MUST_CHECK int fi_scan_report_bad_rule(struct fi_scan_worker *worker,
                                            const struct fi_scan_node *node, const char *name,
                                            const char *text, firn_error *err);
/* Whether a failure while an entry was read ends the scan. */
bool fi_scan_report_is_fatal(const struct fi_scan_worker *worker, int code, const firn_error *err);
/* Counts what was done and, a few times a second, reports progress. FIRN_CANCELLED. */
FIRN_MUST_CHECK int fi_scan_report_work(struct fi_scan_worker *worker, uint64_t files,
                                        uint64_t bytes, firn_error *err);
/* Reports progress now. */
FIRN_MUST_CHECK int fi_scan_report_progress(struct fi_scan *scan, firn_error *err);

/* ---- scan_repository.c: the directories of git repositories ---- */

/* Sets the zone of a directory that worker->listing lists. */
FIRN_MUST_CHECK int fi_scan_repository_enter(struct fi_scan_worker *worker,
                                             struct fi_scan_node *node, firn_error *err);
/* Whether a scan of repositories saves an entry. worker->judged is overwritten. */
FIRN_MUST_CHECK int fi_scan_repository_keeps(struct fi_scan_worker *worker,
                                             const struct fi_scan_node *node,
                                             const struct fi_scan_item *item, bool *out,
                                             firn_error *err);

#endif
